//! MESSAGELIMIT and SAVELIMIT (RFC 9738).

use super::extensions::with;
use super::*;

/// Six letters with the UIDs 1 to 6.
fn place() -> Place {
    let place = Place::new();
    for number in 1..=6 {
        place.put(&format!("cur/{number}.M1P1Q1.x:2,"), &format!("Subject: {number}\n\ny\n"));
    }
    place
}

fn limited(place: &mut Place, switch: &str) -> Client {
    let mut client = with(place, &[switch]);
    client.ok("SELECT INBOX");
    client
}

/// The numbers in the code of the last line.
fn cut(said: &[String]) -> Option<&str> {
    let (_, rest) = said.last()?.strip_prefix("a OK ")?.split_once("[MESSAGELIMIT ")?;
    rest.split(']').next()
}

/// The newest letters come, and the client goes on below the UID that it is told.
#[test]
fn fetch_takes_the_newest() {
    let mut place = place();
    let mut client = limited(&mut place, "+MESSAGELIMIT=2");
    for (command, fetched, wanted) in [
        ("FETCH 1:* UID", vec![5, 6], Some("2 5")),
        ("UID FETCH 1:4 FLAGS", vec![3, 4], Some("2 3")),
        ("UID FETCH 1,4:5 FLAGS", vec![4, 5], Some("2 4")),
        ("UID FETCH 1:2 FLAGS", vec![1, 2], None),
        ("UID FETCH 7:9 FLAGS", vec![], None),
        ("UID FETCH 1:* FLAGS (PARTIAL 1:2)", vec![1, 2], None),
        ("UID FETCH 1:* FLAGS (PARTIAL 1:3)", vec![2, 3], Some("2 2")),
        ("UID FETCH 1:* BODY.PEEK[TEXT]", vec![5, 6], Some("2 5")),
    ] {
        let said = client.command(command);
        let uids: Vec<u32> = said
            .iter()
            .filter_map(|line| line.split_once("UID ")?.1.split([' ', ')']).next()?.parse().ok())
            .collect();
        assert_eq!((uids, cut(&said)), (fetched, wanted), "{command}: {said:?}");
        // It was of that command alone.
        assert_eq!(client.command("NOOP"), ["a OK Done"]);
    }
}

/// What counts is what is looked at, not what is found; `$` is what was found.
#[test]
fn search_looks_at_the_newest() {
    let mut place = place();
    let mut client = limited(&mut place, "+MESSAGELIMIT=3");
    for (command, found, wanted) in [
        ("UID SEARCH ALL", "* SEARCH 4 5 6", Some("3 4")),
        ("UID SEARCH SUBJECT 2", "* SEARCH", Some("3 4")),
        ("UID SEARCH UIDBEFORE 4 SUBJECT 2", "* SEARCH 2", None),
        ("UID SEARCH UIDBEFORE 5 SUBJECT 1", "* SEARCH", Some("3 2")),
        ("UID SEARCH UIDBEFORE 1", "* SEARCH", None),
        ("UID SEARCH UIDAFTER 4", "* SEARCH 5 6", None),
        ("UID SEARCH UIDAFTER 6", "* SEARCH", None),
        ("UID SEARCH UIDAFTER 1 UIDBEFORE 5", "* SEARCH 2 3 4", None),
        ("UID SEARCH UIDAFTER 1 (UIDBEFORE 6 NOT UIDBEFORE 2)", "* SEARCH 3 4 5", Some("3 3")),
        ("SEARCH 1:3", "* SEARCH 1 2 3", None),
        ("UID SEARCH 2:5 UID 1:4,6", "* SEARCH 2 3 4", None),
        // Any letter may be meant.
        ("UID SEARCH OR UIDBEFORE 2 UIDAFTER 5", "* SEARCH 6", Some("3 4")),
        ("UID SEARCH NOT UIDBEFORE 3", "* SEARCH 4 5 6", Some("3 4")),
        ("UID SEARCH RETURN (MIN COUNT) ALL", "UID MIN 4 COUNT 3", Some("3 4")),
    ] {
        let said = client.command(command);
        assert!(said[0].ends_with(found), "{command}: {said:?}");
        assert_eq!(cut(&said), wanted, "{command}: {said:?}");
    }
    assert_eq!(cut(&client.command("UID SEARCH RETURN (SAVE) ALL")), Some("3 4"));
    assert_eq!(client.ok("UID SEARCH $"), ["* SEARCH 4 5 6"]);
    // An order of a part says nothing.
    let sorted = client.command("UID SORT (REVERSE SUBJECT) UTF-8 ALL");
    assert_eq!(sorted, ["* SORT 6 5 4 3 2 1", "a OK Searched"]);
    let threaded = client.command("UID THREAD ORDEREDSUBJECT UTF-8 ALL");
    assert_eq!(threaded, ["* THREAD (1)(2)(3)(4)(5)(6)", "a OK Searched"]);
}

#[test]
fn what_changes_letters_changes_the_newest() {
    let mut place = place();
    let mut client = limited(&mut place, "+MESSAGELIMIT=2");
    client.ok("CREATE b");
    let said = client.command("UID STORE 1:* +FLAGS.SILENT (\\Flagged)");
    assert_eq!(said, ["a OK [MESSAGELIMIT 2 5] Stored"]);
    assert_eq!(client.ok("UID SEARCH UID 5:6 FLAGGED"), ["* SEARCH 5 6"]);
    assert_eq!(client.ok("UID SEARCH UID 3:4 FLAGGED"), ["* SEARCH"]);
    // A line holds one code, and that one is of letters.
    let said = client.command("UID STORE 1:* (UNCHANGEDSINCE 1) +FLAGS.SILENT (\\Seen)");
    assert!(said[0].starts_with("* OK [HIGHESTMODSEQ "), "{said:?}");
    assert_eq!(said[1], "* OK [MESSAGELIMIT 2 5] There are more");
    assert!(said[2].starts_with("a OK [MODIFIED 5:6] "), "{said:?}");
    // All or none.
    let said = client.command("UID COPY 1:3 b");
    assert_eq!(said, ["a NO [MESSAGELIMIT 2 2] Those are too many to be copied at once"]);
    assert_eq!(client.ok("STATUS b (MESSAGES)"), ["* STATUS b (MESSAGES 0)"]);
    client.ok("UID COPY 1:2 b");
    let said = client.command("UID MOVE 1:3 b").join("\n");
    assert!(said.contains(" 2:3 3:4] Moved\n* 2 EXPUNGE\n* 2 EXPUNGE\n"), "{said}");
    assert!(said.ends_with("a OK [MESSAGELIMIT 2 2] Moved"), "{said}");
    for uids in ["1,4", "5:6"] {
        client.ok(&format!("UID STORE {uids} +FLAGS.SILENT (\\Deleted)"));
    }
    // Of those that are marked as deleted.
    let said = client.command("UID EXPUNGE 1:5");
    assert_eq!(said, ["* 2 EXPUNGE", "* 2 EXPUNGE", "a OK [MESSAGELIMIT 2 4] Expunged"]);
    assert_eq!(client.ok("UID EXPUNGE 2:6"), ["* 2 EXPUNGE"]);
    // A client can't name a part of those.
    let mut all = limited(&mut place, "+MESSAGELIMIT=1");
    for uid in 2..=4 {
        all.ok("SELECT b");
        all.ok(&format!("UID STORE {uid} +FLAGS.SILENT (\\Deleted)"));
    }
    assert_eq!(
        all.command("EXPUNGE"),
        vec!["* 2 EXPUNGE", "* 2 EXPUNGE", "* 2 EXPUNGE", "a OK Expunged"]
    );
}

/// SAVELIMIT is of COPY and APPEND alone, and MESSAGELIMIT of them, too.
#[test]
fn letters_are_stored_all_or_none() {
    let mut place = place();
    for switches in [vec!["+SAVELIMIT=2"], vec!["+MESSAGELIMIT=2", "+SAVELIMIT=3"]] {
        let mut client = with(&mut place, &switches);
        client.ok("SELECT INBOX");
        let said = client.command("COPY 4:6 INBOX");
        assert_eq!(said, ["a NO [MESSAGELIMIT 2 5] Those are too many to be copied at once"]);
        let letter = " {6+}\r\nx: y\r\n";
        let said = client.send(format!("a APPEND INBOX{}\r\n", letter.repeat(3)).as_bytes());
        assert_eq!(said, "a NO [MESSAGELIMIT 2] Those are too many letters at once\r\n");
        assert_eq!(client.ok("STATUS INBOX (MESSAGES)"), ["* STATUS INBOX (MESSAGES 6)"]);
    }
    let mut client = limited(&mut place, "+SAVELIMIT=2");
    assert_eq!(client.ok("UID FETCH 1:* FLAGS").len(), 6);
    let said =
        client.send(format!("a APPEND INBOX{}\r\n", " {6+}\r\nx: y\r\n".repeat(2)).as_bytes());
    assert!(said.contains("a OK [APPENDUID "), "{said}");
}
