//! The list of keys: what is typed finds some of them.

use crate::keys::{Action, Key};
use crate::model::{Model, Screen};

pub(super) fn key(model: &mut Model, key: Key) {
    let Some(Screen::Help(help)) = model.stack.last_mut() else { return };
    // Who knows q as the way out is right, as long as nothing is being looked for.
    if key == Key::Char('q') && help.filter.text().is_empty() {
        return model.back();
    }
    if key == Key::Ctrl('g') {
        return model.back();
    }
    help.filter.key(key);
    help.top = 0;
}

pub(super) fn act(model: &mut Model, action: Action) {
    let rows = isize::try_from(model.body().height().saturating_sub(1)).unwrap_or(isize::MAX);
    let by = match action {
        Action::LineDown => 1,
        Action::LineUp => -1,
        Action::PageDown => rows,
        Action::PageUp => -rows,
        Action::First => isize::MIN,
        Action::Last => isize::MAX,
        _ => return model.back(),
    };
    if let Some(Screen::Help(help)) = model.stack.last_mut() {
        let rows = usize::try_from(rows).unwrap_or_default();
        let most = crate::view::help_lines(help).len().saturating_sub(rows);
        help.top = help.top.saturating_add_signed(by).min(most);
    }
}
