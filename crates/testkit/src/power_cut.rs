//! Cuts the power at every call that a story made to the disk, several times at each, and counts.
//!
//! A story is played once on a [`FaultyDisk`] that records; [`Cuts::at_each_call`] then takes the state
//! before each call, draws trees that a power cut could have left of it, and hands each to a check, with the number
//! of the calls that had been begun: whoever keeps a history of what was promised knows what was promised by then.
//!
//! One cut is a triple (story, call, tree); [`Cuts::count`] counts the different ones, told apart by what a
//! reader sees of the tree.
//!
//! | variable | means |
//! |---|---|
//! | `POSTROAD_CRASH_SEED` | the seed from which all is drawn; each run without it uses the same one |
//! | `POSTROAD_CRASH_SECONDS` | go on with the next seeds until so much time is over |

use std::collections::HashSet;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::time::{Duration, Instant};

use crate::{FaultyDisk, Recording};

/// The seed of a run that names none.
const SEED: u64 = 5321;

/// Trees in a row that were seen before, after which a call has no more of its own.
const ALIKE_MAX: u32 = 16;

/// What the environment asks for.
#[derive(Debug, Clone, Copy)]
pub struct Length {
    seed: u64,
    at_least: Duration,
}

impl Length {
    /// Reads the environment.
    ///
    /// # Panics
    /// Where a variable is set and is no number.
    pub fn from_env() -> Self {
        let number = |name: &str| {
            let text = std::env::var(name).ok()?;
            Some(text.parse::<u64>().unwrap_or_else(|_| panic!("{name}={text} is no number")))
        };
        Self {
            seed: number("POSTROAD_CRASH_SEED").unwrap_or(SEED),
            at_least: Duration::from_secs(number("POSTROAD_CRASH_SECONDS").unwrap_or(0)),
        }
    }

    /// Plays all stories with one seed after another: once, or until the time is over. Prints how many cuts
    /// there were, and gives them.
    ///
    /// # Panics
    /// With the first [`Violation`], which says how to repeat it.
    pub fn play(self, all: impl Fn(&mut Cuts) -> Result<(), Violation>) -> usize {
        let began = Instant::now();
        let mut seen = HashSet::new();
        let mut seed = self.seed;
        loop {
            let mut cuts = Cuts { seed, seen };
            if let Err(violation) = all(&mut cuts) {
                panic!("{violation}");
            }
            seen = cuts.seen;
            if began.elapsed() >= self.at_least {
                break;
            }
            seed += 1;
        }
        let count = seen.len();
        println!(
            "{count} power cuts, no two alike (story, call, surviving tree); seeds {}..={seed}",
            self.seed
        );
        count
    }
}

/// The cuts of one seed, and all that were counted so far.
#[derive(Debug)]
pub struct Cuts {
    seed: u64,
    seen: HashSet<(u64, usize, u64)>,
}

/// The power has failed and is back.
#[derive(Debug)]
pub struct Cut {
    /// Calls that had been begun when it failed.
    pub calls: usize,
    /// What is left.
    pub disk: FaultyDisk,
}

/// Something was lost, or half there, or there although it must not be.
#[derive(Debug)]
pub struct Violation {
    story: String,
    call: usize,
    operation: String,
    tree: u64,
    seed: u64,
    what: String,
    /// What was left, for whoever looks into it.
    files: Vec<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { story, call, operation, tree, seed, what, files } = self;
        writeln!(f, "{what}")?;
        writeln!(f, "in story {story:?}, power cut before call {call} ({operation}), tree {tree}")?;
        writeln!(f, "to repeat it: POSTROAD_CRASH_SEED={seed} and this test")?;
        write!(f, "what was left: {}", files.join(", "))
    }
}

impl std::error::Error for Violation {}

impl Cuts {
    /// The cuts of one seed alone.
    pub fn of_seed(seed: u64) -> Self {
        Self { seed, seen: HashSet::new() }
    }

    /// The seed from which all is drawn.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Cuts so far, no two alike.
    pub fn count(&self) -> usize {
        self.seen.len()
    }

    /// Cuts the power at each call of a story, and draws at most `trees` trees each time. Those that look alike
    /// are checked once.
    ///
    /// # Errors
    /// The first cut that the check complains about.
    pub fn at_each_call(
        &mut self,
        story: &str,
        recording: &Recording,
        trees: u64,
        mut check: impl FnMut(Cut) -> Result<(), String>,
    ) -> Result<(), Violation> {
        for (call, operation) in recording.calls().enumerate() {
            let mut alike = 0;
            for tree in 0..trees {
                let seed = hash(&(self.seed, story, call));
                let disk = recording.survivor(call, tree, seed);
                if !self.seen.insert((hash(&story), call, disk.fingerprint())) {
                    alike += 1;
                    if alike == ALIKE_MAX {
                        break;
                    }
                    continue;
                }
                alike = 0;
                let file = |path: std::path::PathBuf| {
                    format!("{} ({})", path.display(), disk.read(&path).map_or(0, |o| o.len()))
                };
                let files = disk.files().into_iter().map(file).collect();
                check(Cut { calls: call, disk }).map_err(|what| Violation {
                    story: story.to_owned(),
                    call,
                    operation: operation.to_owned(),
                    tree,
                    seed: self.seed,
                    what,
                    files,
                })?;
            }
        }
        Ok(())
    }
}

fn hash<T: Hash>(value: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
