//! `postroad-mua doctor`: whether letters can be read, written and sent, and what to do where they can't.

use schemars::JsonSchema;
use serde::Serialize;

use super::account::{inbox_url, submission_url};
use super::send::Output;
use super::{Context, letters, text_input};
use crate::account::{Account, account_file_path};
use crate::error::{Error, Exit};
use crate::{outbox, safe_line, trial};

/// Look whether the account works
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    output: Output,
}

/// One thing that was looked at.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Looked {
    /// What.
    what: &'static str,
    /// Whether it is as it should be.
    right: bool,
    /// What was seen; where it isn't right, what to do.
    words: String,
}

pub(super) async fn run(
    context: &mut Context<'_, '_>,
    arguments: &Arguments,
) -> Result<Exit, Error> {
    let account = context.account()?;
    let file = account_file_path(&context.overrides).filter(|path| path.exists());
    let told = file.map_or_else(
        || "none; what this host knows is used (account --setup makes one)".to_owned(),
        |path| path.display().to_string(),
    );
    let mut all_right = true;
    for looked in [
        Looked { what: "account file", right: true, words: told },
        reading(&account).await,
        sending(&account).await,
        waiting(&account),
        editor(),
    ] {
        all_right &= looked.right;
        if arguments.output.json {
            context.screen.show_json(&looked)?;
        } else {
            let mark = if looked.right { "right" } else { "WRONG" };
            context.screen.show(&safe_line!("{mark}  {:12}  {}", looked.what, looked.words))?;
        }
    }
    Ok(if all_right { Exit::Done } else { Exit::No })
}

async fn reading(account: &Account) -> Looked {
    let at = inbox_url(account);
    let (right, words) = match trial::reading(account).await {
        Ok(count) => (true, format!("{at}: {}", letters(count))),
        Err(failed) => (false, format!("{at}: {failed}")),
    };
    Looked { what: "inbox", right, words }
}

async fn sending(account: &Account) -> Looked {
    let at = submission_url(account);
    let (right, words) = match trial::sending(account).await {
        Ok(()) => (true, at),
        Err(failed) => (false, format!("{at}: {failed}")),
    };
    Looked { what: "sending", right, words }
}

fn waiting(account: &Account) -> Looked {
    let (right, words) = match account.outbox.as_deref() {
        None => (false, "there is no home folder to keep letters in; give --outbox DIR".to_owned()),
        Some(folder) => match outbox::listing::refused(folder) {
            0 if outbox::has_letters(folder) => {
                (true, "letters wait; postroad-mua outbox shows why".to_owned())
            }
            0 => (true, "nothing waits".to_owned()),
            count => {
                let words = format!("{} refused; postroad-mua outbox shows why", letters(count));
                (false, words)
            }
        },
    };
    Looked { what: "outbox", right, words }
}

fn editor() -> Looked {
    let editor = text_input::editor();
    let program = editor.split_whitespace().next().unwrap_or_default();
    let is_there = |folder: std::path::PathBuf| folder.join(program).is_file();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let right = program.contains('/') && std::path::Path::new(program).is_file()
        || std::env::split_paths(&path).any(is_there);
    let words = match right {
        true => editor,
        false => format!("{editor} is not there; set EDITOR to a program that is"),
    };
    Looked { what: "editor", right, words }
}
