//! The server's side: greeting, login, transaction, update (RFC 1939 §3 to §6).
//!
//! A [`Server`] is one connection. The shell moves octets and time, and answers questions:
//!
//! ```text
//! loop {
//!     match server.step(now) {
//!         Step::Send(octets)  => write them all,
//!         Step::NeedInput     => read some: server.push(octets); or drop the connection at its end, or
//!                                once server.deadline() is past,
//!         Step::StartTls      => drop what was read ahead, shake hands, server.tls_started(now),
//!         Step::Ask(question) => server.answer(answer),
//!         Step::Close         => drop the connection,
//!     }
//! }
//! ```
//! The states are RFC 1939's, and each owns what it needs: only a `Transaction` has a [`Maildrop`], so
//! nothing can be read before a login; and only QUIT in it asks [`Question::Update`], so a connection
//! that is dropped deletes nothing (RFC 1939 §6).
//!
//! | looking for | it is in |
//! |---|---|
//! | USER, PASS, AUTH, STLS, UTF8 | `authorization.rs` |
//! | STAT, LIST, UIDL, RETR, TOP, DELE, RSET, QUIT | `transaction.rs` |
//! | messages, sizes, marks | [`Maildrop`] |

use std::time::Instant;

use postroad_protocol::address::Domain;
use postroad_protocol::sasl::{Attempt, Challenge, Exchange, Offer};

pub use postroad_protocol::sasl::ClearTextLogin;
use postroad_protocol::server::Tls;

use crate::command::{Command, CommandError};
use crate::content::{Encoder, Extent};
use crate::limits;
use crate::line::{Line, LineReader};
use crate::reply::{self, Refusal};

mod authorization;
mod maildrop;
mod transaction;

#[cfg(test)]
mod tests;

pub use maildrop::{Maildrop, Message};

use transaction::Listing;

/// How a session is to be held.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Our name in the greeting.
    pub name: Domain,
    /// Whether the connection is inside TLS from the start (POP3S).
    pub encryption: Encryption,
    /// Whether STLS is offered.
    pub stls: Stls,
    /// Whether a password may come over a connection in clear.
    pub clear_text_login: ClearTextLogin,
    /// How to log in, beside USER and PLAIN.
    pub offer: Offer,
}

/// Whether a connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// No.
    Clear,
    /// Yes.
    Tls,
}

/// Whether STLS is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stls {
    /// There is a certificate.
    Offered,
    /// There is none.
    Unavailable,
}

/// What the shell does next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Write these.
    Send(Vec<u8>),
    /// Read, or let [`Server::deadline`] pass.
    NeedInput,
    /// Shake hands; nothing that was read ahead counts.
    StartTls,
    /// Find the answer, then call [`Server::answer`].
    Ask(Question),
    /// Drop the connection.
    Close,
}

/// What only the shell can know.
#[derive(Debug, PartialEq, Eq)]
pub enum Question {
    /// Whether that is who it says, and what is in the user's maildrop: [`Answer::Login`], or [`Answer::Challenge`].
    Login(Attempt),
    /// Whether the message at this place in the maildrop can be read: [`Answer::Opened`].
    Open {
        /// Where it stands among those that [`Maildrop::new`] was given.
        index: usize,
        /// How much of it is wanted.
        extent: Extent,
    },
    /// The next piece of the message that was opened: [`Answer::Content`]. Where it can't be read, drop
    /// the connection: a response that has begun can't be taken back, and must not end as if whole.
    Content,
    /// To delete these messages (or none) for good, and to release the lock: [`Answer::Updated`].
    Update(Vec<usize>),
}

/// The answer to a [`Question`].
#[derive(Debug)]
pub enum Answer {
    /// The login goes on with this.
    Challenge(Challenge),
    /// The maildrop, locked for this session.
    Login(Result<Maildrop, LoginFailure>),
    /// The message is open.
    Opened(Result<(), OpenFailure>),
    /// A piece of the message, empty at its end.
    Content(Vec<u8>),
    /// All are deleted, or some aren't.
    Updated(Result<(), NotDeleted>),
}

/// Why nobody is logged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginFailure {
    /// Name or password are wrong.
    Wrong,
    /// Too many logins were wrong that came from there.
    Banned,
    /// The maildrop is open elsewhere.
    InUse,
    /// Something failed here.
    Unavailable,
}

/// Why a message can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenFailure {
    /// It was removed by somebody else.
    Gone,
    /// Something failed here.
    Unreadable,
}

/// Some messages are still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotDeleted;

/// One connection, from its greeting to its end.
#[derive(Debug)]
pub struct Server {
    settings: Settings,
    input: LineReader,
    output: Vec<u8>,
    state: State,
    /// The step that comes once the output is out.
    held: Option<Step>,
    errors: u32,
    failed_logins: u32,
    /// When the client has said nothing for too long.
    autologout: Instant,
    /// When it should have logged in.
    authorization_deadline: Instant,
}

/// Where the session stands.
#[derive(Debug)]
enum State {
    /// The greeting isn't out.
    Fresh,
    /// RFC 1939 §4.
    Authorization(Authorization),
    /// AUTH: the client's next line is awaited.
    Sasl(Authorization, Exchange),
    /// STLS was answered +OK.
    StartingTls,
    /// The shell was asked for the login.
    LoggingIn(Authorization),
    /// RFC 1939 §5.
    Transaction(Maildrop),
    /// A listing is on its way.
    Listing(Maildrop, Listing),
    /// The shell was asked for a message.
    Opening(Maildrop, Extent),
    /// A message is on its way.
    Sending(Maildrop, Encoder),
    /// RFC 1939 §6: the shell was asked to delete and to release.
    Updating,
    /// All that is left is to send what is in the output.
    Over,
}

/// What is known before the login.
#[derive(Debug, Default)]
struct Authorization {
    /// The name that USER gave.
    user: Option<String>,
    mode: Mode,
}

/// RFC 6856 §2.1. Messages are sent as they are in both, so only STLS cares.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Mode {
    #[default]
    Ascii,
    Utf8,
}

/// The state that follows, and what the shell has to do, if anything.
type Next = (State, Option<Step>);

impl Server {
    /// A connection that was just accepted.
    pub fn new(settings: Settings, now: Instant) -> Self {
        Self {
            settings,
            input: LineReader::default(),
            output: Vec::new(),
            state: State::Fresh,
            held: None,
            errors: 0,
            failed_logins: 0,
            autologout: now + limits::AUTOLOGOUT,
            authorization_deadline: now + limits::AUTHORIZATION_TIMEOUT,
        }
    }

    /// A session that another process has begun, which knows its user by now: [`Answer::Login`] comes next. `unread` is
    /// what that process has read and not used ([`Server::unread`]).
    pub fn logging_in(settings: Settings, unread: &[u8], now: Instant) -> Self {
        let mut server = Self::new(settings, now);
        server.state = State::LoggingIn(Authorization::default());
        server.push(unread);
        server
    }

    /// What was pushed and not used: commands that the client has sent ahead.
    pub fn unread(&self) -> &[u8] {
        self.input.rest()
    }

    /// Takes octets that were read.
    pub fn push(&mut self, octets: &[u8]) {
        self.input.push(octets);
    }

    /// When a session that waits for input is to be dropped, without a word and without deleting
    /// anything (RFC 1939 §3).
    pub fn deadline(&self) -> Instant {
        match &self.state {
            State::Fresh
            | State::Authorization(_)
            | State::Sasl(..)
            | State::StartingTls
            | State::LoggingIn(_) => self.autologout.min(self.authorization_deadline),
            State::Transaction(_)
            | State::Listing(..)
            | State::Opening(..)
            | State::Sending(..)
            | State::Updating
            | State::Over => self.autologout,
        }
    }

    /// What to do next. Output is gathered until the client has to be heard, so that pipelined
    /// commands are answered in few writes (RFC 2449 §6.6).
    pub fn step(&mut self, now: Instant) -> Step {
        if let Some(step) = self.held.take() {
            return step;
        }
        loop {
            if self.output.len() >= limits::OUTPUT_OCTETS {
                return Step::Send(std::mem::take(&mut self.output));
            }
            match self.advance(now) {
                None => {}
                Some(step) if self.output.is_empty() => return step,
                // Messages are fetched with output in hand: many small ones go out in one write.
                Some(step @ Step::Ask(Question::Open { .. } | Question::Content)) => return step,
                Some(step) => {
                    self.held = Some(step);
                    return Step::Send(std::mem::take(&mut self.output));
                }
            }
        }
    }

    fn advance(&mut self, now: Instant) -> Option<Step> {
        let (state, step) = match std::mem::replace(&mut self.state, State::Over) {
            State::Fresh => self.greet(),
            State::Authorization(state) => self.authorization(state, now),
            State::Sasl(state, exchange) => self.sasl(state, exchange, now),
            State::StartingTls => (State::StartingTls, Some(Step::StartTls)),
            State::Transaction(maildrop) => self.transaction(maildrop, now),
            State::Listing(maildrop, listing) => (self.list_on(maildrop, listing), None),
            State::Sending(maildrop, encoder) => {
                (State::Sending(maildrop, encoder), Some(Step::Ask(Question::Content)))
            }
            // The shell wants to go on without having answered.
            State::LoggingIn(_) | State::Opening(..) | State::Updating | State::Over => {
                (State::Over, Some(Step::Close))
            }
        };
        self.state = state;
        step
    }

    /// Takes the answer to the question that was asked. One to another question ends the session.
    pub fn answer(&mut self, answer: Answer) {
        self.state = match (std::mem::replace(&mut self.state, State::Over), answer) {
            (State::LoggingIn(state), Answer::Challenge(challenge)) => {
                self.challenge(state, challenge)
            }
            (State::LoggingIn(state), Answer::Login(login)) => self.logged_in(state, login),
            (State::Opening(maildrop, extent), Answer::Opened(opened)) => {
                self.opened(maildrop, extent, opened)
            }
            (State::Sending(maildrop, encoder), Answer::Content(piece)) => {
                self.send_on(maildrop, encoder, &piece)
            }
            (State::Updating, Answer::Updated(deleted)) => self.updated(deleted),
            (
                _,
                Answer::Challenge(_)
                | Answer::Login(_)
                | Answer::Opened(_)
                | Answer::Content(_)
                | Answer::Updated(_),
            ) => State::Over,
        };
    }

    /// The handshake that STLS asked for is done. Whatever came before it is forgotten: a third party
    /// could have written it (RFC 2595 §4).
    pub fn tls_started(&mut self, now: Instant) {
        self.input.clear();
        self.settings.encryption = Encryption::Tls;
        self.state = State::Authorization(Authorization::default());
        self.autologout = now + limits::AUTOLOGOUT;
    }

    fn greet(&mut self) -> Next {
        // No timestamp in angle brackets: that would offer APOP (RFC 1939 §7).
        let greeting = format!("{} POP3 server ready", self.settings.name);
        self.ok(&greeting);
        (State::Authorization(Authorization::default()), None)
    }

    /// The next line, where there is a whole one.
    fn line(&mut self, octets_max: usize, now: Instant) -> Line {
        let line = self.input.next(octets_max);
        if line != Line::Incomplete {
            // RFC 1939 §3: the receipt of any command resets the timer.
            self.autologout = now + limits::AUTOLOGOUT;
        }
        line
    }

    /// The next command. What isn't one is refused, and the one after it is read.
    fn command(&mut self, now: Instant) -> Input {
        loop {
            if self.errors >= limits::ERRORS_MAX || self.failed_logins >= limits::FAILED_LOGINS_MAX
            {
                self.refuse(reply::TOO_MANY_ERRORS);
                return Input::HadEnough;
            }
            let line = match self.line(limits::COMMAND_LINE_OCTETS_MAX, now) {
                Line::Incomplete => return Input::None,
                Line::TooLong => Err(reply::LINE_TOO_LONG),
                Line::Whole(line) => Command::parse(&line).map_err(|error| match error {
                    CommandError::Unknown => reply::UNKNOWN_COMMAND,
                    CommandError::Arguments => reply::WRONG_ARGUMENTS,
                    CommandError::Number => reply::NO_SUCH_MESSAGE,
                    CommandError::Octets => reply::WRONG_OCTETS,
                }),
            };
            match line {
                Ok(command) => return Input::Command(command),
                Err(refusal) => self.error(refusal),
            }
        }
    }

    /// CAPA (RFC 2449 §5): what is offered in this state.
    fn capabilities(&mut self, phase: Phase) {
        const ALWAYS: [&str; 8] = [
            "TOP",
            "UIDL",
            "RESP-CODES",
            "AUTH-RESP-CODE",
            "PIPELINING",
            "EXPIRE NEVER",
            "UTF8 USER",
            "IMPLEMENTATION Postroad",
        ];
        // RFC 2449 §5: what the AUTHORIZATION state offers is announced in both states.
        let sasl = self.mechanisms().fold("SASL".to_owned(), |line, name| line + " " + name);
        let login: &[&str] = if self.may_log_in() { &["USER", &sasl] } else { &[] };
        // RFC 2595 §4: STLS only where it is permitted in the current state.
        let stls: &[&str] = match phase {
            Phase::Authorization if self.may_start_tls() => &["STLS"],
            Phase::Authorization | Phase::Transaction => &[],
        };
        self.ok("capabilities follow");
        for line in ALWAYS.iter().chain(login).chain(stls) {
            self.output.extend_from_slice(line.as_bytes());
            self.output.extend_from_slice(b"\r\n");
        }
        self.output.extend_from_slice(b".\r\n");
    }

    fn may_start_tls(&self) -> bool {
        self.settings.encryption == Encryption::Clear && self.settings.stls == Stls::Offered
    }

    /// LOGIN is for clients of the last century, and those know USER and PASS.
    fn mechanisms(&self) -> impl Iterator<Item = &'static str> {
        self.settings.offer.names(self.tls()).filter(|name| *name != "LOGIN")
    }

    fn tls(&self) -> Tls {
        match (self.settings.encryption, self.settings.stls) {
            (Encryption::Tls, _) => Tls::Active,
            (Encryption::Clear, Stls::Offered) => Tls::Offered,
            (Encryption::Clear, Stls::Unavailable) => Tls::Unavailable,
        }
    }

    fn may_log_in(&self) -> bool {
        self.settings.encryption == Encryption::Tls
            || self.settings.clear_text_login == ClearTextLogin::Allowed
    }

    fn ok(&mut self, text: &str) {
        for part in ["+OK ", text, "\r\n"] {
            self.output.extend_from_slice(part.as_bytes());
        }
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.output.extend_from_slice(refusal.to_string().as_bytes());
    }

    /// Refuses what a sane client doesn't do; too much of that ends the session.
    fn error(&mut self, refusal: Refusal) {
        self.refuse(refusal);
        self.errors += 1;
    }
}

/// What the input holds.
#[derive(Debug)]
enum Input {
    Command(Command),
    /// No whole line.
    None,
    /// Too many errors: the session ends.
    HadEnough,
}

/// The states in which CAPA may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Authorization,
    Transaction,
}
