//! A cache's file that somebody else has written.

use std::path::PathBuf;

use postroad_disk::{DiskError, DiskFile, EntryKind, Owner, Stat};

use super::block::{self, BLOCK_MAGIC, HEAD_OCTETS, RECORD_OCTETS};
use super::facts::{Columns, Facts};
use super::window::Window;

/// Whatever stands in a file, reading it ends, and what is found lies in it, in order, and gives facts or nothing.
/// Facts that are written anew are the same.
pub(crate) fn cache(octets: &[u8]) {
    read(&Octets(octets.to_vec()), HEAD_OCTETS as u64);
    read(&Octets(with_right_checksum(octets)), 0);
    let columns = Columns::default();
    if let Some(facts) = Facts::read(columns, octets) {
        let mut again = Vec::new();
        facts.write(&mut again).expect("facts no longer than they were");
        assert_eq!(Facts::read(columns, &again), Some(facts));
    }
}

fn read(file: &Octets, from: u64) {
    let mut entries = Vec::new();
    let length = file.0.len() as u64;
    let Ok(found) = block::read_index(file, from, length, &mut entries) else { return };
    assert!(found.end <= length.max(from), "blocks behind the end");
    let (mut window, mut at) = (Window::default(), from);
    for entry in &entries {
        assert!(entry.at >= at, "facts over each other");
        at = entry.at + u64::from(entry.octets);
        let octets = window.read(file, entry.at, entry.octets).expect("facts in the file");
        let _ = block::facts(entry.columns(), octets);
    }
    assert!(at <= found.end, "facts behind the last block");
}

/// The octets as index and facts of one block, so that what its checksum guards is looked at, too.
fn with_right_checksum(octets: &[u8]) -> Vec<u8> {
    let letters = (octets.len() / RECORD_OCTETS).min(3);
    let (index, facts) = octets.split_at(letters * RECORD_OCTETS);
    let number = |number: usize| u32::try_from(number).unwrap_or_default().to_le_bytes();
    let mut head = [BLOCK_MAGIC, number(letters), number(facts.len()), [0; 4]];
    head[3] = block::crc_of(head.as_flattened(), index).to_le_bytes();
    [head.as_flattened(), octets].concat()
}

#[derive(Debug)]
struct Octets(Vec<u8>);

impl DiskFile for Octets {
    fn write_all_at(&mut self, buffers: &[&[u8]], offset: u64) -> Result<(), DiskError> {
        self.truncate(offset)?;
        self.0.extend(buffers.concat());
        Ok(())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, DiskError> {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let octets = self.0.get(from..).unwrap_or_default();
        let count = octets.len().min(buffer.len());
        buffer.iter_mut().zip(octets).for_each(|(to, from)| *to = *from);
        Ok(count)
    }

    fn len(&self) -> Result<u64, DiskError> {
        Ok(self.0.len() as u64)
    }

    fn stat(&self) -> Result<Stat, DiskError> {
        let octets = self.0.len() as u64;
        Ok(Stat {
            kind: EntryKind::File,
            octets,
            owner: Owner::Ours,
            mode: 0o600,
            links: 1,
            number: 1,
        })
    }

    fn truncate(&mut self, len: u64) -> Result<(), DiskError> {
        let too_long = |_| DiskError {
            operation: "truncate",
            path: PathBuf::new(),
            source: std::io::ErrorKind::FileTooLarge.into(),
        };
        self.0.resize(usize::try_from(len).map_err(too_long)?, 0);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), DiskError> {
        Ok(())
    }
}
