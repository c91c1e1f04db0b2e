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
    /// What comes after attempt number `attempts` (the first is 1) of a message of this age. `random` is any
    /// number, the more random the better.
    ///
    /// A last attempt is always made at the give-up time, so that a host which comes back on the last
    /// day still gets its mail.
    pub fn next(&self, attempts: u32, age: Duration, now: SystemTime, random: u32) -> Next {
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

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const SCHEDULE: Schedule = Schedule {
        first: Duration::from_secs(5 * 60),
        longest: Duration::from_secs(60 * 60),
        give_up_after: Duration::from_secs(5 * 24 * 60 * 60),
    };

    /// The wait after `attempts`, with the dice at the lowest and the highest.
    fn waits(attempts: u32, age: Duration) -> [Option<Duration>; 2] {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000) + age;
        [0, u32::MAX].map(|random| match SCHEDULE.next(attempts, age, now, random) {
            Next::At(due) => due.duration_since(now).ok(),
            Next::GiveUp => None,
        })
    }

    #[test] // Tests RFC 5321 §4.5.4.1.
    fn the_wait_doubles_up_to_the_longest() {
        for (attempts, minutes) in
            [(0, 5), (1, 5), (2, 10), (3, 20), (4, 40), (5, 60), (50, 60), (u32::MAX, 60)]
        {
            let wait = MINUTE * minutes;
            assert_eq!(
                waits(attempts, MINUTE),
                [Some(wait / 4 * 3), Some(wait / 4 * 5)],
                "{attempts}"
            );
        }
    }

    #[test]
    fn the_last_attempt_is_at_the_give_up_time() {
        let end = SCHEDULE.give_up_after;
        assert_eq!(waits(9, end - MINUTE), [Some(MINUTE), Some(MINUTE)]);
        assert_eq!(waits(9, end), [None, None]);
        assert_eq!(waits(1, end * 2), [None, None]);
    }
}
