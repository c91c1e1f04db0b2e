//! CREATE (RFC 9051 §6.3.4, RFC 6154 §3), and what STATUS asks (§6.3.11).

use super::{Command, Writer, spaced_mailbox};
use crate::scan::{Cursor, Scanned, SyntaxError};
use crate::value::MailboxName;

/// What a mailbox is for (RFC 6154 §2, RFC 8457 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SpecialUse {
    /// `\All`
    All,
    /// `\Archive`
    Archive,
    /// `\Drafts`
    Drafts,
    /// `\Flagged`
    Flagged,
    /// `\Important`
    Important,
    /// `\Junk`
    Junk,
    /// `\Sent`
    Sent,
    /// `\Trash`
    Trash,
}

impl SpecialUse {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::All,
        Self::Archive,
        Self::Drafts,
        Self::Flagged,
        Self::Important,
        Self::Junk,
        Self::Sent,
        Self::Trash,
    ];

    /// As on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "\\All",
            Self::Archive => "\\Archive",
            Self::Drafts => "\\Drafts",
            Self::Flagged => "\\Flagged",
            Self::Important => "\\Important",
            Self::Junk => "\\Junk",
            Self::Sent => "\\Sent",
            Self::Trash => "\\Trash",
        }
    }

    /// Reads one in any case, with its backslash.
    pub fn parse(text: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|one| text.eq_ignore_ascii_case(one.as_str().as_bytes()))
    }

    /// RFC 6154 §5.2: a use that we don't know is refused with NO, so it has an error of its own.
    fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        let name = cursor.take_while(|octet| !matches!(octet, b' ' | b')'));
        Self::parse(name).ok_or(SyntaxError::SpecialUse)
    }
}

/// ```text
/// create       = "CREATE" SP mailbox [create-params]
/// create-param =/ "USE" SP "(" [use-attr *(SP use-attr)] ")"
/// ```
pub(super) fn scan_create(cursor: &mut Cursor<'_>) -> Scanned<Command> {
    let mailbox = spaced_mailbox(cursor)?;
    let mut uses = Vec::new();
    if cursor.rest().starts_with(b" (") {
        cursor.space()?;
        cursor.list(|cursor| match cursor.word("a parameter")?.as_slice() {
            b"USE" => {
                cursor.space()?;
                uses = cursor.list_or_empty(SpecialUse::scan)?;
                Ok(())
            }
            _ => Err(SyntaxError::Unknown("parameter")),
        })?;
    }
    Ok(Command::Create { mailbox, uses })
}

pub(super) fn write_create(mailbox: &MailboxName, uses: &[SpecialUse], out: &mut Writer) {
    out.spaced(|out| out.mailbox(mailbox));
    if !uses.is_empty() {
        out.raw(" (USE ");
        out.list(uses, |out, one| out.raw(one.as_str()));
        out.raw(")");
    }
}

/// What STATUS asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StatusItem {
    /// `MESSAGES`
    Messages,
    /// `RECENT` (RFC 3501 §6.3.10)
    Recent,
    /// `UIDNEXT`
    UidNext,
    /// `UIDVALIDITY`
    UidValidity,
    /// `UNSEEN`
    Unseen,
    /// `DELETED`
    Deleted,
    /// `SIZE` (RFC 8438)
    Size,
    /// `HIGHESTMODSEQ` (RFC 7162 §3.1.7)
    HighestModSeq,
    /// `APPENDLIMIT` (RFC 7889 §3)
    AppendLimit,
    /// `MAILBOXID` (RFC 8474 §4.3)
    MailboxId,
    /// `DELETED-STORAGE` (RFC 9208 §4.1.4)
    DeletedStorage,
}

impl StatusItem {
    const ALL: [Self; 11] = [
        Self::Messages,
        Self::Recent,
        Self::UidNext,
        Self::UidValidity,
        Self::Unseen,
        Self::Deleted,
        Self::Size,
        Self::HighestModSeq,
        Self::AppendLimit,
        Self::MailboxId,
        Self::DeletedStorage,
    ];

    /// As on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Messages => "MESSAGES",
            Self::Recent => "RECENT",
            Self::UidNext => "UIDNEXT",
            Self::UidValidity => "UIDVALIDITY",
            Self::Unseen => "UNSEEN",
            Self::Deleted => "DELETED",
            Self::Size => "SIZE",
            Self::HighestModSeq => "HIGHESTMODSEQ",
            Self::AppendLimit => "APPENDLIMIT",
            Self::MailboxId => "MAILBOXID",
            Self::DeletedStorage => "DELETED-STORAGE",
        }
    }

    pub(crate) fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        let name = cursor.atom("a status item")?;
        let item =
            Self::ALL.into_iter().find(|item| name.eq_ignore_ascii_case(item.name().as_bytes()));
        item.ok_or(SyntaxError::Unknown("status item"))
    }
}
