//! The TRANSACTION state (RFC 1939 §5 and §7), and the UPDATE state that QUIT leads to (§6).

use std::io::Write as _;
use std::time::Instant;

use super::{
    Input, Maildrop, Message, Next, NotDeleted, OpenFailure, Phase, Question, Server, State, Step,
};
use crate::command::{Command, MessageNumber};
use crate::content::{Encoder, Extent, Wanted};
use crate::limits;
use crate::reply;

/// A listing under way.
#[derive(Debug)]
pub(super) struct Listing {
    kind: Kind,
    /// Where it goes on.
    index: usize,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    /// LIST
    Scan,
    /// UIDL
    UniqueIds,
}

impl Server {
    /// Does the next command of the TRANSACTION state.
    pub(super) fn transaction(&mut self, mut maildrop: Maildrop, now: Instant) -> Next {
        let command = match self.command(now) {
            Input::Command(command) => command,
            Input::None => return (State::Transaction(maildrop), Some(Step::NeedInput)),
            // Not a QUIT: the session doesn't enter the UPDATE state (RFC 1939 §6).
            Input::HadEnough => return (State::Over, None),
        };
        match command {
            Command::Stat => self.ok(&maildrop.drop_listing()),
            Command::List(None) => return self.listing(maildrop, Kind::Scan),
            Command::Uidl(None) => return self.listing(maildrop, Kind::UniqueIds),
            Command::List(Some(number)) => self.list_one(&maildrop, number, Kind::Scan),
            Command::Uidl(Some(number)) => self.list_one(&maildrop, number, Kind::UniqueIds),
            Command::Retr(number) => return self.open(maildrop, number, Extent::Whole),
            Command::Top(number, lines) => return self.open(maildrop, number, Extent::Top(lines)),
            Command::Dele(number) => match maildrop.mark(number) {
                Some(()) => self.ok("marked as deleted"),
                None => self.error(reply::NO_SUCH_MESSAGE),
            },
            Command::Noop => self.ok("nothing done"),
            Command::Rset => {
                maildrop.unmark_all();
                self.ok(&maildrop.summary());
            }
            Command::Capa => self.capabilities(Phase::Transaction),
            // The lock is released before the client is told: it may be back at once.
            Command::Quit => {
                let update = Question::Update(maildrop.marked());
                return (State::Updating, Some(Step::Ask(update)));
            }
            // RFC 1939 §3: a command in the wrong state gets a negative response.
            Command::User(_)
            | Command::Pass(_)
            | Command::Auth { .. }
            | Command::Stls
            | Command::Utf8 => self.error(reply::LOGGED_IN),
        }
        (State::Transaction(maildrop), None)
    }

    fn listing(&mut self, maildrop: Maildrop, kind: Kind) -> Next {
        let summary = maildrop.summary();
        self.ok(&summary);
        (State::Listing(maildrop, Listing { kind, index: 0 }), None)
    }

    /// Writes the next lines of a listing, as many as one write holds.
    pub(super) fn list_on(&mut self, maildrop: Maildrop, mut listing: Listing) -> State {
        while self.output.len() < limits::OUTPUT_OCTETS {
            let Some((number, message)) = maildrop.next_from(listing.index) else {
                self.output.extend_from_slice(b".\r\n");
                return State::Transaction(maildrop);
            };
            self.list_line(number, message, listing.kind);
            listing.index = number.index() + 1;
        }
        State::Listing(maildrop, listing)
    }

    fn list_one(&mut self, maildrop: &Maildrop, number: MessageNumber, kind: Kind) {
        match maildrop.message(number) {
            Some(message) => {
                self.output.extend_from_slice(b"+OK ");
                self.list_line(number, message, kind);
            }
            None => self.error(reply::NO_SUCH_MESSAGE),
        }
    }

    /// A scan listing or a unique-id listing: nothing else may stand in the line.
    fn list_line(&mut self, number: MessageNumber, message: &Message, kind: Kind) {
        // Writing to a Vec can't fail.
        let _ = match kind {
            Kind::Scan => write!(self.output, "{number} {}\r\n", message.octets),
            Kind::UniqueIds => write!(self.output, "{number} {}\r\n", message.unique_id),
        };
    }

    fn open(&mut self, maildrop: Maildrop, number: MessageNumber, extent: Extent) -> Next {
        match maildrop.message(number) {
            Some(_) => {
                let question = Question::Open { index: number.index(), extent };
                (State::Opening(maildrop, extent), Some(Step::Ask(question)))
            }
            None => {
                self.error(reply::NO_SUCH_MESSAGE);
                (State::Transaction(maildrop), None)
            }
        }
    }

    /// The shell has the message open, or can't open it.
    pub(super) fn opened(
        &mut self,
        maildrop: Maildrop,
        extent: Extent,
        opened: Result<(), OpenFailure>,
    ) -> State {
        let refusal = match opened {
            Ok(()) => {
                self.ok("message follows");
                return State::Sending(maildrop, Encoder::new(extent));
            }
            Err(OpenFailure::Gone) => reply::GONE,
            Err(OpenFailure::Unreadable) => reply::UNREADABLE,
        };
        self.refuse(refusal);
        State::Transaction(maildrop)
    }

    /// The shell has the next piece of the message; an empty one is its end.
    ///
    /// Deviates from RFC 6856 §2.1: a message with UTF-8 in its header goes to a client without UTF8
    /// mode as it is. Such letters are older than UTF8 mode and all servers send them; to refuse them
    /// would keep them from old clients for ever, and to rewrite them would break their signatures.
    pub(super) fn send_on(
        &mut self,
        maildrop: Maildrop,
        mut encoder: Encoder,
        piece: &[u8],
    ) -> State {
        if !piece.is_empty() && encoder.push(piece, &mut self.output) == Wanted::More {
            return State::Sending(maildrop, encoder);
        }
        encoder.finish(&mut self.output);
        State::Transaction(maildrop)
    }

    /// RFC 1939 §6: the reply tells how the removal went; the connection is closed either way.
    pub(super) fn updated(&mut self, deleted: Result<(), NotDeleted>) -> State {
        match deleted {
            Ok(()) => self.ok("good-bye"),
            Err(NotDeleted) => self.refuse(reply::NOT_REMOVED),
        }
        State::Over
    }
}
