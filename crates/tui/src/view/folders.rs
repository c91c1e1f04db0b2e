//! The folders, as a list to choose from and beside the letters.

use postroad_safetext::{SafeText, safe_line};

use super::Status;
use crate::canvas::{Canvas, Cell, Style};
use crate::data::FolderRow;
use crate::layout::Area;
use crate::model::{FolderFor, FolderOrder, FoldersState, Model};
use crate::places::Target;

pub(super) fn draw(
    model: &Model,
    state: &FoldersState,
    canvas: &mut Canvas<'_>,
    area: Area,
) -> Status {
    let folders = model.folders_in(state.order);
    if folders.is_empty() {
        canvas.text(area.at, area.columns, &"Looking for folders...".into(), Style::Faint);
    }
    super::list(state.list, folders.len(), canvas, area, |canvas, at, place, row| {
        let Some(folder) = folders.get(place) else { return };
        let text = line(folder, place + 1);
        super::row(canvas, at, area.columns, &text, row.style());
    });
    let order = match state.order {
        FolderOrder::Name => "name",
        FolderOrder::Unread => "unread first",
        FolderOrder::Letters => "letters",
    };
    let wanted = match state.wanted {
        FolderFor::Open => "Folders",
        FolderFor::Move(_) => "Move to folder",
        FolderFor::Copy(_) => "Copy to folder",
    };
    Status {
        left: safe_line!("{wanted} [{}]---({order})", folders.len()),
        right: super::seen(state.list, folders.len(), area.height()),
    }
}

pub(super) fn line(folder: &FolderRow, number: usize) -> SafeText {
    let (unread, letters) = folder.counts.map_or_else(Default::default, |counts| {
        (counts.unread.to_string(), counts.letters.to_string())
    });
    let mark = if unread.is_empty() || unread == "0" { ' ' } else { 'N' };
    let name = folder.name.as_str();
    safe_line!("{number:>3} {mark} {unread:>6} {letters:>7}  {name}")
}

/// The folders beside the letters, and a line between.
pub(super) fn sidebar(model: &Model, canvas: &mut Canvas<'_>, area: Area) {
    let open = model.index.as_ref().map(|index| index.folder);
    let top = model.sidebar_top(area.height());
    let wide = area.columns.saturating_sub(2);
    canvas.place(area, Target::Beside);
    for (row, at) in area.each_row().enumerate() {
        if let Some(folder) = model.folders.get(top + row) {
            let is_open = Some(folder.id) == open;
            let (mark, style) = if is_open { ('>', Style::Name) } else { (' ', Style::Plain) };
            let text = beside(folder, mark, usize::from(wide));
            canvas.text(at, wide, &text, style);
            canvas.place(Area::of(at, area.columns), Target::Folder(folder.id));
        }
        let line = Cell { column: at.column.saturating_add(wide), ..at };
        canvas.text(line, 1, &"|".into(), Style::Faint);
    }
}

fn beside(folder: &FolderRow, mark: char, columns: usize) -> SafeText {
    let unread = folder.counts.map(|counts| counts.unread).filter(|unread| *unread > 0);
    let unread = unread.map(|unread| unread.to_string()).unwrap_or_default();
    let name = folder.name.clone().padded(columns.saturating_sub(unread.len() + 3));
    safe_line!("{mark} {} {unread}", name.as_str())
}
