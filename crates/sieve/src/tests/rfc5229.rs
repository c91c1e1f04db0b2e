//! RFC 5229: variables.
//!
//! | § | what is asked for | held by |
//! |---|---|---|
//! | 3 | SHALL replace references in one pass, with the values of that moment | `references` |
//! | 3 | MUST refuse a namespace of an extension that isn't required | `set` |
//! | 3.2 | MUST set match variables by the last `:matches` that held, tests left to right, no more than needed | `match_variables` |
//! | 4 | MUST have a constant that is a variable's name | `set` |
//! | 4.1 | MUST refuse two modifiers of one precedence, and those that are unknown | `set` |
//! | 5 | MUST NOT take white space off | `string` |
//! | 6 | MUST have 128 variables, names of 32, values of 4,000, and nine match variables | `m10_limits_of_variables`, `match_variables` |
//! | 6 | MUST NOT fail where a value is cut | `m10_limits_of_variables` |
//! | 6 | MUST refuse a match variable that is never set | `set` |

use super::{MESSAGE_A, done, holds, refused};

/// What a string comes to behind some commands, by filing into a mailbox of that name.
#[track_caller]
fn value(before: &str, text: &str, message: &str) -> String {
    let script = format!(
        "require [\"variables\", \"fileinto\", \"encoded-character\"];\n{before}\nfileinto \"<{text}>\";"
    );
    let got = done(&script, message);
    match got.strip_prefix("fileinto <").and_then(|got| got.strip_suffix('>')) {
        Some(value) => value.to_owned(),
        None => panic!("{got}\n{script}"),
    }
}

#[test]
fn references() {
    let company = "set \"company\" \"ACME\";";
    for (section, before, text, expected) in [
        ("3", "", "&%${}!", "&%${}!"),
        ("3", "", "${doh!}", "${doh!}"),
        ("3", company, "${full}", ""),
        ("3", company, "${company}", "ACME"),
        ("3", company, "${COMPANY}", "ACME"),
        ("3", company, "${BAD${Company}", "${BADACME"),
        ("3", company, "${President, ${Company} Inc.}", "${President, ACME Inc.}"),
        ("3.1", "set \"foo\" \"x\";", r"${fo\o}", "x"),
        ("3.1", "set \"foo\" \"x\";", r"${fo\\o}", r"${fo\o}"),
        ("3.1", "set \"foo\" \"x\";", r"\${foo}", "x"),
        ("3.1", "set \"foo\" \"x\";", r"\\${foo}", r"\x"),
        (
            "3.1",
            "set \"dollar\" \"$\"; set \"text\" \"regarding ${dollar}{beep}\";",
            "${text}",
            "regarding ${beep}",
        ),
        ("3.1", "set \"name\" \"Ethelbert\";", "dear${hex:20 24 7b 4e}ame}", "dear Ethelbert"),
        // One pass only.
        ("3", "set \"a\" \"${dollar}{b}\"; set \"b\" \"x\";", "${a}", "{b}"),
        // The value at the time.
        ("3", "set \"a\" \"1\"; set \"b\" \"${a}\"; set \"a\" \"2\";", "${b}${a}", "12"),
    ] {
        assert_eq!(value(before, text, MESSAGE_A), expected, "§{section}: {text}");
    }
}

#[test] // Tests RFC 5229 §3.2.
fn match_variables() {
    for (before, text, message, expected) in [
        (
            r#"if header :matches "List-ID" "*<*@*" {}"#,
            "INBOX.lists.${2}",
            "List-ID: x <acme-users@x.example>\n\n",
            "INBOX.lists.acme-users",
        ),
        (
            r#"if header :matches "Subject" "[*] *" {}"#,
            "${1}|${2}|${0}",
            "Subject: [acme-users] [fwd] version 1.0 is out\n\n",
            "acme-users|[fwd] version 1.0 is out|[acme-users] [fwd] version 1.0 is out",
        ),
        (
            r#"if address :matches ["To", "Cc"] ["coyote@**.com", "wile@**.com"] {}"#,
            "${0}|${1}|${2}",
            "To: coyote@ACME.Example.COM\n\n",
            "coyote@ACME.Example.COM||ACME.Example",
        ),
        // Short-circuit: the second test is never looked at.
        (
            r#"if anyof (true, address :domain :matches "To" "*.com") {}"#,
            "${1}",
            "To: a@b.com\n\n",
            "",
        ),
        (
            r#"if allof (false, address :domain :matches "To" "*.com") {}"#,
            "${1}",
            "To: a@b.com\n\n",
            "",
        ),
        // Only a successful match counts, and only the last one.
        (
            r#"if header :matches "A" "*" {} if header :matches "A" "x*" {}"#,
            "${1}",
            "A: b\n\n",
            "b",
        ),
        (
            r#"if header :matches "A" "?*" {} if header :matches "B" "*" {}"#,
            "${1}|${2}",
            "A: bcd\nB: e\n\n",
            "e|",
        ),
        // Leading zeros are ignored, indexes beyond the list are empty.
        (r#"if header :matches "A" "?*" {}"#, "${02}|${3}", "A: bcd\n\n", "cd|"),
        // ":is" and ":contains" set none.
        (r#"if header :matches "A" "*" {} if header :is "A" "b" {}"#, "${1}", "A: b\n\n", "b"),
        (r#"if header :matches "A" "?????????" {}"#, "${1}${9}", "A: abcdefghi\n\n", "ai"),
    ] {
        assert_eq!(value(before, text, message), expected, "{before}");
    }
    // In a Unicode comparator a wildcard takes whole characters, as they came.
    let script = "require [\"variables\", \"fileinto\", \"comparator-i;unicode-casemap\"]; \
        if header :comparator \"i;unicode-casemap\" :matches \"A\" \"É?*\" { fileinto \"${1}|${2}\"; }";
    assert_eq!(done(script, "A: éàx\n\n"), "fileinto à|x");
}

#[test] // Tests RFC 5229 §4.
fn set() {
    let letter =
        "set \"honorific\" \"Mr\"; set \"first_name\" \"Wile\"; set \"last_name\" \"Coyote\";";
    assert_eq!(value(letter, "Dear ${HONORIFIC} ${last_name},", MESSAGE_A), "Dear Mr Coyote,");
    for (script, expected) in [
        ("set \"a b\" \"x\";", "\"a b\" is no variable's name"),
        ("set \"1\" \"x\";", "is no variable's name"),
        ("set \"${a}\" \"x\";", "is no variable's name"),
        ("set \"a.b\" \"x\";", "is no variable's name"),
        ("set \"\" \"x\";", "is no variable's name"),
        ("set [\"a\"] \"x\";", "\"set\" takes a string here"),
        ("set :foo \"a\" \"x\";", "\"set\" takes no \":foo\""),
        ("set :lower :upper \"a\" \"x\";", "exclude each other"),
        ("set :lowerfirst :upperfirst \"a\" \"x\";", "exclude each other"),
        ("keep; set \"a\" \"${b.c}\";", "there are no variables in \"b\""),
        ("set \"a\" \"${100}\";", "match variables end at ${99}"),
    ] {
        let script = format!("require \"variables\";\n{script}");
        assert!(refused(&script).contains(expected), "{}", refused(&script));
    }
    // Without require nothing is a reference.
    assert_eq!(done("require \"fileinto\"; fileinto \"${a}\";", MESSAGE_A), "fileinto ${a}");
    assert!(refused("set \"a\" \"b\";").contains("this needs \"variables\""));
}

#[test]
fn modifiers() {
    let mixed = "set \"a\" \"juMBlEd lETteRS\";";
    for (section, before, expected) in [
        ("4.1", "set \"b\" \"${a}\";", "juMBlEd lETteRS"),
        ("4.1", "set :length \"b\" \"${a}\";", "15"),
        ("4.1", "set :lower \"b\" \"${a}\";", "jumbled letters"),
        ("4.1", "set :upperfirst \"b\" \"${a}\";", "JuMBlEd lETteRS"),
        ("4.1", "set :upperfirst :lower \"b\" \"${a}\";", "Jumbled letters"),
        ("4.1", "set :quotewildcard \"b\" \"Rock*\";", "Rock\\*"),
        ("4.1.1", "set :length \"b\" \"é€\";", "2"),
        ("4.1.1", "set :length \"b\" \"\";", "0"),
        ("4.1.2", r#"set :quotewildcard "b" "*?\\";"#, r"\*\?\\"),
        ("4.1.3.1", "set :upper \"b\" \"aé\";", "Aé"),
        ("4.1.3.4", "set :lowerfirst \"b\" \"ABC\";", "aBC"),
        ("4.1.3.3", "set :upperfirst \"b\" \"\";", ""),
        ("4.1", "set :length :quotewildcard \"b\" \"Rock*\";", "6"),
    ] {
        assert_eq!(
            value(&format!("{mixed}{before}"), "${b}", MESSAGE_A),
            expected,
            "§{section}: {before}"
        );
    }
}

#[test] // Tests RFC 5229 §5.
fn string() {
    let script = "require \"variables\"; set \"state\" \"${state} pending\"; \
        if string :matches \" ${state} \" \"* pending *\" { discard; }";
    assert_eq!(done(script, MESSAGE_A), "discard");
    let variables = ", \"variables\"";
    assert!(holds(variables, r#"string "a" ["b", "A"]"#, MESSAGE_A));
    // No white space is taken off.
    assert!(!holds(variables, r#"string " a" "a""#, MESSAGE_A));
}

#[test] // Row M10: a thousand of these took a run a minute.
fn m10_modifiers_are_paid_for() {
    let fill = format!("set \"a\" \"{}\";", "/".repeat(16_000));
    let long = "${a}".repeat(65);
    let set = format!("set :encodeurl :length \"b\" \"{long}\";").repeat(100);
    let script = format!("require [\"variables\", \"enotify\"]; {fill} {set}");
    let got = done(&script, MESSAGE_A);
    assert!(got.contains("the script compares too much"), "{got}");
}

#[test] // Tests RFC 5229 §6; row M10.
fn m10_limits_of_variables() {
    let many = |n: usize| (0..n).map(|n| format!("set \"v{n}\" \"x\";")).collect::<String>();
    assert_eq!(done(&format!("require \"variables\"; {}", many(128)), MESSAGE_A), "keep");
    assert!(
        refused(&format!("require \"variables\"; {}", many(257)))
            .contains("more than 256 variables")
    );
    let name = "n".repeat(32);
    assert_eq!(value(&format!("set \"{name}\" \"x\";"), &format!("${{{name}}}"), MESSAGE_A), "x");
    // Values are cut, and that is no error.
    let long = "é".repeat(4_000);
    let doubled: String = "set \"a\" \"${a}${a}\";".repeat(30);
    let script = format!(
        "require \"variables\"; set \"a\" \"{long}\"; if not string \"${{a}}\" \"{long}\" {{ stop; }} \
         {doubled} set :length \"l\" \"${{a}}\"; if string \"${{l}}\" \"8192\" {{ discard; }}"
    );
    assert_eq!(done(&script, MESSAGE_A), "discard");
    let too_long = format!("require \"variables\"; set \"a\" \"{}\";", "x".repeat(20_000));
    assert!(refused(&too_long).contains("a variable holds 16384 octets"));
    // A text of 2^30 octets is never made.
    let huge = format!(
        "require \"variables\"; set \"a\" \"{}\"; set \"b\" \"{}\";",
        "x".repeat(16_000),
        "${a}".repeat(70_000)
    );
    assert!(done(&huge, MESSAGE_A).contains("a text of more than 1048576 octets"));
}
