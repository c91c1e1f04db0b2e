use postroad_protocol::sasl::Offered;
use postroad_protocol::sasl::bearer::Bearer;

use super::*;

const PLAIN: &str = "AGFsaWNlAHNlIGNyZXQ=";

fn settings(tls: Tls, clear_text_login: ClearTextLogin) -> Settings {
    Settings {
        tls,
        clear_text_login,
        offer: Offer::default(),
        sieve: vec!["fileinto", "vacation"],
        notify: &["mailto"],
    }
}

struct Session {
    server: Server,
    now: Instant,
    asked: Vec<Question>,
}

impl Session {
    fn new(tls: Tls, clear: ClearTextLogin) -> Self {
        let now = Instant::now();
        let mut session =
            Self { server: Server::new(settings(tls, clear), now), now, asked: Vec::new() };
        session.says();
        session
    }

    fn logged_in() -> Self {
        let mut session = Self::new(Tls::Active, ClearTextLogin::Refused);
        assert_eq!(session.ask(&format!("AUTHENTICATE \"PLAIN\" \"{PLAIN}\"\r\n")), "");
        assert_eq!(session.answer(Answer::Login(Ok(()))), "OK \"logged in\"\r\n");
        session
    }

    /// What is said until something else is to be done.
    fn says(&mut self) -> String {
        let mut said = Vec::new();
        loop {
            match self.server.step(self.now) {
                Step::Send(octets) => said.extend(octets),
                Step::NeedInput => break,
                Step::Ask(question) => {
                    self.asked.push(question);
                    break;
                }
                Step::StartTls => {
                    said.extend(b"<TLS>");
                    break;
                }
                Step::LoggedOut => {
                    said.extend(b"<logged out>");
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

    fn ask(&mut self, text: &str) -> String {
        self.server.push(text.as_bytes());
        self.says()
    }

    fn answer(&mut self, answer: Answer) -> String {
        self.server.answer(answer);
        self.says()
    }
}

fn name(text: &str) -> ScriptName {
    ScriptName::parse(text.as_bytes()).unwrap()
}

#[test] // Tests RFC 5804 §1.7.
fn what_is_offered_where() {
    let of = |tls, clear| {
        let mut server = Server::new(settings(tls, clear), Instant::now());
        let Step::Send(octets) = server.step(Instant::now()) else { panic!("a greeting") };
        String::from_utf8(octets).unwrap()
    };
    let always = "\"IMPLEMENTATION\" \"Postroad\"\r\n\"SIEVE\" \"fileinto vacation\"\r\n\"VERSION\" \"1.0\"\r\n\"UNAUTHENTICATE\"\r\n\"NOTIFY\" \"mailto\"\r\n";
    for (tls, clear, rest) in [
        (Tls::Offered, ClearTextLogin::Refused, "\"SASL\" \"\"\r\n\"STARTTLS\"\r\n"),
        (Tls::Offered, ClearTextLogin::Allowed, "\"SASL\" \"PLAIN LOGIN\"\r\n\"STARTTLS\"\r\n"),
        (Tls::Active, ClearTextLogin::Refused, "\"SASL\" \"PLAIN LOGIN\"\r\n"),
        (Tls::Unavailable, ClearTextLogin::Refused, "\"SASL\" \"\"\r\n"),
    ] {
        assert_eq!(of(tls, clear), format!("{always}{rest}OK\r\n"));
    }
    assert_eq!(Session::logged_in().ask("CAPABILITY\r\n"), format!("{always}OK\r\n"));
}

#[test]
fn logins() {
    let mut session = Session::new(Tls::Active, ClearTextLogin::Refused);
    assert_eq!(session.ask("authenticate \"plain\"\r\n"), "\"\"\r\n");
    assert_eq!(session.ask(&format!("{{{}+}}\r\n{PLAIN}\r\n", PLAIN.len())), "");
    let [Question::Login(Attempt::Password(credentials))] = &session.asked[..] else {
        panic!("a login")
    };
    assert_eq!(credentials.name, "alice");
    assert_eq!(
        session.answer(Answer::Login(Err(LoginFailure::Wrong))),
        "NO \"name or password is wrong\"\r\n"
    );
    assert_eq!(session.ask("AUTHENTICATE \"LOGIN\"\r\n"), "\"VXNlcm5hbWU6\"\r\n");
    assert_eq!(session.ask("\"*\"\r\n"), "NO \"cancelled\"\r\n");
    assert_eq!(
        session.ask("AUTHENTICATE \"PLAIN\" \"\"\r\n"),
        "NO \"the response cannot be decoded\"\r\n"
    );
    assert_eq!(session.ask(&format!("AUTHENTICATE \"PLAIN\" \"{PLAIN}\"\r\n")), "");
    let unavailable = Answer::Login(Err(LoginFailure::Unavailable));
    let said = session.answer(unavailable);
    assert_eq!(said, "NO (TRYLATER) \"there is no place for you, try later\"\r\n");
    for said in ["NO ", "BYE \"too many errors, good-bye\"\r\n<closed>"] {
        assert_eq!(session.ask(&format!("AUTHENTICATE \"PLAIN\" \"{PLAIN}\"\r\n")), "");
        let answer = session.answer(Answer::Login(Err(LoginFailure::Wrong)));
        assert!(answer.contains(said), "{answer}");
    }
}

#[test] // Tests RFC 5804 §2.1.
fn a_login_of_several_steps() {
    let now = Instant::now();
    let mut settings = settings(Tls::Active, ClearTextLogin::Refused);
    settings.offer = Offer { scram: Offered::Yes, tokens: Offered::Yes };
    let mut session = Session { server: Server::new(settings, now), now, asked: Vec::new() };
    let offered =
        "\"SASL\" \"SCRAM-SHA-256-PLUS SCRAM-SHA-256 OAUTHBEARER XOAUTH2 PLAIN LOGIN\"\r\n";
    let greeting = session.says();
    assert!(greeting.contains(offered), "{greeting}");
    assert_eq!(
        session.ask("AUTHENTICATE \"OAUTHBEARER\" \"biwsAWF1dGg9QmVhcmVyIHQBAQ==\"\r\n"),
        ""
    );
    session.asked.clear();
    assert_eq!(session.answer(Answer::Challenge(Bearer::refused("{}"))), "\"e30=\"\r\n");
    assert_eq!(session.ask("\"AQ==\"\r\n"), "NO \"name or password is wrong\"\r\n");
    assert_eq!(session.ask("AUTHENTICATE \"SCRAM-SHA-256\"\r\n"), "\"\"\r\n");
    assert_eq!(session.ask("\"biwsbj1hbGljZSxyPXg=\"\r\n"), "");
    let Some(Question::Login(Attempt::Scram(first))) = session.asked.pop() else {
        panic!("no salt is asked for")
    };
    let challenge = Answer::Challenge(first.challenge(b"salt", 4_096, "y", b""));
    assert_eq!(session.answer(challenge), "\"cj14eSxzPWMyRnNkQT09LGk9NDA5Ng==\"\r\n");
    assert_eq!(session.ask("\"Yz1iaXdzLHI9eHkscD1BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBPQ==\"\r\n"), "");
    let Some(Question::Login(Attempt::Proof(proof))) = session.asked.pop() else {
        panic!("no proof")
    };
    let challenge = Answer::Challenge(proof.accepted(b"sign"));
    assert_eq!(session.answer(challenge), "\"dj1jMmxuYmc9PQ==\"\r\n");
    assert_eq!(session.ask("\"\"\r\n"), "");
    let Some(Question::Login(Attempt::Proven(proven))) = session.asked.pop() else {
        panic!("not proven")
    };
    assert_eq!(proven.name(), "alice");
    assert_eq!(session.answer(Answer::Login(Ok(()))), "OK \"logged in\"\r\n");
}

#[test]
fn i05_no_passwords_in_clear_and_i14_no_weak_mechanisms() {
    let mut session = Session::new(Tls::Offered, ClearTextLogin::Refused);
    assert_eq!(
        session.ask(&format!("AUTHENTICATE \"PLAIN\" \"{PLAIN}\"\r\n")),
        "NO (ENCRYPT-NEEDED) \"no passwords in clear: say STARTTLS first\"\r\n"
    );
    let mut session = Session::new(Tls::Active, ClearTextLogin::Refused);
    for mechanism in ["CRAM-MD5", "DIGEST-MD5", "NTLM", "OTP", "ANONYMOUS", "EXTERNAL", "\u{e9}"] {
        let answer = session.ask(&format!("AUTHENTICATE \"{mechanism}\" \"eA==\"\r\n"));
        assert_eq!(answer, "NO \"that mechanism is not offered\"\r\n", "{mechanism}");
    }
}

#[test] // Tests RFC 5804 §2.2.
fn i04_nothing_before_tls_counts_inside() {
    let mut session = Session::new(Tls::Offered, ClearTextLogin::Allowed);
    let tail = format!("STARTTLS\r\nAUTHENTICATE \"PLAIN\" \"{PLAIN}\"\r\nLISTSCRIPTS\r\n");
    assert_eq!(session.ask(&tail), "OK \"begin TLS\"\r\n<TLS>");
    session.server.tls_started(session.now);
    let said = session.says();
    assert!(
        said.starts_with("\"IMPLEMENTATION\"")
            && said.ends_with("\"SASL\" \"PLAIN LOGIN\"\r\nOK\r\n"),
        "{said}"
    );
    assert!(session.asked.is_empty());
    assert_eq!(session.ask("STARTTLS\r\n"), "NO \"TLS is active already\"\r\n");
    assert_eq!(session.ask("LISTSCRIPTS\r\n"), "NO \"log in first\"\r\n");
}

/// What is asked for a command, answered, and said.
type Case = (&'static str, Question, Answer, &'static str);

fn cases() -> Vec<Case> {
    let done = || Answer::Done(Ok(()));
    let failed = |failure| Answer::Done(Err(failure));
    vec![
        (
            "HAVESPACE \"a\" 5",
            Question::HaveSpace { name: name("a"), octets: 5 },
            done(),
            "OK \"done\"\r\n",
        ),
        (
            "HAVESPACE \"a\" 5",
            Question::HaveSpace { name: name("a"), octets: 5 },
            failed(Failure::TooMany),
            "NO (QUOTA/MAXSCRIPTS) \"there are too many scripts\"\r\n",
        ),
        (
            "PUTSCRIPT \"a\" {5+}\r\nkeep;",
            Question::Put { name: name("a"), text: b"keep;".into() },
            Answer::Checked(Ok(None)),
            "OK \"done\"\r\n",
        ),
        (
            "PUTSCRIPT \"a\" \"kep;\"",
            Question::Put { name: name("a"), text: b"kep;".into() },
            Answer::Checked(Err(Failure::Wrong("1:1: a\n2:1: b".into()))),
            "NO {13}\r\n1:1: a\n2:1: b\r\n",
        ),
        (
            "CHECKSCRIPT \"\"",
            Question::Check(Vec::new()),
            Answer::Checked(Ok(Some("1:1: odd".into()))),
            "OK (WARNINGS) \"1:1: odd\"\r\n",
        ),
        (
            "LISTSCRIPTS",
            Question::List,
            Answer::Scripts(Ok(vec![(name("a"), Active::No), (name("b \"x\""), Active::Yes)])),
            "\"a\"\r\n{5}\r\nb \"x\" ACTIVE\r\nOK\r\n",
        ),
        ("SETACTIVE \"a\"", Question::SetActive(Some(name("a"))), done(), "OK \"done\"\r\n"),
        ("SETACTIVE \"\"", Question::SetActive(None), done(), "OK \"done\"\r\n"),
        (
            "GETSCRIPT \"a\"",
            Question::Get(name("a")),
            Answer::Script(Ok(b"keep;\r\n".into())),
            "{7}\r\nkeep;\r\n\r\nOK\r\n",
        ),
        (
            "GETSCRIPT \"x\"",
            Question::Get(name("x")),
            Answer::Script(Err(Failure::Nonexistent)),
            "NO (NONEXISTENT) \"there is no such script\"\r\n",
        ),
        (
            "DELETESCRIPT \"a\"",
            Question::Delete(name("a")),
            failed(Failure::Active),
            "NO (ACTIVE) \"it is the active script\"\r\n",
        ),
        (
            "RENAMESCRIPT \"a\" \"b\"",
            Question::Rename { from: name("a"), to: name("b") },
            failed(Failure::Exists),
            "NO (ALREADYEXISTS) \"there is a script of that name\"\r\n",
        ),
    ]
}

#[test] // Tests RFC 5804 §2.5 to §2.13.
fn what_a_user_does() {
    let mut session = Session::logged_in();
    session.asked.clear();
    for (command, question, answer, said) in cases() {
        assert_eq!(session.ask(&format!("{command}\r\n")), "", "{command}");
        assert_eq!(session.asked.pop(), Some(question), "{command}");
        assert_eq!(session.answer(answer), said, "{command}");
    }
    assert_eq!(session.ask("NOOP\r\n"), "OK \"nothing done\"\r\n");
    assert_eq!(session.ask("NOOP \"x\"\r\n"), "OK (TAG \"x\") \"nothing done\"\r\n");
    assert_eq!(
        session.ask("HAVESPACE \"a\" 4294967295\r\n"),
        "NO (QUOTA/MAXSIZE) \"that is too long\"\r\n"
    );
    assert_eq!(
        session.ask("GETSCRIPT \"../x\"\r\n"),
        "NO \"no script can have that name here\"\r\n"
    );
    assert_eq!(session.ask("XUNAUTHENTICATE\r\n"), "NO \"unknown command\"\r\n");
    assert_eq!(session.ask("LOGOUT\r\nNOOP\r\n"), "OK \"good-bye\"\r\n<closed>");
}

#[test]
fn another_process_goes_on_where_one_has_stopped() {
    let mut front = Session::new(Tls::Active, ClearTextLogin::Refused);
    assert_eq!(front.ask(&format!("AUTHENTICATE \"PLAIN\" \"{PLAIN}\"\r\nLISTSCRIPTS\r\nNO")), "");
    let unread = front.server.unread().to_vec();
    assert_eq!(unread, b"LISTSCRIPTS\r\nNO");
    let now = Instant::now();
    let settings = settings(Tls::Active, ClearTextLogin::Refused);
    let server = Server::logging_in(settings, &unread, now);
    let mut worker = Session { server, now, asked: Vec::new() };
    assert_eq!(worker.answer(Answer::Login(Ok(()))), "OK \"logged in\"\r\n");
    assert_eq!(worker.asked, [Question::List]);
    worker.server.answer(Answer::Scripts(Ok(Vec::new())));
    assert_eq!(worker.ask("OP\r\n"), "OK\r\nOK \"nothing done\"\r\n");
}

#[test] // Tests RFC 5804 §2.14.1.
fn who_has_left_is_followed_by_another() {
    let mut session = Session::logged_in();
    assert_eq!(session.ask("UNAUTHENTICATE \"x\"\r\n"), "NO \"wrong arguments\"\r\n");
    assert_eq!(session.ask("UNAUTHENTICATE\r\n"), "OK \"nobody is logged in\"\r\n<logged out>");
    assert_eq!(session.ask("LISTSCRIPTS\r\n"), "NO \"log in first\"\r\n");
    assert_eq!(session.ask("UNAUTHENTICATE\r\n"), "NO \"log in first\"\r\n");
    // Not even a long script is taken from a stranger, nor time without end.
    let literal = limits::LITERAL_BEFORE_LOGIN_OCTETS_MAX + 1;
    assert!(!session.ask(&format!("PUTSCRIPT \"a\" {{{literal}+}}\r\n")).starts_with("OK"));
    assert!(session.server.deadline() <= session.now + limits::LOGIN_TIMEOUT);

    let mut session = Session::logged_in();
    let ahead = format!("UNAUTHENTICATE\r\nAUTHENTICATE \"PLAIN\" \"{PLAIN}\"\r\nNOOP\r\n");
    assert_eq!(session.ask(&ahead), "OK \"nobody is logged in\"\r\n<logged out>");
    // In the process that serves strangers.
    let (settings, unread) =
        (settings(Tls::Active, ClearTextLogin::Refused), session.server.unread());
    let server = Server::logged_out(settings, unread, session.now);
    let mut front = Session { server, now: session.now, asked: Vec::new() };
    assert_eq!(front.says(), "");
    assert!(matches!(front.asked[..], [Question::Login(_)]));
    assert_eq!(front.answer(Answer::Login(Ok(()))), "OK \"logged in\"\r\nOK \"nothing done\"\r\n");
}
