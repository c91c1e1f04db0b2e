//! What a letter is made of, and where each part stands.

use std::ops::Range;

use crate::Envelope;

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
    /// Parameters of `Content-Type`: names, and values with RFC 2231's pieces joined.
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
    /// Several parts.
    Multipart(Vec<Part>),
    /// A whole message (`message/rfc822`, `message/global`).
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
    /// `filename` and others, RFC 2231's pieces joined.
    pub parameters: Vec<(Vec<u8>, Vec<u8>)>,
}
