//! How a command ends, and what its client is told (RFC 9051 §7.1, RFC 5530).

use std::borrow::Cow;

use postroad_imap::response::{Code, Status, StatusResponse};
use postroad_imap::value::Tag;
use postroad_store::{FolderError, MailboxError, StoreError};

/// A command was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Done {
    pub(super) code: Option<Code>,
    pub(super) text: &'static str,
}

/// It wasn't.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    status: Status,
    code: Option<Code>,
    text: Cow<'static, str>,
}

pub(super) type Ended = Result<Done, Refused>;

impl Done {
    pub(super) fn new(text: &'static str) -> Self {
        Self { code: None, text }
    }

    pub(super) fn with(code: Code, text: &'static str) -> Self {
        Self { code: Some(code), text }
    }
}

impl Refused {
    pub(super) fn no(text: impl Into<Cow<'static, str>>) -> Self {
        Self { status: Status::No, code: None, text: text.into() }
    }

    pub(super) fn no_with(code: Code, text: impl Into<Cow<'static, str>>) -> Self {
        Self { code: Some(code), ..Self::no(text) }
    }

    /// The same where the client may make what isn't there.
    pub(super) fn or_create(self) -> Self {
        match self.code {
            Some(Code::NonExistent) => Self { code: Some(Code::TryCreate), ..self },
            _ => self,
        }
    }

    /// Whether the command was understood (RFC 9051 §7.1.2).
    pub(super) fn is_no(&self) -> bool {
        self.status == Status::No
    }

    pub(super) fn bad(text: impl Into<Cow<'static, str>>) -> Self {
        Self { status: Status::Bad, ..Self::no(text) }
    }

    pub(super) fn with(self, code: Code) -> Self {
        Self { code: Some(code), ..self }
    }
}

/// The line that ends a command.
pub(super) fn tagged(tag: Tag, ended: Ended) -> StatusResponse {
    let (status, code, text) = match ended {
        Ok(Done { code, text }) => (Status::Ok, code, Cow::Borrowed(text)),
        Err(Refused { status, code, text }) => (status, code, text),
    };
    let response = StatusResponse::tagged(tag, status, &text);
    match code {
        Some(code) => response.with(code),
        None => response,
    }
}

/// What the disk said is for the log, and not for a client, who can do nothing about it.
impl From<MailboxError> for Refused {
    fn from(error: MailboxError) -> Self {
        let code = match &error {
            MailboxError::Locked { .. } => Code::InUse,
            MailboxError::NoMailbox { .. } | MailboxError::Renumbered { .. } => Code::NonExistent,
            MailboxError::Gone { .. } => Code::ExpungeIssued,
            MailboxError::NoKeyword { .. } => Code::Limit,
            MailboxError::NoUids => Code::Limit,
            MailboxError::Store(error) => return Self::from(error),
        };
        let text = match error {
            MailboxError::Locked { .. } => {
                "Another program is at work in the mailbox, try again".into()
            }
            MailboxError::NoMailbox { .. } => NO_MAILBOX.into(),
            MailboxError::Renumbered { .. } => ANOTHER_MAILBOX.into(),
            MailboxError::Gone { .. } => "The letter is gone".into(),
            error => Cow::Owned(error.to_string()),
        };
        Self::no_with(code, text)
    }
}

const NO_MAILBOX: &str = "There is no such mailbox";
pub(super) const ANOTHER_MAILBOX: &str = "The mailbox is another one now";

impl From<&StoreError> for Refused {
    fn from(error: &StoreError) -> Self {
        crate::events::mailbox_failed(error);
        match error {
            StoreError::Full(_) | StoreError::OverQuota(_) => {
                Self::no_with(Code::OverQuota, "There is no room left on the disk")
            }
            _ => Self::no_with(Code::Unavailable, "The mailbox can't be used now, try again later"),
        }
    }
}

impl From<FolderError> for Refused {
    fn from(error: FolderError) -> Self {
        let code = match &error {
            FolderError::Exists => Code::AlreadyExists,
            FolderError::NonExistent => Code::NonExistent,
            FolderError::HasChildren => Code::HasChildren,
            FolderError::Use { .. } => Code::UseAttr,
            FolderError::Name(_)
            | FolderError::Home
            | FolderError::Inbox
            | FolderError::InboxIsAFile
            | FolderError::IntoItself => Code::Cannot,
            FolderError::Store(error) => return Self::from(error),
        };
        Self::no_with(code, error.to_string())
    }
}
