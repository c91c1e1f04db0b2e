//! RFC 5490: mailbox, mboxmetadata, servermetadata.
//!
//! | § | what is asked for | held by |
//! |---|---|---|
//! | 3.1 | true only where letters can be filed | the caller's, by `Mailboxes::exists` |
//! | 3.2 | `:create` makes it, or the delivery fails | `mailbox`; mda: `folders_that_are_made_and_letters_that_are_changed` |
//! | 3.3, 4 | MUST have the user's own permissions and /private entries | the caller's, by `Mailboxes::metadata` |

use super::{MESSAGE_A, described, facts, outcome, refused};
use crate::{Facts, Mailboxes};

struct Store;

impl Mailboxes for Store {
    fn exists(&self, mailbox: &str) -> bool {
        ["INBOX", "Partners"].contains(&mailbox)
    }

    fn metadata(&self, mailbox: Option<&str>, annotation: &str) -> Option<Vec<u8>> {
        match (mailbox, annotation) {
            (Some("INBOX"), "/private/vendor/vendor.isode/auto-replies") => Some(b"on".to_vec()),
            (None, "/private/vendor/vendor.isode/notification-uri") => {
                Some(b"mailto:me@example.com".to_vec())
            }
            _ => None,
        }
    }

    fn has_special_use(&self, _: Option<&str>, _: &str) -> bool {
        false
    }
}

#[track_caller]
fn done(requires: &str, script: &str) -> String {
    let script = format!("require [\"fileinto\", {requires}];\n{script}");
    described(&outcome(&script, MESSAGE_A, &Facts { mailboxes: &Store, ..facts() }))
}

#[test] // Tests RFC 5490 §3.1 and §3.2.
fn mailbox() {
    let example = "if mailboxexists \"NAME\" { fileinto \"NAME\"; } \
        else { reject \"This message was not accepted by the Mailstore\"; }";
    for (name, expected) in [
        ("Partners", "fileinto Partners"),
        ("Strangers", "Reject: This message was not accepted by the Mailstore"),
    ] {
        assert_eq!(done("\"mailbox\", \"reject\"", &example.replace("NAME", name)), expected);
    }
    for (script, expected) in [
        ("if mailboxexists [\"INBOX\", \"Partners\"] { discard; }", "discard"),
        ("if mailboxexists [\"INBOX\", \"Other\"] { discard; }", "keep"),
        ("fileinto :create \"Other\";", "fileinto Other created"),
        ("fileinto \"Other\";", "fileinto Other"),
        ("fileinto \"Other\"; fileinto :create \"Other\";", "fileinto Other created"),
    ] {
        assert_eq!(done("\"mailbox\"", script), expected);
    }
    assert!(refused("require \"fileinto\"; fileinto :create \"x\";").contains("lists \"mailbox\""));
}

#[test] // Tests RFC 5490 §3.3, §3.4 and §4.
fn metadata() {
    let requires = "\"mboxmetadata\", \"servermetadata\", \"relational\"";
    let replies = "/private/vendor/vendor.isode/auto-replies";
    let uri = "/private/vendor/vendor.isode/notification-uri";
    for (test, expected) in [
        (format!("metadata :is \"INBOX\" \"{replies}\" \"on\""), true),
        (format!("metadata \"INBOX\" \"{replies}\" [\"off\", \"ON\"]"), true),
        (format!("metadata :is \"INBOX\" \"{replies}\" \"off\""), false),
        (format!("metadata :contains \"Partners\" \"{replies}\" \"\""), false),
        (format!("metadataexists \"INBOX\" \"{replies}\""), true),
        (format!("metadataexists \"INBOX\" [\"{replies}\", \"/private/comment\"]"), false),
        (format!("servermetadata :matches \"{uri}\" \"mailto:*\""), true),
        ("servermetadata :contains \"/absent\" \"\"".to_owned(), false),
        (format!("servermetadataexists \"{uri}\""), true),
        (format!("servermetadataexists [\"{uri}\", \"/absent\"]"), false),
        (format!("metadata :count \"eq\" \"INBOX\" \"{replies}\" \"1\""), true),
    ] {
        assert_eq!(
            done(requires, &format!("if {test} {{ discard; }}")) == "discard",
            expected,
            "{test}"
        );
    }
    let away = format!(
        "if metadata :is \"INBOX\" \"{replies}\" \"on\" {{ vacation text:\nI'm away on holidays till March 2009.\nExpect a delay.\n.\n; }}"
    );
    assert_eq!(
        done("\"mboxmetadata\", \"vacation\"", &away),
        "vacation to coyote@desert.example.org; keep"
    );
}
