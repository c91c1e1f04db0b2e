//! Which message is due when: an id and a time for each deferred message, nothing else of it in memory.

use std::collections::{BTreeSet, HashMap};
use std::time::SystemTime;

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

/// When the first waiting recipient is due; `None` where nobody waits.
pub(crate) fn first_due(row: &QueueRow) -> Option<SystemTime> {
    let due = |state: &RecipientState| match state {
        RecipientState::Waiting { due, .. } => Some(*due),
        RecipientState::Held { .. } | RecipientState::Done => None,
    };
    row.states.iter().filter_map(due).min()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
}
