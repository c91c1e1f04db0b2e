//! How things look: each screen as a function of the model. Nothing is changed here, and the cursor is
//! set in every state.

use postroad_safetext::SafeText;

use crate::canvas::{Canvas, Cell, Style};
use crate::keys::{Action, On, table};
use crate::layout::Area;
use crate::model::{ComposeState, ListState, Model, Screen};
use crate::places::Target;

mod compose;
mod editor;
mod explain;
mod folders;
mod found;
mod help;
mod index;
mod line;
mod links;
mod outbox;
mod pager;
mod parts;
mod people;
mod tabs;

pub(crate) use compose::list as compose_list;
pub(crate) use explain::rows as explained_rows;
pub(crate) use help::lines as help_lines;
pub(crate) use line::words_said as said;
pub(crate) use pager::Lines;

/// Draws everything.
pub fn draw(model: &Model, canvas: &mut Canvas<'_>) {
    let screen = model.screen();
    let areas = model.areas(canvas.size());
    canvas.cursor(areas.body.at);
    if let Some(area) = areas.tabs {
        tabs::draw(model, canvas, area);
    }
    if let Some(area) = areas.help {
        line::help(model, canvas, area);
    }
    if let Some(area) = areas.sidebar {
        folders::sidebar(model, canvas, area);
    }
    if let (Some(area), Screen::Pager(pager)) = (areas.trust, screen) {
        pager::trust(pager, canvas, area);
    }
    let status = body(model, canvas, areas.body);
    if let Some(area) = areas.status {
        line::bar(&status, canvas, area);
    }
    line::foot(model, canvas, areas.foot);
    // Where there is one row alone, what is typed is more than what is listed.
    match areas.note {
        Some(area) => {
            line::note(model, canvas, area);
            if areas.foot.rows == 0 && !model.files.is_empty() {
                let row = area.at.row.saturating_sub(1);
                let above = Area { at: Cell { row, ..area.at }, ..area };
                canvas.fill(above.at, above.columns, Style::Plain);
                canvas.place(above, Target::Nothing);
                line::foot(model, canvas, above);
            }
            people::offered(model, canvas, area);
        }
        None if model.prompt.is_some() => line::note(model, canvas, areas.body),
        None => {}
    }
}

/// Draws what is listed or read.
pub(crate) fn body(model: &Model, canvas: &mut Canvas<'_>, area: Area) -> Status {
    match model.screen() {
        Screen::Index => index::draw(model, canvas, area),
        Screen::Pager(pager) => pager::draw(model, pager, canvas, area),
        Screen::Save(save) => parts::draw(save, canvas, area),
        Screen::Links(save) => links::draw(save, canvas, area),
        Screen::Explain(explain) => explain::draw(explain, canvas, area),
        Screen::Folders(folders) => folders::draw(model, folders, canvas, area),
        Screen::Compose(id) => match model.desk.get(*id) {
            Some(compose) => compose::draw(model, compose, canvas, area),
            None => Status::default(),
        },
        Screen::People(state) => people::draw(state, canvas, area),
        Screen::Editor(id) => match model.desk.get(*id).and_then(ComposeState::typed) {
            Some(editor) => editor::draw(editor, canvas, area),
            None => Status::default(),
        },
        Screen::Found(found) => found::draw(model, found, canvas, area),
        Screen::Outbox(list) => outbox::draw(model, *list, canvas, area),
        Screen::Help(help) => help::draw(help, canvas, area),
    }
}

/// Columns of an entry that is looked through: more than most screens have, so that little of it is left out.
const WIDE: u16 = 240;

/// An entry of the list on the screen in words, as it stands in its row; of letters, which are looked for by patterns, none.
pub(crate) fn entry(model: &Model, place: usize) -> Option<SafeText> {
    let number = place.saturating_add(1);
    match model.screen() {
        Screen::Folders(state) => {
            model.folders_in(state.order).get(place).map(|row| folders::line(row, number))
        }
        Screen::Save(save) => save.page.parts.get(place).map(|row| parts::line(save, row, place)),
        Screen::Links(save) => save.page.links.get(place).map(|row| links::line(row, number, WIDE)),
        Screen::People(state) => {
            let row = state.rows.get(place)?;
            Some(people::line(state, row, usize::from(WIDE)))
        }
        Screen::Found(found) => {
            found.rows.get(place).map(|row| found::line(row, number, WIDE, &model.now))
        }
        Screen::Outbox(_) => outbox::lines(model, WIDE).into_iter().nth(place),
        Screen::Compose(id) => {
            let draft = model.desk.get(*id)?.draft.as_ref();
            compose::parts(draft).into_iter().nth(place)
        }
        Screen::Index
        | Screen::Pager(_)
        | Screen::Help(_)
        | Screen::Explain(_)
        | Screen::Editor(_) => None,
    }
}

/// What a screen says of itself in the line below it.
#[derive(Default)]
pub(crate) struct Status {
    /// To the left.
    pub(crate) left: SafeText,
    /// To the right: how much of it is seen.
    pub(crate) right: SafeText,
}

/// A list: calls for each row in sight, and puts the cursor on what is selected.
fn list(
    state: ListState,
    entries: usize,
    canvas: &mut Canvas<'_>,
    area: Area,
    mut row: impl FnMut(&mut Canvas<'_>, Cell, usize, Where),
) {
    let state = state.in_sight(entries, area.height());
    for (at, entry) in area.each_row().zip(state.top..entries) {
        let place = if entry == state.selected { Where::Selected } else { Where::Elsewhere };
        row(canvas, at, entry, place);
        canvas.place(Area::of(at, area.columns), Target::Entry(entry));
        if place == Where::Selected {
            canvas.cursor(at);
        }
    }
}

/// Has a click on a row do what a key of the screen does.
fn row_for(canvas: &mut Canvas<'_>, at: Cell, columns: u16, on: On, action: Action) {
    if let Some(key) = table::key_of(on, action) {
        canvas.place(Area::of(at, columns), Target::Key(key));
    }
}

/// One row of a list that is one text.
fn row(canvas: &mut Canvas<'_>, at: Cell, columns: u16, text: &SafeText, style: Style) {
    let taken = canvas.text(at, columns, text, style);
    let behind = Cell { column: at.column.saturating_add(taken), ..at };
    canvas.fill(behind, columns.saturating_sub(taken), style);
}

/// Whether a row is the one that is selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Where {
    Selected,
    Elsewhere,
}

impl Where {
    fn style(self) -> Style {
        match self {
            Self::Selected => Style::Selected,
            Self::Elsewhere => Style::Plain,
        }
    }
}

/// How much of a list is seen: mutt's words for it.
fn seen(state: ListState, entries: usize, rows: usize) -> SafeText {
    seen_from(state.in_sight(entries, rows).top, entries, rows)
}

fn seen_from(top: usize, entries: usize, rows: usize) -> SafeText {
    if entries <= rows {
        "all".into()
    } else if top == 0 {
        "top".into()
    } else if top + rows >= entries {
        "end".into()
    } else {
        postroad_safetext::safe_line!("{}%", (top + rows) * 100 / entries)
    }
}

/// Octets as mutt writes them: `0.3K`, `82K`, `1.2M`.
fn octets(octets: u64) -> String {
    const K: f64 = 1024.0;
    #[allow(clippy::cast_precision_loss, reason = "three digits of it are shown")]
    let count = octets as f64;
    match octets {
        0 => "0K".to_owned(),
        1..10_189 => format!("{:.1}K", (count / K).max(0.1)),
        10_189..1_023_949 => format!("{:.0}K", count / K),
        1_023_949..10_433_332 => format!("{:.1}M", count / K / K),
        _ => format!("{:.0}M", count / K / K),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_as_mutt_has_them() {
        for (count, shown) in [
            (0, "0K"),
            (10, "0.1K"),
            (300, "0.3K"),
            (4_200, "4.1K"),
            (84_000, "82K"),
            (1_200_000, "1.1M"),
            (200_000_000, "191M"),
        ] {
            assert_eq!(octets(count), shown);
        }
    }
}
