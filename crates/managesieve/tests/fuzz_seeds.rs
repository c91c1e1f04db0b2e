//! The fuzz target's body over its seeds, and over each seed cut short.

use std::path::Path;

#[test]
fn server() {
    let seeds =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/seeds/managesieve_server");
    let mut count = 0;
    for seed in std::fs::read_dir(&seeds).expect("there are seeds") {
        let data = std::fs::read(seed.expect("an entry").path()).expect("reads");
        for end in 0..=data.len() {
            postroad_managesieve::fuzz::server(&data[..end]);
        }
        count += 1;
    }
    assert!(count > 0, "no seeds in {}", seeds.display());
}
