//! Text that a terminal shows and never obeys.
//!
//! Headers, bodies, file names and servers' words are written by others. A terminal obeys escape
//! sequences (it can be made to retitle, to answer, to paste), and the eye obeys bidirectional
//! overrides (`annfdp.exe` shown as `annexe.pdf`). [`SafeText`] is the one type that the screen takes:
//! whatever is not a visible character is written out, as `\x1b` or `\u{202e}`.
//!
//! | looking for | it is in |
//! |---|---|
//! | what is written out | [`SafeText`], [`is_visible`] |
//! | widths, cutting, lines of a paragraph | `columns` |
//! | JSON on a terminal | [`json_line`] |
//!
//! Variation selectors 15 and 16, which ask for a plain or a coloured picture, and tones of skin are left
//! out without a word: terminals disagree about the width of what they ask for.
//!
//! Widths were compared with tmux 3.3's for each character (281 of 157,000 differ: symbols that Unicode has
//! made wide lately, and rare letters).
//!
//! Deliberately missing: mixed scripts and look-alike letters are shown as they are. A terminal that
//! doesn't know a character yet, since it is younger than its tables, may leave it out.
#![forbid(unsafe_code)]

mod columns;
pub mod limits;

use std::fmt::{self, Write as _};

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Text without anything that a terminal or an eye would obey. Lines end in `\n`, and only there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct SafeText(String);

impl SafeText {
    /// One line: line breaks and tabs are written out too.
    pub fn line(text: &str) -> Self {
        Self::escape(text, Breaks::Visible)
    }

    /// Several lines: `\n` and `\r\n` break lines, a tab goes to the next eighth column.
    pub fn block(text: &str) -> Self {
        Self::escape(text, Breaks::Kept)
    }

    /// One line of octets in an unknown charset: UTF-8, and marks where it is none.
    pub fn line_of_octets(octets: &[u8]) -> Self {
        Self::line(&String::from_utf8_lossy(octets))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn escape(text: &str, breaks: Breaks) -> Self {
        let mut safe = String::with_capacity(text.len());
        let mut marks = 0;
        let mut line_start = 0;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            if is_other_picture(&safe, c) {
                continue;
            }
            if is_combining_mark(c) {
                marks += 1;
                if marks <= limits::COMBINING_MARKS_MAX {
                    safe.push(c);
                }
                continue;
            }
            end_of_marks(&mut safe, &mut marks);
            match c {
                '\n' if breaks == Breaks::Kept => {
                    safe.push('\n');
                    line_start = safe.len();
                }
                '\r' if breaks == Breaks::Kept && chars.peek() == Some(&'\n') => {}
                '\t' if breaks == Breaks::Kept => {
                    let column = safe.get(line_start..).unwrap_or_default().width();
                    safe.extend(std::iter::repeat_n(' ', 8 - column % 8));
                    // Lines of many tabs are measured once: the next eighth column counts as a first one.
                    line_start = safe.len();
                }
                c if is_visible(c) => safe.push(c),
                c => {
                    let mut times = 1;
                    while chars.next_if_eq(&c).is_some() {
                        times += 1;
                    }
                    write_out(&mut safe, c, times);
                }
            }
        }
        end_of_marks(&mut safe, &mut marks);
        Self(with_bases(safe))
    }
}

/// What becomes of line breaks and tabs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Breaks {
    Kept,
    Visible,
}

/// `\x1b`, `\u{202e}`; many of the same kind as `\u{200c}*37`.
fn write_out(safe: &mut String, c: char, times: usize) {
    let code = u32::from(c);
    // Writing into a String can't fail.
    let once = |safe: &mut String| {
        let _ = match code {
            0..=0xff => write!(safe, "\\x{code:02x}"),
            _ => write!(safe, "\\u{{{code:x}}}"),
        };
    };
    if times <= 3 {
        (0..times).for_each(|_| once(safe));
    } else {
        once(safe);
        let _ = write!(safe, "*{times}");
    }
}

/// Says how many combining marks were not shown.
fn end_of_marks(safe: &mut String, marks: &mut usize) {
    if *marks > limits::COMBINING_MARKS_MAX {
        let _ = write!(safe, "\\u{{+{}}}", *marks - limits::COMBINING_MARKS_MAX);
    }
    *marks = 0;
}

/// What has no width would be drawn into its neighbour, or not at all: a mark that nothing stands before
/// gets a dotted circle, half of a Hangul syllable is written out.
fn with_bases(text: String) -> String {
    if text.is_ascii() || text.graphemes(true).all(|grapheme| grapheme.width() > 0) {
        return text;
    }
    let mut whole = String::with_capacity(text.len() + 8);
    for grapheme in text.graphemes(true) {
        let based = format!("\u{25cc}{grapheme}");
        if grapheme.width() > 0 {
            whole.push_str(grapheme);
        } else if based.graphemes(true).count() == 1 {
            whole.push_str(&based);
        } else {
            grapheme.chars().for_each(|c| write_out(&mut whole, c, 1));
        }
    }
    whole
}

/// What the eye takes for one letter each, of any text: nothing of it is safe to be shown.
pub fn graphemes_of(text: &str) -> impl DoubleEndedIterator<Item = &str> {
    text.graphemes(true)
}

/// Whether a terminal shows the character and does nothing else with it.
///
/// Written out are: C0, DEL and C1 (ECMA-48), the bidirectional controls of UAX #9, characters without
/// width, invisible fillers and operators, tags, line separators, private use, non-characters, and what
/// Unicode hasn't assigned: tmux leaves that out without a word (`pay\u{378}pal`).
pub fn is_visible(c: char) -> bool {
    use GeneralCategory::{
        Control, Format, LineSeparator, ParagraphSeparator, PrivateUse, Surrogate, Unassigned,
    };
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    match c.general_category() {
        Control | LineSeparator | ParagraphSeparator | PrivateUse | Surrogate | Unassigned => false,
        Format => is_prepended(c),
        _ => !is_filler(c),
    }
}

/// Signs that stand before or around a number, as Arabic and Syriac have them: the visible ones among the
/// format characters (Prepended_Concatenation_Mark).
fn is_prepended(c: char) -> bool {
    matches!(
        u32::from(c),
        0x0600..=0x0605 | 0x06dd | 0x070f | 0x0890 | 0x0891 | 0x08e2 | 0x110bd | 0x110cd
    )
}

/// Letters and marks that show nothing.
fn is_filler(c: char) -> bool {
    matches!(u32::from(c),
        0x034f | 0x115f | 0x1160 | 0x17b4 | 0x17b5 | 0x180b..=0x180f | 0x3164 | 0xfe00..=0xfe0f
        | 0xffa0 | 0xfffc | 0xe0100..=0xe01ef)
}

/// What only asks for another picture of the character before it: variation selectors 15 and 16, a tone
/// of skin. Terminals disagree about the width of both together.
fn is_other_picture(before: &str, c: char) -> bool {
    match c {
        '\u{fe0e}' | '\u{fe0f}' => true,
        '\u{1f3fb}'..='\u{1f3ff}' => before.chars().next_back().is_some_and(|base| {
            let alone = base.width().unwrap_or_default() + c.width().unwrap_or_default();
            String::from_iter([base, c]).width() < alone
        }),
        _ => false,
    }
}

/// The blocks of combining marks that stack without end; scripts that need marks to be written
/// (Devanagari, Thai and others) seldom have more than [`limits::COMBINING_MARKS_MAX`] in a row.
pub fn is_combining_mark(c: char) -> bool {
    matches!(u32::from(c),
        0x0300..=0x034e | 0x0350..=0x036f | 0x0483..=0x0489 | 0x0591..=0x05bd | 0x0610..=0x061a
        | 0x064b..=0x065f | 0x0670 | 0x06d6..=0x06dc | 0x0730..=0x074a | 0x0e31 | 0x0e34..=0x0e3a
        | 0x0e47..=0x0e4e | 0x1ab0..=0x1aff | 0x1dc0..=0x1dff | 0x20d0..=0x20ff | 0x302a..=0x302d
        | 0x3099 | 0x309a | 0xfe20..=0xfe2f)
}

impl fmt::Display for SafeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Our own words: what stands in the program's text is safe, which the tests hold us to.
impl From<&'static str> for SafeText {
    fn from(text: &'static str) -> Self {
        Self::block(text)
    }
}

/// Builds a line of our words and others' text: every argument is escaped with it.
#[macro_export]
macro_rules! safe_line {
    ($($argument:tt)*) => { $crate::SafeText::line(&format!($($argument)*)) };
}

/// One value as JSON on one line, inert on a terminal too: what isn't visible is written `\u202e`,
/// which a reader of JSON turns back into exactly the character that was there.
///
/// # Errors
/// The value has no JSON: a map whose keys aren't strings.
pub fn json_line<T: serde::Serialize>(value: &T) -> serde_json::Result<SafeText> {
    let json = serde_json::to_string(value)?;
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        // Characters beyond ASCII stand in JSON only inside strings.
        if is_visible(c) && !is_combining_mark(c) {
            safe.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(safe, "\\u{unit:04x}");
        }
    }
    Ok(SafeText(safe))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn u01_escape_sequences_are_shown_not_obeyed() {
        for (text, shown) in [
            ("\x1b]0;t\x07", "\\x1b]0;t\\x07"),
            ("\x1b]52;c;cm0=\x1b\\", "\\x1b]52;c;cm0=\\x1b\\"),
            ("\x1b[21t", "\\x1b[21t"),
            ("\u{9b}31m", "\\x9b31m"),
            ("\u{90}q\u{9c}", "\\x90q\\x9c"),
            ("\x1b]8;;http://a\x1b\\b", "\\x1b]8;;http://a\\x1b\\b"),
            ("a\0b\x7fc", "a\\x00b\\x7fc"),
            ("two\r\nlines\tand", "two\\x0d\\x0alines\\x09and"),
        ] {
            assert_eq!(SafeText::line(text).as_str(), shown, "{text:?}");
        }
    }

    #[test]
    fn u02_what_fools_the_eye_is_marked() {
        for (text, shown) in [
            ("ann\u{202e}fdp.exe", "ann\\u{202e}fdp.exe"),
            ("a\u{2066}b\u{2069}", "a\\u{2066}b\\u{2069}"),
            ("pay\u{200b}pal", "pay\\u{200b}pal"),
            ("x\u{e0041}\u{e0042}", "x\\u{e0041}\\u{e0042}"),
            ("wide \u{200c}\u{200c}\u{200c}\u{200c}\u{200c}", "wide \\u{200c}*5"),
            ("e\u{301}", "e\u{301}"),
            ("\u{301}e", "\u{25cc}\u{301}e"),
            ("a\u{1161}", "a\\u{1161}"),
            ("\u{2764}\u{fe0f}", "\u{2764}"),
            ("\u{1f44d}\u{1f3fd}!", "\u{1f44d}!"),
            ("a\u{1f3fd}", "a\u{1f3fd}"),
            ("pay\u{378}pal", "pay\\u{378}pal"),
            ("\u{601}12", "\u{601}12"),
        ] {
            assert_eq!(SafeText::line(text).as_str(), shown, "{text:?}");
        }
        let marks = format!("Z{}!", "\u{301}".repeat(10_000));
        let shown = SafeText::line(&marks);
        assert_eq!(shown.as_str(), "Z\u{301}\u{301}\u{301}\u{301}\\u{+9996}!");
    }

    #[test]
    fn blocks_keep_their_lines_and_columns() {
        for (text, shown) in [
            ("a\r\nb\nc", "a\nb\nc"),
            ("a\tb", "a       b"),
            ("12345678\tb", "12345678        b"),
            ("漢\tb", "漢      b"),
            ("a\n\u{301}", "a\n\u{25cc}\u{301}"),
            ("a\rb", "a\\x0db"),
            ("ümläut €", "ümläut €"),
        ] {
            assert_eq!(SafeText::block(text).as_str(), shown, "{text:?}");
        }
    }

    #[test]
    fn json_is_inert_and_exact() {
        let text = "a\u{9b}b\u{202e}c\u{e0041}\x1b\"";
        let json = json_line(&text).unwrap();
        assert!(json.as_str().is_ascii(), "{json}");
        assert_eq!(serde_json::from_str::<String>(json.as_str()).unwrap(), text);
    }

    proptest! {
        #[test]
        fn nothing_invisible_is_left(text in ".*") {
            let line = SafeText::line(&text);
            prop_assert!(line.as_str().chars().all(|c| is_visible(c) || is_combining_mark(c)));
            let block = SafeText::block(&text);
            prop_assert!(block.as_str().chars().all(|c| c == '\n' || is_visible(c) || is_combining_mark(c)));
        }

        #[test]
        fn what_is_safe_stays_as_it_is(text in "[ -~äöü€]*") {
            let line = SafeText::line(&text);
            prop_assert_eq!(line.as_str(), text);
        }
    }
}
