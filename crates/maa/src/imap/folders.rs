//! Which mailboxes there are, changed: CREATE, DELETE, RENAME, SUBSCRIBE (RFC 9051 §6.3.4 to §6.3.8).

use postroad_imap::command::SpecialUse;
use postroad_imap::response::Code;
use postroad_imap::value::MailboxName;
use postroad_store::FolderError;

use super::ending::{Done, Ended, Refused};
use super::session::Session;

pub(super) fn create(session: &Session, mailbox: &MailboxName, uses: &[SpecialUse]) -> Ended {
    // RFC 9051 §6.3.4: a separator at its end says that there will be mailboxes below it.
    let text = mailbox.as_str();
    let text = text.strip_suffix(postroad_store::SEPARATOR).unwrap_or(text);
    let name = stored(text)?;
    let uses: Vec<&str> = uses.iter().map(|one| one.as_str()).collect();
    session.folders().create(&name, &uses)?;
    session.shared.tell_structure();
    let open = session.shared.open(&session.folders().find(&name)?)?;
    // RFC 8474 §4.1.
    let id = open.inside().mailbox.mailbox_id();
    Ok(Done::with(Code::MailboxId(id), "Created"))
}

pub(super) fn delete(session: &Session, mailbox: &MailboxName) -> Ended {
    let name = stored(mailbox.as_str())?;
    finish_moving(session)?;
    session.folders().delete(&name)?;
    session.shared.tell_structure();
    Ok(Done::new("Deleted"))
}

pub(super) fn rename(session: &Session, from: &MailboxName, to: &MailboxName) -> Ended {
    let (old, new) = (stored(from.as_str())?, stored(to.as_str())?);
    finish_moving(session)?;
    session.folders().rename(&old, &new)?;
    session.shared.note_renamed(&old.to_utf8(), &new.to_utf8());
    session.shared.tell_structure();
    Ok(Done::new("Renamed"))
}

pub(super) fn subscribe(session: &Session, mailbox: &MailboxName) -> Ended {
    let name = stored(mailbox.as_str())?;
    session.folders().subscribe(&name).map_err(FolderError::from)?;
    session.shared.tell_structure();
    Ok(Done::new("Subscribed"))
}

pub(super) fn unsubscribe(session: &Session, mailbox: &MailboxName) -> Ended {
    let name = stored(mailbox.as_str())?;
    session.folders().unsubscribe(&name).map_err(FolderError::from)?;
    session.shared.tell_structure();
    Ok(Done::new("No longer subscribed"))
}

/// Letters that a crash has left on their way are looked for by their folders' names.
fn finish_moving(session: &Session) -> Result<(), Refused> {
    Ok(session.shared.mailboxes.finish_moving(session.shared.inbox())?)
}

/// A mailbox's name as the store has it.
pub(super) fn stored(text: &str) -> Result<postroad_store::MailboxName, FolderError> {
    Ok(postroad_store::MailboxName::from_utf8(text)?)
}
