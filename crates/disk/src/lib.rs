//! The one small trait through which the queue and the Maildir writer touch the disk.
//!
//! Mail is safe only when the right calls were made in the right order, and only a test that fails
//! each call in turn proves that they are. So everything that stores a letter goes through [`Disk`]:
//! [`OsDisk`] is the real one, [`NoLinks`] the same for folders that others may write to, the test kit has others.
//!
//! What the calls promise (and a simulated disk may take away at a power cut):
//! - what was written to a file is there after [`DiskFile::sync`] returned `Ok`, not before;
//! - a name created, linked, renamed or removed in a directory is there (or gone) after
//!   [`Disk::sync_dir`] of that directory returned `Ok`, not before;
//! - after a failed sync nothing is known of what that file holds: never sync it again and believe it.
//!
//! Every error is a [`DiskError`], which names the operation and the path.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

mod holder;
mod os;
mod past_cache;
mod spot;
mod watch;
mod way;

pub use os::{BOOT_ID, NoLinks, OsDisk, read_whole};
pub use watch::{Noticed, WatchNumber, Watcher};
pub use way::{make_way_to, sync_way_to};

/// Access to the file system, for those who store mail. Calls block; callers choose the thread.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Creates a file that isn't there yet, mode 0600, open for writing.
    fn create_new(&self, path: &Path) -> Result<Box<dyn DiskFile>, DiskError>;
    /// Opens a file that is there, for reading and for writing behind its end.
    fn open(&self, path: &Path) -> Result<Box<dyn DiskFile>, DiskError>;
    /// Opens a file that is there, for reading only.
    fn open_read(&self, path: &Path) -> Result<Box<dyn DiskFile>, DiskError>;
    /// Opens a file for reading what the device holds of it. After a failed sync the page cache shows what
    /// was written, not what is there: who has to know reads past it. Slower than [`Disk::open_read`].
    fn open_past_cache(&self, path: &Path) -> Result<Box<dyn DiskFile>, DiskError> {
        self.open_read(path)
    }
    /// [`DiskFile::append`] to a file that is there.
    fn append(&self, path: &Path, octets: &[u8]) -> Result<(), DiskError> {
        self.open(path)?.append(octets)
    }
    /// When a file's content, or a directory's names, last changed; the epoch where the disk doesn't know.
    fn modified(&self, path: &Path) -> Result<SystemTime, DiskError> {
        self.stat(path).map(|_| SystemTime::UNIX_EPOCH)
    }
    /// What tells whether names in a directory, or a file, have changed since. A disk that knows no times says the
    /// epoch, which is never believed.
    fn stamp(&self, path: &Path) -> Result<Stamp, DiskError> {
        let Stat { number, octets, .. } = self.stat(path)?;
        let modified = self.modified(path)?;
        Ok(Stamp { modified, changed: modified, number, octets })
    }
    /// Gives the file a second name; fails with `AlreadyExists` where that name is taken.
    fn link(&self, from: &Path, to: &Path) -> Result<(), DiskError>;
    /// Renames; fails with `AlreadyExists` where the new name is taken (RENAME_NOREPLACE).
    fn rename_noreplace(&self, from: &Path, to: &Path) -> Result<(), DiskError>;
    /// [`Disk::rename_noreplace`] of many files, from a directory to another (or the same): the way there is gone once.
    /// What came of each is told in its order, until `done` has seen enough.
    fn rename_many(
        &self,
        from: &Path,
        to: &Path,
        names: &[(&OsStr, &OsStr)],
        done: &mut dyn FnMut(Result<(), DiskError>) -> ControlFlow<()>,
    ) -> Result<(), DiskError> {
        for (old, new) in names {
            if done(self.rename_noreplace(&from.join(old), &to.join(new))).is_break() {
                break;
            }
        }
        Ok(())
    }
    /// Renames, replacing what was there.
    fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError>;
    /// Removes a file's name.
    fn remove(&self, path: &Path) -> Result<(), DiskError>;
    /// Removes a directory, which must have nothing in it.
    fn remove_dir(&self, path: &Path) -> Result<(), DiskError> {
        self.remove(path)
    }
    /// Creates one directory, mode 0700; fails with `AlreadyExists` where it is there.
    fn create_dir(&self, path: &Path) -> Result<(), DiskError>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, path: &Path) -> Result<(), DiskError>;
    /// What stands in a directory, in no order; `.` and `..` left out. An error is never "empty".
    fn read_dir(&self, path: &Path) -> Result<Vec<DirEntry>, DiskError>;
    /// The same one by one, without memory for each: for directories of a million files.
    fn list(&self, path: &Path, each: &mut dyn FnMut(&OsStr, EntryKind)) -> Result<(), DiskError> {
        self.read_dir(path)?.iter().for_each(|entry| each(&entry.name, entry.kind));
        Ok(())
    }
    /// What notices changes in directories as they are made; `None` where nothing does. One for a process: the system
    /// has few for a user.
    fn watcher(&self) -> Result<Option<Box<dyn Watcher>>, DiskError> {
        Ok(None)
    }
    /// Space and inodes left on the file system that holds `path`.
    fn space(&self, path: &Path) -> Result<Space, DiskError>;
    /// What stands at a path, itself and not what a symbolic link points to.
    fn stat(&self, path: &Path) -> Result<Stat, DiskError>;
    /// The same for names in one folder, each `None` where it isn't there; so are all where the folder isn't.
    fn stat_all(&self, folder: &Path, names: &[&str]) -> Result<Vec<Option<Stat>>, DiskError> {
        let stat = |name: &&str| match self.stat(&folder.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            stat => stat.map(Some),
        };
        names.iter().map(stat).collect()
    }
    /// The number of the file system that holds `path`: two paths with the same number share one.
    fn volume_number(&self, path: &Path) -> Result<u64, DiskError> {
        let _ = path;
        Ok(0)
    }
    /// Takes the lock that a file stands for, creating the file where it isn't there; fails with
    /// `WouldBlock` where another process (or another caller in ours) has it. Dropping gives it back,
    /// and so does the end of the process.
    fn lock(&self, path: &Path) -> Result<Box<dyn DiskLock>, DiskError>;
    /// As [`Disk::lock`], one of many locks that a file stands for: `part` says which. A disk that has none says
    /// that it is taken, and it isn't.
    fn lock_part(&self, path: &Path, part: u64) -> Result<Box<dyn DiskLock>, DiskError> {
        let _ = (path, part);
        Ok(Box::new(NoLock))
    }
    /// Opens a mailbox file that other programs write to as well, for reading and writing, and takes the lock that
    /// they take (fcntl(2), for writing, all of it). Fails with `WouldBlock` where somebody else has it, or is just
    /// replacing the file. Dropping the file gives the lock back, and so does the end of the process. A disk that has
    /// no locks just opens it.
    fn open_locked(&self, path: &Path) -> Result<Box<dyn DiskFile>, DiskError> {
        self.open(path)
    }
    /// The process that holds the lock of [`Disk::open_locked`], where the system tells: it does of those of one's own
    /// user.
    fn lock_holder(&self, path: &Path) -> Option<u32> {
        let _ = path;
        None
    }
    /// What stays the same until the system starts again, and so, what was written and not synced; empty where that
    /// isn't known.
    fn boot(&self) -> String {
        String::new()
    }
    /// The path of the same place without symbolic links.
    fn resolve(&self, path: &Path) -> Result<PathBuf, DiskError> {
        Ok(path.to_owned())
    }
    /// Opens the file system that holds `path`, to make everything on it durable in one call; `None`
    /// where there is no such call, or none that can be believed.
    fn volume(&self, path: &Path) -> Result<Option<Box<dyn Volume>>, DiskError> {
        let _ = path;
        Ok(None)
    }
}

/// A file system as a whole.
pub trait Volume: Send + Sync + fmt::Debug {
    /// Makes durable all files and all names that were written to this file system before the call.
    /// An error covers every write since this volume was opened (or was synced last): open it first.
    fn sync(&self) -> Result<(), DiskError>;
}

/// A lock that is held until this is dropped.
pub trait DiskLock: Send + Sync + fmt::Debug {}

/// Where a disk has no locks.
#[derive(Debug)]
struct NoLock;

impl DiskLock for NoLock {}

/// An open file.
pub trait DiskFile: Send + Sync + fmt::Debug {
    /// Writes all the buffers, one behind the other, at `offset`.
    fn write_all_at(&mut self, buffers: &[&[u8]], offset: u64) -> Result<(), DiskError>;
    /// Writes behind the file's end, in one piece whatever others append in the same moment. Not synced.
    fn append(&mut self, octets: &[u8]) -> Result<(), DiskError> {
        let end = self.len()?;
        self.write_all_at(&[octets], end)
    }
    /// Fills `buffer` from `offset` on; gives the octets read, fewer only at the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, DiskError>;
    /// What the file is, as [`Disk::stat`] says it of a path.
    fn stat(&self) -> Result<Stat, DiskError>;
    /// [`Disk::stamp`] of this file.
    fn stamp(&self) -> Result<Stamp, DiskError> {
        let Stat { number, octets, .. } = self.stat()?;
        let unknown = SystemTime::UNIX_EPOCH;
        Ok(Stamp { modified: unknown, changed: unknown, number, octets })
    }
    /// The file's length in octets.
    fn len(&self) -> Result<u64, DiskError> {
        Ok(self.stat()?.octets)
    }
    /// Whether the file has no octets.
    fn is_empty(&self) -> Result<bool, DiskError> {
        Ok(self.len()? == 0)
    }
    /// Cuts the file off at `len` octets.
    fn truncate(&mut self, len: u64) -> Result<(), DiskError>;
    /// Makes content and length durable (fdatasync). After an error the file is never to be trusted again.
    fn sync(&mut self) -> Result<(), DiskError>;
    /// Begins to write the content out without waiting for it, so that the syncs of several files that follow
    /// find it written. A hint: it promises nothing, and where it fails the sync will tell.
    fn start_sync(&mut self) {}
    /// Sets the time of the last change, as `ls -l` shows it. Durable with the next sync of content that was written.
    fn set_modified(&mut self, at: SystemTime) -> Result<(), DiskError> {
        let _ = at;
        Ok(())
    }
    /// A few octets that were attached to the file beside its content; `None` where there are none.
    fn note(&self) -> Result<Option<Vec<u8>>, DiskError> {
        Ok(None)
    }
    /// Attaches a few octets to the file, in place of those before. They are durable when this returns `Ok`. Fails with
    /// `Unsupported` where the file system can't.
    fn set_note(&mut self, note: &[u8]) -> Result<(), DiskError> {
        let _ = note;
        let (path, source) = (PathBuf::new(), io::ErrorKind::Unsupported.into());
        Err(DiskError { operation: "attach a note to", path, source })
    }
    /// Takes them away. Not durable: a power cut may bring them back.
    fn remove_note(&mut self) -> Result<(), DiskError> {
        Ok(())
    }
    /// The number of the file system that holds the file: what one [`Volume`] covers.
    fn volume_number(&self) -> Result<u64, DiskError> {
        Ok(0)
    }
}

/// One name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirEntry {
    /// The name, as the octets it is.
    pub name: std::ffi::OsString,
    /// What the name stands for, itself and not what a symbolic link points to.
    pub kind: EntryKind,
}

/// What a name in a directory stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link, a socket, a device: nothing that mail is stored in.
    Other,
}

/// What a path leads to, and whether we may trust it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// File, directory or neither.
    pub kind: EntryKind,
    /// Octets, for a file.
    pub octets: u64,
    /// Whose it is.
    pub owner: Owner,
    /// The permission bits.
    pub mode: u32,
    /// Names that lead to it, for a file.
    pub links: u64,
    /// Its number on its file system: who comes to the same path after it has another one.
    pub number: u64,
}

/// What tells that a directory has changed: one that gives the same twice has the same names, but for changes within
/// the clock's grain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// When names, or content, last changed, as far as nobody has set it to something else.
    pub modified: SystemTime,
    /// The same with owner, mode and times: nobody can set it.
    pub changed: SystemTime,
    /// Its number on its file system.
    pub number: u64,
    /// Octets, for a file.
    pub octets: u64,
}

/// Whose a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The user's that we run as.
    Ours,
    /// The user's with this number.
    Other(u32),
}

/// What is left on a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Octets that an ordinary user may still write.
    pub octets: u64,
    /// Files that may still be created; `u64::MAX` where the file system doesn't count them.
    pub inodes: u64,
}

/// A call that failed: what was being done, to what, and why.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} {}", path.display())]
pub struct DiskError {
    /// The verb, as in "cannot sync PATH".
    pub operation: &'static str,
    /// The file or directory.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

impl DiskError {
    /// The kind of the system's error.
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }

    /// Whether space, quota or inodes have run out, so that a peer is told 4.3.1 (or 4.2.2).
    pub fn is_full(&self) -> bool {
        matches!(self.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }

    /// Whether the system merely lacked something for a moment (space, memory, file descriptors): the same
    /// call may succeed later, and nothing is wrong with the disk.
    pub fn is_shortage(&self) -> bool {
        use rustix::io::Errno;
        let too_many_files = [Errno::MFILE, Errno::NFILE].map(Errno::raw_os_error);
        self.is_full()
            || self.kind() == io::ErrorKind::OutOfMemory
            || self.source.raw_os_error().is_some_and(|number| too_many_files.contains(&number))
    }
}
