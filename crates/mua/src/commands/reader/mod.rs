//! Reading mail at the `&` prompt (POSIX mailx): `mailx` reads what is typed, this does it.
//!
//! | looking for | it is in |
//! |---|---|
//! | the prompt, and what each command comes to | here |
//! | the letters, and which a list stands for | [`letters`] |
//! | letters into files and commands | `keeping` |
//! | names of files and mailboxes | `places` |
//! | a letter on the terminal | `showing` |
//! | answers and new letters | `answering` |

use std::io::BufRead as _;

use jiff::tz::TimeZone;
use postroad_store::LetterFlags;

use super::moving::remember;
use super::reading::row;
use super::{Context, letters as counted, shell};
use crate::account::{Account, Inbox};
use crate::error::{Error, Exit};
use crate::front::Usage;
use crate::front::mail::{Reading, What};
use crate::mailbox::{Edit, Entry, Mailbox};
use crate::mailx::command::{self, Command, Mark, Origin, Page, Shown, Then};
use crate::mailx::selection::{Among, Selection};
use crate::mailx::settings::Settings;
use crate::safe_line;
use crate::safe_text::SafeText;

mod answering;
mod keeping;
pub(super) mod letters;
mod places;
mod showing;

use answering::Record;
pub(super) use keeping::append;
use letters::Letters;

/// Letters on a page of the list.
const LINES: usize = 20;

pub(super) async fn run(
    context: &mut Context<'_, '_>,
    mut account: Account,
    reading: Reading,
    settings: Settings,
) -> Result<Exit, Error> {
    let home = account.inbox.clone();
    if let Some(path) = reading.mailbox {
        account.inbox = places::named(&path.to_string_lossy(), &settings, &home)?;
    }
    let what = reading.what;
    if what == What::Ask {
        let has_letters = Mailbox::has_letters(&account).await?;
        return Ok(if has_letters { Exit::Done } else { Exit::No });
    }
    let letters = Letters::open(&account).await?;
    match what {
        What::List => {
            let mut reader = Reader::new(context, account, letters, settings);
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
            let reader = Reader::new(context, account, letters, settings);
            Reader { home, ..reader }.commands().await
        }
    }
}

struct Reader<'a, 'b, 'c> {
    context: &'a mut Context<'b, 'c>,
    /// Its inbox is the mailbox that is read.
    account: Account,
    letters: Letters,
    settings: Settings,
    /// The mailbox that `%` stands for.
    home: Inbox,
    /// The one before this, for `#`.
    before: Option<Inbox>,
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
    fn new(
        context: &'a mut Context<'b, 'c>,
        account: Account,
        letters: Letters,
        settings: Settings,
    ) -> Self {
        let home = account.inbox.clone();
        Self { context, account, letters, settings, home, before: None, page: 1 }
    }

    async fn commands(mut self) -> Result<Exit, Error> {
        if !self.settings.is_unset("header") {
            self.show_page_of(self.letters.current()).await?;
        }
        loop {
            let prompt = SafeText::line(self.settings.value("prompt").unwrap_or("& "));
            self.context.screen.ask(&prompt)?;
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
            Command::Delete(list, then) => {
                let is_shown = self.settings.is_set("autoprint");
                self.delete(&list, if is_shown { Then::ShowNext } else { then }).await?;
            }
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
                let stays = origin == Origin::Kept || self.settings.is_set("keepsave");
                for number in saved.into_iter().filter(|_| !stays) {
                    self.letters.strike(number);
                }
            }
            Command::Write(list, file) => self.write(&list, file.as_deref()).await?,
            Command::Pipe(list, command) => self.pipe(&list, &command).await?,
            Command::Reply(list, audience) => self.reply(&list, audience, Record::No).await?,
            Command::Followup(list, audience) => {
                self.reply(&list, audience, Record::ByAuthor).await?;
            }
            Command::Edit(list) => self.edit(&list).await?,
            Command::Folders => self.show_folders()?,
            Command::Settings(settings) => {
                for line in settings.iter().flat_map(|setting| self.settings.obey(setting)) {
                    self.context.screen.show(&SafeText::line(&line))?;
                }
            }
            Command::Source(path) => self.source(&path)?,
            Command::If(_) | Command::Else | Command::Endif => {
                return Err(Usage("if, else and endif are for files: so FILE".into()).into());
            }
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
                let name = places::shown(&self.account.inbox);
                let words = safe_line!("{name}: {}, {unread} unread", counted(count));
                self.context.screen.show(&words)?;
            }
            Command::Folder(Some(path)) => self.go_to(&path).await?,
            Command::Directory(path) => {
                let path = places::expanded(path.as_deref().unwrap_or("~/"));
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
        let edit = Edit { add, remove, ..Edit::default() };
        let chosen = self.letters.chosen(list, Among::Kept).await?;
        let (context, account) = (&mut *self.context, &self.account);
        self.letters.tag(&chosen, &edit, &mut |deed| remember(context, account, deed)).await
    }

    /// Rows of a page of the list.
    fn lines(&self) -> usize {
        self.settings.number("screen").unwrap_or(LINES)
    }

    async fn scroll(&mut self, page: Page) -> Result<(), Error> {
        let first = match page {
            Page::Next => self.page.saturating_add(self.lines()),
            Page::Previous => self.page.saturating_sub(self.lines()).max(1),
        };
        if first > self.letters.len() || first == self.page {
            let words = if page == Page::Next { "the last" } else { "the first" };
            return Err(Usage(format!("this is {words} page of the list")).into());
        }
        self.show_page_of(first).await
    }

    async fn show_page_of(&mut self, number: usize) -> Result<(), Error> {
        let lines = self.lines();
        self.page = number.saturating_sub(1) / lines * lines + 1;
        let page: Vec<usize> = (self.page..self.page.saturating_add(lines))
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
    async fn go_to(&mut self, text: &str) -> Result<(), Error> {
        let inbox = match text {
            "#" => self
                .before
                .clone()
                .ok_or_else(|| Usage("# is the mailbox before, and there was none".into()))?,
            text => places::named(text, &self.settings, &self.home)?,
        };
        let account = Account { inbox, ..self.account.clone() };
        let other = Letters::open(&account).await?;
        let context = &mut *self.context;
        self.before = Some(self.account.inbox.clone());
        let account = std::mem::replace(&mut self.account, account);
        let letters = std::mem::replace(&mut self.letters, other);
        Reader::new(context, account, letters, Settings::default()).leave().await?;
        self.show_page_of(self.letters.current()).await
    }
}
