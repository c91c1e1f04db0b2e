//! Notices: who is told what, and where the chain of them ends.

use postroad_protocol::envelope::{Notify, Wanted};
use postroad_queue::spool::RecipientState;

use crate::peer::{Peer, Peers, good};
use crate::site::{Site, Table, envelope};

/// A peer that refuses everybody at RCPT.
fn refusing() -> Peer {
    Peer::new(|command, _| {
        Some(match command.starts_with("RCPT") {
            true => "550 5.1.1 no such user\r\n".into(),
            false => good(command),
        })
    })
}

#[tokio::test(start_paused = true)] // Tests RFC 5321 §4.5.5 and RFC 3464 §2.
async fn the_sender_is_told_of_a_failure_with_a_null_reverse_path() {
    let (peer, local) = (refusing(), Peer::good());
    let site = Site::start(Peers::one(&peer).local(&local), Table::one("third.example"), "");
    site.send("alice@our.example", &["b@third.example", "c@third.example"]).await;
    site.until_empty().await;
    assert_eq!(local.count("MAIL FROM:<>"), 1);
    assert_eq!(local.count("RCPT TO:<alice@our.example>"), 1);
    for line in [
        "Final-Recipient: rfc822;b@third.example",
        "Final-Recipient: rfc822;c@third.example",
        "..Body",
    ] {
        assert_eq!(local.count(line), 1, "{line}");
    }
    assert_eq!(local.count("Remote-MTA: dns; mx.third.example"), 2);
}

#[tokio::test(start_paused = true)] // Tests RFC 3461 §4.1.
async fn notify_is_obeyed() {
    let (peer, local) = (refusing(), Peer::good());
    let site = Site::start(Peers::one(&peer).local(&local), Table::one("third.example"), "");
    let mut quiet = envelope("alice@our.example", &["b@third.example"]);
    quiet.recipients[0].notify = Notify::Never;
    site.send_as(quiet, "Subject: s\r\n\r\n").await;
    site.until_empty().await;
    assert_eq!(local.count("CONNECT"), 0);
}

#[tokio::test(start_paused = true)] // Tests RFC 3461 §5.2.2 and §5.2.3.
async fn success_is_told_where_it_was_asked_for() {
    let (peer, local) = (Peer::good(), Peer::good());
    let site = Site::start(Peers::one(&peer).local(&local), Table::one("third.example"), "");
    let mut asking = envelope("alice@our.example", &["b@third.example", "bob@our.example"]);
    for recipient in &mut asking.recipients {
        recipient.notify =
            Notify::On { success: Wanted::Yes, failure: Wanted::Yes, delay: Wanted::No };
    }
    site.send_as(asking, "Subject: s\r\n\r\n").await;
    site.until_empty().await;
    assert_eq!((local.count("Action: relayed"), local.count("Action: delivered")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn q04_a_notice_that_fails_goes_to_the_postmaster_and_no_further() {
    // Nobody takes anything, but for the postmaster's messages.
    let peer = refusing();
    let local = Peer::new(|command, _| {
        Some(match command.starts_with("RCPT") && !command.contains("postmaster@") {
            true => "550 5.1.1 no such user\r\n".into(),
            false => good(command),
        })
    });
    let site = Site::start(Peers::one(&peer).local(&local), Table::one("third.example"), "");
    site.send("alice@our.example", &["b@third.example"]).await;
    site.until_empty().await;
    assert_eq!(local.count("RCPT TO:<alice@our.example>"), 1);
    assert_eq!(local.count("RCPT TO:<postmaster@our.example>"), 1);
    // The notice about the notice holds the letter's own words once.
    assert_eq!(local.count("To: <postmaster@our.example>"), 1);
}

#[tokio::test(start_paused = true)]
async fn q04_a_postmaster_who_takes_nothing_ends_the_chain() {
    let (peer, local) = (refusing(), refusing());
    let site = Site::start(Peers::one(&peer).local(&local), Table::one("third.example"), "");
    site.send("alice@our.example", &["b@third.example"]).await;
    site.until_empty().await;
    assert_eq!(local.count("RCPT"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_sender_of_ours_who_does_not_exist_is_the_postmasters_business() {
    let (peer, local) = (refusing(), Peer::good());
    let site = Site::start(Peers::one(&peer).local(&local), Table::one("third.example"), "");
    site.send("nobody@our.example", &["b@third.example"]).await;
    site.until_empty().await;
    assert_eq!(local.count("RCPT TO:<postmaster@our.example>"), 1);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_settled_before_its_notice_is_safe() {
    let (peer, local) = (refusing(), Peer::good());
    let site = Site::start(Peers::one(&peer).local(&local), Table::one("third.example"), "");
    let sender = envelope("alice@our.example", &["b@third.example"]);
    let id = site.send_as(sender, "Subject: s\r\n\r\n").await;
    site.shard.full.store(true, std::sync::atomic::Ordering::Relaxed);
    site.until("the failure is put off", |rows| {
        rows.iter().any(|row| {
            row.id == id && matches!(row.states[0], RecipientState::Waiting { attempts: 1.., .. })
        })
    })
    .await;
    site.shard.full.store(false, std::sync::atomic::Ordering::Relaxed);
    site.until_empty().await;
    assert_eq!(local.count("Action: failed"), 1);
}
