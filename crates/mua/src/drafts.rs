//! Letters that are being written: a folder each, from the moment that their author begins until they are safe in the
//! outbox and can't be taken back.
//!
//! ```text
//! ID/draft.json    fields and attachments as they were typed   replaced whole, synced
//! ID/text          the text: what the editor works on          synced when the editor has returned
//! ID/forwarded     a letter that is sent on
//! ID/lock          held by whoever is writing
//! .gone-ID         thrown away: its files are being removed
//! ```
//! A draft stays while its letter is held in the outbox, so that it can be taken back as it was. The sender removes it
//! when it takes the letter in; until then the letter's file says which draft it was made of.
//!
//! | killed after | on disk | the next start |
//! |---|---|---|
//! | the editor has returned | the draft, its text as the editor left it | shows it |
//! | the letter is written, not yet in held/ or new/ | the draft | the same |
//! | the letter is held, nothing was said | the draft and the letter | sends it when due; the draft is "on its way" |
//! | the sender has taken the letter in | the draft, the letter in taken/ | removes the draft, sends the letter |

use std::ffi::OsStr;
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use postroad_disk::{Disk, DiskError, DiskLock, EntryKind, OsDisk, make_way_to, sync_way_to};
use postroad_queue::QueueId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::limits;
use crate::outbox::Left;

mod written;

pub(crate) use written::typed;
pub use written::{Answers, Attached, Field, Written, Wrong};

/// What `draft.json` says it is.
const FORMAT: &str = "postroad draft 1";
/// The name of a letter that is sent on, in the folder of its draft.
pub const FORWARDED: &str = "forwarded";
/// What the name of a draft's folder begins with that is being removed.
const GONE: &str = ".gone-";

/// The name of a draft: eight characters, which a person can type.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
pub struct DraftId(String);

impl DraftId {
    /// Reads an id; `None` where it is none of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let is_ours = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        ((1..=32).contains(&text.len()) && text.bytes().all(is_ours)).then(|| Self(text.to_owned()))
    }

    fn random() -> std::io::Result<Self> {
        let mut random = [0; 8];
        rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())?;
        let digits = QueueId::from_number(u64::from_le_bytes(random)).to_string().to_lowercase();
        Ok(Self(digits.get(digits.len().saturating_sub(8)..).unwrap_or_default().to_owned()))
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DraftId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for DraftId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("no draft has such a name")
    }
}

impl From<DraftId> for String {
    fn from(id: DraftId) -> Self {
        id.0
    }
}

/// Why a draft can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    /// The disk.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// There is nowhere to keep one.
    #[error("there is no folder for drafts: HOME isn't set")]
    NoFolder,
    /// There is none of that name.
    #[error("no draft {0}; see postroad-mua drafts")]
    Unknown(String),
    /// There are several.
    #[error("several drafts begin with {0}; give more of the id")]
    Ambiguous(String),
    /// Somebody else has it.
    #[error("draft {0} is being written by another program; end that one first")]
    Busy(DraftId),
    /// Its letter has been queued.
    #[error("the letter of draft {0} is on its way; see postroad-mua outbox")]
    OnItsWay(DraftId),
    /// Its fields can't be read.
    #[error("the fields of draft {id} cannot be read: {problem}; its text is {}", text.display())]
    Damaged {
        /// Which one.
        id: DraftId,
        /// What is wrong.
        problem: String,
        /// Where the text is.
        text: PathBuf,
    },
    /// It can't be written down.
    #[error("the draft cannot be kept: {0}")]
    NotWritable(String),
    /// The text is larger than any letter.
    #[error("the text of draft {0} is larger than any letter")]
    TooLarge(DraftId),
}

/// The folder of the drafts.
#[derive(Debug, Clone)]
pub struct Drafts {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
}

/// A draft in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub id: DraftId,
    /// Its fields; empty ones where they can't be read.
    pub written: Written,
    /// When its text was last changed.
    pub changed: SystemTime,
    /// Whether somebody is writing it in this moment.
    pub in_use: InUse,
}

/// Whether somebody is writing a draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InUse {
    /// Some program has it.
    Yes,
    /// It lies there.
    No,
}

impl Drafts {
    /// The drafts in this folder; nothing is made or looked at yet.
    pub fn at(disk: Arc<dyn Disk>, folder: PathBuf) -> Self {
        Self { disk, folder }
    }

    /// The account's.
    ///
    /// # Errors
    /// Where the caller has no home.
    pub fn of(account: &Account) -> Result<Self, DraftError> {
        let state = account.state.as_ref().ok_or(DraftError::NoFolder)?;
        Ok(Self::at(Arc::new(OsDisk), state.join("drafts")))
    }

    fn path(&self, id: &DraftId) -> PathBuf {
        self.folder.join(id.as_str())
    }

    /// Begins a draft: after `Ok` a power cut doesn't lose it.
    ///
    /// # Errors
    /// Where the disk is full or fails.
    pub fn begin(&self, written: &Written, text: &str) -> Result<OpenDraft, DraftError> {
        make_way_to(self.disk.as_ref(), &self.folder)?;
        let id = loop {
            let id =
                DraftId::random().map_err(|error| DraftError::NotWritable(error.to_string()))?;
            match self.disk.create_dir(&self.path(&id)) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                made => {
                    made?;
                    break id;
                }
            }
        };
        let draft = self.lock(&id)?;
        draft.replace("text", text.as_bytes())?;
        draft.save(written)?;
        sync_way_to(self.disk.as_ref(), &self.path(&id))?;
        Ok(draft)
    }

    /// Opens a draft to go on with it; nobody else can, until it is closed.
    ///
    /// # Errors
    /// Where there is none of that name, or somebody has it.
    pub fn open(&self, id: &DraftId) -> Result<OpenDraft, DraftError> {
        match self.disk.stat(&self.path(id)) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Err(DraftError::Unknown(id.to_string()))
            }
            there => there.map_err(DraftError::from).and_then(|_| self.lock(id)),
        }
    }

    /// The draft of a letter that was taken back: the one that it was made of, or else, where that has gone, a new one
    /// with its fields and text.
    ///
    /// # Errors
    /// Where the disk is full or fails.
    pub fn home_for(&self, left: &Left) -> Result<DraftId, DraftError> {
        match &left.notes.draft {
            Some(id) if self.is_there(id) => Ok(id.clone()),
            _ => {
                let (written, text) = Written::of_letter(left);
                Ok(self.begin(&written, &text)?.id().clone())
            }
        }
    }

    /// Whether there is one of that name.
    pub fn is_there(&self, id: &DraftId) -> bool {
        self.disk.stat(&self.path(id)).is_ok()
    }

    fn lock(&self, id: &DraftId) -> Result<OpenDraft, DraftError> {
        match self.disk.lock(&self.path(id).join("lock")) {
            Ok(lock) => Ok(OpenDraft { drafts: self.clone(), id: id.clone(), _lock: lock }),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                Err(DraftError::Busy(id.clone()))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// All drafts, that which was changed last in front.
    ///
    /// # Errors
    /// Where the folder can't be read.
    pub fn list(&self) -> Result<Vec<Listed>, DraftError> {
        let entries = match self.disk.read_dir(&self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut drafts = Vec::new();
        for entry in entries.into_iter().filter(|entry| entry.kind == EntryKind::Directory) {
            match entry.name.to_str().and_then(DraftId::parse) {
                Some(id) => drafts.extend(self.listed(id)),
                // What a kill left of one that was thrown away.
                None if is_gone(&entry.name) => self.clear(&self.folder.join(&entry.name)),
                None => {}
            }
        }
        drafts.sort_by(|a, b| (b.changed, &a.id).cmp(&(a.changed, &b.id)));
        Ok(drafts)
    }

    /// `None` where it has gone meanwhile, or is no more than an empty folder.
    fn listed(&self, id: DraftId) -> Option<Listed> {
        let changed = self.disk.modified(&self.path(&id).join("text")).ok()?;
        let written = self.written(&id).unwrap_or_default();
        let in_use = match self.lock(&id) {
            Err(DraftError::Busy(_)) => InUse::Yes,
            _ => InUse::No,
        };
        Some(Listed { id, written, changed, in_use })
    }

    /// Throws a draft away whose letter is safe elsewhere; one that isn't there is no error.
    ///
    /// # Errors
    /// Where the disk fails: it may be there again after a power cut.
    pub fn remove(&self, id: &DraftId) -> Result<(), DraftError> {
        let gone = self.folder.join(format!("{GONE}{id}"));
        self.clear(&gone);
        match self.disk.rename_noreplace(&self.path(id), &gone) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            renamed => renamed?,
        }
        self.disk.sync_dir(&self.folder)?;
        self.clear(&gone);
        Ok(())
    }

    /// Removes a folder and the files in it; what stays is removed by the next who lists.
    fn clear(&self, folder: &Path) {
        let Ok(entries) = self.disk.read_dir(folder) else { return };
        for entry in entries {
            let _ = self.disk.remove(&folder.join(entry.name));
        }
        let _ = self.disk.remove_dir(folder);
    }

    fn written(&self, id: &DraftId) -> Result<Written, DraftError> {
        let folder = self.path(id);
        let damaged = |problem: String| DraftError::Damaged {
            id: id.clone(),
            problem,
            text: folder.join("text"),
        };
        let octets = match self.read(&folder.join("draft.json"), limits::DRAFT_FIELDS_OCTETS_MAX) {
            // Begun, and cut off before its fields were there: the text counts.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Written::default()),
            octets => octets?.ok_or_else(|| damaged("they are too large".into()))?,
        };
        let file: File = serde_json::from_slice(&octets).map_err(|e| damaged(e.to_string()))?;
        match file.format.as_str() {
            FORMAT => Ok(file.written),
            other => Err(damaged(format!("they are {other:?}, which this version doesn't know"))),
        }
    }

    /// A file's octets; `None` where it has more than `max`.
    fn read(&self, path: &Path, max: u64) -> Result<Option<Vec<u8>>, DiskError> {
        let file = self.disk.open_read(path)?;
        let length = file.len()?;
        if length > max {
            return Ok(None);
        }
        let mut octets = vec![0; usize::try_from(length).unwrap_or(0)];
        let read = file.read_at(&mut octets, 0)?;
        octets.truncate(read);
        Ok(Some(octets))
    }
}

fn is_gone(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| name.starts_with(GONE))
}

/// `draft.json`
#[derive(Debug, Serialize, Deserialize)]
struct File {
    format: String,
    #[serde(flatten)]
    written: Written,
}

/// A draft that nobody else can write to.
#[derive(Debug)]
pub struct OpenDraft {
    drafts: Drafts,
    id: DraftId,
    _lock: Box<dyn DiskLock>,
}

impl OpenDraft {
    /// Its name.
    pub fn id(&self) -> &DraftId {
        &self.id
    }

    /// Its own folder.
    pub fn folder(&self) -> PathBuf {
        self.drafts.path(&self.id)
    }

    /// The file that the editor works on.
    pub fn text_path(&self) -> PathBuf {
        self.folder().join("text")
    }

    /// The fields.
    ///
    /// # Errors
    /// Where they can't be read.
    pub fn written(&self) -> Result<Written, DraftError> {
        self.drafts.written(&self.id)
    }

    /// The text: UTF-8, or Latin-1 where it is none.
    ///
    /// # Errors
    /// Where it can't be read, or is larger than any letter.
    pub fn text(&self) -> Result<String, DraftError> {
        let octets = self.drafts.read(&self.text_path(), limits::LETTER_OCTETS_MAX)?;
        let octets = octets.ok_or_else(|| DraftError::TooLarge(self.id.clone()))?;
        Ok(crate::compose::as_text(octets))
    }

    /// Keeps the fields, durably.
    ///
    /// # Errors
    /// Where the disk is full or fails: what was kept before is there still.
    pub fn save(&self, written: &Written) -> Result<(), DraftError> {
        let file = File { format: FORMAT.to_owned(), written: written.clone() };
        let json = serde_json::to_vec_pretty(&file);
        let json = json.map_err(|error| DraftError::NotWritable(error.to_string()))?;
        self.replace("draft.json", &json)
    }

    /// Keeps the text, durably.
    ///
    /// # Errors
    /// As [`OpenDraft::save`].
    pub fn save_text(&self, text: &str) -> Result<(), DraftError> {
        self.replace("text", text.as_bytes())
    }

    /// Keeps a letter that is sent on, durably.
    ///
    /// # Errors
    /// As [`OpenDraft::save`].
    pub fn save_forwarded(&self, letter: &[u8]) -> Result<(), DraftError> {
        self.replace(FORWARDED, letter)
    }

    /// Makes durable what the editor has left.
    ///
    /// # Errors
    /// Where the editor has left nothing, or the disk fails.
    pub fn keep_text(&self) -> Result<(), DraftError> {
        // It may have written a new file and renamed it: content first, then the name.
        self.drafts.disk.open(&self.text_path())?.sync()?;
        Ok(self.drafts.disk.sync_dir(&self.folder())?)
    }

    /// Throws it away.
    ///
    /// # Errors
    /// As [`Drafts::remove`].
    pub fn remove(self) -> Result<(), DraftError> {
        self.drafts.remove(&self.id)
    }

    /// Whole, or as it was.
    fn replace(&self, name: &str, octets: &[u8]) -> Result<(), DraftError> {
        let (disk, folder) = (&self.drafts.disk, self.folder());
        let next = folder.join(format!(".{name}.next"));
        match disk.remove(&next) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let mut file = disk.create_new(&next)?;
        file.write_all_at(&[octets], 0)?;
        file.sync()?;
        disk.rename(&next, &folder.join(name))?;
        Ok(disk.sync_dir(&folder)?)
    }
}

#[cfg(test)]
mod tests;
