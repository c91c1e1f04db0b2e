//! Every limit of reading, listing and indexing letters.

use std::time::Duration;

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
/// How long a register's lock is waited for where a person waits: whoever has it changes flags, or lists the folder.
pub(crate) const REGISTER_LOCK_WAIT: Duration = Duration::from_secs(3);
/// Rows of letters that are kept where no cache has them, some 200 octets each: more than are ever in sight.
pub(crate) const ROWS_KEPT_MAX: usize = 2_000;
/// How often a letter is looked for that others rename meanwhile.
pub(crate) const LOOKS_MAX: usize = 4;
/// Octets of a letter that are copied at once, where the system can't link its file.
pub(crate) const COPY_PIECE_OCTETS: usize = 64 * 1024;
/// Letters that a step of a search looks at: what needs no reading takes some 50 ns each.
pub(crate) const LOOKED_AT_ONCE: usize = 16 * 1024;
/// Letters that a search reads, or looks up in the cache, before it tells what it has found, at first.
pub(crate) const JUDGED_FIRST: usize = 64;
/// The same, later.
pub(crate) const JUDGED_AT_ONCE: usize = 512;
/// Letters that a search reads, some 50 µs each, before it opens a cache that nobody has asked for yet.
pub(crate) const READ_WITHOUT_CACHE_MAX: usize = 128;
/// Octets of a pattern that somebody types.
pub(crate) const PATTERN_OCTETS_MAX: usize = 4096;
/// Parentheses in each other in a pattern.
pub(crate) const PATTERN_DEPTH_MAX: usize = 32;
/// Words of a pattern, each of which the index is asked for.
pub(crate) const PATTERN_WORDS_MAX: usize = 64;
/// Octets of a regular expression, made ready.
pub(crate) const REGEX_OCTETS_MAX: usize = 2 * 1024 * 1024;
