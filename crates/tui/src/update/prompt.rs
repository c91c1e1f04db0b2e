//! What is typed in the last line.

use postroad_safetext::SafeText;

use super::folders::NotNamed;
use super::{
    Effects, by_pattern, command, compose, desk, editor, files, find, folders, found, history,
    index, order, pager, people, walk, within,
};
use crate::effect::{Ask, Attendance, Effect, FolderAsk, OutboxAsk, PeopleAsk, Start};
use crate::keys::{Key, On};
use crate::line_edit::LineEdit;
use crate::model::{Choice, FolderFor, Model, OneOf, Prompt, Wanted};
use crate::screens::Answer;

pub(super) fn key(model: &mut Model, key: Key, effects: &mut Effects) {
    if key == Key::Ctrl('l') {
        effects.push(Effect::Redraw);
        return;
    }
    match model.prompt.take() {
        Some(Prompt::Line { label, mut edit, wanted }) => {
            model.files.clear();
            let is_person = people::key(model, key, &wanted, &mut edit) == people::Key::Taken;
            if is_person || history::key(model, key, &wanted, &mut edit) == people::Key::Taken {
                let text = edit.text().to_owned();
                model.prompt = Some(Prompt::Line { label, edit, wanted: wanted.clone() });
                return typing(model, &wanted, &text, effects);
            }
            line_key(model, key, (label, edit, wanted), effects);
        }
        Some(Prompt::Choice { words, wanted }) => match key {
            Key::Char('y' | 'Y') => chosen(model, wanted, Answer::Yes, effects),
            Key::Char('n' | 'N') => chosen(model, wanted, Answer::No, effects),
            Key::Enter => {
                let usual = wanted.usual();
                chosen(model, wanted, usual, effects);
            }
            Key::Esc | Key::Ctrl('g') => {}
            _ => model.prompt = Some(Prompt::Choice { words, wanted }),
        },
        Some(Prompt::Letter { words, wanted }) => match key {
            Key::Char(letter) => one_of(model, wanted, letter, effects),
            Key::Enter | Key::Esc | Key::Ctrl('g') if wanted == OneOf::Replace => {
                editor::replaced(model);
            }
            Key::Enter | Key::Esc | Key::Ctrl('g') => {}
            _ => model.prompt = Some(Prompt::Letter { words, wanted }),
        },
        None => {}
    }
}

/// A key of a line that is typed.
fn line_key(
    model: &mut Model,
    key: Key,
    (label, mut edit, wanted): (SafeText, LineEdit, Wanted),
    effects: &mut Effects,
) {
    match key {
        Key::Enter => {
            let text = edit.text().to_owned();
            history::remember(model, &wanted, &text);
            typed(model, wanted, text, effects);
        }
        Key::Esc | Key::Ctrl('g') => left(model, &wanted, effects),
        Key::Char('?') if edit.text().is_empty() && list_for(&wanted).is_some() => {
            folders::show(model, list_for(&wanted).unwrap_or_default());
        }
        Key::Tab if files::are_typed(&wanted) => {
            files::ask(model, &edit, effects);
            model.prompt = Some(Prompt::Line { label, edit, wanted });
        }
        key => {
            let before = edit.text().to_owned();
            match (key == Key::Tab).then(|| completed(model, &wanted, edit.text())).flatten() {
                Some(whole) => edit = LineEdit::of(whole),
                None => edit.key(key),
            }
            let text = edit.text().to_owned();
            model.prompt = Some(Prompt::Line { label, edit, wanted: wanted.clone() });
            if text != before {
                typing(model, &wanted, &text, effects);
            }
        }
    }
}

/// What is found as it is typed.
fn typing(model: &mut Model, wanted: &Wanted, text: &str, effects: &mut Effects) {
    match wanted {
        Wanted::Find(seek) => find::typing(model, *seek, text, effects),
        Wanted::FindAll => found::typing(model, text, effects),
        _ => {}
    }
}

fn one_of(model: &mut Model, wanted: OneOf, letter: char, effects: &mut Effects) {
    match wanted {
        OneOf::Order(way) => order::chosen(model, letter, way, effects),
        OneOf::Folders => folders::ordered(model, letter),
        OneOf::Seal => compose::seal(model, letter, effects),
        OneOf::Replace => editor::answered(model, letter),
        OneOf::Mark(marking, which) => {
            index::mark_by_letter(model, letter, marking, which, effects)
        }
        OneOf::Attendance(of) => {
            let attendance = match letter {
                'a' | 'A' => Attendance::Accepted,
                'd' | 'D' => Attendance::Declined,
                't' | 'T' => Attendance::Tentative,
                _ => return model.say("Not answered."),
            };
            compose::begin(model, Start::Attend(of, attendance), effects);
        }
    }
}

/// Asks for the name of what is to be done.
pub(super) fn ask_for_command(model: &mut Model) {
    model.prompt = Some(Prompt::Line {
        label: ":".into(),
        edit: LineEdit::default(),
        wanted: Wanted::Command,
    });
}

/// Asks for a command of the user's shell.
pub(super) fn ask_for_shell(model: &mut Model) {
    model.prompt = Some(Prompt::Line {
        label: "Shell command: ".into(),
        edit: LineEdit::default(),
        wanted: Wanted::Shell,
    });
}

/// The first digit of an entry's number was pressed.
pub(super) fn jump(model: &mut Model, digit: char) {
    model.prompt = Some(Prompt::Line {
        label: match model.on() {
            On::Index | On::Pager => "Jump to message: ".into(),
            _ => "Jump to: ".into(),
        },
        edit: LineEdit::of(digit.to_string()),
        wanted: Wanted::Jump,
    });
}

/// What was typed, as far as it can mean one thing alone.
fn completed(model: &Model, wanted: &Wanted, text: &str) -> Option<String> {
    match wanted {
        Wanted::Command => command::completed(model.on(), text),
        wanted => list_for(wanted).and_then(|_| folders::completed(model, text)),
    }
}

/// What the list of folders would be for.
fn list_for(wanted: &Wanted) -> Option<FolderFor> {
    match wanted {
        Wanted::OpenFolder => Some(FolderFor::Open),
        Wanted::MoveTo(which) => Some(FolderFor::Move(*which)),
        Wanted::CopyTo(which) => Some(FolderFor::Copy(*which)),
        Wanted::Pipe(_)
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
        | Wanted::Field(_)
        | Wanted::First(_)
        | Wanted::Attach
        | Wanted::Bounce(_)
        | Wanted::Jump
        | Wanted::Query
        | Wanted::Alias(_)
        | Wanted::MakeFolder(_)
        | Wanted::RenameFolder(_)
        | Wanted::SaveParts { .. } => None,
    }
}

fn typed(model: &mut Model, wanted: Wanted, text: String, effects: &mut Effects) {
    if let Some(folder_for) = list_for(&wanted) {
        if text.trim().is_empty() {
            return;
        }
        return match folders::named(model, &text) {
            Ok(folder) => folders::take(model, folder_for, &folder, effects),
            Err(NotNamed::None(_)) if folder_for != FolderFor::Open => {
                folders::offer_to_make(model, &text, folder_for);
            }
            Err(NotNamed::None(words) | NotNamed::Several(words)) => model.say(words),
        };
    }
    match wanted {
        Wanted::Field(field) => compose::field(model, field, text, effects),
        Wanted::First(field) => compose::first(model, field, text, effects),
        Wanted::Jump if model.on() == On::Pager => pager::jump(model, &text, effects),
        Wanted::Jump => walk::jump(model, &text),
        Wanted::Attach => compose::attach(model, &text, effects),
        Wanted::Bounce(letter) => compose::ask_bounce(model, letter, text),
        Wanted::SaveParts { letter, parts } if !text.is_empty() => {
            for part in parts {
                let into = text.clone().into();
                model.jobs.ask(Ask::Save { letter, part, into }, effects);
            }
        }
        Wanted::MakeFolder(beside) => folders::made(model, beside, &text, effects),
        Wanted::RenameFolder(folder) => folders::renamed(model, folder, &text, effects),
        Wanted::Query => people::show(model, text),
        Wanted::Alias(whom) => people::call(model, whom, text, effects),
        Wanted::Command => command::typed(model, &text, effects),
        Wanted::FindAll => found::typed(model, &text, effects),
        Wanted::InText(sought) => editor::words_typed(model, sought, &text),
        Wanted::ReplaceBy(words) => editor::replacement_typed(model, &words, text),
        Wanted::Within(towards) => within::typed(model, towards, &text),
        Wanted::InList(towards) => walk::typed(model, towards, &text),
        Wanted::Find(seek) => find::typed(model, seek, &text, effects),
        Wanted::Each(deed) => by_pattern::typed(model, deed, &text, effects),
        Wanted::Pipe(which) => index::pipe(model, which, text, effects),
        Wanted::PipeParts { letter, parts } if !text.trim().is_empty() => {
            for part in parts {
                let command = text.clone();
                model.jobs.ask(Ask::PipePart { letter, part, command }, effects);
            }
        }
        Wanted::Shell if !text.trim().is_empty() => effects.push(Effect::Shell(text)),
        Wanted::SaveParts { .. }
        | Wanted::PipeParts { .. }
        | Wanted::Shell
        | Wanted::OpenFolder
        | Wanted::MoveTo(_)
        | Wanted::CopyTo(_) => {}
    }
}

/// Nothing was typed after all.
fn left(model: &mut Model, wanted: &Wanted, effects: &mut Effects) {
    match wanted {
        Wanted::First(_) => compose::discard(model, effects),
        Wanted::Find(_) => find::left(model, effects),
        Wanted::FindAll => found::left(model, effects),
        Wanted::OpenFolder
        | Wanted::MoveTo(_)
        | Wanted::CopyTo(_)
        | Wanted::Pipe(_)
        | Wanted::PipeParts { .. }
        | Wanted::Shell
        | Wanted::Each(_)
        | Wanted::Command
        | Wanted::InText(_)
        | Wanted::ReplaceBy(_)
        | Wanted::Within(_)
        | Wanted::InList(_)
        | Wanted::Field(_)
        | Wanted::Attach
        | Wanted::Bounce(_)
        | Wanted::Jump
        | Wanted::Query
        | Wanted::Alias(_)
        | Wanted::MakeFolder(_)
        | Wanted::RenameFolder(_)
        | Wanted::SaveParts { .. } => {}
    }
}

fn chosen(model: &mut Model, wanted: Choice, answer: Answer, effects: &mut Effects) {
    match (wanted, answer) {
        (Choice::Leave(leaving), Answer::Yes) => desk::end(model, leaving, effects),
        (Choice::Leave(_), Answer::No) => model.say("Not left.  ^]: write on"),
        (Choice::KeepDraft, Answer::Yes) => compose::keep(model, effects),
        (Choice::KeepDraft, Answer::No) => compose::discard(model, effects),
        (Choice::NoSubject, Answer::Yes) => model.say("Not sent.  s: give it a subject"),
        (Choice::NoSubject, Answer::No) => compose::send_complete(model, effects),
        (Choice::NoAttachment, Answer::Yes) => model.say("Not sent.  a: attach a file"),
        (Choice::NoAttachment, Answer::No) => compose::queue(model, effects),
        (Choice::Bounce(letter, to), Answer::Yes) => {
            model.jobs.ask(Ask::Bounce { letter, to }, effects);
        }
        (Choice::Bounce(..), Answer::No) => model.say("Message not bounced."),
        (Choice::DiscardDraft(draft), Answer::Yes) => {
            model.jobs.ask(Ask::Discard(draft), effects);
        }
        (Choice::DiscardQueued(letter), Answer::Yes) => {
            model.jobs.ask(Ask::Outbox(OutboxAsk::Discard(letter)), effects);
        }
        (Choice::DiscardDraft(_) | Choice::DiscardQueued(_), Answer::No) => model.say("Kept."),
        (Choice::Forget(word), Answer::Yes) => {
            model.jobs.ask(Ask::People(PeopleAsk::Forget(word)), effects);
        }
        (Choice::Forget(_), Answer::No) => model.say("Kept."),
        (Choice::Print(letters), Answer::Yes) => {
            for letter in letters {
                model.jobs.ask(Ask::Print { letter, part: None }, effects);
            }
        }
        (Choice::PrintParts(letter, parts), Answer::Yes) => {
            for part in parts {
                model.jobs.ask(Ask::Print { letter, part: Some(part) }, effects);
            }
        }
        (Choice::Print(_) | Choice::PrintParts(..), Answer::No) => model.say("Not printed."),
        (Choice::OpenLink(link), Answer::Yes) => {
            model.jobs.ask(Ask::OpenLink(link), effects);
        }
        (Choice::Unsubscribe(link), Answer::Yes) => {
            model.jobs.ask(Ask::Unsubscribe(link), effects);
        }
        (Choice::Unsubscribe(_), Answer::No) => model.say("Not unsubscribed."),
        (Choice::OpenLink(_), Answer::No) => model.say("Not opened."),
        (Choice::MakeFolder(name, wanted), Answer::Yes) => {
            folders::make(model, name, wanted, effects);
        }
        (Choice::MakeFolder(..), Answer::No) => model.say("Nothing was moved."),
        (Choice::RemoveFolder(folder), Answer::Yes) => {
            model.jobs.ask(Ask::Folder(FolderAsk::Remove(folder)), effects);
        }
        (Choice::RemoveFolder(_), Answer::No) => model.say("Kept."),
    }
}
