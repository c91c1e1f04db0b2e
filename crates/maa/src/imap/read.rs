//! Letters that have to be read: opened with the mailbox at hand, read without it.

use std::time::SystemTime;

use memchr::memmem;
use postroad_store::{Letter, MailboxError};

/// Letters that are read at the same time.
pub(super) const READ_AT_ONCE: usize = 64;
/// Octets of letters that are held at the same time, as far as one alone isn't longer.
pub(super) const READ_OCTETS: u64 = 4 * 1024 * 1024;
/// Threads that read and take apart at the same time: more than the disk's worth of waiting isn't gained by others.
const READERS_MAX: usize = 4;
/// Letters that are worth a thread.
const LETTERS_FOR_A_THREAD: usize = 8;
/// Octets of one read of a letter's header: most are shorter.
const HEADER_PIECE_OCTETS: usize = 8 * 1024;

/// Does something with letters, by several threads; what comes of it has their order.
pub(super) fn all<L: Send, T: Send>(letters: Vec<L>, read: impl Fn(L) -> T + Sync) -> Vec<T> {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = (letters.len() / LETTERS_FOR_A_THREAD).clamp(1, READERS_MAX.min(processors));
    if threads == 1 {
        return letters.into_iter().map(read).collect();
    }
    let each = letters.len().div_ceil(threads);
    let mut letters = letters.into_iter();
    let portions: Vec<Vec<L>> =
        (0..threads).map(|_| letters.by_ref().take(each).collect()).collect();
    let read = &read;
    std::thread::scope(|scope| {
        let begin = |portion: Vec<L>| {
            scope.spawn(move || portion.into_iter().map(read).collect::<Vec<_>>())
        };
        let readers: Vec<_> = portions.into_iter().map(begin).collect();
        // Its panic is this command's, and no other's.
        let joined = readers
            .into_iter()
            .map(|reader| reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        joined.flatten().collect()
    })
}

/// All of a letter, as it is stored.
pub(super) fn whole(letter: &Letter) -> Result<Vec<u8>, MailboxError> {
    let mut octets = vec![0; usize::try_from(letter.octets()).unwrap_or(usize::MAX)];
    let read = letter.read_at(&mut octets, 0)?;
    octets.truncate(read);
    Ok(octets)
}

/// A letter's header, and what was read with it.
pub(super) fn header(letter: &Letter) -> Result<Vec<u8>, MailboxError> {
    let mut octets = Vec::new();
    loop {
        let before = octets.len();
        octets.resize(before + HEADER_PIECE_OCTETS, 0);
        let piece = octets.get_mut(before..).unwrap_or_default();
        let read = letter.read_at(piece, before as u64)?;
        octets.truncate(before + read);
        // The empty line may begin in the piece before.
        let new = octets.get(before.saturating_sub(3)..).unwrap_or_default();
        let has_end =
            ["\n\n", "\n\r\n"].iter().any(|end| memmem::find(new, end.as_bytes()).is_some());
        if read == 0 || has_end || octets.starts_with(b"\n") || octets.starts_with(b"\r\n") {
            return Ok(octets);
        }
    }
}

/// Seconds since 1970.
pub(super) fn seconds(time: SystemTime) -> i64 {
    let after = |since: std::time::Duration| i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => after(since),
        Err(error) => -after(error.duration()),
    }
}
