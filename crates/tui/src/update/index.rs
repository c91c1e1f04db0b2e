//! The letters of a folder.
//!
//! What is struck and marked stands in the model alone, as mutt has it, until `$`, `q` or another folder
//! has it carried out: `x` leaves everything as it was.

use std::collections::BTreeSet;

use postroad_safetext::SafeText;

use super::{
    Effects, by_pattern, compose, desk, find, folders, found, order, pager, people, threads, told,
};
use crate::data::{FolderId, Head, LetterId, Marks, Role, Way};
use crate::effect::{Ask, Audience, FlagEdit, OutboxAsk, Start, Target};
use crate::keys::Action;
use crate::line_edit::LineEdit;
use crate::model::{
    Choice, Deed, FolderFor, Headers, IndexState, Leaving, ListState, Marking, Model, OneOf,
    Prompt, Reach, ReadFor, Screen, Seek, Towards, Wanted, Which, Whom,
};

impl IndexState {
    /// The letters that are shown, in order.
    pub fn heads(&self) -> &[Head] {
        let shown = self.shown.as_ref().or(self.listing.as_ref());
        shown.map_or(&[], |listing| listing.heads.as_slice())
    }

    /// All letters, in order.
    pub fn all(&self) -> &[Head] {
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
        let uid = self.heads().get(place)?.uid;
        Some(LetterId { folder: listing.folder, validity: listing.validity, uid })
    }

    /// The letter that is selected.
    pub fn selected(&self) -> Option<LetterId> {
        self.letter_at(self.list.selected)
    }

    /// It goes to the trash. What is to be thrown away isn't tagged, as in mutt.
    pub(super) fn strike(&mut self, uid: u32) {
        self.struck.insert(uid);
        self.tagged.remove(&uid);
    }

    pub(super) fn edit(&mut self, head: Head, add: Marks, remove: Marks) {
        let before = self.marks(head);
        let edit = self.edits.entry(head.uid).or_default();
        edit.add = edit.add.without(remove).with(add);
        edit.remove = edit.remove.without(add).with(remove);
        let after = self.marks(head);
        self.counts.leave(before);
        self.counts.enter(after);
    }

    /// The letters that something is done to, in order; what has gone is left out.
    pub(super) fn letters(&self, which: Which) -> Vec<LetterId> {
        match which {
            Which::One(letter) => self.head_of(letter).map(|_| letter).into_iter().collect(),
            Which::Tagged => {
                let Some(listing) = &self.listing else { return Vec::new() };
                let (folder, validity) = (listing.folder, listing.validity);
                let id = |head: Head| LetterId { folder, validity, uid: head.uid };
                self.heads_of(which).into_iter().map(id).collect()
            }
        }
    }

    fn heads_of(&self, which: Which) -> Vec<Head> {
        match which {
            Which::One(letter) => self.head_of(letter).into_iter().collect(),
            Which::Tagged if self.tagged.is_empty() => Vec::new(),
            Which::Tagged => {
                let heads = self.all().iter();
                heads.filter(|head| self.tagged.contains(&head.uid)).copied().collect()
            }
        }
    }

    /// The letter with this number, if it is here.
    fn head_of(&self, letter: LetterId) -> Option<Head> {
        self.place_of(letter).and_then(|place| self.heads().get(place)).copied().or_else(|| {
            // Out of sight, in a thread that is collapsed.
            let listing = self.listing.as_ref()?;
            let is_here = listing.folder == letter.folder && listing.validity == letter.validity;
            self.all().iter().find(|head| is_here && head.uid == letter.uid).copied()
        })
    }

    /// What of an edit changes anything on disk.
    pub(super) fn needed(&self, head: Head) -> Option<FlagEdit> {
        let edit = self.edits.get(&head.uid)?;
        let add = edit.add.without(head.flags).without(Marks::RECENT);
        let remove = edit.remove.without(edit.remove.without(head.flags)).without(Marks::RECENT);
        (add != Marks::NONE || remove != Marks::NONE).then_some(FlagEdit { add, remove })
    }

    /// The next letter that fits, round the end, where nothing lies before it.
    fn next_round(&self, way: Towards, fits: impl Fn(Head) -> bool) -> Option<usize> {
        self.next(way, &fits).or_else(|| match way {
            Towards::End => self.heads().iter().position(|head| fits(*head)),
            Towards::Beginning => self.heads().iter().rposition(|head| fits(*head)),
        })
    }

    /// The next letter that fits, from a place on, that one left out.
    fn next(&self, on: Towards, fits: impl Fn(Head) -> bool) -> Option<usize> {
        let heads = self.heads();
        let here = self.list.selected;
        match on {
            Towards::End => {
                let behind = heads.iter().enumerate().skip(here.saturating_add(1));
                behind.into_iter().find(|(_, head)| fits(**head)).map(|(place, _)| place)
            }
            Towards::Beginning => {
                let before = heads.get(..here.min(heads.len()))?;
                before.iter().rposition(|head| fits(*head))
            }
        }
    }
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
        Action::Open => pager::open(model, model.look.headers, effects),
        Action::Headers => pager::open(model, Headers::All, effects),
        Action::Conversation => pager::open_conversation(model, effects),
        Action::Parts => pager::fetch(model, ReadFor::Parts, effects),
        Action::Explain => pager::fetch(model, ReadFor::Explain, effects),
        Action::ListAction => pager::fetch(model, ReadFor::Leave, effects),
        Action::Exit => desk::quit(model, Leaving::Exit, effects),
        Action::Quit => desk::quit(model, Leaving::Quit, effects),
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
        Action::Next => index.next(Towards::End, |head| !index.struck.contains(&head.uid)),
        Action::Previous => {
            index.next(Towards::Beginning, |head| !index.struck.contains(&head.uid))
        }
        Action::NextAny => index.next(Towards::End, |_| true),
        Action::PreviousAny => index.next(Towards::Beginning, |_| true),
        Action::NextNew | Action::PreviousNew => {
            let way = if action == Action::NextNew { Towards::End } else { Towards::Beginning };
            let unread = |head: Head| !index.marks(head).has(Marks::SEEN);
            let new = |head: Head| unread(head) && index.marks(head).has(Marks::RECENT);
            // New ones first, wherever they are, as mutt goes.
            index.next_round(way, new).or_else(|| index.next_round(way, unread))
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
    if let Some(then) = change_many(model, action, letter, effects) {
        return then;
    }
    if let Some(then) = threads::act(model, action) {
        return then;
    }
    if told::act(model, action, effects) {
        return Then::Stay;
    }
    match (action, letter) {
        (Action::Sync, _) => carry_out(model, effects),
        (Action::Search, _) => find::ask(model, Seek::Forward),
        (Action::SearchAll, _) => found::ask(model),
        (Action::SearchBack, _) => find::ask(model, Seek::Back),
        (Action::Limit, _) => find::ask(model, Seek::Limit),
        (Action::SearchNext, _) => find::next(model, effects),
        (Action::DeletePattern, _) => by_pattern::ask(model, Deed::Strike),
        (Action::UndeletePattern, _) => by_pattern::ask(model, Deed::Unstrike),
        (Action::TagPattern, _) => by_pattern::ask(model, Deed::Tag),
        (Action::UntagPattern, _) => by_pattern::ask(model, Deed::Untag),
        (Action::Sort, _) => order::ask(model, Way::Up),
        (Action::SortReverse, _) => order::ask(model, Way::Down),
        (Action::TagPrefix, _) => {
            if model.index.as_ref().is_some_and(|index| index.tagged.is_empty()) {
                model.say("No tagged letters.");
            } else {
                model.reach = Reach::Tagged;
                model.say("tag-");
            }
        }
        (Action::ChangeFolder, _) => folders::ask_for_one(model),
        (Action::Folders, _) => folders::show(model, FolderFor::Open),
        (Action::Mail, _) => compose::begin(model, Start::Empty, effects),
        (Action::Outbox, _) => {
            model.jobs.ask(Ask::Outbox(OutboxAsk::List), effects);
            model.jobs.ask(Ask::Drafts, effects);
            model.stack.push(Screen::Outbox(ListState::default()));
        }
        (Action::Query, _) => people::ask(model),
        (Action::Undelete, letter) => return undelete(model, letter, effects),
        (_, None) => model.say("There is no letter."),
        (Action::Reply, Some(letter)) => {
            compose::begin(model, Start::Reply(letter, Audience::Sender), effects);
        }
        (Action::Group, Some(letter)) => {
            compose::begin(model, Start::Reply(letter, Audience::All), effects);
        }
        (Action::ListReply, Some(letter)) => {
            compose::begin(model, Start::Reply(letter, Audience::List), effects);
        }
        (Action::CreateAlias, Some(letter)) => people::ask_alias(model, Whom::Author(letter), ""),
        (Action::Bounce, Some(letter)) => compose::ask_whom(model, letter),
        (Action::Resend, Some(letter)) => compose::begin(model, Start::Resend(letter), effects),
        (Action::Forward, Some(letter)) => compose::begin(model, Start::Forward(letter), effects),
        _ => model.say("That key does nothing here."),
    }
    Then::Stay
}

/// What can be done to the letter that is selected, and to all that are tagged; `None` where it isn't that.
fn change_many(
    model: &mut Model,
    action: Action,
    letter: Option<LetterId>,
    effects: &mut Effects,
) -> Option<Then> {
    let which = match model.reach {
        Reach::Selected => letter.map(Which::One)?,
        Reach::Tagged => Which::Tagged,
    };
    match action {
        Action::Save => folders::ask_where_to(model, Wanted::MoveTo(which)),
        Action::Copy => folders::ask_where_to(model, Wanted::CopyTo(which)),
        Action::Archive => folders::archive(model, which, effects),
        Action::Pipe => {
            let (label, edit) = ("Pipe to command: ".into(), LineEdit::default());
            model.prompt = Some(Prompt::Line { label, edit, wanted: Wanted::Pipe(which) });
        }
        Action::Print => {
            let letters =
                model.index.as_ref().map(|index| index.letters(which)).unwrap_or_default();
            let words = match which {
                Which::One(_) => "Print message?",
                Which::Tagged => "Print tagged messages?",
            };
            let (words, wanted) = (words.into(), Choice::Print(letters));
            model.prompt = Some(Prompt::Choice { words, wanted });
        }
        Action::SetMark | Action::ClearMark => {
            let (words, marking) = match action {
                Action::SetMark => ("Set flag? (D/N/O/r/*/!):", Marking::Set),
                _ => ("Clear flag? (D/N/O/r/*/!):", Marking::Clear),
            };
            let (words, wanted) = (words.into(), OneOf::Mark(marking, which));
            model.prompt = Some(Prompt::Letter { words, wanted });
        }
        Action::Delete | Action::ToggleFlag | Action::ToggleNew | Action::Tag => {
            mark(model, action, which);
            return Some(match which {
                Which::Tagged => Then::Stay,
                // As mutt does: a tag goes on to the next letter, struck or not.
                Which::One(_) if action == Action::Tag => go_quietly(model, Action::NextAny),
                Which::One(_) => go_quietly(model, Action::Next),
            });
        }
        Action::Undelete if which == Which::Tagged => {
            let Some(index) = &mut model.index else { return Some(Then::Stay) };
            for head in index.heads_of(which) {
                index.struck.remove(&head.uid);
            }
        }
        _ => return None,
    }
    Some(Then::Stay)
}

fn mark(model: &mut Model, action: Action, which: Which) {
    let Some(index) = &mut model.index else { return };
    for head in index.heads_of(which) {
        let marks = index.marks(head);
        match action {
            Action::Tag => {
                if !index.tagged.remove(&head.uid) {
                    index.tagged.insert(head.uid);
                }
            }
            Action::ToggleFlag if marks.has(Marks::FLAGGED) => {
                index.edit(head, Marks::NONE, Marks::FLAGGED);
            }
            Action::ToggleFlag => index.edit(head, Marks::FLAGGED, Marks::NONE),
            // What somebody has read, or at least looked at, is new again; what is new was read.
            Action::ToggleNew if marks.has(Marks::SEEN) || !marks.has(Marks::RECENT) => {
                index.edit(head, Marks::RECENT, Marks::SEEN);
            }
            Action::ToggleNew => index.edit(head, Marks::SEEN, Marks::NONE),
            _ => index.strike(head.uid),
        }
    }
}

/// `w` or `W`, and a letter: one of mutt's.
pub(super) fn mark_by_letter(
    model: &mut Model,
    letter: char,
    marking: Marking,
    which: Which,
    effects: &mut Effects,
) {
    let Some(index) = &mut model.index else { return };
    let is_set = marking == Marking::Set;
    for head in index.heads_of(which) {
        let mut edit = |add: Marks, remove: Marks| match marking {
            Marking::Set => index.edit(head, add, remove),
            Marking::Clear => index.edit(head, remove, add),
        };
        match letter.to_ascii_lowercase() {
            'n' => edit(Marks::RECENT, Marks::SEEN),
            'o' if is_set => edit(Marks::NONE, Marks::SEEN.with(Marks::RECENT)),
            'o' => edit(Marks::NONE, Marks::SEEN),
            'r' => edit(Marks::ANSWERED, Marks::NONE),
            '!' => edit(Marks::FLAGGED, Marks::NONE),
            'd' if is_set => index.strike(head.uid),
            'd' => drop(index.struck.remove(&head.uid)),
            '*' if is_set => drop(index.tagged.insert(head.uid)),
            '*' => drop(index.tagged.remove(&head.uid)),
            _ => return model.say("There is no such mark."),
        }
    }
    if let Which::One(_) = which {
        go_on(model, effects);
    }
}

/// Letters go to a program.
pub(super) fn pipe(model: &mut Model, which: Which, command: String, effects: &mut Effects) {
    let letters = model.index.as_ref().map(|index| index.letters(which)).unwrap_or_default();
    if letters.is_empty() {
        model.say("The letter has gone.");
    } else if !command.trim().is_empty() {
        model.jobs.ask(Ask::Pipe { letters, command }, effects);
    }
}

/// To the next letter, and nothing said where there is none.
fn go_quietly(model: &mut Model, action: Action) -> Then {
    let note = model.note.clone();
    go(model, action);
    model.note = note;
    Then::Next
}

/// On from a letter that something was done to: to the next one, in the list and where it is read.
pub(super) fn go_on(model: &mut Model, effects: &mut Effects) {
    if matches!(model.screen(), Screen::Pager(_)) {
        pager::another(model, Action::Next, effects);
    } else {
        go_quietly(model, Action::Next);
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
    let mut struck = Vec::new();
    for head in &listing.heads {
        if index.struck.contains(&head.uid) && !moving.contains(&id(head.uid)) {
            struck.push(id(head.uid));
        }
    }
    carry_out_marks(model, None, effects);
    if !struck.is_empty() {
        let to = Target::Role(Role::Trash);
        model.jobs.ask(Ask::Move { letters: struck, to }, effects);
    }
    model.jobs.ask(Ask::Sync(listing.folder), effects);
}

/// Has marks written: of these letters, or of all.
pub(super) fn carry_out_marks(
    model: &mut Model,
    letters: Option<&[LetterId]>,
    effects: &mut Effects,
) {
    let Some(index) = &model.index else { return };
    let Some(listing) = index.listing.clone() else { return };
    let wanted: Option<BTreeSet<u32>> =
        letters.map(|letters| letters.iter().map(|letter| letter.uid).collect());
    let mut edits: Vec<(FlagEdit, Vec<LetterId>)> = Vec::new();
    let is_wanted = |uid: u32| wanted.as_ref().is_none_or(|wanted| wanted.contains(&uid));
    for head in listing.heads.iter().filter(|head| is_wanted(head.uid)) {
        if let Some(edit) = index.needed(*head) {
            let (folder, validity) = (listing.folder, listing.validity);
            let id = LetterId { folder, validity, uid: head.uid };
            match edits.iter_mut().find(|(known, _)| *known == edit) {
                Some((_, letters)) => letters.push(id),
                None => edits.push((edit, vec![id])),
            }
        }
    }
    for (edit, letters) in edits {
        model.jobs.ask(Ask::Flag { letters, edit }, effects);
    }
}

/// To another folder, with everything carried out in this one.
pub(super) fn open(model: &mut Model, folder: FolderId, name: SafeText, effects: &mut Effects) {
    model.stack.truncate(1);
    model.beside = None;
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
            Ask::Read(letter) | Ask::Conversation(letter) => letter.folder == old,
            _ => false,
        });
        model.jobs.ask(Ask::Close(old), effects);
    }
    model.index = Some(IndexState::new(folder, name));
    model.jobs.ask(Ask::Open(folder), effects);
}
