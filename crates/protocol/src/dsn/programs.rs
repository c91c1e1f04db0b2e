//! What happened, for programs: `message/delivery-status` (RFC 3464 §2) and its UTF-8 form (RFC 6533 §4.1).
//!
//! ```text
//! delivery-status-content = per-message-fields 1*( CRLF per-recipient-fields )
//! ```

use std::net::IpAddr;

use crate::address::Address;
use crate::envelope::Utf8;
use crate::limits;
use crate::reply::{Reply, Severity};
use crate::trace_fields::date;
use crate::xtext;

use super::quote::{clipped, one_line};
use super::{Action, Kind, Notice, Report, Speaker, write_line};

impl Notice<'_> {
    /// The subtype of the second part, which the first line of the header names too (RFC 6522 §3), and the
    /// encoding of that part.
    pub(super) fn status_type(&self) -> (&'static str, &'static str) {
        match self.utf8() {
            Utf8::Ascii => ("delivery-status", "7bit"),
            Utf8::SmtpUtf8 => ("global-delivery-status", "8bit"),
        }
    }

    pub(super) fn write_for_programs(&self, boundary: &str, out: &mut String) {
        let (kind, encoding) = self.status_type();
        write_line(
            out,
            format_args!(
                "--{boundary}\r\nContent-Type: message/{kind}\r\n\
                 Content-Description: Delivery report\r\n\
                 Content-Transfer-Encoding: {encoding}\r\n"
            ),
        );
        self.write_message_fields(out);
        for report in &self.reports {
            out.push_str("\r\n");
            self.write_recipient_fields(report, out);
        }
        out.push_str("\r\n");
    }

    /// RFC 3464 §2.2.
    fn write_message_fields(&self, out: &mut String) {
        if let Some(envid) = self.envid {
            // RFC 3461 §6.3 (a): as the sender said it, decoded from xtext.
            write_line(out, format_args!("Original-Envelope-Id: {}", one_line(envid, self.utf8())));
        }
        write_line(out, format_args!("Reporting-MTA: dns; {}", self.reporting_mta));
        write_line(out, format_args!("Arrival-Date: {}", date(self.arrived)));
    }

    /// RFC 3464 §2.3.
    fn write_recipient_fields(&self, report: &Report<'_>, out: &mut String) {
        let (recipient, utf8) = (report.recipient, self.utf8());
        if let Some(original) = recipient.orcpt.as_deref() {
            out.push_str("Original-Recipient: ");
            write_original(original, utf8, out);
            out.push_str("\r\n");
        }
        out.push_str("Final-Recipient: ");
        write_address(&recipient.address, utf8, out);
        out.push_str("\r\n");
        write_line(out, format_args!("Action: {}", word(report.action)));
        write_line(out, format_args!("Status: {}", status(report)));
        let said = one_line(&report.reply.to_string(), utf8);
        match report.speaker {
            Speaker::Host(host) => {
                let host = one_line(&mta_name(host), utf8);
                write_line(out, format_args!("Remote-MTA: dns; {host}"));
                write_line(out, format_args!("Diagnostic-Code: smtp; {said}"));
            }
            // RFC 3464 §2.3.6: without Remote-MTA it is we who said it.
            Speaker::Us => write_line(out, format_args!("Diagnostic-Code: x-postroad; {said}")),
            Speaker::Forgotten => {}
        }
        if let Some(last_attempt) = report.last_attempt {
            write_line(out, format_args!("Last-Attempt-Date: {}", date(last_attempt)));
        }
        write_line(out, format_args!("Final-Log-ID: {}", self.message));
        if let Kind::Delay { until } = self.kind {
            write_line(out, format_args!("Will-Retry-Until: {}", date(until))); // RFC 3464 §2.3.9
        }
    }
}

/// `address-type ";" generic-address` of one of our own addresses (RFC 3464 §2.3.2, RFC 6533 §3).
fn write_address(address: &Address, utf8: Utf8, out: &mut String) {
    let text = address.to_string();
    match (address.is_ascii(), utf8) {
        (true, _) => out.push_str("rfc822;"),
        (false, _) => out.push_str("utf-8;"),
    }
    match (address.is_ascii(), utf8) {
        (false, Utf8::Ascii) => xtext::write_unitext(&text, utf8, out),
        (true, _) | (_, Utf8::SmtpUtf8) => out.push_str(&one_line(&text, utf8)),
    }
}

/// The same of what ORCPT said: `type;address`, decoded.
fn write_original(original: &str, utf8: Utf8, out: &mut String) {
    let (kind, address) = original.split_once(';').unwrap_or(("unknown", original));
    out.push_str(&one_line(kind, Utf8::Ascii));
    out.push(';');
    match (address.is_ascii(), utf8) {
        (false, Utf8::Ascii) if kind.eq_ignore_ascii_case("utf-8") => {
            // What is longer than any path (RFC 5321 §4.5.3.1.3) would be longer than a line may be.
            let path = clipped(address, limits::PATH_OCTETS_MAX);
            xtext::write_unitext(&one_line(path, Utf8::SmtpUtf8), utf8, out);
        }
        _ => out.push_str(&one_line(address, utf8)),
    }
}

/// RFC 3464 §2.1.2: a name, or an address in brackets.
fn mta_name(host: &str) -> String {
    match host.parse() {
        Ok(IpAddr::V4(ip)) => format!("[{ip}]"),
        Ok(IpAddr::V6(ip)) => format!("[IPv6:{ip}]"),
        Err(_) => host.to_owned(),
    }
}

fn word(action: Action) -> &'static str {
    match action {
        Action::Failed => "failed",
        Action::Delayed => "delayed",
        Action::Delivered => "delivered",
        Action::Relayed => "relayed",
        Action::Expanded => "expanded",
    }
}

/// The status fits the action, whatever the reply's class was: a message that was given up after 4xx for days
/// has failed (RFC 3464 §2.3.4).
fn status(report: &Report<'_>) -> String {
    let class = match report.action {
        Action::Failed if is_given_up(report.action, report.reply) => return "5.4.7".into(),
        Action::Failed => '5',
        Action::Delayed => '4',
        Action::Delivered | Action::Relayed | Action::Expanded => '2',
    };
    let status = report.reply.status_or_class();
    format!("{class}.{}.{}", status.subject(), status.detail())
}

/// Whether time ran out: the last word was that it may work later (RFC 3463 §3.5: X.4.7, delivery time expired).
pub(super) fn is_given_up(action: Action, reply: &Reply) -> bool {
    action == Action::Failed && reply.severity() == Severity::Temporary
}
