//! The dialogs.

use super::*;

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
         S: 250-DSN
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
