//! The mouse. What stands under it is asked of the view; what it does is what a key does that is there.

use std::time::Duration;

use super::{Effects, act, desk, editor, entries, explain, find, folders, list_mut, pager, prompt};
use crate::canvas::{self, Cell};
use crate::keys::{Action, Key, table};
use crate::limits::{DOUBLE_CLICK, WHEEL_ROWS};
use crate::line_edit::LineEdit;
use crate::model::{FolderFor, ListState, Model, Note, Pending, Prompt, Reach, Screen};
use crate::msg::{Mouse, MouseDoes};
use crate::places::Target;

pub(super) fn moused(model: &mut Model, mouse: Mouse, effects: &mut Effects) {
    // What is under it may be another letter in a moment.
    if find::is_awaited(model) {
        return;
    }
    model.pending = Pending::Nothing;
    let under = canvas::under(model, mouse.at);
    let target = under.map_or(Target::Nothing, |(target, _)| target);
    match mouse.does {
        MouseDoes::Click => {
            let opened = model.opened.take();
            if !opened.is_some_and(|opened| is_same_click(model, opened, mouse.at)) {
                let column = under.map_or(0, |(_, column)| column);
                clicked(model, (target, column), mouse.at, effects);
            }
        }
        MouseDoes::ScrollUp => wheeled(model, target, Wheel::Up, effects),
        MouseDoes::ScrollDown => wheeled(model, target, Wheel::Down, effects),
    }
}

/// Whether the click belongs to one that has opened something: who clicks twice on what is selected means one thing.
fn is_same_click(model: &Model, (when, at): (Duration, Cell), here: Cell) -> bool {
    at == here && model.now.since_start.saturating_sub(when) <= DOUBLE_CLICK
}

fn clicked(model: &mut Model, (target, column): (Target, usize), at: Cell, effects: &mut Effects) {
    match (&mut model.prompt, target) {
        (Some(Prompt::Line { edit, .. }), Target::Typed(from)) => {
            edit.go(from.saturating_add(column));
            model.picked = None;
        }
        (Some(Prompt::Line { .. }), Target::Offered(place)) => {
            model.picked = Some(place);
            prompt::key(model, Key::Tab, effects);
        }
        (Some(Prompt::Line { edit, .. }), Target::Command(name)) => {
            *edit = LineEdit::of(name.to_owned());
            prompt::key(model, Key::Enter, effects);
        }
        (Some(Prompt::Choice { .. } | Prompt::Letter { .. }), Target::Answer(key)) => {
            prompt::key(model, key, effects);
        }
        // What is asked is asked about what stands there now.
        (Some(_), _) => {}
        (None, Target::Entry(place)) => entry(model, place, at, effects),
        (None, Target::Folder(id)) => {
            if let Some(folder) = model.folders.iter().find(|row| row.id == id).cloned() {
                folders::take(model, FolderFor::Open, &folder, effects);
            }
        }
        (None, Target::Writing(id)) => desk::go_to(model, id),
        (None, Target::Key(name)) => key(model, name, effects),
        (None, Target::Text { line, before }) => {
            model.note = Note::Nothing;
            editor::go(model, line, before.saturating_add(column));
        }
        (None, Target::Typed(from)) => {
            if let Some(Screen::Help(help)) = model.stack.last_mut() {
                help.filter.go(from.saturating_add(column));
            }
        }
        (
            None,
            Target::Nothing
            | Target::Beside
            | Target::Answer(_)
            | Target::Offered(_)
            | Target::Command(_),
        ) => {}
    }
}

/// The first click selects, the second one does what Enter does.
fn entry(model: &mut Model, place: usize, at: Cell, effects: &mut Effects) {
    let Some(list) = list_mut(model) else { return };
    if list.selected == place {
        model.opened = Some((model.now.since_start, at));
        return key(model, "Enter", effects);
    }
    *list = ListState { selected: place, ..*list };
    model.note = Note::Nothing;
    model.reach = Reach::Selected;
}

/// A key that is told somewhere, or Enter.
fn key(model: &mut Model, name: &str, effects: &mut Effects) {
    if let Some(binding) = table::named(model.on(), name) {
        model.note = Note::Nothing;
        act(model, binding, effects);
    }
}

/// The way that the wheel was turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wheel {
    Up,
    Down,
}

impl Wheel {
    /// The arrow that does a row of it.
    fn arrow(self) -> Key {
        match self {
            Self::Up => Key::Up,
            Self::Down => Key::Down,
        }
    }

    fn rows(self) -> isize {
        let rows = isize::try_from(WHEEL_ROWS).unwrap_or(1);
        match self {
            Self::Up => -rows,
            Self::Down => rows,
        }
    }
}

/// It moves what is under it: what was typed before, those who are offered, the folders beside the letters, else the screen.
fn wheeled(model: &mut Model, target: Target, wheel: Wheel, effects: &mut Effects) {
    match (&model.prompt, target) {
        (Some(Prompt::Line { .. }), Target::Typed(_) | Target::Offered(_)) => {
            return prompt::key(model, wheel.arrow(), effects);
        }
        (_, Target::Beside | Target::Folder(_)) => {
            return folders::scroll_beside(model, wheel.rows());
        }
        _ => {}
    }
    let is_asked = model.prompt.is_some();
    match model.stack.last() {
        Some(Screen::Pager(_)) => pager::scroll(model, wheel.rows()),
        Some(Screen::Explain(_)) => explain::scroll(model, wheel.rows()),
        // What is selected, or where the caret is, is what is asked about.
        _ if is_asked => {}
        Some(Screen::Editor(_)) => {
            (0..WHEEL_ROWS).for_each(|_| editor::key(model, wheel.arrow()));
        }
        Some(Screen::Help(_)) => {
            let action = if wheel == Wheel::Up { Action::LineUp } else { Action::LineDown };
            (0..WHEEL_ROWS).for_each(|_| super::help::act(model, action));
        }
        _ => {
            let entries = entries(model);
            if let Some(list) = list_mut(model) {
                *list = list.moved(wheel.rows(), entries);
            }
        }
    }
}
