//! Being `mail`.

use super::lines::{self, Start};
use super::send::{SAID, addresses};
use super::sendmail::sender;
use super::writing::Reminds;
use super::{
    Context, asks_for_help, is_interactive, mailrc, reader, show_help, text_input, writing,
};
use crate::account::Account;
use crate::compose::{
    AddressList, Aliases, Attachment, ComposeError, Draft, FieldText, Mailbox, as_text,
};
use crate::drafts::{Attached, Written, typed};
use crate::error::{Error, Exit};
use crate::front::Usage;
use crate::front::mail::{EmptyBody, HELP, Outgoing, Request, parse};
use crate::limits;
use crate::mailx::script::Mode;
use crate::mailx::settings::Settings;
use crate::outbox::Notes;
use crate::people::book::aliases;

pub(super) async fn run(mut context: Context<'_, '_>, words: &[String]) -> Result<Exit, Error> {
    if asks_for_help(words) {
        return show_help(&mut context, HELP);
    }
    match parse(words, |path| path.is_file())? {
        Request::Send(outgoing) => send(&mut context, &outgoing).await,
        Request::Read(reading) => {
            let account = context.account()?;
            let settings = mailrc::load(&mut context, Mode::Reading);
            reader::run(&mut context, account, reading, settings).await
        }
    }
}

async fn send(context: &mut Context<'_, '_>, outgoing: &Outgoing) -> Result<Exit, Error> {
    let account = context.account()?;
    let settings = mailrc::load(context, Mode::Sending);
    // What is wrong is said before the text is asked for.
    let mut draft = draft(outgoing, &account, &aliases(&account).with(&settings.aliases))?;
    if is_interactive() {
        return write(context, &account, (outgoing, &settings), &draft).await;
    }
    // Row U14: nothing in a text that comes from a program is a command; nor is a lone dot an end.
    let text = as_text(text_input::standard_input()?);
    draft.body = begin(outgoing)? + &text;
    if outgoing.empty_body == EmptyBody::Dropped && draft.body.is_empty() {
        return Ok(Exit::Done);
    }
    let letter = draft.into_letter()?;
    crate::dispatch::send(&letter, &account, &context.overrides, &Notes::default()).await?;
    Ok(Exit::Done)
}

/// Written line by line, by a person.
async fn write(
    context: &mut Context<'_, '_>,
    account: &Account,
    (outgoing, settings): (&Outgoing, &Settings),
    draft: &Draft,
) -> Result<Exit, Error> {
    let mut fields = outgoing.fields.clone();
    if draft.from != super::author(account) {
        fields.push(format!("From: {}", typed(std::slice::from_ref(&draft.from))));
    }
    let written = Written {
        fields,
        sender: draft.envelope_sender.as_ref().map(ToString::to_string),
        attachments: outgoing.attachments.iter().map(Attached::absolute).collect(),
        ..Written::of(draft)
    };
    let start = Start { text: begin(outgoing)?, ..Start::of(written) };
    let Some(draft) = lines::write(context, (account, settings), &start, None).await? else {
        return Ok(Exit::No);
    };
    if outgoing.empty_body == EmptyBody::Dropped && draft.text()?.is_empty() {
        draft.remove()?;
        return Ok(Exit::Done);
    }
    writing::send(context, account, draft, SAID, Reminds::OfAttachments).await
}

/// What the text begins with: `-q`.
fn begin(outgoing: &Outgoing) -> Result<String, Error> {
    let Some(path) = &outgoing.begin else { return Ok(String::new()) };
    let octets = postroad_disk::read_whole(path, limits::LETTER_OCTETS_MAX).map_err(|error| {
        Usage(format!("-q {}: the file cannot be read: {}", path.display(), error.source))
    })?;
    Ok(as_text(octets))
}

fn draft(outgoing: &Outgoing, account: &Account, aliases: &Aliases) -> Result<Draft, Error> {
    let domain = Some(&account.address.domain);
    let mut draft = Draft::new(super::author(account));
    if let Some(text) = &outgoing.from {
        match AddressList::parse(text, domain).map_err(ComposeError::from)?.0.as_slice() {
            [author] => draft.from = author.clone(),
            _ => return Err(Usage(format!("-r {text:?}: name exactly one author")).into()),
        }
    }
    if let Some(text) = &outgoing.envelope_sender {
        let sender = sender(text, account)?;
        // As the lecture has it, the sender is the author too, unless -r named another.
        if let (Some(address), None) = (sender.address(), &outgoing.from) {
            draft.from = Mailbox::new(outgoing.full_name.as_deref(), address.clone());
        }
        draft.envelope_sender = Some(sender);
    } else if let Some(name) = &outgoing.full_name {
        draft.from.name = Some(FieldText::new(name)).filter(|name| !name.is_empty());
    }
    for field in &outgoing.fields {
        draft.add_field(field)?;
    }
    if !outgoing.subject.is_empty() {
        draft.subject = FieldText::new(&outgoing.subject);
    }
    draft.to = addresses(&outgoing.to, account, aliases)?;
    draft.cc = addresses(&outgoing.cc, account, aliases)?;
    draft.bcc = addresses(&outgoing.bcc, account, aliases)?;
    for path in &outgoing.attachments {
        draft.attachments.push(Attachment::read(path)?);
    }
    Ok(draft)
}
