//! What a script may know beside the message: who sent it, to whom, when, and what there is around.

use std::fmt;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use postroad_protocol::address::Address;

use crate::outcome::MemoKind;

/// What a run is told. Nothing else comes in: the same script, message and facts give the same outcome.
pub struct Facts<'a> {
    /// MAIL FROM; empty for the null reverse-path. `None` where the caller has no envelope.
    pub envelope_from: Option<&'a str>,
    /// The RCPT TO that led here.
    pub envelope_to: Option<&'a str>,
    /// Addresses of the user; the first is what answers come from.
    pub own_addresses: &'a [Address],
    /// What earlier runs asked to be remembered.
    pub past: &'a dyn Past,
    /// The user's mailboxes and annotations.
    pub mailboxes: &'a dyn Mailboxes,
    /// The programs that the user may run.
    pub programs: &'a dyn Programs,
    /// Items of RFC 5183 §4.1, by name in lower case: host, domain, remote-host, remote-ip.
    pub environment: &'a [(&'a str, &'a str)],
    /// How likely the letter is spam, where somebody we trust has looked (RFC 5235 §3.2).
    pub spam_percent: Option<u8>,
    /// What a virus scanner that we trust has found.
    pub virus: Option<Virus>,
    /// The time, in the user's zone.
    pub now: Zoned,
    /// What parts user and detail in a local part, as the mail system has it; empty for nothing (RFC 5233 §4).
    pub detail_separator: &'a str,
    /// Whether to say step by step what was found.
    pub tracing: Tracing,
}

/// Whether a run is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tracing {
    /// Only what is to be done.
    #[default]
    Off,
    /// Each test and command, for `sieve test`.
    On,
}

impl Default for Facts<'_> {
    fn default() -> Self {
        Self {
            envelope_from: None,
            envelope_to: None,
            own_addresses: &[],
            past: &Nothing,
            mailboxes: &Nothing,
            programs: &Nothing,
            environment: &[],
            spam_percent: None,
            virus: None,
            now: Zoned::new(Timestamp::UNIX_EPOCH, TimeZone::UTC),
            detail_separator: "+",
            tracing: Tracing::Off,
        }
    }
}

impl fmt::Debug for Facts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Facts").field("from", &self.envelope_from).finish_non_exhaustive()
    }
}

/// What is remembered of earlier runs.
pub trait Past {
    /// Whether a [`Memo`](crate::Memo) with this key was kept, and its time isn't over.
    fn remembers(&self, kind: MemoKind, key: &[u8]) -> bool;
}

/// The user's mailboxes, by their names in UTF-8 as scripts have them.
pub trait Mailboxes {
    /// Whether it is there, and letters can be filed into it (RFC 5490 §3.1).
    fn exists(&self, mailbox: &str) -> bool;

    /// The value of an annotation of a mailbox, or of the server (RFC 5490 §3.3, §4.1).
    fn metadata(&self, mailbox: Option<&str>, annotation: &str) -> Option<Vec<u8>>;

    /// Whether the mailbox, or any, has this attribute (RFC 8579 §3; attributes in any case).
    fn has_special_use(&self, mailbox: Option<&str>, attribute: &str) -> bool;
}

/// The programs that the user may run.
pub trait Programs {
    /// Runs one to its end, within whatever limits there are.
    ///
    /// # Errors
    /// [`ProgramError`].
    fn run(&self, call: &Call<'_>) -> Result<Ran, ProgramError>;
}

/// A program that a script wants to be run.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Its name: no slash, no leading dot, no control character.
    pub program: &'a str,
    /// No NUL in any; some may be empty, or begin with a hyphen.
    pub arguments: &'a [Vec<u8>],
    /// What it reads: the letter as the script sees it, or a text.
    pub input: &'a [u8],
    /// What of its output is wanted.
    pub output: Wanted,
}

/// How much a program may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Nobody reads it.
    Nothing,
    /// So many octets; it may say more.
    Beginning(usize),
    /// All of it, or it counts for a failure.
    Whole,
}

/// What a program came to that did not fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ran {
    /// It ended well, and this is what it said.
    Output(Vec<u8>),
    /// It was not run, for nothing is to be done.
    Imagined,
}

/// Why a program came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProgramError {
    /// There is none of that name, for this reason.
    Unknown(String),
    /// It said no, or could not end, for this reason.
    Failed(String),
}

/// What a virus scanner found (RFC 5235 §3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Virus {
    /// Nothing.
    None,
    /// A virus, replaced by something harmless.
    Replaced,
    /// A virus, made harmless.
    Cured,
    /// Perhaps a virus.
    Possible,
    /// A virus.
    Certain,
}

/// Where nothing is known and nothing is there.
struct Nothing;

impl Past for Nothing {
    fn remembers(&self, _: MemoKind, _: &[u8]) -> bool {
        false
    }
}

impl Programs for Nothing {
    fn run(&self, _: &Call<'_>) -> Result<Ran, ProgramError> {
        Err(ProgramError::Unknown("programs can't be run here".to_owned()))
    }
}

impl Mailboxes for Nothing {
    fn exists(&self, _: &str) -> bool {
        false
    }

    fn metadata(&self, _: Option<&str>, _: &str) -> Option<Vec<u8>> {
        None
    }

    fn has_special_use(&self, _: Option<&str>, _: &str) -> bool {
        false
    }
}
