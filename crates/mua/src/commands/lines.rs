//! Writing a letter line by line, at a terminal: until a lone dot or the end of input. Lines that begin with `~` are
//! commands (`mailx::escape`). What was typed is a draft on disk from its first line on.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use super::reader::letters::Letters;
use super::text_input::{self, line};
use super::{Context, shell};
use crate::account::Account;
use crate::compose::answer::quoted;
use crate::drafts::{Attached, Drafts, OpenDraft, Written};
use crate::error::Error;
use crate::front::Usage;
use crate::limits;
use crate::mailx::escape::{self, Dot, Escape, Remains};
use crate::mailx::settings::Settings;
use crate::people::book::aliases;
use crate::safe_line;
use crate::safe_text::SafeText;
use crate::sealed::{self, Asks, Protection};

/// What a letter begins with.
pub(super) struct Start {
    /// Its fields.
    pub(super) written: Written,
    /// The letter that is sent on.
    pub(super) forwarded: Option<Vec<u8>>,
    /// What `~m` quotes where no letters are named: the one that is answered.
    pub(super) quoted: String,
    /// What its text begins with.
    pub(super) text: String,
}

impl Start {
    /// A letter with these fields, and no text.
    pub(super) fn of(written: Written) -> Self {
        Self { written, forwarded: None, quoted: String::new(), text: String::new() }
    }
}

/// Takes lines until the letter is whole: the draft that it is then, or none where it was given up. `letters` are those
/// that are read meanwhile.
pub(super) async fn write(
    context: &mut Context<'_, '_>,
    (account, settings): (&Account, &Settings),
    start: &Start,
    letters: Option<&mut Letters>,
) -> Result<Option<OpenDraft>, Error> {
    let draft = Drafts::of(account)?.begin(&start.written, &start.text)?;
    if let Some(raw) = &start.forwarded {
        draft.save_forwarded(raw)?;
    }
    let written = start.written.clone();
    let mut typing = Typing { context, account, settings, draft, written, start, letters };
    typing.begin()?;
    let sign = match settings.value("escape") {
        Some(sign) => sign.chars().next(),
        None => Some('~'),
    };
    let dot = if settings.is_unset("dot") { Dot::Text } else { Dot::Ends };
    loop {
        let Some(line) = line()? else { break };
        let escape = escape::parse(&line, sign, dot);
        match escape {
            Escape::End => break,
            Escape::Abandon(remains) => {
                typing.give_up(remains)?;
                return Ok(None);
            }
            other => {
                if let Err(error) = typing.obey(other).await {
                    typing.context.screen.say(&SafeText::line(&error.words()));
                }
            }
        }
    }
    typing.end()?;
    Ok(Some(typing.draft))
}

struct Typing<'t, 'a, 'b> {
    context: &'t mut Context<'a, 'b>,
    account: &'t Account,
    settings: &'t Settings,
    draft: OpenDraft,
    written: Written,
    start: &'t Start,
    letters: Option<&'t mut Letters>,
}

impl Typing<'_, '_, '_> {
    /// Shows who it is for, and asks for the subject where there is none.
    fn begin(&mut self) -> Result<(), Error> {
        self.context.screen.show(&safe_line!("To: {}", self.written.to))?;
        if !self.written.cc.is_empty() {
            self.context.screen.show(&safe_line!("Cc: {}", self.written.cc))?;
        }
        let is_asked = !["ask", "asksub"].iter().any(|name| self.settings.is_unset(name));
        if !self.written.subject.is_empty() {
            self.context.screen.show(&safe_line!("Subject: {}", self.written.subject))?;
        } else if is_asked {
            self.written.subject = self.asked("Subject", "")?;
        }
        Ok(self.draft.save(&self.written)?)
    }

    /// The text is whole: asks who else is told, and puts addresses in the place of short names.
    fn end(&mut self) -> Result<(), Error> {
        let written = self.written.clone();
        if self.settings.is_set("askcc") {
            self.written.cc = self.asked("Cc", &written.cc)?;
        }
        if self.settings.is_set("askbcc") {
            self.written.bcc = self.asked("Bcc", &written.bcc)?;
        }
        let aliases = aliases(self.account).with(&self.settings.aliases);
        self.written = std::mem::take(&mut self.written).expanded(&aliases);
        Ok(self.draft.save(&self.written)?)
    }

    /// What the person types for a field; nothing leaves it as it is.
    fn asked(&mut self, field: &str, now: &str) -> Result<String, Error> {
        let shown = if now.is_empty() { String::new() } else { format!("[{now}] ") };
        self.context.screen.ask(&safe_line!("{field}: {shown}"))?;
        let typed = line()?.unwrap_or_default().trim().to_owned();
        Ok(if typed.is_empty() { now.to_owned() } else { typed })
    }

    fn give_up(self, remains: Remains) -> Result<(), Error> {
        self.draft.save(&self.written)?;
        let is_empty = self.draft.text()?.is_empty();
        if remains == Remains::None || is_empty {
            return Ok(self.draft.remove()?);
        }
        self.draft.keep_text()?;
        let id = self.draft.id();
        self.context.screen.say(&safe_line!(
            "Your letter is kept: postroad-mua drafts edit {id}, drafts send {id}"
        ));
        Ok(())
    }

    async fn obey(&mut self, escape: Escape<'_>) -> Result<(), Error> {
        match escape {
            Escape::Text(line) => self.add(&format!("{line}\n"))?,
            Escape::Subject(subject) => self.written.subject = subject.to_owned(),
            Escape::To(more) => add_to(&mut self.written.to, more),
            Escape::Cc(more) => add_to(&mut self.written.cc, more),
            Escape::Bcc(more) => add_to(&mut self.written.bcc, more),
            Escape::Fields => self.ask_for_fields()?,
            Escape::Attach(path) => {
                let path = Path::new(path);
                // Said now, and not when it is sent.
                std::fs::File::open(path).map_err(|error| cannot("attach", path, &error))?;
                self.written.attachments.push(Attached::absolute(&path.to_owned()));
            }
            Escape::Print => self.print()?,
            Escape::Edit => text_input::edit(&self.draft.text_path())?,
            Escape::Insert(path) => {
                let path = Path::new(path);
                let octets = postroad_disk::read_whole(path, limits::LETTER_OCTETS_MAX)
                    .map_err(|error| cannot("read", path, &error.source))?;
                let text = crate::compose::as_text(octets);
                self.add(&with_end(text))?;
                self.context.screen.say(&safe_line!("\"{}\" is in the letter", path.display()));
            }
            Escape::InsertDead => self.insert_dead()?,
            Escape::Letters(list) => {
                for raw in self.messages(list).await? {
                    self.add(&with_end(crate::compose::as_text(raw)))?;
                }
                self.context.screen.say(&safe_line!("(continue)"));
            }
            Escape::Quoted(list) => self.quote(list).await?,
            Escape::Variable(name) => match self.settings.value(name) {
                Some(value) => {
                    self.add(&with_end(value.replace("\\n", "\n").replace("\\t", "\t")))?
                }
                None => return Err(Usage(format!("{name} isn't set: set {name}=...")).into()),
            },
            Escape::Write(path) => {
                let (path, text) = (Path::new(path), self.draft.text()?);
                let mut file = OpenOptions::new().write(true).create_new(true).open(path);
                let written = file.as_mut().map(|file| file.write_all(text.as_bytes()));
                match written {
                    Ok(Ok(())) => self.context.screen.say(&safe_line!("\"{}\"", path.display())),
                    Ok(Err(error)) => return Err(cannot("write", path, &error).into()),
                    Err(error) => return Err(cannot("write", path, error).into()),
                }
            }
            Escape::Shell(command) => {
                shell::run(Some(command).filter(|command| !command.is_empty()))?;
                self.context.screen.say(&safe_line!("!"));
            }
            Escape::Filter(command) => {
                let text = shell::filter(command, self.draft.text()?)?;
                std::fs::write(self.draft.text_path(), text)?;
                self.context.screen.say(&safe_line!("(continue)"));
            }
            Escape::Command(_) => {
                return Err(
                    Usage("commands of the & prompt wait until the letter is sent".into()).into()
                );
            }
            Escape::Help | Escape::Unknown(_) | Escape::End | Escape::Abandon(_) => {
                for line in escape::HELP {
                    self.context.screen.show(&safe_line!("{line}"))?;
                }
            }
        }
        Ok(())
    }

    /// More text, at the end of what there is.
    fn add(&mut self, text: &str) -> Result<(), Error> {
        let mut file = OpenOptions::new().append(true).open(self.draft.text_path())?;
        Ok(file.write_all(text.as_bytes())?)
    }

    fn ask_for_fields(&mut self) -> Result<(), Error> {
        let written = self.written.clone();
        self.written.to = self.asked("To", &written.to)?;
        self.written.subject = self.asked("Subject", &written.subject)?;
        self.written.cc = self.asked("Cc", &written.cc)?;
        self.written.bcc = self.asked("Bcc", &written.bcc)?;
        Ok(())
    }

    fn print(&mut self) -> Result<(), Error> {
        let written = &self.written;
        let fields = [
            ("To", &written.to),
            ("Cc", &written.cc),
            ("Bcc", &written.bcc),
            ("Subject", &written.subject),
        ];
        for (name, value) in fields.into_iter().filter(|(_, value)| !value.is_empty()) {
            self.context.screen.show(&safe_line!("{name}: {value}"))?;
        }
        let text = self.draft.text()?;
        self.context.screen.show(&safe_line!(""))?;
        Ok(self.context.screen.show(&SafeText::block(text.trim_end()))?)
    }

    /// The text of the draft that was changed last, this one apart.
    fn insert_dead(&mut self) -> Result<(), Error> {
        let drafts = Drafts::of(self.account)?;
        let others = drafts.list()?.into_iter().filter(|other| other.id != *self.draft.id());
        let dead = others.max_by_key(|other| other.changed);
        let dead = dead.ok_or_else(|| Usage("no other draft is kept".into()))?;
        let text = drafts.open(&dead.id)?.text()?;
        self.add(&with_end(text))
    }

    async fn quote(&mut self, list: &str) -> Result<(), Error> {
        if list.is_empty() && !self.start.quoted.is_empty() {
            self.add(&self.indented(&self.start.quoted))?;
        } else {
            for raw in self.messages(list).await? {
                let view = sealed::view(&raw, &self.account.keys, Asks::Here);
                if sealed::for_answer(&view) == Protection::Encrypt {
                    // What was encrypted isn't quoted in the clear.
                    self.written.protection = Protection::Encrypt;
                }
                self.add(&self.indented(&quoted(&view)))?;
            }
        }
        self.context.screen.say(&safe_line!("(continue)"));
        Ok(())
    }

    /// What is quoted, with what the user wants before its lines.
    fn indented(&self, quoted: &str) -> String {
        let Some(prefix) = self.settings.value("indentprefix") else { return quoted.to_owned() };
        let line = |line: &str| match line.strip_prefix("> ").or(line.strip_prefix('>')) {
            Some(rest) => format!("{prefix}{rest}\n"),
            None => format!("{line}\n"),
        };
        quoted.lines().map(line).collect()
    }

    async fn messages(&mut self, list: &str) -> Result<Vec<Vec<u8>>, Error> {
        match &mut self.letters {
            Some(letters) => letters.messages(list).await,
            None => {
                Err(Usage("no mailbox is open: mail without addresses opens one".into()).into())
            }
        }
    }
}

/// Addresses as people list them: commas between, or blanks where none has a name or brackets.
pub(super) fn add_to(list: &mut String, more: &str) {
    let plain = !more.contains([',', '<', '"', '(']);
    let words: Vec<&str> = if plain { more.split_whitespace().collect() } else { vec![more] };
    for word in words {
        if !list.trim().is_empty() {
            list.push_str(", ");
        }
        list.push_str(word);
    }
}

fn with_end(mut text: String) -> String {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

fn cannot(what: &str, path: &Path, why: &dyn std::fmt::Display) -> Usage {
    Usage(format!("cannot {what} {}: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_added_as_they_are_typed() {
        for (list, more, all) in [
            ("", "a@x.example", "a@x.example"),
            ("a@x.example", "b@x.example c@x.example", "a@x.example, b@x.example, c@x.example"),
            ("a@x.example", "Bob Lee <b@x.example>", "a@x.example, Bob Lee <b@x.example>"),
            ("", "b@x.example, c", "b@x.example, c"),
        ] {
            let mut list = list.to_owned();
            add_to(&mut list, more);
            assert_eq!(list, all);
        }
    }
}
