//! How wide text is, and where it is cut.
//!
//! Columns are counted by grapheme, as a terminal shows them: a letter with its accents is one, most
//! Chinese characters and pictures are two. No grapheme of a [`SafeText`] is without width. Unicode has
//! graphemes of any length (a Devanagari conjunct, a row of Hangul initials); terminals give each of
//! their letters a place of its own, and so do we.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::SafeText;

impl SafeText {
    /// Columns that it takes; of several lines, all of them together.
    pub fn width(&self) -> usize {
        width(self.as_str())
    }

    /// At most `columns` wide, the last an ellipsis where something was cut.
    #[must_use]
    pub fn cut(self, columns: usize) -> Self {
        if self.width() <= columns {
            return self;
        }
        let Some(room) = columns.checked_sub(1) else {
            return Self::default();
        };
        let mut short = fitting(self.as_str(), room).to_owned();
        short.push('…');
        Self(short)
    }

    /// Exactly `columns` wide: cut, or blanks behind it.
    #[must_use]
    pub fn padded(self, columns: usize) -> Self {
        let Self(mut text) = self.cut(columns);
        let missing = columns.saturating_sub(width(&text));
        text.extend(std::iter::repeat_n(' ', missing));
        Self(text)
    }

    /// What stands from a column on; half of a wide character is a blank.
    #[must_use]
    pub fn from_column(&self, column: usize) -> Self {
        let mut skipped = 0;
        let mut rest = graphemes(&self.0).skip_while(|(_, _, wide)| {
            let is_before = skipped < column;
            skipped += if is_before { *wide } else { 0 };
            is_before
        });
        let at = rest.next().map_or(self.0.len(), |(at, ..)| at);
        let mut text = " ".repeat(skipped.saturating_sub(column));
        text.push_str(self.0.get(at..).unwrap_or_default());
        Self(text)
    }

    /// What is shown, grapheme by grapheme, with the columns that each takes (1 or more).
    pub fn graphemes(&self) -> impl Iterator<Item = (&str, usize)> {
        graphemes(&self.0).map(|(_, grapheme, wide)| (grapheme, wide))
    }

    /// The lines of a block.
    pub fn lines(&self) -> impl Iterator<Item = Self> {
        self.0.split('\n').map(|line| Self(line.to_owned()))
    }

    /// Lines of at most `columns`: broken at blanks (which are left out there), and inside a word where
    /// it doesn't fit. At least one line; never empty lines that weren't there.
    pub fn wrapped(&self, columns: usize) -> Vec<Self> {
        let mut rows = Vec::new();
        for line in self.0.split('\n') {
            wrap(line, columns.max(1), &mut rows);
        }
        rows
    }

    /// The column where the text's octet `octet` stands: how wide everything before it is.
    pub fn column_of(&self, octet: usize) -> usize {
        graphemes(&self.0).take_while(|(at, ..)| *at < octet).map(|(_, _, wide)| wide).sum()
    }
}

fn width(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    graphemes(text).map(|(_, _, wide)| wide).sum()
}

/// Where each grapheme begins, itself, and its columns.
fn graphemes(text: &str) -> impl Iterator<Item = (usize, &str, usize)> {
    text.grapheme_indices(true).flat_map(|(mut at, mut rest)| {
        let is_one = rest.width() <= 2;
        std::iter::from_fn(move || {
            let end = if is_one { rest.len() } else { first_letter(rest) };
            let letter = rest.get(..end).filter(|letter| !letter.is_empty())?;
            let found = (at, letter, columns_of(letter));
            rest = rest.get(end..)?;
            at += end;
            Some(found)
        })
    })
}

/// Columns of one grapheme. Unicode's data let some vowel signs that stand behind their letter (as Bengali's
/// and Tamil's) have no width, though terminals give them a column.
fn columns_of(grapheme: &str) -> usize {
    let is_beside =
        |c: &char| c.general_category() == GeneralCategory::SpacingMark && c.width() == Some(0);
    let beside = grapheme.chars().filter(|c| !c.is_ascii() && is_beside(c)).count();
    (grapheme.width() + beside).max(1)
}

/// Octets of the first character that has a width, and of those around it that have none.
fn first_letter(grapheme: &str) -> usize {
    let mut wide = grapheme.char_indices().filter(|(_, c)| c.width().unwrap_or_default() > 0);
    wide.nth(1).map_or(grapheme.len(), |(at, _)| at)
}

/// The longest beginning of whole graphemes that is at most `columns` wide.
fn fitting(text: &str, columns: usize) -> &str {
    let mut taken = 0;
    for (at, _, wide) in graphemes(text) {
        taken += wide;
        if taken > columns {
            return text.get(..at).unwrap_or_default();
        }
    }
    text
}

fn wrap(line: &str, columns: usize, rows: &mut Vec<SafeText>) {
    let piece = |from: usize, to: usize| line.get(from..to).unwrap_or_default();
    let mut row = |text: &str| rows.push(SafeText(text.to_owned()));
    let (mut start, mut column) = (0, 0);
    // Behind the last blank of the row that has a word before it.
    let mut behind_blank = None;
    for (at, grapheme, wide) in graphemes(line) {
        if grapheme == " " && at == start && at > 0 {
            // More blanks where the line was broken.
            start = at + 1;
            continue;
        }
        while column + wide > columns && at > start && grapheme != " " {
            let end = behind_blank.take().unwrap_or(at);
            row(piece(start, end).trim_end_matches(' '));
            start = end;
            column = width(piece(start, at));
        }
        if grapheme == " " {
            if column >= columns {
                row(piece(start, at).trim_end_matches(' '));
                start = at + 1;
                column = 0;
                behind_blank = None;
                continue;
            }
            if !piece(start, at).trim_start_matches(' ').is_empty() {
                behind_blank = Some(at + 1);
            }
        }
        column += wide;
    }
    if start == 0 || start < line.len() {
        row(piece(start, line.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(text: &str) -> SafeText {
        SafeText::line(text)
    }

    #[test]
    fn widths_are_those_of_graphemes() {
        for (text, columns) in [
            ("", 0),
            ("abc", 3),
            ("äöü", 3),
            ("e\u{301}", 1),
            ("漢字", 4),
            ("👍", 2),
            ("❤\u{fe0f}", 1),
            ("\x1b[0m", 7),
            ("한글", 4),
            ("لا", 2),
            ("कि", 2),
            ("কা", 2),
            ("கா", 2),
            ("क्ष", 2),
            ("\u{1100}\u{1100}\u{1100}", 6),
        ] {
            assert_eq!(line(text).width(), columns, "{text:?}");
        }
    }

    #[test]
    fn cuts_at_columns() {
        for (text, columns, shown) in [
            ("abcdef", 4, "abc…"),
            ("äöü", 3, "äöü"),
            ("漢字漢字", 4, "漢…"),
            ("漢字", 4, "漢字"),
            ("漢字", 1, "…"),
            ("漢字", 0, ""),
            ("e\u{301}e\u{301}e\u{301}", 2, "e\u{301}…"),
        ] {
            assert_eq!(line(text).cut(columns).as_str(), shown, "{text:?} in {columns}");
        }
        assert_eq!(line("漢字漢").padded(4).as_str(), "漢… ");
        assert_eq!(line("ab").padded(4).as_str(), "ab  ");
    }

    #[test]
    fn begins_at_columns() {
        for (text, column, shown) in [
            ("abc", 0, "abc"),
            ("abc", 2, "c"),
            ("abc", 3, ""),
            ("abc", 9, ""),
            ("漢字", 1, " 字"),
            ("漢字", 2, "字"),
        ] {
            assert_eq!(line(text).from_column(column).as_str(), shown, "{text:?} from {column}");
        }
    }

    #[test]
    fn wraps_at_blanks_first() {
        for (text, columns, rows) in [
            ("", 5, &[""][..]),
            ("one two three", 7, &["one two", "three"]),
            ("one two three", 8, &["one two", "three"]),
            ("one two three", 6, &["one", "two", "three"]),
            ("abcdefgh", 3, &["abc", "def", "gh"]),
            ("ab cdefgh", 3, &["ab", "cde", "fgh"]),
            ("漢字漢字", 5, &["漢字", "漢字"]),
            ("漢", 1, &["漢"]),
            ("  indented text", 10, &["  indented", "text"]),
            ("abc   ", 3, &["abc"]),
            ("abc   def", 4, &["abc", "def"]),
            ("a\nb c", 2, &["a", "b", "c"]),
        ] {
            let wrapped = SafeText::block(text).wrapped(columns);
            let wrapped: Vec<_> = wrapped.iter().map(SafeText::as_str).collect();
            assert_eq!(wrapped, rows, "{text:?} in {columns}");
        }
    }

    #[test]
    fn a_caret_stands_where_its_character_is() {
        let text = line("ü漢b");
        let columns: Vec<_> = (0..=6).map(|octet| text.column_of(octet)).collect();
        assert_eq!(columns, [0, 1, 1, 3, 3, 3, 4]);
    }

    proptest! {
        #[test]
        fn nothing_is_wider_than_asked_for(text in ".*", columns in 3_usize..40) {
            let text = line(&text);
            prop_assert!(text.clone().cut(columns).width() <= columns);
            prop_assert_eq!(text.clone().padded(columns).width(), columns);
            for row in text.wrapped(columns) {
                prop_assert!(row.width() <= columns, "{:?}", row);
            }
        }

        #[test]
        fn wrapping_loses_only_blanks(text in "[ -~äöü漢字]*", columns in 1_usize..40) {
            let text = line(&text);
            let whole: String = text.as_str().chars().filter(|c| *c != ' ').collect();
            let rows = text.wrapped(columns);
            let kept: String =
                rows.iter().flat_map(|row| row.as_str().chars()).filter(|c| *c != ' ').collect();
            prop_assert_eq!(kept, whole);
        }

        #[test]
        fn every_grapheme_is_seen(text in ".*") {
            for (grapheme, columns) in line(&text).graphemes() {
                prop_assert!(columns > 0, "{:?} of {:?}", grapheme, text);
            }
        }

        #[test]
        fn what_is_safe_is_escaped_no_further(text in ".*") {
            let once = line(&text);
            prop_assert_eq!(line(once.as_str()), once);
        }
    }
}
