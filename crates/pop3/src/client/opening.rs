//! From the greeting to an open maildrop: CAPA, STLS and CAPA again, then AUTH PLAIN where it is
//! offered, USER and PASS where it isn't; or AUTH with a token.

use std::time::Instant;

use postroad_protocol::sasl::Credentials;
use postroad_protocol::sasl::bearer::Dialect;
use postroad_protocol::sasl::client::{Bearer, Client, Exchange, Peer, Plain};

use super::{ClearTextLogin, Encryption, End, Login, Session, State, Stls, response};
use crate::limits;

/// What is awaited.
#[derive(Debug)]
pub(super) enum Opening {
    Greeting,
    /// The first line of the response to CAPA.
    Capabilities,
    /// One of its further lines.
    CapabilityLine(Capabilities),
    /// The response to STLS.
    Stls,
    /// The response to AUTH, which is the login's, or a challenge.
    Auth(Exchange),
    /// The response to USER.
    User,
    /// The response to PASS.
    Pass,
}

/// What the server offers, as far as it matters.
#[derive(Debug, Default)]
pub(super) struct Capabilities {
    stls: Offer,
    plain: Offer,
    oauthbearer: Offer,
    xoauth2: Offer,
    /// All of them.
    mechanisms: Vec<String>,
    lines: usize,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Offer {
    #[default]
    Missing,
    Made,
}

fn has_control(credentials: &Credentials) -> bool {
    let mut octets = credentials.name.as_bytes().iter().chain(&credentials.password);
    octets.any(|octet| octet.is_ascii_control())
}

impl Session {
    /// Takes a line of the server's before the maildrop is open.
    pub(super) fn open(&mut self, opening: Opening, line: &[u8], now: Instant) -> State {
        if let Opening::CapabilityLine(capabilities) = opening {
            return self.capability(capabilities, line, now);
        }
        let opening = match (opening, line) {
            (Opening::Auth(exchange), [b'+', challenge @ ..])
                if matches!(challenge, [] | [b' ', ..]) =>
            {
                return self.challenged(exchange, challenge, now);
            }
            (opening, _) => opening,
        };
        let answer = match response::first_line(line) {
            Ok(answer) => answer,
            Err(problem) => return State::Over(End::Protocol(problem)),
        };
        match (opening, answer) {
            (Opening::Greeting, Err(refusal)) => State::Over(End::Refused(refusal)),
            (Opening::Greeting, Ok(_)) => {
                self.send(b"CAPA\r\n".to_vec(), now);
                State::Opening(Opening::Capabilities)
            }
            (Opening::Capabilities, Ok(_)) => {
                State::Opening(Opening::CapabilityLine(Capabilities::default()))
            }
            // RFC 2449 §5: a server of before CAPA.
            (Opening::Capabilities, Err(_)) => self.offered(&Capabilities::default(), now),
            (Opening::Stls, Err(_)) => State::Over(End::NoTls),
            (Opening::Stls, Ok(_)) if !self.input.rest().is_empty() => {
                // Somebody in between wants us to take this for what comes inside TLS.
                State::Over(End::Protocol("it speaks ahead of the TLS handshake"))
            }
            (Opening::Stls, Ok(_)) => State::StartingTls,
            (Opening::User, Ok(_)) => {
                // USER was said for a password's sake alone.
                let (Login::Password(credentials) | Login::Chosen(Some(credentials))) =
                    &self.settings.login
                else {
                    return State::Over(End::NoMechanism);
                };
                self.send([b"PASS ", credentials.password.as_slice(), b"\r\n"].concat(), now);
                State::Opening(Opening::Pass)
            }
            (Opening::Auth(exchange), Ok(_)) if exchange.peer() == Peer::Proven => State::Idle,
            (Opening::Auth(_), Ok(_)) => State::Over(End::Unproven),
            // Who cheats isn't told the password in another way.
            (Opening::Auth(exchange), Err(_)) if exchange.peer() == Peer::Wrong => {
                State::Over(End::Unproven)
            }
            (Opening::Auth(_), Err(refusal)) if matches!(self.settings.login, Login::Chosen(_)) => {
                State::Choosing(Some(refusal))
            }
            (Opening::Pass, Ok(_)) => State::Idle,
            (Opening::Auth(_) | Opening::User | Opening::Pass, Err(refusal)) => {
                State::Over(End::Login(refusal))
            }
            (Opening::CapabilityLine(_), _) => State::Over(End::Protocol("its CAPA is malformed")),
        }
    }

    fn capability(&mut self, mut capabilities: Capabilities, line: &[u8], now: Instant) -> State {
        if line == b"." {
            return self.offered(&capabilities, now);
        }
        capabilities.lines += 1;
        if capabilities.lines > limits::CAPABILITIES_MAX {
            return State::Over(End::Protocol("it has too many capabilities"));
        }
        let line = String::from_utf8_lossy(line).to_ascii_uppercase();
        let mut words = line.split(' ');
        match words.next() {
            Some("STLS") => capabilities.stls = Offer::Made,
            Some("SASL") => words.for_each(|mechanism| {
                capabilities.mechanisms.push(mechanism.to_owned());
                match mechanism {
                    "PLAIN" => capabilities.plain = Offer::Made,
                    "OAUTHBEARER" => capabilities.oauthbearer = Offer::Made,
                    "XOAUTH2" => capabilities.xoauth2 = Offer::Made,
                    _ => {}
                }
            }),
            Some(_) | None => {}
        }
        State::Opening(Opening::CapabilityLine(capabilities))
    }

    /// The capabilities are known: TLS first, then the login.
    fn offered(&mut self, capabilities: &Capabilities, now: Instant) -> State {
        match (self.settings.encryption, self.settings.stls, capabilities.stls) {
            (Encryption::Clear, Stls::Required, Offer::Missing) => State::Over(End::NoTls),
            (Encryption::Clear, Stls::Required, Offer::Made) => {
                self.send(b"STLS\r\n".to_vec(), now);
                State::Opening(Opening::Stls)
            }
            (Encryption::Tls, ..) | (Encryption::Clear, Stls::Never, _) => {
                self.show_login(capabilities, now)
            }
        }
    }

    fn show_login(&mut self, capabilities: &Capabilities, now: Instant) -> State {
        let may = self.settings.encryption == Encryption::Tls
            || self.settings.clear_text_login == ClearTextLogin::Allowed;
        if !may {
            return State::Over(End::ClearText);
        }
        match &self.settings.login {
            // A line end in a password would be a command of its own.
            Login::Password(credentials) | Login::Chosen(Some(credentials))
                if has_control(credentials) =>
            {
                State::Over(End::Credentials)
            }
            Login::Chosen(_) => {
                self.mechanisms.clone_from(&capabilities.mechanisms);
                State::Choosing(None)
            }
            Login::Password(credentials) => {
                if capabilities.plain == Offer::Missing {
                    let name = credentials.name.clone();
                    return self.say_user(&name, now);
                }
                self.authenticate(Box::new(Plain(credentials.clone())), now)
            }
            Login::Token(token) if !token.is_sayable() => State::Over(End::Credentials),
            Login::Token(token) => {
                let dialect = match (capabilities.oauthbearer, capabilities.xoauth2) {
                    (Offer::Made, _) => Dialect::OAuthBearer,
                    (Offer::Missing, Offer::Made) => Dialect::XOAuth2,
                    (Offer::Missing, Offer::Missing) => return State::Over(End::NoMechanism),
                };
                self.authenticate(Box::new(Bearer::new(token.clone(), dialect)), now)
            }
        }
    }

    /// Logs in, as [`super::Step::LogIn`] asks for; `None` where there is no (other) way. At any other time nothing comes of it.
    pub fn log_in(&mut self, client: Option<Box<dyn Client>>, now: Instant) {
        let State::Choosing(refused) = &mut self.state else { return };
        self.state = match (client, refused.take(), &self.settings.login) {
            (Some(client), ..) => self.authenticate(client, now),
            (None, Some(refusal), _) => State::Over(End::Login(refusal)),
            (None, None, Login::Chosen(Some(credentials))) => {
                let name = credentials.name.clone();
                self.say_user(&name, now)
            }
            (None, None, _) => State::Over(End::NoMechanism),
        };
    }

    fn say_user(&mut self, name: &str, now: Instant) -> State {
        self.send(format!("USER {name}\r\n").into_bytes(), now);
        State::Opening(Opening::User)
    }

    fn authenticate(&mut self, client: Box<dyn Client>, now: Instant) -> State {
        let verb = format!("AUTH {}", client.mechanism());
        // With the blank and the line's end.
        let room = limits::COMMAND_LINE_OCTETS_MAX.saturating_sub(verb.len() + 3);
        let (exchange, initial) = Exchange::begin(client, room);
        let line = match initial {
            Some(initial) => format!("{verb} {initial}\r\n"),
            None => format!("{verb}\r\n"),
        };
        self.send(line.into_bytes(), now);
        State::Opening(Opening::Auth(exchange))
    }

    /// RFC 5034 §4: what it says is answered; who has nothing to say gives up.
    fn challenged(&mut self, mut exchange: Exchange, challenge: &[u8], now: Instant) -> State {
        let Some(line) = exchange.respond(&String::from_utf8_lossy(challenge)) else {
            return State::Over(End::Protocol("it challenges a login that was given up"));
        };
        self.send(format!("{line}\r\n").into_bytes(), now);
        State::Opening(Opening::Auth(exchange))
    }
}
