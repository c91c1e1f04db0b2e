//! `postroad-mua schema`: what the lines of `--json` hold, as JSON Schema (draft 2020-12), made of the types that are printed.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

use super::{
    Context, account, address, doctor, drafts, folders, keys, moving, saving, send, threads,
    verifying,
};
use crate::error::{Error, Exit};
use crate::front::Usage;
use crate::outbox::listing::Waiting;
use crate::render::list::RowJson;
use crate::safe_line;

/// Print what a line of COMMAND --json holds, as JSON Schema
#[derive(Debug, clap::Args)]
pub(super) struct SchemaArguments {
    /// The command, such as "list"; without one those that print JSON are named
    command: Option<String>,
}

type MakeSchema = fn() -> Schema;

/// Every command that prints JSON, and what a line of it is.
const COMMANDS: &[(&str, MakeSchema)] = &[
    ("account", of::<account::AccountJson>),
    ("address", of::<address::Row<'_>>),
    ("delete", of::<moving::ChangedJson<'_>>),
    ("doctor", of::<doctor::Looked>),
    ("drafts", of::<drafts::DraftJson<'_>>),
    ("folders", of::<folders::FolderJson<'_>>),
    ("forward", of::<send::Sent<'_>>),
    ("keys", of::<keys::KeyJson<'_>>),
    ("list", of::<RowJson<'_>>),
    ("move", of::<moving::ChangedJson<'_>>),
    ("outbox", of::<Waiting>),
    ("read", of::<RowJson<'_>>),
    ("reply", of::<send::Sent<'_>>),
    ("save", of::<saving::SavedJson<'_>>),
    ("search", of::<RowJson<'_>>),
    ("send", of::<send::Sent<'_>>),
    ("tag", of::<moving::ChangedJson<'_>>),
    ("threads", of::<threads::ThreadJson<'_>>),
    ("trace", of::<verifying::HopJson<'_>>),
    ("undo", of::<moving::DoneJson<'_>>),
    ("verify", of::<verifying::VerdictJson<'_>>),
];

fn of<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>()
}

pub(super) fn run(
    context: &mut Context<'_, '_>,
    arguments: &SchemaArguments,
) -> Result<Exit, Error> {
    let Some(wanted) = &arguments.command else {
        for (command, _) in COMMANDS {
            context.screen.show(&safe_line!("{command}"))?;
        }
        return Ok(Exit::Done);
    };
    let Some((_, schema)) = COMMANDS.iter().find(|(command, _)| command == wanted) else {
        return Err(Usage(format!(
            "{wanted:?} prints no JSON; \"schema\" alone names those that do"
        ))
        .into());
    };
    let mut schema = schema();
    // A type's name says nothing to who reads it.
    schema.insert("title".into(), format!("a line of {wanted} --json").into());
    let mut text = serde_json::to_string_pretty(&schema).map_err(std::io::Error::from)?;
    text.push('\n');
    context.screen.show_raw(text.as_bytes())?;
    Ok(Exit::Done)
}
