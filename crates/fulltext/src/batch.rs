//! Letters that become a segment together.

use crate::letters::{Letters, bits};
use crate::limits::SEGMENT_LETTERS_MAX;
use crate::rows::{ROWS, Signature};
use crate::segment::{self, GROUP_ROWS};

/// A bit for each letter and row.
#[derive(Debug)]
pub struct Batch {
    letters_max: usize,
    /// Words of a row.
    words: usize,
    bits: Vec<u64>,
    uids: Vec<u32>,
    /// Letters that may have anything in them.
    always: Letters,
}

impl Batch {
    /// An empty one for so many letters, of which it takes [`SEGMENT_LETTERS_MAX`] at most.
    pub fn new(letters: usize) -> Self {
        let letters_max = letters.clamp(1, SEGMENT_LETTERS_MAX);
        let words = letters_max.div_ceil(64);
        let (bits, uids) = (vec![0; words * ROWS], Vec::with_capacity(letters_max));
        Self { letters_max, words, bits, uids, always: Letters::default() }
    }

    /// Adds a letter, `None` for one that nobody wants to read: a search has to. One too many is left out.
    pub fn add(&mut self, uid: u32, signature: Option<&Signature>) {
        match signature.filter(|signature| signature.is_telling()) {
            Some(signature) => {
                if let Some(place) = self.begin(uid) {
                    signature.rows().for_each(|row| self.set(place, row));
                }
            }
            None => {
                if let Some(place) = self.begin(uid) {
                    self.always.add(place);
                }
            }
        }
    }

    /// A letter's place.
    pub(crate) fn begin(&mut self, uid: u32) -> Option<usize> {
        let place = self.uids.len();
        if self.is_full() {
            return None;
        }
        self.uids.push(uid);
        Some(place)
    }

    pub(crate) fn set(&mut self, place: usize, row: usize) {
        if let Some(word) = self.bits.get_mut(row * self.words + place / 64) {
            *word |= 1 << (place % 64);
        }
    }

    pub(crate) fn set_always(&mut self, place: usize) {
        self.always.add(place);
    }

    /// How many letters it has.
    pub fn len(&self) -> usize {
        self.uids.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.uids.is_empty()
    }

    /// Whether it takes no more.
    pub fn is_full(&self) -> bool {
        self.uids.len() >= self.letters_max
    }

    /// How many more it takes.
    pub(crate) fn room(&self) -> usize {
        self.letters_max.saturating_sub(self.uids.len())
    }

    /// Takes back letters that came last.
    pub(crate) fn forget_from(&mut self, place: usize) {
        self.uids.truncate(place);
        let mut kept = vec![0; self.words];
        Letters::first(place).places().for_each(|at| {
            if let Some(word) = kept.get_mut(at / 64) {
                *word |= 1 << (at % 64);
            }
        });
        for row in self.bits.chunks_mut(self.words) {
            row.iter_mut().zip(&kept).for_each(|(word, kept)| *word &= kept);
        }
        self.always = self.always.and(&Letters::first(place));
    }

    /// The letters that it has.
    pub(crate) fn uids(&self) -> &[u32] {
        &self.uids
    }

    pub(crate) fn clear(&mut self) {
        self.bits.fill(0);
        self.uids.clear();
        self.always = Letters::default();
    }

    /// As it stands in the file.
    pub(crate) fn segment(&self) -> Vec<u8> {
        let (mark, mut groups, mut data) = (segment::mark(&self.uids), Vec::new(), Vec::new());
        for rows in self.bits.chunks(self.words * GROUP_ROWS) {
            let begin = data.len();
            let mut lengths = [0; GROUP_ROWS];
            for (length, row) in lengths.iter_mut().zip(rows.chunks(self.words)) {
                // A row is no longer than its bits, 128 octets.
                *length = u8::try_from(write_row(row, self.uids.len(), &mut data)).unwrap_or(0);
            }
            let rows = data.get(begin..).unwrap_or_default();
            segment::write_group(mark, begin, lengths, rows, &mut groups);
        }
        let mut octets = segment::head(&self.uids, &self.always, data.len());
        octets.extend_from_slice(&groups);
        octets.extend_from_slice(&data);
        octets
    }
}

/// Adds a row of `letters` bits in the shorter way, and says how long it is: as a list of gaps, or, where that is no
/// shorter, as its bits.
fn write_row(row: &[u64], letters: usize, data: &mut Vec<u8>) -> usize {
    let (begin, as_bits) = (data.len(), letters.div_ceil(8));
    let mut next = 0;
    for place in bits(row) {
        segment::write_gap(place - next, data);
        next = place + 1;
        if data.len() - begin >= as_bits {
            data.truncate(begin);
            let octets = row.iter().flat_map(|word| word.to_le_bytes());
            data.extend(octets.take(as_bits));
            break;
        }
    }
    data.len() - begin
}
