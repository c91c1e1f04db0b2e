//! Matching values against keys: comparator and match type (RFC 5228 §2.7).
//!
//! A test declares [`TAGS`] and makes a [`Matcher`] of its arguments; extensions add match types to the group
//! [`GROUP`]. Keys that hold no variable are folded and compiled once, while the script is checked.

use std::borrow::Cow;

mod comparator;
mod glob;

pub(crate) use comparator::Comparator;
use glob::Glob;
use postroad_message::casemap;

use crate::check::{Args, Checker, Kind, Tag};
use crate::extensions;
use crate::extensions::regex::Compiled;
use crate::extensions::relational::Relation;
use crate::extensions::variables::Matched;
use crate::limits;
use crate::problem::Fault;
use crate::run::{Failure, Run, shown};
use crate::text::Text;

/// The group of tags that say how to match.
pub(crate) const GROUP: &str = "match type";

/// RFC 5228 §2.7.1 and §2.7.3.
pub(crate) const TAGS: &[Tag] = &[
    Tag::with("comparator", Kind::Text),
    Tag::one_of(GROUP, "is"),
    Tag::one_of(GROUP, "contains"),
    Tag::one_of(GROUP, "matches"),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MatchType {
    Is,
    Contains,
    Matches,
    /// draft-ietf-sieve-regex.
    Regex,
    /// RFC 5231 §4.1.
    Value(Relation),
    /// RFC 5231 §4.2.
    Count(Relation),
}

/// What is compared, and what a trace calls it.
pub(crate) type Value<'v> = (String, Cow<'v, [u8]>);

/// A match type, a comparator and keys.
pub(crate) struct Matcher {
    comparator: Comparator,
    match_type: MatchType,
    keys: Vec<Key>,
    key_form: KeyForm,
    matched: KeepsMatched,
}

/// What a key's text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyForm {
    /// One key.
    Whole,
    /// Keys with spaces between them (RFC 5232 §2).
    Words,
}

/// Whether anybody can read match variables (RFC 5229 §3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeepsMatched {
    Yes,
    No,
}

struct Key {
    text: Text,
    /// What the text comes to, where no variable is in it.
    patterns: Option<Vec<Pattern>>,
}

/// A key, ready to be compared with.
enum Pattern {
    /// Folded.
    Plain(Vec<u8>),
    Glob(Glob),
    Regex(Box<Compiled>),
}

impl Matcher {
    /// From the tags, and the positional argument `keys`.
    pub(crate) fn of(args: &Args<'_>, keys: usize, checker: &Checker<'_>) -> Result<Self, Fault> {
        Self::with(KeyForm::Whole, args, keys, checker)
    }

    /// As [`Matcher::of`], for keys of that form.
    pub(crate) fn with(
        key_form: KeyForm,
        args: &Args<'_>,
        keys: usize,
        checker: &Checker<'_>,
    ) -> Result<Self, Fault> {
        let match_type = match args.of_group(GROUP) {
            Some("contains") => MatchType::Contains,
            Some("matches") => MatchType::Matches,
            Some("regex") => MatchType::Regex,
            Some("value") => MatchType::Value(Relation::of(args, "value", checker)?),
            Some("count") => MatchType::Count(Relation::of(args, "count", checker)?),
            // RFC 5228 §2.7.1: ":is" is what isn't said.
            Some(_) | None => MatchType::Is,
        };
        let comparator = comparator(args, checker)?;
        let needs_substrings =
            matches!(match_type, MatchType::Contains | MatchType::Matches | MatchType::Regex);
        if needs_substrings && !comparator.has_substrings() {
            let place = args.place_of("comparator");
            let problem = "this comparator can't look for parts of a text";
            return Err(Fault::new(place, problem).hint("it goes with \":is\""));
        }
        let matched = match checker.has("variables") {
            true => KeepsMatched::Yes,
            false => KeepsMatched::No,
        };
        let mut matcher = Self { comparator, match_type, keys: Vec::new(), key_form, matched };
        for text in args.texts(keys, checker)? {
            let patterns = text.constant().map(|constant| {
                checker.count_regexes(matcher.regexes_in(constant))?;
                matcher.patterns(constant)
            });
            let patterns = patterns.transpose().map_err(|what| Fault::new(text.place, what))?;
            matcher.keys.push(Key { text, patterns });
        }
        Ok(matcher)
    }

    /// For tests that set no match variables.
    pub(crate) fn keeping_nothing(self) -> Self {
        Self { matched: KeepsMatched::No, ..self }
    }

    fn patterns(&self, key: &[u8]) -> Result<Vec<Pattern>, String> {
        match self.key_form {
            KeyForm::Whole => Ok(vec![self.pattern(key)?]),
            KeyForm::Words => words(key).map(|word| self.pattern(word)).collect(),
        }
    }

    /// How many regular expressions a key comes to.
    fn regexes_in(&self, key: &[u8]) -> usize {
        match (self.match_type, self.key_form) {
            (MatchType::Regex, KeyForm::Whole) => 1,
            (MatchType::Regex, KeyForm::Words) => words(key).count(),
            _ => 0,
        }
    }

    fn pattern(&self, key: &[u8]) -> Result<Pattern, String> {
        let fold = |octets: &[u8]| self.comparator.fold(octets).into_owned();
        Ok(match self.match_type {
            MatchType::Is | MatchType::Contains => Pattern::Plain(fold(key)),
            // Numbers are compared as they are.
            MatchType::Value(_) | MatchType::Count(_) => Pattern::Plain(key.to_vec()),
            MatchType::Matches => Pattern::Glob(Glob::parse(key, fold)),
            MatchType::Regex => {
                Pattern::Regex(Box::new(extensions::regex::compile(key, self.comparator)?))
            }
        })
    }

    /// Whether values are only counted.
    pub(crate) fn counts(&self) -> bool {
        matches!(self.match_type, MatchType::Count(_))
    }

    /// Whether any value matches any key; left to right, and no further than needed (RFC 5229 §3.2).
    pub(crate) fn any(&self, run: &mut Run<'_>, values: &[Value<'_>]) -> Result<bool, Failure> {
        let count;
        let values = match self.counts() {
            false => values,
            true => {
                let digits = values.len().to_string().into_bytes();
                count = [("number of them".to_owned(), Cow::Owned(digits))];
                &count
            }
        };
        for (name, value) in values {
            for key in &self.keys {
                let made;
                let patterns = match &key.patterns {
                    Some(patterns) => patterns,
                    None => {
                        let text = key.text.value(run)?;
                        let regexes = self.regexes_in(&text);
                        run.spend_steps(regexes.saturating_mul(limits::REGEX_STEPS))?;
                        made = self.patterns(&text).map_err(Failure::new)?;
                        &made
                    }
                };
                for pattern in patterns {
                    if self.matches(run, value, pattern)? {
                        let key = key.text.value(run)?;
                        run.note(|| format!("{name} {} matches {}", shown(value), shown(&key)));
                        return Ok(true);
                    }
                }
            }
            run.note(|| format!("{name} {} matches no key", shown(value)));
        }
        Ok(false)
    }

    fn matches(&self, run: &mut Run<'_>, value: &[u8], key: &Pattern) -> Result<bool, Failure> {
        run.spend(value.len() + 1)?;
        if self.comparator == Comparator::UnicodeCasemap {
            run.spend_steps(value.len().saturating_mul(limits::UNICODE_STEPS_PER_OCTET))?;
        }
        match key {
            Pattern::Plain(key) => {
                let fold = || self.comparator.fold(value);
                Ok(match self.match_type {
                    MatchType::Is => *fold() == **key,
                    MatchType::Contains => memchr::memmem::find(&fold(), key).is_some(),
                    MatchType::Matches | MatchType::Regex => false,
                    MatchType::Value(relation) | MatchType::Count(relation) => {
                        relation.holds(self.comparator.order(value, key))
                    }
                })
            }
            Pattern::Glob(glob) => self.matches_glob(run, value, glob),
            Pattern::Regex(regex) => self.matches_regex(run, value, regex),
        }
    }

    fn matches_regex(
        &self,
        run: &mut Run<'_>,
        value: &[u8],
        Compiled { regex, steps_per_octet }: &Compiled,
    ) -> Result<bool, Failure> {
        run.spend_steps(value.len().saturating_mul(*steps_per_octet))?;
        if self.matched == KeepsMatched::No {
            return Ok(regex.is_match(value));
        }
        let Some(captures) = regex.captures(value) else { return Ok(false) };
        let range =
            |group: Option<regex::bytes::Match<'_>>| group.map_or(0..0, |group| group.range());
        let groups: Vec<_> = captures.iter().map(range).collect();
        run.variables.matched = Matched::of_groups(value, &groups);
        Ok(true)
    }

    fn matches_glob(&self, run: &mut Run<'_>, value: &[u8], glob: &Glob) -> Result<bool, Failure> {
        let captures = match self.comparator {
            // A Unicode comparator's character may have many octets, and more of them when folded.
            Comparator::UnicodeCasemap => {
                let folded = casemap::fold_with_places(value);
                let index = |at: usize| folded.starts.partition_point(|(start, _)| *start <= at);
                let next = |at: usize| folded.starts.get(index(at)).map_or(at, |(start, _)| *start);
                let width = |at: usize| next(at) - at;
                let found = glob.matches(&folded.octets, width, |steps| run.spend_steps(steps))?;
                let original = |at: usize| {
                    let before = index(at).saturating_sub(1);
                    folded.starts.get(before).map_or(value.len(), |(_, original)| *original)
                };
                let unfold =
                    |range: &std::ops::Range<usize>| original(range.start)..original(range.end);
                found.map(|captures| captures.iter().map(unfold).collect::<Vec<_>>())
            }
            Comparator::Octet | Comparator::AsciiCasemap | Comparator::AsciiNumeric => {
                let folded = self.comparator.fold(value);
                glob.matches(&folded, |_| 1, |steps| run.spend_steps(steps))?
            }
        };
        let Some(captures) = captures else { return Ok(false) };
        if self.matched == KeepsMatched::Yes {
            run.variables.matched = Matched::of(value, &captures);
        }
        Ok(true)
    }
}

/// RFC 5232 §2.
fn words(key: &[u8]) -> impl Iterator<Item = &[u8]> {
    key.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

fn comparator(args: &Args<'_>, checker: &Checker<'_>) -> Result<Comparator, Fault> {
    let Some(name) = args.tag_text("comparator", checker)? else {
        return Ok(Comparator::default());
    };
    let place = name.place;
    let Some(name) = name.constant() else {
        return Err(Fault::new(place, "a comparator's name holds no variables"));
    };
    let Some(comparator) = Comparator::named(name) else {
        return Err(Fault::new(place, format!("there is no comparator {}", shown(name)))
            .hint("there are i;octet, i;ascii-casemap, i;ascii-numeric and i;unicode-casemap"));
    };
    // RFC 5228 §2.7.3: all but the first two are extensions.
    match checker.has(comparator.capability()) {
        true => Ok(comparator),
        false => Err(Fault::new(place, format!("this needs \"{}\"", comparator.capability()))
            .hint(format!("write: require \"{}\";", comparator.capability()))),
    }
}
