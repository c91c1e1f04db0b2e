//! Invitations: told in words, and answered to whoever asks.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod home;
#[path = "../../../crates/mua/tests/smtp_peer/mod.rs"]
mod smtp_peer;

use home::Home;
use smtp_peer::{Behaviour, SmtpPeer};

const LETTER: &str = "From: Ann <ann@x.example>\nTo: us@our.example\nSubject: Lunch?\nMessage-ID: <1@x.example>\n\
    MIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=B\n\n--B\nContent-Type: text/plain\n\nCome!\n\n--B\n\
    Content-Type: text/calendar; method=REQUEST; charset=utf-8\n\nBEGIN:VCALENDAR\nVERSION:2.0\nMETHOD:REQUEST\n\
    BEGIN:VEVENT\nUID:lunch-1\nDTSTART;VALUE=DATE:20261207\nRRULE:FREQ=SECONDLY\nSUMMARY:Lunch\u{202e}\n\
    ORGANIZER;CN=Secretary:mailto:secretary@x.example\nATTENDEE:mailto:us@our.example\nEND:VEVENT\nEND:VCALENDAR\n\n--B--\n";

#[test]
fn an_invitation_is_read_and_its_answer_goes_to_the_organiser_alone() {
    let peer = SmtpPeer::start(Behaviour::Accept);
    let home = Home::new(peer.url());
    let inbox = home.dir.path().join("Maildir/new");
    std::fs::write(inbox.join("1.M1.h"), LETTER).unwrap();
    std::fs::write(inbox.join("2.M2.h"), "From: bob@y.example\nSubject: none\n\nhello\n").unwrap();
    let read = home.check("postroad-mua", &["read", "1"], "", 0);
    let read = String::from_utf8(read.stdout).unwrap();
    for line in [
        "Come!",
        "When     Mon 7 Dec 2026, the whole day",
        "Again    every second, without an end",
        "By       Secretary <secretary@x.example>",
        "Asked    1: us@our.example (no answer yet)",
    ] {
        assert!(read.contains(line), "{line}: {read}");
    }
    assert!(read.contains("Invitation: Lunch") && !read.contains('\u{202e}'), "u02: {read}");
    assert!(peer.letters().is_empty(), "nothing is answered by itself");
    let answered = home.check("postroad-mua", &["reply", "1", "--tentative", "--json"], "", 0);
    let said = String::from_utf8(answered.stderr).unwrap();
    assert!(said.contains("goes to Secretary <secretary@x.example>"), "{said}");
    let sent: serde_json::Value = serde_json::from_slice(&answered.stdout).unwrap();
    assert_eq!(sent.get("to"), Some(&serde_json::json!(["secretary@x.example"])));
    let letter = peer.wait_for(1).concat();
    for part in
        ["In-Reply-To: <1@x.example>", "METHOD:REPLY", "UID:lunch-1", "PARTSTAT=3DTENTATIVE"]
    {
        assert!(letter.contains(part), "{part}: {letter}");
    }
    // It is sealed as any answer is: here, there is no key for the organiser, and then one of ours to sign with.
    let refused = home.run("postroad-mua", &["reply", "1", "--accept", "--encrypt"], "");
    assert!(!refused.status.success(), "{refused:?}");
    home.check("postroad-mua", &["keys", "make"], "", 0);
    home.check("postroad-mua", &["reply", "1", "--accept", "--sign"], "", 0);
    let signed = peer.wait_for(2).remove(1);
    assert!(signed.contains("multipart/signed") && signed.contains("PARTSTAT"), "{signed}");
    home.check("postroad-mua", &["reply", "2", "--accept"], "", 69);
    home.check("postroad-mua", &["reply", "1", "--accept", "--decline"], "", 64);
    home.check("postroad-mua", &["reply", "1", "--accept", "--all"], "", 64);
}
