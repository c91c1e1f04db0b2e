//! A letter that says what became of another one (RFC 3464, RFC 6522): whom it did not reach and why, and which it was.
//!
//! ```text
//! multipart/report; report-type=delivery-status
//! ├─ text                       for people
//! ├─ message/delivery-status    fields, a group for each recipient   ──► Failed
//! └─ message/rfc822, or its header alone                             ──► Returned
//! ```
//! Anybody can write such a letter: what it says of a letter counts only where that one is found among those that were
//! sent ([`original`]).

use std::borrow::Cow;

use postroad_protocol::header;
use schemars::JsonSchema;
use serde::Serialize;

use crate::limits;
use crate::render::{Part, Summary, View, header_end};

pub mod original;

/// What such a letter says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Bounce {
    /// The letter that it is about.
    #[serde(flatten)]
    pub returned: Returned,
    /// Its recipients, as far as they are told of.
    pub recipients: Vec<Recipient>,
}

/// A letter that came back, as the one that brings it says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Returned {
    /// Its Message-ID without brackets.
    pub message_id: Option<String>,
    /// What it was about.
    pub subject: String,
}

/// What became of a letter for one of those whom it was for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Recipient {
    /// Who that is.
    pub to: String,
    /// What became of it.
    pub action: Action,
    /// The enhanced status code (RFC 3463), such as `5.1.1`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub status: String,
    /// What the server said.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub said: String,
}

/// RFC 3464 §2.3.3
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It wasn't delivered, and won't be.
    #[default]
    Failed,
    /// Not yet.
    Delayed,
    /// It was.
    Delivered,
    /// It went on to where nothing more is told.
    Relayed,
    /// It went on to several.
    Expanded,
}

impl Action {
    /// RFC 3464 §2.3.3: the words, in whatever case, perhaps with a comment. What is no word of these is no success.
    fn of(text: &str) -> Self {
        let word = text.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        match word.to_ascii_lowercase().as_str() {
            "delayed" => Self::Delayed,
            "delivered" => Self::Delivered,
            "relayed" => Self::Relayed,
            "expanded" => Self::Expanded,
            _ => Self::Failed,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Failed => "Not delivered to",
            Self::Delayed => "Not yet delivered to",
            Self::Delivered => "Delivered to",
            Self::Relayed => "Handed on, to where nothing is told of it, for",
            Self::Expanded => "Sent on to others by",
        }
    }
}

impl Bounce {
    /// What a letter says of another one; `None` where it is no such letter.
    pub fn of(raw: &[u8], view: &View) -> Option<Self> {
        let header = raw.get(..header_end(raw)).unwrap_or(raw);
        let kind = header::fields(header).find(|field| field.is("Content-Type"))?;
        let kind = String::from_utf8_lossy(kind.raw_value).to_ascii_lowercase();
        // RFC 6522 §3
        if !kind.trim_start().starts_with("multipart/report") || !kind.contains("delivery-status") {
            return None;
        }
        let is = |part: &Part, kinds: &[&str]| {
            kinds.iter().any(|kind| part.media_type.eq_ignore_ascii_case(kind))
        };
        // RFC 6533 §3, where addresses are UTF-8.
        let status = ["message/delivery-status", "message/global-delivery-status"];
        let place = view.attachments.iter().position(|part| is(part, &status))?;
        let (_, behind) = view.attachments.split_at_checked(place)?;
        let (status, behind) = behind.split_first()?;
        let letters = [
            "message/rfc822",
            "message/global",
            "text/rfc822-headers",
            "message/rfc822-headers",
            "message/global-headers",
        ];
        // What is enclosed in the letter that came back stands before it.
        let letter = behind.iter().rev().find(|part| is(part, &letters));
        let returned = letter.map(|part| {
            let summary = Summary::of(&part.content);
            Returned { message_id: summary.message_id, subject: summary.subject }
        });
        let recipients = recipients(&status.content);
        (!recipients.is_empty())
            .then(|| Self { returned: returned.unwrap_or_default(), recipients })
    }

    /// A line for each recipient, those first that it didn't reach.
    pub fn lines(&self) -> Vec<String> {
        let rank = |recipient: &&Recipient| recipient.action != Action::Failed;
        let mut recipients: Vec<&Recipient> = self.recipients.iter().collect();
        recipients.sort_by_key(rank);
        let line = |recipient: &&Recipient| {
            let Recipient { to, action, status, said } = recipient;
            let why = if said.is_empty() { status } else { said };
            let why = if why.is_empty() { String::new() } else { format!(": {why}") };
            format!("{} {to}{why}", action.words())
        };
        let mut lines: Vec<String> =
            recipients.iter().take(limits::BOUNCE_LINES_MAX).map(line).collect();
        if let Some(more) = recipients.len().checked_sub(limits::BOUNCE_LINES_MAX + 1) {
            lines.push(format!("and {} others", more + 1));
        }
        lines
    }
}

/// The groups of fields behind the first one (RFC 3464 §2.1): each is about one recipient.
fn recipients(status: &[u8]) -> Vec<Recipient> {
    let text = String::from_utf8_lossy(status).replace("\r\n", "\n");
    let groups = text.split("\n\n").map(|group| group.trim_matches('\n'));
    let groups = groups.filter(|group| !group.is_empty());
    groups.filter_map(recipient).take(limits::BOUNCE_RECIPIENTS_MAX).collect()
}

/// A group that names no recipient is the one about the whole letter.
fn recipient(group: &str) -> Option<Recipient> {
    let mut found = Recipient::default();
    let (mut last, mut first) = (None, None);
    for field in header::fields(group.as_bytes()) {
        let value = unfolded(field.raw_value);
        if field.is("Final-Recipient") {
            last = Some(typed(&value));
        } else if field.is("Original-Recipient") {
            first = Some(typed(&value));
        } else if field.is("Action") {
            found.action = Action::of(&value);
        } else if field.is("Status") {
            found.status = value.split_whitespace().next().unwrap_or_default().to_owned();
        } else if field.is("Diagnostic-Code") {
            found.said = typed(&value);
        }
    }
    // Whom the user has written to, where that is told; aliases have led to the other one.
    found.to = first.filter(|to| !to.is_empty()).or(last)?;
    Some(found)
}

/// What is behind the type of an address or of a code: `rfc822; a@x.example`, `smtp; 550 no` (RFC 3464 §2.1.2).
fn typed(value: &str) -> String {
    let behind = value.split_once(';').map_or(value, |(_, behind)| behind);
    behind.trim().to_owned()
}

fn unfolded(value: &[u8]) -> String {
    let value = value.get(..limits::FIELD_OCTETS_MAX).unwrap_or(value);
    let value = String::from_utf8_lossy(value);
    let value: Cow<'_, str> = if value.contains('\n') {
        value.split('\n').map(str::trim).collect::<Vec<_>>().join(" ").into()
    } else {
        value
    };
    value.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const POSTFIX: &str = "From: MAILER-DAEMON@mx.example (Mail Delivery System)\r\n\
        To: me@our.example\r\nSubject: Undelivered Mail Returned to Sender\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"B\"\r\n\r\n\
        --B\r\nContent-Description: Notification\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n\
        I'm sorry.\r\n\r\n--B\r\nContent-Description: Delivery report\r\n\
        Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\
        X-Postfix-Sender: rfc822; me@our.example\r\nArrival-Date: Mon, 30 Nov 2026 14:00:00 +0000\r\n\r\n\
        Final-Recipient: rfc822; bob@x.example\r\nOriginal-Recipient: rfc822;robert@x.example\r\n\
        Action: failed\r\nStatus: 5.1.1\r\nRemote-MTA: dns; mail.x.example\r\n\
        Diagnostic-Code: smtp; 550 5.1.1 <bob@x.example>:\r\n    no such\x1b[2J user\r\n\r\n\
        Final-Recipient: rfc822; carol@x.example\r\nAction: delayed (in the queue)\r\nStatus: 4.4.1\r\n\r\n\
        --B\r\nContent-Description: Undelivered Message\r\nContent-Type: message/rfc822\r\n\r\n\
        Message-ID: <one@our.example>\r\nFrom: me@our.example\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\
        Content-Type: multipart/mixed; boundary=C\r\n\r\n--C\r\nContent-Type: message/rfc822\r\n\r\n\
        Message-ID: <inner@y.example>\r\nSubject: inner\r\n\r\nhi\r\n--C--\r\n\r\n--B--\r\n";

    fn bounce(raw: &str) -> Option<Bounce> {
        Bounce::of(raw.as_bytes(), &View::of(raw.as_bytes()))
    }

    #[test] // Tests RFC 3464 §2.1, §2.3 and RFC 6522 §3.
    fn a_letter_that_came_back_says_which_and_why() {
        let found = bounce(POSTFIX).expect("it is one");
        assert_eq!(found.returned.message_id.as_deref(), Some("one@our.example"));
        assert_eq!(found.returned.subject, "Grüße");
        assert_eq!(
            found.lines(),
            [
                "Not delivered to robert@x.example: 550 5.1.1 <bob@x.example>: no such\u{1b}[2J user",
                "Not yet delivered to carol@x.example: 4.4.1",
            ]
        );
    }

    #[test]
    fn the_header_alone_and_utf8_will_do() {
        let short = POSTFIX.replace(
            "Content-Type: message/rfc822\r\n\r\nMessage-ID: <one",
            "Content-Type: text/rfc822-headers\r\n\r\nMessage-ID: <one",
        );
        let found = bounce(&short).unwrap();
        assert_eq!(found.returned.message_id.as_deref(), Some("one@our.example"));
        let utf8 = POSTFIX.replace("message/delivery-status", "message/global-delivery-status");
        assert_eq!(bounce(&utf8).unwrap().recipients.len(), 2);
    }

    #[test]
    fn other_letters_are_none() {
        for raw in [
            POSTFIX.replace("multipart/report", "multipart/mixed"),
            POSTFIX.replace("report-type=delivery-status", "report-type=disposition-notification"),
            POSTFIX.replace("Final-Recipient", "X-Recipient").replace("Original-", "X-"),
            POSTFIX.replace("message/delivery-status", "application/octet-stream"),
            "Subject: plain\r\n\r\nFinal-Recipient: rfc822; a@x.example\r\n".to_owned(),
            "Content-Type: multipart/report; report-type=delivery-status\r\n\r\n".to_owned(),
        ] {
            assert_eq!(bounce(&raw), None, "{raw}");
        }
    }

    #[test]
    fn what_is_odd_is_no_success() {
        for (text, action) in [
            ("failed", Action::Failed),
            ("FAILED (no)", Action::Failed),
            ("Delivered", Action::Delivered),
            ("delivered-not", Action::Delivered),
            ("", Action::Failed),
            ("undelivered", Action::Failed),
        ] {
            assert_eq!(Action::of(text), action, "{text}");
        }
        let many: String = (0..2_000)
            .map(|n| format!("Final-Recipient: rfc822; a{n}@x.example\nAction: failed\n\n"))
            .collect();
        let found = recipients(many.as_bytes());
        assert_eq!(found.len(), limits::BOUNCE_RECIPIENTS_MAX);
        let lines = Bounce { returned: Returned::default(), recipients: found }.lines();
        assert_eq!(lines.len(), limits::BOUNCE_LINES_MAX + 1);
        let others = limits::BOUNCE_RECIPIENTS_MAX - limits::BOUNCE_LINES_MAX;
        assert_eq!(lines.last().unwrap(), &format!("and {others} others"));
    }
}
