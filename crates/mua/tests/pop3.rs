//! The POP3 mailbox against servers that nobody should trust (rows U11, U12, U13).
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

use postroad_mua::account::{Account, Overrides};
use postroad_mua::mailbox::{Mailbox, MailboxError};

/// A server that greets, answers each command by its verb, and tells what it was asked.
fn server(
    greeting: &'static str,
    answers: &'static [(&'static str, &'static str)],
) -> (u16, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, asked) = channel();
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut out = stream.try_clone().unwrap();
        let _ = out.write_all(greeting.as_bytes());
        for line in BufReader::new(stream).lines() {
            let Ok(line) = line else { return };
            let answer = answers.iter().find(|(verb, _)| line.to_uppercase().starts_with(verb));
            let _ = sender.send(line.clone());
            if out.write_all(answer.map_or("-ERR no\r\n", |(_, answer)| answer).as_bytes()).is_err()
            {
                return;
            }
        }
    });
    (port, asked)
}

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
    use std::os::unix::fs::OpenOptionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let password = dir.path().join("password");
    let mut options = std::fs::OpenOptions::new();
    options
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(&password)
        .unwrap()
        .write_all(b"SECRET")
        .unwrap();
    let authority = dir.path().join("ca.pem");
    let certificate = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(&authority, certificate.cert.pem()).unwrap();
    let overrides = Overrides {
        account_file: Some("/dev/null".into()),
        address: Some("us@our.example".into()),
        user: Some("us".into()),
        password_file: Some(password),
        trust: (trust == Trust::Authority).then_some(authority),
        inbox: Some(format!("pop3://127.0.0.1:{port}")),
        ..Overrides::default()
    };
    let account = Account::load(&overrides).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { act(Mailbox::open(&account).await?).await })
}

const LOGIN: [(&str, &str); 4] = [
    ("CAPA", "+OK\r\nUSER\r\nUIDL\r\nTOP\r\n.\r\n"),
    ("USER", "+OK\r\n"),
    ("PASS", "+OK\r\n"),
    ("QUIT", "+OK\r\n"),
];

#[test]
fn letters_are_listed_read_and_deleted_by_quit() {
    const ANSWERS: &[(&str, &str)] = &[
        LOGIN[0],
        LOGIN[1],
        LOGIN[2],
        LOGIN[3],
        ("LIST", "+OK\r\n1 30\r\n2 30\r\n.\r\n"),
        ("UIDL", "+OK\r\n1 100.M1P1.h\r\n2 ../../x`id`\r\n.\r\n"),
        ("RETR 2", "+OK\r\nSubject: two\r\n\r\n..dot\r\n.\r\n"),
        ("DELE 2", "+OK\r\n"),
    ];
    let (port, asked) = server("+OK hello\r\n", ANSWERS);
    let (id, letter) = open(port, Trust::Nobody, async |mut mailbox| {
        // U12: an id is a name and a hash, never a path.
        let entry = mailbox.find("../../x`id`")?;
        let letter = mailbox.message(&entry).await?;
        mailbox.delete(std::slice::from_ref(&entry), &mut |_| {}).await?;
        mailbox.close().await?;
        Ok((entry.id, letter))
    })
    .unwrap();
    assert!(id.len() == 8 && id.bytes().all(|b| b.is_ascii_alphanumeric()), "{id}");
    assert_eq!(letter, b"Subject: two\r\n\r\n.dot\r\n");
    let asked: Vec<String> = asked.try_iter().collect();
    assert_eq!(asked.last().map(String::as_str), Some("QUIT"));
}

#[test]
fn u11_no_password_goes_to_a_server_that_takes_tls_away() {
    let (port, asked) = server("+OK hello\r\n", &LOGIN);
    let error = open(port, Trust::Authority, async |_| Ok(())).unwrap_err();
    assert!(error.to_string().contains("no TLS"), "{error}");
    assert!(asked.try_iter().all(|line| line == "CAPA" || line == "QUIT"));
}

#[test]
fn u11_u13_what_no_server_says_ends_the_session() {
    for (greeting, answers) in [
        ("* PREAUTH [ALERT] welcome\r\n", &LOGIN[..]),
        ("+OK hello\r\n+OK unasked\r\n", &[("CAPA", "+OK\r\n.\r\n+OK logged in\r\n")][..]),
        (
            "+OK hello\r\n",
            &[LOGIN[0], LOGIN[1], LOGIN[2], ("LIST", "+OK\r\n4294967296 1\r\n.\r\n")][..],
        ),
    ] {
        let greeting: &'static str = greeting;
        let answers: &'static [(&str, &str)] = answers.to_vec().leak();
        let (port, _asked) = server(greeting, answers);
        assert!(open(port, Trust::Nobody, async |_| Ok(())).is_err(), "{greeting:?}");
    }
}

#[test]
fn u01_the_servers_words_are_shown_and_not_obeyed() {
    let (port, _asked) = server("-ERR \u{1b}]0;x\u{7}go away\r\n", &LOGIN);
    let error = open(port, Trust::Nobody, async |_| Ok(())).unwrap_err();
    let shown = postroad_mua::safe_line!("{error}");
    assert!(shown.as_str().contains("\\x1b]0;x\\x07go away"), "{shown}");
}
