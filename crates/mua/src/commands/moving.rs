//! `postroad-mua move`, `tag` and `undo`: what is done to letters in a Maildir, and taken back.

use std::path::{Path, PathBuf};

use postroad_store::FolderName;
use serde::Serialize;

use super::send::Output;
use super::{Context, letters};
use crate::account::{Account, Inbox};
use crate::drafts::Drafts;
use crate::error::{Error, Exit};
use crate::front::Usage;
use crate::mailbox::maildir::Folder;
use crate::mailbox::{Entry, Mailbox, MailboxError, find_all};
use crate::outbox::{Found, Outbox, OutboxError};
use crate::safe_line;
use crate::undo::{Deed, Done, Journal, Was};

/// Move letters into another folder
#[derive(Debug, clap::Args)]
pub(super) struct MoveArguments {
    /// The letters: ids, numbers, or "latest"
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    /// The folder, as in Lists.Rust; INBOX is the inbox
    #[arg(long, short, value_name = "FOLDER")]
    to: String,
    /// Make the folder where there is none
    #[arg(long)]
    make: bool,
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
    fn letter(self) -> char {
        match self {
            Self::Seen => 'S',
            Self::Flagged => 'F',
            Self::Answered => 'R',
            Self::Forwarded => 'P',
            Self::Draft => 'D',
            Self::Deleted => 'T',
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
#[derive(Debug, Serialize)]
struct DoneJson<'a> {
    at: u64,
    words: String,
    deed: &'a Deed,
}

fn maildir(account: &Account) -> Result<&Path, Error> {
    match &account.inbox {
        Inbox::Maildir(path) => Ok(path),
        Inbox::Pop3 { .. } => Err(Usage("a POP3 server has no folders and no flags".into()).into()),
    }
}

fn was(entries: &[Entry]) -> Vec<Was> {
    let was = |entry: &Entry| Was { name: entry.name.clone(), flags: entry.flags.clone() };
    entries.iter().map(was).collect()
}

/// Writes down what is done next; who can't remember does it all the same, and says so.
pub(super) fn remember(context: &mut Context<'_, '_>, account: &Account, deed: Deed) {
    let Some(journal) = Journal::of(account) else { return };
    if let Err(error) = journal.push(deed) {
        context.screen.say(&safe_line!("This can't be taken back: {error}"));
    }
}

/// The same for letters that go to the Trash; those that are in it, or at a server, are gone for good.
pub(super) fn remember_deletion(
    context: &mut Context<'_, '_>,
    account: &Account,
    mailbox: &Mailbox,
    entries: &[Entry],
) {
    if let (Mailbox::Maildir(folder), Inbox::Maildir(root)) = (mailbox, &account.inbox)
        && let Some(trash) = folder.trash()
    {
        let letters = was(entries);
        remember(context, account, Deed::Moved { from: root.clone(), to: trash, letters });
    }
}

pub(super) fn move_letters(
    context: &mut Context<'_, '_>,
    arguments: &MoveArguments,
) -> Result<Exit, Error> {
    let account = context.account()?;
    let root = maildir(&account)?;
    let folder = Folder::open(root)?;
    let target = target(root, &arguments.to)?;
    if target == *root {
        return Err(Usage(format!("the letters are in {} already", arguments.to)).into());
    }
    if !arguments.make && !target.join("cur").is_dir() {
        let problem = format!("there is no folder {}; --make makes it", arguments.to);
        return Err(Usage(problem).into());
    }
    let found = find_all(folder.entries(), &arguments.ids)?;
    let deed = Deed::Moved { from: root.to_owned(), to: target.clone(), letters: was(&found) };
    remember(context, &account, deed);
    folder.move_to(&found, &target, |flags| flags.to_owned())?;
    context.screen.say(&safe_line!("{} moved", letters(found.len())));
    Ok(Exit::Done)
}

/// The Maildir++ folder of that name, beside or below this one.
fn target(root: &Path, name: &str) -> Result<PathBuf, Error> {
    // Maildir++: the file that says "a folder of the Maildir above".
    let top = match (root.join("maildirfolder").exists(), root.parent()) {
        (true, Some(above)) => above,
        _ => root,
    };
    if name.eq_ignore_ascii_case("INBOX") {
        return Ok(top.to_owned());
    }
    let name = FolderName::from_utf8(name)
        .map_err(|error| Usage(format!("the folder {name:?}: {error}")))?;
    Ok(top.join(format!(".{name}")))
}

pub(super) fn tag(context: &mut Context<'_, '_>, arguments: &TagArguments) -> Result<Exit, Error> {
    let account = context.account()?;
    let root = maildir(&account)?;
    let folder = Folder::open(root)?;
    let found = find_all(folder.entries(), &arguments.ids)?;
    let deed = Deed::Flagged { folder: root.to_owned(), letters: was(&found) };
    remember(context, &account, deed);
    let letter = |flag: &Flag| flag.letter();
    let add: String = arguments.add.iter().map(letter).collect();
    let remove: Vec<char> = arguments.remove.iter().map(letter).collect();
    for entry in &found {
        folder.set_flags(entry, |flags| {
            flags.chars().filter(|flag| !remove.contains(flag)).chain(add.chars()).collect()
        })?;
    }
    context.screen.say(&safe_line!("flags of {} changed", letters(found.len())));
    Ok(Exit::Done)
}

pub(super) fn undo(
    context: &mut Context<'_, '_>,
    arguments: &UndoArguments,
) -> Result<Exit, Error> {
    let account = context.account()?;
    let Some(journal) = Journal::of(&account) else { return Ok(Exit::No) };
    let mut turn = journal.turn().map_err(MailboxError::from)?;
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
    let taken_back = take_back(context, &account, &last.deed);
    // What has left will not come back by being asked again.
    if taken_back.is_ok() || matches!(taken_back, Err(Error::Outbox(OutboxError::Left(_)))) {
        turn.forget_last().map_err(MailboxError::from)?;
    }
    taken_back?;
    context.screen.say(&safe_line!("Taken back: {}", last.deed.words()));
    Ok(Exit::Done)
}

fn take_back(context: &mut Context<'_, '_>, account: &Account, deed: &Deed) -> Result<(), Error> {
    let missing = match deed {
        Deed::Moved { from, to, letters } => Folder::open(to)?.restore(letters, from)?,
        Deed::Flagged { folder, letters } => Folder::open(folder)?.restore(letters, folder)?,
        Deed::Held { outbox, letter } => {
            let outbox = Outbox::open(outbox)?;
            let drafts = Drafts::of(account)?;
            let Found::Letter(left) = outbox.take_back(letter)? else { return Ok(()) };
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
