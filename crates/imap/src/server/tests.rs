use std::time::Instant;

use postroad_protocol::sasl::bearer::Bearer;
use postroad_protocol::sasl::{Attempt, ClearTextLogin, Offer, Offered};
use postroad_protocol::server::Tls;

use super::entrance::{Entrance, Failure, Settings, Step};
use crate::limits;

const PLAIN: &str = "AGFsaWNlAHNlIGNyZXQ=";

struct Client {
    entrance: Entrance,
    now: Instant,
    asked: Vec<Attempt>,
}

impl Client {
    fn new(tls: Tls, clear_text_login: ClearTextLogin) -> (Self, String) {
        let now = Instant::now();
        let capabilities = &["IMAP4rev1", "ID"];
        let offer = Offer::default();
        let settings =
            Settings { name: "h.example".into(), tls, clear_text_login, offer, capabilities };
        let mut client = Self { entrance: Entrance::new(settings, now), now, asked: Vec::new() };
        let greeting = client.says();
        (client, greeting)
    }

    fn inside_tls() -> Self {
        Self::new(Tls::Active, ClearTextLogin::Refused).0
    }

    /// What is said until something else is to be done.
    fn says(&mut self) -> String {
        let mut said = Vec::new();
        loop {
            match self.entrance.step(self.now) {
                Step::Send(octets) => said.extend(octets),
                Step::NeedInput => break,
                Step::LogIn(attempt) => {
                    self.asked.push(attempt);
                    break;
                }
                Step::StartTls => {
                    said.extend(b"<TLS>");
                    break;
                }
                Step::Close => {
                    said.extend(b"<closed>");
                    break;
                }
            }
        }
        String::from_utf8(said).unwrap()
    }

    fn ask(&mut self, octets: impl AsRef<[u8]>) -> String {
        self.entrance.push(octets.as_ref());
        self.says()
    }

    /// Who wants in, by now.
    #[track_caller]
    fn asked(&mut self, name: &str, password: &[u8]) {
        let asked = self.asked.pop().expect("a login");
        let Attempt::Password(asked) = asked else { panic!("{asked:?}") };
        assert_eq!((asked.name.as_str(), asked.password.as_slice()), (name, password));
    }

    fn refuse(&mut self, failure: Failure) -> String {
        self.entrance.refuse(failure);
        self.says()
    }
}

#[test]
fn what_is_offered_where() {
    for (tls, clear, capabilities) in [
        (Tls::Offered, ClearTextLogin::Refused, "IMAP4rev1 ID STARTTLS LOGINDISABLED"),
        (
            Tls::Offered,
            ClearTextLogin::Allowed,
            "IMAP4rev1 ID STARTTLS SASL-IR AUTH=PLAIN AUTH=LOGIN",
        ),
        (Tls::Active, ClearTextLogin::Refused, "IMAP4rev1 ID SASL-IR AUTH=PLAIN AUTH=LOGIN"),
        (Tls::Unavailable, ClearTextLogin::Refused, "IMAP4rev1 ID LOGINDISABLED"),
    ] {
        let (mut client, greeting) = Client::new(tls, clear);
        assert_eq!(greeting, format!("* OK [CAPABILITY {capabilities}] h.example ready\r\n"));
        let said = client.ask("a CAPABILITY\r\n");
        assert_eq!(said, format!("* CAPABILITY {capabilities}\r\na OK done\r\n"));
    }
}

#[test]
fn commands_of_a_stranger() {
    let mut client = Client::inside_tls();
    assert_eq!(client.ask("a noop\r\n"), "a OK nothing done\r\n");
    let id = "b ID (\"name\" \"x\" \"os\" NIL)\r\n";
    assert_eq!(client.ask(id), "* ID (\"name\" \"Postroad\")\r\nb OK done\r\n");
    for command in ["SELECT INBOX", "LIST \"\" *", "ENABLE CONDSTORE", "IDLE", "FETCH 1 FLAGS"] {
        assert_eq!(client.ask(format!("c {command}\r\n")), "c BAD log in first\r\n", "{command}");
    }
    assert_eq!(client.ask("d LOGOUT\r\ne NOOP\r\n"), "* BYE good-bye\r\nd OK done\r\n<closed>");
}

#[test]
fn logins() {
    let mut client = Client::inside_tls();
    assert_eq!(client.ask("a LOGIN alice \"se cret\"\r\n"), "");
    client.asked("alice", b"se cret");
    assert_eq!(client.entrance.tag().map(ToString::to_string).as_deref(), Some("a"));
    let wrong = "a NO [AUTHENTICATIONFAILED] name or password is wrong\r\n";
    assert_eq!(client.refuse(Failure::Wrong), wrong);
    // Literals, asked for and not.
    assert_eq!(client.ask("b LOGIN {5}\r\n"), "+ go ahead\r\n");
    assert_eq!(client.ask(b"alice {4+}\r\n\xff{1}\r\nc NO"), "");
    client.asked("alice", b"\xff{1}");
    assert_eq!(client.refuse(Failure::TooMany), "b NO [LIMIT] too many sessions, try later\r\n");
    assert_eq!(client.ask("OP\r\n"), "c OK nothing done\r\n");
}

#[test]
fn authenticate_with_and_without_an_initial_response() {
    let mut client = Client::inside_tls();
    assert_eq!(client.ask(format!("a AUTHENTICATE PLAIN {PLAIN}\r\n")), "");
    client.asked("alice", b"se cret");
    let unavailable = "a NO [UNAVAILABLE] the mailbox can't be opened, try later\r\n";
    assert_eq!(client.refuse(Failure::Unavailable), unavailable);
    assert_eq!(client.ask("b AUTHENTICATE plain\r\n"), "+ \r\n");
    assert_eq!(client.ask(format!("{PLAIN}\r\nc NOOP\r\n")), "");
    client.asked("alice", b"se cret");
    // What was sent ahead is for whoever serves the session.
    assert_eq!(client.entrance.unread(), b"c NOOP\r\n");
    client.refuse(Failure::Unavailable);
    assert_eq!(client.ask("d AUTHENTICATE LOGIN\r\n"), "+ VXNlcm5hbWU6\r\n");
    assert_eq!(client.ask("YWxpY2U=\r\n"), "+ UGFzc3dvcmQ6\r\n");
    assert_eq!(client.ask("c2UgY3JldA==\r\n"), "");
    client.asked("alice", b"se cret");
    client.refuse(Failure::Unavailable);
    assert_eq!(client.ask("e AUTHENTICATE PLAIN\r\n"), "+ \r\n");
    assert_eq!(client.ask("*\r\n"), "e BAD cancelled\r\n");
    for (response, said) in [
        ("=", "BAD the response cannot be decoded"),
        ("AGE=", "BAD the response cannot be decoded"),
        (
            "Ym9iAGFsaWNlAHNlIGNyZXQ=",
            "NO [AUTHORIZATIONFAILED] acting for another user is not allowed",
        ),
    ] {
        let answer = client.ask(format!("f AUTHENTICATE PLAIN {response}\r\n"));
        assert_eq!(answer, format!("f {said}\r\n"));
    }
}

#[test]
fn a_login_of_several_steps() {
    let now = Instant::now();
    let settings = Settings {
        name: "h.example".into(),
        tls: Tls::Active,
        clear_text_login: ClearTextLogin::Refused,
        offer: Offer { scram: Offered::Yes, tokens: Offered::Yes },
        capabilities: &["IMAP4rev1"],
    };
    let mut client = Client { entrance: Entrance::new(settings, now), now, asked: Vec::new() };
    let offered = "SASL-IR AUTH=SCRAM-SHA-256-PLUS AUTH=SCRAM-SHA-256 AUTH=OAUTHBEARER AUTH=XOAUTH2 AUTH=PLAIN AUTH=LOGIN]";
    let greeting = client.says();
    assert!(greeting.contains(offered), "{greeting}");
    // A client that could bind the login, and believes that we can't, hasn't seen what we offer.
    assert_eq!(
        client.ask("a AUTHENTICATE SCRAM-SHA-256 eSwsbj1hbGljZSxyPXg=\r\n"),
        "a NO [AUTHENTICATIONFAILED] the login is not bound to this connection, somebody may be in between\r\n"
    );
    assert_eq!(client.ask("b AUTHENTICATE OAUTHBEARER biwsAWF1dGg9QmVhcmVyIHQBAQ==\r\n"), "");
    assert!(matches!(client.asked.pop(), Some(Attempt::Token(_))));
    client.entrance.challenge(Bearer::refused("{}"));
    assert_eq!(client.says(), "+ e30=\r\n");
    let wrong = "NO [AUTHENTICATIONFAILED] name or password is wrong\r\n";
    assert_eq!(client.ask("AQ==\r\n"), format!("b {wrong}"));
    for (ending, said) in
        [("*", "BAD cancelled"), ("eA==", "BAD the response cannot be decoded"), ("", "")]
    {
        assert_eq!(client.ask("c AUTHENTICATE SCRAM-SHA-256\r\n"), "+ \r\n");
        assert_eq!(client.ask("biwsbj1hbGljZSxyPXg=\r\n"), "");
        let Some(Attempt::Scram(first)) = client.asked.pop() else {
            panic!("no salt is asked for")
        };
        client.entrance.challenge(first.challenge(b"salt", 4_096, "y", b""));
        assert_eq!(client.says(), "+ cj14eSxzPWMyRnNkQT09LGk9NDA5Ng==\r\n");
        assert_eq!(client.ask("Yz1iaXdzLHI9eHkscD1BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBPQ==\r\n"), "");
        let Some(Attempt::Proof(proof)) = client.asked.pop() else { panic!("no proof") };
        client.entrance.challenge(proof.accepted(b"sign"));
        assert_eq!(client.says(), "+ dj1jMmxuYmc9PQ==\r\n");
        let said = if said.is_empty() { String::new() } else { format!("c {said}\r\n") };
        assert_eq!(client.ask(format!("{ending}\r\n")), said);
    }
    let Some(Attempt::Proven(proven)) = client.asked.pop() else { panic!("not proven") };
    assert_eq!(proven.name(), "alice");
    assert_eq!(client.entrance.tag().map(ToString::to_string).as_deref(), Some("c"));
}

#[test]
fn i01_a_stranger_makes_us_hold_little() {
    let bye = "* BYE that is too long, good-bye\r\n<closed>";
    let mut client = Client::inside_tls();
    assert_eq!(client.ask("a LOGIN {2147483647+}\r\n"), bye);
    let mut client = Client::inside_tls();
    let said = client.ask("a LOGIN {2147483647}\r\nb NOOP\r\n");
    assert_eq!(said, "a BAD the literal is too large\r\nb OK nothing done\r\n");
    // 10,000 of 4,096 octets each.
    let mut client = Client::inside_tls();
    let mut sent = 0;
    client.entrance.push(b"a LOGIN ");
    while client.says().is_empty() {
        client.entrance.push(b"{4096+}\r\n");
        client.entrance.push(&[b'x'; 4096]);
        sent += 1;
        assert!(sent < 10, "it has no end");
    }
    for endless in [&b"x"[..], b"a LOGIN \"", b"a AUTHENTICATE PLAIN ", b"(((("] {
        let mut client = Client::inside_tls();
        client.entrance.push(endless);
        let mut sent = 0;
        while client.says().is_empty() {
            client.entrance.push(&[b'x'; 1024]);
            sent += 1024;
            assert!(sent <= 2 * limits::BEFORE_LOGIN.command_octets, "it has no end");
        }
    }
    let mut client = Client::inside_tls();
    assert_eq!(client.ask("a AUTHENTICATE PLAIN\r\n"), "+ \r\n");
    assert_eq!(client.ask([b'A'; limits::SASL_LINE_OCTETS_MAX + 1]), bye);
}

#[test]
fn i02_and_i03_what_is_no_command() {
    let deep = format!("a ID {}\r\n", "(".repeat(2_000));
    for (octets, tag) in [
        (deep.as_bytes(), "a"),
        (b"b ID ((\"a\" \"b\"))\r\n", "b"),
        (b"c LOGIN a\0b c\r\n", "c"),
        (b"d LOGIN \"a\rb\" c\r\n", "d"),
        (b"e LOGIN \xff c\r\n", "e"),
        (b"f\r\n", "f"),
        (b"\r\n", "*"),
        (b"+ NOOP\r\n", "*"),
        (b"g XYZZY\r\n", "g"),
    ] {
        let said = Client::inside_tls().ask(octets);
        assert!(said.starts_with(&format!("{tag} BAD ")), "{}: {said}", octets.escape_ascii());
        assert!(said.ends_with("\r\n") && said.len() < 100, "{said}");
    }
    let mut client = Client::inside_tls();
    let said = client.ask("x\r\n".repeat(100));
    assert!(said.ends_with("* BYE too many errors, good-bye\r\n<closed>"), "{said}");
}

#[test]
fn i04_nothing_before_tls_counts_inside() {
    let (mut client, greeting) = Client::new(Tls::Offered, ClearTextLogin::Allowed);
    assert!(!greeting.contains("PREAUTH"));
    let tail = "a STARTTLS\r\nb LOGIN alice secret\r\nc LOGIN {5}\r\n";
    assert_eq!(client.ask(tail), "a OK begin TLS\r\n<TLS>");
    client.entrance.tls_started(client.now);
    assert_eq!(client.says(), "");
    assert!(client.asked.is_empty());
    let said = client.ask("alice\r\n");
    assert!(said.starts_with("alice BAD "), "no literal is awaited: {said}");
    let said = client.ask("d STARTTLS\r\ne CAPABILITY\r\n");
    assert!(said.starts_with("d BAD TLS is active already\r\n* CAPABILITY "), "{said}");
    assert!(!said.contains("STARTTLS"), "{said}");
    let (mut client, _) = Client::new(Tls::Unavailable, ClearTextLogin::Refused);
    assert_eq!(client.ask("a STARTTLS\r\n"), "a BAD TLS is not available\r\n");
}

#[test]
fn i05_no_passwords_in_clear_and_aborted_logins_leave_nothing() {
    let (mut client, _) = Client::new(Tls::Offered, ClearTextLogin::Refused);
    for login in
        ["LOGIN alice secret", &format!("AUTHENTICATE PLAIN {PLAIN}"), "AUTHENTICATE LOGIN"]
    {
        let said = client.ask(format!("a {login}\r\n"));
        assert!(said.starts_with("a NO [PRIVACYREQUIRED] "), "{said}");
    }
    assert!(client.asked.is_empty());
    for junk in ["!!!!", "AGFsaWNl AHNl", "====", "AAAA"] {
        let mut client = Client::inside_tls();
        let said = client.ask(format!("a AUTHENTICATE PLAIN {junk}\r\n"));
        assert!(said.starts_with("a BAD "), "{junk}: {said}");
    }
    let mut client = Client::inside_tls();
    let mut aborted = 0;
    while !client.ask("a AUTHENTICATE PLAIN\r\n*\r\n").ends_with("<closed>") {
        aborted += 1;
        assert!(aborted <= limits::ERRORS_MAX);
    }
}

#[test]
fn i14_weak_mechanisms_are_not_offered() {
    let (mut client, greeting) = Client::new(Tls::Active, ClearTextLogin::Refused);
    for mechanism in
        ["CRAM-MD5", "DIGEST-MD5", "NTLM", "OTP", "ANONYMOUS", "EXTERNAL", "SCRAM-SHA-1"]
    {
        assert!(!greeting.contains(mechanism));
        let said = client.ask(format!("a AUTHENTICATE {mechanism} eA==\r\n"));
        assert_eq!(said, "a NO [CANNOT] that mechanism is not offered\r\n");
    }
}

#[test]
fn i16_names_are_literal() {
    let long = "x".repeat(4_000);
    for name in ["%{user}", "' OR 1=1--", "*)(uid=*", "../alice", "r\u{e9}gis"] {
        let mut client = Client::inside_tls();
        client.entrance.push(format!("a LOGIN {{{}}}\r\n", name.len()).as_bytes());
        assert_eq!(client.says(), "+ go ahead\r\n");
        assert_eq!(client.ask(format!("{name} pw\r\n")), "");
        client.asked(name, b"pw");
    }
    // Nobody's: 8-bit octets that are no text, control characters, more than a name has.
    for name in [&b"\xff\xfe"[..], b"a\x7fb", long.as_bytes()] {
        let mut client = Client::inside_tls();
        client.ask(format!("a LOGIN {{{}}}\r\n", name.len()));
        let said = client.ask([name, b" pw\r\n"].concat());
        assert_eq!(said, "a NO [AUTHENTICATIONFAILED] name or password is wrong\r\n");
    }
}

#[test]
fn cut_at_every_octet_it_is_the_same() {
    let octets = b"a LOGIN {2147483647}\r\nb ID (\"a\" NIL)\r\nxyz\r\nc AUTHENTICATE PLAIN\r\n*\r\nd LOGIN {3+}\r\nbob \"x\"\r\n";
    let whole = Client::inside_tls().ask(octets);
    for cut in 0..octets.len() {
        let mut client = Client::inside_tls();
        let (one, other) = octets.split_at(cut);
        let said = client.ask(one) + &client.ask(other);
        assert_eq!(said, whole, "{cut}");
        client.asked("bob", b"x");
    }
}
