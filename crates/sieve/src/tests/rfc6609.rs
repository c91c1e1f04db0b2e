//! RFC 6609: include.
//!
//! | § | what is asked for | held by |
//! |---|---|---|
//! | 3.1 | MUST be required where it is used | `mistakes` |
//! | 3.1 | MUST have three levels; MUST fail beyond the limit, and keep | `m10_includes_are_bounded` |
//! | 3.1 | MUST fail at run time, MUST NOT while checking, for recursion and for what is missing | `flow` |
//! | 3.2 | MUST keep to names of RFC 5804 §1.6; MUST be a constant, MUST NOT expand variables | `mistakes` |
//! | 3.2 | MUST be personal if nothing is said; MUST NOT have two locations | `flow`, `mistakes` |
//! | 3.2 | MUST NOT fail for `:once` with recursion, or `:optional` with what is missing | `flow` |
//! | 3.2 | MUST be a script of its own, with its own `require` | `flow` |
//! | 3.2, 3.3 | MUST stop all by `stop`, itself by `return` | `flow` |
//! | 3.4 | MUST keep variables to their script; MUST allow a global one of the same name | `variables_are_a_scripts_own` |
//! | 3.4.1 | MUST refuse a wrong name, one with variables, `global` without variables, and after `set` | `mistakes` |
//! | 3.4.1 | SHALL be empty without a value | `example_of_a_subroutine` |
//! | 3.4.2 | MUST be an identifier; MUST fail without include; MUST be the same as by `global` | `mistakes`, `example_of_the_namespace` |
//! | 3.5 | MUST see edited fields in both ways | `edits_go_in_and_out` |
//! | 3.5 | MUST see the part of a loop as the message; SHALL NOT leave that loop | `a_part_as_though_it_were_the_message` |
//! | 4 | MUST keep global scripts safe, and names off other files | mda: `m04_included_scripts_are_looked_at_like_others` |

use super::{MESSAGE_A, described, facts, refused};
use crate::{Library, Location, Message, Problems, Script, compile_with};

/// Scripts by place and name; the first is the main one.
struct Scripts<'a>(&'a [(Location, &'a str, &'a str)]);

impl Library for Scripts<'_> {
    fn script(&self, location: Location, name: &str) -> Option<Vec<u8>> {
        let found = self.0.iter().find(|(place, other, _)| *place == location && *other == name);
        found.map(|(_, _, text)| text.as_bytes().to_vec())
    }

    fn main(&self) -> Option<(Location, String)> {
        self.0.first().map(|(location, name, _)| (*location, (*name).to_owned()))
    }
}

fn compiled(scripts: &[(Location, &str, &str)]) -> Result<Script, Problems> {
    let (_, name, text) = scripts[0];
    compile_with(name, text.as_bytes(), &Scripts(scripts))
}

#[track_caller]
fn done(scripts: &[(Location, &str, &str)], message: &str) -> String {
    let script = compiled(scripts).unwrap_or_else(|problems| panic!("{problems}"));
    described(&script.run(&Message::new(message.as_bytes()), &facts()))
}

use Location::{Global, Personal};

#[test]
fn example_of_four_scripts() {
    let scripts = [
        (
            Personal,
            "default",
            r#"require ["include"];
      include :personal "always_allow";
      include :global "spam_tests";
      include :personal "spam_tests";
      include :personal "mailing_lists";"#,
        ),
        (
            Personal,
            "always_allow",
            r#"if address :is "from" "boss@example.com" { keep; }
      elsif address :is "from" "ceo@example.com" { keep; }"#,
        ),
        (
            Personal,
            "spam_tests",
            r#"require ["reject"];
      if header :contains "Subject" "XXXX" { reject "Subject XXXX is unacceptable."; }
      elsif address :is "from" "money@example.com" { reject "Mail from this sender is unwelcome."; }"#,
        ),
        (
            Personal,
            "mailing_lists",
            r#"require ["fileinto"];
      if header :is "List-ID" "sieve.ietf.org" { fileinto "lists.sieve"; }
      elsif header :is "List-ID" "ietf-imapext.imc.org" { fileinto "lists.imapext"; }"#,
        ),
        (
            Global,
            "spam_tests",
            r#"require ["reject"];
      if anyof (header :contains "Subject" "$$", header :contains "Subject" "Make money") { reject "No thank you."; }"#,
        ),
    ];
    for (message, expected) in [
        ("From: boss@example.com\n\n", "keep"),
        ("Subject: $$\n\n", "Reject: No thank you."),
        ("Subject: XXXX\n\n", "Reject: Subject XXXX is unacceptable."),
        ("From: money@example.com\n\n", "Reject: Mail from this sender is unwelcome."),
        ("List-ID: sieve.ietf.org\n\n", "fileinto lists.sieve"),
        ("Subject: x\n\n", "keep"),
    ] {
        assert_eq!(done(&scripts, message), expected, "{message}");
    }
}

#[test]
fn example_of_a_subroutine() {
    let scripts = [
        (
            Personal,
            "active",
            r#"require ["fileinto", "include", "variables", "relational"];
      global "test";
      global "test_mailbox";
      set "test" "$$";
      include "subject_tests";
      set "test" "Make money";
      include "subject_tests";
      if string :count "eq" "${test_mailbox}" "1" { fileinto "${test_mailbox}"; stop; }"#,
        ),
        (
            Personal,
            "subject_tests",
            r#"require ["include", "variables"];
      global ["test", "test_mailbox"];
      if header :contains "Subject" "${test}" { set "test_mailbox" "spam-${test}"; }"#,
        ),
    ];
    assert_eq!(done(&scripts, "Subject: $$ here\n\n"), "fileinto spam-$$");
    assert_eq!(done(&scripts, "Subject: make money\n\n"), "fileinto spam-Make money");
    assert_eq!(done(&scripts, "Subject: x\n\n"), "keep");
}

#[test]
fn example_of_the_namespace() {
    let script = r#"require ["variables", "include", "vacation", "fileinto"];
      global "i_am_on_vacation";
      set "global.i_am_on_vacation" "1";
      if string :is "${i_am_on_vacation}" "1" { fileinto "${global.i_am_on_vacation}"; }"#;
    assert_eq!(done(&[(Personal, "a", script)], MESSAGE_A), "fileinto 1");
}

#[test] // Tests RFC 6609 §3.4.
fn variables_are_a_scripts_own() {
    let inner = "require [\"include\", \"variables\"]; set \"v\" \"inner\"; set \"global.g\" \"shared\"; \
        if header :matches \"Subject\" \"*present*\" {} if not string \"${w}\" \"\" { stop; }";
    let main = "require [\"include\", \"variables\", \"fileinto\"]; set \"v\" \"outer\"; set \"w\" \"x\"; \
        if header :matches \"Subject\" \"* have*\" {} include \"inner\"; set \"g\" \"mine\"; \
        fileinto \"${v} ${w} ${g} ${global.g} ${1}\";";
    let scripts = [(Personal, "main", main), (Personal, "inner", inner)];
    assert_eq!(done(&scripts, MESSAGE_A), "fileinto outer x mine shared I");
}

#[test] // Tests RFC 6609 §3.4.1 and §3.4.2 for what is read by a name, as RFC 5232 §4 does.
fn flags_in_variables_that_scripts_share() {
    let inner = "require [\"include\", \"variables\", \"imap4flags\"]; addflag \"global.f\" \"Work\"; \
        addflag \"g\" \"Mine\";";
    let main = |test: &str| {
        format!(
            "require [\"include\", \"variables\", \"imap4flags\", \"fileinto\"]; global \"f\"; \
             addflag \"f\" \"Home\"; set \"n\" \"f\"; include \"inner\"; if {test} {{ fileinto \"x\"; }}"
        )
    };
    for (test, expected) in [
        ("hasflag \"f\" \"work\"", "fileinto x"),
        ("hasflag \"F\" \"home\"", "fileinto x"),
        ("hasflag \"global.f\" \"work\"", "fileinto x"),
        ("hasflag \"${n}\" \"work\"", "fileinto x"),
        ("hasflag \"g\" \"mine\"", "keep"),
        ("hasflag \"global.g\" \"mine\"", "keep"),
    ] {
        let scripts = [(Personal, "main", &*main(test)), (Personal, "inner", inner)];
        assert_eq!(done(&scripts, MESSAGE_A), expected, "{test}");
    }
}

#[test] // Tests RFC 6609 §3.1, §3.2 and §3.3.
fn flow() {
    for (main, inner, expected) in [
        ("include \"inner\"; discard;", "stop;", "keep"),
        ("include \"inner\"; discard;", "require \"include\"; return; stop;", "discard"),
        (
            "include \"inner\"; discard;",
            "require \"include\"; if true { if true { return; } } stop;",
            "discard",
        ),
        ("return; discard;", "", "keep"),
        ("if true { include \"inner\"; }", "discard;", "discard"),
        // An action in an included script counts.
        ("include \"inner\";", "redirect \"a@b.example\";", "redirect a@b.example"),
        // Once, and again.
        (
            "include :once \"inner\"; include :once \"inner\"; keep;",
            "require \"editheader\"; addheader \"X\" \"y\";",
            "keep edited",
        ),
        ("include \"absent\";", "", "error: main:2:1: there is no script \"absent\""),
        ("include :optional \"absent\"; discard;", "", "discard"),
        ("include :global \"inner\";", "discard;", "error: main:2:1: there is no script \"inner\""),
        // Recursion, direct and not.
        ("include \"main\";", "", "error: main:2:1: \"main\" includes itself"),
        (
            "include \"inner\";",
            "require \"include\"; include \"main\";",
            "error: inner:1:20: \"main\" includes itself",
        ),
        (
            "include \"inner\";",
            "require \"include\"; include \"inner\";",
            "error: inner:1:20: \"inner\" includes itself",
        ),
        ("include :once \"main\"; discard;", "", "discard"),
        (
            "include \"inner\";",
            "require \"include\"; include :once \"main\"; include :once \"inner\"; discard;",
            "discard",
        ),
        // A wrong one is an error where control reaches it.
        (
            "include \"inner\";",
            "kepe;",
            "error: main:2:1: inner:1:1: there is no command \"kepe\" (did you mean \"keep\"?)",
        ),
        ("if false { include \"inner\"; } discard;", "kepe;", "discard"),
        // Each has its own require.
        ("require \"fileinto\"; include \"inner\";", "fileinto \"x\";", "this needs \"fileinto\""),
        (
            "include \"inner\"; if true { discard; }",
            "require \"fileinto\"; fileinto \"x\";",
            "fileinto x",
        ),
    ] {
        let main = format!("require \"include\";\n{main}");
        let got = done(&[(Personal, "main", &main), (Personal, "inner", inner)], MESSAGE_A);
        assert!(
            got == expected || expected.contains("this needs") && got.contains(expected),
            "{main}\n{got}"
        );
    }
}

#[test] // Tests RFC 6609 §3.1 and §3.5.
fn edits_go_in_and_out() {
    let main = "require [\"include\", \"editheader\"]; deleteheader \"Subject\"; addheader \"X\" \"1\"; \
        include \"inner\"; if allof (exists \"Y\", not exists \"To\") { discard; }";
    let inner = "require [\"include\", \"editheader\"]; if anyof (exists \"Subject\", not exists \"X\") { stop; } \
        addheader \"Y\" \"1\"; deleteheader \"To\";";
    let scripts = [(Personal, "main", main), (Personal, "inner", inner)];
    assert_eq!(done(&scripts, MESSAGE_A), "discard");
}

#[test] // Tests RFC 6609 §3.5: in a loop the part is the whole message; what is filed is the message.
fn a_part_as_though_it_were_the_message() {
    const MIXED: &str = "From: a@b.example\nSubject: outer\nContent-Type: multipart/mixed; boundary=B\n\n\
        --B\nSubject: inner\n\nfirst\n--B\nSubject: other\n\nsecond\n--B--\n";
    let main = |within: &str| {
        format!(
            "require [\"include\", \"foreverypart\", \"mime\", \"fileinto\", \"variables\"];
             foreverypart {{ if header :mime \"Subject\" \"inner\" {{ include \"inner\"; {within} }} }}"
        )
    };
    let run = |inner: &str, within: &str| {
        let requires = "require [\"fileinto\", \"body\", \"foreverypart\", \"mime\", \"editheader\", \"variables\", \
            \"include\", \"vacation\", \"copy\"];";
        let (main, inner) = (main(within), format!("{requires} {inner}"));
        let script = compiled(&[(Personal, "main", &main), (Personal, "inner", &inner)]);
        script
            .unwrap_or_else(|problems| panic!("{problems}"))
            .run(&Message::new(MIXED.as_bytes()), &facts())
    };
    for (inner, within, expected) in [
        ("if header \"Subject\" \"inner\" { fileinto \"x\"; }", "", "fileinto x"),
        ("if exists \"From\" { fileinto \"x\"; }", "", "keep"),
        ("if body :raw :contains \"first\" { fileinto \"x\"; }", "", "fileinto x"),
        ("if body :raw :contains \"second\" { fileinto \"x\"; }", "", "keep"),
        ("if size :under 30 { fileinto \"x\"; }", "", "fileinto x"),
        // No loop is around it; its own go over the part.
        (
            "foreverypart { set \"n\" \"${n}x\"; } if string \"${n}\" \"x\" { fileinto \"x\"; }",
            "",
            "fileinto x",
        ),
        // Afterwards all is as it was, but for what was changed in the part.
        ("", "if header \"Subject\" \"outer\" { fileinto \"x\"; }", "fileinto x"),
        (
            "addheader \"X-Seen\" \"y\";",
            "if allof (exists :mime \"X-Seen\", not exists \"X-Seen\") { fileinto \"x\"; }",
            "fileinto x edited",
        ),
        // Row M11: who is answered is a matter of the message. This one names nobody.
        ("vacation \"x\";", "", "keep"),
    ] {
        assert_eq!(described(&run(inner, within)), expected, "{inner} {within}");
    }
    let outcome = run("addheader \"X-Seen\" \"y\";", "");
    let [crate::Action::Keep(filing)] = &*super::actions(&outcome) else { panic!("{outcome:?}") };
    let text = String::from_utf8(filing.content.pieces(MIXED.as_bytes()).concat()).unwrap();
    assert_eq!(text, MIXED.replace("Subject: inner", "X-Seen: y\nSubject: inner"));
    // "break" has no loop to leave there.
    let inner = "require \"foreverypart\"; break;";
    let got = done(&[(Personal, "main", &main("")), (Personal, "inner", inner)], MIXED);
    assert!(got.contains("\"break\" outside a loop"), "{got}");
}

#[test] // Row M10; tests RFC 6609 §3.1.
fn m10_includes_are_bounded() {
    let names: Vec<String> = (0..30).map(|n| format!("s{n}")).collect();
    let chain = |length: usize| -> Vec<String> {
        let body = |n: usize| match n + 1 < length {
            true => format!("require \"include\"; include \"s{}\";", n + 1),
            false => "discard;".to_owned(),
        };
        (0..length).map(body).collect()
    };
    let run = |length: usize| {
        let texts = chain(length);
        let scripts: Vec<_> =
            (0..length).map(|n| (Personal, names[n].as_str(), texts[n].as_str())).collect();
        done(&scripts, MESSAGE_A)
    };
    assert_eq!(run(3), "discard");
    assert_eq!(run(5), "discard");
    assert_eq!(run(6), "error: s4:1:20: more than 5 scripts in each other");
    // As many as fit: the deepest blocks, on the stack of a test's thread.
    let deep = |inner: &str| {
        format!("require \"include\"; {}{inner}{}", "if true {".repeat(39), "}".repeat(39))
    };
    let texts: Vec<String> = (1..6)
        .map(|n| deep(&if n < 5 { format!("include \"s{n}\";") } else { "discard;".to_owned() }))
        .collect();
    let scripts: Vec<_> =
        (0..5).map(|n| (Personal, names[n].as_str(), texts[n].as_str())).collect();
    assert_eq!(done(&scripts, MESSAGE_A), "discard");
    // Doubling at each level ends at the number of steps.
    let texts: Vec<String> = (0..5)
        .map(|n| match n {
            4 => "if true {}".repeat(1_000),
            n => format!("require \"include\"; {}", format!("include \"s{}\";", n + 1).repeat(100)),
        })
        .collect();
    let scripts: Vec<_> =
        (0..5).map(|n| (Personal, names[n].as_str(), texts[n].as_str())).collect();
    assert!(done(&scripts, MESSAGE_A).contains("more than 100000 commands and tests"));
}

#[test] // Tests RFC 6609 §3.2, §3.4.1, §3.4.2 and §4.
fn mistakes() {
    for (script, expected) in [
        ("include \"./../..//etc/passwd\";", "no script has such a name"),
        ("include \"foo$(`rm star`)\";", "no script has such a name"),
        ("include \".hidden\";", "no script has such a name"),
        ("include \"\";", "no script has such a name"),
        ("set \"a\" \"b\"; include \"${a}\";", "the name of a script holds no variables"),
        ("include :personal :global \"a\";", "exclude each other"),
        ("global \"1\";", "is no variable's name"),
        ("global \"a.b\";", "is no variable's name"),
        ("global \"${a}\";", "is no variable's name"),
        ("set \"a\" \"b\"; global \"a\";", "\"a\" was set before, for this script alone"),
        ("set \"global.data.from\" \"x\";", "is no variable's name"),
        ("set \"global.12\" \"x\";", "is no variable's name"),
        ("keep; set \"a\" \"${global.data.from}\";", "there are no variables in \"global.data\""),
    ] {
        let script = format!("require [\"include\", \"variables\"]; {script}");
        assert!(refused(&script).contains(expected), "{}", refused(&script));
    }
    assert!(
        refused("require \"include\"; global \"a\";").contains("\"global\" needs \"variables\"")
    );
    assert!(refused("require \"variables\"; global \"a\";").contains("this needs \"include\""));
    assert!(
        refused("require \"variables\"; set \"global.a\" \"x\";").contains("is no variable's name")
    );
    assert!(
        refused("require \"variables\"; keep; set \"a\" \"${global.a}\";")
            .contains("there are no variables")
    );
    // What is wrong further on is known, too.
    let script = compiled(&[
        (Personal, "a", "require \"include\"; include \"b\";"),
        (Personal, "b", "kepe;\nstopp;"),
    ]);
    let warnings: Vec<_> = script.unwrap().warnings().iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 2);
    assert!(warnings[1].starts_with("b:2:1:"), "{warnings:?}");
}
