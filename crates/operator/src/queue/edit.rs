//! `postroad queue hold`, `release`, `retry` and `delete`.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use postroad_observe::control::{Answer, Edit, Filter, Request};
use serde_json::json;

use super::list::{self, Page, Reader};
use super::which::{Chosen, Earnest, changeable, portions};
use crate::cli::{Form, Output};
use crate::control::Agent;
use crate::screen;

/// A change of messages. A message to several recipients is changed as a whole.
#[derive(Debug, Args)]
pub(crate) struct Change {
    #[command(flatten)]
    chosen: Chosen,
    #[command(flatten)]
    form: Form,
}

impl Change {
    pub(super) fn of(chosen: Chosen) -> Self {
        Self { chosen, form: Form::default() }
    }
}

pub(super) fn run(agent: &mut Agent, change: &Change, edit: Edit) -> Result<ExitCode> {
    let filter = change.chosen.filter()?;
    let unknown = unknown_ids(agent, &filter)?;
    match change.chosen.earnest() {
        Earnest::DryRun => rehearse(agent, &filter, edit, change.form.output())?,
        Earnest::Change => {
            let changed = apply(agent, &filter, edit)?;
            let mut out = anstream::stdout();
            match change.form.output() {
                Output::Json => writeln!(out, "{}", json!({"edit": edit, "messages": changed}))?,
                Output::Screen => {
                    writeln!(out, "{} {}", screen::counted(changed, "message"), done(edit))?;
                }
            }
        }
    }
    match unknown.as_slice() {
        [] => Ok(ExitCode::SUCCESS),
        [id, rest @ ..] => {
            let more = match rest.len() {
                0 => String::new(),
                more => format!(" (nor {} others)", screen::grouped(more as u64)),
            };
            bail!(
                "the queue holds no message {}{more}: `postroad queue list` shows those it holds",
                screen::shown(id, 40)
            )
        }
    }
}

fn done(edit: Edit) -> &'static str {
    match edit {
        Edit::Hold => "held",
        Edit::Release => "released",
        Edit::Retry => "due now",
        Edit::Delete => "deleted",
    }
}

/// Changes the messages that there is something to change of; gives how many these were.
pub(super) fn apply(agent: &mut Agent, filter: &Filter, edit: Edit) -> Result<u64> {
    let Some(filter) = changeable(filter, edit) else { return Ok(0) };
    let mut changed = 0;
    for filter in portions(&filter) {
        changed += agent.ask(&Request::Edit { filter, edit }, |_, _| Ok(()))?;
    }
    Ok(changed)
}

/// Says what would be changed.
fn rehearse(agent: &mut Agent, filter: &Filter, edit: Edit, output: Output) -> Result<()> {
    let (mut out, reader) = (anstream::stdout().lock(), Reader::of(output));
    let mut messages = 0;
    for filter in changeable(filter, edit).iter().flat_map(portions) {
        list::messages(agent, &filter, &Page::default(), reader, &mut out)?;
        messages += list::count(agent, &filter)?.messages;
    }
    if reader != Reader::Program {
        let messages = screen::counted(messages, "message");
        // Beside the lines, which are for the next program.
        anstream::eprintln!("{messages} would be {}; nothing was changed.", done(edit));
    }
    Ok(())
}

/// The ids of the filter that the queue doesn't hold.
fn unknown_ids(agent: &mut Agent, filter: &Filter) -> Result<Vec<String>> {
    let ids = Filter { queue_ids: filter.queue_ids.clone(), ..Filter::default() };
    let mut unknown = filter.queue_ids.clone();
    for filter in portions(&ids).into_iter().filter(|ids| !ids.queue_ids.is_empty()) {
        let mut known = std::collections::HashSet::new();
        agent.ask(&Request::List { filter, limit: u64::MAX, after: None }, |answer, _| {
            if let Answer::Message(message) = answer {
                known.insert(message.queue_id);
            }
            Ok(())
        })?;
        unknown.retain(|id| !known.contains(id));
    }
    Ok(unknown)
}
