//! What front and workers say to each other (`postroad_net::channel`): JSON, private, and of one build, for a worker is
//! the front's own program.
//!
//! ```text
//! front ─▶ worker   Assignment                       once, first
//! front ─▶ worker   Handover LF unread octets        a session, its connection comes along
//! worker ─▶ front   Report                           begun, or refused; then ended, or parked
//!
//! worker ─▶ front   Report: all rest                 what shows that a mailbox has changed comes along
//! front ─▶ worker   PARK                             those that rest still may go
//! ```
//! The front believes a worker nothing but that about its own sessions: it serves one user alone, whatever a letter or a
//! client has done to it.

use std::path::PathBuf;
use std::time::Duration;

use postroad_config::{ImapSwitch, LogFormat};
use serde::{Deserialize, Serialize};

use crate::Door;
use crate::pop3::Deleted;

/// All that a worker knows of the settings.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Assignment {
    /// Whom it serves.
    pub(crate) user: String,
    /// Where the user's things are; `None` of a user of the host, who believes nobody in that.
    pub(crate) places: Option<Places>,
    /// Octets and letters that the mailbox may hold, 0 for any number; where nobody says so, what stands in it counts.
    pub(crate) quota: Option<(u64, u64)>,
    /// Extensions of IMAP that are switched; later ones count.
    pub(crate) imap_extensions: Vec<ImapSwitch>,
    /// Our name in greetings.
    pub(crate) host: String,
    pub(crate) log: Log,
    /// Whether texts of letters are indexed.
    pub(crate) full_text: bool,
    /// What becomes of letters that a POP3 client deletes.
    pub(crate) pop3_deleted: Deleted,
    /// How long a client says nothing before its session rests; `None` for ever.
    pub(crate) park_after: Option<Duration>,
}

/// Where a user of ours has what.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Places {
    /// The user's Maildir.
    pub(crate) maildir: PathBuf,
    /// The folder of the user's rules; `None` where nobody has any.
    pub(crate) scripts: Option<PathBuf>,
    pub(crate) trace: PathBuf,
    pub(crate) trace_octets_max: u64,
}

/// Asks for the sessions that rest; no handover, since that is JSON.
pub(crate) const PARK: &[u8] = b"park";

/// How a worker logs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Log {
    pub(crate) format: Format,
    pub(crate) level: String,
}

/// `postroad_config::LogFormat`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Format {
    Text,
    Json,
}

impl From<LogFormat> for Format {
    fn from(format: LogFormat) -> Self {
        match format {
            LogFormat::Text => Self::Text,
            LogFormat::Json => Self::Json,
        }
    }
}

/// A session of which the front knows the user.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Handover {
    /// Its number, in this worker.
    pub(crate) session: u64,
    pub(crate) door: Door,
    /// Who is at the other end, for the log.
    pub(crate) peer: String,
    /// What protects the connection, for the log; `None` in clear.
    pub(crate) tls: Option<String>,
    /// IMAP: the tag of the login, which is still to be answered OK.
    pub(crate) tag: String,
    /// Where it goes on that was parked: what another worker has said of it.
    pub(crate) parked: Option<String>,
}

/// What a worker says of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// 0 where it is about all of them.
    pub(crate) session: u64,
    pub(crate) event: Event,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Event {
    /// The worker has the connection.
    Begun,
    /// The connection stays the front's.
    Refused(Refusal),
    /// The user has left, and the connection is the front's again. What the client has sent and nobody has used comes along.
    Left(Vec<u8>),
    /// The worker has closed it.
    Ended,
    /// Nothing is to be done for any session.
    AllRest,
    /// Another directory is in the mailbox's place, and the worker can't get into it: it ends.
    Homeless,
    /// The worker has let go of it, and said nothing to the client.
    Parked(Parked),
}

/// A session that no worker has. The front keeps it, and doesn't look inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Parked {
    /// For the worker that goes on with it.
    pub(crate) state: String,
    /// When somebody has to look, whatever happens: its client may say nothing for no longer.
    pub(crate) seconds: u64,
    /// How the client is told that it is over.
    pub(crate) form: Form,
}

/// How octets go to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Form {
    /// As they are.
    Plain,
    /// As the next block of a DEFLATE stream, which stands at an octet.
    Deflated,
}

/// Why there is no session for a user who is logged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub(crate) enum Refusal {
    /// POP3: another session has the maildrop open.
    #[error("another session has the maildrop open")]
    InUse,
    /// The user has too many sessions, or there are too many users.
    #[error("there are too many sessions")]
    TooMany,
    /// Something failed here.
    #[error("something failed")]
    Unavailable,
    /// Where the Maildir was there is another one now: that is for another worker.
    #[error("the Maildir is another one now")]
    Replaced,
}

impl Handover {
    /// As it is sent. `unread` is what was read from the client and not used.
    pub(crate) fn to_octets(&self, unread: &[u8]) -> serde_json::Result<Vec<u8>> {
        let mut octets = serde_json::to_vec(self)?;
        octets.push(b'\n');
        octets.extend_from_slice(unread);
        Ok(octets)
    }

    /// As it came, and what was unread.
    pub(crate) fn parse(octets: &[u8]) -> serde_json::Result<(Self, &[u8])> {
        // A line feed inside of JSON is escaped.
        let end = octets.iter().position(|octet| *octet == b'\n').unwrap_or(octets.len());
        let (head, unread) = octets.split_at(end);
        Ok((serde_json::from_slice(head)?, unread.get(1..).unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_has_sent_ahead_comes_along_as_it_is() {
        let sent = Handover {
            session: 7,
            door: Door::Pop3s,
            peer: "192.0.2.1:5".into(),
            tls: None,
            tag: "a1".into(),
            parked: None,
        };
        for unread in [&b""[..], b"\n", b"STAT\r\nLIST\r\n", b"\0\xff\n{}"] {
            let octets = sent.to_octets(unread).unwrap();
            let (got, rest) = Handover::parse(&octets).unwrap();
            assert_eq!(
                (got.session, got.door, got.tag, rest),
                (7, Door::Pop3s, sent.tag.clone(), unread)
            );
        }
        assert!(Handover::parse(b"{}").is_err());
        assert!(Handover::parse(b"").is_err());
    }
}
