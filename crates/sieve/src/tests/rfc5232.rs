//! RFC 5232: imap4flags.
//!
//! | § | what is asked for | held by |
//! |---|---|---|
//! | 1 | MUST have all of it; MUST fail for a variable's name without variables | `flags`, `hasflag`, `needs_variables` |
//! | 2 | MUST ignore empty strings, odd spaces, what is no flag, what can't be set | `flags` |
//! | 3 | MUST have the last flags win | `flags` |
//! | 3.3 | MUST remove each one, in any case | `flags` |
//! | 5 | MUST ignore flags that can't be stored | mda: `what_scripts_come_to` |

use super::{MESSAGE_A, done, holds, refused};

#[test]
fn flags() {
    for (section, script, expected) in [
        ("3", "", "keep"),
        ("3.1", "setflag \"\\\\Deleted\";", "keep (\\Deleted)"),
        (
            "3.1",
            "setflag \"flagvar\" \"\\\\Flagged\"; fileinto :flags \"${flagvar}\" \"INBOX.From Boss\";",
            "fileinto INBOX.From Boss (\\Flagged)",
        ),
        (
            "3.2",
            "addflag \"flagvar\" \"\\\\Deleted\"; addflag \"flagvar\" \"\\\\Answered\"; keep :flags \"${flagvar}\";",
            "keep (\\Deleted \\Answered)",
        ),
        (
            "3.2",
            "addflag \"flagvar\" [\"\\\\Deleted\", \"\\\\Answered\"]; keep :flags \"${flagvar}\";",
            "keep (\\Deleted \\Answered)",
        ),
        (
            "3.2",
            "addflag \"flagvar\" \"\\\\Deleted \\\\Answered\"; keep :flags \"${flagvar}\";",
            "keep (\\Deleted \\Answered)",
        ),
        (
            "3.2",
            "addflag \"flagvar\" \"\\\\Answered \\\\Deleted\"; keep :flags \"${flagvar}\";",
            "keep (\\Answered \\Deleted)",
        ),
        (
            "3.3",
            "addflag \"flagvar\" \"$MDNRequired\"; removeflag \"flagvar\" \"$mdnrequired\"; fileinto :flags \"${flagvar}\" \"INBOX.imap-list\";",
            "fileinto INBOX.imap-list",
        ),
        ("3.3", "removeflag \"x\";", "keep"),
        (
            "3.3",
            "set \"v\" \"a b A\"; removeflag \"v\" [\"\", \"A\"]; keep :flags \"${v}\";",
            "keep (b)",
        ),
        // The internal variable also goes for fileinto and the implicit keep; a tag in its place.
        ("3", "addflag \"a\"; fileinto \"x\"; keep :flags \"b\";", "fileinto x (a); keep (b)"),
        ("5", "addflag \"a\"; keep :flags \"\";", "keep"),
        ("3", "addflag \"a\"; addflag \"b\"; setflag \"c\";", "keep (c)"),
        // Of two that are one, the last flags win.
        ("3", "keep :flags \"a\"; keep :flags \"b\";", "keep (b)"),
        // Spaces, empty strings, what can't be set, what is no flag.
        ("2", "setflag [\"  a   b \", \"\", \"B\"];", "keep (a b)"),
        (
            "2",
            "setflag [\"\\\\Recent\", \"\\\\Seen\", \"\\\\Nonsense\", \"a(b\", \"ü\", \"\\\\\", \"x\"];",
            "keep (\\Seen x)",
        ),
    ] {
        let script = format!("require [\"imap4flags\", \"fileinto\", \"variables\"];\n{script}");
        assert_eq!(done(&script, MESSAGE_A), expected, "§{section}: {script}");
    }
}

#[test] // Tests RFC 5232 §4.
fn hasflag() {
    let requires =
        ", \"imap4flags\", \"variables\", \"relational\", \"comparator-i;ascii-numeric\"";
    let my_var = "NonJunk Junk gnus-forward $Forwarded NotJunk JunkRecorded $Junk $NotJunk";
    for (flags, test, expected) in [
        ("setflag \"A B\";", "hasflag :is \"b A\"", true),
        ("setflag \"A B\";", "hasflag [\"b\", \"A\"]", true),
        ("setflag \"A B\";", "hasflag \"c\"", false),
        ("", "hasflag \"c\"", false),
        (my_var, "hasflag :contains \"MyVar\" \"Junk\"", true),
        (my_var, "hasflag :contains \"MyVar\" \"forward\"", true),
        (my_var, "hasflag :contains \"MyVar\" [\"label\", \"forward\"]", true),
        (my_var, "hasflag :contains \"MyVar\" [\"junk\", \"forward\"]", true),
        (my_var, "hasflag :contains \"MyVar\" \"junk forward\"", true),
        (my_var, "hasflag :contains \"MyVar\" \"forward junk\"", true),
        (my_var, "hasflag :contains \"MyVar\" \"label\"", false),
        (my_var, "hasflag :contains \"MyVar\" [\"label1\", \"label2\"]", false),
        ("A B", "hasflag :count \"ge\" :comparator \"i;ascii-numeric\" \"MyVar\" \"2\"", true),
        ("A B a", "hasflag :count \"eq\" :comparator \"i;ascii-numeric\" \"MyVar\" \"2\"", true),
        (
            "A B",
            "hasflag :count \"eq\" :comparator \"i;ascii-numeric\" [\"MyVar\", \"MyVar\", \"Other\"] \"4\"",
            true,
        ),
    ] {
        let before = match flags.ends_with(';') || flags.is_empty() {
            true => flags.to_owned(),
            false => format!("set \"MyVar\" \"{flags}\";"),
        };
        let script = format!(
            "require [\"fileinto\"{requires}]; {before} if {test} {{ discard; }} else {{ redirect \"a@b.example\"; }}"
        );
        assert_eq!(done(&script, MESSAGE_A) == "discard", expected, "{flags}: {test}");
    }
    assert!(!holds(", \"imap4flags\"", "hasflag \"a\"", MESSAGE_A));
}

#[test] // Tests RFC 5232 §1: a variable's name without "variables".
fn needs_variables() {
    for command in ["setflag", "addflag", "removeflag"] {
        let script = format!("require \"imap4flags\"; {command} \"a\" \"b\";");
        assert!(refused(&script).contains("a variable's name needs \"variables\""));
    }
    let script = "require \"imap4flags\"; if hasflag \"a\" \"b\" {}";
    assert!(refused(script).contains("needs \"variables\""));
}

/// As printed there, but for `anyof` without parentheses and `remove`, which are slips.
#[test]
fn extended_example() {
    let script = r#"
   require ["fileinto", "imap4flags", "variables"];
   if size :over 1M
           {
           addflag "MyFlags" "Big";
           if header :is "From" "boss@company.example.com"
                      {
                      addflag "MyFlags" "\\Flagged";
                      }
           fileinto :flags "${MyFlags}" "Big messages";
           }
   if header :is "From" "grandma@example.net"
           {
           addflag "MyFlags" ["\\Answered", "$MDNSent"];
           fileinto :flags "${MyFlags}" "GrandMa";
           }
   if header :is "Sender" "owner-ietf-mta-filters@example.org"
           {
           set "MyFlags" "\\Flagged $Work";
           keep :flags "${MyFlags}";
           }
   elsif anyof (address :domain :is ["From", "To"] "company.example.com")
           {
           keep :flags "${MyFlags}"; # keep in "Inbox" folder
           }
   elsif anyof (not address :all :contains
                  ["To", "Cc"] "me@company.example.com",
                header :matches "subject"
                  ["*make*money*fast*", "*university*dipl*mas*"])
           {
           removeflag "MyFlags" "\\Flagged";
           fileinto :flags "${MyFlags}" "spam";
           }
   else
           {
           fileinto :flags "${MyFlags}" "personal";
           }
"#;
    let big = |header: &str| format!("{header}\n\n{}", "x".repeat(1024 * 1024 + 1));
    for (message, expected) in [
        (
            big("From: boss@company.example.com"),
            "fileinto Big messages (Big \\Flagged); keep (Big \\Flagged)",
        ),
        (
            big("From: grandma@example.net"),
            "fileinto Big messages (Big); fileinto GrandMa (Big \\Answered $MDNSent); fileinto spam (Big \\Answered $MDNSent)",
        ),
        ("Sender: owner-ietf-mta-filters@example.org\n\n".to_owned(), "keep (\\Flagged $Work)"),
        ("To: x@y.example\n\n".to_owned(), "fileinto spam"),
    ] {
        assert_eq!(done(script, &message), expected);
    }
}
