//! Connections, deadlines, TLS, logins and what a user may send: rows Q09, S16, S18, S26, S27, S34 and S35.

use rustls_pki_types::ServerName;

use super::*;

#[tokio::test]
async fn s27_connections_of_one_client_are_counted() {
    let host = Host::start_with(|config| config.mta.connections_per_client_max = 2).await;
    let _first = host.connect(Door::Smtp, "2001:db8::1").await;
    let second = host.connect(Door::Smtp, "2001:db8::2").await;
    let mut third = host.dial(Door::Smtp, "2001:db8::3").await;
    third.expect("421 4.7.0").await;
    third.expect("").await;
    let _other_network = host.connect(Door::Smtp, "2001:db8:1::1").await;
    // This host and listed networks are spared.
    let mut spared = Vec::new();
    for ip in ["127.0.0.1", "::1", "198.51.100.9"] {
        for _ in 0..5 {
            spared.push(host.connect(Door::Smtp, ip).await);
        }
    }
    // A place that was left can be had again.
    drop(second);
    loop {
        let mut again = host.dial(Door::Smtp, "2001:db8::4").await;
        if again.reply().await.starts_with("220") {
            break;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test] // Tests RFC 5321 §3.1.
async fn s15_who_talks_before_the_greeting_is_not_heard() {
    let host = Host::start().await;
    let (ours, mut theirs) = tokio::net::UnixStream::pair().unwrap();
    theirs.write_all(b"HELO a\r\nMAIL FROM:<a@b.example>\r\n").await.unwrap();
    let peer = Peer::Ip(SocketAddr::new("192.0.2.1".parse().unwrap(), 40_000));
    service::welcome(&host.inbound(), Door::Smtp, Io::unix(ours), peer, &host.sessions);
    let mut client = Client { io: Io::unix(theirs), read: Vec::new() };
    client.expect("554 5.5.0").await;
    client.expect("").await;
}

#[tokio::test]
async fn s27_connections_of_all_clients_are_counted() {
    let host = Host::start_with(|config| config.mta.connections_max = 1).await;
    let _first = host.connect(Door::Smtp, "127.0.0.1").await;
    host.dial(Door::Smtp, "192.0.2.1").await.expect("421 4.7.0").await;
}

#[tokio::test] // Tests RFC 5321 §4.5.3.2.7.
async fn s26_octets_that_trickle_in_hold_no_slot() {
    let host = Host::start().await;
    let mut in_command = host.connect(Door::Smtp, "192.0.2.1").await;
    let mut in_data = host.connect(Door::Smtp, "192.0.2.2").await;
    in_data
        .play("C: HELO a\nS: 250\nC: MAIL FROM:<>\nS: 250\nC: RCPT TO:<bob@our.example>\nS: 250\nC: DATA\nS: 354")
        .await;
    let _in_handshake = host.dial(Door::Submissions, "192.0.2.3").await;
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let trickle = async |client: &mut Client| {
        loop {
            tokio::select! {
                reply = client.reply() => return reply,
                () = tokio::time::sleep(Duration::from_secs(20)) => client.send_octets(b"x").await,
            }
        }
    };
    let (command, data) = tokio::join!(trickle(&mut in_command), trickle(&mut in_data));
    assert!(command.starts_with("421 4.4.2") && data.starts_with("421 4.4.2"), "{command}{data}");
    assert!(began.elapsed() < Duration::from_secs(5 * 60 + 40), "{:?}", began.elapsed());
    drop((in_command, in_data));
    host.sessions.close();
    host.sessions.wait().await;
    assert_eq!(host.inbound().slots.taken(), 0);
}

#[tokio::test] // Tests RFC 3207 §4.2.
async fn s16_starttls_and_what_came_before_it() {
    let host = Host::start().await;
    let mut client = host.connect(Door::Smtp, "192.0.2.1").await;
    client.play("C: EHLO a\nS: 250-\nC: STARTTLS\nS: 220 2.0.0").await;
    let name = ServerName::try_from("mx.our.example").unwrap();
    let config = postroad_net::tls::opportunistic().unwrap();
    let io = client.io.connect_tls(config, name).await.unwrap();
    let mut client = Client { io, read: Vec::new() };
    client.play("C: MAIL FROM:<>\nS: 503 5.5.1\nC: EHLO a\nS: 250-").await;
    let reply = client.deliver("a@b.example", &["alice@our.example"], b"A: b\r\n").await;
    assert!(reply.starts_with("250 2.0.0"), "{reply}");
    let content = host.content().await;
    assert!(content.contains("(TLSv1.3 ") && content.contains("with ESMTPS id"), "{content}");

    let mut client = host.connect(Door::Smtp, "192.0.2.1").await;
    client.play("C: EHLO a\nS: 250-").await;
    client.send_octets(b"STARTTLS\r\nMAIL FROM:<x@y.example>\r\n").await;
    client.expect("554 5.5.0").await;
    client.expect("").await;
}

#[tokio::test]
async fn submissions_is_encrypted_from_the_first_octet() {
    let host = Host::start().await;
    let client = host.dial(Door::Submissions, "192.0.2.1").await;
    let name = ServerName::try_from("mx.our.example").unwrap();
    let config = postroad_net::tls::opportunistic().unwrap();
    let io = client.io.connect_tls(config, name).await.unwrap();
    let mut client = Client { io, read: Vec::new() };
    client.expect("220").await;
    client.log_in("bob@our.example").await;
    let reply = client
        .deliver("bob@our.example", &["u@third.example"], b"From: bob@our.example\r\n\r\n")
        .await;
    assert!(reply.starts_with("250 2.0.0"), "{reply}");
    assert!(host.content().await.contains("with ESMTPSA id"));
}

#[tokio::test] // Tests RFC 4954 §4.
async fn s18_logins_are_for_submission_inside_tls_or_on_this_host() {
    let host = Host::start().await;
    for (door, ip, offered, refusal) in [
        (Door::Smtp, "127.0.0.1", false, "503"),
        (Door::Submission, "192.0.2.1", false, "538 5.7.11"),
        (Door::Submission, "127.0.0.1", true, "501"),
    ] {
        let mut client = host.connect(door, ip).await;
        client.send("EHLO a").await;
        assert_eq!(client.reply().await.contains("AUTH PLAIN LOGIN"), offered, "{door:?} {ip}");
        client.send("AUTH PLAIN !").await;
        client.expect(refusal).await;
    }
}

#[tokio::test] // Tests RFC 5321 §7.3.
async fn s34_known_and_unknown_get_the_same_octets() {
    let host = Host::start().await;
    let mut client = host.connect(Door::Submission, "127.0.0.1").await;
    client.play("C: EHLO a\nS: 250-").await;
    for verb in ["VRFY", "EXPN"] {
        let mut replies = Vec::new();
        for name in ["alice", "nobody", "alice@our.example", "u@third.example"] {
            client.send(&format!("{verb} {name}")).await;
            replies.push(client.reply().await);
        }
        replies.dedup();
        assert_eq!(replies.len(), 1, "{replies:?}");
    }
    // "\0alice\0wrong" and "\0nobody\0wrong"
    let mut replies = Vec::new();
    for message in ["AGFsaWNlAHdyb25n", "AG5vYm9keQB3cm9uZw=="] {
        client.send(&format!("AUTH PLAIN {message}")).await;
        replies.push(client.reply().await);
    }
    replies.dedup();
    assert_eq!(replies, ["535 5.7.8 Name or password is wrong\r\n"]);
}

#[tokio::test]
async fn s35_a_second_guess_waits_and_nobody_is_locked_out() {
    let host = Host::start().await;
    let mut guesser = host.connect(Door::Submission, "127.0.0.1").await;
    guesser.play("C: EHLO a\nS: 250-\nC: AUTH PLAIN AGFsaWNlAHdyb25n\nS: 535 5.7.8").await;
    let began = tokio::time::Instant::now();
    guesser.send("AUTH PLAIN AGFsaWNlAHdyb25nMg==").await;
    let mut user = host.connect(Door::Submission, "127.0.0.1").await;
    user.log_in("alice").await;
    guesser.expect("535 5.7.8").await;
    assert!(began.elapsed() >= postroad_logins::limits::GUESS_DELAY_FIRST);
}

#[tokio::test]
async fn q09_a_local_user_sends_so_many_messages_and_another_is_not_in_its_way() {
    let host = Host::start_with(|config| config.mta.messages_per_user_max = 3).await;
    // One begun in each session counts: none of them gets past by being at the same time.
    let mut sessions = Vec::new();
    for _ in 0..3 {
        let mut client = host.connect_as(1_000).await;
        client.play("C: MAIL FROM:<a@our.example>\nS: 250").await;
        sessions.push(client);
    }
    let mut fourth = host.connect_as(1_000).await;
    fourth.play("C: MAIL FROM:<a@our.example>\nS: 452 4.7.1 You may send 3 messages an hour").await;
    for client in &mut sessions {
        client.play("C: RCPT TO:<x@third.example>\nS: 250\nC: DATA\nS: 354\nC: .\nS: 250").await;
    }
    assert_eq!(host.queued().await.len(), 3);
    let mut other = host.connect_as(1_001).await;
    let reply = other.deliver("b@our.example", &["x@third.example"], b"A: b\r\n").await;
    assert!(reply.starts_with("250"), "{reply}");
    // Who relays by its network isn't counted, and neither is who writes to us.
    for ip in ["198.51.100.7", "192.0.2.1"] {
        let mut client = host.connect(Door::Smtp, ip).await;
        client.play("C: EHLO a\nS: 250-").await;
        for _ in 0..4 {
            let reply = client.deliver("a@b.example", &["bob@our.example"], b"A: b\r\n").await;
            assert!(reply.starts_with("250"), "{reply}");
        }
    }
}

#[tokio::test]
async fn q09_address_probes_run_out() {
    let host = Host::start_with(|config| config.mta.recipients_per_user_max = 3).await;
    let mut client = host.connect(Door::Submission, "127.0.0.1").await;
    client.log_in("alice").await;
    client
        .play(
            "C: MAIL FROM:<alice@our.example>
             S: 250
             C: RCPT TO:<no1@our.example>
             S: 550
             C: RCPT TO:<no2@our.example>
             S: 550
             C: RCPT TO:<bob@our.example>
             S: 250
             C: RCPT TO:<x@third.example>
             S: 452 4.7.1 You may send 3 recipients an hour
             C: DATA
             S: 354
             C: From: alice@our.example
             C: .
             S: 250",
        )
        .await;
    // In another session, and by another of her addresses: the login counts.
    let mut again = host.connect(Door::Submission, "127.0.0.1").await;
    again.log_in("alice@our.example").await;
    again
        .play("C: MAIL FROM:<alice@our.example>\nS: 250\nC: RCPT TO:<bob@our.example>\nS: 452")
        .await;
    let mut bob = host.connect(Door::Submission, "127.0.0.1").await;
    bob.log_in("bob").await;
    bob.play("C: MAIL FROM:<bob@our.example>\nS: 250\nC: RCPT TO:<alice@our.example>\nS: 250")
        .await;
}

#[tokio::test]
async fn q09_octets_are_counted_announced_or_not() {
    let host = Host::start_with(|config| {
        config.mta.message_size_max = 200_000;
        config.mta.octets_per_user_max = 200_000;
    })
    .await;
    let mut client = host.connect_as(1_000).await;
    let content = b"0123456789abcdef\r\n".repeat(6_000);
    let reply = client.deliver("a@our.example", &["x@third.example"], &content).await;
    assert!(reply.starts_with("250"), "{reply}");
    client.play("C: MAIL FROM:<a@our.example> SIZE=108000\nS: 452 4.7.1 You may send 200000").await;
    let reply = client.deliver("a@our.example", &["x@third.example"], &content).await;
    assert!(reply.starts_with("452 4.7.1 You may send 200000 octets an hour"), "{reply}");
    let reply = client.deliver("a@our.example", &["x@third.example"], b"A: b\r\n").await;
    assert!(reply.starts_with("250"), "{reply}");
    assert_eq!(host.queued().await.len(), 2);
}

#[tokio::test]
async fn q05_a_list_that_no_message_could_go_to_is_refused_for_good() {
    let most = postroad_queue::RECIPIENTS_MAX;
    let list = |name: &str, from: usize, to: usize| {
        let members = (from..to).map(|n| format!("u{n}@third.example")).collect::<Vec<_>>();
        format!("{name}: {}\n", members.join(", "))
    };
    let host = Host::start_with(|config| {
        let lists =
            [list("all", 0, most + 1), list("half", 0, most / 2), list("rest", most / 2, most)];
        let more = "team: rest, eve@third.example\n";
        std::fs::write(&config.accounts.aliases, lists.concat() + more).unwrap();
    })
    .await;
    let mut client = host.connect(Door::Smtp, "192.0.2.1").await;
    let dialog = |end: &str| {
        format!(
            "C: EHLO client.example
             S: 250-
             C: MAIL FROM:<a@b.example>
             S: 250
             C: RCPT TO:<all@our.example>
             S: 550 5.2.4 lists expand this to 20001 recipients, more than the 20000 of one message
             C: RCPT TO:<half@our.example>
             S: 250
             C: RCPT TO:<rest@our.example>
             S: 250
             {end}"
        )
    };
    client.play(&dialog("C: DATA\nS: 354\nC: .\nS: 250")).await;
    assert_eq!(host.queued().await[0].envelope.recipients.len(), most);
    client
        .play(&dialog("C: RCPT TO:<team@our.example>\nS: 250\nC: DATA\nS: 354\nC: .\nS: 550 5.2.4"))
        .await;
}
