//! Replays the seeds of our fuzz target.

use postroad_testkit::seeds::{Seeds, replay};

#[test]
fn every_seed_of_every_target() {
    replay(&postroad_catalog::fuzz::TARGETS, Seeds::CutShort);
}
