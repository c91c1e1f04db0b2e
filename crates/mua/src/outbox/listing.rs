//! What waits in the outbox, and why.
//!
//! While the sender has the queue, the list comes from `status.json`, which it writes after each round:
//! a copy for the eye, which nothing depends on.

use std::path::Path;
use std::time::{Duration, SystemTime};

use postroad_disk::DiskError;
use postroad_queue::{QueueRow, RecipientState};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Found, Outbox, OutboxError, held, sender};
use crate::render::page;
use crate::safe_line;
use crate::safe_text::SafeText;

/// The format of `status.json`.
const VERSION: u8 = 1;

/// A letter that waits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Waiting {
    /// Its id, for `outbox retry` and `outbox drop`.
    pub id: String,
    /// Its sender; empty for the null reverse-path.
    pub from: String,
    /// Its octets.
    pub size: u64,
    /// Those who haven't got it yet.
    pub recipients: Vec<Recipient>,
}

/// Somebody who hasn't got a letter yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Recipient {
    /// The address.
    pub to: String,
    /// How it stands.
    pub state: State,
    /// Tries so far.
    pub attempts: u32,
    /// What the server said last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<String>,
    /// Seconds since 1970 of the next try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// How a recipient stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Held until the time that `next` says: it can be taken back.
    Held,
    /// Left, not yet looked at by a sender.
    Left,
    /// To be tried, again.
    Waiting,
    /// Refused for good: its author decides.
    Refused,
    /// Unreadable: the disk has damaged it.
    Damaged,
}

#[derive(Serialize, Deserialize)]
struct Status {
    v: u8,
    letters: Vec<Waiting>,
}

/// The letters that aren't in the queue yet.
struct Dropped {
    held: Vec<Waiting>,
    left: Vec<Waiting>,
    taken: Vec<Waiting>,
}

impl Outbox {
    /// All letters that haven't left, oldest first.
    ///
    /// # Errors
    /// Where the outbox can't be read.
    pub async fn list(&self) -> Result<Vec<Waiting>, OutboxError> {
        let Dropped { held, left, mut taken } = self.dropped()?;
        let mut letters: Vec<Waiting> = match self.queue(Duration::ZERO).await {
            Ok(shard) => {
                let rows = sender::all_rows(shard.as_ref()).await;
                shard.release().await;
                rows.iter().map(Waiting::of_row).collect()
            }
            Err(OutboxError::Busy) => read_status(&self.folder),
            Err(error) => return Err(error),
        };
        taken.retain(|taken| letters.iter().all(|queued| queued.id != taken.id));
        letters.extend(taken);
        letters.extend(left);
        letters.extend(held);
        Ok(letters)
    }

    /// The same without opening the queue, for who looks often: what is in it as the sender has listed it last.
    ///
    /// # Errors
    /// Where the outbox can't be read.
    pub fn glance(&self) -> Result<Vec<Waiting>, OutboxError> {
        let Dropped { held, left, taken: mut letters } = self.dropped()?;
        let queued = read_status(&self.folder);
        letters.retain(|taken| queued.iter().all(|queued| queued.id != taken.id));
        Ok(queued.into_iter().chain(letters).chain(left).chain(held).collect())
    }

    fn dropped(&self) -> Result<Dropped, OutboxError> {
        // In the order in which a letter moves, so that one that moves meanwhile is seen at least once.
        let drop_off = self.drop_off()?;
        let now = SystemTime::now();
        let mut held = Vec::new();
        for name in drop_off.held()? {
            let due = held::due(&name, now);
            let found = drop_off.read_held(&name);
            held.extend(
                still_there(found)?.map(|found| Waiting::of_left(name, found).held_until(due)),
            );
        }
        let mut left = Vec::new();
        for name in drop_off.waiting()? {
            let found = drop_off.read_waiting(&name);
            left.extend(still_there(found)?.map(|found| Waiting::of_left(name, found)));
        }
        let mut taken = Vec::new();
        for id in drop_off.taken()? {
            let found = drop_off.read_taken(id);
            let id = sender::shown_id(id);
            taken.extend(still_there(found)?.map(|found| Waiting::of_left(id, found)));
        }
        Ok(Dropped { held, left, taken })
    }
}

/// How many letters were refused, by the copy for the eye: without opening anything.
pub(crate) fn refused(folder: &Path) -> usize {
    read_status(folder).iter().filter(|letter| letter.is_refused()).count()
}

/// A letter that has moved on since its name was read is no error.
fn still_there(found: Result<Found, DiskError>) -> Result<Option<Found>, DiskError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl Waiting {
    fn of_row(row: &QueueRow) -> Self {
        let pairs = row.envelope.recipients.iter().zip(&row.states);
        let recipient =
            |(recipient, state): (&postroad_protocol::envelope::Recipient, &RecipientState)| {
                let to = recipient.address.to_string();
                match state {
                    RecipientState::Waiting { attempts, due, last } => Some(Recipient {
                        to,
                        state: if *due >= sender::never() {
                            State::Refused
                        } else {
                            State::Waiting
                        },
                        attempts: *attempts,
                        reply: last.as_ref().map(ToString::to_string),
                        next: Some(*due).filter(|due| *due < sender::never()).and_then(seconds),
                    }),
                    RecipientState::Held { attempts } => Some(Recipient {
                        to,
                        state: State::Refused,
                        attempts: *attempts,
                        reply: None,
                        next: None,
                    }),
                    RecipientState::Done => None,
                }
            };
        Self {
            id: sender::shown_id(row.id),
            from: row.envelope.reverse_path.to_string(),
            size: row.octets,
            recipients: pairs.filter_map(recipient).collect(),
        }
    }

    fn of_left(name: String, found: Found) -> Self {
        let recipient = |to: String, state, reply: Option<&str>| Recipient {
            to,
            state,
            attempts: 0,
            reply: reply.map(str::to_owned),
            next: None,
        };
        match found {
            Found::Letter(left) => Self {
                id: name,
                from: left.envelope.reverse_path.to_string(),
                size: left.content.len() as u64,
                recipients: left
                    .envelope
                    .recipients
                    .iter()
                    .map(|to| recipient(to.address.to_string(), State::Left, None))
                    .collect(),
            },
            Found::Unreadable(problem) => Self {
                id: name,
                from: String::new(),
                size: 0,
                recipients: vec![recipient(String::new(), State::Damaged, Some(problem))],
            },
        }
    }

    fn held_until(mut self, due: SystemTime) -> Self {
        for recipient in self.recipients.iter_mut().filter(|to| to.state == State::Left) {
            (recipient.state, recipient.next) = (State::Held, seconds(due));
        }
        self
    }

    /// The letter in lines, the server's words below each recipient.
    pub fn lines(&self) -> Vec<SafeText> {
        let size = page::size(usize::try_from(self.size).unwrap_or(usize::MAX));
        let mut lines = vec![safe_line!("{}  {size}  from <{}>", self.id, self.from)];
        for recipient in &self.recipients {
            let state = match recipient.state {
                State::Held => "held for some seconds, can be taken back",
                State::Left => "left, not yet tried",
                State::Waiting if recipient.attempts == 0 => "waits",
                State::Waiting => "waits for the next try",
                State::Refused => "REFUSED: retry it, or drop it",
                State::Damaged => "DAMAGED",
            };
            lines.push(safe_line!(
                "    to <{}>: {state} (tries: {})",
                recipient.to,
                recipient.attempts
            ));
            if let Some(reply) = &recipient.reply {
                lines.push(safe_line!("        {reply}"));
            }
        }
        lines
    }

    /// Whether one of its recipients was refused.
    pub fn is_refused(&self) -> bool {
        self.recipients.iter().any(|recipient| recipient.state == State::Refused)
    }
}

fn seconds(time: SystemTime) -> Option<u64> {
    time.duration_since(SystemTime::UNIX_EPOCH).ok().map(|since| since.as_secs())
}

/// Writes the copy for the eye; where that fails, the eye sees an old one.
pub(super) fn keep(folder: &Path, rows: &[QueueRow]) {
    let status = Status { v: VERSION, letters: rows.iter().map(Waiting::of_row).collect() };
    let (next, path) = (folder.join("status.next"), folder.join("status.json"));
    let written = serde_json::to_vec(&status).map_err(std::io::Error::from).and_then(|json| {
        std::fs::write(&next, json)?;
        std::fs::rename(&next, &path)
    });
    if let Err(error) = written {
        tracing::warn!(path = %path.display(), %error, "cannot write the outbox's list");
    }
}

fn read_status(folder: &Path) -> Vec<Waiting> {
    let status = std::fs::read(folder.join("status.json"))
        .ok()
        .and_then(|json| serde_json::from_slice::<Status>(&json).ok());
    status.filter(|status| status.v == VERSION).map(|status| status.letters).unwrap_or_default()
}
