//! A line that was typed: the answer to a question, or a key, the numbers that it is for, and the words behind it.

use postroad_safetext::{SafeText, safe_line};

use super::Session;
use crate::effect::Effect;
use crate::keys::{Action, Binding, Key, On, table};
use crate::line_edit::LineEdit;
use crate::model::{HelpState, Model, Note, Prompt, Reach, Screen, Wanted};
use crate::msg::Msg;
use crate::update::{self, command};
use crate::view;

/// Keys that what they are for may stand behind at once, as in `/alice`.
const JOINED: [char; 5] = ['/', '|', ':', '?', '!'];

impl Session {
    /// Takes a line, without its end, and says what the shell is to do.
    pub fn typed(&mut self, model: &mut Model, line: &str) -> Vec<Effect> {
        self.is_due = true;
        model.note = Note::Nothing;
        self.note = Note::Nothing;
        match &model.prompt {
            Some(Prompt::Line { wanted: Wanted::Command, .. }) => {
                model.prompt = None;
                self.named(model, line.trim())
            }
            Some(Prompt::Line { .. }) => answer(model, line),
            Some(Prompt::Choice { .. } | Prompt::Letter { .. }) => {
                let key = line.trim().chars().next().map_or(Key::Enter, Key::Char);
                update::update(model, Msg::Key(key))
            }
            None => self.command(model, line.trim()),
        }
    }

    /// Nothing more is typed: out of a question, else back, at last out.
    pub fn end(&mut self, model: &mut Model) -> Vec<Effect> {
        match &model.prompt {
            Some(_) => self.interrupt(model),
            None => self.typed(model, "quit"),
        }
    }

    /// Out of a question.
    pub fn interrupt(&mut self, model: &mut Model) -> Vec<Effect> {
        self.is_due = true;
        if model.prompt.is_none() {
            model.note = Note::Said("q: leave".into());
            return Vec::new();
        }
        update::update(model, Msg::Key(Key::Ctrl('g')))
    }

    /// All of it is told anew.
    pub fn forget(&mut self) {
        self.told.clear();
    }

    fn command(&mut self, model: &mut Model, line: &str) -> Vec<Effect> {
        let on = model.on();
        if line.is_empty() {
            let name = match on {
                On::Pager | On::Explain => "Space",
                _ => "Enter",
            };
            let Some(binding) = table::named(on, name) else {
                self.forget();
                return Vec::new();
            };
            return update::perform(model, binding);
        }
        if line.starts_with(|c: char| c.is_ascii_digit()) {
            return self.by_number(model, line);
        }
        if let Some(rest) = line.strip_prefix(':') {
            return self.named(model, rest.trim());
        }
        let (first, rest) = split(line);
        // Esc and another key are two words.
        let (second, behind) = split(rest);
        let both = format!("{first} {second}");
        let joined = line.chars().next().filter(|c| JOINED.contains(c));
        let joined = joined.and_then(|c| Some((c, line.strip_prefix(c)?.trim())));
        let found = table::named(on, &both)
            .map(|binding| (binding, behind))
            .or_else(|| table::named(on, first).map(|binding| (binding, rest)))
            .or_else(|| Some((table::named(on, &joined?.0.to_string())?, joined?.1)));
        match found {
            Some((binding, rest)) => self.perform(model, binding, rest),
            None => self.named(model, line),
        }
    }

    /// By what `:` calls it.
    fn named(&mut self, model: &mut Model, line: &str) -> Vec<Effect> {
        if ["set ", "unset ", "toggle "].iter().any(|verb| line.starts_with(verb)) {
            return update::run_command(model, line);
        }
        let line = line.strip_prefix("exec ").unwrap_or(line);
        let (name, rest) = split(line);
        match command::found(model.on(), name) {
            Some(binding) if name.len() > 1 => self.perform(model, binding, rest),
            _ => {
                let shown = SafeText::line(name).cut(40);
                let words = safe_line!("{} means nothing here.  ?: all keys", shown.as_str());
                model.note = Note::Said(words);
                Vec::new()
            }
        }
    }

    /// A number alone: that entry, looked at.
    fn by_number(&mut self, model: &mut Model, line: &str) -> Vec<Effect> {
        let entries = update::entries(model);
        let open = table::named(model.on(), "Enter").filter(|it| it.action == Action::Open);
        match (numbers(line, entries), open) {
            ((Some(places), ""), Some(open)) => match places.as_slice() {
                [place] => {
                    update::select(model, *place);
                    update::perform(model, open)
                }
                _ => said(model, "One number is looked at.  d 1-3: a key for several"),
            },
            _ => said(model, "There is none with that number."),
        }
    }

    fn perform(&mut self, model: &mut Model, binding: &Binding, rest: &str) -> Vec<Effect> {
        match binding.action {
            Action::Help => {
                self.tell_keys(model.on(), rest);
                return Vec::new();
            }
            Action::Redraw => {
                self.forget();
                return update::perform(model, binding);
            }
            Action::Command if !rest.is_empty() => return self.named(model, rest),
            Action::Sidebar => {
                return said(model, "There is no screen to show folders on.  c: open one");
            }
            _ => {}
        }
        let is_list = !matches!(model.screen(), Screen::Pager(_) | Screen::Explain(_));
        let takes_numbers = is_list && is_done_to_some(binding.action);
        let begins = rest.starts_with(|c: char| c.is_ascii_digit());
        let (places, words) = if takes_numbers && begins {
            match numbers(rest, update::entries(model)) {
                (Some(places), words) => (places, words),
                (None, _) => return said(model, "There is none with that number."),
            }
        } else {
            (Vec::new(), rest)
        };
        let mut effects = match places.as_slice() {
            [] => update::perform(model, binding),
            [place] => {
                update::select(model, *place);
                update::perform(model, binding)
            }
            places if is_done_to_many(binding.action) => {
                tag(model, places);
                model.reach = Reach::Tagged;
                update::perform(model, binding)
            }
            places if is_done_to_each(binding.action) => {
                let mut effects = Vec::new();
                for place in places {
                    update::select(model, *place);
                    effects.extend(update::perform(model, binding));
                }
                effects
            }
            _ => return said(model, "That is done to one at a time."),
        };
        if !words.is_empty() {
            match &model.prompt {
                Some(Prompt::Line { .. }) => effects.extend(answer(model, words)),
                Some(Prompt::Letter { .. }) => {
                    let key = words.chars().next().map_or(Key::Enter, Key::Char);
                    effects.extend(update::update(model, Msg::Key(key)));
                }
                Some(Prompt::Choice { .. }) | None => {}
            }
        }
        effects
    }

    /// The keys of a screen, or those that have these words.
    fn tell_keys(&mut self, on: On, words: &str) {
        let help = HelpState { on, filter: LineEdit::of(words.to_owned()), top: 0 };
        self.ahead.extend(view::help_lines(&help));
        self.ahead.push(
            "A number looks at that entry; a key may have numbers behind it (d 1-3), and what it asks for (s 3 Archive)."
                .into(),
        );
        self.is_due = false;
    }
}

fn said(model: &mut Model, words: &'static str) -> Vec<Effect> {
    model.note = Note::Said(words.into());
    Vec::new()
}

/// The first word, and what is behind it.
fn split(line: &str) -> (&str, &str) {
    let (first, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    (first, rest.trim_start())
}

/// The answer to a question: nothing typed leaves what stands there, a blank empties it.
fn answer(model: &mut Model, line: &str) -> Vec<Effect> {
    let Some(Prompt::Line { edit, .. }) = &mut model.prompt else { return Vec::new() };
    if line == "?" {
        // The list of what can be chosen, where there is one.
        *edit = LineEdit::default();
        return update::update(model, Msg::Key(Key::Char('?')));
    }
    if !line.is_empty() {
        *edit = LineEdit::default();
        edit.paste(line.trim());
    }
    update::update(model, Msg::Key(Key::Enter))
}

/// Places by numbers from 1, as `3 5-7 $`, and what is behind them; `None` where one isn't there.
fn numbers(text: &str, entries: usize) -> (Option<Vec<usize>>, &str) {
    let mut places = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (word, behind) = split(rest);
        let number = |text: &str| match text {
            "$" => Some(entries),
            text => text.parse::<usize>().ok(),
        };
        let (first, last) = word.split_once('-').unwrap_or((word, word));
        let (Some(first), Some(last)) = (number(first), number(last)) else { break };
        if first == 0 || first > last || last > entries {
            return (None, behind);
        }
        places.extend(first - 1..last);
        rest = behind;
    }
    places.sort_unstable();
    places.dedup();
    ((!places.is_empty()).then_some(places), rest)
}

fn tag(model: &mut Model, places: &[usize]) {
    if let Some(index) = &mut model.index {
        let uids = places.iter().filter_map(|place| Some(index.heads().get(*place)?.uid));
        index.tagged = uids.collect();
    }
}

/// What `;` has done to all that are tagged, with one question for all of them.
fn is_done_to_many(action: Action) -> bool {
    matches!(
        action,
        Action::Save
            | Action::Copy
            | Action::Pipe
            | Action::Print
            | Action::SetMark
            | Action::ClearMark
    )
}

/// What is done to one after the other.
fn is_done_to_each(action: Action) -> bool {
    matches!(
        action,
        Action::Delete | Action::Undelete | Action::ToggleFlag | Action::ToggleNew | Action::Tag
    )
}

/// What is done to the entry that is selected.
fn is_done_to_some(action: Action) -> bool {
    is_done_to_many(action)
        || is_done_to_each(action)
        || matches!(
            action,
            Action::Open
                | Action::Headers
                | Action::Conversation
                | Action::Reply
                | Action::Group
                | Action::ListReply
                | Action::Forward
                | Action::Bounce
                | Action::Resend
                | Action::DeleteThread
                | Action::UndeleteThread
                | Action::ReadThread
                | Action::TagThread
                | Action::DeleteSubthread
                | Action::UndeleteSubthread
                | Action::ReadSubthread
                | Action::Collapse
                | Action::Mailcap
                | Action::Detach
                | Action::Retry
                | Action::Discard
        )
}
