//! GETMETADATA and SETMETADATA (RFC 5464 §4).

use super::{Command, Writer, spaced_mailbox};
use crate::scan::{Cursor, Scanned, SyntaxError};
use crate::value::MailboxName;

/// Which annotations are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetMetadata {
    /// `MAXSIZE`: longer values are left out (§4.2.1).
    pub max_size: Option<u64>,
    /// `DEPTH` (§4.2.2)
    pub depth: MetadataDepth,
    /// Which mailbox; the server itself where the name is empty.
    pub mailbox: MailboxName,
    /// Names of entries; at least one.
    pub entries: Vec<Vec<u8>>,
}

/// How far below an entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MetadataDepth {
    /// `0`: itself.
    #[default]
    Itself,
    /// `1`: what is right below it, too.
    Children,
    /// `infinity`: all that is below it, too.
    Infinite,
}

impl GetMetadata {
    /// ```text
    /// getmetadata = "GETMETADATA" [SP getmetadata-options] SP mailbox SP entries
    /// getmetadata-options = "(" getmetadata-option *(SP getmetadata-option) ")"
    /// entries     = entry / "(" entry *(SP entry) ")"
    /// ```
    /// Options behind the mailbox are taken too: the examples of §4.2 have them there.
    pub(super) fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        let mut options = (None, MetadataDepth::Itself);
        if cursor.rest().starts_with(b" (") {
            cursor.space()?;
            options = scan_options(cursor)?;
        }
        let mailbox = spaced_mailbox(cursor)?;
        cursor.space()?;
        let is_entry = matches!(cursor.rest(), [b'(', b'/' | b'"' | b'{', ..]);
        if cursor.peek() == Some(b'(') && !is_entry {
            options = scan_options(cursor)?;
            cursor.space()?;
        }
        let entries = match cursor.peek() {
            Some(b'(') => cursor.list(scan_entry)?,
            _ => scan_bare_entries(cursor)?,
        };
        Ok(Self { max_size: options.0, depth: options.1, mailbox, entries })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        let mut options = Vec::new();
        if let Some(octets) = self.max_size {
            options.push(format!("MAXSIZE {octets}"));
        }
        match self.depth {
            MetadataDepth::Itself => {}
            MetadataDepth::Children => options.push("DEPTH 1".to_owned()),
            MetadataDepth::Infinite => options.push("DEPTH infinity".to_owned()),
        }
        if !options.is_empty() {
            out.spaced(|out| out.list(options, |out, option| out.raw(option)));
        }
        out.spaced(|out| out.mailbox(&self.mailbox));
        out.spaced(|out| out.list(&self.entries, |out, entry| out.astring(entry)));
    }
}

/// Without their brackets, as an example of §4.2 has them.
fn scan_bare_entries(cursor: &mut Cursor<'_>) -> Scanned<Vec<Vec<u8>>> {
    let mut entries = vec![scan_entry(cursor)?];
    while cursor.eat(b' ') && !cursor.is_at_end() {
        entries.push(scan_entry(cursor)?);
    }
    Ok(entries)
}

fn scan_options(cursor: &mut Cursor<'_>) -> Scanned<(Option<u64>, MetadataDepth)> {
    let mut options = (None, MetadataDepth::Itself);
    cursor.list(|cursor| {
        match cursor.word("an option")?.as_slice() {
            b"MAXSIZE" => {
                cursor.space()?;
                options.0 = Some(cursor.number64()?);
            }
            b"DEPTH" => {
                cursor.space()?;
                options.1 = match cursor.word("a depth")?.as_slice() {
                    b"0" => MetadataDepth::Itself,
                    b"1" => MetadataDepth::Children,
                    b"INFINITY" => MetadataDepth::Infinite,
                    _ => return Err(SyntaxError::Unknown("depth")),
                };
            }
            _ => return Err(SyntaxError::Unknown("option")),
        }
        Ok(())
    })?;
    Ok(options)
}

/// ```text
/// entry = astring    ; slash-separated path, MUST NOT contain "*" or "%"
/// ```
pub(crate) fn scan_entry(cursor: &mut Cursor<'_>) -> Scanned<Vec<u8>> {
    let entry = cursor.astring("an entry")?;
    // RFC 5464 §3.2: it begins with a slash, doesn't end with one, and has no two in a row.
    let plain = |octet: &u8| matches!(octet, b' '..=b'~') && !matches!(octet, b'*' | b'%');
    let sound = entry.first() == Some(&b'/')
        && entry.last() != Some(&b'/')
        && !entry.windows(2).any(|pair| pair == b"//")
        && entry.iter().all(plain);
    if sound { Ok(entry.into_owned()) } else { Err(SyntaxError::Expected("an entry's name")) }
}

/// ```text
/// setmetadata  = "SETMETADATA" SP mailbox SP entry-values
/// entry-values = "(" entry-value *(SP entry-value) ")"
/// entry-value  = entry SP value
/// value        = nstring / literal8
/// ```
pub(super) fn scan_set(cursor: &mut Cursor<'_>) -> Scanned<Command> {
    let mailbox = spaced_mailbox(cursor)?;
    cursor.space()?;
    let entries = cursor.list(|cursor| {
        let entry = scan_entry(cursor)?;
        cursor.space()?;
        let value = cursor.nstring8("a value")?;
        Ok((entry, value.map(std::borrow::Cow::into_owned)))
    })?;
    Ok(Command::SetMetadata { mailbox, entries })
}

pub(super) fn write_set(
    mailbox: &MailboxName,
    entries: &[(Vec<u8>, Option<Vec<u8>>)],
    out: &mut Writer,
) {
    out.spaced(|out| out.mailbox(mailbox));
    out.spaced(|out| {
        out.list(entries, |out, (entry, value)| {
            out.astring(entry);
            out.spaced(|out| out.nstring(value.as_deref()));
        });
    });
}
