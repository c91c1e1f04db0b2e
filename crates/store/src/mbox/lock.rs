//! A mailbox file, opened and locked against everybody.
//!
//! Deliveries of one process take turns: they know of each other, and need not knock. Other programs don't, so the
//! locks are tried again and again, for a while.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use postroad_disk::{Disk, DiskFile, EntryKind, Owner, make_way_to, sync_way_to};

use super::append::{self, Appended, Name};
use super::dot_lock::{DotLock, DotLocker};
use crate::file_name::FileNames;
use crate::{StoreError, limits};

/// What all deliveries into mailbox files share.
#[derive(Debug)]
pub(crate) struct Mboxes {
    pub(super) disk: Arc<dyn Disk>,
    names: Arc<FileNames>,
    pub(crate) helper: Option<Arc<dyn DotLocker>>,
    pub(crate) wait: Duration,
    turns: Arc<Turns>,
    /// Files whose names are durable.
    known: Mutex<HashSet<PathBuf>>,
}

/// A mailbox file that nobody else writes to until this is dropped.
#[derive(Debug)]
pub(super) struct Locked {
    // Dropped in this order.
    opened: Opened,
    _turn: Turn,
    path: PathBuf,
}

/// With the locks that other programs know.
#[derive(Debug)]
struct Opened {
    _dot_lock: DotLock,
    file: Box<dyn DiskFile>,
}

impl Mboxes {
    pub(crate) fn new(disk: Arc<dyn Disk>, names: Arc<FileNames>) -> Self {
        Self {
            disk,
            names,
            helper: None,
            wait: limits::MAILBOX_LOCK_WAIT,
            turns: Arc::default(),
            known: Mutex::default(),
        }
    }

    /// The same for another helper and another time to wait.
    pub(crate) fn with(&self, helper: Option<Arc<dyn DotLocker>>, wait: Duration) -> Self {
        let (disk, names) = (Arc::clone(&self.disk), Arc::clone(&self.names));
        Self { helper, wait, ..Self::new(disk, names) }
    }

    /// Opens and locks one, making it where it isn't there.
    pub(super) fn lock(&self, path: &Path) -> Result<Locked, StoreError> {
        self.lock_until(path, Instant::now() + self.wait)
    }

    fn lock_until(&self, path: &Path, deadline: Instant) -> Result<Locked, StoreError> {
        let locked = || StoreError::Locked { path: path.to_owned() };
        let turn = Turn::take(&self.turns, path, deadline).ok_or_else(locked)?;
        let mut pause = limits::MAILBOX_LOCK_PAUSE_MIN;
        loop {
            if let Some(opened) = self.open(path)? {
                return Ok(Locked { opened, _turn: turn, path: path.to_owned() });
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(locked());
            }
            std::thread::sleep(pause.min(left));
            pause = (pause * 2).min(limits::MAILBOX_LOCK_PAUSE_MAX);
        }
    }

    /// Tries once; `None` where somebody else is at it.
    fn open(&self, path: &Path) -> Result<Option<Opened>, StoreError> {
        self.make(path)?;
        let file = match self.disk.open_locked(path) {
            // Or it was removed in this moment.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotFound) =>
            {
                return Ok(None);
            }
            file => file?,
        };
        let unique = self.names.next(SystemTime::now());
        let dot_lock = DotLock::take(&self.disk, self.helper.as_ref(), path, &unique)?;
        Ok(dot_lock.map(|_dot_lock| Opened { _dot_lock, file }))
    }

    /// Makes the file, or looks whether it can be a mailbox.
    fn make(&self, path: &Path) -> Result<(), StoreError> {
        let not_one = |why| StoreError::NotAMailbox { path: path.to_owned(), why };
        match self.disk.stat(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
            // Rows M01, M16: nothing is written to what others may have put there.
            Ok(stat) if stat.kind != EntryKind::File => return Err(not_one("not a file")),
            Ok(stat) if stat.owner != Owner::Ours => return Err(not_one("somebody else's")),
            Ok(stat) if stat.links > 1 => return Err(not_one("a file of several names")),
            Ok(_) => return Ok(()),
        }
        lock(&self.known).remove(path);
        if let Some(folder) = path.parent() {
            make_way_to(self.disk.as_ref(), folder)?;
        }
        match self.disk.create_new(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error.into()),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Appends a letter, durably.
    pub(super) fn append(&self, to: &mut Locked, letter: &[u8]) -> Result<Appended, StoreError> {
        let Locked { opened: Opened { file, .. }, path, .. } = to;
        let boot = self.disk.boot();
        let name = append::mend(file.as_mut(), &boot)?;
        let sync_name = || {
            if name == Name::Young || !lock(&self.known).contains(path) {
                sync_way_to(self.disk.as_ref(), path)?;
            }
            Ok(())
        };
        let appended = append::append(file.as_mut(), letter, &boot, sync_name);
        let appended = appended.map_err(|error| match error.kind() {
            // A limit of the caller's for files (Postfix's mailbox_size_limit) is one for the mailbox here.
            io::ErrorKind::FileTooLarge => StoreError::OverQuota(error),
            _ => error.into(),
        })?;
        let mut known = lock(&self.known);
        if known.len() >= limits::MAILBOXES_KNOWN_MAX {
            known.clear();
        }
        known.insert(path.clone());
        Ok(appended)
    }

    /// Takes back a letter, where it is still the last one and nobody is at the mailbox.
    pub(crate) fn take_back(&self, path: &Path, letter: Appended) {
        // Where that can't be done it comes twice, which is better than not at all.
        if let Ok(mut locked) = self.lock_until(path, Instant::now()) {
            let _ = append::take_back(locked.opened.file.as_mut(), letter);
        }
    }
}

/// Who is at which mailbox, of this process.
#[derive(Debug, Default)]
struct Turns {
    mailboxes: Mutex<HashMap<PathBuf, Queue>>,
    next: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    taken: bool,
    waiting: usize,
}

/// The right to knock at a mailbox, until this is dropped.
#[derive(Debug)]
struct Turn {
    turns: Arc<Turns>,
    path: PathBuf,
}

impl Turn {
    /// Waits for it; `None` where it isn't had in time, or too many wait already.
    fn take(turns: &Arc<Turns>, path: &Path, deadline: Instant) -> Option<Self> {
        let mut mailboxes = lock(&turns.mailboxes);
        let queue = mailboxes.entry(path.to_owned()).or_default();
        // Row M14: each holds a thread.
        if queue.waiting >= limits::MAILBOX_WAITERS_MAX {
            return None;
        }
        queue.waiting += 1;
        let is_taken = |mailboxes: &HashMap<PathBuf, Queue>| {
            mailboxes.get(path).is_some_and(|queue| queue.taken)
        };
        while is_taken(&mailboxes) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let woken = turns.next.wait_timeout(mailboxes, left);
            (mailboxes, _) = woken.unwrap_or_else(PoisonError::into_inner);
        }
        let queue = mailboxes.entry(path.to_owned()).or_default();
        queue.waiting -= 1;
        if queue.taken {
            return None;
        }
        queue.taken = true;
        Some(Self { turns: Arc::clone(turns), path: path.to_owned() })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut mailboxes = lock(&self.turns.mailboxes);
        if let Some(queue) = mailboxes.get_mut(&self.path) {
            queue.taken = false;
            if queue.waiting == 0 {
                mailboxes.remove(&self.path);
            }
        }
        self.turns.next.notify_all();
    }
}

/// Nothing in here is left half changed by a panic: the next one may go on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m14_one_at_a_time_and_not_too_many_wait() {
        let (turns, path) = (Arc::new(Turns::default()), Path::new("/alice"));
        let now = Instant::now();
        let held = Turn::take(&turns, path, now).unwrap();
        assert!(Turn::take(&turns, path, now).is_none());
        assert!(Turn::take(&turns, Path::new("/bob"), now).is_some());
        let later = now + Duration::from_secs(600);
        std::thread::scope(|scope| {
            for _ in 0..limits::MAILBOX_WAITERS_MAX {
                scope.spawn(|| assert!(Turn::take(&turns, path, later).is_some()));
            }
            while lock(&turns.mailboxes)[path].waiting < limits::MAILBOX_WAITERS_MAX {
                std::thread::yield_now();
            }
            assert!(Turn::take(&turns, path, later).is_none());
            drop(held);
        });
        assert!(lock(&turns.mailboxes).is_empty());
    }
}
