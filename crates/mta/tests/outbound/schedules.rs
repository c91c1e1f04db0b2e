//! Each destination by itself: what one does, or how much waits for it, delays no other (row F19).

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use postroad_config::Family;
use postroad_mta::outbound::Obstacle;
use postroad_mta::outbound::dns::{BoxFuture, DnsError, Mx, Resolver};
use postroad_mta::outbound::network::{Network, Place};
use postroad_net::Io;
use postroad_protocol::address::Domain;
use postroad_queue::spool::{QueueRow, RecipientState};
use tokio::time::{Instant, sleep};

use crate::memory_shard::MemoryShard;
use crate::peer::{Peer, Peers, good};
use crate::site::{Site, Table, envelope, route};

const HOUR: Duration = Duration::from_secs(60 * 60);
const SECOND: Duration = Duration::from_secs(1);

/// `third.example` is at 192.0.2.1, and all other domains at an address where nobody answers.
#[derive(Clone, Default)]
struct Silence {
    peers: Peers,
    tries: Arc<AtomicUsize>,
    /// Until then DNS answers nothing.
    named_from: Option<Instant>,
}

impl Resolver for Silence {
    fn mx<'a>(&'a self, domain: &'a str) -> BoxFuture<'a, Result<Vec<Mx>, DnsError>> {
        let unnamed = self.named_from.is_some_and(|from| Instant::now() < from);
        Box::pin(async move {
            match unnamed {
                true => Err(DnsError::Temporary("SERVFAIL".to_owned())),
                false => Ok(vec![Mx { preference: 10, host: format!("mx.{domain}") }]),
            }
        })
    }

    fn addresses<'a>(
        &'a self,
        host: &'a str,
        _family: Family,
    ) -> BoxFuture<'a, Result<Vec<IpAddr>, DnsError>> {
        let answers = self.named_from.is_some() || host == "mx.third.example";
        let ip = if answers { [192, 0, 2, 1] } else { [203, 0, 113, 1] };
        Box::pin(async move { Ok(vec![IpAddr::V4(Ipv4Addr::from(ip))]) })
    }
}

impl Network for Silence {
    fn connect<'a>(
        &'a self,
        place: &'a Place,
        from: Option<IpAddr>,
    ) -> BoxFuture<'a, io::Result<Io>> {
        Box::pin(async move {
            if *place == Place::Tcp(([203, 0, 113, 1], 25).into()) {
                self.tries.fetch_add(1, Ordering::Relaxed);
                return std::future::pending().await;
            }
            self.peers.connect(place, from).await
        })
    }
}

fn silence(peer: &Peer) -> Silence {
    Silence { peers: Peers::one(peer), ..Silence::default() }
}

fn start(silence: &Silence, more: &str) -> Site {
    Site::start_with(Arc::default(), silence.clone(), silence.clone(), more)
}

/// How long a letter to `third.example` takes.
async fn letter_elsewhere(site: &Site, peer: &Peer) -> Duration {
    let (sent, before) = (Instant::now(), peer.messages());
    site.send("carol@our.example", &["x@third.example"]).await;
    peer.until_messages(before + 1).await;
    sent.elapsed()
}

#[tokio::test(start_paused = true)]
async fn f19_a_long_backlog_for_a_black_hole_delays_nobody() {
    let peer = Peer::good();
    let site = start(&silence(&peer), "mta.deliveries_max = 20");
    for n in 0..3_000 {
        site.send("bob@our.example", &[&format!("r{n}@hole.example")]).await;
        if n % 500 == 0 {
            assert!(letter_elsewhere(&site, &peer).await < SECOND);
        }
    }
    for _ in 0..10 {
        sleep(HOUR / 3).await;
        assert!(letter_elsewhere(&site, &peer).await < SECOND);
    }
}

#[tokio::test(start_paused = true)]
async fn f19_dead_destinations_leave_room_for_living_ones() {
    let peer = Peer::good();
    let site = start(&silence(&peer), "mta.deliveries_max = 10");
    for n in 0..500 {
        site.send("bob@our.example", &[&format!("r@hole{n}.example")]).await;
    }
    // Each of them was found slow; from now on they have half of the connections.
    sleep(5 * 60 * SECOND).await;
    for _ in 0..50 {
        sleep(60 * SECOND).await;
        assert!(letter_elsewhere(&site, &peer).await < SECOND);
    }
    assert!(site.engine.census().connections <= 10);
}

/// A greeting that is late once, while the dead have all the connections that the slow may have, doesn't put
/// a living host behind them all.
#[tokio::test(start_paused = true)]
async fn f19_a_host_that_was_slow_once_does_not_wait_with_the_dead() {
    let peer = Peer::new(|command, connection| {
        Some(match (command, connection) {
            ("CONNECT", 0) => format!("WAIT 3 {}", good(command)),
            _ => good(command),
        })
    });
    let site = start(&silence(&peer), "mta.deliveries_max = 10");
    for n in 0..500 {
        site.send("bob@our.example", &[&format!("r@hole{n}.example")]).await;
    }
    sleep(10 * SECOND).await;
    let sent = Instant::now();
    let id = site.send("carol@our.example", &["x@third.example"]).await;
    let mut crowded = false;
    while peer.messages() == 0 {
        sleep(SECOND).await;
        let why = site.engine.why(id).await;
        crowded |= why.iter().any(|why| why.obstacle == Obstacle::Crowded);
        assert!(sent.elapsed() < 10 * 60 * SECOND, "{why:?}");
    }
    assert!(crowded, "it was in the crowd");
}

#[tokio::test(start_paused = true)]
async fn f19_a_message_to_very_many_lets_others_pass() {
    let peer = Peer::new(|command, _| {
        Some(match command {
            "." => "WAIT 1 250 2.0.0 queued\r\n".into(),
            _ => good(command),
        })
    });
    let more = "mta.deliveries_per_next_hop_max = 1";
    let site = Site::start(Peers::one(&peer), Table::one("third.example"), more);
    let names: Vec<String> = (0..10_000).map(|n| format!("r{n}@third.example")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    site.send("list@our.example", &names).await;
    peer.until_messages(3).await;
    // Each transaction takes a second. The one that is under way ends first, and no other.
    for _ in 0..5 {
        assert!(letter_elsewhere(&site, &peer).await - SECOND <= SECOND);
    }
    site.until_empty().await;
    assert_eq!((peer.count("RCPT"), peer.count("MAIL")), (10_005, 105));
}

#[tokio::test(start_paused = true)]
async fn senders_take_turns() {
    let peer = Peer::new(|command, _| {
        Some(match command {
            "." => "WAIT 1 250 2.0.0 queued\r\n".into(),
            _ => good(command),
        })
    });
    let more = "mta.deliveries_per_next_hop_max = 1";
    let site = Site::start(Peers::one(&peer), Table::one("third.example"), more);
    for _ in 0..800 {
        site.send("bob@our.example", &["b@third.example"]).await;
    }
    peer.until_messages(5).await;
    for _ in 0..3 {
        site.send("carol@our.example", &["c@third.example"]).await;
    }
    peer.until_messages(15).await;
    assert_eq!(peer.count("MAIL FROM:<carol@our.example>"), 3);
    site.until_empty().await;
    assert_eq!(peer.messages(), 803);
}

#[tokio::test(start_paused = true)]
async fn domains_that_share_hosts_share_connections() {
    let peer = Peer::new(|command, _| {
        Some(match command {
            "." => "WAIT 1 250 2.0.0 queued\r\n".into(),
            _ => good(command),
        })
    });
    const DOMAINS: [&str; 6] = ["a.test", "b.test", "c.test", "d.test", "e.test", "f.test"];
    let table = DOMAINS
        .iter()
        .fold(Table::default(), |table, domain| table.domain(domain, &[(10, "mx.third.example")]));
    let table = table.host("mx.third.example", [192, 0, 2, 1]);
    let site = Site::start(Peers::one(&peer), table, "mta.deliveries_per_next_hop_max = 2");
    let sent = Instant::now();
    for n in 0..120 {
        site.send("a@our.example", &[&format!("r@{}", DOMAINS[n % DOMAINS.len()])]).await;
    }
    site.until_empty().await;
    assert!(sent.elapsed() >= 60 * SECOND, "two at a time, a second each: {:?}", sent.elapsed());
    assert!(sent.elapsed() < 90 * SECOND, "{:?}", sent.elapsed());
}

#[tokio::test(start_paused = true)]
async fn connections_are_earned_by_success() {
    let peer = Peer::new(|command, _| {
        Some(match command {
            "." => "WAIT 10 250 2.0.0 queued\r\n".into(),
            _ => good(command),
        })
    });
    let site = Site::start(Peers::one(&peer), Table::one("third.example"), "");
    for _ in 0..200 {
        site.send("a@our.example", &["b@third.example"]).await;
    }
    sleep(5 * SECOND).await;
    assert_eq!(peer.count("CONNECT"), 5);
    sleep(10 * SECOND).await;
    assert!((6..=10).contains(&peer.count("CONNECT")), "{}", peer.count("CONNECT"));
    site.until_empty().await;
    assert!((15..=20).contains(&peer.count("CONNECT")), "{}", peer.count("CONNECT"));
}

#[tokio::test(start_paused = true)]
async fn a_dead_next_hop_is_left_alone_as_a_whole() {
    let silence = silence(&Peer::good());
    let site = start(&silence, "");
    for n in 0..500 {
        site.send("bob@our.example", &[&format!("r{n}@hole.example")]).await;
    }
    sleep(24 * HOUR).await;
    // 5, 10, 20, 40 minutes, then an hour each, not for each letter.
    let tries = silence.tries.load(Ordering::Relaxed);
    assert!((8..40).contains(&tries), "{tries} tries");
    let rows = site.shard.rows();
    let untried = |state: &RecipientState| {
        matches!(state, RecipientState::Waiting { attempts: 0, last: None, .. })
    };
    let untried = rows.iter().filter(|row| row.states.iter().all(untried)).count();
    assert!(untried > 400, "what wasn't tried says so: {untried}");
    let mut why = site.engine.why(rows[300].id).await;
    for _ in 0..10 {
        if !matches!(why[0].obstacle, Obstacle::Busy { .. }) {
            break;
        }
        sleep(60 * SECOND).await; // A try is under way just now.
        why = site.engine.why(rows[300].id).await;
    }
    let [why] = why.as_slice() else { panic!("{why:?}") };
    assert_eq!(why.next_hop, "hole.example");
    assert!(
        matches!(&why.obstacle, Obstacle::BackingOff { failures, last, .. }
            if *failures >= 8 && last.to_string().contains("no answer in time")),
        "{why:?}"
    );
    let domain = Domain::parse("hole.example").unwrap();
    let (until, failure) = site.engine.left_alone(&domain).unwrap();
    assert_eq!(Some(until), why.next_attempt, "lists and `why` say the same");
    assert!(failure.to_string().contains("no answer in time"), "{failure}");
    // An operator doesn't have to wait.
    site.shard.retry_all(site.engine.arrival());
    site.engine.retry();
    sleep(60 * SECOND).await;
    assert!(silence.tries.load(Ordering::Relaxed) > tries);
}

#[tokio::test(start_paused = true)]
async fn looking_whether_a_host_is_back_makes_no_letter_wait_longer() {
    let silence = silence(&Peer::good());
    let site = start(&silence, "");
    let id = site.send("bob@our.example", &["r@hole.example"]).await;
    for _ in 0..6 {
        sleep(120 * SECOND).await;
        site.shard.retry_all(site.engine.arrival());
        site.engine.retry();
    }
    sleep(120 * SECOND).await;
    let why = site.engine.why(id).await;
    let Obstacle::BackingOff { until, failures, .. } = why[0].obstacle else { panic!("{why:?}") };
    assert!(failures >= 6, "{failures}");
    let pause = until.duration_since(site.engine.arrival()).unwrap();
    assert!(pause < 30 * 60 * SECOND, "{pause:?} after {failures} failures");
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_dead_next_hop_is_given_up_in_time_and_told_of() {
    let local = Peer::good();
    let mut silence = silence(&Peer::good());
    silence.peers = silence.peers.local(&local);
    let site = start(&silence, "");
    for n in 0..250 {
        site.send("alice@our.example", &[&format!("r{n}@hole.example")]).await;
    }
    let sent = Instant::now();
    site.until_empty().await;
    assert_eq!(local.count("Action: delayed"), 250);
    assert_eq!(local.count("Action: failed"), 250);
    assert!(sent.elapsed() < 5 * 24 * HOUR + 5 * HOUR, "{:?}", sent.elapsed());
}

#[tokio::test(start_paused = true)]
async fn f17_a_day_without_dns_is_over_within_two_waits() {
    let peer = Peer::good();
    let mut silence = silence(&peer);
    silence.named_from = Some(Instant::now() + 24 * HOUR);
    let site = start(&silence, "");
    for n in 0..60 {
        site.send("bob@our.example", &[&format!("r@d{n}.example")]).await;
    }
    sleep(24 * HOUR).await;
    assert_eq!(site.shard.rows().len(), 60, "temporary trouble never becomes a bounce");
    let well = Instant::now();
    site.until_empty().await;
    assert!(well.elapsed() < 10 * HOUR, "{:?}", well.elapsed());
    assert_eq!(peer.messages(), 60);
}

#[tokio::test(start_paused = true)]
async fn q07_a_delivery_under_way_at_the_give_up_time_counts() {
    let (peer, local) = (
        Peer::new(|command, connection| {
            Some(match (command, connection) {
                ("DATA", 0) => "451 4.3.0 not now\r\n".into(),
                // Long after the message is too old.
                (".", 1) => "WAIT 500 250 2.0.0 queued\r\n".into(),
                _ => good(command),
            })
        }),
        Peer::good(),
    );
    let more = "[mta.retry]\nfirst = \"5m\"\ngive_up_after = \"8m\"\n";
    let peers = Peers::one(&peer).local(&local);
    let site = Site::start(peers, Table::one("third.example"), more);
    site.send("alice@our.example", &["b@third.example"]).await;
    site.until_empty().await;
    sleep(HOUR).await;
    assert_eq!((peer.messages(), local.messages()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn q10_a_message_that_panics_each_time_is_held() {
    let (peer, shard) = (Peer::good(), Arc::<MemoryShard>::default());
    let table = Table::one("third.example");
    let site = Site::start_with(Arc::clone(&shard), Peers::one(&peer), table, "");
    let id = site.store(envelope("a@our.example", &["b@third.example"])).await;
    shard.poison(id);
    site.engine.submit(shard.row(id).unwrap(), None);
    for _ in 0..5 {
        site.send("a@our.example", &["c@third.example"]).await;
    }
    site.until("it is held", |rows| {
        matches!(rows, [row] if matches!(row.states[..], [RecipientState::Held { attempts: 3 }]))
    })
    .await;
    assert_eq!(peer.messages(), 5);
    let why = site.engine.why(id).await;
    assert!(matches!(why[0].obstacle, Obstacle::Held), "{why:?}");
}

#[tokio::test(start_paused = true)]
async fn q10_a_panic_over_one_letter_keeps_no_other_from_its_end() {
    let local = Peer::good();
    let mut silence = silence(&Peer::good());
    silence.peers = silence.peers.local(&local);
    let site = start(&silence, "");
    for n in 0..250 {
        let id = site.send("alice@our.example", &[&format!("r{n}@hole.example")]).await;
        if n == 10 {
            site.shard.poison(id);
        }
    }
    let sent = Instant::now();
    let held = |row: &QueueRow| matches!(row.states[..], [RecipientState::Held { .. }]);
    site.until("all others have ended", |rows| rows.len() == 1 && held(&rows[0])).await;
    assert!(sent.elapsed() < 5 * 24 * HOUR + 5 * HOUR, "{:?}", sent.elapsed());
    assert_eq!(local.count("Action: delayed"), 249);
    assert_eq!(local.count("Action: failed"), 249);
}

#[tokio::test(start_paused = true)]
async fn a_reload_sends_what_waits_another_way() {
    let (peer, relay) = (Peer::good(), Peer::good());
    let mut silence = silence(&peer);
    silence.peers = silence.peers.at("198.51.100.1:2525", &relay);
    let site = start(&silence, "");
    for n in 0..20 {
        site.send("bob@our.example", &[&format!("r{n}@hole.example")]).await;
    }
    sleep(HOUR).await;
    assert_eq!(site.engine.next_hop(&"hole.example".parse().unwrap()), "hole.example");
    site.reload(&route("*", "smtp://198.51.100.1:2525"));
    let reloaded = Instant::now();
    site.until_empty().await;
    assert_eq!(relay.messages(), 20);
    // The one that had been tried keeps its own time.
    assert!(reloaded.elapsed() < 2 * HOUR, "{:?}", reloaded.elapsed());
}
