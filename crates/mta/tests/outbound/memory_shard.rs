//! A queue in memory: what the embedded engine promises, without a disk and its threads.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use postroad_protocol::envelope::Recipient;
use postroad_queue::spool::*;

#[derive(Default)]
pub(crate) struct MemoryShard {
    next: AtomicU64,
    messages: Mutex<BTreeMap<QueueId, (QueueRow, Bytes)>>,
    /// The message whose content panics whoever reads it.
    poison: Mutex<Option<QueueId>>,
    /// The message that the disk doesn't give, and the system's number for why.
    unreadable: Mutex<Option<(QueueId, i32)>>,
    /// When messages had no recipients left.
    pub(crate) ended: Mutex<HashMap<QueueId, tokio::time::Instant>>,
    /// Told of every change.
    pub(crate) changed: tokio::sync::Notify,
    /// Whether the next `accept` is refused.
    pub(crate) full: std::sync::atomic::AtomicBool,
    /// Whether the next `settle` panics.
    pub(crate) panics: std::sync::atomic::AtomicBool,
    /// To whom no message is taken, nor any other of the same call.
    pub(crate) barred: Mutex<Option<String>>,
    /// What happens around the next read of named messages.
    on_read: Mutex<Option<OnRead>>,
}

struct OnRead {
    before: Box<dyn FnOnce() + Send>,
    after: Box<dyn FnOnce(&MemoryShard) + Send>,
}

impl MemoryShard {
    pub(crate) fn poison(&self, id: QueueId) {
        *self.poison.lock().unwrap() = Some(id);
    }

    /// The disk fails at this message with this errno, or at none.
    pub(crate) fn fail_at(&self, unreadable: Option<(QueueId, i32)>) {
        *self.unreadable.lock().unwrap() = unreadable;
    }

    /// The next time that messages are read by their ids, these happen before and behind it; a second
    /// passes before the reader has its answer.
    pub(crate) fn on_read(
        &self,
        before: impl FnOnce() + Send + 'static,
        after: impl FnOnce(&Self) + Send + 'static,
    ) {
        let on_read = OnRead { before: Box::new(before), after: Box::new(after) };
        *self.on_read.lock().unwrap() = Some(on_read);
    }

    fn read(&self, filter: &Filter, from: Cursor, limit: usize) -> Page {
        let messages = self.messages.lock().unwrap();
        let from = from.0.map_or(0, |from| from + 1);
        let behind = messages.range(QueueId::from_number(from)..).map(|(_, (row, _))| row);
        let listed = filter.ids.clone().map(|mut ids| {
            ids.sort_unstable();
            ids
        });
        let rows: Vec<QueueRow> = match &listed {
            Some(ids) => {
                let later = ids.iter().filter(|id| id.number() >= from);
                let known = later.filter_map(|id| messages.get(id).map(|(row, _)| row));
                known.take(limit).cloned().collect()
            }
            None => behind.take(limit).cloned().collect(),
        };
        let full = rows.len() == limit;
        let next = rows.last().filter(|_| full).map(|row| Cursor(Some(row.id.number())));
        Page { rows, next }
    }

    /// All recipients of a message stand so, by an operator's word.
    pub(crate) fn set(&self, id: QueueId, state: RecipientState) {
        self.messages.lock().unwrap().get_mut(&id).unwrap().0.states.fill(state);
    }

    /// What an operator's retry of all messages does.
    pub(crate) fn retry_all(&self, now: std::time::SystemTime) {
        let mut messages = self.messages.lock().unwrap();
        for state in messages.values_mut().flat_map(|(row, _)| &mut row.states) {
            if let RecipientState::Waiting { due, .. } = state {
                *due = now;
            }
        }
    }

    pub(crate) fn row(&self, id: QueueId) -> Option<QueueRow> {
        self.messages.lock().unwrap().get(&id).map(|(row, _)| row.clone())
    }

    /// Waits until no message is left.
    pub(crate) async fn until_empty(&self) {
        loop {
            let changed = self.changed.notified();
            if self.messages.lock().unwrap().is_empty() {
                return;
            }
            changed.await;
        }
    }

    pub(crate) fn rows(&self) -> Vec<QueueRow> {
        self.messages.lock().unwrap().values().map(|(row, _)| row.clone()).collect()
    }
}

impl OwnedShard for MemoryShard {
    fn new_id(&self) -> QueueId {
        QueueId::from_number(self.next.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn room_for(&self, _octets: u64) -> Result<(), AcceptError> {
        Ok(())
    }

    fn start_large(
        &self,
        _id: QueueId,
    ) -> BoxFuture<'_, Result<Box<dyn LargeWriter>, AcceptError>> {
        Box::pin(async { Err(AcceptError::Full) })
    }

    fn accept(&self, messages: Vec<NewMessage>) -> BoxFuture<'_, Vec<Accept>> {
        Box::pin(async move {
            let barred = self.barred.lock().unwrap().clone();
            let is_barred = |to: &Recipient| Some(to.address.to_string()) == barred;
            if messages.iter().any(|m| m.envelope.recipients.iter().any(is_barred)) {
                let refused = |_| Accept::Refused(AcceptError::Disk("it is too large".to_owned()));
                return messages.iter().map(refused).collect();
            }
            let accept = |message: NewMessage| {
                if self.full.load(Ordering::Relaxed) {
                    return Accept::Refused(AcceptError::Full);
                }
                let Content::Memory(content) = message.content else {
                    return Accept::Refused(AcceptError::Full);
                };
                let waiting =
                    RecipientState::Waiting { attempts: 0, due: message.arrived, last: None };
                let row = QueueRow {
                    id: message.id,
                    arrived: message.arrived,
                    octets: content.len() as u64,
                    states: vec![waiting; message.envelope.recipients.len()],
                    envelope: message.envelope.into(),
                    delay_notice: DelayNotice::NotSent,
                };
                self.messages.lock().unwrap().insert(message.id, (row, content));
                self.changed.notify_waiters();
                Accept::Stored
            };
            messages.into_iter().map(accept).collect()
        })
    }

    fn probe<'a>(&'a self, ids: &'a [QueueId]) -> BoxFuture<'a, Vec<Presence>> {
        Box::pin(async move { vec![Presence::Absent; ids.len()] })
    }

    fn settle(&self, outcomes: Vec<Outcome>) -> BoxFuture<'_, Result<(), Fenced>> {
        Box::pin(async move {
            assert!(!self.panics.swap(false, Ordering::Relaxed), "as the test wants it");
            let mut messages = self.messages.lock().unwrap();
            for outcome in outcomes {
                let Some((row, _)) = messages.get_mut(&outcome.id) else { continue };
                row.states[outcome.recipient as usize] = outcome.state;
                if row.states.iter().all(|state| *state == RecipientState::Done) {
                    messages.remove(&outcome.id);
                    self.ended.lock().unwrap().insert(outcome.id, tokio::time::Instant::now());
                }
            }
            self.changed.notify_waiters();
            Ok(())
        })
    }

    fn content(&self, id: QueueId) -> BoxFuture<'_, Result<Bytes, ContentError>> {
        Box::pin(async move {
            let poison = *self.poison.lock().unwrap();
            assert_ne!(poison, Some(id), "as the test wants it");
            if let Some((unreadable, errno)) = *self.unreadable.lock().unwrap()
                && unreadable == id
            {
                let (operation, path) = ("read", "segment".into());
                let source = std::io::Error::from_raw_os_error(errno);
                let source = postroad_disk::DiskError { operation, path, source };
                return Err(ContentError::Disk { id, source });
            }
            let messages = self.messages.lock().unwrap();
            messages.get(&id).map(|(_, content)| content.clone()).ok_or(ContentError::Unknown(id))
        })
    }

    fn edit<'a>(&'a self, filter: &'a Filter, edit: Edit) -> BoxFuture<'a, Result<u64, Fenced>> {
        Box::pin(async move {
            let mut messages = self.messages.lock().unwrap();
            let ids = filter.ids.clone().unwrap_or_default();
            for id in &ids {
                match (edit, messages.get_mut(id)) {
                    (Edit::Delete, _) => drop(messages.remove(id)),
                    (Edit::DelayNoticeSent, Some((row, _))) => row.delay_notice = DelayNotice::Sent,
                    (Edit::Hold, Some((row, _))) => {
                        row.states.fill(RecipientState::Held { attempts: 0 });
                    }
                    (Edit::Release | Edit::Retry, Some((row, _))) => {
                        let due = row.arrived;
                        row.states.fill(RecipientState::Waiting { attempts: 0, due, last: None });
                    }
                    (_, None) => {}
                }
            }
            Ok(ids.len() as u64)
        })
    }

    fn find<'a>(&'a self, filter: &'a Filter, from: Cursor, limit: usize) -> BoxFuture<'a, Page> {
        Box::pin(async move {
            let on_read = filter.ids.as_ref().and_then(|_| self.on_read.lock().unwrap().take());
            let Some(OnRead { before, after }) = on_read else {
                return self.read(filter, from, limit);
            };
            before();
            let page = self.read(filter, from, limit);
            after(self);
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            page
        })
    }

    fn visit<'a>(&'a self, filter: &'a Filter, each: &'a mut Visitor<'_>) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            for row in self.find(filter, Cursor::default(), usize::MAX).await.rows {
                let standing = |(recipient, state): (&Recipient, &RecipientState)| {
                    let standing = match state {
                        RecipientState::Waiting { .. } => Standing::Waiting,
                        RecipientState::Held { .. } => Standing::Held,
                        RecipientState::Done => return None,
                    };
                    Some((recipient.address.to_string(), standing))
                };
                let recipients = row.envelope.recipients.iter().zip(&row.states);
                let recipients: Vec<_> = recipients.filter_map(standing).collect();
                let sender = row.envelope.reverse_path.address().map(ToString::to_string);
                each(Sight {
                    id: row.id,
                    arrived: row.arrived,
                    octets: row.octets,
                    sender: sender.as_deref(),
                    recipients: &mut recipients
                        .iter()
                        .map(|(to, standing)| (to.as_str(), *standing)),
                });
            }
        })
    }

    fn release(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}
