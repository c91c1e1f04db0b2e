//! FETCH (RFC 9051 §6.4.5), piece by piece.
//!
//! What is cached is written straight from the cache. Other letters are read, some at a time and by several threads, while
//! nobody is kept from the mailbox.

use std::collections::HashMap;

use postroad_imap::command::{Access, Extension, Fetch, FetchAttribute, Marking, Vanished};
use postroad_imap::response::{Code, Data, Vanishing};
use postroad_imap::value::{Numbers, Set};
use postroad_store::{Cache, Facts, FlagChange, LetterFlags, Mailbox};

use super::ending::{Done, Ended, Refused};
use super::object_id::Hashing;
use super::read::{self, READ_AT_ONCE, READ_OCTETS};
use super::selected::{Places, Selected};
use super::session::{PIECE_OCTETS, Progress, Session, Work};

mod letter;
mod line;

pub(super) use line::excerpt;

use letter::{Opened, ReadLetter};
use line::Line;

/// A FETCH that is under way.
#[derive(Debug)]
pub(super) struct FetchWork {
    numbers: Numbers,
    attributes: Vec<FetchAttribute>,
    changed_since: Option<u64>,
    /// What is still to be done, the last range first.
    places: Places,
    marks: Marking,
    source: Source,
    gone: bool,
    failed: Option<Refused>,
}

/// Where the attributes stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    /// In the mailbox.
    Entry,
    /// In the cache, or in the letter.
    Facts,
    /// In the letter.
    Letter,
}

impl Source {
    fn of(attribute: &FetchAttribute) -> Self {
        match attribute {
            FetchAttribute::Flags
            | FetchAttribute::Uid
            | FetchAttribute::ModSeq
            | FetchAttribute::SaveDate => Self::Entry,
            FetchAttribute::Envelope
            | FetchAttribute::InternalDate
            | FetchAttribute::Rfc822Size
            | FetchAttribute::BodyStructure
            | FetchAttribute::Preview(_)
            | FetchAttribute::EmailId
            | FetchAttribute::ThreadId => Self::Facts,
            FetchAttribute::Body
            | FetchAttribute::Section { .. }
            | FetchAttribute::Binary { .. }
            | FetchAttribute::BinarySize(_)
            | FetchAttribute::Rfc822(_)
            | FetchAttribute::Rfc822Header
            | FetchAttribute::Rfc822Text(_) => Self::Letter,
        }
    }
}

fn marking(attribute: &FetchAttribute) -> Marking {
    match attribute {
        FetchAttribute::Section { marking, .. }
        | FetchAttribute::Binary { marking, .. }
        | FetchAttribute::Rfc822(marking)
        | FetchAttribute::Rfc822Text(marking) => *marking,
        _ => Marking::Peek,
    }
}

impl FetchWork {
    pub(super) fn begin(
        session: &mut Session,
        numbers: Numbers,
        fetch: Fetch,
        out: &mut Vec<u8>,
    ) -> Result<Self, Refused> {
        let Fetch { set, mut attributes, modifiers } = fetch;
        // RFC 7162 §3.1: whoever asks for mod-sequences is told of them from now on.
        if modifiers.changed_since.is_some() || attributes.contains(&FetchAttribute::ModSeq) {
            session.enabled.add(Extension::CondStore);
        }
        let enabled = session.enabled.clone();
        let selected = session.selected()?;
        let mut places = selected.places(numbers, &set)?;
        if modifiers.vanished == Vanished::Asked {
            // RFC 7162 §3.2.6.
            let since = modifiers.changed_since.filter(|_| numbers == Numbers::Uid);
            let since = since.filter(|_| enabled.qresync());
            let since = since.ok_or_else(|| {
                Refused::bad("VANISHED is for UID FETCH with CHANGEDSINCE, after ENABLE QRESYNC")
            })?;
            tell_vanished(session, selected, &set, since, out);
        }
        if let Some(range) = modifiers.partial {
            let all: Vec<u32> = selected.uids_at(&places).collect();
            let some = all.get(range.within(all.len())).unwrap_or_default();
            places = selected.places_of(some.iter().copied());
        }
        // RFC 9051 §6.4.9: what comes by UID is answered with it.
        let implied = [
            (numbers == Numbers::Uid, FetchAttribute::Uid),
            (modifiers.changed_since.is_some(), FetchAttribute::ModSeq),
        ];
        for (_, attribute) in implied.into_iter().filter(|(is_implied, _)| *is_implied) {
            if !attributes.contains(&attribute) {
                attributes.insert(0, attribute);
            }
        }
        let marks = match selected.access {
            Access::ReadOnly => Marking::Peek,
            Access::ReadWrite => match attributes.iter().any(|a| marking(a) == Marking::Seen) {
                true => Marking::Seen,
                false => Marking::Peek,
            },
        };
        places.reverse();
        Ok(Self {
            numbers,
            source: attributes.iter().map(Source::of).max().unwrap_or(Source::Entry),
            attributes,
            changed_since: modifiers.changed_since,
            places,
            marks,
            gone: false,
            failed: None,
        })
    }

    fn next(&mut self) -> Option<usize> {
        let range = self.places.last_mut()?;
        let place = range.next();
        if range.start >= range.end {
            self.places.pop();
        }
        place
    }

    fn end(&mut self) -> Ended {
        match (self.failed.take(), self.gone, self.numbers) {
            (Some(refused), ..) => Err(refused),
            // RFC 9051 §7.1: the client looks what became of them.
            (None, true, Numbers::Sequence) => {
                Ok(Done::with(Code::ExpungeIssued, "Some of the letters are gone"))
            }
            (None, ..) => Ok(Done::new("Fetched")),
        }
    }
}

/// Those that were expunged since (RFC 7162 §3.2.6).
fn tell_vanished(
    session: &Session,
    selected: &Selected,
    set: &postroad_imap::value::SequenceSet,
    since: u64,
    out: &mut Vec<u8>,
) {
    let postroad_imap::value::SequenceSet::Set(set) = set else { return };
    let gone = selected.open.inside().mailbox.expunged_since(since);
    let largest = selected.uids.last().copied().unwrap_or_default();
    let gone = super::select::intersect(&gone, &set.resolve(largest));
    if let Some(uids) = Set::from_ranges(gone) {
        session.say(&Data::Vanished { when: Vanishing::Earlier, uids }, out);
    }
}

impl Work for FetchWork {
    fn step(&mut self, session: &mut Session, out: &mut Vec<u8>) -> Progress {
        let enabled = session.enabled.clone();
        let Ok(selected) = session.selected_mut() else {
            return Progress::Ended(Err(Refused::no("No mailbox is selected")));
        };
        let open = std::sync::Arc::clone(&selected.open);
        let line = Line { attributes: &self.attributes.clone(), enabled: &enabled };
        let mut opened = Vec::new();
        let more = {
            let mut inside = open.inside();
            let (mailbox, cache) = inside.with_cache();
            self.write_known(selected, mailbox, cache, &line, &mut opened, out)
        };
        let hashing = match self.attributes.contains(&FetchAttribute::EmailId) {
            true => Hashing::Wanted,
            false => Hashing::Spared,
        };
        let letters = read::all(opened, |letter| letter.read(hashing));
        if !letters.is_empty() {
            let mut inside = open.inside();
            let (mailbox, cache) = inside.with_cache();
            self.write_read(selected, (mailbox, cache), &letters, &line, out);
        }
        match more {
            true => Progress::More,
            false => Progress::Ended(self.end()),
        }
    }
}

impl FetchWork {
    /// Writes what is known without reading letters, and opens those that have to be read. Says whether there are more.
    fn write_known(
        &mut self,
        selected: &Selected,
        mailbox: &mut Mailbox,
        mut cache: Option<&mut Cache>,
        line: &Line<'_>,
        opened: &mut Vec<Opened>,
        out: &mut Vec<u8>,
    ) -> bool {
        let mut octets = 0;
        while out.len() < PIECE_OCTETS && opened.len() < READ_AT_ONCE && octets < READ_OCTETS {
            let Some(place) = self.next() else { return false };
            let Some(&uid) = selected.uids.get(place) else { continue };
            let Some(entry) = mailbox.entry(uid) else {
                self.gone = true;
                continue;
            };
            if self.changed_since.is_some_and(|since| entry.modseq() <= since) {
                continue;
            }
            let known = match (self.source, cache.as_deref_mut()) {
                (Source::Entry, _) => Some(Facts::default()),
                (Source::Facts, Some(cache)) => {
                    cache.get(uid, entry.identity()).filter(|facts| line.is_in(facts))
                }
                (Source::Facts, None) | (Source::Letter, _) => None,
            };
            if let Some(facts) = known {
                let written = line.write(selected, mailbox, &entry, place, &facts, None, out);
                self.note_encoding(written);
                continue;
            }
            match Opened::open(mailbox, uid, place) {
                Ok(letter) => {
                    octets += letter.octets();
                    opened.push(letter);
                }
                Err(error) => self.note(error),
            }
        }
        true
    }

    fn note(&mut self, error: postroad_store::MailboxError) {
        match error {
            postroad_store::MailboxError::Gone { .. } => self.gone = true,
            error => {
                self.failed.get_or_insert(error.into());
            }
        }
    }

    fn note_encoding(&mut self, written: Result<(), line::UnknownEncoding>) {
        if written.is_err() {
            self.failed.get_or_insert_with(|| {
                Refused::no_with(Code::UnknownCte, "A part's transfer encoding isn't known")
            });
        }
    }

    /// Writes the lines of letters that were read, and remembers what they say.
    fn write_read(
        &mut self,
        selected: &mut Selected,
        (mailbox, mut cache): (&mut Mailbox, Option<&mut Cache>),
        letters: &[Result<ReadLetter, postroad_store::MailboxError>],
        line: &Line<'_>,
        out: &mut Vec<u8>,
    ) {
        let seen = self.mark_seen(selected, mailbox, letters);
        let mut read = Vec::with_capacity(letters.len());
        for letter in letters {
            match letter {
                Ok(letter) => read.push(letter),
                Err(postroad_store::MailboxError::Gone { .. }) => self.gone = true,
                Err(error) => {
                    crate::events::letter_unreadable(error);
                    self.failed.get_or_insert_with(|| {
                        Refused::no_with(Code::Unavailable, "Some letters can't be read now")
                    });
                }
            }
        }
        for letter in read {
            let Some(entry) = mailbox.entry(letter.uid) else {
                self.gone = true;
                continue;
            };
            let facts = letter.facts.facts();
            if let Some(cache) = cache.as_deref_mut() {
                let known = || cache.get(letter.uid, entry.identity())?.email_id;
                let email_id = facts.email_id.or_else(known);
                // What isn't remembered is read again.
                let facts = Facts { email_id, ..facts };
                let _ = cache.remember(letter.uid, entry.identity(), &facts);
            }
            let also = seen.get(&letter.uid).copied();
            let written = line.with(also).write(
                selected,
                mailbox,
                &entry,
                letter.place,
                &facts,
                Some(letter),
                out,
            );
            if written.is_err() && also.is_some() {
                selected.write_flags(&entry, mailbox, letter.place, line.enabled, out);
            }
            self.note_encoding(written);
        }
        if let Some(cache) = cache {
            let _ = cache.flush();
        }
    }

    /// RFC 9051 §6.4.5: a letter whose text is fetched was seen; the client is told of that in the same line.
    fn mark_seen(
        &mut self,
        selected: &mut Selected,
        mailbox: &mut Mailbox,
        letters: &[Result<ReadLetter, postroad_store::MailboxError>],
    ) -> HashMap<u32, line::Also> {
        if self.marks == Marking::Peek {
            return HashMap::new();
        }
        let uids: Vec<u32> = letters.iter().flatten().map(|letter| letter.uid).collect();
        let before = mailbox.highest_modseq();
        let changed = mailbox.set_flags(&uids, FlagChange::Add(LetterFlags::SEEN), None);
        selected.own.extend(before + 1..=mailbox.highest_modseq());
        match changed {
            Ok(changed) => {
                selected.open.tell();
                changed.changed.into_iter().map(|uid| (uid, line::Also::Flags)).collect()
            }
            Err(error) => {
                self.note(error);
                HashMap::new()
            }
        }
    }
}
