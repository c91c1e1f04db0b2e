//! Every limit and wait, with its unit and its reason.

use std::time::Duration;

/// Fields of a letter that are signatures, or of a chain, each of which may ask the DNS and hash the whole text. A letter
/// that went over ten lists, each of which sealed it, has some forty.
pub const SIGNATURES_MAX: usize = 60;
/// As many of them may leave an end of the text out: each such length is a hash of its own over the text, which can't be
/// interrupted.
pub const PARTIAL_SIGNATURES_MAX: usize = 10;
/// Octets of a header whose signatures are looked at: what is looked up in it takes time by the square, and real ones have some
/// thousands.
pub const HEADER_OCTETS_MAX: usize = 256 * 1024;
/// How long all of it may take: somebody sits in front of it.
pub const CHECK_TIMEOUT: Duration = Duration::from_secs(20);
