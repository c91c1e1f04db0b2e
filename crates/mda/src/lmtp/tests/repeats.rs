//! Letters that come again, since the reply to an earlier try was lost.

use super::relay::Relay;
use super::*;

const ALICE: &str = "alice@our.example";
const REPEAT: &str = "250 2.0.0 Recognised as a repeat";

/// A letter as a transfer agent hands it over.
fn letter(queue_id: &str, body: &str) -> String {
    format!(
        "Received: from far by mx with ESMTP id {queue_id}; date\r\nMessage-ID: <m@x.example>\r\n\
         Subject: hello\r\n\r\n{body}"
    )
}

impl Place {
    /// The next process with the same files.
    pub(super) fn restart(&mut self) {
        let (trigger, shutdown) = Shutdown::manual();
        let config = self.shared.config.clone();
        self.shared = Arc::new(Shared::new(config, Arc::new(NoLinks), shutdown).unwrap());
        self._trigger = trigger;
    }

    async fn hand_over(&self, letter: &str, recipients: &[&str]) -> Vec<String> {
        let mut client = self.connect();
        client.begin(recipients).await;
        client.data(letter, recipients.len()).await
    }

    fn ledger(&self) -> PathBuf {
        self.maildir("alice").join("postroad-deliveries")
    }
}

#[tokio::test]
async fn m07_a_hundred_lost_replies_and_no_letter_twice() {
    let place = Place::new();
    for n in 0..100 {
        let letter = letter(&format!("4A{n}"), "body");
        let mut client = place.connect();
        client.begin(&[ALICE]).await;
        client.say("DATA\r\n").await;
        client.hear().await;
        client.say(&format!("{letter}\r\n.\r\n")).await;
        // Before the reply is read.
        drop(client);
        // As long as the first try is under way it is "later".
        let reply = loop {
            let reply = place.hand_over(&letter, &[ALICE]).await.remove(0);
            if !reply.starts_with("451 4.3.0 The same letter is being delivered") {
                break reply;
            }
        };
        assert!(reply.starts_with("250 "), "{reply}");
        assert_eq!(place.letters("alice").len(), n + 1, "{reply}");
    }
}

#[tokio::test]
async fn m07_only_the_same_entry_of_the_same_queue_is_a_repeat() {
    let place = Place::new();
    let first = letter("4ABC", "body");
    check(&place.hand_over(&first, &[ALICE]).await, &["250 2.0.0 Filed as "]);
    let others = [
        // One Message-ID and one subject say nothing.
        letter("4ABC", "another body"),
        letter("4ABD", "body"),
        first.replace("Subject: hello", "Subject: hullo"),
    ];
    for (n, other) in others.iter().enumerate() {
        check(&place.hand_over(other, &[ALICE]).await, &["250 2.0.0 Filed as "]);
        assert_eq!(place.letters("alice").len(), n + 2);
    }
    // Another address of the same user, and another user.
    let recipients = ["alice+lists@our.example", "bob@our.example"];
    check(&place.hand_over(&first, &recipients).await, &["250 2.0.0 Filed as "; 2]);
    // What a caller puts on top is another one each time.
    let again = format!("Delivery-date: now\r\n{first}");
    check(&place.hand_over(&again, &[ALICE]).await, &[REPEAT]);
    assert_eq!((place.letters("alice").len(), place.letters("bob").len()), (5, 1));
    // Without a queue id nothing is known again.
    for _ in 0..2 {
        let reply = place.hand_over("Message-ID: <m@x.example>\r\n\r\nbody", &[ALICE]).await;
        check(&reply, &["250 2.0.0 Filed as "]);
    }
}

#[tokio::test]
async fn m07_an_address_that_is_named_twice_gets_one_letter() {
    let place = Place::new();
    let recipients = [ALICE, "bob@our.example", ALICE, "nobody@elsewhere.example"];
    let mut client = place.connect();
    client.begin(&recipients).await;
    check(&client.data(&letter("4ABC", "body"), 3).await, &["250 2.0.0 Filed as "; 3]);
    assert_eq!((place.letters("alice").len(), place.letters("bob").len()), (1, 1));
}

#[tokio::test]
async fn m07_an_alias_that_leads_to_one_mailbox_twice_gets_one_letter() {
    let place = Place::new();
    let letter = letter("4ABC", "body");
    check(&place.hand_over(&letter, &["twice@our.example"]).await, &["250 2.0.0 Filed as "]);
    assert_eq!(place.letters("alice").len(), 1);
    check(&place.hand_over(&letter, &["twice@our.example"]).await, &[REPEAT]);
}

#[tokio::test]
async fn m07_two_users_who_share_a_mailbox_get_one_letter() {
    let place = Place::new();
    std::fs::create_dir_all(place.maildir("alice")).unwrap();
    std::os::unix::fs::symlink(place.maildir("alice"), place.maildir("bob")).unwrap();
    let letter = letter("4ABC", "body");
    check(&place.hand_over(&letter, &["both@our.example"]).await, &["250 2.0.0 Filed as "]);
    assert_eq!(place.letters("alice").len(), 1);
    check(&place.hand_over(&letter, &["both@our.example"]).await, &[REPEAT]);
}

#[tokio::test]
async fn m07_a_large_letter_is_known_again() {
    let place = Place::new();
    let body: String = (0..10_000).map(|n| format!("{n:070}\r\n")).collect();
    let large = letter("4ABC", &body);
    check(&place.hand_over(&large, &[ALICE]).await, &["250 2.0.0 Filed as "]);
    check(&place.hand_over(&large, &[ALICE]).await, &[REPEAT]);
    check(&place.hand_over(&format!("{large}x"), &[ALICE]).await, &["250 2.0.0 Filed as "]);
}

#[tokio::test]
async fn m07_the_trace_says_so() {
    let place = Place::new();
    for _ in 0..2 {
        place.hand_over(&letter("4ABC", "body"), &[ALICE]).await;
    }
    place.shared.journal.flush();
    let trace = place.dir.path().join("trace");
    let records = postroad_observe::trace::merge(&trace, "4ABC").unwrap();
    let said = format!("{records:?}");
    assert!(said.contains("alice@our.example: recognised as a repeat"), "{said}");
}

/// What was killed before the last line of the ledger, or lost the ledger, is found by the letters' names.
#[tokio::test]
async fn m07_the_letters_names_tell_where_the_ledger_does_not() {
    let mut place = Place::new();
    check(&place.hand_over(&letter("4ABC", "body"), &[ALICE]).await, &["250 2.0.0 Filed as "]);
    let ledger = std::fs::read_to_string(place.ledger()).unwrap();
    let killed = ledger.replace("done", "begun");
    assert_ne!(ledger, killed);
    let another_boot: String = ledger
        .lines()
        .filter(|line| !line.contains("done"))
        .map(|line| line.replace("boot ", "boot x") + "\n")
        .collect();
    for ledger in [killed.as_str(), another_boot.as_str(), "", "\0\0\0", "176 done", "boot "] {
        std::fs::write(place.ledger(), ledger).unwrap();
        place.restart();
        check(&place.hand_over(&letter("4ABC", "body"), &[ALICE]).await, &[REPEAT]);
        // From then on the ledger knows.
        check(&place.hand_over(&letter("4ABC", "body"), &[ALICE]).await, &[REPEAT]);
    }
    std::fs::remove_file(place.ledger()).unwrap();
    place.restart();
    check(&place.hand_over(&letter("4ABC", "body"), &[ALICE]).await, &[REPEAT]);
    assert_eq!(place.letters("alice").len(), 1);
    // A reader moves it; and removes it, when the ledger knows.
    let file =
        std::fs::read_dir(place.maildir("alice").join("new")).unwrap().next().unwrap().unwrap();
    let cur = place
        .maildir("alice")
        .join("cur")
        .join(format!("{}:2,S", file.file_name().to_str().unwrap()));
    std::fs::rename(file.path(), &cur).unwrap();
    std::fs::write(place.ledger(), "").unwrap();
    place.restart();
    check(&place.hand_over(&letter("4ABC", "body"), &[ALICE]).await, &[REPEAT]);
    std::fs::remove_file(cur).unwrap();
    place.restart();
    check(&place.hand_over(&letter("4ABC", "body"), &[ALICE]).await, &[REPEAT]);
    assert_eq!(place.letters("alice").len(), 0);
}

#[tokio::test]
async fn m07_a_ledger_that_cannot_be_kept_fails_no_delivery() {
    let place = Place::new();
    std::fs::create_dir_all(place.ledger()).unwrap();
    for n in 1..=2 {
        let reply = place.hand_over(&letter(&format!("4A{n}"), "body"), &[ALICE]).await;
        check(&reply, &["250 2.0.0 Filed as "]);
        assert_eq!(place.letters("alice").len(), n);
    }
    // The letter's name is still there to tell.
    check(&place.hand_over(&letter("4A1", "body"), &[ALICE]).await, &[REPEAT]);
}

#[tokio::test]
async fn m07_two_tries_at_the_same_moment_are_one_letter() {
    let (disk, hangs, release) = HangingDisk::new(HangingCall::Rename);
    let place = Arc::new(Place::with_disk(Arc::new(disk)));
    let bob = ["bob@our.example"];
    let letter = letter("4ABC", "body");
    let mut first = place.connect();
    first.begin(&bob).await;
    first.say("DATA\r\n").await;
    first.hear().await;
    first.say(&format!("{letter}\r\n.\r\n")).await;
    while hangs.try_recv().is_err() {
        tokio::task::yield_now().await;
    }
    check(&place.hand_over(&letter, &bob).await, &["451 4.3.0 The same letter"]);
    drop(release);
    check(&[first.hear().await], &["250 2.0.0 Filed as "]);
    check(&place.hand_over(&letter, &bob).await, &[REPEAT]);
    assert_eq!(place.letters("bob").len(), 1);
}

#[tokio::test]
async fn m07_rules_do_nothing_twice() {
    let place = Place::new();
    let relay: Relay = place.relay();
    for (n, script) in [
        "discard;",
        "redirect \"far@away.example\";",
        "require \"copy\"; redirect :copy \"far@away.example\";",
        "require \"vacation\"; vacation \"Back on Monday.\";",
        "require [\"fileinto\", \"mailbox\"]; fileinto :create \"A\"; fileinto :create \"B\"; keep;",
    ]
    .iter()
    .enumerate()
    {
        place.script("alice", script);
        let letter = letter(&format!("4A{n}"), "body").replace("Subject", "To: alice@our.example\r\nSubject");
        let first = place.hand_over(&letter, &[ALICE]).await;
        assert!(first[0].starts_with("250 2.0.0 "), "{first:?}");
        let (letters, sent) = (place.count("alice"), relay.taken().len());
        check(&place.hand_over(&letter, &[ALICE]).await, &[REPEAT]);
        assert_eq!((place.count("alice"), relay.taken().len()), (letters, sent), "{script}");
    }
    assert_eq!((place.count("alice"), relay.taken().len()), (5, 3));
}

/// Killed when one of three was there: the others are added.
#[tokio::test]
async fn m07_what_a_try_before_left_undone_is_done() {
    let mut place = Place::new();
    place.script("alice", "require [\"fileinto\", \"mailbox\"]; fileinto :create \"A\"; fileinto :create \"B\"; keep;");
    check(&place.hand_over(&letter("4ABC", "body"), &[ALICE]).await, &["250 2.0.0 Filed as "]);
    let root = place.maildir("alice");
    for folder in ["new", ".B/new"] {
        let file = std::fs::read_dir(root.join(folder)).unwrap().next().unwrap().unwrap();
        std::fs::remove_file(file.path()).unwrap();
    }
    let ledger = std::fs::read_to_string(place.ledger()).unwrap();
    std::fs::write(place.ledger(), ledger.replace("done", "begun")).unwrap();
    place.restart();
    check(&place.hand_over(&letter("4ABC", "body"), &[ALICE]).await, &["250 2.0.0 Filed as "]);
    for folder in ["new", ".A/new", ".B/new"] {
        assert_eq!(std::fs::read_dir(root.join(folder)).unwrap().count(), 1, "{folder}");
    }
}
