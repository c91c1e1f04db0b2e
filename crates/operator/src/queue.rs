//! `postroad queue`: looking at the queue, and changing it.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use postroad_observe::control::{Answer, Edit, Filter, LIST_DEFAULT, Message, Request, State};

use crate::cli::{Form, Output, Settings};
use crate::control::ask;
use crate::screen;

/// `postroad queue`
#[derive(Debug, Args)]
pub(crate) struct Queue {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List messages, oldest first
    List {
        #[command(flatten)]
        which: Which,
        /// How many at most
        #[arg(long, default_value_t = LIST_DEFAULT)]
        limit: usize,
        #[command(flatten)]
        form: Form,
    },
    /// Show one message: its recipients, and the start of its content
    Show {
        /// The queue id
        id: String,
        #[command(flatten)]
        form: Form,
    },
    /// Keep messages back until they are released
    Hold(Which),
    /// Let held messages go, at once
    Release(Which),
    /// Try messages at once
    Retry(Which),
    /// Remove messages, without a word to anybody
    Delete(Which),
    /// Try all messages at once
    Flush,
}

/// Which messages; all that is given must fit.
#[derive(Debug, Default, Args)]
struct Which {
    /// Queue ids
    ids: Vec<String>,
    /// The sender's address; "<>" for bounces
    #[arg(long)]
    from: Option<String>,
    /// A recipient's address
    #[arg(long)]
    to: Option<String>,
    /// A recipient's domain
    #[arg(long)]
    domain: Option<String>,
    /// At least this old, as in 90s, 5m, 4h, 5d
    #[arg(long, value_parser = seconds)]
    older_than: Option<u64>,
    /// Every message
    #[arg(long)]
    all: bool,
}

/// `90s`, `5m`, `4h`, `5d`
fn seconds(text: &str) -> Result<u64, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => 0,
    };
    let seconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    seconds.filter(|_| unit > 0).ok_or_else(|| "write a number and s, m, h or d, as in 4h".into())
}

impl Which {
    fn filter(&self) -> Filter {
        Filter {
            // Shown in upper case, and read in any.
            queue_ids: self.ids.iter().map(|id| id.to_ascii_uppercase()).collect(),
            sender: self.from.clone(),
            recipient: self.to.clone(),
            domain: self.domain.clone(),
            older_than_s: self.older_than,
        }
    }

    /// The filter of a change: the whole queue only where that was said.
    fn chosen(&self) -> Result<Filter> {
        let filter = self.filter();
        match (filter == Filter::default(), self.all) {
            (true, false) => bail!(
                "say which messages: queue ids, --from, --to, --domain, --older-than, or --all"
            ),
            (false, true) => bail!("--all and a choice exclude each other: leave one of them out"),
            (true, true) | (false, false) => Ok(filter),
        }
    }
}

pub(crate) fn run(queue: &Queue) -> Result<ExitCode> {
    let loaded = queue.settings.load()?;
    let socket = &loaded.config.mta.control;
    let everything = Which::default();
    match &queue.action {
        None => list(socket, &everything, LIST_DEFAULT, Output::Screen)?,
        Some(Action::List { which, limit, form }) => list(socket, which, *limit, form.output())?,
        Some(Action::Show { id, form }) => show(socket, id, form.output())?,
        Some(Action::Hold(which)) => edit(socket, which.chosen()?, Edit::Hold)?,
        Some(Action::Release(which)) => edit(socket, which.chosen()?, Edit::Release)?,
        Some(Action::Retry(which)) => edit(socket, which.chosen()?, Edit::Retry)?,
        Some(Action::Delete(which)) => edit(socket, which.chosen()?, Edit::Delete)?,
        Some(Action::Flush) => edit(socket, Filter::default(), Edit::Retry)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list(socket: &Path, which: &Which, limit: usize, output: Output) -> Result<()> {
    let mut out = anstream::stdout().lock();
    let mut messages = Vec::new();
    ask(socket, &Request::List { filter: which.filter(), limit }, |answer| {
        if let Answer::Message(message) = answer {
            match output {
                Output::Json => writeln!(out, "{}", serde_json::to_string(&message)?)?,
                Output::Screen => messages.push(message),
            }
        }
        Ok(())
    })?;
    match output {
        Output::Json => {}
        Output::Screen if messages.is_empty() && which.filter() == Filter::default() => {
            writeln!(out, "The queue is empty.")?;
        }
        Output::Screen => write!(out, "{}", overview(&messages, limit, screen::now()))?,
    }
    Ok(())
}

/// The table of `queue list`: a line per message and recipient.
fn overview(messages: &[Message], limit: usize, now: u64) -> String {
    if messages.is_empty() {
        return "The queue holds no such message.\n".to_owned();
    }
    let mut table = screen::table(["ID", "AGE", "SIZE", "FROM", "TO", "NEXT", "LAST ANSWER"]);
    for message in messages {
        let age = screen::span(now.saturating_sub(message.arrived));
        let sender = match message.sender.as_str() {
            "" => "<>".into(),
            sender => screen::shown(sender, 40),
        };
        let mut head =
            [message.queue_id.clone(), age, screen::size(message.octets), sender.into_owned()];
        for recipient in
            message.recipients.iter().filter(|recipient| recipient.state != State::Done)
        {
            let next = match (recipient.state, recipient.due) {
                (State::Held, _) => "held".to_owned(),
                (_, Some(due)) if due > now => format!("in {}", screen::span(due - now)),
                (State::Waiting | State::Done, _) => "now".to_owned(),
            };
            let last = recipient.last.as_deref().map_or("-".into(), |last| screen::shown(last, 60));
            let to = screen::shown(&recipient.address, 40).into_owned();
            let [id, age, size, sender] = std::mem::take(&mut head);
            table.add_row([id, age, size, sender, to, next, last.into_owned()]);
        }
        if message.more_recipients > 0 {
            let more = format!("and {} more", message.more_recipients);
            table.add_row(["", "", "", "", &more, "", ""]);
        }
    }
    let mut text = screen::show(&table);
    if messages.len() == limit {
        text += &format!("The first {limit}; --limit shows more.\n");
    }
    text
}

fn show(socket: &Path, id: &str, output: Output) -> Result<()> {
    let mut out = anstream::stdout().lock();
    ask(socket, &Request::Show { queue_id: id.to_ascii_uppercase() }, |answer| {
        match (output, answer) {
            (Output::Json, answer) => writeln!(out, "{}", serde_json::to_string(&answer)?)?,
            (Output::Screen, Answer::Message(message)) => {
                write!(out, "{}", overview(&[message], usize::MAX, screen::now()))?;
            }
            (Output::Screen, Answer::Content { text, octets }) => {
                writeln!(out)?;
                for line in text.lines() {
                    writeln!(out, "  {}", screen::shown(&line.replace('\t', "    "), 200))?;
                }
                // Each line lost the CR of its end on the way.
                if ((text.len() + text.lines().count()) as u64) < octets {
                    writeln!(out, "  … ({octets} octets in all)")?;
                }
            }
            (
                Output::Screen,
                Answer::Status(_)
                | Answer::Reloaded { .. }
                | Answer::Explanation(_)
                | Answer::Done { .. }
                | Answer::Failed { .. },
            ) => {}
        }
        Ok(())
    })?;
    Ok(())
}

fn edit(socket: &Path, filter: Filter, edit: Edit) -> Result<()> {
    let named = filter.queue_ids.len();
    let changed = ask(socket, &Request::Edit { filter, edit }, |_| Ok(()))?;
    if changed == 0 && named > 0 {
        bail!("the queue holds no such message: `postroad queue list` shows those it holds");
    }
    let done = match edit {
        Edit::Hold => "held",
        Edit::Release => "released",
        Edit::Retry => "due now",
        Edit::Delete => "deleted",
    };
    let messages = if changed == 1 { "message" } else { "messages" };
    writeln!(anstream::stdout(), "{changed} {messages} {done}")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use postroad_observe::control::Recipient;

    fn recipient(address: &str, state: State, due: Option<u64>, last: Option<&str>) -> Recipient {
        Recipient {
            address: address.into(),
            state,
            attempts: 1,
            due,
            last: last.map(str::to_owned),
        }
    }

    #[test]
    fn the_queue_as_a_table() {
        let messages = [
            Message {
                queue_id: "0CKZ3V9A0BCDE".into(),
                arrived: 1_000,
                octets: 4_096,
                sender: "alice@example.test".into(),
                recipients: vec![
                    recipient(
                        "bob@example.org",
                        State::Waiting,
                        Some(5_000),
                        Some("450 4.2.0 \x1b[31mlater"),
                    ),
                    recipient("carol@example.org", State::Done, None, None),
                    recipient("dave@example.org", State::Held, None, None),
                ],
                more_recipients: 7,
            },
            Message {
                queue_id: "0CKZ3V9A0BCDF".into(),
                arrived: 4_000,
                octets: 10,
                sender: String::new(),
                recipients: vec![recipient(
                    "alice@example.test",
                    State::Waiting,
                    Some(4_000),
                    None,
                )],
                more_recipients: 0,
            },
        ];
        insta::assert_snapshot!(overview(&messages, 2, 4_400));
        insta::assert_snapshot!(overview(&[], 2, 4_400), @"The queue holds no such message.");
    }

    #[test]
    fn a_change_of_everything_must_be_said() {
        let which = Which::default();
        assert!(which.chosen().is_err());
        assert_eq!(Which { all: true, ..Which::default() }.chosen().unwrap(), Filter::default());
        let some = || Which { domain: Some("example.org".into()), ..Which::default() };
        assert!(some().chosen().is_ok());
        assert!(Which { all: true, ..some() }.chosen().is_err());
    }

    #[test]
    fn spans() {
        assert_eq!((seconds("90s"), seconds("2d")), (Ok(90), Ok(172_800)));
        for text in ["", "5", "m", "5 m", "99999999999999999999d", "1w"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
