//! What stands where, by the size of the terminal.
//!
//! ```text
//! letters being written         from 5 rows, where there is something else to see
//! help line                     from 12 rows
//! list or letter                beside it the folders
//! status line                   from 3 rows
//! keys, two lines               one from 12 rows, two from 20
//! note, or what is typed        from 2 rows
//! ```

use crate::canvas::Cell;
use crate::limits::{
    ONE_FOOT_LINE_FROM_ROWS, PLAIN_LIST_COLUMNS, PLAIN_MARK_COLUMNS, SIDEBAR_COLUMNS,
    SIDEBAR_FROM_COLUMNS, TABS_FROM_ROWS, TWO_FOOT_LINES_FROM_ROWS,
};
use crate::model::{FootLines, ListState, Look, Model, Plain, Screen, Sidebar, Size};

/// Some rows, and how wide they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Area {
    pub(crate) at: Cell,
    pub(crate) columns: u16,
    pub(crate) rows: u16,
}

impl Area {
    /// Its rows, from the top.
    pub(crate) fn each_row(self) -> impl Iterator<Item = Cell> {
        (0..self.rows).map(move |row| Cell { row: self.at.row.saturating_add(row), ..self.at })
    }

    /// So many columns of a row.
    pub(crate) fn of(at: Cell, columns: u16) -> Self {
        Self { at, columns, rows: 1 }
    }

    /// How many rows, as lists count.
    pub(crate) fn height(self) -> usize {
        usize::from(self.rows)
    }

    /// Whether the place is in it.
    pub(crate) fn has(self, at: Cell) -> bool {
        at.column >= self.at.column
            && at.column - self.at.column < self.columns
            && at.row >= self.at.row
            && at.row - self.at.row < self.rows
    }
}

/// What stands where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Areas {
    /// The letters that are being written, where they aren't all that is shown.
    pub(crate) tabs: Option<Area>,
    pub(crate) help: Option<Area>,
    pub(crate) sidebar: Option<Area>,
    /// Above a letter, where there is something to say.
    pub(crate) trust: Option<Area>,
    pub(crate) body: Area,
    pub(crate) status: Option<Area>,
    pub(crate) foot: Area,
    pub(crate) note: Option<Area>,
}

/// Whether there is a line of letters that are being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tabs {
    Shown,
    Hidden,
}

impl Model {
    /// What stands where on a screen of this size.
    pub(crate) fn areas(&self, size: Size) -> Areas {
        let is_on_top = self.screen().writing().is_some();
        let tabs = match self.desk.letters().len() {
            0 => Tabs::Hidden,
            1 if is_on_top => Tabs::Hidden,
            _ => Tabs::Shown,
        };
        areas(size, self.look, self.screen(), tabs)
    }
}

fn areas(size: Size, look: Look, screen: &Screen, tabs: Tabs) -> Areas {
    let Size { columns, rows } = size;
    if look.plain == Plain::Lines {
        return Areas { body: printed(size, screen), ..Areas::default() };
    }
    let line = |row: u16| Area { at: Cell { column: 0, row }, columns, rows: 1 };
    let tabs_rows = u16::from(tabs == Tabs::Shown && rows >= TABS_FROM_ROWS);
    let help_rows = u16::from(rows >= ONE_FOOT_LINE_FROM_ROWS);
    let foot_rows = match look.foot {
        FootLines::Hidden => 0,
        FootLines::Shown if rows >= TWO_FOOT_LINES_FROM_ROWS => 2,
        FootLines::Shown => u16::from(rows >= ONE_FOOT_LINE_FROM_ROWS),
    };
    let note_rows = u16::from(rows >= 2);
    let status_rows = u16::from(rows >= 3);
    let below = foot_rows + note_rows + status_rows;
    let above_rows = tabs_rows + help_rows;
    let body_rows = rows.saturating_sub(above_rows + below);
    let end = above_rows + body_rows;
    let body = Area { at: Cell { column: 0, row: above_rows }, columns, rows: body_rows };
    let (sidebar, body) = beside(body, look, screen);
    let (trust, body) = above(body, screen);
    Areas {
        tabs: (tabs_rows > 0).then(|| line(0)),
        help: (help_rows > 0).then(|| line(tabs_rows)),
        sidebar,
        trust,
        body,
        status: (status_rows > 0).then(|| line(end)),
        foot: Area { rows: foot_rows, ..line(end + status_rows) },
        note: (note_rows > 0).then(|| line(rows.saturating_sub(1))),
    }
}

/// Where there is no screen: a page is a terminal's rows but for what is typed, and one to see where it goes on.
fn printed(Size { columns, rows }: Size, screen: &Screen) -> Area {
    let columns = match screen {
        Screen::Pager(_) | Screen::Explain(_) | Screen::Help(_) => columns.max(1),
        _ => columns.max(PLAIN_LIST_COLUMNS) - PLAIN_MARK_COLUMNS,
    };
    Area { at: Cell::default(), columns, rows: rows.saturating_sub(2).max(1) }
}

/// The lines above a letter, where there is something to say and a row more than they take.
fn above(body: Area, screen: &Screen) -> (Option<Area>, Area) {
    let lines = match screen {
        Screen::Pager(pager) => pager
            .page
            .as_ref()
            .map_or(0, |page| u16::from(page.seal.is_some()) + u16::from(page.trust.is_some())),
        _ => 0,
    };
    let rows = lines.min(body.rows.saturating_sub(1));
    if rows == 0 {
        return (None, body);
    }
    let at = Cell { row: body.at.row.saturating_add(rows), ..body.at };
    (Some(Area { rows, ..body }), Area { at, rows: body.rows - rows, ..body })
}

/// The folders to the left, and what is left for the rest.
fn beside(body: Area, look: Look, screen: &Screen) -> (Option<Area>, Area) {
    let wanted = match look.sidebar {
        Sidebar::Auto => body.columns >= SIDEBAR_FROM_COLUMNS,
        Sidebar::Shown => body.columns >= SIDEBAR_COLUMNS * 2,
        Sidebar::Hidden => false,
    };
    let fits = matches!(screen, Screen::Index | Screen::Pager(_));
    if !(wanted && fits) {
        return (None, body);
    }
    let sidebar = Area { columns: SIDEBAR_COLUMNS, ..body };
    let rest = Area {
        at: Cell { column: SIDEBAR_COLUMNS, ..body.at },
        columns: body.columns.saturating_sub(SIDEBAR_COLUMNS),
        ..body
    };
    (Some(sidebar), rest)
}

impl ListState {
    /// With what is selected inside the list, and inside its window of so many rows.
    pub(crate) fn in_sight(self, entries: usize, rows: usize) -> Self {
        let selected = self.selected.min(entries.saturating_sub(1));
        let rows = rows.max(1);
        let top = self.top.min(entries.saturating_sub(rows));
        // The window moves by whole pages, as mutt's does.
        let top = if selected < top || selected >= top + rows {
            let page = if selected < top { selected.saturating_sub(rows - 1) } else { selected };
            page.min(entries.saturating_sub(rows))
        } else {
            top
        };
        Self { selected, top }
    }

    /// So many entries on, or back.
    pub(crate) fn moved(self, by: isize, entries: usize) -> Self {
        let selected = self.selected.saturating_add_signed(by).min(entries.saturating_sub(1));
        Self { selected, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_depends_on_the_rows() {
        for (rows, help, body, status, foot, note) in [
            (0, false, 0, false, 0, false),
            (1, false, 1, false, 0, false),
            (2, false, 1, false, 0, true),
            (3, false, 1, true, 0, true),
            (11, false, 9, true, 0, true),
            (12, true, 8, true, 1, true),
            (20, true, 15, true, 2, true),
            (24, true, 19, true, 2, true),
        ] {
            let size = Size { columns: 80, rows };
            let areas = areas(size, Look::default(), &Screen::Index, Tabs::Hidden);
            let found = (areas.help.is_some(), areas.body.rows, areas.status.is_some());
            assert_eq!(found, (help, body, status), "{rows} rows");
            assert_eq!((areas.foot.rows, areas.note.is_some()), (foot, note), "{rows} rows");
        }
    }

    #[test]
    fn the_window_goes_with_the_selection() {
        for (selected, top, entries, rows, wanted) in [
            (0, 0, 0, 10, (0, 0)),
            (5, 0, 20, 10, (5, 0)),
            (10, 0, 20, 10, (10, 10)),
            (9, 10, 20, 10, (9, 0)),
            (15, 0, 20, 10, (15, 10)),
            (99, 50, 20, 10, (19, 10)),
            (3, 9, 4, 0, (3, 3)),
        ] {
            let list = ListState { selected, top }.in_sight(entries, rows);
            assert_eq!((list.selected, list.top), wanted, "{selected} {top} {entries} {rows}");
        }
    }
}
