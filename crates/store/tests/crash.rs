//! Deliveries on the simulated disk: each call fails in turn, the process dies at each. (The power fails at each in
//! `power_cut.rs`.)
//!
//! Whatever happens: what was answered `Ok` is there, whole; nothing in new/ is half; what was answered with an
//! error isn't in new/, unless the very disk that failed kept us from taking it back.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use postroad_store::{Courier, Draft, Filed, FolderName, Maildir, StoreError};
use postroad_testkit::{FaultyDisk, Plan};

const EINTR: i32 = 4;
const EIO: i32 = 5;
const EAGAIN: i32 = 11;
const ENOMEM: i32 = 12;
const EMFILE: i32 = 24;
const ENOSPC: i32 = 28;
const EROFS: i32 = 30;
const EDQUOT: i32 = 122;

/// What each letter was answered, by its text.
type Answers = HashMap<Vec<u8>, Result<Filed, StoreError>>;

/// Each letter with its mailbox.
fn letters(count: usize, mailboxes: usize) -> Vec<(Maildir, Vec<u8>)> {
    let letter = |n: usize| {
        let maildir = Maildir::at(format!("/mail/user{}", n % mailboxes));
        (maildir, format!("Letter: {n}\n\n{}\n", "x".repeat(n)).into_bytes())
    };
    (0..count).map(letter).collect()
}

/// Delivers them: the first one alone, and all others as one group, since they come while it is under way.
fn deliver(disk: &FaultyDisk, letters: &[(Maildir, Vec<u8>)]) -> Answers {
    let courier = Courier::new(Arc::new(disk.clone()), "host");
    let answers = Arc::new(Mutex::new(Answers::new()));
    let answer = |text: &Vec<u8>| {
        let (answers, text) = (Arc::clone(&answers), text.clone());
        move |result| {
            answers.lock().unwrap().insert(text, result);
        }
    };
    let written = |(maildir, text): &(Maildir, Vec<u8>)| -> Result<Draft, StoreError> {
        let mut draft = courier.begin(maildir)?;
        draft.write(text)?;
        Ok(draft)
    };
    let mut drafts = Vec::new();
    for letter in letters {
        match written(letter) {
            Ok(draft) => drafts.push((draft, answer(&letter.1))),
            Err(error) => answer(&letter.1)(Err(error)),
        }
    }
    let mut drafts = drafts.into_iter();
    if let Some((first, done)) = drafts.next() {
        let others: Vec<_> = drafts.collect();
        first.deliver_then(move |result| {
            done(result);
            others.into_iter().for_each(|(draft, done)| draft.deliver_then(done));
        });
    }
    drop(courier);
    Arc::into_inner(answers).unwrap().into_inner().unwrap()
}

/// Everything in a new/ as a reader finds it.
fn shown(disk: &FaultyDisk) -> Vec<(PathBuf, Vec<u8>)> {
    let in_new = |path: &PathBuf| path.parent().is_some_and(|parent| parent.ends_with("new"));
    let paths: Vec<PathBuf> = disk.files().into_iter().filter(in_new).collect();
    paths.into_iter().map(|path| (path.clone(), disk.read(&path).unwrap())).collect()
}

/// Checks what the next run finds against what was answered.
#[track_caller]
fn check(disk: &FaultyDisk, letters: &[(Maildir, Vec<u8>)], answers: &Answers, what: &str) {
    let shown = shown(disk);
    for (path, text) in &shown {
        assert!(
            letters.iter().any(|(_, whole)| whole == text),
            "{what}: half a letter in {}",
            path.display()
        );
    }
    for (maildir, text) in letters {
        let Ok(filed) = answers.get(text).unwrap() else { continue };
        assert_eq!(
            disk.read(&filed.path).as_ref(),
            Some(text),
            "{what}: lost {}",
            filed.path.display()
        );
        assert!(filed.path.starts_with(maildir.root().join("new")));
    }
}

/// A disk on which the users' folders are made on the way, or were there before.
fn disk(mailboxes_there: usize) -> FaultyDisk {
    let disk = FaultyDisk::new();
    for n in 0..mailboxes_there {
        for part in ["tmp", "new", "cur"] {
            disk.put_dir(&Path::new("/mail").join(format!("user{n}")).join(part));
        }
    }
    disk
}

/// Runs one plan after another, each with another call, until no call is left to go wrong.
fn for_each_call(letters: &[(Maildir, Vec<u8>)], there: usize, plan: impl Fn(u64) -> Plan) {
    for call in 0.. {
        let disk = disk(there);
        disk.plan(plan(call));
        let answers = deliver(&disk, letters);
        let calls = disk.calls();
        let last = calls.get(usize::try_from(call).unwrap());
        let what = format!("{:?} at {last:?}", plan(call));
        check(&disk, letters, &answers, &what);
        check(&disk.restart(), letters, &answers, &what);
        check(&disk.restart_after_cut(), letters, &answers, &what);
        if last.is_none() {
            assert!(answers.values().all(Result::is_ok), "{what}");
            return;
        }
    }
}

#[test]
fn f01_the_process_is_killed_at_each_call() {
    for (count, mailboxes, there) in [(1, 1, 0), (1, 1, 1), (3, 2, 0), (9, 1, 1), (9, 5, 3)] {
        for_each_call(&letters(count, mailboxes), there, |call| Plan::Kill { call });
    }
}

/// Letters for two mailboxes and two folders of each, none of which is there.
fn letters_for_folders(count: usize) -> Vec<(Maildir, Vec<u8>)> {
    let mut letters = letters(count, 2);
    for (n, (maildir, _)) in letters.iter_mut().enumerate() {
        if let Some(name) = [None, Some("Lists"), Some("Lists.rust")][n % 3] {
            *maildir = maildir.folder(&FolderName::parse(name).unwrap());
        }
    }
    letters
}

#[test]
fn f01_f08_each_call_of_making_folders_fails() {
    let letters = letters_for_folders(6);
    for there in [0, 2] {
        for_each_call(&letters, there, |call| Plan::Kill { call });
        for errno in [EIO, ENOSPC, EROFS] {
            for_each_call(&letters, there, |call| Plan::Fail { call, errno });
            for_each_call(&letters, there, |call| Plan::FailFrom { call, errno });
        }
    }
}

#[test]
fn f01_a_mailbox_that_somebody_was_killed_over_is_made_durable_by_the_next() {
    let (first, second) = (letters(1, 1), letters(2, 2));
    for call in 0.. {
        let disk = disk(0);
        disk.plan(Plan::Kill { call });
        deliver(&disk, &first);
        let calls = disk.calls();
        let last = calls.get(usize::try_from(call).unwrap());
        let next = disk.restart();
        let answers = deliver(&next, &second);
        assert!(answers.values().all(Result::is_ok), "{answers:?}");
        check(
            &next.restart_after_cut(),
            &second,
            &answers,
            &format!("killed at {last:?}, then cut"),
        );
        if last.is_none() {
            return;
        }
    }
}

#[test]
fn f08_f09_f11_each_call_fails_once_or_from_then_on() {
    for errno in [EINTR, EIO, EAGAIN, ENOMEM, EMFILE, ENOSPC, EROFS, EDQUOT] {
        for (count, mailboxes, there) in [(1, 1, 0), (9, 1, 1), (9, 5, 3)] {
            for_each_call(&letters(count, mailboxes), there, |call| Plan::Fail { call, errno });
            for_each_call(&letters(count, mailboxes), there, |call| Plan::FailFrom { call, errno });
            let changes = |call| Plan::FailChanges { call, errno };
            for_each_call(&letters(count, mailboxes), there, changes);
        }
    }
}

#[test]
fn m06_what_failed_leaves_nothing_and_says_why() {
    let letters = letters(1, 1);
    for (errno, full) in [(ENOSPC, "full"), (EDQUOT, "quota")] {
        let calls = {
            let disk = disk(1);
            disk.plan(Plan::Sound);
            deliver(&disk, &letters);
            disk.calls()
        };
        for (call, name) in (0..).zip(&calls) {
            let disk = disk(1);
            disk.plan(Plan::Fail { call, errno });
            let answers = deliver(&disk, &letters);
            match answers.values().next().unwrap() {
                Ok(_) => continue, // what failed was not needed: the sweep
                Err(StoreError::Full(_)) => assert_eq!(full, "full", "{name}"),
                Err(StoreError::OverQuota(_)) => assert_eq!(full, "quota", "{name}"),
                Err(other) => panic!("{name}: {other}"),
            }
            assert!(disk.files().is_empty(), "after {name}");
        }
    }
}

#[test]
fn m15_a_mailbox_that_cannot_be_read_is_an_error() {
    let letters = letters(1, 1);
    let disk = disk(0);
    disk.put_dir(Path::new("/mail/user0"));
    disk.put_other(Path::new("/mail/user0/new"));
    let answers = deliver(&disk, &letters);
    assert!(matches!(answers.values().next(), Some(Err(StoreError::NotADirectory { .. }))));
}

#[test]
fn a_group_shares_its_syncs() {
    let disk = disk(1);
    disk.plan(Plan::Sound);
    let answers = deliver(&disk, &letters(101, 1));
    assert_eq!(answers.values().filter(|answer| answer.is_ok()).count(), 101);
    // The first letter alone, then a hundred at once.
    let syncs = [disk.count("sync"), disk.count("sync_volume"), disk.count("sync_dir")];
    assert_eq!(syncs, [1, 1, 2], "{:?}", disk.calls());
}

#[test]
fn m05_a_taken_name_is_never_replaced() {
    let disk = disk(1);
    // What the disk says where the name is taken, at the last moment.
    let letters = letters(1, 1);
    disk.plan(Plan::Sound);
    deliver(&disk, &letters);
    let rename = disk.calls().iter().position(|call| call.starts_with("rename")).unwrap();
    let create = disk.calls().iter().position(|call| call.starts_with("create ")).unwrap();
    for call in [create, rename] {
        let disk = disk.restart();
        disk.plan(Plan::Fail { call: call as u64, errno: 17 });
        assert!(deliver(&disk, &letters).values().all(Result::is_ok));
        assert_eq!(disk.count(if call == create { "create" } else { "rename" }), 2);
    }
    assert_eq!(shown(&disk.restart()).len(), 3);
}

#[test]
fn f06_a_failed_sync_of_all_is_not_believed_for_those_who_came_too_late_for_it() {
    // The first alone, one whole round, and some who are written but not in it.
    let letters = letters(300, 1);
    let disk = disk(1);
    disk.plan(Plan::Sound);
    deliver(&disk, &letters);
    let call = disk.calls().iter().position(|call| call.starts_with("sync_volume")).unwrap();
    let disk = self::disk(1);
    disk.plan(Plan::Fail { call: call as u64, errno: EIO });
    let answers = deliver(&disk, &letters);
    assert_eq!(answers.values().filter(|answer| answer.is_ok()).count(), 1);
    check(&disk.restart_after_cut(), &letters, &answers, "a failed sync of all");
}
