//! `postroad-mua list`, `read`, `search` and `delete`

use std::path::PathBuf;

use jiff::tz::TimeZone;

use super::moving::{ChangedJson, remember};
use super::send::Output;
use super::{Context, In, letters, nudge_outbox, saving};
use crate::bounce::original::{SentFolder, Tied};
use crate::error::{Error, Exit};
use crate::mailbox::{Entry, Mailbox, Mark};
use crate::render::list::{BounceJson, Row, RowJson};
use crate::render::{Summary, View, page, save};
use crate::safe_line;
use crate::sealed::{self, Asks};
use crate::trust::{self, Trusted};

/// Letters that a list for the eye shows, unless told otherwise.
const LINES: usize = 50;

/// List letters
#[derive(Debug, clap::Args)]
pub(super) struct ListArguments {
    /// Show all letters, not just the newest 50
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    folder: In,
    #[command(flatten)]
    output: Output,
}

/// Show letters
#[derive(Debug, clap::Args)]
pub(super) struct ReadArguments {
    /// The letters: ids, numbers, or "latest"
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    #[command(flatten)]
    folder: In,
    #[command(flatten)]
    output: Output,
    /// Print the message as it is, every octet of it
    #[arg(long)]
    raw: bool,
    /// Save this attachment, by its number; 0 saves all of them
    #[arg(long, value_name = "NUMBER")]
    save: Option<usize>,
    /// The folder to save in
    #[arg(long, value_name = "DIR", default_value = ".")]
    into: PathBuf,
}

/// Delete letters
#[derive(Debug, clap::Args)]
pub(super) struct DeleteArguments {
    /// The letters: ids, numbers, or "latest"
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    #[command(flatten)]
    folder: In,
    #[command(flatten)]
    output: Output,
}

/// Reads a letter's header for a list.
pub(super) async fn row(mailbox: &mut Mailbox, entry: &Entry) -> Result<Row, Error> {
    let header = mailbox.header(entry).await?;
    // A server tells more of a letter with its header.
    let entry = mailbox.entry(entry.number).unwrap_or_else(|| entry.clone());
    Ok(row_of(&entry, Summary::of(&header)))
}

pub(super) fn row_of(entry: &Entry, summary: Summary) -> Row {
    Row {
        number: entry.number,
        id: entry.id.clone(),
        name: entry.name.clone(),
        flags: entry.flags.clone(),
        keywords: entry.keywords.clone(),
        octets: entry.octets,
        arrived: entry.arrived,
        summary,
    }
}

fn show_row(context: &mut Context<'_, '_>, row: &Row, output: Output) -> Result<(), Error> {
    match output.json {
        true => context.screen.show_json(&RowJson::of(row))?,
        false => context.screen.show(&row.line(&TimeZone::system()))?,
    }
    Ok(())
}

pub(super) async fn list(
    context: &mut Context<'_, '_>,
    arguments: &ListArguments,
) -> Result<Exit, Error> {
    let account = context.account()?;
    nudge_outbox(context, &account);
    let mut mailbox = arguments.folder.open(&account).await?;
    let output = arguments.output;
    let exists = mailbox.len();
    let hidden = match output.json || arguments.all {
        true => 0,
        false => exists.saturating_sub(LINES),
    };
    for number in hidden + 1..=exists {
        let Some(entry) = mailbox.entry(number) else { continue };
        let row = row(&mut mailbox, &entry).await?;
        show_row(context, &row, output)?;
    }
    mailbox.close().await?;
    if !output.json {
        let count = letters(exists);
        match hidden {
            0 => context.screen.say(&count),
            _ => {
                context.screen.say(&safe_line!("{count}, the newest {LINES} are shown; all: --all"))
            }
        }
    }
    Ok(Exit::Done)
}

pub(super) async fn read(
    context: &mut Context<'_, '_>,
    arguments: &ReadArguments,
) -> Result<Exit, Error> {
    let account = context.account()?;
    nudge_outbox(context, &account);
    let sent = SentFolder::of(&account);
    let mut mailbox = arguments.folder.open(&account).await?;
    for id in &arguments.ids {
        let entry = mailbox.find(id)?;
        let raw = mailbox.message(&entry).await?;
        if arguments.raw {
            context.screen.show_raw(&raw)?;
        } else {
            let view = sealed::view(&raw, &account.keys, Asks::Here);
            match arguments.save {
                Some(number) => save_parts(context, &view, number, &arguments.into)?,
                None => {
                    let report = trust::report(&raw, &view.summary, &Trusted::of(&account));
                    let line = report.line().filter(|_| !arguments.output.json);
                    // On top, where nothing that the letter says can stand.
                    if let Some(seal) = view.seal.as_ref().filter(|_| !arguments.output.json) {
                        context.screen.show(&seal.line())?;
                    }
                    if let Some((level, words)) = line {
                        context.screen.show(&safe_line!("[{} {words}]", level.mark()))?;
                    }
                    let tied = Tied::of(&raw, &view, sent.as_ref());
                    show(context, &entry, (&view, tied.as_ref()), arguments.output)?;
                }
            }
        }
        mailbox.mark(&entry, Mark::Seen).await?;
    }
    mailbox.close().await?;
    Ok(Exit::Done)
}

fn show(
    context: &mut Context<'_, '_>,
    entry: &Entry,
    (view, tied): (&View, Option<&Tied>),
    output: Output,
) -> Result<(), Error> {
    if output.json {
        let row = row_of(entry, view.summary.clone());
        let bounce =
            tied.map(|tied| BounceJson { bounce: &tied.bounce, found_in: tied.found_in() });
        context.screen.show_json(&RowJson::of(&row).with_bounce(bounce).with_view(view))?;
        return Ok(());
    }
    for line in tied.map(Tied::lines).unwrap_or_default() {
        context.screen.show(&safe_line!("[{line}]"))?;
    }
    context.screen.show(&page::page(view, &TimeZone::system()))?;
    Ok(())
}

/// Saves one attachment, or with 0 all of them.
pub(super) fn save_parts(
    context: &mut Context<'_, '_>,
    view: &View,
    number: usize,
    folder: &std::path::Path,
) -> Result<(), Error> {
    let numbers = [number];
    let numbers = if number == 0 { &[][..] } else { &numbers[..] };
    for (_, part) in saving::chosen(view, numbers)? {
        let path = save::save(part, folder)?;
        context.screen.show(&safe_line!("{}", path.display()))?;
    }
    Ok(())
}

pub(super) async fn delete(
    context: &mut Context<'_, '_>,
    arguments: &DeleteArguments,
) -> Result<Exit, Error> {
    let account = context.account()?;
    let mut mailbox = arguments.folder.open(&account).await?;
    let found = mailbox.find_all(&arguments.ids)?;
    mailbox.delete(&found, &mut |deed| remember(context, &account, deed)).await?;
    mailbox.close().await?;
    for entry in found.iter().filter(|_| arguments.output.json) {
        context.screen.show_json(&ChangedJson::of(entry, &arguments.folder))?;
    }
    if !arguments.output.json {
        context.screen.say(&safe_line!("{} deleted", letters(found.len())));
    }
    Ok(Exit::Done)
}
