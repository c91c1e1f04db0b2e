//! What the fuzz target in `tests/fuzz` runs, and a plain test over its seeds.

use postroad_disk::{DiskError, DiskFile, EntryKind, Owner, Stat};
use postroad_message::{Needle, Part, Scope};

use crate::rows::{ROWS, asked};
use crate::segment::{self, GROUP_ROWS, GROUPS, Group, Segment};
use crate::{Batch, Signature};

/// What one target runs.
pub type Body = fn(&[u8]);

/// Every target, by the name of its file and its folder of seeds.
pub const TARGETS: [(&str, Body); 1] = [("text_index", text_index)];

/// An index that somebody else has written, and one of letters that are these octets.
///
/// # Panics
/// Where a letter is left out that has what is looked for.
pub fn text_index(octets: &[u8]) {
    read(&Octets(octets.to_vec()), segment::HEAD_OCTETS as u64);
    read(&Octets(with_right_checksums(octets)), 0);
    letters(octets);
}

/// Whatever stands in a file, reading it ends, and each letter that is found is in its segment.
fn read(file: &Octets, from: u64) {
    let (mut at, length) = (from, file.0.len() as u64);
    while let Ok(Some(found)) = Segment::read(file, at, length) {
        assert!(found.end() > at && found.end() <= length, "a segment behind the end");
        at = found.end();
        let mut group = Group::default();
        for number in [0, 1, GROUPS - 1] {
            if !group.read(file, &found, number).expect("octets can be read") {
                continue;
            }
            for row in (0..GROUP_ROWS).filter_map(|row| group.row(row, found.uids.len())) {
                assert!(row.places().count() <= 1024);
            }
        }
        let _ = found.with_all(file, &[0, 1, 63, 64, ROWS - 1]);
    }
}

/// The octets as the rows of a segment's first groups, so that what checksums guard is looked at, too.
fn with_right_checksums(octets: &[u8]) -> Vec<u8> {
    let uids: Vec<u32> = (0..1 + octets.first().map_or(0, |octet| u32::from(*octet))).collect();
    let (lengths, rows) = octets.split_at(octets.len().min(GROUP_ROWS));
    let (mark, mut groups, mut at) = (segment::mark(&uids), Vec::new(), 0);
    for number in 0..GROUPS {
        let mut own = [0; GROUP_ROWS];
        if number == 0 {
            own.iter_mut().zip(lengths).for_each(|(to, from)| *to = *from);
        }
        let octets: usize = own.iter().map(|length| usize::from(*length)).sum();
        let some = rows.get(at..rows.len().min(at + octets)).unwrap_or_default();
        segment::write_group(mark, at, own, some, &mut groups);
        at += some.len();
    }
    let always = crate::letters::Letters::first(uids.len() / 2);
    [segment::head(&uids, &always, rows.len()), groups, rows.to_vec()].concat()
}

/// Two letters, and the end of the first one as what is looked for.
fn letters(octets: &[u8]) {
    let (one, other) = octets.split_at(octets.len() / 2);
    let end = one.get(one.len().saturating_sub(8)..).unwrap_or_default();
    let needle = Needle::new(&String::from_utf8_lossy(end));
    let mut batch = Batch::new(2);
    let parts = [one, other].map(|letter| (letter, Part::of(letter)));
    for (uid, (letter, part)) in (1..).zip(&parts) {
        batch.add(uid, Some(&Signature::of(letter, part)));
    }
    let file = Octets(batch.segment());
    let segment = Segment::read(&file, 0, file.0.len() as u64).expect("octets can be read");
    let segment = segment.expect("it was written whole");
    let may_have = segment.with_all(&file, &asked(&needle)).expect("octets can be read");
    let may_have = may_have.expect("it was written right");
    for (place, (letter, part)) in parts.iter().enumerate() {
        let has = needle.is_in_letter(letter, part, Scope::All);
        assert!(!has || may_have.has(place), "letter {place}");
    }
}

/// Octets as a file.
#[derive(Debug)]
struct Octets(Vec<u8>);

impl DiskFile for Octets {
    fn write_all_at(&mut self, _: &[&[u8]], _: u64) -> Result<(), DiskError> {
        Ok(())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, DiskError> {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let octets = self.0.get(from..).unwrap_or_default();
        let count = octets.len().min(buffer.len());
        buffer.iter_mut().zip(octets).for_each(|(to, from)| *to = *from);
        Ok(count)
    }

    fn stat(&self) -> Result<Stat, DiskError> {
        let octets = self.0.len() as u64;
        let (kind, owner) = (EntryKind::File, Owner::Ours);
        Ok(Stat { kind, octets, owner, mode: 0o600, links: 1, number: 1 })
    }

    fn truncate(&mut self, _: u64) -> Result<(), DiskError> {
        Ok(())
    }

    fn sync(&mut self) -> Result<(), DiskError> {
        Ok(())
    }
}
