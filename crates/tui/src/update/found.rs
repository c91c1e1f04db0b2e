//! Letters of all folders that are like a pattern: looked for as it is typed, listed as they are found, read where they are.

use std::cmp::Reverse;

use postroad_safetext::{SafeText, safe_line};

use super::{Effects, index, letters, pager, walk};
use crate::data::{FolderRow, FoundRow};
use crate::effect::{Ask, Effect, Job};
use crate::keys::Action;
use crate::limits::{FOUND_ROWS_MAX, SEARCH_ALL_AFTER};
use crate::line_edit::LineEdit;
use crate::model::{FoundState, ListState, Model, Note, Prompt, Screen, Typing, Wanted};

/// Asks what to look for.
pub(super) fn ask(model: &mut Model) {
    let (label, edit) = ("Search all folders for: ".into(), LineEdit::default());
    model.prompt = Some(Prompt::Line { label, edit, wanted: Wanted::FindAll });
}

/// It goes on being typed: what it is like now is looked for as soon as no other key follows.
pub(super) fn typing(model: &mut Model, text: &str, effects: &mut Effects) {
    let pattern = text.trim().to_owned();
    if pattern.is_empty() {
        return left(model, effects);
    }
    stop(model, effects);
    let due = Some(model.now.since_start.saturating_add(SEARCH_ALL_AFTER));
    let before = match model.stack.pop_if(|screen| matches!(screen, Screen::Found(_))) {
        Some(Screen::Found(FoundState { typing: Some(typing), .. })) => typing.before,
        Some(Screen::Found(found)) => Some(Box::new(FoundState { job: None, ..found })),
        Some(_) | None => None,
    };
    let typing = Some(Typing { due, before });
    model.stack.push(Screen::Found(FoundState { typing, ..FoundState::of(pattern) }));
}

/// It was typed.
pub(super) fn typed(model: &mut Model, pattern: &str, effects: &mut Effects) {
    let pattern = pattern.trim().to_owned();
    if pattern.is_empty() {
        return left(model, effects);
    }
    if let Some(Screen::Found(found)) = model.stack.last_mut()
        && found.pattern == pattern
        && let Some(Typing { due: None, .. }) = found.typing
    {
        found.typing = None;
        return end(model);
    }
    stop(model, effects);
    model.stack.retain(|screen| !matches!(screen, Screen::Found(_)));
    let job = Some(model.jobs.ask(Ask::SearchAll(pattern.clone()), effects));
    model.stack.push(Screen::Found(FoundState { job, ..FoundState::of(pattern) }));
}

/// Nothing was typed after all: what was listed before is there again.
pub(super) fn left(model: &mut Model, effects: &mut Effects) {
    let Some(Screen::Found(found)) = model.stack.last_mut() else { return };
    let Some(typing) = found.typing.take() else { return };
    match typing.before {
        Some(before) => *found = *before,
        None => model.back(),
    }
    stop(model, effects);
}

/// Has them looked for once no other key was pressed for a while.
pub(super) fn keep(model: &mut Model, effects: &mut Effects) {
    let now = model.now.since_start;
    let Some(Screen::Found(found)) = model.stack.last_mut() else { return };
    let Some(typing) = &mut found.typing else { return };
    let Some(due) = typing.due else { return };
    if now < due {
        effects.push(Effect::TickAt(due));
        return;
    }
    typing.due = None;
    found.job = Some(model.jobs.ask(Ask::SearchAll(found.pattern.clone()), effects));
}

impl FoundState {
    /// Nothing that is like this yet.
    fn of(pattern: String) -> Self {
        let list = ListState::default();
        Self { pattern, rows: Vec::new(), list, job: None, wrong: None, typing: None }
    }
}

fn stop(model: &mut Model, effects: &mut Effects) {
    model.jobs.cancel(effects, |ask| matches!(ask, Ask::SearchAll(_)));
}

fn shown(model: &mut Model) -> Option<&mut FoundState> {
    model.stack.iter_mut().find_map(|screen| match screen {
        Screen::Found(found) => Some(found),
        _ => None,
    })
}

/// Some were found. Of several accounts some tell under no job.
pub(super) fn found(model: &mut Model, rows: Vec<FoundRow>, is_over: Option<Job>) {
    let Some(found) = shown(model) else { return };
    let selected = found.rows.get(found.list.selected).map(|row| row.letter);
    found.rows.extend(rows);
    found.rows.sort_by_key(|row| Reverse(row.sent));
    found.rows.truncate(FOUND_ROWS_MAX);
    // Who has gone to a letter stays there; who hasn't sees the newest.
    if let Some(letter) = selected.filter(|_| found.list.selected > 0)
        && let Some(place) = found.rows.iter().position(|row| row.letter == letter)
    {
        found.list.selected = place;
    }
    if is_over.is_some() && found.job == is_over {
        found.job = None;
        if found.typing.is_none() {
            end(model);
        }
    }
}

/// They couldn't be looked for; whether that was this search.
pub(super) fn failed(model: &mut Model, job: Job, words: &SafeText) -> bool {
    let Some(found) = shown(model).filter(|found| found.job == Some(job)) else { return false };
    found.job = None;
    found.wrong = Some(words.clone());
    // Half a pattern is none yet.
    if found.typing.is_none() {
        end(model);
    }
    true
}

/// Says what came of a search that nothing more is typed for, once that is known.
fn end(model: &mut Model) {
    let Some(found) = shown(model).filter(|found| found.job.is_none()) else { return };
    match (found.wrong.clone(), found.rows.len()) {
        (Some(words), _) => model.note = Note::Wrong(words, SafeText::default()),
        (None, 0) => model.say("Not found."),
        (None, count) => model.say(safe_line!("{} found.", letters(count).as_str())),
    }
}

pub(super) fn act(model: &mut Model, action: Action, effects: &mut Effects) {
    if walk::act(model, action) {
        return;
    }
    let Screen::Found(found) = model.screen() else { return };
    let row = found.rows.get(found.list.selected).cloned();
    match (action, row) {
        (Action::Quit, _) => {
            stop(model, effects);
            model.back();
        }
        (Action::SearchAll, _) => ask(model),
        (Action::Open, Some(row)) => read(model, &row, effects),
        (Action::Open, None) => model.say("There is no letter."),
        _ => model.say("That key does nothing here."),
    }
}

/// Reads a letter, in its folder; the list lies below it.
fn read(model: &mut Model, row: &FoundRow, effects: &mut Effects) {
    let folder = row.letter.folder;
    if model.index.as_ref().is_none_or(|index| index.folder != folder) {
        let known = model.folders.iter().find(|known| known.id == folder);
        let name = known.map_or(&row.folder, |known: &FolderRow| &known.name).clone();
        let above = model.stack.split_off(1);
        index::open(model, folder, name, effects);
        model.stack.extend(above);
    }
    pager::open_letter(model, row.letter, effects);
}
