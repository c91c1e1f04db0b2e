//! The letters of a mailbox and its folders that can be known again, as far as their names tell.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use postroad_disk::{Disk, DiskError, EntryKind};

use crate::Maildir;
use crate::key::DeliveryKey;

/// A letter in new/ or cur/ that has a key in its name.
#[derive(Debug)]
pub(crate) struct Letter {
    pub(crate) key: DeliveryKey,
    /// When it was filed, in seconds since 1970.
    pub(crate) at: u64,
    /// The mailbox or folder.
    pub(crate) folder: PathBuf,
    /// new/ or cur/ of it.
    pub(crate) directory: PathBuf,
}

/// All of them. new/ is listed before cur/: who moves a letter there meanwhile doesn't hide it.
pub(crate) fn letters(disk: &dyn Disk, inbox: &Maildir) -> Result<Vec<Letter>, DiskError> {
    let mut letters = Vec::new();
    for folder in folders(disk, inbox.root())? {
        let mut seen = HashSet::new();
        for part in ["new", "cur"] {
            let directory = folder.join(part);
            let entries = match disk.read_dir(&directory) {
                Err(error) if takes_no_letters(&error) => continue,
                entries => entries?,
            };
            for entry in entries.into_iter().filter(|entry| entry.kind == EntryKind::File) {
                let name = entry.name.as_encoded_bytes();
                let Some((key, at)) = DeliveryKey::of_file(name) else { continue };
                let base = name.split(|octet| *octet == b':').next().unwrap_or(name);
                if seen.insert(base.to_owned()) {
                    let (folder, directory) = (folder.clone(), directory.clone());
                    letters.push(Letter { key, at, folder, directory });
                }
            }
        }
    }
    Ok(letters)
}

/// The mailbox itself, and each directory in it that is a folder (Maildir++).
pub(crate) fn folders(disk: &dyn Disk, root: &Path) -> Result<Vec<PathBuf>, DiskError> {
    let mut folders = vec![root.to_owned()];
    for entry in disk.read_dir(root)? {
        // A link leads elsewhere (row M01).
        if entry.kind == EntryKind::Directory && entry.name.as_encoded_bytes().starts_with(b".") {
            folders.push(root.join(entry.name));
        }
    }
    Ok(folders)
}

/// Whether a directory that can't be listed is none of a folder's, or one that isn't for us: others may have put it
/// there, and the letters elsewhere count all the same.
pub(crate) fn takes_no_letters(error: &DiskError) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
    // ELOOP: a link in its place (row M01).
    let is_link = error.source.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error());
    is_link || matches!(error.kind(), NotFound | NotADirectory | PermissionDenied)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use postroad_disk::{NoLinks, OsDisk};

    use super::*;

    #[test]
    fn what_is_no_folder_of_ours_hides_no_letter() {
        let dir = tempfile::tempdir().unwrap();
        let inbox = Maildir::at(dir.path().join("alice"));
        inbox.create(&OsDisk, "1.x").unwrap();
        let key = DeliveryKey::of_digest(&[7; 32]);
        let name = format!("1.M1P2.host{},S=1,W=2", key.field());
        std::fs::write(inbox.root().join("new").join(&name), "x").unwrap();
        std::fs::write(inbox.root().join("new/1.M2P3.host,S=1,W=2"), "x").unwrap();
        let in_the_way = [".file", ".locked", ".link"].map(|name| inbox.root().join(name));
        in_the_way.iter().for_each(|folder| std::fs::create_dir(folder).unwrap());
        std::fs::write(in_the_way[0].join("new"), "").unwrap();
        symlink(dir.path(), in_the_way[2].join("new")).unwrap();
        std::fs::set_permissions(&in_the_way[1], PermissionsExt::from_mode(0o0)).unwrap();
        let found = letters(&NoLinks, &inbox).unwrap();
        std::fs::set_permissions(&in_the_way[1], PermissionsExt::from_mode(0o700)).unwrap();
        assert!(matches!(&found[..], [letter] if letter.key == key && letter.at == 1), "{found:?}");
    }
}
