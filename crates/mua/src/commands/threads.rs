//! `postroad-mua threads`

use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Serialize;

use super::moving::maildir;
use super::reading::row_of;
use super::send::Output;
use super::{Context, In, nudge_outbox};
use crate::error::{Error, Exit};
use crate::render::Summary;
use crate::render::list::{Row, RowJson};
use crate::safe_line;

/// Conversations that are shown for the eye, unless told otherwise.
const THREADS: usize = 20;
/// How deep letters are drawn below each other.
const DEPTH_MAX: u8 = 16;

/// List letters as conversations
#[derive(Debug, clap::Args)]
pub(super) struct ThreadsArguments {
    /// Show all conversations, not just the newest 20
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    folder: In,
    #[command(flatten)]
    output: Output,
}

/// A letter of a conversation.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ThreadJson<'a> {
    /// The number of the letter that its conversation begins with.
    thread: usize,
    /// How far it stands below that one.
    depth: u8,
    #[serde(flatten)]
    row: RowJson<'a>,
}

pub(super) async fn run(
    context: &mut Context<'_, '_>,
    arguments: &ThreadsArguments,
) -> Result<Exit, Error> {
    let account = context.account()?;
    nudge_outbox(context, &account);
    let mut folder = maildir(&account, &arguments.folder).await?;
    let output = arguments.output;
    let letters = folder.threads();
    let threads: Vec<&[(usize, u8)]> = letters.chunk_by(|_, (_, depth)| *depth > 0).collect();
    let hidden = match output.json || arguments.all {
        true => 0,
        false => threads.len().saturating_sub(THREADS),
    };
    for thread in threads.iter().skip(hidden) {
        let first = thread.first().map_or(0, |(number, _)| *number);
        for (number, depth) in *thread {
            let Some(entry) = folder.entry(*number) else { continue };
            let header = folder.header(&entry)?;
            let row = row_of(&entry, Summary::of(&header));
            show(context, &row, (first, *depth), output)?;
        }
    }
    if !output.json {
        match (threads.len(), hidden) {
            (1, _) => context.screen.say(&"1 conversation".into()),
            (count, 0) => context.screen.say(&safe_line!("{count} conversations")),
            (count, _) => context.screen.say(&safe_line!(
                "{count} conversations, the newest {THREADS} are shown; all: --all"
            )),
        }
    }
    Ok(Exit::Done)
}

fn show(
    context: &mut Context<'_, '_>,
    row: &Row,
    (thread, depth): (usize, u8),
    output: Output,
) -> Result<(), Error> {
    if output.json {
        context.screen.show_json(&ThreadJson { thread, depth, row: RowJson::of(row) })?;
        return Ok(());
    }
    let indent = match depth.min(DEPTH_MAX) {
        0 => String::new(),
        depth => format!("{}└─> ", "  ".repeat(usize::from(depth) - 1)),
    };
    let subject = format!("{indent}{}", row.summary.subject);
    let row = Row { summary: Summary { subject, ..row.summary.clone() }, ..row.clone() };
    context.screen.show(&row.line(&TimeZone::system()))?;
    Ok(())
}
