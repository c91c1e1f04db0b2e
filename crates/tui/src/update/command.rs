//! `:`, keys by their names. mutt's names are known, with its `exec` before them or without, and its `set`.

use postroad_safetext::{SafeText, safe_line};

use super::{Effects, settings};
use crate::keys::{Binding, On, table};
use crate::model::Model;

/// What was typed is done.
pub(super) fn typed(model: &mut Model, text: &str, effects: &mut Effects) {
    let text = text.trim();
    if text.is_empty() {
        return;
    }
    if settings::typed(model, text, effects) {
        return;
    }
    let name = name(text);
    match found(model.on(), name) {
        Some(binding) => {
            super::act(model, binding, effects);
            if model.note == crate::model::Note::Nothing && model.prompt.is_none() {
                model.say(told(binding));
            }
        }
        None => {
            let name = SafeText::line(name);
            model.say(safe_line!("There is no command {} here.  ?: all keys", name.as_str()));
        }
    }
}

/// The whole name, else the only one that begins so.
pub(crate) fn found(on: On, name: &str) -> Option<&'static Binding> {
    let whole = matching(on, name).find(|binding| binding.action.name() == name);
    whole.or_else(|| {
        let mut beginning = matching(on, name).filter(|it| it.action.name().starts_with(name));
        beginning.next().filter(|_| beginning.next().is_none())
    })
}

/// Without mutt's word for it.
fn name(text: &str) -> &str {
    text.trim().strip_prefix("exec ").unwrap_or(text).trim()
}

/// The commands of a screen that have the letters in their names, each once: its own first.
pub(crate) fn matching(on: On, typed: &str) -> impl Iterator<Item = &'static Binding> {
    let name = name(typed).to_owned();
    let mut known: Vec<&str> = Vec::new();
    table::of(on).filter(move |binding| {
        let it = binding.action.name();
        let is_new = !it.is_empty() && !known.contains(&it);
        if is_new {
            known.push(it);
        }
        is_new && it.contains(name.as_str())
    })
}

/// A command and its key: `delete-message (d)`.
pub(crate) fn told(binding: &Binding) -> SafeText {
    let key = binding.keys.first().map(|key| table::shown(key)).unwrap_or_default();
    safe_line!("{} ({key})", binding.action.name())
}

/// As much as all have that begin as what was typed; else the only one that has it in its name.
pub(super) fn completed(on: On, typed: &str) -> Option<String> {
    if let Some(setting) = settings::completed(typed) {
        return Some(setting);
    }
    let name = name(typed);
    let beginning = matching(on, name).map(|it| it.action.name()).filter(|it| it.starts_with(name));
    let common = beginning.reduce(|one, other| {
        let same = one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
        one.get(..same).unwrap_or(one)
    });
    common.map(str::to_owned).or_else(|| {
        let mut matching = matching(on, name);
        let only = matching.next()?;
        matching.next().is_none().then(|| only.action.name().to_owned())
    })
}
