//! The words between the operator's commands and an agent, over its control socket. The transfer agent knows all of them,
//! the access agent [`Request::Reload`], [`Request::Bans`] and [`Request::LiftBan`].
//!
//! JSON lines, UTF-8, `\n` at the end, a line at most [`FRAME_OCTETS_MAX`]. The client sends one
//! [`Request`]; the server answers with any number of [`Answer`]s, the last of which is
//! [`Answer::Done`] or [`Answer::Failed`], and waits for the next request. Behind [`Answer::Content`] alone
//! stands something that is no line: octets of a message. A line that is no request
//! gets [`Answer::Failed`] and the connection is closed: that one only (O02). Who may connect is decided
//! by the socket's mode and the peer's uid.
//!
//! Every line holds the version, so that a newer command can talk to an older agent and say so. Times are
//! seconds since 1970.

use serde::{Deserialize, Serialize};

mod queue;

pub use queue::*;

/// The version of what is said here.
pub const VERSION: u8 = 1;

/// Octets of a line at most, line feed included.
pub const FRAME_OCTETS_MAX: usize = 64 * 1024;

/// A line: what is said, and in which version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Frame<T> {
    /// [`VERSION`]
    pub v: u8,
    /// What is said.
    #[serde(flatten)]
    pub body: T,
}

/// What the operator asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case")]
pub enum Request {
    /// How the agent is: one [`Answer::Status`].
    Status,
    /// Queued messages, oldest first: an [`Answer::Message`] each.
    List {
        /// Which.
        filter: Filter,
        /// How many at most.
        limit: u64,
        /// Those that arrived after this one, itself not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<String>,
    },
    /// How much there is: one [`Answer::Count`].
    Count {
        /// Of which messages.
        filter: Filter,
    },
    /// Sums: an [`Answer::Group`] each, the largest first.
    Summary {
        /// Of which messages.
        filter: Filter,
        /// What of.
        by: By,
        /// How many at most.
        limit: u64,
    },
    /// What stands in the way of messages, oldest first: an [`Answer::Why`] for each position that recipients
    /// of a message are in.
    Why {
        /// Which.
        filter: Filter,
        /// How many messages at most.
        limit: u64,
    },
    /// One message with all its recipients: an [`Answer::Message`], [`Answer::Recipients`] where there are
    /// more, and an [`Answer::Content`].
    Show {
        /// Which.
        queue_id: String,
        /// How many octets of the content at most.
        content_max: u64,
    },
    /// Changes messages: [`Answer::Done`] says how many.
    Edit {
        /// Which.
        filter: Filter,
        /// How.
        edit: Edit,
    },
    /// Reads the settings again: one [`Answer::Reloaded`].
    Reload,
    /// What would become of a letter, without one: an [`Answer::Explanation`].
    Explain(Case),
    /// Networks from which nobody new may log in: an [`Answer::Ban`] each.
    Bans,
    /// Lifts the ban of a network: [`Answer::Lifted`].
    LiftBan {
        /// An address in it.
        address: std::net::IpAddr,
    },
}

/// What the agent answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    /// How the agent is.
    Status(Status),
    /// A queued message.
    Message(Message),
    /// More recipients of the message before.
    Recipients {
        /// [`RECIPIENTS_MAX`] at most.
        recipients: Vec<Recipient>,
    },
    /// A message's content: so many octets of it follow the line, as they are.
    Content {
        /// How many of them follow.
        octets: u64,
        /// How many there are.
        octets_in_all: u64,
    },
    /// How much there is.
    Count(Count),
    /// A line of a summary.
    Group(Group),
    /// What stands in the way of a message.
    Why(Why),
    /// The new settings are in force.
    Reloaded {
        /// Keys that were changed and count only after a restart, as `mta.smtp`.
        restart: Vec<String>,
        /// Keys that were changed and count for a user from the next process on that serves them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        next_process: Vec<String>,
    },
    /// What would become of a letter.
    Explanation(Explanation),
    /// A network that is banned.
    Ban {
        /// The network, as `192.0.2.1` or `2001:db8::/64`.
        network: String,
        /// Seconds until it is over.
        seconds: u64,
    },
    /// What became of a ban.
    Lifted {
        /// Whether there was one.
        was_banned: bool,
    },
    /// The end of the answer.
    Done {
        /// Messages that were listed, counted or changed.
        messages: u64,
    },
    /// The end of the answer: it could not be done.
    Failed {
        /// Why, and what to do.
        reason: String,
    },
}

/// A letter that is only thought of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Case {
    /// The reverse-path; empty is the null one.
    pub from: String,
    /// The recipient.
    pub to: String,
    /// The client's address; without one it is a stranger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The user who has logged in, on the submission port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// Octets of content that MAIL announces (RFC 1870).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

/// What would become of a letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// Where the client comes in, as `smtp`.
    pub service: String,
    /// Who it is, as `192.0.2.1`.
    pub client: String,
    /// What the user who has logged in may still send, where that is limited.
    #[serde(default)]
    pub allowance: Vec<Allowance>,
    /// What MAIL is answered.
    pub mail: Ruling,
    /// What RCPT is answered, where MAIL is accepted.
    pub rcpt: Option<Ruling>,
    /// Where it goes, for each address that the recipient stands for; [`RECIPIENTS_MAX`] at most.
    pub destinations: Vec<Destination>,
    /// How many more there are.
    #[serde(default)]
    pub more_destinations: u64,
}

/// How much of one thing may be sent in an hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowance {
    /// `messages`, `recipients` or `octets`.
    pub what: String,
    /// What is left of it now.
    pub left: u64,
    /// The limit.
    pub limit: u64,
}

/// What a command is answered, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ruling {
    /// Whether it is accepted.
    pub accepted: bool,
    /// The reply that the client sees.
    pub reply: String,
    /// The rule that decided.
    pub rule: String,
}

/// Where an address goes, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    /// The address.
    pub address: String,
    /// What says so, as `[[route]] "*"` or `DNS`.
    pub route: String,
    /// The next hop, as `lmtp+unix:///run/lmtp.sock` or `the MX hosts of example.org`.
    pub next_hop: String,
    /// Encryption: `opportunistic`, `required` or `never`.
    pub tls: String,
    /// Connections at once to this next hop at most.
    pub connections_max: u64,
    /// Seconds until the second try.
    pub retry_first_s: u64,
    /// Seconds between two tries at most.
    pub retry_longest_s: u64,
    /// Seconds until the sender is told of a delay.
    pub warn_after_s: u64,
    /// Seconds until the letter is given up.
    pub give_up_after_s: u64,
}

/// How the transfer agent is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// The program's version.
    pub version: String,
    /// This host's name.
    pub hostname: String,
    /// The process.
    pub pid: u32,
    /// When it started.
    pub started: u64,
    /// What it listens on, as `smtp 127.0.0.1:25`.
    pub listeners: Vec<String>,
    /// Client connections now.
    pub connections: u64,
    /// Messages in the queue.
    pub queued: u64,
    /// Those of them that an operator holds.
    pub held: u64,
    /// Octets of their contents.
    pub queued_octets: u64,
    /// When the oldest one arrived.
    pub oldest: Option<u64>,
    /// Deliveries under way.
    pub delivering: u64,
    /// What a message that was answered 250 survives, as `1 copy, synced: survives a power cut`.
    pub guarantee: String,
    /// Why no message is taken in now, where that is so.
    pub refusing: Option<String>,
    /// Log lines that were lost.
    pub log_dropped: u64,
    /// Trace records that were lost.
    pub trace_dropped: u64,
}

/// Why a line is none of ours.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// Longer than [`FRAME_OCTETS_MAX`].
    #[error("the line is longer than {FRAME_OCTETS_MAX} octets")]
    TooLong,
    /// Of a later version.
    #[error("version {0} isn't known here: the other side is newer than this program")]
    Version(u64),
    /// Not what is spoken here.
    #[error("the line can't be understood: {0}")]
    Syntax(#[from] serde_json::Error),
}

/// The line for `body`, its line feed included.
///
/// # Errors
/// [`FrameError::TooLong`].
pub fn encode<T: Serialize>(body: &T) -> Result<Vec<u8>, FrameError> {
    let mut line = serde_json::to_vec(&Frame { v: VERSION, body })?;
    line.push(b'\n');
    if line.len() > FRAME_OCTETS_MAX { Err(FrameError::TooLong) } else { Ok(line) }
}

/// What a line says, with or without its line feed.
///
/// # Errors
/// Any [`FrameError`].
pub fn decode<T: for<'de> Deserialize<'de>>(line: &[u8]) -> Result<T, FrameError> {
    /// The version alone, which every version has.
    #[derive(Deserialize)]
    struct Versioned {
        v: u64,
    }

    if line.len() > FRAME_OCTETS_MAX {
        return Err(FrameError::TooLong);
    }
    let Versioned { v } = serde_json::from_slice(line)?;
    if v != u64::from(VERSION) {
        return Err(FrameError::Version(v));
    }
    Ok(serde_json::from_slice::<Frame<T>>(line)?.body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<T>(body: &T, line: &str)
    where
        T: Serialize + for<'de> Deserialize<'de> + PartialEq + std::fmt::Debug,
    {
        let encoded = String::from_utf8(encode(body).unwrap()).unwrap();
        assert_eq!(encoded, format!("{line}\n"));
        assert_eq!(decode::<T>(encoded.as_bytes()).unwrap(), *body);
    }

    #[test]
    fn lines_are_read_as_they_are_written() {
        check(&Request::Status, r#"{"v":1,"request":"status"}"#);
        check(
            &Request::Edit {
                filter: Filter { domain: Some("example.org".into()), ..Filter::default() },
                edit: Edit::Retry,
            },
            r#"{"v":1,"request":"edit","filter":{"domain":"example.org"},"edit":"retry"}"#,
        );
        check(
            &Answer::Message(Message {
                queue_id: "0123456789ABC".into(),
                arrived: 1,
                octets: 2,
                sender: String::new(),
                recipients: vec![Recipient {
                    address: "a@b.example".into(),
                    state: State::Waiting,
                    attempts: 3,
                    due: Some(4),
                    last: Some("450 4.2.0 later\n".into()),
                    left_alone: None,
                    next_hop: None,
                    notify: None,
                    orcpt: None,
                }],
                ..Message::default()
            }),
            r#"{"v":1,"answer":"message","queue_id":"0123456789ABC","arrived":1,"octets":2,"sender":"","recipients":[{"address":"a@b.example","state":"waiting","attempts":3,"due":4,"last":"450 4.2.0 later\n"}],"more_recipients":0}"#,
        );
        check(&Answer::Done { messages: 7 }, r#"{"v":1,"answer":"done","messages":7}"#);
    }

    #[test]
    fn o02_lines_that_are_none_are_errors() {
        for line in [
            "",
            "{}",
            "[]",
            "{\"v\":1}",
            "{\"v\":1,\"request\":\"format\"}",
            "\u{0}",
            "{\"v\":\"1\"}",
        ] {
            assert!(decode::<Request>(line.as_bytes()).is_err(), "{line}");
        }
        let later = decode::<Request>(br#"{"v":2,"request":"status","more":true}"#);
        assert!(matches!(later, Err(FrameError::Version(2))), "{later:?}");
        let long = vec![b' '; FRAME_OCTETS_MAX + 1];
        assert!(matches!(decode::<Request>(&long), Err(FrameError::TooLong)));
        assert!(matches!(
            encode(&Answer::Failed { reason: "x".repeat(FRAME_OCTETS_MAX) }),
            Err(FrameError::TooLong)
        ));
    }
}
