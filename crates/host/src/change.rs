//! Becoming somebody else, with no way back.

use std::ffi::CString;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, ResUid, Uid};

use crate::{HostUser, limits};

/// Why nobody was become. Who hears it ends.
#[derive(Debug, thiserror::Error)]
pub enum BecomeError {
    /// Root, the system's, or nobody (row M03).
    #[error("uid {0} gets no mail")]
    NoPerson(u32),
    /// The system said no.
    #[error("cannot become uid {uid}")]
    Refused {
        /// Whom.
        uid: u32,
        /// What it said.
        #[source]
        source: io::Error,
    },
    /// It was taken back as easily.
    #[error("cannot become uid {0} for good: something lets this process become root again")]
    NotForGood(u32),
    /// Nobody knows whose it is.
    #[error("cannot look at {}", path.display())]
    Look {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl HostUser {
    /// Becomes this user, with all of the user's groups. Every thread does.
    ///
    /// # Errors
    /// [`BecomeError`]
    pub fn become_for_good(&self) -> Result<(), BecomeError> {
        if !self.gets_mail() {
            return Err(BecomeError::NoPerson(self.uid));
        }
        let name = CString::new(self.name.as_str()).map_err(io::Error::from);
        become_ids(self.uid, self.gid, |gid| Ok(nix::unistd::initgroups(&name?, gid)?))
    }
}

/// Becomes whose mailboxes are at `path` or below it: the owner of the topmost folder on the way there that
/// isn't root's. Whoever owns a folder could lead us anywhere from there, and so gets no rights but their own.
///
/// # Errors
/// [`BecomeError`]
pub fn become_owner_of(path: &Path) -> Result<(), BecomeError> {
    let mut way: Vec<&Path> = path.ancestors().collect();
    way.reverse();
    for folder in way {
        match std::fs::symlink_metadata(folder) {
            Ok(metadata) if metadata.uid() != 0 => {
                let set_groups = |gid| Ok(nix::unistd::setgroups(&[gid])?);
                return become_ids(metadata.uid(), metadata.gid(), set_groups);
            }
            Ok(_) => {}
            // What isn't there yet is made by us.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(BecomeError::Look { path: folder.to_owned(), source }),
        }
    }
    // All of it is root's own (in a container, say): nobody else can write there.
    Ok(())
}

/// Groups first: afterwards we have no right to change them.
fn become_ids(
    uid: u32,
    gid: u32,
    set_groups: impl FnOnce(Gid) -> io::Result<()>,
) -> Result<(), BecomeError> {
    if uid == 0 || [uid, gid].contains(&limits::NO_ID) {
        return Err(BecomeError::NoPerson(uid));
    }
    let (user, group) = (Uid::from_raw(uid), Gid::from_raw(gid));
    let refused = |source| BecomeError::Refused { uid, source };
    set_groups(group).map_err(refused)?;
    nix::unistd::setresgid(group, group, group).map_err(|error| refused(error.into()))?;
    nix::unistd::setresuid(user, user, user).map_err(|error| refused(error.into()))?;
    match is_for_good(user) {
        true => Ok(()),
        false => Err(BecomeError::NotForGood(uid)),
    }
}

/// Where capabilities outlive the change (prctl(2), PR_SET_SECUREBITS) it would be none.
fn is_for_good(user: Uid) -> bool {
    let all = ResUid { real: user, effective: user, saved: user };
    nix::unistd::getresuid() == Ok(all) && nix::unistd::setuid(Uid::from_raw(0)).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m03_nobody_becomes_root_or_stays_it() {
        for (uid, gid) in [(0, 0), (0, 1000), (u32::MAX, 1000), (1000, u32::MAX)] {
            let became = become_ids(uid, gid, |_| panic!("nothing is to be changed"));
            assert!(matches!(became, Err(BecomeError::NoPerson(_))), "{uid} {gid}");
        }
        for uid in [0, 999, limits::NOBODY, limits::NO_ID] {
            let user = HostUser { name: "u".to_owned(), uid, gid: 1000, home: "/".into() };
            assert!(matches!(user.become_for_good(), Err(BecomeError::NoPerson(_))), "{uid}");
        }
    }
}
