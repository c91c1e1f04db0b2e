//! A message as a row of parts, for loops over them (RFC 5703 §3), and what they are replaced by (§5).

use std::cell::{Cell, RefCell};
use std::ops::Range;

use postroad_protocol::header;

use super::{Entity, Part, Structure, parse};

/// The parts of a message in a row, depth first, with its octets (RFC 5703 §3.1).
#[derive(Debug)]
pub(crate) struct Parts {
    octets: Vec<u8>,
    parts: Vec<Flat>,
    replacements: RefCell<Vec<(Range<usize>, Vec<u8>)>>,
    /// Whether the message has become another since.
    is_retired: Cell<bool>,
}

#[derive(Debug)]
struct Flat {
    entity: Entity,
    shape: Shape,
    /// How many parts are in it; they follow it.
    within: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Leaf,
    Container,
}

impl Parts {
    /// As [`parse`].
    pub(crate) fn of(octets: Vec<u8>) -> (Self, usize) {
        let mut parts = Vec::new();
        let (root, looked_at) = parse(&octets);
        root.flatten(&mut parts);
        let (replacements, is_retired) = (RefCell::default(), Cell::new(false));
        (Self { octets, parts, replacements, is_retired }, looked_at)
    }

    pub(crate) fn len(&self) -> usize {
        self.parts.len()
    }

    /// All that is in a part.
    pub(crate) fn within(&self, index: usize) -> Range<usize> {
        let count = self.parts.get(index).map_or(0, |part| part.within);
        index + 1..index + 1 + count
    }

    pub(crate) fn raw_values(&self, index: usize, name: &[u8]) -> Vec<&[u8]> {
        let header = self.parts.get(index).map_or(0..0, |part| part.entity.header.clone());
        let fields = header::fields(self.octets.get(header).unwrap_or_default());
        let named =
            fields.filter(|field| !field.name.is_empty() && field.name.eq_ignore_ascii_case(name));
        named.map(|field| field.raw_value).collect()
    }

    /// What a part says; nothing where it isn't text.
    pub(crate) fn text(&self, index: usize) -> Vec<u8> {
        match self.parts.get(index) {
            Some(part) if part.shape == Shape::Leaf && part.entity.media.kind == "text" => {
                part.entity.text(&self.octets).into_owned()
            }
            Some(_) | None => Vec::new(),
        }
    }

    pub(crate) fn describe(&self, index: usize) -> String {
        let media = self.parts.get(index).map(|part| &part.entity.media);
        media.map(|media| format!("{index}: {}/{}", media.kind, media.subtype)).unwrap_or_default()
    }

    /// Notes what a part is to be replaced by; of two for one part, the last.
    pub(crate) fn replace(&self, index: usize, entity: Vec<u8>) {
        let Some(part) = self.parts.get(index).filter(|_| !self.is_retired.get()) else { return };
        let mut replacements = self.replacements.borrow_mut();
        replacements.retain(|(range, _)| *range != part.entity.whole);
        replacements.push((part.entity.whole.clone(), entity));
    }

    /// Forgets replacements and takes no more.
    pub(crate) fn retire(&self) {
        self.replacements.take();
        self.is_retired.set(true);
    }

    /// The message with all replacements, if there are any. What lies in a part that is replaced goes with it.
    pub(crate) fn replaced(&self) -> Option<Vec<u8>> {
        let mut replacements = self.replacements.take();
        if replacements.is_empty() {
            return None;
        }
        replacements.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
        let is_lf = !self.octets.windows(2).any(|pair| pair == b"\r\n");
        let mut message = Vec::with_capacity(self.octets.len());
        let mut at = 0;
        for (range, entity) in &replacements {
            if range.start < at {
                continue;
            }
            message.extend_from_slice(self.octets.get(at..range.start).unwrap_or_default());
            let entity = if is_lf { without_cr(entity) } else { entity.clone() };
            message.extend_from_slice(
                entity.strip_suffix(b"\n").map_or(&entity, |e| e.strip_suffix(b"\r").unwrap_or(e)),
            );
            at = range.end;
        }
        message.extend_from_slice(self.octets.get(at..).unwrap_or_default());
        Some(message)
    }
}

/// Line ends as a store has them.
pub(crate) fn without_cr(text: &[u8]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(text.len());
    for line in text.split_inclusive(|octet| *octet == b'\n') {
        match line.strip_suffix(b"\r\n") {
            Some(line) => {
                lines.extend_from_slice(line);
                lines.push(b'\n');
            }
            None => lines.extend_from_slice(line),
        }
    }
    lines
}

impl Part {
    fn flatten(&self, into: &mut Vec<Flat>) {
        let at = into.len();
        into.push(Flat { entity: self.entity.clone(), shape: Shape::Leaf, within: 0 });
        let shape = match &self.structure {
            Structure::Leaf => Shape::Leaf,
            Structure::Multipart { parts, .. } => {
                parts.iter().for_each(|part| part.flatten(into));
                Shape::Container
            }
            Structure::Message(inner) => {
                inner.flatten(into);
                Shape::Container
            }
        };
        let within = into.len() - at - 1;
        if let Some(flat) = into.get_mut(at) {
            (flat.shape, flat.within) = (shape, within);
        }
    }
}
