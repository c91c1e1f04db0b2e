//! What a run came to: actions to be done, in order.

use std::fmt;
use std::sync::Arc;

use postroad_protocol::address::{Address, ReversePath};

use crate::problem::{Place, Problem};

/// What is to be done with a letter.
///
/// The caller does all of it or defers: a letter is delivered once each action has been.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// In the order of the script, the implicit keep last. Empty: the letter is discarded.
    pub actions: Vec<Decision>,
    /// Which `discard` did away with the implicit keep, if one was reached.
    pub discarded: Option<Origin>,
    /// What is to be remembered, once the actions are done.
    pub memos: Vec<Memo>,
    /// Why the script failed. The only action is then a keep, of the letter as it came, and the user is to be
    /// told (RFC 5228 §2.10.6).
    pub error: Option<Problem>,
    /// What was found, step by step; empty unless asked for.
    pub trace: Vec<TraceStep>,
}

/// One thing to be done, and what wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The thing.
    pub action: Action,
    /// The command; `None` for the implicit keep, which is nobody's decision.
    pub by: Option<Origin>,
}

/// A command of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The script, one that is included perhaps.
    pub script: Arc<str>,
    /// Where in it.
    pub place: Place,
}

/// What can be done.
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
    /// Nowhere, and the sender is told so (RFC 5429), of the letter as it came. Nothing is sent to the null
    /// reverse-path.
    Reject {
        /// In which way.
        how: Refusal,
        /// Why, in lines without control characters.
        reason: Vec<String>,
    },
    /// To a program, when all that goes before has been prepared.
    Pipe(Pipe),
    /// An answer is sent.
    Vacation(Reply),
    /// Somebody is told.
    Notify(Notification),
}

/// A letter that a program is to be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pipe {
    /// As in [`Call`](crate::Call).
    pub program: String,
    /// As in [`Call`](crate::Call).
    pub arguments: Vec<Vec<u8>>,
    /// What it reads.
    pub content: Content,
    /// Whether its failure counts.
    pub failure: Try,
    /// What is kept in the inbox if the program fails for good, or isn't there.
    pub kept: Option<Filing>,
}

/// Whether a program's failure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Try {
    /// It fails the delivery, or the letter is kept.
    No,
    /// Whatever it is: all goes on as if there had been no such action.
    Yes,
}

/// How a letter is filed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filing {
    /// What is filed.
    pub content: Content,
    /// IMAP flags and keywords (RFC 5232); those that can't be stored are left out.
    pub flags: Vec<String>,
    /// Whether the mailbox is to be made.
    pub create: Create,
    /// What the mailbox is for: one that has this attribute comes before the named one, and one that is made
    /// gets it (RFC 8579 §4).
    pub special_use: Option<String>,
}

/// What is done where a mailbox isn't there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Create {
    /// What is configured.
    #[default]
    AsConfigured,
    /// It is made; where that fails, the delivery fails (RFC 5490 §3.2).
    IfMissing,
}

/// The letter as it came, or as the script changed it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Content {
    /// As it came.
    #[default]
    Original,
    /// Changed.
    Edited {
        /// The header, in place of what stood there.
        header: Arc<[u8]>,
        /// From the empty line behind the header on.
        rest: Rest,
    },
}

/// What follows the header of a changed letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rest {
    /// What followed it when the letter came.
    Original {
        /// Where that begins.
        offset: usize,
    },
    /// These octets.
    Edited(Arc<[u8]>),
}

impl Content {
    /// What is stored or sent: two pieces, one after the other. `original` is the letter as it came.
    pub fn pieces<'m>(&'m self, original: &'m [u8]) -> [&'m [u8]; 2] {
        match self {
            Self::Original => [original, &[]],
            Self::Edited { header, rest: Rest::Edited(rest) } => [header, rest],
            Self::Edited { header, rest: Rest::Original { offset } } => {
                [header, original.get(*offset..).unwrap_or_default()]
            }
        }
    }
}

/// How a letter is refused (RFC 5429).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// In a way that keeps the exact words: by a notice (MDN) where the protocol can't say them.
    Reject,
    /// In the protocol, if that is possible at all; the words may be replaced there.
    Ereject,
}

/// A letter that answers this one (RFC 5230).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Who gets it: the envelope's recipient. Its sender is `<>`, and NOTIFY=NEVER (RFC 5230 §5.1).
    pub to: Address,
    /// The letter with CRLF as line ends; it lacks a Message-ID.
    pub message: Vec<u8>,
    /// What is to be remembered once it was sent; `None` where each letter is answered.
    pub memo: Option<Memo>,
    /// Where a copy of it is filed, once it was sent.
    pub fcc: Option<Fcc>,
}

/// A letter that tells of this one (RFC 5435, RFC 5436).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// The envelope's sender.
    pub sender: ReversePath,
    /// The envelope's recipients.
    pub to: Vec<Address>,
    /// The letter with CRLF as line ends; it lacks a Message-ID.
    pub message: Vec<u8>,
    /// Where a copy of it is filed, once it was sent.
    pub fcc: Option<Fcc>,
}

/// Where and how a copy of a letter that was sent is filed (RFC 8580).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fcc {
    /// The mailbox, in UTF-8 as the script has it.
    pub mailbox: String,
    /// As in [`Filing`].
    pub flags: Vec<String>,
    /// As in [`Filing`].
    pub create: Create,
    /// As in [`Filing`].
    pub special_use: Option<String>,
}

/// Something that a later run asks [`Past`](crate::Past) for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memo {
    /// What it is about.
    pub kind: MemoKind,
    /// What it is known by, of any length: a hash of it will do.
    pub key: Vec<u8>,
    /// How long it is to be remembered, from now on.
    pub seconds: u64,
}

/// What is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MemoKind {
    /// That somebody was told of an absence.
    Vacation,
    /// Something was seen (RFC 7352).
    Duplicate,
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

/// `script:line:column: what`, the deeper the further to the right.
impl fmt::Display for TraceStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { script, place, depth, what } = self;
        write!(
            f,
            "{script}:{}:{}: {:indent$}{what}",
            place.line,
            place.column,
            "",
            indent = depth * 2
        )
    }
}
