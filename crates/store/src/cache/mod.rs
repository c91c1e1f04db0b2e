//! What was read out of letters once: the file `postroad-cache` beside them, which anybody may delete at any moment.
//!
//! It holds for each UID what IMAP asks for most often ([`Facts`]), so that a list of a hundred thousand envelopes
//! is one walk through a file and not a hundred thousand files that are opened. Nothing in it is needed, nothing is
//! synced, and nothing is believed that its checksum doesn't fit (`block.rs` has the format).
//!
//! It can't answer for another letter: its head says which mailbox and which numbering it is of ([`CacheKey`]), and each
//! entry which file, by a hash of the name's beginning. A letter's file never changes. Who reads and who writes, and what
//! of it, is [`AppendedFile`]'s.
//!
//! Asked for letters in the order of their UIDs it reads the file from front to back, in large pieces.

use std::sync::Arc;

use postroad_disk::{Disk, DiskError, DiskFile};

use crate::Maildir;
use crate::appended::{Appended, AppendedFile, Written};

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
    file: AppendedFile<Known>,
    pending: Block,
}

/// What is known of the file.
#[derive(Debug, Default)]
struct Known {
    blocks: u64,
    /// Octets of facts that others have replaced.
    waste: u64,
    /// By UID, each once.
    entries: Vec<Entry>,
    window: Window,
    /// Where the entry behind the one is that was asked for last.
    next: usize,
}

impl Appended for Known {
    fn read_on(&mut self, file: &dyn DiskFile, end: u64, length: u64) -> Result<u64, DiskError> {
        let known = self.entries.len();
        let found = block::read_index(file, end, length, &mut self.entries);
        self.sort_from(known);
        let found = found?;
        self.blocks += found.blocks;
        Ok(found.end)
    }
}

impl Known {
    fn entry(&mut self, uid: u32, base: &[u8]) -> Option<Entry> {
        let at = match self.entries.get(self.next) {
            Some(entry) if entry.uid == uid => self.next,
            _ => self.entries.binary_search_by_key(&uid, |entry| entry.uid).ok()?,
        };
        self.next = at + 1;
        self.entries.get(at).filter(|entry| entry.base == hash(base)).copied()
    }

    /// Puts the entries from there on, which came last, in their places.
    fn sort_from(&mut self, known: usize) {
        let from = known.saturating_sub(1);
        let is_sorted = |pair: &[Entry]| matches!(pair, [one, other] if one.uid < other.uid);
        if self.entries.get(from..).unwrap_or_default().windows(2).all(is_sorted) {
            return;
        }
        // Of two with one UID the one that came later stays later.
        let mut runs: Vec<&[Entry]> =
            self.entries.chunk_by(|one, other| one.uid < other.uid).collect();
        runs.sort_by_key(|run| run.first().map(|entry| entry.uid));
        let mut sorted = runs.concat();
        // Blocks seldom reach into each other: they were read from the newest letters to the oldest.
        if !sorted.is_sorted_by(|one, other| one.uid < other.uid) {
            sorted = std::mem::take(&mut self.entries);
            sorted.sort_by_key(|entry| entry.uid);
        }
        self.entries = sorted;
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

    fn is_untidy(&self, is_there: impl Fn(u32) -> bool) -> bool {
        let all = self.entries.iter().map(|entry| u64::from(entry.octets));
        let gone = self.entries.iter().filter(|entry| !is_there(entry.uid));
        let waste = self.waste + gone.map(|entry| u64::from(entry.octets)).sum::<u64>();
        let blocks_enough = BLOCKS_TO_SPARE + self.entries.len() as u64 / LETTERS_OF_A_SMALL_BLOCK;
        waste > WASTE_TO_SPARE + all.sum::<u64>() / 2 || self.blocks > blocks_enough
    }

    /// Writes all that is there into another file, in the order of the UIDs.
    fn write_anew(
        &mut self,
        old: &dyn DiskFile,
        new: &mut dyn DiskFile,
        is_there: impl Fn(u32) -> bool,
    ) -> Result<(), DiskError> {
        let (mut end, mut block) = (HEAD_OCTETS as u64, Block::default());
        for entry in self.entries.iter().filter(|entry| is_there(entry.uid)) {
            let octets = self.window.read(old, entry.at, entry.octets);
            let facts = octets.and_then(|octets| block::facts(entry.columns(), octets));
            if let Some(facts) = facts {
                block.add(entry.uid, entry.base, &facts);
            }
            if block.is_full() {
                end = block.write(new, end)?.1;
            }
        }
        if !block.is_empty() {
            block.write(new, end)?;
        }
        Ok(())
    }
}

impl Cache {
    /// The cache of a folder: an empty one where there is none that is right. It is made when something is written.
    ///
    /// # Errors
    /// What the disk said; then letters have to be read, and that is all.
    pub fn open(disk: Arc<dyn Disk>, folder: &Maildir, key: CacheKey) -> Result<Self, DiskError> {
        let file = AppendedFile::open(disk, folder, FILE, key.head().to_vec())?;
        Ok(Self { file, pending: Block::default() })
    }

    /// Takes up what others have written since.
    ///
    /// # Errors
    /// What the disk said.
    pub fn refresh(&mut self) -> Result<(), DiskError> {
        self.file.refresh()
    }

    /// How many letters it knows.
    pub fn len(&self) -> usize {
        self.file.known().entries.len()
    }

    /// Whether it knows none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is remembered of a letter, if its file's name begins with `base` (as far as the first `,` or `:`).
    /// Asked for in the order of their UIDs, letters cost no call each.
    pub fn get(&mut self, uid: u32, base: &[u8]) -> Option<Facts<'_>> {
        let (file, known) = self.file.parts()?;
        let entry = known.entry(uid, base)?;
        // A disk that can't be read knows nothing.
        let octets = known.window.read(file, entry.at, entry.octets)?;
        block::facts(entry.columns(), octets)
    }

    /// The part of it for which nothing is read.
    pub fn columns(&mut self, uid: u32, base: &[u8]) -> Option<Columns> {
        let (_, known) = self.file.parts()?;
        known.entry(uid, base).map(|entry| entry.columns())
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
        let pending = &mut self.pending;
        let written = self.file.append(|known, file, end| {
            let before = known.entries.len();
            let (entries, end) = pending.write(file, end)?;
            known.entries.extend(entries);
            known.sort_from(before);
            known.blocks += 1;
            // What it has of the file's end may have been torn.
            known.window = Window::default();
            Ok(end)
        });
        self.pending.clear();
        written
    }

    /// Writes the file anew, without the letters that aren't there any more, if that is worth it.
    ///
    /// # Errors
    /// What the disk said; the file is as it was.
    pub fn tidy(&mut self, is_there: impl Fn(u32) -> bool) -> Result<Written, DiskError> {
        match self.file.known().is_untidy(&is_there) {
            true => self.file.write_anew(|known, old, new| known.write_anew(old, new, &is_there)),
            false => Ok(Written::All),
        }
    }
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
