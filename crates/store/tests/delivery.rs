//! Letters delivered on the real disk, listed by the `maildir` crate.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use postroad_disk::OsDisk;
use postroad_store::{Courier, Filed, FolderName, Maildir, StoreError};

fn courier(host: &str) -> Courier {
    Courier::new(Arc::new(OsDisk), host)
}

fn deliver(courier: &Courier, maildir: &Maildir, letter: &[u8]) -> Result<Filed, StoreError> {
    let mut draft = courier.begin(maildir)?;
    draft.write(letter)?;
    draft.deliver()
}

/// All letters in new/ as the oracle sees them.
fn letters(maildir: &Maildir) -> Vec<Vec<u8>> {
    let oracle = maildir::Maildir::from(maildir.root().to_owned());
    oracle.list_new().map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect()
}

fn names(directory: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.unwrap().file_name().into_string().unwrap()
    };
    std::fs::read_dir(directory).unwrap().map(name).collect()
}

#[test]
fn the_oracle_lists_all_that_was_delivered() {
    let dir = tempfile::tempdir().unwrap();
    let maildir = Maildir::at(dir.path().join("alice"));
    let courier = courier("mx.example");
    let wire: Vec<Vec<u8>> = (0..40)
        .map(|n| {
            format!("Subject: {n}\r\n\r\n.leading dot\r\n{}\r\n", "x".repeat(n * 7_001))
                .into_bytes()
        })
        .collect();
    for letter in &wire {
        deliver(&courier, &maildir, letter).unwrap();
    }
    let mut got = letters(&maildir);
    let mut expected: Vec<Vec<u8>> = wire
        .iter()
        .map(|w| String::from_utf8_lossy(w).replace("\r\n", "\n").into_bytes())
        .collect();
    got.sort();
    expected.sort();
    assert!(got == expected);
    assert_eq!(names(&maildir.root().join("tmp")), [""; 0]);
}

#[test]
fn a_files_name_tells_both_sizes() {
    let dir = tempfile::tempdir().unwrap();
    let maildir = Maildir::at(dir.path().join("alice"));
    let filed = deliver(&courier("mx.example"), &maildir, b"A: b\r\n\r\ntext\r\n").unwrap();
    let name = filed.path.file_name().unwrap().to_str().unwrap();
    assert!(name.ends_with(".mx.example,S=11,W=14"), "{name}");
    assert_eq!(filed.octets, 11);
    assert_eq!(std::fs::metadata(&filed.path).unwrap().len(), 11);
}

#[test]
fn many_at_once_into_few_mailboxes() {
    let dir = tempfile::tempdir().unwrap();
    let mailboxes: Vec<Maildir> =
        (0..7).map(|n| Maildir::at(dir.path().join(format!("user{n}")))).collect();
    let courier = courier("mx.example");
    std::thread::scope(|scope| {
        for worker in 0..20 {
            let (courier, mailboxes) = (&courier, &mailboxes);
            scope.spawn(move || {
                for n in 0..10 {
                    let letter = format!("X: {worker}.{n}\r\n\r\n");
                    let maildir = &mailboxes[(worker + n) % mailboxes.len()];
                    let filed = deliver(courier, maildir, letter.as_bytes()).unwrap();
                    assert_eq!(
                        std::fs::read(filed.path).unwrap(),
                        letter.replace('\r', "").as_bytes()
                    );
                }
            });
        }
    });
    assert_eq!(mailboxes.iter().map(|maildir| letters(maildir).len()).sum::<usize>(), 200);
}

#[test]
fn m16_under_umask_0_a_letter_is_its_owners_alone() {
    let dir = tempfile::tempdir().unwrap();
    let maildir = Maildir::at(dir.path().join("alice"));
    rustix::process::umask(rustix::fs::Mode::empty());
    let filed = deliver(&courier("h"), &maildir, b"x").unwrap();
    assert_eq!(std::fs::metadata(filed.path).unwrap().permissions().mode() & 0o7777, 0o600);
}

#[test]
fn m05_a_host_name_cannot_lead_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let maildir = Maildir::at(dir.path().join("alice"));
    let filed = deliver(&courier("../a:2,S"), &maildir, b"x").unwrap();
    assert_eq!(filed.path.parent().unwrap(), maildir.root().join("new"));
    let name = filed.path.file_name().unwrap().to_str().unwrap();
    assert!(name.ends_with("...\\057a\\0722\\054S,S=1,W=1"), "{name}");
}

#[test]
fn m01_a_mailbox_that_turns_into_a_link_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let maildir = Maildir::at(dir.path().join("alice"));
    let courier = courier("h");
    deliver(&courier, &maildir, b"x").unwrap();
    let new = maildir.root().join("new");
    let elsewhere = dir.path().join("elsewhere");
    std::fs::rename(&new, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &new).unwrap();
    let error = deliver(&courier, &maildir, b"y").unwrap_err();
    assert!(matches!(&error, StoreError::NotADirectory { path } if *path == new), "{error}");
    assert_eq!(names(&elsewhere).len(), 1);
}

#[test]
fn a_mailbox_that_was_removed_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let maildir = Maildir::at(dir.path().join("alice"));
    let courier = courier("h");
    deliver(&courier, &maildir, b"x").unwrap();
    std::fs::remove_dir_all(maildir.root()).unwrap();
    deliver(&courier, &maildir, b"y").unwrap();
    assert_eq!(letters(&maildir), [b"y"]);
}

#[test]
fn a_draft_that_is_dropped_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let maildir = Maildir::at(dir.path().join("alice"));
    let mut draft = courier("h").begin(&maildir).unwrap();
    draft.write(&[b'x'; 300_000]).unwrap();
    assert_eq!(names(&maildir.root().join("tmp")).len(), 1);
    drop(draft);
    assert_eq!(names(&maildir.root().join("tmp")), [""; 0]);
    assert_eq!(names(&maildir.root().join("new")), [""; 0]);
}

#[test]
fn what_a_crash_left_long_ago_is_swept_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let maildir = Maildir::at(dir.path().join("alice"));
    deliver(&courier("h"), &maildir, b"x").unwrap();
    let tmp = maildir.root().join("tmp");
    for name in ["1000000.M1P1.h", "99999999999.M1P1.h", "mine", "1000000"] {
        std::fs::write(tmp.join(name), "").unwrap();
    }
    deliver(&courier("h"), &maildir, b"x").unwrap();
    let mut left = names(&tmp);
    left.sort();
    assert_eq!(left, ["1000000", "99999999999.M1P1.h", "mine"]);
}

#[test]
fn a_folder_is_a_maildir_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let maildir = Maildir::at(dir.path().join("alice"));
    let folder = maildir.folder(&FolderName::parse("Lists.rust").unwrap());
    let filed = deliver(&courier("h"), &folder, b"x").unwrap();
    assert!(filed.path.starts_with(dir.path().join("alice/.Lists.rust/new")));
}
