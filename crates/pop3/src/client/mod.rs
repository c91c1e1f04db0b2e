//! The client's side: from the greeting to an open maildrop by itself, then one request at a time.
//!
//! ```text
//! loop {
//!     match session.step(now) {
//!         Step::Send(octets)    => write them all, before session.deadline(),
//!         Step::NeedInput       => read some: session.push(octets, now); session.closed() at the end, or
//!                                  once session.deadline() is past,
//!         Step::StartTls        => shake hands, then session.tls_started(now),
//!         Step::Idle            => session.request(request, now),
//!         Step::Content(octets) => the next piece of the message that was asked for, lines with CRLF,
//!         Step::Done(outcome)   => what became of the request,
//!         Step::Close(end)      => drop the connection; `end` says why,
//!     }
//! }
//! ```
//! The server is not trusted: everything it sends is bounded ([`limits`]), nothing that came before TLS is
//! kept, what comes unasked ends the session, and no password goes over a connection in clear unless
//! [`Settings`] say so. Its words ([`Refusal::text`]) are shown to nobody as they are: whoever prints
//! them makes control characters visible.
//!
//! | looking for | it is in |
//! |---|---|
//! | greeting, CAPA, STLS, AUTH, USER and PASS | `opening.rs` |
//! | responses and listings off the wire | `response.rs` |

use std::collections::VecDeque;
use std::time::Instant;

use postroad_protocol::sasl::Credentials;
use postroad_protocol::sasl::client::Token;

use crate::command::MessageNumber;
use crate::content::{Decoder, Run};
use crate::limits;
use crate::line::{Line, LineReader};
use crate::unique_id::UniqueId;

mod opening;
mod response;

#[cfg(test)]
mod tests;

use opening::Opening;
use response::Listing;
pub use response::Refusal;

pub use crate::server::{ClearTextLogin, Encryption};

/// How a session is to be held.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What the connection is when the greeting comes.
    pub encryption: Encryption,
    /// What to do about STLS.
    pub stls: Stls,
    /// Who we are.
    pub login: Login,
    /// Whether the password or the token may go over a connection in clear.
    pub clear_text_login: ClearTextLogin,
    /// Octets of a message at most.
    pub message_octets_max: u64,
}

/// Who somebody is, and how that is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// By a password: AUTH PLAIN, or else USER and PASS.
    Password(Credentials),
    /// By a token: AUTH OAUTHBEARER (RFC 7628), or else XOAUTH2.
    Token(Token),
    /// By what the shell chooses of what is offered ([`Step::LogIn`]); where that is nothing, USER and PASS with these.
    Chosen(Option<Credentials>),
}

/// What to do about STLS (RFC 2595 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stls {
    /// Not to use it.
    Never,
    /// To use it, or to read nothing.
    Required,
}

/// What the shell does next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Write these.
    Send(Vec<u8>),
    /// Read, or let [`Session::deadline`] pass.
    NeedInput,
    /// Shake hands.
    StartTls,
    /// Choose how to log in, by [`Session::offers`]: [`Session::log_in`].
    LogIn,
    /// The maildrop is open and no request is under way.
    Idle,
    /// The next piece of the message that was asked for.
    Content(Vec<u8>),
    /// The request is over.
    Done(Outcome),
    /// The session is over.
    Close(End),
}

/// What can be asked of an open maildrop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// How many messages there are: [`Outcome::Stat`].
    Stat,
    /// How long each is: [`Outcome::Sizes`].
    Sizes,
    /// What each is called for ever: [`Outcome::UniqueIds`].
    UniqueIds,
    /// A message: [`Step::Content`], then [`Outcome::Done`].
    Retrieve(MessageNumber),
    /// A message's header and some lines of its body, likewise.
    Top(MessageNumber, u32),
    /// To mark a message as deleted: [`Outcome::Done`].
    Delete(MessageNumber),
    /// To take the marks off: [`Outcome::Done`].
    Reset,
    /// To delete what is marked, and to go: [`End::Quit`].
    Quit,
}

/// What became of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The drop listing.
    Stat {
        /// Messages.
        count: u32,
        /// Octets of all of them.
        octets: u64,
    },
    /// The size of each message.
    Sizes(Vec<(MessageNumber, u64)>),
    /// The unique-id of each message.
    UniqueIds(Vec<(MessageNumber, UniqueId)>),
    /// Done.
    Done,
    /// The server said `-ERR`.
    Refused(Refusal),
}

/// Why a session is over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum End {
    /// We said QUIT, and all that was marked is deleted.
    #[error("the session has ended")]
    Quit,
    /// We said QUIT, and the server has kept some of the marked messages (RFC 1939 §6).
    #[error("the server did not delete all messages")]
    NotDeleted(Refusal),
    /// The server takes no connection.
    #[error("the server refuses the connection")]
    Refused(Refusal),
    /// TLS is required, and the server has none.
    #[error("the server offers no TLS (STLS)")]
    NoTls,
    /// The password would have gone over a connection in clear.
    #[error("the password is not sent without TLS")]
    ClearText,
    /// The name or the password can't be said in POP3: it holds a control character.
    #[error("the user's name or password holds characters that can't be sent")]
    Credentials,
    /// The server knows none of the ways to log in that we have.
    #[error("the server offers no way to log in that this account has")]
    NoMechanism,
    /// The login was refused.
    #[error("the server refuses the login")]
    Login(Refusal),
    /// It lets us in, or wants to, without a proof that it knows the password (RFC 5802 §5).
    #[error("the server doesn't prove that it knows the password")]
    Unproven,
    /// The message is longer than we take.
    #[error("the message is longer than {octets_max} octets")]
    TooLarge {
        /// The limit.
        octets_max: u64,
    },
    /// The server says what no server may say.
    #[error("the server does not keep to POP3: {0}")]
    Protocol(&'static str),
    /// The connection was closed, or the server was silent for too long.
    #[error("the connection was lost")]
    Lost,
}

/// One connection, from its greeting to its end.
#[derive(Debug)]
pub struct Session {
    settings: Settings,
    input: LineReader,
    steps: VecDeque<Step>,
    state: State,
    deadline: Instant,
    /// Octets of the message that is coming in.
    message_octets: u64,
    /// Mechanisms of SASL that it offers, in capitals.
    mechanisms: Vec<String>,
}

#[derive(Debug)]
enum State {
    /// On the way to an open maildrop.
    Opening(Opening),
    /// The shell shakes hands.
    StartingTls,
    /// The shell chooses; what was refused before.
    Choosing(Option<Refusal>),
    Idle,
    /// The response to this is awaited.
    Awaiting(Request),
    /// The lines of a listing are awaited.
    Listing(Listing),
    /// A message is coming in.
    Content(Decoder),
    Over(End),
}

impl Session {
    /// A connection that was just made.
    pub fn new(settings: Settings, now: Instant) -> Self {
        Self {
            settings,
            input: LineReader::default(),
            steps: VecDeque::new(),
            state: State::Opening(Opening::Greeting),
            deadline: now + limits::CLIENT_RESPONSE_TIMEOUT,
            message_octets: 0,
            mechanisms: Vec::new(),
        }
    }

    /// Whether the server offers a mechanism of SASL.
    pub fn offers(&self, mechanism: &str) -> bool {
        self.mechanisms.iter().any(|offered| offered == mechanism)
    }

    /// Takes octets that were read.
    pub fn push(&mut self, octets: &[u8], now: Instant) {
        self.deadline = now + limits::CLIENT_RESPONSE_TIMEOUT;
        self.input.push(octets);
    }

    /// The server has closed the connection, or [`Session::deadline`] is past.
    pub fn closed(&mut self) {
        if !matches!(self.state, State::Over(_)) {
            self.state = State::Over(End::Lost);
        }
    }

    /// When the server has been silent for too long.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The handshake that was asked for is done: nothing that came before it counts.
    pub fn tls_started(&mut self, now: Instant) {
        self.input.clear();
        self.settings.encryption = Encryption::Tls;
        self.send(b"CAPA\r\n".to_vec(), now);
        self.state = State::Opening(Opening::Capabilities);
    }

    /// Asks for something; only while [`Step::Idle`]. At any other time the session ends.
    pub fn request(&mut self, request: Request, now: Instant) {
        if !matches!(self.state, State::Idle) {
            self.state = State::Over(End::Protocol("a request is under way already"));
            return;
        }
        let line = match request {
            Request::Stat => "STAT\r\n".to_owned(),
            Request::Sizes => "LIST\r\n".to_owned(),
            Request::UniqueIds => "UIDL\r\n".to_owned(),
            Request::Retrieve(number) => format!("RETR {number}\r\n"),
            Request::Top(number, lines) => format!("TOP {number} {lines}\r\n"),
            Request::Delete(number) => format!("DELE {number}\r\n"),
            Request::Reset => "RSET\r\n".to_owned(),
            Request::Quit => "QUIT\r\n".to_owned(),
        };
        self.send(line.into_bytes(), now);
        self.state = State::Awaiting(request);
    }

    /// What to do next.
    pub fn step(&mut self, now: Instant) -> Step {
        loop {
            if let Some(step) = self.steps.pop_front() {
                return step;
            }
            match std::mem::replace(&mut self.state, State::Over(End::Lost)) {
                State::Idle if !self.input.rest().is_empty() => {
                    self.state = State::Over(End::Protocol("it speaks unasked"));
                }
                State::Idle => {
                    self.state = State::Idle;
                    return Step::Idle;
                }
                State::StartingTls => {
                    self.state = State::StartingTls;
                    return Step::StartTls;
                }
                State::Choosing(refused) => {
                    self.state = State::Choosing(refused);
                    return Step::LogIn;
                }
                State::Over(end) => {
                    self.state = State::Over(end.clone());
                    return Step::Close(end);
                }
                State::Content(decoder) => {
                    if let Some(step) = self.content(decoder) {
                        return step;
                    }
                }
                state @ (State::Opening(_) | State::Awaiting(_) | State::Listing(_)) => {
                    let line = match self.input.next(limits::CLIENT_LINE_OCTETS_MAX) {
                        Line::Whole(line) => line,
                        Line::TooLong => {
                            self.state = State::Over(End::Protocol("a line is too long"));
                            continue;
                        }
                        Line::Incomplete => {
                            self.state = state;
                            return Step::NeedInput;
                        }
                    };
                    self.state = self.line(state, &line, now);
                }
            }
        }
    }

    /// Takes a line of a response.
    fn line(&mut self, state: State, line: &[u8], now: Instant) -> State {
        match state {
            State::Opening(opening) => self.open(opening, line, now),
            State::Awaiting(request) => self.answered(request, line),
            State::Listing(listing) => match listing.line(line) {
                Ok(response::Progress::More(listing)) => State::Listing(listing),
                Ok(response::Progress::Done(outcome)) => self.done(outcome),
                Err(problem) => State::Over(End::Protocol(problem)),
            },
            state @ (State::StartingTls
            | State::Choosing(_)
            | State::Idle
            | State::Content(_)
            | State::Over(_)) => state,
        }
    }

    /// Takes the first line of the response to a request.
    fn answered(&mut self, request: Request, line: &[u8]) -> State {
        let text = match response::first_line(line) {
            Ok(Ok(text)) => text,
            Ok(Err(refusal)) if request == Request::Quit => {
                return State::Over(End::NotDeleted(refusal));
            }
            Ok(Err(refusal)) => return self.done(Outcome::Refused(refusal)),
            Err(problem) => return State::Over(End::Protocol(problem)),
        };
        match request {
            Request::Stat => match response::drop_listing(&text) {
                Some((count, octets)) => self.done(Outcome::Stat { count, octets }),
                None => State::Over(End::Protocol("its drop listing is malformed")),
            },
            Request::Sizes => State::Listing(Listing::Sizes(Vec::new())),
            Request::UniqueIds => State::Listing(Listing::UniqueIds(Vec::new())),
            Request::Retrieve(_) | Request::Top(..) => {
                self.message_octets = 0;
                State::Content(Decoder::default())
            }
            Request::Delete(_) | Request::Reset => self.done(Outcome::Done),
            Request::Quit => State::Over(End::Quit),
        }
    }

    fn done(&mut self, outcome: Outcome) -> State {
        self.steps.push_back(Step::Done(outcome));
        State::Idle
    }

    /// Takes what is there of a message.
    fn content(&mut self, mut decoder: Decoder) -> Option<Step> {
        let mut content = Vec::new();
        let ended = loop {
            let rest = self.input.rest();
            let octets = match decoder.next(rest) {
                Run::Content(octets) => {
                    content.extend_from_slice(rest.get(..octets).unwrap_or_default());
                    octets
                }
                Run::Skip(octets) => octets,
                Run::End(octets) => {
                    self.input.consume(octets);
                    break true;
                }
                Run::NeedInput => break false,
            };
            self.input.consume(octets);
        };
        let octets_max = self.settings.message_octets_max;
        self.message_octets += content.len() as u64;
        if self.message_octets > octets_max {
            self.state = State::Over(End::TooLarge { octets_max });
            return None;
        }
        let is_empty = content.is_empty();
        if !is_empty {
            self.steps.push_back(Step::Content(content));
        }
        self.state = if ended { self.done(Outcome::Done) } else { State::Content(decoder) };
        (is_empty && !ended).then_some(Step::NeedInput)
    }

    fn send(&mut self, octets: Vec<u8>, now: Instant) {
        self.deadline = now + limits::CLIENT_RESPONSE_TIMEOUT;
        self.steps.push_back(Step::Send(octets));
    }
}
