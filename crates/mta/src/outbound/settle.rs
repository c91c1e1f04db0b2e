//! What becomes of recipients: verdicts in, notices and durable outcomes out.
//!
//! The order is what keeps mail: first a notice is safe in the queue, then the recipient it tells about is
//! settled as done. A crash in between sends the notice twice, never not at all.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use bytes::Bytes;
use postroad_observe::trace::Status;
use postroad_protocol::address::ReversePath;
use postroad_protocol::client::{Protocol, Verdict};
use postroad_protocol::dsn::{Action, Kind};
use postroad_protocol::envelope::{Notify, Wanted};
use postroad_protocol::reply::{Reply, Severity};
use postroad_queue::retry::Next;
use postroad_queue::spool::{
    ContentError, Edit, Filter, Outcome, QueueId, QueueRow, RecipientState,
};

use super::events;
use super::flight::{Flight, Job};
use super::limits;
use super::notice::{self, About, Draft, NoticeError};
use super::shared::Shared;
use super::verdicts::{Found, Host};

/// What a notice tells of one recipient.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) recipient: usize,
    pub(crate) action: Action,
    pub(crate) reply: Reply,
    /// Who was talked to; none where that was at an attempt before, and isn't known any more.
    pub(crate) by: Option<Arc<Host>>,
}

impl Told {
    /// The host, for the log.
    fn shown(&self) -> &str {
        self.by.as_ref().map_or("", |host| &host.shown)
    }
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
    /// One for each of the job's recipients.
    pub(crate) verdicts: Vec<Found>,
    /// The message, where it is at hand; else it is read when a notice has to quote it.
    pub(crate) content: Option<Bytes>,
}

/// Takes the verdicts of one attempt: logs them, tells the sender what it has to know, and has the outcomes
/// made durable.
pub(crate) async fn conclude(shared: &Arc<Shared>, job: Job, verdicts: Vec<Found>, content: Bytes) {
    conclude_many(shared, vec![Attempted { job, verdicts, content: Some(content) }]).await;
}

/// The same for many jobs, whose notices and outcomes become durable together: what waited for a host that is
/// down costs a sync or two, not as many a message.
pub(crate) async fn conclude_many(shared: &Arc<Shared>, attempted: Vec<Attempted>) {
    let mut batch = Batch::default();
    for Attempted { job, verdicts, content } in attempted {
        let mut attempt = Attempt::new(shared, job);
        verdicts.into_iter().for_each(|found| attempt.take(found));
        attempt.draft(content, &mut batch.drafts).await;
        batch.attempts.push(attempt);
        if batch.is_full() {
            std::mem::take(&mut batch).settle(shared).await;
        }
    }
    batch.settle(shared).await;
}

/// Tells senders of letters that nobody could try, for their next hop is left alone. They stay as they are.
pub(crate) async fn remind_many(shared: &Arc<Shared>, jobs: Vec<Job>, reply: &Reply) {
    let mut batch = Batch::default();
    for job in jobs {
        let recipients = job.recipients.clone();
        let mut attempt = Attempt::new(shared, job);
        attempt.delayed.extend(recipients.into_iter().map(|recipient| {
            let (action, reply) = (Action::Delayed, reply.clone());
            Told { recipient, action, reply, by: None }
        }));
        attempt.draft(None, &mut batch.drafts).await;
        batch.attempts.push(attempt);
        if batch.is_full() {
            std::mem::take(&mut batch).settle(shared).await;
        }
    }
    batch.settle(shared).await;
}

/// Attempts that are settled together.
#[derive(Default)]
struct Batch<'a> {
    attempts: Vec<Attempt<'a>>,
    /// The notices that they call for, in the same order.
    drafts: Vec<Draft>,
}

impl Batch<'_> {
    fn is_full(&self) -> bool {
        let octets = self.drafts.iter().map(Draft::octets).sum::<usize>();
        self.attempts.len() >= limits::SETTLED_TOGETHER_MAX || octets > limits::NOTICES_OCTETS_MAX
    }

    /// First the notices, then the outcomes.
    async fn settle(self, shared: &Arc<Shared>) {
        let mut put = notice::put(shared, self.drafts).await.into_iter();
        let mut told_of_delay = Vec::new();
        let mut settled = Vec::with_capacity(self.attempts.len());
        for mut attempt in self.attempts {
            attempt.told(&mut put, &mut told_of_delay);
            settled.push((attempt.outcomes, attempt.job));
        }
        if !told_of_delay.is_empty() {
            let filter = Filter { ids: Some(told_of_delay), ..Filter::default() };
            // Fenced: the queue isn't ours any more, and nothing of this counts.
            let _ = shared.shard.edit(&filter, Edit::DelayNoticeSent).await;
        }
        send(shared, settled).await;
    }
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

/// Whether a message that can't be read now may be read later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prospect {
    Hope,
    /// It is kept for the operator.
    Gone,
}

/// A message can't be read. A shortage passes, and a fault of the disk may; what fails again and again is kept for
/// the operator, for without its content nobody can be told of it either (row F12).
pub(crate) fn cannot_read(shared: &Shared, flight: &Flight, error: &ContentError) -> Prospect {
    let lasts = match error {
        ContentError::Unknown(_) => false,
        ContentError::Damaged(_) => true,
        ContentError::Disk { source, .. } => {
            !source.is_shortage() && shared.mishap(flight.row.id) >= limits::MISHAPS_MAX
        }
    };
    match lasts {
        true => events::unreadable_for_good(&flight.id, error),
        false => events::unreadable(&flight.id, error),
    }
    if lasts { Prospect::Gone } else { Prospect::Hope }
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
        job.settled(&outcomes);
    }
}

fn outcome(flight: &Flight, recipient: usize, state: RecipientState) -> Outcome {
    let index = u32::try_from(recipient).unwrap_or(u32::MAX);
    Outcome { id: flight.row.id, recipient: index, state }
}

/// One attempt's results.
struct Attempt<'a> {
    shared: &'a Arc<Shared>,
    job: Job,
    outcomes: Vec<Outcome>,
    failed: Vec<Told>,
    delayed: Vec<Told>,
    succeeded: Vec<Told>,
    /// What was drafted of them, to be told in this order.
    drafted: Vec<Kind>,
}

impl<'a> Attempt<'a> {
    fn new(shared: &'a Arc<Shared>, job: Job) -> Self {
        Self {
            shared,
            job,
            outcomes: Vec::new(),
            failed: Vec::new(),
            delayed: Vec::new(),
            succeeded: Vec::new(),
            drafted: Vec::new(),
        }
    }

    fn row(&self) -> &QueueRow {
        &self.job.flight.row
    }

    fn take(&mut self, Found { recipient, verdict, by }: Found) {
        let told = |action, reply| Told { recipient, action, reply, by: Some(by) };
        match verdict {
            Verdict::Accepted(reply) => self.sent(told(Action::Delivered, reply)),
            Verdict::Refused(reply) => self.failed.push(told(Action::Failed, reply)),
            Verdict::Deferred(reply) => {
                let attempts = self.job.flight.attempts(recipient) + 1;
                match self.job.lane.next_attempt(self.shared, attempts, self.row()) {
                    // Settled, and said to be bounced, once the sender has been told; see [`Attempt::told`].
                    Next::GiveUp => self.failed.push(told(Action::Failed, reply)),
                    Next::At(due) => self.deferred(told(Action::Delayed, reply), attempts, due),
                }
            }
        }
    }

    fn sent(&mut self, told: Told) {
        let Told { recipient, reply, by, .. } = told;
        let Some(host) = by else { return };
        self.log(recipient, Status::Sent, &reply, &host.shown);
        self.settle(recipient, RecipientState::Done);
        let wanted = self.notify(recipient).is_some_and(|n| n.success() == Wanted::Yes);
        // RFC 3461 §5.2.1: who knows DSN tells the sender itself, a delivery agent too.
        if wanted && !host.dsn.is_offered() {
            // §5.2.3; §5.2.2: else we say that we passed it on.
            let action = match host.protocol {
                Protocol::Lmtp => Action::Delivered,
                Protocol::Smtp => Action::Relayed,
            };
            self.succeeded.push(Told { recipient, action, reply, by: Some(host) });
        }
    }

    fn deferred(&mut self, told: Told, attempts: u32, due: SystemTime) {
        self.log(told.recipient, Status::Deferred, &told.reply, told.shown());
        let last = Some(told.reply.clone());
        self.settle(told.recipient, RecipientState::Waiting { attempts, due, last });
        self.delayed.push(told);
    }

    fn settle(&mut self, recipient: usize, state: RecipientState) {
        self.outcomes.push(outcome(&self.job.flight, recipient, state));
    }

    fn notify(&self, recipient: usize) -> Option<Notify> {
        self.row().envelope.recipients.get(recipient).map(|recipient| recipient.notify)
    }

    fn log(&self, recipient: usize, status: Status, reply: &Reply, next_hop: &str) {
        events::outcome(self.shared, &self.job.flight, recipient, status, reply, next_hop);
    }

    /// Writes the notices that are called for. Where the message can't be read, failures wait for a better
    /// moment, or for the operator.
    async fn draft(&mut self, content: Option<Bytes>, drafts: &mut Vec<Draft>) {
        self.settle_untold();
        self.choose_delayed();
        if self.failed.is_empty() && self.delayed.is_empty() && self.succeeded.is_empty() {
            return;
        }
        let read = match content {
            Some(content) => Ok(content),
            None => self.job.flight.content().await,
        };
        let content = match read {
            Ok(content) => content,
            Err(error) => {
                if !std::mem::take(&mut self.delayed).is_empty() {
                    self.job.flight.delay_told.store(false, Ordering::Release);
                }
                self.succeeded.clear();
                let failed = std::mem::take(&mut self.failed).into_iter();
                return match cannot_read(self.shared, &self.job.flight, &error) {
                    Prospect::Hope => failed.for_each(|failed| self.put_off(failed)),
                    Prospect::Gone => failed.for_each(|failed| self.keep(&failed)),
                };
            }
        };
        self.write(&content, drafts);
    }

    fn write(&mut self, content: &[u8], drafts: &mut Vec<Draft>) {
        let (id, row) = (self.job.flight.id.as_str(), &self.job.flight.row);
        let about = About { shared: self.shared, id, row, content };
        let (drafts_before, mut unheard) = (drafts.len(), Vec::new());
        if !self.failed.is_empty() {
            match about.failure(&self.failed) {
                Some(draft) => drafts.push(draft),
                None => unheard = std::mem::take(&mut self.failed),
            }
        }
        let give_up_after = self.job.lane.settings().retry.give_up_after;
        let until = self.shared.clock.when_aged(row, give_up_after);
        drafts.extend(about.delay(&self.delayed, until));
        drafts.extend(about.success(&self.succeeded));
        self.drafted = drafts.iter().skip(drafts_before).map(Draft::kind).collect();
        unheard.into_iter().for_each(|told| self.hold(told));
    }

    /// Failures that nobody is told of: the sender doesn't want it (RFC 3461 §5.2.6), or the message is a notice
    /// that was on its way to the postmaster, and stays for the operator.
    fn settle_untold(&mut self) {
        if self.failed.is_empty() {
            return;
        }
        let postmaster = notice::postmaster(self.shared);
        for told in std::mem::take(&mut self.failed) {
            let Some(recipient) = self.row().envelope.recipients.get(told.recipient) else {
                continue;
            };
            match self.row().envelope.reverse_path {
                ReversePath::Address(_) if recipient.notify.failure() == Wanted::No => {
                    self.log(told.recipient, Status::Bounced, &told.reply, told.shown());
                    self.settle(told.recipient, RecipientState::Done);
                }
                ReversePath::Null
                    if postmaster.as_ref().is_none_or(|p| p.is(&recipient.address)) =>
                {
                    self.hold(told);
                }
                ReversePath::Address(_) | ReversePath::Null => self.failed.push(told),
            }
        }
    }

    /// The sender is told of a delay once, and never of a notice's; then of all who still wait.
    fn choose_delayed(&mut self) {
        let mut now = std::mem::take(&mut self.delayed);
        if now.is_empty() {
            return;
        }
        if self.row().envelope.reverse_path == ReversePath::Null
            || self.job.flight.age() < self.job.lane.settings().retry.warn_after
            || self.job.flight.delay_told.swap(true, Ordering::AcqRel)
        {
            return;
        }
        let named: HashSet<usize> = self.job.recipients.iter().copied().collect();
        let states = self.job.flight.all_states();
        let states = states.iter().enumerate();
        now.extend(states.filter(|(recipient, _)| !named.contains(recipient)).filter_map(
            |(recipient, state)| {
                let RecipientState::Waiting { last, .. } = state else { return None };
                // Whose next hop is known to be down hasn't been tried.
                let untried = || Reply::new(451, (4, 4, 0), "it waits for its next hop");
                let (action, reply) = (Action::Delayed, last.clone().unwrap_or_else(untried));
                Some(Told { recipient, action, reply, by: None })
            },
        ));
        now.retain(|t| self.notify(t.recipient).is_some_and(|n| n.delay() == Wanted::Yes));
        self.delayed = now;
    }

    /// What became of the notices. A failure that can't be told now isn't settled but tried again later.
    fn told(
        &mut self,
        put: &mut impl Iterator<Item = Result<(), NoticeError>>,
        told_of_delay: &mut Vec<QueueId>,
    ) {
        for (kind, result) in std::mem::take(&mut self.drafted).into_iter().zip(put) {
            let error =
                result.inspect_err(|e| events::notice_refused(&self.job.flight.id, e)).err();
            match (kind, error) {
                (Kind::Failure, None) => {
                    for told in std::mem::take(&mut self.failed) {
                        self.log(told.recipient, Status::Bounced, &told.reply, told.shown());
                        self.settle(told.recipient, RecipientState::Done);
                    }
                }
                (Kind::Failure, Some(_)) => {
                    std::mem::take(&mut self.failed).into_iter().for_each(|f| self.put_off(f));
                }
                (Kind::Delay { .. }, None) => told_of_delay.push(self.row().id),
                // The next attempt brings another chance.
                (Kind::Delay { .. }, Some(_)) => {}
                // Refused, it is put again; the recipient can't wait for that, see `notice.rs`.
                (Kind::Success, _) => {}
            }
        }
    }

    fn put_off(&mut self, failed: Told) {
        self.log(failed.recipient, Status::Deferred, &failed.reply, failed.shown());
        let attempts = self.job.flight.attempts(failed.recipient) + 1;
        let due = self.shared.clock.now() + self.job.lane.settings().retry.first;
        let last = Some(failed.reply);
        self.settle(failed.recipient, RecipientState::Waiting { attempts, due, last });
    }

    /// Neither the sender nor the postmaster can be told: it is kept for the operator (row Q04).
    fn hold(&mut self, failed: Told) {
        events::notice_held(&self.job.flight.id, &failed.reply);
        self.keep(&failed);
    }

    fn keep(&mut self, failed: &Told) {
        self.log(failed.recipient, Status::Deferred, &failed.reply, failed.shown());
        let attempts = self.job.flight.attempts(failed.recipient) + 1;
        self.settle(failed.recipient, RecipientState::Held { attempts });
    }
}
