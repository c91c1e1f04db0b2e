//! Letters that a script sends: fields that stay one field each, bodies that any relay takes (row M12).
//!
//! Lines end in CRLF. What goes into a field loses its control characters; what isn't ASCII becomes encoded words
//! (RFC 2047) or base64 (RFC 2045).

use std::borrow::Cow;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Zoned;
use jiff::fmt::rfc2822;
use mail_parser::HeaderValue;
use mail_parser::parsers::MessageStream;
use postroad_protocol::address::Address;
use postroad_protocol::encoded_words;

/// Octets that an encoded word says; with its frame it has less than 75 (RFC 2047 §2).
const ENCODED_OCTETS: usize = 42;
/// Where a field is folded, if it can be (RFC 5322 §2.1.1).
const COLUMNS: usize = 76;
/// The longest line there may be (RFC 5322 §2.1.1).
const LINE_OCTETS_MAX: usize = 998;

/// A letter in the making.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    header: String,
}

impl Draft {
    /// Adds a field whose value is text.
    pub(crate) fn text(&mut self, name: &str, value: &str) {
        self.raw(name, &unstructured(value, name.len() + 2));
    }

    /// Adds a field whose value has its form already; row M12: a line end in it is taken out.
    pub(crate) fn raw(&mut self, name: &str, value: &str) {
        self.header.push_str(name);
        self.header.push_str(": ");
        self.header.push_str(value);
        self.header.push_str("\r\n");
    }

    pub(crate) fn date(&mut self, now: &Zoned) {
        // A year beyond 9999 has no form there: the field is left out.
        if let Ok(date) = rfc2822::DateTimePrinter::new().zoned_to_string(now) {
            self.raw("Date", &date);
        }
    }

    /// The letter, with a body of plain text in UTF-8.
    pub(crate) fn with_text(mut self, text: &str) -> Vec<u8> {
        self.raw("MIME-Version", "1.0");
        [self.header.into_bytes(), text_entity(text)].concat()
    }

    /// The letter, with a MIME entity for its body.
    pub(crate) fn with_entity(mut self, entity: &[u8]) -> Result<Vec<u8>, String> {
        self.raw("MIME-Version", "1.0");
        Ok([self.header.into_bytes(), mime_entity(entity)?].concat())
    }

    /// The fields so far.
    pub(crate) fn header(&self) -> &str {
        &self.header
    }
}

/// An entity of plain text in UTF-8, header and all (RFC 2045 §2.4).
pub(crate) fn text_entity(text: &str) -> Vec<u8> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let is_plain = text.is_ascii()
        && !text.contains('\0')
        && text.lines().all(|line| line.len() <= LINE_OCTETS_MAX);
    if is_plain {
        let end = if text.ends_with('\n') || text.is_empty() { "" } else { "\n" };
        let entity = format!("Content-Type: text/plain; charset=us-ascii\n\n{text}{end}");
        return entity.replace('\n', "\r\n").into();
    }
    let mut entity = "Content-Type: text/plain; charset=utf-8\r\n\
        Content-Transfer-Encoding: base64\r\n\r\n"
        .to_owned();
    let encoded = STANDARD.encode(text.replace('\n', "\r\n"));
    for line in encoded.as_bytes().chunks(COLUMNS) {
        entity.push_str(&String::from_utf8_lossy(line));
        entity.push_str("\r\n");
    }
    entity.into_bytes()
}

/// A MIME entity of a script: of its header the `Content-…` fields, and no others (row M12).
pub(crate) fn mime_entity(entity: &[u8]) -> Result<Vec<u8>, String> {
    let (header, body) = postroad_protocol::header::split(entity);
    let mut message = Vec::with_capacity(entity.len());
    for field in postroad_protocol::header::fields(header) {
        // RFC 5230 §5.
        if !field.raw.is_ascii() {
            return Err("a header in \":mime\" is ASCII".to_owned());
        }
        if field.name.to_ascii_lowercase().starts_with(b"content-") {
            let lines = String::from_utf8_lossy(field.raw).replace("\r\n", "\n").replace('\r', " ");
            message.extend_from_slice(lines.trim_end().replace('\n', "\r\n").as_bytes());
            message.extend_from_slice(b"\r\n");
        }
    }
    message.extend_from_slice(b"\r\n");
    message.extend_from_slice(body);
    Ok(message)
}

/// Text for a field: folded, and encoded if it isn't ASCII and only then (RFC 5230 §4.3, RFC 5703 §5), or where no
/// line could hold a word of it. `column` is where it begins.
pub(crate) fn unstructured(text: &str, column: usize) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let text: String = text.chars().map(plain).collect();
    let text = text.trim();
    let has_long_word = text.split(' ').any(|word| word.len() > LINE_OCTETS_MAX - 100);
    if !text.is_ascii() || has_long_word {
        return encoded(text);
    }
    let mut folded = String::with_capacity(text.len());
    let mut column = column;
    for (index, word) in text.split(' ').enumerate() {
        if index > 0 {
            // No line of white space alone.
            if column + 1 + word.len() > COLUMNS && !word.is_empty() && column > 1 {
                folded.push_str("\r\n");
                column = 0;
            }
            folded.push(' ');
            column += 1;
        }
        folded.push_str(word);
        column += word.len();
    }
    folded
}

/// Encoded words, one a line (RFC 2047 §2).
fn encoded(text: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    for character in text.chars() {
        if word.len() + character.len_utf8() > ENCODED_OCTETS {
            words.push(std::mem::take(&mut word));
        }
        word.push(character);
    }
    words.push(word);
    let words: Vec<String> =
        words.iter().map(|word| format!("=?utf-8?B?{}?=", STANDARD.encode(word))).collect();
    words.join("\r\n ")
}

/// The mailboxes of a list, each in a safe form (RFC 5322 §3.4).
///
/// # Errors
/// Where one of them is no address, or there is none.
pub(crate) fn mailbox_list(text: &str) -> Result<String, String> {
    let no_list = || format!("\"{}\" is no list of addresses", text.escape_debug());
    if text.contains(char::is_control) {
        return Err(no_list());
    }
    let value = format!("{text}\r\n");
    // Row M10: nobody's name begins thousands of words.
    let Cow::Borrowed(value) = encoded_words::bounded(value.as_bytes()) else {
        return Err(no_list());
    };
    let HeaderValue::Address(found) = MessageStream::new(value).parse_address() else {
        return Err(no_list());
    };
    let mut list = String::new();
    for person in found.iter() {
        let address = person.address.as_deref().and_then(|address| Address::parse(address).ok());
        let address = address.ok_or_else(no_list)?;
        if !list.is_empty() {
            list.push_str(",\r\n ");
        }
        match person.name.as_deref().filter(|name| !name.trim().is_empty()) {
            None => write!(list, "{address}"),
            Some(name) if !name.is_ascii() => write!(list, "{} <{address}>", encoded(name)),
            Some(name) => {
                let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
                write!(list, "\"{quoted}\" <{address}>")
            }
        }
        .map_err(|_| no_list())?;
    }
    match list.is_empty() {
        true => Err(no_list()),
        false => Ok(list),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // Row M12.
    fn m12_fields_stay_one_field() {
        let long = "word ".repeat(40);
        for text in [
            "a\r\nBcc: x@y.example",
            "a\nb",
            "\u{1b}[2J",
            "ü\r\nBcc: x",
            &long,
            "",
            "=?utf-8?q?x?=",
        ] {
            let mut draft = Draft::default();
            draft.text("Subject", text);
            let message = draft.with_text("body");
            let names: Vec<_> = postroad_protocol::header::fields(&message)
                .map(|field| String::from_utf8_lossy(field.name).into_owned())
                .collect();
            assert_eq!(names, ["Subject", "MIME-Version", "Content-Type"], "{text:?}");
            assert!(!message.contains(&0x1b));
        }
    }

    #[test]
    fn values_come_back() {
        for text in ["plain", "Jürgen", &"é".repeat(100), &"word ".repeat(40), "=?", "é =?"] {
            let value = unstructured(text, 9);
            assert!(value.lines().all(|line| line.len() <= 80), "{value}");
            let read = crate::decode::value(value.as_bytes().into());
            assert_eq!(String::from_utf8_lossy(&read), text.trim(), "{value}");
        }
    }

    #[test]
    fn mailboxes() {
        for (text, expected) in [
            ("a@b.example", Some("a@b.example")),
            ("A B <a@b.example>", Some("\"A B\" <a@b.example>")),
            (
                "Jür <a@b.example>, c@d.example",
                Some("=?utf-8?B?SsO8cg==?= <a@b.example>,\r\n c@d.example"),
            ),
            ("nobody", None),
            ("a@b.example\r\nBcc: c@d.example", None),
            ("", None),
        ] {
            assert_eq!(mailbox_list(text).ok().as_deref(), expected, "{text:?}");
        }
    }

    #[test] // Row M10.
    fn m10_names_of_words_without_an_end_are_refused() {
        let list = format!("{} <a@b.example>", "=?aa?q?b ".repeat(100_000));
        assert!(mailbox_list(&list).is_err());
    }
}
