//! What happened, for people: first to whom, then why, then what to do, then what the other side said.

use std::time::Duration;

use crate::envelope::Utf8;
use crate::limits;
use crate::quoted_printable;
use crate::trace_fields::date;

use super::programs::is_given_up;
use super::quote::{self, one_line, write_folded};
use super::reasons::{self, Reason};
use super::returned::{Extent, Returned};
use super::{Action, Kind, Notice, Reader, Report, Speaker, write_line};

const INDENT: &str = "    ";

impl Notice<'_> {
    pub(super) fn write_for_people(
        &self,
        boundary: &str,
        returned: &Returned<'_>,
        out: &mut String,
    ) {
        let text = self.text(returned);
        let (charset, encoding) = match (text.is_ascii(), self.utf8()) {
            (true, _) => ("us-ascii", "7bit"),
            (false, Utf8::Ascii) => ("utf-8", "quoted-printable"),
            (false, Utf8::SmtpUtf8) => ("utf-8", "8bit"),
        };
        write_line(
            out,
            format_args!(
                "--{boundary}\r\nContent-Type: text/plain; charset={charset}\r\n\
                 Content-Transfer-Encoding: {encoding}\r\n"
            ),
        );
        match encoding {
            "quoted-printable" => quoted_printable::encode(text.as_bytes(), out),
            _ => out.push_str(&text),
        }
        out.push_str("\r\n");
    }

    fn text(&self, returned: &Returned<'_>) -> String {
        let mut text = String::with_capacity(1_024);
        write_folded("", self.opening(), "", &mut text);
        for report in self.reports.iter().take(limits::RECIPIENTS_IN_WORDS_MAX) {
            self.write_report(report, &mut text);
        }
        let unnamed = self.reports.len().saturating_sub(limits::RECIPIENTS_IN_WORDS_MAX);
        if unnamed > 0 {
            write_line(&mut text, format_args!("\r\n  and {unnamed} more, in the report below"));
        }
        text.push_str("\r\n");
        self.write_outlook(returned, &mut text);
        write_line(
            &mut text,
            format_args!(
                "\r\nThis is the mail system at {}, where the message is known as {}.",
                self.reporting_mta, self.message
            ),
        );
        text
    }

    fn opening(&self) -> &'static str {
        match (self.kind, self.reader) {
            (Kind::Failure, Reader::Sender) => "Your message could not be delivered to:",
            (Kind::Failure, Reader::Postmaster) => {
                "Postmaster: this message could not be delivered, and its sender can't be told. \
                 It may be a report itself. It was meant for:"
            }
            (Kind::Delay { .. }, _) => "Your message has not been delivered yet to:",
            (Kind::Success, _) if self.all(Action::Delivered) => "Your message was delivered to:",
            (Kind::Success, _) => "Your message was passed on to:",
        }
    }

    fn write_report(&self, report: &Report<'_>, out: &mut String) {
        out.push_str("\r\n");
        let address = one_line(&report.recipient.address.to_string(), Utf8::SmtpUtf8);
        match original(report).filter(|original| *original != address) {
            Some(original) => {
                write_line(out, format_args!("  {address} (you wrote to {original})"));
            }
            None => write_line(out, format_args!("  {address}")),
        }
        let Reason { happened, advice } = reasons::of(report.reply);
        match report.action {
            Action::Failed if is_given_up(report.action, report.reply) => {
                let age = age(self.now.duration_since(self.arrived).unwrap_or_default());
                let given_up = format!("Given up after {age}. {happened}");
                write_folded(INDENT, &given_up, INDENT, out);
                self.write_advice(reasons::GIVEN_UP, out);
            }
            Action::Failed => {
                write_folded(INDENT, happened, INDENT, out);
                self.write_advice(advice, out);
            }
            Action::Delayed => write_folded(INDENT, happened, INDENT, out),
            Action::Delivered => write_folded(INDENT, "It is in the mailbox.", INDENT, out),
            Action::Relayed => write_folded(INDENT, RELAYED, INDENT, out),
            Action::Expanded => return write_folded(INDENT, EXPANDED, INDENT, out),
        }
        let said = match report.speaker {
            // It may be our own word about a host that said nothing or too little.
            Speaker::Host(host) => format!("At {host}: {}", report.reply),
            Speaker::Us => format!("In technical terms: {}", report.reply),
            Speaker::Forgotten => format!("Said last: {}", report.reply),
        };
        write_folded(INDENT, &one_line(&said, Utf8::SmtpUtf8), "      ", out);
    }

    /// What a sender can do; the postmaster knows better.
    fn write_advice(&self, advice: &str, out: &mut String) {
        if self.reader == Reader::Sender {
            write_folded(INDENT, advice, INDENT, out);
        }
    }

    fn write_outlook(&self, returned: &Returned<'_>, out: &mut String) {
        let (message, arrived) = (self.message_in_words(), date(self.arrived));
        let outlook = match (self.kind, returned.extent) {
            (Kind::Failure, Extent::Whole) => {
                format!("Nothing more will be tried; {message} of {arrived} follows below.")
            }
            (Kind::Failure, Extent::Header) => format!(
                "Nothing more will be tried; the header of {message} of {arrived} follows below."
            ),
            (Kind::Failure, Extent::HeaderOfLarge) => format!(
                "Nothing more will be tried; {message} of {arrived} is too large to come back \
                 whole, so only its header follows below."
            ),
            (Kind::Delay { until }, _) => format!(
                "You don't have to do anything: {message} of {arrived} is tried again and again \
                 until {}. Please don't send it a second time; you will hear if it fails.",
                date(until)
            ),
            (Kind::Success, _) => {
                format!("You had asked to be told what becomes of {message} of {arrived}.")
            }
        };
        write_folded("", &outlook, "", out);
    }

    fn message_in_words(&self) -> String {
        let message = match self.reader {
            Reader::Sender => "your message",
            Reader::Postmaster => "the message",
        };
        match quote::subject(self.content, Utf8::SmtpUtf8) {
            // What is encoded is for programs.
            Some(subject) if !subject.contains("=?") => format!("{message} \"{subject}\""),
            Some(_) | None => message.to_owned(),
        }
    }
}

const RELAYED: &str = "The next mail system has it. It sends no reports of success, so you will hear \
                       of it again only if something goes wrong.";
const EXPANDED: &str = "That address stands for others, to whom it goes now. You will hear of it again \
                        only if something goes wrong.";

/// Whom the sender wrote to, where the address became another one on the way.
fn original(report: &Report<'_>) -> Option<String> {
    let (_, address) = report.recipient.orcpt.as_deref()?.split_once(';')?;
    Some(one_line(address, Utf8::SmtpUtf8))
}

/// How long it was tried: in days where it is some, else in hours or minutes.
fn age(age: Duration) -> String {
    let minutes = age.as_secs() / 60;
    let (number, unit) = match minutes {
        0..120 => (minutes.max(1), "minute"),
        120..2_880 => (minutes / 60, "hour"),
        _ => (minutes / 1_440, "day"),
    };
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {unit}{plural}")
}
