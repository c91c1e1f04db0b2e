use std::fmt::Write as _;

use super::*;
use crate::fuzz::sound;
use crate::limits;

/// BODYSTRUCTURE, near enough: what IMAP shows of a part.
fn shown(part: &Part) -> String {
    let text = |octets: &[u8]| format!("{:?}", String::from_utf8_lossy(octets));
    let maybe = |octets: &Option<Vec<u8>>| octets.as_deref().map_or("NIL".to_owned(), text);
    let list = |parameters: &[(Vec<u8>, Vec<u8>)]| {
        let pairs = parameters.iter().map(|(n, v)| format!("{} {}", text(n), text(v)));
        let pairs: Vec<String> = pairs.collect();
        if pairs.is_empty() { "NIL".to_owned() } else { format!("({})", pairs.join(" ")) }
    };
    if let Body::Multipart(parts) = &part.content {
        let parts: String = parts.iter().map(shown).collect();
        return format!("({parts} {})", text(&part.subtype));
    }
    let mut shown_part = format!(
        "({} {} {} {} {} {} {}",
        text(&part.kind),
        text(&part.subtype),
        list(&part.parameters),
        maybe(&part.id),
        maybe(&part.description),
        text(&part.encoding),
        part.octets
    );
    match &part.content {
        Body::Text(Text { lines }) => write!(shown_part, " {lines}").unwrap_or_default(),
        Body::Message { envelope, message, lines } => {
            let subject = maybe(&envelope.subject);
            write!(shown_part, " {subject} {} {lines}", shown(message)).unwrap_or_default();
        }
        Body::Other | Body::Multipart(_) => {}
    }
    shown_part + ")"
}

/// The same with LF and with CRLF; what is stored is another matter than what is on the wire.
#[track_caller]
fn check(letter: &str, expected: &str) {
    assert!(!letter.contains('\r'));
    let part = Part::of(letter.as_bytes());
    assert_eq!(shown(&part), expected, "{letter}");
    let wire = letter.replace('\n', "\r\n");
    let on_wire = Part::of(wire.as_bytes());
    assert_eq!(shown(&on_wire), expected, "with CRLF: {letter}");
    sound(&part, letter.as_bytes());
    sound(&on_wire, wire.as_bytes());
}

const PLAIN: &str = r#""text" "plain" ("charset" "us-ascii") NIL NIL "7BIT""#;

#[test] // Tests RFC 2045 §5.2, RFC 9051 §7.5.2.
fn single_parts() {
    check("A: b\n\none\ntwo\n", &format!("({PLAIN} 10 2)"));
    check("A: b\n\none\ntwo", &format!("({PLAIN} 8 1)"));
    check("A: b\n\n", &format!("({PLAIN} 0 0)"));
    check("A: b\n", &format!("({PLAIN} 0 0)"));
    check("", &format!("({PLAIN} 0 0)"));
    check("\nbody\n", &format!("({PLAIN} 6 1)"));
    check("Content-Type: nonsense; a=b\n\nx", &format!("({PLAIN} 1 0)"));
    check(
        "Content-Type: image/PNG; name=\"a b\"\nContent-Type: text/html\nContent-ID: <a@b>\n\
         Content-Description: a\n picture\nContent-Transfer-Encoding: base64 (why not)\n\nAAAA\n",
        r#"("image" "PNG" ("name" "a b") "<a@b>" "a picture" "base64" 6)"#,
    );
    check(
        "Content-Type: text/html; charset=utf-8\n\nx\n",
        r#"("text" "html" ("charset" "utf-8") NIL NIL "7BIT" 3 1)"#,
    );
}

#[test]
fn fields_of_extension_data() {
    let part = Part::of(
        b"Content-Type: a/b\nContent-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==\nContent-Language: de, en (us),fr\n\
          Content-Location: http://a.example/\n b\nContent-Disposition: attachment;\n\
          \tfilename*0*=utf-8''%C3%A4; filename*1=b; filename=c\n\n",
    );
    assert_eq!(part.md5.as_deref(), Some(&b"Q2hlY2sgSW50ZWdyaXR5IQ=="[..]));
    assert_eq!(part.language, [b"de", b"en", b"fr"]);
    assert_eq!(part.location.as_deref(), Some(&b"http://a.example/ b"[..]));
    assert_eq!(part.file_name().as_deref(), Some("äb"));
    let disposition = part.disposition.unwrap_or_default();
    assert_eq!(disposition.kind, b"attachment");
    let expected: [(Vec<u8>, Vec<u8>); 2] =
        [("filename*".into(), "utf-8''%C3%A4b".into()), ("filename".into(), "c".into())];
    assert_eq!(disposition.parameters, expected);
}

#[test] // Tests RFC 2046 §5.1.1: the letter there.
fn two_parts() {
    check(
        "From: Nathaniel Borenstein <nsb@bellcore.com>\nMIME-Version: 1.0\n\
         Content-type: multipart/mixed; boundary=\"simple boundary\"\n\n\
         This is the preamble.  It is to be ignored.\n\n--simple boundary\n\n\
         This is implicitly typed plain US-ASCII text.\nIt does NOT end with a linebreak.\n\
         --simple boundary\nContent-type: text/plain; charset=us-ascii\n\n\
         This is explicitly typed plain US-ASCII text.\nIt DOES end with a linebreak.\n\n\
         --simple boundary--\n\nThis is the epilogue.  It is also to be ignored.\n",
        &format!("(({PLAIN} 80 1)({PLAIN} 78 2) \"mixed\")"),
    );
}

/// RFC 9051 §6.4.5.1 has this tree.
const SECTIONS: &str = include_str!("../../../../tests/corpus/made/sections.eml");

/// A body of so many lines and octets on the wire.
fn body(lines: usize, octets: usize) -> String {
    let rest = "x".repeat(octets - 3 * lines);
    "a\n".repeat(lines - 1) + &rest + "b\n"
}

#[test] // Tests RFC 9051 §7.5.2 and §8: what the letters there have.
fn examples() {
    check(
        &format!("Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\n\n{}", body(92, 3028)),
        r#"("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 3028 92)"#,
    );
    check(
        &format!(
            "Content-Type: MULTIPART/MIXED; BOUNDARY=b\n\n\
             --b\nContent-Type: TEXT/PLAIN; CHARSET=US-ASCII\n\n{}\n\
             --b\nContent-Type: TEXT/PLAIN; CHARSET=US-ASCII; NAME=cc.diff\n\
             Content-ID: <960723163407.20117h@cac.washington.edu>\n\
             Content-Description: Compiler diff\nContent-Transfer-Encoding: BASE64\n\n{}\n--b--\n",
            body(23, 1152),
            body(73, 4554),
        ),
        "((\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 1152 23)\
         (\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\" \"NAME\" \"cc.diff\") \
         \"<960723163407.20117h@cac.washington.edu>\" \"Compiler diff\" \"BASE64\" 4554 73) \"MIXED\")",
    );
}

#[test] // Tests RFC 9051 §6.4.5.1, RFC 2046 §5.1.5.
fn nests() {
    check(
        SECTIONS,
        &format!(
            "(({PLAIN} 5 1)\
             (\"application\" \"octet-stream\" NIL NIL NIL \"base64\" 6)\
             (\"message\" \"rfc822\" NIL NIL NIL \"7BIT\" 185 \"three\" (({PLAIN} 11 1)\
             (\"application\" \"octet-stream\" NIL NIL NIL \"7BIT\" 13) \"mixed\") 14)\
             ((\"image\" \"gif\" NIL NIL NIL \"7BIT\" 10)\
             (\"message\" \"rfc822\" NIL NIL NIL \"7BIT\" 306 \"four two\" (({PLAIN} 14 1)\
             (({PLAIN} 18 1)(\"text\" \"richtext\" (\"charset\" \"us-ascii\") NIL NIL \"7BIT\" 18 1) \
             \"alternative\") \"mixed\") 20) \"mixed\") \"mixed\")"
        ),
    );
    check(
        "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: one\n\n1\n\n\
         --b\nContent-Type: text/plain\n\n2\n--b--\n",
        &format!(
            "((\"message\" \"rfc822\" NIL NIL NIL \"7BIT\" 19 \"one\" ({PLAIN} 3 1) 3)\
             ({PLAIN} 1 0) \"digest\")"
        ),
    );
}

#[test] // Row A16.
fn a16_delimiters() {
    let multipart = "Content-Type: multipart/mixed; boundary=\"b\"\n\n";
    for (body, expected) in [
        // Nothing is hidden: a multipart without parts is text.
        ("x", format!("(({PLAIN} 1 0) \"mixed\")")),
        ("--b--\n", format!("(({PLAIN} 7 1) \"mixed\")")),
        // Cut off; padding; a line that only begins like one, or has something before it.
        ("--b \t\n\n1\n--bb\n --b\n--b\n\n2\n", format!("(({PLAIN} 13 2)({PLAIN} 3 1) \"mixed\")")),
        // The end of the header is a delimiter; the empty line's end is the delimiter's.
        (
            "--b\n--b\n\n--b\nA: b\n--b--\n",
            format!("(({PLAIN} 0 0)({PLAIN} 0 0)({PLAIN} 0 0) \"mixed\")"),
        ),
        // Behind the end nothing is.
        ("--b\n\n1\n--b--\n--b\n\n2\n", format!("(({PLAIN} 1 0) \"mixed\")")),
        // The outer boundary ends the inner part, which never ended.
        (
            "--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\n1\n--b\n\n2\n--c\n--b--\n",
            format!("((({PLAIN} 1 0) \"mixed\")({PLAIN} 6 1) \"mixed\")"),
        ),
        // One boundary is the beginning of another; one is another one's end.
        (
            "--b\nContent-Type: multipart/mixed; boundary=b1\n\n--b1\n\n1\n--b1--\n--b--\n",
            format!("((({PLAIN} 1 0) \"mixed\") \"mixed\")"),
        ),
        (
            "--b\nContent-Type: multipart/mixed; boundary=b--\n\n--b--\n\n1\n--b----\n--b--\n",
            format!("((({PLAIN} 0 0) \"mixed\") \"mixed\")"),
        ),
        // The same one twice.
        (
            "--b\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\n1\n--b--\n--b\n\n2\n--b--\n",
            format!("((({PLAIN} 1 0) \"mixed\")({PLAIN} 1 0) \"mixed\")"),
        ),
    ] {
        check(&format!("{multipart}{body}"), &expected);
    }
    for header in [
        "Content-Type: multipart/mixed\n\n",
        "Content-Type: multipart/mixed; boundary=\"\"\n\n",
        "Content-Type: multipart/mixed; boundary=\" \"\n\n",
    ] {
        check(&format!("{header}--\n\nx\n----\n"), &format!("(({PLAIN} 15 4) \"mixed\")"));
    }
    // With white space at its end, which transport may take away.
    check(
        "Content-Type: multipart/mixed; boundary=\"b \"\n\n--b\n\n1\n--b--\n",
        &format!("(({PLAIN} 1 0) \"mixed\")"),
    );
}

#[test] // Tests RFC 2046 §5.2.1.
fn encoded_messages_are_not_taken_apart() {
    check(
        "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogeA==\n",
        "(\"message\" \"rfc822\" NIL NIL NIL \"base64\" 18 NIL \
         (\"application\" \"octet-stream\" NIL NIL NIL \"base64\" 18) 1)",
    );
    check(
        "Content-Type: message/global\nContent-Transfer-Encoding: 8BIT\n\nSubject: x\n\ny",
        &format!("(\"message\" \"global\" NIL NIL NIL \"8BIT\" 15 \"x\" ({PLAIN} 1 0) 2)"),
    );
}

fn depth(part: &Part) -> usize {
    match &part.content {
        Body::Other | Body::Text(_) => 1,
        Body::Multipart(parts) => 1 + parts.iter().map(depth).max().unwrap_or(0),
        Body::Message { message, .. } => 1 + depth(message),
    }
}

fn count(part: &Part) -> usize {
    match &part.content {
        Body::Other | Body::Text(_) => 1,
        Body::Multipart(parts) => 1 + parts.iter().map(count).sum::<usize>(),
        Body::Message { message, .. } => 1 + count(message),
    }
}

#[test] // Row A13.
fn a13_nests_and_rows_without_end_end() {
    let multipart = |boundary: &str| {
        format!("Content-Type: multipart/mixed; boundary={boundary}\n\n--{boundary}\n")
    };
    let nested: String = (0..1_000).map(|n| multipart(&format!("b{n}"))).collect();
    let same = multipart("b").repeat(1_000);
    let messages = "Content-Type: message/rfc822\n\n".repeat(50_000);
    let wide = multipart("B") + &"\nx\n--B\n".repeat(100_000);
    let empty = multipart("B") + &"--B\n".repeat(200_000);
    // Each line is compared with what a hundred levels have.
    let levels: String = (0..limits::DEPTH_MAX).map(|n| multipart(&format!("b{n}"))).collect();
    let lines = format!("{levels}\n{}", "--\n".repeat(200_000));
    let long = format!("{levels}\n--{}", "b".repeat(1_000_000));
    let many: String = (0..10_000).map(|n| format!("--b{n}\n\n")).collect();
    for letter in [nested, same, messages, wide, empty, lines, long, levels + &many] {
        let part = Part::of(letter.as_bytes());
        assert!(depth(&part) <= limits::DEPTH_MAX + 2, "{}", depth(&part));
        assert!(count(&part) <= limits::PARTS_MAX + limits::DEPTH_MAX, "{}", count(&part));
        if count(&part) < 1_000 {
            sound(&part, letter.as_bytes());
        }
    }
}

#[test] // Row A14.
fn a14_parameters_of_many_parts_are_bounded() {
    let part = format!("Content-Type: a/b{}\n\nx\n--B\n", "; a=b".repeat(100));
    let letter =
        format!("Content-Type: multipart/mixed; boundary=B\n\n--B\n{}", part.repeat(9_000));
    let Body::Multipart(parts) = Part::of(letter.as_bytes()).content else { panic!("a multipart") };
    let parameters: usize = parts.iter().map(|part| part.parameters.len()).sum();
    assert!(parameters <= limits::PARAMETERS_OF_LETTER_MAX, "{parameters}");
}

proptest::proptest! {
    #[test]
    fn any_letter(
        lines in proptest::collection::vec(proptest::sample::select(LINES.to_vec()), 0..40)
    ) {
        let letter: String = lines.concat();
        sound(&Part::of(letter.as_bytes()), letter.as_bytes());
    }
}

const LINES: &[&str] = &[
    "Content-Type: multipart/mixed; boundary=a\n",
    "Content-Type: multipart/digest; boundary=\"b\"\r\n",
    "Content-Type: message/rfc822\n",
    "Content-Type: text/html\r\n",
    "Content-Transfer-Encoding: base64\n",
    "\n",
    "\n",
    "\r\n",
    "--a\n",
    "--a\r\n",
    "--b\n",
    "--a--\n",
    "--b--\r\n",
    "text\n",
    "text",
    "\r",
];

proptest::proptest! {
    #[test]
    fn one_that_is_not_taken_apart_has_the_same_header_and_body(
        letter in "(A: b|Content-Type: multipart/x; boundary=b|Content-Type: message/rfc822|--b|--b--| x|\n|\r\n|\r){0,12}",
    ) {
        let (whole, part) = (Part::undivided(letter.as_bytes()), Part::of(letter.as_bytes()));
        proptest::prop_assert_eq!((whole.header, whole.body), (part.header, part.body));
    }
}
