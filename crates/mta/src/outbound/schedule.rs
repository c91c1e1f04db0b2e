//! When a recipient is to be tried, as its state says.

use std::time::{Duration, SystemTime};

use postroad_queue::spool::RecipientState;

/// When a waiting recipient is to be tried, as the engine counts time; `longest` is the longest wait.
///
/// Arrivals and an operator's edits are stamped by the wall clock, which is ahead of ours where it was set or
/// the machine slept. A first try never waits, and a time that no wait of ours could have given is past.
pub(crate) fn due(
    state: &RecipientState,
    now: SystemTime,
    longest: Duration,
) -> Option<SystemTime> {
    match state {
        RecipientState::Waiting { attempts: 0, .. } => Some(now),
        // Waits are spread by up to a quarter.
        RecipientState::Waiting { due, .. } if *due > now + longest * 2 => Some(now),
        RecipientState::Waiting { due, .. } => Some(*due),
        RecipientState::Held { .. } | RecipientState::Done => None,
    }
}

/// The same, word for word.
pub(crate) fn said(state: &RecipientState) -> Option<SystemTime> {
    match state {
        RecipientState::Waiting { due, .. } => Some(*due),
        RecipientState::Held { .. } | RecipientState::Done => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // Tests row F16: a clock that was set holds nothing back.
    fn times_of_another_clock_are_past() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let (minute, longest) = (Duration::from_secs(60), Duration::from_secs(3_600));
        let waiting = |attempts, due| RecipientState::Waiting { attempts, due, last: None };
        for (state, expected) in [
            (waiting(0, now + minute), Some(now)),
            (waiting(1, now + minute), Some(now + minute)),
            (waiting(1, now + longest), Some(now + longest)),
            (waiting(1, now + longest * 24), Some(now)),
            (RecipientState::Held { attempts: 0 }, None),
            (RecipientState::Done, None),
        ] {
            assert_eq!(due(&state, now, longest), expected, "{state:?}");
        }
    }
}
