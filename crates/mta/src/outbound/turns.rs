//! Whose letter comes next: senders take turns, so that who sends a thousand letters at once delays the
//! others by one.
//!
//! Each letter is given a number when it begins to wait: one more than its sender's last one, but never less
//! than what is being delivered now. The lowest number goes first, the older letter among equals. (The
//! literature calls it start-time fair queueing.)

use std::collections::HashMap;

use postroad_protocol::address::ReversePath;

/// A letter's place in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Turn(u64);

/// Who sent a letter, as far as turns are concerned: a hash of the reverse-path. Notices count as one sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Sender(u32);

impl Sender {
    pub(crate) fn of(reverse_path: &ReversePath) -> Self {
        // Two senders with the same hash share their turns, and lose nothing else: no key is needed.
        let mut hash: u32 = 0x811c_9dc5;
        if let Some(address) = reverse_path.address() {
            let name = address.local_part.as_str().bytes();
            for octet in name.chain(address.domain.as_str().bytes()) {
                hash = (hash ^ u32::from(octet)).wrapping_mul(0x0100_0193);
            }
        }
        Self(hash)
    }
}

/// Senders that are remembered; more than that are ahead of the others only in an attack.
const SENDERS_MAX: usize = 1_000;

/// The numbers of one lane.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    /// What is being delivered; nobody gets a lower number.
    now: u64,
    /// The last number of who has been given one that isn't below `now`.
    last: HashMap<Sender, u64>,
}

impl Turns {
    /// The sender's next turn.
    pub(crate) fn next(&mut self, sender: Sender) -> Turn {
        let next = self.last.get(&sender).map_or(0, |last| last + 1).max(self.now);
        self.last.insert(sender, next);
        while self.last.len() > SENDERS_MAX {
            // Whoever has one letter only is forgotten first: nothing speaks against the next one.
            let lowest = self.last.values().min().copied().unwrap_or(self.now);
            self.now = self.now.max(lowest + 1);
            self.last.retain(|_, last| *last > lowest);
        }
        Turn(next)
    }

    /// A letter's turn has come.
    pub(crate) fn came(&mut self, turn: Turn) {
        self.now = self.now.max(turn.0);
    }

    /// Nothing waits any more: all begin anew.
    pub(crate) fn reset(&mut self) {
        self.last.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender(text: &str) -> Sender {
        Sender::of(&ReversePath::parse(text).unwrap())
    }

    #[test]
    fn one_letter_overtakes_a_thousand_of_another() {
        let (mut turns, many, one) = (Turns::default(), sender("many@a.example"), sender("o@b.c"));
        let given: Vec<Turn> = (0..1_000).map(|_| turns.next(many)).collect();
        assert!(given.is_sorted());
        turns.came(given[10]);
        let (first, second) = (turns.next(one), turns.next(one));
        assert_eq!((first, second), (given[10], given[11]));
        assert!(turns.next(many) > given[999]);
    }

    #[test]
    fn notices_count_as_one_sender() {
        assert_eq!(sender(""), sender(""));
        assert_ne!(sender(""), sender("a@b.c"));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut turns = Turns::default();
        let many = sender("many@a.example");
        for _ in 0..50 {
            turns.next(many);
        }
        for n in 0..10_000 {
            turns.next(Sender(n));
        }
        assert!(turns.last.len() <= SENDERS_MAX);
        assert!(turns.next(many) >= Turn(50), "who has many letters waiting is the last forgotten");
    }
}
