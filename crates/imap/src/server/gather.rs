//! Octets of a stranger that become commands: lines, and the literals in them (RFC 9051 §4.3, RFC 7888).
//!
//! Whoever sends what a login never needs is sent away: there is nothing to stay in step for.

use crate::limits::Limits;

/// What the stream holds next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Gathered {
    /// Nothing whole yet.
    Incomplete,
    /// The client waits for a word before it sends a literal.
    Continue,
    /// A command, its literals in it, without its line end.
    Command(Vec<u8>),
    /// A command with a literal that is too long, and that isn't sent.
    TooLong(Vec<u8>),
    /// More than is taken: the connection ends.
    Flood,
}

#[derive(Debug)]
pub(super) struct Gatherer {
    limits: Limits,
    octets: Vec<u8>,
    used: usize,
    /// What is there of the command.
    command: Vec<u8>,
    /// So much of its literal is missing.
    missing: usize,
}

impl Gatherer {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, octets: Vec::new(), used: 0, command: Vec::new(), missing: 0 }
    }

    pub(super) fn push(&mut self, octets: &[u8]) {
        self.octets.drain(..self.used);
        self.used = 0;
        self.octets.extend_from_slice(octets);
    }

    /// What wasn't used yet.
    pub(super) fn unread(&self) -> &[u8] {
        self.octets.get(self.used..).unwrap_or_default()
    }

    /// The next line without its end, as in AUTHENTICATE.
    pub(super) fn next_line(&mut self, octets_max: usize) -> Gathered {
        match self.line(octets_max) {
            Line::Whole(line) => Gathered::Command(without_line_end(line)),
            Line::Incomplete => Gathered::Incomplete,
            Line::TooLong => Gathered::Flood,
        }
    }

    /// The next command.
    pub(super) fn next(&mut self) -> Gathered {
        loop {
            if self.missing > 0 {
                let rest = self.octets.get(self.used..).unwrap_or_default();
                let piece = rest.get(..self.missing.min(rest.len())).unwrap_or_default();
                self.command.extend_from_slice(piece);
                (self.used, self.missing) = (self.used + piece.len(), self.missing - piece.len());
                if self.missing > 0 {
                    return Gathered::Incomplete;
                }
            }
            let room = self.limits.command_octets.saturating_sub(self.command.len());
            let line = match self.line(room) {
                Line::Whole(line) => line,
                Line::Incomplete => return Gathered::Incomplete,
                Line::TooLong => return Gathered::Flood,
            };
            self.command.extend_from_slice(&line);
            let Some(literal) = Literal::at_the_end_of(&line) else {
                return Gathered::Command(without_line_end(std::mem::take(&mut self.command)));
            };
            let room = self.limits.command_octets.saturating_sub(self.command.len());
            let octets = usize::try_from(literal.octets).unwrap_or(usize::MAX);
            let is_asked = literal.asks == Asks::Yes;
            if octets > self.limits.literal_octets.min(room)
                || (!is_asked && literal.octets > self.limits.unasked_octets)
            {
                let command = std::mem::take(&mut self.command);
                // Unasked, it is on its way.
                return if is_asked { Gathered::TooLong(command) } else { Gathered::Flood };
            }
            self.missing = octets;
            if is_asked {
                return Gathered::Continue;
            }
        }
    }

    fn line(&mut self, octets_max: usize) -> Line {
        let rest = self.octets.get(self.used..).unwrap_or_default();
        let end = memchr::memchr(b'\n', rest).map(|end| end + 1);
        match end {
            Some(length) if length <= octets_max => {
                let line = rest.get(..length).unwrap_or_default().to_vec();
                self.used += length;
                Line::Whole(line)
            }
            None if rest.len() <= octets_max => Line::Incomplete,
            Some(_) | None => Line::TooLong,
        }
    }
}

enum Line {
    Whole(Vec<u8>),
    Incomplete,
    TooLong,
}

/// Whether a client waits before it sends a literal.
#[derive(Debug, PartialEq, Eq)]
enum Asks {
    Yes,
    No,
}

#[derive(Debug)]
struct Literal {
    octets: u64,
    asks: Asks,
}

impl Literal {
    fn at_the_end_of(line: &[u8]) -> Option<Self> {
        let line = line.strip_suffix(b"\r\n")?.strip_suffix(b"}")?;
        let (line, asks) = match line.strip_suffix(b"+") {
            Some(line) => (line, Asks::No),
            None => (line, Asks::Yes),
        };
        let number = line.get(line.iter().rposition(|octet| *octet == b'{')? + 1..)?;
        let is_number = !number.is_empty() && number.iter().all(u8::is_ascii_digit);
        let number = std::str::from_utf8(number).ok().filter(|_| is_number)?;
        // More digits than that are as many octets as there can be.
        Some(Self { octets: number.parse().unwrap_or(u64::MAX), asks })
    }
}

fn without_line_end(mut line: Vec<u8>) -> Vec<u8> {
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    line
}
