//! Responses, as a server writes and a client reads them (RFC 9051 §7).
//!
//! | looking for | it is in |
//! |---|---|
//! | OK, NO, BAD, BYE, PREAUTH and their codes | `status.rs`, `code.rs` |
//! | LIST, LSUB, NAMESPACE, STATUS, FLAGS | `mailbox.rs` |
//! | SEARCH, ESEARCH, SORT, THREAD | `search.rs` |
//! | FETCH | `fetch.rs`; envelopes and structures `envelope.rs`, `body.rs` |
//! | QUOTA, METADATA, ACL and their like | `account.rs` |

mod account;
mod body;
mod code;
mod envelope;
mod fetch;
mod mailbox;
mod search;
mod status;

#[cfg(test)]
mod tests;

pub use account::{Annotations, Quota};
pub use code::{Code, NoMetadata};
pub use envelope::{Addressed, first_address, subject};
pub use fetch::{Content, FetchItem};
pub use mailbox::{ListExtended, ListItem, MailboxAttribute, NamespaceItem, StatusValue};
pub use search::{ESearch, SearchResult, ThreadToken};
pub use status::{Status, StatusResponse};

use std::num::NonZeroU32;

use crate::command::{Extension, IdField, Rights};
use crate::scan::{Cursor, Scanned, SyntaxError};
use crate::value::{Flag, MailboxName, NameEncoding, Set, Tag};
use crate::write::{self, Quoting};

/// A line of a server, with its literals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    /// `OK`, `NO`, `BAD`, `BYE`, `PREAUTH`
    Status(StatusResponse),
    /// `+`: go on. The text is base64 in an AUTHENTICATE exchange.
    Continue(Vec<u8>),
    /// Anything else.
    Data(Data),
}

/// What a server tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// `CAPABILITY`
    Capability(Vec<String>),
    /// `ENABLED`
    Enabled(Vec<Extension>),
    /// `LIST`
    List(ListItem),
    /// `LSUB`
    Lsub(ListItem),
    /// `NAMESPACE`
    Namespace {
        /// One's own.
        personal: Vec<NamespaceItem>,
        /// Of other users.
        other: Vec<NamespaceItem>,
        /// Of all.
        shared: Vec<NamespaceItem>,
    },
    /// `STATUS`
    Status {
        /// Of which mailbox.
        mailbox: MailboxName,
        /// What was asked.
        values: Vec<StatusValue>,
    },
    /// `SEARCH`
    Search {
        /// The results.
        numbers: Vec<u32>,
        /// Their highest mod-sequence (RFC 7162 §3.1.5).
        mod_seq: Option<u64>,
    },
    /// `ESEARCH` (RFC 9051 §7.3.4)
    ESearch(ESearch),
    /// `SORT`
    Sort {
        /// The results, in order.
        numbers: Vec<u32>,
        /// Their highest mod-sequence.
        mod_seq: Option<u64>,
    },
    /// `THREAD`
    Thread(Vec<ThreadToken>),
    /// `FLAGS`
    Flags(Vec<Flag>),
    /// `EXISTS`
    Exists(u32),
    /// `RECENT`
    Recent(u32),
    /// `EXPUNGE`
    Expunge(NonZeroU32),
    /// `VANISHED` (RFC 7162 §3.2.10)
    Vanished {
        /// Whether it was before now.
        when: Vanishing,
        /// UIDs.
        uids: Set,
    },
    /// `FETCH`
    Fetch {
        /// The message's sequence number.
        number: NonZeroU32,
        /// What was asked, or has changed.
        items: Vec<FetchItem>,
    },
    /// `UIDFETCH`: in place of FETCH, after ENABLE UIDONLY (RFC 9586).
    UidFetch {
        /// The message's UID.
        uid: NonZeroU32,
        /// What was asked, or has changed.
        items: Vec<FetchItem>,
    },
    /// `ID`
    Id(Vec<IdField>),
    /// `QUOTA` (RFC 9208 §4.2.1)
    Quota(Quota),
    /// `QUOTAROOT`
    QuotaRoot {
        /// Of which mailbox.
        mailbox: MailboxName,
        /// Which roots hold for it.
        roots: Vec<Vec<u8>>,
    },
    /// `METADATA` (RFC 5464 §4.4)
    Metadata {
        /// Of which mailbox; the server where the name is empty.
        mailbox: MailboxName,
        /// Entries, or what has changed.
        annotations: Annotations,
    },
    /// `ACL` (RFC 4314 §3.6)
    Acl {
        /// Of which mailbox.
        mailbox: MailboxName,
        /// Who may do what.
        rights: Vec<(Vec<u8>, Rights)>,
    },
    /// `LISTRIGHTS`
    ListRights {
        /// Of which mailbox.
        mailbox: MailboxName,
        /// Whose.
        identifier: Vec<u8>,
        /// What is always granted.
        required: Rights,
        /// What can be granted, tied together where it is in one.
        optional: Vec<Rights>,
    },
    /// `MYRIGHTS`
    MyRights {
        /// Of which mailbox.
        mailbox: MailboxName,
        /// What one may do.
        rights: Rights,
    },
}

/// When messages have vanished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vanishing {
    /// `(EARLIER)`: since what the client knew. It takes no number away.
    Earlier,
    /// Now.
    Now,
}

impl Response {
    /// Writes the line.
    pub fn write(&self, out: &mut Vec<u8>, names: NameEncoding) {
        match self {
            Self::Status(status) => status.write(out, names),
            Self::Continue(text) => {
                out.extend_from_slice(b"+ ");
                status::write_text(text, names.quoting(), out);
                out.extend_from_slice(b"\r\n");
            }
            Self::Data(data) => data.write(out, names),
        }
    }

    /// Reads a line without its CRLF.
    ///
    /// # Errors
    /// Any [`SyntaxError`]; the line may be from an extension that nobody asked for.
    pub fn parse(line: &[u8], names: NameEncoding) -> Scanned<Self> {
        Self::scan(&mut Cursor::from_server(line, names))
    }

    /// ```text
    /// response = *(continue-req / response-data) response-done
    /// ```
    pub(crate) fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        if cursor.eat(b'+') {
            cursor.eat(b' ');
            return Ok(Self::Continue(cursor.rest().to_vec()));
        }
        let tag = if cursor.eat(b'*') {
            None
        } else {
            Some(Tag::parse(cursor.tag()?).ok_or(SyntaxError::TooLong("a tag"))?)
        };
        cursor.space()?;
        if let Some(status) = StatusResponse::scan(tag.clone(), cursor)? {
            return Ok(Self::Status(status));
        }
        if tag.is_some() {
            return Err(SyntaxError::Expected("OK, NO or BAD"));
        }
        let data = Data::scan(cursor)?;
        cursor.end()?;
        Ok(Self::Data(data))
    }
}

impl Data {
    /// Writes the line.
    pub fn write(&self, out: &mut Vec<u8>, names: NameEncoding) {
        out.extend_from_slice(b"* ");
        self.write_unframed(out, names);
        out.extend_from_slice(b"\r\n");
    }

    fn write_unframed(&self, out: &mut Vec<u8>, names: NameEncoding) {
        match self {
            Self::Capability(capabilities) => write_words(b"CAPABILITY", capabilities, out),
            Self::Enabled(extensions) => {
                write_words(b"ENABLED", extensions.iter().map(Extension::name), out);
            }
            Self::List(item) => item.write(b"LIST ", out, names),
            Self::Lsub(item) => item.write(b"LSUB ", out, names),
            Self::Namespace { personal, other, shared } => {
                out.extend_from_slice(b"NAMESPACE");
                for items in [personal, other, shared] {
                    mailbox::write_namespace(items, out, names);
                }
            }
            Self::Status { mailbox, values } => {
                out.extend_from_slice(b"STATUS ");
                mailbox.write(out, names);
                out.push(b' ');
                write::list(out, values, |out, value| value.write(out));
            }
            Self::Search { numbers, mod_seq } => {
                search::write_numbers(b"SEARCH", numbers, *mod_seq, out);
            }
            Self::Sort { numbers, mod_seq } => {
                search::write_numbers(b"SORT", numbers, *mod_seq, out);
            }
            Self::ESearch(results) => results.write(out),
            Self::Thread(tokens) => search::write_threads(tokens, out),
            Self::Flags(flags) => {
                out.extend_from_slice(b"FLAGS ");
                write::list(out, flags, |out, flag| flag.write(out));
            }
            Self::Exists(number) => write_numbered(*number, b"EXISTS", out),
            Self::Recent(number) => write_numbered(*number, b"RECENT", out),
            Self::Expunge(number) => write_numbered(number.get(), b"EXPUNGE", out),
            Self::Vanished { when, uids } => {
                out.extend_from_slice(match when {
                    Vanishing::Earlier => b"VANISHED (EARLIER) ",
                    Vanishing::Now => b"VANISHED ",
                });
                uids.write(out);
            }
            Self::Fetch { number: message, items } | Self::UidFetch { uid: message, items } => {
                let by_uid = matches!(self, Self::UidFetch { .. });
                write_numbered(message.get(), if by_uid { b"UIDFETCH " } else { b"FETCH " }, out);
                write::list(out, items, |out, item| item.write(out, names.quoting()));
            }
            Self::Id(fields) => account::write_id(fields, names.quoting(), out),
            Self::Quota(quota) => quota.write(out, names.quoting()),
            Self::QuotaRoot { mailbox, roots } => {
                write_named(b"QUOTAROOT ", mailbox, out, names);
                for root in roots {
                    out.push(b' ');
                    write::astring(out, root, names.quoting());
                }
            }
            Self::Metadata { mailbox, annotations } => {
                write_named(b"METADATA ", mailbox, out, names);
                annotations.write(out, names.quoting());
            }
            Self::Acl { mailbox, rights } => {
                write_named(b"ACL ", mailbox, out, names);
                for (identifier, rights) in rights {
                    out.push(b' ');
                    write::astring(out, identifier, names.quoting());
                    write_rights(rights, out);
                }
            }
            Self::ListRights { mailbox, identifier, required, optional } => {
                write_named(b"LISTRIGHTS ", mailbox, out, names);
                out.push(b' ');
                write::astring(out, identifier, names.quoting());
                [required].into_iter().chain(optional).for_each(|rights| write_rights(rights, out));
            }
            Self::MyRights { mailbox, rights } => {
                write_named(b"MYRIGHTS ", mailbox, out, names);
                write_rights(rights, out);
            }
        }
    }

    /// ```text
    /// response-data = "*" SP (resp-cond-state / resp-cond-bye / mailbox-data / message-data / capability-data /
    ///                 enable-data) CRLF
    /// ```
    fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        if cursor.peek().is_some_and(|octet| octet.is_ascii_digit()) {
            return Self::scan_numbered(cursor);
        }
        Ok(match cursor.word("a response")?.as_slice() {
            b"CAPABILITY" => Self::Capability(code::scan_capabilities(cursor)?),
            b"ENABLED" => Self::Enabled(scan_spaced(cursor, Extension::scan)?),
            b"LIST" => Self::List(ListItem::scan(cursor)?),
            b"LSUB" => Self::Lsub(ListItem::scan(cursor)?),
            b"NAMESPACE" => Self::Namespace {
                personal: mailbox::scan_namespace(cursor)?,
                other: mailbox::scan_namespace(cursor)?,
                shared: mailbox::scan_namespace(cursor)?,
            },
            b"STATUS" => {
                let mailbox = spaced_mailbox(cursor)?;
                cursor.space()?;
                Self::Status { mailbox, values: cursor.list_or_empty(StatusValue::scan)? }
            }
            b"SEARCH" => {
                let (numbers, mod_seq) = search::scan_numbers(cursor)?;
                Self::Search { numbers, mod_seq }
            }
            b"SORT" => {
                let (numbers, mod_seq) = search::scan_numbers(cursor)?;
                Self::Sort { numbers, mod_seq }
            }
            b"ESEARCH" => Self::ESearch(ESearch::scan(cursor)?),
            b"THREAD" => Self::Thread(search::scan_threads(cursor)?),
            b"FLAGS" => {
                cursor.space()?;
                Self::Flags(cursor.list_or_empty(Flag::scan)?)
            }
            b"VANISHED" => {
                let when = match cursor.eat_word(b" (EARLIER)") {
                    true => Vanishing::Earlier,
                    false => Vanishing::Now,
                };
                cursor.space()?;
                Self::Vanished { when, uids: Set::scan_known(cursor)? }
            }
            name => account::scan(name, cursor)?,
        })
    }

    /// ```text
    /// message-data = nz-number SP ("EXPUNGE" / ("FETCH" SP msg-att)) / uniqueid SP "UIDFETCH" SP msg-att
    /// ```
    fn scan_numbered(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        let number = cursor.number()?;
        cursor.space()?;
        let positive = NonZeroU32::new(number).ok_or(SyntaxError::Expected("a number above 0"));
        Ok(match cursor.word("a response")?.as_slice() {
            b"EXISTS" => Self::Exists(number),
            b"RECENT" => Self::Recent(number),
            b"EXPUNGE" => Self::Expunge(positive?),
            b"FETCH" => {
                cursor.space()?;
                let items = cursor.list_or_empty(FetchItem::scan)?;
                Self::Fetch { number: positive?, items }
            }
            b"UIDFETCH" => {
                cursor.space()?;
                let items = cursor.list_or_empty(FetchItem::scan)?;
                Self::UidFetch { uid: positive?, items }
            }
            _ => return Err(SyntaxError::Unknown("response")),
        })
    }
}

fn write_words<W: AsRef<[u8]>>(name: &[u8], words: impl IntoIterator<Item = W>, out: &mut Vec<u8>) {
    out.extend_from_slice(name);
    for word in words {
        out.push(b' ');
        out.extend_from_slice(word.as_ref());
    }
}

fn write_numbered(number: u32, name: &[u8], out: &mut Vec<u8>) {
    write::number(out, number.into());
    out.push(b' ');
    out.extend_from_slice(name);
}

fn write_named(name: &[u8], mailbox: &MailboxName, out: &mut Vec<u8>, names: NameEncoding) {
    out.extend_from_slice(name);
    mailbox.write(out, names);
}

fn write_rights(rights: &Rights, out: &mut Vec<u8>) {
    out.push(b' ');
    write::astring(out, rights.as_str().as_bytes(), Quoting::Ascii);
}

fn spaced_mailbox(cursor: &mut Cursor<'_>) -> Scanned<MailboxName> {
    cursor.space()?;
    MailboxName::scan(cursor)
}

/// `*(SP item)`
fn scan_spaced<T>(
    cursor: &mut Cursor<'_>,
    mut item: impl FnMut(&mut Cursor<'_>) -> Scanned<T>,
) -> Scanned<Vec<T>> {
    let mut items = Vec::new();
    // Some servers end the line with a space.
    while cursor.eat(b' ') && !cursor.is_at_end() {
        items.push(item(cursor)?);
    }
    Ok(items)
}
