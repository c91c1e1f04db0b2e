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
use crate::sync_group::SyncGroup;
use crate::tmp_letter::TmpLetter;
use crate::{Maildir, StoreError, Usage};

/// A letter that is being written into tmp/. Dropped before it is delivered, it leaves nothing.
#[derive(Debug)]
pub(crate) struct FileDraft {
    disk: Arc<dyn Disk>,
    names: Arc<FileNames>,
    group: Arc<SyncGroup>,
    maildir: Maildir,
    letter: TmpLetter,
    flags: Flags,
    /// Letters of its keywords.
    keywords: Vec<char>,
    key: Option<DeliveryKey>,
}

impl FileDraft {
    /// Creates the file in tmp/; `join` finds the group that the file's syncs are shared with.
    pub(crate) fn create(
        disk: &Arc<dyn Disk>,
        names: &Arc<FileNames>,
        maildir: &Maildir,
        join: impl FnOnce(&dyn DiskFile) -> Result<Arc<SyncGroup>, DiskError>,
    ) -> Result<Self, DiskError> {
        let letter = TmpLetter::create(disk, maildir, || names.next(SystemTime::now()))?;
        let group = join(letter.file.as_ref())?;
        Ok(Self {
            disk: Arc::clone(disk),
            names: Arc::clone(names),
            group,
            maildir: maildir.clone(),
            letter,
            flags: Flags::default(),
            keywords: Vec::new(),
            key: None,
        })
    }

    /// The letter's name: that of its file, without the sizes. Unique on this host, for ever.
    pub(crate) fn id(&self) -> &str {
        &self.letter.tmp.unique
    }

    /// Appends octets as they stand on the wire: CRLF becomes LF, however they are cut.
    ///
    /// # Errors
    /// What the disk said: the letter can't be stored. Drop the draft.
    pub(crate) fn write(&mut self, octets: &[u8]) -> Result<(), StoreError> {
        Ok(self.letter.write(octets)?)
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
        self.letter.finish()?;
        match self.maildir.is_trash() || self.flags.is_trashed() {
            true => Ok(Usage::default()),
            false => Ok(Usage { octets: self.octets(), letters: 1 }),
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
        let path = self.letter.tmp.path.clone();
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
        match self.letter.finish() {
            Ok(()) => Arc::clone(&self.group).deliver(self, Box::new(done)),
            Err(error) => done(Err(error.into())),
        }
    }

    /// Begins to make the content durable.
    pub(crate) fn start_sync(&mut self) {
        self.letter.file.start_sync();
    }

    /// Makes the content durable.
    pub(crate) fn sync(&mut self) -> Result<(), DiskError> {
        self.letter.file.sync()
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
        let (directory, info, key) = (self.target_dir(), self.info(), self.key);
        self.letter.show(
            || self.names.next(SystemTime::now()),
            |letter| {
                let (octets, on_the_wire) = (letter.octets(), letter.octets_on_the_wire());
                let name = in_full(&letter.tmp.unique, key, octets, on_the_wire);
                directory.join(name + &info)
            },
        )
    }

    fn info(&self) -> String {
        self.flags.info(&self.keywords)
    }

    /// Takes a letter back of which nobody was told: it comes again, and once is enough.
    pub(crate) fn take_back(&self, path: &Path) {
        // Where it can't be removed it comes twice, which is better than not at all.
        let _ = self.disk.remove(path);
    }

    /// The letter's length in octets, as a file.
    pub(crate) fn octets(&self) -> u64 {
        self.letter.octets()
    }
}
