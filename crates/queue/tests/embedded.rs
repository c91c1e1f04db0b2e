//! The embedded queue on the real disk: what is promised, seen from outside.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use postroad_disk::OsDisk;
use postroad_protocol::address::{Address, ReversePath};
use postroad_protocol::envelope::{Envelope, Recipient};
use postroad_protocol::reply::Reply;
use postroad_queue::{
    Accept, Content, ContentError, Cursor, Edit, Embedded, Filter, NewMessage, OpenError, Outcome,
    OwnedShard, Presence, QueueId, QueueRow, RecipientState, ShardId, Spool as _,
};

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn envelope(recipients: &[&str]) -> Envelope {
    let recipients = recipients.iter().map(|to| Recipient::new(address(to))).collect();
    Envelope::new(ReversePath::Address(address("sender@example.org")), recipients)
}

async fn open(dir: &Path) -> Arc<dyn OwnedShard> {
    Embedded::new(Arc::new(OsDisk), dir.join("queue")).open(ShardId(0)).await.unwrap()
}

async fn accept(queue: &dyn OwnedShard, to: &[&str], content: impl Into<Bytes>) -> QueueId {
    let id = queue.new_id();
    let content = Content::Memory(content.into());
    let message = NewMessage { id, arrived: SystemTime::now(), envelope: envelope(to), content };
    let verdicts = queue.accept(vec![message]).await;
    assert!(matches!(verdicts.as_slice(), [Accept::Stored]), "{verdicts:?}");
    id
}

async fn rows(queue: &dyn OwnedShard) -> Vec<QueueRow> {
    queue.find(&Filter::default(), Cursor::default(), usize::MAX).await.rows
}

fn only(id: QueueId) -> Filter {
    Filter { ids: Some(vec![id]), ..Filter::default() }
}

async fn settle(queue: &dyn OwnedShard, id: QueueId, recipient: u32, state: RecipientState) {
    queue.settle(vec![Outcome { id, recipient, state }]).await.unwrap();
}

#[tokio::test]
async fn what_was_stored_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path()).await;
    let small =
        accept(queue.as_ref(), &["a@b.example", "\"c d\"@e.example"], "Subject: x\r\n\r\nbody\r\n")
            .await;
    let large = accept(queue.as_ref(), &["a@b.example"], vec![b'x'; 3 << 20]).await;
    let empty = accept(queue.as_ref(), &["a@b.example"], "").await;
    queue.release().await;

    let queue = open(dir.path()).await;
    let rows = rows(queue.as_ref()).await;
    assert_eq!(
        rows.iter().map(|row| (row.id, row.octets)).collect::<Vec<_>>(),
        [(small, 20), (large, 3 << 20), (empty, 0)]
    );
    assert_eq!(*rows[0].envelope, envelope(&["a@b.example", "\"c d\"@e.example"]));
    assert_eq!(queue.content(small).await.unwrap(), "Subject: x\r\n\r\nbody\r\n");
    assert_eq!(queue.content(large).await.unwrap(), vec![b'x'; 3 << 20]);
    assert_eq!(queue.content(empty).await.unwrap(), "");
    assert!(queue.new_id() > empty);
}

#[tokio::test]
async fn a_message_is_gone_when_its_last_recipient_is_done() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path()).await;
    let id = accept(queue.as_ref(), &["a@b.example", "c@d.example"], vec![b'x'; 2 << 20]).await;
    let due = SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000);
    let last = Some(Reply::new(451, (4, 3, 0), "try again\nlater"));
    let deferred = RecipientState::Waiting { attempts: 1, due, last };
    settle(queue.as_ref(), id, 0, RecipientState::Done).await;
    settle(queue.as_ref(), id, 1, deferred.clone()).await;
    queue.release().await;

    let queue = open(dir.path()).await;
    assert_eq!(rows(queue.as_ref()).await[0].states, [RecipientState::Done, deferred]);
    settle(queue.as_ref(), id, 1, RecipientState::Done).await;
    assert_eq!(queue.probe(&[id]).await, [Presence::Absent]);
    assert!(matches!(queue.content(id).await, Err(ContentError::Unknown(_))));
    queue.release().await;

    let queue = open(dir.path()).await;
    assert_eq!(queue.probe(&[id]).await, [Presence::Absent]);
    assert_eq!(std::fs::read_dir(dir.path().join("queue/large")).unwrap().count(), 0);
}

#[tokio::test] // Tests row Q03: a second daemon.
async fn q03_a_second_owner_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path()).await;
    let second = Embedded::new(Arc::new(OsDisk), dir.path().join("queue")).open(ShardId(0)).await;
    assert!(matches!(second.map(drop), Err(OpenError::Taken { .. })));
    queue.release().await;
    open(dir.path()).await;
}

/// A queue whose folder has this mode is refused with this text.
async fn check_refused(folder: &str, mode: u32, expected: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).await.release().await;
    let path = dir.path().join(folder);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    let opened = Embedded::new(Arc::new(OsDisk), dir.path().join("queue")).open(ShardId(0)).await;
    let error = opened.map(drop).unwrap_err().to_string();
    assert_eq!(error, expected.replace("PATH", path.to_str().unwrap()));
}

#[tokio::test] // Tests row Q03: wrong mode.
async fn q03_folders_that_others_can_read_are_refused() {
    for folder in ["queue", "queue/segments", "queue/large"] {
        let expected = "PATH: is open to other users (mode 755); chmod 700 PATH";
        check_refused(folder, 0o755, expected).await;
    }
}

#[tokio::test]
async fn q03_a_file_in_place_of_the_folder_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("queue"), "").unwrap();
    let opened = Embedded::new(Arc::new(OsDisk), dir.path().join("queue")).open(ShardId(0)).await;
    let error = opened.map(drop).unwrap_err().to_string();
    assert!(error.contains("is no directory; move it away"), "{error}");
}

#[tokio::test]
async fn a_repeated_accept_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path()).await;
    let id = accept(queue.as_ref(), &["a@b.example"], "one").await;
    let content = Content::Memory("two".into());
    let again = NewMessage {
        id,
        arrived: SystemTime::now(),
        envelope: envelope(&["x@y.example"]),
        content,
    };
    assert!(matches!(queue.accept(vec![again]).await.as_slice(), [Accept::Stored]));
    assert_eq!(queue.content(id).await.unwrap(), "one");
}

#[tokio::test] // Tests row Q08.
async fn q08_edits_while_an_attempt_is_under_way() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path()).await;
    let id = accept(queue.as_ref(), &["a@b.example"], "text").await;
    assert_eq!(queue.edit(&only(id), Edit::Hold).await, Ok(1));
    let due = SystemTime::now() + Duration::from_secs(300);
    settle(queue.as_ref(), id, 0, RecipientState::Waiting { attempts: 1, due, last: None }).await;
    assert_eq!(rows(queue.as_ref()).await[0].states, [RecipientState::Held { attempts: 1 }]);
    assert_eq!(queue.edit(&Filter::default(), Edit::Release).await, Ok(1));
    let states = rows(queue.as_ref()).await[0].states.clone();
    assert!(matches!(states[..], [RecipientState::Waiting { attempts: 1, .. }]), "{states:?}");
    assert_eq!(queue.edit(&only(id), Edit::Delete).await, Ok(1));
    assert_eq!(queue.edit(&only(id), Edit::Hold).await, Ok(0));
    settle(queue.as_ref(), id, 0, RecipientState::Waiting { attempts: 2, due, last: None }).await;
    assert_eq!(queue.probe(&[id]).await, [Presence::Absent]);
}

#[tokio::test]
async fn pages_and_filters() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path()).await;
    let mut ids = Vec::new();
    for n in 0..600 {
        let to = format!("user{}@host{}.example", n, n % 3);
        ids.push(accept(queue.as_ref(), &[&to], "text").await);
    }
    let mut found = Vec::new();
    let mut cursor = Some(Cursor::default());
    while let Some(from) = cursor {
        let page = queue.find(&Filter::default(), from, 250).await;
        assert!(page.rows.len() <= 250);
        found.extend(page.rows.iter().map(|row| row.id));
        cursor = page.next;
    }
    assert_eq!(found, ids);
    let count =
        async |filter: Filter| queue.find(&filter, Cursor::default(), usize::MAX).await.rows.len();
    assert_eq!(
        count(Filter { domain: Some("HOST1.example".into()), ..Filter::default() }).await,
        200
    );
    assert_eq!(
        count(Filter { recipient: Some(address("user7@host1.example")), ..Filter::default() })
            .await,
        1
    );
    assert_eq!(
        count(Filter { sender: Some(address("nobody@example.org")), ..Filter::default() }).await,
        0
    );
    assert_eq!(
        count(Filter { older_than: Some(Duration::from_secs(3600)), ..Filter::default() }).await,
        0
    );
    assert_eq!(count(Filter { ids: Some(ids.clone()), ..Filter::default() }).await, 600);
}

fn segments(dir: &Path) -> usize {
    std::fs::read_dir(dir.join("queue/segments")).unwrap().count()
}

#[tokio::test]
async fn an_old_letter_keeps_no_segment_for_each_start() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path()).await;
    let old = accept(queue.as_ref(), &["a@b.example", "c@d.example"], "old").await;
    settle(queue.as_ref(), old, 0, RecipientState::Done).await;
    queue.release().await;
    // Starts with nothing to write.
    for _ in 0..5 {
        open(dir.path()).await.release().await;
        assert_eq!(segments(dir.path()), 2);
    }
    // Starts with something to write, which may have no time to clean.
    for _ in 0..40 {
        let queue = open(dir.path()).await;
        let id = accept(queue.as_ref(), &["a@b.example"], "new").await;
        settle(queue.as_ref(), id, 0, RecipientState::Done).await;
        queue.release().await;
    }
    let queue = open(dir.path()).await;
    let cleaned = async {
        while segments(dir.path()) > 16 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), cleaned).await.expect("a log that is cleaned");
    queue.release().await;

    let queue = open(dir.path()).await;
    let rows = rows(queue.as_ref()).await;
    assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), [old]);
    assert_eq!(rows[0].states[0], RecipientState::Done);
    assert_eq!(queue.content(old).await.unwrap(), "old");
}

/// Waits until this many large messages have a file.
async fn large_files(dir: &Path, expected: usize) {
    let patience = Duration::from_secs(60);
    let reached = async {
        while std::fs::read_dir(dir.join("queue/large")).unwrap().count() != expected {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(patience, reached).await.expect("files that nobody takes away");
}

#[tokio::test]
async fn a_large_message_that_is_not_accepted_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path()).await;
    // The client goes away in the middle.
    let mut writer = queue.start_large(queue.new_id()).await.unwrap();
    writer.append(vec![b'x'; 2 << 20].into()).await.unwrap();
    large_files(dir.path(), 1).await;
    drop(writer);
    large_files(dir.path(), 0).await;
    // It is refused at its end.
    let mut writer = queue.start_large(queue.new_id()).await.unwrap();
    writer.append("text".into()).await.unwrap();
    let content = writer.finish().await.unwrap();
    large_files(dir.path(), 1).await;
    drop(content);
    large_files(dir.path(), 0).await;
}

#[tokio::test]
async fn a_large_message_arrives_piece_by_piece() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path()).await;
    let (id, piece) = (queue.new_id(), vec![b'p'; 100_000]);
    let mut writer = queue.start_large(id).await.unwrap();
    for _ in 0..25 {
        writer.append(piece.clone().into()).await.unwrap();
    }
    let content = writer.finish().await.unwrap();
    assert_eq!(content.len(), 2_500_000);
    let message = NewMessage {
        id,
        arrived: SystemTime::now(),
        envelope: envelope(&["a@b.example"]),
        content,
    };
    assert!(matches!(queue.accept(vec![message]).await.as_slice(), [Accept::Stored]));
    assert_eq!(queue.content(id).await.unwrap(), piece.repeat(25));
}

#[tokio::test] // Tests row Q01: contents.
async fn q01_altered_content_is_found_and_not_given_out() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path()).await;
    let small = accept(queue.as_ref(), &["a@b.example"], "precious").await;
    let large = accept(queue.as_ref(), &["a@b.example"], vec![b'x'; 2 << 20]).await;
    let sound = accept(queue.as_ref(), &["a@b.example"], "sound").await;
    queue.release().await;
    let alter = |path: &Path, from: &[u8], to: &[u8]| {
        let mut octets = std::fs::read(path).unwrap();
        let at = octets.windows(from.len()).position(|window| window == from).unwrap();
        octets[at..at + to.len()].copy_from_slice(to);
        std::fs::write(path, octets).unwrap();
    };
    // One more start, so that the segment isn't the last one any more.
    open(dir.path()).await.release().await;
    alter(&dir.path().join("queue/segments/0000000001.log"), b"precious", b"pernicio");
    alter(&dir.path().join(format!("queue/large/{large}")), b"xxxx", b"y");
    let queue = open(dir.path()).await;
    assert!(matches!(queue.content(small).await, Err(ContentError::Damaged(_))));
    assert!(matches!(queue.content(large).await, Err(ContentError::Damaged(_))));
    assert_eq!(queue.content(sound).await.unwrap(), "sound");
}
