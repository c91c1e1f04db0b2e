//! A text that is looked for in many letters (RFC 9051 §6.4.4), by `i;unicode-casemap` (RFC 5051, RFC 5255 §4.4).

use memchr::memmem::Finder;
use postroad_protocol::header;

use crate::lexical::unfold;
use crate::text::{Piece, Scope};
use crate::{Part, casemap, charset, limits, text, words};

/// What is looked for, made ready once.
///
/// It is where [`text::texts`](crate::texts) has it in one of its texts, folded. Most texts are ASCII and need nothing
/// undone: these are searched as they are stored, with the same answer.
#[derive(Debug, Clone)]
pub struct Needle {
    finder: Finder<'static>,
    octets: usize,
    is_ascii: bool,
    /// In stored text a line ends in CRLF or LF, in a needle in LF.
    has_line_end: bool,
}

impl Needle {
    /// A text; all texts have an empty one in them.
    pub fn new(text: &str) -> Self {
        let text = text.replace("\r\n", "\n");
        let folded = casemap::fold(text.as_bytes());
        Self {
            octets: folded.len(),
            is_ascii: folded.is_ascii(),
            has_line_end: text.contains(['\r', '\n']),
            finder: Finder::new(&folded).into_owned(),
        }
    }

    /// It as it is compared, folded: an index of folded texts is asked for this.
    pub fn folded(&self) -> &[u8] {
        self.finder.needle()
    }

    /// Whether it is in a text.
    pub fn is_in(&self, text: &str) -> bool {
        if text.is_ascii() {
            return self.is_in_ascii(text.as_bytes());
        }
        let mut folded = Vec::with_capacity(text.len());
        casemap::push(text, &mut folded);
        self.finder.find(&folded).is_some()
    }

    /// Whether it is in a text that was folded before.
    pub(crate) fn is_in_folded(&self, folded: &[u8]) -> bool {
        self.finder.find(folded).is_some()
    }

    /// Whether it is in a field of that name (RFC 9051 §6.4.4, HEADER): an empty one is, where there is such a field.
    pub fn is_in_field(&self, header: &[u8], name: &str) -> bool {
        let mut named = header::fields(header).filter(|field| field.is(name));
        named.any(|field| self.is_in(&text::field_value(&field)))
    }

    /// Whether it is in a letter's body, or anywhere in the letter (RFC 9051 §6.4.4, BODY and TEXT); `part` is that
    /// letter, taken apart.
    pub fn is_in_letter(&self, letter: &[u8], part: &Part, scope: Scope) -> bool {
        let mut scratch = Vec::new();
        text::pieces(part, scope).into_iter().any(|piece| match piece {
            Piece::Header(part) => {
                let header = letter.get(part.header.clone()).unwrap_or_default();
                self.is_in_header(header, &mut scratch)
            }
            Piece::Text(part) => self.is_in_part(letter, part),
        })
    }

    /// Whether it is in one of a header's fields, its name or its value.
    fn is_in_header(&self, header: &[u8], scratch: &mut Vec<u8>) -> bool {
        // No text of a field has a line end.
        if self.has_line_end {
            return false;
        }
        scratch.clear();
        for field in header::fields(header) {
            push_field(&field, scratch);
            scratch.push(b'\n');
        }
        self.finder.find(scratch).is_some()
    }

    fn is_in_part(&self, letter: &[u8], part: &Part) -> bool {
        let octets = text::decoded(letter, part, usize::MAX);
        let is_plain = !text::is_html(part) && !self.has_line_end && octets.is_ascii();
        let charset = || crate::structure::parameter(&part.parameters, b"charset");
        if is_plain && charset().is_none_or(|charset| charset::has_ascii(charset.as_bytes())) {
            return self.is_in_ascii(&octets);
        }
        self.is_in(&text::to_plain(octets, part))
    }

    fn is_in_ascii(&self, text: &[u8]) -> bool {
        if !self.is_ascii || text.len() < self.octets {
            return false;
        }
        // Pieces overlap by what a needle may have in the last one.
        let mut folded = Vec::with_capacity(limits::SEARCHED_AT_ONCE.min(text.len()) + self.octets);
        let mut pieces = text.chunks(limits::SEARCHED_AT_ONCE);
        pieces.any(|piece| {
            casemap::push_ascii(piece, &mut folded);
            let is_found = self.finder.find(&folded).is_some();
            let kept = folded.len().saturating_sub(self.octets.saturating_sub(1));
            folded.drain(..kept);
            is_found
        }) || self.octets == 0
    }
}

/// Adds the text of a field, folded; most have nothing to be decoded.
fn push_field(field: &header::Field<'_>, folded: &mut Vec<u8>) {
    let is_plain = field.raw.is_ascii() && !words::may_have_words(field.raw_value);
    if !is_plain || text::has_comments_among_addresses(field) {
        casemap::push(&text::field_text(field), folded);
        return;
    }
    casemap::push_ascii(field.name, folded);
    folded.extend_from_slice(if field.name.is_empty() { b"" } else { b": " });
    casemap::push_ascii(&unfold(field.raw_value), folded);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fuzz::is_in_some_text;

    #[track_caller]
    fn is_in(letter: &str, needle: &str, scope: Scope) -> bool {
        let part = Part::of(letter.as_bytes());
        let is_in = Needle::new(needle).is_in_letter(letter.as_bytes(), &part, scope);
        let slow = is_in_some_text(needle, letter.as_bytes(), &part, scope);
        assert_eq!(is_in, slow, "{needle:?} in {letter}");
        is_in
    }

    #[test] // Tests RFC 9051 §6.4.4, RFC 5051.
    fn hits() {
        let plain =
            "Subject: =?iso-8859-1?q?Gr=FC=DFe?= an\r\n alle\r\n\r\nHello World\r\nand on\r\n";
        for (needle, in_body, in_all) in [
            ("hello", true, true),
            ("O w", true, true),
            ("world\nand", true, true),
            ("World\r\nAnd", true, true),
            ("world and", false, false),
            ("grüße", false, true),
            ("grüße AN alle", false, true),
            ("gru\u{308}", false, true),
            ("subject: gr", false, true),
            ("alle\nhello", false, false),
            ("x", false, false),
            ("", true, true),
        ] {
            assert_eq!(is_in(plain, needle, Scope::Body), in_body, "{needle}");
            assert_eq!(is_in(plain, needle, Scope::All), in_all, "{needle}");
        }
        let part = |header: &str, body: &str| format!("{header}\n\n{body}");
        let charset = "Content-Type: text/plain; charset=";
        for (letter, needle, expected) in [
            (part("Content-Transfer-Encoding: base64", "SGVs\nbG8="), "hello", true),
            (part("Content-Transfer-Encoding: base64", "SGVs\nbG8="), "SGVs", false),
            (part("Content-Transfer-Encoding: quoted-printable", "Hel=\nlo"), "hello", true),
            (part("Content-Type: text/html", "<p title=x>Hel<b>lo</b>"), "hello", true),
            (part("Content-Type: text/html", "<p title=x>Hel<b>lo</b>"), "title", false),
            (part("Content-Type: application/pdf", "hello"), "hello", false),
            (part(&format!("{charset}utf-7"), "+ADw-a"), "<a", true),
            (part(&format!("{charset}iso-2022-jp"), "\x1b$B$\"\x1b(B"), "あ", true),
            (part(&format!("{charset}utf-16be"), "\0h\0e\0y"), "hey", true),
            (part("A: b", "ﬁn"), "FI", false),
            (part("A: b", "ﬁn"), "fi", false),
            (part("A: b", "K\u{212a}"), "kk", true),
            (part("A: b", "é"), "E", true),
        ] {
            assert_eq!(is_in(&letter, needle, Scope::Body), expected, "{needle} in {letter}");
        }
    }

    #[test] // Tests RFC 9051 §6.4.4, HEADER.
    fn fields() {
        let header = b"To: A <a@b.example>\nTo: c@d.example\nX-Empty:\nSubject: =?utf-8?q?a_b?=\n\
              Cc: some(a). one (who) @ there.example (x), Other (y) <other@b.example>\n\
              X-Cc: one (who) @ there\n\nTo: e";
        for (name, needle, expected) in [
            ("to", "C@D", true),
            ("to", "a <a", true),
            ("to", "e", true),
            ("to", "f", false),
            ("to", "body", false),
            ("x-empty", "", true),
            ("x-empty", "a", false),
            ("x-none", "", false),
            ("subject", "A B", true),
            // RFC 3501 §6.4.4: the envelope's FROM, whatever comments stand in it.
            ("cc", "some.one@there.example", true),
            ("cc", "(who) @ there", true),
            ("cc", "other@b.example", true),
            ("cc", "one@other", false),
            ("x-cc", "one@there", false),
        ] {
            assert_eq!(Needle::new(needle).is_in_field(header, name), expected, "{name} {needle}");
        }
    }

    #[test]
    fn across_pieces() {
        let long = "x".repeat(limits::SEARCHED_AT_ONCE - 2) + "Needle" + &"y".repeat(10);
        assert!(Needle::new("needle").is_in(&long));
        assert!(Needle::new(&long).is_in(&long));
        assert!(!Needle::new("needles").is_in(&long));
        let needle = "a".repeat(limits::SEARCHED_AT_ONCE * 2) + "b";
        let hay = "a".repeat(limits::SEARCHED_AT_ONCE * 20);
        assert!(!Needle::new(&needle).is_in(&hay));
        assert!(Needle::new(&needle).is_in(&(hay + "b")));
    }

    proptest! {
        #[test]
        fn as_though_all_were_decoded(
            header in prop::sample::select(vec![
                "A: b", "Subject: =?utf-8?q?=C3=84b?=", "Content-Type: text/html",
                "Content-Transfer-Encoding: quoted-printable", "Content-Transfer-Encoding: base64",
                "Content-Type: text/plain; charset=iso-2022-jp", "Content-Type: text/plain; charset=x",
                "Content-Type: multipart/mixed; boundary=a",
            ]),
            body in "([abAB<>=\u{c4}\u{e4} \n]|--a\n|\r\n){0,30}",
            needle in "[abAB<\u{c4}\u{e4} \n]{0,3}",
        ) {
            let letter = format!("{header}\n\n{body}");
            for scope in [Scope::Body, Scope::All] {
                is_in(&letter, &needle, scope);
            }
        }
    }
}
