//! Which messages a command is about: the filters that all verbs of `postroad queue` share.

use std::io::BufRead;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use postroad_observe::control::{Edit, Filter, QUEUE_IDS_MAX, State};

/// Which messages; all that is given must fit.
#[derive(Debug, Default, Args)]
pub(super) struct Which {
    /// Queue ids; "-" reads them from standard input
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// The sender: an address, all of a "@domain", or "<>" for bounces
    #[arg(long, visible_alias = "sender", value_name = "ADDRESS", help_heading = HEADING)]
    from: Option<String>,
    /// A recipient: an address, or all of a "@domain"
    #[arg(long, visible_alias = "recipient", value_name = "ADDRESS", help_heading = HEADING)]
    to: Option<String>,
    /// A recipient's domain
    #[arg(long, help_heading = HEADING)]
    domain: Option<String>,
    /// Where mail goes: a route's next hop or host, or the domain whose MX hosts are asked
    #[arg(long, value_name = "HOST", help_heading = HEADING)]
    next_hop: Option<String>,
    /// What the next hop said last time has this in it
    #[arg(long, value_name = "TEXT", help_heading = HEADING)]
    reply: Option<String>,
    /// Those that wait, or those that are held
    #[arg(long, value_enum, help_heading = HEADING)]
    state: Option<Standing>,
    /// At least this old, as in 90s, 5m, 4h, 5d
    #[arg(long, value_name = "AGE", value_parser = seconds, help_heading = HEADING)]
    older_than: Option<u64>,
    /// Not that old yet
    #[arg(long, value_name = "AGE", value_parser = seconds, help_heading = HEADING)]
    newer_than: Option<u64>,
    /// Larger than this, as in 500, 64KiB, 10MiB
    #[arg(long, value_name = "SIZE", value_parser = octets, help_heading = HEADING)]
    larger_than: Option<u64>,
    /// Smaller than this
    #[arg(long, value_name = "SIZE", value_parser = octets, help_heading = HEADING)]
    smaller_than: Option<u64>,
}

const HEADING: &str = "Which messages (all that is given must fit, for one recipient)";

/// A recipient's state, as one says it.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Standing {
    Waiting,
    Held,
}

/// `90s`, `5m`, `4h`, `5d`
fn seconds(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 4] = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)];
    amount(text, &UNITS).ok_or_else(|| "write a number and s, m, h or d, as in 4h".into())
}

/// `500`, `64KiB`, `10MiB`
pub(crate) fn octets(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 5] =
        [("", 1), ("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
    amount(text, &UNITS).ok_or_else(|| "write a number and B, KiB, MiB or GiB, as in 10MiB".into())
}

fn amount(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, unit) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*unit)
}

impl Which {
    /// The filter; ids may be read from standard input.
    pub(super) fn filter(&self) -> Result<Filter> {
        let mut queue_ids = Vec::new();
        for id in &self.ids {
            match id.as_str() {
                "-" => queue_ids.extend(ids_from(std::io::stdin().lock())?),
                id => queue_ids.push(id.to_owned()),
            }
        }
        if queue_ids.is_empty() && !self.ids.is_empty() {
            bail!("there was no queue id on standard input");
        }
        // Shown in upper case, and read in any.
        queue_ids.iter_mut().for_each(|id| id.make_ascii_uppercase());
        Ok(Filter {
            queue_ids,
            sender: self.from.clone(),
            recipient: self.to.clone(),
            domain: self.domain.clone(),
            next_hop: self.next_hop.clone(),
            state: self.state.map(|state| match state {
                Standing::Waiting => State::Waiting,
                Standing::Held => State::Held,
            }),
            reply: self.reply.clone(),
            older_than_s: self.older_than,
            newer_than_s: self.newer_than,
            larger_than: self.larger_than,
            smaller_than: self.smaller_than,
        })
    }
}

/// The first word of each line, which may be one that `postroad queue list` printed.
pub(super) fn ids_from(input: impl BufRead) -> Result<Vec<String>> {
    let first = |line: std::io::Result<String>| {
        let line = line.context("cannot read queue ids from standard input")?;
        Ok(line.split_ascii_whitespace().next().map(str::to_owned))
    };
    input.lines().map(first).filter_map(Result::transpose).collect()
}

/// The filter with its ids a number at a time, as many as fit into one request.
pub(super) fn portions(filter: &Filter) -> Vec<Filter> {
    if filter.queue_ids.len() <= QUEUE_IDS_MAX {
        return vec![filter.clone()];
    }
    let portion = |ids: &[String]| Filter { queue_ids: ids.to_vec(), ..filter.clone() };
    filter.queue_ids.chunks(QUEUE_IDS_MAX).map(portion).collect()
}

/// Which messages a change is for: the whole queue only where that was said.
#[derive(Debug, Default, Args)]
pub(super) struct Chosen {
    #[command(flatten)]
    which: Which,
    /// Every message
    #[arg(long)]
    all: bool,
    /// Say which messages it would be, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Whether messages are changed or only named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Earnest {
    Change,
    DryRun,
}

impl Chosen {
    /// As `--all` says it.
    pub(super) fn everything() -> Self {
        Self { all: true, ..Self::default() }
    }

    pub(super) fn filter(&self) -> Result<Filter> {
        let filter = self.which.filter()?;
        match (filter == Filter::default(), self.all) {
            (true, false) => bail!(
                "say which messages: queue ids, filters as --from, --to, --next-hop, --older-than (all are in --help), or --all"
            ),
            (false, true) => bail!("--all and a choice exclude each other: leave one of them out"),
            (true, true) | (false, false) => Ok(filter),
        }
    }

    pub(super) fn earnest(&self) -> Earnest {
        if self.dry_run { Earnest::DryRun } else { Earnest::Change }
    }
}

/// The messages that `edit` changes anything of; `None` where the filter excludes all of them.
pub(super) fn changeable(filter: &Filter, edit: Edit) -> Option<Filter> {
    let needed = match edit {
        Edit::Hold | Edit::Retry => State::Waiting,
        Edit::Release => State::Held,
        Edit::Delete => return Some(filter.clone()),
    };
    match filter.state {
        Some(state) if state != needed => None,
        Some(_) | None => Some(Filter { state: Some(needed), ..filter.clone() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        chosen: Chosen,
    }

    fn chosen(words: &str) -> Result<Filter> {
        let line = Line::try_parse_from(["x"].into_iter().chain(words.split_ascii_whitespace()));
        line?.chosen.filter()
    }

    #[test]
    fn every_filter_is_said() {
        let words = "0abc --sender <> --recipient @b.example --domain b.example --next-hop relay \
                     --reply 450 --state held --older-than 5m --newer-than 2d --larger-than 1KiB \
                     --smaller-than 1MiB";
        let expected = Filter {
            queue_ids: vec!["0ABC".into()],
            sender: Some("<>".into()),
            recipient: Some("@b.example".into()),
            domain: Some("b.example".into()),
            next_hop: Some("relay".into()),
            state: Some(State::Held),
            reply: Some("450".into()),
            older_than_s: Some(300),
            newer_than_s: Some(172_800),
            larger_than: Some(1_024),
            smaller_than: Some(1 << 20),
        };
        assert_eq!(chosen(words).unwrap(), expected);
    }

    #[test]
    fn a_change_of_everything_must_be_said() {
        let error = chosen("").unwrap_err().to_string();
        assert!(error.contains("--all"), "{error}");
        assert_eq!(chosen("--all").unwrap(), Filter::default());
        assert!(chosen("--all --domain b.example").is_err());
        assert!(chosen("--domain b.example").is_ok());
    }

    #[test]
    fn spans_and_sizes() {
        assert_eq!((seconds("90s"), seconds("2d")), (Ok(90), Ok(172_800)));
        for text in ["", "5", "m", "5 m", "99999999999999999999d", "1w"] {
            assert!(seconds(text).is_err(), "{text}");
        }
        assert_eq!((octets("90"), octets("2KiB")), (Ok(90), Ok(2_048)));
        for text in ["", "KiB", "5 KiB", "99999999999999999999", "1TB", "-1"] {
            assert!(octets(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ids_come_from_lists() {
        let list = "0A\tx\n\n 0B \n".as_bytes();
        assert_eq!(ids_from(list).unwrap(), ["0A", "0B"]);
        let many = Filter { queue_ids: vec!["0A".into(); 4_500], ..Filter::default() };
        let sizes: Vec<usize> = portions(&many).iter().map(|some| some.queue_ids.len()).collect();
        assert_eq!(sizes, [2_000, 2_000, 500]);
    }

    #[test]
    fn only_what_would_change_is_counted() {
        let held = Filter { state: Some(State::Held), ..Filter::default() };
        assert_eq!(changeable(&held, Edit::Hold), None);
        assert_eq!(changeable(&held, Edit::Delete), Some(held.clone()));
        assert_eq!(changeable(&Filter::default(), Edit::Release), Some(held));
    }
}
