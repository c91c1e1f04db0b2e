//! Copies of letters that have left and that couldn't be filed, as where the server was away: kept in the outbox, and filed by
//! a later sender.
//!
//! ```text
//! unfiled/ID    {"folder":"Sent"}, a line end, and the letter
//! ```
//! A server that files a copy and whose answer is lost has it twice then. Better so than not at all.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

use postroad_disk::{Disk, DiskError};
use postroad_queue::QueueId;
use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::limits;
use crate::sent;

/// The folder in the outbox.
pub(super) const UNFILED: &str = "unfiled";

#[derive(Debug, Serialize, Deserialize)]
struct Head {
    folder: String,
}

/// The copies that are still to be filed.
pub(super) struct Unfiled {
    disk: Arc<dyn Disk>,
    outbox: PathBuf,
}

impl Unfiled {
    /// Those of the outbox in this folder.
    pub(super) fn new(disk: Arc<dyn Disk>, outbox: PathBuf) -> Self {
        Self { disk, outbox }
    }

    fn folder(&self) -> PathBuf {
        self.outbox.join(UNFILED)
    }

    /// Files the copy of a letter that has left; where that fails it is kept for later.
    pub(super) async fn file(&self, account: &Account, id: QueueId, folder: &str, content: &[u8]) {
        let Err(error) = sent::file_copy(account, folder, content).await else { return };
        match self.keep(id, folder, content) {
            Ok(()) => tracing::warn!(%folder, error, "the copy of a sent letter is filed later"),
            Err(kept) => {
                tracing::error!(%folder, error, %kept, "the copy of a sent letter is not filed");
            }
        }
    }

    /// Keeps a copy, durably.
    fn keep(&self, id: QueueId, folder: &str, content: &[u8]) -> Result<(), DiskError> {
        let place = self.folder();
        match self.disk.create_dir(&place) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => made?,
        }
        self.disk.sync_dir(&self.outbox)?;
        let path = place.join(id.to_string());
        let next = path.with_extension("next");
        match self.disk.remove(&next) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // A folder's name is text: there is nothing in it that JSON can't say.
        let head = serde_json::to_vec(&Head { folder: folder.to_owned() }).unwrap_or_default();
        let mut file = self.disk.create_new(&next)?;
        file.write_all_at(&[&head, b"\n", content], 0)?;
        file.sync()?;
        self.disk.rename(&next, &path)?;
        self.disk.sync_dir(&place)
    }

    /// The copies, the oldest one first: ids are given in the order of time.
    fn all(&self) -> Vec<QueueId> {
        let entries = self.disk.read_dir(&self.folder()).unwrap_or_default();
        let ids = entries.iter().filter_map(|entry| entry.name.to_str()?.parse().ok());
        let mut ids: Vec<QueueId> = ids.collect();
        ids.sort();
        ids
    }

    fn read(&self, id: QueueId) -> Option<(String, Vec<u8>)> {
        let file = self.disk.open_read(&self.folder().join(id.to_string())).ok()?;
        let length = file.len().ok().filter(|it| *it <= 2 * limits::LETTER_OCTETS_MAX)?;
        let mut octets = vec![0; usize::try_from(length).ok()?];
        let read = file.read_at(&mut octets, 0).ok()?;
        octets.truncate(read);
        let end = octets.iter().position(|octet| *octet == b'\n')?;
        let head: Head = serde_json::from_slice(octets.get(..end)?).ok()?;
        Some((head.folder, octets.split_off(end + 1)))
    }

    /// Files what is there, until one can't be filed still: then the others can't, either.
    pub(super) async fn file_all(&self, account: &Account) {
        for id in self.all() {
            let Some((folder, content)) = self.read(id) else {
                tracing::error!(letter = %id, "a copy that was to be filed cannot be read");
                continue;
            };
            if let Err(error) = sent::file_copy(account, &folder, &content).await {
                tracing::warn!(%folder, error, "copies of sent letters are still not filed");
                return;
            }
            // Where it stays it is filed once more: a copy too many is better than none.
            let _ = self.disk.remove(&self.folder().join(id.to_string()));
        }
    }
}

#[cfg(test)]
mod tests {
    use postroad_testkit::{FaultyDisk, Plan};

    use super::*;

    #[test]
    fn copies_are_whole_or_not_there_wherever_it_ends() {
        let id = QueueId::from_number(7);
        for call in 0.. {
            let disk = FaultyDisk::new();
            let unfiled = |disk: &FaultyDisk| Unfiled::new(Arc::new(disk.clone()), "/".into());
            disk.plan(Plan::Cut { call });
            let kept = unfiled(&disk).keep(id, "Sent \u{e4}", b"A: b\r\n\r\nc\r\n");
            let after = disk.restart();
            let found = unfiled(&after).all();
            let read = found.first().and_then(|id| unfiled(&after).read(*id));
            match read {
                Some(read) => {
                    assert_eq!(read, ("Sent \u{e4}".to_owned(), b"A: b\r\n\r\nc\r\n".to_vec()));
                }
                None => assert!(kept.is_err(), "cut at {call}"),
            }
            if kept.is_ok() {
                return;
            }
        }
    }
}
