//! Noticing changes in directories as they are made: inotify(7).
//!
//! A hint, never a proof: a network file system tells nothing of what others do, and what comes too fast is lost,
//! which it says.

use std::ffi::OsStr;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::inotify::{
    CreateFlags, ReadFlags, Reader, WatchFlags, add_watch, init, remove_watch,
};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::DiskError;
use crate::os::named;
use crate::spot::{Links, Spot};

/// Which directory is watched; the same one twice has one number.
pub type WatchNumber = i32;

/// Watches directories.
pub trait Watcher: Send + Sync + std::fmt::Debug {
    /// Watches one more; what changes from now on is noticed.
    fn add(&self, directory: &Path) -> Result<WatchNumber, DiskError>;
    /// Watches it no more.
    fn remove(&self, watch: WatchNumber);
    /// Gives what was noticed since, in its order, without waiting for anything.
    fn read(&self, each: &mut dyn FnMut(Noticed<'_>)) -> Result<(), DiskError>;
    /// What is readable when there is something to read; `None` where nothing tells.
    fn readable(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

/// Something that changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noticed<'a> {
    /// A name is there now.
    Added(WatchNumber, &'a OsStr),
    /// A name is there no more.
    Removed(WatchNumber, &'a OsStr),
    /// The directory itself was removed or has another name: nothing more is noticed of it.
    Ended(WatchNumber),
    /// Changes were too many: some of some directory are missing.
    Overflowed,
}

/// Octets for changes that are read at once.
const READ_OCTETS: usize = 64 * 1024;

/// The system's.
#[derive(Debug)]
pub(crate) struct Inotify {
    file: OwnedFd,
    links: Links,
    /// One reads at a time, so that changes keep their order.
    reading: Mutex<()>,
}

impl Inotify {
    pub(crate) fn new(links: Links) -> Result<Self, DiskError> {
        let file = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC);
        let file = named("watch directories below", Path::new("/"), file)?;
        Ok(Self { file, links, reading: Mutex::default() })
    }
}

impl Watcher for Inotify {
    fn add(&self, directory: &Path) -> Result<WatchNumber, DiskError> {
        let flags = WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            | WatchFlags::ONLYDIR;
        let watched = match self.links {
            Links::Followed => add_watch(&self.file, directory, flags | WatchFlags::DONT_FOLLOW)
                .map_err(Into::into),
            // There is no such call for an open folder, but a path that leads to it and nowhere else.
            Links::Refused => Spot::at(directory, self.links).and_then(|spot| {
                let open = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let folder = rustix::fs::openat(spot.folder(), spot.name, open, Mode::empty())?;
                let path = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()));
                Ok(add_watch(&self.file, &path, flags)?)
            }),
        };
        named("watch", directory, watched)
    }

    fn remove(&self, watch: WatchNumber) {
        // It may have ended by itself.
        let _ = remove_watch(&self.file, watch);
    }

    fn read(&self, each: &mut dyn FnMut(Noticed<'_>)) -> Result<(), DiskError> {
        let _reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let mut buffer = Vec::with_capacity(READ_OCTETS);
        let mut events = Reader::new(&self.file, buffer.spare_capacity_mut());
        loop {
            let event = match events.next() {
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR) => continue,
                event => named("read changes of directories below", Path::new("/"), event)?,
            };
            let (watch, kind) = (event.wd(), event.events());
            let name = event.file_name().map(|name| OsStr::from_bytes(name.to_bytes()));
            if kind.contains(ReadFlags::QUEUE_OVERFLOW) {
                each(Noticed::Overflowed);
            } else if kind
                .intersects(ReadFlags::IGNORED | ReadFlags::MOVE_SELF | ReadFlags::DELETE_SELF)
            {
                each(Noticed::Ended(watch));
            } else if let Some(name) = name {
                match kind.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO) {
                    true => each(Noticed::Added(watch, name)),
                    false => each(Noticed::Removed(watch, name)),
                }
            }
        }
    }

    fn readable(&self) -> Option<BorrowedFd<'_>> {
        Some(self.file.as_fd())
    }
}

#[cfg(test)]
mod tests {
    use crate::{Disk, NoLinks, OsDisk};

    #[test]
    fn what_changes_in_a_directory_is_noticed_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let root = OsDisk.resolve(dir.path()).unwrap();
        let (at, disks) = (|name: &str| root.join(name), [&OsDisk as &dyn Disk, &NoLinks]);
        std::fs::create_dir(at("there")).unwrap();
        std::os::unix::fs::symlink(at("there"), at("link")).unwrap();
        for disk in disks {
            let watcher = disk.watcher().unwrap().unwrap();
            assert!(watcher.add(&at("link")).is_err());
            let watch = watcher.add(&at("there")).unwrap();
            std::fs::write(at("there/a"), "").unwrap();
            std::fs::rename(at("there/a"), at("there/b")).unwrap();
            std::fs::remove_file(at("there/b")).unwrap();
            let mut seen = Vec::new();
            watcher.read(&mut |noticed| seen.push(format!("{noticed:?}"))).unwrap();
            let expected =
                ["Added(N, \"a\")", "Removed(N, \"a\")", "Added(N, \"b\")", "Removed(N, \"b\")"];
            assert_eq!(seen, expected.map(|text| text.replace('N', &watch.to_string())));
            watcher.read(&mut |noticed| panic!("{noticed:?}")).unwrap();
            watcher.remove(watch);
        }
    }
}
