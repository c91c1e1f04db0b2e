//! Users of this host, and what a caller is told where one can't be had.
//!
//! A delivery for somebody else runs as that user from before the mailbox is first touched, so that whatever
//! lies in wait there (links, quotas, file owners) meets the user's own rights. We change user by ourselves, as
//! `postroad-as` does with the same code: most mailboxes that root is called for belong to no user of the host but to
//! the owner of a folder, which only the settings name.

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
