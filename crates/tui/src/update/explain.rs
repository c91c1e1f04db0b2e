//! Whether a letter is from whom it says, and how it travelled.

use crate::keys::Action;
use crate::model::{ExplainState, Model, Screen};
use crate::view::explained_rows;

/// Shows it.
pub(super) fn open(model: &mut Model) {
    let Some(Screen::Pager(pager)) = model.stack.last() else { return };
    match pager.page.clone() {
        Some(page) => model.stack.push(Screen::Explain(ExplainState { page, top: 0 })),
        None => model.say("The letter is still being read."),
    }
}

pub(super) fn act(model: &mut Model, action: Action) {
    let rows = isize::try_from(model.body().height().max(1)).unwrap_or(isize::MAX);
    match action {
        Action::PageDown => scroll(model, rows),
        Action::PageUp => scroll(model, -rows),
        Action::LineDown => scroll(model, 1),
        Action::LineUp => scroll(model, -1),
        Action::First => scroll(model, isize::MIN),
        Action::Last => scroll(model, isize::MAX),
        Action::Quit => model.back(),
        _ => model.say("That key does nothing here."),
    }
}

/// Rows on, or back; never past the end.
pub(super) fn scroll(model: &mut Model, by: isize) {
    let body = model.body();
    let Some(Screen::Explain(explain)) = model.stack.last_mut() else { return };
    let rows = explained_rows(&explain.page, body.columns).len();
    let most = rows.saturating_sub(body.height());
    explain.top = explain.top.saturating_add_signed(by).min(most);
}
