//! Inboxes in mailbox files.

use super::*;

fn place(settings: &str) -> Place {
    Place::with(Arc::new(NoLinks), &format!("mda.mbox = \"spool/{{user}}\"\n{settings}"))
}

impl Place {
    fn mbox(&self, user: &str) -> PathBuf {
        self.dir.path().join("spool").join(user)
    }
}

#[tokio::test]
async fn m14_a_mailbox_file_has_what_no_rule_files_elsewhere() {
    let place = place("mda.create_folders = true\nmda.quota.letters = 1");
    std::fs::create_dir(place.dir.path().join("sieve")).unwrap();
    let script = place.dir.path().join("sieve/alice.sieve");
    std::fs::write(
        &script,
        "require [\"fileinto\", \"imap4flags\"];\n\
        if header \"Subject\" \"list\" { fileinto \"Lists\"; } else { keep :flags \"\\\\Seen\"; }",
    )
    .unwrap();
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o600)).unwrap();
    let mut client = place.connect();
    client.begin(&["alice@our.example", "both@our.example"]).await;
    let replies = client.data("Subject: one\r\n\r\nFrom here", 2).await;
    check(&replies, &["250 2.0.0 Filed as alice", "250 2.0.0 Filed as "]);
    client.recipients(&["alice@our.example"]).await;
    check(&client.data("Subject: list", 1).await, &["250 2.0.0 Filed as "]);
    let alice = std::fs::read_to_string(place.mbox("alice")).unwrap();
    assert_eq!(alice.matches("From eve@elsewhere.example ").count(), 2, "{alice}");
    assert_eq!(alice.matches("\nStatus: RO\n").count(), 2, "{alice}");
    assert_eq!(alice.matches("\n>From here\n").count(), 2, "{alice}");
    let bob = std::fs::read_to_string(place.mbox("bob")).unwrap();
    assert_eq!(bob.matches("Subject: one").count(), 1, "{bob}");
    assert_eq!(place.letters_in(&place.maildir("alice").join(".Lists")).len(), 1);
    assert!(!place.maildir("bob").exists());
}

#[tokio::test]
async fn m13_m14_a_locked_mailbox_file_holds_up_nobody_else() {
    let place = place("");
    std::fs::create_dir(place.dir.path().join("spool")).unwrap();
    NoLinks.create_new(&place.mbox("bob")).unwrap();
    let held = NoLinks.open_locked(&place.mbox("bob")).unwrap();
    let mut client = place.connect();
    client.begin(&["bob@our.example", "alice@our.example", "carol@our.example"]).await;
    let replies = client.data("Subject: one", 3).await;
    check(&replies, &["451 4.2.0", "250 2.0.0", "250 2.0.0"]);
    // Next time that isn't even tried.
    client.recipients(&["alice@our.example", "bob@our.example"]).await;
    check(&client.data("Subject: two", 2).await, &["250 2.0.0", "451 4.2.0"]);
    // What was answered "later" comes again: it isn't filed behind the client's back.
    drop(held);
    drop(client);
    while Arc::strong_count(&place.shared) > 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(std::fs::read(place.mbox("bob")).unwrap(), b"");
    assert!(!place.dir.path().join("spool/bob.lock").exists());
}

#[tokio::test]
async fn m14_a_letter_that_comes_again_is_known_where_there_is_a_maildir() {
    let place = place("");
    let letter = "Received: from x by mx.our.example with ESMTP id ABC; date\r\nSubject: one";
    for (user, again) in [("alice", "250 2.0.0 Recognised"), ("bob", "250 2.0.0 Filed as bob")] {
        if user == "alice" {
            let courier = &place.shared.courier;
            drop(courier.begin(&postroad_store::Maildir::at(place.maildir(user))).unwrap());
        }
        let mut client = place.connect();
        let address = format!("{user}@our.example");
        client.begin(&[&address]).await;
        check(&client.data(letter, 1).await, &[&format!("250 2.0.0 Filed as {user}")]);
        client.recipients(&[&address]).await;
        check(&client.data(letter, 1).await, &[again]);
    }
}

#[tokio::test]
async fn m14_two_mailbox_files_with_one_maildir_beside_them_have_one_letter_each() {
    let place = place("");
    let courier = &place.shared.courier;
    drop(courier.begin(&postroad_store::Maildir::at(place.maildir("alice"))).unwrap());
    std::os::unix::fs::symlink(place.maildir("alice"), place.maildir("bob")).unwrap();
    let letter = "Received: from x by mx.our.example with ESMTP id ABC; date\r\nSubject: one";
    let mut client = place.connect();
    client.begin(&["both@our.example"]).await;
    check(&client.data(letter, 1).await, &["250 2.0.0 Filed as "]);
    for user in ["alice", "bob"] {
        let file = std::fs::read_to_string(place.mbox(user)).unwrap();
        assert_eq!(file.matches("Subject: one").count(), 1, "{file}");
    }
}
