//! Replays what `tests/fuzz/seeds` holds, whole and cut short: each file once found something, or leads where
//! fuzzing begins.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;

#[test]
fn every_seed_of_every_target() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/seeds");
    for (target, run) in postroad_import::fuzz::TARGETS {
        let folder = seeds.join(target);
        let mut files = 0;
        for entry in fs::read_dir(&folder).unwrap() {
            let seed = fs::read(entry.unwrap().path()).unwrap();
            (0..=seed.len()).for_each(|end| run(&seed[..end]));
            files += 1;
        }
        assert!(files > 0, "no seeds in {}", folder.display());
    }
}
