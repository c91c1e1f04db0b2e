//! The register's file, `postroad-register`: a header, a snapshot, and frames behind it.
//!
//! | octets | what |
//! |---|---|
//! | 256 | header: magic, version, UIDVALIDITY, mailbox's id, lease, lengths, checksums |
//! | 32 each | letters, sorted by UID |
//! | | their names |
//! | | keywords, expunged UIDs, the last listing |
//! | | frames (`frame.rs`) |
//!
//! A snapshot is written into tmp/, synced, renamed over the one before, and the folder is synced: then only does
//! anybody give numbers of the new lease. Numbers are little-endian.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crc32fast::Hasher;
use postroad_disk::{Disk, DiskError, DiskFile};

use super::contents::{Contents, is_numbered};
use super::expunged::{Expunged, Range};
use super::frame::{self, Frame, Next, checksum};
use super::letters::{Letters, Record};
use super::name::State;
use super::octets::{Octets, Put as _};
use crate::limits::FRAME_OCTETS_MAX;

/// What it is called, in each folder.
pub(crate) const REGISTER: &str = "postroad-register";

const MAGIC: &[u8; 8] = b"postroad";
const VERSION: u32 = 1;
const HEADER_OCTETS: usize = 256;
/// A letter, as it is stored: eight groups of four octets.
type EncodedRecord = [[u8; 4]; 8];
const RECORD_OCTETS: usize = size_of::<EncodedRecord>();
const RANGE_OCTETS: usize = 16;
/// Octets that are read or written at once.
const PIECE_OCTETS: usize = 4 * 1024 * 1024;
/// Names of a register, in octets, that another thread reads.
const NAMES_BESIDE_OCTETS: u64 = 1024 * 1024;
/// Letters that are read at once: what the processor has at hand by the time that they are decoded.
const RECORDS_AT_ONCE: usize = 4 * 1024;

/// An open register.
#[derive(Debug, Clone)]
pub(crate) struct RegisterFile {
    /// Open, so that no other file gets its number.
    file: Arc<dyn DiskFile>,
    pub(crate) number: u64,
    /// Octets of the snapshot.
    pub(crate) snapshot: u64,
    /// Up to where frames were read or written.
    pub(crate) end: u64,
    /// The checksum of the last.
    pub(crate) chain: u32,
}

/// What was found behind the frames that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tail {
    Whole,
    /// Octets that are no frame: somebody is just writing it, or got no further.
    Torn,
}

/// Why there is nothing to be had from a register.
#[derive(Debug)]
pub(crate) enum Unusable {
    Missing,
    /// It is not what was written.
    Damaged,
    Disk(DiskError),
}

impl From<DiskError> for Unusable {
    fn from(error: DiskError) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing,
            _ => Self::Disk(error),
        }
    }
}

/// Lengths and checksums that stand in the header.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sections {
    letters: u64,
    names: u64,
    rest: u64,
    checksum: u32,
}

impl RegisterFile {
    /// Reads all of it.
    pub(crate) fn open(disk: &dyn Disk, path: &Path) -> Result<(Self, Contents, Tail), Unusable> {
        let file = disk.open_read(path)?;
        let number = file.stat()?.number;
        let (mut register, mut contents) = Self::read_snapshot(file, number)?;
        let tail = register.read_on(&mut contents)?;
        Ok((register, contents, tail))
    }

    pub(crate) fn read_snapshot(
        file: Box<dyn DiskFile>,
        number: u64,
    ) -> Result<(Self, Contents), Unusable> {
        let mut header = vec![0; HEADER_OCTETS];
        let octets = file.len()?;
        if file.read_at(&mut header, 0)? < HEADER_OCTETS {
            return Err(Unusable::Damaged);
        }
        let (mut contents, sections) = decode_header(&header).ok_or(Unusable::Damaged)?;
        let snapshot = sections.snapshot_octets().filter(|snapshot| *snapshot <= octets);
        let snapshot = snapshot.ok_or(Unusable::Damaged)?;
        let mut read = Reading::at(file.as_ref(), HEADER_OCTETS as u64);
        let (records, names) = read.letters(&sections)?;
        let rest = read.section(sections.rest)?;
        if read.checksum.finalize() != sections.checksum {
            return Err(Unusable::Damaged);
        }
        contents.letters = Letters::of(records, names).ok_or(Unusable::Damaged)?;
        let last = contents.letters.records().last().map_or(0, |last| last.uid);
        if last >= contents.lease.uid_next {
            return Err(Unusable::Damaged);
        }
        decode_rest(&rest, &mut contents).ok_or(Unusable::Damaged)?;
        let chain = checksum(0, &header);
        let file = Arc::from(file);
        Ok((Self { file, number, snapshot, end: snapshot, chain }, contents))
    }

    /// Reads and applies what was appended since.
    pub(crate) fn read_on(&mut self, contents: &mut Contents) -> Result<Tail, Unusable> {
        let octets = self.file.len()?;
        let mut at_once = PIECE_OCTETS;
        while self.end < octets {
            let left = usize::try_from(octets - self.end).unwrap_or(usize::MAX);
            let mut piece = vec![0; left.min(at_once)];
            let read = self.file.read_at(&mut piece, self.end)?;
            let piece = piece.get(..read).unwrap_or_default();
            if self.apply_all(piece, contents)? > 0 {
                at_once = PIECE_OCTETS;
                continue;
            }
            // None that is whole: it is longer than that, or isn't one.
            at_once = match frame::octets(piece) {
                Some(frame)
                    if frame > read && frame <= left.min(FRAME_OCTETS_MAX) && read >= at_once =>
                {
                    frame
                }
                _ => return Ok(Tail::Torn),
            };
        }
        Ok(Tail::Whole)
    }

    /// Applies the frames that are whole; gives how many.
    fn apply_all(&mut self, mut octets: &[u8], contents: &mut Contents) -> Result<usize, Unusable> {
        let mut count = 0;
        loop {
            match frame::next(octets, self.chain) {
                Next::Frame { frame, octets: of_it, chain } => {
                    contents.apply(&frame).map_err(|_| Unusable::Damaged)?;
                    octets = octets.get(of_it..).unwrap_or_default();
                    self.end += of_it as u64;
                    self.chain = chain;
                    count += 1;
                }
                Next::End => return Ok(count),
                Next::Nonsense => return Err(Unusable::Damaged),
            }
        }
    }

    /// Appends frames, in one write; `locked` is the same file, held.
    pub(crate) fn append(
        &mut self,
        locked: &mut dyn DiskFile,
        frames: &[Frame],
    ) -> Result<(), DiskError> {
        let (mut chain, mut octets) = (self.chain, Vec::new());
        for frame in frames {
            let before = octets.len();
            frame.encode(&mut chain, &mut octets);
            if octets.len() - before > FRAME_OCTETS_MAX {
                // Nobody would read it.
                let (path, source) = (PathBuf::from(REGISTER), io::ErrorKind::FileTooLarge.into());
                return Err(DiskError { operation: "write", path, source });
            }
        }
        locked.write_all_at(&[&octets], self.end)?;
        self.end += octets.len() as u64;
        self.chain = chain;
        Ok(())
    }

    /// Whether frames outweigh the snapshot, so that opening it takes longer than it should.
    pub(crate) fn wants_writing_anew(&self) -> bool {
        self.end - self.snapshot > (self.snapshot / 2).max(crate::limits::REGISTER_FRAMES_MIN)
    }
}

/// A file that is read from front to back.
struct Reading<'a> {
    file: &'a dyn DiskFile,
    at: u64,
    checksum: Hasher,
}

impl<'a> Reading<'a> {
    fn at(file: &'a dyn DiskFile, at: u64) -> Self {
        Self { file, at, checksum: Hasher::new() }
    }

    /// The letters and their names; where there are many, another thread reads the names meanwhile.
    fn letters(&mut self, sections: &Sections) -> Result<(Vec<Record>, Vec<u8>), Unusable> {
        if sections.names < NAMES_BESIDE_OCTETS {
            return Ok((self.records(sections.letters)?, self.section(sections.names)?));
        }
        let names_at =
            self.at.saturating_add(sections.letters.saturating_mul(RECORD_OCTETS as u64));
        let mut beside = Self::at(self.file, names_at);
        let (records, names) = std::thread::scope(|scope| {
            let read_names = || beside.section(sections.names);
            let reading = std::thread::Builder::new().spawn_scoped(scope, read_names);
            let records = self.records(sections.letters);
            // Where the system has no thread for it, there are none yet.
            let names = reading.ok().map(|reading| {
                reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            });
            (records, names)
        });
        let Some(names) = names else { return Ok((records?, self.section(sections.names)?)) };
        self.at = beside.at;
        self.checksum.combine(&beside.checksum);
        Ok((records?, names?))
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), Unusable> {
        if self.file.read_at(buffer, self.at)? < buffer.len() {
            return Err(Unusable::Damaged);
        }
        self.at += buffer.len() as u64;
        self.checksum.update(buffer);
        Ok(())
    }

    fn section(&mut self, octets: u64) -> Result<Vec<u8>, Unusable> {
        let mut section = vec![0; usize::try_from(octets).map_err(|_| Unusable::Damaged)?];
        for piece in section.chunks_mut(PIECE_OCTETS) {
            self.fill(piece)?;
        }
        Ok(section)
    }

    fn records(&mut self, count: u64) -> Result<Vec<Record>, Unusable> {
        let mut left = usize::try_from(count).map_err(|_| Unusable::Damaged)?;
        let mut records = Vec::with_capacity(left);
        let mut piece = vec![EncodedRecord::default(); left.min(RECORDS_AT_ONCE)];
        while left > 0 {
            let some = left.min(piece.len());
            let piece = piece.get_mut(..some).unwrap_or_default();
            self.fill(piece.as_flattened_mut().as_flattened_mut())?;
            records.extend(piece.iter().map(decode_record));
            left -= some;
        }
        Ok(records)
    }
}

/// Writes a snapshot into a file that is empty, and syncs it; gives its octets and the checksum that the first frame
/// begins with.
pub(crate) fn write_snapshot(
    file: &mut dyn DiskFile,
    contents: &Contents,
) -> Result<(u64, u32), DiskError> {
    let mut write = Writing { file, at: HEADER_OCTETS as u64, checksum: 0, piece: Vec::new() };
    let letters = &contents.letters;
    let mut name_at = 0_u32;
    for record in letters.records() {
        let record = Record { name_at, ..*record };
        write.piece.extend_from_slice(encode_record(&record).as_flattened());
        name_at += u32::from(record.name_octets);
        write.flush_if_large()?;
    }
    match letters.names_in_order() {
        Some(names) => {
            write.flush()?;
            write.now(names)?;
        }
        None => {
            for record in letters.records() {
                write.piece.put(letters.stored(record));
                write.flush_if_large()?;
            }
        }
    }
    let mut rest = Vec::new();
    encode_rest(contents, &mut rest);
    write.piece.put(&rest);
    write.flush()?;
    let sections = Sections {
        letters: letters.len() as u64,
        names: letters.name_octets() as u64,
        rest: rest.len() as u64,
        checksum: write.checksum,
    };
    let octets = write.at;
    let header = encode_header(contents, &sections);
    file.write_all_at(&[&header], 0)?;
    file.sync()?;
    Ok((octets, checksum(0, &header)))
}

struct Writing<'a> {
    file: &'a mut dyn DiskFile,
    at: u64,
    checksum: u32,
    piece: Vec<u8>,
}

impl Writing<'_> {
    fn flush_if_large(&mut self) -> Result<(), DiskError> {
        if self.piece.len() >= PIECE_OCTETS { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), DiskError> {
        let mut piece = std::mem::take(&mut self.piece);
        self.now(&piece)?;
        piece.clear();
        self.piece = piece;
        Ok(())
    }

    fn now(&mut self, octets: &[u8]) -> Result<(), DiskError> {
        if !octets.is_empty() {
            self.file.write_all_at(&[octets], self.at)?;
            self.checksum = checksum(self.checksum, octets);
            self.at += octets.len() as u64;
        }
        Ok(())
    }
}

/// Makes a register of `contents`, durably, in place of the one that `locked` is (or of none); gives the new one, and
/// the lock on it.
pub(crate) fn write_anew(
    disk: &dyn Disk,
    by: &Path,
    path: &Path,
    contents: &Contents,
) -> Result<(RegisterFile, Box<dyn DiskFile>), DiskError> {
    drop(disk.create_new(by)?);
    let written = (|| {
        // Held before anybody else can find it.
        let mut locked = disk.open_locked(by)?;
        let (snapshot, chain) = write_snapshot(locked.as_mut(), contents)?;
        let file = disk.open_read(by)?;
        let number = file.stat()?.number;
        disk.rename(by, path)?;
        let file = Arc::from(file);
        let register = RegisterFile { file, number, snapshot, end: snapshot, chain };
        Ok((register, locked))
    })();
    match (written, path.parent()) {
        (Ok(written), Some(folder)) => disk.sync_dir(folder).map(|()| written),
        (Ok(written), None) => Ok(written),
        (Err(error), _) => {
            // The error that counts is the first one.
            let _ = disk.remove(by);
            Err(error)
        }
    }
}

/// The same octets with checksums that fit: what an attacker who knows them would write. For fuzzing.
pub(crate) fn resealed(octets: &[u8]) -> Option<Vec<u8>> {
    let mut octets = octets.to_vec();
    octets.get_mut(..12)?.copy_from_slice(&[&MAGIC[..], &VERSION.to_le_bytes()].concat());
    let lengths = octets.get(32..56)?.to_vec();
    let mut lengths = Octets(&lengths);
    let sections = Sections {
        letters: lengths.u64()?,
        names: lengths.u64()?,
        rest: lengths.u64()?,
        checksum: 0,
    };
    let end = usize::try_from(sections.snapshot_octets()?).ok()?;
    let body = checksum(0, octets.get(HEADER_OCTETS..end)?);
    octets.get_mut(56..60)?.copy_from_slice(&body.to_le_bytes());
    let header = checksum(0, octets.get(..HEADER_OCTETS - 4)?);
    octets.get_mut(HEADER_OCTETS - 4..HEADER_OCTETS)?.copy_from_slice(&header.to_le_bytes());
    Some(octets)
}

/// The register of a folder.
pub(crate) fn path_in(folder: &Path) -> PathBuf {
    folder.join(REGISTER)
}

fn encode_record(record: &Record) -> EncodedRecord {
    let Record { uid, name_at, modseq, keywords, saved, name_octets, state } = *record;
    let halves = |number: u64| [number as u32, (number >> 32) as u32].map(u32::to_le_bytes);
    let [modseq_low, modseq_high] = halves(modseq);
    let [keywords_low, keywords_high] = halves(keywords);
    let [[name_low, name_high], [state_low, state_high]] =
        [name_octets, state.0].map(u16::to_le_bytes);
    [
        uid.to_le_bytes(),
        name_at.to_le_bytes(),
        modseq_low,
        modseq_high,
        keywords_low,
        keywords_high,
        saved.to_le_bytes(),
        [name_low, name_high, state_low, state_high],
    ]
}

fn decode_record(record: &EncodedRecord) -> Record {
    let [uid, name_at, modseq @ .., saved, [name_low, name_high, state_low, state_high]] = record;
    let [modseq_low, modseq_high, keywords_low, keywords_high] = modseq;
    let number = |octets: &[u8; 4]| u32::from_le_bytes(*octets);
    let long = |low, high| u64::from(number(low)) | u64::from(number(high)) << 32;
    Record {
        uid: number(uid),
        name_at: number(name_at),
        modseq: long(modseq_low, modseq_high),
        keywords: long(keywords_low, keywords_high),
        saved: number(saved),
        name_octets: u16::from_le_bytes([*name_low, *name_high]),
        state: State(u16::from_le_bytes([*state_low, *state_high])),
    }
}

fn encode_header(contents: &Contents, sections: &Sections) -> Vec<u8> {
    let mut header = Vec::with_capacity(HEADER_OCTETS);
    header.put(MAGIC);
    header.u32(VERSION);
    header.u32(contents.uid_validity);
    header.put(&contents.mailbox_id);
    for length in [sections.letters, sections.names, sections.rest] {
        header.u64(length);
    }
    header.u32(sections.checksum);
    header.u64(contents.expunged.known_since());
    frame::put_lease(&contents.lease, &mut header);
    header.resize(HEADER_OCTETS - 4, 0);
    header.u32(checksum(0, &header));
    header
}

fn decode_header(header: &[u8]) -> Option<(Contents, Sections)> {
    let (covered, written) = header.split_at_checked(HEADER_OCTETS - 4)?;
    let mut octets = Octets(covered);
    if octets.take(MAGIC.len())? != MAGIC || Octets(written).u32()? != checksum(0, covered) {
        return None;
    }
    if octets.u32()? != VERSION {
        return None;
    }
    let uid_validity = octets.u32()?;
    let mailbox_id = octets.take(16)?.try_into().ok()?;
    let (letters, names, rest) = (octets.u64()?, octets.u64()?, octets.u64()?);
    let sections = Sections { letters, names, rest, checksum: octets.u32()? };
    let expunged = Expunged::of(Vec::new(), octets.u64()?)?;
    let lease = frame::lease(&mut octets)?;
    let contents = Contents { uid_validity, mailbox_id, lease, expunged, ..Contents::default() };
    Some((contents, sections))
}

impl Sections {
    fn snapshot_octets(&self) -> Option<u64> {
        let letters = self.letters.checked_mul(RECORD_OCTETS as u64)?;
        (HEADER_OCTETS as u64).checked_add(letters)?.checked_add(self.names)?.checked_add(self.rest)
    }
}

fn encode_rest(contents: &Contents, out: &mut Vec<u8>) {
    out.u16(contents.keywords.len() as u16);
    for (number, name) in &contents.keywords {
        out.push(*number);
        out.text(name.as_bytes());
    }
    match &contents.listed {
        Some(listed) => {
            out.push(1);
            frame::put_listed(listed, out);
        }
        None => out.push(0),
    }
    for range in contents.expunged.ranges() {
        out.u64(range.modseq);
        out.u32(range.from);
        out.u32(range.to);
    }
}

fn decode_rest(octets: &[u8], contents: &mut Contents) -> Option<()> {
    let mut octets = Octets(octets);
    for _ in 0..octets.u16()? {
        let number = octets.u8()?;
        let name = String::from_utf8(octets.text()?.to_owned()).ok()?;
        if !is_numbered(number) || contents.keywords.iter().any(|(known, _)| *known == number) {
            return None;
        }
        contents.keywords.push((number, name));
    }
    if octets.u8()? == 1 {
        contents.listed = Some(frame::listed(&mut octets)?);
    }
    let ranges = octets.0.chunks_exact(RANGE_OCTETS).map(|range| {
        let mut range = Octets(range);
        Some(Range { modseq: range.u64()?, from: range.u32()?, to: range.u32()? })
    });
    let known_since = contents.expunged.known_since();
    contents.expunged = Expunged::of(ranges.collect::<Option<_>>()?, known_since)?;
    Some(())
}

#[cfg(test)]
mod tests {
    use postroad_disk::OsDisk;

    use super::super::letters::Added;
    use super::super::name::Flagged;
    use super::*;

    /// A register of so many letters, with names as long as they may be.
    fn written(letters: u32) -> (tempfile::TempDir, PathBuf, Contents) {
        let mut contents = Contents { uid_validity: 1, ..Contents::default() };
        contents.lease.uid_next = 1;
        let names: Vec<String> = (1..=letters).map(|uid| format!("{uid:0>250}")).collect();
        let added = names.iter().enumerate().map(|(at, name)| {
            let uid = at as u32 + 1;
            Added { uid, flagged: Flagged::default(), saved: uid, stored: name.as_bytes() }
        });
        contents.assign(1, added).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = path_in(dir.path());
        drop(write_anew(&OsDisk, &dir.path().join("by"), &path, &contents).unwrap());
        (dir, path, contents)
    }

    #[test]
    fn names_that_another_thread_reads_are_the_same() {
        let letters = NAMES_BESIDE_OCTETS as u32 / 250 + 1;
        for letters in [letters - 2, letters] {
            let (_dir, path, contents) = written(letters);
            let (_, read, tail) = RegisterFile::open(&OsDisk, &path).unwrap();
            assert_eq!(tail, Tail::Whole);
            assert_eq!(read.letters.records(), contents.letters.records());
            assert_eq!(read.letters.names_in_order(), contents.letters.names_in_order());
            assert_eq!(read.lease, contents.lease);
        }
    }

    #[test]
    fn a_large_register_that_was_changed_is_damaged() {
        let (_dir, path, contents) = written(NAMES_BESIDE_OCTETS as u32 / 250 + 1);
        let records = HEADER_OCTETS + contents.letters.len() * RECORD_OCTETS;
        let whole = std::fs::read(&path).unwrap();
        // A letter's flags, a name, what is behind them; and cut off before each.
        for at in [HEADER_OCTETS + 30, records + 1_000_000, whole.len() - 1] {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            std::fs::write(&path, &changed).unwrap();
            let opened = RegisterFile::open(&OsDisk, &path);
            assert!(matches!(opened, Err(Unusable::Damaged)), "changed at {at}");
            std::fs::write(&path, &whole[..at]).unwrap();
            let opened = RegisterFile::open(&OsDisk, &path);
            assert!(matches!(opened, Err(Unusable::Damaged)), "cut off at {at}");
        }
    }
}
