//! Changing what is there: flags, from new/ to cur/, removing. Each change is a file's new name, at once, so that other
//! programs see it; and it is made to the name that is found, whatever was known.

use std::io;

use super::frame::Frame;
use super::lease::Locked;
use super::letters::Record;
use super::name::{Flagged, Name, Place, State, with_flags};
use super::names::LetterFlags;
use super::scan::{found_of, ranges_of, runs_of};
use super::{Mailbox, MailboxError};
use crate::limits::{FILES_AT_ONCE, LOOKS_MAX};

/// What becomes of flags (RFC 9051 §6.4.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlagChange {
    /// `+FLAGS`
    Add(LetterFlags),
    /// `-FLAGS`
    Remove(LetterFlags),
    /// `FLAGS`
    Replace(LetterFlags),
}

impl FlagChange {
    pub(super) fn of(self, flags: LetterFlags) -> LetterFlags {
        match self {
            Self::Add(more) => flags.and(more),
            Self::Remove(less) => flags.without(less),
            Self::Replace(with) => with,
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FlagsChanged {
    /// Letters that have other flags now, sorted. Those that had these already aren't among them.
    pub changed: Vec<u32>,
    /// Letters that were changed since the mod-sequence that was asked for, sorted: they are as they were (RFC 7162
    /// §3.1.3, `MODIFIED`).
    pub modified: Vec<u32>,
    /// Letters that aren't there, sorted.
    pub gone: Vec<u32>,
}

/// What came of one file.
enum Tried {
    Done,
    /// It wasn't where it was last seen.
    LookAgain,
}

impl Mailbox {
    /// Changes the flags of letters. With `unchanged_since`, only of those whose mod-sequence is at most that.
    ///
    /// # Errors
    /// What the disk said: some letters may be changed, and [`Mailbox::changed_since`] tells which.
    pub fn set_flags(
        &mut self,
        uids: &[u32],
        change: FlagChange,
        unchanged_since: Option<u64>,
    ) -> Result<FlagsChanged, MailboxError> {
        let mut result = FlagsChanged::default();
        let gone = self.change_files(uids, |mailbox, some, again, frames| {
            let modseq = mailbox.contents.lease.modseq + 1;
            let mut flagged = Vec::new();
            for &uid in some {
                let Some(&record) = mailbox.contents.letters.get(uid) else {
                    result.gone.push(uid);
                    continue;
                };
                let known = mailbox.contents.modseq(record.modseq);
                if unchanged_since.is_some_and(|since| known > since) {
                    result.modified.push(uid);
                    continue;
                }
                let flags = record.state.letter_flags(record.keywords);
                let wanted = change.of(flags);
                if wanted == flags {
                    continue;
                }
                match mailbox.flag_file(&record, wanted, modseq, &mut flagged, frames) {
                    Ok(Tried::Done) => result.changed.push(uid),
                    Ok(Tried::LookAgain) => again.push(uid),
                    Err(error) => {
                        mailbox.push_runs(&flagged, Some(modseq), frames);
                        return Err(error);
                    }
                }
            }
            mailbox.push_runs(&flagged, Some(modseq), frames);
            Ok(())
        })?;
        result.gone.extend(gone);
        for uids in [&mut result.changed, &mut result.modified, &mut result.gone] {
            uids.sort_unstable();
        }
        Ok(result)
    }

    /// Gives one file its new name.
    fn flag_file(
        &self,
        record: &Record,
        flags: LetterFlags,
        modseq: u64,
        flagged: &mut Vec<(u32, Flagged)>,
        frames: &mut Vec<Frame>,
    ) -> Result<Tried, MailboxError> {
        let letters = &self.contents.letters;
        let old = found_of(letters, record);
        let stored = letters.stored(record);
        let name = with_flags(stored, record.flagged(), flags.system, flags.keywords);
        let keeps_name = old.place == Place::Cur && old.name == name;
        if !keeps_name && self.rename(&self.file_path(old.place, &old.name), &name)? == Renamed::No
        {
            return Ok(Tried::LookAgain);
        }
        let parsed = Name::parse(&name, Place::Cur);
        let now = Flagged { state: parsed.flagged.state, keywords: flags.keywords };
        let whole = now.state.has(State::WHOLE) || record.state.has(State::WHOLE);
        if whole {
            let (uid, stored) = (record.uid, parsed.stored.to_vec());
            frames.push(Frame::Renamed { modseq: Some(modseq), uid, flagged: now, stored });
        } else {
            flagged.push((record.uid, now));
        }
        Ok(Tried::Done)
    }

    /// Moves a file to a name in cur/ that must be free.
    fn rename(&self, from: &std::path::Path, name: &[u8]) -> Result<Renamed, MailboxError> {
        match self.disk().rename_noreplace(from, &self.file_path(Place::Cur, name)) {
            Ok(()) => Ok(Renamed::Yes),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists
                ) =>
            {
                Ok(Renamed::No)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn push_runs(&self, flagged: &[(u32, Flagged)], modseq: Option<u64>, frames: &mut Vec<Frame>) {
        if !flagged.is_empty() {
            let runs = runs_of(&self.contents.letters, flagged);
            frames.push(Frame::Flagged { modseq, runs });
        }
    }

    /// Moves letters from new/ to cur/, as SELECT does and EXAMINE doesn't. Gives those that were: `\Recent` in this
    /// session, and in no other.
    ///
    /// # Errors
    /// What the disk said: some may be moved.
    pub fn take_in(&mut self) -> Result<Vec<u32>, MailboxError> {
        let new = self.entries().filter(|entry| entry.is_new());
        let new: Vec<u32> = new.map(|entry| entry.uid()).collect();
        if new.is_empty() {
            return Ok(new);
        }
        let mut taken = Vec::with_capacity(new.len());
        self.change_files(&new, |mailbox, some, again, frames| {
            let (mut moved, mut failed) = (Vec::new(), None);
            for &uid in some {
                let letters = &mailbox.contents.letters;
                let record = letters.get(uid).filter(|record| record.state.has(State::IN_NEW));
                let Some(&record) = record else { continue };
                let old = found_of(letters, &record);
                let state = record.state.without(State::IN_NEW);
                let state = match state.has(State::WHOLE) {
                    true => state,
                    false => state.and(State::INFO),
                };
                let flagged = Flagged { state, keywords: record.keywords };
                let mut name = Vec::new();
                super::name::push_name(letters.stored(&record), flagged, &mut name);
                match mailbox.rename(&mailbox.file_path(old.place, &old.name), &name) {
                    Ok(Renamed::Yes) => {
                        moved.push((uid, flagged));
                        taken.push(uid);
                    }
                    Ok(Renamed::No) => again.push(uid),
                    Err(error) => {
                        failed = Some(error);
                        break;
                    }
                }
            }
            mailbox.push_runs(&moved, None, frames);
            failed.map_or(Ok(()), Err)
        })?;
        taken.sort_unstable();
        Ok(taken)
    }

    /// Removes letters, for good. Gives those that are gone by it, sorted.
    ///
    /// # Errors
    /// What the disk said: some may be gone, and [`Mailbox::expunged_since`] tells which.
    pub fn expunge(&mut self, uids: &[u32]) -> Result<Vec<u32>, MailboxError> {
        let mut expunged = Vec::with_capacity(uids.len());
        self.change_files(uids, |mailbox, some, again, frames| {
            let (mut removed, mut failed) = (Vec::new(), None);
            for &uid in some {
                let letters = &mailbox.contents.letters;
                let Some(record) = letters.get(uid) else { continue };
                let found = found_of(letters, record);
                match mailbox.disk().remove(&mailbox.file_path(found.place, &found.name)) {
                    Ok(()) => removed.push(uid),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => again.push(uid),
                    Err(error) => {
                        failed = Some(error.into());
                        break;
                    }
                }
            }
            if !removed.is_empty() {
                let modseq = mailbox.contents.lease.modseq + 1;
                frames.push(Frame::Expunged { modseq, ranges: ranges_of(&removed) });
            }
            expunged.extend(removed);
            failed.map_or(Ok(()), Err)
        })?;
        expunged.sort_unstable();
        Ok(expunged)
    }

    /// Does something with files, some at a time: `change` gets UIDs, and says which files weren't where they were last
    /// seen, and what the register is to be told. Those are looked for, and tried again; gives those that aren't there.
    fn change_files(
        &mut self,
        uids: &[u32],
        mut change: impl FnMut(
            &Self,
            &[u32],
            &mut Vec<u32>,
            &mut Vec<Frame>,
        ) -> Result<(), MailboxError>,
    ) -> Result<Vec<u32>, MailboxError> {
        let mut todo = uids.to_vec();
        todo.sort_unstable();
        todo.dedup();
        let mut locked = self.lock()?;
        for look in 0..LOOKS_MAX {
            if todo.is_empty() {
                break;
            }
            if look > 0 {
                self.list_locked(&mut locked)?;
            }
            let mut again = Vec::new();
            for some in todo.chunks(FILES_AT_ONCE) {
                self.reserve(&mut locked, 0)?;
                let mut frames = Vec::new();
                let changed = change(self, some, &mut again, &mut frames);
                // What was done is kept, whatever else failed.
                self.write(&mut locked, &frames)?;
                changed?;
                self.hear_of_own(&mut locked)?;
            }
            todo = again;
        }
        self.tidy(&mut locked);
        Ok(todo)
    }

    /// The system tells us of what we have just done: taken at once, for it keeps a limited number.
    pub(super) fn hear_of_own(&mut self, locked: &mut Locked) -> Result<(), MailboxError> {
        if !self.watching.as_ref().is_some_and(|watching| watching.complete) {
            return Ok(());
        }
        let stamps = self.stamps()?;
        match self.news()? {
            Some(changes) => self.take_news(locked, &changes, stamps),
            // Too much at once: the next look lists.
            None => Ok(()),
        }
    }
}

#[derive(PartialEq, Eq)]
enum Renamed {
    Yes,
    /// It isn't there, or another file has that name.
    No,
}
