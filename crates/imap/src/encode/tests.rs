use postroad_message::{Address, Body, Envelope, Part, Text};

use super::*;
use crate::command::Section;
use crate::value::{DateTime, Flag};

fn shown(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

#[test]
fn i09_what_letters_hide_stays_in_its_string() {
    let address = Address {
        name: Some(b"a\r\n* BYE\0".to_vec()),
        mailbox: Some(b"\"\\".to_vec()),
        ..Address::default()
    };
    let letter = Envelope {
        subject: Some("Grüße".as_bytes().to_vec()),
        from: vec![address],
        message_id: Some(Vec::new()),
        ..Envelope::default()
    };
    assert_eq!(
        shown(|out| envelope(&letter, out)),
        "(NIL {7}\r\nGrüße ((\"a  * BYE \" NIL \"\\\"\\\\\" NIL)) NIL NIL NIL NIL NIL NIL \"\")"
    );
}

#[test]
fn i09_a_part_is_never_called_what_it_is_not() {
    let part = |kind: &str, subtype: &str, content| Part {
        kind: kind.into(),
        subtype: subtype.into(),
        encoding: b"7BIT".to_vec(),
        octets: u64::MAX,
        content,
        ..Part::default()
    };
    for (kind, subtype, content, written) in [
        (
            "message",
            "rfc822",
            Body::Other,
            "(\"application\" \"octet-stream\" NIL NIL NIL \"7BIT\" 4294967295)",
        ),
        (
            "multipart",
            "mixed",
            Body::Other,
            "(\"application\" \"octet-stream\" NIL NIL NIL \"7BIT\" 4294967295)",
        ),
        (
            "text",
            "plain",
            Body::Other,
            "(\"application\" \"octet-stream\" NIL NIL NIL \"7BIT\" 4294967295)",
        ),
        (
            "image",
            "png",
            Body::Text(Text { lines: 2 }),
            "(\"image\" \"png\" NIL NIL NIL \"7BIT\" 4294967295)",
        ),
        (
            "TEXT",
            "html",
            Body::Text(Text { lines: 2 }),
            "(\"TEXT\" \"html\" NIL NIL NIL \"7BIT\" 4294967295 2)",
        ),
        (
            "multipart",
            "mixed",
            Body::Multipart(vec![]),
            "((\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 0 0) \"mixed\")",
        ),
    ] {
        let part = part(kind, subtype, content);
        assert_eq!(shown(|out| body_structure(&part, Extent::Basic, out)), written);
    }
}

#[test]
fn a_line_of_fetch() {
    let line = shown(|out| {
        let mut fetch = FetchWriter::begin(Named::Sequence(3), out).quoting(Quoting::Utf8);
        fetch.uid(7, out);
        fetch.flags([&Flag::Seen, &Flag::Recent], out);
        fetch.flag_names(["$Junk"], out);
        fetch.internal_date(DateTime::new(0, 60), out);
        fetch.size(u64::MAX >> 1, out);
        fetch.mod_seq(12, out);
        fetch.email_id("Ma", out);
        fetch.thread_id(Some("Tb"), out);
        fetch.thread_id(None, out);
        fetch.save_date(None, out);
        fetch.preview(Some("ü\r\n"), out);
        fetch.prepared(Prepared::Envelope, "(…)".as_bytes(), out);
        fetch.section(&Section::default(), Some(5), None, out);
        fetch.binary(&[], None, Some(1), out);
        out.push(0);
        fetch.binary_size(&[std::num::NonZeroU32::MIN], 9, out);
        fetch.rfc822(Rfc822::Header, Some(0), out);
        fetch.end(out);
    });
    assert_eq!(
        line,
        "* 3 FETCH (UID 7 FLAGS (\\Seen \\Recent) FLAGS ($Junk) INTERNALDATE \" 1-Jan-1970 01:00:00 +0100\" \
         RFC822.SIZE 9223372036854775807 MODSEQ (12) EMAILID (Ma) THREADID (Tb) THREADID NIL SAVEDATE NIL \
         PREVIEW \"ü  \" ENVELOPE (\u{fffd}\u{fffd}\u{fffd}) BODY[]<5> NIL BINARY[] ~{1}\r\n\0 BINARY.SIZE[1] 9 \
         RFC822.HEADER {0}\r\n)\r\n"
            .replace("\u{fffd}\u{fffd}\u{fffd}", "…")
    );
}
