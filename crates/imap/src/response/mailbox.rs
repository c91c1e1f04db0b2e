//! LIST, LSUB, NAMESPACE and STATUS (RFC 9051 §7.3, RFC 5258, RFC 6154).

use super::spaced_mailbox;
use crate::command::{ListSelection, SpecialUse, StatusItem};
use crate::scan::{Cursor, Scanned, SyntaxError};
use crate::value::{Keyword, MailboxName, NameEncoding};
use crate::write;

/// One mailbox of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListItem {
    /// What it is.
    pub attributes: Vec<MailboxAttribute>,
    /// What stands between a name and one below it; none in a flat name.
    pub separator: Option<char>,
    /// Its name.
    pub mailbox: MailboxName,
    /// What else is told.
    pub extended: Vec<ListExtended>,
}

/// What a mailbox is (RFC 9051 §7.3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailboxAttribute {
    /// `\NonExistent`
    NonExistent,
    /// `\Noinferiors`
    NoInferiors,
    /// `\Noselect`
    NoSelect,
    /// `\HasChildren`
    HasChildren,
    /// `\HasNoChildren`
    HasNoChildren,
    /// `\Marked`
    Marked,
    /// `\Unmarked`
    Unmarked,
    /// `\Subscribed`
    Subscribed,
    /// `\Remote`
    Remote,
    /// What it is for.
    Use(SpecialUse),
    /// One that isn't known.
    Other(Keyword),
}

const ATTRIBUTES: [(&str, MailboxAttribute); 9] = [
    ("\\NonExistent", MailboxAttribute::NonExistent),
    ("\\Noinferiors", MailboxAttribute::NoInferiors),
    ("\\Noselect", MailboxAttribute::NoSelect),
    ("\\HasChildren", MailboxAttribute::HasChildren),
    ("\\HasNoChildren", MailboxAttribute::HasNoChildren),
    ("\\Marked", MailboxAttribute::Marked),
    ("\\Unmarked", MailboxAttribute::Unmarked),
    ("\\Subscribed", MailboxAttribute::Subscribed),
    ("\\Remote", MailboxAttribute::Remote),
];

impl MailboxAttribute {
    fn write(&self, out: &mut Vec<u8>) {
        let known = ATTRIBUTES.iter().find(|(_, attribute)| attribute == self);
        match (self, known) {
            (_, Some((name, _))) => out.extend_from_slice(name.as_bytes()),
            (Self::Use(special), _) => out.extend_from_slice(special.as_str().as_bytes()),
            (Self::Other(name), _) => {
                out.push(b'\\');
                out.extend_from_slice(name.as_str().as_bytes());
            }
            (_, None) => {}
        }
    }

    fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        let name = cursor.take_while(|octet| !matches!(octet, b' ' | b')'));
        let known =
            ATTRIBUTES.into_iter().find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()));
        if let Some((_, attribute)) = known {
            return Ok(attribute);
        }
        if let Some(special) = SpecialUse::parse(name) {
            return Ok(Self::Use(special));
        }
        let name = name.strip_prefix(b"\\").unwrap_or(name);
        Keyword::parse(name).map(Self::Other).ok_or(SyntaxError::Expected("an attribute"))
    }
}

/// RFC 9051 §6.3.9.6, §6.3.9.7.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListExtended {
    /// `CHILDINFO`: something below it is what was asked for.
    ChildInfo(Vec<ListSelection>),
    /// `OLDNAME`: its name before.
    OldName(MailboxName),
}

impl ListItem {
    /// ```text
    /// mailbox-list = "(" [mbx-list-flags] ")" SP (DQUOTE QUOTED-CHAR DQUOTE / nil) SP mailbox [SP mbox-list-extended]
    /// ```
    pub(super) fn write(&self, name: &[u8], out: &mut Vec<u8>, names: NameEncoding) {
        out.extend_from_slice(name);
        write::list(out, &self.attributes, |out, attribute| attribute.write(out));
        out.push(b' ');
        write_separator(self.separator, out);
        out.push(b' ');
        self.mailbox.write(out, names);
        if !self.extended.is_empty() {
            out.push(b' ');
            write::list(out, &self.extended, |out, item| item.write(out, names));
        }
    }

    pub(super) fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        cursor.space()?;
        let attributes = cursor.list_or_empty(MailboxAttribute::scan)?;
        cursor.space()?;
        let separator = scan_separator(cursor)?;
        let mailbox = spaced_mailbox(cursor)?;
        let mut extended = Vec::new();
        if cursor.rest().starts_with(b" (") {
            cursor.space()?;
            extended = cursor.list_or_empty(ListExtended::scan)?.into_iter().flatten().collect();
        }
        Ok(Self { attributes, separator, mailbox, extended })
    }
}

fn write_separator(separator: Option<char>, out: &mut Vec<u8>) {
    let mut octets = [0; 4];
    match separator {
        Some(separator) => write::quoted(out, separator.encode_utf8(&mut octets).as_bytes()),
        None => out.extend_from_slice(b"NIL"),
    }
}

fn scan_separator(cursor: &mut Cursor<'_>) -> Scanned<Option<char>> {
    const WHAT: SyntaxError = SyntaxError::Expected("a separator");
    let Some(text) = cursor.nstring("a separator")? else { return Ok(None) };
    let mut chars = std::str::from_utf8(&text).map_err(|_| WHAT)?.chars();
    match (chars.next(), chars.next()) {
        (Some(separator), None) => Ok(Some(separator)),
        _ => Err(WHAT),
    }
}

impl ListExtended {
    fn write(&self, out: &mut Vec<u8>, names: NameEncoding) {
        match self {
            Self::ChildInfo(selection) => {
                out.extend_from_slice(b"\"CHILDINFO\" ");
                write::list(out, selection, |out, option| {
                    write::quoted(out, option.name().as_bytes())
                });
            }
            Self::OldName(mailbox) => {
                out.extend_from_slice(b"\"OLDNAME\" ");
                write::list(out, [mailbox], |out, mailbox| mailbox.write(out, names));
            }
        }
    }

    fn scan(cursor: &mut Cursor<'_>) -> Scanned<Option<Self>> {
        let tag = cursor.astring("an item")?.to_ascii_uppercase();
        cursor.space()?;
        Ok(match tag.as_slice() {
            b"CHILDINFO" => {
                let options = cursor.list(|cursor| {
                    let name = cursor.astring("an option")?;
                    ListSelection::parse(&name).ok_or(SyntaxError::Unknown("option"))
                })?;
                Some(Self::ChildInfo(options))
            }
            b"OLDNAME" => cursor.list(MailboxName::scan)?.into_iter().next().map(Self::OldName),
            _ => {
                cursor.skip_value()?;
                None
            }
        })
    }
}

/// Where mailboxes of one kind are (RFC 9051 §6.3.10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespaceItem {
    /// What their names begin with.
    pub prefix: MailboxName,
    /// What stands between a name and one below it.
    pub separator: Option<char>,
}

/// ```text
/// namespace       = nil / "(" 1*namespace-descr ")"
/// namespace-descr = "(" string SP (DQUOTE QUOTED-CHAR DQUOTE / nil) [namespace-response-extensions] ")"
/// ```
pub(super) fn write_namespace(items: &[NamespaceItem], out: &mut Vec<u8>, names: NameEncoding) {
    out.push(b' ');
    if items.is_empty() {
        return out.extend_from_slice(b"NIL");
    }
    out.push(b'(');
    for item in items {
        out.push(b'(');
        write::string(out, item.prefix.to_wire(names).as_bytes(), names.quoting());
        out.push(b' ');
        write_separator(item.separator, out);
        out.push(b')');
    }
    out.push(b')');
}

pub(super) fn scan_namespace(cursor: &mut Cursor<'_>) -> Scanned<Vec<NamespaceItem>> {
    cursor.space()?;
    if cursor.eat_nil() {
        return Ok(Vec::new());
    }
    cursor.expect(b'(', "a namespace")?;
    let mut items = Vec::new();
    while cursor.eat(b'(') {
        let prefix = MailboxName::scan(cursor)?;
        cursor.space()?;
        items.push(NamespaceItem { prefix, separator: scan_separator(cursor)? });
        while cursor.eat(b' ') {
            cursor.skip_value()?;
        }
        cursor.expect(b')', "the namespace's end")?;
        // Some servers put a space between two.
        cursor.eat(b' ');
    }
    cursor.expect(b')', "the namespaces' end")?;
    Ok(items)
}

/// What STATUS tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatusValue {
    /// A number.
    Number(StatusItem, u64),
    /// `APPENDLIMIT NIL`: there is none (RFC 7889 §3.1).
    NoAppendLimit,
    /// `MAILBOXID (…)`
    MailboxId(String),
}

impl StatusValue {
    /// ```text
    /// status-att-val = ("MESSAGES" SP number) / ("UIDNEXT" SP nz-number) / …
    /// ```
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Number(item, number) => {
                out.extend_from_slice(item.name().as_bytes());
                out.push(b' ');
                write::number(out, *number);
            }
            Self::NoAppendLimit => out.extend_from_slice(b"APPENDLIMIT NIL"),
            Self::MailboxId(id) => {
                out.extend_from_slice(b"MAILBOXID (");
                out.extend_from_slice(id.as_bytes());
                out.push(b')');
            }
        }
    }

    pub(super) fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        let item = StatusItem::scan(cursor)?;
        cursor.space()?;
        Ok(match item {
            StatusItem::AppendLimit if cursor.eat_nil() => Self::NoAppendLimit,
            StatusItem::MailboxId => {
                let id = cursor.list(|cursor| Ok(cursor.atom("an id")?.to_vec()))?.swap_remove(0);
                Self::MailboxId(String::from_utf8_lossy(&id).into_owned())
            }
            item => Self::Number(item, cursor.number64()?),
        })
    }
}
