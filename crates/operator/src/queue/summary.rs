//! `postroad queue summary`: where the queue's mail goes to or comes from, and how old it is.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, ValueEnum};
use postroad_observe::control::{self, Answer, Count, Group, Request};

use super::list::count;
use super::which::Which;
use crate::cli::{Form, Output};
use crate::control::Agent;
use crate::screen::{self, shown};

/// `postroad queue summary`
#[derive(Debug, Args)]
pub(crate) struct Summary {
    #[command(flatten)]
    which: Which,
    /// What there is a line for each of
    #[arg(long, value_enum, default_value_t = By::NextHop)]
    by: By,
    /// How many lines at most; 0: all of them
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    limit: u64,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum By {
    /// Where mail goes
    NextHop,
    /// The domain of the recipient
    Domain,
    /// The domain of the sender
    Sender,
}

pub(super) fn run(agent: &mut Agent, summary: &Summary) -> Result<ExitCode> {
    let filter = summary.which.filter()?;
    let (by, head) = match summary.by {
        By::NextHop => (control::By::NextHop, "NEXT HOP"),
        By::Domain => (control::By::Domain, "DOMAIN"),
        By::Sender => (control::By::Sender, "SENDER"),
    };
    let limit = if summary.limit == 0 { u64::MAX } else { summary.limit };
    let mut groups = Vec::new();
    agent.ask(&Request::Summary { filter: filter.clone(), by, limit }, |answer, _| {
        if let Answer::Group(group) = answer {
            groups.push(group);
        }
        Ok(())
    })?;
    let mut out = anstream::stdout().lock();
    match summary.form.output() {
        Output::Json => {
            for group in &groups {
                writeln!(out, "{}", screen::json_line(group)?)?;
            }
        }
        Output::Screen => {
            let all = count(agent, &filter)?;
            write!(out, "{}", text(head, &groups, all, screen::now()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn text(head: &str, groups: &[Group], all: Count, now: u64) -> String {
    let mut text = String::new();
    if !groups.is_empty() {
        let mut table = screen::table([
            head,
            "RECIPIENTS",
            "HELD",
            "TO 5M",
            "TO 1H",
            "TO 1D",
            "OLDER",
            "OLDEST",
        ]);
        for group in groups {
            let name = if group.name.is_empty() { "<>".into() } else { shown(&group.name, 60) };
            let [minutes, hour, day, older] = group.ages.map(screen::grouped);
            let (recipients, held) =
                (screen::grouped(group.recipients), screen::grouped(group.held));
            let oldest = screen::span(now.saturating_sub(group.oldest));
            let name = name.into_owned();
            table.add_row([name, recipients, held, minutes, hour, day, older, oldest]);
        }
        text += &screen::show(&table);
    }
    let size = screen::size(all.octets);
    let held = screen::grouped(all.held);
    text += &format!("{}, {size}, {held} of them held", screen::counted(all.messages, "message"));
    if let Some(oldest) = all.oldest {
        text += &format!(", the oldest {} old", screen::span(now.saturating_sub(oldest)));
    }
    text + ".\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_on_a_screen() {
        let group = |name: &str, recipients, ages| Group {
            name: name.into(),
            recipients,
            held: 1,
            oldest: 1_000,
            ages,
        };
        let groups = [
            group("smtp://relay.example.net:25", 1_234_567, [1, 2, 3, 1_234_561]),
            group("\x1b[2J.example", 3, [0, 3, 0, 0]),
            group("", 1, [1, 0, 0, 0]),
        ];
        let all = Count { messages: 1_000_000, held: 2, octets: 1 << 32, oldest: Some(1_000) };
        let full = text("NEXT HOP", &groups, all, 200_000);
        let empty = text("DOMAIN", &[], Count::default(), 200_000);
        insta::assert_snapshot!(format!("{full}\n{empty}"));
    }
}
