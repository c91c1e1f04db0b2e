//! Names of mailboxes, and patterns for them (RFC 9051 §5.1, §6.3.9).

use std::borrow::Cow;

use super::utf7;
use crate::limits;
use crate::scan::{Cursor, Scanned, SyntaxError};
use crate::write::{self, Quoting};

/// How names stand on the wire.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NameEncoding {
    /// Modified UTF-7 (RFC 3501 §5.1.3).
    #[default]
    Utf7,
    /// UTF-8, once UTF8=ACCEPT or IMAP4rev2 is enabled (RFC 6855 §3, RFC 9051 §5.1).
    Utf8,
}

impl NameEncoding {
    fn decode(self, wire: &[u8]) -> Scanned<String> {
        let wire = std::str::from_utf8(wire).map_err(|_| SyntaxError::MailboxName)?;
        if wire.len() > limits::MAILBOX_NAME_OCTETS_MAX {
            return Err(SyntaxError::TooLong("a mailbox's name"));
        }
        // RFC 9051 §5.1: no control characters; U+2028 and U+2029 neither (RFC 5198 §2).
        let is_bad = |char: char| char.is_control() || matches!(char, '\u{2028}' | '\u{2029}');
        let text = match self {
            Self::Utf8 => Some(wire.to_owned()),
            // Some clients send UTF-8 without having asked; it can't be anything else.
            Self::Utf7 if !wire.is_ascii() => Some(wire.to_owned()),
            Self::Utf7 => utf7::decode(wire),
        };
        let text = text.filter(|text| !text.contains(is_bad)).ok_or(SyntaxError::MailboxName)?;
        // Whatever it came as, it can be said in either form.
        if !text.is_ascii() && utf7::encode(&text).len() > limits::MAILBOX_NAME_OCTETS_MAX {
            return Err(SyntaxError::TooLong("a mailbox's name"));
        }
        Ok(text)
    }

    fn encode(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::Utf7 => Cow::Owned(utf7::encode(text)),
            Self::Utf8 => Cow::Borrowed(text),
        }
    }

    /// Whether 8-bit text may stand between quotes.
    pub fn quoting(self) -> Quoting {
        match self {
            Self::Utf7 => Quoting::Ascii,
            Self::Utf8 => Quoting::Utf8,
        }
    }
}

/// A mailbox's name as text. Whether it can be one's own, and where it lies, is for others to say; it holds no control
/// character, and it is `INBOX` in capitals where it is the inbox (also in `INBOX/sub`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MailboxName(String);

impl MailboxName {
    /// The inbox.
    pub fn inbox() -> Self {
        Self("INBOX".to_owned())
    }

    /// Reads a name as it is on the wire; none where it isn't one.
    pub fn parse(wire: &[u8], encoding: NameEncoding) -> Option<Self> {
        Self::decode(wire, encoding).ok()
    }

    fn decode(wire: &[u8], encoding: NameEncoding) -> Scanned<Self> {
        let mut text = encoding.decode(wire)?;
        // RFC 9051 §5.1: INBOX in any case.
        let head = text.get(..5).is_some_and(|head| head.eq_ignore_ascii_case("INBOX"));
        if head && matches!(text.as_bytes().get(5), None | Some(b'/')) {
            text.replace_range(..5, "INBOX");
        }
        Ok(Self(text))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the inbox.
    pub fn is_inbox(&self) -> bool {
        self.0 == "INBOX"
    }

    /// The name in modified UTF-7, as folders on disk are called.
    pub fn to_modified_utf7(&self) -> String {
        utf7::encode(&self.0)
    }

    /// The name as it goes on the wire, without quotes.
    pub fn to_wire(&self, encoding: NameEncoding) -> Cow<'_, str> {
        encoding.encode(&self.0)
    }

    /// `mailbox = "INBOX" / astring`
    pub(crate) fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        let encoding = cursor.names();
        let wire = cursor.astring("a mailbox's name")?;
        Self::decode(&wire, encoding)
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>, encoding: NameEncoding) {
        write::astring(out, self.to_wire(encoding).as_bytes(), encoding.quoting());
    }
}

/// A name with wildcards (RFC 9051 §6.3.9): `*` is anything, `%` anything but the separator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// Reads a pattern as it is on the wire; none where it isn't one.
    pub fn parse(wire: &[u8], encoding: NameEncoding) -> Option<Self> {
        encoding.decode(wire).ok().map(Self)
    }

    /// The pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The pattern behind a reference name.
    #[must_use]
    pub fn below(&self, reference: &str) -> Self {
        Self(format!("{reference}{}", self.0))
    }

    pub(crate) fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        let encoding = cursor.names();
        let wire = cursor.list_mailbox()?;
        encoding.decode(&wire).map(Self)
    }

    pub(crate) fn to_wire(&self, encoding: NameEncoding) -> Cow<'_, str> {
        encoding.encode(&self.0)
    }

    /// Whether a name matches. The steps are at most the product of both lengths, whatever the pattern (row I07).
    pub fn matches(&self, name: &str, separator: char) -> bool {
        let inbox = name == "INBOX" || name.starts_with(&format!("INBOX{separator}"));
        let pattern: Vec<char> = self.0.chars().collect();
        // The places in the pattern where we may be.
        let mut places = vec![false; pattern.len() + 1];
        if let Some(first) = places.first_mut() {
            *first = true;
        }
        step_over_wildcards(&pattern, &mut places);
        for (index, char) in name.chars().enumerate() {
            let mut next = vec![false; places.len()];
            for (place, &wanted) in pattern.iter().enumerate() {
                if !places.get(place).is_some_and(|&here| here) {
                    continue;
                }
                let same =
                    wanted == char || (inbox && index < 5 && wanted.eq_ignore_ascii_case(&char));
                let (stays, moves) = match wanted {
                    '*' => (true, false),
                    '%' => (char != separator, false),
                    _ => (false, same),
                };
                if let Some(here) = next.get_mut(place) {
                    *here |= stays;
                }
                if let Some(behind) = next.get_mut(place + 1) {
                    *behind |= moves;
                }
            }
            step_over_wildcards(&pattern, &mut next);
            places = next;
        }
        places.last().is_some_and(|&end| end)
    }
}

/// A wildcard may stand for nothing.
fn step_over_wildcards(pattern: &[char], places: &mut [bool]) {
    for (place, char) in pattern.iter().enumerate() {
        let may_be_nothing = matches!(char, '*' | '%') && places.get(place) == Some(&true);
        if let Some(behind) = places.get_mut(place + 1).filter(|_| may_be_nothing) {
            *behind = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(wire: &[u8], encoding: NameEncoding) -> Option<String> {
        MailboxName::parse(wire, encoding).map(|name| name.as_str().to_owned())
    }

    #[test]
    fn names() {
        use NameEncoding::{Utf7, Utf8};
        for (wire, encoding, text) in [
            (&b"inBox"[..], Utf7, Some("INBOX")),
            (b"inBox/a", Utf7, Some("INBOX/a")),
            (b"inBoxes", Utf7, Some("inBoxes")),
            (b"a&-b", Utf7, Some("a&b")),
            (b"a&-b", Utf8, Some("a&-b")),
            (b"a&b", Utf7, None),
            (b"a&b", Utf8, Some("a&b")),
            ("ü".as_bytes(), Utf8, Some("ü")),
            ("ü".as_bytes(), Utf7, Some("ü")),
            (b"\xff", Utf8, None),
            (b"\xc0\xaf", Utf8, None),
            (b"a\tb", Utf8, None),
            (b"a\x7fb", Utf7, None),
            ("a\u{85}b".as_bytes(), Utf8, None),
            (b"../u2", Utf7, Some("../u2")),
            (b"", Utf7, Some("")),
        ] {
            assert_eq!(name(wire, encoding).as_deref(), text, "{}", wire.escape_ascii());
        }
    }

    #[test]
    fn patterns() {
        for (pattern, name, matches) in [
            ("*", "a/b", true),
            ("%", "a/b", false),
            ("%", "a", true),
            ("a/%", "a/b", true),
            ("a/%", "a", false),
            ("a*", "a", true),
            ("%/b", "a/b", true),
            ("*b", "a/bb", true),
            ("%b%", "abc", true),
            ("inbox", "INBOX", true),
            ("inbox/A", "INBOX/A", true),
            ("inbox/a", "INBOX/A", false),
            ("A", "a", false),
            ("", "a", false),
            ("", "", true),
            ("~/Mail/%", "~/Mail/meetings", true),
        ] {
            let pattern =
                Pattern::parse(pattern.as_bytes(), NameEncoding::Utf8).expect("a pattern");
            assert_eq!(pattern.matches(name, '/'), matches, "{pattern:?} {name}");
        }
    }

    #[test]
    fn i07_a_pattern_of_wildcards_ends() {
        let pattern =
            Pattern::parse("*%".repeat(500).as_bytes(), NameEncoding::Utf8).expect("a pattern");
        assert!(pattern.below("x").matches(&format!("x{}", "a/".repeat(500)), '/'));
        assert!(!pattern.below("y").matches(&"a/".repeat(500), '/'));
    }
}
