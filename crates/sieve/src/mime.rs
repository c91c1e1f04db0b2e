//! A message as its parts (RFC 2045, RFC 2046).
//!
//! ```text
//! entity = header [ empty line body ]
//! body   = text | prologue 1*( delimiter entity ) close-delimiter epilogue | entity (message/rfc822)
//! ```
//! [`parse`] gives ranges of the octets it was given; nothing is decoded until [`Part::text`] is asked. What a
//! header claims and the body doesn't hold is taken as text. Depth and number of parts are bounded (row A13):
//! what lies deeper is opaque.

use std::borrow::Cow;
use std::ops::Range;

use mail_parser::HeaderValue;
use mail_parser::parsers::MessageStream;
use memchr::memmem;
use postroad_protocol::{encoded_words as words, header};

use crate::decode::encoded_words;
use crate::limits;

mod parts;
mod transfer;

pub(crate) use parts::{Parts, without_cr};
use transfer::{decode_transfer, is_transfer_encoded, readable, to_utf8};

/// The message itself or a part of it, and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) entity: Entity,
    pub(crate) structure: Structure,
}

/// Where something with a header stands, and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entity {
    /// All of it.
    pub(crate) whole: Range<usize>,
    /// Its fields, without the empty line.
    pub(crate) header: Range<usize>,
    /// What follows the empty line; `None` where there is none.
    pub(crate) body: Option<Range<usize>>,
    pub(crate) media: Media,
}

/// What a part is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Structure {
    /// Text, an image, anything that isn't taken apart.
    Leaf,
    Multipart {
        prologue: Range<usize>,
        parts: Vec<Part>,
        epilogue: Range<usize>,
    },
    Message(Box<Part>),
}

/// A media type, in lower case, and what comes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Media {
    pub(crate) kind: String,
    pub(crate) subtype: String,
    charset: Option<String>,
    boundary: Option<String>,
}

impl Media {
    /// RFC 2045 §5.2: what isn't said is text/plain in US-ASCII.
    fn of(header: &[u8]) -> Self {
        let default = Self {
            kind: "text".to_owned(),
            subtype: "plain".to_owned(),
            charset: None,
            boundary: None,
        };
        let Some(field) = header::find(header, "Content-Type") else { return default };
        let Some(media) = Parameterized::parse(field.raw_value) else { return default };
        let Some(subtype) = &media.subtype else { return default };
        Self {
            kind: media.value.to_ascii_lowercase(),
            subtype: subtype.to_ascii_lowercase(),
            charset: media.parameter("charset"),
            boundary: media.parameter("boundary"),
        }
    }
}

/// A value with parameters, as `Content-Type` and `Content-Disposition` have them (RFC 2045 §5.1, RFC 2231).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parameterized {
    /// What stands before the first semicolon, up to a slash.
    pub(crate) value: String,
    pub(crate) subtype: Option<String>,
    parameters: Vec<(String, String)>,
}

impl Parameterized {
    pub(crate) fn parse(raw_value: &[u8]) -> Option<Self> {
        let value = [bounded(raw_value).trim_ascii_end(), b"\r\n"].concat();
        let value = words::hide(&value);
        let HeaderValue::ContentType(parsed) = MessageStream::new(&value).parse_content_type()
        else {
            return None;
        };
        let parameters = parsed.attributes.iter().flatten();
        let owned = |a: &mail_parser::Attribute<'_>| (words::show(&a.name), words::show(&a.value));
        Some(Self {
            value: words::show(&parsed.c_type),
            subtype: parsed.c_subtype.as_deref().map(words::show),
            parameters: parameters.map(owned).collect(),
        })
    }

    fn parameter(&self, name: &str) -> Option<String> {
        self.raw_parameters(name).next().cloned()
    }

    /// All of this name, of which there should be one; encoded words in them decoded, as many mailers have them.
    pub(crate) fn parameters<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Cow<'a, [u8]>> {
        self.raw_parameters(name).map(|value| encoded_words(Cow::Borrowed(value.as_bytes())))
    }

    fn raw_parameters<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a String> {
        let named = self.parameters.iter().filter(move |(own, _)| own.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value)
    }
}

/// As much of a value as is looked at (row M10).
fn bounded(raw_value: &[u8]) -> &[u8] {
    let value = raw_value.get(..limits::PARAMETERIZED_OCTETS_MAX).unwrap_or(raw_value);
    let end = memchr::memchr_iter(b';', value).nth(limits::PARAMETERS_MAX);
    value.get(..end.unwrap_or(value.len())).unwrap_or(value)
}

/// Takes a message apart; says how many octets were looked at for that, which grows with the depth of nests.
pub(crate) fn parse(message: &[u8]) -> (Part, usize) {
    let most = message.len().saturating_mul(limits::LOOKS_AT_AN_OCTET) + limits::LOOKED_AT_MIN;
    let dashes = memmem::Finder::new(b"\n--");
    let mut parser = Parser { message, dashes, parts: 0, looked_at: 0, most };
    let part = parser.entity(0..message.len(), 0);
    (part, parser.looked_at)
}

struct Parser<'a> {
    message: &'a [u8],
    /// Finds lines that a delimiter may be.
    dashes: memmem::Finder<'static>,
    parts: usize,
    looked_at: usize,
    /// What may be looked at before the rest is opaque.
    most: usize,
}

impl Parser<'_> {
    fn entity(&mut self, whole: Range<usize>, depth: usize) -> Part {
        self.parts += 1;
        let octets = self.message.get(whole.clone()).unwrap_or_default();
        let (header, body) = split(octets);
        self.looked_at += octets.len();
        let within = |range: Range<usize>| whole.start + range.start..whole.start + range.end;
        let media = Media::of(octets.get(header.clone()).unwrap_or_default());
        let (header, body) = (within(header), body.map(within));
        let structure = match &body {
            Some(body)
                if depth < limits::PART_DEPTH_MAX
                    && self.parts < limits::PARTS_MAX
                    && self.looked_at < self.most =>
            {
                self.structure(&media, body.clone(), depth)
            }
            Some(_) | None => Structure::Leaf,
        };
        Part { entity: Entity { whole, header, body, media }, structure }
    }

    fn structure(&mut self, media: &Media, body: Range<usize>, depth: usize) -> Structure {
        if media.kind == "message" && matches!(media.subtype.as_str(), "rfc822" | "global") {
            return Structure::Message(Box::new(self.entity(body, depth + 1)));
        }
        let boundary = media.boundary.as_deref().filter(|boundary| !boundary.is_empty());
        let Some(boundary) = boundary.filter(|_| media.kind == "multipart") else {
            return Structure::Leaf;
        };
        let delimited = self.delimited(&body, boundary.as_bytes());
        let Some(Delimited { prologue, parts, epilogue }) = delimited else {
            return Structure::Leaf;
        };
        let parts = parts.into_iter().take(limits::PARTS_MAX.saturating_sub(self.parts));
        let parts = parts.map(|part| self.entity(part, depth + 1)).collect();
        Structure::Multipart { prologue, parts, epilogue }
    }

    /// Prologue, parts and epilogue, without the delimiters and the line ends before them (RFC 2046 §5.1.1).
    fn delimited(&self, body: &Range<usize>, boundary: &[u8]) -> Option<Delimited> {
        let octets = self.message.get(body.clone())?;
        let mut prologue = None;
        let mut parts = Vec::new();
        let (mut start, mut at) = (0, 0);
        let mut end_of_last = octets.len();
        let mut epilogue = octets.len()..octets.len();
        while let Some(line) = octets.get(at..).filter(|rest| !rest.is_empty()) {
            let length = memchr::memchr(b'\n', line).map_or(line.len(), |end| end + 1);
            let text = line.get(..length).unwrap_or_default();
            let Some(delimiter) = delimiter(text, boundary) else {
                // From one line that begins with "--" to the next.
                let rest = octets.get(at + length - 1..).unwrap_or_default();
                at = match self.dashes.find(rest) {
                    Some(next) => at + length + next,
                    None => octets.len(),
                };
                continue;
            };
            let end = without_line_end(octets, at).max(start);
            match prologue {
                None => prologue = Some(start..end),
                Some(_) => parts.push(start..end),
            }
            (start, at) = (at + length, at + length);
            if delimiter == Delimiter::Close || parts.len() > limits::PARTS_MAX {
                epilogue = start..octets.len();
                end_of_last = start;
                break;
            }
        }
        // A multipart that was cut off has its last part up to the end.
        if end_of_last == octets.len()
            && prologue.is_some()
            && epilogue.is_empty()
            && start < end_of_last
        {
            parts.push(start..end_of_last);
        }
        let within = |range: Range<usize>| body.start + range.start..body.start + range.end;
        let parts = parts.into_iter().map(within).collect();
        Some(Delimited { prologue: within(prologue?), parts, epilogue: within(epilogue) })
    }
}

/// A body as delimiters part it.
struct Delimited {
    prologue: Range<usize>,
    parts: Vec<Range<usize>>,
    epilogue: Range<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Delimiter {
    Next,
    Close,
}

/// `"--" boundary ["--"] *LWSP-char` (RFC 2046 §5.1.1).
fn delimiter(line: &[u8], boundary: &[u8]) -> Option<Delimiter> {
    let behind = line.strip_prefix(b"--")?.strip_prefix(boundary)?;
    match behind.trim_ascii_end() {
        b"" => Some(Delimiter::Next),
        b"--" => Some(Delimiter::Close),
        _ => None,
    }
}

/// Where the line before `at` ends, its line end left out.
fn without_line_end(octets: &[u8], at: usize) -> usize {
    let before = octets.get(..at).unwrap_or_default();
    let before = before.strip_suffix(b"\n").map_or(before, |b| b.strip_suffix(b"\r").unwrap_or(b));
    before.len()
}

/// Header and body of an entity. A part may begin with the empty line: it has no fields.
fn split(entity: &[u8]) -> (Range<usize>, Option<Range<usize>>) {
    let mut walk = header::fields(entity);
    walk.by_ref().for_each(drop);
    let rest = walk.rest();
    let header = 0..entity.len() - rest.len();
    let body = match rest {
        [b'\r', b'\n', body @ ..] | [b'\n', body @ ..] => {
            Some(entity.len() - body.len()..entity.len())
        }
        _ => None,
    };
    (header, body)
}

impl Part {
    /// This part and all in it, from the top (RFC 5703 §3: depth first).
    pub(crate) fn walk(&self) -> Vec<&Self> {
        let mut found = vec![self];
        match &self.structure {
            Structure::Leaf => {}
            Structure::Multipart { parts, .. } => {
                found.extend(parts.iter().flat_map(Self::walk));
            }
            Structure::Message(inner) => found.extend(inner.walk()),
        }
        found
    }
}

impl Entity {
    /// The body without its transfer encoding; text in UTF-8, where we know its charset (RFC 5173 §5.2).
    pub(crate) fn text<'m>(&self, message: &'m [u8]) -> Cow<'m, [u8]> {
        let header = message.get(self.header.clone()).unwrap_or_default();
        let body = self.body.clone().and_then(|body| message.get(body)).unwrap_or_default();
        let decoded = decode_transfer(header, body);
        match self.media.kind == "text" {
            true => to_utf8(decoded, self.media.charset.as_deref()),
            false => decoded,
        }
    }

    /// As [`Entity::text`]; `None` where transfer encoding or charset are unknown, or the body isn't what they say
    /// (RFC 5703 §7).
    fn readable_text(&self, message: &[u8]) -> Option<String> {
        let header = message.get(self.header.clone()).unwrap_or_default();
        let body = self.body.clone().and_then(|body| message.get(body)).unwrap_or_default();
        if !is_transfer_encoded(header, body) {
            return None;
        }
        readable(decode_transfer(header, body), self.media.charset.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(part: &Part, message: &str) -> String {
        let name = format!("{}/{}", part.entity.media.kind, part.entity.media.subtype);
        match &part.structure {
            Structure::Leaf => {
                let body = part.entity.body.clone().map_or("-", |body| &message[body]);
                format!("{name} {body:?}")
            }
            Structure::Multipart { prologue, parts, epilogue } => {
                let parts: Vec<_> = parts.iter().map(|part| shape(part, message)).collect();
                let (prologue, epilogue) = (&message[prologue.clone()], &message[epilogue.clone()]);
                format!("{name} {prologue:?} [{}] {epilogue:?}", parts.join(", "))
            }
            Structure::Message(inner) => format!("{name} <{}>", shape(inner, message)),
        }
    }

    #[test]
    fn shapes() {
        let multipart = "Content-Type: multipart/mixed; boundary=\"b\"\n\n";
        for (message, expected) in [
            ("A: b\n\nbody\n".to_owned(), "text/plain \"body\\n\""),
            ("A: b\n".to_owned(), "text/plain \"-\""),
            ("".to_owned(), "text/plain \"-\""),
            ("Content-Type: nonsense\n\nx".to_owned(), "text/plain \"x\""),
            (format!("{multipart}x"), "multipart/mixed \"x\""),
            (
                format!(
                    "{multipart}pro\n--b\n\none\n--b\nContent-Type: image/PNG\n\ntwo\n\n--b--\nepi\n"
                ),
                "multipart/mixed \"pro\" [text/plain \"one\", image/png \"two\\n\"] \"epi\\n\"",
            ),
            // Cut off; padding; a delimiter at once; a line that only begins like one.
            (
                format!("{multipart}--b  \n\none\n--bb\n--b\n\ntwo\n"),
                "multipart/mixed \"\" [text/plain \"one\\n--bb\", text/plain \"two\\n\"] \"\"",
            ),
            (format!("{multipart}--b--\n"), "multipart/mixed \"\" [] \"\""),
            (
                "Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nin\r\n".to_owned(),
                "message/rfc822 <text/plain \"in\\r\\n\">",
            ),
        ] {
            let (part, _) = parse(message.as_bytes());
            assert_eq!(shape(&part, &message), expected, "{message}");
        }
    }

    #[test] // Row A13.
    fn a13_nests_without_end_end() {
        let nested: String = (0..1_000)
            .map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n"))
            .collect();
        let messages = "Content-Type: message/rfc822\n\n".repeat(50_000);
        let wide = format!(
            "Content-Type: multipart/mixed; boundary=B\n\n{}",
            "--B\n\nx\n".repeat(100_000)
        );
        // Each level goes over the same lines, none of which is a delimiter: beyond a bound they are text.
        let levels: String = (0..limits::PART_DEPTH_MAX)
            .map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n"))
            .collect();
        let lines = format!("{levels}\n{}", "--\n".repeat(400_000));
        for message in [nested, messages, wide, lines] {
            let (part, looked_at) = parse(message.as_bytes());
            let most = message.len() * (limits::LOOKS_AT_AN_OCTET + 1) + limits::LOOKED_AT_MIN;
            assert!(looked_at <= most, "{looked_at} {most}");
            assert!(part.walk().len() <= limits::PARTS_MAX + 1);
        }
    }
}
