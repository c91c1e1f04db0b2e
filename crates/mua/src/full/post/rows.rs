//! Drafts and letters of the outbox as the screen has them.

use std::path::Path;
use std::time::SystemTime;

use jiff::Timestamp;
use postroad_tui::data::{
    AttachmentRow, DraftId, DraftRow, Field, Fields, HeldId, LetterId, OutboxId, OutboxRow,
    OutboxState, Sealing,
};

use crate::compose::{Aliases, media_type, reminder};
use crate::drafts::{self, Attached, Written};
use crate::outbox::listing::{State, Waiting};
use crate::safe_line;
use crate::safe_text::SafeText;
use crate::sealed::Protection;

/// The fields as they were typed.
pub(super) fn fields(written: &Written) -> Fields {
    Fields {
        to: written.to.clone(),
        cc: written.cc.clone(),
        bcc: written.bcc.clone(),
        subject: written.subject.clone(),
        reply_to: written.reply_to.clone(),
        sealing: match written.protection {
            Protection::None => Sealing::None,
            Protection::Sign => Sealing::Sign,
            Protection::Encrypt => Sealing::Encrypt,
        },
    }
}

/// Types over them; of short names what they stand for is kept.
pub(super) fn type_over(written: &mut Written, fields: Fields, aliases: &Aliases) {
    let Fields { to, cc, bcc, subject, reply_to, sealing } = fields;
    written.protection = match sealing {
        Sealing::None => Protection::None,
        Sealing::Sign => Protection::Sign,
        Sealing::Encrypt => Protection::Encrypt,
    };
    (written.to, written.cc, written.bcc) = (to, cc, bcc);
    (written.subject, written.reply_to) = (subject, reply_to);
    *written = std::mem::take(written).expanded(aliases);
}

/// The field of the screen, where it has one.
pub(super) fn field(field: drafts::Field) -> Option<Field> {
    match field {
        drafts::Field::To => Some(Field::To),
        drafts::Field::Cc => Some(Field::Cc),
        drafts::Field::Bcc => Some(Field::Bcc),
        drafts::Field::ReplyTo => Some(Field::ReplyTo),
        drafts::Field::Other | drafts::Field::Attachments => None,
    }
}

/// A draft; `folder` is its own.
pub(super) fn draft(
    id: &drafts::DraftId,
    written: &Written,
    text: &str,
    (folder, from): (&Path, &SafeText),
    (answers, saved): (Option<LetterId>, SystemTime),
) -> DraftRow {
    DraftRow {
        id: DraftId(id.as_str().into()),
        from: from.clone(),
        fields: fields(written),
        text_lines: u32::try_from(text.lines().count()).unwrap_or(u32::MAX),
        text_octets: text.len() as u64,
        attachments: written.attachments.iter().map(|it| attachment(it, folder)).collect(),
        speaks_of: reminder::spoken_of(text).map(|word| SafeText::line(word).cut(40)),
        doubt: None,
        answers,
        saved: Timestamp::try_from(saved).unwrap_or_default(),
    }
}

fn attachment(attached: &Attached, folder: &Path) -> AttachmentRow {
    let (name, kind, path) = match attached {
        Attached::File(path) => {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            (SafeText::line(&name), media_type::by_name(&name), path.clone())
        }
        Attached::Forwarded => {
            let path = folder.join(drafts::FORWARDED);
            (SafeText::line(&attached.to_string()), "message/rfc822", path)
        }
    };
    let octets = std::fs::metadata(path).ok().map(|file| file.len());
    AttachmentRow { name, kind: kind.into(), octets }
}

/// A letter of the outbox.
pub(super) fn waiting(letter: &Waiting) -> OutboxRow {
    let to: Vec<&str> = letter.recipients.iter().map(|to| to.to.as_str()).collect();
    let time = |next: Option<u64>| {
        next.and_then(|next| Timestamp::from_second(i64::try_from(next).ok()?).ok())
    };
    // What needs its author comes first.
    let refused = letter
        .recipients
        .iter()
        .find(|to| matches!(to.state, State::Refused | State::Damaged))
        .or(letter.recipients.first());
    let (state, words) = match refused {
        Some(to) => {
            let words = SafeText::line(to.reply.as_deref().unwrap_or_default());
            let state = match to.state {
                State::Held => OutboxState::Held(
                    HeldId(letter.id.as_str().into()),
                    time(to.next).unwrap_or_default(),
                ),
                State::Left | State::Waiting => OutboxState::Waiting(time(to.next)),
                State::Refused | State::Damaged => OutboxState::Refused,
            };
            (state, words)
        }
        None => (OutboxState::Waiting(None), SafeText::default()),
    };
    OutboxRow {
        id: OutboxId(letter.id.as_str().into()),
        to: SafeText::line(&to.join(", ")),
        // The outbox's list has no subjects.
        subject: safe_line!("{} octets", letter.size),
        state,
        words,
    }
}
