//! The time by which messages are tried: the wall clock of the start, moved on by the monotonic one. So a clock
//! that is set while we run neither makes all letters due at once nor none for years (F16), and a test that
//! pauses tokio's time makes days pass in no time.
//!
//! How old a message is, so when its sender is warned and when it is given up, no clock decides that may have
//! been set while we were off: a message ages while we run; see [`postroad_queue::ages`].

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use postroad_disk::DiskError;
use postroad_queue::ages::Ages;
use postroad_queue::embedded;
use postroad_queue::spool::{QueueId, QueueRow};
use tokio::time::Instant;

/// A time as microseconds since 1970: half as large as [`SystemTime`], for a million letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub(crate) struct Moment(u64);

impl Moment {
    #[cfg(test)]
    pub(crate) const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }
}

impl From<SystemTime> for Moment {
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }
}

impl From<Moment> for SystemTime {
    fn from(Moment(micros): Moment) -> Self {
        Self::UNIX_EPOCH + Duration::from_micros(micros)
    }
}

/// What the engine tells the time by.
#[derive(Clone)]
pub struct TimeSource {
    /// The wall clock.
    pub wall: embedded::Clock,
    /// How long the queue was served, and when.
    pub ages: Arc<Ages>,
}

impl Default for TimeSource {
    /// The system's clock, and a queue that was never served before.
    fn default() -> Self {
        Self { wall: Arc::new(SystemTime::now), ages: Arc::default() }
    }
}

pub(crate) struct Clock {
    source: TimeSource,
    /// When we started, and the monotonic clock then.
    wall: SystemTime,
    tick: Instant,
    /// For how long the queue had been served before.
    served: Duration,
}

impl Clock {
    /// All ids so far are below `next`.
    pub(crate) fn start(source: TimeSource, next: QueueId) -> Self {
        let (wall, tick, served) = ((source.wall)(), Instant::now(), source.ages.served());
        let clock = Self { source, wall, tick, served };
        clock.mark(next);
        clock
    }

    pub(crate) fn now(&self) -> SystemTime {
        self.wall + self.tick.elapsed()
    }

    /// When a message that comes now arrived. It is kept over restarts and shown to people, so it is the wall
    /// clock's time; but where that was set back it is ours, or the message would look old at once.
    pub(crate) fn arrival(&self) -> SystemTime {
        self.now().max((self.source.wall)())
    }

    /// When `due` will be, for a timer; now where it is past.
    pub(crate) fn instant(&self, due: SystemTime) -> Instant {
        Instant::now() + due.duration_since(self.now()).unwrap_or_default()
    }

    /// How old a message is.
    pub(crate) fn age(&self, row: &QueueRow) -> Duration {
        self.source.ages.age(row.id, row.arrived, self.served())
    }

    /// When a message will be so old; now where it is older.
    pub(crate) fn when_aged(&self, row: &QueueRow, age: Duration) -> SystemTime {
        self.now() + age.saturating_sub(self.age(row))
    }

    /// For how long the queue has been served altogether.
    fn served(&self) -> Duration {
        self.served + self.tick.elapsed()
    }

    /// What comes from now on, with ids from `next` on, begins to age now.
    pub(crate) fn mark(&self, next: QueueId) {
        self.source.ages.mark(next, self.served(), self.arrival());
    }

    /// Has the marks outlive us.
    pub(crate) async fn save(&self) -> Result<(), DiskError> {
        let ages = Arc::clone(&self.source.ages);
        // A panic in there leaves the file as it was.
        tokio::task::spawn_blocking(move || ages.save()).await.unwrap_or(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test] // Tests row F16.
    async fn f16_a_wall_clock_that_was_set_makes_no_arrival_look_old() {
        let ten_years = Duration::from_secs(10 * 365 * 24 * 60 * 60);
        let wall = SystemTime::now();
        for started in [wall - ten_years, wall, wall + ten_years] {
            let clock = Clock {
                wall: started,
                ..Clock::start(TimeSource::default(), QueueId::from_number(1))
            };
            let arrived = clock.arrival();
            assert!(arrived >= wall);
            assert!(clock.now().duration_since(arrived).unwrap_or_default().as_secs() < 60);
        }
    }
}
