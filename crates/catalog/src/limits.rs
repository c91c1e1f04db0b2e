//! Every limit of reading, listing and indexing letters.

/// Letters that are read at the same time.
pub const READ_AT_ONCE: usize = 256;
/// Octets of letters that are held at the same time, as far as one alone isn't longer.
pub const READ_OCTETS: u64 = 4 * 1024 * 1024;
/// Threads that read and take apart at the same time: more than the disk's worth of waiting isn't gained by others.
pub(crate) const READERS_MAX: usize = 4;
/// Letters that are worth a thread.
pub(crate) const LETTERS_FOR_A_THREAD: usize = 8;
/// Octets of one read of a letter's header: most are shorter.
pub const HEADER_PIECE_OCTETS: usize = 8 * 1024;
/// Octets of a letter that is indexed; one that is longer is read by each search.
pub const INDEXED_LETTER_OCTETS_MAX: u64 = 16 * 1024 * 1024;
