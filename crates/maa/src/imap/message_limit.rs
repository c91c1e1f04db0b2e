//! MESSAGELIMIT and SAVELIMIT (RFC 9738), where they are switched on: a command takes no more letters than so many, those with
//! the highest UIDs, and its end says down to which one. The client names lower ones in the next command.
//!
//! | command | where it names more |
//! |---|---|
//! | FETCH, STORE, MOVE, UID EXPUNGE | is done with the newest of them |
//! | SEARCH | looks at the newest of them, whatever it finds; `$` is what it finds |
//! | COPY, APPEND | NO: they are done whole, or not at all |
//! | SORT, THREAD, EXPUNGE, CLOSE | isn't limited: an order of a part says nothing, and of what is `\Deleted` no client names a part |

use std::num::NonZeroU32;

use postroad_imap::response::{Code, Status, StatusResponse};

use super::ending::{Done, Ended};
use super::selected::{Places, Selected};
use super::session::Session;

/// Leaves the newest letters, and gives what is to be said where there were more.
pub(super) fn cut_places(
    selected: &Selected,
    places: &mut Places,
    limit: Option<NonZeroU32>,
) -> Option<Code> {
    let limit = limit?;
    let letters: usize = places.iter().map(ExactSizeIterator::len).sum();
    let mut more = letters.checked_sub(count(limit)).filter(|more| *more > 0)?;
    places.retain_mut(|range| {
        let skipped = range.len().min(more);
        more -= skipped;
        range.start += skipped;
        range.start < range.end
    });
    let lowest = selected.uids.get(places.first()?.start).copied();
    Some(code(limit, lowest))
}

/// The same for sorted UIDs.
pub(super) fn cut_uids(uids: &mut Vec<u32>, limit: Option<NonZeroU32>) -> Option<Code> {
    let limit = limit?;
    let more = uids.len().checked_sub(count(limit)).filter(|more| *more > 0)?;
    uids.drain(..more);
    Some(code(limit, uids.first().copied()))
}

/// How many letters that are.
pub(super) fn count(limit: NonZeroU32) -> usize {
    usize::try_from(limit.get()).unwrap_or(usize::MAX)
}

fn code(limit: NonZeroU32, lowest: Option<u32>) -> Code {
    Code::MessageLimit(limit.get(), lowest.and_then(NonZeroU32::new))
}

/// How a command ends that has not taken all: a line holds one code, and one that is there already is more particular.
pub(super) fn ended(session: &mut Session, ended: Ended, out: &mut Vec<u8>) -> Ended {
    let Some(limited) = session.limited.take() else { return ended };
    match ended {
        Ok(Done { code: None, text }) => Ok(Done { code: Some(limited), text }),
        Ok(done) => {
            let status = StatusResponse::untagged(Status::Ok, "There are more").with(limited);
            session.say_status(&status, out);
            Ok(done)
        }
        Err(refused) => Err(refused),
    }
}
