//! A message that is being delivered, and the jobs it is cut into: one for each destination.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use postroad_queue::spool::{ContentError, DelayNotice, Outcome, QueueRow, RecipientState};

use super::events;
use super::shared::Shared;

/// A claimed message. The claim ends with the last job's outcome made durable.
pub(crate) struct Flight {
    pub(crate) row: QueueRow,
    /// The queue id as text, for log, trace and notices.
    pub(crate) id: String,
    /// Which look at the queue the row stems from; an operator's edit makes it stale.
    pub(crate) generation: u64,
    /// Whether the sender was told of the delay, by this flight or before.
    pub(crate) delay_told: AtomicBool,
    content: Option<Bytes>,
    jobs_open: AtomicUsize,
    next_due: Mutex<Option<SystemTime>>,
    shared: Arc<Shared>,
}

/// One message for the recipients of one destination.
pub(crate) struct Job {
    pub(crate) flight: Arc<Flight>,
    /// By index in the envelope.
    pub(crate) recipients: Vec<usize>,
}

impl Flight {
    /// Keeps the content in memory as long as there is room.
    pub(crate) fn new(
        shared: &Arc<Shared>,
        row: QueueRow,
        content: Option<Bytes>,
        jobs: usize,
        next_due: Option<SystemTime>,
    ) -> Arc<Self> {
        let content = content.filter(|content| shared.take_memory(content.len()));
        Arc::new(Self {
            id: row.id.to_string(),
            generation: shared.generation(),
            delay_told: AtomicBool::new(row.delay_notice == DelayNotice::Sent),
            row,
            content,
            jobs_open: AtomicUsize::new(jobs),
            next_due: Mutex::new(next_due),
            shared: Arc::clone(shared),
        })
    }

    /// The content, read back from the queue where it isn't in memory.
    pub(crate) async fn content(&self) -> Result<Bytes, ContentError> {
        match &self.content {
            Some(content) => Ok(content.clone()),
            None => self.shared.shard.content(self.row.id).await,
        }
    }

    /// Tries so far of one recipient.
    pub(crate) fn attempts(&self, recipient: usize) -> u32 {
        match self.row.states.get(recipient) {
            Some(RecipientState::Waiting { attempts, .. } | RecipientState::Held { attempts }) => {
                *attempts
            }
            Some(RecipientState::Done) | None => 0,
        }
    }

    /// A job's outcomes are durable.
    pub(crate) fn job_settled(&self, outcomes: &[Outcome]) {
        let waiting = outcomes.iter().filter_map(|outcome| match outcome.state {
            RecipientState::Waiting { due, .. } => Some(due),
            RecipientState::Held { .. } | RecipientState::Done => None,
        });
        self.job_ended(waiting);
    }

    /// One job less. The last one ends the claim; the message is due again at the earliest of all times.
    fn job_ended(&self, due: impl Iterator<Item = SystemTime>) {
        let next_due = {
            let mut next = self.next_due.lock().unwrap_or_else(PoisonError::into_inner);
            *next = next.into_iter().chain(due).min();
            *next
        };
        if self.jobs_open.fetch_sub(1, Ordering::AcqRel) > 1 {
            return;
        }
        // An operator may have changed more than we know of.
        let stale = self.generation != self.shared.generation();
        let due = if stale { Some(self.shared.clock.now()) } else { next_due };
        self.shared.release(self.row.id, due);
    }
}

/// A job that is dropped by a panic gives its claim back: else nobody would try it again before a restart.
impl Drop for Job {
    fn drop(&mut self) {
        if std::thread::panicking() {
            events::panicked(&self.flight.id);
            let shared = &self.flight.shared;
            self.flight.job_ended(std::iter::once(shared.clock.now() + shared.retry.first));
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if let Some(content) = &self.content {
            self.shared.give_memory_back(content.len());
        }
    }
}
