//! What FETCH tells of a message (RFC 9051 §7.5.2).

use std::borrow::Cow;
use std::num::NonZeroU32;

use postroad_message::{Envelope, Part};

use super::{body, envelope};
use crate::command::{Section, scan_binary, write_part};
use crate::encode::{self, Extent, Rfc822};
use crate::scan::{Cursor, Scanned, SyntaxError};
use crate::value::{DateTime, Flag};
use crate::write::{self, Quoting};

/// Something of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchItem {
    /// `UID`
    Uid(NonZeroU32),
    /// `FLAGS`
    Flags(Vec<Flag>),
    /// `INTERNALDATE`
    InternalDate(DateTime),
    /// `RFC822.SIZE`
    Size(u64),
    /// `MODSEQ`
    ModSeq(u64),
    /// `ENVELOPE`
    Envelope(Box<Envelope>),
    /// `BODY`
    Body(Box<Part>),
    /// `BODYSTRUCTURE`
    BodyStructure(Box<Part>),
    /// `BODY[…]`
    Section {
        /// Of what.
        section: Section,
        /// Where the slice begins, if it is one.
        origin: Option<u64>,
        /// The octets.
        content: Content,
    },
    /// `BINARY[…]`
    Binary {
        /// Of which part.
        part: Vec<NonZeroU32>,
        /// Where the slice begins, if it is one.
        origin: Option<u64>,
        /// The octets.
        content: Content,
    },
    /// `BINARY.SIZE[…]`
    BinarySize(Vec<NonZeroU32>, u64),
    /// `RFC822`, `RFC822.HEADER`, `RFC822.TEXT`
    Rfc822(Rfc822, Content),
    /// `EMAILID`
    EmailId(String),
    /// `THREADID`
    ThreadId(Option<String>),
    /// `SAVEDATE`
    SaveDate(Option<DateTime>),
    /// `PREVIEW`
    Preview(Option<Vec<u8>>),
}

/// A piece of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// `NIL`: there is no such part.
    Nil,
    /// Its octets.
    Octets(Vec<u8>),
    /// So many octets, which were handed on as they came; see [`crate::client`].
    Streamed(u64),
}

impl FetchItem {
    pub(super) fn write(&self, out: &mut Vec<u8>, quoting: Quoting) {
        let named = |name: &[u8], number: u64, out: &mut Vec<u8>| {
            out.extend_from_slice(name);
            write::number(out, number);
        };
        match self {
            Self::Uid(uid) => named(b"UID ", uid.get().into(), out),
            Self::Size(octets) => named(b"RFC822.SIZE ", *octets, out),
            Self::ModSeq(mod_seq) => {
                named(b"MODSEQ (", *mod_seq, out);
                out.push(b')');
            }
            Self::Flags(flags) => {
                out.extend_from_slice(b"FLAGS ");
                write::list(out, flags, |out, flag| flag.write(out));
            }
            Self::InternalDate(date) => {
                out.extend_from_slice(b"INTERNALDATE ");
                date.write(out);
            }
            Self::Envelope(envelope) => {
                out.extend_from_slice(b"ENVELOPE ");
                encode::envelope(envelope, out);
            }
            Self::Body(part) => {
                out.extend_from_slice(b"BODY ");
                encode::body_structure(part, Extent::Basic, out);
            }
            Self::BodyStructure(part) => {
                out.extend_from_slice(b"BODYSTRUCTURE ");
                encode::body_structure(part, Extent::Extended, out);
            }
            Self::Section { section, origin, content } => {
                out.extend_from_slice(b"BODY");
                section.write(out);
                write_content(*origin, content, out);
            }
            Self::Binary { part, origin, content } => {
                out.extend_from_slice(b"BINARY[");
                write_part(part, out);
                out.push(b']');
                write_content(*origin, content, out);
            }
            Self::BinarySize(part, octets) => {
                out.extend_from_slice(b"BINARY.SIZE[");
                write_part(part, out);
                named(b"] ", *octets, out);
            }
            Self::Rfc822(what, content) => {
                out.extend_from_slice(what.as_str().as_bytes());
                write_content(None, content, out);
            }
            Self::EmailId(id) => out.extend_from_slice(format!("EMAILID ({id})").as_bytes()),
            Self::ThreadId(Some(id)) => {
                out.extend_from_slice(format!("THREADID ({id})").as_bytes())
            }
            Self::ThreadId(None) => out.extend_from_slice(b"THREADID NIL"),
            Self::SaveDate(date) => {
                out.extend_from_slice(b"SAVEDATE ");
                match date {
                    Some(date) => date.write(out),
                    None => out.extend_from_slice(b"NIL"),
                }
            }
            Self::Preview(text) => {
                out.extend_from_slice(b"PREVIEW ");
                write::nstring(out, text.as_deref(), quoting);
            }
        }
    }

    /// ```text
    /// msg-att-dynamic = "FLAGS" SP "(" [flag-fetch *(SP flag-fetch)] ")"
    /// msg-att-static  = "ENVELOPE" SP envelope / "INTERNALDATE" SP date-time / "RFC822.SIZE" SP number64 /
    ///                   "BODY" ["STRUCTURE"] SP body / "BODY" section ["<" number ">"] SP nstring /
    ///                   "BINARY" section-binary SP (nstring / literal8) / "BINARY.SIZE" section-binary SP number /
    ///                   "UID" SP uniqueid
    /// ```
    pub(super) fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        let name = cursor.name().to_ascii_uppercase();
        if cursor.peek() == Some(b'[') {
            return Self::scan_section(&name, cursor);
        }
        cursor.space()?;
        Ok(match name.as_slice() {
            b"UID" => Self::Uid(cursor.nz_number()?),
            b"FLAGS" => Self::Flags(cursor.list_or_empty(Flag::scan)?),
            b"INTERNALDATE" => Self::InternalDate(DateTime::scan(cursor)?),
            b"RFC822.SIZE" => Self::Size(cursor.number64()?),
            b"MODSEQ" => Self::ModSeq(cursor.list(Cursor::number64)?.swap_remove(0)),
            b"ENVELOPE" => Self::Envelope(Box::new(envelope::scan(cursor)?)),
            b"BODY" => Self::Body(Box::new(body::scan(cursor)?)),
            b"BODYSTRUCTURE" => Self::BodyStructure(Box::new(body::scan(cursor)?)),
            b"RFC822" => Self::Rfc822(Rfc822::Whole, scan_content(cursor)?),
            b"RFC822.HEADER" => Self::Rfc822(Rfc822::Header, scan_content(cursor)?),
            b"RFC822.TEXT" => Self::Rfc822(Rfc822::Text, scan_content(cursor)?),
            b"EMAILID" => Self::EmailId(scan_object_id(cursor)?),
            b"THREADID" if cursor.eat_nil() => Self::ThreadId(None),
            b"THREADID" => Self::ThreadId(Some(scan_object_id(cursor)?)),
            b"SAVEDATE" if cursor.eat_nil() => Self::SaveDate(None),
            b"SAVEDATE" => Self::SaveDate(Some(DateTime::scan(cursor)?)),
            b"PREVIEW" => Self::Preview(envelope::nstring(cursor)?),
            _ => return Err(SyntaxError::Unknown("item")),
        })
    }

    fn scan_section(name: &[u8], cursor: &mut Cursor<'_>) -> Scanned<Self> {
        match name {
            b"BODY" => {
                let section = Section::scan(cursor)?;
                let origin = scan_origin(cursor)?;
                Ok(Self::Section { section, origin, content: scan_content(cursor)? })
            }
            b"BINARY" => {
                let part = scan_binary(cursor)?;
                let origin = scan_origin(cursor)?;
                Ok(Self::Binary { part, origin, content: scan_content(cursor)? })
            }
            b"BINARY.SIZE" => {
                let part = scan_binary(cursor)?;
                cursor.space()?;
                Ok(Self::BinarySize(part, cursor.number64()?))
            }
            _ => Err(SyntaxError::Unknown("item")),
        }
    }
}

/// ```text
/// ["<" number ">"] SP
/// ```
fn scan_origin(cursor: &mut Cursor<'_>) -> Scanned<Option<u64>> {
    let mut origin = None;
    if cursor.eat(b'<') {
        origin = Some(cursor.number64()?);
        cursor.expect(b'>', "the slice's end")?;
    }
    cursor.space()?;
    Ok(origin)
}

fn scan_content(cursor: &mut Cursor<'_>) -> Scanned<Content> {
    if let Some(octets) = cursor.streamed()? {
        return Ok(Content::Streamed(octets));
    }
    Ok(match cursor.nstring8("content or NIL")?.map(Cow::into_owned) {
        Some(octets) => Content::Octets(octets),
        None => Content::Nil,
    })
}

fn scan_object_id(cursor: &mut Cursor<'_>) -> Scanned<String> {
    let id = cursor.list(|cursor| Ok(cursor.atom("an id")?.to_vec()))?.swap_remove(0);
    Ok(String::from_utf8_lossy(&id).into_owned())
}

fn write_content(origin: Option<u64>, content: &Content, out: &mut Vec<u8>) {
    if let Some(origin) = origin {
        out.push(b'<');
        write::number(out, origin);
        out.push(b'>');
    }
    out.push(b' ');
    match content {
        Content::Nil => out.extend_from_slice(b"NIL"),
        Content::Octets(octets) => write::literal(out, octets),
        // What a caller has streamed isn't here to be written.
        Content::Streamed(octets) => write::literal_head(out, *octets),
    }
}
