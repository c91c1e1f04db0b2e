//! Threads: going about in them, collapsing them, and what is done to all letters of one.

use std::ops::Range;
use std::sync::Arc;

use super::index::Then;
use super::listing::Change;
use crate::data::{By, Head, Listing, Marks};
use crate::keys::Action;
use crate::model::{IndexState, Model};

/// What is done by threads; `None` where the action isn't one of these.
pub(super) fn act(model: &mut Model, action: Action) -> Option<Then> {
    let is_wanted = matches!(
        action,
        Action::NextThread
            | Action::PreviousThread
            | Action::NextSubthread
            | Action::PreviousSubthread
            | Action::Parent
            | Action::Collapse
            | Action::CollapseAll
            | Action::DeleteThread
            | Action::UndeleteThread
            | Action::ReadThread
            | Action::TagThread
            | Action::DeleteSubthread
            | Action::UndeleteSubthread
            | Action::ReadSubthread
    );
    if !is_wanted {
        return None;
    }
    let listing = model.index.as_ref().and_then(|index| index.listing.as_ref());
    if listing.is_none_or(|listing| listing.order.by != By::Threads) {
        model.say("Threads aren't shown.  ot: show them");
        return Some(Then::Stay);
    }
    Some(by_threads(model, action))
}

fn by_threads(model: &mut Model, action: Action) -> Then {
    let Some(index) = &mut model.index else { return Then::Stay };
    let Some(place) = index.selected_place() else {
        model.say("There is no letter.");
        return Then::Stay;
    };
    let all = Range { start: 0, end: index.all().len() };
    match action {
        Action::Collapse => collapse(index, place),
        Action::CollapseAll => {
            if index.collapsed.is_empty() {
                let roots = index.all().iter().filter(|head| head.depth == 0);
                index.collapsed = roots.map(|head| head.uid).collect();
            } else {
                index.collapsed.clear();
            }
            let top = index.thread(place).start;
            index.show_again(top);
        }
        Action::Parent => match index.parent(place) {
            Some(parent) => index.select(parent),
            None => model.say("Its parent isn't here."),
        },
        Action::NextThread | Action::NextSubthread => {
            let next = if action == Action::NextThread {
                index.thread(place).end
            } else {
                index.subthread(place).end
            };
            if all.contains(&next) {
                index.select(next);
            } else {
                model.say("No more threads.");
            }
        }
        Action::PreviousThread | Action::PreviousSubthread => {
            let before = index.before(place, action);
            match before {
                Some(before) => index.select(before),
                None => model.say("You are on the first thread."),
            }
        }
        _ => return change(model, action, place),
    }
    Then::Stay
}

/// Something is done to all letters of a thread, or of what is below a letter; then the next thread is selected.
fn change(model: &mut Model, action: Action, place: usize) -> Then {
    let Some(index) = &mut model.index else { return Then::Stay };
    let is_sub = matches!(
        action,
        Action::DeleteSubthread | Action::UndeleteSubthread | Action::ReadSubthread
    );
    let range = if is_sub { index.subthread(place) } else { index.thread(place) };
    let heads: Vec<Head> = index.all().get(range.clone()).unwrap_or_default().to_vec();
    let is_tagged = index.all().get(place).is_some_and(|head| index.tagged.contains(&head.uid));
    for head in heads {
        match action {
            Action::DeleteThread | Action::DeleteSubthread => index.strike(head.uid),
            Action::UndeleteThread | Action::UndeleteSubthread => {
                index.struck.remove(&head.uid);
            }
            Action::TagThread if is_tagged => {
                index.tagged.remove(&head.uid);
            }
            Action::TagThread => {
                index.tagged.insert(head.uid);
            }
            _ => index.edit(head, Marks::SEEN, Marks::NONE),
        }
    }
    if range.end < index.all().len() {
        index.select(range.end);
    }
    Then::Next
}

/// The first letter alone of a thread, or all of it.
fn collapse(index: &mut IndexState, place: usize) {
    let top = index.thread(place).start;
    let Some(uid) = index.all().get(top).map(|head| head.uid) else { return };
    if !index.collapsed.remove(&uid) {
        index.collapsed.insert(uid);
    }
    index.show_again(top);
}

impl IndexState {
    /// What is shown of the letters, once they or the threads that are collapsed have changed.
    pub(super) fn hide(&mut self) {
        self.hidden.clear();
        self.shown = None;
        let is_all = self.collapsed.is_empty() && self.limit.is_none();
        let Some(listing) = self.listing.as_ref().filter(|_| !is_all) else { return };
        if let Some(limit) = &self.limit {
            // Whatever is collapsed: what was looked for is to be seen.
            let heads = listing.heads.iter().filter(|head| limit.found.contains(&head.uid));
            let heads = heads.copied().collect();
            self.shown = Some(Arc::new(Listing { heads, ..**listing }));
            return;
        }
        let mut heads = Vec::new();
        // The first letter of the thread, where that is collapsed.
        let mut top = None;
        for head in &listing.heads {
            if head.depth == 0 {
                top = self.collapsed.contains(&head.uid).then_some(head.uid);
                heads.push(*head);
            } else if let Some(top) = top {
                *self.hidden.entry(top).or_default() += 1;
            } else {
                heads.push(*head);
            }
        }
        self.shown = Some(Arc::new(Listing { heads, ..**listing }));
    }

    fn depth(&self, place: usize) -> Option<u8> {
        self.all().get(place).map(|head| head.depth)
    }

    /// Where the letter that is selected is among all of them.
    fn selected_place(&self) -> Option<usize> {
        let uid = self.heads().get(self.list.selected)?.uid;
        if self.shown.is_none() {
            return Some(self.list.selected);
        }
        self.all().iter().position(|head| head.uid == uid)
    }

    /// Selects a letter by its place among all; one that is hidden is where the first of its thread is.
    fn select(&mut self, place: usize) {
        let top = self.thread(place).start;
        let find = |place: usize| {
            let uid = self.all().get(place)?.uid;
            self.heads().iter().position(|head| head.uid == uid)
        };
        let found =
            if self.shown.is_none() { Some(place) } else { find(place).or_else(|| find(top)) };
        if let Some(found) = found {
            self.list.selected = found;
        }
    }

    /// All letters of the thread that a letter is in.
    fn thread(&self, place: usize) -> Range<usize> {
        let all = self.all();
        let before = all.get(..=place).unwrap_or_default();
        let start = before.iter().rposition(|head| head.depth == 0).unwrap_or(0);
        let mut behind = all.iter().skip(place + 1);
        let more = behind.position(|head| head.depth == 0);
        Range { start, end: more.map_or(all.len(), |more| place + 1 + more) }
    }

    /// A letter, and all that is below it.
    fn subthread(&self, place: usize) -> Range<usize> {
        let depth = self.depth(place).unwrap_or(0);
        let mut behind = self.all().iter().skip(place + 1);
        let more = behind.position(|head| head.depth <= depth);
        Range { start: place, end: more.map_or(self.all().len(), |more| place + 1 + more) }
    }

    /// The letter that a letter answers.
    fn parent(&self, place: usize) -> Option<usize> {
        let depth = self.depth(place).filter(|depth| *depth > 0)?;
        self.all().get(..place)?.iter().rposition(|head| head.depth < depth)
    }

    /// The beginning of the thread, or of the answer, before the one that a letter is in.
    fn before(&self, place: usize, action: Action) -> Option<usize> {
        let start = self.thread(place).start;
        if action == Action::PreviousThread {
            return Some(self.thread(start.checked_sub(1)?).start);
        }
        let depth = self.depth(place)?;
        self.all().get(..place)?.iter().rposition(|head| head.depth <= depth)
    }

    /// Threads were collapsed, or not: shows the letters anew, this one selected, in the row in which the selection was.
    fn show_again(&mut self, place: usize) {
        let Some(listing) = self.listing.clone() else { return };
        let before = self.shown.take().unwrap_or_else(|| Arc::clone(&listing));
        self.hide();
        let now = self.shown.clone().unwrap_or(listing);
        self.list = Change::of(before, &now).kept_selection(self.list);
        let row = self.list.selected.saturating_sub(self.list.top);
        self.select(place);
        self.list.top = self.list.selected.saturating_sub(row);
    }
}
