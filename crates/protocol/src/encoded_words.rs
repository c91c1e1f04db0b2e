//! Encoded words (RFC 2047), as far as parsers have to be kept from them.
//!
//! A parser that meets `=?` looks for the word's end, and where there is none it has looked at all that follows, once
//! for each `=?`: a long field of them keeps it busy for minutes (row M10). Who hands text from outside to such a
//! parser hides from it what costs too much, with [`bounded`], or all, with [`hide`]; [`show`] undoes both.

use std::borrow::Cow;

use memchr::memmem::Finder;

use crate::limits;

/// Stands for the `=` that an encoded word begins with; neither addresses nor parameters have it.
const STAND_IN: char = '\u{1}';

/// Hides all that looks like an encoded word.
pub fn hide(value: &[u8]) -> Vec<u8> {
    let mut hidden = value.to_vec();
    for at in memchr::memmem::find_iter(value, b"=?") {
        hide_at(&mut hidden, at);
    }
    hidden
}

fn hide_at(text: &mut [u8], at: usize) {
    if let Some(octet) = text.get_mut(at) {
        *octet = STAND_IN as u8;
    }
}

/// Undoes [`hide`] and [`bounded`], in what a parser made of their text.
pub fn show(text: &str) -> String {
    text.replace(STAND_IN, "=")
}

/// Header fields without what keeps a parser busy for longer than a few looks at each octet. Words that are well
/// formed stay, and all others, too, up to that: only who means harm gets a text that isn't borrowed.
pub fn bounded(fields: &[u8]) -> Cow<'_, [u8]> {
    let looks = fields.len().saturating_mul(limits::LOOKS_FOR_WORDS_PER_OCTET);
    bounded_to(fields, looks.saturating_add(limits::LOOKS_FOR_WORDS))
}

/// With so many looks for words that only begin like one. Once they are spent, all of these are hidden.
fn bounded_to(fields: &[u8], mut looks: usize) -> Cow<'_, [u8]> {
    let begin = Finder::new(b"=?");
    let mut bounded = Cow::Borrowed(fields);
    let mut rest = fields;
    while let Some(start) = begin.find(rest) {
        let word = rest.get(start..).unwrap_or_default();
        let length = well_formed(word).unwrap_or_else(|| {
            match looked_at(word, looks) {
                Some(cost) => looks -= cost,
                None => {
                    looks = 0;
                    hide_at(bounded.to_mut(), fields.len() - word.len());
                }
            }
            2
        });
        rest = word.get(length..).unwrap_or_default();
    }
    bounded
}

/// How long the word is that a text begins with, if each parser can read it (RFC 2047 §2); spaces and folds in it are
/// what mailers do. There is no other `=?` before its end: looking for words looks at each octet once.
fn well_formed(text: &[u8]) -> Option<usize> {
    let inner = text.strip_prefix(b"=?")?;
    let charset_end = inner.iter().position(|o| !o.is_ascii_graphic() || b"?=".contains(o))?;
    let (charset, rest) = inner.split_at_checked(charset_end)?;
    // RFC 2231 §5: a language follows the asterisk.
    if charset.iter().take_while(|octet| **octet != b'*').count() < 2 {
        return None;
    }
    let [b'?', encoding, b'?', says @ ..] = rest else { return None };
    let unit: fn(&[u8]) -> Option<usize> = match encoding {
        b'q' | b'Q' => |rest| match rest {
            [b'=', a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => Some(3),
            [b'=', ..] => None,
            _ => Some(1),
        },
        b'b' | b'B' => |rest| match rest {
            [b'+' | b'/' | b'=' | b' ' | b'\t' | b'\r', ..] => Some(1),
            [octet, ..] if octet.is_ascii_alphanumeric() => Some(1),
            _ => None,
        },
        _ => return None,
    };
    let mut rest = says;
    loop {
        let length = match rest {
            [b'?', b'=', behind @ ..] => return Some(text.len() - behind.len()),
            [b'\n', b' ' | b'\t', ..] => 2,
            [] | [b'\n', ..] => return None,
            _ => unit(rest)?,
        };
        rest = rest.get(length..)?;
    }
}

/// At how many octets a parser looks, at most, before it knows whether a text begins with an encoded word; `None` if
/// that is more than `most`.
fn looked_at(text: &[u8], most: usize) -> Option<usize> {
    let seen = text.get(..most).unwrap_or(text);
    match word_end(seen) {
        Some(end) => Some(end),
        None => (seen.len() == text.len()).then_some(text.len()),
    }
}

/// Where a parser that looks for an encoded word stops for certain.
fn word_end(text: &[u8]) -> Option<usize> {
    let charset_end = 2 + memchr::memchr2(b'?', b'\n', text.get(2..)?)?;
    let [b'?', b'q' | b'Q' | b'b' | b'B', b'?', says @ ..] = text.get(charset_end..)? else {
        return Some(text.len().min(charset_end + 3));
    };
    let stop = memchr::memchr2_iter(b'?', b'\n', says).find(|at| match says.get(*at..) {
        // In "?=?" the "=" may be hidden later.
        Some([b'?', b'=', behind, ..]) => *behind != b'?',
        Some([b'\n', behind, ..]) => !matches!(behind, b' ' | b'\t'),
        Some(_) | None => false,
    })?;
    Some(text.len() - says.len() + stop + 2)
}

#[cfg(test)]
mod tests {
    use mail_parser::parsers::MessageStream;
    use proptest::prelude::*;

    use super::*;

    /// At how many octets the parser looks if it looks for a word wherever one may begin.
    fn looks(text: &[u8]) -> usize {
        let looks = |at: usize| {
            let mut stream = MessageStream::new(text.get(at + 1..).unwrap_or_default());
            let _ = stream.decode_rfc2047();
            stream.offset() + 1
        };
        (0..text.len()).filter(|at| text[*at..].starts_with(b"=?")).map(looks).sum()
    }

    fn begins(text: &[u8]) -> usize {
        memchr::memmem::find_iter(text, b"=?").count()
    }

    #[test] // Row M10.
    fn m10_of_words_without_an_end_few_are_left() {
        for attack in ["=?aa?q?b ", "=?aa?q?b\r\n ", "=?aa?b?YQ ", "=?q?b?q?_", "=?aa?q?=?=?"] {
            let fields = format!("From: {}\r\n", attack.repeat((1 << 20) / attack.len()));
            let left = begins(&bounded(fields.as_bytes()));
            assert!(left <= 8, "{attack:?}: {left}");
        }
    }

    #[test] // Tests RFC 2047 §2, §8.
    fn well_formed_words_stay() {
        let words = "=?utf-8?q?J=C3=BCrgen?= =?ISO-8859-1?B?SWYg?=\r\n =?utf-8*en?Q?a b?c_?=\
            =?utf-8?b?4oKs\r\n 4oKs?==?utf-8?b?Og==?=";
        let attack = "=?aa?q?b ".repeat(100_000);
        let fields = format!("Subject: {attack}{words}\r\nFrom: {attack}{words} <a@b.example>\r\n");
        let bounded = bounded(fields.as_bytes());
        assert_eq!(memchr::memmem::find_iter(&bounded, words).count(), 2);
        assert_eq!(show(std::str::from_utf8(&bounded).expect("is text")), fields);
    }

    #[test]
    fn what_does_no_harm_is_left_alone() {
        for fields in [
            String::new(),
            "Subject: a =? b\r\n".to_owned(),
            "Subject: =?utf-8?q?=zz?= =?utf-8?x?a?= =?utf-8?q?no end\r\n".repeat(1_000),
            format!("Subject: {}\r\n", "=?utf-8?q?a?= ".repeat(100_000)),
        ] {
            assert!(matches!(bounded(fields.as_bytes()), Cow::Borrowed(_)), "{fields:.80}");
        }
    }

    proptest! {
        #[test] // Row M10.
        fn m10_looks_are_bounded(
            begin in fragments(),
            repeated in fragments(),
            end in fragments(),
        ) {
            let fields = format!("{begin}{}{end}", repeated.repeat(3_000 / repeated.len().max(1)));
            let bounded = bounded_to(fields.as_bytes(), 2 * fields.len());
            // Two for those that are none, and the ends of those that are words.
            let looks = looks(&bounded);
            prop_assert!(looks <= 8 * fields.len(), "{looks} for {}", fields.len());
            prop_assert_eq!(&bounded_to(&bounded, 2 * fields.len()), &bounded);
            for (at, octet) in bounded.iter().enumerate().filter(|(_, octet)| **octet == 1) {
                prop_assert_eq!(fields.as_bytes().get(at), Some(&b'='), "{}", octet);
            }
        }
    }

    fn fragments() -> impl Strategy<Value = String> {
        let fragment = prop::sample::select(vec![
            "=?",
            "?=",
            "=",
            "?",
            "q?",
            "b?",
            "?q?",
            "?b?",
            "aa",
            "=41",
            "=zz",
            "!",
            " ",
            "\r\n ",
            "\r\n",
            "=?aa?q?",
            "=?aa?b?",
            "=?aa?q?x?=",
            "=?aa?b?QQ==?=",
            "*",
        ]);
        prop::collection::vec(fragment, 0..10).prop_map(|fragments| fragments.concat())
    }
}
