//! Rcfiles, and what becomes of letters; `tests/tests/import.rs` asks procmail itself.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeMap;

use common::{Before, Disk, WHOSE, done};
use postroad_import::{Imported, Kind, NoFiles, procmail};

const LETTER: &str = "\
From: Ann <ann@x.example>
To: Joe <joe@our.example>, rust@lists.example
Subject: Re: [rust] one.two (urgent)
X-Tag: v
List-Id: <rust.lists.example>

Body line
%! second
";

#[track_caller]
fn imported(rules: &str) -> Imported {
    procmail(WHOSE, rules.as_bytes(), &NoFiles)
}

/// What rules do with the letter; nothing of them is left out.
#[track_caller]
fn with_letter(rules: &str) -> String {
    let imported = imported(rules);
    assert!(!imported.left_something(), "{:?}\n{}", imported.findings, imported.sieve);
    done(&imported, LETTER, Before::Unseen)
}

/// `line: taken by`, of what is never reached.
fn unreached(imported: &Imported) -> Vec<(usize, String)> {
    let unreached = imported.findings.iter().filter(|finding| finding.kind == Kind::Unreached);
    unreached.map(|finding| (finding.line, finding.what.clone())).collect()
}

#[test]
fn what_no_letter_ever_gets_to_is_named() {
    for (rules, lines) in [
        (":0\nall\n\n:0\n* ^Subject:.*x\nx\n\n# more\nA=b\n:0\n!joe@our.example\n", &[4, 10][..]),
        // What stays goes on.
        (":0 c\nall\n\n:0\n* ^Subject:.*x\nx\n", &[]),
        (":0\n* ^Subject:.*x\nx\n\n:0\n/dev/null\n", &[]),
        // In a block, and for those that depend on another.
        (":0\n* ^Subject:.*x\n{\n:0\nx\n:0\ny\n}\n:0\nz\n", &[6]),
        (":0\n* ^Subject:.*x\nx\n:0 E\ny\n:0 E\nz\n:0\nlast\n", &[6, 8]),
        (":0\n* ^Subject:.*x\nx\n:0 A\ny\n:0 a\nz\n", &[4, 6]),
    ] {
        let imported = imported(rules);
        let found = unreached(&imported);
        let numbers: Vec<usize> = found.iter().map(|(line, _)| *line).collect();
        assert_eq!(numbers, lines, "{rules}\n{}", imported.sieve);
        assert!(!imported.left_something(), "{:?}", imported.findings);
    }
    let found = unreached(&imported(":0\nall\n:0\nother\n"));
    assert_eq!(
        found,
        [(3, "never reached: line 1 takes each letter that comes so far".to_owned())]
    );
}

#[test]
fn conditions() {
    for (conditions, holds) in [
        ("* ^Subject:.*urgent", true),
        ("* ^subject:.*URGENT", true),
        ("* ^Subject: urgent", false),
        ("* ^Subject:.*\\(urgent\\)$", true),
        ("* ^Subject:.*one$", false),
        ("* ^Subject: Re:", true),
        ("* ! ^Subject:.*urgent", false),
        ("* !^X-None", true),
        ("* ^(To|Cc):.*rust@", true),
        ("* ^TO_rust@lists", true),
        // A word's start is asked for.
        ("* ^TO_ust@lists", false),
        ("* ^TOists", false),
        ("* ^TOlists", true),
        ("* ^From.*ann", true),
        ("* ^From:.*ann\n* ^Subject:.*urgent", true),
        ("* ^From:.*ann\n* ^Subject:.*nothing", false),
        ("* ^List-Id:.*<rust\\.lists", true),
        ("* ^X-[a-z]+: v", true),
        // No field is named.
        ("* tag", true),
        ("* rust.*urgent", true),
        ("* Body", false),
        ("* B ?? body", true),
        ("* B ?? ^%!", true),
        ("* B ?? ^^%!", false),
        ("* B ?? ^^Body", true),
        ("* B ?? line$%", true),
        ("* HB ?? example>$$Body", true),
        ("* H ?? Body", false),
        ("* < 1000", true),
        ("* > 1000", false),
        ("* ! > 1000", true),
        ("* ^FROM_DAEMON", false),
        ("* ^Subject:.*(nope|urgent)", true),
        ("* ^Subject:.*\\<one\\>", true),
        ("* ^Subject:.*\\<on\\>", false),
        ("* 1^0 ^Subject:.*nope\n* 1^0 ^Subject:.*urgent", true),
        ("* 1^1 ^Subject:.*nope\n* 1^1 ^Subject:.*never", false),
        ("", true),
    ] {
        let rules = format!(":0\n{conditions}\nyes/\n");
        let expected = if holds { "into yes" } else { "keep" };
        assert_eq!(with_letter(&rules), expected, "{rules}\n{}", imported(&rules).sieve);
    }
    for (rules, expected) in [
        (":0 D\n* ^subject:.*URGENT\nyes/\n", "keep"),
        (":0 D\n* ^Subject:.*urgent\nyes/\n", "into yes"),
        (":0 B\n* second\nyes/\n", "into yes"),
        (":0 HB\n* second\nyes/\n", "into yes"),
        (":0 B\n* H ?? second\nyes/\n", "keep"),
    ] {
        assert_eq!(with_letter(rules), expected, "{rules}");
    }
}

#[test]
fn what_is_simple_stays_simple() {
    for (condition, expected) in [
        ("^Subject:.*text", "header :contains \"Subject\" \"text\""),
        ("^Subject: text", "header :matches \"Subject\" \"text*\""),
        ("^Subject: text$", "header :is \"Subject\" \"text\""),
        ("^Subject:.*text$", "header :matches \"Subject\" \"*text\""),
        ("^X-Spam-Flag: *YES", "header :matches \"X-Spam-Flag\" \"YES*\""),
        ("^(To|Cc):.*me@", "header :contains [\"To\", \"Cc\"] \"me@\""),
        ("^Subject:.*(a|b)", "header :contains \"Subject\" [\"a\", \"b\"]"),
        ("^Subject:.*a.*b", "header :matches \"Subject\" \"*a*b*\""),
        ("^List-Id:", "exists \"List-Id\""),
        ("B ?? text", "body :raw :contains \"text\""),
        ("text", "lines :header :contains \"text\""),
    ] {
        let sieve = imported(&format!(":0\n* {condition}\nyes/\n")).sieve;
        assert!(sieve.contains(&format!("if {expected} {{")), "{condition}\n{sieve}");
    }
}

#[test]
fn actions() {
    for (rules, expected) in [
        (":0\nlists/rust/\n", "into lists.rust"),
        (":0\n.Lists.rust/\n", "into Lists.rust"),
        (":0\nMaildir/.Lists.rust/\n", "into Lists.rust"),
        (":0\nmh/.\n", "into mh"),
        (":0:\nmbox-file\n", "into mbox-file"),
        (":0\na/. b/ c\n", "into a; into b; into c"),
        (":0\n/dev/null\n", "discard"),
        (":0\n$HOME/Maildir/\n", "keep"),
        (":0\n$DEFAULT\n", "keep"),
        (":0\n! bob@y.example, \"carl@z.example\"\n", "to bob@y.example; to carl@z.example"),
        (":0 c\n! bob@y.example\n", "to bob@y.example; keep"),
        (":0 c\nbackup/\n", "into backup; keep"),
        ("MAILDIR=Mail\n:0\nx/\n", "into x"),
        ("MAILDIR=$HOME/Mail\nDEFAULT=$MAILDIR/in/\n", "into in"),
        ("L=lists\n:0\n${L}/a/\n", "into lists.a"),
        (":0\n| lpr -P \"a b\"\n", "| lpr -P a b"),
        (":0 c\n| lpr\n", "| lpr; keep"),
        (":0\n| $SENDMAIL -oi bob@y.example\n", "to bob@y.example"),
        (":0 fhw\n| formail -I \"X-Tag\" -A \"X-New: 1\"\n", "keep with X-New: 1"),
        (":0 fhw\n| formail -R X-Tag X-Old\n", "keep with X-Old: v"),
        (":0 fhw\n| formail -a \"X-Tag: w\"\n", "keep"),
        (":0 fhw\n| formail -i \"X-Tag: w\"\n", "keep with X-Tag: w"),
        // What is sent on has a field that what stays has not.
        (
            ":0 c\n| formail -A \"X-Loop: me\" | $SENDMAIL bob@y.example\n",
            "to bob@y.example with X-Tag: v with X-Loop: me; keep with X-Tag: v",
        ),
    ] {
        let got = with_letter(rules);
        assert_eq!(got, expected, "{rules}\n{}", imported(rules).sieve);
    }
}

#[test]
fn variables() {
    for (rules, expected) in [
        (":0\n* ^Subject:.*\\[\\/[a-z]+\nlists/$MATCH/\n", "into lists.rust"),
        (":0\n* ^Subject:.*\\[\\/[a-z]+\n* MATCH ?? ^^rust^^\nyes/\n", "into yes"),
        (":0\n* ^Subject:.*\\[\\/[a-z]+\n* MATCH ?? ^^rus^^\nyes/\n", "keep"),
        (":0\n* ^X-Tag: \\/.*\n{\n  T=$MATCH\n}\n:0\n* T ?? v\nyes/\n", "into yes"),
        ("A=one.two\n:0\n* $ ^Subject:.*$\\A\nyes/\n", "into yes"),
        ("A=one-two\n:0\n* $ ^Subject:.*$\\A\nyes/\n", "keep"),
        ("A=e.t\n:0\n* $ ^Subject:.*$A\nyes/\n", "into yes"),
        ("A=${NONE:-x}\n:0\n$A/\n", "into x"),
        ("A=\n:0\n* A ?? ^^^^\nyes/\n", "into yes"),
        ("S=`formail -xX-Tag:`\n:0\n$S/\n", "into v"),
        (":0 h\nS=| formail -xX-Tag:\n\n:0\n$S/\n", "into v"),
        // The facts' year is 1970.
        ("D=`date +%y-%m`\n:0\n$D/m/\n", "into 70-01.m"),
        (":0\n`date +%Y`/\n", "into 1970"),
    ] {
        assert_eq!(with_letter(rules), expected, "{rules}\n{}", imported(rules).sieve);
    }
}

#[test]
fn recipes_that_depend_on_each_other() {
    const YES: &str = "* ^From:.*ann\n";
    const NO: &str = "* ^From:.*nobody\n";
    for (rules, expected) in [
        (format!(":0\n{NO}a/\n:0 E\nb/\n"), "into b"),
        (format!(":0 c\n{YES}a/\n:0 E\nb/\n"), "into a; keep"),
        (format!(":0\n{NO}a/\n:0 E\n{NO}b/\n:0 E\nc/\n"), "into c"),
        (format!(":0 c\n{YES}a/\n:0 E\n{YES}b/\n:0 E\nc/\n"), "into a; keep"),
        (format!(":0 c\n{YES}! b@y.example\n  :0 A\n  a/\n"), "to b@y.example; into a"),
        (format!(":0 c\n{NO}! b@y.example\n  :0 A\n  a/\n"), "keep"),
        // An alternative to one that depends on another.
        (format!(":0 c\n{YES}a/\n:0 A\n{NO}b/\n:0 E\nc/\n"), "into a; into c"),
        (format!(":0\n{YES}{{\n :0 c\n a/\n :0\n b/\n}}\n:0\nc/\n"), "into a; into b"),
        (format!(":0\n{YES}{{ X=a }}\n:0 E\n{{ X=b }}\n:0\n$X/\n"), "into a"),
        (format!(":0\n{NO}{{ X=a }}\n:0 E\n{{ X=b }}\n:0\n$X/\n"), "into b"),
        // A copy goes through its block; the letter goes on behind it.
        (format!(":0 c\n{YES}{{\n :0\n a/\n}}\n:0\nb/\n"), "into a; into b"),
        (format!(":0 c\n{{\n :0\n {YES} a/\n :0\n b/\n}}\n:0\nc/\n"), "into a; into c"),
        (format!(":0 c\n{{\n :0\n {NO} a/\n :0\n b/\n}}\n:0\nc/\n"), "into b; into c"),
    ] {
        assert_eq!(with_letter(&rules), expected, "{rules}\n{}", imported(&rules).sieve);
    }
}

#[test]
fn what_was_seen_before() {
    for (rules, unseen, seen) in [
        (":0 Wh: msgid.lock\n| formail -D 8192 msgid.cache\n", "keep; remember", "discard"),
        (
            ":0 Whc: msgid.lock\n| formail -D 8192 msgid.cache\n\n:0 a:\nduplicates\n",
            "keep; remember",
            "into duplicates",
        ),
    ] {
        let imported = imported(rules);
        let letter = format!("Message-ID: <a@b>\n{LETTER}");
        assert_eq!(done(&imported, &letter, Before::Unseen), unseen, "{}", imported.sieve);
        assert_eq!(done(&imported, &letter, Before::Seen), seen, "{}", imported.sieve);
    }
}

#[test]
fn answers() {
    let files = Disk(BTreeMap::from([("/home/joe/.signature", "-- \nJoe\n")]));
    let rules = "\
:0 Whc: vacation.lock
* $^To:.*\\<$\\LOGNAME\\>
* !^FROM_DAEMON
* !^X-Loop: joe@our.example
| formail -rD 8192 vacation.cache

  :0 ehc
  | (formail -rI\"Precedence: junk\" \\
       -A\"X-Loop: joe@our.example\" ; \\
     echo \"I won't be back.\"; cat $HOME/.signature \\
    ) | $SENDMAIL -oi -t
";
    let imported = procmail(WHOSE, rules.as_bytes(), &files);
    assert_eq!(imported.findings, []);
    assert!(imported.sieve.contains("vacation text:\nI won't be back.\n-- \nJoe\n.\n"));
    // A list's letters are never answered.
    assert_eq!(done(&imported, LETTER, Before::Unseen), "keep");
    let letter = LETTER.replace("List-Id", "X-Id");
    assert_eq!(done(&imported, &letter, Before::Unseen), "answer ann@x.example; keep");
    for daemon in ["From MAILER-DAEMON@x.example now\n", "From <> now\n"] {
        let letter = format!("{daemon}{letter}").replace("From <>", "From ");
        assert_eq!(done(&imported, &letter, Before::Unseen), "keep", "{daemon}");
    }
    let letter = format!("X-Loop: joe@our.example\n{letter}");
    assert_eq!(done(&imported, &letter, Before::Unseen), "keep");
}

#[test]
fn programs_are_called_without_a_shell() {
    let imported = imported("MAILDIR=Mail\nX=\"it's\"\n:0 b\n| cat >>$X; echo $MATCH\n");
    let [finding] = imported.findings.as_slice() else { panic!("{:?}", imported.findings) };
    assert_eq!(
        finding.to_string(),
        ".rules:3: this gets the body alone: cat >>$X; echo $MATCH (put the script rules-3 into ~/.postroad/programs)"
    );
    assert_eq!(finding.kind, Kind::Needs);
    assert!(imported.sieve.contains("pipe \"rules-3\" [\"${MATCH}\"];"), "{}", imported.sieve);
    let [program] = imported.programs.as_slice() else { panic!("{:?}", imported.programs) };
    assert_eq!(
        program.text,
        "#!/bin/sh\n# Made of .rules, line 3.\ncd '/home/joe/Mail' || exit 75\nX='it'\\''s'\nMATCH=${1}\n\
         sed '1,/^\\r*$/d' | (\ncat >>$X; echo $MATCH\n)\n"
    );
}

#[test]
fn other_files() {
    let files = Disk(BTreeMap::from([
        ("/home/joe/Mail/lists.rc", "# lists\n:0\n* ^List-Id:.*rust\nrust/\n"),
        ("/home/joe/again.rc", "INCLUDERC=$HOME/again.rc\n"),
    ]));
    let rules = "MAILDIR=$HOME/Mail\nINCLUDERC=lists.rc\n:0\nlate/\n";
    let imported = procmail(WHOSE, rules.as_bytes(), &files);
    assert_eq!(imported.findings, []);
    assert!(imported.sieve.contains("# lists.rc, line 2\n"), "{}", imported.sieve);
    assert_eq!(done(&imported, LETTER, Before::Unseen), "into rust");
    let imported = procmail(WHOSE, b"SWITCHRC=Mail/lists.rc\n:0\nlate/\n", &files);
    assert_eq!(done(&imported, LETTER, Before::Unseen), "into rust");
    assert_eq!(done(&imported, "Subject: x\n\n", Before::Unseen), "keep");
    // One that includes itself, and one that isn't there.
    let imported = procmail(WHOSE, b"INCLUDERC=again.rc\nINCLUDERC=none.rc\n", &files);
    let shown: Vec<String> = imported.findings.iter().map(ToString::to_string).collect();
    assert!(shown.iter().any(|finding| finding.contains("too many files")), "{shown:?}");
    assert!(shown.iter().any(|finding| finding.starts_with(".rules:2: ")), "{shown:?}");
}

#[test]
fn what_has_no_equivalent_is_named_with_its_line() {
    for (rules, expected) in [
        ("\nTRAP=\"rm x\"\n", ".rules:2: TRAP has no equivalent"),
        (":0\n* -1^0 ^A:\n* 2^0 ^B:\nx/\n", ".rules:1: scores that are weighed"),
        (":0 hc\nheaders\n", ".rules:1: only the header or only the body"),
        (":0\n! joe\n", ".rules:1: \"joe\" is an address without a domain"),
        (":0\n/tmp/x/\n", ".rules:1: /tmp/x/ lies outside of the mailbox"),
        (":0\n../x\n", ".rules:1: ../x lies outside"),
        (":0\n* ^A:(\nx/\n", ".rules:1: the pattern lacks a \")\""),
        // A recipe behind one that is left out may apply or not.
        (":0\n* ^A:(\nx/\n\n:0 E\ny/\n", ".rules:5: it depends on line 1, which is left out"),
        // A variable without a value isn't an empty one.
        ("X=$$\n:0\n* $ ^A:$X\ny/\n", ".rules:2: it needs $X, which has no equivalent"),
    ] {
        let imported = imported(rules);
        let findings: Vec<String> = imported.findings.iter().map(ToString::to_string).collect();
        assert!(
            findings.iter().any(|finding| finding.starts_with(expected)),
            "{rules}\n{findings:?}\n{}",
            imported.sieve
        );
        assert!(imported.left_something(), "{rules}");
    }
}
