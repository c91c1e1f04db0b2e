//! What of the changes that were not synced survives a power cut.

use super::random::Random;

/// Chooses, change by change, what a power cut leaves.
#[derive(Debug, Clone)]
pub(super) struct Survival {
    chance: Chance,
    tear_octets: usize,
}

#[derive(Debug, Clone)]
enum Chance {
    Nothing,
    Everything,
    NamesOnly,
    ContentsOnly,
    /// So many of 16 changes, by chance.
    Some(u64, Random),
}

/// What a drive writes as a whole: a sector …
pub(super) const SECTOR_OCTETS: usize = 512;
/// … and a file system: a page.
const PAGE_OCTETS: usize = 4_096;

impl Survival {
    /// Nothing survives but what was synced.
    pub(super) fn least() -> Self {
        Self { chance: Chance::Nothing, tear_octets: SECTOR_OCTETS }
    }

    /// All survives.
    pub(super) fn everything() -> Self {
        Self { chance: Chance::Everything, tear_octets: SECTOR_OCTETS }
    }

    /// The tree with this number: the first four are the corners, all others are drawn from the seed.
    pub(super) fn numbered(number: u64, seed: u64) -> Self {
        let mut random = Random::new(seed ^ number.rotate_left(32));
        let chance = match number {
            0 => Chance::Nothing,
            1 => Chance::Everything,
            2 => Chance::NamesOnly,
            3 => Chance::ContentsOnly,
            _ => Chance::Some([2, 8, 14][usize::try_from(random.below(3)).unwrap_or(0)], random),
        };
        let tear_octets = if number.is_multiple_of(3) { PAGE_OCTETS } else { SECTOR_OCTETS };
        Self { chance, tear_octets }
    }

    /// Writes are torn at multiples of this, counted from the file's beginning.
    pub(super) fn tear_octets(&self) -> usize {
        self.tear_octets
    }

    /// Whether the next change of names in a directory survives.
    pub(super) fn keeps_name(&mut self) -> bool {
        match &mut self.chance {
            Chance::Nothing | Chance::ContentsOnly => false,
            Chance::Everything | Chance::NamesOnly => true,
            Chance::Some(share, random) => random.below(16) < *share,
        }
    }

    /// Whether the next piece of a file, or the next change of its length, survives.
    pub(super) fn keeps_content(&mut self) -> bool {
        match &mut self.chance {
            Chance::Nothing | Chance::NamesOnly => false,
            Chance::Everything | Chance::ContentsOnly => true,
            Chance::Some(share, random) => random.below(16) < *share,
        }
    }
}
