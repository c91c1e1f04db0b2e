//! A disk that fails: what is lost, what is told, and how the queue comes back (rows F05 to F09, F12, Q03).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use postroad_testkit::{FaultyDisk, Plan};

use super::super::limits::SPARES_MAX;
use super::{accept, block_on, content, done, engine, ids, open, refuses, stored, until};
use crate::spool::{
    Accept, AcceptError, Condition, ContentError, Cursor, Edit, Fenced, Filter, OpenError,
    Presence, RecipientState, ShardId, Spool as _,
};

const EIO: i32 = 5;
const ENOMEM: i32 = 12;
const EMFILE: i32 = 24;
const ENOSPC: i32 = 28;
const EROFS: i32 = 30;
/// The queue stops, gets a letter in doubt and an outcome that waits, and is repaired.
#[test]
fn f06_after_a_repair_mail_flows_again_without_a_restart() {
    block_on(async {
        let disk = FaultyDisk::new();
        let queue = open(&disk).await;
        let delivered = stored(&queue).await;
        let stays = stored(&queue).await;
        disk.plan(Plan::FailFrom { call: 0, errno: EIO });
        let settled = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.settle(done(delivered)).await }
        });
        until(|| refuses(&queue)).await;
        let (_, refused) = accept(&queue).await;
        assert!(matches!(refused, Accept::Refused(_)), "{refused:?}");
        assert!(queue.room_for(1).is_err());
        assert_eq!(queue.edit(&Filter::default(), Edit::Hold).await, Err(Fenced));
        assert!(!settled.is_finished());
        disk.plan(Plan::Sound);
        settled.await.unwrap().unwrap();
        until(|| !refuses(&queue)).await;
        assert!(queue.room_for(1).is_ok());
        let later = stored(&queue).await;
        assert_eq!(ids(&queue).await, [stays, later]);
        assert!(matches!(queue.condition(), Condition::Suspect { .. }));
        let queue = open(&disk.restart_after_cut()).await;
        assert_eq!(ids(&queue).await, [stays, later]);
        assert_eq!(queue.content(stays).await.unwrap(), content(stays));
    });
}

/// What is in doubt is cancelled before anything else is written: nobody sees it after the repair.
#[test]
fn f06_what_is_in_doubt_never_surfaces_after_the_repair() {
    block_on(async {
        let disk = FaultyDisk::new();
        let queue = open(&disk).await;
        disk.plan(Plan::FailFrom { call: 1, errno: EIO });
        let (unsure, verdict) = accept(&queue).await;
        assert!(matches!(verdict, Accept::InDoubt), "{verdict:?}");
        let probing = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.probe(&[unsure]).await }
        });
        tokio::task::yield_now().await;
        assert!(!probing.is_finished());
        disk.plan(Plan::Sound);
        assert_eq!(probing.await.unwrap(), [Presence::Absent]);
        // The process is killed, so that even what was only written is there.
        let queue = open(&disk.restart()).await;
        assert_eq!(ids(&queue).await, []);
    });
}

/// Intake stops while there is nothing to write, and goes on in the same segment once there is.
async fn shortage(errno: i32) {
    let disk = FaultyDisk::new();
    let queue = open(&disk).await;
    let first = stored(&queue).await;
    disk.plan(Plan::FailChanges { call: 0, errno });
    let (_, refused) = accept(&queue).await;
    match errno {
        ENOSPC => assert!(matches!(refused, Accept::Refused(AcceptError::Full)), "{refused:?}"),
        _ => assert!(!matches!(refused, Accept::Stored), "{refused:?}"),
    }
    let settled = tokio::spawn({
        let queue = Arc::clone(&queue);
        async move { queue.settle(done(first)).await }
    });
    until(|| refuses(&queue)).await;
    assert_eq!(queue.content(first).await.unwrap(), content(first));
    disk.plan(Plan::Sound);
    settled.await.unwrap().unwrap();
    until(|| !refuses(&queue)).await;
    let second = stored(&queue).await;
    let queue = open(&disk.restart_after_cut()).await;
    assert_eq!(ids(&queue).await, [second]);
}

#[test]
fn f08_no_space_and_space_again() {
    block_on(shortage(ENOSPC));
}

#[test]
fn f09_no_memory_and_memory_again() {
    block_on(shortage(ENOMEM));
}

#[test]
fn f08_read_only_and_writable_again() {
    block_on(shortage(EROFS));
}

#[test]
fn f09_a_segment_that_cannot_be_begun_lets_the_last_one_grow() {
    block_on(async {
        let disk = FaultyDisk::new();
        let queue = open(&disk).await;
        let mut expected = Vec::new();
        for _ in 0..40 {
            disk.plan(Plan::FailNext { operation: "create", errno: EMFILE });
            expected.push(stored(&queue).await);
        }
        assert!(matches!(queue.condition(), Condition::Sound));
        let queue = open(&disk.restart_after_cut()).await;
        assert_eq!(ids(&queue).await, expected);
    });
}

#[test]
fn f07_cleaning_goes_on_after_a_directory_could_not_be_synced() {
    block_on(async {
        let disk = FaultyDisk::new();
        let queue = open(&disk).await;
        let mut failed = false;
        let segments = |disk: &FaultyDisk| {
            disk.files().iter().filter(|path| path.starts_with("/queue/segments")).count()
        };
        for _ in 0..100 {
            let id = stored(&queue).await;
            if segments(&disk) > 1 && !std::mem::replace(&mut failed, true) {
                disk.plan(Plan::FailNext { operation: "sync_dir", errno: EIO });
            }
            queue.settle(done(id)).await.unwrap();
        }
        disk.plan(Plan::Sound);
        until(|| segments(&disk) <= SPARES_MAX + 2).await;
        queue.release().await;
    });
}

/// What a failed sync left behind in its segment is read again past the page cache: a letter that the device
/// lost is still in memory.
#[test]
fn f06_what_the_device_lost_is_written_anew_from_memory() {
    block_on(async {
        let disk = FaultyDisk::new();
        let forgotten = stored(&open(&disk).await).await;
        let disk = disk.restart();
        let queue = open(&disk).await;
        let remembered = stored(&queue).await;
        disk.forget();
        disk.plan(Plan::FailNext { operation: "sync", errno: EIO });
        let (_, refused) = accept(&queue).await;
        assert!(matches!(refused, Accept::Refused(_)), "{refused:?}");
        until(|| disk.count("read_past_cache") > 0).await;
        // It has been written anew when its segment, the second, can go in its turn.
        queue.settle(done(forgotten)).await.unwrap();
        let second = PathBuf::from("/queue/segments/0000000002.log");
        until(|| disk.read(&second).is_none()).await;
        assert_eq!(ids(&queue).await, [remembered]);
        let queue = open(&disk.restart_after_cut()).await;
        assert_eq!(queue.content(remembered).await.unwrap(), content(remembered));
    });
}

/// The device holds other octets than the page cache and memory has let go of the letter: the cache has it still,
/// and its checksum says that it is the letter.
#[test]
fn f06_what_the_page_cache_alone_still_has_is_written_anew() {
    block_on(async {
        let disk = FaultyDisk::new();
        let old = stored(&open(&disk).await).await;
        let disk = disk.restart();
        let queue = open(&disk).await;
        // Moved, and so not in memory, into a segment of this run.
        let first = PathBuf::from("/queue/segments/0000000001.log");
        while disk.read(&first).is_some() {
            let passing = stored(&queue).await;
            queue.settle(done(passing)).await.unwrap();
        }
        disk.forget();
        disk.plan(Plan::FailNext { operation: "sync", errno: EIO });
        let (_, refused) = accept(&queue).await;
        assert!(matches!(refused, Accept::Refused(_)), "{refused:?}");
        // Read again, and written anew in the segment after that.
        until(|| disk.count("read_past_cache") > 0).await;
        let newest =
            disk.files().into_iter().filter(|path| path.starts_with("/queue/segments")).max();
        let newest = newest.unwrap();
        let text = content(old);
        until(|| disk.read(&newest).is_some_and(|o| o.windows(text.len()).any(|w| w == text)))
            .await;
        queue.release().await;
        let queue = open(&disk.restart_after_cut()).await;
        let page = queue.find(&Filter::default(), Cursor::default(), 1).await;
        assert!(matches!(page.rows[0].states[..], [RecipientState::Waiting { .. }]), "{page:?}");
        assert_eq!(queue.content(old).await.unwrap(), text);
    });
}

/// Row F12: a content that can't be had any more costs no other letter, and its own envelope stays.
#[test]
fn f12_a_damaged_letter_is_held_when_its_segment_is_cleaned() {
    block_on(async {
        let disk = FaultyDisk::new();
        let queue = open(&disk).await;
        let damaged = stored(&queue).await;
        let first = PathBuf::from("/queue/segments/0000000001.log");
        let last = disk.read(&first).unwrap().len() - 1;
        // One more group behind it, so that it isn't taken for a torn tail.
        let other = stored(&queue).await;
        queue.settle(done(other)).await.unwrap();
        queue.release().await;
        let mut octets = disk.read(&first).unwrap();
        octets[last] ^= 1;
        let disk = disk.restart();
        disk.put(&first, &octets);
        let queue = open(&disk).await;
        assert_eq!(ids(&queue).await, [damaged]);
        for _ in 0..60 {
            let id = stored(&queue).await;
            queue.settle(done(id)).await.unwrap();
        }
        until(|| disk.read(&first).is_none()).await;
        let held = Filter { ids: Some(vec![damaged]), ..Filter::default() };
        loop {
            let page = queue.find(&held, Cursor::default(), 1).await;
            if page.rows[0].states == [RecipientState::Held { attempts: 0 }] {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(matches!(queue.content(damaged).await, Err(ContentError::Damaged(_))));
    });
}

#[test]
fn q03_a_read_only_file_system_is_refused() {
    block_on(async {
        let disk = FaultyDisk::new();
        disk.plan(Plan::FailChanges { call: 0, errno: EROFS });
        let error = engine(disk).open(ShardId(0)).await.map(drop).unwrap_err();
        let OpenError::Disk(error) = error else { panic!("{error}") };
        assert_eq!(error.source.kind(), std::io::ErrorKind::ReadOnlyFilesystem);
    });
}

/// Who starts a large message and goes away before its file is there leaves nothing either.
#[test]
fn a_large_message_given_up_while_it_is_begun_leaves_nothing() {
    block_on(async {
        let disk = FaultyDisk::new();
        let queue = open(&disk).await;
        disk.plan(Plan::Sound);
        for _ in 0..20 {
            let mut started = queue.start_large(queue.new_id());
            // Asked for once, so that a helper has it to do, and dropped.
            let first = std::future::poll_fn(|context| {
                std::task::Poll::Ready(started.as_mut().poll(context).is_ready())
            });
            first.await;
            drop(started);
        }
        until(|| disk.count("create") == 20 && disk.count("remove") == 20).await;
        assert!(!disk.files().iter().any(|path| path.starts_with("/queue/large")));
    });
}

/// Row Q03: free space is asked for the queue's folder, so all of it has to be there.
#[test]
fn q03_a_folder_on_another_file_system_is_refused() {
    let disk = FaultyDisk::new();
    disk.mount(Path::new("/queue/large"));
    let error = engine(disk).open_blocking().map(drop).unwrap_err();
    assert_eq!(
        error.to_string(),
        "/queue/large: is on another file system than /queue; unmount it, or name a folder there for the whole queue"
    );
}
