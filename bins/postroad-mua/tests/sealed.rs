//! Letters that are signed and encrypted, by the program as people call it, with keys of its own.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod home;
#[path = "../../../crates/mua/tests/smtp_peer/mod.rs"]
mod smtp_peer;

use std::path::Path;

use home::Home;
use smtp_peer::{Behaviour, SmtpPeer};

const BOB: [&str; 2] = ["--address", "bob@b.example"];

fn out(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Ours, and Bob's; each with a key that the other knows.
fn two(peer: &SmtpPeer) -> (Home, Home) {
    let (us, bob) = (Home::new(peer.url()), Home::new(peer.url()));
    us.check("postroad-mua", &["keys", "make"], "", 0);
    bob.check("postroad-mua", &[BOB[0], BOB[1], "keys", "make"], "", 0);
    let ours = out(&us.check("postroad-mua", &["keys", "export"], "", 0));
    let bobs = out(&bob.check("postroad-mua", &[BOB[0], BOB[1], "keys", "export"], "", 0));
    assert!(ours.starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----\n"), "{ours}");
    // Whose keys they are is shown, to be compared.
    let taken = out(&us.check("postroad-mua", &["keys", "import", "-"], &bobs, 0));
    assert!(taken.contains("bob@b.example") && taken.contains("(own: known"), "{taken}");
    bob.check("postroad-mua", &["keys", "import", "-"], &ours, 0);
    (us, bob)
}

fn deliver(home: &Home, name: &str, letter: &str) {
    std::fs::write(home.dir.path().join("Maildir/new").join(name), letter).unwrap();
}

/// Whether a text stands in any file below.
fn is_anywhere(folder: &Path, text: &str) -> bool {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    // The program lies there by links.
    entries.filter(|path| !path.is_symlink()).any(|path| match path.is_dir() {
        true => is_anywhere(&path, text),
        false => {
            let octets = std::fs::read(&path).unwrap_or_default();
            octets.windows(text.len()).any(|window| window == text.as_bytes())
        }
    })
}

#[test]
fn a_letter_is_encrypted_sent_read_and_answered() {
    let peer = SmtpPeer::start(Behaviour::Accept);
    let (us, bob) = two(&peer);
    let words =
        ["send", "--encrypt", "-t", "bob@b.example", "-s", "the plan", "-m", "at zwölf zq7x"];
    us.check("postroad-mua", &words, "", 0);
    let letter = peer.wait_for(1).remove(0);
    assert!(letter.contains("Subject: [...]\n") && !letter.contains("the plan"), "{letter}");
    deliver(&bob, "1.letter", &letter);
    let read = out(&bob.check("postroad-mua", &[BOB[0], BOB[1], "read", "latest"], "", 0));
    assert!(read.starts_with("[+ Encrypted; Signed by us@our.example"), "{read}");
    assert!(read.contains("Subject: the plan\n") && read.contains("at zwölf zq7x"), "{read}");
    let json = out(&bob.check("postroad-mua", &["read", "--json", "latest"], "", 0));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["seal"]["level"], &json["seal"]["encrypted"]),
        (&"good".into(), &true.into())
    );
    assert_eq!(json["subject"], "the plan");
    // Nothing of it is kept in the clear.
    for words in [&["search", "zq7x"][..], &["list"], &["search", "plan"]] {
        bob.run("postroad-mua", words, "");
    }
    assert!(!is_anywhere(bob.dir.path(), "zq7x") && !is_anywhere(bob.dir.path(), "the plan"));
    // The answer is encrypted by itself, and quotes what it answers.
    let words = [BOB[0], BOB[1], "reply", "latest", "-m", "yes zq8x"];
    bob.check("postroad-mua", &words, "", 0);
    let answer = peer.wait_for(2).remove(1);
    let is_told = ["zq7x", "zq8x"].iter().any(|word| answer.contains(word));
    assert!(answer.contains("multipart/encrypted") && !is_told, "{answer}");
    deliver(&us, "1.answer", &answer);
    let read = out(&us.check("postroad-mua", &["read", "latest"], "", 0));
    assert!(read.contains("Subject: Re: the plan\n") && read.contains("> at zwölf zq7x"), "{read}");
    // The copy of what was sent is as it left, and its author can read it.
    let sent = us.dir.path().join("Maildir/.Sent");
    assert!(!is_anywhere(&sent, "zq7x"));
}

#[test]
fn u10_an_answer_to_all_goes_to_whom_the_sealed_fields_name() {
    let peer = SmtpPeer::start(Behaviour::Accept);
    let (us, bob) = two(&peer);
    let words = ["send", "--encrypt", "-t", "bob@b.example", "-s", "the plan", "-m", "at noon"];
    us.check("postroad-mua", &words, "", 0);
    let letter = peer.wait_for(1).remove(0);
    let changed = letter.replacen("To: ", "Cc: eve@e.example\nReply-To: eve@e.example\nTo: ", 1);
    deliver(&bob, "1.letter", &changed);
    let read = out(&bob.check("postroad-mua", &[BOB[0], BOB[1], "read", "latest"], "", 0));
    assert!(read.starts_with("[! ") && read.contains("Cc was changed on the way"), "{read}");
    let page = read.split_once('\n').unwrap().1;
    assert!(!page.contains("eve@e.example"), "{page}");
    let words = [BOB[0], BOB[1], "reply", "--all", "latest", "-m", "yes"];
    bob.check("postroad-mua", &words, "", 0);
    let answer = peer.wait_for(2).remove(1);
    assert!(
        answer.contains("To: <us@our.example>") || answer.contains("To: us@our.example"),
        "{answer}"
    );
    assert!(!answer.contains("eve@e.example"), "{answer}");
}

#[test]
fn a_letter_that_cant_be_sealed_doesnt_leave() {
    let peer = SmtpPeer::start(Behaviour::Accept);
    let home = Home::new(peer.url());
    let words = ["send", "--encrypt", "-t", "bob@b.example", "-s", "s", "-m", "zq9x"];
    let output = home.check("postroad-mua", &words, "", 66);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("you have no private key") && said.contains("keys make"), "{said}");
    home.check("postroad-mua", &["keys", "make"], "", 0);
    let output = home.check("postroad-mua", &words, "", 66);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("no key of bob@b.example"), "{said}");
    assert!(!is_anywhere(home.dir.path(), "zq9x"));
    // U17: a private key is for its owner's eyes.
    use std::os::unix::fs::PermissionsExt as _;
    let keys = home.dir.path().join(".local/share/postroad-mua/keys");
    for file in std::fs::read_dir(&keys).unwrap().map(|entry| entry.unwrap().path()) {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o077, 0, "{file:?}");
    }
    assert_eq!(keys.metadata().unwrap().permissions().mode() & 0o077, 0);
}

#[test]
fn u09_what_is_said_of_a_signature_stands_above_the_letter() {
    let peer = SmtpPeer::start(Behaviour::Accept);
    let (us, bob) = two(&peer);
    let words =
        ["send", "--sign", "-t", "bob@b.example", "-s", "s", "-m", "[+ Signed by the king]"];
    us.check("postroad-mua", &words, "", 0);
    let letter = peer.wait_for(1).remove(0);
    deliver(&bob, "1.letter", &letter);
    let read = out(&bob.check("postroad-mua", &["read", "latest"], "", 0));
    assert!(read.starts_with("[+ Signed by us@our.example"), "{read}");
    deliver(&bob, "2.letter", &letter.replace("the king", "the queen"));
    let read = out(&bob.check("postroad-mua", &["read", "2"], "", 0));
    assert!(read.starts_with("[! The signature doesn't fit"), "{read}");
}

#[test]
fn u09_a_letter_doesnt_vouch_for_itself() {
    let peer = SmtpPeer::start(Behaviour::Accept);
    let (us, bob) = (Home::new(peer.url()), Home::new(peer.url()));
    us.check("postroad-mua", &["keys", "make"], "", 0);
    let words = ["send", "--sign", "-t", "bob@b.example", "-s", "s", "-m", "at noon"];
    us.check("postroad-mua", &words, "", 0);
    let letter = peer.wait_for(1).remove(0);
    let read = || out(&bob.check("postroad-mua", &["read", "1"], "", 0));
    deliver(&bob, "1.letter", &letter);
    let first = read();
    assert!(first.starts_with("[? Signed with a key that you don't have"), "{first}");
    // The next one is by the key that this one has brought.
    let next = read();
    assert!(next.starts_with("[? Signed with the key that letters from us@our.example"), "{next}");
}
