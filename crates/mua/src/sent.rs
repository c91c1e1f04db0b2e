//! The copy of what was sent, in a folder of the Maildir.

use std::sync::Arc;

use postroad_disk::OsDisk;
use postroad_store::{Courier, FolderName, Maildir, StoreError};

use crate::account::{Account, Inbox};

/// Files a copy where the account wants one. The letter has left: a copy that can't be filed is said,
/// and changes nothing.
pub(crate) fn file_copy(account: &Account, content: &[u8]) {
    let (Some(folder), Inbox::Maildir(root)) = (&account.sent, &account.inbox) else { return };
    let filed = match FolderName::parse(folder) {
        Ok(name) => {
            file(&Maildir::at(root).folder(&name), content).map_err(|error| error.to_string())
        }
        Err(error) => Err(error.to_string()),
    };
    if let Err(error) = filed {
        tracing::warn!(folder = %folder, error, "the copy of a sent letter is not filed");
    }
}

fn file(folder: &Maildir, content: &[u8]) -> Result<(), StoreError> {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let courier = Courier::new(Arc::new(OsDisk), &host);
    let mut draft = courier.begin(folder)?;
    draft.write(content)?;
    draft.deliver().map(drop)
}
