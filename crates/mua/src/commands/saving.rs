//! `postroad-mua save`: what goes with letters, into files. Names are made safe and no file is ever replaced
//! (`render::save`).

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use super::send::Output;
use super::{Context, In};
use crate::error::{Error, Exit};
use crate::front::Usage;
use crate::render::{Part, View, save};
use crate::safe_line;
use crate::sealed::{self, Asks};

/// Save attachments
#[derive(Debug, clap::Args)]
pub(super) struct SaveArguments {
    /// The letters: ids, numbers, or "latest"
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    /// Save this attachment alone, by its number; may be given often [default: all of them]
    #[arg(long = "part", short, value_name = "NUMBER")]
    parts: Vec<usize>,
    /// The folder to save in
    #[arg(long, value_name = "DIR", default_value = ".")]
    into: PathBuf,
    #[command(flatten)]
    folder: In,
    #[command(flatten)]
    output: Output,
}

/// A file that was saved.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SavedJson<'a> {
    /// The letter's short id.
    id: &'a str,
    /// The attachment's number, from 1.
    part: usize,
    /// What the letter calls it.
    name: Option<&'a str>,
    /// Octets.
    size: usize,
    /// The file.
    path: String,
}

/// Exit 1 where there was nothing to be saved.
pub(super) async fn save(
    context: &mut Context<'_, '_>,
    arguments: &SaveArguments,
) -> Result<Exit, Error> {
    let account = context.account()?;
    let mut mailbox = arguments.folder.open(&account).await?;
    let mut saved = 0;
    for entry in mailbox.find_all(&arguments.ids)? {
        let raw = mailbox.message(&entry).await?;
        let view = sealed::view(&raw, &account.keys, Asks::Here);
        for (number, part) in chosen(&view, &arguments.parts)? {
            let path = save::save(part, &arguments.into)?;
            saved += 1;
            if arguments.output.json {
                context.screen.show_json(&SavedJson {
                    id: &entry.id,
                    part: number,
                    name: part.name.as_deref(),
                    size: part.content.len(),
                    path: path.display().to_string(),
                })?;
            } else {
                context.screen.show(&safe_line!("{}", path.display()))?;
            }
        }
    }
    mailbox.close().await?;
    if saved == 0 {
        context.screen.say(&safe_line!("There is no attachment."));
        return Ok(Exit::No);
    }
    Ok(Exit::Done)
}

/// The attachments of these numbers, in their order; all where none is given.
///
/// # Errors
/// Where a letter hasn't as many: then none of it is saved.
pub(super) fn chosen<'v>(
    view: &'v View,
    numbers: &[usize],
) -> Result<Vec<(usize, &'v Part)>, Usage> {
    let all = &view.attachments;
    if let Some(number) = numbers.iter().find(|number| **number == 0 || **number > all.len()) {
        let count = all.len();
        return Err(Usage(format!("there is no attachment {number}: the letter has {count}")));
    }
    let numbered = all.iter().enumerate().map(|(index, part)| (index + 1, part));
    Ok(numbered.filter(|(own, _)| numbers.is_empty() || numbers.contains(own)).collect())
}
