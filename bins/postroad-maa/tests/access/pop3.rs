//! Whole POP3 sessions over real sockets, in real processes: letters byte for byte, locks, deletion, TLS, logins.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use crate::host::{Client, Host, PASSWORD, PROGRAM, names, patiently};
use postroad_config::{ClearTextLogin, Pop3Deleted};

/// Letters as they lie in a Maildir, and as POP3 sends them.
const LETTERS: [(&str, &[u8], &[u8]); 9] = [
    ("1.plain", b"A: 1\n\nbody\n", b"A: 1\r\n\r\nbody\r\n.\r\n"),
    ("2.dots", b"A: 1\n\n.\n..\n.dot\n.", b"A: 1\r\n\r\n..\r\n...\r\n..dot\r\n..\r\n.\r\n"),
    ("3.unended", b"A: 1\n\nno line end", b"A: 1\r\n\r\nno line end\r\n.\r\n"),
    ("4.crlf", b"A: 1\r\n\r\nbody\r\n", b"A: 1\r\n\r\nbody\r\n.\r\n"),
    ("5.latin1", b"A: \xe9\n\n\xe9\xff\n", b"A: \xe9\r\n\r\n\xe9\xff\r\n.\r\n"),
    ("6.empty", b"", b".\r\n"),
    ("7.nul", b"A: 1\n\na\0b\n", b"A: 1\r\n\r\na\0b\r\n.\r\n"),
    ("8.bare-cr", b"A: 1\n\na\rb\n", b"A: 1\r\n\r\na\rb\r\n.\r\n"),
    ("9.only-header", b"A: 1\n", b"A: 1\r\n.\r\n"),
];

#[tokio::test] // Tests RFC 1939 §3 and §11.
async fn letters_come_byte_for_byte_and_as_long_as_they_were_said_to_be() {
    let host = Host::start();
    for (index, (name, file, _)) in LETTERS.iter().enumerate() {
        let folder = if index % 2 == 0 { "new" } else { "cur" };
        host.put("alice", &format!("{folder}/{name}"), file);
    }
    let mut client = host.log_in("alice").await;
    let sizes = client.listing("LIST").await;
    let mut total = 0;
    for (index, (name, _, wire)) in LETTERS.iter().enumerate() {
        let number = index + 1;
        let got = client.ask_for_many(&format!("RETR {number}")).await;
        assert_eq!(got.escape_ascii().to_string(), wire.escape_ascii().to_string(), "{name}");
        let stuffed =
            wire.split(|octet| *octet == b'\n').filter(|line| line.starts_with(b"..")).count();
        let octets = wire.len() - ".\r\n".len() - stuffed;
        assert_eq!(sizes[index], format!("{number} {octets}"), "{name}");
        total += octets;
    }
    assert_eq!(client.ask("STAT").await, format!("+OK {} {total}", LETTERS.len()));
    client.quit().await;
    // Nothing was moved, marked or removed.
    assert_eq!(names(&host.maildir("alice").join("new")).len(), 5);
    assert_eq!(names(&host.maildir("alice").join("cur")).len(), 4);
    host.stop().await;
}

#[tokio::test]
async fn letters_of_many_pieces_come_whole() {
    let host = Host::start();
    let line = |n: usize| {
        format!("{}{n:07} {}\n", if n.is_multiple_of(97) { "." } else { "" }, "x".repeat(n % 1200))
    };
    let body: String = (0..20_000).map(line).collect();
    let file = format!("Subject: long\n\n{body}");
    host.put("alice", "new/1.long", file.as_bytes());
    // Pieces end in the middle of lines and line ends alike: exact multiples of a piece too.
    host.put("alice", "new/2.exact", &b"0123456789abcde\n".repeat(2 * 64 * 1024 / 16));
    let mut client = host.log_in("alice").await;
    let expected = file.replace("\n.", "\n..").replace('\n', "\r\n") + ".\r\n";
    assert!(client.ask_for_many("RETR 1").await == expected.as_bytes());
    let exact = client.ask_for_many("RETR 2").await;
    assert_eq!(exact.len(), 17 * 2 * 64 * 1024 / 16 + 3);
    let top = client.ask_for_many("TOP 1 2").await;
    assert_eq!(
        String::from_utf8_lossy(&top),
        format!("Subject: long\r\n\r\n..0000000 \r\n0000001 x\r\n.\r\n")
    );
    client.quit().await;
}

#[tokio::test] // Tests RFC 2449 §6.6.
async fn pipelined_commands_are_done_in_turn() {
    let host = Host::start();
    for n in 0..50 {
        host.put("alice", &format!("new/{n:02}.x"), format!("N: {n}\n\n").as_bytes());
    }
    let mut client = host.connect().await;
    let mut commands = format!("USER alice\r\nPASS {PASSWORD}\r\n");
    for n in 1..=50 {
        commands += &format!("RETR {n}\r\nDELE {n}\r\n");
    }
    client.send((commands + "QUIT\r\n").as_bytes()).await;
    assert_eq!(client.line().await, "+OK now the password");
    assert_eq!(client.line().await.split(' ').nth(1), Some("50"));
    for n in 0..50 {
        assert_eq!(client.line().await, "+OK message follows");
        assert_eq!(client.rest().await, format!("N: {n}\r\n\r\n.\r\n").as_bytes());
        assert_eq!(client.line().await, "+OK marked as deleted");
    }
    assert_eq!(client.line().await, "+OK good-bye");
    assert_eq!(client.closed().await, b"");
    assert!(names(&host.maildir("alice").join("new")).is_empty());
}

#[tokio::test] // Tests RFC 1939 §6.
async fn i13_nothing_is_deleted_without_quit() {
    let host = Host::start();
    let letter = host.put("alice", "new/1.x", b"A: 1\n\n");
    let mut client = host.log_in("alice").await;
    assert_eq!(client.ask("DELE 1").await, "+OK marked as deleted");
    drop(client);
    // The lock is free once the agent has seen the end of the connection.
    let mut client = log_in_when_free(&host, "alice").await;
    assert!(letter.exists());
    assert_eq!(client.ask("STAT").await, "+OK 1 8");
    assert_eq!(client.ask("DELE 1").await, "+OK marked as deleted");
    client.quit().await;
    assert!(!letter.exists());
}

async fn log_in_when_free(host: &Host, user: &str) -> Client {
    patiently(async {
        loop {
            let mut client = host.connect().await;
            match client.log_in(user, PASSWORD).await {
                ok if ok.starts_with("+OK") => return client,
                busy => assert!(busy.starts_with("-ERR [IN-USE]"), "{busy}"),
            }
        }
    })
    .await
}

#[tokio::test] // Tests RFC 2449 §8.1.2.
async fn i13_a_second_session_is_told_in_use() {
    let host = Host::start();
    let first = host.log_in("alice").await;
    let mut second = host.connect().await;
    let answer = second.log_in("alice", PASSWORD).await;
    assert!(answer.starts_with("-ERR [IN-USE] "), "{answer}");
    // Somebody else's maildrop is another one.
    host.log_in("bob").await.quit().await;
    first.quit().await;
    // The same connection may try again, and QUIT was answered when the lock was free.
    let answer = second.log_in("alice", PASSWORD).await;
    assert!(answer.starts_with("+OK "), "{answer}");
    second.quit().await;
}

#[tokio::test]
async fn i17_each_session_sees_its_own_user_alone() {
    let host = Host::start();
    host.put("alice", "new/1.a", b"A: alice\n\n");
    let mut client = host.log_in("alice").await;
    assert_eq!(client.ask_for_many("RETR 1").await, b"A: alice\r\n\r\n.\r\n");
    client.quit().await;
    let mut client = host.log_in("bob").await;
    assert_eq!(client.ask("RETR 1").await, "-ERR no such message");
    assert_eq!(client.ask("STAT").await, "+OK 0 0");
    client.quit().await;
}

#[tokio::test] // Tests RFC 1939 §7, UIDL.
async fn unique_ids_stay_wherever_a_letter_goes() {
    let host = Host::start();
    let long = "x".repeat(80);
    host.put("alice", "new/1.M1P1Q1.host,S=8,W=10", b"A: 1\n\nb\n");
    host.put("alice", &format!("new/2.{long}"), b"A: 2\n");
    let mut client = host.log_in("alice").await;
    let before = client.listing("UIDL").await;
    // UID and UIDVALIDITY, as Dovecot's default has them.
    assert!(
        before[0].starts_with("1 00000001") && before[1].starts_with("2 00000002"),
        "{before:?}"
    );
    assert_eq!(client.listing("LIST").await[0], "1 10", "the name is believed");
    client.quit().await;
    let folder = host.maildir("alice");
    for (from, to) in [
        ("new/1.M1P1Q1.host,S=8,W=10".to_owned(), "cur/1.M1P1Q1.host,S=8,W=10:2,RS".to_owned()),
        (format!("new/2.{long}"), format!("cur/2.{long}:2,S")),
    ] {
        std::fs::rename(folder.join(from), folder.join(to)).expect("renames");
    }
    let mut client = host.log_in("alice").await;
    assert_eq!(client.listing("UIDL").await, before);
    client.quit().await;
}

#[tokio::test]
async fn letters_that_others_move_are_found_and_those_they_remove_are_gone() {
    let host = Host::start();
    let moved = host.put("alice", "new/1.moved", b"A: 1\n\n");
    let removed = host.put("alice", "new/2.removed", b"A: 2\n\n");
    let marked = host.put("alice", "new/3.marked", b"A: 3\n\n");
    let mut client = host.log_in("alice").await;
    let cur = host.maildir("alice").join("cur");
    std::fs::rename(&moved, cur.join("1.moved:2,S")).expect("renames");
    std::fs::rename(&marked, cur.join("3.marked:2,S")).expect("renames");
    std::fs::remove_file(&removed).expect("removes");
    assert_eq!(client.ask_for_many("RETR 1").await, b"A: 1\r\n\r\n.\r\n");
    assert_eq!(client.ask("RETR 2").await, "-ERR the message is gone");
    assert_eq!(client.ask("TOP 2 0").await, "-ERR the message is gone");
    for number in 1..=3 {
        assert_eq!(client.ask(&format!("DELE {number}")).await, "+OK marked as deleted");
    }
    client.quit().await;
    assert!(names(&cur).is_empty());
}

#[tokio::test]
async fn letters_that_come_meanwhile_wait_for_the_next_session() {
    let host = Host::start();
    host.put("alice", "new/1.x", b"A: 1\n\n");
    let mut client = host.log_in("alice").await;
    let later = host.put("alice", "new/0.later", b"A: 0\n\n");
    assert_eq!(client.ask("STAT").await, "+OK 1 8");
    assert_eq!(client.ask("DELE 1").await, "+OK marked as deleted");
    client.quit().await;
    assert!(later.exists(), "only what was listed is deleted");
}

#[tokio::test]
async fn m15_what_cannot_be_read_is_never_empty() {
    let host = Host::start();
    host.put("alice", "cur/1.x", b"A: 1\n\n");
    // Root may read anything, so a folder that isn't one stands for those that can't be read.
    let cur = host.maildir("alice").join("cur");
    std::fs::rename(&cur, host.maildir("alice").join("away")).expect("renames");
    let refusal = "-ERR [SYS/TEMP] the maildrop can't be opened, try later";
    let mut client = host.connect().await;
    assert_eq!(client.log_in("alice", PASSWORD).await, refusal);
    std::fs::write(&cur, "a file").expect("writes");
    assert_eq!(client.log_in("alice", PASSWORD).await, refusal);
    std::fs::remove_file(&cur).expect("removes");
    std::fs::create_dir(&cur).expect("creates");
    std::fs::set_permissions(&cur, std::fs::Permissions::from_mode(0o000)).expect("chmod");
    let answer = client.log_in("alice", PASSWORD).await;
    // Only root gets this far, and sees the truth: there is nothing.
    assert!(answer == refusal || answer == "+OK 0 messages (0 octets)", "{answer}");
}

#[tokio::test]
async fn m15_odd_names_are_kept_as_octets_and_what_is_no_letter_is_left_alone() {
    use std::os::unix::ffi::OsStrExt as _;
    let host = Host::start();
    let maildir = host.maildir("alice");
    let odd = maildir.join("cur").join(std::ffi::OsStr::from_bytes(b"1.caf\xe9 \n:2,S"));
    std::fs::write(&odd, "A: 1\n\n").expect("writes");
    host.put("alice", "cur/.hidden", b"no letter");
    host.put("bob", "cur/1.secret", b"A: bob\n\n");
    std::fs::create_dir(maildir.join("cur/2.folder")).expect("creates");
    symlink(host.maildir("bob").join("cur/1.secret"), maildir.join("new/3.link")).expect("links");
    let mut client = host.log_in("alice").await;
    assert_eq!(client.ask("STAT").await, "+OK 1 8");
    assert_eq!(client.ask_for_many("RETR 1").await, b"A: 1\r\n\r\n.\r\n");
    assert_eq!(client.ask("DELE 1").await, "+OK marked as deleted");
    client.quit().await;
    assert!(!odd.exists());
    assert_eq!(names(&maildir.join("cur")), [".hidden", "2.folder"]);
}

#[tokio::test]
async fn users_without_mail_have_an_empty_maildrop() {
    let host = Host::start();
    std::fs::remove_dir_all(host.maildir("alice")).expect("removes");
    let mut client = host.log_in("alice").await;
    assert_eq!(client.ask("STAT").await, "+OK 0 0");
    assert_eq!(client.listing("UIDL").await, Vec::<String>::new());
    client.quit().await;
    // It is there from now on, and as empty.
    assert!(names(&host.maildir("alice").join("new")).is_empty());
}

#[tokio::test]
async fn we_list_what_the_maildir_crate_lists() {
    let host = Host::start();
    for n in 0..40 {
        let place = match n % 3 {
            0 => format!("new/{n}.x,S=6,W=8"),
            1 => format!("cur/{n}.x,S=6,W=8:2,S"),
            _ => format!("cur/{n}.x:2,"),
        };
        host.put("alice", &place, b"A: 1\n\n");
    }
    let theirs = maildir::Maildir::from(host.maildir("alice"));
    let id = |entry: std::io::Result<maildir::MailEntry>| entry.expect("a letter").id().to_owned();
    let theirs: Vec<_> = theirs.list_new().chain(theirs.list_cur()).map(id).collect();
    let mut client = host.log_in("alice").await;
    let ours = client.listing("UIDL").await;
    assert_eq!((ours.len(), theirs.len()), (40, 40));
}

#[tokio::test]
async fn unique_ids_are_imaps_uids() {
    let host = Host::start();
    host.put("alice", "new/1.x", b"A: 1\n\n");
    host.put("alice", "new/2.x", b"A: 2\n\n");
    let mut client = host.log_in("alice").await;
    let before = client.listing("UIDL").await;
    assert_eq!(client.ask("DELE 1").await, "+OK marked as deleted");
    client.quit().await;
    host.put("alice", "new/3.x", b"A: 3\n\n");
    let mut imap = Client::connect(host.imap).await;
    imap.line().await;
    imap.ask(&format!("a LOGIN alice \"{PASSWORD}\"")).await;
    let mut told = Vec::new();
    imap.send(b"b SELECT INBOX\r\nc UID SEARCH ALL\r\n").await;
    while !told.last().is_some_and(|line: &String| line.starts_with("c ")) {
        told.push(imap.line().await);
    }
    let validity = told.iter().find_map(|line| line.split("[UIDVALIDITY ").nth(1));
    let validity: u32 = validity
        .and_then(|v| v.split(']').next()?.parse().ok())
        .unwrap_or_else(|| panic!("{told:?}"));
    assert!(told.contains(&"* SEARCH 2 3".to_owned()), "{told:?}");
    let mut client = host.log_in("alice").await;
    let ids = [2, 3].map(|uid| format!("{} {uid:08x}{validity:08x}", uid - 1));
    assert_eq!(client.listing("UIDL").await, ids);
    assert_eq!(before[1].split(' ').nth(1), ids[0].split(' ').nth(1));
    client.quit().await;
}

/// Fetches and deletes the first letter, and leaves.
async fn fetch_and_delete(host: &Host) {
    let mut client = host.log_in("alice").await;
    client.ask_for_many("RETR 1").await;
    assert_eq!(client.ask("DELE 1").await, "+OK marked as deleted");
    client.quit().await;
}

#[tokio::test]
async fn letters_that_are_deleted_may_be_kept_for_imap() {
    let host = Host::start_with(|config| config.maa.pop3_deleted = Pop3Deleted::Keep);
    let kept = host.put("alice", "cur/1.x:2,", b"A: 1\n\n");
    host.put("alice", "cur/2.x:2,", b"A: 2\n\n");
    fetch_and_delete(&host).await;
    // To POP3 it is gone, for good.
    for _ in 0..2 {
        let mut client = host.log_in("alice").await;
        assert_eq!(client.ask("STAT").await, "+OK 1 8");
        assert_eq!(client.ask_for_many("RETR 1").await, b"A: 2\r\n\r\n.\r\n");
        client.quit().await;
        assert!(kept.exists());
    }
    // Nothing is without QUIT.
    let mut client = host.log_in("alice").await;
    assert_eq!(client.ask("DELE 1").await, "+OK marked as deleted");
    drop(client);
    let mut client = log_in_when_free(&host, "alice").await;
    assert_eq!(client.ask("STAT").await, "+OK 1 8");
    client.quit().await;
}

#[tokio::test]
async fn letters_that_are_deleted_are_removed_when_they_were_kept_long_enough() {
    let wait = std::time::Duration::from_secs(24 * 60 * 60);
    let host = Host::start_with(|config| {
        config.maa.pop3_deleted = Pop3Deleted::RemoveAfter(wait);
    });
    let letters = [1, 2, 3].map(|n| host.put("alice", &format!("cur/{n}.x:2,"), b"A: 1\n\n"));
    fetch_and_delete(&host).await;
    let memory = host.maildir("alice").join("postroad-pop3");
    let text = std::fs::read_to_string(&memory).expect("it is noted");
    assert!(text.lines().nth(1).is_some_and(|line| line.ends_with(" deleted")), "{text}");
    assert!(letters.iter().all(|letter| letter.exists()));
    // Two days ago, and another that was fetched then and is deleted now.
    let validity = text.lines().next().expect("a line");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a time");
    let then = now.as_secs() - 2 * wait.as_secs();
    std::fs::write(&memory, format!("{validity}\n1 1 {then} deleted\n2 2 {then} there\n"))
        .expect("writes");
    fetch_and_delete(&host).await;
    assert_eq!(letters.map(|letter| letter.exists()), [false, false, true]);
}

#[tokio::test]
async fn logins_that_fail_and_one_that_does_not() {
    let host = Host::start();
    let refusal = "-ERR [AUTH] name or password is wrong";
    let mut client = host.connect().await;
    assert_eq!(client.log_in("alice", "wrong").await, refusal);
    assert_eq!(client.log_in("nobody", "wrong").await, refusal);
    assert!(client.log_in("ALICE", PASSWORD).await.starts_with("+OK"));
    client.quit().await;
    // Three failures end a connection: guessing pays for it.
    let mut client = host.connect().await;
    for _ in 0..3 {
        assert_eq!(client.log_in("alice", "wrong").await, refusal);
    }
    assert_eq!(client.closed().await, b"-ERR too many errors, good-bye\r\n");
}

#[tokio::test]
async fn i16_odd_names_are_literal() {
    let host = Host::start();
    for name in ["%{user}", "' OR 1=1--", "*)(uid=*", "../alice", "alice/../bob", "*"] {
        let mut client = host.connect().await;
        let answer = client.log_in(name, PASSWORD).await;
        assert_eq!(answer, "-ERR [AUTH] name or password is wrong", "{name}");
    }
}

#[tokio::test]
async fn s35_many_guessers_do_not_lock_the_owner_out() {
    let host = Host::start();
    let mut guessers = Vec::new();
    for _ in 0..20 {
        let mut client = host.connect().await;
        client.send(b"USER alice\r\nPASS wrong\r\n").await;
        guessers.push(client);
    }
    host.log_in("alice").await.quit().await;
    for mut guesser in guessers {
        assert_eq!(guesser.line().await, "+OK now the password");
        assert_eq!(guesser.line().await, "-ERR [AUTH] name or password is wrong");
    }
}

#[tokio::test]
async fn i05_no_passwords_in_clear() {
    let host = Host::start_with_tls(|config| config.maa.clear_text_login = ClearTextLogin::Never);
    let mut client = host.connect().await;
    let capabilities = client.listing("CAPA").await;
    assert!(capabilities.contains(&"STLS".to_owned()), "{capabilities:?}");
    assert!(!capabilities.iter().any(|line| line.starts_with("SASL") || line == "USER"));
    let refusal = "-ERR no passwords in clear: say STLS first, or use POP3S";
    assert_eq!(client.ask("USER alice").await, refusal);
    assert_eq!(client.ask("AUTH PLAIN AGFsaWNlAHNlIGNyZXQ=").await, refusal);
    assert_eq!(client.ask("STLS").await, "+OK begin TLS");
    let mut client = client.start_tls().await;
    let capabilities = client.listing("CAPA").await;
    assert!(capabilities.contains(&"SASL PLAIN".to_owned()), "{capabilities:?}");
    assert!(!capabilities.contains(&"STLS".to_owned()));
    assert_eq!(client.ask("AUTH PLAIN AGFsaWNlAHNlIGNyZXQ=").await, "+OK 0 messages (0 octets)");
    client.quit().await;
}

#[tokio::test]
async fn i04_commands_ahead_of_the_handshake_are_never_run() {
    let host = Host::start_with_tls(|_| {});
    host.put("alice", "new/1.x", b"A: 1\n\n");
    let mut client = host.connect().await;
    let tail = format!("STLS\r\nUSER alice\r\nPASS {PASSWORD}\r\nDELE 1\r\nQUIT\r\n");
    client.send(tail.as_bytes()).await;
    assert_eq!(client.line().await, "+OK begin TLS");
    // What comes now can't be a response to any of them.
    let mut client = client.start_tls().await;
    assert_eq!(client.ask("STAT").await, "-ERR log in first");
    assert!(host.maildir("alice").join("new/1.x").exists());
}

#[tokio::test]
async fn pop3s_is_inside_tls_from_the_start() {
    let host = Host::start_with_tls(|config| config.maa.clear_text_login = ClearTextLogin::Never);
    host.put("alice", "new/1.x", &b"A: 1\n\n".repeat(50_000));
    let mut client = Client::inside_tls(host.pop3s.expect("a port")).await;
    assert_eq!(client.line().await, "+OK pop.example POP3 server ready");
    assert_eq!(client.ask("STLS").await, "-ERR TLS is active already");
    assert!(client.log_in("alice", PASSWORD).await.starts_with("+OK 1 "));
    assert_eq!(client.ask_for_many("RETR 1").await.len(), 8 * 50_000 + 3);
    client.quit().await;
}

#[tokio::test]
async fn a_stop_ends_waiting_sessions_and_deletes_nothing() {
    let host = Host::start();
    let letter = host.put("alice", "new/1.x", b"A: 1\n\n");
    let mut client = host.log_in("alice").await;
    assert_eq!(client.ask("DELE 1").await, "+OK marked as deleted");
    host.ask_to_stop();
    assert_eq!(client.closed().await, b"");
    assert!(letter.exists());
    host.stop().await;
}

#[tokio::test]
async fn letters_that_were_read_are_traced() {
    let host = Host::start();
    host.put("alice", "new/1.x", b"A: 1\nMessage-ID: <x@y.example>\n\nbody\n");
    let mut client = host.log_in("alice").await;
    client.ask_for_many("TOP 1 0").await;
    client.ask_for_many("RETR 1").await;
    client.quit().await;
    let trace = host.trace();
    // The journal writes behind our back.
    let fetched = patiently(async {
        loop {
            let records = postroad_observe::trace::merge(&trace, "x@y.example").expect("merges");
            if !records.is_empty() {
                return records;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    let [record] = fetched.as_slice() else { panic!("{fetched:?}") };
    let event = format!("{:?}", record.event);
    assert!(
        event.contains("Fetched") && event.contains("alice") && event.contains("pop3"),
        "{event}"
    );
}

#[tokio::test]
async fn no_more_connections_than_allowed() {
    let host = Host::start_with(|config| config.maa.connections_max = 1);
    let first = host.connect().await;
    let io = postroad_net::Io::connect_tcp(host.pop3).await.expect("connects");
    let mut second = tokio::io::BufReader::new(io);
    let mut line = String::new();
    patiently(tokio::io::AsyncBufReadExt::read_line(&mut second, &mut line)).await.expect("reads");
    assert_eq!(line, "-ERR [SYS/TEMP] too many connections, try later\r\n");
    first.quit().await;
}

#[tokio::test]
async fn a_wrong_file_of_users_stops_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config =
        postroad_config::Config { hostname: "pop.example".into(), ..Default::default() };
    for listen in [
        &mut config.maa.imap,
        &mut config.maa.imaps,
        &mut config.maa.pop3,
        &mut config.maa.pop3s,
        &mut config.maa.managesieve,
    ] {
        *listen = vec![([127, 0, 0, 1], 0).into()];
    }
    config.accounts.users = folder.path().join("users");
    std::fs::write(&config.accounts.users, "alice {PLAIN}x\n").expect("writes");
    let handed = postroad_net::listen::Handed::default();
    let started = postroad_maa::Maa::start(&config, handed, std::path::Path::new(PROGRAM));
    let error = started.expect_err("no start");
    let cause = std::error::Error::source(&error).expect("a cause").to_string();
    assert!(cause.contains("users:1: a line is \"name:"), "{cause}");
}
