//! Who is a user of this host.

use std::ffi::CString;
use std::io;
use std::path::PathBuf;

use nix::unistd::{Gid, Group, Uid, User};

use crate::limits;

/// A user of this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostUser {
    /// The name, as the host's name service spells it.
    pub name: String,
    /// The user's number.
    pub uid: u32,
    /// The number of the user's own group.
    pub gid: u32,
    /// The home directory.
    pub home: PathBuf,
}

/// The host's name service doesn't answer: nobody is unknown for that.
#[derive(Debug, thiserror::Error)]
#[error("the users of this host can't be looked up")]
pub struct LookUpError(#[source] io::Error);

impl From<User> for HostUser {
    fn from(user: User) -> Self {
        Self { name: user.name, uid: user.uid.as_raw(), gid: user.gid.as_raw(), home: user.dir }
    }
}

impl HostUser {
    /// Whether letters are filed as this user: a person, neither root nor the system (row M03).
    pub fn gets_mail(&self) -> bool {
        self.uid >= limits::SYSTEM_UIDS_BELOW
            && ![limits::NOBODY, limits::NO_ID].contains(&self.uid)
            && self.gid != limits::NO_ID
    }

    /// Whether the user is in that group; nobody is in one that isn't there.
    ///
    /// # Errors
    /// [`LookUpError`].
    pub fn is_in(&self, group: &str) -> Result<bool, LookUpError> {
        let Some(group) = gid_of(group)? else { return Ok(false) };
        let name = CString::new(self.name.as_str()).map_err(|error| LookUpError(error.into()))?;
        let groups = nix::unistd::getgrouplist(&name, Gid::from_raw(self.gid));
        Ok(groups.map_err(|error| LookUpError(error.into()))?.contains(&group))
    }
}

/// Whether whoever called us is root, or in that group. What a set-uid bit has given us doesn't count.
///
/// # Errors
/// [`LookUpError`].
pub fn caller_is_in(group: &str) -> Result<bool, LookUpError> {
    if rustix::process::getuid().is_root() {
        return Ok(true);
    }
    let Some(group) = gid_of(group)? else { return Ok(false) };
    let groups = nix::unistd::getgroups().map_err(|error| LookUpError(error.into()))?;
    Ok(groups.contains(&group) || nix::unistd::getgid() == group)
}

fn gid_of(group: &str) -> Result<Option<Gid>, LookUpError> {
    let found = Group::from_name(group).map_err(|error| LookUpError(error.into()))?;
    Ok(found.map(|group| group.gid))
}

/// The number of the user that we run as.
pub fn caller() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The user of that name.
///
/// # Errors
/// [`LookUpError`].
pub fn by_name(name: &str) -> Result<Option<HostUser>, LookUpError> {
    // The name service is asked for nothing that couldn't be a user's name: it may go and ask another host.
    match is_name(name) {
        true => looked_up(User::from_name(name)),
        false => Ok(None),
    }
}

/// The user of that number.
///
/// # Errors
/// [`LookUpError`].
pub fn by_uid(uid: u32) -> Result<Option<HostUser>, LookUpError> {
    looked_up(User::from_uid(Uid::from_raw(uid)))
}

fn looked_up(answer: nix::Result<Option<User>>) -> Result<Option<HostUser>, LookUpError> {
    answer.map(|user| user.map(HostUser::from)).map_err(|error| LookUpError(error.into()))
}

/// Names as useradd(8) makes them, and dots. What isn't ASCII may look like somebody else's name, and what is no word
/// may be taken for a path or a flag.
fn is_name(text: &str) -> bool {
    let is_word = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'_';
    let begins_well = text.bytes().next().is_some_and(is_word);
    let goes_on = text.bytes().all(|octet| is_word(octet) || matches!(octet, b'.' | b'-' | b'+'));
    begins_well && goes_on && text.len() <= limits::NAME_OCTETS_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(uid: u32, gid: u32) -> HostUser {
        HostUser { name: "u".to_owned(), uid, gid, home: "/".into() }
    }

    #[test]
    fn m03_who_gets_mail() {
        for (uid, gets_mail) in [
            (0, false),
            (1, false),
            (999, false),
            (1000, true),
            (65_533, true),
            (65_534, false),
            (65_535, true),
            (u32::MAX - 1, true),
            (u32::MAX, false),
        ] {
            assert_eq!(user(uid, 1000).gets_mail(), gets_mail, "{uid}");
        }
        assert!(!user(1000, u32::MAX).gets_mail());
    }

    #[test]
    fn m03_what_is_no_name_is_nobodys() {
        for name in ["alice", "a.b", "Alice", "_x", "1st", "a+b", "a-b", &"x".repeat(64)] {
            assert!(is_name(name), "{name:?}");
        }
        for name in [
            "",
            ".",
            "..",
            "../root",
            "/root",
            "a/b",
            "-d",
            "--",
            "+",
            "root\n",
            "u\n",
            "a b",
            "a:b",
            "a\0b",
            "a@b",
            "$u",
            "r\u{43e}\u{43e}t",
            "\u{430}lice",
            "roo\u{301}t",
            &"x".repeat(65),
        ] {
            assert!(!is_name(name), "{name:?}");
            assert_eq!(by_name(name).unwrap(), None, "{name:?}");
        }
    }

    #[test]
    fn root_is_found_and_gets_none() {
        let root = by_name("root").unwrap().unwrap();
        assert_eq!((root.uid, root.gets_mail()), (0, false));
        assert_eq!(by_uid(0).unwrap().unwrap().uid, 0);
    }

    #[test]
    fn root_is_in_its_own_group_and_in_none_that_is_not_there() {
        let root = by_name("root").unwrap().unwrap();
        assert!(root.is_in("root").unwrap());
        assert!(!root.is_in("postroad-no-such-group").unwrap());
        // By the number of the group alone, whatever the file of groups says.
        let nobody = HostUser { name: "postroad-no-such-user".to_owned(), ..user(1000, 0) };
        assert!(nobody.is_in("root").unwrap());
        assert!(!HostUser { gid: 1000, ..nobody }.is_in("root").unwrap());
    }
}
