//! The folders of an account, for commands: of a Maildir, or at an IMAP server.

use std::path::PathBuf;
use std::sync::Arc;

use postroad_catalog::{Catalog, CatalogError};
use postroad_disk::OsDisk;
use postroad_store::{Existence, FolderError, MailboxName, Maildir};

use super::imap::named;
use super::{MBOX, MailboxError, POP3};
use crate::account::{Account, Inbox};
use crate::imap::{Change, Counting, Session};
use crate::password::Terminal;

/// A folder in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// What people call it.
    pub(crate) name: String,
    /// How many letters it has, and how many of them are unread, where that is known.
    pub(crate) counts: Option<(u32, u32)>,
    /// Whether it is subscribed to.
    pub(crate) is_subscribed: bool,
}

/// What is to become of folders, by what people call them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted<'w> {
    /// It is made.
    Make(&'w str),
    /// It goes, with all that is in it.
    Remove(&'w str),
    /// It is called otherwise.
    Rename(&'w str, &'w str),
    /// It is subscribed to.
    Subscribe(&'w str),
    /// It isn't any more.
    Unsubscribe(&'w str),
}

/// The folders of an account.
pub(crate) enum Folders {
    /// Of a Maildir.
    Here(Catalog),
    /// At a server.
    There(Box<Session>),
}

impl Folders {
    /// Connects, where they are at a server.
    ///
    /// # Errors
    /// Where letters have no folders, and where there is no way there.
    pub(crate) async fn of(account: &Account) -> Result<Self, MailboxError> {
        match &account.inbox {
            Inbox::Maildir(path) => Ok(Self::Here(catalog(path.clone()))),
            Inbox::Imap(server) => {
                let session = Session::open(account, server, Terminal::Ours).await?;
                Ok(Self::There(Box::new(session)))
            }
            Inbox::Pop3 { .. } => Err(MailboxError::NoFolders(POP3)),
            Inbox::Mbox(_) => Err(MailboxError::NoFolders(MBOX)),
        }
    }

    /// All of them, the inbox first.
    ///
    /// # Errors
    /// Where the disk fails, or the server refuses.
    pub(crate) async fn list(&mut self) -> Result<Vec<Listed>, MailboxError> {
        let session = match self {
            Self::Here(catalog) => return here(catalog),
            Self::There(session) => session,
        };
        let folders = session.folders(Counting::Wanted).await?;
        Ok(folders
            .into_iter()
            .map(|folder| Listed {
                name: folder.name.as_str().to_owned(),
                counts: folder.counts.map(|counts| (counts.letters, counts.unread)),
                is_subscribed: folder.is_subscribed,
            })
            .collect())
    }

    /// How many letters a folder has, where that is known.
    ///
    /// # Errors
    /// Where there is no such folder, the disk fails, or the server refuses.
    pub(crate) async fn letters_in(&mut self, name: &str) -> Result<Option<u32>, MailboxError> {
        match self {
            Self::Here(catalog) => {
                let mut folder = catalog.open(&own(name)?).map_err(|error| of(name, error))?;
                Ok(Some(catalog.count(&mut folder)?.exists))
            }
            Self::There(session) => Ok(session.letters_in(&named(name)?).await?),
        }
    }

    /// Carries out a change.
    ///
    /// # Errors
    /// Why it can't be.
    pub(crate) async fn change(&mut self, wanted: Wanted<'_>) -> Result<(), MailboxError> {
        match self {
            Self::Here(catalog) => change_here(catalog, wanted),
            Self::There(session) => {
                let change = far(wanted)?;
                let made = match &change {
                    Change::Make(name) => Some(name.clone()),
                    _ => None,
                };
                session.change(change).await?;
                // RFC 9051 §6.3.4: to make one doesn't subscribe to it.
                if let Some(name) = made {
                    session.change(Change::Subscribe(name)).await?;
                }
                Ok(())
            }
        }
    }

    pub(crate) async fn close(self) {
        if let Self::There(session) = self {
            session.log_out().await;
        }
    }
}

fn catalog(inbox: PathBuf) -> Catalog {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Catalog::new(Arc::new(OsDisk), Maildir::at(inbox), &host)
}

fn here(catalog: &Catalog) -> Result<Vec<Listed>, MailboxError> {
    let subscribed = catalog.subscribed()?;
    let mut all = Vec::new();
    for folder in catalog.folders()? {
        if folder.existence != Existence::Exists {
            continue;
        }
        let counts = catalog.counts(&folder.name).or_else(|| {
            let mut opened = catalog.open(&folder.name).ok()?;
            catalog.count(&mut opened).ok()
        });
        all.push(Listed {
            name: folder.name.to_utf8(),
            counts: counts.map(|counts| (counts.exists, counts.unseen)),
            is_subscribed: subscribed.contains(&folder.name),
        });
    }
    Ok(all)
}

fn change_here(catalog: &Catalog, wanted: Wanted<'_>) -> Result<(), MailboxError> {
    let (name, changed) = match wanted {
        Wanted::Make(name) => (name, catalog.create(&own(name)?)),
        Wanted::Remove(name) => (name, catalog.remove(&own(name)?)),
        Wanted::Rename(from, to) => (from, catalog.rename(&own(from)?, &own(to)?)),
        Wanted::Subscribe(name) => (name, catalog.subscribe(&own(name)?)),
        Wanted::Unsubscribe(name) => (name, catalog.unsubscribe(&own(name)?)),
    };
    changed.map_err(|error| of(name, error))
}

fn far(wanted: Wanted<'_>) -> Result<Change, MailboxError> {
    Ok(match wanted {
        Wanted::Make(name) => Change::Make(named(name)?),
        Wanted::Remove(name) => Change::Remove(named(name)?),
        Wanted::Rename(from, to) => Change::Rename(named(from)?, named(to)?),
        Wanted::Subscribe(name) => Change::Subscribe(named(name)?),
        Wanted::Unsubscribe(name) => Change::Unsubscribe(named(name)?),
    })
}

/// A folder's name, as people type it.
fn own(name: &str) -> Result<MailboxName, MailboxError> {
    let name = MailboxName::from_utf8(name).map_err(FolderError::from);
    Ok(name.map_err(CatalogError::from)?)
}

fn of(name: &str, error: CatalogError) -> MailboxError {
    match error {
        CatalogError::Folder(FolderError::NonExistent) => {
            MailboxError::NoFolder { name: name.to_owned() }
        }
        error => error.into(),
    }
}
