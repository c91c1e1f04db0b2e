//! Asks the delivery agent whether it takes a recipient, before our own 250 to RCPT.
//!
//! MAIL, RCPT, RSET over LMTP: what the agent refuses (no such user, mailbox full) is refused in the
//! session, so that no bounce goes to a sender who may be forged (RFC 5321 §6.2, row S40). Answers are
//! remembered for a short while, "no" shorter than "yes"; connections are kept for the next question. The
//! question names no sender: what the agent thinks of one must not be remembered for the others. An agent
//! that keeps silent is left alone for a moment, so that a letter to a hundred users waits for it once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use postroad_config::NextHop;
use postroad_protocol::address::{Address, ReversePath};
use postroad_protocol::client::{Purpose, Transaction, Verdict};
use postroad_protocol::envelope::{Envelope, Recipient, Utf8};
use postroad_protocol::reply::Reply;
use tokio::time::{Instant, timeout};

use super::connection::Connection;
use super::engine::Engine;
use super::limits;
use super::network::Place;
use super::opening::{Plan, open_once};
use super::route::{Destination, FixedHop};
use super::shared::Shared;

/// What the delivery agent says to a recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeOutcome {
    /// It takes mail for it.
    Accepted,
    /// 5xx: never.
    Refused(Reply),
    /// 4xx: not now.
    Deferred(Reply),
    /// It doesn't answer (in time), or there is no LMTP route for it.
    Down,
}

/// Asks; cheap to clone.
#[derive(Clone)]
pub struct Probe {
    shared: Arc<Shared>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    remembered: HashMap<Address, (ProbeOutcome, Instant)>,
    /// Open connections, the last used on top.
    waiting: Vec<Waiting>,
    /// Agents that kept silent, and until when they aren't asked.
    silent: HashMap<Destination, Instant>,
}

/// What an agent made of a question.
enum Silence {
    Kept,
    /// It answered, or it is known to be away, which costs nobody any time.
    Broken,
}

struct Waiting {
    destination: Destination,
    connection: Connection,
    since: Instant,
}

impl Probe {
    /// Asks where the engine's routes lead.
    pub fn new(engine: &Engine) -> Self {
        Self { shared: engine.shared(), state: Arc::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// MAIL, RCPT, RSET for one recipient; answered from a short cache where it can be. `utf8` is whether
    /// the client said SMTPUTF8.
    pub async fn ask(&self, utf8: Utf8, recipient: &Address) -> ProbeOutcome {
        if let Some(outcome) = self.remembered(recipient) {
            return outcome;
        }
        let destination = self.shared.router().destination(&recipient.domain);
        if !self.may_ask(&destination) {
            return ProbeOutcome::Down;
        }
        let asking = self.ask_agent(&destination, utf8, recipient);
        let asked = timeout(limits::PROBE_TIMEOUT, asking).await;
        let silence = if asked.is_err() { Silence::Kept } else { Silence::Broken };
        self.note_silence(&destination, silence);
        let outcome = asked.ok().flatten().unwrap_or(ProbeOutcome::Down);
        self.remember(recipient, &outcome);
        outcome
    }

    /// Whether there is hope for an answer. When a silence is over, one question finds out for all.
    fn may_ask(&self, destination: &Destination) -> bool {
        let (mut state, now) = (self.state(), Instant::now());
        match state.silent.get_mut(destination) {
            Some(until) if *until > now => false,
            Some(until) => {
                *until = now + limits::PROBE_SILENCE;
                true
            }
            None => true,
        }
    }

    fn note_silence(&self, destination: &Destination, silence: Silence) {
        let mut state = self.state();
        match silence {
            Silence::Kept => {
                let until = Instant::now() + limits::PROBE_SILENCE;
                state.silent.insert(destination.clone(), until);
            }
            Silence::Broken => {
                state.silent.remove(destination);
            }
        }
    }

    fn remembered(&self, recipient: &Address) -> Option<ProbeOutcome> {
        let state = self.state();
        let (outcome, until) = state.remembered.get(recipient)?;
        (*until > Instant::now()).then(|| outcome.clone())
    }

    fn remember(&self, recipient: &Address, outcome: &ProbeOutcome) {
        let ttl = match outcome {
            ProbeOutcome::Accepted => limits::PROBE_ACCEPTED_TTL,
            ProbeOutcome::Refused(_) => limits::PROBE_REFUSED_TTL,
            // What is wrong for a moment is asked anew.
            ProbeOutcome::Deferred(_) | ProbeOutcome::Down => return,
        };
        let now = Instant::now();
        let mut state = self.state();
        if state.remembered.len() >= limits::PROBE_CACHE_MAX {
            state.remembered.retain(|_, (_, until)| *until > now);
        }
        if state.remembered.len() < limits::PROBE_CACHE_MAX {
            state.remembered.insert(recipient.clone(), (outcome.clone(), now + ttl));
        }
    }

    /// Over a waiting connection, and where that turns out to be closed, over a new one.
    async fn ask_agent(
        &self,
        destination: &Destination,
        utf8: Utf8,
        recipient: &Address,
    ) -> Option<ProbeOutcome> {
        let mut question =
            Envelope::new(ReversePath::Null, vec![Recipient::new(recipient.clone())]);
        question.utf8 = utf8;
        let question = Arc::new(question);
        while let Some(connection) = self.take_waiting(destination) {
            if let Some(outcome) = self.ask_over(connection, destination, &question).await {
                return Some(outcome);
            }
        }
        let Destination::Route(route) = destination else { return None };
        let connection = open(&self.shared, self.shared.router().hop(route)?).await?;
        self.ask_over(connection, destination, &question).await
    }

    fn take_waiting(&self, destination: &Destination) -> Option<Connection> {
        let mut state = self.state();
        state.waiting.retain(|waiting| waiting.since.elapsed() < limits::PROBE_IDLE);
        let last = state.waiting.iter().rposition(|waiting| waiting.destination == *destination)?;
        Some(state.waiting.remove(last).connection)
    }

    /// `None` where the connection broke before there was an answer.
    async fn ask_over(
        &self,
        mut connection: Connection,
        destination: &Destination,
        question: &Arc<Envelope>,
    ) -> Option<ProbeOutcome> {
        let delivered = connection
            .deliver(Transaction {
                envelope: Arc::clone(question),
                recipients: vec![0],
                purpose: Purpose::Probe,
            })
            .await;
        drop(connection.take_dialogue());
        let verdict = delivered.verdicts.into_iter().next()?;
        if delivered.failure.is_none() {
            let mut state = self.state();
            if state.waiting.len() < limits::PROBE_CONNECTIONS_MAX {
                let (destination, since) = (destination.clone(), Instant::now());
                state.waiting.push(Waiting { destination, connection, since });
            }
        }
        match verdict {
            Verdict::Accepted(_) => Some(ProbeOutcome::Accepted),
            Verdict::Refused(reply) => Some(ProbeOutcome::Refused(reply)),
            // A broken connection says nothing about the recipient.
            Verdict::Deferred(_) if delivered.failure.is_some() => None,
            Verdict::Deferred(reply) => Some(ProbeOutcome::Deferred(reply)),
        }
    }
}

/// A session with the delivery agent, where the mail goes over LMTP.
async fn open(shared: &Shared, hop: &FixedHop) -> Option<Connection> {
    let (host, place) = match &hop.next_hop {
        NextHop::LmtpUnix { path } => ("localhost", Place::Unix(path.clone())),
        NextHop::Lmtp { host, port } => {
            let mut found = tokio::net::lookup_host((host.as_str(), *port)).await.ok()?;
            (host.as_str(), Place::Tcp(found.next()?))
        }
        NextHop::Smtp { .. } | NextHop::Smtps { .. } => return None,
    };
    let plan = Plan::of(hop, host);
    open_once(shared, &plan, &place).await.ok()
}
