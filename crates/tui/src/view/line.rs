//! The lines above and below: help, status, keys, note and prompt.

use std::ops::Range;

use postroad_safetext::{SafeText, safe_line};

use super::Status;
use crate::canvas::{Canvas, Cell, Style};
use crate::keys::{Binding, On, mutt, table};
use crate::layout::Area;
use crate::line_edit::LineEdit;
use crate::model::{Model, Note, Prompt, Question, Wanted};
use crate::places::Target;
use crate::update::{command, settings};

/// The line on top.
pub(super) fn help(model: &Model, canvas: &mut Canvas<'_>, area: Area) {
    let line = mutt::HELP_LINES.iter().find(|(on, _)| *on == model.on());
    let text = line.map_or("", |(_, text)| text);
    super::row(canvas, area.at, area.columns, &text.into(), Style::Bar);
    for (words, key) in keys_told(model.on(), text) {
        // All of it is ASCII: as many columns as octets.
        let column = |octet: usize| u16::try_from(octet).unwrap_or(u16::MAX).min(area.columns);
        let (first, behind) = (column(words.start), column(words.end));
        let at = Cell { column: area.at.column.saturating_add(first), ..area.at };
        canvas.place(Area::of(at, behind - first), Target::Key(key));
    }
}

/// Which octets of a help line tell which key: up to the next one, since words of a label may have blanks between.
fn keys_told(on: On, line: &'static str) -> Vec<(Range<usize>, &'static str)> {
    let mut told: Vec<(Range<usize>, &'static str)> = Vec::new();
    let mut behind = 0;
    for word in line.split_inclusive(' ') {
        let start = behind;
        behind += word.len();
        let end = start + word.trim_end().len();
        let key = word.split_once(':').map(|(key, _)| key);
        let key =
            key.map(|key| key.strip_prefix('<').and_then(|it| it.strip_suffix('>')).unwrap_or(key));
        match (key.filter(|key| table::named(on, key).is_some()), told.last_mut()) {
            (Some(key), _) => told.push((start..end, key)),
            (None, Some((words, _))) if end > start => words.end = end,
            (None, _) => {}
        }
    }
    told
}

/// `---INBOX [Msgs:3]------(all)---`.
pub(super) fn bar(status: &Status, canvas: &mut Canvas<'_>, area: Area) {
    let columns = usize::from(area.columns);
    let right = safe_line!("({})---", status.right.as_str());
    let room = columns.saturating_sub(right.width() + 3);
    let left = status.left.clone().cut(room);
    let dashes = "-".repeat(columns.saturating_sub(left.width() + right.width() + 3));
    let whole = safe_line!("---{}{dashes}{}", left.as_str(), right.as_str());
    super::row(canvas, area.at, area.columns, &whole, Style::Bar);
}

/// The keys that the line on top doesn't tell, as many as there is room for; while a key's name is typed, those that it
/// may be.
pub(super) fn foot(model: &Model, canvas: &mut Canvas<'_>, area: Area) {
    let on = model.on();
    if let Some(Prompt::Line { edit, wanted: Wanted::Command, .. }) = &model.prompt {
        if let Some(told) = settings::told(model, edit.text()) {
            return words(told.into_iter().map(|it| (it, Target::Nothing)), canvas, area);
        }
        let target = |binding: &Binding| Target::Command(binding.action.name());
        let told = |binding: &'static Binding| (command::told(binding), target(binding));
        return words(command::matching(on, edit.text()).map(told), canvas, area);
    }
    if model.prompt.is_some() && !model.files.is_empty() {
        let names = model.files.iter().cloned();
        return words(names.map(|name| (name, Target::Nothing)), canvas, area);
    }
    let told = mutt::HELP_LINES.iter().find(|(at, _)| *at == on).map_or("", |(_, line)| line);
    let keys = table::of(on).filter(|binding| !binding.label.is_empty()).filter_map(|binding| {
        let key = binding.keys.first()?;
        let word = safe_line!("{}:{}", table::shown(key), binding.label);
        (!told.contains(word.as_str())).then_some((word, Target::Key(key)))
    });
    words(keys, canvas, area);
}

/// Words beside each other, as many as there is room for, and what each is for.
fn words(words: impl Iterator<Item = (SafeText, Target)>, canvas: &mut Canvas<'_>, area: Area) {
    let mut keys = words.peekable();
    for row in area.each_row() {
        let mut column = 0;
        let fits = |word: &SafeText, column: u16| {
            usize::from(column) + word.width() <= usize::from(area.columns)
        };
        while let Some((word, target)) = keys.next_if(|(word, _)| fits(word, column)) {
            let at = Cell { column: row.column.saturating_add(column), ..row };
            let room = area.columns.saturating_sub(column);
            let taken = canvas.text(at, room, &word, Style::Keys);
            canvas.place(Area::of(at, taken), target);
            column = column.saturating_add(taken + 2);
        }
    }
}

/// What is typed, or else what there is to say.
pub(super) fn note(model: &Model, canvas: &mut Canvas<'_>, area: Area) {
    match &model.prompt {
        Some(Prompt::Line { label, edit, .. }) => typed(label, edit, canvas, area),
        Some(prompt @ (Prompt::Choice { .. } | Prompt::Letter { .. })) => {
            let Some(question) = prompt.question() else { return };
            let last = asked(&question, canvas, area, Style::Plain);
            let behind = u16::try_from(last + 1).unwrap_or(u16::MAX);
            canvas.cursor(Cell { column: area.at.column.saturating_add(behind), ..area.at });
        }
        None => {
            let (text, style) = said(model);
            let rows = text.wrapped(usize::from(area.columns));
            // What is too long for one line takes the one above, too: the hint stands at its end.
            if let ([first, second, ..], Some(above)) =
                (rows.as_slice(), area.at.row.checked_sub(1))
                && above > 0
            {
                let at = Cell { row: above, ..area.at };
                canvas.place(Area { at, ..area }, Target::Nothing);
                super::row(canvas, at, area.columns, first, style);
                canvas.text(area.at, area.columns, second, style);
            } else {
                canvas.text(area.at, area.columns, &text, style);
            }
        }
    }
}

/// What there is to say, where nothing is typed.
pub(crate) fn words_said(model: &Model) -> SafeText {
    said(model).0
}

fn said(model: &Model) -> (SafeText, Style) {
    match &model.note {
        Note::Nothing if model.on() == On::Index => (waiting(model), Style::Faint),
        Note::Nothing => (SafeText::default(), Style::Plain),
        Note::Said(words) => (words.clone(), Style::Plain),
        Note::Wrong(words, hint) if hint.as_str().is_empty() => (words.clone(), Style::Wrong),
        Note::Wrong(words, hint) => {
            (safe_line!("{} ({})", words.as_str(), hint.as_str()), Style::Wrong)
        }
        Note::Queued => (queued(model), Style::Plain),
        Note::Progress(_, done, of) => (safe_line!("{done} of {of}"), Style::Plain),
    }
}

/// How long the letter that was queued last can be taken back.
fn queued(model: &Model) -> SafeText {
    let held = model.undo.last().and_then(|label| label.held.as_ref().map(|held| (label, held)));
    let Some((label, (_, until))) = held else {
        return "Queued.".into();
    };
    let left = until.duration_since(model.now.wall);
    // Whole seconds that are left, the one that runs counted.
    let seconds = left.as_secs() + i64::from(left.subsec_nanos() > 0);
    if seconds > 0 {
        safe_line!("Queued, goes in {seconds} s.  u: take back  ({})", label.words.as_str())
    } else {
        safe_line!("Queued: {}", label.words.as_str())
    }
}

/// Letters on their way, where there is nothing else to say.
fn waiting(model: &Model) -> SafeText {
    let refused = model.outbox.iter().filter(|row| row.state == crate::data::OutboxState::Refused);
    match (refused.count(), model.outbox.len(), model.drafts.len()) {
        (0, 0, 0) => SafeText::default(),
        (0, 0, drafts) => safe_line!("{drafts} being written (B)"),
        (0, waiting, _) => safe_line!("{waiting} on the way (B)"),
        (refused, ..) => safe_line!("{refused} refused (B)"),
    }
}

/// A question on as many rows as it takes, the last of them in this line; how wide that one is. Where there are too few rows, the end is
/// what is seen: the answers stand there.
fn asked(question: &Question, canvas: &mut Canvas<'_>, area: Area, style: Style) -> usize {
    let Question { words, answers } = question;
    let mut rows = Vec::new();
    let mut behind = 0;
    for text in words.wrapped(usize::from(area.columns)) {
        // Blanks are left out where a line is broken.
        let rest = words.as_str().get(behind..).unwrap_or_default();
        let start = behind + rest.find(text.as_str()).unwrap_or(0);
        behind = start + text.as_str().len();
        rows.push((text, start..behind));
    }
    let last = rows.last().map_or(0, |(text, _)| text.width());
    for ((text, octets), row) in rows.iter().rev().zip((0..=area.at.row).rev()) {
        let at = Cell { row, ..area.at };
        canvas.place(Area { at, ..area }, Target::Nothing);
        super::row(canvas, at, area.columns, text, style);
        for (answer, key) in answers {
            let (start, end) = (answer.start.max(octets.start), answer.end.min(octets.end));
            if start < end {
                let column = |octet: usize| {
                    u16::try_from(text.column_of(octet - octets.start)).unwrap_or(u16::MAX)
                };
                let columns = column(end).saturating_sub(column(start));
                let at = Cell { column: at.column.saturating_add(column(start)), ..at };
                canvas.place(Area::of(at, columns), Target::Answer(*key));
            }
        }
    }
    last
}

/// A label, and what is typed behind it: the end of it where it is long. A label that would leave less than half a line stands above.
fn typed(label: &SafeText, edit: &LineEdit, canvas: &mut Canvas<'_>, area: Area) {
    super::row(canvas, area.at, area.columns, &SafeText::default(), Style::Plain);
    canvas.place(area, Target::Nothing);
    let half = area.columns / 2;
    let taken = match area.at.row.checked_sub(1) {
        Some(row) if label.width() > usize::from(half) => {
            let label = Question { words: label.clone(), answers: Vec::new() };
            asked(&label, canvas, Area { at: Cell { row, ..area.at }, ..area }, Style::Name);
            0
        }
        _ => canvas.text(area.at, half, label, Style::Name),
    };
    let at = Cell { column: area.at.column.saturating_add(taken), ..area.at };
    let room = area.columns.saturating_sub(taken);
    let caret = edit_line(edit, canvas, at, room);
    canvas.cursor(caret);
}

/// The part of a typed line that has the caret in it, and where that is.
pub(super) fn edit_line(edit: &LineEdit, canvas: &mut Canvas<'_>, at: Cell, columns: u16) -> Cell {
    let room = usize::from(columns).max(1);
    let caret = edit.caret_column();
    // The caret takes a column of its own behind the text.
    let start = (caret + 1).saturating_sub(room);
    let shown = edit.shown().from_column(start);
    canvas.text(at, columns, &shown, Style::Plain);
    canvas.place(Area::of(at, columns), Target::Typed(start));
    let caret = u16::try_from(caret.saturating_sub(start)).unwrap_or(u16::MAX);
    Cell { column: at.column.saturating_add(caret), ..at }
}
