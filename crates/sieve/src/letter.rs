//! The message, as a script sees and changes it.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

use postroad_protocol::header;

use crate::extensions::editheader::End;
use crate::mime::{self, Part};
use crate::outcome::{Content, Rest};

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
    fields: Vec<Field<'a>>,
    /// From the empty line behind the header on.
    tail: Cow<'a, [u8]>,
    /// What it came as.
    raw: &'a [u8],
    header: Header,
    parts: Option<Rc<Part>>,
}

/// Whether the header is what it was when the letter came.
#[derive(Debug, Clone)]
enum Header {
    Original,
    /// Changed; made into octets when somebody asks.
    Edited,
    Made(Arc<[u8]>),
}

/// A header field: its octets, with the line end.
#[derive(Debug, Clone)]
pub(crate) struct Field<'a>(Cow<'a, [u8]>);

impl<'a> Field<'a> {
    fn parsed(&self) -> Option<header::Field<'_>> {
        header::fields(&self.0).next()
    }

    fn is(&self, name: &[u8]) -> bool {
        // What is no field has an empty name, and so has no field.
        !name.is_empty() && self.parsed().is_some_and(|field| field.name.eq_ignore_ascii_case(name))
    }

    fn raw_value(&self) -> Cow<'a, [u8]> {
        let start = memchr::memchr(b':', &self.0).map_or(self.0.len(), |colon| colon + 1);
        match &self.0 {
            Cow::Borrowed(raw) => Cow::Borrowed(raw.get(start..).unwrap_or_default()),
            Cow::Owned(raw) => Cow::Owned(raw.get(start..).unwrap_or_default().to_vec()),
        }
    }
}

impl<'a> Letter<'a> {
    pub(crate) fn new(message: &Message<'a>) -> Self {
        let mut walk = header::fields(message.raw);
        let fields = walk.by_ref().map(|field| Field(Cow::Borrowed(field.raw))).collect();
        let tail = Cow::Borrowed(walk.rest());
        Self { fields, tail, raw: message.raw, header: Header::Original, parts: None }
    }

    /// All octets, as the message is now.
    pub(crate) fn octets(&mut self) -> Cow<'a, [u8]> {
        match self.content() {
            Content::Original => Cow::Borrowed(self.raw),
            edited @ Content::Edited { .. } => Cow::Owned(edited.pieces(self.raw).concat()),
        }
    }

    /// Octets as RFC 5322 counts them: line ends are two (RFC 5228 §5.9).
    pub(crate) fn size(&mut self) -> u64 {
        let octets = self.octets();
        let is_bare = |at: &usize| at.checked_sub(1).and_then(|at| octets.get(at)) != Some(&b'\r');
        let bare = memchr::memchr_iter(b'\n', &octets).filter(is_bare).count();
        u64::try_from(octets.len() + bare).unwrap_or(u64::MAX)
    }

    /// The raw values of the fields of this name, from the top.
    pub(crate) fn raw_values(&self, name: &[u8]) -> Vec<Cow<'a, [u8]>> {
        self.fields.iter().filter(|field| field.is(name)).map(Field::raw_value).collect()
    }

    pub(crate) fn has(&self, name: &[u8]) -> bool {
        self.fields.iter().any(|field| field.is(name))
    }

    /// What follows the empty line; `None` where there is none.
    pub(crate) fn body(&self) -> Option<Cow<'a, [u8]>> {
        let start = match &*self.tail {
            [b'\r', b'\n', ..] => 2,
            [b'\n', ..] => 1,
            _ => return None,
        };
        Some(match &self.tail {
            Cow::Borrowed(tail) => Cow::Borrowed(tail.get(start..).unwrap_or_default()),
            Cow::Owned(tail) => Cow::Owned(tail.get(start..).unwrap_or_default().to_vec()),
        })
    }

    /// The message as its parts; ranges are of [`Letter::octets`].
    pub(crate) fn parts(&mut self) -> Rc<Part> {
        if let Some(parts) = &self.parts {
            return parts.clone();
        }
        let parts = Rc::new(mime::parse(&self.octets()));
        self.parts = Some(parts.clone());
        parts
    }

    /// As [`Letter::raw_values`], each with what [`Letter::delete_fields`] calls it.
    pub(crate) fn indexed_values(&self, name: &[u8]) -> Vec<(usize, Cow<'a, [u8]>)> {
        let named = self.fields.iter().enumerate().filter(|(_, field)| field.is(name));
        named.map(|(index, field)| (index, field.raw_value())).collect()
    }

    pub(crate) fn delete_fields(&mut self, doomed: &[usize]) {
        if doomed.is_empty() {
            return;
        }
        let mut index = 0..;
        self.fields.retain(|_| index.next().is_some_and(|index| !doomed.contains(&index)));
        self.header = Header::Edited;
    }

    /// Adds a field; name and value are safe, line ends in the value CRLF.
    pub(crate) fn add_field(&mut self, end: End, name: &str, value: &str) {
        let field = format!("{name}: {value}\r\n");
        let is_lf = memchr::memchr(b'\n', self.raw)
            .is_some_and(|at| at == 0 || self.raw.get(at - 1) != Some(&b'\r'));
        let field = if is_lf { field.replace("\r\n", "\n") } else { field };
        let field = Field(Cow::Owned(field.into_bytes()));
        match end {
            End::Top => self.fields.insert(0, field),
            End::Bottom => self.fields.push(field),
        }
        self.header = Header::Edited;
    }

    pub(crate) fn header_octets(&self) -> usize {
        self.fields.iter().map(|field| field.0.len()).sum()
    }

    /// What an action that is taken now is about.
    pub(crate) fn content(&mut self) -> Content {
        let header: Arc<[u8]> = match &self.header {
            Header::Original => return Content::Original,
            Header::Made(header) => header.clone(),
            Header::Edited => {
                let fields: Vec<&[u8]> = self.fields.iter().map(|field| &*field.0).collect();
                let header: Arc<[u8]> = fields.concat().into();
                self.header = Header::Made(header.clone());
                header
            }
        };
        Content::Edited {
            header,
            rest: Rest::Original { offset: self.raw.len() - self.tail.len() },
        }
    }
}
