//! A cache that is made anew from the files is the one that sessions have made.

use std::sync::Arc;

use postroad_catalog::facts::Read;
use postroad_disk::OsDisk;
use postroad_store::{Cache, Mailboxes, Maildir};
use proptest::prelude::*;

use super::Place;

/// What a client may ask for, in whatever order and in parts.
const ASKED: [&str; 7] = [
    "ENVELOPE",
    "BODYSTRUCTURE",
    "PREVIEW",
    "EMAILID",
    "THREADID",
    "(RFC822.SIZE INTERNALDATE)",
    "(BODY.PEEK[] ENVELOPE)",
];

fn letter() -> impl Strategy<Value = String> {
    let field = prop_oneof![
        "(From|To|Cc|Sender): [a-z]{1,9} <[a-z]{1,5}@[a-z]{1,5}\\.example>",
        "Subject: (Re: |Fwd: )?[ -~]{0,40}",
        "(Message-ID|In-Reply-To): <[a-z]{1,3}@x>",
        "References: <[a-z]{1,2}@x> <[a-z]{1,2}@x>",
        "Date: (Mon, )?[1-3]?[0-9] (Jan|Nov) 20[0-9]{2} 1[0-9]:0[0-9] [+-]0[0-9]00",
        "Content-Type: (text/(plain|html); charset=(utf-8|iso-8859-1)|multipart/mixed; boundary=b)",
        "Content-Transfer-Encoding: (base64|quoted-printable|8bit)",
    ];
    let fields = proptest::collection::vec(field, 0..9);
    let lines = proptest::collection::vec("(--b|--b--|[ -~äö]{0,60})", 0..9);
    (fields, lines)
        .prop_map(|(fields, lines)| format!("{}\n\n{}\n", fields.join("\n"), lines.join("\n")))
}

/// What the inbox's cache has of each letter.
fn remembered(place: &Place) -> Vec<Option<String>> {
    let all = Arc::new(Mailboxes::new(Arc::new(OsDisk), "host"));
    let mut mailbox = all.open(&Maildir::at(place.root())).unwrap();
    mailbox.refresh().unwrap();
    let (folder, key) = (mailbox.folder().clone(), mailbox.cache_key());
    let mut cache = Cache::open(Arc::new(OsDisk), &folder, key).unwrap();
    let mut of = |uid: u32, identity: &[u8]| {
        let facts = cache.get(uid, identity)?;
        Some(format!("{:?}", Read::kept(&facts)))
    };
    mailbox.entries().map(|entry| of(entry.uid(), entry.identity())).collect()
}

fn rebuild(place: &Place) -> usize {
    std::fs::remove_file(place.root().join("postroad-cache")).unwrap();
    let all = Arc::new(Mailboxes::new(Arc::new(OsDisk), "host"));
    let mut mailbox = all.open(&Maildir::at(place.root())).unwrap();
    mailbox.refresh().unwrap();
    let mut told = 0;
    let filled = postroad_catalog::fill(Arc::new(OsDisk), &mut mailbox, &mut || told += 1).unwrap();
    assert_eq!(told, mailbox.exists());
    filled
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_rebuilt_cache_equals_the_old_one(
        letters in proptest::collection::vec(letter(), 1..6),
        asked in proptest::collection::vec((0..ASKED.len(), 1_usize..6), 0..9),
    ) {
        let place = Place::new();
        for (at, letter) in letters.iter().enumerate() {
            place.put(&format!("cur/179600000{at}.M1P1Q1.x:2,"), letter);
        }
        let mut client = place.connect();
        client.ok("SELECT INBOX");
        for (what, number) in asked {
            client.ok(&format!("FETCH {} {}", number.min(letters.len()), ASKED[what]));
        }
        for what in ASKED {
            client.ok(&format!("FETCH 1:* {what}"));
        }
        drop(client);
        let before = remembered(&place);
        prop_assert!(before.iter().all(Option::is_some));
        prop_assert_eq!(rebuild(&place), letters.len());
        prop_assert_eq!(remembered(&place), before);
    }
}
