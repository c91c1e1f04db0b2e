//! The engine, seen from inside the crate; `tests/` at the top of the crate has what is seen from outside.

mod damage;
mod format;
mod many;
mod outside;
mod threads;
mod trouble;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use postroad_disk::Disk;
use postroad_protocol::address::{Address, ReversePath};
use postroad_protocol::envelope::{Envelope, Recipient};
use postroad_testkit::FaultyDisk;

use crate::Embedded;
use crate::spool::{
    Accept, Condition, Content, Cursor, Filter, NewMessage, Outcome, OwnedShard, QueueId,
    RecipientState, ShardId, Spool as _,
};

/// How long a condition may take before the test has failed.
const PATIENCE: Duration = Duration::from_secs(60);

type Queue = Arc<dyn OwnedShard>;

fn block_on<F: Future<Output = ()>>(test: F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, test).await }).expect("hangs");
}

fn engine(disk: impl Disk + 'static) -> Embedded {
    Embedded::new(Arc::new(disk), PathBuf::from("/queue")).with_segment_octets(2_000)
}

async fn open(disk: &FaultyDisk) -> Queue {
    engine(disk.clone()).open(ShardId(0)).await.unwrap()
}

fn content(id: QueueId) -> Bytes {
    Bytes::from(format!("Subject: {id}\r\n\r\n").repeat(5))
}

fn message(id: QueueId) -> NewMessage {
    let to = vec![Recipient::new(Address::parse("user@example.org").unwrap())];
    let envelope = Envelope::new(ReversePath::Null, to);
    let arrived = SystemTime::UNIX_EPOCH;
    NewMessage { id, arrived, envelope, content: Content::Memory(content(id)) }
}

async fn accept(queue: &Queue) -> (QueueId, Accept) {
    let id = queue.new_id();
    let verdict = queue.accept(vec![message(id)]).await.pop().unwrap();
    (id, verdict)
}

async fn stored(queue: &Queue) -> QueueId {
    let (id, verdict) = accept(queue).await;
    assert!(matches!(verdict, Accept::Stored), "{verdict:?}");
    id
}

fn done(id: QueueId) -> Vec<Outcome> {
    vec![Outcome { id, recipient: 0, state: RecipientState::Done }]
}

async fn ids(queue: &Queue) -> Vec<QueueId> {
    let page = queue.find(&Filter::default(), Cursor::default(), usize::MAX).await;
    page.rows.iter().map(|row| row.id).collect()
}

/// Waits until this holds.
async fn until(holds: impl Fn() -> bool) {
    while !holds() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn refuses(queue: &Queue) -> bool {
    matches!(queue.condition(), Condition::Refusing { .. })
}
