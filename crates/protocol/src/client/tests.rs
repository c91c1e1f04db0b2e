//! Whole sessions as dialogues, played once for every octet at which the server's words can be cut.

use proptest::prelude::*;

use super::*;
use crate::address::{Address, ReversePath};
use crate::command::Command;
use crate::envelope::{Body, Notify, Recipient, Ret, Utf8, Wanted};
use crate::sasl::client;

fn smtp() -> Settings {
    Settings {
        protocol: Protocol::Smtp,
        name: Domain::parse("our.example").unwrap(),
        encryption: Encryption::Clear,
        start_tls: StartTls::Opportunistic,
        login: None,
        clear_text_login: ClearTextLogin::Refused,
        dialogue: Dialogue::Kept,
    }
}

fn lmtp() -> Settings {
    Settings { protocol: Protocol::Lmtp, ..smtp() }
}

fn with_login(settings: Settings) -> Settings {
    let login = Credentials { name: "alice".into(), password: b"secret".to_vec() };
    Settings { login: Some(Login::Password(login)), ..settings }
}

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn envelope(to: &[&str]) -> Envelope {
    let recipients = to.iter().map(|to| Recipient::new(address(to))).collect();
    Envelope::new(ReversePath::Address(address("a@our.example")), recipients)
}

fn letter(to: &[&str]) -> Transaction {
    transaction(envelope(to), Purpose::Deliver(Bytes::from_static(b"X: y\r\n\r\n.z\r\n")))
}

fn transaction(envelope: Envelope, purpose: Purpose) -> Transaction {
    let recipients = (0..envelope.recipients.len()).collect();
    Transaction { envelope: Arc::new(envelope), recipients, purpose }
}

/// Who speaks next, and what.
#[derive(Debug, Clone, PartialEq)]
enum Turn {
    Client(String),
    Server(String),
    Closed,
    Silence,
    Handshake,
}

/// `C:` and `S:` lines; those of one speaker that follow each other are one turn. `S: <closed>`,
/// `S: <silence>` and `C: <handshake>` are what they say.
fn turns(dialog: &str) -> Vec<Turn> {
    let mut turns: Vec<Turn> = Vec::new();
    for line in dialog.lines() {
        let turn = match line.split_at(3) {
            ("S: ", "<closed>") => Turn::Closed,
            ("S: ", "<silence>") => Turn::Silence,
            ("C: ", "<handshake>") => Turn::Handshake,
            ("S: ", text) => Turn::Server(format!("{text}\r\n")),
            ("C: ", text) => Turn::Client(format!("{text}\r\n")),
            _ => panic!("neither C: nor S: in {line}"),
        };
        match (turns.last_mut(), &turn) {
            (Some(Turn::Client(text)), Turn::Client(more))
            | (Some(Turn::Server(text)), Turn::Server(more)) => text.push_str(more),
            _ => turns.push(turn),
        }
    }
    turns
}

/// Plays the dialogue with the server's turns cut at octet `cut`; gives verdicts and the end.
fn play(settings: &Settings, mail: &[Transaction], dialog: &str, cut: usize) -> String {
    let now = Instant::now();
    let mut session = Session::new(settings.clone(), now);
    let mut turns = turns(dialog).into_iter().peekable();
    let (mut mail, mut sent, mut outcome) = (mail.iter(), Vec::new(), String::new());
    let mut pieces: VecDeque<Vec<u8>> = VecDeque::new();
    loop {
        match session.step(now) {
            Step::Send(out) => out.iter().for_each(|piece| sent.extend_from_slice(piece)),
            Step::LogIn => session.log_in(None, now),
            Step::Idle => match mail.next() {
                Some(letter) => session.deliver(letter.clone(), now),
                None => session.quit(now),
            },
            Step::Done(verdicts) => verdicts.iter().for_each(|verdict| {
                outcome += &match verdict {
                    Verdict::Accepted(reply) => format!("accepted {reply}\n"),
                    Verdict::Deferred(reply) => format!("deferred {reply}\n"),
                    Verdict::Refused(reply) => format!("refused {reply}\n"),
                };
            }),
            Step::Close(end) => {
                let end = match end {
                    End::Quit => "quit".to_owned(),
                    End::Failed(failure) => failure.to_string(),
                };
                if let Some(Turn::Client(expected)) = turns.next() {
                    assert_eq!(String::from_utf8_lossy(&sent), expected);
                    sent.clear();
                }
                assert!(sent.is_empty(), "unexpected {:?}", String::from_utf8_lossy(&sent));
                return outcome + &end;
            }
            step @ (Step::NeedInput | Step::StartTls) => {
                if let Some(piece) = pieces.pop_front() {
                    session.push(&piece);
                    continue;
                }
                if !sent.is_empty() {
                    let said = Turn::Client(String::from_utf8_lossy(&sent).into_owned());
                    assert_eq!(Some(said), turns.next());
                    sent.clear();
                }
                match (turns.next(), step) {
                    (Some(Turn::Handshake), Step::StartTls) => session.tls_started(now),
                    (Some(Turn::Closed), _) => session.closed(),
                    (Some(Turn::Silence), _) => session.timed_out(),
                    (Some(Turn::Server(text)), Step::NeedInput) => {
                        let (head, tail) = text.as_bytes().split_at(cut.min(text.len()));
                        pieces = [head.to_vec(), tail.to_vec()].into();
                    }
                    (turn, step) => panic!("the client does {step:?} at {turn:?}"),
                }
            }
        }
    }
}

/// The server's words may come in any pieces.
#[track_caller]
fn check(settings: &Settings, mail: &[Transaction], dialog: &str, expected: &str) {
    for cut in 0..=dialog.len() {
        assert_eq!(play(settings, mail, dialog, cut), expected, "cut at octet {cut}");
    }
}

const EHLO: &str = "S: 220 mx.example\nC: EHLO our.example\n";
const PIPELINING: &str = "S: 250-mx.example\nS: 250 PIPELINING\n";

#[test] // Tests RFC 5321 §3.3.
fn a_letter_step_by_step() {
    check(
        &smtp(),
        &[letter(&["b@c.example"])],
        &format!(
            "{EHLO}S: 250 mx.example\nC: MAIL FROM:<a@our.example>\nS: 250 2.1.0 Ok\n\
             C: RCPT TO:<b@c.example>\nS: 250 2.1.5 Ok\nC: DATA\nS: 354 go\n\
             C: X: y\nC: \nC: ..z\nC: .\nS: 250 2.0.0 queued as X\nC: QUIT\nS: 221 bye"
        ),
        "accepted 250 2.0.0 queued as X\nquit",
    );
}

#[test] // Tests RFC 2920 §3.1.
fn two_letters_pipelined_on_one_connection() {
    let group = "C: MAIL FROM:<a@our.example>\nC: RCPT TO:<b@c.example>\nC: DATA\n\
                 S: 250 2.1.0 Ok\nS: 250 2.1.5 Ok\nS: 354 go\nC: X: y\nC: \nC: ..z\nC: .\nS: 250 ok\n";
    check(
        &smtp(),
        &[letter(&["b@c.example"]), letter(&["b@c.example"])],
        &format!("{EHLO}{PIPELINING}{group}{group}C: QUIT\nS: 221 bye"),
        "accepted 250 ok\naccepted 250 ok\nquit",
    );
}

#[test]
fn a_server_that_knows_only_helo() {
    check(
        &smtp(),
        &[letter(&["b@c.example"])],
        &format!(
            "{EHLO}S: 502 what?\nC: HELO our.example\nS: 250 old.example\n\
             C: MAIL FROM:<a@our.example>\nS: 550 5.7.1 not you\nC: QUIT\nS: 500 what?"
        ),
        "refused 550 5.7.1 not you\nquit",
    );
}

#[test] // Tests RFC 1870 §6, RFC 6152 §2, RFC 6531 §3.4 and RFC 3461 §4: only where they are offered.
fn parameters_where_they_are_offered() {
    let mut envelope = envelope(&["b@c.example"]);
    envelope.body = Body::EightBitMime;
    envelope.utf8 = Utf8::SmtpUtf8;
    envelope.ret = Some(Ret::Headers);
    envelope.envid = Some("a+b c".into());
    envelope.recipients[0].notify =
        Notify::On { success: Wanted::Yes, failure: Wanted::Yes, delay: Wanted::No };
    envelope.recipients[0].orcpt = Some("rfc822;B=1@c.example".into());
    let letter = transaction(envelope, Purpose::Deliver(Bytes::from_static(b"X: y\r\n")));
    check(
        &smtp(),
        std::slice::from_ref(&letter),
        &format!(
            "{EHLO}S: 250-mx\nS: 250-SIZE\nS: 250-8bitmime\nS: 250-SMTPUTF8\nS: 250 DSN\n\
             C: MAIL FROM:<a@our.example> SIZE=6 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+2Bb+20c\n\
             S: 451 4.3.0 later\nC: QUIT\nS: 221 bye"
        ),
        "deferred 451 4.3.0 later\nquit",
    );
    check(
        &smtp(),
        &[letter],
        &format!(
            "{EHLO}S: 250-mx\nS: 250 DSN\nC: MAIL FROM:<a@our.example> RET=HDRS ENVID=a+2Bb+20c\n\
             S: 250 ok\nC: RCPT TO:<b@c.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;B+3D1@c.example\n\
             S: 550 5.1.1 no\nC: QUIT\nS: 221 bye"
        ),
        "refused 550 5.1.1 no\nquit",
    );
}

#[test] // Tests RFC 6531 §3.2.
fn internationalised_mail_to_a_server_without_smtputf8() {
    let utf8 = envelope(&["j\u{fc}rgen@c.example"]);
    check(
        &smtp(),
        &[transaction(utf8, Purpose::Deliver(Bytes::new()))],
        &format!("{EHLO}S: 250 mx\nC: QUIT\nS: 221 bye"),
        "refused 553 5.6.7 the address has letters beyond ASCII, and the next hop takes none (SMTPUTF8)\nquit",
    );
    // Who could be reached is reached (RFC 6531 §3.2).
    let mut mixed = envelope(&["j\u{fc}rgen@c.example", "b@c.example", "\u{e4}@c.example"]);
    mixed.utf8 = Utf8::SmtpUtf8;
    let letter = |envelope| transaction(envelope, Purpose::Deliver("X: y\r\n".into()));
    check(
        &smtp(),
        &[letter(mixed)],
        &format!(
            "{EHLO}{PIPELINING}C: MAIL FROM:<a@our.example>\nC: RCPT TO:<b@c.example>\nC: DATA\n\
             S: 250 ok\nS: 250 ok\nS: 354 go\nC: X: y\nC: .\nS: 250 done\nC: QUIT\nS: 221 bye"
        ),
        "refused 553 5.6.7 the address has letters beyond ASCII, and the next hop takes none (SMTPUTF8)\n\
         accepted 250 done\n\
         refused 553 5.6.7 the address has letters beyond ASCII, and the next hop takes none (SMTPUTF8)\nquit",
    );
    let mut header = envelope(&["b@c.example"]);
    header.utf8 = Utf8::SmtpUtf8;
    check(
        &smtp(),
        &[transaction(header, Purpose::Deliver("X: \u{fc}\r\n".into()))],
        &format!("{EHLO}S: 250 mx\nC: QUIT\nS: 221 bye"),
        "refused 550 5.6.9 the header has letters beyond ASCII, and the next hop takes none (SMTPUTF8)\nquit",
    );
}

#[test] // Tests RFC 6531 §3.4 and RFC 6533 §3.
fn a_member_of_an_alias_may_need_smtputf8_though_the_client_said_nothing() {
    let mut envelope = envelope(&["j\u{fc}rgen@c.example", "b@c.example"]);
    envelope.recipients[0].orcpt = Some("utf-8;\u{e4}+x@our.example".into());
    envelope.recipients[1].orcpt = Some("rfc822;b+x@our.example".into());
    check(
        &smtp(),
        &[transaction(envelope, Purpose::Deliver("X: y\r\n".into()))],
        &format!(
            "{EHLO}S: 250-mx\nS: 250-PIPELINING\nS: 250-DSN\nS: 250 SMTPUTF8\n\
             C: MAIL FROM:<a@our.example> SMTPUTF8\n\
             C: RCPT TO:<j\u{fc}rgen@c.example> ORCPT=utf-8;\u{e4}\\x{{2B}}x@our.example\n\
             C: RCPT TO:<b@c.example> ORCPT=rfc822;b+2Bx@our.example\nC: DATA\n\
             S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go\nC: X: y\nC: .\nS: 250 done\nC: QUIT\nS: 221 bye"
        ),
        "accepted 250 done\naccepted 250 done\nquit",
    );
}

#[test] // Tests RFC 1870 §6.1.
fn a_message_that_is_too_large_is_not_tried() {
    check(
        &smtp(),
        &[letter(&["b@c.example"])],
        &format!("{EHLO}S: 250-mx\nS: 250 SIZE 11\nC: QUIT\nS: 221 bye"),
        "refused 552 5.3.4 the message has 12 octets, the next hop takes 11 at most\nquit",
    );
}

#[test]
fn every_recipient_has_its_own_verdict() {
    check(
        &smtp(),
        &[letter(&["b@c.example", "d@c.example", "e@c.example", "f@c.example"])],
        &format!(
            "{EHLO}{PIPELINING}C: MAIL FROM:<a@our.example>\nC: RCPT TO:<b@c.example>\n\
             C: RCPT TO:<d@c.example>\nC: RCPT TO:<e@c.example>\nC: RCPT TO:<f@c.example>\nC: DATA\n\
             S: 250 ok\nS: 250 ok\nS: 452 4.5.3 too many\nS: 550 5.1.1 no\nS: 552 5.5.3 too many\n\
             S: 354 go\nC: X: y\nC: \nC: ..z\nC: .\nS: 250 done\nC: QUIT\nS: 221 bye"
        ),
        "accepted 250 done\ndeferred 452 4.5.3 too many\nrefused 550 5.1.1 no\n\
         deferred 552 5.5.3 too many\nquit",
    );
}

#[test] // Tests RFC 2920 §3.1: "the client ... MUST be prepared to send an empty message".
fn a_lone_dot_where_no_recipient_was_accepted() {
    check(
        &smtp(),
        &[letter(&["b@c.example"])],
        &format!(
            "{EHLO}{PIPELINING}C: MAIL FROM:<a@our.example>\nC: RCPT TO:<b@c.example>\nC: DATA\n\
             S: 250 ok\nS: 550 no\nS: 354 go\nC: .\nS: 554 no valid recipients\nC: QUIT\nS: 221 bye"
        ),
        "refused 550 no\nquit",
    );
}

#[test]
fn c01_replies_that_are_none_defer() {
    for reply in ["25", "099 x", "250-a\nS: 251 b", "\u{0}", "250 \u{0}", "", "250-x\nS: "] {
        let dialog = format!("{EHLO}S: 250 mx\nC: MAIL FROM:<a@our.example>\nS: {reply}");
        let outcome = play(&smtp(), &[letter(&["b@c.example"])], &dialog, 0);
        assert!(outcome.starts_with("deferred 451 4.5.0 the next hop's answer"), "{outcome}");
    }
}

#[test]
fn c04_addresses_cannot_carry_a_command() {
    for text in [
        "a>\r\nRCPT TO:<v@c.example",
        "a b@c.example",
        "a\n@c.example",
        &format!("{}@c.example", "a".repeat(2_000)),
    ] {
        assert!(Address::parse(text).is_err(), "{text:?}");
    }
    // U+560A ends in the octet of LF where somebody cuts UTF-16 short; in UTF-8 nothing of it is left.
    assert!(!address("a\u{560a}\u{560d}b@c.example").to_string().contains(['\r', '\n']));
    // What can be constructed is one line with one pair of brackets, whatever the parameters hold.
    let mut hostile = envelope(&["\"-oQ/tmp >x\"@c.example"]);
    hostile.envid = Some("x\r\nRCPT TO:<v@c.example>\0\u{1}=+".into());
    hostile.recipients[0].orcpt = Some("rfc822;a\r\nDATA".into());
    let dialog = format!(
        "{EHLO}S: 250-mx\nS: 250 DSN\n\
         C: MAIL FROM:<a@our.example> ENVID=x+0D+0ARCPT+20TO:<v@c.example>+00+01+3D+2B\nS: 250 ok\n\
         C: RCPT TO:<\"-oQ/tmp >x\"@c.example> ORCPT=rfc822;a+0D+0ADATA\nS: 550 no\nC: RSET\nS: 250 ok\nC: QUIT\nS: 221 bye"
    );
    check(&smtp(), &[transaction(hostile, Purpose::Probe)], &dialog, "refused 550 no\nquit");
}

#[test] // Tests RFC 3207 §4.2.
fn starttls_forgets_what_was_said_in_clear() {
    check(
        &smtp(),
        &[letter(&["b@c.example"])],
        &format!(
            "{EHLO}S: 250-mx\nS: 250-PIPELINING\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\n\
             C: <handshake>\nC: EHLO our.example\nS: 250 mx\nC: MAIL FROM:<a@our.example>\n\
             S: 451 no\nC: QUIT\nS: 221 bye"
        ),
        "deferred 451 no\nquit",
    );
}

#[test]
fn c05_words_behind_the_answer_to_starttls() {
    let dialog = format!(
        "{EHLO}S: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\nS: 250-mx\nS: 250 AUTH PLAIN"
    );
    assert_eq!(
        play(&smtp(), &[], &dialog, 0),
        "the next hop sent something in clear behind its answer to STARTTLS"
    );
}

#[test]
fn c06_starttls_refused_or_not_offered() {
    let required = Settings { start_tls: StartTls::Required, ..smtp() };
    let never = Settings { start_tls: StartTls::Never, ..smtp() };
    let quit = "C: QUIT\nS: 221 bye";
    let offered = format!("{EHLO}S: 250-mx\nS: 250 STARTTLS\n");
    let refused = format!("{offered}C: STARTTLS\nS: 454 4.7.0 not now\n");
    check(&smtp(), &[], &format!("{refused}{quit}"), "quit");
    check(&never, &[], &format!("{offered}{quit}"), "quit");
    check(&smtp(), &[], &format!("{EHLO}S: 250 mx\n{quit}"), "quit");
    check(&required, &[], &refused, "the next hop said 454 4.7.0 not now after STARTTLS");
    check(
        &required,
        &[],
        &format!("{EHLO}S: 250 mx"),
        "the next hop offers no STARTTLS, and this route requires TLS",
    );
}

#[test]
fn c07_no_password_in_clear() {
    let outcome = "the next hop wants a password in clear, which we never send";
    check(&with_login(smtp()), &[], &format!("{EHLO}S: 250-mx\nS: 250 AUTH PLAIN"), outcome);
    let inside = Settings { encryption: Encryption::Tls, ..with_login(smtp()) };
    check(
        &inside,
        &[],
        &format!("{EHLO}S: 250-mx\nS: 250 AUTH CRAM-MD5"),
        "the next hop offers neither AUTH PLAIN nor AUTH LOGIN",
    );
}

#[test] // Tests RFC 4616 §2 and RFC 4954 §4.
fn auth_plain_and_login_inside_tls() {
    let inside = Settings { encryption: Encryption::Tls, ..with_login(smtp()) };
    let quit = "C: QUIT\nS: 221 bye";
    let plain =
        format!("{EHLO}S: 250-mx\nS: 250 AUTH LOGIN PLAIN\nC: AUTH PLAIN AGFsaWNlAHNlY3JldA==\n");
    check(&inside, &[], &format!("{plain}S: 235 2.7.0 hello\n{quit}"), "quit");
    check(
        &inside,
        &[],
        &format!("{plain}S: 535 5.7.8 no"),
        "the next hop said 535 5.7.8 no after AUTH",
    );
    let login = format!(
        "{EHLO}S: 250-mx\nS: 250 AUTH LOGIN\nC: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: YWxpY2U=\n\
         S: 334 UGFzc3dvcmQ6\nC: c2VjcmV0\n"
    );
    check(&inside, &[], &format!("{login}S: 235 2.7.0 hello\n{quit}"), "quit");
    let loopback = Settings { clear_text_login: ClearTextLogin::Allowed, ..with_login(smtp()) };
    check(&loopback, &[], &format!("{plain}S: 235 2.7.0 hello\n{quit}"), "quit");
}

/// Plays a login whose ways are chosen one after the other; gives what was said and how it ended.
fn choose(ways: Vec<Box<dyn client::Client>>, server: &[&str]) -> (String, String) {
    let now = Instant::now();
    let settings = Settings {
        encryption: Encryption::Tls,
        login: Some(Login::Chosen),
        dialogue: Dialogue::Dropped,
        ..smtp()
    };
    let mut session = Session::new(settings, now);
    let (mut ways, mut server) = (ways.into_iter(), server.iter());
    let mut said = String::new();
    loop {
        match session.step(now) {
            Step::Send(pieces) => said += &String::from_utf8(pieces.concat()).unwrap(),
            Step::NeedInput => match server.next() {
                Some(line) => session.push(format!("{line}\r\n").as_bytes()),
                None => session.closed(),
            },
            Step::LogIn => session.log_in(ways.next(), now),
            Step::Idle => return (said, "in".to_owned()),
            Step::Close(End::Failed(failure)) => return (said, failure.to_string()),
            step => panic!("{step:?}"),
        }
    }
}

/// Says yes to everything, and thinks that of the server.
#[derive(Debug)]
struct Doubts(client::Peer);

impl client::Client for Doubts {
    fn mechanism(&self) -> &'static str {
        "SCRAM-SHA-256"
    }
    fn first(&mut self) -> Option<Vec<u8>> {
        Some(b"n".to_vec())
    }
    fn answer(&mut self, _: &[u8]) -> Option<Vec<u8>> {
        Some(Vec::new())
    }
    fn peer(&self) -> client::Peer {
        self.0
    }
}

#[test] // Tests RFC 4954 §4 and RFC 7628 §3.2.3.
fn ways_to_log_in_are_chosen_one_after_the_other() {
    use client::{Bearer, Peer, Plain, Token};
    let token = |access: &str| {
        let host = "mx".to_owned();
        Token { user: "a".into(), host, port: 587, access: access.into() }
    };
    let bearer = |access: &str| {
        Box::new(Bearer::new(token(access), crate::sasl::bearer::Dialect::XOAuth2)) as Box<_>
    };
    let plain = || {
        let credentials = Credentials { name: "a".into(), password: b"b".to_vec() };
        Box::new(Plain(credentials)) as Box<dyn client::Client>
    };
    let doubts = |peer| Box::new(Doubts(peer)) as Box<dyn client::Client>;
    let opening = ["220 mx", "250-mx\r\n250 AUTH XOAUTH2 PLAIN SCRAM-SHA-256"];
    let play = |ways, answers: &[&str]| {
        let (said, end) = choose(ways, &[&opening[..], answers].concat());
        (said.strip_prefix("EHLO our.example\r\n").unwrap().to_owned(), end)
    };
    let said = "AUTH XOAUTH2 dXNlcj1hAWF1dGg9QmVhcmVyIHQBAQ==\r\n";
    assert_eq!(play(vec![bearer("t")], &["235 in"]), (said.to_owned(), "in".to_owned()));
    // It tells what is wrong, wants an answer to that, and says no.
    let refused = play(vec![bearer("t")], &["334 eyJzdGF0dXMiOiI0MDEifQ==", "535 5.7.8 no"]);
    assert_eq!(refused.0, format!("{said}\r\n"));
    assert_eq!(refused.1, "the next hop said 535 5.7.8 no after AUTH");
    // A long one waits for the challenge.
    let (long, end) = play(vec![bearer(&"x".repeat(600))], &["334 ", "235 in"]);
    assert!(long.starts_with("AUTH XOAUTH2\r\ndXNlcj1h") && end == "in", "{long}");
    // The next way, where one is refused; but not for a server that cheats, nor for trouble that passes.
    let next = play(vec![doubts(Peer::Unproven), plain()], &["535 5.7.8 no", "235 in"]);
    assert_eq!(next, ("AUTH SCRAM-SHA-256 bg==\r\nAUTH PLAIN AGEAYg==\r\n".into(), "in".into()));
    for (peer, answer) in
        [(Peer::Wrong, "535 5.7.8 no"), (Peer::Wrong, "235 in"), (Peer::Unproven, "235 in")]
    {
        let (said, end) = play(vec![doubts(peer), plain()], &[answer]);
        assert!(!said.contains("PLAIN") && end.contains("prove"), "{said} {end}");
    }
    let later = play(vec![doubts(Peer::Unproven), plain()], &["454 4.7.0 later"]);
    assert!(!later.0.contains("PLAIN") && later.1.contains("454"), "{later:?}");
    assert_eq!(play(Vec::new(), &[]).1, Failure::NoMechanism.to_string());
}

#[test]
fn secrets_are_not_in_the_dialogue() {
    let now = Instant::now();
    let settings = Settings { encryption: Encryption::Tls, ..with_login(smtp()) };
    assert!(!format!("{settings:?}").contains("secret"));
    let mut session = Session::new(settings, now);
    session.push(b"220 mx\r\n250-mx\r\n250 AUTH PLAIN\r\n235 ok\r\n");
    while !matches!(session.step(now), Step::Idle) {}
    let dialogue = format!("{:?}", session.take_dialogue());
    assert!(dialogue.contains("AUTH PLAIN <hidden>") && dialogue.contains("235"), "{dialogue}");
    assert!(!dialogue.contains("AGFsaWNl"), "{dialogue}");
}

#[test]
fn c08_the_server_closes_at_each_step() {
    let steps = [
        ("S: 220 mx\nC: EHLO our.example\n", "after EHLO", false),
        ("S: 250-mx\nS: 250 LIMITS\nC: MAIL FROM:<a@our.example>\n", "after MAIL FROM", true),
        ("S: 250 ok\nC: RCPT TO:<b@c.example>\n", "after RCPT TO", true),
        ("S: 250 ok\nC: DATA\n", "after DATA", true),
        (
            "S: 354 go\nC: X: y\nC: \nC: ..z\nC: .\n",
            "after the message, before it confirmed it",
            true,
        ),
    ];
    let mut dialog = String::new();
    for (step, words, in_transaction) in steps {
        dialog += step;
        let outcome = format!("the next hop said 421 4.3.2 bye {words}");
        let verdict = if in_transaction { "deferred 421 4.3.2 bye\n" } else { "" };
        check(
            &smtp(),
            &[letter(&["b@c.example"])],
            &format!("{dialog}S: 421 4.3.2 bye"),
            &format!("{verdict}{outcome}"),
        );
    }
}

#[test] // Tests RFC 5321 §4.2: a reply of the wrong class says nothing about the recipient.
fn c08_replies_of_the_wrong_class_defer() {
    let mail = "S: 250 mx\nC: MAIL FROM:<a@our.example>\n";
    let rcpt = format!("{mail}S: 250 ok\nC: RCPT TO:<b@c.example>\n");
    let data = format!("{rcpt}S: 250 ok\nC: DATA\n");
    let end = format!("{data}S: 354 go\nC: X: y\nC: \nC: ..z\nC: .\n");
    for (before, reply) in [
        (mail, "354 go"),
        (&rcpt, "354 go"),
        (&data, "250 ok"),
        (&data, "334 go"),
        (&end, "354 go"),
    ] {
        let outcome =
            play(&smtp(), &[letter(&["b@c.example"])], &format!("{EHLO}{before}S: {reply}"), 0);
        assert!(outcome.starts_with("deferred 451 4.5.0 the next hop is out of step"), "{outcome}");
        assert!(outcome.ends_with(&format!("it said {reply}")), "{outcome}");
    }
}

#[test]
fn c08_a_bad_answer_to_quit_changes_nothing() {
    for reply in ["S: 550 no", "S: <closed>", "S: <silence>", "S: 2"] {
        check(&smtp(), &[], &format!("{EHLO}S: 250 mx\nC: QUIT\n{reply}"), "quit");
    }
}

#[test] // Tests RFC 5321 §4.5.3.2.6 and RFC 1047.
fn c09_silence_or_close_after_the_dot() {
    let dialog = format!(
        "{EHLO}{PIPELINING}C: MAIL FROM:<a@our.example>\nC: RCPT TO:<b@c.example>\nC: DATA\n\
         S: 250 ok\nS: 250 ok\nS: 354 go\nC: X: y\nC: \nC: ..z\nC: .\n"
    );
    let mail = [letter(&["b@c.example"])];
    let words = "after the message, before it confirmed it";
    check(
        &smtp(),
        &mail,
        &format!("{dialog}S: <closed>"),
        &format!(
            "deferred 451 4.4.2 the next hop closed the connection {words}\n\
             the next hop closed the connection {words}"
        ),
    );
    check(
        &smtp(),
        &mail,
        &format!("{dialog}S: <silence>"),
        &format!(
            "deferred 451 4.4.2 the next hop didn't answer in time {words}\n\
             the next hop didn't answer in time {words}"
        ),
    );
    let failure = Failure::Closed { phase: Phase::DataEnd };
    assert!(failure.may_have_delivered());
}

#[test] // Tests RFC 5321 §4.5.3.2.
fn c10_deadlines_stand_still_while_octets_trickle_in() {
    let start = Instant::now();
    let mut session = Session::new(smtp(), start);
    assert_eq!(session.deadline(), start + limits::CLIENT_GREETING_TIMEOUT);
    for second in 1..250 {
        session.push(b"2");
        let _ = session.step(start + Duration::from_secs(second));
        assert_eq!(session.deadline(), start + limits::CLIENT_GREETING_TIMEOUT);
        if second == 3 {
            break;
        }
    }
    let mut session = Session::new(smtp(), start);
    session.push(b"220 mx\r\n250 mx\r\n");
    while !matches!(session.step(start), Step::Idle) {}
    session.deliver(letter(&["b@c.example"]), start);
    let mut later = start;
    for (replies, timeout) in [
        (&b""[..], limits::CLIENT_MAIL_TIMEOUT),
        (b"250 ok\r\n", limits::CLIENT_RCPT_TIMEOUT),
        (b"250 ok\r\n", limits::CLIENT_DATA_TIMEOUT),
        (b"354 go\r\n", limits::CLIENT_DATA_BLOCK_TIMEOUT),
        (b"", limits::CLIENT_DATA_END_TIMEOUT),
    ] {
        later += Duration::from_secs(7);
        session.push(replies);
        let _ = session.step(later);
        let expected = if replies.is_empty() && timeout == limits::CLIENT_MAIL_TIMEOUT {
            start + timeout // MAIL was sent when the transaction began
        } else {
            later + timeout
        };
        assert_eq!(session.deadline(), expected, "{:?}", String::from_utf8_lossy(replies));
    }
}

#[test]
fn f19_a_peer_that_is_always_just_in_time_ends_all_the_same() {
    let (start, second) = (Instant::now(), Duration::from_secs(1));
    let many: Vec<String> = (0..50).map(|n| format!("u{n}@c.example")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let mut session = Session::new(smtp(), start);
    session.push(b"220 mx\r\n250 mx\r\n");
    while !matches!(session.step(start), Step::Idle) {}
    session.deliver(letter(&many), start);
    let mut now = start;
    let end = loop {
        match session.step(now) {
            Step::NeedInput if session.deadline() <= now + second => session.timed_out(),
            Step::NeedInput => {
                now = session.deadline() - second;
                session.push(b"250 ok\r\n");
            }
            Step::Close(end) => break end,
            _ => {}
        }
    };
    assert_eq!(end, End::Failed(Failure::Overdue { phase: Phase::Rcpt }));
    assert!(now < start + limits::CLIENT_TRANSACTION_TIMEOUT, "{:?}", now - start);
}

#[test] // Tests RFC 2033 §4.2.
fn c13_lmtp_gives_each_recipient_its_reply() {
    let begin = "S: 220 mda\nC: LHLO our.example\nS: 250-mda\nS: 250 PIPELINING\n\
                 C: MAIL FROM:<a@our.example>\nC: RCPT TO:<b@c.example>\nC: RCPT TO:<d@c.example>\n\
                 C: RCPT TO:<e@c.example>\nC: DATA\nS: 250 ok\nS: 250 ok\nS: 550 no\nS: 250 ok\nS: 354 go\n\
                 C: X: y\nC: \nC: ..z\nC: .\n";
    let mail = [letter(&["b@c.example", "d@c.example", "e@c.example"])];
    check(
        &lmtp(),
        &mail,
        &format!("{begin}S: 250 b has it\nS: 452 4.2.2 e is full\nC: QUIT\nS: 221 bye"),
        "accepted 250 b has it\nrefused 550 no\ndeferred 452 4.2.2 e is full\nquit",
    );
    let closed = "the next hop closed the connection after the message, before it confirmed it";
    check(
        &lmtp(),
        &mail,
        &format!("{begin}S: 250 b has it\nS: <closed>"),
        &format!("accepted 250 b has it\nrefused 550 no\ndeferred 451 4.4.2 {closed}\n{closed}"),
    );
    // One reply too many: it can't be told which, but those in order stand.
    let outcome = play(&lmtp(), &mail, &format!("{begin}S: 250 b\nS: 250 e\nS: 250 who?"), 0);
    assert_eq!(
        outcome,
        "accepted 250 b\nrefused 550 no\naccepted 250 e\n\
         the next hop is out of step between two messages, it said 250 who?"
    );
}

#[test]
fn c14_a_peer_out_of_step_gets_nobody_credited() {
    let group = "C: MAIL FROM:<a@our.example>\nC: RCPT TO:<b@c.example>\nC: DATA\n";
    let mail = [letter(&["b@c.example"])];
    for replies in [
        "S: 250 ok\nS: 354 go\nS: 250 ok",
        "S: 250 ok\nS: 250 ok\nS: 250 queued",
        "S: 354 go",
        "S: 250 ok\nS: 250 ok\nS: 354 go\nS: 250 queued",
    ] {
        let outcome = play(&smtp(), &mail, &format!("{EHLO}{PIPELINING}{group}{replies}"), 0);
        assert!(outcome.starts_with("deferred 451 4.5.0"), "{replies}: {outcome}");
    }
}

#[test]
fn c14_no_envelope_is_carried_over() {
    let first = "C: MAIL FROM:<a@our.example>\nS: 250 ok\nC: RCPT TO:<b@c.example>\nS: 550 no\n";
    let mail = [letter(&["b@c.example"]), letter(&["d@c.example"])];
    check(
        &smtp(),
        &mail,
        &format!(
            "{EHLO}S: 250 mx\n{first}C: RSET\nS: 250 clean\nC: MAIL FROM:<a@our.example>\nS: 250 ok\n\
             C: RCPT TO:<d@c.example>\nS: 451 later\nC: QUIT\nS: 221 bye"
        ),
        "refused 550 no\ndeferred 451 later\nquit",
    );
    check(
        &smtp(),
        &mail,
        &format!("{EHLO}S: 250 mx\n{first}C: RSET\nS: 502 what?"),
        "refused 550 no\n\
         deferred 451 4.5.0 the next hop is out of step after RSET, it said 502 what?\n\
         the next hop is out of step after RSET, it said 502 what?",
    );
}

#[test]
fn a_probe_asks_and_takes_it_back() {
    let probe = transaction(envelope(&["b@c.example"]), Purpose::Probe);
    let group = "C: MAIL FROM:<a@our.example>\nC: RCPT TO:<b@c.example>\nC: RSET\nS: 250 ok\n";
    check(
        &smtp(),
        &[probe.clone(), probe],
        &format!(
            "{EHLO}{PIPELINING}{group}S: 250 ok\nS: 250 ok\n{group}S: 550 5.1.1 no\nS: 250 ok\n\
             C: QUIT\nS: 221 bye"
        ),
        "accepted 250 ok\nrefused 550 5.1.1 no\nquit",
    );
}

#[test]
fn many_recipients_go_in_several_groups() {
    let names: Vec<String> = (0..250).map(|n| format!("r{n}@c.example")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let now = Instant::now();
    let mut session = Session::new(smtp(), now);
    session.push(b"220 mx\r\n250-mx\r\n250 PIPELINING\r\n");
    while !matches!(session.step(now), Step::Idle) {}
    session.deliver(letter(&names), now);
    let mut groups = Vec::new();
    let verdicts = loop {
        match session.step(now) {
            Step::Send(pieces) => {
                let text: Vec<u8> = pieces.concat();
                let commands = memchr::memchr_iter(b'\n', &text).count();
                assert!(commands <= limits::PIPELINED_COMMANDS_MAX);
                match text.ends_with(b"DATA\r\n") {
                    true => session.push(&b"250 ok\r\n".repeat(commands - 1)),
                    false => session.push(&b"250 ok\r\n".repeat(commands)),
                }
                if text.ends_with(b"DATA\r\n") {
                    session.push(b"354 go\r\n");
                } else if text.ends_with(b".\r\n") {
                    break Vec::new();
                }
                groups.push(commands);
            }
            Step::Done(verdicts) => break verdicts,
            step => panic!("{step:?}"),
        }
    };
    assert_eq!(groups, [100, 100, 52]);
    assert!(verdicts.is_empty());
}

proptest! {
    /// Whatever a server says, and however it is cut: every recipient gets one verdict, nothing panics, and
    /// nobody is accepted unless the message was sent.
    #[test]
    fn any_server_gives_every_recipient_a_verdict(
        lines in prop::collection::vec(
            prop::sample::select(vec![
                "220 mx", "250-mx", "250 PIPELINING", "250 ok", "354 go", "421 bye", "451 later",
                "550 no", "334 VXNlcg==", "235 in", "250 STARTTLS", "250-", "x", "",
            ]),
            0..24,
        ),
        pipelined in any::<bool>(),
    ) {
        let now = Instant::now();
        let opening = if pipelined { "220 mx\r\n250-mx\r\n250 PIPELINING\r\n" } else { "" };
        let wire = format!("{opening}{}\r\n", lines.join("\r\n"));
        let mut session = Session::new(with_login(lmtp()), now);
        session.settings.login = None;
        let mut wire = wire.as_bytes().chunks(3);
        let (mut verdicts, mut asked, mut content) = (0, 0, 0);
        for _ in 0..10_000 {
            match session.step(now) {
                Step::Send(pieces) => content += usize::from(pieces.concat().ends_with(b"\r\n.\r\n")),
                Step::Idle if asked < 3 => {
                    asked += 1;
                    session.deliver(letter(&["b@c.example", "d@c.example"]), now);
                }
                Step::Idle => session.quit(now),
                Step::Done(all) => {
                    verdicts += 1;
                    prop_assert_eq!(all.len(), 2);
                    let accepted = all.iter().any(|v| matches!(v, Verdict::Accepted(_)));
                    prop_assert!(!accepted || content > 0);
                }
                Step::StartTls | Step::LogIn => session.closed(),
                Step::NeedInput => match wire.next() {
                    Some(octets) => session.push(octets),
                    None => session.closed(),
                },
                Step::Close(_) => {
                    prop_assert_eq!(verdicts, asked);
                    return Ok(());
                }
            }
        }
        prop_assert!(false, "the session never ended");
    }
}

fn any_notify() -> impl Strategy<Value = Notify> {
    let wanted = || prop::sample::select(vec![Wanted::No, Wanted::Yes]);
    prop_oneof![
        Just(Notify::Unsaid),
        Just(Notify::Never),
        (wanted(), wanted(), wanted()).prop_filter_map("NEVER has one form", |words| {
            let (success, failure, delay) = words;
            let some = [success, failure, delay].contains(&Wanted::Yes);
            some.then_some(Notify::On { success, failure, delay })
        }),
    ]
}

proptest! {
    /// Tests RFC 3461 §5.2.1: what a server of ours read, the next one reads the same.
    #[test]
    fn dsn_parameters_survive_a_relay(
        envid in prop::option::of("[ -~]{1,33}"),
        ret in prop::sample::select(vec![None, Some(Ret::Full), Some(Ret::Headers)]),
        notify in any_notify(),
        orcpt in prop::option::of("(rfc822|UTF-8|x-a);[ -~\u{e4}\u{1f4e7}]{1,40}"),
        utf8 in prop::sample::select(vec!["", "250-SMTPUTF8\r\n"]),
    ) {
        let mut sent = envelope(&["b@c.example"]);
        (sent.envid, sent.ret) = (envid, ret);
        sent.recipients[0] = Recipient { notify, orcpt, ..sent.recipients[0].clone() };
        if !utf8.is_empty() {
            sent.utf8 = Utf8::SmtpUtf8;
        }
        let now = Instant::now();
        let mut session = Session::new(smtp(), now);
        session.push(b"220 mx\r\n");
        prop_assert!(matches!(session.step(now), Step::Send(_)));
        session.push(format!("250-mx\r\n250-PIPELINING\r\n{utf8}250 DSN\r\n").as_bytes());
        prop_assert_eq!(session.step(now), Step::Idle);
        session.deliver(transaction(sent.clone(), Purpose::Deliver("X: y\r\n".into())), now);
        let Step::Send(group) = session.step(now) else { panic!("says nothing") };
        let lines = String::from_utf8(group.concat()).unwrap();
        let commands: Vec<Command> =
            lines.lines().map(|line| Command::parse(line.as_bytes()).expect("is read")).collect();
        let [Command::Mail(mail), Command::Rcpt(rcpt), Command::Data] = &commands[..] else {
            panic!("{lines}")
        };
        prop_assert_eq!((&mail.envid, mail.ret), (&sent.envid, sent.ret));
        prop_assert_eq!((rcpt.notify, &rcpt.orcpt), (notify, &sent.recipients[0].orcpt));
        prop_assert!(lines.is_ascii() || !utf8.is_empty());
    }
}
