//! A user's mailbox with its folders: as plans name them, and as scripts ask for them.

use postroad_sieve::Mailboxes;
use postroad_store::{Annotated, Courier, EntryName, FolderName, Maildir};

use super::plan::{Place, is_inbox};

/// Where a user's letters go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mailbox<'a> {
    pub(crate) courier: &'a Courier,
    /// Where they go if nothing else is said.
    pub(crate) inbox: &'a Maildir,
}

impl Mailbox<'_> {
    /// The folder, whether it is there or not.
    pub(super) fn at(self, place: Place) -> Maildir {
        match place {
            Place::Inbox => self.inbox.clone(),
            Place::Folder(name) => self.inbox.folder(&name),
        }
    }
}

/// A user's folders, as scripts ask for them.
pub(super) struct Folders<'a>(pub(super) Mailbox<'a>);

impl Folders<'_> {
    /// The Maildir of that name, whether it is there or not.
    fn named(&self, mailbox: &str) -> Option<Maildir> {
        let inbox = self.0.inbox;
        match is_inbox(mailbox) {
            true => Some(inbox.clone()),
            false => Some(inbox.folder(&FolderName::from_utf8(mailbox).ok()?)),
        }
    }
}

impl Mailboxes for Folders<'_> {
    fn exists(&self, mailbox: &str) -> bool {
        // A folder that can't be looked at is none that letters can be filed into.
        let is_there = |folder: Maildir| self.0.courier.exists(&folder).unwrap_or(false);
        is_inbox(mailbox) || self.named(mailbox).is_some_and(is_there)
    }

    // What can't be read in this moment isn't said.
    fn metadata(&self, mailbox: Option<&str>, annotation: &str) -> Option<Vec<u8>> {
        let Mailbox { courier, inbox } = self.0;
        let entry = EntryName::parse(annotation).ok()?;
        let metadata = match mailbox {
            Some(mailbox) => courier.metadata(Annotated::Folder(&self.named(mailbox)?)),
            None => courier.metadata(Annotated::Server(inbox)),
        };
        metadata.ok()?.get(&entry).map(<[u8]>::to_vec)
    }

    fn has_special_use(&self, mailbox: Option<&str>, attribute: &str) -> bool {
        let Mailbox { courier, inbox } = self.0;
        let folder = mailbox.map(FolderName::from_utf8).transpose();
        folder
            .is_ok_and(|folder| courier.is_for(inbox, folder.as_ref(), attribute).unwrap_or(false))
    }
}
