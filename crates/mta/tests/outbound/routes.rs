//! What can be set for a route takes effect there, and nowhere else.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::peer::{Peer, Peers, good};
use crate::site::{Site, Table, route};

const MINUTE: Duration = Duration::from_secs(60);

/// A peer that puts off every recipient.
fn busy() -> Peer {
    Peer::new(|command, _| {
        Some(match command.starts_with("RCPT") {
            true => "451 4.7.1 come back later\r\n".into(),
            false => good(command),
        })
    })
}

/// `routed.example` has a route with these lines, and `third.example` goes by DNS.
fn site(routed: &Peer, by_dns: &Peer, local: &Peer, lines: &str) -> Site {
    let peers = Peers::one(by_dns).at("198.51.100.1:25", routed).local(local);
    let more = format!("{}{lines}\n", route("routed.example", "smtp://198.51.100.1:25"));
    Site::start(peers, Table::one("third.example"), &more)
}

async fn send_to_both(site: &Site) {
    site.send("alice@our.example", &["b@routed.example"]).await;
    site.send("alice@our.example", &["b@third.example"]).await;
}

/// Tries at the route and by DNS after so many minutes.
async fn check_tries(lines: &str, minutes: u32, routed: [usize; 2], by_dns: [usize; 2]) {
    let (there, elsewhere) = (busy(), busy());
    let site = site(&there, &elsewhere, &Peer::good(), lines);
    send_to_both(&site).await;
    sleep(MINUTE * minutes).await;
    for (which, peer, [least, most]) in [("route", &there, routed), ("DNS", &elsewhere, by_dns)] {
        let tries = peer.count("RCPT");
        assert!((least..=most).contains(&tries), "{lines}: {tries} by {which}");
    }
}

#[tokio::test(start_paused = true)]
async fn when_a_recipient_is_tried_again() {
    // Waits are spread by up to a quarter; by DNS it is 5, 10, 20 minutes and so on.
    check_tries("retry_first = \"30m\"", 22, [1, 1], [3, 3]).await;
    check_tries("retry_first = \"30s\"\nretry_longest = \"1m\"", 60, [48, 82], [3, 5]).await;
    check_tries("retry_longest = \"5m\"", 60, [10, 17], [3, 5]).await;
}

/// How many notices of both kinds senders have after so many minutes: for the route, and by DNS.
async fn check_notices(lines: &str, minutes: u32, action: &str, expected: [usize; 2]) {
    let local = Peer::good();
    let site = site(&busy(), &busy(), &local, lines);
    send_to_both(&site).await;
    sleep(MINUTE * minutes).await;
    let heard = local.heard();
    let told = |who: &str| {
        let about = format!("Final-Recipient: rfc822;b@{who}");
        let follows = |pair: &&[String]| pair[0] == about && pair[1] == action;
        heard.windows(2).filter(follows).count()
    };
    assert_eq!([told("routed.example"), told("third.example")], expected, "{lines} {heard:#?}");
}

#[tokio::test(start_paused = true)]
async fn when_its_sender_is_warned_and_when_it_is_given_up() {
    let (delayed, failed) = ("Action: delayed", "Action: failed");
    check_notices("warn_after = \"30m\"", 100, delayed, [1, 0]).await;
    check_notices("warn_after = \"2d\"", 24 * 60, delayed, [0, 1]).await;
    check_notices("give_up_after = \"2h\"", 121, failed, [1, 0]).await;
    check_notices("give_up_after = \"7d\"", 6 * 24 * 60, failed, [0, 1]).await;
}

#[tokio::test(start_paused = true)]
async fn how_many_connections_there_are() {
    let slow = || {
        Peer::new(|command, _| {
            Some(match command {
                "." => "WAIT 10 250 2.0.0 queued\r\n".into(),
                _ => good(command),
            })
        })
    };
    let (routed, by_dns) = (slow(), slow());
    let site = site(&routed, &by_dns, &Peer::good(), "connections_max = 2");
    for _ in 0..40 {
        send_to_both(&site).await;
    }
    site.until_empty().await;
    assert_eq!(routed.count("CONNECT"), 2);
    assert!(by_dns.count("CONNECT") > 2);
}

/// The name is looked up by the system, which knows it from /etc/hosts.
#[tokio::test(start_paused = true)]
async fn which_family_its_host_is_reached_by() {
    for family in ["ipv4", "ipv6"] {
        let (v4, v6) = (Peer::good(), Peer::good());
        let peers = Peers::default().at("127.0.0.1:2525", &v4).at("[::1]:2525", &v6);
        let hop = route("*", "smtp://localhost:2525");
        let site = Site::start(peers, Table::default(), &format!("{hop}family = \"{family}\"\n"));
        site.send("a@our.example", &["b@third.example"]).await;
        let (chosen, other) = if family == "ipv4" { (v4, v6) } else { (v6, v4) };
        let done = |rows: &[postroad_queue::spool::QueueRow]| rows.is_empty();
        let started = Instant::now();
        let deferred = tokio::select! {
            () = site.until("it is delivered", done) => None,
            reply = site.deferral() => Some(reply),
        };
        // Some hosts have one family only.
        let none = |reply: &String| reply.contains("has no IPv") && reply.contains("address now");
        assert!(deferred.as_ref().is_none_or(none), "{family}: {deferred:?}");
        assert_eq!(chosen.messages(), usize::from(deferred.is_none()), "{family}");
        assert_eq!(other.count("CONNECT"), 0, "{family}");
        assert!(started.elapsed() < MINUTE);
    }
}
