//! Cuts the power at every call that a story made to the disk, several times at each, and counts.
//!
//! A story is played once on a [`FaultyDisk`] that records; [`Cuts::at_each_call`] then takes the state
//! before each call, draws trees that a power cut could have left of it, and hands each to a check, with the number
//! of the calls that had been begun: whoever keeps a history of what was promised knows what was promised by then.
//!
//! One cut is a triple (story, call, tree); [`Cuts::count`] counts the different ones, told apart by what a
//! reader sees of the tree.
//!
//! A failure names its seed. The same seed draws the same trees of the same recording, but where a story has several
//! threads their order is the system's, and the recording may be another one. So [`Violation::fail`] keeps what
//! was left, each file with its octets, and the calls that led there.
//!
//! | variable | means |
//! |---|---|
//! | `POSTROAD_CRASH_SEED` | the seed from which all is drawn; each run without it uses the same one |
//! | `POSTROAD_CRASH_SECONDS` | go on with the next seeds until so much time is over |

use std::collections::HashSet;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::path::{Path, PathBuf};
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
                violation.fail();
            }
            seen = cuts.seen;
            if began.elapsed() >= self.at_least {
                break;
            }
            seed += 1;
        }
        let count = seen.len();
        println!("POSTROAD_CRASH_DONE triples={count}");
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
    tree: u64,
    seed: u64,
    what: String,
    /// What was left, for whoever looks into it.
    left: FaultyDisk,
    /// The calls that had been begun, and the one that wasn't any more.
    calls: Vec<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { story, call, tree, seed, what, left, calls } = self;
        let operation = calls.last().map_or("", String::as_str);
        writeln!(f, "{what}")?;
        writeln!(f, "in story {story:?}, power cut before call {call} ({operation}), tree {tree}")?;
        writeln!(f, "to repeat it: POSTROAD_CRASH_SEED={seed} and this test")?;
        let file = |path: PathBuf| {
            format!("{} ({})", path.display(), left.read(&path).map_or(0, |octets| octets.len()))
        };
        let files: Vec<String> = left.files().into_iter().map(file).collect();
        write!(f, "what was left: {}", files.join(", "))
    }
}

impl Violation {
    /// Ends the test.
    ///
    /// # Panics
    /// Always: with what was found, how to repeat it, and where what was left is kept.
    pub fn fail(&self) -> ! {
        let Self { story, call, tree, seed, left, calls, .. } = self;
        let name = format!("{story}, call {call}, tree {tree}, seed {seed}");
        fail(&self.to_string(), &name, left, calls)
    }
}

/// Ends a test, keeping a disk and the calls that were made to it for whoever looks into it. The seed need not
/// lead there again where threads take turns as they like.
///
/// # Panics
/// Always.
pub fn fail(what: &str, name: &str, left: &FaultyDisk, calls: &[String]) -> ! {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let kept = kept_dir().join(name.chars().map(plain).collect::<String>());
    match keep(&kept, left, calls) {
        Ok(()) => panic!(
            "{what}\nwhere several threads were at work the seed may not repeat it: each file that was left, and the calls in calls.txt, are in {}",
            kept.display()
        ),
        Err(error) => {
            panic!("{what}\n(what was left can't be kept in {}: {error})", kept.display())
        }
    }
}

/// `power-cut` in the folder that the test was built into, as `target/debug`.
fn kept_dir() -> PathBuf {
    let built = std::env::current_exe().ok();
    let built = built.as_deref().and_then(|exe| exe.parent()?.parent());
    built.map_or_else(std::env::temp_dir, Path::to_owned).join("power-cut")
}

fn keep(kept: &Path, left: &FaultyDisk, calls: &[String]) -> std::io::Result<()> {
    if kept.exists() {
        std::fs::remove_dir_all(kept)?;
    }
    std::fs::create_dir_all(kept)?;
    std::fs::write(kept.join("calls.txt"), calls.join("\n"))?;
    for path in left.files() {
        let to = kept.join(path.strip_prefix("/").unwrap_or(&path));
        to.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        std::fs::write(to, left.read(&path).unwrap_or_default())?;
    }
    Ok(())
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
        for call in 0..recording.calls().len() {
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
                let left = disk.copy();
                check(Cut { calls: call, disk }).map_err(|what| Violation {
                    story: story.to_owned(),
                    call,
                    tree,
                    seed: self.seed,
                    what,
                    left,
                    calls: recording.calls().take(call + 1).map(str::to_owned).collect(),
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use postroad_disk::Disk as _;

    use super::*;

    /// Where the seed leads elsewhere, what was found can be looked at.
    #[test]
    fn what_was_left_is_kept_with_the_calls_that_led_there() {
        let disk = FaultyDisk::new();
        disk.put_dir(Path::new("/d"));
        disk.put(Path::new("/d/a"), b"octets");
        disk.record();
        disk.sync_dir(Path::new("/d")).unwrap();
        disk.remove(Path::new("/d/a")).unwrap();
        let recording = disk.recording();
        let cuts = Cuts::of_seed(1).at_each_call("of a test", &recording, 1, |cut| {
            // A check that changes the disk.
            cut.disk.put(Path::new("/d/a"), b"changed");
            if cut.calls == 2 { Err("it is lost".to_owned()) } else { Ok(()) }
        });
        let violation = cuts.unwrap_err();
        let said = std::panic::catch_unwind(|| violation.fail()).unwrap_err();
        let said = said.downcast_ref::<String>().unwrap();
        let kept = kept_dir().join("of-a-test--call-2--tree-0--seed-1");
        assert!(
            said.starts_with("it is lost\n") && said.contains(&kept.display().to_string()),
            "{said}"
        );
        assert_eq!(std::fs::read(kept.join("d/a")).unwrap(), b"octets");
        assert_eq!(
            std::fs::read_to_string(kept.join("calls.txt")).unwrap(),
            "sync_dir /d\nremove /d/a\nnothing more"
        );
        std::fs::remove_dir_all(kept).unwrap();
    }
}
