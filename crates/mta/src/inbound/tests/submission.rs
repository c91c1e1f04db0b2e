//! What submission adds, checks and removes (RFC 6409), row S41.

use std::os::unix::fs::MetadataExt as _;

use super::*;

async fn logged_in(host: &Host) -> Client {
    let mut client = host.connect(Door::Submission, "127.0.0.1").await;
    client.log_in("alice").await;
    client
}

#[tokio::test] // Tests RFC 6409 §8.2, §8.3 and RFC 5322 §3.6.3.
async fn what_is_missing_is_added_and_blind_copies_are_removed() {
    let host = Host::start().await;
    let mut client = logged_in(&host).await;
    let content =
        b"From: Alice <alice+x@our.example>\r\nBcc: bob@our.example,\r\n\teve@third.example\r\n\
        Subject: x\r\nbcc: again@third.example\r\n\r\nBcc: body\r\n";
    let reply = client.deliver("alice@our.example", &["u@third.example"], content).await;
    assert!(reply.starts_with("250 2.0.0"), "{reply}");
    let content = host.content().await;
    let id = host.queued().await[0].id;
    assert!(content.contains(&format!("\r\nMessage-ID: <{id}@mx.our.example>\r\n")), "{content}");
    assert!(content.contains("\r\nDate: "), "{content}");
    let end = "From: Alice <alice+x@our.example>\r\nSubject: x\r\n\r\nBcc: body\r\n";
    assert!(content.ends_with(end), "{content}");
    assert!(content.contains("with ESMTPA id"), "{content}");
}

#[tokio::test]
async fn a_large_message_is_treated_alike() {
    let host = Host::start().await;
    let mut client = logged_in(&host).await;
    let head = "From: alice@our.example\r\nBcc: bob@our.example\r\n\r\n";
    let content = format!("{head}{}", "a line of text\r\n".repeat(40_000));
    let reply = client.deliver("alice@our.example", &["u@third.example"], content.as_bytes()).await;
    assert!(reply.starts_with("250 2.0.0"), "{reply}");
    let content = host.content().await;
    assert!(!content.contains("Bcc") && content.contains("\r\nMessage-ID: "));
    assert!(content.ends_with("a line of text\r\n"));
}

#[tokio::test] // Tests RFC 6409 §6.1.
async fn s41_nobody_sends_as_somebody_else() {
    let host = Host::start().await;
    let mut client = logged_in(&host).await;
    client.play("C: MAIL FROM:<bob@our.example>\nS: 553 5.7.1\nC: MAIL FROM:<a@third.example>\nS: 553 5.7.1").await;
    for (header, expected) in [
        ("From: bob@our.example\r\n", "550 5.7.1"),
        ("From: alice@our.example, bob@our.example\r\n", "550 5.7.1"),
        ("From: alice@our.example\r\nFrom: bob@our.example\r\n", "550 5.6.0"),
        ("From: alice@our.example\r\nSender: bob@our.example\r\n", "550 5.7.1"),
        ("From: =?utf-8?b?PGFkbWluQGxlZ2l0Pg==?=,<alice@our.example>\r\n", "550 5.7.1"),
        ("From: <@a.example,@b.example:admin@third.example>\r\n", "550 5.7.1"),
        ("From: a group: bob@our.example;\r\n", "550 5.7.1"),
        ("From:\r\n", "550 5.6.0"),
        ("Subject: nobody\r\n", "550 5.6.0"),
        (" From: alice@our.example\r\n", "550 5.6.0"),
        ("From: \"bob@our.example\" <alice@our.example>\r\n", "250 2.0.0"),
        ("From: alice@our.example\r\nSender: Alice <alice+x@our.example>\r\n", "250 2.0.0"),
    ] {
        let content = format!("{header}\r\nbody\r\n");
        let reply =
            client.deliver("alice@our.example", &["u@third.example"], content.as_bytes()).await;
        assert!(reply.starts_with(expected), "{header:?}: {reply}");
    }
}

#[tokio::test] // Row M10.
async fn m10_words_without_an_end_hold_up_nobody() {
    let host = Host::start().await;
    let mut client = logged_in(&host).await;
    let attack = "=?aa?q?b ".repeat(20_000);
    for (header, expected) in [
        (format!("From: {attack}=?utf-8?q?A,_B?= <alice@our.example>\r\n"), "250 2.0.0"),
        (format!("From: {attack}=?utf-8?q?A,_B?= <bob@our.example>\r\n"), "550 5.7.1"),
        (format!("From: {attack}\r\n"), "550 5.7.1"),
        (format!("From: alice@our.example\r\nSubject: {attack}\r\n"), "250 2.0.0"),
        (format!("From: {}@our.example\r\n", "a".repeat(50_000)), "550 5.7.1"),
    ] {
        let header = header.replace("b =?", "b\r\n =?");
        let content = format!("{header}\r\nbody\r\n");
        let reply =
            client.deliver("alice@our.example", &["u@third.example"], content.as_bytes()).await;
        assert!(reply.starts_with(expected), "{header:.60}: {reply}");
        // RFC 5321 §4.5.3.1.5
        assert!(reply.len() <= 512, "{header:.60}: {reply}");
    }
}

/// What a user's rules send on: it has been under way already.
const SENT_ON: &[u8] =
    b"Received: from a.example by mx.our.example; Sun, 29 Nov 2026 12:00:00 +0000\r\n\
    From: x@a.example\r\nFrom: y@a.example\r\nBcc: z@a.example\r\n\r\nhello\r\n";

#[tokio::test] // Tests RFC 5321 §3.9.1.
async fn what_rules_send_on_goes_on_as_it_came() {
    let host = Host::start().await;
    let mut client = host.connect_as(33).await;
    let reply = client.deliver("x@a.example", &["u@third.example"], SENT_ON).await;
    assert!(reply.starts_with("250 2.0.0"), "{reply}");
    let content = host.content().await;
    assert!(content.ends_with(std::str::from_utf8(SENT_ON).unwrap()), "{content}");
    // Not so for users: who has logged in submits.
    let mut client = logged_in(&host).await;
    let reply = client.deliver("alice@our.example", &["u@third.example"], SENT_ON).await;
    assert!(reply.starts_with("550 5.6.0"), "{reply}");
}

#[tokio::test]
async fn what_everybodys_rules_send_on_is_nobodys_allowance() {
    let host = Host::start_with(|config| {
        config.mta.messages_per_user_max = 1;
        config.mda.maildir = format!("{}/mail/{{user}}", config.data.display());
        std::fs::create_dir(config.mda.mailboxes()).unwrap();
    })
    .await;
    let mailboxes = std::fs::metadata(host.inbound().config.mda.mailboxes()).unwrap();
    let mut agent = host.connect_as(mailboxes.uid()).await;
    let mut other = host.connect_as(mailboxes.uid() + 1).await;
    for client in [&mut agent, &mut other] {
        let reply = client.deliver("x@a.example", &["u@third.example"], SENT_ON).await;
        assert!(reply.starts_with("250"), "{reply}");
    }
    other.play("C: MAIL FROM:<x@a.example>\nS: 452 4.7.1 You may send 1 messages an hour").await;
    agent.play("C: MAIL FROM:<x@a.example>\nS: 250").await;
}

#[tokio::test]
async fn local_callers_submit_over_the_unix_socket() {
    let host = Host::start().await;
    let mut client = host.connect_as(33).await;
    let reply =
        client.deliver("www-data@our.example", &["u@third.example"], b"Subject: x\r\n\r\n").await;
    assert!(reply.starts_with("250 2.0.0"), "{reply}");
    let content = host.content().await;
    assert!(
        content.starts_with("Received: from localhost (uid 33)\r\n\tby mx.our.example"),
        "{content}"
    );
    assert!(content.contains("\r\nFrom: <www-data@our.example>\r\n"), "{content}");
}
