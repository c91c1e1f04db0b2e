//! What becomes of recipients: verdicts in, notices and durable outcomes out.
//!
//! The order is what keeps mail: first a notice is safe in the queue, then the recipient it tells about is
//! settled as done. A crash in between sends the notice twice, never not at all.

use std::sync::Arc;

use bytes::Bytes;
use postroad_observe::trace::Status;
use postroad_protocol::client::{Protocol, Verdict};
use postroad_protocol::dsn::Action;
use postroad_protocol::envelope::Wanted;
use postroad_protocol::reply::{Reply, Severity};
use postroad_queue::retry::Next;
use postroad_queue::spool::{DelayNotice, Edit, Filter, Outcome, RecipientState};

use super::events;
use super::flight::{Flight, Job};
use super::hop::Hop;
use super::notice;
use super::shared::Shared;

/// What a notice tells of one recipient.
pub(crate) struct Told {
    pub(crate) recipient: usize,
    pub(crate) action: Action,
    pub(crate) reply: Reply,
}

/// Our own reply as a verdict: from a look-up 5xx is final.
pub(crate) fn own_verdict(reply: &Reply) -> Verdict {
    match reply.severity() {
        Severity::Permanent => Verdict::Refused(reply.clone()),
        Severity::Success | Severity::Intermediate | Severity::Temporary => {
            Verdict::Deferred(reply.clone())
        }
    }
}

/// What an attempt has found out about one job.
pub(crate) struct Attempted {
    pub(crate) job: Job,
    /// One for each of the job's recipients, by index in the envelope.
    pub(crate) verdicts: Vec<(usize, Verdict)>,
    /// The message, where it is at hand; else it is read when a notice has to quote it.
    pub(crate) content: Option<Bytes>,
}

/// Takes the verdicts of one attempt: logs them, tells the sender what it has to know, and has the outcomes
/// made durable.
pub(crate) async fn conclude(
    shared: &Arc<Shared>,
    job: Job,
    verdicts: Vec<(usize, Verdict)>,
    hop: &Hop,
    content: Bytes,
) {
    conclude_many(shared, vec![Attempted { job, verdicts, content: Some(content) }], hop).await;
}

/// The same for many jobs, whose outcomes become durable together: what waited for a host that is down costs
/// one sync, not one a message.
pub(crate) async fn conclude_many(shared: &Arc<Shared>, attempted: Vec<Attempted>, hop: &Hop) {
    let mut settled = Vec::with_capacity(attempted.len());
    for Attempted { job, verdicts, content } in attempted {
        let mut attempt = Attempt::new(shared, &job.flight, hop);
        for (recipient, verdict) in verdicts {
            attempt.take(recipient, verdict);
        }
        attempt.tell(content).await;
        settled.push((attempt.outcomes, job));
    }
    send(shared, settled).await;
}

/// The message has gone from the queue: an operator has deleted it.
pub(crate) async fn nothing_left(shared: &Shared, job: Job) {
    send(shared, vec![(Vec::new(), job)]).await;
}

/// Keeps the message back for the operator.
pub(crate) async fn hold(shared: &Shared, job: Job) {
    let held = |index: &usize| {
        let attempts = job.flight.attempts(*index);
        outcome(&job.flight, *index, RecipientState::Held { attempts })
    };
    let outcomes = job.recipients.iter().map(held).collect();
    send(shared, vec![(outcomes, job)]).await;
}

/// Makes the outcomes durable, in one sync with whatever else is being stored, and ends the jobs.
///
/// The worker waits for it before it takes its next job: so what may be repeated after a crash is never more
/// than one message a connection.
async fn send(shared: &Shared, settled: Vec<(Vec<Outcome>, Job)>) {
    let all: Vec<Outcome> = settled.iter().flat_map(|(outcomes, _)| outcomes).cloned().collect();
    if !all.is_empty()
        && let Err(fenced) = shared.shard.settle(all).await
    {
        // Whatever else were delivered now would be delivered again after the next start (row F04).
        shared.stop.cancel();
        return events::fenced(fenced);
    }
    for (outcomes, job) in settled {
        job.flight.job_settled(&outcomes);
    }
}

fn outcome(flight: &Flight, recipient: usize, state: RecipientState) -> Outcome {
    let index = u32::try_from(recipient).unwrap_or(u32::MAX);
    Outcome { id: flight.row.id, recipient: index, state }
}

/// One attempt's results.
struct Attempt<'a> {
    shared: &'a Arc<Shared>,
    flight: &'a Arc<Flight>,
    hop: &'a Hop,
    outcomes: Vec<Outcome>,
    failed: Vec<Told>,
    delayed: Vec<Told>,
    succeeded: Vec<Told>,
}

impl<'a> Attempt<'a> {
    fn new(shared: &'a Arc<Shared>, flight: &'a Arc<Flight>, hop: &'a Hop) -> Self {
        Self {
            shared,
            flight,
            hop,
            outcomes: Vec::new(),
            failed: Vec::new(),
            delayed: Vec::new(),
            succeeded: Vec::new(),
        }
    }

    fn take(&mut self, recipient: usize, verdict: Verdict) {
        match verdict {
            Verdict::Accepted(reply) => self.sent(recipient, reply),
            Verdict::Refused(reply) => self.bounced(recipient, reply),
            Verdict::Deferred(reply) => {
                let attempts = self.flight.attempts(recipient) + 1;
                let near = self.hop.distance();
                match self.shared.next_attempt(attempts, &self.flight.row, near) {
                    Next::GiveUp => self.bounced(recipient, reply),
                    Next::At(due) => self.deferred(recipient, attempts, due, reply),
                }
            }
        }
    }

    fn sent(&mut self, recipient: usize, reply: Reply) {
        self.log(recipient, Status::Sent, &reply);
        self.outcomes.push(outcome(self.flight, recipient, RecipientState::Done));
        let wanted = self.notify(recipient).is_some_and(|n| n.success() == Wanted::Yes);
        // RFC 3461 §5.2.1: who knows DSN tells the sender itself; §5.2.2: else we say that we passed it on.
        let action = match self.hop.protocol() {
            Protocol::Lmtp => Action::Delivered,
            Protocol::Smtp => Action::Relayed,
        };
        if wanted && (action == Action::Delivered || !self.hop.dsn.is_offered()) {
            self.succeeded.push(Told { recipient, action, reply });
        }
    }

    /// Said to be bounced once the sender has been told; see [`Attempt::tell`].
    fn bounced(&mut self, recipient: usize, reply: Reply) {
        self.outcomes.push(outcome(self.flight, recipient, RecipientState::Done));
        self.failed.push(Told { recipient, action: Action::Failed, reply });
    }

    fn deferred(
        &mut self,
        recipient: usize,
        attempts: u32,
        due: std::time::SystemTime,
        reply: Reply,
    ) {
        self.log(recipient, Status::Deferred, &reply);
        let state = RecipientState::Waiting { attempts, due, last: Some(reply.clone()) };
        self.outcomes.push(outcome(self.flight, recipient, state));
        let wanted = self.notify(recipient).is_some_and(|n| n.delay() == Wanted::Yes);
        if wanted && self.warning_is_due() {
            self.delayed.push(Told { recipient, action: Action::Delayed, reply });
        }
    }

    /// The sender is told once, and never about a notice.
    fn warning_is_due(&self) -> bool {
        let row = &self.flight.row;
        let age = self.shared.clock.now().duration_since(row.arrived).unwrap_or_default();
        row.delay_notice == DelayNotice::NotSent
            && row.envelope.reverse_path.address().is_some()
            && age >= self.shared.retry.warn_after
    }

    fn notify(&self, recipient: usize) -> Option<postroad_protocol::envelope::Notify> {
        self.flight.row.envelope.recipients.get(recipient).map(|recipient| recipient.notify)
    }

    fn log(&self, recipient: usize, status: Status, reply: &Reply) {
        events::outcome(self.shared, self.flight, recipient, status, reply, &self.hop.shown);
    }

    /// Puts the notices into the queue. Where a failure can't be told now, the recipient isn't settled but
    /// tried again later.
    async fn tell(&mut self, content: Option<Bytes>) {
        if self.failed.is_empty() && self.delayed.is_empty() && self.succeeded.is_empty() {
            return;
        }
        let read = match content {
            Some(content) => Ok(content),
            None => self.flight.content().await,
        };
        let content = match read {
            Ok(content) => content,
            Err(error) => {
                events::unreadable(&self.flight.id, &error);
                return std::mem::take(&mut self.failed)
                    .into_iter()
                    .for_each(|f| self.take_back(f));
            }
        };
        let content = &content;
        if !self.failed.is_empty() {
            let failed = std::mem::take(&mut self.failed);
            let told = notice::failure(self.shared, self.flight, self.hop, &failed, content).await;
            match told {
                Ok(()) => {
                    failed.iter().for_each(|f| self.log(f.recipient, Status::Bounced, &f.reply));
                }
                Err(error) => {
                    events::notice_refused(&self.flight.id, &error);
                    failed.into_iter().for_each(|failed| self.take_back(failed));
                }
            }
        }
        if !self.delayed.is_empty() {
            let told =
                notice::delay(self.shared, self.flight, self.hop, &self.delayed, content).await;
            match told {
                Ok(()) => self.mark_as_told().await,
                // The next attempt brings another chance.
                Err(error) => events::notice_refused(&self.flight.id, &error),
            }
        }
        if !self.succeeded.is_empty() {
            let told =
                notice::success(self.shared, self.flight, self.hop, &self.succeeded, content).await;
            if let Err(error) = told {
                events::notice_refused(&self.flight.id, &error);
            }
        }
    }

    fn take_back(&mut self, failed: Told) {
        self.log(failed.recipient, Status::Deferred, &failed.reply);
        let attempts = self.flight.attempts(failed.recipient) + 1;
        let due = self.shared.clock.now() + self.shared.retry.first;
        let state = RecipientState::Waiting { attempts, due, last: Some(failed.reply) };
        let index = u32::try_from(failed.recipient).unwrap_or(u32::MAX);
        let mine = |outcome: &&mut Outcome| outcome.recipient == index;
        if let Some(outcome) = self.outcomes.iter_mut().find(mine) {
            outcome.state = state;
        }
    }

    async fn mark_as_told(&self) {
        let filter = Filter { ids: Some(vec![self.flight.row.id]), ..Filter::default() };
        // Fenced: the queue isn't ours any more, and nothing of this counts.
        let _ = self.shared.shard.edit(&filter, Edit::DelayNoticeSent).await;
    }
}
