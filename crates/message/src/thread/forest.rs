//! Trees of letters and of dummies, by their parents: steps 2 to 6 of RFC 5256 §3.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::{Node, Threadable};
use crate::Origin;

/// No parent.
pub(super) const NONE: usize = usize::MAX;

/// Letters come first, then dummies. All but the tops of threads are letters once it is pruned.
#[derive(Debug)]
pub(super) struct Forest {
    letters: usize,
    parents: Vec<usize>,
    /// Tops of threads and children, the oldest first, once they are in order.
    tops: Vec<usize>,
    rows: Rows,
}

/// Children of all nodes, in one row, and where those of each begin.
#[derive(Debug, Default)]
struct Rows {
    starts: Vec<usize>,
    children: Vec<usize>,
}

impl Rows {
    fn of(&self, node: usize) -> &[usize] {
        let start = self.starts.get(node).copied().unwrap_or(0);
        let end = self.starts.get(node + 1).copied().unwrap_or(start);
        self.children.get(start..end).unwrap_or_default()
    }

    /// Children as they come in `order`.
    fn new(parents: &[usize], order: impl Iterator<Item = usize> + Clone) -> Self {
        let mut starts = vec![0_usize; parents.len() + 1];
        let parent_of = |node: usize| parents.get(node).copied().filter(|parent| *parent != NONE);
        for node in order.clone() {
            if let Some(count) = parent_of(node).and_then(|parent| starts.get_mut(parent + 1)) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let mut next = starts.clone();
        let mut children = vec![0; sum];
        for node in order {
            let Some(place) = parent_of(node).and_then(|parent| next.get_mut(parent)) else {
                continue;
            };
            if let Some(child) = children.get_mut(*place) {
                *child = node;
            }
            *place += 1;
        }
        Self { starts, children }
    }
}

impl Forest {
    pub(super) fn new(letters: usize, parents: Vec<usize>) -> Self {
        Self { letters, parents, tops: Vec::new(), rows: Rows::default() }
    }

    fn is_dummy(&self, node: usize) -> bool {
        node >= self.letters
    }

    fn parent(&self, node: usize) -> usize {
        self.parents.get(node).copied().unwrap_or(NONE)
    }

    fn set_parent(&mut self, node: usize, parent: usize) {
        if let Some(link) = self.parents.get_mut(node) {
            *link = parent;
        }
    }

    /// Steps 2 and 3: a dummy's children are its parent's, and dummies are only left as tops of several.
    pub(super) fn prune(&mut self) {
        for node in 0..self.letters {
            let parent = self.letter_or_top(self.parent(node));
            self.set_parent(node, parent);
        }
        let mut children = vec![0_u32; self.parents.len()];
        for node in 0..self.letters {
            if let Some(count) = children.get_mut(self.parent(node)) {
                *count += 1;
            }
        }
        for node in 0..self.letters {
            let parent = self.parent(node);
            if parent != NONE && self.is_dummy(parent) && children.get(parent) == Some(&1) {
                self.set_parent(node, NONE);
            }
        }
    }

    /// The nearest letter from a node upwards, or the dummy at the top; remembered by all dummies on the way.
    fn letter_or_top(&mut self, node: usize) -> usize {
        let mut found = node;
        while found != NONE && self.is_dummy(found) && self.parent(found) != NONE {
            found = self.parent(found);
        }
        let mut at = node;
        while at != found {
            let parent = self.parent(at);
            self.set_parent(at, found);
            at = parent;
        }
        found
    }

    /// Steps 4 and 6: all siblings by age; a dummy is as old as its first child.
    pub(super) fn order(&mut self, letters: &[Threadable<'_>]) {
        let age = |node: usize| (letters.get(node).map_or(0, |letter| letter.sent), node);
        let mut order: Vec<(i64, usize)> = (0..self.letters).map(age).collect();
        order.sort_unstable();
        let by_age = order.iter().map(|(_, node)| *node);
        self.rows = Rows::new(&self.parents, by_age.clone());
        let mut tops: Vec<_> = by_age
            .filter(|node| self.parent(*node) == NONE)
            .map(|node| (age(node), node))
            .collect();
        for dummy in self.letters..self.parents.len() {
            if let Some(first) = self.rows.of(dummy).first() {
                tops.push((age(*first), dummy));
            }
        }
        tops.sort_unstable();
        self.tops = tops.into_iter().map(|(_, node)| node).collect();
    }

    /// Step 5: threads of one subject become one.
    pub(super) fn gather(&mut self, letters: &[Threadable<'_>]) {
        let tops = std::mem::take(&mut self.tops);
        let mut table: HashMap<u32, usize> = HashMap::new();
        for top in &tops {
            // Step 5 (B).
            let Some(subject) = self.subject(*top, letters) else { continue };
            match table.entry(subject) {
                Entry::Vacant(entry) => {
                    entry.insert(*top);
                }
                Entry::Occupied(mut entry) => {
                    let other = *entry.get();
                    if !self.is_dummy(other)
                        && (self.is_dummy(*top)
                            || (is_answer(letters, other) && !is_answer(letters, *top)))
                    {
                        entry.insert(*top);
                    }
                }
            }
        }
        for top in tops {
            // Step 5 (C).
            let Some(entry) = self.subject(top, letters).and_then(|s| table.get_mut(&s)) else {
                continue;
            };
            if *entry != top {
                *entry = self.merge(top, *entry, letters);
            }
        }
    }

    /// The subject of a thread: that of its top, or of the first child of a dummy.
    fn subject(&self, top: usize, letters: &[Threadable<'_>]) -> Option<u32> {
        let node = if self.is_dummy(top) { *self.rows.of(top).first()? } else { top };
        letters.get(node)?.subject
    }

    /// Puts a thread together with `other`; says what is at the top of both.
    fn merge(&mut self, top: usize, other: usize, letters: &[Threadable<'_>]) -> usize {
        match (self.is_dummy(top), self.is_dummy(other)) {
            (true, true) => {
                for at in 0..self.rows.of(top).len() {
                    if let Some(child) = self.rows.of(top).get(at).copied() {
                        self.set_parent(child, other);
                    }
                }
                other
            }
            (false, true) => {
                self.set_parent(top, other);
                other
            }
            _ if is_answer(letters, top) && !is_answer(letters, other) => {
                self.set_parent(top, other);
                other
            }
            _ => {
                self.parents.push(NONE);
                let dummy = self.parents.len() - 1;
                self.set_parent(top, dummy);
                self.set_parent(other, dummy);
                dummy
            }
        }
    }

    /// From the top of the first thread to the end of the last.
    pub(super) fn nodes(&self) -> Vec<Node> {
        let mut nodes = Vec::with_capacity(self.parents.len());
        let mut waiting: Vec<(usize, usize)> =
            self.tops.iter().rev().map(|top| (*top, 0)).collect();
        while let Some((node, depth)) = waiting.pop() {
            let children = self.rows.of(node);
            let letter = (!self.is_dummy(node)).then_some(node);
            nodes.push(Node { letter, depth, children: children.len() });
            waiting.extend(children.iter().rev().map(|child| (*child, depth + 1)));
        }
        nodes
    }
}

fn is_answer(letters: &[Threadable<'_>], node: usize) -> bool {
    letters.get(node).is_some_and(|letter| letter.origin == Origin::Answer)
}
