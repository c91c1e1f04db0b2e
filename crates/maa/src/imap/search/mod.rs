//! SEARCH, SORT and THREAD (RFC 9051 §6.4.4, RFC 5256): letters are looked at piece by piece, with what is cheapest first.
//!
//! | what is known | costs |
//! |---|---|
//! | numbers, flags, mod-sequences, when it was saved | nothing: the mailbox has them in memory |
//! | lengths and dates | nothing, where they are cached |
//! | what letters are sorted by and threaded by | a walk through the cache |
//! | that a letter hasn't got a text | a question to the index, for all letters together (`indexed`) |
//! | anything else | reading the letter, several at a time, while nobody is kept from the mailbox |
//!
//! What a letter's flags are may change while others are read: each is judged by what it was when its turn came.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use postroad_catalog::facts::{self, Read};
use postroad_catalog::limits::READ_AT_ONCE;
use postroad_catalog::object_id::{self, Hashing};
use postroad_catalog::read::{Extent, ReadLetter, seconds};
use postroad_imap::command::{Charset, Extension, ReturnOption, Search, SearchKey, Sort, Thread};
use postroad_imap::response::Code;
use postroad_imap::value::{Numbers, Tag};
use postroad_store::{Cache, Columns, Entry, Facts, Letter, LetterFile, Mailbox, MailboxError};

use super::ending::{Done, Ended, Refused};
use super::message_limit;
use super::progress::Reports;
use super::read;
use super::selected::Selected;
use super::session::{Progress, Session, Work};
use super::sort::SortTable;
use super::thread::ThreadTable;

mod answer;
mod condition;
mod indexed;

use answer::{Answer, Asked};
use condition::{Condition, Content, Known, Preparing, Reads};

/// Letters that are looked at while the mailbox is held.
const LOOKED_AT_ONCE: usize = 8 * 1024;

/// A search that is under way.
#[derive(Debug)]
pub(super) struct SearchWork {
    condition: Condition,
    reads: Reads,
    has_fields: bool,
    asks_ids: bool,
    /// The letter whose turn it is.
    next: usize,
    found: Vec<Found>,
    then: Then,
    answer: Answer,
    /// Letters were read.
    has_read: bool,
    /// One couldn't be.
    failed: bool,
    reports: Reports,
}

/// A letter that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Found {
    place: usize,
    uid: u32,
    mod_seq: u64,
}

/// What is done with the letters that are found.
#[derive(Debug)]
enum Then {
    Nothing,
    Sort(SortTable),
    Thread(ThreadTable),
}

/// What of a letter that is found has to be known beyond that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Nothing,
    Columns,
    Facts,
}

impl Then {
    fn wants(&self) -> Wanted {
        match self {
            Self::Nothing => Wanted::Nothing,
            Self::Sort(table) if !table.wants_texts() => Wanted::Columns,
            Self::Sort(_) | Self::Thread(_) => Wanted::Facts,
        }
    }

    fn take(&mut self, place: usize, facts: &Facts<'_>) {
        match self {
            Self::Nothing => {}
            Self::Sort(table) => table.take(place, facts),
            Self::Thread(table) => table.take(place, facts),
        }
    }
}

/// A letter that has to be read.
#[derive(Debug)]
struct ToRead {
    known: Known,
    /// What is known of it already.
    holds: Option<bool>,
    file: LetterFile,
    extent: Extent,
    /// Octets on the wire, where its file's name tells.
    size: Option<u64>,
    /// What is cached of it, where that isn't all that will be.
    cached: Option<Read>,
    /// Whether there is something to be cached.
    is_uncached: bool,
    hashing: Hashing,
}

/// A letter that was read.
#[derive(Debug)]
struct Judged {
    holds: bool,
    facts: Option<Read>,
}

impl SearchWork {
    pub(super) fn search(
        session: &mut Session,
        tag: Tag,
        numbers: Numbers,
        search: Search,
    ) -> Result<Self, Refused> {
        let Search { returns, charset, key } = search;
        // RFC 6855 §3; the second revision of IMAP allows it again (RFC 9051 §6.4.4).
        let utf8 = session.enabled.has(&Extension::Utf8Accept);
        if charset.is_some() && utf8 && !session.enabled.rev2() {
            return Err(Refused::bad("No charset is named after ENABLE UTF8=ACCEPT"));
        }
        // RFC 9051 §6.4.4: the second revision has no SEARCH response.
        let rev2 = session.enabled.rev2();
        let returns = returns.or_else(|| rev2.then(|| vec![ReturnOption::All]));
        let answer = Answer { tag, numbers, asked: Asked::Search, returns, asks_mod_seq: false };
        Self::begin(session, answer, Then::Nothing, charset, key)
    }

    pub(super) fn sort(
        session: &mut Session,
        tag: Tag,
        numbers: Numbers,
        sort: Sort,
    ) -> Result<Self, Refused> {
        let Sort { returns, criteria, charset, key } = sort;
        let answer = Answer { tag, numbers, asked: Asked::Sort, returns, asks_mod_seq: false };
        let then = Then::Sort(SortTable::new(&criteria));
        Self::begin(session, answer, then, Some(charset), key)
    }

    pub(super) fn thread(
        session: &mut Session,
        tag: Tag,
        numbers: Numbers,
        thread: Thread,
    ) -> Result<Self, Refused> {
        let Thread { algorithm, charset, key } = thread;
        let asked = Asked::Search;
        let answer = Answer { tag, numbers, asked, returns: None, asks_mod_seq: false };
        let then = Then::Thread(ThreadTable::new(algorithm));
        Self::begin(session, answer, then, Some(charset), key)
    }

    fn begin(
        session: &mut Session,
        answer: Answer,
        then: Then,
        charset: Option<Charset>,
        key: SearchKey,
    ) -> Result<Self, Refused> {
        let is_saved = answer::saves(answer.returns.as_deref());
        Self::prepare(session, answer, then, charset, key).inspect_err(|refused| {
            // RFC 5182 §2.1: where a search whose result is to be kept ends with NO, nothing is kept.
            let is_lost = is_saved && refused.is_no();
            if let Some(selected) = session.selected.as_mut().filter(|_| is_lost) {
                selected.saved.clear();
            }
        })
    }

    fn prepare(
        session: &mut Session,
        mut answer: Answer,
        then: Then,
        charset: Option<Charset>,
        key: SearchKey,
    ) -> Result<Self, Refused> {
        answer::check(answer.returns.as_deref())?;
        let selected = session.selected()?;
        let now = seconds(SystemTime::now());
        let mut condition = {
            let inside = selected.open.inside();
            // Texts without a charset are in UTF-8 (RFC 9051 §6.4.4), of which US-ASCII, as before, is a part.
            let charset = charset.unwrap_or(Charset::Utf8);
            let mut preparing = Preparing::new(selected, &inside.mailbox, charset, now)?;
            let condition = preparing.condition(key)?;
            answer.asks_mod_seq = preparing.asks_mod_seq;
            condition
        };
        // RFC 9738 leaves SORT and THREAD alone.
        let limit = session.extensions.message_limit().filter(|_| matches!(then, Then::Nothing));
        let mut looked_at =
            condition.named().unwrap_or_else(|| std::iter::once(0..selected.exists()).collect());
        let limited = message_limit::cut_places(selected, &mut looked_at, limit);
        let first = looked_at.first().filter(|_| limited.is_some()).map_or(0, |range| range.start);
        indexed::ask_index(&mut condition, selected);
        session.limited = limited;
        // RFC 7162 §3.1: whoever asks for mod-sequences is told of them from now on.
        if answer.asks_mod_seq {
            session.enabled.add(Extension::CondStore);
        }
        Ok(Self {
            reads: condition.reads(),
            has_fields: condition.has_fields(),
            asks_ids: condition.asks_ids(),
            condition,
            next: first,
            found: Vec::new(),
            then,
            reports: Reports::new(answer.tag.clone(), Instant::now()),
            answer,
            has_read: false,
            failed: false,
        })
    }
}

impl Work for SearchWork {
    fn step(&mut self, session: &mut Session, out: &mut Vec<u8>) -> Progress {
        let Ok(selected) = session.selected() else {
            return Progress::Ended(Err(Refused::no("No mailbox is selected")));
        };
        let open = Arc::clone(&selected.open);
        let mut to_read = Vec::new();
        {
            let mut inside = open.inside();
            if let Err(refused) = selected.check_view(&inside.mailbox) {
                return Progress::Ended(Err(refused));
            }
            let (mailbox, cache) = inside.with_cache();
            self.look(selected, mailbox, cache, &mut to_read);
        }
        let condition = &self.condition;
        let judge = |letter: &ToRead, read: &Letter| letter.judge(read, condition);
        let judged = read::all(&open, &to_read, |letter| &letter.file, judge);
        let exists = selected.exists();
        let is_over = self.next >= exists;
        if !judged.is_empty() {
            let mut inside = open.inside();
            // Another session may have looked again while letters were read.
            if let Err(refused) = selected.check_view(&inside.mailbox) {
                return Progress::Ended(Err(refused));
            }
            let (mailbox, cache) = inside.with_cache();
            self.take_judged(to_read, judged, mailbox, cache);
            self.has_read = true;
        }
        if is_over {
            if self.has_read
                && let (_, Some(cache)) = open.inside().with_cache()
            {
                // What isn't remembered is read again.
                let _ = cache.flush();
            }
            return Progress::Ended(self.end(session, out));
        }
        if let Some(report) = self.reports.report(Instant::now(), self.next, exists) {
            session.say_status(&report, out);
        }
        Progress::More
    }
}

impl SearchWork {
    /// Looks at letters until enough have to be read.
    fn look(
        &mut self,
        selected: &Selected,
        mailbox: &mut Mailbox,
        mut cache: Option<&mut Cache>,
        to_read: &mut Vec<ToRead>,
    ) {
        let end = self.next + LOOKED_AT_ONCE;
        while self.next < end && to_read.len() < READ_AT_ONCE {
            let place = self.next;
            let Some(&uid) = selected.uids.get(place) else { return };
            self.next += 1;
            match self.look_at(uid, place, selected, mailbox, cache.as_deref_mut()) {
                Ok(None) => {}
                Ok(Some(letter)) => to_read.push(letter),
                Err(error) => self.note(&error),
            }
        }
    }

    /// Judges a letter by what is known, or opens it.
    fn look_at(
        &mut self,
        uid: u32,
        place: usize,
        selected: &Selected,
        mailbox: &mut Mailbox,
        mut cache: Option<&mut Cache>,
    ) -> Result<Option<ToRead>, MailboxError> {
        // Gone ones aren't found.
        let Some(entry) = mailbox.entry(uid) else { return Ok(None) };
        let mut known = Known::of(&entry, selected, place);
        let mut holds = self.condition.holds(&known, Content::Unread);
        let wants = self.then.wants();
        let columns = match (holds, wants) {
            (Some(false), _) | (Some(true), Wanted::Nothing) => None,
            _ => cache.as_deref_mut().and_then(|cache| cache.columns(uid, entry.identity())),
        };
        if let Some(columns) = columns {
            known.learn(columns);
            holds = holds.or_else(|| self.condition.holds(&known, Content::Unread));
        }
        let (mut is_complete, mut cached) = (false, None);
        let wants_facts = self.has_fields || self.asks_ids || wants == Wanted::Facts;
        if wants_facts
            && holds != Some(false)
            && let Some(cache) = cache.as_deref_mut()
            && let Some(facts) = cache.get(uid, entry.identity())
        {
            is_complete = is_enough(&facts);
            known.learn_ids(&facts);
            let content = facts.fields.map_or(Content::Unread, Content::Fields);
            holds = holds.or_else(|| self.condition.holds(&known, content));
            cached = (self.asks_ids || !is_complete).then(|| Read::kept(&facts));
        }
        if holds == Some(true) && self.take_cached(&entry, &known, cache) {
            return Ok(None);
        }
        if holds.is_none() && columns.is_none() && self.reads == Reads::Columns {
            known.arrived = Some(seconds(mailbox.internal_date(uid)?));
            holds = self.condition.holds(&known, Content::Unread);
            if holds == Some(true) && wants == Wanted::Nothing {
                self.found.push(known.found(uid));
                return Ok(None);
            }
        }
        if holds == Some(false) {
            return Ok(None);
        }
        let size = mailbox.entry(uid).and_then(|entry| entry.wire_octets());
        // What isn't cached yet will be.
        let is_uncached =
            columns.is_none() || self.asks_ids || wants == Wanted::Facts && !is_complete;
        let extent = match self.reads {
            Reads::Ids => Extent::Octets,
            Reads::Text => Extent::Parts,
            _ if is_uncached && size.is_none() => Extent::Octets,
            _ => Extent::Header,
        };
        let file = mailbox.letter_file(uid)?;
        let hashing = if self.asks_ids { Hashing::Wanted } else { Hashing::Spared };
        Ok(Some(ToRead { known, holds, file, extent, size, cached, is_uncached, hashing }))
    }

    /// Takes a letter in that was found, if what is wanted of it is cached.
    fn take_cached(&mut self, entry: &Entry<'_>, known: &Known, cache: Option<&mut Cache>) -> bool {
        let facts = match (self.then.wants(), cache) {
            (Wanted::Nothing, _) => Some(Facts::default()),
            (Wanted::Columns, Some(cache)) => {
                let columns = cache.columns(entry.uid(), entry.identity());
                columns.map(|columns| Facts { columns, ..Facts::default() })
            }
            (Wanted::Facts, Some(cache)) => {
                cache.get(entry.uid(), entry.identity()).filter(is_enough)
            }
            (Wanted::Columns | Wanted::Facts, None) => None,
        };
        let Some(facts) = facts else { return false };
        self.then.take(known.place, &facts);
        self.found.push(known.found(entry.uid()));
        true
    }

    /// Takes in what was read, and remembers it.
    fn take_judged(
        &mut self,
        to_read: Vec<ToRead>,
        judged: Vec<Result<Judged, MailboxError>>,
        mailbox: &Mailbox,
        mut cache: Option<&mut Cache>,
    ) {
        for (ToRead { known, file, .. }, judged) in to_read.into_iter().zip(judged) {
            let Judged { holds, facts } = match judged {
                Ok(judged) => judged,
                Err(error) => {
                    self.note(&error);
                    continue;
                }
            };
            let uid = file.uid();
            let Some(entry) = mailbox.entry(uid) else { continue };
            let read = facts.as_ref().map(Read::facts);
            if let (Some(cache), Some(facts)) = (cache.as_deref_mut(), &facts) {
                facts.remember(cache, uid, entry.identity());
            }
            match read.filter(|_| holds) {
                Some(facts) => {
                    self.then.take(known.place, &facts);
                    self.found.push(known.found(uid));
                }
                // What was cached when it was looked at may not be any more.
                None if holds => {
                    self.failed |= !self.take_cached(&entry, &known, cache.as_deref_mut());
                }
                None => {}
            }
        }
    }

    fn note(&mut self, error: &MailboxError) {
        if !matches!(error, MailboxError::Gone { .. }) {
            crate::events::letter_unreadable(error);
            self.failed = true;
        }
    }

    /// Tells what was found.
    fn end(&mut self, session: &mut Session, out: &mut Vec<u8>) -> Ended {
        // Letters that had to be read came in late.
        self.found.sort_unstable_by_key(|found| found.place);
        let mut found = std::mem::take(&mut self.found);
        let is_thread = matches!(self.then, Then::Thread(_));
        match std::mem::replace(&mut self.then, Then::Nothing) {
            Then::Nothing => {}
            Then::Sort(table) => found = in_order(&table.places(), &found),
            Then::Thread(table) => {
                let shown = |place| self.answer.shown(place, &found);
                table.write(shown, out);
            }
        }
        if !is_thread && let Some(data) = self.answer.data(&found) {
            session.say(&data, out);
        }
        let saved = self.answer.saved(&found);
        if let (Some(selected), Some(saved)) = (session.selected.as_mut(), saved) {
            // RFC 5182 §2.1: nothing, where the command ends with NO.
            selected.saved = if self.failed { Vec::new() } else { saved };
        }
        match self.failed {
            true => Err(Refused::no_with(Code::Unavailable, "Some letters can't be read now")),
            false => Ok(Done::new("Searched")),
        }
    }
}

/// Whether they have all that letters are sorted and threaded by.
fn is_enough(facts: &Facts<'_>) -> bool {
    facts.envelope.is_some() && facts.subject.is_some()
}

/// The same letters, in the order of those places.
fn in_order(places: &[usize], found: &[Found]) -> Vec<Found> {
    let at = |place: &usize| found.binary_search_by_key(place, |found| found.place).ok();
    places.iter().filter_map(at).filter_map(|at| found.get(at)).copied().collect()
}

impl Known {
    fn of(entry: &Entry<'_>, selected: &Selected, place: usize) -> Self {
        Self {
            place,
            flags: entry.flags(),
            is_recent: selected.is_recent(entry),
            mod_seq: entry.modseq(),
            saved: entry.saved().map(seconds),
            arrived: None,
            sent: None,
            size: None,
            email_id: None,
            thread_id: None,
        }
    }

    fn learn_ids(&mut self, facts: &Facts<'_>) {
        self.email_id = facts.email_id.map(object_id::email_text);
        self.thread_id = object_id::thread_text(facts);
    }

    fn learn(&mut self, columns: Columns) {
        self.arrived = Some(columns.arrived);
        self.sent = Some(columns.sent.map(|sent| facts::sent_date(sent).day()));
        self.size = Some(columns.size);
    }

    fn found(&self, uid: u32) -> Found {
        Found { place: self.place, uid, mod_seq: self.mod_seq }
    }
}

impl ToRead {
    /// Reads it, and says whether it is one that is looked for.
    fn judge(&self, letter: &Letter, condition: &Condition) -> Result<Judged, MailboxError> {
        let letter = ReadLetter::read(letter, self.extent)?;
        let facts = match self.is_uncached {
            true => letter.facts(self.size, self.cached.as_ref(), self.hashing),
            false => None,
        };
        let mut known = self.known.clone();
        for facts in facts.iter().map(Read::facts) {
            known.learn(facts.columns);
            known.learn_ids(&facts);
        }
        let content = match self.extent {
            Extent::Header => Content::Header(letter.header()),
            Extent::Octets | Extent::Parts => Content::Whole(&letter.octets, &letter.part),
        };
        // Nothing is left open once it was read.
        let holds = self.holds.or_else(|| condition.holds(&known, content)).unwrap_or(false);
        Ok(Judged { holds, facts })
    }
}
