//! The real binary, called once more with a letter whose reply was lost.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use place::{LETTER, Place};

mod place;

fn letter(queue_id: &str, body: &str) -> String {
    LETTER.replace("with ESMTP;", &format!("with ESMTP id {queue_id};")) + body
}

#[test]
fn m07_the_same_letter_once_more_is_one_letter() {
    let place = Place::new();
    let config = place.path("postroad.toml").to_str().unwrap().to_owned();
    let call = |letter: &str, letters: usize| {
        place.run(&["--config", &config, "-d", "alice"], &[], letter.as_bytes()).ends(0, "");
        assert_eq!(place.letters("mail/alice").len(), letters, "{letter}");
    };
    call(&letter("4ABC", "body\n"), 1);
    // As Postfix's local(8) puts it, and another time; as the next process.
    let first_line = "From eve@x.example Sun Nov 29 20:00:00 2026\n";
    call(&format!("{first_line}{}", letter("4ABC", "body\n")), 1);
    // The same Message-ID and subject; the same content from another queue entry.
    call(&letter("4ABC", "another body\n"), 2);
    call(&letter("4ABD", "body\n"), 3);
    // What rules say now changes nothing any more.
    place.script("require \"reject\"; reject \"no\";");
    call(&letter("4ABD", "body\n"), 3);
    place.script("discard;");
    call(&letter("4ABE", "body\n"), 3);
    // What left no letter is known again as well.
    place.script("keep;");
    call(&letter("4ABE", "body\n"), 3);
    call(&letter("4ABF", "body\n"), 4);
}

/// A `.forward` with a line for each: `"|postroad-mda"`, `"|postroad-mda -m Copies"`, …
#[test]
fn m07_calls_that_want_something_else_are_no_repeats() {
    let place = Place::new();
    let config = place.path("postroad.toml").to_str().unwrap().to_owned();
    place.write("other.sieve", "require [\"fileinto\", \"mailbox\"]; fileinto :create \"Rules\";");
    let rules = format!("plugin/sieve={}", place.path("other.sieve").display());
    let letter = letter("4ABC", "body\n");
    for _ in 0..2 {
        let create = "lda_mailbox_autocreate=yes";
        for aim in [&[][..], &["-m", "Copies", "-o", create], &["-o", &rules]] {
            let as_dovecot_lda = ["--as", "dovecot-lda", "--config", &config, "-d", "alice"];
            let arguments = [&as_dovecot_lda[..], aim].concat();
            place.run(&arguments, &[], letter.as_bytes()).ends(0, "");
        }
        for folder in ["mail/alice", "mail/alice/.Copies", "mail/alice/.Rules"] {
            assert_eq!(place.letters(folder).len(), 1, "{folder}");
        }
    }
}

#[test]
fn m07_a_hundred_processes_of_one_mailbox_lose_nothing_of_each_other() {
    let place = Place::new();
    let config = place.path("postroad.toml").to_str().unwrap().to_owned();
    let call = |n: usize| {
        let letter = letter(&format!("4A{n}"), "body\n");
        place.run(&["--config", &config, "-d", "alice"], &[], letter.as_bytes()).ends(0, "");
    };
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let call = &call;
            scope.spawn(move || (0..25).for_each(|n| call(thread * 25 + n)));
        }
    });
    (0..100).for_each(call);
    assert_eq!(place.letters("mail/alice").len(), 100);
    let ledger = std::fs::read_to_string(place.path("mail/alice/postroad-deliveries")).unwrap();
    assert_eq!(ledger.lines().filter(|line| line.contains(" done ")).count(), 100, "{ledger}");
}
