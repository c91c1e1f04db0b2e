//! What the operator is told while the disk fails: the log, line by line, and why messages are refused.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use postroad_protocol::address::ReversePath;
use postroad_protocol::envelope::Envelope;
use postroad_queue::{Condition, Content, Embedded, NewMessage, OwnedShard, ShardId, Spool as _};
use postroad_testkit::{FaultyDisk, Plan};

const EIO: i32 = 5;

/// Takes the log's lines, of all threads.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// The lines since they were last taken.
    fn take(&self) -> Vec<String> {
        let octets = std::mem::take(&mut *self.0.lock().unwrap());
        let text = String::from_utf8(octets).unwrap();
        text.lines().map(|line| line.trim_start().to_owned()).collect()
    }
}

async fn accept(queue: &dyn OwnedShard) {
    let envelope = Envelope::new(ReversePath::Null, Vec::new());
    let content = Content::Memory("text".into());
    let (id, arrived) = (queue.new_id(), SystemTime::UNIX_EPOCH);
    queue.accept(vec![NewMessage { id, arrived, envelope, content }]).await;
}

async fn until(holds: impl Fn() -> bool) {
    while !holds() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// One failed sync, a second one that stops intake, the repair: each has its line, and the condition says what
/// new messages are told.
#[test]
fn f06_the_operator_is_told_what_fails_and_when_it_is_well_again() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .without_time()
        .with_target(false)
        .with_max_level(tracing::Level::WARN)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let told = runtime
        .block_on(async { tokio::time::timeout(Duration::from_secs(60), told(&lines)).await });
    told.expect("hangs");
}

async fn told(lines: &Lines) {
    let disk = FaultyDisk::new();
    let queue = Embedded::new(Arc::new(disk.clone()), PathBuf::from("/queue"));
    let queue = queue.open(ShardId(0)).await.unwrap();
    let refuses = || matches!(queue.condition(), Condition::Refusing { .. });
    assert_eq!(lines.take(), [""; 0]);

    disk.plan(Plan::FailNext { operation: "sync", errno: EIO });
    accept(queue.as_ref()).await;
    let why = "cannot sync /queue/segments/0000000001.log: Input/output error (os error 5)";
    assert_eq!(
        lines.take(),
        [
            format!(
                "ERROR the queue couldn't be written: going on in a new segment; check the disk segment=1 error=\"{why}\""
            ),
            format!("ERROR a message could not be stored error=\"{why}\""),
        ]
    );
    let Condition::Suspect { why: shown } = queue.condition() else { panic!() };
    assert_eq!(shown, format!("the queue cannot be written: {why}"));

    disk.plan(Plan::FailNext { operation: "sync", errno: EIO });
    accept(queue.as_ref()).await;
    let why = why.replace("0001.log", "0002.log");
    assert_eq!(
        lines.take(),
        [
            format!(
                "ERROR the queue couldn't be written: going on in a new segment; check the disk segment=2 error=\"{why}\""
            ),
            format!(
                "ERROR the queue's disk failed again: intake stopped until a new segment can be written; check the disk error=\"{why}\""
            ),
            format!("ERROR a message could not be stored error=\"{why}\""),
        ]
    );
    let Condition::Refusing { why: shown } = queue.condition() else { panic!() };
    assert_eq!(shown.to_string(), format!("the queue cannot be written: {why}"));
    assert_eq!(queue.room_for(1).unwrap_err().to_string(), shown.to_string());

    until(|| !refuses()).await;
    assert_eq!(lines.take(), ["WARN the queue can be written again: going on"]);

    disk.plan(Plan::PanicNext { operation: "write" });
    accept(queue.as_ref()).await;
    queue.failed().await;
    let said = lines.take();
    assert!(
        said[0].starts_with("ERROR the queue's writer has ended by a fault of ours"),
        "{said:?}"
    );
    queue.release().await;
}
