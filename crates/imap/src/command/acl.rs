//! Rights (RFC 4314).

use super::{Command, Writer, spaced_astring, spaced_mailbox};
use crate::scan::{Cursor, Scanned, SyntaxError};
use crate::value::MailboxName;

/// What becomes of someone's rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AclChange {
    /// These and no others.
    Replace,
    /// `+`
    Add,
    /// `-`
    Remove,
}

/// Rights: letters and digits, each once, in order (RFC 4314 §2.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights(String);

impl Rights {
    /// Reads rights; none where there is one that can't be.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut letters = text.to_vec();
        letters.sort_unstable();
        letters.dedup();
        let is_one = |octet: &u8| octet.is_ascii_lowercase() || octet.is_ascii_digit();
        letters.iter().all(is_one).then(|| String::from_utf8(letters).ok().map(Self)).flatten()
    }

    /// The letters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this one is among them.
    pub fn contains(&self, right: char) -> bool {
        self.0.contains(right)
    }

    pub(crate) fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        let text = cursor.astring("rights")?;
        Self::parse(&text).ok_or(SyntaxError::Unknown("right"))
    }
}

/// ```text
/// setacl     = "SETACL" SP mailbox SP identifier SP mod-rights
/// deleteacl  = "DELETEACL" SP mailbox SP identifier
/// getacl     = "GETACL" SP mailbox
/// listrights = "LISTRIGHTS" SP mailbox SP identifier
/// myrights   = "MYRIGHTS" SP mailbox
/// mod-rights = astring    ; +rights to add, -rights to remove, rights to replace
/// ```
pub(super) fn scan(name: &[u8], cursor: &mut Cursor<'_>) -> Scanned<Command> {
    const IDENTIFIER: &str = "an identifier";
    Ok(match name {
        b"SETACL" => {
            let mailbox = spaced_mailbox(cursor)?;
            let identifier = spaced_astring(cursor, IDENTIFIER)?;
            let text = spaced_astring(cursor, "rights")?;
            let (change, letters) = match text.split_first() {
                Some((b'+', letters)) => (AclChange::Add, letters),
                Some((b'-', letters)) => (AclChange::Remove, letters),
                _ => (AclChange::Replace, text.as_slice()),
            };
            let rights = Rights::parse(letters).ok_or(SyntaxError::Unknown("right"))?;
            Command::SetAcl { mailbox, identifier, change, rights }
        }
        b"DELETEACL" => Command::DeleteAcl {
            mailbox: spaced_mailbox(cursor)?,
            identifier: spaced_astring(cursor, IDENTIFIER)?,
        },
        b"GETACL" => Command::GetAcl(spaced_mailbox(cursor)?),
        b"LISTRIGHTS" => Command::ListRights {
            mailbox: spaced_mailbox(cursor)?,
            identifier: spaced_astring(cursor, IDENTIFIER)?,
        },
        b"MYRIGHTS" => Command::MyRights(spaced_mailbox(cursor)?),
        _ => return Err(SyntaxError::UnknownCommand),
    })
}

pub(super) fn write_set(
    mailbox: &MailboxName,
    identifier: &[u8],
    change: AclChange,
    rights: &Rights,
    out: &mut Writer,
) {
    out.spaced(|out| out.mailbox(mailbox));
    out.spaced(|out| out.astring(identifier));
    let mark = match change {
        AclChange::Replace => "",
        AclChange::Add => "+",
        AclChange::Remove => "-",
    };
    out.spaced(|out| out.astring(format!("{mark}{}", rights.as_str()).as_bytes()));
}
