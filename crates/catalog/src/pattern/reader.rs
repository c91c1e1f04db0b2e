//! What was typed, read from left to right.

use jiff::Zoned;

use super::{Case, PATTERN_DEPTH_MAX, Pattern, PatternError, Span, When, Words, all_of, letters};

/// Whether there is no pattern in it, words alone.
pub(super) fn is_simple(typed: &str) -> bool {
    let mut is_taken_as_it_is = false;
    typed.chars().all(|one| {
        let is_plain = is_taken_as_it_is || !matches!(one, '~' | '=' | '%');
        is_taken_as_it_is = one == '\\' && !is_taken_as_it_is;
        is_plain
    })
}

pub(super) fn read(typed: &str, now: &Zoned) -> Result<Pattern, PatternError> {
    let mut reader = Reader { rest: typed, depth: 0 };
    let pattern = reader.patterns(now)?;
    match reader.rest.is_empty() {
        true => Ok(pattern),
        false => Err(PatternError::Parenthesis),
    }
}

struct Reader<'t> {
    rest: &'t str,
    /// Parentheses that are open.
    depth: usize,
}

/// How the patterns so far are joined.
#[derive(PartialEq, Eq)]
enum Joined {
    And,
    Or,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let next = chars.next();
        self.rest = chars.as_str();
        next
    }

    /// Gives what stands behind them.
    fn skip_blanks(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.peek()
    }

    /// Up to the end, or to the parenthesis that ends it, which stays.
    fn patterns(&mut self, now: &Zoned) -> Result<Pattern, PatternError> {
        let (mut so_far, mut joined) = (Vec::new(), Joined::And);
        loop {
            match self.skip_blanks() {
                None => break,
                Some(')') if self.depth > 0 => break,
                Some('|') => {
                    self.next();
                    if so_far.is_empty() {
                        return Err(PatternError::NoPattern { found: "|".into() });
                    }
                    if !matches!(self.skip_blanks(), Some(next) if next != ')') {
                        return Err(PatternError::NothingBehind { behind: '|' });
                    }
                    // A B | C is (A B) | C.
                    if joined == Joined::And {
                        so_far = vec![all_of(so_far)];
                    }
                    joined = Joined::Or;
                    so_far.push(self.pattern(now)?);
                }
                Some(_) => {
                    // A | B C is (A | B) C, in mutt.
                    if joined == Joined::Or {
                        so_far = vec![Pattern::Or(so_far)];
                    }
                    joined = Joined::And;
                    so_far.push(self.pattern(now)?);
                }
            }
        }
        match (so_far.is_empty(), joined) {
            (true, _) => Err(PatternError::NothingBehind { behind: '(' }),
            (false, Joined::And) => Ok(all_of(so_far)),
            (false, Joined::Or) => Ok(Pattern::Or(so_far)),
        }
    }

    fn pattern(&mut self, now: &Zoned) -> Result<Pattern, PatternError> {
        let mut is_not = false;
        while self.skip_blanks() == Some('!') {
            self.next();
            is_not = !is_not;
        }
        let pattern = match self.peek() {
            Some('(') => self.group(now)?,
            Some(sign @ ('~' | '=')) => {
                self.next();
                self.named(sign, now)?
            }
            Some('%') => return Err(cannot("%", "there are no groups of addresses")),
            Some('^') => return Err(cannot("^", "one address of several is enough")),
            Some('@') => return Err(cannot("@", "there are no aliases")),
            Some(_) => {
                let found: String = self.rest.chars().take_while(|it| *it != ' ').collect();
                return Err(PatternError::NoPattern { found });
            }
            None => return Err(PatternError::NothingBehind { behind: '!' }),
        };
        Ok(if is_not { Pattern::Not(Box::new(pattern)) } else { pattern })
    }

    fn group(&mut self, now: &Zoned) -> Result<Pattern, PatternError> {
        if self.depth >= PATTERN_DEPTH_MAX {
            let what = format!("{PATTERN_DEPTH_MAX} parentheses in each other");
            return Err(PatternError::TooLong { what });
        }
        self.next();
        self.depth += 1;
        let pattern = self.patterns(now)?;
        self.depth -= 1;
        match self.next() {
            Some(')') => Ok(pattern),
            _ => Err(PatternError::Parenthesis),
        }
    }

    /// Behind `~` or `=`.
    fn named(&mut self, sign: char, now: &Zoned) -> Result<Pattern, PatternError> {
        let Some(letter) = self.next() else {
            let pattern = sign.to_string();
            return Err(PatternError::Missing { pattern, what: "a letter, as in ~f alice" });
        };
        if let Some(place) = letters::place(letter) {
            let word = self.word(sign, letter, "what to look for")?;
            let words = match sign {
                '=' => Words::text(word.clone(), Case::of(&word)),
                _ => Words::regex(word.clone()).map_err(|why| PatternError::Regex {
                    word,
                    why,
                    letter,
                })?,
            };
            return Ok(Pattern::Has(place, words));
        }
        match letter {
            'd' | 'r' => {
                let word = self.date(sign, letter)?;
                let when = When::parse(&word, now).ok_or(PatternError::Date { word })?;
                Ok(if letter == 'd' { Pattern::Sent(when) } else { Pattern::Came(when) })
            }
            'm' | 'z' | 'X' => {
                let word = self.word(sign, letter, "a number, as in 10-20")?;
                let span = span(&word).ok_or(PatternError::Number { word })?;
                Ok(match letter {
                    'm' => Pattern::Number(span),
                    'z' => Pattern::Octets(span),
                    _ => Pattern::Attachments(span),
                })
            }
            _ => letters::flag(letter, sign),
        }
    }

    fn word(
        &mut self,
        sign: char,
        letter: char,
        what: &'static str,
    ) -> Result<String, PatternError> {
        self.skip_blanks();
        let word = self.token(&['~', '=', '%', '!', '|'])?;
        if word.is_empty() {
            return Err(PatternError::Missing { pattern: format!("{sign}{letter}"), what });
        }
        Ok(word)
    }

    /// `=3d` is a date, too.
    fn date(&mut self, sign: char, letter: char) -> Result<String, PatternError> {
        if self.skip_blanks() != Some('=') {
            return self.word(sign, letter, "a date, as in 31/12/2026 or <2w");
        }
        self.next();
        Ok(format!("={}", self.token(&['~', '=', '%', '!', '|'])?))
    }

    /// A word; outside of quotes it ends with a blank, or one of these.
    fn token(&mut self, ends: &[char]) -> Result<String, PatternError> {
        let (mut word, mut quote) = (String::new(), None);
        while let Some(one) = self.peek() {
            match (quote, one) {
                (None, ')') if self.depth > 0 => break,
                (None, _) if one.is_whitespace() || ends.contains(&one) => break,
                (None, '"' | '\'') => quote = Some(one),
                (Some(open), _) if open == one => quote = None,
                (None | Some('"'), '\\') => {
                    self.next();
                    match self.peek() {
                        Some('n') => word.push('\n'),
                        Some('t') => word.push('\t'),
                        Some(taken) => word.push(taken),
                        None => {}
                    }
                }
                (_, one) => word.push(one),
            }
            self.next();
        }
        match quote {
            Some(quote) => Err(PatternError::Quote { quote }),
            None => Ok(word),
        }
    }
}

fn cannot(pattern: &str, why: &'static str) -> PatternError {
    PatternError::CannotDo { pattern: pattern.to_owned(), why }
}

/// `10`, `10-20`, `10-`, `-20`, `<20`, `>10`, with `K` and `M`.
fn span(word: &str) -> Option<Span> {
    if let Some(above) = word.strip_prefix('<') {
        return Some(Span { min: 0, max: number(above)?.checked_sub(1)? });
    }
    if let Some(below) = word.strip_prefix('>') {
        return Some(Span { min: number(below)?.checked_add(1)?, max: u64::MAX });
    }
    let Some((min, max)) = word.split_once('-') else {
        let exactly = number(word)?;
        return Some(Span { min: exactly, max: exactly });
    };
    let min = if min.is_empty() { 0 } else { number(min)? };
    let max = if max.is_empty() { u64::MAX } else { number(max)? };
    Some(Span { min, max })
}

fn number(digits: &str) -> Option<u64> {
    let (digits, unit) = match digits.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1024),
        None => match digits.strip_suffix(['m', 'M']) {
            Some(digits) => (digits, 1024 * 1024),
            None => (digits, 1),
        },
    };
    let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    digits.parse::<u64>().ok().filter(|_| is_number)?.checked_mul(unit)
}
