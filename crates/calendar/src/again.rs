//! How often something comes again, in words (RFC 5545 §3.3.10). A rule is told as it is, and never counted out.

use std::fmt::Write as _;

use calcard::icalendar::{
    ICalendarComponent, ICalendarDay, ICalendarFrequency, ICalendarProperty,
    ICalendarRecurrenceRule, ICalendarValue, ICalendarWeekday,
};

use crate::limits::PARTS_MAX;
use crate::when::{When, day};

/// In words; `None` where it comes once.
pub(crate) fn words(component: &ICalendarComponent, start: Option<&When>) -> Option<String> {
    let rules = component.properties(&ICalendarProperty::Rrule).flat_map(|entry| &entry.values);
    let mut rules = rules.filter_map(|value| match value {
        ICalendarValue::RecurrenceRule(rule) => Some(rule),
        _ => None,
    });
    let count =
        |property| component.properties(&property).map(|entry| entry.values.len()).sum::<usize>();
    let (more, less) = (count(ICalendarProperty::Rdate), count(ICalendarProperty::Exdate));
    let mut text = match rules.next() {
        Some(first) => rule(first, start),
        None if more > 0 => format!("on {more} more days"),
        None => return None,
    };
    if rules.next().is_some() {
        text.push_str(", and by further rules");
    } else if more > 0 && !text.starts_with("on ") {
        // Writing into a String can't fail.
        let _ = write!(text, ", and {more} times more");
    }
    if less > 0 {
        let _ = write!(text, ", but for {less} of them");
    }
    Some(text)
}

fn rule(rule: &ICalendarRecurrenceRule, start: Option<&When>) -> String {
    let (one, many) = match rule.freq {
        ICalendarFrequency::Yearly => ("every year", "years"),
        ICalendarFrequency::Monthly => ("every month", "months"),
        ICalendarFrequency::Weekly => ("every week", "weeks"),
        ICalendarFrequency::Daily => ("every day", "days"),
        ICalendarFrequency::Hourly => ("every hour", "hours"),
        ICalendarFrequency::Minutely => ("every minute", "minutes"),
        ICalendarFrequency::Secondly => ("every second", "seconds"),
    };
    let mut text = match rule.interval {
        None | Some(0 | 1) => one.to_owned(),
        Some(interval) => format!("every {interval} {many}"),
    };
    let mut add = |lead: &str, parts: Vec<String>| {
        if !parts.is_empty() {
            let _ = write!(text, " {lead} {}", listed(&parts));
        }
    };
    add("on", rule.byday.iter().map(weekday).collect());
    add("on day", rule.bymonthday.iter().map(|day| from_end(i32::from(*day))).collect());
    add("on day of the year", rule.byyearday.iter().map(|it| from_end(i32::from(*it))).collect());
    add("in week", rule.byweekno.iter().map(|it| from_end(i32::from(*it))).collect());
    add("in", rule.bymonth.iter().map(|it| month(it.month())).collect());
    add("at hour", rule.byhour.iter().map(u8::to_string).collect());
    add("at minute", rule.byminute.iter().map(u8::to_string).collect());
    if !rule.bysetpos.is_empty() {
        let places: Vec<String> = rule.bysetpos.iter().map(|place| from_end(*place)).collect();
        let _ = write!(text, ", only number {} of these", listed(&places));
    }
    match (&rule.until, rule.count) {
        (Some(until), _) => {
            let until = When::at(until, None).map(|until| match until {
                When::Day(date) => day(date),
                When::Moment { written, .. } | When::Local { written, .. } => day(written.date()),
            });
            let _ = write!(text, ", until {}", until.unwrap_or_else(|| "a day".to_owned()));
        }
        (None, Some(count)) => {
            let _ = write!(text, ", {count} times in all");
        }
        (None, None) => text.push_str(", without an end"),
    }
    if let (Some(When::Day(_)), ICalendarFrequency::Hourly | ICalendarFrequency::Minutely) =
        (start, rule.freq)
    {
        text.push_str(" (which makes no sense for whole days)");
    }
    text
}

/// `a, b and c`, and how many more.
fn listed(parts: &[String]) -> String {
    let more = parts.len().saturating_sub(PARTS_MAX);
    let shown = parts.get(..parts.len().min(PARTS_MAX)).unwrap_or_default();
    match (more, shown) {
        (0, [init @ .., last]) if !init.is_empty() => format!("{} and {last}", init.join(", ")),
        (0, shown) => shown.join(", "),
        (more, shown) => format!("{} and {more} more", shown.join(", ")),
    }
}

/// `Monday`, `the 2nd Monday`, `the last Monday`
fn weekday(day: &ICalendarDay) -> String {
    let name = match day.weekday {
        ICalendarWeekday::Monday => "Monday",
        ICalendarWeekday::Tuesday => "Tuesday",
        ICalendarWeekday::Wednesday => "Wednesday",
        ICalendarWeekday::Thursday => "Thursday",
        ICalendarWeekday::Friday => "Friday",
        ICalendarWeekday::Saturday => "Saturday",
        ICalendarWeekday::Sunday => "Sunday",
    };
    match day.ordwk {
        None | Some(0) => name.to_owned(),
        Some(-1) => format!("the last {name}"),
        Some(place @ 1..) => format!("the {} {name}", ordinal(i32::from(place))),
        Some(place) => format!("the {} last {name}", ordinal(-i32::from(place))),
    }
}

/// `3`, `the last one`, `the 2nd last one`
fn from_end(place: i32) -> String {
    match place {
        -1 => "the last one".to_owned(),
        0.. => place.to_string(),
        _ => format!("the {} last one", ordinal(place.saturating_neg())),
    }
}

fn ordinal(number: i32) -> String {
    let end = match (number % 100, number % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{number}{end}")
}

fn month(number: u8) -> String {
    let names = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let name = usize::from(number).checked_sub(1).and_then(|place| names.get(place));
    name.map_or_else(|| format!("month {number}"), |name| (*name).to_owned())
}
