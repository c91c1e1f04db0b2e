//! Reading on behind what was refused, up to the command's end.

use memchr::memchr;

use super::{IdleEnd, Step, UploadStep};
use crate::line::{Input, Quotes, literal_size};
use crate::scan::SyntaxError;
use crate::value::Tag;

/// What is told once it is over.
#[derive(Debug)]
pub(super) enum Outcome {
    Bad(Option<Tag>, SyntaxError),
    Refused,
    Idle,
}

impl Outcome {
    pub(super) fn into_step(self) -> Step {
        match self {
            Self::Bad(tag, error) => Step::Bad(tag, error),
            Self::Refused => Step::Upload(UploadStep::Refused),
            Self::Idle => Step::Idle(IdleEnd::Other),
        }
    }
}

/// What is left of a refused command.
#[derive(Debug)]
pub(super) struct Swallow {
    /// Octets of a literal.
    literal: u64,
    /// Octets that are read at most.
    budget: u64,
    /// Where we are in the line.
    quotes: Quotes,
    /// The line's last octets, which may announce a literal.
    tail: Vec<u8>,
    outcome: Outcome,
}

/// How far it came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Swallowed {
    NeedInput,
    All,
    TooMuch,
}

/// `~{18446744073709551615+}` and CR.
const TAIL_OCTETS: usize = 25;

impl Swallow {
    pub(super) fn new(literal: u64, budget: u64, outcome: Outcome) -> Self {
        Self { literal, budget, quotes: Quotes::Outside, tail: Vec::new(), outcome }
    }

    pub(super) fn outcome(self) -> Outcome {
        self.outcome
    }

    pub(super) fn go_on(&mut self, input: &mut Input) -> Swallowed {
        loop {
            if self.literal > self.budget {
                return Swallowed::TooMuch;
            }
            let skipped = input.skip(self.literal);
            self.literal -= skipped;
            self.budget -= skipped;
            let rest = input.rest();
            if rest.is_empty() {
                return Swallowed::NeedInput;
            }
            let end = memchr(b'\n', rest);
            let text = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
            self.quotes = self.quotes.behind(text);
            self.tail.extend_from_slice(
                text.get(text.len().saturating_sub(TAIL_OCTETS)..).unwrap_or_default(),
            );
            self.tail.drain(..self.tail.len().saturating_sub(TAIL_OCTETS));
            let octets = text.len() as u64 + u64::from(end.is_some());
            let Some(budget) = self.budget.checked_sub(octets) else { return Swallowed::TooMuch };
            self.budget = budget;
            input.skip(octets);
            if end.is_some() {
                match self.line_ends() {
                    LineEnd::Command => return Swallowed::All,
                    LineEnd::Literal(octets) => self.literal = octets,
                    LineEnd::Ambiguous => return Swallowed::TooMuch,
                }
            }
        }
    }

    fn line_ends(&mut self) -> LineEnd {
        let quotes = std::mem::take(&mut self.quotes);
        let tail = std::mem::take(&mut self.tail);
        let text = tail.strip_suffix(b"\r").unwrap_or(&tail);
        let Some(before) = text.strip_suffix(b"+}").filter(|_| quotes == Quotes::Outside) else {
            return LineEnd::Command;
        };
        match literal_size(text) {
            Some(head) if text.len() < tail.len() => LineEnd::Literal(head.octets),
            // A bare LF: it depends on who reads.
            Some(_) => LineEnd::Ambiguous,
            // Digits without end.
            None if before.iter().all(u8::is_ascii_digit) => LineEnd::Ambiguous,
            None => LineEnd::Command,
        }
    }
}

/// What a line's end means.
enum LineEnd {
    /// The command is over. So it is where a client waits with a literal: nobody asks for it.
    Command,
    /// So many octets of a literal follow.
    Literal(u64),
    /// Nobody knows whether some follow.
    Ambiguous,
}
