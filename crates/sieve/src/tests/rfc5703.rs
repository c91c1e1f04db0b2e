//! RFC 5703: mime, foreverypart, replace, enclose, extracttext.
//!
//! | § | what is asked for | held by |
//! |---|---|---|
//! | 3 | MUST support one loop inside another | `loops` |
//! | 4.1 | SHOULD read parameters as RFC 2231 has them; MAY those of RFC 2047 | `parameters` |
//! | 5 | MUST encode a subject if, and only if, it isn't ASCII | `replace_the_message` |
//! | 5 | MUST keep Subject as Original-Subject, From as Original-From | `replace_the_message` |
//! | 5 | MUST keep all fields but those that tell of the old content | `replace_the_message` |
//! | 5 | SHOULD refuse a ":from" that is no list of addresses | `mistakes` |
//! | 5 | MUST leave Original-Subject and Original-From alone in `editheader` | `replace_the_message` |
//! | 5 | MUST ignore ":subject" and ":from" beside ":mime", SHOULD refuse them | `mistakes` |
//! | 7 | MUST have any text in UTF-8 | `extracttext` |
//! | 7 | SHOULD refuse `extracttext` outside a loop | `mistakes` |
//! | 11 | MUST copy what is enclosed octet for octet | `enclose_keeps_each_octet` |
//! | 11 | MUST NOT let it deny service to others | `m10_loops_end`, `m10_fields_are_paid_for` |

use postroad_protocol::address::Address;

use super::{MESSAGE_A, actions, described, done, facts, outcome, refused};
use crate::{Action, Content, Facts};

const REQUIRES: &str = "require [\"mime\", \"foreverypart\", \"replace\", \"enclose\", \"extracttext\", \
    \"variables\", \"fileinto\", \"relational\", \"editheader\", \"body\"];";

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
    let got = got.strip_suffix(" edited").unwrap_or(&got);
    got.strip_prefix("fileinto <").and_then(|got| got.strip_suffix('>')).unwrap_or(got).to_owned()
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
        // In a part without parts a loop is passed over.
        (
            format!(
                "foreverypart {{ if header :mime :type \"Content-Type\" \"image\" {{ set \"v\" \"x\"; foreverypart {{ {types} }} }} }}"
            ),
            "x",
        ),
        // Of two loops of one name the outer is hidden.
        (
            format!(
                "foreverypart :name \"a\" {{ foreverypart :name \"a\" {{ {types} break :name \"a\"; }} }}"
            ),
            ",multipart/alternative,text/plain",
        ),
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
        // §4.3: one part has to have them all.
        (outside(r#"exists :mime :anychild ["Content-Type", "Content-Disposition"]"#), true),
        (outside(r#"exists :mime :anychild ["X-Part", "Content-Disposition"]"#), false),
        (outside(r#"exists :mime :anychild "Content-MD5""#), false),
        (within(r#"exists :mime :anychild ["Content-Type", "Content-Disposition"]"#), true),
        (within(r#"exists "X-Part""#), false),
        (outside(r#"exists :mime "X-Part""#), false),
        (within(r#"exists :mime "X-Part""#), true),
        (outside(r#"address :mime "From" "a@b.example""#), true),
        (outside(r#"address :mime :anychild "Sender" "a@b.example""#), false),
    ] {
        let got = done(&format!("{REQUIRES} {script}"), MIXED);
        assert_eq!(got == "discard", expected, "{script}");
    }
}

#[test] // Tests RFC 5703 §4.1: the options, of fields that have them and of others.
fn options_of_fields() {
    let message = "From: a@b.example\nX-Other: a/b; c=d\nContent-Type: Text/HTML; charset=x\n\
        Content-Disposition: INLINE; filename=a; filename=b\n\n";
    for (test, expected) in [
        (r#"header :mime :type "Content-Type" "text""#, true),
        (r#"header :mime :subtype "Content-Type" "html""#, true),
        (r#"header :mime :contenttype "Content-Type" "text/html""#, true),
        (r#"header :mime :type "Content-Disposition" "inline""#, true),
        (r#"header :mime :contenttype "Content-Disposition" "inline""#, true),
        // Where there is nothing of the kind, a blank string.
        (r#"header :mime :subtype "Content-Disposition" """#, true),
        (r#"header :mime :type ["From", "X-Other"] "a""#, false),
        (r#"header :mime :type "X-Other" """#, true),
        (r#"header :mime :subtype "X-Other" """#, true),
        (r#"header :mime :contenttype "X-Other" """#, true),
        (r#"header :mime :type "X-Absent" """#, false),
        // Fields that could be read are counted, and parameters of that name.
        (r#"header :mime :type :count "eq" ["Content-Type", "Content-Disposition"] "2""#, true),
        (r#"header :mime :subtype :count "eq" ["From", "X-Other"] "0""#, true),
        (r#"header :mime :param "filename" :count "eq" "Content-Disposition" "2""#, true),
        (r#"header :mime :param ["c", "x"] :count "eq" "X-Other" "1""#, true),
        (r#"header :mime :param "filename" "Content-Disposition" "b""#, true),
        (r#"header :mime "Content-Disposition" "INLINE; filename=a; filename=b""#, true),
        (r#"address :mime :is :domain "From" "b.example""#, true),
    ] {
        let got = done(&format!("{REQUIRES} if {test} {{ discard; }}"), message);
        assert_eq!(got == "discard", expected, "{test}");
    }
    let broken = "Content-Type: nonsense\n\n";
    for test in [
        r#"header :mime :type :matches "Content-Type" "*""#,
        r#"header :mime :type :count "ge" "Content-Type" "1""#,
    ] {
        assert_eq!(done(&format!("{REQUIRES} if {test} {{ discard; }}"), broken), "keep", "{test}");
    }
}

#[test] // Tests RFC 5703 §4.1, RFC 2231, RFC 2047.
fn parameters() {
    for (value, expected) in [
        ("attachment; filename=a.exe", "a.exe"),
        ("attachment; filename=\"a b.exe\"", "a b.exe"),
        ("attachment;\n FileName=a.exe", "a.exe"),
        ("attachment; filename*0=\"a\"; filename*1=\".exe\"", "a.exe"),
        ("attachment; filename*=utf-8'de'J%C3%BC.exe", "Jü.exe"),
        ("attachment; filename*=iso-8859-1''J%FC.exe", "Jü.exe"),
        ("attachment; filename*0*=utf-8''J%C3%BC; filename*1=\".exe\"", "Jü.exe"),
        ("attachment; filename=\"=?utf-8?q?J=C3=BC.exe?=\"", "Jü.exe"),
    ] {
        let script = "if header :mime :param \"filename\" :matches \"Content-Disposition\" \"*\" { fileinto \"${1}\"; }";
        let got =
            done(&format!("{REQUIRES} {script}"), &format!("Content-Disposition: {value}\n\n"));
        assert_eq!(got, format!("fileinto {expected}"), "{value}");
    }
}

#[test] // Tests RFC 5703 §4.1, §4.2, §4.3 and §9: the examples.
fn examples() {
    let pdf = |name: &str, octets: usize| {
        format!(
            "Content-Type: multipart/mixed; boundary=b\n\n--b\n\ntext\n--b\nContent-Type: application/pdf\n\
             Content-Disposition: attachment; filename=\"{name}\"\n\n{}\n--b--\n",
            "x".repeat(octets)
        )
    };
    let images = r#"require ["mime", "fileinto"];
        if header :mime :type "Content-Type" "image" { fileinto "INBOX.images"; }"#;
    let html = r#"require ["mime", "fileinto"];
        if header :mime :anychild :contenttype "Content-Type" "text/html" { fileinto "INBOX.html"; }"#;
    let important = r#"require ["mime", "foreverypart", "fileinto"];
        foreverypart
        {
            if allof (
              header :mime :param "filename" :contains
                 "Content-Disposition" "important",
              header :mime :subtype "Content-Type" "pdf",
              size :over 100K)
            {
                fileinto "INBOX.important";
                break;
            }
        }"#;
    let from = r#"require ["mime", "fileinto"];
        if address :mime :is :all "content-from" "tim@example.com" { fileinto "INBOX.part-from-tim"; }"#;
    let md5 = r#"require ["mime", "fileinto"];
        if exists :mime :anychild "content-md5" { fileinto "INBOX.md5"; }"#;
    let with_md5 = MIXED.replace("X-Part: plain", "Content-MD5: x");
    let (large, other, small) =
        (pdf("important.pdf", 200_000), pdf("other.pdf", 200_000), pdf("important.pdf", 100));
    for (script, message, expected) in [
        (images, "Content-Type: image/png\n\n", "fileinto INBOX.images"),
        (images, MIXED, "keep"),
        (html, MIXED, "fileinto INBOX.html"),
        (html, MESSAGE_A, "keep"),
        (important, &large, "fileinto INBOX.important"),
        (important, &other, "keep"),
        (important, &small, "keep"),
        (from, "Content-From: Tim <tim@example.com>\n\n", "fileinto INBOX.part-from-tim"),
        (from, "From: tim@example.com\n\n", "keep"),
        (md5, &with_md5, "fileinto INBOX.md5"),
        (md5, MIXED, "keep"),
    ] {
        assert_eq!(done(script, message), expected, "{script}");
    }
    // As printed there the size is a string, "enclose" has a tag ":text", and §9.3 forgets an extension.
    assert!(refused(&important.replace("100K", "\"100K\"")).contains("takes a number here"));
    let tag = "require \"enclose\"; enclose :subject \"Warning\" :text \"x\";";
    assert!(refused(tag).contains("takes no \":text\""), "{}", refused(tag));

    // §9.1.
    let removed = r#"foreverypart
        {
          if anyof (
                 header :mime :contenttype :is
                   "Content-Type" "application/exe",
                 header :mime :param "filename"
                   :matches ["Content-Type", "Content-Disposition"] "*.exe" )
          {
            replace "Executable attachment removed by user filter";
          }
        }"#;
    let got = left(removed, MIXED);
    assert!(got.contains("\n\nExecutable attachment removed by user filter\n--outer\n"), "{got}");
    assert!(!got.contains("virus.exe") && got.contains("caf=E9"), "{got}");

    // §9.3.
    let boss = r#"require ["mime", "variables", "extracttext", "fileinto"];
        if header :contains "from" "boss@example.org"
        {
          if header :matches "Subject" "*"
          {
            set "subject" "${1}";
          }
          foreverypart
          {
            if header :mime :type :is "Content-Type" "text"
            {
              extracttext :first 100 "msgcontent";
              break;
            }
          }
          if not header :contains "subject" "FYI:"
          {
            fileinto "${subject}: ${msgcontent}";
          }
        }"#;
    assert!(refused(boss).contains("require \"foreverypart\""), "{}", refused(boss));
    let boss = boss.replace("\"mime\",", "\"mime\", \"foreverypart\",");
    let letter = MIXED.replace("a@b.example", "boss@example.org");
    assert_eq!(done(&boss, &letter), "fileinto pictures: café");
    assert_eq!(done(&boss, &letter.replace("pictures", "FYI: x")), "keep");
    assert_eq!(done(&boss, MIXED), "keep");
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
        (of("text/plain", "extracttext :first 0 \"v\";"), ""),
        // Modifiers come after the cut.
        (of("text/plain", "extracttext :first 2 :length \"v\";"), "2"),
        (of("text/plain", "extracttext :length \"v\";"), "4"),
        (of("text/html", "extracttext \"v\";"), "<p>Hello</p>"),
        (of("image/jpeg", "set \"v\" \"x\"; extracttext \"v\";"), ""),
        (of("multipart/mixed", "set \"v\" \"x\"; extracttext \"v\";"), ""),
    ] {
        assert_eq!(value(&script), expected, "{script}");
    }
    // Any charset and transfer encoding; none where they are unknown, or aren't what they say.
    for (charset, encoding, body, expected) in [
        ("utf-8", "8bit", "Jürgen", "Jürgen"),
        ("\"UTF-8\"", "base64", "SsO8cmdlbg==", "Jürgen"),
        ("utf-8", "Quoted-Printable", "J=C3=BC=\nrgen", "Jürgen"),
        ("iso-8859-15", "quoted-printable", "=A4", "€"),
        ("iso-2022-jp", "base64", "GyRCJCIbKEI=", "あ"),
        ("koi8-r", "base64", "xMEh", "да!"),
        ("utf-16be", "base64", "AEEAQg==", "AB"),
        ("gb18030", "base64", "xOM=", "你"),
        ("us-ascii", "7bit", "plain", "plain"),
        ("us-ascii", "8bit", "Jürgen", ""),
        ("x-klingon", "7bit", "plain", ""),
        ("utf-8", "x-uuencode", "plain", ""),
        ("utf-8", "quoted-printable", "=ZZ", ""),
        ("utf-8", "quoted-printable", "=FF", ""),
        ("utf-8", "base64", "/w==", ""),
        ("utf-8", "base64", "a", ""),
    ] {
        let message = format!(
            "Content-Type: text/plain; charset={charset}\nContent-Transfer-Encoding: {encoding}\n\n{body}"
        );
        let script = "set \"v\" \"x\"; foreverypart { extracttext \"v\"; } fileinto \"<${v}>\";";
        let got = done(&format!("{REQUIRES} {script}"), &message);
        assert_eq!(got, format!("fileinto <{expected}>"), "{charset} {encoding} {body}");
    }
    // No charset is named, and it is UTF-8.
    let script = "foreverypart { extracttext \"v\"; } fileinto \"${v}\";";
    assert_eq!(done(&format!("{REQUIRES} {script}"), "A: b\n\nJürgen"), "fileinto Jürgen");
}

fn on(media: &str, command: &str) -> String {
    format!(
        "foreverypart {{ if header :mime :contenttype \"Content-Type\" \"{media}\" {{ {command} }} }}"
    )
}

#[test] // Tests RFC 5703 §5.
fn replace_parts() {
    let got = left(&on("image/jpeg", "replace \"removed\";"), MIXED);
    let expected = MIXED.replace(
        "Content-Type: Image/JPEG; name=\"a b.jpg\"\nContent-Disposition: attachment; filename=\"virus.exe\"\n\njpeg",
        "Content-Type: text/plain; charset=us-ascii\n\nremoved",
    );
    assert_eq!(got, expected);
    // On the wire as well.
    assert_eq!(
        left(&on("image/jpeg", "replace \"removed\";"), &MIXED.replace('\n', "\r\n")),
        expected.replace('\n', "\r\n")
    );
    // Text is in UTF-8.
    let got = left(&on("image/jpeg", "replace \"entfernt: ü\";"), MIXED);
    let entity = "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\nZW50ZmVybnQ6IMO8";
    assert!(got.contains(entity), "{got}");
    // A container goes with all that is in it, whatever became of that; other parts stay.
    let both = "foreverypart { if header :mime :subtype \"Content-Type\" \"alternative\" {
            foreverypart { replace \"text\"; }
            replace :mime \"Content-Type: text/x\r\nBcc: x\r\n\r\nall\"; } }";
    let got = left(both, MIXED);
    assert!(
        got.contains("--outer\nContent-Type: text/x\n\nall\n--outer\nContent-Type: Image"),
        "{got}"
    );
    assert!(!got.contains("Bcc") && !got.contains("inner"), "{got}");
    // ":subject" and ":from" are about the whole message.
    let got = left(&on("image/jpeg", "replace :subject \"new\" \"removed\";"), MIXED);
    assert!(got.contains("\nSubject: pictures\n") && !got.contains("new"), "{got}");
    // An edited header stays edited.
    let edited = format!(
        "{} addheader \"X\" \"y\";",
        on("image/jpeg", "addheader \"Z\" \"y\"; replace \"removed\";")
    );
    assert!(left(&edited, MIXED).starts_with("X: y\nZ: y\nReceived:"));
}

#[test] // Tests RFC 5703 §5: the change takes effect at once.
fn loops_over_what_is_replaced() {
    let types =
        "if header :mime :contenttype :matches \"Content-Type\" \"*\" { set \"v\" \"${v},${1}\"; }";
    let alternative = "header :mime :subtype \"Content-Type\" \"alternative\"";
    let replace_alternative = format!("if {alternative} {{ replace \"gone\"; }}");
    for (script, expected) in [
        // The loop doesn't go into what no longer exists; nor do those within and after it.
        (
            format!("foreverypart {{ {types} {replace_alternative} }}"),
            ",multipart/mixed,multipart/alternative,image/jpeg,message/rfc822",
        ),
        (
            format!("foreverypart {{ {replace_alternative} }} foreverypart {{ {types} }}"),
            ",multipart/mixed,text/plain,image/jpeg,message/rfc822",
        ),
        (
            format!(
                "foreverypart {{ if {alternative} {{ replace \"gone\"; foreverypart {{ {types} }} }} }}"
            ),
            "",
        ),
        (
            format!("foreverypart {{ {types} replace \"gone\"; {types} }}"),
            ",multipart/mixed,text/plain",
        ),
        // Tests in the loop see what is there now.
        (
            format!("foreverypart {{ if {alternative} {{ replace \"gone\"; {types} }} }}"),
            ",text/plain",
        ),
        (
            format!(
                "foreverypart {{ if {alternative} {{ replace \"gone\"; extracttext :first 4 \"v\"; }} }}"
            ),
            "gone",
        ),
        (
            format!(
                "foreverypart {{ if {alternative} {{ replace \"gone\"; if body :contains \"gone\" {{ set \"v\" \"there\"; }} }} }}"
            ),
            "there",
        ),
        // New parts are there for later loops.
        (
            format!(
                "foreverypart {{ if {alternative} {{ replace :mime text:\nContent-Type: multipart/x; boundary=n\n\n--n\nContent-Type: a/b\n\n--n--\n.\n; }} {types} }} \
                 set \"v\" \"${{v}};\"; foreverypart {{ {types} }}"
            ),
            ",multipart/mixed,multipart/x,image/jpeg,message/rfc822;,multipart/mixed,multipart/x,a/b,image/jpeg,message/rfc822",
        ),
    ] {
        assert_eq!(value(&script).to_ascii_lowercase(), expected, "{script}");
    }
    // So do actions.
    let script = format!(
        "{REQUIRES} require \"copy\"; {}",
        on("image/jpeg", "replace \"gone\"; fileinto :copy \"a\"; replace \"twice\";")
    );
    let outcome = outcome(&script, MIXED, &facts());
    let [Action::FileInto { filing, .. }, Action::Keep(kept)] = &*actions(&outcome) else {
        panic!("{outcome:?}")
    };
    let text =
        |content: &Content| String::from_utf8(content.pieces(MIXED.as_bytes()).concat()).unwrap();
    assert!(text(&filing.content).contains("gone") && !text(&filing.content).contains("jpeg"));
    assert!(text(&kept.content).contains("twice") && !text(&kept.content).contains("gone"));
}

#[test] // Tests RFC 5703 §5.
fn replace_the_message() {
    // Header fields stay, but for those of the old content.
    let whole = "replace :subject \"New ü\" :from \"Me <me@our.example>\" \"Gone\";";
    let expected = "Received: from there\nOriginal-From: a@b.example\nOriginal-Subject: pictures\n\
        Subject: =?utf-8?B?TmV3IMO8?=\nFrom: \"Me\" <me@our.example>\nMIME-Version: 1.0\n\
        Content-Type: text/plain; charset=us-ascii\n\nGone\n";
    assert_eq!(left(whole, MIXED), expected);
    assert!(
        left("foreverypart { replace \"Gone\"; break; }", MIXED).ends_with("us-ascii\n\nGone\n")
    );
    // Encoded words if and only if it isn't ASCII.
    let got = left("replace :subject \"=?utf-8?q?x?=\" \"Gone\";", MIXED);
    assert!(got.contains("\nSubject: =?utf-8?q?x?=\n"), "{got}");
    // The old ones stay: none of them can be added or taken away.
    let edited = "replace :subject \"n\" :from \"m@our.example\" \"Gone\";
        deleteheader \"Original-Subject\"; deleteheader \"original-from\"; addheader \"Original-From\" \"x\";";
    let got = left(edited, MIXED);
    assert!(got.contains("\nOriginal-Subject: pictures\n"), "{got}");
    assert!(got.contains("\nOriginal-From: a@b.example\n") && !got.contains("From: x"), "{got}");
    // What comes later sees the new message.
    let later = "replace \"Gone\"; foreverypart { set \"n\" \"${n}x\"; } if string \"${n}\" \"x\" { discard; }";
    assert_eq!(done(&format!("{REQUIRES} {later}"), MIXED), "discard");
    // Somebody may have a long subject.
    let long = format!("replace :subject \"{}\" \"Gone\";", "x".repeat(5_000));
    assert!(left(&long, MIXED).lines().all(|line| line.len() < 998));
}

#[test] // Tests RFC 5703 §6.
fn enclose() {
    let got = left(
        "enclose :subject \"Warning\" :headers [\"From\", \"Content-Type\"] \"Beware\r\n\";",
        MIXED,
    );
    let expected = format!(
        "Received: from there\nFrom: a@b.example\nSubject: Warning\nDate: Thu, 1 Jan 1970 00:00:00 +0000\n\
         MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"=_enclosed_0000000000\"\n\n\
         --=_enclosed_0000000000\nContent-Type: text/plain; charset=us-ascii\n\nBeware\n\
         --=_enclosed_0000000000\nContent-Type: message/rfc822\n\n{MIXED}\n--=_enclosed_0000000000--\n"
    );
    assert_eq!(got, expected);
    // From and Date are the user's, of now; without ":subject" it is that of the enclosed message.
    let got = left("enclose \"x\";", MIXED);
    assert!(
        got.starts_with("Received: from there\nSubject: pictures\nDate: Thu, 1 Jan 1970"),
        "{got}"
    );
    assert!(got.contains("\nFrom: me@our.example\nMIME-Version"), "{got}");
    // What comes later sees the new message; one more goes around it.
    let later = "enclose :subject \"w\" \"x\"; if header \"Subject\" \"w\" { foreverypart { set \"n\" \"${n}x\"; } } \
        if string :value \"ge\" \"${n}\" \"xxxxxxxxx\" { discard; }";
    assert_eq!(done(&format!("{REQUIRES} {later}"), MIXED), "discard");
    let twice = left("enclose \"=_enclosed_0000000000\"; enclose \"y\";", MIXED);
    assert!(
        twice.contains("=_enclosed_0000000001") && twice.contains("=_enclosed_0000000002"),
        "{twice}"
    );
    // From within a loop, with what was replaced so far; then the loop has nothing more to replace.
    let looped = "foreverypart { if header :mime :type \"Content-Type\" \"image\" { replace \"removed\"; enclose \"x\"; }
        if header :mime :type \"Content-Type\" \"message\" { replace \"late\"; } }";
    let got = left(looped, MIXED);
    assert!(got.contains("removed") && !got.contains("jpeg") && !got.contains("late"), "{got}");
    // What is sent on isn't enclosed.
    let script = "addheader \"X\" \"y\"; enclose \"x\"; addheader \"Z\" \"y\"; redirect \"a@b.example\"; keep;";
    let outcome = outcome(&format!("{REQUIRES} {script}"), MIXED, &facts());
    let [Action::Redirect { content, .. }, Action::Keep(kept)] = &*actions(&outcome) else {
        panic!("{outcome:?}")
    };
    assert_eq!(content.pieces(MIXED.as_bytes()).concat(), format!("X: y\n{MIXED}").into_bytes());
    assert!(kept.content.pieces(MIXED.as_bytes()).concat().starts_with(b"Z: y\nReceived"));
}

#[test] // Tests RFC 5703 §11: signatures stay good.
fn enclose_keeps_each_octet() {
    let signed = "Subject:  odd \nContent-Type: multipart/signed; boundary=s\n\n\
        --s \n\n trailing  \n\nFrom x\n--s\nContent-Type: application/pgp-signature\n\nxyz\n--s--";
    for message in [signed.to_owned(), signed.replace('\n', "\r\n")] {
        let got = left("enclose :subject \"w\" \"x\";", &message);
        let end = if message.contains('\r') { "\r\n" } else { "\n" };
        assert!(
            got.contains(&format!(
                "message/rfc822{end}{end}{message}{end}--=_enclosed_0000000000--"
            )),
            "{got}"
        );
    }
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

#[test] // Row M10.
fn m10_fields_are_paid_for() {
    let fields: String = (0..50_000).map(|n| format!("X-{n}: y\n")).collect();
    let tests = |test: &str| {
        let tests = vec![test; 20_000].join(",");
        format!("{REQUIRES} foreverypart {{ if anyof ({tests}) {{ discard; }} }}")
    };
    for test in ["exists \"X\"", "header :mime :anychild \"X\" \"\""] {
        let got = done(&tests(test), &fields);
        assert!(got.contains("compares too much"), "{test}: {got}");
    }
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
        ("replace :mime :subject \"s\" \"x\";", "\":subject\" doesn't go with \":mime\""),
        ("replace :from \"a@b.example\" :mime \"x\";", "\":from\" doesn't go with \":mime\""),
    ] {
        let script = format!("{REQUIRES} {script}");
        assert!(refused(&script).contains(expected), "{}", refused(&script));
    }
    let script = "require [\"foreverypart\", \"extracttext\"]; foreverypart { extracttext \"v\"; }";
    assert!(refused(script).contains("\"extracttext\" needs \"variables\""));
    let eight_bit = format!("{REQUIRES} replace :mime \"Content-Type: text/é\r\n\r\nx\";");
    assert!(described(&outcome(&eight_bit, MIXED, &facts())).contains("is ASCII"));
}
