//! What the fuzz targets run, so that plain `cargo test` can replay their seeds.
//!
//! Each body takes any octets and panics where something that must hold doesn't. The targets under
//! `tests/fuzz` hand them libFuzzer's octets; `tests/fuzz_seeds.rs` hands them the files in the tree.

use std::time::{Duration, Instant};

use crate::address::ForwardPath;
use crate::command::Command;
use crate::data::{Decoder, Run};
use crate::header;
use crate::limits;
use crate::reply::Reply;
use crate::server::{
    Answer, ClientLimits, LoginRule, Question, Server, Service, Settings, Step, Tls,
};

/// What a target runs.
type Body = fn(&[u8]);

/// Every target, by the name of its file and its folder of seeds.
pub const TARGETS: [(&str, Body); 4] =
    [("command", command), ("data", data), ("header", fields), ("server", server)];

/// A command line never panics, and nothing in a command can be a line of its own.
pub fn command(line: &[u8]) {
    let Ok(command) = Command::parse(line) else { return };
    let text = match command {
        Command::Mail(mail) => format!("{} {}", mail.reverse_path, mail.envid.unwrap_or_default()),
        Command::Rcpt(rcpt) => {
            let ForwardPath::Address(address) = &rcpt.forward_path else { return };
            assert_eq!(address.to_string().parse().as_ref(), Ok(address), "shown and read again");
            format!("{} {}", rcpt.forward_path, rcpt.orcpt.unwrap_or_default())
        }
        Command::Helo(name) | Command::Ehlo(name) | Command::Lhlo(name) => name.as_str().to_owned(),
        _ => return,
    };
    assert!(!text.chars().any(char::is_control), "{text:?}");
}

/// Only `<CRLF>.<CRLF>` ends data, and cutting the input changes nothing.
pub fn data(input: &[u8]) {
    let Some((&cut, input)) = input.split_first() else { return };
    let (head, tail) = input.split_at(usize::from(cut).min(input.len()));
    let whole = decode(&[input]);
    assert_eq!(whole, decode(&[head, tail]));
    let with_command = [b"\r\n".as_slice(), input].concat();
    let end = memchr::memmem::find(&with_command, b"\r\n.\r\n").map(|at| at + 3);
    assert_eq!(whole.1, end);
}

/// Content (empty where it is spoilt), and where the data ended.
fn decode(pieces: &[&[u8]]) -> (Vec<u8>, Option<usize>) {
    let mut decoder = Decoder::default();
    let (mut content, mut taken) = (Vec::new(), 0);
    for piece in pieces {
        let mut rest = *piece;
        loop {
            let length = match decoder.next(rest) {
                Run::NeedInput => break,
                Run::End(length) => return (content, Some(taken + length)),
                Run::Skip(length) => length,
                Run::Content(length) => {
                    content.extend_from_slice(rest.get(..length).unwrap_or_default());
                    length
                }
            };
            assert!(length > 0, "no progress");
            taken += length;
            rest = rest.get(length..).unwrap_or_default();
            if decoder.fault().is_some() {
                content.clear();
            }
        }
    }
    (content, None)
}

/// Fields are parts of the input, in order, without gaps.
pub fn fields(message: &[u8]) {
    let mut walk = header::fields(message);
    let octets: usize = walk.by_ref().map(|field| field.raw.len()).sum();
    assert_eq!(octets + walk.rest().len(), message.len());
    let (header, body) = header::split(message);
    assert!(header.len() + body.len() <= message.len());
    if let Some(id) = header::message_id(message) {
        assert!(!id.chars().any(char::is_control));
    }
}

/// A session never panics, never spins, keeps no more than a line, and says nothing but replies.
///
/// The first octet chooses the service, the second seeds policy's answers; 0xFF parts what is sent.
pub fn server(input: &[u8]) {
    let [service, seed, script @ ..] = input else { return };
    let mut now = Instant::now();
    let mut server = Server::new(settings(*service), now);
    let mut policy = u32::from(*seed);
    for piece in script.split(|octet| *octet == 0xff) {
        server.push(piece);
        now += Duration::from_secs(1);
        if run(&mut server, &mut policy, piece.len(), now) == Over::Yes {
            return;
        }
        let kept = server.input().len();
        assert!(kept < limits::AUTH_LINE_OCTETS_MAX, "{kept} octets of input are kept");
    }
    server.timed_out();
    run(&mut server, &mut policy, 0, now);
}

#[derive(PartialEq, Eq)]
enum Over {
    No,
    Yes,
}

fn run(server: &mut Server, policy: &mut u32, octets: usize, now: Instant) -> Over {
    // Each step consumes an octet or answers a command: more of them than that is a loop.
    for _ in 0..(octets + limits::AUTH_LINE_OCTETS_MAX) * 4 {
        match server.step(now) {
            Step::NeedInput => {
                check_replies(server.output());
                return Over::No;
            }
            Step::Close => {
                check_replies(server.output());
                return Over::Yes;
            }
            Step::Ask(question) => {
                *policy = policy.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let answer = decide(&question, *policy >> 28);
                if let Question::Message(transaction) = question {
                    assert!(!transaction.recipients.is_empty(), "a message for nobody");
                    assert!(server.transaction().is_none(), "a transaction is left behind");
                }
                server.answer(answer);
            }
            Step::StartTls => server.tls_started(now),
            Step::Content(_) | Step::Discard(_) | Step::Pause(_) => {}
        }
    }
    panic!("the session spins");
}

fn settings(choice: u8) -> Settings {
    let (service, login) = match choice % 3 {
        0 => (Service::Smtp, LoginRule::NotOffered),
        1 => (Service::Submission, LoginRule::Required),
        _ => (Service::Lmtp, LoginRule::NotOffered),
    };
    let client = if choice & 0x80 == 0 { ClientLimits::Exempt } else { ClientLimits::Apply };
    Settings {
        hostname: "mx.our.example".into(),
        service,
        tls: Tls::Offered,
        login,
        size_max: 1_000,
        recipients_max: 100,
        client,
    }
}

fn decide(question: &Question, dice: u32) -> Answer {
    match (dice, question) {
        (0, _) => Answer::No(Reply::new(550, (5, 7, 1), "no")),
        (1, _) => Answer::No(Reply::new(451, (4, 3, 0), "later")),
        (_, Question::Message(_)) => Answer::Stored(Reply::new(250, (2, 0, 0), "queued")),
        (_, Question::Sender(_) | Question::Recipient(_) | Question::Login(_) | Question::Data) => {
            Answer::Yes
        }
    }
}

/// Every line is three digits, a separator and printable text.
fn check_replies(output: &mut Vec<u8>) {
    for line in output.split_inclusive(|octet| *octet == b'\n') {
        let text = line.strip_suffix(b"\r\n").unwrap_or_default();
        let (code, rest) = text.split_at_checked(3).unwrap_or_default();
        assert!(code.iter().all(u8::is_ascii_digit), "{line:?}");
        assert!(matches!(rest, [b' ' | b'-', ..]), "{line:?}");
        assert!(!text.iter().any(u8::is_ascii_control), "{line:?}");
    }
    output.clear();
}
