//! RFC 5231: relational.
//!
//! | § | what is asked for | held by |
//! |---|---|---|
//! | 5 | MUST have i;ascii-numeric, with 32 bits at least | `examples`; `src/matching/comparator.rs` |

use super::{done, holds, refused};

const REQUIRES: &str =
    ", \"relational\", \"comparator-i;ascii-numeric\", \"envelope\", \"variables\"";

const MESSAGE: &str = "received: ...\nreceived: ...\nsubject: example\n\
    to: foo@example.com, baz@example.com\ncc: qux@example.com\n\n";

#[test]
fn examples() {
    let numeric = ":comparator \"i;ascii-numeric\"";
    for (section, test, expected) in [
        ("6", format!("address :count \"ge\" {numeric} [\"to\", \"cc\"] [\"3\"]"), true),
        (
            "6",
            format!(
                "anyof (address :count \"ge\" {numeric} [\"to\"] [\"3\"], address :count \"ge\" {numeric} [\"cc\"] [\"3\"])"
            ),
            false,
        ),
        ("6", format!("header :count \"ge\" {numeric} [\"received\"] [\"3\"]"), false),
        ("6", format!("header :count \"ge\" {numeric} [\"received\", \"subject\"] [\"3\"]"), true),
        ("6", format!("header :count \"ge\" {numeric} [\"to\", \"cc\"] [\"3\"]"), false),
        ("4.2", format!("header :count \"eq\" {numeric} \"absent\" \"0\""), true),
        ("4.2", format!("envelope :count \"eq\" {numeric} [\"from\", \"to\"] \"2\""), true),
        ("4.1", format!("string :value \"lt\" {numeric} \"9\" \"10\""), true),
        ("4.1", "string :value \"lt\" \"9\" \"10\"".to_owned(), false),
        ("4.1", "string :value \"LT\" \"a\" \"B\"".to_owned(), true),
        // Any pair is enough.
        ("4.1", "string :value \"gt\" [\"a\", \"c\"] [\"b\", \"d\"]".to_owned(), true),
        ("3", format!("string :value \"gt\" {numeric} \"4294967296\" \"4294967295\""), true),
    ] {
        assert_eq!(holds(REQUIRES, &test, MESSAGE), expected, "§{section}: {test}");
    }
    for (relation, expected) in [
        ("gt", [false, false, true]),
        ("ge", [false, true, true]),
        ("lt", [true, false, false]),
        ("le", [true, true, false]),
        ("eq", [false, true, false]),
        ("ne", [true, false, true]),
    ] {
        let test = |value: &str| format!("string :value \"{relation}\" \"{value}\" \"b\"");
        let got = ["a", "b", "c"].map(|value| holds(REQUIRES, &test(value), MESSAGE));
        assert_eq!(got, expected, "{relation}");
    }
}

#[test] // Tests RFC 5231 §4.2 and RFC 5229 §5.
fn nobody_and_nothing_count_nothing() {
    let script = "require [\"relational\", \"envelope\"]; if envelope :count \"eq\" \"from\" \"0\" { discard; }";
    let facts = crate::Facts { envelope_from: Some(""), ..super::facts() };
    assert_eq!(super::described(&super::outcome(script, MESSAGE, &facts)), "discard");
    assert!(holds(REQUIRES, "string :count \"eq\" [\"\", \"a\", \"b\"] \"2\"", MESSAGE));
}

#[test]
fn extended_example() {
    let script = r#"
      require ["relational", "comparator-i;ascii-numeric", "fileinto"];

      if header :value "lt" :comparator "i;ascii-numeric"
                ["x-priority"] ["3"]
      {
         fileinto "Priority";
      }

      elsif address :count "gt" :comparator "i;ascii-numeric"
                 ["to"] ["5"]
      {
         # everything with more than 5 recipients in the "to" field
         # is considered SPAM
         fileinto "SPAM";
      }

      elsif address :value "gt" :all :comparator "i;ascii-casemap"
                 ["from"] ["M"]
      {
         fileinto "From N-Z";
      } else {
         fileinto "From A-M";
      }

      if allof ( address :count "eq" :comparator "i;ascii-numeric"
                         ["to", "cc"] ["1"] ,
                 address :all :comparator "i;ascii-casemap"
                         ["to", "cc"] ["me@foo.example.com"] )
      {
         fileinto "Only me";
      }
"#;
    for (message, expected) in [
        ("X-Priority: 2\n\n", "fileinto Priority"),
        ("X-Priority: 3\nTo: a@b,c@d,e@f,g@h,i@j,k@l\n\n", "fileinto SPAM"),
        ("From: zoe@b.example\n\n", "fileinto From N-Z"),
        ("From: ann@b.example\nTo: me@foo.example.com\n\n", "fileinto From A-M; fileinto Only me"),
    ] {
        assert_eq!(done(script, message), expected, "{message}");
    }
}

#[test]
fn mistakes() {
    for (script, expected) in [
        (
            "if header :value \"foo\" \"a\" \"b\" {}",
            "\":value\" is followed by a relation (one of \"gt\"",
        ),
        ("if header :count \"a\" \"b\" {}", "takes a string or a list of strings, then"),
        ("if header :count \"gt\" :is \"a\" \"b\" {}", "exclude each other"),
        (
            "if header :value \"gt\" :comparator \"i;ascii-numeric\" \"a\" \"b\" {}",
            "this needs \"comparator-i;ascii-numeric\"",
        ),
    ] {
        let script = format!("require \"relational\"; {script}");
        assert!(refused(&script).contains(expected), "{}", refused(&script));
    }
}
