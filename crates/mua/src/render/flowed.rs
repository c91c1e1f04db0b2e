//! `format=flowed`: lines that end in a blank go on in the next one (RFC 3676 §4).

use std::borrow::Cow;

/// What becomes of the blank at the end of a line that goes on (RFC 3676 §4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum DelSp {
    /// It parts two words.
    #[default]
    No,
    /// It was put there: the letters around it belong together.
    Yes,
}

/// What separates a signature from the text; no line that goes on (RFC 3676 §4.3).
pub(crate) const SIGNATURE: &str = "-- ";

/// The text with each paragraph in one line; quoted ones with a `>` for each level in front.
pub(super) fn unfold(text: &str, del_sp: DelSp) -> String {
    let mut out = String::with_capacity(text.len());
    // How deep the paragraph is that the last line left open.
    let mut open: Option<usize> = None;
    for line in text.split_inclusive('\n') {
        let line = line.strip_suffix('\n').unwrap_or(line);
        let line = line.strip_suffix('\r').unwrap_or(line);
        let (depth, content) = unquoted(line);
        let goes_on = content.ends_with(' ') && content != SIGNATURE;
        let shown = match (goes_on, del_sp) {
            (true, DelSp::Yes) => content.strip_suffix(' ').unwrap_or(content),
            (true, DelSp::No) | (false, _) => content,
        };
        // RFC 3676 §4.5: a paragraph has one depth; §4.3: a signature ends what is open.
        if open.is_some() && (open != Some(depth) || content == SIGNATURE) {
            out.push('\n');
            open = None;
        }
        if open.is_none() {
            begin(&mut out, depth, shown);
        }
        out.push_str(shown);
        open = goes_on.then_some(depth);
        if !goes_on {
            out.push('\n');
        }
    }
    if open.is_some() {
        out.push('\n');
    }
    out
}

/// The marks of a quote; words of the author's own that would look like one are kept apart.
fn begin(out: &mut String, depth: usize, content: &str) {
    out.extend(std::iter::repeat_n('>', depth));
    if depth > 0 && !content.is_empty() || depth == 0 && content.starts_with('>') {
        out.push(' ');
    }
}

/// How often the line is quoted (RFC 3676 §4.5), and what stands there without stuffing (§4.4).
fn unquoted(line: &str) -> (usize, &str) {
    let content = line.trim_start_matches('>');
    (line.len() - content.len(), content.strip_prefix(' ').unwrap_or(content))
}

/// How often a line is quoted that a person may have quoted, with blanks between the marks, and where what is
/// quoted begins.
pub(crate) fn quoted(line: &str) -> (u8, &str) {
    let mut depth: u8 = 0;
    let mut rest = line;
    while let Some(behind) = rest.strip_prefix('>') {
        depth = depth.saturating_add(1);
        rest = behind.strip_prefix(' ').unwrap_or(behind);
    }
    (depth, rest)
}

/// Long lines as lines of at most `columns` characters, the marks of a quote in front of each.
pub(crate) fn folded(text: &str, columns: usize) -> Cow<'_, str> {
    if text.split('\n').all(|line| line.len() <= columns) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + text.len() / 40);
    for line in text.split_inclusive('\n') {
        fold(line, columns, &mut out);
    }
    Cow::Owned(out)
}

fn fold(line: &str, columns: usize, out: &mut String) {
    let content = quoted(line).1;
    let marks = line.get(..line.len() - content.len()).unwrap_or_default();
    out.push_str(marks);
    let mut column = marks.chars().count();
    let mut is_first = true;
    for word in content.split_inclusive(' ') {
        let long = word.trim_end().chars().count();
        if !is_first && column + long > columns {
            while out.ends_with(' ') {
                out.pop();
            }
            out.push('\n');
            out.push_str(marks);
            column = marks.chars().count();
        }
        out.push_str(word);
        column += word.chars().count();
        is_first = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test] // Tests RFC 3676 §4.
    fn lines_that_go_on_are_one() {
        for (text, shown) in [
            ("one \ntwo\nthree\n", "one two\nthree\n"),
            ("one \r\ntwo\r\n", "one two\n"),
            // §4.2: a line of blanks is stuffed, and ends nothing.
            ("one \n\ntwo\n", "one \ntwo\n"),
            // §4.4: stuffing.
            (" From me\n > no quote\n", "From me\n > no quote\n"),
            // §4.5: quotes; another depth is another paragraph.
            ("> a \n> b\n>> c \nd\n", "> a b\n>> c \nd\n"),
            (">a \n>b\n>\n", "> a b\n>\n"),
            // §4.3: the signature's separator isn't flowed, nor is it flowed into.
            ("end \n-- \nme\n", "end \n-- \nme\n"),
            ("> -- \n> me\n", "> -- \n> me\n"),
            ("no end ", "no end \n"),
            ("", ""),
        ] {
            assert_eq!(unfold(text, DelSp::No), shown, "{text:?}");
        }
        assert_eq!(unfold("日本 \n語 \nで\n", DelSp::Yes), "日本語で\n");
    }

    #[test]
    fn long_lines_are_folded_with_their_marks() {
        for (text, shown) in [
            ("short\n", "short\n"),
            ("one two three four\n", "one two\nthree four\n"),
            ("> one two three\n", "> one two\n> three\n"),
            ("averyverylongword one\n", "averyverylongword\none\n"),
        ] {
            assert_eq!(folded(text, 10), shown, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_word_is_lost(text in "[ab>\u{e4} \r\n-]{0,60}") {
            let words = |text: &str| -> String {
                text.chars().filter(|c| c.is_alphabetic() || *c == '-').collect()
            };
            for del_sp in [DelSp::No, DelSp::Yes] {
                let unfolded = unfold(&text, del_sp);
                prop_assert_eq!(words(&unfolded), words(&text));
                prop_assert_eq!(words(&folded(&unfolded, 7)), words(&text));
            }
        }
    }
}
