//! `postroad-mua address`: the address book.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use postroad_tui::people::PersonRow;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Context, send, text_input};
use crate::compose::{AddressList, ComposeError, as_text};
use crate::drafts::typed;
use crate::error::{Error, Exit};
use crate::front::Usage;
use crate::limits;
use crate::people::book::{Book, now};
use crate::people::cards::{Cards, vcards};
use crate::people::is_alias;
use crate::safe_line;
use crate::safe_text::SafeText;

/// The address book
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show all whom you know, those first whom you write to most (the default)
    List {
        #[command(flatten)]
        output: send::Output,
    },
    /// Show those whom all of the words fit: mutt's query_command = "postroad-mua address find %s"
    Find {
        /// Beginnings of names, addresses, short names
        #[arg(required = true)]
        words: Vec<String>,
        #[command(flatten)]
        output: send::Output,
    },
    /// Put people there
    Add {
        /// A short name, which stands for all of them wherever addresses are typed
        #[arg(long, value_name = "NAME")]
        alias: Option<String>,
        /// The addresses, with names or without
        #[arg(required = true, value_name = "ADDRESS")]
        addresses: Vec<String>,
    },
    /// Put people there who are in files: vCards, or mutt's aliases
    Import {
        /// The files; - is standard input
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Print all whom you know as vCards
    Export,
    /// Remove addresses and short names
    Remove {
        /// Addresses without names, or short names
        #[arg(required = true)]
        which: Vec<String>,
    },
}

pub(super) fn run(context: &mut Context<'_, '_>, arguments: &Arguments) -> Result<Exit, Error> {
    let account = context.account()?;
    let book = Book::of(&account)?;
    match &arguments.command {
        None => list(context, &book.people()?.rows(), send::SAID),
        Some(Command::List { output }) => list(context, &book.people()?.rows(), *output),
        Some(Command::Find { words, output }) => {
            let words = words.join(" ");
            let found = book.people()?.found(&words);
            // mutt shows the first line, and none of it as an address.
            if !output.json {
                context.screen.show(&safe_line!("{} fit {words:?}", found.len()))?;
            }
            list(context, &found, *output)
        }
        Some(Command::Add { alias, addresses }) => {
            let domain = Some(&account.address.domain);
            let mut mailboxes = Vec::new();
            for text in addresses {
                let list = AddressList::parse(text, domain).map_err(ComposeError::from)?;
                mailboxes.extend(list.0);
            }
            if let Some(alias) = alias.as_deref().filter(|alias| !is_alias(alias)) {
                let words = "a short name has letters, digits and . _ + - alone";
                return Err(Usage(format!("{alias:?}: {words}")).into());
            }
            book.change(|people| {
                mailboxes.iter().for_each(|mailbox| people.keep(mailbox, now()));
                if let Some(alias) = alias {
                    people.call(alias, &typed(&mailboxes));
                }
            })?;
            Ok(Exit::Done)
        }
        Some(Command::Import { files }) => {
            for file in files {
                import(context, &book, file)?;
            }
            Ok(Exit::Done)
        }
        Some(Command::Export) => {
            context.screen.show_raw(vcards(&book.people()?).as_bytes())?;
            Ok(Exit::Done)
        }
        Some(Command::Remove { which }) => {
            let missing = book.change(|people| {
                let gone = |word: &&String| !people.forget(word);
                which.iter().filter(gone).cloned().collect::<Vec<_>>()
            })?;
            for word in &missing {
                context.screen.say(&safe_line!("{word}: nobody there is called that"));
            }
            Ok(if missing.is_empty() { Exit::Done } else { Exit::No })
        }
    }
}

fn import(context: &mut Context<'_, '_>, book: &Book, file: &Path) -> Result<(), Error> {
    let octets = match file == Path::new("-") {
        true => text_input::standard_input()?,
        false => postroad_disk::read_whole(file, limits::CARDS_OCTETS_MAX)
            .map_err(|error| Usage(format!("cannot read {}: {}", file.display(), error.source)))?,
    };
    let cards = Cards::of(&as_text(octets));
    book.change(|people| {
        cards.people.iter().for_each(|mailbox| people.keep(mailbox, now()));
        cards.aliases.iter().for_each(|(alias, to)| people.call(alias, to));
    })?;
    let (count, aliases) = (cards.people.len(), cards.aliases.len());
    let name = file.display();
    context.screen.say(&safe_line!(
        "{name}: {count} addresses, {aliases} short names, {} entries passed over",
        cards.passed_over
    ));
    Ok(())
}

/// Somebody, or a short name, as JSON.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Row<'a> {
    /// The short name.
    #[serde(skip_serializing_if = "Option::is_none")]
    alias: Option<&'a str>,
    /// What people call them.
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    /// Where they get letters.
    address: &'a str,
}

/// A line each, with tabs between: address, name, short name, as mutt's `query_command` has them.
fn list(
    context: &mut Context<'_, '_>,
    rows: &[PersonRow],
    output: send::Output,
) -> Result<Exit, Error> {
    for row in rows {
        let alias = row.alias.as_ref().map(SafeText::as_str);
        let (name, address) = (row.name.as_str(), row.address.as_str());
        match output.json {
            true => context.screen.show_json(&Row { alias, name, address })?,
            false => {
                let alias = alias.map_or_else(SafeText::default, SafeText::line);
                context.screen.show_columns(&[&row.address, &row.name, &alias])?;
            }
        }
    }
    Ok(if rows.is_empty() { Exit::No } else { Exit::Done })
}
