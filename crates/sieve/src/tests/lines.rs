//! `vnd.postroad.lines`.

use super::done;

const MESSAGE: &str = "\
From: joe@x.example
Subject: one
\ttwo =?utf-8?q?three?=
X-Meeting: v

Body line
%! second
";

#[test]
fn what_is_looked_at() {
    for (test, expected) in [
        (r#"lines :header :contains "meeting""#, true),
        (r#"lines :body :contains "meeting""#, false),
        (r#"lines :body :contains "SECOND""#, true),
        (r#"lines :contains "second""#, true),
        // Unfolded, not decoded.
        (r#"lines :header :regex "(?mR-s)^Subject: one.two =\\?utf.*$""#, true),
        (r#"lines :header :regex "(?mR-s)^two""#, false),
        // As in an mbox.
        (r#"lines :header :regex "\\AFrom coyote@desert.example.org ""#, true),
        // No `.` goes over a line's end, and an explicit one does.
        (r#"lines :header :regex "(?mR-s)one.*meeting""#, false),
        (r#"lines :regex "(?mR-s)^X-Meeting: v\r?\n\r?\nBody""#, true),
        (r#"lines :body :regex "(?mR-s)\\ABody""#, true),
        (r#"lines :body :regex "(?mR-s)^%!""#, true),
        (r#"lines :comparator "i;octet" :header :contains "x-meeting""#, false),
    ] {
        let test = test.replace(r"\r?\n", r"\\r?\\n");
        let script =
            format!("require [\"vnd.postroad.lines\", \"regex\"]; if {test} {{ discard; }}");
        let expected = if expected { "discard" } else { "keep" };
        assert_eq!(done(&script, MESSAGE), expected, "{script}");
    }
}

#[test]
fn matches_set_variables() {
    let script = r#"require ["vnd.postroad.lines", "regex", "variables", "fileinto"];
if lines :body :regex "(?mR-s)^%! (.*)$" { fileinto "${1}"; }"#;
    assert_eq!(done(script, MESSAGE), "fileinto second");
}
