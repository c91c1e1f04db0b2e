//! The queue's promise, as traits: what an embedded engine and a replicated one both give.
//!
//! - [`Accept::Stored`] means: envelope, content and every directory entry that leads to them are
//!   durable to [`Spool::guarantee`]. Only then may 250 be said. [`Accept::InDoubt`] is never answered 250.
//! - [`OwnedShard::settle`] records what became of recipients. It is durable when it returns; a crash
//!   before that repeats the delivery, never loses it (RFC 5321 §6.1).
//! - A message is gone when its last recipient is settled as done.
//! - Every call is fenced by the epoch that [`Spool::open`] took: who lost the shard gets [`Fenced`].
//! - Ids are made by the caller ([`QueueId`]), so that a repeated `accept` can be recognised.
//!
//! Content is the message as it goes over the wire: CRLF line ends, not dot-stuffed, trace fields on top.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use postroad_protocol::address::{Address, Domain};
use postroad_protocol::envelope::Envelope;
use postroad_protocol::reply::Reply;

/// A future that an object-safe trait gives back.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The unit of ownership, fencing and placement. Embedded: one directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShardId(pub u32);

/// What `Stored` survives; printed at start and by `postroad status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guarantee {
    /// Copies on stable storage before a message is acknowledged.
    pub copies: u8,
    /// What all of them survive, in words.
    pub survives: &'static str,
}

/// Somebody else owns the shard.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it; ours must not touch it.
    #[error("the queue {name} is in use by another process: wait until it has ended, or stop it")]
    Taken {
        /// Which one.
        name: String,
    },
    /// It can't be read or written.
    #[error("cannot open the queue")]
    Disk(#[from] postroad_disk::DiskError),
    /// It is there and isn't a queue of ours, or of a later version.
    #[error("{path}: {problem}")]
    Format {
        /// The file.
        path: String,
        /// What is wrong with it and what to do.
        problem: String,
    },
}

/// Our epoch is over: another owner has the shard, or the engine has stopped. Or, for an operator's edit:
/// nothing can be written now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the queue takes no changes: its disk fails (see the log), or it is no longer ours")]
pub struct Fenced;

/// A queue's name for a message: unique on this shard for ever, ordered by time of arrival.
///
/// 64 bits, shown as 13 characters of Crockford's base32 (no vowel makes a word of it).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QueueId(u64);

const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl QueueId {
    /// From its number.
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// Its number.
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for QueueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It stands in every line and every reply: one write, not thirteen.
        let mut text = [b'0'; 13];
        for (place, character) in text.iter_mut().rev().enumerate() {
            let digit = usize::try_from((self.0 >> (5 * place)) & 31).unwrap_or(0);
            *character = DIGITS.get(digit).copied().unwrap_or(b'0');
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

/// The text is no queue id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a queue id is 13 characters of 0-9 and A-Z without I, L, O and U")]
pub struct QueueIdError;

impl FromStr for QueueId {
    type Err = QueueIdError;

    fn from_str(text: &str) -> Result<Self, QueueIdError> {
        if text.len() != 13 {
            return Err(QueueIdError);
        }
        text.bytes()
            .try_fold(0u64, |number, byte| {
                let digit = DIGITS.iter().position(|d| *d == byte.to_ascii_uppercase())?;
                number.checked_mul(32)?.checked_add(u64::try_from(digit).ok()?)
            })
            .map(Self)
            .ok_or(QueueIdError)
    }
}

/// A message to be stored.
#[derive(Debug, Clone)]
pub struct NewMessage {
    /// The id that the caller gave it.
    pub id: QueueId,
    /// When it arrived.
    pub arrived: SystemTime,
    /// Sender and recipients; recipient `n` of the queue is `envelope.recipients[n]`.
    pub envelope: Envelope,
    /// Header and body, CRLF line ends, trace fields on top.
    pub content: Content,
}

/// A message's octets, or the file that they were streamed into.
#[derive(Debug, Clone)]
pub enum Content {
    /// In memory.
    Memory(Bytes),
    /// In the spool already ([`OwnedShard::start_large`]), not yet known to be durable.
    Large(Arc<LargeContent>),
}

impl Content {
    /// Its length in octets.
    pub fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::Large(large) => large.octets,
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A large message that was written into the spool while it arrived. Made by [`LargeWriter::finish`]
/// alone; where it is dropped without having been accepted, the engine takes its octets away again.
#[derive(Debug)]
pub struct LargeContent {
    /// The id it was started for; only a message of this id may have it.
    pub id: QueueId,
    /// How long it is.
    pub octets: u64,
    /// CRC-32 of its octets.
    pub checksum: u32,
    /// The engine's own claim on the file.
    pub(crate) claim: crate::embedded::LargeClaim,
}

/// Recipients of one message, aliases expanded. Whoever hands in more is to send several messages.
pub const RECIPIENTS_MAX: usize = 20_000;

/// What became of one message that was to be stored.
#[derive(Debug)]
pub enum Accept {
    /// Durable. Say 250.
    Stored,
    /// Not stored, and never will be. Say 4xx.
    Refused(AcceptError),
    /// Unknown: it may surface later. Say 451, and ask `probe` if it can be waited for.
    InDoubt,
}

/// Why a message was not stored.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AcceptError {
    /// No space or no inodes: 452 4.3.1.
    #[error("the queue's file system is full")]
    Full,
    /// The disk failed: 451 4.3.0. The operator was told the details.
    #[error("the queue cannot be written: {0}")]
    Disk(String),
    /// The engine is stopping or has lost its shard: 421 4.3.2.
    #[error("the queue is stopping")]
    Stopping,
}

/// How the engine fares, for the operator.
#[derive(Debug, Clone, Default)]
pub enum Condition {
    /// Nothing has gone wrong lately.
    #[default]
    Sound,
    /// The disk failed, and writing goes on in another file; if it fails again soon, intake stops.
    Suspect {
        /// What it said.
        why: String,
    },
    /// Nothing can be written: messages are refused, outcomes wait. Tried again every second or two.
    Refusing {
        /// What new messages are told.
        why: AcceptError,
    },
}

/// Whether a message is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Stored and durable.
    Present,
    /// Not there; it will not surface any more.
    Absent,
}

/// Where one recipient stands.
#[derive(Debug, Clone, PartialEq)]
pub enum RecipientState {
    /// To be tried at `due`.
    Waiting {
        /// Tries so far.
        attempts: u32,
        /// When to try next.
        due: SystemTime,
        /// What was said last time.
        last: Option<Reply>,
    },
    /// An operator keeps it back.
    Held {
        /// Tries so far.
        attempts: u32,
    },
    /// Delivered, bounced or deleted: nothing is left to do.
    Done,
}

/// What is remembered of a message as a whole, beside its recipients' states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DelayNotice {
    /// The sender hasn't been told of the delay yet.
    #[default]
    NotSent,
    /// The sender was told once.
    Sent,
}

/// A queued message without its content.
#[derive(Debug, Clone)]
pub struct QueueRow {
    /// Its id.
    pub id: QueueId,
    /// When it arrived.
    pub arrived: SystemTime,
    /// Octets of content.
    pub octets: u64,
    /// Sender and all recipients, done ones too.
    pub envelope: Arc<Envelope>,
    /// One state per recipient, in the envelope's order.
    pub states: Vec<RecipientState>,
    /// Whether the sender was told of a delay.
    pub delay_notice: DelayNotice,
}

/// Where a walk through the queue goes on: the next message is the first behind this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Cursor(pub Option<u64>);

/// A page of a walk.
#[derive(Debug, Clone)]
pub struct Page {
    /// The messages, by id.
    pub rows: Vec<QueueRow>,
    /// Where to go on; `None` at the end.
    pub next: Option<Cursor>,
}

/// What became of one recipient.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The message.
    pub id: QueueId,
    /// The index of the recipient in the envelope.
    pub recipient: u32,
    /// Where it stands now.
    pub state: RecipientState,
}

/// Which messages are meant; every field that is set must fit. Recipients that are done don't count, and
/// all that is said of recipients has to fit the same one.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Just these.
    pub ids: Option<Vec<QueueId>>,
    /// Whose the reverse-path is.
    pub sender: Option<Whose>,
    /// Whose the recipient is.
    pub recipient: Option<Whose>,
    /// The recipient's domain.
    pub domain: Option<Domain>,
    /// What else the recipient's domain has to pass.
    pub domain_test: Option<DomainTest>,
    /// Whether the recipient waits or is held.
    pub standing: Option<Standing>,
    /// Part of what was said of the recipient last time, in upper or lower case.
    pub reply: Option<String>,
    /// Arrived at least this long ago.
    pub older_than: Option<Duration>,
    /// Arrived less than this long ago.
    pub newer_than: Option<Duration>,
    /// More octets of content than this.
    pub larger_than: Option<u64>,
    /// Fewer octets of content than this.
    pub smaller_than: Option<u64>,
}

/// Whose an address is. Letters are compared as operators type them: upper or lower case is the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// Nobody's: the null reverse-path.
    Null,
    /// This one's.
    Address(Address),
    /// Anybody's in this domain.
    Domain(Domain),
}

/// Where a recipient stands that isn't done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// To be tried, at once or later.
    Waiting,
    /// An operator keeps it back.
    Held,
}

/// A question about a domain that the queue can't answer itself: whether it has a certain next hop. Asked
/// for every recipient while the queue is locked, so it answers at once.
#[derive(Clone)]
pub struct DomainTest(pub Arc<dyn Fn(&str) -> bool + Send + Sync>);

impl fmt::Debug for DomainTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DomainTest")
    }
}

/// A queued message as a walk passes it: what is counted, without a copy of anything.
pub struct Sight<'a> {
    /// Its id.
    pub id: QueueId,
    /// When it arrived.
    pub arrived: SystemTime,
    /// Octets of content.
    pub octets: u64,
    /// The reverse-path; `None` is the null one.
    pub sender: Option<&'a str>,
    /// The addresses of those who are still to get it, and where they stand.
    pub recipients: &'a mut dyn Iterator<Item = (&'a str, Standing)>,
}

/// What is done with each message of a walk; the queue is locked meanwhile.
pub type Visitor<'a> = dyn FnMut(Sight<'_>) + Send + 'a;

/// What an operator does to messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    /// Keep back.
    Hold,
    /// Let go again, due at once.
    Release,
    /// Due at once.
    Retry,
    /// Remove without a word to anybody.
    Delete,
    /// The sender was told of the delay.
    DelayNoticeSent,
}

/// Opens shards.
pub trait Spool: Send + Sync {
    /// Copies before acknowledgement, and what they survive.
    fn guarantee(&self) -> Guarantee;
    /// Takes the shard for ourselves.
    fn open(&self, shard: ShardId) -> BoxFuture<'_, Result<Arc<dyn OwnedShard>, OpenError>>;
}

/// A shard that is ours.
pub trait OwnedShard: Send + Sync {
    /// A new id, greater than any that was given before, also after a crash or a clock set back.
    fn new_id(&self) -> QueueId;
    /// Whether a message of this size would be taken now; asked before data is, so that the peer can
    /// be told 452 early.
    fn room_for(&self, octets: u64) -> Result<(), AcceptError>;
    /// How the engine fares.
    fn condition(&self) -> Condition {
        Condition::Sound
    }
    /// Comes back only where the engine has ended by a fault of ours: nothing is taken in or recorded any more, and
    /// the process had better be started anew.
    fn failed(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }
    /// Starts a message too large for memory: content is appended while it arrives. Dropping the
    /// writer forgets it.
    fn start_large(&self, id: QueueId) -> BoxFuture<'_, Result<Box<dyn LargeWriter>, AcceptError>>;
    /// Stores messages, all in one sync with what others store meanwhile.
    fn accept(&self, messages: Vec<NewMessage>) -> BoxFuture<'_, Vec<Accept>>;
    /// Settles what `InDoubt` left open; waits for it while nothing can be written.
    fn probe<'a>(&'a self, ids: &'a [QueueId]) -> BoxFuture<'a, Vec<Presence>>;
    /// Records what became of recipients; durable when it returns. While nothing can be written it waits.
    fn settle(&self, outcomes: Vec<Outcome>) -> BoxFuture<'_, Result<(), Fenced>>;
    /// The whole content of a queued message.
    fn content(&self, id: QueueId) -> BoxFuture<'_, Result<Bytes, ContentError>>;
    /// Changes messages, some at a time so that mail isn't held up; gives how many fitted the filter. What
    /// arrives meanwhile is left alone.
    fn edit<'a>(&'a self, filter: &'a Filter, edit: Edit) -> BoxFuture<'a, Result<u64, Fenced>>;
    /// A page of at most `limit` messages that fit, in order of arrival. Also how a start finds its work.
    fn find<'a>(&'a self, filter: &'a Filter, from: Cursor, limit: usize) -> BoxFuture<'a, Page>;
    /// Passes all messages that fit, in order of arrival: for counts and sums.
    fn visit<'a>(&'a self, filter: &'a Filter, each: &'a mut Visitor<'_>) -> BoxFuture<'a, ()>;
    /// Writes out what is still to be written and gives the shard up.
    fn release(&self) -> BoxFuture<'_, ()>;
}

/// Takes a large message's octets as they arrive.
pub trait LargeWriter: Send {
    /// Appends.
    fn append(&mut self, octets: Bytes) -> BoxFuture<'_, Result<(), AcceptError>>;
    /// Ends it; the content is for `accept`, which makes it durable.
    fn finish(self: Box<Self>) -> BoxFuture<'static, Result<Content, AcceptError>>;
}

/// Why a queued message's content can't be had.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// There is no such message (any more).
    #[error("no message {0} in the queue")]
    Unknown(QueueId),
    /// What is stored doesn't fit its checksum: it is kept for the operator and never delivered.
    #[error("message {0} is damaged on disk")]
    Damaged(QueueId),
    /// The disk failed; try later.
    #[error("cannot read message {id}")]
    Disk {
        /// Which message.
        id: QueueId,
        /// What the disk said.
        source: postroad_disk::DiskError,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_they_are_shown() {
        for number in [0, 1, 31, 32, u64::MAX, 0x0123_4567_89ab_cdef] {
            let id = QueueId::from_number(number);
            assert_eq!(id.to_string().parse(), Ok(id));
        }
    }

    #[test] // Tests row Q08: an id is a type, never a path.
    fn texts_that_are_no_id() {
        for text in ["", "../../x", "0123456789ABI", "ZZZZZZZZZZZZZ", "0123456789ABCD"] {
            assert_eq!(text.parse::<QueueId>(), Err(QueueIdError), "{text}");
        }
    }
}
