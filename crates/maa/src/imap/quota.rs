//! GETQUOTA and GETQUOTAROOT (RFC 9208): what the mailbox may hold, as the delivery agent goes by it (`maildirsize`); and
//! what commands add to it, and take away.
//!
//! A command that adds letters asks first, and is refused where they don't fit; a sum refuses nobody before letters were
//! counted. What can't be counted is no reason to refuse it: it is stored.

use postroad_imap::command::QuotaResource;
use postroad_imap::response::{Code, Data, Quota};
use postroad_imap::value::MailboxName;
use postroad_store::{Counted, Mailbox, MailboxError, Standing, StoreError, Usage};

use super::ending::{Done, Ended, Refused};
use super::session::Session;
use super::shared::{Shared, lock};
use crate::events;

/// The one quota root there is: all of a user's mailboxes together.
const ROOT: &[u8] = b"user";
/// RFC 9208 §5.1: units of STORAGE.
const STORAGE_UNIT: u64 = 1024;

pub(super) fn get(session: &Session, root: &[u8], out: &mut Vec<u8>) -> Ended {
    if root != ROOT {
        return Err(Refused::no_with(Code::NonExistent, "There is no such quota root"));
    }
    tell(session, out)?;
    Ok(Done::new("That is it"))
}

pub(super) fn root_of(session: &Session, mailbox: &MailboxName, out: &mut Vec<u8>) -> Ended {
    session.find(mailbox)?;
    let quota = quota(session)?;
    let roots = quota.iter().map(|quota| quota.root.clone()).collect();
    session.say(&Data::QuotaRoot { mailbox: mailbox.clone(), roots }, out);
    if let Some(quota) = quota {
        session.say(&Data::Quota(quota), out);
    }
    Ok(Done::new("That is it"))
}

fn tell(session: &Session, out: &mut Vec<u8>) -> Result<(), Refused> {
    let quota = quota(session)?.unwrap_or(Quota { root: ROOT.to_vec(), resources: Vec::new() });
    session.say(&Data::Quota(quota), out);
    Ok(())
}

/// The limits that count, and what is used of them; none where there are none.
fn quota(session: &Session) -> Result<Option<Quota>, Refused> {
    let standing = session.shared.quota().standing().map_err(|error| Refused::from(&error))?;
    Ok(standing.map(|standing| {
        let Standing { limits, usage, .. } = standing;
        let storage = limits.octets.map(|most| {
            let used = usage.octets.div_ceil(STORAGE_UNIT);
            (QuotaResource::Storage, used, most / STORAGE_UNIT)
        });
        let letters = limits.letters.map(|most| (QuotaResource::Message, usage.letters, most));
        let resources = storage.into_iter().chain(letters).collect();
        Quota { root: ROOT.to_vec(), resources }
    }))
}

/// Whether so much may come while something else goes (RFC 9208 §4.3.1): what it comes to on the whole counts (RFC 8508
/// §3.4).
pub(super) fn ask(shared: &Shared, coming: Usage, going: Usage) -> Result<(), Refused> {
    let adding = coming.less(going);
    if adding == Usage::default() {
        return Ok(());
    }
    match standing_for(shared, adding) {
        Ok(Some(standing)) if !standing.fits(adding, 0) => Err(over()),
        Ok(_) => Ok(()),
        Err(error) => {
            unknown(shared, &error);
            Ok(())
        }
    }
}

/// The same, and it is counted until it turns out that it doesn't come.
pub(super) fn take(
    shared: &Shared,
    coming: Usage,
    going: Usage,
) -> Result<Option<Counted>, Refused> {
    let adding = coming.less(going);
    if adding == Usage::default() {
        return Ok(None);
    }
    let _turn = lock(&shared.quota_turn);
    let counted = match standing_for(shared, adding) {
        Ok(None) => return Ok(None),
        Ok(Some(standing)) if !standing.fits(adding, 0) => return Err(over()),
        Ok(Some(_)) => shared.quota().count(adding),
        Err(error) => Err(error),
    };
    Ok(counted.inspect_err(|error| unknown(shared, error)).ok())
}

/// It has come, and the other has gone.
pub(super) fn settle(shared: &Shared, counted: Option<Counted>, coming: Usage, going: Usage) {
    if let Some(mut counted) = counted {
        counted.stays();
    }
    shared.quota().went(going.less(coming));
}

/// What of these letters counts, before and after flags are changed: `\Deleted` ones don't.
pub(super) fn reflagged<T>(
    shared: &Shared,
    mailbox: &mut Mailbox,
    uids: &[u32],
    change: impl FnOnce(&mut Mailbox) -> Result<T, MailboxError>,
) -> Result<T, MailboxError> {
    let is_counted = shared.quota().standing().is_ok_and(|standing| standing.is_some());
    if !is_counted {
        return change(mailbox);
    }
    let folder = mailbox.folder().clone();
    let before = mailbox.counted(uids, &folder)?;
    let changed = change(mailbox)?;
    let after = mailbox.counted(uids, &folder)?;
    if after != before {
        // Nobody is refused by it: the letters are here already.
        let counted = match after.less(before) {
            more if more == Usage::default() => None,
            more => shared.quota().count(more).ok(),
        };
        settle(shared, counted, after, before);
    }
    Ok(changed)
}

/// What the mailbox holds; letters were counted where it would else be refused by a sum.
fn standing_for(shared: &Shared, adding: Usage) -> Result<Option<Standing>, StoreError> {
    let quota = shared.quota();
    match quota.standing()? {
        Some(standing) if !standing.fits(adding, 0) => quota.confirmed(standing).map(Some),
        standing => Ok(standing),
    }
}

fn over() -> Refused {
    Refused::no_with(Code::OverQuota, "The mailbox is full: there is no room for that")
}

fn unknown(shared: &Shared, error: &StoreError) {
    events::quota_unknown(shared.inbox.root(), error);
}
