//! Letters are read no further than is wanted, and what is known of them is the same whichever way it was learnt.

use super::{Client, Place};

const LETTER: &str = "From: Alice <alice@a.example>\nTo: bob@b.example\nSubject: one\nSubject: two\n\
    Message-ID: <1@a.example>\nContent-Type: multipart/mixed; boundary=b\n\n\
    --b\n\nHi Bob\n--b\nContent-Type: image/png\n\nx\n--b--\n";

/// Letters whose names say how long they are, and ones whose names don't.
fn place() -> Place {
    let place = Place::new();
    let octets = LETTER.len();
    let wire = octets + LETTER.matches('\n').count();
    place.put(&format!("cur/1796000001.M1P1Q1.x,S={octets},W={wire}:2,S"), LETTER);
    place.put("cur/1796000002.M1P1Q2.x:2,S", LETTER);
    place
}

fn fetched(client: &mut Client, what: &str) -> Vec<String> {
    let lines = client.ok(&format!("FETCH 1:2 {what}"));
    lines.into_iter().filter(|line| !line.contains("EXISTS")).collect()
}

#[test]
fn what_a_header_says_is_known_without_the_rest_and_the_rest_later() {
    let asked = [
        "ENVELOPE",
        "(ENVELOPE RFC822.SIZE INTERNALDATE)",
        "BODYSTRUCTURE",
        "(PREVIEW ENVELOPE)",
        "(RFC822.SIZE BODY.PEEK[HEADER])",
        "(BODY.PEEK[1] BODYSTRUCTURE)",
        "BODY.PEEK[]",
        "RFC822.HEADER",
        "BODY",
        "BODY.PEEK[2.MIME]",
        "BODY.PEEK[TEXT]",
    ];
    // Each is asked first once; all of them say the same afterwards.
    let answers = |from: usize| {
        let place = place();
        let mut client = place.connect();
        client.ok("EXAMINE INBOX");
        let order = (0..asked.len()).map(|at| (at + from) % asked.len());
        let mut answers: Vec<_> = order.map(|at| (at, fetched(&mut client, asked[at]))).collect();
        answers.sort();
        // By a session that finds all in the cache.
        let mut other = place.connect();
        other.ok("EXAMINE INBOX");
        for (at, answer) in &answers {
            assert_eq!(&fetched(&mut other, asked[*at]), answer, "{}", asked[*at]);
        }
        let dates = |text: String| match text.split_once("INTERNALDATE \"") {
            Some((before, behind)) => before.to_owned() + behind.split_once('"').unwrap().1,
            None => text,
        };
        let without_dates = |lines: Vec<String>| lines.into_iter().map(dates).collect::<Vec<_>>();
        answers.into_iter().map(|(at, lines)| (at, without_dates(lines))).collect::<Vec<_>>()
    };
    let first = answers(0);
    let size = LETTER.len() + LETTER.matches('\n').count();
    assert!(first[1].1.iter().all(|line| line.contains(&format!("RFC822.SIZE {size}"))));
    assert!(first[3].1[0].contains("PREVIEW \"Hi Bob\""), "{:?}", first[3]);
    for (from, what) in asked.iter().enumerate().skip(1) {
        assert_eq!(answers(from), first, "{what}");
    }
}

#[test]
fn a_letter_that_is_longer_than_its_name_says_is_whole() {
    let place = Place::new();
    let long = format!("Subject: long\n\n{}", "0123456789abcdef\n".repeat(20_000));
    for number in 1..=20 {
        let letter = if number % 3 == 0 { long.as_str() } else { LETTER };
        place.put(&format!("cur/17960000{number:02}.M1P1Q1.x,S=10,W=12:2,S"), letter);
    }
    // A header of which nobody would have thought, either.
    let header = format!("X: {}Subject: h\n\nx\n", "0123456789abcdef\n ".repeat(20_000));
    place.put("cur/1796000021.M1P1Q1.x,S=10,W=12:2,S", &header);
    let mut client = place.connect();
    client.ok("EXAMINE INBOX");
    for (what, long_octets) in [("BODY.PEEK[]", long.len()), ("BODY.PEEK[TEXT]", long.len() - 15)] {
        let said = client.octets(format!("x FETCH 1:* {what}\r\n").as_bytes());
        let said = String::from_utf8(said).unwrap();
        assert!(said.contains("x OK"), "{what}");
        // Each line grew by a CR.
        let wire = long_octets + 20_000 + if what == "BODY.PEEK[]" { 2 } else { 0 };
        assert_eq!(said.matches(&format!("{{{wire}}}")).count(), 6, "{what}");
        assert_eq!(said.matches(" FETCH (").count(), 21, "{what}");
    }
    let said = client.octets(b"y FETCH 1:* RFC822.HEADER\r\n");
    assert_eq!(String::from_utf8(said).unwrap().matches(" FETCH (").count(), 21);
}

#[test]
fn a_letter_that_somebody_renames_is_found() {
    let place = place();
    let mut client = place.connect();
    client.ok("EXAMINE INBOX");
    let cur = place.root().join("cur");
    for name in place.names("cur") {
        let (base, _) = name.split_once(":2,").unwrap();
        std::fs::rename(cur.join(&name), cur.join(format!("{base}:2,FS"))).unwrap();
    }
    // Without having been told yet.
    let said = fetched(&mut client, "BODY.PEEK[TEXT]").join("\n");
    assert_eq!(said.matches("Hi Bob").count(), 2, "{said}");
    assert_eq!(client.ok("SEARCH TEXT bob").first().unwrap(), "* SEARCH 1 2");
}

#[test]
fn fields_are_found_in_the_cache_as_in_the_header() {
    let place = place();
    let mut client = place.connect();
    client.ok("EXAMINE INBOX");
    let keys =
        ["SUBJECT one", "SUBJECT two", "SUBJECT onetwo", "FROM ALICE", "TO alice", "NOT CC x"];
    let read: Vec<_> = keys.iter().map(|key| client.ok(&format!("SEARCH {key}"))).collect();
    let found: Vec<&str> = read.iter().map(|lines| lines[0].as_str()).collect();
    let (all, none) = ("* SEARCH 1 2", "* SEARCH");
    assert_eq!(found, [all, all, none, all, none, all]);
    // What a search has learnt is enough for the next ones, and for sorting.
    for name in place.names("cur") {
        std::fs::write(place.root().join("cur").join(name), "Subject: other\n\n").unwrap();
    }
    for (key, lines) in keys.iter().zip(&read) {
        assert_eq!(&client.ok(&format!("SEARCH {key}")), lines, "{key}");
    }
    assert_eq!(client.ok("SORT (SUBJECT DATE) US-ASCII FROM alice"), ["* SORT 1 2"]);
    // Lengths are known with it, also where the text has to be read.
    assert_eq!(client.ok("SORT (REVERSE SIZE) US-ASCII TEXT other"), ["* SORT 1 2"]);
}

/// RFC 9051 §6.4.5: as many octets as BINARY[] gives.
#[test]
fn the_whole_letter_has_a_size() {
    let place = Place::new();
    place.put("cur/1.M1P1Q1.x:2,", "Subject: 1\n\ny\n");
    let mut client = place.connect();
    client.ok("SELECT INBOX");
    assert_eq!(client.ok("FETCH 1 BINARY.SIZE[]"), ["* 1 FETCH (BINARY.SIZE[] 17)"]);
    let said = client.send(b"a FETCH 1 BINARY.PEEK[]\r\n");
    assert!(said.starts_with("* 1 FETCH (BINARY[] ~{17}\r\nSubject: 1\r\n"), "{said}");
}

/// RFC 9051 §9: none in a literal; what BINARY gives may have some.
#[test]
fn nuls_in_letters() {
    let place = Place::new();
    place.put("cur/1.M1P1Q1.x:2,", "Subject: a\0b\n\nx\0\0y\n");
    let mut client = place.connect();
    client.ok("SELECT INBOX");
    for (asked, told) in [
        ("BODY.PEEK[]", &b"BODY[] {22}\r\nSubject: a\x80b\r\n\r\nx\x80\x80y\r\n)"[..]),
        ("BODY.PEEK[TEXT]<2.2>", b"BODY[TEXT]<2> {2}\r\n\x80y)"),
        ("BODY.PEEK[HEADER]", b"BODY[HEADER] {16}\r\nSubject: a\x80b\r\n\r\n)"),
        ("RFC822.TEXT", b"RFC822.TEXT {6}\r\nx\x80\x80y\r\n"),
        ("BINARY.PEEK[1]", b"BINARY[1] ~{6}\r\nx\0\0y\r\n)"),
    ] {
        let said = client.octets(format!("a FETCH 1 {asked}\r\n").as_bytes());
        let said = said.strip_prefix(b"* 1 FETCH (").unwrap_or(&said);
        assert!(said.starts_with(told), "{asked}: {}", said.escape_ascii());
    }
    let said = client.octets(b"a FETCH 1 (ENVELOPE BODYSTRUCTURE PREVIEW)\r\n");
    assert!(!said.contains(&0), "{}", said.escape_ascii());
}
