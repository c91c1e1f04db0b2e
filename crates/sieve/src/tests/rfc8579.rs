//! RFC 8579: special-use.
//!
//! | § | what is asked for | held by |
//! |---|---|---|
//! | 4 | SHOULD treat a wrong attribute as a wrong mailbox: refused, or an error at run time | `special_use` |
//! | 4 | MUST do as without ":specialuse" where neither mailbox is there | not here: the caller looks for both |
//! | 4 | MUST take the named mailbox if it has the attribute; SHOULD choose the same each time | the same |
//! | 4 | MUST NOT fall back to the named mailbox where the other one fails | the same |
//! | 4.1 | SHOULD give a mailbox that it makes the attribute | the same |

use super::{MESSAGE_A, described, facts, outcome, refused};
use crate::{Facts, Mailboxes};

struct Store;

impl Mailboxes for Store {
    fn exists(&self, _: &str) -> bool {
        true
    }

    fn metadata(&self, _: Option<&str>, _: &str) -> Option<Vec<u8>> {
        None
    }

    fn has_special_use(&self, mailbox: Option<&str>, attribute: &str) -> bool {
        let is = |name: &str| mailbox.is_none_or(|mailbox| mailbox == name);
        match attribute {
            "\\Junk" => is("Spam"),
            "\\Archive" => is("Old"),
            _ => false,
        }
    }
}

#[test] // Tests RFC 8579 §3 and §4.
fn special_use() {
    for (script, expected) in [
        (r#"if specialuse_exists "\\Junk" { discard; }"#, "discard"),
        (r#"if specialuse_exists ["\\Junk", "\\Archive"] { discard; }"#, "discard"),
        (r#"if specialuse_exists ["\\Junk", "\\Sent"] { discard; }"#, "keep"),
        (r#"if specialuse_exists "Spam" "\\Junk" { discard; }"#, "discard"),
        (r#"if specialuse_exists "Old" "\\Junk" { discard; }"#, "keep"),
        (r#"if specialuse_exists "Spam" ["\\Junk", "\\Archive"] { discard; }"#, "keep"),
        (r#"fileinto :specialuse "\\Junk" "Spam";"#, "fileinto Spam or \\Junk"),
        (r#"fileinto :create :specialuse "\\Junk" "Spam";"#, "fileinto Spam or \\Junk created"),
        // Perhaps two mailboxes, perhaps one.
        (
            r#"fileinto :specialuse "\\Junk" "Spam"; fileinto "Spam"; fileinto :specialuse "\\junk" "Spam";"#,
            "fileinto Spam or \\Junk; fileinto Spam",
        ),
    ] {
        let script = format!("require [\"fileinto\", \"special-use\", \"mailbox\"]; {script}");
        let got = described(&outcome(&script, MESSAGE_A, &Facts { mailboxes: &Store, ..facts() }));
        assert_eq!(got, expected, "{script}");
    }
    let script = "require [\"fileinto\", \"special-use\"]; fileinto :specialuse \"Junk\" \"x\";";
    assert!(refused(script).contains("\"Junk\" is no special use"));
    // §4: variables are filled in, and looked at then.
    let with = |attribute: &str| {
        let script = format!(
            "require [\"fileinto\", \"special-use\", \"variables\"]; set \"a\" \"{attribute}\"; \
             fileinto :specialuse \"${{a}}\" \"Spam\";"
        );
        described(&outcome(&script, MESSAGE_A, &facts()))
    };
    assert_eq!(with("\\\\Junk"), "fileinto Spam or \\Junk");
    assert!(with("Junk").starts_with("error: test:1:"), "{}", with("Junk"));
    // An attribute that nobody knows is none of a mailbox, and no mistake.
    assert_eq!(with("\\\\Unheard"), "fileinto Spam or \\Unheard");
}

#[test] // Tests RFC 8579 §4.2 and §6: the examples.
fn examples() {
    let store = Facts { mailboxes: &Store, ..facts() };
    for (script, expected) in [
        (
            r#"require "fileinto"; require "special-use";
               fileinto :specialuse "\\Archive" "INBOX/Archive";"#,
            "fileinto INBOX/Archive or \\Archive",
        ),
        (
            r#"require "fileinto"; require "special-use";
               fileinto :specialuse "\\Junk" "Spam";"#,
            "fileinto Spam or \\Junk",
        ),
        (
            r#"require "fileinto"; require "special-use"; require "mailbox";
               fileinto :specialuse "\\Junk" :create "Spam";"#,
            "fileinto Spam or \\Junk created",
        ),
    ] {
        assert_eq!(described(&outcome(script, MESSAGE_A, &store)), expected, "{script}");
    }
    // The last one is for events of IMAP, which we have none of.
    let events = r#"require "imapsieve";
        require "special-use";
        require "environment";
        require "variables";

        if environment :contains "imap.mailbox" "*" {
            set "mailbox" "${1}";
        }

        if allof(
            environment "imap.cause" "COPY",
            specialuse_exists "${mailbox}" "\\Junk") {
                redirect "spam-report@example.org";
        }"#;
    assert!(refused(events).contains("there is no extension \"imapsieve\""));
    let here = events.replace("require \"imapsieve\";", "");
    assert_eq!(described(&outcome(&here, MESSAGE_A, &store)), "keep");
}
