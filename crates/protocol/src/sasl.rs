//! SASL PLAIN and LOGIN, both sides (RFC 4422, RFC 4616; LOGIN as draft-murchison-sasl-login has it).
//!
//! A server starts an [`Exchange`] and hands it the client's lines until it has [`Credentials`]:
//!
//! ```text
//! Exchange::start ──▶ Progress::Challenge(text, exchange) ──respond(line)──▶ Progress::Done(credentials)
//! ```
//! A client writes [`plain_initial_response`], or answers LOGIN's two challenges with
//! [`encode_response`]. Everything is base64 on the wire, without the protocol's framing (`334 `, `+ `).
//! Whether the password is right is asked of `crates/accounts`, never here.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::limits;

/// What a server offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// RFC 4616.
    Plain,
    /// Two prompts; old clients know nothing else.
    Login,
}

impl Mechanism {
    /// The mechanism of that name, in any case.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            _ if name.eq_ignore_ascii_case("PLAIN") => Some(Self::Plain),
            _ if name.eq_ignore_ascii_case("LOGIN") => Some(Self::Login),
            _ => None,
        }
    }
}

/// Who somebody says they are, and their proof.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user's name.
    pub name: String,
    /// The password; any octets but NUL.
    pub password: Vec<u8>,
}

/// Without the password.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Credentials {
    /// From a command that has both, as IMAP's LOGIN; `None` where it can be nobody's.
    pub fn new(name_octets: &[u8], password: &[u8]) -> Option<Self> {
        match done(name(name_octets)?, password) {
            Progress::Done(credentials) => Some(credentials),
            Progress::Challenge(..) | Progress::Failed(_) => None,
        }
    }
}

/// Whether a password may come over a connection in clear (RFC 2595 §2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClearTextLogin {
    /// Never.
    Refused,
    /// Yes: the connection doesn't leave this host.
    Allowed,
}

/// Why an exchange failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SaslError {
    /// Neither base64 nor what the mechanism asks for (501 in SMTP).
    #[error("the response cannot be decoded")]
    Malformed,
    /// The client sent `*` (RFC 4954 §4: 501).
    #[error("the login was cancelled")]
    Cancelled,
    /// Somebody wants to act as somebody else (535 in SMTP).
    #[error("acting for another user is not allowed")]
    Proxy,
}

/// A login under way, on the server's side.
#[derive(Debug, PartialEq, Eq)]
pub enum Exchange {
    /// PLAIN without an initial response: the one message is awaited.
    Plain,
    /// LOGIN: the name is awaited.
    LoginName,
    /// LOGIN: the password is awaited.
    LoginPassword {
        /// The name that was given.
        name: String,
    },
}

/// What a server does next.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// Send this text (base64, possibly empty) and hand the answer to the exchange.
    Challenge(&'static str, Exchange),
    /// Ask whether the password is right.
    Done(Credentials),
    /// Say so.
    Failed(SaslError),
}

/// `Username:` and `Password:` in base64.
const LOGIN_NAME_PROMPT: &str = "VXNlcm5hbWU6";
const LOGIN_PASSWORD_PROMPT: &str = "UGFzc3dvcmQ6";

impl Exchange {
    /// Starts `mechanism`; `initial` is the initial response as it came, where there was one.
    pub fn start(mechanism: Mechanism, initial: Option<&str>) -> Progress {
        match initial {
            // RFC 4954 §4: a single "=" is an empty initial response.
            Some("=") => Self::of(mechanism).decoded(&[]),
            Some(initial) => Self::of(mechanism).respond(initial.as_bytes()),
            None => Self::of(mechanism).challenge(),
        }
    }

    /// As [`Exchange::start`], of an initial response that is no base64 any more.
    pub fn start_decoded(mechanism: Mechanism, initial: Option<&[u8]>) -> Progress {
        match initial {
            Some(initial) => Self::of(mechanism).decoded(initial),
            None => Self::of(mechanism).challenge(),
        }
    }

    /// The client's first message is awaited, and nothing is said before it.
    pub fn of(mechanism: Mechanism) -> Self {
        match mechanism {
            Mechanism::Plain => Self::Plain,
            Mechanism::Login => Self::LoginName,
        }
    }

    /// Takes the client's next line, without its CRLF.
    pub fn respond(self, line: &[u8]) -> Progress {
        if line == b"*" {
            return Progress::Failed(SaslError::Cancelled);
        }
        match STANDARD.decode(line) {
            Ok(octets) => self.decoded(&octets),
            Err(_) => Progress::Failed(SaslError::Malformed),
        }
    }

    fn challenge(self) -> Progress {
        let text = match &self {
            Self::Plain => "",
            Self::LoginName => LOGIN_NAME_PROMPT,
            Self::LoginPassword { .. } => LOGIN_PASSWORD_PROMPT,
        };
        Progress::Challenge(text, self)
    }

    fn decoded(self, octets: &[u8]) -> Progress {
        match self {
            Self::Plain => plain(octets),
            Self::LoginName => match name(octets) {
                Some(name) => Self::LoginPassword { name }.challenge(),
                None => Progress::Failed(SaslError::Malformed),
            },
            Self::LoginPassword { name } => done(name, octets),
        }
    }
}

/// `message = [authzid] UTF8NUL authcid UTF8NUL passwd` (RFC 4616 §2).
fn plain(octets: &[u8]) -> Progress {
    let mut parts = octets.split(|octet| *octet == 0);
    let (Some(authzid), Some(authcid), Some(password), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Progress::Failed(SaslError::Malformed);
    };
    match name(authcid) {
        // Nobody here may act for another user.
        Some(_) if !authzid.is_empty() && authzid != authcid => Progress::Failed(SaslError::Proxy),
        Some(name) => done(name, password),
        None => Progress::Failed(SaslError::Malformed),
    }
}

/// A user's name: UTF-8, not empty, no control characters.
fn name(octets: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(octets).ok()?;
    let fits = !text.is_empty() && text.len() <= limits::LOGIN_NAME_OCTETS_MAX;
    (fits && !text.chars().any(char::is_control)).then(|| text.to_owned())
}

fn done(name: String, password: &[u8]) -> Progress {
    match password.is_empty() || password.contains(&0) {
        true => Progress::Failed(SaslError::Malformed),
        false => Progress::Done(Credentials { name, password: password.to_vec() }),
    }
}

/// A client's whole PLAIN message, in base64.
pub fn plain_initial_response(credentials: &Credentials) -> String {
    let parts: [&[u8]; 4] = [b"\0", credentials.name.as_bytes(), b"\0", &credentials.password];
    STANDARD.encode(parts.concat())
}

/// A client's answer to one of LOGIN's challenges, in base64: first the name, then the password.
pub fn encode_response(octets: &[u8]) -> String {
    STANDARD.encode(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain_of(message: &[u8]) -> Progress {
        Exchange::start(Mechanism::Plain, Some(&STANDARD.encode(message)))
    }

    fn credentials(name: &str, password: &[u8]) -> Credentials {
        Credentials { name: name.to_owned(), password: password.to_vec() }
    }

    #[test]
    fn plain_messages() {
        let done = Progress::Done(credentials("a", b"pw"));
        assert_eq!(plain_of(b"\0a\0pw"), done);
        assert_eq!(plain_of(b"a\0a\0pw"), done);
    }

    #[test]
    fn s19_plain_messages_that_are_none() {
        assert_eq!(plain_of(b"admin\0mallory\0pw"), Progress::Failed(SaslError::Proxy));
        for message in [
            &b""[..],
            b"\0",
            b"a\0pw",
            b"\0a\0pw\0",
            b"\0\0pw",
            b"\0a\0",
            b"\0\xff\0pw",
            b"\0a\r\n\0pw",
        ] {
            assert_eq!(plain_of(message), Progress::Failed(SaslError::Malformed), "{message:?}");
        }
        for line in ["!", "AGEAcHc", "AGEAcHc==", "=", "==", "AGEA cHc="] {
            let got = Exchange::start(Mechanism::Plain, Some(line));
            assert_eq!(got, Progress::Failed(SaslError::Malformed), "{line}");
        }
    }

    #[test]
    fn login_asks_twice() {
        let Progress::Challenge("VXNlcm5hbWU6", exchange) = Exchange::start(Mechanism::Login, None)
        else {
            panic!("no prompt for the name");
        };
        let Progress::Challenge("UGFzc3dvcmQ6", exchange) = exchange.respond(b"YQ==") else {
            panic!("no prompt for the password");
        };
        assert_eq!(exchange.respond(b"cHc="), Progress::Done(credentials("a", b"pw")));
        let cancelled = Exchange::LoginName.respond(b"*");
        assert_eq!(cancelled, Progress::Failed(SaslError::Cancelled));
    }

    #[test]
    fn a_client_writes_what_a_server_reads() {
        let sent = credentials("a@b.example", b"p w\xff");
        let line = plain_initial_response(&sent);
        assert_eq!(Exchange::start(Mechanism::Plain, Some(&line)), Progress::Done(sent));
    }

    #[test]
    fn passwords_are_not_in_debug_output() {
        assert!(!format!("{:?}", credentials("a", b"secret")).contains("secret"));
    }
}
