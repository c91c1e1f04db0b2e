//! The catalog's words as the screen's.

use postroad_catalog as catalog;
use postroad_catalog::{Folder, Person, RawRow};
use postroad_store::LetterFlags;
use postroad_tui::data::{By, Cue, Head, Marks, Order, Role, Row};

use crate::full::limits::{KEYWORD_COLUMNS_MAX, KEYWORDS_SHOWN_MAX, ROW_COLUMNS_MAX};
use crate::safe_text::SafeText;

/// What folders are for: RFC 6154's words, and what one is called that is made.
pub(super) const ROLES: [(Role, &str, &str); 5] = [
    (Role::Trash, "\\Trash", "Trash"),
    (Role::Archive, "\\Archive", "Archive"),
    (Role::Sent, "\\Sent", "Sent"),
    (Role::Drafts, "\\Drafts", "Drafts"),
    (Role::Junk, "\\Junk", "Junk"),
];

const MARKS: [(catalog::Marks, Marks); 7] = [
    (catalog::Marks::SEEN, Marks::SEEN),
    (catalog::Marks::ANSWERED, Marks::ANSWERED),
    (catalog::Marks::FLAGGED, Marks::FLAGGED),
    (catalog::Marks::DELETED, Marks::DELETED),
    (catalog::Marks::DRAFT, Marks::DRAFT),
    (catalog::Marks::FORWARDED, Marks::FORWARDED),
    (catalog::Marks::NEW, Marks::RECENT),
];

const FLAGS: [(Marks, LetterFlags); 6] = [
    (Marks::SEEN, LetterFlags::SEEN),
    (Marks::ANSWERED, LetterFlags::ANSWERED),
    (Marks::FLAGGED, LetterFlags::FLAGGED),
    (Marks::DELETED, LetterFlags::DELETED),
    (Marks::DRAFT, LetterFlags::DRAFT),
    (Marks::FORWARDED, LetterFlags::FORWARDED),
];

pub(super) fn head(head: &catalog::Head) -> Head {
    let there = MARKS.iter().filter(|(theirs, _)| head.marks.contains(*theirs));
    let repeats = if head.repeats { Marks::REPEATS } else { Marks::NONE };
    let flags = there.fold(repeats, |marks, (_, ours)| marks.with(*ours));
    Head { uid: head.uid, sent: head.sent, flags, depth: head.depth }
}

/// The last on top; threads stay what they are.
pub(super) fn upside_down(heads: &[Head]) -> Vec<Head> {
    let threads: Vec<&[Head]> = heads.chunk_by(|_, below| below.depth > 0).collect();
    threads.into_iter().rev().flatten().copied().collect()
}

pub(crate) fn marks(marks: Marks) -> catalog::Marks {
    let there = MARKS.iter().filter(|(_, ours)| marks.has(*ours));
    there.fold(catalog::Marks::default(), |marks, (theirs, _)| marks.and(*theirs))
}

pub(super) fn order(order: Order) -> catalog::Order {
    match order.by {
        By::Sent => catalog::Order::Sent,
        By::Arrived => catalog::Order::Arrived,
        By::From => catalog::Order::From,
        By::Subject => catalog::Order::Subject,
        By::To => catalog::Order::To,
        By::Octets => catalog::Order::Octets,
        By::Number => catalog::Order::Number,
        By::Threads => catalog::Order::Threads,
    }
}

pub(super) fn flags(marks: Marks) -> LetterFlags {
    let there = FLAGS.iter().filter(|(ours, _)| marks.has(*ours));
    there.fold(LetterFlags::default(), |flags, (_, theirs)| flags.and(*theirs))
}

/// What a list shows of a letter, to whom `me` belongs.
pub(super) fn row(raw: &RawRow, me: &str) -> Row {
    let is_me = |person: &Option<Person>| {
        person.as_ref().is_some_and(|person| person.address.eq_ignore_ascii_case(me))
    };
    let is_own = is_me(&raw.from);
    let from = match (is_own, &raw.to) {
        (true, Some(to)) => crate::safe_line!("To {}", name(to)),
        _ => SafeText::line(raw.from.as_ref().map_or("", name)),
    };
    Row {
        from: from.cut(ROW_COLUMNS_MAX),
        subject: SafeText::line(&raw.subject).cut(ROW_COLUMNS_MAX),
        octets: raw.octets,
        cue: if is_own { Cue::Own } else { Cue::None },
        keywords: Vec::new(),
    }
}

/// The same, with the keywords that the folder knows of it.
pub(super) fn row_in(folder: &Folder, uid: u32, raw: &RawRow, me: &str) -> Row {
    let keywords = folder.keywords(uid).into_iter().take(KEYWORDS_SHOWN_MAX);
    let keywords = keywords.map(|name| SafeText::line(&name).cut(KEYWORD_COLUMNS_MAX)).collect();
    Row { keywords, ..row(raw, me) }
}

fn name(person: &Person) -> &str {
    person.name.as_deref().filter(|name| !name.trim().is_empty()).unwrap_or(&person.address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_say_who_wrote_and_nothing_that_a_terminal_obeys() {
        let person = |name: Option<&str>, address: &str| {
            Some(Person { name: name.map(str::to_owned), address: address.into() })
        };
        let raw = RawRow {
            from: person(Some("\x1b[2JEve"), "eve@x.example"),
            to: person(None, "me@x.example"),
            subject: "a\r\nb".into(),
            ..RawRow::default()
        };
        let shown = row(&raw, "Me@x.example");
        assert_eq!(shown.from.as_str(), "\\x1b[2JEve");
        assert_eq!(shown.subject.as_str(), "a\\x0d\\x0ab");
        let own =
            RawRow { from: person(None, "me@x.example"), to: person(Some(" "), "you@x"), ..raw };
        let shown = row(&own, "me@x.example");
        assert_eq!((shown.from.as_str(), shown.cue), ("To you@x", Cue::Own));
    }

    #[test]
    fn marks_go_there_and_back() {
        for (marks, _) in FLAGS {
            assert_ne!(flags(marks), LetterFlags::default(), "{marks:?}");
        }
        assert_eq!(flags(Marks::RECENT), LetterFlags::default());
    }
}
