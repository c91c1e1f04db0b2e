//! UIDONLY (RFC 9586).

use super::extensions::with;
use super::*;

/// Letters with the UIDs 1 to 4, of which the second is gone, and a client that knows no numbers but those.
fn place() -> (Place, Client) {
    let mut place = Place::new();
    for number in 1..=4 {
        place.put(&format!("cur/{number}.M1P1Q1.x:2,"), &format!("Subject: {number}\n\ny\n"));
    }
    let mut client = with(&mut place, &["+UIDONLY"]);
    client.ok("SELECT INBOX");
    client.ok("UID STORE 2 +FLAGS.SILENT (\\Deleted)");
    client.ok("EXPUNGE");
    assert_eq!(client.ok("ENABLE UIDONLY"), ["* ENABLED UIDONLY"]);
    (place, client)
}

/// RFC 9586 §3: BAD, with the code that says why.
#[test]
fn sequence_numbers_are_refused() {
    let (_place, mut client) = place();
    let refused = "a BAD [UIDREQUIRED] After ENABLE UIDONLY letters have UIDs and no other numbers";
    for command in [
        "FETCH 1 FLAGS",
        "FETCH 1:* (UID)",
        "STORE 1 +FLAGS (\\Seen)",
        "COPY 1 INBOX",
        "MOVE 1 INBOX",
        "SEARCH ALL",
        "SEARCH UID 1",
        "SORT (DATE) UTF-8 ALL",
        "THREAD REFERENCES UTF-8 ALL",
        "UID SEARCH 1",
        "UID SEARCH NOT (OR SEEN 1:3)",
        "UID SORT (DATE) UTF-8 2:*",
        "UID THREAD REFERENCES UTF-8 SEEN *",
    ] {
        assert_eq!(client.command(command), [refused], "{command}");
    }
    // A letter that was on its way is thrown away, and the client is in step.
    let said = client.send(b"r REPLACE 1 INBOX {4+}\r\nx:y\n\r\nn NOOP\r\n");
    assert_eq!(said, format!("{}\r\nn OK Done\r\n", refused.replacen('a', "r", 1)));
    client.ok("UID SEARCH RETURN (SAVE) ALL");
    assert_eq!(client.ok("UID FETCH $ UID").len(), 3);
    assert_eq!(client.ok("UID SEARCH $ UID 3:4"), ["* SEARCH 3 4"]);
    assert_eq!(client.ok("UID SORT (REVERSE ARRIVAL) UTF-8 UID *"), ["* SORT 4"]);
}

/// RFC 9586 §3: lines name letters by their UIDs, which aren't said again unless they are asked for.
#[test]
fn letters_are_told_by_uid() {
    let (place, mut client) = place();
    assert_eq!(client.ok("UID FETCH 3 FLAGS"), ["* 3 UIDFETCH (FLAGS ())"]);
    assert_eq!(client.ok("UID FETCH 4 (UID RFC822.SIZE)"), ["* 4 UIDFETCH (UID 4 RFC822.SIZE 17)"]);
    // Seen by fetching it.
    let said = client.send(b"a UID FETCH 3 BODY[TEXT]\r\n");
    assert!(
        said.starts_with("* 3 UIDFETCH (BODY[TEXT] {3}\r\ny\r\n FLAGS (\\Seen))\r\n"),
        "{said}"
    );
    assert_eq!(client.ok("UID STORE 4 +FLAGS (\\Flagged)"), ["* 4 UIDFETCH (FLAGS (\\Flagged))"]);
    client.ok("ENABLE CONDSTORE");
    let said = client.ok("UID STORE 4 FLAGS.SILENT (\\Deleted)").concat();
    assert!(said.starts_with("* 4 UIDFETCH (MODSEQ ("), "{said}");
    // Another client's changes.
    let mut other = place.connect();
    other.ok("SELECT INBOX");
    other.ok("STORE 1 FLAGS (\\Answered)");
    other.ok("STORE 3 +FLAGS (\\Deleted)");
    let said = client.ok("NOOP").concat();
    assert!(said.starts_with("* 1 UIDFETCH (FLAGS (\\Answered) MODSEQ ("), "{said}");
    assert_eq!(other.ok("EXPUNGE"), ["* 3 EXPUNGE"]);
    assert_eq!(client.ok("NOOP"), ["* VANISHED 4"]);
    assert_eq!(client.ok("UID STORE 1,3 +FLAGS.SILENT (\\Deleted)").len(), 2);
    assert_eq!(client.ok("EXPUNGE"), ["* VANISHED 1,3"]);
}

/// RFC 9586 §3: no pairs of numbers and UIDs are taken; what was changed meanwhile is told by UID.
#[test]
fn a_mailbox_is_opened_without_numbers() {
    let (_place, mut client) = place();
    client.ok("ENABLE QRESYNC");
    let told = client.ok("SELECT INBOX").join("\n");
    assert!(told.contains("* 3 EXISTS") && !told.contains("UNSEEN"), "{told}");
    let value = |name: &str| -> u64 {
        let (_, rest) = told.split_once(name).unwrap();
        rest.trim_start().split(']').next().unwrap().parse().unwrap()
    };
    let (validity, modseq) = (value("UIDVALIDITY"), value("HIGHESTMODSEQ"));
    let said = client.command(&format!("SELECT INBOX (QRESYNC ({validity} 1 1:4 (1,3 1,4)))"));
    assert!(said.concat().starts_with("a BAD [UIDREQUIRED] "), "{said:?}");
    client.ok("UID STORE 3 +FLAGS.SILENT (\\Seen)");
    client.ok("UID MOVE 4 INBOX");
    let said = client.ok(&format!("SELECT INBOX (QRESYNC ({validity} {modseq}))")).join("\n");
    assert!(
        said.contains("* VANISHED (EARLIER) 4\n* 3 UIDFETCH (FLAGS (\\Seen) MODSEQ ("),
        "{said}"
    );
    assert!(!said.contains(" FETCH (") && !said.contains("EXPUNGE"), "{said}");
}

/// RFC 9586 and RFC 5465: what NOTIFY tells of new letters is a UIDFETCH.
#[test]
fn new_letters_are_told_by_uid() {
    let (place, mut client) = place();
    client.ok("NOTIFY SET (SELECTED (MessageNew (FLAGS) MessageExpunge FlagChange))");
    place.put("cur/5.M1P1Q1.x:2,S", "Subject: 5\n\ny\n");
    let mut by = place.connect();
    by.ok("STATUS INBOX (MESSAGES)");
    assert_eq!(client.unasked(), ["* 4 EXISTS", "* 0 RECENT", "* 5 UIDFETCH (FLAGS (\\Seen))"]);
    // It is the session's: another one isn't asked.
    by.ok("SELECT INBOX");
    assert_eq!(by.ok("UID FETCH 5 FLAGS"), ["* 4 FETCH (UID 5 FLAGS (\\Seen))"]);
}
