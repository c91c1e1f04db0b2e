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

    /// When `due` will be, for a timer; now where it is past.
    pub(crate) fn instant(&self, due: SystemTime) -> Instant {
        Instant::now() + due.duration_since(self.now()).unwrap_or_default()
    }
}
