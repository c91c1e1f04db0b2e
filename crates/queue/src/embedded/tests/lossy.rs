//! A disk that isn't what it seems.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use postroad_disk::{DirEntry, Disk, DiskError, DiskFile, DiskLock, Space, Stat};
use postroad_testkit::FaultyDisk;

/// A disk whose device may have lost what was written, or that consists of several.
#[derive(Debug, Clone)]
pub(super) struct Lossy {
    pub(super) disk: FaultyDisk,
    /// Reads past the page cache give zeros.
    pub(super) lost: Arc<AtomicBool>,
    /// The number of the file system at a path.
    pub(super) volume: fn(&Path) -> u64,
}

impl Lossy {
    pub(super) fn new(disk: &FaultyDisk) -> Self {
        Self { disk: disk.clone(), lost: Arc::default(), volume: |_| 0 }
    }
}

#[derive(Debug)]
struct Zeros(u64);

impl DiskFile for Zeros {
    fn write_all_at(&mut self, _: &[&[u8]], _: u64) -> Result<(), DiskError> {
        Ok(())
    }
    fn read_at(&self, buffer: &mut [u8], _: u64) -> Result<usize, DiskError> {
        buffer.fill(0);
        Ok(buffer.len())
    }
    fn len(&self) -> Result<u64, DiskError> {
        Ok(self.0)
    }
    fn truncate(&mut self, _: u64) -> Result<(), DiskError> {
        Ok(())
    }
    fn sync(&mut self) -> Result<(), DiskError> {
        Ok(())
    }
}

impl Disk for Lossy {
    fn create_new(&self, path: &Path) -> Result<Box<dyn DiskFile>, DiskError> {
        self.disk.create_new(path)
    }
    fn open(&self, path: &Path) -> Result<Box<dyn DiskFile>, DiskError> {
        self.disk.open(path)
    }
    fn open_read(&self, path: &Path) -> Result<Box<dyn DiskFile>, DiskError> {
        self.disk.open_read(path)
    }
    fn open_past_cache(&self, path: &Path) -> Result<Box<dyn DiskFile>, DiskError> {
        let file = self.disk.open_read(path)?;
        if !self.lost.load(Ordering::Relaxed) {
            return Ok(file);
        }
        Ok(Box::new(Zeros(file.len()?)))
    }
    fn link(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        self.disk.link(from, to)
    }
    fn rename_noreplace(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        self.disk.rename_noreplace(from, to)
    }
    fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        self.disk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> Result<(), DiskError> {
        self.disk.remove(path)
    }
    fn create_dir(&self, path: &Path) -> Result<(), DiskError> {
        self.disk.create_dir(path)
    }
    fn sync_dir(&self, path: &Path) -> Result<(), DiskError> {
        self.disk.sync_dir(path)
    }
    fn read_dir(&self, path: &Path) -> Result<Vec<DirEntry>, DiskError> {
        self.disk.read_dir(path)
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
    fn volume_number(&self, path: &Path) -> Result<u64, DiskError> {
        Ok((self.volume)(path))
    }
}
