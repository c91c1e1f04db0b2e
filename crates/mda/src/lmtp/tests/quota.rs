//! Mailboxes that are full, or nearly so.

use postroad_store::{Maildir, Usage};

use super::*;
use crate::quota::Account;
use crate::rules::Mailbox;

const MIB: u64 = 1 << 20;

/// A place with these settings for quotas.
fn place(settings: &str) -> Place {
    Place::with(Arc::new(NoLinks), &format!("[mda.quota]\n{settings}"))
}

/// Puts a letter into a mailbox that says of itself how large it is.
fn hold(place: &Place, user: &str, octets: u64) -> PathBuf {
    let maildir = place.maildir(user);
    for part in ["tmp", "new", "cur"] {
        std::fs::create_dir_all(maildir.join(part)).unwrap();
    }
    let count = std::fs::read_dir(maildir.join("cur")).unwrap().count();
    let letter = maildir.join("cur").join(format!("{count}.a.host,S={octets}:2,S"));
    std::fs::write(&letter, "old").unwrap();
    letter
}

/// What maildirsize comes to: octets, letters.
fn counted(place: &Place, user: &str) -> (i64, i64) {
    let text = std::fs::read_to_string(place.maildir(user).join("maildirsize")).unwrap();
    let numbers = |line: &str| -> (i64, i64) {
        let (octets, letters) = line.split_once(' ').unwrap();
        (octets.parse().unwrap(), letters.parse().unwrap())
    };
    text.lines().skip(1).map(numbers).fold((0, 0), |sum, line| (sum.0 + line.0, sum.1 + line.1))
}

fn in_tmp(place: &Place, user: &str) -> usize {
    std::fs::read_dir(place.maildir(user).join("tmp")).unwrap().count()
}

/// MAIL with a size, and RCPT; the reply to that.
async fn announce(client: &mut Client, size: u64, user: &str) -> String {
    client.say(&format!("RSET\r\nMAIL FROM:<e@x.example> SIZE={size}\r\n")).await;
    client.hear().await;
    check(&[client.hear().await], &["250 2.1.0"]);
    client.say(&format!("RCPT TO:<{user}@our.example>\r\n")).await;
    client.hear().await
}

async fn greeted(place: &Place) -> Client {
    let mut client = place.connect();
    client.hear().await;
    client.say("LHLO client.example\r\n").await;
    client.hear().await;
    client
}

#[tokio::test]
async fn m06_a_full_mailbox_is_refused_at_rcpt() {
    for (settings, held, reply) in [
        ("storage = \"100MiB\"", 100 * MIB - 1, "250 2.1.5"),
        ("storage = \"100MiB\"", 100 * MIB, "452 4.2.2"),
        ("storage = \"100MiB\"", 101 * MIB, "452 4.2.2"),
        ("storage = \"100MiB\"\nover = \"temporary\"", 100 * MIB, "452 4.2.2"),
        ("storage = \"100MiB\"\nover = \"permanent\"", 100 * MIB, "552 5.2.2"),
        ("letters = 1", 1, "452 4.2.2"),
        ("letters = 2", 1, "250 2.1.5"),
        ("", 1 << 50, "250 2.1.5"),
    ] {
        let place = place(settings);
        hold(&place, "alice", held);
        let mut client = place.connect();
        let replies = client.begin(&["alice@our.example", "bob@our.example"]).await;
        check(&replies, &[reply, "250 2.1.5"]);
        // Asked again: by what is remembered.
        client.say("RSET\r\n").await;
        client.hear().await;
        check(&client.recipients(&["alice@our.example"]).await, &[reply]);
    }
}

#[tokio::test] // Tests RFC 1870 §6.1.
async fn m06_fifty_mib_do_not_go_into_49() {
    let place = place("storage = \"100MiB\"\nlast_letter = \"0B\"");
    hold(&place, "alice", 51 * MIB);
    let mut client = greeted(&place).await;
    for (size, reply) in
        [(50 * MIB, "452 4.2.2"), (49 * MIB, "250 2.1.5"), (49 * MIB + 1, "452 4.2.2")]
    {
        check(&[announce(&mut client, size, "alice").await], &[reply]);
    }
}

#[tokio::test]
async fn m06_what_is_too_large_is_refused_when_it_is_there_and_leaves_nothing() {
    let place = place("storage = \"100KiB\"\nlast_letter = \"0B\"\nwarn_at = []");
    hold(&place, "alice", 51 * 1024);
    let mut client = place.connect();
    client.begin(&["alice@our.example", "bob@our.example"]).await;
    let content = format!("Subject: large\r\n\r\n{}", "0123456789abcde\r\n".repeat(50 * 1024 / 16));
    check(&client.data(&content, 2).await, &["452 4.2.2", "250 2.0.0"]);
    assert_eq!((place.letters("alice").len(), in_tmp(&place, "alice")), (0, 0));
    assert_eq!(counted(&place, "alice"), (51 * 1024, 1));
    assert_eq!((place.letters("bob").len(), counted(&place, "bob").1), (1, 1));
    // A smaller one fits.
    client.recipients(&["alice@our.example"]).await;
    check(&client.data("Subject: small", 1).await, &["250 2.0.0"]);
    assert_eq!(counted(&place, "alice").1, 2);
}

#[tokio::test]
async fn the_last_letter_may_be_a_little_too_large() {
    let place = place("storage = \"10KiB\"\nlast_letter = \"2KiB\"\nwarn_at = []");
    hold(&place, "alice", 9 * 1024);
    let mut client = place.connect();
    client.begin(&["alice@our.example"]).await;
    let letter = |octets| format!("Subject: last\r\n\r\n{}", "x".repeat(octets));
    check(&client.data(&letter(3_000), 1).await, &["452 4.2.2"]);
    client.recipients(&["alice@our.example"]).await;
    check(&client.data(&letter(2_000), 1).await, &["250 2.0.0"]);
    // As far as RCPT knows, that one may come again.
    check(&client.recipients(&["alice@our.example"]).await, &["250 2.1.5"]);
    check(&client.data(&letter(100), 1).await, &["452 4.2.2"]);
}

/// The letter that has filled the mailbox, or one that others have followed, comes again: its reply was lost.
#[tokio::test]
async fn m07_a_letter_that_filled_its_mailbox_is_recognised_when_it_comes_again() {
    for (over, reply) in
        [("temporary", "452 4.2.2"), ("permanent", "552 5.2.2"), ("7d", "452 4.2.2")]
    {
        let settings =
            format!("storage = \"10KiB\"\nlast_letter = \"4KiB\"\nover = \"{over}\"\nwarn_at = []");
        let place = place(&settings);
        hold(&place, "alice", 4 * 1024);
        let letter = |id: &str, octets| {
            format!("Received: by mx with ESMTP id {id}; date\r\n\r\n{}", "x".repeat(octets))
        };
        let first = letter("4A1", 3 * 1024);
        let others = [letter("4A2", 2 * 1024), letter("4A3", 2 * 1024)];
        for text in [&first, &others[0], &others[1]] {
            let mut client = greeted(&place).await;
            check(&[announce(&mut client, text.len() as u64, "alice").await], &["250 2.1.5"]);
            check(&client.data(text, 1).await, &["250 2.0.0 Filed as "]);
        }
        for text in [&first, &others[0], &others[1]] {
            let mut client = greeted(&place).await;
            check(&[announce(&mut client, text.len() as u64, "alice").await], &["250 2.1.5"]);
            check(&client.data(text, 1).await, &["250 2.0.0 Recognised as a repeat"]);
        }
        assert_eq!(place.letters("alice").len(), 3);
        // Any other is refused, when it is there; and at RCPT where it would not have gone in an hour ago either.
        let mut client = greeted(&place).await;
        check(&[announce(&mut client, 100, "alice").await], &["250 2.1.5"]);
        check(&client.data(&letter("4A4", 100), 1).await, &[reply]);
        check(&[announce(&mut client, 7 * MIB, "alice").await], &[reply]);
        // An hour later they are letters like others.
        let new = place.maildir("alice").join("new");
        for entry in std::fs::read_dir(&new).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let (second, rest) = name.split_once('.').unwrap();
            let second: u64 = second.parse::<u64>().unwrap() - 3_601;
            std::fs::rename(&path, new.join(format!("{second}.{rest}"))).unwrap();
        }
        let mut place = place;
        place.restart();
        let mut client = greeted(&place).await;
        check(&[announce(&mut client, 100, "alice").await], &[reply]);
    }
}

#[tokio::test]
async fn temporary_for_a_while_and_then_permanent() {
    let place = place("storage = \"1KiB\"\nover = \"7d\"");
    let letter = hold(&place, "alice", 2_000);
    let mark = place.maildir("alice").join("postroad-quota");
    let mut client = place.connect();
    check(&client.begin(&["alice@our.example"]).await, &["452 4.2.2"]);
    let since = std::fs::read_to_string(&mark).unwrap();
    assert!(since.starts_with("full-since "), "{since}");
    // It has been full for years.
    hold(&place, "bob", 2_000);
    std::fs::write(place.maildir("bob").join("postroad-quota"), "full-since 1000\n").unwrap();
    client.say("RSET\r\n").await;
    client.hear().await;
    check(&client.recipients(&["bob@our.example"]).await, &["552 5.2.2"]);
    // Once there is room, that is forgotten.
    std::fs::remove_file(letter).unwrap();
    let account = place.shared.accounts.directory().quota("alice");
    let maildir = Maildir::at(place.maildir("alice"));
    let account = Account {
        mailbox: Mailbox { courier: &place.shared.courier, inbox: &maildir },
        rule: account,
        to: &"alice@our.example".parse().unwrap(),
        host: "mx.our.example",
    };
    place.shared.quotas.look(&account, Usage { octets: 0, letters: 1 }).unwrap();
    assert_eq!(std::fs::read_to_string(&mark).unwrap(), "");
}

#[tokio::test]
async fn the_file_of_users_has_the_last_word() {
    let place = place("storage = \"1KiB\"");
    let users = place.dir.path().join("users");
    let text = std::fs::read_to_string(&users).unwrap();
    let with = |rule: &str, line: &str| format!("{line}::::::userdb_quota_rule=*:{rule}\n");
    let rules = ["storage=1M", "storage=0", "messages=1"];
    let text: String = text.lines().zip(rules).map(|(line, rule)| with(rule, line)).collect();
    std::fs::write(&users, text).unwrap();
    place.shared.accounts.reload().unwrap();
    hold(&place, "alice", 2_000);
    hold(&place, "bob", 2_000);
    hold(&place, "carol", 2);
    let mut client = place.connect();
    let recipients = ["alice@our.example", "bob@our.example", "carol@our.example"];
    check(&client.begin(&recipients).await, &["250 2.1.5", "250 2.1.5", "452 4.2.2"]);
}

#[tokio::test]
async fn limits_that_are_in_the_mailbox_count_where_nobody_sets_any() {
    let place = place("");
    hold(&place, "alice", 2_000);
    std::fs::write(place.maildir("alice").join("maildirsize"), "2500S\n").unwrap();
    hold(&place, "bob", 2_000);
    std::fs::write(place.maildir("bob").join("maildirsize"), "2000S\n2000 1\n").unwrap();
    let mut client = place.connect();
    let recipients = ["alice@our.example", "bob@our.example", "carol@our.example"];
    check(&client.begin(&recipients).await, &["250 2.1.5", "452 4.2.2", "250 2.1.5"]);
    check(&client.data("Subject: x", 2).await, &["250 2.0.0"; 2]);
    // And the letter that says that it is 80 % full.
    assert_eq!(counted(&place, "alice").1, 3);
    assert!(!place.maildir("carol").join("maildirsize").exists());
}

#[tokio::test]
async fn each_store_counts() {
    let place = place("storage = \"1MiB\"");
    let script =
        "require [\"fileinto\", \"copy\"]; fileinto :copy \"Lists\"; fileinto :copy \"Trash\";";
    place.script("alice", script);
    for folder in ["Lists", "Trash"] {
        place.folder("alice", folder);
    }
    let mut client = place.connect();
    client.begin(&["alice@our.example"]).await;
    check(&client.data("Subject: twice", 1).await, &["250 2.0.0"]);
    let octets = place.letters("alice")[0].len();
    assert_eq!(counted(&place, "alice"), (2 * i64::try_from(octets).unwrap(), 2));
}

#[tokio::test]
async fn what_is_not_stored_is_counted_back() {
    let disk = FaultyDisk::new();
    let place = Place::with(Arc::new(disk.clone()), "[mda.quota]\nstorage = \"1MiB\"");
    disk.put_dir(&place.maildir("alice"));
    let mut client = place.connect();
    client.begin(&["alice@our.example"]).await;
    check(&client.data("Subject: fits", 1).await, &["250 2.0.0"]);
    let size_file = place.maildir("alice").join("maildirsize");
    let before = disk.read(&size_file).unwrap();
    client.recipients(&["alice@our.example"]).await;
    disk.plan(Plan::FailNext { operation: "sync", errno: EIO });
    check(&client.data("Subject: not stored", 1).await, &["451 4.3.0"]);
    let after = disk.read(&size_file).unwrap();
    let added = String::from_utf8(after.get(before.len()..).unwrap().to_vec()).unwrap();
    let (came, went) = added.trim_end().split_once('\n').unwrap();
    let (octets, letters) = came.split_once(' ').unwrap();
    assert_eq!(went, format!("-{octets} -{letters}"));
}

#[tokio::test]
async fn the_owner_is_told_once_at_each_threshold() {
    let place = place("storage = \"100KiB\"\nwarn_at = [80, 95]");
    let subjects = || {
        let letters = place.letters("alice");
        let mut told: Vec<String> = letters
            .iter()
            .filter_map(|text| text.lines().find_map(|line| line.strip_prefix("Subject: Your ")))
            .map(str::to_owned)
            .collect();
        told.sort();
        told
    };
    let mut client = greeted(&place).await;
    let mut held = Vec::new();
    for (percent, told) in [(70, 0), (10, 1), (1, 1), (14, 2), (1, 2)] {
        held.push(hold(&place, "alice", percent * 1024));
        // Others who deliver say so.
        let size_file = place.maildir("alice").join("maildirsize");
        let _ = std::fs::remove_file(size_file);
        client.recipients(&["alice@our.example"]).await;
        check(&client.data("Subject: x", 1).await, &["250 2.0.0"]);
        assert_eq!(subjects().len(), told, "{percent}: {:?}", subjects());
    }
    let texts = place.letters("alice");
    let letter = texts.iter().find(|text| text.contains("Subject: Your mailbox is 8")).unwrap();
    assert!(letter.starts_with("Return-Path: <>\nDelivered-To: alice@our.example\n"), "{letter}");
    assert!(letter.contains("\nAuto-Submitted: auto-generated\n"), "{letter}");
    assert!(letter.contains(" KiB of 100.0 KiB\n"), "{letter}");
    // Below again, and full again.
    held.iter().for_each(|letter| std::fs::remove_file(letter).unwrap());
    std::fs::remove_file(place.maildir("alice").join("maildirsize")).unwrap();
    client.recipients(&["alice@our.example"]).await;
    check(&client.data("Subject: x", 1).await, &["250 2.0.0"]);
    hold(&place, "alice", 85 * 1024);
    std::fs::remove_file(place.maildir("alice").join("maildirsize")).unwrap();
    client.recipients(&["alice@our.example"]).await;
    check(&client.data("Subject: x", 1).await, &["250 2.0.0"]);
    assert_eq!(subjects().len(), 3);
}

/// A figure that nobody can have is no reason to refuse a letter.
#[tokio::test]
async fn where_it_is_not_known_letters_are_filed() {
    let place = place("storage = \"1KiB\"");
    hold(&place, "alice", 1);
    let size_file = place.maildir("alice").join("maildirsize");
    std::os::unix::fs::symlink("/etc/passwd", size_file).unwrap();
    let mut client = place.connect();
    check(&client.begin(&["alice@our.example"]).await, &["250 2.1.5"]);
    check(&client.data("Subject: x", 1).await, &["250 2.0.0"]);
}

#[tokio::test]
async fn m13_a_mailbox_that_hangs_holds_up_rcpt_for_a_moment_once() {
    let (disk, hangs, release) = HangingDisk::new(HangingCall::Read);
    let place = Place::with(Arc::new(disk), "[mda.quota]\nstorage = \"1KiB\"");
    let mut client = place.connect();
    let recipients = ["bob@our.example", "alice@our.example", "bob+x@our.example"];
    check(&client.begin(&recipients).await, &["250 2.1.5"; 3]);
    // One thread has gone there.
    assert!(hangs.try_recv().is_ok() && hangs.try_recv().is_err());
    drop(release);
    drop(client);
    while Arc::strong_count(&place.shared) > 1 {
        tokio::task::yield_now().await;
    }
}
