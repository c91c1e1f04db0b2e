//! Listing a folder, and what has changed since it was known.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::io;
use std::path::PathBuf;

use postroad_disk::{Disk, DiskError};

use super::as_path;
use super::frame::{Frame, Run};
use super::fresh::Fresh;
use super::letters::{Added, Letters, Record};
use super::listing;
use super::name::{Flagged, KEYWORD_LETTERS, Name, Place, State, identity, push_name};
use crate::Maildir;
use crate::limits::FRAME_LETTERS_MAX;

/// A file in new/ or cur/.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) place: Place,
    pub(super) name: Vec<u8>,
}

/// What differs from what is known.
#[derive(Debug, Default)]
pub(super) struct Differences {
    /// Letters that nobody knows.
    pub(super) fresh: Fresh,
    /// Letters with other names than those known.
    pub(super) other: Vec<(u32, Found)>,
    /// Letters that are gone.
    pub(super) missing: Vec<u32>,
    /// Somebody was renaming meanwhile: it may not be all.
    pub(super) restless: bool,
}

/// Looks into a folder.
pub(super) struct Look<'a> {
    pub(super) disk: &'a dyn Disk,
    pub(super) folder: &'a Maildir,
    pub(super) unique_name: &'a dyn Fn() -> String,
}

/// Which of two files of one identity it is.
enum Parted {
    /// The other one isn't there, or is the same file.
    First,
    Second,
    /// The second has another name now, and so is another letter.
    Both(Found),
    /// So has the first.
    BothSecondFirst(Found),
    Restless,
}

impl Look<'_> {
    pub(super) fn path(&self, found: &Found) -> PathBuf {
        let directory = match found.place {
            Place::New => self.folder.new_dir(),
            Place::Cur => self.folder.cur_dir(),
        };
        directory.join(as_path(&found.name))
    }

    /// What differs. A letter is missing only where a second listing, that began later, misses it too: one that is
    /// renamed while it is listed may be left out.
    pub(super) fn differences(&self, letters: &mut Letters) -> Result<Differences, DiskError> {
        let once = self.once(letters)?;
        if once.missing.is_empty() {
            return Ok(once);
        }
        let missed: HashSet<u32> = once.missing.into_iter().collect();
        let mut twice = self.once(letters)?;
        let missing = twice.missing.len();
        twice.missing.retain(|uid| missed.contains(uid));
        twice.restless |= twice.missing.len() < missing;
        Ok(twice)
    }

    fn once(&self, letters: &mut Letters) -> Result<Differences, DiskError> {
        let mut differences = Differences::default();
        let mut seen = vec![false; letters.len()];
        let mut twins = Vec::new();
        listing::all(self.disk, self.folder, |place, name| {
            let found = || Found { place, name: name.to_vec() };
            let Some(at) = letters.find(name) else {
                differences.fresh.push(place, name);
                return;
            };
            let Some(record) = letters.records().get(at) else { return };
            match seen.get_mut(at) {
                Some(seen) if !*seen => *seen = true,
                _ => {
                    twins.push((record.uid, found()));
                    return;
                }
            }
            if !letters.is_named(record, &Name::parse(name, place)) {
                differences.other.push((record.uid, found()));
            }
        })?;
        let records = letters.records().iter().zip(&seen);
        differences.missing =
            records.filter(|(_, seen)| !**seen).map(|(record, _)| record.uid).collect();
        self.part_all_known(letters, &mut differences, twins)?;
        self.part_fresh(&mut differences)?;
        Ok(differences)
    }

    /// Second files of letters that are known.
    fn part_all_known(
        &self,
        letters: &Letters,
        differences: &mut Differences,
        twins: Vec<(u32, Found)>,
    ) -> Result<(), DiskError> {
        if twins.is_empty() {
            // As it nearly always is.
            return Ok(());
        }
        // By their UIDs: there may be as many of either as there are letters.
        let mut other: HashMap<u32, Found> =
            std::mem::take(&mut differences.other).into_iter().collect();
        for (uid, twin) in twins {
            self.part_known(letters, differences, &mut other, (uid, twin))?;
        }
        differences.other = other.into_iter().collect();
        Ok(())
    }

    fn part_known(
        &self,
        letters: &Letters,
        differences: &mut Differences,
        other: &mut HashMap<u32, Found>,
        (uid, twin): (u32, Found),
    ) -> Result<(), DiskError> {
        let Some(record) = letters.get(uid) else { return Ok(()) };
        let first = other.get(&uid).cloned().unwrap_or_else(|| found_of(letters, record));
        let likeness = |found: &Found| {
            let name = Name::parse(&found.name, found.place);
            match letters.is_named(record, &name) {
                true => 2,
                // With other flags only.
                false => u8::from(letters.stored(record) == name.stored),
            }
        };
        let parted = match likeness(&first).cmp(&likeness(&twin)) {
            Ordering::Less => self.part(&twin, &first, Elder::First)?.swapped(),
            Ordering::Greater => self.part(&first, &twin, Elder::First)?,
            Ordering::Equal => self.part(&first, &twin, Elder::ByTime)?,
        };
        let (keep, fresh) = match parted {
            Parted::First => (None, None),
            Parted::Second => (Some(twin), None),
            Parted::Both(fresh) => (None, Some(fresh)),
            Parted::BothSecondFirst(fresh) => (Some(twin), Some(fresh)),
            Parted::Restless => {
                differences.restless = true;
                (None, None)
            }
        };
        if let Some(keep) = keep {
            match likeness(&keep) < 2 {
                true => other.insert(uid, keep),
                false => other.remove(&uid),
            };
        }
        if let Some(Found { place, name }) = fresh {
            differences.fresh.push(place, &name);
        }
        Ok(())
    }

    /// Two files of one identity that nobody knows.
    fn part_fresh(&self, differences: &mut Differences) -> Result<(), DiskError> {
        differences.fresh.sort();
        if !differences.fresh.has_twins() {
            // As it nearly always is.
            return Ok(());
        }
        let mut by_identity = HashMap::<Vec<u8>, Found>::with_capacity(differences.fresh.len());
        let mut more = Vec::new();
        for (place, name) in std::mem::take(&mut differences.fresh).iter() {
            let found = Found { place, name: name.to_vec() };
            let Some(first) = by_identity.get(identity(&found.name)).cloned() else {
                by_identity.insert(identity(&found.name).to_owned(), found);
                continue;
            };
            match self.part(&first, &found, Elder::ByTime)? {
                Parted::First => {}
                Parted::Second => drop(by_identity.insert(identity(&found.name).to_owned(), found)),
                Parted::Both(other) => more.push(other),
                Parted::BothSecondFirst(other) => {
                    more.push(other);
                    by_identity.insert(identity(&found.name).to_owned(), found);
                }
                Parted::Restless => differences.restless = true,
            }
        }
        for Found { place, name } in by_identity.into_values().chain(more) {
            differences.fresh.push(place, &name);
        }
        differences.fresh.sort();
        Ok(())
    }

    /// Looks at two files of one identity: a letter that was renamed while it was listed, or two letters. Then the
    /// later one gets another name.
    fn part(&self, first: &Found, second: &Found, elder: Elder) -> Result<Parted, DiskError> {
        let stamp = |found: &Found| match self.disk.stamp(&self.path(found)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            stamp => stamp.map(Some),
        };
        let (one, two) = (stamp(first)?, stamp(second)?);
        let (one, two) = match (one, two) {
            (None, None) => return Ok(Parted::Restless),
            (Some(_), None) => return Ok(Parted::First),
            (None, Some(_)) => return Ok(Parted::Second),
            // A second name for the same file: somebody renames by link and unlink.
            (Some(one), Some(two)) if one.number == two.number => return Ok(Parted::First),
            (Some(one), Some(two)) => (one, two),
        };
        let first_is_elder = elder == Elder::First || one.modified <= two.modified;
        let younger = if first_is_elder { second } else { first };
        let flagged = Name::parse(&younger.name, Place::Cur).flagged;
        let state = State::INFO.with_flags(flagged.state.flags());
        let mut name = Vec::new();
        push_name((self.unique_name)().as_bytes(), Flagged { state, ..flagged }, &mut name);
        let fresh = Found { place: Place::Cur, name };
        match self.disk.rename_noreplace(&self.path(younger), &self.path(&fresh)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Parted::Restless),
            Err(error) => Err(error),
            Ok(()) if first_is_elder => Ok(Parted::Both(fresh)),
            Ok(()) => Ok(Parted::BothSecondFirst(fresh)),
        }
    }
}

/// Which of two files the known letter is.
#[derive(PartialEq, Eq)]
enum Elder {
    First,
    ByTime,
}

impl Parted {
    /// The same with first and second the other way round.
    fn swapped(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
            Self::Both(fresh) => Self::BothSecondFirst(fresh),
            Self::BothSecondFirst(fresh) => Self::Both(fresh),
            Self::Restless => Self::Restless,
        }
    }
}

/// The file of a letter, as it is known.
pub(super) fn found_of(letters: &Letters, record: &Record) -> Found {
    let place = if record.state.has(State::IN_NEW) { Place::New } else { Place::Cur };
    Found { place, name: letters.name(record) }
}

impl Differences {
    pub(super) fn is_empty(&self) -> bool {
        self.fresh.is_empty() && self.other.is_empty() && self.missing.is_empty()
    }

    /// What the register is told of it: all with one mod-sequence.
    pub(super) fn frames(&mut self, letters: &Letters, modseq: u64, uid_next: u32) -> Vec<Frame> {
        let mut frames = self.frames_of_known(letters, modseq);
        let mut fresh = self.fresh.numbered(uid_next).map(Added::into_owned).peekable();
        while fresh.peek().is_some() {
            let letters = fresh.by_ref().take(FRAME_LETTERS_MAX).collect();
            frames.push(Frame::Assigned { modseq, letters });
        }
        drop(fresh);
        frames
    }

    /// What it is told of letters that it knows.
    pub(super) fn frames_of_known(&mut self, letters: &Letters, modseq: u64) -> Vec<Frame> {
        let mut frames = Vec::new();
        if !self.missing.is_empty() {
            let ranges = ranges_of(&self.missing);
            frames.push(Frame::Expunged { modseq, ranges });
        }
        frames.extend(self.renames(letters, modseq));
        frames
    }

    fn renames(&mut self, letters: &Letters, modseq: u64) -> Vec<Frame> {
        let (mut flagged, mut moved, mut renamed) = (Vec::new(), Vec::new(), Vec::new());
        self.other.sort_unstable_by_key(|(uid, _)| *uid);
        for (uid, found) in &self.other {
            let Some(record) = letters.get(*uid) else { continue };
            let name = Name::parse(&found.name, found.place);
            let keywords = record.keywords & !KEYWORD_LETTERS | name.flagged.keywords;
            let now = Flagged { state: name.flagged.state, keywords };
            let differs = record.state.flags() != now.state.flags() || record.keywords != keywords;
            let modseq = differs.then_some(modseq);
            let same_name = letters.stored(record) == name.stored
                && record.state.has(State::WHOLE) == now.state.has(State::WHOLE);
            match (same_name, modseq) {
                (true, Some(_)) => flagged.push((*uid, now)),
                (true, None) => moved.push((*uid, now)),
                (false, modseq) => renamed.push(Frame::Renamed {
                    modseq,
                    uid: *uid,
                    flagged: now,
                    stored: name.stored.to_vec(),
                }),
            }
        }
        let runs = |modseq, of: Vec<(u32, Flagged)>| {
            let runs = runs_of(letters, &of);
            (!runs.is_empty()).then_some(Frame::Flagged { modseq, runs })
        };
        let flagged = runs(Some(modseq), flagged);
        flagged.into_iter().chain(runs(None, moved)).chain(renamed).collect()
    }
}

/// Sorted UIDs as ranges.
pub(super) fn ranges_of(uids: &[u32]) -> Vec<(u32, u32)> {
    let mut ranges = Vec::<(u32, u32)>::new();
    for &uid in uids {
        match ranges.last_mut() {
            Some((_, to)) if *to + 1 == uid => *to = uid,
            _ => ranges.push((uid, uid)),
        }
    }
    ranges
}

/// Letters, sorted by UID, as runs of those next to each other that have the same flags: UIDs between them that are
/// gone don't part them.
pub(super) fn runs_of(letters: &Letters, of: &[(u32, Flagged)]) -> Vec<Run> {
    let mut runs = Vec::<Run>::new();
    let mut last = None;
    for &(uid, flagged) in of {
        let Ok(at) = letters.position(uid) else { continue };
        match runs.last_mut() {
            Some(run) if run.flagged == flagged && last == at.checked_sub(1) && last.is_some() => {
                run.to = uid;
            }
            _ => runs.push(Run { from: uid, to: uid, flagged }),
        }
        last = Some(at);
    }
    runs
}
