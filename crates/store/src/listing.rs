//! The letters of a mailbox and its folders, as far as their names tell.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use postroad_disk::{Disk, DiskError, EntryKind};

use crate::Maildir;

/// A letter in new/ or cur/.
#[derive(Debug)]
pub(crate) struct Letter {
    /// The mailbox or folder.
    pub(crate) folder: PathBuf,
    /// new/ or cur/ of it.
    pub(crate) directory: PathBuf,
    pub(crate) name: OsString,
}

/// All of them. new/ is listed before cur/: who moves a letter there meanwhile doesn't hide it.
pub(crate) fn letters(disk: &dyn Disk, inbox: &Maildir) -> Result<Vec<Letter>, DiskError> {
    let mut letters = Vec::new();
    for folder in folders(disk, inbox)? {
        let mut seen = HashSet::new();
        for part in ["new", "cur"] {
            let directory = folder.join(part);
            let entries = match disk.read_dir(&directory) {
                // No folder that takes letters, or one that was removed meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                entries => entries?,
            };
            for entry in entries.into_iter().filter(|entry| entry.kind == EntryKind::File) {
                let name = entry.name.as_encoded_bytes();
                let base = name.split(|octet| *octet == b':').next().unwrap_or(name);
                if seen.insert(base.to_owned()) {
                    let (folder, directory) = (folder.clone(), directory.clone());
                    letters.push(Letter { folder, directory, name: entry.name });
                }
            }
        }
    }
    Ok(letters)
}

/// The mailbox itself, and each directory in it that is a folder (Maildir++).
pub(crate) fn folders(disk: &dyn Disk, inbox: &Maildir) -> Result<Vec<PathBuf>, DiskError> {
    let mut folders = vec![inbox.root().to_owned()];
    for entry in disk.read_dir(inbox.root())? {
        // A link leads elsewhere (row M01).
        if entry.kind == EntryKind::Directory && entry.name.as_encoded_bytes().starts_with(b".") {
            folders.push(inbox.root().join(entry.name));
        }
    }
    Ok(folders)
}
