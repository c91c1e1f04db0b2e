//! What is still to be done for letters in the queue, whose rows have no room for it: `copies/ID`, the notes of the
//! letter with that id. A file is there before its letter is in the queue, and goes once it has gone from there.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

use postroad_disk::{Disk, DiskError};
use postroad_queue::QueueId;

use super::letter_file::Notes;

/// The notes of letters in the queue.
#[derive(Debug, Clone)]
pub(super) struct Copies {
    disk: Arc<dyn Disk>,
    outbox: PathBuf,
}

impl Copies {
    /// Those of the outbox in this folder.
    pub(super) fn new(disk: Arc<dyn Disk>, outbox: PathBuf) -> Self {
        Self { disk, outbox }
    }

    fn folder(&self) -> PathBuf {
        self.outbox.join("copies")
    }

    /// Keeps the notes of a letter, durably; nothing, where they say nothing.
    ///
    /// # Errors
    /// What the disk said.
    pub(super) fn keep(&self, id: QueueId, notes: &Notes) -> Result<(), DiskError> {
        if *notes == Notes::default() {
            return Ok(());
        }
        let folder = self.folder();
        match self.disk.create_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => made?,
        }
        self.disk.sync_dir(&self.outbox)?;
        let path = folder.join(id.to_string());
        let next = path.with_extension("next");
        match self.disk.remove(&next) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // Text and an id: there is nothing in it that JSON can't say.
        let json = serde_json::to_vec(notes).unwrap_or_default();
        let mut file = self.disk.create_new(&next)?;
        file.write_all_at(&[&json], 0)?;
        file.sync()?;
        self.disk.rename(&next, &path)?;
        self.disk.sync_dir(&folder)
    }

    /// The notes of a letter; those that say nothing where none are kept.
    pub(super) fn of(&self, id: QueueId) -> Notes {
        let path = self.folder().join(id.to_string());
        let read = || -> Result<Vec<u8>, DiskError> {
            let file = self.disk.open_read(&path)?;
            let mut octets = vec![0; usize::try_from(file.len()?).unwrap_or(0)];
            let read = file.read_at(&mut octets, 0)?;
            octets.truncate(read);
            Ok(octets)
        };
        let octets = match read() {
            Err(error) if error.kind() == ErrorKind::NotFound => return Notes::default(),
            Err(error) => {
                tracing::warn!(letter = %id, %error, "a letter's notes cannot be read, no copy is filed");
                return Notes::default();
            }
            Ok(octets) => octets,
        };
        serde_json::from_slice(&octets).unwrap_or_else(|error| {
            tracing::warn!(letter = %id, %error, "a letter's notes are damaged, no copy is filed");
            Notes::default()
        })
    }

    /// All notes of letters in the queue.
    ///
    /// # Errors
    /// What the disk said.
    pub(super) fn all(&self) -> Result<Vec<Notes>, DiskError> {
        let entries = match self.disk.read_dir(&self.folder()) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let ids = entries.iter().filter_map(|entry| entry.name.to_str()?.parse().ok());
        Ok(ids.map(|id| self.of(id)).collect())
    }

    /// Removes the notes of letters that are neither in the queue nor on the way there; `may_go` is asked once more.
    pub(super) fn retain(&self, wanted: impl Fn(QueueId) -> bool, may_go: impl Fn(&Notes) -> bool) {
        for entry in self.disk.read_dir(&self.folder()).unwrap_or_default() {
            let id = entry.name.to_str().and_then(|name| name.parse().ok());
            if !id.is_some_and(|id| wanted(id) || !may_go(&self.of(id))) {
                // Where it stays, the next round tries again.
                let _ = self.disk.remove(&self.folder().join(&entry.name));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use postroad_testkit::{FaultyDisk, Plan};

    use super::*;

    #[test]
    fn notes_are_whole_or_not_there_wherever_it_ends() {
        let notes = Notes { copy: Some("Sent".into()), draft: None };
        let id = QueueId::from_number(7);
        for call in 0.. {
            let disk = FaultyDisk::new();
            let copies = |disk: &FaultyDisk| Copies::new(Arc::new(disk.clone()), "/".into());
            disk.plan(Plan::Cut { call });
            let kept = copies(&disk).keep(id, &notes);
            let after = disk.restart();
            let found = copies(&after).of(id);
            assert!(found == notes || found == Notes::default() && kept.is_err(), "cut at {call}");
            copies(&after).keep(id, &notes).unwrap();
            assert_eq!(copies(&after).of(id), notes);
            copies(&after).retain(|_| false, |_| true);
            assert_eq!(copies(&after).of(id), Notes::default());
            if kept.is_ok() {
                return;
            }
        }
    }
}
