//! What was done last and can be taken back: a line of JSON for each deed, the last hundred, in the state folder.
//!
//! A deed is written down before it is done, by the letters' own names and with the flags that they had: so nothing is
//! done that can't be taken back, and taking back what was only half done, or not at all, does no harm. But for letters that
//! a server has moved: where they are then it tells afterwards, and a crash in between leaves them there for good.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use postroad_disk::{Disk, DiskError, DiskLock, OsDisk, make_way_to, sync_way_to};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::limits;
use crate::mailbox::Entry;

/// One thing that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Seconds since 1970.
    pub at: u64,
    /// What.
    #[serde(flatten)]
    pub deed: Deed,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "deed", rename_all = "lowercase")]
pub enum Deed {
    /// Letters went from one Maildir or folder of one to another.
    Moved {
        /// Where they were.
        from: PathBuf,
        /// Where they are.
        to: PathBuf,
        /// Which.
        letters: Vec<Was>,
    },
    /// Letters were copied.
    Copied {
        /// Where the copies are.
        to: PathBuf,
        /// The copies.
        letters: Vec<Was>,
    },
    /// Letters got or lost flags.
    Flagged {
        /// Where they are.
        folder: PathBuf,
        /// Which.
        letters: Vec<Was>,
    },
    /// Letters went from one folder of a server to another.
    #[serde(rename = "moved-there")]
    MovedThere {
        /// Whose account at which server.
        server: String,
        /// Where they were.
        from: String,
        /// Where they are.
        to: String,
        /// What their numbers count for.
        validity: u32,
        /// Their numbers where they are.
        letters: Vec<u32>,
    },
    /// Letters of a folder of a server got or lost flags.
    #[serde(rename = "flagged-there")]
    FlaggedThere {
        /// Whose account at which server.
        server: String,
        /// Where they are.
        folder: String,
        /// What their numbers count for.
        validity: u32,
        /// Which.
        letters: Vec<WasThere>,
    },
    /// A letter is held in an outbox.
    Held {
        /// The outbox.
        outbox: PathBuf,
        /// The letter's name there.
        letter: String,
    },
}

/// A letter at a server as it was before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WasThere {
    /// Its number.
    pub uid: u32,
    /// The letters of its flags (maildir(5)).
    pub flags: String,
    /// Its keywords, where those were changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keywords: Option<Vec<String>>,
}

/// A letter as it was before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Was {
    /// What stays of its file's name, where it was.
    pub name: String,
    /// What stays of it where it is now, if that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<String>,
    /// The letters of its flags (maildir(5)).
    pub flags: String,
    /// Its keywords, where those were changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keywords: Option<Vec<String>>,
}

impl Was {
    /// A letter, as it is before something is done to it.
    pub fn of(entry: &Entry) -> Self {
        Self { name: entry.name.clone(), now: None, flags: entry.flags.clone(), keywords: None }
    }

    /// The same, where its keywords are changed, too.
    pub fn with_keywords(entry: &Entry) -> Self {
        Self { keywords: Some(entry.keywords.clone()), ..Self::of(entry) }
    }

    /// Its name where it was.
    pub fn name_before(&self) -> &str {
        &self.name
    }

    /// Its name where it is.
    pub fn name_now(&self) -> &str {
        self.now.as_deref().unwrap_or(&self.name)
    }
}

/// What a letter of a folder was called, and what it is to be called.
pub type Renaming = (String, String);

/// The deeds.
#[derive(Debug, Clone)]
pub struct Journal {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
}

/// The deeds, as long as nobody else can change them.
#[derive(Debug)]
pub struct Turn<'j> {
    journal: &'j Journal,
    deeds: Vec<Done>,
    _lock: Box<dyn DiskLock>,
}

impl Journal {
    /// The deeds in this folder, which is made where it is missing.
    pub fn at(disk: Arc<dyn Disk>, folder: PathBuf) -> Self {
        Self { disk, folder }
    }

    /// The account's; `None` for a caller who has no home: nothing is remembered.
    pub fn of(account: &Account) -> Option<Self> {
        Some(Self::at(Arc::new(OsDisk), account.state.clone()?))
    }

    fn path(&self) -> PathBuf {
        self.folder.join("undo")
    }

    /// Writes a deed down, which is done next.
    ///
    /// # Errors
    /// Where the disk is full or fails.
    pub fn push(&self, deed: Deed) -> Result<(), DiskError> {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let mut turn = self.turn()?;
        turn.deeds.push(Done { at: since.as_secs(), deed });
        turn.write()
    }

    /// Reads the deeds, and keeps others from it until it is dropped.
    ///
    /// # Errors
    /// Where they can't be read, or somebody else has them for too long.
    pub fn turn(&self) -> Result<Turn<'_>, DiskError> {
        const LOOK: Duration = Duration::from_millis(5);
        make_way_to(self.disk.as_ref(), &self.folder)?;
        let end = Instant::now() + limits::UNDO_WAIT;
        let lock = loop {
            match self.disk.lock(&self.folder.join("undo.lock")) {
                Err(error) if error.kind() == ErrorKind::WouldBlock && Instant::now() < end => {
                    std::thread::sleep(LOOK);
                }
                lock => break lock?,
            }
        };
        Ok(Turn { journal: self, deeds: self.read()?, _lock: lock })
    }

    fn read(&self) -> Result<Vec<Done>, DiskError> {
        let file = match self.disk.open_read(&self.path()) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            file => file?,
        };
        let length = file.len()?.min(limits::UNDO_OCTETS_MAX);
        let mut octets = vec![0; usize::try_from(length).unwrap_or(0)];
        let read = file.read_at(&mut octets, 0)?;
        octets.truncate(read);
        // What no version of ours wrote can't be taken back, and costs no other line.
        let lines = octets.split(|b| *b == b'\n');
        Ok(lines.filter_map(|line| serde_json::from_slice(line).ok()).collect())
    }
}

impl Turn<'_> {
    /// The deeds, the last one last.
    pub fn deeds(&self) -> &[Done] {
        &self.deeds
    }

    /// Forgets the last one, which was taken back or can't be.
    ///
    /// # Errors
    /// Where the disk is full or fails.
    pub fn forget_last(&mut self) -> Result<(), DiskError> {
        self.deeds.pop();
        self.write()
    }

    /// Letters of a folder are about to be called otherwise: what was done to them before is theirs by
    /// those names.
    ///
    /// # Errors
    /// Where the disk is full or fails.
    pub fn rename(&mut self, folder: &Path, names: &[Renaming]) -> Result<(), DiskError> {
        let names: HashMap<&str, &str> =
            names.iter().map(|(before, then)| (before.as_str(), then.as_str())).collect();
        for done in &mut self.deeds {
            done.deed.rename(folder, &names);
        }
        self.write()
    }

    fn write(&mut self) -> Result<(), DiskError> {
        let mut lines: Vec<Vec<u8>> = self.deeds.iter().filter_map(line).collect();
        let mut octets: u64 = lines.iter().map(|line| line.len() as u64).sum();
        let mut first = lines.len().saturating_sub(limits::UNDO_DEEDS_MAX);
        octets -= lines.iter().take(first).map(|line| line.len() as u64).sum::<u64>();
        while octets > limits::UNDO_OCTETS_MAX && first < lines.len() {
            octets -= lines.get(first).map_or(0, |line| line.len() as u64);
            first += 1;
        }
        let kept: Vec<u8> = lines.drain(first..).flatten().collect();
        let (disk, path) = (&self.journal.disk, self.journal.path());
        let next = path.with_extension("next");
        match disk.remove(&next) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = disk.create_new(&next)?;
        file.write_all_at(&[&kept], 0)?;
        file.sync()?;
        let is_first = disk.stat(&path).is_err();
        disk.rename(&next, &path)?;
        disk.sync_dir(&self.journal.folder)?;
        if is_first { sync_way_to(disk.as_ref(), &self.journal.folder) } else { Ok(()) }
    }
}

/// A path that is no UTF-8 can't be written down, and its deed not be taken back.
fn line(done: &Done) -> Option<Vec<u8>> {
    let mut line = serde_json::to_vec(done).ok()?;
    line.push(b'\n');
    Some(line)
}

impl Deed {
    fn rename(&mut self, place: &Path, names: &HashMap<&str, &str>) {
        let then = |name: &str| names.get(name).map(|then| (*then).to_owned());
        match self {
            Self::Flagged { folder, letters } | Self::Copied { to: folder, letters }
                if folder == place =>
            {
                for letter in letters {
                    letter.name = then(&letter.name).unwrap_or_else(|| letter.name.clone());
                }
            }
            Self::Moved { from, letters, .. } if from == place => {
                for letter in letters {
                    if let Some(then) = then(&letter.name) {
                        // It is called the same as ever where it is now.
                        let name = std::mem::replace(&mut letter.name, then);
                        letter.now.get_or_insert(name);
                    }
                }
            }
            Self::Moved { to, letters, .. } if to == place => {
                for letter in letters {
                    letter.now = then(letter.name_now()).or_else(|| letter.now.take());
                }
            }
            Self::Flagged { .. }
            | Self::Copied { .. }
            | Self::Moved { .. }
            | Self::MovedThere { .. }
            | Self::FlaggedThere { .. }
            | Self::Held { .. } => {}
        }
    }

    /// What it was, in words.
    pub fn words(&self) -> String {
        let letters = |count: usize| match count {
            1 => "1 letter".to_owned(),
            _ => format!("{count} letters"),
        };
        match self {
            Self::Moved { to, letters: moved, .. } => {
                format!("{} moved to {}", letters(moved.len()), folder_name(to))
            }
            Self::Copied { to, letters: copies } => {
                format!("{} copied to {}", letters(copies.len()), folder_name(to))
            }
            Self::Flagged { letters: flagged, .. } => {
                format!("flags of {} changed", letters(flagged.len()))
            }
            Self::MovedThere { to, letters: moved, .. } => {
                format!("{} moved to {to}", letters(moved.len()))
            }
            Self::FlaggedThere { letters: flagged, .. } => {
                format!("flags of {} changed", letters(flagged.len()))
            }
            Self::Held { .. } => "1 letter queued".to_owned(),
        }
    }
}

/// A folder of a Maildir by its name, any other by its path.
fn folder_name(path: &Path) -> String {
    let name = path.file_name().and_then(|name| name.to_str());
    match name.and_then(|name| name.strip_prefix('.')) {
        Some(name) => name.to_owned(),
        None => path.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use postroad_testkit::{FaultyDisk, Plan};

    use super::*;

    fn journal(disk: &FaultyDisk) -> Journal {
        Journal::at(Arc::new(disk.clone()), "/home/alice/.local/state/postroad".into())
    }

    fn held(letter: &str) -> Deed {
        Deed::Held { outbox: "/o".into(), letter: letter.into() }
    }

    #[test]
    fn the_last_hundred_are_kept_in_order() {
        let disk = FaultyDisk::new();
        for n in 0..=limits::UNDO_DEEDS_MAX {
            journal(&disk).push(held(&n.to_string())).unwrap();
        }
        let journal = journal(&disk);
        let mut turn = journal.turn().unwrap();
        assert_eq!(turn.deeds().len(), limits::UNDO_DEEDS_MAX);
        assert_eq!(turn.deeds().last().unwrap().deed, held(&limits::UNDO_DEEDS_MAX.to_string()));
        turn.forget_last().unwrap();
        drop(turn);
        assert_eq!(journal.turn().unwrap().deeds().len(), limits::UNDO_DEEDS_MAX - 1);
    }

    #[test]
    fn lines_of_others_and_damaged_ones_cost_no_other() {
        let disk = FaultyDisk::new();
        journal(&disk).push(held("1")).unwrap();
        let path = journal(&disk).path();
        let line = disk.read(&path).unwrap();
        disk.put(&path, &[b"{\n\xff\n{\"at\":1,\"deed\":\"painted\"}\n", line.as_slice()].concat());
        journal(&disk).push(held("2")).unwrap();
        let journal = journal(&disk);
        let deeds: Vec<Deed> =
            journal.turn().unwrap().deeds().iter().map(|done| done.deed.clone()).collect();
        assert_eq!(deeds, [held("1"), held("2")]);
    }

    #[test]
    fn letters_that_come_back_under_other_names_keep_what_was_done_to_them_before() {
        let was = |name: &str, now: Option<&str>| {
            vec![Was {
                name: name.into(),
                now: now.map(Into::into),
                flags: "S".into(),
                keywords: None,
            }]
        };
        let (inbox, lists) = (PathBuf::from("/m"), PathBuf::from("/m/.Lists"));
        let moved = |letters| Deed::Moved { from: inbox.clone(), to: lists.clone(), letters };
        let back = |letters| Deed::Moved { from: lists.clone(), to: inbox.clone(), letters };
        let flagged = |folder: &PathBuf, letters| Deed::Flagged { folder: folder.clone(), letters };
        let rows = [
            (flagged(&inbox, was("a", None)), flagged(&inbox, was("b", None))),
            (flagged(&lists, was("a", None)), flagged(&lists, was("a", None))),
            (moved(was("a", Some("x"))), moved(was("b", Some("x")))),
            (moved(was("x", Some("a"))), moved(was("x", Some("a")))),
            // It kept its name when it was moved.
            (moved(was("a", None)), moved(was("b", Some("a")))),
            (back(was("x", Some("a"))), back(was("x", Some("b")))),
            (back(was("a", None)), back(was("a", Some("b")))),
            (held("a"), held("a")),
        ];
        for (before, after) in rows {
            let disk = FaultyDisk::new();
            journal(&disk).push(before).unwrap();
            journal(&disk).turn().unwrap().rename(&inbox, &[("a".into(), "b".into())]).unwrap();
            assert_eq!(journal(&disk).turn().unwrap().deeds().last().unwrap().deed, after);
        }
    }

    #[test]
    fn u16_a_kill_costs_at_most_the_deed_that_was_not_done_yet() {
        for call in 0.. {
            let disk = FaultyDisk::new();
            journal(&disk).push(held("1")).unwrap();
            disk.plan(Plan::Cut { call });
            let pushed = journal(&disk).push(held("2"));
            let journal = journal(&disk.restart());
            let count = journal.turn().unwrap().deeds().len();
            assert!(count == 2 || pushed.is_err() && count == 1, "cut at {call}: {count}");
            if pushed.is_ok() {
                return;
            }
        }
    }
}
