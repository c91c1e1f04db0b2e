//! FETCH (RFC 9051 §6.4.5), with RFC 7162's and RFC 9394's modifiers.

use std::num::NonZeroU32;

use super::section::{scan_binary, write_part};
use super::{Marking, Partial, PartialRange, Section, Writer};
use crate::scan::{Cursor, Scanned, SyntaxError};
use crate::value::SequenceSet;

/// Of which messages what is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// Which messages.
    pub set: SequenceSet,
    /// What of them; at least one.
    pub attributes: Vec<FetchAttribute>,
    /// On which conditions.
    pub modifiers: FetchModifiers,
}

/// RFC 4466 §2.4.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FetchModifiers {
    /// `CHANGEDSINCE`: only what has a larger mod-sequence (RFC 7162 §3.1.4.1).
    pub changed_since: Option<u64>,
    /// `VANISHED`: what was expunged since, too (§3.2.6).
    pub vanished: Vanished,
    /// `PARTIAL`: so many of them (RFC 9394 §3.3).
    pub partial: Option<PartialRange>,
}

/// Whether to tell what was expunged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Vanished {
    /// Nobody asked.
    #[default]
    No,
    /// Asked for.
    Asked,
}

/// How a preview may be had (RFC 8970 §3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PreviewMode {
    /// Now.
    Plain,
    /// Only if it is at hand.
    Lazy,
}

/// Something of a message.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum FetchAttribute {
    /// `ENVELOPE`
    Envelope,
    /// `FLAGS`
    Flags,
    /// `INTERNALDATE`
    InternalDate,
    /// `RFC822.SIZE`
    Rfc822Size,
    /// `BODY` without a section: the structure without its extensions.
    Body,
    /// `BODYSTRUCTURE`
    BodyStructure,
    /// `UID`
    Uid,
    /// `BODY[…]`, `BODY.PEEK[…]`
    Section {
        /// Which octets.
        section: Section,
        /// Whether that marks the message as seen.
        marking: Marking,
        /// A slice of them.
        partial: Option<Partial>,
    },
    /// `BINARY[…]`, `BINARY.PEEK[…]` (RFC 3516)
    Binary {
        /// Which part.
        part: Vec<NonZeroU32>,
        /// Whether that marks the message as seen.
        marking: Marking,
        /// A slice of what was decoded.
        partial: Option<Partial>,
    },
    /// `BINARY.SIZE[…]`
    BinarySize(Vec<NonZeroU32>),
    /// `RFC822` (RFC 3501 §6.4.5), and `RFC822.PEEK`, which Outlook sends.
    Rfc822(Marking),
    /// `RFC822.HEADER`
    Rfc822Header,
    /// `RFC822.TEXT`, `RFC822.TEXT.PEEK`
    Rfc822Text(Marking),
    /// `MODSEQ` (RFC 7162 §3.1.4.2)
    ModSeq,
    /// `EMAILID` (RFC 8474 §5.1)
    EmailId,
    /// `THREADID` (§5.2)
    ThreadId,
    /// `SAVEDATE` (RFC 8514 §4.2)
    SaveDate,
    /// `PREVIEW` (RFC 8970)
    Preview(PreviewMode),
}

impl FetchAttribute {
    /// ```text
    /// fetch-att = "ENVELOPE" / "FLAGS" / "INTERNALDATE" / "RFC822.SIZE" / "BODY" ["STRUCTURE"] / "UID" /
    ///             "BODY" section [partial] / "BODY.PEEK" section [partial] /
    ///             "BINARY" [".PEEK"] section-binary [partial] / "BINARY.SIZE" section-binary
    /// ```
    pub(crate) fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        let name = cursor.name().to_ascii_uppercase();
        if cursor.peek() == Some(b'[') {
            return Self::scan_section(&name, cursor);
        }
        Ok(match name.as_slice() {
            b"ENVELOPE" => Self::Envelope,
            b"FLAGS" => Self::Flags,
            b"INTERNALDATE" => Self::InternalDate,
            b"RFC822.SIZE" => Self::Rfc822Size,
            b"BODY" => Self::Body,
            b"BODYSTRUCTURE" => Self::BodyStructure,
            b"UID" => Self::Uid,
            b"RFC822" => Self::Rfc822(Marking::Seen),
            b"RFC822.PEEK" => Self::Rfc822(Marking::Peek),
            b"RFC822.HEADER" => Self::Rfc822Header,
            b"RFC822.TEXT" => Self::Rfc822Text(Marking::Seen),
            b"RFC822.TEXT.PEEK" => Self::Rfc822Text(Marking::Peek),
            b"MODSEQ" => Self::ModSeq,
            b"EMAILID" => Self::EmailId,
            b"THREADID" => Self::ThreadId,
            b"SAVEDATE" => Self::SaveDate,
            // RFC 8970 §6: "PREVIEW" [SP "(" preview-mod *(SP preview-mod) ")"]
            b"PREVIEW" if cursor.rest().starts_with(b" (") => {
                cursor.space()?;
                cursor.list(|cursor| match cursor.word("LAZY")?.as_slice() {
                    b"LAZY" => Ok(()),
                    _ => Err(SyntaxError::Unknown("preview modifier")),
                })?;
                Self::Preview(PreviewMode::Lazy)
            }
            b"PREVIEW" => Self::Preview(PreviewMode::Plain),
            b"" => return Err(SyntaxError::Expected("what to fetch")),
            _ => return Err(SyntaxError::Unknown("thing to fetch")),
        })
    }

    fn scan_section(name: &[u8], cursor: &mut Cursor<'_>) -> Scanned<Self> {
        let marking = match name.ends_with(b".PEEK") {
            true => Marking::Peek,
            false => Marking::Seen,
        };
        Ok(match name {
            b"BODY" | b"BODY.PEEK" => {
                let section = Section::scan(cursor)?;
                Self::Section { section, marking, partial: Partial::scan(cursor)? }
            }
            b"BINARY" | b"BINARY.PEEK" => {
                let part = scan_binary(cursor)?;
                Self::Binary { part, marking, partial: Partial::scan(cursor)? }
            }
            b"BINARY.SIZE" => Self::BinarySize(scan_binary(cursor)?),
            _ => return Err(SyntaxError::Unknown("thing to fetch")),
        })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        match self {
            Self::Envelope => out.raw("ENVELOPE"),
            Self::Flags => out.raw("FLAGS"),
            Self::InternalDate => out.raw("INTERNALDATE"),
            Self::Rfc822Size => out.raw("RFC822.SIZE"),
            Self::Body => out.raw("BODY"),
            Self::BodyStructure => out.raw("BODYSTRUCTURE"),
            Self::Uid => out.raw("UID"),
            Self::Section { section, marking, partial } => {
                out.raw(if *marking == Marking::Peek { "BODY.PEEK" } else { "BODY" });
                section.write(out.octets());
                partial.iter().for_each(|partial| partial.write(out));
            }
            Self::Binary { part, marking, partial } => {
                out.raw(if *marking == Marking::Peek { "BINARY.PEEK[" } else { "BINARY[" });
                write_part(part, out.octets());
                out.raw("]");
                partial.iter().for_each(|partial| partial.write(out));
            }
            Self::BinarySize(part) => {
                out.raw("BINARY.SIZE[");
                write_part(part, out.octets());
                out.raw("]");
            }
            Self::Rfc822(Marking::Seen) => out.raw("RFC822"),
            Self::Rfc822(Marking::Peek) => out.raw("RFC822.PEEK"),
            Self::Rfc822Header => out.raw("RFC822.HEADER"),
            Self::Rfc822Text(Marking::Seen) => out.raw("RFC822.TEXT"),
            Self::Rfc822Text(Marking::Peek) => out.raw("RFC822.TEXT.PEEK"),
            Self::ModSeq => out.raw("MODSEQ"),
            Self::EmailId => out.raw("EMAILID"),
            Self::ThreadId => out.raw("THREADID"),
            Self::SaveDate => out.raw("SAVEDATE"),
            Self::Preview(PreviewMode::Plain) => out.raw("PREVIEW"),
            Self::Preview(PreviewMode::Lazy) => out.raw("PREVIEW (LAZY)"),
        }
    }
}

impl Fetch {
    /// ```text
    /// fetch = "FETCH" SP sequence-set SP ("ALL" / "FULL" / "FAST" / fetch-att /
    ///         "(" fetch-att *(SP fetch-att) ")") [fetch-modifiers]
    /// fetch-modifiers = SP "(" fetch-modifier *(SP fetch-modifier) ")"
    /// ```
    pub(super) fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        cursor.space()?;
        let set = SequenceSet::scan(cursor)?;
        cursor.space()?;
        let attributes = match cursor.peek() {
            Some(b'(') => cursor.list(FetchAttribute::scan)?,
            _ => match scan_macro(cursor) {
                Some(attributes) => attributes.to_vec(),
                None => vec![FetchAttribute::scan(cursor)?],
            },
        };
        let mut modifiers = FetchModifiers::default();
        if cursor.rest().starts_with(b" (") {
            cursor.space()?;
            cursor.list(|cursor| modifiers.scan_one(cursor))?;
        }
        Ok(Self { set, attributes, modifiers })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.spaced(|out| out.set(&self.set));
        out.spaced(|out| match self.attributes.as_slice() {
            [attribute] => attribute.write(out),
            attributes => out.list(attributes, |out, attribute| attribute.write(out)),
        });
        self.modifiers.write(out);
    }
}

/// RFC 9051 §6.4.5: ALL, FAST and FULL, each alone.
fn scan_macro(cursor: &mut Cursor<'_>) -> Option<&'static [FetchAttribute]> {
    use FetchAttribute::{Body, Envelope, Flags, InternalDate, Rfc822Size};
    const FULL: &[FetchAttribute] = &[Flags, InternalDate, Rfc822Size, Envelope, Body];
    let mut ahead = cursor.clone();
    let attributes = match ahead.name().to_ascii_uppercase().as_slice() {
        b"FAST" => FULL.get(..3),
        b"ALL" => FULL.get(..4),
        b"FULL" => Some(FULL),
        _ => None,
    }?;
    *cursor = ahead;
    Some(attributes)
}

impl FetchModifiers {
    fn scan_one(&mut self, cursor: &mut Cursor<'_>) -> Scanned<()> {
        match cursor.word("a modifier")?.as_slice() {
            b"CHANGEDSINCE" => {
                cursor.space()?;
                self.changed_since = Some(cursor.number64()?);
            }
            b"VANISHED" => self.vanished = Vanished::Asked,
            b"PARTIAL" => {
                cursor.space()?;
                self.partial = Some(PartialRange::scan(cursor)?);
            }
            _ => return Err(SyntaxError::Unknown("modifier")),
        }
        Ok(())
    }

    fn write(&self, out: &mut Writer) {
        if *self == Self::default() {
            return;
        }
        let mut words = Vec::new();
        if let Some(since) = self.changed_since {
            words.push(format!("CHANGEDSINCE {since}"));
        }
        if self.vanished == Vanished::Asked {
            words.push("VANISHED".to_owned());
        }
        if let Some(partial) = self.partial {
            words.push(format!("PARTIAL {partial}"));
        }
        out.spaced(|out| out.list(words, |out, word| out.raw(word)));
    }
}
