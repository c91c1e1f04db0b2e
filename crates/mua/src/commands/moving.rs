//! `postroad-mua move`, `tag` and `undo`: what is done to letters, and taken back.

use postroad_catalog::CatalogError;
use postroad_store::LetterFlags;
use schemars::JsonSchema;
use serde::Serialize;

use super::send::Output;
use super::{Context, INBOX, In, letters};
use crate::account::{Account, Inbox};
use crate::drafts::Drafts;
use crate::error::{Error, Exit};
use crate::front::Usage;
use crate::mailbox::folder::Folder;
use crate::mailbox::{Edit, Entry, Mailbox, MailboxError, Missing, imap};
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
    #[command(flatten)]
    output: Output,
}

/// Set or take away flags
#[derive(Debug, clap::Args)]
pub(super) struct TagArguments {
    /// The letters: ids, numbers, or "latest"
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    /// A flag that they get: seen, flagged, answered, forwarded, draft, deleted, or a keyword such as todo; may be given often
    #[arg(long, short, value_name = "FLAG")]
    add: Vec<String>,
    /// A flag that they lose; may be given often
    #[arg(long, short, value_name = "FLAG")]
    remove: Vec<String>,
    #[command(flatten)]
    folder: In,
    #[command(flatten)]
    output: Output,
}

/// What the flags of maildir(5) are called.
const FLAGS: [(&str, LetterFlags); 6] = [
    ("seen", LetterFlags::SEEN),
    ("flagged", LetterFlags::FLAGGED),
    ("answered", LetterFlags::ANSWERED),
    ("forwarded", LetterFlags::FORWARDED),
    ("draft", LetterFlags::DRAFT),
    ("deleted", LetterFlags::DELETED),
];

/// Flags by their names, and those that are keywords.
fn flags(names: &[String]) -> (LetterFlags, Vec<String>) {
    let (mut flags, mut keywords) = (LetterFlags::default(), Vec::new());
    for name in names {
        match FLAGS.iter().find(|(known, _)| name.eq_ignore_ascii_case(known)) {
            Some((_, flag)) => flags = flags.and(*flag),
            None => keywords.push(name.clone()),
        }
    }
    (flags, keywords)
}

/// A letter that something was done to, as JSON.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ChangedJson<'a> {
    /// Its short id before.
    id: &'a str,
    /// Its number before.
    number: usize,
    /// Base name or unique id before.
    name: &'a str,
    /// The folder that it was in.
    folder: &'a str,
    /// The folder that it was moved to.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    /// The flags and keywords that it was given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    added: Vec<&'a str>,
    /// Those that were taken away.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    removed: Vec<&'a str>,
}

impl<'a> ChangedJson<'a> {
    pub(super) fn of(entry: &'a Entry, folder: &'a In) -> Self {
        let (id, number, name) = (&entry.id, entry.number, &entry.name);
        let folder = folder.folder.as_deref().unwrap_or(INBOX);
        Self { id, number, name, folder, to: None, added: Vec::new(), removed: Vec::new() }
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
    for entry in found.iter().filter(|_| arguments.output.json) {
        let to = Some(arguments.to.as_str());
        context
            .screen
            .show_json(&ChangedJson { to, ..ChangedJson::of(entry, &arguments.folder) })?;
    }
    if !arguments.output.json {
        context.screen.say(&safe_line!("{} moved", letters(found.len())));
    }
    Ok(Exit::Done)
}

pub(super) async fn tag(
    context: &mut Context<'_, '_>,
    arguments: &TagArguments,
) -> Result<Exit, Error> {
    let account = context.account()?;
    let mut mailbox = arguments.folder.open(&account).await?;
    let found = mailbox.find_all(&arguments.ids)?;
    let ((add, add_keywords), (remove, remove_keywords)) =
        (flags(&arguments.add), flags(&arguments.remove));
    let edit = Edit { add, remove, add_keywords, remove_keywords };
    mailbox.tag(&found, &edit, &mut |deed| remember(context, &account, deed)).await?;
    mailbox.close().await?;
    for entry in found.iter().filter(|_| arguments.output.json) {
        context.screen.show_json(&ChangedJson {
            added: arguments.add.iter().map(String::as_str).collect(),
            removed: arguments.remove.iter().map(String::as_str).collect(),
            ..ChangedJson::of(entry, &arguments.folder)
        })?;
    }
    if !arguments.output.json {
        context.screen.say(&safe_line!("flags of {} changed", letters(found.len())));
    }
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
    // What has left will not come back by being asked again, nor what was in a folder that has gone or has another name.
    let is_hopeless = matches!(
        taken_back,
        Err(Error::Outbox(OutboxError::Left(_))
            | Error::Mailbox(MailboxError::NoMaildir { .. } | MailboxError::NoFolder { .. }))
    );
    if taken_back.is_ok() || is_hopeless {
        turn.forget_last().map_err(failed)?;
    }
    taken_back.inspect_err(|_| {
        if is_hopeless {
            context.screen.say(&safe_line!(
                "It can't be taken back any more: undo again takes back what was done before it."
            ));
        }
    })?;
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
