//! The cache's file: a head, and behind it blocks that were appended one by one.
//!
//! ```text
//! head      "PRcache4"  mailbox id (16)  UIDVALIDITY  crc of those
//! block     "PRcb"  letters  octets of facts  crc of those and of the index
//!   index   UID  octets of facts  base name's hash (u64)  size (u64)  sent (i64)  arrived (i64)      40 octets a letter
//!   facts   crc  facts                                                                             one after the other
//! ```
//! Numbers are little-endian, and of four octets where nothing else is said. A block whose head or index isn't right
//! ends the file; facts that aren't right are absent. So nothing has to be synced.

use postroad_disk::{DiskError, DiskFile};

use super::facts::{Columns, Facts, Sent};
use crate::Mailbox;
use crate::limits::{
    CACHE_BLOCK_LETTERS_MAX, CACHE_BLOCK_OCTETS_MAX, CACHE_LETTERS_MAX, CACHED_LETTER_OCTETS_MAX,
};

const MAGIC: [u8; 8] = *b"PRcache4";
pub(super) const BLOCK_MAGIC: [u8; 4] = *b"PRcb";
pub(super) const HEAD_OCTETS: usize = 32;
const BLOCK_HEAD_OCTETS: usize = 16;
pub(super) const RECORD_OCTETS: usize = 40;
/// Octets that are read at once of the first index; of each other as many as the one before had, with its head.
const READ_OCTETS: usize = 16 * 1024;

/// Whose letters a cache knows: another mailbox's, or those of another numbering, it never answers for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheKey {
    /// The mailbox's id (RFC 8474), which a folder that was removed and made again doesn't have again.
    pub mailbox_id: [u8; 16],
    /// Its UIDVALIDITY.
    pub uid_validity: u32,
}

impl CacheKey {
    /// The key of an open mailbox.
    pub fn of(mailbox: &Mailbox) -> Self {
        Self { mailbox_id: mailbox.id(), uid_validity: mailbox.uid_validity() }
    }

    pub(super) fn head(self) -> [u8; HEAD_OCTETS] {
        let mut head = [0; HEAD_OCTETS];
        let parts = [&MAGIC[..], &self.mailbox_id, &self.uid_validity.to_le_bytes()].concat();
        let crc = crc32fast::hash(&parts).to_le_bytes();
        head.iter_mut().zip(parts.iter().chain(&crc)).for_each(|(to, from)| *to = *from);
        head
    }
}

/// Where a letter's facts are, and what is known without them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) uid: u32,
    /// Octets of its facts, with their checksum.
    pub(super) octets: u32,
    pub(super) base: u64,
    size: u64,
    sent: i64,
    arrived: i64,
    /// Where in the file they are.
    pub(super) at: u64,
}

impl Entry {
    pub(super) fn columns(&self) -> Columns {
        Columns { size: self.size, sent: Sent::unpacked(self.sent), arrived: self.arrived }
    }

    fn read(record: &[u8; RECORD_OCTETS]) -> Option<Self> {
        let (octets, rest) = record.split_first_chunk()?;
        let [uid, length] = halves(*octets);
        let mut numbers = rest.as_chunks().0.iter().map(|number| u64::from_le_bytes(*number));
        let (base, size) = (numbers.next()?, numbers.next()?);
        let (sent, arrived) = (numbers.next()?.cast_signed(), numbers.next()?.cast_signed());
        Some(Self { uid, octets: length, base, size, sent, arrived, at: 0 })
    }

    fn write(&self, index: &mut Vec<u8>) {
        index.extend([self.uid, self.octets].iter().flat_map(|number| number.to_le_bytes()));
        let signed = [self.sent, self.arrived].map(i64::cast_unsigned);
        let numbers = [self.base, self.size, signed[0], signed[1]];
        index.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    }

    fn is_sound(&self) -> bool {
        let octets = usize::try_from(self.octets).unwrap_or(usize::MAX);
        self.uid != 0 && (4..=CACHED_LETTER_OCTETS_MAX + 64).contains(&octets)
    }
}

fn halves(octets: [u8; 8]) -> [u32; 2] {
    let number = u64::from_le_bytes(octets);
    // Both are 32 bits of it.
    [number & 0xffff_ffff, number >> 32].map(|half| u32::try_from(half).unwrap_or_default())
}

/// The facts at an entry, where they are right.
pub(super) fn facts(columns: Columns, octets: &[u8]) -> Option<Facts<'_>> {
    let (crc, octets) = octets.split_first_chunk()?;
    (crc32fast::hash(octets) == u32::from_le_bytes(*crc)).then(|| Facts::read(columns, octets))?
}

/// What was found in a file from some place on.
#[derive(Debug)]
pub(super) struct Found {
    /// Behind its last block that is right.
    pub(super) end: u64,
    pub(super) blocks: u64,
}

/// Reads the index of each block from `at` on; what isn't one, or came into the file since it was `end` octets long,
/// is left out.
pub(super) fn read_index(
    file: &dyn DiskFile,
    mut at: u64,
    end: u64,
    entries: &mut Vec<Entry>,
) -> Result<Found, DiskError> {
    let mut buffer = vec![0; READ_OCTETS];
    let (mut blocks, mut at_once) = (0, READ_OCTETS);
    while entries.len() < CACHE_LETTERS_MAX {
        let mut filled = file.read_at(buffer.get_mut(..at_once).unwrap_or_default(), at)?;
        let Some(head) = buffer.get(..filled).and_then(BlockHead::read) else { break };
        let length = BLOCK_HEAD_OCTETS + head.index_octets();
        if filled < length {
            buffer.resize(buffer.len().max(length), 0);
            let rest = buffer.get_mut(filled..length).unwrap_or_default();
            filled += file.read_at(rest, at + filled as u64)?;
        }
        let Some(index) = buffer.get(..filled.min(length)).filter(|read| read.len() == length)
        else {
            break;
        };
        match head.entries(index, at, end, entries) {
            Some(behind) => at = behind,
            None => break,
        }
        at_once = length;
        blocks += 1;
    }
    Ok(Found { end: at, blocks })
}

#[derive(Debug)]
struct BlockHead {
    letters: usize,
    octets: u64,
    crc: u32,
}

impl BlockHead {
    fn read(octets: &[u8]) -> Option<Self> {
        let head: &[u8; BLOCK_HEAD_OCTETS] = octets.first_chunk()?;
        let [magic, letters, octets, crc] = *head.as_chunks::<4>().0 else { return None };
        let letters = usize::try_from(u32::from_le_bytes(letters)).ok()?;
        let octets = u32::from_le_bytes(octets).into();
        let is_one = magic == BLOCK_MAGIC && (1..=CACHE_BLOCK_LETTERS_MAX).contains(&letters);
        is_one.then_some(Self { letters, octets, crc: u32::from_le_bytes(crc) })
    }

    fn index_octets(&self) -> usize {
        self.letters * RECORD_OCTETS
    }

    /// Adds the entries of a block, of which `block` is head and index, and gives where it ends.
    fn entries(&self, block: &[u8], at: u64, end: u64, to: &mut Vec<Entry>) -> Option<u64> {
        let (head, index) = block.split_at_checked(BLOCK_HEAD_OCTETS)?;
        let begin = at + block.len() as u64;
        let behind = begin + self.octets;
        if behind > end || crc_of(head, index) != self.crc {
            return None;
        }
        let before = to.len();
        let mut place = begin;
        for record in index.as_chunks().0 {
            let entry = Entry::read(record).filter(Entry::is_sound);
            to.extend(entry.map(|entry| Entry { at: place, ..entry }));
            place += entry.map_or(0, |entry| u64::from(entry.octets));
        }
        if place != behind || to.len() != before + self.letters {
            to.truncate(before);
            return None;
        }
        Some(behind)
    }
}

/// Of a block's letters and octets, and of its index.
pub(super) fn crc_of(head: &[u8], index: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(head.get(4..12).unwrap_or_default());
    crc.update(index);
    crc.finalize()
}

/// A block that isn't written yet.
#[derive(Debug, Default)]
pub(super) struct Block {
    entries: Vec<Entry>,
    facts: Vec<u8>,
}

impl Block {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether it takes no more.
    pub(super) fn is_full(&self) -> bool {
        self.entries.len() >= CACHE_BLOCK_LETTERS_MAX || self.facts.len() >= CACHE_BLOCK_OCTETS_MAX
    }

    /// Adds a letter; one with facts that are too long is left out.
    pub(super) fn add(&mut self, uid: u32, base: u64, facts: &Facts<'_>) {
        let begin = self.facts.len();
        self.facts.extend([0; 4]);
        if facts.write(&mut self.facts).is_none() {
            self.facts.truncate(begin);
            return;
        }
        let (crc, octets) = self
            .facts
            .get_mut(begin..)
            .unwrap_or_default()
            .split_at_mut_checked(4)
            .unwrap_or_default();
        crc.copy_from_slice(&crc32fast::hash(octets).to_le_bytes());
        // Facts are shorter than their limit.
        let octets = u32::try_from(octets.len() + 4).unwrap_or_default();
        let Columns { size, sent, arrived } = facts.columns;
        let sent = Sent::packed(sent);
        self.entries.push(Entry { uid, octets, base, size, sent, arrived, at: 0 });
    }

    /// Writes it, and gives its entries.
    pub(super) fn write(
        &mut self,
        file: &mut dyn DiskFile,
        at: u64,
    ) -> Result<(Vec<Entry>, u64), DiskError> {
        let mut index = Vec::with_capacity(self.entries.len() * RECORD_OCTETS);
        self.entries.iter().for_each(|entry| entry.write(&mut index));
        let number = |number: usize| u32::try_from(number).unwrap_or_default().to_le_bytes();
        let mut head = [BLOCK_MAGIC, number(self.entries.len()), number(self.facts.len()), [0; 4]];
        head[3] = crc_of(head.as_flattened(), &index).to_le_bytes();
        file.write_all_at(&[head.as_flattened(), &index, &self.facts], at)?;
        let mut place = at + (BLOCK_HEAD_OCTETS + index.len()) as u64;
        for entry in &mut self.entries {
            entry.at = place;
            place += u64::from(entry.octets);
        }
        self.facts.clear();
        Ok((std::mem::take(&mut self.entries), place))
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.facts.clear();
    }
}
