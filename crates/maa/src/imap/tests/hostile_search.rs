//! Searches that are meant to hurt, and letters that are.

use std::path::{Path, PathBuf};

use super::Place;

#[test]
fn i02_keys_nested_without_end() {
    let place = Place::new();
    let mut client = place.connect();
    client.ok("SELECT INBOX");
    for opening in ["(", "NOT ", "OR ALL ", "FUZZY ", "NOT ("] {
        let said = client.command(&format!("SEARCH {}ALL", opening.repeat(10_000))).concat();
        assert!(said.starts_with("a BAD ") || said.starts_with("a NO "), "{opening}: {said}");
    }
    client.ok("SEARCH ALL");
}

#[test]
fn i07_many_keys_and_long_sets() {
    let place = Place::new();
    place.put("cur/1796000000.M1P1Q1.x:2,S", "Subject: x\n\ny\n");
    let mut client = place.connect();
    client.ok("SELECT INBOX");
    let ors = "OR SEEN ".repeat(10_000) + "ALL";
    let said = client.command(&format!("SEARCH {ors}")).concat();
    assert!(said.starts_with("a BAD ") || said.starts_with("a NO "), "{said}");
    let set = vec!["1:*"; 100_000].join(",");
    assert_eq!(client.ok(&format!("SEARCH {set}")), ["* SEARCH 1"]);
    assert_eq!(client.ok(&format!("UID SEARCH UID {set}")), ["* SEARCH 1"]);
    let odd: Vec<String> = (1..100_000).map(|number| (2 * number).to_string()).collect();
    assert_eq!(client.ok(&format!("SEARCH NOT {}", odd.join(","))), ["* SEARCH 1"]);
    let seen = "SEEN ".repeat(100_000);
    assert_eq!(client.ok(&format!("SEARCH {}", seen.trim_end())), ["* SEARCH 1"]);
    let texts = "TEXT y ".repeat(10_000);
    let said = client.command(&format!("SEARCH {}", texts.trim_end())).concat();
    assert!(said.starts_with("a NO [LIMIT] "), "{said}");
}

/// All letters of the corpus.
fn corpus(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => corpus(&path, found),
            false if path.extension().is_some_and(|extension| extension == "eml") => {
                found.push(path);
            }
            false => {}
        }
    }
}

#[test]
fn i09_hostile_letters_are_found_sorted_and_threaded() {
    let place = Place::new();
    let mut letters = Vec::new();
    corpus(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus"), &mut letters);
    letters.sort();
    assert!(letters.len() > 50);
    for (number, letter) in letters.iter().enumerate() {
        let name = format!("cur/{}.M{number}P1Q1.x:2,", 1_796_000_000 + number);
        std::fs::copy(letter, place.root().join(name)).unwrap();
    }
    let mut commands: Vec<String> = vec![
        "FETCH 1:* (ENVELOPE BODYSTRUCTURE)".to_owned(),
        "THREAD REFERENCES UTF-8 ALL".to_owned(),
        "THREAD ORDEREDSUBJECT UTF-8 ALL".to_owned(),
        "SEARCH TEXT the".to_owned(),
        "SEARCH BODY the".to_owned(),
        "SEARCH SENTSINCE 1-Jan-2000".to_owned(),
        "SEARCH LARGER 2000".to_owned(),
    ];
    for key in
        ["ARRIVAL", "CC", "DATE", "DISPLAYFROM", "DISPLAYTO", "FROM", "SIZE", "SUBJECT", "TO"]
    {
        commands.push(format!("SORT ({key}) UTF-8 ALL"));
    }
    for field in ["FROM", "TO", "SUBJECT", "HEADER Content-Type", "HEADER Received"] {
        commands.push(format!("SEARCH {field} e"));
    }
    let answers = |client: &mut super::Client| -> Vec<Vec<u8>> {
        client.tag = 0;
        let said = |command: &String| client.octets(format!("x {command}\r\n").as_bytes());
        commands.iter().map(said).collect()
    };
    let mut first = place.without_cache();
    let fresh = answers(&mut first);
    // Without any of them cached each command reads the letters itself.
    for (command, expected) in commands.iter().zip(&fresh) {
        let said = place.without_cache().octets(format!("x {command}\r\n").as_bytes());
        assert!(said == *expected, "{command} without a cache");
    }
    assert!(answers(&mut place.restarted()) == fresh, "another answer after a restart");
}
