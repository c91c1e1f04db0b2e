//! A folder at an IMAP server as commands want it: out of what is kept on disk, brought up to what the server says.
//!
//! The same files as the full screen's. Who writes them last has them: each of the two writes what the server has told, and
//! one that has older marks learns at its next look what has changed since (RFC 7162).

use std::path::PathBuf;

use postroad_imap::value::MailboxName;
use postroad_tui::data::Marks;

use super::imap::open;
use super::mirror::Mirror;
use super::view::View;
use super::{Place, home};
use crate::account::{Account, Server};
use crate::imap::{ImapError, Session};

/// A folder that the server has open for us.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) name: MailboxName,
    /// What its letters' numbers count for.
    pub(crate) validity: u32,
    /// All letters, by number.
    pub(crate) letters: Vec<(u32, Marks)>,
    home: Option<PathBuf>,
}

impl Known {
    /// Selects a folder, and learns what has changed since anybody has seen it last.
    ///
    /// # Errors
    /// Where there is none, and any that ends the session.
    pub(crate) async fn select(
        session: &mut Session,
        account: &Account,
        server: &Server,
        name: MailboxName,
    ) -> Result<Self, ImapError> {
        // What is kept spares nothing at a server that doesn't tell what has changed.
        let tells = session.can("CONDSTORE") || session.can("QRESYNC");
        let home = match tells {
            true => home(account, &Place::Imap(server.clone())).ok(),
            false => None,
        };
        let mut mirror = home.as_ref().map(|home| Mirror::open(home, name.clone()));
        let mut view = match &mirror {
            Some(mirror) => mirror.view(),
            None => View::new(name.clone(), 0, 0, Vec::new()),
        };
        open(session, &mut view).await?;
        let (validity, mod_seq, news) = (view.validity, view.mod_seq, view.take_news());
        let letters = match &mut mirror {
            Some(mirror) => {
                mirror.take(validity, mod_seq, &news);
                mirror.letters().to_vec()
            }
            None => news.sorted(),
        };
        Ok(Self { name, validity, letters, home })
    }

    /// Where a letter is, if it was read before and is kept.
    pub(crate) fn kept(&self, uid: u32) -> Option<PathBuf> {
        let home = self.home.as_ref()?;
        Some(Mirror::letter_path(home, &self.name, self.validity, uid)).filter(|it| it.is_file())
    }
}
