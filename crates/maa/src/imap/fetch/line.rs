//! A line of FETCH (RFC 9051 §7.5.2).

use postroad_imap::command::{FetchAttribute, Partial, PreviewMode, Section, SectionText};
use postroad_imap::encode::{Extent, FetchWriter, Prepared, Rfc822, body_structure};
use postroad_imap::value::DateTime;
use postroad_message::wire::Excerpt;
use postroad_message::{BinaryError, Part, Section as PartSection};
use postroad_store::{Entry, Facts, Mailbox};

use super::letter::ReadLetter;
use crate::imap::capability::Enabled;
use crate::imap::object_id;
use crate::imap::read::seconds;
use crate::imap::selected::{Selected, number};

/// What a line holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) attributes: &'a [FetchAttribute],
    pub(super) enabled: &'a Enabled,
}

/// What it holds besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Also {
    /// The flags, since fetching has changed them.
    Flags,
}

/// A line with what it holds besides.
#[derive(Debug, Clone, Copy)]
pub(super) struct FullLine<'a> {
    line: Line<'a>,
    also: Option<Also>,
}

/// Nobody here knows how a part's transfer encoding is taken off (RFC 9051 §6.4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UnknownEncoding;

impl<'a> Line<'a> {
    pub(super) fn with(self, also: Option<Also>) -> FullLine<'a> {
        FullLine { line: self, also }
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

    #[allow(clippy::too_many_arguments, reason = "all that a line is made of")]
    pub(super) fn write(
        self,
        selected: &Selected,
        mailbox: &Mailbox,
        entry: &Entry<'_>,
        place: usize,
        facts: &Facts<'_>,
        letter: Option<&ReadLetter>,
        out: &mut Vec<u8>,
    ) -> Result<(), UnknownEncoding> {
        self.with(None).write(selected, mailbox, entry, place, facts, letter, out)
    }
}

impl FullLine<'_> {
    #[allow(clippy::too_many_arguments, reason = "all that a line is made of")]
    pub(super) fn write(
        self,
        selected: &Selected,
        mailbox: &Mailbox,
        entry: &Entry<'_>,
        place: usize,
        facts: &Facts<'_>,
        letter: Option<&ReadLetter>,
        out: &mut Vec<u8>,
    ) -> Result<(), UnknownEncoding> {
        let Line { attributes, enabled } = self.line;
        let before = out.len();
        let mut line = FetchWriter::begin(number(place), out);
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
        if self.also == Some(Also::Flags) {
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
            body_structure(part, Extent::Basic, &mut structure);
            line.prepared(Prepared::Body, &structure, out);
        }
        FetchAttribute::Section { section, partial, .. } => {
            let excerpt = excerpt(part, octets, section);
            let wanted = excerpt.as_ref().map(|excerpt| slice(*partial, excerpt.octets()));
            let origin = partial.map(|partial| partial.begin);
            let length = wanted.as_ref().map(|wanted| wanted.end - wanted.start);
            line.section(section, origin, length, out);
            if let (Some(excerpt), Some(wanted)) = (excerpt, wanted) {
                excerpt.write(wanted, out);
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
            let octets = part.binary(octets, &path(numbers), 0..0, &mut Vec::new());
            line.binary_size(numbers, decoded_octets(octets)?.unwrap_or_default(), out);
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
        excerpt.write(0..u64::MAX, out);
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

fn slice(partial: Option<Partial>, octets: u64) -> std::ops::Range<u64> {
    partial.map_or(0..octets, |partial| partial.within(octets))
}
