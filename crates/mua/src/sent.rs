//! The copy of what was sent, in a folder of the Maildir, or at the IMAP server.

use std::sync::Arc;

use postroad_disk::OsDisk;
use postroad_imap::value::{MailboxName, NameEncoding};
use postroad_store::{Courier, Flags, FolderName, Maildir, StoreError};
use postroad_tui::data::{Marks, Role};

use crate::account::{Account, Inbox, Server};
use crate::imap::{ImapError, Session};
use crate::outbox::Notes;
use crate::password::Terminal;

/// What RFC 6154 §2 calls the folder.
const SENT: &str = "\\Sent";
/// The folder that is made where the Maildir has none.
const NEW_FOLDER: &str = "Sent";

/// The notes of a letter that a person sends: a copy in the account's folder, else in the one that the Maildir has
/// for it. None where the account says so (`sent = ""`), nor where letters are read at a server.
pub(crate) fn notes(account: &Account) -> Notes {
    let copy = match (&account.sent, &account.inbox) {
        (_, Inbox::Pop3 { .. } | Inbox::Mbox(_)) => None,
        // Its name there is asked for when it is needed.
        (None, Inbox::Imap(_)) => Some(SENT.to_owned()),
        (Some(folder), Inbox::Imap(_)) => Some(folder.clone()).filter(|name| !name.is_empty()),
        (Some(folder), Inbox::Maildir(_)) => Some(folder.clone()).filter(|name| !name.is_empty()),
        (None, Inbox::Maildir(root)) => default_folder(&Maildir::at(root)),
    };
    Notes { copy, draft: None }
}

fn default_folder(inbox: &Maildir) -> Option<String> {
    let courier = courier();
    // A Maildir that nobody has made isn't made for copies.
    if !courier.exists(inbox).unwrap_or(false) {
        return None;
    }
    let found = courier.folder_for(inbox, SENT, None).unwrap_or_else(|error| {
        tracing::warn!(%error, "cannot look for the folder for sent letters");
        None
    });
    Some(found.map_or_else(|| NEW_FOLDER.to_owned(), |name| name.to_utf8()))
}

/// Files a copy.
///
/// # Errors
/// Where it can't be filed, in words. The letter has left: that changes nothing.
pub(crate) async fn file_copy(
    account: &Account,
    folder: &str,
    content: &[u8],
) -> Result<(), String> {
    match &account.inbox {
        Inbox::Maildir(root) => match FolderName::from_utf8(folder) {
            Ok(name) => {
                file(&Maildir::at(root).folder(&name), content).map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        },
        Inbox::Imap(server) => {
            file_there(account, server, folder, content).await.map_err(|error| error.to_string())
        }
        Inbox::Pop3 { .. } | Inbox::Mbox(_) => Ok(()),
    }
}

/// Files a copy at a server, which others of the user's programs see, too.
async fn file_there(
    account: &Account,
    server: &Server,
    folder: &str,
    content: &[u8],
) -> Result<(), ImapError> {
    let mut session = Session::open(account, server, Terminal::Taken).await?;
    let mailbox = match MailboxName::parse(folder.as_bytes(), NameEncoding::Utf8) {
        Some(mailbox) if folder != SENT => mailbox,
        _ => session.folder_for(Role::Sent).await?,
    };
    // Its author has seen it.
    session.file(&mailbox, Marks::SEEN, content).await?;
    session.log_out().await;
    Ok(())
}

fn file(folder: &Maildir, content: &[u8]) -> Result<(), StoreError> {
    let mut draft = courier().begin(folder)?;
    draft.write(content)?;
    // Its author has seen it.
    let (seen, _) = Flags::of(&["\\Seen".to_owned()]);
    draft.set_flags(seen);
    draft.deliver().map(drop)
}

pub(crate) fn courier() -> Courier {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Courier::new(Arc::new(OsDisk), &host)
}
