//! What commands do, one by one.

use super::Place;

const LETTER: &str = "From: Alice <alice@a.example>\nTo: bob@b.example\nSubject: Hello\n\
     Message-ID: <1@a.example>\nDate: Sun, 29 Nov 2026 12:00:00 +0000\n\nHi Bob,\nhow are you?\n";

#[test] // Tests RFC 3501 §6.3.2.
fn who_only_looks_leaves_letters_recent() {
    let place = Place::new();
    place.put("new/1796000001.M1P1Q1.x", LETTER);
    let mut client = place.connect();
    for command in ["EXAMINE", "EXAMINE", "SELECT"] {
        let said = client.command(&format!("{command} INBOX"));
        assert!(said.iter().any(|line| line == "* 1 RECENT"), "{command}: {said:?}");
        assert_eq!(client.ok("FETCH 1 FLAGS"), ["* 1 FETCH (FLAGS (\\Recent))"]);
    }
    let said = client.command("EXAMINE INBOX");
    assert!(said.iter().any(|line| line == "* 0 RECENT"), "{said:?}");
}

#[test]
fn a_mailbox_is_opened_read_and_closed() {
    let place = Place::new();
    place.put("new/1796000001.M1P1Q1.x", LETTER);
    place.put("cur/1796000000.M1P1Q1.x:2,S", LETTER);
    let mut client = place.connect();
    let said = client.command("SELECT INBOX").join("\n");
    for wanted in [
        "* 2 EXISTS",
        "* 1 RECENT",
        "* OK [UNSEEN 2]",
        "* OK [UIDNEXT 3]",
        "* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Forwarded \\*)]",
        "a OK [READ-WRITE]",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    assert_eq!(
        client.ok("FETCH 1:* (UID FLAGS RFC822.SIZE)"),
        [
            "* 1 FETCH (UID 1 FLAGS (\\Seen) RFC822.SIZE 157)",
            "* 2 FETCH (UID 2 FLAGS (\\Recent) RFC822.SIZE 157)",
        ]
    );
    assert_eq!(
        client.ok("FETCH 2 ENVELOPE"),
        ["* 2 FETCH (ENVELOPE (\"Sun, 29 Nov 2026 12:00:00 +0000\" \"Hello\" \
          ((\"Alice\" NIL \"alice\" \"a.example\")) ((\"Alice\" NIL \"alice\" \"a.example\")) \
          ((\"Alice\" NIL \"alice\" \"a.example\")) ((NIL NIL \"bob\" \"b.example\")) NIL NIL NIL \
          \"<1@a.example>\"))"]
    );
    assert_eq!(
        client.ok("UID FETCH 2 (BODY[HEADER.FIELDS (Subject)] BODY[TEXT]<3.4>)"),
        [
            "* 2 FETCH (UID 2 BODY[HEADER.FIELDS (Subject)] {18}",
            "Subject: Hello",
            "",
            " BODY[TEXT]<3> {4}",
            "Bob, FLAGS (\\Seen \\Recent))",
        ]
    );
    assert_eq!(place.names("cur").len(), 2);
    assert!(place.names("cur").iter().all(|name| name.ends_with(":2,S")));
    client.ok("CLOSE");
    assert_eq!(client.command("FETCH 1 FLAGS"), ["a BAD No mailbox is selected"]);
}

#[test]
fn flags_are_stored_and_letters_expunged() {
    let place = Place::new();
    for number in 1..=4 {
        place.put(&format!("cur/179600000{number}.M1P1Q1.x:2,"), LETTER);
    }
    let (mut one, mut other) = (place.connect(), place.connect());
    one.ok("SELECT INBOX");
    other.ok("SELECT INBOX");
    let flags = "\\Answered \\Flagged \\Deleted \\Seen \\Draft $Forwarded $Work";
    let new =
        [format!("* FLAGS ({flags})"), format!("* OK [PERMANENTFLAGS ({flags} \\*)] Those stay")];
    let mut told = one.ok("STORE 2,4 +FLAGS (\\Deleted $Work)");
    let letters = told.split_off(2);
    assert_eq!(told, new);
    assert_eq!(
        letters,
        ["* 2 FETCH (UID 2 FLAGS (\\Deleted $Work))", "* 4 FETCH (UID 4 FLAGS (\\Deleted $Work))",]
    );
    assert_eq!(one.ok("STORE 1 FLAGS.SILENT (\\Flagged)"), [""; 0]);
    assert_eq!(
        other.ok("NOOP"),
        [
            new[0].as_str(),
            new[1].as_str(),
            "* 1 FETCH (UID 1 FLAGS (\\Flagged))",
            "* 2 FETCH (UID 2 FLAGS (\\Deleted $Work))",
            "* 4 FETCH (UID 4 FLAGS (\\Deleted $Work))",
        ]
    );
    assert_eq!(one.ok("EXPUNGE"), ["* 2 EXPUNGE", "* 3 EXPUNGE"]);
    // By numbers the other one counts as before.
    assert_eq!(other.ok("FETCH 3 UID"), ["* 3 FETCH (UID 3)"]);
    assert_eq!(other.ok("NOOP"), ["* 2 EXPUNGE", "* 3 EXPUNGE"]);
    assert_eq!(one.ok("FETCH 1:* UID"), ["* 1 FETCH (UID 1)", "* 2 FETCH (UID 3)"]);
    assert_eq!(place.names("cur").len(), 2);
}

/// RFC 9051 §6.4.6: what others have changed before a client has heard of it, it is told all the same.
#[test]
fn a_silent_store_tells_what_others_have_changed() {
    let place = Place::new();
    for number in 1..=3 {
        place.put(&format!("cur/179600000{number}.M1P1Q1.x:2,"), LETTER);
    }
    let (mut one, mut other) = (place.connect(), place.connect());
    one.ok("SELECT INBOX");
    other.ok("SELECT INBOX");
    other.ok("STORE 1 +FLAGS (\\Flagged)");
    assert_eq!(
        one.ok("STORE 1:2 +FLAGS.SILENT (\\Seen)"),
        ["* 1 FETCH (UID 1 FLAGS (\\Flagged \\Seen))"]
    );
    // Another program's, of a letter that is stored and of one that isn't.
    place.rename("cur/1796000002.M1P1Q1.x:2,S", "cur/1796000002.M1P1Q1.x:2,RS");
    place.rename("cur/1796000003.M1P1Q1.x:2,", "cur/1796000003.M1P1Q1.x:2,F");
    assert_eq!(
        one.ok("STORE 2 +FLAGS.SILENT (\\Deleted)"),
        [
            "* 2 FETCH (UID 2 FLAGS (\\Answered \\Seen \\Deleted))",
            "* 3 FETCH (UID 3 FLAGS (\\Flagged))",
        ]
    );
    assert_eq!(one.ok("STORE 2 -FLAGS.SILENT (\\Deleted)"), [""; 0]);
}

/// RFC 9051 §2.3.1.1: its numbers mean other letters there.
#[test]
fn nothing_is_done_by_numbers_of_a_mailbox_that_is_another_one_now() {
    let place = Place::new();
    let (mut one, mut other) = (place.connect(), place.connect());
    let fill = |client: &mut super::Client, flags: &str| {
        client.ok("CREATE Work");
        for _ in 0..2 {
            client.ok(&format!("APPEND Work ({flags}) {{6+}}\r\nx: y\r\n"));
        }
    };
    for command in [
        "STORE 1 FLAGS (\\Draft)",
        "FETCH 1 BODY[]",
        "COPY 1:2 INBOX",
        "MOVE 1:2 INBOX",
        "EXPUNGE",
        "CLOSE",
        "UID EXPUNGE 1:2",
    ] {
        fill(&mut one, "");
        one.ok("SELECT Work");
        other.ok("DELETE Work");
        let gone = one.command(command).concat();
        assert!(gone.starts_with("a NO [NONEXISTENT]"), "{command}: {gone}");
        fill(&mut other, "\\Deleted $New");
        let said = one.command(command).concat();
        assert!(said.contains("* BYE ") && said.contains("a NO "), "{command}: {said}");
        other.ok("SELECT Work");
        assert_eq!(
            other.ok("FETCH 1:* FLAGS"),
            ["* 1 FETCH (FLAGS (\\Deleted $New))", "* 2 FETCH (FLAGS (\\Deleted $New))"],
            "{command}"
        );
        other.ok("UNSELECT");
        other.ok("DELETE Work");
        one = place.connect();
        one.ok("SELECT INBOX");
        assert_eq!(one.ok("SEARCH ALL"), ["* SEARCH"], "{command}");
    }
}

#[test]
fn letters_are_appended_copied_and_moved() {
    let place = Place::new();
    let mut client = place.connect();
    let said = client.send(
        b"a APPEND INBOX (\\Seen) \"17-Jul-1996 02:44:25 -0700\" {6+}\r\nx: y\r\n\x20\
          (\\Draft) {6+}\r\nx: z\r\n\r\n",
    );
    assert!(said.starts_with("a OK [APPENDUID ") && said.contains(" 1:2]"), "{said}");
    client.ok("SELECT INBOX");
    assert_eq!(
        client.ok("FETCH 1:2 (FLAGS INTERNALDATE)"),
        [
            "* 1 FETCH (FLAGS (\\Seen) INTERNALDATE \"17-Jul-1996 09:44:25 +0000\")".to_owned(),
            client.ok("FETCH 2 (FLAGS INTERNALDATE)").concat(),
        ]
    );
    let refused = client.command("COPY 1 Archive");
    assert!(refused.concat().starts_with("a NO [TRYCREATE]"), "{refused:?}");
    client.ok("CREATE Archive (USE (\\Archive))");
    let copied = client.command("COPY 1:2 Archive");
    assert!(copied.concat().starts_with("a OK [COPYUID "), "{copied:?}");
    let moved = client.command("MOVE 1 Archive");
    assert!(moved[0].starts_with("* OK [COPYUID ") && moved[0].contains(" 1 3]"), "{moved:?}");
    assert_eq!(moved[1], "* 1 EXPUNGE");
    assert_eq!(
        client.ok("STATUS Archive (MESSAGES UIDNEXT UNSEEN SIZE)"),
        ["* STATUS Archive (MESSAGES 3 UIDNEXT 4 UNSEEN 1 SIZE 18)"]
    );
    assert_eq!(
        client.ok("LIST \"\" *"),
        [
            "* LIST (\\HasNoChildren) \".\" INBOX",
            "* LIST (\\HasNoChildren \\Archive) \".\" Archive",
        ]
    );
}

/// RFC 9051 §6.4.5: such a part can't be told, and other letters are.
#[test]
fn a_part_that_cannot_be_decoded_is_refused() {
    let place = Place::new();
    let encoded = |encoding: &str| {
        format!("MIME-Version: 1.0\nContent-Transfer-Encoding: {encoding}\n\nAAEC\n")
    };
    place.put("cur/1796000001.M1P1Q1.x:2,", &encoded("9bit"));
    place.put("cur/1796000002.M1P1Q1.x:2,", &encoded("base64"));
    let mut client = place.connect();
    client.ok("SELECT INBOX");
    for (command, told) in [
        ("FETCH 1:2 BINARY.SIZE[1]", vec!["* 2 FETCH (BINARY.SIZE[1] 3)"]),
        ("FETCH 1:2 BINARY.PEEK[1]", vec!["* 2 FETCH (BINARY[1] ~{3}", "\0\x01\x02)"]),
        ("FETCH 1 BINARY[1]", vec!["* 1 FETCH (UID 1 FLAGS (\\Seen))"]),
    ] {
        let mut said = client.command(command);
        let end = said.pop().unwrap_or_default();
        assert!(end.starts_with("a NO [UNKNOWN-CTE]"), "{command}: {end}");
        assert_eq!(said.join("\r\n"), told.join("\r\n"), "{command}");
    }
}

/// RFC 5258 §3.1: what is only subscribed isn't listed unless one asks for that.
#[test]
fn a_subscription_makes_no_mailbox() {
    let place = Place::new();
    let mut client = place.connect();
    client.ok("CREATE Lists.Rust");
    client.ok("SUBSCRIBE Gone.Below");
    for (command, told) in [
        (
            "LIST \"\" *",
            vec![
                "* LIST (\\HasNoChildren) \".\" INBOX",
                "* LIST (\\NonExistent \\Noselect \\HasChildren) \".\" Lists",
                "* LIST (\\HasNoChildren) \".\" Lists.Rust",
            ],
        ),
        (
            "LIST (SUBSCRIBED) \"\" *",
            vec![
                "* LIST (\\NonExistent \\Noselect \\HasNoChildren \\Subscribed) \".\" Gone.Below",
                "* LIST (\\HasNoChildren \\Subscribed) \".\" Lists.Rust",
            ],
        ),
        ("LSUB \"\" *", vec!["* LSUB () \".\" Gone.Below", "* LSUB () \".\" Lists.Rust"]),
        ("LSUB \"\" %", vec!["* LSUB (\\Noselect) \".\" Gone", "* LSUB (\\Noselect) \".\" Lists"]),
    ] {
        assert_eq!(client.ok(command), told, "{command}");
    }
}

#[test]
fn annotations_rights_and_quotas() {
    let place = Place::new();
    let mut client = place.connect();
    client.ok("SETMETADATA INBOX (/private/comment \"mine\" /shared/comment/x \"theirs\")");
    assert_eq!(
        client.ok("GETMETADATA (DEPTH infinity) INBOX (/private/comment /shared/comment)"),
        [
            "* METADATA INBOX (/private/comment \"mine\" /shared/comment NIL /shared/comment/x \"theirs\")"
        ]
    );
    let longer = client.command("GETMETADATA (MAXSIZE 3) INBOX /private/comment");
    assert_eq!(longer, ["a OK [METADATA LONGENTRIES 4] Some are longer"]);
    client.ok("SETMETADATA \"\" (/shared/admin \"mailto:x@y.example\")");
    assert_eq!(
        client.ok("GETMETADATA \"\" /shared/admin"),
        ["* METADATA \"\" (/shared/admin \"mailto:x@y.example\")"]
    );
    client.ok("SETACL INBOX bob lrs");
    client.ok("SETACL INBOX bob -s");
    assert_eq!(client.ok("GETACL INBOX"), ["* ACL INBOX alice acdeiklprstwx bob lr"]);
    assert_eq!(client.ok("MYRIGHTS INBOX"), ["* MYRIGHTS INBOX acdeiklprstwx"]);
    assert!(client.command("SETACL INBOX alice l").concat().starts_with("a NO [CANNOT]"));
    client.ok("DELETEACL INBOX bob");
    assert_eq!(client.ok("GETQUOTAROOT INBOX"), ["* QUOTAROOT INBOX"]);
    place.put("maildirsize", "10240S,5C\n2048 1\n");
    assert_eq!(
        client.ok("GETQUOTAROOT INBOX"),
        ["* QUOTAROOT INBOX user", "* QUOTA user (STORAGE 2 10 MESSAGE 1 5)"]
    );
    assert!(client.command("SETQUOTA user (STORAGE 1)").concat().starts_with("a NO [NOPERM]"));
}

#[test] // Tests RFC 8508 §3.
fn a_letter_takes_anothers_place() {
    let place = Place::new();
    for number in 1..=2 {
        place.put(&format!("cur/179600000{number}.M1P1Q1.x:2,"), LETTER);
    }
    let mut client = place.connect();
    client.ok("SELECT INBOX");
    client.ok("CREATE Drafts");
    let said = client.send(b"a REPLACE 1 INBOX (\\Draft) {6+}\r\nx: y\r\n\r\n");
    let said: Vec<&str> = said.split_terminator("\r\n").collect();
    assert!(said[0].starts_with("* OK [APPENDUID ") && said[0].ends_with(" 3] Stored"), "{said:?}");
    assert_eq!(said[1..], ["* 1 EXPUNGE", "* 2 EXISTS", "* 0 RECENT", "a OK Stored"]);
    let said = client.send(b"b UID REPLACE 2 Drafts {6+}\r\nx: z\r\n\r\n");
    assert!(said.contains(" 1] Stored\r\n* 1 EXPUNGE\r\nb OK"), "{said}");
    let said = client.send(b"c REPLACE 7 Drafts {6+}\r\nx: z\r\n\r\nd NOOP\r\n");
    assert!(said.starts_with("c BAD ") && said.ends_with("d OK Done\r\n"), "{said}");
    assert_eq!(client.ok("STATUS Drafts (MESSAGES)"), ["* STATUS Drafts (MESSAGES 1)"]);
}
