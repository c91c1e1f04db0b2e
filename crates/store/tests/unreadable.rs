//! What can't be read is an error and never empty, and names are octets (row M15).

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;

use postroad_disk::{Disk, OsDisk};
use postroad_store::{
    Courier, DeliveryKey, Durably, FolderName, Found, Limits, Maildir, Quota, Step, StoreError,
    Usage,
};
use postroad_testkit::{FaultyDisk, Plan};

const EIO: i32 = 5;
const LIMITS: Limits = Limits { octets: Some(10_000), letters: Some(10) };

fn mailbox() -> Maildir {
    Maildir::at("/mail/alice")
}

/// A mailbox with two letters, one of them in a folder.
fn disk() -> FaultyDisk {
    let disk = FaultyDisk::new();
    for folder in ["", ".Lists"] {
        for part in ["tmp", "new", "cur"] {
            disk.put_dir(&mailbox().root().join(folder).join(part));
        }
        disk.put(&mailbox().root().join(folder).join("cur/1.a.host:2,S"), b"12345");
    }
    disk
}

fn courier(disk: &FaultyDisk) -> Courier {
    Courier::new(Arc::new(disk.clone()), "host")
}

/// Where in a sound run its directories are read.
fn readings(run: impl Fn(&FaultyDisk)) -> Vec<u64> {
    let disk = disk();
    disk.plan(Plan::Sound);
    run(&disk);
    let calls = disk.calls();
    let readings = (0..).zip(&calls).filter(|(_, call)| call.starts_with("read_dir"));
    let readings: Vec<u64> = readings.map(|(at, _)| at).collect();
    assert!(readings.len() > 2, "{calls:?}");
    readings
}

#[test]
fn m15_a_mailbox_that_cannot_be_counted_is_not_empty() {
    let usage = |disk: &FaultyDisk| {
        let standing = Quota::of(&courier(disk), &mailbox(), Some(LIMITS)).standing();
        standing.map(|standing| standing.unwrap().usage)
    };
    let sound = Usage { octets: 10, letters: 2 };
    for call in readings(|disk| assert_eq!(usage(disk).unwrap(), sound)) {
        let disk = disk();
        disk.plan(Plan::Fail { call, errno: EIO });
        assert!(matches!(usage(&disk), Err(StoreError::Disk(_))), "{:?}", disk.calls());
        // Nor is anything written down that others would believe.
        assert_eq!(disk.read(&mailbox().root().join("maildirsize")), None);
        disk.plan(Plan::Sound);
        assert_eq!(usage(&disk).unwrap(), sound);
    }
}

#[test]
fn m15_a_delivery_that_cannot_be_looked_for_is_not_undone() {
    let key = DeliveryKey::of_digest(&[1; 32]);
    let again = |disk: &FaultyDisk| {
        let courier = courier(disk);
        let mut drafts = vec![courier.begin(&mailbox())?];
        courier.attempt(&mailbox(), key).unwrap().leave_out(&mut drafts)
    };
    // Filed, and killed before anybody heard of it.
    let filed = |disk: &FaultyDisk| {
        let courier = courier(disk);
        let mut drafts = vec![courier.begin(&mailbox()).unwrap()];
        let mut attempt = courier.attempt(&mailbox(), key).unwrap();
        assert_eq!(attempt.leave_out(&mut drafts).unwrap(), Found::Nothing);
        attempt.note(Step::Begun, Durably::No);
        drafts.pop().unwrap().deliver().unwrap();
    };
    let readings = readings(|disk| {
        filed(disk);
        disk.plan(Plan::Sound);
        assert_eq!(again(disk).unwrap(), Found::All);
    });
    for call in readings {
        let disk = disk();
        filed(&disk);
        disk.plan(Plan::Fail { call, errno: EIO });
        match again(&disk) {
            // The sweep of tmp/ may fail.
            Ok(found) => assert_eq!(found, Found::All, "{:?}", disk.calls()),
            Err(error) => assert!(matches!(error, StoreError::Disk(_))),
        }
    }
}

#[test]
fn m15_a_mailbox_that_cannot_be_looked_at_is_not_made_anew() {
    let disk = disk();
    let folder = mailbox().folder(&FolderName::parse("Lists").unwrap());
    for maildir in [mailbox(), folder] {
        disk.plan(Plan::Sound);
        assert!(courier(&disk).exists(&maildir).unwrap());
        let calls = disk.calls().len() as u64;
        for call in 0..calls {
            disk.plan(Plan::Fail { call, errno: EIO });
            assert!(courier(&disk).exists(&maildir).is_err());
        }
    }
}

#[test]
fn m15_names_are_octets() {
    let dir = tempfile::tempdir().unwrap();
    let mailbox = Maildir::at(dir.path().join("alice"));
    let courier = Courier::new(Arc::new(OsDisk), "host");
    courier.begin(&mailbox).unwrap().deliver().unwrap();
    let odd = |octets: &[u8]| OsStr::from_bytes(octets).to_owned();
    let folder = mailbox.root().join(odd(b".caf\xe9"));
    for part in ["tmp", "new", "cur"] {
        std::fs::create_dir_all(folder.join(part)).unwrap();
    }
    let letters: [(&Path, &[u8]); 4] = [
        (mailbox.root(), b"1.caf\xe9 \n:2,S"),
        (mailbox.root(), b"\xff\xfe"),
        (&folder, b"1.\x1b[2J"),
        // Trashed, which doesn't count.
        (&folder, b"2.\xe9:2,ST"),
    ];
    for (folder, name) in letters {
        std::fs::write(folder.join("cur").join(odd(name)), "12345").unwrap();
    }
    let standing = Quota::of(&courier, &mailbox, Some(LIMITS)).standing().unwrap().unwrap();
    assert_eq!(standing.usage, Usage { octets: 15, letters: 4 });
    // They are all there as they were.
    for (folder, name) in letters {
        assert_eq!(std::fs::read(folder.join("cur").join(odd(name))).unwrap(), b"12345");
    }
    assert_eq!(OsDisk.read_dir(&folder.join("cur")).unwrap().len(), 2);
}
