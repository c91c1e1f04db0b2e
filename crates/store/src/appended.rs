//! A file of a folder that is appended to, and that anybody may delete at any moment: nothing in it is needed, nothing is
//! synced, and what its checksums don't fit is absent.
//!
//! | who | how |
//! |---|---|
//! | readers, any number | without a lock; what is appended meanwhile is seen at [`AppendedFile::refresh`] |
//! | a writer at a time | holds the file's lock (fcntl(2)) while it appends; who doesn't get it writes nothing |
//! | [`AppendedFile::write_anew`] | writes another file and renames it over the old one, of which readers keep the rest |
//!
//! Its head says whose it is, and in which format. One with another head is somebody else's, and is replaced.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use postroad_disk::{Disk, DiskError, DiskFile};

use crate::Maildir;
use crate::file_name::FileNames;

/// What is known of such a file.
pub trait Appended: Default {
    /// Takes up what stands between `end` and `length`; gives how far it is right.
    ///
    /// # Errors
    /// What the disk said.
    fn read_on(&mut self, file: &dyn DiskFile, end: u64, length: u64) -> Result<u64, DiskError>;
}

/// Whether something was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It was, or there was nothing to write.
    All,
    /// Somebody else is writing, and ours is forgotten.
    NotOurTurn,
}

/// The file, as far as it was read.
#[derive(Debug)]
pub struct AppendedFile<T> {
    disk: Arc<dyn Disk>,
    folder: Maildir,
    name: &'static str,
    head: Vec<u8>,
    /// What is read from; `None` where there is none of ours.
    file: Option<Box<dyn DiskFile>>,
    /// The file's number: a new one has come to its place when it is another.
    number: u64,
    /// How far it was read and is right.
    end: u64,
    known: T,
}

impl<T: Appended> AppendedFile<T> {
    /// The file of that name in a folder, with that head: nothing is known where there is none. It is made when something
    /// is written.
    ///
    /// # Errors
    /// What the disk said.
    pub fn open(
        disk: Arc<dyn Disk>,
        folder: &Maildir,
        name: &'static str,
        head: Vec<u8>,
    ) -> Result<Self, DiskError> {
        let (folder, known) = (folder.clone(), T::default());
        let mut opened = Self { disk, folder, name, head, file: None, number: 0, end: 0, known };
        opened.refresh()?;
        Ok(opened)
    }

    /// What is known of it.
    pub fn known(&self) -> &T {
        &self.known
    }

    /// The file, and what is known of it; `None` where there is none.
    pub fn parts(&mut self) -> Option<(&dyn DiskFile, &mut T)> {
        Some((self.file.as_deref()?, &mut self.known))
    }

    /// How far it is right.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Takes up what others have written since.
    ///
    /// # Errors
    /// What the disk said.
    pub fn refresh(&mut self) -> Result<(), DiskError> {
        match self.disk.stat(&self.path()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Whoever has deleted it doesn't want it believed.
                self.forget();
                Ok(())
            }
            Ok(stat) if self.file.is_some() && stat.number == self.number => self.read_on(),
            Ok(stat) => self.reopen(stat.number),
            Err(error) => Err(error),
        }
    }

    /// Appends: `write` gets what is known, the file, and where its end is, and gives where it is then, as far as it knows
    /// all up to there. What stands behind that is read.
    ///
    /// # Errors
    /// What the disk said.
    pub fn append(
        &mut self,
        write: impl FnOnce(&mut T, &mut dyn DiskFile, u64) -> Result<u64, DiskError>,
    ) -> Result<Written, DiskError> {
        let Some(mut file) = self.locked()? else { return Ok(Written::NotOurTurn) };
        if file.len()? > self.end {
            // A torn tail: what is behind it would never be found.
            file.truncate(self.end)?;
        }
        self.end = write(&mut self.known, file.as_mut(), self.end)?;
        self.read_on()?;
        Ok(Written::All)
    }

    /// Writes the file anew: `write` gets what is known, the old file, and the new one, which has its head.
    ///
    /// # Errors
    /// What the disk said; the file is as it was.
    pub fn write_anew(
        &mut self,
        write: impl FnOnce(&mut T, &dyn DiskFile, &mut dyn DiskFile) -> Result<(), DiskError>,
    ) -> Result<Written, DiskError> {
        let Some(_locked) = self.locked()? else { return Ok(Written::NotOurTurn) };
        let (by, path) = (self.by(), self.path());
        let Some(old) = self.file.as_deref() else { return Ok(Written::NotOurTurn) };
        let written = with_head(self.disk.as_ref(), &by, &self.head)
            .and_then(|mut new| write(&mut self.known, old, new.as_mut()))
            .and_then(|()| self.disk.rename(&by, &path));
        match written {
            Ok(()) => self.refresh().map(|()| Written::All),
            Err(error) => {
                // The file beside it is nobody's.
                let _ = self.disk.remove(&by);
                Err(error)
            }
        }
    }

    /// Removes the file: it is damaged.
    ///
    /// # Errors
    /// What the disk said.
    pub fn remove(&mut self) -> Result<(), DiskError> {
        self.forget();
        self.disk.remove(&self.path())
    }

    fn path(&self) -> PathBuf {
        self.folder.root().join(self.name)
    }

    /// A name in tmp/, where what a crash leaves is swept.
    fn by(&self) -> PathBuf {
        self.folder.tmp().join(FileNames::new(self.name).next(SystemTime::now()))
    }

    /// Reads the file that is there now.
    fn reopen(&mut self, number: u64) -> Result<(), DiskError> {
        self.forget();
        let file = self.disk.open_read(&self.path())?;
        let mut head = vec![0; self.head.len()];
        if file.read_at(&mut head, 0)? == head.len() && head == self.head {
            (self.file, self.number, self.end) = (Some(file), number, head.len() as u64);
            self.read_on()?;
        }
        Ok(())
    }

    fn forget(&mut self) {
        (self.file, self.number, self.end) = (None, 0, 0);
        self.known = T::default();
    }

    fn read_on(&mut self) -> Result<(), DiskError> {
        let Some(file) = &self.file else { return Ok(()) };
        let length = file.len()?;
        if length < self.end {
            // Somebody has cut it off.
            return self.reopen(self.number);
        }
        if length > self.end {
            self.end = self.known.read_on(file.as_ref(), self.end, length)?;
        }
        Ok(())
    }

    /// The file, locked, with all that it holds known; `None` where it is somebody else's turn.
    pub(crate) fn locked(&mut self) -> Result<Option<Box<dyn DiskFile>>, DiskError> {
        let path = self.path();
        let mut file = match self.disk.open_locked(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.create()?;
                self.disk.open_locked(&path)
            }
            file => file,
        };
        if file.is_ok() {
            self.refresh()?;
            if self.file.is_none() {
                // Another mailbox's, or of no version that we know.
                self.create_over()?;
                file = self.disk.open_locked(&path);
                self.refresh()?;
            }
        }
        match file {
            Ok(file) => Ok(self.file.is_some().then_some(file)),
            Err(error) if is_taken(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes an empty one, unless somebody else just does.
    fn create(&self) -> Result<(), DiskError> {
        let by = self.by();
        with_head(self.disk.as_ref(), &by, &self.head)?;
        match self.disk.rename_noreplace(&by, &self.path()) {
            Err(error) => {
                let _ = self.disk.remove(&by);
                if error.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(error) }
            }
            Ok(()) => Ok(()),
        }
    }

    /// Makes an empty one in place of one that is none of ours.
    fn create_over(&self) -> Result<(), DiskError> {
        let by = self.by();
        with_head(self.disk.as_ref(), &by, &self.head)?;
        self.disk.rename(&by, &self.path())
    }
}

fn with_head(disk: &dyn Disk, by: &Path, head: &[u8]) -> Result<Box<dyn DiskFile>, DiskError> {
    let mut file = disk.create_new(by)?;
    file.write_all_at(&[head], 0)?;
    Ok(file)
}

/// Whether somebody else writes. Where there are no locks, nobody does.
fn is_taken(error: &DiskError) -> bool {
    let no_locks = [rustix::io::Errno::NOLCK, rustix::io::Errno::NOSYS].map(|it| it.raw_os_error());
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::NotFound | io::ErrorKind::Unsupported
    ) || error.source.raw_os_error().is_some_and(|number| no_locks.contains(&number))
}
