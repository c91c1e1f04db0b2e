//! The letters of a folder.
//!
//! What is struck and marked stands in the model alone, as mutt has it, until `$`, `q` or another folder
//! has it carried out: `x` leaves everything as it was.

use std::collections::BTreeSet;

use postroad_safetext::SafeText;

use super::{Effects, compose, folders, pager, report};
use crate::data::{FolderId, Head, LetterId, Marks, Role};
use crate::effect::{Ask, Audience, FlagEdit, OutboxAsk, Start, Target};
use crate::keys::Action;
use crate::model::{Headers, IndexState, ListState, Model, Screen};

impl IndexState {
    /// All letters, in order.
    pub fn heads(&self) -> &[Head] {
        self.listing.as_ref().map_or(&[], |listing| listing.heads.as_slice())
    }

    /// What is marked on a letter, the user's changes counted.
    pub fn marks(&self, head: Head) -> Marks {
        let edit = self.edits.get(&head.uid).copied().unwrap_or_default();
        head.flags.with(edit.add).without(edit.remove)
    }

    /// Where a letter stands.
    pub fn place_of(&self, letter: LetterId) -> Option<usize> {
        let listing = self.listing.as_ref()?;
        let is_here = listing.folder == letter.folder && listing.validity == letter.validity;
        let found = self.heads().iter().position(|head| head.uid == letter.uid);
        found.filter(|_| is_here)
    }

    /// The letter at a place.
    pub fn letter_at(&self, place: usize) -> Option<LetterId> {
        let listing = self.listing.as_ref()?;
        let uid = listing.heads.get(place)?.uid;
        Some(LetterId { folder: listing.folder, validity: listing.validity, uid })
    }

    /// The letter that is selected.
    pub fn selected(&self) -> Option<LetterId> {
        self.letter_at(self.list.selected)
    }

    fn edit(&mut self, head: Head, add: Marks, remove: Marks) {
        let before = self.marks(head);
        let edit = self.edits.entry(head.uid).or_default();
        edit.add = edit.add.without(remove).with(add);
        edit.remove = edit.remove.without(add).with(remove);
        let after = self.marks(head);
        self.counts.leave(before);
        self.counts.enter(after);
    }

    /// The letter with this number, if it is here.
    fn head_of(&self, letter: LetterId) -> Option<Head> {
        self.heads().get(self.place_of(letter)?).copied()
    }

    /// What of an edit changes anything.
    pub(super) fn needed(&self, head: Head) -> Option<FlagEdit> {
        let edit = self.edits.get(&head.uid)?;
        let add = edit.add.without(head.flags);
        let remove = edit.remove.without(edit.remove.without(head.flags));
        (add != Marks::NONE || remove != Marks::NONE).then_some(FlagEdit { add, remove })
    }

    /// The next letter that fits, from a place on, that one left out.
    fn next(&self, on: Way, fits: impl Fn(Head) -> bool) -> Option<usize> {
        let heads = self.heads();
        let here = self.list.selected;
        match on {
            Way::On => {
                let behind = heads.iter().enumerate().skip(here.saturating_add(1));
                behind.into_iter().find(|(_, head)| fits(**head)).map(|(place, _)| place)
            }
            Way::Back => {
                let before = heads.get(..here.min(heads.len()))?;
                before.iter().rposition(|head| fits(*head))
            }
        }
    }
}

/// Where to look for the next letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    On,
    Back,
}

pub(super) fn act(model: &mut Model, action: Action, effects: &mut Effects) {
    match action {
        Action::Next
        | Action::Previous
        | Action::NextAny
        | Action::PreviousAny
        | Action::NextNew
        | Action::PreviousNew => {
            go(model, action);
        }
        Action::Open => pager::open(model, Headers::Brief, effects),
        Action::Headers => pager::open(model, Headers::All, effects),
        Action::Exit => report::quit(effects),
        Action::Quit => {
            carry_out(model, effects);
            report::quit(effects);
        }
        _ if super::walk(model, action) => {}
        _ => {
            let _ = change(model, action, effects);
        }
    }
}

/// To another letter of the list; false where there is none.
pub(super) fn go(model: &mut Model, action: Action) -> bool {
    let Some(index) = &mut model.index else { return false };
    let found = match action {
        Action::Next => index.next(Way::On, |head| !index.struck.contains(&head.uid)),
        Action::Previous => index.next(Way::Back, |head| !index.struck.contains(&head.uid)),
        Action::NextAny => index.next(Way::On, |_| true),
        Action::PreviousAny => index.next(Way::Back, |_| true),
        Action::NextNew | Action::PreviousNew => {
            let unread = |head: Head| !index.marks(head).has(Marks::SEEN);
            let way = if action == Action::NextNew { Way::On } else { Way::Back };
            // Round the end, as mutt goes.
            index.next(way, unread).or_else(|| match way {
                Way::On => index.heads().iter().position(|head| unread(*head)),
                Way::Back => index.heads().iter().rposition(|head| unread(*head)),
            })
        }
        _ => None,
    };
    match found {
        Some(place) => index.list.selected = place,
        None => model.say(match action {
            Action::NextNew | Action::PreviousNew => "No unread letters.",
            Action::Previous | Action::PreviousAny => "You are on the first letter.",
            _ => "You are on the last letter.",
        }),
    }
    found.is_some()
}

/// What became of the letter that is selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// Nothing that moves the selection.
    Stay,
    /// On to the next letter that isn't struck, as mutt's `resolve` has it.
    Next,
}

/// What can be done to the letter that is selected, in the index and in the pager.
pub(super) fn change(model: &mut Model, action: Action, effects: &mut Effects) -> Then {
    let letter = model.index.as_ref().and_then(IndexState::selected);
    match (action, letter) {
        (Action::Sync, _) => carry_out(model, effects),
        (Action::ChangeFolder, _) => folders::ask_for_one(model),
        (Action::Mail, _) => compose::begin(model, Start::Empty, effects),
        (Action::Outbox, _) => {
            model.jobs.ask(Ask::Outbox(OutboxAsk::List), effects);
            model.jobs.ask(Ask::Drafts, effects);
            model.stack.push(Screen::Outbox(ListState::default()));
        }
        (Action::Undelete, letter) => return undelete(model, letter, effects),
        (_, None) => model.say("There is no letter."),
        (Action::Reply, Some(letter)) => {
            compose::begin(model, Start::Reply(letter, Audience::Sender), effects);
        }
        (Action::Group, Some(letter)) => {
            compose::begin(model, Start::Reply(letter, Audience::All), effects);
        }
        (Action::Forward, Some(letter)) => compose::begin(model, Start::Forward(letter), effects),
        (Action::Save, Some(letter)) => folders::ask_where_to(model, letter),
        (Action::Delete | Action::ToggleFlag | Action::ToggleNew, Some(letter)) => {
            mark(model, action, letter);
            go_quietly(model);
            return Then::Next;
        }
        _ => model.say("That key does nothing here."),
    }
    Then::Stay
}

fn mark(model: &mut Model, action: Action, letter: LetterId) {
    let Some(index) = &mut model.index else { return };
    let Some(head) = index.heads().get(index.list.selected).copied() else { return };
    let mark = match action {
        Action::ToggleFlag => Marks::FLAGGED,
        Action::ToggleNew => Marks::SEEN,
        _ => {
            index.struck.insert(letter.uid);
            return;
        }
    };
    if index.marks(head).has(mark) {
        index.edit(head, Marks::NONE, mark);
    } else {
        index.edit(head, mark, Marks::NONE);
    }
}

/// To the next letter that isn't struck, and nothing said where there is none.
fn go_quietly(model: &mut Model) {
    let note = model.note.clone();
    go(model, Action::Next);
    model.note = note;
}

/// On from a letter that something was done to: to the next one, in the list and where it is read.
pub(super) fn go_on(model: &mut Model, effects: &mut Effects) {
    if matches!(model.screen(), Screen::Pager(_)) {
        pager::another(model, Action::Next, effects);
    } else {
        go_quietly(model);
    }
}

/// A struck letter is struck no more; elsewhere the last thing is taken back.
fn undelete(model: &mut Model, letter: Option<LetterId>, effects: &mut Effects) -> Then {
    if let (Some(letter), Some(index)) = (letter, &mut model.index)
        && index.struck.remove(&letter.uid)
    {
        index.list = index.list.moved(1, index.heads().len());
        return Then::Stay;
    }
    take_back(model, effects);
    Then::Stay
}

fn take_back(model: &mut Model, effects: &mut Effects) {
    if model.jobs.any(|ask| matches!(ask, Ask::Undo | Ask::TakeBack(_))) {
        return model.say("Something is being taken back already.");
    }
    match model.undo.last().map(|label| label.held.clone()) {
        None => model.say("There is nothing to take back."),
        Some(None) => {
            model.jobs.ask(Ask::Undo, effects);
        }
        Some(Some((held, _))) => {
            model.jobs.ask(Ask::TakeBack(held), effects);
        }
    }
}

/// A letter was read, or answered.
pub(super) fn marked(model: &mut Model, letter: LetterId, mark: Marks) {
    let Some(index) = &mut model.index else { return };
    if let Some(head) = index.head_of(letter).filter(|head| !index.marks(*head).has(mark)) {
        index.edit(head, mark, Marks::NONE);
    }
}

/// Has marks written, letters moved to the trash, and the folder's letters known as looked at.
pub(super) fn carry_out(model: &mut Model, effects: &mut Effects) {
    let Some(index) = &model.index else { return };
    let Some(listing) = index.listing.clone() else { return };
    // What is on its way to another folder isn't moved twice.
    let moving: BTreeSet<LetterId> = model
        .jobs
        .running()
        .filter_map(|ask| if let Ask::Move { letters, .. } = ask { Some(letters) } else { None })
        .flatten()
        .copied()
        .collect();
    let id = |uid: u32| LetterId { folder: listing.folder, validity: listing.validity, uid };
    let mut edits: Vec<(FlagEdit, Vec<LetterId>)> = Vec::new();
    let mut struck = Vec::new();
    for head in &listing.heads {
        if let Some(edit) = index.needed(*head) {
            match edits.iter_mut().find(|(known, _)| *known == edit) {
                Some((_, letters)) => letters.push(id(head.uid)),
                None => edits.push((edit, vec![id(head.uid)])),
            }
        }
        if index.struck.contains(&head.uid) && !moving.contains(&id(head.uid)) {
            struck.push(id(head.uid));
        }
    }
    for (edit, letters) in edits {
        model.jobs.ask(Ask::Flag { letters, edit }, effects);
    }
    if !struck.is_empty() {
        let to = Target::Role(Role::Trash);
        model.jobs.ask(Ask::Move { letters: struck, to }, effects);
    }
    model.jobs.ask(Ask::Sync(listing.folder), effects);
}

/// To another folder, with everything carried out in this one.
pub(super) fn open(model: &mut Model, folder: FolderId, name: SafeText, effects: &mut Effects) {
    model.stack.truncate(1);
    if model.index.as_ref().is_some_and(|index| index.folder == folder) {
        carry_out(model, effects);
        model.jobs.ask(Ask::Refresh(folder), effects);
        return;
    }
    carry_out(model, effects);
    if let Some(index) = &model.index {
        let old = index.folder;
        model.jobs.cancel(effects, |ask| match ask {
            Ask::Open(asked) | Ask::Refresh(asked) => *asked == old,
            Ask::Rows { folder, .. } => *folder == old,
            Ask::Read(letter) => letter.folder == old,
            _ => false,
        });
        model.jobs.ask(Ask::Close(old), effects);
    }
    model.index = Some(IndexState::new(folder, name));
    model.jobs.ask(Ask::Open(folder), effects);
}
