//! Being `sendmail`.

use std::time::Duration;

use postroad_protocol::address::{Address, ReversePath};

use super::{Context, asks_for_help, outbox_commands, show_help, smtp_input, text_input};
use crate::account::Account;
use crate::compose::handed_in::{Instructions, into_letter};
use crate::compose::{AddressList, Mailbox};
use crate::dispatch;
use crate::error::{Error, Exit};
use crate::front::Usage;
use crate::front::sendmail::{HELP, Request, Submission, parse, up_to_lone_dot};
use crate::outbox::Notes;

pub(super) async fn run(mut context: Context<'_, '_>, words: &[String]) -> Result<Exit, Error> {
    if asks_for_help(words) {
        return show_help(&mut context, HELP);
    }
    match parse(words)? {
        Request::Send(submission) => send(&context, submission).await,
        Request::Speak => smtp_input::run(&mut context).await,
        Request::ShowQueue => outbox_commands::show_queue(&mut context).await,
        Request::Flush => outbox_commands::flush(&mut context, Duration::ZERO).await,
    }
}

async fn send(context: &Context<'_, '_>, submission: Submission) -> Result<Exit, Error> {
    let account = context.account()?;
    let sender = match &submission.sender {
        Some(text) => sender(text, &account)?,
        None => ReversePath::Address(account.address.clone()),
    };
    // Whoever isn't named in From is the sender; nobody is the null path.
    let author = sender.address().unwrap_or(&account.address).clone();
    let name = submission.full_name.as_deref().or(account.name.as_deref());
    let mut recipients = Vec::new();
    for word in &submission.recipients {
        let list = AddressList::parse(word, Some(&account.address.domain));
        recipients.extend(list.map_err(crate::compose::ComposeError::from)?.0);
    }
    let instructions = Instructions {
        sender,
        author: Mailbox::new(name, author),
        recipients: recipients.into_iter().map(|mailbox| mailbox.address).collect(),
        header_recipients: submission.header_recipients.into(),
        notify: submission.notify,
        ret: submission.ret,
        envid: submission.envid,
    };
    let input = text_input::standard_input()?;
    let message = up_to_lone_dot(&input, submission.lone_dot);
    let letter = into_letter(message, instructions)?;
    dispatch::send(&letter, &account, &context.overrides, &Notes::default()).await?;
    Ok(Exit::Done)
}

/// `-f`: an address, with or without brackets; empty and `<>` are the null reverse-path.
pub(super) fn sender(text: &str, account: &Account) -> Result<ReversePath, Usage> {
    let inner = text.trim().strip_prefix('<').and_then(|text| text.strip_suffix('>'));
    let text = inner.unwrap_or(text.trim());
    if text.is_empty() {
        return Ok(ReversePath::Null);
    }
    let qualified = match text.contains('@') {
        true => Address::parse(text),
        false => Address::parse(&format!("{text}@{}", account.address.domain)),
    };
    qualified
        .map(ReversePath::Address)
        .map_err(|error| Usage(format!("the sender {text:?} is no address: {error}")))
}
