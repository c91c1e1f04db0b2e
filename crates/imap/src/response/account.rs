//! ID (RFC 2971), QUOTA (RFC 9208), METADATA (RFC 5464) and ACL (RFC 4314).

use std::borrow::Cow;

use super::{Data, scan_spaced, spaced_mailbox};
use crate::command::{IdField, QuotaResource, Rights, scan_entry, scan_id_fields};
use crate::scan::{Cursor, Scanned, SyntaxError};
use crate::write::{self, Quoting};

/// What is used, and how much there may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quota {
    /// The root's name.
    pub root: Vec<u8>,
    /// Resources, their usage, their limit.
    pub resources: Vec<(QuotaResource, u64, u64)>,
}

impl Quota {
    /// ```text
    /// quota-response = "QUOTA" SP quota-root-name SP quota-list
    /// quota-list     = "(" quota-resource *(SP quota-resource) ")"
    /// quota-resource = resource-name SP resource-usage SP resource-limit
    /// ```
    pub(super) fn write(&self, out: &mut Vec<u8>, quoting: Quoting) {
        out.extend_from_slice(b"QUOTA ");
        write::astring(out, &self.root, quoting);
        out.push(b' ');
        write::list(out, &self.resources, |out, (resource, usage, limit)| {
            out.extend_from_slice(resource.name());
            out.push(b' ');
            write::number(out, *usage);
            out.push(b' ');
            write::number(out, *limit);
        });
    }

    fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        cursor.space()?;
        let root = cursor.astring("a quota root")?.into_owned();
        cursor.space()?;
        let resources = cursor.list_or_empty(|cursor| {
            let resource = QuotaResource::scan(cursor)?;
            cursor.space()?;
            let usage = cursor.number64()?;
            cursor.space()?;
            Ok((resource, usage, cursor.number64()?))
        })?;
        Ok(Self { root, resources })
    }
}

/// Annotations that were asked for, or that have changed (RFC 5464 §4.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Annotations {
    /// With their values.
    Values(Vec<(Vec<u8>, Option<Vec<u8>>)>),
    /// Their names alone: they have changed.
    Changed(Vec<Vec<u8>>),
}

impl Annotations {
    /// ```text
    /// metadata-resp = "METADATA" SP mailbox SP (entry-values / entry-list)
    /// entry-list    = entry *(SP entry)
    /// ```
    pub(super) fn write(&self, out: &mut Vec<u8>, quoting: Quoting) {
        out.push(b' ');
        match self {
            Self::Values(values) => write::list(out, values, |out, (entry, value)| {
                write::astring(out, entry, quoting);
                out.push(b' ');
                write::nstring(out, value.as_deref(), quoting);
            }),
            Self::Changed(entries) => {
                write::joined(out, b' ', entries, |out, entry| write::astring(out, entry, quoting));
            }
        }
    }

    fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        if !cursor.rest().starts_with(b" (") {
            return scan_spaced(cursor, scan_entry).map(Self::Changed);
        }
        cursor.space()?;
        let values = cursor.list_or_empty(|cursor| {
            let entry = scan_entry(cursor)?;
            cursor.space()?;
            Ok((entry, cursor.nstring8("a value")?.map(Cow::into_owned)))
        })?;
        Ok(Self::Values(values))
    }
}

pub(super) fn write_id(fields: &[IdField], quoting: Quoting, out: &mut Vec<u8>) {
    out.extend_from_slice(b"ID ");
    if fields.is_empty() {
        return out.extend_from_slice(b"NIL");
    }
    write::list(out, fields, |out, (name, value)| {
        write::string(out, name, quoting);
        out.push(b' ');
        write::nstring(out, value.as_deref(), quoting);
    });
}

pub(super) fn scan(name: &[u8], cursor: &mut Cursor<'_>) -> Scanned<Data> {
    let scan_astring = |cursor: &mut Cursor<'_>| Ok(cursor.astring("a name")?.into_owned());
    Ok(match name {
        b"ID" => {
            cursor.space()?;
            Data::Id(scan_id_fields(cursor)?)
        }
        b"QUOTA" => Data::Quota(Quota::scan(cursor)?),
        b"QUOTAROOT" => {
            let mailbox = spaced_mailbox(cursor)?;
            Data::QuotaRoot { mailbox, roots: scan_spaced(cursor, scan_astring)? }
        }
        b"METADATA" => {
            let mailbox = spaced_mailbox(cursor)?;
            Data::Metadata { mailbox, annotations: Annotations::scan(cursor)? }
        }
        b"ACL" => {
            let mailbox = spaced_mailbox(cursor)?;
            let rights = scan_spaced(cursor, |cursor| {
                let identifier = scan_astring(cursor)?;
                cursor.space()?;
                Ok((identifier, Rights::scan(cursor)?))
            })?;
            Data::Acl { mailbox, rights }
        }
        b"LISTRIGHTS" => {
            let mailbox = spaced_mailbox(cursor)?;
            cursor.space()?;
            let identifier = scan_astring(cursor)?;
            cursor.space()?;
            let required = Rights::scan(cursor)?;
            let optional = scan_spaced(cursor, Rights::scan)?;
            Data::ListRights { mailbox, identifier, required, optional }
        }
        b"MYRIGHTS" => {
            let mailbox = spaced_mailbox(cursor)?;
            cursor.space()?;
            Data::MyRights { mailbox, rights: Rights::scan(cursor)? }
        }
        _ => return Err(SyntaxError::Unknown("response")),
    })
}
