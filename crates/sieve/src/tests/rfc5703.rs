//! RFC 5703: mime, foreverypart, replace, enclose, extracttext.

use postroad_protocol::address::Address;

use super::{actions, described, done, facts, outcome, refused};
use crate::{Action, Facts};

const REQUIRES: &str = "require [\"mime\", \"foreverypart\", \"replace\", \"enclose\", \"extracttext\", \
    \"variables\", \"fileinto\", \"relational\", \"editheader\"];";

const MIXED: &str = "\
Received: from there
From: a@b.example
Subject: pictures
Content-Type: multipart/mixed; boundary=outer

prologue
--outer
Content-Type: multipart/alternative; boundary=inner

--inner
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable
X-Part: plain

caf=E9
--inner
Content-Type: text/html

<p>Hello</p>
--inner--
--outer
Content-Type: Image/JPEG; name=\"a b.jpg\"
Content-Disposition: attachment; filename=\"virus.exe\"

jpeg
--outer
Content-Type: message/rfc822

Subject: within

Enclosed
--outer--
epilogue
";

/// The letter as a script leaves it.
#[track_caller]
fn left(script: &str, message: &str) -> String {
    let own = [Address::parse("me@our.example").unwrap()];
    let facts = Facts { own_addresses: &own, ..facts() };
    let outcome = outcome(&format!("{REQUIRES}\n{script}"), message, &facts);
    assert_eq!(outcome.error, None);
    match actions(&outcome).as_slice() {
        [Action::Keep(filing)] => {
            String::from_utf8(filing.content.pieces(message.as_bytes()).concat()).unwrap()
        }
        actions => panic!("{actions:?}"),
    }
}

#[track_caller]
fn value(script: &str) -> String {
    let got = done(&format!("{REQUIRES}\n{script}\nfileinto \"<${{v}}>\";"), MIXED);
    got.strip_prefix("fileinto <").and_then(|got| got.strip_suffix('>')).unwrap_or(&got).to_owned()
}

#[test] // Tests RFC 5703 §3.
fn loops() {
    let types =
        "if header :mime :contenttype :matches \"Content-Type\" \"*\" { set \"v\" \"${v},${1}\"; }";
    for (script, expected) in [
        (
            format!("foreverypart {{ {types} }}"),
            ",multipart/mixed,multipart/alternative,text/plain,text/html,image/jpeg,message/rfc822",
        ),
        // Inside, what is in the current part.
        (
            format!(
                "foreverypart {{ if header :mime :subtype \"Content-Type\" \"alternative\" {{ foreverypart {{ {types} }} }} }}"
            ),
            ",text/plain,text/html",
        ),
        (
            format!(
                "foreverypart {{ {types} if header :mime :type \"Content-Type\" \"text\" {{ break; }} }}"
            ),
            ",multipart/mixed,multipart/alternative,text/plain",
        ),
        (
            format!(
                "foreverypart :name \"out\" {{ foreverypart {{ {types} break :name \"out\"; }} }}"
            ),
            ",multipart/alternative",
        ),
        (
            format!(
                "foreverypart {{ foreverypart :name \"in\" {{ {types} break :name \"in\"; }} }}"
            ),
            ",multipart/alternative,text/plain",
        ),
        ("set \"v\" \"x\"; foreverypart { if false {} }".to_owned(), "x"),
    ] {
        assert_eq!(value(&script).to_ascii_lowercase(), expected, "{script}");
    }
    assert_eq!(done(&format!("{REQUIRES} foreverypart {{ stop; }} discard;"), MIXED), "keep");
    assert_eq!(done(&format!("{REQUIRES} foreverypart {{ discard; }}"), "A: b\n\nx"), "discard");
}

#[test] // Tests RFC 5703 §4.
fn mime_tests() {
    let within = |test: &str| format!("foreverypart {{ if {test} {{ discard; stop; }} }}");
    let outside = |test: &str| format!("if {test} {{ discard; }}");
    for (script, expected) in [
        (
            within(
                r#"header :mime :param "filename" :matches ["Content-Type", "Content-Disposition"] "*.exe""#,
            ),
            true,
        ),
        (within(r#"header :mime :param ["name", "filename"] "Content-Type" "a b.jpg""#), true),
        (within(r#"header :mime :param "filename" "Content-Type" "a b.jpg""#), false),
        (within(r#"header :mime :type "Content-Disposition" "attachment""#), true),
        (within(r#"header :mime :contenttype "Content-Disposition" "attachment""#), true),
        (within(r#"header :mime :contenttype "content-type" "image/jpeg""#), true),
        (within(r#"header :mime "X-Part" "plain""#), true),
        // Without ":mime" it is the message's header, wherever the loop is.
        (within(r#"header "X-Part" "plain""#), false),
        (within(r#"header "Subject" "pictures""#), true),
        (within(r#"header :mime "Subject" "within""#), true),
        (outside(r#"header :mime "Subject" "within""#), false),
        (outside(r#"header :mime :anychild "Subject" "within""#), true),
        (outside(r#"header :mime :anychild :contenttype "Content-Type" "text/html""#), true),
        (outside(r#"header :mime :contenttype "Content-Type" "text/html""#), false),
        (outside(r#"header :mime :type "Content-Type" "multipart""#), true),
        (outside(r#"header :mime :anychild :count "eq" "Content-Type" "6""#), true),
        (outside(r#"exists :mime :anychild ["X-Part", "Content-Disposition"]"#), true),
        (outside(r#"exists :mime "X-Part""#), false),
        (within(r#"exists :mime "X-Part""#), true),
        (outside(r#"address :mime "From" "a@b.example""#), true),
        (outside(r#"address :mime :anychild "Sender" "a@b.example""#), false),
    ] {
        let got = done(&format!("{REQUIRES} {script}"), MIXED);
        assert_eq!(got == "discard", expected, "{script}");
    }
}

#[test] // Tests RFC 5703 §7.
fn extracttext() {
    let of = |media: &str, command: &str| {
        format!(
            "foreverypart {{ if header :mime :contenttype \"Content-Type\" \"{media}\" {{ {command} }} }}"
        )
    };
    for (script, expected) in [
        (of("text/plain", "extracttext \"v\";"), "café"),
        (of("text/plain", "extracttext :first 3 \"v\";"), "caf"),
        (of("text/plain", "extracttext :first 4 :upper \"v\";"), "CAFé"),
        (of("text/plain", "extracttext :length \"v\";"), "4"),
        (of("text/html", "extracttext \"v\";"), "<p>Hello</p>"),
        (of("image/jpeg", "set \"v\" \"x\"; extracttext \"v\";"), ""),
        (of("multipart/mixed", "set \"v\" \"x\"; extracttext \"v\";"), ""),
    ] {
        assert_eq!(value(&script), expected, "{script}");
    }
}

#[test] // Tests RFC 5703 §5.
fn replace() {
    let part = |media: &str, command: &str| {
        format!(
            "foreverypart {{ if header :mime :contenttype \"Content-Type\" \"{media}\" {{ {command} }} }}"
        )
    };
    let got = left(&part("image/jpeg", "replace \"removed\";"), MIXED);
    let expected = MIXED.replace(
        "Content-Type: Image/JPEG; name=\"a b.jpg\"\nContent-Disposition: attachment; filename=\"virus.exe\"\n\njpeg",
        "Content-Type: text/plain; charset=us-ascii\n\nremoved",
    );
    assert_eq!(got, expected);
    // On the wire as well.
    assert_eq!(
        left(&part("image/jpeg", "replace \"removed\";"), &MIXED.replace('\n', "\r\n")),
        expected.replace('\n', "\r\n")
    );
    // A container goes with all that is in it, whatever became of that; other parts stay.
    let both = "foreverypart { if header :mime :type \"Content-Type\" \"text\" { replace \"text\"; }
        if header :mime :subtype \"Content-Type\" \"alternative\" { replace :mime \"Content-Type: text/x\r\nBcc: x\r\n\r\nall\"; } }";
    let got = left(both, MIXED);
    assert!(
        got.contains("--outer\nContent-Type: text/x\n\nall\n--outer\nContent-Type: Image"),
        "{got}"
    );
    assert!(!got.contains("Bcc") && !got.contains("inner"), "{got}");
    // An edited header stays edited.
    let edited = format!(
        "{} addheader \"X\" \"y\";",
        part("image/jpeg", "addheader \"Z\" \"y\"; replace \"removed\";")
    );
    assert!(left(&edited, MIXED).starts_with("X: y\nZ: y\nReceived:"));
    // All of the message: header fields stay, but for those of the old content.
    let whole = "replace :subject \"New ü\" :from \"Me <me@our.example>\" \"Gone\";";
    let expected = "Received: from there\nOriginal-From: a@b.example\nOriginal-Subject: pictures\n\
        Subject: =?utf-8?B?TmV3IMO8?=\nFrom: \"Me\" <me@our.example>\nMIME-Version: 1.0\n\
        Content-Type: text/plain; charset=us-ascii\n\nGone\n";
    assert_eq!(left(whole, MIXED), expected);
    assert!(
        left("foreverypart { replace \"Gone\"; break; }", MIXED).ends_with("us-ascii\n\nGone\n")
    );
    // What comes later sees the new message.
    let later = "replace \"Gone\"; foreverypart { set \"n\" \"${n}x\"; } if string \"${n}\" \"x\" { discard; }";
    assert_eq!(done(&format!("{REQUIRES} {later}"), MIXED), "discard");
}

#[test] // Tests RFC 5703 §6.
fn enclose() {
    let got = left("enclose :subject \"Warning\" :headers [\"From\"] \"Beware\r\n\";", MIXED);
    let expected = format!(
        "Received: from there\nFrom: a@b.example\nSubject: Warning\nDate: Thu, 1 Jan 1970 00:00:00 +0000\n\
         MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"=_enclosed_0\"\n\n\
         --=_enclosed_0\nContent-Type: text/plain; charset=us-ascii\n\nBeware\n\
         --=_enclosed_0\nContent-Type: message/rfc822\n\n{MIXED}\n--=_enclosed_0--\n"
    );
    assert_eq!(got, expected);
    assert!(left("enclose \"x\";", MIXED).contains("\nFrom: me@our.example\n"));
    // What comes later sees the new message; one more goes around it.
    let later = "enclose :subject \"w\" \"x\"; if header \"Subject\" \"w\" { foreverypart { set \"n\" \"${n}x\"; } } \
        if string :value \"ge\" \"${n}\" \"xxxxxxxxx\" { discard; }";
    assert_eq!(done(&format!("{REQUIRES} {later}"), MIXED), "discard");
    let twice = left("enclose \"=_enclosed_0\"; enclose \"y\";", MIXED);
    assert!(twice.contains("=_enclosed_1") && twice.contains("=_enclosed_2"), "{twice}");
    // From within a loop, with what was replaced so far; then the loop has nothing more to replace.
    let looped = "foreverypart { if header :mime :type \"Content-Type\" \"image\" { replace \"removed\"; enclose \"x\"; }
        if header :mime :type \"Content-Type\" \"message\" { replace \"late\"; } }";
    let got = left(looped, MIXED);
    assert!(got.contains("removed") && !got.contains("jpeg") && !got.contains("late"), "{got}");
}

#[test]
fn a_warning_about_what_can_be_run() {
    let script = r#"foreverypart {
        if header :mime :param ["name", "filename"] :matches ["Content-Type", "Content-Disposition"]
            ["*.com", "*.exe", "*.vbs", "*.scr"] {
            enclose :subject "Warning" text:
WARNING! The enclosed message contains executable attachments.
.
            ;
            break;
        }
    }"#;
    let got = left(script, MIXED);
    assert!(got.contains("Subject: Warning\n") && got.contains("\nWARNING! The enclosed"), "{got}");
    assert_eq!(left(script, "Subject: x\n\nplain"), "Subject: x\n\nplain");
}

#[test] // Row A13, row M10.
fn m10_loops_end() {
    let nested: String = (0..200)
        .map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n"))
        .collect();
    let wide =
        format!("Content-Type: multipart/mixed; boundary=B\n\n{}", "--B\n\nx\n".repeat(100_000));
    let loops = |n: usize| format!("{REQUIRES} {}{}", "foreverypart {".repeat(n), "}".repeat(n));
    for message in [&nested, &wide] {
        assert_eq!(done(&loops(1), message), "keep");
        let got = done(&loops(30), message);
        assert!(got == "keep" || got.contains("more than 100000"), "{got}");
    }
    // Edits are paid for.
    let script = format!("{REQUIRES} {}", "enclose \"x\";".repeat(400));
    let message = format!("A: b\n\n{}", "x".repeat(1_000_000));
    assert!(done(&script, &message).contains("too much memory"));
}

#[test]
fn mistakes() {
    for (script, expected) in [
        ("break;", "\"break\" outside a loop"),
        (
            "foreverypart :name \"a\" { break :name \"b\"; }",
            "there is no loop of that name around this",
        ),
        ("foreverypart;", "\"foreverypart\" takes a block"),
        ("foreverypart { extracttext \"1\"; }", "is no variable's name"),
        ("extracttext \"v\";", "\"extracttext\" outside a \"foreverypart\""),
        ("if header :anychild \"a\" \"b\" {}", "\":anychild\" goes with \":mime\""),
        ("if header :type \"a\" \"b\" {}", "this option goes with \":mime\""),
        ("if header :mime :type :subtype \"a\" \"b\" {}", "exclude each other"),
        ("replace :from \"nobody\" \"x\";", "is no list of addresses"),
    ] {
        let script = format!("{REQUIRES} {script}");
        assert!(refused(&script).contains(expected), "{}", refused(&script));
    }
    let script = "require [\"foreverypart\", \"extracttext\"]; foreverypart { extracttext \"v\"; }";
    assert!(refused(script).contains("\"extracttext\" needs \"variables\""));
    let eight_bit = format!("{REQUIRES} replace :mime \"Content-Type: text/é\r\n\r\nx\";");
    assert!(described(&outcome(&eight_bit, MIXED, &facts())).contains("is ASCII"));
}
