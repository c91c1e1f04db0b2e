//! Lines out of a stream, and the sizes of literals at their ends.

use memchr::{memchr, memchr2};

/// Octets that were read and not used yet.
#[derive(Debug, Default)]
pub(crate) struct Input {
    octets: Vec<u8>,
    /// Octets at the front that were used.
    used: usize,
    /// Up to where there is no LF behind what was used: octet by octet costs no more than all at once.
    scanned: usize,
    /// The line that was found: where its text ends, and where the next one begins.
    line: Option<(usize, usize)>,
}

/// What the stream holds next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A line, which is [`Input::text`].
    Whole {
        /// It ends in a literal's size: those octets follow.
        literal: Option<LiteralHead>,
    },
    /// A line without CR at its end.
    BareLf {
        /// It ends in the size of a literal that isn't waited with.
        literal: bool,
    },
    /// More octets than there may be. They are still there.
    TooLong,
    /// Not yet a line.
    Incomplete,
}

/// `{n}`, `{n+}`, `~{n}`, `~{n+}` at a line's end (RFC 9051 §4.3, RFC 7888, RFC 3516 §4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LiteralHead {
    /// How many octets follow.
    pub(crate) octets: u64,
    /// Whether the client waits with them.
    pub(crate) sync: Sync,
    /// What they may be.
    pub(crate) kind: LiteralKind,
    /// Octets of the text that all this takes.
    pub(crate) text_octets: usize,
}

/// What a literal may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiteralKind {
    /// `{n}`: no NUL (RFC 9051 §4.3); one that comes makes the command BAD.
    Text,
    /// `~{n}`: anything (RFC 3516 §4.4).
    Binary,
}

/// Whether a literal is sent at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sync {
    /// `{n}`: the client waits for `+`.
    Waits,
    /// `{n+}`: it is on its way.
    Sent,
}

/// Octets of input above which what was allocated is given back, once it is used up: thousands of sessions idle.
const KEPT_CAPACITY: usize = 4_096;

impl Input {
    pub(crate) fn push(&mut self, octets: &[u8]) {
        if self.used > 0 {
            self.octets.drain(..self.used);
            self.scanned -= self.used;
            self.used = 0;
        }
        self.octets.extend_from_slice(octets);
    }

    pub(crate) fn capacity(&self) -> usize {
        self.octets.capacity()
    }

    pub(crate) fn rest(&self) -> &[u8] {
        self.octets.get(self.used..).unwrap_or_default()
    }

    pub(crate) fn take_rest(&mut self) -> Vec<u8> {
        let rest = self.rest().to_vec();
        *self = Self::default();
        rest
    }

    /// Finds the next line, of at most `octets_max` octets with its end.
    pub(crate) fn line(&mut self, octets_max: usize) -> Line {
        let unseen = self.octets.get(self.scanned..).unwrap_or_default();
        let Some(at) = memchr(b'\n', unseen) else {
            self.scanned = self.octets.len();
            let too_long = self.rest().len() >= octets_max;
            return if too_long { Line::TooLong } else { Line::Incomplete };
        };
        let end = self.scanned + at;
        if end + 1 - self.used > octets_max {
            return Line::TooLong;
        }
        let text = self.octets.get(self.used..end).unwrap_or_default();
        match text.strip_suffix(b"\r") {
            Some(text) => {
                let literal = literal_head(text);
                self.line = Some((end - 1, end + 1));
                Line::Whole { literal }
            }
            None => {
                let literal = literal_head(text).is_some_and(|head| head.sync == Sync::Sent);
                self.line = Some((end, end + 1));
                Line::BareLf { literal }
            }
        }
    }

    /// The text of the line that was found; else all that there is.
    pub(crate) fn text(&self) -> &[u8] {
        let end = self.line.map_or(self.octets.len(), |(end, _)| end);
        self.octets.get(self.used..end).unwrap_or_default()
    }

    /// Steps over the line that was found.
    pub(crate) fn next_line(&mut self) {
        if let Some((_, next)) = self.line.take() {
            self.use_up_to(next);
        }
    }

    /// Up to so many octets.
    pub(crate) fn take(&mut self, octets: usize) -> &[u8] {
        let begin = self.used;
        let end = self.octets.len().min(begin.saturating_add(octets));
        self.used = end;
        self.scanned = end;
        self.octets.get(begin..end).unwrap_or_default()
    }

    /// Up to so many octets, without a copy where that is all there is.
    pub(crate) fn take_owned(&mut self, octets: u64) -> Vec<u8> {
        let octets = usize::try_from(octets).unwrap_or(usize::MAX);
        if self.used == 0 && self.octets.len() <= octets {
            self.scanned = 0;
            return std::mem::take(&mut self.octets);
        }
        let taken = self.take(octets).to_vec();
        self.use_up_to(self.used);
        taken
    }

    /// Steps over up to so many octets; says how many.
    pub(crate) fn skip(&mut self, octets: u64) -> u64 {
        let octets = usize::try_from(octets).unwrap_or(usize::MAX);
        let end = self.octets.len().min(self.used.saturating_add(octets));
        let skipped = end - self.used;
        self.use_up_to(end);
        skipped as u64
    }

    fn use_up_to(&mut self, end: usize) {
        self.used = end;
        self.scanned = end;
        if end == self.octets.len() {
            self.octets.clear();
            self.used = 0;
            self.scanned = 0;
            if self.octets.capacity() > KEPT_CAPACITY {
                self.octets = Vec::new();
            }
        }
    }
}

/// Whether we are between quotes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quotes {
    #[default]
    Outside,
    Inside,
    /// Behind a backslash.
    Escaped,
}

impl Quotes {
    /// Where we are behind more text.
    #[must_use]
    pub(crate) fn behind(mut self, text: &[u8]) -> Self {
        let mut rest = text;
        while let Some((&first, tail)) = rest.split_first() {
            (self, rest) = match self {
                Self::Escaped => (Self::Inside, tail),
                Self::Outside | Self::Inside => {
                    let Some(at) = memchr2(b'"', b'\\', rest) else { break };
                    let mark = rest.get(at).copied().unwrap_or(first);
                    let tail = rest.get(at + 1..).unwrap_or_default();
                    let next = match (self, mark) {
                        (Self::Outside, b'"') => Self::Inside,
                        (Self::Outside, _) => Self::Outside,
                        (_, b'"') => Self::Outside,
                        (_, _) => Self::Escaped,
                    };
                    (next, tail)
                }
            };
        }
        self
    }
}

/// The literal that a line announces. Between quotes there is none: a quoted string that doesn't end is an error, and
/// nothing of what follows belongs to it.
fn literal_head(text: &[u8]) -> Option<LiteralHead> {
    let head = literal_size(text)?;
    (Quotes::default().behind(text) == Quotes::Outside).then_some(head)
}

/// The same, where it is known to be outside of quotes.
pub(crate) fn literal_size(text: &[u8]) -> Option<LiteralHead> {
    let before = text.strip_suffix(b"}")?;
    let (sync, before) = match before.strip_suffix(b"+") {
        Some(before) => (Sync::Sent, before),
        None => (Sync::Waits, before),
    };
    let digits = before.iter().rev().take_while(|octet| octet.is_ascii_digit()).count();
    let (before, digits) = before.split_at(before.len() - digits);
    let before = before.strip_suffix(b"{").filter(|_| !digits.is_empty())?;
    let octets = digits.iter().fold(0_u64, |octets, digit| {
        octets.saturating_mul(10).saturating_add(u64::from(digit - b'0'))
    });
    let (kind, before) = match before.strip_suffix(b"~") {
        Some(before) => (LiteralKind::Binary, before),
        None => (LiteralKind::Text, before),
    };
    Some(LiteralHead { octets, sync, kind, text_octets: text.len() - before.len() })
}
