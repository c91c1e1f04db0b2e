//! The file as a tree with places: where each key stands, and what of it is no setting.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize as _;
use toml::de::{DeTable, DeValue, Deserializer};

use crate::load::Problem;
use crate::{Config, explain};

/// Problems that are reported at most: a file that is something else altogether has thousands.
const PROBLEMS_MAX: usize = 50;

/// A place in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// Where the values stand, by key: `mta.smtp[1]`, `route[0].next_hop`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Places(BTreeMap<String, Place>);

impl Places {
    /// Whether `key` stands in the file.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// Where `key` stands; of the nearest section around it where it has its default.
    pub(crate) fn of(&self, key: &str) -> Place {
        let mut key = key;
        loop {
            if let Some(place) = self.0.get(key) {
                return *place;
            }
            let Some(end) = key.rfind(['.', '[']) else { return Place { line: 1, column: 1 } };
            key = key.get(..end).unwrap_or_default();
        }
    }
}

/// The file as a tree.
pub(crate) struct Document<'t> {
    text: &'t str,
    root: toml::Spanned<DeTable<'t>>,
}

impl<'t> Document<'t> {
    /// Reads the syntax.
    pub(crate) fn parse(text: &'t str) -> Result<Self, Vec<Problem>> {
        let (root, errors) = DeTable::parse_recoverable(text);
        if errors.is_empty() {
            return Ok(Self { text, root });
        }
        let problem = |error: &toml::de::Error| {
            let start = error.span().map_or(0, |span| span.start);
            Problem { place: place(text, start), text: explain::syntax(error.message()) }
        };
        Err(errors.iter().take(PROBLEMS_MAX).map(problem).collect())
    }

    /// Where the values stand.
    pub(crate) fn places(&self) -> Places {
        let mut places = BTreeMap::new();
        for (key, value) in self.root.get_ref() {
            add_places(self.text, key.get_ref(), key.span().start, value.get_ref(), &mut places);
        }
        Places(places)
    }

    /// The settings, or all that is wrong: what is wrong is taken out, and the rest read again.
    pub(crate) fn settings(self) -> Result<Config, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut root = self.root.clone();
        loop {
            let error = match Config::deserialize(Deserializer::from(root.clone())) {
                Ok(config) if problems.is_empty() => return Ok(config),
                Ok(_) => break,
                Err(error) => error,
            };
            let span = error.span().unwrap_or_default();
            // A key that we took out ourselves isn't missing.
            let taken = explain::missing(error.message()).is_some_and(|key| {
                table_at(self.root.get_ref(), &span).is_some_and(|t| t.contains_key(key))
            });
            let snippet = self.text.get(span.clone()).unwrap_or_default();
            let path = path_of(root.get_ref(), &span);
            if !taken {
                problems.push(Problem {
                    place: place(self.text, span.start),
                    text: explain::value(error.message(), &path, snippet),
                });
            }
            if problems.len() == PROBLEMS_MAX || !remove(root.get_mut(), &span) {
                break;
            }
        }
        problems.sort();
        problems.dedup();
        Err(problems)
    }
}

fn place(text: &str, offset: usize) -> Place {
    let before = text.get(..offset).unwrap_or_default();
    Place {
        line: before.matches('\n').count() + 1,
        column: before.chars().rev().take_while(|c| *c != '\n').count() + 1,
    }
}

fn add_places(
    text: &str,
    key: &str,
    start: usize,
    value: &DeValue<'_>,
    places: &mut BTreeMap<String, Place>,
) {
    places.insert(key.to_owned(), place(text, start));
    if let Some(table) = value.as_table() {
        for (inner, value) in table {
            let name = format!("{key}.{}", inner.get_ref());
            add_places(text, &name, inner.span().start, value.get_ref(), places);
        }
    }
    if let Some(array) = value.as_array() {
        for (index, value) in array.iter().enumerate() {
            let name = format!("{key}[{index}]");
            add_places(text, &name, value.span().start, value.get_ref(), places);
        }
    }
}

/// Whether `inner` begins within `outer`.
fn holds(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    outer.contains(&inner.start)
}

/// The names of the sections and keys that lead to `span`.
fn path_of(table: &DeTable<'_>, span: &Range<usize>) -> Vec<String> {
    for (key, value) in table {
        let below = match value.get_ref() {
            DeValue::Table(table) => path_of(table, span),
            DeValue::Array(array) => array
                .iter()
                .filter_map(|value| value.get_ref().as_table())
                .map(|table| path_of(table, span))
                .find(|path| !path.is_empty())
                .unwrap_or_default(),
            _ => Vec::new(),
        };
        if !below.is_empty() || holds(&key.span(), span) || holds(&value.span(), span) {
            return [vec![key.get_ref().to_string()], below].concat();
        }
    }
    Vec::new()
}

/// The innermost table that begins at `span`.
fn table_at<'d, 't>(table: &'d DeTable<'t>, span: &Range<usize>) -> Option<&'d DeTable<'t>> {
    let begins = |value: &'d toml::Spanned<DeValue<'t>>| match value.get_ref() {
        DeValue::Table(table) if value.span().start == span.start => Some(table),
        DeValue::Table(table) => table_at(table, span),
        _ => None,
    };
    table.values().find_map(|value| match value.get_ref() {
        DeValue::Array(array) => array.iter().find_map(begins),
        _ => begins(value),
    })
}

/// Takes the smallest thing at `span` out of the tree.
fn remove(table: &mut DeTable<'_>, span: &Range<usize>) -> bool {
    let mut found = None;
    for (key, value) in table.iter_mut() {
        if remove_below(value.get_mut(), span) {
            return true;
        }
        if holds(&key.span(), span) || holds(&value.span(), span) {
            found = Some(key.clone());
        }
    }
    found.is_some_and(|key| table.remove(&key).is_some())
}

fn remove_below(value: &mut DeValue<'_>, span: &Range<usize>) -> bool {
    match value {
        DeValue::Table(table) => remove(table, span),
        DeValue::Array(array) => {
            if array.iter_mut().any(|value| remove_below(value.get_mut(), span)) {
                return true;
            }
            let before = array.len();
            let kept = array.iter().filter(|value| !holds(&value.span(), span)).cloned();
            *array = kept.collect();
            array.len() < before
        }
        _ => false,
    }
}
