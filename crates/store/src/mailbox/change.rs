//! Changing what is there: flags, from new/ to cur/, removing. Each change is a file's new name, at once, so that other
//! programs see it; and it is made to the name that is found, whatever was known.

use std::ffi::OsStr;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt as _;
use std::panic::resume_unwind;
use std::thread;

use postroad_disk::DiskError;

use super::contents::Contents;
use super::frame::Frame;
use super::lease::Locked;
use super::letters::{Letters, Record};
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

/// What letters are to become.
#[derive(Default)]
struct OtherFlags {
    changes: Vec<NewName>,
    modified: Vec<u32>,
    gone: Vec<u32>,
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
        let prepare = |contents: &Contents, some: &[u32]| {
            OtherFlags::of(contents, some, change, unchanged_since)
        };
        let gone = self.change_files(uids, prepare, |mailbox, wanted, again, frames| {
            let modseq = mailbox.contents.lease.modseq + 1;
            result.gone.extend(wanted.gone);
            result.modified.extend(wanted.modified);
            let (mut flagged, mut renamed) = (Vec::new(), Vec::new());
            let tried = mailbox.rename(&wanted.changes, again, |change| {
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
        self.change_files(&new, names_in_cur, |mailbox, changes, again, frames| {
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
        self.change_files(uids, files_of, |mailbox, files, again, frames| {
            let (mut removed, mut failed) = (Vec::new(), None);
            for (uid, found) in files {
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

    /// Does something with files, some at a time. `prepare` says what, by UIDs, while those before them are `change`d:
    /// that says which files weren't where they were last seen, and what the register is to be told. Those are looked
    /// for, and tried again; gives those that aren't there.
    ///
    /// The system can't tell of so many files as it does of a few: behind those the next look lists.
    fn change_files<P: Send>(
        &mut self,
        uids: &[u32],
        prepare: impl Fn(&Contents, &[u32]) -> P + Sync,
        mut change: impl FnMut(&Self, P, &mut Vec<u32>, &mut Vec<Frame>) -> Result<(), MailboxError>,
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
            let mut chunks = todo.chunks(FILES_AT_ONCE);
            let mut prepared = chunks.next().map(|some| prepare(&self.contents, some));
            while let Some(now) = prepared {
                self.reserve(&mut locked, 0)?;
                let mut frames = Vec::new();
                let next = chunks.next();
                let (changed, ahead) = beside(
                    || change(self, now, &mut again, &mut frames),
                    next.map(|some| || prepare(&self.contents, some)),
                );
                // What was done is kept, whatever else failed.
                self.write(&mut locked, &frames)?;
                changed?;
                self.hear_of_own(&mut locked)?;
                prepared = ahead;
            }
            todo = again;
        }
        if !is_watched {
            self.watch();
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

impl OtherFlags {
    fn of(
        contents: &Contents,
        some: &[u32],
        change: FlagChange,
        unchanged_since: Option<u64>,
    ) -> Self {
        let mut wanted = Self::default();
        for &uid in some {
            let Some(record) = contents.letters.get(uid) else {
                wanted.gone.push(uid);
                continue;
            };
            let known = contents.modseq(record.modseq);
            if unchanged_since.is_some_and(|since| known > since) {
                wanted.modified.push(uid);
                continue;
            }
            let flags = record.state.letter_flags(record.keywords);
            let other = change.of(flags);
            if other != flags {
                wanted.changes.push(with_other_flags(&contents.letters, record, other));
            }
        }
        wanted
    }
}

/// The name of a letter's file with other flags.
fn with_other_flags(letters: &Letters, record: &Record, flags: LetterFlags) -> NewName {
    let name = with_flags(letters.stored(record), record.flagged(), flags.system, flags.keywords);
    let parsed = Name::parse(&name, Place::Cur);
    let now = Flagged { state: parsed.flagged.state, keywords: flags.keywords };
    let whole = now.state.has(State::WHOLE) || record.state.has(State::WHOLE);
    let stored = whole.then(|| parsed.stored.to_vec());
    NewName { uid: record.uid, old: found_of(letters, record), name, now, stored }
}

/// The names in cur/ of letters that are in new/.
fn names_in_cur(contents: &Contents, some: &[u32]) -> Vec<NewName> {
    let letters = &contents.letters;
    let in_new = |uid: &u32| letters.get(*uid).filter(|record| record.state.has(State::IN_NEW));
    some.iter()
        .filter_map(in_new)
        .map(|record| {
            let state = record.state.without(State::IN_NEW);
            let state = match state.has(State::WHOLE) {
                true => state,
                false => state.and(State::INFO),
            };
            let now = Flagged { state, keywords: record.keywords };
            let mut name = Vec::new();
            push_name(letters.stored(record), now, &mut name);
            NewName { uid: record.uid, old: found_of(letters, record), name, now, stored: None }
        })
        .collect()
}

fn files_of(contents: &Contents, some: &[u32]) -> Vec<(u32, Found)> {
    let letters = &contents.letters;
    let found = |uid: &u32| Some((*uid, found_of(letters, letters.get(*uid)?)));
    some.iter().filter_map(found).collect()
}

/// Does one thing here and the other, if there is any, in a thread beside it, where the system gives one.
fn beside<A, B: Send>(
    here: impl FnOnce() -> A,
    there: Option<impl Fn() -> B + Sync>,
) -> (A, Option<B>) {
    let Some(there) = there else { return (here(), None) };
    thread::scope(|scope| {
        let other = thread::Builder::new().spawn_scoped(scope, &there);
        let here = here();
        let there = match other.map(thread::ScopedJoinHandle::join) {
            Ok(Ok(there)) => there,
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_no_thread) => there(),
        };
        (here, Some(there))
    })
}
