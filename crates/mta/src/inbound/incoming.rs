//! The content of one message while it comes.
//!
//! A message up to [`limits::MEMORY_OCTETS_MAX`] stays in memory: our `Received` field and then the
//! content, in one buffer that the queue takes as it is. Of a longer one only the header is kept until
//! it is complete; the rest goes into the spool as it comes. Dropping an [`Incoming`] forgets all of it.

use bytes::Bytes;
use memchr::memmem;
use postroad_protocol::header;
use postroad_protocol::limits::RECEIVED_FIELDS_MAX;
use postroad_protocol::reply::Reply;
use postroad_queue::{Content, LargeWriter, OwnedShard, QueueId};

use super::limits;
use super::policy::refusal;
use super::submission::Submission;

/// The content of one message while it comes.
pub(crate) struct Incoming {
    pub(crate) id: QueueId,
    /// Our `Received` field, then what came; empty of what has been spilt.
    buffer: Vec<u8>,
    /// How much of the buffer is our own field.
    received: usize,
    /// How much of the buffer was searched for the end of the header, in vain.
    searched: usize,
    submission: Option<Submission>,
    facts: Facts,
    place: Place,
}

/// What the header said.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    /// The Message-ID, for trace records.
    pub(crate) message_id: Option<String>,
}

enum Place {
    Memory,
    Spool(Box<dyn LargeWriter>),
    /// It is refused already; the rest is thrown away.
    Refused(Reply),
}

/// A message that is complete.
#[derive(Debug)]
pub(crate) struct Complete {
    pub(crate) content: Content,
    pub(crate) facts: Facts,
}

impl Incoming {
    /// Begins with our `Received` field; `expected` octets are announced.
    pub(crate) fn new(
        id: QueueId,
        received: Vec<u8>,
        expected: Option<u64>,
        submission: Option<Submission>,
    ) -> Self {
        // What is announced is only a hint: never more than fits into memory anyway.
        let room = expected.and_then(|octets| usize::try_from(octets).ok()).unwrap_or(8 * 1024);
        let mut buffer = received;
        buffer.reserve(room.min(limits::MEMORY_OCTETS_MAX));
        let (received, facts, place) = (buffer.len(), Facts::default(), Place::Memory);
        Self { id, buffer, received, searched: received, submission, facts, place }
    }

    /// Takes the next octets. What goes wrong is told at the end ([`Incoming::finish`]).
    pub(crate) async fn push(&mut self, octets: &[u8], shard: &dyn OwnedShard) {
        let bound = match &self.place {
            Place::Refused(_) => return,
            Place::Memory => limits::MEMORY_OCTETS_MAX,
            Place::Spool(_) => limits::SPILL_OCTETS,
        };
        self.buffer.extend_from_slice(octets);
        if self.buffer.len() > bound
            && let Err(reply) = self.spill(shard).await
        {
            self.buffer = Vec::new();
            self.place = Place::Refused(reply);
        }
    }

    /// Hands what is in memory to the spool.
    async fn spill(&mut self, shard: &dyn OwnedShard) -> Result<(), Reply> {
        if matches!(self.place, Place::Memory) {
            if !self.has_whole_header() {
                return match self.buffer.len() > limits::HEADER_OCTETS_MAX {
                    true => Err(Reply::new(552, (5, 3, 4), "The header is too big")),
                    false => Ok(()), // goes on in memory
                };
            }
            self.judge_header()?;
            let writer = shard.start_large(self.id).await.map_err(|error| refusal(&error))?;
            self.place = Place::Spool(writer);
        }
        self.append().await
    }

    async fn append(&mut self) -> Result<(), Reply> {
        let Place::Spool(writer) = &mut self.place else { return Ok(()) };
        let octets = Bytes::from(std::mem::take(&mut self.buffer));
        self.buffer.reserve(limits::SPILL_OCTETS);
        writer.append(octets).await.map_err(|error| refusal(&error))
    }

    fn content(&self) -> &[u8] {
        self.buffer.get(self.received..).unwrap_or_default()
    }

    /// A header may come in a million pieces: no octet is searched for each of them (row S23).
    fn has_whole_header(&mut self) -> bool {
        let end = b"\r\n\r\n";
        let from = self.received.max(self.searched.saturating_sub(end.len() - 1));
        self.searched = self.buffer.len();
        let rest = self.buffer.get(from..).unwrap_or_default();
        self.content().starts_with(b"\r\n") || memmem::find(rest, end).is_some()
    }

    /// Looks at the header once it is complete: loops, and what submission asks for.
    fn judge_header(&mut self) -> Result<(), Reply> {
        let (mut hops, mut message_id) = (0, None);
        for field in header::fields(self.content()) {
            if field.is("Received") {
                hops += 1;
            } else if field.is("Message-ID") {
                message_id = header::id_of(field).map(str::to_owned);
            }
        }
        self.facts.message_id = message_id;
        // RFC 5321 §6.3
        if hops > RECEIVED_FIELDS_MAX {
            return Err(Reply::new(554, (5, 4, 6), "Too many hops: the message loops"));
        }
        if let Some(submission) = &self.submission {
            let fixed = submission.fix(self.content(), self.id)?;
            if let Some(id) = &fixed.message_id {
                self.facts.message_id = Some(id.clone());
            }
            self.buffer = fixed.apply(&self.buffer, self.received);
        }
        Ok(())
    }

    /// The content is complete.
    pub(crate) async fn finish(mut self) -> Result<Complete, (Facts, Reply)> {
        match self.finish_content().await {
            Ok(content) => Ok(Complete { content, facts: self.facts }),
            Err(reply) => Err((self.facts, reply)),
        }
    }

    async fn finish_content(&mut self) -> Result<Content, Reply> {
        match std::mem::replace(&mut self.place, Place::Memory) {
            Place::Refused(reply) => Err(reply),
            Place::Memory => {
                self.judge_header()?;
                Ok(Content::Memory(Bytes::from(std::mem::take(&mut self.buffer))))
            }
            Place::Spool(mut writer) => {
                let rest = Bytes::from(std::mem::take(&mut self.buffer));
                writer.append(rest).await.map_err(|error| refusal(&error))?;
                writer.finish().await.map_err(|error| refusal(&error))
            }
        }
    }
}
