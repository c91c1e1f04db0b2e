//! RFC 5173: body.
//!
//! | § | what is asked for | held by |
//! |---|---|---|
//! | 5.1 | MUST NOT undo encodings, refuse what is wrong, or read MIME where it is raw | `encodings`, `parts_of_the_example` |
//! | 5.2 | MUST know quoted-printable, base64, 7bit, 8bit, binary; US-ASCII, ISO-8859-1, the ASCII of ISO-8859-* | `encodings` |
//! | 5.2 | MUST NOT match across parts, nor their headers | `parts_of_the_example` |
//! | 5.3 | MUST have the text of a part in one string | `parts_of_the_example` |
//! | 6 | MUST NOT set match variables | `no_match_variables` |

use super::{done, holds, refused};

/// RFC 5173 §5.2, without the marks at its margin.
const NESTED: &str = "\
From: Whomever
To: Someone
Date: Whenever
Subject: whatever
Content-Type: multipart/mixed; boundary=outer

This is a multi-part message in MIME format.

--outer
Content-Type: multipart/alternative; boundary=inner

This is a nested multi-part message in MIME format.

--inner
Content-Type: text/plain; charset=\"us-ascii\"

Hello

--inner
Content-Type: text/html; charset=\"us-ascii\"

<html><body>Hello</body></html>

--inner--

This is the end of the inner MIME multipart.

--outer
Content-Type: message/rfc822

From: Someone Else
Subject: hello request

Please say Hello

--outer--

This is the end of the outer MIME multipart.
";

#[test]
fn parts_of_the_example() {
    for (test, expected) in [
        (r#"body :content "multipart" :contains "MIME""#, true),
        (r#"body :content "multipart" :contains "nested multi-part""#, true),
        (r#"body :content "multipart" :contains "end of the inner""#, true),
        (r#"body :content "multipart" :contains "end of the outer""#, true),
        (r#"body :content "multipart" :contains "Hello""#, false),
        (r#"body :content "text/plain" :contains "Hello""#, true),
        (r#"body :content "text/plain" :contains "Please say Hello""#, true),
        (r#"body :content "text/plain" :contains "<html>""#, false),
        (r#"body :content "text/html" :contains "Hello""#, true),
        (r#"body :content "text/html" :contains "Please""#, false),
        (r#"body :content "text" :contains "<body>Hello""#, true),
        (r#"body :content "message/rfc822" :contains "hello request""#, true),
        (r#"body :content "message/rfc822" :contains "Please""#, false),
        (r#"body :content "" :contains "Please""#, true),
        // Types with slashes that are none.
        (r#"body :content "/plain" :contains """#, false),
        (r#"body :content "text/" :contains """#, false),
        (r#"body :content "text/plain/x" :contains """#, false),
        (r#"body :content "TEXT/Plain" :contains "Hello""#, true),
        (r#"body :content "audio/mp3" :contains """#, false),
        (r#"body :content "multipart/alternative" :contains """#, true),
        (r#"body :text :contains "Please say""#, true),
        (r#"body :contains "Please say""#, true),
        (r#"body :raw :contains "Content-Type: text/html""#, true),
        (r#"body :raw :contains "Subject: whatever""#, false),
        // Prologue and epilogue are strings of their own, parts too.
        (r#"body :content "multipart" :matches "*format*outer MIME*""#, false),
        (r#"body :content "text" :matches "*Hello*Please*""#, false),
        // The header of a part is no part of it.
        (r#"body :content "text" :contains "charset""#, false),
        ("body :content \"text/plain\" :is \"Hello\r\n\"", true),
        ("body :content \"text/plain\" :is \"Please say Hello\r\n\"", true),
    ] {
        assert_eq!(holds(", \"body\"", test, NESTED), expected, "{test}");
        let on_the_wire = NESTED.replace('\n', "\r\n");
        assert_eq!(holds(", \"body\"", test, &on_the_wire), expected, "{test}");
    }
}

/// IMAP shows both texts, and so a rule sees both.
#[test]
fn one_boundary_on_two_levels() {
    let multipart = "Content-Type: multipart/mixed; boundary=b\n\n";
    let message =
        format!("{multipart}--b\n{multipart}--b\n\none\n--b--\n--b\n\ntwo\n--b--\nthree\n");
    for (test, expected) in [
        (r#"body :content "text/plain" :is "one""#, true),
        (r#"body :content "text/plain" :is "two""#, true),
        ("body :content \"multipart\" :is \"three\r\n\"", true),
        (r#"body :content "multipart" :contains "two""#, false),
    ] {
        assert_eq!(holds(", \"body\"", test, &message), expected, "{test}");
    }
}

#[test]
fn examples() {
    for (section, script, message, expected) in [
        (
            "5.1",
            "if body :raw :contains \"MAKE MONEY FAST\" { discard; }",
            "A: b\n\nmake money fast",
            "discard",
        ),
        (
            "5.2",
            "if body :content \"text\" :contains [\"missile\", \"coordinates\"] { fileinto \"secrets\"; }",
            "A: b\n\nthe coordinates",
            "fileinto secrets",
        ),
        (
            "5.2",
            "if body :content \"audio/mp3\" :contains \"\" { fileinto \"jukebox\"; }",
            "Content-Type: audio/mp3\n\n\x01",
            "fileinto jukebox",
        ),
        (
            "5.3",
            "if body :text :contains \"project schedule\" { fileinto \"project/schedule\"; }",
            "A: b\n\nThe Project Schedule",
            "fileinto project/schedule",
        ),
    ] {
        let script = format!("require [\"body\", \"fileinto\"]; {script}");
        assert_eq!(done(&script, message), expected, "§{section}");
    }
}

#[test] // Tests RFC 5173 §5.1 and §5.2.
fn encodings() {
    let message = |encoding: &str, charset: &str, body: &str| {
        format!(
            "Content-Type: text/plain; charset={charset}\nContent-Transfer-Encoding: {encoding}\n\n{body}\n"
        )
    };
    for (encoding, charset, body) in [
        ("quoted-printable", "iso-8859-1", "caf=E9"),
        ("quoted-printable", "utf-8", "caf=C3=A9"),
        ("base64", "utf-8", "Y2Fmw6k="),
        ("8bit", "utf-8", "café"),
        ("binary", "utf-8", "café"),
        ("BASE64", "iso-8859-1", "Y2Fm6Q=="),
    ] {
        let message = message(encoding, charset, body);
        assert!(holds(", \"body\"", "body :contains \"café\"", &message), "{message}");
        // Raw means raw.
        let is_raw = body == "café";
        assert_eq!(
            holds(", \"body\"", "body :raw :contains \"café\"", &message),
            is_raw,
            "{message}"
        );
    }
    // A NUL ends nothing, and what can't be decoded is no error.
    assert!(holds(
        ", \"body\"",
        "body :contains \"after\"",
        &message("base64", "utf-8", "YWZ0ZXIAYWZ0ZXI=")
    ));
    assert!(holds(", \"body\"", "body :contains \"x\"", &message("x-unknown", "x-nothing", "x")));
    assert!(holds(
        ", \"body\"",
        "body :raw :contains \"x\"",
        "Content-Type: multipart/broken; boundary\n\nx"
    ));
}

#[test] // Tests RFC 5173 §4: no empty line, no body.
fn header_only() {
    for test in ["body :raw :is \"\"", "body :is \"\"", "body :content \"\" :contains \"\""] {
        assert!(!holds(", \"body\"", test, "A: b\n"), "{test}");
        assert!(holds(", \"body\"", test, "A: b\n\n"), "{test}");
    }
}

#[test] // Tests RFC 5173 §6.
fn no_match_variables() {
    let script = "require [\"body\", \"variables\", \"fileinto\"]; \
        if header :matches \"A\" \"*\" {} if body :matches \"*d*\" { fileinto \"x${1}\"; }";
    assert_eq!(done(script, "A: b\n\nbody"), "fileinto xb");
    let script = "require [\"body\", \"variables\"]; set \"k\" \"o*y\"; set \"t\" \"text/plain\"; \
        if body :content \"${t}\" :matches \"?${k}\" { discard; }";
    assert_eq!(done(script, "A: b\n\nbody"), "discard");
}

#[test]
fn mistakes() {
    assert!(
        refused("require \"body\"; if body :raw :text \"a\" {}").contains("exclude each other")
    );
    assert!(refused("if body \"a\" {}").contains("this needs \"body\""));
}
