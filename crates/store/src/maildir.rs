//! What a Maildir is on disk: a directory with tmp/, new/ and cur/, and folders beside them
//! (Maildir++: `.Lists.rust` is the folder `Lists.rust`).

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use postroad_disk::{Disk, EntryKind, make_way_to, sync_way_to};

use crate::StoreError;

/// Where a Maildir is, or is to be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Maildir {
    root: PathBuf,
}

impl Maildir {
    /// The Maildir at `root`; nothing is looked at or made yet.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder of that name in this Maildir.
    pub fn folder(&self, name: &FolderName) -> Self {
        Self::at(self.root.join(format!(".{name}")))
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Letters that are being written.
    pub(crate) fn tmp(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// Letters that nobody has seen yet.
    pub(crate) fn new_dir(&self) -> PathBuf {
        self.root.join("new")
    }

    /// Whether it is there with all three directories.
    ///
    /// # Errors
    /// [`StoreError::NotADirectory`] where one of them is anything else, or what the disk said.
    pub fn exists(&self, disk: &dyn Disk) -> Result<bool, StoreError> {
        for part in ["tmp", "new", "cur"] {
            if !is_directory(disk, &self.root.join(part))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Makes what is missing of it, the way to it included, and makes that durable.
    ///
    /// cur/ comes last, when all else is durable. Where it is there, nobody has to ask whether those who
    /// made the rest (another process, or one that was killed) got as far as their syncs.
    pub(crate) fn create(&self, disk: &dyn Disk) -> Result<(), StoreError> {
        make_way_to(disk, &self.root)?;
        for part in ["tmp", "new"] {
            create_one(disk, &self.root.join(part))?;
        }
        disk.sync_dir(&self.root)?;
        sync_way_to(disk, &self.root)?;
        create_one(disk, &self.root.join("cur"))?;
        Ok(disk.sync_dir(&self.root)?)
    }
}

/// Whether a directory is there; a symbolic link in its place is an error (row M01).
fn is_directory(disk: &dyn Disk, path: &Path) -> Result<bool, StoreError> {
    match disk.stat(path) {
        Ok(stat) if stat.kind == EntryKind::Directory => Ok(true),
        Ok(_) => Err(StoreError::NotADirectory { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn create_one(disk: &dyn Disk, path: &Path) -> Result<(), StoreError> {
    if is_directory(disk, path)? {
        return Ok(());
    }
    match disk.create_dir(path) {
        // Somebody else has made it in this moment.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => Ok(made?),
    }
}

/// A folder's name: parts joined by dots, as in `Lists.rust`. It can't lead out of its Maildir.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FolderName(String);

/// The text is no folder's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a folder's name is printable ASCII, parts joined by dots, without / and not tmp, new or cur"
)]
pub struct FolderNameError;

impl FolderName {
    /// Octets in a name at most: file systems take 255, one is for the dot.
    const OCTETS_MAX: usize = 254;

    /// Reads a name.
    ///
    /// # Errors
    /// [`FolderNameError`] where it could lead elsewhere (`../x`, `/abs`), could be taken for one of the
    /// Maildir's own directories, or can't be a file's name.
    pub fn parse(text: &str) -> Result<Self, FolderNameError> {
        let part = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|b| matches!(b, b' '..=b'~') && b != b'/')
                && !["tmp", "new", "cur"].contains(&part)
        };
        let fits = text.len() <= Self::OCTETS_MAX && text.split('.').all(part);
        fits.then(|| Self(text.to_owned())).ok_or(FolderNameError)
    }
}

impl fmt::Display for FolderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postroad_disk::OsDisk;

    #[test]
    fn m02_a_folder_cannot_lead_out_of_its_maildir() {
        for text in [
            "../x",
            "/abs",
            "a/../b",
            "a\0b",
            ".",
            "..",
            "",
            "cur",
            "new",
            "tmp",
            "a..b",
            ".a",
            "a.",
            "a.cur",
            "a\nb",
            "a\x1bb",
            "ä",
            &"x".repeat(300),
            &"x".repeat(255),
        ] {
            assert_eq!(FolderName::parse(text), Err(FolderNameError), "{text:?}");
        }
        let maildir = Maildir::at("/mail/alice");
        for (text, path) in [("Lists.rust", "/mail/alice/.Lists.rust"), ("a b", "/mail/alice/.a b")]
        {
            let name = FolderName::parse(text).unwrap();
            assert_eq!(maildir.folder(&name).root(), Path::new(path));
        }
        assert!(FolderName::parse(&"x".repeat(254)).is_ok());
    }

    #[test]
    fn m01_a_symbolic_link_inside_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let elsewhere = dir.path().join("elsewhere");
        std::fs::create_dir(&elsewhere).unwrap();
        for part in ["tmp", "new", "cur"] {
            let root = dir.path().join(format!("mail-{part}"));
            std::fs::create_dir(&root).unwrap();
            std::os::unix::fs::symlink(&elsewhere, root.join(part)).unwrap();
            let error = Maildir::at(&root).create(&OsDisk).unwrap_err();
            assert!(
                matches!(&error, StoreError::NotADirectory { path } if path.ends_with(part)),
                "{error}"
            );
        }
    }

    #[test]
    fn m16_directories_are_the_users_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let maildir = Maildir::at(dir.path().join("a/b/alice"));
        assert!(!maildir.exists(&OsDisk).unwrap());
        maildir.create(&OsDisk).unwrap();
        assert!(maildir.exists(&OsDisk).unwrap());
        for part in ["", "tmp", "new", "cur"] {
            let mode = std::fs::metadata(maildir.root().join(part)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{part}");
        }
        maildir.create(&OsDisk).unwrap();
    }
}
