//! What was read out of letters once: the file `postroad-cache` beside them, which anybody may delete at any moment.
//!
//! It holds for each UID what IMAP asks for most often ([`Facts`]), so that a list of a hundred thousand envelopes
//! is one walk through a file and not a hundred thousand files that are opened. Nothing in it is needed, nothing is
//! synced, and nothing is believed that its checksum doesn't fit (`block.rs` has the format).
//!
//! It can't answer for another letter: its head says which mailbox and which numbering it is of ([`CacheKey`]), and each
//! entry which file, by a hash of the name's beginning. A letter's file never changes.
//!
//! | who | how |
//! |---|---|
//! | readers, any number | without a lock; what is appended meanwhile is seen at [`Cache::refresh`] |
//! | a writer at a time | holds the file's lock (fcntl(2)) while it appends; who doesn't get it writes nothing |
//! | [`Cache::tidy`] | writes the file anew, without letters that are gone, and renames it over the old one, of which readers keep the rest |
//!
//! Asked for letters in the order of their UIDs it reads the file from front to back, in large pieces.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use postroad_disk::{Disk, DiskError, DiskFile};

use crate::Maildir;
use crate::file_name::FileNames;

mod block;
mod facts;
mod fuzz;
#[cfg(test)]
mod tests;
mod window;

pub use block::CacheKey;
pub use facts::{Columns, EmailId, Facts, IdHash, Sent, Subject, SubjectKind};
pub(crate) use fuzz::cache as fuzz_cache;

use block::{Block, Entry, HEAD_OCTETS};
use window::Window;

pub(crate) const FILE: &str = "postroad-cache";
/// Blocks beyond what so many letters need are too many: deliveries come one by one.
const BLOCKS_TO_SPARE: u64 = 64;
const LETTERS_OF_A_SMALL_BLOCK: u64 = 256;
/// Octets that lie waste without being looked after.
const WASTE_TO_SPARE: u64 = 1024 * 1024;

/// What is remembered of a folder's letters.
#[derive(Debug)]
pub struct Cache {
    disk: Arc<dyn Disk>,
    folder: Maildir,
    key: CacheKey,
    /// What is read from; `None` where there is none of ours.
    file: Option<Box<dyn DiskFile>>,
    /// The file's number: a new one has come to its place when it is another.
    number: u64,
    /// How far it was read and is right.
    end: u64,
    blocks: u64,
    /// Octets of facts that others have replaced.
    waste: u64,
    /// By UID, each once.
    entries: Vec<Entry>,
    window: Window,
    /// Where the entry behind the one is that was asked for last.
    next: usize,
    pending: Block,
}

/// Whether something was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It was, or there was nothing to write.
    All,
    /// Somebody else is writing, and ours is forgotten.
    NotOurTurn,
}

impl Cache {
    /// The cache of a folder: an empty one where there is none that is right. It is made when something is written.
    ///
    /// # Errors
    /// What the disk said; then letters have to be read, and that is all.
    pub fn open(disk: Arc<dyn Disk>, folder: &Maildir, key: CacheKey) -> Result<Self, DiskError> {
        let mut cache = Self {
            disk,
            folder: folder.clone(),
            key,
            file: None,
            number: 0,
            end: 0,
            blocks: 0,
            waste: 0,
            entries: Vec::new(),
            window: Window::default(),
            next: 0,
            pending: Block::default(),
        };
        cache.refresh()?;
        Ok(cache)
    }

    /// Takes up what others have written since.
    ///
    /// # Errors
    /// What the disk said.
    pub fn refresh(&mut self) -> Result<(), DiskError> {
        match self.disk.stat(&self.path()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Ok(stat) if self.file.is_some() && stat.number == self.number => self.read_on(),
            Ok(stat) => self.reopen(stat.number),
            Err(error) => Err(error),
        }
    }

    /// How many letters it knows.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it knows none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What is remembered of a letter, if its file's name begins with `base` (as far as the first `,` or `:`).
    /// Asked for in the order of their UIDs, letters cost no call each.
    pub fn get(&mut self, uid: u32, base: &[u8]) -> Option<Facts<'_>> {
        let entry = *self.entry(uid, base)?;
        // A disk that can't be read knows nothing.
        let octets = self.window.read(self.file.as_deref()?, entry.at, entry.octets)?;
        block::facts(entry.columns(), octets)
    }

    /// The part of it for which nothing is read.
    pub fn columns(&mut self, uid: u32, base: &[u8]) -> Option<Columns> {
        self.entry(uid, base).map(Entry::columns)
    }

    /// Remembers a letter, in place of what was remembered of it. It is written, and found, together with others:
    /// [`Cache::flush`] for the last of them.
    ///
    /// # Errors
    /// As there.
    pub fn remember(
        &mut self,
        uid: u32,
        base: &[u8],
        facts: &Facts<'_>,
    ) -> Result<Written, DiskError> {
        self.pending.add(uid, hash(base), facts);
        match self.pending.is_full() {
            true => self.flush(),
            false => Ok(Written::All),
        }
    }

    /// Writes what is to be remembered.
    ///
    /// # Errors
    /// What the disk said: what was to be written is forgotten.
    pub fn flush(&mut self) -> Result<Written, DiskError> {
        if self.pending.is_empty() {
            return Ok(Written::All);
        }
        let written = self.write_pending();
        self.pending.clear();
        written
    }

    /// Writes the file anew, without the letters that aren't there any more, if that is worth it.
    ///
    /// # Errors
    /// What the disk said; the file is as it was.
    pub fn tidy(&mut self, is_there: impl Fn(u32) -> bool) -> Result<Written, DiskError> {
        let all = self.entries.iter().map(|entry| u64::from(entry.octets));
        let gone = self.entries.iter().filter(|entry| !is_there(entry.uid));
        let waste = self.waste + gone.map(|entry| u64::from(entry.octets)).sum::<u64>();
        let blocks_enough = BLOCKS_TO_SPARE + self.entries.len() as u64 / LETTERS_OF_A_SMALL_BLOCK;
        if waste <= WASTE_TO_SPARE + all.sum::<u64>() / 2 && self.blocks <= blocks_enough {
            return Ok(Written::All);
        }
        let Some(_locked) = self.locked()? else { return Ok(Written::NotOurTurn) };
        let by = self.by();
        let new = self.write_anew(&by, is_there);
        // The file beside it is nobody's where that failed.
        match new.and_then(|()| self.disk.rename(&by, &self.path())) {
            Ok(()) => self.refresh().map(|()| Written::All),
            Err(error) => {
                let _ = self.disk.remove(&by);
                Err(error)
            }
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.root().join(FILE)
    }

    /// A name in tmp/, where what a crash leaves is swept.
    fn by(&self) -> PathBuf {
        self.folder.tmp().join(FileNames::new("cache").next(SystemTime::now()))
    }

    fn entry(&mut self, uid: u32, base: &[u8]) -> Option<&Entry> {
        let at = match self.entries.get(self.next) {
            Some(entry) if entry.uid == uid => self.next,
            _ => self.entries.binary_search_by_key(&uid, |entry| entry.uid).ok()?,
        };
        self.next = at + 1;
        self.entries.get(at).filter(|entry| entry.base == hash(base))
    }

    /// Reads the file that is there now.
    fn reopen(&mut self, number: u64) -> Result<(), DiskError> {
        self.forget();
        let file = self.disk.open_read(&self.path())?;
        let mut head = [0; HEAD_OCTETS];
        if file.read_at(&mut head, 0)? == HEAD_OCTETS && head == self.key.head() {
            (self.file, self.number, self.end) = (Some(file), number, HEAD_OCTETS as u64);
            self.read_on()?;
        }
        Ok(())
    }

    fn forget(&mut self) {
        (self.file, self.number, self.end, self.blocks, self.waste) = (None, 0, 0, 0, 0);
        self.entries.clear();
        self.window = Window::default();
    }

    /// Reads the blocks behind those that were read.
    fn read_on(&mut self) -> Result<(), DiskError> {
        let Some(file) = &self.file else { return Ok(()) };
        let (known, length) = (self.entries.len(), file.len()?);
        if length < self.end {
            // Somebody has cut it off.
            return self.reopen(self.number);
        }
        let found = block::read_index(file.as_ref(), self.end, length, &mut self.entries);
        self.sort_from(known);
        let found = found?;
        self.end = found.end;
        self.blocks += found.blocks;
        Ok(())
    }

    /// Puts the entries from there on, which came last, in their places.
    fn sort_from(&mut self, known: usize) {
        let from = known.saturating_sub(1);
        let is_sorted = |pair: &[Entry]| matches!(pair, [one, other] if one.uid < other.uid);
        if self.entries.get(from..).unwrap_or_default().windows(2).all(is_sorted) {
            return;
        }
        // Of two with one UID the one that came later stays later.
        self.entries.sort_by_key(|entry| entry.uid);
        let waste = &mut self.waste;
        self.entries.dedup_by(|later, earlier| {
            let is_same = later.uid == earlier.uid;
            if is_same {
                *waste += u64::from(earlier.octets);
                *earlier = *later;
            }
            is_same
        });
    }

    /// The file, locked, with all that it holds known; `None` where it is somebody else's turn.
    fn locked(&mut self) -> Result<Option<Box<dyn DiskFile>>, DiskError> {
        let path = self.path();
        let mut file = match self.disk.open_locked(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.create()?;
                self.disk.open_locked(&path)
            }
            file => file,
        };
        if file.is_ok() {
            self.refresh()?;
            if self.file.is_none() {
                // Another mailbox's, or of no version that we know.
                self.create_over()?;
                file = self.disk.open_locked(&path);
                self.refresh()?;
            }
        }
        match file {
            Ok(file) => Ok(self.file.is_some().then_some(file)),
            Err(error) if is_taken(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes an empty one, unless somebody else just does.
    fn create(&self) -> Result<(), DiskError> {
        let by = self.by();
        self.write_head(&by)?;
        match self.disk.rename_noreplace(&by, &self.path()) {
            Err(error) => {
                let _ = self.disk.remove(&by);
                if error.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(error) }
            }
            Ok(()) => Ok(()),
        }
    }

    /// Makes an empty one in place of one that is none of ours.
    fn create_over(&self) -> Result<(), DiskError> {
        let by = self.by();
        self.write_head(&by)?;
        self.disk.rename(&by, &self.path())
    }

    fn write_head(&self, by: &std::path::Path) -> Result<Box<dyn DiskFile>, DiskError> {
        let mut file = self.disk.create_new(by)?;
        file.write_all_at(&[&self.key.head()], 0)?;
        Ok(file)
    }

    fn write_pending(&mut self) -> Result<Written, DiskError> {
        let Some(mut file) = self.locked()? else { return Ok(Written::NotOurTurn) };
        if file.len()? > self.end {
            // A torn tail: what is behind it would never be found.
            file.truncate(self.end)?;
        }
        let known = self.entries.len();
        let (entries, end) = self.pending.write(file.as_mut(), self.end)?;
        self.entries.extend(entries);
        self.sort_from(known);
        (self.end, self.blocks) = (end, self.blocks + 1);
        // What it has of the file's end may have been torn.
        self.window = Window::default();
        Ok(Written::All)
    }

    /// Writes all that is there into another file, in the order of the UIDs.
    fn write_anew(
        &mut self,
        by: &std::path::Path,
        is_there: impl Fn(u32) -> bool,
    ) -> Result<(), DiskError> {
        let mut file = self.write_head(by)?;
        let (mut end, mut block) = (HEAD_OCTETS as u64, Block::default());
        let Some(old) = self.file.as_deref() else { return Ok(()) };
        for entry in self.entries.iter().filter(|entry| is_there(entry.uid)) {
            let octets = self.window.read(old, entry.at, entry.octets);
            let facts = octets.and_then(|octets| block::facts(entry.columns(), octets));
            if let Some(facts) = facts {
                block.add(entry.uid, entry.base, &facts);
            }
            if block.is_full() {
                end = block.write(file.as_mut(), end)?.1;
            }
        }
        if !block.is_empty() {
            block.write(file.as_mut(), end)?;
        }
        Ok(())
    }
}

/// Whether somebody else writes. Where there are no locks, nobody does.
fn is_taken(error: &DiskError) -> bool {
    let no_locks = [rustix::io::Errno::NOLCK, rustix::io::Errno::NOSYS].map(|it| it.raw_os_error());
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::NotFound | io::ErrorKind::Unsupported
    ) || error.source.raw_os_error().is_some_and(|number| no_locks.contains(&number))
}

/// The same in each process and version, and quick: it tells a name from others, which nobody has reason to forge.
fn hash(base: &[u8]) -> u64 {
    let (words, rest) = base.as_chunks();
    let mut last = [0; 8];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    let mix = |hash: u64, word: &[u8; 8]| {
        let hash = (hash ^ u64::from_le_bytes(*word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash ^ (hash >> 32)
    };
    mix(words.iter().fold(base.len() as u64, mix), &last)
}
