//! Being `mail`.

use std::io::BufRead as _;

use super::send::{Output, addresses, see_off};
use super::sendmail::sender;
use super::{Context, asks_for_help, is_interactive, reader, show_help, text_input};
use crate::account::{Account, Inbox};
use crate::compose::{AddressList, Attachment, ComposeError, Draft, FieldText, Mailbox, as_text};
use crate::error::{Error, Exit};
use crate::front::Usage;
use crate::front::mail::{EmptyBody, HELP, Outgoing, Request, parse};
use crate::outbox::Notes;
use crate::{safe_line, sent};

pub(super) async fn run(mut context: Context<'_, '_>, words: &[String]) -> Result<Exit, Error> {
    if asks_for_help(words) {
        return show_help(&mut context, HELP);
    }
    match parse(words, |path| path.is_file())? {
        Request::Send(outgoing) => send(&mut context, outgoing).await,
        Request::Read(reading) => {
            let mut account = context.account()?;
            if let Some(path) = reading.mailbox {
                account.inbox = Inbox::Maildir(path);
            }
            reader::run(&mut context, &account, reading.what).await
        }
    }
}

async fn send(context: &mut Context<'_, '_>, outgoing: Outgoing) -> Result<Exit, Error> {
    let account = context.account()?;
    let mut draft = draft(&outgoing, &account)?;
    if is_interactive() {
        if draft.subject.is_empty() {
            context.screen.ask(&safe_line!("Subject: "))?;
            let mut line = String::new();
            std::io::stdin().lock().read_line(&mut line)?;
            draft.subject = FieldText::new(&line);
        }
        match write_on_terminal(context, &account, &mut draft)? {
            Written::Whole => {}
            Written::Abandoned => return Ok(Exit::No),
        }
    } else {
        // Row U14: nothing in a text that comes from a program is a command; nor is a lone dot an end.
        draft.body = as_text(text_input::standard_input()?);
    }
    if outgoing.empty_body == EmptyBody::Dropped && draft.body.is_empty() {
        return Ok(Exit::Done);
    }
    let letter = draft.into_letter()?;
    match is_interactive() {
        true => {
            let notes = sent::notes(&account);
            see_off(context, &account, &letter, &notes, Output { json: false }).await?;
        }
        false => {
            crate::dispatch::send(&letter, &account, &context.overrides, &Notes::default()).await?
        }
    }
    Ok(Exit::Done)
}

fn draft(outgoing: &Outgoing, account: &Account) -> Result<Draft, Error> {
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
    draft.to = addresses(&outgoing.to, account)?;
    draft.cc = addresses(&outgoing.cc, account)?;
    draft.bcc = addresses(&outgoing.bcc, account)?;
    for path in &outgoing.attachments {
        draft.attachments.push(Attachment::read(path)?);
    }
    Ok(draft)
}

/// How writing ended.
enum Written {
    Whole,
    Abandoned,
}

/// Lines until a lone dot or the end of input; those that begin with `~` are commands (POSIX mailx).
fn write_on_terminal(
    context: &mut Context<'_, '_>,
    account: &Account,
    draft: &mut Draft,
) -> Result<Written, Error> {
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let Some(escape) = line.strip_prefix('~') else {
            if line == "." {
                break;
            }
            draft.body.push_str(&line);
            draft.body.push('\n');
            continue;
        };
        let (command, rest) = escape.split_at(escape.chars().next().map_or(0, char::len_utf8));
        let list = || addresses(std::slice::from_ref(&rest.trim().to_owned()), account);
        let added = match command {
            "." => break,
            "q" | "x" => return Ok(Written::Abandoned),
            "~" => {
                draft.body.push_str(escape);
                draft.body.push('\n');
                Ok(())
            }
            "s" => {
                draft.subject = FieldText::new(rest);
                Ok(())
            }
            "t" => list().map(|more| draft.to.extend(more)),
            "c" => list().map(|more| draft.cc.extend(more)),
            "b" => list().map(|more| draft.bcc.extend(more)),
            "p" => {
                context.screen.show(&crate::safe_text::SafeText::block(&draft.body))?;
                Ok(())
            }
            _ => {
                context.screen.say(&safe_line!(
                    "~. send   ~q abandon   ~p print   ~s TEXT subject   ~t ~c ~b ADDRESS add   ~~ a line with ~"
                ));
                Ok(())
            }
        };
        if let Err(error) = added {
            context.screen.say(&safe_line!("{}", error.words()));
        }
    }
    Ok(Written::Whole)
}
