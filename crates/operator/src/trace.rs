//! `postroad trace`: the life of one message on one screen, with times since its first record.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use postroad_observe::trace::words::{Tone, span, words};
use postroad_observe::trace::{Event, GATHER, Record, merge_all};

use crate::cli::{Form, Output, Settings};
use crate::screen::{BAD, FAINT, GOOD, LATE, STRONG, columns, folded, shown, styled};

/// `postroad trace`
#[derive(Debug, Args)]
pub(crate) struct Trace {
    /// A queue id, or a Message-ID (with or without its brackets)
    id: String,
    /// More folders with trace files, as of a user's own mail program
    #[arg(long = "dir", value_name = "DIR")]
    dirs: Vec<PathBuf>,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    form: Form,
}

pub(crate) fn run(trace: &Trace) -> Result<ExitCode> {
    let loaded = trace.settings.load()?;
    let folder = &loaded.config.trace.dir;
    let dirs = [vec![folder.clone()], trace.dirs.clone()].concat();
    // What happened before the command was typed shall be in it.
    std::thread::sleep(GATHER * 2);
    let records = merge_all(&dirs, &trace.id)
        .with_context(|| format!("cannot read the trace files in {}", folder.display()))?;
    if records.is_empty() {
        bail!(
            "nothing is known of {} in {}: is it a queue id or a Message-ID, whole? Old records make room for new ones ([trace] size_max)",
            shown(&trace.id, 200),
            folder.display()
        );
    }
    // What goes elsewhere is searched by lines.
    let columns = if std::io::stdout().is_terminal() { columns() } else { usize::MAX };
    let mut out = anstream::stdout().lock();
    match trace.form.output() {
        Output::Screen => write!(out, "{}", screen(&records, columns))?,
        Output::Json => {
            for record in &records {
                writeln!(out, "{}", serde_json::to_string(record)?)?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Columns of the time and the agent's name in front of each record.
const AHEAD: usize = 17;

fn screen(records: &[Record], columns: usize) -> String {
    let Some(first) = records.first() else { return String::new() };
    let mut text = heading(records, columns);
    let mut last_id = None;
    for record in records {
        // An id is said where it changes: a message has one per agent that queues it.
        if record.queue_id.is_some() && record.queue_id != last_id {
            last_id.clone_from(&record.queue_id);
            let id = last_id.as_deref().unwrap_or_default();
            text += &format!(
                "{:>10}  {:4} {}\n",
                "",
                "",
                styled(FAINT, format!("as {}", shown(id, 80)))
            );
        }
        let since = span(record.at.saturating_sub(first.at));
        let agent = format!("{:4}", shown(&record.agent, 4));
        let line = folded(&line(&record.event), AHEAD, columns);
        text += &format!(
            "{since:>10}  {} {}",
            styled(agent_style(&record.agent), agent),
            line.get(AHEAD..).unwrap_or_default()
        );
    }
    text
}

/// Which message it is, and when it began.
fn heading(records: &[Record], columns: usize) -> String {
    let message_id = records.iter().find_map(|record| record.message_id.as_deref());
    let name = message_id
        .map_or("a message without a Message-ID".into(), |id| format!("<{}>", shown(id, 200)));
    let began = records.first().map_or(0, |record| record.at);
    let began = i64::try_from(began).ok().and_then(|at| jiff::Timestamp::from_microsecond(at).ok());
    let began = began.map_or(String::new(), |at| format!("{at:.3}"));
    folded(&format!("{}  {}", styled(STRONG, name), styled(FAINT, began)), 0, columns) + "\n"
}

fn agent_style(agent: &str) -> Style {
    match agent {
        "mua" => AnsiColor::Magenta.on_default(),
        "mta" => AnsiColor::Cyan.on_default(),
        "mda" => AnsiColor::Blue.on_default(),
        "maa" => AnsiColor::Yellow.on_default(),
        _ => Style::new(),
    }
}

/// One record in words; all that a peer said is escaped.
fn line(event: &Event) -> String {
    let safe = |text: &str, most: usize| shown(text, most).into_owned();
    let paint = |tone: Tone, text: String| {
        let style = match tone {
            Tone::Good => GOOD,
            Tone::Late => LATE,
            Tone::Bad => BAD,
            Tone::Faint => FAINT,
        };
        styled(style, text)
    };
    words(event, &safe, &paint)
}

#[cfg(test)]
mod tests {
    use postroad_observe::trace::{Speaker, Status};

    use super::*;

    fn record(at: u64, agent: &str, queue_id: &str, event: Event) -> Record {
        Record {
            v: 1,
            at: 1_767_323_045_678_901 + at,
            agent: agent.into(),
            queue_id: (!queue_id.is_empty()).then(|| queue_id.into()),
            message_id: Some("m1@example.test".into()),
            event,
        }
    }

    fn said(speaker: Speaker, line: &str) -> Event {
        Event::Dialogue { speaker, line: line.into() }
    }

    #[test]
    fn the_life_of_a_message() {
        let (alice, bob) = ("alice@example.test".to_owned(), "bob@example.org".to_owned());
        let session = Event::Session {
            service: "submissions".into(),
            client: "127.0.0.1".into(),
            helo: "laptop".into(),
            tls: Some("TLSv1.3 AES_256_GCM_SHA384".into()),
            login: Some("alice".into()),
        };
        let accepted = Event::Accepted {
            from: alice.clone(),
            to: vec![bob.clone()],
            octets: 1_500,
            sync_us: 850,
        };
        let dns = Event::Dns {
            question: "example.org MX".into(),
            answer: "10 mx.example.org".into(),
            took_us: 12_345,
        };
        let next_hop =
            Event::NextHop { next_hop: "mx.example.org[192.0.2.1]:25".into(), why: "MX 10".into() };
        let deferred = Event::Outcome {
            to: bob.clone(),
            status: Status::Deferred,
            reply: "450 4.2.0 later\r\nstatus=sent \x1b[31m".into(),
            next_hop: "mx.example.org".into(),
            delay_s: 0.3,
        };
        let filed = Event::Filed { to: bob.clone(), file: "/mail/bob/new/1.x".into(), sync_us: 90 };
        let to = ["a@x", "b@x", "c@x", "d@x", "e@x"].map(str::to_owned).to_vec();
        let records = [
            record(0, "mua", "U1", Event::Composed { from: alice, to, octets: 900 }),
            record(10_200, "mta", "", session),
            record(11_900, "mta", "Q1", accepted),
            record(30_000, "mta", "Q1", dns),
            record(30_100, "mta", "Q1", next_hop),
            record(40_000, "mta", "Q1", said(Speaker::Us, "MAIL FROM:<alice@example.test>")),
            record(41_000, "mta", "Q1", said(Speaker::Them, "250 2.1.0 Ok")),
            record(2_500_000, "mta", "Q1", deferred),
            record(700_000_000, "mda", "D1", filed),
            record(
                8_000_000_000,
                "maa",
                "",
                Event::Fetched { user: "bob".into(), service: "pop3s".into() },
            ),
            record(90_000_000_000, "mta", "Q1", Event::Refused { reply: "550 no".into() }),
        ];
        let plain = |columns| anstream::adapter::strip_str(&screen(&records, columns)).to_string();
        insta::assert_snapshot!(plain(usize::MAX));
        let narrow = plain(60);
        let widest = narrow.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(60), "{narrow}");
        // The same words.
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words(&narrow), words(&plain(usize::MAX)));
    }
}
