//! Every scenario with every disk call failing, cutting the power or killing the process in turn.
//!
//! Each run keeps a ledger of what it was told. After the restart the queue must agree: what was
//! `Stored` is there byte for byte until it was settled, what was refused is not, what nobody was
//! told about is whole or absent, and no id comes back (invariants I1, I2, I4, I5 and I8; rows F01,
//! F02, F03, F06, F07, F08).
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use postroad_protocol::address::{Address, ReversePath};
use postroad_protocol::envelope::{Envelope, Recipient};
use postroad_queue::{
    Accept, AcceptError, Condition, Content, Cursor, Edit, Embedded, Filter, NewMessage, Outcome,
    OwnedShard, QueueId, RecipientState, ShardId, Spool as _,
};
use postroad_testkit::{FaultyDisk, Plan};

const EIO: i32 = 5;
const ENOSPC: i32 = 28;
/// How long one plan may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// What we were told of one message.
#[derive(Debug, Clone)]
struct Told {
    content: Bytes,
    envelope: Envelope,
    accepted: Answer,
    /// By recipient: whether it was said to be done.
    done: Vec<Answer>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// Never asked for.
    NotAsked,
    /// Asked, and no sure answer came.
    Unsure,
    Yes,
    No,
}

type Ledger = Arc<Mutex<BTreeMap<QueueId, Told>>>;

/// One run of the process.
#[derive(Clone)]
struct Run {
    queue: Arc<dyn OwnedShard>,
    ledger: Ledger,
}

impl Run {
    async fn accept(&self, octets: usize, recipients: usize) -> QueueId {
        let id = self.queue.new_id();
        let content = Bytes::from(vec![b'a' + (id.number() % 26) as u8; octets]);
        let to = |n| Recipient::new(Address::parse(&format!("user{n}@example.org")).unwrap());
        let envelope = Envelope::new(ReversePath::Null, (0..recipients).map(to).collect());
        let told = Told {
            content: content.clone(),
            envelope: envelope.clone(),
            accepted: Answer::Unsure,
            done: vec![Answer::NotAsked; recipients],
        };
        let taken = self.ledger.lock().unwrap().insert(id, told);
        assert!(taken.is_none(), "id {id} was given twice");
        let content = Content::Memory(content);
        let message = NewMessage { id, arrived: SystemTime::now(), envelope, content };
        let accepted = match self.queue.accept(vec![message]).await.as_slice() {
            [Accept::Stored] => Answer::Yes,
            [Accept::Refused(_)] => Answer::No,
            [Accept::InDoubt] => Answer::Unsure,
            other => panic!("{other:?}"),
        };
        self.ledger.lock().unwrap().get_mut(&id).unwrap().accepted = accepted;
        id
    }

    fn done(&self, id: QueueId, recipient: usize, answer: Answer) {
        self.ledger.lock().unwrap().get_mut(&id).unwrap().done[recipient] = answer;
    }

    async fn deliver(&self, id: QueueId, recipient: usize) {
        self.deliver_all(&[id], recipient).await;
    }

    /// The same recipient of each of these, in one call.
    async fn deliver_all(&self, ids: &[QueueId], recipient: usize) {
        ids.iter().for_each(|id| self.done(*id, recipient, Answer::Unsure));
        let outcome = |id: &QueueId| Outcome {
            id: *id,
            recipient: u32::try_from(recipient).unwrap(),
            state: RecipientState::Done,
        };
        if self.queue.settle(ids.iter().map(outcome).collect()).await.is_ok() {
            ids.iter().for_each(|id| self.done(*id, recipient, Answer::Yes));
        }
    }

    async fn defer(&self, id: QueueId) {
        let due = SystemTime::now() + Duration::from_secs(600);
        let state = RecipientState::Waiting { attempts: 1, due, last: None };
        let _ = self.queue.settle(vec![Outcome { id, recipient: 0, state }]).await;
    }

    async fn delete(&self, id: QueueId) {
        let recipients = self.ledger.lock().unwrap()[&id].done.len();
        (0..recipients).for_each(|n| self.done(id, n, Answer::Unsure));
        let filter = Filter { ids: Some(vec![id]), ..Filter::default() };
        if self.queue.edit(&filter, Edit::Delete).await == Ok(1) {
            (0..recipients).for_each(|n| self.done(id, n, Answer::Yes));
        }
    }

    async fn hold(&self, id: QueueId) {
        let filter = Filter { ids: Some(vec![id]), ..Filter::default() };
        let _ = self.queue.edit(&filter, Edit::Hold).await;
    }

    /// Whether what the queue holds is what we were told.
    async fn verify(&self, story: &str) {
        let ledger = self.ledger.lock().unwrap().clone();
        let page = self.queue.find(&Filter::default(), Cursor::default(), usize::MAX).await;
        let mut there = BTreeMap::new();
        for row in page.rows {
            let told = ledger.get(&row.id).unwrap_or_else(|| panic!("{story}: unknown {}", row.id));
            assert_ne!(told.accepted, Answer::No, "{story}: {} was refused and is there", row.id);
            assert_eq!(*row.envelope, told.envelope, "{story}: {}", row.id);
            let content = self.queue.content(row.id).await;
            assert_eq!(content.unwrap(), told.content, "{story}: {}", row.id);
            for (state, done) in row.states.iter().zip(&told.done) {
                match done {
                    Answer::Yes => assert_eq!(*state, RecipientState::Done, "{story}: undone"),
                    Answer::NotAsked => {
                        assert_ne!(*state, RecipientState::Done, "{story}: too far")
                    }
                    Answer::Unsure | Answer::No => {}
                }
            }
            there.insert(row.id, ());
        }
        for (id, told) in ledger {
            let all = |answer| told.done.iter().all(|done| *done == answer);
            let some_left = told.done.contains(&Answer::NotAsked);
            if told.accepted == Answer::Yes && some_left {
                assert!(there.contains_key(&id), "{story}: {id} was stored and is lost");
            }
            if all(Answer::Yes) {
                assert!(!there.contains_key(&id), "{story}: {id} was done and is back");
            }
        }
    }
}

fn engine(disk: &FaultyDisk) -> Embedded {
    Embedded::new(Arc::new(disk.clone()), PathBuf::from("/queue"))
        .with_segment_octets(2_000)
        .without_gathering()
}

async fn open(disk: &FaultyDisk, ledger: &Ledger) -> Option<Run> {
    let queue = engine(disk).open(ShardId(0)).await.ok()?;
    Some(Run { queue, ledger: Arc::clone(ledger) })
}

/// One plan, from an empty disk to the second restart.
async fn play<F: AsyncFn(&Run)>(scenario: &F, plan: Plan) -> Vec<String> {
    let disk = FaultyDisk::new();
    let ledger = Ledger::default();
    disk.plan(plan);
    let run = open(&disk, &ledger).await;
    if let Some(run) = &run {
        // While nothing can be written outcomes wait: a scenario in which nothing is repaired doesn't end.
        tokio::select! {
            () = scenario(run) => {}
            () = stopped(run) => {}
        }
    }
    let calls = disk.calls();
    if let (Some(run), Plan::Sound | Plan::Fail { .. }) = (run, plan) {
        disk.plan(Plan::Sound);
        run.verify(&format!("{plan:?}, still running")).await;
    }
    let story = match plan {
        Plan::Sound | Plan::Full | Plan::FailNext { .. } => format!("{plan:?}"),
        Plan::Fail { call, .. }
        | Plan::FailFrom { call, .. }
        | Plan::FailChanges { call, .. }
        | Plan::Cut { call }
        | Plan::Kill { call } => {
            let at = usize::try_from(call).unwrap();
            format!("{plan:?} at {:?}", calls.get(at).map_or("nothing", String::as_str))
        }
    };
    let disk = match plan {
        Plan::Cut { .. } | Plan::Kill { .. } => disk.restart(),
        Plan::Sound
        | Plan::Full
        | Plan::Fail { .. }
        | Plan::FailNext { .. }
        | Plan::FailFrom { .. }
        | Plan::FailChanges { .. } => disk.restart_after_cut(),
    };
    let run = open(&disk, &ledger).await.unwrap_or_else(|| panic!("{story}: doesn't open"));
    run.verify(&story).await;
    // It works again at once, and the next start agrees.
    let id = run.accept(10, 1).await;
    assert_eq!(run.ledger.lock().unwrap()[&id].accepted, Answer::Yes, "{story}");
    let disk = disk.restart_after_cut();
    let run = open(&disk, &ledger).await.unwrap_or_else(|| panic!("{story}: doesn't open again"));
    run.verify(&format!("{story}, second restart")).await;
    assert!(run.queue.new_id() > id, "{story}");
    run.queue.release().await;
    calls
}

/// Waits until the queue takes nothing any more.
async fn stopped(run: &Run) {
    while !matches!(run.queue.condition(), Condition::Refusing { .. }) {
        tokio::task::yield_now().await;
    }
}

/// All plans, each at every call of a sound run where it makes a difference.
fn check<F: AsyncFn(&Run)>(scenario: F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let play = |plan| {
        let play = play(&scenario, plan);
        let limited = runtime.block_on(async { tokio::time::timeout(PATIENCE, play).await });
        limited.unwrap_or_else(|_| panic!("{plan:?} hangs"))
    };
    let sound = play(Plan::Sound);
    // The threads' calls interleave differently each time: a few more than in one sound run.
    for call in 0..sound.len() + 4 {
        let operation = sound.get(call).and_then(|call| call.split(' ').next()).unwrap_or("sync");
        let call = call as u64;
        play(Plan::Fail { call, errno: EIO });
        if !matches!(operation, "stat" | "read" | "len" | "read_dir" | "open") {
            play(Plan::Cut { call });
            play(Plan::Kill { call });
        }
        if matches!(operation, "write" | "create" | "create_dir" | "rename") {
            play(Plan::Fail { call, errno: ENOSPC });
        }
        if matches!(operation, "write" | "sync" | "sync_dir") {
            play(Plan::FailFrom { call, errno: EIO });
        }
    }
}

/// So many messages at once.
async fn together(run: &Run, count: usize, octets: usize) -> Vec<QueueId> {
    let accepts: Vec<_> = (0..count)
        .map(|_| {
            let run = run.clone();
            tokio::spawn(async move { run.accept(octets, 1).await })
        })
        .collect();
    let mut ids = Vec::new();
    for accept in accepts {
        ids.push(accept.await.unwrap());
    }
    ids
}

#[test]
fn f03_one_message() {
    check(async |run: &Run| {
        run.accept(300, 2).await;
    });
}

#[test]
fn f03_ten_messages_in_one_group() {
    check(async |run: &Run| {
        together(run, 10, 50).await;
    });
}

#[test]
fn f03_a_hundred_messages_in_one_group() {
    check(async |run: &Run| {
        together(run, 100, 50).await;
    });
}

#[test]
fn f04_outcomes() {
    check(async |run: &Run| {
        let one = run.accept(200, 2).await;
        run.deliver(one, 1).await;
        run.defer(one).await;
        let two = run.accept(200, 1).await;
        run.deliver(two, 0).await;
        run.deliver(one, 0).await;
    });
}

#[test]
fn f01_edits() {
    check(async |run: &Run| {
        let held = run.accept(200, 2).await;
        run.hold(held).await;
        let deleted = run.accept(200, 2).await;
        run.delete(deleted).await;
    });
}

#[test]
fn f01_large_messages() {
    check(async |run: &Run| {
        let one = run.accept((1 << 20) + 1, 1).await;
        run.accept((1 << 20) + 2, 1).await;
        run.deliver(one, 0).await;
    });
}

/// An old letter stays while many come and go: segments are begun, cleaned and removed.
#[test]
fn f01_cleaning() {
    check(async |run: &Run| {
        let old = run.accept(300, 2).await;
        run.deliver(old, 0).await;
        run.defer(old).await;
        for _ in 0..8 {
            let ids = together(run, 2, 900).await;
            run.deliver_all(&ids, 0).await;
        }
    });
}

#[test]
fn space_comes_back_while_an_old_letter_stays() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let disk = FaultyDisk::new();
        let run = open(&disk, &Ledger::default()).await.unwrap();
        run.accept(300, 1).await;
        for _ in 0..200 {
            let id = run.accept(400, 1).await;
            run.deliver(id, 0).await;
        }
        run.queue.release().await;
        let octets = |path| disk.read(path).map_or(0, |octets| octets.len());
        let total: usize = disk.files().iter().map(|path| octets(path)).sum();
        assert!(total < 20_000, "{total} octets are left for 300");
        run.verify("after the cleaning").await;
    });
}

fn block_on<F: Future<Output = ()>>(test: F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let limited = runtime.block_on(async { tokio::time::timeout(PATIENCE, test).await });
    limited.expect("hangs");
}

fn answer(run: &Run, id: QueueId) -> Answer {
    run.ledger.lock().unwrap()[&id].accepted
}

#[test]
fn f06_one_failed_sync_costs_its_group_and_a_second_one_stops_intake() {
    block_on(async {
        let disk = FaultyDisk::new();
        let run = open(&disk, &Ledger::default()).await.unwrap();
        let before = run.accept(100, 1).await;
        // Nothing that would be read again meanwhile.
        run.deliver(before, 0).await;
        disk.plan(Plan::Fail { call: 1, errno: EIO });
        let refused = run.accept(100, 1).await;
        let after = run.accept(100, 1).await;
        assert_eq!(
            [before, refused, after].map(|id| answer(&run, id)),
            [Answer::Yes, Answer::No, Answer::Yes]
        );
        assert!(run.queue.room_for(1).is_ok());
        disk.plan(Plan::FailFrom { call: 1, errno: EIO });
        let unsure = run.accept(100, 1).await;
        assert_eq!(answer(&run, unsure), Answer::Unsure);
        assert!(run.queue.room_for(1).is_err());
        let late = run.accept(100, 1).await;
        assert_eq!(answer(&run, late), Answer::No);
        let run = open(&disk.restart_after_cut(), &run.ledger).await.unwrap();
        run.verify("after the second failure").await;
        assert!(run.queue.room_for(1).is_ok());
    });
}

#[test]
fn f08_on_a_full_disk_letters_are_refused_and_outcomes_wait() {
    block_on(async {
        let disk = FaultyDisk::new();
        let run = open(&disk, &Ledger::default()).await.unwrap();
        let first = run.accept(100, 1).await;
        disk.plan(Plan::Full);
        let refused = run.accept(100, 1).await;
        assert_eq!(answer(&run, refused), Answer::No);
        let delivery = tokio::spawn({
            let run = run.clone();
            async move { run.deliver(first, 0).await }
        });
        // Tried, and tried again.
        while disk.count("write") < 3 {
            tokio::task::yield_now().await;
        }
        // Whoever comes now isn't kept waiting.
        let refused = run.accept(100, 1).await;
        assert_eq!(answer(&run, refused), Answer::No);
        assert!(!delivery.is_finished());
        disk.plan(Plan::Sound);
        delivery.await.unwrap();
        let after = run.accept(100, 1).await;
        assert_eq!(answer(&run, after), Answer::Yes);
        let run = open(&disk.restart_after_cut(), &run.ledger).await.unwrap();
        run.verify("after the disk was full").await;
    });
}

#[test]
fn f08_intake_stops_before_the_reserve_is_gone() {
    block_on(async {
        let disk = FaultyDisk::new();
        let space = |octets, inodes| disk.set_space(postroad_disk::Space { octets, inodes });
        space(32 << 20, 1 << 20);
        let run = open(&disk, &Ledger::default()).await.unwrap();
        assert!(matches!(run.queue.room_for(1), Err(AcceptError::Full)));
        space(1 << 30, 10);
        let run = open(&disk.restart(), &Ledger::default()).await.unwrap();
        assert!(matches!(run.queue.room_for(1), Err(AcceptError::Full)));
        space(1 << 30, 1 << 20);
        let run = open(&disk.restart(), &Ledger::default()).await.unwrap();
        assert!(run.queue.room_for(1 << 20).is_ok());
        assert!(matches!(run.queue.room_for(1 << 30), Err(AcceptError::Full)));
    });
}
