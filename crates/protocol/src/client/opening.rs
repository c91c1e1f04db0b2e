//! From the greeting to the first transaction: EHLO, STARTTLS, AUTH.

use std::time::Instant;

use bytes::Bytes;

use super::{
    Capabilities, ClearTextLogin, Dialogue, Encryption, Failure, Line, Protocol, Said, Session,
    StartTls, State, Step,
};
use crate::limits;
use crate::reply::{Reply, Severity};
use crate::sasl::{self, Credentials};

/// Which of AUTH LOGIN's two questions is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LoginPrompt {
    User,
    Password,
    Verdict,
}

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
            State::AuthPlain if severity == Severity::Success => self.state = State::Idle,
            State::AuthLogin(prompt) => self.continue_login(prompt, reply, now),
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
        if self.capabilities.auth_plain.is_offered() {
            self.state = State::AuthPlain;
            let message = sasl::plain_initial_response(&login);
            self.send_secret(&format!("AUTH PLAIN {message}"), "AUTH PLAIN <hidden>", now);
        } else if self.capabilities.auth_login.is_offered() {
            self.state = State::AuthLogin(LoginPrompt::User);
            self.send_line("AUTH LOGIN", limits::CLIENT_COMMAND_TIMEOUT, now);
        } else {
            self.fail(Failure::NoMechanism);
        }
    }

    /// AUTH LOGIN asks for the user, then for the password; what the questions say differs, their order
    /// doesn't.
    fn continue_login(&mut self, prompt: LoginPrompt, reply: Reply, now: Instant) {
        let Some(Credentials { name, password }) = self.settings.login.clone() else {
            return self.refused(State::AuthLogin(prompt), reply);
        };
        let asked = reply.code().value() == 334;
        match prompt {
            LoginPrompt::User if asked => {
                self.state = State::AuthLogin(LoginPrompt::Password);
                self.send_secret(&sasl::encode_response(name.as_bytes()), "<hidden>", now);
            }
            LoginPrompt::Password if asked => {
                self.state = State::AuthLogin(LoginPrompt::Verdict);
                self.send_secret(&sasl::encode_response(&password), "<hidden>", now);
            }
            LoginPrompt::Verdict if reply.severity() == Severity::Success => {
                self.state = State::Idle;
            }
            prompt => self.refused(State::AuthLogin(prompt), reply),
        }
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
