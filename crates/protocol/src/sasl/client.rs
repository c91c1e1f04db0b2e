//! The client's side of a mechanism, message by message (RFC 4422 §3): PLAIN, LOGIN, OAUTHBEARER and XOAUTH2.
//!
//! What holds a session sends [`Client::first`], hands each challenge to [`Client::answer`], and, where the server says yes,
//! asks what [`Client::peer`] thinks of it. All of it is octets, without base64 and the protocol's framing. Mechanisms that
//! need cryptography (SCRAM) are their users' own.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Credentials;
use super::bearer::Dialect;
use crate::limits;

/// Who wants to be let in, by one mechanism.
pub trait Client: fmt::Debug + Send + Sync {
    /// The mechanism's name, as servers offer it.
    fn mechanism(&self) -> &'static str;
    /// What is said unasked; `None` where the server begins.
    fn first(&mut self) -> Option<Vec<u8>>;
    /// The answer to a challenge; `None` where the exchange is given up.
    fn answer(&mut self, challenge: &[u8]) -> Option<Vec<u8>>;
    /// What is known of the server by now.
    fn peer(&self) -> Peer {
        Peer::Proven
    }
}

/// Whether a server has shown that it is who it should be, as far as the mechanism lets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// It has, or doesn't have to.
    Proven,
    /// Not yet: a yes of its means nothing.
    Unproven,
    /// It has tried to, and doesn't know the password: nobody tells it in another way.
    Wrong,
}

/// Sends a line of an exchange: a client and what it would have said at once, had there been room.
#[derive(Debug)]
pub struct Exchange {
    client: Box<dyn Client>,
    first: Option<Vec<u8>>,
    answers_left: usize,
}

impl Exchange {
    /// Begins: the exchange, and what goes with the command if it has at most `octets_max` octets in base64.
    pub fn begin(mut client: Box<dyn Client>, octets_max: usize) -> (Self, Option<String>) {
        let first = client.first();
        let text = first.as_deref().map(super::encode_response);
        match text {
            // RFC 4954 §4, RFC 5034 §4: one that doesn't fit into the command's line waits for the challenge.
            Some(text) if text.len() > octets_max => (Self::of(client, first), None),
            text => (Self::of(client, None), text),
        }
    }

    fn of(client: Box<dyn Client>, first: Option<Vec<u8>>) -> Self {
        Self { client, first, answers_left: limits::SASL_ANSWERS_MAX }
    }

    /// The line that answers a challenge, which is base64 (or, of LOGIN, what servers like); `None` where it was given up
    /// before, or there is no end to it.
    pub fn respond(&mut self, challenge: &str) -> Option<String> {
        self.answers_left = self.answers_left.checked_sub(1)?;
        let answer = self
            .first
            .take()
            .or_else(|| self.client.answer(&STANDARD.decode(challenge.trim()).unwrap_or_default()));
        // RFC 4954 §4, RFC 5034 §4: a star gives it up.
        Some(answer.as_deref().map_or_else(
            || {
                self.answers_left = 0;
                "*".to_owned()
            },
            super::encode_response,
        ))
    }

    /// What is known of the server by now.
    pub fn peer(&self) -> Peer {
        self.client.peer()
    }

    /// The mechanism's name.
    pub fn mechanism(&self) -> &'static str {
        self.client.mechanism()
    }
}

/// PLAIN (RFC 4616).
#[derive(Debug)]
pub struct Plain(pub Credentials);

impl Client for Plain {
    fn mechanism(&self) -> &'static str {
        "PLAIN"
    }

    fn first(&mut self) -> Option<Vec<u8>> {
        let Credentials { name, password } = &self.0;
        Some([b"\0", name.as_bytes(), b"\0", password].concat())
    }

    fn answer(&mut self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

/// LOGIN: the server asks for the user, then for the password; what the questions say differs, their order doesn't.
#[derive(Debug)]
pub struct Login {
    credentials: Credentials,
    asked: usize,
}

impl Login {
    /// Before the first question.
    pub fn new(credentials: Credentials) -> Self {
        Self { credentials, asked: 0 }
    }
}

impl Client for Login {
    fn mechanism(&self) -> &'static str {
        "LOGIN"
    }

    fn first(&mut self) -> Option<Vec<u8>> {
        None
    }

    fn answer(&mut self, _: &[u8]) -> Option<Vec<u8>> {
        self.asked += 1;
        match self.asked {
            1 => Some(self.credentials.name.as_bytes().to_vec()),
            2 => Some(self.credentials.password.clone()),
            _ => None,
        }
    }
}

/// A token, and where it is shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// Who wants to be let in.
    pub user: String,
    /// The server's name.
    pub host: String,
    /// Its TCP port.
    pub port: u16,
    /// The access token (RFC 6750).
    pub access: String,
}

/// Without the token.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Token {
    /// Whether it can be said: nothing in it ends a pair or a line (RFC 6750 §2.1, RFC 7628 §3.1).
    pub fn is_sayable(&self) -> bool {
        let is_b64 = |octet: u8| octet.is_ascii_alphanumeric() || b"-._~+/=".contains(&octet);
        let fits = (1..=limits::LOGIN_NAME_OCTETS_MAX).contains(&self.user.len());
        fits && !self.user.chars().any(char::is_control)
            && !self.access.is_empty()
            && self.access.bytes().all(is_b64)
    }
}

/// OAUTHBEARER (RFC 7628) or XOAUTH2.
#[derive(Debug)]
pub struct Bearer {
    token: Token,
    dialect: Dialect,
}

impl Bearer {
    /// Shows a token.
    pub fn new(token: Token, dialect: Dialect) -> Self {
        Self { token, dialect }
    }
}

impl Client for Bearer {
    fn mechanism(&self) -> &'static str {
        match self.dialect {
            Dialect::OAuthBearer => "OAUTHBEARER",
            Dialect::XOAuth2 => "XOAUTH2",
        }
    }

    fn first(&mut self) -> Option<Vec<u8>> {
        let Token { user, host, port, access } = &self.token;
        let message = match self.dialect {
            Dialect::OAuthBearer => {
                // RFC 5801 §4, saslname.
                let user = user.replace('=', "=3D").replace(',', "=2C");
                format!("n,a={user},\x01host={host}\x01port={port}\x01auth=Bearer {access}\x01\x01")
            }
            Dialect::XOAuth2 => format!("user={user}\x01auth=Bearer {access}\x01\x01"),
        };
        Some(message.into_bytes())
    }

    /// The challenge says in JSON what is wrong; it has to be answered before the server says no.
    fn answer(&mut self, _: &[u8]) -> Option<Vec<u8>> {
        Some(match self.dialect {
            Dialect::OAuthBearer => vec![1], // RFC 7628 §3.2.3
            Dialect::XOAuth2 => Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::bearer;
    use super::*;

    fn token(user: &str, access: &str) -> Token {
        let host = "server.example.com".to_owned();
        Token { user: user.into(), host, port: 143, access: access.into() }
    }

    #[test] // Tests RFC 7628 §4.1.
    fn what_a_client_says_first() {
        let access = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==";
        let mut client = Bearer::new(token("user@example.com", access), Dialect::OAuthBearer);
        let text = "n,a=user@example.com,\x01host=server.example.com\x01port=143\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01";
        assert_eq!(client.first().unwrap(), text.as_bytes());
        assert_eq!(client.answer(b"{}"), Some(vec![1]));
        let (mut exchange, initial) = Exchange::begin(Box::new(client), 10);
        assert_eq!(initial, None, "it doesn't fit");
        assert_eq!(exchange.respond(""), Some(STANDARD.encode(text)));
        assert_eq!(exchange.respond("e30=").unwrap(), "AQ==");
        let more = std::iter::from_fn(|| exchange.respond("")).take(100).count();
        assert!(more < limits::SASL_ANSWERS_MAX, "there is an end to it");
    }

    #[test]
    fn login_answers_two_questions_and_no_more() {
        let credentials = Credentials { name: "alice".into(), password: b"secret".to_vec() };
        let (mut exchange, initial) = Exchange::begin(Box::new(Login::new(credentials)), 500);
        assert_eq!(initial, None);
        let said: Vec<String> = std::iter::from_fn(|| exchange.respond("User:")).take(9).collect();
        assert_eq!(said, ["YWxpY2U=", "c2VjcmV0", "*"]);
    }

    #[test]
    fn u17_no_debug_text_has_a_token_or_a_password() {
        let token = token("alice", "hunter2");
        let client = Bearer::new(token.clone(), Dialect::XOAuth2);
        let plain = Plain(Credentials { name: "a".into(), password: b"hunter2".to_vec() });
        let (exchange, _) = Exchange::begin(Box::new(plain), 500);
        let shown = format!("{token:?} {client:?} {exchange:?}");
        assert!(!shown.contains("hunter2") && !shown.contains("104, 117"), "{shown}");
    }

    #[test]
    fn what_would_be_a_pair_of_its_own_is_not_said() {
        for (user, access) in [("a", ""), ("a", "a b"), ("a", "a\x01b"), ("", "a"), ("a\r\n", "a")]
        {
            assert!(!token(user, access).is_sayable(), "{user:?} {access:?}");
        }
        assert!(token("a@b.example", "ya29.a0-_~+/=").is_sayable());
    }

    proptest! {
        /// What we say is read by our own server as it was meant.
        #[test]
        fn servers_read_what_clients_say(user in "[ -~]{1,40}", access in "[A-Za-z0-9._~+/=-]{1,80}") {
            for dialect in [Dialect::OAuthBearer, Dialect::XOAuth2] {
                let said = Bearer::new(token(&user, &access), dialect).first().unwrap();
                let read = bearer::Bearer::parse(&said, dialect).unwrap();
                prop_assert_eq!((read.name(), read.token()), (Some(user.as_str()), access.as_str()));
            }
        }
    }
}
