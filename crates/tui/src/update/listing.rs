//! The letters of a folder as the shell tells them: which there are, and what lists show of those that are
//! near the window.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::{Effects, find};
use crate::data::{FolderId, Head, Listing, Marks, Row};
use crate::effect::Ask;
use crate::limits::{ROWS_AHEAD, ROWS_KEPT};
use crate::model::{Counts, IndexState, ListState, Model, Note};

/// A folder's letters, for the first time or changed.
pub(super) fn listed(model: &mut Model, listing: Arc<Listing>, effects: &mut Effects) {
    let limited = model.index.as_ref().filter(|index| index.limit.is_some());
    let known: Option<BTreeSet<u32>> =
        limited.map(|index| index.all().iter().map(|head| head.uid).collect());
    taken(model, listing);
    if let Some(known) = known {
        find::relisted(model, &known, effects);
    }
}

fn taken(model: &mut Model, listing: Arc<Listing>) {
    let rows = model.body().height().max(1);
    let Some(index) = &mut model.index else { return };
    if listing.folder != index.folder {
        return;
    }
    let before = index.listing.take();
    if before.as_ref().is_some_and(|before| before.generation > listing.generation) {
        index.listing = before;
        return;
    }
    let shown_before = index.shown.take().or_else(|| before.clone());
    let is_renumbered = before.as_ref().is_some_and(|old| old.validity != listing.validity);
    if is_renumbered {
        // The old numbers mean other letters now.
        index.rows.clear();
        index.asked.clear();
        index.edits.clear();
        index.struck.clear();
        index.tagged.clear();
        index.collapsed.clear();
        index.limit = None;
    }
    let change = before.filter(|_| !is_renumbered).map(|before| Change::of(before, &listing));
    index.listing = Some(Arc::clone(&listing));
    index.hide();
    let shown = index.shown.clone().unwrap_or_else(|| Arc::clone(&listing));
    index.list = match shown_before.filter(|_| !is_renumbered) {
        None => first_selection(&shown.heads, rows),
        Some(before) => Change::of(before, &shown).kept_selection(index.list),
    };
    if let Some(change) = &change {
        change.forget(index);
    }
    index.counts = Counts::default();
    let marks: Vec<Marks> = index.all().iter().map(|head| index.marks(*head)).collect();
    marks.into_iter().for_each(|marks| index.counts.enter(marks));
    let folder = index.folder;
    if change.is_some_and(|change| change.has_new()) && model.note == Note::Nothing {
        model.say("New mail in this mailbox.");
    }
    ask_again(model, folder);
}

/// Letters whose rows were asked for and didn't come may be asked for again.
pub(super) fn ask_again(model: &mut Model, folder: FolderId) {
    let is_asked = |ask: &Ask| matches!(ask, Ask::Rows { folder: asked, .. } if *asked == folder);
    if !model.jobs.any(is_asked)
        && let Some(index) = &mut model.index
    {
        index.asked.clear();
    }
}

/// A listing and the one before it. Most begin alike: what is the same isn't looked at again.
pub(super) struct Change {
    before: Arc<Listing>,
    now: Arc<Listing>,
    /// Letters at the beginning of both, in the same order.
    same: usize,
}

impl Change {
    pub(super) fn of(before: Arc<Listing>, now: &Arc<Listing>) -> Self {
        let both = before.heads.iter().zip(&now.heads);
        let same = both.take_while(|(before, now)| before.uid == now.uid).count();
        Self { before, now: Arc::clone(now), same }
    }

    /// The letters behind those that are the same.
    fn behind(&self) -> (&[Head], &[Head]) {
        let (before, now) = (self.before.heads.get(self.same..), self.now.heads.get(self.same..));
        (before.unwrap_or_default(), now.unwrap_or_default())
    }

    /// Whether there are unread letters that weren't there.
    fn has_new(&self) -> bool {
        let (before, now) = self.behind();
        let known: HashSet<u32> = before.iter().map(|head| head.uid).collect();
        now.iter().any(|head| !head.flags.has(Marks::SEEN) && !known.contains(&head.uid))
    }

    /// What is known of letters that aren't there any more, and changes that are on disk by now.
    fn forget(&self, index: &mut IndexState) {
        let (before, now) = self.behind();
        let here: HashSet<u32> = now.iter().map(|head| head.uid).collect();
        let gone: HashSet<u32> =
            before.iter().map(|head| head.uid).filter(|uid| !here.contains(uid)).collect();
        index.rows.retain(|uid, _| !gone.contains(uid));
        index.struck.retain(|uid| !gone.contains(uid));
        index.tagged.retain(|uid| !gone.contains(uid));
        index.collapsed.retain(|uid| !gone.contains(uid));
        if !index.edits.is_empty() {
            let is_needed = |head: &&Head| index.needed(**head).is_some();
            let needed: BTreeSet<u32> =
                index.all().iter().filter(is_needed).map(|head| head.uid).collect();
            index.edits.retain(|uid, _| needed.contains(uid));
        }
    }

    /// The letter that was selected stays so, in its row; where it has gone, the next one that was there.
    pub(super) fn kept_selection(&self, list: ListState) -> ListState {
        let (_, now) = self.behind();
        let row = list.selected.saturating_sub(list.top);
        let selected = if list.selected < self.same {
            list.selected
        } else {
            let places: HashMap<u32, usize> =
                now.iter().map(|head| head.uid).zip(self.same..).collect();
            let mut behind = self.before.heads.iter().skip(list.selected);
            let found = behind.find_map(|head| places.get(&head.uid).copied());
            found.unwrap_or_else(|| list.selected.min(self.now.heads.len().saturating_sub(1)))
        };
        ListState { selected, top: selected.saturating_sub(row) }
    }
}

/// The first letter that is new, else the first that is unread, else the last one, as mutt does.
fn first_selection(heads: &[Head], rows: usize) -> ListState {
    let is_unread = |head: &&Head| !head.flags.has(Marks::SEEN);
    let new = heads.iter().position(|head| is_unread(&head) && head.flags.has(Marks::RECENT));
    let unread = || heads.iter().position(|head| is_unread(&head));
    let selected = new.or_else(unread).unwrap_or(heads.len().saturating_sub(1));
    let top = heads.len().saturating_sub(rows).min(selected);
    ListState { selected, top }
}

pub(super) fn rows_came(model: &mut Model, folder: FolderId, rows: Vec<(u32, Row)>) {
    let Some(index) = model.index.as_mut().filter(|index| index.folder == folder) else { return };
    index.rows.extend(rows);
    if index.rows.len() > ROWS_KEPT {
        let from = index.list.top.saturating_sub(ROWS_KEPT / 4);
        let near = index.heads().iter().skip(from).take(ROWS_KEPT / 2);
        let near: BTreeSet<u32> = near.map(|head| head.uid).collect();
        index.rows.retain(|uid, _| near.contains(uid));
        // Those that were let go of may be asked for again.
        index.asked.retain(|uid| near.contains(uid));
    }
}

/// Asks for rows that are in sight or nearly so, once.
pub(super) fn ask_for_rows(model: &mut Model, effects: &mut Effects) {
    let height = model.body().height();
    let Some(index) = &mut model.index else { return };
    let list = index.list.in_sight(index.heads().len(), height);
    let window = list.top..list.top.saturating_add(height);
    let is_missing =
        |head: &&Head| !index.rows.contains_key(&head.uid) && !index.asked.contains(&head.uid);
    let in_sight = index.heads().iter().skip(window.start).take(height);
    if !in_sight.clone().any(|head| is_missing(&head)) {
        return;
    }
    let from = window.start.saturating_sub(ROWS_AHEAD);
    let near = index.heads().iter().skip(from).take(height + 2 * ROWS_AHEAD);
    let uids: Vec<u32> = near.filter(is_missing).map(|head| head.uid).collect();
    index.asked.extend(uids.iter().copied());
    let folder = index.folder;
    model.jobs.ask(Ask::Rows { folder, uids }, effects);
}

impl Counts {
    pub(super) fn enter(&mut self, marks: Marks) {
        let [new, old, flagged] = Self::counted(marks);
        *self = Self { new: self.new + new, old: self.old + old, flagged: self.flagged + flagged };
    }

    pub(super) fn leave(&mut self, marks: Marks) {
        let [new, old, flagged] = Self::counted(marks);
        *self = Self {
            new: self.new.saturating_sub(new),
            old: self.old.saturating_sub(old),
            flagged: self.flagged.saturating_sub(flagged),
        };
    }

    fn counted(marks: Marks) -> [usize; 3] {
        let is_unread = !marks.has(Marks::SEEN);
        let is_recent = marks.has(Marks::RECENT);
        [is_unread && is_recent, is_unread && !is_recent, marks.has(Marks::FLAGGED)]
            .map(usize::from)
    }
}
