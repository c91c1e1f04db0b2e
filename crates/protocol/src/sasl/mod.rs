//! SASL, both sides of PLAIN, LOGIN, OAUTHBEARER and XOAUTH2, the server's side of SCRAM-SHA-256 (RFC 4422, RFC 4616,
//! RFC 5802, RFC 7677, RFC 7628; LOGIN as draft-murchison-sasl-login has it).
//!
//! A server starts an [`Exchange`] and hands it the client's lines until somebody's [`Attempt`] is there, which its shell
//! has to judge:
//!
//! ```text
//! Exchange::start ──▶ Progress::Challenge(challenge) ──respond(line)──▶ Progress::Done(attempt) ──▶ the shell
//!                                  ▲                                                                   │
//!                                  └──────────── where the mechanism goes on: a Challenge ─────────────┘
//! ```
//! What a client says is in [`client`]. Everything is base64 on the wire, without the protocol's framing (`334 `, `+ `).
//! Whether a password, a proof or a token is right is asked of `crates/logins`, never here.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::limits;
use crate::server::Tls;

pub mod bearer;
pub mod client;
pub mod scram;

use bearer::{Bearer, Dialect};
use scram::{ClientFirst, Pending, Proof, Proven, Variant};

/// What a server offers beside PLAIN and LOGIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Offer {
    /// SCRAM-SHA-256, and inside TLS its -PLUS.
    pub scram: Offered,
    /// OAUTHBEARER and XOAUTH2.
    pub tokens: Offered,
}

/// Whether something is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Offered {
    /// It is.
    Yes,
    /// It isn't.
    #[default]
    No,
}

/// What a client has chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// RFC 4616.
    Plain,
    /// Two prompts; old clients know nothing else.
    Login,
    /// RFC 7677.
    Scram(Variant),
    /// RFC 7628, or its forerunner.
    Token(Dialect),
}

impl Offer {
    /// The mechanisms by name, the best first.
    pub fn names(self, tls: Tls) -> impl Iterator<Item = &'static str> {
        let scram: &[&str] = match (self.scram, tls) {
            (Offered::Yes, Tls::Active) => &["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"],
            (Offered::Yes, Tls::Offered | Tls::Unavailable) => &["SCRAM-SHA-256"],
            (Offered::No, _) => &[],
        };
        let tokens: &[&str] = match self.tokens {
            Offered::Yes => &["OAUTHBEARER", "XOAUTH2"],
            Offered::No => &[],
        };
        [scram, tokens, &["PLAIN", "LOGIN"]].into_iter().flatten().copied()
    }

    /// The mechanism of that name, in any case, where it is offered.
    pub fn find(self, name: &str, tls: Tls) -> Option<Mechanism> {
        let name = self.names(tls).find(|offered| offered.eq_ignore_ascii_case(name))?;
        Some(match (name, tls) {
            ("SCRAM-SHA-256-PLUS", _) => Mechanism::Scram(Variant::Plus),
            ("SCRAM-SHA-256", Tls::Active) => Mechanism::Scram(Variant::BesidePlus),
            ("SCRAM-SHA-256", _) => Mechanism::Scram(Variant::Alone),
            ("OAUTHBEARER", _) => Mechanism::Token(Dialect::OAuthBearer),
            ("XOAUTH2", _) => Mechanism::Token(Dialect::XOAuth2),
            ("LOGIN", _) => Mechanism::Login,
            _ => Mechanism::Plain,
        })
    }
}

/// What somebody brings who wants to be let in. The shell judges it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// A password.
    Password(Credentials),
    /// A token.
    Token(Bearer),
    /// The salt of that user is wanted: [`ClientFirst::challenge`].
    Scram(ClientFirst),
    /// A proof: [`Proof::accepted`].
    Proof(Proof),
    /// Somebody whose proof was accepted: let them in.
    Proven(Proven),
}

impl Attempt {
    /// Who somebody says they are, where they say it.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Password(credentials) => Some(&credentials.name),
            Self::Token(bearer) => bearer.name(),
            Self::Scram(first) => Some(first.name()),
            Self::Proof(proof) => Some(proof.name()),
            Self::Proven(proven) => Some(proven.name()),
        }
    }
}

/// What a server says next, and what takes the answer to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// In base64, possibly empty.
    pub text: Cow<'static, str>,
    /// Hand it the client's next line.
    pub exchange: Exchange,
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
        credentials(name(name_octets)?, password)
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
    /// What should bind the login to this TLS connection doesn't: another connection's, a kind that isn't known, or somebody
    /// has taken the binding mechanism out of what was offered (535 in SMTP).
    #[error("the login is not bound to this connection, somebody may be in between")]
    Channel,
    /// The token was wrong, and the client knows (535 in SMTP).
    #[error("the token was refused")]
    Refused,
}

/// A login under way, on the server's side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exchange {
    /// Without an initial response: the client's first message is awaited.
    First(Mechanism),
    /// LOGIN: the password is awaited.
    LoginPassword {
        /// The name that was given.
        name: String,
    },
    /// SCRAM: the proof is awaited.
    ScramFinal(Box<Pending>),
    /// SCRAM: the client has heard our proof.
    ScramProven(Proven),
    /// The client has heard why its token is wrong.
    TokenRefused,
}

/// What a server does next.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// Send this and hand the answer to its exchange.
    Challenge(Challenge),
    /// Ask whether that is right.
    Done(Attempt),
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
        Self::First(mechanism)
    }

    /// Takes the client's next line, without its CRLF.
    pub fn respond(self, line: &[u8]) -> Progress {
        // RFC 7628 §3.2.3: whatever the client says to the error, nothing comes of it.
        if self == Self::TokenRefused {
            return Progress::Failed(SaslError::Refused);
        }
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
            Self::First(Mechanism::Login) => LOGIN_NAME_PROMPT,
            Self::LoginPassword { .. } => LOGIN_PASSWORD_PROMPT,
            Self::First(Mechanism::Plain | Mechanism::Scram(_) | Mechanism::Token(_))
            | Self::ScramFinal(_)
            | Self::ScramProven(_)
            | Self::TokenRefused => "",
        };
        Progress::Challenge(Challenge { text: text.into(), exchange: self })
    }

    fn decoded(self, octets: &[u8]) -> Progress {
        match self {
            Self::First(Mechanism::Plain) => plain(octets),
            Self::First(Mechanism::Login) => match name(octets) {
                Some(name) => Self::LoginPassword { name }.challenge(),
                None => Progress::Failed(SaslError::Malformed),
            },
            Self::First(Mechanism::Scram(variant)) => {
                ClientFirst::parse(octets, variant).map(Attempt::Scram).into()
            }
            Self::First(Mechanism::Token(dialect)) => {
                Bearer::parse(octets, dialect).map(Attempt::Token).into()
            }
            Self::LoginPassword { name } => done(name, octets),
            Self::ScramFinal(pending) => pending.respond(octets),
            Self::ScramProven(proven) => proven.respond(octets),
            Self::TokenRefused => Progress::Failed(SaslError::Refused),
        }
    }
}

impl From<Result<Attempt, SaslError>> for Progress {
    fn from(parsed: Result<Attempt, SaslError>) -> Self {
        parsed.map_or_else(Self::Failed, Self::Done)
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
    credentials(name, password).map(Attempt::Password).ok_or(SaslError::Malformed).into()
}

fn credentials(name: String, password: &[u8]) -> Option<Credentials> {
    let fits = !password.is_empty() && !password.contains(&0);
    fits.then(|| Credentials { name, password: password.to_vec() })
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
    use proptest::prelude::*;

    use super::*;

    fn plain_of(message: &[u8]) -> Progress {
        Exchange::start(Mechanism::Plain, Some(&STANDARD.encode(message)))
    }

    fn credentials(name: &str, password: &[u8]) -> Credentials {
        Credentials { name: name.to_owned(), password: password.to_vec() }
    }

    fn password(name: &str, password: &[u8]) -> Progress {
        Progress::Done(Attempt::Password(credentials(name, password)))
    }

    fn challenged(progress: Progress) -> (String, Exchange) {
        match progress {
            Progress::Challenge(Challenge { text, exchange }) => (text.into_owned(), exchange),
            Progress::Done(_) | Progress::Failed(_) => panic!("no challenge: {progress:?}"),
        }
    }

    #[test]
    fn plain_messages() {
        let done = password("a", b"pw");
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
        let (text, exchange) = challenged(Exchange::start(Mechanism::Login, None));
        assert_eq!(text, "VXNlcm5hbWU6");
        let (text, exchange) = challenged(exchange.respond(b"YQ=="));
        assert_eq!(text, "UGFzc3dvcmQ6");
        assert_eq!(exchange.respond(b"cHc="), password("a", b"pw"));
        let cancelled = Exchange::of(Mechanism::Login).respond(b"*");
        assert_eq!(cancelled, Progress::Failed(SaslError::Cancelled));
    }

    #[test]
    fn what_is_offered_and_nothing_else() {
        let all = Offer { scram: Offered::Yes, tokens: Offered::Yes };
        let names = |offer: Offer, tls| offer.names(tls).collect::<Vec<_>>().join(" ");
        assert_eq!(names(Offer::default(), Tls::Active), "PLAIN LOGIN");
        assert_eq!(
            names(all, Tls::Active),
            "SCRAM-SHA-256-PLUS SCRAM-SHA-256 OAUTHBEARER XOAUTH2 PLAIN LOGIN"
        );
        // Nothing to be bound to.
        assert_eq!(names(all, Tls::Offered), "SCRAM-SHA-256 OAUTHBEARER XOAUTH2 PLAIN LOGIN");
        let scram = |variant| Some(Mechanism::Scram(variant));
        assert_eq!(all.find("scram-sha-256-plus", Tls::Active), scram(Variant::Plus));
        assert_eq!(all.find("SCRAM-SHA-256", Tls::Active), scram(Variant::BesidePlus));
        assert_eq!(all.find("SCRAM-SHA-256", Tls::Unavailable), scram(Variant::Alone));
        assert_eq!(all.find("SCRAM-SHA-256-PLUS", Tls::Unavailable), None);
        for weak in ["CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "NTLM", "ANONYMOUS", "EXTERNAL", ""] {
            assert_eq!(all.find(weak, Tls::Active), None, "{weak}");
        }
        for absent in ["SCRAM-SHA-256", "OAUTHBEARER", "XOAUTH2"] {
            assert_eq!(Offer::default().find(absent, Tls::Active), None, "{absent}");
        }
    }

    #[test]
    fn a_client_that_hears_that_its_token_is_wrong_is_refused_whatever_it_says() {
        let start = Exchange::start(
            Mechanism::Token(Dialect::OAuthBearer),
            Some(&STANDARD.encode("n,,\x01auth=Bearer t\x01\x01")),
        );
        let Progress::Done(Attempt::Token(_)) = start else { panic!("{start:?}") };
        for line in [&b"AQ=="[..], b"", b"*", b"!"] {
            let Challenge { text, exchange } = Bearer::refused("{}");
            assert_eq!(text, "e30=");
            assert_eq!(exchange.respond(line), Progress::Failed(SaslError::Refused));
        }
    }

    #[test]
    fn a_client_writes_what_a_server_reads() {
        let sent = credentials("a@b.example", b"p w\xff");
        let line = plain_initial_response(&sent);
        assert_eq!(
            Exchange::start(Mechanism::Plain, Some(&line)),
            Progress::Done(Attempt::Password(sent))
        );
    }

    /// Any client, at each step of each mechanism, with octets that go far into them more often than others.
    fn octets() -> impl Strategy<Value = Vec<u8>> {
        let words = [
            "n,",
            "y,",
            "p=tls-exporter,",
            ",",
            "n=a",
            "r=x",
            "c=biws",
            "p=",
            "a=b",
            "user=",
            "auth=Bearer ",
            "\x01",
            "\0",
            "=2C",
        ];
        let word = proptest::sample::select(words.map(|word| word.as_bytes().to_vec()).to_vec());
        let any = proptest::collection::vec(any::<u8>(), 0..8);
        proptest::collection::vec(prop_oneof![4 => word, 1 => any], 0..12)
            .prop_map(|it| it.concat())
    }

    proptest! {
        #[test]
        fn nothing_panics_and_nobody_is_let_in_who_was_not_proven(messages in proptest::collection::vec(octets(), 1..5)) {
            for mechanism in [
                Mechanism::Plain,
                Mechanism::Login,
                Mechanism::Scram(Variant::Plus),
                Mechanism::Scram(Variant::Alone),
                Mechanism::Token(Dialect::OAuthBearer),
                Mechanism::Token(Dialect::XOAuth2),
            ] {
                let mut exchange = Exchange::of(mechanism);
                for message in &messages {
                    exchange = match exchange.respond(STANDARD.encode(message).as_bytes()) {
                        Progress::Challenge(challenge) => challenge.exchange,
                        Progress::Done(Attempt::Scram(first)) => first.challenge(b"salt", 4_096, "s", b"").exchange,
                        // Only what the shell has accepted leads on from here.
                        Progress::Done(Attempt::Proven(_)) => panic!("nobody has accepted a proof"),
                        Progress::Done(_) | Progress::Failed(_) => break,
                    };
                }
            }
        }
    }

    #[test]
    fn passwords_are_not_in_debug_output() {
        assert!(!format!("{:?}", credentials("a", b"secret")).contains("secret"));
    }
}
