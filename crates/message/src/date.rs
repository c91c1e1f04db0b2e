//! `Date` (RFC 5322 §3.3, §4.3).

use jiff::civil;
use jiff::tz::Offset;

use crate::lexical::Cursor;

/// When a letter says that it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SentDate {
    /// Seconds since 1970-01-01 00:00:00 UTC: what SORT and THREAD compare (RFC 5256 §2.2).
    pub seconds: i64,
    /// Seconds that the clock of the sender is ahead of UTC.
    pub offset: i32,
}

/// Years that a letter may be from (RFC 5322 §3.3).
const YEARS: std::ops::RangeInclusive<i32> = 1900..=9999;
const DAY: i64 = 24 * 60 * 60;
const MONTHS: &[u8] = b"janfebmaraprmayjunjulaugsepoctnovdec";

impl SentDate {
    /// Reads a field's value. A day is enough: what can't be read of the time is midnight, of the zone UTC (RFC 5256
    /// §2.2). `None` where there is no day (row A19): the time of arrival stands in then.
    pub fn parse(raw_value: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(raw_value);
        word(&mut cursor);
        let day = number(&mut cursor)?;
        let month = month(word(&mut cursor))?;
        let year = year(&mut cursor)?;
        let at = |number: i32| i8::try_from(number).ok();
        let date = civil::Date::new(i16::try_from(year).ok()?, at(month)?, at(day)?).ok()?;
        let midnight = Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()?.as_second();
        let Some(time) = time(&mut cursor) else {
            return Some(Self { seconds: midnight, offset: 0 });
        };
        let offset = zone(&mut cursor).unwrap_or(0);
        Some(Self { seconds: midnight + time - i64::from(offset), offset })
    }

    /// The day that the letter names, whatever its zone, as days since 1970-01-01: what SENTBEFORE, SENTON and
    /// SENTSINCE compare (RFC 9051 §6.4.4).
    pub fn day(self) -> i64 {
        (self.seconds + i64::from(self.offset)).div_euclid(DAY)
    }
}

/// White space, comments and the comma behind the day of the week; some write hyphens in the date.
fn gap(cursor: &mut Cursor<'_>) {
    cursor.comments();
    while matches!(cursor.peek(), Some(b',' | b'.' | b'-')) {
        cursor.take(1);
        cursor.comments();
    }
}

fn word<'a>(cursor: &mut Cursor<'a>) -> &'a [u8] {
    gap(cursor);
    cursor.until(|octet| !octet.is_ascii_alphabetic())
}

fn digits<'a>(cursor: &mut Cursor<'a>) -> &'a [u8] {
    cursor.until(|octet| !octet.is_ascii_digit())
}

/// A number of a few digits.
fn value(digits: &[u8]) -> Option<i32> {
    let is_short = (1..=5).contains(&digits.len());
    std::str::from_utf8(digits).ok().filter(|_| is_short)?.parse().ok()
}

fn number(cursor: &mut Cursor<'_>) -> Option<i32> {
    gap(cursor);
    value(digits(cursor))
}

/// The first three letters count: some write the name in full.
fn month(word: &[u8]) -> Option<i32> {
    let name = word.get(..3)?.to_ascii_lowercase();
    let at = MONTHS.chunks(3).position(|month| month == name)?;
    i32::try_from(at + 1).ok()
}

/// RFC 5322 §4.3: years of two and three digits.
fn year(cursor: &mut Cursor<'_>) -> Option<i32> {
    gap(cursor);
    let digits = digits(cursor);
    let year = value(digits)?;
    let year = match digits.len() {
        1 | 2 if year < 50 => 2000 + year,
        2 | 3 => 1900 + year,
        _ => year,
    };
    YEARS.contains(&year).then_some(year)
}

/// Seconds since midnight; the obsolete form has spaces around colons.
fn time(cursor: &mut Cursor<'_>) -> Option<i64> {
    gap(cursor);
    let hour = value(digits(cursor)).filter(|hour| *hour < 24)?;
    let minute = behind_colon(cursor).filter(|minute| *minute < 60)?;
    // RFC 5322 §3.3: 60 is a leap second.
    let second = match behind_colon(cursor) {
        Some(second) if second > 60 => return None,
        second => second.unwrap_or(0),
    };
    Some(i64::from(hour) * 3_600 + i64::from(minute) * 60 + i64::from(second))
}

fn behind_colon(cursor: &mut Cursor<'_>) -> Option<i32> {
    cursor.comments();
    if !cursor.eat(b':') {
        return None;
    }
    cursor.comments();
    value(digits(cursor))
}

/// Seconds ahead of UTC; `GMT+0100` is what some write.
fn zone(cursor: &mut Cursor<'_>) -> Option<i32> {
    cursor.comments();
    let name = cursor.until(|octet| !octet.is_ascii_alphabetic());
    let sign = match cursor.peek() {
        Some(b'+') => 1,
        Some(b'-') => -1,
        _ => return named_zone(name),
    };
    cursor.take(1);
    let digits = digits(cursor);
    let zone = value(digits).filter(|_| digits.len() == 4)?;
    let (hours, minutes) = (zone / 100, zone % 100);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}

/// RFC 5322 §4.3: all but these say nothing.
fn named_zone(name: &[u8]) -> Option<i32> {
    let hours = match name.to_ascii_uppercase().as_slice() {
        b"EDT" => -4,
        b"EST" | b"CDT" => -5,
        b"CST" | b"MDT" => -6,
        b"MST" | b"PDT" => -7,
        b"PST" => -8,
        _ => 0,
    };
    Some(hours * 3_600)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, expected: Option<(&str, i32)>) {
        let got = SentDate::parse(value.as_bytes());
        let expected = expected.map(|(utc, minutes)| {
            let utc: jiff::Timestamp = utc.parse().expect("a timestamp");
            SentDate { seconds: utc.as_second(), offset: minutes * 60 }
        });
        assert_eq!(got, expected, "{value}");
    }

    #[test] // Tests RFC 5322 §3.3, §4.3, A.5, A.6.2; RFC 5256 §2.2.
    fn dates() {
        for (value, utc, minutes) in [
            ("Fri, 21 Nov 1997 09:55:06 -0600", "1997-11-21T15:55:06Z", -360),
            ("31 Dec 2000 16:01:33 -0800", "2001-01-01T00:01:33Z", -480),
            (
                "Thu,\r\n      13\r\n        Feb\r\n          1969\r\n      23:32\r\n               \
              -0330 (Newfoundland Time)",
                "1969-02-14T03:02:00Z",
                -210,
            ),
            ("21 Nov 97 09:55:06 GMT", "1997-11-21T09:55:06Z", 0),
            ("21 Nov 05 09:55 EST", "2005-11-21T14:55:00Z", -300),
            ("21 Nov 105 09:55 PDT", "2005-11-21T16:55:00Z", -420),
            ("Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", "1997-11-21T15:55:06Z", -360),
            ("Mon, 1 Jan 2024 00:00:00 Z", "2024-01-01T00:00:00Z", 0),
            ("Mon, 1 Jan 2024 00:00:00 K", "2024-01-01T00:00:00Z", 0),
            ("Mon, 1 Jan 2024 00:00:00 UTC", "2024-01-01T00:00:00Z", 0),
            ("Mon, 1 Jan 2024 00:00:00 GMT+0100", "2023-12-31T23:00:00Z", 60),
            ("Mon, 1 January 2024 00:00:00 +1345", "2023-12-31T10:15:00Z", 825),
            ("1-Sept-2024 10:00 +0000", "2024-09-01T10:00:00Z", 0),
            ("Sat, 31 Dec 2016 23:59:60 +0000", "2017-01-01T00:00:00Z", 0),
            ("29 Feb 2024", "2024-02-29T00:00:00Z", 0),
        ] {
            check(value, Some((utc, minutes)));
        }
    }

    #[test] // Row A19.
    fn a19_dates_that_are_none() {
        for value in [
            "",
            "nonsense",
            "Mon, 1 Foo 2024 00:00:00 +0000",
            "1 Jan 0 00:00 +0000 (in 2000)",
            "1 Jan 0000 00:00 +0000",
            "1 Jan 99999 00:00 +0000",
            "1 Jan 1899 00:00 +0000",
            "30 Feb 2024 00:00 +0000",
            "0 Jan 2024 00:00 +0000",
            "1 Jan",
            "1",
            "2024-01-01",
            "99999999999999 Jan 2024",
            "((((((",
        ] {
            if value.contains("(in 2000)") {
                check(value, Some(("2000-01-01T00:00:00Z", 0)));
            } else {
                check(value, None);
            }
        }
        // Time and zone alone are no reason.
        for (value, utc) in [
            ("1 Jan 2024 25:00:00 +0100", "2024-01-01T00:00:00Z"),
            ("1 Jan 2024 00:00:61 +0100", "2024-01-01T00:00:00Z"),
            ("1 Jan 2024 10:00:00 +2400", "2024-01-01T10:00:00Z"),
            ("1 Jan 2024 10:00:00 +1", "2024-01-01T10:00:00Z"),
            ("1 Jan 2024 10:00:00 +99999999999", "2024-01-01T10:00:00Z"),
            ("1 Jan 2024 10", "2024-01-01T00:00:00Z"),
        ] {
            check(value, Some((utc, 0)));
        }
    }

    #[test] // Tests RFC 9051 §6.4.4.
    fn days() {
        let day = |value: &str| SentDate::parse(value.as_bytes()).map(SentDate::day);
        assert_eq!(day("2 Jan 1970 00:30 +0100"), Some(1));
        assert_eq!(day("2 Jan 1970 23:30 -0100"), Some(1));
        assert_eq!(day("31 Dec 1969 23:30 -0100"), Some(-1));
    }

    proptest::proptest! {
        #[test]
        fn any_text(value in "[0-9A-Za-z:+() ,-]{0,40}") {
            SentDate::parse(value.as_bytes());
        }
    }
}
