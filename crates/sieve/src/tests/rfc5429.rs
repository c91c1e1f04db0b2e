//! RFC 5429: reject and ereject.
//!
//! | § | what is asked for | held by |
//! |---|---|---|
//! | 2.1 | MUST refuse in the best way there is; MUST do so in the protocol; 550 and 5.7.1 | mda: `refused_by_rules`, `who_is_refused_and_who_is_not` |
//! | 2.1 | MUST have `ereject` where `reject` is | `examples` |
//! | 2.1.1 | MUST replace what isn't ASCII in the protocol; MUST have several lines, none too long | mda: `refused_by_rules` |
//! | 2.1.2, 2.2 | MUST NOT tell an empty reverse-path | mda: `who_is_refused_and_who_is_not` |
//! | 2.1.2, 2.2 | MUST have DSN and MDN in their forms | no notices of ours: LMTP and exit codes refuse for each recipient |
//! | 2.3 | MUST NOT make `ereject` of `reject` | `examples`: they stay two |
//! | 2.4 | MUST NOT run twice; MUST NOT go with vacation | `compatibility` |
//! | 2.5 | MUST have each line of the reason as a line | `m12_reject_text_is_lines_of_plain_text` |

use super::{MESSAGE_A, done, refused};

#[test]
fn examples() {
    let big = format!("{MESSAGE_A}{}", "x".repeat(110 * 1024));
    for (section, script, message, expected) in [
        (
            "2.1",
            "require [\"ereject\"]; if address \"from\" \"someone@example.com\" { ereject \"I no longer accept mail from this address\"; }",
            "From: someone@example.com\n\n",
            "Ereject: I no longer accept mail from this address",
        ),
        (
            "2.2",
            "require [\"reject\"]; if size :over 100K { reject text:\nYour message is too big.  If you want to send me a big attachment,\nput it on a public web site and send me a URL.\n.\n; }",
            &big,
            "Reject: Your message is too big.  If you want to send me a big attachment, / put it on a public web site and send me a URL.",
        ),
        (
            "2.2.1",
            "require [\"reject\"]; if header :contains \"from\" \"coyote@desert.example.org\" { reject text:\nI am not taking mail from you, and I don't\nwant your birdseed, either!\n.\n; }",
            MESSAGE_A,
            "Reject: I am not taking mail from you, and I don't / want your birdseed, either!",
        ),
    ] {
        assert_eq!(done(script, message), expected, "§{section}");
    }
}

#[test] // Tests RFC 5429 §2.4.
fn compatibility() {
    let refused_once = "error: test:2:13: a letter is refused only once";
    for (script, expected) in [
        ("reject \"a\"; reject \"b\";", refused_once),
        ("reject \"a\"; ereject \"b\";", refused_once),
        ("reject \"a\"; keep;", "can't be filed, redirected or answered as well"),
        ("reject \"a\"; fileinto \"x\";", "can't be filed"),
        ("reject \"a\"; redirect \"a@b.example\";", "can't be filed"),
        ("fileinto \"x\"; ereject \"a\";", "can't be filed"),
        ("reject \"a\"; vacation \"x\";", "isn't answered as well"),
        // Also where nobody would have been told.
        ("vacation \"x\"; reject \"a\";", "can't be filed, redirected or answered"),
        ("reject \"a\"; discard;", "Reject: a"),
        ("discard; ereject \"a\";", "Ereject: a"),
        ("reject \"a\"; stop; keep;", "Reject: a"),
    ] {
        let script =
            format!("require [\"reject\", \"ereject\", \"fileinto\", \"vacation\"];\n{script}");
        let got = done(&script, "To: nobody@x.example\n\n");
        assert!(got.contains(expected), "{script}\n{got}");
    }
    assert!(refused("require \"reject\"; ereject \"a\";").contains("this needs \"ereject\""));
}

#[test] // Row M12.
fn m12_reject_text_is_lines_of_plain_text() {
    let script = "require [\"ereject\", \"encoded-character\"]; \
        ereject \"a${hex:0d}b${hex:1b}[2J${hex:0d 0a}250 ok${hex:00}\r\n.\r\n\";";
    assert_eq!(done(script, MESSAGE_A), "Ereject: a b [2J / 250 ok / .");
}
