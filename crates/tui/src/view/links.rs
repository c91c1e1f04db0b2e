//! The links of a letter: where each leads, whatever its words say.

use postroad_safetext::{SafeText, safe_line};

use super::Status;
use crate::canvas::Canvas;
use crate::data::LinkRow;
use crate::layout::Area;
use crate::model::SaveState;
use crate::update::links::ending;

/// Columns from which hosts stand in a column of their own.
const WIDE: u16 = 60;

pub(super) fn draw(save: &SaveState, canvas: &mut Canvas<'_>, area: Area) -> Status {
    let links = &save.page.links;
    super::list(save.list, links.len(), canvas, area, |canvas, at, place, row| {
        let Some(link) = links.get(place) else { return };
        let text = line(link, place + 1, area.columns);
        super::row(canvas, at, area.columns, &text, row.style());
    });
    let selected = links.get(save.list.selected);
    let told = selected.map_or_else(SafeText::default, |link| match &link.warning {
        Some(warning) => safe_line!("! {}", warning.as_str()),
        None => link.target.clone(),
    });
    let right = super::seen(save.list, links.len(), area.height());
    Status { left: safe_line!("Links [{}] {}", links.len(), told.as_str()), right }
}

pub(super) fn line(link: &LinkRow, number: usize, columns: u16) -> SafeText {
    let mark = if link.warning.is_some() { '!' } else { ' ' };
    let host = ending(&link.host, usize::from(columns / 3).max(16));
    let host = match columns {
        ..WIDE => host,
        WIDE.. => host.padded(usize::from(columns / 3)),
    };
    safe_line!("{number:>3} {mark} {}  {}", host.as_str(), link.words.as_str())
}
