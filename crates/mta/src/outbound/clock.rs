//! The time by which messages age: the wall clock of the start, moved on by the monotonic one.
//!
//! So a clock that is set while we run neither gives up every message at once nor tries none for years
//! (F16), and a test that pauses tokio's time makes days pass in no time.

use std::time::SystemTime;

use tokio::time::Instant;

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
