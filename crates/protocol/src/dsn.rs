//! Delivery status notifications: what the sender is told (RFC 3464, RFC 3462, RFC 6533).
//!
//! ```text
//! multipart/report; report-type=delivery-status
//! ├─ text/plain                 what happened and what to do, for people
//! ├─ message/delivery-status    the same for programs
//! └─ message/rfc822 or text/rfc822-headers    the message, or its header, as RET asks
//! ```
//! [`Notice::build`] makes the message; it always goes out with the null reverse-path (RFC 5321 §4.5.5), so
//! that nobody is ever told about it. Where an address or the message's header holds UTF-8, the parts are
//! RFC 6533's (`message/global…`) and [`Notice::utf8`] says that the notice itself needs SMTPUTF8 where that
//! is so. Texts from outside are written without control characters, in lines of bounded length.

use std::fmt::Write as _;
use std::time::SystemTime;

use crate::address::{Address, Domain};
use crate::envelope::{Recipient, Ret, Utf8};
use crate::header;
use crate::limits;
use crate::reply::{Reply, Severity};
use crate::trace_fields::date;

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The message will not reach these recipients.
    Failure,
    /// It hasn't reached them yet; it is tried until then.
    Delay {
        /// When it is given up.
        until: SystemTime,
    },
    /// It did, and the sender had asked to be told.
    Success,
}

/// What became of a recipient (RFC 3464 §2.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Never.
    Failed,
    /// Not yet.
    Delayed,
    /// Filed in a mailbox.
    Delivered,
    /// Handed to a host that sends no notices itself.
    Relayed,
}

impl Action {
    fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Delayed => "delayed",
            Self::Delivered => "delivered",
            Self::Relayed => "relayed",
        }
    }
}

/// One recipient's part of a notice.
#[derive(Debug, Clone)]
pub struct Report<'a> {
    /// Who.
    pub recipient: &'a Recipient,
    /// What became of it.
    pub action: Action,
    /// The last word said about it, by the next hop or by us.
    pub reply: &'a Reply,
    /// The host that said it; `None` where it was us.
    pub remote: Option<&'a str>,
    /// When it was last tried.
    pub last_attempt: SystemTime,
}

/// A notice to be built.
#[derive(Debug, Clone)]
pub struct Notice<'a> {
    /// What is told.
    pub kind: Kind,
    /// This host.
    pub reporting_mta: &'a Domain,
    /// Who is told: the message's reverse-path, or the postmaster.
    pub to: &'a Address,
    /// The notice's own queue id: its Message-ID and its boundary are made of it.
    pub id: &'a str,
    /// When the notice is made.
    pub now: SystemTime,
    /// The message's queue id.
    pub message: &'a str,
    /// When the message arrived.
    pub arrived: SystemTime,
    /// ENVID= of the message.
    pub envid: Option<&'a str>,
    /// RET= of the message.
    pub ret: Option<Ret>,
    /// The message.
    pub content: &'a [u8],
    /// Its recipients that this is about; never empty.
    pub reports: Vec<Report<'a>>,
}

impl Notice<'_> {
    /// Whether the notice goes out with SMTPUTF8: its own header holds UTF-8 (RFC 6533 §4).
    pub fn utf8(&self) -> Utf8 {
        match self.to.is_ascii() {
            true => Utf8::Ascii,
            false => Utf8::SmtpUtf8,
        }
    }

    /// Whether the parts are RFC 6533's.
    fn parts(&self, returned: &Returned<'_>) -> Utf8 {
        let addresses = self.reports.iter().all(|report| report.recipient.address.is_ascii());
        match addresses && self.to.is_ascii() && returned.header.is_ascii() {
            true => Utf8::Ascii,
            false => Utf8::SmtpUtf8,
        }
    }

    /// The whole message, CRLF line ends.
    pub fn build(&self) -> Vec<u8> {
        let returned = self.returned();
        let parts = self.parts(&returned);
        let boundary = self.boundary(returned.octets);
        let mut text = String::with_capacity(2_048);
        self.write_header(&boundary, parts, &mut text);
        self.write_for_people(&boundary, &mut text);
        self.write_for_programs(&boundary, parts, &mut text);
        let kind = match (returned.whole, parts) {
            (Whole::Yes, Utf8::Ascii) => "message/rfc822",
            (Whole::Yes, Utf8::SmtpUtf8) => "message/global",
            (Whole::No, Utf8::Ascii) => "text/rfc822-headers",
            (Whole::No, Utf8::SmtpUtf8) => "message/global-headers",
        };
        let description = match returned.whole {
            Whole::Yes => "Undelivered message",
            Whole::No => "Header of the message",
        };
        let encoding = if returned.octets.is_ascii() { "7bit" } else { "8bit" };
        write_line(
            &mut text,
            format_args!(
                "--{boundary}\r\nContent-Type: {kind}\r\nContent-Description: {description}\r\n\
                 Content-Transfer-Encoding: {encoding}\r\n"
            ),
        );
        let mut message = text.into_bytes();
        message.extend_from_slice(returned.octets);
        if !message.ends_with(b"\r\n") {
            message.extend_from_slice(b"\r\n");
        }
        message.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        message
    }

    /// How much of the message goes back: all of it where the sender asked for that, or where it is small
    /// and the sender said nothing (RFC 3461 §4.3). A notice of delay or success has the header only (§6.3).
    fn returned(&self) -> Returned<'_> {
        let (head, _) = header::split(self.content);
        let small = self.content.len() <= limits::RETURNED_OCTETS_MAX;
        let whole = match (self.kind, self.ret) {
            (Kind::Failure, Some(Ret::Full)) => Whole::Yes,
            (Kind::Failure, None) if small => Whole::Yes,
            (Kind::Failure | Kind::Delay { .. } | Kind::Success, _) => Whole::No,
        };
        let octets = match whole {
            Whole::Yes => self.content,
            Whole::No => head,
        };
        Returned { whole, octets, header: head }
    }

    /// A boundary that doesn't stand in what is returned.
    fn boundary(&self, returned: &[u8]) -> String {
        let mut boundary = format!("=_{}", self.id);
        while memchr::memmem::find(returned, boundary.as_bytes()).is_some() {
            boundary.push('_');
        }
        boundary
    }

    fn write_header(&self, boundary: &str, parts: Utf8, out: &mut String) {
        let subject = match self.kind {
            Kind::Failure => "Your message could not be delivered",
            Kind::Delay { .. } => "Your message is delayed",
            Kind::Success => "Your message was delivered",
        };
        let (host, id) = (self.reporting_mta, self.id);
        write_line(out, format_args!("From: Mail delivery <MAILER-DAEMON@{host}>"));
        write_line(out, format_args!("To: <{}>", self.to));
        write_line(out, format_args!("Subject: {subject}"));
        write_line(out, format_args!("Date: {}", date(self.now)));
        write_line(out, format_args!("Message-ID: <{id}@{host}>"));
        if let Some(about) = header::message_id(self.content).filter(|id| fits_in_a_field(id)) {
            write_line(out, format_args!("In-Reply-To: <{about}>\r\nReferences: <{about}>"));
        }
        // RFC 3834 §5: no vacation program answers this.
        write_line(out, format_args!("Auto-Submitted: auto-replied"));
        write_line(out, format_args!("MIME-Version: 1.0"));
        let kind = match parts {
            Utf8::Ascii => "delivery-status",
            Utf8::SmtpUtf8 => "global-delivery-status", // RFC 6533 §5
        };
        write_line(
            out,
            format_args!(
                "Content-Type: multipart/report; report-type={kind};\r\n\tboundary=\"{boundary}\""
            ),
        );
        write_line(out, format_args!("Content-Transfer-Encoding: 8bit\r\n"));
    }

    fn write_for_people(&self, boundary: &str, out: &mut String) {
        write_line(
            out,
            format_args!(
                "--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n\
                 Content-Transfer-Encoding: 8bit\r\n"
            ),
        );
        let first = match self.kind {
            Kind::Failure => "Your message could not be delivered to:",
            Kind::Delay { .. } => "Your message has not been delivered yet to:",
            Kind::Success => "Your message was delivered to:",
        };
        write_line(out, format_args!("{first}\r\n"));
        for report in &self.reports {
            write_line(out, format_args!("  {}", report.recipient.address));
            let said = match report.remote {
                Some(host) => format!("{host} said: {}", report.reply),
                None => report.reply.to_string(),
            };
            write_line(out, format_args!("    {}", one_line(&said, Utf8::SmtpUtf8)));
            if self.kind == Kind::Failure {
                write_line(out, format_args!("    What to do: {}", advice(report.reply)));
            }
            out.push_str("\r\n");
        }
        match self.kind {
            Kind::Failure => write_line(
                out,
                format_args!("Nothing more will be tried. What came back follows below."),
            ),
            Kind::Delay { until } => write_line(
                out,
                format_args!(
                    "You don't have to do anything: it is tried again and again until\r\n{}.\r\n\
                     Please don't send it a second time; you will hear if it fails.",
                    date(until)
                ),
            ),
            Kind::Success => write_line(out, format_args!("You had asked to be told so.")),
        }
        write_line(
            out,
            format_args!(
                "\r\nThis is the mail system at {}. Your message is known here as {}.\r\n",
                self.reporting_mta, self.message
            ),
        );
    }

    /// `delivery-status-content = per-message-fields 1*( CRLF per-recipient-fields )` (RFC 3464 §2.1).
    fn write_for_programs(&self, boundary: &str, parts: Utf8, out: &mut String) {
        let kind = match parts {
            Utf8::Ascii => "message/delivery-status",
            Utf8::SmtpUtf8 => "message/global-delivery-status",
        };
        write_line(out, format_args!("--{boundary}\r\nContent-Type: {kind}\r\n"));
        if let Some(envid) = self.envid {
            // RFC 3464 §2.2.1: as the sender said it, decoded from xtext.
            write_line(out, format_args!("Original-Envelope-Id: {}", one_line(envid, parts)));
        }
        write_line(out, format_args!("Reporting-MTA: dns; {}", self.reporting_mta));
        write_line(out, format_args!("X-Queue-Id: {}", self.message));
        write_line(out, format_args!("Arrival-Date: {}", date(self.arrived)));
        for report in &self.reports {
            out.push_str("\r\n");
            self.write_recipient(report, parts, out);
        }
        out.push_str("\r\n");
    }

    /// RFC 3464 §2.3.
    fn write_recipient(&self, report: &Report<'_>, parts: Utf8, out: &mut String) {
        let recipient = report.recipient;
        if let Some((kind, original)) = recipient.orcpt.as_deref().and_then(|o| o.split_once(';')) {
            let (kind, original) = (one_line(kind, parts), one_line(original, parts));
            write_line(out, format_args!("Original-Recipient: {kind};{original}"));
        }
        let kind = if recipient.address.is_ascii() { "rfc822" } else { "utf-8" }; // RFC 6533 §3
        write_line(out, format_args!("Final-Recipient: {kind};{}", recipient.address));
        write_line(out, format_args!("Action: {}", report.action.word()));
        write_line(out, format_args!("Status: {}", status(report)));
        if let Some(host) = report.remote {
            write_line(out, format_args!("Remote-MTA: dns; {}", one_line(host, parts)));
            let said = one_line(&report.reply.to_string(), parts);
            write_line(out, format_args!("Diagnostic-Code: smtp; {said}"));
        }
        write_line(out, format_args!("Last-Attempt-Date: {}", date(report.last_attempt)));
        if let Kind::Delay { until } = self.kind {
            write_line(out, format_args!("Will-Retry-Until: {}", date(until))); // RFC 3464 §2.3.9
        }
    }
}

/// What of the message goes back.
struct Returned<'a> {
    whole: Whole,
    octets: &'a [u8],
    header: &'a [u8],
}

/// Whether the body goes back too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whole {
    Yes,
    No,
}

/// A line and its end. Writing into a String can't fail.
fn write_line(out: &mut String, line: std::fmt::Arguments<'_>) {
    let _ = write!(out, "{line}\r\n");
}

/// The status fits the action, whatever the reply's class was: a message that was given up after 4xx for
/// days has failed (RFC 3464 §2.3.4).
fn status(report: &Report<'_>) -> String {
    let status = report.reply.status_or_class().to_string();
    let class = match report.action {
        Action::Failed => '5',
        Action::Delayed => '4',
        Action::Delivered | Action::Relayed => '2',
    };
    match status.get(1..) {
        // RFC 3463 §3.5: 4.4.7 and 5.4.7 are "delivery time expired".
        Some(_) if class == '5' && report.reply.severity() == Severity::Temporary => "5.4.7".into(),
        Some(rest) => format!("{class}{rest}"),
        None => format!("{class}.0.0"),
    }
}

/// Text from outside as the value of a field: no control characters, bounded, ASCII unless the part may
/// hold more.
fn one_line(text: &str, parts: Utf8) -> String {
    let clean = |c: char| match c {
        _ if c.is_control() => '?',
        _ if !c.is_ascii() && parts == Utf8::Ascii => '?',
        _ => c,
    };
    clipped(text).chars().map(clean).collect()
}

/// At most as many octets as stand in a line (RFC 5322 §2.1.1: 998), names of fields aside.
fn clipped(text: &str) -> &str {
    let end = text.floor_char_boundary(limits::DIAGNOSTIC_OCTETS_MAX);
    text.get(..end).unwrap_or_default()
}

fn fits_in_a_field(id: &str) -> bool {
    id.len() <= limits::DIAGNOSTIC_OCTETS_MAX && id.bytes().all(|b| b.is_ascii_graphic())
}

/// What the sender can do about a failure, by its enhanced status (RFC 3463 §3; RFC 7505, RFC 6531).
fn advice(reply: &Reply) -> &'static str {
    let status = reply.status_or_class().to_string();
    match status.get(2..).unwrap_or_default() {
        _ if reply.severity() == Severity::Temporary => {
            "it was tried for days; ask the recipient by another way, then send it again."
        }
        "1.1" | "1.3" | "1.6" => {
            "check the part before the @ for a typing error, then send it again."
        }
        "1.2" | "1.10" | "4.4" => "check the part behind the @: that domain takes no mail.",
        "2.1" => "that mailbox is closed; ask the recipient by another way.",
        "2.2" => "the mailbox is full; ask the recipient to make room.",
        "2.3" | "3.4" => "the message is too large; send less at once, or a link to the file.",
        "4.6" => "the mail goes round in a circle; tell the recipient's postmaster.",
        "6.7" | "1.9" => {
            "the recipient's side can't take addresses or subjects beyond ASCII; use ASCII ones."
        }
        text if text.starts_with("7.") => {
            "the recipient's side refuses such mail; its words above may say why."
        }
        _ => "read the words above, and ask your postmaster if they don't help.",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::envelope::Notify;

    const LETTER: &[u8] =
        b"From: a@our.example\r\nMessage-ID: <1@our.example>\r\nSubject: s\r\n\r\nBody.\r\n";

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_380_502 + seconds)
    }

    struct Case {
        kind: Kind,
        to: &'static str,
        recipient: Recipient,
        reply: Reply,
        remote: Option<&'static str>,
        ret: Option<Ret>,
        envid: Option<&'static str>,
        content: Vec<u8>,
    }

    fn case() -> Case {
        Case {
            kind: Kind::Failure,
            to: "a@our.example",
            recipient: Recipient::new(address("b@c.example")),
            reply: Reply::new(550, (5, 1, 1), "no such user"),
            remote: Some("mx.c.example"),
            ret: None,
            envid: None,
            content: LETTER.to_vec(),
        }
    }

    fn build(case: &Case) -> String {
        let action = match case.kind {
            Kind::Failure => Action::Failed,
            Kind::Delay { .. } => Action::Delayed,
            Kind::Success => Action::Relayed,
        };
        let report = Report {
            recipient: &case.recipient,
            action,
            reply: &case.reply,
            remote: case.remote,
            last_attempt: at(60),
        };
        let notice = Notice {
            kind: case.kind,
            reporting_mta: &Domain::parse("mx.our.example").unwrap(),
            to: &address(case.to),
            id: "0123456789ABC",
            now: at(61),
            message: "0123456789AAA",
            arrived: at(0),
            envid: case.envid,
            ret: case.ret,
            content: &case.content,
            reports: vec![report],
        };
        String::from_utf8_lossy(&notice.build()).into_owned()
    }

    #[test] // Tests RFC 3464 §2.
    fn a_failure_notice() {
        let expected = "\
From: Mail delivery <MAILER-DAEMON@mx.our.example>
To: <a@our.example>
Subject: Your message could not be delivered
Date: Sun, 22 Nov 2026 20:49:23 +0000
Message-ID: <0123456789ABC@mx.our.example>
In-Reply-To: <1@our.example>
References: <1@our.example>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary=\"=_0123456789ABC\"
Content-Transfer-Encoding: 8bit

--=_0123456789ABC
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

Your message could not be delivered to:

  b@c.example
    mx.c.example said: 550 5.1.1 no such user
    What to do: check the part before the @ for a typing error, then send it again.

Nothing more will be tried. What came back follows below.

This is the mail system at mx.our.example. Your message is known here as 0123456789AAA.

--=_0123456789ABC
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.our.example
X-Queue-Id: 0123456789AAA
Arrival-Date: Sun, 22 Nov 2026 20:48:22 +0000

Final-Recipient: rfc822;b@c.example
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx.c.example
Diagnostic-Code: smtp; 550 5.1.1 no such user
Last-Attempt-Date: Sun, 22 Nov 2026 20:49:22 +0000

--=_0123456789ABC
Content-Type: message/rfc822
Content-Description: Undelivered message
Content-Transfer-Encoding: 7bit

From: a@our.example
Message-ID: <1@our.example>
Subject: s

Body.

--=_0123456789ABC--
";
        assert_eq!(build(&case()), expected.replace('\n', "\r\n"));
    }

    #[track_caller]
    fn check(case: &Case, present: &[&str], absent: &[&str]) {
        let notice = build(case);
        for text in present {
            assert!(notice.contains(text), "{text} is missing in {notice}");
        }
        for text in absent {
            assert!(!notice.contains(text), "{text} is in {notice}");
        }
    }

    #[test] // Tests RFC 3461 §4.3.
    fn ret_decides_how_much_comes_back() {
        let headers = ["text/rfc822-headers", "Subject: s"];
        check(&Case { ret: Some(Ret::Headers), ..case() }, &headers, &["Body."]);
        let large = |ret| {
            let content = [LETTER, &b"x\r\n".repeat(limits::RETURNED_OCTETS_MAX / 3)].concat();
            Case { content, ret, ..case() }
        };
        check(&large(None), &headers, &["Body."]);
        check(&large(Some(Ret::Full)), &["message/rfc822", "Body."], &[]);
        check(&Case { kind: Kind::Success, ret: Some(Ret::Full), ..case() }, &headers, &["Body."]);
    }

    #[test] // Tests RFC 3464 §2.3.9 and §2.2.1.
    fn a_delay_notice_says_until_when() {
        let notify = Recipient {
            notify: Notify::Never,
            orcpt: Some("rfc822;B@old.example".into()),
            address: address("b@c.example"),
        };
        let case = Case {
            kind: Kind::Delay { until: at(86_400) },
            reply: Reply::new(451, (4, 4, 1), "no answer"),
            remote: None,
            recipient: notify,
            envid: Some("my id"),
            ..case()
        };
        check(
            &case,
            &[
                "Subject: Your message is delayed",
                "You don't have to do anything",
                "Action: delayed\r\nStatus: 4.4.1\r\n",
                "Will-Retry-Until: Mon, 23 Nov 2026 20:48:22 +0000\r\n",
                "Original-Envelope-Id: my id\r\n",
                "Original-Recipient: rfc822;B@old.example\r\n",
            ],
            &["Body.", "Remote-MTA", "What to do"],
        );
    }

    #[test]
    fn a_message_given_up_after_days_has_failed() {
        let case = Case { reply: Reply::new(451, (4, 4, 1), "no answer"), ..case() };
        check(&case, &["Action: failed\r\nStatus: 5.4.7\r\n", "it was tried for days"], &[]);
    }

    #[test] // Tests RFC 6533 §3 and §5.
    fn addresses_beyond_ascii() {
        let recipient = Recipient::new(address("j\u{fc}rgen@c.example"));
        let case = Case { recipient, ..case() };
        check(
            &case,
            &[
                "report-type=global-delivery-status",
                "Content-Type: message/global-delivery-status",
                "Final-Recipient: utf-8;j\u{fc}rgen@c.example",
                "Content-Type: message/global\r\n",
            ],
            &[],
        );
    }

    #[test]
    fn the_boundary_is_not_in_the_message() {
        let content = [LETTER, b"--=_0123456789ABC--\r\n"].concat();
        check(&Case { content, ..case() }, &["boundary=\"=_0123456789ABC_\""], &[]);
    }

    #[test] // A08: nothing from outside becomes a field of its own.
    fn a08_texts_from_outside_stay_in_their_line() {
        let case = Case {
            reply: Reply::new(550, (5, 1, 1), "no\r\nBcc: v@x.example\u{1b}[2J"),
            envid: Some("x\r\nBcc: v@x.example"),
            remote: Some("mx\r\nBcc: v@x.example"),
            recipient: Recipient {
                orcpt: Some("rfc822;x\r\nBcc: v@x.example".into()),
                ..Recipient::new(address("b@c.example"))
            },
            content: b"Message-ID: <a\rBcc: x>\r\nSubject: s\r\n\r\n".to_vec(),
            ..case()
        };
        let notice = build(&case);
        let head = notice.split("Content-Type: message/rfc822").next().unwrap();
        let people = head.split("Reporting-MTA").last().unwrap();
        assert!(!people.contains("\r\nBcc") && !notice.contains('\u{1b}'), "{notice}");
    }

    proptest! {
        /// Lines end in CRLF and stay below RFC 5322's 998 octets, whatever the peer said.
        #[test]
        fn any_reply_makes_a_well_formed_notice(text in "\\PC{0,2000}", host in "\\PC{0,300}") {
            let host: &'static str = Box::leak(host.into_boxed_str());
            let case = Case { reply: Reply::new(550, (5, 0, 0), text), remote: Some(host), ..case() };
            let notice = build(&case);
            for line in notice.split("\r\n") {
                prop_assert!(!line.contains(['\r', '\n']));
                prop_assert!(line.len() <= 998, "{}", line.len());
            }
        }
    }
}
