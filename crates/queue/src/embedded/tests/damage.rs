//! Octets that rot or can't be read: what they cost, and what is kept of them (rows F12, F13, Q01).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use postroad_testkit::FaultyDisk;

use super::super::index::Place;
use super::{Queue, block_on, done, engine, ids, message, stored, until};
use crate::Embedded;
use crate::spool::{Accept, Content, NewMessage, QueueId, ShardId, Spool as _};

const SECTOR_OCTETS: usize = 512;
/// What is lost where one sector of it can't be read.
const BLOCK_OCTETS: usize = 4_096;

fn segment(number: u32) -> PathBuf {
    PathBuf::from(format!("/queue/segments/{number:010}.log"))
}

/// A queue of segments that hold a few letters of some sectors each.
async fn open(disk: &FaultyDisk) -> Queue {
    let engine = Embedded::new(Arc::new(disk.clone()), PathBuf::from("/queue"));
    engine.with_segment_octets(20_000).open(ShardId(0)).await.unwrap()
}

fn content(id: QueueId) -> Bytes {
    Bytes::from(format!("Subject: {id}\r\n\r\n").repeat(100))
}

/// A queue with letters in several segments, closed, and where each of them stands.
async fn with_letters(count: usize) -> (FaultyDisk, BTreeMap<QueueId, Place>) {
    let disk = FaultyDisk::new();
    let queue = open(&disk).await;
    for _ in 0..count {
        let id = queue.new_id();
        let content = Content::Memory(content(id));
        let verdicts = queue.accept(vec![NewMessage { content, ..message(id) }]).await;
        assert!(matches!(verdicts.as_slice(), [Accept::Stored]), "{verdicts:?}");
    }
    queue.release().await;
    let index = crate::survey(&disk, Path::new("/queue")).unwrap().index;
    let places = index.messages.iter().map(|(id, entry)| (*id, entry.place)).collect();
    (disk.restart(), places)
}

fn is_reported(disk: &FaultyDisk) -> bool {
    disk.files().iter().any(|path| path.starts_with("/queue/damaged"))
}

/// Decision 0002: one bad sector costs what stands in its block, and no start.
#[test]
fn f12_a_start_reads_around_each_sector_that_cannot_be_read() {
    block_on(async {
        let (sound, places) = with_letters(18).await;
        let mut lost = 0;
        for number in 1..=3 {
            let octets = sound.read(&segment(number)).unwrap().len();
            for octet in (0..octets).step_by(SECTOR_OCTETS) {
                let story = format!("segment {number}, octet {octet}");
                let disk = sound.copy();
                disk.break_sector(&segment(number), octet);
                let queue = open(&disk).await;
                let there = ids(&queue).await;
                let block =
                    octet - octet % BLOCK_OCTETS..octet - octet % BLOCK_OCTETS + BLOCK_OCTETS;
                for (id, place) in &places {
                    let (from, to) =
                        (place.offset as usize, place.offset as usize + place.octets() as usize);
                    let hit = place.segment == number && from < block.end && to > block.start;
                    match queue.content(*id).await {
                        Ok(read) => assert_eq!(read, content(*id), "{story}"),
                        Err(error) => assert!(hit, "{story}: {id} is elsewhere: {error}"),
                    }
                    lost += usize::from(!there.contains(id));
                    assert!(
                        there.contains(id) || is_reported(&disk),
                        "{story}: not a word of {id}"
                    );
                }
                queue.release().await;
                // The disk thinks better of it: nothing was cut off or removed meanwhile.
                disk.mend(&segment(number));
                let queue = open(&disk.restart()).await;
                assert_eq!(ids(&queue).await, Vec::from_iter(places.keys().copied()), "{story}");
            }
        }
        assert!(lost > 0, "no sector held an envelope");
    });
}

/// What can't be read today may be readable another day: such a segment is kept when its turn has come.
#[test]
fn f12_a_segment_that_could_not_be_read_whole_is_kept() {
    block_on(async {
        let (disk, places) = with_letters(6).await;
        let (lost, _) = places.iter().find(|(_, place)| place.segment == 1).unwrap();
        disk.break_sector(&segment(1), places[lost].offset as usize);
        // Short segments, so that cleaning has something to do.
        let queue = engine(disk.clone()).open(ShardId(0)).await.unwrap();
        for id in ids(&queue).await {
            assert_ne!(id, *lost);
            queue.settle(done(id)).await.unwrap();
        }
        let kept = PathBuf::from("/queue/damaged/0000000001.log");
        for _ in 0..30 {
            let id = stored(&queue).await;
            queue.settle(done(id)).await.unwrap();
        }
        until(|| disk.read(&segment(1)).is_none()).await;
        let octets = disk.read(&kept).unwrap();
        let text = content(*lost);
        assert!(octets.windows(text.len()).any(|window| window == text), "the letter isn't in it");
        queue.release().await;
    });
}

/// Header and first record's head are in one sector: any other record tells the mark.
#[test]
fn f12_without_its_first_sector_a_segment_gives_all_its_other_letters() {
    block_on(async {
        let (sound, places) = with_letters(8).await;
        let first = places.iter().find(|(_, place)| place.segment == 1).map(|(id, _)| *id).unwrap();
        let expected: Vec<QueueId> = places.keys().copied().filter(|id| *id != first).collect();
        let octets = sound.read(&segment(1)).unwrap();
        for garbage in [0, 1, 0xff] {
            let disk = sound.copy();
            disk.put(&segment(1), &[&[garbage; SECTOR_OCTETS], &octets[SECTOR_OCTETS..]].concat());
            let survey = crate::survey(&disk, Path::new("/queue")).unwrap();
            assert_eq!(survey.rows().map(|row| row.id).collect::<Vec<_>>(), expected);
            let queue = open(&disk).await;
            assert_eq!(ids(&queue).await, expected, "{garbage}");
            for id in &expected {
                assert_eq!(queue.content(*id).await.unwrap(), content(*id));
            }
            assert!(is_reported(&disk));
            queue.release().await;
        }
    });
}

/// A message that may stand where nothing can be read isn't said to be unknown.
#[test]
fn f12_an_export_says_where_it_could_not_read() {
    block_on(async {
        let (disk, places) = with_letters(8).await;
        let (id, place) = places.first_key_value().unwrap();
        for octet in [place.offset as usize, 0] {
            let disk = disk.copy();
            disk.break_sector(&segment(1), octet);
            let error = crate::export(&disk, Path::new("/queue"), *id).unwrap_err();
            assert!(matches!(error, crate::OpenError::Disk(_)), "{error}");
        }
    });
}

/// A large letter of eight octets, by itself in its group.
async fn stored_large(queue: &Queue) -> QueueId {
    let id = queue.new_id();
    let mut writer = queue.start_large(id).await.unwrap();
    writer.append(Bytes::from_static(b"precious")).await.unwrap();
    let content = writer.finish().await.unwrap();
    let verdicts = queue.accept(vec![NewMessage { content, ..message(id) }]).await;
    assert!(matches!(verdicts.as_slice(), [Accept::Stored]), "{verdicts:?}");
    id
}

/// The envelope is lost, so no record leads to the content any more: it isn't what a crash left.
#[test]
fn f13_damage_to_an_envelope_leaves_the_content_of_a_large_letter() {
    block_on(async {
        let disk = FaultyDisk::new();
        let queue = open(&disk).await;
        let before = disk.read(&segment(1)).unwrap().len();
        let lost = stored_large(&queue).await;
        let other = stored(&queue).await;
        queue.release().await;
        let mut octets = disk.read(&segment(1)).unwrap();
        octets[before + 40] ^= 1;
        let disk = disk.restart();
        disk.put(&segment(1), &octets);
        let kept = PathBuf::from(format!("/queue/damaged/large-{lost}"));
        let large = PathBuf::from(format!("/queue/large/{lost}"));
        let queue = open(&disk).await;
        assert_eq!(ids(&queue).await, [other]);
        assert_eq!(disk.read(&kept).unwrap(), b"precious");
        assert_eq!(disk.read(&large), None);
        // It is there after a power cut, and the next start has nothing to add.
        let disk = disk.restart_after_cut();
        open(&disk).await;
        assert_eq!(disk.read(&kept).unwrap(), b"precious");
    });
}

/// A record that was cut off was never known to be stored: its content is what a crash left.
#[test]
fn a_torn_tail_leaves_no_content_of_a_large_letter() {
    block_on(async {
        let disk = FaultyDisk::new();
        let queue = open(&disk).await;
        stored(&queue).await;
        let torn = stored_large(&queue).await;
        queue.release().await;
        let octets = disk.read(&segment(1)).unwrap();
        let disk = disk.restart();
        disk.put(&segment(1), &octets[..octets.len() - 1]);
        open(&disk).await;
        let of_letter = |path: &PathBuf| path.to_string_lossy().contains(&torn.to_string());
        assert!(!disk.files().iter().any(of_letter), "{:?}", disk.files());
    });
}
