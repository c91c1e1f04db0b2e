//! Rules that were written for other delivery agents, as Sieve: procmail's `.procmailrc`, maildrop's
//! `.mailfilter` and sendmail's `.forward`.
//!
//! A function: a file's text in, a script and what has no equivalent out. Files that it includes are asked for
//! through [`Files`]. What is written means the same, not the like: what can't be said is left out, stands in the
//! script as a comment, and is a [`Finding`] with its line. The script always compiles.
//!
//! | step | where |
//! |---|---|
//! | read the file into statements | `procmail/read.rs`, `mailfilter/read.rs`, `forward.rs` |
//! | what a statement means | `procmail/mod.rs`, `mailfilter/mod.rs` |
//! | patterns: parse, find the fields that they name, write them as tests | `pattern/` |
//! | shell words and commands that are known: `formail`, `sendmail`, `date` | `shell.rs`, `procmail/program.rs` |
//! | the script as a tree, and its text | `script.rs` |
#![forbid(unsafe_code)]

use std::fmt;

mod delivery;
mod folder;
mod forward;
#[doc(hidden)]
pub mod fuzz;
pub mod limits;
mod mailfilter;
mod pattern;
mod procmail;
mod script;
mod shell;

pub use forward::forward;
pub use mailfilter::mailfilter;
pub use procmail::procmail;

/// What the caller knows about whose rules these are.
#[derive(Debug, Clone, Copy)]
pub struct Whose<'a> {
    /// What findings and comments call the file.
    pub file: &'a str,
    /// Their home.
    pub home: &'a str,
    /// Their login.
    pub user: &'a str,
}

/// Where files that a file includes come from.
pub trait Files {
    /// The text of one; `None` where it can't be read, or isn't to be believed.
    fn read(&self, path: &str) -> Option<Vec<u8>>;
}

/// There are none.
#[derive(Debug, Clone, Copy)]
pub struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _: &str) -> Option<Vec<u8>> {
        None
    }
}

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The script, in canonical form.
    pub sieve: String,
    /// In the order of the lines.
    pub findings: Vec<Finding>,
    /// Scripts that it runs, and that nobody has yet.
    pub programs: Vec<Program>,
}

/// What a command line that needs a shell becomes: a file that may be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The file's name.
    pub name: String,
    /// A script for `/bin/sh`.
    pub text: String,
}

impl Imported {
    /// Whether something has no equivalent.
    pub fn left_something(&self) -> bool {
        self.findings.iter().any(|finding| finding.kind == Kind::Left)
    }
}

/// Something that a person has to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file.
    pub file: String,
    /// The line; from one.
    pub line: usize,
    /// Whether the script lacks it.
    pub kind: Kind,
    /// What it is.
    pub what: String,
    /// What to do about it.
    pub todo: String,
}

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It has no equivalent, and is left out.
    Left,
    /// It is in the script, and needs something outside of it.
    Needs,
    /// No letter ever got there: the script does the same without it.
    Unreached,
}

/// `file:line: what (what to do)`.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, kind: _, what, todo } = self;
        let safe = |text: &str| text.replace(|c: char| c.is_control(), "\u{fffd}");
        write!(f, "{}:{line}: {}", safe(file), safe(what))?;
        match todo.is_empty() {
            true => Ok(()),
            false => write!(f, " ({})", safe(todo)),
        }
    }
}

/// Why something has no equivalent, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) what: String,
    pub(crate) todo: String,
}

impl Left {
    pub(crate) fn new(what: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { what: what.into(), todo: todo.into() }
    }

    pub(crate) fn at(self, file: &str, line: usize) -> Finding {
        let Self { what, todo } = self;
        Finding { file: file.to_owned(), line, kind: Kind::Left, what, todo }
    }
}

/// The script, or a finding for the whole file where all of it together is too much.
pub(crate) fn imported(
    file: &str,
    steps: &script::Steps,
    mut findings: Vec<Finding>,
    programs: Vec<Program>,
) -> Imported {
    findings.sort_by_key(|finding| (finding.file != file, finding.file.clone(), finding.line));
    let title = format!("Made of {file} by postroad-mda import.");
    let sieve = script::text(&title, steps).unwrap_or_else(|problem| {
        let first = problem.lines().next().unwrap_or_default();
        let left = Left::new(format!("all of it together is no script: {first}"), "split it up");
        findings.push(left.at(file, 1));
        format!("# {}\nkeep;\n", title.replace(char::is_control, "\u{fffd}"))
    });
    Imported { sieve, findings, programs }
}

/// Octets as text; what isn't UTF-8 is taken for Latin-1, which rules of that age are written in.
pub(crate) fn decoded(octets: &[u8]) -> String {
    let octets = octets.get(..limits::FILE_OCTETS_MAX).unwrap_or(octets);
    match std::str::from_utf8(octets) {
        Ok(text) => text.to_owned(),
        Err(_) => octets.iter().copied().map(char::from).collect(),
    }
}
