//! LIST (RFC 9051 §6.3.9, RFC 5258), with STATUS (RFC 5819), SPECIAL-USE (RFC 6154) and MYRIGHTS (RFC 8440).

use super::{StatusItem, Writer};
use crate::scan::{Cursor, Scanned, SyntaxError};
use crate::value::{MailboxName, Pattern};

/// Which mailboxes are asked for, and what of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListCommand {
    /// Which ones are meant.
    pub selection: Vec<ListSelection>,
    /// What stands before the patterns.
    pub reference: MailboxName,
    /// What names have to look like; at least one.
    pub patterns: Vec<Pattern>,
    /// What is told of them.
    pub returns: Vec<ListReturn>,
}

/// RFC 9051 §6.3.9.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListSelection {
    /// `SUBSCRIBED`
    Subscribed,
    /// `REMOTE`
    Remote,
    /// `RECURSIVEMATCH`
    RecursiveMatch,
    /// `SPECIAL-USE` (RFC 6154 §5.1)
    SpecialUse,
}

impl ListSelection {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Subscribed => "SUBSCRIBED",
            Self::Remote => "REMOTE",
            Self::RecursiveMatch => "RECURSIVEMATCH",
            Self::SpecialUse => "SPECIAL-USE",
        }
    }

    pub(crate) fn parse(name: &[u8]) -> Option<Self> {
        [Self::Subscribed, Self::Remote, Self::RecursiveMatch, Self::SpecialUse]
            .into_iter()
            .find(|option| name.eq_ignore_ascii_case(option.name().as_bytes()))
    }

    fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        let name = cursor.atom("a selection option")?;
        Self::parse(name).ok_or(SyntaxError::Unknown("selection option"))
    }

    /// Whether RECURSIVEMATCH can go by it (RFC 5258 §6, list-select-base-opt).
    fn is_base(self) -> bool {
        matches!(self, Self::Subscribed | Self::SpecialUse)
    }
}

/// RFC 9051 §6.3.9.2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListReturn {
    /// `SUBSCRIBED`
    Subscribed,
    /// `CHILDREN`
    Children,
    /// `SPECIAL-USE` (RFC 6154 §5.1)
    SpecialUse,
    /// `MYRIGHTS` (RFC 8440)
    MyRights,
    /// `STATUS` (RFC 5819)
    Status(Vec<StatusItem>),
}

impl ListReturn {
    fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        Ok(match cursor.word("a return option")?.as_slice() {
            b"SUBSCRIBED" => Self::Subscribed,
            b"CHILDREN" => Self::Children,
            b"SPECIAL-USE" => Self::SpecialUse,
            b"MYRIGHTS" => Self::MyRights,
            b"STATUS" => {
                cursor.space()?;
                Self::Status(cursor.list(StatusItem::scan)?)
            }
            _ => return Err(SyntaxError::Unknown("return option")),
        })
    }

    fn write(&self, out: &mut Writer) {
        match self {
            Self::Subscribed => out.raw("SUBSCRIBED"),
            Self::Children => out.raw("CHILDREN"),
            Self::SpecialUse => out.raw("SPECIAL-USE"),
            Self::MyRights => out.raw("MYRIGHTS"),
            Self::Status(items) => {
                out.raw("STATUS ");
                out.list(items, |out, item| out.raw(item.name()));
            }
        }
    }
}

impl ListCommand {
    /// ```text
    /// list        = "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat [SP list-return-opts]
    /// mbox-or-pat = list-mailbox / patterns
    /// patterns    = "(" list-mailbox *(SP list-mailbox) ")"
    /// list-return-opts = "RETURN" SP "(" [list-return-opt *(SP list-return-opt)] ")"
    /// ```
    pub(super) fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        cursor.space()?;
        let mut selection = Vec::new();
        if cursor.peek() == Some(b'(') {
            selection = cursor.list_or_empty(ListSelection::scan)?;
            cursor.space()?;
        }
        // RFC 9051 §6.3.9.1: RECURSIVEMATCH needs another option that it can match by.
        let recursive = selection.contains(&ListSelection::RecursiveMatch);
        if recursive && !selection.iter().any(|option| option.is_base()) {
            return Err(SyntaxError::Expected("another option beside RECURSIVEMATCH"));
        }
        let reference = MailboxName::scan(cursor)?;
        cursor.space()?;
        let patterns = match cursor.peek() {
            Some(b'(') => cursor.list(Pattern::scan)?,
            _ => vec![Pattern::scan(cursor)?],
        };
        let mut returns = Vec::new();
        if cursor.eat_word(b" RETURN ") {
            returns = cursor.list_or_empty(ListReturn::scan)?;
        }
        Ok(Self { selection, reference, patterns, returns })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        if !self.selection.is_empty() {
            out.spaced(|out| out.list(&self.selection, |out, option| out.raw(option.name())));
        }
        out.spaced(|out| out.mailbox(&self.reference));
        out.spaced(|out| match self.patterns.as_slice() {
            [pattern] => out.pattern(pattern),
            patterns => out.list(patterns, Writer::pattern),
        });
        if !self.returns.is_empty() {
            out.raw(" RETURN ");
            out.list(&self.returns, |out, option| option.write(out));
        }
    }
}
