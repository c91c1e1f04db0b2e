//! What ends a command, and the exit status that it ends with (sysexits(3)).

use postroad_catalog::CatalogError;
use postroad_seal::SealError;
use postroad_store::FolderError;

use crate::account::AccountError;
use crate::compose::ComposeError;
use crate::drafts::{DraftError, Wrong};
use crate::front::Usage;
use crate::mailbox::MailboxError;
use crate::oauth::TokenError;
use crate::outbox::OutboxError;
use crate::people::BookError;
use crate::render::save::SaveError;
use crate::submission::SubmitError;

/// How a command ends. Callers of `sendmail` act on these numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done; of a letter: it is on disk.
    Done = 0,
    /// The answer is no: `mail -e` found no mail, a search found nothing.
    No = 1,
    /// EX_USAGE: the words on the command line are not understood.
    Usage = 64,
    /// EX_DATAERR: the message or an address in it is wrong.
    Data = 65,
    /// EX_NOINPUT: what was to be read isn't there.
    NoInput = 66,
    /// EX_NOUSER: an address is none.
    NoUser = 67,
    /// EX_UNAVAILABLE: refused for good.
    Unavailable = 69,
    /// EX_IOERR: standard output is gone.
    Io = 74,
    /// EX_TEMPFAIL: nothing was done; try again later.
    Temporary = 75,
    /// EX_NOPERM: not for this caller.
    Permission = 77,
    /// EX_CONFIG: the account is wrong.
    Config = 78,
}

/// What ends a command early.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The words on the command line.
    #[error(transparent)]
    Usage(#[from] Usage),
    /// The account.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The letter.
    #[error(transparent)]
    Compose(#[from] ComposeError),
    /// A letter that is being written.
    #[error(transparent)]
    Draft(#[from] DraftError),
    /// The address book.
    #[error(transparent)]
    Book(#[from] BookError),
    /// The outbox.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// The mailbox.
    #[error(transparent)]
    Mailbox(#[from] MailboxError),
    /// A letter that is to be signed or encrypted, or keys.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// An attachment that was to be saved.
    #[error(transparent)]
    Save(#[from] SaveError),
    /// There is no outbox, and no way to the MTA either.
    #[error("the letter is not accepted: {0}")]
    Submit(#[from] SubmitError),
    /// Tokens of a provider.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// There is no outbox, and the MTA wants it later.
    #[error("the letter is not accepted now: {0}")]
    Deferred(String),
    /// There is no outbox, and the MTA refuses.
    #[error("the letter is refused: {0}")]
    Refused(String),
    /// Standard input or output.
    #[error("cannot use standard input or output")]
    Io(#[from] std::io::Error),
    /// A folder that was named isn't there.
    #[error("the mailbox has no folder {0}; c and ? in full screen list those that there are")]
    NoFolder(String),
    /// The full screen has ended before all was done.
    #[error(
        "the mailbox is slow: some of what was struck or marked may still be as it was; start again to see"
    )]
    Unfinished,
    /// The editor.
    #[error("{0}")]
    Editor(String),
    /// It can't be started.
    #[error("{0}")]
    NoEditor(String),
}

impl From<Wrong> for Error {
    fn from(wrong: Wrong) -> Self {
        Self::Compose(wrong.problem)
    }
}

impl Error {
    /// The status to end with.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Account(_) => Exit::Config,
            Self::Compose(error) => match error {
                ComposeError::NoRecipients | ComposeError::Field { .. } => Exit::Usage,
                ComposeError::TooManyRecipients { .. } | ComposeError::TooLarge { .. } => {
                    Exit::Data
                }
                ComposeError::Address(_) => Exit::NoUser,
                ComposeError::Attachment { .. } => Exit::NoInput,
                ComposeError::NoList(_) | ComposeError::Invitation(_) => Exit::Unavailable,
                ComposeError::Random(_) => Exit::Temporary,
            },
            Self::Outbox(OutboxError::Unknown(_))
            | Self::Mailbox(MailboxError::Unknown { .. })
            | Self::Draft(DraftError::Unknown(_) | DraftError::Ambiguous(_)) => Exit::NoInput,
            Self::Draft(DraftError::TooLarge(_) | DraftError::Damaged { .. }) => Exit::Data,
            Self::Draft(_)
            | Self::Book(_)
            | Self::Outbox(_)
            | Self::Submit(_)
            | Self::Deferred(_)
            | Self::Unfinished => Exit::Temporary,
            Self::Token(error) if error.may_pass() => Exit::Temporary,
            Self::Token(_) => Exit::Permission,
            Self::Mailbox(error) => match error {
                MailboxError::NoMaildir { .. }
                | MailboxError::NoFolder { .. }
                | MailboxError::Ambiguous { .. } => Exit::NoInput,
                // What was typed can be no folder's name.
                MailboxError::Folder(CatalogError::Folder(FolderError::Name(_)))
                | MailboxError::NoFolders(_)
                | MailboxError::NoKeyword { .. }
                | MailboxError::DoneAt { .. } => Exit::Usage,
                _ => Exit::Temporary,
            },
            Self::Seal(SealError::NoKey(_)) | Self::NoFolder(_) => Exit::NoInput,
            Self::Seal(SealError::Program { .. } | SealError::File { .. }) => Exit::Temporary,
            Self::Seal(_) => Exit::Unavailable,
            Self::Refused(_) => Exit::Unavailable,
            Self::Save(_) | Self::Io(_) | Self::Editor(_) | Self::NoEditor(_) => Exit::Io,
        }
    }

    /// The error and all its causes, on one line.
    pub fn words(&self) -> String {
        words(self)
    }
}

/// An error and all its causes, on one line.
pub(crate) fn words(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        // Transparent errors name the same thing twice.
        if !words.ends_with(&text) {
            words.push_str(": ");
            words.push_str(&text);
        }
        cause = error.source();
    }
    words
}
