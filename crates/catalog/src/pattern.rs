//! What letters are looked for: mutt's patterns, as a function of what was typed and of the time.
//!
//! ```text
//! patterns = pattern *( ["|"] pattern )            from left to right: "a | b c" is "(a | b) c", as in mutt
//! pattern  = *"!" ( "(" patterns ")" / ( "~" / "=" ) letter [word] )
//! word     = what stands up to a blank or one of ~ = % ! |, parts of it in "…" or '…'; a backslash takes the next
//!            character as it is
//! ```
//! Behind `~` a word is a regular expression, behind `=` a text; capitals count where there is one in it. What has no
//! `~`, `=` or `%` at all is looked for as a whole in From and in Subject, as mutt's `simple_search` has it.
//!
//! | looking for | it is in |
//! |---|---|
//! | the letters behind `~`, and why some can't be | `letters` |
//! | reading what was typed | `reader` |
//! | words, and comparing them | [`Words`] |
//! | dates | `when` |
//! | running one over a folder | [`crate::Search`] |
//!
//! Deliberately missing: `%` (groups), `^` (all addresses), `@` (aliases), `~(…)` (threads), scores, spam, PGP keys.

use std::fmt;

use jiff::Zoned;

use crate::limits::{PATTERN_DEPTH_MAX, PATTERN_OCTETS_MAX, PATTERN_WORDS_MAX};

mod error;
mod letters;
mod reader;
#[cfg(test)]
mod tests;
mod when;
mod words;

pub use error::PatternError;
pub use when::When;
pub use words::{Case, Words};

/// What a letter is to be like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// `~A`
    All,
    /// Each of these.
    And(Vec<Self>),
    /// One of these.
    Or(Vec<Self>),
    /// Not like this.
    Not(Box<Self>),
    /// What is marked on it.
    Is(State),
    /// `~m`: its number in the list.
    Number(Span),
    /// `~z`: octets on the wire.
    Octets(Span),
    /// `~X`: how many attachments it has.
    Attachments(Span),
    /// `~d`: when it was sent.
    Sent(When),
    /// `~r`: when it came.
    Came(When),
    /// It has these words there.
    Has(Place, Words),
    /// Who it is from or for, or what it is.
    Kind(Kind),
}

/// What is marked on a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// `~N`: unread, and came since the folder was seen last.
    New,
    /// `~O`: unread, and was there then.
    Old,
    /// `~U`
    Unread,
    /// `~R`
    Read,
    /// `~F`
    Flagged,
    /// `~D`
    Deleted,
    /// `~Q`
    Answered,
    /// `~T`: by whoever looks, in a list.
    Tagged,
}

/// What is looked at for words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// `~f`
    From,
    /// `~t`
    To,
    /// `~c`
    Cc,
    /// `~C`: To and Cc.
    Recipients,
    /// `~L`: From, Sender, To and Cc.
    Anybody,
    /// `~e`: Sender.
    Sender,
    /// `~s`
    Subject,
    /// `~i`: Message-ID.
    MessageId,
    /// `~x`: References and In-Reply-To.
    References,
    /// `~y`: a keyword, or X-Label, where mutt keeps them.
    Label,
    /// `~h`: all fields, by name and value.
    Header,
    /// `~b`: texts, HTML's, too, messages enclosed, and the names of attachments.
    Body,
    /// `~B`: header and body.
    Letter,
}

/// What a letter is, beyond words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `~p`: addressed to whoever asks.
    ToMe,
    /// `~P`: written by whoever asks.
    FromMe,
    /// `~l`: from a mailing list, as List-Id or List-Post says.
    List,
    /// `~g`
    Signed,
    /// `~G`
    Encrypted,
}

/// Numbers from one to another, both of them in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The least.
    pub min: u64,
    /// The greatest.
    pub max: u64,
}

impl Span {
    /// Whether a number is in it.
    pub fn contains(self, number: u64) -> bool {
        self.min <= number && number <= self.max
    }
}

impl Pattern {
    /// Reads what was typed; `now` is where days of dates begin and end, too.
    ///
    /// # Errors
    /// Any [`PatternError`], which says what to type.
    pub fn parse(typed: &str, now: &Zoned) -> Result<Self, PatternError> {
        if typed.len() > PATTERN_OCTETS_MAX {
            let what = format!("{PATTERN_OCTETS_MAX} octets");
            return Err(PatternError::TooLong { what });
        }
        if typed.trim().is_empty() {
            return Err(PatternError::Empty);
        }
        let pattern = match reader::is_simple(typed) {
            true => simple(typed)?,
            false => reader::read(typed, now)?,
        };
        pattern.checked()
    }

    /// Letters that have each of these texts somewhere, whatever its case.
    ///
    /// # Errors
    /// Where there is none, or are too many.
    pub fn anywhere(texts: &[String]) -> Result<Self, PatternError> {
        if texts.is_empty() {
            return Err(PatternError::Empty);
        }
        let anywhere =
            |text: &String| Self::Has(Place::Letter, Words::text(text.clone(), Case::Any));
        all_of(texts.iter().map(anywhere).collect()).checked()
    }

    /// Each of its words is asked for of an index.
    fn checked(self) -> Result<Self, PatternError> {
        match self.words() <= PATTERN_WORDS_MAX {
            true => Ok(self),
            false => Err(PatternError::TooLong { what: format!("{PATTERN_WORDS_MAX} words") }),
        }
    }

    fn words(&self) -> usize {
        match self {
            Self::And(all) | Self::Or(all) => all.iter().map(Self::words).sum(),
            Self::Not(one) => one.words(),
            Self::Has(..) => 1,
            _ => 0,
        }
    }

    /// Whether it asks for letters that are tagged: there is a list in which some may be.
    pub fn asks_tags(&self) -> bool {
        match self {
            Self::And(all) | Self::Or(all) => all.iter().any(Self::asks_tags),
            Self::Not(one) => one.asks_tags(),
            pattern => *pattern == Self::Is(State::Tagged),
        }
    }

    /// Whether letters' bodies may have to be read for it: an index of texts is worth having.
    pub fn asks_bodies(&self) -> bool {
        match self {
            Self::And(all) | Self::Or(all) => all.iter().any(Self::asks_bodies),
            Self::Not(one) => one.asks_bodies(),
            Self::Has(place, _) => matches!(place, Place::Body | Place::Letter),
            Self::Kind(kind) => matches!(kind, Kind::Signed | Kind::Encrypted),
            _ => false,
        }
    }
}

/// What is meant by words alone: mutt's `simple_search`.
fn simple(typed: &str) -> Result<Pattern, PatternError> {
    const KNOWN: [(&str, &str); 9] = [
        ("all", "A"),
        ("del", "D"),
        ("flag", "F"),
        ("new", "N"),
        ("old", "O"),
        ("repl", "Q"),
        ("read", "R"),
        ("tag", "T"),
        ("unread", "U"),
    ];
    let typed = typed.trim();
    if let Some((_, letter)) = KNOWN.iter().find(|(word, _)| typed.eq_ignore_ascii_case(word)) {
        return letters::flag(letter.chars().next().unwrap_or('A'), '~');
    }
    // What is no regular expression is taken as it is: "c++", "[lists".
    let words = Words::regex(typed.to_owned())
        .unwrap_or_else(|_| Words::text(typed.to_owned(), Case::of(typed)));
    let places = [Place::From, Place::Subject];
    Ok(Pattern::Or(places.map(|place| Pattern::Has(place, words.clone())).to_vec()))
}

/// All of them; one alone is itself.
fn all_of(mut all: Vec<Pattern>) -> Pattern {
    match all.len() {
        1 => all.pop().unwrap_or(Pattern::All),
        _ => Pattern::And(all),
    }
}

/// As it can be typed.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join = |f: &mut fmt::Formatter<'_>, all: &[Self], by: &str| {
            f.write_str("(")?;
            for (at, one) in all.iter().enumerate() {
                write!(f, "{}{one}", if at == 0 { "" } else { by })?;
            }
            f.write_str(")")
        };
        match self {
            Self::All => f.write_str("~A"),
            Self::And(all) => join(f, all, " "),
            Self::Or(all) => join(f, all, " | "),
            Self::Not(one) => write!(f, "!{one}"),
            Self::Is(state) => write!(f, "~{}", letters::of_state(*state)),
            Self::Kind(kind) => write!(f, "~{}", letters::of_kind(*kind)),
            Self::Number(span) => write!(f, "~m {span}"),
            Self::Octets(span) => write!(f, "~z {span}"),
            Self::Attachments(span) => write!(f, "~X {span}"),
            Self::Sent(when) => write!(f, "~d {when}"),
            Self::Came(when) => write!(f, "~r {when}"),
            Self::Has(place, words) => {
                write!(f, "{}{} {words}", words.sign(), letters::of_place(*place))
            }
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.max {
            u64::MAX => write!(f, "{}-", self.min),
            max => write!(f, "{}-{max}", self.min),
        }
    }
}
