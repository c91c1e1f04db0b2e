//! Changing what is there: flags, from new/ to cur/, removing. Each change is a file's new name, at once, so that other
//! programs see it; and it is made to the name that is found, whatever was known.

use std::ffi::OsStr;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt as _;

use postroad_disk::DiskError;

use super::frame::Frame;
use super::lease::Locked;
use super::letters::Record;
use super::name::{Flagged, Name, Place, State, push_name, with_flags};
use super::names::LetterFlags;
use super::scan::{Found, found_of, ranges_of, runs_of};
use super::{Mailbox, MailboxError};
use crate::limits::{FILES_AT_ONCE, FILES_WATCHED_MAX, LOOKS_MAX};

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
    /// What it makes of flags.
    #[must_use]
    pub fn of(self, flags: LetterFlags) -> LetterFlags {
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
    /// The mod-sequences of these changes: what others have changed, and was noticed meanwhile, has others.
    pub modseqs: Vec<u64>,
}

/// A file that is to have another name, in cur/.
struct NewName {
    uid: u32,
    old: Found,
    name: Vec<u8>,
    now: Flagged,
    /// What is to be stored of it, where that is something else than before.
    stored: Option<Vec<u8>>,
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
            let mut changes = Vec::with_capacity(some.len());
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
                if wanted != flags {
                    changes.push(mailbox.with_other_flags(&record, wanted));
                }
            }
            let (mut flagged, mut renamed) = (Vec::new(), Vec::new());
            let tried = mailbox.rename(&changes, again, |change| {
                let NewName { uid, now, stored, .. } = change;
                result.changed.push(*uid);
                match stored {
                    None => flagged.push((*uid, *now)),
                    Some(stored) => renamed.push(Frame::Renamed {
                        modseq: Some(modseq),
                        uid: *uid,
                        flagged: *now,
                        stored: stored.clone(),
                    }),
                }
            });
            if !(flagged.is_empty() && renamed.is_empty()) {
                result.modseqs.push(modseq);
            }
            // A file that was looked for again may come behind others.
            flagged.sort_unstable_by_key(|(uid, _)| *uid);
            mailbox.push_runs(&flagged, Some(modseq), frames);
            frames.extend(renamed);
            tried
        })?;
        result.gone.extend(gone);
        for uids in [&mut result.changed, &mut result.modified, &mut result.gone] {
            uids.sort_unstable();
        }
        Ok(result)
    }

    /// The name of a letter's file with other flags.
    fn with_other_flags(&self, record: &Record, flags: LetterFlags) -> NewName {
        let letters = &self.contents.letters;
        let name =
            with_flags(letters.stored(record), record.flagged(), flags.system, flags.keywords);
        let parsed = Name::parse(&name, Place::Cur);
        let now = Flagged { state: parsed.flagged.state, keywords: flags.keywords };
        let whole = now.state.has(State::WHOLE) || record.state.has(State::WHOLE);
        let stored = whole.then(|| parsed.stored.to_vec());
        NewName { uid: record.uid, old: found_of(letters, record), name, now, stored }
    }

    /// Gives files their new names, in cur/, where they are free. Tells which have them, and which have to be looked
    /// for: they aren't there, or another file has the name.
    fn rename(
        &self,
        changes: &[NewName],
        again: &mut Vec<u32>,
        mut done: impl FnMut(&NewName),
    ) -> Result<(), MailboxError> {
        let is_named =
            |change: &&NewName| change.old.place == Place::Cur && change.old.name == change.name;
        // Keywords that no letter stands for.
        changes.iter().filter(is_named).for_each(&mut done);
        for place in [Place::New, Place::Cur] {
            let some =
                || changes.iter().filter(|change| change.old.place == place && !is_named(change));
            let names: Vec<(&OsStr, &OsStr)> = some()
                .map(|change| {
                    (OsStr::from_bytes(&change.old.name), OsStr::from_bytes(&change.name))
                })
                .collect();
            if names.is_empty() {
                continue;
            }
            let (from, to) = (self.directory(place), self.directory(Place::Cur));
            let (mut left, mut failed) = (some(), None);
            self.disk().rename_many(&from, &to, &names, &mut |renamed| {
                let Some(change) = left.next() else { return ControlFlow::Break(()) };
                match renamed {
                    Ok(()) => done(change),
                    Err(error) if is_elsewhere(&error) => again.push(change.uid),
                    Err(error) => {
                        failed = Some(error);
                        return ControlFlow::Break(());
                    }
                }
                ControlFlow::Continue(())
            })?;
            if let Some(error) = failed {
                return Err(error.into());
            }
        }
        Ok(())
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
        let new = self.contents.letters.new_uids();
        if new.is_empty() {
            return Ok(new);
        }
        let mut taken = Vec::with_capacity(new.len());
        self.change_files(&new, |mailbox, some, again, frames| {
            let letters = &mailbox.contents.letters;
            let mut changes = Vec::with_capacity(some.len());
            for &uid in some {
                let record = letters.get(uid).filter(|record| record.state.has(State::IN_NEW));
                let Some(&record) = record else { continue };
                let state = record.state.without(State::IN_NEW);
                let state = match state.has(State::WHOLE) {
                    true => state,
                    false => state.and(State::INFO),
                };
                let now = Flagged { state, keywords: record.keywords };
                let mut name = Vec::new();
                push_name(letters.stored(&record), now, &mut name);
                let old = found_of(letters, &record);
                changes.push(NewName { uid, old, name, now, stored: None });
            }
            let mut moved = Vec::with_capacity(changes.len());
            let tried = mailbox.rename(&changes, again, |change| {
                moved.push((change.uid, change.now));
                taken.push(change.uid);
            });
            mailbox.push_runs(&moved, None, frames);
            tried
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
        let mut locked = self.lock_in_view()?;
        let is_watched = todo.len() <= FILES_WATCHED_MAX;
        if !is_watched {
            self.stop_watching();
        }
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
        if !is_watched {
            self.watch();
            self.list_locked(&mut locked)?;
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

/// It isn't there, or another file has its new name.
fn is_elsewhere(error: &DiskError) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists)
}
