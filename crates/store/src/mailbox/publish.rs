//! Adding letters: written into tmp/ and synced, then shown in cur/, all or none of them.
//!
//! Several are shown after an intent, which is synced: whoever opens the folder after a crash finishes it. It is never
//! undone after a crash, for then letters that somebody was told of might go. A letter's file that is neither in tmp/
//! nor in cur/ then was removed since.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use postroad_disk::{Disk, DiskError};

use super::frame::{Frame, IntendedFile, Intent};
use super::lease::Locked;
use super::letters::Added;
use super::name::{Flagged, Place, State, push_name};
use super::names::LetterFlags;
use super::{Mailbox, MailboxError, Moving, as_path};
use crate::Maildir;
use crate::file_name::in_full;
use crate::tmp_letter::{BUFFER_OCTETS, TmpFile, TmpLetter};

/// A letter that is being written, for [`Mailbox::append`]. Dropped before that, it leaves nothing.
#[derive(Debug)]
pub struct NewLetter {
    letter: TmpLetter,
    flags: LetterFlags,
    received: Option<SystemTime>,
    stage: Stage,
}

/// How far a letter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Coming,
    Written,
    Durable,
}

impl NewLetter {
    /// Appends octets as they stand on the wire: CRLF becomes LF, however they are cut.
    ///
    /// # Errors
    /// What the disk said: the letter can't be stored. Drop it.
    pub fn write(&mut self, octets: &[u8]) -> Result<(), MailboxError> {
        Ok(self.letter.write(octets)?)
    }

    /// Flags that it has from the beginning, of its mailbox ([`Mailbox::flags_of`]).
    pub fn set_flags(&mut self, flags: LetterFlags) {
        self.flags = flags;
    }

    pub(super) fn flags(&self) -> LetterFlags {
        self.flags
    }

    /// What it will be known by.
    pub(super) fn identity(&self) -> &[u8] {
        self.letter.tmp.unique.as_bytes()
    }

    /// When it was received (INTERNALDATE); else, now.
    pub fn set_received(&mut self, at: SystemTime) {
        self.received = Some(at);
    }

    /// Octets of its file so far.
    pub fn octets(&self) -> u64 {
        self.letter.octets()
    }

    /// Writes what is left, and has the system begin to put it on the disk: nothing more comes. Not durable yet. Of several
    /// letters that are written so, the first one's [`NewLetter::sync`] takes most of the others along.
    ///
    /// # Errors
    /// What the disk said: the letter can't be stored. Drop it.
    pub fn finish(&mut self) -> Result<(), MailboxError> {
        if self.stage != Stage::Coming {
            return Ok(());
        }
        self.letter.finish()?;
        if let Some(received) = self.received {
            // In front of the sync, which takes it along with the new length.
            self.letter.file.set_modified(received)?;
        }
        self.letter.file.start_sync();
        self.stage = Stage::Written;
        Ok(())
    }

    /// Makes all that was written durable; [`Mailbox::append`] does so where it wasn't done, and then whoever else wants
    /// the mailbox waits.
    ///
    /// # Errors
    /// What the disk said: the letter can't be stored. Drop it.
    pub fn sync(&mut self) -> Result<(), MailboxError> {
        self.finish()?;
        if self.stage != Stage::Durable {
            self.letter.file.sync()?;
            self.stage = Stage::Durable;
        }
        Ok(())
    }
}

/// A file in tmp/ that is to be shown.
#[derive(Debug)]
struct Staged {
    tmp: TmpFile,
    file: IntendedFile,
}

/// Letters that are about to be copied: their files are in the other folder's tmp/ already.
#[derive(Debug)]
pub struct Copies {
    copies: Vec<Copied>,
    names: HashMap<LetterFlags, Vec<String>>,
}

#[derive(Debug)]
struct Copied {
    uid: u32,
    /// The letter's that is copied.
    identity: Vec<u8>,
    tmp: TmpFile,
    flags: LetterFlags,
    /// Of the file and on the wire, where the old name told both.
    octets: Option<(u64, u64)>,
}

/// What stays of a letter's name ([`super::Entry::identity`]), and of its name where it goes.
pub type Renamed = (Vec<u8>, Vec<u8>);

impl Copies {
    /// Whose copies they are, and their own.
    pub(super) fn identities(&self) -> impl Iterator<Item = Renamed> {
        self.copies.iter().map(|copy| (copy.identity.clone(), copy.tmp.unique.clone().into_bytes()))
    }

    /// Drops the others, by the identities of whose copies they are.
    pub(super) fn retain(&mut self, mut is_kept: impl FnMut(&[u8]) -> bool) {
        self.copies.retain(|copy| is_kept(&copy.identity));
    }
}

impl Mailbox {
    /// Begins a letter for this mailbox. The mailbox isn't held up by it, however long it takes.
    ///
    /// # Errors
    /// What the disk said.
    pub fn new_letter(&self) -> Result<NewLetter, MailboxError> {
        let letter = TmpLetter::create(&self.all.disk, &self.folder, || self.all.unique_name())?;
        let flags = LetterFlags::default();
        Ok(NewLetter { letter, flags, received: None, stage: Stage::Coming })
    }

    /// Adds letters: all of them or none, and durably when it returns. Gives their UIDs, in the same order.
    ///
    /// # Errors
    /// What the disk said: none of them is there. After a crash meanwhile all of them may be.
    pub fn append(&mut self, letters: Vec<NewLetter>) -> Result<Vec<u32>, MailboxError> {
        self.append_in_place(letters, None)
    }

    /// The same in place of a letter that goes then ([`Mailbox::end_move`]), be it in this mailbox or another one.
    ///
    /// # Errors
    /// As there, and [`MailboxError::Renumbered`] where the letter was in this mailbox, and that is another one by now.
    pub fn append_in_place(
        &mut self,
        letters: Vec<NewLetter>,
        moving: Option<&Moving>,
    ) -> Result<Vec<u32>, MailboxError> {
        let now = now();
        let mut staged = Vec::with_capacity(letters.len());
        for mut letter in letters {
            letter.sync()?;
            let NewLetter { letter, flags, .. } = letter;
            let (octets, on_the_wire) = (letter.octets(), letter.octets_on_the_wire());
            let base = in_full(&letter.tmp.unique, None, octets, on_the_wire);
            staged.push(stage(letter.tmp, base, flags, now));
        }
        self.publish(staged, moving)
    }

    /// Links letters into the folder that they are to be copied to; those that are gone are left out.
    ///
    /// # Errors
    /// What the disk said: nothing is copied.
    pub fn copies(&mut self, uids: &[u32], to: &Maildir) -> Result<Copies, MailboxError> {
        let (mut copies, mut names) = (Vec::with_capacity(uids.len()), HashMap::new());
        for &uid in uids {
            let all = Arc::clone(&self.all);
            let tmp = TmpFile::named(&all.disk, to, all.unique_name());
            match self.with_file(uid, |disk, path| link_or_copy(disk, path, &tmp.path)) {
                Err(MailboxError::Gone { .. }) => continue,
                linked => linked?,
            }
            let Some(entry) = self.entry(uid) else { continue };
            let flags = entry.flags();
            let octets = entry.octets().zip(entry.wire_octets());
            names
                .entry(flags)
                .or_insert_with(|| self.flag_names(flags).into_iter().map(str::to_owned).collect());
            let identity = entry.identity().to_owned();
            copies.push(Copied { uid, identity, tmp, flags, octets });
        }
        Ok(Copies { copies, names })
    }

    /// Takes letters that were linked into this folder: all of them or none, with their flags, and durably when it
    /// returns. Gives for each its old UID and its new one.
    ///
    /// # Errors
    /// What the disk said: none of them is there. After a crash meanwhile all of them may be.
    pub fn take_copies(&mut self, copies: Copies) -> Result<Vec<(u32, u32)>, MailboxError> {
        let Copies { copies, names } = copies;
        let mut flags = HashMap::new();
        for (theirs, names) in names {
            flags.insert(theirs, self.flags_of(&names)?);
        }
        let now = now();
        let (mut uids, mut staged) = (Vec::new(), Vec::new());
        for Copied { uid, tmp, flags: theirs, octets, .. } in copies {
            let base = match octets {
                Some((octets, on_the_wire)) => in_full(&tmp.unique, None, octets, on_the_wire),
                None => tmp.unique.clone(),
            };
            uids.push(uid);
            staged.push(stage(tmp, base, flags.get(&theirs).copied().unwrap_or_default(), now));
        }
        let new = self.publish(staged, None)?;
        Ok(uids.into_iter().zip(new).collect())
    }

    /// Copies letters: all of them or none. Gives for each its old UID and its new one.
    ///
    /// # Errors
    /// What the disk said: none is copied.
    pub fn copy_to(
        &mut self,
        uids: &[u32],
        target: &mut Self,
    ) -> Result<Vec<(u32, u32)>, MailboxError> {
        let copies = self.copies(uids, &target.folder)?;
        target.take_copies(copies)
    }

    /// Copies letters within this mailbox.
    ///
    /// # Errors
    /// As [`Mailbox::copy_to`].
    pub fn copy_within(&mut self, uids: &[u32]) -> Result<Vec<(u32, u32)>, MailboxError> {
        let folder = self.folder.clone();
        let copies = self.copies(uids, &folder)?;
        self.take_copies(copies)
    }

    /// Moves letters: after a crash in between they are here, or there.
    ///
    /// # Errors
    /// As [`Mailbox::copy_to`], [`super::Mailboxes::begin_move`] and [`Mailbox::end_move`].
    pub fn move_to(
        &mut self,
        uids: &[u32],
        target: &mut Self,
    ) -> Result<Vec<(u32, u32)>, MailboxError> {
        self.move_told(uids, target, &mut |_| {})
    }

    /// The same; before anything is moved `tell` hears what is to be. Some may stay all the same.
    ///
    /// # Errors
    /// As [`Mailbox::move_to`].
    pub fn move_told(
        &mut self,
        uids: &[u32],
        target: &mut Self,
        tell: &mut dyn FnMut(&[Renamed]),
    ) -> Result<Vec<(u32, u32)>, MailboxError> {
        let mut copies = self.copies(uids, &target.folder)?;
        // Whoever hears may wait for something: nothing is locked yet.
        tell(&copies.identities().collect::<Vec<_>>());
        let moving = self.all.begin_move(&self.folder, &target.folder, &copies)?;
        self.leave_out_moved(&mut copies)?;
        let pairs = target.take_copies(copies)?;
        self.end_move(moving)?;
        Ok(pairs)
    }

    /// Shows files: all or none.
    fn publish(
        &mut self,
        mut staged: Vec<Staged>,
        moving: Option<&Moving>,
    ) -> Result<Vec<u32>, MailboxError> {
        if staged.is_empty() {
            return Ok(Vec::new());
        }
        let mut locked = match moving.is_some_and(|moving| moving.is_from(&self.folder)) {
            true => self.lock_in_view()?,
            false => self.lock()?,
        };
        self.reserve(&mut locked, staged.len())?;
        let number = self.contents.lease.modseq + 1;
        let several = staged.len() > 1;
        let files: Vec<IntendedFile> = staged.iter().map(|staged| staged.file.clone()).collect();
        if several {
            // Without their names in tmp/ nobody could finish it.
            self.disk().sync_dir(&self.folder.tmp())?;
            let intent = Intent { number, files: files.clone() };
            self.write(&mut locked, &[Frame::Intent(intent)])?;
            self.sync(&mut locked)?;
        }
        let shown = self.show(&mut staged).map_err(MailboxError::from);
        let uids = match shown.and_then(|()| self.assign(&mut locked, &files)) {
            Ok(uids) => uids,
            Err(error) => {
                self.take_back(&mut locked, staged, several.then_some(number));
                return Err(error);
            }
        };
        if several {
            self.settle(&mut locked, number);
        }
        self.hear_of_own(&mut locked)?;
        self.tidy(&mut locked);
        Ok(uids)
    }

    fn show(&self, staged: &mut [Staged]) -> Result<(), DiskError> {
        for Staged { tmp, file } in staged.iter_mut() {
            tmp.show(&self.shown_path(file))?;
        }
        self.disk().sync_dir(&self.folder.cur_dir())
    }

    fn shown_path(&self, file: &IntendedFile) -> PathBuf {
        let mut name = Vec::new();
        push_name(&file.stored, file.flagged, &mut name);
        self.file_path(Place::Cur, &name)
    }

    /// They can't be shown: back to tmp/, so that an intent that is found can still be finished as a whole; then it is
    /// struck out, and they are removed.
    fn take_back(&mut self, locked: &mut Locked, staged: Vec<Staged>, intent: Option<u64>) {
        let mut all_back = true;
        let mut back = Vec::new();
        for Staged { mut tmp, file } in staged {
            if tmp.shown {
                let moved = self.disk().rename_noreplace(&self.shown_path(&file), &tmp.path);
                all_back &= moved.is_ok();
            }
            // Kept for now.
            tmp.shown = true;
            back.push(tmp);
        }
        if !all_back {
            // Whoever looks next finishes it, and with a letter alone, finds it.
            return;
        }
        if let Some(intent) = intent {
            let struck_out =
                self.write(locked, &[Frame::Done { intent }]).and_then(|()| self.sync(locked));
            if struck_out.is_err() {
                self.contents.intents.retain(|begun| begun.number != intent);
            }
        }
        back.iter_mut().for_each(|tmp| tmp.shown = false);
    }

    /// Gives UIDs to files that are shown.
    fn assign(
        &mut self,
        locked: &mut Locked,
        files: &[IntendedFile],
    ) -> Result<Vec<u32>, MailboxError> {
        let modseq = self.contents.lease.modseq + 1;
        let numbered = (self.contents.lease.uid_next..).zip(files);
        let letters: Vec<Added> = numbered
            .map(|(uid, file)| {
                let IntendedFile { stored, flagged, saved, .. } = file.clone();
                Added { uid, flagged, saved, stored }
            })
            .collect();
        let uids = letters.iter().map(|added| added.uid).collect();
        if !files.is_empty() {
            self.write(locked, &[Frame::Assigned { modseq, letters }])?;
        }
        Ok(uids)
    }

    /// All are there: the intent is done. Where that isn't written, whoever looks next finds it so.
    fn settle(&mut self, locked: &mut Locked, intent: u64) {
        let done = [Frame::Done { intent }];
        if self.reserve(locked, 0).and_then(|()| self.write(locked, &done)).is_err() {
            self.looked_at = None;
        }
    }

    /// Finishes what somebody has begun and not got done.
    pub(super) fn finish_intents(&mut self, locked: &mut Locked) -> Result<(), MailboxError> {
        while let Some(Intent { number, files }) = self.contents.intents.first().cloned() {
            let mut shown = Vec::new();
            for file in files {
                if self.finish_file(&file)? {
                    shown.push(file);
                }
            }
            self.disk().sync_dir(&self.folder.cur_dir())?;
            shown.retain(|file| self.contents.letters.find(&file.stored).is_none());
            self.reserve(locked, shown.len())?;
            self.assign(locked, &shown)?;
            self.settle(locked, number);
            self.looked_at = None;
            if self.contents.intents.first().is_some_and(|first| first.number == number) {
                return Err(super::damaged(&self.path));
            }
        }
        Ok(())
    }

    /// Shows one file; gives whether it is there.
    fn finish_file(&self, file: &IntendedFile) -> Result<bool, MailboxError> {
        let (tmp, shown) = (self.folder.tmp().join(as_path(&file.tmp)), self.shown_path(file));
        match self.disk().rename_noreplace(&tmp, &shown) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                // The power cut has left both names, or it went on from there.
                match self.disk().remove(&tmp) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
                    _ => Ok(true),
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                match self.disk().stat(&shown) {
                    Ok(_) => Ok(true),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
                    Err(error) => Err(error.into()),
                }
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn stage(tmp: TmpFile, base: String, flags: LetterFlags, saved: u32) -> Staged {
    let state = State::INFO.with_flags(flags.system);
    let flagged = Flagged { state, keywords: flags.keywords };
    let file = IntendedFile {
        tmp: tmp.unique.clone().into_bytes(),
        stored: base.into_bytes(),
        flagged,
        saved,
    };
    Staged { tmp, file }
}

fn now() -> u32 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u32::try_from(since.as_secs()).unwrap_or(u32::MAX)
}

/// A second name for a file, or where the file system has none, a second file with the same content and time.
fn link_or_copy(disk: &dyn Disk, from: &Path, to: &Path) -> Result<(), DiskError> {
    match disk.link(from, to) {
        Err(error) if cannot_link(&error) => copy(disk, from, to),
        linked => linked,
    }
}

fn cannot_link(error: &DiskError) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::CrossesDevices
            | io::ErrorKind::TooManyLinks
            | io::ErrorKind::Unsupported
            | io::ErrorKind::PermissionDenied
    )
}

fn copy(disk: &dyn Disk, from: &Path, to: &Path) -> Result<(), DiskError> {
    let source = disk.open_read(from)?;
    let mut copy = disk.create_new(to)?;
    let mut buffer = vec![0; BUFFER_OCTETS];
    let mut at = 0;
    loop {
        let read = source.read_at(&mut buffer, at)?;
        if read == 0 {
            break;
        }
        copy.write_all_at(&[buffer.get(..read).unwrap_or_default()], at)?;
        at += read as u64;
    }
    copy.set_modified(disk.modified(from)?)?;
    copy.sync()
}
