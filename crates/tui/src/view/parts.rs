//! The parts of a letter.

use postroad_safetext::{SafeText, safe_line};

use super::Status;
use crate::canvas::{Canvas, Style};
use crate::data::PartRow;
use crate::layout::Area;
use crate::model::SaveState;

pub(super) fn draw(save: &SaveState, canvas: &mut Canvas<'_>, area: Area) -> Status {
    let parts = &save.page.parts;
    if parts.is_empty() {
        canvas.text(area.at, area.columns, &"The letter has no parts.".into(), Style::Faint);
    }
    super::list(save.list, parts.len(), canvas, area, |canvas, at, place, row| {
        let Some(text) = parts.get(place).map(|part| line(save, part, place)) else { return };
        super::row(canvas, at, area.columns, &text, row.style());
    });
    Status {
        left: safe_line!("Parts [{}]", parts.len()),
        right: super::seen(save.list, parts.len(), area.height()),
    }
}

pub(super) fn line(save: &SaveState, part: &PartRow, place: usize) -> SafeText {
    let (number, tag) = (place + 1, if save.tagged.contains(&place) { '*' } else { ' ' });
    let indent = " ".repeat(usize::from(part.depth.min(10)) * 2);
    let octets = super::octets(part.octets);
    let name = part.name.as_ref().map_or("(no name)", |name| name.as_str());
    safe_line!("{number:>3}{tag}{octets:>5} {indent}{}  {name}", part.kind.as_str())
}
