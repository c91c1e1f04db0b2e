//! When a deferred message is tried again, and when it is given up (RFC 5321 §4.5.4.1).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use postroad_queue::spool::{Edit, Filter, OwnedShard as _, QueueRow, RecipientState};
use tokio::time::Instant;

use crate::peer::{Peer, Peers, good};
use crate::site::{Site, Table, route};

/// A peer that puts off every recipient, and the times at which it was asked.
fn greylisting(until: usize) -> (Peer, Arc<Mutex<Vec<Instant>>>) {
    let times = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&times);
    let peer = Peer::new(move |command, _| {
        if command.starts_with("RCPT") {
            let mut times = log.lock().unwrap();
            times.push(Instant::now());
            if times.len() <= until {
                return Some("451 4.7.1 come back later\r\n".into());
            }
        }
        Some(good(command))
    });
    (peer, times)
}

#[tokio::test(start_paused = true)]
async fn waits_grow_twofold_with_jitter_up_to_the_longest() {
    let (peer, times) = greylisting(8);
    let more = "[mta.retry]\nfirst = \"4m\"\nlongest = \"1h\"\n";
    let site = Site::start(Peers::one(&peer), Table::one("third.example"), more);
    site.send("a@our.example", &["b@third.example"]).await;
    site.until_empty().await;
    let times = times.lock().unwrap().clone();
    let minutes = [4, 8, 16, 32, 60, 60, 60, 60];
    assert_eq!(times.len(), minutes.len() + 1);
    for (pair, minutes) in times.windows(2).zip(minutes) {
        let (wait, wanted) = (pair[1] - pair[0], Duration::from_secs(minutes * 60));
        assert!(wait > wanted * 7 / 10 && wait < wanted * 13 / 10, "{wait:?} for {wanted:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_agent_of_this_host_is_tried_again_within_seconds() {
    let (agent, times) = greylisting(1);
    let more = route("socket.example", "lmtp+unix:///run/lmtp.sock");
    let peers = Peers::default().unix("/run/lmtp.sock", &agent);
    let site = Site::start(peers, Table::default(), &more);
    site.send("a@third.example", &["b@socket.example"]).await;
    site.until_empty().await;
    let times = times.lock().unwrap().clone();
    assert!(times[1] - times[0] < Duration::from_secs(10), "{times:?}");
}

#[tokio::test(start_paused = true)] // Tests RFC 5321 §4.5.4.1.
async fn given_up_after_days_and_the_sender_is_told_once_in_between() {
    let (peer, times) = greylisting(usize::MAX);
    let local = Peer::good();
    let peers = Peers::one(&peer).local(&local);
    let site = Site::start(peers, Table::one("third.example"), "");
    let started = Instant::now();
    site.send("alice@our.example", &["b@third.example"]).await;
    site.until_empty().await;
    assert!(started.elapsed() >= Duration::from_secs(5 * 24 * 60 * 60));
    assert!(times.lock().unwrap().len() > 20);
    assert_eq!(local.count("Subject: Your message is delayed"), 1);
    assert_eq!(local.count("Subject: Your message could not be delivered"), 1);
    assert_eq!(local.count("Status: 5.4.7"), 1);
}

#[tokio::test(start_paused = true)]
async fn q08_an_operator_holds_releases_and_deletes() {
    let (peer, times) = greylisting(1);
    let site = Site::start(Peers::one(&peer), Table::one("third.example"), "");
    let id = site.send("a@our.example", &["b@third.example"]).await;
    site.deferral().await;
    let only = Filter { ids: Some(vec![id]), ..Filter::default() };
    site.shard.edit(&only, Edit::Hold).await.unwrap();
    site.engine.refresh();
    tokio::time::sleep(Duration::from_secs(24 * 60 * 60)).await;
    assert_eq!(times.lock().unwrap().len(), 1, "a held message isn't tried");
    site.shard.edit(&only, Edit::Release).await.unwrap();
    site.engine.refresh();
    site.until_empty().await;
    assert_eq!(times.lock().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn q08_what_waits_for_a_host_that_is_down_can_still_be_held() {
    let silent = Peer::new(|_, _| None);
    let more = "mta.deliveries_per_next_hop_max = 1";
    let site = Site::start(Peers::one(&silent), Table::one("third.example"), more);
    site.send("a@our.example", &["b@third.example"]).await;
    let second = site.send("a@our.example", &["c@third.example"]).await;
    let only = Filter { ids: Some(vec![second]), ..Filter::default() };
    site.shard.edit(&only, Edit::Hold).await.unwrap();
    site.engine.refresh();
    tokio::time::sleep(Duration::from_secs(24 * 60 * 60)).await;
    let held = |row: &&QueueRow| matches!(row.states[0], RecipientState::Held { .. });
    assert_eq!(site.shard.rows().iter().filter(held).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn q10_a_panic_wedges_neither_its_message_nor_its_lane() {
    let peer = Peer::good();
    let more = "mta.deliveries_per_next_hop_max = 1";
    let site = Site::start(Peers::one(&peer), Table::one("third.example"), more);
    site.shard.panics.store(true, std::sync::atomic::Ordering::Relaxed);
    for _ in 0..3 {
        site.send("a@our.example", &["b@third.example"]).await;
    }
    assert!(site.deferral().await.contains("panicked"));
    site.until_empty().await;
    // Its outcome was lost with it, so the first one went twice.
    assert_eq!(peer.messages(), 4);
}

#[tokio::test(start_paused = true)] // Tests row F16.
async fn what_arrives_by_a_wall_clock_that_is_ahead_goes_at_once() {
    let peer = Peer::good();
    let mut site = Site::start(Peers::one(&peer), Table::one("third.example"), "");
    site.arrived += Duration::from_secs(8 * 60 * 60);
    let started = Instant::now();
    site.send("a@our.example", &["b@third.example"]).await;
    site.until_empty().await;
    assert!(started.elapsed() < Duration::from_secs(60));
}
