//! Why something is no pattern, in words that say what to type.

/// Why something is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Nothing was typed.
    #[error("nothing is looked for; ~A is all letters")]
    Empty,
    /// It is too long, or says too much.
    #[error("a pattern has {what} at most")]
    TooLong {
        /// What of it, with the limit.
        what: String,
    },
    /// Something stands where no pattern begins.
    #[error("a pattern begins with ~ and a letter, as in ~f alice; {found:?} doesn't")]
    NoPattern {
        /// What stands there.
        found: String,
    },
    /// Nothing is known by that letter.
    #[error("there is no pattern {pattern}")]
    Unknown {
        /// As it was typed.
        pattern: String,
    },
    /// mutt can do it.
    #[error("{pattern} can't be looked for here: {why}")]
    CannotDo {
        /// As it was typed.
        pattern: String,
        /// Why.
        why: &'static str,
    },
    /// It wants something behind it.
    #[error("{pattern} wants {what} behind it")]
    Missing {
        /// As it was typed.
        pattern: String,
        /// What.
        what: &'static str,
    },
    /// `|` or `!` with nothing behind it, or nothing in parentheses.
    #[error("nothing stands behind {behind:?}")]
    NothingBehind {
        /// What stands there.
        behind: char,
    },
    /// `(` without `)`, or the other way round.
    #[error("a parenthesis has no other one")]
    Parenthesis,
    /// A quote without another one.
    #[error("a word has one quote, {quote}")]
    Quote {
        /// Which.
        quote: char,
    },
    /// A regular expression that is none.
    #[error("{word:?} is no regular expression: {why} (={letter} looks for it as it is)")]
    Regex {
        /// It.
        word: String,
        /// What is wrong about it, in a line.
        why: String,
        /// Which pattern it stands behind.
        letter: char,
    },
    /// No date.
    #[error("{word:?} is no date: 31/12/2026, 20261231, 1/6-30/6, <2w and the like are")]
    Date {
        /// It.
        word: String,
    },
    /// No number.
    #[error("{word:?} is no number: 10, 10-20, <20, >10K and the like are")]
    Number {
        /// It.
        word: String,
    },
}
