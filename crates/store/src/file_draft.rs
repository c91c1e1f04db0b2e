//! One letter on its way into a Maildir.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use postroad_disk::{Disk, DiskError, DiskFile};

use crate::draft::Filed;
use crate::file_name::{FileNames, in_full};
use crate::flags::Flags;
use crate::key::DeliveryKey;
use crate::keywords::{self, KeywordsLeftOut};
use crate::line_ends::LineEnds;
use crate::sync_group::SyncGroup;
use crate::{Maildir, StoreError, Usage};

/// Octets that are gathered before they are written: one system call for most letters.
const BUFFER_OCTETS: usize = 128 * 1024;
/// Names that are tried where one is taken; more than two never happened to anybody.
const NAME_TRIES: usize = 8;

/// A letter that is being written into tmp/. Dropped before it is delivered, it leaves nothing.
#[derive(Debug)]
pub(crate) struct FileDraft {
    disk: Arc<dyn Disk>,
    names: Arc<FileNames>,
    group: Arc<SyncGroup>,
    maildir: Maildir,
    unique: String,
    tmp: PathBuf,
    file: Box<dyn DiskFile>,
    ends: LineEnds,
    buffer: Vec<u8>,
    written: u64,
    flags: Flags,
    /// Letters of its keywords.
    keywords: Vec<char>,
    key: Option<DeliveryKey>,
    place: Place,
}

/// Where the letter's file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Tmp,
    Shown,
}

impl FileDraft {
    /// Creates the file in tmp/; `join` finds the group that the file's syncs are shared with.
    pub(crate) fn create(
        disk: &Arc<dyn Disk>,
        names: &Arc<FileNames>,
        maildir: &Maildir,
        join: impl FnOnce(&dyn DiskFile) -> Result<Arc<SyncGroup>, DiskError>,
    ) -> Result<Self, DiskError> {
        let mut tries = 0;
        let (unique, tmp, file) = loop {
            let unique = names.next(SystemTime::now());
            let tmp = maildir.tmp().join(&unique);
            match disk.create_new(&tmp) {
                Ok(file) => break (unique, tmp, file),
                Err(error) if is_taken(&error) && tries < NAME_TRIES => tries += 1,
                Err(error) => return Err(error),
            }
        };
        let group = match join(file.as_ref()) {
            Ok(group) => group,
            Err(error) => {
                // Empty, and the error that counts is the first one.
                let _ = disk.remove(&tmp);
                return Err(error);
            }
        };
        Ok(Self {
            disk: Arc::clone(disk),
            names: Arc::clone(names),
            group,
            maildir: maildir.clone(),
            unique,
            tmp,
            file,
            ends: LineEnds::default(),
            buffer: Vec::new(),
            written: 0,
            flags: Flags::default(),
            keywords: Vec::new(),
            key: None,
            place: Place::Tmp,
        })
    }

    /// The letter's name: that of its file, without the sizes. Unique on this host, for ever.
    pub(crate) fn id(&self) -> &str {
        &self.unique
    }

    /// Appends octets as they stand on the wire: CRLF becomes LF, however they are cut.
    ///
    /// # Errors
    /// What the disk said: the letter can't be stored. Drop the draft.
    pub(crate) fn write(&mut self, octets: &[u8]) -> Result<(), StoreError> {
        self.ends.push(octets, &mut self.buffer);
        if self.buffer.len() >= BUFFER_OCTETS {
            self.flush()?;
        }
        Ok(())
    }

    /// Flags that it is filed with: a letter that has any goes into cur/ (maildir(5)). Its folder is told, durably,
    /// of keywords that are new there. Gives those that it is filed without.
    pub(crate) fn set_flags(&mut self, flags: Flags) -> Option<KeywordsLeftOut> {
        let by = self.maildir.tmp().join(self.names.next(SystemTime::now()));
        let (letters, left_out) =
            keywords::letters(self.disk.as_ref(), &self.maildir, &by, flags.keywords());
        (self.flags, self.keywords) = (flags, letters);
        left_out
    }

    /// What it adds to its mailbox, once all is written.
    ///
    /// # Errors
    /// What the disk said: the letter can't be stored. Drop the draft.
    pub(crate) fn usage(&mut self) -> Result<Usage, StoreError> {
        self.ends.finish(&mut self.buffer);
        self.flush()?;
        match self.maildir.is_trash() || self.flags.is_trashed() {
            true => Ok(Usage::default()),
            false => Ok(Usage { octets: self.written, letters: 1 }),
        }
    }

    /// What it is known again by.
    pub(crate) fn set_key(&mut self, key: DeliveryKey) {
        self.key = Some(key);
    }

    /// The mailbox or folder that it is for.
    pub(crate) fn folder(&self) -> &Path {
        self.maildir.root()
    }

    /// Delivers: after `Ok` a power cut doesn't lose the letter. Letters that are delivered at the same
    /// time share their syncs; one that is alone doesn't wait.
    ///
    /// # Errors
    /// The letter isn't stored, or it can't be known: it has to come again.
    pub(crate) fn deliver(self) -> Result<Filed, StoreError> {
        let (tell, hear) = std::sync::mpsc::sync_channel(1);
        let path = self.tmp.clone();
        self.deliver_then(move |result| {
            // Whoever waits below has not gone away.
            let _ = tell.send(result);
        });
        hear.recv().unwrap_or_else(|_| {
            let source = io::Error::other("the delivery that shared its sync was broken off");
            Err(DiskError { operation: "deliver", path, source }.into())
        })
    }

    /// As [`FileDraft::deliver`], for those who don't want to wait: calls `done` from a thread that delivers,
    /// which may be this one. Where `done` is dropped without a call, the letter isn't stored.
    pub(crate) fn deliver_then(
        mut self,
        done: impl FnOnce(Result<Filed, StoreError>) + Send + 'static,
    ) {
        self.ends.finish(&mut self.buffer);
        match self.flush() {
            Ok(()) => Arc::clone(&self.group).deliver(self, Box::new(done)),
            Err(error) => done(Err(error.into())),
        }
    }

    fn flush(&mut self) -> Result<(), DiskError> {
        if !self.buffer.is_empty() {
            self.file.write_all_at(&[&self.buffer], self.written)?;
            self.written += self.buffer.len() as u64;
            self.buffer.clear();
        }
        Ok(())
    }

    /// Begins to make the content durable.
    pub(crate) fn start_sync(&mut self) {
        self.file.start_sync();
    }

    /// Makes the content durable.
    pub(crate) fn sync(&mut self) -> Result<(), DiskError> {
        self.file.sync()
    }

    /// Makes the names in a directory durable.
    pub(crate) fn sync_dir(&self, directory: &Path) -> Result<(), DiskError> {
        self.disk.sync_dir(directory)
    }

    /// The directory that the letter goes into.
    pub(crate) fn target_dir(&self) -> PathBuf {
        match self.info().is_empty() {
            true => self.maildir.new_dir(),
            false => self.maildir.cur_dir(),
        }
    }

    /// Shows the letter, whose content is durable. Nothing is ever replaced.
    pub(crate) fn show(&mut self) -> Result<PathBuf, DiskError> {
        let mut tries = 0;
        loop {
            let octets_with_crlf = self.written + self.ends.lines();
            let name = in_full(&self.unique, self.key, self.written, octets_with_crlf);
            let path = self.target_dir().join(name + &self.info());
            match self.rename_or_link(&path) {
                Ok(()) => {
                    self.place = Place::Shown;
                    return Ok(path);
                }
                Err(error) if is_taken(&error) && tries < NAME_TRIES => {
                    tries += 1;
                    self.unique = self.names.next(SystemTime::now());
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn info(&self) -> String {
        self.flags.info(&self.keywords)
    }

    fn rename_or_link(&self, path: &Path) -> Result<(), DiskError> {
        match self.disk.rename_noreplace(&self.tmp, path) {
            // NFS and others can't rename without replacing; every file system with links can link so.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
                ) =>
            {
                self.disk.link(&self.tmp, path)?;
                // The letter is there. What stays in tmp/ is swept.
                let _ = self.disk.remove(&self.tmp);
                Ok(())
            }
            other => other,
        }
    }

    /// Takes a letter back of which nobody was told: it comes again, and once is enough.
    pub(crate) fn take_back(&self, path: &Path) {
        // Where it can't be removed it comes twice, which is better than not at all.
        let _ = self.disk.remove(path);
    }

    /// The letter's length in octets, as a file.
    pub(crate) fn octets(&self) -> u64 {
        self.written
    }
}

impl Drop for FileDraft {
    fn drop(&mut self) {
        if self.place == Place::Tmp {
            // Where that fails, the sweep gets it after 36 hours.
            let _ = self.disk.remove(&self.tmp);
        }
    }
}

fn is_taken(error: &DiskError) -> bool {
    error.kind() == io::ErrorKind::AlreadyExists
}
