//! `postroad-mua search`

use std::num::NonZeroUsize;

use jiff::Zoned;
use jiff::tz::TimeZone;
use postroad_catalog::pattern::Pattern;
use postroad_catalog::{Told, Who, is_like};

use super::reading::row_of;
use super::send::Output;
use super::{Context, In, letters};
use crate::error::{Error, Exit};
use crate::front::Usage;
use crate::mailbox::folder::Folder;
use crate::mailbox::imap::Selected;
use crate::mailbox::{Mailbox, MailboxError};
use crate::render::Summary;
use crate::render::list::{Row, RowJson};
use crate::safe_line;

/// Find letters
#[derive(Debug, clap::Args)]
pub(super) struct SearchArguments {
    /// Words that a letter must hold somewhere, all of them, in any case; or a pattern as mutt has them, such as
    /// "~f alice ~s lunch ~d <2w"
    #[arg(required = true, value_name = "WORD")]
    words: Vec<String>,
    /// Look into all folders
    #[arg(long, short, conflicts_with = "folder")]
    all: bool,
    #[command(flatten)]
    folder: In,
    /// Show so many of them, and stop
    #[arg(long, value_name = "COUNT")]
    limit: Option<NonZeroUsize>,
    #[command(flatten)]
    output: Output,
}

impl SearchArguments {
    /// How many more are wanted.
    fn wanted(&self, found: usize) -> usize {
        self.limit.map_or(usize::MAX, |limit| limit.get().saturating_sub(found))
    }
}

fn pattern(words: &[String]) -> Result<Pattern, Usage> {
    let begins = |word: &String| {
        let mut chars = word.trim_start_matches(['!', '(', ' ']).chars();
        matches!(chars.next(), Some('~' | '='))
            && chars.next().is_some_and(|it| it.is_ascii_alphabetic())
    };
    let pattern = match words.iter().any(begins) {
        true => Pattern::parse(&words.join(" "), &Zoned::now()),
        false => Pattern::anywhere(words),
    };
    let pattern = pattern.map_err(|error| Usage(error.to_string()))?;
    match pattern.asks_tags() {
        true => Err(Usage("~T can't be looked for here: letters have no tags on disk".into())),
        false => Ok(pattern),
    }
}

pub(super) async fn search(
    context: &mut Context<'_, '_>,
    arguments: &SearchArguments,
) -> Result<Exit, Error> {
    let pattern = pattern(&arguments.words)?;
    let account = context.account()?;
    let who = Who { addresses: vec![account.address.to_string()] };
    let mut mailbox = arguments.folder.open(&account).await?;
    let (pattern, who) = (&pattern, &who);
    let wanted = |found| LookedFor {
        pattern,
        who,
        wanted: arguments.wanted(found),
        output: arguments.output,
    };
    let found = match &mut mailbox {
        Mailbox::Maildir(folder) if !arguments.all => in_folder(context, &wanted(0), folder, None)?,
        Mailbox::Maildir(folder) => in_all(context, &wanted, folder)?,
        Mailbox::Imap(selected) if !arguments.all => {
            at_server(context, &wanted(0), selected, None).await?
        }
        Mailbox::Imap(selected) => in_all_at_server(context, &wanted, selected).await?,
        Mailbox::Pop3(_) | Mailbox::Mbox(_) => {
            one_by_one(context, &wanted(0), &mut mailbox).await?
        }
    };
    mailbox.close().await?;
    Ok(if found == 0 { Exit::No } else { Exit::Done })
}

/// Looks into all folders of a Maildir; how many letters were found.
fn in_all<'a>(
    context: &mut Context<'_, '_>,
    wanted: &dyn Fn(usize) -> LookedFor<'a>,
    folder: &mut Folder,
) -> Result<usize, Error> {
    let mut found = 0;
    for name in folder.all()? {
        let looked_for = wanted(found);
        if looked_for.wanted == 0 {
            break;
        }
        let called = name.to_utf8();
        match folder.other(&name) {
            Ok(mut folder) => found += in_folder(context, &looked_for, &mut folder, Some(&called))?,
            // The others are looked into all the same.
            Err(error) => context.screen.say(&safe_line!("{called}: {error}")),
        }
    }
    Ok(found)
}

/// The same at an IMAP server.
async fn in_all_at_server<'a>(
    context: &mut Context<'_, '_>,
    wanted: &dyn Fn(usize) -> LookedFor<'a>,
    selected: &mut Selected,
) -> Result<usize, Error> {
    let mut found = 0;
    for name in selected.folders().await.map_err(MailboxError::from)? {
        let looked_for = wanted(found);
        if looked_for.wanted == 0 {
            break;
        }
        let called = name.as_str().to_owned();
        match selected.go_to(name).await {
            Ok(()) => found += at_server(context, &looked_for, selected, Some(&called)).await?,
            Err(error) if !error.is_over() => {
                context.screen.say(&safe_line!("{called}: {error}"));
            }
            Err(error) => return Err(MailboxError::from(error).into()),
        }
    }
    Ok(found)
}

/// Shows letters that an IMAP server finds; how many. The folder is named where several are looked into.
async fn at_server(
    context: &mut Context<'_, '_>,
    LookedFor { pattern, who, wanted, output }: &LookedFor<'_>,
    selected: &mut Selected,
    name: Option<&str>,
) -> Result<usize, Error> {
    let failed = MailboxError::from;
    let mut sought = selected.search(pattern, who).await.map_err(failed)?;
    let mut found = 0;
    while found < *wanted
        && let Some((entry, header)) =
            selected.next(&mut sought, pattern, who).await.map_err(failed)?
    {
        if let Some(name) = name.filter(|_| found == 0 && !output.json) {
            context.screen.show(&safe_line!("{name}:"))?;
        }
        found += 1;
        show(context, *output, &row_of(&entry, Summary::of(&header)), name)?;
    }
    Ok(found)
}

/// Reads letter after letter, where nobody else can look for them.
async fn one_by_one(
    context: &mut Context<'_, '_>,
    LookedFor { pattern, who, wanted, output }: &LookedFor<'_>,
    mailbox: &mut Mailbox,
) -> Result<usize, Error> {
    let mut found = 0;
    for number in (1..=mailbox.len()).rev() {
        if found == *wanted {
            break;
        }
        let Some(entry) = mailbox.entry(number) else { continue };
        let letter = mailbox.message(&entry).await?;
        if is_like(pattern, who, &letter, &Told { number: number as u64, ..Told::default() }) {
            found += 1;
            show(context, *output, &row_of(&entry, Summary::of(&letter)), None)?;
        }
    }
    Ok(found)
}

struct LookedFor<'a> {
    pattern: &'a Pattern,
    who: &'a Who,
    /// How many at most.
    wanted: usize,
    output: Output,
}

/// Shows letters of a folder as they are found; how many. The folder is named where several are looked into.
fn in_folder(
    context: &mut Context<'_, '_>,
    LookedFor { pattern, who, wanted, output }: &LookedFor<'_>,
    folder: &mut Folder,
    name: Option<&str>,
) -> Result<usize, Error> {
    if pattern.asks_bodies() {
        folder.index(&mut || {
            context.screen.say(&safe_line!("The texts of letters are being indexed, once …"));
        })?;
    }
    let mut search = folder.search(pattern, who);
    let (mut found, mut unreadable) = (0, 0);
    loop {
        let (entries, step) = folder.search_on(&mut search);
        for entry in entries {
            if found == *wanted {
                break;
            }
            // One that has gone since is found no more.
            let Ok(header) = folder.header(&entry) else { continue };
            if let Some(name) = name.filter(|_| found == 0 && !output.json) {
                context.screen.show(&safe_line!("{name}:"))?;
            }
            found += 1;
            show(context, *output, &row_of(&entry, Summary::of(&header)), name)?;
        }
        unreadable += step.unreadable;
        if step.is_over || found == *wanted {
            break;
        }
    }
    if unreadable > 0 {
        context.screen.say(&safe_line!("{} can't be read", letters(unreadable)));
    }
    Ok(found)
}

fn show(
    context: &mut Context<'_, '_>,
    output: Output,
    row: &Row,
    folder: Option<&str>,
) -> Result<(), Error> {
    match output.json {
        true => {
            let json = RowJson::of(row).in_folder(folder.map(str::to_owned));
            context.screen.show_json(&json)?;
        }
        false => context.screen.show(&row.line(&TimeZone::system()))?,
    }
    Ok(())
}
