//! The IMAP mailbox against servers that nobody should trust (rows U11, U12, U13).
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};

use postroad_mua::account::{Account, Overrides};
use postroad_mua::mailbox::{Mailbox, MailboxError};

/// A server that greets, answers each command by its words behind the tag, which stands for `@` in the answer, and tells
/// what it was asked.
fn server(greeting: &str, answers: &[(&str, &str)]) -> (u16, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, asked) = channel();
    let greeting = greeting.to_owned();
    let answers: Vec<(String, String)> =
        answers.iter().map(|(verb, answer)| ((*verb).into(), (*answer).into())).collect();
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut out = stream.try_clone().unwrap();
        let _ = out.write_all(greeting.as_bytes());
        for line in BufReader::new(stream).lines() {
            let Ok(line) = line else { return };
            let (tag, command) = line.split_once(' ').unwrap_or(("", &line));
            let answer = answers.iter().find(|(verb, _)| command.to_uppercase().starts_with(verb));
            let _ = sender.send(command.to_owned());
            let answer = answer.map_or("@ NO no\r\n", |(_, answer)| answer);
            if out.write_all(answer.replace('@', tag).as_bytes()).is_err() {
                return;
            }
        }
    });
    (port, asked)
}

const LOGIN: (&str, &str) = ("LOGIN", "@ OK [CAPABILITY IMAP4rev1] in\r\n");
const SELECT: (&str, &str) =
    ("SELECT", "* 2 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n@ OK [READ-WRITE] y\r\n");
const TWO: (&str, &str) = (
    "UID FETCH 1:*",
    "* 1 FETCH (UID 5 FLAGS (\\Seen))\r\n* 2 FETCH (UID 9 FLAGS ())\r\n@ OK z\r\n",
);
const GREETING: &str = "* OK [CAPABILITY IMAP4rev1] ready\r\n";

/// Whom the account trusts: with an authority, TLS is required on this host too.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trust {
    Nobody,
    Authority,
}

/// What becomes of opening a mailbox there, and of what is done with it.
fn open<T>(
    port: u16,
    trust: Trust,
    act: impl AsyncFnOnce(Mailbox) -> Result<T, MailboxError>,
) -> Result<T, MailboxError> {
    let dir = tempfile::tempdir().unwrap();
    open_in(dir.path(), port, trust, act)
}

/// The same, where what is known of the mailbox is kept in a folder.
fn open_in<T>(
    dir: &Path,
    port: u16,
    trust: Trust,
    act: impl AsyncFnOnce(Mailbox) -> Result<T, MailboxError>,
) -> Result<T, MailboxError> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let password = dir.join("password");
    let mut options = std::fs::OpenOptions::new();
    let file = options.create(true).truncate(true).write(true).mode(0o600).open(&password);
    file.unwrap().write_all(b"SECRET").unwrap();
    let authority = dir.join("ca.pem");
    let certificate = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(&authority, certificate.cert.pem()).unwrap();
    let overrides = Overrides {
        account_file: Some("/dev/null".into()),
        address: Some("us@our.example".into()),
        user: Some("us".into()),
        password_file: Some(password),
        trust: (trust == Trust::Authority).then_some(authority),
        inbox: Some(format!("imap://127.0.0.1:{port}")),
        ..Overrides::default()
    };
    let mut account = Account::load(&overrides).unwrap();
    account.state = Some(dir.join("state"));
    postroad_net::tls::install_provider();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { act(Mailbox::open(&account).await?).await })
}

fn is_told(asked: &Receiver<String>, secret: &str) -> bool {
    asked.iter().any(|line| line.contains(secret))
}

#[test]
fn u11_without_tls_no_password_leaves() {
    let secrets = ["SECRET", "AFVTAFNFQ1JFVA", "AHVzAFNFQ1JFVA"];
    for (greeting, answers) in [
        // No STARTTLS, or one that is refused, or a session that is open already, or what is no IMAP at all.
        (GREETING, &[][..]),
        ("* OK [CAPABILITY IMAP4rev1 STARTTLS] x\r\n", &[("STARTTLS", "@ BAD no\r\n")]),
        ("* PREAUTH [CAPABILITY IMAP4rev1] welcome\r\n", &[SELECT, TWO]),
        ("220 mail.example ESMTP\r\n", &[]),
        ("* BYE [ALERT] come back\r\n", &[]),
        // Words behind the OK that nobody who is inside TLS has said (CVE-2020-14093 and its like).
        (
            "* OK [CAPABILITY IMAP4rev1 STARTTLS] x\r\n",
            &[(
                "STARTTLS",
                "@ OK go\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\np2 OK x\r\n* LIST () \"/\" evil\r\n",
            )],
        ),
    ] {
        let (port, asked) = server(greeting, answers);
        let opened = open(port, Trust::Authority, async |_| Ok(()));
        assert!(matches!(opened, Err(MailboxError::Imap(_))), "{greeting}: {opened:?}");
        drop(opened);
        assert!(!secrets.iter().any(|secret| is_told(&asked, secret)), "{greeting}");
    }
}

#[test]
fn u11_words_in_front_of_tls_are_named() {
    let answer = "@ OK go\r\n* 1 EXISTS\r\n";
    let (port, _asked) =
        server("* OK [CAPABILITY IMAP4rev1 STARTTLS] x\r\n", &[("STARTTLS", answer)]);
    let error = open(port, Trust::Authority, async |_| Ok(())).unwrap_err().to_string();
    assert!(error.contains("in front of the encryption"), "{error}");
}

#[test]
fn letters_are_listed_read_and_marked() {
    let body = "* 2 FETCH (UID 9 BODY[] {22}\r\nSubject: hi\r\n\r\nthere\r\n)\r\n@ OK\r\n";
    let (port, asked) = server(
        GREETING,
        &[
            LOGIN,
            SELECT,
            TWO,
            ("UID FETCH 9", body),
            ("UID STORE", "@ OK\r\n"),
            ("LIST", "* LIST (\\Trash) \"/\" Bin\r\n* LIST () \"/\" INBOX\r\n@ OK\r\n"),
            ("STATUS", "@ OK\r\n"),
            ("UID COPY", "@ OK [COPYUID 8 9 1] x\r\n"),
            ("UID SEARCH", "* SEARCH 9\r\n@ OK\r\n"),
            ("EXPUNGE", "* 2 EXPUNGE\r\n@ OK\r\n"),
            ("LOGOUT", "* BYE\r\n@ OK\r\n"),
        ],
    );
    let raw = open(port, Trust::Nobody, async |mut mailbox| {
        let flags = |number| mailbox.entry(number).map(|entry| entry.flags);
        assert_eq!([1, 2, 3].map(flags), [Some("S".into()), Some(String::new()), None]);
        let entry = mailbox.find("latest")?;
        assert_eq!(entry.name, "7.9");
        let raw = mailbox.message(&entry).await?;
        mailbox.mark(&entry, postroad_mua::mailbox::Mark::Seen).await?;
        mailbox.delete(&[entry], &mut |_| {}).await?;
        mailbox.close().await?;
        Ok(raw)
    });
    assert_eq!(raw.unwrap(), b"Subject: hi\r\n\r\nthere\r\n");
    let asked: Vec<String> = asked.iter().collect();
    let verbs: Vec<_> = asked.iter().map(String::as_str).collect();
    assert_eq!(
        verbs,
        [
            "LOGIN us SECRET",
            "SELECT INBOX",
            "UID FETCH 1:* (UID FLAGS)",
            "UID FETCH 9 (UID BODY.PEEK[])",
            "UID STORE 9 +FLAGS (\\Seen)",
            "LIST \"\" \"*\"",
            "UID COPY 9 Bin",
            "UID STORE 9 +FLAGS (\\Deleted)",
            "UID SEARCH DELETED",
            "EXPUNGE",
            "LOGOUT",
        ]
    );
}

#[test]
fn what_is_known_is_not_asked_for_again() {
    let dir = tempfile::tempdir().unwrap();
    let login = ("LOGIN", "@ OK [CAPABILITY IMAP4rev1 ENABLE CONDSTORE QRESYNC] in\r\n");
    let enable = ("ENABLE", "* ENABLED QRESYNC\r\n@ OK\r\n");
    let first = (
        "SELECT",
        "* 2 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [HIGHESTMODSEQ 30] x\r\n@ OK y\r\n",
    );
    // One is gone, one was marked, one came.
    let then = "* 2 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [HIGHESTMODSEQ 33] x\r\n* VANISHED (EARLIER) 5\r\n\
        * 1 FETCH (UID 9 FLAGS (\\Flagged) MODSEQ (31))\r\n@ OK y\r\n";
    let new = ("UID FETCH 10:*", "* 2 FETCH (UID 12 FLAGS ())\r\n@ OK\r\n");
    let flags = async |mut mailbox: Mailbox| {
        let all = (1..=mailbox.len()).filter_map(|number| mailbox.entry(number));
        let all: Vec<_> = all.map(|entry| (entry.name, entry.flags)).collect();
        mailbox.close().await?;
        Ok(all)
    };
    let (port, _asked) = server(GREETING, &[login, enable, first, TWO]);
    let known = open_in(dir.path(), port, Trust::Nobody, flags).unwrap();
    assert_eq!(known, [("7.5".into(), "S".into()), ("7.9".into(), String::new())]);
    // The same server is on another port here: what is known of it goes along.
    let before = port;
    let (port, asked) = server(GREETING, &[login, enable, ("SELECT", then), new]);
    let home = dir.path().join("state/imap");
    let place = |port| home.join(format!("us@127%2E0%2E0%2E1_{port}").replace("%2E", "."));
    std::fs::rename(place(before), place(port)).unwrap();
    let known = open_in(dir.path(), port, Trust::Nobody, flags).unwrap();
    assert_eq!(known, [("7.9".into(), "F".into()), ("7.12".into(), String::new())]);
    let asked: Vec<String> = asked.iter().collect();
    assert_eq!(
        asked.get(2..4).unwrap(),
        ["SELECT INBOX (QRESYNC (7 30))", "UID FETCH 10:* (UID FLAGS)"]
    );
}

#[test]
fn u13_what_is_too_much_ends_it() {
    let select = |text: &str| vec![("SELECT".to_owned(), text.to_owned())];
    let four_gib = "* 1 FETCH (UID 9 BODY[] {4294967296}\r\nx";
    let endless = format!("* {}\r\n", "x".repeat(33 * 1024 * 1024));
    for (answers, what) in [
        // A letter of 4 GiB, a line without an end, a literal where none is.
        (vec![("UID FETCH 9".to_owned(), four_gib.to_owned())], "4294967296"),
        (vec![("UID FETCH 9".to_owned(), endless)], "too long"),
        (select("* LIST () \"/\" {4294967295}\r\n"), "too long"),
        (select("* 1 EXISTS\n"), "without CR"),
        (select("@ OK without\r\n"), "UIDVALIDITY"),
    ] {
        let answers: Vec<(&str, &str)> =
            answers.iter().map(|(verb, answer)| (verb.as_str(), answer.as_str())).collect();
        let all = [&answers[..], &[LOGIN, SELECT, TWO]].concat();
        let (port, _asked) = server(GREETING, &all);
        let error = open(port, Trust::Nobody, async |mut mailbox| {
            let entry = mailbox.find("latest")?;
            mailbox.message(&entry).await
        });
        let error = error.unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
}

#[test]
fn u13_numbers_and_letters_that_nobody_asked_for_change_nothing() {
    // EXISTS of all there could be, letters by the way, and another's octets for the one that was asked for.
    let select = "* 4294967295 EXISTS\r\n* 3 FETCH (UID 77 FLAGS ())\r\n* OK [UIDVALIDITY 7] x\r\n* VANISHED 1:4294967295\r\n@ OK y\r\n";
    let other = "* 1 FETCH (UID 5 BODY[] {3}\r\nbad)\r\n@ OK\r\n";
    let (port, _asked) =
        server(GREETING, &[LOGIN, ("SELECT", select), TWO, ("UID FETCH 9", other)]);
    let read = open(port, Trust::Nobody, async |mut mailbox| {
        assert_eq!(mailbox.len(), 2);
        let entry = mailbox.find("latest")?;
        mailbox.message(&entry).await
    });
    let error = read.unwrap_err().to_string();
    assert!(error.contains("gone"), "{error}");
}

#[test]
fn u12_the_servers_words_reach_a_terminal_as_words() {
    let (port, _asked) =
        server(GREETING, &[("LOGIN", "@ NO \x1b]0;evil\x07 [x] \u{202e}password\r\n")]);
    let error = open(port, Trust::Nobody, async |_| Ok(())).unwrap_err().to_string();
    assert!(error.contains("\\x1b]0;evil\\x07") && !error.contains('\u{1b}'), "{error}");
    assert!(!error.contains('\u{202e}'), "{error}");
}

#[test]
fn u13_a_server_that_goes_away_is_an_error() {
    let (port, _asked) = server(GREETING, &[LOGIN, SELECT, ("UID FETCH", "* BYE too busy\r\n")]);
    let error = open(port, Trust::Nobody, async |_| Ok(())).unwrap_err().to_string();
    assert!(error.contains("ends the session: too busy"), "{error}");
}
