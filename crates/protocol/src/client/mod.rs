//! The client's side of SMTP and LMTP: greeting to QUIT, many transactions in between
//! (RFC 5321, RFC 2033, RFC 2920, RFC 3207, RFC 4954).
//!
//! A [`Session`] is one connection. The shell moves octets and time, and asks what comes next:
//!
//! ```text
//! loop {
//!     match session.step(now) {
//!         Step::Send(pieces) => write all of them, in order, before session.deadline(),
//!         Step::NeedInput    => read some: session.push(octets), or session.closed() at the end,
//!                               or session.timed_out(now) once session.deadline() is past,
//!         Step::StartTls     => shake hands, then session.tls_started(now); where that fails, drop it,
//!         Step::LogIn        => session.log_in(client, now), by what session.capabilities() offer,
//!         Step::Idle         => session.deliver(transaction, now), or session.quit(now),
//!         Step::Done(verdicts) => one for each recipient of the transaction, in its order,
//!         Step::Close(end)   => drop the connection; `end` says why,
//!     }
//! }
//! ```
//! | looking for | it is in |
//! |---|---|
//! | greeting, EHLO, STARTTLS, AUTH | `opening.rs` |
//! | MAIL, RCPT, DATA, and who gets which verdict | `transaction.rs` |
//! | replies off the wire | [`reply_parser`] |
//! | dot-stuffing | `content.rs` |
//! | what went wrong, and the reply that stands for it | [`Failure`] |
//!
//! Whatever the peer does, every recipient gets a [`Verdict`], and whatever is odd defers: no reply of the
//! wrong class, no missing reply and no dropped connection ever counts as delivered or as bounced.
//! Missing on purpose: BDAT and BINARYMIME, which win nothing where DATA is never converted. SCRAM is its users' own, who
//! choose it by [`Login::Chosen`]: nothing here computes hashes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::address::Domain;
use crate::envelope::Envelope;
use crate::limits;
use crate::reply::Reply;
use crate::sasl::Credentials;
use crate::sasl::client::Exchange;

mod capabilities;
mod content;
mod failure;
mod opening;
pub mod reply_parser;
mod transaction;

pub use capabilities::{Capabilities, Offer};
pub use failure::{Failure, Phase};

use transaction::Running;

/// How a session is to be held.
#[derive(Debug, Clone)]
pub struct Settings {
    /// SMTP or LMTP.
    pub protocol: Protocol,
    /// Our name for EHLO: a host name or an address literal (RFC 5321 §4.1.1.1).
    pub name: Domain,
    /// What the connection is when the greeting comes.
    pub encryption: Encryption,
    /// What to do about STARTTLS.
    pub start_tls: StartTls,
    /// Who we are to the peer, where it wants to know.
    pub login: Option<Login>,
    /// Whether a password may go over a connection in clear.
    pub clear_text_login: ClearTextLogin,
    /// Whether the dialogue is kept for [`Session::take_dialogue`].
    pub dialogue: Dialogue,
}

/// How we log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// By PLAIN, or else LOGIN.
    Password(Credentials),
    /// As whoever is asked by [`Step::LogIn`] chooses.
    Chosen,
}

/// Which of the two is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// RFC 5321: EHLO, and one reply to the data.
    Smtp,
    /// RFC 2033: LHLO, and one reply for each accepted recipient.
    Lmtp,
}

/// Whether a connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encryption {
    /// No.
    Clear,
    /// Yes.
    Tls,
}

/// What to do about STARTTLS (RFC 3207).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StartTls {
    /// Not to use it.
    Never,
    /// To use it where it is offered (RFC 7435).
    Opportunistic,
    /// To use it, or to deliver nothing.
    Required,
}

/// Whether a password may go over a connection in clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClearTextLogin {
    /// Never (RFC 4954 §4).
    Refused,
    /// Yes: the connection doesn't leave this host.
    Allowed,
}

/// Whether the dialogue is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialogue {
    /// Yes, without secrets and content.
    Kept,
    /// No.
    Dropped,
}

/// One message for some of its recipients.
#[derive(Debug, Clone)]
pub struct Transaction {
    /// Sender, parameters, and all recipients.
    pub envelope: Arc<Envelope>,
    /// Which of the envelope's recipients, by index.
    pub recipients: Vec<usize>,
    /// What is wanted of the peer.
    pub purpose: Purpose,
}

/// What a transaction is for.
#[derive(Debug, Clone)]
pub enum Purpose {
    /// To hand over this content: CRLF line ends, not dot-stuffed.
    Deliver(Bytes),
    /// To learn whether the recipients would be taken: MAIL, RCPT, RSET.
    Probe,
}

/// What became of one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The peer has it now (or would take it, where the transaction was a probe).
    Accepted(Reply),
    /// Not this time. The reply is the peer's, or stands for what went wrong.
    Deferred(Reply),
    /// Never. The reply is the peer's, or says what the peer lacks.
    Refused(Reply),
}

/// What the shell does next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Write these, in order.
    Send(Vec<Bytes>),
    /// Read, or let [`Session::deadline`] pass.
    NeedInput,
    /// The peer said 220 to STARTTLS: shake hands.
    StartTls,
    /// Choose a way to log in, the first one or, where that was refused, another: [`Session::log_in`].
    LogIn,
    /// Open and between transactions.
    Idle,
    /// The transaction is over: one verdict for each of its recipients.
    Done(Vec<Verdict>),
    /// The session is over.
    Close(End),
}

/// Why a session is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// We said QUIT.
    Quit,
    /// Something went wrong.
    Failed(Failure),
}

/// One part of the dialogue, as it is kept for a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When it was handed to us or by us.
    pub at: Instant,
    /// What was said, and by whom.
    pub said: Said,
}

/// What one side said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Commands that went out in one write, CRLF behind each; a secret is replaced.
    Sent(Bytes),
    /// The octets of a message.
    SentContent(u64),
    /// A reply.
    Received(String),
}

/// Where the session stands.
#[derive(Debug)]
enum State {
    Greeting,
    Ehlo,
    Helo,
    StartTls,
    Handshake,
    /// The shell chooses how to log in; what became of the way before.
    Choosing(Option<Reply>),
    Auth(Exchange),
    Idle,
    Transaction(Box<Running>),
    Quit,
    Ended(End),
}

/// Whether the peer has a transaction open that nobody wants any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leftover {
    None,
    /// RSET goes ahead of the next MAIL, so that no envelope is carried over (row C14).
    OpenTransaction,
}

/// One connection to a peer, seen from the client.
#[derive(Debug)]
pub struct Session {
    settings: Settings,
    state: State,
    encryption: Encryption,
    capabilities: Capabilities,
    peer_name: String,
    leftover: Leftover,
    parser: reply_parser::ReplyParser,
    steps: VecDeque<Step>,
    /// Of the phase.
    deadline: Instant,
    /// Of the opening, or of the transaction: of all phases together.
    whole: Instant,
    dialogue: Vec<Line>,
}

impl Session {
    /// A session on a connection that was just made; the peer speaks first.
    pub fn new(settings: Settings, now: Instant) -> Self {
        Self {
            encryption: settings.encryption,
            settings,
            state: State::Greeting,
            capabilities: Capabilities::default(),
            peer_name: String::new(),
            leftover: Leftover::None,
            parser: reply_parser::ReplyParser::new(),
            steps: VecDeque::new(),
            deadline: now + limits::CLIENT_GREETING_TIMEOUT, // RFC 5321 §4.5.3.2.1
            whole: now + limits::CLIENT_OPENING_TIMEOUT,
            dialogue: Vec::new(),
        }
    }

    /// Octets from the peer.
    pub fn push(&mut self, octets: &[u8]) {
        self.parser.push(octets);
    }

    /// The peer has closed the connection, or it broke.
    pub fn closed(&mut self) {
        let phase = self.phase();
        self.fail(Failure::Closed { phase });
    }

    /// The deadline is past, and what was waited for hasn't come.
    pub fn timed_out(&mut self) {
        let phase = self.phase();
        self.fail(match self.whole < self.deadline {
            true => Failure::Overdue { phase },
            false => Failure::TimedOut { phase },
        });
    }

    /// By when the present [`Step::Send`] has to be written, or a reply to be here. It doesn't move with
    /// every octet that trickles in (row C10), only with each whole reply and each block of content; and
    /// not for ever even with those (row F19).
    pub fn deadline(&self) -> Instant {
        self.deadline.min(self.whole)
    }

    /// What the peer offers; nothing before the session is open.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// What the peer calls itself in its answer to EHLO (RFC 5321 §4.1.1.1); a claim, good enough to see
    /// that we talk to ourselves.
    pub fn peer_name(&self) -> &str {
        &self.peer_name
    }

    /// Whether the connection is encrypted.
    pub fn encryption(&self) -> Encryption {
        self.encryption
    }

    /// The dialogue since the last call; empty unless [`Dialogue::Kept`].
    pub fn take_dialogue(&mut self) -> Vec<Line> {
        std::mem::take(&mut self.dialogue)
    }

    /// Begins a transaction. Anywhere but at [`Step::Idle`] all its recipients are deferred.
    pub fn deliver(&mut self, transaction: Transaction, now: Instant) {
        if !matches!(self.state, State::Idle) {
            let phase = self.phase();
            let verdict = Verdict::Deferred(Failure::OutOfStep { phase, reply: None }.reply());
            self.steps.push_back(Step::Done(vec![verdict; transaction.recipients.len()]));
            return;
        }
        let refusals = transaction::refusals(&transaction, &self.capabilities);
        if refusals.iter().all(Option::is_some) {
            self.steps.push_back(Step::Done(refusals.into_iter().flatten().collect()));
            return;
        }
        let running = Running::new(transaction, refusals, self.settings.protocol, self.leftover);
        let octets = running.content_octets() / limits::CLIENT_DATA_RATE_MIN;
        self.whole = now + limits::CLIENT_TRANSACTION_TIMEOUT + Duration::from_secs(octets);
        self.state = State::Transaction(Box::new(running));
        self.advance_transaction(now);
    }

    /// Ends the session with QUIT (RFC 5321 §4.1.1.10); the peer's answer to it changes nothing.
    pub fn quit(&mut self, now: Instant) {
        match self.state {
            State::Idle => {
                self.state = State::Quit;
                self.whole = now + limits::CLIENT_QUIT_TIMEOUT;
                self.send_line("QUIT", limits::CLIENT_QUIT_TIMEOUT, now);
            }
            State::Ended(_) => {}
            _ => {
                let phase = self.phase();
                self.fail(Failure::OutOfStep { phase, reply: None });
            }
        }
    }

    /// What to do next.
    pub fn step(&mut self, now: Instant) -> Step {
        loop {
            if let Some(step) = self.steps.pop_front() {
                return step;
            }
            match &mut self.state {
                State::Ended(end) => return Step::Close(end.clone()),
                State::Handshake => return Step::StartTls,
                State::Choosing(_) => return Step::LogIn,
                // A reply to nothing: a farewell (421), or a peer that is out of step (row C14).
                State::Idle if !self.parser.has_leftover() => return Step::Idle,
                State::Transaction(running) => {
                    if let Some(block) = running.next_block() {
                        self.deadline = now + limits::CLIENT_DATA_BLOCK_TIMEOUT;
                        return Step::Send(block);
                    }
                    if running.content_just_ended() {
                        self.deadline = now + limits::CLIENT_DATA_END_TIMEOUT;
                        // Whatever it took so far: who is impatient now makes a second copy (RFC 1047).
                        self.whole = self.deadline;
                    }
                }
                State::Greeting
                | State::Ehlo
                | State::Helo
                | State::StartTls
                | State::Auth(_)
                | State::Idle
                | State::Quit => {}
            }
            match self.parser.next_reply() {
                Ok(Some(reply)) => self.take_reply(reply, now),
                // Half a reply to nothing.
                Ok(None) if matches!(self.state, State::Idle) => {
                    self.fail(Failure::OutOfStep { phase: Phase::Idle, reply: None });
                }
                Ok(None) => return Step::NeedInput,
                Err(error) => {
                    let phase = self.phase();
                    self.fail(Failure::Malformed { phase, error });
                }
            }
        }
    }

    fn take_reply(&mut self, reply: Reply, now: Instant) {
        if self.settings.dialogue == Dialogue::Kept {
            self.dialogue.push(Line { at: now, said: Said::Received(reply.to_string()) });
        }
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Transaction(running) => self.take_transaction_reply(running, reply, now),
            State::Quit => self.state = State::Ended(End::Quit),
            State::Idle => self.fail(match reply.code().value() {
                421 => Failure::Refused { phase: Phase::Idle, reply },
                _ => Failure::OutOfStep { phase: Phase::Idle, reply: Some(reply) },
            }),
            State::Ended(end) => self.state = State::Ended(end),
            opening => self.take_opening_reply(opening, reply, now),
        }
    }

    fn take_transaction_reply(&mut self, mut running: Box<Running>, reply: Reply, now: Instant) {
        let closing = reply.code().value() == 421; // RFC 5321 §3.8: the peer is about to close.
        let phase = running.phase();
        let result = running.take_reply(reply.clone());
        self.state = State::Transaction(running);
        match result {
            Err(failure) => self.fail(failure),
            Ok(()) if closing => self.fail(Failure::Refused { phase, reply }),
            Ok(()) => self.advance_transaction(now),
        }
    }

    /// Sends what may be sent now, or ends the transaction.
    fn advance_transaction(&mut self, now: Instant) {
        let State::Transaction(running) = &mut self.state else { return };
        if let Some(leftover) = running.finished() {
            self.leftover = leftover;
            self.steps.push_back(Step::Done(running.verdicts()));
            self.state = State::Idle;
            return;
        }
        if running.content_begins() {
            // RFC 2920 §3.1: DATA ends a group. Who has said more than that is out of step, and nobody
            // knows whom its replies were for (row C14).
            if self.parser.has_leftover() {
                return self.fail(Failure::OutOfStep { phase: Phase::Data, reply: None });
            }
            if self.settings.dialogue == Dialogue::Kept {
                let said = Said::SentContent(running.content_octets());
                self.dialogue.push(Line { at: now, said });
            }
            return;
        }
        if let Some(commands) = running.next_group(&self.capabilities) {
            self.send(commands, now);
        }
        if let State::Transaction(running) = &self.state {
            self.deadline = now + running.phase().timeout();
        }
    }

    fn send(&mut self, commands: Bytes, now: Instant) {
        if self.settings.dialogue == Dialogue::Kept {
            self.dialogue.push(Line { at: now, said: Said::Sent(commands.clone()) });
        }
        self.steps.push_back(Step::Send(vec![commands]));
    }

    fn send_line(&mut self, command: &str, timeout: Duration, now: Instant) {
        self.deadline = now + timeout;
        self.send(Bytes::from(format!("{command}\r\n")), now);
    }

    /// Ends the session; a transaction under way gets its verdicts first.
    fn fail(&mut self, failure: Failure) {
        let end = match &mut self.state {
            State::Ended(_) => return,
            State::Quit => End::Quit,
            State::Transaction(running) => {
                self.steps.clear(); // what was still to be sent
                self.steps.push_back(Step::Done(running.give_up(&failure)));
                End::Failed(failure)
            }
            _ => {
                self.steps.retain(|step| matches!(step, Step::Done(_)));
                End::Failed(failure)
            }
        };
        self.state = State::Ended(end);
    }

    fn phase(&self) -> Phase {
        match &self.state {
            State::Greeting => Phase::Greeting,
            State::Ehlo | State::Helo => Phase::Hello,
            State::StartTls => Phase::StartTls,
            State::Handshake => Phase::Handshake,
            State::Choosing(_) | State::Auth(_) => Phase::Auth,
            State::Transaction(running) => running.phase(),
            State::Idle | State::Ended(_) => Phase::Idle,
            State::Quit => Phase::Quit,
        }
    }
}

#[cfg(test)]
mod tests;
