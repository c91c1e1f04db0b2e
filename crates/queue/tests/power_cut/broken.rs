//! Builds that are broken on purpose: what finds nothing in the real one has to find each of them.

use std::sync::Arc;

use postroad_testkit::LyingDisk;
use postroad_testkit::lying_disk::{Sync, SyncOf};

use crate::player::{Build, Reply, Story};
use crate::{stories, try_story};

/// The build that forgets the syncs for which `forgets` says so.
fn forgetting(forgets: fn(Sync<'_>) -> bool) -> Build {
    let disk = move |disk| Arc::new(LyingDisk::forgetting(Arc::new(disk), forgets)) as _;
    Build { disk: Arc::new(disk), ..Build::sound() }
}

/// The build that renames first and syncs then.
fn renaming_first(late: fn(Sync<'_>) -> bool) -> Build {
    let disk = move |disk| Arc::new(LyingDisk::renaming_first(Arc::new(disk), late)) as _;
    Build { disk: Arc::new(disk), ..Build::sound() }
}

/// The harness reports it, in words that have this in them.
#[track_caller]
fn check_caught(build: &Build, name: &str, story: Story, expected: &str) {
    try_story(&Build::sound(), name, story).unwrap_or_else(|violation| violation.fail());
    let violation = try_story(build, name, story).expect_err("a broken build went unnoticed");
    let report = violation.to_string();
    assert!(report.contains(expected), "{report}");
}

/// The kind of the first record that was written last; letters come before outcomes.
fn first_kind(sync: Sync<'_>) -> Option<u32> {
    let is_log = sync.of == SyncOf::Content && sync.path.extension().is_some_and(|e| e == "log");
    let kind = sync.last_write.get(8..12).filter(|_| is_log && !is_header(sync))?;
    Some(u32::from_le_bytes(kind.try_into().ok()?))
}

fn is_header(sync: Sync<'_>) -> bool {
    sync.last_write.starts_with(b"PRQUEUE\n")
}

#[test]
fn f02_a_build_that_does_not_sync_bodies_is_caught() {
    let build =
        forgetting(|sync| sync.of == SyncOf::Content && sync.path.starts_with("/queue/large"));
    check_caught(&build, "large", stories::accept_large, "the content of");
}

#[test]
fn f02_a_build_that_does_not_sync_envelopes_is_caught() {
    let build = forgetting(|sync| first_kind(sync) == Some(1));
    check_caught(&build, "one", stories::accept_one, "was stored and is lost");
}

#[test]
fn f02_a_build_that_does_not_sync_directories_is_caught() {
    let build = forgetting(|sync| sync.path.ends_with("segments"));
    check_caught(&build, "one", stories::accept_one, "was stored and is lost");
}

#[test]
fn f02_a_build_that_does_not_sync_the_directory_of_large_letters_is_caught() {
    let build =
        forgetting(|sync| sync.of == SyncOf::Names && sync.path.starts_with("/queue/large"));
    check_caught(&build, "large", stories::accept_large, "the content of");
}

#[test]
fn f02_a_build_that_does_not_sync_outcomes_is_caught() {
    let build = forgetting(|sync| first_kind(sync).is_some_and(|kind| kind != 1));
    check_caught(&build, "outcomes", stories::outcomes, "promised was one of");
}

#[test]
fn f02_a_build_that_renames_the_epoch_before_its_sync_is_caught() {
    let build = renaming_first(|sync| sync.path.ends_with("epoch.next"));
    let story = stories::refused_then_restart;
    check_caught(&build, "epoch", story, "an id was given a second time");
}

#[test]
fn f02_a_build_that_renames_a_segment_before_its_sync_is_caught() {
    let build = renaming_first(|sync| sync.path.extension().is_some_and(|e| e == "spare"));
    check_caught(&build, "writing over", stories::writing_over, "it does not open");
}

#[test]
fn f02_a_build_that_replies_before_the_sync_is_caught() {
    let build = Build { reply: Reply::AtOnce, ..Build::sound() };
    check_caught(&build, "one", stories::accept_one, "was stored and is lost");
}
