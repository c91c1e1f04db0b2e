//! Rights (RFC 4314): kept as they are set. Nobody but the owner is let into a mailbox by them, and the owner always is.

use postroad_imap::command::{AclChange, Rights};
use postroad_imap::response::{Code, Data};
use postroad_imap::value::MailboxName;
use postroad_store::{RightsChange, StoreError};

use super::ending::{Done, Ended, Refused};
use super::session::Session;

pub(super) fn set(
    session: &Session,
    mailbox: &MailboxName,
    identifier: &[u8],
    change: AclChange,
    rights: &Rights,
) -> Ended {
    let identifier = text(identifier)?;
    if identifier == session.user {
        return Err(Refused::no_with(Code::Cannot, "An owner's rights stay as they are"));
    }
    let rights = postroad_store::Rights::parse(rights.as_str())
        .map_err(|error| Refused::bad(error.to_string()))?;
    let change = match change {
        AclChange::Replace => RightsChange::Replace(rights),
        AclChange::Add => RightsChange::Add(rights),
        AclChange::Remove => RightsChange::Remove(rights),
    };
    let folder = session.find(mailbox)?;
    let mut set = Ok(());
    let changed = session.courier().change_acl(&folder, |acl| set = acl.set(identifier, change));
    changed.map_err(refused)?;
    match set {
        Ok(()) => Ok(Done::new("Set")),
        Err(error) => Err(Refused::no_with(Code::Limit, error.to_string())),
    }
}

pub(super) fn delete(session: &Session, mailbox: &MailboxName, identifier: &[u8]) -> Ended {
    set(session, mailbox, identifier, AclChange::Replace, &Rights::default())
}

pub(super) fn get(session: &Session, mailbox: &MailboxName, out: &mut Vec<u8>) -> Ended {
    let folder = session.find(mailbox)?;
    let acl = session.courier().acl(&folder).map_err(refused)?;
    let others = acl.entries().map(|(identifier, rights)| (identifier.to_owned(), rights));
    let owner = (session.user.clone(), postroad_store::Rights::ALL);
    let rights = std::iter::once(owner).chain(others);
    let rights = rights
        .filter_map(|(identifier, rights)| Some((identifier.into_bytes(), on_the_wire(rights)?)));
    let rights = rights.collect();
    session.say(&Data::Acl { mailbox: mailbox.clone(), rights }, out);
    Ok(Done::new("Those are they"))
}

/// RFC 4314 §3.4: an owner has all, always; others may be given each by itself.
pub(super) fn list(
    session: &Session,
    mailbox: &MailboxName,
    identifier: &[u8],
    out: &mut Vec<u8>,
) -> Ended {
    session.find(mailbox)?;
    let all = postroad_store::Rights::ALL;
    let is_owner = text(identifier)? == session.user;
    let (required, optional) = match is_owner {
        true => (on_the_wire(all).unwrap_or_default(), Vec::new()),
        false => {
            let letters = all.to_string();
            let each = letters.bytes().filter_map(|letter| Rights::parse(&[letter]));
            (Rights::default(), each.collect())
        }
    };
    let (mailbox, identifier) = (mailbox.clone(), identifier.to_vec());
    session.say(&Data::ListRights { mailbox, identifier, required, optional }, out);
    Ok(Done::new("Those are they"))
}

pub(super) fn mine(session: &Session, mailbox: &MailboxName, out: &mut Vec<u8>) -> Ended {
    session.find(mailbox)?;
    tell_mine(session, mailbox, out);
    Ok(Done::new("Those are they"))
}

/// All mailboxes here are the user's own.
pub(super) fn tell_mine(session: &Session, mailbox: &MailboxName, out: &mut Vec<u8>) {
    if let Some(rights) = on_the_wire(postroad_store::Rights::ALL) {
        session.say(&Data::MyRights { mailbox: mailbox.clone(), rights }, out);
    }
}

fn on_the_wire(rights: postroad_store::Rights) -> Option<Rights> {
    Rights::parse(rights.with_old_letters().as_bytes())
}

fn text(identifier: &[u8]) -> Result<&str, Refused> {
    std::str::from_utf8(identifier).map_err(|_| Refused::bad("An identifier is UTF-8"))
}

fn refused(error: StoreError) -> Refused {
    Refused::from(&error)
}
