//! The outbox against a server that fails in every way.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod smtp_peer;

use std::time::{Duration, SystemTime};

use postroad_mua::account::{Account, Overrides};
use postroad_mua::compose::{Draft, FieldText, Letter, Mailbox};
use postroad_mua::outbox::listing::State;
use postroad_mua::outbox::sender::Flushed;
use postroad_mua::outbox::{Notes, Outbox, OutboxError};
use postroad_protocol::address::Address;
use smtp_peer::{Behaviour, SmtpPeer};

struct Desk {
    _dir: tempfile::TempDir,
    outbox: Outbox,
    account: Account,
    peer: SmtpPeer,
}

fn desk(behaviour: Behaviour) -> Desk {
    let dir = tempfile::tempdir().unwrap();
    let peer = SmtpPeer::start(behaviour);
    let overrides = Overrides {
        account_file: Some("/dev/null".into()),
        address: Some("us@our.example".into()),
        submission: Some(peer.url()),
        inbox: Some(dir.path().join("Maildir").display().to_string()),
        sent: Some("Sent".into()),
        outbox: Some(dir.path().join("outbox")),
        ..Overrides::default()
    };
    let account = Account::load(&overrides).unwrap();
    let outbox = Outbox::open(&dir.path().join("outbox")).unwrap();
    Desk { _dir: dir, outbox, account, peer }
}

impl Desk {
    fn leave(&self, subject: &str, to: &[&str]) -> Letter {
        let letter = letter(subject, to);
        self.outbox.leave(&letter, &copied()).unwrap();
        letter
    }

    fn flush(&self) -> Flushed {
        self.run(self.outbox.flush(&self.account, Duration::ZERO)).unwrap()
    }

    /// Address, state and words of everybody who waits.
    fn waiting(&self) -> Vec<(String, State, String)> {
        let letters = self.run(self.outbox.list()).unwrap();
        let recipients = letters.into_iter().flat_map(|letter| letter.recipients);
        recipients.map(|r| (r.to, r.state, r.reply.unwrap_or_default())).collect()
    }

    fn run<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
    }

    fn sent_copies(&self) -> usize {
        let cur = self._dir.path().join("Maildir/.Sent/cur");
        let names = std::fs::read_dir(cur).into_iter().flatten();
        names
            .filter(|name| name.as_ref().unwrap().path().to_str().unwrap().ends_with(":2,S"))
            .count()
    }
}

fn letter(subject: &str, to: &[&str]) -> Letter {
    let mailbox = |text: &&str| Mailbox::new(None, Address::parse(text).unwrap());
    let mut draft = Draft::new(mailbox(&"us@our.example"));
    draft.to = to.iter().map(mailbox).collect();
    draft.subject = FieldText::new(subject);
    draft.body = "text\n.\nmore\n".into();
    draft.into_letter().unwrap()
}

fn copied() -> Notes {
    Notes { copy: Some("Sent".into()), draft: None }
}

#[test]
fn letters_leave_in_order_and_are_filed() {
    let desk = desk(Behaviour::Accept);
    for subject in ["one", "two", "three"] {
        desk.leave(subject, &["a@x.example", "b@x.example"]);
    }
    assert_eq!(desk.flush(), Flushed::Empty);
    let letters = desk.peer.letters();
    let subjects: Vec<&str> = letters
        .iter()
        .flat_map(|letter| letter.lines().filter_map(|line| line.strip_prefix("Subject: ")))
        .collect();
    assert_eq!(subjects, ["one", "two", "three"]);
    assert!(letters[0].ends_with("text\n..\nmore"), "{}", letters[0]);
    assert_eq!(desk.waiting(), []);
    assert_eq!(desk.sent_copies(), 3);
}

#[test]
fn a_refused_letter_stays_with_the_servers_words_until_its_author_decides() {
    let desk = desk(Behaviour::RefuseSome);
    desk.leave("s", &["no@x.example", "yes@x.example"]);
    assert_eq!(desk.flush(), Flushed::Empty);
    let [(to, state, words)] = &desk.waiting()[..] else { panic!("{:?}", desk.waiting()) };
    assert_eq!((to.as_str(), *state), ("no@x.example", State::Refused));
    // U01, U11: a server's words are shown, not obeyed.
    assert!(
        words.starts_with("550 5.1.1 nobody") && !words.contains(['\u{1b}', '\u{7}']),
        "{words}"
    );
    // Nothing is tried again by itself …
    assert_eq!(desk.flush(), Flushed::Empty);
    assert_eq!(desk.peer.letters().len(), 1);
    // … but when its author says so; the other recipient doesn't get it twice.
    desk.peer.behave(Behaviour::Accept);
    let ids: Vec<String> =
        desk.run(desk.outbox.list()).unwrap().into_iter().map(|l| l.id).collect();
    assert_eq!(desk.run(desk.outbox.retry(&ids)).unwrap(), 1);
    assert_eq!(desk.flush(), Flushed::Empty);
    assert_eq!(desk.peer.letters().len(), 2);
    assert_eq!(desk.waiting(), []);
}

#[test]
fn what_fails_for_now_waits() {
    for (behaviour, words) in [
        (Behaviour::Later, "450 4.2.1 later"),
        (Behaviour::HangUpAfterData, "closed the connection after the message"),
        (Behaviour::Junk, "no SMTP reply"),
    ] {
        let desk = desk(behaviour);
        desk.leave("s", &["a@x.example"]);
        assert!(matches!(desk.flush(), Flushed::Waiting(_)), "{behaviour:?}");
        let [(_, State::Waiting, said)] = &desk.waiting()[..] else {
            panic!("{:?}", desk.waiting())
        };
        assert!(said.contains(words), "{behaviour:?}: {said}");
        desk.peer.behave(Behaviour::Accept);
        assert_eq!(desk.flush(), Flushed::Empty);
        assert_eq!(desk.peer.letters().len(), 1, "{behaviour:?}");
    }
}

#[test]
fn nobody_listens_and_then_somebody_does() {
    let mut desk = desk(Behaviour::Accept);
    let right = desk.account.submission.clone();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let wrong = Overrides {
        account_file: Some("/dev/null".into()),
        address: Some("us@our.example".into()),
        submission: Some(format!("smtp://{nobody}")),
        ..Overrides::default()
    };
    desk.account.submission = Account::load(&wrong).unwrap().submission;
    desk.leave("s", &["a@x.example"]);
    assert!(matches!(desk.flush(), Flushed::Waiting(_)));
    assert!(desk.waiting()[0].2.contains("cannot connect"), "{:?}", desk.waiting());
    desk.account.submission = right;
    assert_eq!(desk.flush(), Flushed::Empty);
    assert_eq!(desk.peer.letters().len(), 1);
}

#[test]
fn letters_are_thrown_away_before_and_after_they_are_queued() {
    let desk = desk(Behaviour::Later);
    desk.leave("s", &["a@x.example"]);
    let ids = |desk: &Desk| -> Vec<String> {
        desk.run(desk.outbox.list()).unwrap().into_iter().map(|letter| letter.id).collect()
    };
    assert_eq!(desk.run(desk.outbox.discard(&ids(&desk))).unwrap(), 1);
    desk.leave("s", &["a@x.example"]);
    desk.flush();
    assert_eq!(desk.run(desk.outbox.discard(&ids(&desk))).unwrap(), 1);
    assert_eq!(ids(&desk), Vec::<String>::new());
    assert!(desk.run(desk.outbox.discard(&["../../x".to_owned()])).is_err());
}

#[test]
fn u16_a_letter_that_was_being_taken_in_when_the_power_went_is_sent_once() {
    let desk = desk(Behaviour::Accept);
    desk.leave("s", &["a@x.example"]);
    let drop = desk._dir.path().join("outbox/drop");
    let name = std::fs::read_dir(drop.join("new")).unwrap().next().unwrap().unwrap().file_name();
    // Set aside under an id that never reached the queue.
    std::fs::rename(drop.join("new").join(name), drop.join("taken/0000000000042")).unwrap();
    assert_eq!(desk.flush(), Flushed::Empty);
    assert_eq!(desk.peer.letters().len(), 1);
    assert_eq!(std::fs::read_dir(drop.join("taken")).unwrap().count(), 0);
}

#[test]
fn a_second_sender_leaves_the_work_to_the_first() {
    let desk = desk(Behaviour::Stall);
    desk.leave("s", &["a@x.example"]);
    let first = (desk.outbox.clone(), desk.account.clone());
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(first.0.flush(&first.1, Duration::ZERO)).unwrap()
    });
    desk.peer.wait_until_stalled();
    assert_eq!(desk.flush(), Flushed::Busy);
    desk.leave("another", &["b@x.example"]);
    assert_eq!(desk.flush(), Flushed::Busy);
    desk.peer.behave(Behaviour::Accept);
    assert_eq!(thread.join().unwrap(), Flushed::Empty);
    assert_eq!(desk.peer.wait_for(2).len(), 2);
}

#[test]
fn copies_are_of_the_letters_that_ask_for_one() {
    let desk = desk(Behaviour::Accept);
    desk.outbox.leave(&letter("from cron", &["a@x.example"]), &Notes::default()).unwrap();
    desk.leave("s", &["a@x.example"]);
    assert_eq!(desk.flush(), Flushed::Empty);
    assert_eq!((desk.peer.letters().len(), desk.sent_copies()), (2, 1));
    let copies = desk._dir.path().join("outbox/copies");
    assert_eq!(std::fs::read_dir(copies).unwrap().count(), 0);
}

#[test]
fn the_copy_is_of_a_letter_that_has_left_whenever_that_is() {
    let desk = desk(Behaviour::Later);
    desk.leave("s", &["a@x.example", "b@x.example"]);
    assert!(matches!(desk.flush(), Flushed::Waiting(_)));
    assert_eq!(desk.sent_copies(), 0);
    desk.peer.behave(Behaviour::Accept);
    assert_eq!(desk.flush(), Flushed::Empty);
    assert_eq!(desk.sent_copies(), 1);
}

fn in_an_hour() -> SystemTime {
    SystemTime::now() + Duration::from_secs(3_600)
}

fn soon() -> SystemTime {
    SystemTime::now() + Duration::from_millis(300)
}

/// So late that no test sees it, and no later than any hold.
fn late() -> SystemTime {
    SystemTime::now() + postroad_mua::limits::HOLD
}

#[test]
fn a_letter_that_is_held_leaves_by_itself_however_little_patience_its_sender_has() {
    let desk = desk(Behaviour::Accept);
    desk.outbox.hold(&letter("s", &["a@x.example"]), &copied(), soon()).unwrap();
    let sent = desk.run(desk.outbox.flush(&desk.account, Duration::from_nanos(1))).unwrap();
    assert_eq!(sent, Flushed::Empty);
    assert_eq!((desk.peer.letters().len(), desk.sent_copies()), (1, 1));
}

#[test]
fn a_letter_that_is_held_is_listed_and_taken_back_or_thrown_away() {
    let desk = desk(Behaviour::Accept);
    for way in ["take back", "discard"] {
        let name = desk.outbox.hold(&letter("s", &["a@x.example"]), &copied(), late()).unwrap();
        assert!(postroad_mua::outbox::has_letters(&desk._dir.path().join("outbox")));
        let listed = desk.run(desk.outbox.list()).unwrap();
        assert_eq!(
            (listed[0].id.as_str(), listed[0].recipients[0].state),
            (name.as_str(), State::Held)
        );
        assert!(listed[0].recipients[0].next.is_some());
        assert_eq!(desk.outbox.glance().unwrap(), listed);
        match way {
            "take back" => {
                desk.outbox.take_back(&name).unwrap();
                desk.outbox.forget_taken_back(&name);
            }
            _ => assert_eq!(desk.run(desk.outbox.discard(std::slice::from_ref(&name))).unwrap(), 1),
        }
        assert!(matches!(desk.outbox.take_back(&name), Err(OutboxError::Left(_))), "{way}");
        assert_eq!(desk.flush(), Flushed::Empty, "{way}");
        assert_eq!(desk.waiting(), []);
        assert!(desk.peer.letters().is_empty(), "{way}");
    }
    for name in ["../new/x", "", "/etc/passwd"] {
        assert!(matches!(desk.outbox.take_back(name), Err(OutboxError::Left(_))), "{name}");
    }
}

#[test]
fn a_clock_that_was_set_back_keeps_no_letter() {
    let desk = desk(Behaviour::Accept);
    desk.outbox.hold(&letter("s", &["a@x.example"]), &copied(), in_an_hour()).unwrap();
    assert_eq!(desk.flush(), Flushed::Empty);
    assert_eq!(desk.peer.letters().len(), 1);
}

#[test]
fn what_was_left_meanwhile_overtakes_what_is_held() {
    let desk = desk(Behaviour::Accept);
    let name = desk.outbox.hold(&letter("held", &["a@x.example"]), &copied(), late()).unwrap();
    desk.leave("left", &["a@x.example"]);
    // A sender that only looks by doesn't wait for it; it may have become due on a slow machine.
    let flushed = desk.flush();
    let letters = desk.peer.letters();
    assert!(letters[0].contains("Subject: left\n"), "{letters:?}");
    match desk.outbox.take_back(&name) {
        Ok(_) => assert!(matches!(flushed, Flushed::Waiting(_)), "{flushed:?}"),
        Err(_) => assert_eq!((flushed, letters.len()), (Flushed::Empty, 2)),
    }
}
