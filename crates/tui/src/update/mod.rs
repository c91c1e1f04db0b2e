//! What a message changes. Total: any message in any state; nothing here waits, opens or asks a clock.
//!
//! | looking for | it is in |
//! |---|---|
//! | keys that mean the same everywhere, time | here |
//! | the mouse | `mouse` |
//! | what jobs report | `report` |
//! | moving about in any list | `walk` |
//! | letters of a folder: which there are | `listing` |
//! | moving about in them, striking, marking | `index` |
//! | a letter, its parts, its links | `pager`, `parts`, `links`, `explain` |
//! | the order of letters, their threads | `order`, `threads` |
//! | finding them, a list that is limited; letters of all folders; words of a letter | `find`, `found`, `within` |
//! | folders, moving letters there | `folders` |
//! | writing; a text that is typed here | `compose`, `editor` |
//! | letters that are left as they stand; the end | `desk` |
//! | what is only told | `told` |
//! | people whom the user knows | `people` |
//! | what is typed in the last line; what was before; names of files | `prompt`, `history`, `files` |
//! | keys by their names; what can be set | `command`, `settings` |

use postroad_safetext::{SafeText, safe_line};

use crate::data::{FolderId, Order, OutboxState};
use crate::effect::{Ask, Effect, OutboxAsk, PeopleAsk};
use crate::keys::{Action, Binding, Key, On, table};
use crate::layout::Area;
use crate::limits::ESCAPE_WAIT;
use crate::line_edit::LineEdit;
use crate::model::{
    HelpState, IndexState, Model, Note, Now, Pending, Prompt, Reach, Screen, Sidebar,
};
use crate::msg::Msg;

mod by_pattern;
pub(crate) mod command;
pub(crate) mod compose;
pub(crate) mod desk;
mod editor;
mod explain;
mod files;
mod find;
mod folders;
mod found;
mod help;
mod history;
mod index;
pub(crate) mod links;
mod listing;
mod mouse;
mod order;
mod outbox;
mod pager;
mod parts;
pub(crate) mod people;
mod prompt;
mod report;
pub(crate) mod settings;
mod threads;
mod told;
mod walk;
mod within;

pub(crate) use walk::entries;
use walk::{list_mut, walk};

/// What is to be done.
type Effects = Vec<Effect>;

/// Opens a folder on an empty screen, in the order that the model has.
pub fn start(model: &mut Model, folder: FolderId, name: SafeText) -> Vec<Effect> {
    let mut effects = Effects::new();
    model.index = Some(IndexState::new(folder, name));
    if model.order != Order::default() {
        model.jobs.ask(Ask::Arrange(model.order), &mut effects);
    }
    model.jobs.ask(Ask::Open(folder), &mut effects);
    model.jobs.ask(Ask::Folders, &mut effects);
    model.jobs.ask(Ask::Drafts, &mut effects);
    model.jobs.ask(Ask::Outbox(OutboxAsk::List), &mut effects);
    model.jobs.ask(Ask::People(PeopleAsk::List), &mut effects);
    effects
}

/// What the message changes, and what the shell is to do then, in this order.
pub fn update(model: &mut Model, msg: Msg) -> Vec<Effect> {
    let mut effects = Effects::new();
    match msg {
        Msg::Key(key) => pressed(model, key, &mut effects),
        Msg::Paste(text) => pasted(model, &text),
        Msg::Mouse(mouse) => mouse::moused(model, mouse, &mut effects),
        Msg::Resized(size) => model.size = size,
        Msg::Tick(now) => ticked(model, now, &mut effects),
        Msg::Report(report) => {
            report::take(model, report, &mut effects);
            while !find::is_awaited(model)
                && let Some(key) = model.ahead.pop_front()
            {
                settle(model, &mut effects);
                pressed(model, key, &mut effects);
            }
        }
    }
    settle(model, &mut effects);
    effects
}

/// Does what a key does, whatever it is.
pub(crate) fn perform(model: &mut Model, binding: &Binding) -> Vec<Effect> {
    let mut effects = Effects::new();
    model.note = Note::Nothing;
    act(model, binding, &mut effects);
    settle(model, &mut effects);
    effects
}

/// Does what was typed behind `:`.
pub(crate) fn run_command(model: &mut Model, text: &str) -> Vec<Effect> {
    let mut effects = Effects::new();
    command::typed(model, text, &mut effects);
    settle(model, &mut effects);
    effects
}

/// Goes to an entry of the list on the screen.
pub(crate) fn select(model: &mut Model, place: usize) {
    if let Some(list) = list_mut(model) {
        list.selected = place;
    }
}

impl Model {
    /// Where the list or the letter stands.
    pub(crate) fn body(&self) -> Area {
        self.areas(self.size).body
    }

    fn say(&mut self, words: impl Into<SafeText>) {
        self.note = Note::Said(words.into());
    }

    /// Off the top of what is shown; the index stays.
    fn back(&mut self) {
        if self.stack.len() > 1 {
            self.stack.pop();
        }
    }
}

/// One key, which may be the second of two.
fn pressed(model: &mut Model, key: Key, effects: &mut Effects) {
    if find::is_awaited(model) {
        return find::pressed_meanwhile(model, key, effects);
    }
    if let Key::Alt(c) = key {
        // Terminals send Esc and the letter for it; mutt has them as one.
        model.pending = Pending::Escape(model.now.since_start);
        return pressed(model, Key::Char(c), effects);
    }
    let was_escape = std::mem::take(&mut model.pending) != Pending::Nothing;
    if model.prompt.is_some() {
        // What is asked for a letter is asked again when somebody goes back to it.
        if key == Key::Ctrl(']') && model.screen().writing().is_some() {
            desk::leave_or_go_back(model);
            return;
        }
        return prompt::key(model, key, effects);
    }
    if key == Key::Esc && !was_escape && table::has_escape(model.on()) {
        model.pending = Pending::Escape(model.now.since_start);
        effects.push(Effect::TickAt(model.now.since_start + ESCAPE_WAIT));
        return;
    }
    let keys = if was_escape { &[Key::Esc, key][..] } else { &[key] };
    match table::find(model.on(), keys) {
        Some(binding) => {
            model.note = Note::Nothing;
            match (binding.action, key) {
                (Action::Jump, Key::Char(digit)) => prompt::jump(model, digit),
                (Action::Letter, Key::Char(digit)) => {
                    desk::go(model, digit.to_digit(10).unwrap_or(0) as usize);
                }
                _ => act(model, binding, effects),
            }
        }
        None => {
            model.reach = Reach::Selected;
            match key {
                key if model.on() == On::Help => help::key(model, key),
                key if model.on() == On::Editor => {
                    model.note = Note::Nothing;
                    editor::key(model, key);
                }
                Key::Esc | Key::Ctrl('g') => model.note = Note::Nothing,
                _ => model.say("Key is not bound.  Press '?' for help."),
            }
        }
    }
}

fn act(model: &mut Model, binding: &Binding, effects: &mut Effects) {
    do_it(model, binding, effects);
    // `;` is for the next key alone.
    if binding.action != Action::TagPrefix {
        model.reach = Reach::Selected;
    }
}

fn do_it(model: &mut Model, binding: &Binding, effects: &mut Effects) {
    match binding.action {
        Action::Command => prompt::ask_for_command(model),
        Action::Shell => prompt::ask_for_shell(model),
        Action::Redraw => {
            effects.push(Effect::Redraw);
            if let Some(folder) = model.index.as_ref().map(|index| index.folder) {
                listing::ask_again(model, folder);
            }
        }
        Action::Suspend => effects.push(Effect::Suspend),
        Action::Leave => desk::leave_or_go_back(model),
        Action::Letter => model.say("^]: write on.  B: all letters being written"),
        Action::Help => {
            let help = HelpState { on: model.on(), filter: LineEdit::default(), top: 0 };
            model.stack.push(Screen::Help(help));
        }
        Action::Sidebar => {
            let is_shown = model.areas(model.size).sidebar.is_some();
            model.look.sidebar = if is_shown { Sidebar::Hidden } else { Sidebar::Shown };
        }
        action => match model.on() {
            On::Index | On::List | On::Anywhere => index::act(model, action, effects),
            On::Pager => pager::act(model, action, effects),
            On::Parts => parts::act(model, action, effects),
            On::Links => links::act(model, action, effects),
            On::Explain => explain::act(model, action, effects),
            On::Folders => folders::act(model, action, effects),
            On::Compose => compose::act(model, action, effects),
            On::Editor => editor::act(model, action, effects),
            On::Found => found::act(model, action, effects),
            On::Outbox => outbox::act(model, action, effects),
            On::People => people::act(model, action, effects),
            On::Help => help::act(model, action),
        },
    }
}

fn pasted(model: &mut Model, text: &str) {
    match (&mut model.prompt, model.stack.last_mut()) {
        (Some(Prompt::Line { edit, .. }), _) => edit.paste(text),
        (None, Some(Screen::Help(help))) => help.filter.paste(text),
        (None, Some(Screen::Editor(_))) => editor::paste(model, text),
        // Never keys: who pastes a letter into the list would strike half a folder.
        (Some(Prompt::Choice { .. } | Prompt::Letter { .. }), _) | (None, _) => {
            model.say("Pasted text is taken only where something is typed.");
        }
    }
}

fn ticked(model: &mut Model, now: Now, effects: &mut Effects) {
    model.now = now;
    if let Pending::Escape(since) = model.pending
        && model.now.since_start >= since + ESCAPE_WAIT
    {
        model.pending = Pending::Nothing;
        model.note = Note::Nothing;
        if let Some(binding) = table::find(model.on(), &[Key::Esc]) {
            act(model, binding, effects);
        }
    }
    // What has left can't be had back.
    let wall = model.now.wall;
    model.undo.retain(|label| label.held.as_ref().is_none_or(|(_, until)| *until > wall));
    let is_held = model.undo.last().is_some_and(|label| label.held.is_some());
    if model.note == Note::Queued && !is_held {
        model.note = Note::Nothing;
    }
}

/// What holds after each message: what is selected is in sight, and what is in sight is asked for.
fn settle(model: &mut Model, effects: &mut Effects) {
    let (rows, entries) = (walk::rows(model), entries(model));
    if let Some(list) = list_mut(model) {
        *list = list.in_sight(entries, rows);
    }
    listing::ask_for_rows(model, effects);
    editor::in_sight(model);
    editor::keep(model, effects);
    found::keep(model, effects);
    desk::end_when_kept(model, effects);
    let counts_down = match model.screen() {
        Screen::Outbox(_) => model
            .outbox
            .iter()
            .any(|row| matches!(row.state, OutboxState::Held(..) | OutboxState::Waiting(Some(_)))),
        _ => model.note == Note::Queued,
    };
    if counts_down {
        let second = std::time::Duration::from_secs(1);
        effects.push(Effect::TickAt(model.now.since_start.saturating_add(second)));
    }
}

/// "1 letter", "3 letters".
fn letters(count: usize) -> SafeText {
    if count == 1 { "1 letter".into() } else { safe_line!("{count} letters") }
}
