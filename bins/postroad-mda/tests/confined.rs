//! The real binary behind the wall that it puts up before it reads a letter (Landlock, rows M01 and M02).
//!
//! These tests need a kernel with Landlock (5.19, and `landlock` among its security modules), and fail without.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

use place::{Place, UnderWay};

mod place;

/// Of the thread that delivers: the first one.
fn status(under_way: &UnderWay, word: &str) -> String {
    let path = format!("/proc/{}/status", under_way.child.id());
    let status = std::fs::read_to_string(path).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(word)).unwrap();
    line.trim().to_owned()
}

/// Two folders change places, as their owner may have them.
fn swap(place: &Place, one: &str, other: &str) {
    let (one, other) = (place.path(one), place.path(other));
    let aside = place.path("aside");
    std::fs::rename(&one, &aside).unwrap();
    std::fs::rename(&other, &one).unwrap();
    std::fs::rename(&aside, &other).unwrap();
}

fn make_maildir(path: &Path) {
    for part in ["tmp", "new", "cur"] {
        std::fs::create_dir_all(path.join(part)).unwrap();
    }
}

fn files(path: &Path) -> usize {
    ["tmp", "new", "cur"]
        .iter()
        .map(|part| std::fs::read_dir(path.join(part)).unwrap().count())
        .sum()
}

#[test]
fn m01_a_folder_that_is_put_in_the_mailboxes_place_gets_no_letter() {
    let place = Place::new();
    // With rules, all of the letter is read before anything is written.
    place.script("keep;");
    for folder in ["mail/alice", "elsewhere"] {
        make_maildir(&place.path(folder));
    }
    let delivery = UnderWay::begin(&place);
    swap(&place, "mail/alice", "elsewhere");
    delivery.end().ends(75, "4.");
    assert_eq!((files(&place.path("mail/alice")), files(&place.path("elsewhere"))), (0, 0));
    // It is the wall that held: from the beginning the new folder is as good as the old one.
    UnderWay::begin(&place).end().ends(0, "");
    assert_eq!(files(&place.path("mail/alice")), 1);
}

#[test]
fn m01_nothing_is_written_beside_a_mailbox_that_is_there() {
    let place = Place::new();
    place.script("keep;");
    make_maildir(&place.path("mail/alice"));
    let delivery = UnderWay::begin(&place);
    std::fs::remove_dir_all(place.path("mail/alice")).unwrap();
    delivery.end().ends(75, "4.");
    assert!(!place.path("mail/alice").exists());
    // One that isn't there yet is made.
    UnderWay::begin(&place).end().ends(0, "");
    assert_eq!(files(&place.path("mail/alice")), 1);
}

#[test]
fn m08_only_where_rules_may_run_programs_there_is_no_wall() {
    let place = Place::new();
    let wall = |place: &Place| {
        let delivery = UnderWay::begin(place);
        let status = status(&delivery, "NoNewPrivs:");
        delivery.end().ends(0, "");
        status
    };
    assert_eq!(wall(&place), "1");
    place.script("keep;");
    assert_eq!(wall(&place), "1");
    place.leave_by("cat > /dev/null");
    assert_eq!(wall(&place), "0");
    // Nobody's rules run anything.
    std::fs::remove_dir_all(place.path("sieve")).unwrap();
    assert_eq!(wall(&place), "1");
}
