//! `postroad-mua drafts`

use clap::Subcommand;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Serialize;

use super::send::Output;
use super::writing::Reminds;
use super::{Context, letters, text_input, writing};
use crate::account::{Account, AccountError};
use crate::drafts::{Attached, DraftError, DraftId, Drafts, InUse, Listed, OpenDraft};
use crate::error::{Error, Exit};
use crate::outbox::Outbox;
use crate::safe_line;

/// Letters that are being written
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show them (the default)
    List {
        #[command(flatten)]
        output: Output,
    },
    /// Write on, with your editor
    #[command(visible_alias = "recall")]
    Edit {
        /// The draft, or the beginning of its id
        id: String,
    },
    /// Send one as it is
    Send {
        /// The draft, or the beginning of its id
        id: String,
        #[command(flatten)]
        output: Output,
    },
    /// Throw drafts away
    Discard {
        /// The drafts, or the beginnings of their ids
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
}

pub(super) async fn run(
    context: &mut Context<'_, '_>,
    arguments: &Arguments,
) -> Result<Exit, Error> {
    let account = context.account()?;
    let desk = Desk::of(&account)?;
    match &arguments.command {
        None => list(context, &desk, Output { json: false }),
        Some(Command::List { output }) => list(context, &desk, *output),
        Some(Command::Edit { id }) => {
            let draft = desk.open(id)?;
            text_input::edit(&draft.text_path())?;
            draft.keep_text()?;
            let id = draft.id();
            context.screen.say(&safe_line!("Kept. postroad-mua drafts send {id} sends it"));
            Ok(Exit::Done)
        }
        Some(Command::Send { id, output }) => {
            let draft = desk.open(id)?;
            writing::send(context, &account, draft, *output, Reminds::OfAll).await
        }
        Some(Command::Discard { ids }) => {
            // All are found before the first is touched.
            let drafts: Result<Vec<OpenDraft>, Error> =
                ids.iter().map(|id| desk.open(id)).collect();
            let drafts = drafts?;
            let count = drafts.len();
            drafts.into_iter().try_for_each(OpenDraft::remove)?;
            context.screen.say(&safe_line!("{} thrown away", letters(count)));
            Ok(Exit::Done)
        }
    }
}

/// The drafts, and the outbox that some of their letters may be in.
struct Desk {
    drafts: Drafts,
    outbox: Outbox,
}

impl Desk {
    fn of(account: &Account) -> Result<Self, Error> {
        let folder = account.outbox.as_ref().ok_or(AccountError::NO_OUTBOX)?;
        Ok(Self { drafts: Drafts::of(account)?, outbox: Outbox::open(folder)? })
    }

    fn open(&self, key: &str) -> Result<OpenDraft, Error> {
        let unknown = || DraftError::Unknown(key.to_owned());
        let listed = self.drafts.list()?;
        let fitting: Vec<&DraftId> = listed
            .iter()
            .map(|draft| &draft.id)
            .filter(|id| !key.is_empty() && id.as_str().starts_with(key))
            .collect();
        match fitting.as_slice() {
            [id] => self.outbox.open_draft(&self.drafts, id),
            [] => Err(unknown().into()),
            _ => Err(DraftError::Ambiguous(key.to_owned()).into()),
        }
    }
}

/// A draft as JSON.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct DraftJson<'a> {
    /// Its id, for the other commands of `drafts`.
    id: &'a DraftId,
    /// Recipients, as they were typed.
    to: &'a str,
    /// The same of those who are told.
    cc: &'a str,
    /// The same of those whom nobody sees.
    bcc: &'a str,
    /// What it is about.
    subject: &'a str,
    /// The names of what goes with it.
    attachments: Vec<String>,
    /// When it was changed last, in seconds since 1970.
    changed: i64,
    /// Whether a program that runs is writing it.
    in_use: bool,
}

impl<'a> DraftJson<'a> {
    fn of(draft: &'a Listed) -> Self {
        let written = &draft.written;
        Self {
            id: &draft.id,
            to: &written.to,
            cc: &written.cc,
            bcc: &written.bcc,
            subject: &written.subject,
            attachments: written.attachments.iter().map(Attached::to_string).collect(),
            changed: changed(draft).as_second(),
            in_use: draft.in_use == InUse::Yes,
        }
    }
}

fn changed(draft: &Listed) -> Timestamp {
    Timestamp::try_from(draft.changed).unwrap_or_default()
}

fn list(context: &mut Context<'_, '_>, desk: &Desk, output: Output) -> Result<Exit, Error> {
    let drafts = desk.outbox.unsent(&desk.drafts)?;
    for draft in &drafts {
        if output.json {
            context.screen.show_json(&DraftJson::of(draft))?;
            continue;
        }
        let time = changed(draft).to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M");
        let in_use = match draft.in_use {
            InUse::Yes => "  (being written)",
            InUse::No => "",
        };
        let (id, written) = (&draft.id, &draft.written);
        let line = safe_line!("{id}  {time}  {}  {}{in_use}", written.to, written.subject);
        context.screen.show(&line)?;
    }
    if !output.json {
        context.screen.say(&safe_line!("{} being written", letters(drafts.len())));
    }
    Ok(Exit::Done)
}

/// Says at a terminal that there are letters which nobody goes on with: a crash may have left them.
pub(super) fn remind(context: &mut Context<'_, '_>, account: &Account) {
    let unsent = Desk::of(account).and_then(|desk| desk.outbox.unsent(&desk.drafts));
    match unsent.map(|drafts| drafts.iter().filter(|draft| draft.in_use == InUse::No).count()) {
        Ok(0) => {}
        Ok(count) => {
            let count = letters(count);
            context.screen.say(&safe_line!("{count} being written: see postroad-mua drafts"));
        }
        // Whoever wants them is told why they can't be had.
        Err(error) => tracing::debug!(%error, "the drafts cannot be listed"),
    }
}
