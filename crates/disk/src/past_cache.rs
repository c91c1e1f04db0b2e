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

use crate::os::{as_stat, named};
use crate::{DiskError, DiskFile, Stat};

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

    fn read_only<T>(&self, operation: &'static str) -> Result<T, DiskError> {
        named(operation, &self.path, Err(io::Error::from(io::ErrorKind::PermissionDenied)))
    }
}

impl DiskFile for PastCache {
    fn write_all_at(&mut self, _: &[&[u8]], _: u64) -> Result<(), DiskError> {
        self.read_only("write")
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, DiskError> {
        named("read", &self.path, read_blocks(buffer, offset, |to, at| self.file.read_at(to, at)))
    }

    fn stat(&self) -> Result<Stat, DiskError> {
        Ok(as_stat(&named("stat", &self.path, rustix::fs::fstat(&self.file))?))
    }

    fn truncate(&mut self, _: u64) -> Result<(), DiskError> {
        self.read_only("truncate")
    }

    fn sync(&mut self) -> Result<(), DiskError> {
        self.read_only("sync")
    }
}

/// Fills the buffer from a place, by the blocks that it touches and no others: one that can't be read costs nobody
/// who doesn't ask for it.
fn read_blocks(
    buffer: &mut [u8],
    offset: u64,
    mut read: impl FnMut(&mut [u8], u64) -> io::Result<usize>,
) -> io::Result<usize> {
    let mut memory = vec![0; STRETCH_OCTETS + BLOCK_OCTETS];
    let aligned = memory.as_ptr().align_offset(BLOCK_OCTETS);
    let memory = memory.get_mut(aligned..).unwrap_or_default();
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        let at = offset + filled as u64;
        let skip = at % BLOCK_OCTETS as u64;
        let first = at - skip;
        let skip = usize::try_from(skip).unwrap_or(0);
        let octets = (skip + rest.len()).next_multiple_of(BLOCK_OCTETS).min(STRETCH_OCTETS);
        let stretch = memory.get_mut(..octets).unwrap_or_default();
        let got = match read(stretch, first) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            got => got?,
        };
        let octets = stretch.get(skip..got).unwrap_or_default();
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Row F12: a block that can't be read costs whoever asks for it, not whoever reads in front of it.
    #[test]
    fn f12_a_block_that_cannot_be_read_costs_nobody_else() {
        const BROKEN: usize = 3;
        let whole: Vec<u8> = (0..10 * BLOCK_OCTETS).map(|n| (n % 251) as u8).collect();
        let mut calls = 0;
        let mut read = |to: &mut [u8], at: u64| {
            calls += 1;
            if calls % 3 == 0 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let at = usize::try_from(at).unwrap();
            // Short, but by whole blocks.
            let end = whole.len().min(at + to.len()).min(at + 2 * BLOCK_OCTETS);
            if (at / BLOCK_OCTETS..end.div_ceil(BLOCK_OCTETS)).contains(&BROKEN) {
                return Err(io::Error::other("broken"));
            }
            to[..end - at].copy_from_slice(&whole[at..end]);
            Ok(end - at)
        };
        let broken = BROKEN * BLOCK_OCTETS;
        for (from, octets, fails) in [
            (0, broken, false),
            (1, broken - 1, false),
            (broken - 1, 1, false),
            (broken - 1, 2, true),
            (broken + BLOCK_OCTETS - 1, 1, true),
            (broken + BLOCK_OCTETS, 6 * BLOCK_OCTETS, false),
            (broken + BLOCK_OCTETS, 60 * BLOCK_OCTETS, false),
        ] {
            let mut back = vec![0; octets];
            match read_blocks(&mut back, from as u64, &mut read) {
                Ok(read) => {
                    assert_eq!(back[..read], whole[from..(from + octets).min(whole.len())]);
                    assert!(!fails, "{from}, {octets}");
                }
                Err(_) => assert!(fails, "{from}, {octets}"),
            }
        }
    }
}
