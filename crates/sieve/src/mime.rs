//! A message as its parts (RFC 2045, RFC 2046): the tree that IMAP shows ([`postroad_message::Part`]), so that a rule and a
//! mail program speak of the same parts, with what Sieve asks of it beside.
//!
//! [`parse`] gives ranges of the octets it was given; nothing is decoded until [`Part::text`] is asked. What a
//! header claims and the body doesn't hold is taken as text. Depth and number of parts are bounded (row A13):
//! what lies deeper is opaque.

use std::borrow::Cow;
use std::ops::Range;

use mail_parser::HeaderValue;
use mail_parser::parsers::MessageStream;
use postroad_message::Body;
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

const CHARSET: &[u8] = b"charset";

/// A media type, in lower case, and what comes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Media {
    pub(crate) kind: String,
    pub(crate) subtype: String,
    charset: Option<String>,
}

impl Media {
    fn of(part: &postroad_message::Part, header: &[u8]) -> Self {
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        // What isn't said is text/plain in US-ASCII (RFC 2045 §5.2), which nobody has claimed, then.
        let is_said = header::find(header, "Content-Type").is_some_and(|field| {
            field.raw_value.windows(CHARSET.len()).any(|some| some.eq_ignore_ascii_case(CHARSET))
        });
        let is_charset = |(name, _): &&(Vec<u8>, Vec<u8>)| name.eq_ignore_ascii_case(CHARSET);
        let charset = part.parameters.iter().find(is_charset).filter(|_| is_said);
        Self {
            kind: text(&part.kind).to_ascii_lowercase(),
            subtype: text(&part.subtype).to_ascii_lowercase(),
            charset: charset.map(|(_, value)| text(value)),
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

/// Takes a message apart. That goes over its octets once or twice.
pub(crate) fn parse(message: &[u8]) -> Part {
    of(&postroad_message::Part::of(message), message)
}

fn of(part: &postroad_message::Part, message: &[u8]) -> Part {
    let whole = part.header.start..part.body.end;
    let (header, has_body) = without_empty_line(part.header.clone(), message);
    let body = (has_body || part.body.start < part.body.end).then(|| part.body.clone());
    let media = Media::of(part, message.get(header.clone()).unwrap_or_default());
    let entity = Entity { whole, header, body, media };
    let structure = match &part.content {
        Body::Multipart(parts) if !is_whole(parts, part) => Structure::Multipart {
            prologue: prologue(parts, part, message),
            epilogue: epilogue(parts, part, message),
            parts: parts.iter().map(|part| of(part, message)).collect(),
        },
        Body::Message { message: inner, .. } if !is_whole(std::slice::from_ref(inner), part) => {
            Structure::Message(Box::new(of(inner, message)))
        }
        Body::Multipart(_) | Body::Message { .. } | Body::Text(_) | Body::Other => Structure::Leaf,
    };
    Part { entity, structure }
}

/// Whether what is in a part is all of it, since it isn't taken apart: what is begins behind a delimiter, or has a header.
fn is_whole(parts: &[postroad_message::Part], of: &postroad_message::Part) -> bool {
    matches!(parts, [part] if part.header.is_empty() && part.body == of.body)
}

/// A header's fields, and whether an empty line follows them.
fn without_empty_line(header: Range<usize>, message: &[u8]) -> (Range<usize>, bool) {
    let octets = message.get(header.clone()).unwrap_or_default();
    let end = [&b"\r\n"[..], b"\n"].into_iter().find_map(|end| {
        let fields = octets.strip_suffix(end)?;
        (fields.is_empty() || fields.ends_with(b"\n")).then_some(fields.len())
    });
    match end {
        Some(fields) => (header.start..header.start + fields, true),
        None => (header, false),
    }
}

/// What stands before the first delimiter, without the line end that belongs to that (RFC 2046 §5.1.1).
fn prologue(
    parts: &[postroad_message::Part],
    of: &postroad_message::Part,
    message: &[u8],
) -> Range<usize> {
    let start = of.body.start;
    let first = parts.first().map_or(start, |part| part.header.start);
    let before = message.get(start..first).unwrap_or_default();
    // The last line is the delimiter.
    let lines = before.strip_suffix(b"\n").unwrap_or(before);
    let end = memchr::memrchr(b'\n', lines).map_or(0, |end| end + 1);
    start..start + without_line_end(lines.get(..end).unwrap_or_default()).len()
}

/// What stands behind the last one.
fn epilogue(
    parts: &[postroad_message::Part],
    of: &postroad_message::Part,
    message: &[u8],
) -> Range<usize> {
    let end = of.body.end;
    let last = parts.last().map_or(end, |part| part.body.end);
    let behind = message.get(last..end).unwrap_or_default();
    let text = behind.strip_prefix(b"\r").unwrap_or(behind);
    let delimiter = text.strip_prefix(b"\n").unwrap_or(text);
    let rest = memchr::memchr(b'\n', delimiter).and_then(|end| delimiter.get(end + 1..));
    end - rest.map_or(0, <[u8]>::len)..end
}

fn without_line_end(text: &[u8]) -> &[u8] {
    text.strip_suffix(b"\n").map_or(text, |text| text.strip_suffix(b"\r").unwrap_or(text))
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
            // Nothing is hidden: a multipart without parts is text, as is one that isn't taken apart.
            (format!("{multipart}--b--\n"), "multipart/mixed \"--b--\\n\""),
            (
                "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nQQ=="
                    .to_owned(),
                "message/rfc822 \"QQ==\"",
            ),
            // A delimiter that follows a field at once leaves no body; one behind the empty line, an empty one.
            (
                format!("{multipart}pro\n\n--b\nA: b\n--b\n\n--b--\nepi"),
                "multipart/mixed \"pro\\n\" [text/plain \"-\", text/plain \"\"] \"epi\"",
            ),
            (format!("{multipart}\n--b\n\n1"), "multipart/mixed \"\" [text/plain \"1\"] \"\""),
            // One boundary on two levels: the inner one counts, here as for IMAP.
            (
                format!("{multipart}--b\n{multipart}--b\n\n1\n--b--\n--b\n\n2\n--b--\n"),
                "multipart/mixed \"\" [multipart/mixed \"\" [text/plain \"1\"] \"\", text/plain \"2\"] \"\"",
            ),
            // What has no type in a digest is a message.
            (
                "Content-Type: multipart/digest; boundary=b\n\n--b\n\nA: b\n\nin\n--b--\n"
                    .to_owned(),
                "multipart/digest \"\" [message/rfc822 <text/plain \"in\">] \"\"",
            ),
            (
                "Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nin\r\n".to_owned(),
                "message/rfc822 <text/plain \"in\\r\\n\">",
            ),
        ] {
            let part = parse(message.as_bytes());
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
        for message in [nested, messages, wide] {
            let parts = parse(message.as_bytes()).walk().len();
            assert!(
                parts <= postroad_message::limits::PARTS_MAX + postroad_message::limits::DEPTH_MAX,
                "{parts}"
            );
        }
    }
}
