//! Changes that the system told of, one name at a time.

use std::collections::{HashMap, HashSet};
use std::io;

use postroad_disk::{EntryKind, Stamp};

use super::lease::Locked;
use super::listing::is_letter;
use super::name::{Name, identity};
use super::scan::{Differences, Found, found_of};
use super::watches::{Change, Presence};
use super::{Mailbox, MailboxError};

/// What was told of the files of one identity: those that are there now, and those that are gone.
#[derive(Debug, Default)]
struct Told {
    there: Vec<Found>,
    gone: Vec<Found>,
}

/// Whether what was told says all.
#[derive(Debug, PartialEq, Eq)]
enum Sure {
    Yes,
    /// Only a listing can tell.
    No,
}

impl Mailbox {
    /// Takes in what was told; most of it are changes of our own. `stamps` are from before it was told.
    pub(super) fn take_news(
        &mut self,
        locked: &mut Locked,
        changes: &[Change],
        stamps: (Stamp, Stamp),
    ) -> Result<(), MailboxError> {
        let mut differences = Differences::default();
        let changes = self.without_ours(changes);
        for told in in_groups(&changes) {
            if self.take_told(told, &mut differences)? == Sure::No {
                return self.list_locked(locked);
            }
        }
        if !differences.is_empty() {
            differences.missing.sort_unstable();
            differences.fresh.sort();
            self.reserve(locked, differences.fresh.len())?;
            let modseq = self.contents.lease.modseq + 1;
            let frames =
                differences.frames(&self.contents.letters, modseq, self.contents.lease.uid_next);
            self.write(locked, &frames)?;
        }
        self.looked_at = Some(stamps);
        self.tidy(locked);
        Ok(())
    }

    /// Changes that may be anything that isn't known. What we have done ourselves comes as a name that is there as we know
    /// it, and as one that is gone which isn't it.
    fn without_ours<'a>(&mut self, changes: &'a [Change]) -> Vec<&'a Change> {
        let mut came = HashSet::new();
        let mut news = Vec::new();
        for change in changes.iter().filter(|change| is_letter(&change.name)) {
            let name = Name::parse(&change.name, change.place);
            let known = self.contents.letters.find(&change.name);
            let letters = &self.contents.letters;
            let record = known.and_then(|at| letters.records().get(at));
            let is_ours = record.is_some_and(|record| letters.is_named(record, &name));
            let is_news = match change.now {
                Presence::There => !is_ours,
                Presence::Gone => {
                    is_ours || record.is_none() || came.contains(&(change.place, &change.name))
                }
            };
            if is_news {
                came.insert((change.place, &change.name));
                news.push(change);
            }
        }
        news
    }

    fn take_told(
        &mut self,
        told: Told,
        differences: &mut Differences,
    ) -> Result<Sure, MailboxError> {
        let name = told.there.first().or(told.gone.first()).map(|found| found.name.as_slice());
        let known = name.and_then(|name| self.contents.letters.find(name));
        let known = known.and_then(|at| self.contents.letters.records().get(at).copied());
        let Some(record) = known else {
            return match told.there.as_slice() {
                [] => Ok(Sure::Yes),
                [one] => self.take_fresh(one, differences),
                _ => Ok(Sure::No),
            };
        };
        let ours = found_of(&self.contents.letters, &record);
        match told.there.as_slice() {
            [one] if *one == ours => Ok(Sure::Yes),
            // Beside the one we know: a second name, for now or for good.
            _ if !told.gone.contains(&ours) && !told.there.is_empty() => Ok(Sure::No),
            [] if told.gone.contains(&ours) => {
                // By its name, and no other came: still it has to be so.
                if self.kind_of(&ours)?.is_none() {
                    differences.missing.push(record.uid);
                    return Ok(Sure::Yes);
                }
                Ok(Sure::No)
            }
            [] => Ok(Sure::Yes),
            [one] => {
                if self.kind_of(one)? != Some(EntryKind::File) {
                    return Ok(Sure::No);
                }
                differences.other.push((record.uid, one.clone()));
                Ok(Sure::Yes)
            }
            _ => Ok(Sure::No),
        }
    }

    fn take_fresh(
        &self,
        found: &Found,
        differences: &mut Differences,
    ) -> Result<Sure, MailboxError> {
        match self.kind_of(found)? {
            Some(EntryKind::File) => differences.fresh.push(found.place, &found.name),
            Some(EntryKind::Directory | EntryKind::Other) => {}
            // It went on since, and we are told of that next.
            None => {}
        }
        Ok(Sure::Yes)
    }

    fn kind_of(&self, found: &Found) -> Result<Option<EntryKind>, MailboxError> {
        match self.disk().stat(&self.file_path(found.place, &found.name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            stat => Ok(Some(stat?.kind)),
        }
    }
}

/// By identity, in the order in which they came up.
fn in_groups(changes: &[&Change]) -> Vec<Told> {
    let mut groups = Vec::<Told>::new();
    let mut by_identity = HashMap::<&[u8], usize>::new();
    for change in changes {
        let at = *by_identity.entry(identity(&change.name)).or_insert_with(|| {
            groups.push(Told::default());
            groups.len() - 1
        });
        let Some(told) = groups.get_mut(at) else { continue };
        let found = Found { place: change.place, name: change.name.clone() };
        told.there.retain(|there| *there != found);
        told.gone.retain(|gone| *gone != found);
        match change.now {
            Presence::There => told.there.push(found),
            Presence::Gone => told.gone.push(found),
        }
    }
    groups
}
