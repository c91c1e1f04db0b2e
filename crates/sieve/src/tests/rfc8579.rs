//! RFC 8579: special-use.

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
}
