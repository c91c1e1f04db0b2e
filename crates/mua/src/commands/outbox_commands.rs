//! `postroad-mua outbox`, and `mailq`

use std::time::{Duration, SystemTime};

use clap::Subcommand;

use super::{Context, letters};
use crate::error::{Error, Exit};
use crate::outbox::sender::Flushed;
use crate::outbox::{Outbox, OutboxError, start};
use crate::{limits, safe_line};

/// Letters that haven't left yet
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    /// Print the letters as JSON, one object a line
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what waits, and why (the default)
    List {
        /// Print the letters as JSON, one object a line
        #[arg(long)]
        json: bool,
    },
    /// Send what waits, now
    Flush {
        /// Outlive the terminal, and wait a while for better weather
        #[arg(long, hide = true)]
        detached: bool,
    },
    /// Send letters that were refused once more
    Retry {
        /// The letters; all of them where none is named
        ids: Vec<String>,
    },
    /// Throw letters away
    Drop {
        /// The letters
        #[arg(required = true)]
        ids: Vec<String>,
    },
}

pub(super) async fn run(
    context: &mut Context<'_, '_>,
    arguments: &Arguments,
) -> Result<Exit, Error> {
    match &arguments.command {
        None if arguments.json => list_json(context).await,
        None | Some(Command::List { json: false }) => show_queue(context).await,
        Some(Command::List { json: true }) => list_json(context).await,
        Some(Command::Flush { detached: true }) => {
            start::leave_session();
            flush(context, limits::SENDER_PATIENCE).await
        }
        Some(Command::Flush { detached: false }) => flush(context, Duration::ZERO).await,
        Some(Command::Retry { ids }) => {
            let count = open(context)?.retry(ids).await?;
            context.screen.say(&safe_line!("{} to be tried again", many(count)));
            start::start(&context.overrides)?;
            Ok(Exit::Done)
        }
        Some(Command::Drop { ids }) => {
            let count = open(context)?.discard(ids).await?;
            context.screen.say(&safe_line!("{} thrown away", many(count)));
            Ok(Exit::Done)
        }
    }
}

fn many(count: u64) -> crate::safe_text::SafeText {
    letters(usize::try_from(count).unwrap_or(usize::MAX))
}

fn open(context: &Context<'_, '_>) -> Result<Outbox, Error> {
    let account = context.account()?;
    let folder = account.outbox.ok_or(crate::account::AccountError::NO_OUTBOX)?;
    Ok(Outbox::open(&folder)?)
}

async fn list_json(context: &mut Context<'_, '_>) -> Result<Exit, Error> {
    for letter in open(context)?.list().await? {
        context.screen.show_json(&letter)?;
    }
    Ok(Exit::Done)
}

/// Every letter with the server's last words.
pub(super) async fn show_queue(context: &mut Context<'_, '_>) -> Result<Exit, Error> {
    let waiting = open(context)?.list().await?;
    for line in waiting.iter().flat_map(|letter| letter.lines()) {
        context.screen.show(&line)?;
    }
    context.screen.say(&safe_line!("{} in the outbox", letters(waiting.len())));
    Ok(Exit::Done)
}

/// Sends what waits. Says what is left, and where a server has refused.
pub(super) async fn flush(
    context: &mut Context<'_, '_>,
    patience: Duration,
) -> Result<Exit, Error> {
    let account = context.account()?;
    let outbox = open(context)?;
    match outbox.flush(&account, patience).await? {
        Flushed::Empty => {}
        Flushed::Busy => context.screen.say(&safe_line!("Another sender is at work.")),
        Flushed::Waiting(at) => {
            let wait = at.duration_since(SystemTime::now()).unwrap_or_default();
            let seconds = wait.as_secs();
            context.screen.say(&safe_line!("Letters wait; the next try is due in {seconds} s."));
        }
    }
    // The list is for the eye: the sender that is at work may have it.
    let waiting = match outbox.list().await {
        Err(OutboxError::Busy) => Vec::new(),
        waiting => waiting?,
    };
    for line in waiting.iter().flat_map(|letter| letter.lines()) {
        context.screen.say(&line);
    }
    Ok(Exit::Done)
}
