//! Moving about in whatever list is on the screen: by rows and pages, by numbers, to entries that are like what is typed.

use postroad_safetext::safe_line;
use regex::RegexBuilder;

use crate::keys::Action;
use crate::limits::PATTERN_OCTETS_MAX;
use crate::line_edit::LineEdit;
use crate::model::{ListState, Model, Prompt, Screen, Towards, Wanted};
use crate::view;

/// The list on the screen, if it is one.
pub(super) fn list_mut(model: &mut Model) -> Option<&mut ListState> {
    match model.stack.last_mut() {
        Some(Screen::Index) | None => model.index.as_mut().map(|index| &mut index.list),
        Some(Screen::Folders(state)) => Some(&mut state.list),
        Some(Screen::Outbox(list)) => Some(list),
        Some(Screen::People(people)) => Some(&mut people.list),
        Some(Screen::Save(save) | Screen::Links(save)) => Some(&mut save.list),
        Some(Screen::Compose(id)) => model.desk.get_mut(*id).map(|compose| &mut compose.list),
        Some(Screen::Found(found)) => Some(&mut found.list),
        Some(Screen::Pager(_) | Screen::Help(_) | Screen::Explain(_) | Screen::Editor(_)) => None,
    }
}

/// How many entries that list has.
pub(crate) fn entries(model: &Model) -> usize {
    match model.screen() {
        Screen::Index => model.index.as_ref().map_or(0, |index| index.heads().len()),
        Screen::Folders(_) => model.folders.len(),
        Screen::Outbox(_) => model.outbox.len() + model.drafts.len(),
        Screen::People(people) => people.rows.len(),
        Screen::Save(save) => save.page.parts.len(),
        Screen::Links(save) => save.page.links.len(),
        Screen::Found(found) => found.rows.len(),
        Screen::Compose(id) => {
            let draft = model.desk.get(*id).and_then(|compose| compose.draft.as_ref());
            draft.map_or(0, |draft| draft.attachments.len() + 1)
        }
        Screen::Pager(_) | Screen::Help(_) | Screen::Explain(_) | Screen::Editor(_) => 0,
    }
}

/// How many rows it has on the screen.
pub(super) fn rows(model: &Model) -> usize {
    match model.screen() {
        Screen::Compose(id) => match model.desk.get(*id) {
            Some(compose) => view::compose_list(compose, model.body()).height(),
            None => 0,
        },
        _ => model.body().height(),
    }
}

/// What a key of every list does; false where the action isn't one of these.
pub(super) fn act(model: &mut Model, action: Action) -> bool {
    match action {
        Action::Search => ask(model, Towards::End),
        Action::SearchBack => ask(model, Towards::Beginning),
        Action::SearchNext => next(model),
        action => return walk(model, action),
    }
    true
}

/// What moves about in a list; false where the action isn't one of these.
pub(super) fn walk(model: &mut Model, action: Action) -> bool {
    let (rows, entries) = (rows(model).max(1), entries(model));
    let Some(list) = list_mut(model) else { return false };
    let last = entries.saturating_sub(1);
    let bottom = (list.top + rows - 1).min(last);
    let by = |by: usize| isize::try_from(by).unwrap_or(isize::MAX);
    let before = *list;
    *list = match action {
        Action::Next | Action::NextAny => list.moved(1, entries),
        Action::Previous | Action::PreviousAny => list.moved(-1, entries),
        Action::PageDown => list.moved(by(rows), entries),
        Action::PageUp => list.moved(-by(rows), entries),
        Action::HalfDown => list.moved(by((rows / 2).max(1)), entries),
        Action::HalfUp => list.moved(-by((rows / 2).max(1)), entries),
        Action::First => ListState { selected: 0, ..before },
        Action::Last => ListState { selected: last, ..before },
        // Of what is in sight: a short list ends before the window does.
        Action::PageTop => ListState { selected: before.top, ..before },
        Action::PageMiddle => {
            ListState { selected: before.top + (bottom - before.top.min(bottom)) / 2, ..before }
        }
        Action::PageBottom => ListState { selected: bottom, ..before },
        // What is selected stays, as long as it is in sight.
        Action::LineDown => {
            let top = (before.top + 1).min(entries.saturating_sub(rows));
            ListState { selected: before.selected.max(top), top }
        }
        Action::LineUp => {
            let top = before.top.saturating_sub(1);
            ListState { selected: before.selected.min((top + rows - 1).min(last)), top }
        }
        _ => return false,
    };
    let stood_still = *list == before;
    match action {
        Action::Next | Action::NextAny | Action::LineDown if stood_still => {
            model.say("You are on the last entry.");
        }
        Action::Previous | Action::PreviousAny | Action::LineUp if stood_still => {
            model.say("You are on the first entry.");
        }
        _ => {}
    }
    true
}

/// To the entry with a number.
pub(super) fn jump(model: &mut Model, number: &str) {
    let entries = entries(model);
    let place = number.trim().parse().ok().and_then(|number: usize| number.checked_sub(1));
    match (place.filter(|place| *place < entries), list_mut(model)) {
        (Some(place), Some(list)) => list.selected = place,
        _ => model.say("There is none with that number."),
    }
}

/// Asks what to look for.
fn ask(model: &mut Model, towards: Towards) {
    let label = match towards {
        Towards::End => "Search for: ",
        Towards::Beginning => "Reverse search for: ",
    };
    let (label, edit, wanted) = (label.into(), LineEdit::default(), Wanted::InList(towards));
    model.prompt = Some(Prompt::Line { label, edit, wanted });
}

/// It was typed: a regular expression, as in mutt; without a capital letter in it capitals don't matter. Nothing is the same as before.
pub(super) fn typed(model: &mut Model, towards: Towards, text: &str) {
    if text.is_empty() {
        let Some((_, way)) = &mut model.sought else { return };
        *way = towards;
    } else {
        let pattern = RegexBuilder::new(text)
            .case_insensitive(!text.chars().any(char::is_uppercase))
            .size_limit(PATTERN_OCTETS_MAX)
            .build();
        let Ok(pattern) = pattern else {
            let shown = postroad_safetext::SafeText::line(text).cut(40);
            return model.say(safe_line!("{} is no regular expression.", shown.as_str()));
        };
        model.sought = Some((pattern, towards));
    }
    next(model);
}

/// To the next entry that is like it, round the end.
fn next(model: &mut Model) {
    let Some((pattern, towards)) = model.sought.clone() else { return ask(model, Towards::End) };
    let entries = entries(model);
    let Some(here) = list_mut(model).map(|list| list.selected) else { return };
    let places = (1..=entries).map(|far| match towards {
        Towards::End => (here + far) % entries,
        Towards::Beginning => (here + entries - far) % entries,
    });
    let is_like = |place: &usize| {
        view::entry(model, *place).is_some_and(|entry| pattern.is_match(entry.as_str()))
    };
    let found = places.into_iter().find(is_like);
    match (found, list_mut(model)) {
        (Some(place), Some(list)) => {
            list.selected = place;
            match towards {
                Towards::End if place <= here => model.say("Search wrapped to top."),
                Towards::Beginning if place >= here => model.say("Search wrapped to bottom."),
                Towards::End | Towards::Beginning => {}
            }
        }
        _ => model.say("Not found."),
    }
}
