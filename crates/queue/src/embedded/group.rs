//! One group commit: the records that share a sync, and those who wait for them.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::Core;
use super::codec::{Kind, Record, Storage};
use super::inbox::{Moved, Pending};
use super::index::{Effect, Place};
use crate::spool::{Accept, AcceptError, Edit, Fenced, LargeContent};

/// Records in the order in which they are written: what is said once more, moved messages, new ones,
/// then outcomes and edits.
///
/// Moved messages come before outcomes because they carry the states that the index has now: an outcome
/// in the same group has to come behind them.
#[derive(Debug, Default)]
pub(crate) struct Group {
    /// Notes that a segment which was given up held as its last ones.
    again: Vec<Pending>,
    moves: Vec<Pending>,
    moving: Vec<oneshot::Sender<Result<(), Fenced>>>,
    accepts: Vec<Accepting>,
    notes: Vec<Pending>,
    noting: Vec<oneshot::Sender<Result<(), Fenced>>>,
    /// Cancellations of `cancelled`, as notes.
    cancels: Vec<Pending>,
    cancelled: Vec<Accepting>,
    /// The files of cancelled messages that may surface until the cancellation is durable.
    doubtful: Vec<Arc<LargeContent>>,
}

/// One call of `accept`.
#[derive(Debug)]
struct Accepting {
    /// `None` for a message that is in the queue already: this is a repeated call.
    messages: Vec<Option<Pending>>,
    done: oneshot::Sender<Vec<Accept>>,
}

impl Group {
    pub(crate) fn add_accept(
        &mut self,
        messages: Vec<Pending>,
        done: oneshot::Sender<Vec<Accept>>,
        core: &Core,
    ) {
        let index = core.index();
        let known = |pending: &Pending| match &pending.record {
            Record::Message(message) => index.messages.contains_key(&message.id),
            Record::Outcomes { .. } | Record::Edited { .. } => false,
        };
        let messages = messages.into_iter().map(|pending| (!known(&pending)).then_some(pending));
        self.accepts.push(Accepting { messages: messages.collect(), done });
    }

    pub(crate) fn add_note(
        &mut self,
        records: Vec<Pending>,
        done: oneshot::Sender<Result<(), Fenced>>,
    ) {
        self.notes.extend(records);
        self.noting.push(done);
    }

    /// Messages that have gone or have been moved since their content was read are left out.
    pub(crate) fn add_move(
        &mut self,
        messages: Vec<Moved>,
        done: oneshot::Sender<Result<(), Fenced>>,
        core: &Core,
    ) {
        let index = core.index();
        for Moved { id, from, content, content_crc } in messages {
            if let Some(entry) = index.messages.get(&id).filter(|entry| entry.place == from) {
                let record = Record::Message(entry.record(id));
                let meta = record.encode();
                self.moves.push(Pending { record, meta, content, content_crc, large: None });
            }
        }
        self.moving.push(done);
    }

    /// Notes to be written before all others.
    pub(crate) fn put_first(&mut self, notes: Vec<Pending>) {
        self.again = notes;
    }

    /// Takes another group's notes behind its own. The other one has neither messages nor moves.
    pub(crate) fn join(&mut self, other: Self) {
        self.notes.extend(other.notes);
        self.noting.extend(other.noting);
    }

    /// All that is to be written, in order.
    pub(crate) fn lines(&self) -> Vec<&Pending> {
        let accepts = self.accepts.iter().flat_map(|call| call.messages.iter().flatten());
        let first = self.again.iter().chain(&self.moves).chain(accepts);
        first.chain(&self.cancels).chain(&self.notes).collect()
    }

    /// Whether nobody waits for it, and nothing is to be written.
    pub(crate) fn is_empty(&self) -> bool {
        self.lines().is_empty() && self.noting.is_empty() && self.moving.is_empty()
    }

    /// All of it is durable, each record at its place: does to the index what the records say, and
    /// tells everybody but the cancelled. Gives what was said of messages that were there before.
    pub(crate) fn stored(&mut self, core: &Core, places: &[Place]) -> Vec<(Kind, Vec<u8>)> {
        let mut effects = Vec::new();
        let mut recent = Vec::new();
        let mut said = Vec::new();
        let mut places = places.iter().copied();
        let mut index = core.index();
        let mut apply = |pending: Pending| {
            let Some(place) = places.next() else { return };
            match &pending.record {
                Record::Message(message) if !pending.content.is_empty() => {
                    recent.push((message.id, pending.content));
                }
                Record::Message(_) => {}
                Record::Outcomes { .. } | Record::Edited { .. } => {
                    said.push((pending.record.kind(), pending.meta));
                }
            }
            if let Some(large) = &pending.large {
                large.claim.keep();
            }
            effects.push(index.apply(pending.record, place));
        };
        self.again.drain(..).for_each(&mut apply);
        // What is moved is old; and what is damaged must not be taken for the letter.
        let without_content = |pending| Pending { content: Bytes::new(), ..pending };
        self.moves.drain(..).map(without_content).for_each(&mut apply);
        let mut accepted = Vec::new();
        for Accepting { messages, done } in self.accepts.drain(..) {
            let verdicts = messages.iter().map(|_| Accept::Stored).collect();
            messages.into_iter().flatten().for_each(&mut apply);
            accepted.push((done, verdicts));
        }
        self.cancels.drain(..).chain(self.notes.drain(..)).for_each(&mut apply);
        drop(index);
        core.remember(recent);
        self.doubtful.clear();
        for (done, verdicts) in accepted {
            let _ = done.send(verdicts);
        }
        for done in self.moving.drain(..).chain(self.noting.drain(..)) {
            let _ = done.send(Ok(()));
        }
        effects.into_iter().for_each(|effect| gone(core, effect));
        said
    }

    /// Turns the new messages into cancellations, for a file in which they may or may not be: should
    /// they surface there after a crash, the cancellation behind them takes them away.
    pub(crate) fn cancel_messages(&mut self) {
        self.cancelled = std::mem::take(&mut self.accepts);
        for pending in self.cancelled.iter().flat_map(|call| call.messages.iter().flatten()) {
            if let Record::Message(message) = &pending.record {
                let cancel =
                    Record::Edited { id: message.id, edit: Edit::Delete, at: message.arrived };
                self.cancels.push(Pending::bare(cancel));
            }
        }
    }

    /// Tells those who brought new messages (or had them cancelled) that they aren't stored.
    pub(crate) fn refuse_messages(&mut self, why: &AcceptError) {
        self.answer_messages(|| Accept::Refused(why.clone()));
    }

    /// Nobody knows whether the cancelled messages are on the disk. Their cancellations stay.
    pub(crate) fn doubt_messages(&mut self) {
        let pending = self.cancelled.iter().flat_map(|call| call.messages.iter().flatten());
        self.doubtful.extend(pending.filter_map(|pending| pending.large.clone()));
        self.answer_messages(|| Accept::InDoubt);
    }

    /// Whoever wanted to move messages tries again another time.
    pub(crate) fn drop_moves(&mut self) {
        self.moves.clear();
        fence(&mut self.moving);
    }

    /// The queue ends, and this was never written.
    pub(crate) fn give_up(mut self) {
        // The record may surface at the next start, so the file has to be there then.
        self.doubtful.iter().for_each(|large| large.claim.keep());
        fence(&mut self.moving);
        fence(&mut self.noting);
    }

    fn answer_messages(&mut self, verdict: impl Fn() -> Accept) {
        for Accepting { messages, done } in self.accepts.drain(..).chain(self.cancelled.drain(..)) {
            let of = |message: &Option<Pending>| match message {
                Some(_) => verdict(),
                None => Accept::Stored,
            };
            let _ = done.send(messages.iter().map(of).collect());
        }
    }
}

fn fence(waiting: &mut Vec<oneshot::Sender<Result<(), Fenced>>>) {
    for done in waiting.drain(..) {
        let _ = done.send(Err(Fenced));
    }
}

/// What a message leaves behind when its last recipient is done.
fn gone(core: &Core, effect: Effect) {
    let Effect::Gone(id, storage) = effect else { return };
    core.forget_recent(id);
    if let Storage::Large { .. } = storage {
        let (disk, path) = (Arc::clone(&core.disk), core.layout.large(id));
        core.staff.large.spawn(move || super::large::remove(disk.as_ref(), &path));
    }
}
