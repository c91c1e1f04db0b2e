//! Who waits for whom: groups that share a sync, calls that hang, a writer that ends.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use postroad_testkit::{FaultyDisk, Plan};

use super::{Queue, accept, block_on, content, done, ids, message, open, refuses, stored, until};
use crate::Embedded;
use crate::spool::{
    Accept, BoxFuture, Condition, Fenced, NewMessage, QueueId, ShardId, Spool as _,
};

const EIO: i32 = 5;

/// Asked for once, so that whatever it begins with has begun.
async fn begin<T>(future: &mut BoxFuture<'_, T>) {
    let begun =
        std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready()));
    assert!(!begun.await, "it waits for nothing");
}

/// The queue with segments of their usual length.
async fn open_long(disk: &FaultyDisk) -> Queue {
    let engine = Embedded::new(Arc::new(disk.clone()), PathBuf::from("/queue"));
    engine.open(ShardId(0)).await.unwrap()
}

/// Whoever comes while a sync is under way shares the next one.
#[test]
fn a_hundred_letters_and_outcomes_share_a_sync() {
    block_on(async {
        let disk = FaultyDisk::new();
        let queue = open_long(&disk).await;
        let delivered = stored(&queue).await;
        let held = disk.hold("sync", Path::new("/queue/segments"));
        disk.plan(Plan::Sound);
        let mut first = queue.accept(vec![message(queue.new_id())]);
        begin(&mut first).await;
        until(|| disk.waiting() == 1).await;
        let mut crowd: Vec<_> =
            (0..100).map(|_| queue.accept(vec![message(queue.new_id())])).collect();
        for letter in &mut crowd {
            begin(letter).await;
        }
        let mut outcome = queue.settle(done(delivered));
        begin(&mut outcome).await;
        drop(held);
        for letter in std::iter::once(first).chain(crowd) {
            assert!(matches!(letter.await.as_slice(), [Accept::Stored]));
        }
        outcome.await.unwrap();
        assert_eq!((disk.count("write"), disk.count("sync")), (2, 2));
    });
}

async fn finish_large(queue: &Queue) -> Vec<Accept> {
    let id = queue.new_id();
    let mut writer = queue.start_large(id).await.unwrap();
    writer.append(Bytes::from_static(b"large")).await.unwrap();
    let content = writer.finish().await.unwrap();
    queue.accept(vec![NewMessage { content, ..message(id) }]).await
}

/// However many large letters hang, small ones come and go, read from the disk too.
#[test]
fn large_letters_do_not_block_small_ones() {
    for operation in ["create", "write", "sync", "sync_dir"] {
        block_on(async {
            let disk = FaultyDisk::new();
            let old = stored(&open(&disk).await).await;
            let disk = disk.restart();
            let queue = open_long(&disk).await;
            let held = disk.hold(operation, Path::new("/queue/large"));
            let large: Vec<_> = (0..8)
                .map(|_| {
                    let queue = Arc::clone(&queue);
                    tokio::spawn(async move { finish_large(&queue).await })
                })
                .collect();
            until(|| disk.waiting() >= 4).await;
            let small = stored(&queue).await;
            assert_eq!(queue.content(old).await.unwrap(), content(old), "{operation}");
            for id in [old, small] {
                queue.settle(done(id)).await.unwrap();
            }
            assert!(large.iter().all(|large| !large.is_finished()), "{operation}");
            drop(held);
            for large in large {
                assert!(matches!(large.await.unwrap().as_slice(), [Accept::Stored]));
            }
            assert_eq!(ids(&queue).await.len(), 8);
        });
    }
}

/// A disk that fails again and again leaves segment after segment to be read again; where that hangs, letters
/// are read and large ones taken all the same.
#[test]
fn f06_reading_again_starves_nobody() {
    block_on(async {
        let disk = FaultyDisk::new();
        let queue = open_long(&disk).await;
        let old = stored(&queue).await;
        let disk = disk.restart();
        let queue = open_long(&disk).await;
        let held = disk.hold("open_past_cache", Path::new("/queue/segments"));
        for _ in 0..5 {
            stored(&queue).await;
            disk.plan(Plan::FailNext { operation: "sync", errno: EIO });
            let (_, verdict) = accept(&queue).await;
            assert!(!matches!(verdict, Accept::Stored), "{verdict:?}");
            until(|| !refuses(&queue)).await;
        }
        assert_eq!(queue.content(old).await.unwrap(), content(old));
        assert!(matches!(finish_large(&queue).await.as_slice(), [Accept::Stored]));
        drop(held);
        queue.release().await;
    });
}

/// Whoever waits is answered, whoever comes is refused at once, and the owner learns of it.
#[test]
fn a_writer_that_panics_refuses_early_and_tells_its_owner() {
    for operation in ["write", "sync"] {
        block_on(async {
            let disk = FaultyDisk::new();
            let queue = open(&disk).await;
            let there = stored(&queue).await;
            let mut failed = queue.failed();
            begin(&mut failed).await;
            disk.plan(Plan::PanicNext { operation });
            let (unsure, verdict) = accept(&queue).await;
            assert!(matches!(verdict, Accept::InDoubt), "{verdict:?}");
            failed.await;
            queue.failed().await;
            assert!(queue.room_for(1).is_err());
            let Condition::Refusing { why } = queue.condition() else {
                panic!("{:?}", queue.condition())
            };
            assert_eq!(
                why.to_string(),
                "the queue cannot be written: its writer has ended by a fault of ours; start the agent anew"
            );
            assert!(matches!(accept(&queue).await.1, Accept::Refused(_)));
            assert_eq!(queue.settle(done(there)).await, Err(Fenced));
            let queue = open(&disk.restart()).await;
            assert!(ids(&queue).await.iter().all(|id: &QueueId| [there, unsure].contains(id)));
            assert_eq!(queue.content(there).await.unwrap(), content(there));
        });
    }
}

/// A queue that was released is no queue that has failed.
#[test]
fn a_queue_that_was_given_up_refuses_and_has_not_failed() {
    block_on(async {
        let disk = FaultyDisk::new();
        let queue = open(&disk).await;
        let mut failed = queue.failed();
        queue.release().await;
        begin(&mut failed).await;
        assert!(queue.room_for(1).is_err());
        assert!(matches!(accept(&queue).await.1, Accept::Refused(_)));
    });
}

/// Cleaning that panics doesn't keep the queue from being given up.
#[test]
fn a_panic_while_cleaning_does_not_hang_the_end() {
    block_on(async {
        let disk = FaultyDisk::new();
        let queue = open(&disk).await;
        disk.plan(Plan::PanicNext { operation: "rename" });
        while disk.count("rename") == 0 {
            let id = stored(&queue).await;
            queue.settle(done(id)).await.unwrap();
        }
        queue.release().await;
    });
}
