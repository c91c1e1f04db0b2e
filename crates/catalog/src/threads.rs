//! A folder's letters as conversations (RFC 5256 §3, by references), in the order in which a list shows them.

use std::collections::HashMap;
use std::ops::Range;

use postroad_message::{MessageId, Origin, Threadable, Threads};
use postroad_store::{Facts, SubjectKind};

use crate::facts::message_id;
use crate::folder::{Folder, Kind};
use crate::order::Head;

/// What threads are made of, of letters that have a place each.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Row>,
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

impl Table {
    /// Takes a letter in that was sent at this second since 1970. One of which nothing is remembered stands alone.
    pub fn take(&mut self, place: usize, sent: i64, facts: Option<&Facts<'_>>) {
        let begin = self.references.len();
        if let Some(facts) = facts {
            self.references.extend(facts.references.iter().copied().map(message_id));
        }
        let subject = facts.and_then(|facts| facts.subject);
        let base = subject.map(|subject| subject.base).filter(|base| !base.is_empty());
        let row = Row {
            place,
            id: facts.and_then(|facts| facts.message_id).map(message_id),
            references: begin..self.references.len(),
            subject: base.map(|base| self.subject(base)),
            origin: match subject.map(|subject| subject.kind) {
                Some(SubjectKind::Reply) => Origin::Answer,
                Some(SubjectKind::Original) | None => Origin::Original,
            },
            sent,
        };
        self.rows.push(row);
    }

    fn subject(&mut self, base: &[u8]) -> u32 {
        if let Some(number) = self.subjects.get(base) {
            return *number;
        }
        let number = u32::try_from(self.subjects.len()).unwrap_or(u32::MAX);
        self.subjects.insert(base.to_vec(), number);
        number
    }

    /// The letters that were taken in, in the order of their places, as `arrange` has them; its numbers of letters are then
    /// those of [`Table::place`].
    pub fn arranged(&mut self, arrange: impl Fn(&[Threadable<'_>]) -> Threads) -> Threads {
        self.rows.sort_by_key(|row| row.place);
        let threadable = |row: &Row| Threadable {
            id: row.id,
            references: self.references.get(row.references.clone()).unwrap_or_default(),
            subject: row.subject,
            origin: row.origin,
            sent: row.sent,
        };
        arrange(&self.rows.iter().map(threadable).collect::<Vec<_>>())
    }

    /// The place of a letter, by its number among them.
    pub fn place(&self, letter: usize) -> Option<usize> {
        self.rows.get(letter).map(|row| row.place)
    }

    /// The letters as their threads have them. Where the letter is missing that a thread began with, the first of those that
    /// answer it stands in its place, and the others below that one, as in mutt.
    pub fn places(mut self) -> Vec<Place> {
        let threads = self.arranged(Threads::by_references);
        let mut places = Vec::with_capacity(self.rows.len());
        // The subjects above, by how deep they stand.
        let mut above: Vec<Option<u32>> = Vec::new();
        let mut missing = Missing::Nothing;
        for node in threads.nodes() {
            missing = match (missing, node.letter, node.depth) {
                (_, None, _) => Missing::Top,
                (_, _, 0) => Missing::Nothing,
                (Missing::Top, _, _) => Missing::First,
                (Missing::First | Missing::Later, _, 1) => Missing::Later,
                (missing, _, _) => missing,
            };
            let Some(letter) = node.letter else { continue };
            let depth = node.depth - usize::from(missing == Missing::First);
            above.truncate(depth);
            let Some(row) = self.rows.get(letter) else { continue };
            let subject = row.subject;
            let repeats = subject.is_some() && above.last().copied().flatten() == subject;
            above.push(subject);
            let depth = u8::try_from(depth).unwrap_or(u8::MAX);
            places.push(Place { letter: row.place, depth, repeats });
        }
        places
    }
}

/// Where a letter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The place that it was taken in with.
    pub letter: usize,
    /// How far below the letter that its thread begins with.
    pub depth: u8,
    /// Whether it is about the same as the letter above it.
    pub repeats: bool,
}

/// Whether the letter is missing that a thread begins with, and where below it we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    /// It isn't.
    Nothing,
    /// Nowhere yet.
    Top,
    /// At the first of those that answer it, or below that.
    First,
    /// At another one.
    Later,
}

/// An arrangement, for as long as it holds.
#[derive(Debug, Default)]
pub(crate) struct Arranged {
    /// Which letters it is of, and what was known of them.
    of: u64,
    /// Number, depth, whether the subject is that of the letter above.
    places: Vec<(u32, u8, bool)>,
}

impl Folder {
    /// The letters in threads; `heads` are all of them, in the order in which they were sent. Made anew only where letters have
    /// come or gone, or more is known of them.
    pub(crate) fn threaded(&mut self, heads: Vec<Head>) -> Vec<Head> {
        let of = fingerprint(&heads);
        if self.threads.of == of && self.threads.places.len() == heads.len() {
            let by_uid: HashMap<u32, Head> = heads.iter().map(|head| (head.uid, *head)).collect();
            let places = self.threads.places.iter();
            let head = |(uid, depth, repeats): &(u32, u8, bool)| {
                by_uid.get(uid).map(|head| Head { depth: *depth, repeats: *repeats, ..*head })
            };
            return places.filter_map(head).collect();
        }
        let mut table = Table::default();
        for (place, head) in heads.iter().enumerate() {
            let sent = i64::from(head.sent);
            match &mut self.kind {
                Kind::Kept(kept) => {
                    let (mailbox, cache) = kept.parts();
                    let cache = cache.zip(mailbox.entry(head.uid));
                    let facts = cache.and_then(|(it, entry)| it.get(head.uid, entry.identity()));
                    table.take(place, sent, facts.as_ref());
                }
                Kind::Plain(..) => table.take(place, sent, None),
            }
        }
        let stand = |place: Place| {
            let Place { letter, depth, repeats } = place;
            heads.get(letter).map(|head| Head { depth, repeats, ..*head })
        };
        let arranged: Vec<Head> = table.places().into_iter().filter_map(stand).collect();
        let places = arranged.iter().map(|head| (head.uid, head.depth, head.repeats)).collect();
        self.threads = Arranged { of, places };
        arranged
    }
}

/// The same for the same letters, as long as no more is known of any (FNV-1a).
fn fingerprint(heads: &[Head]) -> u64 {
    let parts = heads.iter().flat_map(|head| [u64::from(head.uid), u64::from(head.sent)]);
    parts.fold(0xcbf2_9ce4_8422_2325, |hash, part| (hash ^ part).wrapping_mul(0x0100_0000_01b3))
}
