//! What was typed before, had back by Up (`^P`): what was typed for the same kind of question.

use super::people::Key;
use crate::data::Field;
use crate::keys::Key as Pressed;
use crate::limits::TYPED_BEFORE_MAX;
use crate::line_edit::LineEdit;
use crate::model::{Model, Wanted};
use crate::screens::History;

/// What a line belongs to; nothing where it isn't kept: a number, a name.
fn of(wanted: &Wanted) -> Option<History> {
    match wanted {
        Wanted::OpenFolder
        | Wanted::MoveTo(_)
        | Wanted::CopyTo(_)
        | Wanted::MakeFolder(_)
        | Wanted::RenameFolder(_) => Some(History::Folder),
        Wanted::Find(_) | Wanted::FindAll | Wanted::Each(_) => Some(History::Pattern),
        Wanted::Within(_) | Wanted::InList(_) | Wanted::InText(_) => Some(History::Words),
        Wanted::ReplaceBy(_) => Some(History::Replacement),
        Wanted::Pipe(_) | Wanted::PipeParts { .. } | Wanted::Shell => Some(History::Program),
        Wanted::Command => Some(History::Command),
        Wanted::Attach | Wanted::SaveParts { .. } => Some(History::File),
        Wanted::Field(Field::Subject) | Wanted::First(Field::Subject) => Some(History::Subject),
        Wanted::Field(_) | Wanted::First(_) | Wanted::Bounce(_) => Some(History::Address),
        Wanted::Query => Some(History::Query),
        Wanted::Jump | Wanted::Alias(_) => None,
    }
}

/// Keeps what was typed, once, as the last thing.
pub(super) fn remember(model: &mut Model, wanted: &Wanted, text: &str) {
    model.histories.recalled = None;
    let Some(history) = of(wanted).filter(|_| !text.trim().is_empty()) else { return };
    let typed = model.histories.typed.entry(history).or_default();
    typed.retain(|known| known != text);
    typed.push(text.to_owned());
    if typed.len() > TYPED_BEFORE_MAX {
        typed.remove(0);
    }
}

/// Up and Down, where nobody is offered for them; what was being typed stands below the last thing.
pub(super) fn key(model: &mut Model, key: Pressed, wanted: &Wanted, edit: &mut LineEdit) -> Key {
    let recalled = model.histories.recalled.take();
    let is_up = match key {
        Pressed::Up | Pressed::Ctrl('p') => true,
        Pressed::Down | Pressed::Ctrl('n') => false,
        _ => return Key::Free,
    };
    let Some(typed) = of(wanted).and_then(|history| model.histories.typed.get(&history)) else {
        return Key::Taken;
    };
    let (place, own) = recalled.unwrap_or_else(|| (typed.len(), edit.text().to_owned()));
    let place = if is_up { place.saturating_sub(1) } else { place.saturating_add(1) };
    match typed.get(place) {
        Some(before) => {
            *edit = LineEdit::of(before.clone());
            model.histories.recalled = Some((place, own));
        }
        None => *edit = LineEdit::of(own),
    }
    Key::Taken
}
