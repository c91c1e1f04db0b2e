//! One letter on its way, whatever kind of mailbox it is for.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::file_draft::FileDraft;
use crate::key::DeliveryKey;
use crate::keywords::KeywordsLeftOut;
use crate::mbox::{Appended, MboxDraft};
use crate::{Flags, StoreError, Usage};

/// A letter that is being written. Dropped before it is delivered, it leaves nothing.
#[derive(Debug)]
pub struct Draft(Kind);

#[derive(Debug)]
enum Kind {
    /// For a Maildir: a file of its own.
    File(FileDraft),
    /// For a mailbox file.
    Mbox(MboxDraft),
}

/// A letter that is in its mailbox, and stays there whatever happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filed {
    /// Its file, in new/ or with flags in cur/; or the mailbox file.
    pub path: PathBuf,
    /// Its length in octets, as it is there.
    pub octets: u64,
    /// How long the disk took to make it durable.
    pub sync: Duration,
    /// Where in the mailbox file.
    pub(crate) appended: Option<Appended>,
}

/// What is called when a letter is durable, or isn't going to be.
pub(crate) type Done = Box<dyn FnOnce(Result<Filed, StoreError>) + Send>;

impl From<FileDraft> for Draft {
    fn from(draft: FileDraft) -> Self {
        Self(Kind::File(draft))
    }
}

impl From<MboxDraft> for Draft {
    fn from(draft: MboxDraft) -> Self {
        Self(Kind::Mbox(draft))
    }
}

impl Draft {
    /// The letter's name: in a Maildir that of its file, without the sizes. Unique on this host, for ever.
    pub fn id(&self) -> &str {
        match &self.0 {
            Kind::File(draft) => draft.id(),
            Kind::Mbox(draft) => draft.id(),
        }
    }

    /// Appends octets as they stand on the wire: CRLF becomes LF, however they are cut.
    ///
    /// # Errors
    /// What the disk said: the letter can't be stored. Drop the draft.
    pub fn write(&mut self, octets: &[u8]) -> Result<(), StoreError> {
        match &mut self.0 {
            Kind::File(draft) => draft.write(octets),
            Kind::Mbox(draft) => {
                draft.write(octets);
                Ok(())
            }
        }
    }

    /// Flags that it is filed with. In a Maildir the folder is told, durably, of keywords that are new there. Gives those
    /// that it is filed without.
    pub fn set_flags(&mut self, flags: Flags) -> Option<KeywordsLeftOut> {
        match &mut self.0 {
            Kind::File(draft) => draft.set_flags(flags),
            Kind::Mbox(draft) => {
                draft.set_flags(flags);
                None
            }
        }
    }

    /// What it adds to its Maildir, once all is written.
    ///
    /// # Errors
    /// What the disk said: the letter can't be stored. Drop the draft.
    pub fn usage(&mut self) -> Result<Usage, StoreError> {
        match &mut self.0 {
            Kind::File(draft) => draft.usage(),
            Kind::Mbox(_) => Ok(Usage::default()),
        }
    }

    /// Whether it is for a mailbox file: that has to be locked, and nothing in it tells which delivery a letter was of.
    pub fn is_for_mailbox_file(&self) -> bool {
        matches!(self.0, Kind::Mbox(_))
    }

    /// What it is known again by.
    pub(crate) fn set_key(&mut self, key: DeliveryKey) {
        match &mut self.0 {
            Kind::File(draft) => draft.set_key(key),
            Kind::Mbox(_) => {}
        }
    }

    /// The mailbox or folder that it is for.
    pub(crate) fn folder(&self) -> &Path {
        match &self.0 {
            Kind::File(draft) => draft.folder(),
            Kind::Mbox(draft) => draft.path(),
        }
    }

    /// Locks the mailbox where it is one that others write to as well, until the letter is delivered or dropped.
    /// [`Draft::deliver`] does so by itself: this is for who has to know when the waiting is over.
    ///
    /// # Errors
    /// Where it isn't had in time, or the file isn't to be written to.
    pub fn lock(&mut self) -> Result<(), StoreError> {
        match &mut self.0 {
            Kind::File(_) => Ok(()),
            Kind::Mbox(draft) => draft.lock(),
        }
    }

    /// Delivers: after `Ok` a power cut doesn't lose the letter. In Maildirs, letters that are delivered at the same
    /// time share their syncs; one that is alone doesn't wait.
    ///
    /// # Errors
    /// The letter isn't stored, or it can't be known: it has to come again.
    pub fn deliver(self) -> Result<Filed, StoreError> {
        match self.0 {
            Kind::File(draft) => draft.deliver(),
            Kind::Mbox(draft) => draft.deliver(),
        }
    }

    /// As [`Draft::deliver`], for those who don't want to wait: calls `done` from a thread that delivers,
    /// which may be this one. Where `done` is dropped without a call, the letter isn't stored.
    pub fn deliver_then(self, done: impl FnOnce(Result<Filed, StoreError>) + Send + 'static) {
        match self.0 {
            Kind::File(draft) => draft.deliver_then(done),
            Kind::Mbox(draft) => done(draft.deliver()),
        }
    }
}
