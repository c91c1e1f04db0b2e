//! RFC 5260: date and index.
//!
//! | § | what is asked for | held by |
//! |---|---|---|
//! | 4 | MUST read a date that is all of the field, or its end behind a semicolon | `fields` |
//! | 4.1 | MUST have zones as +hhmm; MUST be local without a tag | `mistakes`, `local_zone` |
//! | 4.2 | MUST have "T" and "Z" in upper case, and "Z" for no offset | `parts` |
//! | 5 | MUST be one moment in all of a run | it is a fact |

use jiff::Zoned;

use super::{MESSAGE_A, described, facts, holds, outcome, refused};
use crate::Facts;

const REQUIRES: &str = ", \"date\", \"index\", \"relational\", \"comparator-i;ascii-numeric\"";

fn at(now: &str) -> Facts<'static> {
    Facts { now: now.parse::<Zoned>().unwrap(), ..facts() }
}

#[track_caller]
fn done_at(now: &str, script: &str, message: &str) -> String {
    described(&outcome(script, message, &at(now)))
}

/// Message A is of Tue, 1 Apr 1997 09:06:31 -0800 (PST).
#[test] // Tests RFC 5260 §4.2.
fn parts() {
    for (part, original, shifted) in [
        ("year", "1997", "1997"),
        ("month", "04", "04"),
        ("day", "01", "02"),
        ("date", "1997-04-01", "1997-04-02"),
        ("julian", "50539", "50540"),
        ("hour", "09", "02"),
        ("minute", "06", "06"),
        ("second", "31", "31"),
        ("time", "09:06:31", "02:06:31"),
        ("iso8601", "1997-04-01T09:06:31-08:00", "1997-04-02T02:06:31+09:00"),
        ("std11", "Tue, 01 Apr 1997 09:06:31 -0800", "Wed, 02 Apr 1997 02:06:31 +0900"),
        ("zone", "-0800", "+0900"),
        ("weekday", "2", "3"),
        ("WeekDay", "2", "3"),
    ] {
        let test = format!("date :originalzone \"date\" \"{part}\" \"{original}\"");
        assert!(holds(REQUIRES, &test, MESSAGE_A), "{test}");
        let test = format!("date :zone \"+0900\" \"date\" \"{part}\" \"{shifted}\"");
        assert!(holds(REQUIRES, &test, MESSAGE_A), "{test}");
    }
    assert!(holds(
        REQUIRES,
        "date :zone \"+0000\" \"date\" \"iso8601\" \"1997-04-01T17:06:31Z\"",
        MESSAGE_A
    ));
    assert!(holds(REQUIRES, "date :zone \"-0000\" \"date\" \"zone\" \"+0000\"", MESSAGE_A));
    assert!(holds(REQUIRES, "date :zone \"-0330\" \"date\" \"time\" \"13:36:31\"", MESSAGE_A));
}

#[test] // Tests RFC 5260 §4.1: without a tag the local zone; with the summer time of that day.
fn local_zone() {
    let script = |test: &str| format!("require \"date\"; if {test} {{ discard; }}");
    let now = "2026-01-15T12:00[Europe/Berlin]";
    for test in [
        "date \"date\" \"time\" \"19:06:31\"",
        "date \"date\" \"zone\" \"+0200\"",
        "currentdate \"hour\" \"12\"",
        "currentdate \"zone\" \"+0100\"",
        "currentdate :zone \"-0500\" \"hour\" \"06\"",
        "currentdate \"iso8601\" \"2026-01-15T12:00:00+01:00\"",
        "currentdate :zone \"+0000\" \"iso8601\" \"2026-01-15T11:00:00Z\"",
    ] {
        assert_eq!(done_at(now, &script(test), MESSAGE_A), "discard", "{test}");
    }
}

#[test] // Tests RFC 5260 §4.
fn fields() {
    let received = "Received: from a by b; Tue, 1 Apr 1997 09:06:31 -0800\n\
        Received: from c;with;semicolons ; 2 Apr 97 09:06 GMT\nX: nothing\nBad: 29 Feb 1997 09:06:31 +0000\n\
        Worse: Mon, 32 Jan 2026 09:06:31 +0000\nFolded: Tue,\n 1 Apr 1997\n 09:06:31 -0800 (a (comment))\n\n";
    for (test, expected) in [
        // Only the first field, unless said otherwise.
        (r#"date :originalzone "received" "day" "01""#, true),
        (r#"date :originalzone "received" "day" "02""#, false),
        (r#"date :index 2 :originalzone "received" "day" "02""#, true),
        (r#"date :index 1 :last :originalzone "received" "day" "02""#, true),
        (r#"date :index 3 :originalzone "received" "day" "02""#, false),
        (r#"date :originalzone :matches "absent" "day" "*""#, false),
        (r#"date :originalzone :matches "x" "day" "*""#, false),
        (r#"date :originalzone :matches "bad" "day" "*""#, false),
        (r#"date :originalzone :matches "worse" "day" "*""#, false),
        (r#"date :originalzone "folded" "time" "09:06:31""#, true),
        (r#"date :count "eq" "received" "day" "1""#, true),
        (r#"date :count "eq" "bad" "day" "0""#, true),
        (r#"date :count "eq" "absent" "day" "0""#, true),
        (r#"currentdate :count "eq" "day" "1""#, true),
    ] {
        assert_eq!(holds(REQUIRES, test, received), expected, "{test}");
    }
}

#[test]
fn examples() {
    let urgent = r#"require ["date", "relational", "fileinto"];
     if allof(header :is "from" "boss@example.com",
              date :value "ge" :originalzone "date" "hour" "09",
              date :value "lt" :originalzone "date" "hour" "17")
     { fileinto "urgent"; }"#;
    let weekend = r#"require ["date", "relational", "fileinto"];
     if anyof(date :is "received" "weekday" "0",
              date :is "received" "weekday" "6")
     { fileinto "weekend"; }"#;
    let pager = r#"require ["date", "relational"];
     if anyof(currentdate :is "weekday" "0",
              currentdate :is "weekday" "6",
              currentdate :value "lt" "hour" "09",
              currentdate :value "ge" "hour" "17")
     { redirect "pager@example.com"; }"#;
    let folder = r#"require ["date", "variables", "fileinto"];
     if currentdate :matches "month" "*" { set "month" "${1}"; }
     if currentdate :matches "year"  "*" { set "year"  "${1}"; }
     fileinto "${month}-${year}";"#;
    // As printed there, but for a comma behind the test.
    let cutoff = r#"require ["date", "relational", "index"];
     if date :value "gt" :index 2 :zone "-0500" "received"
             "iso8601" "2007-02-26T09:00:00-05:00"
     { redirect "aftercutoff@example.org"; }"#;
    let boss = |hour: &str| {
        format!("From: boss@example.com\nDate: Thu, 1 Jan 2026 {hour}:00:00 +0900\n\n")
    };
    let two =
        |date: &str| format!("Received: a; 1 Jan 2000 00:00:00 +0000\nReceived: b; {date}\n\n");
    let now = "2026-01-15T12:00[UTC]";
    for (section, script, now, message, expected) in [
        ("4.4", urgent, now, boss("09"), "fileinto urgent"),
        ("4.4", urgent, now, boss("17"), "keep"),
        (
            "4.4",
            weekend,
            now,
            "Received: x; Sun, 18 Jan 2026 12:00:00 +0000\n\n".to_owned(),
            "fileinto weekend",
        ),
        (
            "4.4",
            weekend,
            now,
            "Received: x; Mon, 19 Jan 2026 12:00:00 +0000\n\n".to_owned(),
            "keep",
        ),
        ("5.1", pager, now, String::new(), "keep"),
        ("5.1", pager, "2026-01-15T08:59[UTC]", String::new(), "redirect pager@example.com"),
        ("5.1", pager, "2026-01-15T17:00[UTC]", String::new(), "redirect pager@example.com"),
        ("5.1", pager, "2026-01-17T12:00[UTC]", String::new(), "redirect pager@example.com"),
        ("5.1", folder, now, String::new(), "fileinto 01-2026"),
        ("6.1", cutoff, now, two("26 Feb 2007 14:00:01 +0000"), "redirect aftercutoff@example.org"),
        ("6.1", cutoff, now, two("26 Feb 2007 14:00:00 +0000"), "keep"),
    ] {
        assert_eq!(done_at(now, script, &message), expected, "§{section} {message}");
    }
}

#[test] // Tests RFC 5260 §6.
fn index() {
    let message = "X: a\nY: b\nX: c\nTo: a@b.example, c@d.example\nTo: e@f.example\n\n";
    for (test, expected) in [
        (r#"header :index 1 "x" "a""#, true),
        (r#"header :index 2 "x" "a""#, false),
        (r#"header :index 2 "x" "c""#, true),
        (r#"header :index 1 :last "x" "c""#, true),
        (r#"header :last :index 2 "x" "a""#, true),
        (r#"header :index 3 "x" "a""#, false),
        (r#"header :index 3 :last "x" "a""#, false),
        // Fields of several names are counted in the order of the list.
        (r#"header :index 3 ["x", "y"] "b""#, true),
        (r#"header :index 1 ["y", "x"] "b""#, true),
        (r#"header :index 1 :last ["y", "x"] "c""#, true),
        // Fields are counted, not addresses.
        (r#"address :index 2 "to" "c@d.example""#, false),
        (r#"address :index 2 "to" "e@f.example""#, true),
        (r#"address :index 1 "to" "c@d.example""#, true),
    ] {
        assert_eq!(holds(REQUIRES, test, message), expected, "{test}");
    }
}

#[test]
fn mistakes() {
    for (test, expected) in [
        (r#"date :zone "+0100" :originalzone "date" "hour" "09""#, "exclude each other"),
        (r#"date :zone "CET" "date" "hour" "09""#, "\"CET\" is no time zone, as \"+0100\" is"),
        (r#"date :zone "+100" "date" "hour" "09""#, "is no time zone"),
        (r#"date :zone "+9999" "date" "hour" "09""#, "is no time zone"),
        (r#"date ["date", "x"] "hour" "09""#, "\"date\" takes a string here"),
        (r#"date "date" "century" "09""#, "a date has no \"century\""),
        (r#"currentdate :originalzone "hour" "09""#, "\"currentdate\" takes no \":originalzone\""),
        (r#"header :last "x" "y""#, "\":last\" without \":index\""),
        (r#"header :index 0 "x" "y""#, "\":index\" begins at 1"),
        (r#"header :index "1" "x" "y""#, "\":index\" is followed by a number"),
    ] {
        let script = format!("require [\"date\", \"index\"]; if {test} {{ discard; }}");
        assert!(refused(&script).contains(expected), "{}", refused(&script));
    }
}
