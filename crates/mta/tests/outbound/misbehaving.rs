//! Peers that break the rules (rows C08 to C14), and what becomes of the message: it waits, and the
//! trouble ends with that connection.

use std::time::Duration;

use postroad_mta::outbound::dns::DnsError;
use postroad_protocol::limits;

use crate::peer::{Peer, Peers, good};
use crate::site::{Site, Table, route};

/// A peer that answers one command in its own way. The message is deferred with these words, and
/// delivered once the peer has come to its senses at the second connection.
async fn check(command: &'static str, answer: Option<&'static str>, words: &str) {
    check_in(command, answer, words, Table::one("third.example")).await;
}

async fn check_in(command: &'static str, answer: Option<&'static str>, words: &str, table: Table) {
    let peer = Peer::new(move |said, connection| match connection {
        0 if said.starts_with(command) => answer.map(str::to_owned),
        _ => Some(good(said)),
    });
    let site = Site::start(Peers::one(&peer), table, "");
    site.send("a@our.example", &["b@third.example"]).await;
    let deferral = site.deferral().await;
    assert!(deferral.contains(words), "{command}: {deferral}");
    site.until_empty().await;
    assert_eq!(peer.count("CONNECT"), 2, "{command}");
}

#[tokio::test(start_paused = true)]
async fn c01_an_answer_that_is_none() {
    check("MAIL", Some("25\r\n"), "4.5.0 the next hop's answer after MAIL FROM").await;
    check("EHLO", Some("250-a\r\n251 b\r\n"), "different codes").await;
    let endless: &'static str = Box::leak("250-x\r\n".repeat(100_000).into_boxed_str());
    check("EHLO", Some(endless), "too long").await;
}

#[tokio::test(start_paused = true)]
async fn c08_the_peer_closes_with_421_at_each_step() {
    for command in ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "."] {
        check(command, Some("421 4.3.2 going down\r\nCLOSE"), "421 4.3.2 going down").await;
    }
}

#[tokio::test(start_paused = true)] // It is about us, and nothing was said about the recipients yet.
async fn c08_a_refusal_before_the_first_message_bounces_nothing() {
    check("CONNECT", Some("554 5.7.1 go away\r\nCLOSE"), "451 4.3.2 the next hop said 554").await;
    let check_login = async |answer: &'static str| {
        let dir = tempfile::tempdir().unwrap();
        let secret = dir.path().join("secret");
        std::fs::write(&secret, "pw\n").unwrap();
        let peer = Peer::new(move |said, _| match said.split(' ').next() {
            Some("EHLO") => Some("250-relay\r\n250 AUTH PLAIN\r\n".into()),
            Some("AUTH") => Some(answer.to_owned()),
            _ => Some(good(said)),
        });
        let hop = route("*", "smtp://127.0.0.1:2525");
        let more = format!("{hop}user = \"u\"\npassword_file = \"{}\"\n", secret.display());
        let peers = Peers::default().at("127.0.0.1:2525", &peer);
        let site = Site::start(peers, Table::default(), &more);
        site.send("alice@our.example", &["b@third.example"]).await;
        site.deferral().await
    };
    let deferral = check_login("535 5.7.8 wrong password\r\n").await;
    assert!(deferral.starts_with("451 4.7.0 the next hop said 535"), "{deferral}");
}

#[tokio::test(start_paused = true)]
async fn c08_one_recipient_is_put_off_and_the_other_gets_it() {
    let peer = Peer::new(|command, connection| {
        Some(match (command, connection) {
            ("RCPT TO:<c@third.example>", 0) => "452 4.5.3 too many\r\n".into(),
            _ => good(command),
        })
    });
    let site = Site::start(Peers::one(&peer), Table::one("third.example"), "");
    site.send("a@our.example", &["b@third.example", "c@third.example"]).await;
    assert_eq!(site.deferral().await, "452 4.5.3 too many");
    site.until_empty().await;
    assert_eq!((peer.count("RCPT TO:<b@"), peer.count("RCPT TO:<c@")), (1, 2));
}

#[tokio::test(start_paused = true)] // Tests RFC 5321 §4.5.3.2.6.
async fn c09_silence_after_the_dot_is_borne_for_ten_minutes() {
    let started = tokio::time::Instant::now();
    check(".", None, "didn't answer in time after the message").await;
    assert!(started.elapsed() >= limits::CLIENT_DATA_END_TIMEOUT);
    check(".", Some("CLOSE"), "closed the connection after the message").await;
}

#[tokio::test(start_paused = true)] // Tests RFC 1047.
async fn c09_no_second_host_gets_what_the_first_may_have() {
    let first = Peer::new(|command, connection| match (command, connection) {
        (".", 0) => None,
        _ => Some(good(command)),
    });
    let second = Peer::good();
    let table = Table::default()
        .domain("third.example", &[(1, "one.example"), (2, "two.example")])
        .host("one.example", [192, 0, 2, 1])
        .host("two.example", [192, 0, 2, 2]);
    let site = Site::start(Peers::one(&first).at("192.0.2.2:25", &second), table, "");
    site.send("a@our.example", &["b@third.example"]).await;
    site.until_empty().await;
    assert_eq!((first.messages(), second.count("CONNECT")), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn c10_a_peer_that_says_nothing_ends_by_the_deadline_of_its_phase() {
    for (command, most) in [
        ("CONNECT", limits::CLIENT_GREETING_TIMEOUT),
        ("EHLO", limits::CLIENT_COMMAND_TIMEOUT),
        ("MAIL", limits::CLIENT_MAIL_TIMEOUT),
        ("DATA", limits::CLIENT_DATA_TIMEOUT),
    ] {
        let peer = Peer::new(move |said, _| (!said.starts_with(command)).then(|| good(said)));
        let site = Site::start(Peers::one(&peer), Table::one("third.example"), "");
        let started = tokio::time::Instant::now();
        site.send("a@our.example", &["b@third.example"]).await;
        let deferral = site.deferral().await;
        assert!(deferral.contains("didn't answer in time"), "{command}: {deferral}");
        assert!(started.elapsed() < most + Duration::from_secs(1), "{command}");
    }
}

#[tokio::test(start_paused = true)]
async fn c10_a_slow_destination_holds_up_no_other() {
    let slow = Peer::new(|_, _| None);
    let quick = Peer::good();
    let table = Table::one("slow.example")
        .domain("quick.example", &[(1, "quick.example")])
        .host("quick.example", [192, 0, 2, 2]);
    let peers = Peers::one(&slow).at("192.0.2.2:25", &quick);
    let site = Site::start(peers, table, "mta.deliveries_per_next_hop_max = 2");
    for _ in 0..20 {
        site.send("a@our.example", &["b@slow.example"]).await;
    }
    let started = tokio::time::Instant::now();
    site.send("a@our.example", &["b@quick.example"]).await;
    site.until("the quick one is delivered", |rows| rows.len() == 20).await;
    assert!(started.elapsed() < Duration::from_secs(1));
    assert_eq!(quick.count("MAIL"), 1);
}

#[tokio::test(start_paused = true)]
async fn c11_mail_never_goes_to_ourselves() {
    let ourselves = Peer::new(|command, _| {
        Some(match command {
            "EHLO our.example" => "250 OUR.example at your service\r\n".into(),
            _ => good(command),
        })
    });
    let site = Site::start(Peers::one(&ourselves), Table::one("third.example"), "");
    // A null sender's message ends without a bounce.
    site.send("", &["b@third.example"]).await;
    site.until("only the postmaster's notice is left", |rows| {
        rows.iter().all(|row| row.envelope.recipients[0].address.to_string() == "alice@our.example")
    })
    .await;
    assert_eq!(ourselves.count("MAIL"), 0);
}

/// Hosts by preference: the primary at 192.0.2.1, then what stands behind it.
fn behind_primary(backup: &'static str) -> Table {
    Table::default()
        .domain("third.example", &[(10, "primary.example"), (20, backup)])
        .host("primary.example", [192, 0, 2, 1])
        .host("us.example", [192, 0, 2, 2])
}

#[tokio::test(start_paused = true)] // Tests RFC 5321 §5.1: only what stands before ourselves counts.
async fn c11_we_are_the_backup_by_another_name_and_the_primary_is_down() {
    let ourselves = Peer::new(|command, _| {
        Some(match command {
            "EHLO our.example" => "250 our.example\r\n".into(),
            _ => good(command),
        })
    });
    let peers = Peers::default().at("192.0.2.2:25", &ourselves); // Nobody listens at the primary.
    let site = Site::start(peers, behind_primary("us.example"), "");
    site.send("alice@our.example", &["b@third.example"]).await;
    let deferral = site.deferral().await;
    assert!(deferral.starts_with("451 4.4.1 cannot connect to 192.0.2.1"), "{deferral}");
}

#[tokio::test(start_paused = true)]
async fn d02_a_backup_without_an_address_bounces_nothing_while_the_primary_stumbles() {
    check_in("RCPT", Some("CLOSE"), "451 4.4.2 no host of", behind_primary("gone.example")).await;
}

#[tokio::test(start_paused = true)]
async fn c14_a_second_message_after_an_error_has_its_own_envelope() {
    let peer = Peer::new(|command, _| {
        Some(match command {
            "RCPT TO:<no@third.example>" => "550 5.1.1 no\r\n".into(),
            "DATA" => "354 go\r\n".into(),
            _ => good(command),
        })
    });
    let more = "mta.deliveries_per_next_hop_max = 1";
    let site = Site::start(Peers::one(&peer), Table::one("third.example"), more);
    site.send("", &["no@third.example"]).await;
    site.send("", &["yes@third.example"]).await;
    site.until("both are settled", |rows| {
        rows.iter().all(|row| row.envelope.recipients[0].address.domain.as_str() == "our.example")
    })
    .await;
    let commands: Vec<String> =
        peer.heard().into_iter().filter(|line| line.starts_with("RCPT") || line == ".").collect();
    assert_eq!(commands, ["RCPT TO:<no@third.example>", ".", "RCPT TO:<yes@third.example>", "."]);
}

#[tokio::test(start_paused = true)] // Tests RFC 5321 §5.1: whatever DNS can't say now is asked again.
async fn d01_temporary_trouble_of_dns_never_bounces() {
    let peer = Peer::good();
    let trouble = DnsError::Temporary("SERVFAIL".into());
    let table = Table::default().no_mx("third.example", trouble);
    let site = Site::start(Peers::one(&peer), table, "");
    site.send("alice@our.example", &["b@third.example"]).await;
    let deferral = site.deferral().await;
    assert!(deferral.starts_with("451 4.4.3"), "{deferral}");
}
