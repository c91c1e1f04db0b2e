//! What a run came to: actions to be done, in order.

use std::sync::Arc;

use postroad_protocol::address::Address;

use crate::problem::{Place, Problem};

/// What is to be done with a letter.
///
/// The caller does all of it or defers: a letter is delivered once each action has been.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// In the order of the script, the implicit keep last. Empty: the letter is discarded.
    pub actions: Vec<Action>,
    /// Why the script failed. The only action is then a keep, of the letter as it came, and the user is to be
    /// told (RFC 5228 §2.10.6).
    pub error: Option<Problem>,
    /// What was found, step by step; empty unless asked for.
    pub trace: Vec<TraceStep>,
}

/// One thing to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Into the inbox (RFC 5228 §4.3).
    Keep(Filing),
    /// Into this mailbox, named in UTF-8 as the script has it (RFC 5228 §4.1).
    FileInto {
        /// The mailbox.
        mailbox: String,
        /// How.
        filing: Filing,
    },
    /// To another address (RFC 5228 §4.2). A null reverse-path must stay null.
    Redirect {
        /// The new recipient.
        to: Address,
        /// What is sent.
        content: Content,
    },
}

/// How a letter is filed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filing {
    /// What is filed.
    pub content: Content,
    /// IMAP flags and keywords (RFC 5232); those that can't be stored are left out.
    pub flags: Vec<String>,
}

/// The letter as it came, or as the script changed it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Content {
    /// As it came.
    #[default]
    Original,
    /// These octets in its place.
    Edited(Arc<[u8]>),
}

/// One step of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceStep {
    /// The script.
    pub script: Arc<str>,
    /// Where in it.
    pub place: Place,
    /// How many blocks and tests are around it.
    pub depth: usize,
    /// What was found, or what would be done; a line without control characters.
    pub what: String,
}
