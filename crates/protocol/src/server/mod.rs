//! The server's side of a session: SMTP, submission and LMTP (RFC 5321, RFC 6409, RFC 2033).
//!
//! [`Server`] is sans-IO. The shell around it moves octets and time, and answers questions of policy:
//!
//! ```text
//! loop { match server.step(now) {
//!     Step::NeedInput       write server.output(), then read into server.input(), or time out
//!     Step::Ask(question)   decide, then server.answer(answer)
//!     Step::Content(octets) keep them; they belong to the message that Question::Data announced
//!     Step::Discard(reply)  forget them: that message was refused or given up
//!     Step::Pause(time)     wait: this client makes too many errors
//!     Step::StartTls        write server.output(), shake hands, then server.tls_started()
//!     Step::Close           write server.output() and close
//! } }
//! ```
//! Replies gather in [`Server::output`] and are written when the machine wants input, so that a
//! pipelined group is answered with one write (RFC 2920 §3.2).
//!
//! A transaction is owned by the state that needs it, and moves into [`Question::Message`] when its
//! content is there: whatever comes of it, nothing of it is left (most remote holes in mail servers
//! were state kept after an error). Invariant: no state without a hello has a transaction.
//!
//! Commands and their order are in `commands.rs`, content in `content.rs`, what follows an answer in
//! `answers.rs`, all that is said in `replies.rs`, limits in [`crate::limits`]. Who may send what to whom is
//! not decided here.

use std::time::{Duration, Instant};

use bytes::{Buf as _, BytesMut};
use memchr::memchr;

use crate::command::{Bdat, Command, CommandError, Last, Mail, Rcpt};
use crate::data::Decoder;
use crate::limits;
use crate::reply::{Reply, Severity};
use crate::sasl::Exchange;
use crate::trace_fields::{Secured, With};

mod answers;
mod commands;
mod content;
mod replies;
mod settings;
mod step;
#[cfg(test)]
mod tests;

use content::{Chunk, Chunks};
use replies::Canned;
pub use settings::{ClientLimits, Dsn, LoginRule, Service, Settings, Tls};
pub use step::{Answer, Hello, HelloKind, Question, Step, Transaction};

/// A session.
#[derive(Debug)]
pub struct Server {
    settings: Settings,
    session: Session,
    state: State,
    input: BytesMut,
    /// Octets at the front of the input that were handed out as content.
    handed_out: usize,
    /// For so many octets there was room in `input` before the last read.
    room: usize,
    output: Vec<u8>,
    discard: Option<Option<Reply>>,
    /// Recipients of a message of which a chunk was refused, until its last one comes.
    unanswered: usize,
    pause: Option<Duration>,
    stopping: Stopping,
    started: Instant,
    /// When the present wait began: with the last command, or with the content.
    since: Instant,
}

/// What outlives a transaction.
#[derive(Debug)]
struct Session {
    hello: Option<Hello>,
    tls: Tls,
    login: Option<String>,
    errors: usize,
    idle_commands: usize,
    transactions: usize,
}

impl Session {
    fn new(tls: Tls) -> Self {
        Self { hello: None, tls, login: None, errors: 0, idle_commands: 0, transactions: 0 }
    }
}

#[derive(Debug)]
enum State {
    /// Nothing was said yet.
    Greeting,
    /// No transaction is open; a command is awaited.
    Ready,
    /// A transaction is open; a command is awaited.
    Open(Transaction),
    /// Some chunks have come; a command is awaited.
    Chunked(Transaction, Chunks),
    /// A response of a SASL exchange is awaited.
    Login(Exchange),
    /// The content of DATA is coming.
    Data(Transaction, Decoder, u64),
    /// The octets of a BDAT are coming.
    Chunk(Chunk),
    /// A question is with the shell.
    Asked(Asked),
    /// The shell shakes hands.
    Handshake,
    /// The last reply was given.
    Closed,
}

/// Which question is with the shell, and what is needed to go on.
#[derive(Debug)]
enum Asked {
    Sender(Mail),
    Recipient(Transaction, Rcpt),
    Login(String),
    Data(Transaction),
    FirstChunk(Transaction, Bdat),
    Message(Awaiting),
}

/// The replies to a message that are still to be given.
#[derive(Debug, Clone, Copy)]
struct Awaiting {
    recipients: usize,
    /// So many others were refused.
    refused: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stopping {
    No,
    /// After the transaction that is open.
    Soon,
}

impl Server {
    /// A session that begins now: its first step greets.
    pub fn new(settings: Settings, now: Instant) -> Self {
        Self {
            session: Session::new(settings.tls),
            settings,
            state: State::Greeting,
            input: BytesMut::new(),
            handed_out: 0,
            room: 0,
            output: Vec::new(),
            discard: None,
            unanswered: 0,
            pause: None,
            stopping: Stopping::No,
            started: now,
            since: now,
        }
    }

    /// Hands the machine octets that came.
    pub fn push(&mut self, octets: &[u8]) {
        self.input.extend_from_slice(octets);
    }

    /// Where a shell reads into, to save [`Server::push`] its copy. Only ever append.
    pub fn input(&mut self) -> &mut BytesMut {
        &mut self.input
    }

    /// The same, with room for so many octets. Room that was needed for more is given back where nothing is unread:
    /// a client that is idle after its letter doesn't hold what the letter needed.
    pub fn input_with_room(&mut self, octets: usize) -> &mut BytesMut {
        if self.input.is_empty() && octets < self.room {
            self.input = BytesMut::new();
            self.room = 0;
        }
        self.room = self.room.max(octets);
        self.input.reserve(octets);
        &mut self.input
    }

    /// What is to be written; the shell clears it when that is done.
    pub fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// How the client introduced itself.
    pub fn hello(&self) -> Option<&Hello> {
        self.session.hello.as_ref()
    }

    /// Whether the connection is encrypted.
    pub fn tls(&self) -> Tls {
        self.session.tls
    }

    /// The name of the login that succeeded.
    pub fn login(&self) -> Option<&str> {
        self.session.login.as_deref()
    }

    /// How the session came about, for a `Received` field.
    pub fn with(&self) -> With {
        let secured = match (self.session.tls, &self.session.login) {
            (Tls::Active, Some(_)) => Secured::TlsAndLogin,
            (Tls::Active, None) => Secured::Tls,
            (Tls::Offered | Tls::Unavailable, Some(_)) => Secured::Login,
            (Tls::Offered | Tls::Unavailable, None) => Secured::Clear,
        };
        match self.session.hello.as_ref().map(|hello| hello.kind) {
            Some(HelloKind::Helo) | None => With::Smtp,
            Some(HelloKind::Ehlo) => With::Esmtp(secured),
            Some(HelloKind::Lhlo) => With::Lmtp(secured),
        }
    }

    /// The transaction that is open; none once [`Question::Message`] has carried it away.
    pub fn transaction(&self) -> Option<&Transaction> {
        match &self.state {
            State::Open(transaction)
            | State::Chunked(transaction, _)
            | State::Data(transaction, ..)
            | State::Asked(
                Asked::Recipient(transaction, _)
                | Asked::Data(transaction)
                | Asked::FirstChunk(transaction, _),
            ) => Some(transaction),
            State::Chunk(chunk) => chunk.transaction(),
            State::Greeting
            | State::Ready
            | State::Login(_)
            | State::Asked(Asked::Sender(_) | Asked::Login(_) | Asked::Message(_))
            | State::Handshake
            | State::Closed => None,
        }
    }

    /// Whether the input awaited next is content, which comes in larger pieces than commands.
    pub fn is_receiving_content(&self) -> bool {
        matches!(self.state, State::Data(..) | State::Chunk(_))
    }

    /// When the shell calls [`Server::timed_out`], whatever has come by then: an absolute time, so
    /// that a client that sends an octet a minute holds no slot.
    pub fn deadline(&self) -> Instant {
        let wait = match &self.state {
            // RFC 5321 §4.5.3.2.7
            State::Greeting
            | State::Ready
            | State::Open(_)
            | State::Chunked(..)
            | State::Login(_)
            | State::Asked(_)
            | State::Closed => limits::SERVER_COMMAND_TIMEOUT,
            State::Data(_, _, octets) => content_timeout(*octets),
            State::Chunk(chunk) => content_timeout(chunk.octets()),
            State::Handshake => limits::SERVER_TLS_TIMEOUT,
        };
        (self.since + wait).min(self.started + limits::SERVER_SESSION_TIMEOUT)
    }

    /// The deadline has passed: says so (RFC 5321 §3.8) and closes.
    pub fn timed_out(&mut self) {
        self.close(replies::TIMED_OUT);
    }

    /// The server stops: at once where no transaction is open, else when it is finished (RFC 5321 §3.8).
    pub fn shut_down(&mut self) {
        match self.transaction() {
            Some(_) => self.stopping = Stopping::Soon,
            None => match self.state {
                State::Asked(_) => self.stopping = Stopping::Soon,
                _ => self.close(replies::SHUTTING_DOWN),
            },
        }
    }

    /// The server can wait no longer for an open transaction: 421, and nothing of it is kept (RFC 5321 §3.8).
    pub fn cut_short(&mut self) {
        self.close(replies::SHUTTING_DOWN);
    }

    /// The handshake succeeded: the session begins anew (RFC 3207 §4.2). Whatever came in clear text
    /// behind STARTTLS is forgotten, for it may be an attacker's.
    pub fn tls_started(&mut self, now: Instant) {
        if matches!(self.state, State::Handshake) {
            self.input.clear();
            self.handed_out = 0;
            self.session = Session { errors: self.session.errors, ..Session::new(Tls::Active) };
            self.state = State::Ready;
            self.since = now;
        }
    }

    /// What to do next.
    pub fn step(&mut self, now: Instant) -> Step<'_> {
        self.input.advance(std::mem::take(&mut self.handed_out).min(self.input.len()));
        loop {
            if let Some(reply) = self.discard.take() {
                return Step::Discard(reply);
            }
            if let Some(pause) = self.pause.take() {
                return Step::Pause(pause);
            }
            match self.state {
                State::Closed => return Step::Close,
                State::Handshake => return Step::StartTls,
                State::Asked(_) => return Step::NeedInput, // the shell owes an answer
                State::Greeting => self.greet(now),
                State::Ready | State::Open(_) | State::Chunked(..) | State::Login(_) => {
                    match self.stopping {
                        Stopping::Soon if self.transaction().is_none() => {
                            self.close(replies::SHUTTING_DOWN);
                            continue;
                        }
                        Stopping::Soon | Stopping::No => {}
                    }
                    match self.line(now) {
                        Taken::Nothing => return Step::NeedInput,
                        Taken::Line => {}
                        Taken::Question(question) => return Step::Ask(question),
                    }
                }
                State::Data(..) | State::Chunk(_) => match self.content(now) {
                    content::Taken::Nothing => return Step::NeedInput,
                    content::Taken::Framing => {}
                    content::Taken::Content(octets) => {
                        self.handed_out = octets;
                        return Step::Content(self.input.get(..octets).unwrap_or_default());
                    }
                    content::Taken::Message(transaction) => {
                        return Step::Ask(Question::Message(transaction));
                    }
                },
            }
        }
    }

    /// Goes on with what policy decided.
    pub fn answer(&mut self, answer: Answer) {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Asked(asked) => self.answered(asked, answer),
            // Nothing was asked: a mistake of the shell's, which changes nothing.
            state => self.state = state,
        }
    }

    fn greet(&mut self, now: Instant) {
        self.since = now;
        // RFC 5321 §3.1: the client waits for the greeting; programs that only push mail don't.
        if !self.input.is_empty() {
            return self.close(replies::TOO_EARLY);
        }
        let protocol = match self.settings.service {
            Service::Smtp | Service::Submission => "ESMTP",
            Service::Lmtp => "LMTP",
        };
        let greeting = format!("{} {protocol} Postroad", self.settings.hostname);
        Reply::bare(220, greeting).encode(&mut self.output);
        self.state = State::Ready;
    }

    /// Takes one line off the input and acts on it.
    fn line(&mut self, now: Instant) -> Taken {
        let limit = match self.state {
            State::Login(_) => limits::AUTH_LINE_OCTETS_MAX, // RFC 4954 §4
            // Deviates from RFC 4954 §4, which keeps initial responses to the length of commands: clients send tokens of
            // some thousand octets so.
            _ if is_auth(&self.input) && self.may_log_in() => limits::AUTH_LINE_OCTETS_MAX,
            _ => limits::COMMAND_LINE_OCTETS_MAX, // RFC 5321 §4.5.3.1.4
        };
        let head = self.input.get(..self.input.len().min(limit)).unwrap_or_default();
        let Some(end) = memchr(b'\n', head) else {
            return match (head.first(), head.len() == limit) {
                (Some(first), _) if !is_printable(*first) => self.not_smtp(),
                (_, true) => self.line_too_long(),
                (_, false) => Taken::Nothing,
            };
        };
        // RFC 5321 §2.3.8: CR and LF stand together or not at all. What stands behind a bare LF may
        // be somebody else's text, so nothing more is read.
        let Some(line) = head.get(..end).and_then(|line| line.strip_suffix(b"\r")) else {
            return match head.first() {
                Some(first) if !is_printable(*first) => self.not_smtp(),
                _ => {
                    self.close(replies::LINE_END);
                    Taken::Line
                }
            };
        };
        self.since = now;
        match std::mem::replace(&mut self.state, State::Ready) {
            State::Login(exchange) => {
                let progress = exchange.respond(line);
                self.input.advance(end + 1);
                self.login_progress(progress)
            }
            state => {
                self.state = state;
                let command = Command::parse_at(line, self.settings.bare_recipients.as_ref());
                let other_protocol =
                    command == Err(CommandError::Unknown) && is_other_protocol(line);
                self.input.advance(end + 1);
                match command {
                    Ok(command) => self.command(command),
                    Err(_) if other_protocol => self.not_smtp(),
                    Err(error) => self.bad_command(&error),
                }
            }
        }
    }

    fn bad_command(&mut self, error: &CommandError) -> Taken {
        let reply = error.reply();
        match error {
            // How many octets follow is unknown: none of them may be taken for commands.
            CommandError::Chunk => {
                self.send(&reply);
                self.state = State::Closed;
            }
            CommandError::Unknown
            | CommandError::Octets
            | CommandError::Argument(_)
            | CommandError::NoArgument
            | CommandError::Address(_)
            | CommandError::Value(_)
            | CommandError::Parameter => self.send(&reply),
        }
        Taken::Line
    }

    /// A browser or a TLS client at the wrong port: nothing of what it sent is run or shown (ALPACA).
    fn not_smtp(&mut self) -> Taken {
        self.close(replies::NOT_SMTP);
        Taken::Line
    }

    fn line_too_long(&mut self) -> Taken {
        match self.state {
            State::Login(_) => self.close(replies::LOGIN_TOO_LONG),
            _ => self.close(replies::LINE_TOO_LONG),
        }
        Taken::Line
    }

    fn say(&mut self, canned: Canned) {
        canned.encode(&mut self.output);
    }

    /// A reply of the machine's that counts as an error of the client's.
    fn refuse(&mut self, canned: Canned) {
        self.say(canned);
        self.count_error();
    }

    /// A reply of policy's.
    fn send(&mut self, reply: &Reply) {
        self.send_times(reply, 1);
    }

    /// The same reply so many times; as an error it counts once.
    fn send_times(&mut self, reply: &Reply, times: usize) {
        (0..times).for_each(|_| reply.encode(&mut self.output));
        if reply.severity() == Severity::Permanent {
            self.count_error();
        }
        // RFC 5321 §3.8: the server that says 421 closes.
        if reply.code().value() == 421 {
            self.state = State::Closed;
        }
    }

    fn count_error(&mut self) {
        match self.settings.client {
            ClientLimits::Exempt => return,
            ClientLimits::Apply => self.session.errors += 1,
        }
        if self.session.errors > limits::ERRORS_MAX {
            self.close(replies::TOO_MANY_ERRORS);
        } else if self.session.errors > limits::ERRORS_BEFORE_PAUSE {
            self.pause = Some(limits::ERROR_PAUSE);
        }
    }

    fn close(&mut self, canned: Canned) {
        if !matches!(self.state, State::Closed) {
            self.say(canned);
        }
        self.state = State::Closed;
    }
}

/// What became of the line at the front of the input.
enum Taken {
    /// It isn't whole yet.
    Nothing,
    /// It was dealt with.
    Line,
    /// Policy has to decide.
    Question(Question),
}

/// Content may take the command timeout, and longer the more of it has come.
fn content_timeout(octets: u64) -> Duration {
    limits::SERVER_COMMAND_TIMEOUT + Duration::from_secs(octets / limits::SERVER_DATA_RATE_MIN)
}

/// The beginning of AUTH.
fn is_auth(input: &[u8]) -> bool {
    input.get(..5).is_some_and(|verb| verb.eq_ignore_ascii_case(b"AUTH "))
}

fn is_printable(octet: u8) -> bool {
    matches!(octet, b'\t' | b'\r' | b' '..=b'~')
}

/// The first line of HTTP.
fn is_other_protocol(line: &[u8]) -> bool {
    let methods: [&[u8]; 7] =
        [b"GET ", b"POST ", b"HEAD ", b"PUT ", b"CONNECT ", b"OPTIONS ", b"DELETE "];
    methods.iter().any(|method| line.starts_with(method))
}
