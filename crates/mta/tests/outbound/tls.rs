//! Encryption towards next hops: better than none, or demanded (row C06), and logins inside it.

use std::path::Path;

use postroad_net::tls::ServerTls;

use crate::peer::{Peer, Peers, good};
use crate::site::{Site, Table, route};

/// A certificate for `mx.third.example` that signs itself.
fn certificate(dir: &Path) -> ServerTls {
    let made = rcgen::generate_simple_self_signed(["mx.third.example".to_owned()]).unwrap();
    let (certificate, key) = (dir.join("cert.pem"), dir.join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    ServerTls::load(&certificate, &key).unwrap()
}

/// A peer that offers STARTTLS and PLAIN.
fn offering(tls: Option<ServerTls>) -> Peer {
    Peer::with_tls(tls, |command, _| {
        Some(match command.split(' ').next().unwrap_or_default() {
            "EHLO" => "250-mx\r\n250-PIPELINING\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n".into(),
            "STARTTLS" => "220 2.0.0 go\r\n".into(),
            "AUTH" => "235 2.7.0 in\r\n".into(),
            _ => good(command),
        })
    })
}

/// A route for everything, with more lines to it.
fn smart_host(lines: &str) -> String {
    let hop = route("*", "smtp://127.0.0.1:2525");
    format!("{hop}{lines}")
}

#[tokio::test(start_paused = true)] // Tests RFC 3207 §4.2 and RFC 7435 §4.
async fn c06_opportunistic_takes_any_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let peer = offering(Some(certificate(dir.path())));
    let site = Site::start(Peers::one(&peer), Table::one("third.example"), "");
    site.send("a@our.example", &["b@third.example"]).await;
    site.until_empty().await;
    assert_eq!((peer.count("STARTTLS"), peer.count("EHLO"), peer.messages()), (1, 2, 1));
}

#[tokio::test(start_paused = true)]
async fn c06_opportunistic_goes_on_in_clear_where_the_handshake_fails() {
    let peer = offering(None);
    let site = Site::start(Peers::one(&peer), Table::one("third.example"), "");
    site.send("a@our.example", &["b@third.example"]).await;
    site.until_empty().await;
    assert_eq!((peer.count("STARTTLS"), peer.count("CONNECT"), peer.messages()), (1, 2, 1));
}

#[tokio::test(start_paused = true)]
async fn c06_required_defers_without_a_valid_certificate() {
    let dir = tempfile::tempdir().unwrap();
    for (peer, words) in [
        (offering(Some(certificate(dir.path()))), "451 4.7.5 the TLS handshake"),
        (offering(None), "451 4.7.5 the TLS handshake"),
        (Peer::good(), "451 4.7.4 the next hop offers no STARTTLS"),
    ] {
        let peers = Peers::default().at("127.0.0.1:2525", &peer);
        let site = Site::start(peers, Table::default(), &smart_host("tls = \"required\"\n"));
        site.send("a@our.example", &["b@third.example"]).await;
        let deferral = site.deferral().await;
        assert!(deferral.starts_with(words), "{deferral}");
        assert_eq!(peer.count("MAIL"), 0);
    }
}

#[tokio::test(start_paused = true)] // Tests RFC 4954 §4.
async fn c07_a_smart_host_gets_the_login_inside_tls() {
    let dir = tempfile::tempdir().unwrap();
    let peer = offering(Some(certificate(dir.path())));
    let secret = dir.path().join("secret");
    std::fs::write(&secret, "pw\n").unwrap();
    let login = format!("user = \"u\"\npassword_file = \"{}\"\n", secret.display());
    let peers = Peers::default().at("127.0.0.1:2525", &peer);
    let site = Site::start(peers, Table::default(), &smart_host(&login));
    site.send("a@our.example", &["b@third.example"]).await;
    site.until_empty().await;
    let heard = peer.heard();
    let place = |what: &str| heard.iter().position(|line| line.starts_with(what));
    assert!(place("STARTTLS") < place("AUTH PLAIN AHUAcHc="), "{heard:?}");
    assert_eq!(peer.messages(), 1);
}
