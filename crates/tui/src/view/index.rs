//! The letters of a folder.
//!
//! ```text
//!    1 N    14:02 Alice Example   (4.1K) Quarter plan
//! ```
//! A number, marks as mutt has them (`D` struck, `N` new, `O` old, `r` answered; `*` tagged, `!` important, `+` to me
//! alone), when it was written, who wrote it, its length, what it is about. Where the screen is narrow the
//! length goes first, then the number, the date, the sender. Keywords stand before what it is about: `#work Quarter plan`.

use jiff::Timestamp;
use postroad_safetext::{SafeText, safe_line};

use super::{Status, Where};
use crate::canvas::{Canvas, Style};
use crate::data::{Cue, Head, Marks, Row};
use crate::effect::Ask;
use crate::layout::Area;
use crate::limits::{TREE_DEPTH_MAX, TREE_LETTERS_MAX};
use crate::model::{IndexState, Model, Now};

pub(super) fn draw(model: &Model, canvas: &mut Canvas<'_>, area: Area) -> Status {
    let Some(index) = &model.index else {
        canvas.text(
            area.at,
            area.columns,
            &"No folder is open.  c: choose one".into(),
            Style::Faint,
        );
        return Status { left: "Postroad".into(), right: "all".into() };
    };
    let heads = index.heads();
    if heads.is_empty() {
        let words = if index.listing.is_some() { "No letters." } else { "Opening the folder..." };
        canvas.text(area.at, area.columns, &words.into(), Style::Faint);
    }
    let widths = Widths::of(area.columns, heads.len());
    super::list(index.list, heads.len(), canvas, area, |canvas, at, place, row| {
        let Some(head) = heads.get(place) else { return };
        let style = style(index, *head, row);
        let text = line(index, *head, place + 1, widths, &model.now);
        super::row(canvas, at, area.columns, &text, style);
    });
    Status {
        left: status(model, index),
        right: super::seen(index.list, heads.len(), area.height()),
    }
}

fn style(index: &IndexState, head: Head, row: Where) -> Style {
    match (row, index.struck.contains(&head.uid)) {
        (Where::Selected, true) => Style::SelectedStruck,
        (Where::Selected, false) => Style::Selected,
        (Where::Elsewhere, true) => Style::Struck,
        (Where::Elsewhere, false) if !index.marks(head).has(Marks::SEEN) => Style::Unread,
        (Where::Elsewhere, false) => Style::Plain,
    }
}

/// Columns of each part of a row; 0 where there is no room for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Widths {
    number: usize,
    marks: usize,
    date: usize,
    from: usize,
    octets: usize,
}

impl Widths {
    fn of(columns: u16, letters: usize) -> Self {
        let columns = usize::from(columns);
        let if_from = |least: usize, wide: usize| if columns >= least { wide } else { 0 };
        let from = match columns {
            0..20 => 0,
            20..44 => columns / 3,
            44..80 => 15,
            _ => (15 + (columns - 80) / 3).min(30),
        };
        let digits = letters.checked_ilog10().map_or(1, |log| log as usize + 1);
        Self {
            number: if_from(52, digits.max(4)),
            marks: if_from(12, 3),
            date: if_from(32, 6),
            from,
            octets: if_from(60, 5),
        }
    }
}

fn line(index: &IndexState, head: Head, number: usize, widths: Widths, now: &Now) -> SafeText {
    let unknown = Row { subject: "...".into(), ..Row::default() };
    let row = index.rows.get(&head.uid).unwrap_or(&unknown);
    let mut line = String::new();
    let mut add = |text: String| {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&text);
    };
    if widths.number > 0 {
        add(format!("{number:width$}", width = widths.number));
    }
    if widths.marks > 0 {
        add(marks(index, head, row.cue));
    }
    if widths.date > 0 {
        add(date(head.sent, now));
    }
    if widths.from > 0 {
        add(row.from.clone().padded(widths.from).as_str().to_owned());
    }
    if widths.octets > 0 {
        add(format!("({:>width$})", super::octets(row.octets), width = widths.octets));
    }
    let tree = tree(index.heads().get(number.saturating_sub(1)..).unwrap_or_default());
    let subject = if head.flags.has(Marks::REPEATS) { "" } else { row.subject.as_str() };
    let hidden = index.hidden.get(&head.uid);
    // All letters of the thread, the one that is shown counted.
    let count = hidden.map(|hidden| format!("[{}] ", hidden + 1)).unwrap_or_default();
    add(format!("{tree}{count}{}{subject}", row.tags()));
    SafeText::line(&line)
}

/// Where the first of these letters stands in its thread: `│ └─>`.
fn tree(heads: &[Head]) -> String {
    let depth = |head: &Head| usize::from(head.depth).min(TREE_DEPTH_MAX);
    let own = heads.first().map_or(0, depth);
    if own == 0 {
        return String::new();
    }
    // Where lines go on to letters below.
    let mut goes_on = [false; TREE_DEPTH_MAX + 1];
    let mut open = own;
    for head in heads.iter().skip(1).take(TREE_LETTERS_MAX) {
        let depth = depth(head);
        if depth <= open {
            if let Some(line) = goes_on.get_mut(depth) {
                *line = true;
            }
            open = depth.saturating_sub(1);
        }
        if open == 0 {
            break;
        }
    }
    let line = |level: usize| goes_on.get(level) == Some(&true);
    let above: String = (1..own).map(|level| if line(level) { "│ " } else { "  " }).collect();
    above + if line(own) { "├─>" } else { "└─>" }
}

/// mutt's `%Z`: what happens to it, a blank, what it is to the user.
fn marks(index: &IndexState, head: Head, cue: Cue) -> String {
    let marks = index.marks(head);
    let state = if index.struck.contains(&head.uid) || marks.has(Marks::DELETED) {
        'D'
    } else if !marks.has(Marks::SEEN) {
        if marks.has(Marks::RECENT) { 'N' } else { 'O' }
    } else if marks.has(Marks::ANSWERED) {
        'r'
    } else {
        ' '
    };
    let to = if index.tagged.contains(&head.uid) {
        '*'
    } else if marks.has(Marks::FLAGGED) {
        '!'
    } else {
        match cue {
            Cue::None => ' ',
            Cue::OnlyMe => '+',
            Cue::Me => 'T',
            Cue::Copied => 'C',
            Cue::Own => 'F',
            Cue::List => 'L',
        }
    };
    format!("{state} {to}")
}

/// Six columns: the time if it was today, the day if it was within ten months, else the year.
pub(super) fn date(sent: u32, now: &Now) -> String {
    let Ok(sent) = Timestamp::from_second(i64::from(sent)) else {
        return " ".repeat(6);
    };
    let sent = sent.to_zoned(now.zone.clone());
    let today = now.wall.to_zoned(now.zone.clone());
    let days = today.duration_since(&sent).as_hours() / 24;
    let format = if sent.date() == today.date() {
        " %H:%M"
    } else if (0..300).contains(&days) {
        "%b %d"
    } else {
        "  %Y"
    };
    sent.strftime(format).to_string()
}

fn status(model: &Model, index: &IndexState) -> SafeText {
    let mut counts = match &index.limit {
        Some(_) => format!("Msgs:{}/{}", index.heads().len(), index.all().len()),
        None => format!("Msgs:{}", index.all().len()),
    };
    let seen = index.counts;
    for (name, count) in [
        ("New", seen.new),
        ("Old", seen.old),
        ("Del", index.struck.len()),
        ("Flag", seen.flagged),
        ("Tag", index.tagged.len()),
        ("Post", model.drafts.len()),
        ("Out", model.outbox.len()),
    ] {
        if count > 0 {
            counts.push_str(&format!(" {name}:{count}"));
        }
    }
    let folder = index.folder;
    let is_checked = model
        .jobs
        .any(|ask| matches!(ask, Ask::Open(asked) | Ask::Refresh(asked) if *asked == folder));
    let checking = if is_checked { "---(checking)" } else { "" };
    let order = index.listing.as_ref().map_or(model.order, |listing| listing.order).name();
    let limit = index.limit.as_ref().map(|limit| format!("---Limit: {}", limit.pattern));
    let limit = limit.unwrap_or_default();
    safe_line!("{} [{counts}]---({}){limit}{checking}", index.name.as_str(), order.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;
    use std::time::Duration;

    #[test]
    fn threads_are_trees() {
        for (depths, shown) in [
            (&[0, 1, 2, 1][..], &["", "├─>", "│ └─>", "└─>"][..]),
            (&[0, 1, 2, 2, 3, 0, 1], &["", "└─>", "  ├─>", "  └─>", "    └─>", "", "└─>"]),
            (&[0, 1, 3, 1], &["", "├─>", "│   └─>", "└─>"]),
        ] {
            let head = |depth: &u8| Head { uid: 1, sent: 0, flags: Marks::NONE, depth: *depth };
            let heads: Vec<Head> = depths.iter().map(head).collect();
            let trees: Vec<String> = (0..heads.len()).map(|at| tree(&heads[at..])).collect();
            assert_eq!(trees, shown, "{depths:?}");
        }
        let deep: Vec<Head> =
            (0..=255).map(|depth| Head { uid: 1, sent: 0, flags: Marks::NONE, depth }).collect();
        assert_eq!(tree(&deep[255..]).chars().count(), TREE_DEPTH_MAX * 2 + 1);
    }

    #[test]
    fn dates_are_as_short_as_they_can_be() {
        let now = Now {
            since_start: Duration::ZERO,
            wall: "2026-11-30T15:00:00Z".parse().unwrap(),
            zone: TimeZone::UTC,
        };
        for (sent, shown) in [
            ("2026-11-30T14:02:00Z", " 14:02"),
            ("2026-11-30T23:02:00Z", " 23:02"),
            ("2026-11-29T23:02:00Z", "Nov 29"),
            ("2026-03-01T00:00:00Z", "Mar 01"),
            ("2025-12-01T00:00:00Z", "  2025"),
            ("2027-12-01T00:00:00Z", "  2027"),
        ] {
            let sent: Timestamp = sent.parse().unwrap();
            assert_eq!(date(sent.as_second().try_into().unwrap(), &now), shown);
        }
    }
}
