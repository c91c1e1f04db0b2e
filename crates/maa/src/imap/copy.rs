//! COPY and MOVE (RFC 9051 §6.4.7, §6.4.8; RFC 4315).

use postroad_imap::command::Access;
use postroad_imap::response::{Code, Status, StatusResponse};
use postroad_imap::value::{MailboxName, Numbers, SequenceSet, Set};
use postroad_store::Usage;

use super::ending::{Done, Ended, Refused};
use super::session::Session;
use super::{message_limit, quota};

/// What becomes of the letters that are copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Originals {
    Stay,
    Go,
}

pub(super) fn copy(
    session: &mut Session,
    numbers: Numbers,
    set: &SequenceSet,
    to: &MailboxName,
    originals: Originals,
    out: &mut Vec<u8>,
) -> Ended {
    let selected = session.selected()?;
    if originals == Originals::Go && selected.access == Access::ReadOnly {
        return Err(Refused::no_with(Code::ReadOnly, "The mailbox is open for reading"));
    }
    let mut uids: Vec<u32> = selected.uids_at(&selected.places(numbers, set)?).collect();
    let limit = match originals {
        Originals::Stay => session.extensions.save_limit(),
        Originals::Go => session.extensions.message_limit(),
    };
    let limited = message_limit::cut_uids(&mut uids, limit);
    if let (Some(code), Originals::Stay) = (&limited, originals) {
        // RFC 9051 §6.4.7: all are copied, or none.
        return Err(Refused::no_with(code.clone(), "Those are too many to be copied at once"));
    }
    let folder = session.find(to).map_err(Refused::or_create)?;
    let target = session.shared.open(&folder)?;
    // One lock after the other: two sessions that copy both ways wait for nobody.
    let (coming, going) = {
        let mut inside = selected.open.inside();
        selected.check_numbers(&mut inside.mailbox)?;
        let mailbox = &inside.mailbox;
        let going = match originals {
            Originals::Stay => Usage::default(),
            Originals::Go => mailbox.counted(&uids, mailbox.folder())?,
        };
        (mailbox.counted(&uids, &folder)?, going)
    };
    let counted = quota::take(&session.shared, coming, going)?;
    let mut copies = {
        let mut inside = selected.open.inside();
        selected.check_view(&inside.mailbox)?;
        inside.mailbox.copies(&uids, &folder)?
    };
    // Before a mailbox is held that another session moves letters of.
    let moving = match originals {
        Originals::Stay => None,
        Originals::Go => {
            let from = selected.open.inside().mailbox.folder().clone();
            let moving = session.shared.mailboxes.begin_move(&from, &folder, &copies)?;
            selected.open.inside().mailbox.leave_out_moved(&mut copies)?;
            Some(moving)
        }
    };
    let (pairs, uid_validity) = {
        let mut inside = target.inside();
        (inside.mailbox.take_copies(copies)?, inside.mailbox.uid_validity())
    };
    quota::settle(&session.shared, counted, coming, going);
    target.tell();
    let copied = copied(uid_validity, &pairs);
    let Some(moving) = moving else {
        return Ok(match copied {
            Some(code) => Done::with(code, "Copied"),
            None => Done::new("There was nothing to copy"),
        });
    };
    // RFC 9051 §6.4.8: before the letters are told to be gone.
    if let Some(code) = copied {
        session.say_status(&StatusResponse::untagged(Status::Ok, "Moved").with(code), out);
    }
    selected.open.inside().mailbox.end_move(moving)?;
    selected.open.tell();
    session.limited = limited;
    Ok(Done::new("Moved"))
}

/// RFC 4315 §3: which letter is which; in the same order on both sides.
fn copied(uid_validity: u32, pairs: &[(u32, u32)]) -> Option<Code> {
    let from = Set::from_numbers(pairs.iter().map(|(from, _)| *from))?;
    let to = Set::from_numbers(pairs.iter().map(|(_, to)| *to))?;
    Some(Code::CopyUid { uid_validity, from, to })
}
