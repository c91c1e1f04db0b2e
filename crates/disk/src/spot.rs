//! From a path to a folder that is open and a name in it.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Component, Path};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

/// Whether symbolic links on the way to a file are followed. At the end of a path they never are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Links {
    Followed,
    Refused,
}

/// A name in a folder; the folder stays the same whatever becomes of its own name.
#[derive(Debug)]
pub(crate) struct Spot<'a> {
    /// `None`: the name is a path that the system follows by itself.
    folder: Option<OwnedFd>,
    pub(crate) name: &'a Path,
}

impl<'a> Spot<'a> {
    pub(crate) fn at(path: &'a Path, links: Links) -> io::Result<Self> {
        match (links, path.parent(), path.file_name()) {
            (Links::Refused, Some(parent), Some(name)) => {
                Ok(Self { folder: Some(open_folder(parent)?), name: Path::new(name) })
            }
            // The root has no parent and is no link.
            (Links::Followed, ..) | (Links::Refused, _, _) => Ok(Self { folder: None, name: path }),
        }
    }

    pub(crate) fn folder(&self) -> BorrowedFd<'_> {
        self.folder.as_ref().map_or(CWD, |folder| folder.as_fd())
    }
}

/// What a folder is opened as: a place to start from, whether it may be read or not.
pub(crate) const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Opens a folder with no symbolic link on the way to it.
fn open_folder(path: &Path) -> io::Result<OwnedFd> {
    match without_links(path, FOLDER) {
        Some(folder) => Ok(folder?),
        None => walk(path),
    }
}

/// Opens what stands at a path. What is created is the user's alone, mode 0600.
pub(crate) fn open(path: &Path, flags: OFlags, links: Links) -> io::Result<OwnedFd> {
    let flags = flags | OFlags::CLOEXEC;
    // One call does, where the system has it.
    if links == Links::Refused
        && let Some(opened) = without_links(path, flags)
    {
        return Ok(opened?);
    }
    let flags = match links {
        Links::Followed => flags,
        Links::Refused => flags | OFlags::NOFOLLOW,
    };
    let spot = Spot::at(path, links)?;
    Ok(rustix::fs::openat(spot.folder(), spot.name, flags, mode(flags))?)
}

/// Whether that is known of a path: nothing on it is a symbolic link, and something stands at its end.
pub(crate) fn is_without_links(path: &Path) -> bool {
    let is_plain = |component| matches!(component, Component::RootDir | Component::Normal(_));
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    path.components().all(is_plain) && matches!(without_links(path, flags), Some(Ok(_)))
}

/// Opens what stands at a path that no symbolic link is on, at its end neither; `None` where it has to be gone step by
/// step.
fn without_links(path: &Path, flags: OFlags) -> Option<Result<OwnedFd, Errno>> {
    let no_links = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    match rustix::fs::openat2(CWD, path, flags, mode(flags), no_links) {
        // Before Linux 5.6, and where a sandbox knows no such call.
        Err(Errno::NOSYS | Errno::PERM) => None,
        // Somebody renames in this moment: whatever is there then counts.
        Err(Errno::AGAIN) => None,
        opened => Some(opened),
    }
}

/// Where nothing is created, openat2(2) takes no mode.
fn mode(flags: OFlags) -> Mode {
    match flags.contains(OFlags::CREATE) {
        true => Mode::from_raw_mode(0o600),
        false => Mode::empty(),
    }
}

fn walk(path: &Path) -> io::Result<OwnedFd> {
    let start = if path.is_absolute() { "/" } else { "." };
    let mut folder = rustix::fs::openat(CWD, start, FOLDER, Mode::empty())?;
    for component in path.components() {
        match component {
            Component::RootDir | Component::CurDir => {}
            Component::Normal(name) => {
                let flags = FOLDER | OFlags::NOFOLLOW;
                folder = rustix::fs::openat(&folder, name, flags, Mode::empty())?;
            }
            Component::ParentDir | Component::Prefix(_) => return Err(Errno::LOOP.into()),
        }
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m01_no_link_on_the_way_by_either_call() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir_all(at("a/b/c")).unwrap();
        std::os::unix::fs::symlink(at("a/b"), at("a/link")).unwrap();
        std::os::unix::fs::symlink("b", at("a/near")).unwrap();
        for open in [open_folder, walk] {
            assert!(open(&at("a/b/c")).is_ok());
            assert!(open(Path::new("/")).is_ok());
            for path in ["a/link", "a/link/c", "a/near/c", "a/nowhere"] {
                assert!(open(&at(path)).is_err(), "{path}");
            }
        }
    }
}
