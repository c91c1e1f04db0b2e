//! The embedded queue on the real disk: what is promised, seen from outside.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use postroad_disk::OsDisk;
use postroad_protocol::address::{Address, Domain, ReversePath};
use postroad_protocol::envelope::{Envelope, Recipient};
use postroad_protocol::reply::Reply;
use postroad_queue::{
    Accept, Content, ContentError, Cursor, DomainTest, Edit, Embedded, Filter, NewMessage,
    OpenError, Outcome, OwnedShard, Presence, QueueId, QueueRow, RecipientState, ShardId,
    Spool as _, Standing, Whose,
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
    let check = async |filter: Filter, expected: usize| {
        let (found, mut passed) = (count(filter.clone()).await, 0);
        queue.visit(&filter, &mut |_| passed += 1).await;
        assert_eq!((found, passed), (expected, expected), "{filter:?}");
    };
    let domain = |text: &str| Domain::parse(text).unwrap();
    let to = |whose| Filter { recipient: Some(whose), ..Filter::default() };
    let from = |whose| Filter { sender: Some(whose), ..Filter::default() };
    let (hour, ever) = (Some(Duration::from_secs(3600)), Some(Duration::MAX));
    check(Filter { domain: Some(domain("HOST1.example")), ..Filter::default() }, 200).await;
    check(to(Whose::Address(address("User7@host1.example"))), 1).await;
    check(to(Whose::Domain(domain("host2.example"))), 200).await;
    check(to(Whose::Null), 0).await;
    check(from(Whose::Address(address("nobody@example.org"))), 0).await;
    check(from(Whose::Null), 0).await;
    check(Filter { older_than: hour, ..Filter::default() }, 0).await;
    check(Filter { newer_than: hour, ..Filter::default() }, 600).await;
    check(Filter { newer_than: ever, older_than: ever, ..Filter::default() }, 0).await;
    check(Filter { larger_than: Some(3), smaller_than: Some(5), ..Filter::default() }, 600).await;
    check(Filter { larger_than: Some(4), ..Filter::default() }, 0).await;
    check(Filter { smaller_than: Some(4), ..Filter::default() }, 0).await;
    check(Filter { reply: Some("450".into()), ..Filter::default() }, 0).await;
    check(Filter { standing: Some(Standing::Held), ..Filter::default() }, 0).await;
    let even = DomainTest(Arc::new(|domain| domain != "host1.example"));
    check(Filter { domain_test: Some(even), ..Filter::default() }, 400).await;
    assert_eq!(count(Filter { ids: Some(ids.clone()), ..Filter::default() }).await, 600);
}

#[tokio::test]
async fn what_is_said_of_recipients_has_to_fit_the_same_one_and_done_ones_do_not_count() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path()).await;
    let id =
        accept(queue.as_ref(), &["a@one.example", "b@two.example", "c@three.example"], "x").await;
    let last = Some(Reply::new(451, (4, 7, 1), "Greylisted, come back\nlater"));
    let waiting = RecipientState::Waiting { attempts: 1, due: SystemTime::now(), last };
    settle(queue.as_ref(), id, 0, waiting).await;
    settle(queue.as_ref(), id, 2, RecipientState::Done).await;
    let filter = |domain: &str, reply: &str| Filter {
        domain: Some(Domain::parse(domain).unwrap()),
        reply: Some(reply.to_owned()),
        standing: Some(Standing::Waiting),
        ..Filter::default()
    };
    for (domain, reply, expected) in [
        ("one.example", "451 4.7.1 greylisted, come back later", 1),
        ("one.example", "452", 0),
        ("two.example", "451", 0),
        ("three.example", "", 0),
    ] {
        let page = queue.find(&filter(domain, reply), Cursor::default(), 9).await;
        assert_eq!(page.rows.len(), expected, "{domain} {reply}");
    }
    let mut left = Vec::new();
    let mut each = |sight: postroad_queue::Sight<'_>| {
        assert_eq!((sight.id, sight.octets, sight.sender), (id, 1, Some("sender@example.org")));
        left.extend(sight.recipients.map(|(address, standing)| (address.to_owned(), standing)));
    };
    queue.visit(&Filter::default(), &mut each).await;
    let expected = [("a@one.example", Standing::Waiting), ("b@two.example", Standing::Waiting)];
    assert_eq!(left, expected.map(|(address, standing)| (address.to_owned(), standing)));
}

#[tokio::test]
async fn an_edit_of_thousands_reaches_each_once() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(dir.path()).await;
    let message = |_| NewMessage {
        id: queue.new_id(),
        arrived: SystemTime::now(),
        envelope: envelope(&["a@b.example"]),
        content: Content::Memory("x".into()),
    };
    queue.accept((0..3_000).map(message).collect()).await;
    let waiting = Filter { standing: Some(Standing::Waiting), ..Filter::default() };
    let held = Filter { standing: Some(Standing::Held), ..Filter::default() };
    assert_eq!(queue.edit(&waiting, Edit::Hold).await.unwrap(), 3_000);
    assert_eq!(queue.edit(&waiting, Edit::Hold).await.unwrap(), 0);
    assert_eq!(queue.edit(&held, Edit::Release).await.unwrap(), 3_000);
    assert_eq!(queue.edit(&Filter::default(), Edit::Delete).await.unwrap(), 3_000);
    assert!(rows(queue.as_ref()).await.is_empty());
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
