//! Which fields a pattern names, and what it says of their values.

use super::print::value_test;
use super::{Branches, Item, Node};
use crate::limits;
use crate::script::{Test, names};

/// A test, and the match variable that holds what `\/` keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) test: Test,
    pub(crate) kept: Option<usize>,
}

/// Where a line of a header comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Field(String),
    /// The `From ` line of an mbox: the envelope's sender.
    FromLine,
}

/// Fields that no other field's name begins with: `^Subject.*x`, which lacks the colon, means them.
const WHOLE_NAMES: &[&str] =
    &["bcc", "cc", "from", "list-id", "reply-to", "sender", "subject", "to"];

/// The pattern as tests on fields, if all that it matches begins with a field's name.
pub(crate) fn header_test(branches: &Branches, case: Case) -> Option<Found> {
    let mut lines = Vec::new();
    let mut budget = limits::FIELDS_MAX * 16;
    for branch in branches {
        walk(branch, Before::Line, &mut lines, &mut budget)?;
    }
    // Names of fields have no case, for Sieve. Where case differs, they are to be written as everybody writes them.
    let is_usual = |(place, _): &(Place, Vec<Node>)| match place {
        Place::FromLine => true,
        Place::Field(name) => name.starts_with(|c: char| !c.is_ascii_lowercase()),
    };
    if case == Case::Differs && !lines.iter().all(is_usual) {
        return None;
    }
    // The same said of several fields is one test.
    let mut groups: Vec<(Vec<String>, Said)> = Vec::new();
    for (place, rest) in lines {
        let (name, said) = match place {
            Place::Field(name) => (name, Said::OfField(rest)),
            Place::FromLine => ("from".to_owned(), Said::OfEnvelope(rest)),
        };
        match groups.iter_mut().find(|(_, other)| *other == said) {
            Some((names, _)) if names.iter().any(|other| other.eq_ignore_ascii_case(&name)) => {}
            Some((names, _)) => names.push(name),
            None => groups.push((vec![name], said)),
        }
    }
    let mut tests = Vec::new();
    let mut kept = None;
    for (index, (fields, said)) in groups.iter().enumerate() {
        let (head, rest) = match said {
            Said::OfField(rest) => (format!("header {{}} {}", names(fields)), rest),
            Said::OfEnvelope(rest) => ("envelope {} \"from\"".to_owned(), rest),
        };
        let whole = value_test(rest, &head, case)?;
        // All have to keep it in the same variable.
        if index > 0 && whole.kept != kept {
            return None;
        }
        kept = whole.kept;
        tests.push(whole.test);
    }
    Some(Found { test: Test::any(tests), kept })
}

/// Whether upper and lower case differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    Same,
    Differs,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Said {
    OfField(Vec<Node>),
    OfEnvelope(Vec<Node>),
}

/// What was seen of a line.
#[derive(Debug, Clone)]
enum Before {
    /// Nothing.
    Line,
    /// So much of a name.
    Name(String),
}

/// Every way through the start of a pattern, up to a field's colon; `None` where one doesn't come to any.
fn walk(
    nodes: &[Node],
    before: Before,
    lines: &mut Vec<(Place, Vec<Node>)>,
    budget: &mut usize,
) -> Option<()> {
    *budget = budget.checked_sub(1)?;
    let (first, rest) = nodes.split_first()?;
    let forked = |nodes: &[Node]| [nodes, rest].concat();
    match (first, before) {
        (Node::Group(branches), before) => {
            for branch in branches {
                walk(&forked(branch), before.clone(), lines, budget)?;
            }
            Some(())
        }
        (Node::Start, Before::Line) => walk(rest, Before::Name(String::new()), lines, budget),
        (_, Before::Line) => None,
        (Node::Literal(':'), Before::Name(name)) if !name.is_empty() => {
            lines.push((Place::Field(name), rest.to_vec()));
            (lines.len() <= limits::FIELDS_MAX).then_some(())
        }
        (Node::Literal(' '), Before::Name(name)) => match name.to_ascii_lowercase().as_str() {
            "from" => {
                // Any number of spaces behind it.
                lines.push((Place::FromLine, rest.to_vec()));
                Some(())
            }
            // What an mbox does to such a line within a letter; there is none in a header.
            ">from" => Some(()),
            _ => None,
        },
        (Node::Literal(character), Before::Name(mut name)) => {
            let is_part = character.is_ascii_graphic() && *character != ':';
            if !is_part {
                return None;
            }
            name.push(*character);
            walk(rest, Before::Name(name), lines, budget)
        }
        (Node::Set { negated: false, items }, before) => {
            for item in items {
                let Item::One(character) = item else { return None };
                walk(&forked(&[Node::Literal(*character)]), before.clone(), lines, budget)?;
            }
            Some(())
        }
        (Node::Repeat(inner, times), before) if times == "?" => {
            walk(&forked(std::slice::from_ref(inner)), before.clone(), lines, budget)?;
            walk(rest, before, lines, budget)
        }
        (Node::Repeat(inner, times), before) if times == "+" && **inner == Node::Literal(' ') => {
            walk(&forked(&[Node::Literal(' ')]), before, lines, budget)
        }
        (node, Before::Name(name)) if node.is_any_number() => {
            let lower = name.to_ascii_lowercase();
            if !WHOLE_NAMES.contains(&lower.as_str()) {
                return None;
            }
            if lower == "from" {
                lines.push((Place::FromLine, nodes.to_vec()));
            }
            lines.push((Place::Field(name), nodes.to_vec()));
            Some(())
        }
        _ => None,
    }
}
