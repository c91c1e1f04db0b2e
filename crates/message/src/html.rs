//! What HTML says, without its tags: for searching and for previews, where nobody looks at it.

use std::borrow::Cow;

use mail_parser::decoders::html::html_to_text;
use memchr::{memchr, memchr2, memmem};

use crate::limits;

/// Elements whose text nobody sees.
const HIDDEN: &[&str] = &["script", "style", "template", "title"];
/// Elements that stand in lines of their own.
const BLOCKS: &[&str] = &[
    "address",
    "article",
    "blockquote",
    "body",
    "br",
    "center",
    "dd",
    "div",
    "dl",
    "dt",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "li",
    "main",
    "ol",
    "p",
    "pre",
    "section",
    "table",
    "tbody",
    "tr",
    "ul",
];
/// Elements that stand apart in a line.
const CELLS: &[&str] = &["td", "th", "img"];

/// The text of an HTML document. Each octet is looked at once or twice, whatever is in it.
pub(crate) fn to_text(html: &str) -> String {
    let mut text = Text { text: String::with_capacity(html.len() / 2), gap: Gap::None };
    let mut rest = html;
    while let Some(at) = memchr2(b'<', b'&', rest.as_bytes()) {
        let (before, mark) = rest.split_at(at);
        text.words(before);
        rest = match mark.starts_with('<') {
            true => tag(mark, &mut text),
            false => entity(mark, &mut text),
        };
    }
    text.words(rest);
    text.text
}

/// Text so far, and what separates it from what follows.
struct Text {
    text: String,
    gap: Gap,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    None,
    Space,
    Line,
}

impl Text {
    fn gap(&mut self, gap: Gap) {
        self.gap = self.gap.max(gap);
    }

    /// White space is one space, however much there is.
    fn words(&mut self, text: &str) {
        for word in text.split_inclusive(|c: char| c.is_ascii_whitespace()) {
            let trimmed = word.trim_ascii();
            self.push(trimmed);
            if trimmed.len() < word.len() {
                self.gap(Gap::Space);
            }
        }
    }

    fn push(&mut self, word: &str) {
        if word.is_empty() {
            return;
        }
        match self.gap {
            _ if self.text.is_empty() => {}
            Gap::None => {}
            Gap::Space => self.text.push(' '),
            Gap::Line => self.text.push('\n'),
        }
        self.gap = Gap::None;
        self.text.push_str(word);
    }
}

/// Goes over a tag, and over what it hides; gives the rest.
fn tag<'h>(mark: &'h str, text: &mut Text) -> &'h str {
    if mark.starts_with("<!--") {
        let end = memmem::find(mark.as_bytes(), b"-->").map_or(mark.len(), |end| end + 3);
        return mark.get(end..).unwrap_or_default();
    }
    let inner = mark.get(1..).unwrap_or_default();
    if !inner.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')) {
        text.push("<");
        return inner;
    }
    let Some(end) = memchr(b'>', inner.as_bytes()) else { return "" };
    let (tag, rest) = inner.split_at(end);
    let rest = rest.get(1..).unwrap_or_default();
    let name = tag.trim_start_matches('/');
    let name_end = name.bytes().position(|octet| !octet.is_ascii_alphanumeric());
    let name = name.get(..name_end.unwrap_or(name.len())).unwrap_or_default();
    let is_one_of = |names: &[&str]| names.iter().any(|known| name.eq_ignore_ascii_case(known));
    if is_one_of(BLOCKS) {
        text.gap(Gap::Line);
    } else if is_one_of(CELLS) {
        text.gap(Gap::Space);
    } else if is_one_of(HIDDEN) && !tag.starts_with('/') {
        return behind_hidden(rest, name);
    }
    rest
}

/// What follows the end tag of that name, from that tag on.
fn behind_hidden<'h>(html: &'h str, name: &str) -> &'h str {
    for at in memmem::find_iter(html.as_bytes(), b"</") {
        let end_tag = html.as_bytes().get(at + 2..at + 2 + name.len()).unwrap_or_default();
        if end_tag.eq_ignore_ascii_case(name.as_bytes()) {
            return html.get(at..).unwrap_or_default();
        }
    }
    ""
}

/// Goes over a character reference, or an ampersand that begins none; gives the rest.
fn entity<'h>(mark: &'h str, text: &mut Text) -> &'h str {
    let seen = mark.as_bytes().get(..limits::ENTITY_OCTETS_MAX).unwrap_or(mark.as_bytes());
    let reference = memchr(b';', seen).and_then(|end| mark.get(..=end)).filter(|reference| {
        reference.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"&#;".contains(&octet))
    });
    let Some(reference) = reference.filter(|reference| reference.len() > 2) else {
        text.push("&");
        return mark.get(1..).unwrap_or_default();
    };
    let says: Cow<'_, str> = html_to_text(reference).into();
    // A space that doesn't break is a space.
    match says.trim() {
        "" => text.gap(Gap::Space),
        says => text.push(says),
    }
    mark.get(reference.len()..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents() {
        for (html, expected) in [
            ("plain", "plain"),
            ("<p>One <b>t</b>wo</p><p>three", "One two\nthree"),
            ("a<br>b<BR/>c", "a\nb\nc"),
            ("a  \n\t b", "a b"),
            ("<td>a</td><td>b</td>", "a b"),
            ("<title>no</title><style>no</style>yes<SCRIPT>no</a></script>!", "yes!"),
            ("a<!-- <p> no --->b", "ab"),
            ("a<!-- no", "a"),
            ("<style>no", ""),
            (
                "a < b &lt; c &amp; d &copy; &#228;&#xe4; &nope; & e&",
                "a < b < c & d © ää &nope; & e&",
            ),
            ("a&nbsp;b", "a b"),
            ("<a href=\"http://x.example/\">link</a>", "link"),
            ("a<", "a<"),
            ("a<b", "a"),
            ("<head><meta a=b></head><body>x", "x"),
        ] {
            assert_eq!(to_text(html), expected, "{html}");
        }
    }

    #[test] // Row A13.
    fn a13_tags_without_an_end_end() {
        for attack in
            ["<", "<a", "</", "<style>", "<style></", "<!--", "&", "&a", "<!-", "&;", "<p>"]
        {
            let _ = to_text(&attack.repeat(1_000_000 / attack.len()));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text(html in "[<>/!\\-&;#apsé \n]{0,40}") {
            let _ = to_text(&html);
        }
    }
}
