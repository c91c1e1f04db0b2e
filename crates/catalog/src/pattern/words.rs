//! Words that are looked for, and whether they are in a text.

use std::fmt;

use postroad_message::Needle;
use regex::{Regex, RegexBuilder};
use regex_syntax::hir::{Hir, HirKind};

use crate::limits::REGEX_OCTETS_MAX;

/// What means something in a regular expression.
const MEANING: [char; 14] = ['\\', '.', '+', '*', '?', '(', ')', '|', '[', ']', '{', '}', '^', '$'];

/// Whether capitals count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// They don't.
    Any,
    /// They do.
    Counts,
}

impl Case {
    /// As in mutt: they count where there is one.
    pub fn of(word: &str) -> Self {
        if word.chars().any(char::is_uppercase) { Self::Counts } else { Self::Any }
    }
}

/// Words.
#[derive(Debug, Clone)]
pub struct Words {
    typed: String,
    case: Case,
    how: How,
}

#[derive(Debug, Clone)]
enum How {
    Text,
    Regex(Regex),
}

impl Words {
    /// A text, as it is.
    pub fn text(typed: String, case: Case) -> Self {
        Self { typed, case, how: How::Text }
    }

    /// A regular expression; one that looks for a text alone is that text.
    pub(super) fn regex(typed: String) -> Result<Self, String> {
        let case = Case::of(&typed);
        if !typed.contains(MEANING) {
            return Ok(Self::text(typed, case));
        }
        let regex = RegexBuilder::new(&typed)
            .case_insensitive(case == Case::Any)
            .multi_line(true)
            .crlf(true)
            .size_limit(REGEX_OCTETS_MAX)
            .dfa_size_limit(REGEX_OCTETS_MAX)
            .build();
        match regex {
            Ok(regex) => Ok(Self { typed, case, how: How::Regex(regex) }),
            // It shows the word and a caret below it, in several lines: the last one says what it is.
            Err(error) => {
                let words = error.to_string();
                let why = words.lines().last().unwrap_or_default();
                Err(why.strip_prefix("error: ").unwrap_or(why).to_owned())
            }
        }
    }

    /// What `~` or `=` they need, to be read again.
    pub(super) fn sign(&self) -> char {
        match self.how {
            How::Text => '=',
            How::Regex(_) => '~',
        }
    }

    /// A text that is in each text that they are in, by another comparison that finds more: letters that haven't got it
    /// needn't be looked at. `None` where there is no such text.
    pub(crate) fn needle(&self) -> Option<Needle> {
        self.text_in_all().map(|text| Needle::new(&text))
    }

    /// A text that is in each text that they are in, whatever its case; `None` where there is no such text.
    pub fn text_in_all(&self) -> Option<String> {
        match &self.how {
            How::Text => Some(self.typed.clone()),
            // As it was typed: without case it is made of classes alone.
            How::Regex(_) => longest_text(&regex_syntax::parse(&self.typed).ok()?),
        }
    }

    /// Whether they are a text, and no regular expression.
    pub fn is_text(&self) -> bool {
        matches!(self.how, How::Text)
    }

    /// Whether they are a text, in any case: where it is they are.
    pub fn is_text_in_any_case(&self) -> bool {
        matches!((&self.how, self.case), (How::Text, Case::Any))
    }

    /// Whether the needle says all: it is there, so they are.
    pub(crate) fn is_needle(&self) -> bool {
        self.is_text_in_any_case()
    }

    /// Whether they are in a text; by their needle, where that says it.
    pub(crate) fn are_in(&self, text: &str, needle: Option<&Needle>) -> bool {
        match (&self.how, self.case) {
            (How::Text, Case::Any) => match needle {
                Some(needle) => needle.is_in(text),
                None => Needle::new(&self.typed).is_in(text),
            },
            (How::Text, Case::Counts) => text.contains(&self.typed),
            (How::Regex(regex), _) => regex.is_match(text),
        }
    }
}

/// The longest text that each match has in it, of ASCII alone: there, both comparisons say the same of letters.
fn longest_text(hir: &Hir) -> Option<String> {
    match hir.kind() {
        HirKind::Literal(literal) => {
            let text = str::from_utf8(&literal.0).ok()?;
            let runs = text.split(|one: char| !one.is_ascii_graphic() && one != ' ');
            runs.max_by_key(|run| run.len()).filter(|run| !run.is_empty()).map(str::to_owned)
        }
        HirKind::Capture(capture) => longest_text(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => longest_text(&repetition.sub),
        HirKind::Concat(all) => all.iter().filter_map(longest_text).max_by_key(String::len),
        HirKind::Empty
        | HirKind::Class(_)
        | HirKind::Look(_)
        | HirKind::Repetition(_)
        | HirKind::Alternation(_) => None,
    }
}

impl PartialEq for Words {
    fn eq(&self, other: &Self) -> bool {
        let is_regex = |words: &Self| matches!(words.how, How::Regex(_));
        self.typed == other.typed && self.case == other.case && is_regex(self) == is_regex(other)
    }
}

impl Eq for Words {}

/// In quotes.
impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for one in self.typed.chars() {
            match one {
                '"' | '\\' => write!(f, "\\{one}")?,
                '\n' => f.write_str("\\n")?,
                '\t' => f.write_str("\\t")?,
                one => write!(f, "{one}")?,
            }
        }
        f.write_str("\"")
    }
}
