//! Reading what the device holds, not what the page cache shows.
//!
//! After a failed fdatasync the kernel marks the pages clean: a plain read gives what was written and
//! never reached the device. O_DIRECT reads past them. File systems without it (tmpfs of old kernels,
//! some network ones) refuse it when the file is opened; there the clean pages are dropped first
//! (`posix_fadvise`), which is the best that can be had.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::os::named;
use crate::{DiskError, DiskFile};

/// What O_DIRECT wants places, lengths and memory to be multiples of; no device's block is larger.
const BLOCK_OCTETS: usize = 4096;
/// Octets read with one call.
const STRETCH_OCTETS: usize = 64 * BLOCK_OCTETS;

/// A file that is read past the page cache.
#[derive(Debug)]
pub(crate) struct PastCache {
    file: File,
    path: PathBuf,
}

impl PastCache {
    pub(crate) fn open(path: &Path) -> Result<Self, DiskError> {
        let open = |flags: OFlags| {
            let flags = flags | OFlags::NOFOLLOW;
            OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)
        };
        let file = match open(OFlags::DIRECT) {
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                let file = named("read", path, open(OFlags::empty()))?;
                // Nothing to be done where even this is refused: the read then shows what it shows.
                let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed);
                file
            }
            opened => named("read", path, opened)?,
        };
        Ok(Self { file, path: path.to_owned() })
    }

    /// Fills the buffer from a place, by blocks around it.
    fn read_blocks(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut memory = vec![0; STRETCH_OCTETS + BLOCK_OCTETS];
        let aligned = memory.as_ptr().align_offset(BLOCK_OCTETS);
        let memory = memory.get_mut(aligned..).unwrap_or_default();
        let stretch = memory.get_mut(..STRETCH_OCTETS).unwrap_or_default();
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let at = offset + filled as u64;
            let skip = at % BLOCK_OCTETS as u64;
            let read = match self.file.read_at(stretch, at - skip) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            let skip = usize::try_from(skip).unwrap_or(0);
            let octets = stretch.get(skip..read).unwrap_or_default();
            let count = octets.len().min(rest.len());
            if count == 0 {
                break;
            }
            if let (Some(to), Some(from)) = (rest.get_mut(..count), octets.get(..count)) {
                to.copy_from_slice(from);
            }
            filled += count;
        }
        Ok(filled)
    }

    fn read_only<T>(&self, operation: &'static str) -> Result<T, DiskError> {
        named(operation, &self.path, Err(io::Error::from(io::ErrorKind::PermissionDenied)))
    }
}

impl DiskFile for PastCache {
    fn write_all_at(&mut self, _: &[&[u8]], _: u64) -> Result<(), DiskError> {
        self.read_only("write")
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, DiskError> {
        named("read", &self.path, self.read_blocks(buffer, offset))
    }

    fn len(&self) -> Result<u64, DiskError> {
        Ok(named("stat", &self.path, self.file.metadata())?.len())
    }

    fn truncate(&mut self, _: u64) -> Result<(), DiskError> {
        self.read_only("truncate")
    }

    fn sync(&mut self) -> Result<(), DiskError> {
        self.read_only("sync")
    }
}
