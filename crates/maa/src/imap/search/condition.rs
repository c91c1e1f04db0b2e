//! What is searched for (RFC 9051 §6.4.4), made ready for many letters, and whether it holds for one.

use std::ops::Range;

use postroad_imap::command::{Charset, Matching, SearchKey};
use postroad_imap::response::Code;
use postroad_imap::value::{Date, Flag, Numbers, SequenceSet};
use postroad_message::{Needle, Part, Scope};
use postroad_store::{LetterFlags, Mailbox};

use super::indexed::Sought;
use crate::imap::ending::Refused;
use crate::imap::selected::{Places, Selected};
use crate::limits::SEARCHED_TEXTS_MAX;

const DAY: i64 = 24 * 60 * 60;

/// A search key with all that needn't be looked up for each letter. What is cheap stands first in lists.
#[derive(Debug)]
pub(super) enum Condition {
    Always,
    Never,
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    /// It is one of those.
    Places(Places),
    /// All of these are set.
    Flags(LetterFlags),
    Recent,
    /// Its mod-sequence is no smaller.
    ModSeq(u64),
    /// Seconds since 1970.
    Saved(Range<i64>),
    /// Seconds since 1970.
    Arrived(Range<i64>),
    /// Days since 1970, where the letter says that it was sent.
    Sent(Range<i64>),
    /// Octets on the wire.
    Size(Range<u64>),
    /// A field of that name has the text.
    Field(String, Sought),
    Body(Sought),
    Text(Sought),
    /// RFC 8474 §5.4.
    EmailId(Vec<u8>),
    ThreadId(Vec<u8>),
}

/// What is known of a letter without reading it.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) place: usize,
    pub(super) flags: LetterFlags,
    pub(super) is_recent: bool,
    pub(super) mod_seq: u64,
    /// Seconds since 1970, where that is known at all.
    pub(super) saved: Option<i64>,
    /// Seconds since 1970; none where that was not looked up yet.
    pub(super) arrived: Option<i64>,
    /// The day when it was sent, if it says so; none where that was not looked up yet.
    pub(super) sent: Option<Option<i64>>,
    /// The same for its octets.
    pub(super) size: Option<u64>,
    /// Its id and its thread's; each where that was looked up and found.
    pub(super) email_id: Option<String>,
    pub(super) thread_id: Option<String>,
}

/// How much of a letter is at hand.
#[derive(Debug, Clone, Copy)]
pub(super) enum Content<'a> {
    Unread,
    /// The texts of fields that are kept ([`postroad_message::field_texts`]).
    Fields(&'a [u8]),
    Header(&'a [u8]),
    Whole(&'a [u8], &'a Part),
}

/// How much of a letter has to be read to tell whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reads {
    /// What stands in the mailbox.
    Entry,
    /// Lengths and dates, which are cached of each letter.
    Columns,
    /// Texts of fields that are cached, or the header.
    Header,
    /// All of it, where they aren't cached.
    Ids,
    Text,
}

/// Makes keys ready.
#[derive(Debug)]
pub(super) struct Preparing<'a> {
    pub(super) selected: &'a Selected,
    pub(super) mailbox: &'a Mailbox,
    pub(super) charset: Charset,
    /// Seconds since 1970.
    pub(super) now: i64,
    /// Texts so far.
    texts: usize,
    /// Whether MODSEQ is among the keys.
    pub(super) asks_mod_seq: bool,
}

impl<'a> Preparing<'a> {
    /// # Errors
    /// RFC 9051 §6.4.4: NO where the charset isn't known.
    pub(super) fn new(
        selected: &'a Selected,
        mailbox: &'a Mailbox,
        charset: Charset,
        now: i64,
    ) -> Result<Self, Refused> {
        if let Charset::Other(_) = charset {
            let known = vec![Charset::UsAscii, Charset::Utf8];
            return Err(Refused::no_with(
                Code::BadCharset(known),
                "Texts can be searched in US-ASCII or UTF-8",
            ));
        }
        Ok(Self { selected, mailbox, charset, now, texts: 0, asks_mod_seq: false })
    }

    /// # Errors
    /// Where a text isn't in its charset, and where there are too many.
    pub(super) fn condition(&mut self, key: SearchKey) -> Result<Condition, Refused> {
        Ok(match key {
            SearchKey::All | SearchKey::SaveDateSupported => Condition::Always,
            SearchKey::And(keys) => Condition::All(self.conditions(keys)?),
            SearchKey::Or(keys) => Condition::Any(self.conditions(vec![keys.0, keys.1])?),
            SearchKey::Not(key) => Condition::Not(Box::new(self.condition(*key)?)),
            // RFC 6203 isn't offered; what matches exactly matches.
            SearchKey::Fuzzy(key) => self.condition(*key)?,
            SearchKey::Flag(Matching::Set, flag) => self.flag(&flag),
            SearchKey::Flag(Matching::Unset, flag) => Condition::Not(Box::new(self.flag(&flag))),
            SearchKey::Sequence(set) => self.places(Numbers::Sequence, &set),
            SearchKey::Uid(set) => self.places(Numbers::Uid, &set),
            SearchKey::UidAfter(uid) => self.uids(|one| one > uid.get()),
            SearchKey::UidBefore(uid) => self.uids(|one| one < uid.get()),
            SearchKey::Header(field, text) => match String::from_utf8(field) {
                Ok(field) => Condition::Field(field, self.sought(text)?),
                // RFC 5322 §2.2: no field has such a name.
                Err(_) => Condition::Never,
            },
            SearchKey::Body(text) => Condition::Body(self.sought(text)?),
            SearchKey::Text(text) => Condition::Text(self.sought(text)?),
            SearchKey::Before(date) => Condition::Arrived(before(date)),
            SearchKey::On(date) => Condition::Arrived(on(date)),
            SearchKey::Since(date) => Condition::Arrived(since(date)),
            SearchKey::SavedBefore(date) => Condition::Saved(before(date)),
            SearchKey::SavedOn(date) => Condition::Saved(on(date)),
            SearchKey::SavedSince(date) => Condition::Saved(since(date)),
            SearchKey::SentBefore(date) => Condition::Sent(i64::MIN..date.days()),
            SearchKey::SentOn(date) => Condition::Sent(date.days()..date.days() + 1),
            SearchKey::SentSince(date) => Condition::Sent(date.days()..i64::MAX),
            SearchKey::Larger(octets) => Condition::Size(octets.saturating_add(1)..u64::MAX),
            SearchKey::Smaller(octets) => Condition::Size(0..octets),
            // RFC 5032 §2: whichever is meant, so many seconds ago is in it.
            SearchKey::Older(seconds) => {
                Condition::Arrived(i64::MIN..self.now - i64::from(seconds.get()) + 1)
            }
            SearchKey::Younger(seconds) => {
                Condition::Arrived(self.now - i64::from(seconds.get())..i64::MAX)
            }
            SearchKey::ModSeq { entry: _, value } => {
                // RFC 7162 §3.1.5: flags have no mod-sequences of their own here.
                self.asks_mod_seq = true;
                Condition::ModSeq(value)
            }
            SearchKey::EmailId(id) => Condition::EmailId(id),
            SearchKey::ThreadId(id) => Condition::ThreadId(id),
        })
    }

    fn conditions(&mut self, keys: Vec<SearchKey>) -> Result<Vec<Condition>, Refused> {
        let conditions: Result<Vec<_>, _> =
            keys.into_iter().map(|key| self.condition(key)).collect();
        let mut conditions = conditions?;
        conditions.sort_by_cached_key(Condition::reads);
        Ok(conditions)
    }

    fn flag(&self, flag: &Flag) -> Condition {
        if *flag == Flag::Recent {
            return Condition::Recent;
        }
        match self.mailbox.known_flags(&[flag.as_str()]) {
            (flags, true) => Condition::Flags(flags),
            // No letter has it.
            (_, false) => Condition::Never,
        }
    }

    fn places(&self, numbers: Numbers, set: &SequenceSet) -> Condition {
        Condition::Places(self.selected.places_there(numbers, set))
    }

    /// RFC 9738: those at one end of the mailbox.
    fn uids(&self, is_meant: impl Fn(u32) -> bool) -> Condition {
        let uids = &self.selected.uids;
        let (first, last) = match uids.first().is_some_and(|uid| is_meant(*uid)) {
            true => (0, uids.partition_point(|uid| is_meant(*uid))),
            false => (uids.partition_point(|uid| !is_meant(*uid)), uids.len()),
        };
        let some = std::iter::once(first..last).filter(|range| !range.is_empty());
        Condition::Places(some.collect())
    }

    fn sought(&mut self, text: Vec<u8>) -> Result<Sought, Refused> {
        self.texts += 1;
        if self.texts > SEARCHED_TEXTS_MAX {
            return Err(Refused::no_with(Code::Limit, "Too many texts to search for at once"));
        }
        let is_in_charset = self.charset != Charset::UsAscii || text.is_ascii();
        match String::from_utf8(text) {
            Ok(text) if is_in_charset => Ok(Sought::new(&text)),
            _ => Err(Refused::bad("A text isn't in the charset that was named")),
        }
    }
}

/// RFC 9051 §6.4.4: the time doesn't count, nor does a zone: we show all in UTC.
fn before(date: Date) -> Range<i64> {
    i64::MIN..date.days() * DAY
}

fn on(date: Date) -> Range<i64> {
    date.days() * DAY..(date.days() + 1) * DAY
}

fn since(date: Date) -> Range<i64> {
    date.days() * DAY..i64::MAX
}

impl Condition {
    /// How much has to be read at most.
    pub(super) fn reads(&self) -> Reads {
        match self {
            Self::All(conditions) | Self::Any(conditions) => {
                conditions.iter().map(Self::reads).max().unwrap_or(Reads::Entry)
            }
            Self::Not(condition) => condition.reads(),
            Self::Always
            | Self::Never
            | Self::Places(_)
            | Self::Flags(_)
            | Self::Recent
            | Self::ModSeq(_) => Reads::Entry,
            Self::Saved(_) | Self::Arrived(_) | Self::Sent(_) | Self::Size(_) => Reads::Columns,
            Self::Field(..) => Reads::Header,
            Self::EmailId(_) | Self::ThreadId(_) => Reads::Ids,
            Self::Body(_) | Self::Text(_) => Reads::Text,
        }
    }

    /// The letters that are named by their numbers; none where any may be meant.
    pub(super) fn named(&self) -> Option<Places> {
        match self {
            Self::Places(places) => Some(places.clone()),
            Self::All(conditions) => {
                conditions.iter().filter_map(Self::named).reduce(|one, other| common(&one, &other))
            }
            _ => None,
        }
    }

    /// Whether a letter's ids are among what is asked.
    pub(super) fn asks_ids(&self) -> bool {
        match self {
            Self::All(conditions) | Self::Any(conditions) => conditions.iter().any(Self::asks_ids),
            Self::Not(condition) => condition.asks_ids(),
            Self::EmailId(_) | Self::ThreadId(_) => true,
            _ => false,
        }
    }

    /// Whether fields are looked into.
    pub(super) fn has_fields(&self) -> bool {
        match self {
            Self::All(conditions) | Self::Any(conditions) => {
                conditions.iter().any(Self::has_fields)
            }
            Self::Not(condition) => condition.has_fields(),
            Self::Field(..) => true,
            _ => false,
        }
    }

    /// Whether it holds; none where more has to be known for that. The answer doesn't depend on how much is known.
    pub(super) fn holds(&self, known: &Known, content: Content<'_>) -> Option<bool> {
        let each = |condition: &Self| condition.holds(known, content);
        match self {
            Self::Always => Some(true),
            Self::Never => Some(false),
            Self::All(conditions) => all_hold(conditions.iter().map(each)),
            Self::Any(conditions) => not(all_hold(conditions.iter().map(|one| not(each(one))))),
            Self::Not(condition) => not(each(condition)),
            Self::Places(places) => Some(is_among(places, known.place)),
            Self::Flags(flags) => Some(known.flags.contains(*flags)),
            Self::Recent => Some(known.is_recent),
            Self::ModSeq(value) => Some(known.mod_seq >= *value),
            // RFC 8514 §4.3: where nobody knows when it was saved, the internal date stands in.
            Self::Saved(range) => known.saved.or(known.arrived).map(|at| range.contains(&at)),
            Self::Arrived(range) => known.arrived.map(|at| range.contains(&at)),
            Self::Sent(range) => known.sent.map(|day| day.is_some_and(|day| range.contains(&day))),
            Self::Size(range) => known.size.map(|octets| range.contains(&octets)),
            Self::Field(name, sought) => {
                sought.if_not_lacking(known.place, |needle| content.has_in_field(name, needle))
            }
            Self::Body(sought) => sought.in_letter(known.place, content.whole(), Scope::Body),
            Self::Text(sought) => sought.in_letter(known.place, content.whole(), Scope::All),
            Self::EmailId(id) => known.email_id.as_ref().map(|known| known.as_bytes() == id),
            Self::ThreadId(id) => known.thread_id.as_ref().map(|known| known.as_bytes() == id),
        }
    }
}

/// Whether all hold; one that doesn't is enough to know.
fn all_hold(holds: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut all = Some(true);
    for holds in holds {
        match holds {
            Some(true) => {}
            Some(false) => return Some(false),
            None => all = None,
        }
    }
    all
}

fn not(holds: Option<bool>) -> Option<bool> {
    holds.map(|holds| !holds)
}

fn is_among(places: &Places, place: usize) -> bool {
    let behind = places.partition_point(|range| range.end <= place);
    places.get(behind).is_some_and(|range| range.contains(&place))
}

/// Those that are in both.
fn common(one: &Places, other: &Places) -> Places {
    let mut both = Places::new();
    let mut behind = other.as_slice();
    for range in one {
        behind = behind
            .get(behind.partition_point(|other| other.end <= range.start)..)
            .unwrap_or_default();
        let meets = behind.iter().take_while(|other| other.start < range.end);
        both.extend(meets.map(|other| other.start.max(range.start)..other.end.min(range.end)));
    }
    both
}

impl<'a> Content<'a> {
    fn has_in_field(self, name: &str, needle: &Needle) -> Option<bool> {
        let header = match self {
            Self::Unread => return None,
            Self::Fields(texts) => return needle.is_in_field_texts(texts, name),
            Self::Header(header) => header,
            Self::Whole(letter, part) => letter.get(part.header.clone()).unwrap_or_default(),
        };
        Some(needle.is_in_field(header, name))
    }

    fn whole(self) -> Option<(&'a [u8], &'a Part)> {
        match self {
            Self::Unread | Self::Fields(_) | Self::Header(_) => None,
            Self::Whole(letter, part) => Some((letter, part)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // Tests RFC 8514 §4.3.
    fn dates_that_stand_in() {
        let known = |saved, arrived| Known {
            place: 0,
            flags: LetterFlags::SEEN,
            is_recent: false,
            mod_seq: 1,
            saved,
            arrived,
            sent: Some(None),
            size: None,
            email_id: None,
            thread_id: None,
        };
        let holds = |known: &Known| Condition::Saved(10..20).holds(known, Content::Unread);
        assert_eq!(holds(&known(Some(10), Some(30))), Some(true));
        assert_eq!(holds(&known(Some(30), None)), Some(false));
        assert_eq!(holds(&known(None, Some(19))), Some(true));
        assert_eq!(holds(&known(None, None)), None);
    }

    #[test]
    fn one_that_decides_is_enough() {
        let places = Condition::Places(vec![0..2, 5..6]);
        let unread = || Condition::Text(Sought::new("x"));
        let known = |place| Known {
            place,
            flags: LetterFlags::default(),
            is_recent: false,
            mod_seq: 1,
            saved: None,
            arrived: None,
            sent: None,
            size: None,
            email_id: None,
            thread_id: None,
        };
        let all = Condition::All(vec![unread(), places]);
        for (place, holds) in [(0, None), (1, None), (2, Some(false)), (5, None), (6, Some(false))]
        {
            assert_eq!(all.holds(&known(place), Content::Unread), holds, "{place}");
        }
        let any = Condition::Any(vec![unread(), Condition::Not(Box::new(all))]);
        for (place, holds) in [(0, None), (2, Some(true))] {
            assert_eq!(any.holds(&known(place), Content::Unread), holds, "{place}");
        }
    }
}
