//! The message, as a script sees and changes it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use postroad_protocol::header;

use crate::extensions::body::with_crlf;
use crate::extensions::editheader::End;
use crate::limits;
use crate::mime::{self, Part, Parts};
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
    tail: Tail<'a>,
    /// What it came as.
    raw: &'a [u8],
    header: Header,
    /// What it was before it was first enclosed.
    unenclosed: Option<Content>,
    size: Option<u64>,
    parts: Option<Rc<Part>>,
    row: Option<Rc<Parts>>,
    /// What follows the empty line, with line ends as on the wire.
    raw_body: Option<Rc<Cow<'a, [u8]>>>,
    /// The texts of parts, by the parts' numbers.
    texts: BTreeMap<usize, Rc<Vec<Vec<u8>>>>,
}

/// Whether the header is what it was when the letter came.
#[derive(Debug, Clone)]
enum Header {
    Original,
    /// Changed; made into octets when somebody asks.
    Edited,
    Made(Arc<[u8]>),
}

#[derive(Debug, Clone)]
enum Tail<'a> {
    Original(&'a [u8]),
    Edited(Arc<[u8]>),
}

impl Tail<'_> {
    fn octets(&self) -> &[u8] {
        match self {
            Self::Original(octets) => octets,
            Self::Edited(octets) => octets,
        }
    }
}

/// A header field.
#[derive(Debug, Clone)]
struct Field<'a> {
    /// Its octets, with the line end.
    raw: Cow<'a, [u8]>,
    /// How long its name is; nothing for a line that is no field.
    name_octets: usize,
}

impl<'a> Field<'a> {
    fn new(raw: Cow<'a, [u8]>) -> Self {
        let name_octets = header::fields(&raw).next().map_or(0, |field| field.name.len());
        Self { raw, name_octets }
    }

    fn name(&self) -> &[u8] {
        self.raw.get(..self.name_octets).unwrap_or_default()
    }

    fn is(&self, name: &[u8]) -> bool {
        // What is no field has an empty name, and so has no field.
        !name.is_empty() && self.name().eq_ignore_ascii_case(name)
    }

    fn raw_value(&self) -> Cow<'a, [u8]> {
        let start = memchr::memchr(b':', &self.raw).map_or(self.raw.len(), |colon| colon + 1);
        match &self.raw {
            Cow::Borrowed(raw) => Cow::Borrowed(raw.get(start..).unwrap_or_default()),
            Cow::Owned(raw) => Cow::Owned(raw.get(start..).unwrap_or_default().to_vec()),
        }
    }
}

impl<'a> Letter<'a> {
    pub(crate) fn new(message: &Message<'a>) -> Self {
        let (fields, tail) = seen(message.raw);
        let fields = fields.map(|field| Field::new(Cow::Borrowed(field.raw))).collect();
        Self {
            fields: ended(fields, message.raw),
            tail: Tail::Original(tail),
            raw: message.raw,
            header: Header::Original,
            unenclosed: None,
            size: None,
            parts: None,
            row: None,
            raw_body: None,
            texts: BTreeMap::new(),
        }
    }

    /// A part, as though it were the message.
    pub(crate) fn of_part(part: &[u8]) -> Self {
        let mut letter = Self::new(&Message::new(b""));
        letter.set(part);
        letter
    }

    /// All octets, as the message is now.
    pub(crate) fn octets(&mut self) -> Cow<'a, [u8]> {
        match self.content() {
            Content::Original => Cow::Borrowed(self.raw),
            edited @ Content::Edited { .. } => Cow::Owned(edited.pieces(self.raw).concat()),
        }
    }

    /// Octets as RFC 5322 counts them: line ends are two (RFC 5228 §5.9); and how many were counted for that.
    pub(crate) fn size(&mut self) -> (u64, usize) {
        if let Some(size) = self.size {
            return (size, 0);
        }
        let content = self.content();
        let (mut size, mut counted) = (0, 0);
        // No line end lies in two pieces: the first one ends with a line.
        for piece in content.pieces(self.raw) {
            let before = |at: usize| at.checked_sub(1).and_then(|at| piece.get(at));
            let is_bare = |at: &usize| before(*at) != Some(&b'\r');
            size += piece.len() + memchr::memchr_iter(b'\n', piece).filter(is_bare).count();
            counted += piece.len();
        }
        let size = u64::try_from(size).unwrap_or(u64::MAX);
        self.size = Some(size);
        (size, counted)
    }

    /// The raw values of the fields of this name, from the top.
    pub(crate) fn raw_values(&self, name: &[u8]) -> Vec<Cow<'a, [u8]>> {
        self.fields.iter().filter(|field| field.is(name)).map(Field::raw_value).collect()
    }

    pub(crate) fn has(&self, name: &[u8]) -> bool {
        self.fields.iter().any(|field| field.is(name))
    }

    /// The fields, one a line that ends in CRLF.
    pub(crate) fn unfolded(&self) -> Vec<u8> {
        let line = |field: &Field<'_>| {
            let is_kept = |octet: &u8| !matches!(octet, b'\r' | b'\n');
            let octets = field.raw.iter().copied().filter(is_kept);
            octets.chain(*b"\r\n").collect::<Vec<u8>>()
        };
        self.fields.iter().flat_map(line).collect()
    }

    /// What follows the empty line; `None` where there is none.
    pub(crate) fn body(&self) -> Option<Cow<'a, [u8]>> {
        let tail = self.tail.octets();
        // Fields that the script doesn't see.
        let mut walk = header::fields(tail);
        walk.by_ref().for_each(drop);
        let hidden = tail.len() - walk.rest().len();
        let start = match walk.rest() {
            [b'\r', b'\n', ..] => hidden + 2,
            [b'\n', ..] => hidden + 1,
            _ => return None,
        };
        Some(match &self.tail {
            Tail::Original(tail) => Cow::Borrowed(tail.get(start..).unwrap_or_default()),
            Tail::Edited(tail) => Cow::Owned(tail.get(start..).unwrap_or_default().to_vec()),
        })
    }

    /// As [`Letter::body`], with line ends as on the wire, and what it cost to make them.
    pub(crate) fn raw_body(&mut self) -> Option<(Rc<Cow<'a, [u8]>>, usize)> {
        if let Some(body) = &self.raw_body {
            return Some((body.clone(), 0));
        }
        let body = Rc::new(with_crlf(self.body()?));
        self.raw_body = Some(body.clone());
        let octets = body.len();
        Some((body, octets))
    }

    /// The texts of a part that were kept, if they were.
    pub(crate) fn texts(&self, part: usize) -> Option<Rc<Vec<Vec<u8>>>> {
        self.texts.get(&part).cloned()
    }

    /// Keeps the texts of a part until the letter is changed.
    pub(crate) fn keep_texts(&mut self, part: usize, texts: Rc<Vec<Vec<u8>>>) {
        self.texts.insert(part, texts);
    }

    /// The message as its parts, and what it cost to find them; ranges are of [`Letter::octets`].
    pub(crate) fn parts(&mut self) -> (Rc<Part>, usize) {
        if let Some(parts) = &self.parts {
            return (parts.clone(), 0);
        }
        let octets = self.octets();
        let looked_at = octets.len();
        let parts = Rc::new(mime::parse(&octets));
        self.parts = Some(parts.clone());
        (parts, looked_at)
    }

    /// As [`Letter::parts`], in a row.
    pub(crate) fn row(&mut self) -> (Rc<Parts>, usize) {
        if let Some(row) = &self.row {
            return (row.clone(), 0);
        }
        let (row, looked_at) = Parts::of(self.octets().into_owned());
        let row = Rc::new(row);
        self.row = Some(row.clone());
        (row, looked_at)
    }

    /// As [`Letter::raw_values`], each with what [`Letter::delete_fields`] calls it.
    pub(crate) fn indexed_values(&self, name: &[u8]) -> Vec<(usize, Cow<'a, [u8]>)> {
        let named = self.fields.iter().enumerate().filter(|(_, field)| field.is(name));
        named.map(|(index, field)| (index, field.raw_value())).collect()
    }

    /// Deletes fields, by what [`Letter::indexed_values`] calls them, in its order.
    pub(crate) fn delete_fields(&mut self, doomed: &[usize]) {
        if doomed.is_empty() {
            return;
        }
        let mut index = 0..;
        let mut doomed = doomed.iter().peekable();
        self.fields.retain(|_| {
            let index = index.next();
            doomed.next_if(|doomed| Some(**doomed) == index).is_none()
        });
        self.edited();
    }

    /// Adds a field; name and value are safe, line ends in the value CRLF.
    pub(crate) fn add_field(&mut self, end: End, name: &str, value: &str) {
        let field = format!("{name}: {value}\r\n");
        let is_lf = self.has_lf();
        let field = if is_lf { field.replace("\r\n", "\n") } else { field };
        let field = Field::new(Cow::Owned(field.into_bytes()));
        match end {
            End::Top => self.fields.insert(0, field),
            End::Bottom => self.fields.push(field),
        }
        self.edited();
    }

    pub(crate) fn header_octets(&self) -> usize {
        self.fields.iter().map(|field| field.raw.len()).sum()
    }

    /// What an action that is taken now is about.
    pub(crate) fn content(&mut self) -> Content {
        let header: Arc<[u8]> = match &self.header {
            Header::Original => return Content::Original,
            Header::Made(header) => header.clone(),
            Header::Edited => {
                let fields: Vec<&[u8]> = self.fields.iter().map(|field| &*field.raw).collect();
                let header: Arc<[u8]> = fields.concat().into();
                self.header = Header::Made(header.clone());
                header
            }
        };
        let rest = match &self.tail {
            Tail::Original(tail) => Rest::Original { offset: self.raw.len() - tail.len() },
            Tail::Edited(tail) => Rest::Edited(tail.clone()),
        };
        Content::Edited { header, rest }
    }

    /// What is sent on: RFC 5703 §6 has it that `enclose` doesn't affect that.
    pub(crate) fn forwarded(&mut self) -> Content {
        self.unenclosed.clone().unwrap_or_else(|| self.content())
    }

    /// How many fields there are.
    pub(crate) fn field_count(&self) -> usize {
        self.fields.len()
    }

    /// Fields whose name, in lower case, is wanted: octets, in order.
    pub(crate) fn fields_of(&self, is_wanted: impl Fn(&str) -> bool) -> Vec<u8> {
        let wanted = self.fields.iter().filter(|field| {
            is_wanted(&String::from_utf8_lossy(&field.name().to_ascii_lowercase()))
        });
        wanted.map(|field| &*field.raw).collect::<Vec<_>>().concat()
    }

    /// Gives the fields of a name another.
    pub(crate) fn rename_fields(&mut self, name: &str, new_name: &str) {
        for field in &mut self.fields {
            if field.is(name.as_bytes()) {
                let rest = field.raw.get(name.len()..).unwrap_or_default();
                *field = Field::new(Cow::Owned([new_name.as_bytes(), rest].concat()));
            }
        }
        self.edited();
    }

    /// Puts an entity, whose lines end in CRLF, in place of the content: its header takes the place of what
    /// described the old one.
    pub(crate) fn replace_content(&mut self, entity: &[u8]) {
        let is_content = |name: &str| name.starts_with("content-") || name == "mime-version";
        let header = self.fields_of(|name| !is_content(name));
        let version = b"MIME-Version: 1.0\r\n";
        let entity = self.in_our_line_ends(&[version, entity].concat());
        self.set(&[header, entity].concat());
    }

    /// Becomes a message of `fields`, a header, and a body that has `message` in it.
    pub(crate) fn enclose(
        &mut self,
        fields: &[u8],
        header: &str,
        body: &[u8],
        message: &[u8],
        end: &str,
    ) {
        if self.unenclosed.is_none() {
            self.unenclosed = Some(self.content());
        }
        let head = [header.as_bytes(), b"\r\n", body].concat();
        let (head, end) = (self.in_our_line_ends(&head), self.in_our_line_ends(end.as_bytes()));
        self.set(&[fields, &head, message, &end].concat());
    }

    /// Becomes this message, whatever ends its lines.
    pub(crate) fn become_message(&mut self, message: &[u8]) {
        let lines = memchr::memchr_iter(b'\n', message).count();
        let mut crlf = Vec::with_capacity(message.len() + lines);
        for line in message.split_inclusive(|octet| *octet == b'\n') {
            match line.strip_suffix(b"\n") {
                Some(line) => {
                    crlf.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
                    crlf.extend_from_slice(b"\r\n");
                }
                None => crlf.extend_from_slice(line),
            }
        }
        let message = self.in_our_line_ends(&crlf);
        self.set(&message);
    }

    /// What follows the header becomes what follows it in this message.
    pub(crate) fn set_rest_of(&mut self, message: &[u8]) {
        self.tail = Tail::Edited(seen(message).1.into());
        self.edited();
    }

    /// Becomes this message.
    fn set(&mut self, message: &[u8]) {
        let (fields, tail) = seen(message);
        let fields = fields.map(|field| Field::new(Cow::Owned(field.raw.to_vec()))).collect();
        (self.fields, self.tail) = (ended(fields, message), Tail::Edited(tail.into()));
        self.edited();
    }

    fn in_our_line_ends(&self, text: &[u8]) -> Vec<u8> {
        match self.has_lf() {
            true => mime::without_cr(text),
            false => text.to_vec(),
        }
    }

    /// Whether lines end in LF alone.
    fn has_lf(&self) -> bool {
        has_lf(self.raw)
    }

    fn edited(&mut self) {
        self.header = Header::Edited;
        (self.size, self.parts, self.row, self.raw_body) = (None, None, None, None);
        self.texts.clear();
    }
}

/// The fields of a message that a script sees, and what follows them: the empty line and the body at last.
fn seen(message: &[u8]) -> (impl Iterator<Item = header::Field<'_>>, &[u8]) {
    let fields = header::fields(message).scan(0, |octets, field| {
        *octets += field.raw.len();
        (*octets <= limits::HEADER_OCTETS_MAX).then_some(field)
    });
    let octets: usize = fields.clone().map(|field| field.raw.len()).sum();
    (fields, message.get(octets..).unwrap_or_default())
}

/// With a line end behind the last one, where the message ended in the middle of it: others may follow it.
fn ended<'a>(mut fields: Vec<Field<'a>>, message: &[u8]) -> Vec<Field<'a>> {
    let last = fields.last_mut().filter(|last| !last.raw.ends_with(b"\n"));
    if let Some(last) = last {
        let line_end: &[u8] = if has_lf(message) { b"\n" } else { b"\r\n" };
        last.raw = Cow::Owned([&last.raw, line_end].concat());
    }
    fields
}

fn has_lf(message: &[u8]) -> bool {
    memchr::memchr(b'\n', message).is_some_and(|at| at == 0 || message.get(at - 1) != Some(&b'\r'))
}
