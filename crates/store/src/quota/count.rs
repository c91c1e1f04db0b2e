//! Counting what a mailbox holds.
//!
//! As Maildir++ has it, letters in the folder Trash and letters that are flagged as trashed (`T`) don't count: who
//! is over quota would else have to empty the trash before anything gets better. (Dovecot counts both unless it is
//! told otherwise, by `quota_rule2 = Trash:ignore`.)

use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use postroad_disk::{Disk, DiskError, EntryKind};

use super::Usage;
use crate::folder::TRASH;
use crate::listing;

/// The directories whose letters count: new/ and cur/ of the mailbox and of each folder but Trash. Without a
/// mailbox there are none.
pub(super) fn directories(disk: &dyn Disk, root: &Path) -> Result<Vec<PathBuf>, DiskError> {
    let is_trash = |folder: &PathBuf| *folder == root.join(format!(".{TRASH}"));
    Ok(or_nothing(listing::folders(disk, root))?
        .into_iter()
        .filter(|folder| !is_trash(folder))
        .flat_map(|folder| ["new", "cur"].map(|part| folder.join(part)))
        .collect())
}

/// What the letters in these directories come to whose names `counts` says yes to.
pub(super) fn usage(
    disk: &dyn Disk,
    directories: &[PathBuf],
    counts: impl Fn(&[u8]) -> bool,
) -> Result<Usage, DiskError> {
    let mut usage = Usage::default();
    for directory in directories {
        for entry in or_nothing(disk.read_dir(directory))? {
            let name = entry.name.as_bytes();
            if entry.kind != EntryKind::File
                || name.starts_with(b".")
                || is_trashed(name)
                || !counts(name)
            {
                continue;
            }
            let octets = match size_in_name(name) {
                Some(octets) => octets,
                None => match disk.stat(&directory.join(&entry.name)) {
                    // Its reader has moved or removed it since.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    stat => stat?.octets,
                },
            };
            usage = usage.and(Usage { octets, letters: 1 });
        }
    }
    Ok(usage)
}

/// When letters last came or went in these directories.
pub(super) fn changed(disk: &dyn Disk, directories: &[PathBuf]) -> Result<SystemTime, DiskError> {
    let mut last = SystemTime::UNIX_EPOCH;
    for directory in directories {
        match disk.modified(directory) {
            Err(error) if listing::takes_no_letters(&error) => {}
            changed => last = last.max(changed?),
        }
    }
    Ok(last)
}

/// `…,S=octets` or `…,S=octets,…` or `…,S=octets:…`, as Dovecot, Courier and we write it.
fn size_in_name(name: &[u8]) -> Option<u64> {
    let name = std::str::from_utf8(name).ok()?;
    let before_flags = name.split(':').next().unwrap_or_default();
    before_flags.split(',').skip(1).find_map(|part| part.strip_prefix("S="))?.parse().ok()
}

/// The second in which a letter was delivered: names begin with it (maildir(5)).
pub(super) fn delivered(name: &[u8]) -> Option<u64> {
    let digits = name.split(|octet| *octet == b'.').next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// `:2,…T…` (maildir(5)).
fn is_trashed(name: &[u8]) -> bool {
    let flags = name.rsplit(|octet| *octet == b':').next().filter(|flags| flags.len() < name.len());
    flags.and_then(|flags| flags.strip_prefix(b"2,")).is_some_and(|flags| flags.contains(&b'T'))
}

fn or_nothing<T: Default>(result: Result<T, DiskError>) -> Result<T, DiskError> {
    match result {
        Err(error) if listing::takes_no_letters(&error) => Ok(T::default()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_in_names() {
        for (name, size) in [
            ("1.M2P3.host,S=4711", Some(4711)),
            ("1.M2P3.host,S=4711,W=4800:2,S", Some(4711)),
            ("1.M2P3.host,W=4800,S=4711:2,", Some(4711)),
            ("1.M2P3.host:2,S=5", None),
            ("1.M2P3.host,S=x", None),
            ("1.M2P3.host,S=99999999999999999999", None),
            ("1.M2P3.host", None),
            ("S=4711", None),
        ] {
            assert_eq!(size_in_name(name.as_bytes()), size, "{name}");
        }
    }

    #[test]
    fn seconds_in_names() {
        for (name, second) in [
            ("1700000000.M2P3.host,S=1:2,S", Some(1_700_000_000)),
            ("1700000000", Some(1_700_000_000)),
            ("x.1700000000", None),
            ("", None),
            ("99999999999999999999.x", None),
        ] {
            assert_eq!(delivered(name.as_bytes()), second, "{name}");
        }
    }

    #[test]
    fn trashed_is_a_flag() {
        for (name, trashed) in [
            ("1.T.host,S=1:2,ST", true),
            ("1.x:2,T", true),
            ("1.T.host,S=1:2,S", false),
            ("T", false),
            ("2,T", false),
            ("1.x:1,T", false),
        ] {
            assert_eq!(is_trashed(name.as_bytes()), trashed, "{name}");
        }
    }
}
