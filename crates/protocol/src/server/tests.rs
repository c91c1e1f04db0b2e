//! Dialogs: one `check` plays them against a fresh machine, the client's octets cut at every place.

use std::time::Instant;

use super::*;
use crate::address::ForwardPath;
use crate::envelope::Notify;
use crate::sasl::bearer::Bearer;
use crate::sasl::{Attempt, Offer, Offered};

mod content;
mod dialogs;
mod lmtp;
mod model;

/// A mail host with two users, `u` and `v` at `our.example`, and the password `pw`.
pub(super) struct Host {
    pub(super) server: Server,
    /// What the client is sent.
    pub(super) said: Vec<u8>,
    /// Messages that were accepted, with their content.
    pub(super) accepted: Vec<(Transaction, Vec<u8>)>,
    content: Vec<u8>,
    recipients: usize,
    pub(super) now: Instant,
    pub(super) paused: u32,
    pub(super) closed: bool,
}

pub(super) fn settings(service: Service) -> Settings {
    Settings {
        hostname: "mx.our.example".into(),
        service,
        tls: Tls::Offered,
        login: LoginRule::NotOffered,
        offer: Offer::default(),
        size_max: 100_000,
        recipients_max: 1_000,
        client: ClientLimits::Apply,
        dsn: match service {
            Service::Smtp | Service::Submission => Dsn::Offered,
            Service::Lmtp => Dsn::Absent,
        },
        bare_recipients: None,
    }
}

impl Host {
    pub(super) fn new(settings: Settings) -> Self {
        let now = Instant::now();
        let server = Server::new(settings, now);
        let (said, accepted, content) = (Vec::new(), Vec::new(), Vec::new());
        let mut host =
            Self { server, said, accepted, content, recipients: 0, now, paused: 0, closed: false };
        host.run();
        host
    }

    pub(super) fn send(&mut self, octets: &[u8]) {
        self.server.push(octets);
        self.run();
    }

    fn run(&mut self) {
        loop {
            let step = self.server.step(self.now);
            let answer = match step {
                Step::NeedInput => break,
                Step::Ask(question) => Some(question),
                Step::Content(octets) => {
                    self.content.extend_from_slice(octets);
                    None
                }
                Step::Discard(_) => {
                    self.content.clear();
                    None
                }
                Step::Pause(_) => {
                    self.paused += 1;
                    None
                }
                Step::StartTls => {
                    self.flush();
                    self.said.extend_from_slice(b"<TLS>\r\n");
                    self.server.tls_started(self.now);
                    None
                }
                Step::Close => {
                    self.closed = true;
                    break;
                }
            };
            if let Some(question) = answer {
                let answer = self.decide(question);
                self.server.answer(answer);
            }
        }
        self.flush();
    }

    fn flush(&mut self) {
        self.said.append(self.server.output());
    }

    fn decide(&mut self, question: Question) -> Answer {
        match question {
            Question::Sender(mail) if mail.reverse_path.to_string() == "evil@third.example" => {
                Answer::No(Reply::new(550, (5, 7, 1), "not you"))
            }
            Question::Sender(_) | Question::Data => Answer::Yes,
            Question::Recipient(rcpt) => match rcpt.forward_path {
                ForwardPath::Postmaster => Answer::Yes,
                ForwardPath::Address(address) if address.domain.as_str() != "our.example" => {
                    Answer::No(Reply::new(550, (5, 7, 1), "no relaying"))
                }
                ForwardPath::Address(address) => match address.local_part.as_str() {
                    "u" | "v" | "jürgen" => Answer::Yes,
                    _ => Answer::No(Reply::new(550, (5, 1, 1), "no such user")),
                },
            },
            Question::Login(Attempt::Scram(first)) => {
                Answer::Challenge(first.challenge(b"salt", 4_096, "y", b""))
            }
            Question::Login(Attempt::Proof(proof)) => Answer::Challenge(proof.accepted(b"sign")),
            Question::Login(Attempt::Token(_)) => Answer::Challenge(Bearer::refused("{}")),
            Question::Login(Attempt::Proven(_)) => Answer::Yes,
            Question::Login(Attempt::Password(it)) if it.password == b"pw" => Answer::Yes,
            Question::Login(_) => Answer::No(Reply::new(535, (5, 7, 8), "wrong")),
            Question::Message(transaction) => {
                let content = std::mem::take(&mut self.content);
                if content.starts_with(b"X: each") {
                    return self.answer_each(&transaction);
                }
                let refused = content.starts_with(b"X: refuse");
                self.recipients = transaction.recipients.len();
                match refused {
                    true => Answer::No(Reply::new(550, (5, 7, 1), "policy")),
                    false => {
                        self.accepted.push((transaction, content));
                        Answer::Stored(Reply::new(250, (2, 0, 0), "queued"))
                    }
                }
            }
        }
    }

    /// All replies but the last, each written as it is known.
    fn answer_each(&mut self, transaction: &Transaction) -> Answer {
        let reply_for = |rcpt: &Rcpt| match rcpt.notify {
            Notify::Unsaid => Reply::new(250, (2, 0, 0), "filed"),
            Notify::Never | Notify::On { .. } => Reply::new(550, (5, 7, 1), "no"),
        };
        let mut replies: Vec<Reply> = transaction.recipients.iter().map(reply_for).collect();
        let last = replies.pop().unwrap();
        for reply in replies {
            self.server.answer(Answer::Next(reply));
            self.flush();
            self.said.extend_from_slice(b"<WRITTEN>\r\n");
            assert!(matches!(self.server.step(self.now), Step::NeedInput));
        }
        Answer::Next(last)
    }
}

/// The groups of a dialog: `C:` lines that are sent together, and the `S:` lines that must come.
/// In a `C:` line, `\r`, `\n`, `\0`, `\xHH` and `\\` stand for octets, and the CRLF is added unless
/// the line ends in `\c`. `S:` lines are compared up to their length.
fn groups(dialog: &str) -> Vec<(Vec<u8>, Vec<String>)> {
    let mut groups: Vec<(Vec<u8>, Vec<String>)> = vec![(Vec::new(), Vec::new())];
    for line in dialog.lines().map(str::trim_start).filter(|line| !line.is_empty()) {
        match line.split_at(2) {
            ("C:", text) => {
                if groups.last().is_some_and(|(_, said)| !said.is_empty()) {
                    groups.push((Vec::new(), Vec::new()));
                }
                groups.last_mut().unwrap().0.extend(octets(text.strip_prefix(' ').unwrap_or(text)));
            }
            ("S:", text) => groups.last_mut().unwrap().1.push(text.trim().to_owned()),
            _ => panic!("neither C: nor S: in {line:?}"),
        }
    }
    groups
}

fn octets(text: &str) -> Vec<u8> {
    let (text, end) = text.strip_suffix("\\c").map_or((text, "\r\n"), |text| (text, ""));
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('\\') {
        out.extend_from_slice(before.as_bytes());
        let (octet, used) = match behind.as_bytes()[0] {
            b'r' => (b'\r', 1),
            b'n' => (b'\n', 1),
            b'0' => (0, 1),
            b'x' => (u8::from_str_radix(&behind[1..3], 16).unwrap(), 3),
            _ => (b'\\', 1),
        };
        out.push(octet);
        rest = &behind[used..];
    }
    out.extend_from_slice(rest.as_bytes());
    out.extend_from_slice(end.as_bytes());
    out
}

/// Plays a dialog once as it stands, and once per octet with the client's octets cut there.
#[track_caller]
pub(super) fn check(service: Service, dialog: &str) {
    check_with(&settings(service), dialog);
}

#[track_caller]
pub(super) fn check_with(settings: &Settings, dialog: &str) {
    let groups = groups(dialog);
    let total: usize = groups.iter().map(|(sent, _)| sent.len()).sum();
    for cut in 0..=total {
        play(settings, &groups, Some(cut));
    }
}

/// Plays a dialog whose verdict depends on what comes together.
#[track_caller]
pub(super) fn check_uncut(settings: &Settings, dialog: &str) {
    play(settings, &groups(dialog), None);
}

#[track_caller]
fn play(settings: &Settings, groups: &[(Vec<u8>, Vec<String>)], cut: Option<usize>) {
    let mut host = Host::new(settings.clone());
    let mut sent_before = 0;
    for (sent, expected) in groups {
        match cut
            .and_then(|cut| cut.checked_sub(sent_before))
            .and_then(|cut| sent.split_at_checked(cut))
        {
            Some((head, tail)) => {
                host.send(head);
                host.send(tail);
            }
            None => host.send(sent),
        }
        sent_before += sent.len();
        let said = String::from_utf8(std::mem::take(&mut host.said)).unwrap();
        let mut lines: Vec<&str> = said.split_terminator("\r\n").collect();
        if host.closed {
            lines.push("<CLOSED>");
        }
        let same = lines.len() == expected.len()
            && lines
                .iter()
                .zip(expected)
                .all(|(line, expected)| line.starts_with(expected.as_str()));
        let sent = String::from_utf8_lossy(sent);
        assert!(same, "cut at {cut:?}, after {sent:?}\n     got {lines:?}\nexpected {expected:?}");
    }
}
