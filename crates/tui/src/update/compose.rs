//! Writing a letter.
//!
//! Its draft is on disk before the editor starts, and written again with each change: the shell removes
//! it once the letter is safe in the outbox, never this.

use jiff::Timestamp;
use postroad_safetext::{SafeText, safe_line};

use super::{Effects, desk, editor, index, report, walk};
use crate::data::{DraftId, DraftRow, Field, HeldId, LetterId, Marks, Sealing, UndoLabel};
use crate::desk::Text;
use crate::effect::{Ask, Effect, Inside, Job, Start};
use crate::keys::Action;
use crate::line_edit::LineEdit;
use crate::model::{Choice, ComposeStage, Editor, Model, Note, OneOf, Prompt, Screen, Wanted};

const TEXT_ON_ITS_WAY: &str = "Its text is on its way to the disk: again, in a moment.";

const FIELDS: [Field; 5] = [Field::To, Field::Cc, Field::Bcc, Field::Subject, Field::ReplyTo];

/// Begins a letter: its draft first.
pub(super) fn begin(model: &mut Model, start: Start, effects: &mut Effects) {
    if let Start::Recall(draft) = &start
        && let Some(id) = model.desk.of_draft(draft).map(|letter| letter.id)
    {
        return desk::go_to(model, id);
    }
    let editor = match start {
        Start::Empty | Start::Forward(_) | Start::Inside(.., Inside::Forward) => Editor::Later,
        Start::Reply(..) | Start::Resend(_) | Start::Inside(..) => Editor::Wanted,
        // What a link asks for is shown before anything else (row U06).
        Start::Recall(_) | Start::To(_) | Start::Attend(..) => Editor::Not,
    };
    model.jobs.ask(Ask::NewDraft(start.clone()), effects);
    let id = model.desk.open(start, ComposeStage::Beginning(editor));
    model.stack.push(Screen::Compose(id));
    if editor == Editor::Later {
        ask_for(model, Field::To, Wanted::First(Field::To));
    }
}

/// Begins a letter to somebody whom the user knows; then its subject is asked for.
pub(super) fn begin_to(model: &mut Model, to: String, effects: &mut Effects) {
    begin(model, Start::Empty, effects);
    first(model, Field::To, to, effects);
}

fn ask_for(model: &mut Model, field: Field, wanted: Wanted) {
    let Some(compose) = model.desk.shown(&model.stack) else { return };
    let label = match field {
        Field::To => "To: ",
        Field::Cc => "Cc: ",
        Field::Bcc => "Bcc: ",
        Field::Subject => "Subject: ",
        Field::ReplyTo => "Reply-To: ",
    };
    let edit = LineEdit::of(compose.fields.of(field).to_owned());
    model.prompt = Some(Prompt::Line { label: label.into(), edit, wanted });
}

/// One of the fields that a letter begins with was typed.
pub(super) fn first(model: &mut Model, field: Field, text: String, effects: &mut Effects) {
    let Some(compose) = model.desk.shown(&model.stack) else { return };
    compose.fields.set(field, text);
    if field == Field::To && compose.start == Start::Empty {
        return ask_for(model, Field::Subject, Wanted::First(Field::Subject));
    }
    match compose.draft.as_ref().map(|draft| draft.id.clone()) {
        Some(id) => edit(model, id, effects),
        None => compose.stage = ComposeStage::Beginning(Editor::Wanted),
    }
}

/// The user's editor, on what is on disk.
fn edit(model: &mut Model, id: DraftId, effects: &mut Effects) {
    let Some(compose) = model.desk.shown(&model.stack) else { return };
    compose.stage = ComposeStage::Open;
    if let Text::Left(_) = compose.text {
        // What isn't on disk yet is changed where it is.
        return editor::reopen(model);
    }
    let fields = compose.fields.clone();
    model.jobs.ask(Ask::SaveDraft(id.clone(), fields), effects);
    effects.push(Effect::Edit(id));
}

/// A draft as it is on disk.
pub(super) fn saved(
    model: &mut Model,
    draft: DraftRow,
    asked: Option<&Ask>,
    effects: &mut Effects,
) {
    match model.drafts.iter_mut().find(|row| row.id == draft.id) {
        Some(row) => *row = draft.clone(),
        None => model.drafts.push(draft.clone()),
    }
    match asked {
        Some(Ask::NewDraft(start)) => begun(model, start, draft, effects),
        Some(Ask::TakeBack(held)) => taken_back(model, held, draft),
        asked => {
            let Some(compose) = model.desk.of_draft(&draft.id) else { return };
            let is_text = |ask: &Ask| matches!(ask, Ask::SaveText(of, _) if *of == draft.id);
            if asked.is_some_and(is_text) && !model.jobs.any(is_text) {
                editor::kept(compose);
            }
            let is_as_typed = match asked {
                // The editor has been at it.
                None => true,
                // Short names have become addresses, unless the user has typed on.
                Some(Ask::SaveDraft(_, typed)) => compose.fields == *typed,
                Some(_) => false,
            };
            if is_as_typed {
                compose.fields = draft.fields.clone();
            }
            compose.draft = Some(draft);
        }
    }
}

fn begun(model: &mut Model, start: &Start, draft: DraftRow, effects: &mut Effects) {
    let top = model.screen().writing();
    let mut letters = model.desk.letters_mut().rev();
    let Some(compose) = letters.find(|it| it.draft.is_none() && it.start == *start) else {
        drop(letters);
        // The user has left it meanwhile.
        if !matches!(start, Start::Recall(_)) {
            model.jobs.ask(Ask::Discard(draft.id), effects);
        }
        return;
    };
    for field in FIELDS {
        if compose.fields.of(field).is_empty() {
            compose.fields.set(field, draft.fields.of(field).to_owned());
        }
    }
    if compose.fields.sealing == Sealing::None {
        // An answer to a letter that was encrypted.
        compose.fields.sealing = draft.fields.sealing;
    }
    let id = draft.id.clone();
    compose.draft = Some(draft);
    match compose.stage {
        ComposeStage::Beginning(Editor::Wanted) if top == Some(compose.id) => {
            drop(letters);
            edit(model, id, effects);
        }
        ComposeStage::Beginning(Editor::Later) => {}
        ComposeStage::Beginning(Editor::Wanted | Editor::Not)
        | ComposeStage::Open
        | ComposeStage::Queueing(_) => compose.stage = ComposeStage::Open,
    }
}

fn taken_back(model: &mut Model, held: &HeldId, draft: DraftRow) {
    model.undo.retain(|label| label.held.as_ref().is_none_or(|(letter, _)| letter != held));
    let id = model.desk.open(Start::Recall(draft.id.clone()), ComposeStage::Open);
    if let Some(compose) = model.desk.get_mut(id) {
        compose.fields = draft.fields.clone();
        compose.draft = Some(draft);
    }
    desk::go_to(model, id);
    model.say("Taken back: it has not left.");
}

/// The letter can't leave like that.
pub(super) fn wrong(model: &mut Model, draft: &DraftId, field: Field, words: SafeText) {
    if let Some(compose) = model.desk.of_draft(draft) {
        compose.stage = ComposeStage::Open;
    }
    let hint = match field {
        Field::To => "t: change it",
        Field::Cc => "c: change it",
        Field::Bcc => "b: change it",
        Field::Subject => "s: change it",
        Field::ReplyTo => "r: change it",
    };
    model.note = Note::Wrong(words, hint.into());
}

/// The letter is safe, and leaves by itself.
pub(super) fn queued(model: &mut Model, job: Job, letter: HeldId, until: Timestamp) {
    let mut letters = model.desk.letters().iter();
    let id = letters.find(|it| it.stage == ComposeStage::Queueing(job)).map(|it| it.id);
    let Some(compose) = id.and_then(|id| desk::close(model, id)) else { return };
    if let Some(draft) = &compose.draft {
        model.drafts.retain(|row| row.id != draft.id);
        if let Some(answered) = draft.answers {
            index::marked(model, answered, Marks::ANSWERED);
        }
    }
    let to = SafeText::line(&compose.fields.to).cut(40);
    let label =
        UndoLabel { words: safe_line!("letter to {}", to.as_str()), held: Some((letter, until)) };
    report::remember(model, label);
    model.note = Note::Queued;
}

pub(super) fn act(model: &mut Model, action: Action, effects: &mut Effects) {
    let Some(compose) = model.desk.shown(&model.stack) else { return };
    let place = compose.list.selected;
    let draft = compose.draft.clone();
    let is_on_disk = matches!(compose.text, Text::OnDisk);
    match (&compose.stage, action, draft) {
        (ComposeStage::Queueing(_), ..) => model.say("It is being queued."),
        (_, Action::Quit, _) => {
            model.prompt = Some(Prompt::Choice {
                words: "Keep this letter for later?".into(),
                wanted: Choice::KeepDraft,
            });
        }
        (_, _, None) => model.say("The letter is still being begun."),
        (_, Action::Send, Some(_)) => send(model, effects),
        (_, Action::Edit, Some(draft)) => edit(model, draft.id, effects),
        (_, Action::Spell | Action::Open, Some(_)) if !is_on_disk => model.say(TEXT_ON_ITS_WAY),
        (_, Action::Spell, Some(draft)) => effects.push(Effect::Spell(draft.id)),
        (_, Action::Open, Some(draft)) => {
            model.jobs.ask(Ask::ViewDraft(draft.id, place), effects);
        }
        (_, Action::Field(field), Some(_)) => ask_for(model, field, Wanted::Field(field)),
        (_, Action::Attach, Some(_)) => {
            model.prompt = Some(Prompt::Line {
                label: "Attach file: ".into(),
                edit: LineEdit::default(),
                wanted: Wanted::Attach,
            });
        }
        (_, Action::Detach, Some(draft)) => match place.checked_sub(1) {
            Some(place) if place < draft.attachments.len() => {
                model.jobs.ask(Ask::Detach(draft.id, place), effects);
            }
            Some(_) | None => model.say("The text can't be detached."),
        },
        (_, Action::Postpone, Some(_)) => keep(model, effects),
        (_, Action::Seal, Some(_)) => {
            let words = "Sign and (e)ncrypt, (s)ign, (b)oth, or (c)lear?:".into();
            model.prompt = Some(Prompt::Letter { words, wanted: OneOf::Seal });
        }
        (_, action, Some(_)) => {
            if !walk::act(model, action) {
                model.say("That key does nothing here.");
            }
        }
    }
}

fn send(model: &mut Model, effects: &mut Effects) {
    let Some(compose) = model.desk.shown(&model.stack) else { return };
    let fields = &compose.fields;
    if [&fields.to, &fields.cc, &fields.bcc].iter().all(|text| text.trim().is_empty()) {
        return model.say("No recipients were specified.");
    }
    if fields.subject.trim().is_empty() {
        model.prompt = Some(Prompt::Choice {
            words: "No subject, abort sending?".into(),
            wanted: Choice::NoSubject,
        });
        return;
    }
    send_complete(model, effects);
}

/// Has it sent, unless its text speaks of something that doesn't go with it.
pub(super) fn send_complete(model: &mut Model, effects: &mut Effects) {
    let Some(compose) = model.desk.shown(&model.stack) else { return };
    match compose.draft.as_ref().and_then(missing) {
        Some(word) => {
            let word = word.clone().cut(20);
            let words =
                safe_line!("You wrote \"{}\", nothing is attached: abort sending?", word.as_str());
            model.prompt = Some(Prompt::Choice { words, wanted: Choice::NoAttachment });
        }
        None => queue(model, effects),
    }
}

/// The word that speaks of an attachment where there is none.
pub(crate) fn missing(draft: &DraftRow) -> Option<&SafeText> {
    draft.speaks_of.as_ref().filter(|_| draft.attachments.is_empty())
}

/// Asks whom a letter is sent on to.
pub(super) fn ask_whom(model: &mut Model, letter: LetterId) {
    model.prompt = Some(Prompt::Line {
        label: "Bounce message to: ".into(),
        edit: LineEdit::default(),
        wanted: Wanted::Bounce(letter),
    });
}

/// Asks once more: what has left can't be taken back for long.
pub(super) fn ask_bounce(model: &mut Model, letter: LetterId, to: String) {
    if to.trim().is_empty() {
        return;
    }
    let shown = SafeText::line(&to).cut(40);
    model.prompt = Some(Prompt::Choice {
        words: safe_line!("Bounce message to {}?", shown.as_str()),
        wanted: Choice::Bounce(letter, to),
    });
}

/// A letter that is sent on is safe, and leaves by itself.
pub(super) fn bounced(model: &mut Model, to: &str, letter: HeldId, until: Timestamp) {
    let to = SafeText::line(to).cut(40);
    let words = safe_line!("letter sent on to {}", to.as_str());
    report::remember(model, UndoLabel { words, held: Some((letter, until)) });
    model.note = Note::Queued;
}

/// Has it sent.
pub(super) fn queue(model: &mut Model, effects: &mut Effects) {
    let Some(compose) = model.desk.shown(&model.stack) else { return };
    let Some(draft) = &compose.draft else { return };
    let ask = Ask::Queue(draft.id.clone(), compose.fields.clone());
    compose.stage = ComposeStage::Queueing(model.jobs.ask(ask, effects));
}

/// How it is sealed was chosen. What is encrypted is signed, too: mutt's `e` alone isn't offered, since anybody could have
/// written such a letter.
pub(super) fn seal(model: &mut Model, letter: char, effects: &mut Effects) {
    let sealing = match letter.to_ascii_lowercase() {
        'e' | 'b' => Sealing::Encrypt,
        's' => Sealing::Sign,
        'c' => Sealing::None,
        _ => return model.say("There is no such choice."),
    };
    let Some(compose) = model.desk.shown(&model.stack) else { return };
    compose.fields.sealing = sealing;
    if let Some(draft) = &compose.draft {
        let ask = Ask::SaveDraft(draft.id.clone(), compose.fields.clone());
        model.jobs.ask(ask, effects);
    }
}

/// A field was typed.
pub(super) fn field(model: &mut Model, field: Field, text: String, effects: &mut Effects) {
    let Some(compose) = model.desk.shown(&model.stack) else { return };
    compose.fields.set(field, text);
    if let Some(draft) = &compose.draft {
        let ask = Ask::SaveDraft(draft.id.clone(), compose.fields.clone());
        model.jobs.ask(ask, effects);
    }
}

/// A file is to go with it.
pub(super) fn attach(model: &mut Model, path: &str, effects: &mut Effects) {
    let Some(compose) = model.desk.shown(&model.stack) else { return };
    if let (Some(draft), false) = (&compose.draft, path.is_empty()) {
        model.jobs.ask(Ask::Attach(draft.id.clone(), path.into()), effects);
    }
}

/// It is kept for later.
pub(super) fn keep(model: &mut Model, effects: &mut Effects) {
    let Some(compose) = model.desk.shown(&model.stack) else { return };
    let id = compose.id;
    let Some(draft) = &compose.draft else {
        return model.say("The letter is still being begun.");
    };
    if !matches!(compose.text, Text::OnDisk) {
        return model.say(TEXT_ON_ITS_WAY);
    }
    let ask = Ask::SaveDraft(draft.id.clone(), compose.fields.clone());
    model.jobs.ask(ask, effects);
    model.say("Kept.  B: letters being written");
    desk::close(model, id);
}

/// It is thrown away.
pub(super) fn discard(model: &mut Model, effects: &mut Effects) {
    let Some(compose) = model.desk.shown(&model.stack) else { return };
    let id = compose.id;
    if let Some(draft) = &compose.draft {
        model.jobs.ask(Ask::Discard(draft.id.clone()), effects);
    }
    desk::close(model, id);
    model.say("Aborted.");
}
