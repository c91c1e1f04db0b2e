//! `postroad-mua reply` and `postroad-mua forward`

use std::io::IsTerminal as _;
use std::path::PathBuf;

use jiff::Timestamp;
use postroad_calendar::answer::Answer as How;

use super::send::{Output, Sealing, addresses, see_off, tell_doubts};
use super::{Context, In, author, is_interactive, text_input, writing};
use crate::account::Account;
use crate::compose::Attachment;
use crate::compose::answer::{Audience, forward as forwarded, quoted, reply as answered};
use crate::compose::attend::attend as attended;
use crate::drafts::{Answers, Attached, Drafts, Written};
use crate::error::{Error, Exit};
use crate::mailbox::{Entry, Mark};
use crate::people::book::aliases;
use crate::render::View;
use crate::sealed::{self, Asks};
use crate::{safe_line, sent};

/// Answer a letter
#[derive(Debug, clap::Args)]
pub(super) struct ReplyArguments {
    /// The letter: its id, its number, or "latest"
    id: String,
    #[command(flatten)]
    folder: In,
    /// Answer everybody who got it, too
    #[arg(long)]
    all: bool,
    /// Answer the mailing list that it came by
    #[arg(long, conflicts_with = "all")]
    list: bool,
    /// Accept the invitation in it: the organiser is told
    #[arg(long, group = "attendance", conflicts_with_all = ["all", "list", "no_quote", "attachments"])]
    accept: bool,
    /// Decline the invitation in it
    #[arg(long, group = "attendance", conflicts_with_all = ["all", "list", "no_quote", "attachments"])]
    decline: bool,
    /// Say that you come perhaps
    #[arg(long, group = "attendance", conflicts_with_all = ["all", "list", "no_quote", "attachments"])]
    tentative: bool,
    /// Leave the letter's own text out
    #[arg(long)]
    no_quote: bool,
    /// A file that goes with it; may be given often
    #[arg(long = "attach", short, value_name = "FILE")]
    attachments: Vec<PathBuf>,
    /// The text, instead of standard input
    #[arg(long, short = 'm')]
    body: Option<String>,
    #[command(flatten)]
    sealing: Sealing,
    #[command(flatten)]
    output: Output,
}

/// Send a letter on
#[derive(Debug, clap::Args)]
pub(super) struct ForwardArguments {
    /// The letter: its id, its number, or "latest"
    id: String,
    #[command(flatten)]
    folder: In,
    /// Those who get it
    #[arg(long, short, value_name = "ADDRESS", required = true)]
    to: Vec<String>,
    /// A word on top
    #[arg(long, short = 'm', default_value = "")]
    body: String,
    #[command(flatten)]
    sealing: Sealing,
    #[command(flatten)]
    output: Output,
}

pub(super) async fn reply(
    context: &mut Context<'_, '_>,
    arguments: ReplyArguments,
) -> Result<Exit, Error> {
    let account = context.account()?;
    let (entry, raw) = fetch(&account, &arguments.folder, &arguments.id).await?;
    let view = sealed::view(&raw, &account.keys, Asks::Here);
    if let Some(how) = attendance(&arguments) {
        return attend(context, &account, &view, how, (entry.name, arguments)).await;
    }
    let audience = match (arguments.all, arguments.list) {
        (_, true) => Audience::List,
        (true, false) => Audience::Everybody,
        (false, false) => Audience::Author,
    };
    let mut draft = answered(&view, author(&account), audience)?;
    let protection = arguments.sealing.or(sealed::for_answer(&view));
    let to = draft.to.iter().chain(&draft.cc);
    let to: Vec<String> = to.map(|to| to.address.to_string()).collect();
    let doubts = sealed::check(protection, &to, &account, Asks::Here)?;
    let quote = if arguments.no_quote { String::new() } else { quoted(&view) };
    let folder = arguments.folder.folder.clone();
    let answers = Answers { letter: entry.name, flag: Mark::Replied.letter(), folder };
    for path in &arguments.attachments {
        // Said before the text is asked for.
        draft.attachments.push(Attachment::read(path)?);
    }
    draft.body = match arguments.body {
        Some(body) if quote.is_empty() => body,
        Some(body) => format!("{body}\n\n{quote}"),
        None if std::io::stdin().is_terminal() => {
            let attachments = arguments.attachments.iter().map(Attached::absolute).collect();
            let answers = Some(answers);
            let written = Written { attachments, answers, protection, ..Written::of(&draft) };
            return writing::write(context, &account, &written, &quote, arguments.output).await;
        }
        None => text_input::text(&quote)?,
    };
    tell_doubts(context, &doubts);
    let notes = sent::notes(&account);
    let letter = sealed::seal(draft.into_letter()?, protection, &account, Asks::Here)?;
    see_off(context, &account, &letter, &notes, arguments.output).await?;
    writing::mark(context, &account, &answers).await;
    Ok(Exit::Done)
}

fn attendance(arguments: &ReplyArguments) -> Option<How> {
    let ways = [
        (arguments.accept, How::Accept),
        (arguments.decline, How::Decline),
        (arguments.tentative, How::Tentative),
    ];
    ways.into_iter().find(|(is_wanted, _)| *is_wanted).map(|(_, how)| how)
}

/// Answers an invitation; whom that tells is shown before, and asked where somebody sits there.
async fn attend(
    context: &mut Context<'_, '_>,
    account: &Account,
    view: &View,
    how: How,
    (letter, arguments): (String, ReplyArguments),
) -> Result<Exit, Error> {
    let mut draft = attended(view, author(account), how, Timestamp::now())?;
    let protection = arguments.sealing.or(sealed::for_answer(view));
    let recipients: Vec<String> = draft.to.iter().map(|to| to.address.to_string()).collect();
    let doubts = sealed::check(protection, &recipients, account, Asks::Here)?;
    tell_doubts(context, &doubts);
    let to = draft.to.first().map(ToString::to_string).unwrap_or_default();
    let words = safe_line!("{} goes to {to}", draft.subject.as_str());
    if is_interactive() {
        if !writing::confirms(context, &safe_line!("{words}. Send it? (y/n): "))? {
            context.screen.say(&safe_line!("Not answered."));
            return Ok(Exit::No);
        }
    } else {
        context.screen.say(&words);
    }
    if let Some(body) = arguments.body {
        draft.body = format!("{}\n{}\n", body.trim_end(), draft.body);
    }
    let notes = sent::notes(account);
    let answer = sealed::seal(draft.into_letter()?, protection, account, Asks::Here)?;
    see_off(context, account, &answer, &notes, arguments.output).await?;
    let folder = arguments.folder.folder;
    let answers = Answers { letter, flag: Mark::Replied.letter(), folder };
    writing::mark(context, account, &answers).await;
    Ok(Exit::Done)
}

pub(super) async fn forward(
    context: &mut Context<'_, '_>,
    arguments: ForwardArguments,
) -> Result<Exit, Error> {
    let account = context.account()?;
    let (entry, raw) = fetch(&account, &arguments.folder, &arguments.id).await?;
    // What was encrypted to us, others can't open: it goes on as it was before, and is encrypted to them.
    let (view, opened) = sealed::look(&raw, &account.keys, Asks::Here);
    let mut draft = forwarded(&view, Vec::new(), author(&account));
    draft.to = addresses(&arguments.to, &account, &aliases(&account))?;
    let protection = arguments.sealing.or(sealed::for_answer(&view));
    let folder = arguments.folder.folder;
    let written = Written {
        attachments: vec![Attached::Forwarded],
        answers: Some(Answers { letter: entry.name, flag: Mark::Passed.letter(), folder }),
        protection,
        ..Written::of(&draft)
    };
    // A draft until it is safe: where something fails, it stays.
    let draft = Drafts::of(&account)?.begin(&written, &arguments.body)?;
    draft.save_forwarded(opened.as_ref().unwrap_or(&raw))?;
    writing::send_recorded(context, &account, draft, arguments.output, None).await?;
    Ok(Exit::Done)
}

/// One letter; the mailbox is closed before the author starts to write.
async fn fetch(account: &Account, folder: &In, key: &str) -> Result<(Entry, Vec<u8>), Error> {
    let mut mailbox = folder.open(account).await?;
    let entry = mailbox.find(key)?;
    let raw = mailbox.message(&entry).await?;
    mailbox.close().await?;
    Ok((entry, raw))
}
