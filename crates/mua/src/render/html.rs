//! HTML as text. It is laid out by html2text, which opens no connection (row U07); links get a number, and where they
//! lead stands in a list below, and in the text where their words say otherwise (row U18).

use std::cell::RefCell;
use std::rc::Rc;

use html2text::render::{TaggedLine, TextDecorator};

use super::links::Link;
use crate::limits;

/// A page, laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Page {
    /// Its lines, each with its end.
    pub(super) text: String,
    /// Its links; the first has the number that was asked for.
    pub(super) links: Vec<Link>,
    /// Pictures that would have to be fetched, and weren't.
    pub(super) pictures: usize,
}

/// Lays a page out, its links counted from `first`; `None` where it is too large or can't be laid out.
pub(super) fn to_text(html: &str, first: usize) -> Option<Page> {
    if html.len() > limits::HTML_OCTETS_MAX {
        return None;
    }
    // It has panicked on mail before (crates.md): that costs the layout, not the message.
    std::panic::catch_unwind(|| {
        let decorator = Decorator { first, ..Decorator::default() };
        let seen = Rc::clone(&decorator.seen);
        let lines = html2text::config::with_decorator(decorator)
            .do_decorate()
            .link_footnotes(false)
            .empty_img_mode(html2text::config::ImageRenderMode::ShowAlways)
            .allow_width_overflow()
            .lines_from_read(html.as_bytes(), limits::HTML_COLUMNS)
            .ok()?;
        let seen = seen.borrow();
        Some(page(&lines, &seen, first))
    })
    .ok()
    .flatten()
}

/// What was met on the way.
#[derive(Debug, Default)]
struct Seen {
    targets: Vec<String>,
    pictures: usize,
}

/// Marks links with their numbers.
#[derive(Debug, Clone, Default)]
struct Decorator {
    seen: Rc<RefCell<Seen>>,
    /// The number of the first link.
    first: usize,
    /// The places of the links that are open.
    open: Vec<Option<usize>>,
}

/// The link that a piece of text belongs to: its place.
type Mark = Option<usize>;

impl TextDecorator for Decorator {
    type Annotation = Mark;

    fn decorate_link_start(&mut self, url: &str) -> (String, Mark) {
        let targets = &mut self.seen.borrow_mut().targets;
        let place = (targets.len() < limits::LINKS_MAX).then_some(targets.len());
        if place.is_some() {
            targets.push(url.to_owned());
        }
        self.open.push(place);
        (String::new(), place)
    }

    fn decorate_link_end(&mut self) -> String {
        match self.open.pop().flatten() {
            Some(place) => format!("[{}]", self.first.saturating_add(place)),
            None => String::new(),
        }
    }

    fn decorate_em_start(&self) -> (String, Mark) {
        (String::new(), None)
    }

    fn decorate_em_end(&self) -> String {
        String::new()
    }

    fn decorate_strong_start(&self) -> (String, Mark) {
        (String::new(), None)
    }

    fn decorate_strong_end(&self) -> String {
        String::new()
    }

    fn decorate_strikeout_start(&self) -> (String, Mark) {
        (String::new(), None)
    }

    fn decorate_strikeout_end(&self) -> String {
        String::new()
    }

    fn decorate_code_start(&self) -> (String, Mark) {
        (String::new(), None)
    }

    fn decorate_code_end(&self) -> String {
        String::new()
    }

    fn decorate_preformat_first(&self) -> Mark {
        None
    }

    fn decorate_preformat_cont(&self) -> Mark {
        None
    }

    fn decorate_image(&mut self, src: &str, title: &str) -> (String, Mark) {
        let is_elsewhere = !src.trim_start().get(..4).is_some_and(|scheme| {
            scheme.eq_ignore_ascii_case("cid:") || scheme.eq_ignore_ascii_case("data")
        });
        if is_elsewhere && !src.is_empty() {
            self.seen.borrow_mut().pictures += 1;
        }
        let title = title.trim();
        (if title.is_empty() { String::new() } else { format!("[{title}]") }, None)
    }

    fn header_prefix(&self, level: usize) -> String {
        "#".repeat(level) + " "
    }

    fn quote_prefix(&self) -> String {
        "> ".to_owned()
    }

    fn unordered_item_prefix(&self) -> String {
        "* ".to_owned()
    }

    fn ordered_item_prefix(&self, number: i64) -> String {
        format!("{number}. ")
    }

    fn make_subblock_decorator(&self) -> Self {
        self.clone()
    }
}

fn page(lines: &[TaggedLine<Vec<Mark>>], seen: &Seen, first: usize) -> Page {
    let mark = |tag: &[Mark]| tag.iter().rev().find_map(|mark| *mark);
    let mut words = vec![String::new(); seen.targets.len()];
    for piece in lines.iter().flat_map(TaggedLine::tagged_strings) {
        if let Some(words) = mark(&piece.tag).and_then(|place| words.get_mut(place)) {
            // Words that the layout has parted are still two.
            if !words.is_empty() && !words.ends_with(' ') {
                words.push(' ');
            }
            words.push_str(&piece.s);
        }
    }
    let link = |(place, (words, target)): (usize, (&String, &String))| {
        let number = format!("[{}]", first.saturating_add(place));
        Link::new(words.trim().strip_suffix(&number).unwrap_or(words), target)
    };
    let links: Vec<Link> = words.iter().zip(&seen.targets).enumerate().map(link).collect();
    let mut text = String::new();
    for line in lines {
        let mut shown = String::new();
        for piece in line.tagged_strings() {
            let place = mark(&piece.tag);
            let host = place.and_then(|place| links.get(place)).and_then(Link::true_host);
            let end = place.map(|place| format!("[{}]", first.saturating_add(place)));
            match (host, end.and_then(|end| piece.s.strip_suffix(&end).map(|words| (words, end)))) {
                (Some(host), Some((words, end))) => {
                    let number = end.trim_end_matches(']');
                    shown.extend([words, number, ": ", host, "]"]);
                }
                _ => shown.push_str(&piece.s),
            }
        }
        // Senders fill what follows their own preview with what nobody sees.
        text.push_str(shown.trim_end_matches(|c: char| c.is_whitespace() || is_filler(c)));
        text.push('\n');
    }
    Page { text: without_gaps(&text), links, pictures: seen.pictures }
}

fn is_filler(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{200b}'..='\u{200d}' | '\u{2007}' | '\u{feff}')
}

/// Tables that only place things leave many empty lines: one says as much as ten.
fn without_gaps(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut empty = 0;
    for line in text.trim_start_matches('\n').split_inclusive('\n') {
        empty = if line.trim().is_empty() { empty + 1 } else { 0 };
        if empty <= 2 {
            out.push_str(line);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_become_text() {
        for (html, text) in [
            ("<p>Hello <b>world</b></p><script>alert(1)</script>", "Hello **world**\n"),
            ("<a href='http://a.example/x'>here</a>", "here[1]\n"),
            ("<ul><li>one<li>two</ul>", "* one\n* two\n"),
            ("<blockquote>a<blockquote>b</blockquote></blockquote>", "> a\n>\n> > b\n"),
            ("<p>Hi&zwnj; &zwnj; &shy;</p>", "Hi\n"),
            ("<img src='http://a.example/t.gif'><img src=cid:1 alt=plan>", "[plan]\n"),
            ("", ""),
        ] {
            assert_eq!(to_text(html, 1).map(|page| page.text).as_deref(), Some(text), "{html}");
        }
    }

    #[test]
    fn u18_the_host_stands_where_words_say_another() {
        let page = to_text(
            "<p>Log in at <a href='http://attack.example/'>www.bank.example</a> or \
             <a href=\"javascript:alert(1)\">here</a></p>\
             <table><tr><td><a href='https://a.example/'>one</a></td><td><a href='https://b.example/'>two \
             words</a></td></tr></table>",
            4,
        )
        .unwrap();
        assert!(page.text.contains("www.bank.example[4: attack.example] or here[5]"), "{page:?}");
        assert!(page.text.contains("one[6]") && page.text.contains("two words[7]"), "{page:?}");
        let words: Vec<_> = page.links.iter().map(|link| link.words.as_str()).collect();
        assert_eq!(words, ["www.bank.example", "here", "one", "two words"]);
    }

    #[test]
    fn u07_pictures_are_counted_and_not_fetched() {
        let page = to_text(
            "<img src=http://a.example/1.gif><img src='//b.example/2.gif' alt=x><img src=cid:3>\
             <style>@import url(http://c.example); p{background:url(http://c.example/4)}</style>\
             <link rel=prefetch href=http://d.example><form action=http://e.example><input></form>\
             <meta http-equiv=refresh content='0;url=http://f.example'>",
            1,
        );
        assert_eq!(page.unwrap().pictures, 2);
    }

    #[test]
    fn deep_and_large_pages_neither_panic_nor_hang() {
        assert!(to_text(&"x".repeat(limits::HTML_OCTETS_MAX + 1), 1).is_none());
        let _ = to_text(&"<div>".repeat(5_000), 1);
        let _ = to_text(&"<table><tr><td>".repeat(300), 1);
        let _ = to_text("<table><td colspan=99999999>x", 1);
        let page = to_text(&"<a href=http://a.example>x</a> ".repeat(2_000), 1).unwrap();
        assert_eq!(page.links.len(), limits::LINKS_MAX);
    }
}
