//! Who is being delivered to at this moment, whichever lane does it. A lane knows its own letters; but a
//! reload may give a letter another lane while the one before still has it in its hands.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use postroad_queue::spool::QueueId;

use super::shared::lock;

/// Recipients that somebody has in hand, by message and index in the envelope.
#[derive(Default)]
pub(crate) struct UnderWay(Mutex<HashSet<(QueueId, usize)>>);

/// Recipients that its owner alone has in hand.
pub(crate) struct Claim {
    id: QueueId,
    recipients: Vec<usize>,
    under_way: Arc<UnderWay>,
}

impl UnderWay {
    /// Takes in hand whom nobody else has; the others are taken out of the list.
    pub(crate) fn claim(self: &Arc<Self>, id: QueueId, recipients: &mut Vec<usize>) -> Claim {
        let mut known = lock(&self.0);
        recipients.retain(|recipient| known.insert((id, *recipient)));
        Claim { id, recipients: recipients.clone(), under_way: Arc::clone(self) }
    }

    pub(crate) fn has(&self, id: QueueId, recipient: usize) -> bool {
        lock(&self.0).contains(&(id, recipient))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut known = lock(&self.under_way.0);
        for recipient in &self.recipients {
            known.remove(&(self.id, *recipient));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_in_two_hands() {
        let (under_way, id) = (Arc::<UnderWay>::default(), QueueId::from_number(1));
        let (mut first, mut second) = (vec![0, 1], vec![1, 2]);
        let held = under_way.claim(id, &mut first);
        let rest = under_way.claim(id, &mut second);
        assert_eq!((first, second), (vec![0, 1], vec![2]));
        let mut other = vec![0, 1, 2];
        drop(under_way.claim(QueueId::from_number(2), &mut other));
        assert_eq!(other, [0, 1, 2], "of another message");
        drop(held);
        assert!(!under_way.has(id, 0) && !under_way.has(id, 1) && under_way.has(id, 2));
        drop(rest);
        assert!(lock(&under_way.0).is_empty());
    }
}
