//! What the fuzz targets run, so that plain `cargo test` can replay their seeds.
//!
//! Each body takes any octets and panics where something that must hold doesn't. The targets under
//! `tests/fuzz` hand them libFuzzer's octets; `tests/fuzz_seeds.rs` hands them the files in the tree.

use jiff::tz::TimeZone;
use postroad_protocol::address::{Address, ReversePath};
use postroad_protocol::envelope::Notify;
use postroad_tui::data::{FolderId, LetterId, Unsubscribe};

use crate::bounce::original::Tied;
use crate::compose::handed_in::{HeaderRecipients, Instructions, into_letter};
use crate::compose::{ComposeError, Mailbox};
use crate::full::laid_out;
use crate::render::list::{Row, RowJson};
use crate::render::{Summary, View, header_end, page};
use crate::safe_text::{SafeText, json_line};
use crate::trust::Trusted;

/// What one target runs.
pub type Body = fn(&[u8]);

/// Every target, by the name of its file and its folder of seeds.
pub const TARGETS: [(&str, Body); 3] =
    [("render", render), ("handed_in", handed_in), ("mbox", mbox)];

/// Whatever a mailbox file holds, its letters lie in it one behind the other.
pub fn mbox(file: &[u8]) {
    crate::mailbox::mbox::check(file);
}

/// Whatever a message is, its page and its line in the list hold nothing that a terminal obeys, and its
/// JSON is read back.
pub fn render(message: &[u8]) {
    let view = View::of(message);
    check_inert(&page::page(&view, &TimeZone::UTC), "\n");
    for line in Tied::of(message, &view, None).map(|tied| tied.lines()).unwrap_or_default() {
        check_inert(&SafeText::line(&line), "");
    }
    check_screen(message, &view);
    let row = Row {
        number: 1,
        id: String::new(),
        name: String::from_utf8_lossy(message.get(..40).unwrap_or(message)).into_owned(),
        flags: String::new(),
        keywords: Vec::new(),
        octets: 0,
        arrived: None,
        summary: Summary::of(message),
    };
    check_inert(&row.line(&TimeZone::UTC), "");
    let json = json_line(&RowJson::of(&row).with_view(&view)).map(|line| {
        check_inert(&line, "");
        serde_json::from_str::<serde_json::Value>(line.as_str())
    });
    assert!(matches!(json, Ok(Ok(_))), "JSON that nobody can read");
}

/// What the full screen gets of it.
fn check_screen(message: &[u8], view: &View) {
    let letter = LetterId { folder: FolderId(0), validity: 0, uid: 1 };
    let page = laid_out(letter, message, view, &Trusted::default());
    let head = page.head.iter().flat_map(|(name, value)| [name, value]);
    let parts = page.parts.iter().flat_map(|part| part.name.iter().chain([&part.kind]));
    let links = page
        .links
        .iter()
        .flat_map(|link| [&link.words, &link.target, &link.host].into_iter().chain(&link.warning));
    let lines = page.lines.iter().map(|line| &line.text);
    let unsubscribe = page.unsubscribe.iter().flat_map(|way| match way {
        Unsubscribe::Request { host, link } | Unsubscribe::Page { host, link } => vec![host, link],
        Unsubscribe::Letter(link) => vec![link],
    });
    let trust = page.trust.iter().map(|trust| &trust.words).chain(&page.explained);
    head.chain(parts)
        .chain(trust)
        .chain(&page.invitation)
        .chain(unsubscribe)
        .chain(links)
        .chain(lines)
        .for_each(|text| check_inert(text, ""));
}

fn check_inert(text: &SafeText, breaks: &str) {
    let obeyed =
        |c: char| c.is_control() && !breaks.contains(c) || "\u{202e}\u{2066}\u{200b}".contains(c);
    assert!(!text.as_str().contains(obeyed), "{text:?}");
}

/// Whatever is handed in with `-t`: a letter has no `Bcc`, no bare CR or LF, and a `From`, a `Date` and
/// a `Message-ID`.
pub fn handed_in(message: &[u8]) {
    let Ok(author) = Address::parse("us@our.example") else { return };
    let instructions = Instructions {
        sender: ReversePath::Address(author.clone()),
        author: Mailbox::new(Some("Us"), author.clone()),
        recipients: vec![author],
        header_recipients: HeaderRecipients::Taken,
        notify: Notify::default(),
        ret: None,
        envid: None,
    };
    let letter = match into_letter(message, instructions) {
        Ok(letter) => letter,
        Err(ComposeError::Address(_) | ComposeError::TooManyRecipients { .. }) => return,
        Err(error) => panic!("{error}"),
    };
    let header = letter.content.get(..header_end(&letter.content)).unwrap_or_default();
    let header = String::from_utf8_lossy(header).to_ascii_lowercase();
    let has = |name: &str| {
        header.lines().any(|line| {
            line.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with(':'))
        })
    };
    assert!(!has("bcc") && !has("resent-bcc"), "{header}");
    assert!(has("from") && has("date") && has("message-id"), "{header}");
    let mut before = b' ';
    for octet in letter.content {
        assert_eq!(octet == b'\n', before == b'\r', "a bare CR or LF");
        before = octet;
    }
}
