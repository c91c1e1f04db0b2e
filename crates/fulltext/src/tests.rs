use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;

use postroad_disk::OsDisk;
use postroad_message::{Needle, Part, Scope};
use postroad_store::{CacheKey, Maildir, Written};
use postroad_testkit::{FaultyDisk, Plan, Random};
use proptest::prelude::*;

use crate::*;

pub(crate) const KEY: CacheKey = CacheKey { mailbox_id: [7; 16], uid_validity: 3 };

/// A folder on a real disk.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("tmp")).unwrap();
        Self { dir }
    }

    fn open(&self) -> Index {
        self.open_as(KEY)
    }

    fn open_as(&self, key: CacheKey) -> Index {
        Index::open(Arc::new(OsDisk), &Maildir::at(self.dir.path()), key).unwrap()
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join(FILE)
    }
}

type Letters = BTreeMap<u32, String>;

/// Letters of few words, some in other alphabets and charsets.
fn letters(seed: u64, uids: impl IntoIterator<Item = u32>) -> Letters {
    const WORDS: [&str; 12] = [
        "apple",
        "pear",
        "Quince",
        "Gr\u{fc}\u{df}e",
        "gru\u{308}n",
        "\u{65e5}\u{672c}\u{8a9e}",
        "\u{44f}\u{43c}",
        "a",
        "the",
        "applepear",
        "xylo",
        "\u{1f600}",
    ];
    let mut random = Random::new(seed);
    let mut words = |count: u64| -> String {
        let count = 1 + random.below(count);
        let word = |_| WORDS[random.below(WORDS.len() as u64) as usize];
        (0..count).map(word).collect::<Vec<_>>().join(" ")
    };
    let letter = |uid| (uid, format!("Subject: {}\nX-Uid: {uid}\n\n{}\n", words(3), words(6)));
    uids.into_iter().map(letter).collect()
}

fn batch(letters: &Letters) -> Batch {
    let mut batch = Batch::new(letters.len());
    for (uid, letter) in letters {
        let part = Part::of(letter.as_bytes());
        batch.add(*uid, Some(&Signature::of(letter.as_bytes(), &part)));
    }
    batch
}

fn add(index: &mut Index, letters: &Letters) {
    let all: Vec<_> = letters.iter().collect();
    for some in all.chunks(SEGMENT_LETTERS_MAX) {
        let some = some.iter().map(|(uid, letter)| (**uid, (*letter).clone())).collect();
        assert_eq!(index.add(&batch(&some)).unwrap(), Written::All);
    }
}

fn lacking(index: &mut Index, needle: &str) -> (BTreeSet<u32>, Told) {
    let mut found = BTreeSet::new();
    let told = index.lacking(&Needle::new(needle), |uid| {
        found.insert(uid);
    });
    (found, told.unwrap())
}

/// Nobody who has the needle is told; gives how many were.
#[track_caller]
fn check(index: &mut Index, letters: &Letters, needle: &str) -> usize {
    let (told, _) = lacking(index, needle);
    for uid in &told {
        let Some(letter) = letters.get(uid) else { continue };
        let part = Part::of(letter.as_bytes());
        let has = Needle::new(needle).is_in_letter(letter.as_bytes(), &part, Scope::All);
        assert!(!has, "{needle:?} in {letter}");
    }
    told.len()
}

/// In the first segment's head.
const HEAD_AND_MORE: usize = 40;

const NEEDLES: [&str; 14] = [
    "apple",
    "APPLE pear",
    "quince",
    "gr\u{fc}\u{df}e",
    "gr\u{fc}n",
    "\u{672c}",
    "\u{65e5}\u{672c}",
    "\u{42f}\u{41c}",
    "le",
    "a",
    "",
    "subject: x",
    "X-Uid: 17",
    "\u{1f600}",
];

#[test]
fn who_has_it_is_never_told() {
    let (place, all) = (Place::new(), letters(1, (1..=2_500).map(|n| n * 3)));
    let mut other = place.open();
    let mut index = place.open();
    add(&mut index, &all);
    assert_eq!(index.len(), 2_500);
    assert_eq!(index.unknown(&[3, 4, 6, 7_500, 7_503]), [4, 7_503]);
    let folder = Maildir::at(place.dir.path());
    let found = Index::found(Arc::new(OsDisk), &folder).unwrap().unwrap();
    assert_eq!((found.key(), found.len()), (KEY, 2_500));
    let mut again = place.open();
    assert!(other.is_empty());
    other.refresh().unwrap();
    for needle in NEEDLES {
        let told = check(&mut index, &all, needle);
        assert_eq!(check(&mut again, &all, needle), told);
        assert_eq!(check(&mut other, &all, needle), told);
        // Too short to ask anything; all others leave some out.
        let is_short = ["le", "a", ""].contains(&needle);
        assert_eq!(told == 0, is_short, "{needle:?}");
    }
    // It is good for something.
    assert!(check(&mut index, &all, "x-uid: 1701\n") == 2_500);
    assert!(check(&mut index, &all, "x-uid: 1701") > 2_480);
}

#[test]
fn letters_that_may_have_anything() {
    let place = Place::new();
    let mut index = place.open();
    let mut batch = Batch::new(3);
    batch.add(1, None);
    let empty = Signature::of(b"", &Part::of(b""));
    batch.add(2, Some(&empty));
    let mut random = Random::new(1);
    let all: Vec<u8> = (0..300_000).map(|_| b' ' + random.below(95) as u8).collect();
    let letter = [b"A: b\n\n", &all[..]].concat();
    batch.add(3, Some(&Signature::of(&letter, &Part::of(&letter))));
    batch.add(4, Some(&empty));
    assert!(batch.is_full() && batch.len() == 3);
    index.add(&batch).unwrap();
    assert_eq!(lacking(&mut index, "something").0, BTreeSet::from([2]));
    assert_eq!(lacking(&mut place.open(), "something").0, BTreeSet::from([2]));
}

fn uids(of: RangeInclusive<u32>, are_there: impl Fn(u32) -> bool) -> Vec<u32> {
    of.filter(|uid| are_there(*uid)).collect()
}

#[test]
fn letters_that_are_gone_leave() {
    let (place, all) = (Place::new(), letters(2, 1..=3_000));
    let mut index = place.open();
    for some in all.iter().collect::<Vec<_>>().chunks(100) {
        add(&mut index, &some.iter().map(|(uid, letter)| (**uid, (*letter).clone())).collect());
    }
    let before = fs::metadata(place.file()).unwrap().len();
    let mut old = place.open();
    // Thirty segments become three.
    assert_eq!(index.tidy(&uids(1..=3_000, |_| true)).unwrap(), Written::All);
    assert_eq!(index.len(), 3_000);
    let tidied = fs::metadata(place.file()).unwrap().len();
    assert!(tidied < before / 2, "{tidied} of {before}");
    let odd = |uid: u32| uid % 2 == 1;
    index.tidy(&uids(1..=3_000, odd)).unwrap();
    assert_eq!(index.len(), 1_500);
    let half = fs::metadata(place.file()).unwrap().len();
    assert!(half < tidied, "{half} of {tidied}");
    assert_eq!(index.unknown(&[1, 2, 3, 4]), [2, 4]);
    for needle in NEEDLES {
        let told = check(&mut index, &all, needle);
        // The old file is still what it was for who has it open.
        let (told_before, _) = lacking(&mut old, needle);
        assert_eq!(told, told_before.iter().filter(|uid| odd(**uid)).count(), "{needle:?}");
    }
    // Few are no reason.
    index.tidy(&uids(2..=3_000, odd)).unwrap();
    assert_eq!(index.len(), 1_500);
    index.tidy(&[]).unwrap();
    assert!(index.is_empty() && place.open().is_empty());
    assert_eq!(fs::read_dir(place.dir.path().join("tmp")).unwrap().count(), 0);
}

#[test]
fn two_that_write() {
    let (place, some, more) = (Place::new(), letters(3, 1..=300), letters(4, 301..=500));
    let (mut one, mut other) = (place.open(), place.open());
    add(&mut one, &some);
    // What is there already isn't written again.
    add(&mut other, &some);
    assert_eq!((one.len(), other.len()), (300, 300));
    add(&mut other, &more);
    one.refresh().unwrap();
    assert_eq!((one.len(), other.len()), (500, 500));
    // One at a time.
    let locked = postroad_disk::Disk::open_locked(&OsDisk, &place.file()).unwrap();
    let third = letters(5, 501..=510);
    assert_eq!(one.add(&batch(&third)).unwrap(), Written::NotOurTurn);
    drop(locked);
    add(&mut one, &third);
    // One removes it, the other goes on.
    fs::remove_file(place.file()).unwrap();
    add(&mut other, &third);
    assert_eq!(place.open().len(), 10);
}

#[test]
fn another_mailbox_or_version() {
    let (place, all) = (Place::new(), letters(6, 1..=20));
    add(&mut place.open(), &all);
    for key in [CacheKey { mailbox_id: [8; 16], ..KEY }, CacheKey { uid_validity: 4, ..KEY }] {
        let mut index = place.open_as(key);
        assert!(index.is_empty());
        add(&mut index, &all);
        assert_eq!(place.open_as(key).len(), 20);
        assert!(place.open().is_empty());
    }
    for octets in [&b"PRtext00"[..], b"", &[0; 100]] {
        fs::write(place.file(), octets).unwrap();
        let mut index = place.open();
        assert!(index.is_empty());
        add(&mut index, &all);
        assert_eq!(place.open().len(), 20);
    }
}

#[test]
fn cut_off_anywhere_it_is_written_on() {
    let place = Place::new();
    let (some, more) = (letters(7, 1..=40), letters(8, 41..=50));
    add(&mut place.open(), &some);
    add(&mut place.open(), &more);
    let whole = fs::read(place.file()).unwrap();
    let all: Letters = some.into_iter().chain(more.clone()).collect();
    let mut random = Random::new(9);
    let ends: BTreeSet<usize> =
        (0..60).chain((0..60).map(|_| random.below(whole.len() as u64) as usize)).collect();
    for end in ends {
        fs::write(place.file(), &whole[..end]).unwrap();
        let mut index = place.open();
        assert!([0, 40].contains(&index.len()), "{end}");
        for needle in NEEDLES {
            check(&mut index, &all, needle);
        }
        add(&mut index, &more);
        let added = uids(41..=50, |_| true);
        assert!(index.unknown(&added).is_empty() && place.open().unknown(&added).is_empty());
        assert!(check(&mut place.open(), &all, "nowhere at all") >= 10, "{end}");
    }
}

#[test]
fn a_flipped_octet_hides_nobody() {
    let (place, all) = (Place::new(), letters(10, 1..=30));
    add(&mut place.open(), &all);
    let whole = fs::read(place.file()).unwrap();
    let mut random = Random::new(11);
    let places: BTreeSet<usize> =
        (0..80).chain((0..200).map(|_| random.below(whole.len() as u64) as usize)).collect();
    let mut seen = 0;
    for at in places {
        let mut octets = whole.clone();
        octets[at] ^= 1 + random.below(255) as u8;
        fs::write(place.file(), &octets).unwrap();
        let mut index = place.open();
        for needle in NEEDLES {
            check(&mut index, &all, needle);
        }
        if !place.file().exists() {
            // A group of rows was asked for that isn't right.
            seen += 1;
            assert!(index.is_empty());
        }
        add(&mut index, &all);
        // Segments of which nobody has asked the damaged rows are found out when they are.
        assert!(index.unknown(&uids(1..=30, |_| true)).is_empty(), "{at}");
    }
    assert!(seen > 3, "{seen}");
}

#[test]
fn mending_removes_what_is_damaged_and_nothing_else() {
    let place = Place::new();
    let mend = || Index::mend(Arc::new(OsDisk), &Maildir::at(place.dir.path())).unwrap();
    assert_eq!(mend(), Told::All);
    add(&mut place.open(), &letters(1, 1..=40));
    assert_eq!(mend(), Told::All);
    let sound = fs::read(place.file()).unwrap();
    let flipped = |at: usize| {
        let mut octets = sound.clone();
        octets[at] ^= 1;
        octets
    };
    let damaged = [
        flipped(1),
        flipped(HEAD_AND_MORE),
        flipped(sound.len() / 2),
        flipped(sound.len() - 1),
        sound[..sound.len() - 1].to_vec(),
        b"?".to_vec(),
    ];
    for octets in damaged {
        fs::write(place.file(), &octets).unwrap();
        assert_eq!(mend(), Told::Damaged);
        assert!(!place.file().exists());
    }
}

#[test]
fn damage_is_not_carried_over() {
    let (place, all) = (Place::new(), letters(12, 1..=1_000));
    for some in all.iter().collect::<Vec<_>>().chunks(50) {
        let some = some.iter().map(|(uid, letter)| (**uid, (*letter).clone())).collect();
        add(&mut place.open(), &some);
    }
    let mut octets = fs::read(place.file()).unwrap();
    // In the rows of the second segment.
    let at = octets.len() / 20 * 2 - 100;
    octets[at] ^= 1;
    fs::write(place.file(), &octets).unwrap();
    let mut index = place.open();
    let there = uids(1..=1_000, |_| true);
    index.tidy(&there).unwrap();
    assert_eq!(index.unknown(&there), (51..=100).collect::<Vec<_>>());
    for needle in NEEDLES {
        assert_eq!(lacking(&mut index, needle).1, Told::All);
        check(&mut index, &all, needle);
    }
}

#[test]
fn whatever_call_fails_nobody_is_hidden() {
    let all = letters(13, 1..=40);
    let parts: Vec<Letters> = all
        .iter()
        .collect::<Vec<_>>()
        .chunks(10)
        .map(|some| some.iter().map(|(uid, letter)| (**uid, (*letter).clone())).collect())
        .collect();
    let open =
        |disk: &FaultyDisk| Index::open(Arc::new(disk.clone()), &Maildir::at("/mail/alice"), KEY);
    let play = |disk: &FaultyDisk| {
        let Ok(mut index) = open(disk) else { return };
        for part in &parts {
            let _ = index.add(&batch(part));
        }
        let _ = index.tidy(&[40]);
    };
    let disk = || {
        let disk = FaultyDisk::new();
        disk.put_dir("/mail/alice/tmp".as_ref());
        disk
    };
    let sound = disk();
    sound.plan(Plan::Sound);
    play(&sound);
    let calls = sound.calls().len() as u64;
    assert!(calls > 30);
    for call in 0..calls {
        let disk = disk();
        disk.plan(Plan::Fail { call, errno: 5 });
        play(&disk);
        let torn = (0..2).map(|seed| disk.copy().restart_after_torn_cut(seed));
        for disk in torn.chain([disk.copy(), disk.copy().restart_after_cut()]) {
            let mut index = open(&disk).unwrap();
            for needle in NEEDLES {
                check(&mut index, &all, needle);
            }
        }
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-cA-C \u{e4}\u{c4}\u{308}\u{df}\u{65e5}\u{672c}\u{44f}\u{42f}\n]{0,12}",
        "(=\\?(utf-8|iso-8859-1)\\?q\\?[abc=C3A4_]{0,6}\\?=[ a]?){1,3}",
    ]
}

fn letter() -> impl Strategy<Value = String> {
    let header = prop::sample::select(vec![
        "",
        "Content-Type: text/html\n",
        "Content-Transfer-Encoding: base64\n",
        "Content-Transfer-Encoding: quoted-printable\n",
        "Content-Type: text/plain; charset=iso-8859-1\n",
        "Content-Type: text/plain; charset=iso-2022-jp\n",
        "Content-Type: message/rfc822\n",
        "Content-Type: multipart/mixed; boundary=a\n",
    ]);
    (text(), header, "([abAB<>=&;+/\u{e4}\u{308}\u{65e5} \n]|--a\n|\r\n){0,30}")
        .prop_map(|(subject, header, body)| format!("Subject: {subject}\n{header}\n{body}"))
}

proptest! {
    #[test]
    fn no_letter_that_has_it_is_told(
        all in prop::collection::vec(letter(), 1..8),
        needles in prop::collection::vec(text(), 1..6),
        cuts in prop::collection::vec((0_usize..8, 0_usize..40, 1_usize..7), 4),
    ) {
        let place = Place::new();
        let letters: Letters = (1..).zip(all.clone()).collect();
        let mut index = place.open();
        add(&mut index, &letters);
        for needle in &needles {
            check(&mut index, &letters, needle);
        }
        // What letters say themselves, in pieces.
        for (letter, from, count) in cuts {
            let texts: Vec<char> = all.get(letter).map(|l| l.chars().collect()).unwrap_or_default();
            let needle: String = texts.into_iter().skip(from).take(count).collect();
            check(&mut index, &letters, &needle);
        }
    }
}
