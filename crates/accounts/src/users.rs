//! The file of users: Dovecot's passwd-file form, one user a line.
//!
//! ```text
//! # comment
//! alice:{ARGON2ID}$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>
//! bob:{ARGON2ID}$argon2id$…:1000:1000::/home/bob::
//! carol:{SCRAM-SHA-256}65536,<salt>,<StoredKey>,<ServerKey>
//! ```
//! What follows the hash behind a `:` is Dovecot's and is kept as it is; of that we read the mailbox's limits
//! (`quota`), which extensions of IMAP are switched (`extensions`), and who is a user of the host (`host`). Other schemes are refused:
//! a password in clear text is never read, not even to compare it.
//!
//! A comment `#scram-secret:…` at the top is ours: what is made of it is shown to who asks for the salt of somebody who has none,
//! so that nobody can tell by asking who has. All agents show the same, as long as it stays.
//!
//! A line that is wrong is its user's alone: nobody logs in as that user until it is mended, whatever else stands in it, and
//! letters are filed as ever. All other lines count. Of two lines with one name it isn't known which is meant: neither lets
//! anybody in. A line that doesn't say whose it is makes the file wrong: agents keep the one before, since they would
//! refuse somebody's letters for good.
//!
//! [`add`], [`set_password`] and [`remove`] write the file anew (`crate::edit`).

use std::collections::HashMap;
use std::path::Path;

use postroad_config::ImapSwitch;

use crate::error::AccountsError;
use crate::limits;
use crate::name::{UserName, fold};
use crate::password::{Argon2Hash, Scheme, Stored};
use crate::scram::ScramKeys;

mod edit;
mod extensions;
mod host;
mod quota;

pub use quota::QuotaRule;

pub use edit::{add, list, remove, schemes, set_password};

/// A line of the file.
#[derive(Debug)]
pub(crate) struct User {
    pub(crate) name: UserName,
    /// `None` where the line is wrong: nobody logs in by it.
    pub(crate) password: Option<Stored>,
    pub(crate) quota: QuotaRule,
    pub(crate) imap_extensions: Vec<ImapSwitch>,
    pub(crate) is_of_host: bool,
}

/// Where the extra fields stand: `user:password:uid:gid:gecos:home:shell:extra`.
const EXTRA_FIELDS: usize = 7;

/// All users, in the order of the file.
#[derive(Debug, Default)]
pub(crate) struct Users {
    in_order: Vec<User>,
    by_name: HashMap<String, usize>,
    secret: Option<String>,
    /// Lines whose users can't log in, [`limits::WRONG_LINES_MAX`] at most.
    wrong: Vec<AccountsError>,
}

/// What is wrong with a line.
struct Wrong {
    /// Whose it is, where that can be read.
    name: Option<UserName>,
    problem: String,
}

impl Users {
    /// Reads the file's text; `path` is for the errors.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, AccountsError> {
        let mut users = Self::default();
        for (index, line) in text.lines().enumerate() {
            if let Some(secret) = line.strip_prefix(SECRET) {
                users.secret = Some(secret.to_owned());
            }
            let error = |problem: String| AccountsError::line(path, index + 1, problem);
            match parse_line(line) {
                Ok(None) => {}
                Ok(Some(user)) => users.take(user, error),
                Err(Wrong { name: Some(name), problem }) => {
                    users.is_wrong(error(problem));
                    users.take(locked(name, line), error);
                }
                Err(Wrong { name: None, problem }) => return Err(error(problem)),
            }
        }
        Ok(users)
    }

    fn take(&mut self, user: User, error: impl Fn(String) -> AccountsError) {
        let key = fold(user.name.as_str());
        let Some(first) = self.by_name.get(&key) else {
            self.by_name.insert(key, self.in_order.len());
            self.in_order.push(user);
            return;
        };
        if let Some(first) = self.in_order.get_mut(*first) {
            first.password = None;
        }
        self.is_wrong(error(format!(
            "there is a user \"{}\" already: remove one of the two lines",
            user.name
        )));
    }

    fn is_wrong(&mut self, error: AccountsError) {
        if self.wrong.len() < limits::WRONG_LINES_MAX {
            self.wrong.push(error);
        }
    }

    /// Lines whose users can't log in.
    pub(crate) fn wrong(&self) -> &[AccountsError] {
        &self.wrong
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
        self.in_order.iter().find_map(|user| match user.password.as_ref()? {
            Stored::Argon2id(hash) => Some(hash),
            Stored::Scram(_) => None,
        })
    }

    /// The first keys of their kind.
    pub(crate) fn first_keys(&self) -> Option<&ScramKeys> {
        self.in_order.iter().find_map(|user| match user.password.as_ref()? {
            Stored::Scram(keys) => Some(keys),
            Stored::Argon2id(_) => None,
        })
    }

    /// `None` where a line is wrong.
    pub(crate) fn schemes(&self) -> impl Iterator<Item = (&UserName, Option<Scheme>)> {
        let scheme = |user: &User| user.password.as_ref().map(Stored::scheme);
        self.in_order.iter().map(move |user| (&user.name, scheme(user)))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &UserName> {
        self.in_order.iter().map(|user| &user.name)
    }
}

/// Whose line it is, whatever else is wrong with it.
fn name_of(line: &str) -> Option<UserName> {
    match parse_line(line) {
        Ok(user) => user.map(|user| user.name),
        Err(wrong) => wrong.name,
    }
}

/// A user whose line is wrong: what can be read of the mailbox's limits counts.
fn locked(name: UserName, line: &str) -> User {
    let quota = quota::of_line(line).unwrap_or_default();
    // Letters are put off rather than filed where nobody looks for them.
    let is_of_host = host::of_line(line).unwrap_or(true);
    User { name, password: None, quota, imap_extensions: Vec::new(), is_of_host }
}

/// Reads one line; blank lines and comments are `None`.
fn parse_line(line: &str) -> Result<Option<User>, Wrong> {
    if line.trim().is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let nobodys = |problem: String| Wrong { name: None, problem };
    let (name, rest) = line.split_once(':').ok_or_else(|| {
        nobodys(
            "a line is \"name:{ARGON2ID}hash\": add users with \"postroad user add NAME\""
                .to_owned(),
        )
    })?;
    let name = UserName::parse(name).map_err(|error| nobodys(error.to_string()))?;
    match of_user(&name, line, rest) {
        Ok((password, quota, imap_extensions, is_of_host)) => {
            let password = Some(password);
            Ok(Some(User { name, password, quota, imap_extensions, is_of_host }))
        }
        Err(problem) => Err(Wrong { name: Some(name), problem }),
    }
}

/// What stands in a user's line, and in the rest of it, behind the name.
fn of_user(
    name: &UserName,
    line: &str,
    rest: &str,
) -> Result<(Stored, QuotaRule, Vec<ImapSwitch>, bool), String> {
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
    let set_anew = |problem| {
        format!(
            "{problem}: set the password of \"{name}\" anew with \"postroad user password {name}\""
        )
    };
    let of_name = |problem| format!("of \"{name}\", {problem}");
    let quota = quota::of_line(line).map_err(of_name)?;
    let imap_extensions = extensions::of_line(line).map_err(of_name)?;
    let is_of_host = host::of_line(line).map_err(of_name)?;
    Ok((stored.map_err(set_anew)?, quota, imap_extensions, is_of_host))
}

const ONLY_THESE: &str = "only {ARGON2ID} and {SCRAM-SHA-256} are read: set it anew with \"postroad user password NAME\"";

/// Begins the line that has [`Users::secret`]; to others it is a comment.
const SECRET: &str = "#scram-secret:";
