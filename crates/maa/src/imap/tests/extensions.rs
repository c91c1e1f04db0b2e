//! Extensions that are switched off.

use postroad_config::{IMAP_EXTENSIONS, IMAP_EXTENSIONS_UNLESS_ASKED, ImapSwitch};

use super::{Client, Extensions, Place};

pub(super) fn with(place: &mut Place, switches: &[&str]) -> Client {
    let switches: Vec<ImapSwitch> =
        switches.iter().map(|text| ImapSwitch::try_from((*text).to_owned()).unwrap()).collect();
    place.ward.extensions = Extensions::of(&switches);
    place.connect()
}

fn advertised(client: &mut Client) -> Vec<String> {
    client.ok("CAPABILITY").concat().split(' ').map(str::to_ascii_uppercase).collect()
}

/// Each can be switched off alone: then it isn't told of, and everything else is.
#[test]
fn each_is_there_or_not() {
    let mut place = Place::new();
    let all = advertised(&mut with(&mut place, &[]));
    for name in IMAP_EXTENSIONS {
        if IMAP_EXTENSIONS_UNLESS_ASKED.contains(&name) {
            continue;
        }
        let is_of = |told: &String| {
            told == name
                || told.starts_with(&format!("{name}="))
                || told == &format!("{name}=DEFLATE")
        };
        assert!(all.iter().any(is_of), "{name}: {all:?}");
        let fewer = advertised(&mut with(&mut place, &[&format!("-{name}")]));
        assert!(!fewer.iter().any(is_of) && fewer.len() < all.len(), "{name}: {fewer:?}");
        let again = with(&mut place, &[&format!("-{name}"), &format!("+{name}")]);
        assert_eq!(advertised(&mut { again }), all, "{name}");
    }
}

/// And some can be switched on alone.
#[test]
fn some_are_there_for_whom_they_are_switched_on() {
    let mut place = Place::new();
    let all = advertised(&mut with(&mut place, &[]));
    for (switch, told) in [
        ("+UIDONLY", "UIDONLY"),
        ("+MESSAGELIMIT", "MESSAGELIMIT=1000"),
        ("+MESSAGELIMIT=20", "MESSAGELIMIT=20"),
        ("+SAVELIMIT=7", "SAVELIMIT=7"),
    ] {
        let (name, _) = told.split_once('=').unwrap_or((told, ""));
        assert!(!all.iter().any(|told| told.starts_with(name)), "{name}: {all:?}");
        let mut more = advertised(&mut with(&mut place, &[switch]));
        let at = more.iter().position(|one| one == told).expect(told);
        more.remove(at);
        assert_eq!(more, all, "{switch}");
        let off = format!("-{name}");
        assert_eq!(advertised(&mut with(&mut place, &[switch, &off])), all, "{switch}");
    }
    let mut client = with(&mut place, &[]);
    client.ok("SELECT INBOX");
    assert_eq!(client.ok("ENABLE UIDONLY"), ["* ENABLED"]);
    client.ok("SEARCH ALL");
    let said = client.command("UID SEARCH UIDBEFORE 5");
    assert_eq!(said, ["a BAD MESSAGELIMIT is switched off here"]);
}

#[test]
fn what_needs_one_that_is_off_is_refused() {
    let mut place = Place::new();
    place.put("cur/1796000001.M1P1Q1.x:2,", "Subject: x\n\ny\n");
    for (name, commands) in [
        ("ID", vec!["ID NIL"]),
        ("ENABLE", vec!["ENABLE CONDSTORE"]),
        ("NAMESPACE", vec!["NAMESPACE"]),
        ("UIDPLUS", vec!["UID EXPUNGE 7"]),
        (
            "LIST-EXTENDED",
            vec!["LIST (SUBSCRIBED) \"\" *", "LIST \"\" (* %)", "LIST \"\" * RETURN (CHILDREN)"],
        ),
        ("LIST-STATUS", vec!["LIST \"\" * RETURN (STATUS (MESSAGES))"]),
        ("SPECIAL-USE", vec!["LIST \"\" * RETURN (SPECIAL-USE)"]),
        ("MOVE", vec!["MOVE 1 INBOX"]),
        ("APPENDLIMIT", vec!["STATUS INBOX (APPENDLIMIT)"]),
        ("STATUS=SIZE", vec!["STATUS INBOX (SIZE)"]),
        ("ESEARCH", vec!["SEARCH RETURN (COUNT) ALL", "SEARCH RETURN () ALL"]),
        ("SEARCHRES", vec!["SEARCH RETURN (SAVE) ALL"]),
        ("PARTIAL", vec!["SEARCH RETURN (PARTIAL 1:5) ALL", "UID FETCH 1:* UID (PARTIAL 1:5)"]),
        ("WITHIN", vec!["SEARCH NOT OR YOUNGER 5 OLDER 7"]),
        ("SORT", vec!["SORT (SUBJECT) UTF-8 ALL"]),
        ("THREAD", vec!["THREAD REFERENCES UTF-8 ALL"]),
        ("NOTIFY", vec!["NOTIFY NONE"]),
        ("ACL", vec!["MYRIGHTS INBOX", "GETACL INBOX", "LIST \"\" * RETURN (MYRIGHTS)"]),
        ("METADATA", vec!["GETMETADATA INBOX /private/comment"]),
        ("QUOTA", vec!["GETQUOTAROOT INBOX"]),
        (
            "CONDSTORE",
            vec![
                "FETCH 1 MODSEQ",
                "FETCH 1 FLAGS (CHANGEDSINCE 1)",
                "STORE 1 (UNCHANGEDSINCE 99) FLAGS ()",
                "SEARCH MODSEQ 1",
                "STATUS INBOX (HIGHESTMODSEQ)",
                "SELECT INBOX (CONDSTORE)",
            ],
        ),
        ("BINARY", vec!["FETCH 1 BINARY.SIZE[1]"]),
        ("OBJECTID", vec!["FETCH 1 EMAILID", "SEARCH THREADID T1", "STATUS INBOX (MAILBOXID)"]),
        ("SAVEDATE", vec!["FETCH 1 SAVEDATE", "SEARCH SAVEDATESUPPORTED"]),
        ("PREVIEW", vec!["FETCH 1 PREVIEW"]),
        ("UNSELECT", vec!["UNSELECT"]),
    ] {
        let (mut without, mut all) =
            (with(&mut place, &[&format!("-{name}")]), with(&mut place, &[]));
        without.ok("SELECT INBOX");
        all.ok("SELECT INBOX");
        for command in commands {
            let said = without.command(command).concat();
            assert!(said.starts_with("a BAD ") && said.ends_with("switched off here"), "{said}");
            all.ok(command);
        }
    }
    let mut without = with(&mut place, &["-QRESYNC", "-UTF8=ACCEPT", "-IMAP4REV2"]);
    assert_eq!(
        without.ok("ENABLE QRESYNC CONDSTORE UTF8=ACCEPT IMAP4rev2"),
        ["* ENABLED CONDSTORE"]
    );
}

/// Whatever is on its way comes to its end.
#[test]
fn letters_that_come_in_a_form_that_is_off() {
    let mut place = Place::new();
    let mut client = with(&mut place, &["-MULTIAPPEND", "-CATENATE", "-REPLACE"]);
    client.ok("SELECT INBOX");
    for (sent, answer) in [
        ("APPEND INBOX {6+}\r\nx: y\r\n {6+}\r\nx: z\r\n\r\n", "a BAD That form"),
        ("APPEND INBOX CATENATE (TEXT {6+}\r\nx: y\r\n)\r\n", "a BAD That form"),
        ("REPLACE 1 INBOX {6+}\r\nx: y\r\n\r\n", "a BAD REPLACE is switched off"),
        ("APPEND INBOX {6+}\r\nx: y\r\n\r\n", "* 1 EXISTS\r\n* 0 RECENT\r\na OK [APPENDUID"),
    ] {
        let said = client.send(format!("a {sent}b NOOP\r\n").as_bytes());
        assert!(said.starts_with(answer) && said.ends_with("b OK Done\r\n"), "{sent}: {said}");
    }
}
