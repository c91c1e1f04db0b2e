//! What the fuzz targets run, so that plain `cargo test` can replay their seeds.
//!
//! Each body takes any octets and panics where something that must hold doesn't. The targets under
//! `tests/fuzz` hand them libFuzzer's octets; `tests/fuzz_seeds.rs` hands them the files in the tree.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::address::{ForwardPath, ReversePath};
use crate::client::reply_parser::{ReplyError, ReplyParser};
use crate::client::{
    self, ClearTextLogin, Dialogue, Encryption, Protocol, Purpose, Session, StartTls, Transaction,
    Verdict,
};
use crate::command::Command;
use crate::data::{Decoder, Run};
use crate::envelope::{Envelope, Recipient};
use crate::header;
use crate::limits;
use crate::reply::Reply;
use crate::sasl::bearer::Bearer;
use crate::sasl::client::Plain;
use crate::sasl::{Attempt, Credentials, Offer, Offered};
use crate::server::{
    Answer, ClientLimits, Dsn, LoginRule, Question, Server, Service, Settings, Step, Tls,
};

/// What a target runs.
type Body = fn(&[u8]);

/// Every target, by the name of its file and its folder of seeds.
pub const TARGETS: [(&str, Body); 6] = [
    ("client", client),
    ("command", command),
    ("data", data),
    ("header", fields),
    ("reply", reply),
    ("server", server),
];

/// Replies off the wire: cutting the input changes nothing, and no reply holds a control character.
pub fn reply(input: &[u8]) {
    let Some((&cut, input)) = input.split_first() else { return };
    let (head, tail) = input.split_at(usize::from(cut).min(input.len()));
    let whole = replies(&[input]);
    assert_eq!(whole, replies(&[head, tail]));
    for reply in whole.0 {
        assert!(!reply.to_string().chars().any(|c| c.is_control() && c != '\t'), "{reply:?}");
    }
}

/// The replies up to an error, and the error.
fn replies(pieces: &[&[u8]]) -> (Vec<Reply>, Option<ReplyError>) {
    let (mut parser, mut replies) = (ReplyParser::new(), Vec::new());
    for piece in pieces {
        parser.push(piece);
        loop {
            match parser.next_reply() {
                Ok(Some(reply)) => replies.push(reply),
                Ok(None) => break,
                Err(error) => return (replies, Some(error)),
            }
        }
    }
    (replies, None)
}

/// A whole session with a server that says anything: it ends, every recipient gets one verdict for each
/// transaction, and nobody is accepted before the message was sent.
pub fn client(input: &[u8]) {
    let Some((&shape, input)) = input.split_first() else { return };
    let now = Instant::now();
    let mut session = Session::new(client_settings(shape), now);
    let mut wire = input.chunks(1 + usize::from(shape >> 4));
    let (mut begun, mut done, mut tried, mut ended_content) = (0, 0, 0, false);
    loop {
        match session.step(now) {
            client::Step::Send(pieces) => {
                let last = pieces.last().map(|piece| piece.ends_with(b".\r\n"));
                ended_content |= last == Some(true);
            }
            client::Step::Idle if begun < 2 => {
                begun += 1;
                ended_content = false;
                session.deliver(letter(), now);
            }
            client::Step::Idle => session.quit(now),
            client::Step::Done(verdicts) => {
                done += 1;
                assert_eq!(verdicts.len(), 2);
                let accepted = verdicts.iter().any(|v| matches!(v, Verdict::Accepted(_)));
                assert!(ended_content || !accepted, "accepted without a message");
            }
            client::Step::StartTls => session.tls_started(now),
            client::Step::LogIn => {
                let login = Credentials { name: "a".into(), password: b"b".to_vec() };
                tried += 1;
                session.log_in((tried < 3).then(|| Box::new(Plain(login)) as _), now);
            }
            client::Step::NeedInput => match wire.next() {
                Some(octets) => session.push(octets),
                None => session.closed(),
            },
            client::Step::Close(_) => break,
        }
    }
    assert_eq!(begun, done, "a transaction without verdicts");
}

/// Every combination of protocol and login is reached.
fn client_settings(shape: u8) -> client::Settings {
    let login = Credentials { name: "a".into(), password: b"b".to_vec() };
    client::Settings {
        protocol: if shape & 1 == 0 { Protocol::Smtp } else { Protocol::Lmtp },
        name: "our.example".parse().expect("a domain"), // a constant
        encryption: Encryption::Clear,
        start_tls: StartTls::Opportunistic,
        login: match shape & 6 {
            2 => Some(client::Login::Password(login)),
            6 => Some(client::Login::Chosen),
            _ => None,
        },
        clear_text_login: ClearTextLogin::Allowed,
        dialogue: Dialogue::Kept,
    }
}

fn letter() -> Transaction {
    // Constants.
    let recipient = |text: &str| Recipient::new(text.parse().expect("an address"));
    let recipients = vec![recipient("b@c.example"), recipient("d@c.example")];
    Transaction {
        envelope: Arc::new(Envelope::new(ReversePath::Null, recipients)),
        recipients: vec![0, 1],
        purpose: Purpose::Deliver(Bytes::from_static(b"X: y\r\n\r\n.\r\n")),
    }
}

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
                    // SMTP takes one of them, and for nothing that it knows.
                    let copies = transaction.recipients.len();
                    (1..copies).for_each(|_| server.answer(answer.clone()));
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
        offer: Offer { scram: Offered::Yes, tokens: Offered::Yes },
        size_max: 1_000,
        recipients_max: 100,
        client,
        dsn: Dsn::Offered,
        bare_recipients: None,
    }
}

fn decide(question: &Question, dice: u32) -> Answer {
    match (dice, question) {
        (0, _) => Answer::No(Reply::new(550, (5, 7, 1), "no")),
        (1, _) => Answer::No(Reply::new(451, (4, 3, 0), "later")),
        (2..6, Question::Message(_)) => Answer::Next(Reply::new(250, (2, 0, 0), "filed")),
        (_, Question::Login(Attempt::Scram(first))) => {
            Answer::Challenge(first.clone().challenge(b"salt", 4_096, "n", b""))
        }
        (_, Question::Login(Attempt::Proof(proof))) => {
            Answer::Challenge(proof.clone().accepted(b"signature"))
        }
        (_, Question::Login(Attempt::Token(_))) => Answer::Challenge(Bearer::refused("{}")),
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
