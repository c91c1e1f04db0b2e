//! Letters on their way, and those that are being written.

use jiff::Timestamp;
use postroad_safetext::{SafeText, safe_line};

use super::Status;
use crate::canvas::{Canvas, Style};
use crate::data::{DraftRow, OutboxRow, OutboxState};
use crate::layout::Area;
use crate::model::{ListState, Model, Plain};

pub(super) fn draw(model: &Model, list: ListState, canvas: &mut Canvas<'_>, area: Area) -> Status {
    let rows = lines(model, area.columns);
    if rows.is_empty() {
        let words = "Nothing is on its way, and nothing is being written.";
        canvas.text(area.at, area.columns, &words.into(), Style::Faint);
    }
    super::list(list, rows.len(), canvas, area, |canvas, at, place, row| {
        let Some(text) = rows.get(place) else { return };
        // On a screen nobody calls them by their numbers.
        let text = match model.look.plain {
            Plain::Lines => &safe_line!("{:>3} {}", place + 1, text.as_str()),
            Plain::Screen => text,
        };
        super::row(canvas, at, area.columns, text, row.style());
    });
    let (out, written) = (model.outbox.len(), model.drafts.len());
    Status {
        left: safe_line!("Outbox [Out:{out} Being written:{written}]"),
        right: super::seen(list, rows.len(), area.height()),
    }
}

pub(super) fn lines(model: &Model, columns: u16) -> Vec<SafeText> {
    let to_columns = usize::from(columns / 3).min(24);
    let out = model.outbox.iter().map(|row| on_its_way(row, model.now.wall, to_columns));
    let written = model.drafts.iter().map(|draft| being_written(draft, to_columns));
    out.chain(written).collect()
}

fn on_its_way(row: &OutboxRow, now: Timestamp, to_columns: usize) -> SafeText {
    let seconds = |until: Timestamp| until.duration_since(now).as_secs().max(0);
    let state = match &row.state {
        OutboxState::Held(_, until) => format!("in {} s", seconds(*until)),
        OutboxState::Waiting(Some(next)) => match seconds(*next) {
            left @ 0..120 => format!("try {left} s"),
            left => format!("try {} min", left / 60),
        },
        OutboxState::Waiting(None) => "waiting".to_owned(),
        OutboxState::Sending => "sending".to_owned(),
        OutboxState::Refused => "refused".to_owned(),
    };
    let to = row.to.clone().padded(to_columns);
    let words = if row.words.as_str().is_empty() {
        row.subject.clone()
    } else {
        safe_line!("{}  {}", row.words.as_str(), row.subject.as_str())
    };
    safe_line!("{state:<11} {}  {}", to.as_str(), words.as_str())
}

fn being_written(draft: &DraftRow, to_columns: usize) -> SafeText {
    let to = SafeText::line(&draft.fields.to).padded(to_columns);
    let subject = SafeText::line(&draft.fields.subject);
    safe_line!("{:<11} {}  {}", "written", to.as_str(), subject.as_str())
}
