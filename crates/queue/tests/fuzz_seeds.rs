//! Replays what `tests/fuzz/seeds` holds: each file once found something, or leads where fuzzing begins.

use std::fs;
use std::path::Path;

#[test]
fn every_seed_of_every_target() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/seeds");
    for (target, run) in postroad_queue::fuzz::TARGETS {
        let folder = seeds.join(target);
        let mut files = 0;
        for entry in fs::read_dir(&folder).unwrap() {
            run(&fs::read(entry.unwrap().path()).unwrap());
            files += 1;
        }
        assert!(files > 0, "no seeds in {}", folder.display());
    }
}
