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

use std::borrow::Cow;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use jiff::Timestamp;
use mail_parser::{HeaderForm, HeaderValue, Message, MessageParser};
use postroad_calendar::Invitation;
use postroad_protocol::encoded_words;

use crate::limits;
use crate::mailto::Mailto;
use crate::sealed::Seal;

pub(crate) mod flowed;
mod html;
pub mod links;
pub mod list;
pub mod page;
mod parts;
pub mod save;

pub use links::Link;
pub use parts::Part;

/// Somebody in an address field, as the message names them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Person {
    /// The display name.
    pub name: Option<String>,
    /// The address, whatever stood there.
    pub address: Option<String>,
}

/// Where a mailing list takes letters (RFC 2369 §3.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListPost {
    /// At this address, whatever stood there.
    To(String),
    /// Nowhere.
    No,
}

impl ListPost {
    /// Reads the field: addresses of which each is in `<>`, the first that we know counts.
    fn of(value: &str) -> Option<Self> {
        let first = crate::mailto::listed(value).into_iter().find_map(|link| Mailto::parse(&link));
        match first.and_then(|link| link.to.into_iter().next()) {
            Some(address) => Some(Self::To(address)),
            None if value.trim().get(..2).is_some_and(|no| no.eq_ignore_ascii_case("no")) => {
                Some(Self::No)
            }
            None => None,
        }
    }
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
    /// Where its author wants answers for all to go: `Mail-Followup-To`.
    pub followup_to: Vec<Person>,
    /// Where the list that it came by takes letters (RFC 2369 §3.4).
    pub list: Option<ListPost>,
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
    pub blocks: Vec<Block>,
    /// Its links, those first that its HTML has: they are numbered in the text, from 1.
    pub links: Vec<Link>,
    /// What can be saved.
    pub attachments: Vec<Part>,
    /// What was found of its seal, where it has one: nothing that the letter says can stand there (row U09).
    pub seal: Option<Seal>,
    /// What it asks to.
    pub invitations: Vec<Invitation>,
}

/// A piece of text that is read: never joined to another one (row U08).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// What it is.
    pub kind: BlockKind,
    /// Its lines. Those of quotes begin with `>`.
    pub text: String,
}

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockKind {
    /// Text as it was typed.
    Plain,
    /// Text whose paragraphs are one line each (RFC 3676).
    Flowed,
    /// A page that was laid out.
    Html,
    /// Where the links of a page lead.
    Links,
    /// An invitation, in words.
    Event,
    /// Ours, about what follows or isn't there.
    Ours,
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
    /// A text alone.
    pub fn of_text(text: String) -> Self {
        let blocks = vec![Block { kind: BlockKind::Plain, text }];
        Self { blocks, ..Self::default() }
    }

    /// All of the text, an empty line between two pieces.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for block in &self.blocks {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&block.text);
            if !block.text.ends_with('\n') {
                text.push('\n');
            }
        }
        text
    }

    /// Takes a message apart. Never fails: what can't be parsed is shown raw.
    pub fn of(raw: &[u8]) -> Self {
        Self::within(raw, limits::RENDER_TIMEOUT)
    }

    fn within(raw: &[u8], timeout: Duration) -> Self {
        let source = Arc::new(Source::of(raw));
        if source.is_parseable() {
            for depth in [Depth::Full, Depth::Parts] {
                if let Some(view) = in_own_thread(source.clone(), depth, timeout) {
                    return view;
                }
            }
        }
        opaque(raw)
    }
}

/// A message as the parser gets it.
struct Source {
    octets: Vec<u8>,
    /// Makes what was hidden from the parser in the header visible again.
    shown: fn(&str) -> String,
}

impl Source {
    fn of(raw: &[u8]) -> Self {
        let octets = without_utf7_words(raw);
        let (header, body) = octets.split_at_checked(header_end(&octets)).unwrap_or((&octets, &[]));
        match encoded_words::bounded(header) {
            Cow::Borrowed(_) => Self { octets, shown: str::to_owned },
            // Row M10.
            Cow::Owned(header) => {
                Self { octets: [&header, body].concat(), shown: encoded_words::show }
            }
        }
    }

    /// Whether all headers, those of parts too, are such that the parser comes to an end.
    fn is_parseable(&self) -> bool {
        let fields = count_ignoring_case(&self.octets, b"content-type");
        fields <= limits::CONTENT_TYPE_FIELDS_MAX
            // Row M10: in a body nothing can be hidden.
            && matches!(encoded_words::bounded(&self.octets), Cow::Borrowed(_))
    }
}

/// Runs the parser where its panics, its recursion and its time are its own.
fn in_own_thread(source: Arc<Source>, depth: Depth, timeout: Duration) -> Option<View> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let thread = std::thread::Builder::new()
        .name("render".into())
        .stack_size(limits::PARSER_STACK_OCTETS)
        .spawn(move || {
            let view = MessageParser::default().parse(source.octets.as_slice()).map(|message| {
                let mut view = parts::walk(&message, depth);
                for part in &mut view.attachments {
                    part.name = part.name.as_deref().map(source.shown);
                }
                View { summary: summary(&message, source.shown), ..view }
            });
            // Nobody waits any more after the time limit.
            let _ = sender.send(view);
        });
    thread.ok()?;
    // A panic drops the sender: an error here, too.
    receiver.recv_timeout(timeout).ok().flatten()
}

/// A message as it stands, where nothing better can be had.
fn opaque(raw: &[u8]) -> View {
    View { summary: Summary::of(raw), ..View::of_text(String::from_utf8_lossy(raw).into_owned()) }
}

impl Summary {
    /// Reads the header of a message; `raw` may end anywhere behind it.
    pub fn of(raw: &[u8]) -> Self {
        let source = Source::of(raw.get(..header_end(raw)).unwrap_or(raw));
        let parsed = std::panic::catch_unwind(|| {
            let message = MessageParser::default().parse_headers(&source.octets)?;
            Some(summary(&message, source.shown))
        });
        parsed.ok().flatten().unwrap_or_default()
    }
}

/// What a header says; `shown` is what becomes of each text in it.
fn summary(message: &Message<'_>, shown: fn(&str) -> String) -> Summary {
    let people = |field: Option<&mail_parser::Address<'_>>| people(field, shown);
    Summary {
        from: people(message.from()),
        to: message.all_to().flat_map(|field| people(Some(field))).collect(),
        cc: message.all_cc().flat_map(|field| people(Some(field))).collect(),
        reply_to: people(message.reply_to()),
        followup_to: followup_to(message, shown),
        list: message.header_raw("List-Post").and_then(ListPost::of),
        subject: message.subject().map(shown).unwrap_or_default(),
        date: message.header_raw("Date").and_then(timestamp),
        message_id: message.message_id().map(shown),
        references: ids(message.references(), shown),
        in_reply_to: ids(message.in_reply_to(), shown),
    }
}

fn people(field: Option<&mail_parser::Address<'_>>, shown: fn(&str) -> String) -> Vec<Person> {
    let person = |addr: &mail_parser::Addr<'_>| Person {
        name: addr.name.as_deref().map(shown),
        address: addr.address.as_deref().map(shown),
    };
    field.map(|address| address.iter().map(person).collect()).unwrap_or_default()
}

/// The parser takes the field for a text, unless it is told.
fn followup_to(message: &Message<'_>, shown: fn(&str) -> String) -> Vec<Person> {
    let fields = message.header_as("Mail-Followup-To", HeaderForm::Addresses);
    people(fields.first().and_then(HeaderValue::as_address), shown)
}

fn ids(value: &HeaderValue<'_>, shown: fn(&str) -> String) -> Vec<String> {
    match value {
        HeaderValue::Text(id) => vec![shown(id)],
        HeaderValue::TextList(ids) => ids.iter().map(|id| shown(id)).collect(),
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
            View::of(&[head.as_bytes(), body].concat()).text()
        };
        assert_eq!(body("iso-8859-15", b"\xa4").trim_end(), "€");
        assert!(!body("iso-2022-jp", b"\x1b$B$").is_empty());
        assert!(body(&"x".repeat(1_000), b"plain \xff").contains("plain"));
    }

    #[test]
    fn bodies_in_the_charsets_that_letters_have() {
        for (charset, octets, text) in [
            // What Windows' programs call latin1 is windows-1252.
            (
                "iso-8859-1",
                &b"\x93quoted\x94 \x80 \xe4"[..],
                "\u{201c}quoted\u{201d} \u{20ac} \u{e4}",
            ),
            ("latin1", b"\x96", "\u{2013}"),
            ("windows-1252", b"\x80", "\u{20ac}"),
            ("gb18030", b"\xc4\xe3\x81\x30\x81\x30", "\u{4f60}\u{80}"),
            ("gb2312", b"\xc4\xe3\xba\xc3", "\u{4f60}\u{597d}"),
            ("big5", b"\xa7\x41", "\u{4f60}"),
            ("iso-2022-jp", b"\x1b$B$3$s\x1b(B!", "\u{3053}\u{3093}!"),
            ("shift_jis", b"\x82\xb1", "\u{3053}"),
            ("euc-kr", b"\xb0\xa1", "\u{ac00}"),
            ("koi8-r", b"\xc1", "\u{430}"),
            ("windows-1251", b"\xe0", "\u{430}"),
            ("utf-7", b"gr+APw-n", "gr\u{fc}n"),
            ("utf-8", b"gr\xc3\xbcn", "gr\u{fc}n"),
            ("utf-16le", b"a\0b\0", "ab"),
            ("x-unknown", b"gr\xc3\xbcn", "gr\u{fc}n"),
        ] {
            let head = format!("Content-Type: text/plain; charset=\"{charset}\"\r\n\r\n");
            let view = View::of(&[head.as_bytes(), octets].concat());
            assert_eq!(view.text().trim_end(), text, "{charset}");
        }
    }

    #[test]
    fn m10_words_that_have_no_end_hide_no_word_that_has_one() {
        let word = "=?utf-8?Q?gr=C3=BC=C3=9Fe?=";
        let header = |begins: usize| {
            let field = format!("{}{word}", "=?aa?q?b ".repeat(begins));
            format!("From: {field} <a@b.example>\r\nSubject: {field}\r\n\r\n")
        };
        // As it was before anything is hidden.
        let small = header(500);
        let seen = MessageParser::default().parse_headers(small.as_bytes()).unwrap();
        assert_eq!(Summary::of(small.as_bytes()), summary(&seen, str::to_owned));
        // A megabyte of it.
        let large = header(60_000);
        let view = View::of(format!("{large}text").as_bytes());
        assert_eq!(view.text().trim_end(), "text");
        for summary in [Summary::of(large.as_bytes()), view.summary] {
            let shown = format!("{}grüße", "=?aa?q?b ".repeat(60_000));
            assert!(summary.subject == shown, "{:.80}", summary.subject);
            assert_eq!(summary.from.len(), 1);
            assert!(summary.from[0].name.as_ref() == Some(&shown));
            assert_eq!(summary.from[0].address.as_deref(), Some("a@b.example"));
        }
    }

    #[test]
    fn m10_parts_whose_words_have_no_end_are_shown_raw() {
        let begins = "=?aa?q?b ".repeat(60_000);
        for field in ["Subject", "Content-Type: text/plain; name"] {
            let message = format!(
                "Subject: s\r\nContent-Type: message/rfc822\r\n\r\n{field}: {begins}\r\n\r\ntext\r\n"
            );
            let source = Source::of(message.as_bytes());
            assert!(!source.is_parseable(), "{field}");
            let view = View::of(message.as_bytes());
            assert_eq!(view.summary.subject, "s");
            assert!(view.text().trim_end() == message.trim_end(), "{field}");
        }
        // A text that speaks of them is none.
        let message =
            "Subject: s\r\n\r\n    if (!memcmp(at, \"=?\", 2)) return Q?x;\r\n".repeat(1_000);
        assert!(Source::of(message.as_bytes()).is_parseable());
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
        assert!(view.text().contains("text"));
        assert_eq!(view.summary.subject, "s");
    }
}
