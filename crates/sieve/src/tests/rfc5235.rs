//! RFC 5235: spamtest, spamtestplus, virustest.
//!
//! | § | what is asked for | held by |
//! |---|---|---|
//! | 1 | MUST have relational as well | `spam` |
//! | 3.2 | MUST require spamtest or spamtestplus; `:percent` MUST have spamtestplus | `spam` |

use super::{MESSAGE_A, described, facts, outcome, refused};
use crate::{Facts, Virus};

#[track_caller]
fn done(script: &str, spam_percent: Option<u8>, virus: Option<Virus>) -> String {
    described(&outcome(script, MESSAGE_A, &Facts { spam_percent, virus, ..facts() }))
}

#[test]
fn spam() {
    let numeric = ":comparator \"i;ascii-numeric\"";
    let tens = format!(
        "require [\"spamtest\", \"fileinto\", \"relational\", \"comparator-i;ascii-numeric\"];
           if spamtest :value \"eq\" {numeric} \"0\" {{ fileinto \"INBOX.unclassified\"; }}
           elsif spamtest :value \"ge\" {numeric} \"3\" {{ fileinto \"INBOX.spam-trap\"; }}"
    );
    let percents = |untested: &str| {
        format!(
            "require [\"spamtestplus\", \"fileinto\", \"relational\", \"comparator-i;ascii-numeric\"];
           if spamtest {untested} {numeric} \"0\" {{ fileinto \"INBOX.unclassified\"; }}
           elsif spamtest :percent :value \"eq\" {numeric} \"0\" {{ fileinto \"INBOX.not-spam\"; }}
           elsif spamtest :percent :value \"lt\" {numeric} \"37\" {{ fileinto \"INBOX.spam-trap\"; }}
           else {{ discard; }}"
        )
    };
    let (by_value, by_count) = (percents(":value \"eq\""), percents(":percent :count \"eq\""));
    for (percent, ten, hundred) in [
        (None, "fileinto INBOX.unclassified", "fileinto INBOX.unclassified"),
        (Some(0), "keep", "fileinto INBOX.not-spam"),
        (Some(1), "keep", "fileinto INBOX.spam-trap"),
        (Some(14), "fileinto INBOX.spam-trap", "fileinto INBOX.spam-trap"),
        (Some(36), "fileinto INBOX.spam-trap", "fileinto INBOX.spam-trap"),
        (Some(37), "fileinto INBOX.spam-trap", "discard"),
        (Some(100), "fileinto INBOX.spam-trap", "discard"),
    ] {
        assert_eq!(done(&tens, percent, None), ten, "{percent:?}");
        assert_eq!(done(&by_value, percent, None), hundred, "{percent:?}");
        assert_eq!(done(&by_count, percent, None), hundred, "{percent:?}");
    }
    // 1 is clean, 10 is certain, 2 to 9 lie between.
    for (percent, value) in [(0, 1), (1, 2), (99, 9), (100, 10), (255, 10)] {
        let script = format!("require \"spamtest\"; if spamtest \"{value}\" {{ discard; }}");
        assert_eq!(done(&script, Some(percent), None), "discard", "{percent}");
    }
    assert!(
        refused("require \"spamtest\"; if spamtest :percent \"1\" {}")
            .contains("lists \"spamtestplus\"")
    );
}

#[test]
fn virus() {
    let script = "require [\"virustest\", \"fileinto\", \"relational\", \"comparator-i;ascii-numeric\"];
           if virustest :value \"eq\" :comparator \"i;ascii-numeric\" \"0\" { fileinto \"INBOX.unclassified\"; }
           if virustest :value \"eq\" :comparator \"i;ascii-numeric\" \"4\" { fileinto \"INBOX.quarantine\"; }
           elsif virustest :value \"eq\" :comparator \"i;ascii-numeric\" \"5\" { discard; }";
    for (virus, expected) in [
        (None, "fileinto INBOX.unclassified"),
        (Some(Virus::None), "keep"),
        (Some(Virus::Replaced), "keep"),
        (Some(Virus::Cured), "keep"),
        (Some(Virus::Possible), "fileinto INBOX.quarantine"),
        (Some(Virus::Certain), "discard"),
    ] {
        assert_eq!(done(script, None, virus), expected, "{virus:?}");
    }
}

#[test] // RFC 5429 §2.5.
fn refused_as_spam() {
    let script = "require [\"ereject\", \"spamtest\", \"fileinto\", \"relational\", \"comparator-i;ascii-numeric\"];
        if spamtest :value \"ge\" :comparator \"i;ascii-numeric\" \"6\" { ereject text:
AntiSpam engine thinks your message is spam.
It is therefore being refused.
Please call 1-900-PAY-US if you want to reach us.
.
        ; } elsif spamtest :value \"ge\" :comparator \"i;ascii-numeric\" \"4\" { fileinto \"Suspect\"; }";
    assert!(done(script, Some(100), None).starts_with("Ereject: AntiSpam engine thinks"));
    assert_eq!(done(script, Some(30), None), "fileinto Suspect");
    assert_eq!(done(script, Some(0), None), "keep");
}
