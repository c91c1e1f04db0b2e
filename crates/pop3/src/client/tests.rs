//! Sessions against a scripted server, its side cut at every octet; and against our own server.

use std::time::Instant;

use postroad_protocol::sasl::client::{Client, Peer, Plain};

use super::*;

fn password(password: &[u8]) -> Login {
    Login::Password(Credentials { name: "alice".into(), password: password.to_vec() })
}

fn settings() -> Settings {
    Settings {
        encryption: Encryption::Clear,
        stls: Stls::Never,
        login: password(b"se cret"),
        clear_text_login: ClearTextLogin::Allowed,
        message_octets_max: 1_000,
    }
}

fn plain() -> Plain {
    Plain(Credentials { name: "alice".into(), password: b"se cret".to_vec() })
}

/// A mechanism whose server has to say "v" before it is believed; "x" is a cheat's.
#[derive(Debug, Default)]
struct Scripted {
    said: Vec<u8>,
}

impl Client for Scripted {
    fn mechanism(&self) -> &'static str {
        "SCRAM-SHA-256"
    }

    fn first(&mut self) -> Option<Vec<u8>> {
        Some(b"n,,".to_vec())
    }

    fn answer(&mut self, challenge: &[u8]) -> Option<Vec<u8>> {
        self.said = challenge.to_vec();
        (challenge != b"x").then(|| b"c".to_vec())
    }

    fn peer(&self) -> Peer {
        match self.said.as_slice() {
            b"v" => Peer::Proven,
            b"x" => Peer::Wrong,
            _ => Peer::Unproven,
        }
    }
}

/// What a session came to: what we said, what we got, and the end.
#[derive(Debug, Default, PartialEq, Eq)]
struct Transcript {
    sent: String,
    content: String,
    outcomes: Vec<Outcome>,
    end: Option<End>,
}

/// A server's line is sent when the client has said as many lines as come before it: a write of the
/// client's ends with a line, and the server's next group answers it.
fn play(settings: Settings, requests: &[Request], groups: &[Vec<u8>], cut: usize) -> Transcript {
    let now = Instant::now();
    let mut session = Session::new(settings, now);
    let (mut requests, mut groups) = (requests.iter(), groups.iter());
    let mut ways: std::vec::IntoIter<Box<dyn Client>> =
        vec![Box::new(Scripted::default()) as Box<dyn Client>, Box::new(plain())].into_iter();
    let mut transcript = Transcript::default();
    // What the server has said and we have not read.
    let mut wire: Vec<u8> = groups.next().cloned().unwrap_or_default();
    loop {
        match session.step(now) {
            Step::Send(octets) => {
                transcript.sent.push_str(&String::from_utf8_lossy(&octets));
                wire.extend(groups.next().into_iter().flatten());
            }
            Step::NeedInput if wire.is_empty() => session.closed(),
            Step::NeedInput => {
                let rest = wire.split_off(cut.clamp(1, wire.len()));
                session.push(&std::mem::replace(&mut wire, rest), now);
            }
            Step::StartTls => {
                transcript.sent.push_str("(TLS)\r\n");
                session.tls_started(now);
            }
            Step::LogIn => {
                let way = ways.next().filter(|way| session.offers(way.mechanism()));
                session.log_in(way, now);
            }
            Step::Idle => match requests.next() {
                Some(request) => session.request(*request, now),
                None => session.request(Request::Quit, now),
            },
            Step::Content(octets) => transcript.content.push_str(&String::from_utf8_lossy(&octets)),
            Step::Done(outcome) => transcript.outcomes.push(outcome),
            Step::Close(end) => {
                transcript.end = Some(end);
                return transcript;
            }
        }
    }
}

/// Plays a dialogue of `S:` and `C:` lines with these requests; what the server says between two of our
/// lines comes in pieces of any length. Gives the transcript.
#[track_caller]
fn check_with(settings: &Settings, requests: &[Request], dialogue: &str) -> Transcript {
    let (mut groups, mut expected) = (vec![Vec::new()], String::new());
    for line in dialogue.lines().map(str::trim_start) {
        if let Some(line) = line.strip_prefix("S:") {
            let line = format!("{}\r\n", line.strip_prefix(' ').unwrap_or(line));
            groups.last_mut().expect("a group").extend_from_slice(line.as_bytes());
        } else if let Some(line) = line.strip_prefix("C: ") {
            expected.push_str(&format!("{line}\r\n"));
            groups.push(Vec::new());
        } else if line == "(TLS)" {
            expected.push_str("(TLS)\r\n");
        }
    }
    for cut in 1..60 {
        let got = play(settings.clone(), requests, &groups, cut);
        assert_eq!(got.sent, expected, "pieces of {cut}: {got:?}");
    }
    play(settings.clone(), requests, &groups, usize::MAX)
}

#[track_caller]
fn check(requests: &[Request], dialogue: &str) -> Transcript {
    check_with(&settings(), requests, dialogue)
}

const OPENING: &str = "\
S: +OK ready
C: CAPA
S: +OK
S: SASL PLAIN
S: .
C: AUTH PLAIN AGFsaWNlAHNlIGNyZXQ=
S: +OK open
";

fn number(n: usize) -> MessageNumber {
    MessageNumber::from_index(n - 1).expect("a number")
}

#[test]
fn a_whole_session() {
    let requests = [
        Request::Stat,
        Request::Sizes,
        Request::UniqueIds,
        Request::Retrieve(number(1)),
        Request::Top(number(2), 0),
        Request::Delete(number(1)),
        Request::Reset,
    ];
    let transcript = check(
        &requests,
        &format!(
            "{OPENING}
             C: STAT
             S: +OK 2 30 and more
             C: LIST
             S: +OK
             S: 1 10 and more
             S: 2 20
             S: .
             C: UIDL
             S: +OK
             S: 1 uid-1
             S: 2 uid-2
             S: .
             C: RETR 1
             S: +OK
             S: A: 1
             S:
             S: ..dot
             S: .
             C: TOP 2 0
             S: -ERR [x/Y]  no
             C: DELE 1
             S: +OK
             C: RSET
             S: +OK
             C: QUIT
             S: +OK"
        ),
    );
    let id = |text: &str| UniqueId::parse(text.as_bytes()).expect("a unique-id");
    assert_eq!(transcript.content, "A: 1\r\n\r\n.dot\r\n");
    assert_eq!(
        transcript.outcomes,
        [
            Outcome::Stat { count: 2, octets: 30 },
            Outcome::Sizes(vec![(number(1), 10), (number(2), 20)]),
            Outcome::UniqueIds(vec![(number(1), id("uid-1")), (number(2), id("uid-2"))]),
            Outcome::Done,
            Outcome::Refused(Refusal { code: Some("X/Y".into()), text: "no".into() }),
            Outcome::Done,
            Outcome::Done,
        ]
    );
    assert_eq!(transcript.end, Some(End::Quit));
}

#[test]
fn messages_that_were_not_deleted_are_told() {
    let dialogue = format!("{OPENING}C: QUIT\nS: -ERR some deleted messages not removed");
    assert!(matches!(check(&[], &dialogue).end, Some(End::NotDeleted(_))));
}

#[test]
fn old_servers_get_user_and_pass() {
    let opening = "S: +OK\nC: CAPA\nS: -ERR what\nC: USER alice\nS: +OK\nC: PASS se cret\n";
    assert_eq!(check(&[], &format!("{opening}S: +OK\nC: QUIT\nS: +OK")).end, Some(End::Quit));
    let refused = check(&[], &format!("{opening}S: -ERR [AUTH] no"));
    let refusal = Refusal { code: Some("AUTH".into()), text: "no".into() };
    assert_eq!(refused.end, Some(End::Login(refusal)));
}

#[test] // Tests RFC 5034 §4.
fn long_responses_wait_for_the_challenge() {
    let mut settings = settings();
    settings.login = password(&[b'p'; 300]);
    let response = sasl_of(&settings);
    let opening = format!(
        "S: +OK\nC: CAPA\nS: +OK\nS: SASL LOGIN PLAIN\nS: .\nC: AUTH PLAIN\nS: + \nC: {response}\n"
    );
    check_with(&settings, &[], &format!("{opening}S: +OK\nC: QUIT\nS: +OK"));
    // It is said once; then the login is given up, and what comes back is the end.
    let again = check_with(&settings, &[], &format!("{opening}S: + \nC: *\nS: + \n"));
    assert_eq!(again.end, Some(End::Protocol("it challenges a login that was given up")));
}

fn sasl_of(settings: &Settings) -> String {
    let Login::Password(credentials) = &settings.login else { panic!("a token") };
    postroad_protocol::sasl::plain_initial_response(credentials)
}

fn tls() -> Settings {
    Settings { stls: Stls::Required, clear_text_login: ClearTextLogin::Refused, ..settings() }
}

#[test]
fn stls_comes_first_and_capabilities_are_asked_again() {
    let transcript = check_with(
        &tls(),
        &[],
        "S: +OK\nC: CAPA\nS: +OK\nS: STLS\nS: SASL PLAIN\nS: .\nC: STLS\nS: +OK\n(TLS)
         C: CAPA\nS: +OK\nS: USER\nS: .\nC: USER alice\nS: +OK\nC: PASS se cret\nS: +OK\nC: QUIT\nS: +OK",
    );
    assert_eq!(transcript.end, Some(End::Quit));
}

#[test]
fn u11_no_tls_no_password() {
    for (dialogue, end) in [
        ("S: +OK\nC: CAPA\nS: +OK\nS: USER\nS: .", End::NoTls),
        ("S: +OK\nC: CAPA\nS: -ERR", End::NoTls),
        ("S: +OK\nC: CAPA\nS: +OK\nS: STLS\nS: .\nC: STLS\nS: -ERR no", End::NoTls),
        ("S: * PREAUTH", End::Protocol("a response is neither +OK nor -ERR")),
        ("S: 220 smtp", End::Protocol("a response is neither +OK nor -ERR")),
        ("S: ", End::Protocol("a response is neither +OK nor -ERR")),
    ] {
        assert_eq!(check_with(&tls(), &[], dialogue).end, Some(end), "{dialogue}");
    }
    let clear = Settings { stls: Stls::Never, ..tls() };
    let dialogue = "S: +OK\nC: CAPA\nS: +OK\nS: SASL PLAIN\nS: .";
    assert_eq!(check_with(&clear, &[], dialogue).end, Some(End::ClearText));
}

#[test]
fn u11_a_tail_behind_the_answer_to_stls_ends_the_session() {
    let groups = [&b"+OK\r\n"[..], b"+OK\r\nSTLS\r\n.\r\n", b"+OK\r\n+OK\r\nSASL PLAIN\r\n.\r\n"];
    let transcript = play(tls(), &[], &groups.map(<[u8]>::to_vec), usize::MAX);
    assert_eq!(transcript.end, Some(End::Protocol("it speaks ahead of the TLS handshake")));
    assert!(!transcript.sent.contains("AUTH") && !transcript.sent.contains("(TLS)"));
}

#[test]
fn u13_what_is_too_much() {
    let huge = "x".repeat(5_000);
    for (requests, tail, end) in [
        (&[Request::Stat][..], "C: STAT\nS: +OK 4294967295 1", "its drop listing is malformed"),
        (&[Request::Stat], "C: STAT\nS: +OK many", "its drop listing is malformed"),
        (&[Request::Sizes], "C: LIST\nS: +OK\nS: 0 1", "a line of its listing is malformed"),
        (&[Request::Sizes], "C: LIST\nS: +OK\nS: 1 -1", "a line of its listing is malformed"),
        (&[Request::UniqueIds], "C: UIDL\nS: +OK\nS: 1 a b", "a line of its listing is malformed"),
        (&[Request::Stat], &format!("C: STAT\nS: +OK {huge}"), "a line is too long"),
    ] {
        let end = Some(End::Protocol(end));
        assert_eq!(check(requests, &format!("{OPENING}{tail}")).end, end, "{tail:.60}");
    }
    let groups = [&b"+OK\r\n"[..], b"-ERR\r\n", b"+OK\r\n", b"+OK\r\n+OK unasked\r\n"];
    let got = play(settings(), &[], &groups.map(<[u8]>::to_vec), usize::MAX);
    assert_eq!(got.end, Some(End::Protocol("it speaks unasked")));
    let message = "S: xxxxxxxx\n".repeat(200);
    let got =
        check(&[Request::Retrieve(number(1))], &format!("{OPENING}C: RETR 1\nS: +OK\n{message}"));
    assert_eq!(got.end, Some(End::TooLarge { octets_max: 1_000 }));
    assert!(got.content.len() <= 1_000);
    let capabilities = "S: X\n".repeat(1_000);
    let got = check(&[], &format!("S: +OK\nC: CAPA\nS: +OK\n{capabilities}"));
    assert_eq!(got.end, Some(End::Protocol("it has too many capabilities")));
}

#[test]
fn a_lost_connection_is_no_end_of_a_message() {
    let got =
        check(&[Request::Retrieve(number(1))], &format!("{OPENING}C: RETR 1\nS: +OK\nS: half"));
    assert_eq!((got.outcomes, got.end), (vec![], Some(End::Lost)));
}

#[test]
fn line_ends_in_passwords_are_never_sent() {
    let mut settings = settings();
    settings.login = password(b"x\r\nDELE 1");
    let got = check_with(&settings, &[], "S: +OK\nC: CAPA\nS: -ERR");
    assert_eq!(got.end, Some(End::Credentials));
}

#[test] // Tests RFC 7628 §3.2.3 and RFC 5034 §4.
fn tokens_are_shown_where_they_are_taken() {
    let with = |access: &str| {
        let (user, host) = ("alice".to_owned(), "mx".to_owned());
        let token = Token { user, host, port: 110, access: access.into() };
        Settings { login: Login::Token(token), ..settings() }
    };
    let capa = "S: +OK\nC: CAPA\nS: +OK\n";
    let both = format!("{capa}S: SASL PLAIN XOAUTH2 OAUTHBEARER\nS: .\n");
    let bearer =
        "C: AUTH OAUTHBEARER bixhPWFsaWNlLAFob3N0PW14AXBvcnQ9MTEwAWF1dGg9QmVhcmVyIHQBAQ==\n";
    let got = check_with(&with("t"), &[], &format!("{both}{bearer}S: +OK in\nC: QUIT\nS: +OK"));
    assert_eq!(got.end, Some(End::Quit));
    let told = "S: + eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0=\nC: AQ==\nS: -ERR [AUTH] no";
    let got = check_with(&with("t"), &[], &format!("{both}{bearer}{told}"));
    assert!(matches!(got.end, Some(End::Login(_))), "{got:?}");
    let xoauth2 = format!("{capa}S: SASL XOAUTH2\nS: .\n");
    let said = "C: AUTH XOAUTH2 dXNlcj1hbGljZQFhdXRoPUJlYXJlciB0AQE=\nS: +OK in\nC: QUIT\nS: +OK";
    assert_eq!(check_with(&with("t"), &[], &format!("{xoauth2}{said}")).end, Some(End::Quit));
    // Never as a password, and nothing that would be a line of its own.
    let plain = format!("{capa}S: SASL PLAIN\nS: .\n");
    assert_eq!(check_with(&with("t"), &[], &plain).end, Some(End::NoMechanism));
    assert_eq!(check_with(&with("t\r\n"), &[], &xoauth2).end, Some(End::Credentials));
    let long = "x".repeat(300);
    let got = check_with(&with(&long), &[], &format!("{xoauth2}C: AUTH XOAUTH2\nS: -ERR no"));
    assert!(matches!(got.end, Some(End::Login(_))), "{got:?}");
}

proptest::proptest! {
    /// Whatever a server sends, the session ends and nothing panics.
    #[test]
    fn any_server_is_survived(
        groups in proptest::collection::vec(proptest::collection::vec(words(), 0..6), 1..8),
        cut in 1usize..40,
    ) {
        let groups: Vec<Vec<u8>> = groups.into_iter().map(|words| words.concat()).collect();
        let requests = [Request::Stat, Request::UniqueIds, Request::Retrieve(number(1)), Request::Sizes];
        let got = play(settings(), &requests, &groups, cut);
        proptest::prop_assert!(got.end.is_some());
        proptest::prop_assert!(got.content.len() <= 1_000);
    }
}

fn words() -> impl proptest::strategy::Strategy<Value = Vec<u8>> {
    use proptest::prelude::*;
    let known = prop::sample::select(vec![
        &b"+OK\r\n"[..],
        b"+OK 1 2\r\n",
        b"-ERR [AUTH] x\r\n",
        b".\r\n",
        b"1 2\r\n",
        b"SASL PLAIN\r\n",
        b"+ \r\n",
        b"..x\r\n",
        b"STLS\r\n",
        b"\r\n",
        b"\n",
        b"+OK",
    ]);
    prop_oneof![
        8 => known.prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..8),
    ]
}

#[test] // Tests RFC 5034 §4 and RFC 5802 §5.
fn the_best_way_is_chosen_and_the_server_has_to_prove_itself() {
    let Login::Password(credentials) = password(b"se cret") else { panic!("a token") };
    let chosen = Settings { login: Login::Chosen(Some(credentials)), ..settings() };
    let begins = "S: +OK\nC: CAPA\nS: +OK\nS: SASL PLAIN SCRAM-SHA-256\nS: .\n\
        C: AUTH SCRAM-SHA-256 biws\n";
    for (rest, end) in [
        ("S: + dg==\nC: Yw==\nS: +OK\nC: QUIT\nS: +OK\n", End::Quit),
        // It lets us in, and hasn't shown that it knows anything.
        ("S: +OK\n", End::Unproven),
        ("S: + cw==\nC: Yw==\nS: +OK\n", End::Unproven),
        // Who cheats isn't told the password.
        ("S: + eA==\nC: *\nS: -ERR\n", End::Unproven),
        // Who knows no keys of the user's is.
        ("S: -ERR no\nC: AUTH PLAIN AGFsaWNlAHNlIGNyZXQ=\nS: +OK\nC: QUIT\nS: +OK\n", End::Quit),
    ] {
        let transcript = check_with(&chosen, &[], &format!("{begins}{rest}"));
        assert_eq!(transcript.end, Some(end), "{rest}");
    }
    let none = "S: +OK\nC: CAPA\nS: -ERR\nC: USER alice\nS: +OK\nC: PASS se cret\nS: +OK\nC: QUIT\nS: +OK\n";
    assert_eq!(check_with(&chosen, &[], none).end, Some(End::Quit));
}
