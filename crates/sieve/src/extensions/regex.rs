//! `regex`: extended regular expressions (draft-ietf-sieve-regex).
//!
//! The engine is linear in pattern and text; patterns compile to a bounded size (row M10). POSIX brackets are
//! rewritten for it. Deviates from the draft where an alternation could match in two ways: the first that
//! matches wins, not the longest; and there are no back references. Groups set match variables (draft §5).

use ::regex::bytes::{Regex, RegexBuilder};

use crate::check::{AddedTags, Extension, On, Tag};
use crate::limits;
use crate::matching::{self, Comparator};

pub(super) const EXTENSION: Extension = Extension {
    tags: &[
        AddedTags {
            on: On::Group(matching::GROUP),
            tags: &[Tag::one_of(matching::GROUP, "regex")],
        },
        // The modifier of `set`: as ":quotewildcard", for these patterns.
        AddedTags {
            on: On::Named(&["set", "extracttext"]),
            tags: &[Tag::one_of("precedence 20", "quoteregex")],
        },
    ],
    ..Extension::named("regex")
};

/// What has a meaning in a pattern, for ":quoteregex".
pub(crate) const SPECIAL: &[u8] = b"\\^$.[]|()?*+{}";

/// Compiles a pattern for a comparator.
pub(crate) fn compile(pattern: &[u8], comparator: Comparator) -> Result<Regex, String> {
    let text = std::str::from_utf8(pattern).map_err(|_| "a pattern is UTF-8".to_owned())?;
    if text.len() > limits::REGEX_OCTETS_MAX {
        return Err(format!("a pattern has at most {} octets", limits::REGEX_OCTETS_MAX));
    }
    let mut builder = RegexBuilder::new(&rewritten(text));
    builder
        .size_limit(limits::REGEX_COMPILED_OCTETS_MAX)
        .dfa_size_limit(limits::REGEX_COMPILED_OCTETS_MAX)
        .nest_limit(limits::REGEX_NESTING_MAX)
        .dot_matches_new_line(true)
        .case_insensitive(comparator != Comparator::Octet);
    builder.build().map_err(|error| match error {
        ::regex::Error::CompiledTooBig(_) => "the pattern is too complex".to_owned(),
        error => {
            // The last line says what is wrong, those before draw it.
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            format!("the pattern is wrong: {}", last.trim_start_matches("error: "))
        }
    })
}

/// POSIX brackets as the engine has them: in them `\`, `[`, `&`, `~` stand for themselves.
fn rewritten(pattern: &str) -> String {
    let mut rewritten = String::with_capacity(pattern.len());
    let mut characters = pattern.chars().peekable();
    while let Some(character) = characters.next() {
        rewritten.push(character);
        match character {
            '\\' => rewritten.extend(characters.next()),
            '[' => bracket(&mut characters, &mut rewritten),
            _ => {}
        }
    }
    rewritten
}

fn bracket(characters: &mut std::iter::Peekable<std::str::Chars<'_>>, rewritten: &mut String) {
    rewritten.extend(characters.next_if_eq(&'^'));
    // First, a bracket stands for itself.
    if characters.next_if_eq(&']').is_some() {
        rewritten.push_str("\\]");
    }
    while let Some(character) = characters.next() {
        match character {
            ']' => {
                rewritten.push(']');
                return;
            }
            // A class: [:alpha:]
            '[' if characters.peek() == Some(&':') => {
                rewritten.push('[');
                for character in characters.by_ref() {
                    rewritten.push(character);
                    if character == ']' {
                        break;
                    }
                }
            }
            '[' | '\\' | '&' | '~' => rewritten.extend(['\\', character]),
            _ => rewritten.push(character),
        }
    }
}
