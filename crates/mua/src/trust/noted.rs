//! What this host's own agents have noted of a letter (`postroad trace`), beside what its header claims.

use std::path::Path;

use postroad_observe::inert;
use postroad_observe::trace::words::{span, words};
use postroad_observe::trace::{Record, merge};

use super::Report;
use crate::limits;

/// Their records, in order of time; none where nothing is known, or it isn't for the user to read.
pub fn records(folder: Option<&Path>, message_id: Option<&str>) -> Vec<Record> {
    let (Some(folder), Some(id)) = (folder, message_id) else { return Vec::new() };
    let mut records = merge(folder, id).unwrap_or_default();
    records.truncate(limits::NOTED_RECORDS_MAX);
    records
}

/// One record, and how long after the first one it was made.
pub fn line(first: &Record, record: &Record) -> String {
    let safe = |text: &str, most: usize| {
        let text = inert::escape(text);
        match text.char_indices().nth(most) {
            Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
            None => text.into_owned(),
        }
    };
    let since = span(record.at.saturating_sub(first.at));
    let agent = safe(&record.agent, 4);
    format!("{since:>10} {agent:4} {}", words(&record.event, &safe, &|_, text| text))
}

impl Report {
    /// The same, with what the agents of this host have noted.
    #[must_use]
    pub fn noted(mut self, records: &[Record]) -> Self {
        if let Some(first) = records.first() {
            self.noted = std::iter::once("What the agents of this host have noted".to_owned())
                .chain(records.iter().map(|record| line(first, record)))
                .collect();
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use postroad_observe::trace::{Event, Journal};

    use super::*;

    #[test]
    fn records_of_this_letter_and_of_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path(), "mta", 1024 * 1024).unwrap();
        let refused = |reply: &str| Event::Refused { reply: reply.into() };
        journal.record(Some("q1"), Some("1@x.example"), refused("550 no\r\n\u{1b}[2J"));
        journal.record(None, Some("2@x.example"), refused("another"));
        journal.flush();
        let found = records(Some(folder.path()), Some("1@x.example"));
        let report = Report::default().noted(&found);
        let [title, line] = &report.noted[..] else { panic!("{:?}", report.noted) };
        assert!(title.starts_with("What the agents"), "{title}");
        assert!(line.contains("0 µs mta  refused: 550 no"), "{line}");
        assert!(!line.chars().any(char::is_control), "{line:?}");
        assert!(report.explained().ends_with(&report.noted));
        assert!(records(Some(folder.path()), None).is_empty());
        assert!(records(Some(&folder.path().join("none")), Some("1@x.example")).is_empty());
    }
}
