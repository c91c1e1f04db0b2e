//! Ids that a letter keeps wherever it is copied (RFC 8474): its own, and its thread's.
//!
//! Both are functions of the letter's octets alone, so they never change once they were told (§5.2), and are the same in
//! each mailbox, before and after all that we know of letters was lost.
//!
//! *EMAILID* is a hash of the letter. *THREADID* is the number of the message-id that the thread begins with, as the letter
//! tells it: the first of its References, or else of its In-Reply-To, or else its own. Letters that are answers to one
//! another share it as long as programs hand the References on (RFC 5322 §3.6.4). Where one has broken the chain, what comes
//! behind is another thread; THREAD (RFC 5256) can put those together by what else is in the mailbox, an id that never
//! changes can't. A letter without any message-id is a thread by itself, by its hash.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use postroad_store::{EmailId, Facts};

/// Whether a letter is hashed when it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hashing {
    /// It is.
    Wanted,
    /// Only where it has no message-id.
    Spared,
}

/// The id of a letter as it is stored.
pub fn email_id(letter: &[u8]) -> EmailId {
    let hash = digest(&SHA256, letter);
    hash.as_ref().first_chunk().copied().unwrap_or_default()
}

/// As it is told.
pub fn email_text(id: EmailId) -> String {
    format!("E{}", URL_SAFE_NO_PAD.encode(id))
}

/// The id of a letter's thread as it is told; none where facts lack what it takes.
pub fn thread_text(facts: &Facts<'_>) -> Option<String> {
    let root = facts.references.first().copied().or(facts.message_id);
    match (root, facts.email_id) {
        (Some(root), _) => Some(format!("T{}", URL_SAFE_NO_PAD.encode(root))),
        (None, Some(id)) => Some(format!("T{}", URL_SAFE_NO_PAD.encode(id))),
        (None, None) => None,
    }
}
