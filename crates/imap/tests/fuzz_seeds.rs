//! The fuzz targets' bodies over their seeds, and over each seed cut short.

use std::path::Path;

use postroad_imap::fuzz;

#[track_caller]
fn replay(target: &str, run: impl Fn(&[u8])) {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/seeds").join(target);
    let mut count = 0;
    for seed in std::fs::read_dir(&seeds).expect("there are seeds") {
        let data = std::fs::read(seed.expect("an entry").path()).expect("reads");
        // At a few hundred places: the next seed has others.
        for end in (0..data.len()).step_by(1 + data.len() / 256).chain([data.len()]) {
            run(&data[..end]);
        }
        count += 1;
    }
    assert!(count > 0, "no seeds in {}", seeds.display());
}

#[test]
fn server() {
    replay("imap_server", fuzz::server);
}

#[test]
fn client() {
    replay("imap_client", fuzz::client);
}
