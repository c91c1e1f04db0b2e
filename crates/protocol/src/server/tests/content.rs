//! Rows S01 to S12: what is content, and what is left after it.

use super::*;
use crate::limits;

/// A dialog up to the point where content may come.
const UP_TO_DATA: &str = "S: 220
    C: HELO a.example
    S: 250 mx.our.example
    C: MAIL FROM:<a@a.example>
    C: RCPT TO:<u@our.example>
    C: DATA
    S: 250 2.1.0
    S: 250 2.1.5
    S: 354
";

/// What a smuggler wants to be taken for commands.
const TAIL: &str =
    "MAIL FROM:<e@our.example>\r\nRCPT TO:<u@our.example>\r\nDATA\r\nX: 2\r\n\r\n2\r\n.\r\n";

/// Sends content that holds `end` and the tail, cut at every octet: nothing is accepted, the one reply
/// comes behind the true end, and the connection is closed.
#[track_caller]
fn check_smuggling(end: &str, status: &str) {
    let content = format!("X: 1\r\n\r\n1{end}{TAIL}");
    for cut in 0..=content.len() {
        let mut host = Host::new(settings(Service::Smtp));
        host.send(b"HELO a.example\r\n");
        host.send(b"MAIL FROM:<a@a.example>\r\nRCPT TO:<u@our.example>\r\nDATA\r\n");
        host.said.clear();
        let (head, tail) = content.as_bytes().split_at(cut);
        host.send(head);
        assert!(cut == content.len() || host.closed || host.said.is_empty(), "told early: {end:?}");
        host.send(tail);
        let said = String::from_utf8_lossy(&host.said);
        assert!(said.starts_with(status) && said.matches("\r\n").count() == 1, "{end:?}: {said:?}");
        assert!(host.closed && host.accepted.is_empty(), "{end:?} cut at {cut}");
    }
}

#[test] // Tests RFC 5321 §4.1.1.4.
fn s01_bare_lf_dot_does_not_end_data() {
    for end in ["\n.\n", "\n.\r\n", "\r\n.\n"] {
        check_smuggling(end, "554 5.5.2 Bare LF");
    }
}

#[test] // Tests RFC 5321 §2.3.8.
fn s02_bare_cr_dot_does_not_end_data() {
    for end in ["\r.\r", "\r.\n", "\r.\r\n", "\r\n.\r"] {
        check_smuggling(end, "554 5.5.2 Bare CR");
    }
    check_smuggling("\n.\r", "554 5.5.2 Bare LF");
}

#[test]
fn s03_dots_among_cr_and_nul_do_not_end_data() {
    for end in ["\r\n.\r\r\n", "\r\r\n.\r\n"] {
        check_smuggling(end, "554 5.5.2 Bare CR");
    }
    for end in ["\r\n\0.\r\n", "\r\n.\0\r\n"] {
        check_smuggling(end, "554 5.6.0 NUL");
    }
}

#[test]
fn s04_trusted_peers_are_not_spared() {
    let mut host = Host::new(Settings {
        client: ClientLimits::Exempt,
        login: LoginRule::Required,
        offer: Offer::default(),
        ..settings(Service::Submission)
    });
    host.send(b"EHLO a.example\r\n");
    host.send(b"AUTH PLAIN AHUAcHc=\r\n");
    host.send(b"MAIL FROM:<u@our.example>\r\nRCPT TO:<u@our.example>\r\nDATA\r\n");
    host.said.clear();
    host.send(format!("X: 1\r\n\r\n1\n.\n{TAIL}").as_bytes());
    assert!(host.said.starts_with(b"554 5.5.2") && host.closed && host.accepted.is_empty());
}

#[test]
fn s05_look_alikes_do_not_end_a_line() {
    for look_alike in
        ["\\x0b", "\\x0c", "\\x1c", "\\x1d", "\\x1e", "\\xc2\\x85", "\\xe2\\x80\\xa8", "\\x85"]
    {
        let dialog = format!(
            "S: 220\nC: NOOP{look_alike}RSET\nS: 500 5.5.2\nC: NOOP a{look_alike}RSET\nS: 500 5.5.2"
        );
        check(Service::Smtp, &dialog);
    }
    // U+560A and U+560D end in the octets of LF and CR where somebody cuts characters to octets.
    check(Service::Smtp, "S: 220\nC: NOOP \\xe5\\x98\\x8a\\xe5\\x98\\x8dRSET\nS: 250 2.0.0");
    let mut host = Host::new(settings(Service::Smtp));
    host.send(b"HELO a.example\r\n");
    host.send(b"MAIL FROM:<a@a.example>\r\nRCPT TO:<u@our.example>\r\nDATA\r\n");
    host.send("a\u{b}.\u{b}\u{85}.\u{85}\u{2028}.\u{2028}\u{560d}\u{560a}.\r\n.\r\n".as_bytes());
    assert_eq!(host.accepted.len(), 1);
}

#[test] // Tests RFC 5321 §4.5.2.
fn s06_dots_are_unstuffed() {
    for (sent, content) in [
        ("\r\n..\r\n.\r\n", "\r\n.\r\n"),
        ("\r\n.x\r\n.\r\n", "\r\nx\r\n"),
        (".\r\n", ""),
        ("..\r\n.\r\n", ".\r\n"),
    ] {
        for cut in 0..=sent.len() {
            let mut host = Host::new(settings(Service::Smtp));
            host.send(b"HELO a.example\r\n");
            host.send(b"MAIL FROM:<a@a.example>\r\nRCPT TO:<u@our.example>\r\nDATA\r\n");
            let (head, tail) = sent.as_bytes().split_at(cut);
            host.send(head);
            host.send(tail);
            let got: Vec<_> = host.accepted.iter().map(|(_, content)| content.as_slice()).collect();
            assert_eq!(got, [content.as_bytes()], "{sent:?} cut at {cut}");
        }
    }
}

/// Sends chunks after EHLO, MAIL, RCPT; gives the replies and what was accepted.
fn chunks(sent: &[u8]) -> (String, Vec<Vec<u8>>) {
    let mut host = Host::new(settings(Service::Smtp));
    host.send(b"EHLO a.example\r\n");
    host.send(b"MAIL FROM:<a@a.example>\r\nRCPT TO:<u@our.example>\r\n");
    host.said.clear();
    host.send(sent);
    let said = String::from_utf8(host.said).unwrap();
    (said, host.accepted.into_iter().map(|(_, content)| content).collect())
}

#[test] // Tests RFC 3030 §2.
fn s07_chunks_hold_what_would_end_data() {
    let content = format!("X: 1\r\n\r\n1\r\n.\r\n{TAIL}");
    let (said, accepted) = chunks(format!("BDAT {} LAST\r\n{content}", content.len()).as_bytes());
    assert_eq!(said, "250 2.0.0 queued\r\n");
    assert_eq!(accepted, [content.as_bytes()]);
    let (said, accepted) = chunks(b"BDAT 3\r\nX: BDAT 0\r\nBDAT 4 LAST\r\n1\r\n\r");
    assert!(
        said.starts_with("250 2.0.0 Chunk received\r\n250 2.0.0 Chunk received\r\n554 5.5.2"),
        "{said}"
    );
    assert!(accepted.is_empty());
    let (_, accepted) = chunks(b"BDAT 5\r\nX: 1\rBDAT 1 LAST\r\n\n");
    assert_eq!(accepted, [b"X: 1\r\n"]);
}

#[test] // Tests RFC 3030 §3.
fn s08_chunks_with_bare_line_ends_are_refused() {
    for (content, status) in [
        ("a\nb", "554 5.5.2 Bare LF"),
        ("a\rb", "554 5.5.2 Bare CR"),
        ("a\r", "554 5.5.2 Bare CR"),
        ("a\0b", "554 5.6.0"),
    ] {
        let (said, accepted) =
            chunks(format!("BDAT {} LAST\r\n{content}NOOP\r\n", content.len()).as_bytes());
        assert!(
            said.starts_with(status) && said.ends_with("250 2.0.0 Ok\r\n"),
            "{content:?}: {said}"
        );
        assert!(accepted.is_empty());
    }
}

#[test]
fn s09_after_a_failed_chunk_nothing_is_left() {
    check(
        Service::Smtp,
        "S: 220
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
         S: 250 HELP
         C: BDAT 4
         C: ab
         S: 503 5.5.1 MAIL first
         C: MAIL FROM:<a@a.example>
         C: RCPT TO:<u@our.example>
         C: BDAT 2 LAST
         C: \\n\\n\\c
         S: 250 2.1.0
         S: 250 2.1.5
         S: 554 5.5.2
         C: BDAT 2 LAST
         C:
         S: 503 5.5.1 MAIL first
         C: DATA
         S: 503 5.5.1 MAIL first
         C: RSET
         C: MAIL FROM:<a@a.example>
         C: RCPT TO:<u@our.example>
         C: BDAT 2 LAST
         C:
         S: 250 2.0.0
         S: 250 2.1.0
         S: 250 2.1.5
         S: 250 2.0.0 queued",
    );
    let (said, accepted) = chunks(b"BDAT 100001 LAST\r\n");
    assert!(said.is_empty() && accepted.is_empty());
}

#[test] // Tests RFC 3030 §2.
fn s10_malformed_chunks_end_the_session() {
    for argument in ["-1", "0x10", "18446744073709551616 LAST", "1 LASTX", "", "1 2", "+1"] {
        let (said, _) = chunks(format!("BDAT {argument}\r\nNOOP\r\n").as_bytes());
        assert!(
            said.starts_with("501 5.5.4") && said.matches("\r\n").count() == 1,
            "{argument}: {said}"
        );
    }
    let (said, _) = chunks(b"BDAT 1\r\nxDATA\r\nNOOP\r\n");
    assert_eq!(
        said,
        "250 2.0.0 Chunk received\r\n503 5.5.1 BDAT or RSET expected\r\n250 2.0.0 Ok\r\n"
    );
    let (said, accepted) = chunks(b"BDAT 1 LAST\r\nxBDAT 1 LAST\r\nx");
    assert_eq!(said, "250 2.0.0 queued\r\n503 5.5.1 MAIL first\r\n");
    assert_eq!(accepted.len(), 1);
}

#[test]
fn s11_what_is_announced_costs_nothing() {
    let mut host = Host::new(Settings { size_max: u64::MAX, ..settings(Service::Smtp) });
    host.send(b"EHLO a.example\r\n");
    host.send(b"MAIL FROM:<a@a.example>\r\nRCPT TO:<u@our.example>\r\n");
    for _ in 0..10_000 {
        host.send(b"BDAT 1\r\nx");
        assert!(host.server.input().len() < 16);
    }
    host.send(b"BDAT 1000000000\r\n");
    assert!(host.server.input().capacity() < 64 * 1024);
    assert!(host.server.deadline() <= host.now + limits::SERVER_COMMAND_TIMEOUT);
}

#[test]
fn s12_a_refusal_at_the_end_clears_the_transaction() {
    let dialog = format!(
        "{UP_TO_DATA}
         C: X: refuse
         C: .
         S: 550 5.7.1 policy
         C: RCPT TO:<u@our.example>
         C: DATA
         S: 503 5.5.1
         S: 503 5.5.1
         C: BDAT 1 LAST
         C: x\\c
         S: 503 5.5.1"
    );
    check(Service::Smtp, &dialog);
}

#[test]
fn room_for_content_is_given_back_by_who_is_idle() {
    const CONTENT: usize = 65_536;
    let now = Instant::now();
    let mut server = Server::new(settings(Service::Lmtp), now);
    let read_all = |server: &mut Server| while !matches!(server.step(now), Step::NeedInput) {};
    read_all(&mut server);
    assert!(server.input_with_room(CONTENT).capacity() >= CONTENT);
    // What is unread is kept.
    server.push(b"NO");
    read_all(&mut server);
    assert_eq!(server.input_with_room(64), b"NO".as_slice());
    server.push(b"OP\r\n");
    read_all(&mut server);
    assert!(server.input_with_room(64).capacity() < CONTENT);
}
