//! The messages of a session: a snapshot made at the login, with the marks that DELE sets.

use crate::command::MessageNumber;
use crate::unique_id::UniqueId;

/// A message as it was at the login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Octets on the wire, without stuffing (RFC 1939 §11).
    pub octets: u64,
    /// The same in every session.
    pub unique_id: UniqueId,
}

/// All messages of a session. The nth is number n, to the end of the session (RFC 1939 §4).
#[derive(Debug)]
pub struct Maildrop {
    entries: Vec<Entry>,
    /// Of the messages that aren't marked.
    count: usize,
    octets: u64,
}

#[derive(Debug)]
struct Entry {
    message: Message,
    mark: Mark,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Kept,
    Deleted,
}

impl Maildrop {
    /// A snapshot of these messages, none of them marked.
    pub fn new(messages: Vec<Message>) -> Self {
        let octets = messages.iter().map(|message| message.octets).sum();
        let count = messages.len();
        let entries =
            messages.into_iter().map(|message| Entry { message, mark: Mark::Kept }).collect();
        Self { entries, count, octets }
    }

    /// The message of that number, unless it is marked as deleted: then nothing may refer to it any
    /// more (RFC 1939 §5).
    pub(super) fn message(&self, number: MessageNumber) -> Option<&Message> {
        self.at(number.index())
    }

    fn at(&self, index: usize) -> Option<&Message> {
        let entry = self.entries.get(index)?;
        (entry.mark == Mark::Kept).then_some(&entry.message)
    }

    /// The number and the message at the first place at or behind `index` that isn't marked.
    pub(super) fn next_from(&self, index: usize) -> Option<(MessageNumber, &Message)> {
        (index..self.entries.len())
            .find_map(|index| Some((MessageNumber::from_index(index)?, self.at(index)?)))
    }

    /// Marks a message as deleted; `None` where there is none of that number.
    pub(super) fn mark(&mut self, number: MessageNumber) -> Option<()> {
        let entry = self.entries.get_mut(number.index()).filter(|e| e.mark == Mark::Kept)?;
        entry.mark = Mark::Deleted;
        self.count -= 1;
        self.octets -= entry.message.octets;
        Some(())
    }

    /// Takes all marks off (RSET).
    pub(super) fn unmark_all(&mut self) {
        for entry in &mut self.entries {
            entry.mark = Mark::Kept;
        }
        self.count = self.entries.len();
        self.octets = self.entries.iter().map(|entry| entry.message.octets).sum();
    }

    /// Where the marked messages stand.
    pub(super) fn marked(&self) -> Vec<usize> {
        let marked =
            |(index, entry): (usize, &Entry)| (entry.mark == Mark::Deleted).then_some(index);
        self.entries.iter().enumerate().filter_map(marked).collect()
    }

    /// `nn mm`: the drop listing (RFC 1939 §5, STAT).
    pub(super) fn drop_listing(&self) -> String {
        format!("{} {}", self.count, self.octets)
    }

    /// The same for people.
    pub(super) fn summary(&self) -> String {
        format!("{} messages ({} octets)", self.count, self.octets)
    }
}
