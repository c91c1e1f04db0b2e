//! Messages that arrive.

use crate::peer::{Peer, Peers, good};
use crate::site::{Site, Table, route};

#[tokio::test(start_paused = true)]
async fn a_message_goes_to_the_host_that_dns_names() {
    let peer = Peer::good();
    let site = Site::start(Peers::one(&peer), Table::one("third.example"), "");
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
    let peer = Peer::good();
    let more = "mta.deliveries_per_next_hop_max = 1";
    let site = Site::start(Peers::one(&peer), Table::one("third.example"), more);
    for _ in 0..50 {
        site.send("a@our.example", &["b@third.example"]).await;
    }
    site.until_empty().await;
    assert_eq!((peer.count("CONNECT"), peer.count("MAIL")), (1, 50));
}

#[tokio::test(start_paused = true)]
async fn connections_to_one_next_hop_are_limited() {
    let peer = Peer::good();
    let more = "mta.deliveries_per_next_hop_max = 3";
    let site = Site::start(Peers::one(&peer), Table::one("third.example"), more);
    for _ in 0..50 {
        site.send("a@our.example", &["b@third.example"]).await;
    }
    site.until_empty().await;
    assert!(peer.count("CONNECT") <= 3, "{}", peer.count("CONNECT"));
    assert_eq!(peer.count("MAIL"), 50);
}

#[tokio::test(start_paused = true)] // Tests RFC 2033 §4.2.
async fn local_mail_goes_over_lmtp() {
    let peer = Peer::new(|command, _| {
        Some(match command {
            "." => "250 2.0.0 b has it\r\n250 2.0.0 c has it\r\n".into(),
            _ => good(command),
        })
    });
    let site = Site::start(Peers::default().local(&peer), Table::default(), "");
    site.send("x@third.example", &["b@our.example", "c@our.example"]).await;
    site.until_empty().await;
    assert_eq!(peer.count("LHLO our.example"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_route_overrides_dns_and_each_destination_gets_its_recipients() {
    let (routed, by_dns) = (Peer::good(), Peer::good());
    let more = route(".example", "smtp://198.51.100.1:2525");
    let peers = Peers::one(&by_dns).at("198.51.100.1:2525", &routed);
    let site = Site::start(peers, Table::one("third.test"), &more);
    site.send("a@our.example", &["b@x.example", "c@third.test", "d@y.example"]).await;
    site.until_empty().await;
    assert_eq!((routed.count("RCPT"), by_dns.count("RCPT")), (2, 1));
}

#[tokio::test(start_paused = true)] // Tests RFC 5321 §5.1.
async fn the_next_host_is_tried_where_the_first_is_down_or_busy() {
    let busy = Peer::new(|command, _| {
        Some(match command {
            "CONNECT" => "421 4.3.2 too busy\r\nCLOSE".into(),
            _ => good(command),
        })
    });
    let backup = Peer::good();
    // Nobody listens at 192.0.2.3.
    let table = Table::default()
        .domain("third.example", &[(20, "two.example"), (5, "down.example"), (10, "one.example")])
        .host("down.example", [192, 0, 2, 3])
        .host("one.example", [192, 0, 2, 1])
        .host("two.example", [192, 0, 2, 2]);
    let peers = Peers::one(&busy).at("192.0.2.2:25", &backup);
    let site = Site::start(peers, table, "");
    site.send("a@our.example", &["b@third.example"]).await;
    site.until_empty().await;
    assert_eq!((busy.count("CONNECT"), backup.count("MAIL")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_was_closed_while_idle_costs_nothing() {
    let peer = Peer::new(|command, connection| {
        Some(match (command, connection) {
            // The first connection is closed right behind its first message.
            (".", 0) => "250 2.0.0 queued\r\nCLOSE".into(),
            _ => good(command),
        })
    });
    let more = "mta.deliveries_per_next_hop_max = 1";
    let site = Site::start(Peers::one(&peer), Table::one("third.example"), more);
    for _ in 0..3 {
        site.send("a@our.example", &["b@third.example"]).await;
    }
    site.until_empty().await;
    assert_eq!((peer.count("CONNECT"), peer.messages()), (2, 3));
}

#[tokio::test(start_paused = true)] // Tests RFC 9422 §4.1 and §4.2.
async fn limits_that_the_peer_names_are_kept() {
    let peer = Peer::new(|command, _| {
        Some(match command {
            "EHLO our.example" => "250-mx\r\n250 LIMITS RCPTMAX=2 MAILMAX=2\r\n".into(),
            _ => good(command),
        })
    });
    let site = Site::start(Peers::one(&peer), Table::one("third.example"), "");
    let names: Vec<String> = (0..5).map(|n| format!("r{n}@third.example")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    site.send("a@our.example", &names).await;
    site.until_empty().await;
    assert_eq!((peer.count("RCPT"), peer.count("MAIL"), peer.count("CONNECT")), (5, 3, 2));
}

#[tokio::test(start_paused = true)]
async fn what_was_queued_before_the_start_is_delivered() {
    let peer = Peer::good();
    let first = Site::start(Peers::default(), Table::one("third.example"), "");
    // Nobody listens there: it stays.
    first.send("a@our.example", &["b@third.example"]).await;
    first.deferral().await;
    first.engine.shutdown().await;
    let shard = std::sync::Arc::clone(&first.shard);
    let second = Site::start_with(shard, Peers::one(&peer), Table::one("third.example"), "");
    second.until_empty().await;
    assert_eq!(peer.count("MAIL"), 1);
}

#[tokio::test(start_paused = true)]
async fn shutdown_settles_what_was_delivered() {
    let peer = Peer::good();
    let site = Site::start(Peers::one(&peer), Table::one("third.example"), "");
    site.send("a@our.example", &["b@third.example"]).await;
    peer.until_messages(1).await;
    site.engine.shutdown().await;
    assert!(site.shard.rows().is_empty());
}
