//! What values of structured fields are made of (RFC 5322 §3.2), read from left to right.

use std::borrow::Cow;

use memchr::{memchr2, memchr3};

/// A walk over a value. No step goes back, so that a value costs what it is long, whatever is in it (row A18).
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
    /// Whether a quote may still be closed; where one isn't, none is that follows.
    quotes: Quotes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quotes {
    MayClose,
    NoneCloses,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(value: &'a [u8]) -> Self {
        Self { rest: value, quotes: Quotes::MayClose }
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Goes over so many octets, and gives them.
    pub(crate) fn take(&mut self, octets: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(octets.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    /// Goes over `octet`, if it is next.
    pub(crate) fn eat(&mut self, octet: u8) -> bool {
        let is_next = self.peek() == Some(octet);
        self.take(usize::from(is_next));
        is_next
    }

    /// Goes over what isn't `stop`, and gives it.
    pub(crate) fn until(&mut self, stop: impl Fn(u8) -> bool) -> &'a [u8] {
        let length = self.rest.iter().position(|octet| stop(*octet));
        self.take(length.unwrap_or(self.rest.len()))
    }

    /// Goes over white space and folds; says whether there were any.
    pub(crate) fn space(&mut self) -> bool {
        !self.until(|octet| !is_space(octet)).is_empty()
    }

    /// Goes over white space and comments (RFC 5322 §3.2.2, CFWS); gives the last comment.
    pub(crate) fn comments(&mut self) -> Option<&'a [u8]> {
        let mut last = None;
        loop {
            self.space();
            match self.peek() {
                Some(b'(') => last = Some(self.comment()),
                _ => return last,
            }
        }
    }

    /// Goes over a comment; gives what is in its brackets. One without an end goes to the end.
    pub(crate) fn comment(&mut self) -> &'a [u8] {
        let mut depth = 0_usize;
        let mut at = 0;
        let text = self.rest;
        while let Some(found) = memchr3(b'(', b')', b'\\', text.get(at..).unwrap_or_default()) {
            at += found + 1;
            match text.get(at - 1) {
                Some(b'(') => depth += 1,
                Some(b')') => depth = depth.saturating_sub(1),
                // RFC 5322 §3.2.1: a quoted pair.
                _ => at += 1,
            }
            if depth == 0 {
                self.take(at);
                return text.get(1..at - 1).unwrap_or_default();
            }
        }
        self.take(text.len()).get(1..).unwrap_or_default()
    }

    /// Goes over a quoted string (RFC 5322 §3.2.4); gives what it says. `None` where no quote begins here, or one
    /// that has no end.
    pub(crate) fn quoted(&mut self) -> Option<Cow<'a, [u8]>> {
        if self.quotes == Quotes::NoneCloses {
            return None;
        }
        let text = self.rest.strip_prefix(b"\"")?;
        let mut at = 0;
        while let Some(found) = memchr2(b'"', b'\\', text.get(at..).unwrap_or_default()) {
            at += found + 1;
            match text.get(at - 1) {
                Some(b'"') => {
                    self.take(at + 1);
                    return Some(unquoted(text.get(..at - 1).unwrap_or_default()));
                }
                _ => at += 1,
            }
        }
        self.quotes = Quotes::NoneCloses;
        None
    }
}

pub(crate) fn is_space(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\r' | b'\n')
}

/// Without quoted pairs (RFC 5322 §3.2.1), line ends and NULs.
pub(crate) fn unquoted(text: &[u8]) -> Cow<'_, [u8]> {
    let is_special = |octet: &u8| matches!(octet, b'\\' | b'\r' | b'\n' | 0);
    if !text.iter().any(is_special) {
        return Cow::Borrowed(text);
    }
    let mut plain = Vec::with_capacity(text.len());
    let mut octets = text.iter();
    while let Some(octet) = octets.next() {
        let octet = if *octet == b'\\' { octets.next() } else { Some(octet) };
        plain.extend(octet.filter(|octet| !matches!(octet, b'\r' | b'\n' | 0)));
    }
    Cow::Owned(plain)
}

/// Adds a text without line ends and NULs.
pub(crate) fn push_unfolded(text: &[u8], out: &mut Vec<u8>) {
    match memchr3(b'\r', b'\n', 0, text) {
        None => out.extend_from_slice(text),
        Some(_) => {
            out.extend(text.iter().filter(|octet| !matches!(octet, b'\r' | b'\n' | 0)));
        }
    }
}

/// A value without the white space around it, the line ends of its folds (RFC 5322 §2.2.3), and NULs, which no
/// string of IMAP can hold.
pub(crate) fn unfold(raw_value: &[u8]) -> Cow<'_, [u8]> {
    let value = raw_value.trim_ascii();
    match memchr3(b'\r', b'\n', 0, value) {
        None => Cow::Borrowed(value),
        Some(_) => {
            let is_kept = |octet: &u8| !matches!(octet, b'\r' | b'\n' | 0);
            Cow::Owned(value.iter().copied().filter(is_kept).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // Tests RFC 5322 §3.2.2 and §3.2.4.
    fn comments_and_quotes() {
        for (text, comment, rest) in [
            ("(a) b", "a", " b"),
            ("(a (b) \\) c) d", "a (b) \\) c", " d"),
            ("(a", "a", ""),
            ("((((", "(((", ""),
            ("(a\\", "a\\", ""),
        ] {
            let mut cursor = Cursor::new(text.as_bytes());
            assert_eq!(cursor.comment(), comment.as_bytes(), "{text}");
            assert_eq!(cursor.rest(), rest.as_bytes(), "{text}");
        }
        for (text, says, rest) in [
            ("\"a\" b", Some("a"), " b"),
            ("\"a\\\"b\\\\\"", Some("a\"b\\"), ""),
            ("\"a\r\n b\"c", Some("a b"), "c"),
            ("\"\"", Some(""), ""),
            ("\"a", None, "\"a"),
            ("\"a\\\"", None, "\"a\\\""),
            ("a", None, "a"),
        ] {
            let mut cursor = Cursor::new(text.as_bytes());
            assert_eq!(cursor.quoted().as_deref(), says.map(str::as_bytes), "{text}");
            assert_eq!(cursor.rest(), rest.as_bytes(), "{text}");
        }
    }

    #[test] // Tests RFC 5322 §2.2.3.
    fn folds() {
        for (raw, expected) in
            [(" a\r\n b\r\n", "a b"), ("a\n\tb", "a\tb"), (" \r\n", ""), ("a\0b", "ab")]
        {
            assert_eq!(unfold(raw.as_bytes()), expected.as_bytes(), "{raw:?}");
        }
    }
}
