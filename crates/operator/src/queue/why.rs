//! `postroad queue why`: when a message is tried next, and what stands in the way.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use postroad_observe::control::{self, Answer, Obstacle, Request};

use super::list::{Reader, count};
use super::which::Which;
use crate::cli::{Form, Output};
use crate::control::Agent;
use crate::screen::{self, FAINT, STRONG, shown, styled};

/// `postroad queue why`
#[derive(Debug, Args)]
pub(crate) struct Why {
    #[command(flatten)]
    which: Which,
    /// How many messages at most; 0: all of them
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    limit: u64,
    #[command(flatten)]
    form: Form,
}

/// Recipients that are named.
const RECIPIENTS_SHOWN: usize = 3;
/// Characters of a reply.
const REPLY_SHOWN: usize = 300;

pub(super) fn run(agent: &mut Agent, why: &Why) -> Result<ExitCode> {
    let filter = why.which.filter()?;
    let limit = if why.limit == 0 { u64::MAX } else { why.limit };
    let columns = match Reader::of(why.form.output()) {
        Reader::Terminal { columns } => columns,
        Reader::Elsewhere | Reader::Program => usize::MAX,
    };
    let mut out = anstream::stdout().lock();
    let mut before = String::new();
    let request = Request::Why { filter: filter.clone(), limit };
    let told = agent.ask(&request, |answer, _| {
        let Answer::Why(position) = answer else { return Ok(()) };
        match why.form.output() {
            Output::Json => writeln!(out, "{}", screen::json_line(&position)?)?,
            Output::Screen => {
                if before != position.queue_id {
                    writeln!(out, "{}", styled(STRONG, &position.queue_id))?;
                }
                write!(out, "{}", text(&position, screen::now(), columns))?;
            }
        }
        before = position.queue_id;
        Ok(())
    })?;
    if told == 0 && !filter.queue_ids.is_empty() {
        bail!("the queue holds no such message: it may have been delivered (`postroad trace ID`)");
    }
    if why.form.output() == Output::Screen && (told == 0 || told == limit) {
        let all = screen::grouped(count(agent, &filter)?.messages);
        writeln!(out, "{told} of {all} messages; --limit shows more.")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What there is to say of recipients in the same position.
fn text(why: &control::Why, now: u64, columns: usize) -> String {
    let named = why.recipients.iter().take(RECIPIENTS_SHOWN);
    let mut to = named.map(|address| shown(address, 80)).collect::<Vec<_>>().join(", ");
    let more = why.recipients.len().saturating_sub(RECIPIENTS_SHOWN) as u64 + why.more_recipients;
    if more > 0 {
        to += &format!(" and {} more", screen::grouped(more));
    }
    let tries = screen::counted(u64::from(why.attempts), "attempt");
    let at = why.next_attempt.map(|at| match at {
        at if at > now => {
            format!("next attempt in {} ({})", screen::span(at - now), screen::moment(at))
        }
        _ => "next attempt as soon as possible".to_owned(),
    });
    let next = at.unwrap_or_else(|| "no next attempt".to_owned());
    let line = |indent, text: &str| screen::folded(text, indent, columns);
    let mut text = line(2, &format!("to {to}, by {}", shown(&why.next_hop, 120)));
    text += &line(4, &obstacle(&why.obstacle, &why.queue_id, now));
    text += &line(4, &format!("{next}, {tries} so far"));
    if let Some(last) = why.last.as_ref().filter(|last| !is_said(&why.obstacle, last)) {
        let said = line(4, &format!("last time: {}", shown(last, REPLY_SHOWN)));
        text += &styled(FAINT, said);
    }
    text
}

/// Whether the obstacle's line has these words already.
fn is_said(obstacle: &Obstacle, words: &str) -> bool {
    matches!(obstacle, Obstacle::BackingOff { last, .. } if last == words)
}

fn obstacle(obstacle: &Obstacle, id: &str, now: u64) -> String {
    match obstacle {
        Obstacle::NotYet => {
            format!("waits for its next attempt (at once: postroad queue retry {id})")
        }
        Obstacle::BackingOff { until, failures, last } => {
            let times = if *failures == 1 { String::new() } else { format!(" {failures} times") };
            let pause = screen::span(until.saturating_sub(now));
            format!(
                "the next hop could not be reached{times}, and is left alone for {pause}: {}",
                shown(last, REPLY_SHOWN)
            )
        }
        Obstacle::Busy { connections, connections_max, ahead } => format!(
            "waits for its turn: {} ahead, {connections} of {connections_max} connections in use",
            screen::counted(*ahead, "message")
        ),
        Obstacle::Short { what } => format!(
            "waits for this host, which is short of resources ({}); tried again each second",
            shown(what, REPLY_SHOWN)
        ),
        Obstacle::Crowded => {
            "waits for a next hop that takes long to answer, behind many others that do (mta.deliveries_max)"
                .to_owned()
        }
        Obstacle::Held => format!("is held: postroad queue release {id}"),
        Obstacle::UnderWay => "is being delivered".to_owned(),
        Obstacle::Stopped => {
            "the transfer agent isn't running: systemctl start postroad-mta, or postroad up"
                .to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_obstacle_says_what_to_do() {
        let why = |obstacle, next_attempt| control::Why {
            queue_id: "0CKZ3V9A0BCDE".into(),
            recipients: ["a", "b", "c", "d"].map(|name| format!("{name}@b.example")).into(),
            more_recipients: 9_999,
            next_hop: "smtp://relay.example.net:25".into(),
            next_attempt,
            obstacle,
            attempts: 2,
            last: Some("450 4.2.0 \x1b[31mlater".into()),
        };
        let last = "connection refused\u{9b}2J".to_owned();
        let all = [
            why(Obstacle::NotYet, Some(1_600)),
            why(Obstacle::BackingOff { until: 1_600, failures: 3, last }, Some(1_600)),
            why(Obstacle::Busy { connections: 2, connections_max: 2, ahead: 1_000 }, Some(900)),
            why(Obstacle::Short { what: "Too many open files".into() }, Some(900)),
            why(Obstacle::Held, None),
            why(Obstacle::UnderWay, Some(900)),
            why(Obstacle::Stopped, Some(900)),
        ];
        let screen: String = all.iter().map(|why| text(why, 1_000, usize::MAX)).collect();
        insta::assert_snapshot!(anstream::adapter::strip_str(&screen).to_string());
        let narrow: String = all.iter().map(|why| text(why, 1_000, 60)).collect();
        let narrow = anstream::adapter::strip_str(&narrow).to_string();
        assert!(narrow.lines().all(|line| line.chars().count() <= 60), "{narrow}");
    }

    #[test]
    fn the_same_words_are_said_once() {
        let last = "451 4.4.1 cannot connect";
        let why = control::Why {
            queue_id: "0CKZ3V9A0BCDE".into(),
            recipients: vec!["a@b.example".into()],
            more_recipients: 0,
            next_hop: "b.example".into(),
            next_attempt: Some(1_600),
            obstacle: Obstacle::BackingOff { until: 1_600, failures: 1, last: last.into() },
            attempts: 1,
            last: Some(last.into()),
        };
        assert_eq!(text(&why, 1_000, usize::MAX).matches(last).count(), 1);
    }
}
