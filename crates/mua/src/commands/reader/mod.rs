//! Reading mail at the `&` prompt (POSIX mailx): `mailx` reads what is typed, this does it.
//!
//! | looking for | it is in |
//! |---|---|
//! | the prompt, and what each command comes to | here |
//! | the letters, and which a list stands for | [`letters`] |
//! | letters into files and commands | `keeping` |
//! | answers and new letters | `answering` |

use std::io::BufRead as _;

use jiff::tz::TimeZone;
use postroad_store::LetterFlags;

use super::moving::remember;
use super::reading::row;
use super::{Context, letters as counted, shell};
use crate::account::{Account, Inbox, Server};
use crate::error::{Error, Exit};
use crate::front::Usage;
use crate::front::mail::What;
use crate::mailbox::{Entry, Mailbox};
use crate::mailx::command::{self, Command, Mark, Origin, Page, Shown, Then};
use crate::mailx::selection::{Among, Selection};
use crate::render::{View, header_end, page};
use crate::safe_line;
use crate::safe_text::SafeText;

mod answering;
mod keeping;
pub(super) mod letters;

use letters::Letters;

/// Letters on a page of the list.
const LINES: usize = 20;
/// Lines of a letter that `top` shows.
const TOP_LINES: usize = 5;

pub(super) async fn run(
    context: &mut Context<'_, '_>,
    account: &Account,
    what: What,
) -> Result<Exit, Error> {
    if what == What::Ask {
        let has_letters = Mailbox::has_letters(account).await?;
        return Ok(if has_letters { Exit::Done } else { Exit::No });
    }
    let letters = Letters::open(account).await?;
    match what {
        What::List => {
            let mut reader = Reader::new(context, account.clone(), letters);
            let all: Vec<usize> = (1..=reader.letters.len()).collect();
            reader.show_rows(&all).await?;
            reader.letters.close().await?;
            Ok(Exit::Done)
        }
        What::Commands if letters.len() == 0 => {
            letters.close().await?;
            context.screen.say(&safe_line!("No mail."));
            Ok(Exit::No)
        }
        What::Ask | What::Commands => {
            Reader::new(context, account.clone(), letters).commands().await
        }
    }
}

struct Reader<'a, 'b, 'c> {
    context: &'a mut Context<'b, 'c>,
    /// Its inbox is the mailbox that is read.
    account: Account,
    letters: Letters,
    /// The first letter of the page of the list that was shown last.
    page: usize,
}

/// Whether there is more to be asked.
#[derive(PartialEq, Eq)]
enum Next {
    Ask,
    Leave,
}

impl<'a, 'b, 'c> Reader<'a, 'b, 'c> {
    fn new(context: &'a mut Context<'b, 'c>, account: Account, letters: Letters) -> Self {
        Self { context, account, letters, page: 1 }
    }

    async fn commands(mut self) -> Result<Exit, Error> {
        self.show_page_of(self.letters.current()).await?;
        loop {
            self.context.screen.ask(&safe_line!("& "))?;
            let mut line = String::new();
            // The end of input is q, as everywhere.
            let command = match std::io::stdin().lock().read_line(&mut line)? {
                0 => Ok(Command::Quit),
                _ => command::parse(&line),
            };
            let next = match command {
                Ok(command) => self.obey(command).await,
                Err(error) => Err(Usage(error.to_string()).into()),
            };
            match next {
                Ok(Next::Ask) => {}
                Ok(Next::Leave) => break,
                // Nobody reads any more.
                Err(Error::Io(error)) => return Err(error.into()),
                Err(error) => self.context.screen.say(&SafeText::line(&error.words())),
            }
        }
        self.leave().await?;
        Ok(Exit::Done)
    }

    /// Deletes what was struck.
    async fn leave(self) -> Result<(), Error> {
        let (context, account, mut letters) = (self.context, self.account, self.letters);
        let count = letters.delete_struck(&mut |deed| remember(context, &account, deed)).await?;
        letters.close().await?;
        if count > 0 {
            context.screen.say(&safe_line!("{} deleted", counted(count)));
        }
        Ok(())
    }

    async fn obey(&mut self, command: Command) -> Result<Next, Error> {
        match command {
            Command::Quit => return Ok(Next::Leave),
            Command::Exit => {
                self.letters.strike_none();
                return Ok(Next::Leave);
            }
            Command::Show(list, how) => {
                for number in self.letters.chosen(&list, Among::Kept).await? {
                    self.show(number, how).await?;
                }
            }
            Command::Next(list) => {
                let number = self.letters.next(&list).await?;
                self.show(number, Shown::Usual).await?;
            }
            Command::Previous => {
                let number = self.letters.previous().await?;
                self.show(number, Shown::Usual).await?;
            }
            Command::Headers(list) => match list.is_empty() {
                true => self.show_page_of(self.letters.current()).await?,
                false => {
                    let chosen = self.letters.chosen(&list, Among::Kept).await?;
                    self.show_page_of(chosen.first().copied().unwrap_or(1)).await?;
                }
            },
            Command::From(list) => {
                let chosen = self.letters.chosen(&list, Among::Kept).await?;
                self.show_rows(&chosen).await?;
            }
            Command::Scroll(page) => self.scroll(page).await?,
            Command::Delete(list, then) => self.delete(&list, then).await?,
            Command::Undelete(list) => {
                for number in self.letters.chosen(&list, Among::Struck).await? {
                    self.letters.keep(number);
                }
            }
            Command::Mark(list, mark) => self.mark(&list, mark).await?,
            other => return self.obey_further(other).await,
        }
        Ok(Next::Ask)
    }

    async fn obey_further(&mut self, command: Command) -> Result<Next, Error> {
        match command {
            Command::Save(list, to, origin) => {
                let saved = self.save(&list, &to).await?;
                for number in saved.into_iter().filter(|_| origin == Origin::Struck) {
                    self.letters.strike(number);
                }
            }
            Command::Write(list, file) => self.write(&list, file.as_deref()).await?,
            Command::Pipe(list, command) => self.pipe(&list, &command).await?,
            Command::Reply(list, audience) => self.reply(&list, audience).await?,
            Command::Forward(list, to) => self.forward(&list, &to).await?,
            Command::Mail(to) => self.mail(&to).await?,
            Command::Size(list) => {
                for number in self.letters.chosen(&list, Among::Kept).await? {
                    let octets = self.letters.entry(number)?.octets;
                    self.context.screen.show(&safe_line!("{number}: {octets}"))?;
                }
            }
            Command::Folder(None) => {
                let (count, unread) = (self.letters.len(), self.letters.unread());
                let name = match &self.account.inbox {
                    Inbox::Maildir(path) | Inbox::Mbox(path) => {
                        SafeText::line(&path.display().to_string())
                    }
                    Inbox::Pop3 { host, .. } | Inbox::Imap(Server { host, .. }) => {
                        safe_line!("the mailbox at {host}")
                    }
                };
                let words = safe_line!("{name}: {}, {unread} unread", counted(count));
                self.context.screen.show(&words)?;
            }
            Command::Folder(Some(path)) => self.go_to(&path).await?,
            Command::Directory(path) => {
                let path = keeping::expanded(path.as_deref().unwrap_or("~/"));
                std::env::set_current_dir(&path)
                    .map_err(|error| Usage(format!("cannot go to {}: {error}", path.display())))?;
            }
            Command::Echo(words) => self.context.screen.show(&SafeText::line(&words))?,
            Command::Shell(command) => shell::run(command.as_deref())?,
            Command::Number => {
                self.context.screen.show(&safe_line!("{}", self.letters.current()))?;
            }
            Command::Hold => {
                self.context.screen.say(&safe_line!("Letters stay here unless they are deleted."));
            }
            Command::Help => {
                for line in command::help() {
                    self.context.screen.show(&safe_line!("{line}"))?;
                }
            }
            _ => {}
        }
        Ok(Next::Ask)
    }

    async fn show(&mut self, number: usize, how: Shown) -> Result<(), Error> {
        let raw = self.letters.message(number).await?;
        let view = View::of(&raw);
        let text = match how {
            Shown::Usual => page::page(&view, &TimeZone::system()),
            Shown::Whole => whole(&raw, &view),
            Shown::Top => {
                let page = page::page(&view, &TimeZone::system());
                let lines: Vec<&str> = page.as_str().lines().take(TOP_LINES).collect();
                SafeText::block(&lines.join("\n"))
            }
        };
        self.letters.go_to(number);
        self.context.screen.show(&safe_line!("Message {number}:"))?;
        self.context.screen.show(&text)?;
        self.letters.read(number).await
    }

    async fn delete(&mut self, list: &Selection, then: Then) -> Result<(), Error> {
        for number in self.letters.chosen(list, Among::Kept).await? {
            self.letters.strike(number);
            self.letters.go_to(number);
        }
        match then {
            Then::Ask => Ok(()),
            Then::ShowNext => {
                let number = self.letters.next(&Selection::default()).await?;
                self.show(number, Shown::Usual).await
            }
        }
    }

    async fn mark(&mut self, list: &Selection, mark: Mark) -> Result<(), Error> {
        let none = LetterFlags::default;
        let (add, remove) = match mark {
            Mark::Read => (LetterFlags::SEEN, none()),
            Mark::Unread => (none(), LetterFlags::SEEN),
            Mark::Flagged => (LetterFlags::FLAGGED, none()),
            Mark::Unflagged => (none(), LetterFlags::FLAGGED),
        };
        let chosen = self.letters.chosen(list, Among::Kept).await?;
        let (context, account) = (&mut *self.context, &self.account);
        self.letters.tag(&chosen, add, remove, &mut |deed| remember(context, account, deed))
    }

    async fn scroll(&mut self, page: Page) -> Result<(), Error> {
        let first = match page {
            Page::Next => self.page.saturating_add(LINES),
            Page::Previous => self.page.saturating_sub(LINES).max(1),
        };
        if first > self.letters.len() || first == self.page {
            let words = if page == Page::Next { "the last" } else { "the first" };
            return Err(Usage(format!("this is {words} page of the list")).into());
        }
        self.show_page_of(first).await
    }

    async fn show_page_of(&mut self, number: usize) -> Result<(), Error> {
        self.page = number.saturating_sub(1) / LINES * LINES + 1;
        let page: Vec<usize> = (self.page..self.page + LINES)
            .filter(|number| *number <= self.letters.len())
            .filter(|number| !self.letters.is_struck(*number))
            .collect();
        self.show_rows(&page).await
    }

    /// Lines of the list; `>` stands before the current one.
    async fn show_rows(&mut self, numbers: &[usize]) -> Result<(), Error> {
        for number in numbers {
            let entry: Entry = self.letters.entry(*number)?;
            let row = row(self.letters.mailbox(), &entry).await?;
            let mark = if *number == self.letters.current() { '>' } else { ' ' };
            self.context.screen.show(&safe_line!("{mark}{}", row.line(&TimeZone::system())))?;
        }
        Ok(())
    }

    /// Leaves this mailbox as `quit` does, once the other one is open.
    async fn go_to(&mut self, path: &str) -> Result<(), Error> {
        let account =
            Account { inbox: Inbox::Maildir(keeping::expanded(path)), ..self.account.clone() };
        let other = Letters::open(&account).await?;
        let context = &mut *self.context;
        let left = Reader {
            context,
            account: std::mem::replace(&mut self.account, account),
            letters: std::mem::replace(&mut self.letters, other),
            page: 1,
        };
        left.leave().await?;
        self.show_page_of(self.letters.current()).await
    }
}

/// A letter with all of its header.
fn whole(raw: &[u8], view: &View) -> SafeText {
    let header = raw.get(..header_end(raw)).unwrap_or(raw);
    let header = SafeText::block(String::from_utf8_lossy(header).trim_end());
    let text = SafeText::block(view.text().trim_end());
    SafeText::block(&format!("{header}\n\n{text}"))
}
