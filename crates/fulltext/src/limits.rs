//! Every limit of this crate.

/// Letters of a segment. A batch of them has a bit for each letter and row: 8 MiB.
pub const SEGMENT_LETTERS_MAX: usize = 1024;
/// Segments beyond what their letters need before the file is written anew; and one more for each four that are needed,
/// so that a letter is written a few times, however many there are.
pub const SMALL_SEGMENTS_TO_SPARE: usize = 8;
/// Letters that are gone before the file is written anew: so many, and a quarter of all.
pub(crate) const GONE_TO_SPARE: usize = 64;
/// Letters that are known at most: each takes four octets in memory.
pub(crate) const LETTERS_MAX: usize = 4_000_000;
/// Rows of a needle that are looked at: those that follow hardly leave a letter that hasn't got it.
pub(crate) const ROWS_ASKED_MAX: usize = 24;
/// Rows of a letter that tell something: one with more may have anything in it.
pub(crate) const ROWS_OF_LETTER_MAX: usize = 48 * 1024;
