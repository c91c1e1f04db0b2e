//! What is remembered of one letter.
//!
//! ```text
//! octet   which of the fields below are there
//! u16     references
//! u64     message-id's hash         these three only
//! 15      email id                  as far as
//! u64 …   hashes of references      they are there
//! u32 n   envelope, structure, subject, preview, fields, each that is there
//! ```
//! Little-endian. Lengths and dates that are wanted of all letters at once are not in here, but in the index.

use crate::limits::CACHED_LETTER_OCTETS_MAX;

/// A message-id, hashed by whoever reads letters: the cache only gives it back.
pub type IdHash = [u8; 8];

/// A letter's id (RFC 8474 §5.1), made by whoever reads letters.
pub type EmailId = [u8; 15];

/// What is remembered of one letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Facts<'a> {
    /// What the index has.
    pub columns: Columns,
    /// ENVELOPE as IMAP writes it.
    pub envelope: Option<&'a [u8]>,
    /// BODYSTRUCTURE as IMAP writes it; it may come later than the envelope.
    pub structure: Option<&'a [u8]>,
    /// Its message-id.
    pub message_id: Option<IdHash>,
    /// Its own id; it may come later than all else.
    pub email_id: Option<EmailId>,
    /// The message-ids that it refers to, in their order.
    pub references: &'a [IdHash],
    /// Its subject, for threads and sorting.
    pub subject: Option<Subject<'a>>,
    /// The first words of its text (RFC 8970).
    pub preview: Option<&'a [u8]>,
    /// What is searched in its header, in whatever form its reader gave it.
    pub fields: Option<&'a [u8]>,
}

/// What is known of a letter without reading its facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Columns {
    /// Octets on the wire, where each line ends in CRLF.
    pub size: u64,
    /// Its Date field.
    pub sent: Option<Sent>,
    /// Its internal date, in seconds since 1970.
    pub arrived: i64,
}

/// A moment with the zone that it was written in: SEARCH SENTON goes by the day there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sent {
    /// Seconds since 1970, UTC.
    pub at: i64,
    /// Minutes east of UTC.
    pub zone: i16,
}

/// A subject without "Re:", "Fwd:" and the like (RFC 5256 §2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject<'a> {
    /// What is left.
    pub base: &'a [u8],
    /// What was taken off.
    pub kind: SubjectKind,
}

/// Whether a subject is one of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectKind {
    /// Nothing was taken off that says so.
    Original,
    /// It is a reply or was sent on.
    Reply,
}

const ENVELOPE: u8 = 1;
const STRUCTURE: u8 = 2;
const MESSAGE_ID: u8 = 4;
const SUBJECT: u8 = 8;
const REPLY: u8 = 16;
const PREVIEW: u8 = 32;
const EMAIL_ID: u8 = 64;
const FIELDS: u8 = 128;

impl Sent {
    /// No letter was sent then.
    const NONE: i64 = i64::MIN;
    /// Moments further off are this one: the zone takes the other bits.
    const AT_MAX: i64 = (1 << 47) - 1;

    pub(super) fn packed(sent: Option<Self>) -> i64 {
        sent.map_or(Self::NONE, |sent| {
            let at = sent.at.clamp(-Self::AT_MAX, Self::AT_MAX);
            (at << 16) | i64::from(sent.zone.cast_unsigned())
        })
    }

    pub(super) fn unpacked(packed: i64) -> Option<Self> {
        let [zone @ .., _, _, _, _, _, _] = packed.to_le_bytes();
        (packed != Self::NONE).then(|| Self { at: packed >> 16, zone: i16::from_le_bytes(zone) })
    }
}

impl<'a> Facts<'a> {
    /// Adds them to a block, without the columns; `None`, and the block is as it was, where they are too long.
    pub(super) fn write(&self, block: &mut Vec<u8>) -> Option<()> {
        let subject = self.subject.map(|subject| subject.base);
        let octets = [self.envelope, self.structure, subject, self.preview, self.fields];
        let long: usize = octets.iter().flatten().map(|text| text.len() + 4).sum();
        let count = u16::try_from(self.references.len()).ok()?;
        if long + self.references.len() * 8 > CACHED_LETTER_OCTETS_MAX {
            return None;
        }
        let kind = self.subject.map(|subject| subject.kind);
        let bits = [
            (ENVELOPE, self.envelope.is_some()),
            (STRUCTURE, self.structure.is_some()),
            (MESSAGE_ID, self.message_id.is_some()),
            (SUBJECT, self.subject.is_some()),
            (REPLY, kind == Some(SubjectKind::Reply)),
            (PREVIEW, self.preview.is_some()),
            (EMAIL_ID, self.email_id.is_some()),
            (FIELDS, self.fields.is_some()),
        ];
        block.push(bits.iter().filter(|(_, is_there)| *is_there).map(|(bit, _)| bit).sum());
        block.extend(count.to_le_bytes());
        block.extend(self.message_id.iter().flatten());
        block.extend(self.email_id.iter().flatten());
        block.extend(self.references.as_flattened());
        for text in octets.into_iter().flatten() {
            // It is shorter than the limit above.
            block.extend(u32::try_from(text.len()).unwrap_or_default().to_le_bytes());
            block.extend_from_slice(text);
        }
        Some(())
    }

    /// Reads them; `None` where they are no such facts.
    pub(super) fn read(columns: Columns, mut octets: &'a [u8]) -> Option<Self> {
        let [bits] = *take(&mut octets)?;
        let count = usize::from(u16::from_le_bytes(*take(&mut octets)?));
        let message_id = match bits & MESSAGE_ID {
            0 => None,
            _ => Some(*take(&mut octets)?),
        };
        let email_id = match bits & EMAIL_ID {
            0 => None,
            _ => Some(*take(&mut octets)?),
        };
        let (hashes, rest) = octets.split_at_checked(count * 8)?;
        octets = rest;
        let mut text = |bit| match bits & bit {
            0 => Some(None),
            _ => take_text(&mut octets).map(Some),
        };
        let (envelope, structure) = (text(ENVELOPE)?, text(STRUCTURE)?);
        let (base, preview, fields) = (text(SUBJECT)?, text(PREVIEW)?, text(FIELDS)?);
        let kind = if bits & REPLY == 0 { SubjectKind::Original } else { SubjectKind::Reply };
        let subject = base.map(|base| Subject { base, kind });
        octets.is_empty().then_some(Self {
            columns,
            envelope,
            structure,
            message_id,
            email_id,
            references: hashes.as_chunks().0,
            subject,
            preview,
            fields,
        })
    }
}

fn take<'a, const N: usize>(octets: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (taken, rest) = octets.split_first_chunk()?;
    *octets = rest;
    Some(taken)
}

fn take_text<'a>(octets: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(u32::from_le_bytes(*take(octets)?)).ok()?;
    let (text, rest) = octets.split_at_checked(length)?;
    *octets = rest;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_their_zones() {
        for (at, zone) in [(0, 0), (-1, -1), (1_764_446_000, 120), (-9_999_999_999, -1439)] {
            let sent = Some(Sent { at, zone });
            assert_eq!(Sent::unpacked(Sent::packed(sent)), sent);
        }
        assert_eq!(Sent::unpacked(Sent::packed(None)), None);
        // A19: a year that no clock has.
        for (at, kept) in [(i64::MAX, Sent::AT_MAX), (i64::MIN, -Sent::AT_MAX)] {
            let packed = Sent::packed(Some(Sent { at, zone: -5 }));
            assert_eq!(Sent::unpacked(packed), Some(Sent { at: kept, zone: -5 }));
        }
    }

    #[test]
    fn facts_at_the_limit_and_above() {
        let long = vec![b'x'; CACHED_LETTER_OCTETS_MAX - 3];
        let mut block = Vec::new();
        let facts = Facts { envelope: Some(&long), ..Facts::default() };
        assert!(facts.write(&mut block).is_none() && block.is_empty());
        let facts = Facts { envelope: long.get(1..), ..Facts::default() };
        assert!(facts.write(&mut block).is_some());
        assert_eq!(Facts::read(Columns::default(), &block), Some(facts));
        let many = vec![[7; 8]; usize::from(u16::MAX) + 1];
        let facts = Facts { references: &many, ..Facts::default() };
        assert!(facts.write(&mut Vec::new()).is_none());
    }
}
