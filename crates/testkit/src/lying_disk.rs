//! A disk that says it has synced and hasn't: what a build would be that forgot a sync, or made it too late.
//!
//! The harness that finds nothing in the real build has to find something here.

use std::ffi::OsStr;
use std::marker::Sync as Shared;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use postroad_disk::{
    DirEntry, Disk, DiskError, DiskFile, DiskLock, EntryKind, Space, Stamp, Stat, Volume, Watcher,
};

/// A sync that is about to be made.
#[derive(Debug, Clone, Copy)]
pub struct Sync<'a> {
    /// A file's content, or a directory's names.
    pub of: SyncOf,
    /// Of what.
    pub path: &'a Path,
    /// What was written to the file last.
    pub last_write: &'a [u8],
}

/// What is synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncOf {
    /// A file's content.
    Content,
    /// A note that is attached to a file.
    Note,
    /// The names in a directory.
    Names,
    /// The whole file system.
    All,
}

/// Which syncs are forgotten.
type Forgets = Arc<dyn Fn(Sync<'_>) -> bool + Send + Shared>;

/// Another disk, without some of its syncs.
#[derive(Clone)]
pub struct LyingDisk {
    disk: Arc<dyn Disk>,
    forgets: Forgets,
    order: Order,
}

/// When a file is synced that is renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    SyncFirst,
    RenameFirst,
}

impl std::fmt::Debug for LyingDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LyingDisk").field("disk", &self.disk).finish_non_exhaustive()
    }
}

impl LyingDisk {
    /// The disk without the syncs for which `forgets` says so.
    pub fn forgetting(
        disk: Arc<dyn Disk>,
        forgets: impl Fn(Sync<'_>) -> bool + Send + Shared + 'static,
    ) -> Self {
        Self { disk, forgets: Arc::new(forgets), order: Order::SyncFirst }
    }

    /// The disk of a build that renames a file first and syncs it then: the syncs for which `late` says so are
    /// made when the file has its new name.
    pub fn renaming_first(
        disk: Arc<dyn Disk>,
        late: impl Fn(Sync<'_>) -> bool + Send + Shared + 'static,
    ) -> Self {
        Self { order: Order::RenameFirst, ..Self::forgetting(disk, late) }
    }

    fn open_as(&self, path: &Path, file: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        let (path, forgets) = (path.to_owned(), Arc::clone(&self.forgets));
        Box::new(LyingFile { file, path, forgets, last_write: Vec::new() })
    }

    fn sync_late(&self, path: &Path) -> Result<(), DiskError> {
        match self.order {
            Order::SyncFirst => Ok(()),
            Order::RenameFirst => self.disk.open(path)?.sync(),
        }
    }
}

impl Disk for LyingDisk {
    fn create_new(&self, path: &Path) -> Result<Box<dyn DiskFile>, DiskError> {
        Ok(self.open_as(path, self.disk.create_new(path)?))
    }

    fn open(&self, path: &Path) -> Result<Box<dyn DiskFile>, DiskError> {
        Ok(self.open_as(path, self.disk.open(path)?))
    }

    fn open_read(&self, path: &Path) -> Result<Box<dyn DiskFile>, DiskError> {
        self.disk.open_read(path)
    }

    fn open_past_cache(&self, path: &Path) -> Result<Box<dyn DiskFile>, DiskError> {
        self.disk.open_past_cache(path)
    }

    fn modified(&self, path: &Path) -> Result<SystemTime, DiskError> {
        self.disk.modified(path)
    }

    fn link(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        self.disk.link(from, to)
    }

    fn stamp(&self, path: &Path) -> Result<Stamp, DiskError> {
        self.disk.stamp(path)
    }

    fn rename_noreplace(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        self.disk.rename_noreplace(from, to)?;
        self.sync_late(to)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        self.disk.rename(from, to)?;
        self.sync_late(to)
    }

    fn remove(&self, path: &Path) -> Result<(), DiskError> {
        self.disk.remove(path)
    }

    fn remove_dir(&self, path: &Path) -> Result<(), DiskError> {
        self.disk.remove_dir(path)
    }

    fn create_dir(&self, path: &Path) -> Result<(), DiskError> {
        self.disk.create_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> Result<(), DiskError> {
        match (self.forgets)(Sync { of: SyncOf::Names, path, last_write: &[] }) {
            true => Ok(()),
            false => self.disk.sync_dir(path),
        }
    }

    fn read_dir(&self, path: &Path) -> Result<Vec<DirEntry>, DiskError> {
        self.disk.read_dir(path)
    }

    fn list(&self, path: &Path, each: &mut dyn FnMut(&OsStr, EntryKind)) -> Result<(), DiskError> {
        self.disk.list(path, each)
    }

    fn watcher(&self) -> Result<Option<Box<dyn Watcher>>, DiskError> {
        self.disk.watcher()
    }

    fn space(&self, path: &Path) -> Result<Space, DiskError> {
        self.disk.space(path)
    }

    fn stat(&self, path: &Path) -> Result<Stat, DiskError> {
        self.disk.stat(path)
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn DiskLock>, DiskError> {
        self.disk.lock(path)
    }

    fn lock_part(&self, path: &Path, part: u64) -> Result<Box<dyn DiskLock>, DiskError> {
        self.disk.lock_part(path, part)
    }

    fn open_locked(&self, path: &Path) -> Result<Box<dyn DiskFile>, DiskError> {
        Ok(self.open_as(path, self.disk.open_locked(path)?))
    }

    fn boot(&self) -> String {
        self.disk.boot()
    }

    fn volume(&self, path: &Path) -> Result<Option<Box<dyn Volume>>, DiskError> {
        let volume = self.disk.volume(path)?;
        let (path, forgets) = (path.to_owned(), Arc::clone(&self.forgets));
        Ok(volume.map(|volume| Box::new(LyingVolume { volume, path, forgets }) as Box<dyn Volume>))
    }
}

struct LyingFile {
    file: Box<dyn DiskFile>,
    path: PathBuf,
    forgets: Forgets,
    last_write: Vec<u8>,
}

impl std::fmt::Debug for LyingFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LyingFile").field("file", &self.file).finish_non_exhaustive()
    }
}

impl DiskFile for LyingFile {
    fn write_all_at(&mut self, buffers: &[&[u8]], offset: u64) -> Result<(), DiskError> {
        self.last_write = buffers.concat();
        self.file.write_all_at(buffers, offset)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, DiskError> {
        self.file.read_at(buffer, offset)
    }

    fn stat(&self) -> Result<Stat, DiskError> {
        self.file.stat()
    }

    fn stamp(&self) -> Result<Stamp, DiskError> {
        self.file.stamp()
    }

    fn truncate(&mut self, len: u64) -> Result<(), DiskError> {
        self.file.truncate(len)
    }

    fn sync(&mut self) -> Result<(), DiskError> {
        let (path, last_write) = (self.path.as_path(), self.last_write.as_slice());
        match (self.forgets)(Sync { of: SyncOf::Content, path, last_write }) {
            true => Ok(()),
            false => self.file.sync(),
        }
    }

    fn set_modified(&mut self, at: SystemTime) -> Result<(), DiskError> {
        self.file.set_modified(at)
    }

    fn note(&self) -> Result<Option<Vec<u8>>, DiskError> {
        self.file.note()
    }

    fn set_note(&mut self, note: &[u8]) -> Result<(), DiskError> {
        match (self.forgets)(Sync { of: SyncOf::Note, path: &self.path, last_write: note }) {
            true => Ok(()),
            false => self.file.set_note(note),
        }
    }

    fn remove_note(&mut self) -> Result<(), DiskError> {
        self.file.remove_note()
    }
}

struct LyingVolume {
    volume: Box<dyn Volume>,
    path: PathBuf,
    forgets: Forgets,
}

impl std::fmt::Debug for LyingVolume {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LyingVolume").field("volume", &self.volume).finish_non_exhaustive()
    }
}

impl Volume for LyingVolume {
    fn sync(&self) -> Result<(), DiskError> {
        match (self.forgets)(Sync { of: SyncOf::All, path: &self.path, last_write: &[] }) {
            true => Ok(()),
            false => self.volume.sync(),
        }
    }
}
