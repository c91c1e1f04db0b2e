//! Mod-sequences (RFC 7162), as far as a client asks for them.

use super::*;

fn place() -> (Place, Client) {
    let place = Place::new();
    for number in 1..=3 {
        place.put(&format!("cur/{number}.M1P1Q1.x:2,"), &format!("Subject: {number}\n\ny\n"));
    }
    let mut client = place.connect();
    client.ok("SELECT INBOX");
    (place, client)
}

/// RFC 7162 §3.1: the first command that asks for mod-sequences, with a mailbox open, is told the highest; later ones aren't.
#[test]
fn who_begins_to_ask_is_told_the_highest() {
    let told = |lines: &[String]| {
        lines.iter().filter(|line| line.starts_with("* OK [HIGHESTMODSEQ ")).count()
    };
    for first in [
        "FETCH 1 MODSEQ",
        "FETCH 1 FLAGS (CHANGEDSINCE 1)",
        "STORE 1 (UNCHANGEDSINCE 99) +FLAGS.SILENT (\\Seen)",
        "SEARCH MODSEQ 1",
        "STATUS INBOX (HIGHESTMODSEQ)",
        "ENABLE CONDSTORE",
        "ENABLE QRESYNC",
    ] {
        let (_place, mut client) = place();
        assert_eq!(told(&client.ok("FETCH 1 FLAGS")), 0);
        assert_eq!(told(&client.ok(first)), 1, "{first}");
        assert_eq!(told(&client.ok(first)), 0, "{first}");
        let flags = client.ok("STORE 2 +FLAGS (\\Flagged)").concat();
        assert!(flags.contains("MODSEQ ("), "{first}: {flags}");
        assert_eq!(told(&client.ok("SELECT INBOX (CONDSTORE)")), 1, "{first}");
    }
}

/// RFC 7162 §3.2.6: `*` isn't the last letter that is left, where it is asked what is gone.
#[test]
fn the_last_letters_vanish_too() {
    let (_place, mut client) = place();
    client.ok("ENABLE QRESYNC");
    client.ok("UID STORE 3 +FLAGS.SILENT (\\Deleted)");
    client.ok("EXPUNGE");
    client.ok("SELECT INBOX");
    let said = client.ok("UID FETCH 1:* (FLAGS) (CHANGEDSINCE 1 VANISHED)");
    assert_eq!(said[0], "* VANISHED (EARLIER) 3");
    let said = client.ok("UID FETCH 1:2 (FLAGS) (CHANGEDSINCE 1 VANISHED)");
    assert!(!said.concat().contains("VANISHED"), "{said:?}");
}

/// RFC 9051 §7.3.5: a keyword that another client has made is told before a letter that has it.
#[test]
fn keywords_are_told_before_letters_that_have_them() {
    let (place, mut client) = place();
    let mut other = place.connect();
    other.ok("SELECT INBOX");
    other.ok("STORE 2 +FLAGS.SILENT ($New)");
    let said = client.ok("FETCH 1:3 (UID FLAGS)");
    let at = |part: &str| said.iter().position(|line| line.contains(part));
    assert!(said[0].starts_with("* FLAGS (") && said[0].contains("$New"), "{said:?}");
    assert!(at("* 2 FETCH (UID 2 FLAGS ($New))") > at("[PERMANENTFLAGS "), "{said:?}");
    other.ok("STORE 3 +FLAGS.SILENT ($Newer)");
    let said = client.send(b"a FETCH 3 BODY[TEXT]\r\n");
    assert!(said.starts_with("* FLAGS (") && said.contains(" FLAGS (\\Seen $Newer)"), "{said}");
}

/// What would be told at a command's end isn't told behind BYE: the client has forgotten its numbers.
#[test]
fn nothing_is_told_behind_bye() {
    let (place, mut client) = place();
    let mut other = place.connect();
    other.ok("SELECT INBOX");
    other.ok("STORE 2 +FLAGS.SILENT (\\Deleted)");
    other.ok("EXPUNGE");
    assert_eq!(client.command("LOGOUT"), ["a OK Logged out"]);
}
