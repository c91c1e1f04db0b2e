//! `maildirsize` on a real file system, among others who write it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use postroad_disk::OsDisk;
use postroad_store::{Courier, Flags, FolderName, Limits, Maildir, Quota, Standing, Usage};

/// A mailbox with letters in it: `(directory, name, octets)`.
struct Place {
    dir: tempfile::TempDir,
    courier: Courier,
    mailbox: Maildir,
}

const LIMITS: Limits = Limits { octets: Some(10_000), letters: Some(10) };

impl Place {
    fn with(letters: &[(&str, &str, usize)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mailbox = Maildir::at(dir.path().join("alice"));
        for part in ["tmp", "new", "cur"] {
            fs::create_dir_all(mailbox.root().join(part)).unwrap();
        }
        let place = Self { dir, courier: Courier::new(Arc::new(OsDisk), "host"), mailbox };
        letters.iter().for_each(|letter| place.put(*letter));
        place
    }

    fn put(&self, (directory, name, octets): (&str, &str, usize)) {
        let directory = self.mailbox.root().join(directory);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join(name), "x".repeat(octets)).unwrap();
    }

    fn file(&self) -> PathBuf {
        self.mailbox.root().join("maildirsize")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.file()).unwrap()
    }

    fn quota(&self) -> Quota<'_> {
        Quota::of(&self.courier, &self.mailbox, Some(LIMITS))
    }

    fn standing(&self) -> Standing {
        self.quota().standing().unwrap().unwrap()
    }

    fn is_old(&self, path: &Path, age: Duration) {
        let file = fs::File::open(path).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
    }
}

fn usage(octets: u64, letters: u64) -> Usage {
    Usage { octets, letters }
}

#[test]
fn what_counts() {
    let place = Place::with(&[
        ("new", "1.a.host,S=100", 5),
        ("cur", "2.a.host,S=200,W=210:2,S", 5),
        ("cur", "3.a.host:2,S", 30),
        ("cur", "4.a.host,S=1000:2,ST", 5),
        ("cur", ".hidden", 5),
        ("tmp", "5.a.host", 5_000),
        (".Lists.rust/new", "6.a.host,S=400", 5),
        (".Trash/cur", "7.a.host,S=5000:2,S", 5),
        ("folder/cur", "8.a.host,S=5000", 5),
    ]);
    assert_eq!(place.standing().usage, usage(730, 4));
    assert_eq!(place.text(), "10000S,10C\n730 4\n");
    assert!(fs::read_dir(place.mailbox.root().join("tmp")).unwrap().count() == 1);
}

#[test]
fn the_file_is_believed_until_it_cannot_be() {
    let torn = "10000S,10C\n1 1\n500";
    let long = format!("10000S,10C\n1 1\n{}", "0 0\n".repeat(1_300));
    let endless = "0 0\n".repeat(300_000);
    for (file, expected) in [
        ("10000S,10C\n1 1\n", usage(1, 1)),
        ("10000S,10C\n1 1\n5 1\n", usage(6, 2)),
        (torn, usage(100, 1)),
        (&long, usage(100, 1)),
        (&endless, usage(100, 1)),
        ("10000S\n1 1\n", usage(100, 1)),
        ("", usage(100, 1)),
        ("10000S,10C\n", usage(100, 1)),
        ("\0\0\0\0\0\0\0\0\0\0\0\0", usage(100, 1)),
        ("10000S,10C\n-5 -1\n", usage(100, 1)),
    ] {
        let place = Place::with(&[("new", "1.a.host,S=100", 5)]);
        fs::write(place.file(), file).unwrap();
        assert_eq!(place.standing().usage, expected, "{file:.40?}");
        let is_new = expected == usage(100, 1);
        assert!(!is_new || place.text() == "10000S,10C\n100 1\n", "{file:.40?}");
    }
}

#[test]
fn limits_that_nobody_sets_are_those_of_the_file() {
    let place = Place::with(&[("new", "1.a.host,S=100", 5)]);
    let quota = |limits| Quota::of(&place.courier, &place.mailbox, limits);
    assert_eq!(quota(None).standing().unwrap(), None);
    assert!(!place.file().exists());
    // As "maildirmake -q 5000S" leaves it.
    fs::write(place.file(), "5000S\n").unwrap();
    let standing = quota(None).standing().unwrap().unwrap();
    assert_eq!((standing.limits, standing.usage), (Limits::of(5_000, 0), usage(100, 1)));
    assert_eq!(place.text(), "5000S\n100 1\n");
    // Whoever has no limit by the settings has none.
    assert_eq!(quota(Some(Limits::default())).standing().unwrap(), None);
    assert_eq!(place.text(), "5000S\n100 1\n");
}

#[test]
fn a_letter_is_counted_while_it_is_delivered_and_counted_back_where_it_is_not() {
    let place = Place::with(&[]);
    assert_eq!(place.standing().usage, usage(0, 0));
    let mut draft = place.courier.begin(&place.mailbox).unwrap();
    draft.write(b"Subject: x\r\n\r\nhello\r").unwrap();
    let adding = draft.usage().unwrap();
    let mut counted = place.quota().count(adding).unwrap();
    assert_eq!(place.standing().usage, adding);
    let filed = draft.deliver().unwrap();
    assert_eq!(adding, usage(filed.octets, 1));
    counted.stays();
    drop(counted);
    assert_eq!(place.standing().usage, usage(18, 1));

    drop(place.quota().count(usage(50, 2)).unwrap());
    assert_eq!(place.text(), "10000S,10C\n0 0\n18 1\n50 2\n-50 -2\n");
    assert_eq!(place.standing().usage, usage(18, 1));
    let standing = place.quota().confirmed(place.standing()).unwrap();
    assert_eq!(standing.usage, usage(18, 1));
    assert_eq!(place.text(), "10000S,10C\n18 1\n");
}

#[test]
fn what_goes_to_the_trash_does_not_count() {
    let place = Place::with(&[]);
    let trash = place.mailbox.folder(&FolderName::parse("Trash").unwrap());
    let mut draft = place.courier.begin(&trash).unwrap();
    draft.write(b"x").unwrap();
    assert_eq!(draft.usage().unwrap(), Usage::default());
    let mut draft = place.courier.begin(&place.mailbox).unwrap();
    assert!(draft.set_flags(Flags::of(&["\\Deleted".to_owned()]).0).is_none());
    assert_eq!(draft.usage().unwrap(), Usage::default());
}

/// Nobody is refused by a sum: letters may have been removed by those who don't say so.
#[test]
fn a_sum_is_confirmed_before_somebody_is_refused_by_it() {
    let file = "10000S,10C\n9000 9\n";
    let hour = Duration::from_secs(3_600);
    for (what, text, age, folders_age, expected) in [
        ("young, nothing has changed", file, Duration::ZERO, hour, usage(9_000, 9)),
        ("a letter came or went", file, hour / 5, Duration::ZERO, usage(100, 1)),
        ("old", file, hour, 2 * hour, usage(100, 1)),
        ("lines", "10000S,10C\n9000 9\n0 0\n", Duration::ZERO, hour, usage(100, 1)),
    ] {
        let place = Place::with(&[("new", "1.a.host,S=100", 5)]);
        fs::write(place.file(), text).unwrap();
        for part in ["new", "cur"] {
            place.is_old(&place.mailbox.root().join(part), folders_age);
        }
        place.is_old(&place.file(), age);
        let standing = place.quota().standing().unwrap().unwrap();
        assert_eq!(standing.usage, usage(9_000, 9), "{what}");
        assert!(!standing.is_confirmed());
        let standing = place.quota().confirmed(standing).unwrap();
        assert_eq!((standing.usage, standing.is_confirmed()), (expected, true), "{what}");
    }
}

#[test]
fn m01_a_symbolic_link_is_not_followed() {
    let place = Place::with(&[]);
    let elsewhere = place.dir.path().join("elsewhere");
    fs::write(&elsewhere, "10000S,10C\n1 1\n").unwrap();
    std::os::unix::fs::symlink(&elsewhere, place.file()).unwrap();
    assert!(place.quota().standing().is_err());
    assert!(place.quota().count(usage(1, 1)).is_err());
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "10000S,10C\n1 1\n");
}

#[test]
fn a_mailbox_that_is_not_there_holds_nothing_and_is_not_made() {
    let place = Place::with(&[]);
    let mailbox = Maildir::at(place.dir.path().join("bob"));
    let quota = Quota::of(&place.courier, &mailbox, Some(LIMITS));
    assert_eq!(quota.standing().unwrap().unwrap().usage, usage(0, 0));
    assert!(!mailbox.root().exists());
}

#[test]
fn lines_of_many_at_once_are_all_there() {
    let place = Place::with(&[]);
    place.standing();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                (0..20).for_each(|_| place.quota().count(usage(10, 1)).unwrap().stays());
            });
        }
    });
    assert_eq!(place.standing().usage, usage(800, 80));
}
