//! Sections of a message, and slices of them (RFC 9051 §6.4.5).

use std::num::NonZeroU32;

use super::Writer;
use crate::limits;
use crate::scan::{Cursor, Scanned, SyntaxError};
use crate::write::{self, Quoting};

/// Which part, and what of it: `[1.2.HEADER]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Section {
    /// The numbers of a part in its multipart, from outside to inside; none for the message itself.
    pub part: Vec<NonZeroU32>,
    /// What of it.
    pub text: SectionText,
}

/// What of a part is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub enum SectionText {
    /// All of it: header and body of the message, or the body of a part.
    #[default]
    Whole,
    /// `HEADER`
    Header,
    /// `HEADER.FIELDS`
    HeaderFields(Vec<Vec<u8>>),
    /// `HEADER.FIELDS.NOT`
    HeaderFieldsNot(Vec<Vec<u8>>),
    /// `TEXT`
    Text,
    /// `MIME`: the part's own header, not that of a message in it.
    Mime,
}

/// Whether reading marks as `\Seen`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Marking {
    /// `BODY[…]`
    Seen,
    /// `BODY.PEEK[…]`
    Peek,
}

/// A slice: `<0.1024>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Partial {
    /// The first octet, counted from 0.
    pub begin: u64,
    /// How many at most; more than 0.
    pub octets: u64,
}

impl Partial {
    /// ```text
    /// partial = "<" number64 "." nz-number64 ">"
    /// ```
    pub(super) fn scan(cursor: &mut Cursor<'_>) -> Scanned<Option<Self>> {
        if !cursor.eat(b'<') {
            return Ok(None);
        }
        let begin = cursor.number64()?;
        cursor.expect(b'.', "the number of octets")?;
        let octets = cursor.number64()?;
        cursor.expect(b'>', "the slice's end")?;
        match octets {
            0 => Err(SyntaxError::Expected("a number above 0")),
            _ => Ok(Some(Self { begin, octets })),
        }
    }

    pub(super) fn write(self, out: &mut Writer) {
        out.raw("<");
        out.number(self.begin);
        out.raw(".");
        out.number(self.octets);
        out.raw(">");
    }

    /// Where the slice lies in so many octets. One that begins behind the end is empty (RFC 9051 §6.4.5).
    pub fn within(self, octets: u64) -> std::ops::Range<u64> {
        let begin = self.begin.min(octets);
        begin..begin.saturating_add(self.octets).min(octets)
    }
}

impl Section {
    /// ```text
    /// section         = "[" [section-spec] "]"
    /// section-spec    = section-msgtext / (section-part ["." section-text])
    /// section-msgtext = "HEADER" / "HEADER.FIELDS" [".NOT"] SP header-list / "TEXT"
    /// section-text    = section-msgtext / "MIME"
    /// ```
    pub(crate) fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        cursor.expect(b'[', "a section")?;
        let mut section = Self { part: scan_part(cursor)?, text: SectionText::Whole };
        let goes_on = section.part.is_empty() || cursor.eat(b'.');
        if goes_on && !(section.part.is_empty() && cursor.peek() == Some(b']')) {
            section.text = SectionText::scan(cursor)?;
            // Only a part has a MIME header of its own.
            if section.part.is_empty() && section.text == SectionText::Mime {
                return Err(SyntaxError::Expected("a part before MIME"));
            }
        }
        cursor.expect(b']', "the section's end")?;
        Ok(section)
    }

    /// As in a response: `[1.HEADER.FIELDS (DATE)]`. Names that aren't plain are quoted.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.push(b'[');
        write_part(&self.part, out);
        if !self.part.is_empty() && self.text != SectionText::Whole {
            out.push(b'.');
        }
        self.text.write(out);
        out.push(b']');
    }
}

impl SectionText {
    fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        Ok(match cursor.name().to_ascii_uppercase().as_slice() {
            b"HEADER" => Self::Header,
            b"HEADER.FIELDS" => Self::HeaderFields(scan_fields(cursor)?),
            b"HEADER.FIELDS.NOT" => Self::HeaderFieldsNot(scan_fields(cursor)?),
            b"TEXT" => Self::Text,
            b"MIME" => Self::Mime,
            _ => return Err(SyntaxError::Unknown("section")),
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        let (name, fields): (&[u8], &[_]) = match self {
            Self::Whole => return,
            Self::Header => (b"HEADER", &[]),
            Self::HeaderFields(fields) => (b"HEADER.FIELDS ", fields),
            Self::HeaderFieldsNot(fields) => (b"HEADER.FIELDS.NOT ", fields),
            Self::Text => (b"TEXT", &[]),
            Self::Mime => (b"MIME", &[]),
        };
        out.extend_from_slice(name);
        if !fields.is_empty() {
            write::list(out, fields, |out, field| write::astring(out, field, Quoting::Ascii));
        }
    }
}

/// ```text
/// header-list    = "(" header-fld-name *(SP header-fld-name) ")"
/// header-fld-name = astring
/// ```
/// A name with octets that no field's name has (RFC 5322 §2.2) can't be answered, as it is said again in the response.
fn scan_fields(cursor: &mut Cursor<'_>) -> Scanned<Vec<Vec<u8>>> {
    cursor.space()?;
    cursor.list(|cursor| {
        let field = cursor.astring("a field's name")?;
        let is_one = !field.is_empty() && field.iter().all(|&octet| octet > b' ' && octet < 0x7f);
        if is_one { Ok(field.into_owned()) } else { Err(SyntaxError::Octets) }
    })
}

/// ```text
/// section-part = nz-number *("." nz-number)
/// ```
/// Ends before a `.` that no number follows.
pub(super) fn scan_part(cursor: &mut Cursor<'_>) -> Scanned<Vec<NonZeroU32>> {
    let mut part = Vec::new();
    while cursor.peek().is_some_and(|octet| octet.is_ascii_digit()) {
        part.push(cursor.nz_number()?);
        // Row I07.
        if part.len() > limits::SECTION_PARTS_MAX {
            return Err(SyntaxError::TooLong("a section"));
        }
        if let [b'.', b'0'..=b'9', ..] = cursor.rest() {
            cursor.eat(b'.');
        } else {
            break;
        }
    }
    Ok(part)
}

pub(crate) fn write_part(part: &[NonZeroU32], out: &mut Vec<u8>) {
    write::joined(out, b'.', part, |out, number| write::number(out, number.get().into()));
}

/// ```text
/// section-binary = "[" [section-part] "]"
/// ```
pub(crate) fn scan_binary(cursor: &mut Cursor<'_>) -> Scanned<Vec<NonZeroU32>> {
    cursor.expect(b'[', "a section")?;
    let part = scan_part(cursor)?;
    cursor.expect(b']', "the section's end")?;
    Ok(part)
}
