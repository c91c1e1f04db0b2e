//! How fast the embedded queue is, without a network: `cargo run --release -p postroad-queue --example
//! bench [DIR [BACKLOG]]`. Each message is accepted and then settled, as in a relay that delivers at once; in
//! the second half with as much work beside as sessions and deliveries cause, so that the processors are busy.
//! With BACKLOG, so many letters are queued instead, and the queue is opened again.
//!
//! `syncs` are file and directory syncs a message; `written` and `device` are octets a message octet,
//! as handed to the system and as the block device under DIR counted them (others' writes included).
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a tool for developers")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use postroad_disk::{DirEntry, Disk, DiskError, DiskFile, DiskLock, OsDisk, Space, Stat};
use postroad_protocol::address::{Address, ReversePath};
use postroad_protocol::envelope::{Envelope, Recipient};
use postroad_queue::{
    Accept, Content, Cursor, Embedded, Filter, NewMessage, Outcome, OwnedShard, RecipientState,
    ShardId, Spool as _, Whose,
};
use tokio::sync::Semaphore;

/// The real disk, with its syncs and octets counted.
#[derive(Debug, Clone, Default)]
struct Counting {
    syncs: Arc<AtomicU64>,
    octets: Arc<AtomicU64>,
}

#[derive(Debug)]
struct CountingFile {
    file: Box<dyn DiskFile>,
    counts: Counting,
}

impl Counting {
    fn file(&self, file: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        Box::new(CountingFile { file, counts: self.clone() })
    }
}

impl Disk for Counting {
    fn create_new(&self, path: &Path) -> Result<Box<dyn DiskFile>, DiskError> {
        OsDisk.create_new(path).map(|file| self.file(file))
    }
    fn open(&self, path: &Path) -> Result<Box<dyn DiskFile>, DiskError> {
        OsDisk.open(path).map(|file| self.file(file))
    }
    fn open_read(&self, path: &Path) -> Result<Box<dyn DiskFile>, DiskError> {
        OsDisk.open_read(path)
    }
    fn link(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        OsDisk.link(from, to)
    }
    fn rename_noreplace(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        OsDisk.rename_noreplace(from, to)
    }
    fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        OsDisk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> Result<(), DiskError> {
        OsDisk.remove(path)
    }
    fn create_dir(&self, path: &Path) -> Result<(), DiskError> {
        OsDisk.create_dir(path)
    }
    fn sync_dir(&self, path: &Path) -> Result<(), DiskError> {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        OsDisk.sync_dir(path)
    }
    fn read_dir(&self, path: &Path) -> Result<Vec<DirEntry>, DiskError> {
        OsDisk.read_dir(path)
    }
    fn space(&self, path: &Path) -> Result<Space, DiskError> {
        OsDisk.space(path)
    }
    fn stat(&self, path: &Path) -> Result<Stat, DiskError> {
        OsDisk.stat(path)
    }
    fn lock(&self, path: &Path) -> Result<Box<dyn DiskLock>, DiskError> {
        OsDisk.lock(path)
    }
}

impl DiskFile for CountingFile {
    fn write_all_at(&mut self, buffers: &[&[u8]], offset: u64) -> Result<(), DiskError> {
        let octets = buffers.iter().map(|buffer| buffer.len() as u64).sum();
        self.counts.octets.fetch_add(octets, Ordering::Relaxed);
        self.file.write_all_at(buffers, offset)
    }
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, DiskError> {
        self.file.read_at(buffer, offset)
    }
    fn stat(&self) -> Result<Stat, DiskError> {
        self.file.stat()
    }
    fn truncate(&mut self, len: u64) -> Result<(), DiskError> {
        self.file.truncate(len)
    }
    fn sync(&mut self) -> Result<(), DiskError> {
        self.counts.syncs.fetch_add(1, Ordering::Relaxed);
        self.file.sync()
    }
}

/// Octets that all block devices together have written.
fn device_octets() -> u64 {
    let stats = std::fs::read_to_string("/proc/diskstats").unwrap_or_default();
    let sectors = |line: &str| line.split_ascii_whitespace().nth(9)?.parse::<u64>().ok();
    stats.lines().filter_map(sectors).sum::<u64>() * 512
}

/// Keeps this thread busy, as a session and a delivery would.
fn work(micros: u64) {
    let until = Instant::now() + Duration::from_micros(micros);
    while Instant::now() < until {
        std::hint::spin_loop();
    }
}

/// Microseconds of work for a message in its session, and in its delivery.
#[derive(Clone, Copy)]
struct Work {
    session: u64,
    delivery: u64,
}

/// Accepts a message, then has it delivered by somebody else; gives how long accepting took.
async fn one(
    queue: &Arc<dyn OwnedShard>,
    content: Bytes,
    work: Work,
    deliveries: &Arc<Semaphore>,
) -> Duration {
    let id = queue.new_id();
    let to = |text| Address::parse(text).unwrap();
    let envelope = Envelope::new(
        ReversePath::Address(to("sender@example.org")),
        vec![Recipient::new(to("recipient@example.net"))],
    );
    self::work(work.session);
    let began = Instant::now();
    let message =
        NewMessage { id, arrived: SystemTime::now(), envelope, content: Content::Memory(content) };
    let stored = queue.accept(vec![message]).await;
    assert!(matches!(stored.as_slice(), [Accept::Stored]), "{stored:?}");
    let took = began.elapsed();
    let permit = Arc::clone(deliveries).acquire_owned().await.unwrap();
    let queue = Arc::clone(queue);
    tokio::spawn(async move {
        self::work(work.delivery);
        let outcome = Outcome { id, recipient: 0, state: RecipientState::Done };
        queue.settle(vec![outcome]).await.unwrap();
        drop(permit);
    });
    took
}

/// Connections to the next hop: each waits until its last outcome is durable.
const DELIVERIES: usize = 20;

async fn run(dir: PathBuf, sessions: usize, octets: usize, messages: usize, work: Work) {
    let counts = Counting::default();
    let queue = Embedded::new(Arc::new(counts.clone()), dir).open(ShardId(0)).await.unwrap();
    let content = Bytes::from(vec![b'x'; octets]);
    let deliveries = Arc::new(Semaphore::new(DELIVERIES));
    let device = device_octets();
    counts.syncs.store(0, Ordering::Relaxed);
    counts.octets.store(0, Ordering::Relaxed);
    let began = Instant::now();
    let tasks: Vec<_> = (0..sessions)
        .map(|_| {
            let (queue, content) = (Arc::clone(&queue), content.clone());
            let deliveries = Arc::clone(&deliveries);
            tokio::spawn(async move {
                let mut times = Vec::new();
                for _ in 0..messages / sessions {
                    times.push(one(&queue, content.clone(), work, &deliveries).await);
                }
                times
            })
        })
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.unwrap());
    }
    let _all = deliveries.acquire_many(DELIVERIES as u32).await.unwrap();
    let took = began.elapsed().as_secs_f64();
    queue.release().await;
    times.sort_unstable();
    let count = times.len() as f64;
    let per = |total: u64| total as f64 / count;
    println!(
        "{sessions:4} sessions {:3} KiB, {:3} us of work: {:7.0}/s  accept p50 {:5.0} us p99 {:6.0} us  {:.3} syncs  {:.3} written  {:.3} device",
        octets / 1024,
        work.session + work.delivery,
        count / took,
        times[times.len() / 2].as_secs_f64() * 1e6,
        times[times.len() * 99 / 100].as_secs_f64() * 1e6,
        per(counts.syncs.load(Ordering::Relaxed)),
        per(counts.octets.load(Ordering::Relaxed)) / octets as f64,
        per(device_octets() - device) / octets as f64,
    );
}

/// Resident memory of this process, in MiB.
fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = status.split_ascii_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) / 256
}

/// Letters to so many destinations.
const DESTINATIONS: usize = 50_000;

/// A backlog: memory with so many letters of 1 KiB queued, how long a start takes, and looking at them; then
/// the same with an octet altered for every hundredth letter.
async fn backlog(dir: PathBuf, messages: usize) {
    let engine = Embedded::new(Arc::new(OsDisk), dir.clone());
    let queue = engine.open(ShardId(0)).await.unwrap();
    let content = Bytes::from(vec![b'x'; 1024]);
    let to = |text: &str| Address::parse(text).unwrap();
    for batch in 0..messages / 1000 {
        let message = |n| NewMessage {
            id: queue.new_id(),
            arrived: SystemTime::now(),
            envelope: Envelope::new(
                ReversePath::Address(to("sender@example.org")),
                vec![Recipient::new(to(&format!(
                    "recipient-{n}@host{}.example.net",
                    (batch * 1000 + n) % DESTINATIONS
                )))],
            ),
            content: Content::Memory(content.clone()),
        };
        queue.accept((0..1000).map(message).collect()).await;
    }
    queue.release().await;
    drop(queue);
    look(&engine, "sound").await;
    damage(&dir.join("segments"), messages / 100);
    look(&engine, "1 % damaged").await;
}

/// Opens the queue and looks at what is in it.
async fn look(engine: &Embedded, story: &str) {
    let before = resident_mib();
    let began = Instant::now();
    let queue = engine.open(ShardId(0)).await.unwrap();
    let opened = began.elapsed();
    let resident = resident_mib();
    let page = async |filter: &Filter| {
        let began = Instant::now();
        let page = queue.find(filter, Cursor::default(), 100).await;
        (page.rows.len(), began.elapsed().as_secs_f64() * 1e3)
    };
    let first = page(&Filter::default()).await;
    let nobody = Address::parse("nobody@nowhere.example").ok().map(Whose::Address);
    let nobody = Filter { recipient: nobody, ..Filter::default() };
    let none = page(&nobody).await;
    println!(
        "{story}: opened in {:.1} s, {resident} MiB resident ({before} before), first page {:.1} ms, a filter that nothing fits {:.0} ms",
        opened.as_secs_f64(),
        first.1,
        none.1,
    );
    assert_eq!((first.0, none.0), (100, 0));
    queue.release().await;
}

/// Alters so many octets, spread over all segments.
fn damage(segments: &Path, places: usize) {
    let mut files: Vec<_> =
        std::fs::read_dir(segments).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    let each = places / files.len() + 1;
    for path in files {
        let mut octets = std::fs::read(&path).unwrap();
        for n in 0..each {
            // A stride that meets heads, envelopes and contents alike.
            let at = (n * 999_983 + 4_099) % octets.len();
            octets[at] ^= 0x55;
        }
        std::fs::write(&path, octets).unwrap();
    }
}

fn main() {
    let dir = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let dir = tempfile::Builder::new().prefix("queue-bench").tempdir_in(dir).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    if let Some(messages) = std::env::args().nth(2).and_then(|count| count.parse().ok()) {
        return runtime.block_on(backlog(dir.path().join("backlog"), messages));
    }
    for (session, delivery) in [(0, 0), (100, 200)] {
        for (octets, messages) in [(4096, 20_000), (65536, 4_000)] {
            for sessions in [1, 4, 20, 100] {
                let messages = if sessions == 1 { messages / 10 } else { messages };
                let work = Work { session, delivery };
                runtime.block_on(run(dir.path().join("queue"), sessions, octets, messages, work));
            }
        }
    }
}
