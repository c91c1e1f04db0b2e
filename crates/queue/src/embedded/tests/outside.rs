//! The queue looked at from outside: `export` and `survey`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use postroad_disk::OsDisk;
use postroad_testkit::FaultyDisk;

use super::{block_on, content, done, open, stored};
use crate::spool::QueueId;
use crate::{Embedded, Soundness};

/// What `export` and `survey` say of a queue, running or not; nothing is changed by it.
fn check_outside(disk: &FaultyDisk, expected: &[QueueId]) {
    let before: Vec<_> = disk.files().iter().map(|path| (path.clone(), disk.read(path))).collect();
    let dir = Path::new("/queue");
    let survey = crate::survey(disk, dir).unwrap();
    assert_eq!(survey.rows().map(|row| row.id).collect::<Vec<_>>(), expected);
    for id in expected {
        let exported = crate::export(disk, dir, *id).unwrap().unwrap();
        assert_eq!((exported.content, exported.soundness), (content(*id), Soundness::Sound));
        assert_eq!(exported.row.envelope.recipients.len(), 1);
    }
    assert!(crate::export(disk, dir, QueueId::from_number(7)).unwrap().is_none());
    let after: Vec<_> = disk.files().iter().map(|path| (path.clone(), disk.read(path))).collect();
    assert!(before == after, "looking changed something");
}

#[test]
fn a_queue_is_exported_while_it_runs_and_when_it_does_not() {
    block_on(async {
        let disk = FaultyDisk::new();
        let queue = open(&disk).await;
        let mut left = Vec::new();
        for n in 0..30 {
            let id = stored(&queue).await;
            match n % 3 {
                0 => left.push(id),
                _ => queue.settle(done(id)).await.unwrap(),
            }
        }
        queue.release().await;
        check_outside(&disk, &left);
        let queue = open(&disk.restart()).await;
        check_outside(&disk.restart(), &left);
        drop(queue);
    });
}

/// The last segment is cut and altered at every octet: each letter before the damage is given back whole.
#[test]
fn a_queue_is_exported_whatever_its_last_segment_looks_like() {
    block_on(async {
        let disk = FaultyDisk::new();
        let queue = open(&disk).await;
        let first = stored(&queue).await;
        let last = stored(&queue).await;
        queue.release().await;
        let path = PathBuf::from("/queue/segments/0000000001.log");
        let sound = disk.read(&path).unwrap();
        let one = sound.len() / 2;
        let disk = disk.restart();
        for at in 0..sound.len() {
            let mut altered = sound.clone();
            altered[at] ^= 0x20;
            for octets in [&sound[..at], &altered] {
                disk.put(&path, octets);
                for (id, whole) in [(first, at > one + 40), (last, false)] {
                    match crate::export(&disk, Path::new("/queue"), id).unwrap() {
                        Some(exported) if exported.soundness == Soundness::Sound => {
                            assert_eq!(exported.content, content(id), "octet {at}");
                        }
                        Some(_) | None => {
                            assert!(!whole, "octet {at}: {id} is intact and not given")
                        }
                    }
                }
            }
        }
    });
}

/// While letters come and go and segments with them, an old letter can be exported at any moment.
#[test]
fn a_letter_is_exported_while_cleaning_moves_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("queue");
    let engine = Embedded::new(Arc::new(OsDisk), path.clone());
    let queue = engine.with_segment_octets(4_000).open_blocking().unwrap();
    block_on(async {
        let old = stored(&queue).await;
        let exporting = tokio::task::spawn_blocking(move || {
            for _ in 0..200 {
                let exported = crate::export(&OsDisk, &path, old).unwrap().unwrap();
                let found = (exported.content, exported.soundness);
                assert_eq!(found, (content(old), Soundness::Sound));
            }
        });
        while !exporting.is_finished() {
            let id = stored(&queue).await;
            queue.settle(done(id)).await.unwrap();
        }
        exporting.await.unwrap();
        queue.release().await;
    });
}
