//! Takes letters for any number of mailboxes.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use postroad_disk::{Disk, DiskError, DiskFile, EntryKind};

use crate::attempt::Attempt;
use crate::draft::{Draft, Filed};
use crate::file_draft::FileDraft;
use crate::file_name::{FileNames, is_abandoned};
use crate::key::DeliveryKey;
use crate::ledger::Ledgers;
use crate::mbox::{DotLocker, MboxDraft, Mboxes};
use crate::sync_group::{LastPace, SyncGroup};
use crate::{Maildir, StoreError, small_file};

/// Maildirs that are remembered as made and swept; beyond that all are looked at once more.
const KNOWN_MAX: usize = 16_384;
/// File systems that are remembered; beyond that only those that letters are under way to.
const FILE_SYSTEMS_MAX: usize = 64;

/// Takes letters for any number of mailboxes; one for a whole process.
///
/// 1. [`Courier::begin`] a [`Draft`]: the mailbox is made where it is missing.
/// 2. [`Draft::write`] the letter into it.
/// 3. [`Draft::deliver`] it. Then, and not before, it is there for good.
#[derive(Debug)]
pub struct Courier {
    disk: Arc<dyn Disk>,
    names: Arc<FileNames>,
    ledgers: Arc<Ledgers>,
    known: Mutex<HashMap<PathBuf, Arc<Mutex<Standing>>>>,
    groups: Mutex<HashMap<u64, FileSystem>>,
    mboxes: Arc<Mboxes>,
}

/// Whether a file was written anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It was.
    Made,
    /// It is as it was.
    None,
}

/// What this process knows of a file system.
#[derive(Debug, Default)]
struct FileSystem {
    group: Weak<SyncGroup>,
    /// What its groups have learnt, while there is none.
    pace: LastPace,
}

/// What this process knows of a Maildir.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Unknown,
    /// All directories are there, durably, and tmp/ was swept.
    Ready,
}

impl Courier {
    /// A courier for this process; `host` goes into the names of files.
    pub fn new(disk: Arc<dyn Disk>, host: &str) -> Self {
        let names = Arc::new(FileNames::new(host));
        Self {
            ledgers: Arc::new(Ledgers::new(disk.boot())),
            mboxes: Arc::new(Mboxes::new(Arc::clone(&disk), Arc::clone(&names))),
            disk,
            names,
            known: Mutex::default(),
            groups: Mutex::default(),
        }
    }

    /// The same with somebody who takes dot locks for mailbox files where we can't.
    #[must_use]
    pub fn with_dot_locker(mut self, helper: Arc<dyn DotLocker>) -> Self {
        self.mboxes = Arc::new(self.mboxes.with(Some(helper), self.mboxes.wait));
        self
    }

    /// The same with another time to wait for the locks of mailbox files.
    #[must_use]
    pub fn with_lock_wait(mut self, wait: Duration) -> Self {
        self.mboxes = Arc::new(self.mboxes.with(self.mboxes.helper.clone(), wait));
        self
    }

    pub(crate) fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// The same mailbox where it really is: the operator may have put links on the way to it, and a courier that
    /// follows none ([`postroad_disk::NoLinks`]) has to be told once. Mailboxes that aren't there yet have a place, too.
    ///
    /// # Errors
    /// What the disk said.
    pub fn resolve(&self, maildir: &Maildir) -> Result<Maildir, StoreError> {
        Ok(maildir.resolved(self.disk.as_ref())?)
    }

    /// Begins a letter for `maildir`.
    ///
    /// # Errors
    /// Where the mailbox can't be made or used.
    pub fn begin(&self, maildir: &Maildir) -> Result<Draft, StoreError> {
        if let Some(file) = maildir.inbox_file() {
            return Ok(MboxDraft::new(&self.mboxes, file, self.unique_name()).into());
        }
        self.make_ready(maildir)?;
        match self.create(maildir) {
            // Somebody removed the mailbox since: it is made anew.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                lock(&self.known).remove(maildir.root());
                self.make_ready(maildir)?;
                Ok(self.create(maildir)?)
            }
            other => Ok(other?),
        }
    }

    /// Whether a mailbox or folder is there.
    ///
    /// # Errors
    /// Where that can't be known.
    pub fn exists(&self, maildir: &Maildir) -> Result<bool, StoreError> {
        maildir.exists(self.disk.as_ref())
    }

    /// A name for a letter that isn't filed but sent on: no other letter has it.
    pub fn unique_name(&self) -> String {
        self.names.next(SystemTime::now())
    }

    /// What [`Courier::set_mark`] wrote last; empty where there is none.
    ///
    /// # Errors
    /// What the disk said.
    pub fn mark(&self, maildir: &Maildir, name: &str) -> Result<Vec<u8>, StoreError> {
        Ok(small_file::read(self.disk.as_ref(), &maildir.root().join(name))?)
    }

    /// Writes a few octets into a file of this name in the mailbox, durably and whole or not at all.
    ///
    /// # Errors
    /// What the disk said; what was there before is there still, or what is new.
    pub fn set_mark(&self, maildir: &Maildir, name: &str, text: &[u8]) -> Result<(), StoreError> {
        // In tmp/, where what a crash leaves is swept.
        let tmp = maildir.tmp().join(self.unique_name());
        let path = maildir.root().join(name);
        match small_file::replace(self.disk.as_ref(), &tmp, &path, text) {
            // With the inbox in a mailbox file nobody has needed the Maildir yet.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.make_ready(maildir)?;
                Ok(small_file::replace(self.disk.as_ref(), &tmp, &path, text)?)
            }
            set => Ok(set?),
        }
    }

    /// Changes a file as [`Courier::set_mark`] writes it, in turn with other processes: no change of theirs is lost.
    /// `change` gets what it holds, and gives what is to be there; `None` leaves it as it is.
    ///
    /// # Errors
    /// As there; and where the turn doesn't come.
    pub fn change_mark(
        &self,
        maildir: &Maildir,
        name: &str,
        change: impl FnOnce(&[u8]) -> Option<Vec<u8>>,
    ) -> Result<Change, StoreError> {
        let _turn = maildir.turn(self.disk.as_ref())?;
        match change(&self.mark(maildir, name)?) {
            Some(text) => self.set_mark(maildir, name, &text).map(|()| Change::Made),
            None => Ok(Change::None),
        }
    }

    /// Begins to try a delivery that may have been tried before, into a mailbox or a folder of it. `None` where
    /// somebody else is trying it in this moment.
    pub fn attempt(&self, maildir: &Maildir, key: DeliveryKey) -> Option<Attempt> {
        let inbox = maildir.inbox().unwrap_or_else(|| maildir.clone());
        let begin = || Attempt::begin(&self.disk, &self.ledgers, inbox.clone(), key);
        match begin() {
            // It keeps account of what leaves no letter, too. Where it can't be made, the attempt says so.
            Some(attempt) if attempt.has_no_mailbox() => {
                drop(attempt);
                let _ = self.make_ready(&inbox);
                begin()
            }
            attempt => attempt,
        }
    }

    /// Takes back a letter of which nobody was told that it is there: it comes again, and once is enough.
    pub fn take_back(&self, filed: &Filed) {
        match filed.appended {
            Some(letter) => self.mboxes.take_back(&filed.path, letter),
            // Where it can't be removed (a reader has moved it) it comes twice, which is better than not at all.
            None => drop(self.disk.remove(&filed.path)),
        }
    }

    fn create(&self, maildir: &Maildir) -> Result<Draft, DiskError> {
        let join = |file: &dyn DiskFile| self.group_of(maildir, file);
        Ok(FileDraft::create(&self.disk, &self.names, maildir, join)?.into())
    }

    /// Makes what is missing of the Maildir and sweeps its tmp/, once in this process.
    pub(crate) fn make_ready(&self, maildir: &Maildir) -> Result<(), StoreError> {
        let standing = {
            let mut known = lock(&self.known);
            if known.len() >= KNOWN_MAX && !known.contains_key(maildir.root()) {
                known.clear();
            }
            let unknown = || Arc::new(Mutex::new(Standing::Unknown));
            Arc::clone(known.entry(maildir.root().to_owned()).or_insert_with(unknown))
        };
        // A mailbox that hangs holds up its own letters, not those for others (row M13).
        let mut standing = lock(&standing);
        if *standing == Standing::Ready && maildir.exists(self.disk.as_ref())? {
            return Ok(());
        }
        if maildir.exists(self.disk.as_ref())? {
            self.sweep(maildir);
        } else {
            if let Some(inbox) = maildir.inbox() {
                self.make_ready(&inbox)?;
            }
            maildir.create(self.disk.as_ref(), &self.unique_name())?;
        }
        *standing = Standing::Ready;
        Ok(())
    }

    /// Removes from tmp/ what a crash left there long ago. Its failure is nobody's loss.
    fn sweep(&self, maildir: &Maildir) {
        let now = SystemTime::now();
        for entry in self.disk.read_dir(&maildir.tmp()).unwrap_or_default() {
            if entry.kind == EntryKind::File && is_abandoned(entry.name.as_encoded_bytes(), now) {
                let _ = self.disk.remove(&maildir.tmp().join(&entry.name));
            }
        }
    }

    /// The group of the file system that `file` is on. It ends with its last letter, and so does its hold
    /// on the file system, which an operator may want to unmount.
    fn group_of(
        &self,
        maildir: &Maildir,
        file: &dyn DiskFile,
    ) -> Result<Arc<SyncGroup>, DiskError> {
        let number = file.volume_number()?;
        if let Some(known) = lock(&self.groups).get(&number)
            && let Some(group) = known.group.upgrade()
        {
            return Ok(group);
        }
        // Outside the lock: this may hang, and others have other file systems.
        let volume = self.disk.volume(&maildir.tmp())?;
        let mut groups = lock(&self.groups);
        if groups.len() >= FILE_SYSTEMS_MAX && !groups.contains_key(&number) {
            groups.retain(|_, known| known.group.strong_count() > 0);
        }
        let known = groups.entry(number).or_default();
        if let Some(first) = known.group.upgrade() {
            return Ok(first);
        }
        let group = Arc::new(SyncGroup::new(volume, &known.pace));
        known.group = Arc::downgrade(&group);
        Ok(group)
    }
}

/// Nothing in here is left half changed by a panic: the next one may go on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
