//! What is wrong with a script, and where.

use std::fmt;
use std::sync::Arc;

/// A place in a script; both count from one, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Place {
    /// The line.
    pub line: u32,
    /// The character in it.
    pub column: u32,
}

/// One thing that is wrong with a script: `file:line:column: problem (hint)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The script's name, as the caller gave it.
    pub script: Arc<str>,
    /// Where it is.
    pub place: Place,
    /// What is wrong.
    pub problem: String,
    /// What to do about it, where we know.
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { script, place, problem, hint } = self;
        write!(f, "{script}:{}:{}: {problem}", place.line, place.column)?;
        hint.as_ref().map_or(Ok(()), |hint| write!(f, " ({hint})"))
    }
}

impl std::error::Error for Problem {}

/// All that is wrong with a script; at least one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Whether a check that left these behind was passed.
    pub(crate) fn none_or(mut problems: Vec<Problem>) -> Result<(), Self> {
        match problems.is_empty() {
            true => Ok(()),
            false => {
                problems.sort_by_key(|problem| problem.place);
                Err(Self(problems))
            }
        }
    }

    /// In the order of their places.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

/// One a line.
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let line_end = if index == 0 { "" } else { "\n" };
            write!(f, "{line_end}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// What is wrong with a piece of a script, before its script's name is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) place: Place,
    pub(crate) problem: String,
    pub(crate) hint: Option<String>,
    pub(crate) kind: FaultKind,
}

/// Whether a script is wrong, or uses what isn't here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FaultKind {
    Wrong,
    Unknown,
}

impl Fault {
    pub(crate) fn new(place: Place, problem: impl Into<String>) -> Self {
        Self { place, problem: problem.into(), hint: None, kind: FaultKind::Wrong }
    }

    /// Something that may be an extension which isn't here.
    pub(crate) fn unknown(place: Place, problem: impl Into<String>) -> Self {
        Self { kind: FaultKind::Unknown, ..Self::new(place, problem) }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn within(self, script: &Arc<str>) -> Problem {
        let Self { place, problem, hint, kind: _ } = self;
        // Scripts and letters have a say in these words, and no say in what a terminal does.
        let safe = |text: String| text.replace(|c: char| c.is_control(), "\u{fffd}");
        Problem { script: script.clone(), place, problem: safe(problem), hint: hint.map(safe) }
    }
}
