//! A wall clock that is wrong, over restarts of the engine (rows F16 and Q06): no letter is given up before it
//! was tried for as long as it should be, and none is kept for ever.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use postroad_mta::outbound::{Chance, TimeSource};
use postroad_queue::ages::{Ages, MARK_INTERVAL};
use tokio::time::{Instant, sleep};

use crate::memory_shard::MemoryShard;
use crate::peer::{Peer, Peers, good};
use crate::site::{Site, Table};

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const TEN_YEARS: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
const GIVE_UP_AFTER: Duration = Duration::from_secs(5 * 24 * 60 * 60);
/// The longest wait, spread by a quarter.
const INTERVAL: Duration = Duration::from_secs(5 * 60 * 60);
/// Letters of [`Host::send`].
const LETTERS: usize = 11;

/// What outlives a restart, and what is around.
struct Host {
    shard: Arc<MemoryShard>,
    ages: Arc<Ages>,
    peers: Peers,
    local: Peer,
    began: Instant,
}

impl Host {
    /// The one host that answers puts everybody off; the other is dead.
    fn new() -> Self {
        let busy = Peer::new(|command, _| {
            Some(match command.starts_with("RCPT") {
                true => "451 4.7.1 come back later\r\n".into(),
                false => good(command),
            })
        });
        let local = Peer::good();
        let peers = Peers::one(&busy).local(&local);
        let (shard, ages) = Default::default();
        Self { shard, ages, peers, local, began: Instant::now() }
    }

    /// A start at which the wall clock says this.
    fn start(&self, wall: SystemTime) -> Site {
        let begun = Instant::now();
        let time = TimeSource {
            wall: Arc::new(move || wall + begun.elapsed()),
            ages: Arc::clone(&self.ages),
        };
        let table = Table::one("third.example").domain("dead.example", &[(10, "mx.dead.example")]);
        let table = table.host("mx.dead.example", [192, 0, 2, 9]);
        let nature = (time, Chance::default());
        Site::start_by(nature, Arc::clone(&self.shard), (self.peers.clone(), table), "")
    }

    /// One letter that is put off each time, and ten for the dead host, of which most are never tried.
    async fn send(&self, site: &Site) {
        site.send("alice@our.example", &["b@third.example"]).await;
        for n in 1..LETTERS {
            site.send("alice@our.example", &[&format!("r{n}@dead.example")]).await;
        }
    }

    async fn run(&self, wall: SystemTime, time: Duration) {
        let site = self.start(wall);
        sleep(time).await;
        site.engine.shutdown().await;
    }

    #[track_caller]
    fn nothing_is_given_up(&self, why: &str) {
        assert_eq!(self.local.count("Action: failed"), 0, "{why}");
        assert_eq!(self.shard.rows().len(), LETTERS, "{why}");
    }

    /// All are given up, after as long as that takes while we run.
    async fn all_are_given_up_in_time(&self, site: &Site, why: &str) {
        site.until_empty().await;
        assert_eq!(self.local.count("Action: failed"), LETTERS, "{why}");
        let took = self.began.elapsed();
        assert!(took + MARK_INTERVAL >= GIVE_UP_AFTER, "{why}: {took:?}");
        assert!(took <= GIVE_UP_AFTER + INTERVAL + 2 * MARK_INTERVAL, "{why}: {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn f16_q06_a_clock_that_jumps_at_a_restart_gives_nothing_up_and_keeps_nothing() {
    let now = SystemTime::now();
    for (why, wrong) in [
        ("ten years ahead", now + TEN_YEARS),
        ("eight days ahead", now + 8 * DAY),
        ("a day behind", now - DAY),
        ("ten years behind", now - TEN_YEARS),
        ("1970", SystemTime::UNIX_EPOCH),
    ] {
        let host = Host::new();
        let site = host.start(now);
        host.send(&site).await;
        sleep(6 * HOUR).await;
        site.engine.shutdown().await;
        host.nothing_is_given_up(why);
        // Nor at the start after that, for which the wrong clock is the one before.
        host.run(wrong, 6 * HOUR).await;
        host.nothing_is_given_up(why);
        host.run(wrong + 6 * HOUR, 6 * HOUR).await;
        host.nothing_is_given_up(why);
        let site = host.start(wrong + 12 * HOUR);
        host.all_are_given_up_in_time(&site, why).await;
    }
}

#[tokio::test(start_paused = true)]
async fn f16_q06_what_came_by_a_wrong_clock_ends_in_time_by_a_right_one() {
    let now = SystemTime::now();
    for (why, wrong) in [
        ("ten years ahead", now + TEN_YEARS),
        ("a day ahead", now + DAY),
        ("ten years behind", now - TEN_YEARS),
    ] {
        let host = Host::new();
        let site = host.start(wrong);
        host.send(&site).await;
        sleep(6 * HOUR).await;
        site.engine.shutdown().await;
        host.run(now + 6 * HOUR, 6 * HOUR).await;
        host.nothing_is_given_up(why);
        let site = host.start(now + 12 * HOUR);
        host.all_are_given_up_in_time(&site, why).await;
    }
}

#[tokio::test(start_paused = true)]
async fn f16_what_comes_while_the_clock_is_ahead_ends_in_time_without_a_restart() {
    let host = Host::new();
    let mut site = host.start(SystemTime::now());
    site.arrived += TEN_YEARS;
    host.send(&site).await;
    host.all_are_given_up_in_time(&site, "ahead").await;
}

#[tokio::test(start_paused = true)]
async fn f16_a_host_that_was_off_for_eight_days_tries_every_letter_again() {
    let now = SystemTime::now();
    let mut host = Host::new();
    let site = host.start(now);
    host.send(&site).await;
    sleep(HOUR).await;
    site.engine.shutdown().await;
    // Still nothing goes: that was one try.
    host.run(now + 8 * DAY, HOUR).await;
    host.nothing_is_given_up("eight days");
    let well = Peer::good();
    host.peers = Peers::one(&well).at("192.0.2.9:25", &well).local(&host.local);
    let site = host.start(now + 16 * DAY);
    site.until_empty().await;
    assert_eq!((well.messages(), host.local.count("Action: failed")), (LETTERS, 0));
}
