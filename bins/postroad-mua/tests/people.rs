//! People whom the user knows: learnt from what is sent, called by short names, found by other programs; and letters that
//! came back.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod home;
#[path = "../../../crates/mua/tests/smtp_peer/mod.rs"]
mod smtp_peer;

use home::{Home, nobody};
use smtp_peer::{Behaviour, SmtpPeer};

fn words(output: &std::process::Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn whom_a_letter_went_to_is_known_and_found() {
    let home = Home::new(nobody());
    home.check("postroad-mua", &["address", "find", "ann"], "", 1);
    let to = ["send", "-s", "s", "-m", "m", "--to", "\"Lee, Ann\" <ann@x.example>"];
    home.check("postroad-mua", &to, "", 0);
    home.check("postroad-mua", &[&to[..], &["--bcc", "bob@y.example"]].concat(), "", 0);
    // mutt's query_command: a line for the eye, then address, name and more, with tabs between.
    let found = home.check("postroad-mua", &["address", "find", "le", "ann"], "", 0);
    assert_eq!(words(&found), "1 fit \"le ann\"\nann@x.example\tLee, Ann\t\n");
    let all = home.check("postroad-mua", &["address", "list", "--json"], "", 0);
    assert_eq!(
        words(&all),
        "{\"name\":\"Lee, Ann\",\"address\":\"ann@x.example\"}\n{\"address\":\"bob@y.example\"}\n"
    );
    home.check("postroad-mua", &["address", "remove", "BOB@y.example"], "", 0);
    home.check("postroad-mua", &["address", "remove", "bob@y.example"], "", 1);
    // What programs send isn't what the user writes.
    home.check("sendmail", &["cron@z.example"], "Subject: s\n\nm\n", 0);
    home.check("mail", &["-s", "s", "script@z.example"], "m\n", 0);
    let all = home.check("postroad-mua", &["address"], "", 0);
    assert_eq!(words(&all), "ann@x.example\tLee, Ann\t\n");
}

#[test]
fn people_come_from_files_and_go_into_them() {
    let home = Home::new(nobody());
    let cards = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ann Lee\r\nEMAIL;TYPE=INTERNET:ann@x.example\r\nEND:VCARD\r\n";
    std::fs::write(home.dir.path().join("cards.vcf"), cards).unwrap();
    let told = home.check("postroad-mua", &["address", "import", "cards.vcf"], "", 0);
    let told = String::from_utf8(told.stderr).unwrap();
    assert_eq!(told, "cards.vcf: 1 addresses, 0 short names, 0 entries passed over\n");
    home.check("postroad-mua", &["address", "import", "-"], "alias bob Bob <bob@y.example>\n", 0);
    home.check("postroad-mua", &["address", "import", "missing.vcf"], "", 64);
    let all = words(&home.check("postroad-mua", &["address"], "", 0));
    assert!(all.contains("ann@x.example\tAnn Lee\t\n") && all.contains("\tbob\n"), "{all}");
    let cards = words(&home.check("postroad-mua", &["address", "export"], "", 0));
    assert_eq!(cards.matches("BEGIN:VCARD").count(), 2, "{cards}");
    assert!(cards.contains("FN:Ann Lee\r\nEMAIL:ann@x.example\r\n"), "{cards}");
}

#[test]
fn short_names_are_written_to() {
    let home = Home::new(nobody());
    let add = |alias, address| ["address", "add", "--alias", alias, address];
    home.check("postroad-mua", &add("ann", "Ann Lee <ann@x.example>"), "", 0);
    home.check("postroad-mua", &add("all", "bob@y.example, carl@z.example"), "", 0);
    home.check("postroad-mua", &add("a b", "bob@y.example"), "", 64);
    home.check("postroad-mua", &add("bad", "a b@y.example"), "", 67);
    home.check("mail", &["-s", "by mail", "-c", "all", "Ann"], "m\n", 0);
    home.check("postroad-mua", &["send", "-s", "by send", "-m", "m", "--bcc", "all"], "", 0);
    // A front door that programs use knows no short names: the transfer agent has its own.
    home.check("sendmail", &["ann"], "Subject: by sendmail\n\nm\n", 0);
    let waiting = words(&home.check("postroad-mua", &["outbox", "--json"], "", 0));
    let count = |address: &str| waiting.matches(&format!("\"{address}\"")).count();
    for (address, letters) in
        [("ann@x.example", 1), ("bob@y.example", 2), ("carl@z.example", 2), ("ann@our.example", 1)]
    {
        assert_eq!(count(address), letters, "{address} in {waiting}");
    }
}

#[test]
fn u03_a_known_name_with_another_address_is_said_on_top() {
    let home = Home::new(nobody());
    home.check("postroad-mua", &["address", "add", "Ann Lee <ann@x.example>"], "", 0);
    let letter = "From: Ann Lee <ann@evil.example>\nSubject: money\n\nplease\n";
    std::fs::write(home.dir.path().join("Maildir/new/1.M1.h"), letter).unwrap();
    let read = home.check("postroad-mua", &["read", "1"], "", 0);
    let first = words(&read).lines().next().unwrap().to_owned();
    assert_eq!(
        first,
        "[! Beware: you know Ann Lee by ann@x.example, and this is from ann@evil.example]"
    );
}

/// What a server sends back.
fn returned(id: &str) -> String {
    format!(
        "From: MAILER-DAEMON@mx.example\nTo: us@our.example\nSubject: Undelivered\nMIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=B\n\n--B\n\nSorry.\n\n--B\n\
         Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\n\
         Final-Recipient: rfc822; bob@y.example\nAction: failed\nStatus: 5.1.1\n\
         Diagnostic-Code: smtp; 550 5.1.1 no \u{1b}[31msuch user\n\n--B\n\
         Content-Type: text/rfc822-headers\n\nMessage-ID: <{id}>\nSubject: what it says\n\n--B--\n"
    )
}

#[test]
fn a_letter_that_came_back_says_which_of_ours_it_is() {
    let peer = SmtpPeer::start(Behaviour::Accept);
    let home = Home::new(peer.url());
    let sent = ["send", "-s", "what we wrote", "-m", "m", "--to", "bob@y.example", "--json"];
    let sent = words(&home.check("postroad-mua", &sent, "", 0));
    let sent: serde_json::Value = serde_json::from_str(&sent).unwrap();
    let id = sent.get("message_id").and_then(serde_json::Value::as_str).unwrap();
    peer.wait_for(1);
    let copies = home.dir.path().join("Maildir/.Sent");
    let limit = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let is_there = || {
        let parts = ["new", "cur"].map(|part| copies.join(part));
        parts.iter().any(|part| std::fs::read_dir(part).is_ok_and(|mut it| it.next().is_some()))
    };
    while !is_there() {
        assert!(std::time::Instant::now() < limit, "no copy was filed");
        std::thread::yield_now();
    }
    let inbox = home.dir.path().join("Maildir/new");
    std::fs::write(inbox.join("1.M1.h"), returned(id)).unwrap();
    std::fs::write(inbox.join("2.M1.h"), returned("forged@evil.example")).unwrap();
    let read = words(&home.check("postroad-mua", &["read", "1"], "", 0));
    let lines: Vec<&str> = read.lines().collect();
    assert!(lines[0].starts_with("[About your letter \"what we wrote\" of "), "{read}");
    assert_eq!(lines[1], "[Not delivered to bob@y.example: 550 5.1.1 no \\x1b[31msuch user]");
    let read = words(&home.check("postroad-mua", &["read", "2"], "", 0));
    assert!(read.contains("isn't among those that you sent"), "{read}");
    let json = words(&home.check("postroad-mua", &["read", "--json", "1"], "", 0));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let bounce = json.get("bounce").unwrap();
    assert_eq!(bounce.get("message_id").and_then(serde_json::Value::as_str), Some(id));
    assert_eq!(bounce.get("found_in").and_then(serde_json::Value::as_str), Some("Sent"));
    assert_eq!(
        bounce.pointer("/recipients/0/said").and_then(serde_json::Value::as_str),
        Some("550 5.1.1 no \u{1b}[31msuch user")
    );
}
