//! The letters of a folder, by their UIDs: 32 octets for each, its name, and five to eight to find it by its identity.

use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use super::name::{Flagged, Name, State, identity, push_name};

/// One letter. As large as it is in the register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) uid: u32,
    /// Where its stored name begins.
    pub(crate) name_at: u32,
    pub(crate) modseq: u64,
    pub(crate) keywords: u64,
    /// When it was saved here, in seconds since 1970; 0 where nobody knows.
    pub(crate) saved: u32,
    pub(crate) name_octets: u16,
    pub(crate) state: State,
}

impl Record {
    pub(crate) fn flagged(&self) -> Flagged {
        Flagged { state: self.state, keywords: self.keywords }
    }
}

/// A letter that is added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Added<N = Vec<u8>> {
    pub(crate) uid: u32,
    pub(crate) flagged: Flagged,
    pub(crate) saved: u32,
    pub(crate) stored: N,
}

impl Added {
    pub(crate) fn borrowed(&self) -> Added<&[u8]> {
        let Self { uid, flagged, saved, ref stored } = *self;
        Added { uid, flagged, saved, stored }
    }
}

impl Added<&[u8]> {
    pub(crate) fn into_owned(self) -> Added {
        let Self { uid, flagged, saved, stored } = self;
        Added { uid, flagged, saved, stored: stored.to_owned() }
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Letters {
    /// Sorted by UID.
    records: Vec<Record>,
    /// Stored names, one behind the other, with gaps.
    names: Vec<u8>,
    /// Octets of names that nobody has any more.
    unused: usize,
    /// Made when somebody first asks.
    index: Option<Index>,
    /// Made when somebody first asks, as long as no letter comes or goes.
    uids: Option<Arc<Vec<u32>>>,
    /// A look at all of them has found none whose file is in new/, and none has come there since.
    none_new: bool,
}

impl Letters {
    /// What was read from a register; `None` where that can't be.
    pub(crate) fn of(records: Vec<Record>, names: Vec<u8>) -> Option<Self> {
        // UIDs grow, and names stand one behind the other, as they are written.
        let (mut last, mut end) = (0, 0_u64);
        let right = records.iter().all(|record| {
            let is_next =
                record.uid > last && u64::from(record.name_at) == end && record.name_octets > 0;
            last = record.uid;
            end += u64::from(record.name_octets);
            is_next
        });
        let named = end == names.len() as u64 && u32::try_from(end).is_ok();
        (right && named).then_some(Self { records, names, ..Self::default() })
    }

    pub(crate) fn records(&self) -> &[Record] {
        &self.records
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// The UIDs of all, for whoever keeps them.
    pub(crate) fn uids(&mut self) -> Arc<Vec<u32>> {
        let uids = || Arc::new(self.records.iter().map(|record| record.uid).collect());
        Arc::clone(self.uids.get_or_insert_with(uids))
    }

    /// The UIDs of letters whose files are in new/.
    pub(crate) fn new_uids(&mut self) -> Vec<u32> {
        if self.none_new {
            return Vec::new();
        }
        let new = self.records.iter().filter(|record| record.state.has(State::IN_NEW));
        let new: Vec<u32> = new.map(|record| record.uid).collect();
        self.none_new = new.is_empty();
        new
    }

    pub(crate) fn name_octets(&self) -> usize {
        self.names.len() - self.unused
    }

    /// Where a UID is, or where it would be.
    pub(crate) fn position(&self, uid: u32) -> Result<usize, usize> {
        let (Some(first), Some(last)) = (self.records.first(), self.records.last()) else {
            return Err(0);
        };
        // UIDs are distinct: a folder with few gaps needs no search.
        let most = uid.saturating_sub(first.uid) as usize;
        let least = (self.records.len() - 1).saturating_sub(last.uid.saturating_sub(uid) as usize);
        let (from, to) = (least.min(self.records.len()), (most + 1).min(self.records.len()));
        if uid < first.uid || uid > last.uid || from >= to {
            return self.records.binary_search_by_key(&uid, |record| record.uid);
        }
        let part = self.records.get(from..to).unwrap_or_default();
        let found = part.binary_search_by_key(&uid, |record| record.uid);
        found.map(|at| at + from).map_err(|at| at + from)
    }

    pub(crate) fn get(&self, uid: u32) -> Option<&Record> {
        self.records.get(self.position(uid).ok()?)
    }

    /// Positions of all UIDs in a range.
    pub(crate) fn range(&self, uids: RangeInclusive<u32>) -> Range<usize> {
        let start = self.position(*uids.start()).unwrap_or_else(|at| at);
        let end = self.position(*uids.end()).map_or_else(|at| at, |at| at + 1);
        start..end.max(start)
    }

    pub(crate) fn stored(&self, record: &Record) -> &[u8] {
        let start = record.name_at as usize;
        self.names.get(start..start + usize::from(record.name_octets)).unwrap_or_default()
    }

    /// The stored names of all, where they stand one behind the other and none is left between them.
    pub(crate) fn names_in_order(&self) -> Option<&[u8]> {
        let mut end = 0;
        let in_order = self.records.iter().all(|record| {
            let is_next = record.name_at as usize == end;
            end += usize::from(record.name_octets);
            is_next
        });
        self.names.get(..end).filter(|_| in_order)
    }

    /// The name of a letter's file.
    pub(crate) fn name(&self, record: &Record) -> Vec<u8> {
        let mut name = Vec::with_capacity(usize::from(record.name_octets) + 16);
        push_name(self.stored(record), record.flagged(), &mut name);
        name
    }

    /// Makes room for so many.
    pub(crate) fn expect(&mut self, letters: usize) {
        self.records.reserve(letters);
        // So many at once find their places better anew.
        if letters > self.records.len() / 2 {
            self.index = None;
        }
    }

    /// Adds one behind the last; `false` where that can't be.
    pub(crate) fn push(&mut self, added: Added<&[u8]>, modseq: u64) -> bool {
        let is_next = self.records.last().is_none_or(|last| last.uid < added.uid) && added.uid > 0;
        let Some((name_at, name_octets)) = self.push_stored(added.stored) else { return false };
        if !is_next {
            return false;
        }
        let Added { uid, flagged, saved, .. } = added;
        let Flagged { state, keywords } = flagged;
        self.records.push(Record { uid, name_at, modseq, keywords, saved, name_octets, state });
        self.uids = None;
        self.none_new &= !state.has(State::IN_NEW);
        if let Some(mut index) = self.index.take() {
            index.insert(uid, self);
            self.index = Some(index);
        }
        true
    }

    fn push_stored(&mut self, stored: &[u8]) -> Option<(u32, u16)> {
        let at = u32::try_from(self.names.len()).ok()?;
        let octets = u16::try_from(stored.len()).ok().filter(|octets| *octets > 0)?;
        // The end has to have a number, too.
        at.checked_add(u32::from(octets))?;
        self.names.extend_from_slice(stored);
        Some((at, octets))
    }

    /// Gives letters other flags; those of a range that are there.
    pub(crate) fn set_flagged(
        &mut self,
        uids: RangeInclusive<u32>,
        flagged: Flagged,
        modseq: Option<u64>,
    ) {
        let range = self.range(uids);
        self.none_new &= !flagged.state.has(State::IN_NEW);
        for record in self.records.get_mut(range).unwrap_or_default() {
            // What the name is made of stays.
            let whole = record.state.0 & State::WHOLE.0;
            record.state = State(flagged.state.without(State::WHOLE).0 | whole);
            record.keywords = flagged.keywords;
            record.modseq = modseq.unwrap_or(record.modseq);
        }
    }

    /// Gives a letter another name, of the same identity; `false` where that can't be.
    pub(crate) fn rename(
        &mut self,
        uid: u32,
        stored: &[u8],
        flagged: Flagged,
        modseq: Option<u64>,
    ) -> bool {
        let Ok(at) = self.position(uid) else { return true };
        let Some(&old) = self.records.get(at) else { return false };
        if identity(self.stored(&old)) != identity(stored) {
            return false;
        }
        let (name_at, name_octets) = match self.stored(&old) == stored {
            true => (old.name_at, old.name_octets),
            false => {
                let Some(placed) = self.push_stored(stored) else { return false };
                self.unused += usize::from(old.name_octets);
                placed
            }
        };
        self.none_new &= !flagged.state.has(State::IN_NEW);
        if let Some(record) = self.records.get_mut(at) {
            record.name_at = name_at;
            record.name_octets = name_octets;
            record.state = flagged.state;
            record.keywords = flagged.keywords;
            record.modseq = modseq.unwrap_or(record.modseq);
        }
        self.tidy_names();
        true
    }

    /// Takes letters out: those of sorted ranges.
    pub(crate) fn remove(&mut self, ranges: &[(u32, u32)]) {
        if let Some(mut index) = self.index.take() {
            for &(from, to) in ranges {
                for at in self.range(from..=to) {
                    if let Some(record) = self.records.get(at) {
                        index.remove(record.uid, self);
                    }
                }
            }
            self.index = Some(index);
        }
        let first = ranges.first().map_or(0, |(from, _)| self.range(*from..=*from).start);
        let mut ranges = ranges.iter().peekable();
        let mut unused = 0;
        let mut kept = first;
        for at in first..self.records.len() {
            let Some(&record) = self.records.get(at) else { break };
            while ranges.next_if(|(_, to)| *to < record.uid).is_some() {}
            if ranges.peek().is_some_and(|(from, _)| *from <= record.uid) {
                unused += usize::from(record.name_octets);
                continue;
            }
            if let Some(slot) = self.records.get_mut(kept) {
                *slot = record;
            }
            kept += 1;
        }
        self.records.truncate(kept);
        self.uids = None;
        self.unused += unused;
        self.tidy_names();
    }

    /// Names without gaps, once these are half of it.
    fn tidy_names(&mut self) {
        if self.unused < 64 * 1024 || self.unused * 2 < self.names.len() {
            return;
        }
        let mut names = Vec::with_capacity(self.name_octets());
        for at in 0..self.records.len() {
            let Some(&record) = self.records.get(at) else { break };
            let name_at = names.len() as u32;
            names.extend_from_slice(self.stored(&record));
            if let Some(record) = self.records.get_mut(at) {
                record.name_at = name_at;
            }
        }
        (self.names, self.unused) = (names, 0);
    }

    /// The letter of a name, whatever its flags are.
    pub(crate) fn find(&mut self, name: &[u8]) -> Option<usize> {
        if self.records.is_empty() {
            return None;
        }
        let mut index = match self.index.take() {
            Some(index) => index,
            None => Index::of(self),
        };
        let found = index.find(identity(name), self);
        self.index = Some(index.grown_for(self));
        found
    }

    /// Whether a file's name is the one that is known.
    pub(crate) fn is_named(&self, record: &Record, name: &Name<'_>) -> bool {
        record.state == name.flagged.state
            && record.keywords & super::name::KEYWORD_LETTERS == name.flagged.keywords
            && self.stored(record) == name.stored
    }
}

/// Which letter has an identity: open addressing, linear probing; UIDs, so that it stays right when letters in front
/// are taken out.
#[derive(Debug)]
struct Index {
    slots: Vec<u32>,
    /// Slots that aren't free, those that were given up included.
    used: usize,
}

const FREE: u32 = 0;
/// Never a letter's: the last number stays unused.
const GIVEN_UP: u32 = u32::MAX;

impl Index {
    fn of(letters: &Letters) -> Self {
        let room = letters.len() * 2 + 16;
        let mut index = Self { slots: vec![FREE; room], used: 0 };
        letters.records.iter().for_each(|record| index.insert_record(record, letters));
        index
    }

    fn grown_for(self, letters: &Letters) -> Self {
        match self.used * 5 > self.slots.len() * 4 {
            true => Self::of(letters),
            false => self,
        }
    }

    /// The slots from an identity's own on, each once. A checksum is as good as any hash: who gives names that have the
    /// same one has a slow mailbox, and nobody else has.
    fn probe(&self, identity: &[u8]) -> impl Iterator<Item = usize> + use<> {
        let (count, hash) = (self.slots.len(), crc32fast::hash(identity));
        let start = ((u64::from(hash) * count as u64) >> 32) as usize;
        (start..count).chain(0..start)
    }

    fn insert(&mut self, uid: u32, letters: &Letters) {
        if self.used * 5 > self.slots.len() * 4 {
            *self = Self::of(letters);
        } else if let Some(record) = letters.get(uid) {
            self.insert_record(record, letters);
        }
    }

    fn insert_record(&mut self, record: &Record, letters: &Letters) {
        let name = identity(letters.stored(record));
        let mut probe = self.probe(name);
        let free = probe.find_map(|at| match self.slots.get(at) {
            Some(&FREE) => Some((at, 1)),
            Some(&GIVEN_UP) => Some((at, 0)),
            _ => None,
        });
        if let Some((at, used)) = free {
            self.used += used;
            if let Some(slot) = self.slots.get_mut(at) {
                *slot = record.uid;
            }
        }
    }

    fn find_slot(&self, name: &[u8], letters: &Letters) -> Option<(usize, usize)> {
        for at in self.probe(name) {
            match *self.slots.get(at)? {
                FREE => return None,
                GIVEN_UP => {}
                uid => {
                    if let Ok(position) = letters.position(uid)
                        && let Some(record) = letters.records.get(position)
                        && identity(letters.stored(record)) == name
                    {
                        return Some((at, position));
                    }
                }
            }
        }
        None
    }

    fn find(&mut self, name: &[u8], letters: &Letters) -> Option<usize> {
        self.find_slot(name, letters).map(|(_, position)| position)
    }

    fn remove(&mut self, uid: u32, letters: &Letters) {
        let Some(record) = letters.get(uid) else { return };
        if let Some((at, _)) = self.find_slot(identity(letters.stored(record)), letters)
            && let Some(slot) = self.slots.get_mut(at)
        {
            *slot = GIVEN_UP;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::name::Place;
    use super::*;

    #[test]
    fn letters_in_new_are_found_whatever_was_found_before() {
        let mut letters = Letters::default();
        let (cur, new) = (Flagged::default(), Name::parse(b"1.h", Place::New).flagged);
        let push = |letters: &mut Letters, uid, flagged| {
            let stored = format!("{uid}.h").into_bytes();
            assert!(letters.push(Added { uid, flagged, saved: 0, stored: &stored[..] }, 1));
        };
        push(&mut letters, 1, cur);
        assert!(letters.new_uids().is_empty());
        push(&mut letters, 2, new);
        assert_eq!(letters.new_uids(), [2]);
        letters.set_flagged(2..=2, cur, None);
        assert!(letters.new_uids().is_empty());
        letters.set_flagged(1..=1, new, None);
        assert_eq!(letters.new_uids(), [1]);
        letters.remove(&[(1, 1)]);
        assert!(letters.new_uids().is_empty());
        assert!(letters.rename(2, b"2.h,S=1", new, None));
        assert_eq!(letters.new_uids(), [2]);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Add(u32, u8),
        Remove(u32, u32),
        Rename(u32, u8),
        Find(u8),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (1..4_u32, any::<u8>()).prop_map(|(gap, name)| Step::Add(gap, name)),
            (0..60_u32, 0..9_u32).prop_map(|(from, more)| Step::Remove(from, from + more)),
            (0..60_u32, any::<u8>()).prop_map(|(uid, size)| Step::Rename(uid, size)),
            any::<u8>().prop_map(Step::Find),
        ]
    }

    proptest! {
        #[test]
        fn they_are_what_a_map_has(steps in prop::collection::vec(step(), 0..80)) {
            let (mut letters, mut model) = (Letters::default(), BTreeMap::<u32, Vec<u8>>::new());
            let mut last = 0;
            for step in steps {
                match step {
                    Step::Add(gap, name) => {
                        let stored = format!("{name}.h,S=1").into_bytes();
                        let taken = model.values().any(|n| identity(n) == identity(&stored));
                        if taken {
                            continue;
                        }
                        last += gap;
                        let flagged = Name::parse(&stored, Place::Cur).flagged;
                        let added = Added { uid: last, flagged, saved: 0, stored: stored.clone() };
                        prop_assert!(letters.push(added.borrowed(), 1));
                        prop_assert!(!letters.push(added.borrowed(), 1));
                        model.insert(last, stored);
                    }
                    Step::Remove(from, to) => {
                        letters.remove(&[(from, to), (to + 3, to + 4)]);
                        model.retain(|uid, _| {
                            !(from..=to).contains(uid) && !(to + 3..=to + 4).contains(uid)
                        });
                    }
                    Step::Rename(uid, size) => {
                        if let Some(name) = model.get_mut(&uid) {
                            let base = identity(name).to_owned();
                            *name = [&base[..], format!(",S={size}").as_bytes()].concat();
                            let flagged = Flagged::default();
                            prop_assert!(letters.rename(uid, name, flagged, Some(2)));
                            prop_assert!(!letters.rename(uid, b"other", flagged, None));
                        }
                    }
                    Step::Find(name) => {
                        let name = format!("{name}.h:2,S").into_bytes();
                        let found = letters.find(&name).map(|at| letters.records()[at].uid);
                        let of = |n: &[u8]| identity(n) == identity(&name);
                        prop_assert_eq!(found, model.iter().find(|(_, n)| of(n)).map(|(u, _)| *u));
                    }
                }
                let all: Vec<_> =
                    letters.records().iter().map(|r| (r.uid, letters.name(r))).collect();
                prop_assert_eq!(all, model.clone().into_iter().collect::<Vec<_>>());
                let uids = letters.uids();
                prop_assert_eq!(uids.as_slice(), model.keys().copied().collect::<Vec<_>>());
                for uid in 0..70 {
                    prop_assert_eq!(letters.get(uid).map(|r| r.uid), model.get(&uid).map(|_| uid));
                    let count = letters.range(uid..=uid + 5).count();
                    prop_assert_eq!(count, model.range(uid..=uid + 5).count());
                }
            }
        }
    }
}
