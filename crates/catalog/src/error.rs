//! What can go wrong with a folder.

use std::io;

use postroad_disk::DiskError;
use postroad_store::{FolderError, MailboxError, StoreError};

/// Why a folder can't be listed, or something wasn't done in it.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// There is no such folder, or it can't be made.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The folder itself, or a letter.
    #[error(transparent)]
    Mailbox(#[from] MailboxError),
}

impl From<StoreError> for CatalogError {
    fn from(error: StoreError) -> Self {
        Self::Mailbox(error.into())
    }
}

impl From<DiskError> for CatalogError {
    fn from(error: DiskError) -> Self {
        Self::Mailbox(error.into())
    }
}

impl CatalogError {
    /// Whether the letter isn't there any more.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Mailbox(MailboxError::Gone { .. }))
    }

    /// Whether the folder was made anew: all numbers of its letters are void, until it is looked at again.
    pub fn is_renumbered(&self) -> bool {
        matches!(self, Self::Mailbox(MailboxError::Renumbered { .. }))
    }
}

/// What kind of error of the disk it was.
pub(crate) fn kind(error: &MailboxError) -> Option<io::ErrorKind> {
    match error {
        MailboxError::Store(StoreError::Disk(error)) => Some(error.kind()),
        _ => None,
    }
}

/// What is the same for letters that somebody else numbers: a file that isn't there is a letter that is gone.
pub(crate) fn of_letter(uid: u32, error: StoreError) -> MailboxError {
    match error {
        StoreError::Disk(error) if error.kind() == io::ErrorKind::NotFound => {
            MailboxError::Gone { uid }
        }
        error => error.into(),
    }
}
