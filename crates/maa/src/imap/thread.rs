//! THREAD (RFC 5256): letters that were found, as conversations.

use std::collections::HashMap;
use std::ops::Range;

use postroad_catalog::facts::message_id;
use postroad_imap::command::ThreadAlgorithm;
use postroad_message::{MessageId, Origin, Threadable, Threads};
use postroad_store::{Facts, SubjectKind};

/// Letters, and what conversations are made of.
#[derive(Debug)]
pub(super) struct ThreadTable {
    algorithm: ThreadAlgorithm,
    letters: Vec<Row>,
    /// Of all letters, one after the other.
    references: Vec<MessageId>,
    /// Which number a subject has.
    subjects: HashMap<Vec<u8>, u32>,
}

#[derive(Debug)]
struct Row {
    place: usize,
    id: Option<MessageId>,
    references: Range<usize>,
    subject: Option<u32>,
    origin: Origin,
    sent: i64,
}

impl ThreadTable {
    pub(super) fn new(algorithm: ThreadAlgorithm) -> Self {
        Self { algorithm, letters: Vec::new(), references: Vec::new(), subjects: HashMap::new() }
    }

    /// Takes a letter in.
    pub(super) fn take(&mut self, place: usize, facts: &Facts<'_>) {
        let begin = self.references.len();
        self.references.extend(facts.references.iter().copied().map(message_id));
        let base = facts.subject.map(|subject| subject.base).unwrap_or_default();
        let row = Row {
            place,
            id: facts.message_id.map(message_id),
            references: begin..self.references.len(),
            subject: (!base.is_empty()).then(|| self.subject(base)),
            origin: match facts.subject.map(|subject| subject.kind) {
                Some(SubjectKind::Reply) => Origin::Answer,
                Some(SubjectKind::Original) | None => Origin::Original,
            },
            // RFC 5256 §2.2.
            sent: facts.columns.sent.map_or(facts.columns.arrived, |sent| sent.at),
        };
        self.letters.push(row);
    }

    fn subject(&mut self, base: &[u8]) -> u32 {
        if let Some(number) = self.subjects.get(base) {
            return *number;
        }
        let number = u32::try_from(self.subjects.len()).unwrap_or(u32::MAX);
        self.subjects.insert(base.to_vec(), number);
        number
    }

    /// The line, with what `number` gives for each letter's place.
    pub(super) fn write(mut self, number: impl Fn(usize) -> u32, out: &mut Vec<u8>) {
        // Letters that had to be read came in late.
        self.letters.sort_by_key(|row| row.place);
        let threadable = |row: &Row| Threadable {
            id: row.id,
            references: self.references.get(row.references.clone()).unwrap_or_default(),
            subject: row.subject,
            origin: row.origin,
            sent: row.sent,
        };
        let letters: Vec<_> = self.letters.iter().map(threadable).collect();
        let threads = match self.algorithm {
            ThreadAlgorithm::References => Threads::by_references(&letters),
            ThreadAlgorithm::OrderedSubject => Threads::by_subject(&letters),
        };
        let place = |letter: usize| self.letters.get(letter).map_or(0, |row| row.place);
        let list = threads.list(|letter| number(place(letter)));
        // RFC 5256 §4: nothing behind the name where there is none.
        out.extend_from_slice(if list.is_empty() { b"* THREAD" } else { b"* THREAD " });
        out.extend_from_slice(&list);
        out.extend_from_slice(b"\r\n");
    }
}
