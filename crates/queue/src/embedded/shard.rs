//! The calls of [`OwnedShard`] on the embedded engine.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use postroad_disk::DiskError;
use tokio::sync::oneshot;

use super::codec::{MessageRecord, Record, Storage, encode_envelope, micros};
use super::inbox::{Pending, Request, Urgency};
use super::index::Place;
use super::limits::{
    EDIT_STEP, INLINE_OCTETS_MAX, META_OCTETS_MAX, RESERVE_INODES, RESERVE_OCTETS, SPACE_AGE_MAX,
    STATE_OCTETS_MAX,
};
use super::state::State;
use super::{Core, End, events, large, lock, walk};
use crate::spool::{
    Accept, AcceptError, BoxFuture, Condition, Content, ContentError, Cursor, DelayNotice, Edit,
    Fenced, Filter, LargeWriter, NewMessage, Outcome, OwnedShard, Page, Presence, QueueId, Visitor,
};

/// The one shard of an embedded queue.
#[derive(Debug)]
pub(crate) struct Shard {
    pub(crate) core: Arc<Core>,
}

impl Drop for Shard {
    fn drop(&mut self) {
        // Whoever didn't wait for `release` still gets all written that was handed in before.
        self.core.inbox.push(Request::Stop { done: oneshot::channel().0 });
    }
}

impl OwnedShard for Shard {
    fn new_id(&self) -> QueueId {
        self.core.new_id()
    }

    fn room_for(&self, octets: u64) -> Result<(), AcceptError> {
        if let Some(why) = self.core.refusing() {
            return Err(why);
        }
        let mut known = lock(&self.core.space);
        let fresh = known.filter(|(asked, _)| asked.elapsed() < SPACE_AGE_MAX);
        let space = match fresh {
            Some((_, space)) => space,
            None => {
                let space = self.core.disk.space(&self.core.layout.dir);
                let space = space.map_err(|error| events::refused(&error))?;
                *known = Some((Instant::now(), space));
                space
            }
        };
        // The reserve is kept from clients that don't say how much they bring, too.
        let enough =
            space.octets >= RESERVE_OCTETS.saturating_add(octets) && space.inodes >= RESERVE_INODES;
        if enough { Ok(()) } else { Err(AcceptError::Full) }
    }

    fn start_large(&self, id: QueueId) -> BoxFuture<'_, Result<Box<dyn LargeWriter>, AcceptError>> {
        let core = &self.core;
        let (disk, helpers) = (Arc::clone(&core.disk), Arc::clone(&core.staff.large));
        Box::pin(large::start(disk, helpers, &core.layout, id))
    }

    fn accept(&self, messages: Vec<NewMessage>) -> BoxFuture<'_, Vec<Accept>> {
        Box::pin(self.accept_all(messages))
    }

    fn condition(&self) -> Condition {
        self.core.condition()
    }

    fn failed(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let mut end = self.core.end.subscribe();
            // The sender is in the core, which is ours.
            let _ = end.wait_for(|end| *end == End::Failed).await;
        })
    }

    fn probe<'a>(&'a self, ids: &'a [QueueId]) -> BoxFuture<'a, Vec<Presence>> {
        Box::pin(async move {
            // What is in doubt is cancelled before anything else is written: wait for that. Where the queue
            // ends before, the next start knows.
            if self.core.refusing().is_some() {
                let _ = self.hand_in(Vec::new(), Urgency::MayWait).await;
            }
            let index = self.core.index();
            let presence = |id| match index.messages.contains_key(id) {
                true => Presence::Present,
                false => Presence::Absent,
            };
            ids.iter().map(presence).collect()
        })
    }

    fn settle(&self, outcomes: Vec<Outcome>) -> BoxFuture<'_, Result<(), Fenced>> {
        let mut by_message: BTreeMap<QueueId, Vec<(u32, State)>> = BTreeMap::new();
        for Outcome { id, recipient, state } in outcomes {
            by_message.entry(id).or_default().push((recipient, State::of(&state)));
        }
        let records = by_message.into_iter().map(|(id, states)| Record::Outcomes { id, states });
        Box::pin(self.note(records.collect(), Urgency::MayWait))
    }

    fn content(&self, id: QueueId) -> BoxFuture<'_, Result<Bytes, ContentError>> {
        Box::pin(async move {
            if let Some(content) = lock(&self.core.recent).get(id) {
                return Ok(content);
            }
            let core = Arc::clone(&self.core);
            let read = self.core.staff.readers.run(move || read_content(&core, id));
            // The helpers end with the queue.
            read.await.unwrap_or(Err(ContentError::Unknown(id)))
        })
    }

    fn edit<'a>(&'a self, filter: &'a Filter, edit: Edit) -> BoxFuture<'a, Result<u64, Fenced>> {
        Box::pin(async move {
            let urgency = match edit {
                Edit::DelayNoticeSent => Urgency::MayWait,
                Edit::Hold | Edit::Release | Edit::Retry | Edit::Delete => Urgency::Now,
            };
            if urgency == Urgency::Now && self.core.refusing().is_some() {
                // Nothing can be written now. An operator is told so rather than kept waiting.
                return Err(Fenced);
            }
            let (at, end) = (self.core.now(), self.core.new_id());
            let (mut count, mut next) = (0, Some(Cursor::default()));
            while let Some(from) = next {
                let (mut ids, then) = walk::ids(&self.core, filter, from, EDIT_STEP).await;
                next = then.filter(|_| ids.last().is_none_or(|last| *last < end));
                ids.retain(|id| *id < end);
                count += ids.len() as u64;
                let records = ids.into_iter().map(|id| Record::Edited { id, edit, at });
                self.note(records.collect(), urgency).await?;
            }
            Ok(count)
        })
    }

    fn find<'a>(&'a self, filter: &'a Filter, from: Cursor, limit: usize) -> BoxFuture<'a, Page> {
        Box::pin(walk::page(&self.core, filter, from, limit))
    }

    fn visit<'a>(&'a self, filter: &'a Filter, each: &'a mut Visitor<'_>) -> BoxFuture<'a, ()> {
        Box::pin(walk::visit(&self.core, filter, each))
    }

    fn release(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let (done, stopped) = oneshot::channel();
            self.core.inbox.push(Request::Stop { done });
            // An error says that it has stopped already.
            let _ = stopped.await;
        })
    }
}

impl Shard {
    async fn accept_all(&self, messages: Vec<NewMessage>) -> Vec<Accept> {
        let count = messages.len();
        let all = |verdict: fn(AcceptError) -> Accept, why: AcceptError| {
            (0..count).map(|_| verdict(why.clone())).collect()
        };
        if let Some(why) = self.core.refusing() {
            return all(Accept::Refused, why);
        }
        let mut pending = Vec::with_capacity(count);
        for message in messages {
            match self.prepare(message).await {
                Ok(message) => pending.push(message),
                // All of one call are stored or none: whoever hands in several wants them together.
                Err(why) => return all(Accept::Refused, why),
            }
        }
        let (done, verdicts) = oneshot::channel();
        self.core.inbox.push(Request::Accept { messages: pending, done });
        // No answer: the writer ended, perhaps with this half done.
        verdicts.await.unwrap_or_else(|_| (0..count).map(|_| Accept::InDoubt).collect())
    }

    /// Encodes a message on the caller's thread, so that the writer has little to do.
    async fn prepare(&self, message: NewMessage) -> Result<Pending, AcceptError> {
        let NewMessage { id, arrived, envelope, content } = message;
        let (storage, content, large) = match self.placed(id, content).await? {
            Content::Memory(bytes) => (Storage::Inline, bytes, None),
            Content::Large(large) if large.id != id => {
                return Err(AcceptError::Disk(format!("the content was started for {}", large.id)));
            }
            Content::Large(large) => {
                let storage = Storage::Large { octets: large.octets, checksum: large.checksum };
                (storage, Bytes::new(), Some(large))
            }
        };
        let recipients = envelope.recipients.len();
        let envelope = encode_envelope(&envelope);
        if envelope.len() + recipients * STATE_OCTETS_MAX > META_OCTETS_MAX {
            return Err(AcceptError::Disk(format!(
                "{recipients} recipients are too many for one record"
            )));
        }
        let arrived = micros(arrived);
        let record = Record::Message(MessageRecord {
            id,
            arrived,
            delay_notice: DelayNotice::NotSent,
            storage,
            states: vec![State::fresh(arrived); recipients].into(),
            envelope,
        });
        let (meta, content_crc) = (record.encode(), crc32fast::hash(&content));
        Ok(Pending { record, meta, content, content_crc, large })
    }

    /// Content that is too long for the log gets a file of its own.
    async fn placed(&self, id: QueueId, content: Content) -> Result<Content, AcceptError> {
        match content {
            Content::Memory(bytes) if bytes.len() as u64 > INLINE_OCTETS_MAX => {
                let mut writer = self.start_large(id).await?;
                writer.append(bytes).await?;
                writer.finish().await
            }
            Content::Memory(_) | Content::Large(_) => Ok(content),
        }
    }

    async fn note(&self, records: Vec<Record>, urgency: Urgency) -> Result<(), Fenced> {
        if records.is_empty() {
            return Ok(());
        }
        self.hand_in(records, urgency).await
    }

    /// Hands records to the writer and waits until they are durable, and all that was handed in before.
    async fn hand_in(&self, records: Vec<Record>, urgency: Urgency) -> Result<(), Fenced> {
        let (done, noted) = oneshot::channel();
        let records = records.into_iter().map(Pending::bare).collect();
        self.core.inbox.push(Request::Note { records, urgency, done });
        noted.await.unwrap_or(Err(Fenced))
    }
}

/// Reads what isn't in memory any more. Cleaning may move the message meanwhile: then its old segment
/// is gone or written over, and it is looked up again.
fn read_content(core: &Core, id: QueueId) -> Result<Bytes, ContentError> {
    let look_up = || {
        let index = core.index();
        let entry = index.messages.get(&id).ok_or(ContentError::Unknown(id))?;
        Ok((entry.place, entry.storage))
    };
    let mut standing: (Place, Storage) = look_up()?;
    loop {
        let (place, storage) = standing;
        let read = match storage {
            Storage::Inline => core.read_inline(id, place),
            Storage::Large { octets, checksum } => read_large(core, id, octets, checksum),
        };
        if let Ok(Some(content)) = read {
            return Ok(content);
        }
        standing = look_up()?;
        if standing == (place, storage) {
            return Err(match read {
                Ok(_) => {
                    events::damaged_content(id);
                    ContentError::Damaged(id)
                }
                Err(source) => ContentError::Disk { id, source },
            });
        }
    }
}

/// `None` where the file isn't as long as it was, or doesn't fit its checksum.
fn read_large(
    core: &Core,
    id: QueueId,
    octets: u64,
    checksum: u32,
) -> Result<Option<Bytes>, DiskError> {
    let file = core.disk.open_read(&core.layout.large(id))?;
    if file.len()? != octets {
        return Ok(None);
    }
    let mut content = vec![0; usize::try_from(octets).unwrap_or(0)];
    let read = file.read_at(&mut content, 0)?;
    let intact = read as u64 == octets && crc32fast::hash(&content) == checksum;
    Ok(intact.then(|| content.into()))
}
