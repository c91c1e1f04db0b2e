//! Connections: how long they are used, and what domains with the same hosts share.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use postroad_mta::outbound::dns::BoxFuture;
use postroad_mta::outbound::network::{Network, Place};
use postroad_net::Io;
use tokio::time::{Instant, sleep};

use crate::peer::{Peer, Peers, good};
use crate::site::{Site, Table};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// So many domains, and a host of theirs at 192.0.2.1.
fn provider(domains: usize) -> (Vec<String>, Table) {
    let names: Vec<String> = (0..domains).map(|n| format!("d{n}.example")).collect();
    let table = names.iter().fold(Table::default(), |table, name| {
        let name: &'static str = Box::leak(name.clone().into_boxed_str());
        table.domain(name, &[(10, "mx.provider.example")])
    });
    (names, table.host("mx.provider.example", [192, 0, 2, 1]))
}

/// Counts the messages of each connection.
fn counting() -> (Peer, Arc<Mutex<Vec<usize>>>) {
    let counts = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&counts);
    let peer = Peer::new(move |command, connection| {
        let mut counts = log.lock().unwrap();
        if counts.len() <= connection {
            counts.resize(connection + 1, 0);
        }
        counts[connection] += usize::from(command == ".");
        Some(good(command))
    });
    (peer, counts)
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_closed_after_500_messages() {
    let (peer, counts) = counting();
    let more = "mta.deliveries_per_next_hop_max = 1";
    let site = Site::start(Peers::one(&peer), Table::one("third.example"), more);
    for _ in 0..1_100 {
        site.send("a@our.example", &["b@third.example"]).await;
    }
    site.until_empty().await;
    assert_eq!(*counts.lock().unwrap(), [500, 500, 100]);
    assert!(peer.count("QUIT") >= 2);
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_closed_after_five_minutes() {
    let (peer, counts) = counting();
    let site = Site::start(Peers::one(&peer), Table::one("third.example"), "");
    for _ in 0..200 {
        site.send("a@our.example", &["b@third.example"]).await;
        site.until_empty().await;
        sleep(3 * SECOND).await;
    }
    // 600 seconds, a letter each third of them.
    assert_eq!(*counts.lock().unwrap(), [101, 99]);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_domains_at_one_provider_share_its_connections() {
    let peer = Peer::good();
    let (names, table) = provider(1_000);
    let site = Site::start(Peers::one(&peer), table, "");
    for name in &names {
        site.send("a@our.example", &[&format!("r@{name}")]).await;
    }
    site.until_empty().await;
    assert_eq!(peer.messages(), 1_000);
    assert!(peer.count("CONNECT") <= 20, "{}", peer.count("CONNECT"));
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_work_is_taken_over_by_another_domain() {
    let (peer, counts) = counting();
    let (names, table) = provider(400);
    let site = Site::start(Peers::one(&peer), table, "");
    for name in &names {
        let sent = Instant::now();
        site.send("a@our.example", &[&format!("r@{name}")]).await;
        site.until_empty().await;
        assert!(sent.elapsed() < SECOND / 10, "{:?}", sent.elapsed());
        sleep(SECOND).await;
    }
    // As old as any other, whoever has it.
    assert_eq!(*counts.lock().unwrap(), [300, 100]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_broke_under_another_domain_costs_a_letter_nothing() {
    let peer = Peer::new(|command, connection| {
        Some(match (command, connection) {
            ("MAIL FROM:<second@our.example>", 0) => "421 4.3.2 enough\r\nCLOSE".into(),
            _ => good(command),
        })
    });
    let (names, table) = provider(3);
    let site = Site::start(Peers::one(&peer), table, "");
    for (from, name) in ["first", "second", "third"].iter().zip(&names) {
        let sent = Instant::now();
        site.send(&format!("{from}@our.example"), &[&format!("r@{name}")]).await;
        site.until_empty().await;
        assert!(sent.elapsed() < SECOND, "{:?}", sent.elapsed());
    }
    assert_eq!((peer.count("CONNECT"), peer.count("MAIL"), peer.messages()), (2, 4, 3));
}

#[tokio::test(start_paused = true)]
async fn other_terms_are_other_connections() {
    let peer = Peer::good();
    let (names, table) = provider(1);
    let more = crate::site::route("routed.example", "smtp://192.0.2.1");
    let site = Site::start(Peers::one(&peer), table, &more);
    for to in [&names[0], "routed.example", &names[0], "routed.example"] {
        site.send("a@our.example", &[&format!("r@{to}")]).await;
        site.until_empty().await;
    }
    assert_eq!((peer.count("CONNECT"), peer.messages()), (2, 4));
}

/// Packets to a host vanish until then, and each try is counted.
#[derive(Clone)]
struct Hole {
    peers: Peers,
    until: Instant,
    tries: Arc<AtomicUsize>,
}

impl Network for Hole {
    fn connect<'a>(
        &'a self,
        place: &'a Place,
        from: Option<std::net::IpAddr>,
    ) -> BoxFuture<'a, std::io::Result<Io>> {
        Box::pin(async move {
            if Instant::now() < self.until {
                self.tries.fetch_add(1, Ordering::Relaxed);
                return std::future::pending().await;
            }
            self.peers.connect(place, from).await
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_provider_is_left_alone_by_all_of_its_domains() {
    let peer = Peer::good();
    let (names, table) = provider(300);
    let hole =
        Hole { peers: Peers::one(&peer), until: Instant::now() + 24 * HOUR, tries: Arc::default() };
    let site = Site::start(hole.clone(), table, "");
    for name in &names {
        site.send("a@our.example", &[&format!("r@{name}")]).await;
    }
    sleep(24 * HOUR).await;
    let tries = hole.tries.load(Ordering::Relaxed);
    assert!((8..60).contains(&tries), "{tries} tries");
    let well = Instant::now();
    site.until_empty().await;
    assert!(well.elapsed() < 3 * HOUR, "{:?}", well.elapsed());
    assert_eq!(peer.messages(), 300);
}
