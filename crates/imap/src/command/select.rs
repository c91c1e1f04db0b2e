//! SELECT and EXAMINE (RFC 9051 §6.3.2, §6.3.3), with RFC 7162's parameters.

use std::num::{NonZeroU32, NonZeroU64};

use super::Writer;
use crate::scan::{Cursor, Scanned, SyntaxError};
use crate::value::{MailboxName, SequenceSet, Set};

/// Whether a mailbox is opened for changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// `SELECT`
    ReadWrite,
    /// `EXAMINE`
    ReadOnly,
}

impl Access {
    pub(super) fn command(self) -> &'static str {
        match self {
            Self::ReadWrite => "SELECT",
            Self::ReadOnly => "EXAMINE",
        }
    }
}

/// Which mailbox is opened, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Select {
    /// For changes?
    pub access: Access,
    /// Its name.
    pub mailbox: MailboxName,
    /// Whether `(CONDSTORE)` was said (RFC 7162 §3.1.8).
    pub condstore: CondStore,
    /// What the client knows (§3.2.5).
    pub qresync: Option<QResync>,
}

/// Whether mod-sequences are asked for with SELECT.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CondStore {
    /// They aren't.
    #[default]
    No,
    /// They are.
    Asked,
}

/// What a client remembers of a mailbox (RFC 7162 §3.2.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QResync {
    /// The last known UIDVALIDITY.
    pub uid_validity: NonZeroU32,
    /// The last known mod-sequence.
    pub mod_seq: NonZeroU64,
    /// The UIDs that it knows; all, where none are named.
    pub known_uids: Option<Set>,
    /// Sequence numbers and the UIDs that they had (§3.2.5.2).
    pub matches: Option<(Set, Set)>,
}

impl Select {
    /// ```text
    /// select        = "SELECT" SP mailbox [select-params]       ; RFC 4466
    /// select-params = SP "(" select-param *(SP select-param) ")"
    /// ```
    pub(super) fn scan(access: Access, cursor: &mut Cursor<'_>) -> Scanned<Self> {
        let mailbox = super::spaced_mailbox(cursor)?;
        let mut select = Self { access, mailbox, condstore: CondStore::No, qresync: None };
        if cursor.rest().starts_with(b" (") {
            cursor.space()?;
            cursor.list(|cursor| match cursor.word("a parameter")?.as_slice() {
                b"CONDSTORE" => {
                    select.condstore = CondStore::Asked;
                    Ok(())
                }
                b"QRESYNC" => {
                    cursor.space()?;
                    select.qresync = Some(QResync::scan(cursor)?);
                    Ok(())
                }
                _ => Err(SyntaxError::Unknown("parameter")),
            })?;
        }
        Ok(select)
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.spaced(|out| out.mailbox(&self.mailbox));
        let condstore = self.condstore == CondStore::Asked;
        match (&self.qresync, condstore) {
            (None, false) => {}
            (None, true) => out.raw(" (CONDSTORE)"),
            (Some(qresync), _) => {
                out.raw(if condstore { " (CONDSTORE QRESYNC " } else { " (QRESYNC " });
                qresync.write(out);
                out.raw(")");
            }
        }
    }
}

impl QResync {
    /// ```text
    /// select-param   =/ "QRESYNC" SP "(" uidvalidity SP mod-sequence-value [SP known-uids] [SP seq-match-data] ")"
    /// seq-match-data = "(" known-sequence-set SP known-uid-set ")"
    /// ```
    fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        cursor.nested(|cursor| {
            cursor.expect(b'(', "a list")?;
            let uid_validity = cursor.nz_number()?;
            cursor.space()?;
            let mod_seq = NonZeroU64::new(cursor.number64()?);
            let mod_seq = mod_seq.ok_or(SyntaxError::Expected("a mod-sequence above 0"))?;
            let mut qresync = Self { uid_validity, mod_seq, known_uids: None, matches: None };
            let mut space = cursor.eat(b' ');
            if space && cursor.peek() != Some(b'(') {
                qresync.known_uids = Some(Set::scan_known(cursor)?);
                space = cursor.eat(b' ');
            }
            if space {
                qresync.matches = Some(cursor.nested(scan_matches)?);
            }
            cursor.expect(b')', "the list's end")?;
            Ok(qresync)
        })
    }

    fn write(&self, out: &mut Writer) {
        out.raw("(");
        out.number(self.uid_validity.get().into());
        out.spaced(|out| out.number(self.mod_seq.get()));
        if let Some(known) = &self.known_uids {
            out.spaced(|out| known.write(out.octets()));
        }
        if let Some((numbers, uids)) = &self.matches {
            out.raw(" (");
            numbers.write(out.octets());
            out.spaced(|out| uids.write(out.octets()));
            out.raw(")");
        }
        out.raw(")");
    }
}

fn scan_matches(cursor: &mut Cursor<'_>) -> Scanned<(Set, Set)> {
    cursor.expect(b'(', "a list")?;
    let numbers = Set::scan_known(cursor)?;
    cursor.space()?;
    let uids = Set::scan_known(cursor)?;
    cursor.expect(b')', "the list's end")?;
    Ok((numbers, uids))
}

/// UIDs that a client knows, as [`SequenceSet`].
impl From<Set> for SequenceSet {
    fn from(set: Set) -> Self {
        Self::Set(set)
    }
}
