//! SEARCH, SORT, THREAD and ESEARCH (RFC 3501 §7.2.5, RFC 5256 §4, RFC 9051 §7.3.4).

use std::num::NonZeroU32;

use super::scan_spaced;
use crate::command::PartialRange;
use crate::scan::{Cursor, Scanned, SyntaxError};
use crate::value::{Numbers, Set, Tag};
use crate::write;

/// ```text
/// "SEARCH" [1*(SP nz-number) [SP search-sort-mod-seq]]
/// search-sort-mod-seq = "(" "MODSEQ" SP mod-sequence-value ")"
/// ```
pub(super) fn write_numbers(name: &[u8], numbers: &[u32], mod_seq: Option<u64>, out: &mut Vec<u8>) {
    out.extend_from_slice(name);
    out.reserve(numbers.len() * 8);
    for number in numbers {
        out.push(b' ');
        write::number(out, (*number).into());
    }
    if let Some(mod_seq) = mod_seq {
        out.extend_from_slice(b" (MODSEQ ");
        write::number(out, mod_seq);
        out.push(b')');
    }
}

pub(super) fn scan_numbers(cursor: &mut Cursor<'_>) -> Scanned<(Vec<u32>, Option<u64>)> {
    let mut numbers = Vec::new();
    while cursor.eat(b' ') && !cursor.is_at_end() {
        if cursor.eat_word(b"(MODSEQ ") {
            let mod_seq = cursor.number64()?;
            cursor.expect(b')', "the list's end")?;
            return Ok((numbers, Some(mod_seq)));
        }
        numbers.push(cursor.nz_number()?.get());
    }
    Ok((numbers, None))
}

/// A tree of messages, flat: a letter that is answered by a letter that is answered … may go on for ever, and neither
/// writing nor dropping it takes any stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThreadToken {
    /// `(`: a thread begins, or one of several branches below what was last.
    Open,
    /// A message; it answers the one before it in the same brackets.
    Message(NonZeroU32),
    /// `)`
    Close,
}

/// ```text
/// thread-data    = "THREAD" [SP 1*thread-list]
/// thread-list    = "(" (thread-members / thread-nested) ")"
/// thread-members = nz-number *(SP nz-number) [SP thread-nested]
/// thread-nested  = 2*thread-list
/// ```
pub(super) fn write_threads(tokens: &[ThreadToken], out: &mut Vec<u8>) {
    out.extend_from_slice(b"THREAD");
    let mut before = None;
    for token in tokens {
        // Brackets follow one another without a space, but for the first, which follows the response's name.
        let is_first = matches!(before, None | Some(ThreadToken::Message(_)));
        if is_first && *token != ThreadToken::Close {
            out.push(b' ');
        }
        match token {
            ThreadToken::Open => out.push(b'('),
            ThreadToken::Message(number) => write::number(out, number.get().into()),
            ThreadToken::Close => out.push(b')'),
        }
        before = Some(*token);
    }
}

pub(super) fn scan_threads(cursor: &mut Cursor<'_>) -> Scanned<Vec<ThreadToken>> {
    let mut tokens = Vec::new();
    let mut open = 0_usize;
    loop {
        match cursor.peek() {
            Some(b'(') => {
                cursor.eat(b'(');
                open += 1;
                tokens.push(ThreadToken::Open);
            }
            Some(b')') if open > 0 => {
                cursor.eat(b')');
                open -= 1;
                tokens.push(ThreadToken::Close);
            }
            Some(b' ') => {
                cursor.eat(b' ');
            }
            Some(b'0'..=b'9') if open > 0 => tokens.push(ThreadToken::Message(cursor.nz_number()?)),
            None if open == 0 => return Ok(tokens),
            _ => return Err(SyntaxError::Expected("a thread")),
        }
    }
}

/// What an extended search has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ESearch {
    /// The command that has asked.
    pub tag: Option<Tag>,
    /// What numbers in it mean.
    pub numbers: Numbers,
    /// What was asked.
    pub results: Vec<SearchResult>,
}

/// Something of a search's result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SearchResult {
    /// `MIN`
    Min(NonZeroU32),
    /// `MAX`
    Max(NonZeroU32),
    /// `COUNT`
    Count(u32),
    /// `ALL`
    All(Set),
    /// `MODSEQ` (RFC 7162 §3.1.10)
    ModSeq(u64),
    /// `PARTIAL` (RFC 9394 §3.1); none where there is nothing in that range.
    Partial(PartialRange, Option<Set>),
}

impl ESearch {
    /// ```text
    /// esearch-response  = "ESEARCH" [search-correlator] [SP "UID"] *(SP search-return-data)
    /// search-correlator = SP "(" "TAG" SP tag-string ")"
    /// ```
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"ESEARCH");
        if let Some(tag) = &self.tag {
            out.extend_from_slice(b" (TAG ");
            write::quoted(out, tag.as_str().as_bytes());
            out.push(b')');
        }
        if self.numbers == Numbers::Uid {
            out.extend_from_slice(b" UID");
        }
        for result in &self.results {
            out.push(b' ');
            result.write(out);
        }
    }

    pub(super) fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        let mut tag = None;
        if cursor.eat_word(b" (TAG ") {
            tag = Tag::parse(&cursor.astring("a tag")?);
            cursor.expect(b')', "the tag's end")?;
        }
        let numbers = match cursor.eat_word(b" UID") {
            true => Numbers::Uid,
            false => Numbers::Sequence,
        };
        let results = scan_spaced(cursor, SearchResult::scan)?.into_iter().flatten().collect();
        Ok(Self { tag, numbers, results })
    }
}

impl SearchResult {
    fn write(&self, out: &mut Vec<u8>) {
        let named = |name: &[u8], number: u64, out: &mut Vec<u8>| {
            out.extend_from_slice(name);
            write::number(out, number);
        };
        match self {
            Self::Min(number) => named(b"MIN ", number.get().into(), out),
            Self::Max(number) => named(b"MAX ", number.get().into(), out),
            Self::Count(number) => named(b"COUNT ", (*number).into(), out),
            Self::ModSeq(number) => named(b"MODSEQ ", *number, out),
            Self::All(set) => {
                out.extend_from_slice(b"ALL ");
                set.write(out);
            }
            Self::Partial(range, set) => {
                out.extend_from_slice(format!("PARTIAL ({range} ").as_bytes());
                match set {
                    Some(set) => set.write(out),
                    None => out.extend_from_slice(b"NIL"),
                }
                out.push(b')');
            }
        }
    }

    /// None where it is something that we don't know (RFC 9051 §9, search-ret-data-ext).
    fn scan(cursor: &mut Cursor<'_>) -> Scanned<Option<Self>> {
        let name = cursor.word("a result")?;
        cursor.space()?;
        Ok(Some(match name.as_slice() {
            b"MIN" => Self::Min(cursor.nz_number()?),
            b"MAX" => Self::Max(cursor.nz_number()?),
            b"COUNT" => Self::Count(cursor.number()?),
            b"ALL" => Self::All(Set::scan_known(cursor)?),
            b"MODSEQ" => Self::ModSeq(cursor.number64()?),
            b"PARTIAL" => {
                cursor.expect(b'(', "a list")?;
                let range = PartialRange::scan(cursor)?;
                cursor.space()?;
                let set = if cursor.eat_nil() { None } else { Some(Set::scan_known(cursor)?) };
                cursor.expect(b')', "the list's end")?;
                Self::Partial(range, set)
            }
            _ => {
                cursor.skip_value()?;
                return Ok(None);
            }
        }))
    }
}
