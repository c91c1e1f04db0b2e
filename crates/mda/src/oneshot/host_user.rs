//! Users of this host, and what a caller is told where one can't be had.
//!
//! A delivery for somebody else runs as that user from before the mailbox is first touched, so that whatever
//! lies in wait there (links, quotas, file owners) meets the user's own rights. We change user by ourselves, as
//! `postroad-as` does with the same code: most mailboxes that root is called for belong to no user of the host but to
//! the owner of a folder, which only the settings name.

use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use postroad_host::{BecomeError, HostUser, LookUpError};
use postroad_protocol::reply::Reply;

use crate::events::Chain;
use crate::replies;

/// The user of that name; `Err` where the host's name service doesn't answer.
pub(super) fn by_name(name: &str) -> Result<Option<HostUser>, Reply> {
    postroad_host::by_name(name).map_err(|error| unanswered(&error))
}

/// The user of that number.
pub(super) fn by_uid(uid: u32) -> Result<Option<HostUser>, Reply> {
    postroad_host::by_uid(uid).map_err(|error| unanswered(&error))
}

fn unanswered(error: &LookUpError) -> Reply {
    replies::try_later(&Chain(error).to_string())
}

/// Becomes `user`, for good.
pub(super) fn become_user(user: &HostUser) -> Result<(), Reply> {
    user.become_for_good().map_err(|error| not_become(&error))
}

/// Makes a user's mailbox file where it isn't there: in `/var/mail` that takes root. As long as it isn't the user's it
/// has no octet.
pub(super) fn make_mailbox_file(path: &Path, user: &HostUser) -> Result<(), Reply> {
    // Row M03.
    if !user.gets_mail() {
        return Err(replies::unknown_user());
    }
    let make = || {
        // Nothing that is there is ever opened.
        let file = std::fs::File::options().write(true).create_new(true).mode(0o600).open(path)?;
        std::os::unix::fs::fchown(&file, Some(user.uid), Some(user.gid))
            // Root's file would keep the user's letters waiting.
            .inspect_err(|_| drop(std::fs::remove_file(path)))
    };
    match make() {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            let text = format!("cannot make the mailbox file {}: {error}", path.display());
            Err(replies::misconfigured(&text))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Becomes whose mailboxes are at `path` or below it, for good.
pub(super) fn become_owner_of(path: &Path) -> Result<(), Reply> {
    postroad_host::become_owner_of(path).map_err(|error| not_become(&error))
}

fn not_become(error: &BecomeError) -> Reply {
    match error {
        // Row M03.
        BecomeError::NoPerson(_) => replies::unknown_user(),
        BecomeError::Look { .. } | BecomeError::NotForGood(_) => {
            replies::misconfigured(&Chain(error).to_string())
        }
        BecomeError::Refused { .. } => replies::try_later(&Chain(error).to_string()),
    }
}
