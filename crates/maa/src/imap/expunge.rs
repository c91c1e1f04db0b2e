//! EXPUNGE (RFC 9051 §6.4.3), and UID EXPUNGE (§6.4.9).

use postroad_imap::command::Access;
use postroad_imap::response::Code;
use postroad_imap::value::{Numbers, SequenceSet};
use postroad_store::LetterFlags;

use super::ending::{Done, Ended, Refused};
use super::message_limit;
use super::session::Session;

/// Removes what is marked as deleted; with a set, of those in it. The client hears of it at the command's end, as of what
/// others have removed.
pub(super) fn expunge(session: &mut Session, set: Option<&SequenceSet>) -> Ended {
    let selected = session.selected()?;
    if selected.access == Access::ReadOnly {
        return Err(Refused::no_with(Code::ReadOnly, "The mailbox is open for reading"));
    }
    let known: Vec<u32> = match set {
        Some(set) => selected.uids_at(&selected.places(Numbers::Uid, set)?).collect(),
        None => selected.uids.to_vec(),
    };
    let mut inside = selected.open.inside();
    let mailbox = &mut inside.mailbox;
    // Others may have taken the mark away, too.
    selected.check_numbers(mailbox)?;
    let is_deleted = |uid: &u32| {
        mailbox.entry(*uid).is_some_and(|entry| entry.flags().contains(LetterFlags::DELETED))
    };
    let mut deleted: Vec<u32> = known.into_iter().filter(is_deleted).collect();
    let limit = session.extensions.message_limit().filter(|_| set.is_some());
    let limited = message_limit::cut_uids(&mut deleted, limit);
    mailbox.expunge(&deleted)?;
    drop(inside);
    selected.open.tell();
    session.limited = limited;
    Ok(Done::new("Expunged"))
}
