//! The grammars of the programs that this one stands in for: words in, a request out, nothing done.
//!
//! Callers pass on what others gave them (a web form's address, a log line's subject), so what isn't
//! understood is refused, and what is ignored is never opened, run or written (rows U14, U15).

pub mod mail;
pub mod sendmail;

/// The words on a command line are not understood: exit 64, EX_USAGE.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

impl Usage {
    fn new(problem: impl Into<String>) -> Self {
        Self(problem.into())
    }
}

/// Reads options as getopt(3) does: several in one word, an argument in the same word or the next.
struct Letters<'a> {
    words: std::slice::Iter<'a, String>,
    /// Letters that are left in the present word.
    rest: &'a str,
}

impl<'a> Letters<'a> {
    fn new(words: &'a [String]) -> Self {
        Self { words: words.iter(), rest: "" }
    }

    /// The next option; `None` at the first word that is none. `--` ends options and is dropped.
    fn next_option(&mut self) -> Option<char> {
        if self.rest.is_empty() {
            let word = self.words.as_slice().first()?;
            if word == "--" {
                self.words.next();
                return None;
            }
            self.rest = word.strip_prefix('-').filter(|rest| !rest.is_empty())?;
            self.words.next();
        }
        let mut letters = self.rest.chars();
        let letter = letters.next();
        self.rest = letters.as_str();
        letter
    }

    /// The argument of the option that was just read.
    fn argument(&mut self, option: char) -> Result<&'a str, Usage> {
        let rest = std::mem::take(&mut self.rest);
        if !rest.is_empty() {
            return Ok(rest);
        }
        let missing = || Usage::new(format!("option -{option} needs an argument"));
        self.words.next().map(String::as_str).ok_or_else(missing)
    }

    /// The argument where it stands in the same word, as of `-oi` and `-q30m`.
    fn attached(&mut self) -> &'a str {
        std::mem::take(&mut self.rest)
    }

    /// The words behind the options.
    fn operands(self) -> &'a [String] {
        self.words.as_slice()
    }
}
