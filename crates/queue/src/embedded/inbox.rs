//! What waits for the writer. While it syncs one group the next one gathers here: the busier the
//! queue, the larger the group, and a single message waits for nobody.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::codec::Record;
use super::index::Place;
use super::limits::GROUP_OCTETS_MAX;
use crate::spool::{Accept, Fenced, LargeContent, QueueId};

/// Something to be written and made durable.
#[derive(Debug)]
pub(crate) enum Request {
    /// New messages.
    Accept { messages: Vec<Pending>, done: oneshot::Sender<Vec<Accept>> },
    /// Outcomes and edits.
    Note { records: Vec<Pending>, done: oneshot::Sender<Result<(), Fenced>> },
    /// Messages to be written anew, so that their old segment can go.
    Move { messages: Vec<Moved>, done: oneshot::Sender<Result<(), Fenced>> },
    /// The end.
    Stop { done: oneshot::Sender<()> },
}

/// A record, ready to be written.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) record: Record,
    /// The record, encoded.
    pub(crate) meta: Vec<u8>,
    /// What goes behind it; empty but for messages.
    pub(crate) content: Bytes,
    pub(crate) content_crc: u32,
    /// The file that the record leads to, where it leads to one.
    pub(crate) large: Option<Arc<LargeContent>>,
}

impl Pending {
    /// A record without content.
    pub(crate) fn bare(record: Record) -> Self {
        let meta = record.encode();
        Self { record, meta, content: Bytes::new(), content_crc: crc32fast::hash(&[]), large: None }
    }

    fn octets(&self) -> u64 {
        (self.meta.len() + self.content.len()) as u64
    }
}

/// A message that cleaning moves.
#[derive(Debug)]
pub(crate) struct Moved {
    pub(crate) id: QueueId,
    /// Where it stood when its content was read.
    pub(crate) from: Place,
    pub(crate) content: Bytes,
    pub(crate) content_crc: u32,
}

impl Request {
    /// About how much this adds to a group.
    fn octets(&self) -> u64 {
        match self {
            Self::Accept { messages, .. } => messages.iter().map(Pending::octets).sum(),
            Self::Move { messages, .. } => messages.iter().map(|m| m.content.len() as u64).sum(),
            Self::Note { .. } | Self::Stop { .. } => 0,
        }
    }
}

/// The writer's inbox.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    requests: VecDeque<Request>,
    closed: bool,
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a request to the writer. Where the writer has ended it is dropped, which its sender sees.
    pub(crate) fn push(&self, request: Request) {
        let mut waiting = self.lock();
        if !waiting.closed {
            waiting.requests.push_back(request);
            drop(waiting);
            self.arrived.notify_one();
        }
    }

    /// Waits for something to do, and takes all that fits into one group.
    pub(crate) fn take(&self) -> Vec<Request> {
        let mut waiting = self.lock();
        while waiting.requests.is_empty() {
            waiting = self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        let mut octets = 0;
        let mut group = Vec::with_capacity(waiting.requests.len());
        while let Some(request) = waiting.requests.front() {
            octets += request.octets();
            if octets > GROUP_OCTETS_MAX && !group.is_empty() {
                break;
            }
            group.extend(waiting.requests.pop_front());
        }
        group
    }

    /// Takes new messages alone, past all else that waits.
    pub(crate) fn take_accepts(&self) -> Vec<Request> {
        let mut waiting = self.lock();
        let (accepts, others) = std::mem::take(&mut waiting.requests)
            .into_iter()
            .partition::<Vec<_>, _>(|request| matches!(request, Request::Accept { .. }));
        waiting.requests = others.into();
        accepts
    }

    /// Waits a moment, whatever arrives.
    pub(crate) fn pause(&self, pause: Duration) {
        let waiting = self.lock();
        let _ = self.arrived.wait_timeout(waiting, pause);
    }

    /// Nothing is taken any more; what waits is dropped.
    pub(crate) fn close(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        waiting.requests.clear();
    }
}
