//! `postroad-mua folders`: which there are; made, renamed, removed, subscribed to.

use schemars::JsonSchema;
use serde::Serialize;

use super::send::Output;
use super::{Context, is_interactive, letters, writing};
use crate::error::{Error, Exit};
use crate::front::Usage;
use crate::mailbox::folders::{Folders, Listed, Wanted};
use crate::safe_line;

/// List folders, or change which there are
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// List folders, with how many letters are in them and how many of those are unread
    List {
        #[command(flatten)]
        output: Output,
    },
    /// Make a folder, and subscribe to it
    Make {
        /// Its name, as in Lists.Rust, or as the server has names
        name: String,
    },
    /// Rename a folder, and those below it
    Rename {
        /// What it is called
        from: String,
        /// What it is to be called
        to: String,
    },
    /// Remove a folder with all letters in it, for good
    Remove {
        /// Which
        name: String,
        /// Don't ask
        #[arg(long)]
        yes: bool,
    },
    /// Subscribe to a folder: mail programs show those
    Subscribe {
        /// Which
        name: String,
    },
    /// Subscribe to a folder no more
    Unsubscribe {
        /// Which
        name: String,
    },
}

/// A folder, as JSON.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct FolderJson<'a> {
    /// What it is called.
    name: &'a str,
    /// How many letters it has, where that is known.
    letters: Option<u32>,
    /// How many of them are unread.
    unread: Option<u32>,
    /// Whether it is subscribed to, as far as the list tells.
    subscribed: bool,
}

pub(super) async fn run(
    context: &mut Context<'_, '_>,
    arguments: &Arguments,
) -> Result<Exit, Error> {
    let account = context.account()?;
    let mut folders = Folders::of(&account).await?;
    let exit = act(context, &mut folders, arguments.what.as_ref()).await?;
    folders.close().await;
    Ok(exit)
}

async fn act(
    context: &mut Context<'_, '_>,
    folders: &mut Folders,
    what: Option<&What>,
) -> Result<Exit, Error> {
    let (wanted, words) = match what {
        None => return list(context, &folders.list().await?, Output { json: false }),
        Some(What::List { output }) => return list(context, &folders.list().await?, *output),
        Some(What::Make { name }) => (Wanted::Make(name), safe_line!("{name} made")),
        Some(What::Rename { from, to }) => {
            (Wanted::Rename(from, to), safe_line!("{from} is {to} now"))
        }
        Some(What::Remove { name, yes }) => {
            let count = folders.letters_in(name).await?;
            let within = match count.map(usize::try_from) {
                Some(Ok(count)) => safe_line!("{}", letters(count).as_str()),
                // The server doesn't say how many.
                Some(Err(_)) | None => safe_line!("all letters"),
            };
            if !*yes && !is_interactive() {
                let words = safe_line!(
                    "{name} and {} in it would be gone for good: --yes removes it",
                    within.as_str()
                );
                return Err(Usage(words.as_str().to_owned()).into());
            }
            let question =
                safe_line!("Remove {name} and {} in it, for good? (y/n): ", within.as_str());
            if !*yes && !writing::confirms(context, &question)? {
                context.screen.say(&safe_line!("Not removed."));
                return Ok(Exit::No);
            }
            (Wanted::Remove(name), safe_line!("{name} removed, with {} in it", within.as_str()))
        }
        Some(What::Subscribe { name }) => {
            (Wanted::Subscribe(name), safe_line!("{name} subscribed to"))
        }
        Some(What::Unsubscribe { name }) => {
            (Wanted::Unsubscribe(name), safe_line!("{name} subscribed to no more"))
        }
    };
    folders.change(wanted).await?;
    context.screen.say(&words);
    Ok(Exit::Done)
}

fn list(context: &mut Context<'_, '_>, folders: &[Listed], output: Output) -> Result<Exit, Error> {
    for Listed { name, counts, is_subscribed } in folders {
        if output.json {
            context.screen.show_json(&FolderJson {
                name,
                letters: counts.map(|(letters, _)| letters),
                unread: counts.map(|(_, unread)| unread),
                subscribed: *is_subscribed,
            })?;
            continue;
        }
        let number = |number: Option<u32>| number.map_or("-".to_owned(), |it| it.to_string());
        let (all, unread) =
            (number(counts.map(|(all, _)| all)), number(counts.map(|(_, unread)| unread)));
        let mark = if *is_subscribed { '+' } else { ' ' };
        context.screen.show(&safe_line!("{all:>7} {unread:>7} {mark} {name}"))?;
    }
    Ok(Exit::Done)
}
