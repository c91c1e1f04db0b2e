//! One connection's task: takes message after message of its lane to the next hop.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use postroad_protocol::client::{Purpose, Transaction, Verdict};
use postroad_protocol::reply::Reply;
use postroad_queue::retry::Next;
use postroad_queue::spool::{ContentError, Cursor, Filter, Outcome, RecipientState};
use tokio::time::timeout;

use super::connection::Connection;
use super::events;
use super::flight::{Flight, Job};
use super::hop::Hop;
use super::lane::Lane;
use super::limits;
use super::route::Distance;
use super::settle::{self, Attempted};
use super::shared::Shared;

pub(crate) struct Worker {
    shared: Arc<Shared>,
    lane: Arc<Lane>,
    hop: Hop,
    open: Option<Connection>,
}

impl Worker {
    pub(crate) fn new(shared: Arc<Shared>, lane: Arc<Lane>) -> Self {
        let hop = Hop::new(&shared, &lane.destination);
        Self { shared, lane, hop, open: None }
    }

    pub(crate) async fn run(mut self, first: Job) {
        let permits = Arc::clone(&self.shared.deliveries);
        let permit = permits.acquire_owned().await;
        let mut next = Some(first);
        while let Some(job) = next {
            // What isn't begun when we stop is in the queue, and is found there at the next start.
            if self.shared.stop.is_cancelled() {
                self.lane.drain();
                break;
            }
            let (flight, recipients) = (Arc::clone(&job.flight), job.recipients.clone());
            if caught(self.carry(job)).await.is_err() {
                self.recover(&flight, &recipients).await;
            }
            next = self.next_job().await;
        }
        if let Some(open) = self.open.take() {
            open.quit().await;
        }
        drop(permit);
        self.shared.forget(&self.lane);
    }

    /// A job has panicked. Its claim is given back already ([`Job`]); its recipients wait as after a
    /// deferral, and in the end for the operator, for a notice might panic as well (row Q10).
    async fn recover(&mut self, flight: &Flight, recipients: &[usize]) {
        self.open = None;
        self.hop.start_over();
        let outcome = |index: &usize| {
            let attempts = flight.attempts(*index) + 1;
            let next = self.shared.next_attempt(attempts, &flight.row, Distance::Elsewhere);
            let state = match next {
                Next::At(due) => {
                    let reply = Reply::new(451, (4, 3, 0), "the delivery panicked; see the log");
                    RecipientState::Waiting { attempts, due, last: Some(reply) }
                }
                Next::GiveUp => RecipientState::Held { attempts },
            };
            let recipient = u32::try_from(*index).unwrap_or(u32::MAX);
            Outcome { id: flight.row.id, recipient, state }
        };
        if let Err(fenced) =
            self.shared.shard.settle(recipients.iter().map(outcome).collect()).await
        {
            events::fenced(fenced);
        }
    }

    /// The next job: from the line, or after a while of waiting with the connection open.
    async fn next_job(&mut self) -> Option<Job> {
        let Some(open) = &mut self.open else { return self.lane.pop_or_leave() };
        // Where connections are scarce, one without work is given up at once.
        if self.shared.deliveries.available_permits() == 0 {
            return match self.lane.pop() {
                Some(job) => Some(job),
                None => self.lane.pop_or_leave(),
            };
        }
        let mut hand = match self.lane.pop_or_wait() {
            Ok(job) => return Some(job),
            Err(hand) => hand,
        };
        tokio::select! {
            job = &mut hand => return job.ok().or_else(|| self.lane.pop_or_leave()),
            () = open.broken() => self.open = None,
            _ = timeout(limits::IDLE_CONNECTION, std::future::pending::<()>()) => {}
            () = self.shared.stop.cancelled() => {}
        }
        // Somebody may have handed over a job just now.
        hand.close();
        hand.try_recv().ok().or_else(|| self.lane.pop_or_leave())
    }

    /// Delivers one job, over as many hosts as it takes, and sees to its outcomes.
    async fn carry(&mut self, mut job: Job) {
        self.look_again(&mut job).await;
        let content = match job.flight.content().await {
            Ok(content) => content,
            Err(error) => return self.unreadable(job, &error).await,
        };
        let mut verdicts = Verdicts::new(job.recipients.clone());
        while !verdicts.open.is_empty() {
            if self.open.is_none() {
                match self.hop.open(&self.shared, &job.flight).await {
                    Ok(open) => self.open = Some(open),
                    Err(reply) => {
                        verdicts.settle_open(&reply);
                        return self.unreachable(job, verdicts, &reply, content).await;
                    }
                }
            }
            self.transact(&job, &mut verdicts, &content).await;
        }
        settle::conclude(&self.shared, job, verdicts.settled, &self.hop, content).await;
    }

    /// One transaction for recipients that have no verdict yet.
    async fn transact(&mut self, job: &Job, verdicts: &mut Verdicts, content: &Bytes) {
        let Some(open) = &mut self.open else { return };
        let peer = open.session().capabilities();
        let most =
            peer.recipients_max.unwrap_or(usize::MAX).min(limits::RECIPIENTS_PER_TRANSACTION);
        let transactions_max = peer.transactions_max;
        self.hop.note_peer(peer.dsn);
        let reused = open.transactions > 0;
        let batch: Vec<usize> = verdicts.open.iter().take(most).copied().collect();
        let delivered = open
            .deliver(Transaction {
                envelope: Arc::clone(&job.flight.row.envelope),
                recipients: batch.clone(),
                purpose: Purpose::Deliver(content.clone()),
            })
            .await;
        let dialogue = open.take_dialogue();
        events::dialogue(&self.shared.journal, &job.flight.id, dialogue);
        let used_up = transactions_max.is_some_and(|max| open.transactions >= max);
        let Some(failure) = delivered.failure else {
            verdicts.settle(&batch, delivered.verdicts, Deferrals::Count);
            if used_up && let Some(open) = self.open.take() {
                open.quit().await;
            }
            return;
        };
        self.open = None;
        // The next hop may have closed a connection that was idle too long: that says nothing about it.
        // A host that fails in the middle is followed by the next one of the list.
        let try_on = !failure.may_have_delivered() && (reused || self.hop.has_more());
        if reused {
            self.hop.start_over();
        }
        let deferrals = if try_on { Deferrals::StayOpen } else { Deferrals::Count };
        verdicts.settle(&batch, delivered.verdicts, deferrals);
    }

    /// Leaves out whom an operator has held or deleted since the row was read.
    async fn look_again(&self, job: &mut Job) {
        if job.flight.generation == self.shared.generation() {
            return;
        }
        let filter = Filter { ids: Some(vec![job.flight.row.id]), ..Filter::default() };
        let page = self.shared.shard.find(&filter, Cursor::default(), 1).await;
        let row = page.rows.first();
        job.recipients.retain(|index| {
            let state = row.and_then(|row| row.states.get(*index));
            matches!(state, Some(RecipientState::Waiting { .. }))
        });
    }

    /// No host could be talked to: what waits in the line would fare no better.
    async fn unreachable(&self, job: Job, verdicts: Verdicts, reply: &Reply, content: Bytes) {
        let others = self.lane.drain();
        let mut attempted =
            vec![Attempted { job, verdicts: verdicts.settled, content: Some(content) }];
        for mut job in others {
            self.look_again(&mut job).await;
            let mut verdicts = Verdicts::new(job.recipients.clone());
            verdicts.settle_open(reply);
            attempted.push(Attempted { job, verdicts: verdicts.settled, content: None });
        }
        settle::conclude_many(&self.shared, attempted, &self.hop).await;
    }

    /// The message can't be read from the queue: it stays there, for a better moment or for the operator.
    async fn unreadable(&self, job: Job, error: &ContentError) {
        match error {
            ContentError::Unknown(_) => {
                settle::nothing_left(&self.shared, job).await;
            }
            ContentError::Damaged(_) => {
                events::damaged(&job.flight.id, error);
                settle::hold(&self.shared, job).await;
            }
            ContentError::Disk { .. } => {
                events::unreadable(&job.flight.id, error);
                let reply = Reply::new(451, (4, 3, 0), "the queue's disk failed");
                let mut verdicts = Verdicts::new(job.recipients.clone());
                verdicts.settle_open(&reply);
                settle::conclude(&self.shared, job, verdicts.settled, &self.hop, Bytes::new())
                    .await;
            }
        }
    }
}

/// Runs it to its end, or to its panic: that takes neither the worker nor its lane along.
async fn caught(work: impl Future<Output = ()>) -> std::thread::Result<()> {
    let mut work = std::pin::pin!(work);
    std::future::poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
        polled.map_or_else(|panic| Poll::Ready(Err(panic)), |poll| poll.map(Ok))
    })
    .await
}

/// Who of a job's recipients has a verdict.
struct Verdicts {
    open: Vec<usize>,
    settled: Vec<(usize, Verdict)>,
}

/// What a deferral means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Deferrals {
    /// It is the verdict of this attempt.
    Count,
    /// Another host is asked in the same attempt.
    StayOpen,
}

impl Verdicts {
    fn new(recipients: Vec<usize>) -> Self {
        Self { settled: Vec::with_capacity(recipients.len()), open: recipients }
    }

    fn settle(&mut self, batch: &[usize], verdicts: Vec<Verdict>, deferrals: Deferrals) {
        for (index, verdict) in batch.iter().zip(verdicts) {
            let stays_open =
                deferrals == Deferrals::StayOpen && matches!(verdict, Verdict::Deferred(_));
            if !stays_open {
                self.open.retain(|open| open != index);
                self.settled.push((*index, verdict));
            }
        }
    }

    /// The same reply for all the others; 5xx from our own look-ups is final.
    fn settle_open(&mut self, reply: &Reply) {
        for index in std::mem::take(&mut self.open) {
            self.settled.push((index, settle::own_verdict(reply)));
        }
    }
}
