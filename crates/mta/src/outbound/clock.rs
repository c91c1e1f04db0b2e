//! The time by which messages age: the wall clock of the start, moved on by the monotonic one.
//!
//! So a clock that is set while we run neither gives up every message at once nor tries none for years
//! (F16), and a test that pauses tokio's time makes days pass in no time.

use std::time::{Duration, SystemTime};

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

#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    wall: SystemTime,
    tick: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { wall: SystemTime::now(), tick: Instant::now() }
    }

    pub(crate) fn now(&self) -> SystemTime {
        self.wall + self.tick.elapsed()
    }

    /// When a message that comes now arrived. It is kept over restarts, so it is the wall clock's time; but
    /// where that was set back it is ours, or the message would be given up at its first deferral.
    pub(crate) fn arrival(&self) -> SystemTime {
        self.now().max(SystemTime::now())
    }

    /// When `due` will be, for a timer; now where it is past.
    pub(crate) fn instant(&self, due: SystemTime) -> Instant {
        Instant::now() + due.duration_since(self.now()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test] // Tests rows F16 and Q06.
    async fn a_wall_clock_that_was_set_ages_nothing() {
        let ten_years = Duration::from_secs(10 * 365 * 24 * 60 * 60);
        let (tick, wall) = (Instant::now(), SystemTime::now());
        for started in [wall - ten_years, wall, wall + ten_years] {
            let clock = Clock { wall: started, tick };
            let arrived = clock.arrival();
            assert!(arrived >= wall);
            assert!(clock.now().duration_since(arrived).unwrap_or_default().as_secs() < 60);
        }
    }
}
