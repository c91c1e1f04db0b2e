//! People whom the user knows, and which of them fit what is typed into a field of addresses.

use postroad_safetext::{SafeText, safe_line};

/// Somebody, or a short name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonRow {
    /// The name; empty where none is known, and for a short name.
    pub name: SafeText,
    /// The address; of a short name, what it stands for.
    pub address: SafeText,
    /// The short name, if it is one.
    pub alias: Option<SafeText>,
    /// What is put into a field; it is shown as all that is typed is.
    pub typed: String,
    /// What words are looked for in, in lower case.
    key: String,
}

impl PersonRow {
    /// Somebody with a name and an address, or a short name for `address`. `typed` is what is put into a field.
    pub fn new(name: &str, address: &str, alias: Option<&str>, typed: &str) -> Self {
        Self {
            name: SafeText::line(name),
            address: SafeText::line(address),
            alias: alias.map(SafeText::line),
            typed: typed.to_owned(),
            key: format!("{} {name} {address}", alias.unwrap_or_default()).to_lowercase(),
        }
    }

    /// Whether each of the words begins something in it: a name, the address, a part of it behind a dot.
    pub fn fits(&self, words: &str) -> bool {
        let words = words.to_lowercase();
        let sign = |c: char| c.is_whitespace() || "\"<>(),;".contains(c);
        words.split(sign).filter(|word| !word.is_empty()).all(|word| self.has_beginning(word))
    }

    fn has_beginning(&self, word: &str) -> bool {
        self.key.match_indices(word).any(|(at, _)| {
            let before = self.key.get(..at).and_then(|before| before.chars().next_back());
            before.is_none_or(|c| !c.is_alphanumeric())
        })
    }

    /// As a list shows it.
    pub fn shown(&self) -> SafeText {
        let (name, address) = (self.name.as_str(), self.address.as_str());
        match (&self.alias, name) {
            (Some(alias), _) => safe_line!("{} = {address}", alias.as_str()),
            (None, "") => self.address.clone(),
            (None, name) => safe_line!("{name} <{address}>"),
        }
    }
}

/// The addresses of a field that are whole, with the comma behind them, and the one that is being typed.
pub(crate) fn last_of(text: &str) -> (&str, &str) {
    let (mut in_quotes, mut is_escaped, mut depth) = (false, false, 0_usize);
    let mut end = 0;
    for (at, c) in text.char_indices() {
        let was_escaped = std::mem::take(&mut is_escaped);
        match c {
            _ if was_escaped => {}
            '\\' => is_escaped = true,
            '"' => in_quotes = !in_quotes,
            _ if in_quotes => {}
            '<' | '(' => depth += 1,
            '>' | ')' => depth = depth.saturating_sub(1),
            ',' | ';' if depth == 0 => end = at + 1,
            _ => {}
        }
    }
    let rest = text.get(end..).unwrap_or_default();
    let blanks = rest.len() - rest.trim_start().len();
    text.split_at_checked(end + blanks).unwrap_or((text, ""))
}

/// A field with the address that is being typed made whole.
pub(crate) fn completed(text: &str, person: &PersonRow) -> String {
    format!("{}{}", last_of(text).0, person.typed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_fit_where_they_begin_something() {
        let row = PersonRow::new("Ann Lee-Smith", "ann.lee@mail.Example.org", None, "");
        for (words, fits) in [
            ("an", true),
            ("ANN", true),
            ("smi", true),
            ("lee ann", true),
            ("ann.l", true),
            ("lee@m", true),
            ("exam", true),
            ("\"Ann", true),
            ("Ann <ann", true),
            ("", true),
            ("nn", false),
            ("ann bob", false),
            ("xample", false),
        ] {
            assert_eq!(row.fits(words), fits, "{words:?}");
        }
        let alias = PersonRow::new("", "a@x.example, b@x.example", Some("team"), "");
        assert!(alias.fits("te") && alias.fits("b@x"));
        assert_eq!(alias.shown().as_str(), "team = a@x.example, b@x.example");
    }

    #[test]
    fn what_is_typed_last_is_completed() {
        for (text, kept, last) in [
            ("", "", ""),
            ("an", "", "an"),
            ("a@x.example, bo", "a@x.example, ", "bo"),
            ("a@x.example,bo", "a@x.example,", "bo"),
            ("\"Lee, An", "", "\"Lee, An"),
            ("\"Lee, Ann\" <ann@x.example>,  b", "\"Lee, Ann\" <ann@x.example>,  ", "b"),
            ("a (b, c", "", "a (b, c"),
            ("\"a\\\", b", "", "\"a\\\", b"),
            ("a, ", "a, ", ""),
        ] {
            assert_eq!(last_of(text), (kept, last), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_typed_is_cut_in_two(text in ".{0,40}", words in ".{0,10}") {
            let (kept, last) = last_of(&text);
            prop_assert_eq!(format!("{kept}{last}"), text.clone());
            let row = PersonRow::new(&text, &words, None, &text);
            prop_assert!(row.fits(&words.split(' ').next().unwrap_or_default().replace(|c: char| !c.is_alphanumeric(), "")) || !words.is_empty());
        }
    }
}
