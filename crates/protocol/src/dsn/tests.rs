//! Notices as they go out, whole; and what holds for all of them, whatever they quote.

use std::time::Duration;

use mail_parser::{MessageParser, MimeHeaders as _};
use proptest::prelude::*;

use super::*;
use crate::envelope::Notify;
use crate::xtext;

const LETTER: &[u8] =
    b"Received: from c.example by mx.our.example; Sun, 22 Nov 2026 20:48:22 +0000\r\n\
    From: a@our.example\r\nTo: b@c.example\r\nMessage-ID: <1@our.example>\r\n\
    Subject: Lunch on Friday\r\n\r\nBody.\r\n";

const UTF8_LETTER: &str = "From: j\u{fc}rgen@our.example\r\nSubject: Gr\u{fc}\u{df}e\r\n\
    Message-ID: <2@our.example>\r\n\r\nSch\u{f6}ne Gr\u{fc}\u{df}e.\r\n";

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_380_502 + seconds)
}

#[derive(Debug, Clone)]
struct Case {
    kind: Kind,
    reader: Reader,
    to: &'static str,
    told: Vec<(Recipient, Action, Reply)>,
    remote: Option<String>,
    ret: Option<Ret>,
    envid: Option<String>,
    content: Vec<u8>,
    /// Since the message arrived.
    seconds: u64,
}

fn case(action: Action, reply: Reply) -> Case {
    Case {
        kind: match action {
            Action::Failed => Kind::Failure,
            Action::Delayed => Kind::Delay { until: at(5 * 86_400) },
            Action::Delivered | Action::Relayed | Action::Expanded => Kind::Success,
        },
        reader: Reader::Sender,
        to: "a@our.example",
        told: vec![(Recipient::new(address("b@c.example")), action, reply)],
        remote: Some("mx.c.example".into()),
        ret: None,
        envid: None,
        content: LETTER.to_vec(),
        seconds: 60,
    }
}

fn failure() -> Case {
    case(Action::Failed, Reply::new(550, (5, 1, 1), "no such user"))
}

fn build(case: &Case) -> Vec<u8> {
    let report = |told: &(Recipient, Action, Reply)| Report {
        recipient: Box::leak(Box::new(told.0.clone())),
        action: told.1,
        reply: Box::leak(Box::new(told.2.clone())),
        speaker: case.remote.clone().map_or(Speaker::Us, |host| Speaker::Host(host.leak())),
        last_attempt: Some(at(case.seconds)),
    };
    build_with(case, case.told.iter().map(report).collect())
}

fn build_with(case: &Case, reports: Vec<Report<'_>>) -> Vec<u8> {
    let notice = Notice {
        kind: case.kind,
        reader: case.reader,
        to: &address(case.to),
        reporting_mta: &Domain::parse("mx.our.example").unwrap(),
        id: "0123456789ABC",
        now: at(case.seconds + 1),
        message: "0123456789AAA",
        arrived: at(0),
        envid: case.envid.as_deref(),
        ret: case.ret,
        content: &case.content,
        reports,
    };
    notice.build()
}

/// The second part, as fields in blocks.
type Blocks = Vec<Vec<(String, String)>>;

/// Takes a notice apart by means of a parser that isn't ours, and checks what all of them have in common.
#[track_caller]
fn parts(notice: &[u8]) -> (String, Blocks, String) {
    let message = MessageParser::new().parse(notice).expect("is a message");
    let kind = message.content_type().expect("says what it is");
    assert_eq!((kind.ctype(), kind.subtype()), ("multipart", Some("report")));
    let report_type = kind.attribute("report-type").expect("says which report").to_owned();
    let [root, people, programs, returned] = &message.parts[..4] else { panic!("four parts") };
    assert_eq!(root.sub_parts(), Some(&[1, 2, 3][..]));
    let text = people.text_contents().expect("is text").to_owned();
    let status = programs.content_type().expect("says what it is");
    assert_eq!((status.ctype(), status.subtype()), ("message", Some(&*report_type)));
    let fields = String::from_utf8(programs.contents().to_vec()).expect("is UTF-8");
    let block = |block: &str| block.lines().map(field).collect();
    let blocks = fields.trim_end().split("\r\n\r\n").map(block).collect();
    let returned = returned.content_type().expect("says what it is");
    (text, blocks, format!("{}/{}", returned.ctype(), returned.subtype().unwrap_or_default()))
}

#[track_caller]
fn field(line: &str) -> (String, String) {
    let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("{line:?} is no field"));
    (name.to_owned(), value.to_owned())
}

/// The notice as text, its lines ended as a file's are.
#[track_caller]
fn shown(case: &Case) -> String {
    let notice = build(case);
    parts(&notice);
    String::from_utf8(notice).unwrap().replace("\r\n", "\n")
}

/// One recipient's field.
#[track_caller]
fn value(case: &Case, name: &str) -> Option<String> {
    let (_, blocks, _) = parts(&build(case));
    let find = |block: &Vec<(String, String)>| block.iter().find(|f| f.0 == name).cloned();
    blocks.iter().find_map(find).map(|(_, value)| value)
}

macro_rules! snapshot {
    ($name:literal, $case:expr) => {
        insta::assert_snapshot!($name, shown(&$case));
    };
}

#[test] // Tests RFC 3464 §2 and RFC 6522 §3.
fn a_failure() {
    snapshot!("failure", failure());
}

#[test] // Tests RFC 3461 §6.3.
fn a_failure_with_all_that_the_sender_said() {
    let recipient = Recipient {
        notify: Notify::Unsaid,
        orcpt: Some("rfc822;Team@our.example".into()),
        address: address("b@c.example"),
    };
    let reply = Reply::new(452, (4, 2, 2), "over quota\nit has been for weeks");
    let mut case = Case { envid: Some("my id + more".into()), seconds: 5 * 86_400, ..failure() };
    case.told = vec![
        (recipient, Action::Failed, reply),
        (Recipient::new(address("d@c.example")), Action::Failed, Reply::bare(550, "no")),
    ];
    case.ret = Some(Ret::Headers);
    snapshot!("failure_after_days", case);
}

#[test]
fn a_failure_told_to_the_postmaster() {
    let case = Case { reader: Reader::Postmaster, to: "postmaster@our.example", ..failure() };
    snapshot!("failure_told_to_the_postmaster", case);
}

#[test] // Tests RFC 3464 §2.3.9.
fn a_delay() {
    let reply = Reply::new(451, (4, 4, 1), "cannot connect to 192.0.2.1:25: no answer in time");
    snapshot!("delay", Case { remote: None, ..case(Action::Delayed, reply) });
}

#[test] // Tests RFC 3461 §5.2.2, §5.2.3 and §5.2.7.3.
fn successes() {
    let done = || Reply::new(250, (2, 1, 5), "Ok: queued as 17");
    snapshot!("delivered", case(Action::Delivered, done()));
    snapshot!("relayed", case(Action::Relayed, done()));
    let mut expanded = case(Action::Expanded, Reply::new(250, (2, 1, 5), "expanded"));
    expanded.remote = None;
    expanded.told[0].0.address = address("team@our.example");
    snapshot!("expanded", expanded);
}

fn beyond_ascii(to: &'static str) -> Case {
    let recipient = Recipient {
        orcpt: Some("utf-8;b\u{e4}r+x@c.example".into()),
        ..Recipient::new(address("j\u{fc}rgen@c.example"))
    };
    let reply = Reply::new(550, (5, 1, 1), "j\u{fc}rgen kennt hier niemand");
    let told = vec![(recipient, Action::Failed, reply)];
    Case { to, told, content: UTF8_LETTER.as_bytes().to_vec(), ..failure() }
}

#[test] // Tests RFC 6533 §3, §4.1 and §4.2.
fn beyond_ascii_to_a_reader_beyond_ascii() {
    let case = beyond_ascii("j\u{fc}rgen@our.example");
    snapshot!("beyond_ascii", case);
}

#[test] // Tests RFC 6533 §3 and §4.5.
fn beyond_ascii_to_a_reader_in_ascii() {
    let case = beyond_ascii("a@our.example");
    assert!(build(&case).is_ascii());
    snapshot!("beyond_ascii_in_7_bits", case);
}

#[test] // Tests RFC 3461 §4.3 and §6.2.
fn ret_and_size_decide_how_much_comes_back() {
    let large = |octets: usize| {
        let mut content = LETTER.to_vec();
        content.resize(octets - 2, b'x');
        [&content[..], b"\r\n"].concat()
    };
    let (small, full) = (limits::RETURNED_OCTETS_MAX, limits::RETURNED_IN_FULL_OCTETS_MAX);
    let (whole, header) = ("message/rfc822", "text/rfc822-headers");
    for (ret, octets, expected, too_large) in [
        (None, small, whole, false),
        (None, small + 1, header, true),
        (Some(Ret::Full), small + 1, whole, false),
        (Some(Ret::Full), full, whole, false),
        (Some(Ret::Full), full + 1, header, true),
        (Some(Ret::Headers), small, header, false),
    ] {
        let notice = build(&Case { ret, content: large(octets), ..failure() });
        let (text, _, returned) = parts(&notice);
        assert_eq!(returned, expected, "{ret:?} {octets}");
        assert_eq!(text.contains("too large"), too_large, "{text}");
    }
    let delay = case(Action::Delayed, Reply::new(451, (4, 0, 0), ""));
    for case in
        [Case { ret: Some(Ret::Full), ..delay }, case(Action::Relayed, Reply::bare(250, ""))]
    {
        assert_eq!(parts(&build(&case)).2, header);
    }
}

#[test]
fn a_header_that_is_too_long_comes_back_in_part() {
    let field = format!("X-Long: {}\r\n", "x".repeat(900));
    let content = format!("Subject: s\r\n{}\r\nBody.\r\n", field.repeat(100)).into_bytes();
    let notice = build(&Case { content, ..failure() });
    assert!(notice.len() < limits::RETURNED_HEADER_OCTETS_MAX + 4_096);
    assert!(notice.ends_with(b"x\r\n\r\n--=_0123456789ABC--\r\n"));
}

#[test] // Tests RFC 2046 §5.2.1.
fn eight_bit_content_stays_as_it_is_and_is_declared() {
    let content = [LETTER, b"gr\xfc\xdfe\r\n"].concat();
    let notice = build(&Case { content, ..failure() });
    let text = String::from_utf8_lossy(&notice);
    assert_eq!(text.matches("Content-Transfer-Encoding: 8bit").count(), 2, "{text}");
    assert!(notice.windows(7).any(|w| w == b"gr\xfc\xdfe\r\n"));
    // A header that is neither ASCII nor UTF-8 is no message/global.
    let content = b"Subject: gr\xfc\xdfe\r\n\r\nb\r\n".to_vec();
    let whole = Case { content: content.clone(), ..failure() };
    assert_eq!(parts(&build(&whole)).2, "message/rfc822");
    let header = build(&Case { content, ret: Some(Ret::Headers), ..failure() });
    assert!(header.is_ascii());
}

#[test]
fn the_status_fits_the_action() {
    for (action, reply, expected) in [
        (Action::Failed, Reply::new(550, (5, 7, 1), ""), "5.7.1"),
        (Action::Failed, Reply::bare(550, ""), "5.0.0"),
        // RFC 3463 §3.5: delivery time expired.
        (Action::Failed, Reply::new(451, (4, 4, 1), ""), "5.4.7"),
        (Action::Delayed, Reply::new(451, (4, 4, 1), ""), "4.4.1"),
        (Action::Delayed, Reply::bare(451, ""), "4.0.0"),
        (Action::Relayed, Reply::new(250, (2, 6, 0), ""), "2.6.0"),
        (Action::Expanded, Reply::bare(250, ""), "2.0.0"),
    ] {
        assert_eq!(value(&case(action, reply), "Status").as_deref(), Some(expected));
    }
}

#[test] // Tests RFC 3464 §2.3.5 and §2.3.6.
fn who_said_it() {
    for (host, remote, speaker) in [
        (Some("mx.c.example"), Some("dns; mx.c.example"), "smtp;"),
        (Some("192.0.2.1"), Some("dns; [192.0.2.1]"), "smtp;"),
        (Some("2001:db8::1"), Some("dns; [IPv6:2001:db8::1]"), "smtp;"),
        (None, None, "x-postroad;"),
    ] {
        let case = Case { remote: host.map(str::to_owned), ..failure() };
        assert_eq!(value(&case, "Remote-MTA").as_deref(), remote);
        assert!(value(&case, "Diagnostic-Code").unwrap().starts_with(speaker));
    }
}

#[test] // Tests RFC 3464 §2.3.6 and §2.3.7: what isn't known isn't said.
fn what_was_said_before() {
    let recipient = Recipient::new(address("b@c.example"));
    let reply = Reply::new(451, (4, 2, 2), "full");
    let (action, speaker) = (Action::Delayed, Speaker::Forgotten);
    let report =
        Report { recipient: &recipient, action, reply: &reply, speaker, last_attempt: None };
    let case = case(action, reply.clone());
    let out = String::from_utf8(build_with(&case, vec![report])).unwrap();
    for absent in ["Remote-MTA", "Diagnostic-Code", "Last-Attempt-Date"] {
        assert!(!out.contains(absent), "{out}");
    }
    assert!(out.contains("    The mailbox is full.\r\n    Said last: 451 4.2.2 full\r\n"), "{out}");
}

#[test]
fn many_recipients_are_named_in_the_report_alone() {
    let mut case = failure();
    case.told = vec![case.told[0].clone(); limits::RECIPIENTS_IN_WORDS_MAX + 3];
    let (text, blocks, _) = parts(&build(&case));
    assert_eq!(text.matches("no such user").count(), limits::RECIPIENTS_IN_WORDS_MAX);
    assert!(text.contains("and 3 more"), "{text}");
    assert_eq!(blocks.len(), 1 + case.told.len());
}

#[test]
fn the_boundary_is_not_in_the_message() {
    let content = [LETTER, b"--=_0123456789ABC--\r\n"].concat();
    let notice = shown(&Case { content, ..failure() });
    assert!(notice.contains("boundary=\"=_0123456789ABC_\""), "{notice}");
}

#[test] // A08: nothing from outside becomes a field of its own.
fn a08_texts_from_outside_stay_in_their_line() {
    let mut case = Case {
        envid: Some("x\r\nBcc: v@x.example".into()),
        remote: Some("mx\r\nBcc: v@x.example".into()),
        content: b"Message-ID: <a\rBcc: x>\r\nSubject: s\rBcc: x\r\n\r\n".to_vec(),
        ..failure()
    };
    case.told[0].0.orcpt = Some("rfc822;x\r\nBcc: v@x.example".into());
    case.told[0].2 = Reply::new(550, (5, 1, 1), "no\r\nBcc: v@x.example\u{1b}[2J\u{202e}");
    let notice = String::from_utf8(build(&case)).unwrap();
    let ours = notice.split("Content-Description: Your message").next().unwrap();
    assert!(!ours.contains("\nBcc") && !ours.contains("\rBcc"), "{ours}");
    assert!(!ours.contains(['\u{1b}', '\u{202e}']), "{ours}");
    parts(notice.as_bytes());
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["\\PC{0,2000}", "[ -~\r\n\t\u{80}-\u{a0}\u{202e};:<>=@-]{0,400}"]
}

fn reply() -> impl Strategy<Value = Reply> {
    let code = prop_oneof![Just(250u16), Just(451), Just(550), Just(554)];
    (code, prop::option::of((0u16..10, 0u16..30)), text()).prop_map(|(code, status, text)| {
        let class = u8::try_from(code / 100).unwrap();
        match status {
            Some((subject, detail)) => Reply::new(code, (class, subject, detail), text),
            None => Reply::bare(code, text),
        }
    })
}

prop_compose! {
    fn any_case()(
        action in prop::sample::select(vec![
            Action::Failed, Action::Delayed, Action::Delivered, Action::Relayed, Action::Expanded,
        ]),
        to in prop::sample::select(vec!["a@our.example", "\u{e4}@our.example"]),
        local_part in "[a-z\u{e4}]{1,20}|\"[ -!#-\\[\\]-~]{1,20}\"",
        orcpt in prop::option::of(text().prop_map(|text| format!("utf-8;{text}"))),
        reply in reply(),
        remote in prop::option::of(text()),
        envid in prop::option::of(text()),
        ret in prop::sample::select(vec![None, Some(Ret::Full), Some(Ret::Headers)]),
        subject in text(),
        body in text(),
    ) -> Case {
        let mut case = case(action, reply);
        let address = address(&format!("{local_part}@c.example"));
        case.told[0].0 = Recipient { address, notify: Notify::Unsaid, orcpt };
        let subject = subject.replace(['\r', '\n'], " ");
        let body = body.replace(['\r', '\n'], " ");
        let content = format!("Subject: {subject}\r\n\r\n{body}").into_bytes();
        Case { to, remote, envid, ret, content, ..case }
    }
}

proptest! {
    /// Whatever is quoted, a parser that isn't ours finds three parts, and in the second one the fields that
    /// RFC 3464 asks for, each once; lines end in CRLF and are bounded (RFC 5322 §2.1.1).
    #[test]
    fn every_notice_is_a_report(case in any_case()) {
        let notice = build(&case);
        let (_, blocks, _) = parts(&notice);
        prop_assert_eq!(blocks.len(), 2);
        let names = |block: usize| blocks[block].iter().map(|f| f.0.as_str()).collect::<Vec<_>>();
        for (block, name) in [
            (0, "Reporting-MTA"),
            (0, "Arrival-Date"),
            (1, "Final-Recipient"),
            (1, "Action"),
            (1, "Status"),
            (1, "Diagnostic-Code"),
        ] {
            prop_assert_eq!(names(block).iter().filter(|n| **n == name).count(), 1, "{}", name);
        }
        let status = value(&case, "Status").unwrap();
        prop_assert!(crate::reply::EnhancedStatus::parse(&status).is_some(), "{}", status);
        let head = notice.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
        let ours = memchr::memmem::rfind(&notice, b"Content-Description: ").unwrap();
        for (index, line) in notice[..ours].split(|b| *b == b'\n').enumerate() {
            prop_assert!(line.len() <= 999, "{} {}", index, line.len());
            prop_assert!(line.is_empty() || index == 0 || !line[..line.len() - 1].contains(&b'\r'));
        }
        let ascii_reader = case.to.is_ascii();
        prop_assert!(!ascii_reader || notice[..head].is_ascii());
    }

    /// What names the recipient can be read back by who knows RFC 6533.
    #[test]
    fn final_recipients_are_read_back(case in any_case()) {
        let (kind, text) = {
            let value = value(&case, "Final-Recipient").unwrap();
            let (kind, text) = value.split_once(';').unwrap();
            (kind.to_owned(), text.to_owned())
        };
        let read = match &*kind {
            "utf-8" => xtext::decode_unitext(&text).unwrap(),
            _ => text,
        };
        prop_assert_eq!(read, case.told[0].0.address.to_string());
        prop_assert_eq!(kind == "rfc822", case.told[0].0.address.is_ascii());
    }
}
