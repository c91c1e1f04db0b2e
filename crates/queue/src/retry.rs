//! When a deferred recipient is tried again: a pure function of the past, the clock and chance.
//!
//! RFC 5321 §4.5.4.1: the sender MUST delay retrying after a failed attempt, and give up after days.
//! The wait doubles with each attempt up to [`Schedule::longest`], and is spread by up to a quarter both
//! ways, so that what was deferred together doesn't come back together.

use std::time::{Duration, SystemTime};

/// How long to wait, and for how long altogether.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// The wait after the first attempt.
    pub first: Duration,
    /// No wait is longer.
    pub longest: Duration,
    /// A message older than this is given up (RFC 5321 §4.5.4.1: 4 to 5 days).
    pub give_up_after: Duration,
}

/// What to do after an attempt that failed for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Try again then.
    At(SystemTime),
    /// It is too late: bounce it.
    GiveUp,
}

impl Schedule {
    /// What comes after attempt number `attempts` (the first is 1) of a message that arrived at
    /// `arrived`. `random` is any number, the more random the better.
    ///
    /// A last attempt is always made at the give-up time, so that a host which comes back on the last
    /// day still gets its mail. Where the clock stands before the arrival, nothing is given up.
    pub fn next(&self, attempts: u32, arrived: SystemTime, now: SystemTime, random: u32) -> Next {
        let age = now.duration_since(arrived).unwrap_or_default();
        let left = self.give_up_after.saturating_sub(age);
        if left.is_zero() {
            return Next::GiveUp;
        }
        let wait = self.spread(self.wait(attempts), random).min(left);
        now.checked_add(wait).map_or(Next::GiveUp, Next::At)
    }

    /// The wait after so many attempts, before it is spread.
    fn wait(&self, attempts: u32) -> Duration {
        let doublings = attempts.saturating_sub(1).min(31);
        self.first.saturating_mul(1 << doublings).min(self.longest)
    }

    /// Between three and five quarters of it.
    fn spread(&self, wait: Duration, random: u32) -> Duration {
        let half = wait / 2;
        wait.saturating_sub(half / 2)
            .saturating_add(half.mul_f64(f64::from(random) / f64::from(u32::MAX)))
    }
}
