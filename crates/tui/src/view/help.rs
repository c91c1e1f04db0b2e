//! The keys of a screen, those that fit what was typed.

use postroad_safetext::{SafeText, safe_line};

use super::Status;
use crate::canvas::{Canvas, Cell, Style};
use crate::keys::{Binding, Mutt, table};
use crate::layout::Area;
use crate::model::HelpState;

pub(super) fn draw(help: &HelpState, canvas: &mut Canvas<'_>, area: Area) -> Status {
    let mut rows = area.each_row();
    if let Some(at) = rows.next() {
        let label = SafeText::from("Find: ");
        let taken = canvas.text(at, area.columns, &label, Style::Name);
        let behind = Cell { column: at.column.saturating_add(taken), ..at };
        let room = area.columns.saturating_sub(taken);
        let caret = super::line::edit_line(&help.filter, canvas, behind, room);
        canvas.cursor(caret);
    }
    let lines = lines(help);
    let height = area.height().saturating_sub(1);
    let top = help.top.min(lines.len().saturating_sub(1));
    for (at, text) in rows.zip(lines.iter().skip(top)) {
        canvas.text(at, area.columns, text, Style::Plain);
    }
    let on = format!("{:?}", help.on).to_lowercase();
    Status {
        left: safe_line!("Keys: {on} [{}]", lines.len()),
        right: if lines.len() <= height {
            "all".into()
        } else {
            super::seen_from(top, lines.len(), height)
        },
    }
}

/// The entries that have all that was typed, in a key's name or in what it does.
pub(crate) fn lines(help: &HelpState) -> Vec<SafeText> {
    let typed = help.filter.text();
    let words: Vec<String> = typed.split_whitespace().map(str::to_lowercase).collect();
    let fits = |binding: &&Binding| {
        let keys = binding.keys.iter().map(|key| table::shown(key)).collect::<Vec<_>>().join(" ");
        // A key alone is meant as it is typed: `j` isn't `J`.
        let is_key = binding.keys.contains(&typed.trim());
        let text = format!("{keys} {} {}", binding.label, binding.help).to_lowercase();
        is_key || words.iter().all(|word| text.contains(word.as_str()))
    };
    table::of(help.on).filter(fits).map(line).collect()
}

fn line(binding: &Binding) -> SafeText {
    let keys = binding.keys.iter().map(|key| table::shown(key)).collect::<Vec<_>>().join(" ");
    let ours = match binding.mutt {
        Mutt::Same => "",
        Mutt::Ours => "  (not in mutt)",
    };
    safe_line!("{keys:<20} {}{ours}", binding.help)
}
