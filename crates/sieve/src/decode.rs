//! Header values as text: unfolded, encoded words decoded (RFC 5322 §2.2.3, RFC 2047 §6.2).

use std::borrow::Cow;

use mail_parser::parsers::MessageStream;

/// Octets that an encoded word may have; RFC 2047 §2 says 75, and not everybody listens.
const ENCODED_WORD_OCTETS_MAX: usize = 2_000;
/// Octets that are looked at in vain, for words that only begin like one: so many for each octet of a value, and
/// these. Otherwise one letter costs what it is long, times what a word may be (row M10).
const VAIN_OCTETS_PER_OCTET: usize = 2;
const VAIN_OCTETS: usize = 64 * 1024;

/// A field's value as a script sees it: without white space around it, too (RFC 5228 §5.7).
pub(crate) fn value(raw_value: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    // Most values are plain: nothing is copied then.
    match raw_value {
        Cow::Borrowed(raw_value) => trimmed(encoded_words(unfold(raw_value))),
        Cow::Owned(raw_value) => {
            Cow::Owned(trimmed(encoded_words(unfold(&raw_value))).into_owned())
        }
    }
}

fn trimmed(value: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    match value {
        Cow::Borrowed(value) => Cow::Borrowed(value.trim_ascii()),
        Cow::Owned(value) if value.trim_ascii().len() == value.len() => Cow::Owned(value),
        Cow::Owned(value) => Cow::Owned(value.trim_ascii().to_vec()),
    }
}

/// Takes the line ends out of a folded value.
pub(crate) fn unfold(raw_value: &[u8]) -> Cow<'_, [u8]> {
    let raw_value = raw_value.trim_ascii();
    match memchr::memchr2(b'\n', b'\r', raw_value) {
        None => Cow::Borrowed(raw_value),
        Some(_) => {
            let is_kept = |octet: &u8| !matches!(octet, b'\r' | b'\n');
            Cow::Owned(raw_value.iter().copied().filter(is_kept).collect())
        }
    }
}

/// Replaces encoded words by what they say, in UTF-8; those that nobody can read stay (RFC 5228 §2.7.2).
pub(crate) fn encoded_words(value: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    if memchr::memmem::find(&value, b"=?").is_none() {
        return value;
    }
    let mut decoded: Vec<u8> = Vec::with_capacity(value.len());
    let mut rest: &[u8] = &value;
    let mut before = Before::Text;
    let mut vain = value.len().saturating_mul(VAIN_OCTETS_PER_OCTET) + VAIN_OCTETS;
    while let Some(start) = memchr::memmem::find(rest, b"=?").filter(|_| vain > 0) {
        let (text, word) = rest.split_at(start);
        // RFC 2047 §6.2: white space between two encoded words is not shown.
        let is_shown = before == Before::Text || !text.trim_ascii().is_empty();
        decoded.extend_from_slice(if is_shown { text } else { b"" });
        match decode_word(word) {
            Ok((text, length)) => {
                decoded.extend_from_slice(text.as_bytes());
                rest = word.get(length..).unwrap_or_default();
                before = Before::Word;
            }
            Err(length) => {
                vain = vain.saturating_sub(length);
                if !is_shown {
                    decoded.extend_from_slice(text);
                }
                decoded.extend_from_slice(b"=?");
                rest = word.get(2..).unwrap_or_default();
                before = Before::Text;
            }
        }
    }
    decoded.extend_from_slice(rest);
    Cow::Owned(decoded)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    Text,
    Word,
}

/// What an encoded word says, and how long it is; or how many octets showed that it is none.
fn decode_word(word: &[u8]) -> Result<(String, usize), usize> {
    let word = word.get(1..word.len().min(ENCODED_WORD_OCTETS_MAX)).unwrap_or_default();
    let mut stream = MessageStream::new(word);
    let text = stream.decode_rfc2047();
    let length = stream.offset() + 1;
    text.map(|text| (text, length)).ok_or(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // Tests RFC 5228 §2.7.2 and RFC 2047 §6.2.
    fn values() {
        for (raw, expected) in [
            ("plain", "plain"),
            ("  folded\r\n  here \r\n", "folded  here"),
            ("folded\n\there", "folded\there"),
            ("=?utf-8?q?J=C3=BCrgen?=", "Jürgen"),
            ("=?iso-8859-1?Q?J=FCrgen?= !", "Jürgen !"),
            ("=?us-ascii?q?a?= =?us-ascii?q?b?=", "ab"),
            ("=?us-ascii?q?a?=\r\n =?us-ascii?q?b?=", "ab"),
            ("=?us-ascii?q?a?= c =?us-ascii?q?b?=", "a c b"),
            ("=?utf-8?b?4oKs?=", "€"),
            ("a =? b", "a =? b"),
            ("=?x-unknown", "=?x-unknown"),
            ("=?utf-8?q?a?= =?broken", "a =?broken"),
            ("=?us-ascii?q?a=00b?=", "a\0b"),
        ] {
            let got = encoded_words(unfold(raw.as_bytes()));
            assert_eq!(String::from_utf8_lossy(&got), expected, "{raw:?}");
        }
    }

    #[test] // Row M10.
    fn m10_words_that_have_no_end_are_not_read_to_the_end_each() {
        // Each of these goes on to the next one, up to the most that a word may have.
        let begins = "=?aa?q?b".repeat(100_000);
        let value = format!("{begins}=?us-ascii?q?x?=");
        let decoded = encoded_words(Cow::Borrowed(value.as_bytes()));
        assert!(decoded == value.as_bytes(), "there was no end to it");
        // Some of them hide nothing.
        let value = format!("{}=?us-ascii?q?x?=", "=?aa ".repeat(500));
        let decoded = encoded_words(Cow::Borrowed(value.as_bytes())).into_owned();
        assert!(decoded.ends_with(b"=?aa x"), "{}", String::from_utf8_lossy(&decoded));
    }
}
