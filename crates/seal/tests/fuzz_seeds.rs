//! Replays the seeds of our fuzz targets.

use postroad_testkit::seeds::{Seeds, replay};

#[test]
fn every_seed_of_every_target() {
    replay(&postroad_seal::fuzz::TARGETS, Seeds::Whole);
}
