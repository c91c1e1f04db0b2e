//! `regex`: extended regular expressions (draft-ietf-sieve-regex-01).
//!
//! The engine is linear in pattern and text; patterns compile to a bounded size (row M10). POSIX brackets are
//! rewritten for it. Groups set match variables (draft §7.1). Deviates from the draft
//! - where an alternation could match in two ways (IEEE 1003.2 §2.8): the first that matches wins, not the longest;
//! - in comparators (§5, "trial text"): there the values alone would be folded, to upper case, so that by default no
//!   pattern with a small letter could match anything. Here letters have no case but with `i;octet`, those beyond
//!   ASCII too, as draft -00 and all who have built it take it;
//! - in what is refused (§6, a SHOULD): `\d`, `\b`, `*?` and others mean what they mean to most people.

use std::iter::Peekable;
use std::str::Chars;

use ::regex::bytes::{Regex, RegexBuilder};
use regex_syntax::hir::{Hir, HirKind};

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

/// An expression that was compiled.
pub(crate) struct Compiled {
    pub(crate) regex: Regex,
    /// What it takes for an octet, at worst.
    pub(crate) steps_per_octet: usize,
}

/// Compiles a pattern for a comparator.
pub(crate) fn compile(pattern: &[u8], comparator: Comparator) -> Result<Compiled, String> {
    let text = std::str::from_utf8(pattern).map_err(|_| "a pattern is UTF-8".to_owned())?;
    if text.len() > limits::REGEX_OCTETS_MAX {
        return Err(format!("a pattern has at most {} octets", limits::REGEX_OCTETS_MAX));
    }
    let pattern = rewritten(text)?;
    let mut builder = RegexBuilder::new(&pattern);
    builder
        .size_limit(limits::REGEX_COMPILED_OCTETS_MAX)
        .dfa_size_limit(limits::REGEX_COMPILED_OCTETS_MAX)
        .nest_limit(limits::REGEX_NESTING_MAX)
        .dot_matches_new_line(true)
        .case_insensitive(comparator != Comparator::Octet);
    let regex = builder.build().map_err(|error| match error {
        ::regex::Error::CompiledTooBig(_) => "the pattern is too complex".to_owned(),
        error => {
            // The last line says what is wrong, those before draw it.
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            format!("the pattern is wrong: {}", last.trim_start_matches("error: "))
        }
    })?;
    // Without regard to case, which would make each letter a choice.
    let parsed = regex_syntax::ParserBuilder::new().utf8(false).build().parse(&pattern);
    let width = parsed.map_or(0, |parsed| width(&parsed));
    let steps_per_octet = limits::REGEX_STEPS_PER_OCTET + width / limits::REGEX_WIDTH_PER_STEP;
    Ok(Compiled { regex, steps_per_octet })
}

/// At how many places in the pattern a match may be at once: as many the engine has to follow, where it is led astray.
fn width(pattern: &Hir) -> usize {
    let sum = |patterns: &[Hir], least: usize| {
        let widths = patterns.iter().map(|pattern| width(pattern).max(least));
        widths.fold(0_usize, usize::saturating_add)
    };
    match pattern.kind() {
        HirKind::Empty | HirKind::Look(_) | HirKind::Literal(_) => 0,
        HirKind::Class(_) => 1,
        HirKind::Capture(capture) => width(&capture.sub),
        HirKind::Concat(patterns) => sum(patterns, 0),
        HirKind::Alternation(patterns) => sum(patterns, 1),
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or(repetition.min).max(1);
            let times = usize::try_from(times).unwrap_or(usize::MAX);
            width(&repetition.sub).max(1).saturating_mul(times)
        }
    }
}

/// POSIX brackets as the engine has them, where `&&`, `--` and others have a meaning of their own.
fn rewritten(pattern: &str) -> Result<String, String> {
    let mut rewritten = String::with_capacity(pattern.len());
    let mut characters = pattern.chars().peekable();
    while let Some(character) = characters.next() {
        rewritten.push(character);
        match character {
            '\\' => rewritten.extend(characters.next()),
            '[' => bracket(&mut characters, &mut rewritten)?,
            _ => {}
        }
    }
    Ok(rewritten)
}

type Characters<'a> = Peekable<Chars<'a>>;

/// IEEE 1003.2 §2.8.3.2, and two that the engine has.
const CLASSES: &[&str] = &[
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
];

/// What stands in a bracket.
enum Member {
    Character(char),
    /// `alpha` of `[:alpha:]`
    Class(String),
}

/// `"[" ["^"] 1*( member [ "-" member ] ) "]"`, of which the first bracket was read.
fn bracket(characters: &mut Characters<'_>, rewritten: &mut String) -> Result<(), String> {
    rewritten.extend(characters.next_if_eq(&'^'));
    let mut is_first = true;
    while let Some(character) = characters.next() {
        // First, a bracket stands for itself.
        if character == ']' && !is_first {
            rewritten.push(']');
            return Ok(());
        }
        is_first = false;
        match member(character, characters)? {
            Member::Class(name) => rewritten.extend(["[:", &name, ":]"]),
            Member::Character(from) => {
                push(from, rewritten);
                // A hyphen before the end stands for itself.
                let mut ahead = characters.clone();
                if ahead.next() == Some('-') && ahead.next().is_some_and(|next| next != ']') {
                    characters.next();
                    let to = characters.next().map(|to| member(to, characters)).transpose()?;
                    let Some(Member::Character(to)) = to else {
                        return Err("a range goes from a character to another".to_owned());
                    };
                    rewritten.push('-');
                    push(to, rewritten);
                }
            }
        }
    }
    // The engine says that it has no end.
    Ok(())
}

/// `[:alpha:]`, `[=a=]`, `[.a.]` or one character, which was read.
fn member(character: char, characters: &mut Characters<'_>) -> Result<Member, String> {
    let mark = match (character, characters.peek()) {
        ('[', Some(mark @ (':' | '=' | '.'))) => *mark,
        _ => return Ok(Member::Character(character)),
    };
    characters.next();
    let mut name = String::new();
    while let Some(character) = characters.next() {
        // What is named may be such a mark itself, as in `[=]=]`.
        if character == mark && !name.is_empty() && characters.next_if_eq(&']').is_some() {
            let mut only = name.chars();
            return match (mark, only.next(), only.next()) {
                (':', _, _) if CLASSES.contains(&&*name) => Ok(Member::Class(name)),
                (':', _, _) => Err(format!(
                    "the pattern is wrong: there is no class \"{}\"",
                    name.escape_debug()
                )),
                // Every character is equivalent to itself alone, and there are no others of several letters.
                (_, Some(one), None) => Ok(Member::Character(one)),
                _ => Err(format!(
                    "the pattern is wrong: \"{}\" isn't one character",
                    name.escape_debug()
                )),
            };
        }
        name.push(character);
    }
    Err(format!("the pattern is wrong: \"[{mark}\" has no end"))
}

fn push(character: char, rewritten: &mut String) {
    rewritten.push_str(&::regex::escape(character.encode_utf8(&mut [0; 4])));
}
