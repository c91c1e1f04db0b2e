//! A text that is typed: lines, a caret, what was done and can be undone.
//!
//! The caret stands between graphemes, as they are shown. Each line is shown as [`SafeText`], tabs as blanks up to the next
//! eighth column; rows break between words where they can.

use postroad_safetext::SafeText;
use regex::Regex;

use crate::keys::Key;
use crate::limits::{TEXT_OCTETS_MAX, TEXT_UNDO_MAX};

/// A text and a caret in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextEdit {
    /// At least one; none has a line break in it.
    lines: Vec<String>,
    caret: Caret,
    /// The column that going up and down tries to keep.
    wanted: Option<usize>,
    octets: usize,
    done: Vec<Change>,
    undone: Vec<Change>,
    /// What was cut last.
    cut: String,
    /// How often it was changed.
    changes: u64,
}

/// A place in the text: a line, and an octet of it at a grapheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Caret {
    /// The line, from 0.
    pub line: usize,
    /// The octet.
    pub at: usize,
}

/// What changed at a place: this text went, and that one came.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Change {
    at: Caret,
    gone: String,
    come: String,
}

/// A row of a line as it is shown, and how many columns of the line are before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextRow {
    /// The row.
    pub text: SafeText,
    /// Columns before it.
    pub before: usize,
}

/// Where words are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// From the caret to the end.
    Here,
    /// From behind it to the end.
    Behind,
    /// From behind it on, and then from the beginning.
    BehindRound,
}

impl TextEdit {
    /// With a text in it, and the caret at its beginning.
    pub fn of(text: &str) -> Self {
        let text = text.strip_suffix('\n').unwrap_or(text);
        let mut lines: Vec<String> =
            text.split('\n').map(|line| line.trim_end_matches('\r').to_owned()).collect();
        if lines.is_empty() {
            lines.push(String::new());
        }
        let octets = lines.iter().map(|line| line.len() + 1).sum();
        Self {
            lines,
            caret: Caret::default(),
            wanted: None,
            octets,
            done: Vec::new(),
            undone: Vec::new(),
            cut: String::new(),
            changes: 0,
        }
    }

    /// Larger with each change.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// All of it; each line ends in `\n`, and an empty text has none.
    pub fn text(&self) -> String {
        match self.lines.as_slice() {
            [only] if only.is_empty() => String::new(),
            lines => lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect(),
        }
    }

    /// How many lines.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether nothing was typed.
    pub fn is_empty(&self) -> bool {
        self.octets <= 1
    }

    /// Where the caret is.
    pub fn caret(&self) -> Caret {
        self.caret
    }

    fn line(&self, line: usize) -> &str {
        self.lines.get(line).map_or("", String::as_str)
    }

    /// A line, wrapped: at least one row.
    pub fn rows(&self, line: usize, columns: usize) -> Vec<TextRow> {
        rows(&SafeText::block(self.line(line)), columns.max(1))
    }

    /// Columns of the caret's line before it.
    pub fn caret_column(&self) -> usize {
        column(self.line(self.caret.line), self.caret.at)
    }

    /// The row of the caret's line where it is, and its column there.
    pub fn caret_in_row(&self, columns: usize) -> (usize, usize) {
        let column = self.caret_column();
        let rows = self.rows(self.caret.line, columns);
        let row = rows.iter().rposition(|row| row.before <= column).unwrap_or(0);
        (row, column - rows.get(row).map_or(0, |row| row.before))
    }

    /// To a place, or the next one to it that there is.
    pub fn go(&mut self, line: usize, column: usize) {
        let line = line.min(self.lines.len().saturating_sub(1));
        self.caret = Caret { line, at: octet(self.line(line), column) };
        self.wanted = None;
    }

    /// Takes a key; false where it means nothing here. `rows`: how many rows a page has.
    pub fn key(&mut self, key: Key, page: usize) -> bool {
        match key {
            Key::Up | Key::Ctrl('p') => self.up_or_down(-1),
            Key::Down | Key::Ctrl('n') => self.up_or_down(1),
            Key::PageUp => self.up_or_down(-isize::try_from(page).unwrap_or(1)),
            Key::PageDown => self.up_or_down(isize::try_from(page).unwrap_or(1)),
            key => {
                self.wanted = None;
                return self.key_in_line(key);
            }
        }
        true
    }

    fn key_in_line(&mut self, key: Key) -> bool {
        match key {
            Key::Char(c) => self.insert(&c.to_string()),
            Key::Tab => self.insert("\t"),
            Key::Enter => self.insert("\n"),
            Key::Backspace | Key::Ctrl('h') => self.remove(self.before(), self.caret),
            Key::Delete | Key::Ctrl('d') => self.remove(self.caret, self.behind()),
            Key::Left | Key::Ctrl('b') => self.caret = self.before(),
            Key::Right | Key::Ctrl('f') => self.caret = self.behind(),
            Key::Home | Key::Ctrl('a') => self.caret.at = 0,
            Key::End | Key::Ctrl('e') => self.caret.at = self.line(self.caret.line).len(),
            _ => return false,
        }
        true
    }

    /// To the beginning.
    pub fn first(&mut self) {
        self.caret = Caret::default();
    }

    /// To the end.
    pub fn last(&mut self) {
        let line = self.lines.len().saturating_sub(1);
        self.caret = Caret { line, at: self.line(line).len() };
    }

    /// Goes to the next words that are like these, from the caret on or behind it, round the end where they may be; how many octets
    /// they have.
    pub fn find(&mut self, words: &Regex, from: From) -> Option<usize> {
        let lines = self.lines.len();
        let Caret { line: first, at } = self.caret;
        let turns = if from == From::BehindRound { lines + 1 } else { lines - first.min(lines) };
        for turn in 0..turns {
            let line = (first + turn) % lines.max(1);
            let is_first = turn == 0;
            let mut found = words.find_iter(self.line(line)).filter(|found| !found.is_empty());
            let fits = |start: usize| match from {
                From::Here => !is_first || start >= at,
                From::Behind | From::BehindRound => !is_first || start > at,
            };
            if let Some((start, octets)) =
                found.find(|found| fits(found.start())).map(|it| (it.start(), it.len()))
            {
                self.caret = Caret { line, at: start };
                self.wanted = None;
                return Some(octets);
            }
        }
        None
    }

    /// Has `come` in the place of so many octets behind the caret, in its line; the caret stands behind it. Nothing is done,
    /// and `false` given, where the text would be too long.
    pub fn replace(&mut self, octets: usize, come: &str) -> bool {
        let Caret { line, at } = self.caret;
        let end = Caret { line, at: (at + octets).min(self.line(line).len()) };
        let gone = self.between(self.caret, end);
        let come: String = come.chars().filter(|c| *c == '\t' || !c.is_control()).collect();
        let fits = self.octets - gone.len().min(self.octets) + come.len() <= TEXT_OCTETS_MAX;
        if fits {
            self.change(self.caret, gone, come, Joined::No);
        }
        fits
    }

    /// The words behind the caret that have so many octets.
    pub fn words_here(&self, octets: usize) -> &str {
        let Caret { line, at } = self.caret;
        self.line(line).get(at..at + octets).unwrap_or_default()
    }

    /// Takes what was pasted; line breaks are its own.
    pub fn paste(&mut self, text: &str) {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        self.insert(&text);
    }

    /// Takes the caret's line away; lines that are cut one after the other are kept together.
    pub fn cut_line(&mut self) {
        let line = self.caret.line;
        let end = Caret { line, at: self.line(line).len() };
        let (from, to) = match (self.lines.get(line + 1), line.checked_sub(1)) {
            (Some(_), _) => (Caret { line, at: 0 }, Caret { line: line + 1, at: 0 }),
            // The last line goes with the line end before it.
            (None, Some(above)) => (Caret { line: above, at: self.line(above).len() }, end),
            (None, None) => (Caret { line, at: 0 }, end),
        };
        let gone = self.between(from, to);
        if gone.is_empty() {
            return;
        }
        let goes_on = self.done.last().is_some_and(|last| {
            last.come.is_empty() && last.at == from && self.cut.ends_with(&last.gone)
        });
        if !goes_on {
            self.cut.clear();
        }
        self.cut.push_str(gone.trim_matches('\n'));
        self.cut.push('\n');
        self.change(from, gone, String::new(), Joined::No);
    }

    /// Puts what was cut last where the caret is.
    pub fn put(&mut self) {
        let text = self.cut.clone();
        self.insert(&text);
    }

    /// Takes the last change back; false where there is none.
    pub fn undo(&mut self) -> bool {
        let Some(change) = self.done.pop() else { return false };
        self.apply(change.at, &change.come, &change.gone);
        self.undone.push(change);
        true
    }

    /// Has a change again that was taken back; false where there is none.
    pub fn redo(&mut self) -> bool {
        let Some(change) = self.undone.pop() else { return false };
        self.apply(change.at, &change.gone, &change.come);
        self.done.push(change);
        true
    }

    fn insert(&mut self, text: &str) {
        // A line break and a tab are obeyed here, and nothing else.
        let come: String =
            text.chars().filter(|c| matches!(c, '\n' | '\t') || !c.is_control()).collect();
        if come.is_empty() || self.octets + come.len() > TEXT_OCTETS_MAX {
            return;
        }
        let joined =
            if text.chars().nth(1).is_none() && text != "\n" { Joined::Yes } else { Joined::No };
        self.change(self.caret, String::new(), come, joined);
    }

    fn remove(&mut self, from: Caret, to: Caret) {
        let gone = self.between(from, to);
        if !gone.is_empty() {
            self.change(from, gone, String::new(), Joined::Yes);
        }
    }

    fn between(&self, from: Caret, to: Caret) -> String {
        let mut text = String::new();
        for line in from.line..=to.line {
            let whole = self.line(line);
            let start = if line == from.line { from.at } else { 0 };
            let end = if line == to.line { to.at } else { whole.len() };
            text.push_str(whole.get(start..end).unwrap_or_default());
            if line < to.line {
                text.push('\n');
            }
        }
        text
    }

    /// Does it, and remembers how to undo it; letters that are typed one after the other are one change, up to a blank.
    fn change(&mut self, at: Caret, gone: String, come: String, joined: Joined) {
        self.apply(at, &gone, &come);
        self.undone.clear();
        if joined == Joined::Yes
            && let Some(last) = self.done.last_mut()
        {
            let end = end_of(last.at, &last.come);
            if gone.is_empty() && !last.come.is_empty() && end == at && !come.starts_with(' ') {
                last.come.push_str(&come);
                return;
            }
            if come.is_empty() && last.come.is_empty() && end_of(at, &gone) == last.at {
                last.at = at;
                last.gone.insert_str(0, &gone);
                return;
            }
        }
        self.done.push(Change { at, gone, come });
        if self.done.len() > TEXT_UNDO_MAX {
            self.done.remove(0);
        }
    }

    /// Puts `come` in the place of `gone`, and the caret behind it.
    fn apply(&mut self, at: Caret, gone: &str, come: &str) {
        self.changes += 1;
        let end = end_of(at, gone);
        let head = self.line(at.line).get(..at.at).unwrap_or_default();
        let tail = self.line(end.line).get(end.at..).unwrap_or_default();
        let whole = format!("{head}{come}{tail}");
        let last = end.line.min(self.lines.len().saturating_sub(1));
        let first = at.line.min(last);
        self.lines.splice(first..=last, whole.split('\n').map(str::to_owned));
        self.octets = (self.octets + come.len()).saturating_sub(gone.len());
        self.caret = end_of(at, come);
        self.wanted = None;
    }

    /// The grapheme before the caret begins here; at the beginning of a line, the end of the one above.
    fn before(&self) -> Caret {
        let Caret { line, at } = self.caret;
        if at == 0 {
            return match line.checked_sub(1) {
                Some(line) => Caret { line, at: self.line(line).len() },
                None => self.caret,
            };
        }
        let before = self.line(line).get(..at).unwrap_or_default();
        Caret { line, at: at - last_grapheme(before).len().max(1).min(at) }
    }

    /// The grapheme behind the caret ends here; at the end of a line, the beginning of the next one.
    fn behind(&self) -> Caret {
        let Caret { line, at } = self.caret;
        let behind = self.line(line).get(at..).unwrap_or_default();
        match first_grapheme(behind).len() {
            0 if line + 1 < self.lines.len() => Caret { line: line + 1, at: 0 },
            octets => Caret { line, at: at + octets },
        }
    }

    fn up_or_down(&mut self, by: isize) {
        let wanted = self.wanted.unwrap_or_else(|| self.caret_column());
        let last = self.lines.len().saturating_sub(1);
        let line = self.caret.line.saturating_add_signed(by).min(last);
        self.caret = Caret { line, at: octet(self.line(line), wanted) };
        self.wanted = Some(wanted);
    }
}

/// Whether a change belongs to the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Joined {
    Yes,
    No,
}

/// Where a text ends that begins here.
fn end_of(at: Caret, text: &str) -> Caret {
    match text.rsplit_once('\n') {
        None => Caret { at: at.at + text.len(), ..at },
        Some((above, last)) => {
            Caret { line: at.line + above.matches('\n').count() + 1, at: last.len() }
        }
    }
}

/// Columns of a line before an octet.
fn column(line: &str, at: usize) -> usize {
    SafeText::block(line.get(..at).unwrap_or_default()).width()
}

/// The octet of a line at a column, or at the last grapheme before it.
fn octet(line: &str, wanted: usize) -> usize {
    let mut at = 0;
    while at < line.len() {
        let next = at + first_grapheme(line.get(at..).unwrap_or_default()).len().max(1);
        if column(line, next) > wanted {
            return at;
        }
        at = next;
    }
    line.len()
}

fn first_grapheme(text: &str) -> &str {
    postroad_safetext::graphemes_of(text).next().unwrap_or_default()
}

fn last_grapheme(text: &str) -> &str {
    postroad_safetext::graphemes_of(text).next_back().unwrap_or_default()
}

/// The text in rows: behind the last blank that fits, else where the row is full. Nothing is left out.
fn rows(text: &SafeText, columns: usize) -> Vec<TextRow> {
    let mut rows = Vec::new();
    let (mut row, mut width, mut before) = (String::new(), 0, 0);
    // Where the row may break: octets and columns of what stands before that.
    let mut blank: Option<(usize, usize)> = None;
    for (grapheme, wide) in text.graphemes() {
        if width + wide > columns && !row.is_empty() {
            let (octets, broken) = blank.unwrap_or((row.len(), width));
            let rest = row.split_off(octets);
            rows.push(TextRow { text: SafeText::line(&row), before });
            before += broken;
            width -= broken;
            row = rest;
            blank = None;
        }
        row.push_str(grapheme);
        width += wide;
        if grapheme == " " {
            blank = Some((row.len(), width));
        }
    }
    rows.push(TextRow { text: SafeText::line(&row), before });
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn typed(text: &str, keys: &[Key]) -> (String, usize, usize) {
        let mut edit = TextEdit::of(text);
        for key in keys {
            edit.key(*key, 10);
        }
        (edit.text(), edit.caret().line, edit.caret_column())
    }

    #[test]
    fn nothing_is_replaced_where_the_text_would_be_too_long() {
        let mut edit = TextEdit::of(&format!("a{}", "x".repeat(TEXT_OCTETS_MAX - 2)));
        let full = edit.octets;
        assert!(edit.replace(1, "b") && edit.octets == full);
        edit.caret = Caret::default();
        let room = TEXT_OCTETS_MAX - full;
        assert!(!edit.replace(1, &"c".repeat(room + 2)) && edit.octets == full);
        assert_eq!(edit.words_here(1), "b");
    }

    #[test]
    fn keys_edit() {
        for (text, keys, after, line, column) in [
            ("", &[Key::Char('a')][..], "a\n", 0, 1),
            ("ab\n", &[Key::Right, Key::Enter], "a\nb\n", 1, 0),
            ("a\nb\n", &[Key::Down, Key::Backspace], "ab\n", 0, 1),
            ("a\nb\n", &[Key::End, Key::Delete], "ab\n", 0, 1),
            ("a\nb\n", &[Key::End, Key::Right], "a\nb\n", 1, 0),
            ("a\nb\n", &[Key::Down, Key::Left], "a\nb\n", 0, 1),
            // A letter and its mark are one.
            ("e\u{301}x\n", &[Key::Right, Key::Delete], "e\u{301}\n", 0, 1),
            ("e\u{301}x\n", &[Key::Right, Key::Backspace], "x\n", 0, 0),
            ("漢b\n", &[Key::Right, Key::Char('a')], "漢ab\n", 0, 3),
            // Up and down keep the column.
            ("abcd\nx\nefgh\n", &[Key::End, Key::Down, Key::Down], "abcd\nx\nefgh\n", 2, 4),
            ("\tx\n", &[Key::Right], "\tx\n", 0, 8),
            ("a\n", &[Key::Up, Key::Left, Key::PageDown, Key::Down], "a\n", 0, 0),
        ] {
            assert_eq!(typed(text, keys), (after.into(), line, column), "{text:?} {keys:?}");
        }
    }

    #[test]
    fn rows_break_between_words() {
        let row = |text: &str| {
            let rows = TextEdit::of(text).rows(0, 8);
            rows.iter().map(|row| (row.text.as_str().to_owned(), row.before)).collect::<Vec<_>>()
        };
        for (text, wanted) in [
            ("", &[("", 0)][..]),
            ("one two three", &[("one two ", 0), ("three", 8)]),
            ("one twofour", &[("one ", 0), ("twofour", 4)]),
            ("abcdefghij", &[("abcdefgh", 0), ("ij", 8)]),
            ("漢漢漢漢漢", &[("漢漢漢漢", 0), ("漢", 8)]),
        ] {
            let wanted: Vec<_> = wanted.iter().map(|(row, at)| ((*row).to_owned(), *at)).collect();
            assert_eq!(row(text), wanted, "{text}");
        }
    }

    #[test]
    fn lines_that_are_cut_come_back_together() {
        let mut edit = TextEdit::of("a\nb\nc\nd\n");
        edit.cut_line();
        edit.cut_line();
        assert_eq!(edit.text(), "c\nd\n");
        edit.last();
        edit.put();
        assert_eq!(edit.text(), "c\nda\nb\n\n");
        assert!(edit.undo() && edit.undo() && edit.undo());
        assert_eq!(edit.text(), "a\nb\nc\nd\n");
        assert!(!edit.undo());
    }

    #[test]
    fn what_is_pasted_obeys_nobody() {
        let mut edit = TextEdit::of("");
        edit.paste("a\r\nb\x1b[31m\rc\n");
        assert_eq!(edit.text(), "a\nb[31m\nc\n\n");
        edit.paste(&"x".repeat(TEXT_OCTETS_MAX));
        assert_eq!(edit.text(), "a\nb[31m\nc\n\n");
    }

    proptest! {
        #[test]
        fn whatever_is_typed_can_be_undone(
            text in "([a-z \t]|漢|e\u{301}|\n){0,40}",
            keys in prop::collection::vec(crate::keys::any_key(), 0..40),
            columns in 1..20_usize,
        ) {
            let mut edit = TextEdit::of(&text);
            let before = edit.text();
            for (number, key) in keys.iter().enumerate() {
                match number % 7 {
                    5 => edit.cut_line(),
                    6 => edit.put(),
                    _ => { edit.key(*key, 5); }
                }
                let Caret { line, at } = edit.caret();
                prop_assert!(line < edit.len() && edit.line(line).is_char_boundary(at));
                let (row, column) = edit.caret_in_row(columns);
                let rows = edit.rows(line, columns);
                prop_assert!(row < rows.len() && column <= rows[row].text.width());
                let whole: String = rows.iter().map(|row| row.text.as_str()).collect();
                let shown = SafeText::block(edit.line(line));
                prop_assert_eq!(whole.as_str(), shown.as_str());
            }
            let after = edit.text();
            while edit.undo() {}
            prop_assert_eq!(edit.text(), before);
            while edit.redo() {}
            prop_assert_eq!(edit.text(), after);
        }
    }
}
