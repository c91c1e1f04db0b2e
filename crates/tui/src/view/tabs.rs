//! The line that says which letters are being written.

use postroad_safetext::{SafeText, safe_line};

use crate::canvas::{Canvas, Cell, Style};
use crate::desk::{ComposeState, WritingId};
use crate::layout::Area;
use crate::limits::TAB_COLUMNS_MAX;
use crate::model::Model;
use crate::places::Target;

/// `Writing:  1 Re: Lunch?  [2 Minutes]          ^]: write on`; the one on top is in brackets.
pub(super) fn draw(model: &Model, canvas: &mut Canvas<'_>, area: Area) {
    let is_on_top = model.stack.iter().any(|screen| screen.writing().is_some());
    let hint = if is_on_top { "  ^]: leave it" } else { "  ^]: write on" };
    let hint = SafeText::from(hint);
    let hint_columns = u16::try_from(hint.width()).unwrap_or(0);
    super::row(canvas, area.at, area.columns, &"Writing:".into(), Style::Bar);
    for (id, text, at) in tabs(model, area) {
        let taken = canvas.text(at, area.columns.saturating_sub(at.column), &text, Style::Bar);
        canvas.place(Area::of(at, taken), Target::Writing(id));
    }
    let from = area.columns.saturating_sub(hint_columns);
    let at = Cell { column: area.at.column.saturating_add(from), ..area.at };
    canvas.text(at, hint_columns, &hint, Style::Bar);
    canvas.place(Area::of(at, hint_columns), Target::Key("^]"));
}

/// Each letter, what is told of it, and where that begins.
fn tabs(model: &Model, area: Area) -> Vec<(WritingId, SafeText, Cell)> {
    let mut column = area.at.column.saturating_add(9);
    let top = model.stack.iter().rev().find_map(crate::model::Screen::writing);
    let mut found = Vec::new();
    for (number, letter) in (1..).zip(model.desk.letters()) {
        let subject = told(letter);
        let text = match top == Some(letter.id) {
            true => safe_line!("[{number} {}]", subject.as_str()),
            false => safe_line!(" {number} {} ", subject.as_str()),
        };
        let columns = u16::try_from(text.width()).unwrap_or(u16::MAX);
        found.push((letter.id, text, Cell { column, ..area.at }));
        column = column.saturating_add(columns);
    }
    found
}

fn told(letter: &ComposeState) -> SafeText {
    let fields = &letter.fields;
    let subject = [&fields.subject, &fields.to].into_iter().find(|text| !text.trim().is_empty());
    let subject = subject.map_or_else(|| "(new)".into(), |text| SafeText::line(text));
    subject.cut(TAB_COLUMNS_MAX)
}
