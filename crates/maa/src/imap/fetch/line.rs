//! A line of FETCH (RFC 9051 §7.5.2).

use std::ops::Range;

use postroad_catalog::object_id::{self, Hashing};
use postroad_catalog::read::{Extent, ReadLetter, seconds};
use postroad_imap::command::{FetchAttribute, Partial, PreviewMode, Section, SectionText};
use postroad_imap::encode::{
    Extent as StructureExtent, FetchWriter, Prepared, Rfc822, body_structure,
};
use postroad_imap::value::DateTime;
use postroad_message::wire::Excerpt;
use postroad_message::{BinaryError, Part, Section as PartSection};
use postroad_store::{Entry, Facts, Mailbox};

use crate::imap::capability::Enabled;
use crate::imap::selected::Selected;

/// What lines hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) attributes: &'a [FetchAttribute],
    pub(super) enabled: &'a Enabled,
}

/// What lines hold of a letter that is cached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum WantedFacts {
    None,
    /// What its header says, its length and its date.
    OfHeader,
    /// Its ids, too.
    OfOctets,
    /// What its body is made of, too.
    Structure,
    /// All of it.
    Preview,
}

/// A letter, as far as it is shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown<'a> {
    pub(super) entry: &'a Entry<'a>,
    pub(super) place: usize,
    pub(super) facts: Facts<'a>,
    pub(super) letter: Option<&'a ReadLetter>,
    pub(super) also: Option<Also>,
}

/// What its line holds besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Also {
    /// The flags, since fetching has changed them.
    Flags,
}

/// Nobody here knows how a part's transfer encoding is taken off (RFC 9051 §6.4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UnknownEncoding;

/// Where an attribute stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// In the mailbox.
    Entry,
    /// In the cache, or in the letter.
    Facts(WantedFacts),
    /// In the letter, of which so much is wanted.
    Letter(Extent),
}

impl Source {
    fn of(attribute: &FetchAttribute) -> Self {
        match attribute {
            FetchAttribute::Flags
            | FetchAttribute::Uid
            | FetchAttribute::ModSeq
            | FetchAttribute::SaveDate => Self::Entry,
            FetchAttribute::Envelope
            | FetchAttribute::InternalDate
            | FetchAttribute::Rfc822Size => Self::Facts(WantedFacts::OfHeader),
            FetchAttribute::EmailId | FetchAttribute::ThreadId => {
                Self::Facts(WantedFacts::OfOctets)
            }
            FetchAttribute::BodyStructure => Self::Facts(WantedFacts::Structure),
            FetchAttribute::Preview(_) => Self::Facts(WantedFacts::Preview),
            FetchAttribute::Section { section, .. } if section.part.is_empty() => {
                Self::Letter(match section.text {
                    SectionText::Header
                    | SectionText::HeaderFields(_)
                    | SectionText::HeaderFieldsNot(_) => Extent::Header,
                    SectionText::Whole | SectionText::Text | SectionText::Mime => Extent::Octets,
                })
            }
            FetchAttribute::Rfc822Header => Self::Letter(Extent::Header),
            FetchAttribute::Rfc822(_) | FetchAttribute::Rfc822Text(_) => {
                Self::Letter(Extent::Octets)
            }
            FetchAttribute::Body
            | FetchAttribute::Section { .. }
            | FetchAttribute::Binary { .. }
            | FetchAttribute::BinarySize(_) => Self::Letter(Extent::Parts),
        }
    }
}

impl Line<'_> {
    pub(super) fn wanted_facts(&self) -> WantedFacts {
        let wanted = self.attributes.iter().map(|attribute| match Source::of(attribute) {
            Source::Facts(wanted) => wanted,
            Source::Entry | Source::Letter(_) => WantedFacts::None,
        });
        wanted.max().unwrap_or(WantedFacts::None)
    }

    pub(super) fn hashing(&self) -> Hashing {
        match self.attributes.contains(&FetchAttribute::EmailId) {
            true => Hashing::Wanted,
            false => Hashing::Spared,
        }
    }

    /// Whether there is something in them that stands in the letter alone.
    pub(super) fn reads_letters(&self) -> bool {
        self.attributes.iter().any(|attribute| matches!(Source::of(attribute), Source::Letter(_)))
    }

    /// How much of the letter that takes.
    pub(super) fn extent(&self) -> Extent {
        let extents = self.attributes.iter().map(|attribute| match Source::of(attribute) {
            Source::Letter(extent) => extent,
            Source::Entry | Source::Facts(_) => Extent::Header,
        });
        extents.max().unwrap_or(Extent::Header)
    }

    /// Whether facts have all that it wants of them.
    pub(super) fn is_in(&self, facts: &Facts<'_>) -> bool {
        self.attributes.iter().all(|attribute| match attribute {
            FetchAttribute::Envelope => facts.envelope.is_some(),
            FetchAttribute::BodyStructure => facts.structure.is_some(),
            FetchAttribute::Preview(_) => facts.preview.is_some(),
            FetchAttribute::EmailId => facts.email_id.is_some(),
            FetchAttribute::ThreadId => object_id::thread_text(facts).is_some(),
            _ => true,
        })
    }

    pub(super) fn write(
        &self,
        selected: &Selected,
        mailbox: &Mailbox,
        shown: &Shown<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), UnknownEncoding> {
        let Line { attributes, enabled } = *self;
        let Shown { entry, place, ref facts, letter, also } = *shown;
        let before = out.len();
        let mut line = FetchWriter::begin(enabled.named(place, entry.uid()), out);
        for attribute in attributes {
            match attribute {
                FetchAttribute::Uid => line.uid(entry.uid(), out),
                FetchAttribute::Flags => {
                    line.flag_names(selected.flag_names(entry, mailbox, enabled), out);
                }
                FetchAttribute::ModSeq => line.mod_seq(entry.modseq(), out),
                FetchAttribute::SaveDate => {
                    let saved = entry.saved().map(|at| DateTime::new(seconds(at), 0));
                    line.save_date(saved, out);
                }
                attribute => {
                    let written = write_fact(&mut line, attribute, facts, letter, out);
                    if written.is_err() {
                        out.truncate(before);
                        return written;
                    }
                }
            }
        }
        if also == Some(Also::Flags) {
            let is_asked = |wanted: &FetchAttribute| attributes.contains(wanted);
            if !is_asked(&FetchAttribute::Flags) {
                line.flag_names(selected.flag_names(entry, mailbox, enabled), out);
            }
            if enabled.mod_seqs() && !is_asked(&FetchAttribute::ModSeq) {
                line.mod_seq(entry.modseq(), out);
            }
        }
        line.end(out);
        Ok(())
    }
}

fn write_fact(
    line: &mut FetchWriter,
    attribute: &FetchAttribute,
    facts: &Facts<'_>,
    letter: Option<&ReadLetter>,
    out: &mut Vec<u8>,
) -> Result<(), UnknownEncoding> {
    match attribute {
        FetchAttribute::InternalDate => {
            line.internal_date(DateTime::new(facts.columns.arrived, 0), out);
        }
        FetchAttribute::Rfc822Size => line.size(facts.columns.size, out),
        FetchAttribute::Envelope => {
            line.prepared(Prepared::Envelope, facts.envelope.unwrap_or(b"NIL"), out);
        }
        FetchAttribute::BodyStructure => {
            line.prepared(Prepared::BodyStructure, facts.structure.unwrap_or(b"NIL"), out);
        }
        FetchAttribute::Preview(PreviewMode::Plain | PreviewMode::Lazy) => {
            let preview = facts.preview.and_then(|text| std::str::from_utf8(text).ok());
            line.preview(preview, out);
        }
        FetchAttribute::EmailId => {
            line.email_id(&facts.email_id.map(object_id::email_text).unwrap_or_default(), out);
        }
        FetchAttribute::ThreadId => {
            line.thread_id(object_id::thread_text(facts).as_deref(), out);
        }
        attribute => {
            if let Some(letter) = letter {
                return write_content(line, attribute, letter, out);
            }
        }
    }
    Ok(())
}

/// What stands in the letter alone.
fn write_content(
    line: &mut FetchWriter,
    attribute: &FetchAttribute,
    letter: &ReadLetter,
    out: &mut Vec<u8>,
) -> Result<(), UnknownEncoding> {
    let ReadLetter { octets, part, .. } = letter;
    match attribute {
        FetchAttribute::Body => {
            let mut structure = Vec::new();
            body_structure(part, StructureExtent::Basic, &mut structure);
            line.prepared(Prepared::Body, &structure, out);
        }
        FetchAttribute::Section { section, partial, .. } => {
            let excerpt = excerpt(part, octets, section);
            let wanted = excerpt.as_ref().map(|excerpt| slice(*partial, excerpt.octets()));
            let origin = partial.map(|partial| partial.begin);
            let length = wanted.as_ref().map(|wanted| wanted.end - wanted.start);
            line.section(section, origin, length, out);
            if let (Some(excerpt), Some(wanted)) = (excerpt, wanted) {
                write_text(&excerpt, wanted, out);
            }
        }
        FetchAttribute::Rfc822(_) => {
            whole(line, Rfc822::Whole, Some(Excerpt::whole(octets)), out);
        }
        FetchAttribute::Rfc822Header => {
            whole(line, Rfc822::Header, part.section(octets, &[], PartSection::Header), out);
        }
        FetchAttribute::Rfc822Text(_) => {
            whole(line, Rfc822::Text, part.section(octets, &[], PartSection::Text), out);
        }
        FetchAttribute::Binary { part: numbers, partial, .. } => {
            let mut decoded = Vec::new();
            let wanted = partial.map_or(0..u64::MAX, |partial| {
                partial.begin..partial.begin.saturating_add(partial.octets)
            });
            let path = path(numbers);
            let found = match path.is_empty() {
                // RFC 9051 §6.4.5: the whole letter, which has no encoding.
                true => {
                    Excerpt::whole(octets).write(wanted, &mut decoded);
                    true
                }
                false => {
                    decoded_octets(part.binary(octets, &path, wanted, &mut decoded))?.is_some()
                }
            };
            let origin = partial.map(|partial| partial.begin);
            line.binary(numbers, origin, found.then_some(decoded.len() as u64), out);
            if found {
                out.extend_from_slice(&decoded);
            }
        }
        FetchAttribute::BinarySize(numbers) => {
            let path = path(numbers);
            let size = match path.is_empty() {
                true => Excerpt::whole(octets).octets(),
                false => {
                    let decoded = part.binary(octets, &path, 0..0, &mut Vec::new());
                    decoded_octets(decoded)?.unwrap_or_default()
                }
            };
            line.binary_size(numbers, size, out);
        }
        _ => {}
    }
    Ok(())
}

/// None where there is no such part, or it has parts itself.
fn decoded_octets(octets: Result<u64, BinaryError>) -> Result<Option<u64>, UnknownEncoding> {
    match octets {
        Ok(octets) => Ok(Some(octets)),
        Err(BinaryError::Encoding) => Err(UnknownEncoding),
        Err(BinaryError::NoPart | BinaryError::HasParts) => Ok(None),
    }
}

fn whole(line: &mut FetchWriter, name: Rfc822, excerpt: Option<Excerpt<'_>>, out: &mut Vec<u8>) {
    line.rfc822(name, excerpt.as_ref().map(Excerpt::octets), out);
    if let Some(excerpt) = excerpt {
        write_text(&excerpt, 0..u64::MAX, out);
    }
}

/// RFC 9051 §9: no NUL goes over the wire but in what BINARY gives. Letters have some that shouldn't; in their place stands
/// the octet that Dovecot puts there, so that a letter has the same octets for who comes from it.
fn write_text(excerpt: &Excerpt<'_>, wanted: Range<u64>, out: &mut Vec<u8>) {
    let begin = out.len();
    excerpt.write(wanted, out);
    let written = out.get_mut(begin..).unwrap_or_default();
    if memchr::memchr(0, written).is_some() {
        written.iter_mut().filter(|octet| **octet == 0).for_each(|octet| *octet = 0x80);
    }
}

pub(in crate::imap) fn excerpt<'l>(
    part: &Part,
    octets: &'l [u8],
    section: &Section,
) -> Option<Excerpt<'l>> {
    let wanted = match &section.text {
        SectionText::Whole => PartSection::Whole,
        SectionText::Header => PartSection::Header,
        SectionText::HeaderFields(names) => PartSection::HeaderFields(names),
        SectionText::HeaderFieldsNot(names) => PartSection::HeaderFieldsNot(names),
        SectionText::Text => PartSection::Text,
        SectionText::Mime => PartSection::Mime,
    };
    part.section(octets, &path(&section.part), wanted)
}

fn path(numbers: &[std::num::NonZeroU32]) -> Vec<u32> {
    numbers.iter().map(|number| number.get()).collect()
}

fn slice(partial: Option<Partial>, octets: u64) -> Range<u64> {
    partial.map_or(0..octets, |partial| partial.within(octets))
}
