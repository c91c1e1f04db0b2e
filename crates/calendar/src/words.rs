//! An invitation in lines of a page. Each line begins with words of ours; what stands behind them is others' text.

use jiff::tz::TimeZone;

use crate::limits::NAMED_MAX;
use crate::when::{self, When};
use crate::{Event, Invitation, Method, Person, Presence, bounded};

impl Invitation {
    /// The lines, for somebody in a zone, whose address is `us`. Who wrote the letter stands in its From: RFC 6047 §3 wants
    /// that compared with the calendar.
    pub fn words(&self, zone: &TimeZone, us: &str, authors: &[&str]) -> Vec<String> {
        let mut lines = Vec::new();
        for (place, event) in self.events.iter().enumerate() {
            if place > 0 {
                lines.push(String::new());
            }
            event.tell(self.method, zone, us, &mut lines);
            if event.speaks(self.method).is_some_and(|person| !person.is_among(authors)) {
                let from = match authors {
                    [] => "nobody".to_owned(),
                    authors => bounded(&authors.join(", ")),
                };
                lines.push(format!("Beware   the letter itself is from {from}"));
            }
        }
        if self.more_events > 0 {
            lines.push(String::new());
            lines.push(format!("and {} more events, in the file", self.more_events));
        }
        lines
    }
}

impl Event {
    fn tell(&self, method: Method, zone: &TimeZone, us: &str, lines: &mut Vec<String>) {
        let summary = if self.summary.is_empty() { "(no title)" } else { &self.summary };
        lines.push(format!("{}: {summary}", self.title(method)));
        let mut add = |label: &str, text: &str| {
            if !text.is_empty() {
                lines.push(format!("{label:8} {text}"));
            }
        };
        if let Some(start) = &self.start {
            let span = when::span(start, self.end.as_ref(), zone);
            let label = if method == Method::Counter { "Proposed" } else { "When" };
            for (place, line) in span.iter().enumerate() {
                add(if place == 0 { label } else { "" }, line);
            }
        }
        add("Again", self.again.as_deref().unwrap_or_default());
        if let Some(of_series) = &self.of_series {
            let span = when::span(of_series, None, zone);
            let first = span.first().map(String::as_str).unwrap_or_default();
            add("Only", &format!("that one of the series which was to be {first}"));
        }
        add("Where", &self.location);
        add("By", &self.organizer.as_ref().map(Person::shown).unwrap_or_default());
        add("Asked", &self.asked());
        if let Some(own) = self.attendees.iter().find(|person| person.is(us)) {
            add("You", own.presence.words());
        }
        if self.sequence > 0 && matches!(method, Method::Request | Method::Publish) {
            let words = "this stands in place of what you got before (change";
            add("Changed", &format!("{words} {})", self.sequence));
        }
        add("Says", &self.comment);
    }

    /// Who a calendar says that it is from (RFC 5546 §1.4, §6.1): who asks, or who answers.
    fn speaks(&self, method: Method) -> Option<&Person> {
        match method {
            Method::Reply | Method::Refresh | Method::Counter => self.attendees.first(),
            Method::Publish
            | Method::Request
            | Method::Add
            | Method::Cancel
            | Method::DeclineCounter => self.organizer.as_ref(),
        }
    }

    fn title(&self, method: Method) -> String {
        let who = || self.attendees.first().map_or_else(|| "somebody".to_owned(), Person::called);
        let presence = self.attendees.first().map_or(Presence::Open, |person| person.presence);
        match method {
            _ if self.is_off => "Called off".to_owned(),
            Method::Cancel => "Called off".to_owned(),
            Method::Request if self.sequence > 0 => "Invitation, changed".to_owned(),
            Method::Request => "Invitation".to_owned(),
            Method::Add => "One more of a series".to_owned(),
            Method::Publish => "Event".to_owned(),
            Method::Reply => format!("Answer of {}, who {}", who(), presence.verb()),
            Method::Refresh => format!("{} asks to hear of it again", who()),
            Method::Counter => format!("{} would have it otherwise", who()),
            Method::DeclineCounter => "It stays as it was".to_owned(),
        }
    }

    /// `3: Bob <b@x.example> (comes), …`
    fn asked(&self) -> String {
        let count = self.attendees.len() + self.more_attendees;
        if count == 0 {
            return String::new();
        }
        let named = self.attendees.iter().take(NAMED_MAX);
        let named: Vec<String> = named
            .map(|person| format!("{} ({})", person.shown(), person.presence.words()))
            .collect();
        let more = match count - named.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("{count}: {}{more}", named.join(", "))
    }

    /// When it begins, for a subject and a question.
    pub fn begins(&self, zone: &TimeZone) -> String {
        match &self.start {
            Some(When::Day(date)) => when::day(*date),
            Some(start) => when::span(start, None, zone).into_iter().next().unwrap_or_default(),
            None => String::new(),
        }
    }
}

impl Person {
    /// The address always stands beside the name: a name can be somebody else's address (row U03).
    pub fn shown(&self) -> String {
        match (&self.name, &self.address) {
            (Some(name), Some(address)) => format!("{name} <{address}>"),
            (Some(name), None) => format!("{name} (no address of mail)"),
            (None, Some(address)) => address.clone(),
            (None, None) => "somebody without an address of mail".to_owned(),
        }
    }

    /// Whether they, or who writes for them, are among the authors of a letter.
    fn is_among(&self, authors: &[&str]) -> bool {
        let own = [&self.address, &self.sent_by];
        let mut own = own.into_iter().flatten();
        own.any(|own| authors.iter().any(|author| author.eq_ignore_ascii_case(own)))
    }

    fn called(&self) -> String {
        self.shown()
    }
}

impl Presence {
    fn words(self) -> &'static str {
        match self {
            Self::Open => "no answer yet",
            Self::Accepted => "comes",
            Self::Declined => "doesn't come",
            Self::Tentative => "comes perhaps",
            Self::Delegated => "sends somebody else",
        }
    }

    fn verb(self) -> &'static str {
        match self {
            Self::Open => "says nothing yet",
            other => other.words(),
        }
    }
}
