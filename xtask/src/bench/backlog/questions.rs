//! What an operator asks about a queue: first pages of lists and of every filter, sums, counts.
//!
//! Filters are such that the whole queue has to be walked: they fit its last letter, or none.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use super::super::peers::{loopback, program};
use super::fill;
use super::world::Plan;

/// Every case of ours begins so, behind the world's name.
pub(super) const PREFIX: &str = "postroad ";

/// A command line of `postroad`.
pub(super) struct Question {
    words: Vec<String>,
    reader: Reader,
}

/// Who reads the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reader {
    /// A pipe.
    Elsewhere,
    /// A terminal: a table, and how many there are in all.
    Terminal,
}

/// All that is asked of a world.
pub(super) fn of(plan: Plan, messages: u64) -> Vec<Question> {
    let last = plan.last_dead(messages);
    let (sender, recipient) = (fill::sender(last), fill::recipient(plan, last, messages));
    let domain = plan.destination(last, messages).domain;
    let nobody = format!("smtp://{}", loopback(1));
    let filters: &[&[&str]] = &[
        &[],
        &["--from", &sender],
        &["--from", "nobody@nowhere.example"],
        &["--to", &recipient],
        &["--domain", &domain],
        &["--next-hop", &domain],
        &["--next-hop", &nobody],
        &["--reply", "no greeting"],
        &["--reply", "mailbox is full"],
        &["--older-than", "1h"],
        &["--older-than", "2d"],
        &["--newer-than", "1m"],
        &["--larger-than", "1MiB"],
        &["--smaller-than", "100B"],
        &["--state", "held"],
    ];
    let question = |reader, words: &[&str]| Question {
        words: words.iter().map(|word| (*word).to_owned()).collect(),
        reader,
    };
    let mut all = vec![
        question(Reader::Elsewhere, &["status", "--json"]),
        question(Reader::Terminal, &["queue", "list"]),
    ];
    for by in ["next-hop", "domain", "sender"] {
        all.push(question(Reader::Elsewhere, &["queue", "summary", "--by", by]));
    }
    for filter in filters {
        let words = [&["queue", "list", "--limit", "50"], *filter].concat();
        all.push(question(Reader::Elsewhere, &words));
    }
    all
}

impl Question {
    /// Its line in the table.
    pub(super) fn case(&self) -> String {
        let on = if self.reader == Reader::Terminal { " (on a terminal)" } else { "" };
        format!("{PREFIX}{}{on}", self.words.join(" "))
    }

    /// From the start of the command to its end.
    pub(super) fn time(&self, config: &Path) -> anyhow::Result<Duration> {
        let postroad = program("postroad");
        let mut command = match self.reader {
            Reader::Elsewhere => Command::new(&postroad),
            Reader::Terminal => {
                let mut command = Command::new("script");
                command.args(["--quiet", "--return", "--command"]);
                let line = format!("{} {}", postroad.display(), self.words.join(" "));
                command.arg(line).arg("/dev/null");
                command
            }
        };
        if self.reader == Reader::Elsewhere {
            command.args(&self.words);
        }
        command.env("POSTROAD_CONFIG", config).stdin(Stdio::null());
        let began = Instant::now();
        let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
        let took = began.elapsed();
        // `status` is not content with a host that has no delivery agent.
        let content = output.status.success() || self.words.first().is_some_and(|w| w == "status");
        if !content {
            bail!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(took)
    }
}
