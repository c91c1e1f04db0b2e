//! Which rows a letter has, and which a needle asks for.
//!
//! A row is all that three octets in turn may stand in: one of 65,536, as a hash of them says. Two that share a row are
//! taken for each other, which costs a letter that is read in vain, now and then.

use postroad_message::{Needle, Part, Scope, casemap, texts};

use crate::letters::bits;
use crate::limits::{ROWS_ASKED_MAX, ROWS_OF_LETTER_MAX};

pub(crate) const ROWS: usize = 1 << 16;
const WORDS: usize = ROWS / 64;

/// The rows of a letter.
#[derive(Debug, Clone)]
pub struct Signature {
    words: Box<[u64; WORDS]>,
}

impl Signature {
    /// Those of all texts of a letter (RFC 9051 §6.4.4, TEXT), which `part` is, taken apart: BODY and each field look into
    /// some of them. And those of its parts' names: a header may have them in pieces, or written out in hexadecimal.
    pub fn of(letter: &[u8], part: &Part) -> Self {
        let mut signature = Self { words: Box::new([0; WORDS]) };
        for text in texts(letter, part, Scope::All) {
            signature.add(&casemap::fold(text.as_bytes()));
        }
        for name in part.file_names() {
            signature.add(&casemap::fold(name.as_bytes()));
        }
        signature
    }

    fn add(&mut self, folded: &[u8]) {
        for three in folded.windows(3) {
            let row = usize::from(row(three));
            if let Some(word) = self.words.get_mut(row / 64) {
                *word |= 1 << (row % 64);
            }
        }
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = usize> {
        bits(self.words.as_slice())
    }

    /// Whether it tells something: nearly all rows are those of any letter.
    pub(crate) fn is_telling(&self) -> bool {
        let rows: u32 = self.words.iter().map(|word| word.count_ones()).sum();
        usize::try_from(rows).is_ok_and(|rows| rows <= ROWS_OF_LETTER_MAX)
    }
}

/// The rows that a needle asks for, each once; none where it is too short to ask for any.
pub(crate) fn asked(needle: &Needle) -> Vec<usize> {
    let mut rows: Vec<_> =
        needle.folded().windows(3).map(|three| usize::from(row(three))).collect();
    rows.sort_unstable();
    rows.dedup();
    // They come in no order that a text has: some are as good as others.
    rows.truncate(ROWS_ASKED_MAX);
    rows
}

/// The row of three octets.
fn row(three: &[u8]) -> u16 {
    let number = three.iter().fold(0, |number, octet| number << 8 | u32::from(*octet));
    let [.., low, high] = number.wrapping_mul(0x9e37_79b1).to_le_bytes();
    u16::from_le_bytes([low, high])
}
