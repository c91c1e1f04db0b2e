//! What a letter is made of, and where each part stands.

use std::ops::Range;

use crate::Envelope;

mod fields;
mod parse;

/// A body part; the letter itself is the outermost.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// Where its header stands: a MIME header, or the letter's, with the empty line.
    pub header: Range<usize>,
    /// Where its body stands, without the line end before the next delimiter.
    pub body: Range<usize>,
    /// The body's octets on the wire.
    pub octets: u64,
    /// The media type: `text` of `text/plain`.
    pub kind: Vec<u8>,
    /// The subtype: `plain` of `text/plain`.
    pub subtype: Vec<u8>,
    /// Parameters of `Content-Type`: names, and values with RFC 2231's pieces joined. The name of an extended value
    /// ends in `*`, and the value is in UTF-8, as `utf-8'en'a%20b`.
    pub parameters: Vec<(Vec<u8>, Vec<u8>)>,
    /// `Content-ID`.
    pub id: Option<Vec<u8>>,
    /// `Content-Description`.
    pub description: Option<Vec<u8>>,
    /// `Content-Transfer-Encoding`; `7BIT` where there is none.
    pub encoding: Vec<u8>,
    /// `Content-MD5`.
    pub md5: Option<Vec<u8>>,
    /// `Content-Disposition`.
    pub disposition: Option<Disposition>,
    /// `Content-Language`.
    pub language: Vec<Vec<u8>>,
    /// `Content-Location`.
    pub location: Option<Vec<u8>>,
    /// What is in it.
    pub content: Body,
}

/// What a part holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Body {
    /// Neither text nor further parts.
    #[default]
    Other,
    /// Text.
    Text(Text),
    /// Several parts, and at least one: where a multipart has none, or isn't taken apart, its body is the one.
    Multipart(Vec<Part>),
    /// A whole message (`message/rfc822`, `message/global`). Of one that isn't taken apart the envelope is empty, and
    /// the message is one part that nobody looks into.
    Message {
        /// Its envelope.
        envelope: Box<Envelope>,
        /// The message itself.
        message: Box<Part>,
        /// The body's lines.
        lines: u64,
    },
}

/// A text part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Text {
    /// The body's lines.
    pub lines: u64,
}

/// `Content-Disposition` (RFC 2183).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Disposition {
    /// `inline`, `attachment`.
    pub kind: Vec<u8>,
    /// `filename` and others, RFC 2231's pieces joined as in [`Part::parameters`].
    pub parameters: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Part {
    /// Takes a letter apart. The work grows with the letter's length, whatever is in it (rows A13, A14, A16).
    pub fn of(letter: &[u8]) -> Self {
        parse::parse(letter)
    }

    /// A letter that isn't taken apart: where its header and its body stand, as [`Part::of`] has them, and nothing else.
    /// That is enough for a [`Section`](crate::Section) of the letter itself.
    pub fn undivided(letter: &[u8]) -> Self {
        parse::undivided(letter)
    }

    /// How long a letter's header is, with the empty line behind it, where that is there: of a letter that is read piece
    /// by piece, up to `looked_at` it wasn't.
    pub fn header_octets(letter: &[u8], looked_at: usize) -> Option<usize> {
        parse::header_octets(letter, looked_at)
    }

    /// Whether it is of this media type.
    pub fn is(&self, kind: &str, subtype: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind.as_bytes())
            && self.subtype.eq_ignore_ascii_case(subtype.as_bytes())
    }

    /// The name of its file, as text: `filename` of its disposition before `name` of its type, and of each the
    /// extended form before the plain one (row A15).
    pub fn file_name(&self) -> Option<String> {
        let disposition = self.disposition.iter().flat_map(|disposition| &disposition.parameters);
        parameter(disposition, b"filename").or_else(|| parameter(&self.parameters, b"name"))
    }
}

/// The text of a parameter.
pub(crate) fn parameter<'p>(
    parameters: impl IntoIterator<Item = &'p (Vec<u8>, Vec<u8>)>,
    name: &[u8],
) -> Option<String> {
    let is_it = |(own, _): &&(Vec<u8>, Vec<u8>)| {
        own.strip_suffix(b"*").unwrap_or(own).eq_ignore_ascii_case(name)
    };
    let found = parameters.into_iter().filter(is_it);
    // Of equals the first is the least.
    let (name, value) = found.min_by_key(|(own, _)| !own.ends_with(b"*"))?;
    Some(crate::parameters::text(name, value))
}

#[cfg(test)]
mod tests;
