//! `postroad-mua move`, `tag` and `undo`: what is done to letters, and taken back.

use postroad_catalog::CatalogError;
use postroad_store::LetterFlags;
use schemars::JsonSchema;
use serde::Serialize;

use super::send::Output;
use super::{Context, In, letters};
use crate::account::{Account, Inbox};
use crate::drafts::Drafts;
use crate::error::{Error, Exit};
use crate::front::Usage;
use crate::mailbox::folder::Folder;
use crate::mailbox::{Edit, Mailbox, MailboxError, Missing, imap};
use crate::outbox::{Found, Outbox, OutboxError};
use crate::safe_line;
use crate::undo::{Deed, Done, Journal, Turn};

/// Move letters into another folder
#[derive(Debug, clap::Args)]
pub(super) struct MoveArguments {
    /// The letters: ids, numbers, or "latest"
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    /// The folder, as in Lists.Rust, or as the server calls it; INBOX is the inbox
    #[arg(long, short, value_name = "FOLDER")]
    to: String,
    /// Make the folder where there is none
    #[arg(long)]
    make: bool,
    #[command(flatten)]
    folder: In,
}

/// Set or take away flags
#[derive(Debug, clap::Args)]
pub(super) struct TagArguments {
    /// The letters: ids, numbers, or "latest"
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    /// A flag that they get; may be given often
    #[arg(long, short, value_name = "FLAG")]
    add: Vec<Flag>,
    /// A flag that they lose; may be given often
    #[arg(long, short, value_name = "FLAG")]
    remove: Vec<Flag>,
    #[command(flatten)]
    folder: In,
}

/// A flag (maildir(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Flag {
    Seen,
    Flagged,
    Answered,
    Forwarded,
    Draft,
    Deleted,
}

impl Flag {
    fn all(these: &[Self]) -> LetterFlags {
        these.iter().fold(LetterFlags::default(), |all, flag| all.and(flag.as_letters_have_it()))
    }

    fn as_letters_have_it(self) -> LetterFlags {
        match self {
            Self::Seen => LetterFlags::SEEN,
            Self::Flagged => LetterFlags::FLAGGED,
            Self::Answered => LetterFlags::ANSWERED,
            Self::Forwarded => LetterFlags::FORWARDED,
            Self::Draft => LetterFlags::DRAFT,
            Self::Deleted => LetterFlags::DELETED,
        }
    }
}

/// Take back what was done last
#[derive(Debug, clap::Args)]
pub(super) struct UndoArguments {
    /// Only show what can be taken back, the last thing last
    #[arg(long)]
    list: bool,
    #[command(flatten)]
    output: Output,
}

/// What can be taken back, as JSON.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct DoneJson<'a> {
    /// When it was done, in seconds since 1970.
    at: u64,
    /// What was done, for people.
    words: String,
    /// The same, for programs.
    deed: &'a Deed,
}

/// A folder of the Maildir: nothing else can do what is asked.
pub(super) async fn maildir(account: &Account, folder: &In) -> Result<Box<Folder>, Error> {
    if matches!(account.inbox, Inbox::Maildir(_))
        && let Mailbox::Maildir(folder) = folder.open(account).await?
    {
        return Ok(folder);
    }
    let words = match account.inbox {
        Inbox::Imap(_) => {
            "this command knows Maildirs alone; the full screen does it at an IMAP server"
        }
        Inbox::Pop3 { .. } | Inbox::Mbox(_) | Inbox::Maildir(_) => {
            "this command knows Maildirs alone"
        }
    };
    Err(Usage(words.into()).into())
}

/// Writes down what is done next; who can't remember does it all the same, and says so.
pub(super) fn remember(context: &mut Context<'_, '_>, account: &Account, deed: Deed) {
    let Some(journal) = Journal::of(account) else { return };
    if let Err(error) = journal.push(deed) {
        context.screen.say(&safe_line!("This can't be taken back: {error}"));
    }
}

pub(super) async fn move_letters(
    context: &mut Context<'_, '_>,
    arguments: &MoveArguments,
) -> Result<Exit, Error> {
    let account = context.account()?;
    let mut mailbox = arguments.folder.open(&account).await?;
    let found = mailbox.find_all(&arguments.ids)?;
    if arguments.folder.is(&arguments.to) {
        return Err(Usage(format!("the letters are in {} already", arguments.to)).into());
    }
    let missing = if arguments.make { Missing::Made } else { Missing::Refused };
    let moved = mailbox
        .move_to(&found, &arguments.to, missing, &mut |deed| remember(context, &account, deed))
        .await?;
    mailbox.close().await?;
    if !moved {
        let problem = format!("there is no folder {}; --make makes it", arguments.to);
        return Err(Usage(problem).into());
    }
    context.screen.say(&safe_line!("{} moved", letters(found.len())));
    Ok(Exit::Done)
}

pub(super) async fn tag(
    context: &mut Context<'_, '_>,
    arguments: &TagArguments,
) -> Result<Exit, Error> {
    let account = context.account()?;
    let mut mailbox = arguments.folder.open(&account).await?;
    let found = mailbox.find_all(&arguments.ids)?;
    let edit = Edit { add: Flag::all(&arguments.add), remove: Flag::all(&arguments.remove) };
    mailbox.tag(&found, &edit, &mut |deed| remember(context, &account, deed)).await?;
    mailbox.close().await?;
    context.screen.say(&safe_line!("flags of {} changed", letters(found.len())));
    Ok(Exit::Done)
}

pub(super) async fn undo(
    context: &mut Context<'_, '_>,
    arguments: &UndoArguments,
) -> Result<Exit, Error> {
    let account = context.account()?;
    let Some(journal) = Journal::of(&account) else { return Ok(Exit::No) };
    let failed = |error| MailboxError::from(CatalogError::from(error));
    let mut turn = journal.turn().map_err(failed)?;
    if arguments.list {
        for Done { at, deed } in turn.deeds() {
            match arguments.output.json {
                true => {
                    context.screen.show_json(&DoneJson { at: *at, words: deed.words(), deed })?;
                }
                false => context.screen.show(&safe_line!("{}", deed.words()))?,
            }
        }
        return Ok(Exit::Done);
    }
    let Some(last) = turn.deeds().last().cloned() else {
        context.screen.say(&safe_line!("There is nothing to be taken back."));
        return Ok(Exit::No);
    };
    let taken_back = take_back(context, &account, &mut turn, &last.deed).await;
    // What has left will not come back by being asked again.
    if taken_back.is_ok() || matches!(taken_back, Err(Error::Outbox(OutboxError::Left(_)))) {
        turn.forget_last().map_err(failed)?;
    }
    taken_back?;
    context.screen.say(&safe_line!("Taken back: {}", last.deed.words()));
    Ok(Exit::Done)
}

async fn take_back(
    context: &mut Context<'_, '_>,
    account: &Account,
    turn: &mut Turn<'_>,
    deed: &Deed,
) -> Result<(), Error> {
    let missing = match deed {
        Deed::Moved { from, to, letters } => {
            let mut renamed = Ok(());
            let mut tell = |names: &[_]| renamed = turn.rename(from, names);
            let missing = Folder::open(to)?.move_back(letters, from, &mut tell)?;
            if let Err(error) = renamed {
                let words = "What was done to them before can't be taken back";
                context.screen.say(&safe_line!("{words}: {error}"));
            }
            missing
        }
        Deed::Copied { to, letters } => Folder::open(to)?.remove(letters)?,
        Deed::Flagged { folder, letters } => Folder::open(folder)?.give_flags_back(letters)?,
        Deed::MovedThere { server, .. } | Deed::FlaggedThere { server, .. } => match &account.inbox
        {
            Inbox::Imap(own) => imap::take_back(account, own, deed).await?,
            Inbox::Maildir(_) | Inbox::Pop3 { .. } | Inbox::Mbox(_) => {
                return Err(MailboxError::DoneAt { server: server.clone() }.into());
            }
        },
        Deed::Held { outbox, letter } => {
            let outbox = Outbox::open(outbox)?;
            let drafts = Drafts::of(account)?;
            let Found::Letter(left) = outbox.take_back(letter)? else { return Ok(()) };
            if left.is_resent() {
                outbox.forget_taken_back(letter);
                return Ok(());
            }
            let id = drafts.home_for(&left)?;
            outbox.forget_taken_back(letter);
            context.screen.say(&safe_line!("It is draft {id}: see postroad-mua drafts"));
            0
        }
    };
    if missing > 0 {
        let missing = letters(missing);
        context.screen.say(&safe_line!("{missing} of them moved on meanwhile and stay there."));
    }
    Ok(())
}
