//! What was expunged and when, for clients that come back (QRESYNC, RFC 7162): as much as is worth its memory.

use crate::limits::EXPUNGED_RANGES_MAX;

/// UIDs that went with one change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) modseq: u64,
    pub(crate) from: u32,
    pub(crate) to: u32,
}

/// Those that are remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Expunged {
    /// By mod-sequence.
    ranges: Vec<Range>,
    /// What was expunged at this mod-sequence and before it is not known any more.
    known_since: u64,
}

impl Expunged {
    pub(crate) fn of(ranges: Vec<Range>, known_since: u64) -> Option<Self> {
        let sorted = ranges.windows(2).all(|pair| matches!(pair, [a, b] if a.modseq <= b.modseq));
        (sorted && ranges.iter().all(|range| range.from <= range.to))
            .then_some(Self { ranges, known_since })
    }

    pub(crate) fn ranges(&self) -> &[Range] {
        &self.ranges
    }

    pub(crate) fn known_since(&self) -> u64 {
        self.known_since
    }

    /// Nothing is known of what came before.
    pub(crate) fn forget_until(&mut self, modseq: u64) {
        self.known_since = self.known_since.max(modseq);
        let known_since = self.known_since;
        self.ranges.retain(|range| range.modseq > known_since);
    }

    pub(crate) fn add(&mut self, modseq: u64, ranges: &[(u32, u32)]) {
        self.ranges.extend(ranges.iter().map(|&(from, to)| Range { modseq, from, to }));
        if self.ranges.len() > EXPUNGED_RANGES_MAX {
            // The older half, so that it isn't done each time; changes are forgotten whole.
            let middle = self.ranges.len() - EXPUNGED_RANGES_MAX / 2;
            if let Some(last) = self.ranges.get(middle.saturating_sub(1)).map(|last| last.modseq) {
                self.forget_until(last);
            }
        }
    }

    /// All that went after a mod-sequence, sorted and joined; `None` where that isn't known any more.
    pub(crate) fn since(&self, modseq: u64) -> Option<Vec<(u32, u32)>> {
        if modseq < self.known_since {
            return None;
        }
        let start = self.ranges.partition_point(|range| range.modseq <= modseq);
        let since = self.ranges.get(start..).unwrap_or_default();
        Some(joined(since.iter().map(|range| (range.from, range.to)).collect()))
    }
}

/// Sorted, and those that touch made one.
pub(crate) fn joined(mut ranges: Vec<(u32, u32)>) -> Vec<(u32, u32)> {
    ranges.sort_unstable();
    ranges.dedup_by(|next, kept| {
        let touches = next.0 <= kept.1.saturating_add(1);
        if touches {
            kept.1 = kept.1.max(next.1);
        }
        touches
    });
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_since_is_told_or_said_to_be_unknown() {
        let mut expunged = Expunged::default();
        expunged.add(5, &[(1, 1), (3, 4)]);
        expunged.add(7, &[(2, 2), (9, 9)]);
        assert_eq!(expunged.since(0), Some(vec![(1, 4), (9, 9)]));
        assert_eq!(expunged.since(5), Some(vec![(2, 2), (9, 9)]));
        assert_eq!(expunged.since(7), Some(vec![]));
        expunged.forget_until(6);
        assert_eq!((expunged.since(5), expunged.since(6)), (None, Some(vec![(2, 2), (9, 9)])));
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut expunged = Expunged::default();
        let count = EXPUNGED_RANGES_MAX as u32 + 10;
        for uid in 1..=count {
            expunged.add(u64::from(uid), &[(uid * 2, uid * 2)]);
        }
        assert!(expunged.ranges().len() <= EXPUNGED_RANGES_MAX);
        assert_eq!(expunged.since(0), None);
        let since = u64::from(count) - 2;
        assert_eq!(expunged.since(since).map(|ranges| ranges.len()), Some(2));
    }
}
