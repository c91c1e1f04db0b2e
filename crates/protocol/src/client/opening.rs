//! From the greeting to the first transaction: EHLO, STARTTLS, AUTH.

use std::time::Instant;

use bytes::Bytes;

use super::{
    Capabilities, ClearTextLogin, Dialogue, Encryption, Failure, Line, Login, Phase, Protocol,
    Said, Session, StartTls, State, Step,
};
use crate::limits;
use crate::reply::{Reply, Severity};
use crate::sasl::client::{self, Client, Exchange, Peer};

impl Session {
    /// The handshake is through. All that was said before is forgotten (RFC 3207 §4.2).
    pub fn tls_started(&mut self, now: Instant) {
        if !matches!(self.state, State::Handshake) {
            return;
        }
        self.encryption = Encryption::Tls;
        self.capabilities = Capabilities::default();
        self.send_hello(now);
    }

    pub(super) fn take_opening_reply(&mut self, state: State, reply: Reply, now: Instant) {
        let severity = reply.severity();
        match state {
            State::Greeting if reply.code().value() == 220 => self.send_hello(now),
            State::Ehlo if severity == Severity::Success => {
                self.capabilities = Capabilities::parse(&reply);
                self.note_peer_name(&reply);
                self.secure(now);
            }
            // RFC 5321 §3.2: a server that doesn't know EHLO is greeted with HELO. LMTP has no such past.
            State::Ehlo
                if severity == Severity::Permanent && self.settings.protocol == Protocol::Smtp =>
            {
                self.state = State::Helo;
                let command = format!("HELO {}", self.settings.name);
                self.send_line(&command, limits::CLIENT_COMMAND_TIMEOUT, now);
            }
            State::Helo if severity == Severity::Success => {
                self.capabilities = Capabilities::default();
                self.note_peer_name(&reply);
                self.secure(now);
            }
            State::StartTls if reply.code().value() == 220 => self.expect_handshake(now),
            // RFC 3207 §4.1: 454 is the server's trouble. Opportunistic means: then in clear.
            State::StartTls
                if self.settings.start_tls == StartTls::Opportunistic
                    && reply.code().value() != 421 // RFC 5321 §3.8: it is about to close.
                    && matches!(severity, Severity::Temporary | Severity::Permanent) =>
            {
                self.authenticate(now);
            }
            State::Auth(exchange) => self.continue_login(exchange, reply, now),
            state => self.refused(state, reply),
        }
    }

    /// The reply ends the session: a refusal, or of a class that doesn't fit.
    fn refused(&mut self, state: State, reply: Reply) {
        self.state = state;
        let phase = self.phase();
        self.fail(match reply.severity() {
            Severity::Temporary | Severity::Permanent => Failure::Refused { phase, reply },
            Severity::Success | Severity::Intermediate => {
                Failure::OutOfStep { phase, reply: Some(reply) }
            }
        });
    }

    fn send_hello(&mut self, now: Instant) {
        self.state = State::Ehlo;
        let verb = match self.settings.protocol {
            Protocol::Smtp => "EHLO",
            Protocol::Lmtp => "LHLO", // RFC 2033 §4.1
        };
        let command = format!("{verb} {}", self.settings.name);
        self.send_line(&command, limits::CLIENT_COMMAND_TIMEOUT, now);
    }

    fn note_peer_name(&mut self, reply: &Reply) {
        let first = reply.lines().first().and_then(|line| line.split_ascii_whitespace().next());
        self.peer_name = first.unwrap_or_default().to_ascii_lowercase();
    }

    /// STARTTLS, where it is wanted and can be had; else on to AUTH.
    fn secure(&mut self, now: Instant) {
        let offered = self.capabilities.start_tls.is_offered();
        match (self.encryption, self.settings.start_tls) {
            (Encryption::Clear, StartTls::Opportunistic | StartTls::Required) if offered => {
                self.state = State::StartTls;
                self.send_line("STARTTLS", limits::CLIENT_COMMAND_TIMEOUT, now);
            }
            (Encryption::Clear, StartTls::Required) => self.fail(Failure::TlsNotOffered),
            (Encryption::Clear | Encryption::Tls, _) => self.authenticate(now),
        }
    }

    fn expect_handshake(&mut self, now: Instant) {
        self.state = State::Handshake;
        self.deadline = now + limits::CLIENT_HANDSHAKE_TIMEOUT;
        // What stands behind the 220 in clear would be taken for the answer to the EHLO that goes out
        // encrypted (CVE-2020-14954, row C05).
        if self.parser.has_leftover() {
            self.fail(Failure::TlsInjection);
        }
    }

    fn authenticate(&mut self, now: Instant) {
        self.state = State::Idle;
        let Some(login) = self.settings.login.clone() else { return };
        if self.encryption == Encryption::Clear
            && self.settings.clear_text_login == ClearTextLogin::Refused
        {
            return self.fail(Failure::LoginNeedsTls);
        }
        match login {
            Login::Chosen => self.state = State::Choosing(None),
            Login::Password(credentials) if self.capabilities.auth_plain.is_offered() => {
                self.begin_login(Box::new(client::Plain(credentials)), now);
            }
            Login::Password(credentials) if self.capabilities.auth_login.is_offered() => {
                self.begin_login(Box::new(client::Login::new(credentials)), now);
            }
            Login::Password(_) => self.fail(Failure::NoMechanism),
        }
    }

    /// Logs in, as [`Step::LogIn`] asks for; `None` where there is no (other) way. At any other time nothing comes of it.
    pub fn log_in(&mut self, client: Option<Box<dyn Client>>, now: Instant) {
        let State::Choosing(refused) = &mut self.state else { return };
        match (client, refused.take()) {
            (Some(client), _) => self.begin_login(client, now),
            (None, Some(reply)) => self.fail(Failure::Refused { phase: Phase::Auth, reply }),
            (None, None) => self.fail(Failure::NoMechanism),
        }
    }

    fn begin_login(&mut self, client: Box<dyn Client>, now: Instant) {
        let verb = format!("AUTH {}", client.mechanism());
        // RFC 5321 §4.5.3.1.4, with the blank and the line's end.
        let room = limits::CLIENT_AUTH_COMMAND_OCTETS_MAX.saturating_sub(verb.len() + 3);
        let (exchange, initial) = Exchange::begin(client, room);
        self.state = State::Auth(exchange);
        match initial {
            Some(initial) => {
                self.send_secret(&format!("{verb} {initial}"), &format!("{verb} <hidden>"), now);
            }
            None => self.send_line(&verb, limits::CLIENT_COMMAND_TIMEOUT, now),
        }
    }

    /// RFC 4954 §4: 334 is a challenge, 235 a yes.
    fn continue_login(&mut self, mut exchange: Exchange, reply: Reply, now: Instant) {
        match reply.severity() {
            Severity::Intermediate if reply.code().value() == 334 => {
                let challenge = reply.lines().first().map(String::as_str).unwrap_or_default();
                let Some(line) = exchange.respond(challenge) else {
                    return self.refused(State::Auth(exchange), reply);
                };
                self.state = State::Auth(exchange);
                self.send_secret(&line, "<hidden>", now);
            }
            Severity::Success if exchange.peer() == Peer::Proven => self.state = State::Idle,
            // Who cheats isn't told the password in another way.
            _ if exchange.peer() == Peer::Wrong => self.fail_login(exchange, Failure::Unproven),
            Severity::Success => self.fail_login(exchange, Failure::Unproven),
            Severity::Permanent if self.settings.login == Some(Login::Chosen) => {
                self.state = State::Choosing(Some(reply));
            }
            _ => self.refused(State::Auth(exchange), reply),
        }
    }

    fn fail_login(&mut self, exchange: Exchange, failure: Failure) {
        self.state = State::Auth(exchange);
        self.fail(failure);
    }

    /// Sends a line of which the dialogue shows only `shown`.
    fn send_secret(&mut self, line: &str, shown: &str, now: Instant) {
        self.deadline = now + limits::CLIENT_COMMAND_TIMEOUT;
        if self.settings.dialogue == Dialogue::Kept {
            let said = Said::Sent(Bytes::from(format!("{shown}\r\n")));
            self.dialogue.push(Line { at: now, said });
        }
        self.steps.push_back(Step::Send(vec![Bytes::from(format!("{line}\r\n"))]));
    }
}
