//! What can go wrong with an open mailbox: one variant for each thing that a client is told.

use std::path::PathBuf;

use postroad_disk::DiskError;

use crate::StoreError;

/// Why something wasn't done with a mailbox.
#[derive(Debug, thiserror::Error)]
pub enum MailboxError {
    /// Another process has been writing its register, or moving letters, for too long: `NO [INUSE]`.
    #[error("the mailbox's file {} is locked by {}; look what that process does", path.display(), holder_named(*holder))]
    Locked {
        /// The register, or what is said of letters that move.
        path: PathBuf,
        /// The process, where the system tells.
        holder: Option<u32>,
    },
    /// There is no such mailbox, or no more: `NO [NONEXISTENT]`.
    #[error("there is no mailbox in {}", path.display())]
    NoMailbox {
        /// Where it would be.
        path: PathBuf,
    },
    /// The mailbox was removed and made anew: the UIDs are of one that isn't there any more. `NO [NONEXISTENT]`.
    #[error("the mailbox in {} is another one now, whose numbers mean other letters", path.display())]
    Renumbered {
        /// Where it is.
        path: PathBuf,
    },
    /// A letter was removed: by another session, or another program. `NO [EXPUNGEISSUED]`.
    #[error("the letter with the UID {uid} is gone")]
    Gone {
        /// Which one.
        uid: u32,
    },
    /// Names that can be no keywords, or more than a mailbox can have: `NO [LIMIT]`.
    #[error(
        "the mailbox can't have the keyword {name}: it has as many as it may, or it is no atom of at most 50 octets"
    )]
    NoKeyword {
        /// The first of them.
        name: String,
    },
    /// All UIDs were given: some four thousand million letters have been there. `NO [LIMIT]`.
    #[error("the mailbox has given all its UIDs; move its letters into another one")]
    NoUids,
    /// What the disk or the folder said.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<DiskError> for MailboxError {
    fn from(error: DiskError) -> Self {
        Self::Store(error.into())
    }
}

fn holder_named(holder: Option<u32>) -> String {
    holder.map_or_else(|| "another process".to_owned(), |id| format!("the process {id}"))
}
