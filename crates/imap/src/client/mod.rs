//! The client's side: responses out of a server's octets, and commands with their literals.
//!
//! ```text
//! loop {
//!     match receiver.step() {
//!         Step::NeedInput          => read some: receiver.push(octets),
//!         Step::Response(response) => the greeting first, then whatever the server tells,
//!         Step::Unknown(line)      => what nobody asked for: nothing,
//!         Step::Literal { .. }     => a long piece of a message follows,
//!         Step::Content(octets)    => some of it,
//!         Step::LiteralEnd         => that was all of it; its FETCH response comes later,
//!         Step::Broken(why)        => close: what the server says can't be made sense of,
//!     }
//! }
//! ```
//! A command is written by [`Command::to_outgoing`](crate::command::Command::to_outgoing) in pieces: each but the first
//! is sent when the server says [`Response::Continue`], and none further once it has answered the command's tag. APPEND
//! and REPLACE are written by [`UploadWriter`].
//!
//! Nothing here trusts the server: lines, literals and lists are bounded, and a literal is announced by responses only
//! that have some. What it said ahead of a handshake is [taken away](Receiver::take_rest) (row U11).

mod upload;

#[cfg(test)]
mod tests;

use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub use upload::UploadWriter;

use crate::limits;
use crate::line::{Input, Line, LiteralHead};
use crate::response::Response;
use crate::scan::{Cursor, write_streamed};
use crate::value::NameEncoding;

/// What a client does next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Read.
    NeedInput,
    /// A whole response.
    Response(Response),
    /// A line that is none we know.
    Unknown(Vec<u8>),
    /// A piece of a message follows; in its FETCH response it will be
    /// [`Content::Streamed`](crate::response::Content::Streamed), in the same order.
    Literal {
        /// The message's sequence number; after ENABLE UIDONLY its UID.
        message: NonZeroU32,
        /// How many octets.
        octets: u64,
    },
    /// Some of them.
    Content(Vec<u8>),
    /// They were all.
    LiteralEnd,
    /// The connection is of no use any more.
    Broken(&'static str),
}

/// Responses out of a stream that comes in any pieces.
#[derive(Debug, Default)]
pub struct Receiver {
    names: NameEncoding,
    input: Input,
    /// What of the response came before the line that is read now.
    kept: Vec<u8>,
    state: State,
}

#[derive(Debug, Default)]
enum State {
    /// A line is awaited.
    #[default]
    Text,
    /// Octets of a literal that is kept.
    Kept { left: usize },
    /// Octets of a message that are handed on.
    Content { left: u64 },
    /// The connection is of no use any more.
    Broken(&'static str),
}

impl Receiver {
    /// A connection's receiver.
    pub fn new() -> Self {
        Self::default()
    }

    /// How names are written from the next response on: after ENABLE.
    pub fn set_names(&mut self, names: NameEncoding) {
        self.names = names;
    }

    /// Takes octets that were read.
    pub fn push(&mut self, octets: &[u8]) {
        self.input.push(octets);
    }

    /// Takes away what was read and not used: behind STARTTLS it doesn't count, behind COMPRESS it is compressed.
    pub fn take_rest(&mut self) -> Vec<u8> {
        self.input.take_rest()
    }

    /// The next step.
    pub fn step(&mut self) -> Step {
        loop {
            match &mut self.state {
                State::Text => {
                    if let Some(step) = self.text() {
                        return step;
                    }
                }
                State::Kept { left } => {
                    let octets = self.input.take(*left);
                    *left -= octets.len();
                    self.kept.extend_from_slice(octets);
                    if *left > 0 {
                        return Step::NeedInput;
                    }
                    self.state = State::Text;
                }
                State::Content { left: 0 } => {
                    self.state = State::Text;
                    return Step::LiteralEnd;
                }
                State::Content { left } => {
                    let octets = self.input.take_owned(*left);
                    *left -= octets.len() as u64;
                    return if octets.is_empty() { Step::NeedInput } else { Step::Content(octets) };
                }
                State::Broken(why) => return Step::Broken(why),
            }
        }
    }

    fn broken(&mut self, why: &'static str) -> Step {
        self.state = State::Broken(why);
        Step::Broken(why)
    }

    fn text(&mut self) -> Option<Step> {
        let room = limits::RESPONSE_OCTETS_MAX.saturating_sub(self.kept.len());
        let literal = match self.input.line(room) {
            Line::Incomplete => return Some(Step::NeedInput),
            Line::TooLong => return Some(self.broken("a response is too long")),
            Line::BareLf { .. } => return Some(self.broken("a line ends without CR")),
            Line::Whole { literal } => literal,
        };
        if memchr::memchr(0, self.input.text()).is_some() {
            return Some(self.broken("a NUL in a line"));
        }
        self.kept.extend_from_slice(self.input.text());
        self.input.next_line();
        if let Some(head) = literal.filter(|_| has_literals(&self.kept)) {
            return self.literal(head);
        }
        let line = std::mem::take(&mut self.kept);
        Some(match Response::parse(&line, self.names) {
            Ok(response) => Step::Response(response),
            Err(_) => Step::Unknown(line),
        })
    }

    fn literal(&mut self, head: LiteralHead) -> Option<Step> {
        if head.octets > limits::CONTENT_KEPT_OCTETS_MAX
            && let Some(message) = announces_content(&self.kept, head)
        {
            self.kept.truncate(self.kept.len() - head.text_octets);
            write_streamed(&mut self.kept, head.octets);
            self.state = State::Content { left: head.octets };
            return Some(Step::Literal { message, octets: head.octets });
        }
        self.kept.extend_from_slice(b"\r\n");
        let octets = usize::try_from(head.octets).unwrap_or(usize::MAX);
        if self.kept.len().saturating_add(octets) > limits::RESPONSE_OCTETS_MAX {
            return Some(self.broken("a response is too long"));
        }
        self.state = State::Kept { left: octets };
        None
    }
}

/// Whether this response can have literals. A text for people may end in what looks like one.
fn has_literals(text: &[u8]) -> bool {
    let Some(data) = text.strip_prefix(b"* ") else { return false };
    let word = data.split(|octet| !octet.is_ascii_alphabetic()).next().unwrap_or_default();
    !["OK", "NO", "BAD", "BYE", "PREAUTH"]
        .iter()
        .any(|status| word.eq_ignore_ascii_case(status.as_bytes()))
}

/// The message whose octets the literal is, if it is that: `* 12 FETCH (… BODY[…]<0> {n}`.
fn announces_content(text: &[u8], head: LiteralHead) -> Option<NonZeroU32> {
    let before = text.get(..text.len() - head.text_octets)?.strip_suffix(b" ")?;
    let name = before.rsplit(|octet| matches!(octet, b' ' | b'(')).next().unwrap_or_default();
    let is_rfc822 = name.get(..6).is_some_and(|begin| begin.eq_ignore_ascii_case(b"RFC822"));
    if !before.ends_with(b"]") && !before.ends_with(b">") && !is_rfc822 {
        return None;
    }
    let mut cursor = Cursor::from_server(text, NameEncoding::Utf8);
    cursor.eat_word(b"* ");
    let number = cursor.nz_number().ok()?;
    // RFC 9586: UIDFETCH has its UID there.
    (cursor.eat_word(b" FETCH (") || cursor.eat_word(b" UIDFETCH (")).then_some(number)
}

/// A line of AUTHENTICATE (RFC 9051 §6.2.2).
pub fn sasl_response(octets: &[u8]) -> Vec<u8> {
    let mut line = STANDARD.encode(octets).into_bytes();
    line.extend_from_slice(b"\r\n");
    line
}
