//! FETCH (RFC 9051 §6.4.5), piece by piece.
//!
//! What is cached is written straight from the cache. Other letters are read, some at a time and by several threads, while
//! nobody is kept from the mailbox.

use std::collections::HashMap;

use postroad_catalog::limits::{READ_AT_ONCE, READ_OCTETS};
use postroad_imap::command::{Access, Extension, Fetch, FetchAttribute, Marking, Vanished};
use postroad_imap::response::{Code, Data, Vanishing};
use postroad_imap::value::{Numbers, Set};
use postroad_store::{Cache, Facts, FlagChange, Letter, LetterFlags, Mailbox, MailboxError};

use super::ending::{Done, Ended, Refused};
use super::message_limit;
use super::read;
use super::selected::{Places, Selected};
use super::session::{PIECE_OCTETS, Progress, Session, Work};

mod letter;
mod line;

pub(super) use line::excerpt;

use letter::{Company, Fetched, Unread};
use line::{Also, Line, Shown, UnknownEncoding, WantedFacts};

/// A FETCH that is under way.
#[derive(Debug)]
pub(super) struct FetchWork {
    numbers: Numbers,
    attributes: Vec<FetchAttribute>,
    changed_since: Option<u64>,
    /// What is still to be done, the last range first.
    places: Places,
    marks: Marking,
    /// Letters are longer than they seem.
    company: Company,
    /// Letters were read.
    has_read: bool,
    gone: bool,
    failed: Option<Refused>,
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
        selected.check_numbers(&mut selected.open.inside().mailbox)?;
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
        // RFC 9051 §6.4.9: what comes by UID is answered with it; RFC 9586: where it names the line, not in it, too.
        let implied = [
            (numbers == Numbers::Uid && !enabled.uid_only(), FetchAttribute::Uid),
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
            attributes,
            changed_since: modifiers.changed_since,
            places,
            marks,
            company: Company::Others,
            has_read: false,
            gone: false,
            failed: None,
        })
    }

    /// The same with no more letters than a command may take.
    pub(super) fn limited(mut self, session: &mut Session) -> Self {
        if let (Some(selected), limit @ Some(_)) =
            (&session.selected, session.extensions.message_limit())
        {
            self.places.reverse();
            session.limited = message_limit::cut_places(selected, &mut self.places, limit);
            self.places.reverse();
        }
        self
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
    // The last letters may be among those that are gone: who asks for `1:*` wants to hear of them, too.
    let gone = super::select::intersect(&gone, &set.resolve(u32::MAX));
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
        let mut unread = Vec::new();
        {
            let mut inside = open.inside();
            if let Err(refused) = selected.check_view(&inside.mailbox) {
                return Progress::Ended(Err(refused));
            }
            let (mailbox, cache) = inside.with_cache();
            // RFC 9051 §7.3.5: before the first letter that has one.
            selected.tell_keywords(mailbox, &enabled, out);
            self.write_known(selected, mailbox, cache, &line, &mut unread, out);
        }
        if !unread.is_empty() {
            let company = if unread.len() == 1 { Company::Alone } else { self.company };
            let read = |unread: &Unread, letter: &Letter| unread.read(letter, company);
            let read = read::all(&open, &unread, |unread| &unread.file, read);
            let mut inside = open.inside();
            // Another session may have looked again while letters were read.
            if let Err(refused) = selected.check_view(&inside.mailbox) {
                return Progress::Ended(Err(refused));
            }
            let (mailbox, cache) = inside.with_cache();
            selected.tell_keywords(mailbox, &enabled, out);
            self.write_read(selected, (mailbox, cache), (&unread, read), &line, out);
            self.has_read = true;
        }
        if self.places.is_empty()
            && self.has_read
            && let (_, Some(cache)) = open.inside().with_cache()
        {
            // What isn't remembered is read again.
            let _ = cache.flush();
        }
        match self.places.is_empty() {
            true => Progress::Ended(self.end()),
            false => Progress::More,
        }
    }
}

impl FetchWork {
    /// Writes what is known without reading letters, and says which have to be read.
    fn write_known(
        &mut self,
        selected: &Selected,
        mailbox: &mut Mailbox,
        mut cache: Option<&mut Cache>,
        line: &Line<'_>,
        unread: &mut Vec<Unread>,
        out: &mut Vec<u8>,
    ) {
        let at_once = match self.company {
            Company::Others => READ_AT_ONCE,
            Company::Alone => 1,
        };
        let (wants, reads) = (line.wanted_facts(), line.reads_letters());
        let mut octets = 0;
        while out.len() < PIECE_OCTETS && unread.len() < at_once && octets < READ_OCTETS {
            let Some(place) = self.next() else { return };
            let Some(&uid) = selected.uids.get(place) else { continue };
            let Some(entry) = mailbox.entry(uid) else {
                self.gone = true;
                continue;
            };
            if self.changed_since.is_some_and(|since| entry.modseq() <= since) {
                continue;
            }
            let known = match (wants, cache.as_deref_mut()) {
                (WantedFacts::None, _) => Some(Facts::default()),
                (_, Some(cache)) => cache.get(uid, entry.identity()),
                (_, None) => None,
            };
            if let Some(facts) = known.as_ref().filter(|facts| !reads && line.is_in(facts)) {
                let shown = Shown { entry: &entry, place, facts: *facts, letter: None, also: None };
                let written = line.write(selected, mailbox, &shown, out);
                self.note_encoding(written);
                continue;
            }
            match Unread::of(mailbox, uid, place, line, known.as_ref()) {
                Ok(letter) => {
                    octets += letter.octets;
                    unread.push(letter);
                }
                Err(error) => self.note(error),
            }
        }
    }

    fn note(&mut self, error: MailboxError) {
        match error {
            MailboxError::Gone { .. } => self.gone = true,
            error => {
                self.failed.get_or_insert(error.into());
            }
        }
    }

    fn note_encoding(&mut self, written: Result<(), UnknownEncoding>) {
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
        (unread, read): (&[Unread], Vec<Result<Option<Fetched>, MailboxError>>),
        line: &Line<'_>,
        out: &mut Vec<u8>,
    ) {
        let mut fetched = Vec::with_capacity(unread.len());
        for (unread, read) in unread.iter().zip(read) {
            match read {
                Ok(Some(letter)) => fetched.push((unread, letter)),
                Ok(None) => {
                    self.company = Company::Alone;
                    self.places.push(unread.place..unread.place + 1);
                }
                Err(MailboxError::Gone { .. }) => self.gone = true,
                Err(error) => {
                    crate::events::letter_unreadable(&error);
                    self.failed.get_or_insert_with(|| {
                        Refused::no_with(Code::Unavailable, "Some letters can't be read now")
                    });
                }
            }
        }
        let seen = self.mark_seen(selected, mailbox, &fetched);
        for (unread, letter) in &fetched {
            let uid = unread.file.uid();
            let Some(entry) = mailbox.entry(uid) else {
                self.gone = true;
                continue;
            };
            if let (Some(cache), Some(new)) = (cache.as_deref_mut(), &letter.new) {
                new.remember(cache, uid, entry.identity());
            }
            let (facts, also) = (unread.facts(letter), seen.get(&uid).copied());
            let letter = Some(&letter.letter);
            let shown = Shown { entry: &entry, place: unread.place, facts, letter, also };
            let written = line.write(selected, mailbox, &shown, out);
            if written.is_err() && also.is_some() {
                selected.write_flags(&entry, mailbox, unread.place, line.enabled, out);
            }
            self.note_encoding(written);
        }
    }

    /// RFC 9051 §6.4.5: a letter whose text is fetched was seen; the client is told of that in the same line.
    fn mark_seen(
        &mut self,
        selected: &mut Selected,
        mailbox: &mut Mailbox,
        fetched: &[(&Unread, Fetched)],
    ) -> HashMap<u32, Also> {
        if self.marks == Marking::Peek {
            return HashMap::new();
        }
        let uids: Vec<u32> = fetched.iter().map(|(unread, _)| unread.file.uid()).collect();
        match mailbox.set_flags(&uids, FlagChange::Add(LetterFlags::SEEN), None) {
            Ok(changed) => {
                selected.own.extend(changed.modseqs);
                selected.open.tell();
                changed.changed.into_iter().map(|uid| (uid, Also::Flags)).collect()
            }
            Err(error) => {
                self.note(error);
                HashMap::new()
            }
        }
    }
}
