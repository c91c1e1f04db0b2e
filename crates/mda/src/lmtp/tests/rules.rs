//! Letters for users who have rules.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::relay::Relay;
use super::*;

const LETTER: &str = "Received: by x with ESMTP id 0123456789ABC; date\r\nMessage-ID: <m@x.example>\r\n\
    X-Number: {}\r\nFrom: eve@elsewhere.example\r\nTo: alice@our.example\r\nSubject: hello\r\n\r\nbody";

impl Place {
    /// Gives a user a script.
    pub(super) fn script(&self, user: &str, text: &str) -> PathBuf {
        let folder = self.dir.path().join("sieve");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o700)).unwrap();
        let path = folder.join(format!("{user}.sieve"));
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        path
    }

    /// Makes a folder of a user's mailbox.
    pub(super) fn folder(&self, user: &str, name: &str) -> PathBuf {
        let folder = self.maildir(user).join(format!(".{name}"));
        for part in ["tmp", "new", "cur"] {
            std::fs::create_dir_all(folder.join(part)).unwrap();
        }
        folder
    }

    pub(super) fn relay(&self) -> Relay {
        Relay::start(&self.shared.config.mta.socket)
    }

    /// One letter; gives the replies.
    async fn deliver(&self, recipients: &[&str]) -> Vec<String> {
        self.deliver_from("eve@elsewhere.example", recipients).await
    }

    async fn deliver_from(&self, sender: &str, recipients: &[&str]) -> Vec<String> {
        let mut client = self.connect();
        client.begin(&[]).await;
        client.say("RSET\r\n").await;
        client.hear().await;
        client.recipients_of(sender, recipients).await;
        // Another one each time.
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed).to_string();
        client.data(&LETTER.replace("{}", &number), recipients.len()).await
    }

    /// What `postroad trace` says of the letter's rules.
    fn notes(&self) -> Vec<String> {
        self.shared.journal.flush();
        let trace = self.dir.path().join("trace");
        let records = postroad_observe::trace::merge(&trace, "0123456789ABC").unwrap();
        let note = |record: postroad_observe::trace::Record| match record.event {
            postroad_observe::trace::Event::Note { text } => Some(text),
            _ => None,
        };
        records.into_iter().filter_map(note).collect()
    }

    /// Files of any letter in a mailbox, its folders included, and in its tmp/.
    pub(super) fn count(&self, user: &str) -> usize {
        let mut folders = vec![self.maildir(user)];
        let mut count = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let entry = entry.unwrap();
                match entry.file_type().unwrap().is_dir() {
                    true => folders.push(entry.path()),
                    false => {
                        count += usize::from(entry.file_name().to_string_lossy().contains(".M"))
                    }
                }
            }
        }
        count
    }
}

const ALICE: &str = "alice@our.example";

#[tokio::test]
async fn keep_fileinto_copy_and_discard() {
    let place = Place::new();
    let lists = place.folder("alice", "Lists");
    place.script(
        "alice",
        "require \"fileinto\";\nif header :is \"Subject\" \"hello\" {\nfileinto \"Lists\"; }",
    );
    check(&place.deliver(&[ALICE]).await, &["250 2.0.0 Filed as "]);
    let letters = place.letters_in(&lists);
    assert!(letters[0].starts_with("Return-Path: <eve@elsewhere.example>\nDelivered-To: alice@"));
    assert!(letters[0].ends_with("Subject: hello\n\nbody\n"), "{letters:?}");
    assert_eq!(place.count("alice"), 1);
    assert_eq!(place.notes(), ["alice@our.example: filed into \"Lists\" by alice.sieve line 3"]);

    place.script("alice", "require [\"fileinto\", \"copy\"]; fileinto :copy \"Lists\"; # both");
    check(&place.deliver(&[ALICE]).await, &["250 2.0.0 Filed as "]);
    assert_eq!((place.letters("alice").len(), place.letters_in(&lists).len()), (1, 2));
    place.script("alice", "keep;");
    check(&place.deliver(&[ALICE]).await, &["250 2.0.0 Filed as "]);
    assert_eq!(place.letters("alice").len(), 2);
    place.script("alice", "discard;");
    check(&place.deliver(&[ALICE]).await, &["250 2.0.0 Dealt with"]);
    assert_eq!(place.count("alice"), 4);
    assert_eq!(place.notes().last().unwrap(), "alice@our.example: discarded by alice.sieve line 1");
}

#[tokio::test]
async fn rules_are_one_recipients_alone() {
    let place = Place::new();
    place.script("alice", "require \"reject\"; reject \"Write to Bob.\r\nReally.\";");
    place.script("carol", "discard;");
    let replies = place.deliver(&[ALICE, "bob@our.example", "carol@our.example"]).await;
    check(&replies, &["550 5.7.1 Really.", "250 2.0.0 Filed as ", "250 2.0.0 Dealt with"]);
    let counts = ["alice", "bob", "carol"].map(|user| place.count(user));
    assert_eq!(counts, [0, 1, 0]);
    assert!(place.notes().contains(&"alice@our.example: refused by alice.sieve line 1".to_owned()));
    // Who has no sender can't be told; who is one of several doesn't speak for the others.
    check(&place.deliver_from("", &[ALICE]).await, &["250 2.0.0 Dealt with"]);
    check(&place.deliver(&["both@our.example"]).await, &["250 2.0.0 Filed as "]);
    assert_eq!(["alice", "bob"].map(|user| place.count(user)), [1, 2]);
}

#[tokio::test]
async fn m02_names_that_are_no_folders_go_to_the_inbox_and_the_user_is_told() {
    let place = Place::new();
    place.script("alice", "require \"fileinto\"; fileinto \"../x\";");
    check(&place.deliver(&[ALICE]).await, &["250 2.0.0 Filed as "]);
    let letters = place.letters("alice");
    assert!(letters.iter().any(|letter| letter.ends_with("body\n")));
    let notice = letters.iter().find(|letter| letter.contains("Auto-Submitted")).unwrap();
    assert!(notice.contains("    alice.sieve:1:21: \"../x\" can't be a folder"), "{notice}");
    assert_eq!(letters.len(), 2);
    assert!(!place.dir.path().join("mail/x").exists());
}

#[tokio::test]
async fn folders_that_are_not_there() {
    let place = Place::new();
    place.script("alice", "require \"fileinto\"; fileinto \"Entwürfe\";");
    check(&place.deliver(&[ALICE]).await, &["250 2.0.0 Filed as "]);
    assert_eq!(place.letters("alice").len(), 1);
    let note = place.notes().remove(0);
    assert!(
        note.contains("kept in the inbox, not in \"Entwürfe\" by alice.sieve line 1"),
        "{note}"
    );

    let place = Place::with(Arc::new(NoLinks), "mda.create_folders = true");
    for script in ["fileinto \"Entwürfe\";", "fileinto :create \"Entwürfe.neu\";"] {
        let script = format!("require [\"fileinto\", \"mailbox\"]; {script}");
        place.script("alice", &script);
        check(&place.deliver(&[ALICE]).await, &["250 2.0.0 Filed as "]);
    }
    let root = place.maildir("alice");
    for folder in [".Entw&APw-rfe", ".Entw&APw-rfe.neu"] {
        assert!(root.join(folder).join("maildirfolder").exists(), "{folder}");
    }
    assert_eq!(place.letters_in(&root.join(".Entw&APw-rfe.neu")).len(), 1);
    let subscriptions = std::fs::read_to_string(root.join("subscriptions")).unwrap();
    assert_eq!(subscriptions, "Entw&APw-rfe\nEntw&APw-rfe.neu\n");
}

#[tokio::test]
async fn flags_and_changed_headers() {
    let place = Place::new();
    let script = "require [\"imap4flags\", \"editheader\"]; addheader \"X-Seen\" \"by rules\";\
        keep :flags [\"\\\\Seen\", \"\\\\Flagged\", \"Work\"];";
    place.script("alice", script);
    check(&place.deliver(&[ALICE]).await, &["250 2.0.0 Filed as "]);
    let cur = place.maildir("alice").join("cur");
    let file = std::fs::read_dir(cur).unwrap().next().unwrap().unwrap().path();
    assert!(file.to_str().unwrap().ends_with(":2,FSa"), "{file:?}");
    let keywords = std::fs::read_to_string(place.maildir("alice").join("dovecot-keywords"));
    assert_eq!(keywords.unwrap(), "0 Work\n");
    let letter = std::fs::read_to_string(file).unwrap();
    assert!(letter.starts_with("Return-Path: <eve@"), "{letter}");
    assert!(letter.contains("+0000\nX-Seen: by rules\nReceived: by x"), "{letter}");
}

#[tokio::test] // Tests RFC 8579 §4, RFC 5490 §3.3.
async fn what_folders_are_for_and_annotations() {
    let place = Place::new();
    let script = "require [\"fileinto\", \"mailbox\", \"special-use\", \"mboxmetadata\", \"imap4flags\"];\
        if metadata \"Lists\" \"/private/Colour\" \"red\" { addflag \"red\"; }\
        if specialuse_exists \"\\\\Junk\" { addflag \"found\"; }\
        fileinto :create :specialuse \"\\\\Junk\" \"Bulk\";";
    place.script("alice", script);
    check(&place.deliver(&[ALICE]).await, &["250 2.0.0 Filed as "]);
    let inbox = place.maildir("alice");
    let read = |name: &str| std::fs::read_to_string(inbox.join(name)).unwrap_or_default();
    let assigned = "{\"entry\":\"/private/specialuse\",\"value\":\"\\\\Junk\"}\n";
    assert_eq!(read(".Bulk/postroad-metadata"), assigned);
    // Now it is found, whatever folder is named.
    place.script("alice", &script.replace("Bulk", "Spam"));
    std::fs::create_dir(inbox.join(".Lists")).unwrap();
    let red = "{\"entry\":\"/private/colour\",\"value\":\"red\"}\n";
    std::fs::write(inbox.join(".Lists/postroad-metadata"), red).unwrap();
    check(&place.deliver(&[ALICE]).await, &["250 2.0.0 Filed as "]);
    assert!(!inbox.join(".Spam").exists());
    assert_eq!(read(".Bulk/dovecot-keywords"), "0 red\n1 found\n");
}

#[tokio::test]
async fn a_broken_script_keeps_the_letter_and_tells_the_user_once() {
    let place = Place::new();
    place.script("alice", "require \"fileinto\";\nfileint \"x\";\n");
    for letters in [2, 3, 4] {
        check(&place.deliver(&[ALICE]).await, &["250 2.0.0 Filed as "]);
        assert_eq!(place.letters("alice").len(), letters);
    }
    let notices = |place: &Place| {
        let letters = place.letters("alice").into_iter();
        letters.filter(|letter| letter.contains("Auto-Submitted")).collect::<Vec<_>>()
    };
    let told = notices(&place);
    assert!(told[0].starts_with("Return-Path: <>\nDelivered-To: alice@our.example\nFrom: "));
    assert!(told[0].contains("\n    alice.sieve:2:1: "), "{}", told[0]);
    // Mended, and broken again.
    place.script("alice", "keep;");
    check(&place.deliver(&[ALICE]).await, &["250 2.0.0 Filed as "]);
    place.script("alice", "kep; # another mistake");
    check(&place.deliver(&[ALICE]).await, &["250 2.0.0 Filed as "]);
    assert_eq!((notices(&place).len(), place.letters("alice").len()), (2, 7));
}

#[tokio::test]
async fn m04_a_script_that_others_can_write_to_is_not_run_and_letters_wait() {
    let place = Place::new();
    let script = place.script("alice", "discard;");
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o666)).unwrap();
    let replies = place.deliver(&[ALICE, "bob@our.example"]).await;
    check(&replies, &["451 4.3.5 The recipient's rules", "250 2.0.0"]);
    assert_eq!(place.count("alice"), 0);
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o600)).unwrap();
    check(&place.deliver(&[ALICE]).await, &["250 2.0.0 Dealt with"]);
}

#[tokio::test]
async fn what_is_sent_on_has_left_before_anything_is_answered() {
    let place = Place::new();
    let relay = place.relay();
    place.script("alice", "redirect \"far@away.example\"; redirect \"and@beyond.example\";");
    check(&place.deliver(&[ALICE]).await, &["250 2.0.0 Dealt with"]);
    {
        let taken = relay.taken();
        assert_eq!(taken[0].from, "eve@elsewhere.example");
        assert_eq!(taken[0].to, ["far@away.example", "and@beyond.example"]);
        let content = &taken[0].content;
        assert!(
            content.starts_with("Delivered-To: alice@our.example\r\nReceived: from client.example")
        );
        assert!(content.ends_with("Subject: hello\r\n\r\nbody\r\n"), "{content}");
        assert_eq!((taken.len(), place.count("alice")), (1, 0));
    }
    assert!(place.notes()[0].ends_with("sent on to far@away.example by alice.sieve line 1"));
    // A null reverse-path stays null; a copy stays here.
    place.script("alice", "require \"copy\"; redirect :copy \"far@away.example\";");
    check(&place.deliver_from("", &[ALICE]).await, &["250 2.0.0 Filed as "]);
    assert_eq!((relay.taken()[1].from.as_str(), place.count("alice")), ("", 1));
}

#[tokio::test]
async fn what_is_sent_on_leaves_by_tcp_where_that_is_said() {
    let (relay, address) = Relay::start_tcp();
    let settings = format!("mda.submit = \"smtp://{address}\"");
    let place = Place::with(Arc::new(NoLinks), &settings);
    place.script("alice", "redirect \"far@away.example\";");
    check(&place.deliver(&[ALICE]).await, &["250 2.0.0 Dealt with"]);
    assert_eq!(relay.taken()[0].to, ["far@away.example"]);
}

#[tokio::test]
async fn m10_what_comes_back_is_a_loop() {
    let place = Place::new();
    let relay = place.relay();
    place.script("alice", "redirect \"bob@our.example\";");
    place.script("bob", "redirect \"alice@our.example\";");
    check(&place.deliver(&[ALICE]).await, &["250 2.0.0 Dealt with"]);
    let content = relay.taken()[0].content.clone();
    let mut client = place.connect();
    client.begin(&["bob@our.example"]).await;
    let hop = "Received: from mx by mx; date\r\n";
    check(&client.data(&format!("{hop}{content}"), 1).await, &["250 2.0.0 Dealt with"]);
    let content = relay.taken()[1].content.clone();
    client.recipients(&[ALICE]).await;
    check(&client.data(&format!("{hop}{content}"), 1).await, &["554 5.4.6"]);
    // To oneself: kept.
    place.script("alice", "redirect \"Alice@our.example\";");
    check(&place.deliver(&[ALICE]).await, &["250 2.0.0 Filed as "]);
    assert_eq!(relay.taken().len(), 2);
}

#[tokio::test]
async fn what_cannot_be_sent_on_is_for_later_and_leaves_nothing() {
    let place = Place::new();
    let nobody_there = "require \"copy\"; redirect :copy \"far@away.example\";";
    place.script("alice", nobody_there);
    check(&place.deliver(&[ALICE, "bob@our.example"]).await, &["451 4.4.0", "250 2.0.0"]);
    let relay = place.relay();
    for to in ["later", "refused"] {
        // Whoever would take it isn't given it before all would.
        let script = format!(
            "require \"copy\"; redirect :copy \"far@away.example\"; redirect :copy \"{to}@away.example\";"
        );
        place.script("alice", &script);
        check(&place.deliver(&[ALICE]).await, &["451 4.4.0"]);
    }
    assert_eq!((relay.taken().len(), place.count("alice")), (0, 0));
}

#[tokio::test]
async fn m11_an_absence_is_told_once_and_never_to_nobody() {
    let place = Place::new();
    let relay = place.relay();
    place.script("alice", "require \"vacation\"; vacation \"Back on Monday.\";");
    for _ in 0..2 {
        check(&place.deliver(&[ALICE]).await, &["250 2.0.0 Filed as "]);
    }
    check(&place.deliver_from("", &[ALICE]).await, &["250 2.0.0 Filed as "]);
    let taken = relay.taken().clone();
    assert_eq!((taken.len(), place.count("alice")), (1, 3));
    assert_eq!(
        (taken[0].from.as_str(), taken[0].to.as_slice()),
        ("", &["eve@elsewhere.example".to_owned()][..])
    );
    assert!(taken[0].content.contains("\r\nFrom: alice@our.example\r\n"), "{taken:?}");
    assert!(taken[0].content.starts_with("Message-ID: <"), "{taken:?}");
}

#[tokio::test]
async fn an_answer_that_nobody_takes_holds_up_no_letter() {
    let place = Place::new();
    let relay = place.relay();
    place.script("alice", "require \"vacation\"; vacation \"Back on Monday.\";");
    check(&place.deliver_from("refused@x.example", &[ALICE]).await, &["250 2.0.0 Filed as "]);
    check(&place.deliver_from("later@x.example", &[ALICE]).await, &["451 4.4.0"]);
    assert_eq!((relay.taken().len(), place.count("alice")), (0, 1));
}

#[tokio::test] // Tests RFC 5435 §7: "notify" is compatible with all other actions; and RFC 5436 §2.7: sent once.
async fn of_a_letter_that_is_refused_those_are_told_who_were_to_be() {
    let place = Place::new();
    let relay = place.relay();
    let script = |fcc: &str| {
        format!(
            "require [\"enotify\", \"reject\", \"fcc\"]; \
             notify {fcc} \"mailto:pager@away.example\"; reject \"No.\";"
        )
    };
    place.script("alice", &script(""));
    check(&place.deliver(&[ALICE]).await, &["550 5.7.1 No."]);
    assert_eq!(
        (relay.taken()[0].to.as_slice(), place.count("alice")),
        (&["pager@away.example".to_owned()][..], 0)
    );
    assert!(place.notes().iter().any(|note| note.contains("refused by alice.sieve")));
    // The same letter again, because the reply was lost: it is refused again, and nobody is told twice.
    for fcc in ["", ":fcc \"INBOX\""] {
        place.script("alice", &script(fcc));
        let told = relay.taken().len();
        for _ in 0..2 {
            let mut client = place.connect();
            client.begin(&[ALICE]).await;
            let letter = LETTER.replace("{}", &format!("again{fcc}"));
            check(&client.data(&letter, 1).await, &["550 5.7.1 No."]);
        }
        assert_eq!(relay.taken().len(), told + 1, "{fcc}");
    }
    assert_eq!(place.count("alice"), 1);
}

#[tokio::test]
async fn duplicates_are_known_again() {
    let place = Place::new();
    place.script("alice", "require \"duplicate\"; if duplicate { discard; }");
    check(&place.deliver(&[ALICE]).await, &["250 2.0.0 Filed as "]);
    check(&place.deliver(&[ALICE]).await, &["250 2.0.0 Dealt with"]);
    assert_eq!(place.count("alice"), 1);
}

/// RFC 5228 §2.10.6 and the rule of this house: a failed store defers, whatever else succeeded.
#[tokio::test]
async fn m06_a_failed_store_takes_back_the_others_and_says_later() {
    let disk = FaultyDisk::new();
    let place = Place::with_disk(Arc::new(disk.clone()));
    for folder in ["", ".A", ".B"] {
        for part in ["tmp", "new", "cur"] {
            disk.put_dir(&place.maildir("alice").join(folder).join(part));
        }
    }
    place.script("alice", "require \"fileinto\"; fileinto \"A\"; fileinto \"B\"; keep;");
    disk.plan(Plan::Sound);
    check(&place.deliver(&[ALICE]).await, &["250 2.0.0 Filed as "]);
    let calls = disk.calls().len() as u64;
    let is_letter = |path: &&PathBuf| path.parent().unwrap().ends_with("new");
    let letters = || disk.files().iter().filter(is_letter).count();
    assert_eq!(letters(), 3);
    for call in 0..calls {
        disk.plan(Plan::Fail { call, errno: EIO });
        let replies = place.deliver(&[ALICE]).await;
        let failed = disk.calls().get(usize::try_from(call).unwrap()).cloned();
        disk.plan(Plan::Sound);
        // All or none: also where what failed was not needed.
        assert!(replies[0].starts_with("250 ") || replies[0].starts_with("451 "), "{replies:?}");
        assert_eq!(letters() % 3, 0, "{failed:?}: {:?}", disk.files());
    }
}

#[tokio::test]
async fn a_large_letter_is_seen_whole() {
    let place = Place::new();
    place.script(
        "alice",
        "require [\"body\", \"fileinto\", \"mailbox\"];\
        if allof(size :over 600K, body :contains \"needle\") { fileinto :create \"Found\"; }",
    );
    let mut client = place.connect();
    client.begin(&[ALICE]).await;
    let body: String = (0..10_000).map(|n| format!("{n:070}\r\n")).collect();
    check(&client.data(&format!("Subject: large\r\n\r\n{body}needle"), 1).await, &["250 2.0.0"]);
    let found = place.letters_in(&place.maildir("alice").join(".Found"));
    let (_, got) = found[0].split_once("\n\n").unwrap();
    assert!(got == body.replace("\r\n", "\n") + "needle\n");
}
