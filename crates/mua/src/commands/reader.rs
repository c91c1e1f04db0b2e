//! Reading mail at the `&` prompt: the few commands of POSIX mailx that everybody knows.

use std::io::BufRead as _;

use jiff::tz::TimeZone;

use super::moving::remember;
use super::reading::{row, save_parts};
use super::{Context, letters};
use crate::account::Account;
use crate::error::{Error, Exit};
use crate::front::mail::What;
use crate::mailbox::{Entry, Mailbox, Mark};
use crate::render::{View, page};
use crate::safe_line;

/// Letters that the list at the start shows.
const LINES: usize = 20;

pub(super) async fn run(
    context: &mut Context<'_, '_>,
    account: &Account,
    what: What,
) -> Result<Exit, Error> {
    if what == What::Ask {
        let has_letters = Mailbox::has_letters(account).await?;
        return Ok(if has_letters { Exit::Done } else { Exit::No });
    }
    let mailbox = Mailbox::open(account).await?;
    match what {
        What::List => {
            let mut reader = Reader::new(context, account, mailbox);
            reader.list(0).await?;
            reader.mailbox.close().await?;
            Ok(Exit::Done)
        }
        What::Commands if mailbox.is_empty() => {
            mailbox.close().await?;
            context.screen.say(&safe_line!("No mail."));
            Ok(Exit::No)
        }
        What::Ask | What::Commands => Reader::new(context, account, mailbox).commands().await,
    }
}

/// What the person typed.
#[derive(Debug, PartialEq, Eq)]
enum Command {
    /// A number: show that letter.
    Show(usize),
    /// Enter, `n`: show the next one.
    Next,
    /// `h`: the list.
    List,
    /// `d 3`: strike a letter; `u 3`: take that back.
    Delete(Option<usize>),
    Undelete(Option<usize>),
    /// `s 2`: save the attachments of a letter.
    Save(Option<usize>),
    /// `q`: delete what was struck, and go. `x`: go.
    Quit,
    Exit,
    Unknown,
}

fn parse(line: &str) -> Command {
    let line = line.trim();
    let digits = line.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    let word = line.get(..line.len() - digits.len()).unwrap_or_default();
    let number = digits.trim().parse().ok();
    match (word, digits.trim(), number) {
        ("", "", _) | ("n" | "next" | "+", "", _) => Command::Next,
        ("", "+", _) => Command::Next,
        ("" | "p" | "print" | "t" | "type", _, Some(number)) => Command::Show(number),
        ("h" | "headers" | "f" | "from", _, _) => Command::List,
        ("d" | "delete", text, number) if text.is_empty() || number.is_some() => {
            Command::Delete(number)
        }
        ("u" | "undelete", text, number) if text.is_empty() || number.is_some() => {
            Command::Undelete(number)
        }
        ("s" | "save", text, number) if text.is_empty() || number.is_some() => {
            Command::Save(number)
        }
        ("q" | "quit", "", _) => Command::Quit,
        ("x" | "exit" | "ex" | "xit", "", _) => Command::Exit,
        _ => Command::Unknown,
    }
}

struct Reader<'r, 'a, 'b> {
    context: &'r mut Context<'a, 'b>,
    account: &'r Account,
    mailbox: Mailbox,
    struck: Vec<usize>,
    /// The number of the letter that was shown last; 0 at the start.
    current: usize,
}

impl<'r, 'a, 'b> Reader<'r, 'a, 'b> {
    fn new(context: &'r mut Context<'a, 'b>, account: &'r Account, mailbox: Mailbox) -> Self {
        Self { context, account, mailbox, struck: Vec::new(), current: 0 }
    }

    async fn commands(mut self) -> Result<Exit, Error> {
        self.list(self.mailbox.len().saturating_sub(LINES)).await?;
        let input = std::io::stdin();
        loop {
            self.context.screen.ask(&safe_line!("& "))?;
            let mut line = String::new();
            // The end of input is q, as everywhere.
            let command = match input.lock().read_line(&mut line)? {
                0 => Command::Quit,
                _ => parse(&line),
            };
            match command {
                Command::Quit => break,
                Command::Exit => {
                    self.struck.clear();
                    break;
                }
                command => self.obey(command).await?,
            }
        }
        let struck = std::mem::take(&mut self.struck);
        let struck: Vec<Entry> =
            struck.into_iter().filter_map(|number| self.mailbox.entry(number)).collect();
        let count = struck.len();
        let (context, account) = (&mut *self.context, self.account);
        self.mailbox.delete(&struck, &mut |deed| remember(context, account, deed)).await?;
        self.mailbox.close().await?;
        if count > 0 {
            self.context.screen.say(&safe_line!("{} deleted", letters(count)));
        }
        Ok(Exit::Done)
    }

    async fn obey(&mut self, command: Command) -> Result<(), Error> {
        match command {
            Command::Show(number) => self.show(number).await,
            Command::Next => self.show(self.current + 1).await,
            Command::List => self.list(0).await,
            Command::Delete(number) => {
                let number = number.unwrap_or(self.current);
                if self.entry(number).is_some() && !self.struck.contains(&number) {
                    self.struck.push(number);
                }
                Ok(())
            }
            Command::Undelete(number) => {
                let number = number.unwrap_or(self.current);
                self.struck.retain(|struck| *struck != number);
                Ok(())
            }
            Command::Save(number) => {
                let Some(entry) = self.entry(number.unwrap_or(self.current)) else { return Ok(()) };
                let view = View::of(&self.mailbox.message(&entry).await?);
                save_parts(self.context, &view, 0, std::path::Path::new("."))
            }
            Command::Quit | Command::Exit | Command::Unknown => {
                self.context.screen.say(&safe_line!(
                    "NUMBER show   Enter next   h list   d NUMBER delete   u NUMBER undelete   \
                     s NUMBER save attachments   q quit   x quit, delete nothing"
                ));
                Ok(())
            }
        }
    }

    fn entry(&mut self, number: usize) -> Option<Entry> {
        let entry = self.mailbox.entry(number);
        if entry.is_none() {
            self.context.screen.say(&safe_line!("No letter {number}."));
        }
        entry
    }

    async fn show(&mut self, number: usize) -> Result<(), Error> {
        let Some(entry) = self.entry(number) else { return Ok(()) };
        self.current = number;
        let view = View::of(&self.mailbox.message(&entry).await?);
        self.context.screen.show(&page::page(&view, &TimeZone::system()))?;
        Ok(self.mailbox.mark(&entry, Mark::Seen)?)
    }

    async fn list(&mut self, from: usize) -> Result<(), Error> {
        for number in from + 1..=self.mailbox.len() {
            let Some(entry) = self.mailbox.entry(number) else { continue };
            let row = row(&mut self.mailbox, &entry).await?;
            self.context.screen.show(&row.line(&TimeZone::system()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_as_people_type_them() {
        for (line, command) in [
            ("3\n", Command::Show(3)),
            ("p 3", Command::Show(3)),
            ("\n", Command::Next),
            ("n", Command::Next),
            ("h", Command::List),
            ("d", Command::Delete(None)),
            ("d3", Command::Delete(Some(3))),
            ("u 2", Command::Undelete(Some(2))),
            ("s 1", Command::Save(Some(1))),
            ("q", Command::Quit),
            ("x", Command::Exit),
            ("!id", Command::Unknown),
            ("| sh", Command::Unknown),
            ("s /etc/x", Command::Unknown),
            ("d x", Command::Unknown),
        ] {
            assert_eq!(parse(line), command, "{line:?}");
        }
    }
}
