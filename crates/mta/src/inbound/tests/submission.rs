//! What submission adds, checks and removes (RFC 6409), row S41.

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

#[tokio::test]
async fn local_callers_submit_over_the_unix_socket() {
    let host = Host::start().await;
    let (ours, theirs) = tokio::net::UnixStream::pair().unwrap();
    let peer = Peer::Local { uid: 33 };
    service::welcome(&host.inbound(), Door::Local, Io::unix(ours), peer, &host.sessions);
    let mut client = Client { io: Io::unix(theirs), read: Vec::new() };
    client.play("S: 220\nC: EHLO localhost\nS: 250-").await;
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
