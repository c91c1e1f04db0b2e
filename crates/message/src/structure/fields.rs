//! What a header says of the body below it (RFC 2045 §3, RFC 2183, RFC 3282, RFC 2557, RFC 1864).

use postroad_protocol::header::{self, Field};

use super::{Body, Disposition, Part};
use crate::lexical::{Cursor, unfold};
use crate::limits;
use crate::parameters::{Parameterized, token};

/// The type of what names none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Default {
    /// RFC 2045 §5.2.
    Text,
    /// RFC 2046 §5.1.5.
    Message,
}

/// A part as its header describes it; where it stands is for the parser. Of two fields of one name the first counts,
/// as in filters (row A16).
pub(super) fn described(header: &[u8], default: Default, parameters: &mut usize) -> Part {
    let mut seen = Seen { part: Part::default(), media: None, encoding: None, language: None };
    for field in header::fields(header) {
        let is_ours = field.name.get(..8).is_some_and(|o| o.eq_ignore_ascii_case(b"Content-"));
        if is_ours {
            seen.add(&field, parameters);
        }
    }
    seen.finish(default)
}

struct Seen {
    part: Part,
    media: Option<Parameterized>,
    encoding: Option<Vec<u8>>,
    language: Option<Vec<Vec<u8>>>,
}

impl Seen {
    fn add(&mut self, field: &Field<'_>, most: &mut usize) {
        let value = field.raw_value;
        let text = || unfold(value).into_owned();
        let name = field.name.get(8..).unwrap_or_default();
        if name.eq_ignore_ascii_case(b"Type") {
            self.media.get_or_insert_with(|| Parameterized::parse(value, most));
        } else if name.eq_ignore_ascii_case(b"Transfer-Encoding") {
            self.encoding.get_or_insert_with(|| token(&mut Cursor::new(value)));
        } else if name.eq_ignore_ascii_case(b"Disposition") {
            if self.part.disposition.is_none() {
                let parsed = Parameterized::parse(value, most);
                self.part.disposition =
                    Some(Disposition { kind: parsed.value, parameters: parsed.parameters });
            }
        } else if name.eq_ignore_ascii_case(b"ID") {
            self.part.id.get_or_insert_with(text);
        } else if name.eq_ignore_ascii_case(b"Description") {
            self.part.description.get_or_insert_with(text);
        } else if name.eq_ignore_ascii_case(b"MD5") {
            self.part.md5.get_or_insert_with(text);
        } else if name.eq_ignore_ascii_case(b"Location") {
            self.part.location.get_or_insert_with(text);
        } else if name.eq_ignore_ascii_case(b"Language") {
            self.language.get_or_insert_with(|| languages(value));
        }
    }

    fn finish(self, default: Default) -> Part {
        let mut part = self.part;
        part.disposition = part.disposition.filter(|disposition| !disposition.kind.is_empty());
        part.language = self.language.unwrap_or_default();
        part.encoding = self.encoding.filter(|o| !o.is_empty()).unwrap_or_else(|| b"7BIT".to_vec());
        match self.media {
            // RFC 2045 §5.2: what can't be read is as though it weren't there.
            Some(Parameterized { value, subtype: Some(subtype), parameters })
                if !value.is_empty() =>
            {
                (part.kind, part.subtype, part.parameters) = (value, subtype, parameters);
            }
            _ => {
                let (kind, subtype) = match default {
                    Default::Text => ("text", "plain"),
                    Default::Message => ("message", "rfc822"),
                };
                (part.kind, part.subtype) = (kind.into(), subtype.into());
            }
        }
        name_charset(&mut part);
        part
    }
}

/// RFC 2045 §5.2: text that names no charset is in US-ASCII; clients want to read that (RFC 9051 §7.5.2).
fn name_charset(part: &mut Part) {
    let is_charset =
        |name: &[u8]| name.strip_suffix(b"*").unwrap_or(name).eq_ignore_ascii_case(b"charset");
    let is_text = part.kind.eq_ignore_ascii_case(b"text");
    if is_text && !part.parameters.iter().any(|(name, _)| is_charset(name)) {
        part.parameters.push((b"charset".to_vec(), b"us-ascii".to_vec()));
    }
}

/// RFC 3282 §2: tags with commas between them.
fn languages(value: &[u8]) -> Vec<Vec<u8>> {
    let mut cursor = Cursor::new(value);
    let mut languages = Vec::new();
    while cursor.peek().is_some() && languages.len() < limits::LANGUAGES_MAX {
        let language = token(&mut cursor);
        if !language.is_empty() {
            languages.push(language);
        }
        cursor.comments();
        cursor.until(|octet| octet == b',');
        cursor.take(1);
    }
    languages
}

/// A part that nobody looks into, without a header.
pub(super) fn opaque(encoding: Vec<u8>) -> Part {
    Part {
        kind: b"application".to_vec(),
        subtype: b"octet-stream".to_vec(),
        encoding,
        content: Body::Other,
        ..Part::default()
    }
}
