//! From the greeting to an open maildrop: CAPA, STLS and CAPA again, then AUTH PLAIN where it is
//! offered, USER and PASS where it isn't.

use std::time::Instant;

use postroad_protocol::sasl;

use super::{ClearTextLogin, Encryption, End, Session, State, Stls, response};
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
    Auth {
        /// What a challenge is answered with.
        response: Option<String>,
    },
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
    lines: usize,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Offer {
    #[default]
    Missing,
    Made,
}

impl Session {
    /// Takes a line of the server's before the maildrop is open.
    pub(super) fn open(&mut self, opening: Opening, line: &[u8], now: Instant) -> State {
        if let Opening::CapabilityLine(capabilities) = opening {
            return self.capability(capabilities, line, now);
        }
        if let (Opening::Auth { response }, [b'+', b' ', ..] | [b'+']) = (&opening, line) {
            let response = response.clone();
            return self.challenged(response, now);
        }
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
                let password = self.settings.credentials.password.clone();
                self.send([b"PASS ", password.as_slice(), b"\r\n"].concat(), now);
                State::Opening(Opening::Pass)
            }
            (Opening::Auth { .. } | Opening::Pass, Ok(_)) => State::Idle,
            (Opening::Auth { .. } | Opening::User | Opening::Pass, Err(refusal)) => {
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
            Some("SASL") if words.any(|mechanism| mechanism == "PLAIN") => {
                capabilities.plain = Offer::Made;
            }
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
                self.log_in(capabilities, now)
            }
        }
    }

    fn log_in(&mut self, capabilities: &Capabilities, now: Instant) -> State {
        let may = self.settings.encryption == Encryption::Tls
            || self.settings.clear_text_login == ClearTextLogin::Allowed;
        if !may {
            return State::Over(End::ClearText);
        }
        let credentials = &self.settings.credentials;
        let control = |octet: &u8| octet.is_ascii_control();
        // A line end in a password would be a command of its own.
        if credentials.name.as_bytes().iter().chain(&credentials.password).any(control) {
            return State::Over(End::Credentials);
        }
        if capabilities.plain == Offer::Missing {
            let line = format!("USER {}\r\n", credentials.name);
            self.send(line.into_bytes(), now);
            return State::Opening(Opening::User);
        }
        let response = sasl::plain_initial_response(credentials);
        let line = format!("AUTH PLAIN {response}\r\n");
        // RFC 5034 §4: an initial response that doesn't fit in the line waits for the challenge.
        let (line, response) = match line.len() {
            octets if octets <= limits::COMMAND_LINE_OCTETS_MAX => (line, None),
            _ => ("AUTH PLAIN\r\n".to_owned(), Some(response)),
        };
        self.send(line.into_bytes(), now);
        State::Opening(Opening::Auth { response })
    }

    /// The server wants PLAIN's one message.
    fn challenged(&mut self, response: Option<String>, now: Instant) -> State {
        match response {
            Some(response) => {
                self.send(format!("{response}\r\n").into_bytes(), now);
                State::Opening(Opening::Auth { response: None })
            }
            None => State::Over(End::Protocol("it challenges PLAIN")),
        }
    }
}
