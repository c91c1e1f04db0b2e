//! The text of a letter, typed here: where the user has named no editor, or it can't be started.
//!
//! It is written to the draft a second after it was changed, and when it is left: whatever kills the program takes no more than that
//! second with it.

use postroad_safetext::safe_line;
use regex::{Regex, RegexBuilder};

use super::Effects;
use crate::data::DraftId;
use crate::desk::{Text, WritingId};
use crate::effect::{Ask, Effect};
use crate::keys::{Action, Key};
use crate::limits::TEXT_SAVED_AFTER;
use crate::line_edit::LineEdit;
use crate::model::{
    ComposeState, EditorState, Model, OneOf, Prompt, Screen, Sought, TextSearch, Wanted,
};
use crate::text_edit::{From, TextEdit};

/// The text has come, to be changed.
pub(super) fn open(model: &mut Model, draft: &DraftId, text: &str) {
    let Some(letter) = model.desk.of_draft(draft) else { return };
    let id = letter.id;
    letter.text = match std::mem::take(&mut letter.text) {
        Text::OnDisk => Text::Typed(Box::new(EditorState {
            draft: draft.clone(),
            text: TextEdit::of(text),
            top: 0,
            left: 0,
            changed: None,
            search: None,
        })),
        // What is typed here is newer.
        Text::Typed(editor) | Text::Left(editor) => Text::Typed(editor),
    };
    show(model, id);
}

/// On top of the letter, wherever that is shown; a letter that was left has it when somebody goes back to it.
fn show(model: &mut Model, id: WritingId) {
    let is_it = |screen: &Screen| matches!(screen, Screen::Editor(shown) if *shown == id);
    let place = model.stack.iter().position(|screen| screen.writing() == Some(id));
    if let Some(place) = place
        && !model.stack.iter().any(is_it)
    {
        if place + 1 == model.stack.len() {
            // What was asked for a field is behind it.
            model.prompt = None;
        }
        model.stack.insert(place + 1, Screen::Editor(id));
    }
}

/// The text that was left is changed again.
pub(super) fn reopen(model: &mut Model) {
    let Some(letter) = model.desk.shown(&model.stack) else { return };
    letter.text = match std::mem::take(&mut letter.text) {
        Text::Left(editor) => Text::Typed(editor),
        text => text,
    };
    let id = letter.id;
    if matches!(letter.text, Text::Typed(_)) {
        show(model, id);
    }
}

/// It is on disk as it was when that was asked for.
pub(super) fn kept(letter: &mut ComposeState) {
    if matches!(&letter.text, Text::Left(editor) if editor.changed.is_none()) {
        letter.text = Text::OnDisk;
    }
}

fn shown(model: &mut Model) -> Option<&mut EditorState> {
    match model.stack.last() {
        Some(Screen::Editor(id)) => model.desk.get_mut(*id)?.text_mut(),
        _ => None,
    }
}

/// A key that the table has nothing for.
pub(super) fn key(model: &mut Model, key: Key) {
    let page = model.body().height();
    let now = model.now.since_start;
    let Some(editor) = shown(model) else { return };
    let before = editor.text.changes();
    if !editor.text.key(key, page) {
        return model.say("Key is not bound.  ^G: keys");
    }
    if editor.text.changes() != before {
        editor.changed.get_or_insert(now);
    }
}

pub(super) fn paste(model: &mut Model, text: &str) {
    let now = model.now.since_start;
    let Some(editor) = shown(model) else { return };
    editor.text.paste(text);
    editor.changed.get_or_insert(now);
}

pub(super) fn act(model: &mut Model, action: Action, effects: &mut Effects) {
    let now = model.now.since_start;
    let Some(editor) = shown(model) else { return };
    let before = editor.text.changes();
    match action {
        Action::First => editor.text.first(),
        Action::Last => editor.text.last(),
        Action::CutLine => editor.text.cut_line(),
        Action::PutLine => editor.text.put(),
        Action::UndoText if editor.text.undo() => {}
        Action::UndoText => return model.say("There is nothing to undo."),
        Action::RedoText if editor.text.redo() => {}
        Action::RedoText => return model.say("There is nothing to have again."),
        Action::Search => return ask_for_words(model, Sought::Found),
        Action::Replace => return ask_for_words(model, Sought::Replaced),
        Action::SearchNext => return again(model),
        Action::Quit => return close(model, effects),
        _ => return model.say("That key does nothing here."),
    }
    if editor.text.changes() != before {
        editor.changed.get_or_insert(now);
    }
}

/// Asks what to look for.
fn ask_for_words(model: &mut Model, sought: Sought) {
    let label = match sought {
        Sought::Found => "Find: ",
        Sought::Replaced => "Replace: ",
    };
    let (edit, wanted) = (LineEdit::default(), Wanted::InText(sought));
    model.prompt = Some(Prompt::Line { label: label.into(), edit, wanted });
}

/// It was typed: words as they are; without a capital letter in them capitals don't matter.
pub(super) fn words_typed(model: &mut Model, sought: Sought, text: &str) {
    if text.is_empty() {
        return if sought == Sought::Found {
            again(model)
        };
    }
    if sought == Sought::Replaced {
        let edit = LineEdit::default();
        let wanted = Wanted::ReplaceBy(text.to_owned());
        model.prompt = Some(Prompt::Line { label: "Replace by: ".into(), edit, wanted });
        return;
    }
    let (Some(words), Some(editor)) = (pattern(text), shown(model)) else { return };
    editor.search = Some(TextSearch { words, by: None, found: None, replaced: 0 });
    again(model);
}

fn pattern(text: &str) -> Option<Regex> {
    RegexBuilder::new(&regex::escape(text))
        .case_insensitive(!text.chars().any(char::is_uppercase))
        .build()
        .ok()
}

/// To the next words that were looked for.
fn again(model: &mut Model) {
    let Some(editor) = shown(model) else { return };
    let Some(search) = &editor.search else { return ask_for_words(model, Sought::Found) };
    let before = editor.text.caret();
    if editor.text.find(&search.words, From::BehindRound).is_none() {
        return model.say("Not found.");
    }
    if editor.text.caret() <= before {
        model.say("Search wrapped to top.");
    }
}

/// What comes in the place of words was typed: each of them is asked about, from the caret to the end.
pub(super) fn replacement_typed(model: &mut Model, words: &str, by: String) {
    let (Some(words), Some(editor)) = (pattern(words), shown(model)) else { return };
    editor.search = Some(TextSearch { words, by: Some(by), found: None, replaced: 0 });
    ask_about_next(model, From::Here);
}

fn ask_about_next(model: &mut Model, from: From) {
    let Some(editor) = shown(model) else { return };
    let Some(search) = &mut editor.search else { return };
    search.found = editor.text.find(&search.words, from);
    if search.found.is_none() {
        return replaced(model);
    }
    let words = "Replace it? (y)es, (n)o, (a)ll:".into();
    model.prompt = Some(Prompt::Letter { words, wanted: OneOf::Replace });
}

/// `y`, `n`, or `a` for it and all behind it; anything else ends it.
pub(super) fn answered(model: &mut Model, letter: char) {
    let now = model.now.since_start;
    let Some(editor) = shown(model) else { return };
    let Some(search) = &mut editor.search else { return };
    let (Some(by), Some(found)) = (search.by.clone(), search.found.take()) else { return };
    match letter.to_ascii_lowercase() {
        'n' => return ask_about_next(model, From::Behind),
        'y' => {
            if !editor.text.replace(found, &by) {
                return replaced(model);
            }
            search.replaced += 1;
        }
        'a' => {
            let mut found = Some(found);
            while let Some(octets) = found {
                if !editor.text.replace(octets, &by) {
                    break;
                }
                search.replaced += 1;
                found = editor.text.find(&search.words, From::Here);
            }
        }
        _ => return replaced(model),
    }
    editor.changed.get_or_insert(now);
    if letter.eq_ignore_ascii_case(&'y') {
        ask_about_next(model, From::Here)
    } else {
        replaced(model)
    }
}

/// Says how many were replaced.
pub(super) fn replaced(model: &mut Model) {
    let Some(editor) = shown(model) else { return };
    let Some(search) = &mut editor.search else { return };
    (search.by, search.found) = (None, None);
    let words = match search.replaced {
        0 => "Nothing was replaced.".into(),
        count => safe_line!("{count} replaced.  ^_: undo"),
    };
    model.say(words);
}

/// Back to the letter; its text is on disk before anything else is done with it.
fn close(model: &mut Model, effects: &mut Effects) {
    let Some(letter) = model.desk.shown(&model.stack) else { return };
    letter.text = match std::mem::take(&mut letter.text) {
        Text::Typed(mut editor) => {
            editor.changed = None;
            let (draft, text) = (editor.draft.clone(), editor.text.text());
            model.jobs.ask(Ask::SaveText(draft, text.into()), effects);
            Text::Left(editor)
        }
        text => text,
    };
    model.back();
}

/// Has all texts written that were changed a while ago.
pub(super) fn keep(model: &mut Model, effects: &mut Effects) {
    let now = model.now.since_start;
    for editor in model.desk.letters_mut().filter_map(ComposeState::text_mut) {
        let Some(changed) = editor.changed else { continue };
        let due = changed.saturating_add(TEXT_SAVED_AFTER);
        let is_of = |ask: &Ask| matches!(ask, Ask::SaveText(draft, _) if *draft == editor.draft);
        if now < due {
            effects.push(Effect::TickAt(due));
        } else if !model.jobs.any(is_of) {
            editor.changed = None;
            let (draft, text) = (editor.draft.clone(), editor.text.text());
            model.jobs.ask(Ask::SaveText(draft, text.into()), effects);
        }
    }
}

/// It couldn't be written: it is tried again.
pub(super) fn not_kept(model: &mut Model, draft: &DraftId) {
    let now = model.now.since_start;
    if let Some(editor) = model.desk.of_draft(draft).and_then(ComposeState::text_mut) {
        editor.changed.get_or_insert(now);
    }
}

/// The caret is in sight.
pub(super) fn in_sight(model: &mut Model) {
    let body = model.body();
    let (columns, rows) = (usize::from(body.columns).max(1), body.height().max(1));
    let Some(editor) = shown(model) else { return };
    let caret = editor.text.caret();
    let (row, _) = editor.text.caret_in_row(columns);
    let at = (caret.line, row);
    let top = (editor.top, editor.left);
    if at < top {
        (editor.top, editor.left) = at;
        return;
    }
    // Rows from the caret's up to the top of the window.
    let mut first = at;
    for _ in 1..rows {
        first = match first {
            (line, row) if row > 0 => (line, row - 1),
            (0, _) => break,
            (line, _) => (line - 1, editor.text.rows(line - 1, columns).len().saturating_sub(1)),
        };
    }
    if top < first {
        (editor.top, editor.left) = first;
    }
}

/// To a place of the text.
pub(super) fn go(model: &mut Model, line: usize, column: usize) {
    if let Some(editor) = shown(model) {
        editor.text.go(line, column);
    }
}
