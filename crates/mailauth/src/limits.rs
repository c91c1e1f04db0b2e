//! Every limit and wait, with its unit and its reason.

use std::time::Duration;

/// Fields of a letter that are signatures, or of a chain, each of which may ask the DNS and hash the whole text. A letter
/// that went over ten lists, each of which sealed it, has some forty.
pub const SIGNATURES_MAX: usize = 60;
/// How long all of it may take: somebody sits in front of it.
pub const CHECK_TIMEOUT: Duration = Duration::from_secs(20);
