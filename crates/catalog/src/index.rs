//! Texts of letters are indexed (`postroad_fulltext`): a thousand letters in memory as bits, and whoever has the mailbox
//! is asked for one letter at a time, so nobody else waits for it for long.

use postroad_fulltext::{Batch, Index, SEGMENT_LETTERS_MAX, Signature};
use postroad_message::Part;
use postroad_store::{Letter, MailboxError, Written};

use crate::limits::{INDEXED_LETTER_OCTETS_MAX, READ_AT_ONCE};
use crate::read::{self, LetterFile};

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
    index.tidy(uids)?;
    for some in index.unknown(uids).chunks(SEGMENT_LETTERS_MAX) {
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

/// Letters that are to be indexed, without their folder at hand: another thread may do that.
#[derive(Debug)]
pub struct ToIndex {
    index: Index,
    files: Vec<LetterFile>,
}

impl ToIndex {
    pub(crate) fn new(index: Index, files: Vec<LetterFile>) -> Self {
        Self { index, files }
    }

    /// Reads them, by several threads, and indexes them; gives how many are known now: none where nobody wants it any more,
    /// or another process writes the index. Those that can't be read are left to searches.
    ///
    /// # Errors
    /// What the disk said of the index.
    pub fn run(mut self, is_wanted: &(impl Fn() -> bool + Sync)) -> Result<usize, MailboxError> {
        let mut batch = Batch::new(self.files.len());
        for some in self.files.chunks(READ_AT_ONCE) {
            if !is_wanted() {
                return Ok(0);
            }
            let read = read::by_threads(some, &|file: &LetterFile| {
                file.file.open().and_then(|letter| signature(&letter))
            });
            for (file, signature) in some.iter().zip(read) {
                if let Ok(signature) = signature {
                    batch.add(file.uid(), signature.as_ref());
                }
            }
        }
        match self.index.add(&batch)? {
            Written::All => Ok(batch.len()),
            Written::NotOurTurn => Ok(0),
        }
    }
}

/// What the index is to know of a letter; nothing of one that is too long.
fn signature(letter: &Letter) -> Result<Option<Signature>, MailboxError> {
    if letter.octets() > INDEXED_LETTER_OCTETS_MAX {
        return Ok(None);
    }
    let octets = read::whole(letter)?;
    Ok(Some(Signature::of(&octets, &Part::of(&octets))))
}
