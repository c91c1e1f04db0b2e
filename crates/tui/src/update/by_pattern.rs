//! `D`, `U`, `T` and `^T`: something is done to all letters that are like a pattern, of those that are shown.

use postroad_safetext::{SafeText, safe_line};

use super::{Effects, find, letters};
use crate::data::{Found, Way};
use crate::effect::{Ask, Job, Search};
use crate::line_edit::LineEdit;
use crate::model::{Deed, Model, Prompt, Pursued, Wanted};

/// Asks which letters.
pub(super) fn ask(model: &mut Model, deed: Deed) {
    let label = match deed {
        Deed::Strike => "Delete messages matching: ",
        Deed::Unstrike => "Undelete messages matching: ",
        Deed::Tag => "Tag messages matching: ",
        Deed::Untag => "Untag messages matching: ",
    };
    let (label, edit, wanted) = (label.into(), LineEdit::default(), Wanted::Each(deed));
    model.prompt = Some(Prompt::Line { label, edit, wanted });
}

/// Has them looked for.
pub(super) fn typed(model: &mut Model, deed: Deed, pattern: &str, effects: &mut Effects) {
    if pattern.trim().is_empty() {
        return;
    }
    find::cancel(model, effects);
    let Some(index) = &mut model.index else { return };
    let search = Search {
        folder: Some(index.folder),
        pattern: pattern.to_owned(),
        letters: index.heads().iter().map(|head| head.uid).collect(),
        first: 0,
        way: Way::Up,
        marks: index.changed_marks(),
        tagged: index.tagged.iter().copied().collect(),
    };
    let job = model.jobs.ask(Ask::Search(search), effects);
    index.finding.pursued = Some(Pursued { job, deed, found: Vec::new() });
}

/// What was found of them; false where this wasn't looked for. It is done to all of them at once, at the end.
pub(super) fn found(model: &mut Model, job: Job, found: &Found) -> bool {
    let Some(index) = &mut model.index else { return false };
    let pursued = index.finding.pursued.as_mut().filter(|pursued| pursued.job == job);
    let Some(pursued) = pursued else { return false };
    pursued.found.extend(found.letters.iter().map(|letter| letter.uid));
    if !found.complete {
        return true;
    }
    let Some(Pursued { deed, found, .. }) = index.finding.pursued.take() else { return true };
    for uid in &found {
        match deed {
            Deed::Strike => index.strike(*uid),
            Deed::Unstrike => drop(index.struck.remove(uid)),
            Deed::Tag => drop(index.tagged.insert(*uid)),
            Deed::Untag => drop(index.tagged.remove(uid)),
        }
    }
    let done = match deed {
        Deed::Strike => "struck",
        Deed::Unstrike => "not struck",
        Deed::Tag => "tagged",
        Deed::Untag => "not tagged",
    };
    model.say(match found.len() {
        0 => "No messages matched criteria.".into(),
        count => safe_line!("{}: {done}.", letters(count).as_str()),
    });
    true
}

/// They couldn't be looked for; whether that was this search.
pub(super) fn failed(model: &mut Model, job: Job, words: &SafeText) -> bool {
    let Some(index) = &mut model.index else { return false };
    let is_this = index.finding.pursued.take_if(|pursued| pursued.job == job).is_some();
    if is_this {
        model.say(words.clone());
    }
    is_this
}
