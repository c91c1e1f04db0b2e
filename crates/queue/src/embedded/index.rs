//! What is in the queue, in memory: some 290 octets for a message to one recipient.
//!
//! The index is what the log says, record by record: start-up and the writer both go through
//! [`Index::apply`], so that what is remembered is what a restart would remember.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::codec::{MessageRecord, Record, Storage, decode_envelope, time_of};
use super::state::State;
use crate::spool::{DelayNotice, Edit, QueueId, QueueRow};

/// Where a record stands in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) segment: u32,
    /// Of the record's head.
    pub(crate) offset: u32,
    pub(crate) meta_octets: u32,
    pub(crate) content_octets: u32,
}

impl Place {
    /// Of the whole record.
    pub(crate) fn octets(self) -> u64 {
        super::record::HEAD_OCTETS as u64
            + u64::from(self.meta_octets)
            + u64::from(self.content_octets)
    }
}

/// A message in the queue.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) place: Place,
    pub(crate) arrived: u64,
    pub(crate) storage: Storage,
    pub(crate) delay_notice: DelayNotice,
    pub(crate) states: Box<[State]>,
    pub(crate) envelope: Box<[u8]>,
}

impl Entry {
    /// Octets of the message's content.
    pub(crate) fn content_octets(&self) -> u64 {
        match self.storage {
            Storage::Inline => u64::from(self.place.content_octets),
            Storage::Large { octets, .. } => octets,
        }
    }

    pub(crate) fn row(&self, id: QueueId) -> Option<QueueRow> {
        Some(QueueRow {
            id,
            arrived: time_of(self.arrived),
            octets: self.content_octets(),
            // It was readable when it was stored; `None` is for a compiler that can't know that.
            envelope: Arc::new(decode_envelope(&self.envelope).ok()?),
            states: self.states.iter().map(State::shown).collect(),
            delay_notice: self.delay_notice,
        })
    }

    /// The message's record with the states of now, as cleaning moves it.
    pub(crate) fn record(&self, id: QueueId) -> MessageRecord {
        MessageRecord {
            id,
            arrived: self.arrived,
            delay_notice: self.delay_notice,
            storage: self.storage,
            states: self.states.clone(),
            envelope: self.envelope.clone(),
        }
    }

    fn is_done(&self) -> bool {
        self.states.iter().all(|state| *state == State::Done)
    }
}

/// What a segment holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Octets in use, dead ones too.
    pub(crate) octets: u64,
    /// Octets of records whose messages are still queued.
    pub(crate) live_octets: u64,
    /// Messages that are still queued and stand here.
    pub(crate) live_messages: u64,
    pub(crate) fate: Fate,
}

/// What becomes of a segment's file once nothing in it is needed any more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It may be written over.
    #[default]
    Reused,
    /// It is removed: a sync of it has failed.
    Removed,
    /// It goes to `damaged/` as it is: what couldn't be read of it may be readable another day.
    Kept,
}

/// All queued messages, and what each segment holds of them.
#[derive(Debug, Default)]
pub(crate) struct Index {
    pub(crate) messages: BTreeMap<QueueId, Entry>,
    /// By segment number; the last one is being written.
    pub(crate) segments: BTreeMap<u32, Usage>,
}

/// What a record did beyond the index itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing more.
    None,
    /// The message is gone; a file of its own (if it had one) isn't needed any more.
    Gone(QueueId, Storage),
}

impl Index {
    /// Does what a record says. `place` is where it stands.
    pub(crate) fn apply(&mut self, record: Record, place: Place) -> Effect {
        match record {
            Record::Message(message) => {
                self.insert(message, place);
                Effect::None
            }
            Record::Outcomes { id, states } => self.change(id, |entry| {
                for (recipient, outcome) in &states {
                    let index = usize::try_from(*recipient).unwrap_or(usize::MAX);
                    if let Some(state) = entry.states.get_mut(index) {
                        state.settle(outcome);
                    }
                }
            }),
            Record::Edited { id, edit, at } => self.change(id, |entry| {
                if edit == Edit::DelayNoticeSent {
                    entry.delay_notice = DelayNotice::Sent;
                }
                entry.states.iter_mut().for_each(|state| state.edit(edit, at));
            }),
        }
    }

    /// A message that is there already was moved: the later record counts.
    fn insert(&mut self, message: MessageRecord, place: Place) {
        let MessageRecord { id, arrived, delay_notice, storage, states, envelope } = message;
        let entry = Entry { place, arrived, storage, delay_notice, states, envelope };
        if let Some(old) = self.messages.insert(id, entry) {
            self.forget(old.place);
        }
        let usage = self.segments.entry(place.segment).or_default();
        usage.live_octets += place.octets();
        usage.live_messages += 1;
    }

    fn change(&mut self, id: QueueId, change: impl FnOnce(&mut Entry)) -> Effect {
        let Some(entry) = self.messages.get_mut(&id) else { return Effect::None };
        change(entry);
        if !entry.is_done() {
            return Effect::None;
        }
        let (place, storage) = (entry.place, entry.storage);
        self.messages.remove(&id);
        self.forget(place);
        Effect::Gone(id, storage)
    }

    /// Forgets a message as if its record had never been read.
    pub(crate) fn remove(&mut self, id: QueueId) {
        if let Some(entry) = self.messages.remove(&id) {
            self.forget(entry.place);
        }
    }

    fn forget(&mut self, place: Place) {
        if let Some(usage) = self.segments.get_mut(&place.segment) {
            usage.live_octets = usage.live_octets.saturating_sub(place.octets());
            usage.live_messages = usage.live_messages.saturating_sub(1);
        }
    }
}
