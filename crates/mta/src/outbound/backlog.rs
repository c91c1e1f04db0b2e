//! The letters that wait for one destination: an id, a time or a turn, and a sender's hash, some 70 octets
//! each. All else stays in the queue until a worker has room for it.

use std::collections::{BTreeMap, BTreeSet};

use postroad_queue::spool::QueueId;

use super::clock::Moment;
use super::turns::{Sender, Turn, Turns};

/// Letters by id, that is by age, and in the order in which they go.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    letters: BTreeMap<QueueId, Letter>,
    /// Those whose time is still to come.
    later: BTreeSet<(Moment, QueueId)>,
    /// Those that can go.
    ready: BTreeSet<(Turn, QueueId)>,
}

#[derive(Debug, Clone, Copy)]
struct Letter {
    stand: Stand,
    sender: Sender,
}

/// In which of the two orders a letter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stand {
    Later(Moment),
    Ready(Turn),
}

/// A letter that was taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) id: QueueId,
    pub(crate) sender: Sender,
    /// Its turn, where it was ready.
    pub(crate) turn: Turn,
}

impl Backlog {
    pub(crate) fn len(&self) -> usize {
        self.letters.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.letters.is_empty()
    }

    pub(crate) fn contains(&self, id: QueueId) -> bool {
        self.letters.contains_key(&id)
    }

    /// The letter is due then, whatever was known before.
    pub(crate) fn put(&mut self, id: QueueId, sender: Sender, due: Moment) {
        self.set(id, Letter { stand: Stand::Later(due), sender });
    }

    /// Whether it can go already.
    pub(crate) fn is_ready(&self, id: QueueId) -> bool {
        self.letters.get(&id).is_some_and(|letter| matches!(letter.stand, Stand::Ready(_)))
    }

    /// The letter can go; it has its turn already.
    pub(crate) fn put_ready(&mut self, id: QueueId, sender: Sender, turn: Turn) {
        self.set(id, Letter { stand: Stand::Ready(turn), sender });
    }

    fn set(&mut self, id: QueueId, letter: Letter) {
        if let Some(old) = self.letters.insert(id, letter) {
            self.unorder(id, old.stand);
        }
        match letter.stand {
            Stand::Later(due) => self.later.insert((due, id)),
            Stand::Ready(turn) => self.ready.insert((turn, id)),
        };
    }

    fn unorder(&mut self, id: QueueId, stand: Stand) {
        match stand {
            Stand::Later(due) => self.later.remove(&(due, id)),
            Stand::Ready(turn) => self.ready.remove(&(turn, id)),
        };
    }

    pub(crate) fn remove(&mut self, id: QueueId) {
        if let Some(old) = self.letters.remove(&id) {
            self.unorder(id, old.stand);
        }
    }

    /// What has become due gets its turn; gives how many can go.
    pub(crate) fn ripen(&mut self, now: Moment, turns: &mut Turns) -> usize {
        while let Some((due, id)) = self.later.first().copied()
            && due <= now
        {
            self.later.remove(&(due, id));
            if let Some(letter) = self.letters.get_mut(&id) {
                let turn = turns.next(letter.sender);
                letter.stand = Stand::Ready(turn);
                self.ready.insert((turn, id));
            }
        }
        self.ready.len()
    }

    /// The turn of the first that can go.
    pub(crate) fn first_turn(&self) -> Option<Turn> {
        self.ready.first().map(|(turn, _)| *turn)
    }

    /// When the first of the others is due.
    pub(crate) fn next_due(&self) -> Option<Moment> {
        self.later.first().map(|(due, _)| *due)
    }

    /// Takes out the first ones that can go.
    pub(crate) fn take_ready(&mut self, max: usize) -> Vec<Taken> {
        let mut taken = Vec::with_capacity(max.min(self.ready.len()));
        while taken.len() < max
            && let Some((turn, id)) = self.ready.pop_first()
        {
            if let Some(Letter { sender, .. }) = self.letters.remove(&id) {
                taken.push(Taken { id, sender, turn });
            }
        }
        taken
    }

    /// The ids behind `after`, the oldest first.
    pub(crate) fn oldest(&self, after: Option<QueueId>, max: usize) -> Vec<QueueId> {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = after.map_or(Unbounded, Excluded);
        self.letters.range((from, Unbounded)).take(max).map(|(id, _)| *id).collect()
    }

    /// How many go before this one; `None` where it can't go yet.
    pub(crate) fn ahead_of(&self, id: QueueId) -> Option<usize> {
        match self.letters.get(&id)?.stand {
            Stand::Ready(turn) => Some(self.ready.range(..(turn, id)).count()),
            Stand::Later(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use postroad_protocol::address::ReversePath;

    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::from_micros(seconds * 1_000_000)
    }

    fn ids(taken: &[Taken]) -> Vec<u64> {
        taken.iter().map(|taken| taken.id.number()).collect()
    }

    #[test]
    fn what_is_due_goes_in_order_and_once() {
        let (mut backlog, mut turns) = (Backlog::default(), Turns::default());
        let sender = Sender::of(&ReversePath::Null);
        for (id, due) in [(1, 30), (2, 20), (3, 10), (3, 25), (4, 90)] {
            backlog.put(QueueId::from_number(id), sender, at(due));
        }
        assert_eq!((backlog.len(), backlog.next_due()), (4, Some(at(20))));
        assert_eq!(backlog.ripen(at(19), &mut turns), 0);
        assert_eq!(backlog.ripen(at(40), &mut turns), 3);
        assert_eq!(backlog.ahead_of(QueueId::from_number(1)), Some(2));
        assert_eq!(backlog.ahead_of(QueueId::from_number(4)), None);
        assert_eq!(ids(&backlog.take_ready(2)), [2, 3]);
        assert_eq!(backlog.oldest(None, 9).len(), 2);
        assert_eq!(ids(&backlog.take_ready(9)), [1]);
        assert_eq!((backlog.len(), backlog.next_due()), (1, Some(at(90))));
        backlog.remove(QueueId::from_number(4));
        assert!(backlog.is_empty() && backlog.next_due().is_none());
    }

    #[test]
    fn the_orders_agree_with_the_letters() {
        let (mut backlog, mut turns) = (Backlog::default(), Turns::default());
        let sender = Sender::of(&ReversePath::Null);
        let mut dice: u64 = 7;
        for step in 0..20_000 {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let id = QueueId::from_number((dice >> 40) % 200);
            match (dice >> 60) % 5 {
                0 | 1 => backlog.put(id, sender, at((dice >> 33) % 500)),
                2 => backlog.remove(id),
                3 => drop(backlog.take_ready(3)),
                _ => drop(backlog.ripen(at(step / 40), &mut turns)),
            }
            assert_eq!(backlog.letters.len(), backlog.later.len() + backlog.ready.len());
        }
    }
}
