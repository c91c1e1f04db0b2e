//! Reading a file that decides who may do what: only when nobody else can change it.
//!
//! Whoever can write the file of users can log in as anybody, and whoever can write the file of
//! aliases can have anybody's mail. So a file is refused unless its owner is root, we, or the owner
//! of the folder it is in (who could replace it anyway), and neither file nor folder is open to all.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::error::AccountsError;
use crate::limits;

/// What tells one version of a file from the next. A file that isn't there has one too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    octets: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    pub(crate) const ABSENT: Self =
        Self { device: 0, inode: 0, octets: 0, modified: (0, 0), changed: (0, 0) };

    fn of(meta: &Metadata) -> Self {
        Self {
            device: meta.dev(),
            inode: meta.ino(),
            octets: meta.size(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        }
    }

    /// The stamp of the file as it is now; of what can't be looked at, that of an absent file.
    pub fn now(path: &Path) -> Self {
        fs::symlink_metadata(path).map_or(Self::ABSENT, |meta| Self::of(&meta))
    }
}

/// Reads another file that decides who may do what, with the same care. A file that isn't there is `None`.
///
/// # Errors
/// Where it can't be read, or somebody else could have written it.
pub fn read_trusted(path: &Path) -> Result<Option<String>, AccountsError> {
    Ok(read(path)?.map(|contents| contents.text))
}

/// A file as it was read.
pub(crate) struct Contents {
    pub(crate) text: String,
    pub(crate) stamp: Stamp,
}

/// Reads a file whole, after looking at who could have written it. A file that isn't there is `None`.
pub(crate) fn read(path: &Path) -> Result<Option<Contents>, AccountsError> {
    let failed = |source| AccountsError::Read { path: path.to_owned(), source };
    // O_NOFOLLOW: a link in a folder that others can write would choose the file for us. O_NONBLOCK:
    // a FIFO in its place must not hang the agent.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let open = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path);
    let mut file = match open {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if is_symlink(path) => {
            let problem = format!("it is a symbolic link ({error}): name the file itself");
            return Err(AccountsError::Unsafe { path: path.to_owned(), problem });
        }
        Err(error) => return Err(failed(error)),
    };
    // Of the open file: the name may stand for another by now.
    let meta = file.metadata().map_err(failed)?;
    check(path, &meta)?;
    let text = read_text(path, &mut file)?;
    Ok(Some(Contents { text, stamp: Stamp::of(&meta) }))
}

fn is_symlink(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_symlink())
}

fn read_text(path: &Path, file: &mut File) -> Result<String, AccountsError> {
    let mut octets = Vec::new();
    file.take(limits::FILE_OCTETS_MAX + 1)
        .read_to_end(&mut octets)
        .map_err(|source| AccountsError::Read { path: path.to_owned(), source })?;
    if octets.len() as u64 > limits::FILE_OCTETS_MAX {
        let problem = format!("it has more than {} octets", limits::FILE_OCTETS_MAX);
        return Err(AccountsError::Unsafe { path: path.to_owned(), problem });
    }
    String::from_utf8(octets).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = error.as_bytes().get(..valid).unwrap_or_default();
        let line = before.iter().filter(|octet| **octet == b'\n').count() + 1;
        AccountsError::line(path, line, "the line is not UTF-8")
    })
}

/// Refuses what somebody else could have written.
fn check(path: &Path, meta: &Metadata) -> Result<(), AccountsError> {
    let refuse = |problem: String| AccountsError::Unsafe { path: path.to_owned(), problem };
    let shown = path.display();
    if !meta.file_type().is_file() {
        return Err(refuse("it is not a regular file".into()));
    }
    if meta.mode() & 0o002 != 0 {
        return Err(refuse(format!("anybody may write it: run \"chmod o-w {shown}\"")));
    }
    let folder = folder_of(path);
    let folder_meta = fs::metadata(&folder)
        .map_err(|source| AccountsError::Read { path: folder.clone(), source })?;
    // In a sticky folder (/tmp) others can add files, not replace ours; the owner tells them apart.
    if folder_meta.mode() & 0o002 != 0 && folder_meta.mode() & 0o1000 == 0 {
        let folder = folder.display();
        return Err(refuse(format!("anybody may replace it: run \"chmod o-w {folder}\"")));
    }
    let ours = rustix::process::geteuid().as_raw();
    if ![0, ours].contains(&meta.uid())
        && (meta.uid() != folder_meta.uid() || folder_meta.mode() & 0o1000 != 0)
    {
        let owner = meta.uid();
        return Err(refuse(format!("it belongs to uid {owner}: run \"chown {ours} {shown}\"")));
    }
    Ok(())
}

/// The folder that holds the file.
pub(crate) fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => PathBuf::from("."),
        Some(folder) => folder.to_owned(),
        None => PathBuf::from("/"),
    }
}
