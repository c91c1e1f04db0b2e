//! Whether a letter is from whom it says, and how it travelled: lines that the shell has made, wrapped.

use postroad_safetext::SafeText;

use super::Status;
use crate::canvas::{Canvas, Style};
use crate::data::Page;
use crate::layout::Area;
use crate::model::ExplainState;

/// All rows in so many columns.
pub(crate) fn rows(page: &Page, columns: u16) -> Vec<SafeText> {
    page.explained.iter().flat_map(|line| line.wrapped(usize::from(columns))).collect()
}

pub(super) fn draw(explain: &ExplainState, canvas: &mut Canvas<'_>, area: Area) -> Status {
    let rows = rows(&explain.page, area.columns);
    let top = explain.top.min(rows.len().saturating_sub(area.height()));
    for (at, row) in area.each_row().zip(rows.iter().skip(top)) {
        let style = match row.as_str().chars().next() {
            Some('!') => Style::Wrong,
            Some('+' | '?') => Style::Name,
            _ => Style::Plain,
        };
        canvas.text(at, area.columns, row, style);
    }
    let right = super::seen_from(top, rows.len(), area.height());
    Status { left: "How it travelled, and who says so".into(), right }
}
