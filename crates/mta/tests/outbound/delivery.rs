//! Messages that arrive.

use crate::peer::{Peer, good};
use crate::site::{Site, Table, route};

#[tokio::test(start_paused = true)]
async fn a_message_goes_to_the_host_that_dns_names() {
    let peer = Peer::good().await;
    let site = Site::start(peer.port(), Table::one("third.example"), "");
    site.send("a@our.example", &["b@third.example", "c@third.example"]).await;
    site.until_empty().await;
    assert_eq!(
        peer.heard(),
        [
            "CONNECT",
            "EHLO our.example",
            "MAIL FROM:<a@our.example>",
            "RCPT TO:<b@third.example>",
            "RCPT TO:<c@third.example>",
            "DATA",
            "Subject: s",
            "",
            "..Body",
            "."
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn many_messages_share_a_connection() {
    let peer = Peer::good().await;
    let more = "mta.deliveries_per_next_hop_max = 1";
    let site = Site::start(peer.port(), Table::one("third.example"), more);
    for _ in 0..50 {
        site.send("a@our.example", &["b@third.example"]).await;
    }
    site.until_empty().await;
    assert_eq!((peer.count("CONNECT"), peer.count("MAIL")), (1, 50));
}

#[tokio::test(start_paused = true)]
async fn connections_to_one_next_hop_are_limited() {
    let peer = Peer::good().await;
    let more = "mta.deliveries_per_next_hop_max = 3";
    let site = Site::start(peer.port(), Table::one("third.example"), more);
    for _ in 0..50 {
        site.send("a@our.example", &["b@third.example"]).await;
    }
    site.until_empty().await;
    assert!(peer.count("CONNECT") <= 3, "{}", peer.count("CONNECT"));
    assert_eq!(peer.count("MAIL"), 50);
}

#[tokio::test(start_paused = true)] // Tests RFC 2033 §4.2.
async fn local_mail_goes_over_lmtp() {
    let peer = Peer::start(|command, _| {
        Some(match command {
            "." => "250 2.0.0 b has it\r\n250 2.0.0 c has it\r\n".into(),
            _ => good(command),
        })
    })
    .await;
    let more = route("local", &format!("lmtp://{}", peer.address));
    let site = Site::start(1, Table::default(), &more);
    site.send("x@third.example", &["b@our.example", "c@our.example"]).await;
    site.until_empty().await;
    assert_eq!(peer.count("LHLO our.example"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_route_overrides_dns_and_each_destination_gets_its_recipients() {
    let (routed, by_dns) = (Peer::good().await, Peer::good().await);
    let more = route(".example", &format!("smtp://{}", routed.address));
    let table = Table::one("third.test");
    let site = Site::start(by_dns.port(), table, &more);
    site.send("a@our.example", &["b@x.example", "c@third.test", "d@y.example"]).await;
    site.until_empty().await;
    assert_eq!((routed.count("RCPT"), by_dns.count("RCPT")), (2, 1));
}

#[tokio::test(start_paused = true)] // Tests RFC 5321 §5.1.
async fn the_next_host_is_tried_where_the_first_is_down_or_busy() {
    let busy = Peer::start(|command, _| {
        Some(match command {
            "CONNECT" => "421 4.3.2 too busy\r\nCLOSE".into(),
            _ => good(command),
        })
    })
    .await;
    let backup = Peer::at(format!("127.0.0.2:{}", busy.port()).parse().unwrap(), |command, _| {
        Some(good(command))
    })
    .await;
    // Nobody listens at 127.0.0.3.
    let table = Table::default()
        .domain("third.example", &[(20, "two.example"), (5, "down.example"), (10, "one.example")])
        .host("down.example", [127, 0, 0, 3])
        .host("one.example", [127, 0, 0, 1])
        .host("two.example", [127, 0, 0, 2]);
    let site = Site::start(busy.port(), table, "");
    site.send("a@our.example", &["b@third.example"]).await;
    site.until_empty().await;
    assert_eq!((busy.count("CONNECT"), backup.count("MAIL")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_was_closed_while_idle_costs_nothing() {
    let peer = Peer::start(|command, connection| {
        Some(match (command, connection) {
            // The first connection is closed right behind its first message.
            (".", 0) => "250 2.0.0 queued\r\nCLOSE".into(),
            _ => good(command),
        })
    })
    .await;
    let more = "mta.deliveries_per_next_hop_max = 1";
    let site = Site::start(peer.port(), Table::one("third.example"), more);
    for _ in 0..3 {
        site.send("a@our.example", &["b@third.example"]).await;
    }
    site.until_empty().await;
    assert_eq!((peer.count("CONNECT"), peer.count(".")), (2, 3 + peer.count("..")));
}

#[tokio::test(start_paused = true)] // Tests RFC 9422 §4.1 and §4.2.
async fn limits_that_the_peer_names_are_kept() {
    let peer = Peer::start(|command, _| {
        Some(match command {
            "EHLO our.example" => "250-mx\r\n250 LIMITS RCPTMAX=2 MAILMAX=2\r\n".into(),
            _ => good(command),
        })
    })
    .await;
    let site = Site::start(peer.port(), Table::one("third.example"), "");
    let names: Vec<String> = (0..5).map(|n| format!("r{n}@third.example")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    site.send("a@our.example", &names).await;
    site.until_empty().await;
    assert_eq!((peer.count("RCPT"), peer.count("MAIL"), peer.count("CONNECT")), (5, 3, 2));
}

#[tokio::test(start_paused = true)]
async fn what_was_queued_before_the_start_is_delivered() {
    let peer = Peer::good().await;
    let first = Site::start(1, Table::one("third.example"), "");
    // Nobody listens there: it stays.
    first.send("a@our.example", &["b@third.example"]).await;
    first.deferral().await;
    first.engine.shutdown().await;
    let shard = std::sync::Arc::clone(&first.shard);
    let second = Site::start_with(shard, peer.port(), Table::one("third.example"), "");
    second.until_empty().await;
    assert_eq!(peer.count("MAIL"), 1);
}

#[tokio::test(start_paused = true)]
async fn shutdown_settles_what_was_delivered() {
    let peer = Peer::good().await;
    let site = Site::start(peer.port(), Table::one("third.example"), "");
    site.send("a@our.example", &["b@third.example"]).await;
    while peer.count("QUIT") + peer.count("..Body") == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    site.engine.shutdown().await;
    assert!(site.shard.rows().is_empty());
}
