//! The question to the delivery agent ahead of our own 250 to RCPT.

use std::time::Duration;

use postroad_mta::outbound::{Probe, ProbeOutcome};
use postroad_protocol::envelope::Utf8;
use postroad_protocol::reply::Reply;
use tokio::time::Instant;

use crate::peer::{Peer, Peers, good};
use crate::site::{Site, Table, address, route};

/// A site whose delivery agent answers RCPT with this.
fn asking(answer: Option<&'static str>) -> (Peer, Site, Probe) {
    let peer = Peer::new(move |command, _| match command.starts_with("RCPT") {
        true => answer.map(str::to_owned),
        false => Some(good(command)),
    });
    let site = Site::start(Peers::default().local(&peer), Table::default(), "");
    let probe = Probe::new(&site.engine);
    (peer, site, probe)
}

async fn ask(probe: &Probe, recipient: &str) -> ProbeOutcome {
    probe.ask(Utf8::Ascii, &address(recipient)).await
}

#[tokio::test(start_paused = true)]
async fn s40_the_agents_verdict_is_known_before_ours() {
    let (peer, _site, probe) = asking(Some("250 2.1.5 Ok\r\n"));
    assert_eq!(ask(&probe, "b@our.example").await, ProbeOutcome::Accepted);
    assert_eq!(peer.count("DATA"), 0);
    let (_peer, _site, probe) = asking(Some("550 5.1.1 who?\r\n"));
    let refused = ProbeOutcome::Refused(Reply::new(550, (5, 1, 1), "who?"));
    assert_eq!(ask(&probe, "b@our.example").await, refused);
    let (_peer, _site, probe) = asking(Some("452 4.2.2 full\r\n"));
    let deferred = ProbeOutcome::Deferred(Reply::new(452, (4, 2, 2), "full"));
    assert_eq!(ask(&probe, "b@our.example").await, deferred);
}

#[tokio::test(start_paused = true)]
async fn answers_are_remembered_and_connections_kept() {
    let (peer, _site, probe) = asking(Some("250 2.1.5 Ok\r\n"));
    for recipient in ["b@our.example", "b@our.example", "c@our.example"] {
        assert_eq!(ask(&probe, recipient).await, ProbeOutcome::Accepted);
    }
    assert_eq!((peer.count("CONNECT"), peer.count("RCPT")), (1, 2));
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert_eq!(ask(&probe, "b@our.example").await, ProbeOutcome::Accepted);
    assert_eq!(peer.count("RCPT"), 3);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_is_silent_or_away_is_down() {
    let (_peer, _site, probe) = asking(None);
    let started = Instant::now();
    assert_eq!(ask(&probe, "b@our.example").await, ProbeOutcome::Down);
    assert!(started.elapsed() < Duration::from_secs(10));
    let site = Site::start(Peers::default(), Table::default(), "");
    assert_eq!(ask(&Probe::new(&site.engine), "b@our.example").await, ProbeOutcome::Down);
}

#[tokio::test(start_paused = true)] // Row F20.
async fn f20_a_silent_agent_is_waited_for_once_and_asked_again_soon() {
    let peer = Peer::new(|command, connection| match command.starts_with("RCPT") {
        true if connection == 0 => None,
        _ => Some(good(command)),
    });
    let site = Site::start(Peers::default().local(&peer), Table::default(), "");
    let probe = Probe::new(&site.engine);
    let started = Instant::now();
    for number in 0..100 {
        let user = format!("u{number}@our.example");
        assert_eq!(ask(&probe, &user).await, ProbeOutcome::Down, "{number}");
    }
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    assert_eq!(peer.count("RCPT"), 1);
    tokio::time::sleep(Duration::from_secs(11)).await;
    for number in 0..2 {
        let user = format!("u{number}@our.example");
        assert_eq!(ask(&probe, &user).await, ProbeOutcome::Accepted, "{number}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_route_has_an_agent_of_its_own() {
    let knows_nobody = Peer::new(|command, _| {
        Some(match command.starts_with("RCPT") {
            true => "550 5.1.1 who?\r\n".into(),
            false => good(command),
        })
    });
    let other = Peer::good();
    let peers = Peers::default().local(&knows_nobody).at("127.0.0.1:2424", &other);
    let more = route("other.example", "lmtp://127.0.0.1:2424");
    let site = Site::start(peers, Table::default(), &more);
    let probe = Probe::new(&site.engine);
    assert!(matches!(ask(&probe, "b@our.example").await, ProbeOutcome::Refused(_)));
    assert_eq!(ask(&probe, "b@other.example").await, ProbeOutcome::Accepted);
    // What an agent thinks of a sender says nothing about the recipient.
    assert_eq!(other.count("MAIL FROM:<>"), 1);
}
