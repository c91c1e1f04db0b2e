//! Notices: who is told what, and where the chain of them ends.

use postroad_protocol::envelope::{Notify, Ret, Wanted};
use postroad_queue::spool::{QueueRow, RecipientState};

use crate::peer::{Peer, Peers, good};
use crate::site::{Site, Table, address, envelope};

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

#[tokio::test(start_paused = true)] // Tests RFC 3464 §2.3.5.
async fn each_recipient_is_told_of_under_the_host_that_refused_it() {
    // The first refuses one recipient and breaks down at the other; the second refuses that.
    let first = Peer::new(|command, _| {
        Some(match command {
            "EHLO our.example" => "250 mx\r\n".into(),
            "RCPT TO:<b@third.example>" => "550 5.1.1 no such user\r\n".into(),
            "RCPT TO:<c@third.example>" => "421 4.3.2 going down\r\nCLOSE".into(),
            _ => good(command),
        })
    });
    let (second, local) = (refusing(), Peer::good());
    let table = Table::default()
        .domain("third.example", &[(1, "one.example"), (2, "two.example")])
        .host("one.example", [192, 0, 2, 1])
        .host("two.example", [192, 0, 2, 2]);
    let peers = Peers::one(&first).at("192.0.2.2:25", &second).local(&local);
    let site = Site::start(peers, table, "");
    site.send("alice@our.example", &["b@third.example", "c@third.example"]).await;
    site.until_empty().await;
    let heard = local.heard();
    let under = |line: &str| {
        let at = heard.iter().position(|heard| heard == line).unwrap();
        heard[at..].iter().find(|line| line.starts_with("Remote-MTA: ")).cloned()
    };
    let b = under("Final-Recipient: rfc822;b@third.example");
    assert_eq!(b.as_deref(), Some("Remote-MTA: dns; one.example"));
    let c = under("Final-Recipient: rfc822;c@third.example");
    assert_eq!(c.as_deref(), Some("Remote-MTA: dns; two.example"));
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

/// Whether all that is in the queue is one message that is held.
fn one_is_held(rows: &[QueueRow]) -> bool {
    matches!(rows, [row] if matches!(row.states[..], [RecipientState::Held { .. }]))
}

#[tokio::test(start_paused = true)]
async fn q04_a_notice_that_fails_goes_to_the_postmaster_and_no_further() {
    let (peer, local) = (refusing(), Peer::good());
    let site = Site::start(Peers::one(&peer).local(&local), Table::one("third.example"), "");
    site.send("a@third.example", &["b@third.example"]).await;
    site.until_empty().await;
    assert_eq!(peer.count("RCPT TO:<a@third.example>"), 1);
    // Alice is the postmaster, and a delivery agent that isn't ours knows her by her own name.
    assert_eq!(local.count("RCPT TO:<alice@our.example>"), 1);
    assert_eq!(local.count("To: <postmaster@our.example>"), 1);
    assert_eq!(local.count("Postmaster: this message could not be delivered"), 1);
}

#[tokio::test(start_paused = true)]
async fn q04_what_not_even_the_postmaster_takes_is_held() {
    let full = Peer::new(|command, _| {
        Some(match command.starts_with("RCPT") {
            true => "550 5.2.2 the mailbox is full\r\n".into(),
            false => good(command),
        })
    });
    let (peer, local) = (refusing(), full);
    let site = Site::start(Peers::one(&peer).local(&local), Table::one("third.example"), "");
    site.send("a@third.example", &["b@third.example"]).await;
    site.until("the notice to the postmaster is held", one_is_held).await;
    assert_eq!((peer.count("RCPT"), local.count("RCPT")), (2, 1));
    assert_eq!(site.shard.rows()[0].envelope.recipients[0].address, address("alice@our.example"));
}

#[tokio::test(start_paused = true)]
async fn q04_a_bounce_into_our_own_catch_all_ends_in_two_hops() {
    let (peer, local) = (refusing(), Peer::good());
    let peers = || Peers::one(&peer).local(&local);
    // The postmaster is a user: the notice that the catch-all's target refuses is hers.
    let aliases = "postmaster: alice\n@our.example: out@third.example\n";
    let site = Site::with_aliases(aliases, peers(), Table::one("third.example"));
    site.send("typo@our.example", &["b@third.example"]).await;
    site.until_empty().await;
    assert_eq!(peer.count("RCPT TO:<out@third.example>"), 1);
    assert_eq!(local.count("RCPT TO:<alice@our.example>"), 1);
    // The postmaster is caught as well: the notice was on its way there already.
    let aliases = "@our.example: out@third.example\n";
    let site = Site::with_aliases(aliases, peers(), Table::one("third.example"));
    site.send("typo@our.example", &["b@third.example"]).await;
    site.until("the notice is held", one_is_held).await;
    assert_eq!(peer.count("RCPT TO:<out@third.example>"), 2);
}

#[tokio::test(start_paused = true)] // Tests RFC 3461 §5.2: never a notice about a message without a sender.
async fn q04_success_and_delay_of_what_has_no_sender_are_told_to_nobody() {
    let (peer, local) = (Peer::good(), Peer::good());
    let site = Site::start(Peers::one(&peer).local(&local), Table::one("third.example"), "");
    let mut notice = envelope("", &["b@third.example", "alice@our.example"]);
    for recipient in &mut notice.recipients {
        recipient.notify =
            Notify::On { success: Wanted::Yes, failure: Wanted::Yes, delay: Wanted::Yes };
    }
    site.send_as(notice, "Subject: s\r\n\r\n").await;
    site.until_empty().await;
    assert_eq!((peer.messages(), local.messages()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_sender_of_ours_who_does_not_exist_is_the_postmasters_business() {
    let (peer, local) = (refusing(), Peer::good());
    let site = Site::start(Peers::one(&peer).local(&local), Table::one("third.example"), "");
    site.send("nobody@our.example", &["b@third.example"]).await;
    site.until_empty().await;
    assert_eq!(local.count("RCPT TO:<alice@our.example>"), 1);
    assert_eq!(local.count("To: <postmaster@our.example>"), 1);
}

#[tokio::test(start_paused = true)] // Tests RFC 3461 §5.2.1.
async fn all_parameters_are_passed_on_to_who_knows_them_and_success_is_left_to_it() {
    let peer = Peer::new(|command, _| {
        Some(match command.starts_with("EHLO") {
            true => "250-mx.third.example\r\n250-PIPELINING\r\n250 DSN\r\n".into(),
            false => good(command),
        })
    });
    let local = Peer::good();
    let site = Site::start(Peers::one(&peer).local(&local), Table::one("third.example"), "");
    let mut asking = envelope("alice@our.example", &["b@third.example", "c@third.example"]);
    (asking.ret, asking.envid) = (Some(Ret::Headers), Some("a+b".into()));
    asking.recipients[0].notify =
        Notify::On { success: Wanted::Yes, failure: Wanted::No, delay: Wanted::No };
    asking.recipients[0].orcpt = Some("rfc822;B=1@Third.example".into());
    asking.recipients[1].notify = Notify::Never;
    site.send_as(asking, "Subject: s\r\n\r\n").await;
    site.until_empty().await;
    for line in [
        "MAIL FROM:<alice@our.example> RET=HDRS ENVID=a+2Bb",
        "RCPT TO:<b@third.example> NOTIFY=SUCCESS ORCPT=rfc822;B+3D1@Third.example",
        "RCPT TO:<c@third.example> NOTIFY=NEVER",
    ] {
        assert!(peer.heard().iter().any(|heard| heard == line), "{line}: {:?}", peer.heard());
    }
    assert_eq!(local.count("CONNECT"), 0);
}

#[tokio::test(start_paused = true)] // Tests RFC 3461 §5.2.1, for LMTP.
async fn success_is_left_to_a_delivery_agent_that_knows_dsn() {
    let local = Peer::new(|command, _| {
        Some(match command.starts_with("LHLO") {
            true => "250-mx.our.example\r\n250-PIPELINING\r\n250 DSN\r\n".into(),
            false => good(command),
        })
    });
    let site = Site::start(Peers::default().local(&local), Table::default(), "");
    let mut asking = envelope("alice@our.example", &["bob@our.example"]);
    asking.recipients[0].notify =
        Notify::On { success: Wanted::Yes, failure: Wanted::Yes, delay: Wanted::No };
    site.send_as(asking, "Subject: s\r\n\r\n").await;
    site.until_empty().await;
    assert_eq!(local.count("RCPT TO:<bob@our.example> NOTIFY=SUCCESS,FAILURE"), 1);
    assert_eq!((local.messages(), local.count("Action: delivered")), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn q07_what_is_taken_after_its_time_was_sent_and_what_is_not_has_failed_once() {
    for (reply, sent) in [("250 2.0.0 queued", true), ("451 4.3.0 not now", false)] {
        // Both the give-up time and the warning's pass while the peer thinks.
        let slow = Peer::new(move |command, _| {
            Some(match command {
                "." => format!("WAIT 360 {reply}\r\n"),
                _ => good(command),
            })
        });
        let local = Peer::good();
        let more = "[mta.retry]\nfirst = \"10s\"\nwarn_after = \"1m\"\ngive_up_after = \"5m\"\n";
        let site = Site::start(Peers::one(&slow).local(&local), Table::one("third.example"), more);
        site.send("alice@our.example", &["b@third.example"]).await;
        site.until_empty().await;
        assert_eq!(slow.messages(), 1);
        assert_eq!(local.count("Action: failed"), usize::from(!sent), "{reply}");
        assert_eq!(local.count("Action: delayed"), 0);
    }
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

#[tokio::test(start_paused = true)]
async fn a_notice_of_success_that_the_queue_refuses_is_put_again() {
    let (peer, local) = (Peer::good(), Peer::good());
    let site = Site::start(Peers::one(&peer).local(&local), Table::one("third.example"), "");
    let mut asking = envelope("alice@our.example", &["b@third.example"]);
    asking.recipients[0].notify =
        Notify::On { success: Wanted::Yes, failure: Wanted::Yes, delay: Wanted::No };
    site.send_as(asking, "Subject: s\r\n\r\n").await;
    site.shard.full.store(true, std::sync::atomic::Ordering::Relaxed);
    site.until_empty().await;
    tokio::time::sleep(std::time::Duration::from_secs(60 * 60)).await;
    assert_eq!((peer.messages(), local.messages()), (1, 0));
    site.shard.full.store(false, std::sync::atomic::Ordering::Relaxed);
    let soon = std::time::Duration::from_secs(5 * 60);
    tokio::time::timeout(soon, local.until_messages(1)).await.unwrap();
    site.until_empty().await;
    assert_eq!(local.count("Action: relayed"), 1);
}

#[tokio::test(start_paused = true)] // Tests RFC 3461 §5.2.5 and RFC 3464 §2.3.9.
async fn one_warning_names_all_who_still_wait() {
    let busy = Peer::new(|command, _| {
        Some(match command.starts_with("RCPT") {
            true => "451 4.2.2 over quota\r\n".into(),
            false => good(command),
        })
    });
    let local = Peer::good();
    let table = Table::one("third.example")
        .domain("fourth.example", &[(10, "mx.fourth.example")])
        .host("mx.fourth.example", [192, 0, 2, 4]);
    let more = "[mta.retry]\nwarn_after = \"4h\"\ngive_up_after = \"1d\"\n";
    // Nobody listens at the fourth.
    let site = Site::start(Peers::one(&busy).local(&local), table, more);
    let mut message = envelope(
        "alice@our.example",
        &["b@third.example", "c@third.example", "d@fourth.example", "e@fourth.example"],
    );
    // Who asked not to be warned isn't told, whoever else is.
    for quiet in [1, 3] {
        message.recipients[quiet].notify =
            Notify::On { success: Wanted::No, failure: Wanted::Yes, delay: Wanted::No };
    }
    site.send_as(message, "Subject: s\r\n\r\n").await;
    site.until_empty().await;
    let heard = local.heard();
    let warnings = heard.iter().filter(|line| line.starts_with("Subject: Your message is delayed"));
    assert_eq!(warnings.count(), 1);
    assert_eq!(local.count("Action: delayed"), 2);
    assert_eq!(local.count("Will-Retry-Until: "), 2);
    assert_eq!(local.count("Action: failed"), 4);
}

#[tokio::test(start_paused = true)]
async fn what_a_dead_host_held_up_is_told_and_settled_together() {
    let local = Peer::good();
    let more = "mta.deliveries_per_next_hop_max = 1\n[mta.retry]\ngive_up_after = \"1h\"\n";
    // Nobody listens at the host that DNS names.
    let site = Site::start(Peers::default().local(&local), Table::one("third.example"), more);
    for _ in 0..50 {
        site.send("alice@our.example", &["b@third.example"]).await;
    }
    site.until_empty().await;
    assert_eq!(local.count("Action: failed"), 50);
    assert_eq!(
        local.count("    Given up after 60 minutes. The recipient's mail system does not"),
        50
    );
}

/// Letters are given up together, and the queue doesn't take one of the notices, nor what comes with it.
#[tokio::test(start_paused = true)]
async fn a_notice_that_the_queue_cannot_take_holds_up_no_other() {
    let (silent, local) = (Peer::new(|_, _| None), Peer::good());
    let more = "mta.deliveries_per_next_hop_max = 1";
    let site = Site::start(Peers::one(&silent).local(&local), Table::one("third.example"), more);
    *site.shard.barred.lock().unwrap() = Some("alice+b@our.example".to_owned());
    let stays = site.send("alice+b@our.example", &["b@third.example"]).await;
    for _ in 0..6 {
        site.send("alice@our.example", &["c@third.example"]).await;
    }
    let alone = |rows: &[QueueRow]| rows.len() == 1 && rows[0].id == stays;
    site.until("the other ones are told of and gone", alone).await;
    assert_eq!(local.count("Action: failed"), 6);
    *site.shard.barred.lock().unwrap() = None;
    site.until_empty().await;
    assert_eq!(local.count("Final-Recipient: rfc822;b@third.example"), 1);
}
