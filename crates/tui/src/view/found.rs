//! Letters of all folders.

use postroad_safetext::{SafeText, safe_line};

use super::Status;
use super::index::date;
use crate::canvas::{Canvas, Style};
use crate::data::{FoundRow, Marks};
use crate::layout::Area;
use crate::model::{FoundState, Model, Now};

pub(super) fn draw(
    model: &Model,
    found: &FoundState,
    canvas: &mut Canvas<'_>,
    area: Area,
) -> Status {
    let rows = &found.rows;
    if rows.is_empty() {
        let is_due = found.typing.as_ref().is_some_and(|typing| typing.due.is_some());
        let words = match &found.wrong {
            _ if found.job.is_some() || is_due => "Looking for letters...".into(),
            Some(words) => words.clone(),
            None => "Not found.".into(),
        };
        canvas.text(area.at, area.columns, &words, Style::Faint);
    }
    super::list(found.list, rows.len(), canvas, area, |canvas, at, place, row| {
        let Some(letter) = rows.get(place) else { return };
        let text = line(letter, place + 1, area.columns, &model.now);
        super::row(canvas, at, area.columns, &text, row.style());
    });
    let looking = if found.job.is_some() { "---(looking)" } else { "" };
    let pattern = SafeText::line(&found.pattern);
    Status {
        left: safe_line!("All folders: {} [{}]{looking}", pattern.as_str(), rows.len()),
        right: super::seen(found.list, rows.len(), area.height()),
    }
}

pub(super) fn line(found: &FoundRow, number: usize, columns: u16, now: &Now) -> SafeText {
    let part = usize::from(columns / 6).clamp(6, 24);
    let mark = if found.flags.has(Marks::SEEN) { ' ' } else { 'N' };
    let (folder, from) = (found.folder.clone().padded(part), found.row.from.clone().padded(part));
    let date = date(found.sent, now);
    safe_line!(
        "{number:>3} {mark} {date} {} {}  {}{}",
        folder.as_str(),
        from.as_str(),
        found.row.tags(),
        found.row.subject.as_str()
    )
}
