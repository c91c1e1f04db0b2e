//! Commands, as a server reads them (RFC 1939 §9, RFC 2449 §3).
//!
//! ```text
//! command = keyword *(SP param) CRLF      ; 255 octets at most
//! keyword = 3*4VCHAR                      ; in any case
//! ```
//! Blanks at the end of a line are forgiven, but for PASS, whose whole rest is the password
//! (RFC 1939 §7 allows spaces in it).

use std::fmt;
use std::num::NonZeroU32;

/// The number of a message in this session, from 1 (RFC 1939 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MessageNumber(NonZeroU32);

impl MessageNumber {
    /// The number of the message at `index`, counted from 0.
    pub fn from_index(index: usize) -> Option<Self> {
        let number = u32::try_from(index).ok()?.checked_add(1)?;
        NonZeroU32::new(number).map(Self)
    }

    /// Reads a number.
    pub fn parse(text: &str) -> Option<Self> {
        NonZeroU32::new(number(text)?).map(Self)
    }

    /// Where the message stands, counted from 0.
    pub fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

impl fmt::Display for MessageNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A password as it came.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(pub Vec<u8>);

/// Shows nothing of it.
impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `USER name`
    User(String),
    /// `PASS string`
    Pass(Password),
    /// `AUTH mechanism [initial-response]` (RFC 5034)
    Auth {
        /// The mechanism's name.
        mechanism: String,
        /// The initial response in base64.
        initial: Option<String>,
    },
    /// `STLS` (RFC 2595 §4)
    Stls,
    /// `CAPA` (RFC 2449 §5)
    Capa,
    /// `UTF8` (RFC 6856 §2.1)
    Utf8,
    /// `STAT`
    Stat,
    /// `LIST [msg]`
    List(Option<MessageNumber>),
    /// `UIDL [msg]`
    Uidl(Option<MessageNumber>),
    /// `RETR msg`
    Retr(MessageNumber),
    /// `TOP msg n`
    Top(MessageNumber, u32),
    /// `DELE msg`
    Dele(MessageNumber),
    /// `NOOP`
    Noop,
    /// `RSET`
    Rset,
    /// `QUIT`
    Quit,
}

/// Why a line is no command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The keyword is none of ours.
    #[error("unknown command")]
    Unknown,
    /// The arguments aren't those of the command.
    #[error("wrong arguments")]
    Arguments,
    /// A message number that no message can have.
    #[error("no such message")]
    Number,
    /// Octets that are no UTF-8 (RFC 6856 §2.2 asks to refuse them), or control characters.
    #[error("the line holds octets that are not allowed")]
    Octets,
}

impl Command {
    /// Reads a line without its line end.
    ///
    /// # Errors
    /// Any [`CommandError`].
    pub fn parse(line: &[u8]) -> Result<Self, CommandError> {
        if let Some(password) = pass(line) {
            return Ok(Self::Pass(Password(password.to_vec())));
        }
        let line = std::str::from_utf8(line).map_err(|_| CommandError::Octets)?;
        if line.chars().any(char::is_control) {
            return Err(CommandError::Octets);
        }
        let line = line.trim_end_matches(' ');
        let (keyword, rest) = match line.split_once(' ') {
            Some((keyword, rest)) => (keyword, Some(rest)),
            None => (line, None),
        };
        match (keyword.to_ascii_uppercase().as_str(), rest) {
            ("USER", Some(name)) => Ok(Self::User(name.to_owned())),
            ("AUTH", Some(rest)) => auth(rest),
            ("STLS", None) => Ok(Self::Stls),
            ("CAPA", None) => Ok(Self::Capa),
            ("UTF8", None) => Ok(Self::Utf8),
            ("STAT", None) => Ok(Self::Stat),
            ("LIST", rest) => rest.map(message).transpose().map(Self::List),
            ("UIDL", rest) => rest.map(message).transpose().map(Self::Uidl),
            ("RETR", Some(rest)) => message(rest).map(Self::Retr),
            ("TOP", Some(rest)) => top(rest),
            ("DELE", Some(rest)) => message(rest).map(Self::Dele),
            ("NOOP", None) => Ok(Self::Noop),
            ("RSET", None) => Ok(Self::Rset),
            ("QUIT", None) => Ok(Self::Quit),
            (
                "USER" | "PASS" | "AUTH" | "STLS" | "CAPA" | "UTF8" | "STAT" | "RETR" | "TOP"
                | "DELE" | "NOOP" | "RSET" | "QUIT",
                _,
            ) => Err(CommandError::Arguments),
            _ => Err(CommandError::Unknown),
        }
    }
}

/// The password behind `PASS `; not UTF-8 where it isn't.
fn pass(line: &[u8]) -> Option<&[u8]> {
    let (keyword, password) = line.split_at_checked(5)?;
    let fits = keyword.eq_ignore_ascii_case(b"PASS ") && !password.is_empty();
    (fits && !password.contains(&0)).then_some(password)
}

fn auth(rest: &str) -> Result<Command, CommandError> {
    let mut words = rest.split(' ');
    match (words.next(), words.next(), words.next()) {
        (Some(mechanism), initial, None) if !mechanism.is_empty() => Ok(Command::Auth {
            mechanism: mechanism.to_owned(),
            initial: initial.map(str::to_owned),
        }),
        _ => Err(CommandError::Arguments),
    }
}

fn top(rest: &str) -> Result<Command, CommandError> {
    let (msg, lines) = rest.split_once(' ').ok_or(CommandError::Arguments)?;
    // RFC 1939 §7: a non-negative number of lines.
    let lines = number(lines).ok_or(CommandError::Arguments)?;
    Ok(Command::Top(message(msg)?, lines))
}

fn message(text: &str) -> Result<MessageNumber, CommandError> {
    MessageNumber::parse(text).ok_or(CommandError::Number)
}

/// Digits alone: `str::parse` would take a sign too.
fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(n: usize) -> MessageNumber {
        MessageNumber::from_index(n - 1).expect("a number")
    }

    #[test]
    fn commands_that_are_some() {
        let auth = |mechanism: &str, initial: Option<&str>| Command::Auth {
            mechanism: mechanism.to_owned(),
            initial: initial.map(str::to_owned),
        };
        for (line, command) in [
            ("user alice", Command::User("alice".into())),
            ("USER a b", Command::User("a b".into())),
            ("USER jürgen", Command::User("jürgen".into())),
            ("PaSs  a b ", Command::Pass(Password(b" a b ".to_vec()))),
            ("AUTH PLAIN", auth("PLAIN", None)),
            ("auth plain =", auth("plain", Some("="))),
            ("AUTH PLAIN AGEAYg==", auth("PLAIN", Some("AGEAYg=="))),
            ("LIST", Command::List(None)),
            ("LIST  ", Command::List(None)),
            ("LIST 1", Command::List(Some(number(1)))),
            ("UIDL 4294967295", Command::Uidl(Some(number(u32::MAX as usize)))),
            ("RETR 007", Command::Retr(number(7))),
            ("TOP 1 0", Command::Top(number(1), 0)),
            ("TOP 1 4294967295", Command::Top(number(1), u32::MAX)),
            ("quit ", Command::Quit),
        ] {
            assert_eq!(Command::parse(line.as_bytes()), Ok(command), "{line}");
        }
        assert_eq!(Command::parse(b"PASS \xff"), Ok(Command::Pass(Password(b"\xff".to_vec()))));
    }

    #[test]
    fn i13_commands_that_are_none() {
        use CommandError::{Arguments, Number, Octets, Unknown};
        for (line, error) in [
            (&b""[..], Unknown),
            (b" ", Unknown),
            (b" LIST", Unknown),
            (b"LISTEN", Unknown),
            (b"APOP alice c4c9334bac560ecc979e58001b3e22fb", Unknown),
            (b"XTND XMIT", Unknown),
            (b"USER", Arguments),
            (b"PASS", Arguments),
            (b"PASS ", Arguments),
            (b"AUTH", Arguments),
            (b"AUTH PLAIN a b", Arguments),
            (b"STAT 1", Arguments),
            (b"QUIT now", Arguments),
            (b"RETR", Arguments),
            (b"RETR 0", Number),
            (b"RETR -1", Number),
            (b"RETR +1", Number),
            (b"RETR 1 2", Number),
            (b"RETR 4294967296", Number),
            (b"RETR 99999999999999999999", Number),
            (b"LIST  1", Number),
            (b"LIST x", Number),
            (b"TOP 1", Arguments),
            (b"TOP 1 -1", Arguments),
            (b"TOP 1 4294967296", Arguments),
            (b"TOP 0 1", Number),
            (b"USER \xff", Octets),
            (b"USER a\0b", Octets),
            (b"LIST\r1", Octets),
            (b"PASS a\0b", Octets),
        ] {
            assert_eq!(Command::parse(line), Err(error), "{}", line.escape_ascii());
        }
    }

    #[test]
    fn passwords_are_not_in_debug_output() {
        let command = Command::parse(b"PASS secret").expect("a command");
        assert!(!format!("{command:?}").contains("secret"));
    }
}
