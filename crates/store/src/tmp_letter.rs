//! A letter's file in tmp/, until it is shown.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use postroad_disk::{Disk, DiskError, DiskFile};

use crate::Maildir;
use crate::line_ends::LineEnds;

/// Octets that are gathered before they are written: one system call for most letters.
pub(crate) const BUFFER_OCTETS: usize = 128 * 1024;
/// Names that are tried where one is taken; more than two never happened to anybody.
const NAME_TRIES: usize = 8;

/// A file in tmp/ that goes when it is dropped, unless it was shown.
#[derive(Debug)]
pub(crate) struct TmpFile {
    disk: Arc<dyn Disk>,
    pub(crate) path: PathBuf,
    /// Unique on this host, for ever.
    pub(crate) unique: String,
    pub(crate) shown: bool,
}

impl TmpFile {
    /// A file of that name, which somebody is about to make.
    pub(crate) fn named(disk: &Arc<dyn Disk>, folder: &Maildir, unique: String) -> Self {
        let path = folder.tmp().join(&unique);
        Self { disk: Arc::clone(disk), path, unique, shown: false }
    }

    /// Shows it under another name. Nothing is ever replaced.
    pub(crate) fn show(&mut self, path: &Path) -> Result<(), DiskError> {
        match self.disk.rename_noreplace(&self.path, path) {
            // NFS and others can't rename without replacing; every file system with links can link so.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
                ) =>
            {
                self.disk.link(&self.path, path)?;
                // The letter is there. What stays in tmp/ is swept.
                let _ = self.disk.remove(&self.path);
            }
            renamed => renamed?,
        }
        self.shown = true;
        Ok(())
    }
}

impl Drop for TmpFile {
    fn drop(&mut self) {
        if !self.shown {
            // Where that fails, the sweep gets it after 36 hours.
            let _ = self.disk.remove(&self.path);
        }
    }
}

/// A letter that is being written.
#[derive(Debug)]
pub(crate) struct TmpLetter {
    pub(crate) file: Box<dyn DiskFile>,
    pub(crate) tmp: TmpFile,
    ends: LineEnds,
    buffer: Vec<u8>,
    written: u64,
}

impl TmpLetter {
    /// Makes the file, under the first name that is free.
    pub(crate) fn create(
        disk: &Arc<dyn Disk>,
        folder: &Maildir,
        name: impl Fn() -> String,
    ) -> Result<Self, DiskError> {
        let mut tries = 0;
        let (tmp, file) = loop {
            let unique = name();
            let path = folder.tmp().join(&unique);
            match disk.create_new(&path) {
                Ok(file) => {
                    let disk = Arc::clone(disk);
                    break (TmpFile { disk, path, unique, shown: false }, file);
                }
                Err(error) if is_taken(&error) && tries < NAME_TRIES => tries += 1,
                Err(error) => return Err(error),
            }
        };
        Ok(Self { file, tmp, ends: LineEnds::default(), buffer: Vec::new(), written: 0 })
    }

    /// Appends octets as they stand on the wire: CRLF becomes LF, however they are cut.
    pub(crate) fn write(&mut self, octets: &[u8]) -> Result<(), DiskError> {
        self.ends.push(octets, &mut self.buffer);
        match self.buffer.len() >= BUFFER_OCTETS {
            true => self.flush(),
            false => Ok(()),
        }
    }

    /// Writes what is left: the letter is all there. Not synced.
    pub(crate) fn finish(&mut self) -> Result<(), DiskError> {
        self.ends.finish(&mut self.buffer);
        self.flush()
    }

    fn flush(&mut self) -> Result<(), DiskError> {
        if !self.buffer.is_empty() {
            self.file.write_all_at(&[&self.buffer], self.written)?;
            self.written += self.buffer.len() as u64;
            self.buffer.clear();
        }
        Ok(())
    }

    /// Octets of its file so far.
    pub(crate) fn octets(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    /// The same with CRLF.
    pub(crate) fn octets_on_the_wire(&self) -> u64 {
        self.octets() + self.ends.lines()
    }

    /// Shows it under the name that `path` makes of the unique one, and another one where that is taken.
    pub(crate) fn show(
        &mut self,
        name: impl Fn() -> String,
        path: impl Fn(&Self) -> PathBuf,
    ) -> Result<PathBuf, DiskError> {
        let mut tries = 0;
        loop {
            let path = path(self);
            match self.tmp.show(&path) {
                Ok(()) => return Ok(path),
                Err(error) if is_taken(&error) && tries < NAME_TRIES => {
                    tries += 1;
                    self.tmp.unique = name();
                }
                Err(error) => return Err(error),
            }
        }
    }
}

fn is_taken(error: &DiskError) -> bool {
    error.kind() == io::ErrorKind::AlreadyExists
}
