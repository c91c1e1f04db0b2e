//! What is read out of a letter once, and cached.

use postroad_imap::encode::{Extent, body_structure, envelope};
use postroad_message::{HeaderSummary, MessageId, Origin, Part, SentDate, casemap, wire};
use postroad_store::{Columns, EmailId, Facts, IdHash, Sent, Subject, SubjectKind};

use super::object_id::{self, Hashing};

/// What a letter says of itself, as the cache keeps it.
#[derive(Debug)]
pub(super) struct Read {
    columns: Columns,
    envelope: Vec<u8>,
    structure: Vec<u8>,
    id: Option<IdHash>,
    email_id: Option<EmailId>,
    references: Vec<IdHash>,
    /// Folded: it is there to be compared.
    base_subject: Vec<u8>,
    kind: SubjectKind,
    preview: String,
}

impl Read {
    /// Takes a letter apart that was received at `arrived` (seconds since 1970).
    pub(super) fn of(letter: &[u8], part: &Part, arrived: i64, hashing: Hashing) -> Self {
        let header = HeaderSummary::of(letter.get(part.header.clone()).unwrap_or_default());
        let (mut summary, mut structure) = (Vec::new(), Vec::new());
        envelope(&header.envelope, &mut summary);
        body_structure(part, Extent::Extended, &mut structure);
        let has_no_id = header.id.is_none() && header.references.is_empty();
        let email_id =
            (hashing == Hashing::Wanted || has_no_id).then(|| object_id::email_id(letter));
        Self {
            columns: Columns {
                size: wire::octets(letter),
                sent: header.sent.map(kept_date),
                arrived,
            },
            envelope: summary,
            structure,
            id: header.id.map(kept_id),
            email_id,
            references: header.references.into_iter().map(kept_id).collect(),
            base_subject: casemap::fold(header.subject.text.as_bytes()),
            kind: match header.subject.origin {
                Origin::Original => SubjectKind::Original,
                Origin::Answer => SubjectKind::Reply,
            },
            preview: part.preview(letter),
        }
    }

    pub(super) fn facts(&self) -> Facts<'_> {
        Facts {
            columns: self.columns,
            envelope: Some(&self.envelope),
            structure: Some(&self.structure),
            message_id: self.id,
            email_id: self.email_id,
            references: &self.references,
            subject: Some(Subject { base: &self.base_subject, kind: self.kind }),
            preview: Some(self.preview.as_bytes()),
        }
    }
}

fn kept_id(id: MessageId) -> IdHash {
    id.0.to_le_bytes()
}

/// An id as it was before it was kept.
pub(super) fn message_id(kept: IdHash) -> MessageId {
    MessageId(u64::from_le_bytes(kept))
}

fn kept_date(sent: SentDate) -> Sent {
    // No zone is further off than four digits of hours and minutes say.
    Sent { at: sent.seconds, zone: i16::try_from(sent.offset / 60).unwrap_or_default() }
}

/// A date as it was before it was kept.
pub(super) fn sent_date(kept: Sent) -> SentDate {
    SentDate { seconds: kept.at, offset: i32::from(kept.zone) * 60 }
}
