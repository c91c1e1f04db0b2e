//! The text of a letter that is typed here, wrapped.

use postroad_safetext::{SafeText, safe_line};

use super::Status;
use crate::canvas::{Canvas, Cell, Style};
use crate::layout::Area;
use crate::model::EditorState;
use crate::places::Target;

pub(super) fn draw(editor: &EditorState, canvas: &mut Canvas<'_>, area: Area) -> Status {
    let columns = usize::from(area.columns).max(1);
    let caret = editor.text.caret();
    let (caret_row, caret_column) = editor.text.caret_in_row(columns);
    // Below the text is its end.
    canvas.place(area, Target::Text { line: usize::MAX, before: usize::MAX });
    let mut cells = area.each_row();
    let mut skipped = editor.left;
    'lines: for line in editor.top..editor.text.len() {
        for (place, row) in editor.text.rows(line, columns).iter().enumerate().skip(skipped) {
            let Some(at) = cells.next() else { break 'lines };
            canvas.place(Area::of(at, area.columns), Target::Text { line, before: row.before });
            let quoted = row.text.as_str().starts_with('>');
            canvas.text(
                at,
                area.columns,
                &row.text,
                if quoted { Style::Quote(1) } else { Style::Plain },
            );
            if line == caret.line && place == caret_row {
                if let Some(octets) = editor.search.as_ref().and_then(|search| search.found) {
                    let words = SafeText::line(editor.text.words_here(octets));
                    let columns = u16::try_from(words.width()).unwrap_or(u16::MAX);
                    let column = u16::try_from(caret_column).unwrap_or(u16::MAX);
                    let at = Cell { column: at.column.saturating_add(column), ..at };
                    let left = area.columns.saturating_sub(column);
                    canvas.restyle(at, columns.min(left), Style::Found);
                }
                let column = u16::try_from(caret_column).unwrap_or(u16::MAX);
                // Behind a row that is full it stands on its last column.
                let column = column.min(area.columns.saturating_sub(1));
                canvas.cursor(Cell { column: at.column.saturating_add(column), ..at });
            }
        }
        skipped = 0;
    }
    let (line, lines) = (caret.line + 1, editor.text.len());
    let kept = if editor.changed.is_some() { "---(being kept)" } else { "" };
    Status {
        left: safe_line!(
            "Text [line {line} of {lines}, column {}]{kept}",
            editor.text.caret_column() + 1
        ),
        right: super::seen_from(editor.top, lines, area.height()),
    }
}
