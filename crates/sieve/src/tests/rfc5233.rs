//! RFC 5233: subaddress.
//!
//! | § | what is asked for | held by |
//! |---|---|---|
//! | 4 | MUST part addresses as the mail system does | `parts`: the separator is a fact |

use crate::Facts;

use super::{MESSAGE_A, described, facts, holds, outcome, refused};

#[test]
fn example() {
    let script = r#"
      require ["envelope", "subaddress", "fileinto"];
      if envelope :user "to" "postmaster" {
          fileinto "inbox.postmaster";
          stop;
      }
      if envelope :detail "to" "mta-filters" {
          fileinto "inbox.ietf-mta-filters";
      }
      if envelope :detail "to" "foo" {
          redirect "ken@example.net";
      }
"#;
    for (to, expected) in [
        ("postmaster@example.com", "fileinto inbox.postmaster"),
        ("postmaster+x@example.com", "fileinto inbox.postmaster"),
        ("ken+mta-filters@example.com", "fileinto inbox.ietf-mta-filters"),
        ("ken+foo@example.com", "redirect ken@example.net"),
        ("ken@example.com", "keep"),
    ] {
        let facts = Facts { envelope_to: Some(to), ..facts() };
        assert_eq!(described(&outcome(script, MESSAGE_A, &facts)), expected, "{to}");
    }
}

#[test] // Tests RFC 5233 §4.
fn parts() {
    let requires = ", \"subaddress\"";
    for (to, test, expected) in [
        // Without a detail the user is all of the local part, and no detail matches.
        ("ken@x.example", "address :user \"to\" \"ken\"", true),
        ("ken@x.example", "address :detail :matches \"to\" \"*\"", false),
        ("ken+@x.example", "address :detail \"to\" \"\"", true),
        ("ken+@x.example", "address :user \"to\" \"ken\"", true),
        ("ken+a+b@x.example", "address :detail \"to\" \"a+b\"", true),
        ("ken+a@x.example", "address :localpart \"to\" \"ken+a\"", true),
        ("nobody", "address :user :matches \"to\" \"*\"", false),
    ] {
        assert_eq!(holds(requires, test, &format!("To: {to}\n\n")), expected, "{to}: {test}");
    }
    assert!(
        refused("if address :detail \"to\" \"x\" {}")
            .contains("unless \"require\" lists \"subaddress\"")
    );
    let script =
        "require [\"envelope\", \"subaddress\"]; if envelope :detail \"to\" \"x\" { discard; }";
    for (separator, to, expected) in
        [("--", "ken--x@y.example", "discard"), ("", "ken+x@y.example", "keep")]
    {
        let facts = Facts { envelope_to: Some(to), detail_separator: separator, ..facts() };
        assert_eq!(described(&outcome(script, MESSAGE_A, &facts)), expected);
    }
}
