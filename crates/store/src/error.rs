//! What can go wrong while a letter is stored: one variant for each thing that a peer is told.

use std::io;
use std::path::PathBuf;

use postroad_disk::DiskError;

/// Why a letter was not stored. All of it is temporary: the letter stays with whoever handed it in.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No space or no inodes are left: 452 4.3.1.
    #[error("the file system of the mailbox is full; make room and the letter comes again")]
    Full(#[source] DiskError),
    /// The owner's disk quota is used up, or a mailbox file is as large as the caller lets files be: 452 4.2.2.
    #[error("the disk quota or the size limit of the mailbox is used up; the letter comes again")]
    OverQuota(#[source] DiskError),
    /// A part of the mailbox is a symbolic link or a file: somebody may be leading us astray. 451 4.2.0.
    #[error("{} is not a directory; remove it, or move the mailbox back there", path.display())]
    NotADirectory {
        /// Which part.
        path: PathBuf,
    },
    /// The mailbox file is another program's for too long: 451 4.2.0.
    #[error("{} is locked by another program; find out which one, and the letter comes again", path.display())]
    Locked {
        /// The mailbox file.
        path: PathBuf,
    },
    /// What is in the mailbox file's place isn't to be written to. 451 4.2.0.
    #[error("{} is {why}; remove it, or make it a file of the mailbox's owner", path.display())]
    NotAMailbox {
        /// Where it should be.
        path: PathBuf,
        /// What it is.
        why: &'static str,
    },
    /// Anything else that the disk said: 451 4.3.0.
    #[error("cannot use the mailbox")]
    Disk(#[source] DiskError),
}

impl From<DiskError> for StoreError {
    fn from(error: DiskError) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull => Self::Full(error),
            io::ErrorKind::QuotaExceeded => Self::OverQuota(error),
            _ => Self::Disk(error),
        }
    }
}

/// The same error once more, for each of the letters that shared a failed call.
pub(crate) fn same_for_all(error: &DiskError) -> DiskError {
    let source = match error.source.raw_os_error() {
        Some(number) => io::Error::from_raw_os_error(number),
        None => error.kind().into(),
    };
    DiskError { operation: error.operation, path: error.path.clone(), source }
}
