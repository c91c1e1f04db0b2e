//! A client of an IMAP server (RFC 9051, RFC 3501): the tokio shell around the imap crate's client side. Commands and the
//! full screen use the same.
//!
//! | looking for | it is in |
//! |---|---|
//! | octets and responses, one command at a time, IDLE | `wire` |
//! | from a connection to a login: TLS first; what the server can do | `session` |
//! | folders, and what they are for | `folders` |
//! | letters: heads, texts, marks, moves, copies of what was sent | `letters` |
//! | letters that are looked for | `search` |
//!
//! The server isn't trusted (rows U11, U12, U13): what it sends is bounded, its names are never part of a path as they
//! are, its words are shown as others' words, nothing that came before TLS counts, and no password goes to it without TLS
//! unless it is this host.

mod folders;
mod letters;
mod search;
mod session;
mod wire;

pub(crate) use folders::{Change, Counting, Folder, name_for};
pub(crate) use letters::{Header, Moved, Resumed, told};
pub(crate) use search::{Answer, Asked, needs_letters};
pub(crate) use session::Session;
pub(crate) use wire::Heard;

use crate::connect::ConnectError;
use crate::safe_text::SafeText;

/// Why a server's mailbox can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ImapError {
    /// There is no way there.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// There is no login.
    #[error(
        "an IMAP server wants a login; set user and password_file or password_command in the account file"
    )]
    NoLogin,
    /// It offers no encryption, and is no host of ours.
    #[error(
        "{at} offers no encryption, and no password goes there without; use imaps:// if it knows that"
    )]
    NoTls {
        /// Host and port.
        at: String,
    },
    /// Somebody has put octets in front of the encryption (row U11).
    #[error("{at}: somebody in between has put words in front of the encryption; nothing was sent")]
    Injected {
        /// Host and port.
        at: String,
    },
    /// It offers no way to log in that we know.
    #[error("{at} offers no way to log in that this program knows")]
    NoMechanism {
        /// Host and port.
        at: String,
    },
    /// The login is wrong.
    #[error("{at} refuses the login of {user}: {text}; {hint}")]
    Login {
        /// Host and port.
        at: String,
        /// Who.
        user: String,
        /// Its words.
        text: SafeText,
        /// What to do.
        hint: &'static str,
    },
    /// It knows no proof of the password.
    #[error("{at} doesn't prove that it knows the password: it isn't the server that it should be")]
    Unproven {
        /// Host and port.
        at: String,
    },
    /// It doesn't do what it was asked for.
    #[error("{at} refuses {command}: {text}")]
    Refused {
        /// Host and port.
        at: String,
        /// What it was asked.
        command: &'static str,
        /// Its words.
        text: SafeText,
        /// Whether the folder should be made first.
        hint: Hint,
    },
    /// It has ended the session.
    #[error("{at} ends the session: {text}")]
    Bye {
        /// Host and port.
        at: String,
        /// Its words.
        text: SafeText,
    },
    /// It says nothing.
    #[error("{at} says nothing for {seconds} s")]
    Silent {
        /// Host and port.
        at: String,
        /// For how long.
        seconds: u64,
    },
    /// The connection is cut.
    #[error("the connection to {at} is cut")]
    Cut {
        /// Host and port.
        at: String,
    },
    /// What it says makes no sense, or is too much.
    #[error("{at} says what makes no sense: {what}")]
    Broken {
        /// Host and port.
        at: String,
        /// What.
        what: &'static str,
    },
    /// A letter is longer than this program reads.
    #[error("the letter has {octets} octets, which is more than this program reads")]
    TooLarge {
        /// How long it says it is.
        octets: u64,
    },
    /// A letter isn't there any more.
    #[error("the letter is gone from the server")]
    Gone,
    /// What was read can't be kept.
    #[error("cannot keep the letter: {0}")]
    Kept(#[source] std::io::Error),
}

/// What a refusal asks to be done first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// Nothing.
    None,
    /// RFC 9051 §7.1, TRYCREATE: the folder isn't there.
    Create,
    /// RFC 5530, ALREADYEXISTS: it is there.
    Exists,
}

impl ImapError {
    /// Whether the connection is of use no more.
    pub(crate) fn is_over(&self) -> bool {
        !matches!(self, Self::Refused { .. } | Self::TooLarge { .. } | Self::Gone | Self::Kept(_))
    }

    /// Whether to try again by itself is of no use: somebody has to change something first.
    pub(crate) fn is_for_people(&self) -> bool {
        match self {
            Self::Connect(ConnectError::Token(error)) => !error.may_pass(),
            Self::Connect(error) => !matches!(
                error,
                ConnectError::Unknown { .. }
                    | ConnectError::Connect { .. }
                    | ConnectError::Handshake { .. }
            ),
            Self::NoLogin | Self::NoTls { .. } | Self::NoMechanism { .. } => true,
            Self::Login { .. } | Self::Unproven { .. } => true,
            Self::Injected { .. }
            | Self::Refused { .. }
            | Self::Bye { .. }
            | Self::Silent { .. }
            | Self::Cut { .. }
            | Self::Broken { .. }
            | Self::TooLarge { .. }
            | Self::Gone
            | Self::Kept(_) => false,
        }
    }
}
