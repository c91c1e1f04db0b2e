//! The lines of FETCH (RFC 9051 §7.5.2), item by item into a buffer.

use std::num::NonZeroU32;

use crate::command::Section;
use crate::value::{DateTime, Flag};
use crate::write::{self, Quoting};

/// What was written before, and is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prepared {
    /// `ENVELOPE`, by [`envelope`](super::envelope()).
    Envelope,
    /// `BODY`, by [`body_structure`](super::body_structure).
    Body,
    /// `BODYSTRUCTURE`
    BodyStructure,
}

/// How a line says which message it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// By its sequence number: `* 12 FETCH (`
    Sequence(u32),
    /// By its UID: `* 345 UIDFETCH (`, after ENABLE UIDONLY (RFC 9586).
    Uid(u32),
}

/// One line. The buffer is given with each item, so that a caller can send it away and stream a body in between:
///
/// ```
/// # use postroad_imap::encode::{FetchWriter, Named};
/// # use postroad_imap::command::Section;
/// let mut out = Vec::new();
/// let mut fetch = FetchWriter::begin(Named::Sequence(12), &mut out);
/// fetch.uid(345, &mut out);
/// fetch.section(&Section::default(), None, Some(5), &mut out);
/// // send `out`, then those 5 octets
/// out.extend_from_slice(b"hello");
/// fetch.end(&mut out);
/// assert_eq!(out, b"* 12 FETCH (UID 345 BODY[] {5}\r\nhello)\r\n");
/// ```
#[derive(Debug)]
#[must_use]
pub struct FetchWriter {
    quoting: Quoting,
    begun: Begun,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begun {
    No,
    Yes,
}

impl FetchWriter {
    /// Begins a line about a message.
    pub fn begin(message: Named, out: &mut Vec<u8>) -> Self {
        let (number, name): (u32, &[u8]) = match message {
            Named::Sequence(number) => (number, b" FETCH ("),
            Named::Uid(uid) => (uid, b" UIDFETCH ("),
        };
        out.extend_from_slice(b"* ");
        write::number(out, number.into());
        out.extend_from_slice(name);
        Self { quoting: Quoting::Ascii, begun: Begun::No }
    }

    /// With 8-bit text between quotes, where it is enabled.
    pub fn quoting(mut self, quoting: Quoting) -> Self {
        self.quoting = quoting;
        self
    }

    fn name(&mut self, name: &[u8], out: &mut Vec<u8>) {
        if self.begun == Begun::Yes {
            out.push(b' ');
        }
        self.begun = Begun::Yes;
        out.extend_from_slice(name);
    }

    /// `UID`
    pub fn uid(&mut self, uid: u32, out: &mut Vec<u8>) {
        self.name(b"UID ", out);
        write::number(out, uid.into());
    }

    /// `FLAGS`
    pub fn flags<'a>(&mut self, flags: impl IntoIterator<Item = &'a Flag>, out: &mut Vec<u8>) {
        self.name(b"FLAGS ", out);
        write::list(out, flags, |out, flag| flag.write(out));
    }

    /// `FLAGS` from flags and keywords as they are on the wire.
    pub fn flag_names<'a>(&mut self, flags: impl IntoIterator<Item = &'a str>, out: &mut Vec<u8>) {
        self.name(b"FLAGS ", out);
        write::list(out, flags, |out, flag| out.extend_from_slice(flag.as_bytes()));
    }

    /// `INTERNALDATE`
    pub fn internal_date(&mut self, date: DateTime, out: &mut Vec<u8>) {
        self.name(b"INTERNALDATE ", out);
        date.write(out);
    }

    /// `RFC822.SIZE`
    pub fn size(&mut self, octets: u64, out: &mut Vec<u8>) {
        self.name(b"RFC822.SIZE ", out);
        write::number(out, octets);
    }

    /// `MODSEQ`
    pub fn mod_seq(&mut self, mod_seq: u64, out: &mut Vec<u8>) {
        self.name(b"MODSEQ (", out);
        write::number(out, mod_seq);
        out.push(b')');
    }

    /// `EMAILID`
    pub fn email_id(&mut self, id: &str, out: &mut Vec<u8>) {
        self.name(b"EMAILID (", out);
        out.extend_from_slice(id.as_bytes());
        out.push(b')');
    }

    /// `THREADID`
    pub fn thread_id(&mut self, id: Option<&str>, out: &mut Vec<u8>) {
        self.name(b"THREADID ", out);
        match id {
            Some(id) => write::list(out, [id], |out, id| out.extend_from_slice(id.as_bytes())),
            None => out.extend_from_slice(b"NIL"),
        }
    }

    /// `SAVEDATE`
    pub fn save_date(&mut self, date: Option<DateTime>, out: &mut Vec<u8>) {
        self.name(b"SAVEDATE ", out);
        match date {
            Some(date) => date.write(out),
            None => out.extend_from_slice(b"NIL"),
        }
    }

    /// `PREVIEW`, which is UTF-8 (RFC 8970 §4).
    pub fn preview(&mut self, preview: Option<&str>, out: &mut Vec<u8>) {
        self.name(b"PREVIEW ", out);
        let preview = preview.map(|text| super::clean(text.as_bytes()));
        write::nstring(out, preview.as_deref(), self.quoting);
    }

    /// What was written before.
    pub fn prepared(&mut self, what: Prepared, octets: &[u8], out: &mut Vec<u8>) {
        let name: &[u8] = match what {
            Prepared::Envelope => b"ENVELOPE ",
            Prepared::Body => b"BODY ",
            Prepared::BodyStructure => b"BODYSTRUCTURE ",
        };
        self.name(name, out);
        out.extend_from_slice(octets);
    }

    /// `BODY[…]`, up to its octets, which the caller sends next; NIL where there is no such part. `origin` is where a
    /// slice begins.
    pub fn section(
        &mut self,
        section: &Section,
        origin: Option<u64>,
        octets: Option<u64>,
        out: &mut Vec<u8>,
    ) {
        self.name(b"BODY", out);
        section.write(out);
        write_origin(origin, out);
        content_head(octets, out);
    }

    /// `BINARY[…]`, up to its octets, which may hold NULs (RFC 3516 §4.4).
    pub fn binary(
        &mut self,
        part: &[NonZeroU32],
        origin: Option<u64>,
        octets: Option<u64>,
        out: &mut Vec<u8>,
    ) {
        self.name(b"BINARY[", out);
        crate::command::write_part(part, out);
        out.push(b']');
        write_origin(origin, out);
        match octets {
            Some(octets) => {
                out.extend_from_slice(b" ~");
                write::literal_head(out, octets);
            }
            None => out.extend_from_slice(b" NIL"),
        }
    }

    /// `BINARY.SIZE[…]`
    pub fn binary_size(&mut self, part: &[NonZeroU32], octets: u64, out: &mut Vec<u8>) {
        self.name(b"BINARY.SIZE[", out);
        crate::command::write_part(part, out);
        out.extend_from_slice(b"] ");
        write::number(out, octets);
    }

    /// `RFC822`, `RFC822.HEADER` or `RFC822.TEXT`, up to its octets.
    pub fn rfc822(&mut self, name: Rfc822, octets: Option<u64>, out: &mut Vec<u8>) {
        self.name(name.as_str().as_bytes(), out);
        content_head(octets, out);
    }

    /// Ends the line.
    pub fn end(self, out: &mut Vec<u8>) {
        out.extend_from_slice(b")\r\n");
    }
}

/// What RFC 3501 §6.4.5 had before sections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rfc822 {
    /// `RFC822`
    Whole,
    /// `RFC822.HEADER`
    Header,
    /// `RFC822.TEXT`
    Text,
}

impl Rfc822 {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Whole => "RFC822",
            Self::Header => "RFC822.HEADER",
            Self::Text => "RFC822.TEXT",
        }
    }
}

fn write_origin(origin: Option<u64>, out: &mut Vec<u8>) {
    if let Some(origin) = origin {
        out.push(b'<');
        write::number(out, origin);
        out.push(b'>');
    }
}

fn content_head(octets: Option<u64>, out: &mut Vec<u8>) {
    match octets {
        Some(octets) => {
            out.push(b' ');
            write::literal_head(out, octets);
        }
        None => out.extend_from_slice(b" NIL"),
    }
}
