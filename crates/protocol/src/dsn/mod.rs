//! Delivery status notifications: what the sender is told (RFC 3461 §6, RFC 3464, RFC 6522, RFC 6533).
//!
//! ```text
//! multipart/report; report-type=delivery-status
//! ├─ text/plain                 what happened and what to do, for people
//! ├─ message/delivery-status    the same for programs
//! └─ message/rfc822 or text/rfc822-headers    the message, or its header, as RET asks
//! ```
//! [`Notice::build`] makes the message; it always goes out with the null reverse-path (RFC 5321 §4.5.5), so
//! that nobody is ever told about it.
//!
//! | looking for | it is in |
//! |---|---|
//! | the sentences | `people.rs` |
//! | what a status means for a person, and what to do about it | `reasons.rs` |
//! | the fields for programs | `programs.rs` |
//! | how much of the message goes back, and in which form | `returned.rs` |
//! | texts from outside, made harmless | `quote.rs` |
//!
//! Who is told under a UTF-8 address gets a notice that needs SMTPUTF8 anyway ([`Notice::utf8`]), and everything
//! in it as it is. Everybody else gets one that any host takes: UTF-8 addresses in RFC 6533's 7-bit form, UTF-8
//! text and headers in quoted-printable. Only a returned body stays 8-bit, for 8BITMIME: RFC 2046 §5.2.1 lets
//! `message/rfc822` be encoded in no other way.

use std::fmt::Write as _;
use std::time::SystemTime;

use crate::address::{Address, Domain};
use crate::envelope::{Recipient, Ret, Utf8};
use crate::header;
use crate::limits;
use crate::reply::Reply;
use crate::trace_fields::date;

mod people;
mod programs;
mod quote;
mod reasons;
mod returned;
#[cfg(test)]
mod tests;

use returned::Returned;

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
    /// It was an alias, and the message goes to all that it stands for.
    Expanded,
}

/// Who reads the notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// Who sent the message.
    Sender,
    /// The postmaster: the message has no sender, being a notice itself, or a sender that doesn't exist.
    Postmaster,
}

/// Who said the last word about a recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker<'a> {
    /// This next hop; or we, while we talked to it.
    Host(&'a str),
    /// We, and no host had to do with it.
    Us,
    /// It was too long ago to know.
    Forgotten,
}

/// One recipient's part of a notice.
#[derive(Debug, Clone)]
pub struct Report<'a> {
    /// Who.
    pub recipient: &'a Recipient,
    /// What became of it.
    pub action: Action,
    /// The last word said about it.
    pub reply: &'a Reply,
    /// Who said it.
    pub speaker: Speaker<'a>,
    /// When it was last tried, where that is known.
    pub last_attempt: Option<SystemTime>,
}

/// A notice to be built.
#[derive(Debug, Clone)]
pub struct Notice<'a> {
    /// What is told.
    pub kind: Kind,
    /// Who is told.
    pub reader: Reader,
    /// The reader's address: the message's reverse-path, or the postmaster's.
    pub to: &'a Address,
    /// This host.
    pub reporting_mta: &'a Domain,
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
    /// Whether the notice goes out with SMTPUTF8: only to who has an address that needs it (RFC 6533 §4.5).
    pub fn utf8(&self) -> Utf8 {
        match self.to.is_ascii() {
            true => Utf8::Ascii,
            false => Utf8::SmtpUtf8,
        }
    }

    /// The whole message, CRLF line ends.
    pub fn build(&self) -> Vec<u8> {
        let returned = Returned::of(self);
        let boundary = self.boundary(returned.octets);
        let mut text = String::with_capacity(4_096);
        self.write_header(&boundary, &returned, &mut text);
        self.write_for_people(&boundary, &returned, &mut text);
        self.write_for_programs(&boundary, &mut text);
        write_line(&mut text, format_args!("--{boundary}"));
        let mut message = returned.write(text);
        message.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        message
    }

    /// A boundary that doesn't stand in what is returned. In the other parts no line begins with `--`: ours don't,
    /// and texts from outside stand behind words of ours.
    fn boundary(&self, returned: &[u8]) -> String {
        let mut boundary = format!("=_{}", self.id);
        while memchr::memmem::find(returned, boundary.as_bytes()).is_some() {
            boundary.push('_');
        }
        boundary
    }

    fn write_header(&self, boundary: &str, returned: &Returned<'_>, out: &mut String) {
        let (host, id) = (self.reporting_mta, self.id);
        write_line(out, format_args!("From: Mail delivery <MAILER-DAEMON@{host}>"));
        write_line(out, format_args!("To: <{}>", self.to));
        self.write_subject(out);
        write_line(out, format_args!("Date: {}", date(self.now)));
        write_line(out, format_args!("Message-ID: <{id}@{host}>"));
        if let Some(about) = header::message_id(self.content).filter(|id| fits_in_a_field(id)) {
            write_line(out, format_args!("In-Reply-To: <{about}>\r\nReferences: <{about}>"));
        }
        // RFC 3834 §5: no vacation program answers this.
        write_line(out, format_args!("Auto-Submitted: auto-replied"));
        write_line(out, format_args!("MIME-Version: 1.0"));
        let (kind, _) = self.status_type();
        write_line(
            out,
            format_args!(
                "Content-Type: multipart/report; report-type={kind};\r\n\tboundary=\"{boundary}\""
            ),
        );
        // RFC 2045 §6.4: a multipart is as wide as its widest part, and never encoded.
        let encoding = match (self.utf8(), returned.is_8bit()) {
            (Utf8::Ascii, false) => "7bit",
            (Utf8::SmtpUtf8, _) | (_, true) => "8bit",
        };
        write_line(out, format_args!("Content-Transfer-Encoding: {encoding}\r\n"));
    }

    /// Our words, then the message's own subject, so that a list of letters shows what it is about.
    fn write_subject(&self, out: &mut String) {
        let ours = match (self.kind, self.reader) {
            (Kind::Failure, Reader::Sender) => "Your message could not be delivered",
            (Kind::Failure, Reader::Postmaster) => "A report could not be delivered",
            (Kind::Delay { .. }, _) => "Your message is delayed",
            (Kind::Success, _) if self.all(Action::Delivered) => "Your message was delivered",
            (Kind::Success, _) => "Your message was passed on",
        };
        let mut subject = ours.to_owned();
        if let Some(theirs) = quote::subject(self.content, self.utf8()) {
            let _ = write!(subject, ": {theirs}"); // Writing into a String can't fail.
        }
        quote::write_folded("Subject: ", &subject, " ", out);
    }

    /// Whether this became of all recipients.
    fn all(&self, action: Action) -> bool {
        self.reports.iter().all(|report| report.action == action)
    }
}

/// A line and its end. Writing into a String can't fail.
fn write_line(out: &mut String, line: std::fmt::Arguments<'_>) {
    let _ = write!(out, "{line}\r\n");
}

fn fits_in_a_field(id: &str) -> bool {
    id.len() <= limits::DIAGNOSTIC_OCTETS_MAX && id.bytes().all(|b| b.is_ascii_graphic())
}
