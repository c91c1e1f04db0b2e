//! A mailbox that another process has removed and made anew: numbers that were of the old one do nothing to the new one.

use std::sync::Arc;

use super::*;

/// Another process removes the mailbox and makes one of that name, in which the same UIDs are other letters; a session of
/// this process has looked meanwhile.
fn remove_and_make_anew(place: &Place, by: &mut Client) {
    let root = place.root();
    std::fs::remove_dir_all(&root).unwrap();
    for part in ["tmp", "new", "cur"] {
        std::fs::create_dir_all(root.join(part)).unwrap();
    }
    for number in 1..=3 {
        place.put(&format!("cur/{number}.another:2,"), "Subject: another\n\nsecret\n");
    }
    let mut other = Place::new();
    other.ward.shared = Arc::new(Shared::new(root, "x"));
    other.connect().ok("STATUS INBOX (MESSAGES)");
    by.ok("STATUS INBOX (MESSAGES)");
}

#[test]
fn between_the_pieces_of_a_command() {
    for line in ["1 UID FETCH 1:* BODY[]", "1 UID SEARCH BODY secret", "1 FETCH 1:3 FLAGS"] {
        let place = Place::new();
        for number in 1..=3 {
            place.put(&format!("cur/{number}.old:2,"), "Subject: old\n\nx\n");
        }
        let (mut client, mut by) = (place.connect(), place.connect());
        client.ok("SELECT INBOX");
        client.receiver.push(format!("{line}\r\n").as_bytes());
        let Step::Command(tag, command) = client.receiver.step() else { panic!("{line}") };
        let mut out = Vec::new();
        let Begun::Work(mut work) = client.session.begin(tag, command, &mut out) else {
            panic!("{line}")
        };
        remove_and_make_anew(&place, &mut by);
        let Progress::Ended(Err(refused)) = work.step(&mut client.session, &mut out) else {
            panic!("{line}: {}", String::from_utf8_lossy(&out))
        };
        assert!(refused.is_no());
        assert_eq!(String::from_utf8_lossy(&out), "", "{line}");
        assert_eq!(place.names("cur"), ["1.another:2,", "2.another:2,", "3.another:2,"]);
    }
}

/// RFC 8508: the letter that is to go was in a mailbox that isn't there any more.
#[test]
fn while_a_letter_comes_that_replaces_one() {
    let place = Place::new();
    place.put("cur/1.old:2,", "Subject: old\n\nx\n");
    let (mut client, mut by) = (place.connect(), place.connect());
    client.ok("SELECT INBOX");
    assert_eq!(client.send(b"a UID REPLACE 1 INBOX {6}\r\n"), "+ Go on\r\n");
    remove_and_make_anew(&place, &mut by);
    let said = client.send(b"x: y\r\n\r\n");
    assert!(said.contains("a NO ["), "{said}");
    assert_eq!(place.names("cur"), ["1.another:2,", "2.another:2,", "3.another:2,"]);
}
