//! A message as a row of parts, for loops over them (RFC 5703 §3), and what they are replaced by (§5).

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ops::Range;

use postroad_protocol::header;

use super::{Entity, Part, Structure, parse};

/// The parts of a message in a row, depth first, with its octets (RFC 5703 §3.1).
#[derive(Debug)]
pub(crate) struct Parts {
    octets: Vec<u8>,
    parts: Vec<Flat>,
    /// What parts were replaced by.
    replacements: RefCell<BTreeMap<usize, Replacement>>,
    /// Which parts were in them (RFC 5703 §5).
    gone: RefCell<Vec<bool>>,
    state: Cell<State>,
}

/// How the message stands to what the loop goes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The same, with all replacements so far.
    Same,
    /// It lacks some of them.
    Behind,
    /// It has become another: it takes no more of them.
    Another,
}

/// What a part was replaced by. For the loops that are running nothing is in it.
#[derive(Debug)]
struct Replacement {
    octets: Vec<u8>,
    entity: Entity,
    shape: Shape,
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
    /// As [`parse`]; says how many octets were looked at for that.
    pub(crate) fn of(octets: Vec<u8>) -> (Self, usize) {
        let (mut parts, looked_at) = (Vec::new(), octets.len());
        parse(&octets).flatten(&mut parts);
        let (replacements, gone) = (RefCell::default(), vec![false; parts.len()].into());
        (Self { octets, parts, replacements, gone, state: Cell::new(State::Same) }, looked_at)
    }

    pub(crate) fn len(&self) -> usize {
        self.parts.len()
    }

    /// All that is in a part, and still is.
    pub(crate) fn within(&self, index: usize) -> Range<usize> {
        match self.replacements.borrow().contains_key(&index) {
            true => index + 1..index + 1,
            false => self.once_within(index),
        }
    }

    fn once_within(&self, index: usize) -> Range<usize> {
        let count = self.parts.get(index).map_or(0, |part| part.within);
        index + 1..index + 1 + count
    }

    /// Whether a part went with one that it was in.
    pub(crate) fn is_gone(&self, index: usize) -> bool {
        self.gone.borrow().get(index).copied().unwrap_or(false)
    }

    /// Looks at a part as it is now: its octets, where they are, and whether others are in it.
    fn look<T>(&self, index: usize, look: impl FnOnce(&[u8], &Entity, Shape) -> T) -> Option<T> {
        match self.replacements.borrow().get(&index) {
            Some(Replacement { octets, entity, shape }) => Some(look(octets, entity, *shape)),
            None => {
                let part = self.parts.get(index)?;
                Some(look(&self.octets, &part.entity, part.shape))
            }
        }
    }

    /// All of a part.
    pub(crate) fn octets_of(&self, index: usize) -> Vec<u8> {
        let part = self.look(index, |octets, entity, _| {
            octets.get(entity.whole.clone()).unwrap_or_default().to_vec()
        });
        part.unwrap_or_default()
    }

    /// How many octets of fields a part has.
    pub(crate) fn header_octets(&self, index: usize) -> usize {
        self.look(index, |_, entity, _| entity.header.len()).unwrap_or(0)
    }

    pub(crate) fn raw_values(&self, index: usize, name: &[u8]) -> Vec<Vec<u8>> {
        let found = self.look(index, |octets, entity, _| {
            let header = octets.get(entity.header.clone()).unwrap_or_default();
            let named = header::fields(header).filter(|field| is_named(field, name));
            named.map(|field| field.raw_value.to_vec()).collect()
        });
        found.unwrap_or_default()
    }

    pub(crate) fn has(&self, index: usize, name: &[u8]) -> bool {
        let found = self.look(index, |octets, entity, _| {
            let header = octets.get(entity.header.clone()).unwrap_or_default();
            header::fields(header).any(|field| is_named(&field, name))
        });
        found.unwrap_or(false)
    }

    /// How many octets say what a part says.
    pub(crate) fn body_octets(&self, index: usize) -> usize {
        self.look(index, |_, entity, _| entity.body.as_ref().map_or(0, Range::len)).unwrap_or(0)
    }

    /// What a part says; `None` where it isn't text, or nobody can read it (RFC 5703 §7).
    pub(crate) fn text(&self, index: usize) -> Option<String> {
        let text = self.look(index, |octets, entity, shape| {
            let is_text = shape == Shape::Leaf && entity.media.kind == "text";
            is_text.then(|| entity.readable_text(octets)).flatten()
        });
        text.flatten()
    }

    pub(crate) fn describe(&self, index: usize) -> String {
        let media = self.parts.get(index).map(|part| &part.entity.media);
        media.map(|media| format!("{index}: {}/{}", media.kind, media.subtype)).unwrap_or_default()
    }

    /// Replaces a part; of two for one part, the last stays. Says how many octets were looked at.
    pub(crate) fn replace(&self, index: usize, octets: Vec<u8>) -> usize {
        let looked_at = octets.len();
        let Part { entity, structure } = parse(&octets);
        let shape = if structure == Structure::Leaf { Shape::Leaf } else { Shape::Container };
        let earlier =
            self.replacements.borrow_mut().insert(index, Replacement { octets, entity, shape });
        if earlier.is_none()
            && let Some(gone) = self.gone.borrow_mut().get_mut(self.once_within(index))
        {
            gone.fill(true);
        }
        if self.state.get() == State::Same {
            self.state.set(State::Behind);
        }
        looked_at
    }

    /// The message has become another: what is replaced from now on is only seen by the loops that are running.
    pub(crate) fn retire(&self) {
        self.state.set(State::Another);
    }

    /// The message with all replacements, if it lacks one. What lies in a part that is replaced goes with it.
    pub(crate) fn replaced(&self) -> Option<Vec<u8>> {
        if self.state.get() != State::Behind {
            return None;
        }
        self.state.set(State::Same);
        let is_lf = memchr::memmem::find(&self.octets, b"\r\n").is_none();
        let mut message = Vec::with_capacity(self.octets.len());
        let mut at = 0;
        // A part comes before what is in it.
        for (index, Replacement { octets, .. }) in self.replacements.borrow().iter() {
            let Some(whole) = self.parts.get(*index).map(|part| part.entity.whole.clone()) else {
                continue;
            };
            if whole.start < at {
                continue;
            }
            message.extend_from_slice(self.octets.get(at..whole.start).unwrap_or_default());
            let entity = if is_lf { without_cr(octets) } else { octets.clone() };
            message.extend_from_slice(
                entity.strip_suffix(b"\n").map_or(&entity, |e| e.strip_suffix(b"\r").unwrap_or(e)),
            );
            at = whole.end;
        }
        message.extend_from_slice(self.octets.get(at..).unwrap_or_default());
        Some(message)
    }
}

fn is_named(field: &header::Field<'_>, name: &[u8]) -> bool {
    !field.name.is_empty() && field.name.eq_ignore_ascii_case(name)
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
