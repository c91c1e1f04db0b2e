use super::*;
use crate::command::Literals;
use crate::limits::{AFTER_LOGIN, BEFORE_LOGIN, LITERAL_MINUS_OCTETS_MAX};

/// What a server does with these octets, in short; refuses messages of more than 1000 octets, waits for DONE behind
/// IDLE, and for a response behind AUTHENTICATE.
fn play(limits: Limits, reads: &[&[u8]]) -> Vec<String> {
    let mut receiver = Receiver::new(limits);
    let mut reads = reads.iter();
    let mut said: Vec<String> = Vec::new();
    let mut content: Option<Vec<u8>> = None;
    loop {
        let step = receiver.step();
        if let Step::Upload(UploadStep::Content(octets)) = step {
            content.get_or_insert_default().extend(octets);
            continue;
        }
        if !matches!(step, Step::NeedInput)
            && let Some(content) = content.take()
        {
            said.push(format!("content {}", content.escape_ascii()));
        }
        let line = match step {
            Step::NeedInput => match reads.next() {
                Some(octets) => {
                    receiver.push(octets);
                    continue;
                }
                None => return said,
            },
            Step::Continue => "+".to_owned(),
            Step::Command(tag, command) => {
                match &command {
                    Command::Idle => receiver.await_done(),
                    Command::Authenticate { .. } => receiver.await_response(),
                    _ => {}
                }
                let outgoing = command.to_outgoing(&tag, Literals::Plus, NameEncoding::Utf7);
                String::from_utf8_lossy(outgoing.octets()).trim_end().to_owned()
            }
            Step::Upload(UploadStep::Message(head)) => {
                format!("message {:?} {:?}", head.flags, head.form)
            }
            Step::Upload(UploadStep::Url(url)) => format!("url {}", url.escape_ascii()),
            Step::Upload(UploadStep::Literal(literal)) => {
                if literal.octets > 1_000 {
                    receiver.refuse()
                } else {
                    receiver.accept()
                }
                format!("literal {} {:?}", literal.octets, literal.kind)
            }
            Step::Upload(UploadStep::Content(_)) => continue,
            Step::Upload(step) => format!("{step:?}"),
            Step::Idle(end) => format!("{end:?}"),
            Step::Sasl(Secret(line)) => format!("sasl {}", line.escape_ascii()),
            Step::Bad(tag, error) => {
                format!("{} BAD {error}", tag.map_or("*".to_owned(), |tag| tag.to_string()))
            }
            Step::Bye(why) => {
                said.push(format!("BYE {why}"));
                return said;
            }
        };
        said.push(line);
    }
}

/// The same steps wherever the stream is cut.
#[track_caller]
fn check_with(limits: Limits, input: &[u8], steps: &[&str]) {
    assert_eq!(play(limits, &[input]), steps, "{}", input.escape_ascii());
    for cut in 0..input.len() {
        let (head, tail) = input.split_at(cut);
        assert_eq!(play(limits, &[head, tail]), steps, "cut at {cut}: {}", input.escape_ascii());
    }
    let octets: Vec<&[u8]> = input.chunks(1).collect();
    assert_eq!(play(limits, &octets), steps, "octet by octet: {}", input.escape_ascii());
}

#[track_caller]
fn check(input: &[u8], steps: &[&str]) {
    check_with(AFTER_LOGIN, input, steps);
}

#[test]
fn commands_come_in_any_pieces() {
    check(
        b"a NOOP\r\nb SELECT inbox\r\n\r\nc FOO\r\n* NOOP\r\nd UID FETCH 1:* (UID FLAGS ENVELOPE)\r\ne",
        &[
            "a NOOP",
            "b SELECT INBOX",
            "* BAD expected a tag",
            "c BAD unknown command",
            "* BAD expected a tag",
            "d UID FETCH 1:* (UID FLAGS ENVELOPE)",
        ],
    );
}

#[test]
fn literals_that_are_kept() {
    check(b"a LOGIN {1}\r\nu {2}\r\np)\r\nb NOOP\r\n", &["+", "+", "a LOGIN u \"p)\"", "b NOOP"]);
    check(
        b"a LOGIN {3+}\r\n\xff{1 {0+}\r\n\r\nb NOOP\r\n",
        &["a LOGIN {3+}\r\n\u{fffd}{1 \"\"", "b NOOP"],
    );
    check(b"a SELECT {5+}\r\nINBOX (CONDSTORE)\r\n", &["a SELECT INBOX (CONDSTORE)"]);
    check(
        b"a SELECT {3+}\r\na\0b\r\nb NOOP\r\n",
        &["a BAD octets that are not allowed here", "b NOOP"],
    );
    check(
        b"a SETMETADATA \"\" (/private/a ~{3+}\r\n\r\n\0)\r\nb NOOP\r\n",
        &["a SETMETADATA \"\" (/private/a ~{3+}\r\n\r\n\0)", "b NOOP"],
    );
    // What looks like a literal inside of quotes is none.
    check(
        b"a SEARCH TEXT \"{5}\r\nb SEARCH TEXT \"{5}\"\r\nc SEARCH TEXT \"\\\"{9+}\r\n",
        &[
            "a BAD expected a closing quote",
            "b SEARCH TEXT \"{5}\"",
            "c BAD expected a closing quote",
        ],
    );
}

#[test]
fn messages_are_handed_on() {
    // RFC 9051 §6.3.12, RFC 3502 §6.3.11, RFC 6855 §4, RFC 3516 §4.4.
    check(
        b"A003 APPEND saved-messages (\\Seen) {5}\r\na\r\n)b\r\nb NOOP\r\n",
        &[
            "A003 APPEND saved-messages",
            "message [Seen] Whole",
            "literal 5 Text",
            "+",
            "content a\\r\\n)b",
            "LiteralEnd",
            "MessageEnd",
            "End",
            "b NOOP",
        ],
    );
    check(
        b"a APPEND {5+}\r\nINBOX (\\Seen $x) \" 7-Feb-1994 22:43:04 -0800\" {1+}\r\nx () ~{2+}\r\n\0y UTF8 (~{0+}\r\n)\r\n",
        &[
            "a APPEND INBOX",
            "message [Seen, Keyword(\"$x\")] Whole",
            "literal 1 Text",
            "content x",
            "LiteralEnd",
            "MessageEnd",
            "message [] Whole",
            "literal 2 Binary",
            "content \\x00y",
            "LiteralEnd",
            "MessageEnd",
            "message [] Utf8",
            "literal 0 Binary",
            "LiteralEnd",
            "MessageEnd",
            "End",
        ],
    );
    // RFC 8508 §3.
    check(
        b"a UID REPLACE 7 Drafts (\\Draft) {1+}\r\nx\r\nb REPLACE * {1+}\r\nD {1+}\r\ny\r\nc REPLACE 1:2 a {1+}\r\nx\r\n",
        &[
            "a UID REPLACE 7 Drafts",
            "message [Draft] Whole",
            "literal 1 Text",
            "content x",
            "LiteralEnd",
            "MessageEnd",
            "End",
            "b REPLACE * D",
            "message [] Whole",
            "literal 1 Text",
            "content y",
            "LiteralEnd",
            "MessageEnd",
            "End",
            "c BAD expected one message's number",
        ],
    );
}

#[test]
fn messages_in_pieces() {
    // RFC 4469 §3.
    check(
        b"A003 APPEND Drafts (\\Seen) CATENATE (URL \"/Drafts;UID=20\" TEXT {2+}\r\nab URL {2+}\r\n/x TEXT {1+}\r\nc)\r\n",
        &[
            "A003 APPEND Drafts",
            "message [Seen] Catenate",
            "url /Drafts;UID=20",
            "literal 2 Text",
            "content ab",
            "LiteralEnd",
            "url /x",
            "literal 1 Text",
            "content c",
            "LiteralEnd",
            "MessageEnd",
            "End",
        ],
    );
    check(
        b"a APPEND URL CATENATE (URL {2+}\r\n/x URL /y) CATENATE (URL /z)\r\nb APPEND URL {1+}\r\nx\r\n",
        &[
            "a APPEND URL",
            "message [] Catenate",
            "url /x",
            "url /y",
            "MessageEnd",
            "message [] Catenate",
            "url /z",
            "MessageEnd",
            "End",
            "b APPEND URL",
            "message [] Whole",
            "literal 1 Text",
            "content x",
            "LiteralEnd",
            "MessageEnd",
            "End",
        ],
    );
}

#[test]
fn i10_uploads_that_break_off_leave_the_stream_in_step() {
    for (input, steps) in [
        (&b"a APPEND x\r\nb NOOP\r\n"[..], &["a BAD expected a space", "b NOOP"][..]),
        (
            b"a APPEND x (\\Foo) {7+}\r\nb FOO\r\n\r\nc NOOP\r\n",
            &["a BAD unknown system flag", "c NOOP"],
        ),
        (b"a APPEND x (\\Foo) {6}\r\nb NOOP\r\n", &["a BAD unknown system flag", "b NOOP"]),
        (
            b"a APPEND & {7+}\r\nb FOO\r\n {3+}\r\n\r\n\r\r\nc NOOP\r\n",
            &["a BAD this can't be a mailbox's name", "c NOOP"],
        ),
        (
            b"a APPEND x CATENATE () {1+}\r\nx\r\nb NOOP\r\n",
            &["a BAD expected TEXT or URL", "b NOOP"],
        ),
        (
            b"a APPEND x {1001}\r\nb NOOP\r\n",
            &["a APPEND x", "message [] Whole", "literal 1001 Text", "Refused", "b NOOP"],
        ),
    ] {
        check(input, steps);
    }
    let mut input = b"a APPEND x {1001+}\r\n".to_vec();
    input.resize(input.len() + 1001, b'\n');
    input.extend_from_slice(b" {3+}\r\n\r\nz\r\nb NOOP\r\n");
    check(&input, &["a APPEND x", "message [] Whole", "literal 1001 Text", "Refused", "b NOOP"]);
    check(
        b"a APPEND x {3+}\r\na\0b {3+}\r\n\r\nz\r\nb NOOP\r\n",
        &[
            "a APPEND x",
            "message [] Whole",
            "literal 3 Text",
            "content a\\x00b",
            "a BAD octets that are not allowed here",
            "b NOOP",
        ],
    );
    check(
        b"a APPEND x {1+}\r\nx junk {1+}\r\ny\r\nb NOOP\r\n",
        &[
            "a APPEND x",
            "message [] Whole",
            "literal 1 Text",
            "content x",
            "LiteralEnd",
            "a BAD expected a literal",
            "b NOOP",
        ],
    );
}

#[test]
fn an_upload_can_be_refused_at_any_time() {
    let input: &[u8] =
        b"a APPEND x CATENATE (URL /u TEXT {3+}\r\nabc TEXT {2+}\r\nde) {1+}\r\nf\r\nb NOOP\r\n";
    let mut refused = 0;
    for at in 0.. {
        let mut receiver = Receiver::new(AFTER_LOGIN);
        receiver.push(input);
        let mut steps = 0;
        let end = loop {
            let step = receiver.step();
            if matches!(step, Step::Upload(UploadStep::End | UploadStep::Refused)) {
                break step;
            }
            if steps == at {
                receiver.refuse();
            } else if matches!(step, Step::Upload(UploadStep::Literal(_))) {
                receiver.accept();
            }
            steps += 1;
        };
        assert!(matches!(receiver.step(), Step::Command(_, Command::Noop)), "refused at {at}");
        assert_eq!(receiver.step(), Step::NeedInput);
        match end {
            Step::Upload(UploadStep::Refused) => refused += 1,
            _ => break,
        }
    }
    assert!(refused > 10, "{refused}");
}

#[test]
fn commands_in_the_packet_of_done() {
    check(
        b"a IDLE\r\nDONE\r\nb NOOP\r\nc IDLE\r\ndone\r\n",
        &["a IDLE", "Done", "b NOOP", "c IDLE", "Done"],
    );
    check(b"a IDLE\r\nb NOOP\r\nc NOOP\r\n", &["a IDLE", "Other", "c NOOP"]);
    check(b"a IDLE\r\nDONE {3+}\r\n\r\nx\r\nc NOOP\r\n", &["a IDLE", "Other", "c NOOP"]);
    check(b"a IDLE\r\nDONE\nc NOOP\r\n", &["a IDLE", "Other", "c NOOP"]);
}

#[test]
fn lines_of_authenticate() {
    for (line, said) in [
        ("AGEAYg==", "sasl AGEAYg=="),
        ("*", "sasl *"),
        ("", "sasl "),
        ("b NOOP {3+}", "sasl b NOOP {3+}"),
    ] {
        let input = format!("a AUTHENTICATE PLAIN\r\n{line}\r\nb NOOP\r\n");
        check_with(BEFORE_LOGIN, input.as_bytes(), &["a AUTHENTICATE PLAIN", said, "b NOOP"]);
    }
    let bare = b"a AUTHENTICATE PLAIN\r\n*\nb NOOP\r\n";
    check_with(BEFORE_LOGIN, bare, &["a AUTHENTICATE PLAIN", "sasl *\\n", "b NOOP"]);
    let mut input = b"a AUTHENTICATE PLAIN\r\n".to_vec();
    input.resize(input.len() + limits::SASL_LINE_OCTETS_MAX, b'A');
    let steps = play(BEFORE_LOGIN, &[&input]);
    assert_eq!(steps, ["a AUTHENTICATE PLAIN", "BYE a line of AUTHENTICATE is too long"]);
}

/// Pushes until nothing more is wanted; says how much was held at most, and the last step but NeedInput.
fn flood(limits: Limits, input: impl Iterator<Item = Vec<u8>>) -> (usize, Vec<Step>) {
    let mut receiver = Receiver::new(limits);
    let (mut held, mut steps) = (0, Vec::new());
    for piece in input {
        receiver.push(&piece);
        loop {
            held = held.max(receiver.held());
            match receiver.step() {
                Step::NeedInput => break,
                Step::Bye(why) => {
                    steps.push(Step::Bye(why));
                    return (held, steps);
                }
                step => steps.push(step),
            }
        }
    }
    (held, steps)
}

#[test]
fn i01_before_a_login_little_is_held() {
    let chunk = |octet: u8| std::iter::repeat_n(vec![octet; 4_096], 100_000);
    let begin = |text: &str| std::iter::once(text.as_bytes().to_vec());
    let no = |steps: &[Step]| matches!(steps.first(), Some(Step::Bad(Some(_), _) | Step::Bye(_)));
    for text in [
        "a LOGIN {2147483647+}\r\n",
        "a LOGIN {18446744073709551615+}\r\n",
        "a LOGIN {99999999999999999999999999999+}\r\n",
        "a LOGIN \"",
        "a LOGIN ",
        "a ID (",
        "a APPEND x {2147483647+}\r\n",
    ] {
        let (held, steps) = flood(BEFORE_LOGIN, begin(text).chain(chunk(b'x')));
        assert!(held <= 64 * 1024, "{text}: {held}");
        assert!(matches!(steps.last(), Some(Step::Bye(_))), "{text}: {steps:?}");
    }
    // One that the client waits with is refused, and doesn't come.
    let (_, steps) = flood(BEFORE_LOGIN, begin("a LOGIN {2147483647}\r\nb NOOP\r\n"));
    assert!(
        no(&steps) && matches!(steps.last(), Some(Step::Command(_, Command::Noop))),
        "{steps:?}"
    );
    for (head, body) in
        [("a LOGIN", " {4096+}\r\n"), ("a LOGIN", " {4097+}\r\n"), ("a ID (", "{1}\r\nx ")]
    {
        let piece = [body.as_bytes(), &[b'x'; 4096]].concat();
        let (held, steps) =
            flood(BEFORE_LOGIN, begin(head).chain(std::iter::repeat_n(piece, 10_000)));
        assert!(held <= 64 * 1024, "{held}");
        assert!(steps.iter().any(|step| matches!(step, Step::Bye(_) | Step::Bad(..))), "{steps:?}");
    }
    // After a login a line that is too long ends, too.
    let long = format!("a LOGIN {} {{3+}}\r\n\r\nx\r\nb NOOP\r\n", "x".repeat(3_000_000));
    let (_, steps) = flood(AFTER_LOGIN, begin(&long));
    assert!(
        no(&steps) && matches!(steps.last(), Some(Step::Command(_, Command::Noop))),
        "{steps:?}"
    );
    assert_eq!(steps.len(), 2);
}

#[test]
fn i01_limits_at_their_bounds() {
    let login =
        |octets: u64| format!("a LOGIN {{{octets}+}}\r\n{} b\r\n", "x".repeat(octets as usize));
    let step = |text: String| flood(BEFORE_LOGIN, std::iter::once(text.into_bytes())).1;
    assert!(matches!(step(login(LITERAL_MINUS_OCTETS_MAX)).as_slice(), [Step::Command(..)]));
    assert!(matches!(step(login(LITERAL_MINUS_OCTETS_MAX + 1)).as_slice(), [Step::Bye(_)]));
    let line = |octets: usize| format!("a LOGIN u {}\r\n", "x".repeat(octets - 12));
    assert!(matches!(step(line(BEFORE_LOGIN.command_octets)).as_slice(), [Step::Command(..)]));
    assert!(matches!(step(line(BEFORE_LOGIN.command_octets + 1)).as_slice(), [Step::Bye(_)]));
}

#[test]
fn i02_brackets_without_end() {
    for bracket in ["(", ")"] {
        for command in ["ID", "SEARCH", "FETCH 1"] {
            let text = format!("a {command} {}\r\nb NOOP\r\n", bracket.repeat(1_000_000));
            for limits in [BEFORE_LOGIN, AFTER_LOGIN] {
                let (_, steps) = flood(limits, text.as_bytes().chunks(4_096).map(<[u8]>::to_vec));
                let ended = matches!(
                    steps.last(),
                    Some(Step::Command(_, Command::Noop)) | Some(Step::Bye(_))
                );
                assert!(ended && matches!(steps.first(), Some(Step::Bad(..) | Step::Bye(_))));
            }
        }
    }
}

#[test]
fn i03_line_ends_that_are_none() {
    check(b"a NOOP\nb NOOP\r\n", &["a BAD octets that are not allowed here", "b NOOP"]);
    check(b"a NO\rOP\r\nb NOOP\r\n", &["a BAD unknown command", "b NOOP"]);
    check(b"a NOOP\r\r\nb NOOP\r\n", &["a BAD expected the end of the line", "b NOOP"]);
    check(b"a LOGIN {3}\nb NOOP\r\n", &["a BAD octets that are not allowed here", "b NOOP"]);
    check(b"a LOGIN {3+}\nxyz b\r\n", &["BYE a bare LF behind a literal's size"]);
    check(b"a APPEND & {1+}\r\nx {3+}\nxyz b\r\n", &["BYE too much behind what was refused"]);
    check(
        b"a\0 NOOP\r\n\0\r\nb NOOP\r\n",
        &["* BAD expected a space", "* BAD octets that are not allowed here", "b NOOP"],
    );
    check(b"a LOGIN {3+}\r\r\nxyz b\r\n", &["a BAD expected a literal", "xyz BAD unknown command"]);
    check(
        b"a LOGIN \"\xc0\xaf\" b\r\nb LOGIN \"a\0\" c\r\n",
        &["a BAD octets that are not allowed here", "b BAD octets that are not allowed here"],
    );
}

#[test]
fn i07_long_commands_are_read_in_one_pass() {
    let set: Vec<String> =
        (0..100_000_u32).map(|number| (3 * number + 1_000_000).to_string()).collect();
    let text = format!("a UID FETCH {} UID\r\n", set.join(","));
    let (_, steps) = flood(AFTER_LOGIN, text.as_bytes().chunks(1).map(<[u8]>::to_vec));
    assert!(matches!(steps.as_slice(), [Step::Command(_, Command::Fetch(..))]));
    let text = format!("a UID FETCH {}, UID\r\n", vec!["1:*"; 100_000].join(","));
    let (_, steps) = flood(AFTER_LOGIN, text.as_bytes().chunks(4_096).map(<[u8]>::to_vec));
    assert!(matches!(steps.as_slice(), [Step::Bad(..)]));
    let text = format!("a LIST \"\" \"{}\"\r\n", "*%".repeat(1_000));
    let (_, steps) = flood(AFTER_LOGIN, std::iter::once(text.into_bytes()));
    assert_eq!(steps, [Step::Bad(Tag::parse(b"a"), SyntaxError::TooLong("a mailbox's name"))]);
}

#[test]
fn an_idle_connection_holds_nothing() {
    let (_, _) = flood(AFTER_LOGIN, std::iter::once(Vec::new()));
    let mut receiver = Receiver::new(AFTER_LOGIN);
    receiver.push(format!("a SEARCH {}ALL\r\n", "ALL ".repeat(100_000)).as_bytes());
    assert!(matches!(receiver.step(), Step::Command(..)));
    assert_eq!(receiver.step(), Step::NeedInput);
    assert!(receiver.held() <= 4_096, "{}", receiver.held());
}

#[test]
fn i04_what_came_ahead_of_a_handshake_is_taken_away() {
    let mut receiver = Receiver::new(BEFORE_LOGIN);
    receiver.push(b"a STARTTLS\r\nb LOGIN u p\r\n");
    assert!(matches!(receiver.step(), Step::Command(_, Command::StartTls)));
    assert_eq!(receiver.take_rest(), b"b LOGIN u p\r\n");
    assert_eq!(receiver.step(), Step::NeedInput);
}

proptest::proptest! {
    #[test]
    fn any_octets_give_the_same_steps_however_they_are_cut(
        pieces in proptest::collection::vec(proptest::sample::select(vec![
            &b"a "[..], b"b NOOP", b"\r\n", b"\n", b"\r", b"LOGIN ", b"APPEND x ", b"{1}", b"{3+}", b"~{2+}", b"{9000+}",
            b"\"", b"\\", b"(", b")", b"CATENATE (", b"TEXT ", b"URL ", b"UTF8 (", b"IDLE", b"DONE", b"\0", b"\xff",
            b" ", b"AUTHENTICATE PLAIN", b"UID REPLACE 1 x ", b"{3+}\r\n", b"{1}\r\n", b"xyz",
        ]), 0..40),
        cut in 0_usize..200,
        before in proptest::bool::ANY,
    ) {
        let input = pieces.concat();
        let limits = if before { BEFORE_LOGIN } else { AFTER_LOGIN };
        let whole = play(limits, &[&input]);
        let (head, tail) = input.split_at(cut.min(input.len()));
        proptest::prop_assert_eq!(&play(limits, &[head, tail]), &whole);
        let octets: Vec<&[u8]> = input.chunks(1).collect();
        proptest::prop_assert_eq!(&play(limits, &octets), &whole);
    }
}
