//! GETQUOTA and GETQUOTAROOT (RFC 9208): what the mailbox may hold, as the delivery agent goes by it (`maildirsize`).

use postroad_imap::command::QuotaResource;
use postroad_imap::response::{Code, Data, Quota};
use postroad_imap::value::MailboxName;

use super::ending::{Done, Ended, Refused};
use super::session::Session;

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
    let quota = postroad_store::Quota::of(session.courier(), &session.shared.inbox, None);
    let standing = quota.standing().map_err(|error| Refused::from(&error))?;
    Ok(standing.map(|standing| {
        let postroad_store::Standing { limits, usage, .. } = standing;
        let storage = limits.octets.map(|most| {
            let used = usage.octets.div_ceil(STORAGE_UNIT);
            (QuotaResource::Storage, used, most / STORAGE_UNIT)
        });
        let letters = limits.letters.map(|most| (QuotaResource::Message, usage.letters, most));
        let resources = storage.into_iter().chain(letters).collect();
        Quota { root: ROOT.to_vec(), resources }
    }))
}
