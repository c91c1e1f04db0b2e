//! Sets of sequence numbers and UIDs (RFC 9051 §9, sequence-set).
//!
//! ```text
//! seq-number   = nz-number / "*"
//! seq-range    = seq-number ":" seq-number
//! sequence-set = (seq-number / seq-range) ["," sequence-set]
//! sequence-set =/ "$"                          ; RFC 5182, what the last SEARCH has saved
//! ```

use std::num::NonZeroU32;
use std::ops::RangeInclusive;

use crate::scan::{Cursor, Scanned, SyntaxError};
use crate::write;

/// What numbers in a command mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers {
    /// Message sequence numbers (RFC 9051 §2.3.1.2).
    Sequence,
    /// Unique identifiers (§2.3.1.1): `UID FETCH` and its like.
    Uid,
}

/// A number, or the largest one in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Number {
    /// Itself.
    Is(NonZeroU32),
    /// `*`
    Largest,
}

impl Number {
    /// What it is where `largest` is in use; 0 stands for an empty mailbox.
    fn resolve(self, largest: u32) -> u32 {
        match self {
            Self::Is(number) => number.get(),
            Self::Largest => largest,
        }
    }

    fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        if cursor.eat(b'*') { Ok(Self::Largest) } else { cursor.nz_number().map(Self::Is) }
    }

    fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Is(number) => write::number(out, number.get().into()),
            Self::Largest => out.push(b'*'),
        }
    }
}

/// Which messages a command is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SequenceSet {
    /// `$` (RFC 5182)
    Saved,
    /// Numbers.
    Set(Set),
}

impl SequenceSet {
    pub(crate) fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        if cursor.eat(b'$') { Ok(Self::Saved) } else { Set::scan(cursor).map(Self::Set) }
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Saved => out.push(b'$'),
            Self::Set(set) => set.write(out),
        }
    }
}

/// Numbers and ranges of them, in the order in which they came; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set(Vec<(Number, Number)>);

impl Set {
    /// One number.
    pub fn one(number: NonZeroU32) -> Self {
        Self(vec![(Number::Is(number), Number::Is(number))])
    }

    /// One range; either end may be the smaller.
    pub fn range(begin: Number, end: Number) -> Self {
        Self(vec![(begin, end)])
    }

    /// Numbers in their order, those that follow one another as ranges; none where there are none. COPYUID and a sorted
    /// ESEARCH mean their order (RFC 4315 §3, RFC 5267 §3.2). A zero is left out.
    pub fn from_numbers(numbers: impl IntoIterator<Item = u32>) -> Option<Self> {
        let mut ranges: Vec<(NonZeroU32, NonZeroU32)> = Vec::new();
        for number in numbers.into_iter().filter_map(NonZeroU32::new) {
            match ranges.last_mut() {
                Some((_, end)) if end.checked_add(1) == Some(number) => *end = number,
                _ => ranges.push((number, number)),
            }
        }
        let ends = |(begin, end)| (Number::Is(begin), Number::Is(end));
        (!ranges.is_empty()).then(|| Self(ranges.into_iter().map(ends).collect()))
    }

    /// Ranges in rising order; none where there are none. A zero is no number.
    pub fn from_ranges(ranges: impl IntoIterator<Item = (u32, u32)>) -> Option<Self> {
        let ends = |(begin, end)| {
            let number = |number| NonZeroU32::new(number).map(Number::Is);
            Some((number(begin)?, number(end)?))
        };
        let ranges: Vec<_> = ranges.into_iter().filter_map(ends).collect();
        (!ranges.is_empty()).then_some(Self(ranges))
    }

    /// Its members as they came.
    pub fn ranges(&self) -> &[(Number, Number)] {
        &self.0
    }

    /// What the set means where `largest` is in use: ranges in rising order that don't touch. `559:*` holds the largest
    /// even where that is less than 559 (RFC 9051 §9, seq-range). In an empty mailbox, where `largest` is 0, `*` is
    /// nothing.
    pub fn resolve(&self, largest: u32) -> Vec<RangeInclusive<u32>> {
        let mut ranges: Vec<RangeInclusive<u32>> = self
            .0
            .iter()
            .map(|(begin, end)| (begin.resolve(largest), end.resolve(largest)))
            .map(|(begin, end)| begin.min(end).max(1)..=begin.max(end))
            .filter(|range| !range.is_empty())
            .collect();
        // A set in order, as nearly all are, costs no more than a look.
        ranges.sort_by_key(|range| *range.start());
        ranges.dedup_by(|next, range| {
            let touches = *next.start() <= range.end().saturating_add(1);
            if touches {
                *range = *range.start()..=*range.end().max(next.end());
            }
            touches
        });
        ranges
    }

    /// Whether `*` is in it.
    pub fn names_largest(&self) -> bool {
        self.0.iter().any(|(begin, end)| [begin, end].contains(&&Number::Largest))
    }

    pub(crate) fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        let mut ranges = Vec::new();
        loop {
            let begin =
                Number::scan(cursor).map_err(|_| SyntaxError::Expected("a set of numbers"))?;
            let end = if cursor.eat(b':') { Number::scan(cursor)? } else { begin };
            ranges.push((begin, end));
            if !cursor.eat(b',') {
                return Ok(Self(ranges));
            }
        }
    }

    /// `uid-set`: numbers alone, no `*` (RFC 4315 §4).
    pub(crate) fn scan_known(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        let set = Self::scan(cursor)?;
        if set.names_largest() { Err(SyntaxError::Expected("a set without *")) } else { Ok(set) }
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        write::joined(out, b',', &self.0, |out, &(begin, end)| {
            begin.write(out);
            if begin != end {
                out.push(b':');
                end.write(out);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::NameEncoding;

    fn set(text: &str) -> Scanned<Set> {
        let mut cursor = Cursor::new(text.as_bytes(), 0, NameEncoding::Utf8);
        let set = Set::scan(&mut cursor)?;
        cursor.end()?;
        Ok(set)
    }

    #[test]
    fn what_sets_mean() {
        // Examples of RFC 9051 §9, sequence-set.
        for (text, largest, ranges) in [
            ("2,4:7,9,12:*", 15, vec![2..=2, 4..=7, 9..=9, 12..=15]),
            ("*:4,5:7", 10, vec![4..=10]),
            ("4:2", 10, vec![2..=4]),
            ("3291:*", 17, vec![17..=3291]),
            ("1:*", 0, vec![1..=1]),
            ("*", 0, vec![]),
            ("*:*", 7, vec![7..=7]),
            ("3,2,1", 3, vec![1..=3]),
            ("4294967295,1:4294967295", 3, vec![1..=u32::MAX]),
        ] {
            assert_eq!(set(text).expect("a set").resolve(largest), ranges, "{text}");
        }
    }

    #[test]
    fn i07_sets_that_are_none() {
        for text in
            ["", "0", "1,", ",1", "1:", ":1", "1:2:3", "-1", "4294967296", "1:0", "$", "1 ,2"]
        {
            assert!(set(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_become_ranges() {
        let mut out = Vec::new();
        Set::from_numbers([0, 1, 2, 3, 5, 9, 10, 4, 3, u32::MAX, 1]).expect("some").write(&mut out);
        assert_eq!(out, b"1:3,5,9:10,4,3,4294967295,1");
        assert_eq!(Set::from_numbers([0]), None);
    }

    #[test]
    fn i07_many_members_are_read_in_one_pass() {
        let text = vec!["1:*"; 100_000].join(",");
        assert_eq!(set(&text).expect("a set").resolve(9), [1..=9]);
        let text: Vec<String> = (0..100_000).rev().map(|n| (2 * n + 1).to_string()).collect();
        assert_eq!(set(&text.join(",")).expect("a set").resolve(9).len(), 100_000);
    }
}
