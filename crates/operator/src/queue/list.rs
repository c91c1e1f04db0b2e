//! `postroad queue list`: a page of a table on a terminal, a line for each recipient elsewhere.

use std::io::{IsTerminal as _, Write};
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use postroad_observe::control::{Answer, Count, Filter, Request};

use super::table;
use super::which::Which;
use crate::cli::{Form, Output};
use crate::control::Agent;
use crate::screen;

/// Messages on a terminal's page.
const PAGE: u64 = 50;

/// `postroad queue list`
#[derive(Debug, Default, Args)]
pub(crate) struct List {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    page: Page,
    #[command(flatten)]
    form: Form,
}

/// How much of a list.
#[derive(Debug, Default, Clone, Args)]
pub(crate) struct Page {
    /// How many messages at most; 0: all of them [default: 50 on a terminal, else all]
    #[arg(long, value_name = "COUNT")]
    limit: Option<u64>,
    /// Those that arrived after this message: the next page
    #[arg(long, value_name = "ID")]
    after: Option<String>,
}

impl Page {
    /// How many messages at most, for this reader.
    fn limit(&self, reader: Reader) -> u64 {
        match (self.limit, reader) {
            (Some(0), _) | (None, Reader::Elsewhere | Reader::Program) => u64::MAX,
            (Some(limit), _) => limit,
            (None, Reader::Terminal { .. }) => PAGE,
        }
    }
}

/// Who reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// A person, and how many columns the terminal has.
    Terminal { columns: usize },
    /// A pipe or a file.
    Elsewhere,
    /// A program that asked for JSON.
    Program,
}

impl Reader {
    pub(crate) fn of(output: Output) -> Self {
        match output {
            Output::Json => Self::Program,
            Output::Screen if std::io::stdout().is_terminal() => {
                Self::Terminal { columns: screen::columns() }
            }
            Output::Screen => Self::Elsewhere,
        }
    }
}

pub(super) fn run(agent: &mut Agent, list: &List) -> Result<ExitCode> {
    let (filter, reader) = (list.which.filter()?, Reader::of(list.form.output()));
    let out = &mut anstream::stdout().lock();
    let listed = messages(agent, &filter, &list.page, reader, out)?;
    if let Reader::Terminal { .. } = reader {
        let all = count(agent, &filter)?;
        write!(out, "{}", footer(&filter, &listed, all, &list.page))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What was listed.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub(super) messages: u64,
    last: Option<String>,
}

/// Writes the messages that fit, in the form that suits the reader.
pub(super) fn messages(
    agent: &mut Agent,
    filter: &Filter,
    page: &Page,
    reader: Reader,
    out: &mut impl Write,
) -> Result<Listed> {
    let (limit, after) =
        (page.limit(reader), page.after.as_ref().map(|id| id.to_ascii_uppercase()));
    let request = Request::List { filter: filter.clone(), limit, after };
    let (mut listed, mut rows) = (Listed::default(), Vec::new());
    agent.ask(&request, |answer, _| {
        let Answer::Message(message) = answer else { return Ok(()) };
        listed.messages += 1;
        listed.last = Some(message.queue_id.clone());
        match reader {
            Reader::Terminal { .. } => rows.push(message),
            Reader::Elsewhere => out.write_all(table::lines(&message).as_bytes())?,
            Reader::Program => writeln!(out, "{}", screen::json_line(&message)?)?,
        }
        Ok(())
    })?;
    if let (Reader::Terminal { columns }, [_, ..]) = (reader, rows.as_slice()) {
        write!(out, "{}", table::table(&rows, screen::now(), columns))?;
    }
    Ok(listed)
}

/// How much fits.
pub(super) fn count(agent: &mut Agent, filter: &Filter) -> Result<Count> {
    let mut all = Count::default();
    agent.ask(&Request::Count { filter: filter.clone() }, |answer, _| {
        if let Answer::Count(count) = answer {
            all = count;
        }
        Ok(())
    })?;
    Ok(all)
}

/// How much of it all was shown, and how to see more.
fn footer(filter: &Filter, listed: &Listed, all: Count, page: &Page) -> String {
    let size = screen::size(all.octets);
    let messages = screen::counted(all.messages, "message");
    match (all.messages, &listed.last) {
        (0, _) if *filter == Filter::default() => "The queue is empty.\n".to_owned(),
        (0, _) => "The queue holds no such message.\n".to_owned(),
        (_, None) => format!("None of {messages} ({size}) arrived after that one.\n"),
        (_, Some(last)) if listed.messages < all.messages => {
            let shown = screen::grouped(listed.messages);
            let all = screen::grouped(all.messages);
            let which = if page.after.is_some() { "more " } else { "" };
            format!(
                "Showing {shown} {which}of {all} messages ({size}). Go on with --after {last}, see all with --limit 0.\n"
            )
        }
        (_, Some(_)) => format!("{messages}, {size}.\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_footer_says_how_to_see_more() {
        let all = |messages| Count { messages, octets: messages * 4_096, ..Count::default() };
        let listed = |messages, last: Option<&str>| Listed { messages, last: last.map(Into::into) };
        let page = Page::default();
        let some = Filter { domain: Some("b.example".into()), ..Filter::default() };
        let text = [
            footer(&Filter::default(), &listed(0, None), all(0), &page),
            footer(&some, &listed(0, None), all(0), &page),
            footer(&some, &listed(1, Some("0A")), all(1), &page),
            footer(&some, &listed(50, Some("0A")), all(1_000_000), &page),
            footer(
                &some,
                &listed(50, Some("0B")),
                all(1_000_000),
                &Page { after: Some("0A".into()), limit: None },
            ),
            footer(
                &some,
                &listed(0, None),
                all(7),
                &Page { after: Some("0A".into()), limit: None },
            ),
        ];
        insta::assert_snapshot!(text.concat(), @r"
        The queue is empty.
        The queue holds no such message.
        1 message, 4.0 KiB.
        Showing 50 of 1,000,000 messages (3.8 GiB). Go on with --after 0A, see all with --limit 0.
        Showing 50 more of 1,000,000 messages (3.8 GiB). Go on with --after 0B, see all with --limit 0.
        None of 7 messages (28.0 KiB) arrived after that one.
        ");
    }

    #[test]
    fn a_page_is_for_eyes() {
        let page = |limit| Page { limit, after: None };
        let terminal = Reader::Terminal { columns: 80 };
        assert_eq!(page(None).limit(terminal), PAGE);
        assert_eq!(page(None).limit(Reader::Elsewhere), u64::MAX);
        assert_eq!(page(Some(0)).limit(terminal), u64::MAX);
        assert_eq!(page(Some(3)).limit(Reader::Program), 3);
    }
}
