//! The scheduler in a world of its own: thousands of destinations with outages, black holes, slow and picky
//! hosts, and days that pass in seconds, all from one seed.
//!
//! `POSTROAD_SIMULATION_SEED` repeats a run, connection for connection; `POSTROAD_SIMULATION_SECONDS` goes on with other seeds for so long.

mod world;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use postroad_mta::outbound::engine::Census;
use postroad_mta::outbound::{Chance, TimeSource};
use postroad_queue::spool::QueueId;
use tokio::time::{Instant, sleep_until, timeout};

use crate::memory_shard::MemoryShard;
use crate::site::{Site, envelope};
use world::{CONNECTIONS_PER_HOST, Dice, FULL, Nature, Size, Visit, World};

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const GIVE_UP_AFTER: Duration = Duration::from_secs(48 * 60 * 60);
/// The longest wait, spread by a quarter.
const INTERVAL: Duration = Duration::from_secs(5 * 60 * 60);
/// What one attempt may take beside.
const ATTEMPT: Duration = Duration::from_secs(60 * 60);
const CONNECTIONS: usize = 60;
/// Messages come for a day.
const SENDING: Duration = Duration::from_secs(24 * 60 * 60);

/// What was sent, and when.
struct Sent {
    id: QueueId,
    at: Instant,
    recipients: Vec<String>,
}

#[test]
fn simulation() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let mut seed = number("POSTROAD_SIMULATION_SEED").unwrap_or(0x0090_57ad);
    let seconds = number("POSTROAD_SIMULATION_SECONDS").unwrap_or(0);
    let started = std::time::Instant::now();
    loop {
        eprintln!("POSTROAD_SIMULATION_SEED={seed}");
        run(seed, FULL);
        seed = Dice::new(seed).next();
        if started.elapsed() >= Duration::from_secs(seconds) {
            return;
        }
    }
}

#[test]
fn a_seed_repeats_its_run() {
    let small = Size { messages: 150, domains: 100, hosts: 70 };
    let story = run(7, small);
    assert!(story.len() > 300, "{} connections", story.len());
    assert_eq!(run(7, small), story);
    assert_ne!(run(8, small), story);
}

/// Gives what happened.
fn run(seed: u64, size: Size) -> Vec<Visit> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(simulate(seed, size))
}

async fn simulate(seed: u64, size: Size) -> Vec<Visit> {
    let mut dice = Dice::new(seed);
    let world = World::new(&mut dice, size);
    let more = format!(
        "mta.deliveries_max = {CONNECTIONS}\n\
         mta.deliveries_per_next_hop_max = {CONNECTIONS_PER_HOST}\n\
         [mta.retry]\ngive_up_after = \"2d\"\n"
    );
    let shard = Arc::<MemoryShard>::default();
    let begun = Instant::now();
    let time = TimeSource {
        wall: Arc::new(move || SystemTime::UNIX_EPOCH + 20_000 * DAY + begun.elapsed()),
        ..TimeSource::default()
    };
    let (nature, shared) = ((time, Chance::seeded(seed)), Arc::clone(&shard));
    let mut site = Site::start_by(nature, shared, (world.clone(), world.clone()), &more);
    let sent = send_all(&mut site, &world, &mut dice).await;
    let patience = GIVE_UP_AFTER + INTERVAL + ATTEMPT;
    let empty = timeout(patience, shard.until_empty()).await;
    assert!(empty.is_ok(), "seed {seed}: {} never end", shard.rows().len());
    check_ends(seed, &sent, &shard);
    check_verdicts(seed, &sent, &world);
    if size == FULL {
        check_promptness(seed, &sent, &shard, &world);
    }
    check_patience(seed, &sent, &shard, &world);
    if size == FULL {
        world.is_large();
    }
    check_limits(seed, &world);
    check_leaks(seed, &site).await;
    site.engine.shutdown().await;
    world.visits()
}

/// Letters by all kinds of senders to one, some or very many recipients.
async fn send_all(site: &mut Site, world: &World, dice: &mut Dice) -> Vec<Sent> {
    let start = Instant::now();
    let mut times: Vec<u64> =
        (0..world.size.messages).map(|_| dice.below(SENDING.as_millis() as u64)).collect();
    times.sort_unstable();
    let mut sent = Vec::new();
    for (number, at) in times.into_iter().enumerate() {
        sleep_until(start + Duration::from_millis(at)).await;
        let count = match dice.below(1_000) {
            0..4 => 120,
            4..40 => 2 + dice.below(20),
            _ => 1,
        };
        let recipients: Vec<String> = (0..count)
            .map(|n| format!("r{number}-{n}@{}", world.domain(dice.below(u64::MAX))))
            .collect();
        let sender = format!("alice+{}@our.example", dice.below(20));
        let to: Vec<&str> = recipients.iter().map(String::as_str).collect();
        site.arrived = site.engine.arrival();
        let id = site.send_as(envelope(&sender, &to), "Subject: s\r\n\r\nhello\r\n").await;
        sent.push(Sent { id, at: Instant::now(), recipients });
        check_memory(site.engine.census());
    }
    sent
}

/// What is loaded is bounded by the connections, whatever waits.
fn check_memory(census: Census) {
    assert!(census.connections <= CONNECTIONS, "{census:?}");
    assert!(census.workers <= 2 * CONNECTIONS, "{census:?}");
    assert!(census.jobs <= 600 * (1 + census.workers), "{census:?}");
}

fn check_ends(seed: u64, sent: &[Sent], shard: &MemoryShard) {
    let ends = shard.ended.lock().unwrap();
    for Sent { id, at, recipients } in sent {
        let took = *ends.get(id).unwrap() - *at;
        let limit = GIVE_UP_AFTER + INTERVAL + ATTEMPT;
        assert!(took <= limit, "seed {seed}: {id} to {recipients:?} took {took:?}");
    }
}

/// Every recipient has it, or the sender was told that it doesn't; never both, and never twice.
fn check_verdicts(seed: u64, sent: &[Sent], world: &World) {
    let (delivered, failed) = (world.delivered(), world.failed());
    for recipient in sent.iter().flat_map(|sent| &sent.recipients) {
        let count = |in_map: &HashMap<String, usize>| in_map.get(recipient).copied().unwrap_or(0);
        let verdicts = (count(&delivered), count(&failed));
        assert!(
            matches!(verdicts, (1, 0) | (0, 1)),
            "seed {seed}: {recipient} has (delivered, failed) {verdicts:?}"
        );
    }
    assert!(!failed.is_empty() && delivered.len() > failed.len(), "seed {seed}: a poor world");
}

/// Nobody starves: whoever is slow, limited or flaky gets their mail within a time that fits their nature, and
/// whoever was away within the longest wait after they are back.
fn check_patience(seed: u64, sent: &[Sent], shard: &MemoryShard, world: &World) {
    let ends = shard.ended.lock().unwrap();
    for Sent { id, at, recipients } in sent {
        let [recipient] = recipients.as_slice() else { continue };
        let nature = world.nature_of(recipient);
        let Some((back, patience)) = nature.patience() else { continue };
        let from = (*at).max(world.start + Duration::from_secs(back));
        // What is given up before they are back has ended.
        let took = ends.get(id).unwrap().saturating_duration_since(from);
        assert!(took <= patience, "seed {seed}: {recipient} ({nature:?}) had to wait {took:?}");
    }
}

/// Whoever is well gets their mail at once, whatever the others do (row F19).
fn check_promptness(seed: u64, sent: &[Sent], shard: &MemoryShard, world: &World) {
    let ends = shard.ended.lock().unwrap();
    let mut delays: Vec<Duration> = Vec::new();
    for Sent { id, at, recipients } in sent {
        if let [recipient] = recipients.as_slice()
            && world.nature_of(recipient) == Nature::Good
        {
            delays.push(*ends.get(id).unwrap() - *at);
        }
    }
    delays.sort_unstable();
    assert!(delays.len() > 100, "seed {seed}: {} letters say nothing", delays.len());
    let p99 = delays[delays.len() * 99 / 100];
    assert!(p99 < Duration::from_secs(1), "seed {seed}: p99 {p99:?} of {}", delays.len());
}

fn check_limits(seed: u64, world: &World) {
    for (host, most) in world.most_connections() {
        assert!(most <= CONNECTIONS_PER_HOST, "seed {seed}: {most} connections to {host}");
    }
}

/// All that the engine held is given back.
async fn check_leaks(seed: u64, site: &Site) {
    tokio::time::sleep(2 * HOUR).await;
    let census = site.engine.census();
    let held = Census { timers: 0, ..census };
    assert_eq!(held, Census::default(), "seed {seed}");
}
