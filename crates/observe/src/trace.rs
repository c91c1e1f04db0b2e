//! The life of a message, told by each agent in records of its own.
//!
//! An agent appends [`Record`]s to its file below the trace folder, bounded and unsynced;
//! [`merge`] reads all agents' files and gives one message's records in order of time. Records are
//! tied by the ids that they name: a queue id, a Message-ID, or both.

mod journal;
mod merge;
pub mod words;

use serde::{Deserialize, Serialize};

pub use journal::{GATHER, Journal};
pub use merge::{merge, merge_all};

/// The format's version, in every record.
pub const VERSION: u8 = 1;

/// One thing that happened to a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// [`VERSION`]
    pub v: u8,
    /// Microseconds since 1970.
    pub at: u64,
    /// `mta`, `mda`, `maa`, `mua`.
    pub agent: String,
    /// The queue id, where there is one by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_id: Option<String>,
    /// The Message-ID without its brackets, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// Composed by a user agent and safe in its outbox.
    Composed {
        /// Sender.
        from: String,
        /// Recipients.
        to: Vec<String>,
        /// Octets.
        octets: u64,
    },
    /// Who handed it in, and how.
    Session {
        /// `smtp`, `submission`, `submissions`, `local`, `lmtp`, `pop3`, `pop3s`, `stdin`.
        service: String,
        /// The client's address, or the uid of a local caller.
        client: String,
        /// What it called itself.
        helo: String,
        /// Version and cipher suite, inside TLS.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tls: Option<String>,
        /// The login, where there was one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        login: Option<String>,
    },
    /// Accepted: durable, and answered 250.
    Accepted {
        /// Reverse-path.
        from: String,
        /// Forward-paths.
        to: Vec<String>,
        /// Octets.
        octets: u64,
        /// Microseconds from the final dot to the end of the sync.
        sync_us: u64,
    },
    /// Refused, with the reply that the client got.
    Refused {
        /// The reply.
        reply: String,
    },
    /// A question to DNS and what came back.
    Dns {
        /// As `example.org MX`.
        question: String,
        /// As `10 mx.example.org`, or what went wrong.
        answer: String,
        /// Microseconds it took.
        took_us: u64,
    },
    /// Where the next attempt goes.
    NextHop {
        /// Host, address and port.
        next_hop: String,
        /// `route` or `MX 10` or `implicit MX`.
        why: String,
    },
    /// A line of the dialogue with the next hop.
    Dialogue {
        /// Who said it.
        speaker: Speaker,
        /// The line, escaped; content is summed up as `<1234 octets>`.
        line: String,
    },
    /// What became of one recipient.
    Outcome {
        /// The recipient.
        to: String,
        /// How it ended.
        status: Status,
        /// The next hop's reply, or our own words.
        reply: String,
        /// The next hop.
        next_hop: String,
        /// Seconds since arrival.
        delay_s: f64,
    },
    /// Filed in a mailbox.
    Filed {
        /// The recipient.
        to: String,
        /// The file that it became.
        file: String,
        /// Microseconds for the syncs.
        sync_us: u64,
    },
    /// Read by somebody.
    Fetched {
        /// The user.
        user: String,
        /// The protocol.
        service: String,
    },
    /// Anything else worth a line.
    Note {
        /// The line.
        text: String,
    },
}

/// Who spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Speaker {
    /// We did.
    Us,
    /// They did.
    Them,
}

/// How a recipient's delivery ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Handed on or filed.
    Sent,
    /// To be tried again.
    Deferred,
    /// Given back to the sender.
    Bounced,
}

/// A Message-ID without its brackets.
fn without_brackets(id: &str) -> &str {
    id.strip_prefix('<').and_then(|id| id.strip_suffix('>')).unwrap_or(id)
}
