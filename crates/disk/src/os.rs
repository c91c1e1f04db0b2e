//! The real disk.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, IoSlice, Read as _};
use std::ops::ControlFlow;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags};
use rustix::io::{Errno, ReadWriteFlags};

use crate::past_cache::PastCache;
use crate::spot::{self, Links, Spot};
use crate::watch::{Inotify, Watcher};
use crate::{
    DirEntry, Disk, DiskError, DiskFile, DiskLock, EntryKind, Owner, Space, Stamp, Stat, Volume,
};

/// Where the system names its boot, to those who may read it.
pub const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The file system of this host. On the way to a file symbolic links are followed: the operator made them.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsDisk;

/// The file system of this host for those who write where others may, too: no symbolic link is followed, at the end
/// of a path or on the way to it, however they are swapped meanwhile (row M01). [`Disk::resolve`] gives the path
/// without links of a place that the operator has named.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoLinks;

/// How a disk of this host gets to a file.
trait OnWay: Send + Sync + std::fmt::Debug {
    const LINKS: Links;
}

impl OnWay for OsDisk {
    const LINKS: Links = Links::Followed;
}

impl OnWay for NoLinks {
    const LINKS: Links = Links::Refused;
}

/// Turns the system's error into one that names the operation and the path.
pub(crate) fn named<T, E: Into<io::Error>>(
    operation: &'static str,
    path: &Path,
    result: Result<T, E>,
) -> Result<T, DiskError> {
    result.map_err(|source| DiskError { operation, path: path.to_owned(), source: source.into() })
}

/// Opens what is no symbolic link; what is created is the user's alone, mode 0600.
fn open<D: OnWay>(operation: &'static str, path: &Path, flags: OFlags) -> Result<File, DiskError> {
    let flags = flags | OFlags::NOFOLLOW;
    named(operation, path, spot::open(path, flags, D::LINKS).map(File::from))
}

/// Opens a directory for reading.
fn open_dir<D: OnWay>(operation: &'static str, path: &Path) -> Result<File, DiskError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    named(operation, path, spot::open(path, flags, D::LINKS).map(File::from))
}

fn open_file<D: OnWay>(
    operation: &'static str,
    path: &Path,
    flags: OFlags,
) -> Result<Box<dyn DiskFile>, DiskError> {
    let file = open::<D>(operation, path, flags)?;
    Ok(Box::new(OsFile { file, path: path.to_owned() }))
}

fn open_lock<D: OnWay>(path: &Path) -> Result<File, DiskError> {
    open::<D>("open the lock", path, OFlags::RDWR | OFlags::CREATE)
}

/// What stands at a path, itself.
fn stat_of<D: OnWay>(path: &Path) -> Result<rustix::fs::Stat, DiskError> {
    let stat = Spot::at(path, D::LINKS).and_then(|spot| {
        Ok(rustix::fs::statat(spot.folder(), spot.name, AtFlags::SYMLINK_NOFOLLOW)?)
    });
    named("stat", path, stat)
}

/// What the system said, in our words.
pub(crate) fn as_stat(stat: &rustix::fs::Stat) -> Stat {
    let ours = rustix::process::geteuid().as_raw();
    #[allow(clippy::useless_conversion, reason = "on other processors it has 32 bits")]
    let links = u64::from(stat.st_nlink);
    Stat {
        kind: kind_of(FileType::from_raw_mode(stat.st_mode)),
        octets: u64::try_from(stat.st_size).unwrap_or_default(),
        owner: if stat.st_uid == ours { Owner::Ours } else { Owner::Other(stat.st_uid) },
        mode: stat.st_mode & 0o7777,
        links,
        number: stat.st_ino,
    }
}

fn as_stamp(stat: &rustix::fs::Stat) -> Stamp {
    #[allow(clippy::unnecessary_fallible_conversions, reason = "other systems count otherwise")]
    let (modified, changed) = (
        time(stat.st_mtime, stat.st_mtime_nsec.try_into().unwrap_or_default()),
        time(stat.st_ctime, stat.st_ctime_nsec.try_into().unwrap_or_default()),
    );
    let octets = u64::try_from(stat.st_size).unwrap_or_default();
    Stamp { modified, changed, number: stat.st_ino, octets }
}

/// Does something with one name.
fn at<D: OnWay>(
    operation: &'static str,
    path: &Path,
    act: impl FnOnce(BorrowedFd<'_>, &Path) -> rustix::io::Result<()>,
) -> Result<(), DiskError> {
    let done = Spot::at(path, D::LINKS).and_then(|spot| Ok(act(spot.folder(), spot.name)?));
    named(operation, path, done)
}

/// Gives a file a name, from another one.
fn rename_with<D: OnWay>(from: &Path, to: &Path, flags: RenameFlags) -> Result<(), DiskError> {
    let operation = "rename a file to";
    let from = named(operation, to, Spot::at(from, D::LINKS))?;
    at::<D>(operation, to, |folder, name| match flags.is_empty() {
        true => rustix::fs::renameat(from.folder(), from.name, folder, name),
        false => rustix::fs::renameat_with(from.folder(), from.name, folder, name, flags),
    })
}

impl<D: OnWay> Disk for D {
    fn create_new(&self, path: &Path) -> Result<Box<dyn DiskFile>, DiskError> {
        open_file::<D>("create", path, OFlags::RDWR | OFlags::CREATE | OFlags::EXCL)
    }

    fn open(&self, path: &Path) -> Result<Box<dyn DiskFile>, DiskError> {
        open_file::<D>("open", path, OFlags::RDWR)
    }

    fn open_read(&self, path: &Path) -> Result<Box<dyn DiskFile>, DiskError> {
        open_file::<D>("read", path, OFlags::RDONLY)
    }

    fn open_past_cache(&self, path: &Path) -> Result<Box<dyn DiskFile>, DiskError> {
        Ok(Box::new(PastCache::open(path)?))
    }

    fn modified(&self, path: &Path) -> Result<SystemTime, DiskError> {
        Ok(self.stamp(path)?.modified)
    }

    fn stamp(&self, path: &Path) -> Result<Stamp, DiskError> {
        Ok(as_stamp(&stat_of::<D>(path)?))
    }

    fn link(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        let operation = "link a file to";
        let from = named(operation, to, Spot::at(from, D::LINKS))?;
        at::<D>(operation, to, |folder, name| {
            rustix::fs::linkat(from.folder(), from.name, folder, name, AtFlags::empty())
        })
    }

    fn rename_noreplace(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        rename_with::<D>(from, to, RenameFlags::NOREPLACE)
    }

    fn rename_many(
        &self,
        from: &Path,
        to: &Path,
        names: &[(&OsStr, &OsStr)],
        done: &mut dyn FnMut(Result<(), DiskError>) -> ControlFlow<()>,
    ) -> Result<(), DiskError> {
        let operation = "rename a file to";
        let (old_folder, new_folder) = (open_dir::<D>("open", from)?, open_dir::<D>("open", to)?);
        for (old, new) in names {
            let noreplace = RenameFlags::NOREPLACE;
            let renamed =
                rustix::fs::renameat_with(&old_folder, *old, &new_folder, *new, noreplace);
            let renamed = renamed.map_err(|errno| DiskError {
                operation,
                path: to.join(new),
                source: errno.into(),
            });
            if done(renamed).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        rename_with::<D>(from, to, RenameFlags::empty())
    }

    fn remove(&self, path: &Path) -> Result<(), DiskError> {
        at::<D>("remove", path, |folder, name| rustix::fs::unlinkat(folder, name, AtFlags::empty()))
    }

    fn remove_dir(&self, path: &Path) -> Result<(), DiskError> {
        at::<D>("remove the directory", path, |folder, name| {
            rustix::fs::unlinkat(folder, name, AtFlags::REMOVEDIR)
        })
    }

    fn create_dir(&self, path: &Path) -> Result<(), DiskError> {
        at::<D>("create the directory", path, |folder, name| {
            rustix::fs::mkdirat(folder, name, Mode::from_raw_mode(0o700))
        })
    }

    fn sync_dir(&self, path: &Path) -> Result<(), DiskError> {
        let operation = "sync the directory";
        named(operation, path, open_dir::<D>(operation, path)?.sync_all())
    }

    fn read_dir(&self, path: &Path) -> Result<Vec<DirEntry>, DiskError> {
        let directory = open_dir::<D>("list", path)?;
        named("list", path, entries_of(&directory))
    }

    fn list(&self, path: &Path, each: &mut dyn FnMut(&OsStr, EntryKind)) -> Result<(), DiskError> {
        let directory = open_dir::<D>("list", path)?;
        named("list", path, for_each_entry(&directory, each))
    }

    fn watcher(&self) -> Result<Option<Box<dyn Watcher>>, DiskError> {
        Ok(Some(Box::new(Inotify::new(D::LINKS)?)))
    }

    fn space(&self, path: &Path) -> Result<Space, DiskError> {
        let stat = named("ask for the space at", path, rustix::fs::statvfs(path))?;
        // btrfs and others count no inodes and say 0 of 0.
        let inodes = if stat.f_files == 0 { u64::MAX } else { stat.f_favail };
        Ok(Space { octets: stat.f_bavail.saturating_mul(stat.f_frsize), inodes })
    }

    fn stat(&self, path: &Path) -> Result<Stat, DiskError> {
        Ok(as_stat(&stat_of::<D>(path)?))
    }

    fn stat_all(&self, folder: &Path, names: &[&str]) -> Result<Vec<Option<Stat>>, DiskError> {
        let opened = named("stat", folder, spot::open(folder, spot::FOLDER, D::LINKS));
        let opened = match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(vec![None; names.len()]);
            }
            opened => opened?,
        };
        let stat = |name: &&str| match rustix::fs::statat(&opened, *name, AtFlags::SYMLINK_NOFOLLOW)
        {
            Err(Errno::NOENT) => Ok(None),
            stat => named("stat", &folder.join(name), stat).map(|stat| Some(as_stat(&stat))),
        };
        names.iter().map(stat).collect()
    }

    fn volume_number(&self, path: &Path) -> Result<u64, DiskError> {
        Ok(stat_of::<D>(path)?.st_dev)
    }

    fn lock_part(&self, path: &Path, part: u64) -> Result<Box<dyn DiskLock>, DiskError> {
        let file = open_lock::<D>(path)?;
        // An octet far behind the file's end, which need not be there; "open file description" locks are the
        // open file's, not the process's, so that two threads exclude each other too (fcntl_locking(2)).
        let octet = write_lock((part & LOCK_PARTS).cast_signed(), 1);
        named("lock a part of", path, fcntl(&file, FcntlArg::F_OFD_SETLK(&octet)))?;
        Ok(Box::new(OsLock { _file: file }))
    }

    fn open_locked(&self, path: &Path) -> Result<Box<dyn DiskFile>, DiskError> {
        // A FIFO in its place would else hold us up.
        let file = open::<D>("open", path, OFlags::RDWR | OFlags::NONBLOCK)?;
        // The open file's, not the process's: it holds off other threads of ours, and isn't lost when another thread
        // closes the same mailbox. To other programs it is the lock that they know (fcntl_locking(2)).
        let lock = FcntlArg::F_OFD_SETLK(&write_lock(0, 0));
        named("lock", path, fcntl(&file, lock))?;
        let opened = named("stat", path, rustix::fs::fstat(&file))?;
        let named_now = stat_of::<D>(path)?;
        if (opened.st_dev, opened.st_ino) != (named_now.st_dev, named_now.st_ino) {
            // A mail reader has put another file in its place.
            return named("lock", path, Err::<_, io::Error>(io::ErrorKind::WouldBlock.into()));
        }
        Ok(Box::new(OsFile { file, path: path.to_owned() }))
    }

    fn lock_holder(&self, path: &Path) -> Option<u32> {
        crate::holder::of_lock(path)
    }

    fn boot(&self) -> String {
        // Where /proc isn't shown to us, nothing is known.
        let id = std::fs::read_to_string(BOOT_ID).unwrap_or_default();
        id.trim().to_owned()
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn DiskLock>, DiskError> {
        let file = open_lock::<D>(path)?;
        let operation = rustix::fs::FlockOperation::NonBlockingLockExclusive;
        named("lock", path, rustix::fs::flock(&file, operation))?;
        Ok(Box::new(OsLock { _file: file }))
    }

    fn volume(&self, path: &Path) -> Result<Option<Box<dyn Volume>>, DiskError> {
        let operation = "open the file system of";
        let file = open_dir::<D>(operation, path)?;
        let kind = named(operation, path, rustix::fs::fstatfs(&file))?.f_type;
        // FUSE and some network file systems take syncfs and promise nothing: only those we have read.
        Ok((SYNCFS_BELIEVED.contains(&kind) && syncfs_tells_errors())
            .then(|| Box::new(OsVolume { file, path: path.to_owned() }) as Box<dyn Volume>))
    }

    fn resolve(&self, path: &Path) -> Result<PathBuf, DiskError> {
        named("find", path, without_links(path))
    }
}

/// The path without links, if there is one: what a link of /proc leads to (`/proc/PID/root`) may have no path here, and
/// what the link reads would be another place.
fn without_links(path: &Path) -> io::Result<PathBuf> {
    // As most are.
    if path.is_absolute() && spot::is_without_links(path) {
        return Ok(path.to_owned());
    }
    let resolved = std::fs::canonicalize(path)?;
    let (meant, found) = (rustix::fs::stat(path)?, rustix::fs::stat(&resolved)?);
    match (meant.st_dev, meant.st_ino) == (found.st_dev, found.st_ino) {
        true => Ok(resolved),
        false => Err(io::Error::other("no path without links leads there: name the place itself")),
    }
}

/// A time that the system gives; one before 1970 is none that a file was written at.
fn time(seconds: i64, nanoseconds: u32) -> SystemTime {
    let seconds = u64::try_from(seconds).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds)
}

/// The names in a directory, each with what it stands for.
fn entries_of(directory: &File) -> io::Result<Vec<DirEntry>> {
    let mut entries = Vec::new();
    for_each_entry(directory, &mut |name, kind| {
        entries.push(DirEntry { name: name.to_owned(), kind });
    })?;
    Ok(entries)
}

/// Octets that the system gives names into, a few hundred at once.
const NAMES_OCTETS: usize = 64 * 1024;

fn for_each_entry(directory: &File, each: &mut dyn FnMut(&OsStr, EntryKind)) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(NAMES_OCTETS);
    let mut entries = rustix::fs::RawDir::new(directory, buffer.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if name == "." || name == ".." {
            continue;
        }
        let file_type = match entry.file_type() {
            // Some file systems don't say.
            FileType::Unknown => {
                match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                    // Removed since.
                    Err(Errno::NOENT) => continue,
                    Err(error) => return Err(error.into()),
                }
            }
            known => known,
        };
        each(name, kind_of(file_type));
    }
    Ok(())
}

/// A lock for writing of so many octets from there on; 0, up to the end, wherever that will be.
fn write_lock(start: i64, octets: i64) -> libc::flock {
    libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: start,
        l_len: octets,
        l_pid: 0,
    }
}

/// The extended attribute that a note is (xattr(7)): the file's owner's to write.
const NOTE: &str = "user.postroad.note";
/// Octets of a note at most; ext4 has a block for all attributes of a file.
const NOTE_OCTETS_MAX: usize = 2 * 1024;

/// As many octets as a lock may begin at: the end of its octet is a place in a file, too.
const LOCK_PARTS: u64 = u64::MAX >> 2;

/// File systems whose syncfs waits for the data, commits the journal and flushes the device's cache:
/// ext4, XFS and Btrfs (linux/magic.h).
const SYNCFS_BELIEVED: [rustix::fs::FsWord; 3] = [0xEF53, 0x5846_5342, 0x9123_683E];

/// Before Linux 5.8 syncfs says nothing of writes that failed.
fn syncfs_tells_errors() -> bool {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= (5, 8),
        _ => false,
    }
}

/// A file system, held open: since Linux 5.8 syncfs reports each failed write once per open file.
#[derive(Debug)]
struct OsVolume {
    file: File,
    path: PathBuf,
}

impl Volume for OsVolume {
    fn sync(&self) -> Result<(), DiskError> {
        named("sync the file system of", &self.path, rustix::fs::syncfs(&self.file))
    }
}

/// A lock of the kernel's (flock): it ends with the open file, however the process ends.
#[derive(Debug)]
struct OsLock {
    _file: File,
}

impl DiskLock for OsLock {}

fn kind_of(file_type: FileType) -> EntryKind {
    match file_type {
        FileType::RegularFile => EntryKind::File,
        FileType::Directory => EntryKind::Directory,
        _ => EntryKind::Other,
    }
}

/// A file of the real file system, with its path for the errors.
///
/// It is closed when it is dropped, and what close() says is not asked for (row F07). File systems that tell a failed
/// write only there (NFS, quotas on some others) do so for what wasn't synced yet: fsync writes out, waits and tells
/// first (fsync(2), close(2)); a sync of the whole file system is believed for local ones alone. Whoever promises anything of a file has synced it and been told that it went well, so a
/// close has nothing to add; of a file that was dropped without it nothing was promised.
#[derive(Debug)]
struct OsFile {
    file: File,
    path: PathBuf,
}

impl DiskFile for OsFile {
    fn write_all_at(&mut self, buffers: &[&[u8]], offset: u64) -> Result<(), DiskError> {
        let mut slices: Vec<IoSlice<'_>> = buffers.iter().map(|b| IoSlice::new(b)).collect();
        let write = |slices: &[IoSlice<'_>], at| Ok(rustix::io::pwritev(&self.file, slices, at)?);
        named("write", &self.path, write_all(&mut slices, offset, write))
    }

    fn append(&mut self, octets: &[u8]) -> Result<(), DiskError> {
        let write = |slices: &[IoSlice<'_>], _| {
            Ok(rustix::io::pwritev2(&self.file, slices, 0, ReadWriteFlags::APPEND)?)
        };
        named("append to", &self.path, write_all(&mut [IoSlice::new(octets)], 0, write))
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, DiskError> {
        named("read", &self.path, fill(buffer, offset, |rest, at| self.file.read_at(rest, at)))
    }

    fn stat(&self) -> Result<Stat, DiskError> {
        Ok(as_stat(&named("stat", &self.path, rustix::fs::fstat(&self.file))?))
    }

    fn stamp(&self) -> Result<Stamp, DiskError> {
        Ok(as_stamp(&named("stat", &self.path, rustix::fs::fstat(&self.file))?))
    }

    fn truncate(&mut self, len: u64) -> Result<(), DiskError> {
        named("truncate", &self.path, self.file.set_len(len))
    }

    fn sync(&mut self) -> Result<(), DiskError> {
        named("sync", &self.path, self.file.sync_data())
    }

    fn start_sync(&mut self) {
        // Starts the write-back of dirty pages; it drops clean ones alone, and these are dirty.
        let _ = rustix::fs::fadvise(&self.file, 0, None, rustix::fs::Advice::DontNeed);
    }

    fn set_modified(&mut self, at: SystemTime) -> Result<(), DiskError> {
        named("set the time of", &self.path, self.file.set_modified(at))
    }

    fn note(&self) -> Result<Option<Vec<u8>>, DiskError> {
        let mut note = vec![0; NOTE_OCTETS_MAX];
        match rustix::fs::fgetxattr(&self.file, NOTE, note.as_mut_slice()) {
            Ok(octets) => {
                note.truncate(octets);
                Ok(Some(note))
            }
            // Too long: none of ours.
            Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::RANGE) => Ok(None),
            Err(error) => named("read the note at", &self.path, Err(error)),
        }
    }

    fn set_note(&mut self, note: &[u8]) -> Result<(), DiskError> {
        let set = rustix::fs::fsetxattr(&self.file, NOTE, note, rustix::fs::XattrFlags::empty());
        named("attach a note to", &self.path, set)?;
        // Not fdatasync, which may leave attributes out.
        named("sync", &self.path, self.file.sync_all())
    }

    fn remove_note(&mut self) -> Result<(), DiskError> {
        named("take the note from", &self.path, rustix::fs::fremovexattr(&self.file, NOTE))
    }

    fn volume_number(&self) -> Result<u64, DiskError> {
        use std::os::unix::fs::MetadataExt as _;
        Ok(named("stat", &self.path, self.file.metadata())?.dev())
    }
}

/// Reads until the buffer is full or the file ends, however little a call gives (row F11).
fn fill(
    buffer: &mut [u8],
    offset: u64,
    mut read: impl FnMut(&mut [u8], u64) -> io::Result<usize>,
) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match read(rest, offset + filled as u64) {
            Ok(0) => break,
            Ok(octets) => filled += octets,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Writes all, with one call where the system takes all at once: place and octets go together.
fn write_all(
    mut slices: &mut [IoSlice<'_>],
    mut offset: u64,
    mut write: impl FnMut(&[IoSlice<'_>], u64) -> io::Result<usize>,
) -> io::Result<()> {
    // The system refuses more than 1024 buffers at once (IOV_MAX); rustix hands in no more.
    IoSlice::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        match write(slices, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(octets) => {
                IoSlice::advance_slices(&mut slices, octets);
                offset += octets as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads a whole file, refusing more than `limit` octets.
///
/// # Errors
/// What the system said, or `FileTooLarge`.
pub fn read_whole(path: &Path, limit: u64) -> Result<Vec<u8>, DiskError> {
    let read = || -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        File::open(path)?.take(limit + 1).read_to_end(&mut content)?;
        if content.len() as u64 > limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(content)
    };
    named("read", path, read())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_ever_replaced_by_link_or_rename_noreplace() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        for name in ["a", "b"] {
            OsDisk.create_new(&path(name)).unwrap().write_all_at(&[name.as_bytes()], 0).unwrap();
        }
        let kind = |result: Result<(), DiskError>| result.unwrap_err().kind();
        assert_eq!(kind(OsDisk.link(&path("a"), &path("b"))), io::ErrorKind::AlreadyExists);
        assert_eq!(
            kind(OsDisk.rename_noreplace(&path("a"), &path("b"))),
            io::ErrorKind::AlreadyExists
        );
        assert_eq!(std::fs::read(path("b")).unwrap(), b"b");
    }

    #[test]
    fn many_are_renamed_until_somebody_has_seen_enough() {
        let dir = tempfile::tempdir().unwrap();
        let root = OsDisk.resolve(dir.path()).unwrap();
        let disks: [&dyn Disk; 2] = [&OsDisk, &NoLinks];
        for disk in disks {
            let (from, to) = (root.join("from"), root.join("to"));
            for folder in [&from, &to] {
                std::fs::create_dir(folder).unwrap();
            }
            for name in ["a", "c", "d", "e"] {
                std::fs::write(from.join(name), name).unwrap();
            }
            std::fs::write(to.join("c"), "there").unwrap();
            let names = ["a", "b", "c", "d", "e"].map(|name| (OsStr::new(name), OsStr::new(name)));
            let mut kinds = Vec::new();
            disk.rename_many(&from, &to, &names, &mut |renamed| {
                kinds.push(renamed.err().map(|error| error.kind()));
                if kinds.len() == 4 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
            .unwrap();
            let (gone, taken) = (io::ErrorKind::NotFound, io::ErrorKind::AlreadyExists);
            assert_eq!(kinds, [None, Some(gone), Some(taken), None]);
            assert_eq!(std::fs::read(to.join("c")).unwrap(), b"there");
            assert!(to.join("d").exists() && from.join("e").exists());
            std::fs::remove_dir_all(&from).unwrap();
            std::fs::remove_dir_all(&to).unwrap();
        }
    }

    #[test]
    fn writes_many_buffers_and_reads_them_back() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = OsDisk.create_new(&dir.path().join("f")).unwrap();
        let parts: Vec<Vec<u8>> = (0..3000u16).map(|n| n.to_string().into_bytes()).collect();
        let buffers: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        file.write_all_at(&buffers, 0).unwrap();
        file.sync().unwrap();
        let whole = parts.concat();
        let mut back = vec![0; whole.len() + 9];
        assert_eq!(file.read_at(&mut back, 0).unwrap(), whole.len());
        assert_eq!(back[..whole.len()], whole);
    }

    /// What a call gives in turn: an error, or so many octets at most.
    fn turns(turn: &mut usize) -> io::Result<usize> {
        *turn += 1;
        match *turn % 4 {
            0 => Err(io::ErrorKind::Interrupted.into()),
            few => Ok(few),
        }
    }

    #[test]
    fn f11_short_and_interrupted_reads_leave_nothing_out() {
        let whole: Vec<u8> = (0..100).collect();
        for (offset, wanted) in [(0, 100), (3, 50), (60, 90), (100, 5)] {
            let (mut turn, mut back) = (0, vec![0; wanted]);
            let read = fill(&mut back, offset, |rest, at| {
                let from = &whole[usize::try_from(at).unwrap()..];
                let count = turns(&mut turn)?.min(from.len()).min(rest.len());
                rest[..count].copy_from_slice(&from[..count]);
                Ok(count)
            });
            let from = &whole[usize::try_from(offset).unwrap()..];
            assert_eq!(back[..read.unwrap()], from[..from.len().min(wanted)], "{offset}");
        }
        // What was read before an error isn't taken for all there is.
        let mut calls = 0;
        let read = fill(&mut [0; 8], 0, |_, _| {
            calls += 1;
            if calls == 1 { Ok(3) } else { Err(io::ErrorKind::Other.into()) }
        });
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::Other);
    }

    #[test]
    fn f11_short_and_interrupted_writes_leave_nothing_out() {
        let parts: [&[u8]; 5] = [b"one", b"", b"two", b"three and more", b"4"];
        let mut slices = parts.map(IoSlice::new);
        let (mut turn, mut written) = (0, Vec::new());
        write_all(&mut slices, 7, |slices, at| {
            assert_eq!(at, 7 + written.len() as u64);
            let all: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
            let count = turns(&mut turn)?.min(all.len());
            written.extend_from_slice(&all[..count]);
            Ok(count)
        })
        .unwrap();
        assert_eq!(written, parts.concat());
        let nowhere = write_all(&mut [IoSlice::new(b"x")], 0, |_, _| Ok(0));
        assert_eq!(nowhere.unwrap_err().kind(), io::ErrorKind::WriteZero);
    }

    /// What is read past the page cache is what was written, at any place.
    #[test]
    fn f11_writes_at_any_place_and_reads_them_past_the_cache() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let mut file = OsDisk.create_new(&path).unwrap();
        let whole: Vec<u8> = (0..50_000u32).map(|n| (n % 251) as u8).collect();
        let (first, second) = whole.split_at(12_345);
        file.write_all_at(&[second], first.len() as u64).unwrap();
        file.write_all_at(&[&first[..7], &first[7..]], 0).unwrap();
        file.sync().unwrap();
        let direct = OsDisk.open_past_cache(&path).unwrap();
        assert_eq!(direct.len().unwrap(), whole.len() as u64);
        for (from, octets) in [(0, 50_000), (1, 49_999), (4_095, 2), (12_000, 30_000), (49_999, 9)]
        {
            let mut back = vec![0; octets];
            let read = direct.read_at(&mut back, from as u64).unwrap();
            assert_eq!(back[..read], whole[from..(from + octets).min(whole.len())], "{from}");
        }
        assert_eq!(direct.read_at(&mut [0; 4], 50_000).unwrap(), 0);
    }

    #[test]
    fn what_is_appended_at_the_same_time_is_all_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        OsDisk.create_new(&path).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let mut file = OsDisk.open(&path).unwrap();
                scope.spawn(move || (0..100).for_each(|_| file.append(b"line\n").unwrap()));
            }
        });
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "line\n".repeat(400));
        assert!(OsDisk.modified(&path).unwrap() > SystemTime::UNIX_EPOCH);
    }

    #[test]
    fn a_part_is_locked_by_one_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let held = OsDisk.lock_part(&path, u64::MAX).unwrap();
        let error = OsDisk.lock_part(&path, u64::MAX).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        assert!(OsDisk.lock_part(&path, 7).is_ok() && OsDisk.lock(&path).is_ok());
        drop(held);
        assert!(OsDisk.lock_part(&path, u64::MAX).is_ok());
        assert_eq!(OsDisk.boot(), OsDisk.boot());
    }

    #[test]
    fn a_mailbox_is_locked_by_one_at_a_time_and_keeps_a_note() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mbox");
        let kind = |result: Result<Box<dyn DiskFile>, DiskError>| result.unwrap_err().kind();
        assert_eq!(kind(OsDisk.open_locked(&path)), io::ErrorKind::NotFound);
        OsDisk.create_new(&path).unwrap();
        let mut held = OsDisk.open_locked(&path).unwrap();
        assert_eq!(kind(OsDisk.open_locked(&path)), io::ErrorKind::WouldBlock);
        // Closing the same file elsewhere gives nothing back.
        drop(OsDisk.open_read(&path).unwrap());
        assert_eq!(kind(OsDisk.open_locked(&path)), io::ErrorKind::WouldBlock);
        assert_eq!(held.note().unwrap(), None);
        held.set_note(b"something").unwrap();
        held.set_note(b"else").unwrap();
        drop(held);
        let mut next = OsDisk.open_locked(&path).unwrap();
        assert_eq!(next.note().unwrap().as_deref(), Some(&b"else"[..]));
        next.remove_note().unwrap();
        assert_eq!(next.note().unwrap(), None);
        std::os::unix::fs::symlink(&path, dir.path().join("link")).unwrap();
        drop(next);
        assert!(OsDisk.open_locked(&dir.path().join("link")).is_err());
    }

    #[test]
    fn m01_symbolic_links_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let root = OsDisk.resolve(dir.path()).unwrap();
        let at = |name: &str| root.join(name);
        std::fs::create_dir_all(at("there/folder")).unwrap();
        std::os::unix::fs::symlink(at("there"), at("link")).unwrap();
        let file = |name: &str| at("there").join(name);
        OsDisk.create_new(&file("file")).unwrap();
        std::os::unix::fs::symlink(file("file"), at("end")).unwrap();
        let disks: [&dyn Disk; 2] = [&OsDisk, &NoLinks];
        for disk in disks {
            assert!(disk.open_read(&at("end")).is_err() && disk.open(&at("end")).is_err());
            assert_eq!(disk.stat(&at("end")).unwrap().kind, EntryKind::Other);
            assert_eq!(disk.stat(&file("file")).unwrap().kind, EntryKind::File);
            assert_eq!(disk.read_dir(&at("there")).unwrap().len(), 2);
        }
        // On the way there the operator's links count, or none.
        let by_link = |name: &str| at("link").join(name);
        assert!(OsDisk.open_read(&by_link("file")).is_ok());
        assert!(NoLinks.open_read(&by_link("file")).is_err());
        assert!(NoLinks.create_new(&by_link("new")).is_err());
        assert!(NoLinks.create_dir(&by_link("new")).is_err());
        assert!(NoLinks.rename(&file("file"), &by_link("new")).is_err());
        assert!(NoLinks.rename_noreplace(&by_link("file"), &file("new")).is_err());
        assert!(NoLinks.link(&file("file"), &by_link("new")).is_err());
        assert!(NoLinks.remove(&by_link("file")).is_err());
        assert!(NoLinks.open(&by_link("file")).is_err());
        assert!(NoLinks.read_dir(&at("link")).is_err() && NoLinks.sync_dir(&at("link")).is_err());
        assert!(NoLinks.stat(&by_link("file")).is_err());
        assert!(NoLinks.lock(&by_link("lock")).is_err() && NoLinks.volume(&at("link")).is_err());
        // A file that is gone from its folder is where this link leads, and not where it says.
        std::fs::write(at("gone"), "").unwrap();
        let gone = File::open(at("gone")).unwrap();
        std::fs::remove_file(at("gone")).unwrap();
        std::fs::write(at("gone (deleted)"), "").unwrap();
        let number = std::os::fd::AsRawFd::as_raw_fd(&gone);
        let error = NoLinks.resolve(Path::new(&format!("/proc/self/fd/{number}"))).unwrap_err();
        assert!(error.source.to_string().contains("name the place itself"), "{error:?}");
        std::fs::remove_file(at("gone (deleted)")).unwrap();
        let resolved = NoLinks.resolve(&by_link("file")).unwrap();
        assert_eq!(resolved, file("file"));
        NoLinks.rename_noreplace(&resolved, &file("new")).unwrap();
        NoLinks.sync_dir(&at("there")).unwrap();
        assert_eq!(NoLinks.read_dir(&at("there")).unwrap().len(), 2);
        NoLinks.remove(&file("new")).unwrap();
    }

    #[test]
    fn a_lock_is_held_by_one_until_it_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let held = OsDisk.lock(&path).unwrap();
        assert_eq!(OsDisk.lock(&path).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(held);
        OsDisk.lock(&path).unwrap();
    }

    #[test]
    fn errors_name_operation_and_path() {
        let error = OsDisk.sync_dir(Path::new("/nowhere/at/all")).unwrap_err();
        assert_eq!(error.to_string(), "cannot sync the directory /nowhere/at/all");
    }
}
