//! Hosts of several addresses: which of them is connected to, how soon, and from where.

use std::time::Duration;

use postroad_protocol::limits;

use crate::peer::{Peer, Peers};
use crate::site::{Site, Table, route};

const V6: &str = "2001:db8::1";
const V4: &str = "192.0.2.1";

/// One host with both kinds of address.
fn table() -> Table {
    Table::one("third.example").addresses("mx.third.example", &[V6, V4])
}

#[tokio::test(start_paused = true)] // Tests RFC 8305 §5.
async fn an_address_that_is_silent_costs_half_a_second() {
    let peer = Peer::good();
    let peers = Peers::one(&peer).black_hole("[2001:db8::1]:25");
    let site = Site::start(peers, table(), "");
    let started = tokio::time::Instant::now();
    site.send("a@our.example", &["b@third.example"]).await;
    site.until_empty().await;
    assert!(started.elapsed() < 2 * limits::CLIENT_CONNECT_DELAY, "{:?}", started.elapsed());
    assert_eq!(peer.messages(), 1);
}

#[tokio::test(start_paused = true)]
async fn ipv6_comes_first_and_ipv4_behind_a_session_that_fails() {
    let refusing = Peer::new(|_, _| Some("421 4.3.2 busy\r\nCLOSE".into()));
    let peer = Peer::good();
    let peers = Peers::one(&peer).at("[2001:db8::1]:25", &refusing);
    let site = Site::start(peers, table(), "");
    site.send("a@our.example", &["b@third.example"]).await;
    site.until_empty().await;
    assert_eq!((refusing.count("CONNECT"), peer.messages()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn family_and_source_are_the_operators_choice() {
    let (v6, v4) = (Peer::good(), Peer::good());
    let sources = "source = [\"192.0.2.77\", \"2001:db8::77\"]\n";
    for (family, expected) in [("any", (1, 0)), ("ipv6", (1, 0)), ("ipv4", (0, 1))] {
        let peers = Peers::one(&v4).at("[2001:db8::1]:25", &v6);
        let source = if family == "any" { sources } else { "" };
        let more = format!("[mta]\nfamily = \"{family}\"\n{source}");
        let site = Site::start(peers, table(), &more);
        let before = (v6.messages(), v4.messages());
        site.send("a@our.example", &["b@third.example"]).await;
        site.until_empty().await;
        let came = (v6.messages() - before.0, v4.messages() - before.1);
        assert_eq!(came, expected, "{family}");
        if family == "any" {
            assert_eq!(v6.source().unwrap().to_string(), "2001:db8::77");
        }
    }
    // A route has its own.
    let peers = Peers::default().at("192.0.2.5:2525", &v4);
    let hop = route("*", "smtp://192.0.2.5:2525");
    let more = format!("[mta]\n{sources}{hop}source = [\"192.0.2.99\"]\n");
    let site = Site::start(peers, Table::default(), &more);
    site.send("a@our.example", &["b@third.example"]).await;
    site.until_empty().await;
    assert_eq!(v4.source().unwrap().to_string(), "192.0.2.99");
}

/// Ten hosts that each use up the deadline of the greeting.
#[tokio::test(start_paused = true)]
async fn c10_the_walk_down_a_list_of_silent_hosts_has_an_end() {
    let silent = Peer::new(|_, _| None);
    let names = ["h0", "h1", "h2", "h3", "h4", "h5", "h6", "h7", "h8", "h9"];
    let mx: Vec<(u16, &'static str)> = (1..).zip(names).collect();
    let mut table = Table::default().domain("third.example", &mx);
    let mut peers = Peers::default();
    for (number, name) in (1..).zip(names) {
        table = table.host(name, [192, 0, 2, number]);
        peers = peers.at(&format!("192.0.2.{number}:25"), &silent);
    }
    let site = Site::start(peers, table, "");
    let started = tokio::time::Instant::now();
    site.send("a@our.example", &["b@third.example"]).await;
    let deferral = site.deferral().await;
    assert!(deferral.contains("didn't answer in time"), "{deferral}");
    let most = limits::CLIENT_WALK_TIMEOUT + limits::CLIENT_GREETING_TIMEOUT;
    assert!(started.elapsed() <= most + Duration::from_secs(1), "{:?}", started.elapsed());
    assert!(silent.count("CONNECT") >= 3);
}
