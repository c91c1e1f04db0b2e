//! What is asked and said about queued messages.

use serde::{Deserialize, Serialize};

/// Recipients that one answer names at most; `more_recipients` counts the others.
pub const RECIPIENTS_MAX: usize = 50;

/// Ids that one [`Filter`] names at most, so that the request fits into a line.
pub const QUEUE_IDS_MAX: usize = 2_000;

/// Where the ages of a [`Group`]'s recipients are divided: five minutes, an hour, a day.
pub const AGES_S: [u64; 3] = [5 * 60, 60 * 60, 24 * 60 * 60];

/// Which messages are meant; everything that is set must fit. Nothing set: all of them.
///
/// Recipients that are done don't count, and all that is said of recipients has to fit the same one. In
/// addresses and replies, upper and lower case are the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// Just these, [`QUEUE_IDS_MAX`] at most.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub queue_ids: Vec<String>,
    /// The reverse-path is this address, or in this `@domain`; `<>` is the null one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// The recipient is this address, or in this `@domain`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
    /// The recipient is in this domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// The recipient's mail goes here: as [`Recipient::next_hop`] names it, or the host in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_hop: Option<String>,
    /// The recipient waits or is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
    /// What was said of the recipient last time has this in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply: Option<String>,
    /// Arrived at least this many seconds ago.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub older_than_s: Option<u64>,
    /// Arrived less than this many seconds ago.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newer_than_s: Option<u64>,
    /// More octets of content than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub larger_than: Option<u64>,
    /// Fewer octets of content than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smaller_than: Option<u64>,
}

/// What is done to messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Edit {
    /// Keep back.
    Hold,
    /// Let go again, due at once.
    Release,
    /// Due at once.
    Retry,
    /// Remove without a word to anybody.
    Delete,
}

/// A queued message.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Its id.
    pub queue_id: String,
    /// When it arrived.
    pub arrived: u64,
    /// Octets of content.
    pub octets: u64,
    /// The reverse-path; empty is the null one.
    pub sender: String,
    /// What the content is, where BODY= said so: `8BITMIME` (RFC 6152).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Whether SMTPUTF8 was said (RFC 6531).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub smtputf8: bool,
    /// RET=, `FULL` or `HDRS` (RFC 3461 §4.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ret: Option<String>,
    /// ENVID=, decoded (RFC 3461 §4.4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envid: Option<String>,
    /// Who is still to get it (in the answer to `show`: all), [`RECIPIENTS_MAX`] at most.
    pub recipients: Vec<Recipient>,
    /// How many more there are.
    #[serde(default)]
    pub more_recipients: u64,
}

/// Where one recipient stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipient {
    /// The address.
    pub address: String,
    /// Waiting, held or done.
    pub state: State,
    /// Tries so far.
    pub attempts: u32,
    /// When it is tried next, where it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<u64>,
    /// What was said last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
    /// Why the next hop is left alone as a whole, until [`Self::due`]; also where this recipient has had no try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_alone: Option<String>,
    /// Where its mail goes, as `smtp://relay.example.net:587` or the domain whose MX hosts are asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_hop: Option<String>,
    /// NOTIFY=, as `NEVER` or `SUCCESS,FAILURE` (RFC 3461 §4.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<String>,
    /// ORCPT=, decoded, as `rfc822;alice@example.org` (RFC 3461 §4.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orcpt: Option<String>,
}

/// Where one recipient stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// To be tried.
    Waiting,
    /// An operator keeps it back.
    Held,
    /// Nothing is left to do.
    Done,
}

/// How much there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Messages.
    pub messages: u64,
    /// Those of them of which a recipient is held.
    pub held: u64,
    /// Octets of their contents.
    pub octets: u64,
    /// When the oldest one arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest: Option<u64>,
}

/// What a summary has a line for each of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// Where mail goes.
    NextHop,
    /// The domain of the recipient.
    Domain,
    /// The domain of the sender.
    Sender,
}

/// A line of a summary: what goes to one next hop, say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Which next hop or domain; empty for the null reverse-path.
    pub name: String,
    /// Recipients who are still to get their message.
    pub recipients: u64,
    /// Those of them that are held.
    pub held: u64,
    /// When the oldest message arrived.
    pub oldest: u64,
    /// Recipients by age: up to each of [`AGES_S`], and older.
    pub ages: [u64; AGES_S.len() + 1],
}

/// What stands in the way of a message, for recipients in the same position.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Why {
    /// The message.
    pub queue_id: String,
    /// The recipients' addresses, [`RECIPIENTS_MAX`] at most.
    pub recipients: Vec<String>,
    /// How many more there are.
    #[serde(default)]
    pub more_recipients: u64,
    /// Where their mail goes, as in [`Recipient::next_hop`].
    pub next_hop: String,
    /// When they are tried next, as far as that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt: Option<u64>,
    /// Why not now.
    pub obstacle: Obstacle,
    /// Tries so far.
    pub attempts: u32,
    /// What was said last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
}

/// Why a recipient isn't delivered to at this moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Obstacle {
    /// Its own next try is later.
    NotYet,
    /// The next hop can't be reached, and is left alone until then.
    BackingOff {
        /// When it is tried again.
        until: u64,
        /// How often it failed in a row.
        failures: u32,
        /// What the last failure was.
        last: String,
    },
    /// Others come first.
    Busy {
        /// Connections to the next hop that are open or being opened.
        connections: u64,
        /// As many as it may have now.
        connections_max: u64,
        /// Messages for it that are ahead of this one.
        ahead: u64,
    },
    /// The agent's host is short of descriptors, memory or ports; it is tried again each second.
    Short {
        /// In the system's words.
        what: String,
    },
    /// The next hop takes long to answer, and so do as many others as may have a connection.
    Crowded,
    /// An operator keeps it back.
    Held,
    /// Nothing: it is being delivered.
    UnderWay,
    /// The transfer agent isn't running.
    Stopped,
}
