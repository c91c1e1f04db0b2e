use super::*;
use crate::NameEncoding;
use crate::limits::{AFTER_LOGIN, BEFORE_LOGIN};

fn parse(wire: &[u8]) -> Scanned<(Tag, Command)> {
    Command::parse(wire, &AFTER_LOGIN, NameEncoding::Utf7)
}

fn written(tag: &Tag, command: &Command) -> String {
    let outgoing = command.to_outgoing(tag, Literals::Plus, NameEncoding::Utf7);
    let text = outgoing.octets().strip_suffix(b"\r\n").expect("a line end");
    String::from_utf8_lossy(text).into_owned()
}

/// What is read is written as `plain`, and read again as the same.
#[track_caller]
fn check(wire: &str, plain: &str) {
    let (tag, command) = match parse(wire.as_bytes()) {
        Ok(parsed) => parsed,
        Err(error) => panic!("{wire}: {error}"),
    };
    assert_eq!(written(&tag, &command), plain, "{wire}");
    assert_eq!(parse(plain.as_bytes()), Ok((tag, command)), "{plain}");
}

#[track_caller]
fn same(wires: &[&str]) {
    for wire in wires {
        check(wire, wire);
    }
}

#[track_caller]
fn bad(wires: &[&[u8]]) {
    for wire in wires {
        let parsed = parse(wire);
        assert!(parsed.is_err(), "{}: {parsed:?}", wire.escape_ascii());
    }
}

#[test]
fn session_commands() {
    // RFC 9051 §6.1, §6.2, §6.3.1.
    same(&[
        "abcd CAPABILITY",
        "a002 NOOP",
        "A023 LOGOUT",
        "a002 STARTTLS",
        "a001 AUTHENTICATE GSSAPI",
        "A001 AUTHENTICATE PLAIN dGVzdAB0ZXN0AHRlc3Q=",
        "a AUTHENTICATE EXTERNAL =",
        "a001 LOGIN SMITH SESAME",
        "a LOGIN \"a b\" \"p\\\"w\\\\\"",
        "t1 ENABLE CONDSTORE",
        "t1 ENABLE CONDSTORE X-GOOD-IDEA",
        "a ENABLE UTF8=ACCEPT IMAP4rev2 QRESYNC",
        // RFC 2971 §3.1.
        "a023 ID NIL",
        "a023 ID (\"name\" \"sodr\" \"version\" \"19.34\" \"vendor\" NIL)",
        "a COMPRESS DEFLATE",
        "a IDLE",
        "a NAMESPACE",
        "a CHECK",
        "a CLOSE",
        "a UNSELECT",
        "a EXPUNGE",
        "a UID EXPUNGE 3000:3002",
    ]);
    check("a login SMITH {6}\r\nSESAME", "a LOGIN SMITH SESAME");
    check("a LOGIN {3+}\r\na b {0}\r\n", "a LOGIN \"a b\" \"\"");
    check("a ID ()", "a ID NIL");
    check("a noop  ", "a NOOP");
    check("a login \"jürgen\" x", "a LOGIN {7+}\r\njürgen x");
    bad(&[
        b"",
        b"a",
        b"a ",
        b"+ NOOP",
        b"a+ NOOP",
        b"a  NOOP",
        b" a NOOP",
        b"a NOOP x",
        b"a UID NOOP",
        b"a AUTHENTICATE",
        b"a AUTHENTICATE PLAIN a",
        b"a AUTHENTICATE PLAIN a b",
        b"a LOGIN a",
        b"a LOGIN a b c",
        b"a LOGIN a {5}\r\nb",
        b"a LOGIN a {1}\r\nb c",
        b"a ID",
        b"a ID (\"a\")",
        b"a ID (\"a\" \"b\" \"c\")",
        b"a ENABLE",
        b"a COMPRESS ZSTD",
        b"a UID EXPUNGE",
        b"a EXPUNGE 1",
    ]);
}

#[test]
fn mailbox_commands() {
    // RFC 9051 §6.3, RFC 7162 §3.2.5, RFC 6154 §5.
    same(&[
        "A142 SELECT INBOX",
        "A932 EXAMINE blurdybloop",
        "a SELECT INBOX (CONDSTORE)",
        "A03 SELECT INBOX (QRESYNC (67890007 90060115194045000 41,43:211,214:541))",
        "a SELECT INBOX (CONDSTORE QRESYNC (1 2 1:9 (1,3,5 2,4,6)))",
        "B04 SELECT INBOX (QRESYNC (67890007 90060115194045000 (1,3,5 2,4,6)))",
        "A003 CREATE owatagusiam/",
        "t1 CREATE MySpecial (USE (\\Drafts \\Sent))",
        "A682 DELETE blurdybloop",
        "A683 RENAME blurdybloop \"a b\"",
        "A002 SUBSCRIBE #news.comp.mail.mime",
        "A002 UNSUBSCRIBE #news.comp.mail.mime",
        "A042 STATUS blurdybloop (UIDNEXT MESSAGES)",
        "a STATUS INBOX (RECENT UIDVALIDITY UNSEEN DELETED SIZE HIGHESTMODSEQ APPENDLIMIT MAILBOXID DELETED-STORAGE)",
        "a GETQUOTAROOT INBOX",
        "a GETQUOTA \"\"",
        "A001 SETQUOTA \"\" (STORAGE 512)",
        "a SETQUOTA root (STORAGE 512 MESSAGE 100 X-FOO 7)",
        "a SELECT Entw&APw-rfe",
    ]);
    check("a select inbox", "a SELECT INBOX");
    check("a select \"InBox\"", "a SELECT INBOX");
    check("a select \"Entwürfe\"", "a SELECT Entw&APw-rfe");
    bad(&[
        b"a SELECT",
        b"a SELECT a b",
        b"a SELECT a ()",
        b"a SELECT a (FOO)",
        b"a SELECT a (QRESYNC (0 1))",
        b"a SELECT a (QRESYNC (1 0))",
        b"a SELECT a (QRESYNC (1 1 1:*))",
        b"a SELECT &",
        b"a CREATE a (USE (\\Foo))",
        b"a CREATE a (FOO)",
        b"a RENAME a",
        b"a STATUS a",
        b"a STATUS a ()",
        b"a STATUS a (FOO)",
        b"a STATUS a MESSAGES",
        b"a SETQUOTA \"\" (STORAGE)",
        b"a SETQUOTA \"\" (STORAGE -1)",
    ]);
}

#[test]
fn list_commands() {
    // RFC 9051 §6.3.9, RFC 5258 §5, RFC 5819 §4, RFC 6154 §5, RFC 8440 §4.
    same(&[
        "A101 LIST \"\" \"\"",
        "A202 LIST ~/Mail/ \"%\"",
        "A01 LIST (SUBSCRIBED REMOTE) \"\" \"*\"",
        "A02 LIST \"\" (\"INBOX\" \"Drafts\" \"Sent/%\") RETURN (SUBSCRIBED CHILDREN)",
        "A04 LIST (SUBSCRIBED RECURSIVEMATCH) \"\" \"*\" RETURN (CHILDREN)",
        "A01 LIST \"\" \"%\" RETURN (STATUS (MESSAGES UNSEEN))",
        "t3 LIST (SPECIAL-USE) \"\" \"*\"",
        "A01 LIST \"\" \"%\" RETURN (MYRIGHTS SPECIAL-USE STATUS (SIZE))",
        "A002 LSUB #news. \"comp.mail.*\"",
    ]);
    check("a list \"\" %", "a LIST \"\" \"%\"");
    check("a LIST () \"\" a", "a LIST \"\" \"a\"");
    check("a LIST \"\" {1}\r\n* RETURN ()", "a LIST \"\" \"*\"");
    bad(&[
        b"a LIST",
        b"a LIST \"\"",
        b"a LIST (RECURSIVEMATCH) \"\" *",
        b"a LIST (REMOTE RECURSIVEMATCH) \"\" *",
        b"a LIST \"\" ()",
        b"a LIST \"\" * RETURN",
        b"a LIST \"\" * RETURN (FOO)",
        b"a LIST (FOO) \"\" *",
        b"a LIST * \"\"",
        b"a LSUB \"\"",
    ]);
}

#[test]
fn message_commands() {
    // RFC 9051 §6.4, RFC 7162 §3, RFC 9394 §3.3, RFC 3516 §5, RFC 8474 §5, RFC 8514, RFC 8970.
    same(&[
        "A654 FETCH 2:4 (FLAGS BODY[HEADER.FIELDS (DATE FROM)])",
        "a FETCH 1:* FLAGS",
        "a UID FETCH 1:* (UID FLAGS ENVELOPE)",
        "a UID FETCH $ (UID BODY[] BODY.PEEK[1.2.MIME]<0.100> BODY[HEADER] BODY[3.TEXT] BODY[4.1.HEADER.FIELDS.NOT (X)])",
        "a FETCH 1 (BINARY[1.2]<5.6> BINARY.PEEK[] BINARY.SIZE[3])",
        "a FETCH 1 (RFC822 RFC822.PEEK RFC822.HEADER RFC822.TEXT RFC822.TEXT.PEEK RFC822.SIZE)",
        "a FETCH 1 (BODY BODYSTRUCTURE INTERNALDATE MODSEQ EMAILID THREADID SAVEDATE)",
        "a FETCH 1 PREVIEW (LAZY)",
        "a FETCH 1 (PREVIEW PREVIEW (LAZY) UID)",
        "s100 UID FETCH 1:* (FLAGS MODSEQ) (CHANGEDSINCE 12345 VANISHED)",
        "10 UID FETCH 25900:26600 (UID FLAGS) (PARTIAL -1:-30)",
        "a FETCH 1 BODY[]<4294967295.4294967295>",
        "A003 STORE 2:4 +FLAGS (\\Deleted)",
        "a STORE 1 FLAGS.SILENT ()",
        "d105 STORE 7,5,9 (UNCHANGEDSINCE 320162338) +FLAGS.SILENT (\\Deleted)",
        "a UID STORE 1 -FLAGS ($Forwarded \\Seen)",
        "A003 COPY 2:4 MEETING",
        "a UID MOVE 42:69 foo",
        "a UID COPY $ \"a b\"",
    ]);
    check("a fetch 1 fast", "a FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE)");
    check("a fetch 1 ALL", "a FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)");
    check("a fetch 1 full", "a FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY)");
    check(
        "a fetch 1 (body.peek[header.fields (\"from\")])",
        "a FETCH 1 BODY.PEEK[HEADER.FIELDS (from)]",
    );
    check("a STORE 1 flags \\seen $x", "a STORE 1 FLAGS (\\Seen $x)");
    check("a STORE 1 flags (\\Recent \\Seen)", "a STORE 1 FLAGS (\\Seen)");
    bad(&[
        b"a FETCH",
        b"a FETCH 1",
        b"a FETCH 1 ()",
        b"a FETCH 1 (ALL)",
        b"a FETCH 1 FOO",
        b"a FETCH 0 UID",
        b"a FETCH 1, UID",
        b"a FETCH 1 BODY[0]",
        b"a FETCH 1 BODY[1.]",
        b"a FETCH 1 BODY[.1]",
        b"a FETCH 1 BODY[MIME]",
        b"a FETCH 1 BODY[1.FOO]",
        b"a FETCH 1 BODY[HEADER.FIELDS]",
        b"a FETCH 1 BODY[HEADER.FIELDS ()]",
        b"a FETCH 1 BODY[HEADER.FIELDS (\"a b\")]",
        b"a FETCH 1 BODY[HEADER.FIELDS (\"a\r\n\")]",
        b"a FETCH 1 BODY[]<0.0>",
        b"a FETCH 1 BODY[]<0>",
        b"a FETCH 1 BODY[]<-1.5>",
        b"a FETCH 1 BODY[]<9223372036854775808.1>",
        b"a FETCH 1 BINARY[TEXT]",
        b"a FETCH 1 UID (FOO)",
        b"a FETCH 1 (UID",
        b"a FETCH 1 UID)",
        b"a STORE 1 +FLAGS (\\Foo)",
        b"a STORE 1 +FLAGS (\\*)",
        b"a STORE 1 +FLAGS (a\r\nb)",
        b"a STORE 1 FLAG (\\Seen)",
        b"a STORE 1 +FLAGS",
        b"a COPY 1",
        b"a MOVE 1 a b",
    ]);
}

#[test]
fn search_commands() {
    // RFC 9051 §6.4.4, RFC 3501 §6.4.4, RFC 5032, RFC 7162 §3.1.5, RFC 9394 §3.1, RFC 5256, RFC 5957, RFC 6203.
    same(&[
        "A282 SEARCH RETURN (MIN COUNT) FLAGGED SINCE 1-Feb-1994 NOT FROM Smith",
        "A283 SEARCH RETURN (ALL) TEXT \"string not in mailbox\"",
        "A284 SEARCH CHARSET UTF-8 TEXT {12+}\r\nматьмя",
        "E282 SEARCH RETURN (SAVE) UNSEEN",
        "a UID SEARCH RETURN (SAVE PARTIAL 1:500) UID 1:* UNDELETED $",
        "a SEARCH RETURN (PARTIAL -1:-100) ALL",
        "a SEARCH OR (SEEN TO a) (UNSEEN OR CC b BCC c) 2:4",
        "a SEARCH NOT (1,2 ANSWERED) HEADER X-Foo \"\" SUBJECT x",
        "a SEARCH BEFORE 1-Feb-1994 ON 2-Mar-1994 SINCE 3-Apr-1994 SENTBEFORE 4-May-1994 SENTON 5-Jun-1994 SENTSINCE 6-Jul-1994",
        "a SEARCH SAVEDBEFORE 1-Aug-1994 SAVEDON 1-Sep-1994 SAVEDSINCE 1-Oct-1994 SAVEDATESUPPORTED",
        "a SEARCH LARGER 1000 SMALLER 5000000000 OLDER 3600 YOUNGER 60",
        "a SEARCH MODSEQ \"/flags/\\\\draft\" all 620162338",
        "t1 SEARCH MODSEQ 12",
        "a SEARCH EMAILID M6d99ac3275bb4e THREADID T64b478a75b7ea9",
        "a SEARCH KEYWORD $Forwarded UNKEYWORD Junk RECENT OLD DRAFT UNDRAFT DELETED",
        "a SEARCH FUZZY BODY x FUZZY (TEXT a TEXT b)",
        // RFC 9738.
        "a UID SEARCH UIDAFTER 25000 UIDBEFORE 27000 NOT UIDBEFORE 1",
        "A282 SORT (SUBJECT REVERSE DATE) UTF-8 ALL",
        "a UID SORT RETURN (COUNT) (DISPLAYFROM ARRIVAL CC FROM SIZE TO DISPLAYTO) US-ASCII TEXT x UNSEEN",
        "A283 THREAD ORDEREDSUBJECT UTF-8 SINCE 5-Mar-2000",
        "a UID THREAD REFERENCES X-UNKNOWN ALL",
    ]);
    check("a SEARCH new", "a SEARCH RECENT UNSEEN");
    check("a SEARCH RETURN () ALL ", "a SEARCH RETURN (ALL) ALL");
    check("a SEARCH HEADER from x", "a SEARCH FROM x");
    check("a SEARCH (((ALL)))", "a SEARCH ALL");
    check(
        "a SEARCH CHARSET utf-8 SINCE \"01-Feb-1994\"",
        "a SEARCH CHARSET UTF-8 SINCE 1-Feb-1994",
    );
    bad(&[
        b"a SEARCH",
        b"a SEARCH ()",
        b"a SEARCH FOO",
        b"a SEARCH OR ALL",
        b"a SEARCH NOT",
        b"a SEARCH FROM",
        b"a SEARCH UIDAFTER",
        b"a SEARCH UIDAFTER 0",
        b"a SEARCH UIDBEFORE 1:2",
        b"a SEARCH UIDBEFORE *",
        b"a SEARCH RETURN (FOO) ALL",
        b"a SEARCH RETURN (PARTIAL 1:-2) ALL",
        b"a SEARCH SINCE 1994-02-01",
        b"a SEARCH OLDER 0",
        b"a SEARCH CHARSET UTF-8",
        b"a SORT () UTF-8 ALL",
        b"a SORT (FOO) UTF-8 ALL",
        b"a SORT (DATE) ALL",
        b"a THREAD FOO UTF-8 ALL",
    ]);
}

#[test]
fn metadata_acl_and_notify() {
    // RFC 5464 §4, RFC 4314 §3, RFC 5465 §3 to §6.
    same(&[
        "a GETMETADATA \"\" (/shared/comment)",
        "a GETMETADATA (MAXSIZE 1024 DEPTH infinity) INBOX (/shared/comment /private/comment)",
        "a SETMETADATA INBOX (/private/comment \"My new comment\" /shared/comment NIL)",
        "a SETMETADATA \"\" (/private/x ~{3+}\r\na\0b)",
        "A035 SETACL INBOX John acdilrsw",
        "a SETACL INBOX John +x",
        "a SETACL INBOX anyone -x",
        "B001 DELETEACL INBOX Fred",
        "A002 GETACL INBOX",
        "a001 LISTRIGHTS ~/Mail/saved smith",
        "A003 MYRIGHTS INBOX",
        "a NOTIFY NONE",
        "a NOTIFY SET STATUS (SELECTED (MessageNew (UID BODY.PEEK[HEADER.FIELDS (From)]) MessageExpunge)) (SUBTREE (Lists) (MessageNew))",
        "a NOTIFY SET (MAILBOXES (a b) NONE) (PERSONAL (MailboxName FlagChange SubscriptionChange)) (INBOXES (Foo))",
    ]);
    check("a GETMETADATA INBOX /private/comment", "a GETMETADATA INBOX (/private/comment)");
    check("a GETMETADATA INBOX /a /b", "a GETMETADATA INBOX (/a /b)");
    check(
        "a NOTIFY SET (selected MessageNew FlagChange)",
        "a NOTIFY SET (SELECTED (MessageNew FlagChange))",
    );
    check(
        "a GETMETADATA \"INBOX\" (DEPTH 1) (/private/filters/values)",
        "a GETMETADATA (DEPTH 1) INBOX (/private/filters/values)",
    );
    bad(&[
        b"a GETMETADATA INBOX",
        b"a GETMETADATA INBOX comment",
        b"a GETMETADATA INBOX /a//b",
        b"a GETMETADATA INBOX /a/",
        b"a GETMETADATA (DEPTH 2) INBOX /a",
        b"a SETMETADATA INBOX (/a)",
        b"a SETMETADATA INBOX (/a {1}\r\n\0)",
        b"a SETACL INBOX John L",
        b"a SETACL INBOX John",
        b"a NOTIFY",
        b"a NOTIFY SET",
        b"a NOTIFY SET (FOO NONE)",
        b"a NOTIFY SET (SELECTED ())",
    ]);
}

#[test]
fn i02_lists_in_lists() {
    let parse = |wire: String, limits| Command::parse(wire.as_bytes(), limits, NameEncoding::Utf7);
    for head in
        ["a ID ", "a SEARCH ", "a FETCH 1 ", "a LIST ", "a STORE 1 ", "a NOTIFY SET ", "a LOGIN "]
    {
        for brackets in ["(".repeat(1_000_000), ")".repeat(1_000_000)] {
            for limits in [&BEFORE_LOGIN, &AFTER_LOGIN] {
                assert!(parse(format!("{head}{brackets}"), limits).is_err(), "{head}");
            }
        }
    }
    let nested = |depth| format!("a SEARCH {}ALL{}", "(".repeat(depth), ")".repeat(depth));
    assert!(parse(nested(100), &AFTER_LOGIN).is_ok());
    assert_eq!(parse(nested(101), &AFTER_LOGIN), Err(SyntaxError::Depth));
    let id = "a ID (\"a\" \"b\")".to_owned();
    assert!(parse(id, &BEFORE_LOGIN).is_ok());
}

#[test]
fn i03_octets_that_nobody_may_send() {
    let texts: [&[u8]; 8] = [
        b"a\0b",
        b"a\rb",
        b"a\nb",
        b"\xff",
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xc3",
    ];
    for text in texts {
        for (head, tail) in [
            (&b"a SELECT "[..], &b""[..]),
            (b"a SELECT \"", b"\""),
            (b"a LOGIN ", b" b"),
            (b"a LOGIN \"", b"\" b"),
            (b"a STORE 1 FLAGS (", b")"),
            (b"a SEARCH TEXT \"", b"\""),
            (b"a SEARCH ", b""),
            (b"", b" NOOP"),
        ] {
            bad(&[&[head, text, tail].concat()]);
        }
    }
    bad(&[
        b"a SELECT {3}\r\na\0b",
        b"a LOGIN {3}\r\na\0b c",
        b"a SELECT {1}\r\n\xff",
        b"a SELECT {2}\r\n\r\n",
    ]);
}

#[test]
fn i07_search_keys_without_end() {
    let chain =
        |depth: usize| format!("a SEARCH {}ALL{}", "OR ".repeat(depth), " ALL".repeat(depth));
    assert!(parse(chain(100).as_bytes()).is_ok());
    assert_eq!(parse(chain(10_000).as_bytes()), Err(SyntaxError::Depth));
    assert_eq!(
        parse(format!("a SEARCH {}ALL", "NOT ".repeat(10_000)).as_bytes()),
        Err(SyntaxError::Depth)
    );
    assert!(parse(format!("a SEARCH ALL{}", " ALL".repeat(10_000)).as_bytes()).is_ok());
    let section = |parts: usize| format!("a FETCH 1 BODY[{}1]", "1.".repeat(parts - 1));
    assert!(parse(section(100).as_bytes()).is_ok());
    assert_eq!(parse(section(101).as_bytes()), Err(SyntaxError::TooLong("a section")));
    assert!(parse(section(100_000).as_bytes()).is_err());
    let set = |end: &str| format!("a FETCH {}{end} UID", vec!["1:*"; 100_000].join(","));
    assert!(parse(set("").as_bytes()).is_ok());
    assert!(parse(set(",").as_bytes()).is_err());
}

#[test]
fn literals_are_waited_for_where_they_must_be() {
    let (tag, command) = parse(b"a LOGIN {2}\r\n\xc3\xbc {1}\r\n\xff").expect("a command");
    let pieces = |literals| {
        let outgoing = command.to_outgoing(&tag, literals, NameEncoding::Utf7);
        outgoing.pieces().map(|piece| piece.escape_ascii().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(
        pieces(Literals::Awaited),
        ["a LOGIN {2}\\r\\n", "\\xc3\\xbc {1}\\r\\n", "\\xff\\r\\n"]
    );
    assert_eq!(pieces(Literals::Minus), ["a LOGIN {2+}\\r\\n\\xc3\\xbc {1+}\\r\\n\\xff\\r\\n"]);
}

#[test]
fn secrets_are_not_in_debug_output() {
    for wire in ["a LOGIN u secret", "a AUTHENTICATE PLAIN c2VjcmV0"] {
        let (_, command) = parse(wire.as_bytes()).expect("a command");
        let shown = format!("{command:?}");
        assert!(!shown.contains("secret") && !shown.contains("115, 101"), "{shown}");
    }
}
