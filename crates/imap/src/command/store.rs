//! STORE (RFC 9051 §6.4.6), with RFC 7162's UNCHANGEDSINCE.

use super::Writer;
use crate::scan::{Cursor, Scanned, SyntaxError};
use crate::value::{Flag, SequenceSet};

/// Whose flags become what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// Which messages.
    pub set: SequenceSet,
    /// `UNCHANGEDSINCE`: only those whose mod-sequence isn't larger (RFC 7162 §3.1.3).
    pub unchanged_since: Option<u64>,
    /// What becomes of the flags.
    pub change: Change,
    /// Whether the new flags are told.
    pub replies: Replies,
    /// Which flags.
    pub flags: Vec<Flag>,
}

/// What becomes of flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// `FLAGS`: these and no others.
    Replace,
    /// `+FLAGS`
    Add,
    /// `-FLAGS`
    Remove,
}

/// Whether new flags are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replies {
    /// By a FETCH response each.
    Told,
    /// `.SILENT`: not to who changed them.
    Silent,
}

impl Store {
    /// ```text
    /// store           = "STORE" SP sequence-set [store-modifiers] SP store-att-flags
    /// store-modifiers = SP "(" store-modifier *(SP store-modifier) ")"
    /// store-att-flags = (["+" / "-"] "FLAGS" [".SILENT"]) SP (flag-list / (flag *(SP flag)))
    /// ```
    pub(super) fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        cursor.space()?;
        let set = SequenceSet::scan(cursor)?;
        cursor.space()?;
        let mut unchanged_since = None;
        if cursor.peek() == Some(b'(') {
            cursor.list(|cursor| match cursor.word("a modifier")?.as_slice() {
                b"UNCHANGEDSINCE" => {
                    cursor.space()?;
                    unchanged_since = Some(cursor.number64()?);
                    Ok(())
                }
                _ => Err(SyntaxError::Unknown("modifier")),
            })?;
            cursor.space()?;
        }
        let change = match () {
            () if cursor.eat(b'+') => Change::Add,
            () if cursor.eat(b'-') => Change::Remove,
            () => Change::Replace,
        };
        let replies = match cursor.name().to_ascii_uppercase().as_slice() {
            b"FLAGS" => Replies::Told,
            b"FLAGS.SILENT" => Replies::Silent,
            _ => return Err(SyntaxError::Expected("FLAGS")),
        };
        cursor.space()?;
        let flags = match cursor.peek() {
            Some(b'(') => cursor.list_or_empty(Flag::scan_settable)?,
            _ => scan_bare_flags(cursor)?,
        };
        let flags = flags.into_iter().flatten().collect();
        Ok(Self { set, unchanged_since, change, replies, flags })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.spaced(|out| out.set(&self.set));
        if let Some(since) = self.unchanged_since {
            out.raw(format!(" (UNCHANGEDSINCE {since})"));
        }
        out.raw(match self.change {
            Change::Replace => " FLAGS",
            Change::Add => " +FLAGS",
            Change::Remove => " -FLAGS",
        });
        if self.replies == Replies::Silent {
            out.raw(".SILENT");
        }
        out.spaced(|out| out.list(&self.flags, |out, flag| flag.write(out.octets())));
    }
}

fn scan_bare_flags(cursor: &mut Cursor<'_>) -> Scanned<Vec<Option<Flag>>> {
    let mut flags = vec![Flag::scan_settable(cursor)?];
    while cursor.eat(b' ') && !cursor.is_at_end() {
        flags.push(Flag::scan_settable(cursor)?);
    }
    Ok(flags)
}
