//! Whether a letter is from whom it says, and how it travelled.

use std::sync::Arc;

use super::Effects;
use crate::data::Page;
use crate::effect::Ask;
use crate::keys::Action;
use crate::model::{ExplainState, Model, Screen};
use crate::view::explained_rows;

/// Shows it.
pub(super) fn open(model: &mut Model, effects: &mut Effects) {
    let Some(Screen::Pager(pager)) = model.stack.last() else { return };
    match pager.page.clone() {
        Some(page) => {
            let letter = page.letter;
            model.stack.push(Screen::Explain(ExplainState { page, top: 0 }));
            model.jobs.cancel(effects, |ask| matches!(ask, Ask::Explain(_)));
            model.jobs.ask(Ask::Explain(letter), effects);
        }
        None => model.say("The letter is still being read."),
    }
}

/// Signatures were checked: what is said of the letter is new, wherever it is shown.
pub(super) fn checked(model: &mut Model, checked: &Page) {
    let renew = |page: &mut Arc<Page>| {
        if page.letter == checked.letter {
            let page = Arc::make_mut(page);
            page.trust.clone_from(&checked.trust);
            page.explained.clone_from(&checked.explained);
        }
    };
    for screen in &mut model.stack {
        match screen {
            Screen::Pager(pager) => pager.page.iter_mut().for_each(renew),
            Screen::Explain(explain) => renew(&mut explain.page),
            _ => {}
        }
    }
}

fn check(model: &mut Model, effects: &mut Effects) {
    let Some(Screen::Explain(explain)) = model.stack.last() else { return };
    let letter = explain.page.letter;
    model.jobs.cancel(effects, |ask| matches!(ask, Ask::Check(_)));
    model.jobs.ask(Ask::Check(letter), effects);
    model.say("The signers' keys are asked for.");
}

pub(super) fn act(model: &mut Model, action: Action, effects: &mut Effects) {
    let rows = isize::try_from(model.body().height().max(1)).unwrap_or(isize::MAX);
    match action {
        Action::PageDown => scroll(model, rows),
        Action::PageUp => scroll(model, -rows),
        Action::LineDown => scroll(model, 1),
        Action::LineUp => scroll(model, -1),
        Action::First => scroll(model, isize::MIN),
        Action::Last => scroll(model, isize::MAX),
        Action::CheckSignatures => check(model, effects),
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
