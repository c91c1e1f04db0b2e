//! `postroad queue show`: messages on a screen.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use postroad_observe::control::{Answer, Filter, Message, Recipient, Request, State};
use serde::Serialize;

use super::list::count;
use super::table::{next, sender};
use super::which::Which;
use crate::cli::{Form, Output};
use crate::control::Agent;
use crate::screen::{self, FAINT, STRONG, shown, styled};

/// Octets of content on the screen.
const CONTENT_SHOWN: u64 = 8 * 1024;
/// Characters of a line of content on the screen.
const LINE_SHOWN: usize = 200;

/// `postroad queue show`
#[derive(Debug, Args)]
pub(crate) struct Show {
    #[command(flatten)]
    which: Which,
    /// How many messages at most; 0: all of them
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    limit: u64,
    #[command(flatten)]
    form: Form,
}

/// A message as the transfer agent gives it.
#[derive(Debug, Default, Serialize)]
pub(super) struct Letter {
    #[serde(flatten)]
    pub(super) message: Message,
    /// The start of its content.
    #[serde(serialize_with = "lossy")]
    pub(super) content: Vec<u8>,
}

fn lossy<S: serde::Serializer>(octets: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(octets))
}

/// A message with all its recipients, and so much of its content. What there is of it, too, where that
/// can't be read to its end.
pub(super) fn letter(agent: &mut Agent, id: &str, content_max: u64) -> (Letter, Result<()>) {
    let mut letter = Letter::default();
    let request = Request::Show { queue_id: id.to_ascii_uppercase(), content_max };
    let asked = agent.ask(&request, |answer, octets| {
        match answer {
            Answer::Message(message) => letter.message = message,
            Answer::Recipients { recipients } => {
                letter.message.more_recipients =
                    letter.message.more_recipients.saturating_sub(recipients.len() as u64);
                letter.message.recipients.extend(recipients);
            }
            Answer::Content { .. } => letter.content = octets,
            _ => {}
        }
        Ok(())
    });
    (letter, asked.map(|_| ()))
}

pub(super) fn run(agent: &mut Agent, show: &Show) -> Result<ExitCode> {
    let filter = show.which.filter()?;
    let limit = if show.limit == 0 { u64::MAX } else { show.limit };
    let named = Filter { queue_ids: filter.queue_ids.clone(), ..Filter::default() };
    // Who names ids is told of each that isn't there.
    let by_id = filter == named && !filter.queue_ids.is_empty();
    let ids = if by_id { filter.queue_ids.clone() } else { ids(agent, &filter, limit)? };
    let mut out = anstream::stdout().lock();
    let mut told = Ok(());
    let mut before = "";
    for id in &ids {
        let (letter, asked) = letter(agent, id, CONTENT_SHOWN);
        // What is left of a message whose content is damaged is worth a look.
        if !letter.message.queue_id.is_empty() {
            match show.form.output() {
                Output::Json => writeln!(out, "{}", screen::json_line(&letter)?)?,
                Output::Screen => write!(out, "{before}{}", text(&letter, screen::now()))?,
            }
            before = "\n";
        }
        told = told.and(asked);
    }
    if show.form.output() == Output::Screen && !by_id {
        let (shown, all) = (ids.len() as u64, count(agent, &filter)?.messages);
        if shown == 0 || shown < all {
            writeln!(out, "{shown} of {} messages; --limit shows more.", screen::grouped(all))?;
        }
    }
    told.map(|()| ExitCode::SUCCESS)
}

/// The messages that a filter fits.
fn ids(agent: &mut Agent, filter: &Filter, limit: u64) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    let request = Request::List { filter: filter.clone(), limit, after: None };
    agent.ask(&request, |answer, _| {
        if let Answer::Message(message) = answer {
            ids.push(message.queue_id);
        }
        Ok(())
    })?;
    Ok(ids)
}

fn text(letter: &Letter, now: u64) -> String {
    let Letter { message, content } = letter;
    let mut text = String::new();
    let parameters = [
        message.body.as_ref().map(|body| format!("BODY={body}")),
        message.smtputf8.then(|| "SMTPUTF8".to_owned()),
        message.ret.as_ref().map(|ret| format!("RET={ret}")),
        message.envid.as_ref().map(|envid| format!("ENVID={envid}")),
    ];
    let parameters: Vec<String> = parameters.into_iter().flatten().collect();
    // Writing to a String doesn't fail.
    let _ = writeln!(text, "{}", styled(STRONG, &message.queue_id));
    let age = screen::span(now.saturating_sub(message.arrived));
    let _ = writeln!(text, "arrived  {} ({age} ago)", screen::moment(message.arrived));
    let _ = writeln!(text, "size     {}", screen::size(message.octets));
    let _ = writeln!(text, "from     {}", shown(sender(message), LINE_SHOWN));
    if !parameters.is_empty() {
        let _ = writeln!(text, "asked    {}", shown(&parameters.join(" "), LINE_SHOWN));
    }
    for recipient in &message.recipients {
        let _ = writeln!(text, "to       {}", about(recipient, now));
        let said = recipient.last.as_deref().map(|last| ("said", last));
        let alone = recipient.left_alone.as_deref().map(|failure| ("next hop left alone", failure));
        if let Some((what, reason)) = said.or(alone) {
            let _ = writeln!(text, "         {what}: {}", shown(reason, LINE_SHOWN));
        }
    }
    text.push('\n');
    for line in String::from_utf8_lossy(content).lines() {
        let line = format!("  {}", shown(&line.replace('\t', "    "), LINE_SHOWN));
        let _ = writeln!(text, "{}", line.trim_end());
    }
    if (content.len() as u64) < message.octets {
        let more =
            format!("  … ({} in all: `postroad queue export`)", screen::size(message.octets));
        let _ = writeln!(text, "{}", styled(FAINT, more));
    }
    text
}

/// `bob@example.org  in 5m (3 tries) by smtp://relay.example.net:25`
fn about(recipient: &Recipient, now: u64) -> String {
    let mut text = format!("{}  {}", shown(&recipient.address, LINE_SHOWN), next(recipient, now));
    if recipient.attempts > 0 {
        text += &format!(", {} so far", screen::counted(u64::from(recipient.attempts), "attempt"));
    }
    // Where mail goes now is not where what is done has gone: `postroad trace` knows that.
    if recipient.state != State::Done
        && let Some(next_hop) = &recipient.next_hop
    {
        text += &format!(", by {}", shown(next_hop, LINE_SHOWN));
    }
    for (name, value) in [("NOTIFY", &recipient.notify), ("ORCPT", &recipient.orcpt)] {
        if let Some(value) = value {
            text += &format!(" {name}={}", shown(value, LINE_SHOWN));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::table::tests::examples;
    use super::*;

    #[test]
    fn a_message_on_a_screen() {
        let [mut message, _] = examples();
        message.body = Some("8BITMIME".into());
        message.envid = Some("a\x1b[2J".into());
        message.recipients[0].notify = Some("NEVER".into());
        let content = b"Subject: x\x1b]0;owned\x07\r\n\r\n\ttab \xff\r\n".to_vec();
        let screen = text(&Letter { message, content }, 4_400);
        let plain = anstream::adapter::strip_str(&screen).to_string();
        insta::assert_snapshot!(plain);
    }

    #[test]
    fn what_is_done_names_no_next_hop() {
        let [message, _] = examples();
        let done = Recipient { state: State::Done, attempts: 0, ..message.recipients[0].clone() };
        assert_eq!(about(&done, 4_400), "bob@example.org  done");
    }
}
