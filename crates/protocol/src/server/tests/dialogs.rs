//! Sessions from the greeting on: rows S13 to S38.

use std::time::Duration;

use super::*;
use crate::limits;

#[test] // Tests RFC 5321 §3.3 and RFC 2920 §3.1.
fn one_message() {
    check(
        Service::Smtp,
        "S: 220 mx.our.example ESMTP
         C: EHLO a.example
         S: 250-mx.our.example
         S: 250-PIPELINING
         S: 250-SIZE 100000
         S: 250-8BITMIME
         S: 250-SMTPUTF8
         S: 250-ENHANCEDSTATUSCODES
         S: 250-CHUNKING
         S: 250-DSN
         S: 250-LIMITS RCPTMAX=1000
         S: 250-STARTTLS
         S: 250 HELP
         C: MAIL FROM:<a@a.example> SIZE=100 BODY=8BITMIME
         C: RCPT TO:<u@our.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;u@our.example
         C: RCPT TO:<w@our.example>
         C: DATA
         S: 250 2.1.0
         S: 250 2.1.5
         S: 550 5.1.1
         S: 354 End data
         C: Subject: x
         C:
         C: ..one
         C: .
         S: 250 2.0.0 queued
         C: QUIT
         S: 221 2.0.0
         S: <CLOSED>",
    );
}

#[test] // Tests RFC 2033 §4.2.
fn lmtp_answers_once_per_recipient() {
    check(
        Service::Lmtp,
        "S: 220 mx.our.example LMTP
         C: EHLO a.example
         S: 500 5.5.1
         C: MAIL FROM:<>
         S: 503 5.5.1
         C: LHLO a.example
         S: 250-mx.our.example
         S: 250-PIPELINING
         S: 250-SIZE 100000
         S: 250-8BITMIME
         S: 250-SMTPUTF8
         S: 250-ENHANCEDSTATUSCODES
         S: 250-CHUNKING
         S: 250-LIMITS RCPTMAX=1000
         S: 250-STARTTLS
         S: 250 HELP
         C: MAIL FROM:<>
         C: RCPT TO:<w@our.example>
         C: DATA
         S: 250 2.1.0
         S: 550 5.1.1
         S: 503 5.5.1 No valid recipients
         C: RCPT TO:<u@our.example>
         C: RCPT TO:<v@our.example>
         C: DATA
         S: 250 2.1.5
         S: 250 2.1.5
         S: 354
         C: X: refuse
         C: .
         S: 550 5.7.1
         S: 550 5.7.1",
    );
}

#[test]
fn s15_commands_that_must_be_the_last_of_their_group() {
    for command in ["EHLO a.example", "HELO a.example"] {
        let dialog = format!("S: 220\nC: {command}\nC: MAIL FROM:<>\nS: 554 5.5.0\nS: <CLOSED>");
        check_uncut(&settings(Service::Smtp), &dialog);
    }
}

#[test] // Tests RFC 6531 §3.5 and §3.6.
fn s13_utf8_without_smtputf8_changes_nothing() {
    check(
        Service::Smtp,
        "S: 220
         C: HELO a.example
         S: 250
         C: MAIL FROM:<j\\xc3\\xbcrgen@our.example>
         S: 553 5.6.7
         C: MAIL FROM:<a@a.example>
         C: RCPT TO:<u@our.example>
         C: RCPT TO:<j\\xc3\\xbcrgen@our.example>
         C: VRFY <\\xc3\\xbc@x.example>
         C: DATA
         S: 250 2.1.0
         S: 250 2.1.5
         S: 553 5.6.7
         S: 252 2.1.5
         S: 354
         C: .
         S: 250 2.0.0 queued",
    );
}

#[test]
fn s15_talking_before_the_greeting_and_out_of_turn() {
    let now = Instant::now();
    let mut server = Server::new(settings(Service::Smtp), now);
    server.push(b"EHLO a.example\r\n");
    assert_eq!(server.step(now), Step::Close);
    assert!(server.output().starts_with(b"554 5.5.0"));
    let data = "S: 220
        C: HELO a.example
        S: 250
        C: MAIL FROM:<a@a.example>
        C: RCPT TO:<u@our.example>
        C: DATA
        C: X: 1
        S: 250
        S: 250
        S: 554 5.5.0
        S: <CLOSED>";
    check_uncut(&settings(Service::Smtp), data);
    let auth = "S: 220
        C: EHLO a.example
        S: 250-
        S: 250-
        S: 250-
        S: 250-
        S: 250-
        S: 250-
        S: 250-
        S: 250-
        S: 250-
        S: 250-
        S: 250-AUTH PLAIN LOGIN
        S: 250 HELP
        C: AUTH PLAIN AHUAcHc=
        C: MAIL FROM:<u@our.example>
        S: 554 5.5.0
        S: <CLOSED>";
    let submission = Settings { login: LoginRule::Required, ..settings(Service::Submission) };
    check_uncut(&submission, auth);
}

#[test] // Tests RFC 3207 §4.2.
fn s16_commands_before_the_handshake_are_never_run() {
    for tail in
        ["RSET\r\nMAIL FROM:<x@y.example>\r\n".to_owned(), "x".into(), "x".repeat(64 * 1024)]
    {
        let mut host = Host::new(settings(Service::Smtp));
        host.send(b"EHLO a.example\r\n");
        host.said.clear();
        host.send(format!("STARTTLS\r\n{tail}").as_bytes());
        let said = String::from_utf8_lossy(&host.said);
        assert!(said.starts_with("554 5.5.0") && said.matches("\r\n").count() == 1, "{said}");
        assert!(host.closed);
    }
}

#[test] // Tests RFC 3207 §4.2.
fn s17_starttls_forgets_and_comes_once() {
    check(
        Service::Smtp,
        "S: 220
         C: STARTTLS
         S: 503 5.5.1
         C: HELO a.example
         S: 250
         C: STARTTLS x
         S: 501 5.5.4
         C: MAIL FROM:<a@a.example>
         C: RSET
         S: 250
         S: 250
         C: STARTTLS
         S: 220 2.0.0
         S: <TLS>
         C: RCPT TO:<u@our.example>
         C: MAIL FROM:<a@a.example>
         S: 503 5.5.1
         S: 503 5.5.1 Say hello first
         C: HELO a.example
         S: 250
         C: STARTTLS
         S: 503 5.5.1",
    );
}

#[test] // Tests RFC 4954 §4 and §6.
fn s18_auth_only_where_it_belongs() {
    check(Service::Smtp, "S: 220\nC: AUTH PLAIN AHUAcHc=\nS: 503 5.5.1 AUTH is not offered");
    let submission = Settings { login: LoginRule::RequiredInTls, ..settings(Service::Submission) };
    let dialog = "S: 220
         C: AUTH PLAIN AHUAcHc=
         S: 503 5.5.1
         C: HELO a.example
         S: 250
         C: AUTH PLAIN AHUAcHc=
         S: 538 5.7.11
         C: MAIL FROM:<u@our.example>
         S: 530 5.7.0
         C: STARTTLS
         S: 220
         S: <TLS>
         C: HELO a.example
         S: 250
         C: AUTH PLAIN AHUAcHc=
         S: 235 2.7.0
         C: AUTH PLAIN AHUAcHc=
         S: 503 5.5.1
         C: MAIL FROM:<u@our.example>
         S: 250 2.1.0
         C: AUTH PLAIN AHUAcHc=
         S: 503 5.5.1";
    check_with(&submission, dialog);
}

#[test] // Tests RFC 4954 §4.
fn s19_logins_that_fail() {
    let submission = Settings { login: LoginRule::Required, ..settings(Service::Submission) };
    let dialog = "S: 220
         C: HELO a.example
         S: 250
         C: AUTH PLAIN YWRtaW4AbWFsbG9yeQBwdw==
         S: 535 5.7.8
         C: AUTH PLAIN AHUAbm8=
         S: 535 5.7.8 wrong
         C: AUTH PLAIN !
         S: 501 5.5.2
         C: AUTH LOGIN
         S: 334 VXNlcm5hbWU6
         C: *
         S: 501 5.7.0
         C: AUTH CRAM-MD5
         S: 504 5.5.4
         C: AUTH PLAIN
         S: 334
         C: AHUAcHc=
         S: 235 2.7.0";
    check_with(&submission, dialog);
    let mut host = Host::new(submission);
    host.send(b"HELO a.example\r\n");
    host.send(b"AUTH PLAIN\r\n");
    host.said.clear();
    host.send(&b"A".repeat(limits::AUTH_LINE_OCTETS_MAX));
    assert!(host.said.starts_with(b"500 5.5.6") && host.closed);
}

#[test] // Tests RFC 4954 §4.
fn a_login_of_several_steps() {
    let offer = Offer { scram: Offered::Yes, tokens: Offered::Yes };
    let submission =
        Settings { login: LoginRule::Required, offer, ..settings(Service::Submission) };
    let dialog = "S: 220
         C: HELO a.example
         S: 250
         C: AUTH XOAUTH2
         S: 334
         C: dXNlcj11AWF1dGg9QmVhcmVyIHQBAQ==
         S: 334 e30=
         C:
         S: 535 5.7.8 The token is not accepted
         C: AUTH SCRAM-SHA-256 biwsbj1hbGljZSxyPXg=
         S: 334 cj14eSxzPWMyRnNkQT09LGk9NDA5Ng==
         C: Yz1iaXdzLHI9eHkscD1BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBPQ==
         S: 334 dj1jMmxuYmc9PQ==
         C:
         S: 235 2.7.0";
    check_with(&submission, dialog);
    let mut host = Host::new(submission);
    host.send(b"EHLO a.example\r\n");
    let said = String::from_utf8_lossy(&host.said).into_owned();
    assert!(said.contains("250-AUTH SCRAM-SHA-256 OAUTHBEARER XOAUTH2 PLAIN LOGIN\r\n"), "{said}");
    // A token of some thousand octets comes with the command.
    host.said.clear();
    let token = format!("user=u\x01auth=Bearer {}\x01\x01", "t".repeat(6_000));
    host.send(
        format!("AUTH XOAUTH2 {}\r\n", crate::sasl::encode_response(token.as_bytes())).as_bytes(),
    );
    assert_eq!(String::from_utf8_lossy(&host.said), "334 e30=\r\n");
    // Other commands are no longer for that.
    host.send(b"\r\n");
    host.send(&[&b"NOOP "[..], &b"A".repeat(limits::COMMAND_LINE_OCTETS_MAX)].concat());
    assert!(host.closed);
}

#[test] // Tests RFC 1870 §6.
fn s21_sizes_that_are_too_large() {
    check(
        Service::Smtp,
        "S: 220
         C: HELO a.example
         S: 250
         C: MAIL FROM:<a@a.example> SIZE=99999999999999999999
         C: MAIL FROM:<a@a.example> SIZE=100001
         C: MAIL FROM:<a@a.example> SIZE=999999999999999999999
         C: MAIL FROM:<a@a.example> SIZE=100000
         S: 552 5.3.4
         S: 552 5.3.4
         S: 501 5.5.4
         S: 250 2.1.0",
    );
    let mut host = Host::new(settings(Service::Smtp));
    host.send(b"HELO a.example\r\n");
    host.send(b"MAIL FROM:<a@a.example> SIZE=0\r\nRCPT TO:<u@our.example>\r\nDATA\r\n");
    host.said.clear();
    host.send(&b"From x\r\n".repeat(12_501));
    host.send(b".\r\n");
    assert!(host.said.starts_with(b"552 5.3.4") && host.accepted.is_empty() && !host.closed);
}

#[test] // Tests RFC 5321 §4.5.3.1.4.
fn s22_lines_without_an_end() {
    for octets in [limits::COMMAND_LINE_OCTETS_MAX, 4_096, 1_000_000] {
        let mut host = Host::new(settings(Service::Smtp));
        host.said.clear();
        host.send(&b"x".repeat(octets));
        assert!(host.said.starts_with(b"500 5.5.2") && host.closed, "{octets}");
    }
    let mut host = Host::new(settings(Service::Smtp));
    host.said.clear();
    host.send(format!("NOOP {}\r\n", "x".repeat(limits::COMMAND_LINE_OCTETS_MAX - 7)).as_bytes());
    assert!(host.said.starts_with(b"250 2.0.0"));
}

#[test] // Tests RFC 5321 §4.5.3.1.8 and §4.5.3.1.10.
fn s24_too_many_recipients() {
    let mut host = Host::new(settings(Service::Smtp));
    host.send(b"HELO a.example\r\nMAIL FROM:<a@a.example>\r\n");
    host = Host::new(settings(Service::Smtp));
    host.send(b"HELO a.example\r\n");
    host.send(b"MAIL FROM:<a@a.example>\r\n");
    for n in 1..=1_005 {
        host.said.clear();
        host.send(b"RCPT TO:<u@our.example>\r\n");
        let expected: &[u8] = if n <= 1_000 { b"250 2.1.5" } else { b"452 4.5.3" };
        assert!(host.said.starts_with(expected), "{n}");
    }
    host.send(b"DATA\r\n");
    host.send(b".\r\n");
    assert_eq!(
        host.accepted.first().map(|(transaction, _)| transaction.recipients.len()),
        Some(1_000)
    );
}

#[test]
fn s25_errors_are_slowed_and_then_end_the_session() {
    for line in ["FOO\r\n", "RCPT TO:<w@our.example>\r\n"] {
        let mut host = Host::new(settings(Service::Smtp));
        host.send(b"HELO a.example\r\n");
        host.send(b"MAIL FROM:<a@a.example>\r\n");
        for n in 1..=21 {
            assert!(!host.closed, "{line} {n}");
            host.said.clear();
            host.send(line.as_bytes());
        }
        let said = String::from_utf8_lossy(&host.said);
        assert!(said.ends_with("421 4.7.0 Too many errors\r\n") && host.closed, "{said}");
        assert_eq!(host.paused, 10);
    }
    for line in ["NOOP\r\n", "RSET\r\n", "VRFY u\r\n"] {
        let mut host = Host::new(settings(Service::Smtp));
        (0..121).for_each(|_| host.send(line.as_bytes()));
        assert!(host.closed, "{line}");
        let mut host =
            Host::new(Settings { client: ClientLimits::Exempt, ..settings(Service::Smtp) });
        (0..1_000).for_each(|_| host.send(line.as_bytes()));
        assert!(!host.closed, "{line}");
    }
}

#[test] // Tests RFC 5321 §4.5.3.2.7.
fn s26_deadlines_stand_while_octets_trickle_in() {
    let mut host = Host::new(settings(Service::Smtp));
    let deadline = host.server.deadline();
    for octet in b"HELO a.exampl" {
        host.now += Duration::from_secs(10);
        host.send(&[*octet]);
        assert_eq!(host.server.deadline(), deadline);
    }
    host.send(b"e\r\n");
    assert_eq!(host.server.deadline(), host.now + limits::SERVER_COMMAND_TIMEOUT);
    host.send(b"MAIL FROM:<a@a.example>\r\nRCPT TO:<u@our.example>\r\nDATA\r\n");
    let deadline = host.server.deadline();
    for _ in 0..60 {
        host.now += Duration::from_secs(1);
        host.send(b"x");
    }
    assert_eq!(host.server.deadline(), deadline);
    host.server.timed_out();
    host.send(b"");
    assert!(host.said.ends_with(b"421 4.4.2 Timed out\r\n") && host.closed);
}

#[test] // Tests RFC 5321 §4.5.3.1.1, §4.5.3.1.2 and §4.5.3.1.3.
fn s30_addresses_that_are_none() {
    let (local, domain) = ("l".repeat(65), format!("{}.example", "d.".repeat(126)));
    for address in [
        "\"\"@our.example",
        "\"\\\"@our.example",
        "a\\@our.example",
        "a..b@our.example",
        ".!@our.example",
        "@our.example",
        &format!("{local}@our.example"),
        &format!("a@{domain}"),
    ] {
        let dialog = format!(
            "S: 220\nC: HELO a\nS: 250\nC: MAIL FROM:<{}>\nS: 501 5.",
            address.replace('\\', "\\\\")
        );
        check(Service::Smtp, &dialog);
    }
}

#[test]
fn s31_octets_that_are_no_utf8() {
    for octets in ["\\xc3", "\\xc0\\xaf", "\\xed\\xa0\\x80"] {
        let dialog = format!(
            "S: 220\nC: HELO a\nS: 250\nC: MAIL FROM:<{octets}@our.example> SMTPUTF8\nS: 500 5.5.2"
        );
        check(Service::Smtp, &dialog);
    }
    // One canonical form of a domain, however it is written.
    let mut host = Host::new(settings(Service::Smtp));
    host.send(b"EHLO a.example\r\n");
    host.send("MAIL FROM:<a@b\u{fc}cher.example> SMTPUTF8\r\n".as_bytes());
    let shown = host.server.transaction().map(|t| t.mail.reverse_path.to_string());
    assert_eq!(shown.as_deref(), Some("a@xn--bcher-kva.example"));
}

#[test]
fn s36_nobody_says_who_somebody_else_is() {
    check(
        Service::Smtp,
        "S: 220
         C: XCLIENT ADDR=127.0.0.1
         S: 500 5.5.1
         C: XFORWARD ADDR=127.0.0.1
         S: 500 5.5.1
         C: PROXY TCP4 127.0.0.1 127.0.0.1 1 25
         S: 500 5.5.1",
    );
    check_uncut(
        &settings(Service::Smtp),
        "S: 220\nC: \\r\\n\\r\\n\\0\\r\\nQUIT\\n\\c\nS: 500\nS: 500\nS: 500\nS: 500\nS: <CLOSED>",
    );
}

#[test]
fn s37_other_protocols_are_closed_at_once() {
    for line in
        ["GET / HTTP/1.1", "POST / HTTP/1.1", "\\x16\\x03\\x01\\x02\\c", "\\x80\\x2e\\x01\\c"]
    {
        let dialog = format!("S: 220\nC: {line}\nS: 554 5.5.1 This is no mail client\nS: <CLOSED>");
        check_uncut(&settings(Service::Smtp), &dialog);
    }
    let post = "S: 220\nC: POST / HTTP/1.1\nC: HELO a\nC: MAIL FROM:<a@a.example>\nS: 554 5.5.1\nS: <CLOSED>";
    check_uncut(&settings(Service::Smtp), post);
}

#[test] // Tests RFC 5321 §2.3.8.
fn s38_names_that_could_be_something_else() {
    for name in ["x) by evil (", "a\\x1b]0;t\\x07", "a;b", ""] {
        let mut host = Host::new(settings(Service::Smtp));
        host.said.clear();
        host.send(&octets(&format!("HELO {name}")));
        assert!(host.said.starts_with(b"50"), "{name}");
        assert!(host.server.hello().is_none());
    }
    check_uncut(
        &settings(Service::Smtp),
        "S: 220\nC: HELO a\\nMAIL FROM:<>\nS: 500 5.5.2 A line ends\nS: <CLOSED>",
    );
}

#[test] // Tests RFC 5321 §3.8.
fn a_stopping_server_lets_transactions_finish() {
    let mut host = Host::new(settings(Service::Smtp));
    host.send(b"HELO a.example\r\n");
    host.send(b"MAIL FROM:<a@a.example>\r\nRCPT TO:<u@our.example>\r\nDATA\r\n");
    host.server.shut_down();
    host.said.clear();
    host.send(b".\r\n");
    assert_eq!(
        String::from_utf8_lossy(&host.said),
        "250 2.0.0 queued\r\n421 4.3.2 Shutting down, try again later\r\n"
    );
    assert!(host.closed && host.accepted.len() == 1);
    let mut host = Host::new(settings(Service::Smtp));
    host.server.shut_down();
    host.send(b"");
    assert!(host.said.ends_with(b"421 4.3.2 Shutting down, try again later\r\n") && host.closed);
}
