//! RFC 7352: duplicate.
//!
//! | § | what is asked for | held by |
//! |---|---|---|
//! | 3 | MUST remember only after a run without errors | `what_is_remembered`; mda: `duplicates_are_known_again` |
//! | 3 | MUST NOT be true by mistake | mda remembers when all is done |
//! | 3 | MUST look at earlier runs only | `what_is_remembered` |
//! | 3.1 | MUST refuse `:header` with `:uniqueid` | `mistakes` |
//! | 3.1 | MUST NOT fail for a wrong name; MUST be false then, and without the field | `unique_ids` |
//! | 3.1 | MUST unfold, decode and trim; MUST take the first field | `unique_ids` |
//! | 3.1 | MUST compare with case | `unique_ids` |
//! | 3.2 | MUST track an id whatever it comes from | `unique_ids` |
//! | 3.3 | MUST have a default; MUST take the most for more, in silence; MUST be false for 0 | `what_is_remembered`, `unique_ids` |
//! | 3.3, 3.4 | MUST count from the first, or with `:last` from the last | `what_is_remembered` |

use super::{described, facts, outcome, refused};
use crate::{Facts, Memo, MemoKind, Past};

#[derive(Default)]
struct Kept(Vec<Memo>);

impl Past for Kept {
    fn remembers(&self, kind: MemoKind, key: &[u8]) -> bool {
        self.0.iter().any(|memo| memo.kind == kind && memo.key == key)
    }
}

/// What is done with some letters in a row.
#[track_caller]
fn done(script: &str, letters: &[&str]) -> Vec<String> {
    let mut kept = Kept::default();
    let run = |letter: &&str| {
        let outcome = outcome(script, letter, &Facts { past: &kept, ..facts() });
        kept.0.extend(outcome.memos.clone());
        described(&outcome)
    };
    letters.iter().map(run).collect()
}

const ONE: &str = "Message-ID: <1@x.example>\nSubject: ALERT: fire\n\n";
const TWO: &str = "Message-ID: <2@x.example>\nSubject: ALERT: fire\n\n";

#[test]
fn examples() {
    let trash = r#"require ["duplicate", "fileinto", "mailbox"];
   if duplicate { fileinto :create "Trash/Duplicate"; }"#;
    assert_eq!(done(trash, &[ONE, TWO, ONE]), ["keep", "keep", "fileinto Trash/Duplicate created"]);
    let alerts = r#"require ["duplicate", "variables", "imap4flags", "fileinto"];
   if header :matches "subject" "ALERT: *" {
     if duplicate :seconds 60 :uniqueid "${1}" { setflag "\\seen"; }
     fileinto "Alerts";
   }"#;
    assert_eq!(done(alerts, &[ONE, TWO]), ["fileinto Alerts", "fileinto Alerts (\\seen)"]);
    let handles = r#"require ["duplicate", "imap4flags"];
   if duplicate :header "X-Event-ID" :handle "notifier" { discard; }
   if duplicate :header "X-Ticket-ID" :handle "support" { setflag "\\seen"; }"#;
    let (event, ticket) = ("X-Event-ID: 1\n\n", "X-Ticket-ID: 1\n\n");
    assert_eq!(
        done(handles, &[event, ticket, ticket, event]),
        ["keep", "keep", "keep (\\seen)", "discard"]
    );
}

#[test] // Tests RFC 7352 §5.3; of its methods only "mailto:" is one here.
fn one_notification_for_each_sender_and_subject() {
    let by_sender = r#"require ["variables", "envelope", "enotify", "duplicate"];
   if envelope :matches "from" "*" { set "sender" "${1}"; }
   if header :matches "subject" "*" { set "subject" "${1}"; }
   if not duplicate :seconds 1800 :uniqueid "${sender}"
   {
     notify :message "[SIEVE] ${sender}: ${subject}"
       "mailto:user@im.example.com";
   }"#;
    let told = "notify user@im.example.com; keep";
    assert_eq!(done(by_sender, &[ONE, "Subject: other\n\n"]), [told, "keep"]);
    let by_both = r#"require ["variables", "envelope", "enotify", "duplicate"];
   if envelope :matches "from" "*" { set "sender" "${1}"; }
   if header :matches "subject" "*" { set "subject" "${1}"; }
   # account for 'Re:' prefix
   if string :comparator "i;ascii-casemap"
     :matches "${subject}" "Re:*"
   {
     set "subject" "${1}";
   }
   if not duplicate :seconds 1800
     :uniqueid "${sender} ${subject}"
   {
     notify :message "[SIEVE] ${sender}: ${subject}"
       "mailto:user@im.example.com";
   }"#;
    let letters = ["Subject: re:a\n\n", "Subject: RE:a\n\n", "Subject: b\n\n"];
    assert_eq!(done(by_both, &letters), [told, "keep", told]);
}

#[test] // Tests RFC 7352 §3.1 and §3.2.
fn unique_ids() {
    for (first, second, is_same) in [
        ("duplicate", "duplicate :header \"message-id\"", true),
        (
            "duplicate",
            "allof (header :matches \"message-id\" \"*\", duplicate :uniqueid \"${0}\")",
            true,
        ),
        ("duplicate", "duplicate :handle \"h\"", false),
        ("duplicate :handle \"h\"", "duplicate :handle \"h\"", true),
        ("duplicate :handle \"h\"", "duplicate :handle \"H\"", false),
        ("duplicate :handle \"\"", "duplicate", false),
        ("duplicate :uniqueid \"a\"", "duplicate :uniqueid \"A\"", false),
        // No field, no id.
        ("duplicate :header \"X-Absent\"", "duplicate :header \"X-Absent\"", false),
        ("duplicate :header \"not a name\"", "duplicate :header \"not a name\"", false),
        ("duplicate :seconds 0", "duplicate :seconds 0", false),
    ] {
        let script = |test: &str| {
            format!("require [\"duplicate\", \"variables\"]; if {test} {{ discard; }}")
        };
        let mut kept = Kept::default();
        let first = outcome(&script(first), ONE, &Facts { past: &kept, ..facts() });
        assert_eq!(described(&first), "keep");
        kept.0.extend(first.memos);
        let second_outcome = outcome(&script(second), ONE, &Facts { past: &kept, ..facts() });
        assert_eq!(described(&second_outcome) == "discard", is_same, "{second}");
    }
    // The first field; unfolded, decoded, trimmed.
    let script = "require \"duplicate\"; if duplicate :header \"X\" { discard; }";
    let letters = ["X:  caf\u{e9}  x \n\n", "X: =?iso-8859-1?q?caf=E9?=\n  x\nX: other\n\n"];
    assert_eq!(done(script, &letters), ["keep", "discard"]);
}

#[test] // Tests RFC 7352 §3 and §3.3.
fn what_is_remembered() {
    let memos = |script: &str, past: &Kept| {
        let script = format!("require [\"duplicate\", \"ihave\"]; {script}");
        outcome(&script, ONE, &Facts { past, ..facts() }).memos
    };
    let nothing = Kept::default();
    let seconds = |script: &str| memos(script, &nothing).first().map(|memo| memo.seconds);
    assert_eq!(seconds("if duplicate {}"), Some(7 * 86_400));
    assert_eq!(seconds("if duplicate :seconds 60 {}"), Some(60));
    assert_eq!(seconds("if duplicate :seconds 4000000000 {}"), Some(90 * 86_400));
    assert_eq!(seconds("if duplicate :seconds 0 {}"), None);
    // What wasn't evaluated, or failed, has seen nothing.
    assert_eq!(seconds("if allof (false, duplicate) {}"), None);
    assert_eq!(seconds("if duplicate {} error \"x\";"), None);
    // Only earlier runs count.
    let script = "require \"duplicate\"; if duplicate { discard; } if duplicate { discard; }";
    assert_eq!(done(script, &[ONE, ONE]), ["keep", "discard"]);
    // The time runs from the first, or from the last.
    let kept = Kept(memos("if duplicate {}", &nothing));
    assert_eq!(memos("if duplicate {}", &kept).len(), 0);
    assert_eq!(memos("if duplicate :last {}", &kept).len(), 1);
    // Not without end.
    let many: String = (0..65).map(|n| format!("if duplicate :uniqueid \"{n}\" {{}}")).collect();
    let script = format!("require \"duplicate\"; {many}");
    assert!(done(&script, &[ONE])[0].contains("more than 64 things"));
}

#[test]
fn mistakes() {
    let script = "require \"duplicate\"; if duplicate :header \"a\" :uniqueid \"b\" {}";
    assert!(refused(script).contains("exclude each other"));
    let script = "require [\"duplicate\", \"index\"]; if duplicate :index 1 {}";
    assert!(refused(script).contains("\"duplicate\" takes no \":index\""));
}
