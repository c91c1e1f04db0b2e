//! What can be wrong with the files.

use std::io;
use std::path::{Path, PathBuf};

/// Why the files can't be used.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    /// A file can't be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file could be changed by somebody who has no business there.
    #[error("{}: {problem}", path.display())]
    Unsafe {
        /// The file.
        path: PathBuf,
        /// What is wrong, and the command that mends it.
        problem: String,
    },
    /// A line is wrong, as in `aliases:12: the alias "a" leads to itself`.
    #[error("{}:{line}: {problem}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong, and what to write instead.
        problem: String,
    },
}

impl AccountsError {
    pub(crate) fn line(path: &Path, line: usize, problem: impl Into<String>) -> Self {
        Self::Line { path: path.to_owned(), line, problem: problem.into() }
    }
}
