//! Postfix's spellings: the names `mailq`, `postqueue` and `postsuper` that this program may be called by, for
//! people who know them by heart and programs that read what they print.
//!
//! What they print is as Postfix prints it with long queue ids. What they don't have: `postsuper -e`, `-f`, `-p`
//! and `-s`, for there is nothing like that here.

use std::borrow::Cow;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use postroad_observe::control::{Answer, Edit, Filter, Message, Recipient, Request, State};
use postroad_observe::inert;
use serde::Serialize;

use super::edit::apply;
use super::show::letter;
use super::table::reason;
use super::which::ids_from;
use crate::cli::Settings;
use crate::control::{Agent, Speaker};
use crate::screen;

/// sysexits(3), as scripts around Postfix know them.
const EX_USAGE: u8 = 64;
const EX_UNAVAILABLE: u8 = 69;

/// Messages asked for at once.
const PAGE: u64 = 500;

/// Postfix's names for this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spelling {
    Mailq,
    Postqueue,
    Postsuper,
}

impl Spelling {
    /// By the name that the program was called by.
    pub(crate) fn of(program: &Path) -> Option<Self> {
        match program.file_name()?.to_str()? {
            "mailq" => Some(Self::Mailq),
            "postqueue" => Some(Self::Postqueue),
            "postsuper" => Some(Self::Postsuper),
            _ => None,
        }
    }

    /// Does what the command line says; what goes wrong is told here, as Postfix tells it.
    pub(crate) fn run(self, words: Vec<OsString>) -> Result<ExitCode> {
        let done = match self {
            Self::Mailq => Mailq::try_parse_from(words).map(|_| mailq(&Settings::of(None))),
            Self::Postqueue => Postqueue::try_parse_from(words).map(|line| postqueue(&line)),
            Self::Postsuper => Postsuper::try_parse_from(words).map(|line| postsuper(&line)),
        };
        match done {
            Ok(Ok(())) => Ok(ExitCode::SUCCESS),
            // A reader that has had enough.
            Ok(Err(error)) if error.downcast_ref::<std::io::Error>().is_some() => Err(error),
            Ok(Err(error)) => {
                anstream::eprintln!("{}: fatal: {error:#}", self.name());
                Ok(ExitCode::from(EX_UNAVAILABLE))
            }
            Err(usage) => {
                usage.print().context("cannot print")?;
                let wrong = usage.use_stderr();
                Ok(if wrong { ExitCode::from(EX_USAGE) } else { ExitCode::SUCCESS })
            }
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Mailq => "mailq",
            Self::Postqueue => "postqueue",
            Self::Postsuper => "postsuper",
        }
    }
}

/// Lists the queue of mail that waits, as Postfix does
#[derive(Debug, Parser)]
#[command(name = "mailq", version)]
struct Mailq {
    /// Taken and without effect
    #[arg(short, action = clap::ArgAction::Count)]
    _verbose: u8,
}

/// Lists or flushes the queue, as Postfix does
#[derive(Debug, Parser)]
#[command(name = "postqueue", version)]
struct Postqueue {
    #[command(flatten)]
    verb: PostqueueVerb,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct PostqueueVerb {
    /// List the queue
    #[arg(short = 'p')]
    list: bool,
    /// List the queue as JSON, one object a line
    #[arg(short = 'j')]
    json: bool,
    /// Try all messages at once
    #[arg(short = 'f')]
    flush: bool,
    /// Try this message at once
    #[arg(short = 'i', value_name = "ID")]
    id: Option<String>,
    /// Try messages to this domain at once
    #[arg(short = 's', value_name = "SITE")]
    site: Option<String>,
}

/// Holds, releases, requeues and deletes messages, as Postfix does. ID is a queue id, "ALL", or "-" for ids from
/// standard input
#[derive(Debug, Parser)]
#[command(name = "postsuper", version, disable_help_flag = true)]
struct Postsuper {
    /// Delete
    #[arg(short = 'd', value_name = "ID")]
    delete: Vec<String>,
    /// Put on hold
    #[arg(short = 'h', value_name = "ID")]
    hold: Vec<String>,
    /// Release from hold
    #[arg(short = 'H', value_name = "ID")]
    release: Vec<String>,
    /// Try at once; what is held is released
    #[arg(short = 'r', value_name = "ID")]
    requeue: Vec<String>,
    /// Only these: "hold", "deferred", or "incoming", "active" and "deferred" together [default: all]
    queues: Vec<String>,
    #[command(flatten)]
    place: Place,
    /// Print help
    #[arg(long, action = clap::ArgAction::Help)]
    help: Option<bool>,
}

#[derive(Debug, clap::Args)]
struct Place {
    /// The settings' file, or the folder that has postroad.toml
    #[arg(short = 'c', value_name = "PLACE")]
    config: Option<PathBuf>,
    /// Taken and without effect
    #[arg(short, action = clap::ArgAction::Count)]
    _verbose: u8,
}

impl Place {
    fn settings(&self) -> Settings {
        let file = self.config.as_ref().map(|place| match place.is_dir() {
            true => place.join("postroad.toml"),
            false => place.clone(),
        });
        Settings::of(file)
    }
}

fn mailq(settings: &Settings) -> Result<()> {
    let agent = &mut reach(settings)?;
    warn_if_down(agent, Spelling::Mailq);
    list(agent, &mut anstream::stdout().lock())
}

fn reach(settings: &Settings) -> Result<Agent> {
    Agent::reach(&settings.load()?)
}

/// Where nothing is delivered the person who looks wants to know; in Postfix's words.
fn warn_if_down(agent: &Agent, spelling: Spelling) {
    if agent.speaker() == Speaker::StandIn {
        let name = spelling.name();
        anstream::eprintln!("{name}: warning: Mail system is down -- accessing queue directly");
    }
}

fn postqueue(line: &Postqueue) -> Result<()> {
    let (agent, verb) = (&mut reach(&line.place.settings())?, &line.verb);
    warn_if_down(agent, Spelling::Postqueue);
    let all = Filter::default();
    match (&verb.id, &verb.site) {
        (Some(id), _) => {
            let filter = Filter { queue_ids: vec![id.to_ascii_uppercase()], ..all };
            apply(agent, &filter, Edit::Retry).map(drop)
        }
        (None, Some(site)) => {
            apply(agent, &Filter { domain: Some(site.clone()), ..all }, Edit::Retry).map(drop)
        }
        (None, None) if verb.flush => apply(agent, &all, Edit::Retry).map(drop),
        (None, None) if verb.json => list_json(agent, &mut anstream::stdout().lock()),
        (None, None) => list(agent, &mut anstream::stdout().lock()),
    }
}

fn postsuper(line: &Postsuper) -> Result<()> {
    let agent = &mut reach(&line.place.settings())?;
    let filter = of_queues(&line.queues)?;
    // Postfix's order: what is deleted can't be held any more.
    for (ids, edits, done) in [
        (&line.delete, &[Edit::Delete][..], "Deleted"),
        (&line.release, &[Edit::Release], "Released from hold"),
        (&line.hold, &[Edit::Hold], "Placed on hold"),
        (&line.requeue, &[Edit::Retry, Edit::Release], "Requeued"),
    ] {
        let mut changed = 0;
        if !ids.is_empty() {
            let filter = Filter { queue_ids: named(ids)?, ..filter.clone() };
            for edit in edits {
                changed += apply(agent, &filter, *edit)?;
            }
        }
        if changed > 0 {
            let noun = if changed == 1 { "message" } else { "messages" };
            anstream::eprintln!("postsuper: {done}: {changed} {noun}");
        }
    }
    Ok(())
}

/// The ids that are meant; none for `ALL`.
fn named(ids: &[String]) -> Result<Vec<String>> {
    if ids.iter().any(|id| id == "ALL") {
        return Ok(Vec::new());
    }
    let mut named = Vec::new();
    for id in ids {
        match id.as_str() {
            "-" => named.extend(ids_from(std::io::stdin().lock())?),
            id => named.push(id.to_owned()),
        }
    }
    if named.is_empty() {
        // No id is no wish; it must never mean all of them.
        bail!("there was no queue id on standard input");
    }
    named.iter_mut().for_each(|id| id.make_ascii_uppercase());
    Ok(named)
}

/// Messages in Postfix's queues of these names.
fn of_queues(names: &[String]) -> Result<Filter> {
    let has = |name: &str| names.iter().any(|known| known == name);
    if let Some(other) = names
        .iter()
        .find(|name| !["hold", "incoming", "active", "deferred"].contains(&name.as_str()))
    {
        bail!(
            "{}: no such queue; there are hold, incoming, active and deferred",
            inert::escape(other)
        );
    }
    let all = Filter::default();
    let waiting = || Filter { state: Some(State::Waiting), ..Filter::default() };
    match (has("hold"), has("deferred"), has("incoming") && has("active")) {
        _ if names.is_empty() => Ok(all),
        (true, true, true) => Ok(all),
        (true, false, false) if names.len() == 1 => Ok(Filter { state: Some(State::Held), ..all }),
        (false, true, true) => Ok(waiting()),
        // What was tried has been answered something.
        (false, true, false) if names.len() == 1 => {
            Ok(Filter { reply: Some(String::new()), ..waiting() })
        }
        _ => bail!(
            "these queues aren't told apart here: say hold, deferred, or incoming active deferred"
        ),
    }
}

/// Gives `each` every message, with all its recipients.
fn each_message(agent: &mut Agent, mut each: impl FnMut(&Message) -> Result<()>) -> Result<()> {
    let mut after = None;
    loop {
        let mut page = Vec::new();
        let request = Request::List { filter: Filter::default(), limit: PAGE, after };
        agent.ask(&request, |answer, _| {
            if let Answer::Message(message) = answer {
                page.push(message);
            }
            Ok(())
        })?;
        after = page.last().map(|message| message.queue_id.clone());
        if after.is_none() {
            return Ok(());
        }
        for mut message in page {
            if message.more_recipients > 0 {
                let (whole, told) = letter(agent, &message.queue_id, 0);
                if told.is_ok() {
                    message = whole.message;
                    message.recipients.retain(|recipient| recipient.state != State::Done);
                }
            }
            each(&message)?;
        }
    }
}

fn list(agent: &mut Agent, out: &mut impl Write) -> Result<()> {
    let (mut messages, mut octets) = (0, 0);
    each_message(agent, |message| {
        match messages {
            0 => write!(
                out,
                "{}",
                row(
                    "----Queue ID-----",
                    "--Size--",
                    "---Arrival Time----",
                    "--Sender/Recipient------"
                )
            )?,
            _ => writeln!(out)?,
        }
        (messages, octets) = (messages + 1, octets + message.octets);
        write!(out, "{}", entry(message))?;
        Ok(())
    })?;
    match messages {
        0 => writeln!(out, "Mail queue is empty")?,
        _ => {
            let requests = if messages == 1 { "Request" } else { "Requests" };
            writeln!(out, "\n-- {} Kbytes in {messages} {requests}.", octets / 1024)?;
        }
    }
    Ok(())
}

fn row(id: &str, size: &str, arrived: &str, address: &str) -> String {
    format!("{id:<17} {size:>8} {arrived:<19} {address}\n")
}

/// Which of Postfix's queues a message would be in.
fn queue_name(message: &Message) -> &'static str {
    let any = |state| message.recipients.iter().any(|recipient| recipient.state == state);
    let put_off = message.recipients.iter().any(|recipient| reason(recipient).is_some());
    match () {
        () if any(State::Held) && !any(State::Waiting) => "hold",
        () if put_off => "deferred",
        () => "active",
    }
}

/// Postfix's name for the null reverse-path.
fn sender(message: &Message) -> &str {
    if message.sender.is_empty() { "MAILER-DAEMON" } else { &message.sender }
}

fn entry(message: &Message) -> String {
    let mark = match queue_name(message) {
        "hold" => "!",
        "active" => "*",
        _ => "",
    };
    let id = format!("{}{mark}", message.queue_id);
    let arrived = local_time(message.arrived);
    let mut text = row(&id, &message.octets.to_string(), &arrived, &inert::escape(sender(message)));
    let mut said = String::new();
    for recipient in &message.recipients {
        let last = delay_reason(recipient).unwrap_or_default();
        let last = inert::escape(&last).into_owned();
        if last != said {
            let shown = if last.is_empty() { "reason unavailable" } else { &last };
            let padding = 76_usize.saturating_sub(shown.len());
            text += &format!("{:padding$}({shown})\n", "");
            said = last;
        }
        text += &row("", "", "", &inert::escape(&recipient.address));
    }
    text
}

/// In Postfix's words where the next hop is left alone and this recipient had no try.
fn delay_reason(recipient: &Recipient) -> Option<Cow<'_, str>> {
    let alone = |failure| Cow::Owned(format!("delivery temporarily suspended: {failure}"));
    let said = recipient.last.as_deref().map(Cow::Borrowed);
    said.or_else(|| recipient.left_alone.as_ref().map(alone))
}

/// `Sun Mar  1 12:00:00`
fn local_time(seconds: u64) -> String {
    let at = i64::try_from(seconds).ok().and_then(|at| jiff::Timestamp::from_second(at).ok());
    let zone = jiff::tz::TimeZone::system();
    at.map_or_else(String::new, |at| at.to_zoned(zone).strftime("%a %b %e %H:%M:%S").to_string())
}

/// A message as `postqueue -j` has it.
#[derive(Debug, Serialize)]
struct Listed<'a> {
    queue_name: &'a str,
    queue_id: &'a str,
    arrival_time: u64,
    message_size: u64,
    forced_expire: bool,
    sender: &'a str,
    recipients: Vec<ListedRecipient<'a>>,
}

#[derive(Debug, Serialize)]
struct ListedRecipient<'a> {
    address: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay_reason: Option<Cow<'a, str>>,
}

fn list_json(agent: &mut Agent, out: &mut impl Write) -> Result<()> {
    each_message(agent, |message| {
        let recipients = message.recipients.iter().map(|recipient| ListedRecipient {
            address: &recipient.address,
            delay_reason: delay_reason(recipient),
        });
        let listed = Listed {
            queue_name: queue_name(message),
            queue_id: &message.queue_id,
            arrival_time: message.arrived,
            message_size: message.octets,
            forced_expire: false,
            sender: sender(message),
            recipients: recipients.collect(),
        };
        writeln!(out, "{}", screen::json_line(&listed)?)?;
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::super::table::tests::examples;
    use super::*;

    #[test]
    fn messages_as_postfix_lists_them() {
        let [mut first, second] = examples();
        first.recipients[0].last = Some("450 4.2.0 later".into());
        let mut untried = second.clone();
        untried.recipients[0].left_alone = Some("451 4.4.1 cannot connect".into());
        assert_eq!((queue_name(&second), queue_name(&untried)), ("active", "deferred"));
        let text = entry(&first) + "\n" + &entry(&second) + "\n" + &entry(&untried);
        // The times are the tester's own.
        let text = text.replace(&local_time(1_000), "Thu Jan  1 00:16:40");
        let text = text.replace(&local_time(4_000), "Thu Jan  1 01:06:40");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn names_and_lines_of_postfix() {
        assert_eq!(Spelling::of(Path::new("/usr/bin/mailq")), Some(Spelling::Mailq));
        assert_eq!(Spelling::of(Path::new("postroad")), None);
        for (words, fits) in [
            ("postqueue -p", true),
            ("postqueue -p -v", true),
            ("postqueue", false),
            ("postqueue -p -f", false),
            ("postqueue -i 0ABC", true),
            ("postqueue -s example.org", true),
        ] {
            assert_eq!(Postqueue::try_parse_from(words.split(' ')).is_ok(), fits, "{words}");
        }
        let line = "postsuper -d 0A -d 0B -h 0C -H 0D -r ALL deferred";
        let line = Postsuper::try_parse_from(line.split(' ')).unwrap();
        assert_eq!((line.delete.len(), line.queues), (2, vec!["deferred".to_owned()]));
        assert_eq!(line.hold, ["0C"]);
    }

    #[test]
    fn all_of_one_queue_is_not_all() {
        let of = |names: &str| {
            of_queues(&names.split_ascii_whitespace().map(str::to_owned).collect::<Vec<_>>())
        };
        let held = Filter { state: Some(State::Held), ..Filter::default() };
        let waiting = Filter { state: Some(State::Waiting), ..Filter::default() };
        assert_eq!(of("").unwrap(), Filter::default());
        assert_eq!(of("hold").unwrap(), held);
        assert_eq!(of("incoming active deferred").unwrap(), waiting);
        assert_eq!(of("deferred").unwrap(), Filter { reply: Some(String::new()), ..waiting });
        assert_eq!(of("hold incoming active deferred").unwrap(), Filter::default());
        for names in ["active", "hold deferred", "incoming deferred", "maildrop"] {
            assert!(of(names).is_err(), "{names}");
        }
    }
}
