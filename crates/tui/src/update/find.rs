//! Finding letters: `/`, `n`, and a list that is limited to those that are like a pattern; as it is typed.
//!
//! What is looked for is the shell's to know: here are the letters it is looked for among, in which order, and what becomes
//! of those that it finds. A letter that the list is limited away from stays struck, marked and tagged.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use postroad_safetext::{SafeText, safe_line};

use super::{Effects, letters};
use crate::data::{Found, Head, Marks, Way};
use crate::effect::{Ask, Effect, Job, Search};
use crate::keys::Key;
use crate::limits::KEYS_AHEAD_MAX;
use crate::line_edit::LineEdit;
use crate::model::{IndexState, Limit, ListState, Looking, Model, Prompt, Seek, Wanted};

/// Asks what to look for.
pub(super) fn ask(model: &mut Model, seek: Seek) {
    let Some(index) = &mut model.index else { return };
    index.remember_origin();
    let label = match seek {
        Seek::Forward => "Search for: ",
        Seek::Back => "Reverse search for: ",
        Seek::Limit => "Limit to messages matching: ",
    };
    let (label, edit, wanted) = (label.into(), LineEdit::default(), Wanted::Find(seek));
    model.prompt = Some(Prompt::Line { label, edit, wanted });
}

/// It goes on being typed.
pub(super) fn typing(model: &mut Model, seek: Seek, text: &str, effects: &mut Effects) {
    cancel(model, effects);
    if is_nothing(seek, text) {
        return put_back(model);
    }
    look(model, seek, text, effects);
}

/// It is all.
pub(super) fn typed(model: &mut Model, seek: Seek, text: &str, effects: &mut Effects) {
    if is_nothing(seek, text) {
        cancel(model, effects);
        put_back(model);
        if seek == Seek::Limit {
            unlimited(model);
        }
        return;
    }
    let Some(index) = &mut model.index else { return };
    if seek != Seek::Limit {
        index.finding.last = Some((text.to_owned(), seek));
    }
    let is_asked =
        index.finding.looking.as_ref().is_some_and(|it| it.pattern == text && it.seek == seek);
    if !is_asked {
        cancel(model, effects);
        look(model, seek, text, effects);
        return;
    }
    end(model);
}

/// Whether a letter is looked for that the next key is for. A list that is being limited is there from its first letter on.
pub(super) fn is_awaited(model: &Model) -> bool {
    let Some(index) = model.index.as_ref().filter(|_| model.prompt.is_none()) else { return false };
    let is_looked_for = index.finding.looking.as_ref().is_some_and(|looking| {
        !looking.is_over && (looking.seek != Seek::Limit || looking.found == 0)
    });
    is_looked_for || index.finding.pursued.is_some()
}

/// A key, meanwhile: it is for what will be found, but for those that stop it.
pub(super) fn pressed_meanwhile(model: &mut Model, key: Key, effects: &mut Effects) {
    match key {
        Key::Esc | Key::Ctrl('g') => {
            model.ahead.clear();
            let is_gone_to = model.index.as_ref().is_some_and(|it| it.finding.looking.is_some());
            cancel(model, effects);
            if is_gone_to {
                put_back(model);
            }
            model.say("Stopped.");
        }
        Key::Ctrl('l') => effects.push(Effect::Redraw),
        key if model.ahead.len() < KEYS_AHEAD_MAX => {
            model.ahead.push_back(key);
            model.say("Searching...  Esc: stop");
        }
        _ => {}
    }
}

/// Nothing was to be found after all.
pub(super) fn left(model: &mut Model, effects: &mut Effects) {
    cancel(model, effects);
    put_back(model);
}

/// `n`: the next one of what was looked for last.
pub(super) fn next(model: &mut Model, effects: &mut Effects) {
    let Some(index) = &mut model.index else { return };
    let Some((pattern, seek)) = index.finding.last.clone() else {
        return ask(model, Seek::Forward);
    };
    index.remember_origin();
    cancel(model, effects);
    look(model, seek, &pattern, effects);
}

/// Whether nothing is looked for; to be limited to all is not to be limited.
fn is_nothing(seek: Seek, text: &str) -> bool {
    let text = text.trim();
    text.is_empty() || seek == Seek::Limit && (text.eq_ignore_ascii_case("all") || text == "~A")
}

pub(super) fn cancel(model: &mut Model, effects: &mut Effects) {
    model.jobs.cancel(effects, |ask| matches!(ask, Ask::Search(_)));
    if let Some(index) = &mut model.index {
        (index.finding.looking, index.finding.pursued) = (None, None);
    }
}

/// As it was when it was asked.
fn put_back(model: &mut Model) {
    let Some(index) = &mut model.index else { return };
    index.limit = index.finding.limit_before.clone();
    index.hide();
    index.list = index.finding.origin;
}

fn unlimited(model: &mut Model) {
    let Some(index) = &mut model.index else { return };
    let (selected, list) = (index.selected().map(|letter| letter.uid), index.list);
    index.limit = None;
    index.select_letter(selected, list);
}

/// Has it looked for.
fn look(model: &mut Model, seek: Seek, pattern: &str, effects: &mut Effects) {
    let Some(index) = &model.index else { return };
    let (folder, origin) = (index.folder, index.finding.origin.selected);
    let whole = index.all();
    let (uids, first, way): (Vec<u32>, usize, Way) = match seek {
        // The newest of all first, however the list is limited now.
        Seek::Limit => {
            let uids = whole.iter().rev().map(|head| head.uid).collect();
            (uids, whole.len().saturating_sub(1), Way::Down)
        }
        Seek::Forward => {
            let heads = index.heads();
            let next = if origin + 1 < heads.len() { origin + 1 } else { 0 };
            let (before, behind) = heads.split_at(next);
            (behind.iter().chain(before).map(|head| head.uid).collect(), next, Way::Up)
        }
        Seek::Back => {
            let heads = index.heads();
            let (before, behind) = heads.split_at(origin.min(heads.len()));
            let last = if origin == 0 { heads.len().saturating_sub(1) } else { origin - 1 };
            let round = before.iter().rev().chain(behind.iter().rev());
            (round.map(|head| head.uid).collect(), last, Way::Down)
        }
    };
    let search = Search {
        folder: Some(folder),
        pattern: pattern.to_owned(),
        letters: uids.into(),
        first,
        way,
        marks: index.changed_marks(),
        tagged: index.tagged.iter().copied().collect(),
    };
    let job = model.jobs.ask(Ask::Search(search), effects);
    if let Some(index) = &mut model.index {
        let pattern = pattern.to_owned();
        index.finding.looking =
            Some(Looking { job, pattern, seek, found: 0, is_over: false, wrong: None });
    }
}

/// What a search has found, as far as it is.
pub(super) fn found(model: &mut Model, job: Job, found: &Found, effects: &mut Effects) {
    let is_typed = model.prompt.is_some();
    let Some(index) = &mut model.index else { return };
    let Some(looking) = index.finding.looking.as_mut().filter(|looking| looking.job == job) else {
        return added(index, found);
    };
    let is_first = looking.found == 0;
    looking.found += found.letters.len();
    looking.is_over |= found.complete;
    if looking.seek == Seek::Limit {
        let pattern = looking.pattern.clone();
        // Until it is typed to its end the letter stays that was selected before.
        let (selected, list) = match is_typed {
            true => (index.finding.letter, index.finding.origin),
            false => (index.selected().map(|letter| letter.uid), index.list),
        };
        let uids = found.letters.iter().map(|letter| letter.uid);
        match &mut index.limit {
            Some(limit) if !is_first && limit.pattern == pattern => limit.found.extend(uids),
            limit if !found.letters.is_empty() || found.complete => {
                *limit = Some(Limit { pattern, found: uids.collect() });
            }
            _ => {}
        }
        index.select_letter(selected, list);
    } else if let Some(letter) = found.letters.first() {
        // The first one is the one to go to; the others may be looked for by `n`.
        looking.is_over = true;
        if let Some(place) = index.place_of(*letter) {
            index.list.selected = place;
        }
        if !found.complete {
            model.jobs.cancel(effects, |ask| matches!(ask, Ask::Search(_)));
        }
    }
    if model.prompt.is_none() {
        end(model);
    }
}

/// Letters that came into a limited list's folder, and belong into it.
fn added(index: &mut IndexState, found: &Found) {
    let (selected, list) = (index.selected().map(|letter| letter.uid), index.list);
    if let Some(limit) = &mut index.limit {
        limit.found.extend(found.letters.iter().map(|letter| letter.uid));
        index.select_letter(selected, list);
    }
}

/// It couldn't be looked for; whether that was this search.
pub(super) fn failed(model: &mut Model, job: Job, words: &SafeText) -> bool {
    let is_typed = model.prompt.is_some();
    let Some(index) = &mut model.index else { return false };
    let Some(looking) = index.finding.looking.as_mut().filter(|looking| looking.job == job) else {
        return false;
    };
    looking.is_over = true;
    looking.wrong = Some(words.clone());
    // Half a pattern is none yet.
    if !is_typed {
        end(model);
    }
    true
}

/// Says what came of a search that nothing more is typed for, once that is known.
fn end(model: &mut Model) {
    let Some(index) = &mut model.index else { return };
    let Some(looking) = index.finding.looking.take_if(|looking| looking.is_over) else { return };
    let (all, origin) = (index.all().len(), index.finding.origin.selected);
    let wrapped = match looking.seek {
        Seek::Forward => index.list.selected <= origin,
        Seek::Back => index.list.selected >= origin,
        Seek::Limit => false,
    };
    let words = match (looking.wrong, looking.found, looking.seek) {
        (Some(words), _, _) => words,
        (None, 0, Seek::Limit) => "No messages matched criteria.".into(),
        (None, 0, _) => "Not found.".into(),
        (None, count, Seek::Limit) => safe_line!(
            "{} of {all}.  To view all messages, limit to \"all\".",
            letters(count).as_str()
        ),
        (None, _, Seek::Forward) if wrapped => "Search wrapped to top.".into(),
        (None, _, Seek::Back) if wrapped => "Search wrapped to bottom.".into(),
        (None, _, _) => return,
    };
    if looking.found == 0 {
        put_back(model);
    }
    model.say(words);
}

/// The folder has other letters: those that came since are looked at, too, where the list is limited.
pub(super) fn relisted(model: &mut Model, before: &BTreeSet<u32>, effects: &mut Effects) {
    let Some(index) = &mut model.index else { return };
    let Some(limit) = &index.limit else { return };
    let heads = index.all();
    let fresh: Vec<u32> =
        heads.iter().map(|head| head.uid).filter(|uid| !before.contains(uid)).collect();
    if fresh.is_empty() {
        return;
    }
    let search = Search {
        folder: Some(index.folder),
        pattern: limit.pattern.clone(),
        first: heads.len().saturating_sub(fresh.len()),
        letters: fresh.into(),
        way: Way::Up,
        marks: index.changed_marks(),
        tagged: Vec::new(),
    };
    model.jobs.ask(Ask::Search(search), effects);
}

impl IndexState {
    fn remember_origin(&mut self) {
        self.finding.origin = self.list;
        self.finding.letter = self.selected().map(|letter| letter.uid);
        self.finding.limit_before = self.limit.clone();
    }

    /// Shows what a limit leaves, and has the letter selected that was, in its row; where it isn't shown any more, one near it.
    fn select_letter(&mut self, uid: Option<u32>, before: ListState) {
        self.hide();
        let row = before.selected.saturating_sub(before.top);
        let heads = self.heads();
        let same = uid.and_then(|uid| heads.iter().position(|head| head.uid == uid));
        let selected = same.unwrap_or_else(|| {
            // The next one that is shown, else the last.
            let all = self.all();
            let at = uid.and_then(|uid| all.iter().position(|head| head.uid == uid));
            let shown: HashSet<u32> = heads.iter().map(|head| head.uid).collect();
            let mut behind = all.get(at.unwrap_or(0)..).unwrap_or_default().iter();
            let next = behind.find(|head| shown.contains(&head.uid));
            let next = next.and_then(|next| heads.iter().position(|head| head.uid == next.uid));
            next.unwrap_or_else(|| heads.len().saturating_sub(1))
        });
        self.list = ListState { selected, top: selected.saturating_sub(row) };
    }

    /// Marks that aren't on disk yet, of letters that have such.
    pub(super) fn changed_marks(&self) -> Vec<(u32, Marks)> {
        if self.edits.is_empty() && self.struck.is_empty() {
            return Vec::new();
        }
        let mut changed = BTreeMap::new();
        let is_changed =
            |head: &&Head| self.edits.contains_key(&head.uid) || self.struck.contains(&head.uid);
        for head in self.all().iter().filter(is_changed) {
            let struck = self.struck.contains(&head.uid);
            let deleted = if struck { Marks::DELETED } else { Marks::NONE };
            changed.insert(head.uid, self.marks(*head).with(deleted));
        }
        changed.into_iter().collect()
    }
}
