//! Values for header fields that can't hold a line break, whoever wrote them (row A08).
//!
//! mail-builder makes subjects and names safe, and lets CR LF in an address or a Message-ID become a new
//! field. So it is only ever given these types.

use std::fmt;

use postroad_protocol::address::Address;

use super::ComposeError;
use crate::limits;

/// Text for an unstructured field or a display name: no control character; any run of white space
/// and control characters became one space.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldText(pub(super) String);

impl FieldText {
    /// Makes a line of whatever it is given.
    pub fn new(text: &str) -> Self {
        let blank = |c: char| c.is_control() || matches!(c, ' ' | '\u{2028}' | '\u{2029}');
        let words: Vec<&str> = text.split(blank).filter(|word| !word.is_empty()).collect();
        Self(words.join(" "))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A person's address with the name they go by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// The display name, never empty.
    pub name: Option<FieldText>,
    /// The address.
    pub address: Address,
}

impl Mailbox {
    /// An address with an optional name.
    pub fn new(name: Option<&str>, address: Address) -> Self {
        Self { name: name.map(FieldText::new).filter(|name| !name.is_empty()), address }
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{} <{}>", name.as_str(), self.address),
            None => write!(f, "{}", self.address),
        }
    }
}

/// A Message-ID without its brackets (RFC 5322 §3.6.4): printable ASCII, no space, no bracket.
///
/// `msg-id = "<" id-left "@" id-right ">"`; real ones have all kinds of characters, and some no `@`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageId(pub(super) String);

impl MessageId {
    /// Reads an id with or without brackets; `None` where it could do harm or is no id.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let id = text.strip_prefix('<').and_then(|id| id.strip_suffix('>')).unwrap_or(text);
        let is_id = |b: u8| b.is_ascii_graphic() && !matches!(b, b'<' | b'>');
        ((1..=limits::MESSAGE_ID_OCTETS_MAX).contains(&id.len()) && id.bytes().all(is_id))
            .then(|| Self(id.to_owned()))
    }

    /// A new one at the sender's domain: 128 random bits, which tell nothing about the host.
    ///
    /// # Errors
    /// Where the system has no random numbers.
    pub fn random(sender: &Address) -> Result<Self, ComposeError> {
        let mut octets = [0; 16];
        rustix::rand::getrandom(&mut octets, rustix::rand::GetRandomFlags::empty())
            .map_err(|error| ComposeError::Random(error.into()))?;
        let number = u128::from_le_bytes(octets);
        // RFC 5322 §3.6.4 lets id-right be a literal; a host that has no name has that much.
        Ok(Self(format!("{number:032x}@{}", sender.domain)))
    }

    /// The id without brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a header field: `ftext`, printable ASCII but the colon (RFC 5322 §3.6.8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldName(String);

impl FieldName {
    /// Reads a name; `None` where it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let is_ftext = |b: u8| b.is_ascii_graphic() && b != b':';
        ((1..=76).contains(&text.len()) && text.bytes().all(is_ftext))
            .then(|| Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is that field, in whatever case.
    pub fn is(&self, name: &str) -> bool {
        self.0.eq_ignore_ascii_case(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a08_no_text_ends_a_field() {
        for (text, field) in [
            ("x\r\nBcc: v@x", "x Bcc: v@x"),
            ("x\rBcc:", "x Bcc:"),
            ("x\n\n\0y", "x y"),
            ("  a  b ", "a b"),
            ("\u{85}x\u{2028}y", "x y"),
            ("", ""),
        ] {
            assert_eq!(FieldText::new(text).as_str(), field, "{text:?}");
        }
    }

    #[test]
    fn a08_message_ids_that_are_none() {
        for text in [
            "",
            "<>",
            "a b@c",
            "a@b\r\nBcc: x",
            "a@b>\r\n",
            "<a@b",
            "a@b\0",
            "é@b",
            &"a".repeat(251),
        ] {
            assert_eq!(MessageId::parse(text), None, "{text:?}");
        }
        assert_eq!(MessageId::parse(" <a@b> ").unwrap().as_str(), "a@b");
    }

    #[test]
    fn field_names() {
        for (text, good) in
            [("X-Foo", true), ("", false), ("X Foo", false), ("X:", false), ("X\r\nY", false)]
        {
            assert_eq!(FieldName::parse(text).is_some(), good, "{text:?}");
        }
    }

    #[test]
    fn random_ids_differ_and_are_at_the_senders_domain() {
        let sender = Address::parse("a@b.example").unwrap();
        let (one, two) = (MessageId::random(&sender).unwrap(), MessageId::random(&sender).unwrap());
        assert_ne!(one, two);
        assert!(one.as_str().ends_with("@b.example"));
        assert_eq!(MessageId::parse(one.as_str()), Some(one));
    }
}
