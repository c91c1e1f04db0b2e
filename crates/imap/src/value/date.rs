//! Dates (RFC 9051 §9, date and date-time).

use crate::scan::{Cursor, Scanned, SyntaxError};

const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

/// A day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// A day that is in the calendar; none where it isn't.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let leap =
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => return None,
        };
        ((1..=days).contains(&day) && year <= 9999).then_some(Self { year, month, day })
    }

    /// Days since 1 January 1970.
    pub fn days(self) -> i64 {
        // Years begin in March here, so that a leap day is a year's last.
        let year = i64::from(self.year) - i64::from(self.month <= 2);
        let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
        let day = (153 * ((i64::from(self.month) + 9) % 12) + 2) / 5 + i64::from(self.day) - 1;
        era * 146_097 + year * 365 + year / 4 - year / 100 + day - 719_468
    }

    /// The day so many days after 1 January 1970; years 0 to 9999.
    pub fn from_days(days: i64) -> Self {
        let days = days.clamp(-719_528, 2_932_896) + 719_468;
        let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = era * 400 + year + i64::from(month <= 2);
        Self { year: year as u16, month: month as u8, day: day as u8 }
    }

    /// ```text
    /// date-text = date-day "-" date-month "-" date-year
    /// date-day  = 1*2DIGIT
    /// ```
    fn scan_text(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        let date = scan_digits(cursor, 1..=2).and_then(|day| scan_month_and_year(cursor, day));
        date.ok_or(SyntaxError::Expected("a date"))
    }

    /// `date = date-text / DQUOTE date-text DQUOTE`
    pub(crate) fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        if !cursor.eat(b'"') {
            return Self::scan_text(cursor);
        }
        let date = Self::scan_text(cursor)?;
        cursor.expect(b'"', "a closing quote")?;
        Ok(date)
    }

    pub(crate) fn write(self, out: &mut Vec<u8>) {
        crate::write::number(out, self.day.into());
        self.write_month_and_year(out);
    }

    fn write_month_and_year(self, out: &mut Vec<u8>) {
        out.push(b'-');
        let month = MONTHS.get(usize::from(self.month).wrapping_sub(1));
        out.extend_from_slice(month.map_or(b"???", |month| *month));
        out.push(b'-');
        write_padded(out, self.year.into(), 4);
    }
}

fn scan_digits(cursor: &mut Cursor<'_>, count: std::ops::RangeInclusive<usize>) -> Option<u16> {
    let digits = cursor.take_while(|octet| octet.is_ascii_digit());
    let number = digits.iter().fold(0_u16, |number, digit| {
        number.saturating_mul(10).saturating_add(u16::from(digit - b'0'))
    });
    count.contains(&digits.len()).then_some(number)
}

fn scan_month_and_year(cursor: &mut Cursor<'_>, day: u16) -> Option<Date> {
    let dash = cursor.eat(b'-');
    let month = cursor.take(3)?;
    let month = MONTHS.iter().position(|name| name.eq_ignore_ascii_case(month))?;
    let year = (dash && cursor.eat(b'-')).then(|| scan_digits(cursor, 4..=4)).flatten()?;
    Date::new(year, u8::try_from(month + 1).ok()?, u8::try_from(day).ok()?)
}

/// A time with its zone, as INTERNALDATE has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DateTime {
    seconds: i64,
    zone_minutes: i16,
}

impl DateTime {
    /// The time so many seconds after 1970 began at Greenwich, shown in a zone so many minutes east of it.
    pub fn new(seconds: i64, zone_minutes: i16) -> Self {
        // Years 0 to 9999 can be written, and zones of less than 100 hours.
        let seconds = seconds.clamp(-62_167_000_000, 253_402_000_000);
        Self { seconds, zone_minutes: zone_minutes.clamp(-5_999, 5_999) }
    }

    /// Seconds after 1970 began at Greenwich.
    pub fn seconds(self) -> i64 {
        self.seconds
    }

    /// The day, in its own zone: SEARCH disregards time and zone (RFC 9051 §6.4.4).
    pub fn date(self) -> Date {
        Date::from_days((self.seconds + i64::from(self.zone_minutes) * 60).div_euclid(86_400))
    }

    /// ```text
    /// date-time      = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP zone DQUOTE
    /// date-day-fixed = (SP DIGIT) / 2DIGIT
    /// time           = 2DIGIT ":" 2DIGIT ":" 2DIGIT
    /// zone           = ("+" / "-") 4DIGIT
    /// ```
    pub(crate) fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        cursor.expect(b'"', "a date and time")?;
        let date_time =
            Self::scan_unquoted(cursor).ok_or(SyntaxError::Expected("a date and time"))?;
        cursor.expect(b'"', "a closing quote")?;
        Ok(date_time)
    }

    fn scan_unquoted(cursor: &mut Cursor<'_>) -> Option<Self> {
        // One digit without its space is forgiven, as others do.
        let day =
            if cursor.eat(b' ') { scan_digits(cursor, 1..=1) } else { scan_digits(cursor, 1..=2) };
        let date = scan_month_and_year(cursor, day?)?;
        let mut next = |before: u8, most: u16| {
            let number = cursor.eat(before).then(|| scan_digits(cursor, 2..=2)).flatten()?;
            (number <= most).then_some(i64::from(number))
        };
        // A leap second is the next minute's first.
        let (hour, minute, second) = (next(b' ', 23)?, next(b':', 59)?, next(b':', 60)?);
        let space = cursor.eat(b' ');
        let sign = match () {
            () if cursor.eat(b'+') => 1,
            () if cursor.eat(b'-') => -1,
            () => return None,
        };
        let zone = scan_digits(cursor, 4..=4).filter(|zone| space && zone % 100 < 60)?;
        let zone_minutes = sign * (i64::from(zone / 100) * 60 + i64::from(zone % 100));
        let local = date.days() * 86_400 + hour * 3_600 + minute * 60 + second;
        Some(Self::new(local - zone_minutes * 60, i16::try_from(zone_minutes).ok()?))
    }

    pub(crate) fn write(self, out: &mut Vec<u8>) {
        let local = self.seconds + i64::from(self.zone_minutes) * 60;
        let (date, second) = (self.date(), local.rem_euclid(86_400) as u64);
        out.push(b'"');
        out.push(if date.day < 10 { b' ' } else { b'0' + date.day / 10 });
        out.push(b'0' + date.day % 10);
        date.write_month_and_year(out);
        for (mark, number) in
            [(b' ', second / 3_600), (b':', second / 60 % 60), (b':', second % 60)]
        {
            out.push(mark);
            write_padded(out, number, 2);
        }
        out.extend_from_slice(if self.zone_minutes < 0 { b" -" } else { b" +" });
        let zone = u64::from(self.zone_minutes.unsigned_abs());
        write_padded(out, zone / 60 * 100 + zone % 60, 4);
        out.push(b'"');
    }
}

fn write_padded(out: &mut Vec<u8>, number: u64, digits: u32) {
    for place in (0..digits).rev() {
        out.push(b'0' + (number / 10_u64.pow(place) % 10) as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::NameEncoding;

    fn scan<T>(text: &str, scan: impl Fn(&mut Cursor<'_>) -> Scanned<T>) -> Option<T> {
        let mut cursor = Cursor::new(text.as_bytes(), 0, NameEncoding::Utf8);
        let value = scan(&mut cursor).ok()?;
        cursor.is_at_end().then_some(value)
    }

    #[test]
    fn times() {
        for (text, seconds) in [
            ("\"17-Jul-1996 02:44:25 -0700\"", 837_596_665),
            ("\" 7-Feb-1994 21:52:25 -0800\"", 760_686_745),
            ("\"01-Jan-1970 00:00:00 +0000\"", 0),
            ("\"29-Feb-2000 23:59:59 +1400\"", 951_818_399),
            ("\"31-Dec-9999 23:59:59 +0000\"", 253_402_000_000),
        ] {
            let date_time = scan(text, DateTime::scan).expect("a time");
            assert_eq!(date_time.seconds(), seconds, "{text}");
        }
        for text in [
            "\"30-Feb-2000 00:00:00 +0000\"",
            "\"1-Jan-2000 24:00:00 +0000\"",
            "\"1-Jan-2000 00:00:00 +0060\"",
            "\"1-Jan-2000 00:00:00\"",
            "\"1-Jan-20000 00:00:00 +0000\"",
            "\"1-Foo-2000 00:00:00 +0000\"",
            "1-Jan-2000 00:00:00 +0000",
            "\"00-Jan-2000 00:00:00 +0000\"",
        ] {
            assert_eq!(scan(text, DateTime::scan), None, "{text}");
        }
    }

    #[test]
    fn days() {
        assert_eq!(Date::new(1970, 1, 1).expect("a day").days(), 0);
        assert_eq!(Date::new(2000, 3, 1).expect("a day").days(), 11_017);
        for days in (-719_528..2_932_896).step_by(97) {
            let date = Date::from_days(days);
            assert_eq!(date.days(), days);
            assert_eq!(Date::new(date.year, date.month, date.day), Some(date));
        }
        let date = scan("1-Feb-1994", Date::scan);
        assert_eq!(date, Date::new(1994, 2, 1));
        assert_eq!(scan("\"01-feb-1994\"", Date::scan), date);
        assert_eq!(scan("32-Jan-1994", Date::scan), None);
    }

    proptest::proptest! {
        #[test]
        fn written_times_are_read(seconds in -62_100_000_000_i64..253_400_000_000, zone in -899_i16..900) {
            let date_time = DateTime::new(seconds, zone);
            let mut out = Vec::new();
            date_time.write(&mut out);
            let text = String::from_utf8(out).expect("ASCII");
            proptest::prop_assert_eq!(scan(&text, DateTime::scan), Some(date_time), "{}", text);
        }
    }
}
