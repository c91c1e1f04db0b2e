//! SEARCH (RFC 9051 §6.4.4): what is wanted back; keys are in `search_key.rs`.

use std::fmt;
use std::num::NonZeroU32;

use super::{SearchKey, Writer};
use crate::scan::{Cursor, Scanned, SyntaxError};

/// What to look for, and what of it to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// `RETURN (…)`: an ESEARCH response is wanted. None: SEARCH, as in RFC 3501. `RETURN ()` is the same as
    /// `RETURN (ALL)` (RFC 4731 §3.1), and is read so.
    pub returns: Option<Vec<ReturnOption>>,
    /// What texts in the keys are written in.
    pub charset: Option<Charset>,
    /// All of these have to hold.
    pub key: SearchKey,
}

/// What of a search's result is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReturnOption {
    /// `MIN`
    Min,
    /// `MAX`
    Max,
    /// `ALL`
    All,
    /// `COUNT`
    Count,
    /// `SAVE` (RFC 5182): keep it as `$`.
    Save,
    /// `PARTIAL` (RFC 9394 §3.1)
    Partial(PartialRange),
}

/// Some of many results: `1:500` the first ones, `-1:-500` the last ones (RFC 9394 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartialRange {
    /// Counted from the first.
    First(NonZeroU32, NonZeroU32),
    /// Counted from the last.
    Last(NonZeroU32, NonZeroU32),
}

impl PartialRange {
    /// ```text
    /// partial-range-first = nz-number ":" nz-number
    /// partial-range-last  = MINUS nz-number ":" MINUS nz-number
    /// ```
    pub(crate) fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        const WHAT: &str = "a range";
        if !cursor.eat(b'-') {
            let begin = cursor.nz_number()?;
            cursor.expect(b':', WHAT)?;
            return Ok(Self::First(begin, cursor.nz_number()?));
        }
        let begin = cursor.nz_number()?;
        cursor.expect(b':', WHAT)?;
        cursor.expect(b'-', WHAT)?;
        Ok(Self::Last(begin, cursor.nz_number()?))
    }

    /// Which of so many results in rising order are meant, counted from 0.
    pub fn within(self, results: usize) -> std::ops::Range<usize> {
        let places = |one: NonZeroU32, other: NonZeroU32| {
            let place = |number: NonZeroU32| usize::try_from(number.get()).unwrap_or(usize::MAX);
            let (begin, end) = (one.min(other), one.max(other));
            ((place(begin) - 1).min(results), place(end).min(results))
        };
        match self {
            Self::First(one, other) => {
                let (begin, end) = places(one, other);
                begin..end
            }
            Self::Last(one, other) => {
                let (begin, end) = places(one, other);
                results - end..results - begin
            }
        }
    }
}

impl fmt::Display for PartialRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First(begin, end) => write!(f, "{begin}:{end}"),
            Self::Last(begin, end) => write!(f, "-{begin}:-{end}"),
        }
    }
}

/// What texts are written in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Charset {
    /// `US-ASCII`
    UsAscii,
    /// `UTF-8`
    Utf8,
    /// Another one, as it was written: `NO [BADCHARSET]` (RFC 9051 §7.1).
    Other(Vec<u8>),
}

impl Charset {
    /// `charset = atom / quoted`
    pub(crate) fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        let name = cursor.astring("a charset")?;
        Ok(match name.to_ascii_uppercase().as_slice() {
            b"US-ASCII" | b"ASCII" => Self::UsAscii,
            b"UTF-8" | b"UTF8" => Self::Utf8,
            _ => Self::Other(name.into_owned()),
        })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        match self {
            Self::UsAscii => out.raw("US-ASCII"),
            Self::Utf8 => out.raw("UTF-8"),
            Self::Other(name) => out.astring(name),
        }
    }
}

impl ReturnOption {
    fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        Ok(match cursor.word("a return option")?.as_slice() {
            b"MIN" => Self::Min,
            b"MAX" => Self::Max,
            b"ALL" => Self::All,
            b"COUNT" => Self::Count,
            b"SAVE" => Self::Save,
            b"PARTIAL" => {
                cursor.space()?;
                Self::Partial(PartialRange::scan(cursor)?)
            }
            _ => return Err(SyntaxError::Unknown("return option")),
        })
    }

    fn write(self, out: &mut Writer) {
        match self {
            Self::Min => out.raw("MIN"),
            Self::Max => out.raw("MAX"),
            Self::All => out.raw("ALL"),
            Self::Count => out.raw("COUNT"),
            Self::Save => out.raw("SAVE"),
            Self::Partial(range) => out.raw(format!("PARTIAL {range}")),
        }
    }
}

/// ```text
/// search-return-opts = SP "RETURN" SP "(" [search-return-opt *(SP search-return-opt)] ")"
/// ```
pub(super) fn scan_returns(cursor: &mut Cursor<'_>) -> Scanned<Option<Vec<ReturnOption>>> {
    if !cursor.eat_word(b" RETURN ") {
        return Ok(None);
    }
    let options = cursor.list_or_empty(ReturnOption::scan)?;
    Ok(Some(if options.is_empty() { vec![ReturnOption::All] } else { options }))
}

pub(super) fn write_returns(returns: Option<&[ReturnOption]>, out: &mut Writer) {
    if let Some(options) = returns {
        out.raw(" RETURN ");
        out.list(options, |out, option| option.write(out));
    }
}

impl Search {
    /// ```text
    /// search         = "SEARCH" [search-return-opts] SP search-program
    /// search-program = ["CHARSET" SP charset SP] search-key *(SP search-key)
    /// ```
    pub(super) fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        let returns = scan_returns(cursor)?;
        cursor.space()?;
        let mut charset = None;
        if cursor.eat_word(b"CHARSET ") {
            charset = Some(Charset::scan(cursor)?);
            cursor.space()?;
        }
        Ok(Self { returns, charset, key: SearchKey::scan_all(cursor)? })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        write_returns(self.returns.as_deref(), out);
        if let Some(charset) = &self.charset {
            out.raw(" CHARSET ");
            charset.write(out);
        }
        out.spaced(|out| self.key.write_all(out));
    }
}
