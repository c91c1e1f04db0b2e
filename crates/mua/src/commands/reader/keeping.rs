//! Letters that go into files and to commands, as the person at the prompt says.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use postroad_store::{Flags, Maildir, StoreError};

use super::super::reading::save_parts;
use super::super::{shell, text_input};
use super::Reader;
use crate::account::Inbox;
use crate::drafts::{Drafts, Written};
use crate::error::Error;
use crate::front::Usage;
use crate::limits;
use crate::mailx::command::SaveTo;
use crate::mailx::selection::{Among, Selection};
use crate::render::View;
use crate::safe_line;
use crate::sealed::{self, Asks};
use crate::sent::courier;

impl Reader<'_, '_, '_> {
    /// Appends letters to a mailbox file (mbox), durably; gives their numbers.
    pub(super) async fn save(
        &mut self,
        list: &Selection,
        to: &SaveTo,
    ) -> Result<Vec<usize>, Error> {
        let chosen = self.letters.chosen(list, Among::Kept).await?;
        for number in &chosen {
            let raw = self.letters.message(*number).await?;
            let path = match to {
                SaveTo::File(path) => self.path(path)?,
                SaveTo::Mbox => self.mbox(),
                SaveTo::Author => author_file(&View::of(&raw)),
            };
            let is_new = !path.exists();
            append(&path, &raw)?;
            let how = if is_new { "New file" } else { "Appended" };
            let name = path.display();
            self.context.screen.show(&safe_line!("\"{name}\" [{how}] {}", raw.len()))?;
        }
        Ok(chosen)
    }

    /// Texts into a file, attachments beside it; without a file only attachments, here.
    pub(super) async fn write(
        &mut self,
        list: &Selection,
        file: Option<&str>,
    ) -> Result<(), Error> {
        let path = file.map(|file| self.path(file)).transpose()?;
        let folder = path.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        for number in self.letters.chosen(list, Among::Kept).await? {
            let raw = self.letters.message(number).await?;
            let view = sealed::view(&raw, &self.account.keys, Asks::Here);
            if let Some(path) = &path {
                write_text(path, &view.text())?;
                self.context.screen.show(&safe_line!("\"{}\"", path.display()))?;
            } else if view.attachments.is_empty() {
                let problem =
                    format!("letter {number} has no attachments; w {number} FILE writes its text");
                return Err(Usage(problem).into());
            }
            save_parts(self.context, &view, 0, folder)?;
        }
        Ok(())
    }

    /// Has letters changed: what the editor makes of one comes into the mailbox, and what it was is struck.
    pub(super) async fn edit(&mut self, list: &Selection) -> Result<(), Error> {
        let Inbox::Maildir(root) = self.account.inbox.clone() else {
            return Err(Usage("letters can be changed in a Maildir alone".into()).into());
        };
        for number in self.letters.chosen(list, Among::Kept).await? {
            let raw = self.letters.message(number).await?;
            let is_seen = self.letters.entry(number)?.flags.contains('S');
            // Where it is safe, and goes when it is done.
            let copy = Drafts::of(&self.account)?.begin(&Written::default(), "")?;
            std::fs::write(copy.text_path(), &raw)?;
            text_input::edit(&copy.text_path())?;
            let changed =
                postroad_disk::read_whole(&copy.text_path(), limits::LETTER_OCTETS_MAX)
                    .map_err(|error| Usage(format!("letter {number} stays: {}", error.source)))?;
            if changed == raw {
                self.context.screen.say(&safe_line!("{number}: unchanged"));
            } else {
                let flags: &[String] = if is_seen { &["\\Seen".to_owned()] } else { &[] };
                take_in(&Maildir::at(&root), &changed, flags)
                    .map_err(|error| Usage(format!("letter {number} stays as it was: {error}")))?;
                self.letters.strike(number);
                self.letters.go_to(number);
                let words = "changed: a new letter, in the list when the mailbox is opened again";
                self.context.screen.say(&safe_line!("{number}: {words}"));
            }
            copy.remove()?;
        }
        Ok(())
    }

    pub(super) async fn pipe(&mut self, list: &Selection, command: &str) -> Result<(), Error> {
        let mut octets = Vec::new();
        for number in self.letters.chosen(list, Among::Kept).await? {
            octets.extend(self.letters.message(number).await?);
        }
        shell::feed(command, octets)
    }
}

/// What is before the `@` of the author's address, where that is a harmless name.
pub(super) fn author_file(view: &View) -> PathBuf {
    let author = view.summary.from.first().and_then(|person| person.address.as_deref());
    let name = author.and_then(|address| address.split('@').next()).unwrap_or_default();
    let is_harmless = name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "._+-".contains(c));
    if is_harmless { name.into() } else { "letters".into() }
}

/// Appends a letter to a mailbox file, durably.
pub(in crate::commands) fn append(path: &Path, raw: &[u8]) -> Result<(), Error> {
    let failed = |error: &dyn std::fmt::Display| {
        Usage(format!("the letter isn't saved in {}: {error}", path.display()))
    };
    let file = std::path::absolute(path).map_err(|error| failed(&error))?;
    let maildir = Maildir::at(file.with_extension("folders")).with_inbox_in(file);
    let mut draft = courier().begin(&maildir).map_err(|error| failed(&error))?;
    draft.write(raw).map_err(|error| failed(&error))?;
    draft.deliver().map_err(|error| failed(&error))?;
    Ok(())
}

fn take_in(folder: &Maildir, raw: &[u8], flags: &[String]) -> Result<(), StoreError> {
    let mut draft = courier().begin(folder)?;
    draft.write(raw)?;
    draft.set_flags(Flags::of(flags).0);
    draft.deliver().map(drop)
}

fn write_text(path: &Path, text: &str) -> Result<(), Error> {
    let write = || -> std::io::Result<()> {
        let mut file: File = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|error| {
        Usage(format!("the text isn't written to {}: {error}", path.display())).into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_author_names_no_file_elsewhere() {
        for (from, name) in [
            ("ann.lee@x.example", "ann.lee"),
            ("Ann <ann+list@x.example>", "ann+list"),
            ("\"../../.ssh/x\"@x.example", "letters"),
            ("-rf@x.example", "letters"),
            (".profile@x.example", "letters"),
            ("nobody", "letters"),
        ] {
            let letter = format!("From: {from}\r\n\r\nx\r\n");
            assert_eq!(author_file(&View::of(letter.as_bytes())), Path::new(name), "{from}");
        }
    }
}
