use super::*;

fn parse(wire: &[u8]) -> Scanned<Response> {
    Response::parse(wire, NameEncoding::Utf7)
}

/// What is read is written as `plain`, and read again as the same.
#[track_caller]
fn check(wire: &str, plain: &str) {
    let response = match parse(wire.as_bytes()) {
        Ok(response) => response,
        Err(error) => panic!("{wire}: {error}"),
    };
    let mut out = Vec::new();
    response.write(&mut out, NameEncoding::Utf7);
    let out = out.strip_suffix(b"\r\n").expect("a line end");
    assert_eq!(String::from_utf8_lossy(out), plain, "{wire}");
    assert_eq!(parse(plain.as_bytes()), Ok(response), "{plain}");
}

#[track_caller]
fn same(wires: &[&str]) {
    for wire in wires {
        check(wire, wire);
    }
}

#[track_caller]
fn code(code: &str) -> Option<Code> {
    check(&format!("* OK [{code}] x"), &format!("* OK [{code}] x"));
    match parse(format!("* OK [{code}] x").as_bytes()) {
        Ok(Response::Status(status)) => status.code,
        other => panic!("{code}: {other:?}"),
    }
}

#[test]
fn statuses() {
    same(&[
        "* OK IMAP4rev2 server ready",
        "* PREAUTH IMAP4rev2 server logged in as Smith",
        "* BYE Autologout; idle for too long",
        "A222 NO COPY failed: disk is full",
        "* BAD Disk crash, attempting salvage to a new disk!",
        "+ Ready for additional command text",
        "a001 OK [READ-WRITE] SELECT completed",
    ]);
    // Some servers say no text; we say something, as RFC 3501 §9 wants it.
    for (wire, plain) in
        [("a OK", "a OK .\r\n"), ("* OK [ALERT]", "* OK [ALERT] .\r\n"), ("+", "+ \r\n")]
    {
        let mut out = Vec::new();
        parse(wire.as_bytes()).expect("a response").write(&mut out, NameEncoding::Utf7);
        assert_eq!(out, plain.as_bytes());
    }
    check("a no [CANNOT] x", "a NO [CANNOT] x");
    assert!(parse(b"a BYE x").is_err());
    assert!(parse(b"a PREAUTH x").is_err());
    assert!(parse(b"* OKAY x").is_err());
    assert!(parse(b"a FETCH").is_err());
}

#[test]
fn codes() {
    // RFC 9051 §7.1, RFC 3501 §7.1, RFC 5530, RFC 4315, RFC 7162, RFC 5464, RFC 8474, RFC 9585, RFC 9738.
    for known in [
        "ALERT",
        "ALREADYEXISTS",
        "AUTHENTICATIONFAILED",
        "AUTHORIZATIONFAILED",
        "BADCHARSET",
        "CANNOT",
        "CLIENTBUG",
        "CLOSED",
        "COMPRESSIONACTIVE",
        "CONTACTADMIN",
        "CORRUPTION",
        "EXPIRED",
        "EXPUNGEISSUED",
        "HASCHILDREN",
        "INUSE",
        "LIMIT",
        "NOMODSEQ",
        "NONEXISTENT",
        "NOPERM",
        "NOTIFICATIONOVERFLOW",
        "NOTSAVED",
        "OVERQUOTA",
        "PARSE",
        "PRIVACYREQUIRED",
        "READ-ONLY",
        "READ-WRITE",
        "SERVERBUG",
        "TOOBIG",
        "TRYCREATE",
        "UIDNOTSTICKY",
        "UIDREQUIRED",
        "UNAVAILABLE",
        "UNKNOWN-CTE",
        "USEATTR",
        "BADCHARSET (UTF-8 US-ASCII)",
        "CAPABILITY IMAP4rev1 IMAP4rev2 STARTTLS AUTH=GSSAPI",
        "APPENDUID 38505 3955",
        "APPENDUID 1 3:5",
        "COPYUID 38505 304,319:320 3956:3958",
        "HIGHESTMODSEQ 715194045007",
        "MODIFIED 7,9",
        "UIDNEXT 4392",
        "UIDVALIDITY 3857529045",
        "UNSEEN 12",
        "PERMANENTFLAGS (\\Deleted \\Seen $Junk \\*)",
        "PERMANENTFLAGS ()",
        "METADATA LONGENTRIES 2199",
        "METADATA MAXSIZE 1024",
        "METADATA TOOMANY",
        "METADATA NOPRIVATE",
        "MAILBOXID (F2212ea87-6097-4256-9d51-71338625)",
        "BADEVENT (MessageNew FlagChange)",
        "NOUPDATE \"B02\"",
        "BADURL \"/INBOX;UIDVALIDITY=785799047/;UID=113330;section=1.5.9\"",
        "INPROGRESS (\"A001\" 454 1000)",
        "INPROGRESS (\"A001\" 999 NIL)",
        "INPROGRESS (\"A001\" NIL NIL)",
        "INPROGRESS",
        "MESSAGELIMIT 1000 23221",
        "MESSAGELIMIT 1000",
    ] {
        assert!(!matches!(code(known), Some(Code::Other(_)) | None), "{known}");
    }
    for unknown in ["REFERRAL imap://x/", "UIDNEXT 0", "X", "MODIFIED", "ALERT 1"] {
        assert!(matches!(code(unknown), Some(Code::Other(_))), "{unknown}");
    }
}

#[test]
fn texts_stay_in_their_line() {
    let mut out = Vec::new();
    let status = StatusResponse::untagged(Status::Ok, "[ALERT] a\r\n* BYE\u{1b}]0;ü");
    status.write(&mut out, NameEncoding::Utf7);
    assert_eq!(out, b"* OK  [ALERT] a??* BYE?]0;??\r\n");
    out.clear();
    status.write(&mut out, NameEncoding::Utf8);
    assert_eq!(out, "* OK  [ALERT] a??* BYE?]0;ü\r\n".as_bytes());
    out.clear();
    let status =
        StatusResponse::untagged(Status::No, "x").with(Code::BadUrl(b"a]\r\n\"b".to_vec()));
    status.write(&mut out, NameEncoding::Utf7);
    assert_eq!(out, b"* NO [BADURL \"a\\\"b\"] x\r\n");
    // As Dovecot writes it.
    let bare = Response::parse(b"* NO [BADURL /INBOX/;UID=9] x", NameEncoding::Utf7);
    let wanted = StatusResponse::untagged(Status::No, "x");
    let wanted = wanted.with(Code::BadUrl(b"/INBOX/;UID=9".to_vec()));
    assert_eq!(bare, Ok(Response::Status(wanted)));
}

#[test]
fn mailbox_data() {
    // RFC 9051 §7.2, §7.3, RFC 5258 §5, RFC 6154, RFC 7162, RFC 5256, RFC 9394.
    same(&[
        "* CAPABILITY IMAP4rev2 STARTTLS AUTH=GSSAPI LOGINDISABLED",
        "* ENABLED CONDSTORE QRESYNC",
        "* ENABLED",
        "* LIST (\\Noselect) \"/\" ~/Mail/foo",
        "* LIST (\\Marked \\NonExistent \\Subscribed \\Sent) NIL Sent",
        "* LIST () \"/\" foo2 (\"CHILDINFO\" (\"SUBSCRIBED\") \"OLDNAME\" (foo))",
        "* LIST (\\HasNoChildren \\X-Foo) \"\\\\\" \"a b\"",
        "* LSUB () \".\" #news.comp.mail.misc",
        "* NAMESPACE ((\"\" \"/\")) NIL NIL",
        "* NAMESPACE ((\"\" \"/\")(\"#mh/\" NIL)) ((\"~\" \"/\")) ((\"#shared/\" \"/\"))",
        "* STATUS blurdybloop (MESSAGES 231 UIDNEXT 44292 SIZE 5000000000 APPENDLIMIT NIL MAILBOXID (Fabc))",
        "* STATUS INBOX ()",
        "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Junk)",
        "* 23 EXISTS",
        "* 5 RECENT",
        "* 44 EXPUNGE",
        "* VANISHED (EARLIER) 41,43:116",
        "* VANISHED 405,407,410",
        "* SEARCH 2 3 6",
        "* SEARCH",
        "* SEARCH 2 5 (MODSEQ 917162500)",
        "* SORT 2 84 882",
        "* ESEARCH (TAG \"A285\") UID MIN 7 MAX 3800 COUNT 17 ALL 1:3,17",
        "* ESEARCH COUNT 0",
        "* ESEARCH (TAG \"a\") ALL 1:3,5 MODSEQ 1236",
        "* ESEARCH (TAG \"A01\") UID PARTIAL (-1:-100 1:5,9)",
        "* ESEARCH (TAG \"A04\") UID PARTIAL (24000:24500 NIL)",
        "* THREAD (2)(3 6 (4 23)(44 7 96))",
        "* THREAD ((3)(5))",
        "* THREAD",
    ]);
    check("* LIST (\\noselect) \"/\" inbox", "* LIST (\\Noselect) \"/\" INBOX");
    check(
        "* LIST () \"/\" a (tablecloth (x (\"y\" {1}\r\nz)) OLDNAME (b))",
        "* LIST () \"/\" a (\"OLDNAME\" (b))",
    );
    check("* LIST () \"/\" {3}\r\na b", "* LIST () \"/\" \"a b\"");
    check(
        "* NAMESPACE ((\"\" \"/\" \"X-PARAM\" (\"FLAG1\" \"FLAG2\")) ) NIL NIL",
        "* NAMESPACE ((\"\" \"/\")) NIL NIL",
    );
    check("* SEARCH 1 ", "* SEARCH 1");
    check("* ESEARCH X-FOO (1 2) COUNT 2", "* ESEARCH COUNT 2");
    for bad in [
        "* SEARCH 0",
        "* 0 EXPUNGE",
        "* LIST",
        "* LIST () \"//\" a",
        "* X",
        "* VANISHED *",
        "* THREAD )(",
        "* THREAD (1",
        "* ESEARCH ALL $",
    ] {
        assert!(parse(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn fetch_data() {
    // RFC 9051 §7.5.2, RFC 3516, RFC 8474, RFC 8514, RFC 8970; examples of RFC 9051 §8 and RFC 3501 §8.
    same(&[
        "* 23 FETCH (FLAGS (\\Seen \\Recent) RFC822.SIZE 44827 UID 447)",
        "* 1 FETCH (MODSEQ (624140003) INTERNALDATE \"17-Jul-1996 02:44:25 -0700\")",
        "* 12 FETCH (ENVELOPE (\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" \"IMAP4rev2 WG mtg summary and minutes\" \
            ((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) ((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) \
            ((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) ((NIL NIL \"imap\" \"cac.washington.edu\")) \
            ((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")(\"John Klensin\" NIL \"KLENSIN\" \"MIT.EDU\")) NIL NIL \
            \"<B27397-0100000@cac.washington.edu>\"))",
        "* 12 FETCH (BODY (\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 3028 92))",
        "* 1 FETCH (BODY ((\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 1152 23)(\"TEXT\" \"PLAIN\" \
            (\"CHARSET\" \"US-ASCII\" \"NAME\" \"cc.diff\") \"<960723163407.20117h@cac.washington.edu>\" \"Compiler diff\" \
            \"BASE64\" 4554 73) \"MIXED\"))",
        "* 1 FETCH (BODYSTRUCTURE ((\"text\" \"plain\" NIL NIL NIL \"7BIT\" 3 1 NIL (\"inline\" (\"filename\" \"a\")) \
            (\"de\" \"en\") \"http://x/\")(\"message\" \"rfc822\" NIL NIL NIL \"7BIT\" 9 (NIL NIL NIL NIL NIL NIL NIL NIL \
            NIL NIL) (\"image\" \"png\" NIL NIL NIL \"base64\" 5 \"md5\" NIL \"de\" NIL) 4 NIL NIL NIL NIL) \"mixed\" \
            (\"boundary\" \"x\") NIL NIL NIL))",
        "* 2 FETCH (BODY[HEADER.FIELDS (DATE FROM)] {2}\r\n\r\n BODY[1.2.MIME]<0> NIL BODY[] {3}\r\na)b)",
        "* 2 FETCH (BINARY[1.2] ~{3}\r\na\0b BINARY.SIZE[1] 5 BINARY[]<3> NIL)",
        "* 2 FETCH (RFC822 {1}\r\nx RFC822.HEADER NIL RFC822.TEXT {0}\r\n)",
        "* 3 FETCH (EMAILID (M6d99ac3275bb4e) THREADID (T64b478a75b7ea9) SAVEDATE \" 7-Feb-1994 21:52:25 -0800\")",
        "* 3 FETCH (THREADID NIL SAVEDATE NIL PREVIEW \"Please note\" UID 7)",
        "* 3 FETCH (PREVIEW NIL)",
        // RFC 9586.
        "* 25996 UIDFETCH (FLAGS (\\Seen))",
        "* 4294967295 UIDFETCH (UID 4294967295 BODY[] {3}\r\na)b MODSEQ (9))",
    ]);
    check("* 2 FETCH (BODY[TEXT] \"a\\\"b\")", "* 2 FETCH (BODY[TEXT] {3}\r\na\"b)");
    check("* 2 FETCH (body[] \"\")", "* 2 FETCH (BODY[] {0}\r\n)");
    for bad in [
        "* 1 FETCH (UID 0)",
        "* 1 FETCH UID 1",
        "* 1 FETCH (X 1)",
        "* 1 FETCH (BODY[] x)",
        "* 1 FETCH (ENVELOPE ())",
        "* 0 UIDFETCH (FLAGS ())",
        "* 1 UIDFETCH",
        "* 1 UIDFETCH FLAGS ()",
        "* 1 UID FETCH (FLAGS ())",
    ] {
        assert!(parse(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn account_data() {
    // RFC 2971 §3.2, RFC 9208 §4.2, RFC 5464 §4.4, RFC 4314 §3.
    same(&[
        "* ID NIL",
        "* ID (\"name\" \"Cyrus\" \"version\" \"1.5\" \"os\" NIL)",
        "* QUOTA \"\" (STORAGE 10 512 MESSAGE 20 100)",
        "* QUOTAROOT INBOX \"\"",
        "* QUOTAROOT comp.mail.mime",
        "* METADATA INBOX (/private/comment \"My own comment\" /shared/comment NIL)",
        "* METADATA \"\" /shared/comment /private/comment",
        "* METADATA INBOX (/private/x ~{2}\r\n\0a)",
        "* ACL INBOX Fred adilprsw anyone l",
        "* ACL INBOX",
        "* LISTRIGHTS ~/Mail/saved smith al r cd 0 1",
        "* MYRIGHTS INBOX adrsw",
        "* LISTRIGHTS INBOX anyone \"\" l r",
    ]);
}

#[test]
fn lists_of_a_server_end_somewhere() {
    for head in [
        "* LIST () \"/\" a ",
        "* 1 FETCH (BODY ",
        "* 1 FETCH (BODYSTRUCTURE ",
        "* ESEARCH X ",
        "* NAMESPACE ",
    ] {
        let wire = format!("{head}{}", "(".repeat(1_000_000));
        assert!(parse(wire.as_bytes()).is_err());
    }
    // A thread may be as deep as it likes.
    let deep = 100_000;
    check(
        &format!("* THREAD {}1{}", "(".repeat(deep), ")".repeat(deep)),
        &format!("* THREAD {}1{}", "(".repeat(deep), ")".repeat(deep)),
    );
}
