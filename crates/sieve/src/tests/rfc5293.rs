//! RFC 5293: editheader.
//!
//! | § | what is asked for | held by |
//! |---|---|---|
//! | 4, 5 | MUST refuse a name that is none of a field | `mistakes` |
//! | 4 | MUST encode and fold a value that needs it, or refuse it | `edits`, `m12_an_added_field_is_one_field` |
//! | 4 | MUST NOT limit a field to less than 998 characters | `m12_an_added_field_is_one_field`, asserted in src/limits.rs |
//! | 5 | MUST refuse `:last` without `:index` | `mistakes` |
//! | 6 | MUST NOT delete Received and Auto-Submitted; MUST add and delete Subject; MUST be silent about it | `edits` |
//! | 7 | MUST refuse, and keep after an error, the letter as it came | `errors_and_refusals_mean_the_original` |
//! | 7 | MUST store and send with the fields of that moment, and test those | `edits`, `examples` |
//! | 7 | MUST take an edited letter for the same one | `examples` |

use super::{MESSAGE_A, actions, described, done, facts, outcome, refused};
use crate::Action;

/// The header that a letter is kept with.
#[track_caller]
fn header(script: &str, message: &str) -> String {
    let script = format!(
        "require [\"editheader\", \"fileinto\", \"variables\", \"encoded-character\"];\n{script}"
    );
    let outcome = outcome(&script, message, &facts());
    let [Action::Keep(filing)] = &*actions(&outcome) else { panic!("{outcome:?}") };
    assert_eq!(outcome.error, None);
    let octets = filing.content.pieces(message.as_bytes()).concat();
    let text = String::from_utf8(octets).unwrap();
    // A message without fields begins with the empty line.
    let (header, body) = match text.strip_prefix('\n') {
        Some(body) => ("", body),
        None => text.split_once("\n\n").unwrap(),
    };
    assert_eq!(body, message.split_once("\n\n").unwrap().1, "the body stays");
    header.to_owned()
}

#[test] // Tests RFC 5293 §4 to §7.
fn edits() {
    for (section, script, before, after) in [
        ("4", "addheader \"X\" \"y\";", "A: b", "X: y\nA: b"),
        ("4", "addheader :last \"X\" \"y\";", "A: b", "A: b\nX: y"),
        ("4", "addheader \"X\" \"Jürgen\";", "A: b", "X: =?utf-8?B?SsO8cmdlbg==?=\nA: b"),
        ("5", "deleteheader \"x\";", "X: 1\nA: b\nX: 2", "A: b"),
        (
            "5",
            "deleteheader :index 1 :contains \"X-To\" \"bob@example.com\";",
            "X-To: bob@example.com\nX-To: bob@example.com",
            "X-To: bob@example.com",
        ),
        (
            "5",
            "deleteheader :index 1 :contains \"X-To\" \"bob@example.com\";",
            "X-To: ann@example.com\nX-To: bob@example.com",
            "X-To: ann@example.com\nX-To: bob@example.com",
        ),
        ("5", "deleteheader :index 1 :last \"X\";", "X: 1\nX: 2", "X: 1"),
        ("5", "deleteheader :index 2 :last \"X\";", "X: 1\nX: 2", "X: 2"),
        ("5", "deleteheader :index 3 \"X\";", "X: 1\nX: 2", "X: 1\nX: 2"),
        ("5", "deleteheader \"Absent\";", "X: 1", "X: 1"),
        ("5", "deleteheader \"X\" \"1\";", "X:  1 \nX: 12", "X: 12"),
        ("5", "deleteheader :matches \"X\" [\"1*\", \"3\"];", "X: 12\nX: 2\nX: 3", "X: 2"),
        // Match type and comparator without patterns say nothing.
        ("5", "deleteheader :contains \"X\";", "X: 1", ""),
        // Received and Auto-Submitted stay; Subject may change.
        (
            "6",
            "deleteheader \"received\"; deleteheader \"AUTO-Submitted\";",
            "Received: x\nAuto-Submitted: no",
            "Received: x\nAuto-Submitted: no",
        ),
        (
            "6",
            "deleteheader \"Delivered-To\"; deleteheader \"Return-Path\"; addheader \"Received\" \"y\";",
            "Delivered-To: x\nReturn-Path: <>",
            "Delivered-To: x\nReturn-Path: <>",
        ),
        (
            "6",
            "deleteheader \"Subject\"; addheader \"Subject\" \"new\";",
            "Subject: old",
            "Subject: new",
        ),
        (
            "7",
            "addheader \"X-Hello\" \"World\"; deleteheader :index 1 \"X-Hello\";",
            "A: b",
            "A: b",
        ),
        (
            "7",
            "deleteheader :index 1 \"X-Hello\"; deleteheader :index 2 \"X-Hello\";",
            "X-Hello: 1\nX-Hello: 2\nX-Hello: 3",
            "X-Hello: 2",
        ),
        (
            "7",
            "addheader \"X\" \"y\"; if not header \"X\" \"y\" { discard; }",
            "A: b",
            "X: y\nA: b",
        ),
        ("7", "deleteheader \"X\"; if exists \"X\" { discard; }", "X: 1\nA: b", "A: b"),
    ] {
        assert_eq!(header(script, &format!("{before}\n\nbody\n")), after, "§{section}: {script}");
    }
}

#[test]
fn examples() {
    let redirected = r#"require "editheader";
        if not header :contains "X-Sieve-Filtered"
                ["<kim@job.example.com>", "<kim@home.example.com>"]
        {
                addheader "X-Sieve-Filtered" "<kim@job.example.com>";
                redirect "kim@home.example.com";
        }"#;
    assert_eq!(done(redirected, MESSAGE_A), "redirect kim@home.example.com edited");
    assert_eq!(done(redirected, "X-Sieve-Filtered: <kim@home.example.com>\n\n"), "keep");
    let international = "require [\"editheader\", \"fileinto\"]; addheader \"X-Hello\" \"World\"; \
        if header :contains \"X-Hello\" \"World\" { fileinto \"international\"; }";
    assert_eq!(done(international, MESSAGE_A), "fileinto international edited");
    // An edited letter is the same one.
    let flavor = "require \"editheader\"; keep; addheader \"X-Flavor\" \"vanilla\"; keep;";
    assert_eq!(done(flavor, MESSAGE_A), "keep");
    // RFC 5260 §5.1.
    let date = "require [\"variables\", \"date\", \"editheader\"]; \
        if currentdate :matches \"std11\" \"*\" { addheader \"Processing-date\" \"${0}\"; }";
    let outcome = outcome(date, "A: b\r\n\r\n", &facts());
    let [Action::Keep(filing)] = &*actions(&outcome) else { panic!("{outcome:?}") };
    let [header, rest] = filing.content.pieces(b"A: b\r\n\r\n");
    assert_eq!(header, b"Processing-date: Thu, 01 Jan 1970 00:00:00 +0000\r\nA: b\r\n");
    assert_eq!(rest, b"\r\n");
}

#[test] // Tests RFC 5293 §7: after an error, and when it is refused, the letter is what it was.
fn errors_and_refusals_mean_the_original() {
    let script =
        "require [\"editheader\", \"variables\"]; addheader \"X\" \"y\"; redirect \"${1}\";";
    let outcome = outcome(script, MESSAGE_A, &facts());
    assert!(described(&outcome).starts_with("error"));
    assert_eq!(actions(&outcome), [Action::Keep(crate::Filing::default())]);
    // An action sees the letter as it is when it is taken.
    let script =
        "require [\"editheader\", \"fileinto\"]; fileinto \"x\"; addheader \"X\" \"y\"; keep;";
    assert_eq!(done(script, MESSAGE_A), "fileinto x; keep edited");
}

#[test] // Row M12.
fn m12_an_added_field_is_one_field() {
    for value in [
        "a\r\nBcc: x@y.example",
        "a${hex:0d}b",
        "a${hex:0a}\r\n\r\nbody",
        "${hex:1b}[2J",
        "${hex:00}",
    ] {
        let got = header(&format!("addheader \"X\" \"{value}\";"), "A: b\n\n");
        assert!(
            got.starts_with("X:") && got.ends_with("\nA: b") && got.lines().count() == 2,
            "{got:?}"
        );
        assert!(!got.contains(|c: char| c.is_control() && c != '\n'), "{got:?}");
    }
    let long = header(&format!("addheader \"X\" \"{}\";", "word ".repeat(300)), "A: b\n\n");
    assert!(long.lines().all(|line| line.len() <= 78) && long.matches("word").count() == 300);
}

#[test]
fn mistakes() {
    for (script, expected) in [
        ("addheader \"X Y\" \"z\";", "\"X Y\" is no field's name"),
        ("addheader \"X:\" \"z\";", "is no field's name"),
        ("addheader \"Ü\" \"z\";", "is no field's name"),
        ("deleteheader \"\";", "is no field's name"),
        ("deleteheader :last \"X\";", "\":last\" without \":index\""),
        ("deleteheader \"X\" \"y\" \"z\";", "\"deleteheader\" takes a string; or a string, then"),
    ] {
        let script = format!("require \"editheader\"; {script}");
        assert!(refused(&script).contains(expected), "{}", refused(&script));
    }
    let script =
        "require [\"editheader\", \"variables\"]; set \"n\" \"X\r\nY\"; addheader \"${n}\" \"z\";";
    assert!(done(script, MESSAGE_A).contains("is no field's name"));
}

#[test] // Row M10: with half a million fields that took hours.
fn m10_fields_of_one_name_are_deleted_at_once() {
    let message = format!("{}Y: z\n\nbody", "X: \n".repeat(200_000));
    assert_eq!(header("deleteheader \"X\";", &message), "Y: z");
}

#[test] // A letter, a part, or what a program gave may end in the middle of its last field.
fn fields_are_added_to_a_header_without_end() {
    for (script, message, expected) in [
        ("addheader :last \"X\" \"y\";", "A: b", "A: b\r\nX: y\r\n"),
        ("addheader :last \"X\" \"y\";", "A: b\nC: d", "A: b\nC: d\nX: y\n"),
        ("addheader \"X\" \"y\";", "A: b", "X: y\r\nA: b\r\n"),
        ("deleteheader \"X\";", "A: b", "A: b"),
    ] {
        let script = format!("require \"editheader\"; {script}");
        let outcome = outcome(&script, message, &facts());
        let [Action::Keep(filing)] = &*actions(&outcome) else { panic!("{outcome:?}") };
        let octets = filing.content.pieces(message.as_bytes()).concat();
        assert_eq!(String::from_utf8(octets).unwrap(), expected, "{script}");
    }
}

#[test] // Row M10.
fn m10_of_a_huge_header_the_beginning_is_seen_and_all_is_kept() {
    let many = "a:\n".repeat(crate::limits::HEADER_OCTETS_MAX / 3);
    let message = format!("First: x\n{many}Last: y\n\nbody");
    let script = "require [\"editheader\", \"body\"]; \
        if allof (exists \"First\", not exists \"Last\", body :raw \"body\") { addheader \"X\" \"y\"; }";
    let outcome = outcome(script, &message, &facts());
    let [Action::Keep(filing)] = &*actions(&outcome) else { panic!("{:?}", outcome.error) };
    let octets = filing.content.pieces(message.as_bytes()).concat();
    assert!(octets == format!("X: y\n{message}").as_bytes(), "something was lost");
}
