//! Folders: looking into another one, and moving letters there.

use std::cmp::Reverse;

use postroad_safetext::{SafeText, safe_line};

use super::{Effects, index, letters as letters_counted, told, walk};
use crate::data::{FolderId, FolderRow, Role};
use crate::effect::{Ask, FolderAsk, Target};
use crate::keys::Action;
use crate::layout::Area;
use crate::line_edit::LineEdit;
use crate::model::{
    Choice, FolderFor, FolderOrder, FoldersState, ListState, Model, OneOf, Prompt, Screen, Wanted,
    Which,
};

impl Model {
    /// The place of the folder in the first row beside the letters, where there are so many rows.
    pub(crate) fn sidebar_top(&self, rows: usize) -> usize {
        if let Some(top) = self.beside {
            return top.min(self.folders.len().saturating_sub(rows));
        }
        let open = self.index.as_ref().map(|index| index.folder);
        let place = self.folders.iter().position(|folder| Some(folder.id) == open).unwrap_or(0);
        ListState { selected: place, top: 0 }.in_sight(self.folders.len(), rows).top
    }

    /// The folders in an order.
    pub(crate) fn folders_in(&self, order: FolderOrder) -> Vec<&FolderRow> {
        let mut folders: Vec<&FolderRow> = self.folders.iter().collect();
        match order {
            FolderOrder::Name => {}
            FolderOrder::Unread => {
                folders.sort_by_key(|folder| folder.counts.is_none_or(|counts| counts.unread == 0));
            }
            FolderOrder::Letters => {
                folders.sort_by_key(|folder| Reverse(folder.counts.map(|counts| counts.letters)));
            }
        }
        folders
    }
}

/// Moves the folders beside the letters, until another one is opened.
pub(super) fn scroll_beside(model: &mut Model, by: isize) {
    let rows = model.areas(model.size).sidebar.map_or(0, Area::height);
    let most = model.folders.len().saturating_sub(rows);
    let top = model.sidebar_top(rows).saturating_add_signed(by).min(most);
    model.beside = Some(top);
}

/// Asks for the name of a folder; with nothing typed, it is the next one with unread letters.
pub(super) fn ask_for_one(model: &mut Model) {
    let open = model.index.as_ref().map(|index| index.folder);
    let unread =
        model.folders.iter().filter(|folder| folder.role != Some(Role::Inboxes)).find(|folder| {
            Some(folder.id) != open && folder.counts.is_some_and(|all| all.unread > 0)
        });
    let text = unread.map_or_else(String::new, |folder| folder.name.as_str().to_owned());
    model.prompt = Some(Prompt::Line {
        label: "Open folder (?: list): ".into(),
        edit: LineEdit::of(text),
        wanted: Wanted::OpenFolder,
    });
}

pub(super) fn ask_where_to(model: &mut Model, wanted: Wanted) {
    let label = match wanted {
        Wanted::CopyTo(_) => "Copy to folder (?: list): ",
        _ => "Move to folder (?: list): ",
    };
    let edit = LineEdit::default();
    model.prompt = Some(Prompt::Line { label: label.into(), edit, wanted });
}

/// All folders, to choose one of them.
pub(super) fn show(model: &mut Model, wanted: FolderFor) {
    let open = model.index.as_ref().map(|index| index.folder);
    let selected = model.folders.iter().position(|folder| Some(folder.id) == open).unwrap_or(0);
    let list = ListState { selected, top: 0 };
    model.stack.push(Screen::Folders(FoldersState { list, wanted, order: FolderOrder::Name }));
}

pub(super) fn act(model: &mut Model, action: Action, effects: &mut Effects) {
    if walk::act(model, action) {
        return;
    }
    let Screen::Folders(state) = model.screen().clone() else { return };
    match action {
        Action::Quit => model.back(),
        action if told::act(model, action, effects) => {}
        Action::Sort => {
            let words = "Sort by (a)lpha, (c)ount, (u)nread?:".into();
            model.prompt = Some(Prompt::Letter { words, wanted: OneOf::Folders });
        }
        Action::Open => {
            let chosen = model.folders_in(state.order).get(state.list.selected).copied().cloned();
            let Some(folder) = chosen else { return model.say("There is no folder.") };
            model.back();
            take(model, state.wanted, &folder, effects);
        }
        Action::MakeFolder
        | Action::RenameFolder
        | Action::RemoveFolder
        | Action::Subscribe
        | Action::Unsubscribe => {
            let chosen = model.folders_in(state.order).get(state.list.selected).copied().cloned();
            match chosen {
                Some(folder) => change(model, action, &folder, effects),
                None => model.say("There is no folder."),
            }
        }
        _ => model.say("That key does nothing here."),
    }
}

/// An order was chosen; the folder that is selected stays so.
pub(super) fn ordered(model: &mut Model, letter: char) {
    let Screen::Folders(state) = model.screen() else { return };
    let state = *state;
    let order = match letter.to_ascii_lowercase() {
        'a' => FolderOrder::Name,
        'c' => FolderOrder::Letters,
        'u' => FolderOrder::Unread,
        _ => return model.say("There is no such order."),
    };
    let chosen = model.folders_in(state.order).get(state.list.selected).map(|row| row.id);
    let now = model.folders_in(order);
    let selected = now.iter().position(|row| Some(row.id) == chosen).unwrap_or(0);
    let list = ListState { selected, ..state.list };
    if let Some(Screen::Folders(shown)) = model.stack.last_mut() {
        *shown = FoldersState { list, order, ..state };
    }
}

/// Something is to become of a folder.
fn change(model: &mut Model, action: Action, folder: &FolderRow, effects: &mut Effects) {
    let (id, name) = (folder.id, folder.name.as_str());
    if folder.role == Some(Role::Inboxes) {
        return model.say("That is the inboxes of all accounts, and no folder.");
    }
    let is_open = model.index.as_ref().is_some_and(|index| index.folder == id);
    match action {
        Action::MakeFolder => {
            model.prompt = Some(Prompt::Line {
                label: "Create mailbox: ".into(),
                edit: LineEdit::default(),
                wanted: Wanted::MakeFolder(id),
            });
        }
        Action::Subscribe => {
            model.jobs.ask(Ask::Folder(FolderAsk::Subscribe(id)), effects);
        }
        Action::Unsubscribe => {
            model.jobs.ask(Ask::Folder(FolderAsk::Unsubscribe(id)), effects);
        }
        _ if folder.role == Some(Role::Inbox) => model.say("The inbox stays what it is."),
        _ if is_open => model.say("The folder is open: open another one first."),
        Action::RenameFolder => {
            // Beside others each has its account's name in front.
            let text = if model.accounts.len() > 1 { String::new() } else { name.to_owned() };
            model.prompt = Some(Prompt::Line {
                label: safe_line!("Rename {name} to: "),
                edit: LineEdit::of(text),
                wanted: Wanted::RenameFolder(id),
            });
        }
        _ => {
            let words = match folder.counts {
                Some(counts) => {
                    let count =
                        letters_counted(usize::try_from(counts.letters).unwrap_or(usize::MAX));
                    safe_line!("Remove {name} with {}, for good?", count.as_str())
                }
                None => safe_line!("Remove {name} with all letters in it, for good?"),
            };
            model.prompt = Some(Prompt::Choice { words, wanted: Choice::RemoveFolder(id) });
        }
    }
}

/// The name of a folder was typed that is to be made.
pub(super) fn made(model: &mut Model, beside: FolderId, typed: &str, effects: &mut Effects) {
    let name = typed.trim().trim_start_matches(['=', '+']).to_owned();
    if !name.is_empty() {
        model.jobs.ask(Ask::Folder(FolderAsk::Make { beside, name }), effects);
    }
}

/// What a folder is to be called was typed.
pub(super) fn renamed(model: &mut Model, folder: FolderId, typed: &str, effects: &mut Effects) {
    let to = typed.trim().trim_start_matches(['=', '+']).to_owned();
    let is_same = model.folders.iter().any(|row| row.id == folder && row.name.as_str() == to);
    if !to.is_empty() && !is_same {
        model.jobs.ask(Ask::Folder(FolderAsk::Rename { folder, to }), effects);
    }
}

/// A folder was chosen.
pub(super) fn take(
    model: &mut Model,
    wanted: FolderFor,
    folder: &FolderRow,
    effects: &mut Effects,
) {
    match wanted {
        FolderFor::Open => index::open(model, folder.id, folder.name.clone(), effects),
        FolderFor::Move(_) if model.index.as_ref().is_some_and(|it| it.folder == folder.id) => {
            model.say("The letter is in that folder.");
        }
        FolderFor::Move(which) | FolderFor::Copy(which) => {
            let to = (Target::Folder(folder.id), folder.name.as_str());
            put(model, wanted, which, to, effects);
        }
    }
}

/// Letters go where those go that aren't to be seen every day.
pub(super) fn archive(model: &mut Model, which: Which, effects: &mut Effects) {
    let open = model.index.as_ref().map(|index| index.folder);
    let is_archive = |row: &FolderRow| Some(row.id) == open && row.role == Some(Role::Archive);
    if model.folders.iter().any(is_archive) {
        return model.say("The letter is in that folder.");
    }
    let to = (Target::Role(Role::Archive), "the archive");
    put(model, FolderFor::Move(which), which, to, effects);
}

/// Letters go to a folder, or copies of them.
fn put(
    model: &mut Model,
    wanted: FolderFor,
    which: Which,
    (to, name): (Target, &str),
    effects: &mut Effects,
) {
    let letters = model.index.as_ref().map(|index| index.letters(which)).unwrap_or_default();
    if letters.is_empty() {
        return model.say("The letter has gone.");
    }
    // With what was marked on them.
    index::carry_out_marks(model, Some(&letters), effects);
    let count = letters_counted(letters.len());
    if let FolderFor::Copy(_) = wanted {
        model.say(safe_line!("Copying {} to {name}...", count.as_str()));
        model.jobs.ask(Ask::Copy { letters, to }, effects);
        return;
    }
    model.say(safe_line!("Moving {} to {name}...", count.as_str()));
    model.jobs.ask(Ask::Move { letters, to }, effects);
    if let Which::One(_) = which {
        index::go_on(model, effects);
    }
}

/// A folder was named that isn't there: it can be made, for letters.
pub(super) fn offer_to_make(model: &mut Model, typed: &str, wanted: FolderFor) {
    let name = typed.trim().trim_start_matches(['=', '+']).to_owned();
    let words = safe_line!("Create {}?", SafeText::line(&name).as_str());
    model.prompt = Some(Prompt::Choice { words, wanted: Choice::MakeFolder(name, wanted) });
}

/// It is to be made.
pub(super) fn make(model: &mut Model, name: String, wanted: FolderFor, effects: &mut Effects) {
    if let FolderFor::Move(which) | FolderFor::Copy(which) = wanted {
        let shown = SafeText::line(&name);
        put(model, wanted, which, (Target::Named(name), shown.as_str()), effects);
        model.jobs.ask(Ask::Folders, effects);
    }
}

/// The folder that is meant: by its whole name, with mutt's `=`, `+` and `!`, else by a piece of it that
/// no other has.
///
/// # Errors
/// What to say, or that there is none.
pub(super) fn named(model: &Model, typed: &str) -> Result<FolderRow, NotNamed> {
    let name = typed.trim().trim_start_matches(['=', '+']);
    let of = |fits: &dyn Fn(&FolderRow) -> bool| -> Vec<&FolderRow> {
        model.folders.iter().filter(|folder| fits(folder)).collect()
    };
    if name == "!" {
        let inbox = of(&|folder| folder.role == Some(Role::Inbox));
        return inbox
            .first()
            .copied()
            .cloned()
            .ok_or_else(|| NotNamed::None("There is no inbox.".into()));
    }
    let wanted = name.to_lowercase();
    let exact = of(&|folder| folder.name.as_str() == name);
    let alike = of(&|folder| folder.name.as_str().to_lowercase() == wanted);
    let pieces = of(&|folder| folder.name.as_str().to_lowercase().contains(&wanted));
    for found in [&exact, &alike, &pieces] {
        if let [only] = found.as_slice() {
            return Ok((*only).clone());
        }
    }
    let name = SafeText::line(name);
    Err(match pieces.len() {
        0 => NotNamed::None(safe_line!("There is no folder {}.  ?: list", name.as_str())),
        many => {
            let name = name.as_str();
            NotNamed::Several(safe_line!("{many} folders have {name} in their names.  ?: list"))
        }
    })
}

/// Why what was typed is no folder, in words.
#[derive(Debug)]
pub(super) enum NotNamed {
    /// There is none like it.
    None(SafeText),
    /// It may be several.
    Several(SafeText),
}

/// What was typed, as far as it can mean one folder alone.
pub(super) fn completed(model: &Model, typed: &str) -> Option<String> {
    let folder = named(model, typed).ok()?;
    Some(folder.name.as_str().to_owned())
}
