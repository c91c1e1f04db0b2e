//! The folders of a mailbox.

use std::collections::BTreeSet;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use postroad_disk::Disk;
use postroad_store::neighbours::{NumberedBy, numbered_by};
use postroad_store::{
    Counts, Courier, FolderError, FolderName, Folders, Listed, MailboxError, MailboxName,
    Mailboxes, Maildir, StatusCache, Stored, Times,
};

use crate::error::{CatalogError, kind};
use crate::folder::{Folder, Kind, WhyPlain};
use crate::kept::Kept;
use crate::limits::REGISTER_LOCK_WAIT;
use crate::plain::Plain;
use crate::read::LetterFile;

/// All folders of a mailbox.
#[derive(Debug)]
pub struct Catalog {
    inside: Arc<Inside>,
    inbox: Maildir,
    /// Read when it is asked for the first time.
    counts: Mutex<Option<StatusCache>>,
}

/// What open folders have in common.
#[derive(Debug)]
pub(crate) struct Inside {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) courier: Courier,
    mailboxes: Arc<Mailboxes>,
}

impl Inside {
    /// The file of a letter that somebody else numbers.
    pub(crate) fn letter_file(&self, uid: u32, stored: &Stored) -> LetterFile {
        let disk = Arc::clone(&self.disk);
        let file = postroad_store::LetterFile::at(disk, uid, stored.path());
        LetterFile { file, wire_octets: stored.wire_octets() }
    }
}

impl Catalog {
    /// The folders of the mailbox with this inbox, for whoever looks once; `host` goes into the names of files.
    pub fn new(disk: Arc<dyn Disk>, inbox: Maildir, host: &str) -> Self {
        Self::of(Mailboxes::new(Arc::clone(&disk), host), disk, inbox, host)
    }

    /// The same, told by the system of changes. Not for who looks once: Linux takes 20 ms to stop telling.
    pub fn watching(disk: Arc<dyn Disk>, inbox: Maildir, host: &str) -> Self {
        // Whoever has it asks what was noticed whenever they have looked at a folder.
        let mailboxes = Mailboxes::new(Arc::clone(&disk), host).watching(|| {});
        Self::of(mailboxes, disk, inbox, host)
    }

    fn of(mailboxes: Mailboxes, disk: Arc<dyn Disk>, inbox: Maildir, host: &str) -> Self {
        let mailboxes = Arc::new(mailboxes.with_lock_wait(REGISTER_LOCK_WAIT));
        let courier = Courier::new(Arc::clone(&disk), host);
        let inside = Arc::new(Inside { disk, courier, mailboxes });
        Self { inside, inbox, counts: Mutex::default() }
    }

    /// The inbox.
    pub fn inbox(&self) -> &Maildir {
        &self.inbox
    }

    fn all(&self) -> Folders<'_> {
        Folders::of(&self.inside.courier, &self.inbox)
    }

    /// All folders, the inbox first and each before those below it.
    ///
    /// # Errors
    /// What the disk said.
    pub fn folders(&self) -> Result<Vec<Listed>, CatalogError> {
        Ok(self.all().list()?)
    }

    /// Opens a folder. It shows what was last seen of it ([`Folder::refresh`] looks again); one that was never seen is
    /// listed, and gets its numbers, unless another program numbers its letters or nothing can be written there
    /// ([`Folder::why_plain`]).
    ///
    /// # Errors
    /// Where there is none, or it can't be read.
    pub fn open(&self, name: &MailboxName) -> Result<Folder, CatalogError> {
        let place = self.all().find(name)?;
        let kind = self.kind(&place)?;
        Ok(Folder::new(Arc::clone(&self.inside), name.clone(), place, kind))
    }

    fn kind(&self, place: &Maildir) -> Result<Kind, MailboxError> {
        use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
        let Inside { disk, courier, .. } = self.inside.as_ref();
        let plain = |why| Ok(Kind::Plain(Plain::open(courier, place.clone())?, why));
        match numbered_by(disk.as_ref(), place)? {
            // To open it takes its numbers over, and may rename its files: that program would go on giving them, and
            // clients would know two letters by one number. A look alone isn't to do that.
            NumberedBy::Another => return plain(WhyPlain::Another),
            NumberedBy::Us | NumberedBy::Nobody => {}
        }
        match self.inside.mailboxes.open(place) {
            Err(error) if matches!(kind(&error), Some(PermissionDenied | ReadOnlyFilesystem)) => {
                plain(WhyPlain::Unwritable(error))
            }
            mailbox => Ok(Kind::Kept(Box::new(Kept::open(Arc::clone(disk), mailbox?)))),
        }
    }

    /// The folder that is for something (`\Trash`, `\Sent`; RFC 6154), which is made under this name where there is none.
    ///
    /// # Errors
    /// What the disk said.
    pub fn folder_for(&self, attribute: &str, made_as: &str) -> Result<MailboxName, CatalogError> {
        if let Some(name) = self.inside.courier.folder_for(&self.inbox, attribute, None)? {
            return Ok(MailboxName::Folder(name));
        }
        self.folder_named(made_as)
    }

    /// The folder of this name, which is made where there is none.
    ///
    /// # Errors
    /// Where it can't be a folder's name, and what the disk said.
    pub fn folder_named(&self, name: &str) -> Result<MailboxName, CatalogError> {
        let name = MailboxName::from_utf8(name).map_err(FolderError::from)?;
        self.make(&name)?;
        Ok(name)
    }

    /// Makes a folder; one that is there stays.
    ///
    /// # Errors
    /// What the disk said.
    pub fn make(&self, name: &MailboxName) -> Result<(), CatalogError> {
        match self.all().create(name, &[]) {
            Err(FolderError::Exists) => Ok(()),
            made => Ok(made?),
        }
    }

    /// Makes a folder that isn't there yet, and subscribes to it.
    ///
    /// # Errors
    /// Where it is there, or can't be, and what the disk said.
    pub fn create(&self, name: &MailboxName) -> Result<(), CatalogError> {
        self.all().create(name, &[])?;
        self.subscribe(name)
    }

    /// Removes a folder with all that is in it, for good. Those below it stay.
    ///
    /// # Errors
    /// Why it can't be, or what the disk said.
    pub fn remove(&self, name: &MailboxName) -> Result<(), CatalogError> {
        self.all().delete(name)?;
        self.unsubscribe(name)
    }

    /// Renames a folder, and those below it.
    ///
    /// # Errors
    /// Why it can't be, or what the disk said.
    pub fn rename(&self, from: &MailboxName, to: &MailboxName) -> Result<(), CatalogError> {
        Ok(self.all().rename(from, to)?)
    }

    /// Folders that are subscribed to; they need not be there.
    ///
    /// # Errors
    /// What the disk said.
    pub fn subscribed(&self) -> Result<BTreeSet<MailboxName>, CatalogError> {
        Ok(self.all().subscribed().map_err(FolderError::from)?)
    }

    /// Subscribes to a folder.
    ///
    /// # Errors
    /// What the disk said.
    pub fn subscribe(&self, name: &MailboxName) -> Result<(), CatalogError> {
        Ok(self.all().subscribe(name).map(drop).map_err(FolderError::from)?)
    }

    /// Subscribes to it no more.
    ///
    /// # Errors
    /// What the disk said.
    pub fn unsubscribe(&self, name: &MailboxName) -> Result<(), CatalogError> {
        Ok(self.all().unsubscribe(name).map(drop).map_err(FolderError::from)?)
    }

    /// How many letters a folder has, where that is known without opening it.
    pub fn counts(&self, name: &MailboxName) -> Option<Counts> {
        let (disk, place) = (self.inside.disk.as_ref(), self.all().find(name).ok()?);
        let times = Times::of(disk, &place).ok()?;
        self.known_counts().get_or_insert_with(|| self.read_counts()).get(place.name(), times)
    }

    /// Looks at a folder that is open, and remembers how many letters it has.
    ///
    /// # Errors
    /// As [`Folder::refresh`].
    pub fn count(&self, folder: &mut Folder) -> Result<Counts, CatalogError> {
        let began = SystemTime::now();
        folder.refresh()?;
        let (counts, place) = (folder.counts(), folder.place());
        if folder.why_plain().is_none()
            && let Ok(times) = Times::of(self.inside.disk.as_ref(), place)
        {
            let mut known = self.known_counts();
            let known = known.get_or_insert_with(|| self.read_counts());
            known.remember(place.name(), (times, began), counts);
        }
        Ok(counts)
    }

    /// Has other processes know what was counted. Where it can't be written, they count.
    pub fn keep_counts(&self) {
        let Some(known) = &mut *self.known_counts() else { return };
        let disk = self.inside.disk.as_ref();
        let is_there = |name: &str| {
            let name = FolderName::on_disk(name);
            name.is_ok_and(|name| self.inbox.folder(&name).exists(disk).unwrap_or(true))
        };
        let _ = known.write(disk, is_there);
    }

    fn read_counts(&self) -> StatusCache {
        StatusCache::open(self.inside.disk.as_ref(), &self.inbox)
    }

    /// Nothing in it is left half changed by a panic.
    fn known_counts(&self) -> MutexGuard<'_, Option<StatusCache>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is readable when there is something for [`Catalog::noticed`]; `None` where the system tells nothing, or wasn't
    /// asked to ([`Catalog::watching`]).
    pub fn readable(&self) -> Option<BorrowedFd<'_>> {
        self.inside.mailboxes.readable()
    }

    /// The folders (their places) that are open, ours, and have changed, or may have: to be looked at. To be asked where
    /// [`Catalog::readable`] is, and after each [`Folder::refresh`], which takes the news of other folders, too.
    ///
    /// # Errors
    /// What the system said; then any may have changed.
    pub fn noticed(&self) -> Result<Vec<PathBuf>, CatalogError> {
        Ok(self.inside.mailboxes.noticed()?)
    }
}

/// The programs of a mailbox may end at any moment: counts are written when it goes.
impl Drop for Catalog {
    fn drop(&mut self) {
        self.keep_counts();
    }
}
