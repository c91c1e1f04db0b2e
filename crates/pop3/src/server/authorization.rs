//! The AUTHORIZATION state (RFC 1939 §4): USER and PASS, AUTH (RFC 5034), STLS (RFC 2595 §4), UTF8
//! (RFC 6856 §2.1), CAPA, QUIT.
//!
//! Whether a password is right is the shell's to find out. An unknown name and a wrong password get
//! the same words.

use std::time::Instant;

use postroad_protocol::sasl::{
    Attempt, Challenge, Credentials, Exchange, Mechanism, Progress, SaslError,
};

use super::{
    Authorization, Encryption, Input, LoginFailure, Maildrop, Mode, Next, Phase, Question, Server,
    State, Step, Stls,
};
use crate::command::{Command, Password};
use crate::limits;
use crate::line::Line;
use crate::reply::{self, Refusal};

impl Server {
    /// Does the next command of the AUTHORIZATION state.
    pub(super) fn authorization(&mut self, mut state: Authorization, now: Instant) -> Next {
        let command = match self.command(now) {
            Input::Command(command) => command,
            Input::None => return (State::Authorization(state), Some(Step::NeedInput)),
            Input::HadEnough => return (State::Over, None),
        };
        match command {
            Command::User(name) => self.user(&mut state, name),
            Command::Pass(password) => return self.pass(state, password),
            Command::Auth { mechanism, initial } => {
                return self.auth(state, &mechanism, initial.as_deref());
            }
            Command::Stls => return self.stls(state),
            Command::Capa => self.capabilities(Phase::Authorization),
            Command::Utf8 => {
                state.mode = Mode::Utf8;
                self.ok("UTF-8 it is");
            }
            // RFC 1939 §6: QUIT here deletes nothing.
            Command::Quit => {
                self.ok("good-bye");
                return (State::Over, None);
            }
            Command::Stat
            | Command::List(_)
            | Command::Uidl(_)
            | Command::Retr(_)
            | Command::Top(..)
            | Command::Dele(_)
            | Command::Noop
            | Command::Rset => self.error(reply::LOGIN_FIRST),
        }
        (State::Authorization(state), None)
    }

    fn user(&mut self, state: &mut Authorization, name: String) {
        match self.login_refusal() {
            Some(refusal) => self.error(refusal),
            None => {
                state.user = Some(name);
                // RFC 1939 §7: +OK whether the name is known or not.
                self.ok("now the password");
            }
        }
    }

    fn pass(&mut self, mut state: Authorization, Password(password): Password) -> Next {
        // RFC 1939 §7: PASS comes right behind USER, so the name is used up.
        match (self.login_refusal(), state.user.take()) {
            (Some(refusal), _) => self.error(refusal),
            (None, None) => self.error(reply::USER_FIRST),
            (None, Some(name)) => {
                return log_in(state, Attempt::Password(Credentials { name, password }));
            }
        }
        (State::Authorization(state), None)
    }

    fn auth(&mut self, state: Authorization, mechanism: &str, initial: Option<&str>) -> Next {
        let mechanism = match self.settings.offer.find(mechanism, self.tls()) {
            Some(Mechanism::Login) | None => Err(reply::UNKNOWN_MECHANISM),
            Some(mechanism) => self.login_refusal().map_or(Ok(mechanism), Err),
        };
        match mechanism {
            Ok(mechanism) => self.progress(state, Exchange::start(mechanism, initial)),
            Err(refusal) => {
                self.error(refusal);
                (State::Authorization(state), None)
            }
        }
    }

    /// Takes the client's line of an AUTH exchange.
    pub(super) fn sasl(&mut self, state: Authorization, exchange: Exchange, now: Instant) -> Next {
        match self.line(limits::AUTH_LINE_OCTETS_MAX, now) {
            Line::Whole(line) => self.progress(state, exchange.respond(&line)),
            Line::TooLong => {
                self.error(reply::LINE_TOO_LONG);
                (State::Authorization(state), None)
            }
            Line::Incomplete => (State::Sasl(state, exchange), Some(Step::NeedInput)),
        }
    }

    fn progress(&mut self, state: Authorization, progress: Progress) -> Next {
        let refusal = match progress {
            Progress::Challenge(challenge) => return (self.challenge(state, challenge), None),
            Progress::Done(attempt) => return log_in(state, attempt),
            Progress::Failed(SaslError::Malformed) => reply::AUTH_MALFORMED,
            Progress::Failed(SaslError::Cancelled) => reply::AUTH_CANCELLED,
            Progress::Failed(SaslError::Proxy) => reply::WRONG_LOGIN,
            Progress::Failed(SaslError::Channel) => reply::AUTH_CHANNEL,
            Progress::Failed(SaslError::Refused) => {
                self.failed_logins += 1;
                reply::WRONG_LOGIN
            }
        };
        self.error(refusal);
        (State::Authorization(state), None)
    }

    /// RFC 5034 §4: a challenge is "+ " and base64.
    pub(super) fn challenge(&mut self, state: Authorization, challenge: Challenge) -> State {
        let Challenge { text, exchange } = challenge;
        self.output.extend_from_slice(format!("+ {text}\r\n").as_bytes());
        State::Sasl(state, exchange)
    }

    /// Why no password may be sent, where that is so (RFC 2595 §2.3).
    fn login_refusal(&self) -> Option<Refusal> {
        match self.settings.stls {
            _ if self.may_log_in() => None,
            Stls::Offered => Some(reply::TLS_FIRST),
            Stls::Unavailable => Some(reply::NO_CLEAR_TEXT),
        }
    }

    fn stls(&mut self, state: Authorization) -> Next {
        let refusal = match (self.settings.encryption, self.settings.stls, state.mode) {
            (Encryption::Tls, ..) => reply::TLS_ALREADY,
            (Encryption::Clear, Stls::Unavailable, _) => reply::NO_TLS,
            // RFC 6856 §2.1: clients must not; servers may refuse.
            (Encryption::Clear, Stls::Offered, Mode::Utf8) => reply::STLS_AFTER_UTF8,
            (Encryption::Clear, Stls::Offered, Mode::Ascii) => {
                self.ok("begin TLS");
                return (State::StartingTls, None);
            }
        };
        self.error(refusal);
        (State::Authorization(state), None)
    }

    /// The shell knows whether the login was right.
    pub(super) fn logged_in(
        &mut self,
        state: Authorization,
        login: Result<Maildrop, LoginFailure>,
    ) -> State {
        let failure = match login {
            Ok(maildrop) => {
                self.ok(&maildrop.summary());
                return State::Transaction(maildrop);
            }
            Err(failure) => failure,
        };
        let refusal = match failure {
            LoginFailure::Wrong => {
                self.failed_logins += 1;
                reply::WRONG_LOGIN
            }
            LoginFailure::Banned => {
                self.failed_logins += 1;
                reply::BANNED
            }
            LoginFailure::InUse => reply::IN_USE,
            LoginFailure::Unavailable => reply::UNAVAILABLE,
        };
        self.refuse(refusal);
        // RFC 1939 §4: the client may try again.
        State::Authorization(state)
    }
}

fn log_in(state: Authorization, attempt: Attempt) -> Next {
    (State::LoggingIn(state), Some(Step::Ask(Question::Login(attempt))))
}
