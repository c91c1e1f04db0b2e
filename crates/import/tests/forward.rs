//! `.forward` files.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeMap;

use common::{Before, Disk, WHOSE, done};
use postroad_import::forward;

#[test]
fn entries() {
    let files = Disk(BTreeMap::from([
        ("/home/joe/list", "# them\nc@x.example\nd@x.example\n"),
        ("/home/joe/.vacation.msg", "Subject: away\nPrecedence: bulk\n\nGone.\n"),
        ("/home/joe/itself", ":include:/home/joe/itself\n"),
    ]));
    let letter = "From: ann@x.example\nTo: joe@our.example\nSubject: x\n\nbody\n";
    for (text, expected, finding) in [
        ("", "keep", ""),
        ("# none\n\n", "keep", ""),
        ("a@x.example\n", "to a@x.example", ""),
        ("a@x.example, b@x.example", "to a@x.example; to b@x.example", ""),
        ("\\joe, a@x.example", "keep; to a@x.example", ""),
        ("joe\n", "keep", ""),
        ("Ann Other <a@x.example>\n", "to a@x.example", ""),
        ("a@x.example (Ann, at home)\n", "to a@x.example", ""),
        ("a@x.example,\n  b@x.example\n", "to a@x.example; to b@x.example", ""),
        ("\"|archive -x 'a b'\"\n", "| archive -x a b", "runs archive"),
        ("|\"/usr/bin/archive a,b\"\n", "| archive a,b", "runs archive"),
        ("\"|cat >>x; y\"\n", "| rules-1", "this needs a shell"),
        ("/home/joe/Mail/old\n", "into Mail.old", ""),
        ("~/Maildir/.Old/\n", "into Old", ""),
        ("/var/mail/joe\n", "keep", ""),
        ("/dev/null\n", "discard", ""),
        (":include:/home/joe/list\n", "to c@x.example; to d@x.example", ""),
        ("\\joe, \"|/usr/bin/vacation joe\"\n", "keep; answer ann@x.example", ""),
        (":include:/home/joe/none\n", "keep", ".rules:1: /home/joe/none can't be read"),
        (":include:/home/joe/itself\n", "keep", "can't be read"),
        ("\\joe\n\"|exec procmail #joe\"\n", "keep", ".rules:2: procmail follows rules"),
        ("a@x.example\nbob\n", "to a@x.example", ".rules:2: \"bob\" is an address without"),
        ("/etc/x\n", "keep", ".rules:1: /etc/x lies outside"),
        ("# Exim filter\nseen save x\n", "keep", ".rules:1: this is a filter"),
    ] {
        let imported = forward(WHOSE, text.as_bytes(), &files);
        let findings: Vec<String> = imported.findings.iter().map(ToString::to_string).collect();
        let got = done(&imported, letter, Before::Unseen);
        assert_eq!(got, expected, "{text:?}\n{findings:?}\n{}", imported.sieve);
        let is_said = match finding {
            "" => findings.is_empty(),
            finding => findings.iter().any(|found| found.contains(finding)),
        };
        assert!(is_said, "{text:?}: {findings:?}");
    }
}
