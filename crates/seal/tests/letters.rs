//! Letters sealed and opened with keys of our own; attacks on them.
#![cfg(feature = "pgp")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use postroad_seal::autocrypt::{Learnt, Prefers};
use postroad_seal::pgp::Vouched;
use postroad_seal::seal::{People, check};
use postroad_seal::{Asks, Engine, Keys, Level, Opened, Places, Protection, open, seal};

const NOW: u64 = 1_796_000_000;
const LETTER: &str = "From: Ann <ann@a.example>\r\nTo: bob@b.example\r\nCc: carol@c.example\r\n\
    Subject: the plan\r\nMessage-ID: <1@a.example>\r\nIn-Reply-To: <0@b.example>\r\nMIME-Version: 1.0\r\n\
    Content-Type: text/plain; charset=\"utf-8\"\r\nContent-Transfer-Encoding: 7bit\r\n\r\nat noon\r\n";

/// Somebody with a folder of keys.
struct Person {
    home: tempfile::TempDir,
}

impl Person {
    fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    /// One with a key.
    fn with_key(person: &str) -> Self {
        let new = Self::new();
        new.keys().make(person).unwrap();
        new
    }

    fn keys(&self) -> Keys {
        self.keys_at(now())
    }

    fn keys_at(&self, now: u64) -> Keys {
        let own = Some(self.home.path().join("keys"));
        Keys::new(&Places { own, engine: Engine::Own, ..Places::default() }, Asks::NotHere, now)
    }

    /// Takes another's public key in.
    fn knows(&self, other: &Self, address: &str) {
        let (key, _) = other.keys().key_for(address).unwrap();
        assert_eq!(self.keys().import(key).unwrap().0.len(), 1);
    }
}

/// Keys are made at the hour of this machine.
fn now() -> u64 {
    jiff::Timestamp::now().as_second().unsigned_abs().max(NOW)
}

fn people() -> People {
    People {
        author: "ann@a.example".into(),
        shown: vec!["bob@b.example".into(), "carol@c.example".into()],
        hidden: Vec::new(),
        prefers: Prefers::Nopreference,
    }
}

/// Ann, Bob and Carol, who know each other's keys.
fn three() -> (Person, Person, Person) {
    let ann = Person::with_key("Ann <ann@a.example>");
    let bob = Person::with_key("Bob <bob@b.example>");
    let carol = Person::with_key("Carol <carol@c.example>");
    ann.knows(&bob, "bob@b.example");
    ann.knows(&carol, "carol@c.example");
    bob.knows(&ann, "ann@a.example");
    (ann, bob, carol)
}

fn sealed(ann: &Person, protection: Protection) -> String {
    let sealed = seal(LETTER.as_bytes(), protection, &people(), &ann.keys()).unwrap();
    String::from_utf8(sealed).unwrap()
}

fn opened(person: &Person, letter: &str) -> Opened {
    open(letter.as_bytes(), &person.keys()).expect("it is sealed")
}

fn text(opened: &Opened) -> String {
    String::from_utf8_lossy(&opened.letter).into_owned()
}

#[test]
fn what_is_signed_is_known_by_its_key() {
    let (ann, bob, _) = three();
    let letter = sealed(&ann, Protection::Sign);
    assert!(
        letter.contains("Subject: the plan") && letter.contains("micalg=pgp-sha256"),
        "{letter}"
    );
    let found = opened(&bob, &letter);
    assert_eq!(found.line().0, Level::Good, "{found:?}");
    assert!(found.line().1.starts_with("Signed by ann@a.example"), "{found:?}");
    assert!(text(&found).contains("at noon") && !found.is_encrypted);
    // Stored with bare line ends, as in a Maildir.
    assert_eq!(opened(&bob, &letter.replace("\r\n", "\n")).line().0, Level::Good);
    // One letter of it was changed.
    for changed in [letter.replace("at noon", "at nine"), letter.replacen("charset", "Charset", 1)]
    {
        let found = opened(&bob, &changed);
        assert_eq!(found.line().0, Level::Bad, "{found:?}");
    }
    let stranger = opened(&Person::new(), &letter);
    assert_eq!(stranger.line().0, Level::Open);
    assert!(stranger.line().1.contains("you don't have"), "{stranger:?}");
}

#[test]
fn what_is_encrypted_is_opened_by_those_it_is_for() {
    let (ann, bob, carol) = three();
    let letter = sealed(&ann, Protection::Encrypt);
    assert!(letter.contains("Subject: [...]") && !letter.contains("the plan"), "{letter}");
    for reader in [&ann, &bob, &carol] {
        let found = opened(reader, &letter);
        assert!(found.is_encrypted, "{found:?}");
        assert!(text(&found).contains("at noon") && text(&found).contains("Subject: the plan"));
        assert!(!text(&found).contains("HP-Outer"), "{}", text(&found));
    }
    assert_eq!(opened(&bob, &letter).line().0, Level::Good, "{:?}", opened(&bob, &letter));
    let eve = Person::with_key("Eve <eve@e.example>");
    let found = opened(&eve, &letter);
    assert!(!found.is_encrypted && found.line().1.contains("none of your keys"), "{found:?}");
    assert_eq!(text(&found), letter);
}

#[test]
fn nobody_sees_that_somebody_is_told_in_secret() {
    let (ann, _, carol) = three();
    let people = People {
        shown: vec!["bob@b.example".into()],
        hidden: vec!["carol@c.example".into()],
        ..people()
    };
    let letter = seal(LETTER.as_bytes(), Protection::Encrypt, &people, &ann.keys()).unwrap();
    let found = open(&letter, &carol.keys()).unwrap();
    assert!(found.is_encrypted, "{found:?}");
}

#[test]
fn a_key_that_is_missing_is_named() {
    let ann = Person::with_key("Ann <ann@a.example>");
    let error = seal(LETTER.as_bytes(), Protection::Encrypt, &people(), &ann.keys()).unwrap_err();
    assert!(error.to_string().contains("bob@b.example"), "{error}");
    let error =
        seal(LETTER.as_bytes(), Protection::Sign, &people(), &Person::new().keys()).unwrap_err();
    assert!(error.to_string().contains("keys make"), "{error}");
}

#[test]
fn u08_parts_around_an_encrypted_one_cant_read_it_out() {
    let (ann, bob, _) = three();
    let letter = sealed(&ann, Protection::Encrypt);
    let at = letter.find("Content-Type: multipart/encrypted").unwrap();
    let attack = format!(
        "From: ann@a.example\r\nTo: bob@b.example\r\nSubject: s\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/html\r\n\r\n\
         <img src=\"http://e.example/\r\n--x\r\n{}\r\n--x\r\nContent-Type: text/html\r\n\r\n\">\r\n--x--\r\n",
        &letter[at..]
    );
    let found = opened(&bob, &attack);
    assert!(!found.is_encrypted && found.line().0 == Level::Bad, "{found:?}");
    assert!(!text(&found).contains("at noon"), "{}", text(&found));
}

/// Armor, in lines.
fn armor(octets: &[u8]) -> String {
    use base64::Engine as _;
    let digits = base64::engine::general_purpose::STANDARD.encode(octets);
    let lines: Vec<&str> =
        digits.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!(
        "-----BEGIN PGP MESSAGE-----\r\n\r\n{}\r\n-----END PGP MESSAGE-----\r\n",
        lines.join("\r\n")
    )
}

fn around(message: &str) -> String {
    format!(
        "From: ann@a.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/encrypted; boundary=x; \
         protocol=\"application/pgp-encrypted\"\r\n\r\n--x\r\nContent-Type: application/pgp-encrypted\r\n\r\n\
         Version: 1\r\n\r\n--x\r\nContent-Type: application/octet-stream\r\n\r\n{message}\r\n--x--\r\n"
    )
}

#[test]
fn u08_what_has_no_proof_of_its_integrity_isnt_shown() {
    let (ann, bob, _) = three();
    // RFC 9580 §5.7: a packet of the old kind, which is refused for what it is.
    let old = [0xc9, 0x20].iter().chain(&[7_u8; 32]).copied().collect::<Vec<u8>>();
    let found = opened(&bob, &around(&armor(&old)));
    assert!(found.line().1.contains("nothing proves"), "{found:?}");
    // A cipher that was changed anywhere.
    let letter = sealed(&ann, Protection::Encrypt);
    let start = letter.find("-----BEGIN PGP MESSAGE").unwrap();
    let lines: Vec<&str> = letter[start..].split("\r\n").collect();
    let body: Vec<usize> = (0..lines.len()).filter(|place| lines[*place].len() == 64).collect();
    for place in [body[body.len() / 2], body[body.len() - 1]] {
        let mut lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        let other = if lines[place].starts_with('A') { "B" } else { "A" };
        lines[place].replace_range(..1, other);
        let changed = format!("{}{}", &letter[..start], lines.join("\r\n"));
        let found = opened(&bob, &changed);
        assert!(!found.is_encrypted && found.line().0 == Level::Bad, "{found:?}");
        assert!(!text(&found).contains("at noon"));
    }
    // What isn't encrypted at all.
    let found = opened(&bob, &around(&armor(b"\xcb\x08b\x00\0\0\0\0hi")));
    assert!(!found.is_encrypted && found.line().0 != Level::Good, "{found:?}");
}

#[test]
fn u09_a_signed_part_among_others_is_shown_alone() {
    let (ann, bob, _) = three();
    let letter = sealed(&ann, Protection::Sign);
    let at = letter.find("Content-Type: multipart/signed").unwrap();
    let around = |from: &str| {
        format!(
            "From: {from}\r\nTo: bob@b.example\r\nCc: carol@c.example\r\nSubject: the plan\r\n\
             Message-ID: <1@a.example>\r\nIn-Reply-To: <0@b.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n\
             --x\r\n\r\nGood signature from Ann. Pay Eve.\r\n--x\r\n{}\r\n--x\r\n\
             Content-Type: text/plain; name=footer.txt\r\n\r\nfooter\r\n--x--\r\n",
            &letter[at..]
        )
    };
    let found = opened(&bob, &around("ann@a.example"));
    // Nothing vouches for all of it.
    assert_eq!(found.line().0, Level::Open, "{found:?}");
    assert!(found.line().1.contains("Only a part"), "{found:?}");
    assert!(
        text(&found).contains("at noon") && !text(&found).contains("Pay Eve"),
        "{}",
        text(&found)
    );
    let others: Vec<(Option<&str>, &[u8])> =
        found.others.iter().map(|other| (other.name.as_deref(), other.octets.as_slice())).collect();
    assert_eq!(
        others,
        [(None, &b"Good signature from Ann. Pay Eve."[..]), (Some("footer.txt"), b"footer")]
    );
    // One whose signature doesn't fit is shown as it came, and vouches for nothing.
    let found = opened(&bob, &around("ann@a.example").replace("at noon", "at nine"));
    assert_eq!(found.line().0, Level::Bad);
    assert!(found.others.is_empty() && text(&found).contains("Pay Eve"));
}

#[test]
fn u09_who_has_signed_is_compared_with_from() {
    let (ann, bob, _) = three();
    let letter = sealed(&ann, Protection::Sign);
    let at = letter.find("Content-Type: multipart/signed").unwrap();
    // Her words, in a letter of somebody else's; her fields inside say that it is from her.
    let stolen = format!("From: Eve <eve@e.example>\r\nSubject: mine\r\n{}", &letter[at..]);
    let found = opened(&bob, &stolen);
    assert_eq!(found.line().0, Level::Bad, "{found:?}");
    assert!(found.line().1.contains("From was changed"), "{found:?}");
    // Signed by Bob, from Ann.
    let bobs = People { author: "bob@b.example".into(), ..people() };
    let letter = seal(LETTER.as_bytes(), Protection::Sign, &bobs, &bob.keys()).unwrap();
    let found = open(&letter, &bob.keys()).unwrap();
    assert_eq!(found.line().0, Level::Bad);
    assert!(
        found.line().1.contains("somebody else: From is ann@a.example, the key says bob@b.example"),
        "{found:?}"
    );
    // A user ID that looks like her address, and a text that says it is signed.
    let said = "From: ann@a.example\r\n\r\n[+ Signed by Ann <ann@a.example>]\r\n";
    assert!(open(said.as_bytes(), &bob.keys()).is_none(), "nothing is said of what isn't sealed");
}

#[test]
fn u10_fields_inside_win_and_what_was_added_outside_is_said() {
    let (ann, bob, _) = three();
    let letter = sealed(&ann, Protection::Encrypt);
    for (from, to) in [
        ("Cc: carol@c.example", "Cc: carol@c.example, eve@e.example"),
        ("To: bob@b.example", "To: bob@b.example, eve@e.example"),
        ("Subject: [...]", "Subject: [...]\r\nReply-To: eve@e.example"),
        ("In-Reply-To: <0@b.example>", "In-Reply-To: <eve@e.example>"),
    ] {
        let changed = letter.replacen(from, to, 1);
        assert_ne!(changed, letter);
        let found = opened(&bob, &changed);
        assert!(found.is_encrypted && found.line().0 == Level::Bad, "{found:?}");
        assert!(found.line().1.contains("eve@e.example"), "{found:?}");
        assert!(!text(&found).contains("eve@e.example"), "{}", text(&found));
        assert!(text(&found).contains("Cc: carol@c.example\r\n"), "{}", text(&found));
    }
}

#[test]
fn keys_that_others_can_read_arent_used() {
    use std::os::unix::fs::PermissionsExt as _;
    let ann = Person::with_key("Ann <ann@a.example>");
    let keys = std::fs::read_dir(ann.home.path().join("keys")).unwrap();
    for entry in keys.map(|entry| entry.unwrap().path()) {
        let mode = std::fs::metadata(&entry).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", entry.display());
        std::fs::set_permissions(&entry, std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    let error = seal(LETTER.as_bytes(), Protection::Sign, &people(), &ann.keys()).unwrap_err();
    assert!(error.to_string().contains("chmod 600"), "{error}");
}

#[test]
fn a_letter_brings_its_authors_key() {
    let (ann, _, _) = three();
    let dave = Person::with_key("Dave <dave@d.example>");
    let letter = sealed(&ann, Protection::Sign);
    let stranger = opened(&dave, &letter);
    assert!(stranger.line().1.contains("you don't have"));
    let at = i64::try_from(now()).unwrap();
    assert_eq!(dave.keys().learn(letter.as_bytes(), at).unwrap(), Learnt::Something);
    let found = opened(&dave, &letter);
    // Known by letters alone: that is said.
    assert_eq!(found.line().0, Level::Open);
    assert!(found.line().1.contains("have brought"), "{found:?}");
    let answer =
        People { author: "dave@d.example".into(), shown: vec!["ann@a.example".into()], ..people() };
    let letter = seal(LETTER.as_bytes(), Protection::Encrypt, &answer, &dave.keys()).unwrap();
    assert!(open(&letter, &ann.keys()).unwrap().is_encrypted);
}

#[test] // Autocrypt 1.1, "Key Gossip".
fn a_letter_to_several_brings_their_keys_to_each() {
    let (ann, bob, carol) = three();
    let letter = sealed(&ann, Protection::Encrypt);
    assert!(!letter.contains("Autocrypt-Gossip"), "it stands inside alone");
    let found = opened(&bob, &letter);
    let named: Vec<&str> = found.gossip.iter().map(|field| field.address.as_str()).collect();
    assert_eq!(named, ["bob@b.example", "carol@c.example"]);
    assert!(!text(&found).contains("Gossip"), "{}", text(&found));
    let answer = People { author: "bob@b.example".into(), ..people() };
    let answer = People { shown: vec!["carol@c.example".into()], ..answer };
    let error = check(Protection::Encrypt, &answer, &bob.keys()).unwrap_err();
    assert!(error.to_string().contains("no key of carol"), "{error}");
    let to = ["bob@b.example".to_owned(), "carol@c.example".to_owned()];
    let at = i64::try_from(now()).unwrap();
    bob.keys().learn_gossip(letter.as_bytes(), &to, &found.gossip, at).unwrap();
    // It can be used, and what is known of it is said.
    let doubts = check(Protection::Encrypt, &answer, &bob.keys()).unwrap();
    assert_eq!(doubts.len(), 1);
    assert_eq!(
        (doubts[0].address.as_str(), doubts[0].vouched),
        ("carol@c.example", Vouched::Unknown)
    );
    let written = seal(LETTER.as_bytes(), Protection::Encrypt, &answer, &bob.keys()).unwrap();
    assert!(open(&written, &carol.keys()).unwrap().is_encrypted);
    // To one alone there is nobody else to be told of; who is told in secret is never named.
    for (shown, hidden) in [(1, 0), (1, 1)] {
        let all = ["bob@b.example".to_owned(), "carol@c.example".to_owned()];
        let people = People {
            shown: all[..shown].to_vec(),
            hidden: all[shown..shown + hidden].to_vec(),
            ..people()
        };
        let letter = seal(LETTER.as_bytes(), Protection::Encrypt, &people, &ann.keys()).unwrap();
        assert!(open(&letter, &bob.keys()).unwrap().gossip.is_empty());
    }
}

#[test]
fn u09_another_key_than_before_is_said_and_one_of_no_use_isnt_taken() {
    let dave = Person::with_key("Dave <dave@d.example>");
    let at = i64::try_from(now()).unwrap();
    let of = |person: &Person| {
        let people = People { shown: Vec::new(), ..people() };
        seal(LETTER.as_bytes(), Protection::Sign, &people, &person.keys()).unwrap()
    };
    let ann = of(&Person::with_key("Ann <ann@a.example>"));
    let eve = of(&Person::with_key("Eve <ann@a.example>"));
    let garbage = b"From: ann@a.example\r\nAutocrypt: addr=ann@a.example; keydata=AAAA\r\n\r\nx";
    for (letter, later, learnt) in [
        (garbage.as_slice(), 0, Learnt::Nothing),
        (&ann, 1, Learnt::Something),
        (garbage, 2, Learnt::Something),
        (&eve, 3, Learnt::AnotherKey),
    ] {
        assert_eq!(dave.keys().learn(letter, at + later).unwrap(), learnt, "{later}");
    }
    let answer =
        People { author: "dave@d.example".into(), shown: vec!["ann@a.example".into()], ..people() };
    let doubts = check(Protection::Encrypt, &answer, &dave.keys()).unwrap();
    assert_eq!(doubts[0].vouched, Vouched::Seen);
}

#[test]
fn u09_of_several_signed_parts_each_is_looked_at() {
    let (ann, bob, _) = three();
    let letter = sealed(&ann, Protection::Sign);
    let at = letter.find("Content-Type: multipart/signed").unwrap();
    let part = &letter[at..];
    let around = |second: &str| {
        format!(
            "From: ann@a.example\r\nTo: bob@b.example\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n{part}\r\n--x\r\n\r\nPay Eve.\r\n\
             --x\r\n{second}\r\n--x--\r\n"
        )
    };
    let found = opened(&bob, &around(part));
    // Nothing vouches for all of it, and all of it is shown.
    assert_eq!(found.line().0, Level::Open, "{found:?}");
    for place in 1..=2 {
        let words = format!("Signed part {place}: Signed by ann@a.example");
        assert!(found.findings.iter().any(|it| it.words == words), "{found:?}");
    }
    assert!(text(&found).contains("Pay Eve") && text(&found).contains("at noon"));
    let found = opened(&bob, &around(&part.replace("at noon", "at nine")));
    assert_eq!(found.line().0, Level::Bad, "{found:?}");
    assert!(found.line().1.contains("Signed part 2: The signature doesn't fit"), "{found:?}");
}
