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

#[test]
fn u09_who_is_encrypted_to_by_a_key_that_nobody_vouched_for_is_told() {
    let peer = SmtpPeer::start(Behaviour::Accept);
    let (us, bob) = (Home::new(peer.url()), Home::new(peer.url()));
    us.check("postroad-mua", &["keys", "make"], "", 0);
    bob.check("postroad-mua", &[BOB[0], BOB[1], "keys", "make"], "", 0);
    let from_bob = |said: &str| {
        let to = ["send", "--sign", "-t", "us@our.example", "-s", "s", "-m", said];
        bob.check("postroad-mua", &[&BOB[..], &to].concat(), "", 0);
    };
    from_bob("one");
    deliver(&us, "1.letter", &peer.wait_for(1).remove(0));
    us.check("postroad-mua", &["read", "1"], "", 0);
    let words = ["send", "--encrypt", "-t", "bob@b.example", "-s", "s", "-m", "at noon"];
    let said = us.check("postroad-mua", &words, "", 0);
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.contains("Nobody has vouched for the key of bob@b.example"), "{said}");
    assert!(said.contains("letters from there have brought it: compare it, "), "{said}");
    // A letter that brings another key has that said above it.
    std::fs::remove_dir_all(bob.dir.path().join(".local/share/postroad-mua/keys")).unwrap();
    bob.check("postroad-mua", &[BOB[0], BOB[1], "keys", "make"], "", 0);
    from_bob("two");
    let letter = peer.wait_for(3).remove(2);
    // Nothing tells two letters of one second apart.
    let letter = letter.replacen("Date: ", "X-Date: ", 1);
    deliver(&us, "2.letter", &letter);
    let read = out(&us.check("postroad-mua", &["read", "2"], "", 0));
    assert!(read.contains("It brings another key of its author than letters did before"), "{read}");
    // Once it is compared and taken in, nothing is said any more.
    let bobs = out(&bob.check("postroad-mua", &[BOB[0], BOB[1], "keys", "export"], "", 0));
    us.check("postroad-mua", &["keys", "import", "-"], &bobs, 0);
    let said = us.check("postroad-mua", &words, "", 0);
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(!said.contains("vouched"), "{said}");
}

#[test]
fn an_encrypted_letter_is_sent_on_encrypted_and_its_seal_is_verified() {
    let peer = SmtpPeer::start(Behaviour::Accept);
    let (us, bob) = two(&peer);
    let words = ["send", "--encrypt", "-t", "bob@b.example", "-s", "the plan", "-m", "at zq7x"];
    us.check("postroad-mua", &words, "", 0);
    let letter = peer.wait_for(1).remove(0);
    deliver(&bob, "1.letter", &letter);
    // What the seal says is part of the verdict.
    let verify = ["verify", "--no-dns", "latest"];
    let told = out(&bob.check("postroad-mua", &[&BOB[..], &verify].concat(), "", 0));
    assert!(
        told.starts_with("+ Its seal: Encrypted\n+ Its seal: Signed by us@our.example"),
        "{told}"
    );
    let json = ["verify", "--no-dns", "--json", "latest"];
    let json = out(&bob.check("postroad-mua", &[&BOB[..], &json].concat(), "", 0));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["seal"]["level"], &json["seal"]["encrypted"]),
        (&"good".into(), &true.into())
    );
    // Others can't open it: it is sent on as it was before it was encrypted, and encrypted to them.
    let to_carol = ["forward", "latest", "--to", "carol@c.example"];
    let output = bob.check("postroad-mua", &[&BOB[..], &to_carol].concat(), "", 66);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("no key of carol@c.example"), "{said}");
    let to_us = ["forward", "latest", "--to", "us@our.example", "-m", "see zq8x"];
    bob.check("postroad-mua", &[&BOB[..], &to_us].concat(), "", 0);
    let sent_on = peer.wait_for(2).remove(1);
    let is_told = ["zq7x", "zq8x", "the plan"].iter().any(|word| sent_on.contains(word));
    assert!(sent_on.contains("multipart/encrypted") && !is_told, "{sent_on}");
    deliver(&us, "1.sent-on", &sent_on);
    let read = out(&us.check("postroad-mua", &["read", "latest"], "", 0));
    assert!(read.contains("see zq8x") && read.contains("at zq7x"), "{read}");
    // One whose signature doesn't fit is contradicted.
    let sign = ["send", "--sign", "-t", "bob@b.example", "-s", "s", "-m", "at noon"];
    us.check("postroad-mua", &sign, "", 0);
    let signed = peer.wait_for(3).remove(2).replace("at noon", "at nine");
    deliver(&bob, "2.signed", &signed);
    let told = out(&bob.check("postroad-mua", &["verify", "--no-dns", "2"], "", 1));
    assert!(told.starts_with("! Its seal: The signature doesn't fit"), "{told}");
}
