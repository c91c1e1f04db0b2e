//! What is under way or was just read while an operator changes routes or letters.

use std::sync::Arc;
use std::time::Duration;

use postroad_mta::outbound::Obstacle;
use postroad_queue::spool::{
    Accept, Content, NewMessage, OwnedShard as _, QueueRow, RecipientState,
};
use tokio::time::{Instant, sleep};

use crate::memory_shard::MemoryShard;
use crate::peer::{Peer, Peers, good};
use crate::site::{Site, Table, envelope, route};

const MINUTE: Duration = Duration::from_secs(60);

/// Answers the end of data with this.
fn answering(at_the_end: &'static str) -> Peer {
    Peer::new(move |command, _| {
        Some(match command {
            "." => at_the_end.to_owned(),
            _ => good(command),
        })
    })
}

/// A letter is under way by DNS to a peer that takes half a minute to say this, when a route is added: how
/// many times the peer and the route's next hop got it.
async fn delivered_across_a_reload(at_the_end: &'static str) -> (usize, usize) {
    let (slow, relay) = (answering(at_the_end), Peer::good());
    let peers = Peers::one(&slow).at("198.51.100.1:2525", &relay);
    let site = Site::start(peers, Table::one("third.example"), "");
    let id = site.send("a@our.example", &["b@third.example"]).await;
    slow.until_messages(1).await;
    site.reload(&route("*", "smtp://198.51.100.1:2525"));
    sleep(MINUTE / 6).await;
    let why = site.engine.why(id).await;
    assert_eq!(why[0].obstacle, Obstacle::UnderWay, "{why:?}");
    site.until_empty().await;
    sleep(MINUTE).await;
    (slow.messages(), relay.messages())
}

#[tokio::test(start_paused = true)] // Invariant 3.
async fn what_is_under_way_goes_no_second_way() {
    assert_eq!(delivered_across_a_reload("WAIT 30 250 2.0.0 queued\r\n").await, (1, 0));
    assert_eq!(delivered_across_a_reload("WAIT 30 451 4.3.0 not now\r\n").await, (1, 1));
}

#[tokio::test(start_paused = true)] // Invariant 3.
async fn what_was_under_way_isnt_sent_by_whoever_read_it_before_it_ended() {
    for seconds in (5..100).step_by(5) {
        let slow =
            answering(Box::leak(format!("WAIT {seconds} 250 2.0.0 Ok\r\n").into_boxed_str()));
        let relay = answering("WAIT 1 250 2.0.0 queued\r\n");
        // Nobody listens at the host of `down.example`, so the first letter stays in the queue.
        let table = Table::one("third.example")
            .domain("down.example", &[(10, "mx.down.example")])
            .host("mx.down.example", [192, 0, 2, 9]);
        let peers = Peers::one(&slow).at("198.51.100.1:2525", &relay);
        let more = "mta.deliveries_per_next_hop_max = 1\n";
        let site = Site::start(peers, table, more);
        site.send("a@our.example", &["b@third.example", "c@down.example"]).await;
        for _ in 0..70 {
            site.send("a@our.example", &["b@third.example"]).await;
        }
        slow.until_messages(1).await;
        site.reload(&format!("{more}{}", route("third.example", "smtp://198.51.100.1:2525")));
        let done = |row: &QueueRow| row.states[0] == RecipientState::Done;
        site.until("all is delivered", |rows| rows.len() == 1 && done(&rows[0])).await;
        sleep(2 * MINUTE).await;
        assert_eq!((slow.messages(), relay.messages()), (1, 70), "{seconds} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_busy_worker_follows_its_route() {
    let (old, new) = (answering("WAIT 1 250 2.0.0 queued\r\n"), Peer::good());
    let peers = Peers::default().at("198.51.100.1:25", &old).at("198.51.100.2:25", &new);
    let more = "mta.deliveries_per_next_hop_max = 1\n";
    let at = |host: &str| format!("{more}{}", route("*", &format!("smtp://{host}")));
    let site = Site::start(peers, Table::default(), &at("198.51.100.1"));
    for _ in 0..20 {
        site.send("a@our.example", &["b@third.example"]).await;
    }
    old.until_messages(3).await;
    site.reload(&at("198.51.100.2"));
    site.until_empty().await;
    assert_eq!((old.messages(), new.messages()), (3, 17), "only what was under way");
    // A connection that waits for work is no reason to go on with it.
    site.reload(&at("198.51.100.1"));
    site.send("a@our.example", &["b@third.example"]).await;
    site.until_empty().await;
    assert_eq!((old.messages(), new.messages()), (4, 17));
}

#[tokio::test(start_paused = true)]
async fn a_busy_worker_follows_the_terms_of_its_route() {
    let peer = answering("WAIT 1 250 2.0.0 queued\r\n"); // It offers no TLS.
    let hop = format!("mta.deliveries_per_next_hop_max = 1\n{}", route("*", "smtp://192.0.2.1"));
    let site = Site::start(Peers::one(&peer), Table::default(), &hop);
    for _ in 0..20 {
        site.send("a@our.example", &["b@third.example"]).await;
    }
    peer.until_messages(3).await;
    site.reload(&format!("{hop}tls = \"required\"\n"));
    sleep(MINUTE).await;
    assert_eq!(peer.messages(), 3, "nothing goes in clear any more");
}

#[tokio::test(start_paused = true)]
async fn another_next_hop_isnt_blamed_for_the_one_before() {
    let peer = Peer::good();
    let at = |host: &str| route("*", &format!("smtp://{host}"));
    let site = Site::start(Peers::one(&peer), Table::default(), &at("198.51.100.9"));
    site.send("a@our.example", &["b@third.example"]).await;
    site.deferral().await;
    site.reload(&at("192.0.2.1"));
    let sent = Instant::now();
    site.send("a@our.example", &["c@third.example"]).await;
    peer.until_messages(1).await;
    assert!(sent.elapsed() < MINUTE, "{:?}", sent.elapsed());
}

/// A queue with one message, which nobody was told of.
async fn one_letter() -> (Arc<MemoryShard>, postroad_queue::spool::QueueId) {
    let shard = Arc::<MemoryShard>::default();
    let id = shard.new_id();
    let message = NewMessage {
        id,
        arrived: std::time::SystemTime::now(),
        envelope: envelope("a@our.example", &["b@third.example"]),
        content: Content::Memory("Subject: s\r\n\r\n".into()),
    };
    assert!(matches!(shard.accept(vec![message]).await[..], [Accept::Stored]));
    (shard, id)
}

const HELD: RecipientState = RecipientState::Held { attempts: 0 };

#[tokio::test(start_paused = true)]
async fn q08_a_hold_while_the_letter_is_read_holds_it() {
    let (peer, (shard, id)) = (Peer::good(), one_letter().await);
    let site =
        Site::start_with(Arc::clone(&shard), Peers::one(&peer), Table::one("third.example"), "");
    let engine = site.engine.clone();
    shard.on_read(
        || {},
        move |shard| {
            shard.set(id, HELD);
            engine.refresh();
        },
    );
    sleep(MINUTE).await;
    assert_eq!((peer.messages(), shard.rows().len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn q08_a_hold_before_the_letter_was_handed_over_holds_it() {
    let (peer, (shard, id)) = (Peer::good(), one_letter().await);
    let row = shard.row(id).unwrap();
    shard.set(id, HELD);
    let site =
        Site::start_with(Arc::clone(&shard), Peers::one(&peer), Table::one("third.example"), "");
    site.engine.refresh();
    site.engine.submit(row, None);
    sleep(MINUTE).await;
    assert_eq!((peer.messages(), shard.rows().len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn q08_a_release_while_the_letter_is_read_isnt_lost() {
    let (peer, (shard, id)) = (Peer::good(), one_letter().await);
    let site =
        Site::start_with(Arc::clone(&shard), Peers::one(&peer), Table::one("third.example"), "");
    let (engine, arrived) = (site.engine.clone(), site.arrived);
    let before = Arc::clone(&shard);
    shard.on_read(
        move || before.set(id, HELD),
        move |shard| {
            shard.set(id, RecipientState::Waiting { attempts: 0, due: arrived, last: None });
            engine.refresh();
        },
    );
    sleep(MINUTE).await;
    assert_eq!(peer.messages(), 1);
}
