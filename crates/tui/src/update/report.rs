//! What jobs report.

use postroad_safetext::safe_line;

use super::{
    Effects, by_pattern, compose, desk, editor, explain, files, find, found, listing, pager, people,
};
use crate::data::{FolderRow, UndoLabel};
use crate::desk::is_about_drafts;
use crate::effect::{Ask, Effect, Job};
use crate::limits::UNDO_LABELS_MAX;
use crate::model::{ComposeStage, Ending, Model, Note, Screen};
use crate::msg::{Report, What};

pub(super) fn take(model: &mut Model, report: Report, effects: &mut Effects) {
    let Report { job, what } = report;
    let asked = if job == Job::NONE {
        None
    } else if what.is_last() {
        match model.jobs.end(job) {
            Some(ask) => Some(ask),
            // It was cancelled: what it says changes nothing.
            None => return,
        }
    } else {
        match model.jobs.get(job) {
            Some(ask) => Some(ask.clone()),
            None => return,
        }
    };
    match what {
        What::Folders(folders) => folders_came(model, folders),
        What::Listing(heads) => listing::listed(model, heads, effects),
        What::Rows { folder, rows } => listing::rows_came(model, folder, rows),
        What::Page(page) => match asked {
            Some(Ask::Check(_)) => {
                explain::checked(model, &page);
                model.say("The signatures were checked.");
            }
            Some(Ask::Explain(_)) => explain::checked(model, &page),
            // Nobody asked: it was checked by itself.
            None => explain::checked(model, &page),
            Some(_) => pager::came(model, &page, effects),
        },
        What::Conversation { page, letters } => {
            pager::came_together(model, &page, &letters, effects);
        }
        What::Draft(draft) => compose::saved(model, *draft, asked.as_ref(), effects),
        What::Text { draft, text } => editor::open(model, &draft, &text),
        What::Drafts(drafts) => model.drafts = drafts,
        What::DraftWrong { draft, field, words } => {
            compose::wrong(model, &draft, field, words);
        }
        What::Queued { letter, until } => match asked {
            Some(Ask::Bounce { to, .. }) => compose::bounced(model, &to, letter, until),
            Some(_) | None => compose::queued(model, job, letter, until),
        },
        What::Outbox(rows) => model.outbox = rows,
        What::People(rows) => people::came(model, rows),
        What::Undoable(mut before) => {
            before.append(&mut model.undo);
            model.undo = before;
        }
        What::Done(label) => done(model, label, asked.as_ref()),
        What::Undone(words) => {
            match asked {
                Some(Ask::TakeBack(held)) => model
                    .undo
                    .retain(|label| label.held.as_ref().is_none_or(|(letter, _)| *letter != held)),
                Some(_) | None => drop(model.undo.pop()),
            }
            model.say(safe_line!("Taken back: {}", words.as_str()));
        }
        What::Found(found) if by_pattern::found(model, job, &found) => {}
        What::Found(found) => find::found(model, job, &found, effects),
        What::FoundAll { rows, complete } => found::found(model, rows, complete.then_some(job)),
        What::Files { typed, whole, names } => files::came(model, &typed, &whole, names),
        What::Saved(words) => model.say(safe_line!("Saved as {}", words.as_str())),
        What::Told(words) => model.say(words),
        What::Original(page) => pager::show(model, &page),
        What::Output(page) => pager::output(model, &page),
        What::NeedsTerminal(part) => effects.push(Effect::View(part)),
        What::Progress { done, of } => model.note = Note::Progress(job, done, of),
        What::Ended => ended(model, asked.as_ref(), effects),
        What::Failed { words, .. } if by_pattern::failed(model, job, &words) => {}
        What::Failed { words, .. } if find::failed(model, job, &words) => {}
        What::Failed { words, .. } if found::failed(model, job, &words) => {}
        What::Failed { words, hint } => {
            failed(model, asked.as_ref(), job);
            model.note = Note::Wrong(words, hint);
        }
    }
}

/// The folder that is selected in their list stays so, where it is still there.
fn folders_came(model: &mut Model, folders: Vec<FolderRow>) {
    let Some(Screen::Folders(state)) = model.stack.last().cloned() else {
        model.folders = folders;
        return;
    };
    let chosen = model.folders_in(state.order).get(state.list.selected).map(|row| row.id);
    model.folders = folders;
    let now = model.folders_in(state.order);
    let last = now.len().saturating_sub(1);
    let place = now.iter().position(|row| Some(row.id) == chosen);
    let selected = place.unwrap_or(state.list.selected.min(last));
    if let Some(Screen::Folders(shown)) = model.stack.last_mut() {
        shown.list.selected = selected;
    }
}

fn done(model: &mut Model, label: UndoLabel, asked: Option<&Ask>) {
    // Marks are told by the rows themselves.
    if !matches!(asked, Some(Ask::Flag { .. })) {
        model.say(label.words.clone());
    }
    remember(model, label);
}

pub(super) fn remember(model: &mut Model, label: UndoLabel) {
    model.undo.push(label);
    if model.undo.len() > UNDO_LABELS_MAX {
        model.undo.remove(0);
    }
}

fn ended(model: &mut Model, asked: Option<&Ask>, effects: &mut Effects) {
    if let Some(Ask::Discard(draft)) = asked {
        model.drafts.retain(|row| row.id != *draft);
        model.jobs.ask(Ask::Drafts, effects);
    }
}

/// What waited for it waits no longer.
fn failed(model: &mut Model, asked: Option<&Ask>, job: Job) {
    if asked.is_some_and(is_about_drafts) {
        // Not while there is something that isn't on disk.
        model.ending = Ending::Not;
    }
    match asked {
        Some(Ask::Read(letter) | Ask::Part { letter, .. } | Ask::Conversation(letter)) => {
            if let Some(Screen::Pager(pager)) = model.stack.last()
                && pager.letter == *letter
                && pager.page.is_none()
            {
                model.back();
            }
        }
        Some(Ask::NewDraft(start)) => {
            let mut letters = model.desk.letters_mut().rev();
            let begun = letters.find(|it| it.draft.is_none() && it.start == *start);
            if let Some(id) = begun.map(|letter| letter.id) {
                drop(letters);
                if model.screen().writing() == Some(id) {
                    model.prompt = None;
                }
                desk::close(model, id);
            }
        }
        Some(Ask::SaveText(draft, _)) => editor::not_kept(model, draft),
        Some(Ask::Queue(..)) => {
            for compose in model.desk.letters_mut() {
                if compose.stage == ComposeStage::Queueing(job) {
                    compose.stage = ComposeStage::Open;
                }
            }
        }
        Some(_) | None => {}
    }
}
