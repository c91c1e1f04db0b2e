//! People whom the user knows: those who fit what is being typed into a field of addresses, and the list of all.

use std::collections::BTreeSet;
use std::sync::Arc;

use postroad_safetext::safe_line;

use super::{Effects, compose, walk};
use crate::data::Field;
use crate::effect::{Ask, PeopleAsk};
use crate::keys::{Action, Key as Pressed};
use crate::limits::OFFERED_MAX;
use crate::line_edit::LineEdit;
use crate::model::{Choice, ListState, Model, PeopleState, Prompt, Screen, Wanted, Whom};
use crate::people::{PersonRow, completed, last_of};

/// Whether a key was for those who are offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Taken,
    Free,
}

/// Whether addresses are typed.
fn are_addresses(wanted: &Wanted) -> bool {
    match wanted {
        Wanted::Field(field) | Wanted::First(field) => *field != Field::Subject,
        Wanted::Bounce(_) => true,
        Wanted::OpenFolder
        | Wanted::MoveTo(_)
        | Wanted::CopyTo(_)
        | Wanted::Pipe(_)
        | Wanted::PipeParts { .. }
        | Wanted::Shell
        | Wanted::Command
        | Wanted::Find(_)
        | Wanted::FindAll
        | Wanted::InText(_)
        | Wanted::ReplaceBy(_)
        | Wanted::Within(_)
        | Wanted::InList(_)
        | Wanted::Each(_)
        | Wanted::Jump
        | Wanted::Attach
        | Wanted::Query
        | Wanted::Alias(_)
        | Wanted::MakeFolder(_)
        | Wanted::RenameFolder(_)
        | Wanted::SaveParts { .. } => false,
    }
}

/// Those who fit what is being typed now, those first who are written to most; nobody where an address is whole.
pub(crate) fn offered(model: &Model) -> Vec<&PersonRow> {
    match &model.prompt {
        Some(Prompt::Line { edit, wanted, .. }) if are_addresses(wanted) => {
            fitting(&model.people, edit)
        }
        _ => Vec::new(),
    }
}

/// Those who fit the address that the caret stands behind, wherever in the field that is.
fn fitting<'p>(people: &'p [PersonRow], edit: &LineEdit) -> Vec<&'p PersonRow> {
    let (before, behind) = edit.halves();
    let last = last_of(before).1.trim_end();
    let is_end = behind.trim_start().is_empty() || behind.trim_start().starts_with([',', ';']);
    if last.is_empty() || !is_end {
        return Vec::new();
    }
    let fitting: Vec<_> = people.iter().filter(|row| row.fits(last)).take(OFFERED_MAX).collect();
    if fitting.iter().any(|row| row.typed == last) { Vec::new() } else { fitting }
}

/// A key while addresses are typed: Tab (as in mutt, `^T` too) takes the one that was gone to by the arrows, else the
/// first; Enter takes one that was gone to.
pub(super) fn key(model: &mut Model, key: Pressed, wanted: &Wanted, edit: &mut LineEdit) -> Key {
    if !are_addresses(wanted) {
        return Key::Free;
    }
    let people = Arc::clone(&model.people);
    let offered = fitting(&people, edit);
    let picked = model.picked.take().filter(|place| *place < offered.len());
    let taken = match key {
        Pressed::Tab | Pressed::Ctrl('t') => picked.or(Some(0)),
        Pressed::Enter => picked,
        Pressed::Down | Pressed::Up if offered.is_empty() => return Key::Free,
        Pressed::Down => {
            let next = picked.map_or(0, |place| place + 1);
            model.picked = Some(next.min(offered.len().saturating_sub(1)));
            return Key::Taken;
        }
        Pressed::Up => {
            // Above the first one is what was typed.
            model.picked = picked.and_then(|place| place.checked_sub(1));
            return Key::Taken;
        }
        _ => None,
    };
    match taken.and_then(|place| offered.get(place)) {
        Some(person) => {
            let whole = completed(edit.halves().0, person);
            edit.put_before(&whole);
            Key::Taken
        }
        None => Key::Free,
    }
}

/// The address book was read.
pub(super) fn came(model: &mut Model, people: Arc<[PersonRow]>) {
    for screen in &mut model.stack {
        if let Screen::People(state) = screen {
            state.rows = found(&people, &state.words);
        }
    }
    model.people = people;
}

fn found(people: &[PersonRow], words: &str) -> Vec<PersonRow> {
    people.iter().filter(|row| row.fits(words)).cloned().collect()
}

/// Asks whom to look for.
pub(super) fn ask(model: &mut Model) {
    let words = match model.screen() {
        Screen::People(state) => state.words.clone(),
        _ => String::new(),
    };
    model.prompt = Some(Prompt::Line {
        label: "Query: ".into(),
        edit: LineEdit::of(words),
        wanted: Wanted::Query,
    });
}

/// Shows those who fit.
pub(super) fn show(model: &mut Model, words: String) {
    let rows = found(&model.people, &words);
    if rows.is_empty() {
        return model.say(match words.trim() {
            "" => "Nobody is known yet: whom you write to is learnt.",
            _ => "Nobody whom you know fits that.",
        });
    }
    let mut tagged = BTreeSet::new();
    if let Some(Screen::People(shown)) = model.stack.last() {
        tagged.clone_from(&shown.tagged);
    }
    let state = PeopleState { words, rows, list: ListState::default(), tagged };
    match model.stack.last_mut() {
        Some(Screen::People(shown)) => *shown = state,
        _ => model.stack.push(Screen::People(state)),
    }
}

/// Asks for a short name.
pub(super) fn ask_alias(model: &mut Model, whom: Whom, proposed: &str) {
    model.prompt = Some(Prompt::Line {
        label: "Alias as: ".into(),
        edit: LineEdit::of(proposed.to_owned()),
        wanted: Wanted::Alias(whom),
    });
}

/// It was typed.
pub(super) fn call(model: &mut Model, whom: Whom, alias: String, effects: &mut Effects) {
    let alias = alias.trim().to_owned();
    if alias.is_empty() {
        return;
    }
    let ask = match whom {
        Whom::Author(letter) => PeopleAsk::CallAuthor { alias, letter },
        Whom::Known(to) => PeopleAsk::Call { alias, to },
    };
    model.jobs.ask(Ask::People(ask), effects);
}

/// Chooses somebody for the next letter, or not, and goes on to the next one.
fn tag(model: &mut Model, typed: String) {
    let Some(Screen::People(state)) = model.stack.last_mut() else { return };
    if !state.tagged.remove(&typed) {
        state.tagged.insert(typed);
    }
    state.list = state.list.moved(1, state.rows.len());
}

pub(super) fn act(model: &mut Model, action: Action, effects: &mut Effects) {
    if walk::act(model, action) {
        return;
    }
    let Screen::People(state) = model.screen() else { return };
    let row = state.rows.get(state.list.selected).cloned();
    match (action, row) {
        (Action::Quit, _) => model.back(),
        (Action::Query, _) => ask(model),
        (_, None) => model.say("There is nobody."),
        (Action::Tag, Some(row)) => tag(model, row.typed),
        // In the order of the address book, whatever order they were chosen in; those too who aren't listed now.
        (Action::Mail, Some(row)) => {
            let tagged = model.people.iter().filter(|row| state.tagged.contains(&row.typed));
            let tagged: Vec<&str> = tagged.map(|row| row.typed.as_str()).collect();
            let to = if tagged.is_empty() { row.typed } else { tagged.join(", ") };
            compose::begin_to(model, to, effects);
        }
        (Action::CreateAlias, Some(row)) => {
            let proposed = row.name.as_str().split_whitespace().next().unwrap_or_default();
            ask_alias(model, Whom::Known(row.typed), &proposed.to_lowercase());
        }
        (Action::Discard, Some(row)) => {
            let word = row.alias.as_ref().unwrap_or(&row.address);
            let words = safe_line!("Remove {}?", word.clone().cut(40).as_str());
            let wanted = Choice::Forget(word.as_str().to_owned());
            model.prompt = Some(Prompt::Choice { words, wanted });
        }
        _ => model.say("That key does nothing here."),
    }
}
