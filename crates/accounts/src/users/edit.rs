//! Changing the file of users.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::{Users, parse_line};
use crate::error::AccountsError;
use crate::file::{self, folder_of};
use crate::limits;
use crate::name::{UserName, fold};
use crate::password;

/// Why the file of users was not changed.
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

/// The names of all users, in the order of the file. A file that isn't there has none.
///
/// # Errors
/// [`EditError::File`].
pub fn list(path: &Path) -> Result<Vec<UserName>, EditError> {
    let text = current(path)?;
    Ok(Users::parse(path, &text)?.names().cloned().collect())
}

/// Adds a user at the end of the file, which is made where it isn't there.
///
/// # Errors
/// Any [`EditError`] but `Unknown`; the file is then as it was.
pub fn add(path: &Path, name: &UserName, password: &[u8]) -> Result<(), EditError> {
    let line = line(path, name, password)?;
    edit(path, |users, text| match users.find(name.as_str()) {
        Some(user) => Err(EditError::Exists(user.name.clone())),
        None => {
            let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
            Ok(format!("{text}{gap}{line}\n"))
        }
    })
}

/// Gives a user a new password. What stands behind the hash in the user's line stays.
///
/// # Errors
/// Any [`EditError`] but `Exists`; the file is then as it was.
pub fn set_password(path: &Path, name: &UserName, password: &[u8]) -> Result<(), EditError> {
    let new = line(path, name, password)?;
    edit_line(path, name, |old| {
        let mut fields = old.splitn(3, ':');
        let (spelling, _, rest) = (fields.next(), fields.next(), fields.next());
        let hash = new.split_once(':').map_or("", |(_, hash)| hash);
        let rest = rest.map_or(String::new(), |rest| format!(":{rest}"));
        Some(format!("{}:{hash}{rest}", spelling.unwrap_or_default()))
    })
}

/// Takes a user out of the file. The mail stays where it is.
///
/// # Errors
/// Any [`EditError`] but `Exists` and `Password`; the file is then as it was.
pub fn remove(path: &Path, name: &UserName) -> Result<(), EditError> {
    edit_line(path, name, |_| None)
}

/// `name:{ARGON2ID}hash`. Hashing comes before locking: it is slow.
fn line(path: &Path, name: &UserName, password: &[u8]) -> Result<String, EditError> {
    if password.is_empty() || password.len() > limits::PASSWORD_OCTETS_MAX {
        return Err(EditError::Password);
    }
    let hash = password::hash(password).map_err(system("hash a password for", path))?;
    Ok(format!("{name}:{{ARGON2ID}}{}", hash.as_str()))
}

/// Replaces (or drops) the line of one user; all other lines stay, comments too.
fn edit_line(
    path: &Path,
    name: &UserName,
    change: impl Fn(&str) -> Option<String>,
) -> Result<(), EditError> {
    edit(path, |users, text| {
        if users.find(name.as_str()).is_none() {
            return Err(EditError::Unknown(name.clone()));
        }
        let mut new = String::with_capacity(text.len());
        for line in text.lines() {
            let is_theirs = matches!(parse_line(line), Ok(Some(user))
                if fold(user.name.as_str()) == fold(name.as_str()));
            let kept = if is_theirs { change(line) } else { Some(line.to_owned()) };
            for part in kept.iter().flat_map(|line| [line.as_str(), "\n"]) {
                new.push_str(part);
            }
        }
        Ok(new)
    })
}

/// Reads the file under the lock, lets `change` make its new text, and puts that in its place.
fn edit(
    path: &Path,
    change: impl FnOnce(&Users, &str) -> Result<String, EditError>,
) -> Result<(), EditError> {
    let _lock = lock(path)?;
    let text = current(path)?;
    let users = Users::parse(path, &text)?;
    replace(path, &change(&users, &text)?)
}

fn current(path: &Path) -> Result<String, AccountsError> {
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
/// old file is whole. A crash leaves at most `users.new`, which the next writer removes.
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

fn system(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> EditError {
    let path = path.to_owned();
    move |source| EditError::System { operation, path, source }
}
