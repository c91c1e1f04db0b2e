//! People whom the user knows: the list of them, and those who fit what is being typed.

use postroad_safetext::{SafeText, safe_line};

use super::{Status, Where};
use crate::canvas::Canvas;
use crate::layout::Area;
use crate::model::{Model, PeopleState};
use crate::people::PersonRow;
use crate::places::Target;
use crate::update::people;

pub(super) fn draw(state: &PeopleState, canvas: &mut Canvas<'_>, area: Area) -> Status {
    let names = usize::from(area.columns / 3).min(30);
    super::list(state.list, state.rows.len(), canvas, area, |canvas, at, place, row| {
        let Some(person) = state.rows.get(place) else { return };
        super::row(canvas, at, area.columns, &line(state, person, names), row.style());
    });
    let words = match state.words.trim() {
        "" => SafeText::default(),
        words => safe_line!(" like {words}"),
    };
    let tagged = match state.tagged.len() {
        0 => String::new(),
        count => format!(" Tag:{count}"),
    };
    Status {
        left: safe_line!("People{} [{}{tagged}]", words.as_str(), state.rows.len()),
        right: super::seen(state.list, state.rows.len(), area.height()),
    }
}

/// A short name is one by its sign, a name is what somebody is called.
pub(super) fn line(state: &PeopleState, person: &PersonRow, columns: usize) -> SafeText {
    let tag = if state.tagged.contains(&person.typed) { '*' } else { ' ' };
    let (mark, name) = match &person.alias {
        Some(alias) => ('=', alias),
        None => (' ', &person.name),
    };
    let name = name.clone().padded(columns);
    safe_line!("{mark}{tag}{}  {}", name.as_str(), person.address.as_str())
}

/// Those who fit, in the rows above the line in which an address is typed; the cursor is on whom the user has gone to.
pub(super) fn offered(model: &Model, canvas: &mut Canvas<'_>, typed: Area) {
    let people = people::offered(model);
    let rows = u16::try_from(people.len()).unwrap_or(u16::MAX).min(typed.at.row);
    let mut above = typed;
    above.at.row = typed.at.row.saturating_sub(rows);
    above.rows = rows;
    for ((at, place), person) in above.each_row().zip(0..).zip(people) {
        canvas.place(Area::of(at, above.columns), Target::Offered(place));
        let is_picked = model.picked == Some(place);
        let row = if is_picked { Where::Selected } else { Where::Elsewhere };
        super::row(
            canvas,
            at,
            above.columns,
            &safe_line!("  {}", person.shown().as_str()),
            row.style(),
        );
        if is_picked {
            canvas.cursor(at);
        }
    }
}
