//! Text from outside made harmless for a line of a log and for a terminal.
//!
//! Control characters (C0, DEL, C1), line and paragraph separators, and what changes the direction or
//! the visibility of the text around it (bidi controls, zero-width characters, tags) are written as
//! `\n`, `\r`, `\t` or `\u{1b}`. A backslash doubles, so that the original can be read back.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a character does nothing but show itself.
pub fn is_inert(c: char) -> bool {
    !(c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' // soft hyphen, Arabic letter mark, vowel separator
            | '\u{200b}'..='\u{200f}' // zero-width, left-to-right and right-to-left marks
            | '\u{2028}'..='\u{202e}' // line and paragraph separator, embeddings, overrides
            | '\u{2060}'..='\u{206f}' // word joiner, isolates
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')) // tags
}

/// The text on one line, with all that is not inert made visible.
///
/// ```
/// use postroad_observe::inert::escape;
/// assert_eq!(escape("plain, größer"), "plain, größer");
/// assert_eq!(escape("a\r\nb \x1b[31m"), "a\\r\\nb \\u{1b}[31m");
/// ```
pub fn escape(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| is_inert(c) && c != '\\') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        push_escaped(&mut out, c);
    }
    Cow::Owned(out)
}

/// Appends `c`, escaped where it must be.
pub(crate) fn push_escaped(out: &mut String, c: char) {
    match c {
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if is_inert(c) => out.push(c),
        c => {
            // Writing to a String doesn't fail.
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_act_is_shown_instead() {
        for (text, expected) in [
            ("", ""),
            ("a b=\"c\"", "a b=\"c\""),
            ("a\\b", "a\\\\b"),
            ("\0\x07\x7f", "\\u{0}\\u{7}\\u{7f}"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("\u{2028}\u{202e}evil", "\\u{2028}\\u{202e}evil"),
            ("日本語 🐎", "日本語 🐎"),
        ] {
            assert_eq!(escape(text), expected);
        }
    }
}
