//! What LMTP has otherwise than SMTP: RFC 2033, section by section.

use super::*;
use crate::limits;

/// A dialog up to a transaction with two recipients.
const OPEN: &str = "S: 220 mx.our.example LMTP
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
    C: MAIL FROM:<a@a.example>
    C: RCPT TO:<u@our.example>
    C: RCPT TO:<w@our.example>
    C: RCPT TO:<v@our.example>
    S: 250 2.1.0
    S: 250 2.1.5
    S: 550 5.1.1
    S: 250 2.1.5
";

/// Plays what follows two recipients.
#[track_caller]
fn then(dialog: &str) {
    check(Service::Lmtp, &format!("{OPEN}{dialog}"));
}

#[test] // RFC 2033 §4.1: neither MUST have a positive reply; 500 is recommended. And no LHLO elsewhere.
fn the_hello_of_the_other_protocol_is_refused() {
    check(
        Service::Lmtp,
        "S: 220
         C: HELO a.example
         S: 500 5.5.1
         C: EHLO a.example
         S: 500 5.5.1
         C: MAIL FROM:<>
         S: 503 5.5.1",
    );
    for service in [Service::Smtp, Service::Submission] {
        check(service, "S: 220\nC: LHLO a.example\nS: 500 5.5.1");
    }
}

#[test] // RFC 2033 §4.2: without a recipient DATA MUST fail with 503.
fn data_without_a_recipient_is_503() {
    for begin in [
        "",
        "C: MAIL FROM:<>\nS: 250\n",
        "C: MAIL FROM:<>\nC: RCPT TO:<w@our.example>\nS: 250\nS: 550\n",
    ] {
        then(&format!("C: RSET\nS: 250\n{begin}C: DATA\nS: 503 5.5.1\nC: NOOP\nS: 250"));
    }
}

#[test] // RFC 2033 §4.2: one reply for each, in order, also where one is named twice.
fn each_accepted_recipient_has_a_reply_after_the_dot() {
    then(
        "C: RCPT TO:<u@our.example>
         C: DATA
         S: 250
         S: 354
         C: X: 1
         C: .
         C: NOOP
         S: 250 2.0.0 queued
         S: 250 2.0.0 queued
         S: 250 2.0.0 queued
         S: 250 2.0.0 Ok",
    );
    then(
        "C: DATA
         S: 354
         C: X: refuse
         C: .
         C: DATA
         S: 550 5.7.1
         S: 550 5.7.1
         S: 503 5.5.1",
    );
}

#[test]
fn each_has_one_also_where_the_content_is_refused() {
    let mut host = Host::new(settings(Service::Lmtp));
    host.send(b"LHLO a.example\r\n");
    host.send(b"MAIL FROM:<>\r\nRCPT TO:<u@our.example>\r\nRCPT TO:<v@our.example>\r\nDATA\r\n");
    host.said.clear();
    host.send(&b"0123456789abcdef\r\n".repeat(100_000 / 18 + 1));
    host.send(b".\r\nNOOP\r\n");
    let said = String::from_utf8(host.said).unwrap();
    let too_big = "552 5.3.4 The message is too big\r\n";
    assert_eq!(said, format!("{too_big}{too_big}250 2.0.0 Ok\r\n"));
}

#[test] // RFC 2033 §4.2: also where more refuse it than a client may make errors.
fn no_reply_is_lost_where_many_refuse_it() {
    let recipients = 2 * limits::ERRORS_MAX;
    let rcpt = "RCPT TO:<u@our.example>\r\n".repeat(recipients);
    let mut host = Host::new(settings(Service::Lmtp));
    host.send(b"LHLO a.example\r\n");
    host.send(format!("MAIL FROM:<>\r\n{rcpt}").as_bytes());
    host.send(b"DATA\r\n");
    host.said.clear();
    host.send(b"X: refuse\r\n.\r\n");
    let said = String::from_utf8(host.said).unwrap();
    assert_eq!(said, "550 5.7.1 policy\r\n".repeat(recipients));
}

#[test] // RFC 2033 §5: the server SHOULD send each reply as soon as possible.
fn a_reply_that_is_known_does_not_wait_for_the_others() {
    then(
        "C: RCPT TO:<u@our.example>
         C: DATA
         S: 250
         S: 354
         C: X: each
         C: .
         C: NOOP
         S: 250 2.0.0 filed
         S: <WRITTEN>
         S: 250 2.0.0 filed
         S: <WRITTEN>
         S: 250 2.0.0 filed
         S: 250 2.0.0 Ok",
    );
    // The transaction is over with the last one: not with the first, and however many were given.
    then(
        "C: BDAT 7
         C: X: each\\c
         C: BDAT 0 LAST
         C: RCPT TO:<u@our.example>
         C: MAIL FROM:<b@b.example>
         S: 250 2.0.0 Chunk
         S: 250 2.0.0 filed
         S: <WRITTEN>
         S: 250 2.0.0 filed
         S: 503 5.5.1
         S: 250 2.1.0",
    );
}

#[test] // Whatever the shell forgets, each has a reply; and nobody but LMTP's clients has more than one.
fn replies_that_nobody_gives_are_for_later() {
    for (service, hello, replies) in [
        (Service::Lmtp, "LHLO", "250 2.0.0 filed\r\n451 4.3.0 Local error, try again later\r\n"),
        (Service::Smtp, "EHLO", "451 4.3.0 Local error, try again later\r\n"),
    ] {
        let mut server = Server::new(settings(service), Instant::now());
        let rcpt = "RCPT TO:<u@our.example>\r\n".repeat(2);
        let dialog = [&format!("{hello} a\r\n"), "MAIL FROM:<>\r\n", &rcpt, "DATA\r\n", ".\r\n"];
        let mut asked = Vec::new();
        server.step(Instant::now());
        for octets in dialog {
            server.push(octets.as_bytes());
            while let Step::Ask(question) = server.step(Instant::now()) {
                match question {
                    Question::Message(transaction) => asked.push(transaction),
                    _ => server.answer(Answer::Yes),
                }
            }
        }
        assert_eq!(asked.len(), 1);
        server.output().clear();
        server.answer(Answer::Next(Reply::new(250, (2, 0, 0), "filed")));
        server.answer(Answer::Yes);
        server.answer(Answer::Yes);
        assert_eq!(String::from_utf8_lossy(server.output()), replies);
    }
}

/// RFC 3461 §4, and RFC 5321 §4.1.1.11: 555 for parameters that can't be obeyed.
#[test]
fn dsn_is_offered_where_somebody_tells_senders_and_refused_elsewhere() {
    then(
        "C: RSET
         C: MAIL FROM:<a@a.example> RET=HDRS
         C: MAIL FROM:<a@a.example> ENVID=x
         C: MAIL FROM:<a@a.example>
         C: RCPT TO:<u@our.example> NOTIFY=NEVER
         C: RCPT TO:<u@our.example> ORCPT=rfc822;w@a.example
         C: RCPT TO:<u@our.example>
         S: 250
         S: 555 5.5.4
         S: 555 5.5.4
         S: 250
         S: 555 5.5.4
         S: 555 5.5.4
         S: 250",
    );
    let offered = Settings { dsn: Dsn::Offered, ..settings(Service::Lmtp) };
    let hello = OPEN.lines().take_while(|line| !line.contains("MAIL")).collect::<Vec<_>>();
    let hello = hello.join("\n").replace("CHUNKING", "CHUNKING\n    S: 250-DSN");
    check_with(
        &offered,
        &format!(
            "{hello}
             C: MAIL FROM:<a@a.example> RET=FULL ENVID=QQ+2B1
             C: RCPT TO:<u@our.example> NOTIFY=SUCCESS ORCPT=rfc822;w@a.example
             C: RCPT TO:<v@our.example>
             C: DATA
             S: 250
             S: 250
             S: 250
             S: 354
             C: X: each
             C: .
             S: 550 5.7.1 no
             S: <WRITTEN>
             S: 250 2.0.0 filed"
        ),
    );
}

#[test] // RFC 2033 §4.3: one reply for each at LAST, and exactly one at any other chunk.
fn each_accepted_recipient_has_a_reply_after_the_last_chunk() {
    then(
        "C: BDAT 3
         C: X: \\c
         C: BDAT 3 LAST
         C: 1
         C: BDAT 0 LAST
         C: NOOP
         S: 250 2.0.0 Chunk
         S: 250 2.0.0 queued
         S: 250 2.0.0 queued
         S: 250 2.0.0 Ok",
    );
}

#[test]
fn chunks_that_are_refused_have_as_many_replies_as_others() {
    // Bare LF in the last one, and in one before, with which the rest is refused too.
    then("C: BDAT 3 LAST\nC: a\\nb\\c\nC: NOOP\nS: 554 5.5.2\nS: 554 5.5.2\nS: 250 2.0.0 Ok");
    then(
        "C: BDAT 3
         C: a\\nb\\c
         C: BDAT 2
         C:
         C: BDAT 2 LAST
         C:
         C: BDAT 0 LAST
         C: NOOP
         S: 554 5.5.2
         S: 503 5.5.1
         S: 503 5.5.1
         S: 503 5.5.1
         S: 250 2.0.0 Ok",
    );
    // Given up in the middle: what comes next is another message.
    then(
        "C: BDAT 3
         C: a\\nb\\c
         C: RSET
         C: BDAT 2 LAST
         C:
         C: NOOP
         S: 554 5.5.2
         S: 250 2.0.0
         S: 250 2.0.0 Ok",
    );
}

#[test] // RFC 1870 §6.1.
fn chunks_that_are_too_large_have_as_many_replies_as_others() {
    for (chunks, replies) in [
        (&["100001 LAST"][..], &["552", "552"][..]),
        (&["100001", "0", "1 LAST"], &["552", "503", "503", "503"]),
        (&["1", "100000 LAST"], &["250", "552", "552"]),
        (&["1", "100000", "0 LAST"], &["250", "552", "503", "503"]),
    ] {
        let mut host = Host::new(settings(Service::Lmtp));
        host.send(b"LHLO a.example\r\n");
        host.send(b"MAIL FROM:<>\r\nRCPT TO:<u@our.example>\r\nRCPT TO:<v@our.example>\r\n");
        host.said.clear();
        for chunk in chunks {
            let octets = chunk.split(' ').next().unwrap().parse().unwrap();
            host.send(format!("BDAT {chunk}\r\n{}", "x".repeat(octets)).as_bytes());
        }
        let said = String::from_utf8(host.said).unwrap();
        let codes: Vec<&str> = said.lines().map(|line| &line[..3]).collect();
        assert_eq!(codes, replies, "{chunks:?}");
        assert!(host.accepted.is_empty());
    }
}

/// RFC 2033 §4.3: then BDAT LAST has no replies. One more would be taken for the next command's.
#[test]
fn the_last_chunk_has_no_reply_where_nobody_was_accepted() {
    then(
        "C: RSET
         C: MAIL FROM:<>
         C: RCPT TO:<w@our.example>
         C: BDAT 2
         C:
         C: BDAT 2 LAST
         C:
         C: NOOP
         S: 250
         S: 250
         S: 550
         S: 503 5.5.1
         S: 250 2.0.0 Ok",
    );
}

#[test] // RFC 2033 §5: PIPELINING MUST be there. RFC 2920 §3.1: the whole group at once, in any pieces.
fn a_pipelined_transaction_is_answered_in_order() {
    then(
        "C: VRFY <u@our.example>
         C: RSET
         C: MAIL FROM:<b@b.example> BODY=8BITMIME SIZE=10
         C: RCPT TO:<w@our.example>
         C: RCPT TO:<v@our.example>
         C: NOOP
         C: DATA
         S: 252 2.1.5
         S: 250 2.0.0
         S: 250 2.1.0
         S: 550 5.1.1
         S: 250 2.1.5
         S: 250 2.0.0
         S: 354
         C: .
         C: RSET
         C: QUIT
         S: 250 2.0.0 queued
         S: 250 2.0.0
         S: 221 2.0.0
         S: <CLOSED>",
    );
}

#[test] // RFC 2033 §5: ENHANCEDSTATUSCODES MUST be there. RFC 2034 §4: in each reply but the greeting's and hello's.
fn every_other_reply_has_an_enhanced_status() {
    let mut host = Host::new(settings(Service::Lmtp));
    host.send(b"LHLO a.example\r\n");
    host.said.clear();
    for line in [
        "NOOP",
        "HELP",
        "VRFY u",
        "EXPN u",
        "EHLO x",
        "AUTH PLAIN",
        "what",
        "RCPT TO:<>",
        "BDAT 1\r\nx",
    ] {
        host.send(format!("{line}\r\n").as_bytes());
    }
    host.send(
        b"MAIL FROM:<>\r\nMAIL FROM:<>\r\nRCPT TO:<u@our.example>\r\nRCPT TO:<w@our.example>\r\n",
    );
    host.send(b"BDAT 1\r\nxDATA\r\nRSET\r\nQUIT\r\n");
    let said = String::from_utf8(host.said).unwrap();
    for line in said.lines() {
        let (code, text) = line.split_at(4);
        let class = text.split('.').next().unwrap();
        assert!(code.starts_with(class) && text.as_bytes()[1] == b'.', "{line}");
    }
    assert!(said.lines().count() > 15, "{said}");
}
