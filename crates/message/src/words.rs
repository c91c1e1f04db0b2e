//! Encoded words (RFC 2047).

use std::borrow::Cow;

use memchr::memmem::Finder;

use crate::transfer::{self, TransferEncoding};
use crate::{charset, limits};

/// How many octets may still be looked at for words that have no end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vain {
    left: usize,
}

impl Vain {
    pub(crate) fn of(value: &[u8]) -> Self {
        let looks = value.len().saturating_mul(limits::VAIN_OCTETS_PER_OCTET);
        Self { left: looks.saturating_add(limits::VAIN_OCTETS) }
    }

    pub(crate) fn none() -> Self {
        Self { left: 0 }
    }
}

/// How long the encoded word is that a text begins with (RFC 2047 §2); some have spaces in them.
pub(crate) fn length(text: &[u8], vain: &mut Vain) -> Option<usize> {
    let seen = text.get(..limits::ENCODED_WORD_OCTETS_MAX).unwrap_or(text);
    let seen = seen.get(..vain.left).unwrap_or(seen);
    if !seen.starts_with(b"=?") {
        return None;
    }
    let length = marked_length(seen);
    if length.is_none() {
        vain.left = vain.left.saturating_sub(seen.len());
    }
    length
}

/// `"=?" charset "?" encoding "?" text "?="`, and behind it another one, or what may follow a word.
fn marked_length(text: &[u8]) -> Option<usize> {
    let mut marks = memchr::memchr_iter(b'?', text);
    let (charset, encoding) = (marks.next()?, marks.next()?);
    let (says, end) = (marks.next()?, marks.next()?);
    let is_word = encoding > charset + 1
        && says == encoding + 2
        && matches!(text.get(encoding + 1), Some(b'q' | b'Q' | b'b' | b'B'))
        && text.get(end + 1) == Some(&b'=');
    let behind = text.get(end + 2..)?;
    let ends = |octet: &u8| b" \t\r\n<(\",".contains(octet);
    (is_word && (behind.starts_with(b"=?") || behind.first().is_none_or(ends))).then_some(end + 2)
}

/// Whether there is something to decode.
pub(crate) fn may_have_words(value: &[u8]) -> bool {
    memchr::memchr(b'?', value).is_some() && memchr::memmem::find(value, b"=?").is_some()
}

/// A header value as text: unfolded, with what its encoded words say (RFC 2047 §6.2). Words that nobody can read stay
/// as they are.
pub(crate) fn decode(value: &[u8]) -> Cow<'_, str> {
    if !may_have_words(value) {
        return charset::to_text(value, None);
    }
    let begin = Finder::new(b"=?");
    let mut decoded = Decoded::default();
    let mut vain = Vain::of(value);
    let mut rest = value;
    let mut looked_at = 0;
    while let Some(start) = begin.find(rest.get(looked_at..).unwrap_or_default()) {
        let start = looked_at + start;
        let (before, at) = rest.split_at(start);
        match length(at, &mut vain).and_then(|length| Word::parse(at.get(..length)?)) {
            Some(word) => {
                decoded.text(before);
                decoded.word(&word);
                rest = at.get(word.octets..).unwrap_or_default();
                looked_at = 0;
            }
            None => looked_at = start + 2,
        }
    }
    decoded.text(rest);
    Cow::Owned(decoded.finish())
}

/// An unfolded header value for people, with what its encoded words say (RFC 2047 §6.2). Words that nobody can read stay
/// as they are. Any character may be in it: whoever shows it makes it safe.
pub fn decoded(value: &[u8]) -> String {
    decode(value).into_owned()
}

struct Word<'a> {
    octets: usize,
    charset: &'a [u8],
    says: Vec<u8>,
}

impl<'a> Word<'a> {
    fn parse(word: &'a [u8]) -> Option<Self> {
        let inner = word.strip_prefix(b"=?")?.strip_suffix(b"?=")?;
        let mut pieces = inner.splitn(3, |octet| *octet == b'?');
        let (charset, encoding, text) = (pieces.next()?, pieces.next()?, pieces.next()?);
        // RFC 2231 §5: a language follows the asterisk.
        let charset = charset.split(|octet| *octet == b'*').next()?;
        let says = match encoding {
            b"q" | b"Q" => q(text),
            _ => transfer::decode(TransferEncoding::Base64, text),
        };
        charset::is_for_headers(charset).then_some(Self { octets: word.len(), charset, says })
    }
}

/// RFC 2047 §4.2.
fn q(text: &[u8]) -> Vec<u8> {
    let mut says = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [octet, behind @ ..] = rest {
        let pair = match rest {
            [b'=', high, low, ..] => transfer::hexadecimal(*high, *low),
            _ => None,
        };
        says.push(pair.unwrap_or(if *octet == b'_' { b' ' } else { *octet }));
        rest = if pair.is_some() { rest.get(3..).unwrap_or_default() } else { behind };
    }
    says
}

/// Text so far. Words of one charset that follow each other are decoded as one, because mailers cut characters in two.
#[derive(Default)]
struct Decoded {
    text: String,
    charset: Vec<u8>,
    says: Vec<u8>,
    before: Before,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Before {
    #[default]
    Text,
    Word,
}

impl Decoded {
    fn text(&mut self, text: &[u8]) {
        // RFC 2047 §6.2: white space between two encoded words is not shown; none ends a value.
        if text.is_empty() || (self.before == Before::Word && text.trim_ascii().is_empty()) {
            return;
        }
        self.flush();
        self.text.push_str(&charset::to_text(text, None));
        self.before = Before::Text;
    }

    fn word(&mut self, word: &Word<'_>) {
        if !self.charset.eq_ignore_ascii_case(word.charset) {
            self.flush();
            self.charset = word.charset.to_vec();
        }
        self.says.extend_from_slice(&word.says);
        self.before = Before::Word;
    }

    fn flush(&mut self) {
        self.text.push_str(&charset::to_text(&self.says, Some(&self.charset)));
        self.says.clear();
        self.charset.clear();
    }

    fn finish(mut self) -> String {
        self.flush();
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // Tests RFC 2047 §6.2 and §8.
    fn values() {
        for (value, expected) in [
            ("plain", "plain"),
            ("=?utf-8?q?J=C3=BCrgen?=", "Jürgen"),
            ("=?iso-8859-1?Q?J=FCrgen?= !", "Jürgen !"),
            ("=?ISO-8859-1?Q?a?=", "a"),
            ("=?ISO-8859-1?Q?a?= b", "a b"),
            ("=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"),
            ("=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=", "ab"),
            ("=?ISO-8859-1?Q?a_b?=", "a b"),
            ("=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b"),
            ("=?us-ascii*en?q?a?= c =?us-ascii?q?b?=", "a c b"),
            ("=?utf-8?b?4oKs?=", "€"),
            // A character in two words.
            ("=?utf-8?b?4oI=?= =?utf-8?b?rA==?=", "€"),
            ("a =? b", "a =? b"),
            ("=?x-unknown", "=?x-unknown"),
            ("=?utf-8?q?a?= =?broken", "a =?broken"),
            ("=?utf-8?q?a b?=", "a b"),
            ("=?utf-8?q?a?=b", "=?utf-8?q?a?=b"),
            ("", ""),
        ] {
            assert_eq!(decode(value.as_bytes()), expected, "{value}");
        }
    }

    #[test] // Row A20.
    fn a20_what_nobody_can_read() {
        for (value, expected) in [
            ("=?utf-7?q?+ADw-script+AD4-?=", "=?utf-7?q?+ADw-script+AD4-?="),
            ("=?iso-2022-jp?b?GyRCJA==?=", "\u{fffd}"),
            ("=?utf-8?q?=FF?=", "\u{fffd}"),
        ] {
            assert_eq!(decode(value.as_bytes()), expected, "{value}");
        }
        let unknown = format!("=?{}?q?a?=", "x".repeat(1_000));
        assert_eq!(decode(unknown.as_bytes()), "a");
        assert_eq!(decode(b"raw \xe4"), "raw \u{fffd}");
    }

    #[test] // Row M10.
    fn m10_words_that_have_no_end_are_not_read_to_the_end_each() {
        for attack in ["=?aa?q?b", "=?", "=?a?q?", "=?utf-8?q??==?utf-8?q??="] {
            let _ = decode(attack.repeat(2_000_000 / attack.len()).as_bytes());
        }
    }
}
