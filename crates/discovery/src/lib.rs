//! Finding out where an address reads and sends its mail.
//!
//! | looking for | it is in |
//! |---|---|
//! | who is asked, in which order | [`find`] |
//! | the provider's file, as Thunderbird reads it | [`autoconfig`] |
//! | SRV records (RFC 6186, RFC 8314 §5) | [`srv`] |
//! | questions to DNS and to web servers | `dns`, [`http`] |
//! | limits | `limits` |
//!
//! Nothing is taken that would send a password in clear. What DNS says isn't proven (RFC 6186 §6): whoever uses it
//! shows where it comes from, and asks.

#![forbid(unsafe_code)]

use std::fmt;

pub mod autoconfig;
mod dns;
mod find;
pub mod fuzz;
pub mod http;
mod limits;
pub mod srv;

pub use autoconfig::Issuer;
pub use find::{Found, Tried, Ways, WaysError, find};

/// What a server is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Reading (RFC 9051).
    Imap,
    /// Reading (RFC 1939).
    Pop3,
    /// Sending (RFC 6409).
    Submission,
}

/// When TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// With the first octet (RFC 8314 §3).
    AtOnce,
    /// By STARTTLS or STLS.
    ByCommand,
}

/// How a server lets somebody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Login {
    /// By a password, among other ways perhaps.
    Password,
    /// By a token of the provider's alone.
    OAuth2,
}

/// A server that an address may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// What it is for.
    pub protocol: Protocol,
    /// Its name.
    pub host: String,
    /// Its TCP port.
    pub port: u16,
    /// When TLS begins.
    pub tls: Tls,
    /// How it lets somebody in.
    pub login: Login,
    /// The name to log in with.
    pub user: String,
}

impl fmt::Display for Service {
    /// As a URL: `imaps://imap.example.org:993`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match (self.protocol, self.tls) {
            (Protocol::Imap, Tls::AtOnce) => "imaps",
            (Protocol::Imap, Tls::ByCommand) => "imap",
            (Protocol::Pop3, Tls::AtOnce) => "pop3s",
            (Protocol::Pop3, Tls::ByCommand) => "pop3",
            (Protocol::Submission, Tls::AtOnce) => "smtps",
            (Protocol::Submission, Tls::ByCommand) => "smtp",
        };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

/// Whether a text is a host's name, and nothing that a URL or a terminal reads otherwise.
fn is_host(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
            && !label.starts_with('-')
    };
    name.len() <= 253
        && name.split('.').all(is_label)
        && name.bytes().any(|octet| octet.is_ascii_alphabetic())
}
