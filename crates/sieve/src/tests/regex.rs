//! draft-ietf-sieve-regex-01: regex.
//!
//! | § | what is asked for | held by |
//! |---|---|---|
//! | 5 | an error with a comparator that has no normal form | `mistakes` |
//! | 6 | MUST have extended expressions, all in its tables | `patterns`, `brackets` |
//! | 6 | SHOULD refuse others | `m10_regular_expressions_are_bounded`: back references |
//! | 7.1 | MUST set match variables, greedily, by the order of the parentheses | `groups_are_match_variables` |
//! | 7.2 | MUST have `:quoteregex`, of precedence 20 | `groups_are_match_variables`, `mistakes` |
//! | 10 | MUST limit what runs away | `m10_regular_expressions_are_bounded`, `m10_regular_expressions_are_few` |

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

#[test] // Tests §8, but for backslashes that were doubled once too often.
fn the_example_of_the_draft() {
    let script = r#"require "regex";
   # Try to catch unsolicited email.
   if anyof (
     # if a message is not to me (with optional +detail),
     not address :regex ["to", "cc", "bcc"]
       "me(\\+.*)?@company\\.com",

     # or the subject is all uppercase (no lowercase)
     header :regex :comparator "i;octet" "subject"
       "^[^[:lower:]]+$" ) {

     discard;    # junk it
   }"#;
    for (message, expected) in [
        ("To: me@company.com\nSubject: Hi\n\n", "keep"),
        ("Cc: a@b.example, me+x@company.com\nSubject: Hi\n\n", "keep"),
        ("To: me@company.com\nSubject: BUY 1!\n\n", "discard"),
        ("To: you@company.com\nSubject: Hi\n\n", "discard"),
    ] {
        assert_eq!(done(script, message), expected, "{message}");
    }
}

#[test] // Tests §6, tables 1 and 2.
fn brackets() {
    for (pattern, matched, not) in [
        ("[a-c]", "b", "d"),
        ("[^a-c]", "d", "b"),
        ("[]a]", "]", "["),
        ("[^]a]", "[", "]"),
        ("[]-a]", "^", "["),
        ("[a-]", "-", "b"),
        ("[-a]", "-", "b"),
        ("[+--]", ",", "."),
        ("[--/]", ".", "0"),
        ("[a&&b]", "&", "c"),
        ("[a~~b]", "~", "c"),
        ("[[a]", "[", "b"),
        ("[[:alpha:]_]", "_", "1"),
        ("[^[:alpha:][:digit:]]", "_", "1"),
        ("[[:xdigit:]]", "f", "g"),
        ("[[=a=]b]", "a", "="),
        ("[[.a.]b]", "b", "."),
        ("[[.-.]b]", "-", "a"),
        ("[[=]=]x]", "]", "="),
        ("[a-[.c.]]", "b", "d"),
        (r"[\\.]", r"\\", "a"),
        ("[é-ü]", "ö", "a"),
    ] {
        for (value, expected) in [(matched, true), (not, false)] {
            let test = format!("string :regex \"{value}\" \"^{pattern}$\"");
            assert_eq!(holds(", \"regex\", \"variables\"", &test, "\n"), expected, "{test}");
        }
    }
}

#[test]
fn mistakes() {
    for (test, expected) in [
        (
            r#"header :regex :comparator "i;ascii-numeric" "a" "b""#,
            "this comparator can't look for parts of a text",
        ),
        (r#"header :regex "a" "[[:nonsense:]]""#, "the pattern is wrong"),
        (r#"header :regex "a" "[[.ch.]]""#, "isn't one character"),
        (r#"header :regex "a" "[[=a]""#, "has no end"),
        (r#"header :regex "a" "[a""#, "the pattern is wrong"),
        (r#"header :regex "a" "[a-[:digit:]]""#, "a range goes from a character to another"),
    ] {
        let script = format!("require [\"regex\", \"comparator-i;ascii-numeric\"]; if {test} {{}}");
        assert!(refused(&script).contains(expected), "{test}: {}", refused(&script));
    }
    // It has the precedence of ":quotewildcard", and comes before ":length".
    let script = "require [\"regex\", \"variables\"]; set :quoteregex :quotewildcard \"a\" \"b\";";
    assert!(refused(script).contains("exclude each other"));
    let script = "require [\"regex\", \"variables\", \"fileinto\"]; \
        set :length :quoteregex \"a\" \"x.\"; fileinto \"${a}\";";
    assert_eq!(done(script, "\n"), "fileinto 3");
}

#[test]
fn groups_are_match_variables() {
    let script = r#"require ["regex", "variables", "fileinto"];
        if header :regex "subject" "\\[([^]]*)\\] (Re: )?(.*)" { fileinto "${1}|${2}|${3}|${0}"; }"#;
    assert_eq!(done(script, "Subject: x [list] hello\n\n"), "fileinto list||hello|[list] hello");
    // Tests §7.1, but for a backslash that is missing there.
    let script = r#"require ["regex", "variables", "fileinto"];
        if header :regex "Subject" "^\\[(.*)\\] (.*)$" { fileinto "${1}"; }"#;
    let message = "Subject: [acme-users] [fwd] version 1.0 is out\n\n";
    assert_eq!(done(script, message), "fileinto acme-users] [fwd");
    let script = r#"require ["regex", "variables", "fileinto"];
        if header :regex "List-ID" "<(.*)@" { fileinto "lists.${1}"; }"#;
    assert_eq!(done(script, "List-ID: x <acme@x.example>\n\n"), "fileinto lists.acme");
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
fn m10_wide_regular_expressions_are_paid_for() {
    // What has to be followed at each octet is much, if the letter is made for it.
    let digits: String =
        (0..1_000_000_u64).map(|n| if (n * n) % 7 < 3 { '0' } else { '1' }).collect();
    let letter = format!("A: b\n\n{digits}");
    let matched = |pattern: &str| {
        let script = format!(
            "require [\"regex\", \"body\"]; if body :raw :regex \"{pattern}\" {{ discard; }}"
        );
        done(&script, &letter)
    };
    for pattern in ["[01]*1[01]{300}x", "0(.*1.*0){80}x", "((0|1)?(01|10)*){90}x"] {
        assert!(matched(pattern).contains("the script compares too much"), "{pattern}");
    }
    for pattern in ["[01]*1[01]{20}x", "unsubscribe[^a-z]*here", "(http|ftp)s?://[a-z.]+/x"] {
        assert_eq!(matched(pattern), "keep", "{pattern}");
    }
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
