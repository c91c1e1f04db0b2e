//! What the simulated disk hands out: open files, locks, the file system as a whole.

use std::path::PathBuf;
use std::sync::MutexGuard;
use std::time::{Duration, SystemTime};

use postroad_disk::{DiskError, DiskFile, DiskLock, Stamp, Stat, Volume};

use super::calls::error;
use super::file::Synced;
use super::plan::{FULL, IO_ERROR};
use super::{FaultyDisk, State};

#[derive(Debug)]
pub(super) struct FaultyFile {
    pub(super) disk: FaultyDisk,
    pub(super) node: u64,
    pub(super) path: PathBuf,
    pub(super) view: View,
    /// Held for as long as the file is open.
    pub(super) _lock: Option<FaultyLock>,
}

/// What a reader looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    Cache,
    Platter,
}

impl FaultyFile {
    fn enter(&self, operation: &'static str) -> Result<MutexGuard<'_, State>, DiskError> {
        self.disk.enter(operation, &self.path)
    }

    fn gone(&self, operation: &'static str) -> DiskError {
        error(operation, &self.path, IO_ERROR)
    }
}

impl DiskFile for FaultyFile {
    fn write_all_at(&mut self, buffers: &[&[u8]], offset: u64) -> Result<(), DiskError> {
        let octets = buffers.concat();
        let start = usize::try_from(offset).map_err(|_| error("write", &self.path, FULL))?;
        let mut state = self.disk.when_let_go("write", &self.path);
        let result = state.enter(self.disk.run, "write", &self.path);
        let written = match result {
            Ok(()) => octets.as_slice(),
            Err(_) if state.is_over(self.disk.run) => &[],
            // A short write, and then the error: half of it, all, or nothing.
            Err(_) => match state.calls.len() % 3 {
                1 => octets.get(..octets.len() / 2).unwrap_or_default(),
                2 => octets.as_slice(),
                _ => &[],
            },
        };
        if let Some(file) = state.tree.file_mut(self.node).filter(|_| !written.is_empty()) {
            file.write(start, written);
        }
        result.map_err(|errno| error("write", &self.path, errno))
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, DiskError> {
        let operation = match self.view {
            View::Cache => "read",
            View::Platter => "read_past_cache",
        };
        let state = self.enter(operation)?;
        let file = state.tree.file(self.node).ok_or_else(|| self.gone(operation))?;
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        if file.is_broken(start..start.saturating_add(buffer.len())) {
            return Err(self.gone(operation));
        }
        Ok(match self.view {
            View::Cache => copy_from(file.shown(), buffer, offset),
            View::Platter if state.forgotten => {
                copy_from(&vec![0; file.shown().len()], buffer, offset)
            }
            View::Platter => copy_from(&file.past_the_cache(), buffer, offset),
        })
    }

    fn stat(&self) -> Result<Stat, DiskError> {
        Ok(self.enter("stat")?.tree.stat(self.node))
    }

    fn stamp(&self) -> Result<Stamp, DiskError> {
        let state = self.enter("stamp")?;
        let file = state.tree.file(self.node).ok_or_else(|| self.gone("stamp"))?;
        let modified = SystemTime::UNIX_EPOCH + Duration::from_nanos(file.modified());
        let octets = file.shown().len() as u64;
        Ok(Stamp { modified, changed: modified, number: self.node, octets })
    }

    fn len(&self) -> Result<u64, DiskError> {
        let state = self.enter("len")?;
        let file = state.tree.file(self.node).ok_or_else(|| self.gone("len"))?;
        Ok(file.shown().len() as u64)
    }

    fn truncate(&mut self, len: u64) -> Result<(), DiskError> {
        let mut state = self.enter("truncate")?;
        let len = usize::try_from(len).map_err(|_| error("truncate", &self.path, FULL))?;
        state.tree.file_mut(self.node).ok_or_else(|| self.gone("truncate"))?.truncate(len);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), DiskError> {
        let mut state = self.disk.when_let_go("sync", &self.path);
        let result = state.enter(self.disk.run, "sync", &self.path);
        let over = state.is_over(self.disk.run);
        let State { tree, failing_sync, .. } = &mut *state;
        let result = match (result, tree.file_mut(self.node)) {
            (Ok(()), Some(file)) => match file.sync() {
                Synced::Yes => Ok(()),
                Synced::No => Err(IO_ERROR),
            },
            (Err(errno), Some(file)) if !over => {
                file.fail_sync(failing_sync);
                Err(errno)
            }
            (result, _) => result,
        };
        result.map_err(|errno| error("sync", &self.path, errno))
    }

    fn set_modified(&mut self, at: SystemTime) -> Result<(), DiskError> {
        let mut state = self.enter("set_modified")?;
        let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let file = state.tree.file_mut(self.node).ok_or_else(|| self.gone("set_modified"))?;
        file.set_modified(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX));
        Ok(())
    }

    fn note(&self) -> Result<Option<Vec<u8>>, DiskError> {
        let state = self.enter("note")?;
        let file = state.tree.file(self.node).ok_or_else(|| self.gone("note"))?;
        Ok(file.note().map(<[u8]>::to_vec))
    }

    fn set_note(&mut self, note: &[u8]) -> Result<(), DiskError> {
        let mut state = self.enter("set_note")?;
        state.tree.file_mut(self.node).ok_or_else(|| self.gone("set_note"))?.set_note(note);
        Ok(())
    }

    fn remove_note(&mut self) -> Result<(), DiskError> {
        let mut state = self.enter("remove_note")?;
        state.tree.file_mut(self.node).ok_or_else(|| self.gone("remove_note"))?.remove_note();
        Ok(())
    }
}

/// Copies what is there from `offset` on; gives the octets copied.
fn copy_from(octets: &[u8], buffer: &mut [u8], offset: u64) -> usize {
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    let octets = octets.get(start..).unwrap_or_default();
    let count = octets.len().min(buffer.len());
    if let (Some(to), Some(from)) = (buffer.get_mut(..count), octets.get(..count)) {
        to.copy_from_slice(from);
    }
    count
}

#[derive(Debug)]
pub(super) struct FaultyVolume {
    pub(super) disk: FaultyDisk,
    pub(super) path: PathBuf,
}

impl Volume for FaultyVolume {
    fn sync(&self) -> Result<(), DiskError> {
        let mut state = self.disk.state();
        let result = state.enter(self.disk.run, "sync_volume", &self.path);
        let over = state.is_over(self.disk.run);
        let State { tree, failing_sync, .. } = &mut *state;
        match result {
            Ok(()) => tree.sync_all(),
            Err(_) if over => {}
            Err(_) => tree.fail_sync_all(failing_sync),
        }
        result.map_err(|errno| error("sync_volume", &self.path, errno))
    }
}

#[derive(Debug)]
pub(super) struct FaultyLock {
    pub(super) disk: FaultyDisk,
    pub(super) lock: (u64, Option<u64>),
}

impl DiskLock for FaultyLock {}

impl Drop for FaultyLock {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        if state.run == self.disk.run {
            state.locked.retain(|lock| *lock != self.lock);
        }
    }
}
