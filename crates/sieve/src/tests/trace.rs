//! What a trace says, for `sieve test`; and other things that hold for every script.

use super::{MESSAGE_A, describe, facts, outcome};
use crate::{Facts, Script, Tracing, capabilities, limits};

#[track_caller]
fn trace(script: &str, message: &str) -> String {
    let facts = Facts { tracing: Tracing::On, ..facts() };
    let steps = outcome(script, message, &facts).trace;
    steps.iter().map(|step| format!("{step}\n")).collect()
}

#[test]
fn step_by_step() {
    let script = "require [\"fileinto\", \"variables\"];
if allof (header :contains \"Subject\" [\"gift\", \"present\"],
          not size :over 1M) {
    set \"who\" \"coyote\";
    fileinto \"${who}\";
} else {
    discard;
}
";
    let expected = "\
test:2:11:     Subject \"I have a present for you\" matches \"present\"
test:2:11:   header: holds
test:3:15:       the message has 273 octets
test:3:15:     size: does not hold
test:3:11:   not: holds
test:2:4: allof: holds
test:4:5:   set who to \"coyote\"
test:5:5:   file into \"coyote\"
";
    assert_eq!(trace(script, MESSAGE_A), expected);
    assert_eq!(trace("", MESSAGE_A), "test:0:0: implicit keep\n");
    let failed = trace("require \"variables\"; redirect \"${a}\";", MESSAGE_A);
    assert!(
        failed.ends_with("is no address: an address is local-part@domain; kept in the inbox\n"),
        "{failed}"
    );
}

#[test]
fn it_is_bounded_and_inert() {
    let message = format!("Subject: {}\u{1b}[2J\n\n", "x".repeat(10_000));
    let test = "if header \"Subject\" [\"a\", \"b\"] {}";
    let got = trace(&test.repeat(5_000), &message);
    assert!(got.lines().count() <= limits::TRACE_STEPS_MAX);
    assert!(got.lines().all(|line| line.len() < 300));
    assert!(!got.contains('\u{1b}'));
    // Without being asked for, there is none.
    assert_eq!(outcome("keep;", MESSAGE_A, &facts()).trace, []);
}

#[test]
fn scripts_are_shared_by_threads() {
    fn check<T: Send + Sync>() {}
    check::<Script>();
}

#[test]
fn every_extension_is_in_the_table() {
    let all = capabilities();
    for name in "body comparator-i;ascii-casemap comparator-i;ascii-numeric comparator-i;octet \
        comparator-i;unicode-casemap copy date duplicate editheader enclose encoded-character enotify envelope \
        environment ereject extracttext fcc fileinto foreverypart ihave imap4flags include index mailbox \
        mboxmetadata mime regex reject relational replace servermetadata spamtest spamtestplus special-use \
        subaddress vacation vacation-seconds variables virustest"
        .split_ascii_whitespace()
    {
        assert!(all.contains(&name), "{name}");
    }
}

#[test]
fn actions_know_what_wants_them() {
    let wants = |script: &str| {
        let outcome = outcome(script, MESSAGE_A, &facts());
        let at = |origin: Option<&crate::Origin>| match origin {
            Some(origin) => format!("{}:{}", origin.script, origin.place.line),
            None => "nobody".to_owned(),
        };
        let mut wants: Vec<String> = outcome
            .actions
            .iter()
            .map(|decision| {
                format!("{} for {}", describe(&decision.action), at(decision.by.as_ref()))
            })
            .collect();
        wants.extend(outcome.discarded.as_ref().map(|by| format!("discard for {}", at(Some(by)))));
        wants.join("; ")
    };
    for (script, expected) in [
        ("", "keep for nobody"),
        ("keep;\nkeep;", "keep for test:1"),
        ("discard;\ndiscard;", "discard for test:1"),
        ("discard;\nkeep;", "keep for test:2; discard for test:1"),
        (
            "require [\"fileinto\", \"copy\"];\nif true {\nfileinto :copy\n\"a\"; }\nredirect :copy \"a@b.example\";",
            "fileinto a for test:3; redirect a@b.example for test:5; keep for nobody",
        ),
    ] {
        assert_eq!(wants(script), expected, "{script}");
    }
    // What a failed script wanted is not what is done.
    assert_eq!(wants("require \"variables\"; discard; redirect \"${a}\";"), "keep for nobody");
}
