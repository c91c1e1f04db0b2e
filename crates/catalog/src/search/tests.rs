use std::sync::Arc;

use jiff::Zoned;
use postroad_disk::Disk as _;
use postroad_message::{Body, Scope, field_values, texts};
use postroad_store::{FlagChange, MailboxName, Maildir};
use postroad_testkit::{FaultyDisk, Plan};
use proptest::prelude::*;

use super::*;
use crate::pattern::{Kind, Place, State};
use crate::{Catalog, read_some};

const ME: &str = "me@our.example";

/// A mailbox; letters are files' names and texts.
fn mailbox(letters: &[(String, String)]) -> (FaultyDisk, Catalog) {
    let (disk, inbox) = (FaultyDisk::new(), Maildir::at("/mail/alice"));
    for part in ["tmp", "new", "cur"] {
        disk.put_dir(&inbox.root().join(part));
    }
    for (name, text) in letters {
        disk.put(&inbox.root().join(name), text.as_bytes());
    }
    let catalog = Catalog::new(Arc::new(disk.clone()), inbox, "our.example");
    (disk, catalog)
}

fn folder(catalog: &Catalog) -> Folder {
    let mut folder = catalog.open(&MailboxName::Inbox).unwrap();
    folder.refresh().unwrap();
    folder
}

fn pattern(typed: &str) -> Pattern {
    let now = "2026-12-01T12:00:00Z[UTC]".parse::<Zoned>().unwrap();
    Pattern::parse(typed, &now).unwrap_or_else(|error| panic!("{typed}: {error}"))
}

fn who() -> Who {
    Who { addresses: vec![ME.into()] }
}

/// All letters, the newest first.
fn newest_first(folder: &Folder) -> Letters {
    let uids: Vec<u32> = folder.uids().into_iter().rev().collect();
    let numbered = Numbered::Back(uids.len() - 1);
    Letters { uids, numbered, ..Letters::default() }
}

fn found(folder: &mut Folder, pattern: &Pattern) -> Vec<u32> {
    let letters = newest_first(folder);
    let mut search = Search::new(folder, pattern, &who(), letters);
    let mut found = Vec::new();
    loop {
        let step = search.step(folder);
        assert_eq!(step.unreadable, 0);
        found.extend(step.found);
        if step.is_over {
            return found;
        }
    }
}

/// Whether a letter is like a pattern, by all that it says and nothing else.
fn is_meant(pattern: &Pattern, letter: &[u8], marks: Marks, number: u64, came: i64) -> bool {
    let part = Part::of(letter);
    let header = letter.get(part.header.clone()).unwrap();
    let each = |one: &Pattern| is_meant(one, letter, marks, number, came);
    let values = |names: &[&str]| -> Vec<String> {
        names.iter().flat_map(|name| field_values(header, name)).collect()
    };
    let has = |mark| marks.contains(mark);
    let octets = postroad_message::wire::octets(letter);
    match pattern {
        Pattern::All => true,
        Pattern::And(all) => all.iter().all(each),
        Pattern::Or(all) => all.iter().any(each),
        Pattern::Not(one) => !each(one),
        Pattern::Is(state) => match state {
            State::New => !has(Marks::SEEN) && has(Marks::NEW),
            State::Old => !has(Marks::SEEN) && !has(Marks::NEW),
            State::Unread => !has(Marks::SEEN),
            State::Read => has(Marks::SEEN),
            State::Flagged => has(Marks::FLAGGED),
            State::Deleted => has(Marks::DELETED),
            State::Answered => has(Marks::ANSWERED),
            State::Tagged => false,
        },
        Pattern::Number(span) => span.contains(number),
        Pattern::Octets(span) => span.contains(octets),
        Pattern::Attachments(span) => span.contains(part.files().len() as u64),
        Pattern::Sent(when) => {
            let sent = postroad_message::HeaderSummary::of(header).sent;
            sent.is_some_and(|sent| when.contains(sent.seconds))
        }
        Pattern::Came(when) => when.contains(came),
        Pattern::Has(place, words) => {
            let all: Vec<String> = match place {
                Place::From => values(&["From"]),
                Place::To => values(&["To"]),
                Place::Cc => values(&["Cc"]),
                Place::Recipients => values(&["To", "Cc"]),
                Place::Anybody => values(&["From", "Sender", "To", "Cc"]),
                Place::Sender => values(&["Sender"]),
                Place::Subject => values(&["Subject"]),
                Place::MessageId => values(&["Message-ID"]),
                Place::References => values(&["References", "In-Reply-To"]),
                Place::Label => values(&["X-Label"]),
                Place::Header => {
                    let header_alone = Part::undivided(header);
                    texts(header, &header_alone, Scope::All).map(Into::into).collect()
                }
                Place::Body | Place::Letter => {
                    let scope = if *place == Place::Body { Scope::Body } else { Scope::All };
                    let in_texts = texts(letter, &part, scope).map(Into::into);
                    in_texts.chain(part.file_names()).collect()
                }
            };
            all.iter().any(|text| words.are_in(text, None))
        }
        Pattern::Kind(kind) => match kind {
            Kind::ToMe => values(&["To", "Cc"]).iter().any(|it| it.contains(ME)),
            Kind::FromMe => values(&["From"]).iter().any(|it| it.contains(ME)),
            Kind::List => !values(&["List-Id", "List-Post"]).is_empty(),
            Kind::Signed => part.is("multipart", "signed"),
            Kind::Encrypted => match &part.content {
                Body::Multipart(_) => part.is("multipart", "encrypted"),
                _ => part.is("application", "pkcs7-mime"),
            },
        },
    }
}

fn a_letter() -> impl Strategy<Value = String> {
    let field = prop_oneof![
        Just("From: Alice <alice@x.example>"),
        Just("From: me@our.example (Me)"),
        Just("Sender: bob@x.example"),
        Just("To: me@our.example, Alice B"),
        Just("Cc: =?utf-8?q?J=C3=BCrgen?= <j@x.example>"),
        Just("Subject: Budget of\n alice"),
        Just("Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?="),
        Just("Message-ID: <a@x>"),
        Just("References: <a@x> <b@x>"),
        Just("X-Label: later"),
        Just("List-Id: <list.x.example>"),
        Just("Date: Mon, 30 Nov 2026 10:00:00 +0000"),
        Just("Date: Fri, 2 Jan 2026 10:00:00 +0000"),
    ];
    let body = prop_oneof![
        Just("\n\nthe Budget\nfor alice"),
        Just("\n\nnothing"),
        Just("\nContent-Type: text/html\n\n<p>al<b>ice</b> &amp; Gr&uuml;&szlig;e"),
        Just("\nContent-Transfer-Encoding: base64\n\nYWxpY2UgYnVkZ2V0"),
        Just("\nContent-Type: multipart/signed; boundary=b\n\n--b\n\nbudget\n--b\n\n\n--b--"),
        Just("\nContent-Type: application/pkcs7-mime\n\nAAAA"),
        Just("\nContent-Type: multipart/encrypted; boundary=b\n\n--b\n\nx\n--b--"),
        Just(
            "\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nsee\n--b\nContent-Type: application/pdf\n\
             Content-Disposition: attachment; filename*=utf-8''b%C3%BCdget%20alice.pdf\n\nx\n--b--"
        ),
    ];
    (prop::collection::vec(field, 1..5), body)
        .prop_map(|(fields, body)| format!("{}{body}\n", fields.join("\n")))
}

fn what_is_typed() -> impl Strategy<Value = String> {
    let place = prop::sample::select("ftcCLesixyhbB".chars().collect::<Vec<_>>());
    let sign = prop::sample::select(vec!['~', '=']);
    let word = prop::sample::select(vec![
        "alice",
        "Alice",
        "budget",
        "Budget",
        "Gr\u{fc}\u{df}e",
        "b\u{fc}dget",
        "j\u{fc}rgen",
        "x.exam",
        "al.ce",
        "^the",
        "e$",
        "B[a-z]+t",
        "a@x",
        "of alice",
        "al",
        "zebra",
        "pdf",
        "(bud|gr)",
        "later",
    ]);
    let words =
        (sign, place, word).prop_map(|(sign, place, word)| format!("{sign}{place} '{word}'"));
    let flag = prop::sample::select(
        "~A ~N ~O ~U ~R ~F ~D ~Q ~p ~P ~l ~g ~G".split(' ').map(str::to_owned).collect::<Vec<_>>(),
    );
    let other = prop::sample::select(
        [
            "~m 2-3",
            "~m >3",
            "~z <120",
            "~z 1K-",
            "~X 1-",
            "~X 0",
            "~d <1w",
            "~d 1/1/26-1/2/26",
            "~d =1d",
            "~r <1w",
            "~r >1y",
        ]
        .map(str::to_owned)
        .to_vec(),
    );
    let one = prop_oneof![4 => words, 2 => flag, 1 => other];
    one.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} | {b})")),
            inner.prop_map(|a| format!("!{a}")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn the_same_letters_as_reading_all_does(
        texts in prop::collection::vec(
            (a_letter(), prop::sample::select(vec!["new/", "cur/", "cur/:2,S", "cur/:2,FT", "cur/:2,RS"])),
            1..8,
        ),
        typed in prop::collection::vec(what_is_typed(), 4),
        cached in 0..8_usize,
        indexed in any::<bool>(),
    ) {
        let letters: Vec<(String, String)> = texts.iter().enumerate().map(|(at, (text, place))| {
            let (directory, flags) = place.split_once('/').unwrap();
            (format!("{directory}/{}.M1.h{flags}", 1_700_000_000 + at), text.clone())
        }).collect();
        let (disk, catalog) = mailbox(&letters);
        let mut folder = folder(&catalog);
        let uids = folder.unknown(cached);
        let read = read_some(&folder.letter_files(&uids), Extent::Header);
        let read: Vec<_> = read.into_iter().map(|(uid, read)| (uid, read.unwrap())).collect();
        folder.remember(&read);
        if indexed {
            folder.index(1, &mut |_, _| {}).unwrap();
            prop_assert!(folder.to_index(1).is_none());
        }
        for typed in &typed {
            let pattern = pattern(typed);
            let mut expected = Vec::new();
            for (at, uid) in folder.uids().into_iter().enumerate().rev() {
                let marks = folder.marks(uid).unwrap();
                let letter = folder.open_letter(uid).unwrap();
                let came = crate::read::seconds(letter.received());
                let octets = crate::read::whole(&letter).unwrap();
                if is_meant(&pattern, &octets, marks, at as u64 + 1, came) {
                    expected.push(uid);
                }
                let told = Told { marks, number: at as u64 + 1, arrived: came, octets: None };
                let alone = is_like(&pattern, &who(), &octets, &told);
                prop_assert_eq!(alone, expected.contains(&uid), "{}", typed);
            }
            prop_assert_eq!(&found(&mut folder, &pattern), &expected, "{}", typed);
            // By what the first search has cached.
            prop_assert_eq!(&found(&mut folder, &pattern), &expected, "{} again", typed);
        }
        drop(disk);
    }
}

fn many(count: usize) -> Vec<(String, String)> {
    let letter = |at: usize| {
        let text = format!(
            "From: a{at}@x.example\nSubject: number {at}\n\n{}\n",
            if at % 100 == 7 { "a rare word" } else { "a text" }
        );
        (format!("cur/{}.M1.h,S={},W={}:2,S", 1_700_000_000 + at, text.len(), text.len()), text)
    };
    (0..count).map(letter).collect()
}

fn opened(disk: &FaultyDisk) -> usize {
    let calls = disk.calls();
    calls.iter().filter(|call| call.starts_with("open") && call.contains("/cur/")).count()
}

#[test]
fn what_the_index_rules_out_is_not_read_and_what_is_cached_neither() {
    let (disk, catalog) = mailbox(&many(1500));
    let mut folder = folder(&catalog);
    folder.index(1, &mut |_, _| {}).unwrap();
    let count = |folder: &mut Folder, typed: &str| {
        disk.plan(Plan::Sound);
        (found(folder, &pattern(typed)).len(), opened(&disk))
    };
    assert_eq!(count(&mut folder, "~b 'rare word'"), (15, 15));
    assert_eq!(count(&mut folder, "~b nowhere | ~s nowhere"), (0, 0));
    fill(&mut folder);
    assert_eq!(count(&mut folder, "~s 'number 1234'"), (1, 0));
    assert_eq!(count(&mut folder, "~R"), (1500, 0));
    assert_eq!(count(&mut folder, "~m 10-20 ~b text"), (11, 11));
}

/// Has the cache know all letters.
fn fill(folder: &mut Folder) {
    let uids = folder.unknown(usize::MAX);
    let read = read_some(&folder.letter_files(&uids), Extent::Header);
    folder.remember(&read.into_iter().map(|(uid, read)| (uid, read.unwrap())).collect::<Vec<_>>());
}

#[test]
fn a_cache_that_nobody_has_opened_is_opened_for_many_letters_alone() {
    let (disk, catalog) = mailbox(&many(1500));
    let mut filled = folder(&catalog);
    filled.index(1, &mut |_, _| {}).unwrap();
    fill(&mut filled);
    drop(filled);
    let mut folder = folder(&catalog);
    let mut count = |typed: &str| {
        disk.plan(Plan::Sound);
        let found = found(&mut folder, &pattern(typed)).len();
        let is_opened = disk.calls().iter().any(|call| call.contains("postroad-cache"));
        (found, opened(&disk), is_opened)
    };
    assert_eq!(count("~s 'number 1234'"), (1, 1, false));
    assert_eq!(count("~b 'rare word' ~s number"), (15, 15, false));
    let (found, read, is_opened) = count("~s number");
    assert!(found == 1500 && is_opened && read <= READ_WITHOUT_CACHE_MAX, "{read} were read");
    assert_eq!(count("~s 'number 1234'").1, 0);
}

#[test]
fn the_newest_are_found_first_and_a_step_is_short() {
    let (disk, catalog) = mailbox(&many(1500));
    let mut folder = folder(&catalog);
    folder.index(1, &mut |_, _| {}).unwrap();
    let letters = newest_first(&folder);
    disk.plan(Plan::Sound);
    let mut search = Search::new(&mut folder, &pattern("~b text"), &who(), letters);
    let step = search.step(&mut folder);
    assert_eq!((step.found.first(), step.is_over), (Some(&1500), false));
    assert!(step.found.is_sorted_by(|one, other| one > other));
    assert!(opened(&disk) <= JUDGED_FIRST && step.looked_at <= 2 * JUDGED_FIRST, "{step:?}");
}

#[test]
fn marks_that_are_not_on_disk_yet_count() {
    let (_disk, catalog) = mailbox(&many(3));
    let mut folder = folder(&catalog);
    let marks = vec![(2, Marks::DELETED)];
    let letters = Letters { marks, tagged: vec![1], ..newest_first(&folder) };
    let mut search = Search::new(&mut folder, &pattern("~D | ~m 3"), &who(), letters.clone());
    let step = search.step(&mut folder);
    assert_eq!((step.found, step.is_over), (vec![3, 2], true));
    let mut search = Search::new(&mut folder, &pattern("~T | ~m 3"), &who(), letters);
    assert_eq!(search.step(&mut folder).found, [3, 1]);
}

#[test]
fn numbers_count_round_the_ends_of_a_list() {
    let (_disk, catalog) = mailbox(&many(4));
    let mut folder = folder(&catalog);
    for (numbered, number, expected) in [
        (Numbered::On(0), 1, 7),
        (Numbered::On(2), 3, 7),
        (Numbered::On(2), 1, 9),
        (Numbered::Back(3), 4, 7),
        (Numbered::Back(1), 1, 8),
        (Numbered::Back(1), 4, 9),
    ] {
        // They are called 7, 8, 9, 10, wherever they stand.
        let uids = vec![1, 2, 3, 4];
        let letters = Letters { uids, numbered, ..Letters::default() };
        let pattern = pattern(&format!("~m {number}"));
        let step = Search::new(&mut folder, &pattern, &who(), letters).step(&mut folder);
        assert_eq!(step.found, [expected - 6], "{numbered:?} {number}");
    }
}

#[test]
fn letters_that_are_renamed_or_gone_meanwhile_are_looked_for_again_or_left_out() {
    let (disk, catalog) = mailbox(&many(3));
    let mut folder = folder(&catalog);
    let letters = newest_first(&folder);
    let mut search = Search::new(&mut folder, &pattern("~b text"), &who(), letters);
    let names: Vec<_> =
        disk.files().into_iter().filter(|it| it.starts_with("/mail/alice/cur")).collect();
    disk.remove(&names[0]).unwrap();
    let text = disk.read(&names[1]).unwrap();
    disk.remove(&names[1]).unwrap();
    disk.put(std::path::Path::new(&names[1].to_str().unwrap().replace(":2,S", ":2,FS")), &text);
    let step = search.step(&mut folder);
    assert_eq!((step.found, step.unreadable), (vec![3, 2], 0));
}

#[test]
fn a_folder_of_another_program_is_read() {
    let (disk, catalog) = mailbox(&many(20));
    disk.put(std::path::Path::new("/mail/alice/dovecot-uidlist"), b"3 V1 N1 Gaa\n");
    let mut folder = folder(&catalog);
    assert!(folder.why_plain().is_some() && folder.to_index(1).is_none());
    assert_eq!(found(&mut folder, &pattern("~b rare")), [8]);
    assert_eq!(found(&mut folder, &pattern("~s 'number 19'")), [20]);
}

#[test]
fn keywords_are_found_by_their_names() {
    let (disk, catalog) = mailbox(&many(5));
    let mut folder = folder(&catalog);
    for (uid, names) in [(1, &["work"][..]), (2, &["Workshop", "$later"]), (4, &["$later"])] {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let flags = folder.keyword_flags(&names).unwrap();
        folder.set_flags(&[uid], FlagChange::Add(flags)).unwrap();
    }
    fill(&mut folder);
    for (typed, expected) in [
        ("~y work", &[2, 1][..]),
        ("~y Work", &[2]),
        ("~y later", &[4, 2]),
        ("~y ^work$", &[1]),
        ("~y work !~y later", &[1]),
        ("!~y later", &[5, 3, 1]),
        ("~y nothing", &[]),
    ] {
        disk.plan(Plan::Sound);
        assert_eq!(found(&mut folder, &pattern(typed)), expected, "{typed}");
    }
    // Who has one needn't be read.
    disk.plan(Plan::Sound);
    found(&mut folder, &pattern("~y later | ~m 1-3 | ~m 5"));
    assert_eq!(opened(&disk), 0);
}
