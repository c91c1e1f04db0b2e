//! A letter that is being written: its fields, its text, what goes with it.

use postroad_safetext::{SafeText, safe_line};

use super::Status;
use crate::canvas::{Canvas, Cell, Style};
use crate::data::{AttachmentRow, DraftRow, Field, Sealing};
use crate::keys::{Action, On};
use crate::layout::Area;
use crate::model::{ComposeStage, ComposeState, Editor, Model};
use crate::update::compose::missing;

const FIELDS: [(Field, &str); 5] = [
    (Field::To, "To"),
    (Field::Cc, "Cc"),
    (Field::Bcc, "Bcc"),
    (Field::Subject, "Subject"),
    (Field::ReplyTo, "Reply-To"),
];

/// Rows from which all fields are shown, and a few parts below them.
const ROWS_FOR_ALL: u16 = 12;

pub(super) fn draw(
    model: &Model,
    compose: &ComposeState,
    canvas: &mut Canvas<'_>,
    area: Area,
) -> Status {
    let from = match (&compose.draft, model.accounts.first()) {
        (Some(draft), _) => draft.from.clone(),
        (None, Some(account)) => account.address.clone(),
        (None, None) => SafeText::default(),
    };
    for (line, at) in head(compose, from, area.rows).into_iter().zip(area.each_row()) {
        let (name, value, action) = match line {
            Line::Named(name, value, action) => (name, value, action),
            Line::Blank => continue,
            Line::Bar => {
                super::row(canvas, at, area.columns, &"-- Text and attachments".into(), Style::Bar);
                continue;
            }
        };
        if let Some(action) = action {
            super::row_for(canvas, at, area.columns, On::Compose, action);
        }
        let taken = canvas.text(at, area.columns, &safe_line!("{name:>9}: "), Style::Name);
        let behind = Cell { column: at.column.saturating_add(taken), ..at };
        canvas.text(behind, area.columns.saturating_sub(taken), &value, Style::Plain);
    }
    let below = list(compose, area);
    let parts = parts(compose.draft.as_ref());
    super::list(compose.list, parts.len(), canvas, below, |canvas, at, place, row| {
        let Some(part) = parts.get(place) else { return };
        super::row(canvas, at, area.columns, part, row.style());
    });
    Status { left: status(compose), right: super::seen(compose.list, parts.len(), below.height()) }
}

/// A line above the parts.
enum Line {
    /// A field: its name, what stands in it, what changes it.
    Named(&'static str, SafeText, Option<Action>),
    Blank,
    Bar,
}

/// What stands above the parts, where there are so many rows.
fn head(compose: &ComposeState, from: SafeText, rows: u16) -> Vec<Line> {
    let is_short = rows < ROWS_FOR_ALL;
    let mut lines = Vec::new();
    if !is_short {
        lines.push(Line::Named("From", from, None));
    }
    for (field, name) in FIELDS {
        let value = SafeText::line(compose.fields.of(field));
        if !is_short || value.width() > 0 || field == Field::To {
            lines.push(Line::Named(name, value, Some(Action::Field(field))));
        }
    }
    let sealed = match compose.fields.sealing {
        Sealing::None => None,
        Sealing::Sign => Some("Sign"),
        Sealing::Encrypt => Some("Sign, Encrypt"),
    };
    if let Some(sealed) = sealed {
        let doubt = compose.draft.as_ref().and_then(|draft| draft.doubt.as_ref());
        let doubt = doubt.filter(|_| compose.fields.sealing == Sealing::Encrypt);
        let sealed =
            doubt.map_or_else(|| sealed.into(), |doubt| safe_line!("{sealed}; {}", doubt.as_str()));
        lines.push(Line::Named("Security", sealed, Some(Action::Seal)));
    }
    if !is_short {
        lines.push(Line::Blank);
    }
    lines.push(Line::Bar);
    lines
}

/// Where the parts stand.
pub(crate) fn list(compose: &ComposeState, area: Area) -> Area {
    let used = head(compose, SafeText::default(), area.rows).len();
    let used = u16::try_from(used).unwrap_or(area.rows).min(area.rows);
    let at = Cell { row: area.at.row.saturating_add(used), ..area.at };
    Area { at, rows: area.rows - used, ..area }
}

pub(super) fn parts(draft: Option<&DraftRow>) -> Vec<SafeText> {
    let Some(draft) = draft else { return Vec::new() };
    let octets = super::octets(draft.text_octets);
    let lines = draft.text_lines;
    let text = safe_line!("{:>3} {octets:>5} text/plain  {lines} lines", 1);
    let file = |(place, file): (usize, &AttachmentRow)| {
        let octets = file.octets.map_or_else(|| "gone!".to_owned(), super::octets);
        let (kind, name) = (file.kind.as_str(), file.name.as_str());
        safe_line!("{:>3} {octets:>5} {kind}  {name}", place + 2)
    };
    std::iter::once(text).chain(draft.attachments.iter().enumerate().map(file)).collect()
}

fn status(compose: &ComposeState) -> SafeText {
    let stage = match compose.stage {
        ComposeStage::Beginning(Editor::Wanted | Editor::Not) => "---(beginning)",
        ComposeStage::Queueing(_) => "---(queueing)",
        ComposeStage::Beginning(Editor::Later) | ComposeStage::Open => "",
    };
    let Some(draft) = &compose.draft else { return safe_line!("Compose{stage}") };
    let files: u64 = draft.attachments.iter().filter_map(|file| file.octets).sum();
    let octets = super::octets(draft.text_octets.saturating_add(files));
    let count = draft.attachments.len();
    let missing = missing(draft).map(|word| safe_line!("   you wrote \"{}\"", word.as_str()));
    let missing = missing.unwrap_or_default();
    let missing = missing.as_str();
    safe_line!("Compose [Approx. msg size: {octets}   Atts: {count}{missing}]{stage}")
}
