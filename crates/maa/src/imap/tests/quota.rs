//! What commands add to a quota, and what is refused by it (RFC 9208 §4.3.1).

use super::{Client, Place};

/// 20 octets in a file.
const LETTER: &str = "Subject: x\n\nHi Bob.\n";

/// A mailbox that may hold 100 octets and five letters, and holds two.
fn place() -> Place {
    let place = Place::new();
    for number in 1..=2 {
        place.put(&format!("cur/179600000{number}.M1P1Q1.x:2,"), LETTER);
    }
    place.put("maildirsize", "100S,5C\n40 2\n");
    place
}

impl Place {
    /// What `maildirsize` comes to, without its limits.
    fn counted(&self) -> (i64, i64) {
        let file = std::fs::read_to_string(self.root().join("maildirsize")).unwrap();
        file.lines().skip(1).fold((0, 0), |(octets, letters), line| {
            let (more, one) = line.trim().split_once(' ').unwrap();
            let number = |text: &str| text.trim().parse::<i64>().unwrap();
            (octets + number(more), letters + number(one))
        })
    }
}

fn append(client: &mut Client, mailbox: &str, flags: &str, letter: &str) -> String {
    let letter = letter.replace('\n', "\r\n");
    let octets = letter.len();
    client.send(format!("a APPEND {mailbox} ({flags}) {{{octets}+}}\r\n{letter}\r\n").as_bytes())
}

#[test]
fn letters_are_counted_as_they_come_and_go() {
    let place = place();
    let mut client = place.connect();
    client.ok("CREATE Trash");
    client.ok("CREATE Archive");
    client.ok("SELECT INBOX");
    assert_eq!(place.counted(), (40, 2));
    assert!(append(&mut client, "INBOX", "", LETTER).contains("a OK [APPENDUID"));
    assert_eq!(place.counted(), (60, 3));
    client.ok("COPY 1 Archive");
    assert_eq!(place.counted(), (80, 4));
    client.ok("MOVE 2 Archive");
    assert_eq!(place.counted(), (80, 4));
    // Maildir++: Trash doesn't count, nor does what is deleted.
    client.ok("MOVE 2 Trash");
    assert_eq!(place.counted(), (60, 3));
    client.ok("STORE 1 +FLAGS (\\Deleted)");
    assert_eq!(place.counted(), (40, 2));
    client.ok("STORE 1 FLAGS (\\Deleted \\Seen)");
    client.ok("COPY 1 Archive");
    assert_eq!(place.counted(), (40, 2));
    client.ok("STORE 1 -FLAGS.SILENT (\\Deleted)");
    assert_eq!(place.counted(), (60, 3));
    client.ok("STORE 1 +FLAGS.SILENT (\\Deleted)");
    client.ok("EXPUNGE");
    assert!(append(&mut client, "Trash", "", LETTER).contains("a OK"));
    assert!(append(&mut client, "INBOX", "\\Deleted", LETTER).contains("a OK"));
    assert_eq!(place.counted(), (40, 2));
    assert_eq!(
        client.ok("GETQUOTA user"),
        ["* QUOTA user (STORAGE 1 0 MESSAGE 2 5)"],
        "in units of 1024 octets"
    );
}

#[test]
fn a_full_mailbox_takes_nothing_and_lets_go() {
    let place = place();
    let mut client = place.connect();
    client.ok("CREATE Trash");
    client.ok("SELECT INBOX");
    for number in 3..=5 {
        let said = append(&mut client, "INBOX", "", LETTER);
        assert!(said.contains("a OK"), "{number}: {said}");
    }
    for command in ["COPY 1 INBOX", "COPY 1:5 INBOX"] {
        let said = client.command(command).concat();
        assert!(said.starts_with("a NO [OVERQUOTA]"), "{command}: {said}");
    }
    // Before a single octet of it comes.
    assert!(client.send(b"b APPEND INBOX {20}\r\n").starts_with("b NO [OVERQUOTA]"));
    assert!(append(&mut client, "INBOX", "", LETTER).starts_with("a NO [OVERQUOTA]"));
    assert_eq!((place.counted(), place.names("cur").len()), ((100, 5), 5));
    assert!(place.names("tmp").is_empty(), "{:?}", place.names("tmp"));
    // What doesn't count is taken.
    client.ok("COPY 1 Trash");
    // Nothing is added on the whole (RFC 8508 §3.4).
    let said = client.send(b"c REPLACE 1 INBOX {6+}\r\nx: y\r\n\r\n");
    assert!(said.contains("c OK"), "{said}");
    assert_eq!(place.counted(), (85, 5));
    client.ok("MOVE 1 Trash");
    assert!(append(&mut client, "INBOX", "", "x: y\n").contains("a OK"));
    assert!(client.command("MOVE 1 Trash").concat().contains("OK"));
}

/// By octets: what has come of one command counts, too.
#[test]
fn letters_of_one_command_are_counted_together() {
    let place = place();
    let mut client = place.connect();
    client.ok("SELECT INBOX");
    let letter = "x: 01234567890123\r\n\r\n";
    let one = format!("{{{}+}}\r\n{letter}", letter.len());
    for (letters, fits) in [(4, false), (3, true)] {
        let many = vec![one.as_str(); letters].join(" ");
        let said = client.send(format!("a APPEND INBOX {many}\r\n").as_bytes());
        let wanted = if fits { "a OK [APPENDUID" } else { "a NO [OVERQUOTA]" };
        assert!(said.contains(wanted), "{letters}: {said}");
    }
    assert_eq!(place.counted(), (97, 5));
}

/// A sum that is wrong refuses nobody (letters may have been removed by those who don't say so).
#[test]
fn letters_are_counted_before_anything_is_refused() {
    let place = place();
    place.put("maildirsize", "100S,5C\n40 2\n9999 99\n");
    let mut client = place.connect();
    assert!(append(&mut client, "INBOX", "", LETTER).contains("a OK"));
    assert_eq!(place.counted(), (60, 3));
}

/// The settings come before what stands in the mailbox.
#[test]
fn limits_come_from_the_settings() {
    let mut place = place();
    place.put("maildirsize", "9000S\n40 2\n");
    let limits = postroad_store::Limits::of(0, 2);
    let shared = super::Shared::new(place.root(), "our.example").with_limits(Some(limits));
    place.ward.shared = std::sync::Arc::new(shared);
    let mut client = place.connect();
    assert!(append(&mut client, "INBOX", "", LETTER).starts_with("a NO [OVERQUOTA]"));
    assert_eq!(client.ok("GETQUOTA user"), ["* QUOTA user (MESSAGE 2 2)"]);
}

#[test] // Tests RFC 7889 §2, §3.1.
fn the_longest_letter_is_told() {
    let place = Place::new();
    let mut client = place.connect();
    let told = client.ok("CAPABILITY").concat();
    assert!(told.contains(" APPENDLIMIT=268435456"), "{told}");
    assert_eq!(client.ok("STATUS INBOX (APPENDLIMIT)"), ["* STATUS INBOX (APPENDLIMIT 268435456)"]);
    let said = client.send(b"a APPEND INBOX {268435457}\r\n");
    assert!(said.starts_with("a NO [TOOBIG]"), "{said}");
}
