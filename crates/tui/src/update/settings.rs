//! What is set behind `:`, as mutt spells it: `set name=value`, `set name`, `set noname`, `set invname`, `set name?`, `unset`, `toggle`.
//!
//! It holds until the program ends, but for the order, which is kept.

use postroad_safetext::{SafeText, safe_line};

use super::{Effects, order};
use crate::data::{By, Order};
use crate::model::{Colours, FootLines, Headers, Model, Screen, Sidebar};

/// What can be set, and what to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Setting {
    Colours,
    Foot,
    Sidebar,
    Sort,
    Threads,
    Weed,
}

/// Their names, and the values that there are; those of `yes` and `no` can be turned over.
const SETTINGS: [(&str, Setting, &[&str]); 6] = [
    ("colours", Setting::Colours, &["none", "16", "many"]),
    ("foot", Setting::Foot, &["yes", "no"]),
    ("sidebar_visible", Setting::Sidebar, &["yes", "no", "auto"]),
    ("sort", Setting::Sort, &[]),
    ("use_threads", Setting::Threads, &["yes", "no"]),
    ("weed", Setting::Weed, &["yes", "no"]),
];

/// What is done to a setting.
enum Deed<'t> {
    Value(&'t str),
    /// `yes`, or what it is where it has other values.
    Plain,
    No,
    Turn,
    Tell,
}

/// Takes what was typed, if it is about settings.
pub(super) fn typed(model: &mut Model, text: &str, effects: &mut Effects) -> bool {
    let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
    let rest = rest.trim();
    let (name, deed) = match verb {
        "set" => of_set(rest),
        "unset" => (rest, Deed::No),
        "toggle" => (rest, Deed::Turn),
        _ => return false,
    };
    match SETTINGS.iter().find(|(known, ..)| *known == name) {
        Some((_, setting, values)) => done(model, (name, *setting, values), deed, effects),
        None => {
            let name = SafeText::line(name).cut(40);
            model.say(safe_line!(
                "There is no setting {}.  :set and Tab: all of them",
                name.as_str()
            ));
        }
    }
    true
}

/// What stands behind `set`.
fn of_set(text: &str) -> (&str, Deed<'_>) {
    if let Some((name, value)) = text.split_once('=') {
        return (name.trim(), Deed::Value(value.trim().trim_matches('"')));
    }
    if let Some(name) = text.strip_suffix('?').or_else(|| text.strip_prefix('?')) {
        return (name.trim(), Deed::Tell);
    }
    let is_known = |name: &str| SETTINGS.iter().any(|(known, ..)| *known == name);
    match (text.strip_prefix("no"), text.strip_prefix("inv")) {
        (Some(name), _) if is_known(name) => (name, Deed::No),
        (_, Some(name)) if is_known(name) => (name, Deed::Turn),
        _ => (text, Deed::Plain),
    }
}

fn done(
    model: &mut Model,
    (name, setting, values): (&str, Setting, &[&str]),
    deed: Deed<'_>,
    effects: &mut Effects,
) {
    let is_switch = values.contains(&"yes");
    let now = value(model, setting);
    let wanted = match deed {
        Deed::Value(value) => value.to_owned(),
        Deed::Plain if is_switch => "yes".to_owned(),
        Deed::No if is_switch => "no".to_owned(),
        Deed::Turn if is_switch && now.as_str() == "yes" => "no".to_owned(),
        Deed::Turn if is_switch => "yes".to_owned(),
        Deed::No | Deed::Turn => return model.say(safe_line!("{name} is no switch.")),
        Deed::Plain | Deed::Tell => return model.say(safe_line!("{name}={}", now.as_str())),
    };
    if setting == Setting::Sort {
        return order::named(model, &wanted, effects);
    }
    if !values.contains(&wanted.as_str()) {
        return model.say(safe_line!("{name} is one of {}.", values.join(", ")));
    }
    set(model, setting, &wanted, effects);
    model.say(safe_line!("{name}={wanted}"));
}

fn value(model: &Model, setting: Setting) -> SafeText {
    let switch = |is_on: bool| if is_on { "yes" } else { "no" };
    match setting {
        Setting::Colours => match model.look.colours {
            Colours::None => "none",
            Colours::Sixteen => "16",
            Colours::Many => "many",
        },
        Setting::Foot => switch(model.look.foot == FootLines::Shown),
        Setting::Sidebar => match model.look.sidebar {
            Sidebar::Auto => "auto",
            Sidebar::Shown => "yes",
            Sidebar::Hidden => "no",
        },
        Setting::Sort => return model.order.name(),
        Setting::Threads => switch(model.order.by == By::Threads),
        Setting::Weed => switch(model.look.headers == Headers::Brief),
    }
    .into()
}

fn set(model: &mut Model, setting: Setting, wanted: &str, effects: &mut Effects) {
    let is_on = wanted == "yes";
    match setting {
        Setting::Colours => {
            model.look.colours = match wanted {
                "none" => Colours::None,
                "16" => Colours::Sixteen,
                _ => Colours::Many,
            };
        }
        Setting::Foot => {
            model.look.foot = if is_on { FootLines::Shown } else { FootLines::Hidden };
        }
        Setting::Sidebar => {
            model.look.sidebar = match wanted {
                "yes" => Sidebar::Shown,
                "no" => Sidebar::Hidden,
                _ => Sidebar::Auto,
            };
        }
        Setting::Sort => order::named(model, wanted, effects),
        Setting::Threads => {
            let by = if is_on { By::Threads } else { By::default() };
            order::arrange(model, Order { by, ..model.order }, effects);
        }
        Setting::Weed => {
            let headers = if is_on { Headers::Brief } else { Headers::All };
            model.look.headers = headers;
            if let Some(Screen::Pager(pager)) = model.stack.last_mut() {
                pager.show(headers);
            }
        }
    }
}

/// Settings that begin as what was typed behind `set`, with what they are and may be; nothing where no setting is typed.
pub(crate) fn told(model: &Model, typed: &str) -> Option<Vec<SafeText>> {
    let rest = typed.trim_start().strip_prefix("set ")?;
    let (name, is_valued) = match rest.split_once('=') {
        Some((name, _)) => (name, true),
        None => (rest, false),
    };
    let fitting = SETTINGS.iter().filter(|(known, ..)| known.starts_with(name.trim()));
    let words = |(name, setting, values): &(&str, Setting, &[&str])| {
        let may_be = match setting {
            Setting::Sort if is_valued => By::ALL.map(By::name).join(" "),
            _ => values.join(" "),
        };
        let now = value(model, *setting);
        match may_be.as_str() {
            "" => safe_line!("{name}={}", now.as_str()),
            may_be => safe_line!("{name}={} ({may_be})", now.as_str()),
        }
    };
    Some(fitting.map(words).collect())
}

/// As much as all of them have that begin so: of the name, or of the value behind it.
pub(super) fn completed(typed: &str) -> Option<String> {
    let rest = typed.trim_start().strip_prefix("set ")?;
    let names: Vec<&str> = SETTINGS.iter().map(|(name, ..)| *name).collect();
    let Some((name, begun)) = rest.split_once('=') else {
        return Some(format!("set {}", common(&names, rest)?));
    };
    let (_, setting, values) = SETTINGS.iter().find(|(known, ..)| *known == name)?;
    let orders = By::ALL.map(By::name);
    let values = if *setting == Setting::Sort { orders.as_slice() } else { *values };
    Some(format!("set {name}={}", common(values, begun)?))
}

/// What all have that begin so.
fn common<'w>(words: &[&'w str], begun: &str) -> Option<&'w str> {
    let fitting = words.iter().copied().filter(|word| word.starts_with(begun));
    fitting.reduce(|one, other| {
        let same = one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
        one.get(..same).unwrap_or(one)
    })
}
