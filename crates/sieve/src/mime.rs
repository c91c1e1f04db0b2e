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
use std::cell::{Cell, RefCell};
use std::ops::Range;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use mail_parser::HeaderValue;
use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::parsers::MessageStream;
use postroad_protocol::header;

use crate::limits;

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
            charset: media.parameter("charset").map(str::to_owned),
            boundary: media.parameter("boundary").map(str::to_owned),
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
        let value = [raw_value.trim_ascii_end(), b"\r\n"].concat();
        let HeaderValue::ContentType(parsed) = MessageStream::new(&value).parse_content_type()
        else {
            return None;
        };
        let parameters = parsed.attributes.iter().flatten();
        let owned = |a: &mail_parser::Attribute<'_>| (a.name.to_string(), a.value.to_string());
        Some(Self {
            value: parsed.c_type.to_string(),
            subtype: parsed.c_subtype.as_ref().map(ToString::to_string),
            parameters: parameters.map(owned).collect(),
        })
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let mut named = self.parameters.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name));
        named.next().map(|(_, value)| value.as_str())
    }
}

/// Takes a message apart.
pub(crate) fn parse(message: &[u8]) -> Part {
    let mut parser = Parser { message, parts: 0 };
    parser.entity(0..message.len(), 0)
}

struct Parser<'a> {
    message: &'a [u8],
    parts: usize,
}

impl Parser<'_> {
    fn entity(&mut self, whole: Range<usize>, depth: usize) -> Part {
        self.parts += 1;
        let octets = self.message.get(whole.clone()).unwrap_or_default();
        let (header, body) = split(octets);
        let within = |range: Range<usize>| whole.start + range.start..whole.start + range.end;
        let media = Media::of(octets.get(header.clone()).unwrap_or_default());
        let (header, body) = (within(header), body.map(within));
        let structure = match &body {
            Some(body) if depth < limits::PART_DEPTH_MAX && self.parts < limits::PARTS_MAX => {
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
                at = match memchr::memmem::find(rest, b"\n--") {
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
}

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
    pub(crate) fn of(octets: Vec<u8>) -> Self {
        let mut parts = Vec::new();
        parse(&octets).flatten(&mut parts);
        Self { octets, parts, replacements: RefCell::default(), is_retired: Cell::new(false) }
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

/// RFC 2045 §6: 7bit, 8bit and binary stand for themselves, as does what nobody knows.
fn decode_transfer<'m>(header: &[u8], body: &'m [u8]) -> Cow<'m, [u8]> {
    let field = header::find(header, "Content-Transfer-Encoding");
    let name = field.map(|field| field.value().to_ascii_lowercase()).unwrap_or_default();
    match name.as_slice() {
        b"base64" => Cow::Owned(base64(body)),
        b"quoted-printable" => Cow::Owned(quoted_printable(body)),
        _ => Cow::Borrowed(body),
    }
}

/// RFC 2045 §6.8: characters that have no place there are skipped.
fn base64(body: &[u8]) -> Vec<u8> {
    const ENGINE: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::RequireNone)
            .with_decode_allow_trailing_bits(true),
    );
    let is_digit = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'/');
    let mut digits: Vec<u8> =
        body.iter().take_while(|octet| **octet != b'=').copied().filter(is_digit).collect();
    // One digit alone is less than an octet.
    if digits.len() % 4 == 1 {
        digits.pop();
    }
    ENGINE.decode(&digits).unwrap_or_default()
}

/// RFC 2045 §6.7; what isn't it stays as it is.
fn quoted_printable(body: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(body.len());
    for line in body.split_inclusive(|octet| *octet == b'\n') {
        let text = line.trim_ascii_end();
        let (text, line_end) = match text.strip_suffix(b"=") {
            Some(text) => (text, &b""[..]),
            None if line.ends_with(b"\r\n") => (text, &b"\r\n"[..]),
            None if line.ends_with(b"\n") => (text, &b"\n"[..]),
            None => (line, &b""[..]),
        };
        let mut rest = text;
        while let [octet, behind @ ..] = rest {
            let hex = |digit: &u8| char::from(*digit).to_digit(16);
            let pair = match rest {
                [b'=', high, low, ..] => hex(high).zip(hex(low)),
                _ => None,
            };
            match pair.and_then(|(high, low)| u8::try_from(high * 16 + low).ok()) {
                Some(octet) => {
                    decoded.push(octet);
                    rest = rest.get(3..).unwrap_or_default();
                }
                None => {
                    decoded.push(*octet);
                    rest = behind;
                }
            }
        }
        decoded.extend_from_slice(line_end);
    }
    decoded
}

/// RFC 5173 §5.2: text we can't convert is taken as it is.
fn to_utf8<'m>(text: Cow<'m, [u8]>, charset: Option<&str>) -> Cow<'m, [u8]> {
    let charset = charset.unwrap_or("us-ascii");
    let is_utf8 = ["utf-8", "utf8"].iter().any(|name| charset.eq_ignore_ascii_case(name));
    if text.is_ascii() && !charset.to_ascii_lowercase().starts_with("utf-") && !is_stateful(charset)
        || is_utf8
    {
        return text;
    }
    match charset_decoder(charset.as_bytes()) {
        Some(decode) => Cow::Owned(decode(&text).into_bytes()),
        None => text,
    }
}

/// Charsets whose octets look like ASCII and aren't.
fn is_stateful(charset: &str) -> bool {
    let charset = charset.to_ascii_lowercase();
    charset.starts_with("iso-2022") || charset.starts_with("hz")
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
            let part = parse(message.as_bytes());
            assert!(part.walk().len() <= limits::PARTS_MAX + 1);
        }
    }

    #[test] // Tests RFC 2045 §6.7 and §6.8.
    fn transfer_encodings() {
        for (encoded, expected) in [
            ("a=3Db=\nc\n", "a=bc\n"),
            ("a  \r\n", "a\r\n"),
            ("a=ZZ=", "a=ZZ"),
            ("caf=C3=a9", "café"),
            ("=", ""),
        ] {
            assert_eq!(quoted_printable(encoded.as_bytes()), expected.as_bytes(), "{encoded}");
        }
        for (encoded, expected) in [
            ("aGVs\r\nbG8=\r\n", "hello"),
            ("aGVsbG8", "hello"),
            ("a!G V s", "hel"),
            ("a", ""),
            ("", ""),
        ] {
            assert_eq!(base64(encoded.as_bytes()), expected.as_bytes(), "{encoded}");
        }
    }
}
