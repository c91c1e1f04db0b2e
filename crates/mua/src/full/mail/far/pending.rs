//! What is to be done at the server and isn't known to be done: it is shown as done, and kept on disk until it is.
//!
//! `imap/ACCOUNT/pending` has a line of JSON for each. Whoever comes second to an account doesn't have the file: what they do
//! while there is no connection is lost with them.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use postroad_imap::value::{MailboxName, NameEncoding};
use postroad_tui::data::Marks;
use serde::{Deserialize, Serialize};

use super::errand::{Deed, Letters};
use super::places;
use crate::full::limits::PENDING_OCTETS_MAX;

/// One thing that is to be done.
#[derive(Debug, Clone)]
pub(super) struct Change {
    /// Each has another one; the first came first.
    pub(super) id: u64,
    pub(super) deed: Deed,
    /// Whether the network's thread has it.
    pub(super) is_under_way: bool,
}

/// As it is written.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    folder: String,
    validity: u32,
    uids: Vec<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    add: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    remove: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    /// A copy goes there, and the letters stay.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    copy: bool,
}

const NAMES: [(&str, Marks); 6] = [
    ("seen", Marks::SEEN),
    ("answered", Marks::ANSWERED),
    ("flagged", Marks::FLAGGED),
    ("deleted", Marks::DELETED),
    ("draft", Marks::DRAFT),
    ("forwarded", Marks::FORWARDED),
];

/// All of them.
#[derive(Debug)]
pub(super) struct Pending {
    path: PathBuf,
    /// Held as long as we live: nobody else writes the file then.
    lock: Option<File>,
    pub(super) changes: Vec<Change>,
}

impl Pending {
    /// Those of an account, whose folder on disk this is.
    pub(super) fn open(account: &Path, ids: &mut impl FnMut() -> u64) -> Self {
        let path = account.join("pending");
        let lock = lock(&account.join("pending.lock"));
        let mut changes = Vec::new();
        if lock.is_some()
            && let Ok(octets) = postroad_disk::read_whole(&path, PENDING_OCTETS_MAX)
        {
            let lines = octets.split(|octet| *octet == b'\n').filter(|line| !line.is_empty());
            // A line that isn't whole was never told to be done.
            let lines = lines.filter_map(|line| serde_json::from_slice::<Line>(line).ok());
            let deeds = lines.filter_map(|line| line.deed());
            changes.extend(deeds.map(|deed| Change { id: ids(), deed, is_under_way: false }));
        }
        Self { path, lock, changes }
    }

    /// Keeps one; it is on disk when this returns.
    ///
    /// # Errors
    /// What the disk said: it is to be done all the same.
    pub(super) fn push(&mut self, id: u64, deed: Deed) -> io::Result<()> {
        self.changes.push(Change { id, deed, is_under_way: false });
        self.write()
    }

    /// It is done, or never will be.
    pub(super) fn remove(&mut self, id: u64) -> Option<Change> {
        let at = self.changes.iter().position(|change| change.id == id)?;
        let change = self.changes.remove(at);
        if let Err(error) = self.write() {
            tracing::warn!(%error, "what is done at the server may be done again");
        }
        Some(change)
    }

    pub(super) fn get(&self, id: u64) -> Option<&Change> {
        self.changes.iter().find(|change| change.id == id)
    }

    fn write(&self) -> io::Result<()> {
        if self.lock.is_none() {
            return Ok(());
        }
        if self.changes.is_empty() {
            return match std::fs::remove_file(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
        }
        let mut octets = Vec::new();
        for line in self.changes.iter().filter_map(|change| Line::of(&change.deed)) {
            serde_json::to_writer(&mut octets, &line)?;
            octets.push(b'\n');
        }
        let next = self.path.with_extension("next");
        std::fs::write(&next, octets)?;
        File::open(&next)?.sync_all()?;
        std::fs::rename(&next, &self.path)?;
        File::open(self.path.parent().unwrap_or(Path::new("/")))?.sync_all()
    }

    /// What of it is seen in a folder.
    pub(super) fn overlay(&self, folder: &MailboxName, validity: u32) -> Overlay {
        let mut overlay = Overlay::default();
        for change in &self.changes {
            let (Deed::Mark { letters, .. } | Deed::Move(letters, _) | Deed::Remove(letters)) =
                &change.deed
            else {
                continue;
            };
            if letters.folder != *folder || letters.validity != validity {
                continue;
            }
            for uid in &letters.uids {
                let seen = overlay.0.entry(*uid).or_default();
                match &change.deed {
                    Deed::Mark { add, remove, .. } => {
                        seen.add = seen.add.without(*remove).with(*add);
                        seen.remove = seen.remove.without(*add).with(*remove);
                    }
                    _ => seen.is_gone = true,
                }
            }
        }
        overlay
    }
}

fn lock(path: &Path) -> Option<File> {
    places::make(path.parent()?).ok()?;
    let file = File::options().create(true).truncate(false).write(true).open(path).ok()?;
    file.try_lock().ok()?;
    Some(file)
}

impl Line {
    fn of(deed: &Deed) -> Option<Self> {
        let names = |marks: Marks| {
            let named = NAMES.iter().filter(|(_, mark)| marks.has(*mark));
            named.map(|(name, _)| (*name).to_owned()).collect()
        };
        let (letters, add, remove, to) = match deed {
            Deed::Mark { letters, add, remove } => (letters, names(*add), names(*remove), None),
            Deed::Move(letters, to) => {
                (letters, Vec::new(), Vec::new(), Some(to.as_str().to_owned()))
            }
            Deed::Copy(letters, to) => {
                (letters, Vec::new(), Vec::new(), Some(to.as_str().to_owned()))
            }
            Deed::Remove(letters) => (letters, Vec::new(), Vec::new(), Some(String::new())),
            Deed::Folders
            | Deed::Look
            | Deed::Headers(_)
            | Deed::Letter(..)
            | Deed::Folder(_)
            | Deed::Search(..)
            | Deed::Hunt(..) => return None,
        };
        let (folder, validity) = (letters.folder.as_str().to_owned(), letters.validity);
        let copy = matches!(deed, Deed::Copy(..));
        Some(Self { folder, validity, uids: letters.uids.clone(), add, remove, to, copy })
    }

    fn deed(self) -> Option<Deed> {
        let name = |text: &str| MailboxName::parse(text.as_bytes(), NameEncoding::Utf8);
        let marks = |names: &[String]| {
            let known = NAMES.iter().filter(|(known, _)| names.iter().any(|name| name == known));
            known.fold(Marks::NONE, |all, (_, mark)| all.with(*mark))
        };
        let (add, remove) = (marks(&self.add), marks(&self.remove));
        let letters =
            Letters { folder: name(&self.folder)?, validity: self.validity, uids: self.uids };
        Some(match self.to.as_deref() {
            None => Deed::Mark { letters, add, remove },
            Some("") => Deed::Remove(letters),
            Some(to) if self.copy => Deed::Copy(letters, name(to)?),
            Some(to) => Deed::Move(letters, name(to)?),
        })
    }
}

/// How letters look once all is done that is to be done.
#[derive(Debug, Default)]
pub(super) struct Overlay(HashMap<u32, Seen>);

#[derive(Debug, Default)]
struct Seen {
    add: Marks,
    remove: Marks,
    is_gone: bool,
}

impl Overlay {
    /// The marks of a letter; `None` where it isn't in the folder any more.
    pub(super) fn of(&self, uid: u32, marks: Marks) -> Option<Marks> {
        match self.0.get(&uid) {
            None => Some(marks),
            Some(seen) if seen.is_gone => None,
            Some(seen) => Some(marks.without(seen.remove).with(seen.add)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_done_is_seen_as_done_and_is_there_after_a_crash() {
        let account = tempfile::tempdir().unwrap();
        let mut last = 0;
        let mut ids = || {
            last += 1;
            last
        };
        let letters = |uids: &[u32]| Letters {
            folder: MailboxName::inbox(),
            validity: 7,
            uids: uids.to_vec(),
        };
        let mark = |uids: &[u32], add, remove| Deed::Mark { letters: letters(uids), add, remove };
        let mut pending = Pending::open(account.path(), &mut ids);
        pending.push(ids(), mark(&[1, 2], Marks::SEEN, Marks::FLAGGED)).unwrap();
        pending.push(ids(), mark(&[2], Marks::NONE, Marks::SEEN)).unwrap();
        let trash = MailboxName::parse(b"Trash", NameEncoding::Utf8).unwrap();
        pending.push(ids(), Deed::Move(letters(&[3]), trash)).unwrap();
        pending.push(ids(), Deed::Remove(letters(&[4]))).unwrap();
        // The second one doesn't take them, and writes nothing.
        assert!(Pending::open(account.path(), &mut ids).changes.is_empty());
        drop(pending);
        let mut pending = Pending::open(account.path(), &mut ids);
        let overlay = pending.overlay(&MailboxName::inbox(), 7);
        for (uid, marks, shown) in [
            (1, Marks::FLAGGED, Some(Marks::SEEN)),
            (2, Marks::SEEN, Some(Marks::NONE)),
            (3, Marks::NONE, None),
            (4, Marks::NONE, None),
            (5, Marks::SEEN, Some(Marks::SEEN)),
        ] {
            assert_eq!(overlay.of(uid, marks), shown, "{uid}");
        }
        // Another numbering has nothing to do with it.
        let other = pending.overlay(&MailboxName::inbox(), 8);
        assert_eq!(other.of(3, Marks::NONE), Some(Marks::NONE));
        for id in pending.changes.iter().map(|change| change.id).collect::<Vec<_>>() {
            pending.remove(id);
        }
        assert!(!account.path().join("pending").exists());
    }
}
