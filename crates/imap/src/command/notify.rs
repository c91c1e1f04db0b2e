//! NOTIFY (RFC 5465).

use super::{FetchAttribute, Writer};
use crate::scan::{Cursor, Scanned, SyntaxError};
use crate::value::MailboxName;

/// What a client wants to hear of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notify {
    /// `NONE`: nothing.
    None,
    /// `SET`
    Set {
        /// Whether each mailbox's state is told first.
        status: StatusIndicator,
        /// What of which mailboxes; at least one.
        groups: Vec<EventGroup>,
    },
}

/// Whether each mailbox's state is told first (RFC 5465 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusIndicator {
    /// No.
    No,
    /// `STATUS`
    Asked,
}

/// What of which mailboxes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventGroup {
    /// Which mailboxes.
    pub mailboxes: MailboxFilter,
    /// What happens there.
    pub events: Events,
}

/// RFC 5465 §6.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailboxFilter {
    /// `SELECTED`
    Selected,
    /// `SELECTED-DELAYED`: expunges only when the client can take them.
    SelectedDelayed,
    /// `INBOXES`
    Inboxes,
    /// `PERSONAL`
    Personal,
    /// `SUBSCRIBED`
    Subscribed,
    /// `SUBTREE`: these and all below them.
    Subtree(Vec<MailboxName>),
    /// `MAILBOXES`
    Mailboxes(Vec<MailboxName>),
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Events {
    /// `NONE`: nothing of these mailboxes.
    None,
    /// These; at least one.
    These(Vec<Event>),
}

/// RFC 5465 §5.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// `MessageNew`, with what is to be told of it.
    MessageNew(Vec<FetchAttribute>),
    /// `MessageExpunge`
    MessageExpunge,
    /// `FlagChange`
    FlagChange,
    /// `AnnotationChange`
    AnnotationChange,
    /// `MailboxName`
    MailboxName,
    /// `SubscriptionChange`
    SubscriptionChange,
    /// `MailboxMetadataChange`
    MailboxMetadataChange,
    /// `ServerMetadataChange`
    ServerMetadataChange,
    /// One that we don't know: `NO [BADEVENT]` (RFC 5465 §5).
    Other(Vec<u8>),
}

impl Event {
    fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        let name = cursor.atom("an event")?;
        Ok(match name.to_ascii_lowercase().as_slice() {
            b"messagenew" if cursor.rest().starts_with(b" (") => {
                cursor.space()?;
                Self::MessageNew(cursor.list(FetchAttribute::scan)?)
            }
            b"messagenew" => Self::MessageNew(Vec::new()),
            b"messageexpunge" => Self::MessageExpunge,
            b"flagchange" => Self::FlagChange,
            b"annotationchange" => Self::AnnotationChange,
            b"mailboxname" => Self::MailboxName,
            b"subscriptionchange" => Self::SubscriptionChange,
            b"mailboxmetadatachange" => Self::MailboxMetadataChange,
            b"servermetadatachange" => Self::ServerMetadataChange,
            _ => Self::Other(name.to_vec()),
        })
    }

    fn write(&self, out: &mut Writer) {
        match self {
            Self::MessageNew(attributes) => {
                out.raw("MessageNew");
                if !attributes.is_empty() {
                    out.spaced(|out| out.list(attributes, |out, attribute| attribute.write(out)));
                }
            }
            Self::MessageExpunge => out.raw("MessageExpunge"),
            Self::FlagChange => out.raw("FlagChange"),
            Self::AnnotationChange => out.raw("AnnotationChange"),
            Self::MailboxName => out.raw("MailboxName"),
            Self::SubscriptionChange => out.raw("SubscriptionChange"),
            Self::MailboxMetadataChange => out.raw("MailboxMetadataChange"),
            Self::ServerMetadataChange => out.raw("ServerMetadataChange"),
            Self::Other(name) => out.raw(name),
        }
    }
}

impl EventGroup {
    /// ```text
    /// event-group = "(" filter-mailboxes SP events ")"
    /// events      = ("(" event *(SP event) ")") / "NONE"
    /// ```
    fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        cursor.nested(|cursor| {
            cursor.expect(b'(', "a group of events")?;
            let mailboxes = MailboxFilter::scan(cursor)?;
            cursor.space()?;
            let events = match cursor.peek() {
                Some(b'(') => Events::These(cursor.list(Event::scan)?),
                _ if cursor.eat_word(b"NONE)") => {
                    return Ok(Self { mailboxes, events: Events::None });
                }
                _ => Events::These(scan_bare_events(cursor)?),
            };
            cursor.expect(b')', "the group's end")?;
            Ok(Self { mailboxes, events })
        })
    }

    fn write(&self, out: &mut Writer) {
        out.raw("(");
        self.mailboxes.write(out);
        out.spaced(|out| match &self.events {
            Events::None => out.raw("NONE"),
            Events::These(events) => out.list(events, |out, event| event.write(out)),
        });
        out.raw(")");
    }
}

/// Without their brackets, as the examples of RFC 5465 have them.
fn scan_bare_events(cursor: &mut Cursor<'_>) -> Scanned<Vec<Event>> {
    let mut events = vec![Event::scan(cursor)?];
    while cursor.eat(b' ') {
        events.push(Event::scan(cursor)?);
    }
    Ok(events)
}

impl MailboxFilter {
    fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        Ok(match cursor.word("which mailboxes")?.as_slice() {
            b"SELECTED" => Self::Selected,
            b"SELECTED-DELAYED" => Self::SelectedDelayed,
            b"INBOXES" => Self::Inboxes,
            b"PERSONAL" => Self::Personal,
            b"SUBSCRIBED" => Self::Subscribed,
            b"SUBTREE" => Self::Subtree(scan_mailboxes(cursor)?),
            b"MAILBOXES" => Self::Mailboxes(scan_mailboxes(cursor)?),
            _ => return Err(SyntaxError::Unknown("choice of mailboxes")),
        })
    }

    fn write(&self, out: &mut Writer) {
        let (name, mailboxes) = match self {
            Self::Selected => ("SELECTED", None),
            Self::SelectedDelayed => ("SELECTED-DELAYED", None),
            Self::Inboxes => ("INBOXES", None),
            Self::Personal => ("PERSONAL", None),
            Self::Subscribed => ("SUBSCRIBED", None),
            Self::Subtree(mailboxes) => ("SUBTREE", Some(mailboxes)),
            Self::Mailboxes(mailboxes) => ("MAILBOXES", Some(mailboxes)),
        };
        out.raw(name);
        if let Some(mailboxes) = mailboxes {
            out.spaced(|out| out.list(mailboxes, Writer::mailbox));
        }
    }
}

/// ```text
/// one-or-more-mailbox = mailbox / "(" mailbox *(SP mailbox) ")"
/// ```
fn scan_mailboxes(cursor: &mut Cursor<'_>) -> Scanned<Vec<MailboxName>> {
    cursor.space()?;
    match cursor.peek() {
        Some(b'(') => cursor.list(MailboxName::scan),
        _ => Ok(vec![MailboxName::scan(cursor)?]),
    }
}

impl Notify {
    /// ```text
    /// notify     = "NOTIFY" SP (notify-set / notify-none)
    /// notify-set = "SET" [SP "STATUS"] SP event-group *(SP event-group)
    /// ```
    pub(super) fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        cursor.space()?;
        match cursor.word("SET or NONE")?.as_slice() {
            b"NONE" => return Ok(Self::None),
            b"SET" => {}
            _ => return Err(SyntaxError::Expected("SET or NONE")),
        }
        let status = match cursor.eat_word(b" STATUS") {
            true => StatusIndicator::Asked,
            false => StatusIndicator::No,
        };
        let mut groups = Vec::new();
        while cursor.rest().starts_with(b" (") {
            cursor.space()?;
            groups.push(EventGroup::scan(cursor)?);
        }
        match groups.is_empty() {
            true => Err(SyntaxError::Expected("a group of events")),
            false => Ok(Self::Set { status, groups }),
        }
    }

    pub(super) fn write(&self, out: &mut Writer) {
        match self {
            Self::None => out.raw(" NONE"),
            Self::Set { status, groups } => {
                out.raw(if *status == StatusIndicator::Asked { " SET STATUS " } else { " SET " });
                out.joined(groups, |out, group| group.write(out));
            }
        }
    }
}
