//! Peers that misbehave, on real sockets (rows F18 and F19): each of them ends as it should, in the time that
//! it should, and nothing is left of it, neither a socket nor a task nor a letter in memory.
//!
//! A [`script::Script`] says at which point of the dialogue a peer stops being good, and how; [`check`] sends a
//! letter there and compares what becomes of it with the row's [`Ends`]. Minutes of silence pass in
//! milliseconds, by a clock that moves on only while nobody has anything to do ([`patient_clock`]).
#![expect(clippy::unwrap_used, reason = "a test that can't go on says so by panicking")]

#[allow(dead_code, reason = "the other tests of the engine use more of it")]
#[path = "../outbound/memory_shard.rs"]
mod memory_shard;
#[allow(dead_code, reason = "the other tests of the engine use more of it")]
#[path = "../outbound/peer.rs"]
mod peer;
mod rows;
mod script;
#[allow(dead_code, reason = "the other tests of the engine use more of it")]
#[path = "../outbound/site.rs"]
mod site;

use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use postroad_mta::outbound::network::Os;
use postroad_protocol::address::ReversePath;
use postroad_queue::spool::{QueueRow, RecipientState};
use tokio::runtime::Handle;
use tokio::time::Instant;

use script::{Deed, Hostile, Script};
use site::{Site, Table, envelope, route};

/// How the peer is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// By MX, with opportunistic TLS.
    Mx,
    /// By MX, and the letter comes right behind one whose recipient was refused.
    AfterRefusal,
    /// A route with `tls = "required"`.
    TlsRequired,
    /// A route over LMTP; two recipients.
    Lmtp,
}

/// What becomes of the letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    /// The peer has it, once.
    Delivered,
    /// It waits, for a reason with these words, and the peer has it once in the end.
    Deferred(&'static str),
    /// It waits, and the peer may have it already: it gets it a second time (RFC 1047).
    Repeated(&'static str),
    /// It waits, and nothing of it was ever said.
    Unsaid(&'static str),
    /// The sender is told that it failed.
    Bounced,
}

/// One peer.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) way: Way,
    pub(crate) script: Script,
    pub(crate) ends: Ends,
    /// How long we wait for a peer that has fallen silent.
    pub(crate) patience: Option<Duration>,
}

impl Row {
    /// The peer is given up by then.
    pub(crate) fn by(self, patience: Duration) -> Self {
        Self { patience: Some(patience), ..self }
    }
}

/// One table at a time, for what is open is counted for the whole process.
static ALONE: Mutex<()> = Mutex::new(());

/// How exactly the patient clock measures: a few of its steps.
const INEXACT: Duration = Duration::from_secs(10);

/// No row takes longer than this, by the clock of the test.
const LIMIT: Duration = Duration::from_secs(6 * 60 * 60);

fn check(rows: Vec<Row>) {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    for row in rows {
        let is_silent = matches!(row.script.deed, Deed::Hang(_) | Deed::Deaf);
        assert!(!is_silent || row.patience.is_some(), "{}: for how long?", row.name);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            tokio::spawn(patient_clock());
            play(&row).await;
        });
    }
}

/// Moves tokio's paused clock on by two seconds each time that the process had a millisecond for what there
/// was to do: silence costs nothing, and nobody misses a deadline because this host is busy.
async fn patient_clock() {
    loop {
        // While a thread is busy, the runtime leaves its clock alone.
        let nap = || std::thread::sleep(Duration::from_millis(1));
        tokio::task::spawn_blocking(nap).await.unwrap();
        tokio::time::advance(Duration::from_secs(2)).await;
    }
}

async fn play(row: &Row) {
    let hostile = Hostile::listen(row.script.clone()).await;
    let (files, tasks) = (open_files(), Handle::current().metrics().num_alive_tasks());
    let content = Bytes::from(row.script.letter());
    let site = site(row, &hostile);
    if row.way == Way::AfterRefusal {
        site.send("alice@our.example", &["no@third.example"]).await;
    }
    let recipients: &[&str] = match row.way {
        Way::Lmtp => &["b@third.example", "d@third.example"],
        Way::Mx | Way::AfterRefusal | Way::TlsRequired => &["b@third.example"],
    };
    let sent = Instant::now();
    site.send_content(envelope("alice@our.example", recipients), content.clone()).await;
    let first = until(row, &site, |rows| outcome(row.way, rows)).await;
    if let Some(patience) = row.patience {
        let waited = match row.script.deed {
            // Who reads nothing doesn't see us go.
            Deed::Deaf => sent.elapsed(),
            _ => hostile.silence().await,
        };
        assert!(waited <= patience + INEXACT, "{}: we waited for {waited:?}", row.name);
        assert!(waited + INEXACT >= patience, "{}: we waited for {waited:?}", row.name);
    }
    compare(row, &site, &hostile, &first).await;
    site.engine.shutdown().await;
    drop(site);
    let left = || (open_files(), Handle::current().metrics().num_alive_tasks());
    let started = Instant::now();
    while left() != (files, tasks) && started.elapsed() < LIMIT {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(left(), (files, tasks), "{}: sockets and tasks", row.name);
    assert!(content.is_unique(), "{}: the letter is still in memory", row.name);
}

fn site(row: &Row, hostile: &Hostile) -> Site {
    let port = hostile.address.port();
    let retry = "[mta]\ndeliveries_per_next_hop_max = 1\n[mta.retry]\nfirst = \"1m\"\n";
    let dns = format!("{retry}[mta.dns]\nsmtp_port = {port}\nloopback = \"allowed\"\n");
    let more = match row.way {
        Way::Mx | Way::AfterRefusal => dns,
        Way::TlsRequired => {
            format!(
                "{retry}{}tls = \"required\"\n",
                route("*", &format!("smtp://127.0.0.1:{port}"))
            )
        }
        Way::Lmtp => format!("{retry}{}", route("*", &format!("lmtp://127.0.0.1:{port}"))),
    };
    let table = Table::one("third.example").host("mx.third.example", [127, 0, 0, 1]);
    Site::start(Os, table, &more)
}

/// What the queue says of the letter.
#[derive(Debug, PartialEq)]
enum Outcome {
    Gone,
    Waits(String),
    SenderTold,
}

/// Nothing while the letter is under way for the first time.
fn outcome(way: Way, rows: &[QueueRow]) -> Option<Outcome> {
    let is_notice = |row: &&QueueRow| row.envelope.reverse_path == ReversePath::Null;
    let about_b = |row: &QueueRow| {
        row.envelope.recipients.iter().any(|one| one.address.to_string() != "no@third.example")
    };
    let letter = rows.iter().find(|row| !is_notice(row) && about_b(row));
    let Some(letter) = letter else {
        // The letter ahead of this one has a notice of its own.
        let told = way != Way::AfterRefusal && rows.iter().any(|row| is_notice(&row));
        return Some(if told { Outcome::SenderTold } else { Outcome::Gone });
    };
    letter.states.iter().find_map(|state| match state {
        RecipientState::Waiting { last: Some(reply), .. } => {
            Some(Outcome::Waits(reply.to_string()))
        }
        _ => None,
    })
}

/// Waits until the queue is as wanted.
async fn until<T>(row: &Row, site: &Site, wanted: impl Fn(&[QueueRow]) -> Option<T>) -> T {
    let waiting = async {
        loop {
            let changed = site.shard.changed.notified();
            if let Some(found) = wanted(&site.shard.rows()) {
                return found;
            }
            changed.await;
        }
    };
    match tokio::time::timeout(LIMIT, waiting).await {
        Ok(found) => found,
        Err(_) => panic!("{} never ends: {:?}", row.name, site.shard.rows()),
    }
}

async fn compare(row: &Row, site: &Site, hostile: &Hostile, first: &Outcome) {
    let name = row.name;
    let heard = || format!("{name}: {first:?}\n{:#?}", hostile.heard());
    let gone = |rows: &[QueueRow]| match outcome(row.way, rows) {
        Some(Outcome::Waits(_)) | None => None,
        Some(last) => Some(last),
    };
    match (row.ends, first) {
        (Ends::Delivered, Outcome::Gone) => {
            assert_eq!((hostile.dots(), hostile.taken()), (1, 1), "{}", heard());
        }
        (Ends::Bounced, Outcome::SenderTold) => {}
        (Ends::Deferred(words), Outcome::Waits(reply)) => {
            assert!(reply.contains(words), "{}", heard());
            until(row, site, gone).await;
            assert_eq!(hostile.taken(), 1, "{}", heard());
        }
        (Ends::Repeated(words), Outcome::Waits(reply)) => {
            assert!(reply.contains(words), "{}", heard());
            until(row, site, gone).await;
            assert_eq!(hostile.dots(), 2, "{}", heard());
        }
        (Ends::Unsaid(words), Outcome::Waits(reply)) => {
            assert!(reply.contains(words), "{}", heard());
            let said = hostile.heard().into_iter().find(|line| line.starts_with("MAIL"));
            assert_eq!(said, None, "{}", heard());
        }
        (_, _) => panic!("not {:?}: {}", row.ends, heard()),
    }
}

/// Files and sockets that this process has open.
fn open_files() -> usize {
    // Reading the folder opens it: one more each time.
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}
