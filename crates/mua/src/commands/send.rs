//! `postroad-mua send`

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use super::{Context, author, text_input, writing};
use crate::account::Account;
use crate::compose::{AddressList, Aliases, Letter};
use crate::drafts::{Attached, Written};
use crate::error::{Error, Exit};
use crate::outbox::Notes;
use crate::people::book::aliases;
use crate::people::learning::learn;
use crate::sealed::{self, Asks, Doubt, Protection};
use crate::{dispatch, safe_line, sent};

/// Send a letter
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Those it is for; may be given often, and hold several addresses
    #[arg(long, short, value_name = "ADDRESS")]
    to: Vec<String>,
    /// Those who are told
    #[arg(long, short, value_name = "ADDRESS")]
    cc: Vec<String>,
    /// Those who are told in secret
    #[arg(long, short, value_name = "ADDRESS")]
    bcc: Vec<String>,
    /// What it is about
    #[arg(long, short, default_value = "")]
    subject: String,
    /// A file that goes with it; may be given often
    #[arg(long = "attach", short, value_name = "FILE")]
    attachments: Vec<PathBuf>,
    /// A header field, as in "X-Mark: 1"; may be given often
    #[arg(long = "header", value_name = "FIELD")]
    fields: Vec<String>,
    /// The text, instead of standard input
    #[arg(long, short = 'm')]
    body: Option<String>,
    #[command(flatten)]
    sealing: Sealing,
    #[command(flatten)]
    output: Output,
    /// More of those it is for
    #[arg(value_name = "ADDRESS")]
    more: Vec<String>,
}

pub(super) async fn run(
    context: &mut Context<'_, '_>,
    arguments: Arguments,
) -> Result<Exit, Error> {
    let account = context.account()?;
    let to = [arguments.to, arguments.more].concat();
    let written = Written {
        to: to.join(", "),
        cc: arguments.cc.join(", "),
        bcc: arguments.bcc.join(", "),
        subject: arguments.subject,
        fields: arguments.fields,
        attachments: arguments.attachments.iter().map(Attached::absolute).collect(),
        ..Written::default()
    }
    .expanded(&aliases(&account));
    // What is wrong is said before the text is asked for.
    let mut draft = written.draft(Path::new(""), author(&account), String::new())?;
    if draft.to.is_empty() && draft.cc.is_empty() && draft.bcc.is_empty() {
        return Err(crate::compose::ComposeError::NoRecipients.into());
    }
    let to = draft.to.iter().chain(&draft.cc).chain(&draft.bcc);
    let to: Vec<String> = to.map(|to| to.address.to_string()).collect();
    let protection = arguments.sealing.or(sealed::recommended(&to, &account));
    let doubts = sealed::check(protection, &to, &account, Asks::Here)?;
    draft.body = match arguments.body {
        Some(body) => body,
        None if std::io::stdin().is_terminal() => {
            let written = Written { protection, ..written };
            return writing::write(context, &account, &written, "", arguments.output).await;
        }
        None => text_input::text("")?,
    };
    tell_doubts(context, &doubts);
    let notes = sent::notes(&account);
    let letter = sealed::seal(draft.into_letter()?, protection, &account, Asks::Here)?;
    see_off(context, &account, &letter, &notes, arguments.output).await?;
    Ok(Exit::Done)
}

/// Says whom a letter is encrypted to by keys that nobody has vouched for.
pub(super) fn tell_doubts(context: &mut Context<'_, '_>, doubts: &[Doubt]) {
    doubts.iter().for_each(|doubt| context.screen.say(&sealed::doubtful(doubt)));
}

/// How a letter is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Args)]
pub(super) struct Sealing {
    /// Sign it with your OpenPGP key
    #[arg(long)]
    sign: bool,
    /// Sign it, and encrypt it to all who get it and to yourself
    #[arg(long)]
    encrypt: bool,
    /// Send it in the clear, where it would be encrypted: as an answer to a letter that was
    #[arg(long, conflicts_with = "encrypt")]
    no_encrypt: bool,
}

impl Sealing {
    /// What is asked for; `usual` where nothing is.
    pub(super) fn or(self, usual: Protection) -> Protection {
        match (self.encrypt, self.sign, self.no_encrypt) {
            (true, ..) => Protection::Encrypt,
            (false, true, true) => Protection::Sign,
            (false, false, true) => Protection::None,
            (false, true, false) if usual == Protection::Encrypt => usual,
            (false, true, false) => Protection::Sign,
            (false, false, false) => usual,
        }
    }
}

/// How a command says what it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Args)]
pub(super) struct Output {
    /// Print JSON, one object a line
    #[arg(long)]
    pub(super) json: bool,
}

/// Words for a person.
pub(super) const SAID: Output = Output { json: false };

/// What was sent.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Sent<'a> {
    /// Its Message-ID, without brackets.
    message_id: &'a str,
    /// Its reverse-path; empty for the null one.
    from: String,
    /// Its forward-paths.
    to: Vec<String>,
    /// Octets.
    size: usize,
}

/// Puts a letter into the outbox and says so.
pub(super) async fn see_off(
    context: &mut Context<'_, '_>,
    account: &Account,
    letter: &Letter,
    notes: &Notes,
    output: Output,
) -> Result<(), Error> {
    dispatch::send(letter, account, &context.overrides, notes).await?;
    learn(letter, account);
    let recipients = &letter.envelope.recipients;
    let message_id = letter.message_id.as_str();
    if output.json {
        context.screen.show_json(&Sent {
            message_id,
            from: letter.envelope.reverse_path.to_string(),
            to: recipients.iter().map(|recipient| recipient.address.to_string()).collect(),
            size: letter.content.len(),
        })?;
    } else {
        context.screen.say(&safe_line!("Queued <{message_id}>"));
        context.screen.say(&safe_line!(
            "(postroad-mua outbox shows whether it has left, postroad trace ID what became of it)"
        ));
    }
    Ok(())
}

/// Addresses from options, each of which may be a list, with short names in it.
pub(super) fn addresses(
    lists: &[String],
    account: &Account,
    aliases: &Aliases,
) -> Result<Vec<crate::compose::Mailbox>, Error> {
    let mut all = Vec::new();
    for list in lists {
        let parsed = AddressList::parse(&aliases.expanded(list), Some(&account.address.domain))
            .map_err(crate::compose::ComposeError::from)?;
        all.extend(parsed.0);
    }
    Ok(all)
}
