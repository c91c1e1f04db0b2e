//! Changing one of the files: a new file is written beside the old one, synced and renamed over the old one, so that a
//! reader sees either. A lock file keeps two writers apart.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::app_passwords::Label;
use crate::error::AccountsError;
use crate::file::{self, folder_of};
use crate::limits;
use crate::name::UserName;

/// Why a file was not changed.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// The file is wrong as it is.
    #[error(transparent)]
    File(#[from] AccountsError),
    /// The name is taken.
    #[error("there is a user \"{0}\" already")]
    Exists(UserName),
    /// Nobody has that name.
    #[error("there is no user \"{0}\": \"postroad user list\" shows them")]
    Unknown(UserName),
    /// The password is empty or too long.
    #[error("a password has 1 to {} octets", limits::PASSWORD_OCTETS_MAX)]
    Password,
    /// No SCRAM keys can be made of the password (RFC 4013).
    #[error("SCRAM takes passwords of characters that can be seen alone: choose another one")]
    NotForScram,
    /// The user has an app password of that name.
    #[error(
        "\"{user}\" has an app password \"{label}\" already: choose another name, or remove that one first"
    )]
    LabelTaken {
        /// Whose.
        user: UserName,
        /// Its name.
        label: Label,
    },
    /// The user has no app password of that name.
    #[error(
        "\"{user}\" has no app password \"{label}\": \"postroad user app-password list {user}\" shows them"
    )]
    NoSuchLabel {
        /// Whose.
        user: UserName,
        /// Its name.
        label: Label,
    },
    /// The user has as many as one may have.
    #[error(
        "\"{0}\" has {most} app passwords, and may have no more: remove one first",
        most = limits::APP_PASSWORDS_MAX
    )]
    TooManyAppPasswords(UserName),
    /// The system failed.
    #[error("cannot {operation} {}", path.display())]
    System {
        /// The verb, as in "cannot rename PATH".
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Reads the file under the lock, lets `change` make its new text, and puts that in its place.
pub(crate) fn edit(
    path: &Path,
    change: impl FnOnce(&str) -> Result<String, EditError>,
) -> Result<(), EditError> {
    let _lock = lock(path)?;
    let text = current(path)?;
    replace(path, &change(&text)?)
}

/// The file as it is; empty where it isn't there.
pub(crate) fn current(path: &Path) -> Result<String, AccountsError> {
    Ok(file::read(path)?.map(|contents| contents.text).unwrap_or_default())
}

/// Waits until no other writer is at it. The lock ends with the file that is returned, and with us.
fn lock(path: &Path) -> Result<File, EditError> {
    let lock_path = beside(path, ".lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
        .open(&lock_path)
        .map_err(system("open", &lock_path))?;
    rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive)
        .map_err(|error| system("lock", &lock_path)(error.into()))?;
    Ok(file)
}

/// Puts `text` in the place of the file: after `Ok` it is durable, after an error or a crash the
/// old file is whole. A crash leaves at most `FILE.new`, which the next writer removes.
fn replace(path: &Path, text: &str) -> Result<(), EditError> {
    let new = beside(path, ".new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(system("remove", &new)(error));
        }
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(&new)
        .map_err(system("create", &new))?;
    keep_access(path, &file).map_err(system("give its owner to", &new))?;
    file.write_all(text.as_bytes()).map_err(system("write", &new))?;
    file.sync_all().map_err(system("sync", &new))?;
    fs::rename(&new, path).map_err(system("rename into place", &new))?;
    let folder = folder_of(path);
    File::open(&folder).and_then(|folder| folder.sync_all()).map_err(system("sync", &folder))
}

/// Who could read the file can read the new one: root changes a user, and the agents still see all of
/// them. A file that is new belongs to whom its folder belongs, mode 0600.
fn keep_access(path: &Path, file: &File) -> io::Result<()> {
    let new = file.metadata()?;
    let old = match fs::metadata(path) {
        Ok(old) => {
            let mode = old.mode() & 0o640 | 0o600;
            file.set_permissions(Permissions::from_mode(mode))?;
            old
        }
        Err(_) => fs::metadata(folder_of(path))?,
    };
    if rustix::process::geteuid().is_root() && (old.uid(), old.gid()) != (new.uid(), new.gid()) {
        std::os::unix::fs::fchown(file, Some(old.uid()), Some(old.gid()))?;
    }
    Ok(())
}

/// The path with something behind its name.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

pub(crate) fn system(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> EditError {
    let path = path.to_owned();
    move |source| EditError::System { operation, path, source }
}
