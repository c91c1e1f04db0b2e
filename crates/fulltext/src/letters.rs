//! Some letters of a segment.

use crate::limits::SEGMENT_LETTERS_MAX;

pub(crate) const WORDS: usize = SEGMENT_LETTERS_MAX / 64;

/// A bit for each letter, by its place in the segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Letters([u64; WORDS]);

impl Letters {
    /// The first so many.
    pub(crate) fn first(count: usize) -> Self {
        let mut all = Self::default();
        (0..count).for_each(|at| all.add(at));
        all
    }

    pub(crate) fn from_octets(octets: &[u8]) -> Self {
        let mut all = Self::default();
        for (word, octets) in all.0.iter_mut().zip(octets.chunks(8)) {
            let mut eight = [0; 8];
            eight.iter_mut().zip(octets).for_each(|(to, from)| *to = *from);
            *word = u64::from_le_bytes(eight);
        }
        all
    }

    pub(crate) fn add(&mut self, at: usize) {
        if let Some(word) = self.0.get_mut(at / 64) {
            *word |= 1 << (at % 64);
        }
    }

    pub(crate) fn has(&self, at: usize) -> bool {
        self.0.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    pub(crate) fn and(&self, other: &Self) -> Self {
        self.with(other, |one, other| one & other)
    }

    pub(crate) fn or(&self, other: &Self) -> Self {
        self.with(other, |one, other| one | other)
    }

    fn with(&self, other: &Self, join: impl Fn(u64, u64) -> u64) -> Self {
        let mut joined = *self;
        joined.0.iter_mut().zip(other.0).for_each(|(one, other)| *one = join(*one, other));
        joined
    }

    /// The places of those that are in it.
    pub(crate) fn places(&self) -> impl Iterator<Item = usize> {
        bits(&self.0)
    }
}

/// Where words have ones.
pub(crate) fn bits(words: &[u64]) -> impl Iterator<Item = usize> {
    words.iter().enumerate().filter(|(_, word)| **word != 0).flat_map(|(at, word)| {
        let mut rest = *word;
        std::iter::from_fn(move || {
            let bit = usize::try_from(rest.trailing_zeros()).ok().filter(|bit| *bit < 64)?;
            rest &= rest - 1;
            Some(at * 64 + bit)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        for places in [vec![], vec![0], vec![63, 64], vec![5, 700, 1023]] {
            let mut letters = Letters::default();
            places.iter().for_each(|at| letters.add(*at));
            assert_eq!(letters.places().collect::<Vec<_>>(), places);
            assert!(places.iter().all(|at| letters.has(*at)) && !letters.has(1));
            assert_eq!(letters.is_empty(), places.is_empty());
        }
        assert_eq!(Letters::first(65).places().collect::<Vec<_>>(), (0..65).collect::<Vec<_>>());
        assert_eq!(Letters::first(1024).places().count(), 1024);
        assert!(!Letters::first(1024).has(1024));
        assert_eq!(Letters::from_octets(&[1, 0, 128]).places().collect::<Vec<_>>(), [0, 23]);
    }
}
