//! What whoever calls a long command sees of it: a line for each thing that was done on standard output, and below them,
//! where standard error is a terminal, how many letters are.

use std::io::{self, StdoutLock, Write as _};

use indicatif::{ProgressBar, ProgressStyle};

/// Counts letters, and shows it until it is dropped.
#[derive(Debug)]
pub struct Progress {
    counter: ProgressBar,
    out: StdoutLock<'static>,
}

impl Progress {
    /// Shows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        let counter = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template("{pos} of {len} letters (about {eta} left)")
        {
            counter.set_style(style);
        }
        Self { counter, out: io::stdout().lock() }
    }

    /// There will be so many letters more.
    pub fn expects(&self, letters: usize) {
        self.counter.inc_length(letters as u64);
    }

    /// One is done.
    pub fn has_done(&self) {
        self.counter.inc(1);
    }

    /// What was done, in a line.
    ///
    /// # Errors
    /// Where standard output goes nowhere.
    pub fn says(&mut self, line: &str) -> io::Result<()> {
        self.counter.suspend(|| writeln!(self.out, "{line}"))
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.counter.finish_and_clear();
    }
}
