//! What a million letters for fifty thousand destinations cost the delivery engine, when it starts:
//! `cargo run --release -p postroad-mta --example million`. All hosts are black holes, so nothing ever goes.
//!
//! The queue is made up, row by row, as it is asked for: what is measured is the engine alone. What the
//! queue's own index takes comes on top.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement, for people")]

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use postroad_accounts::{Accounts, Sources};
use postroad_config::Family;
use postroad_mta::outbound::dns::{BoxFuture, DnsError, Mx, Resolver};
use postroad_mta::outbound::network::{Network, Place};
use postroad_mta::outbound::{Chance, Engine, Parts, TimeSource};
use postroad_net::Io;
use postroad_observe::trace::Journal;
use postroad_protocol::address::{Address, ReversePath};
use postroad_protocol::envelope::{Envelope, Recipient};
use postroad_queue::spool::*;

const LETTERS: u64 = 1_000_000;
const DESTINATIONS: u64 = 50_000;

/// A queue that was never written.
struct MadeUp {
    arrived: SystemTime,
}

impl MadeUp {
    fn row(&self, id: u64) -> QueueRow {
        let sender = ReversePath::parse(&format!("s{}@our.example", id % 1_000)).unwrap();
        let to = Address::parse(&format!("r{id}@d{}.example", id % DESTINATIONS)).unwrap();
        let waiting = RecipientState::Waiting { attempts: 0, due: self.arrived, last: None };
        QueueRow {
            id: QueueId::from_number(id),
            arrived: self.arrived,
            octets: 4096,
            envelope: Arc::new(Envelope::new(sender, vec![Recipient::new(to)])),
            states: vec![waiting],
            delay_notice: DelayNotice::NotSent,
        }
    }
}

impl OwnedShard for MadeUp {
    fn new_id(&self) -> QueueId {
        QueueId::from_number(LETTERS + 1)
    }

    fn room_for(&self, _octets: u64) -> Result<(), AcceptError> {
        Ok(())
    }

    fn start_large(&self, _: QueueId) -> BoxFuture<'_, Result<Box<dyn LargeWriter>, AcceptError>> {
        Box::pin(async { Err(AcceptError::Full) })
    }

    fn accept(&self, messages: Vec<NewMessage>) -> BoxFuture<'_, Vec<Accept>> {
        let refuse = |_| Accept::Refused(AcceptError::Full);
        Box::pin(async move { messages.into_iter().map(refuse).collect() })
    }

    fn probe<'a>(&'a self, ids: &'a [QueueId]) -> BoxFuture<'a, Vec<Presence>> {
        Box::pin(async move { vec![Presence::Present; ids.len()] })
    }

    fn settle(&self, _outcomes: Vec<Outcome>) -> BoxFuture<'_, Result<(), Fenced>> {
        Box::pin(async { Ok(()) })
    }

    fn content(&self, _id: QueueId) -> BoxFuture<'_, Result<Bytes, ContentError>> {
        Box::pin(async { Ok(Bytes::from_static(b"Subject: s\r\n\r\n")) })
    }

    fn edit<'a>(&'a self, _: &'a Filter, _: Edit) -> BoxFuture<'a, Result<u64, Fenced>> {
        Box::pin(async { Ok(0) })
    }

    fn find<'a>(&'a self, filter: &'a Filter, from: Cursor, limit: usize) -> BoxFuture<'a, Page> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            if let Some(ids) = &filter.ids {
                let rows = ids.iter().map(|id| self.row(id.number())).collect();
                return Page { rows, next: None };
            }
            let first = from.0.map_or(1, |last| last + 1);
            let last = (first + limit as u64 - 1).min(LETTERS);
            let rows = (first..=last).map(|id| self.row(id)).collect();
            Page { rows, next: (last < LETTERS).then_some(Cursor(Some(last))) }
        })
    }

    fn visit<'a>(&'a self, _: &'a Filter, _: &'a mut Visitor<'_>) -> BoxFuture<'a, ()> {
        Box::pin(async {})
    }

    fn release(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

/// Names every host, and answers at none.
struct Nobody {
    started: Instant,
    first_try: Mutex<Option<Duration>>,
    tries: AtomicU64,
}

impl Resolver for Nobody {
    fn mx<'a>(&'a self, domain: &'a str) -> BoxFuture<'a, Result<Vec<Mx>, DnsError>> {
        Box::pin(async move { Ok(vec![Mx { preference: 10, host: domain.to_owned() }]) })
    }

    fn addresses<'a>(
        &'a self,
        _host: &'a str,
        _family: Family,
    ) -> BoxFuture<'a, Result<Vec<IpAddr>, DnsError>> {
        Box::pin(async { Ok(vec![IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1))]) })
    }
}

impl Network for Nobody {
    fn connect<'a>(
        &'a self,
        _place: &'a Place,
        _from: Option<IpAddr>,
    ) -> BoxFuture<'a, io::Result<Io>> {
        self.tries.fetch_add(1, Ordering::Relaxed);
        self.first_try.lock().unwrap().get_or_insert_with(|| self.started.elapsed());
        Box::pin(std::future::pending())
    }
}

/// Octets of memory that this process has now.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[tokio::main]
async fn main() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("postroad.toml");
    let text = format!(
        "data = \"{}\"\nhostname = \"mx.our.example\"\ndomains = [\"our.example\"]\n",
        dir.path().display()
    );
    std::fs::write(&file, text).unwrap();
    let config = postroad_config::load(&file).unwrap().config;
    let accounts = Accounts::open(Sources {
        users: config.accounts.users.clone(),
        aliases: config.accounts.aliases.clone(),
        app_passwords: config.accounts.app_passwords.clone(),
        domains: config.domains.clone(),
        detail_separator: '+',
    });
    let parts = Parts {
        hostname: config.hostname.clone(),
        config: Arc::new(config),
        shard: Arc::new(MadeUp { arrived: SystemTime::now() }),
        accounts: Arc::new(accounts.unwrap()),
        journal: Journal::none(),
        time: TimeSource::default(),
        chance: Chance::default(),
    };
    let (before, started) = (memory(), Instant::now());
    let nobody =
        Arc::new(Nobody { started, first_try: Mutex::default(), tries: AtomicU64::new(0) });
    let (resolver, network) = (Arc::clone(&nobody), Arc::clone(&nobody));
    let engine = Engine::start_with(parts, resolver, network).unwrap();
    let mut walked = None;
    while started.elapsed() < Duration::from_secs(60) {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let census = engine.census();
        let total = (census.letters + census.jobs) as u64;
        if walked.is_none() && total >= LETTERS {
            walked = Some(started.elapsed());
        }
        let octets = memory().saturating_sub(before);
        println!(
            "{:>3} s: {total} letters, {} destinations, {} connections, {} tries, {} MiB, {} octets a letter",
            started.elapsed().as_secs(),
            census.lanes,
            census.connections,
            nobody.tries.load(Ordering::Relaxed),
            octets >> 20,
            octets / LETTERS,
        );
    }
    println!(
        "first try after {:?}, all in backlogs after {walked:?}",
        nobody.first_try.lock().unwrap()
    );
}
