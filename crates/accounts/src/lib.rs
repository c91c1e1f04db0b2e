//! Users, passwords, aliases and local domains: who has a mailbox here, and who may log in.
//!
//! One crate reads them for all agents. [`Directory`] is a snapshot of the two files, made anew when
//! they change; looking things up in it touches no disk.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::sync::Arc;

use postroad_protocol::address::{Address, Domain, LocalPart};

/// Where the files are and what is ours.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The file of users.
    pub users: PathBuf,
    /// The file of aliases.
    pub aliases: PathBuf,
    /// The local domains.
    pub domains: Vec<Domain>,
    /// Parts user and detail.
    pub detail_separator: char,
}

/// A user's name: safe as a file name, never `.`, `..`, empty or with a separator in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserName(String);

impl UserName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whose an address is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// A mailbox here.
    Mailbox {
        /// Whose.
        user: UserName,
        /// What stood behind the separator, as in `alice+lists`.
        detail: Option<String>,
    },
    /// An alias: these addresses get it instead, fully expanded, each once, all of them final.
    Alias(Vec<Address>),
    /// The domain is ours and nobody has that name.
    Unknown,
    /// The domain isn't ours.
    NotLocal,
}

/// A snapshot of users and aliases.
#[derive(Debug)]
pub struct Directory {}

/// Gives the current [`Directory`], reading the files again when they have changed.
#[derive(Debug)]
pub struct Accounts {
    sources: Sources,
}

/// Why the files can't be used: `aliases:12: the alias "a" leads to itself`.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct AccountsError(pub String);

impl Accounts {
    /// Reads the files for the first time. A file that isn't there is empty.
    ///
    /// # Errors
    /// Where a file can't be read or has a line that is wrong.
    pub fn open(sources: Sources) -> Result<Self, AccountsError> {
        Ok(Self { sources })
    }

    /// The snapshot; looks at the files' times at most once a second and keeps the old snapshot
    /// (with an error in the log) where the new files are wrong.
    pub fn directory(&self) -> Arc<Directory> {
        let _ = &self.sources;
        Arc::new(Directory {})
    }
}

impl Directory {
    /// Whose `address` is. `postmaster` of every local domain is always known: without an alias it is
    /// the first user's.
    pub fn resolve(&self, _address: &Address) -> Resolution {
        Resolution::NotLocal
    }

    /// Whether the domain is ours.
    pub fn is_local(&self, _domain: &Domain) -> bool {
        false
    }

    /// The user of that name.
    pub fn user(&self, _name: &str) -> Option<UserName> {
        None
    }

    /// Checks a password. Takes tens of milliseconds and tens of MiB, for unknown users too
    /// (so that time doesn't tell who exists): run it where blocking is allowed, few at a time.
    pub fn verify(&self, _name: &str, _password: &[u8]) -> Option<UserName> {
        None
    }

    /// Whether `user` may send as `address`: one that resolves to the user, alone or through an alias.
    pub fn owns(&self, _user: &UserName, _address: &Address) -> bool {
        false
    }

    /// The local part that stands for `user` in `domain`.
    pub fn local_part(&self, _user: &UserName) -> Option<LocalPart> {
        None
    }
}
