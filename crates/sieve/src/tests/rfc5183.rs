//! RFC 5183: environment.
//!
//! | § | what is asked for | held by |
//! |---|---|---|
//! | 4 | MUST fail for what doesn't exist, MUST NOT be an error | `items` |
//! | 4.1 | MUST have names of others behind "vnd." | we have none |

use super::{MESSAGE_A, described, facts, holds, outcome};
use crate::Facts;

#[test] // Tests RFC 5183 §4.
fn items() {
    let requires = "require [\"environment\", \"relational\"];";
    let environment =
        [("host", "mx.our.example"), ("remote-host", ""), ("remote-ip", "[192.0.2.1]")];
    let facts = Facts { environment: &environment, ..facts() };
    for (test, expected) in [
        (r#"environment "host" "MX.our.example""#, true),
        (r#"environment "HOST" "mx.our.example""#, true),
        (r#"environment :comparator "i;octet" "host" "MX.our.example""#, false),
        (r#"environment "location" "MDA""#, true),
        (r#"environment "phase" "during""#, true),
        (r#"environment "name" "Postroad""#, true),
        (r#"environment :matches "version" "?*""#, true),
        (r#"environment :contains "remote-ip" "192.0.2.1""#, true),
        (r#"environment :contains "host" """#, true),
        (r#"environment "remote-host" """#, true),
        // What nobody knows matches nothing, and is no error.
        (r#"environment :contains "item" """#, false),
        (r#"environment :contains "vnd.acme.rocket-sled-status" """#, false),
        (r#"environment :count "eq" "host" "1""#, true),
        (r#"environment :count "eq" "remote-host" "0""#, true),
    ] {
        let script = format!("{requires} if {test} {{ discard; }}");
        let got = described(&outcome(&script, MESSAGE_A, &facts));
        assert_eq!(got == "discard", expected, "{test}");
    }
    // The message has no say in it.
    assert!(!holds(
        ", \"environment\"",
        "environment :contains \"host\" \"evil\"",
        "host: evil\n\n"
    ));
}
