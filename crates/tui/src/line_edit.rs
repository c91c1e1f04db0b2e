//! One line that is typed.
//!
//! It is shown as [`SafeText`], so what is typed or pasted can fool the eye no more than what is read;
//! the caret stands where that text has it.

use postroad_safetext::SafeText;

use crate::keys::Key;
use crate::limits::TYPED_OCTETS_MAX;

/// A line and a caret in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LineEdit {
    text: String,
    /// An octet of `text`, at a character.
    caret: usize,
}

impl LineEdit {
    /// With something in it, and the caret behind that.
    pub fn of(text: String) -> Self {
        Self { caret: text.len(), text }
    }

    /// What was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What stands before the caret, and behind it.
    pub fn halves(&self) -> (&str, &str) {
        self.text.split_at_checked(self.caret).unwrap_or((&self.text, ""))
    }

    /// Has this before the caret in place of what is there.
    pub fn put_before(&mut self, before: &str) {
        let behind = self.halves().1.to_owned();
        (self.text, self.caret) = (format!("{before}{behind}"), before.len());
    }

    /// What is shown.
    pub fn shown(&self) -> SafeText {
        SafeText::line(&self.text)
    }

    /// Columns of what is shown before the caret.
    pub fn caret_column(&self) -> usize {
        SafeText::line(self.before()).width()
    }

    /// Has the caret at this column of what is shown, or behind it.
    pub fn go(&mut self, column: usize) {
        let starts = self.text.char_indices().map(|(at, _)| at).chain([self.text.len()]);
        let starts: Vec<usize> = starts.collect();
        let width = |at: usize| SafeText::line(self.text.get(..at).unwrap_or_default()).width();
        let behind = starts.partition_point(|at| width(*at) <= column);
        self.caret = starts.get(behind.saturating_sub(1)).copied().unwrap_or_default();
    }

    /// Takes what was pasted; line breaks and tabs become blanks.
    pub fn paste(&mut self, text: &str) {
        let blank = |c: char| if matches!(c, '\r' | '\n' | '\t') { ' ' } else { c };
        text.replace("\r\n", "\n").chars().map(blank).for_each(|c| self.insert(c));
    }

    /// Takes a key if it means something here.
    pub fn key(&mut self, key: Key) {
        match key {
            Key::Char(c) => self.insert(c),
            Key::Backspace | Key::Ctrl('h') => self.remove_before(self.step_back()),
            Key::Delete | Key::Ctrl('d') => {
                let end = self.step_on();
                self.text.replace_range(self.caret..end, "");
            }
            Key::Left | Key::Ctrl('b') => self.caret = self.step_back(),
            Key::Right | Key::Ctrl('f') => self.caret = self.step_on(),
            Key::Home | Key::Ctrl('a') => self.caret = 0,
            Key::End | Key::Ctrl('e') => self.caret = self.text.len(),
            Key::Ctrl('u') => self.remove_before(0),
            Key::Ctrl('k') => self.text.truncate(self.caret),
            Key::Ctrl('w') => {
                let words = self.before().trim_end();
                let start = words.rfind(' ').map_or(0, |blank| blank + 1);
                self.remove_before(start);
            }
            Key::Ctrl(_)
            | Key::Alt(_)
            | Key::Enter
            | Key::Tab
            | Key::BackTab
            | Key::Insert
            | Key::Esc
            | Key::Up
            | Key::Down
            | Key::PageUp
            | Key::PageDown
            | Key::F(_) => {}
        }
    }

    fn before(&self) -> &str {
        self.text.get(..self.caret).unwrap_or_default()
    }

    fn insert(&mut self, c: char) {
        if !c.is_control() && self.text.len() + c.len_utf8() <= TYPED_OCTETS_MAX {
            self.text.insert(self.caret, c);
            self.caret += c.len_utf8();
        }
    }

    fn remove_before(&mut self, start: usize) {
        self.text.replace_range(start..self.caret, "");
        self.caret = start;
    }

    fn step_back(&self) -> usize {
        self.before().char_indices().next_back().map_or(0, |(at, _)| at)
    }

    fn step_on(&self) -> usize {
        let behind = self.text.get(self.caret..).unwrap_or_default();
        self.caret + behind.chars().next().map_or(0, char::len_utf8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn typed(keys: &[Key]) -> (String, usize) {
        let mut line = LineEdit::of("Grüße an Bob".into());
        keys.iter().for_each(|key| line.key(*key));
        (line.text().into(), line.caret_column())
    }

    #[test]
    fn keys_edit() {
        for (keys, text, column) in [
            (&[Key::Char('!')][..], "Grüße an Bob!", 13),
            (&[Key::Home, Key::Right, Key::Right, Key::Delete], "Grße an Bob", 2),
            (&[Key::Ctrl('w')], "Grüße an ", 9),
            (&[Key::Ctrl('w'), Key::Ctrl('w')], "Grüße ", 6),
            (&[Key::Ctrl('u')], "", 0),
            (&[Key::Home, Key::Right, Key::Ctrl('k')], "G", 1),
            (&[Key::Home, Key::Backspace, Key::Left, Key::Char('ß')], "ßGrüße an Bob", 1),
            (&[Key::Left, Key::Backspace, Key::End], "Grüße an Bb", 11),
        ] {
            assert_eq!(typed(keys), (text.into(), column), "{keys:?}");
        }
    }

    #[test]
    fn the_caret_goes_to_a_column() {
        let mut line = LineEdit::of("Grüße 漢字 an\u{202e} Bob".into());
        for (column, before) in [
            (0, ""),
            (2, "Gr"),
            (6, "Grüße "),
            (7, "Grüße "),
            (8, "Grüße 漢"),
            (99, "Grüße 漢字 an\u{202e} Bob"),
        ] {
            line.go(column);
            assert_eq!(line.halves().0, before, "{column}");
        }
        LineEdit::default().go(3);
    }

    #[test]
    fn what_is_before_the_caret_is_typed_over() {
        let mut line = LineEdit::of("bo, carol@x".into());
        line.key(Key::Home);
        (0..2).for_each(|_| line.key(Key::Right));
        assert_eq!(line.halves(), ("bo", ", carol@x"));
        line.put_before("Bob <bob@x>");
        assert_eq!(line.halves(), ("Bob <bob@x>", ", carol@x"));
    }

    #[test]
    fn what_is_pasted_is_one_line() {
        let mut line = LineEdit::default();
        line.paste("a\r\nb\tc\x1b[31m");
        assert_eq!(line.text(), "a b c[31m");
        line.paste(&"x".repeat(TYPED_OCTETS_MAX * 2));
        assert_eq!(line.text().len(), TYPED_OCTETS_MAX);
    }

    proptest! {
        #[test]
        fn the_caret_is_in_the_line(keys in prop::collection::vec(crate::keys::any_key(), 0..40)) {
            let mut line = LineEdit::default();
            for key in keys {
                line.key(key);
                prop_assert!(line.text().is_char_boundary(line.caret));
            }
        }
    }
}
