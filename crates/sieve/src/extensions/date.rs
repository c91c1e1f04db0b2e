//! `date` and `currentdate`: tests on dates in fields, and on now (RFC 5260).
//!
//! A date is the whole of a field, or what follows its last semicolon. Parts of it are texts of fixed width, so
//! that any comparator will do. Now is [`Facts::now`](crate::Facts): the same for all of a run.

use std::borrow::Cow;

use jiff::civil::{self, DateTime};
use jiff::fmt::rfc2822;
use jiff::tz::Offset;
use jiff::{Timestamp, Zoned};

use crate::check::{Args, Checker, Extension, Kind, Signature, Tag, TakesTests, TestKind};
use crate::fields::Fields;
use crate::matching::{self, Matcher};
use crate::problem::Fault;
use crate::run::{Failure, Run};
use crate::script::Condition;
use crate::text::{Text, check_constant};

const GROUP: &str = "time zone";

pub(super) const EXTENSION: Extension = Extension {
    tests: &[
        TestKind {
            name: "date",
            signature: Signature {
                tags: &[
                    matching::TAGS,
                    &[
                        Tag { name: "zone", group: GROUP, value: Some(Kind::Text) },
                        Tag::one_of(GROUP, "originalzone"),
                    ],
                ],
                positional: &[&[Kind::Text, Kind::Text, Kind::Texts]],
                tests: TakesTests::None,
            },
            check: |args, checker| {
                let field = Fields::of(args, 0, checker)?.first_by_default();
                let part = DatePart::of(args, 1, checker)?;
                let matcher = Matcher::of(args, 2, checker)?;
                Ok(Box::new(Date { field, zone: Zone::of(args, checker)?, part, matcher }))
            },
        },
        TestKind {
            name: "currentdate",
            signature: Signature {
                tags: &[
                    matching::TAGS,
                    &[Tag { name: "zone", group: GROUP, value: Some(Kind::Text) }],
                ],
                positional: &[&[Kind::Text, Kind::Texts]],
                tests: TakesTests::None,
            },
            check: |args, checker| {
                let part = DatePart::of(args, 0, checker)?;
                let matcher = Matcher::of(args, 1, checker)?;
                Ok(Box::new(CurrentDate { zone: Zone::of(args, checker)?, part, matcher }))
            },
        },
    ],
    ..Extension::named("date")
};

/// The zone that a date is seen in (RFC 5260 §4.1).
enum Zone {
    /// The user's, as [`Facts::now`](crate::Facts) has it.
    Local,
    Original,
    Fixed(Text),
}

impl Zone {
    fn of(args: &Args<'_>, checker: &Checker<'_>) -> Result<Self, Fault> {
        if args.has("originalzone") {
            return Ok(Self::Original);
        }
        match args.tag_text("zone", checker)? {
            None => Ok(Self::Local),
            Some(zone) => {
                check_constant(&zone, |zone| parse_zone(zone).map(drop))?;
                Ok(Self::Fixed(zone))
            }
        }
    }
}

/// `time-zone = ( "+" / "-" ) 4DIGIT`
fn parse_zone(zone: &str) -> Result<Offset, String> {
    let no_zone = || format!("\"{}\" is no time zone, as \"+0100\" is", zone.escape_debug());
    let (sign, digits) = match zone.split_at_checked(1) {
        Some(("+", digits)) => (1, digits),
        Some(("-", digits)) => (-1, digits),
        Some(_) | None => return Err(no_zone()),
    };
    if digits.len() != 4 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(no_zone());
    }
    let number: i32 = digits.parse().map_err(|_| no_zone())?;
    let minutes = number / 100 * 60 + number % 100;
    Offset::from_seconds(sign * minutes * 60).map_err(|_| no_zone())
}

/// `+hhmm` or `-hhmm`.
fn zone_text(offset: Offset) -> String {
    let minutes = offset.seconds() / 60;
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{sign}{:02}{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

/// A part of a date, by its name (RFC 5260 §4.2).
struct DatePart(Text);

impl DatePart {
    fn of(args: &Args<'_>, index: usize, checker: &Checker<'_>) -> Result<Self, Fault> {
        let name = args.text(index, checker)?;
        check_constant(&name, |name| part_of(name, DateTime::default(), Offset::UTC).map(drop))?;
        Ok(Self(name))
    }
}

/// That part of a date as a text.
fn part_of(name: &str, date: DateTime, offset: Offset) -> Result<String, String> {
    let zone = zone_text(offset);
    let day = || format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day());
    let time = || format!("{:02}:{:02}:{:02}", date.hour(), date.minute(), date.second());
    Ok(match name.to_ascii_lowercase().as_str() {
        "year" => format!("{:04}", date.year()),
        "month" => format!("{:02}", date.month()),
        "day" => format!("{:02}", date.day()),
        "date" => day(),
        "julian" => {
            // Days since 17 November 1858.
            let start = civil::Date::constant(1858, 11, 17);
            (date.date().duration_since(start).as_hours() / 24).to_string()
        }
        "hour" => format!("{:02}", date.hour()),
        "minute" => format!("{:02}", date.minute()),
        "second" => format!("{:02}", date.second()),
        "time" => time(),
        "iso8601" => {
            let zone = match zone.split_at_checked(3) {
                Some((hours, minutes)) if zone != "+0000" => format!("{hours}:{minutes}"),
                Some(_) | None => "Z".to_owned(),
            };
            format!("{}T{}{zone}", day(), time())
        }
        "std11" => format!("{} {zone}", date.strftime("%a, %d %b %Y %H:%M:%S")),
        "zone" => zone,
        "weekday" => date.weekday().to_sunday_zero_offset().to_string(),
        _ => {
            return Err(format!("a date has no \"{}\"", name.escape_debug()));
        }
    })
}

/// A date and time of a field, with the zone it was given in.
fn parse_date(raw_value: &[u8]) -> Option<(Timestamp, Offset)> {
    let value = std::str::from_utf8(raw_value).ok()?;
    let parser = rfc2822::DateTimeParser::new().relaxed_weekday(true);
    // RFC 5260 §4: all of the field, or what follows a semicolon; the last one, if there are several.
    let last = value.rsplit(';').next().unwrap_or(value);
    let date =
        parser.parse_zoned(last.trim()).or_else(|_| parser.parse_zoned(value.trim())).ok()?;
    Some((date.timestamp(), date.offset()))
}

struct Date {
    field: Fields,
    zone: Zone,
    part: DatePart,
    matcher: Matcher,
}

impl Condition for Date {
    fn holds(&self, run: &mut Run<'_>) -> Result<bool, Failure> {
        let mut values = Vec::new();
        for (name, raw) in self.field.raw(run)? {
            match parse_date(&raw) {
                Some((at, original)) => {
                    values.push((name, seen(run, &self.zone, &self.part, at, original)?));
                }
                None => run.note(|| format!("{name} holds no date")),
            }
        }
        self.matcher.any(run, &values)
    }
}

struct CurrentDate {
    zone: Zone,
    part: DatePart,
    matcher: Matcher,
}

impl Condition for CurrentDate {
    fn holds(&self, run: &mut Run<'_>) -> Result<bool, Failure> {
        let (at, original) = (run.facts.now.timestamp(), run.facts.now.offset());
        let value = seen(run, &self.zone, &self.part, at, original)?;
        self.matcher.any(run, &[("now".to_owned(), value)])
    }
}

/// The part of a moment that is asked for, in the zone that is asked for.
fn seen(
    run: &mut Run<'_>,
    zone: &Zone,
    part: &DatePart,
    at: Timestamp,
    original: Offset,
) -> Result<Cow<'static, [u8]>, Failure> {
    let offset = match zone {
        Zone::Original => original,
        // RFC 5260 §4.1: MUST be the local one; with the daylight saving of that day.
        Zone::Local => Zoned::new(at, run.facts.now.time_zone().clone()).offset(),
        Zone::Fixed(zone) => parse_zone(&zone.characters(run)?).map_err(Failure::new)?,
    };
    let name = part.0.characters(run)?;
    let value = part_of(&name, offset.to_datetime(at), offset).map_err(Failure::new)?;
    Ok(Cow::Owned(value.into_bytes()))
}
