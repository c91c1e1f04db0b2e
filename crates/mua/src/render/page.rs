//! One message on the screen: a few header fields, the text, the list of what can be saved.

use std::fmt::Write as _;

use jiff::tz::TimeZone;

use super::{Person, View};
use crate::limits;
use crate::safe_text::SafeText;

/// The page, in lines; dates in the zone of whoever reads it.
pub fn page(view: &View, zone: &TimeZone) -> SafeText {
    let mut lines = String::new();
    for (name, value) in head(view, zone) {
        // Writing into a String can't fail.
        let _ = writeln!(lines, "{name}: {}", SafeText::line(&value).cut(limits::FIELD_OCTETS_MAX));
    }
    for (index, part) in view.attachments.iter().enumerate() {
        let name = SafeText::line(part.name.as_deref().unwrap_or("(no name)")).cut(80);
        let kind = SafeText::line(&part.media_type).cut(60);
        let _ = writeln!(lines, "[{}] {name} ({kind}, {})", index + 1, size(part.content.len()));
    }
    let _ = write!(lines, "\n{}", SafeText::block(view.text().trim_end()));
    SafeText::block(&lines)
}

/// The fields that are shown, in order, those that are empty left out.
fn head(view: &View, zone: &TimeZone) -> Vec<(&'static str, String)> {
    let summary = &view.summary;
    let date = summary.date.map(|date| date.to_zoned(zone.clone()));
    let mut fields = vec![
        ("From", people(&summary.from)),
        ("To", people(&summary.to)),
        ("Cc", people(&summary.cc)),
        (
            "Date",
            date.map(|date| date.strftime("%a, %d %b %Y %H:%M:%S %z").to_string())
                .unwrap_or_default(),
        ),
        ("Subject", summary.subject.clone()),
    ];
    // Shown where it says something else than From: an answer would go there.
    if summary.reply_to != summary.from {
        fields.insert(1, ("Reply-To", people(&summary.reply_to)));
    }
    fields.retain(|(_, value)| !value.is_empty());
    fields
}

/// `Alice <a@b.example>, c@d.example`
pub(crate) fn people(people: &[Person]) -> String {
    people.iter().map(person).collect::<Vec<_>>().join(", ")
}

/// The address always stands beside the name: a name can be somebody else's address (row U03).
pub(crate) fn person(person: &Person) -> String {
    match (&person.name, &person.address) {
        (Some(name), Some(address)) => format!("{name} <{address}>"),
        (Some(text), None) | (None, Some(text)) => text.clone(),
        (None, None) => String::new(),
    }
}

/// `812`, `4.1K`, `1.2M`
pub(crate) fn size(octets: usize) -> String {
    match octets {
        0..1_000 => format!("{octets}"),
        1_000..1_000_000 => format!("{}.{}K", octets / 1_000, octets % 1_000 / 100),
        _ => format!("{}.{}M", octets / 1_000_000, octets % 1_000_000 / 100_000),
    }
}
