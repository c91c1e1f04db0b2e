//! Letters that are being written are left as they stand, to read others, and gone back to.

use postroad_safetext::safe_line;

use super::{Effects, index};
use crate::desk::{ComposeState, Text, WritingId};
use crate::effect::{Ask, Effect};
use crate::model::{Choice, Ending, Leaving, Model, Note, Prompt, Screen};

impl Screen {
    /// The letter that is being written and shown by it.
    pub(crate) fn writing(&self) -> Option<WritingId> {
        match self {
            Self::Compose(id) | Self::Editor(id) => Some(*id),
            _ => None,
        }
    }
}

/// Leaves the letter that is shown, else goes back to the one that was left last.
pub(super) fn leave_or_go_back(model: &mut Model) {
    if leave(model) {
        return;
    }
    match model.desk.left_last() {
        Some(id) => show(model, id),
        None => model.say("No letter is being written.  m: write one"),
    }
}

/// Leaves the uppermost letter that is shown, and all that lies on it; false where there is none.
pub(super) fn leave(model: &mut Model) -> bool {
    let Some(id) = model.stack.iter().rev().find_map(Screen::writing) else { return false };
    let asked = model.prompt.take();
    if let Some(letter) = model.desk.get_mut(id) {
        letter.asked = asked;
    }
    model.desk.leave(id);
    let first = model.stack.iter().position(|screen| screen.writing() == Some(id));
    model.stack.truncate(first.unwrap_or(1).max(1));
    model.say("The letter waits.  ^]: write on");
    true
}

/// Shows one on top.
pub(super) fn show(model: &mut Model, id: WritingId) {
    if model.screen().writing() == Some(id) {
        return;
    }
    model.stack.retain(|screen| screen.writing() != Some(id));
    let Some(letter) = model.desk.get_mut(id) else { return };
    model.stack.push(Screen::Compose(id));
    if matches!(letter.text, Text::Typed(_)) {
        model.stack.push(Screen::Editor(id));
    }
    model.prompt = letter.asked.take();
}

/// To the one with a number, from 1.
pub(super) fn go(model: &mut Model, number: usize) {
    let id = number.checked_sub(1).and_then(|place| model.desk.letters().get(place));
    match id.map(|letter| letter.id) {
        Some(id) => go_to(model, id),
        None => model.say(safe_line!("There is no letter {number} being written.")),
    }
}

/// To this one; another that is shown is left.
pub(super) fn go_to(model: &mut Model, id: WritingId) {
    if !model.stack.iter().any(|screen| screen.writing() == Some(id)) {
        leave(model);
    }
    model.note = Note::Nothing;
    show(model, id);
}

/// It is written no more.
pub(super) fn close(model: &mut Model, id: WritingId) -> Option<ComposeState> {
    model.stack.retain(|screen| screen.writing() != Some(id));
    model.desk.close(id)
}

/// Ends the program; where letters are being written it asks before, and they are drafts then.
pub(super) fn quit(model: &mut Model, leaving: Leaving, effects: &mut Effects) {
    let count = model.desk.letters().len();
    if count == 0 {
        return end(model, leaving, effects);
    }
    let letters = super::letters(count);
    let (are, them) = if count == 1 { ("is", "it") } else { ("are", "them") };
    let words = safe_line!("{} {are} being written: keep {them}, and leave?", letters.as_str());
    model.prompt = Some(Prompt::Choice { words, wanted: Choice::Leave(leaving) });
}

/// Ends it once all that is being written is on disk.
pub(super) fn end(model: &mut Model, leaving: Leaving, effects: &mut Effects) {
    if leaving == Leaving::Quit {
        index::carry_out(model, effects);
    }
    for letter in model.desk.letters_mut() {
        let Some(id) = letter.draft.as_ref().map(|draft| draft.id.clone()) else { continue };
        if let Some(editor) = letter.text_mut()
            && editor.changed.take().is_some()
        {
            let text = editor.text.text();
            model.jobs.ask(Ask::SaveText(id.clone(), text.into()), effects);
        }
        model.jobs.ask(Ask::SaveDraft(id, letter.fields.clone()), effects);
    }
    model.ending = Ending::WhenKept;
}

/// Ends the program where that waits for nothing any more.
pub(super) fn end_when_kept(model: &mut Model, effects: &mut Effects) {
    if model.ending == Ending::WhenKept
        && let Some(kept) = model.desk.all_kept(&model.jobs)
    {
        model.ending = Ending::Not;
        effects.push(Effect::Quit(kept));
    }
}
