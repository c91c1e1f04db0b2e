//! What quotas are about, and SETQUOTA (RFC 9208).

use super::{Command, Writer, spaced_astring};
use crate::scan::{Cursor, Scanned};

/// What is counted (RFC 9208 §5).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum QuotaResource {
    /// `STORAGE`, in units of 1024 octets.
    Storage,
    /// `MESSAGE`
    Message,
    /// `MAILBOX`
    Mailbox,
    /// `ANNOTATION-STORAGE`, in units of 1024 octets.
    AnnotationStorage,
    /// Another one.
    Other(Vec<u8>),
}

impl QuotaResource {
    /// As on the wire.
    pub fn name(&self) -> &[u8] {
        match self {
            Self::Storage => b"STORAGE",
            Self::Message => b"MESSAGE",
            Self::Mailbox => b"MAILBOX",
            Self::AnnotationStorage => b"ANNOTATION-STORAGE",
            Self::Other(name) => name,
        }
    }

    pub(crate) fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        Ok(match cursor.word("a resource")?.as_slice() {
            b"STORAGE" => Self::Storage,
            b"MESSAGE" => Self::Message,
            b"MAILBOX" => Self::Mailbox,
            b"ANNOTATION-STORAGE" => Self::AnnotationStorage,
            name => Self::Other(name.to_vec()),
        })
    }
}

/// ```text
/// setquota           = "SETQUOTA" SP quota-root-name SP setquota-list
/// setquota-list      = "(" [setquota-resource *(SP setquota-resource)] ")"
/// setquota-resource  = resource-name SP resource-limit
/// ```
pub(super) fn scan_set(cursor: &mut Cursor<'_>) -> Scanned<Command> {
    let root = spaced_astring(cursor, "a quota root")?;
    cursor.space()?;
    let limits = cursor.list_or_empty(|cursor| {
        let resource = QuotaResource::scan(cursor)?;
        cursor.space()?;
        Ok((resource, cursor.number64()?))
    })?;
    Ok(Command::SetQuota { root, limits })
}

pub(super) fn write_set(root: &[u8], limits: &[(QuotaResource, u64)], out: &mut Writer) {
    out.spaced(|out| out.astring(root));
    out.spaced(|out| {
        out.list(limits, |out, (resource, limit)| {
            out.raw(resource.name());
            out.spaced(|out| out.number(*limit));
        });
    });
}
