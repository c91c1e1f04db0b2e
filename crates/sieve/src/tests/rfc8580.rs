//! RFC 8580: fcc.

use super::{actions, facts, outcome, refused};
use crate::{Action, Create, Fcc};

#[track_caller]
fn fcc(script: &str) -> Option<Fcc> {
    let script = format!(
        "require [\"vacation\", \"enotify\", \"fcc\", \"imap4flags\", \"mailbox\", \"special-use\"];\n{script}"
    );
    let outcome = outcome(&script, "To: roadrunner@acme.example.com\n\n", &facts());
    assert_eq!(outcome.error, None);
    actions(&outcome).into_iter().find_map(|action| match action {
        Action::Vacation(reply) => reply.fcc,
        Action::Notify(notification) => notification.fcc,
        _ => None,
    })
}

#[test] // Tests RFC 8580 §3.
fn copies() {
    let plain = Fcc {
        mailbox: "INBOX.Sent".to_owned(),
        flags: Vec::new(),
        create: Create::AsConfigured,
        special_use: None,
    };
    for (script, expected) in [
        ("vacation :days 7 :fcc \"INBOX.Sent\" \"x\";", Some(plain.clone())),
        ("vacation \"x\";", None),
        ("notify :fcc \"INBOX.Sent\" \"mailto:a@b.example\";", Some(plain.clone())),
        (
            "vacation :fcc \"INBOX.Sent\" :flags [\"\\\\Seen\"] :create :specialuse \"\\\\Sent\" \"x\";",
            Some(Fcc {
                flags: vec!["\\Seen".to_owned()],
                create: Create::IfMissing,
                special_use: Some("\\Sent".to_owned()),
                ..plain.clone()
            }),
        ),
        // The internal flags are those of the letter that came.
        ("addflag \"\\\\Flagged\"; vacation :fcc \"INBOX.Sent\" \"x\";", Some(plain)),
    ] {
        assert_eq!(fcc(script), expected, "{script}");
    }
    for (script, expected) in [
        ("vacation :create \"x\";", "\":create\" goes with \":fcc\""),
        ("vacation :flags \"a\" \"x\";", "\":flags\" goes with \":fcc\""),
        ("vacation :fcc \"\" \"x\";", "a mailbox has a name"),
        ("fileinto :fcc \"a\" \"b\";", "\"fileinto\" takes no \":fcc\""),
    ] {
        let script = format!(
            "require [\"vacation\", \"fcc\", \"mailbox\", \"imap4flags\", \"fileinto\"]; {script}"
        );
        assert!(refused(&script).contains(expected), "{}", refused(&script));
    }
}
