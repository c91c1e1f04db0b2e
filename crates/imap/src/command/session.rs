//! AUTHENTICATE (RFC 9051 §6.2.2), ENABLE (§6.3.1), ID (RFC 2971).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Command, Writer};
use crate::limits;
use crate::scan::{Cursor, Scanned, SyntaxError};
use crate::value::Secret;

/// A pair of ID: a name, and its value unless that is NIL.
pub type IdField = (Vec<u8>, Option<Vec<u8>>);

/// What ENABLE can switch on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Extension {
    /// `CONDSTORE` (RFC 7162)
    CondStore,
    /// `QRESYNC` (RFC 7162)
    QResync,
    /// `UTF8=ACCEPT` (RFC 6855)
    Utf8Accept,
    /// `IMAP4rev2` (RFC 9051)
    Imap4Rev2,
    /// `METADATA` (RFC 5464 §4.1)
    Metadata,
    /// `METADATA-SERVER`
    MetadataServer,
    /// `UIDONLY` (RFC 9586)
    UidOnly,
    /// One that we don't know, which is no error (RFC 5161 §3.1).
    Other(Vec<u8>),
}

impl Extension {
    /// Its name on the wire.
    pub fn name(&self) -> &[u8] {
        match self {
            Self::CondStore => b"CONDSTORE",
            Self::QResync => b"QRESYNC",
            Self::Utf8Accept => b"UTF8=ACCEPT",
            Self::Imap4Rev2 => b"IMAP4rev2",
            Self::Metadata => b"METADATA",
            Self::MetadataServer => b"METADATA-SERVER",
            Self::UidOnly => b"UIDONLY",
            Self::Other(name) => name,
        }
    }

    pub(crate) fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        Ok(match cursor.word("a capability")?.as_slice() {
            b"CONDSTORE" => Self::CondStore,
            b"QRESYNC" => Self::QResync,
            b"UTF8=ACCEPT" => Self::Utf8Accept,
            b"IMAP4REV2" => Self::Imap4Rev2,
            b"METADATA" => Self::Metadata,
            b"METADATA-SERVER" => Self::MetadataServer,
            b"UIDONLY" => Self::UidOnly,
            name => Self::Other(name.to_vec()),
        })
    }
}

/// ```text
/// enable = "ENABLE" 1*(SP capability)
/// ```
pub(super) fn scan_enable(cursor: &mut Cursor<'_>) -> Scanned<Vec<Extension>> {
    let mut extensions = Vec::new();
    while cursor.eat(b' ') {
        extensions.push(Extension::scan(cursor)?);
    }
    match extensions.is_empty() {
        true => Err(SyntaxError::Expected("a capability")),
        false => Ok(extensions),
    }
}

pub(super) fn write_enable(extensions: &[Extension], out: &mut Writer) {
    for extension in extensions {
        out.spaced(|out| out.raw(extension.name()));
    }
}

/// Whether this can be a mechanism's name (RFC 4422 §3.1).
pub fn is_mechanism(name: &[u8]) -> bool {
    let is_in = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
    (1..=20).contains(&name.len()) && name.iter().all(is_in)
}

/// ```text
/// authenticate = "AUTHENTICATE" SP auth-type [SP initial-resp] *(CRLF base64)
/// initial-resp = (base64 / "=")
/// ```
pub(super) fn scan_authenticate(cursor: &mut Cursor<'_>) -> Scanned<Command> {
    cursor.space()?;
    let mechanism = cursor.word("a mechanism")?;
    if !is_mechanism(&mechanism) {
        return Err(SyntaxError::Expected("a mechanism"));
    }
    let mechanism = String::from_utf8_lossy(&mechanism).into_owned();
    if !cursor.eat(b' ') {
        return Ok(Command::Authenticate { mechanism, initial: None });
    }
    let text = cursor.take_while(|octet| octet != b' ');
    // RFC 4959 §3: "=" is an empty response, which is not the same as none.
    let initial = if text == b"=" { Some(Vec::new()) } else { STANDARD.decode(text).ok() };
    let initial = initial.ok_or(SyntaxError::Expected("an initial response in base64"))?;
    Ok(Command::Authenticate { mechanism, initial: Some(Secret(initial)) })
}

pub(super) fn write_authenticate(mechanism: &str, initial: Option<&Secret>, out: &mut Writer) {
    out.spaced(|out| out.raw(mechanism));
    match initial {
        None => {}
        Some(Secret(initial)) if initial.is_empty() => out.raw(" ="),
        Some(Secret(initial)) => out.spaced(|out| out.raw(STANDARD.encode(initial))),
    }
}

/// ```text
/// id         = "ID" SP id_params_list
/// id_params_list = "(" #(string SPACE nstring) ")" / nil
/// ```
pub(super) fn scan_id(cursor: &mut Cursor<'_>) -> Scanned<Vec<IdField>> {
    cursor.space()?;
    scan_id_fields(cursor)
}

pub(crate) fn scan_id_fields(cursor: &mut Cursor<'_>) -> Scanned<Vec<IdField>> {
    if cursor.eat_nil() {
        return Ok(Vec::new());
    }
    let mut fields = 0;
    cursor.list_or_empty(|cursor| {
        fields += 1;
        // RFC 2971 §3.3: at most 30 pairs, short ones.
        if fields > limits::ID_PAIRS_MAX {
            return Err(SyntaxError::TooLong("an ID"));
        }
        let name = cursor.string("a name")?;
        cursor.space()?;
        let value = cursor.nstring("a value")?;
        let value_octets = value.as_ref().map_or(0, |value| value.len());
        if name.len() > limits::ID_NAME_OCTETS_MAX || value_octets > limits::ID_VALUE_OCTETS_MAX {
            return Err(SyntaxError::TooLong("an ID"));
        }
        Ok((name.into_owned(), value.map(std::borrow::Cow::into_owned)))
    })
}

pub(super) fn write_id(fields: &[IdField], out: &mut Writer) {
    if fields.is_empty() {
        return out.raw(" NIL");
    }
    out.spaced(|out| {
        out.list(fields, |out, (name, value)| {
            out.string(name);
            out.spaced(|out| out.nstring(value.as_deref()));
        });
    });
}
