//! RFC 3894: copy.
//!
//! | § | what is asked for | held by |
//! |---|---|---|
//! | 3 | leaves the implicit keep as it is (there is no MUST) | `copies` |

use super::{MESSAGE_A, done, refused};

#[test]
fn copies() {
    for (section, script, expected) in [
        (
            "1",
            "fileinto \"unfiltered\"; keep; if header \"Subject\" \"I have a present for you\" { discard; }",
            "fileinto unfiltered; keep",
        ),
        (
            "3",
            "fileinto :copy \"incoming\"; if header \"Subject\" \"I have a present for you\" { discard; }",
            "fileinto incoming",
        ),
        ("3", "fileinto :copy \"incoming\";", "fileinto incoming; keep"),
        ("3", "redirect :copy \"a@b.example\";", "redirect a@b.example; keep"),
        (
            "3",
            "redirect :copy \"a@b.example\"; fileinto \"x\";",
            "redirect a@b.example; fileinto x",
        ),
        ("3", "fileinto \"x\"; fileinto :copy \"y\";", "fileinto x; fileinto y"),
    ] {
        let script = format!("require [\"copy\", \"fileinto\"];\n{script}");
        assert_eq!(done(&script, MESSAGE_A), expected, "§{section}: {script}");
    }
    let problem = refused("require \"fileinto\"; fileinto :copy \"x\";");
    assert_eq!(
        problem,
        "test:1:30: \"fileinto\" takes no \":copy\" (unless \"require\" lists \"copy\")"
    );
    assert!(refused("require \"copy\"; keep :copy;").contains("\"keep\" takes no \":copy\""));
}
