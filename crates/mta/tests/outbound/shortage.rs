//! A host that has no descriptor, no memory or no port left: the next hops are as good as before.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use postroad_config::Family;
use postroad_mta::outbound::Obstacle;
use postroad_mta::outbound::dns::{BoxFuture, DnsError, Mx, Resolver};
use postroad_mta::outbound::network::{Network, Place};
use postroad_net::Io;
use postroad_queue::spool::RecipientState;
use tokio::time::{Instant, sleep};

use crate::memory_shard::MemoryShard;
use crate::peer::{Peer, Peers, good};
use crate::site::{Site, Table, envelope};

const EMFILE: i32 = 24;
const SECOND: Duration = Duration::from_secs(1);

/// A host that can open nothing for a while.
#[derive(Clone)]
struct Short<T> {
    rest: T,
    from: Instant,
    until: Instant,
}

impl<T> Short<T> {
    /// From some seconds to some other ones from now.
    fn between(from: u32, until: u32, rest: T) -> Self {
        let now = Instant::now();
        Self { rest, from: now + from * SECOND, until: now + until * SECOND }
    }

    fn check(&self) -> io::Result<()> {
        match Instant::now() < self.from || Instant::now() >= self.until {
            true => Ok(()),
            false => Err(io::Error::from_raw_os_error(EMFILE)),
        }
    }
}

impl Network for Short<Peers> {
    fn connect<'a>(
        &'a self,
        place: &'a Place,
        from: Option<IpAddr>,
    ) -> BoxFuture<'a, io::Result<Io>> {
        Box::pin(async move {
            self.check()?;
            self.rest.connect(place, from).await
        })
    }
}

impl Resolver for Short<Table> {
    fn mx<'a>(&'a self, domain: &'a str) -> BoxFuture<'a, Result<Vec<Mx>, DnsError>> {
        Box::pin(async move {
            self.check().map_err(|error| DnsError::Shortage(error.to_string()))?;
            self.rest.mx(domain).await
        })
    }

    fn addresses<'a>(
        &'a self,
        host: &'a str,
        family: Family,
    ) -> BoxFuture<'a, Result<Vec<IpAddr>, DnsError>> {
        Box::pin(async move {
            self.check().map_err(|error| DnsError::Shortage(error.to_string()))?;
            Resolver::addresses(&self.rest, host, family).await
        })
    }
}

/// A letter waits out a shortage of 20 minutes, says why, and goes within five seconds of the repair as if it had
/// not been tried.
async fn check(site: Site, peer: &Peer) {
    let id = site.send("a@our.example", &["b@third.example"]).await;
    sleep(600 * SECOND).await;
    let why = site.engine.why(id).await;
    let [why] = why.as_slice() else { panic!("{why:?}") };
    assert!(
        matches!(&why.obstacle, Obstacle::Short(what) if what.contains("Too many open files")),
        "{why:?}"
    );
    assert_eq!((why.attempts, &why.last), (0, &None));
    sleep(600 * SECOND).await;
    assert_eq!(peer.messages(), 0);
    let repaired = Instant::now();
    site.until_empty().await;
    assert!(repaired.elapsed() < 5 * SECOND, "{:?}", repaired.elapsed());
    assert_eq!(peer.messages(), 1);
}

#[tokio::test(start_paused = true)]
async fn f08_no_descriptor_for_a_connection() {
    let peer = Peer::good();
    let network = Short::between(0, 1200, Peers::one(&peer));
    check(Site::start(network, Table::one("third.example"), ""), &peer).await;
}

#[tokio::test(start_paused = true)]
async fn f08_no_descriptor_for_dns() {
    let peer = Peer::good();
    let table = Short::between(0, 1200, Table::one("third.example"));
    check(Site::start_with(Arc::default(), Peers::one(&peer), table, ""), &peer).await;
}

#[tokio::test(start_paused = true)]
async fn f08_no_descriptor_for_the_content() {
    let (peer, shard) = (Peer::good(), Arc::<MemoryShard>::default());
    let table = Table::one("third.example");
    let site = Site::start_with(Arc::clone(&shard), Peers::one(&peer), table, "");
    let id = site.store(envelope("a@our.example", &["b@third.example"])).await;
    shard.fail_at(Some((id, EMFILE)));
    site.engine.refresh();
    sleep(600 * SECOND).await;
    let why = site.engine.why(id).await;
    assert!(matches!(&why[0].obstacle, Obstacle::Short(_)), "{why:?}");
    assert!(matches!(shard.rows()[0].states[0], RecipientState::Waiting { attempts: 0, .. }));
    shard.fail_at(None);
    let repaired = Instant::now();
    site.until_empty().await;
    assert!(repaired.elapsed() < 5 * SECOND, "{:?}", repaired.elapsed());
}

#[tokio::test(start_paused = true)]
async fn f08_an_open_connection_goes_on() {
    let peer = Peer::new(|command, _| {
        Some(match command {
            "." => "WAIT 1 250 2.0.0 queued\r\n".into(),
            _ => good(command),
        })
    });
    let network = Short::between(1, 1_000, Peers::one(&peer));
    let site = Site::start(network, Table::one("third.example"), "");
    site.send("a@our.example", &["b@third.example"]).await;
    peer.until_messages(1).await;
    for _ in 0..20 {
        site.send("a@our.example", &["b@third.example"]).await;
    }
    let sent = Instant::now();
    site.until_empty().await;
    assert!(sent.elapsed() < 30 * SECOND, "a letter a second: {:?}", sent.elapsed());
}

#[tokio::test(start_paused = true)] // Every letter ends.
async fn f08_a_shortage_without_end_is_no_reason_to_keep_a_letter_for_ever() {
    let local = Peer::good();
    let table = Short::between(0, 1_000_000, Table::one("third.example"));
    let peers = Peers::default().local(&local);
    let more = "[mta.retry]\nfirst = \"5m\"\ngive_up_after = \"1h\"\n";
    let site = Site::start_with(Arc::default(), peers, table, more);
    let sent = Instant::now();
    site.send("alice@our.example", &["b@third.example"]).await;
    site.until_empty().await;
    assert!((3_600..3_610).contains(&sent.elapsed().as_secs()), "{:?}", sent.elapsed());
    assert_eq!(local.count("Action: failed"), 1);
}
