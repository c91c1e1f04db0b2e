//! `postroad queue`: looking at the queue, and changing it.
//!
//! | looking for | it is in |
//! |---|---|
//! | which messages a verb is about | [`which`] |
//! | the list: a table for people, lines for programs | [`list`], [`table`] |
//! | messages one by one; what stands in their way; sums | [`show`], [`why`], [`summary`] |
//! | hold, release, retry, delete | [`edit`] |
//! | messages as files | [`export`] |
//! | the spellings `mailq`, `postqueue`, `postsuper` | [`postfix`] |
//!
//! The running transfer agent does it all; while it is stopped, its program does it on the queue's files
//! ([`crate::control::Agent::reach`]).

mod edit;
mod export;
mod list;
pub(crate) mod postfix;
mod show;
mod summary;
mod table;
mod which;
mod why;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};
use postroad_observe::control::Edit;

use crate::cli::Settings;
use crate::control::{Agent, Speaker};
use which::Chosen;
pub(crate) use which::octets;

/// `postroad queue`
#[derive(Debug, Args)]
pub(crate) struct Queue {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List messages, oldest first (the default)
    ///
    /// A table on a terminal. Elsewhere one line a recipient, the columns apart by tabs: queue id, time of
    /// arrival, octets, sender, recipient, time of the next try or "held", last reply or why the next hop is
    /// left alone.
    List(list::List),
    /// How many messages there are, by next hop, recipient's domain or sender's domain
    Summary(summary::Summary),
    /// Show messages: their recipients, and the start of their content
    Show(show::Show),
    /// Say when messages are tried next, and what stands in the way
    Why(why::Why),
    /// Keep messages back until they are released; a delivery that is under way goes on
    Hold(edit::Change),
    /// Let held messages go, at once
    Release(edit::Change),
    /// Try messages at once
    Retry(edit::Change),
    /// Remove messages, without a word to anybody; a delivery that is under way goes on
    Delete(edit::Change),
    /// Try all messages at once, as `retry --all`
    Flush,
    /// Write messages and their envelopes out; they stay in the queue
    Export(export::Export),
}

pub(crate) fn run(queue: &Queue) -> Result<ExitCode> {
    let agent = &mut Agent::reach(&queue.settings.load()?)?;
    if agent.speaker() == Speaker::StandIn {
        anstream::eprintln!(
            "The transfer agent isn't running, or is only starting or stopping: this is its queue on disk."
        );
    }
    match &queue.action {
        None => list::run(agent, &list::List::default()),
        Some(Action::List(list)) => list::run(agent, list),
        Some(Action::Summary(summary)) => summary::run(agent, summary),
        Some(Action::Show(show)) => show::run(agent, show),
        Some(Action::Why(why)) => why::run(agent, why),
        Some(Action::Hold(change)) => edit::run(agent, change, Edit::Hold),
        Some(Action::Release(change)) => edit::run(agent, change, Edit::Release),
        Some(Action::Retry(change)) => edit::run(agent, change, Edit::Retry),
        Some(Action::Delete(change)) => edit::run(agent, change, Edit::Delete),
        Some(Action::Flush) => {
            edit::run(agent, &edit::Change::of(Chosen::everything()), Edit::Retry)
        }
        Some(Action::Export(export)) => export::run(agent, export),
    }
}
