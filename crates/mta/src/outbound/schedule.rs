//! Which message is due when: an id and a time for each deferred message, nothing else of it in memory.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, SystemTime};

use postroad_queue::spool::{QueueId, QueueRow, RecipientState};

/// Deferred messages in order of time.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    due: HashMap<QueueId, SystemTime>,
    order: BTreeSet<(SystemTime, QueueId)>,
}

impl Schedule {
    /// The message is due then, whatever was said before.
    pub(crate) fn set(&mut self, id: QueueId, due: SystemTime) {
        if let Some(old) = self.due.insert(id, due) {
            self.order.remove(&(old, id));
        }
        self.order.insert((due, id));
    }

    /// When the first one is due.
    pub(crate) fn next(&self) -> Option<SystemTime> {
        self.order.first().map(|(due, _)| *due)
    }

    /// Takes out what is due, at most so many.
    pub(crate) fn take_due(&mut self, now: SystemTime, max: usize) -> Vec<QueueId> {
        let mut taken = Vec::new();
        while taken.len() < max
            && let Some((due, id)) = self.order.first().copied()
            && due <= now
        {
            self.order.remove(&(due, id));
            self.due.remove(&id);
            taken.push(id);
        }
        taken
    }
}

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

/// When the first waiting recipient is due; `None` where nobody waits.
pub(crate) fn first_due(row: &QueueRow, now: SystemTime, longest: Duration) -> Option<SystemTime> {
    row.states.iter().filter_map(|state| due(state, now, longest)).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_comes_in_order_and_once() {
        let at = |n: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(n);
        let id = QueueId::from_number;
        let mut schedule = Schedule::default();
        for (number, due) in [(1, 30), (2, 10), (3, 20), (2, 40)] {
            schedule.set(id(number), at(due));
        }
        assert_eq!(schedule.next(), Some(at(20)));
        assert_eq!(schedule.take_due(at(19), 9), []);
        assert_eq!(schedule.take_due(at(35), 1), [id(3)]);
        assert_eq!(schedule.take_due(at(50), 9), [id(1), id(2)]);
        assert_eq!(schedule.next(), None);
    }
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
