//! Writing commands: the places where a client has to wait are remembered.

use std::ops::Range;

use crate::limits::LITERAL_MINUS_OCTETS_MAX;
use crate::value::{MailboxName, NameEncoding, Pattern, SequenceSet};
use crate::write::{self, Quoting};

/// Which literals may be sent without waiting (RFC 7888).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Literals {
    /// None: the server says neither LITERAL+ nor LITERAL-.
    Awaited,
    /// LITERAL-, IMAP4rev2: those of at most 4096 octets.
    Minus,
    /// LITERAL+: all.
    Plus,
}

impl Literals {
    /// Whether one of so many octets may be sent at once.
    pub fn at_once(self, octets: u64) -> bool {
        match self {
            Self::Awaited => false,
            Self::Minus => octets <= LITERAL_MINUS_OCTETS_MAX,
            Self::Plus => true,
        }
    }
}

/// Octets to send, in pieces: before each but the first the server has to ask with `+`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    octets: Vec<u8>,
    waits: Vec<usize>,
}

impl Outgoing {
    /// All octets.
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// The pieces, in order; at least one.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let ends = self.waits.iter().copied().chain([self.octets.len()]);
        let begins = [0].into_iter().chain(self.waits.iter().copied());
        begins.zip(ends).map(|(begin, end)| {
            let piece: Range<usize> = begin..end;
            self.octets.get(piece).unwrap_or_default()
        })
    }
}

#[derive(Debug)]
pub(crate) struct Writer {
    octets: Vec<u8>,
    waits: Vec<usize>,
    literals: Literals,
    names: NameEncoding,
}

impl Writer {
    pub(crate) fn new(literals: Literals, names: NameEncoding) -> Self {
        Self { octets: Vec::new(), waits: Vec::new(), literals, names }
    }

    pub(crate) fn into_outgoing(self) -> Outgoing {
        Outgoing { octets: self.octets, waits: self.waits }
    }

    pub(crate) fn raw(&mut self, text: impl AsRef<[u8]>) {
        self.octets.extend_from_slice(text.as_ref());
    }

    pub(crate) fn octets(&mut self) -> &mut Vec<u8> {
        &mut self.octets
    }

    pub(crate) fn number(&mut self, number: u64) {
        write::number(&mut self.octets, number);
    }

    pub(crate) fn spaced(&mut self, argument: impl FnOnce(&mut Self)) {
        self.raw(" ");
        argument(self);
    }

    pub(crate) fn list<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        item: impl FnMut(&mut Self, T),
    ) {
        self.raw("(");
        self.joined(items, item);
        self.raw(")");
    }

    pub(crate) fn joined<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        mut item: impl FnMut(&mut Self, T),
    ) {
        for (index, value) in items.into_iter().enumerate() {
            if index > 0 {
                self.raw(" ");
            }
            item(self, value);
        }
    }

    pub(crate) fn set(&mut self, set: &SequenceSet) {
        set.write(&mut self.octets);
    }

    pub(crate) fn mailbox(&mut self, mailbox: &MailboxName) {
        let wire = mailbox.to_wire(self.names).into_owned();
        self.astring(wire.as_bytes());
    }

    pub(crate) fn pattern(&mut self, pattern: &Pattern) {
        let wire = pattern.to_wire(self.names).into_owned();
        self.string(wire.as_bytes());
    }

    pub(crate) fn astring(&mut self, text: &[u8]) {
        if crate::scan::is_astring(text) && !text.eq_ignore_ascii_case(b"NIL") {
            self.raw(text);
        } else {
            self.string(text);
        }
    }

    pub(crate) fn nstring(&mut self, text: Option<&[u8]>) {
        match text {
            Some(text) => self.string(text),
            None => self.raw("NIL"),
        }
    }

    pub(crate) fn string(&mut self, text: &[u8]) {
        let quoting = match self.names {
            NameEncoding::Utf7 => Quoting::Ascii,
            NameEncoding::Utf8 => Quoting::Utf8,
        };
        if write::is_quotable(text, quoting) {
            write::quoted(&mut self.octets, text);
            return;
        }
        // RFC 3516 §4.4: what holds a NUL is a literal8.
        if memchr::memchr(0, text).is_some() {
            self.raw("~");
        }
        self.literal_head(text.len() as u64);
        self.raw(text);
    }

    /// What announces a literal; the place behind it is one to wait at, unless it needn't be.
    pub(crate) fn literal_head(&mut self, octets: u64) {
        self.raw("{");
        self.number(octets);
        if self.literals.at_once(octets) {
            self.raw("+}\r\n");
        } else {
            self.raw("}\r\n");
            self.waits.push(self.octets.len());
        }
    }
}
