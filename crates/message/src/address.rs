//! Addresses in a header field (RFC 5322 §3.4, §4.4), as an envelope has them (RFC 9051 §7.5.2).
//!
//! Whatever a field holds, something comes of it: what a reader would take for an address is one.

use crate::lexical::{Cursor, is_space, push_unfolded, unquoted};
use crate::limits;
use crate::words;

/// One address, or the begin or end of a group (RFC 9051 §7.5.2, "address").
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Address {
    /// The display name without its quotes, its encoded words as they are; a comment where there is none.
    pub name: Option<Vec<u8>>,
    /// The source route (RFC 5322 §4.4, obs-route).
    pub route: Option<Vec<u8>>,
    /// The local part, quoted only where it must be; a group's name where `host` is none; none at a group's end.
    pub mailbox: Option<Vec<u8>>,
    /// The domain; empty where an address lacks one; none at the begin and the end of a group.
    pub host: Option<Vec<u8>>,
}

impl Address {
    /// The addresses of a field's value, with the begins and ends of groups.
    pub fn list(raw_value: &[u8]) -> Vec<Self> {
        let mut found = Vec::new();
        read_list(raw_value, limits::ADDRESSES_MAX, &mut found);
        found
    }
}

/// Adds the addresses of a value, until there are `most`.
pub(crate) fn read_list(raw_value: &[u8], most: usize, found: &mut Vec<Address>) {
    let mut list = List { cursor: Cursor::new(raw_value), most, found, group: Group::Outside };
    let mut vain = words::Vain::of(raw_value);
    let mut item = Item::default();
    while let Some(octet) = list.cursor.peek().filter(|_| list.found.len() < list.most) {
        match octet {
            b',' | b';' => {
                list.cursor.take(1);
                list.end_item(&mut item);
                if octet == b';' {
                    list.end_group();
                }
            }
            b':' if item.has_no_address() => {
                list.cursor.take(1);
                list.begin_group(&mut item);
            }
            b'<' => item.angle(&mut list.cursor),
            _ => item.step(&mut list.cursor, &mut vain),
        }
    }
    list.end_item(&mut item);
    list.end_group();
}

struct List<'a, 'f> {
    cursor: Cursor<'a>,
    most: usize,
    found: &'f mut Vec<Address>,
    group: Group,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Group {
    Outside,
    Inside,
}

impl List<'_, '_> {
    fn end_item(&mut self, item: &mut Item<'_>) {
        if let Some(address) =
            std::mem::take(item).finish().filter(|_| self.found.len() < self.most)
        {
            self.found.push(address);
        }
    }

    fn begin_group(&mut self, item: &mut Item<'_>) {
        let name = std::mem::take(item).phrase;
        // RFC 5322 §3.4: no group is in another.
        if self.group == Group::Outside {
            self.group = Group::Inside;
            self.found.push(Address { mailbox: Some(name), ..Address::default() });
        }
    }

    fn end_group(&mut self) {
        // This one may be one more than `most`: a group without an end swallows what follows it.
        if self.group == Group::Inside {
            self.group = Group::Outside;
            self.found.push(Address::default());
        }
    }
}

/// What stands between two commas.
#[derive(Debug, Default)]
struct Item<'a> {
    /// All words, with a space between two.
    phrase: Vec<u8>,
    /// The words that a local part is, if `@` follows; and how long the phrase was before them.
    last: Vec<u8>,
    before_last: usize,
    /// Whether the next word stands apart from the last one.
    gap: Gap,
    comment: Option<&'a [u8]>,
    address: Option<Found>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Gap {
    #[default]
    None,
    Space,
}

/// Where somebody gets letters.
#[derive(Debug, Default)]
struct Found {
    form: Form,
    name_octets: usize,
    route: Option<Vec<u8>>,
    mailbox: Vec<u8>,
    host: Vec<u8>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Form {
    #[default]
    Bare,
    Bracketed,
}

impl<'a> Item<'a> {
    fn has_no_address(&self) -> bool {
        self.address.is_none()
    }

    /// Goes over the next thing, which no comma, semicolon or angle bracket is.
    fn step(&mut self, cursor: &mut Cursor<'a>, vain: &mut words::Vain) {
        match cursor.peek() {
            Some(b'(') => {
                self.comment = Some(cursor.comment());
                self.gap = Gap::Space;
            }
            Some(octet) if is_space(octet) => {
                cursor.space();
                self.gap = Gap::Space;
            }
            Some(b'@') => {
                cursor.take(1);
                self.at(domain(cursor));
            }
            Some(b'"') => match cursor.quoted() {
                Some(says) => self.word(&says, &local_part(&says)),
                None => self.plain(cursor.take(1)),
            },
            // A comma in an encoded word, which must not be there, ends no address.
            Some(b'=') => match words::length(cursor.rest(), vain) {
                Some(length) => self.plain(cursor.take(length)),
                None => self.plain(cursor.take(1)),
            },
            // Nothing that an address has here.
            Some(b'>' | b'[' | b']' | b')' | b':' | b'\\') => {
                cursor.take(1);
                self.gap = Gap::Space;
            }
            Some(_) => {
                self.plain(cursor.take(1));
                self.plain(cursor.until(ends_word));
            }
            None => {}
        }
    }

    fn plain(&mut self, text: &[u8]) {
        self.word(text, text);
    }

    /// Another word, and how it is written in a local part.
    fn word(&mut self, says: &[u8], as_local_part: &[u8]) {
        if self.address.is_some() {
            return;
        }
        // RFC 5322 §4.4: the obsolete form has spaces around dots.
        let joins = self.last.ends_with(b".") || as_local_part.starts_with(b".");
        if self.gap == Gap::Space && !self.phrase.is_empty() {
            if !joins {
                self.last.clear();
                self.before_last = self.phrase.len();
            }
            self.phrase.push(b' ');
        }
        self.gap = Gap::None;
        for (text, out) in [(says, &mut self.phrase), (as_local_part, &mut self.last)] {
            out.reserve(text.len().max(limits::WORDS_OCTETS_FIRST));
            push_unfolded(text, out);
        }
    }

    /// `@` and a domain: the last word was a local part, and those before it are a name.
    fn at(&mut self, host: Vec<u8>) {
        match &mut self.address {
            // `a@b@c`: the last one counts.
            Some(found) if found.form == Form::Bare => {
                found.mailbox.push(b'@');
                found.mailbox.append(&mut found.host);
                found.host = host;
            }
            Some(_) => {}
            None => {
                let mailbox = std::mem::take(&mut self.last);
                let name_octets = self.before_last;
                self.address =
                    Some(Found { form: Form::Bare, name_octets, route: None, mailbox, host });
            }
        }
    }

    /// `<`, a route, an address, `>`.
    fn angle(&mut self, cursor: &mut Cursor<'a>) {
        cursor.take(1);
        let route = route(cursor);
        let mut inner = Item::default();
        while let Some(octet) = cursor.peek() {
            match octet {
                b'>' => {
                    cursor.take(1);
                    break;
                }
                // No end: what follows is the next address.
                b',' | b';' | b'<' => break,
                // No encoded words here (RFC 2047 §5).
                b'=' => inner.plain(cursor.take(1)),
                _ => inner.step(cursor, &mut words::Vain::none()),
            }
        }
        let mut found = inner.address.unwrap_or_else(|| Found {
            mailbox: std::mem::take(&mut inner.last),
            ..Found::default()
        });
        if self.address.is_none() {
            found.form = Form::Bracketed;
            found.name_octets = self.phrase.len();
            found.route = route;
            self.address = Some(found);
        }
    }

    fn finish(mut self) -> Option<Address> {
        let Some(found) = self.address else {
            let is_empty = self.phrase.is_empty();
            let mailbox = Some(self.phrase);
            let name = self.comment.map(|comment| unquoted(comment).into_owned());
            return (!is_empty).then(|| Address { name, route: None, mailbox, host: Some(vec![]) });
        };
        self.phrase.truncate(found.name_octets);
        let name = match self.phrase.is_empty() {
            false => Some(self.phrase),
            true => self.comment.map(|comment| unquoted(comment.trim_ascii()).into_owned()),
        };
        let name = name.filter(|name| !name.is_empty());
        let is_empty = name.is_none() && found.mailbox.is_empty() && found.host.is_empty();
        let (mailbox, host) = (Some(found.mailbox), Some(found.host));
        (!is_empty).then_some(Address { name, route: found.route, mailbox, host })
    }
}

fn ends_word(octet: u8) -> bool {
    is_space(octet)
        || matches!(octet, b'(' | b')' | b'<' | b'>' | b'@' | b',' | b';' | b':' | b'"')
        || matches!(octet, b'[' | b']' | b'\\' | b'=')
}

/// `obs-route = obs-domain-list ":"` (RFC 5322 §4.4).
fn route(cursor: &mut Cursor<'_>) -> Option<Vec<u8>> {
    cursor.comments();
    let is_route_end = |octet| matches!(octet, b':' | b'>' | b'<' | b';' | b'"' | b'(');
    let text = match cursor.peek() {
        Some(b'@' | b',') => cursor.clone().until(is_route_end),
        _ => return None,
    };
    if cursor.rest().get(text.len()) != Some(&b':') {
        return None;
    }
    cursor.take(text.len() + 1);
    Some(text.iter().copied().filter(|octet| !is_space(*octet) && *octet != 0).collect())
}

/// A domain, or an address in square brackets; without comments and white space.
fn domain(cursor: &mut Cursor<'_>) -> Vec<u8> {
    let mut domain = Vec::new();
    loop {
        cursor.comments();
        match cursor.peek() {
            Some(b'[') if domain.is_empty() => {
                let literal = cursor.until(|octet| matches!(octet, b']' | b'>' | b',' | b';'));
                domain.extend(literal.iter().filter(|octet| !is_space(**octet) && **octet != 0));
                if cursor.eat(b']') {
                    domain.push(b']');
                }
                return domain;
            }
            Some(octet) if !ends_word(octet) || octet == b'=' => {
                let label = cursor.until(|octet| ends_word(octet) && octet != b'=');
                domain.reserve(label.len().max(limits::WORDS_OCTETS_FIRST));
                push_unfolded(label, &mut domain);
            }
            _ => return domain,
        }
        // RFC 5322 §4.4, obs-domain: only a dot goes on behind white space.
        let mut ahead = cursor.clone();
        ahead.comments();
        if !domain.ends_with(b".") && ahead.peek() != Some(b'.') {
            return domain;
        }
    }
}

/// A local part as it has to be written (RFC 5322 §3.4.1): quoted only if that isn't a dot-atom.
fn local_part(says: &[u8]) -> Vec<u8> {
    let is_atext = |octet: &u8| {
        octet.is_ascii_alphanumeric() || !octet.is_ascii() || b"!#$%&'*+-/=?^_`{|}~".contains(octet)
    };
    let is_dot_atom = says
        .split(|octet| *octet == b'.')
        .all(|atom| !atom.is_empty() && atom.iter().all(is_atext));
    if is_dot_atom {
        return says.to_vec();
    }
    let mut quoted = vec![b'"'];
    for octet in says {
        if matches!(octet, b'"' | b'\\') {
            quoted.push(b'\\');
        }
        quoted.push(*octet);
    }
    quoted.push(b'"');
    quoted
}

#[cfg(test)]
mod tests;
