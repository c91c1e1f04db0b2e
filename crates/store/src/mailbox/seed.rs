//! A register where there is none: from the files alone, or from numbers that another program has given. And one that
//! another program's numbers go into, which has gone on from ours.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use super::contents::Contents;
use super::expunged::joined;
use super::file::{self, RegisterFile, Tail, Unusable};
use super::frame::Frame;
use super::letters::{Added, Letters};
use super::name::{Name, Place, identity};
use super::refresh::{believable, stamps_of};
use super::scan::{Look, ranges_of};
use super::uid_validity::Given;
use super::{Mailbox, MailboxError, Mailboxes, damaged, lease, listing, no_mailbox};
use crate::Maildir;
use crate::neighbours::dovecot_validity;

/// Numbers that another program has given in a folder (Dovecot's `dovecot-uidlist`, Courier's `courierimapuiddb`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seed {
    /// RFC 9051 §2.3.1.1.
    pub uid_validity: u32,
    /// The next UID.
    pub uid_next: u32,
    /// The highest mod-sequence; 0 where there were none.
    pub modseq: u64,
    /// Which UID is which file, in any order.
    pub letters: Vec<SeedLetter>,
}

/// A letter that has a UID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeedLetter {
    /// Its UID.
    pub uid: u32,
    /// Its file's name, with or without flags.
    pub name: Vec<u8>,
}

type Opened = (RegisterFile, Contents, Tail);

impl Mailboxes {
    /// Makes a register, unless somebody else just has.
    pub(super) fn begin_register(
        &self,
        folder: &Maildir,
        path: &Path,
        seed: Option<Seed>,
    ) -> Result<Opened, MailboxError> {
        let disk = self.disk();
        if !folder.exists(disk)? {
            return Err(MailboxError::NoMailbox { path: folder.root().to_owned() });
        }
        let _turn = folder.turn(disk)?;
        match RegisterFile::open(disk, path) {
            Ok(opened) => return Ok(opened),
            Err(Unusable::Disk(error)) => return Err(error.into()),
            Err(Unusable::Missing | Unusable::Damaged) => {}
        }
        let by = || folder.tmp().join(self.unique_name());
        let mut contents = Contents { mailbox_id: random_id(), ..Contents::default() };
        contents.lease.uid_next = 1;
        contents.lease.modseq = 1;
        let inbox = folder.inbox().unwrap_or_else(|| folder.clone());
        let mut given = Given::read(disk, inbox.root())?;
        let name = name_in_mailbox(folder);
        let seed = seed.filter(|seed| given.may_take_over(seed.uid_validity, &name));
        let known = seed.as_ref().map(|seed| seed.uid_validity);
        contents.uid_validity = given.give(disk, inbox.root(), &by(), known)?;
        if let Some(seed) = seed {
            plant(&mut contents, seed).ok_or_else(|| damaged(path))?;
        }
        let (stamps, began) = (stamps_of(disk, folder)?, SystemTime::now());
        let look = Look { disk, folder, unique_name: &|| self.unique_name() };
        let mut differences =
            look.differences(&mut contents.letters).map_err(|error| no_mailbox(folder, error))?;
        let quiet = !differences.restless && stamps_of(disk, folder)? == stamps;
        contents.listed = believable(stamps, began).filter(|_| quiet);
        let (modseq, uid_next) = (contents.lease.modseq, contents.lease.uid_next);
        for frame in differences.frames_of_known(&contents.letters, modseq) {
            contents.apply(&frame).map_err(|_| damaged(path))?;
        }
        let fresh = differences.fresh.numbered(uid_next);
        contents.assign(modseq, fresh).map_err(|_| damaged(path))?;
        drop(differences);
        // Those that have never been here weren't expunged, either.
        contents.expunged.forget_until(modseq);
        lease::reserve(&mut contents.lease, 0, &self.boot)?;
        let (file, _) = file::write_anew(disk, &by(), path, &contents)?;
        if let Some(known) = known {
            // Behind the register: else a crash in between would leave the folder without its numbers.
            given.taken_over(disk, inbox.root(), &by(), (known, &name))?;
        }
        Ok((file, contents, Tail::Whole))
    }
}

/// Takes over the UIDs of letters.
fn plant(contents: &mut Contents, seed: Seed) -> Option<()> {
    contents.lease.modseq = seed.modseq.max(1);
    let letters = seed.added();
    contents.apply(&Frame::Assigned { modseq: contents.lease.modseq, letters }).ok()?;
    contents.lease.uid_next = contents.lease.uid_next.max(seed.uid_next);
    Some(())
}

impl Seed {
    /// Its letters, sorted, as far as they can be.
    fn added(&self) -> Vec<Added> {
        let mut sorted: Vec<&SeedLetter> = self.letters.iter().collect();
        sorted.sort_by_key(|letter| letter.uid);
        let (mut letters, mut known, mut last) = (Vec::new(), HashSet::new(), 0);
        for SeedLetter { uid, name } in sorted {
            let is_new = *uid > last && *uid < u32::MAX;
            if !is_new || name.is_empty() || !known.insert(identity(name)) {
                continue;
            }
            last = *uid;
            let Name { stored, flagged } = Name::parse(name, Place::Cur);
            letters.push(Added { uid: last, flagged, saved: 0, stored: stored.to_vec() });
        }
        letters
    }
}

impl Mailboxes {
    /// Opens a folder where another program has gone on from the numbers that it was given: its own count. Where it has
    /// begun anew, with another UIDVALIDITY, so do we; and where both have gone on, and told clients of two letters by
    /// one UID, neither's numbers are good any more.
    pub(crate) fn take_back(
        self: &Arc<Self>,
        folder: &Maildir,
        seed: &Seed,
    ) -> Result<Mailbox, MailboxError> {
        let open = |seed: Option<&Seed>| self.open_with(folder, || Ok(seed.cloned()));
        let mut mailbox = open(Some(seed))?;
        if mailbox.contradicts(seed)? {
            self.disk().remove(&mailbox.path)?;
            return open(None);
        }
        if mailbox.uid_validity() == seed.uid_validity {
            mailbox.merge(seed)?;
            return Ok(mailbox);
        }
        let inbox = folder.inbox().unwrap_or_else(|| folder.clone());
        let given = Given::read(self.disk(), inbox.root())?;
        if !given.may_take_over(seed.uid_validity, &name_in_mailbox(folder)) {
            return Ok(mailbox);
        }
        self.disk().remove(&mailbox.path)?;
        open(Some(seed))
    }
}

impl Mailbox {
    /// Whether a UID is another letter's there, with the same UIDVALIDITY.
    fn contradicts(&self, seed: &Seed) -> Result<bool, MailboxError> {
        if self.uid_validity() != seed.uid_validity {
            return Ok(false);
        }
        let ranges = self.contents.expunged.ranges();
        let expunged = joined(ranges.iter().map(|range| (range.from, range.to)).collect());
        let is_expunged = |uid| {
            let at = expunged.partition_point(|(_, to)| *to < uid);
            expunged.get(at).is_some_and(|(from, _)| *from <= uid)
        };
        let mut theirs_alone = HashSet::new();
        for theirs in seed.added() {
            let theirs_is = identity(&theirs.stored);
            match self.contents.letters.get(theirs.uid) {
                Some(ours) if identity(self.contents.letters.stored(ours)) != theirs_is => {
                    return Ok(true);
                }
                None if is_expunged(theirs.uid) => {
                    theirs_alone.insert(theirs_is.to_owned());
                }
                Some(_) | None => {}
            }
        }
        // What has gone here may stand in the other's list still; what is there is another letter.
        let mut is_there = false;
        if !theirs_alone.is_empty() {
            let look = |_, name: &[u8]| is_there |= theirs_alone.contains(identity(name));
            listing::all(self.disk(), &self.folder, look)?;
        }
        Ok(is_there)
    }

    /// Letters get the UIDs that another program has told clients of since; what we know of a letter beside its UID stays.
    fn merge(&mut self, seed: &Seed) -> Result<(), MailboxError> {
        let mut locked = self.lock()?;
        let (modseq, mut letters) = (self.contents.lease.modseq + 1, Letters::default());
        for added in seed.added() {
            let known = self.contents.letters.find(&added.stored);
            let known = known.and_then(|at| self.contents.letters.records().get(at));
            match known.filter(|record| record.uid == added.uid) {
                Some(record) => {
                    let stored = self.contents.letters.stored(record).to_vec();
                    let (flagged, saved) = (record.flagged(), record.saved);
                    let same = Added { uid: added.uid, flagged, saved, stored };
                    letters.push(same.borrowed(), record.modseq);
                }
                None => drop(letters.push(added.borrowed(), modseq)),
            }
        }
        let uids = self.contents.letters.records().iter().map(|record| record.uid);
        let gone: Vec<u32> = uids.filter(|uid| letters.get(*uid).is_none()).collect();
        self.contents.letters = letters;
        self.contents.expunged.add(modseq, &ranges_of(&gone));
        let lease = &mut self.contents.lease;
        (lease.modseq, lease.uid_next) = (modseq, lease.uid_next.max(seed.uid_next));
        // Whatever else has changed, the next look finds.
        (self.contents.listed, self.looked_at) = (None, None);
        self.write_anew(&mut locked)
    }

    /// Its numbers were given back to another program, which goes on from there: they may be taken over once more,
    /// should there be no register then.
    ///
    /// # Errors
    /// What the disk said.
    pub(crate) fn numbers_were_given_back(&self) -> Result<(), MailboxError> {
        let inbox = self.folder.inbox().unwrap_or_else(|| self.folder.clone());
        let given = Given::read(self.disk(), inbox.root())?;
        let name = name_in_mailbox(&self.folder);
        let last = given.last().max(self.uid_validity());
        given.give_back(self.disk(), inbox.root(), &self.tmp_path(), &name)?;
        Ok(dovecot_validity::raise(self.disk(), inbox.root(), &self.tmp_path(), last)?)
    }
}

/// What a folder is called among those of its mailbox.
fn name_in_mailbox(folder: &Maildir) -> String {
    folder.name().map_or_else(|| "INBOX".to_owned(), |name| format!(".{name}"))
}

fn random_id() -> [u8; 16] {
    let mut id = [0; 16];
    for part in id.chunks_exact_mut(4) {
        part.copy_from_slice(&crate::file_name::drawn_by_the_kernel().to_le_bytes());
    }
    id
}
