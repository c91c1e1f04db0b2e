//! Letters as conversations: THREAD=REFERENCES and THREAD=ORDEREDSUBJECT (RFC 5256 §3).

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

use crate::{MessageId, Origin, limits};

mod forest;

use forest::{Forest, NONE};

/// What threads are made of: a letter, its place in the mailbox being that in the slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threadable<'a> {
    /// Its own id.
    pub id: Option<MessageId>,
    /// What it answers, the oldest first.
    pub references: &'a [MessageId],
    /// A number for its base subject: the same for subjects that [`casemap`](crate::casemap) makes equal; `None` for an
    /// empty one.
    pub subject: Option<u32>,
    /// What its subject says of where it comes from.
    pub origin: Origin,
    /// When it was sent, or else arrived, in seconds.
    pub sent: i64,
}

/// Threads, as their letters from the top: parents before their children.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Threads {
    nodes: Vec<Node>,
}

/// A letter in a thread, or a place for one that isn't there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// Its place in the slice; none at the top of a thread whose first letter is missing.
    pub letter: Option<usize>,
    /// How many letters are above it.
    pub depth: usize,
    /// How many follow it directly.
    pub children: usize,
}

impl Threads {
    /// THREAD=REFERENCES.
    pub fn by_references(letters: &[Threadable<'_>]) -> Self {
        let mut forest = Linker::new(letters).link(letters);
        forest.prune();
        forest.order(letters);
        forest.gather(letters);
        forest.order(letters);
        Self { nodes: forest.nodes() }
    }

    /// THREAD=ORDEREDSUBJECT.
    pub fn by_subject(letters: &[Threadable<'_>]) -> Self {
        let age = |at: usize| (letters.get(at).map_or(0, |letter| letter.sent), at);
        let mut order: Vec<_> =
            letters.iter().enumerate().map(|(at, letter)| (letter.subject, age(at))).collect();
        order.sort_unstable();
        let mut rows: Vec<_> = order.chunk_by(|(a, _), (b, _)| a == b).collect();
        // RFC 5256 §2.2: of letters of one second the first in the mailbox is the older one.
        rows.sort_unstable_by_key(|row| row.first().map(|(_, age)| *age));
        let node = |(place, at): (usize, usize), count: usize| match place {
            0 => Node { letter: Some(at), depth: 0, children: count - 1 },
            _ => Node { letter: Some(at), depth: 1, children: 0 },
        };
        let nodes = rows.into_iter().flat_map(|row| {
            row.iter().enumerate().map(|(place, (_, (_, at)))| node((place, *at), row.len()))
        });
        Self { nodes: nodes.collect() }
    }

    /// From the top of the first thread to the end of the last.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// `1*thread-list` (RFC 5256 §5), with what `number` gives for each letter.
    pub fn list(&self, number: impl Fn(usize) -> u32) -> Vec<u8> {
        let mut list = Vec::new();
        // How deep lists began that aren't closed yet.
        let mut open: Vec<usize> = Vec::new();
        let mut above: Vec<usize> = Vec::new();
        for node in &self.nodes {
            while open.last().is_some_and(|depth| *depth >= node.depth) {
                open.pop();
                list.push(b')');
            }
            above.truncate(node.depth);
            let is_one_of_many = above.last().is_none_or(|children| *children > 1);
            if !list.is_empty() && !matches!(list.last(), Some(b'(' | b')')) {
                list.push(b' ');
            }
            if is_one_of_many {
                list.push(b'(');
                open.push(node.depth);
            }
            if let Some(letter) = node.letter {
                list.extend_from_slice(number(letter).to_string().as_bytes());
            }
            above.push(node.children);
        }
        list.extend(open.iter().map(|_| b')'));
        list
    }
}

/// Hashes ids, which are hashes already, with a key that nobody knows: who could choose where ids lie in a table would
/// make it slow.
#[derive(Debug, Clone)]
struct Keyed {
    key: u64,
    factor: u64,
}

impl Keyed {
    fn new() -> Self {
        let random = RandomState::new();
        Self { key: random.hash_one(0), factor: random.hash_one(1) | 1 }
    }
}

impl BuildHasher for Keyed {
    type Hasher = KeyedHasher;

    fn build_hasher(&self) -> KeyedHasher {
        KeyedHasher { state: self.key, factor: self.factor }
    }
}

struct KeyedHasher {
    state: u64,
    factor: u64,
}

impl Hasher for KeyedHasher {
    fn write(&mut self, octets: &[u8]) {
        octets.iter().for_each(|octet| self.write_u64(u64::from(*octet)));
    }

    fn write_u64(&mut self, number: u64) {
        let product = u128::from(self.state ^ number) * u128::from(self.factor);
        let [low, high] = [product, product >> 64].map(|half| half & u128::from(u64::MAX));
        self.state = u64::try_from(low ^ high).unwrap_or(0);
    }

    fn finish(&self) -> u64 {
        self.state
    }
}

/// Step 1: who is whose parent.
struct Linker {
    nodes: HashMap<MessageId, usize, Keyed>,
    parents: Vec<usize>,
    /// How many children each has.
    children: Vec<u32>,
    /// Ancestors that may still be looked at for the letter at hand.
    steps: usize,
}

impl Linker {
    /// Of letters with one id, the first has it.
    fn new(letters: &[Threadable<'_>]) -> Self {
        let mut nodes = HashMap::with_capacity_and_hasher(letters.len(), Keyed::new());
        for (at, letter) in letters.iter().enumerate() {
            if let Some(id) = letter.id {
                nodes.entry(id).or_insert(at);
            }
        }
        let (parents, children) = (vec![NONE; letters.len()], vec![0; letters.len()]);
        Self { nodes, parents, children, steps: 0 }
    }

    fn link(mut self, letters: &[Threadable<'_>]) -> Forest {
        for (at, letter) in letters.iter().enumerate() {
            self.steps = limits::THREAD_STEPS_MAX;
            // Step 1 (A).
            let mut last = None;
            for reference in letter.references {
                let node = self.node(*reference);
                if let Some(parent) = last
                    && self.parents.get(node) == Some(&NONE)
                {
                    self.adopt(parent, node);
                }
                last = Some(node);
            }
            // Step 1 (B): what a letter says of its own parent counts more than what others say.
            self.release(at);
            if let Some(parent) = last {
                self.adopt(parent, at);
            }
        }
        Forest::new(letters.len(), self.parents)
    }

    /// The letter of that id, or a dummy.
    fn node(&mut self, id: MessageId) -> usize {
        *self.nodes.entry(id).or_insert_with(|| {
            self.parents.push(NONE);
            self.children.push(0);
            self.parents.len() - 1
        })
    }

    fn release(&mut self, node: usize) {
        if let Some(parent) = self.parents.get_mut(node) {
            if let Some(children) = self.children.get_mut(*parent) {
                *children -= 1;
            }
            *parent = NONE;
        }
    }

    /// Makes `child`, which has no parent, a child of `parent`, unless it is above that.
    fn adopt(&mut self, parent: usize, child: usize) {
        if self.is_above(child, parent) {
            return;
        }
        if let Some(link) = self.parents.get_mut(child) {
            *link = parent;
        }
        if let Some(children) = self.children.get_mut(parent) {
            *children += 1;
        }
    }

    fn is_above(&mut self, node: usize, below: usize) -> bool {
        if node == below {
            return true;
        }
        // Nearly always: letters come before what answers them.
        if self.children.get(node) == Some(&0) {
            return false;
        }
        let mut at = below;
        while let Some(parent) = self.parents.get(at).copied().filter(|parent| *parent != NONE) {
            if parent == node || self.steps == 0 {
                return true;
            }
            self.steps -= 1;
            at = parent;
        }
        false
    }
}

#[cfg(test)]
mod tests;
