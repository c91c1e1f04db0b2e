//! STATUS (RFC 9051 §6.3.11, RFC 7162, RFC 8474, RFC 7889, RFC 9208).

use postroad_imap::command::StatusItem;
use postroad_imap::response::{Data, StatusValue};
use postroad_imap::value::MailboxName;
use postroad_store::{Entry, LetterFlags};

use super::changes::count;
use super::ending::{Done, Ended, Refused};
use super::session::Session;
use crate::limits;

pub(super) fn status(
    session: &Session,
    mailbox: &MailboxName,
    items: &[StatusItem],
    out: &mut Vec<u8>,
) -> Ended {
    let values = values(session, mailbox, items)?;
    session.say(&Data::Status { mailbox: mailbox.clone(), values }, out);
    Ok(Done::new("That is how it stands"))
}

/// What is asked of a mailbox.
pub(super) fn values(
    session: &Session,
    mailbox: &MailboxName,
    items: &[StatusItem],
) -> Result<Vec<StatusValue>, Refused> {
    let open = session.shared.open(&session.find(mailbox)?)?;
    let mut inside = open.inside();
    inside.mailbox.refresh()?;
    let sizes = match items.iter().any(is_size) {
        true => inside.sizes(|_| true)?,
        false => 0,
    };
    let deleted_sizes = match items.contains(&StatusItem::DeletedStorage) {
        true => inside.sizes(|entry| entry.flags().contains(LetterFlags::DELETED))?,
        false => 0,
    };
    let mailbox = &inside.mailbox;
    let letters = |is_one: &dyn Fn(&Entry<'_>) -> bool| {
        u64::from(count(mailbox.entries().filter(|entry| is_one(entry)).count()))
    };
    let number = |item: StatusItem| {
        Some(match item {
            StatusItem::Messages => u64::from(count(mailbox.exists())),
            StatusItem::Recent => letters(&|entry| entry.is_new()),
            StatusItem::UidNext => mailbox.uid_next().into(),
            StatusItem::UidValidity => mailbox.uid_validity().into(),
            StatusItem::Unseen => letters(&|entry| !entry.flags().contains(LetterFlags::SEEN)),
            StatusItem::Deleted => letters(&|entry| entry.flags().contains(LetterFlags::DELETED)),
            StatusItem::Size => sizes,
            StatusItem::DeletedStorage => deleted_sizes.div_ceil(1024),
            StatusItem::HighestModSeq => mailbox.highest_modseq(),
            StatusItem::AppendLimit => limits::APPEND_OCTETS_MAX,
            StatusItem::MailboxId => return None,
        })
    };
    let value = |item: &StatusItem| match number(*item) {
        Some(number) => StatusValue::Number(*item, number),
        None => StatusValue::MailboxId(mailbox.mailbox_id()),
    };
    Ok(items.iter().map(value).collect())
}

fn is_size(item: &StatusItem) -> bool {
    matches!(item, StatusItem::Size)
}
