//! A directory: the names that are seen, those that are durable, and the changes between.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};

use super::survival::Survival;

/// Names in a directory; a node has as many names as point to it.
pub(super) type Names = BTreeMap<OsString, u64>;

/// One directory.
#[derive(Debug, Clone, Default)]
pub(super) struct DirectoryNode {
    shown: Names,
    durable: Names,
    /// Changes so far, power cuts among them: what stands for the time of the last one.
    changes: u64,
    pending: Vec<NameChange>,
}

/// A change that is there as a whole or not at all: journals see to that, for a rename too.
#[derive(Debug, Clone)]
struct NameChange {
    /// Counts the changes of the whole disk.
    number: u64,
    names: Vec<(OsString, Option<u64>)>,
    /// The change without which this one is never seen: a name that moves to another directory stays
    /// here until it is there.
    needs: Option<u64>,
}

/// Changes that the power cut took.
pub(super) type Lost = BTreeSet<u64>;

impl DirectoryNode {
    pub(super) fn names(&self) -> &Names {
        &self.shown
    }

    /// How often its names changed.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    pub(super) fn change(
        &mut self,
        number: u64,
        names: &[(&OsStr, Option<u64>)],
        needs: Option<u64>,
    ) {
        let names: Vec<_> = names.iter().map(|(name, node)| ((*name).to_owned(), *node)).collect();
        apply(&mut self.shown, &names);
        self.changes += 1;
        self.pending.push(NameChange { number, names, needs });
    }

    /// A name that is there, durably, without anybody's change.
    pub(super) fn put(&mut self, name: &OsStr, node: u64) {
        self.changes += 1;
        self.shown.insert(name.to_owned(), node);
        self.durable.insert(name.to_owned(), node);
    }

    /// All names are durable; gives the changes elsewhere that have to be so too.
    pub(super) fn sync(&mut self) -> Vec<u64> {
        self.durable.clone_from(&self.shown);
        self.pending.drain(..).filter_map(|change| change.needs).collect()
    }

    /// Makes one change durable, if it is of this directory.
    pub(super) fn sync_one(&mut self, number: u64) {
        if let Some(at) = self.pending.iter().position(|change| change.number == number) {
            let change = self.pending.remove(at);
            apply(&mut self.durable, &change.names);
        }
    }

    /// Changes that aren't durable, by number.
    pub(super) fn pending(&self) -> impl Iterator<Item = u64> + '_ {
        self.pending.iter().map(|change| change.number)
    }

    /// Whether this change survives a power cut: by chance, but never before what it builds on.
    pub(super) fn survives(&self, number: u64, lost: &Lost, survival: &mut Survival) -> bool {
        let Some(at) = self.pending.iter().position(|change| change.number == number) else {
            return true;
        };
        let (before, rest) = self.pending.split_at(at);
        let Some(change) = rest.first() else { return true };
        let built_on = |earlier: &&NameChange| {
            lost.contains(&earlier.number)
                && earlier.names.iter().any(|(name, _)| change.names.iter().any(|(n, _)| n == name))
        };
        let founded = change.needs.is_none_or(|needed| !lost.contains(&needed))
            && !before.iter().any(|earlier| built_on(&earlier));
        founded && survival.keeps_name()
    }

    /// The power goes, and comes back.
    pub(super) fn lose_power(&mut self, lost: &Lost) {
        let mut names = std::mem::take(&mut self.durable);
        for change in self.pending.drain(..).filter(|change| !lost.contains(&change.number)) {
            apply(&mut names, &change.names);
        }
        self.changes += 1;
        (self.shown, self.durable) = (names.clone(), names);
    }
}

fn apply(names: &mut Names, changes: &[(OsString, Option<u64>)]) {
    for (name, node) in changes {
        match node {
            Some(node) => names.insert(name.clone(), *node),
            None => names.remove(name),
        };
    }
}
