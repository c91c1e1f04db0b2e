//! Writing a register: its lock, the numbers that may be given, and what is found out about others meanwhile.
//!
//! UIDs and mod-sequences are reserved in blocks, with a sync for each block; within it nothing is synced. In another
//! boot of the system what was written since may be missing, so numbering goes on behind the block.

use std::io;
use std::time::Instant;

use postroad_disk::{Disk, DiskFile};

use super::file::{self, RegisterFile, Tail, Unusable};
use super::frame::{BOOT_OCTETS_MAX, Frame, Lease};
use super::{Mailbox, MailboxError, damaged};
use crate::CacheKey;
use crate::limits::{LEASE_NUMBERS, TURN_LOOK_EVERY};

/// The register, locked for writing until this is dropped.
pub(super) struct Locked {
    file: Box<dyn DiskFile>,
}

/// What names this boot of the system. Where the system doesn't say, each process takes a name of its own: then what
/// others have written counts as lost.
pub(super) fn boot_of(disk: &dyn Disk) -> Vec<u8> {
    let mut boot = disk.boot().into_bytes();
    if boot.is_empty() {
        let drawn = crate::file_name::drawn_by_the_kernel();
        boot = format!("{UNKNOWN_BOOT}{}-{drawn}", std::process::id()).into_bytes();
    }
    boot.truncate(BOOT_OCTETS_MAX);
    boot
}

const UNKNOWN_BOOT: &str = "process-";

/// Makes a lease one for so many UIDs and a block more.
pub(super) fn reserve(lease: &mut Lease, uids: u32, boot: &[u8]) -> Result<(), MailboxError> {
    let end = lease.uid_next.checked_add(uids).ok_or(MailboxError::NoUids)?;
    lease.uid_until = end.saturating_add(LEASE_NUMBERS);
    lease.modseq_until = lease.modseq.saturating_add(u64::from(LEASE_NUMBERS));
    lease.boot = boot.to_vec();
    Ok(())
}

impl Mailbox {
    /// What is to be known of the numbers before anything is done.
    pub(super) fn after_open(&mut self, tail: Tail) -> Result<(), MailboxError> {
        let other_boot = self.contents.lease.boot != self.all.boot;
        if other_boot {
            self.contents.lose_what_was_not_synced();
        }
        let unknown = self.all.boot.starts_with(UNKNOWN_BOOT.as_bytes());
        if tail == Tail::Torn || !self.contents.intents.is_empty() || other_boot && unknown {
            // Somebody may just be writing: with the lock it is known.
            let mut locked = self.lock()?;
            if self.contents.lease.boot != self.all.boot {
                self.renew_lease(&mut locked, 0)?;
            }
        }
        Ok(())
    }

    /// Locks the register, and reads what others have written to it.
    pub(super) fn lock(&mut self) -> Result<Locked, MailboxError> {
        let mut locked = Locked { file: self.lock_file()? };
        self.catch_up_locked(&mut locked)?;
        if self.rewrite {
            self.write_anew(&mut locked)?;
            self.rewrite = false;
        }
        self.finish_intents(&mut locked)?;
        Ok(locked)
    }

    /// The same for who has UIDs in hand: they are those of the mailbox as it was in view, and only with the lock is it known
    /// whether it is that one still.
    pub(super) fn lock_in_view(&mut self) -> Result<Locked, MailboxError> {
        let in_view = self.cache_key();
        let locked = self.lock()?;
        self.is_in_view(in_view).map(|()| locked)
    }

    /// Whether the mailbox is that one still. Where all of a user's mail was removed, nobody remembers which UIDVALIDITY was
    /// given a moment before, and the id alone tells.
    pub(super) fn is_in_view(&self, in_view: CacheKey) -> Result<(), MailboxError> {
        match self.cache_key() == in_view {
            true => Ok(()),
            false => Err(MailboxError::Renumbered { path: self.folder.root().to_owned() }),
        }
    }

    fn lock_file(&mut self) -> Result<Box<dyn DiskFile>, MailboxError> {
        let since = Instant::now();
        loop {
            match self.disk().open_locked(&self.path) {
                Ok(file) => return Ok(file),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if since.elapsed() >= self.all.lock_wait {
                        let holder = self.disk().lock_holder(&self.path);
                        return Err(MailboxError::Locked { path: self.path.clone(), holder });
                    }
                    std::thread::sleep(TURN_LOOK_EVERY);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => self.begin_anew()?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The register is missing or damaged: another one, with another UIDVALIDITY.
    fn begin_anew(&mut self) -> Result<(), MailboxError> {
        let all = std::sync::Arc::clone(&self.all);
        let (file, contents, _) = all.begin_register(&self.folder, &self.path, None)?;
        (self.file, self.contents) = (file, contents);
        (self.watching, self.looked_at, self.rewrite) = (None, None, false);
        if self.contents.lease.boot != self.all.boot {
            self.contents.lose_what_was_not_synced();
        }
        Ok(())
    }

    fn catch_up_locked(&mut self, locked: &mut Locked) -> Result<(), MailboxError> {
        match self.read_others()? {
            Read::Whole => Ok(()),
            Read::Torn => {
                // We have the lock: whoever wrote it got no further. What else is missing nobody knows.
                locked.file.truncate(self.file.end)?;
                self.contents.lose_what_was_not_synced();
                self.renew_lease(locked, 0)
            }
            Read::Damaged => {
                self.begin_anew()?;
                // Nobody else writes to the one that nobody finds any more.
                locked.file = self.lock_file()?;
                Ok(())
            }
        }
    }

    /// Reads what others have written, without a lock: what they are just writing comes next time.
    pub(super) fn catch_up(&mut self) -> Result<(), MailboxError> {
        match self.read_others()? {
            Read::Whole | Read::Torn => Ok(()),
            Read::Damaged => self.lock().map(drop),
        }
    }

    fn read_others(&mut self) -> Result<Read, MailboxError> {
        let disk = std::sync::Arc::clone(&self.all.disk);
        let number = match disk.stat(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Read::Damaged),
            stat => stat?.number,
        };
        let read = if number == self.file.number {
            self.file.read_on(&mut self.contents)
        } else {
            RegisterFile::open(disk.as_ref(), &self.path).map(|(file, contents, tail)| {
                if contents.uid_validity != self.contents.uid_validity {
                    self.looked_at = None;
                }
                (self.file, self.contents) = (file, contents);
                // It may be another folder that has the name now: the system tells of the one that had it.
                self.watching = None;
                if self.contents.lease.boot != self.all.boot {
                    self.contents.lose_what_was_not_synced();
                }
                tail
            })
        };
        match read {
            Ok(Tail::Whole) => Ok(Read::Whole),
            Ok(Tail::Torn) => Ok(Read::Torn),
            Err(Unusable::Missing | Unusable::Damaged) => Ok(Read::Damaged),
            Err(Unusable::Disk(error)) => Err(error.into()),
        }
    }

    /// Makes sure that so many UIDs and a mod-sequence may be given.
    pub(super) fn reserve(&mut self, locked: &mut Locked, uids: usize) -> Result<(), MailboxError> {
        let uids = u32::try_from(uids).map_err(|_| MailboxError::NoUids)?;
        let lease = &self.contents.lease;
        let end = lease.uid_next.checked_add(uids).ok_or(MailboxError::NoUids)?;
        let is_ours = lease.boot == self.all.boot;
        if is_ours && end <= lease.uid_until && lease.modseq < lease.modseq_until {
            return Ok(());
        }
        self.renew_lease(locked, uids)
    }

    fn renew_lease(&mut self, locked: &mut Locked, uids: u32) -> Result<(), MailboxError> {
        let mut lease = self.contents.lease.clone();
        reserve(&mut lease, uids, &self.all.boot)?;
        let (end, chain) = (self.file.end, self.file.chain);
        let frame = [Frame::Lease(lease)];
        let written = self.file.append(locked.file.as_mut(), &frame);
        if let Err(error) = written.and_then(|()| locked.file.sync()) {
            // Nobody may believe it: after a failed sync the file shows what the disk may not have.
            (self.file.end, self.file.chain, self.rewrite) = (end, chain, true);
            let _ = locked.file.truncate(end);
            return Err(error.into());
        }
        self.apply(&frame)
    }

    /// Makes all that was appended durable.
    pub(super) fn sync(&mut self, locked: &mut Locked) -> Result<(), MailboxError> {
        locked.file.sync().map_err(|error| {
            self.rewrite = true;
            error.into()
        })
    }

    /// Writes what has happened, and applies it.
    pub(super) fn write(
        &mut self,
        locked: &mut Locked,
        frames: &[Frame],
    ) -> Result<(), MailboxError> {
        if frames.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.file.append(locked.file.as_mut(), frames) {
            // Half a frame would cost those who come next a block of numbers.
            let _ = locked.file.truncate(self.file.end);
            return Err(error.into());
        }
        self.apply(frames)
    }

    fn apply(&mut self, frames: &[Frame]) -> Result<(), MailboxError> {
        for frame in frames {
            self.contents.apply(frame).map_err(|_| damaged(&self.path))?;
        }
        Ok(())
    }

    /// Writes the register anew where its frames have become many. Where that fails it is as good as before.
    pub(super) fn tidy(&mut self, locked: &mut Locked) {
        if self.file.wants_writing_anew() && self.contents.intents.is_empty() {
            self.rewrite = self.write_anew(locked).is_err();
        }
    }

    pub(super) fn write_anew(&mut self, locked: &mut Locked) -> Result<(), MailboxError> {
        let before = self.contents.lease.clone();
        reserve(&mut self.contents.lease, 0, &self.all.boot)?;
        let by = self.tmp_path();
        match file::write_anew(self.disk(), &by, &self.path, &self.contents) {
            Ok((file, lock)) => {
                self.file = file;
                locked.file = lock;
                Ok(())
            }
            Err(error) => {
                self.contents.lease = before;
                Err(error.into())
            }
        }
    }
}

/// What came of reading what others wrote.
enum Read {
    Whole,
    Torn,
    Damaged,
}
