//! What SEARCH looks for (RFC 9051 §6.4.4, RFC 3501 §6.4.4, and extensions).

use std::num::NonZeroU32;

use super::Writer;
use crate::scan::{Cursor, Scanned, SyntaxError};
use crate::value::{Date, Flag, Keyword, SequenceSet};

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SearchKey {
    /// `ALL`: any message.
    All,
    /// All of these; at least two.
    And(Vec<SearchKey>),
    /// `OR`
    Or(Box<(SearchKey, SearchKey)>),
    /// `NOT`
    Not(Box<SearchKey>),
    /// `FUZZY` (RFC 6203)
    Fuzzy(Box<SearchKey>),
    /// `SEEN`, `UNSEEN`, `KEYWORD`, `RECENT`, `OLD` and their like.
    Flag(Matching, Flag),
    /// Sequence numbers.
    Sequence(SequenceSet),
    /// `UID`
    Uid(SequenceSet),
    /// `UIDAFTER` (RFC 9738): its UID is greater.
    UidAfter(NonZeroU32),
    /// `UIDBEFORE` (RFC 9738): its UID is smaller.
    UidBefore(NonZeroU32),
    /// `HEADER`, and `FROM`, `TO`, `CC`, `BCC`, `SUBJECT` with those names: the field holds the text, or is there at all
    /// where that is empty.
    Header(Vec<u8>, Vec<u8>),
    /// `BODY`
    Body(Vec<u8>),
    /// `TEXT`
    Text(Vec<u8>),
    /// `BEFORE`: the internal date is earlier.
    Before(Date),
    /// `ON`
    On(Date),
    /// `SINCE`: on that day or later.
    Since(Date),
    /// `SENTBEFORE`: the `Date` field's.
    SentBefore(Date),
    /// `SENTON`
    SentOn(Date),
    /// `SENTSINCE`
    SentSince(Date),
    /// `SAVEDBEFORE` (RFC 8514 §4.3)
    SavedBefore(Date),
    /// `SAVEDON`
    SavedOn(Date),
    /// `SAVEDSINCE`
    SavedSince(Date),
    /// `SAVEDATESUPPORTED`
    SaveDateSupported,
    /// `LARGER`
    Larger(u64),
    /// `SMALLER`
    Smaller(u64),
    /// `OLDER` (RFC 5032): by more seconds than these.
    Older(NonZeroU32),
    /// `YOUNGER`
    Younger(NonZeroU32),
    /// `MODSEQ` (RFC 7162 §3.1.5): this or a larger one.
    ModSeq {
        /// The entry that is meant, and whose.
        entry: Option<(Vec<u8>, EntryType)>,
        /// The smallest one that fits.
        value: u64,
    },
    /// `EMAILID` (RFC 8474 §5.3)
    EmailId(Vec<u8>),
    /// `THREADID`
    ThreadId(Vec<u8>),
}

/// Whether a flag is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matching {
    /// It is.
    Set,
    /// It isn't.
    Unset,
}

/// Whose metadata MODSEQ means (RFC 7162 §7, entry-type-req).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryType {
    /// `priv`
    Private,
    /// `shared`
    Shared,
    /// `all`
    All,
}

impl EntryType {
    fn name(self) -> &'static str {
        match self {
            Self::Private => "priv",
            Self::Shared => "shared",
            Self::All => "all",
        }
    }
}

/// The five fields that have a key of their own, as in RFC 9051 §9.
const FIELDS: [(&[u8], &[u8]); 5] = [
    (b"FROM", b"From"),
    (b"TO", b"To"),
    (b"CC", b"Cc"),
    (b"BCC", b"Bcc"),
    (b"SUBJECT", b"Subject"),
];

/// The flags that have two keys of their own.
const FLAGS: [(&[u8], &[u8], Flag); 6] = [
    (b"ANSWERED", b"UNANSWERED", Flag::Answered),
    (b"DELETED", b"UNDELETED", Flag::Deleted),
    (b"DRAFT", b"UNDRAFT", Flag::Draft),
    (b"FLAGGED", b"UNFLAGGED", Flag::Flagged),
    (b"SEEN", b"UNSEEN", Flag::Seen),
    (b"RECENT", b"OLD", Flag::Recent),
];

impl SearchKey {
    /// `search-key *(SP search-key)`, all of which have to hold.
    pub(super) fn scan_all(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        let mut keys = vec![Self::scan(cursor)?];
        // A space at the line's end is no further key.
        while cursor.peek() == Some(b' ') && cursor.rest().iter().any(|&octet| octet != b' ') {
            cursor.space()?;
            keys.push(Self::scan(cursor)?);
        }
        Ok(Self::joined(keys))
    }

    fn joined(mut keys: Vec<Self>) -> Self {
        match keys.len() {
            1 => keys.remove(0),
            _ => Self::And(keys),
        }
    }

    /// ```text
    /// search-key = "ALL" / "ANSWERED" / … / "OR" SP search-key SP search-key / "NOT" SP search-key /
    ///              sequence-set / "(" search-key *(SP search-key) ")"
    /// ```
    fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        match cursor.peek() {
            Some(b'(') => Ok(Self::joined(cursor.list(Self::scan)?)),
            Some(b'0'..=b'9' | b'*' | b'$') => SequenceSet::scan(cursor).map(Self::Sequence),
            _ => {
                let name = cursor.word("a search key")?;
                Self::scan_named(&name, cursor)
            }
        }
    }

    fn scan_named(name: &[u8], cursor: &mut Cursor<'_>) -> Scanned<Self> {
        for (set, unset, flag) in FLAGS {
            if name == set {
                return Ok(Self::Flag(Matching::Set, flag));
            }
            if name == unset {
                return Ok(Self::Flag(Matching::Unset, flag));
            }
        }
        if let Some((_, field)) = FIELDS.iter().find(|(key, _)| *key == name) {
            return Ok(Self::Header(field.to_vec(), text(cursor)?));
        }
        Ok(match name {
            b"ALL" => Self::All,
            // RFC 3501 §6.4.4: the same as (RECENT UNSEEN).
            b"NEW" => Self::And(vec![
                Self::Flag(Matching::Set, Flag::Recent),
                Self::Flag(Matching::Unset, Flag::Seen),
            ]),
            b"KEYWORD" => Self::Flag(Matching::Set, keyword(cursor)?),
            b"UNKEYWORD" => Self::Flag(Matching::Unset, keyword(cursor)?),
            b"NOT" => Self::Not(Box::new(spaced(cursor, Self::scan_deeper)?)),
            b"FUZZY" => Self::Fuzzy(Box::new(spaced(cursor, Self::scan_deeper)?)),
            b"OR" => {
                let one = spaced(cursor, Self::scan_deeper)?;
                Self::Or(Box::new((one, spaced(cursor, Self::scan_deeper)?)))
            }
            b"UID" => Self::Uid(spaced(cursor, SequenceSet::scan)?),
            b"UIDAFTER" => Self::UidAfter(spaced(cursor, Cursor::nz_number)?),
            b"UIDBEFORE" => Self::UidBefore(spaced(cursor, Cursor::nz_number)?),
            b"HEADER" => {
                let field = text(cursor)?;
                let known = FIELDS.iter().find(|(key, _)| key.eq_ignore_ascii_case(&field));
                let field = known.map_or(field, |(_, field)| field.to_vec());
                Self::Header(field, text(cursor)?)
            }
            b"BODY" => Self::Body(text(cursor)?),
            b"TEXT" => Self::Text(text(cursor)?),
            b"LARGER" => Self::Larger(spaced(cursor, Cursor::number64)?),
            b"SMALLER" => Self::Smaller(spaced(cursor, Cursor::number64)?),
            b"OLDER" => Self::Older(spaced(cursor, Cursor::nz_number)?),
            b"YOUNGER" => Self::Younger(spaced(cursor, Cursor::nz_number)?),
            b"MODSEQ" => Self::scan_mod_seq(cursor)?,
            b"EMAILID" => Self::EmailId(object_id(cursor)?),
            b"THREADID" => Self::ThreadId(object_id(cursor)?),
            b"SAVEDATESUPPORTED" => Self::SaveDateSupported,
            name => Self::scan_dated(name, cursor)?,
        })
    }

    /// `OR OR OR …` nests without brackets (row I07).
    fn scan_deeper(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        cursor.nested(Self::scan)
    }

    fn scan_dated(name: &[u8], cursor: &mut Cursor<'_>) -> Scanned<Self> {
        let key = match name {
            b"BEFORE" => Self::Before,
            b"ON" => Self::On,
            b"SINCE" => Self::Since,
            b"SENTBEFORE" => Self::SentBefore,
            b"SENTON" => Self::SentOn,
            b"SENTSINCE" => Self::SentSince,
            b"SAVEDBEFORE" => Self::SavedBefore,
            b"SAVEDON" => Self::SavedOn,
            b"SAVEDSINCE" => Self::SavedSince,
            _ => return Err(SyntaxError::Unknown("search key")),
        };
        Ok(key(spaced(cursor, Date::scan)?))
    }

    /// ```text
    /// search-modsequence = "MODSEQ" [search-modseq-ext] SP mod-sequence-valzer
    /// search-modseq-ext  = SP entry-name SP entry-type-req
    /// ```
    fn scan_mod_seq(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        cursor.space()?;
        let mut entry = None;
        if cursor.peek() == Some(b'"') {
            let name = cursor.quoted()?.into_owned();
            cursor.space()?;
            let kind = match cursor.word("whose entry")?.as_slice() {
                b"PRIV" => EntryType::Private,
                b"SHARED" => EntryType::Shared,
                b"ALL" => EntryType::All,
                _ => return Err(SyntaxError::Unknown("kind of entry")),
            };
            cursor.space()?;
            entry = Some((name, kind));
        }
        Ok(Self::ModSeq { entry, value: cursor.number64()? })
    }

    /// As SEARCH has them: without brackets around all of them.
    pub(super) fn write_all(&self, out: &mut Writer) {
        match self {
            Self::And(keys) if keys.len() > 1 => out.joined(keys, |out, key| key.write(out)),
            key => key.write(out),
        }
    }

    fn write(&self, out: &mut Writer) {
        match self {
            Self::All => out.raw("ALL"),
            Self::And(keys) if keys.is_empty() => out.raw("ALL"),
            Self::And(keys) => out.list(keys, |out, key| key.write(out)),
            Self::Or(keys) => {
                out.raw("OR ");
                keys.0.write(out);
                out.spaced(|out| keys.1.write(out));
            }
            Self::Not(key) => {
                out.raw("NOT ");
                key.write(out);
            }
            Self::Fuzzy(key) => {
                out.raw("FUZZY ");
                key.write(out);
            }
            Self::Flag(matching, flag) => write_flag(*matching, flag, out),
            Self::Sequence(set) => out.set(set),
            Self::Uid(set) => {
                out.raw("UID ");
                out.set(set);
            }
            Self::UidAfter(uid) => write_number("UIDAFTER ", uid.get().into(), out),
            Self::UidBefore(uid) => write_number("UIDBEFORE ", uid.get().into(), out),
            Self::Header(field, text) => write_header(field, text, out),
            Self::Body(text) => write_text("BODY ", text, out),
            Self::Text(text) => write_text("TEXT ", text, out),
            Self::EmailId(id) => write_text("EMAILID ", id, out),
            Self::ThreadId(id) => write_text("THREADID ", id, out),
            Self::Before(date) => write_date("BEFORE ", *date, out),
            Self::On(date) => write_date("ON ", *date, out),
            Self::Since(date) => write_date("SINCE ", *date, out),
            Self::SentBefore(date) => write_date("SENTBEFORE ", *date, out),
            Self::SentOn(date) => write_date("SENTON ", *date, out),
            Self::SentSince(date) => write_date("SENTSINCE ", *date, out),
            Self::SavedBefore(date) => write_date("SAVEDBEFORE ", *date, out),
            Self::SavedOn(date) => write_date("SAVEDON ", *date, out),
            Self::SavedSince(date) => write_date("SAVEDSINCE ", *date, out),
            Self::SaveDateSupported => out.raw("SAVEDATESUPPORTED"),
            Self::Larger(octets) => write_number("LARGER ", *octets, out),
            Self::Smaller(octets) => write_number("SMALLER ", *octets, out),
            Self::Older(seconds) => write_number("OLDER ", seconds.get().into(), out),
            Self::Younger(seconds) => write_number("YOUNGER ", seconds.get().into(), out),
            Self::ModSeq { entry, value } => {
                out.raw("MODSEQ ");
                if let Some((name, kind)) = entry {
                    crate::write::quoted(out.octets(), name);
                    out.raw(format!(" {} ", kind.name()));
                }
                out.number(*value);
            }
        }
    }
}

fn spaced<'a, T>(
    cursor: &mut Cursor<'a>,
    scan: impl FnOnce(&mut Cursor<'a>) -> Scanned<T>,
) -> Scanned<T> {
    cursor.space()?;
    scan(cursor)
}

fn text(cursor: &mut Cursor<'_>) -> Scanned<Vec<u8>> {
    super::spaced_astring(cursor, "a text")
}

fn keyword(cursor: &mut Cursor<'_>) -> Scanned<Flag> {
    cursor.space()?;
    // Some clients ask for `KEYWORD \Seen`; it is no keyword, and what they mean is plain.
    Flag::scan(cursor)
}

/// ```text
/// objectid = 1*255(ALPHA / DIGIT / "_" / "-")     ; RFC 8474 §7
/// ```
fn object_id(cursor: &mut Cursor<'_>) -> Scanned<Vec<u8>> {
    text(cursor)
}

fn write_text(name: &str, text: &[u8], out: &mut Writer) {
    out.raw(name);
    out.astring(text);
}

fn write_date(name: &str, date: Date, out: &mut Writer) {
    out.raw(name);
    date.write(out.octets());
}

fn write_number(name: &str, number: u64, out: &mut Writer) {
    out.raw(name);
    out.number(number);
}

fn write_header(field: &[u8], text: &[u8], out: &mut Writer) {
    match FIELDS.iter().find(|(_, name)| *name == field) {
        Some((key, _)) => out.raw(key),
        None => write_text("HEADER ", field, out),
    }
    out.spaced(|out| out.astring(text));
}

fn write_flag(matching: Matching, flag: &Flag, out: &mut Writer) {
    match (FLAGS.iter().find(|(_, _, known)| known == flag), matching) {
        (Some((set, ..)), Matching::Set) => out.raw(set),
        (Some((_, unset, _)), Matching::Unset) => out.raw(unset),
        (None, Matching::Set) => out.raw("KEYWORD "),
        (None, Matching::Unset) => out.raw("UNKEYWORD "),
    }
    if let Flag::Keyword(_) | Flag::Extension(_) | Flag::Any = flag {
        flag.write(out.octets());
    }
}

/// What can stand behind KEYWORD.
impl From<Keyword> for Flag {
    fn from(keyword: Keyword) -> Self {
        Self::Keyword(keyword)
    }
}
