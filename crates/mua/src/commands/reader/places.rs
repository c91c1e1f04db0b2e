//! What files and mailboxes are called at the prompt (POSIX mailx, "Command Escapes", file names).
//!
//! | name | what it is |
//! |---|---|
//! | `~/x` | below the home directory |
//! | `+x` | below the directory that `folder` names; without one, the folder `x` of the Maildir |
//! | `&` | the file of letters that were read: `MBOX`, else `~/mbox` |
//! | `%` | the inbox |
//! | `#` | the mailbox before this one, for `folder` alone |

use std::path::{Path, PathBuf};

use postroad_store::{FolderName, Maildir};

use super::super::mailrc;
use super::Reader;
use crate::account::{Inbox, Server, expand_home};
use crate::error::Error;
use crate::front::Usage;
use crate::mailbox::Mailbox;
use crate::mailx::script::Mode;
use crate::mailx::settings::Settings;
use crate::safe_line;
use crate::safe_text::SafeText;

/// `~` is the home directory.
pub(super) fn expanded(path: &str) -> PathBuf {
    expand_home(Path::new(path))
}

/// The file of letters that were read.
fn mbox(settings: &Settings) -> PathBuf {
    settings.or_environment("MBOX").map_or_else(|| expanded("~/mbox"), |path| expanded(&path))
}

/// The directory that `folder` names: below the home directory, unless it says where.
fn folder(settings: &Settings) -> Option<PathBuf> {
    let named = settings.value("folder").filter(|named| !named.is_empty())?;
    let path = expanded(named);
    Some(if path.is_absolute() { path } else { expanded("~").join(path) })
}

/// A file.
fn path(text: &str, settings: &Settings) -> Result<PathBuf, Error> {
    match (text, text.strip_prefix('+')) {
        ("&", _) => Ok(mbox(settings)),
        (_, Some(below)) => match folder(settings) {
            Some(folder) => Ok(folder.join(below)),
            None => {
                let words = format!("{text}: + has no meaning here; set folder=DIRECTORY");
                Err(Usage(words).into())
            }
        },
        (text, None) => Ok(expanded(text)),
    }
}

/// A mailbox; `home` is the inbox.
pub(super) fn named(text: &str, settings: &Settings, home: &Inbox) -> Result<Inbox, Error> {
    let path = match (text, text.strip_prefix('+'), home) {
        ("%", ..) => return Ok(home.clone()),
        (_, Some(below), Inbox::Maildir(root)) if folder(settings).is_none() => {
            let wrong = |error: &dyn std::fmt::Display| {
                Usage(format!("{below} is no folder's name: {error}"))
            };
            let name = FolderName::from_utf8(below).map_err(|error| wrong(&error))?;
            Maildir::at(root).folder(&name).root().to_owned()
        }
        _ => path(text, settings)?,
    };
    Ok(if path.is_file() { Inbox::Mbox(path) } else { Inbox::Maildir(path) })
}

/// What a mailbox is called.
pub(super) fn shown(inbox: &Inbox) -> SafeText {
    match inbox {
        Inbox::Maildir(path) | Inbox::Mbox(path) => SafeText::line(&path.display().to_string()),
        Inbox::Pop3 { host, .. } | Inbox::Imap(Server { host, .. }) => {
            safe_line!("the mailbox at {host}")
        }
    }
}

impl Reader<'_, '_, '_> {
    /// The file that is meant.
    pub(super) fn path(&self, text: &str) -> Result<PathBuf, Error> {
        path(text, &self.settings)
    }

    /// The file of letters that were read.
    pub(super) fn mbox(&self) -> PathBuf {
        mbox(&self.settings)
    }

    /// What is in the directory that `folder` names; without one, the folders of the Maildir.
    pub(super) fn show_folders(&mut self) -> Result<(), Error> {
        let mut names: Vec<String> = match (folder(&self.settings), self.letters.mailbox()) {
            (Some(folder), _) => {
                let entries = std::fs::read_dir(&folder)
                    .map_err(|error| Usage(format!("cannot list {}: {error}", folder.display())))?;
                let name =
                    |entry: std::fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
                entries.flatten().map(name).filter(|name| !name.starts_with('.')).collect()
            }
            (None, Mailbox::Maildir(folder)) => {
                folder.all()?.iter().map(postroad_store::MailboxName::to_utf8).collect()
            }
            (None, Mailbox::Pop3(_) | Mailbox::Imap(_) | Mailbox::Mbox(_)) => {
                let words = "this mailbox has no others beside it; set folder=DIRECTORY";
                return Err(Usage(words.into()).into());
            }
        };
        names.sort();
        for name in names {
            self.context.screen.show(&SafeText::line(&name))?;
        }
        Ok(())
    }

    /// Follows the lines of a file.
    pub(super) fn source(&mut self, path: &str) -> Result<(), Error> {
        let path = expanded(path);
        let text = mailrc::read(&path).map_err(Usage)?;
        let text = text.ok_or_else(|| Usage(format!("{}: no such file", path.display())))?;
        for line in mailrc::follow_file(&text, Mode::Reading, &mut self.settings) {
            self.context.screen.say(&SafeText::line(&line));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mailx::settings::Setting;

    #[test]
    fn names_of_mailboxes() {
        let home = Inbox::Maildir("/home/ann/Maildir".into());
        let mut settings = Settings::default();
        let at = |text: &str, settings: &Settings| named(text, settings, &home).ok();
        let maildir = |path: &str| Some(Inbox::Maildir(path.into()));
        assert_eq!(at("%", &settings), Some(home.clone()));
        assert_eq!(at("/tmp/x", &settings), maildir("/tmp/x"));
        assert_eq!(at("+Lists", &settings), maildir("/home/ann/Maildir/.Lists"));
        assert_eq!(at("+../x", &settings), None);
        settings.obey(&Setting::Set(vec![("folder".into(), "/mail".into())]));
        assert_eq!(at("+old", &settings), maildir("/mail/old"));
        settings.obey(&Setting::Set(vec![("MBOX".into(), "/mail/read".into())]));
        assert_eq!(at("&", &settings), maildir("/mail/read"));
    }
}
