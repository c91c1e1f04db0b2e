//! Message lists: which letters a command is about.

use std::ops::RangeInclusive;

/// What a list is chosen from, one for each letter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// It was struck, and goes when the mailbox is left.
    pub is_struck: bool,
    /// It was read.
    pub is_seen: bool,
    /// It was answered.
    pub is_answered: bool,
    /// It was marked as important.
    pub is_flagged: bool,
    /// Its author, name and address; empty where [`Selection::wants_headers`] says that nobody asks.
    pub from: String,
    /// Its subject; empty as above.
    pub subject: String,
}

/// Which letters are meant where a command says no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Among {
    /// Those that weren't struck, as most commands have it.
    Kept,
    /// Those that were: `undelete`.
    Struck,
}

impl Among {
    fn has(self, facts: &Facts) -> bool {
        facts.is_struck == (self == Self::Struck)
    }
}

/// Why a list stands for no letter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// Beyond the last letter, or 0.
    #[error("no letter {0}")]
    NoLetter(usize),
    /// It was struck.
    #[error("letter {0} is deleted; u {0} takes that back")]
    Struck(usize),
    /// It wasn't struck, so nothing can be taken back.
    #[error("letter {0} isn't deleted")]
    Kept(usize),
    /// Nothing fits.
    #[error("no letters fit")]
    None,
    /// A range that ends before it begins.
    #[error("{0}-{1} is no range: the smaller number comes first")]
    Backwards(usize, usize),
    /// `:` and a letter that stands for nothing.
    #[error(
        ":{0} stands for nothing; :n new, :u unread, :r read, :o old, :d deleted, :a answered, :f flagged"
    )]
    Kind(char),
    /// A `/` with nothing behind it.
    #[error("/ wants a part of the subject behind it")]
    NoSubject,
}

/// One letter of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Point {
    Number(usize),
    /// `.`
    Current,
    /// `^`
    First,
    /// `$`
    Last,
    /// `+`
    Next,
    /// `-`
    Previous,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Spec {
    Point(Point),
    /// `2-5`
    Range(Point, Point),
    /// `*`
    All,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Words {
    /// `/word`: in the subject.
    Subject(String),
    /// `word`: in the author's name or address.
    From(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Unread,
    Read,
    Struck,
    Answered,
    Flagged,
}

/// A message list. Numbers and ranges are added up; of those, or of all where there are none, the ones stay that fit
/// any of the words, and any of the kinds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    specs: Vec<Spec>,
    words: Vec<Words>,
    kinds: Vec<Kind>,
}

impl Selection {
    /// Reads a list.
    ///
    /// # Errors
    /// Where a part of it has no meaning.
    pub fn parse(text: &str) -> Result<Self, SelectionError> {
        let mut list = Self::default();
        for word in words(text) {
            list.add(word)?;
        }
        Ok(list)
    }

    fn add(&mut self, word: &str) -> Result<(), SelectionError> {
        if word == "*" {
            self.specs.push(Spec::All);
        } else if let Some(kinds) = word.strip_prefix(':') {
            for kind in kinds.chars() {
                self.kinds.push(kind_of(kind).ok_or(SelectionError::Kind(kind))?);
            }
        } else if let Some(subject) = word.strip_prefix('/') {
            if subject.is_empty() {
                return Err(SelectionError::NoSubject);
            }
            self.words.push(Words::Subject(subject.to_lowercase()));
        } else if let Some(point) = point_of(word) {
            self.specs.push(Spec::Point(point));
        } else if let Some((from, to)) = range_of(word) {
            self.specs.push(Spec::Range(from, to));
        } else {
            self.words.push(Words::From(word.to_lowercase()));
        }
        Ok(())
    }

    /// The letter behind the current one.
    pub fn next() -> Self {
        Self { specs: vec![Spec::Point(Point::Next)], ..Self::default() }
    }

    /// The letter before it.
    pub fn previous() -> Self {
        Self { specs: vec![Spec::Point(Point::Previous)], ..Self::default() }
    }

    /// Whether nothing was named: the command has its own idea of which letters then.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether authors and subjects are to be known before anything can be chosen.
    pub fn wants_headers(&self) -> bool {
        !self.words.is_empty()
    }

    /// The numbers that the list stands for, from 1, each once, in order; the `current` one where it names none. 0 is the
    /// current one at the start.
    ///
    /// # Errors
    /// Where there is none.
    pub fn of(
        &self,
        letters: &[Facts],
        current: usize,
        among: Among,
    ) -> Result<Vec<usize>, SelectionError> {
        let among = match self.kinds.contains(&Kind::Struck) {
            true => Among::Struck,
            false => among,
        };
        let at = Standing { letters, current, among };
        let mut numbers = Vec::new();
        if self.is_empty() {
            at.add(current..=current, &mut numbers)?;
        }
        for spec in &self.specs {
            match spec {
                Spec::All => numbers.extend(at.all()),
                Spec::Point(point) => {
                    let number = at.number(*point)?;
                    at.add(number..=number, &mut numbers)?;
                }
                Spec::Range(from, to) => {
                    let (from, to) = (at.number(*from)?, at.number(*to)?);
                    if from > to {
                        return Err(SelectionError::Backwards(from, to));
                    }
                    at.add(from..=to, &mut numbers)?;
                }
            }
        }
        if self.specs.is_empty() && !self.is_empty() {
            numbers.extend(at.all());
        }
        numbers.sort_unstable();
        numbers.dedup();
        numbers.retain(|number| at.facts(*number).is_some_and(|facts| self.fits(facts)));
        match numbers.is_empty() {
            true => Err(SelectionError::None),
            false => Ok(numbers),
        }
    }

    fn fits(&self, facts: &Facts) -> bool {
        let by_words = self.words.is_empty() || self.words.iter().any(|words| words.fit(facts));
        let by_kind = self.kinds.is_empty() || self.kinds.iter().any(|kind| kind.fits(facts));
        by_words && by_kind
    }
}

impl Words {
    fn fit(&self, facts: &Facts) -> bool {
        match self {
            Self::Subject(word) => facts.subject.to_lowercase().contains(word),
            Self::From(word) => facts.from.to_lowercase().contains(word),
        }
    }
}

impl Kind {
    fn fits(self, facts: &Facts) -> bool {
        match self {
            Self::Unread => !facts.is_seen,
            Self::Read => facts.is_seen,
            Self::Struck => facts.is_struck,
            Self::Answered => facts.is_answered,
            Self::Flagged => facts.is_flagged,
        }
    }
}

/// The letters that a list is read against.
struct Standing<'a> {
    letters: &'a [Facts],
    current: usize,
    among: Among,
}

impl Standing<'_> {
    fn facts(&self, number: usize) -> Option<&Facts> {
        self.letters.get(number.checked_sub(1)?)
    }

    fn all(&self) -> impl DoubleEndedIterator<Item = usize> {
        let numbered = self.letters.iter().enumerate();
        numbered.filter(|(_, facts)| self.among.has(facts)).map(|(index, _)| index + 1)
    }

    fn number(&self, point: Point) -> Result<usize, SelectionError> {
        let found = match point {
            Point::Number(number) => Some(number),
            Point::Current => Some(self.current),
            Point::First => self.all().next(),
            Point::Last => self.all().next_back(),
            Point::Next => self.all().find(|number| *number > self.current),
            Point::Previous => self.all().rfind(|number| *number < self.current),
        };
        found.ok_or(SelectionError::None)
    }

    /// One letter that is named has to be among those meant; of several, those that aren't are left out.
    fn add(
        &self,
        range: RangeInclusive<usize>,
        numbers: &mut Vec<usize>,
    ) -> Result<(), SelectionError> {
        let (from, to) = (*range.start(), *range.end());
        for end in [from, to] {
            self.facts(end).ok_or(SelectionError::NoLetter(end))?;
        }
        let fits = |number: &usize| self.facts(*number).is_some_and(|facts| self.among.has(facts));
        if from == to && !fits(&from) {
            return Err(match self.among {
                Among::Kept => SelectionError::Struck(from),
                Among::Struck => SelectionError::Kept(from),
            });
        }
        numbers.extend(range.filter(fits));
        Ok(())
    }
}

/// The words of a list; quotes keep blanks together.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let first = rest.chars().next()?;
        if let ('"' | '\'', Some(quoted)) = (first, rest.get(1..)) {
            let end = quoted.find(first).unwrap_or(quoted.len());
            let word = quoted.get(..end).unwrap_or_default();
            rest = quoted.get(end + 1..).unwrap_or_default();
            return Some(word);
        }
        let end = rest.find([' ', '\t', ',']).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        rest = behind;
        Some(word)
    })
    .filter(|word| !word.is_empty())
}

fn point_of(word: &str) -> Option<Point> {
    match word {
        "." => Some(Point::Current),
        "^" => Some(Point::First),
        "$" => Some(Point::Last),
        "+" => Some(Point::Next),
        "-" => Some(Point::Previous),
        digits if digits.bytes().all(|octet| octet.is_ascii_digit()) => {
            // More digits than there are letters anywhere: none has that number.
            Some(Point::Number(digits.parse().unwrap_or(usize::MAX)))
        }
        _ => None,
    }
}

fn range_of(word: &str) -> Option<(Point, Point)> {
    let (from, to) = word.split_once('-')?;
    let is_end = |text: &str| !matches!(text, "" | "+" | "-");
    match (is_end(from), is_end(to)) {
        (true, true) => Some((point_of(from)?, point_of(to)?)),
        _ => None,
    }
}

/// New and unread are one here, and so are old and read: a Maildir has no third state that outlives a look.
fn kind_of(letter: char) -> Option<Kind> {
    match letter {
        'n' | 'u' => Some(Kind::Unread),
        'r' | 'o' => Some(Kind::Read),
        'd' => Some(Kind::Struck),
        'a' => Some(Kind::Answered),
        'f' => Some(Kind::Flagged),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Six letters: 1 and 3 are read, 2 is struck, 4 is answered, 5 is flagged.
    fn letters() -> Vec<Facts> {
        let authors =
            ["Ann <ann@a.example>", "bob@b.example", "Ann <ann@a.example>", "c@c.example"];
        let subjects = ["Lunch", "lunch again", "plan", "Re: Plan", "", "two words"];
        let facts = |index: usize| Facts {
            is_struck: index == 1,
            is_seen: matches!(index, 0 | 2),
            is_answered: index == 3,
            is_flagged: index == 4,
            from: authors[index % 4].to_owned(),
            subject: subjects[index].to_owned(),
        };
        (0..6).map(facts).collect()
    }

    fn chosen(text: &str, among: Among) -> Result<Vec<usize>, SelectionError> {
        Selection::parse(text)?.of(&letters(), 3, among)
    }

    #[test]
    fn lists_as_posix_has_them() {
        for (text, numbers) in [
            ("", &[3][..]),
            (".", &[3]),
            ("^", &[1]),
            ("$", &[6]),
            ("+", &[4]),
            ("-", &[1]),
            ("*", &[1, 3, 4, 5, 6]),
            ("1", &[1]),
            ("1 4,5", &[1, 4, 5]),
            ("1-4", &[1, 3, 4]),
            ("4-$", &[4, 5, 6]),
            ("^-.", &[1, 3]),
            ("5 5 4-6", &[4, 5, 6]),
            ("ann", &[1, 3, 5]),
            ("bob", &[6]),
            ("ann c@c", &[1, 3, 4, 5]),
            ("/plan", &[3, 4]),
            ("/LUNCH", &[1]),
            ("'/two words'", &[6]),
            ("ann /plan", &[1, 3, 4, 5]),
            (":u", &[4, 5, 6]),
            (":n", &[4, 5, 6]),
            (":r", &[1, 3]),
            (":o", &[1, 3]),
            (":a", &[4]),
            (":f", &[5]),
            (":af", &[4, 5]),
            (":d", &[2]),
            ("1-4 :u", &[4]),
            ("1-4 ann", &[1, 3]),
            ("ann :u", &[5]),
        ] {
            assert_eq!(chosen(text, Among::Kept).as_deref(), Ok(numbers), "{text:?}");
        }
        assert_eq!(chosen("*", Among::Struck), Ok(vec![2]));
        assert_eq!(chosen("1-6", Among::Struck), Ok(vec![2]));
    }

    #[test]
    fn lists_that_stand_for_nothing_say_why() {
        for (text, among, error) in [
            ("0", Among::Kept, SelectionError::NoLetter(0)),
            ("7", Among::Kept, SelectionError::NoLetter(7)),
            ("1-7", Among::Kept, SelectionError::NoLetter(7)),
            ("99999999999999999999999", Among::Kept, SelectionError::NoLetter(usize::MAX)),
            ("2", Among::Kept, SelectionError::Struck(2)),
            ("1", Among::Struck, SelectionError::Kept(1)),
            ("", Among::Struck, SelectionError::Kept(3)),
            ("4-1", Among::Kept, SelectionError::Backwards(4, 1)),
            ("nobody", Among::Kept, SelectionError::None),
            (":z", Among::Kept, SelectionError::Kind('z')),
            ("/", Among::Kept, SelectionError::NoSubject),
        ] {
            assert_eq!(chosen(text, among), Err(error), "{text:?}");
        }
        assert_eq!(Selection::default().of(&[], 0, Among::Kept), Err(SelectionError::NoLetter(0)));
        let all = Selection::parse("*").unwrap();
        assert_eq!(all.of(&[], 0, Among::Kept), Err(SelectionError::None));
    }

    #[test]
    fn headers_are_read_only_where_they_are_asked_for() {
        for (text, wants) in
            [("1-3", false), (":u", false), ("*", false), ("ann", true), ("/x", true)]
        {
            assert_eq!(Selection::parse(text).unwrap().wants_headers(), wants, "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_typed_names_letters_that_are_there(text in ".{0,40}", current in 0usize..9) {
            let letters = letters();
            for among in [Among::Kept, Among::Struck] {
                let Ok(list) = Selection::parse(&text) else { continue };
                if let Ok(numbers) = list.of(&letters, current, among) {
                    prop_assert!(numbers.is_sorted() && !numbers.is_empty());
                    prop_assert!(numbers.iter().all(|number| (1..=letters.len()).contains(number)));
                }
            }
        }
    }
}
