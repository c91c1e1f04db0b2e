//! Whose mail is taken: rows S23, S28 to S33, S39 and S40.

use super::*;

/// Asks whether a recipient is taken; gives the reply.
async fn ask(client: &mut Client, recipient: &str) -> String {
    client.send("RSET").await;
    client.expect("250").await;
    client.send("MAIL FROM:<x@third.example> SMTPUTF8").await;
    client.expect("250").await;
    client.send(&format!("RCPT TO:{recipient}")).await;
    client.reply().await
}

#[tokio::test] // Tests RFC 5321 §4.5.1 and appendix C.
async fn s33_nobody_relays_through_us() {
    let host = Host::start().await;
    let mut client = host.connect(Door::Smtp, "192.0.2.1").await;
    client.play("C: EHLO third.example\nS: 250-").await;
    for recipient in [
        "<u@third.example>",
        "<u@[192.0.2.1]>",
        "<u@[127.0.0.1]>",
        "<u@[IPv6:::1]>",
        "<u@localhost>",
        "<u@mx.our.example>",
        "<u%third.example@our.example>",
        "<u%third.example@localhost>",
        "<u%third.example@[127.0.0.1]>",
        "<\"u%third.example\">",
        "<\"u@third.example\">",
        "<\"u@third.example\"@our.example>",
        "<u@third.example@our.example>",
        "<u@third.example@[127.0.0.1]>",
        "<third.example!u>",
        "<third.example!u@our.example>",
        "<third.example!u@[127.0.0.1]>",
        "<@our.example:u@third.example>",
        "<@our.example,@third.example:u@third.example>",
        "<@[127.0.0.1]:u@third.example>",
        "<u@third.example.>",
        "<u@our.example.>",
        "<u@our\u{3002}example>",
        "<u@third\u{3002}example>",
        "<u@third.example\t>",
        "<u@THIRD.EXAMPLE>",
        "<u@our.example.third.example>",
        "<u@xour.example>",
        "<u@ our.example>",
        "<alice@our.example@third.example>",
        "<alice@our.example,u@third.example>",
        "<alice@our.example> <u@third.example>",
        "<alice@our.example>,<u@third.example>",
        "<u>",
        "<third.example>",
        "<@third.example>",
        "<>",
        "u@third.example",
        "<u@third.example",
        "<\"alice@our.example\"@third.example>",
    ] {
        let reply = ask(&mut client, recipient).await;
        assert!(reply.starts_with('5'), "{recipient}: {reply}");
        if reply.contains("421") || reply.is_empty() {
            panic!("{recipient}: the session is over");
        }
        client = host.connect(Door::Smtp, "192.0.2.1").await;
        client.play("C: EHLO third.example\nS: 250-").await;
    }
    for recipient in
        ["<postmaster>", "<PostMaster>", "<postmaster@our.example>", "<ALICE@Our.Example>"]
    {
        let reply = ask(&mut client, recipient).await;
        assert!(reply.starts_with("250 2.1.5"), "{recipient}: {reply}");
    }
}

#[tokio::test]
async fn s32_routes_are_dropped_and_never_rewritten_outwards() {
    let host = Host::start().await;
    let mut user = host.connect(Door::Submission, "127.0.0.1").await;
    user.log_in("alice").await;
    user.play("C: MAIL FROM:<alice@our.example>\nS: 250\nC: RCPT TO:<@a.example,@b.example:u@third.example>\nS: 250")
        .await;
    for recipient in [
        "<u%third.example@our.example>",
        "<third.example!u@our.example>",
        "<\"u@third.example\"@our.example>",
    ] {
        user.send(&format!("RCPT TO:{recipient}")).await;
        user.expect("550 5.1.1").await;
    }
    user.play("C: DATA\nS: 354\nC: From: alice@our.example\nC:\nC: .\nS: 250").await;
    let rows = host.queued().await;
    let recipients: Vec<_> =
        rows[0].envelope.recipients.iter().map(|r| r.address.to_string()).collect();
    assert_eq!(recipients, ["u@third.example"]);
}

#[tokio::test]
async fn listed_networks_and_users_may_relay() {
    let host = Host::start().await;
    let mut listed = host.connect(Door::Smtp, "198.51.100.7").await;
    listed.play("C: HELO a\nS: 250").await;
    assert!(
        listed.deliver("a@b.example", &["u@third.example"], b"A: b\r\n").await.starts_with("250")
    );
    // On a submission port nobody sends without a login, wherever from.
    let mut listed = host.connect(Door::Submission, "198.51.100.7").await;
    listed.play("C: EHLO a\nS: 250-\nC: MAIL FROM:<alice@our.example>\nS: 530 5.7.0").await;
}

#[tokio::test]
async fn s29_local_parts_are_plain_text() {
    let host = Host::start().await;
    let mut client = host.connect(Door::Smtp, "192.0.2.1").await;
    client.play("C: EHLO third.example\nS: 250-").await;
    for recipient in [
        "<${run{id}}@our.example>",
        "<|id@our.example>",
        "</etc/passwd@our.example>",
        "<\":include:/x\"@our.example>",
    ] {
        let reply = ask(&mut client, recipient).await;
        assert!(reply.starts_with("550 5.1.1"), "{recipient}: {reply}");
    }
    assert!(ask(&mut client, "<:include:/x@our.example>").await.starts_with("501"));
    client.play("C: RSET\nS: 250\nC: MAIL FROM:<;id;>\nS: 501\nC: MAIL FROM:<-oQ/tmp@x.example>\nS: 250").await;
}

#[tokio::test] // Tests RFC 5321 §6.2.
async fn s40_unknown_users_are_refused_in_the_session() {
    let host = Host::start().await;
    let mut client = host.connect(Door::Smtp, "192.0.2.1").await;
    client.play("C: EHLO third.example\nS: 250-").await;
    assert!(ask(&mut client, "<nobody@our.example>").await.starts_with("550 5.1.1"));
    client.play("C: DATA\nS: 503").await;
    assert!(host.queued().await.is_empty());
}

#[tokio::test] // Tests RFC 5321 §6.3.
async fn s39_a_message_that_loops_is_refused() {
    let host = Host::start().await;
    let mut client = host.connect(Door::Smtp, "192.0.2.1").await;
    client.play("C: HELO third.example\nS: 250").await;
    for (hops, expected) in [(100, "250 2.0.0"), (101, "554 5.4.6")] {
        let content = "Received: from a by b; now\r\n".repeat(hops) + "\r\nbody\r\n";
        let reply = client.deliver("a@b.example", &["alice@our.example"], content.as_bytes()).await;
        assert!(reply.starts_with(expected), "{hops}: {reply}");
    }
}

#[tokio::test]
async fn s23_headers_without_end_are_refused() {
    let host = Host::start().await;
    let mut client = host.connect(Door::Smtp, "198.51.100.1").await;
    client.play("C: HELO third.example\nS: 250").await;
    let to = ["alice@our.example"];
    let many_fields = b"To: a@b.example\r\n".repeat(500_000);
    let one_field = [b"Subject: ".as_slice(), &b"x".repeat(10 * 1024 * 1024), b"\r\n\r\n"].concat();
    let folds = [b"Subject: x\r\n".as_slice(), &b" y\r\n".repeat(300_000), b"\r\n"].concat();
    // Each dot that is unstuffed parts the content once more.
    let dots = b"..\r\n".repeat(400_000);
    for content in [many_fields, one_field, folds, dots] {
        let reply = client.deliver("a@b.example", &to, &content).await;
        assert!(reply.starts_with("552 5.3.4"), "{reply}");
    }
    // What real mail has is taken: a long header, and a line of 10 MiB in the body.
    let long_header = [&b"To: a@b.example\r\n".repeat(20_000)[..], b"\r\n"].concat();
    let long_line = [b"A: b\r\n\r\n".as_slice(), &b"x".repeat(10 * 1024 * 1024), b"\r\n"].concat();
    for content in [long_header, long_line] {
        let reply = client.deliver("a@b.example", &to, &content).await;
        assert!(reply.starts_with("250 2.0.0"), "{reply}");
    }
}

#[tokio::test]
async fn s28_what_the_client_did_not_finish_is_not_there() {
    let host = Host::start().await;
    for end in ["A: b\r\n", "A: b\r\n\r", "A: b\r\n.", "A: b\r\n.\r"] {
        let mut client = host.connect(Door::Smtp, "192.0.2.1").await;
        client
            .play("C: HELO a\nS: 250\nC: MAIL FROM:<>\nS: 250\nC: RCPT TO:<bob@our.example>\nS: 250\nC: DATA\nS: 354")
            .await;
        client.send_octets(end.as_bytes()).await;
    }
    host.sessions.close();
    host.sessions.wait().await;
    assert!(host.queued().await.is_empty());
    assert_eq!(host.inbound().slots.taken(), 0);
}

#[tokio::test]
async fn s28_a_message_whose_reply_was_lost_is_stored_once() {
    let host = Host::start().await;
    let mut client = host.connect(Door::Smtp, "192.0.2.1").await;
    client
        .play("C: HELO a\nS: 250\nC: MAIL FROM:<>\nS: 250\nC: RCPT TO:<bob@our.example>\nS: 250\nC: DATA\nS: 354")
        .await;
    client.send("Subject: x\r\n.").await;
    drop(client);
    host.sessions.close();
    host.sessions.wait().await;
    assert_eq!(host.queued().await.len(), 1);
    host.inbound().journal.flush();
    let records = postroad_observe::trace::merge(
        &host.folder.path().join("trace"),
        &host.queued().await[0].id.to_string(),
    );
    let records = format!("{:?}", records.unwrap());
    assert!(records.contains("could not be delivered"), "{records}");
}

#[tokio::test] // Tests RFC 5321 §4.5.1.
async fn the_postmaster_is_a_user_whom_every_delivery_agent_knows() {
    let host = Host::start().await;
    let mut client = host.connect(Door::Smtp, "192.0.2.1").await;
    client.play("C: HELO a\nS: 250").await;
    client.deliver("a@b.example", &["Postmaster"], b"A: b\r\n\r\n").await;
    client.deliver("a@b.example", &["postmaster@our.example"], b"A: b\r\n\r\n").await;
    let rows = host.queued().await;
    assert_eq!(rows.len(), 2);
    for row in rows {
        let recipient = &row.envelope.recipients[0];
        assert_eq!(recipient.address.to_string(), "alice@our.example");
        assert_eq!(recipient.orcpt.as_deref(), Some("rfc822;postmaster@our.example"));
    }
}

/// A delivery agent that takes nothing for bob.
async fn agent_without_bob(listener: tokio::net::UnixListener) {
    use tokio::io::AsyncBufReadExt as _;
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(async move {
            let mut stream = tokio::io::BufReader::new(stream);
            stream.write_all(b"220 agent\r\n").await.unwrap();
            let mut line = String::new();
            while stream.read_line(&mut line).await.is_ok_and(|octets| octets > 0) {
                let reply = match line.starts_with("RCPT TO:<bob@") {
                    true => "550 5.2.1 bob has gone\r\n",
                    false => "250 2.0.0 Ok\r\n",
                };
                stream.write_all(reply.as_bytes()).await.unwrap();
                line.clear();
            }
        });
    }
}

#[tokio::test]
async fn an_alias_of_one_mailbox_is_taken_where_the_mailbox_is() {
    let host = Host::start().await;
    let listener = tokio::net::UnixListener::bind(host.folder.path().join("lmtp.sock")).unwrap();
    tokio::spawn(agent_without_bob(listener));
    let mut client = host.connect(Door::Smtp, "192.0.2.1").await;
    client.play("C: HELO a\nS: 250\nC: MAIL FROM:<a@b.example>\nS: 250").await;
    for (recipient, reply) in [
        ("sales@our.example", "550 5.2.1 bob has gone"),
        ("bob@our.example", "550 5.2.1 bob has gone"),
        ("team@our.example", "250"),
        ("postmaster@our.example", "250"),
    ] {
        client.play(&format!("C: RCPT TO:<{recipient}>\nS: {reply}")).await;
    }
}
