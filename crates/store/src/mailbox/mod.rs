//! A folder as IMAP wants it, on top of its files (`docs/decisions/0004-access.md`).
//!
//! | looking for | it is in |
//! |---|---|
//! | an open mailbox: what a session asks | [`Mailbox`], `view` |
//! | all that a process has open | [`Mailboxes`] |
//! | seeing what others have changed | `refresh`, `scan`, `listing`, `fresh`, `news`, `watches` |
//! | changing flags, removing | `change` |
//! | adding, copying: all letters or none | `publish`, [`NewLetter`] |
//! | moving, replacing: in one place or the other | `moving`, [`Moving`] |
//! | reading a letter, as it goes over the wire | [`Letter`] |
//! | the register on disk: numbers that are kept | `file`, `frame`, `contents`, `lease` |
//! | the mailbox that was closed last | `kept` |
//! | what a file's name tells | `name` |
//! | letters in memory | `letters`, `expunged` |
//!
//! What a crash leaves, after each step:
//!
//! | of | crash after | what is there |
//! |---|---|---|
//! | UIDs | the lease was synced | UIDs up to its end are never given again, whatever else is lost |
//! | a letter that is added | it was renamed into cur/, the directory was synced | the letter; it gets its UID when the folder is looked at |
//! | several | the intent was synced | all of them, when the folder is opened next |
//! | | before | none |
//! | moved, replaced | see `moving` | the letter as it was, or where it is to be |
//! | flags | the file was renamed | the old or the new; clients ask again (the floor of mod-sequences is raised) |
//! | a snapshot | it was renamed | the old register or the new one, both whole |
//!
//! All calls block; callers choose the thread.

use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use postroad_disk::{Disk, DiskError, Stamp};

mod change;
mod contents;
mod error;
mod expunged;
mod file;
mod frame;
mod fresh;
mod fuzz;
mod kept;
mod lease;
mod letter;
mod letters;
mod listing;
mod moving;
mod name;
mod names;
mod news;
mod octets;
mod publish;
mod refresh;
mod scan;
mod seed;
#[cfg(test)]
mod tests;
mod uid_validity;
mod view;
mod watches;

pub(crate) use file::REGISTER as REGISTER_FILE;
pub(crate) use name::{Place, arrival, identity, size};
pub(crate) use names::{flags_in, name_with};
pub(crate) use uid_validity::Given;
pub(crate) use view::id_text;

pub use change::{FlagChange, FlagsChanged};
pub use error::MailboxError;
pub use letter::{Letter, LetterFile, WireReader};
pub use moving::Moving;
pub use names::LetterFlags;
pub use publish::{Copies, NewLetter, Renamed};
pub use seed::{Seed, SeedLetter};
pub use view::Entry;

pub(crate) use fuzz::register as fuzz_register;
pub(crate) use moving::fuzz as fuzz_moving;

use contents::Contents;
use file::{RegisterFile, Unusable};
use kept::{Kept, Seen};
use names::KeywordNames;
use watches::{Feed, Stirred, Watches};

use crate::file_name::FileNames;
use crate::limits::REGISTER_LOCK_WAIT;
use crate::{Maildir, StoreError};

/// All mailboxes that a process opens; one for a whole process.
#[derive(Debug)]
pub struct Mailboxes {
    disk: Arc<dyn Disk>,
    names: FileNames,
    boot: Vec<u8>,
    watches: Option<Watches>,
    lock_wait: Duration,
    kept: Kept,
}

impl Mailboxes {
    /// Mailboxes of this process; `host` goes into the names of files.
    pub fn new(disk: Arc<dyn Disk>, host: &str) -> Self {
        let names = FileNames::new(host);
        let boot = lease::boot_of(disk.as_ref());
        Self {
            disk,
            names,
            boot,
            watches: None,
            lock_wait: REGISTER_LOCK_WAIT,
            kept: Kept::default(),
        }
    }

    /// The same, told by the system of changes in folders that are open. Where it can't, folders are looked at.
    /// `stirred` is called where there is something for [`Mailboxes::noticed`] that [`Mailboxes::readable`] doesn't show:
    /// somebody has looked at one folder, and so taken the news of others. It may be called with any lock held.
    #[must_use]
    pub fn watching(mut self, stirred: impl Fn() + Send + Sync + 'static) -> Self {
        let watcher = self.disk.watcher().ok().flatten();
        self.watches = watcher.map(|watcher| Watches::new(watcher, Stirred(Box::new(stirred))));
        self
    }

    /// The same with another time to wait for the lock of a register.
    #[must_use]
    pub fn with_lock_wait(self, lock_wait: Duration) -> Self {
        Self { lock_wait, ..self }
    }

    /// What is readable when there is something for [`Mailboxes::noticed`].
    pub fn readable(&self) -> Option<BorrowedFd<'_>> {
        self.watches.as_ref()?.readable()
    }

    /// The folders of which something was noticed: [`Mailbox::refresh`] of theirs has something to do, or has just done
    /// it for one of those who share the mailbox.
    ///
    /// # Errors
    /// What the system said; then any may have.
    pub fn noticed(&self) -> Result<Vec<PathBuf>, MailboxError> {
        let Some(watches) = &self.watches else { return Ok(Vec::new()) };
        watches.pump()?;
        Ok(watches.changed())
    }

    /// Opens a folder; one that was never open gets its numbers, or keeps those of another program. Nothing of it is in view that came since it was last
    /// looked at: [`Mailbox::refresh`] does that.
    ///
    /// # Errors
    /// Where there is no such folder, or it can't be used.
    pub fn open(self: &Arc<Self>, folder: &Maildir) -> Result<Mailbox, MailboxError> {
        // Where it can't be done now, the next one who opens a folder tries again.
        let _ = self.finish_moving(folder);
        crate::neighbours::open(self, folder)
    }

    /// The same, with numbers that another program has given, where it was never open here: `seed` is asked then.
    ///
    /// # Errors
    /// As there, and what `seed` says.
    pub fn open_with(
        self: &Arc<Self>,
        folder: &Maildir,
        seed: impl FnOnce() -> Result<Option<Seed>, MailboxError>,
    ) -> Result<Mailbox, MailboxError> {
        let path = file::path_in(folder.root());
        let disk = self.disk();
        let (file, contents, tail, Seen { watching, looked_at }) = match self.kept.take(disk, &path)
        {
            Some(kept) => kept,
            None => {
                let (file, contents, tail) = match RegisterFile::open(disk, &path) {
                    Err(Unusable::Missing) => self.begin_register(folder, &path, seed()?)?,
                    Err(Unusable::Damaged) => self.begin_register(folder, &path, None)?,
                    Err(Unusable::Disk(error)) => return Err(error.into()),
                    Ok(opened) => opened,
                };
                (file, contents, tail, Seen::default())
            }
        };
        let mut mailbox = Mailbox {
            all: Arc::clone(self),
            folder: folder.clone(),
            path,
            file,
            contents,
            keywords: KeywordNames::default(),
            watching,
            looked_at,
            rewrite: false,
        };
        mailbox.read_keywords()?;
        mailbox.after_open(tail)?;
        Ok(mailbox)
    }

    pub(crate) fn disk(&self) -> &dyn Disk {
        self.disk.as_ref()
    }

    fn unique_name(&self) -> String {
        self.names.next(SystemTime::now())
    }
}

/// An open folder. One in a process, behind a lock: sessions share it, and each keeps a list of the UIDs that its client
/// was told of.
///
/// It shows what it last saw; [`Mailbox::refresh`] looks again. When [`Mailbox::uid_validity`] becomes another one, all
/// that clients know of the folder is void. UIDs that are given to it are those of the mailbox in view: where it turns out to
/// be another one by now, nothing is done ([`MailboxError::Renumbered`]).
#[derive(Debug)]
pub struct Mailbox {
    all: Arc<Mailboxes>,
    folder: Maildir,
    /// Of the register.
    path: PathBuf,
    file: RegisterFile,
    contents: Contents,
    keywords: KeywordNames,
    watching: Option<Watching>,
    /// new/ and cur/ as they were when they were last looked at, by whatever way.
    looked_at: Option<(Stamp, Stamp)>,
    /// What is on disk may not be what it seems, since a sync has failed: nothing is given before all of it is written
    /// anew.
    rewrite: bool,
}

/// A folder that the system tells us of.
#[derive(Debug)]
struct Watching {
    feed: Arc<Feed>,
    /// Whether the folder was listed since, and nothing was missed.
    complete: bool,
}

impl Mailbox {
    pub(crate) fn disk(&self) -> &dyn Disk {
        self.all.disk()
    }

    fn directory(&self, place: Place) -> PathBuf {
        match place {
            Place::New => self.folder.new_dir(),
            Place::Cur => self.folder.cur_dir(),
        }
    }

    fn file_path(&self, place: Place, name: &[u8]) -> PathBuf {
        self.directory(place).join(as_path(name))
    }

    /// A name in tmp/ that nobody has.
    pub(crate) fn tmp_path(&self) -> PathBuf {
        self.folder.tmp().join(self.all.unique_name())
    }
}

/// Octets as a path.
fn as_path(name: &[u8]) -> &Path {
    use std::os::unix::ffi::OsStrExt as _;
    Path::new(std::ffi::OsStr::from_bytes(name))
}

/// What a folder that isn't there is called.
fn no_mailbox(folder: &Maildir, error: DiskError) -> MailboxError {
    match error.kind() {
        io::ErrorKind::NotFound => MailboxError::NoMailbox { path: folder.root().to_owned() },
        _ => error.into(),
    }
}

/// A register contradicts itself: what was written isn't what is there.
fn damaged(path: &Path) -> MailboxError {
    let source =
        io::Error::other("the register is damaged: the next look at the mailbox begins a new one");
    StoreError::from(DiskError { operation: "use", path: path.to_owned(), source }).into()
}
