//! Chance: how waits are spread, and in which order equal hosts are tried. Nobody outside can guess it; a
//! simulation gives the seed that repeats its run.

use std::hash::{BuildHasher as _, DefaultHasher, Hash, Hasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where numbers come from.
#[derive(Debug, Clone, Default)]
pub struct Chance {
    source: Source,
    turns: Arc<AtomicU64>,
}

#[derive(Debug, Clone)]
enum Source {
    System(RandomState),
    Seed(u64),
}

impl Default for Source {
    fn default() -> Self {
        Self::System(RandomState::new())
    }
}

impl Chance {
    /// The same numbers each time.
    pub fn seeded(seed: u64) -> Self {
        Self { source: Source::Seed(seed), turns: Arc::default() }
    }

    /// The number of an occasion.
    pub fn number(&self, occasion: impl Hash) -> u64 {
        match &self.source {
            Source::System(random) => random.hash_one(occasion),
            Source::Seed(seed) => {
                let mut hasher = DefaultHasher::new();
                (seed, occasion).hash(&mut hasher);
                hasher.finish()
            }
        }
    }

    /// Makes an occasion of what happens again and again.
    pub fn turn(&self) -> u64 {
        self.turns.fetch_add(1, Ordering::Relaxed)
    }
}
