//! What is under way or was just read while an operator changes routes or letters.

use std::sync::Arc;
use std::time::Duration;

use postroad_queue::spool::{Accept, Content, NewMessage, OwnedShard as _, RecipientState};
use tokio::time::sleep;

use crate::memory_shard::MemoryShard;
use crate::peer::{Peer, Peers};
use crate::site::{Site, Table, envelope};

const MINUTE: Duration = Duration::from_secs(60);

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
