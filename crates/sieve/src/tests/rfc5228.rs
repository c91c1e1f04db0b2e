//! RFC 5228: the base language.
//!
//! | § | what is asked for | held by |
//! |---|---|---|
//! | 2.4.1 | MUST take numbers up to 2^31 - 1 | `numbers` |
//! | 2.4.2 | MUST take all strings of the grammar, UTF-8 or not | `strings` |
//! | 2.4.2.2 | MUST NOT fail for a wrong header name in a test | `tests_with_their_results` |
//! | 2.4.2.4 | MUST NOT fail for a character out of range unless it is well-formed | `src/extensions/encoded_character.rs` |
//! | 2.7.2 | MUST convert US-ASCII, ISO-8859-1, the ASCII of ISO-8859-*, UTF-8; SHOULD NOT end at a NUL | `charsets` |
//! | 2.7.3 | MUST have i;octet and i;ascii-casemap | `comparators` |
//! | 2.10.3 | MUST NOT fail for one mailbox twice | `actions` |
//! | 2.10.4 | MUST allow one keep or fileinto | `actions` |
//! | 2.10.5 | MUST treat what isn't required as unknown; MUST NOT run a script that requires what isn't there | `requires` |
//! | 2.10.6 | MUST check syntax, meaning and the run of what is executed | `mistakes`, `errors_keep_the_letter` |
//! | 2.10.6 | MUST tell the user of an error, and keep | mda: `a_broken_script_keeps_the_letter_and_tells_the_user_once` |
//! | 2.10.7 | MUST have fifteen levels of blocks and of tests | `fifteen_levels_and_bounds_of_nesting` |
//! | 3.1 | MUST have `elsif` and `else` only behind `if` or `elsif` | `mistakes` |
//! | 3.2 | MUST have `require` first | `requires` |
//! | 4 | MUST have keep, discard, redirect; SHOULD have fileinto | `examples` |
//! | 4.2 | MUST keep Received and add to them | mda: `what_is_sent_on_has_left_before_anything_is_answered` |
//! | 4.2 | MUST keep an empty sender empty | mda: `what_is_sent_on_has_left_before_anything_is_answered` |
//! | 4.2, 10 (1) | MUST break loops | mda: `m10_what_comes_back_is_a_loop` |
//! | 4.2, 10 (2) | MUST limit redirects | `m10_redirects_and_actions_are_few` |
//! | 4.2 | MUST NOT cancel the implicit keep by a redirect that is ignored | mda: `what_scripts_come_to` |
//! | 4.4 | MUST be silent where it discards | `actions`: nothing is left to do |
//! | 5 | MUST have address, allof, anyof, exists, false, header, not, size, true | `tests_with_their_results` |
//! | 5.1 | MUST keep `address` to fields that hold addresses, and take at least seven | `addresses` |
//! | 5.4 | MUST drop routes | `envelopes` |
//! | 6 | MUST NOT change what `require` means by an extension | none does |
//! | 10 (3) | MUST log redirects | mda: `what_scripts_come_to`, its notes |

use super::{MESSAGE_A, MESSAGE_B, described, done, facts, holds, outcome, refused};
use crate::{Facts, format, limits};

#[test]
fn examples() {
    let if_chain = r#"require "fileinto";
        if header :contains "from" "coyote" { discard; }
        elsif header :contains ["subject"] ["$$$"] { discard; }
        else { fileinto "INBOX"; }"#;
    let redirects = r#"if header :contains ["From"] ["coyote"] { redirect "acm@example.com"; }
        elsif header :contains "Subject" "$$$" { redirect "postmaster@example.com"; }
        else { redirect "field@example.com"; }"#;
    let comparator = r#"if header :contains :comparator "i;octet" "Subject"
        "MAKE MONEY FAST" { discard; }"#;
    for (section, script, message, expected) in [
        ("2.3", "if size :over 100k { # this is a comment\n discard;\n }", MESSAGE_A, "keep"),
        (
            "2.3",
            "if size :over 100K { /* this is a comment\n still */ discard /* this\n */ ; }",
            MESSAGE_A,
            "keep",
        ),
        (
            "2.4.2.1",
            "if header :contains [\"To\", \"Cc\"] [\"me@example.com\", \"me00@landru.example.com\"] { discard; }",
            "Cc: me00@landru.example.com\n\n",
            "discard",
        ),
        (
            "2.4.2.4",
            "require \"encoded-character\"; if header :contains \"Subject\" \"$${hex:24 24}\" { discard; }",
            MESSAGE_B,
            "discard",
        ),
        (
            "2.5.1",
            "if anyof (not exists [\"From\", \"Date\"], header :contains \"from\" \"fool@example.com\") { discard; }",
            "From: a@b.example\n\n",
            "discard",
        ),
        (
            "2.5.1",
            "if anyof (not exists [\"From\", \"Date\"], header :contains \"from\" \"fool@example.com\") { discard; }",
            MESSAGE_A,
            "keep",
        ),
        ("2.7.3", comparator, "Subject: You can MAKE MONEY FAST\n\n", "discard"),
        ("2.7.3", comparator, "Subject: You can Make Money Fast\n\n", "keep"),
        ("2.10.2", "if size :over 500K { discard; }", MESSAGE_B, "keep"),
        ("3.1", if_chain, MESSAGE_A, "discard"),
        ("3.1", if_chain, MESSAGE_B, "discard"),
        ("3.1", if_chain, "From: x@y.example\n\n", "fileinto INBOX"),
        ("3.1", redirects, MESSAGE_A, "redirect acm@example.com"),
        ("3.1", redirects, MESSAGE_B, "redirect postmaster@example.com"),
        ("3.1", redirects, "\n", "redirect field@example.com"),
        (
            "4.1",
            "require \"fileinto\"; if header :contains [\"from\"] \"coyote\" { fileinto \"INBOX.harassment\"; }",
            MESSAGE_A,
            "fileinto INBOX.harassment",
        ),
        ("4.2", "redirect \"bart@example.com\";", MESSAGE_A, "redirect bart@example.com"),
        ("4.3", "if size :under 1M { keep; } else { discard; }", MESSAGE_A, "keep"),
        ("4.3", "if not size :under 1M { discard; }", MESSAGE_A, "keep"),
        (
            "4.4",
            "if header :contains [\"from\"] [\"idiot@example.com\"] { discard; }",
            "From: idiot@example.com\n\n",
            "discard",
        ),
        ("4.4", "require \"fileinto\"; fileinto \"x\"; discard;", MESSAGE_A, "fileinto x"),
        (
            "5.1",
            "if address :is :all \"from\" \"tim@example.com\" { discard; }",
            "From: Tim <tim@example.com>\n\n",
            "discard",
        ),
        (
            "5.4",
            "require \"envelope\"; if envelope :all :is \"from\" \"coyote@desert.example.org\" { discard; }",
            MESSAGE_A,
            "discard",
        ),
        (
            "5.5",
            "if not exists [\"From\",\"Date\"] { discard; }",
            "From: x@y.example\n\n",
            "discard",
        ),
    ] {
        assert_eq!(done(script, message), expected, "§{section}: {script}");
    }
}

#[test]
fn extended_example() {
    let script = r#"
    #
    # Example Sieve Filter
    # Declare any optional features or extension used by the script
    #
    require ["fileinto"];

    #
    # Handle messages from known mailing lists
    # Move messages from IETF filter discussion list to filter mailbox
    #
    if header :is "Sender" "owner-ietf-mta-filters@imc.org"
            {
            fileinto "filter";  # move to "filter" mailbox
            }
    #
    # Keep all messages to or from people in my company
    #
    elsif address :DOMAIN :is ["From", "To"] "example.com"
            {
            keep;               # keep in "In" mailbox
            }

    #
    # Try and catch unsolicited email.  If a message is not to me,
    # or it contains a subject known to be spam, file it away.
    #
    elsif anyof (NOT address :all :contains
                   ["To", "Cc", "Bcc"] "me@example.com",
                 header :matches "subject"
                   ["*make*money*fast*", "*university*dipl*mas*"])
            {
            fileinto "spam";   # move to "spam" mailbox
            }
    else
            {
            # Move all other (non-company) mail to "personal"
            # mailbox.
            fileinto "personal";
            }
"#;
    for (message, expected) in [
        ("Sender: owner-ietf-mta-filters@imc.org\n\n", "fileinto filter"),
        ("From: a@example.com\nTo: b@there.example\n\n", "keep"),
        ("From: a@there.example\nTo: b@there.example\n\n", "fileinto spam"),
        ("From: a@there.example\nTo: me@example.com.example\n\n", "fileinto personal"),
        (
            "From: a@there.example\nTo: me@example.com.example\nSubject: Make $ money quite fast!\n\n",
            "fileinto spam",
        ),
    ] {
        assert_eq!(done(script, message), expected, "{message}");
    }
    let canonical = format("test", script.as_bytes()).unwrap();
    let expected = r#"#
# Example Sieve Filter
# Declare any optional features or extension used by the script
#
require ["fileinto"];

#
# Handle messages from known mailing lists
# Move messages from IETF filter discussion list to filter mailbox
#
if header :is "Sender" "owner-ietf-mta-filters@imc.org" {
    fileinto "filter"; # move to "filter" mailbox
}
#
# Keep all messages to or from people in my company
#
elsif address :domain :is ["From", "To"] "example.com" {
    keep; # keep in "In" mailbox
}

#
# Try and catch unsolicited email.  If a message is not to me,
# or it contains a subject known to be spam, file it away.
#
elsif anyof (
    not address :all :contains ["To", "Cc", "Bcc"] "me@example.com",
    header :matches "subject" ["*make*money*fast*", "*university*dipl*mas*"]
) {
    fileinto "spam"; # move to "spam" mailbox
}
else {
    # Move all other (non-company) mail to "personal"
    # mailbox.
    fileinto "personal";
}
"#;
    assert_eq!(String::from_utf8(canonical).unwrap(), expected);
}

#[test]
fn tests_with_their_results() {
    let caffeine = "X-Caffeine: C8H10N4O2\nCc:\nX-Empty:   \n\n";
    for (section, test, expected) in [
        ("5.2", "allof (false, false)", false),
        ("5.2", "allof (false, true)", false),
        ("5.2", "allof (true, true)", true),
        ("5.3", "anyof (false, false)", false),
        ("5.3", "anyof (false, true)", true),
        ("5.3", "anyof (true, true)", true),
        ("5.6", "false", false),
        ("5.8", "not false", true),
        ("5.8", "not true", false),
        ("5.10", "true", true),
        ("5.7", r#"header :is ["X-Caffeine"] [""]"#, false),
        ("5.7", r#"header :contains ["X-Caffeine"] [""]"#, true),
        // An absent field matches nothing, not even the empty key.
        ("5.7", r#"header :contains "X-Absent" """#, false),
        ("5.7", r#"not header :matches "Cc" "?*""#, true),
        ("5.7", r#"not header :matches "X-Absent" "?*""#, true),
        ("5.7", r#"not header :matches "X-Caffeine" "?*""#, false),
        ("5.7", r#"header "X-Empty" """#, true),
        ("2.4.2.2", r#"header :contains "X-Caffeine:" """#, false),
        ("2.4.2.2", r#"header :contains "not a name" """#, false),
        ("2.4.2.2", r#"header :contains "" """#, false),
        ("2.4.2.1", r#"exists "X-Caffeine""#, true),
        ("2.4.2.1", r#"exists ["X-Caffeine"]"#, true),
        ("5.5", r#"exists ["X-Caffeine", "X-Absent"]"#, false),
        ("2.7", r#"header :is "x-cAFFEINE" "c8h10n4o2""#, true),
        ("2.7.3", r#"header :comparator "i;octet" "x-caffeine" "c8h10n4o2""#, false),
        ("2.7.1", r#"header :matches "x-caffeine" "C8H10N4O2?""#, false),
        ("2.7.1", r#"header :matches "x-caffeine" "C8H10N4O?""#, true),
        ("2.4.2", r#"header "x-caffeine" "C8\H10\N4O2""#, true),
    ] {
        assert_eq!(holds("", test, caffeine), expected, "§{section}: {test}");
    }
}

#[test] // Tests RFC 5228 §2.7.1.
fn match_types() {
    for (test, expected) in [
        (":contains \"frob\"", true),
        (":contains \"nit\"", true),
        (":contains \"fbm\"", false),
        (":contains \"\"", true),
        (":is \"frobnitzm\"", true),
        (":is \"frobnitz\"", false),
        (":is \"\"", false),
        ("\"frobnitzm\"", true),
        (":matches \"*nit*\"", true),
        (":matches \"frob*\"", true),
        (":matches \"frob\"", false),
        (":matches \"frobnitz?\"", true),
        (":matches \"frobnitz\\\\?\"", false),
    ] {
        let (tag, key) = test.split_once('"').unwrap();
        let test = format!("header {tag} \"Subject\" \"{key}");
        assert_eq!(holds("", &test, "Subject: frobnitzm\n\n"), expected, "{test}");
    }
    assert!(holds("", r#"header :matches "Subject" "a\\*\\?b""#, "Subject: a*?b\n\n"));
    // One octet for these comparators; one character for a Unicode one.
    assert!(holds("", r#"header :matches "Subject" "??""#, "Subject: \u{e9}\n\n"));
    let unicode = r#"header :comparator "i;unicode-casemap" :matches "Subject" "?""#;
    assert!(holds(", \"comparator-i;unicode-casemap\"", unicode, "Subject: \u{e9}\n\n"));
    assert!(!holds(", \"comparator-i;unicode-casemap\"", unicode, "Subject: e\u{301}\n\n"));
}

#[test] // Tests RFC 5228 §2.7.2: header text is compared as UTF-8, whatever charset it came in.
fn charsets() {
    for (subject, key) in [
        ("=?iso-8859-1?q?caf=E9?=", "café"),
        ("=?utf-8?q?caf=C3=A9?=", "café"),
        ("=?us-ascii?q?cafe?=", "cafe"),
        ("=?iso-8859-15?q?=A4?=", "€"),
        ("=?us-ascii?q?a=00b?=", "a${hex:00}b"),
        ("café", "café"),
    ] {
        let test = format!("header :is \"Subject\" \"{key}\"");
        let message = format!("Subject: {subject}\n\n");
        assert!(holds(", \"encoded-character\"", &test, &message), "{subject}");
    }
}

#[test] // Tests RFC 5228 §2.7.3 and §2.7.1.
fn comparators() {
    let message = "X-Number: 0100 apples\n\n";
    let numeric = ", \"comparator-i;ascii-numeric\"";
    assert!(holds(numeric, r#"header :comparator "i;ascii-numeric" "X-Number" "100""#, message));
    assert!(!holds(numeric, r#"header :comparator "i;ascii-numeric" "X-Number" "10""#, message));
    // Those of the base need no require, and may have one.
    assert!(holds(
        ", \"comparator-i;octet\"",
        r#"header :comparator "i;octet" :contains "x-number" "apples""#,
        message
    ));
    for (script, expected) in [
        (
            r#"if header :comparator "i;ascii-numeric" "a" "b" { stop; }"#,
            "test:1:23: this needs \"comparator-i;ascii-numeric\"",
        ),
        (
            r#"require "comparator-i;ascii-numeric"; if header :contains :comparator "i;ascii-numeric" "a" "b" { stop; }"#,
            "can't look for parts",
        ),
        (r#"require "comparator-elbonia";"#, "there is no extension \"comparator-elbonia\""),
        (
            r#"if header :comparator "elbonia" "a" "b" { stop; }"#,
            "there is no comparator \"elbonia\"",
        ),
    ] {
        assert!(refused(script).contains(expected), "{}", refused(script));
    }
}

#[test] // Tests RFC 5228 §5.1 and §2.7.4.
fn addresses() {
    let message = "From: \"Tim (nospam)\" <Tim@Example.com>\nTo: Friends: a@b.example, c@d.example;\n\
        Cc: nonsense\n\n";
    for (test, expected) in [
        (r#"address :is :all "from" "tim@example.com""#, true),
        (r#"address :is "from" "tim@example.com""#, true),
        (r#"address :localpart "from" "tim""#, true),
        (r#"address :domain "from" "example.com""#, true),
        (r#"address :contains "from" "nospam""#, false),
        (r#"address :contains "to" "Friends""#, false),
        (r#"address :domain "to" "d.example""#, true),
        (r#"address :comparator "i;octet" :localpart "from" "tim""#, false),
        // What is no address has no parts.
        (r#"address :matches :localpart "cc" "*""#, false),
        (r#"address :matches :domain "cc" "*""#, false),
        (r#"address :is ["to", "from"] ["x@y.example", "tim@example.com"]"#, true),
    ] {
        assert_eq!(holds("", test, message), expected, "{test}");
    }
    // §5.1 MUST: only fields that hold addresses.
    for name in ["Subject", "Date", "Message-ID", "Received"] {
        let test = format!("address :contains \"{name}\" \"a@b.example\"");
        assert!(!holds("", &test, &format!("{name}: <a@b.example>\n\n")), "{name}");
    }
    // At least these fields; any other that holds addresses as well.
    for name in ["From", "To", "Cc", "Bcc", "Sender", "Resent-From", "Resent-To", "Reply-To"] {
        let test = format!("address \"{name}\" \"a@b.example\"");
        assert!(holds("", &test, &format!("{name}: a@b.example\n\n")), "{name}");
    }
}

#[test] // Tests RFC 5228 §5.4.
fn envelopes() {
    let to = Facts {
        envelope_from: Some(""),
        envelope_to: Some("@x.example:tim+x@example.com"),
        ..facts()
    };
    for (test, expected) in [
        // The null reverse-path is empty, whatever part of it is asked for.
        (r#"envelope "from" """#, true),
        (r#"envelope :domain "FROM" """#, true),
        (r#"envelope :localpart "from" """#, true),
        // Routes are dropped.
        (r#"envelope "to" "tim+x@example.com""#, true),
        (r#"envelope :localpart "to" "tim+x""#, true),
        (r#"envelope :domain ["from", "to"] "example.com""#, true),
    ] {
        let script = format!("require \"envelope\"; if {test} {{ discard; }}");
        let got = described(&outcome(&script, MESSAGE_A, &to));
        assert_eq!(got == "discard", expected, "{test}");
    }
    let unknown = "require \"envelope\"; if envelope \"orcpt\" \"x\" { stop; }";
    assert!(refused(unknown).contains("no \"orcpt\""));
    let unknown = "require [\"envelope\", \"variables\"]; set \"a\" \"x\"; if envelope \"${a}\" \"x\" { stop; }";
    assert!(done(unknown, MESSAGE_A).starts_with("error: test:1:"), "{}", done(unknown, MESSAGE_A));
}

#[test] // Tests RFC 5228 §5.9.
fn sizes() {
    let of = |octets: usize| format!("A: b\r\n\r\n{}", "x".repeat(octets - 8));
    for (octets, test, expected) in [
        (4_000, "size :over 4000", false),
        (4_000, "size :under 4000", false),
        (4_001, "size :over 4000", true),
        (3_999, "size :under 4000", true),
        (1_025, "size :over 1K", true),
        (1_024, "size :over 1K", false),
    ] {
        assert_eq!(holds("", test, &of(octets)), expected, "{octets} {test}");
    }
    // Octets as on the wire, also where line ends are LF.
    assert!(!holds("", "size :over 8", "A: b\n\n"));
    assert!(holds("", "size :over 7", "A: b\n\n"));
}

#[test] // Tests RFC 5228 §2.10.2, §2.10.3, §2.10.4 and §4.
fn actions() {
    let many = |n: usize| {
        let files: String = (0..n).map(|n| format!("fileinto \"f{n}\";")).collect();
        format!("require \"fileinto\"; {files}")
    };
    for (script, expected) in [
        ("", "keep".to_owned()),
        ("keep; keep;", "keep".to_owned()),
        ("stop;", "keep".to_owned()),
        ("discard; stop; keep;", "discard".to_owned()),
        ("require \"fileinto\"; fileinto \"a\"; fileinto \"a\";", "fileinto a".to_owned()),
        ("require \"fileinto\"; fileinto \"inbox\"; keep;", "fileinto inbox".to_owned()),
        ("require \"fileinto\"; fileinto \"a\"; keep;", "fileinto a; keep".to_owned()),
        (
            "redirect \"a@b.example\"; redirect \"A <a@b.example>\";",
            "redirect a@b.example".to_owned(),
        ),
        ("if true { if true { stop; } discard; } discard;", "keep".to_owned()),
    ] {
        assert_eq!(done(script, MESSAGE_A), expected, "{script}");
    }
    assert!(!done(&many(limits::ACTIONS_MAX), MESSAGE_A).starts_with("error"));
    assert!(done(&many(limits::ACTIONS_MAX + 1), MESSAGE_A).contains("more than 32 actions"));
}

#[test] // Row M10; tests RFC 5228 §4.2 and §10 (2).
fn m10_redirects_and_actions_are_few() {
    let redirects =
        |n: usize| (0..n).map(|n| format!("redirect \"u{n}@b.example\";")).collect::<String>();
    let got = done(&redirects(4), MESSAGE_A);
    assert_eq!(got.matches("redirect").count(), 4, "{got}");
    let got = done(&redirects(5), MESSAGE_A);
    assert!(got.starts_with("error: test:1:") && got.contains("more than 4 redirects"), "{got}");
    let thousand = "require \"fileinto\"; ".to_owned()
        + &(0..1_000).map(|n| format!("fileinto \"f{n}\";")).collect::<String>();
    assert!(done(&thousand, MESSAGE_A).starts_with("error: "), "kept in the inbox alone");
}

#[test] // Row M10.
fn m10_patterns_end() {
    let subject = format!("Subject: {}\n\n", "a".repeat(1024 * 1024));
    let test = |pattern: &str| format!("header :matches \"Subject\" \"{pattern}\"");
    for (pattern, expected) in [
        ("*a".repeat(200) + "*b", "keep"),
        ("*a".repeat(200) + "*", "discard"),
        ("*a?".repeat(20) + "b", "keep"),
        ("*?".repeat(50) + "b", "keep"),
    ] {
        let script = format!("if {} {{ discard; }}", test(&pattern));
        assert_eq!(done(&script, &subject), expected);
    }
    // Many of them are too much.
    let tests = vec![test(&("*?".repeat(50) + "b")); 100].join(",\n");
    let got = done(&format!("if anyof ({tests}) {{ discard; }}"), &subject);
    assert!(got.contains("the script compares too much"), "{got}");
}

#[test] // Tests RFC 5228 §2.10.5, §3.2 and §6.
fn requires() {
    for (script, expected) in [
        (
            "require [\"fileinto\", \"nonsense\"]; stop;",
            "test:1:22: there is no extension \"nonsense\"",
        ),
        ("fileinto \"x\";", "test:1:1: this needs \"fileinto\" (write: require \"fileinto\";)"),
        ("keep; require \"fileinto\";", "test:1:7: \"require\" behind another command"),
        ("if true { require \"fileinto\"; }", "\"require\" behind another command"),
        // Capabilities have a case.
        ("require \"FileInto\";", "did you mean \"fileinto\"?"),
        ("require \"\";", "there is no extension \"\""),
        ("require 1;", "\"require\" takes a string or a list of strings"),
    ] {
        assert!(refused(script).contains(expected), "{}", refused(script));
    }
    assert_eq!(
        done("require \"fileinto\"; require \"envelope\"; fileinto \"x\";", MESSAGE_A),
        "fileinto x"
    );
}

#[test] // Tests RFC 5228 §2.6, §2.10.6, §3.1 and §8: what is wrong is found before it runs.
fn mistakes() {
    for (script, expected) in [
        ("if true { stop; ", "test:1:1: the block of \"if\" has no end (a \"}\" is missing)"),
        ("stop; }", "test:1:7: \"}\" stands where a command should (is there a \"}\" too many?)"),
        (
            "stop",
            "test:1:5: the end of the script stands where \";\" should (\";\" or a block ends \"stop\")",
        ),
        ("stop {}", "test:1:1: \"stop\" takes no block"),
        ("if true;", "test:1:1: \"if\" takes a block"),
        ("if { stop; }", "test:1:1: \"if\" takes a test"),
        ("if (true) { stop; }", "\"if\" takes one test (\"allof\" and \"anyof\" join several)"),
        ("if not (true) { stop; }", "\"not\" takes one test"),
        ("if anyof true { stop; }", "\"anyof\" takes tests in parentheses"),
        ("if true { stop; } else if true { stop; }", "\"else\" takes no test (\"elsif\" does)"),
        ("else { stop; }", "test:1:1: \"else\" without an \"if\" before it"),
        (
            "if true { stop; } keep; elsif true { stop; }",
            "test:1:25: \"elsif\" without an \"if\" before it",
        ),
        ("if true {} else {} elsif true {}", "\"elsif\" behind \"else\""),
        ("hedaer;", "test:1:1: there is no command \"hedaer\""),
        ("elif true { stop; }", "there is no command \"elif\" (did you mean \"elsif\"?)"),
        ("// x\n", "test:1:1: unexpected '/' (comments begin with #, or stand between /* and */)"),
        ("redirect 'a@b.example';", "test:1:10: unexpected '\\'' (strings stand between \"\")"),
        (":0:\n* ^From", "unexpected ':' (that is procmail's: postroad-mda import procmail)"),
        ("kepe;", "there is no command \"kepe\" (did you mean \"keep\"?)"),
        ("true;", "there is no command \"true\" (that is a test, as in \"if true …\")"),
        ("if stop { keep; }", "test:1:4: there is no test \"stop\" (that is a command)"),
        ("if haeder \"a\" \"b\" { keep; }", "did you mean \"header\"?"),
        ("if header :is :is \"a\" \"b\" {}", "test:1:15: \":is\" is given twice"),
        ("if header :is :contains \"a\" \"b\" {}", "\":is\" and \":contains\" exclude each other"),
        ("if header :comparator \"i;octet\" :comparator \"i;octet\" \"a\" \"b\" {}", "given twice"),
        ("if address :all :domain \"a\" \"b\" {}", "\":all\" and \":domain\" exclude each other"),
        (
            "if header :containz \"a\" \"b\" {}",
            "\"header\" takes no \":containz\" (did you mean \":contains\"?)",
        ),
        ("if header \"a\" :is \"b\" {}", "test:1:15: a tag behind other arguments"),
        ("if header \"a\" {}", "\"header\" takes a string or a list of strings, then"),
        ("if header \"a\" 1 {}", "\"header\" takes a string or a list of strings here"),
        ("if size 100 {}", "\"size\" takes \":over\" or \":under\""),
        ("if size :over :under 100 {}", "exclude each other"),
        ("if size :over \"100\" {}", "\"size\" takes a number here"),
        ("redirect [\"a@b.example\"];", "\"redirect\" takes a string here"),
        ("redirect \"nobody\";", "test:1:10: \"nobody\" is no address"),
        ("redirect \"a@b.example, c@d.example\";", "is no address"),
        ("require \"fileinto\"; fileinto \"\";", "a mailbox has a name"),
        ("if size :over 10MB {}", "test:1:15: letters behind a number"),
        ("if size :over 99999999999999999999 {}", "the number is too large"),
        ("if size :over 99999999999999G {}", "the number is too large"),
        ("redirect \"a", "test:1:10: a string without end"),
        ("/* stop;", "test:1:1: a comment without end"),
        ("redirect text: x\na\n.\n;", "text: is followed by something on its line"),
        ("redirect text:\na\n", "a text: without end"),
        ("redirect \"a\0\";", "unexpected octet 0x00"),
        ("stop;\r", "test:1:6: a bare CR"),
        ("redirect [];", "\"]\" stands where a string should"),
        ("redirect [\"a\" \"b\"];", "stands where \",\" or \"]\" should"),
        ("if anyof (true; true) {}", "stands where \",\" or \")\" should"),
        ("stop; ü", "test:1:7: unexpected octet 0xc3"),
        ("/* ü */ kepe;", "test:1:9:"),
    ] {
        assert!(refused(script).contains(expected), "{script}\n{}", refused(script));
    }
    // All of them at once, in order.
    let both = refused("kepe;\nif true {\n    stopp;\n}\nredirect \"x\";");
    let places: Vec<_> = both.lines().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(places, ["test:1:1", "test:3:5", "test:5:10"], "{both}");
}

#[test] // Tests RFC 5228 §2.10.7.
fn fifteen_levels_and_bounds_of_nesting() {
    let blocks = |n: usize| format!("{}discard;{}", "if true {".repeat(n), "}".repeat(n));
    assert_eq!(done(&blocks(15), MESSAGE_A), "discard");
    let tests =
        |n: usize| format!("if {}true{} {{ discard; }}", "allof (".repeat(n), ")".repeat(n));
    assert_eq!(done(&tests(15), MESSAGE_A), "discard");
    assert_eq!(done(&tests(38), MESSAGE_A), "discard");
    for script in [blocks(41), tests(41), blocks(100_000), tests(100_000)] {
        assert!(refused(&script).contains("more than 40 blocks and tests"));
    }
    let nots = format!("if {}true {{ discard; }}", "not ".repeat(30));
    assert_eq!(done(&nots, MESSAGE_A), "discard");
}

#[test] // Tests RFC 5228 §2.4.1.
fn numbers() {
    assert!(holds("", "size :under 2147483647", MESSAGE_A));
    assert!(holds("", "size :under 2g", MESSAGE_A));
    assert!(holds("", "not size :over 1M", MESSAGE_A));
}

#[test] // Tests RFC 5228 §2.4.2: the forms of strings.
fn strings() {
    let subject = |text: &str| format!("if header \"Subject\" {text} {{ discard; }}");
    for (text, value, expected) in [
        (r#""a\"b\\c\d""#, "a\"b\\cd", "discard"),
        ("text:\nab\n.\n", "ab", "keep"),
        ("text: # comment\r\nab\r\n.\r\n", "ab", "keep"),
        ("\"a\tb\"", "a\tb", "discard"),
    ] {
        assert_eq!(done(&subject(text), &format!("Subject: {value}\n\n")), expected, "{text}");
    }
    // Dots and the last line end, seen through a variable.
    let script = "require [\"variables\", \"fileinto\"]; set \"t\" text:\n..a\n.b\n..\n.\n;\n\
        if string \"${t}\" \".a\r\n.b\r\n.\r\n\" { discard; }";
    assert_eq!(done(script, MESSAGE_A), "discard");
    // Octets that are no UTF-8 are strings, too.
    let script = b"if header :contains \"Subject\" \"\xe9\" { discard; }";
    let script = crate::compile("test", script).unwrap();
    let outcome = script.run(&crate::Message::new(b"Subject: caf\xe9\n\n"), &facts());
    assert_eq!(described(&outcome), "discard");
}

#[test] // Tests RFC 5228 §2.10.6: an error at run time means a keep, and nothing else is done.
fn errors_keep_the_letter() {
    let script = "require [\"variables\", \"fileinto\"];\nfileinto \"x\";\nset \"a\" \"nobody\";\n\
        redirect \"${a}\";";
    let got = outcome(script, MESSAGE_A, &facts());
    assert_eq!(
        described(&got),
        "error: test:4:1: \"nobody\" is no address: an address is local-part@domain"
    );
}
