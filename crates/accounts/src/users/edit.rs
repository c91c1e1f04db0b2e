//! Changing the file of users.

use std::path::Path;

use super::{SECRET, Users, name_of};
use crate::edit::{EditError, current, edit, system};
use crate::limits;
use crate::name::{UserName, fold};
use crate::password::{self, Scheme};

/// The names of all users, in the order of the file. A file that isn't there has none.
///
/// # Errors
/// [`EditError::File`].
pub fn list(path: &Path) -> Result<Vec<UserName>, EditError> {
    let text = current(path)?;
    Ok(Users::parse(path, &text)?.names().cloned().collect())
}

/// All users with how their passwords are kept, in the order of the file; `None` where a line is wrong.
///
/// # Errors
/// [`EditError::File`].
pub fn schemes(path: &Path) -> Result<Vec<(UserName, Option<Scheme>)>, EditError> {
    let users = Users::parse(path, &current(path)?)?;
    Ok(users.schemes().map(|(name, scheme)| (name.clone(), scheme)).collect())
}

/// Adds a user at the end of the file, which is made where it isn't there.
///
/// # Errors
/// Any [`EditError`] but `Unknown`; the file is then as it was.
pub fn add(path: &Path, name: &UserName, password: &[u8], scheme: Scheme) -> Result<(), EditError> {
    let line = line(path, name, password, scheme)?;
    edit(path, |text| match Users::parse(path, text)?.find(name.as_str()) {
        Some(user) => Err(EditError::Exists(user.name.clone())),
        None => {
            let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
            with_secret(path, scheme, format!("{text}{gap}{line}\n"))
        }
    })
}

/// Gives a user a new password. What stands behind the hash in the user's line stays.
///
/// # Errors
/// Any [`EditError`] but `Exists`; the file is then as it was.
pub fn set_password(
    path: &Path,
    name: &UserName,
    password: &[u8],
    scheme: Scheme,
) -> Result<(), EditError> {
    let new = line(path, name, password, scheme)?;
    edit_line(path, name, scheme, |old| {
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
    edit_line(path, name, Scheme::Argon2id, |_| None)
}

/// `name:{SCHEME}hash`. Hashing comes before locking: it is slow.
fn line(
    path: &Path,
    name: &UserName,
    password: &[u8],
    scheme: Scheme,
) -> Result<String, EditError> {
    if password.is_empty() || password.len() > limits::PASSWORD_OCTETS_MAX {
        return Err(EditError::Password);
    }
    let stored = password::store(password, scheme).map_err(system("hash a password for", path))?;
    let stored = stored.ok_or(EditError::NotForScram)?;
    Ok(format!("{name}:{}", stored.to_field()))
}

/// The file's new text, with a secret for those who aren't in it, where it needs one and has none.
fn with_secret(path: &Path, scheme: Scheme, text: String) -> Result<String, EditError> {
    if scheme == Scheme::Argon2id || Users::parse(path, &text)?.secret().is_some() {
        return Ok(text);
    }
    let secret = password::secret().map_err(system("make a secret for", path))?;
    Ok(format!("{SECRET}{secret}\n{text}"))
}

/// Replaces (or drops) the line of one user; all other lines stay, comments too.
fn edit_line(
    path: &Path,
    name: &UserName,
    scheme: Scheme,
    change: impl Fn(&str) -> Option<String>,
) -> Result<(), EditError> {
    edit(path, |text| {
        if Users::parse(path, text)?.find(name.as_str()).is_none() {
            return Err(EditError::Unknown(name.clone()));
        }
        let mut new = String::with_capacity(text.len());
        for line in text.lines() {
            // Also one that is wrong: so it is mended.
            let is_theirs =
                name_of(line).is_some_and(|user| fold(user.as_str()) == fold(name.as_str()));
            let kept = if is_theirs { change(line) } else { Some(line.to_owned()) };
            for part in kept.iter().flat_map(|line| [line.as_str(), "\n"]) {
                new.push_str(part);
            }
        }
        with_secret(path, scheme, new)
    })
}
