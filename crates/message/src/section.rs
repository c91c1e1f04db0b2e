//! Parts by their numbers, and what of them is fetched (RFC 9051 §6.4.5.1).

use std::ops::Range;

use postroad_protocol::header;

use crate::transfer::{Decoder, TransferEncoding};
use crate::wire::{Excerpt, Window};
use crate::{Body, Part};

/// What of a part, or of the letter, is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section<'s> {
    /// All of the letter; the body of a part.
    Whole,
    /// `HEADER`: of the letter, or of a message in it.
    Header,
    /// `HEADER.FIELDS`: those with these names, and the empty line.
    HeaderFields(&'s [Vec<u8>]),
    /// `HEADER.FIELDS.NOT`: those with other names, and the empty line.
    HeaderFieldsNot(&'s [Vec<u8>]),
    /// `TEXT`: the body of the letter, or of a message in it.
    Text,
    /// `MIME`: the header of a part, not that of a message in it.
    Mime,
}

/// Why a part can't be had without its transfer encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryError {
    /// There is no such part.
    NoPart,
    /// It has parts itself: RFC 9051 §6.4.5 lets only leaves be decoded.
    HasParts,
    /// Its encoding isn't known, or it isn't in that: `UNKNOWN-CTE` (RFC 9051 §7.1).
    Encoding,
}

/// Where a number leads from.
#[derive(Clone, Copy)]
enum At<'p> {
    /// The letter, or a message in it: its parts, or itself as the first one.
    Message(&'p Part),
    Part(&'p Part),
}

impl Part {
    /// The part with these numbers, from outside to inside; this is the letter, which has none.
    pub fn part(&self, numbers: &[u32]) -> Option<&Self> {
        let mut at = At::Message(self);
        for number in numbers {
            at = at.step(*number)?;
        }
        let (At::Message(part) | At::Part(part)) = at;
        Some(part)
    }

    /// What `section` names; this is `letter`, taken apart. `None` where there is no such thing.
    pub fn section<'l>(
        &self,
        letter: &'l [u8],
        numbers: &[u32],
        section: Section<'_>,
    ) -> Option<Excerpt<'l>> {
        let part = self.part(numbers)?;
        // RFC 9051 §6.4.5.1: these of a part are those of the message that it holds.
        let message = || match &part.content {
            _ if numbers.is_empty() => Some(part),
            Body::Message { message, .. } => Some(&**message),
            _ => None,
        };
        let pieces = match section {
            Section::Whole if numbers.is_empty() => return Some(Excerpt::whole(letter)),
            Section::Whole => vec![part.body.clone()],
            Section::Header => vec![message()?.header.clone()],
            Section::HeaderFields(names) => {
                fields(letter, &message()?.header, |field| is_among(names, field))
            }
            Section::HeaderFieldsNot(names) => {
                fields(letter, &message()?.header, |field| !is_among(names, field))
            }
            Section::Text => vec![message()?.body.clone()],
            Section::Mime if numbers.is_empty() => return None,
            Section::Mime => vec![part.header.clone()],
        };
        Some(Excerpt::new(letter, pieces))
    }

    /// Adds a part's octets without its transfer encoding, those at these places; says how many there are in all
    /// (RFC 9051 §6.4.5, `BINARY` and `BINARY.SIZE`). Text has line ends as on the wire.
    pub fn binary(
        &self,
        letter: &[u8],
        numbers: &[u32],
        wanted: Range<u64>,
        out: &mut Vec<u8>,
    ) -> Result<u64, BinaryError> {
        let part = self.part(numbers).ok_or(BinaryError::NoPart)?;
        if matches!(part.content, Body::Multipart(_) | Body::Message { .. }) {
            return Err(BinaryError::HasParts);
        }
        let encoding = TransferEncoding::named(&part.encoding).ok_or(BinaryError::Encoding)?;
        let body = letter.get(part.body.clone()).unwrap_or_default();
        let mut decoder = Decoder::new(encoding, body);
        let (before, mut line) = (out.len(), Vec::new());
        let mut window = Window { wanted, at: 0, out };
        while decoder.step(&mut line) {
            window.push(&line);
            line.clear();
        }
        let octets = window.at;
        if decoder.is_sound() {
            return Ok(octets);
        }
        out.truncate(before);
        Err(BinaryError::Encoding)
    }
}

impl<'p> At<'p> {
    fn step(self, number: u32) -> Option<Self> {
        let nth = |parts: &'p [Part]| parts.get(usize::try_from(number.checked_sub(1)?).ok()?);
        match self {
            Self::Message(Part { content: Body::Multipart(parts), .. })
            | Self::Part(Part { content: Body::Multipart(parts), .. }) => {
                nth(parts).map(Self::Part)
            }
            // RFC 9051 §6.4.5.1: what isn't a multipart has one part.
            Self::Message(part) => (number == 1).then_some(Self::Part(part)),
            Self::Part(Part { content: Body::Message { message, .. }, .. }) => {
                Self::Message(message).step(number)
            }
            Self::Part(_) => None,
        }
    }
}

/// A line that is no field has no name.
fn is_among(names: &[Vec<u8>], field: &header::Field<'_>) -> bool {
    !field.name.is_empty() && names.iter().any(|name| field.name.eq_ignore_ascii_case(name))
}

/// The fields that are wanted, and the empty line, if there is one (RFC 9051 §6.4.5.1).
fn fields(
    letter: &[u8],
    header: &Range<usize>,
    is_wanted: impl Fn(&header::Field<'_>) -> bool,
) -> Vec<Range<usize>> {
    let octets = letter.get(header.clone()).unwrap_or_default();
    let mut pieces: Vec<Range<usize>> = Vec::new();
    let mut add = |piece: Range<usize>| match pieces.last_mut() {
        Some(last) if last.end == piece.start => last.end = piece.end,
        _ => pieces.push(piece),
    };
    let mut at = header.start;
    for field in header::fields(octets) {
        let end = at + field.raw.len();
        if is_wanted(&field) {
            add(at..end);
        }
        at = end;
    }
    add(at..header.end);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    const LETTER: &str = include_str!("../../../tests/corpus/made/sections.eml");

    #[track_caller]
    fn fetched(letter: &str, numbers: &[u32], section: Section<'_>) -> Option<String> {
        let part = Part::of(letter.as_bytes());
        let excerpt = part.section(letter.as_bytes(), numbers, section)?;
        let wire = excerpt.to_wire();
        assert_eq!(wire.len() as u64, excerpt.octets());
        Some(String::from_utf8_lossy(&wire).replace("\r\n", "\n"))
    }

    #[test] // Tests RFC 9051 §6.4.5.1: the table there.
    fn table() {
        use Section::{Header, Mime, Text, Whole};
        let whole = |numbers: &[u32]| fetched(LETTER, numbers, Whole);
        assert_eq!(whole(&[]).as_deref(), Some(LETTER));
        for (numbers, section, expected) in [
            (&[1][..], Whole, "one\n"),
            (&[1], Mime, "\n"),
            (&[2], Whole, "AAEC\n"),
            (
                &[2],
                Mime,
                "Content-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\n",
            ),
            (&[3], Mime, "Content-Type: message/rfc822\n\n"),
            (
                &[3],
                Header,
                "From: e@f.example\nSubject: three\n\
                 Content-Type: multipart/mixed; boundary=three\n\n",
            ),
            (&[3, 1], Whole, "three one\n"),
            (&[3, 2], Whole, "three two\n.."),
            (&[4, 1], Whole, "four one\n"),
            (&[4, 1], Mime, "Content-Type: image/gif\n\n"),
            (
                &[4, 2],
                Header,
                "Subject: four two\nContent-Type: multipart/mixed; boundary=fourtwo\n\n",
            ),
            (&[4, 2, 1], Whole, "four two one\n"),
            (&[4, 2, 2, 1], Whole, "four two two one\n"),
            (&[4, 2, 2, 2], Whole, "four two two two\n"),
        ] {
            let got = fetched(LETTER, numbers, section);
            assert_eq!(got.as_deref(), Some(expected), "{numbers:?} {section:?}");
        }
        for (numbers, section, begin, end) in [
            (&[][..], Header, "From: a@b", "boundary=top\n\n"),
            (&[], Text, "prologue\n", "epilogue\n"),
            (&[3], Whole, "From: e@f", "--three--\n"),
            (&[3], Text, "--three\n", "--three--\n"),
            (&[4], Whole, "--four\n", "--four--"),
            (&[4, 2], Text, "--fourtwo\n", "--fourtwo--"),
            (&[4, 2, 2], Whole, "--alternatives\n", "--alternatives--"),
        ] {
            let got = fetched(LETTER, numbers, section).expect("there is one");
            assert!(got.starts_with(begin) && got.ends_with(end), "{numbers:?}: {got}");
        }
        for (numbers, section) in [
            (&[][..], Mime),
            (&[0], Whole),
            (&[5], Whole),
            (&[1, 1], Whole),
            (&[1], Header),
            (&[4], Header),
            (&[4], Text),
            (&[3, 3], Whole),
            (&[3, 1, 1], Whole),
        ] {
            assert_eq!(fetched(LETTER, numbers, section), None, "{numbers:?} {section:?}");
        }
    }

    #[test] // Tests RFC 9051 §6.4.5.1.
    fn part_one_of_what_has_no_parts() {
        let plain = "Subject: x\n\nbody\n";
        assert_eq!(fetched(plain, &[1], Section::Whole).as_deref(), Some("body\n"));
        assert_eq!(fetched(plain, &[1], Section::Mime).as_deref(), Some("Subject: x\n\n"));
        assert_eq!(fetched(plain, &[1, 1], Section::Whole), None);
        assert_eq!(fetched(plain, &[2], Section::Whole), None);
        // A letter that is a message.
        let message = "Content-Type: message/rfc822\n\nSubject: in\n\nbody\n";
        for (numbers, section, expected) in [
            (&[1][..], Section::Whole, "Subject: in\n\nbody\n"),
            (&[1], Section::Header, "Subject: in\n\n"),
            (&[1], Section::Text, "body\n"),
            (&[1, 1], Section::Whole, "body\n"),
            (&[], Section::Text, "Subject: in\n\nbody\n"),
        ] {
            let got = fetched(message, numbers, section);
            assert_eq!(got.as_deref(), Some(expected), "{numbers:?} {section:?}");
        }
    }

    #[test] // Tests RFC 9051 §6.4.5.1.
    fn subsets_of_fields() {
        let letter = "A: 1\nB: 2\n\tfolded\nno field\na: 3\nC : 4\n\nA: body\n";
        let names = |names: &[&str]| -> Vec<Vec<u8>> {
            names.iter().map(|name| name.as_bytes().to_vec()).collect()
        };
        for (wanted, with, without) in [
            (names(&["a"]), "A: 1\na: 3\n\n", "B: 2\n\tfolded\nno field\nC : 4\n\n"),
            (names(&["B", "c"]), "B: 2\n\tfolded\nC : 4\n\n", "A: 1\nno field\na: 3\n\n"),
            (names(&["x", ""]), "\n", "A: 1\nB: 2\n\tfolded\nno field\na: 3\nC : 4\n\n"),
        ] {
            let got = fetched(letter, &[], Section::HeaderFields(&wanted));
            assert_eq!(got.as_deref(), Some(with));
            let got = fetched(letter, &[], Section::HeaderFieldsNot(&wanted));
            assert_eq!(got.as_deref(), Some(without));
        }
        let wanted = names(&["A"]);
        let got = fetched("A: 1\nB: 2\n", &[], Section::HeaderFields(&wanted));
        assert_eq!(got.as_deref(), Some("A: 1\n"), "no body and no empty line");
    }

    #[test] // Tests RFC 9051 §6.4.5, RFC 3516.
    fn without_transfer_encoding() {
        let part = |header: &str, body: &str| format!("{header}\n\n{body}");
        for (letter, expected) in [
            (part("A: b", "one\ntwo"), Ok("one\r\ntwo")),
            (part("Content-Transfer-Encoding: BASE64", "aGVs\nbG8=\n"), Ok("hello")),
            (part("Content-Transfer-Encoding: base64", "aGVs!bG8="), Err(BinaryError::Encoding)),
            (part("Content-Transfer-Encoding: base64", "a"), Err(BinaryError::Encoding)),
            (
                part("Content-Transfer-Encoding: quoted-printable", "caf=C3=A9 =\nx \ny"),
                Ok("café x\r\ny"),
            ),
            (
                part("Content-Transfer-Encoding: quoted-printable", "a=ZZ"),
                Err(BinaryError::Encoding),
            ),
            (part("Content-Transfer-Encoding: x-uuencode", "a"), Err(BinaryError::Encoding)),
            (part("Content-Type: message/rfc822", "A: b\n\n"), Err(BinaryError::HasParts)),
            (part("Content-Type: multipart/mixed", "x"), Err(BinaryError::HasParts)),
        ] {
            let parts = Part::of(letter.as_bytes());
            let mut out = Vec::new();
            let got = parts.binary(letter.as_bytes(), &[1], 0..u64::MAX, &mut out);
            let octets = expected.map(|text| text.len() as u64);
            if letter.contains("multipart") {
                let mut out = Vec::new();
                let got = parts.binary(letter.as_bytes(), &[], 0..1, &mut out);
                assert_eq!(got, octets, "{letter}");
                continue;
            }
            assert_eq!(got, octets, "{letter}");
            assert_eq!(out, expected.unwrap_or_default().as_bytes(), "{letter}");
            if let Ok(text) = expected {
                let mut out = Vec::new();
                let got = parts.binary(letter.as_bytes(), &[1], 2..4, &mut out);
                assert_eq!((got, &*out), (octets, &text.as_bytes()[2..4]), "{letter}");
            }
        }
        let none = Part::of(b"").binary(b"", &[2], 0..1, &mut Vec::new());
        assert_eq!(none, Err(BinaryError::NoPart));
    }
}
