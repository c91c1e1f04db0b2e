//! A time of a calendar: a day, or a moment, with the zone that it was written in (RFC 5545 §3.3.4, §3.3.5).

use calcard::common::PartialDateTime;
use calcard::common::timezone::Tz;
use calcard::icalendar::{ICalendarEntry, ICalendarParameterName, ICalendarValue};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp, ToSpan as _};

/// A time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    /// A whole day, wherever one is.
    Day(Date),
    /// A moment.
    Moment {
        /// What it is everywhere.
        at: Timestamp,
        /// As it was written.
        written: DateTime,
        /// In this zone.
        zone: String,
    },
    /// A time of day, wherever one is, or in a zone that nobody knows.
    Local {
        /// As it was written.
        written: DateTime,
        /// In this zone, if one was named.
        zone: Option<String>,
    },
}

impl When {
    /// What an entry says.
    pub(crate) fn of(entry: &ICalendarEntry) -> Option<Self> {
        let value = entry.values.first()?.as_partial_date_time()?;
        let zone = entry.parameter(&ICalendarParameterName::Tzid).and_then(|it| it.as_text());
        Self::at(value, zone)
    }

    pub(crate) fn at(value: &PartialDateTime, zone: Option<&str>) -> Option<Self> {
        let year = i16::try_from(value.year?).ok()?;
        let month = i8::try_from(value.month?).ok()?;
        let date = Date::new(year, month, i8::try_from(value.day?).ok()?).ok()?;
        let Some(hour) = value.hour else { return Some(Self::Day(date)) };
        let part = |part: u8| i8::try_from(part).ok();
        let (hour, minute) = (part(hour)?, part(value.minute.unwrap_or(0))?);
        // RFC 5545 §3.3.12: 60 is a leap second, which no clock here knows.
        let second = part(value.second.unwrap_or(0))?.min(59);
        let written = date.to_datetime(jiff::civil::Time::new(hour, minute, second, 0).ok()?);
        let known: Option<Tz> = match (value.tz_hour, zone) {
            (Some(_), _) => Some(Tz::UTC),
            (None, Some(zone)) => zone.parse().ok().filter(|zone| *zone != Tz::Floating),
            (None, None) => None,
        };
        let at = known.and_then(|zone| Some((value.to_date_time_with_tz(zone)?, zone)));
        Some(match at {
            Some((moment, known)) => Self::Moment {
                at: Timestamp::from_second(moment.timestamp()).ok()?,
                written,
                // A name of Windows' tells less than where that is.
                zone: known.name().map_or_else(|| "UTC".to_owned(), |name| name.into_owned()),
            },
            None => Self::Local { written, zone: zone.map(crate::bounded) },
        })
    }

    /// So much later.
    pub(crate) fn after(&self, duration: &ICalendarEntry) -> Option<Self> {
        let ICalendarValue::Duration(duration) = duration.values.first()? else { return None };
        let seconds = duration.as_seconds();
        let later = SignedDuration::from_secs(seconds);
        match self {
            Self::Day(date) => {
                let days = Span::new().try_days(seconds / 86_400).ok()?;
                date.checked_add(days).ok().map(Self::Day)
            }
            Self::Moment { at, written, zone } => Some(Self::Moment {
                at: at.checked_add(later).ok()?,
                written: written.checked_add(later).ok()?,
                zone: zone.clone(),
            }),
            Self::Local { written, zone } => {
                let written = written.checked_add(later).ok()?;
                Some(Self::Local { written, zone: zone.clone() })
            }
        }
    }

    /// Where it was written, as a clock there shows it.
    fn written(&self) -> Option<DateTime> {
        match self {
            Self::Day(_) => None,
            Self::Moment { written, .. } | Self::Local { written, .. } => Some(*written),
        }
    }

    /// In somebody's own zone.
    pub(crate) fn here(&self, zone: &TimeZone) -> Option<DateTime> {
        match self {
            Self::Moment { at, .. } => Some(at.to_zoned(zone.clone()).datetime()),
            Self::Day(_) | Self::Local { .. } => None,
        }
    }
}

/// From when till when, for somebody in a zone: first there, then where it was written, if that is otherwise.
pub(crate) fn span(start: &When, end: Option<&When>, zone: &TimeZone) -> Vec<String> {
    match start {
        When::Day(first) => {
            // RFC 5545 §3.6.1: the end isn't part of it.
            let last = match end {
                Some(When::Day(end)) => end.checked_sub(1.day()).ok().filter(|last| last > first),
                _ => None,
            };
            vec![match last {
                Some(last) => format!("{} – {}, whole days", day(*first), day(last)),
                None => format!("{}, the whole day", day(*first)),
            }]
        }
        When::Moment { written, zone: name, .. } => {
            let Some(here) = start.here(zone) else { return Vec::new() };
            let own = zone.iana_name().unwrap_or("your time");
            let mut lines =
                vec![format!("{} ({own})", clock(here, end.and_then(|end| end.here(zone))))];
            if here != *written {
                lines.push(format!("{} ({name})", clock(*written, end.and_then(When::written))));
            }
            lines
        }
        When::Local { written, zone } => {
            let clock = clock(*written, end.and_then(When::written));
            vec![match zone {
                Some(zone) => format!("{clock} (in a zone that isn't known here: {zone})"),
                None => format!("{clock} (wherever you are)"),
            }]
        }
    }
}

/// `Mon 7 Dec 2026, 10:00 – 11:00`
fn clock(start: DateTime, end: Option<DateTime>) -> String {
    let time = |at: DateTime| at.strftime("%H:%M").to_string();
    let first = format!("{}, {}", day(start.date()), time(start));
    match end {
        Some(end) if end == start => first,
        Some(end) if end.date() == start.date() => format!("{first} – {}", time(end)),
        Some(end) => format!("{first} – {}, {}", day(end.date()), time(end)),
        None => first,
    }
}

/// `Mon 7 Dec 2026`
pub(crate) fn day(date: Date) -> String {
    date.strftime("%a %-d %b %Y").to_string()
}
