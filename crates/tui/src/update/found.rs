//! Letters of all folders that are like a pattern: looked for, listed as they are found, read where they are.

use std::cmp::Reverse;

use postroad_safetext::safe_line;

use super::{Effects, index, letters, pager, walk};
use crate::data::{FolderRow, FoundRow};
use crate::effect::{Ask, Job};
use crate::keys::Action;
use crate::limits::FOUND_ROWS_MAX;
use crate::line_edit::LineEdit;
use crate::model::{FoundState, ListState, Model, Prompt, Screen, Wanted};

/// Asks what to look for.
pub(super) fn ask(model: &mut Model) {
    let (label, edit) = ("Search all folders for: ".into(), LineEdit::default());
    model.prompt = Some(Prompt::Line { label, edit, wanted: Wanted::FindAll });
}

/// It was typed.
pub(super) fn typed(model: &mut Model, pattern: &str, effects: &mut Effects) {
    let pattern = pattern.trim().to_owned();
    if pattern.is_empty() {
        return;
    }
    stop(model, effects);
    model.stack.retain(|screen| !matches!(screen, Screen::Found(_)));
    let job = Some(model.jobs.ask(Ask::SearchAll(pattern.clone()), effects));
    let (rows, list) = (Vec::new(), ListState::default());
    model.stack.push(Screen::Found(FoundState { pattern, rows, list, job }));
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
        let words = match found.rows.len() {
            0 => "Not found.".into(),
            count => safe_line!("{} found.", letters(count).as_str()),
        };
        model.say(words);
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
