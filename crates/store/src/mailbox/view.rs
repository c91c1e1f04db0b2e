//! What a session asks of an open mailbox.

use std::io;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::contents::Contents;
use super::letters::Record;
use super::name::{Place, State, arrival, identity, size};
use super::names::LetterFlags;
use super::{Mailbox, MailboxError, NewLetter};
use crate::{CacheKey, Maildir, Stored, Usage};

/// A letter of an open mailbox.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    mailbox: &'a Mailbox,
    record: &'a Record,
}

impl Mailbox {
    /// The folder.
    pub fn folder(&self) -> &Maildir {
        &self.folder
    }

    /// RFC 9051 §2.3.1.1; another one when the register was lost.
    pub fn uid_validity(&self) -> u32 {
        self.contents.uid_validity
    }

    /// The UID that the next letter gets, at least.
    pub fn uid_next(&self) -> u32 {
        self.contents.lease.uid_next
    }

    /// RFC 7162 §3.1.2.1: what changed last has it. Grows with each change that a client may be told of.
    pub fn highest_modseq(&self) -> u64 {
        self.contents.lease.modseq
    }

    /// RFC 8474: the same whatever becomes of the mailbox's name.
    pub fn mailbox_id(&self) -> String {
        id_text(self.contents.mailbox_id)
    }

    pub(crate) fn id(&self) -> [u8; 16] {
        self.contents.mailbox_id
    }

    /// What its [`crate::Cache`] is known by.
    pub fn cache_key(&self) -> CacheKey {
        let Contents { mailbox_id, uid_validity, .. } = self.contents;
        CacheKey { mailbox_id, uid_validity }
    }

    /// How many letters there are.
    pub fn exists(&self) -> usize {
        self.contents.letters.len()
    }

    /// The UIDs of all letters. Whoever keeps them has what the mailbox has, until a letter comes or goes.
    pub fn uids(&mut self) -> Arc<Vec<u32>> {
        self.contents.letters.uids()
    }

    /// All letters, by UID.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = Entry<'_>> + DoubleEndedIterator {
        self.contents.letters.records().iter().map(|record| Entry { mailbox: self, record })
    }

    /// The letters of a range of UIDs.
    pub fn entries_in(
        &self,
        uids: RangeInclusive<u32>,
    ) -> impl ExactSizeIterator<Item = Entry<'_>> + DoubleEndedIterator {
        let range = self.contents.letters.range(uids);
        let records = self.contents.letters.records().get(range).unwrap_or_default();
        records.iter().map(|record| Entry { mailbox: self, record })
    }

    /// The letter of a UID.
    pub fn entry(&self, uid: u32) -> Option<Entry<'_>> {
        let record = self.contents.letters.get(uid)?;
        Some(Entry { mailbox: self, record })
    }

    /// Letters that are new, or have other flags, since a mod-sequence.
    pub fn changed_since(&self, modseq: u64) -> impl Iterator<Item = Entry<'_>> {
        self.entries().filter(move |entry| entry.modseq() > modseq)
    }

    /// UIDs that were expunged since a mod-sequence, as sorted ranges. Where that isn't known any more, all that aren't
    /// there: a client may be told of too many (RFC 7162 §3.2.10).
    pub fn expunged_since(&self, modseq: u64) -> Vec<(u32, u32)> {
        self.contents.expunged.since(modseq).unwrap_or_else(|| self.gaps())
    }

    /// Whether that was exact.
    pub fn knows_expunged_since(&self, modseq: u64) -> bool {
        modseq >= self.contents.expunged.known_since()
    }

    fn gaps(&self) -> Vec<(u32, u32)> {
        let (mut gaps, mut next) = (Vec::new(), 1);
        let end = [self.uid_next()];
        let uids = self.contents.letters.records().iter().map(|record| record.uid);
        for uid in uids.chain(end) {
            if uid > next {
                gaps.push((next, uid - 1));
            }
            next = uid.saturating_add(1);
        }
        gaps
    }

    /// What these letters count for in a quota while they are in `folder`, which may be another one: nothing in Trash, and
    /// nothing where they are `\Deleted` (Maildir++). Those that are gone count nothing.
    ///
    /// # Errors
    /// What the disk said of letters whose name doesn't tell how long they are.
    pub fn counted(&self, uids: &[u32], folder: &Maildir) -> Result<Usage, MailboxError> {
        let mut usage = Usage::default();
        if folder.is_trash() {
            return Ok(usage);
        }
        let entries = uids.iter().filter_map(|uid| self.entry(*uid));
        for entry in entries.filter(|entry| !entry.flags().contains(LetterFlags::DELETED)) {
            let octets = match entry.octets() {
                Some(octets) => octets,
                None => match self.disk().stat(&entry.path()) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    stat => stat?.octets,
                },
            };
            usage = usage.and(Usage { octets, letters: 1 });
        }
        Ok(usage)
    }

    /// What a letter that is being written will count for here.
    pub fn will_count(&self, letter: &NewLetter) -> Usage {
        match self.folder.is_trash() || letter.flags().contains(LetterFlags::DELETED) {
            true => Usage::default(),
            false => Usage { octets: letter.octets(), letters: 1 },
        }
    }

    /// When the letter was received (INTERNALDATE): its file's time. From the disk each time: cache it.
    ///
    /// # Errors
    /// Where the letter is gone, and what the disk said.
    pub fn internal_date(&mut self, uid: u32) -> Result<SystemTime, MailboxError> {
        self.with_file(uid, |disk, path| disk.modified(path))
    }
}

/// A mailbox's id, as it is told.
pub(crate) fn id_text(id: [u8; 16]) -> String {
    id.iter().map(|octet| format!("{octet:02x}")).collect()
}

impl Entry<'_> {
    /// Its UID.
    pub fn uid(&self) -> u32 {
        self.record.uid
    }

    /// The mod-sequence of its last change.
    pub fn modseq(&self) -> u64 {
        self.mailbox.contents.modseq(self.record.modseq)
    }

    /// Its flags and keywords.
    pub fn flags(&self) -> LetterFlags {
        self.record.state.letter_flags(self.record.keywords)
    }

    /// Whether no session has taken it in yet (RFC 3501, `\Recent`): its file is in new/.
    pub fn is_new(&self) -> bool {
        self.record.state.has(State::IN_NEW)
    }

    /// When it was saved in this mailbox (RFC 8514), where that is known.
    pub fn saved(&self) -> Option<SystemTime> {
        let since = Duration::from_secs(u64::from(self.record.saved));
        (self.record.saved > 0).then_some(SystemTime::UNIX_EPOCH + since)
    }

    /// What stays the same for as long as the letter is there, and is no other letter's.
    pub fn identity(&self) -> &[u8] {
        identity(self.mailbox.contents.letters.stored(self.record))
    }

    /// When it came, as far as its file's name tells: seconds since 1970, and microseconds; 0 where it doesn't.
    pub fn arrival(&self) -> (u64, u32) {
        arrival(self.identity())
    }

    /// Octets of its file, where its name tells.
    pub fn octets(&self) -> Option<u64> {
        size(self.mailbox.contents.letters.stored(self.record), b'S')
    }

    /// Its octets with CRLF (RFC822.SIZE), where its name tells.
    pub fn wire_octets(&self) -> Option<u64> {
        size(self.mailbox.contents.letters.stored(self.record), b'W')
    }

    fn place(&self) -> Place {
        if self.is_new() { Place::New } else { Place::Cur }
    }

    /// Where it was last seen, for [`crate::Courier`].
    pub fn stored(&self) -> Stored {
        let name = self.mailbox.contents.letters.name(self.record);
        Stored::at(self.mailbox.folder.clone(), self.place(), name.to_vec())
    }

    /// Its file, where it was last seen.
    pub fn path(&self) -> PathBuf {
        self.mailbox.file_path(self.place(), &self.mailbox.contents.letters.name(self.record))
    }
}

impl Mailbox {
    /// Does something with a letter's file, wherever others have moved it meanwhile.
    pub(super) fn with_file<T>(
        &mut self,
        uid: u32,
        mut act: impl FnMut(
            &dyn postroad_disk::Disk,
            &std::path::Path,
        ) -> Result<T, postroad_disk::DiskError>,
    ) -> Result<T, MailboxError> {
        for look in 0..crate::limits::LOOKS_MAX {
            if look > 0 {
                self.look_again()?;
            }
            let path = self.entry(uid).ok_or(MailboxError::Gone { uid })?.path();
            match act(self.disk(), &path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                done => return Ok(done?),
            }
        }
        Err(MailboxError::Gone { uid })
    }
}
