//! The answer to an invitation (RFC 5546 §3.2.3): what of it is meant, who answers, and how.

use calcard::icalendar::{
    ICalendar, ICalendarComponent, ICalendarComponentType, ICalendarEntry, ICalendarMethod,
    ICalendarParameter, ICalendarParameterName, ICalendarParameterValue,
    ICalendarParticipationStatus, ICalendarProperty, ICalendarValue, Uri,
};
use jiff::Timestamp;

use crate::limits::ZONES_MAX;
use crate::{Invitation, Method};

/// How somebody answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Comes.
    Accept,
    /// Doesn't.
    Decline,
    /// Perhaps.
    Tentative,
}

impl Answer {
    /// `Accepted`, as subjects begin.
    pub fn subject(self) -> &'static str {
        match self {
            Self::Accept => "Accepted",
            Self::Decline => "Declined",
            Self::Tentative => "Tentative",
        }
    }

    /// `comes`, as a letter says of somebody.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Accept => "comes",
            Self::Decline => "doesn't come",
            Self::Tentative => "comes perhaps",
        }
    }

    fn status(self) -> ICalendarParticipationStatus {
        match self {
            Self::Accept => ICalendarParticipationStatus::Accepted,
            Self::Decline => ICalendarParticipationStatus::Declined,
            Self::Tentative => ICalendarParticipationStatus::Tentative,
        }
    }
}

/// Why there is nothing to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// Nobody asks.
    #[error("it asks nobody: it is no invitation that wants an answer")]
    NotAsked,
    /// Nobody can be told.
    #[error("it names no organiser with an address of mail")]
    NoOrganizer,
    /// It can't be told apart from others.
    #[error("it has no UID, by which the organiser would know it")]
    NoUid,
}

/// Whom an answer goes to, and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The organiser's address, which stands behind `mailto:`.
    pub to: String,
    /// The organiser's name.
    pub name: Option<String>,
    /// The calendar's text.
    pub text: String,
}

impl Invitation {
    /// Whom an answer would go to.
    ///
    /// # Errors
    /// Where it wants none, or nobody could be told.
    pub fn organizer(&self) -> Result<(&str, Option<&str>), NoAnswer> {
        if self.method != Method::Request {
            return Err(NoAnswer::NotAsked);
        }
        let event = self.events.first().ok_or(NoAnswer::NotAsked)?;
        let organizer = event.organizer.as_ref().ok_or(NoAnswer::NoOrganizer)?;
        let address = organizer.address.as_deref().ok_or(NoAnswer::NoOrganizer)?;
        if event.uid.is_empty() {
            Err(NoAnswer::NoUid)
        } else {
            Ok((address, organizer.name.as_deref()))
        }
    }

    /// The answer of `us`, for the first event, which is the series where there are several.
    ///
    /// # Errors
    /// As [`Self::organizer`].
    pub fn answer(
        &self,
        us: &str,
        name: Option<&str>,
        how: Answer,
        now: Timestamp,
    ) -> Result<Reply, NoAnswer> {
        let (to, organizer) = self.organizer()?;
        let is_event =
            |it: &&ICalendarComponent| it.component_type == ICalendarComponentType::VEvent;
        let event = self.calendar.components.iter().find(is_event).ok_or(NoAnswer::NotAsked)?;
        // What tells which one is meant, as it was written.
        let kept = [
            ICalendarProperty::Uid,
            ICalendarProperty::Sequence,
            ICalendarProperty::RecurrenceId,
            ICalendarProperty::Organizer,
            ICalendarProperty::Dtstart,
            ICalendarProperty::Dtend,
            ICalendarProperty::Duration,
            ICalendarProperty::Summary,
        ];
        let mut entries: Vec<ICalendarEntry> = Vec::new();
        for property in &kept {
            // Each once (RFC 5546 §3.2.3), whatever came.
            entries.extend(event.property(property).cloned());
        }
        entries.push(entry(ICalendarProperty::Dtstamp, text(&stamp(now))));
        entries.push(attendee(us, name, how));
        let zones =
            self.calendar.components.iter().enumerate().filter(|(_, component)| {
                component.component_type == ICalendarComponentType::VTimezone
            });
        let mut answer = ICalendar { components: vec![head()] };
        for (_, zone) in zones.take(ZONES_MAX) {
            add(&mut answer, &self.calendar, zone);
        }
        let event = ICalendarComponent {
            component_type: ICalendarComponentType::VEvent,
            entries,
            component_ids: Vec::new(),
        };
        place(&mut answer, event);
        Ok(Reply {
            to: to.to_owned(),
            name: organizer.map(str::to_owned),
            text: answer.to_string(),
        })
    }
}

fn head() -> ICalendarComponent {
    ICalendarComponent {
        component_type: ICalendarComponentType::VCalendar,
        entries: vec![
            entry(ICalendarProperty::Version, text("2.0")),
            entry(ICalendarProperty::Prodid, text("-//Postroad//postroad-mua//EN")),
            entry(ICalendarProperty::Method, ICalendarValue::Method(ICalendarMethod::Reply)),
        ],
        component_ids: Vec::new(),
    }
}

/// Puts a component below the head; gives its number.
fn place(answer: &mut ICalendar, component: ICalendarComponent) {
    let Ok(id) = u32::try_from(answer.components.len()) else { return };
    answer.components.push(component);
    if let Some(head) = answer.components.first_mut() {
        head.component_ids.push(id);
    }
}

/// Puts a zone with its rules below the head.
fn add(answer: &mut ICalendar, from: &ICalendar, zone: &ICalendarComponent) {
    let rules = zone.component_ids.iter().take(ZONES_MAX);
    let rules: Vec<ICalendarComponent> = rules
        .filter_map(|id| from.component_by_id(*id))
        .map(|rule| ICalendarComponent { component_ids: Vec::new(), ..rule.clone() })
        .collect();
    let first = answer.components.len() + 1;
    let ids = (first..first + rules.len()).filter_map(|id| u32::try_from(id).ok()).collect();
    place(answer, ICalendarComponent { component_ids: ids, ..zone.clone() });
    answer.components.extend(rules);
}

fn attendee(us: &str, name: Option<&str>, how: Answer) -> ICalendarEntry {
    let parameter = |name, value| ICalendarParameter { name, value };
    let status = ICalendarParameterValue::Partstat(how.status());
    let mut params = vec![parameter(ICalendarParameterName::Partstat, status)];
    if let Some(name) = name {
        // RFC 5545 §3.2: what it can't hold, no quoting makes it hold.
        let name: String = name.chars().filter(|c| !c.is_control() && *c != '"').collect();
        params.push(parameter(ICalendarParameterName::Cn, ICalendarParameterValue::Text(name)));
    }
    let uri = ICalendarValue::Uri(Uri::Location(format!("mailto:{us}")));
    ICalendarEntry { name: ICalendarProperty::Attendee, params, values: vec![uri] }
}

fn entry(name: ICalendarProperty, value: ICalendarValue) -> ICalendarEntry {
    ICalendarEntry { name, params: Vec::new(), values: vec![value] }
}

fn text(text: &str) -> ICalendarValue {
    ICalendarValue::Text(text.to_owned())
}

/// RFC 5545 §3.3.5, form 2.
fn stamp(now: Timestamp) -> String {
    now.strftime("%Y%m%dT%H%M%SZ").to_string()
}
