//! What the table says to be mutt's is mutt's: `mutt-2.2.12/` has what Debian's mutt lists with `?` on each
//! screen without any settings, its own keys before those of every list.

use postroad_tui::keys::{Action, Binding, Mutt, On, mutt::TABLE};

use crate::mouse::is_list;

/// What mutt calls that beside what we call it: lists, the index and the pager do the same by several names.
fn functions(action: Action) -> &'static [&'static str] {
    match action {
        Action::Next => &["next-entry"],
        Action::Previous => &["previous-entry"],
        Action::First => &["top"],
        Action::Last => &["bottom"],
        Action::Open => &["view-attach", "select-entry"],
        Action::ToggleNew => &["mark-as-new"],
        Action::Sort => &["sort"],
        Action::Jump => &["jump"],
        Action::Tag => &["tag-message"],
        Action::Pipe => &["pipe-entry"],
        Action::Print => &["print-entry"],
        Action::Save => &["save-entry"],
        Action::Outbox => &["background-compose-menu", "recall-message"],
        Action::Command => &["enter-command"],
        Action::Redraw => &["redraw-screen"],
        Action::Quit => &["exit"],
        _ => &[],
    }
}

/// A key as mutt writes it.
fn as_mutt_writes(key: &str) -> String {
    let one = |key: &str| match key {
        "PgDn" => "<PageDown>".to_owned(),
        "PgUp" => "<PageUp>".to_owned(),
        "Backspace" => "<BackSpace>".to_owned(),
        key if key.len() == 1 || key.starts_with('^') && key.len() == 2 => key.to_owned(),
        key => format!("<{key}>"),
    };
    key.split(' ').map(one).collect()
}

fn check(binding: &Binding, on: On, listed: &str) {
    let own = |key: &str| TABLE.iter().any(|it| it.on == on && it.keys.contains(&key));
    // A key of its own comes before that of all lists.
    for key in binding.keys.iter().filter(|key| binding.on == on || !own(key)) {
        let key = as_mutt_writes(key);
        let named = format!("{key} ");
        let mut found = listed.lines().filter_map(|line| line.strip_prefix(&named)).peekable();
        let wanted = [functions(binding.action), &[binding.action.name()]].concat();
        let first = found.peek().copied();
        let is_same = match binding.on {
            // mutt's own key of a screen may be one that is left out here.
            On::List => found.any(|found| wanted.contains(&found)),
            _ => first.is_some_and(|found| wanted.contains(&found)),
        };
        assert!(is_same, "{key} is {first:?}: {binding:?}");
    }
}

#[test]
fn keys_that_are_said_to_be_mutts_are() {
    let screens = [
        (On::Index, include_str!("mutt-2.2.12/index.txt")),
        (On::Pager, include_str!("mutt-2.2.12/pager.txt")),
        (On::Parts, include_str!("mutt-2.2.12/parts.txt")),
        (On::Folders, include_str!("mutt-2.2.12/folders.txt")),
        (On::Compose, include_str!("mutt-2.2.12/compose.txt")),
    ];
    for binding in TABLE.iter().filter(|binding| binding.mutt == Mutt::Same) {
        // ^Z is the terminal's, for mutt as for others.
        if binding.action == Action::Suspend {
            continue;
        }
        let is_there = |on: On| match binding.on {
            On::Anywhere => true,
            On::List => is_list(on),
            own => own == on,
        };
        let mut listed = screens.iter().filter(|(on, _)| is_there(*on));
        assert!(listed.clone().next().is_some(), "mutt has no such screen: {binding:?}");
        listed.by_ref().for_each(|(on, listed)| check(binding, *on, listed));
    }
}
