//! The folder that `postroad up` keeps everything in, and its lock.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

/// A unix socket's path fits into this many octets (unix(7)).
const SOCKET_PATH_OCTETS_MAX: usize = 107;

/// The folder, ours as long as this lives.
///
/// ```text
/// postroad.toml          the settings of all agents
/// users, aliases         accounts
/// tls/                   the local authority, the servers' certificate
/// mua/NAME.toml          an account for postroad-mua, with its password beside it
/// queue/ mail/ trace/    what the agents keep
/// run/                   sockets
/// ```
pub(crate) struct Folder {
    root: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder where it isn't there, and takes it for ourselves.
    pub(crate) fn open(root: &Path) -> Result<Self> {
        private_dir(root)?;
        let root =
            root.canonicalize().with_context(|| format!("cannot find {}", root.display()))?;
        let lock = lock(&root)?;
        for inner in ["tls", "mua", "mail", "run"] {
            private_dir(&root.join(inner))?;
        }
        let longest = root.join("run/submit.sock");
        let octets = longest.as_os_str().len();
        if octets > SOCKET_PATH_OCTETS_MAX {
            bail!(
                "{} is {octets} octets long and a socket's path fits into {SOCKET_PATH_OCTETS_MAX}: choose a folder with a shorter path, as in --dir ~/postroad",
                longest.display()
            );
        }
        if root.to_str().is_none() {
            bail!("{} isn't UTF-8: choose another folder with --dir", root.display());
        }
        Ok(Self { root, _lock: lock })
    }

    /// The path of something in it.
    pub(crate) fn path(&self, inner: &str) -> PathBuf {
        self.root.join(inner)
    }

    /// The folder itself.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Writes a small file whole: under another name first, so that no reader sees half of it.
    pub(crate) fn write(&self, inner: &str, mode: u32, text: &str) -> Result<()> {
        let path = self.path(inner);
        let new = self.path(&format!("{inner}.new"));
        let write = || {
            let mut file =
                OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&new)?;
            file.set_permissions(Permissions::from_mode(mode))?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&new, &path)
        };
        write().with_context(|| format!("cannot write {}", path.display()))
    }

    /// The text of a file; `None` where it isn't there.
    pub(crate) fn read(&self, inner: &str) -> Result<Option<String>> {
        let path = self.path(inner);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }
}

/// Makes a folder that only we can enter; one that is there stays as it is.
pub(crate) fn private_dir(path: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("cannot make the folder {}", path.display()))
}

/// Makes the names in a folder durable, and those of the folder and of all above it, as far as we may look.
pub(crate) fn sync_way_to(path: &Path) -> Result<()> {
    for folder in path.ancestors().filter(|folder| !folder.as_os_str().is_empty()) {
        match File::open(folder).and_then(|folder| folder.sync_all()) {
            // Not ours to read, or of a kind that isn't written to: we made no name there.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput
                ) =>
            {
                return Ok(());
            }
            synced => synced.with_context(|| format!("cannot sync {}", folder.display()))?,
        }
    }
    Ok(())
}

/// Only one `postroad up` per folder; the lock ends with the process, however that ends.
fn lock(root: &Path) -> Result<File> {
    let path = root.join("up.lock");
    let open =
        || OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
    let mut file = open().with_context(|| format!("cannot open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            let _ = file.read_to_string(&mut pid);
            bail!(
                "postroad is up in {} already (process {}): stop that one, or give another folder with --dir",
                root.display(),
                pid.trim()
            );
        }
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("cannot lock {}", path.display()));
        }
    }
    let pid = format!("{}\n", std::process::id());
    file.set_len(0)
        .and_then(|()| file.seek(SeekFrom::Start(0)))
        .and_then(|_| file.write_all(pid.as_bytes()))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_ours_alone_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("a/b");
        let folder = Folder::open(&root).unwrap();
        assert_eq!(root.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        let second = Folder::open(&root).map(|_| ()).unwrap_err().to_string();
        assert!(
            second.contains("is up in") && second.contains(&std::process::id().to_string()),
            "{second}"
        );
        drop(folder);
        assert!(Folder::open(&root).is_ok());
    }

    #[test]
    fn a_path_that_no_socket_fits_into_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let error = Folder::open(&dir.path().join("x".repeat(100))).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains("shorter path"), "{error}");
    }

    #[test]
    fn files_are_written_whole_and_with_their_mode() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        folder.write("tls/key.pem", 0o600, "secret").unwrap();
        folder.write("tls/key.pem", 0o600, "new").unwrap();
        assert_eq!(folder.read("tls/key.pem").unwrap().as_deref(), Some("new"));
        assert_eq!(
            folder.path("tls/key.pem").metadata().unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(folder.read("nothing").unwrap(), None);
    }
}
