//! The folders of a mailbox: which there are, and making, removing and renaming them.
//!
//! Parts of a name are joined by a dot, towards people as on disk (Maildir++). So names are the same here, in users'
//! Sieve scripts and in the files of Dovecot and Courier, and clients that come from those find theirs again; what can't
//! be in a name is `/`. A directory is a folder if it has a cur/; folders above it need not be there, and are listed as
//! such (`\NonExistent`).
//!
//! | change | what a crash leaves |
//! |---|---|
//! | [`Folders::create`] | the folder, or directories without cur/, which the next try completes |
//! | [`Folders::delete`] | it goes in one rename, into `postroad-removed-…`, and its files behind that; what is left of those goes with the next one |
//! | [`Folders::rename`] | one folder goes in one rename; of several there is a list first (`intent.rs`), by which whoever comes next completes it |
//! | of the inbox | each letter is in the inbox or in the folder |
//!
//! Everything is beneath the mailbox: a name can't lead out of it, and links in it lead nowhere (rows M01, M02, I06).

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;

use postroad_disk::{Disk, DiskLock, EntryKind};

use crate::{Courier, FolderName, FolderNameError, Maildir, StoreError, listing, small_file};

mod change;
mod intent;
#[cfg(test)]
mod tests;

/// What joins the parts of a name.
pub const SEPARATOR: char = '.';

/// A mailbox in IMAP's sense: the inbox, or a folder.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum MailboxName {
    /// INBOX, in any case (RFC 9051 §5.1).
    Inbox,
    /// Any other.
    Folder(FolderName),
}

impl MailboxName {
    /// The mailbox that people call so, as IMAP4rev2 has names.
    ///
    /// # Errors
    /// Where there can't be one.
    pub fn from_utf8(text: &str) -> Result<Self, FolderNameError> {
        match text.eq_ignore_ascii_case("INBOX") {
            true => Ok(Self::Inbox),
            false => FolderName::from_utf8(text).map(Self::Folder),
        }
    }

    /// The mailbox that IMAP4rev1 calls so.
    ///
    /// # Errors
    /// Where there can't be one, or it is no modified UTF-7.
    pub fn from_modified_utf7(text: &str) -> Result<Self, FolderNameError> {
        match text.eq_ignore_ascii_case("INBOX") {
            true => Ok(Self::Inbox),
            false => FolderName::from_modified_utf7(text).map(Self::Folder),
        }
    }

    /// What people call it.
    pub fn to_utf8(&self) -> String {
        match self {
            Self::Inbox => "INBOX".to_owned(),
            Self::Folder(name) => name.to_utf8(),
        }
    }

    /// What IMAP4rev1 calls it.
    pub fn to_modified_utf7(&self) -> String {
        match self {
            Self::Inbox => "INBOX".to_owned(),
            Self::Folder(name) => name.to_modified_utf7(),
        }
    }

    /// Its name, where it is a folder.
    pub fn folder(&self) -> Option<&FolderName> {
        match self {
            Self::Inbox => None,
            Self::Folder(name) => Some(name),
        }
    }
}

/// The inbox first, and each folder before those below it.
impl Ord for MailboxName {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.folder(), other.folder()) {
            (Some(one), Some(other)) => one.parts().cmp(other.parts()),
            (one, other) => one.is_some().cmp(&other.is_some()),
        }
    }
}

impl PartialOrd for MailboxName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A mailbox in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// What it is called.
    pub name: MailboxName,
    /// Whether there is more of it than a name.
    pub existence: Existence,
    /// Whether there are others below it.
    pub children: Children,
}

/// Whether a mailbox is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existence {
    /// It can be selected.
    Exists,
    /// It is but a part of others' names: `\NonExistent`.
    NonExistent,
}

/// Whether a mailbox has others below it (RFC 3348).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Children {
    /// `\HasChildren`.
    Has,
    /// `\HasNoChildren`.
    HasNone,
}

/// Why folders are as they were.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// No mailbox can be called so: CANNOT.
    #[error("the name can't be one of a folder: {0}")]
    Name(#[from] FolderNameError),
    /// A name that other programs take for a user's home directory: CANNOT.
    #[error("a new folder's name can't begin with ~")]
    Home,
    /// There is one already: ALREADYEXISTS.
    #[error("there is such a mailbox")]
    Exists,
    /// There is none: NONEXISTENT.
    #[error("there is no such mailbox")]
    NonExistent,
    /// It isn't there, and others below it are, so that its name stays: HASCHILDREN.
    #[error("the name is one of folders below it alone; remove those")]
    HasChildren,
    /// The inbox can't be removed or made: CANNOT.
    #[error("the inbox is there for good")]
    Inbox,
    /// The inbox is a mailbox file: CANNOT.
    #[error("the inbox is a mailbox file and can't be renamed; move its letters")]
    InboxIsAFile,
    /// A folder can't be moved into itself: CANNOT.
    #[error("a folder can't be moved below itself")]
    IntoItself,
    /// No folder can be for that, or another one is: USEATTR.
    #[error("no folder can be for {attribute}, or another one is")]
    Use {
        /// What it was to be for.
        attribute: String,
    },
    /// What the disk said.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<postroad_disk::DiskError> for FolderError {
    fn from(error: postroad_disk::DiskError) -> Self {
        Self::Store(error.into())
    }
}

/// The folders of a mailbox.
#[derive(Debug, Clone, Copy)]
pub struct Folders<'a> {
    courier: &'a Courier,
    inbox: &'a Maildir,
}

impl<'a> Folders<'a> {
    /// The folders of the mailbox with this inbox.
    pub fn of(courier: &'a Courier, inbox: &'a Maildir) -> Self {
        Self { courier, inbox }
    }

    /// All mailboxes, the inbox first and each folder before those below it.
    ///
    /// # Errors
    /// What the disk said.
    pub fn list(&self) -> Result<Vec<Listed>, FolderError> {
        self.complete()?;
        let mut there = BTreeSet::new();
        for name in self.courier.folders(self.inbox)? {
            // Its name is the inbox's: nobody could ever ask for it.
            if !is_inbox(&name) && self.is_there(&name)? {
                there.insert(MailboxName::Folder(name.as_we_write_it()));
            }
        }
        let mut parents = BTreeSet::new();
        for name in there.iter().filter_map(MailboxName::folder) {
            let above = std::iter::successors(name.parent(), FolderName::parent);
            parents.extend(above.map(|name| match is_inbox(&name) {
                true => MailboxName::Inbox,
                false => MailboxName::Folder(name),
            }));
        }
        let mut all: BTreeSet<_> = there.union(&parents).cloned().collect();
        all.insert(MailboxName::Inbox);
        let listed = |name: MailboxName| {
            let exists = name == MailboxName::Inbox || there.contains(&name);
            let existence = if exists { Existence::Exists } else { Existence::NonExistent };
            let has_some = parents.contains(&name);
            let children = if has_some { Children::Has } else { Children::HasNone };
            Listed { name, existence, children }
        };
        Ok(all.into_iter().map(listed).collect())
    }

    /// The mailbox of that name, if it is there. A folder that another program has made may stand under another name on
    /// disk.
    ///
    /// # Errors
    /// [`FolderError::NonExistent`], or what the disk said.
    pub fn find(&self, name: &MailboxName) -> Result<Maildir, FolderError> {
        match name {
            MailboxName::Inbox => Ok(self.inbox.clone()),
            MailboxName::Folder(name) => {
                self.complete()?;
                let name = self.on_disk(name)?.ok_or(FolderError::NonExistent)?;
                Ok(self.inbox.folder(&name))
            }
        }
    }

    /// What a folder's directory is called, where there is one.
    fn on_disk(&self, name: &FolderName) -> Result<Option<FolderName>, FolderError> {
        if is_inbox(name) {
            return Ok(None);
        }
        let as_it_is_called = || FolderName::on_disk(&name.to_utf8()).ok();
        for name in [Some(name.clone()), as_it_is_called()].into_iter().flatten() {
            if self.is_there(&name)? {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    /// Whether a folder's directory has a cur/.
    fn is_there(&self, name: &FolderName) -> Result<bool, FolderError> {
        match self.disk().stat(&self.inbox.folder(name).cur_dir()) {
            Ok(stat) => Ok(stat.kind == EntryKind::Directory),
            Err(error) if listing::takes_no_letters(&error) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn courier(&self) -> &'a Courier {
        self.courier
    }

    pub(crate) fn inbox(&self) -> &'a Maildir {
        self.inbox
    }

    fn disk(&self) -> &'a dyn Disk {
        self.courier.disk().as_ref()
    }

    fn path(&self, file: &str) -> PathBuf {
        self.inbox.root().join(file)
    }

    /// A name in tmp/, where what a crash leaves is swept.
    fn by(&self) -> PathBuf {
        self.inbox.tmp().join(self.courier.unique_name())
    }

    /// The turn to change which folders there are; what somebody else has left half done is completed.
    fn turn(&self) -> Result<Option<Box<dyn DiskLock>>, FolderError> {
        self.courier.make_ready(self.inbox)?;
        let turn = small_file::folders_turn(self.disk(), self.inbox.root())?;
        intent::complete(self)?;
        Ok(turn)
    }

    /// Completes what somebody has left half done.
    fn complete(&self) -> Result<(), FolderError> {
        match self.disk().stat(&self.path(intent::FILE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error.into()),
            Ok(_) => self.turn().map(drop),
        }
    }
}

fn is_inbox(name: &FolderName) -> bool {
    name.parts().count() == 1 && name.to_string().eq_ignore_ascii_case("INBOX")
}
