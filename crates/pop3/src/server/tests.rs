//! Dialogues with the bare machine, each cut at every octet of the client's side.

use std::time::{Duration, Instant};

use postroad_protocol::sasl::bearer::Bearer;
use postroad_protocol::sasl::{Offer, Offered};

use super::*;
use crate::unique_id::UniqueId;

/// The maildrop that logins get: `(file, unique-id)`, numbers 1 to 3.
const MESSAGES: [(&str, &str); 3] =
    [("A: 1\n\none\n", "uid-1"), ("B: 2\n\n.dot\nlast", "uid-2"), ("C: 3\n\n3\n", "uid-3")];

/// How the shell of a test is set up.
#[derive(Clone)]
struct Shell {
    settings: Settings,
    /// Reading message 3 gives this.
    third: Result<(), OpenFailure>,
    deletes: Result<(), NotDeleted>,
}

fn shell() -> Shell {
    Shell {
        settings: Settings {
            name: Domain::parse("pop.example").expect("a domain"),
            encryption: Encryption::Clear,
            stls: Stls::Offered,
            clear_text_login: ClearTextLogin::Allowed,
            offer: Offer::default(),
        },
        third: Ok(()),
        deletes: Ok(()),
    }
}

fn maildrop() -> Maildrop {
    let message = |(file, uid): (&str, &str)| {
        let mut size = crate::content::Size::default();
        size.push(file.as_bytes());
        let unique_id = UniqueId::parse(uid.as_bytes()).expect("a unique-id");
        Message { octets: size.finish(), unique_id }
    };
    Maildrop::new(MESSAGES.map(message).into())
}

/// What a session came to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    sent: String,
    deleted: Vec<usize>,
    closed: bool,
}

/// Runs a session over these reads. Content comes in pieces of `piece` octets.
fn play(shell: &Shell, reads: &[&[u8]], piece: usize) -> Outcome {
    let now = Instant::now();
    let mut server = Server::new(shell.settings.clone(), now);
    let (mut reads, mut outcome) = (reads.iter(), Outcome::default());
    let mut content: Vec<u8> = Vec::new();
    for _ in 0..100_000 {
        match server.step(now) {
            Step::Send(octets) => outcome.sent.push_str(&String::from_utf8_lossy(&octets)),
            Step::NeedInput => match reads.next() {
                Some(octets) => server.push(octets),
                None => return outcome,
            },
            Step::StartTls => {
                outcome.sent.push_str("(TLS)\r\n");
                server.tls_started(now);
            }
            Step::Ask(Question::Login(attempt)) => {
                let Attempt::Password(credentials) = attempt else { panic!("{attempt:?}") };
                let login = match (credentials.name.as_str(), credentials.password.as_slice()) {
                    ("alice", b"se cret") => Ok(maildrop()),
                    ("busy", _) => Err(LoginFailure::InUse),
                    ("broken", _) => Err(LoginFailure::Unavailable),
                    _ => Err(LoginFailure::Wrong),
                };
                server.answer(Answer::Login(login));
            }
            Step::Ask(Question::Open { index, .. }) => {
                let opened = if index == 2 { shell.third } else { Ok(()) };
                content = MESSAGES[index].0.into();
                server.answer(Answer::Opened(opened));
            }
            Step::Ask(Question::Content) => {
                let rest = content.split_off(piece.min(content.len()));
                server.answer(Answer::Content(std::mem::replace(&mut content, rest)));
            }
            Step::Ask(Question::Update(marked)) => {
                outcome.deleted = marked;
                server.answer(Answer::Updated(shell.deletes));
            }
            Step::Close => {
                outcome.closed = true;
                return outcome;
            }
        }
    }
    panic!("the session doesn't end");
}

/// Plays a dialogue of `C:` and `S:` lines: all of the client's lines at once, cut at each octet, and
/// with content in pieces of any length. Gives the outcome.
#[track_caller]
fn check_with(shell: &Shell, dialogue: &str) -> Outcome {
    let side = |tag: &str| -> String {
        let lines = dialogue.lines().filter_map(|line| line.trim_start().strip_prefix(tag));
        lines.map(|line| format!("{}\r\n", line.strip_prefix(' ').unwrap_or(line))).collect()
    };
    let input = side("C:").replace("\\0", "\0").replace("\\n", "\n").into_bytes();
    let expected = side("S:");
    for cut in 0..=input.len() {
        let (head, tail) = input.split_at(cut);
        let got = play(shell, &[head, tail], 1 + cut % 7);
        assert_eq!(got.sent, expected, "cut at octet {cut}");
    }
    play(shell, &[&input], 4096)
}

#[track_caller]
fn check(dialogue: &str) -> Outcome {
    check_with(&shell(), dialogue)
}

/// The login of most dialogues.
const LOGIN: &str = "\
S: +OK pop.example POP3 server ready
C: USER alice
S: +OK now the password
C: PASS se cret
S: +OK 3 messages (44 octets)
";

#[track_caller]
fn check_logged_in(dialogue: &str) -> Outcome {
    check(&format!("{LOGIN}{dialogue}"))
}

#[test] // Tests RFC 1939 §5 and §6.
fn a_whole_session() {
    let outcome = check_logged_in(
        "C: STAT
         S: +OK 3 44
         C: LIST
         S: +OK 3 messages (44 octets)
         S: 1 13
         S: 2 20
         S: 3 11
         S: .
         C: uidl
         S: +OK 3 messages (44 octets)
         S: 1 uid-1
         S: 2 uid-2
         S: 3 uid-3
         S: .
         C: LIST 2
         S: +OK 2 20
         C: UIDL 2
         S: +OK 2 uid-2
         C: RETR 2
         S: +OK message follows
         S: B: 2
         S:
         S: ..dot
         S: last
         S: .
         C: TOP 2 1
         S: +OK message follows
         S: B: 2
         S:
         S: ..dot
         S: .
         C: TOP 1 0
         S: +OK message follows
         S: A: 1
         S:
         S: .
         C: NOOP
         S: +OK nothing done
         C: DELE 1
         S: +OK marked as deleted
         C: STAT
         S: +OK 2 31
         C: QUIT
         S: +OK good-bye",
    );
    assert_eq!((outcome.deleted, outcome.closed), (vec![0], true));
}

#[test] // Tests RFC 1939 §5: nothing may refer to a message that is marked as deleted.
fn marked_messages_are_not_there() {
    let outcome = check_logged_in(
        "C: DELE 2
         S: +OK marked as deleted
         C: DELE 2
         S: -ERR no such message
         C: RETR 2
         S: -ERR no such message
         C: TOP 2 0
         S: -ERR no such message
         C: LIST 2
         S: -ERR no such message
         C: UIDL 2
         S: -ERR no such message
         C: LIST
         S: +OK 2 messages (24 octets)
         S: 1 13
         S: 3 11
         S: .
         C: RSET
         S: +OK 3 messages (44 octets)
         C: STAT
         S: +OK 3 44
         C: DELE 3
         S: +OK marked as deleted
         C: QUIT
         S: +OK good-bye",
    );
    assert_eq!(outcome.deleted, [2]);
}

#[test]
fn i13_numbers_that_no_message_has() {
    check_logged_in(
        "C: RETR 0
         S: -ERR no such message
         C: RETR 4
         S: -ERR no such message
         C: RETR 4294967296
         S: -ERR no such message
         C: TOP 1 4294967296
         S: -ERR wrong arguments
         C: TOP 1 -1
         S: -ERR wrong arguments
         C: LIST 4294967295
         S: -ERR no such message
         C: DELE -1
         S: -ERR no such message",
    );
}

#[test]
fn i13_a_drop_without_quit_deletes_nothing() {
    let outcome = check_logged_in("C: DELE 1\nS: +OK marked as deleted");
    assert_eq!(outcome, Outcome { sent: outcome.sent.clone(), deleted: vec![], closed: false });
    // An error too many ends the session, and isn't a QUIT either.
    let errors = "C: XYZ\nS: -ERR unknown command\n".repeat(20);
    let outcome = check_logged_in(&format!(
        "C: DELE 1\nS: +OK marked as deleted\n{errors}C: QUIT\nS: -ERR too many errors, good-bye"
    ));
    assert_eq!((outcome.deleted, outcome.closed), (vec![], true));
}

#[test] // Tests RFC 2449 §4.
fn i13_lines_at_the_bound_and_above() {
    let name = |octets: usize| "u".repeat(octets - "USER \r\n".len());
    check(&format!(
        "S: +OK pop.example POP3 server ready
         C: USER {}
         S: +OK now the password
         C: USER {}
         S: -ERR the line is too long
         C: USER {}
         S: -ERR the line is too long
         C: QUIT
         S: +OK good-bye",
        name(255),
        name(256),
        name(100_000),
    ));
}

#[test]
fn input_without_a_line_end_takes_no_memory() {
    let now = Instant::now();
    let mut server = Server::new(shell().settings, now);
    assert!(matches!(server.step(now), Step::Send(_)));
    for _ in 0..1_000 {
        assert_eq!(server.step(now), Step::NeedInput);
        server.push(&[b'x'; 1024]);
    }
    assert_eq!(server.step(now), Step::NeedInput);
    assert!(server.input.rest().is_empty());
}

#[test]
fn logins_that_fail() {
    check(
        "S: +OK pop.example POP3 server ready
         C: PASS se cret
         S: -ERR say USER first
         C: USER alice
         S: +OK now the password
         C: PASS wrong
         S: -ERR [AUTH] name or password is wrong
         C: PASS se cret
         S: -ERR say USER first
         C: USER nobody
         S: +OK now the password
         C: PASS wrong
         S: -ERR [AUTH] name or password is wrong
         C: USER busy
         S: +OK now the password
         C: PASS x
         S: -ERR [IN-USE] another session has this maildrop open
         C: USER broken
         S: +OK now the password
         C: PASS x
         S: -ERR [SYS/TEMP] the maildrop can't be opened, try later
         C: USER alice
         S: +OK now the password
         C: PASS SE CRET
         S: -ERR [AUTH] name or password is wrong
         C: USER alice
         S: -ERR too many errors, good-bye",
    );
}

#[test] // Tests RFC 1939 §3: a command in the wrong state gets a negative response.
fn commands_in_the_wrong_state() {
    for command in ["STAT", "LIST", "UIDL 1", "RETR 1", "TOP 1 1", "DELE 1", "NOOP", "RSET"] {
        check(&format!("S: +OK pop.example POP3 server ready\nC: {command}\nS: -ERR log in first"));
    }
    for command in ["USER a", "PASS a", "AUTH PLAIN", "STLS", "UTF8"] {
        check_logged_in(&format!("C: {command}\nS: -ERR you are logged in already"));
    }
}

#[test] // Tests RFC 5034 §4.
fn auth_plain() {
    // \0alice\0se cret
    for dialogue in [
        "C: AUTH PLAIN AGFsaWNlAHNlIGNyZXQ=",
        "C: auth plain\nS: + \nC: AGFsaWNlAHNlIGNyZXQ=",
        "C: AUTH PLAIN\nS: + \nC: *\nS: -ERR login cancelled\nC: AUTH PLAIN AGFsaWNlAHNlIGNyZXQ=",
    ] {
        check(&format!(
            "S: +OK pop.example POP3 server ready\n{dialogue}\nS: +OK 3 messages (44 octets)"
        ));
    }
}

#[test]
fn i05_auth_junk_is_refused() {
    let long = "A".repeat(limits::AUTH_LINE_OCTETS_MAX);
    check(&format!(
        "S: +OK pop.example POP3 server ready
         C: AUTH PLAIN =
         S: -ERR the response can't be decoded
         C: AUTH PLAIN !!!!
         S: -ERR the response can't be decoded
         C: AUTH PLAIN AGFsaWNl
         S: -ERR the response can't be decoded
         C: AUTH PLAIN
         S: + 
         C: 
         S: -ERR the response can't be decoded
         C: AUTH PLAIN
         S: + 
         C: {long}
         S: -ERR the line is too long
         C: AUTH PLAIN YWRtaW4AYWxpY2UAc2UgY3JldA==
         S: -ERR [AUTH] name or password is wrong
         C: NOOP
         S: -ERR log in first"
    ));
}

#[test]
fn i05_aborted_logins_end_the_session() {
    let aborted = "C: AUTH PLAIN\nS: + \nC: *\nS: -ERR login cancelled\n".repeat(20);
    let outcome = check(&format!(
        "S: +OK pop.example POP3 server ready\n{aborted}C: CAPA\nS: -ERR too many errors, good-bye"
    ));
    assert!(outcome.closed);
}

#[test] // Tests RFC 5034 §4.
fn a_login_of_several_steps() {
    let now = Instant::now();
    let mut settings = shell().settings;
    settings.offer = Offer { scram: Offered::Yes, tokens: Offered::Yes };
    let mut server = Server::new(settings, now);
    let mut ask = |line: &str, answer: fn(Attempt) -> Answer| {
        let mut said = String::new();
        server.push(line.as_bytes());
        loop {
            match server.step(now) {
                Step::Send(octets) => said.push_str(&String::from_utf8_lossy(&octets)),
                Step::NeedInput => return said,
                Step::Ask(Question::Login(attempt)) => server.answer(answer(attempt)),
                step => panic!("{step:?}"),
            }
        }
    };
    let judge = |attempt: Attempt| match attempt {
        Attempt::Scram(first) => Answer::Challenge(first.challenge(b"salt", 4_096, "y", b"")),
        Attempt::Proof(proof) => Answer::Challenge(proof.accepted(b"sign")),
        Attempt::Token(_) => Answer::Challenge(Bearer::refused("{}")),
        Attempt::Proven(proven) if proven.name() == "alice" => Answer::Login(Ok(maildrop())),
        attempt => panic!("{attempt:?}"),
    };
    let capabilities = ask("CAPA\r\n", judge);
    let sasl = "\r\nSASL SCRAM-SHA-256 OAUTHBEARER XOAUTH2 PLAIN\r\n";
    assert!(capabilities.contains(sasl), "{capabilities}");
    let refusal = "-ERR [AUTH] name or password is wrong\r\n";
    assert_eq!(ask("AUTH OAUTHBEARER biwsAWF1dGg9QmVhcmVyIHQBAQ==\r\n", judge), "+ e30=\r\n");
    assert_eq!(ask("AQ==\r\n", judge), refusal);
    assert_eq!(ask("AUTH SCRAM-SHA-256\r\n", judge), "+ \r\n");
    assert_eq!(ask("biwsbj1hbGljZSxyPXg=\r\n", judge), "+ cj14eSxzPWMyRnNkQT09LGk9NDA5Ng==\r\n");
    assert_eq!(
        ask(
            "Yz1iaXdzLHI9eHkscD1BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBPQ==\r\n",
            judge
        ),
        "+ dj1jMmxuYmc9PQ==\r\n"
    );
    assert_eq!(ask("\r\n", judge), "+OK 3 messages (44 octets)\r\n");
}

#[test]
fn i14_no_challenge_mechanisms() {
    for mechanism in ["CRAM-MD5", "DIGEST-MD5", "NTLM", "OTP", "LOGIN", "EXTERNAL", "X"] {
        check(&format!(
            "S: +OK pop.example POP3 server ready
             C: AUTH {mechanism}
             S: -ERR that mechanism is not offered: use PLAIN"
        ));
    }
    let outcome = check(
        "S: +OK pop.example POP3 server ready
         C: APOP alice c4c9334bac560ecc979e58001b3e22fb
         S: -ERR unknown command",
    );
    // A timestamp in the greeting would offer APOP.
    assert!(!outcome.sent.contains('<'));
}

#[test]
fn i05_no_logins_in_clear() {
    let mut shell = shell();
    shell.settings.clear_text_login = ClearTextLogin::Refused;
    let refusals = |refusal: &str| {
        format!(
            "S: +OK pop.example POP3 server ready
             C: USER alice
             S: -ERR {refusal}
             C: PASS se cret
             S: -ERR {refusal}
             C: AUTH PLAIN
             S: -ERR {refusal}
             C: AUTH PLAIN AGFsaWNlAHNlIGNyZXQ=
             S: -ERR {refusal}"
        )
    };
    check_with(&shell, &refusals("no passwords in clear: say STLS first, or use POP3S"));
    shell.settings.stls = Stls::Unavailable;
    check_with(&shell, &refusals("no passwords in clear"));
    shell.settings.encryption = Encryption::Tls;
    check_with(&shell, LOGIN);
}

/// CAPA's lines in every state.
const CAPABILITIES: &str = "\
S: +OK capabilities follow
S: TOP
S: UIDL
S: RESP-CODES
S: AUTH-RESP-CODE
S: PIPELINING
S: EXPIRE NEVER
S: UTF8 USER
S: IMPLEMENTATION Postroad
";

#[test] // Tests RFC 2449 §5 and RFC 2595 §4.
fn capabilities_are_those_of_the_state() {
    let greeting = "S: +OK pop.example POP3 server ready\nC: CAPA\n";
    let login = "S: USER\nS: SASL PLAIN\n";
    check(&format!("{greeting}{CAPABILITIES}{login}S: STLS\nS: ."));
    check(&format!("{LOGIN}C: CAPA\n{CAPABILITIES}{login}S: ."));
    let mut shell = shell();
    shell.settings.clear_text_login = ClearTextLogin::Refused;
    check_with(&shell, &format!("{greeting}{CAPABILITIES}S: STLS\nS: ."));
    shell.settings.stls = Stls::Unavailable;
    check_with(&shell, &format!("{greeting}{CAPABILITIES}S: ."));
    shell.settings.encryption = Encryption::Tls;
    check_with(&shell, &format!("{greeting}{CAPABILITIES}{login}S: ."));
}

#[test] // Tests RFC 2595 §4.
fn i04_what_comes_ahead_of_tls_is_never_run() {
    let stls = |shell: &Shell| {
        // All in one write, as a third party would inject it.
        let input = b"USER alice\r\nSTLS\r\nPASS se cret\r\nDELE 1\r\nQUIT\r\n";
        play(shell, &[input, b"PASS se cret\r\nSTLS\r\n"], 1)
    };
    let outcome = stls(&shell());
    assert_eq!(
        outcome.sent,
        "+OK pop.example POP3 server ready\r\n+OK now the password\r\n+OK begin TLS\r\n(TLS)\r\n\
         -ERR say USER first\r\n-ERR TLS is active already\r\n"
    );
    assert_eq!((outcome.deleted, outcome.closed), (vec![], false));
    let mut without = shell();
    without.settings.stls = Stls::Unavailable;
    check_with(
        &without,
        "S: +OK pop.example POP3 server ready\nC: STLS\nS: -ERR TLS is not available",
    );
}

#[test] // Tests RFC 6856 §2.1.
fn utf8_mode() {
    check(
        "S: +OK pop.example POP3 server ready
         C: UTF8
         S: +OK UTF-8 it is
         C: STLS
         S: -ERR STLS comes before UTF8
         C: USER jürgen
         S: +OK now the password
         C: USER alice
         S: +OK now the password
         C: PASS se cret
         S: +OK 3 messages (44 octets)",
    );
    // RFC 6856 §2.2: names that are no UTF-8 are refused.
    let outcome = play(&shell(), &[b"USER j\xfcrgen\r\n"], 1);
    assert!(outcome.sent.ends_with("-ERR the line holds octets that are not allowed\r\n"));
}

#[test]
fn messages_that_vanish_are_refused_and_the_session_goes_on() {
    for (third, refusal) in [
        (OpenFailure::Gone, "-ERR the message is gone"),
        (OpenFailure::Unreadable, "-ERR [SYS/TEMP] the message can't be read, try later"),
    ] {
        let shell = Shell { third: Err(third), ..shell() };
        check_with(&shell, &format!("{LOGIN}C: RETR 3\nS: {refusal}\nC: STAT\nS: +OK 3 44"));
    }
}

#[test] // Tests RFC 1939 §6.
fn messages_that_stay_are_told() {
    let shell = Shell { deletes: Err(NotDeleted), ..shell() };
    let outcome = check_with(
        &shell,
        &format!(
            "{LOGIN}C: DELE 1\nS: +OK marked as deleted\nC: QUIT\n\
             S: -ERR [SYS/TEMP] some deleted messages not removed"
        ),
    );
    assert!(outcome.closed);
}

#[test]
fn control_characters_are_refused() {
    check(
        "S: +OK pop.example POP3 server ready
         C: USER a\\0b
         S: -ERR the line holds octets that are not allowed
         C: CAPA\\0
         S: -ERR the line holds octets that are not allowed",
    );
}

#[test] // Tests RFC 2449 §6.6: each command in turn, the answers in few writes.
fn pipelined_commands_are_answered_in_one_write() {
    let now = Instant::now();
    let mut server = Server::new(shell().settings, now);
    server.push(&b"CAPA\r\n".repeat(50));
    let Step::Send(octets) = server.step(now) else { panic!("nothing is sent") };
    assert_eq!(octets.windows(5).filter(|w| w == b"\r\n.\r\n").count(), 50);
    assert_eq!(server.step(now), Step::NeedInput);
}

#[test]
fn a_listing_of_many_messages_comes_in_bounded_writes() {
    let now = Instant::now();
    let mut server = Server::new(shell().settings, now);
    server.push(b"USER a\r\nPASS b\r\nUIDL\r\n");
    let message = |n: usize| Message {
        octets: 1,
        unique_id: UniqueId::parse(format!("{n:070}").as_bytes()).expect("a unique-id"),
    };
    let mut sent = Vec::new();
    loop {
        match server.step(now) {
            Step::Send(octets) => {
                assert!(octets.len() < limits::OUTPUT_OCTETS + 1024);
                sent.extend(octets);
            }
            Step::Ask(Question::Login(_)) => {
                let maildrop = Maildrop::new((0..10_000).map(message).collect());
                server.answer(Answer::Login(Ok(maildrop)));
            }
            Step::NeedInput => break,
            step => panic!("{step:?}"),
        }
    }
    let text = String::from_utf8(sent).expect("ASCII");
    assert_eq!(text.lines().count(), 3 + 1 + 10_000 + 1);
}

#[test] // Tests RFC 1939 §3: the timer is at least 10 minutes, and any command resets it.
fn the_autologout_timer() {
    const { assert!(limits::AUTOLOGOUT.as_secs() >= 600) };
    let start = Instant::now();
    let mut server = Server::new(shell().settings, start);
    let run = |server: &mut Server, input: &[u8], now: Instant| {
        server.push(input);
        loop {
            match server.step(now) {
                Step::NeedInput => return server.deadline(),
                Step::Ask(Question::Login(_)) => server.answer(Answer::Login(Ok(maildrop()))),
                Step::Send(_) => {}
                step => panic!("{step:?}"),
            }
        }
    };
    let minute = Duration::from_secs(60);
    // Without a login the connection ends, whatever the client says.
    assert_eq!(run(&mut server, b"CAPA\r\n", start + 5 * minute), start + 10 * minute);
    let login = b"USER a\r\nPASS b\r\n";
    assert_eq!(run(&mut server, login, start + 6 * minute), start + 16 * minute);
    assert_eq!(run(&mut server, b"NOOP\r\n", start + 9 * minute), start + 19 * minute);
    // Half a command is none.
    assert_eq!(run(&mut server, b"NOO", start + 15 * minute), start + 19 * minute);
}

#[test]
fn an_answer_to_another_question_ends_the_session() {
    let now = Instant::now();
    let mut server = Server::new(shell().settings, now);
    server.answer(Answer::Login(Ok(maildrop())));
    assert_eq!(server.step(now), Step::Close);
}

proptest::proptest! {
    /// Whatever a client sends, in whatever pieces: no panic, bounded memory, and the same answers.
    #[test]
    fn any_input_gives_the_same_answers_however_it_is_cut(
        words in proptest::collection::vec(word(), 0..30),
        cut in 0usize..400,
    ) {
        let input: Vec<u8> = words.concat();
        let (head, tail) = input.split_at(cut.min(input.len()));
        let whole = play(&shell(), &[&input], 4096);
        // What comes in one piece with STLS is dropped with it, so such input differs by design.
        if !input.to_ascii_uppercase().windows(4).any(|w| w == b"STLS") {
            proptest::prop_assert_eq!(play(&shell(), &[head, tail], 3), whole);
        }
    }
}

fn word() -> impl proptest::strategy::Strategy<Value = Vec<u8>> {
    use proptest::prelude::*;
    let known = prop::sample::select(vec![
        &b"USER alice\r\n"[..],
        b"PASS se cret\r\n",
        b"RETR 1\r\n",
        b"TOP 2 1\r\n",
        b"DELE 1\r\n",
        b"RSET\r\n",
        b"QUIT\r\n",
        b"AUTH PLAIN\r\n",
        b"*\r\n",
        b"LIST\r\n",
        b"UIDL 2\r\n",
        b"\r\n",
        b"STLS\r\n",
        b"UTF8\r\n",
        b"\n",
        b"\r",
        b" ",
        b"RETR ",
    ]);
    prop_oneof![known.prop_map(<[u8]>::to_vec), prop::collection::vec(any::<u8>(), 0..8)]
}
