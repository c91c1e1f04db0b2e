//! The format of the file: a head, and behind it segments that were appended one by one.
//!
//! ```text
//! head       "PRtext02"  mailbox id (16)  UIDVALIDITY  crc of those
//! segment    "PRts"  letters  octets of rows  crc of those, UIDs and letters that may have anything
//!   UIDs     one for each letter
//!   anything a bit for each letter
//!   groups   1,024 of: where in the rows it begins  crc of its record and rows  the length of each of its 64 rows (u8)
//!   rows     65,536, one after the other
//! row        the letters that have it: gaps between them (below 128 in one octet, else in two, big-endian, the first bit
//!            set), or a bit for each letter, where that is no longer
//! ```
//! Numbers are little-endian, and of four octets where nothing else is said. A segment whose head isn't right ends the
//! file; a group that isn't right makes its segment useless.

use postroad_disk::{DiskError, DiskFile};
use postroad_store::CacheKey;

use crate::letters::Letters;
use crate::limits::SEGMENT_LETTERS_MAX;
use crate::rows::ROWS;

const MAGIC: [u8; 8] = *b"PRtext02";
const SEGMENT_MAGIC: [u8; 4] = *b"PRts";
pub(crate) const HEAD_OCTETS: usize = 32;
const SEGMENT_HEAD_OCTETS: usize = 16;
pub(crate) const GROUP_ROWS: usize = 64;
pub(crate) const GROUPS: usize = ROWS / GROUP_ROWS;
const GROUP_OCTETS: usize = 8 + GROUP_ROWS;
const GROUPS_OCTETS: u64 = (GROUPS * GROUP_OCTETS) as u64;
/// All rows as bits.
const ROWS_OCTETS_MAX: u64 = (ROWS * SEGMENT_LETTERS_MAX / 8) as u64;

/// The file's head.
pub(crate) fn file_head(key: CacheKey) -> [u8; HEAD_OCTETS] {
    let mut head = [0; HEAD_OCTETS];
    let parts = [&MAGIC[..], &key.mailbox_id, &key.uid_validity.to_le_bytes()].concat();
    let crc = crc32fast::hash(&parts).to_le_bytes();
    head.iter_mut().zip(parts.iter().chain(&crc)).for_each(|(to, from)| *to = *from);
    head
}

/// Whose letters a file with that head knows; `None` where it is no head of ours.
pub(crate) fn key_of(head: &[u8; HEAD_OCTETS]) -> Option<CacheKey> {
    let mailbox_id = *head.get(8..)?.first_chunk()?;
    let uid_validity = u32::from_le_bytes(*head.get(24..)?.first_chunk()?);
    let key = CacheKey { mailbox_id, uid_validity };
    (*head == file_head(key)).then_some(key)
}

/// The head of a segment, with all up to its groups.
pub(crate) fn head(uids: &[u32], always: &Letters, rows: usize) -> Vec<u8> {
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
    let uids_octets = uids.iter().flat_map(|uid| uid.to_le_bytes());
    let bits = (0..uids.len().div_ceil(8)).map(|octet| {
        let has = |bit: &usize| always.has(octet * 8 + bit);
        (0..8).filter(has).fold(0, |octet: u8, bit| octet | 1 << bit)
    });
    let body: Vec<u8> = uids_octets.chain(bits).collect();
    let mut head = [SEGMENT_MAGIC, number(uids.len()), number(rows), [0; 4]];
    head[3] = crc_of(head.as_flattened(), &body).to_le_bytes();
    [head.as_flattened(), &body].concat()
}

/// Of a segment's numbers, and of what follows its head.
fn crc_of(head: &[u8], body: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(head.get(4..12).unwrap_or_default());
    crc.update(body);
    crc.finalize()
}

/// What all checksums of a segment's groups begin with: no other segment's are taken for its own.
pub(crate) fn mark(uids: &[u32]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    uids.iter().for_each(|uid| crc.update(&uid.to_le_bytes()));
    crc.finalize()
}

/// Adds a group's record, whose rows begin there; its number is that of those before it.
pub(crate) fn write_group(
    mark: u32,
    at: usize,
    lengths: [u8; GROUP_ROWS],
    rows: &[u8],
    to: &mut Vec<u8>,
) {
    let number = to.len() / GROUP_OCTETS;
    let at = u32::try_from(at).unwrap_or(u32::MAX).to_le_bytes();
    let crc = crc_of_group(mark, number, at, &lengths, rows).to_le_bytes();
    to.extend([at, crc].as_flattened());
    to.extend(lengths);
}

fn crc_of_group(mark: u32, number: usize, at: [u8; 4], lengths: &[u8], rows: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new_with_initial(mark);
    crc.update(&(number as u64).to_le_bytes());
    [&at, lengths, rows].iter().for_each(|octets| crc.update(octets));
    crc.finalize()
}

/// Adds a gap between letters of a row.
pub(crate) fn write_gap(gap: usize, to: &mut Vec<u8>) {
    // No segment has that many letters.
    let gap = u16::try_from(gap).unwrap_or(u16::MAX);
    match u8::try_from(gap) {
        Ok(gap) if gap < 0x80 => to.push(gap),
        _ => to.extend((gap | 0x8000).to_be_bytes()),
    }
}

/// A segment that is there, without its rows.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) uids: Vec<u32>,
    /// Letters that may have anything in them.
    pub(crate) always: Letters,
    mark: u32,
    /// Where its groups are in the file.
    groups_at: u64,
    rows_octets: u64,
}

impl Segment {
    /// The one that begins there, in a file that is `end` octets long; `None` where there is none that is right.
    pub(crate) fn read(file: &dyn DiskFile, at: u64, end: u64) -> Result<Option<Self>, DiskError> {
        let mut head = [0; SEGMENT_HEAD_OCTETS];
        if file.read_at(&mut head, at)? < SEGMENT_HEAD_OCTETS {
            return Ok(None);
        }
        let [magic, letters, rows, crc] = *head.as_chunks::<4>().0 else { return Ok(None) };
        let letters = usize::try_from(u32::from_le_bytes(letters)).unwrap_or(usize::MAX);
        let rows_octets = u64::from(u32::from_le_bytes(rows));
        let is_one = magic == SEGMENT_MAGIC
            && (1..=SEGMENT_LETTERS_MAX).contains(&letters)
            && rows_octets <= ROWS_OCTETS_MAX;
        if !is_one {
            return Ok(None);
        }
        let mut body = vec![0; letters * 4 + letters.div_ceil(8)];
        let groups_at = at + (SEGMENT_HEAD_OCTETS + body.len()) as u64;
        let is_whole = groups_at + GROUPS_OCTETS + rows_octets <= end
            && file.read_at(&mut body, at + SEGMENT_HEAD_OCTETS as u64)? == body.len();
        if !is_whole || crc_of(&head, &body) != u32::from_le_bytes(crc) {
            return Ok(None);
        }
        let (uids, always) = body.split_at(letters * 4);
        let uids: Vec<u32> =
            uids.as_chunks().0.iter().map(|uid| u32::from_le_bytes(*uid)).collect();
        let (mark, always) = (mark(&uids), Letters::from_octets(always));
        Ok(Some(Self { uids, always, mark, groups_at, rows_octets }))
    }

    /// Where the next one begins.
    pub(crate) fn end(&self) -> u64 {
        self.groups_at + GROUPS_OCTETS + self.rows_octets
    }

    /// The letters that have all these rows, and those that may have anything; `None` where the segment is damaged.
    pub(crate) fn with_all(
        &self,
        file: &dyn DiskFile,
        rows: &[usize],
    ) -> Result<Option<Letters>, DiskError> {
        let mut letters = Letters::first(self.uids.len());
        let mut group = Group::default();
        for row in rows {
            let number = row / GROUP_ROWS;
            if !group.read(file, self, number)? {
                return Ok(None);
            }
            let Some(with) = group.row(row % GROUP_ROWS, self.uids.len()) else { return Ok(None) };
            letters = letters.and(&with);
            if letters.is_empty() {
                break;
            }
        }
        Ok(Some(letters.or(&self.always)))
    }

    /// Whether all of its rows are as they were written.
    pub(crate) fn is_sound(&self, file: &dyn DiskFile) -> Result<bool, DiskError> {
        let mut group = Group::default();
        for number in 0..ROWS / GROUP_ROWS {
            if !group.read(file, self, number)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Rows that stand together.
#[derive(Debug, Default)]
pub(crate) struct Group {
    number: Option<usize>,
    lengths: Vec<u8>,
    rows: Vec<u8>,
}

impl Group {
    /// Reads a segment's group; `false` where it isn't right.
    pub(crate) fn read(
        &mut self,
        file: &dyn DiskFile,
        segment: &Segment,
        number: usize,
    ) -> Result<bool, DiskError> {
        if self.number == Some(number) {
            return Ok(true);
        }
        self.number = None;
        let mut record = [0; GROUP_OCTETS];
        let at = segment.groups_at + (number * GROUP_OCTETS) as u64;
        if file.read_at(&mut record, at)? < GROUP_OCTETS {
            return Ok(false);
        }
        let (numbers, lengths) = record.split_at(8);
        let [at, crc] = *numbers.as_chunks::<4>().0 else { return Ok(false) };
        let octets: usize = lengths.iter().map(|length| usize::from(*length)).sum();
        let begin = u64::from(u32::from_le_bytes(at));
        if begin + octets as u64 > segment.rows_octets {
            return Ok(false);
        }
        self.rows.resize(octets, 0);
        let read = file.read_at(&mut self.rows, segment.groups_at + GROUPS_OCTETS + begin)?;
        let right = crc_of_group(segment.mark, number, at, lengths, &self.rows);
        if read < octets || right != u32::from_le_bytes(crc) {
            return Ok(false);
        }
        self.lengths.clear();
        self.lengths.extend_from_slice(lengths);
        self.number = Some(number);
        Ok(true)
    }

    /// One of its rows, in a segment of `letters`; `None` where that can't be one.
    pub(crate) fn row(&self, row: usize, letters: usize) -> Option<Letters> {
        let before = self.lengths.get(..row)?;
        let begin: usize = before.iter().map(|length| usize::from(*length)).sum();
        let length = usize::from(*self.lengths.get(row)?);
        let octets = self.rows.get(begin..begin + length)?;
        if length == letters.div_ceil(8) {
            return Some(Letters::from_octets(octets));
        }
        let (mut found, mut next, mut octets) = (Letters::default(), 0, octets.iter());
        while let Some(octet) = octets.next() {
            let gap = match octet {
                ..0x80 => usize::from(*octet),
                _ => usize::from(octet & 0x7f) << 8 | usize::from(*octets.next()?),
            };
            let place = next + gap;
            if place >= letters {
                return None;
            }
            found.add(place);
            next = place + 1;
        }
        Some(found)
    }
}
