//! Invitations in letters (RFC 5545, RFC 5546, RFC 6047): what somebody is asked to, in words, and the answer to it. Sans-IO:
//! text and a time zone in, lines and text out.
//!
//! ```text
//! text/calendar ──► Invitation::read ──► words(zone), lines of a page
//!                                   └──► answer(who, how, now), a text/calendar of METHOD:REPLY
//! ```
//! | looking for | it is in |
//! |---|---|
//! | what is read, and how much of it | here |
//! | a time, and the zone that it was written in | [`when`] |
//! | how often it comes again, in words | [`again`] |
//! | the lines of a page | [`words`] |
//! | the answer | [`answer`] |
//! | limits | [`limits`] |
//!
//! The grammar is `calcard`'s. Recurrences are told in words and never counted out: there is no end to some. All texts are
//! others': whoever shows them makes them safe first. Deliberately missing: zones that a calendar defines by itself
//! (`VTIMEZONE`); their names are known to nearly all, and else the time is told as it was written.

#![forbid(unsafe_code)]

use calcard::icalendar::{
    ICalendar, ICalendarComponent, ICalendarComponentType, ICalendarEntry, ICalendarParameterName,
    ICalendarParameterValue, ICalendarParticipationStatus, ICalendarProperty, ICalendarStatus,
};

pub mod again;
pub mod answer;
pub mod fuzz;
pub mod limits;
pub mod when;
pub mod words;

#[cfg(test)]
mod tests;

use when::When;

/// What a calendar's text is for (RFC 5546 §1.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// To be known; nobody is asked.
    Publish,
    /// To come, or to come otherwise than was said before.
    Request,
    /// Somebody answers.
    Reply,
    /// There is one more of it.
    Add,
    /// It is called off.
    Cancel,
    /// Somebody wants to hear of it again.
    Refresh,
    /// Somebody would have it otherwise.
    Counter,
    /// Who would have had it otherwise is told no.
    DeclineCounter,
}

/// How somebody answers (RFC 5545 §3.2.12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Nothing was said.
    Open,
    /// Comes.
    Accepted,
    /// Doesn't.
    Declined,
    /// Perhaps.
    Tentative,
    /// Somebody else does.
    Delegated,
}

/// Somebody who asks, or is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// As a calendar calls them.
    pub name: Option<String>,
    /// What letters reach them by: what stands behind `mailto:`, and nothing else.
    pub address: Option<String>,
    /// Who writes for them (RFC 5545 §3.2.18).
    pub sent_by: Option<String>,
    /// What they have answered.
    pub presence: Presence,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What it is known by.
    pub uid: String,
    /// How often it was changed.
    pub sequence: i64,
    /// What it is.
    pub summary: String,
    /// Where.
    pub location: String,
    /// When it begins.
    pub start: Option<When>,
    /// When it ends.
    pub end: Option<When>,
    /// How often it comes again, in words.
    pub again: Option<String>,
    /// Which one of a series is meant.
    pub of_series: Option<When>,
    /// Who asks.
    pub organizer: Option<Person>,
    /// Who is asked.
    pub attendees: Vec<Person>,
    /// How many more of them there are.
    pub more_attendees: usize,
    /// What somebody has said to it.
    pub comment: String,
    /// Whether it is off.
    pub is_off: bool,
}

/// What a calendar in a letter says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// What it is for.
    pub method: Method,
    /// The events.
    pub events: Vec<Event>,
    /// How many more there are.
    pub more_events: usize,
    calendar: ICalendar,
}

impl Invitation {
    /// Reads a calendar; `None` where that is none, or has nothing that happens.
    pub fn read(text: &str) -> Option<Self> {
        let is_small = text.len() <= limits::CALENDAR_OCTETS_MAX
            && text.lines().count() <= limits::CALENDAR_LINES_MAX;
        if !is_small {
            return None;
        }
        let calendar = ICalendar::parse(text).ok()?;
        let head = calendar.components.first()?;
        let method = head.property(&ICalendarProperty::Method).and_then(first_text);
        let method = Method::parse(method.unwrap_or("PUBLISH"));
        let is_event =
            |it: &&ICalendarComponent| it.component_type == ICalendarComponentType::VEvent;
        let found = calendar.components.iter().filter(is_event);
        let count = found.clone().count();
        let events: Vec<Event> = found.take(limits::EVENTS_MAX).map(Event::of).collect();
        let more_events = count - events.len();
        (!events.is_empty()).then_some(Self { method, events, more_events, calendar })
    }
}

impl Method {
    fn parse(text: &str) -> Self {
        match text.to_ascii_uppercase().as_str() {
            "REQUEST" => Self::Request,
            "REPLY" => Self::Reply,
            "ADD" => Self::Add,
            "CANCEL" => Self::Cancel,
            "REFRESH" => Self::Refresh,
            "COUNTER" => Self::Counter,
            "DECLINECOUNTER" => Self::DeclineCounter,
            _ => Self::Publish,
        }
    }
}

impl Event {
    fn of(component: &ICalendarComponent) -> Self {
        let text = |property| {
            let found = component.property(&property).and_then(first_text);
            bounded(found.unwrap_or_default())
        };
        let when = |property| component.property(&property).and_then(When::of);
        let start = when(ICalendarProperty::Dtstart);
        let end = when(ICalendarProperty::Dtend)
            .or_else(|| start.as_ref()?.after(component.property(&ICalendarProperty::Duration)?));
        let all = component.properties(&ICalendarProperty::Attendee);
        let (mut attendees, mut more_attendees) = (Vec::new(), 0);
        for entry in all {
            match attendees.len() < limits::ATTENDEES_MAX {
                true => attendees.push(Person::of(entry)),
                false => more_attendees += 1,
            }
        }
        Self {
            uid: component.uid().unwrap_or_default().to_owned(),
            sequence: component
                .property(&ICalendarProperty::Sequence)
                .and_then(|entry| entry.values.first()?.as_integer())
                .unwrap_or(0),
            summary: text(ICalendarProperty::Summary),
            location: text(ICalendarProperty::Location),
            again: again::words(component, start.as_ref()),
            start,
            end,
            of_series: when(ICalendarProperty::RecurrenceId),
            organizer: component.property(&ICalendarProperty::Organizer).map(Person::of),
            attendees,
            more_attendees,
            comment: text(ICalendarProperty::Comment),
            is_off: component.status() == Some(&ICalendarStatus::Cancelled),
        }
    }
}

impl Person {
    fn of(entry: &ICalendarEntry) -> Self {
        let parameter = |name| entry.parameter(&name);
        let sent_by = parameter(ICalendarParameterName::SentBy);
        let name = parameter(ICalendarParameterName::Cn).and_then(ICalendarParameterValue::as_text);
        let presence = match parameter(ICalendarParameterName::Partstat) {
            Some(ICalendarParameterValue::Partstat(status)) => Presence::of(status),
            _ => Presence::Open,
        };
        Self {
            name: name.map(bounded).filter(|name| !name.is_empty()),
            address: first_text(entry).and_then(address),
            sent_by: sent_by.and_then(ICalendarParameterValue::as_text).and_then(address),
            presence,
        }
    }

    /// Whether that is their address, as far as it is compared (RFC 5545 §3.3.3).
    pub fn is(&self, address: &str) -> bool {
        self.address.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(address))
    }
}

impl Presence {
    fn of(status: &ICalendarParticipationStatus) -> Self {
        match status {
            ICalendarParticipationStatus::Accepted => Self::Accepted,
            ICalendarParticipationStatus::Declined => Self::Declined,
            ICalendarParticipationStatus::Tentative => Self::Tentative,
            ICalendarParticipationStatus::Delegated => Self::Delegated,
            _ => Self::Open,
        }
    }
}

/// What stands behind `mailto:`. A query (RFC 6068) would be fields of the letter that answers.
fn address(uri: &str) -> Option<String> {
    uri.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("mailto:"))?;
    let address = uri.get(7..).map(str::trim).filter(|it| !it.is_empty());
    address.filter(|it| !it.contains(['?', '%'])).map(bounded)
}

fn first_text(entry: &ICalendarEntry) -> Option<&str> {
    entry.values.first()?.as_text()
}

/// A text as part of a line: what would end one is a blank.
fn bounded(text: &str) -> String {
    let blank = |c: char| if c.is_control() { ' ' } else { c };
    text.trim().chars().take(limits::TEXT_CHARS_MAX).map(blank).collect()
}
