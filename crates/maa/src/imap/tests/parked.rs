//! Sessions that another process goes on with.

use std::sync::Arc;
use std::time::Duration;

use postroad_imap::value::Tag;

use super::*;
use crate::imap::parked::Parked;

impl Place {
    /// What another process of the user has: nothing is open there.
    fn elsewhere(&self) -> Session {
        let mut session = Session::new(&self.ward);
        session.shared = Arc::new(Shared::new(self.root(), "our.example"));
        session
    }

    fn goes_on(&self, parked: &str) -> Result<Client, Refused> {
        let mut session = self.elsewhere();
        Parked::resume(parked, &mut session)?;
        Ok(Client { session, receiver: Receiver::new(AFTER_LOGIN), tag: 0 })
    }
}

fn parked(client: &Client) -> String {
    Parked::of(&client.session, None, Duration::ZERO, 3, None).unwrap()
}

fn place() -> Place {
    let place = Place::new();
    for number in 1..8 {
        place.put(&format!("cur/{number}.x:2,"), &format!("Subject: number {number}\n\n"));
    }
    place
}

#[test] // Tests RFC 9586.
fn letters_without_sequence_numbers_stay_so() {
    let mut place = place();
    let mut client = extensions::with(&mut place, &["+UIDONLY"]);
    client.ok("SELECT INBOX");
    client.ok("ENABLE UIDONLY");
    let mut other = place.goes_on(&parked(&client)).unwrap();
    assert_eq!(other.ok("UID FETCH 2 FLAGS"), ["* 2 UIDFETCH (FLAGS ())"]);
    assert!(other.command("FETCH 1 FLAGS").concat().starts_with("a BAD [UIDREQUIRED] "));
}

#[test]
fn a_session_is_the_same_in_another_process_and_in_the_next() {
    let place = place();
    place.put("new/8.x", "Subject: number 8\n\n");
    let mut client = place.connect();
    client.ok("ENABLE QRESYNC IMAP4rev2");
    client.ok("CREATE \"B\u{e4}ume.1\"");
    client.ok("SELECT INBOX");
    client.ok("UID STORE 3:4 +FLAGS (\\Deleted rare)");
    client.ok("EXPUNGE");
    client.ok("SEARCH RETURN (SAVE) UID 2,5:7");
    let one = parked(&client);
    let mut other = place.goes_on(&one).unwrap();
    other.tag = client.tag;
    let seconds = |text: &str| {
        let mut state: serde_json::Value = serde_json::from_str(text).unwrap();
        state["heard"].take();
        state
    };
    assert_eq!(seconds(&parked(&other)), seconds(&one));
    assert_eq!(seconds(&one)["selected"]["uids"].to_string(), "[[1,2],[5,8]]");
    for command in ["FETCH 3 (UID FLAGS)", "UID FETCH $ (UID)", "UID SEARCH ALL", "NOOP"] {
        assert_eq!(other.ok(command), client.ok(command), "{command}");
    }
    // A name that isn't ASCII, opened for reading.
    client.ok("EXAMINE \"B\u{e4}ume.1\"");
    let mut other = place.goes_on(&parked(&client)).unwrap();
    assert_eq!(other.command("EXPUNGE"), client.command("EXPUNGE"));
    // And nothing at all.
    let mut other = place.goes_on(&parked(&place.connect())).unwrap();
    assert_eq!(other.command("FETCH 1 (UID)"), ["a BAD No mailbox is selected"]);
}

#[test]
fn what_happens_meanwhile_is_told_by_the_next() {
    let place = place();
    let mut client = place.connect();
    client.ok("SELECT INBOX");
    let rests = parked(&client);
    drop(client);
    let mut beside = place.connect();
    beside.ok("SELECT INBOX");
    beside.ok("STORE 1 +FLAGS (\\Seen)");
    beside.ok("STORE 2 +FLAGS (\\Deleted)");
    beside.ok("EXPUNGE");
    place.put("cur/9.x:2,", "Subject: number 9\n\n");
    let mut other = place.goes_on(&rests).unwrap();
    assert_eq!(
        other.ok("NOOP"),
        ["* 2 EXPUNGE", "* 7 EXISTS", "* 0 RECENT", "* 1 FETCH (UID 1 FLAGS (\\Seen))"]
    );
    assert_eq!(other.ok("NOOP"), [""; 0]);
}

#[test]
fn an_idle_goes_on_with_its_tag_and_time() {
    let place = place();
    let mut client = place.connect();
    client.ok("SELECT INBOX");
    let tag = Tag::parse(b"i1").unwrap();
    let silent = Duration::from_secs(100);
    let rests = Parked::of(&client.session, Some(&tag), silent, 7, None).unwrap();
    let resumed = Parked::resume(&rests, &mut place.elsewhere()).unwrap();
    assert_eq!((resumed.idling, resumed.mistakes), (Some(tag), 7));
    assert!(resumed.silent >= silent && resumed.silent < 2 * silent, "{:?}", resumed.silent);
    assert_eq!(Parked::said(&rests), None);
    // Whatever octets a client has said.
    let said: Vec<u8> = (0..=255).collect();
    let rests = Parked::of(&client.session, None, silent, 0, Some(&said)).unwrap();
    assert_eq!(Parked::said(&rests), Some(said));
}

#[test]
fn who_has_asked_for_other_mailboxes_or_is_too_long_stays() {
    let place = place();
    let mut client = place.connect();
    client.ok("SELECT INBOX");
    client.session.selected.as_mut().unwrap().uids =
        Arc::new((1..10_000).map(|uid| 2 * uid).collect());
    assert_eq!(Parked::of(&client.session, None, Duration::ZERO, 0, None), None);
    let mut client = place.connect();
    client.ok("NOTIFY SET (PERSONAL (MessageNew MessageExpunge))");
    assert_eq!(Parked::of(&client.session, None, Duration::ZERO, 0, None), None);
}

#[test]
fn what_cannot_be_is_refused() {
    let place = place();
    let mut client = place.connect();
    client.ok("SELECT INBOX");
    let rests = parked(&client);
    let selected = client.session.selected.as_ref().unwrap();
    let validity = format!("\"uid_validity\":{}", selected.uid_validity);
    for (what, by) in [
        (rests.as_str(), ""),
        ("[[1,7]]", "[[1,4000000000]]"),
        ("[[1,7]]", "[[5,7],[1,4]]"),
        ("[[1,7]]", "[[0,7]]"),
        (validity.as_str(), "\"uid_validity\":1"),
        ("\"told\":", "\"told\":99999"),
        ("\"id\":\"", "\"id\":\"0"),
        ("\"INBOX\"", "\"Gone\""),
    ] {
        let wrong = rests.replacen(what, by, 1);
        assert_ne!(wrong, rests, "{what}");
        assert!(place.goes_on(&wrong).is_err(), "{wrong}");
    }
    assert!(place.goes_on(&rests).is_ok());
}
