//! The fuzz target's body over its seeds, and over each seed cut short.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;

#[test]
fn invitation() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/seeds/invitation");
    let mut count = 0;
    for seed in std::fs::read_dir(&seeds).unwrap() {
        let data = std::fs::read(seed.unwrap().path()).unwrap();
        for end in 0..=data.len() {
            postroad_calendar::fuzz::invitation(&data[..end]);
        }
        count += 1;
    }
    assert!(count > 0, "no seeds in {}", seeds.display());
}
