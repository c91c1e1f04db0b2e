//! RFC 8580: fcc.
//!
//! | § | what is asked for | held by |
//! |---|---|---|
//! | 3.1 | MUST have the extensions required whose tags are used | `mistakes` |
//! | 3.2 | MUST NOT have a tag more than once | `mistakes` |
//! | 4 | REQUIRED: Internet Message Format; Date, From, a body; MUST have the right MIME types and encodings | `copies_are_letters` |
//! | 6 | MUST encapsulate what other methods send | there is only mailto |
//! | 7, 8 | MUST NOT allow ":fcc" with `reject`, `ereject`; nor with what sends nothing | `mistakes` |

use super::{actions, facts, outcome, refused};
use crate::{Action, Create, Fcc, Notification, Reply};

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
}

#[test]
fn mistakes() {
    for (script, expected) in [
        ("vacation :create \"x\";", "\":create\" goes with \":fcc\""),
        ("vacation :flags \"a\" \"x\";", "\":flags\" goes with \":fcc\""),
        ("vacation :fcc \"\" \"x\";", "a mailbox has a name"),
        ("vacation :fcc \"a\" :fcc \"b\" \"x\";", "\":fcc\" is given twice"),
        ("vacation :fcc \"a\" :create :create \"x\";", "\":create\" is given twice"),
        ("vacation :flags \"a\" :fcc \"a\" :flags \"b\" \"x\";", "\":flags\" is given twice"),
        (
            "vacation :specialuse \"\\\\Sent\" :fcc \"a\" \"x\";",
            "unless \"require\" lists \"special-use\"",
        ),
        // §7, §8.
        ("fileinto :fcc \"a\" \"b\";", "\"fileinto\" takes no \":fcc\""),
        ("keep :fcc \"a\";", "\"keep\" takes no \":fcc\""),
        ("discard :fcc \"a\";", "\"discard\" takes no \":fcc\""),
        ("redirect :fcc \"a\" \"b@c.example\";", "\"redirect\" takes no \":fcc\""),
        ("reject :fcc \"a\" \"b\";", "\"reject\" takes no \":fcc\""),
        ("ereject :fcc \"a\" \"b\";", "\"ereject\" takes no \":fcc\""),
    ] {
        let script = format!(
            "require [\"vacation\", \"fcc\", \"mailbox\", \"imap4flags\", \"fileinto\", \"reject\", \"ereject\"]; {script}"
        );
        assert!(refused(&script).contains(expected), "{}", refused(&script));
    }
}

#[test] // Tests RFC 8580 §5 and §6: the examples.
fn examples() {
    // §5, as printed, has tags behind the reason; RFC 5228 §2.6.2 has them before it.
    let printed = r#"require ["vacation", "fcc", "mailbox", "special-use", "imap4flags"];
        vacation :days 7
                 :from "hemingway@example.com" "Gone Fishin'"
                 :specialuse "\\Sent" :create
                 :fcc "INBOX.Sent" :flags ["\\Seen"];"#;
    assert!(refused(printed).contains("a tag behind other arguments"));
    let copy = fcc(r#"vacation :days 7
             :from "hemingway@example.com"
             :specialuse "\\Sent" :create
             :fcc "INBOX.Sent" :flags ["\\Seen"] "Gone Fishin'";"#);
    let expected = Fcc {
        mailbox: "INBOX.Sent".to_owned(),
        flags: vec!["\\Seen".to_owned()],
        create: Create::IfMissing,
        special_use: Some("\\Sent".to_owned()),
    };
    assert_eq!(copy, Some(expected));
    // §6 and §6.1: of two methods the one that is there.
    let copy = fcc(r#"if notify_method_capability "xmpp:" "fcc" "yes" {
            notify :fcc "INBOX.Sent"
                   :message "You got mail"
                   "xmpp:ken@example.com?message;subject=SIEVE";
        } else {
            notify :fcc "INBOX.Sent"
                   :message "You got mail!"
                   "mailto:ken@example.com";
        }"#);
    assert_eq!(copy.map(|copy| copy.mailbox).as_deref(), Some("INBOX.Sent"));
    for (test, expected) in [
        (r#"notify_method_capability "mailto:" "fcc" "yes""#, true),
        (r#"notify_method_capability "MailTo:a@b.example" "FCC" "yes""#, true),
        (r#"notify_method_capability "mailto:" "fcc" "no""#, false),
        (r#"notify_method_capability "xmpp:" "fcc" ["yes", "no"]"#, false),
    ] {
        let copy = fcc(&format!("if {test} {{ vacation :fcc \"a\" \"x\"; }}"));
        assert_eq!(copy.is_some(), expected, "{test}");
    }
}

#[test] // Tests RFC 8580 §4.
fn copies_are_letters() {
    for (script, media, encoding) in [
        ("vacation :fcc \"a\" \"plain\";", "text/plain; charset=us-ascii", None),
        ("vacation :fcc \"a\" \"ü\";", "text/plain; charset=utf-8", Some("base64")),
        (
            "notify :fcc \"a\" \"mailto:a@b.example?body=%C3%BC\";",
            "text/plain; charset=utf-8",
            Some("base64"),
        ),
    ] {
        let script = format!("require [\"vacation\", \"enotify\", \"fcc\"]; {script}");
        let outcome = outcome(&script, "To: roadrunner@acme.example.com\n\n", &facts());
        let message = match &*actions(&outcome) {
            [Action::Vacation(Reply { message, .. }), _]
            | [Action::Notify(Notification { message, .. }), _] => message.clone(),
            actions => panic!("{actions:?}"),
        };
        let field = |name| {
            let found = postroad_protocol::header::find(&message, name);
            found.map(|field| String::from_utf8(field.value().to_vec()).unwrap())
        };
        for name in ["Date", "From", "To", "MIME-Version"] {
            assert!(field(name).is_some_and(|value| !value.is_empty()), "{script}: {name}");
        }
        assert_eq!(field("Content-Type").as_deref(), Some(media), "{script}");
        assert_eq!(field("Content-Transfer-Encoding").as_deref(), encoding, "{script}");
        assert!(message.is_ascii());
    }
}
