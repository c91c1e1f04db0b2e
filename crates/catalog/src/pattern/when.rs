//! Dates, as mutt writes them: days from one to another, with margins, or so long ago.
//!
//! ```text
//! when   = day / day "-" [day] / "-" day / day 1*( ("+" / "-" / "*") offset ) / ("<" / ">" / "=") offset
//! day    = 1*2DIGIT ["/" 1*2DIGIT ["/" (2DIGIT / 4DIGIT)]] / 8DIGIT        of this month, and this year
//! offset = 1*DIGIT ("y" / "m" / "w" / "d" / "H" / "M" / "S")
//! ```

use std::fmt;
use std::ops::Range;

use jiff::civil::Date;
use jiff::{Span, Zoned};

/// A time, in which a letter was sent or came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct When {
    typed: String,
    /// Seconds since 1970.
    range: Range<i64>,
}

impl When {
    pub(super) fn parse(typed: &str, now: &Zoned) -> Option<Self> {
        let range = ago(typed, now).or_else(|| days(typed, now))?;
        Some(Self { typed: typed.to_owned(), range })
    }

    /// From its first second to the one behind its last, since 1970.
    pub fn range(&self) -> Range<i64> {
        self.range.clone()
    }

    /// Whether a moment is in it: seconds since 1970.
    pub fn contains(&self, moment: i64) -> bool {
        self.range.contains(&moment)
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.typed)
    }
}

/// `<2w`: newer than that; `>2w`: older; `=2d`: of that day.
fn ago(typed: &str, now: &Zoned) -> Option<Range<i64>> {
    let mut chars = typed.chars();
    let sign = chars.next()?;
    let (offset, rest) = offset(chars.as_str())?;
    if !rest.is_empty() {
        return None;
    }
    let moment = now.checked_sub(offset).ok()?;
    match sign {
        '<' => Some(moment.timestamp().as_second()..i64::MAX),
        '>' => Some(i64::MIN..moment.timestamp().as_second()),
        '=' => Some(
            first_second(moment.date(), now)?..first_second(moment.date().tomorrow().ok()?, now)?,
        ),
        _ => None,
    }
}

fn days(typed: &str, now: &Zoned) -> Option<Range<i64>> {
    let begin = |date: Date| first_second(date, now);
    let end = |date: Date| first_second(date.tomorrow().ok()?, now);
    if let Some(last) = typed.strip_prefix('-') {
        let (last, rest) = day(last, now)?;
        return rest.is_empty().then_some(i64::MIN..end(last)?);
    }
    let (first, mut rest) = day(typed, now)?;
    let (mut from, mut to, mut is_range) = (first, first, false);
    while let Some(sign) = rest.chars().next() {
        let behind = rest.get(1..)?;
        match (sign, offset(behind)) {
            ('+' | '-' | '*', Some((offset, behind))) => {
                if sign != '+' {
                    from = from.checked_sub(offset).ok()?;
                }
                if sign != '-' {
                    to = to.checked_add(offset).ok()?;
                }
                rest = behind;
            }
            ('-', None) if behind.is_empty() && !is_range => return Some(begin(from)?..i64::MAX),
            ('-', None) if !is_range => {
                let (last, behind) = day(behind, now)?;
                // Whichever was named first.
                (from, to) = (from.min(last), to.max(last));
                (rest, is_range) = (behind, true);
            }
            _ => return None,
        }
    }
    Some(begin(from)?..end(to)?)
}

fn first_second(date: Date, now: &Zoned) -> Option<i64> {
    let midnight = date.to_zoned(now.time_zone().clone()).ok()?;
    Some(midnight.timestamp().as_second())
}

/// A day, and what stands behind it.
fn day<'t>(text: &'t str, now: &Zoned) -> Option<(Date, &'t str)> {
    let (first, rest) = digits(text)?;
    if first.len() == 8 {
        let part = |range: Range<usize>| first.get(range)?.parse::<i16>().ok();
        let (year, month, day) = (part(0..4)?, part(4..6)?, part(6..8)?);
        let date = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
        return Some((date, rest));
    }
    let small = |text: &str| text.parse::<i8>().ok().filter(|_| text.len() <= 2);
    let today = now.date();
    let (mut month, mut year, mut behind) = (today.month(), today.year(), rest);
    if let Some((text, rest)) = rest.strip_prefix('/').and_then(digits) {
        (month, behind) = (small(text)?, rest);
        if let Some((text, rest)) = rest.strip_prefix('/').and_then(digits) {
            year = match (text.len(), text.parse::<i16>().ok()?) {
                (4, year) => year,
                (1 | 2, year) if year < 70 => 2000 + year,
                (1 | 2, year) => 1900 + year,
                _ => return None,
            };
            behind = rest;
        }
    }
    Some((Date::new(year, month, small(first)?).ok()?, behind))
}

/// A number and a unit, and what stands behind them.
fn offset(text: &str) -> Option<(Span, &str)> {
    let (count, rest) = digits(text)?;
    let count: i64 = count.parse().ok()?;
    // Years that there are, in seconds: the calendar ends before.
    let count = i32::try_from(count).ok()?;
    let mut behind = rest.chars();
    let none = Span::new();
    let span = match behind.next()? {
        'y' => none.try_years(count),
        'm' => none.try_months(count),
        'w' => none.try_weeks(count),
        'd' => none.try_days(count),
        'H' => none.try_hours(count),
        'M' => none.try_minutes(count),
        'S' => none.try_seconds(count),
        _ => return None,
    };
    Some((span.ok()?, behind.as_str()))
}

/// Digits, and what stands behind them.
fn digits(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|one: char| !one.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).filter(|(digits, _)| !digits.is_empty())
}
