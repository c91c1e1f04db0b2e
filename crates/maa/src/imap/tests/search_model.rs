//! Any search finds what looking at each letter in turn finds.

use std::path::Path;

use postroad_message::{HeaderSummary, Part, Scope, casemap, texts, wire};
use postroad_protocol::header;
use proptest::prelude::*;

use super::Place;

/// 1 November 2026.
const FIRST_DAY: i64 = 20_758;

#[derive(Debug, Clone)]
enum Key {
    And(Vec<Key>),
    Or(Box<(Key, Key)>),
    Not(Box<Key>),
    Numbers(u32, u32),
    Uids(u32, u32),
    Flag(&'static str, char),
    Since(i64),
    Before(i64),
    SentOn(i64),
    SentBefore(i64),
    Larger(u64),
    Smaller(u64),
    Field(&'static str, &'static str),
    Body(&'static str),
    Text(&'static str),
}

#[derive(Debug)]
struct Letter {
    octets: Vec<u8>,
    flags: &'static str,
    day: i64,
}

impl Key {
    fn command(&self) -> String {
        let date = |day: i64| match day - FIRST_DAY {
            before if before < 0 => format!("{}-Oct-2026", 32 + before),
            after => format!("{}-Nov-2026", 1 + after),
        };
        match self {
            Self::And(keys) => {
                let keys: Vec<String> = keys.iter().map(Self::command).collect();
                format!("({})", keys.join(" "))
            }
            Self::Or(keys) => format!("OR {} {}", keys.0.command(), keys.1.command()),
            Self::Not(key) => format!("NOT {}", key.command()),
            Self::Numbers(from, to) => format!("{from}:{to}"),
            Self::Uids(from, to) => format!("UID {from}:{to}"),
            Self::Flag(name, _) => (*name).to_owned(),
            Self::Since(day) => format!("SINCE {}", date(*day)),
            Self::Before(day) => format!("BEFORE {}", date(*day)),
            Self::SentOn(day) => format!("SENTON {}", date(*day)),
            Self::SentBefore(day) => format!("SENTBEFORE {}", date(*day)),
            Self::Larger(octets) => format!("LARGER {octets}"),
            Self::Smaller(octets) => format!("SMALLER {octets}"),
            Self::Field(name, text) => format!("HEADER {name} \"{text}\""),
            Self::Body(text) => format!("BODY \"{text}\""),
            Self::Text(text) => format!("TEXT \"{text}\""),
        }
    }

    /// Slow, and right.
    fn holds(&self, letter: &Letter, number: u32) -> bool {
        let header = || HeaderSummary::of(&letter.octets);
        let sent = || header().sent.map(|sent| sent.day());
        let folded = |text: &str| String::from_utf8(casemap::fold(text.as_bytes())).unwrap();
        let is_in = |scope: Scope, text: &str| {
            let part = Part::of(&letter.octets);
            texts(&letter.octets, &part, scope).any(|found| folded(&found).contains(&folded(text)))
        };
        match self {
            Self::And(keys) => keys.iter().all(|key| key.holds(letter, number)),
            Self::Or(keys) => keys.0.holds(letter, number) || keys.1.holds(letter, number),
            Self::Not(key) => !key.holds(letter, number),
            // No letter was expunged: both are the same.
            Self::Numbers(from, to) | Self::Uids(from, to) => {
                (*from.min(to)..=*from.max(to)).contains(&number)
            }
            Self::Flag(_, flag) => letter.flags.contains(*flag),
            Self::Since(day) => letter.day >= *day,
            Self::Before(day) => letter.day < *day,
            Self::SentOn(day) => sent() == Some(*day),
            Self::SentBefore(day) => sent().is_some_and(|sent| sent < *day),
            Self::Larger(octets) => wire::octets(&letter.octets) > *octets,
            Self::Smaller(octets) => wire::octets(&letter.octets) < *octets,
            Self::Field(name, text) => {
                let part = Part::of(&letter.octets);
                let header = &letter.octets[part.header];
                header::fields(header).filter(|field| field.is(name)).any(|field| {
                    let alone = [field.raw, b"\n"].concat();
                    let part = Part::of(&alone);
                    let found = texts(&alone, &part, Scope::All).next().unwrap().into_owned();
                    folded(found.split_once(": ").unwrap().1).contains(&folded(text))
                })
            }
            Self::Body(text) => is_in(Scope::Body, text),
            Self::Text(text) => is_in(Scope::All, text),
        }
    }
}

fn keys() -> impl Strategy<Value = Key> {
    let text =
        || prop::sample::select(vec!["e", "hello", "", "multipart", "e\u{301}", "2026", "zzz"]);
    let day = || FIRST_DAY - 5..FIRST_DAY + 20;
    let leaf = prop_oneof![
        (1..20_u32, 1..20_u32).prop_map(|(from, to)| Key::Numbers(from, to)),
        (1..20_u32, 1..20_u32).prop_map(|(from, to)| Key::Uids(from, to)),
        prop::sample::select(vec![("SEEN", 'S'), ("FLAGGED", 'F'), ("ANSWERED", 'R')])
            .prop_map(|(name, letter)| Key::Flag(name, letter)),
        day().prop_map(Key::Since),
        day().prop_map(Key::Before),
        day().prop_map(Key::SentOn),
        day().prop_map(Key::SentBefore),
        (0..5_000_u64).prop_map(Key::Larger),
        (0..5_000_u64).prop_map(Key::Smaller),
        (prop::sample::select(vec!["From", "subject", "Received", "X-None"]), text())
            .prop_map(|(name, text)| Key::Field(name, text)),
        text().prop_map(Key::Body),
        text().prop_map(Key::Text),
    ];
    leaf.prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Key::And),
            (inner.clone(), inner.clone()).prop_map(|keys| Key::Or(Box::new(keys))),
            inner.prop_map(|key| Key::Not(Box::new(key))),
        ]
    })
}

fn mailbox() -> (Place, Vec<Letter>) {
    let place = Place::new();
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus");
    let made = "From: a\nSubject: =?utf-8?q?Hello_caf=C3=A9?=\nDate: Mon, 2 Nov 2026 23:00:00 -0800\n\
        Subject: second\n\nHello\n";
    let mut contents = vec![made.as_bytes().to_vec()];
    for name in [
        "cpython/msg_07.eml",
        "cpython/msg_16.eml",
        "cpython/msg_35.eml",
        "dovecot/malformed-010.eml",
        "dovecot/thirdparty-003.eml",
        "made/charset-koi8-r.eml",
        "made/fields-without-blank-line.eml",
        "made/only-body.eml",
        "made/raw-8bit.eml",
        "made/sections.eml",
        "mail-parser/legacy-003.eml",
        "mail-parser/rfc-002.eml",
        "spamscope/mail_malformed_2.eml",
    ] {
        contents.push(std::fs::read(corpus.join(name)).unwrap());
    }
    let mut letters = Vec::new();
    for (number, octets) in contents.into_iter().enumerate() {
        let flags = ["", "S", "F", "RS"][number % 4];
        let name = format!("cur/{}.M{number}P1Q1.x:2,{flags}", 1_796_000_000 + number);
        std::fs::write(place.root().join(&name), &octets).unwrap();
        let day = FIRST_DAY + i64::try_from(number).unwrap();
        let noon = u64::try_from(day * 86_400 + 43_200).unwrap();
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(noon);
        let file = std::fs::File::options().write(true).open(place.root().join(&name)).unwrap();
        file.set_modified(time).unwrap();
        letters.push(Letter { octets, flags, day });
    }
    (place, letters)
}

#[test]
fn searches_find_what_a_look_at_each_letter_finds() {
    let (place, letters) = mailbox();
    let mut warm = place.connect();
    warm.ok("SELECT INBOX");
    warm.ok("FETCH 1:* ENVELOPE");
    let warm = std::cell::RefCell::new(warm);
    let config = ProptestConfig { cases: 96, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    runner
        .run(&keys(), |key| {
            let found = (1..).zip(&letters).filter(|(number, letter)| key.holds(letter, *number));
            let numbers: String = found.map(|(number, _)| format!(" {number}")).collect();
            let expected = [format!("* SEARCH{numbers}")];
            let command = format!("SEARCH {}", key.command());
            prop_assert_eq!(&warm.borrow_mut().ok(&command), &expected, "{}", &command);
            let mut cold = place.without_cache();
            prop_assert_eq!(&cold.ok(&command), &expected, "{} without a cache", &command);
            Ok(())
        })
        .unwrap();
}
