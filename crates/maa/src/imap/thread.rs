//! THREAD (RFC 5256): letters that were found, as conversations.

use postroad_catalog::threads::Table;
use postroad_imap::command::ThreadAlgorithm;
use postroad_message::Threads;
use postroad_store::Facts;

/// Letters, and how they are to be arranged.
#[derive(Debug)]
pub(super) struct ThreadTable {
    algorithm: ThreadAlgorithm,
    table: Table,
}

impl ThreadTable {
    pub(super) fn new(algorithm: ThreadAlgorithm) -> Self {
        Self { algorithm, table: Table::default() }
    }

    /// Takes a letter in; those that have to be read come in late.
    pub(super) fn take(&mut self, place: usize, facts: &Facts<'_>) {
        // RFC 5256 §2.2.
        let sent = facts.columns.sent.map_or(facts.columns.arrived, |sent| sent.at);
        self.table.take(place, sent, Some(facts));
    }

    /// The line, with what `number` gives for each letter's place.
    pub(super) fn write(mut self, number: impl Fn(usize) -> u32, out: &mut Vec<u8>) {
        let threads = self.table.arranged(match self.algorithm {
            ThreadAlgorithm::References => Threads::by_references,
            ThreadAlgorithm::OrderedSubject => Threads::by_subject,
        });
        let list = threads.list(|letter| number(self.table.place(letter).unwrap_or(0)));
        // RFC 5256 §4: nothing behind the name where there is none.
        out.extend_from_slice(if list.is_empty() { b"* THREAD" } else { b"* THREAD " });
        out.extend_from_slice(&list);
        out.extend_from_slice(b"\r\n");
    }
}
