//! The file of users: Dovecot's passwd-file form, one user a line.
//!
//! ```text
//! # comment
//! alice:{ARGON2ID}$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>
//! bob:{ARGON2ID}$argon2id$…:1000:1000::/home/bob::
//! carol:{SCRAM-SHA-256}65536,<salt>,<StoredKey>,<ServerKey>
//! ```
//! What follows the hash behind a `:` is Dovecot's and is kept as it is; of that we read the mailbox's limits
//! (`quota`), and which extensions of IMAP are switched (`extensions`). Other schemes are refused:
//! a password in clear text is never read, not even to compare it.
//!
//! A comment `#scram-secret:…` at the top is ours: what is made of it is shown to who asks for the salt of somebody who has none,
//! so that nobody can tell by asking who has. All agents show the same, as long as it stays.
//!
//! [`add`], [`set_password`] and [`remove`] write the file anew (`crate::edit`).

use std::collections::HashMap;
use std::path::Path;

use postroad_config::ImapSwitch;

use crate::error::AccountsError;
use crate::name::{UserName, fold};
use crate::password::{Argon2Hash, Scheme, Stored};
use crate::scram::ScramKeys;

mod edit;
mod extensions;
mod quota;

pub use quota::QuotaRule;

pub use edit::{add, list, remove, schemes, set_password};

/// A line of the file.
#[derive(Debug)]
pub(crate) struct User {
    pub(crate) name: UserName,
    pub(crate) password: Stored,
    pub(crate) quota: QuotaRule,
    pub(crate) imap_extensions: Vec<ImapSwitch>,
}

/// Where the extra fields stand: `user:password:uid:gid:gecos:home:shell:extra`.
const EXTRA_FIELDS: usize = 7;

/// All users, in the order of the file.
#[derive(Debug, Default)]
pub(crate) struct Users {
    in_order: Vec<User>,
    by_name: HashMap<String, usize>,
    secret: Option<String>,
}

impl Users {
    /// Reads the file's text; `path` is for the errors.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, AccountsError> {
        let mut users = Self::default();
        for (index, line) in text.lines().enumerate() {
            let wrong = |problem: String| AccountsError::line(path, index + 1, problem);
            if let Some(secret) = line.strip_prefix(SECRET) {
                users.secret = Some(secret.to_owned());
            }
            let Some(user) = parse_line(line).map_err(wrong)? else { continue };
            let key = fold(user.name.as_str());
            if users.by_name.insert(key, users.in_order.len()).is_some() {
                return Err(wrong(format!("there is a user \"{}\" already", user.name)));
            }
            users.in_order.push(user);
        }
        Ok(users)
    }

    /// The user of that name, whatever the case of its ASCII letters.
    pub(crate) fn find(&self, name: &str) -> Option<&User> {
        self.by_name.get(&fold(name)).and_then(|index| self.in_order.get(*index))
    }

    /// The user whose line comes first.
    pub(crate) fn first(&self) -> Option<&User> {
        self.in_order.first()
    }

    /// What is made up for those who aren't in the file, or have no keys in it, is made of this.
    pub(crate) fn secret(&self) -> Option<&str> {
        self.secret.as_deref()
    }

    /// The first hash of its kind: what a password for nobody takes as long to check as.
    pub(crate) fn first_hash(&self) -> Option<&Argon2Hash> {
        self.in_order.iter().find_map(|user| match &user.password {
            Stored::Argon2id(hash) => Some(hash),
            Stored::Scram(_) => None,
        })
    }

    /// The first keys of their kind.
    pub(crate) fn first_keys(&self) -> Option<&ScramKeys> {
        self.in_order.iter().find_map(|user| match &user.password {
            Stored::Scram(keys) => Some(keys),
            Stored::Argon2id(_) => None,
        })
    }

    pub(crate) fn schemes(&self) -> impl Iterator<Item = (&UserName, Scheme)> {
        self.in_order.iter().map(|user| (&user.name, user.password.scheme()))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &UserName> {
        self.in_order.iter().map(|user| &user.name)
    }
}

/// Reads one line; blank lines and comments are `None`.
fn parse_line(line: &str) -> Result<Option<User>, String> {
    if line.trim().is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let (name, rest) = line
        .split_once(':')
        .ok_or("a line is \"name:{ARGON2ID}hash\": add users with \"postroad user add NAME\"")?;
    let name = UserName::parse(name).map_err(|error| error.to_string())?;
    let password = rest.split(':').next().unwrap_or_default();
    let stored = match password.split_once('}') {
        Some(("{ARGON2ID", hash)) => Argon2Hash::parse(hash).map(Stored::Argon2id),
        Some(("{SCRAM-SHA-256", keys)) => ScramKeys::parse(keys).map(Stored::Scram),
        // The scheme is named in the error, the password never.
        Some((scheme, _)) if scheme.starts_with('{') => {
            return Err(format!(
                "the password of \"{name}\" is stored as {scheme}}}; {ONLY_THESE}"
            ));
        }
        Some(_) | None => {
            return Err(format!("the password of \"{name}\" names no scheme; {ONLY_THESE}"));
        }
    };
    let password =
        stored.map_err(|problem| format!("{problem}: set the password of \"{name}\" anew"))?;
    let quota = quota::of_line(line).map_err(|problem| format!("of \"{name}\", {problem}"))?;
    let of_name = |problem| format!("of \"{name}\", {problem}");
    let imap_extensions = extensions::of_line(line).map_err(of_name)?;
    Ok(Some(User { name, password, quota, imap_extensions }))
}

const ONLY_THESE: &str = "only {ARGON2ID} and {SCRAM-SHA-256} are read: set it anew with \"postroad user password NAME\"";

/// Begins the line that has [`Users::secret`]; to others it is a comment.
const SECRET: &str = "#scram-secret:";
