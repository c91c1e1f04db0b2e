//! The calls of the trait, on the simulated disk.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use postroad_disk::{
    DirEntry, Disk, DiskError, DiskFile, DiskLock, EntryKind, Space, Stamp, Stat, Volume,
};

use super::directory::DirectoryNode;
use super::file::FileNode;
use super::open_file::{FaultyFile, FaultyLock, FaultyVolume, View};
use super::plan::IO_ERROR;
use super::tree::Node;
use super::{FaultyDisk, State};

pub(super) fn error(operation: &'static str, path: &Path, errno: i32) -> DiskError {
    DiskError { operation, path: path.to_owned(), source: io::Error::from_raw_os_error(errno) }
}

fn kind_error(operation: &'static str, path: &Path, kind: io::ErrorKind) -> DiskError {
    DiskError { operation, path: path.to_owned(), source: kind.into() }
}

fn named<T>(operation: &'static str, path: &Path, result: io::Result<T>) -> Result<T, DiskError> {
    result.map_err(|source| DiskError { operation, path: path.to_owned(), source })
}

impl FaultyDisk {
    fn open_file(&self, path: &Path, view: View) -> Result<Box<dyn DiskFile>, DiskError> {
        let operation = match view {
            View::Cache => "open",
            View::Platter => "open_past_cache",
        };
        let state = self.enter(operation, path)?;
        let node = state
            .tree
            .find(path)
            .ok_or_else(|| kind_error(operation, path, io::ErrorKind::NotFound))?;
        match state.tree.file(node) {
            Some(_) => Ok(self.file(node, path, view)),
            // As O_NOFOLLOW and friends would refuse it.
            None => Err(error(operation, path, IO_ERROR)),
        }
    }

    fn file(&self, node: u64, path: &Path, view: View) -> Box<dyn DiskFile> {
        Box::new(FaultyFile { disk: self.clone(), node, path: path.to_owned(), view, _lock: None })
    }
}

impl Disk for FaultyDisk {
    fn create_new(&self, path: &Path) -> Result<Box<dyn DiskFile>, DiskError> {
        let mut state = self.enter("create", path)?;
        let file = Node::File(FileNode::durable(Vec::new()));
        let node = named("create", path, state.tree.add(path, file))?;
        Ok(self.file(node, path, View::Cache))
    }

    fn open(&self, path: &Path) -> Result<Box<dyn DiskFile>, DiskError> {
        self.open_file(path, View::Cache)
    }

    fn open_read(&self, path: &Path) -> Result<Box<dyn DiskFile>, DiskError> {
        self.open_file(path, View::Cache)
    }

    fn open_past_cache(&self, path: &Path) -> Result<Box<dyn DiskFile>, DiskError> {
        self.open_file(path, View::Platter)
    }

    fn link(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        let mut state = self.enter("link", to)?;
        let node = state
            .tree
            .find(from)
            .ok_or_else(|| kind_error("link", from, io::ErrorKind::NotFound))?;
        named("link", to, state.tree.link(node, to))
    }

    fn rename_noreplace(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        let mut state = self.enter("rename", to)?;
        named("rename", to, state.tree.must_be_free(to))?;
        named("rename", from, state.tree.rename(from, to))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        let mut state = self.enter("rename", to)?;
        named("rename", from, state.tree.rename(from, to))
    }

    fn remove(&self, path: &Path) -> Result<(), DiskError> {
        let mut state = self.enter("remove", path)?;
        named("remove", path, state.tree.remove(path))
    }

    fn remove_dir(&self, path: &Path) -> Result<(), DiskError> {
        let mut state = self.enter("remove_dir", path)?;
        let names = state.tree.find(path).and_then(|node| state.tree.names(node));
        match names.map(|names| names.is_empty()) {
            Some(true) => named("remove_dir", path, state.tree.remove(path)),
            Some(false) => Err(kind_error("remove_dir", path, io::ErrorKind::DirectoryNotEmpty)),
            None => Err(kind_error("remove_dir", path, io::ErrorKind::NotADirectory)),
        }
    }

    fn create_dir(&self, path: &Path) -> Result<(), DiskError> {
        let mut state = self.enter("create_dir", path)?;
        let directory = Node::Directory(DirectoryNode::default());
        named("create_dir", path, state.tree.add(path, directory).map(drop))
    }

    fn sync_dir(&self, path: &Path) -> Result<(), DiskError> {
        let mut state = self.enter("sync_dir", path)?;
        named("sync_dir", path, state.tree.sync_names(path))
    }

    fn read_dir(&self, path: &Path) -> Result<Vec<DirEntry>, DiskError> {
        let state = self.enter("read_dir", path)?;
        let names = state.tree.find(path).and_then(|node| state.tree.names(node));
        let names = names.ok_or_else(|| kind_error("read_dir", path, io::ErrorKind::NotFound))?;
        let entry = |(name, node): (&OsString, &u64)| {
            let kind = state.tree.node(*node).map_or(EntryKind::Other, Node::kind);
            DirEntry { name: name.clone(), kind }
        };
        Ok(names.iter().map(entry).collect())
    }

    fn space(&self, path: &Path) -> Result<Space, DiskError> {
        Ok(self.enter("space", path)?.space)
    }

    fn stat(&self, path: &Path) -> Result<Stat, DiskError> {
        let state = self.enter("stat", path)?;
        let number = state
            .tree
            .find(path)
            .ok_or_else(|| kind_error("stat", path, io::ErrorKind::NotFound))?;
        Ok(state.tree.stat(number))
    }

    fn stamp(&self, path: &Path) -> Result<Stamp, DiskError> {
        let state = self.enter("stamp", path)?;
        let number = state.tree.find(path);
        let number = number.ok_or_else(|| kind_error("stamp", path, io::ErrorKind::NotFound))?;
        let (ticks, octets) = match state.tree.node(number) {
            Some(Node::Directory(directory)) => (directory.changes(), 0),
            Some(Node::File(file)) => (file.modified(), file.shown().len() as u64),
            Some(Node::Other) | None => (0, 0),
        };
        let modified = SystemTime::UNIX_EPOCH + Duration::from_nanos(ticks);
        Ok(Stamp { modified, changed: modified, number, octets })
    }

    fn modified(&self, path: &Path) -> Result<SystemTime, DiskError> {
        Ok(self.stamp(path)?.modified)
    }

    fn volume_number(&self, path: &Path) -> Result<u64, DiskError> {
        let state = self.enter("volume_number", path)?;
        let above = state.mounts.iter().enumerate().filter(|(_, mount)| path.starts_with(mount));
        Ok(above.max_by_key(|(_, mount)| mount.iter().count()).map_or(0, |(at, _)| at as u64 + 1))
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn DiskLock>, DiskError> {
        self.take_lock(path, None)
    }

    fn lock_part(&self, path: &Path, part: u64) -> Result<Box<dyn DiskLock>, DiskError> {
        self.take_lock(path, Some(part))
    }

    fn open_locked(&self, path: &Path) -> Result<Box<dyn DiskFile>, DiskError> {
        let operation = "open_locked";
        let mut state = self.enter(operation, path)?;
        let node = state.tree.find(path);
        let node = node.ok_or_else(|| kind_error(operation, path, io::ErrorKind::NotFound))?;
        if state.tree.file(node).is_none() {
            return Err(error(operation, path, IO_ERROR));
        }
        let lock = self.claim(&mut state, (node, None), path)?;
        let (disk, path) = (self.clone(), path.to_owned());
        Ok(Box::new(FaultyFile { disk, node, path, view: View::Cache, _lock: Some(lock) }))
    }

    fn boot(&self) -> String {
        self.state().tree.cuts().to_string()
    }

    fn volume(&self, path: &Path) -> Result<Option<Box<dyn Volume>>, DiskError> {
        drop(self.enter("volume", path)?);
        Ok(Some(Box::new(FaultyVolume { disk: self.clone(), path: PathBuf::from("/") })))
    }
}

impl FaultyDisk {
    fn take_lock(&self, path: &Path, part: Option<u64>) -> Result<Box<dyn DiskLock>, DiskError> {
        let mut state = self.enter("lock", path)?;
        let node = match state.tree.find(path) {
            Some(node) => node,
            None => {
                let file = Node::File(FileNode::durable(Vec::new()));
                named("lock", path, state.tree.add(path, file))?
            }
        };
        Ok(Box::new(self.claim(&mut state, (node, part), path)?))
    }

    fn claim(
        &self,
        state: &mut State,
        lock: (u64, Option<u64>),
        path: &Path,
    ) -> Result<FaultyLock, DiskError> {
        if state.locked.contains(&lock) {
            return Err(kind_error("lock", path, io::ErrorKind::WouldBlock));
        }
        state.locked.push(lock);
        Ok(FaultyLock { disk: self.clone(), lock })
    }
}
