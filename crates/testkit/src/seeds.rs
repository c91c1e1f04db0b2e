//! Replays of what `tests/fuzz/seeds` holds: each file once found something, or leads where fuzzing begins.

use std::fs;
use std::path::Path;

/// How a target gets its seeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seeds {
    /// As they are.
    Whole,
    /// And cut short after each of their octets.
    CutShort,
}

/// A fuzz target's body.
pub type Body = fn(&[u8]);

/// Gives each target its seeds.
///
/// # Panics
/// Where a target does, or has no seeds.
pub fn replay(targets: &[(&str, Body)], how: Seeds) {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/seeds");
    for (target, run) in targets {
        let folder = seeds.join(target);
        let mut files = 0;
        for entry in fs::read_dir(&folder).expect("targets have seeds") {
            let seed = fs::read(entry.expect("a folder's entry").path()).expect("a seed");
            let shortest = if how == Seeds::Whole { seed.len() } else { 0 };
            (shortest..=seed.len()).for_each(|end| run(&seed[..end]));
            files += 1;
        }
        assert!(files > 0, "no seeds in {}", folder.display());
    }
}
