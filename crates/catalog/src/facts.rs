//! What is read out of a letter once, and cached.

use postroad_imap::encode::{Extent, body_structure, envelope};
use postroad_message::{HeaderSummary, MessageId, Origin, Part, SentDate, casemap, field_texts};
use postroad_store::{Cache, Columns, EmailId, Facts, IdHash, Sent, Subject, SubjectKind};

use crate::object_id::{self, Hashing};

/// What a letter says of itself, as the cache keeps it.
#[derive(Debug, Clone)]
pub struct Read {
    columns: Columns,
    envelope: Option<Vec<u8>>,
    structure: Option<Vec<u8>>,
    id: Option<IdHash>,
    email_id: Option<EmailId>,
    references: Vec<IdHash>,
    /// Folded: it is there to be compared.
    subject: Option<(Vec<u8>, SubjectKind)>,
    preview: Option<Vec<u8>>,
    fields: Option<Vec<u8>>,
}

impl Read {
    /// Takes the header of a letter apart that was received at `arrived` (seconds since 1970); `size` is the letter's on
    /// the wire. What its body is made of isn't known.
    pub fn of_header(header: &[u8], size: u64, arrived: i64) -> Self {
        let summary = HeaderSummary::of(header);
        let mut written = Vec::with_capacity(header.len());
        envelope(&summary.envelope, &mut written);
        let kind = match summary.subject.origin {
            Origin::Original => SubjectKind::Original,
            Origin::Answer => SubjectKind::Reply,
        };
        Self {
            columns: Columns { size, sent: summary.sent.map(kept_date), arrived },
            envelope: Some(written),
            structure: None,
            id: summary.id.map(kept_id),
            email_id: None,
            references: summary.references.into_iter().map(kept_id).collect(),
            subject: Some((casemap::fold(summary.subject.text.as_bytes()), kind)),
            preview: None,
            fields: field_texts(header),
        }
    }

    /// With what the body is made of.
    #[must_use]
    pub fn with_structure(self, part: &Part) -> Self {
        let mut structure = Vec::new();
        body_structure(part, Extent::Extended, &mut structure);
        Self { structure: Some(structure), ..self }
    }

    /// With the beginning of its text.
    #[must_use]
    pub fn with_preview(self, letter: &[u8], part: &Part) -> Self {
        Self { preview: Some(part.preview(letter).into_bytes()), ..self }
    }

    /// With the letter's own id, where that is wanted, or is its thread's.
    #[must_use]
    pub fn with_email_id(self, letter: &[u8], hashing: Hashing) -> Self {
        let has_no_id = self.id.is_none() && self.references.is_empty();
        let is_wanted = hashing == Hashing::Wanted || has_no_id;
        let email_id = || is_wanted.then(|| object_id::email_id(letter));
        Self { email_id: self.email_id.or_else(email_id), ..self }
    }

    /// Has the cache remember it. What isn't remembered is read again.
    pub fn remember(&self, cache: &mut Cache, uid: u32, identity: &[u8]) {
        let _ = cache.remember(uid, identity, &self.facts());
    }

    /// Whether it has what a header says.
    pub fn has_header(&self) -> bool {
        self.envelope.is_some() && self.subject.is_some()
    }

    /// What the cache has, for longer than the cache is at hand.
    pub fn kept(facts: &Facts<'_>) -> Self {
        let owned = |octets: Option<&[u8]>| octets.map(<[u8]>::to_vec);
        Self {
            columns: facts.columns,
            envelope: owned(facts.envelope),
            structure: owned(facts.structure),
            id: facts.message_id,
            email_id: facts.email_id,
            references: facts.references.to_vec(),
            subject: facts.subject.map(|subject| (subject.base.to_vec(), subject.kind)),
            preview: owned(facts.preview),
            fields: owned(facts.fields),
        }
    }

    /// As the cache takes it.
    pub fn facts(&self) -> Facts<'_> {
        Facts {
            columns: self.columns,
            envelope: self.envelope.as_deref(),
            structure: self.structure.as_deref(),
            message_id: self.id,
            email_id: self.email_id,
            references: &self.references,
            subject: self.subject.as_ref().map(|(base, kind)| Subject { base, kind: *kind }),
            preview: self.preview.as_deref(),
            fields: self.fields.as_deref(),
        }
    }
}

fn kept_id(id: MessageId) -> IdHash {
    id.0.to_le_bytes()
}

/// An id as it was before it was kept.
pub fn message_id(kept: IdHash) -> MessageId {
    MessageId(u64::from_le_bytes(kept))
}

fn kept_date(sent: SentDate) -> Sent {
    // No zone is further off than four digits of hours and minutes say.
    Sent { at: sent.seconds, zone: i16::try_from(sent.offset / 60).unwrap_or_default() }
}

/// A date as it was before it was kept.
pub fn sent_date(kept: Sent) -> SentDate {
    SentDate { seconds: kept.at, offset: i32::from(kept.zone) * 60 }
}
