//! Texts of letters are indexed (`postroad_fulltext`): a thousand letters in memory as bits, and whoever has the mailbox
//! is asked for one letter at a time, so nobody else waits for it for long.

use postroad_fulltext::{Batch, Index, SEGMENT_LETTERS_MAX, Signature};
use postroad_message::Part;
use postroad_store::{Letter, MailboxError, Written};

use crate::limits::INDEXED_LETTER_OCTETS_MAX;
use crate::read;

/// Letters that are to be indexed.
pub trait Letters {
    /// Opens one.
    ///
    /// # Errors
    /// [`MailboxError::Gone`] where it isn't there any more; what else there is, is told by [`Letters::unreadable`].
    fn open(&self, uid: u32) -> Result<Letter, MailboxError>;
    /// Whether it is worth going on.
    fn is_wanted(&self) -> bool;
    /// A letter couldn't be read: it stays out of the index.
    fn unreadable(&self, error: &MailboxError);
}

/// How far an index was brought up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Indexed {
    /// All is in it but these letters, which were too few.
    ButFor(usize),
    /// Nobody wanted it any more, or another process writes it: the rest another time.
    InPart,
}

/// Indexes what of `uids` (sorted) isn't in the index yet; fewer than `least` letters aren't worth it. Those that are gone
/// go. Blocks, for long.
///
/// # Errors
/// What the disk said of the index.
pub fn bring_up(
    index: &mut Index,
    uids: &[u32],
    least: usize,
    letters: &impl Letters,
) -> Result<Indexed, MailboxError> {
    index.tidy(|uid| uids.binary_search(&uid).is_ok())?;
    for some in index.unknown(uids.iter().copied()).chunks(SEGMENT_LETTERS_MAX) {
        if some.len() < least {
            return Ok(Indexed::ButFor(some.len()));
        }
        let Some(batch) = batch_of(some, letters) else { return Ok(Indexed::InPart) };
        if index.add(&batch)? == Written::NotOurTurn {
            return Ok(Indexed::InPart);
        }
    }
    Ok(Indexed::ButFor(0))
}

/// Reads letters; `None` where nobody wants them any more.
fn batch_of(uids: &[u32], letters: &impl Letters) -> Option<Batch> {
    let mut batch = Batch::new(uids.len());
    for &uid in uids {
        if !letters.is_wanted() {
            return None;
        }
        match letters.open(uid).and_then(|letter| signature(&letter)) {
            Ok(signature) => batch.add(uid, signature.as_ref()),
            Err(MailboxError::Gone { .. }) => {}
            Err(error) => letters.unreadable(&error),
        }
    }
    Some(batch)
}

/// What the index is to know of a letter; nothing of one that is too long.
fn signature(letter: &Letter) -> Result<Option<Signature>, MailboxError> {
    if letter.octets() > INDEXED_LETTER_OCTETS_MAX {
        return Ok(None);
    }
    let octets = read::whole(letter)?;
    Ok(Some(Signature::of(&octets, &Part::of(&octets))))
}
