//! Taking a letter apart: one walk over its lines, with the parts that are open on a stack.
//!
//! ```text
//! entity = header empty-line body
//! body   = text | prologue 1*( delimiter entity ) close-delimiter epilogue | entity (message/rfc822)
//! ```
//! A line is looked at once, or twice where it ends a header: so many levels as there are, they don't multiply the
//! work. A delimiter of any open level ends all that is below it (RFC 2046 §5.1.2).

use std::collections::HashMap;
use std::ops::Range;

use memchr::{memchr, memchr_iter};

use super::fields::{Default, described, opaque};
use super::{Body, Part, Text};
use crate::{Envelope, limits};

pub(super) fn parse(letter: &[u8]) -> Part {
    let mut parser = Parser {
        letter,
        at: Place::default(),
        open: Vec::new(),
        delimiters: HashMap::new(),
        parts: 0,
        parameters: limits::PARAMETERS_OF_LETTER_MAX,
        addresses: limits::ADDRESSES_MAX,
    };
    parser.open(Default::Text);
    while let Some((before, line)) = parser.line() {
        if let Some((level, delimiter)) = parser.delimiter(line) {
            parser.delimited(before, level, delimiter);
        }
    }
    let end = parser.at;
    parser.close_to(1, end);
    parser.close(end).map(|(part, _)| part).unwrap_or_default()
}

pub(super) fn undivided(letter: &[u8]) -> Part {
    let end = header_octets(letter, 0).unwrap_or(letter.len());
    Part { header: 0..end, body: end..letter.len(), ..Part::default() }
}

pub(super) fn header_octets(letter: &[u8], looked_at: usize) -> Option<usize> {
    let empty_line = |at: usize| match letter.get(at..)? {
        [b'\n', ..] => Some(at + 1),
        [b'\r', b'\n', ..] => Some(at + 2),
        _ => None,
    };
    // The line end before the empty line, or a part of it, may be what was looked at last.
    let from = looked_at.saturating_sub(3);
    let at_once = (from == 0).then(|| empty_line(0)).flatten();
    let rest = letter.get(from..).unwrap_or_default();
    at_once.or_else(|| memchr_iter(b'\n', rest).find_map(|at| empty_line(from + at + 1)))
}

fn is_empty(line: &[u8]) -> bool {
    matches!(line, b"\n" | b"\r\n")
}

struct Parser<'a> {
    letter: &'a [u8],
    at: Place,
    open: Vec<Open>,
    /// The boundaries of open multiparts, and how deep these are. Of two equal ones the inner counts, as there are
    /// mailers that write one boundary on all levels.
    delimiters: HashMap<Vec<u8>, usize>,
    parts: usize,
    parameters: usize,
    addresses: usize,
}

/// A place in the letter, and what was counted on the way there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Place {
    octets: usize,
    lines: usize,
    /// Lines that end in LF alone; on the wire each has an octet more.
    bare: usize,
}

/// A part whose end isn't known yet.
struct Open {
    part: Part,
    shape: Shape,
    body: Place,
    /// It doesn't end before this: a part that ends within its header has the line end that is there.
    least: Place,
    within: Vec<Part>,
    boundary: Option<Boundary>,
}

struct Boundary {
    text: Vec<u8>,
    /// An outer multipart with the same one.
    hides: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Leaf,
    Multipart,
    Message,
    /// A multipart or a message that isn't taken apart.
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Delimiter {
    Next,
    Close,
}

impl<'a> Parser<'a> {
    /// Goes over a line; says where it begins, and gives it with its line end.
    fn line(&mut self) -> Option<(Place, &'a [u8])> {
        let before = self.at;
        let rest = self.letter.get(before.octets..).filter(|rest| !rest.is_empty())?;
        let Some(end) = memchr(b'\n', rest) else {
            self.at.octets = self.letter.len();
            return Some((before, rest));
        };
        let line = rest.get(..=end)?;
        self.at.octets += line.len();
        self.at.lines += 1;
        self.at.bare += usize::from(!line.ends_with(b"\r\n"));
        Some((before, line))
    }

    /// Which level a line delimits: `"--" boundary ["--"] *LWSP-char` (RFC 2046 §5.1.1).
    fn delimiter(&self, line: &[u8]) -> Option<(usize, Delimiter)> {
        let text = line.strip_prefix(b"--")?.trim_ascii_end();
        if self.delimiters.is_empty() || text.len() > limits::BOUNDARY_OCTETS_MAX + 2 {
            return None;
        }
        let next = self.delimiters.get(text).map(|level| (*level, Delimiter::Next));
        let close = text.strip_suffix(b"--").and_then(|text| self.delimiters.get(text));
        let close = close.map(|level| (*level, Delimiter::Close));
        // `--b--` may be both: the outer one counts.
        next.into_iter().chain(close).min_by_key(|(level, _)| *level)
    }

    fn delimited(&mut self, line: Place, level: usize, delimiter: Delimiter) {
        let end = self.without_line_end(line);
        self.close_to(level + 1, end);
        match delimiter {
            Delimiter::Next => self.open(self.default_within(level)),
            Delimiter::Close => self.forget(level),
        }
    }

    /// Ends parts until so many are open.
    fn close_to(&mut self, depth: usize, end: Place) {
        while self.open.len() > depth
            && let Some((part, end)) = self.close(end)
        {
            if let Some(parent) = self.open.last_mut() {
                parent.within.push(part);
                parent.least = end;
            }
        }
    }

    fn default_within(&self, level: usize) -> Default {
        let is_digest =
            self.open.get(level).is_some_and(|open| open.part.is("multipart", "digest"));
        if is_digest { Default::Message } else { Default::Text }
    }

    /// Its delimiters are text from now on.
    fn forget(&mut self, level: usize) {
        let Some(Boundary { text, hides }) =
            self.open.get_mut(level).and_then(|open| open.boundary.take())
        else {
            return;
        };
        match hides {
            Some(level) => self.delimiters.insert(text, level),
            None => self.delimiters.remove(&text),
        };
    }

    /// Opens the part that begins here, and the messages that begin with it.
    fn open(&mut self, mut default: Default) {
        loop {
            self.parts += 1;
            if self.parts >= limits::PARTS_MAX {
                self.open_rest();
                return;
            }
            let header = self.header();
            let octets = self.letter.get(header.clone()).unwrap_or_default();
            let mut part = described(octets, default, &mut self.parameters);
            part.header = header;
            let (shape, boundary) = self.shape(&part);
            let boundary = boundary.map(|text| {
                let hides = self.delimiters.insert(text.clone(), self.open.len());
                Boundary { text, hides }
            });
            let (body, least) = (self.at, self.at);
            self.open.push(Open { part, shape, body, least, within: Vec::new(), boundary });
            if shape != Shape::Message {
                return;
            }
            default = Default::Text;
        }
    }

    /// One part more would be too many: this one is all that follows (row A13).
    fn open_rest(&mut self) {
        let here = self.at.octets..self.at.octets;
        let part = Part { header: here, ..opaque(b"BINARY".to_vec()) };
        self.delimiters.clear();
        let (body, least, within) = (self.at, self.at, Vec::new());
        self.open.push(Open { part, shape: Shape::Leaf, body, least, within, boundary: None });
    }

    /// Goes over a header and the empty line; a delimiter ends it, too.
    fn header(&mut self) -> Range<usize> {
        let start = self.at.octets;
        while let Some((before, line)) = self.line() {
            if is_empty(line) {
                break;
            }
            if self.delimiter(line).is_some() {
                self.at = before;
                break;
            }
        }
        start..self.at.octets
    }

    fn shape(&self, part: &Part) -> (Shape, Option<Vec<u8>>) {
        let is_too_deep = self.open.len() >= limits::DEPTH_MAX;
        if part.is("message", "rfc822") || part.is("message", "global") {
            // RFC 2046 §5.2.1: a message is in no other encoding. One that is can only be fetched whole.
            let is_open = !is_too_deep
                && [&b"7bit"[..], b"8bit", b"binary"]
                    .iter()
                    .any(|encoding| part.encoding.eq_ignore_ascii_case(encoding));
            return (if is_open { Shape::Message } else { Shape::Closed }, None);
        }
        if !part.kind.eq_ignore_ascii_case(b"multipart") {
            return (Shape::Leaf, None);
        }
        if is_too_deep {
            return (Shape::Closed, None);
        }
        (Shape::Multipart, boundary(part))
    }

    /// Ends the innermost part; says where that was.
    fn close(&mut self, end: Place) -> Option<(Part, Place)> {
        let level = self.open.len().checked_sub(1)?;
        self.forget(level);
        let Open { mut part, shape, body, least, mut within, .. } = self.open.pop()?;
        let end = if end.octets < least.octets { least } else { end };
        part.body = body.octets..end.octets;
        part.octets = wire_octets(body, end);
        let lines = u64::try_from(end.lines - body.lines).unwrap_or(u64::MAX);
        part.content = match shape {
            Shape::Leaf if part.kind.eq_ignore_ascii_case(b"text") => Body::Text(Text { lines }),
            Shape::Leaf => Body::Other,
            Shape::Multipart if within.is_empty() => {
                Body::Multipart(vec![only(&part, described(b"", Default::Text, &mut 0), lines)])
            }
            Shape::Multipart => Body::Multipart(within),
            Shape::Closed if part.kind.eq_ignore_ascii_case(b"multipart") => {
                Body::Multipart(vec![only(&part, opaque(part.encoding.clone()), lines)])
            }
            Shape::Closed => Body::Message {
                envelope: Box::default(),
                message: Box::new(only(&part, opaque(part.encoding.clone()), lines)),
                lines,
            },
            Shape::Message => {
                let message = Box::new(within.pop().unwrap_or_default());
                let header = self.letter.get(message.header.clone()).unwrap_or_default();
                let envelope = Box::new(Envelope::within(header, &mut self.addresses));
                Body::Message { envelope, message, lines }
            }
        };
        Some((part, end))
    }

    /// The line end before a delimiter is a part of that (RFC 2046 §5.1.1).
    fn without_line_end(&self, at: Place) -> Place {
        match self.letter.get(..at.octets) {
            Some([.., b'\r', b'\n']) => Place { octets: at.octets - 2, lines: at.lines - 1, ..at },
            Some([.., b'\n']) => {
                Place { octets: at.octets - 1, lines: at.lines - 1, bare: at.bare - 1 }
            }
            Some(_) | None => at,
        }
    }
}

/// The one part that a body is, where it isn't taken apart: all of it.
fn only(whole: &Part, part: Part, lines: u64) -> Part {
    let start = whole.body.start;
    let content = match part.kind.eq_ignore_ascii_case(b"text") {
        true => Body::Text(Text { lines }),
        false => Body::Other,
    };
    let (body, octets) = (whole.body.clone(), whole.octets);
    Part { header: start..start, body, octets, content, ..part }
}

/// RFC 2046 §5.1.1; it doesn't end in white space, which transport may add.
fn boundary(part: &Part) -> Option<Vec<u8>> {
    let named = part.parameters.iter().find(|(name, _)| name.eq_ignore_ascii_case(b"boundary"));
    let boundary = named?.1.trim_ascii_end();
    (!boundary.is_empty() && boundary.len() <= limits::BOUNDARY_OCTETS_MAX)
        .then(|| boundary.to_vec())
}

fn wire_octets(start: Place, end: Place) -> u64 {
    let octets = (end.octets - start.octets) + (end.bare - start.bare);
    u64::try_from(octets).unwrap_or(u64::MAX)
}
