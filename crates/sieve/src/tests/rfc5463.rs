//! RFC 5463: ihave.
//!
//! | § | what is asked for | held by |
//! |---|---|---|
//! | 4 | MUST fail at run time for what was used before it was asked for; MUST put the check off | `ihave` |
//! | 4 | MUST go left to right, and no further than needed | `ihave` |
//! | 4 | MUST NOT give what changes the language | `ihave` |

use super::{MESSAGE_A, done, refused};

#[test] // Tests RFC 5463 §4.
fn ihave() {
    for (script, expected) in [
        ("if ihave \"fileinto\" { fileinto \"x\"; }", "fileinto x"),
        // Also behind the block.
        ("if ihave \"fileinto\" {} fileinto \"x\";", "fileinto x"),
        ("if not ihave \"fileinto\" { stop; } fileinto \"x\";", "fileinto x"),
        ("if anyof (ihave \"nonsense\", ihave \"fileinto\") { fileinto \"x\"; }", "fileinto x"),
        // Tags, tests, comparators and match types, too.
        ("if ihave [\"fileinto\", \"copy\"] { fileinto :copy \"x\"; }", "fileinto x; keep"),
        (
            "if allof (ihave \"relational\", header :value \"gt\" \"subject\" \"a\") { discard; }",
            "discard",
        ),
        (
            "if allof (ihave \"comparator-i;ascii-numeric\", header :comparator \"i;ascii-numeric\" \"x\" \"1\") {}",
            "keep",
        ),
        ("if ihave \"spamtestplus\" { if spamtest :percent \"1\" { discard; } }", "keep"),
        ("if ihave \"spamtest\" { if spamtest \"0\" { discard; } }", "discard"),
        (
            "if ihave \"vacation-seconds\" { vacation :seconds 0 \"x\"; }",
            "vacation to coyote@desert.example.org; keep",
        ),
        // Before that, it is an error; and short-circuit counts.
        ("fileinto \"x\"; if ihave \"fileinto\" {}", "error: test:2:1: this needs \"fileinto\""),
        (
            "if allof (false, ihave \"fileinto\") {} fileinto \"x\";",
            "error: test:2:39: this needs \"fileinto\"",
        ),
        ("if anyof (true, ihave \"fileinto\") {} fileinto \"x\";", "this needs \"fileinto\""),
        ("if ihave \"fileinto\" { fileinto :copy \"x\"; }", "this needs \"copy\""),
        (
            "if header :value \"gt\" \"subject\" \"a\" {}",
            "error: test:2:4: this needs \"relational\"",
        ),
        // All of them, or none.
        ("if ihave [\"fileinto\", \"nonsense\"] { discard; }", "keep"),
        ("if ihave [\"fileinto\", \"nonsense\"] {} fileinto \"x\";", "this needs \"fileinto\""),
        ("if ihave \"FileInto\" { discard; }", "keep"),
        ("if ihave \"\" { discard; }", "keep"),
        // What changes the language can't be had this way.
        ("if ihave \"variables\" { discard; }", "keep"),
        ("if ihave \"encoded-character\" { discard; }", "keep"),
        ("if ihave \"ihave\" { discard; }", "discard"),
        // What nobody knows is an error where control reaches it, and nowhere else.
        ("if ihave \"vnd.acme\" { launch :now \"rockets\"; }", "keep"),
        ("if ihave \"vnd.acme\" { if weather \"rain\" { keep :dry; } }", "keep"),
        ("launch \"rockets\";", "error: test:2:1: there is no command \"launch\""),
        ("if weather \"rain\" {}", "error: test:2:4: there is no test \"weather\""),
        ("keep :dry;", "\"keep\" takes no \":dry\""),
    ] {
        let script = format!("require \"ihave\";\n{script}");
        let got = done(&script, MESSAGE_A);
        let is_error =
            ["this needs", "there is no", "takes no"].iter().any(|e| expected.contains(e));
        assert_eq!(got.starts_with("error: "), is_error, "{script}\n{got}");
        let is_expected = if is_error { got.contains(expected) } else { got == expected };
        assert!(is_expected, "{script}\n{got}");
    }
    // What is required is there whatever is asked.
    let both = "require [\"ihave\", \"fileinto\", \"variables\"]; fileinto \"x\"; \
        if not ihave [\"fileinto\", \"variables\"] { discard; }";
    assert_eq!(done(both, MESSAGE_A), "fileinto x");
}

#[test] // Tests RFC 5463 §5.
fn error() {
    let script = "require \"ihave\"; error \"Ünfortunately\r\n no\";";
    assert_eq!(
        done(script, MESSAGE_A),
        "error: test:1:18: the script says: Ünfortunately\u{fffd}\u{fffd} no"
    );
    assert!(refused("error \"x\";").contains("this needs \"ihave\""));
}

#[test]
fn mistakes_that_are_mistakes_anyhow() {
    for (script, expected) in [
        ("if ihave \"fileinto\" { fileinto 1; }", "\"fileinto\" takes a string here"),
        ("if true { keep; else", "stands where"),
        ("if ihave { }", "\"ihave\" takes a string or a list of strings"),
    ] {
        let script = format!("require \"ihave\"; {script}");
        assert!(refused(&script).contains(expected), "{}", refused(&script));
    }
    let script = "require [\"ihave\", \"variables\"]; set \"a\" \"x\"; if ihave \"${a}\" {}";
    assert!(refused(script).contains("\"ihave\" takes no variables"));
}
