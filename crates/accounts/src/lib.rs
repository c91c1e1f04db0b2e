//! Users, passwords, aliases and local domains: who has a mailbox here, and who may log in.
//!
//! One crate reads them for all agents, from three files: [`users`] (Dovecot's passwd-file form),
//! aliases (in the grammar of aliases(5): see `aliases.rs`) and [`app_passwords`]. [`Directory`] is a snapshot of
//! them, made anew when they change; looking things up in it touches no disk. [`Accounts`] gives the
//! current snapshot. `postroad user` changes users and app passwords through those modules.
//!
//! A file that somebody else could have written is refused, and so is one with a line that can't be
//! right: agents start with files that are whole, and keep the last good ones while they run. In the file of users such a
//! line locks its user out and nobody else, where it says whose it is ([`Directory::wrong_lines`]).
//! No error and no log line holds a password or a hash.
//!
//! Missing on purpose: virtual users (one name is one mailbox, in all local domains), other schemes
//! than Argon2id and SCRAM-SHA-256, and delivery to commands and files.
#![forbid(unsafe_code)]

use std::path::PathBuf;

use postroad_config::Config;
use postroad_protocol::address::{Address, Domain};

mod accounts;
mod aliases;
pub mod app_passwords;
mod directory;
mod edit;
mod error;
mod file;
pub mod limits;
mod name;
mod password;
mod scram;
pub mod users;

pub use accounts::{Accounts, Prepared};
pub use app_passwords::{AppPassword, Label, Service};
pub use directory::{Directory, Login};
pub use edit::EditError;
pub use error::AccountsError;
pub use file::{Stamp, read_trusted};
pub use name::{UserName, UserNameError};
pub use password::{Scheme, generate as generate_password};
pub use scram::ScramKeys;
pub use users::QuotaRule;

/// Where the files are and what is ours.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The file of users.
    pub users: PathBuf,
    /// The file of aliases.
    pub aliases: PathBuf,
    /// The file of app passwords.
    pub app_passwords: PathBuf,
    /// The local domains.
    pub domains: Vec<Domain>,
    /// Parts user and detail.
    pub detail_separator: char,
}

impl Sources {
    /// As the settings have it.
    pub fn of(config: &Config) -> Self {
        Self {
            users: config.accounts.users.clone(),
            aliases: config.accounts.aliases.clone(),
            app_passwords: config.accounts.app_passwords.clone(),
            domains: config.domains.clone(),
            detail_separator: config.accounts.detail_separator,
        }
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
    /// An alias: these addresses get it instead, fully expanded, each once, all of them final: those
    /// of ours are mailboxes ([`Directory::mailbox`]) and must not be resolved again.
    Alias(Vec<Address>),
    /// The domain is ours and nobody has that name.
    Unknown,
    /// The domain isn't ours.
    NotLocal,
}
