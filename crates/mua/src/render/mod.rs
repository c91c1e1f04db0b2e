//! From a message's octets to what a person sees of it.
//!
//! [`View::of`] parses and lays out in a thread of its own, with a deep stack and a time limit: what
//! others wrote must not end or hold up this process. Where the parser panics or takes too long the
//! message is shown raw. [`Summary::of`] reads the header alone, for lists.
//!
//! Everything in a [`View`] is still others' text: only [`page`] and [`list`] make
//! [`SafeText`](crate::safe_text::SafeText) of it.
//!
//! Deliberately missing: nothing here opens a connection, runs a program or follows a link (row U07).

use std::sync::mpsc;
use std::time::Duration;

use jiff::Timestamp;
use mail_parser::{HeaderValue, Message, MessageParser};

use crate::limits;

mod html;
pub mod list;
pub mod page;
mod parts;
pub mod save;

pub use parts::Part;

/// Somebody in an address field, as the message names them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Person {
    /// The display name.
    pub name: Option<String>,
    /// The address, whatever stood there.
    pub address: Option<String>,
}

/// What a list shows of a message.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Summary {
    /// Authors.
    pub from: Vec<Person>,
    /// Recipients.
    pub to: Vec<Person>,
    /// Those who were told.
    pub cc: Vec<Person>,
    /// Where answers go.
    pub reply_to: Vec<Person>,
    /// What it is about.
    pub subject: String,
    /// When it was written, if the field is a date (row A19).
    pub date: Option<Timestamp>,
    /// Its own id, without brackets.
    pub message_id: Option<String>,
    /// The ids of the thread above it, without brackets.
    pub references: Vec<String>,
    /// The ids that it answers.
    pub in_reply_to: Vec<String>,
}

/// All that is shown of a message.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct View {
    /// Its header.
    pub summary: Summary,
    /// Its text: every part that is meant to be read, in order.
    pub text: String,
    /// What can be saved.
    pub attachments: Vec<Part>,
}

/// How far a message is taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// Everything, HTML laid out.
    Full,
    /// Parts, HTML as it stands.
    Parts,
}

impl View {
    /// Takes a message apart. Never fails: what can't be parsed is shown raw.
    pub fn of(raw: &[u8]) -> Self {
        Self::within(raw, limits::RENDER_TIMEOUT)
    }

    fn within(raw: &[u8], timeout: Duration) -> Self {
        let raw = std::sync::Arc::new(without_utf7_words(raw));
        let fields = count_ignoring_case(&raw, b"content-type");
        if fields <= limits::CONTENT_TYPE_FIELDS_MAX {
            for depth in [Depth::Full, Depth::Parts] {
                if let Some(view) = in_own_thread(raw.clone(), depth, timeout) {
                    return view;
                }
            }
        }
        opaque(&raw)
    }
}

/// Runs the parser where its panics, its recursion and its time are its own.
fn in_own_thread(raw: std::sync::Arc<Vec<u8>>, depth: Depth, timeout: Duration) -> Option<View> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let thread = std::thread::Builder::new()
        .name("render".into())
        .stack_size(limits::PARSER_STACK_OCTETS)
        .spawn(move || {
            let view = MessageParser::default().parse(raw.as_slice()).map(|message| {
                let (text, attachments) = parts::walk(&message, depth);
                View { summary: summary(&message), text, attachments }
            });
            // Nobody waits any more after the time limit.
            let _ = sender.send(view.unwrap_or_else(|| opaque(&raw)));
        });
    thread.ok()?;
    // A panic drops the sender: an error here, too.
    receiver.recv_timeout(timeout).ok()
}

/// A message as it stands, where nothing better can be had.
fn opaque(raw: &[u8]) -> View {
    View {
        summary: Summary::of(raw),
        text: String::from_utf8_lossy(raw).into_owned(),
        attachments: Vec::new(),
    }
}

impl Summary {
    /// Reads the header of a message; `raw` may end anywhere behind it.
    pub fn of(raw: &[u8]) -> Self {
        let header = without_utf7_words(raw.get(..header_end(raw)).unwrap_or(raw));
        std::panic::catch_unwind(|| {
            MessageParser::default().parse_headers(&header).as_ref().map(summary)
        })
        .ok()
        .flatten()
        .unwrap_or_default()
    }
}

fn summary(message: &Message<'_>) -> Summary {
    let people = |field: Option<&mail_parser::Address<'_>>| -> Vec<Person> {
        let person = |addr: &mail_parser::Addr<'_>| Person {
            name: addr.name.as_deref().map(str::to_owned),
            address: addr.address.as_deref().map(str::to_owned),
        };
        field.map(|address| address.iter().map(person).collect()).unwrap_or_default()
    };
    Summary {
        from: people(message.from()),
        to: message.all_to().flat_map(|field| people(Some(field))).collect(),
        cc: message.all_cc().flat_map(|field| people(Some(field))).collect(),
        reply_to: people(message.reply_to()),
        subject: message.subject().unwrap_or_default().to_owned(),
        date: message.header_raw("Date").and_then(timestamp),
        message_id: message.message_id().map(str::to_owned),
        references: ids(message.references()),
        in_reply_to: ids(message.in_reply_to()),
    }
}

fn ids(value: &HeaderValue<'_>) -> Vec<String> {
    match value {
        HeaderValue::Text(id) => vec![id.to_string()],
        HeaderValue::TextList(ids) => ids.iter().map(ToString::to_string).collect(),
        HeaderValue::Address(_)
        | HeaderValue::DateTime(_)
        | HeaderValue::ContentType(_)
        | HeaderValue::Received(_)
        | HeaderValue::Empty => Vec::new(),
    }
}

/// Row A19: month Foo, zone +2400, second 61 and the like are no dates; the message parser makes some of
/// them, so the field is read again.
fn timestamp(raw_date: &str) -> Option<Timestamp> {
    let parser = jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true);
    let date = parser.parse_zoned(raw_date.trim()).ok()?;
    // Kiribati is 14 hours ahead, and nobody is further.
    let plausible = date.offset().seconds().abs() <= 14 * 60 * 60;
    Some(date.timestamp()).filter(|date| plausible && *date >= Timestamp::UNIX_EPOCH)
}

/// Octets up to and with the empty line that ends the header; all of them where there is none.
pub(crate) fn header_end(raw: &[u8]) -> usize {
    let mut start = 0;
    while let Some(length) = raw.get(start..).and_then(|rest| rest.iter().position(|b| *b == b'\n'))
    {
        if matches!(raw.get(start..start + length), Some(b"" | b"\r")) {
            return start + length + 1;
        }
        start += length + 1;
    }
    raw.len()
}

/// Row A20: UTF-7 hides markup and controls from whoever looked at the octets, and has no place in a
/// header (RFC 2047 §3 asks for charsets of MIME mail; RFC 2152 says so of itself). Such words
/// are given a charset that nobody knows.
fn without_utf7_words(raw: &[u8]) -> Vec<u8> {
    let mut raw = raw.to_vec();
    let end = header_end(&raw);
    let header = raw.get_mut(..end).unwrap_or_default();
    let mut at = 0;
    while let Some(start) =
        header.get(at..).and_then(|rest| rest.windows(2).position(|w| w == b"=?"))
    {
        let word = at + start + 2;
        at = word;
        let charset = header.get_mut(word..).unwrap_or_default();
        let length = charset.iter().take(40).position(|b| *b == b'?').unwrap_or(0);
        let charset = charset.get_mut(..length).unwrap_or_default();
        let name = charset.to_ascii_lowercase();
        if name.windows(5).any(|w| w == b"utf-7") || name.windows(4).any(|w| w == b"utf7") {
            // A charset that nobody knows: the word is shown undecoded.
            charset.iter_mut().filter(|b| **b == b'7').for_each(|b| *b = b'_');
        }
    }
    raw
}

fn count_ignoring_case(haystack: &[u8], needle: &[u8]) -> usize {
    haystack.windows(needle.len()).filter(|window| window.eq_ignore_ascii_case(needle)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a13_nests_without_end_are_shown_to_a_depth_and_no_deeper() {
        let multiparts: String = (0..1_000)
            .map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n"))
            .collect();
        let messages = "Content-Type: message/rfc822\r\n\r\n".repeat(9_000);
        let more_messages = "Content-Type: message/rfc822\r\n\r\n".repeat(50_000);
        let parts = format!(
            "Content-Type: multipart/mixed; boundary=B\r\n\r\n{}",
            "--B\r\n\r\nx\r\n".repeat(100_000)
        );
        let prefix = "Content-Type: multipart/mixed; boundary=B\r\n\r\n--B\r\n\
            Content-Type: multipart/mixed; boundary=B1\r\n\r\n--B1\r\n\r\nin\r\n--B1--\r\n--B\r\n\r\nout\r\n"
            .to_owned();
        let corrupt = "Content-Type: multipart/mixed; boundary=B\r\n\r\n--B\r\n\
            Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!!\r\n--B--\r\n"
            .to_owned();
        for (name, message) in [
            ("1,000 nested multiparts", multiparts),
            ("9,000 nested messages", messages),
            ("50,000 nested messages", more_messages),
            ("100,000 parts", parts),
            ("a boundary that starts another, none final", prefix),
            ("corrupt nested message", corrupt),
        ] {
            let view = View::of(message.as_bytes());
            assert!(view.attachments.len() <= limits::PARTS_MAX, "{name}");
        }
    }

    #[test]
    fn a19_dates_that_are_none_fall_back() {
        for date in [
            "Mon, 1 Jan 0000 00:00:00 +0000",
            "Mon, 1 Jan 99999 00:00:00 +0000",
            "Mon, 1 Foo 2026 00:00:00 +0000",
            "Mon, 1 Jan 2026 00:00:00 +2400",
            "Mon, 1 Jan 2026 00:00:61 +0000",
            "99999999999999999999",
            "",
        ] {
            let summary = Summary::of(format!("Date: {date}\r\nSubject: s\r\n\r\n").as_bytes());
            assert_eq!(summary.date, None, "{date}");
            assert_eq!(summary.subject, "s", "{date}");
        }
        let good = Summary::of(b"Date: Sun, 22 Nov 2026 20:00:00 +0100\r\n\r\n");
        assert_eq!(good.date.unwrap().to_string(), "2026-11-22T19:00:00Z");
    }

    #[test]
    fn a20_odd_charsets_give_marks_and_utf7_is_no_charset_of_a_header() {
        let subject =
            |field: &[u8]| Summary::of(&[b"Subject: ", field, b"\r\n\r\n"].concat()).subject;
        assert_eq!(subject(b"=?utf-7?Q?+ADw-script+AD4-?="), "+ADw-script+AD4-");
        assert_eq!(subject(b"=?unicode-1-1-UTF-7?Q?+ADw-?="), "+ADw-");
        assert_eq!(subject("=?utf-8?Q?gr=C3=BC=C3=9Fe?=".as_bytes()), "grüße");
        assert!(subject(b"caf\xe9").contains('\u{fffd}'));
        let body = |charset: &str, body: &[u8]| {
            let head = format!("Content-Type: text/plain; charset={charset}\r\n\r\n");
            View::of(&[head.as_bytes(), body].concat()).text
        };
        assert_eq!(body("iso-8859-15", b"\xa4").trim_end(), "€");
        assert!(!body("iso-2022-jp", b"\x1b$B$").is_empty());
        assert!(body(&"x".repeat(1_000), b"plain \xff").contains("plain"));
    }

    #[test]
    fn the_header_ends_at_the_first_empty_line() {
        for (raw, end) in [("a: b\r\n\r\nc", 8), ("a: b\n\nc", 6), ("a: b", 4), ("\nc", 1), ("", 0)]
        {
            assert_eq!(header_end(raw.as_bytes()), end, "{raw:?}");
        }
    }

    #[test]
    fn what_takes_too_long_is_shown_raw() {
        let view = View::within(b"Subject: s\r\n\r\ntext\r\n", Duration::ZERO);
        assert!(view.text.contains("text"));
        assert_eq!(view.summary.subject, "s");
    }
}
