//! The message, as a script sees and changes it.

use std::borrow::Cow;

use postroad_protocol::header;

use crate::decode;
use crate::outcome::Content;

/// A message as it came, whole.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    raw: &'a [u8],
}

impl<'a> Message<'a> {
    /// Lines may end in CRLF or LF.
    pub fn new(raw: &'a [u8]) -> Self {
        Self { raw }
    }
}

/// A message while a script looks at it.
#[derive(Debug)]
pub(crate) struct Letter<'a> {
    raw: &'a [u8],
    fields: Vec<header::Field<'a>>,
}

impl<'a> Letter<'a> {
    pub(crate) fn new(message: &Message<'a>) -> Self {
        let fields = header::fields(message.raw).filter(|field| !field.name.is_empty()).collect();
        Self { raw: message.raw, fields }
    }

    /// Octets as RFC 5322 counts them: line ends are two (RFC 5228 §5.9).
    pub(crate) fn size(&self) -> u64 {
        let line_ends = memchr::memchr_iter(b'\n', self.raw);
        let bare = line_ends.filter(|at| {
            !matches!(at.checked_sub(1).map(|at| self.raw.get(at)), Some(Some(b'\r')))
        });
        u64::try_from(self.raw.len() + bare.count()).unwrap_or(u64::MAX)
    }

    /// The raw values of the fields of this name, from the top.
    pub(crate) fn raw_values(&self, name: &[u8]) -> impl Iterator<Item = &'a [u8]> {
        let fields = self.fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name));
        fields.map(|field| field.raw_value)
    }

    /// The values of the fields of this name: unfolded, decoded, without white space around them
    /// (RFC 5228 §2.4.2.2, §5.7).
    pub(crate) fn values(&self, name: &[u8]) -> impl Iterator<Item = Cow<'a, [u8]>> {
        self.raw_values(name).map(|value| trimmed(decode::encoded_words(decode::unfold(value))))
    }

    pub(crate) fn has(&self, name: &[u8]) -> bool {
        self.raw_values(name).next().is_some()
    }

    /// What an action that is taken now is about.
    pub(crate) fn content(&self) -> Content {
        Content::Original
    }
}

fn trimmed(value: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    match value {
        Cow::Borrowed(value) => Cow::Borrowed(value.trim_ascii()),
        Cow::Owned(value) if value.trim_ascii().len() == value.len() => Cow::Owned(value),
        Cow::Owned(value) => Cow::Owned(value.trim_ascii().to_vec()),
    }
}
