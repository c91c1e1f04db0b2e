//! Letters that are meant to hurt (rows A13 to A20), through FETCH, SEARCH, SORT and THREAD.

use std::io::Write as _;

use super::{Client, Place};

/// The mailbox of one letter beside a harmless one; all that asks for what letters say has been asked, and said the
/// same after a restart without the cache.
fn told_of(letter: &[u8]) -> (Place, Client) {
    let place = Place::new();
    place.put("cur/1796000000.M1P1Q1.x:2,", "From: a@b.example\nSubject: calm\n\nx\n");
    std::fs::write(place.root().join("cur/1796000001.M1P1Q1.x:2,"), letter).unwrap();
    let commands = [
        "FETCH 1:2 (ENVELOPE BODYSTRUCTURE)",
        "FETCH 1:2 (BODY RFC822.SIZE PREVIEW BODY.PEEK[HEADER] BODY.PEEK[1.MIME])",
        "SORT (SUBJECT FROM TO CC DATE ARRIVAL SIZE) UTF-8 ALL",
        "SORT (DISPLAYFROM DISPLAYTO) UTF-8 ALL",
        "THREAD REFERENCES UTF-8 ALL",
        "THREAD ORDEREDSUBJECT UTF-8 ALL",
        "SEARCH OR FROM zz TEXT calm",
        "SEARCH SENTSINCE 1-Jan-1990",
    ];
    let answers = |client: &mut Client| -> Vec<Vec<u8>> {
        client.tag = 0;
        commands.iter().map(|it| client.octets(format!("x {it}\r\n").as_bytes())).collect()
    };
    let mut client = place.without_cache();
    let fresh = answers(&mut client);
    for (command, said) in commands.iter().zip(&fresh) {
        let end = said.windows(5).rposition(|octets| octets == b"x OK ");
        assert!(end.is_some(), "{command}: {}", String::from_utf8_lossy(said));
    }
    assert!(answers(&mut place.without_cache()) == fresh, "another answer after a restart");
    (place, client)
}

fn structure(letter: &[u8]) -> String {
    let (_place, mut client) = told_of(letter);
    client.ok("FETCH 2 BODYSTRUCTURE").concat()
}

fn envelope(letter: &str) -> String {
    let (_place, mut client) = told_of(letter.as_bytes());
    client.ok("FETCH 2 ENVELOPE").concat()
}

#[test]
fn a13_nests_without_end_are_told_to_a_depth() {
    let nested: String = (0..1_000)
        .map(|at| format!("Content-Type: multipart/mixed; boundary=b{at}\n\n--b{at}\n"))
        .collect();
    assert!(structure(nested.as_bytes()).matches('(').count() < 500);
    let digest = "Content-Type: message/rfc822\n\n".repeat(10_000) + "Subject: x\n\ny\n";
    assert!(structure(digest.as_bytes()).matches("\"rfc822\"").count() < 200);
    let parts =
        "Content-Type: multipart/mixed; boundary=b\n\n".to_owned() + &"--b\n\nx\n".repeat(100_000);
    assert!(structure(parts.as_bytes()).matches("\"plain\"").count() <= 10_000);
    // One boundary begins with the other, and neither ends.
    let told = structure(
        b"Content-Type: multipart/mixed; boundary=B\n\n--B\nContent-Type: multipart/mixed; \
          boundary=B1\n\n--B1\n\nx\n--B\n\ny\n",
    );
    assert_eq!(told.matches("\"plain\"").count(), 2, "{told}");
}

#[test]
fn a14_parameters_of_thousands_of_pieces() {
    let pieces: String = (0..10_000).map(|at| format!("; name*{at}*=x")).collect();
    let told = structure(format!("Content-Type: text/plain{pieces}\n\nx\n").as_bytes());
    assert!(told.len() < 100_000, "{} octets", told.len());
    let told = structure(b"Content-Type: text/plain; name*0=a; name*9999999=b\n\nx\n");
    assert!(told.contains("(\"name\" \"a\" "), "{told}");
}

/// Each under the name that it has: what a client may take for the file's name hides no other.
#[test]
fn a15_names_that_differ_are_told_as_they_stand() {
    let told = structure(
        b"Content-Type: text/plain; name=\"=?utf-8?q?c.txt?=\"\nContent-Disposition: attachment;\n \
          filename=a.txt;\n filename*0*=utf-8''b; filename*1=.txt\n\nx\n",
    );
    let names = "(\"attachment\" (\"filename\" \"a.txt\" \"filename*\" \"utf-8''b.txt\"))";
    assert!(told.contains(names), "{told}");
    assert!(told.contains("(\"name\" \"=?utf-8?q?c.txt?=\" "), "{told}");
}

#[test]
fn a16_what_is_told_twice_is_one_thing() {
    let told = structure(
        b"Content-Type: text/plain\nContent-Type: multipart/mixed; boundary=b\n\
          Content-Transfer-Encoding: base64\nContent-Transfer-Encoding: 7bit\n\n--b\n\nx\n--b--\n",
    );
    assert_eq!(told.matches("\"plain\"").count() + told.matches("\"mixed\"").count(), 1, "{told}");
    let (_place, mut client) = told_of(
        b"Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\naGVs*bG8=IGFnYWlu\n",
    );
    // More behind its end: no two agree on what that says.
    let read = client.command("FETCH 2 BINARY.PEEK[1]").concat();
    assert!(read.starts_with("a NO [UNKNOWN-CTE]"), "{read}");
}

#[test]
fn a17_archives_are_never_unpacked() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(&b"needle ".repeat(10_000_000)).unwrap();
    let packed = packed.finish().unwrap();
    let mut letter =
        b"Content-Type: application/gzip\nContent-Transfer-Encoding: binary\n\n".to_vec();
    letter.extend(&packed);
    let (_place, mut client) = told_of(&letter);
    assert_eq!(client.ok("SEARCH TEXT needle"), ["* SEARCH"]);
    assert_eq!(client.ok("SEARCH LARGER 1000000"), ["* SEARCH"]);
}

#[test]
fn a18_addresses_that_are_none() {
    for (field, wanted) in [
        (";".repeat(1 << 20), "calm"),
        ("(".repeat(100_000), "calm"),
        ("group: ;".to_owned(), "calm"),
        (String::new(), "calm"),
    ] {
        let told = envelope(&format!("From: {field}\nTo: {field}\nSubject: calm\n\nx\n"));
        assert!(told.contains(wanted) && told.len() < 4_000_000, "{}", told.len());
    }
}

#[test]
fn a19_dates_that_are_none_fall_back_to_the_arrival() {
    for date in [
        "Mon, 1 Jan 0000 00:00:00 +0000",
        "Mon, 1 Jan 99999 00:00:00 +0000",
        "1 Foo 2026 00:00:00 +0000",
        "99999999999999999999",
        "",
    ] {
        let letter = format!("Subject: x\nDate: {date}\n\nx\n");
        let (place, _) = told_of(letter.as_bytes());
        // It came in 1970, and the other one just now.
        let path = place.root().join("cur/1796000001.M1P1Q1.x:2,");
        let file = std::fs::File::options().write(true).open(path).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(86_400)).unwrap();
        let mut client = place.without_cache();
        assert_eq!(client.ok("SORT (DATE) UTF-8 ALL"), ["* SORT 2 1"], "{date}");
    }
}

#[test]
fn a20_charsets_that_nobody_knows() {
    let long = "x".repeat(1_000);
    for subject in [
        "=?utf-7?Q?+ADw-b+AD4-?=".to_owned(),
        "=?iso-2022-jp?Q?=1B$B?=".to_owned(),
        format!("=?{long}?q?y?="),
    ] {
        let told = envelope(&format!("Subject: {subject}\n\nx\n"));
        assert!(!told.contains("<b>"), "{told}");
    }
    let raw = b"Subject: caf\xe9\nFrom: \xff\xfe <a@b.example>\n\nx\n";
    let (_place, mut client) = told_of(raw);
    assert_eq!(client.ok("SEARCH SUBJECT caf"), ["* SEARCH 2"]);
}

/// Row I08: what would break a line of another server never comes into a keyword.
#[test]
fn i08_keywords_with_line_ends_are_none() {
    let place = Place::new();
    place.put("cur/1796000000.M1P1Q1.x:2,", "Subject: x\n\ny\n");
    let mut client = place.connect();
    client.ok("SELECT INBOX");
    for flag in ["{4+}\r\na\r\nb", "\"a\r\nb\"", "a\x01b", "\"a b\"", "a(b"] {
        let said = client.send(format!("x STORE 1 +FLAGS ({flag})\r\n").as_bytes());
        assert!(!said.contains("x OK"), "{flag:?}: {said}");
    }
    let mut client = place.connect();
    client.ok("SELECT INBOX");
    assert_eq!(client.ok("FETCH 1 FLAGS"), ["* 1 FETCH (FLAGS ())"]);
    assert!(!place.root().join("dovecot-keywords").exists());
}
