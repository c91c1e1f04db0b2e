#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use postroad_disk::{Disk as _, DiskError};

use super::plan::{FULL, IO_ERROR};
use super::{FaultyDisk, Plan};

fn path(text: &str) -> PathBuf {
    PathBuf::from(text)
}

/// All trees that a power cut right now can leave, as a text each: every file with its octets.
fn trees(disk: &FaultyDisk, seeds: u64) -> BTreeSet<String> {
    disk.record();
    let recording = disk.recording();
    let shown = |disk: FaultyDisk| {
        let file = |path: PathBuf| {
            let octets = disk.read(&path).unwrap_or_default();
            let octet = |octet| if octet == 0 { '-' } else { char::from(octet) };
            let runs = octets.chunk_by(|a, b| a == b);
            let runs: Vec<_> = runs.map(|run| format!("{}{}", octet(run[0]), run.len())).collect();
            format!("{}={}", path.display(), runs.join("."))
        };
        disk.files().into_iter().map(file).collect::<Vec<_>>().join(" ")
    };
    (0..seeds).map(|number| shown(recording.survivor(0, number, 7))).collect()
}

fn check_trees(disk: &FaultyDisk, expected: &[&str]) {
    let expected: BTreeSet<String> = expected.iter().map(|tree| (*tree).to_owned()).collect();
    assert_eq!(trees(disk, 500), expected);
}

#[test]
fn a_power_cut_takes_what_was_not_synced() {
    let disk = FaultyDisk::new();
    let mut file = disk.create_new(&path("/a")).unwrap();
    file.write_all_at(&[b"one"], 0).unwrap();
    file.sync().unwrap();
    disk.sync_dir(&path("/")).unwrap();
    file.write_all_at(&[b"two"], 3).unwrap();
    disk.create_new(&path("/b")).unwrap().sync().unwrap();
    let disk = disk.restart_after_cut();
    assert_eq!(disk.read(&path("/a")).unwrap(), b"one");
    assert_eq!(disk.read(&path("/b")), None);
}

#[test] // Row F05.
fn f05_each_sector_and_each_page_of_a_write_survives_by_itself() {
    let disk = FaultyDisk::new();
    let mut file = disk.create_new(&path("/a")).unwrap();
    disk.sync_dir(&path("/")).unwrap();
    file.write_all_at(&[&[b'x'; 512 + 8]], 0).unwrap();
    check_trees(&disk, &["/a=", "/a=-520", "/a=-512.x8", "/a=x512", "/a=x512.-8", "/a=x520"]);
    file.sync().unwrap();
    // Over what is there, and not from a sector's beginning.
    file.write_all_at(&[&[b'y'; 16]], 504).unwrap();
    check_trees(&disk, &["/a=x504.y16", "/a=x504.y8.x8", "/a=x512.y8", "/a=x520"]);
}

#[test]
fn each_name_survives_by_itself_and_a_rename_as_a_whole() {
    let disk = FaultyDisk::new();
    disk.put_dir(&path("/d"));
    disk.put(&path("/a"), b"a");
    disk.put(&path("/r"), b"r");
    disk.remove(&path("/a")).unwrap();
    disk.rename(&path("/r"), &path("/s")).unwrap();
    check_trees(&disk, &["/a=a1 /r=r1", "/a=a1 /s=r1", "/r=r1", "/s=r1"]);
    disk.sync_dir(&path("/")).unwrap();
    // To another directory: the name may be in both, never in none.
    disk.rename(&path("/s"), &path("/d/t")).unwrap();
    check_trees(&disk, &["/d/t=r1", "/d/t=r1 /s=r1", "/s=r1"]);
    disk.sync_dir(&path("/d")).unwrap();
    check_trees(&disk, &["/d/t=r1", "/d/t=r1 /s=r1"]);
}

#[test]
fn a_name_never_goes_back_behind_what_survived_of_it() {
    let disk = FaultyDisk::new();
    disk.put(&path("/a"), b"1");
    disk.remove(&path("/a")).unwrap();
    disk.create_new(&path("/a")).unwrap();
    disk.remove(&path("/a")).unwrap();
    check_trees(&disk, &["", "/a=", "/a=11"]);
}

#[test]
fn a_kill_leaves_what_was_written() {
    let disk = FaultyDisk::new();
    disk.plan(Plan::Kill { call: 2 });
    let mut file = disk.create_new(&path("/a")).unwrap();
    file.write_all_at(&[b"one"], 0).unwrap();
    assert!(file.sync().is_err());
    let next = disk.restart();
    assert!(file.write_all_at(&[b"two"], 0).is_err(), "a thread of the killed process");
    assert_eq!(next.read(&path("/a")).unwrap(), b"one");
}

#[test] // Row F06.
fn f06_after_a_failed_sync_the_next_one_only_pretends() {
    let disk = FaultyDisk::new();
    let mut file = disk.create_new(&path("/a")).unwrap();
    disk.sync_dir(&path("/")).unwrap();
    file.write_all_at(&[b"one"], 0).unwrap();
    disk.plan(Plan::FailNext { operation: "sync", errno: IO_ERROR });
    assert!(file.sync().is_err());
    file.sync().unwrap();
    assert_eq!(disk.read(&path("/a")).unwrap(), b"one");
    check_trees(&disk, &["/a="]);
    let mut octets = [1; 4];
    assert_eq!(disk.open_past_cache(&path("/a")).unwrap().read_at(&mut octets, 0).unwrap(), 3);
    assert_eq!(octets, [0, 0, 0, 1]);
    disk.evict();
    assert_eq!(disk.read(&path("/a")).unwrap(), b"");
}

#[test] // Row F06.
fn f06_a_failed_sync_may_have_written_some_of_it() {
    let mut left = BTreeSet::new();
    for seed in 0..64 {
        let disk = FaultyDisk::new();
        disk.tear_failed_syncs(seed);
        let mut file = disk.create_new(&path("/a")).unwrap();
        disk.sync_dir(&path("/")).unwrap();
        file.write_all_at(&[&[b'x'; 1024]], 0).unwrap();
        disk.plan(Plan::Fail { call: 0, errno: IO_ERROR });
        assert!(file.sync().is_err());
        file.sync().unwrap();
        // Whatever it was, it is the same after each cut.
        let trees = trees(&disk, 50);
        assert_eq!(trees.len(), 1);
        left.extend(trees);
    }
    assert!(left.len() > 3, "{left:?}");
}

#[test]
fn a_failed_write_gets_half_way_or_all_the_way_or_nowhere() {
    for (call, written) in [(0, "12"), (1, "1234"), (2, "")] {
        let disk = FaultyDisk::new();
        disk.put(&path("/a"), b"");
        let mut file = disk.open(&path("/a")).unwrap();
        disk.plan(Plan::Fail { call, errno: FULL });
        (0..call).for_each(|_| file.sync().unwrap());
        assert!(file.write_all_at(&[b"12", b"34"], 0).unwrap_err().is_full());
        assert_eq!(disk.read(&path("/a")).unwrap(), written.as_bytes());
        assert_eq!(disk.count("write"), 1);
    }
}

#[test]
fn a_read_only_disk_can_be_read() {
    let disk = FaultyDisk::new();
    disk.put(&path("/a"), b"a");
    disk.plan(Plan::FailChanges { call: 0, errno: 30 });
    assert!(disk.create_new(&path("/b")).is_err());
    assert!(disk.remove(&path("/a")).is_err());
    let mut octets = [0; 4];
    assert_eq!(disk.open(&path("/a")).unwrap().read_at(&mut octets, 0).unwrap(), 1);
}

#[test]
fn names_are_never_replaced_but_by_rename() {
    let disk = FaultyDisk::new();
    disk.put(&path("/a"), b"a");
    disk.put(&path("/b"), b"b");
    let kind = |result: Result<(), DiskError>| result.unwrap_err().kind();
    assert_eq!(kind(disk.link(&path("/a"), &path("/b"))), io::ErrorKind::AlreadyExists);
    assert_eq!(kind(disk.rename_noreplace(&path("/a"), &path("/b"))), io::ErrorKind::AlreadyExists);
    disk.link(&path("/a"), &path("/c")).unwrap();
    assert_eq!(disk.stat(&path("/a")).unwrap().links, 2);
    disk.rename(&path("/a"), &path("/b")).unwrap();
    assert_eq!(disk.files(), [path("/b"), path("/c")]);
    assert_eq!(disk.read(Path::new("/b")).unwrap(), b"a");
}

#[test]
fn a_broken_sector_cannot_be_read_until_it_is_written() {
    let disk = FaultyDisk::new();
    disk.put(&path("/a"), &[b'x'; 2_000]);
    disk.break_sector(&path("/a"), 1_000);
    for disk in [disk.copy(), disk.restart_after_cut()] {
        let mut file = disk.open(&path("/a")).unwrap();
        let readable = |file: &dyn postroad_disk::DiskFile, from, octets| {
            file.read_at(&mut vec![0; octets], from).is_ok()
        };
        assert!(readable(file.as_ref(), 0, 512) && readable(file.as_ref(), 1_024, 5_000));
        assert!(!readable(file.as_ref(), 0, 513) && !readable(file.as_ref(), 1_023, 1));
        file.write_all_at(&[&[b'y'; 300]], 512).unwrap();
        assert!(!readable(file.as_ref(), 600, 1));
        file.write_all_at(&[&[b'y'; 512]], 512).unwrap();
        assert!(readable(file.as_ref(), 0, 2_000));
    }
}
