//! Letters that are sealed: signed, encrypted, or both. What is in them, who they are from as a key says, and how one is
//! made.
//!
//! ```text
//! letter ──► find: is anything sealed? ──► open: layer by layer, with Keys ──► Opened { letter, findings, others }
//! letter + Seal ──► seal, with Keys ──► letter
//! ```
//! | looking for | it is in |
//! |---|---|
//! | which parts are sealed (RFC 1847, RFC 3156, RFC 8551) | [`find`] |
//! | taking a letter out of its seal, and what is said of that | [`open()`] |
//! | fields inside and outside (RFC 9788) | `fields` |
//! | sealing a letter | [`seal()`] |
//! | OpenPGP: GnuPG's keys, and keys of our own | [`pgp`] |
//! | S/MIME, by openssl(1) | [`smime`] |
//! | keys that letters bring along (Autocrypt 1.1) | [`autocrypt`] |
//! | programs beside this one | `child` |
//! | every limit | [`limits`] |
//!
//! What comes out of a seal never stands beside what doesn't (row U08): a letter that is encrypted is encrypted as a whole,
//! or isn't opened; of one that is signed in part only that part is shown. What has no proof that it wasn't changed isn't
//! shown at all. What is said of a seal is data of its own, for a place that the letter's author can't write into (row
//! U09), and texts in it are others': whoever shows them makes them safe.
//!
//! Secrets: private keys are files that only their owner can read, or gpg-agent's; none is ever in an argument, in an
//! environment, in a log, or in what an error says.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

pub mod autocrypt;
mod child;
mod fields;
pub mod find;
#[doc(hidden)]
pub mod fuzz;
mod keys;
pub mod limits;
pub mod open;
pub mod pgp;
pub mod seal;
pub mod smime;

pub use find::is_sealed;
pub use keys::{Asks, Engine, Keys, Places};
pub use open::{Finding, Level, Opened, Other, open};
pub use seal::{Protection, seal};

/// What went wrong, for the user.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// There is no key for it.
    #[error("{0}")]
    NoKey(String),
    /// A key is there, and can't be used.
    #[error("{0}")]
    Unusable(String),
    /// Nothing proves that it wasn't changed.
    #[error(
        "nothing proves that it wasn't changed on its way, and so it isn't shown: ask its author to send it again with a \
         newer program"
    )]
    NoIntegrity,
    /// It is too much.
    #[error("it holds more than {0} octets")]
    TooLarge(u64),
    /// It isn't what it says, or was changed.
    #[error("{0}")]
    Broken(String),
    /// A program isn't there, fails or takes too long.
    #[error("{program}: {problem}")]
    Program {
        /// Its name.
        program: &'static str,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// A file can't be read or written.
    #[error("cannot {doing} {path}")]
    File {
        /// What was being done.
        doing: &'static str,
        /// With which file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
}
