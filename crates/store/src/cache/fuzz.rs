//! A cache's file that somebody else has written.

use super::block::{self, BLOCK_MAGIC, HEAD_OCTETS, RECORD_OCTETS};
use super::facts::{Columns, Facts};
use super::window::Window;
use crate::fuzz::Octets;

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
