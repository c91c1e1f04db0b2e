//! First lines of responses: `+OK` and `-ERR`, with a response code in brackets where one helps a
//! client to do the right thing (RFC 2449 §8, RFC 3206).
//!
//! A reply's text is for people and never holds anything that a client sent.

use std::fmt;

/// What a client can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The maildrop is open in another session (RFC 2449 §8.1.2).
    InUse,
    /// The name or the password is wrong (RFC 3206 §5).
    Auth,
    /// Something here failed that may work later (RFC 3206 §4).
    SysTemp,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InUse => "[IN-USE]",
            Self::Auth => "[AUTH]",
            Self::SysTemp => "[SYS/TEMP]",
        })
    }
}

/// A negative response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The code, where there is one.
    pub code: Option<Code>,
    /// For people.
    pub text: &'static str,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "-ERR {code} {}\r\n", self.text),
            None => write!(f, "-ERR {}\r\n", self.text),
        }
    }
}

const fn plain(text: &'static str) -> Refusal {
    Refusal { code: None, text }
}

const fn coded(code: Code, text: &'static str) -> Refusal {
    Refusal { code: Some(code), text }
}

/// The line is longer than RFC 2449 §4 allows.
pub(crate) const LINE_TOO_LONG: Refusal = plain("the line is too long");
/// Not a command of ours.
pub(crate) const UNKNOWN_COMMAND: Refusal = plain("unknown command");
/// A command with arguments that it doesn't take.
pub(crate) const WRONG_ARGUMENTS: Refusal = plain("wrong arguments");
/// Control characters, or octets that are no UTF-8.
pub(crate) const WRONG_OCTETS: Refusal = plain("the line holds octets that are not allowed");
/// A command of another state (RFC 1939 §3).
pub(crate) const LOGIN_FIRST: Refusal = plain("log in first");
/// A command of another state (RFC 1939 §3).
pub(crate) const LOGGED_IN: Refusal = plain("you are logged in already");
/// PASS without USER (RFC 1939 §7).
pub(crate) const USER_FIRST: Refusal = plain("say USER first");
/// A login in clear (RFC 2595 §2.3).
pub(crate) const TLS_FIRST: Refusal = plain("no passwords in clear: say STLS first, or use POP3S");
/// A login in clear where there is no TLS.
pub(crate) const NO_CLEAR_TEXT: Refusal = plain("no passwords in clear");
/// STLS inside TLS (RFC 2595 §4).
pub(crate) const TLS_ALREADY: Refusal = plain("TLS is active already");
/// STLS that isn't offered.
pub(crate) const NO_TLS: Refusal = plain("TLS is not available");
/// STLS behind UTF8 (RFC 6856 §2.1).
pub(crate) const STLS_AFTER_UTF8: Refusal = plain("STLS comes before UTF8");
/// A mechanism that isn't offered (RFC 5034 §4).
pub(crate) const UNKNOWN_MECHANISM: Refusal = plain("that mechanism is not offered: use PLAIN");
/// An exchange that can't be read.
pub(crate) const AUTH_MALFORMED: Refusal = plain("the response can't be decoded");
/// An exchange that the client cancelled (RFC 5034 §4).
pub(crate) const AUTH_CANCELLED: Refusal = plain("login cancelled");
/// The login failed. The same words whoever exists and whoever doesn't.
pub(crate) const WRONG_LOGIN: Refusal = coded(Code::Auth, "name or password is wrong");
/// Nobody is let in by a connection that may be somebody else's (RFC 3206 §5).
pub(crate) const AUTH_CHANNEL: Refusal =
    coded(Code::Auth, "the login is not bound to this connection, somebody may be in between");
/// Nothing is checked for a network that guesses (RFC 3206 §4: it passes).
pub(crate) const BANNED: Refusal = coded(
    Code::SysTemp,
    "too many wrong logins came from your network, try again in a quarter of an hour",
);
/// The maildrop is locked (RFC 2449 §8.1.2).
pub(crate) const IN_USE: Refusal = coded(Code::InUse, "another session has this maildrop open");
/// The maildrop can't be opened just now (RFC 3206 §4).
pub(crate) const UNAVAILABLE: Refusal =
    coded(Code::SysTemp, "the maildrop can't be opened, try later");
/// There is no such message, or it is marked as deleted.
pub(crate) const NO_SUCH_MESSAGE: Refusal = plain("no such message");
/// The message was there, and was removed by somebody else.
pub(crate) const GONE: Refusal = plain("the message is gone");
/// The message can't be read just now.
pub(crate) const UNREADABLE: Refusal = coded(Code::SysTemp, "the message can't be read, try later");
/// RFC 1939 §6: some deleted messages not removed.
pub(crate) const NOT_REMOVED: Refusal = coded(Code::SysTemp, "some deleted messages not removed");
/// Too many bad commands.
pub(crate) const TOO_MANY_ERRORS: Refusal = plain("too many errors, good-bye");
