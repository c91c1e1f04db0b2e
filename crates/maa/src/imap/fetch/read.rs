//! Letters that have to be read: opened with the mailbox at hand, read without it.

use std::time::SystemTime;

use postroad_message::Part;
use postroad_store::{Letter, Mailbox, MailboxError};

use crate::imap::facts::Read;

/// Threads that read and take apart at the same time: more than the disk's worth of waiting isn't gained by others.
const READERS_MAX: usize = 4;
/// Letters that are worth a thread.
const LETTERS_FOR_A_THREAD: usize = 8;

/// A letter that is open.
#[derive(Debug)]
pub(super) struct Opened {
    uid: u32,
    place: usize,
    letter: Letter,
    arrived: i64,
}

/// A letter in memory.
#[derive(Debug)]
pub(super) struct ReadLetter {
    pub(super) uid: u32,
    pub(super) place: usize,
    pub(super) octets: Vec<u8>,
    pub(super) part: Part,
    pub(super) facts: Read,
}

impl Opened {
    pub(super) fn open(
        mailbox: &mut Mailbox,
        uid: u32,
        place: usize,
    ) -> Result<Self, MailboxError> {
        let arrived = mailbox.internal_date(uid)?;
        let letter = mailbox.open_letter(uid)?;
        Ok(Self { uid, place, letter, arrived: seconds(arrived) })
    }

    pub(super) fn octets(&self) -> u64 {
        self.letter.octets()
    }

    fn read(self) -> Result<ReadLetter, MailboxError> {
        let octets = whole(&self.letter)?;
        let part = Part::of(&octets);
        let facts = Read::of(&octets, &part, self.arrived);
        Ok(ReadLetter { uid: self.uid, place: self.place, octets, part, facts })
    }
}

/// Reads letters, in their order.
pub(super) fn all(letters: Vec<Opened>) -> Vec<Result<ReadLetter, MailboxError>> {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = (letters.len() / LETTERS_FOR_A_THREAD).clamp(1, READERS_MAX.min(processors));
    if threads == 1 {
        return letters.into_iter().map(Opened::read).collect();
    }
    let each = letters.len().div_ceil(threads);
    let mut letters = letters.into_iter();
    let portions: Vec<Vec<Opened>> =
        (0..threads).map(|_| letters.by_ref().take(each).collect()).collect();
    std::thread::scope(|scope| {
        let read = |portion: Vec<Opened>| {
            scope.spawn(|| portion.into_iter().map(Opened::read).collect::<Vec<_>>())
        };
        let readers: Vec<_> = portions.into_iter().map(read).collect();
        // Its panic is this command's, and no other's.
        let joined = readers
            .into_iter()
            .map(|reader| reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        joined.flatten().collect()
    })
}

/// All of a letter, as it is stored.
fn whole(letter: &Letter) -> Result<Vec<u8>, MailboxError> {
    let mut octets = vec![0; usize::try_from(letter.octets()).unwrap_or(usize::MAX)];
    let read = letter.read_at(&mut octets, 0)?;
    octets.truncate(read);
    Ok(octets)
}

/// Seconds since 1970.
pub(super) fn seconds(time: SystemTime) -> i64 {
    let after = |since: std::time::Duration| i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => after(since),
        Err(error) => -after(error.duration()),
    }
}
