//! The shape of a segment file: a header, then records, each with its own checksums.
//!
//! All numbers are little-endian; CRC is CRC-32 (IEEE), as in zlib.
//!
//! ```text
//! segment = header *record
//! header  = "PRQUEUE\n" version:u32 number:u32 mark:u64 0:u32 crc:u32    ; crc of the 28 octets before it
//! record  = head meta content
//! head    = mark:u64 kind:u32 group:u32 meta-octets:u32 content-octets:u32 content-crc:u32 crc:u32
//!                                                ; crc of the 28 octets before it, then of meta
//! ```
//! - `mark` is the segment's number and 32 bits drawn at random for it. After damage the reader looks for it to find the next
//!   record; no letter's text can guess it, so no letter can pass for records. It also tells the records
//!   of a segment from those that the same file held before it was written over. Where the header is damaged, any
//!   intact record of this number tells the mark: a head always holds NULs, and no letter from outside holds one.
//! - `group` is the offset in this segment at which the group commit began that wrote the record. A
//!   group is written only when the one before it is durable, so whatever is damaged *before* the last
//!   group was on the disk and has been altered; what is damaged from there on is the torn tail of a
//!   write that nobody was told had succeeded.
//! - The content has a checksum of its own, so that start-up reads heads and meta parts alone
//!   ([`Contents::Skip`]) and the content is checked when it is read.

use postroad_disk::{DiskError, DiskFile};

use super::codec::Kind;
use super::damage::{Gap, Unread, salvage};
use super::index::Place;
use super::limits::{INLINE_OCTETS_MAX, META_OCTETS_MAX, SEGMENT_OCTETS};
use crate::spool::QueueId;

/// Octets of a segment's header.
pub(crate) const HEADER_OCTETS: usize = 32;
/// Octets of a record's head.
pub(crate) const HEAD_OCTETS: usize = 32;
const MAGIC: &[u8; 8] = b"PRQUEUE\n";

/// The format's versions. The reader of each stays when the next one comes: a queue outlives the release that
/// wrote it. A segment of a version that isn't here is refused whole, and with it the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// As above.
    One = 1,
}

impl Version {
    /// The one that is written.
    pub(crate) const NEWEST: Self = Self::One;

    /// The version with this number, if this release can read it.
    pub(crate) fn of(number: u32) -> Option<Self> {
        [Self::One].into_iter().find(|version| *version as u32 == number)
    }
}

/// A segment's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) version: u32,
    pub(crate) number: u32,
    pub(crate) mark: u64,
}

impl Header {
    pub(crate) fn encode(self) -> [u8; HEADER_OCTETS] {
        let mut out = Vec::with_capacity(HEADER_OCTETS);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&self.version.to_le_bytes());
        out.extend_from_slice(&self.number.to_le_bytes());
        out.extend_from_slice(&self.mark.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        with_crc(out, &[])
    }

    /// `None` where these aren't the octets of a header.
    pub(crate) fn decode(octets: &[u8; HEADER_OCTETS]) -> Option<Self> {
        let intact = octets.starts_with(MAGIC) && crc_fits(octets, &[]);
        intact.then(|| Self {
            version: u32_at(octets, 8),
            number: u32_at(octets, 12),
            mark: u64_at(octets, 16),
        })
    }
}

/// A record's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) mark: u64,
    pub(crate) kind: Kind,
    pub(crate) group: u32,
    pub(crate) meta_octets: u32,
    pub(crate) content_octets: u32,
    pub(crate) content_crc: u32,
}

impl Head {
    /// The octets of the head of a record with this meta part.
    pub(crate) fn encode(self, meta: &[u8]) -> [u8; HEAD_OCTETS] {
        let mut out = Vec::with_capacity(HEAD_OCTETS);
        out.extend_from_slice(&self.mark.to_le_bytes());
        let numbers =
            [self.kind as u32, self.group, self.meta_octets, self.content_octets, self.content_crc];
        numbers.iter().for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
        with_crc(out, meta)
    }

    /// Octets of the whole record.
    pub(crate) fn record_octets(&self) -> u64 {
        HEAD_OCTETS as u64 + u64::from(self.meta_octets) + u64::from(self.content_octets)
    }

    /// What the octets say, if they can be a head at all; whether they are is for the checksum to say.
    fn plausible(octets: &[u8; HEAD_OCTETS]) -> Option<Self> {
        let head = Self {
            mark: u64_at(octets, 0),
            kind: Kind::from_number(u32_at(octets, 8))?,
            group: u32_at(octets, 12),
            meta_octets: u32_at(octets, 16),
            content_octets: u32_at(octets, 20),
            content_crc: u32_at(octets, 24),
        };
        let fits = usize::try_from(head.meta_octets).is_ok_and(|octets| octets <= META_OCTETS_MAX)
            && u64::from(head.content_octets) <= INLINE_OCTETS_MAX.max(SEGMENT_OCTETS);
        fits.then_some(head)
    }
}

/// Appends the CRC of what is there and of `more`, and makes it an array of the size it now has.
fn with_crc<const N: usize>(mut out: Vec<u8>, more: &[u8]) -> [u8; N] {
    let crc = crc_of(&out, more);
    out.extend_from_slice(&crc.to_le_bytes());
    out.try_into().unwrap_or([0; N])
}

fn crc_of(first: &[u8], second: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(first);
    hasher.update(second);
    hasher.finalize()
}

/// Whether the last four octets are the CRC of the ones before and of `more`.
fn crc_fits<const N: usize>(octets: &[u8; N], more: &[u8]) -> bool {
    octets
        .split_at_checked(N - 4)
        .is_some_and(|(body, _)| crc_of(body, more) == u32_at(octets, N - 4))
}

fn u32_at(octets: &[u8], at: usize) -> u32 {
    octets
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .map_or(0, |chunk| u32::from_le_bytes(*chunk))
}

fn u64_at(octets: &[u8], at: usize) -> u64 {
    octets
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .map_or(0, |chunk| u64::from_le_bytes(*chunk))
}

/// Whether the reader checks the contents too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contents {
    /// Every one against its checksum: for the segment that was being written at the crash.
    Check,
    /// None; whoever reads one checks it then.
    Skip,
}

/// What stands next in a segment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A record whose checksums fit.
    Record { offset: u64, head: Head, meta: Vec<u8> },
    /// A record whose head and meta part are intact and whose content isn't.
    ContentDamaged { offset: u64, head: Head, meta: Vec<u8> },
    /// Octets that are no intact record, from `from` up to `to`.
    Damaged { from: u64, to: u64 },
    /// The end: what follows, if anything, is of the file's former life.
    End { offset: u64 },
}

/// Reads a segment's records one after the other.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    file: &'a dyn DiskFile,
    octets: u64,
    offset: u64,
    mark: u64,
    contents: Contents,
    window: Window,
}

impl<'a> Reader<'a> {
    /// From the first record on. The header's mark is passed in, so that a damaged header (see
    /// [`any_mark`]) doesn't cost the whole segment.
    pub(crate) fn new(
        file: &'a dyn DiskFile,
        mark: u64,
        contents: Contents,
    ) -> Result<Self, DiskError> {
        let octets = file.len()?;
        let unread = Unread::default();
        let window = Window { start: 0, octets: Vec::new(), file_octets: octets, unread };
        Ok(Self { file, octets, offset: HEADER_OCTETS as u64, mark, contents, window })
    }

    /// What stands next. After [`Found::End`] it stays there.
    pub(crate) fn step(&mut self) -> Result<Found, DiskError> {
        let from = self.offset;
        match self.record_at(from)? {
            Attempt::Intact(head, meta) => {
                self.offset = from + head.record_octets();
                Ok(Found::Record { offset: from, head, meta })
            }
            Attempt::ContentDamaged(head, meta) => {
                self.offset = from + head.record_octets();
                Ok(Found::ContentDamaged { offset: from, head, meta })
            }
            Attempt::NoRecord => match self.next_record(from)? {
                Some(to) => {
                    self.offset = to;
                    Ok(Found::Damaged { from, to })
                }
                None => self.tail(from),
            },
        }
    }

    /// Nothing intact follows: a record that was begun here and is damaged, or the end.
    fn tail(&mut self, from: u64) -> Result<Found, DiskError> {
        self.offset = self.octets;
        let window = self.window.fill(self.file, from, HEAD_OCTETS)?;
        let begun = window.starts_with(&self.mark.to_le_bytes());
        // Of what can't be read nobody knows whether it is the end.
        let head = Gap { from, to: self.octets.min(from + HEAD_OCTETS as u64) };
        if begun || self.window.unread.touches(head) {
            return Ok(Found::Damaged { from, to: self.octets });
        }
        Ok(Found::End { offset: from })
    }

    /// Where the next intact record behind `from` begins.
    fn next_record(&mut self, from: u64) -> Result<Option<u64>, DiskError> {
        let mark = self.mark.to_le_bytes();
        let mut from = from + 1;
        while let Some(at) = self.next(&mark, from)? {
            if !matches!(self.record_at(at)?, Attempt::NoRecord) {
                return Ok(Some(at));
            }
            from = at + 1;
        }
        Ok(None)
    }

    /// Where these octets stand next, from a place on; a head has to fit behind it.
    fn next(&mut self, wanted: &[u8], from: u64) -> Result<Option<u64>, DiskError> {
        let mut at = from;
        while at + HEAD_OCTETS as u64 <= self.octets {
            let window = self.window.fill(self.file, at, WINDOW_OCTETS)?;
            match window.windows(wanted.len()).position(|octets| octets == wanted) {
                Some(index) => return Ok(Some(at + index as u64)),
                // They may straddle the window's end.
                None => at += (window.len().saturating_sub(wanted.len() - 1)).max(1) as u64,
            }
        }
        Ok(None)
    }

    /// What of the file couldn't be read up to here.
    pub(crate) fn unread(self) -> Unread {
        self.window.unread
    }

    fn record_at(&mut self, offset: u64) -> Result<Attempt, DiskError> {
        let octets = self.window.fill(self.file, offset, HEAD_OCTETS)?;
        let Some(octets) = octets.first_chunk::<HEAD_OCTETS>().copied() else {
            return Ok(Attempt::NoRecord);
        };
        let Some(head) = Head::plausible(&octets) else { return Ok(Attempt::NoRecord) };
        if offset + head.record_octets() > self.octets {
            return Ok(Attempt::NoRecord);
        }
        let meta_octets = usize::try_from(head.meta_octets).unwrap_or(usize::MAX);
        let meta_offset = offset + HEAD_OCTETS as u64;
        let window = self.window.fill(self.file, meta_offset, meta_octets)?;
        let Some(meta) = window.get(..meta_octets).map(<[u8]>::to_vec) else {
            return Ok(Attempt::NoRecord);
        };
        if !self.is_ours(&octets, &meta) {
            return Ok(Attempt::NoRecord);
        }
        let content_offset = meta_offset + u64::from(head.meta_octets);
        if self.contents == Contents::Check && !self.content_fits(&head, content_offset)? {
            return Ok(Attempt::ContentDamaged(head, meta));
        }
        Ok(Attempt::Intact(head, meta))
    }

    /// Whether the checksum fits for a head with our mark. The mark itself need not be intact: of the
    /// last record in a file with a former life it alone would tell that there is a record at all.
    fn is_ours(&self, octets: &[u8; HEAD_OCTETS], meta: &[u8]) -> bool {
        let mut octets = *octets;
        if let Some(mark) = octets.first_chunk_mut() {
            *mark = self.mark.to_le_bytes();
        }
        crc_fits(&octets, meta)
    }

    fn content_fits(&mut self, head: &Head, offset: u64) -> Result<bool, DiskError> {
        let octets = usize::try_from(head.content_octets).unwrap_or(usize::MAX);
        let window = self.window.fill(self.file, offset, octets)?;
        Ok(window.get(..octets).is_some_and(|content| crc32fast::hash(content) == head.content_crc))
    }
}

enum Attempt {
    Intact(Head, Vec<u8>),
    ContentDamaged(Head, Vec<u8>),
    NoRecord,
}

/// Octets that are read at once; most records are smaller, so that one read serves many.
const WINDOW_OCTETS: usize = 256 * 1024;

/// A stretch of the file in memory, with zeros for what can't be read.
#[derive(Debug)]
struct Window {
    start: u64,
    octets: Vec<u8>,
    file_octets: u64,
    unread: Unread,
}

impl Window {
    /// The octets from `offset` on: `wanted` of them or more, fewer only at the end of the file.
    fn fill(
        &mut self,
        file: &dyn DiskFile,
        offset: u64,
        wanted: usize,
    ) -> Result<&[u8], DiskError> {
        let skip = offset.checked_sub(self.start).and_then(|skip| usize::try_from(skip).ok());
        let skip = skip.filter(|skip| skip.saturating_add(wanted) <= self.octets.len());
        if let Some(skip) = skip {
            return Ok(self.octets.get(skip..).unwrap_or_default());
        }
        let left = usize::try_from(self.file_octets.saturating_sub(offset)).unwrap_or(usize::MAX);
        let octets = wanted.max(WINDOW_OCTETS).min(left);
        self.start = offset;
        self.octets.resize(octets, 0);
        match file.read_at(&mut self.octets, offset) {
            Ok(read) => self.octets.truncate(read),
            Err(error) if error.is_shortage() => return Err(error),
            // One bad sector costs what is in it, not all that is around it.
            Err(_) => {
                let (salvaged, unread) = salvage(file, offset, octets as u64)?;
                self.octets = salvaged;
                self.unread.join(unread);
            }
        }
        Ok(&self.octets)
    }
}

/// The mark of the first record that is intact, for a segment whose header is damaged. It has to hold the
/// segment's number: a record of the file's former life doesn't.
pub(crate) fn any_mark(file: &dyn DiskFile, number: u32) -> Result<Option<u64>, DiskError> {
    let mut reader = Reader::new(file, 0, Contents::Skip)?;
    let mut from = HEADER_OCTETS as u64;
    while let Some(at) = reader.next(&number.to_le_bytes(), from)? {
        reader.mark = u64_at(reader.window.fill(file, at, HEAD_OCTETS)?, 0);
        if matches!(reader.record_at(at)?, Attempt::Intact(..)) {
            return Ok(Some(reader.mark));
        }
        from = at + 1;
    }
    Ok(None)
}

/// The content of the record at a place that the index knows; `None` where head, meta or content
/// don't fit their checksums any more, or belong to another message: the file may have been written
/// over since it was opened.
pub(crate) fn read_content(
    file: &dyn DiskFile,
    place: Place,
    id: QueueId,
) -> Result<Option<Vec<u8>>, DiskError> {
    let mut octets = vec![0; usize::try_from(place.octets()).unwrap_or(0)];
    let read = file.read_at(&mut octets, u64::from(place.offset))?;
    let content = || {
        let head_octets = octets.get(..read)?.first_chunk::<HEAD_OCTETS>()?;
        let head = Head::plausible(head_octets)?;
        let meta_end = HEAD_OCTETS + usize::try_from(head.meta_octets).ok()?;
        let meta = octets.get(HEAD_OCTETS..meta_end)?;
        let content = octets.get(meta_end..read)?;
        let intact = head.record_octets() == read as u64
            && crc_fits(head_octets, meta)
            && meta.starts_with(&id.number().to_le_bytes())
            && crc32fast::hash(content) == head.content_crc;
        intact.then(|| content.to_vec())
    };
    Ok(content())
}
