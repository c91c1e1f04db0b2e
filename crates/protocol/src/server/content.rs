//! The content of a message: DATA (RFC 5321 §4.1.1.4) and BDAT (RFC 3030 §2).

use std::time::Instant;

use bytes::Buf as _;

use super::{Asked, Awaiting, Bdat, Last, Server, Service, State, Transaction, replies};
use crate::data::{Decoder, Fault, LineEnds, Run};
use crate::reply::Reply;

/// What is known of a message that comes in chunks.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    pub(super) octets: u64,
    line_ends: LineEnds,
}

/// One BDAT whose octets are coming.
#[derive(Debug)]
pub(super) struct Chunk {
    left: u64,
    taken: u64,
    last: Last,
    purpose: Purpose,
}

#[derive(Debug)]
enum Purpose {
    /// They belong to this message.
    Keep(Transaction, Chunks),
    /// They belong to none; this is said behind them, so many times.
    Skip(Reply, usize),
}

impl Chunk {
    pub(super) fn keep(transaction: Transaction, chunks: Chunks, bdat: Bdat) -> Self {
        let purpose = Purpose::Keep(transaction, chunks);
        Self { left: bdat.octets, taken: 0, last: bdat.last, purpose }
    }

    pub(super) fn skip(reply: Reply, copies: usize, bdat: Bdat) -> Self {
        let purpose = Purpose::Skip(reply, copies);
        Self { left: bdat.octets, taken: 0, last: bdat.last, purpose }
    }

    pub(super) fn transaction(&self) -> Option<&Transaction> {
        match &self.purpose {
            Purpose::Keep(transaction, _) => Some(transaction),
            Purpose::Skip(..) => None,
        }
    }

    /// Octets of this chunk that have come.
    pub(super) fn octets(&self) -> u64 {
        self.taken
    }
}

/// What became of the octets at the front of the input.
pub(super) enum Taken {
    /// There are none.
    Nothing,
    /// They were dealt with.
    Framing,
    /// This many are content.
    Content(usize),
    /// The message is complete.
    Message(Transaction),
}

impl Server {
    /// Takes content off the input.
    pub(super) fn content(&mut self, now: Instant) -> Taken {
        match std::mem::replace(&mut self.state, State::Ready) {
            State::Data(transaction, decoder, octets) => {
                self.data_octets(transaction, decoder, octets, now)
            }
            State::Chunk(chunk) => self.chunk_octets(chunk, now),
            state => {
                self.state = state;
                Taken::Nothing
            }
        }
    }

    fn data_octets(
        &mut self,
        transaction: Transaction,
        mut decoder: Decoder,
        octets: u64,
        now: Instant,
    ) -> Taken {
        let taken = match decoder.next(&self.input) {
            Run::NeedInput => Taken::Nothing,
            Run::Skip(length) => {
                self.input.advance(length);
                Taken::Framing
            }
            Run::Content(length) => {
                let octets = octets.saturating_add(length as u64);
                self.state = State::Data(transaction, decoder, octets);
                // What is over the limit is read, for the client listens only behind the end.
                if octets > self.settings.size_max {
                    self.input.advance(length);
                    return Taken::Framing;
                }
                return Taken::Content(length);
            }
            Run::End(length) => {
                self.input.advance(length);
                self.since = now;
                return self.data_end(transaction, &decoder, octets);
            }
        };
        self.state = State::Data(transaction, decoder, octets);
        taken
    }

    fn data_end(&mut self, transaction: Transaction, decoder: &Decoder, octets: u64) -> Taken {
        if let Some(fault) = decoder.fault() {
            // RFC 5321 §4.1.1.4. The client and we don't agree where messages end: not a word more.
            self.refuse_message(&transaction, refusal_of(fault));
            self.state = State::Closed;
            return Taken::Framing;
        }
        // RFC 1870 §6.3: every octet counts, whatever SIZE= said.
        if octets > self.settings.size_max {
            self.refuse_message(&transaction, replies::TOO_BIG);
            return Taken::Framing;
        }
        self.complete(transaction)
    }

    fn chunk_octets(&mut self, mut chunk: Chunk, now: Instant) -> Taken {
        if chunk.left == 0 {
            return self.chunk_end(chunk, now);
        }
        let left = usize::try_from(chunk.left).unwrap_or(usize::MAX);
        let length = left.min(self.input.len());
        chunk.left -= length as u64;
        chunk.taken += length as u64;
        let taken = match (&mut chunk.purpose, length) {
            (_, 0) => Taken::Nothing,
            (Purpose::Skip(..), length) => {
                self.input.advance(length);
                Taken::Framing
            }
            (Purpose::Keep(_, chunks), length) => {
                chunks.octets += length as u64;
                chunks.line_ends.watch(self.input.get(..length).unwrap_or_default());
                Taken::Content(length)
            }
        };
        self.state = State::Chunk(chunk);
        taken
    }

    fn chunk_end(&mut self, chunk: Chunk, now: Instant) -> Taken {
        self.since = now;
        let (transaction, chunks) = match chunk.purpose {
            Purpose::Skip(reply, copies) => {
                self.send_times(&reply, copies);
                return Taken::Framing;
            }
            Purpose::Keep(transaction, chunks) => (transaction, chunks),
        };
        let fault = match chunk.last {
            Last::No => chunks.line_ends.fault(),
            Last::Yes => chunks.line_ends.fault_at_end(),
        };
        match (fault, chunk.last) {
            // RFC 3030 §3: without BINARYMIME, lines end in CRLF here too. Where the message ends is
            // beyond doubt, so the session goes on.
            (Some(fault), last) => {
                self.refuse_chunk(&transaction, refusal_of(fault), last);
                Taken::Framing
            }
            (None, Last::No) => {
                self.say(replies::CHUNK_OK);
                self.state = State::Chunked(transaction, chunks);
                Taken::Framing
            }
            (None, Last::Yes) => self.complete(transaction),
        }
    }

    /// The transaction leaves the machine: nothing of it is left here, whatever the answer will be.
    fn complete(&mut self, transaction: Transaction) -> Taken {
        let recipients = transaction.recipients.len();
        self.state = State::Asked(Asked::Message(Awaiting { recipients, refused: 0 }));
        Taken::Message(transaction)
    }

    fn refuse_message(&mut self, transaction: &Transaction, canned: replies::Canned) {
        self.discard = Some(Some(canned.reply()));
        // An error is counted once.
        let copies = self.replies_to(Last::Yes, transaction.recipients.len());
        (1..copies).for_each(|_| self.say(canned));
        self.refuse(canned);
    }

    fn refuse_chunk(&mut self, transaction: &Transaction, canned: replies::Canned, last: Last) {
        match last {
            Last::Yes => self.refuse_message(transaction, canned),
            Last::No => {
                self.discard = Some(Some(canned.reply()));
                self.unanswered = transaction.recipients.len();
                self.refuse(canned);
            }
        }
    }

    /// How many replies a BDAT has, where so many recipients were accepted: with LMTP the last one has as many
    /// (RFC 2033 §4.3), which may be none.
    pub(super) fn replies_to(&self, last: Last, recipients: usize) -> usize {
        match (self.settings.service, last) {
            (Service::Lmtp, Last::Yes) => recipients,
            (Service::Lmtp, Last::No) | (Service::Smtp | Service::Submission, _) => 1,
        }
    }
}

fn refusal_of(fault: Fault) -> replies::Canned {
    match fault {
        Fault::BareCr => replies::BARE_CR,
        Fault::BareLf => replies::BARE_LF,
        Fault::Nul => replies::NUL,
    }
}
