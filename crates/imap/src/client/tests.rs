use super::*;
use crate::command::{Command, Form, Head, Literals};
use crate::limits::AFTER_LOGIN;
use crate::receive;
use crate::response::{Content, Data, FetchItem, Status};
use crate::value::{MailboxName, Tag};

/// What a client makes of these octets, in short.
fn play(reads: &[&[u8]]) -> Vec<String> {
    let mut receiver = Receiver::new();
    let mut reads = reads.iter();
    let mut said: Vec<String> = Vec::new();
    let mut octets = 0;
    loop {
        match receiver.step() {
            Step::NeedInput => match reads.next() {
                Some(octets) => receiver.push(octets),
                None => return said,
            },
            Step::Response(response) => {
                let mut out = Vec::new();
                response.write(&mut out, NameEncoding::Utf7);
                said.push(String::from_utf8_lossy(&out).trim_end().to_owned());
            }
            Step::Unknown(line) => said.push(format!("? {}", line.escape_ascii())),
            Step::Literal { message, octets } => said.push(format!("{message} has {octets}")),
            Step::Content(content) => octets += content.len(),
            Step::LiteralEnd => said.push(format!("{} came", std::mem::take(&mut octets))),
            Step::Broken(why) => {
                said.push(format!("broken: {why}"));
                return said;
            }
        }
    }
}

#[track_caller]
fn check(input: &[u8], steps: &[&str]) {
    assert_eq!(play(&[input]), steps, "{}", input.escape_ascii());
    for cut in 0..input.len().min(2_000) {
        let (head, tail) = input.split_at(cut);
        assert_eq!(play(&[head, tail]), steps, "cut at {cut}: {}", input.escape_ascii());
    }
}

#[test]
fn responses_come_in_any_pieces() {
    check(
        b"* OK ready {5}\r\n* 3 FETCH (UID 7 BODY[HEADER] {4}\r\n)\r\n\" FLAGS ())\r\n* LIST () \"/\" {3}\r\na b\r\n+ \"{2}\r\na OK {3}\r\n* X-FOO (1)\r\n* SEARCH 1",
        &[
            "* OK ready {5}",
            "* 3 FETCH (UID 7 BODY[HEADER] {4}\r\n)\r\n\" FLAGS ())",
            "* LIST () \"/\" \"a b\"",
            "+ \"{2}",
            "a OK {3}",
            "? * X-FOO (1)",
        ],
    );
}

#[test]
fn long_pieces_of_messages_are_handed_on() {
    for (name, given) in [
        ("BODY[]", "BODY[]"),
        ("BODY[1.2]<5>", "BODY[1.2]<5>"),
        ("RFC822.TEXT", "RFC822.TEXT"),
        ("BINARY[1]", "BINARY[1]"),
    ] {
        let kind = if name.starts_with("BINARY") { "~" } else { "" };
        let mut input = format!("* 12 FETCH ({name} {kind}{{70000}}\r\n").into_bytes();
        input.resize(input.len() + 70_000, b'\n');
        input.extend_from_slice(b" UID 9)\r\na OK done\r\n");
        let fetch = format!("* 12 FETCH ({given} {{70000}}\r\n UID 9)");
        check(&input, &["12 has 70000", "70000 came", &fetch, "a OK done"]);
    }
    // RFC 9586: by their UIDs.
    let mut input = b"* 345 UIDFETCH (BODY[] {70000}\r\n".to_vec();
    input.resize(input.len() + 70_000, b'\n');
    input.extend_from_slice(b")\r\n");
    check(&input, &["345 has 70000", "70000 came", "* 345 UIDFETCH (BODY[] {70000}\r\n)"]);
    let mut receiver = Receiver::new();
    receiver.push(b"* 1 FETCH (BODY[] {18446744073709551615}\r\n");
    assert!(matches!(receiver.step(), Step::Literal { octets: u64::MAX, .. }));
    // What isn't a message is kept, and bounded.
    for text in
        ["* 1 FETCH (ENVELOPE ({40000000}\r\n", "* LIST () \"/\" {18446744073709551615}\r\n"]
    {
        assert_eq!(play(&[text.as_bytes()]), ["broken: a response is too long"], "{text}");
    }
}

#[test]
fn u11_servers_that_say_what_makes_no_sense() {
    check(b"* OK x\n* OK y\r\n", &["broken: a line ends without CR"]);
    check(b"* OK x\r\n* \0\r\n", &["* OK x", "broken: a NUL in a line"]);
    check(b"HTTP/1.1 200 OK\r\n\r\n", &["? HTTP/1.1 200 OK", "? "]);
    check(b"* 1 FETCH (BODY[] \x0070000\x00)\r\n", &["broken: a NUL in a line"]);
    let chunk = vec![b'x'; 1024 * 1024];
    let reads: Vec<&[u8]> = std::iter::repeat_n(chunk.as_slice(), 64).collect();
    assert_eq!(play(&reads), ["broken: a response is too long"]);
}

#[test]
fn streamed_content_is_told_in_its_response() {
    let mut receiver = Receiver::new();
    receiver.push(b"* 1 FETCH (BODY[] {100000}\r\n");
    assert!(matches!(receiver.step(), Step::Literal { octets: 100_000, .. }));
    receiver.push(&vec![b'x'; 100_000]);
    assert!(matches!(receiver.step(), Step::Content(content) if content.len() == 100_000));
    assert_eq!(receiver.step(), Step::LiteralEnd);
    receiver.push(b")\r\n");
    let Step::Response(Response::Data(Data::Fetch { items, .. })) = receiver.step() else {
        panic!("no FETCH")
    };
    assert!(matches!(
        items.as_slice(),
        [FetchItem::Section { content: Content::Streamed(100_000), .. }]
    ));
}

/// What the client writes is what the server reads, whatever has to be waited for.
#[test]
fn uploads_are_read_by_the_server() {
    let tag = Tag::parse(b"a1").expect("a tag");
    let mailbox = MailboxName::parse("Entwürfe".as_bytes(), NameEncoding::Utf8).expect("a name");
    for literals in [Literals::Awaited, Literals::Minus, Literals::Plus] {
        let mut upload = UploadWriter::begin(
            &Command::Append(mailbox.clone()),
            &tag,
            literals,
            NameEncoding::Utf8,
        );
        let mut sent: Vec<Vec<u8>> = Vec::new();
        let mut send = |outgoing: crate::command::Outgoing| {
            for piece in outgoing.pieces().filter(|piece| !piece.is_empty()) {
                sent.push(piece.to_vec());
            }
        };
        let head = |form| Head { flags: vec![crate::value::Flag::Seen], date: None, form };
        upload.message(&head(Form::Catenate));
        upload.url(b"/x");
        send(upload.literal(3, receive::LiteralKind::Text));
        send_octets(&mut send, b"abc");
        upload.url("ü".as_bytes());
        upload.message_end();
        upload.message(&head(Form::Utf8));
        send(upload.literal(1, receive::LiteralKind::Text));
        send_octets(&mut send, b"d");
        upload.message_end();
        send(upload.end());
        assert_eq!(
            read_by_server(&sent),
            ["APPEND", "message", "/x", "abc", "\u{fc}", "end", "message", "d", "end", "End"]
        );
    }
}

fn send_octets(send: &mut impl FnMut(crate::command::Outgoing), octets: &[u8]) {
    let mut writer = crate::command::Writer::new(Literals::Plus, NameEncoding::Utf8);
    writer.raw(octets);
    send(writer.into_outgoing());
}

fn read_by_server(sent: &[Vec<u8>]) -> Vec<String> {
    let mut receiver = receive::Receiver::new(AFTER_LOGIN);
    receiver.set_names(NameEncoding::Utf8);
    let mut sent = sent.iter();
    let mut said = Vec::new();
    loop {
        match receiver.step() {
            receive::Step::NeedInput => match sent.next() {
                Some(piece) => receiver.push(piece),
                None => return said,
            },
            receive::Step::Continue => {}
            receive::Step::Command(_, command) => said.push(command.name().to_owned()),
            receive::Step::Upload(step) => match step {
                receive::UploadStep::Message(_) => said.push("message".to_owned()),
                receive::UploadStep::Url(url) => {
                    said.push(String::from_utf8_lossy(&url).into_owned())
                }
                receive::UploadStep::Literal(_) => receiver.accept(),
                receive::UploadStep::Content(octets) => {
                    said.push(String::from_utf8_lossy(&octets).into_owned())
                }
                receive::UploadStep::LiteralEnd => {}
                receive::UploadStep::MessageEnd => said.push("end".to_owned()),
                step => said.push(format!("{step:?}")),
            },
            step => panic!("{step:?}"),
        }
    }
}

#[test]
fn a_greeting() {
    let mut receiver = Receiver::new();
    receiver.push(b"* PREAUTH [CAPABILITY IMAP4rev2] hello\r\nrest");
    let Step::Response(Response::Status(status)) = receiver.step() else { panic!("no greeting") };
    assert_eq!((status.tag, status.status), (None, Status::PreAuth));
    assert_eq!(receiver.take_rest(), b"rest");
    assert_eq!(sasl_response(b"\0a\0b"), b"AGEAYg==\r\n");
}
