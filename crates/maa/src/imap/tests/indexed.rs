//! A search finds the same with the index, without it, and with one that knows half of the letters.

use std::sync::Arc;

use proptest::prelude::*;

use super::{Client, Place, Shared};

impl Place {
    /// A session of a process that indexes, and what it shares with others.
    fn indexing(&self) -> (Client, Arc<Shared>) {
        let shared = Arc::new(Shared::new(self.root(), "our.example").indexing());
        let mut client = self.connect();
        client.session.shared = Arc::clone(&shared);
        client.ok("SELECT INBOX");
        (client, shared)
    }

    fn index_octets(&self) -> u64 {
        std::fs::metadata(self.root().join("postroad-text")).map_or(0, |file| file.len())
    }
}

const KEYS: &[&str] = &[
    "TEXT",
    "BODY",
    "SUBJECT",
    "FROM",
    "NOT TEXT",
    "NOT BODY",
    "HEADER X-None",
    "OR SEEN TEXT",
    "HEADER Subject",
];

fn letter() -> impl Strategy<Value = String> {
    let subject = prop::sample::select(vec![
        "abc",
        "=?utf-8?q?=C3=84bc?= =?utf-8?q?abc?=",
        "=?iso-8859-1?q?=E4b?=\n =?iso-8859-1?q?c?=",
        "A\u{308}bc \u{65e5}\u{672c}",
        "",
    ]);
    let header = prop::sample::select(vec![
        "From: a@abc.example\n",
        "Content-Type: text/html\n",
        "Content-Transfer-Encoding: base64\n",
        "Content-Transfer-Encoding: quoted-printable\n",
        "Content-Type: message/rfc822\n",
        "Content-Type: text/plain; charset=iso-2022-jp\n",
        "Content-Type: application/pdf\n",
        "Content-Type: multipart/mixed; boundary=a\n",
    ]);
    (subject, header, "([abcABC<>=&;\u{e4}\u{308}\u{65e5}\u{672c}\u{44f} \n]|--a\n){0,40}")
        .prop_map(|(subject, header, body)| format!("Subject: {subject}\n{header}\n{body}\n"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_same_is_found(
        letters in prop::collection::vec(letter(), 2..24),
        late in prop::collection::vec(letter(), 0..3),
        needles in prop::collection::vec("[abcABC\u{e4}\u{c4}\u{308}\u{65e5}\u{672c}\u{42f} :]{1,5}", 12),
    ) {
        let place = Place::new();
        let put = |number: usize, letter: &str| {
            place.put(&format!("cur/{}.M1P1Q1.x:2,{}", 1_796_000_000 + number, ["", "S"][number % 2]), letter);
        };
        letters.iter().enumerate().for_each(|(number, letter)| put(number, letter));
        let (mut indexed, shared) = place.indexing();
        shared.index_now(1);
        prop_assert!(place.index_octets() > 0);
        // Some that aren't indexed, and one that is gone.
        late.iter().enumerate().for_each(|(number, letter)| put(letters.len() + number, letter));
        indexed.ok("STORE 1 +FLAGS.SILENT (\\Deleted)");
        indexed.ok("EXPUNGE");
        indexed.ok("NOOP");
        let mut plain = place.restarted();
        for needle in &needles {
            for key in KEYS {
                let command = format!("UID SEARCH CHARSET UTF-8 {key} {{{}+}}\r\n{needle}", needle.len());
                prop_assert_eq!(indexed.ok(&command), plain.ok(&command), "{} {:?}", key, needle);
            }
        }
    }
}

#[test]
fn letters_that_have_not_got_it_are_not_read() {
    let place = Place::new();
    for number in 0..40 {
        let name = format!("cur/{}.M1P1Q1.x:2,", 1_796_000_000 + number);
        place.put(&name, &format!("Subject: number {number}\n\nseldom{number}x\n"));
    }
    let (mut client, shared) = place.indexing();
    // Too few.
    shared.index_now(41);
    assert_eq!(place.index_octets(), 0);
    shared.index_now(1);
    assert!(place.index_octets() > 0);
    assert_eq!(client.ok("SEARCH TEXT seldom17x"), ["* SEARCH 18"]);
    // No letter is ever changed; these are, to see who is read.
    for name in place.names("cur") {
        place.put(&format!("cur/{name}"), "Subject: number 17\n\nseldom17x\n");
    }
    assert_eq!(client.ok("SEARCH TEXT seldom17x"), ["* SEARCH 18"]);
    assert_eq!(client.ok("SEARCH BODY \"SELDOM17X\" SUBJECT \"ber 17\""), ["* SEARCH 18"]);
    std::fs::remove_file(place.root().join("postroad-text")).unwrap();
    assert_eq!(
        client.ok("SEARCH RETURN (COUNT) TEXT seldom17x"),
        ["* ESEARCH (TAG \"t5\") COUNT 40"]
    );
}

#[test]
fn a_damaged_index_is_made_anew() {
    let place = Place::new();
    for number in 0..20 {
        let name = format!("cur/{}.M1P1Q1.x:2,", 1_796_000_000 + number);
        place.put(&name, &format!("Subject: number {number}\n\nseldom{number}x\n"));
    }
    let (mut client, shared) = place.indexing();
    shared.index_now(1);
    let path = place.root().join("postroad-text");
    let mut octets = std::fs::read(&path).unwrap();
    let end = octets.len();
    // Nothing in any group of rows is what it was.
    octets[end - 70_000..].iter_mut().for_each(|octet| *octet ^= 0x55);
    std::fs::write(&path, octets).unwrap();
    assert_eq!(client.ok("SEARCH TEXT seldom17x"), ["* SEARCH 18"]);
    assert!(!path.exists());
    shared.index_now(1);
    assert_eq!(place.index_octets(), end as u64);
    assert_eq!(client.ok("SEARCH TEXT seldom17x"), ["* SEARCH 18"]);
}

#[test]
fn letters_that_are_gone_leave_the_index() {
    let place = Place::new();
    for number in 0..20 {
        place.put(&format!("cur/{}.M1P1Q1.x:2,", 1_796_000_000 + number), "A: b\n\nc\n");
    }
    let (mut client, shared) = place.indexing();
    shared.index_now(1);
    let before = place.index_octets();
    client.ok("STORE 1:20 +FLAGS.SILENT (\\Deleted)");
    client.ok("EXPUNGE");
    shared.index_now(1);
    assert!(before > place.index_octets() && place.index_octets() == 32);
    // With the sessions indexing ends.
    for number in 0..20 {
        place.put(&format!("cur/{}.M1P1Q1.x:2,", 1_796_000_100 + number), "A: b\n\nc\n");
    }
    client.ok("NOOP");
    client.ok("UNSELECT");
    shared.index_now(1);
    assert_eq!(place.index_octets(), 32);
}
