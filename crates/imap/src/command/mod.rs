//! Commands, as a client writes and a server reads them (RFC 9051 §6).
//!
//! | looking for | it is in |
//! |---|---|
//! | LOGIN, AUTHENTICATE, ENABLE, ID | `session.rs` |
//! | SELECT, EXAMINE | `select.rs` |
//! | CREATE, RENAME and what else has names alone; STATUS | `mailbox.rs` |
//! | LIST, LSUB | `list.rs` |
//! | APPEND, REPLACE: what stands between their literals | `append.rs` |
//! | SEARCH | `search.rs`, and its keys `search_key.rs` |
//! | SORT, THREAD | `sort.rs` |
//! | FETCH | `fetch.rs`, and sections `section.rs` |
//! | STORE | `store.rs` |
//! | GETQUOTA and its like | `quota.rs` |
//! | GETMETADATA, SETMETADATA | `metadata.rs` |
//! | SETACL and its like | `acl.rs` |
//! | NOTIFY | `notify.rs` |
//!
//! Each file has the grammar, the type, how it is read and how it is written.

mod acl;
mod append;
mod fetch;
mod list;
mod mailbox;
mod metadata;
mod notify;
mod quota;
mod search;
mod search_key;
mod section;
mod select;
mod session;
mod sort;
mod store;
mod writer;

#[cfg(test)]
mod tests;

pub use acl::{AclChange, Rights};
pub use append::{Form, Head, Replace};
pub use fetch::{Fetch, FetchAttribute, FetchModifiers, PreviewMode, Vanished};
pub use list::{ListCommand, ListReturn, ListSelection};
pub use mailbox::{SpecialUse, StatusItem};
pub use metadata::{GetMetadata, MetadataDepth};
pub use notify::{Event, EventGroup, Events, MailboxFilter, Notify, StatusIndicator};
pub use quota::QuotaResource;
pub use search::{Charset, PartialRange, ReturnOption, Search};
pub use search_key::{EntryType, Matching, SearchKey};
pub use section::{Marking, Partial, Section, SectionText};
pub use select::{Access, CondStore, QResync, Select};
pub use session::{Extension, IdField, is_mechanism};
pub use sort::{Order, Sort, SortCriterion, SortKey, Thread, ThreadAlgorithm};
pub use store::{Change, Replies, Store};
pub use writer::{Literals, Outgoing};

pub(crate) use append::{PieceEnd, Upload, UploadPiece};
pub(crate) use metadata::scan_entry;
pub(crate) use section::{scan_binary, write_part};
pub(crate) use session::scan_id_fields;
pub(crate) use writer::Writer;

use crate::limits::Limits;
use crate::scan::{Cursor, Scanned, SyntaxError};
use crate::value::{MailboxName, Numbers, Pattern, Secret, SequenceSet, Tag};

/// A command. What follows APPEND and REPLACE comes piece by piece, see [`crate::receive`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    // Any state: RFC 9051 §6.1.
    /// `CAPABILITY`
    Capability,
    /// `NOOP`
    Noop,
    /// `LOGOUT`
    Logout,
    /// `ID` (RFC 2971); nothing where the client says NIL.
    Id(Vec<IdField>),

    // Before a login: §6.2.
    /// `STARTTLS`
    StartTls,
    /// `AUTHENTICATE`
    Authenticate {
        /// The mechanism's name in upper case.
        mechanism: String,
        /// The initial response (RFC 4959), decoded.
        initial: Option<Secret>,
    },
    /// `LOGIN`
    Login {
        /// As it came: it may be no UTF-8.
        user: Vec<u8>,
        /// As it came.
        password: Secret,
    },

    // After a login: §6.3.
    /// `ENABLE` (RFC 5161)
    Enable(Vec<Extension>),
    /// `SELECT`, `EXAMINE`
    Select(Select),
    /// `CREATE`
    Create {
        /// Its name.
        mailbox: MailboxName,
        /// What it is for (RFC 6154 §3).
        uses: Vec<SpecialUse>,
    },
    /// `DELETE`
    Delete(MailboxName),
    /// `RENAME`
    Rename {
        /// Its name up to now.
        from: MailboxName,
        /// Its name from now on.
        to: MailboxName,
    },
    /// `SUBSCRIBE`
    Subscribe(MailboxName),
    /// `UNSUBSCRIBE`
    Unsubscribe(MailboxName),
    /// `LIST`
    List(ListCommand),
    /// `LSUB` (RFC 3501 §6.3.9)
    Lsub {
        /// What stands before the pattern.
        reference: MailboxName,
        /// What names have to look like.
        pattern: Pattern,
    },
    /// `NAMESPACE`
    Namespace,
    /// `STATUS`
    Status {
        /// Which mailbox.
        mailbox: MailboxName,
        /// What is asked.
        items: Vec<StatusItem>,
    },
    /// `APPEND`: messages follow.
    Append(MailboxName),
    /// `IDLE`: DONE follows.
    Idle,
    /// `GETQUOTA` (RFC 9208 §4.1.2): a quota root.
    GetQuota(Vec<u8>),
    /// `GETQUOTAROOT` (§4.1.3)
    GetQuotaRoot(MailboxName),
    /// `SETQUOTA` (§4.1.1)
    SetQuota {
        /// The quota root.
        root: Vec<u8>,
        /// The limits from now on.
        limits: Vec<(QuotaResource, u64)>,
    },
    /// `GETMETADATA` (RFC 5464 §4.2)
    GetMetadata(GetMetadata),
    /// `SETMETADATA` (§4.3)
    SetMetadata {
        /// Which mailbox; the server itself where the name is empty.
        mailbox: MailboxName,
        /// Entries, and their values from now on.
        entries: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    },
    /// `SETACL` (RFC 4314 §3.1)
    SetAcl {
        /// Which mailbox.
        mailbox: MailboxName,
        /// Whose rights.
        identifier: Vec<u8>,
        /// What becomes of them.
        change: AclChange,
        /// Which.
        rights: Rights,
    },
    /// `DELETEACL` (§3.2)
    DeleteAcl {
        /// Which mailbox.
        mailbox: MailboxName,
        /// Whose rights.
        identifier: Vec<u8>,
    },
    /// `GETACL` (§3.3)
    GetAcl(MailboxName),
    /// `LISTRIGHTS` (§3.4)
    ListRights {
        /// Which mailbox.
        mailbox: MailboxName,
        /// Whose rights.
        identifier: Vec<u8>,
    },
    /// `MYRIGHTS` (§3.5)
    MyRights(MailboxName),
    /// `NOTIFY` (RFC 5465)
    Notify(Notify),
    /// `COMPRESS DEFLATE` (RFC 4978)
    Compress,

    // In a mailbox: §6.4.
    /// `CHECK` (RFC 3501 §6.4.1)
    Check,
    /// `CLOSE`
    Close,
    /// `UNSELECT`
    Unselect,
    /// `EXPUNGE`, or `UID EXPUNGE` with its set.
    Expunge(Option<SequenceSet>),
    /// `SEARCH`
    Search(Numbers, Search),
    /// `SORT` (RFC 5256)
    Sort(Numbers, Sort),
    /// `THREAD` (RFC 5256)
    Thread(Numbers, Thread),
    /// `FETCH`
    Fetch(Numbers, Fetch),
    /// `STORE`
    Store(Numbers, Store),
    /// `COPY`
    Copy(Numbers, SequenceSet, MailboxName),
    /// `MOVE`
    Move(Numbers, SequenceSet, MailboxName),
    /// `REPLACE` (RFC 8508): a message follows.
    Replace(Numbers, Replace),
}

impl Command {
    /// Reads a whole command, its literals in it, without CRLF at its end. APPEND and REPLACE are for
    /// [`crate::receive`].
    ///
    /// # Errors
    /// Any [`SyntaxError`].
    pub fn parse(
        octets: &[u8],
        limits: &Limits,
        names: crate::NameEncoding,
    ) -> Scanned<(Tag, Self)> {
        let mut cursor = Cursor::new(octets, limits.depth, names);
        let tag = Tag::parse(cursor.tag()?).ok_or(SyntaxError::TooLong("a tag"))?;
        cursor.space()?;
        Ok((tag, Self::scan(&mut cursor)?))
    }

    /// ```text
    /// command = tag SP (command-any / command-auth / command-nonauth / command-select) CRLF
    /// ```
    /// What stands behind the tag, without CRLF at the end.
    pub(crate) fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        let name = cursor.word("a command")?;
        let command = match name.as_slice() {
            b"UID" => {
                cursor.space()?;
                let name = cursor.word("a command")?;
                numbered(&name, Numbers::Uid, cursor)?.ok_or(SyntaxError::UnknownCommand)?
            }
            name => match numbered(name, Numbers::Sequence, cursor)? {
                Some(command) => command,
                None => named(name, cursor)?,
            },
        };
        cursor.end()?;
        Ok(command)
    }

    /// What it is called in the protocol, for logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Capability => "CAPABILITY",
            Self::Noop => "NOOP",
            Self::Logout => "LOGOUT",
            Self::Id(_) => "ID",
            Self::StartTls => "STARTTLS",
            Self::Authenticate { .. } => "AUTHENTICATE",
            Self::Login { .. } => "LOGIN",
            Self::Enable(_) => "ENABLE",
            Self::Select(select) => select.access.command(),
            Self::Create { .. } => "CREATE",
            Self::Delete(_) => "DELETE",
            Self::Rename { .. } => "RENAME",
            Self::Subscribe(_) => "SUBSCRIBE",
            Self::Unsubscribe(_) => "UNSUBSCRIBE",
            Self::List(_) => "LIST",
            Self::Lsub { .. } => "LSUB",
            Self::Namespace => "NAMESPACE",
            Self::Status { .. } => "STATUS",
            Self::Append(_) => "APPEND",
            Self::Idle => "IDLE",
            Self::GetQuota(_) => "GETQUOTA",
            Self::GetQuotaRoot(_) => "GETQUOTAROOT",
            Self::SetQuota { .. } => "SETQUOTA",
            Self::GetMetadata(_) => "GETMETADATA",
            Self::SetMetadata { .. } => "SETMETADATA",
            Self::SetAcl { .. } => "SETACL",
            Self::DeleteAcl { .. } => "DELETEACL",
            Self::GetAcl(_) => "GETACL",
            Self::ListRights { .. } => "LISTRIGHTS",
            Self::MyRights(_) => "MYRIGHTS",
            Self::Notify(_) => "NOTIFY",
            Self::Compress => "COMPRESS",
            Self::Check => "CHECK",
            Self::Close => "CLOSE",
            Self::Unselect => "UNSELECT",
            Self::Expunge(_) => "EXPUNGE",
            Self::Search(..) => "SEARCH",
            Self::Sort(..) => "SORT",
            Self::Thread(..) => "THREAD",
            Self::Fetch(..) => "FETCH",
            Self::Store(..) => "STORE",
            Self::Copy(..) => "COPY",
            Self::Move(..) => "MOVE",
            Self::Replace(..) => "REPLACE",
        }
    }

    /// Whether numbers in it are UIDs.
    fn numbers(&self) -> Numbers {
        match self {
            Self::Expunge(Some(_)) => Numbers::Uid,
            Self::Search(numbers, _)
            | Self::Sort(numbers, _)
            | Self::Thread(numbers, _)
            | Self::Fetch(numbers, _)
            | Self::Store(numbers, _)
            | Self::Copy(numbers, ..)
            | Self::Move(numbers, ..)
            | Self::Replace(numbers, _) => *numbers,
            _ => Numbers::Sequence,
        }
    }

    /// The command as a client sends it; APPEND and REPLACE are begun only, see
    /// [`UploadWriter`](crate::client::UploadWriter).
    pub fn to_outgoing(
        &self,
        tag: &Tag,
        literals: Literals,
        names: crate::NameEncoding,
    ) -> Outgoing {
        let mut writer = self.to_writer(tag, literals, names);
        if !matches!(self, Self::Append(_) | Self::Replace(..)) {
            writer.raw("\r\n");
        }
        writer.into_outgoing()
    }

    /// The same, without a line end.
    pub(crate) fn to_writer(
        &self,
        tag: &Tag,
        literals: Literals,
        names: crate::NameEncoding,
    ) -> Writer {
        let mut writer = Writer::new(literals, names);
        writer.raw(tag.as_str());
        writer.raw(if self.numbers() == Numbers::Uid { " UID " } else { " " });
        writer.raw(self.name());
        self.write_arguments(&mut writer);
        writer
    }

    fn write_arguments(&self, out: &mut Writer) {
        match self {
            Self::Capability
            | Self::Noop
            | Self::Logout
            | Self::StartTls
            | Self::Namespace
            | Self::Idle
            | Self::Check
            | Self::Close
            | Self::Unselect
            | Self::Expunge(None) => {}
            Self::Compress => out.raw(" DEFLATE"),
            Self::Id(fields) => session::write_id(fields, out),
            Self::Authenticate { mechanism, initial } => {
                session::write_authenticate(mechanism, initial.as_ref(), out);
            }
            Self::Login { user, password } => {
                out.spaced(|out| out.astring(user));
                out.spaced(|out| out.astring(&password.0));
            }
            Self::Enable(extensions) => session::write_enable(extensions, out),
            Self::Select(select) => select.write(out),
            Self::Create { mailbox, uses } => mailbox::write_create(mailbox, uses, out),
            Self::Delete(mailbox)
            | Self::Subscribe(mailbox)
            | Self::Unsubscribe(mailbox)
            | Self::Append(mailbox)
            | Self::GetQuotaRoot(mailbox)
            | Self::GetAcl(mailbox)
            | Self::MyRights(mailbox) => out.spaced(|out| out.mailbox(mailbox)),
            Self::Rename { from, to } => {
                out.spaced(|out| out.mailbox(from));
                out.spaced(|out| out.mailbox(to));
            }
            Self::List(list) => list.write(out),
            Self::Lsub { reference, pattern } => {
                out.spaced(|out| out.mailbox(reference));
                out.spaced(|out| out.pattern(pattern));
            }
            Self::Status { mailbox, items } => {
                out.spaced(|out| out.mailbox(mailbox));
                out.spaced(|out| out.list(items, |out, item| out.raw(item.name())));
            }
            Self::GetQuota(root) => out.spaced(|out| out.astring(root)),
            Self::SetQuota { root, limits } => quota::write_set(root, limits, out),
            Self::GetMetadata(get) => get.write(out),
            Self::SetMetadata { mailbox, entries } => metadata::write_set(mailbox, entries, out),
            Self::SetAcl { mailbox, identifier, change, rights } => {
                acl::write_set(mailbox, identifier, *change, rights, out);
            }
            Self::DeleteAcl { mailbox, identifier } | Self::ListRights { mailbox, identifier } => {
                out.spaced(|out| out.mailbox(mailbox));
                out.spaced(|out| out.astring(identifier));
            }
            Self::Notify(notify) => notify.write(out),
            Self::Expunge(Some(set)) => out.spaced(|out| out.set(set)),
            Self::Search(_, search) => search.write(out),
            Self::Sort(_, sort) => sort.write(out),
            Self::Thread(_, thread) => thread.write(out),
            Self::Fetch(_, fetch) => fetch.write(out),
            Self::Store(_, store) => store.write(out),
            Self::Copy(_, set, mailbox) | Self::Move(_, set, mailbox) => {
                out.spaced(|out| out.set(set));
                out.spaced(|out| out.mailbox(mailbox));
            }
            Self::Replace(_, replace) => replace.write(out),
        }
    }
}

/// Commands that are there for sequence numbers and for UIDs.
fn numbered(name: &[u8], numbers: Numbers, cursor: &mut Cursor<'_>) -> Scanned<Option<Command>> {
    Ok(Some(match name {
        b"FETCH" => Command::Fetch(numbers, Fetch::scan(cursor)?),
        b"STORE" => Command::Store(numbers, Store::scan(cursor)?),
        b"SEARCH" => Command::Search(numbers, Search::scan(cursor)?),
        b"SORT" => Command::Sort(numbers, Sort::scan(cursor)?),
        b"THREAD" => Command::Thread(numbers, Thread::scan(cursor)?),
        b"COPY" => {
            let (set, mailbox) = set_and_mailbox(cursor)?;
            Command::Copy(numbers, set, mailbox)
        }
        b"MOVE" => {
            let (set, mailbox) = set_and_mailbox(cursor)?;
            Command::Move(numbers, set, mailbox)
        }
        b"EXPUNGE" if numbers == Numbers::Sequence => Command::Expunge(None),
        // RFC 4315 §2.1.
        b"EXPUNGE" => {
            cursor.space()?;
            Command::Expunge(Some(SequenceSet::scan(cursor)?))
        }
        _ => return Ok(None),
    }))
}

fn set_and_mailbox(cursor: &mut Cursor<'_>) -> Scanned<(SequenceSet, MailboxName)> {
    cursor.space()?;
    let set = SequenceSet::scan(cursor)?;
    Ok((set, spaced_mailbox(cursor)?))
}

fn spaced_mailbox(cursor: &mut Cursor<'_>) -> Scanned<MailboxName> {
    cursor.space()?;
    MailboxName::scan(cursor)
}

fn spaced_astring(cursor: &mut Cursor<'_>, what: &'static str) -> Scanned<Vec<u8>> {
    cursor.space()?;
    Ok(cursor.astring(what)?.into_owned())
}

fn named(name: &[u8], cursor: &mut Cursor<'_>) -> Scanned<Command> {
    Ok(match name {
        b"CAPABILITY" => Command::Capability,
        b"NOOP" => Command::Noop,
        b"LOGOUT" => Command::Logout,
        b"ID" => Command::Id(session::scan_id(cursor)?),
        b"STARTTLS" => Command::StartTls,
        b"AUTHENTICATE" => session::scan_authenticate(cursor)?,
        b"LOGIN" => {
            let user = spaced_astring(cursor, "a user's name")?;
            let password = Secret(spaced_astring(cursor, "a password")?);
            Command::Login { user, password }
        }
        b"ENABLE" => Command::Enable(session::scan_enable(cursor)?),
        b"SELECT" => Command::Select(Select::scan(Access::ReadWrite, cursor)?),
        b"EXAMINE" => Command::Select(Select::scan(Access::ReadOnly, cursor)?),
        b"CREATE" => mailbox::scan_create(cursor)?,
        b"DELETE" => Command::Delete(spaced_mailbox(cursor)?),
        b"RENAME" => Command::Rename { from: spaced_mailbox(cursor)?, to: spaced_mailbox(cursor)? },
        b"SUBSCRIBE" => Command::Subscribe(spaced_mailbox(cursor)?),
        b"UNSUBSCRIBE" => Command::Unsubscribe(spaced_mailbox(cursor)?),
        b"LIST" => Command::List(ListCommand::scan(cursor)?),
        b"LSUB" => {
            let reference = spaced_mailbox(cursor)?;
            cursor.space()?;
            Command::Lsub { reference, pattern: Pattern::scan(cursor)? }
        }
        b"NAMESPACE" => Command::Namespace,
        b"STATUS" => {
            let mailbox = spaced_mailbox(cursor)?;
            cursor.space()?;
            Command::Status { mailbox, items: cursor.list(StatusItem::scan)? }
        }
        b"IDLE" => Command::Idle,
        b"GETQUOTA" => Command::GetQuota(spaced_astring(cursor, "a quota root")?),
        b"GETQUOTAROOT" => Command::GetQuotaRoot(spaced_mailbox(cursor)?),
        b"SETQUOTA" => quota::scan_set(cursor)?,
        b"GETMETADATA" => Command::GetMetadata(GetMetadata::scan(cursor)?),
        b"SETMETADATA" => metadata::scan_set(cursor)?,
        b"NOTIFY" => Command::Notify(Notify::scan(cursor)?),
        b"COMPRESS" => {
            cursor.space()?;
            match cursor.word("DEFLATE")?.as_slice() {
                b"DEFLATE" => Command::Compress,
                _ => return Err(SyntaxError::Unknown("compression")),
            }
        }
        b"CHECK" => Command::Check,
        b"CLOSE" => Command::Close,
        b"UNSELECT" => Command::Unselect,
        name => return acl::scan(name, cursor),
    })
}
