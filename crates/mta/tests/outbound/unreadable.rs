//! Messages that the queue's disk doesn't give (row F12).

use std::sync::Arc;
use std::time::Duration;

use postroad_mta::outbound::Obstacle;
use postroad_queue::spool::{QueueRow, RecipientState};
use tokio::time::sleep;

use crate::memory_shard::MemoryShard;
use crate::peer::{Peer, Peers};
use crate::site::{Site, Table, envelope};

const HOUR: Duration = Duration::from_secs(60 * 60);
const EIO: i32 = 5;
const EMFILE: i32 = 24;

/// A letter that the disk doesn't give, and five that it does.
async fn send(site: &Site, errno: i32) {
    let id = site.store(envelope("alice@our.example", &["b@third.example"])).await;
    site.shard.fail_at(Some((id, errno)));
    site.engine.submit(site.shard.row(id).unwrap(), None);
    for _ in 0..5 {
        site.send("alice@our.example", &["c@third.example"]).await;
    }
}

fn only_one_is_held(rows: &[QueueRow]) -> bool {
    matches!(rows, [row] if matches!(row.states[..], [RecipientState::Held { .. }]))
}

#[tokio::test(start_paused = true)]
async fn f12_what_cannot_be_read_is_held_and_the_rest_goes() {
    let (peer, local) = (Peer::good(), Peer::good());
    let site = Site::start(Peers::one(&peer).local(&local), Table::one("third.example"), "");
    send(&site, EIO).await;
    let started = tokio::time::Instant::now();
    site.until("it is held", only_one_is_held).await;
    assert!(started.elapsed() < HOUR, "{:?}", started.elapsed());
    assert_eq!((peer.messages(), local.messages()), (5, 0));
    let why = site.engine.why(site.shard.rows()[0].id).await;
    assert!(matches!(why[0].obstacle, Obstacle::Held), "{why:?}");
}

#[tokio::test(start_paused = true)]
async fn f12_what_cannot_be_read_when_it_is_given_up_is_held() {
    let local = Peer::good();
    // Nobody listens at the host that DNS names, so nothing is read before.
    let shard = Arc::<MemoryShard>::default();
    let (peers, table) = (Peers::default().local(&local), Table::one("third.example"));
    let site = Site::start_with(shard, peers, table, "[mta.retry]\ngive_up_after = \"12h\"\n");
    send(&site, EIO).await;
    site.until("it is held", only_one_is_held).await;
    assert_eq!(local.count("Action: failed"), 5);
}

#[tokio::test(start_paused = true)]
async fn f12_what_cannot_be_read_for_want_of_files_waits() {
    let peer = Peer::good();
    let site = Site::start(Peers::one(&peer), Table::one("third.example"), "");
    send(&site, EMFILE).await;
    sleep(HOUR).await;
    assert_eq!((peer.messages(), site.shard.rows().len()), (5, 1));
    site.shard.fail_at(None);
    site.until_empty().await;
    assert_eq!(peer.messages(), 6);
}
