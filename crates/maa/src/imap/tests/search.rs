//! SEARCH, SORT and THREAD, each row a command and what is found.

use std::time::{Duration, SystemTime};

use super::{Client, Place};

/// A day in 2026, at noon.
fn noon(day: u64) -> SystemTime {
    // 1 November 2026.
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_793_491_200 + (day - 1) * 86_400 + 43_200)
}

impl Place {
    /// A letter that came on a day of November 2026.
    fn put_on(&self, day: u64, name: &str, letter: &str) {
        self.put(name, letter);
        let file = std::fs::File::options().write(true).open(self.root().join(name)).unwrap();
        file.set_modified(noon(day)).unwrap();
    }

    /// The same mailbox after its cache was lost.
    pub(super) fn without_cache(&self) -> Client {
        let _ = std::fs::remove_file(self.root().join("postroad-cache"));
        self.restarted()
    }

    /// A session in another process.
    pub(super) fn restarted(&self) -> Client {
        let mut client = self.connect();
        client.session.shared = std::sync::Arc::new(super::Shared::new(self.root(), "our.example"));
        client.ok("SELECT INBOX");
        client
    }
}

fn five_letters() -> Place {
    let place = Place::new();
    let cur = |number: u32, flags: &str| format!("cur/179600000{number}.M1P1Q1.x:2,{flags}");
    place.put_on(
        1,
        &cur(1, "S"),
        "From: Alice <alice@a.example>\nTo: bob@b.example\nSubject: Hello\n\
         Date: Sun, 1 Nov 2026 23:30:00 -0500\nMessage-ID: <1@a>\n\nHi Bob\n",
    );
    place.put_on(
        2,
        &cur(2, ""),
        "From: Smith <smith@c.example>\nTo: a@b.example\nCc: \"Carl\" <z@z.example>\n\
         Subject: Re: Hello\nDate: Mon, 2 Nov 2026 10:00:00 +0000\nMessage-ID: <2@c>\n\
         References: <1@a>\n\nnot at all\n",
    );
    place.put_on(
        3,
        &cur(3, "FRS"),
        "From: =?utf-8?q?=C3=84nne?= <anne@a.example>\nSubject: =?iso-8859-1?q?Gr=FC=DFe?=\n\
         Date: Fri, 30 Oct 2026 10:00:00 +0000\nMessage-ID: <3@a>\nX-Empty:\n\
         Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n\
         R3LDvMOfZSBhdXMgS8O2bG4=\n",
    );
    place.put_on(
        4,
        &cur(4, "TD"),
        &format!(
            "From: bob@b.example\nSubject: hello\nMessage-ID: <4@b>\nIn-Reply-To: <2@c>\n\n{}\n",
            "long ".repeat(100)
        ),
    );
    place.put_on(5, "new/1796000005.M1P1Q1.x", "Subject: new\nDate: nonsense\n\nx\n");
    place
}

#[track_caller]
fn check(client: &mut Client, rows: &[(&str, &str)]) {
    for (command, expected) in rows {
        let said = client.ok(command);
        assert_eq!(said.join("\n"), *expected, "{command}");
    }
}

/// What is searched in five letters, and what is found.
const KEYS: &[(&str, &str)] = &[
    ("ALL", "1 2 3 4 5"),
    ("2:3,5", "2 3 5"),
    ("*", "5"),
    ("5:9", "5"),
    ("9", ""),
    ("UID 2:*", "2 3 4 5"),
    ("UID 4294967295", ""),
    ("UID 4294967295:*", "5"),
    ("SEEN", "1 3"),
    ("UNSEEN", "2 4 5"),
    ("ANSWERED", "3"),
    ("UNANSWERED", "1 2 4 5"),
    ("DELETED", "4"),
    ("UNDELETED", "1 2 3 5"),
    ("DRAFT", "4"),
    ("FLAGGED", "3"),
    ("UNFLAGGED 1:3", "1 2"),
    ("UNDRAFT", "1 2 3 5"),
    ("KEYWORD $work", "2 4"),
    ("UNKEYWORD $Work", "1 3 5"),
    ("KEYWORD $None", ""),
    ("UNKEYWORD $None", "1 2 3 4 5"),
    ("RECENT", "5"),
    ("NEW", "5"),
    ("OLD", "1 2 3 4"),
    ("FROM alice", "1"),
    ("FROM \"Alice <ALICE@\"", "1"),
    ("FROM {5+}\r\n\u{e4}nne", "3"),
    ("TO B@B", "1"),
    ("CC carl", "2"),
    ("BCC x", ""),
    ("SUBJECT HELLO", "1 2 4"),
    ("SUBJECT {6+}\r\nGR\u{fc}\u{df}", "3"),
    ("HEADER X-Empty \"\"", "3"),
    ("HEADER x-empty a", ""),
    ("HEADER Date \"\"", "1 2 3 5"),
    ("HEADER Message-ID <2@", "2"),
    ("HEADER \"\" \"\"", ""),
    ("BODY hello", ""),
    ("BODY \"hi bob\"", "1"),
    ("BODY {5+}\r\nk\u{f6}ln", "3"),
    ("TEXT {5+}\r\nk\u{f6}ln", "3"),
    ("TEXT hello", "1 2 4"),
    ("TEXT \"\"", "1 2 3 4 5"),
    ("BEFORE 2-Nov-2026", "1"),
    ("ON 2-Nov-2026", "2"),
    ("SINCE 2-Nov-2026", "2 3 4 5"),
    // The day is that of the letter's own zone.
    ("SENTON 1-Nov-2026", "1"),
    ("SENTBEFORE 1-Nov-2026", "3"),
    ("SENTSINCE 1-Nov-2026", "1 2"),
    ("NOT SENTSINCE 1-Nov-2026", "3 4 5"),
    ("SAVEDATESUPPORTED", "1 2 3 4 5"),
    ("LARGER 400", "4"),
    ("SMALLER 100", "5"),
    ("LARGER 4 SMALLER 100", "5"),
    ("OR SEEN FROM bob", "1 3 4"),
    ("OR (SEEN SUBJECT hello) (DELETED LARGER 100)", "1 4"),
    ("NOT (OR SEEN FROM bob)", "2 5"),
    ("NOT NOT SEEN", "1 3"),
    ("CHARSET UTF-8 FROM alice", "1"),
    ("CHARSET US-ASCII FROM alice", "1"),
    ("OLDER 4294967295", ""),
    ("YOUNGER 4294967295", "1 2 3 4 5"),
    ("EMAILID E0", ""),
    ("THREADID T1", ""),
    ("NOT THREADID T1", "1 2 3 4 5"),
];

#[test] // Tests RFC 9051 §6.4.4, RFC 3501 §6.4.4, RFC 5032, RFC 8474, RFC 8514.
fn keys() {
    let place = five_letters();
    let mut client = place.connect();
    client.ok("SELECT INBOX");
    let work = client.ok("STORE 2,4 +FLAGS ($Work)");
    // The keyword is new: FLAGS and PERMANENTFLAGS come first.
    assert_eq!(work.len(), 4);
    for (key, expected) in KEYS {
        let line = if expected.is_empty() { "* SEARCH" } else { &format!("* SEARCH {expected}") };
        // What is cached by the first is used by the second.
        for _ in 0..2 {
            assert_eq!(client.ok(&format!("SEARCH {key}")), [line], "{key}");
        }
    }
    let said = client.ok("FETCH 3 (EMAILID)").concat();
    let id = said.split(['(', ')']).nth(2).unwrap().to_owned();
    check(&mut client, &[(&format!("SEARCH EMAILID {id}"), "* SEARCH 3")]);
}

#[test] // Tests RFC 8514 §4.3.
fn saved_dates() {
    let place = Place::new();
    let mut client = place.connect();
    let letter = "\"17-Jul-1996 02:44:25 -0700\" {6+}\r\nx: y\r\n";
    client.ok(&format!("APPEND INBOX {letter}"));
    client.ok("SELECT INBOX");
    let rows = [
        ("SEARCH SAVEDBEFORE 17-Jul-2026", "* SEARCH"),
        ("SEARCH SAVEDSINCE 17-Jul-2026", "* SEARCH 1"),
        ("SEARCH SAVEDON 17-Jul-1996", "* SEARCH"),
        ("SEARCH BEFORE 18-Jul-1996", "* SEARCH 1"),
        ("SEARCH ON 17-Jul-1996", "* SEARCH 1"),
    ];
    check(&mut client, &rows);
}

#[test] // Tests RFC 9051 §6.4.4: numbers and sets where there is nothing.
fn an_empty_mailbox() {
    let place = Place::new();
    let mut client = place.connect();
    client.ok("SELECT INBOX");
    let rows = [
        ("SEARCH 1:*", "* SEARCH"),
        ("UID SEARCH 1:* NOT DELETED", "* SEARCH"),
        ("SEARCH RETURN () ALL", "* ESEARCH (TAG \"t4\")"),
        ("SEARCH RETURN (MIN MAX COUNT) ALL", "* ESEARCH (TAG \"t5\") COUNT 0"),
        ("SORT (DATE) UTF-8 ALL", "* SORT"),
        ("THREAD REFERENCES UTF-8 ALL", "* THREAD"),
    ];
    check(&mut client, &rows);
}

#[test] // Tests RFC 4731 §3.1, RFC 9394 §3.1.
fn what_is_returned() {
    let place = five_letters();
    let mut client = place.connect();
    client.ok("SELECT INBOX");
    client.ok("STORE 1 +FLAGS (\\Deleted)");
    client.ok("EXPUNGE");
    client.tag = 0;
    let rows = [
        ("SEARCH RETURN (MIN COUNT) UNSEEN", "* ESEARCH (TAG \"t1\") MIN 1 COUNT 2"),
        ("UID SEARCH RETURN (MAX MIN) ALL", "* ESEARCH (TAG \"t2\") UID MAX 5 MIN 2"),
        ("SEARCH RETURN () ALL", "* ESEARCH (TAG \"t3\") ALL 1:3"),
        ("UID SEARCH RETURN (ALL COUNT) NOT 2", "* ESEARCH (TAG \"t4\") UID ALL 2,5 COUNT 2"),
        ("UID SEARCH ALL", "* SEARCH 2 3 5"),
        ("SEARCH RETURN (PARTIAL 2:7) ALL", "* ESEARCH (TAG \"t6\") PARTIAL (2:7 2:3)"),
        ("SEARCH RETURN (PARTIAL -1:-2) ALL", "* ESEARCH (TAG \"t7\") PARTIAL (-1:-2 2:3)"),
        ("SEARCH RETURN (PARTIAL 9:10) ALL", "* ESEARCH (TAG \"t8\") PARTIAL (9:10 NIL)"),
        ("SEARCH RETURN (MIN MIN) ALL", "* ESEARCH (TAG \"t9\") MIN 1"),
    ];
    check(&mut client, &rows);
    for refused in ["(ALL PARTIAL 1:2)", "(PARTIAL 1:2 PARTIAL 3:4)"] {
        let said = client.command(&format!("SEARCH RETURN {refused} ALL")).concat();
        assert!(said.starts_with("a BAD "), "{said}");
    }
}

#[test] // Tests the tables of RFC 5182 §2.4 and RFC 9394 §3.2.
fn what_is_saved() {
    let place = five_letters();
    let mut client = place.connect();
    client.ok("SELECT INBOX");
    for (returns, saved) in [
        ("SAVE", "1:5"),
        ("SAVE MIN", "1"),
        ("SAVE MAX", "5"),
        ("MAX SAVE MIN", "1,5"),
        ("SAVE ALL MIN", "1:5"),
        ("SAVE COUNT MAX", "1:5"),
        ("SAVE PARTIAL 2:3", "2:3"),
        ("SAVE PARTIAL 2:3 MIN", "1:3"),
        ("SAVE PARTIAL -1:-2 MAX", "4:5"),
        ("SAVE PARTIAL 3:3 MIN MAX", "1,3,5"),
        ("SAVE PARTIAL 3:3 MIN COUNT", "1:5"),
    ] {
        let said = client.ok(&format!("SEARCH RETURN ({returns}) ALL"));
        assert_eq!(said.is_empty(), returns == "SAVE", "{returns}: {said:?}");
        let said = client.ok("SEARCH RETURN (ALL) $").concat();
        assert!(said.ends_with(&format!(" ALL {saved}")), "{returns}: {said}");
    }
}

#[test] // Tests the examples of RFC 5182 §2.2.
fn saved_results_are_used() {
    let place = five_letters();
    let mut client = place.connect();
    client.ok("SELECT INBOX");
    check(&mut client, &[("SEARCH $", "* SEARCH"), ("FETCH $ UID", "")]);
    client.ok("SEARCH RETURN (SAVE) SINCE 1-Nov-2026 NOT FROM \"Smith\"");
    let rows = [
        (
            "FETCH $ UID",
            "* 1 FETCH (UID 1)\n* 3 FETCH (UID 3)\n* 4 FETCH (UID 4)\n* 5 FETCH (UID 5)",
        ),
        ("UID SEARCH UID $ SMALLER 250", "* SEARCH 1 5"),
        ("UID SEARCH $ SMALLER 250", "* SEARCH 1 5"),
        ("SEARCH CHARSET UTF-8 (OR $ 1,3000:3021) TEXT hello", "* SEARCH 1 4"),
        // What isn't saved changes nothing.
        ("SEARCH SEEN", "* SEARCH 1 3"),
        ("SEARCH $ SEEN", "* SEARCH 1 3"),
    ];
    check(&mut client, &rows);
    let said = client.command("SEARCH RETURN (SAVE) SMALLER x").concat();
    assert!(said.starts_with("a BAD "), "{said}");
    check(&mut client, &[("SEARCH $", "* SEARCH 1 3 4 5")]);
    // A letter that is gone is gone from there.
    client.ok("EXPUNGE");
    check(&mut client, &[("UID SEARCH $", "* SEARCH 1 3 5")]);
    let said = client.command("SEARCH CHARSET KOI8-R $ TEXT {4+}\r\nXXXX").concat();
    assert!(said.starts_with("a NO [BADCHARSET (US-ASCII UTF-8)] "), "{said}");
    check(&mut client, &[("UID SEARCH $", "* SEARCH 1 3 5")]);
    let said = client.command("SEARCH RETURN (SAVE) CHARSET KOI8-R $ TEXT XXXX").concat();
    assert!(said.starts_with("a NO [BADCHARSET (US-ASCII UTF-8)] "), "{said}");
    check(&mut client, &[("UID SEARCH $", "* SEARCH"), ("COPY $ INBOX", "")]);
    client.ok("SEARCH RETURN (SAVE) ALL");
    client.ok("SELECT INBOX");
    check(&mut client, &[("SEARCH $", "* SEARCH")]);
}

#[test] // Tests RFC 9051 §6.4.4, RFC 6855 §3.
fn charsets_and_revisions() {
    let place = five_letters();
    let mut client = place.connect();
    client.ok("SELECT INBOX");
    for (command, expected) in [
        ("SEARCH CHARSET US-ASCII FROM {2+}\r\n\u{e4}", "a BAD "),
        ("SORT (DATE) ISO-8859-1 ALL", "a NO [BADCHARSET (US-ASCII UTF-8)] "),
        ("THREAD REFERENCES KOI8-R ALL", "a NO [BADCHARSET (US-ASCII UTF-8)] "),
    ] {
        let said = client.command(command).concat();
        assert!(said.starts_with(expected), "{command}: {said}");
    }
    let said = client.send(b"x SEARCH FROM {1+}\r\n\xff\r\n");
    assert!(said.starts_with("x BAD "), "{said}");
    client.ok("ENABLE UTF8=ACCEPT");
    let said = client.command("SEARCH CHARSET UTF-8 ALL").concat();
    assert!(said.starts_with("a BAD "), "{said}");
    check(&mut client, &[("SEARCH FROM \"\u{e4}nne\"", "* SEARCH 3")]);
    client.ok("ENABLE IMAP4rev2");
    client.tag = 0;
    let rows = [
        ("SEARCH SEEN", "* ESEARCH (TAG \"t1\") ALL 1,3"),
        ("UID SEARCH CHARSET UTF-8 SEEN", "* ESEARCH (TAG \"t2\") UID ALL 1,3"),
        ("UID SEARCH ANSWERED UNSEEN", "* ESEARCH (TAG \"t3\") UID"),
        ("SEARCH RETURN (COUNT) ALL", "* ESEARCH (TAG \"t4\") COUNT 5"),
        ("SORT (REVERSE ARRIVAL) UTF-8 ALL", "* SORT 5 4 3 2 1"),
    ];
    check(&mut client, &rows);
}

#[test] // Tests RFC 7162 §3.1.5, §3.1.6, §3.1.10, RFC 4731 §3.2.
fn mod_sequences() {
    let place = five_letters();
    let mut client = place.connect();
    client.ok("SELECT INBOX");
    let mod_seq = |client: &mut Client, number: u32| -> u64 {
        let said = client.ok(&format!("FETCH {number} MODSEQ")).concat();
        said.split(['(', ')']).nth(2).unwrap().parse().unwrap()
    };
    client.ok("STORE 2 +FLAGS (\\Flagged)");
    let two = mod_seq(&mut client, 2);
    client.ok("STORE 4 +FLAGS (\\Flagged)");
    let four = mod_seq(&mut client, 4);
    assert!(four > two);
    client.tag = 0;
    let rows = [
        (format!("SEARCH MODSEQ {two}"), format!("* SEARCH 2 4 (MODSEQ {four})")),
        (format!("SEARCH NOT MODSEQ {two} MODSEQ {two}"), "* SEARCH".to_owned()),
        (
            format!("SEARCH MODSEQ \"/flags/\\\\draft\" all {two} NOT 4"),
            format!("* SEARCH 2 (MODSEQ {two})"),
        ),
        (
            format!("SEARCH RETURN (MIN) MODSEQ {two}"),
            format!("* ESEARCH (TAG \"t4\") MIN 2 MODSEQ {two}"),
        ),
        (
            format!("SEARCH RETURN (MAX) MODSEQ {two}"),
            format!("* ESEARCH (TAG \"t5\") MAX 4 MODSEQ {four}"),
        ),
        (
            format!("SEARCH RETURN (MIN MAX) MODSEQ {two}"),
            format!("* ESEARCH (TAG \"t6\") MIN 2 MAX 4 MODSEQ {four}"),
        ),
        (
            format!("SEARCH RETURN (MIN COUNT) MODSEQ {two}"),
            format!("* ESEARCH (TAG \"t7\") MIN 2 COUNT 2 MODSEQ {four}"),
        ),
        (format!("SEARCH RETURN (ALL) MODSEQ {}", four + 1), "* ESEARCH (TAG \"t8\")".to_owned()),
        (
            format!("SORT (REVERSE ARRIVAL) UTF-8 MODSEQ {two}"),
            format!("* SORT 4 2 (MODSEQ {four})"),
        ),
        (
            format!("SORT RETURN (ALL) (REVERSE ARRIVAL) UTF-8 MODSEQ {two}"),
            format!("* ESEARCH (TAG \"t10\") ALL 4,2 MODSEQ {four}"),
        ),
        (format!("THREAD REFERENCES UTF-8 MODSEQ {two}"), "* THREAD (2 4)".to_owned()),
    ];
    for (command, expected) in rows {
        assert_eq!(client.ok(&command), [expected], "{command}");
    }
    // Whoever asks for them is told of them.
    let said = client.ok("STORE 1 +FLAGS (\\Flagged)").concat();
    assert!(said.contains("MODSEQ ("), "{said}");
}

#[test] // Tests RFC 5256 §3, RFC 5957, RFC 5267 §3.
fn letters_are_sorted() {
    let place = five_letters();
    let rows = [
        ("(ARRIVAL)", "1 2 3 4 5"),
        ("(REVERSE ARRIVAL)", "5 4 3 2 1"),
        ("(SIZE)", "5 1 2 3 4"),
        // Two have no date, and come in as they arrived.
        ("(DATE)", "3 1 2 4 5"),
        ("(SUBJECT)", "3 1 2 4 5"),
        ("(SUBJECT REVERSE DATE)", "3 4 2 1 5"),
        ("(REVERSE SUBJECT)", "5 1 2 4 3"),
        ("(FROM)", "5 1 3 4 2"),
        ("(DISPLAYFROM)", "5 1 3 4 2"),
        ("(TO)", "3 4 5 2 1"),
        ("(DISPLAYTO)", "3 4 5 2 1"),
        ("(CC SIZE)", "5 1 3 4 2"),
        ("(SIZE SIZE REVERSE SIZE)", "5 1 2 3 4"),
    ];
    // Once read, then cached, then by another process.
    let mut client = place.without_cache();
    for _ in 0..3 {
        for (program, expected) in rows {
            let said = client.ok(&format!("UID SORT {program} US-ASCII ALL"));
            assert_eq!(said, [format!("* SORT {expected}")], "{program}");
        }
        client = place.restarted();
    }
    client.tag = 0;
    let rows = [
        ("SORT (SIZE) UTF-8 SEEN", "* SORT 1 3"),
        ("SORT (REVERSE SIZE) UTF-8 SUBJECT hello", "* SORT 4 2 1"),
        ("UID SORT RETURN () (SIZE) UTF-8 ALL", "* ESEARCH (TAG \"t3\") UID ALL 5,1:4"),
        (
            "UID SORT RETURN (MIN MAX COUNT) (SIZE) UTF-8 ALL",
            "* ESEARCH (TAG \"t4\") UID MIN 5 MAX 4 COUNT 5",
        ),
        (
            "SORT RETURN (PARTIAL 1:2) (REVERSE DATE) UTF-8 ALL",
            "* ESEARCH (TAG \"t5\") PARTIAL (1:2 5,4)",
        ),
        ("SORT RETURN (SAVE MIN) (SIZE) UTF-8 ALL", "* ESEARCH (TAG \"t6\") MIN 5"),
        ("SEARCH $", "* SEARCH 5"),
        ("SORT RETURN (SAVE) (REVERSE SIZE) UTF-8 SEEN", ""),
        ("SEARCH $", "* SEARCH 1 3"),
    ];
    check(&mut client, &rows);
}

#[test] // Tests RFC 5256 §3, §4.
fn letters_are_threaded() {
    let place = five_letters();
    let mut client = place.without_cache();
    for _ in 0..3 {
        let rows = [
            ("THREAD REFERENCES UTF-8 ALL", "* THREAD (3)(1 2 4)(5)"),
            ("UID THREAD REFERENCES UTF-8 ALL", "* THREAD (3)(1 2 4)(5)"),
            // Neither says that it answers the other.
            ("THREAD REFERENCES UTF-8 NOT 2", "* THREAD (3)((1)(4))(5)"),
            ("THREAD REFERENCES UTF-8 SUBJECT hello", "* THREAD (1 2 4)"),
            ("UID THREAD ORDEREDSUBJECT US-ASCII ALL", "* THREAD (3)(1 (2)(4))(5)"),
            ("THREAD ORDEREDSUBJECT UTF-8 SEEN", "* THREAD (3)(1)"),
        ];
        check(&mut client, &rows);
        client = place.restarted();
    }
}

#[test] // Tests RFC 8474 §5, with its example.
fn letters_and_threads_have_ids_that_stay() {
    let place = Place::new();
    let letter = |fields: &str, text: &str| format!("{fields}\n\n{text}\n");
    for (number, letter) in [
        letter("Subject: Message A\nMessage-ID: <fake.1521475657.54797@example.com>", "a"),
        letter(
            "Subject: Re: Message A\nMessage-ID: <fake.1521475657.21213@example.org>\n\
             References: <fake.1521475657.54797@example.com>",
            "b",
        ),
        letter("Subject: Message C\nMessage-ID: <fake.1521475657.60280@example.com>", "c"),
        letter("Subject: no id", "d"),
        letter("In-Reply-To: <fake.1521475657.54797@example.com> (a)", "e"),
        letter("Subject: no id", "d"),
    ]
    .iter()
    .enumerate()
    {
        place.put(&format!("cur/179600000{number}.M1P1Q1.x:2,"), letter);
    }
    let mut client = place.connect();
    client.ok("SELECT INBOX");
    let ids = |client: &mut Client, mailbox: &str| -> Vec<[String; 2]> {
        client.ok(&format!("EXAMINE {mailbox}"));
        let said = client.ok("FETCH 1:* (EMAILID THREADID)");
        let id = |line: &str, name: &str| {
            line.split_once(&format!("{name} (")).unwrap().1.split_once(')').unwrap().0.to_owned()
        };
        said.iter().map(|line| [id(line, "EMAILID"), id(line, "THREADID")]).collect()
    };
    let first = ids(&mut client, "INBOX");
    let threads: Vec<&str> = first.iter().map(|[_, thread]| thread.as_str()).collect();
    assert!(threads[0] == threads[1] && threads[1] == threads[4] && threads[3] == threads[5]);
    assert!(threads[0] != threads[2] && threads[2] != threads[3]);
    assert!(first[3] == first[5] && first[0][0] != first[1][0]);
    // §4: at most 255 of these, and no letter's id is a thread's.
    let is_one = |octet: u8| octet.is_ascii_alphanumeric() || b"-_".contains(&octet);
    for [email, thread] in &first {
        assert!(email.bytes().chain(thread.bytes()).all(is_one) && email != thread);
    }
    check(
        &mut client,
        &[
            (&format!("SEARCH THREADID {}", threads[0]), "* SEARCH 1 2 5"),
            (&format!("SEARCH EMAILID {}", first[3][0]), "* SEARCH 4 6"),
            (&format!("SEARCH NOT THREADID {} SUBJECT id", threads[3]), "* SEARCH"),
        ],
    );
    // From the cache, and without it, and where they are copied.
    assert_eq!(ids(&mut client, "INBOX"), first);
    client.ok("FETCH 1:* BODY[]");
    assert_eq!(ids(&mut client, "INBOX"), first);
    client.ok("CREATE Archive");
    client.ok("COPY 2,4 Archive");
    assert_eq!(ids(&mut client, "Archive"), [first[1].clone(), first[3].clone()]);
    let mut client = place.without_cache();
    assert_eq!(ids(&mut client, "INBOX"), first);
    check(&mut client, &[(&format!("SEARCH THREADID {}", threads[0]), "* SEARCH 1 2 5")]);
}
