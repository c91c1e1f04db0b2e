//! The file `maildirsize` as text.
//!
//! ```text
//! 1000000000S,100000C      the limits: octets, letters
//! 724051 88                what was counted when the file was made
//! 4711 1                   each change since: a letter came,
//! -4711 -1                 a letter went
//! ```
//! Everybody appends to it who adds or removes letters (Dovecot, Courier, maildrop, Exim, we), so a line may be
//! padded with blanks, and what isn't two numbers and a line end wasn't written whole: then no line counts.

use std::fmt;

/// Octets from which on a file is made anew (Maildir++).
const OCTETS_MAX: usize = 5_120;

/// What a mailbox may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Octets of all letters together; `None`: any number.
    pub octets: Option<u64>,
    /// Letters; `None`: any number.
    pub letters: Option<u64>,
}

/// What a mailbox holds, or a letter adds to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Octets of all letters together, as files.
    pub octets: u64,
    /// Letters.
    pub letters: u64,
}

impl Limits {
    /// Both limits, where 0 stands for none.
    pub fn of(octets: u64, letters: u64) -> Self {
        let some = |number| Some(number).filter(|number| *number > 0);
        Self { octets: some(octets), letters: some(letters) }
    }

    /// Whether it limits nothing.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a mailbox that holds `usage` takes nothing any more.
    pub fn is_full(&self, usage: Usage) -> bool {
        self.octets.is_some_and(|max| usage.octets >= max)
            || self.letters.is_some_and(|max| usage.letters >= max)
    }

    /// Whether `adding` still goes into a mailbox that holds `usage`. While that isn't full, it may get larger
    /// than it should be by `above` octets: else the last letter that is too large would be refused when all of
    /// it is here already.
    pub fn fit(&self, usage: Usage, adding: Usage, above: u64) -> bool {
        let after = usage.and(adding);
        let octets = self.octets.is_none_or(|max| after.octets <= max.saturating_add(above));
        let letters = self.letters.is_none_or(|max| after.letters <= max);
        !self.is_full(usage) && octets && letters
    }

    /// How full a mailbox is that holds `usage`, in percent of whichever limit is nearer.
    pub fn percent(&self, usage: Usage) -> u64 {
        let part = |used: u64, max: Option<u64>| {
            let percent = max.map_or(0, |max| u128::from(used) * 100 / u128::from(max.max(1)));
            u64::try_from(percent).unwrap_or(u64::MAX)
        };
        part(usage.octets, self.octets).max(part(usage.letters, self.letters))
    }

    /// `1000S,10C`, in any order. What other letters mean nobody has said: they are left out. No line of limits
    /// is `None`.
    fn parse(line: &[u8]) -> Option<Self> {
        let mut limits = Self::default();
        for part in std::str::from_utf8(line).ok()?.trim().split(',') {
            let digits = part.bytes().take_while(u8::is_ascii_digit).count();
            let (number, kind) = part.split_at_checked(digits)?;
            let number = Some(number.parse::<u64>().ok()?).filter(|number| *number > 0);
            match kind {
                "S" => limits.octets = number,
                "C" => limits.letters = number,
                kind if kind.len() == 1 && kind.bytes().all(|b| b.is_ascii_alphabetic()) => {}
                _ => return None,
            }
        }
        Some(limits)
    }
}

/// As the file's first line has it.
impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.octets, self.letters) {
            (Some(octets), Some(letters)) => write!(f, "{octets}S,{letters}C"),
            (None, Some(letters)) => write!(f, "{letters}C"),
            (octets, None) => write!(f, "{}S", octets.unwrap_or(0)),
        }
    }
}

impl Usage {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            octets: self.octets.saturating_add(other.octets),
            letters: self.letters.saturating_add(other.letters),
        }
    }

    /// What is left of it without the other.
    #[must_use]
    pub fn less(self, other: Self) -> Self {
        Self {
            octets: self.octets.saturating_sub(other.octets),
            letters: self.letters.saturating_sub(other.letters),
        }
    }

    /// The line that says so much came.
    pub(crate) fn came(self) -> String {
        format!("{} {}\n", self.octets, self.letters)
    }

    /// The line that says so much went.
    pub(crate) fn went(self) -> String {
        format!("-{} -{}\n", self.octets, self.letters)
    }
}

/// What a file says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SizeFile {
    /// Of its first line, where that is one.
    pub(crate) limits: Option<Limits>,
    /// The sum of the others; `None` where it can't be had, or has become too long: the mailbox is to be counted.
    pub(crate) usage: Option<Usage>,
    /// The lines that were added since it was made.
    pub(crate) changes: usize,
}

impl SizeFile {
    pub(crate) fn parse(file: &[u8]) -> Self {
        let whole = file.strip_suffix(b"\n");
        let mut lines = whole.unwrap_or_default().split(|octet| *octet == b'\n');
        let limits = lines.next().and_then(Limits::parse);
        let sums: Option<Vec<(i64, i64)>> = lines.map(change).collect();
        let sums = sums.filter(|sums| !sums.is_empty() && file.len() < OCTETS_MAX);
        let changes = sums.as_ref().map_or(0, |sums| sums.len() - 1);
        Self { limits, usage: sums.and_then(|sums| total(&sums)), changes }
    }
}

fn change(line: &[u8]) -> Option<(i64, i64)> {
    let line = std::str::from_utf8(line).ok()?;
    let mut numbers = line.split(' ').filter(|word| !word.is_empty()).map(str::parse);
    match (numbers.next(), numbers.next(), numbers.next()) {
        (Some(Ok(octets)), Some(Ok(letters)), None) => Some((octets, letters)),
        _ => None,
    }
}

/// A mailbox can't hold less than nothing: then somebody has counted wrongly.
fn total(changes: &[(i64, i64)]) -> Option<Usage> {
    let (mut octets, mut letters) = (0_i64, 0_i64);
    for change in changes {
        octets = octets.checked_add(change.0)?;
        letters = letters.checked_add(change.1)?;
    }
    Some(Usage { octets: octets.try_into().ok()?, letters: letters.try_into().ok()? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn usage(octets: u64, letters: u64) -> Usage {
        Usage { octets, letters }
    }

    #[test]
    fn first_lines() {
        for (line, limits) in [
            ("1000S,10C", Some(Limits::of(1_000, 10))),
            ("10C,1000S", Some(Limits::of(1_000, 10))),
            ("1000S", Some(Limits::of(1_000, 0))),
            ("10C", Some(Limits::of(0, 10))),
            (" 1000S ", Some(Limits::of(1_000, 0))),
            ("1000S,5X", Some(Limits::of(1_000, 0))),
            ("0S", Some(Limits::default())),
            ("", None),
            ("1000", None),
            ("S", None),
            ("-1S", None),
            ("1000S,", None),
            ("1000SS", None),
            ("99999999999999999999S", None),
            ("\0\0\0\0", None),
        ] {
            assert_eq!(SizeFile::parse(format!("{line}\n").as_bytes()).limits, limits, "{line:?}");
        }
    }

    #[test]
    fn sums_and_what_is_none() {
        for (file, sum) in [
            ("9S\n10 1\n", Some((usage(10, 1), 0))),
            ("9S\n10 1\n5 1\n-10 -1\n", Some((usage(5, 1), 2))),
            // Courier pads.
            ("9S\n          10           1\n", Some((usage(10, 1), 0))),
            ("9S\n0 0\n", Some((usage(0, 0), 0))),
            // A first line that is wrong is told apart by its limits.
            ("what\n10 1\n", Some((usage(10, 1), 0))),
            ("", None),
            ("9S\n", None),
            ("9S\n10 1", None),
            ("9S\n10 1\n5", None),
            ("9S\n10 1\n5\n", None),
            ("9S\n10 1\n5 1 1\n", None),
            ("9S\n10 1\n\n", None),
            ("9S\n10 1\n\0\0\0\0\n", None),
            ("9S\n10 1\n-20 -1\n", None),
            ("9S\n9223372036854775807 1\n1 1\n", None),
        ] {
            let parsed = SizeFile::parse(file.as_bytes());
            let sum_of = parsed.usage.map(|usage| (usage, parsed.changes));
            assert_eq!(sum_of, sum, "{file:?}");
        }
    }

    #[test]
    fn a_file_of_5120_octets_is_made_anew() {
        let file = |octets: usize| format!("9S\n10 1\n{}0 0\n", "0 0\n".repeat(octets / 4 - 3));
        assert_eq!((file(5_116).len(), file(5_120).len()), (5_116, 5_120));
        assert!(SizeFile::parse(file(5_116).as_bytes()).usage.is_some());
        assert!(SizeFile::parse(file(5_120).as_bytes()).usage.is_none());
    }

    #[test]
    fn m06_at_the_limit_below_and_above() {
        const MIB: u64 = 1 << 20;
        let limits = Limits::of(100 * MIB, 10);
        for (held, adding, above, fits) in [
            (usage(0, 0), usage(100 * MIB, 1), 0, true),
            (usage(0, 0), usage(100 * MIB + 1, 1), 0, false),
            (usage(51 * MIB, 1), usage(50 * MIB, 1), 0, false),
            (usage(50 * MIB, 1), usage(50 * MIB, 1), 0, true),
            // While it isn't full: a little more.
            (usage(51 * MIB, 1), usage(50 * MIB, 1), MIB, true),
            (usage(51 * MIB, 1), usage(50 * MIB + 1, 1), MIB, false),
            (usage(100 * MIB - 1, 1), usage(MIB, 1), MIB, true),
            (usage(100 * MIB, 1), usage(1, 1), MIB, false),
            (usage(200 * MIB, 1), usage(0, 1), MIB, false),
            (usage(0, 9), usage(1, 1), MIB, true),
            (usage(0, 9), usage(1, 2), MIB, false),
            (usage(0, 10), usage(1, 1), MIB, false),
            (usage(u64::MAX, 1), usage(u64::MAX, 1), u64::MAX, false),
        ] {
            assert_eq!(limits.fit(held, adding, above), fits, "{held:?} {adding:?} {above}");
        }
        assert!(Limits::default().fit(usage(u64::MAX, u64::MAX), usage(1, 1), 0));
    }

    #[test]
    fn the_nearer_limit_counts() {
        for (limits, held, percent) in [
            (Limits::of(1_000, 0), usage(799, 5), 79),
            (Limits::of(1_000, 0), usage(800, 5), 80),
            (Limits::of(1_000, 10), usage(100, 9), 90),
            (Limits::of(1_000, 10), usage(2_000, 0), 200),
            (Limits::default(), usage(2_000, 9), 0),
            (Limits::of(1, 0), usage(u64::MAX, 0), u64::MAX),
        ] {
            assert_eq!(limits.percent(held), percent, "{limits} {held:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(file in proptest::collection::vec(any::<u8>(), 0..200)) {
            SizeFile::parse(&file);
        }

        #[test]
        fn what_is_written_is_read(
            octets in 0_u64..1 << 40,
            letters in 0_u64..1 << 20,
            came in proptest::collection::vec((0_u64..1 << 30, 0_u64..3), 0..20),
        ) {
            let limits = Limits::of(octets, letters);
            let mut file = format!("{limits}\n{}", usage(octets, letters).came());
            let mut sum = usage(octets, letters);
            for (octets, letters) in &came {
                file += &usage(*octets, *letters).came();
                file += &usage(7, 1).came();
                file += &usage(7, 1).went();
                sum = sum.and(usage(*octets, *letters));
            }
            let parsed = SizeFile::parse(file.as_bytes());
            prop_assert_eq!(parsed.limits, Some(limits));
            prop_assert_eq!((parsed.usage, parsed.changes), (Some(sum), 3 * came.len()));
        }

        #[test]
        fn a_file_that_was_cut_off_is_not_believed(
            octets in 10_u64..1 << 40,
            cut in 1_usize..4,
        ) {
            let whole = format!("9S\n0 0\n{octets} 1\n");
            let torn = whole.get(..whole.len() - cut).unwrap_or_default();
            prop_assert_eq!(SizeFile::parse(torn.as_bytes()).usage, None);
        }
    }
}
