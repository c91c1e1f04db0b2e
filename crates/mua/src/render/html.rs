//! HTML as text. It is laid out by html2text, which opens no connection; links become footnotes, so
//! that where they lead is seen.

use crate::limits;

/// The text of a page; `None` where it is too large or can't be laid out.
pub(super) fn to_text(html: &str) -> Option<String> {
    if html.len() > limits::HTML_OCTETS_MAX {
        return None;
    }
    // It has panicked on mail before (crates.md): that costs the layout, not the message.
    std::panic::catch_unwind(|| {
        html2text::config::plain()
            .allow_width_overflow()
            .string_from_read(html.as_bytes(), limits::HTML_COLUMNS)
            .ok()
    })
    .ok()
    .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_become_text() {
        for (html, text) in [
            ("<p>Hello <b>world</b></p><script>alert(1)</script>", "Hello **world**\n"),
            ("<a href='http://a.example/x'>here</a>", "[here][1]\n\n[1]: http://a.example/x\n"),
            ("<ul><li>one<li>two</ul>", "* one\n* two\n"),
            ("", ""),
        ] {
            assert_eq!(to_text(html).as_deref(), Some(text), "{html}");
        }
    }

    #[test]
    fn deep_and_large_pages_neither_panic_nor_hang() {
        assert!(to_text(&"x".repeat(limits::HTML_OCTETS_MAX + 1)).is_none());
        let _ = to_text(&"<div>".repeat(5_000));
        let _ = to_text(&"<table><tr><td>".repeat(300));
        let _ = to_text("<table><td colspan=99999999>x");
    }
}
