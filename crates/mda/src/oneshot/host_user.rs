//! Users of this host: looking them up, and becoming one of them.
//!
//! A delivery for somebody else runs as that user from before the mailbox is first touched, so that whatever
//! lies in wait there (links, quotas, file owners) meets the user's own rights.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Uid, User};
use postroad_protocol::reply::Reply;

use crate::{limits, replies};

/// A user of this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HostUser {
    pub(super) name: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) home: PathBuf,
}

impl From<User> for HostUser {
    fn from(user: User) -> Self {
        Self { name: user.name, uid: user.uid.as_raw(), gid: user.gid.as_raw(), home: user.dir }
    }
}

/// The number of the user that we run as.
pub(super) fn caller() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The user of that name; `Err` where the host's name service doesn't answer.
pub(super) fn by_name(name: &str) -> Result<Option<HostUser>, Reply> {
    looked_up(User::from_name(name))
}

/// The user of that number.
pub(super) fn by_uid(uid: u32) -> Result<Option<HostUser>, Reply> {
    looked_up(User::from_uid(Uid::from_raw(uid)))
}

fn looked_up(answer: nix::Result<Option<User>>) -> Result<Option<HostUser>, Reply> {
    match answer {
        Ok(user) => Ok(user.map(HostUser::from)),
        Err(error) => {
            Err(replies::try_later(&format!("The users of this host can't be looked up: {error}")))
        }
    }
}

/// Becomes `user`, for good. Never root, and no account of the system's (row M03).
pub(super) fn become_user(user: &HostUser) -> Result<(), Reply> {
    if user.uid < limits::SYSTEM_UIDS_BELOW {
        return Err(replies::unknown_user());
    }
    let groups = std::ffi::CString::new(user.name.as_str()).ok();
    let set_groups = |gid| match &groups {
        Some(name) => nix::unistd::initgroups(name, gid),
        None => nix::unistd::setgroups(&[gid]),
    };
    become_ids(user.uid, user.gid, set_groups)
}

/// Becomes whose mailboxes are at `path` or below it: the owner of the topmost folder on the way there that
/// isn't root's. Whoever owns a folder could lead us anywhere from there, and so gets no rights but their own.
pub(super) fn become_owner_of(path: &Path) -> Result<(), Reply> {
    let mut way: Vec<&Path> = path.ancestors().collect();
    way.reverse();
    for folder in way {
        match std::fs::symlink_metadata(folder) {
            Ok(metadata) if metadata.uid() != 0 => {
                let set_groups = |gid| nix::unistd::setgroups(&[gid]);
                return become_ids(metadata.uid(), metadata.gid(), set_groups);
            }
            Ok(_) => {}
            // What isn't there yet is made by us.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                let text = format!("cannot look at {}: {error}", folder.display());
                return Err(replies::misconfigured(&text));
            }
        }
    }
    // All of it is root's own (in a container, say): nobody else can write there.
    Ok(())
}

/// Groups first: afterwards we have no right to change them.
fn become_ids(
    uid: u32,
    gid: u32,
    set_groups: impl FnOnce(Gid) -> nix::Result<()>,
) -> Result<(), Reply> {
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    set_groups(gid)
        .and_then(|()| nix::unistd::setresgid(gid, gid, gid))
        .and_then(|()| nix::unistd::setresuid(uid, uid, uid))
        .map_err(|error| {
            replies::try_later(&format!("cannot become uid {uid} to deliver as its owner: {error}"))
        })
}
