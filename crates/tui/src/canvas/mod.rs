//! Where a screen is drawn: the only folder that knows ratatui.
//!
//! Invariant: what is drawn is [`SafeText`]. Ratatui leaves out what isn't visible without a word; a
//! string that came by another way would look clean and have something hidden.

use postroad_safetext::SafeText;
use ratatui_core::buffer::{Buffer, Cell as Drawn, CellDiffOption, CellWidth as _};
use ratatui_core::layout::{Position, Rect};
use ratatui_core::terminal::Frame;

use crate::layout::Area;
use crate::model::{Colours, Model, Size};
use crate::places::Target;
use crate::view;

mod style;

pub use style::Style;

/// A place on the screen, counted from 0 at the left and at the top.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cell {
    /// Columns to its left.
    pub column: u16,
    /// Rows above it.
    pub row: u16,
}

/// A screen that is being drawn.
#[derive(Debug)]
pub struct Canvas<'b> {
    buffer: &'b mut Buffer,
    colours: Colours,
    cursor: Option<Cell>,
    /// What is drawn where, for the mouse.
    places: Vec<(Area, Target)>,
}

impl<'b> Canvas<'b> {
    /// All of the buffer.
    pub fn new(buffer: &'b mut Buffer, colours: Colours) -> Self {
        Self { buffer, colours, cursor: None, places: Vec::new() }
    }

    /// How large it is.
    pub fn size(&self) -> Size {
        Size { columns: self.buffer.area.width, rows: self.buffer.area.height }
    }

    /// Where the cursor was set.
    pub fn cursor_cell(&self) -> Option<Cell> {
        self.cursor
    }

    /// Draws one line, in at most `columns`: what is longer ends in an ellipsis. Gives the columns taken.
    pub fn text(&mut self, at: Cell, columns: u16, text: &SafeText, style: Style) -> u16 {
        let columns = columns.min(self.size().columns.saturating_sub(at.column));
        debug_assert!(!text.as_str().contains('\n'), "several lines in one: {text:?}");
        let line = text.lines().next().unwrap_or_default().cut(usize::from(columns));
        let mut taken = 0;
        for (grapheme, wide) in line.graphemes() {
            // What is cut is at most as wide as the screen.
            let wide = u16::try_from(wide).unwrap_or(u16::MAX);
            self.put(Cell { column: at.column + taken, ..at }, grapheme, wide, style);
            taken += wide;
        }
        taken
    }

    /// Draws blanks.
    pub fn fill(&mut self, at: Cell, columns: u16, style: Style) {
        let columns = columns.min(self.size().columns.saturating_sub(at.column));
        (0..columns)
            .for_each(|more| self.put(Cell { column: at.column + more, ..at }, " ", 1, style));
    }

    /// Gives what was drawn there this look, too.
    pub fn restyle(&mut self, at: Cell, columns: u16, style: Style) {
        for column in at.column..at.column.saturating_add(columns).min(self.size().columns) {
            if let Some(cell) = self.buffer.cell_mut(Position::new(column, at.row)) {
                cell.set_style(style.drawn(self.colours));
            }
        }
    }

    /// Where the terminal's cursor stands: on what is selected, or where typed letters go.
    pub fn cursor(&mut self, at: Cell) {
        let Size { columns, rows } = self.size();
        self.cursor = Some(Cell {
            column: at.column.min(columns.saturating_sub(1)),
            row: at.row.min(rows.saturating_sub(1)),
        });
    }

    /// Says what these cells are for, whatever was said of them before.
    pub(crate) fn place(&mut self, area: Area, target: Target) {
        self.places.push((area, target));
    }

    fn put(&mut self, at: Cell, grapheme: &str, wide: u16, style: Style) {
        let style = style.drawn(self.colours);
        for more in 0..wide {
            let Some(cell) = self.buffer.cell_mut(Position::new(at.column + more, at.row)) else {
                return;
            };
            *cell = Drawn::EMPTY;
            cell.set_style(style);
            if more == 0 {
                cell.set_symbol(grapheme);
                // Ratatui adds a column for each half-width voice mark that has been counted already.
                if let Some(columns) = std::num::NonZeroU16::new(wide)
                    && cell.cell_width() != wide
                {
                    cell.set_diff_option(CellDiffOption::ForcedWidth(columns));
                }
            }
        }
    }
}

/// Draws the model into a terminal's frame; the cursor is always shown.
pub fn paint(model: &Model, frame: &mut Frame<'_>) {
    let mut canvas = Canvas::new(frame.buffer_mut(), model.look.colours);
    view::draw(model, &mut canvas);
    let at = canvas.cursor.unwrap_or_default();
    frame.set_cursor_position((at.column, at.row));
}

/// What stands at a cell of the screen, and how many of its columns lie to the left.
pub(crate) fn under(model: &Model, at: Cell) -> Option<(Target, usize)> {
    let mut buffer = Buffer::empty(Rect::new(0, 0, model.size.columns, model.size.rows));
    let mut canvas = Canvas::new(&mut buffer, Colours::None);
    view::draw(model, &mut canvas);
    let (area, target) = canvas.places.iter().rfind(|(area, _)| area.has(at))?;
    Some((*target, usize::from(at.column - area.at.column)))
}

/// What something draws into so many columns and rows, as text: rows without the blanks behind them, and none behind the
/// last; and where it has put the cursor.
pub(crate) fn rows<T>(
    columns: u16,
    rows: u16,
    draw: impl FnOnce(&mut Canvas<'_>) -> T,
) -> (Vec<SafeText>, T, Option<Cell>) {
    let mut buffer = Buffer::empty(Rect::new(0, 0, columns, rows));
    let mut canvas = Canvas::new(&mut buffer, Colours::None);
    let drawn = draw(&mut canvas);
    let cursor = canvas.cursor;
    let mut lines = Vec::new();
    for row in buffer.content.chunks(usize::from(columns).max(1)) {
        let mut line = String::new();
        let mut covered = 0;
        for cell in row {
            if covered == 0 {
                line.push_str(cell.symbol());
                covered = SafeText::line(cell.symbol()).width();
            }
            covered = covered.saturating_sub(1);
        }
        lines.push(SafeText::line(line.trim_end()));
    }
    while lines.pop_if(|line| line.as_str().is_empty()).is_some() {}
    (lines, drawn, cursor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(columns: u16, text: &str) -> (Vec<String>, u16) {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 6, 1));
        let mut canvas = Canvas::new(&mut buffer, Colours::None);
        let taken = canvas.text(Cell::default(), columns, &SafeText::line(text), Style::Plain);
        (buffer.content.iter().map(|cell| cell.symbol().to_owned()).collect(), taken)
    }

    #[test]
    fn wide_letters_take_two_cells() {
        assert_eq!(drawn(6, "漢b"), (["漢", " ", "b", " ", " ", " "].map(String::from).into(), 3));
        assert_eq!(drawn(3, "漢字"), (["漢", " ", "…", " ", " ", " "].map(String::from).into(), 3));
        assert_eq!(drawn(9, "abcdefgh").1, 6);
        assert_eq!(drawn(0, "abc").1, 0);
    }

    #[test]
    fn the_cursor_stays_inside() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 6, 2));
        let mut canvas = Canvas::new(&mut buffer, Colours::None);
        canvas.cursor(Cell { column: 70, row: 70 });
        assert_eq!(canvas.cursor_cell(), Some(Cell { column: 5, row: 1 }));
    }
}
