//! Filter files of maildrop, and what becomes of letters; `tests/tests/import.rs` asks maildrop itself.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeMap;

use common::{Before, Disk, WHOSE, done};
use postroad_import::{Imported, Kind, NoFiles, mailfilter};

const LETTER: &str = "\
From: Ann <ann@x.example>
To: Joe <joe@our.example>
Subject: Re: [rust] one
Message-ID: <a@b>

Body line
";

fn imported(rules: &str) -> Imported {
    mailfilter(WHOSE, rules.as_bytes(), &NoFiles)
}

#[track_caller]
fn with_letter(rules: &str) -> String {
    let imported = imported(rules);
    assert!(!imported.left_something(), "{:?}\n{}", imported.findings, imported.sieve);
    done(&imported, LETTER, Before::Unseen)
}

#[test]
fn what_no_letter_ever_gets_to_is_named() {
    let rules =
        "if (/^Subject:.*x/)\n{\n  to x\n  to y\n}\nto all\n# more\nA=1\nif ($A)\n{\n  to z\n}\n";
    let imported = imported(rules);
    let lines: Vec<usize> = imported.findings.iter().map(|finding| finding.line).collect();
    assert_eq!(lines, [4, 9], "{:?}", imported.findings);
    assert!(imported.findings.iter().all(|finding| finding.kind == Kind::Unreached));
    assert!(!imported.left_something());
}

#[test]
fn tests_of_letters() {
    for (test, holds) in [
        ("/^Subject:.*one/", true),
        ("/^subject:.*ONE$/", true),
        ("/^subject:/:D", false),
        ("!/^Subject:.*one/", false),
        ("/^From:.*ann@x\\.example/ && /^To:.*joe/", true),
        ("/^From:.*bob/ || /^To:.*joe/", true),
        ("(/^From:.*bob/ || /^To:.*joe/) && /^X:/", false),
        ("/body/", false),
        ("/body/:b", true),
        ("/body/:hb", true),
        ("/^X-[a-z]+:/", false),
        ("/^Subject:\\s+Re:\\s\\[\\w{4}\\]/", true),
        ("$SIZE > 10", true),
        ("$SIZE < 10", false),
        ("$SIZE >= 10 && $SIZE <= 100000", true),
        ("hasaddr(\"joe@our.example\")", true),
        ("hasaddr(\"bob@our.example\")", false),
        ("\"a\" eq \"a\"", true),
        ("\"a\" ne \"a\"", false),
        ("\"2\" < \"10\"", true),
        ("$NONE", false),
        ("$FROM eq \"ann@x.example\"", true),
        ("$FROM =~ /^ann@/", true),
        ("tolower(\"ABC\") eq \"abc\"", true),
        ("length(\"abc\") == 3", true),
    ] {
        let rules = format!("if ({test})\n{{\n  to \"yes\"\n}}\n");
        let expected = if holds { "into yes" } else { "keep" };
        assert_eq!(with_letter(&rules), expected, "{rules}\n{}", imported(&rules).sieve);
    }
}

#[test]
fn statements() {
    for (rules, expected) in [
        ("to \"Mail/x\"\n", "into Mail.x"),
        ("to $HOME/Maildir/.Lists.rust\n", "into Lists.rust"),
        ("to \"$HOME/Maildir\"\n", "keep"),
        ("to \"!bob@y.example carl@z.example\"\n", "to bob@y.example; to carl@z.example"),
        ("cc \"!bob@y.example\"\n", "to bob@y.example; keep"),
        ("cc backup; to x\n", "into backup; into x"),
        ("to \"| archive -x\"\n", "| archive -x"),
        ("to /dev/null\n", "discard"),
        ("exit\n", "discard"),
        ("DEFAULT=\"$HOME/in\"\n", "into in"),
        ("A=\"x\"'y'\nto $A\n", "into xy"),
        ("if (/^A:/)\n  to a\nelsif (/^Subject:/)\n  to b\nelse\n  to c\n", "into b"),
        ("if (/^A:/)\n{\n to a\n}\nelse\n{\n to c # so\n}\n", "into c"),
        ("if (/^A:/) A=x\nelse A=y\nto $A\n", "into y"),
        ("exception {\n  dotlock \"l\" {\n    to x\n  }\n}\n", "into x"),
        ("logfile \"l\"\nlog \"x\"\necho y\nVERBOSE=9\n", "keep"),
        ("if (/^Subject:.*\\[(.*)\\]/)\n  to \"lists/$MATCH1\"\n", "into lists.rust"),
        ("if (/^Subject:.*\\[(.*)\\]/ && $MATCH1 eq \"rust\")\n  to x\n", "into x"),
        ("/^From: .*/\nif ($MATCH =~ /ann/)\n  to x\n", "into x"),
        ("xfilter \"reformail -A'X-New: 1'\"\n", "keep with X-New: 1"),
        ("`reformail -D 8000 d.cache`\nif ( $RETURNCODE == 0 )\n    exit\n", "keep; remember"),
        ("if (/^From:.*bob/ \\\n   && /x/)\n  exit\n", "keep"),
    ] {
        assert_eq!(with_letter(rules), expected, "{rules}\n{}", imported(rules).sieve);
    }
    let rules = imported("`reformail -D 8000 d.cache`\nif ( $RETURNCODE == 0 )\n    exit\n");
    assert_eq!(done(&rules, LETTER, Before::Seen), "discard");
}

#[test]
fn other_files() {
    let files = Disk(BTreeMap::from([
        ("/home/joe/more", "if (/^Subject:/)\n  to more\n"),
        ("/home/joe/bad.dat", "# those\nbob@\n^ann@x\n"),
    ]));
    for (rules, expected) in [
        ("include \"$HOME/more\"\nto late\n", "into more"),
        ("if (lookup($FROM, \"bad.dat\"))\n  to bad\n", "into bad"),
        ("if (lookup($FROM, \"bad.dat\", \"D\") && /^X:/)\n  to bad\n", "keep"),
    ] {
        let imported = mailfilter(WHOSE, rules.as_bytes(), &files);
        assert!(!imported.left_something(), "{:?}", imported.findings);
        assert_eq!(done(&imported, LETTER, Before::Unseen), expected, "{}", imported.sieve);
    }
}

#[test]
fn what_has_no_equivalent_is_named_with_its_line() {
    for (rules, expected) in [
        ("\nforeach /x/\n{\n to a\n}\n", ".rules:2: foreach repeats itself"),
        ("if ($LINES > 100)\n  to x\n", ".rules:1: it needs $LINES"),
        ("if (/a/:h,1,2)\n  to x\n", ".rules:1: a pattern that is weighed"),
        ("if (/(?=a)b/)\n  to x\n", ".rules:1: the pattern looks ahead"),
        ("X=1 + 2\n", ".rules:1: a value that is reckoned out"),
        ("import X\n", ".rules:1: a variable of the environment"),
        ("getaddr($X) =~ /x/\n", ".rules:1: getaddr() has no equivalent"),
        ("if (a\n", ".rules:1: \"if (a\" is no statement"),
        ("EXITCODE=77\nexit\n", ".rules:1: EXITCODE has no equivalent"),
    ] {
        let imported = imported(rules);
        let findings: Vec<String> = imported.findings.iter().map(ToString::to_string).collect();
        assert!(imported.left_something(), "{rules}");
        assert!(
            findings.iter().any(|finding| finding.starts_with(expected)),
            "{rules}\n{findings:?}\n{}",
            imported.sieve
        );
    }
    // What was to be refused isn't thrown away.
    assert_eq!(done(&imported("EXITCODE=77\nexit\n"), LETTER, Before::Unseen), "keep");
}
