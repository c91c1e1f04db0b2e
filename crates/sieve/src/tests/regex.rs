//! draft-ietf-sieve-regex: regex.

use super::{done, holds, refused};
use crate::limits::REGEXES_MAX;

#[test]
fn patterns() {
    let message = "Subject: [acme-users] Version 1.0 is out\nTo: a+b@example.com\nX: a]b\\c&&d\n\n";
    for (test, expected) in [
        (r#"header :regex "subject" "^\\[(.*)\\] version [0-9]+""#, true),
        (r#"header :regex "subject" "^version""#, false),
        (r#"header :regex :comparator "i;octet" "subject" "version""#, false),
        (r#"header :regex :comparator "i;octet" "subject" "Version""#, true),
        (r#"header :regex "subject" "[[:digit:]]\\.[[:digit:]]""#, true),
        (r#"header :regex "subject" "[[:upper:]][^[:space:]]*ion""#, true),
        (r#"address :regex :localpart "to" "^a[+]b$""#, true),
        (r#"header :regex "x" "[]]b[\\]c""#, true),
        (r#"header :regex "x" "c[&]{2}d""#, true),
        (r#"header :regex "x" "[x&&y]&d""#, true),
        (r#"header :regex "x" "^(a|b)""#, true),
        (r#"header :regex "absent" ".*""#, false),
    ] {
        assert_eq!(holds(", \"regex\"", test, message), expected, "{test}");
    }
}

#[test]
fn groups_are_match_variables() {
    let script = r#"require ["regex", "variables", "fileinto"];
        if header :regex "subject" "\\[([^]]*)\\] (Re: )?(.*)" { fileinto "${1}|${2}|${3}|${0}"; }"#;
    assert_eq!(done(script, "Subject: x [list] hello\n\n"), "fileinto list||hello|[list] hello");
    let script = r#"require ["regex", "variables"]; set :quoteregex "q" "a.b*[c]";
        if header :regex "subject" "^${q}$" { discard; }"#;
    assert_eq!(done(script, "Subject: a.b*[c]\n\n"), "discard");
    assert_eq!(done(script, "Subject: axb*[c]\n\n"), "keep");
}

#[test] // Row M10.
fn m10_regular_expressions_are_bounded() {
    let long = format!("Subject: {}\n\n", "a".repeat(1024 * 1024));
    assert!(!holds(", \"regex\"", r#"header :regex "subject" "(a+)+$x""#, &long));
    assert!(!holds(", \"regex\"", r#"header :regex "subject" "(a|a)*(a|aa)+b""#, &long));
    for (pattern, expected) in [
        ("(", "the pattern is wrong: unclosed group"),
        ("a{1000}{1000}", "the pattern is too complex"),
        ("(a)\\\\1", "backreferences are not supported"),
        (&"(".repeat(100), "the pattern is wrong"),
        (&"a".repeat(3_000), "a pattern has at most 2000 octets"),
    ] {
        let script = format!("require \"regex\"; if header :regex \"a\" \"{pattern}\" {{}}");
        assert!(refused(&script).contains(expected), "{}", refused(&script));
    }
    let tests = vec!["header :regex \"subject\" \"(a|b)*c\""; 40].join(",");
    let script = format!("require \"regex\"; if anyof ({tests}) {{ discard; }}");
    assert!(done(&script, &long).contains("the script compares too much"));
    let script = "require [\"regex\", \"variables\"]; set \"p\" \"(\"; if header :regex \"subject\" \"${p}\" {}";
    assert!(done(script, "Subject: x\n\n").contains("the pattern is wrong"));
}

#[test] // Row M10.
fn m10_regular_expressions_are_few() {
    let tests = |count| vec!["header :regex \"subject\" \"x\""; count].join(",");
    let script = |count| format!("require \"regex\"; if anyof ({}) {{ discard; }}", tests(count));
    assert_eq!(done(&script(REGEXES_MAX), "Subject: x\n\n"), "discard");
    let wanted = "more than 500 regular expressions";
    assert!(refused(&script(REGEXES_MAX + 1)).contains(wanted));
    // Flags are words, and each is one (RFC 5232 §4).
    let flags = |count| {
        let words = "x ".repeat(count);
        format!("require [\"regex\", \"imap4flags\"]; if hasflag :regex \"{words}\" {{ discard; }}")
    };
    assert_eq!(done(&flags(REGEXES_MAX), "\n"), "keep");
    assert!(refused(&flags(REGEXES_MAX + 1)).contains(wanted));
    // What is made while it runs is paid for, each of them.
    let script = format!(
        "require [\"regex\", \"imap4flags\", \"variables\"]; addflag \"y\"; set \"p\" \"{}\";\
         if hasflag :regex \"${{p}}\" {{}}",
        "x ".repeat(3_000)
    );
    assert!(done(&script, "\n").contains("the script compares too much"));
}
