//! What a Maildir is on disk: a directory with tmp/, new/ and cur/, and folders beside them
//! (Maildir++: `.Lists.rust` is the folder `Lists.rust`). Its inbox may be a mailbox file instead (mbox).

use std::io;
use std::path::{Path, PathBuf};

use postroad_disk::{Disk, DiskError, DiskLock, EntryKind, make_way_to, sync_way_to};

use crate::{FolderName, StoreError, small_file, subscriptions};

/// Where a Maildir is, or is to be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Maildir {
    root: PathBuf,
    kind: Kind,
}

/// Which of a Maildir++'s parts it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Kind {
    /// The mailbox itself. With a `file`, new letters go into that one.
    Inbox { file: Option<PathBuf> },
    /// A folder of the mailbox that is there.
    Folder { inbox: PathBuf, name: FolderName },
}

/// An empty file that says "a folder of the Maildir above" (Maildir++).
const FOLDER_MARK: &str = "maildirfolder";

impl Maildir {
    /// The Maildir at `root`; nothing is looked at or made yet.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), kind: Kind::Inbox { file: None } }
    }

    /// The same with the inbox in a mailbox file (mbox): the Maildir is there for folders, and for what is remembered.
    #[must_use]
    pub fn with_inbox_in(self, file: PathBuf) -> Self {
        match self.kind {
            Kind::Inbox { .. } => Self { kind: Kind::Inbox { file: Some(file) }, ..self },
            Kind::Folder { .. } => self,
        }
    }

    /// The mailbox file that letters for it go into.
    pub fn inbox_file(&self) -> Option<&Path> {
        match &self.kind {
            Kind::Inbox { file } => file.as_deref(),
            Kind::Folder { .. } => None,
        }
    }

    /// The folder of that name in this Maildir (of a folder, in the Maildir that it is in).
    pub fn folder(&self, name: &FolderName) -> Self {
        let inbox = match &self.kind {
            Kind::Inbox { .. } => &self.root,
            Kind::Folder { inbox, .. } => inbox,
        };
        let kind = Kind::Folder { inbox: inbox.clone(), name: name.clone() };
        Self { root: inbox.join(format!(".{name}")), kind }
    }

    /// What it is called, where it is a folder.
    pub fn name(&self) -> Option<&FolderName> {
        match &self.kind {
            Kind::Inbox { .. } => None,
            Kind::Folder { name, .. } => Some(name),
        }
    }

    /// The Maildir that it is a folder of.
    pub(crate) fn inbox(&self) -> Option<Self> {
        match &self.kind {
            Kind::Inbox { .. } => None,
            Kind::Folder { inbox, .. } => Some(Self::at(inbox)),
        }
    }

    /// The turn to change small files of its mailbox and of all folders there; see [`small_file::turn`].
    pub(crate) fn turn(&self, disk: &dyn Disk) -> Result<Option<Box<dyn DiskLock>>, DiskError> {
        let mailbox = match &self.kind {
            Kind::Inbox { .. } => &self.root,
            Kind::Folder { inbox, .. } => inbox,
        };
        small_file::turn(disk, mailbox)
    }

    /// Whether letters in it count towards no quota.
    pub fn is_trash(&self) -> bool {
        matches!(&self.kind, Kind::Folder { name, .. } if name.is_trash())
    }

    /// The same mailbox by a path that no symbolic link is on, as a disk wants it that follows none.
    pub(crate) fn resolved(&self, disk: &dyn Disk) -> Result<Self, DiskError> {
        match &self.kind {
            Kind::Inbox { file } => {
                // What the mailbox file is itself, is looked at when it is opened.
                let file = file.as_ref().map(|file| match (file.parent(), file.file_name()) {
                    (Some(folder), Some(name)) => Ok(resolved(disk, folder)?.join(name)),
                    _ => Ok(file.clone()),
                });
                let root = resolved(disk, &self.root)?;
                Ok(Self { root, kind: Kind::Inbox { file: file.transpose()? } })
            }
            Kind::Folder { inbox, name } => Ok(Self::at(resolved(disk, inbox)?).folder(name)),
        }
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

    /// Letters with flags.
    pub(crate) fn cur_dir(&self) -> PathBuf {
        self.root.join("cur")
    }

    /// Whether it is there with all three directories.
    ///
    /// # Errors
    /// [`StoreError::NotADirectory`] where one of them is anything else, or what the disk said.
    pub fn exists(&self, disk: &dyn Disk) -> Result<bool, StoreError> {
        // Where a mailbox is, the operator says, by a link too; its folders are in it (row M01).
        if let Kind::Folder { .. } = self.kind
            && !is_directory(disk, &self.root)?
        {
            return Ok(false);
        }
        let parts = ["tmp", "new", "cur"];
        for (part, stat) in parts.into_iter().zip(disk.stat_all(&self.root, &parts)?) {
            match stat {
                Some(stat) if stat.kind == EntryKind::Directory => {}
                Some(_) => {
                    return Err(StoreError::NotADirectory { path: self.root.join(part) });
                }
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Makes what is missing of it, the way to it included, and makes that durable.
    ///
    /// cur/ comes last, when all else is durable. Where it is there, nobody has to ask whether those who
    /// made the rest (another process, or one that was killed) got as far as their syncs, or as far as
    /// subscribing to a folder. `unique` is a name for a file that is on its way.
    pub(crate) fn create(&self, disk: &dyn Disk, unique: &str) -> Result<(), StoreError> {
        make_way_to(disk, &self.root)?;
        for part in ["tmp", "new"] {
            create_one(disk, &self.root.join(part))?;
        }
        if let Kind::Folder { .. } = self.kind {
            match disk.create_new(&self.root.join(FOLDER_MARK)) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(error.into());
                }
                Ok(_) | Err(_) => {}
            }
        }
        disk.sync_dir(&self.root)?;
        sync_way_to(disk, &self.root)?;
        if let Kind::Folder { inbox, name } = &self.kind {
            // Who isn't subscribed finds the folder all the same: no letter waits for that.
            let _ = subscriptions::add(disk, &self.tmp().join(unique), inbox, name);
        }
        create_one(disk, &self.root.join("cur"))?;
        Ok(disk.sync_dir(&self.root)?)
    }
}

/// The path without links, as far as there is anything on it.
fn resolved(disk: &dyn Disk, path: &Path) -> Result<PathBuf, DiskError> {
    match (disk.resolve(path), path.parent(), path.file_name()) {
        (Err(error), Some(parent), Some(name)) if error.kind() == io::ErrorKind::NotFound => {
            Ok(resolved(disk, parent)?.join(name))
        }
        (resolved, ..) => resolved,
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

#[cfg(test)]
mod tests {
    use super::*;
    use postroad_disk::OsDisk;

    #[test]
    fn m01_a_symbolic_link_inside_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let elsewhere = dir.path().join("elsewhere");
        std::fs::create_dir(&elsewhere).unwrap();
        for part in ["tmp", "new", "cur"] {
            let root = dir.path().join(format!("mail-{part}"));
            std::fs::create_dir(&root).unwrap();
            std::os::unix::fs::symlink(&elsewhere, root.join(part)).unwrap();
            let error = Maildir::at(&root).create(&OsDisk, "1.x").unwrap_err();
            assert!(
                matches!(&error, StoreError::NotADirectory { path } if path.ends_with(part)),
                "{error}"
            );
        }
    }

    #[test]
    fn m01_a_folder_that_is_a_symbolic_link_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let elsewhere = Maildir::at(dir.path().join("elsewhere"));
        elsewhere.create(&OsDisk, "1.x").unwrap();
        let inbox = Maildir::at(dir.path().join("mail"));
        inbox.create(&OsDisk, "1.x").unwrap();
        let folder = inbox.folder(&FolderName::parse("Lists").unwrap());
        std::os::unix::fs::symlink(elsewhere.root(), folder.root()).unwrap();
        let error = folder.exists(&OsDisk).unwrap_err();
        assert!(matches!(&error, StoreError::NotADirectory { .. }), "{error}");
    }

    #[test]
    fn m16_directories_are_the_users_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let maildir = Maildir::at(dir.path().join("a/b/alice"));
        assert!(!maildir.exists(&OsDisk).unwrap());
        maildir.create(&OsDisk, "1.x").unwrap();
        assert!(maildir.exists(&OsDisk).unwrap());
        for part in ["", "tmp", "new", "cur"] {
            let mode = std::fs::metadata(maildir.root().join(part)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{part}");
        }
        maildir.create(&OsDisk, "1.x").unwrap();
    }
}
