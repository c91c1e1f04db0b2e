//! What the fuzz targets run, so that plain `cargo test` can replay their seeds.
//!
//! Each body takes any octets and panics where something that must hold doesn't. The targets under
//! `tests/fuzz` hand them libFuzzer's octets; `tests/fuzz_seeds.rs` hands them the files in the tree.

use postroad_disk::{DiskError, DiskFile, EntryKind, Owner, Stat};

use crate::embedded::codec::{Kind, Record};
use crate::embedded::record::{
    Contents, Found, HEAD_OCTETS, HEADER_OCTETS, Head, Header, Reader, any_mark, read_content,
};
use crate::embedded::replay::Replay;

/// What one target runs.
pub type Body = fn(&[u8]);

/// Every target, by the name of its file and its folder of seeds.
pub const TARGETS: [(&str, Body); 2] = [("segment", segment), ("queue_record", record)];

/// Whatever a segment's file holds, reading it ends, finds stretches that lie in order within the
/// file, and finds nothing where there is no mark.
pub fn segment(octets: &[u8]) {
    let header = octets.first_chunk::<HEADER_OCTETS>().and_then(Header::decode);
    let file = Octets(octets.to_vec());
    let mark = header.map(|header| header.mark).or_else(|| any_mark(&file, 1).ok().flatten());
    for contents in [Contents::Check, Contents::Skip] {
        let found = read(&file, mark.unwrap_or(0x7465_7374_6d61_726b), contents);
        let mut at = HEADER_OCTETS as u64;
        for (from, to) in found {
            assert!(from >= at && from <= to, "{from} to {to} behind {at}");
            at = to;
        }
    }
    replayed(&file, mark.unwrap_or(0x7465_7374_6d61_726b));
    rebuilt(octets);
}

/// Reads the segment as a start and as `export` do: what is queued then has an envelope, and its content is
/// given out as what it is or not at all.
fn replayed(file: &Octets, mark: u64) {
    for contents in [Contents::Check, Contents::Skip] {
        let mut replay = Replay::default();
        let Ok(flaws) = replay.segment(1, mark, file, contents) else { return };
        assert!(flaws.gaps.iter().all(|gap| gap.from < gap.to), "an empty gap");
        let live = replay.index.segments.get(&1).map_or(0, |usage| usage.live_messages);
        assert_eq!(live, replay.index.messages.len() as u64);
        for (id, entry) in &replay.index.messages {
            assert!(entry.row(*id).is_some(), "{id} has no envelope");
            let content = read_content(file, entry.place, *id).ok().flatten();
            let octets = u64::from(entry.place.content_octets);
            assert!(content.is_none_or(|content| content.len() as u64 == octets));
        }
    }
}

/// Makes records of the octets, writes them as the engine does and reads them back; then again with one
/// octet altered, which may cost the record that it is in and no other.
fn rebuilt(octets: &[u8]) {
    let mark = 0x7465_7374_6d61_726b;
    let mut file = Header { version: 1, number: 1, mark }.encode().to_vec();
    let mut starts = Vec::new();
    for piece in octets.chunks(61) {
        let (meta, content) = piece.split_at(piece.len() / 2);
        let head = Head {
            mark,
            kind: Kind::Edited,
            group: u32::try_from(file.len()).unwrap_or(0),
            meta_octets: u32::try_from(meta.len()).unwrap_or(0),
            content_octets: u32::try_from(content.len()).unwrap_or(0),
            content_crc: crc32fast::hash(content),
        };
        starts.push(file.len() as u64);
        file.extend_from_slice(&head.encode(meta));
        file.extend_from_slice(meta);
        file.extend_from_slice(content);
    }
    let records = |file: &Octets| records(file, mark);
    let sound = Octets(file);
    assert_eq!(records(&sound), starts);
    let at = octets.iter().fold(0usize, |sum, octet| sum * 31 % 65_521 + usize::from(*octet));
    let mut altered = sound.0.clone();
    let at = HEADER_OCTETS + at % (altered.len() - HEADER_OCTETS + 1);
    let Some(octet) = altered.get_mut(at) else { return };
    *octet ^= 0x41;
    let hit = starts.iter().rfind(|start| **start <= at as u64);
    let left: Vec<u64> =
        records(&Octets(altered)).into_iter().filter(|at| Some(at) != hit).collect();
    let expected: Vec<u64> = starts.iter().copied().filter(|start| Some(start) != hit).collect();
    assert_eq!(left, expected, "octet {at}");
}

fn records(file: &Octets, mark: u64) -> Vec<u64> {
    let Ok(mut reader) = Reader::new(file, mark, Contents::Check) else { return Vec::new() };
    let mut starts = Vec::new();
    loop {
        match reader.step() {
            Ok(Found::Record { offset, .. }) => starts.push(offset),
            Ok(Found::Damaged { .. } | Found::ContentDamaged { .. }) => {}
            Ok(Found::End { .. }) | Err(_) => return starts,
        }
    }
}

/// All that a reader finds, as stretches of the file.
fn read(file: &Octets, mark: u64, contents: Contents) -> Vec<(u64, u64)> {
    let Ok(mut reader) = Reader::new(file, mark, contents) else { return Vec::new() };
    let mut found = Vec::new();
    // No record is shorter than its head, and damage ends where a record begins.
    for _ in 0..2 + 2 * file.0.len() / HEAD_OCTETS {
        match reader.step() {
            Ok(Found::Record { offset, head, meta }) => {
                let _ = Record::decode(head.kind, &meta);
                found.push((offset, offset + head.record_octets()));
            }
            Ok(Found::ContentDamaged { offset, head, .. }) => {
                found.push((offset, offset + head.record_octets()));
            }
            Ok(Found::Damaged { from, to }) => found.push((from, to)),
            Ok(Found::End { .. }) | Err(_) => return found,
        }
    }
    panic!("reading doesn't end");
}

/// The first octet says of what kind a record is, the rest is its meta part: what can be read at all is
/// read the same when it is written again.
pub fn record(octets: &[u8]) {
    let Some((kind, meta)) = octets.split_first() else { return };
    let Some(kind) = Kind::from_number(u32::from(*kind)) else { return };
    let Ok(record) = Record::decode(kind, meta) else { return };
    assert_eq!(Record::decode(kind, &record.encode()).as_ref(), Ok(&record));
    if let Record::Message(message) = &record {
        message.states.iter().for_each(|state| drop(state.shown()));
    }
}

/// A file in memory that is only read.
#[derive(Debug)]
struct Octets(Vec<u8>);

impl DiskFile for Octets {
    fn write_all_at(&mut self, _: &[&[u8]], _: u64) -> Result<(), DiskError> {
        Ok(())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, DiskError> {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = self.0.get(offset..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        Ok(count)
    }

    fn stat(&self) -> Result<Stat, DiskError> {
        let octets = self.0.len() as u64;
        let kind = EntryKind::File;
        Ok(Stat { kind, octets, owner: Owner::Ours, mode: 0o600, links: 1, number: 1 })
    }

    fn truncate(&mut self, _: u64) -> Result<(), DiskError> {
        Ok(())
    }

    fn sync(&mut self) -> Result<(), DiskError> {
        Ok(())
    }
}
