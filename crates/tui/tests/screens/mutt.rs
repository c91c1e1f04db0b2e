//! What the table says to be mutt's is mutt's: `mutt-2.2.12/` has what Debian's mutt lists with `?` on each
//! screen without any settings, its own keys before those of every list.

use postroad_tui::keys::{Action, Binding, Mutt, On, mutt::TABLE};

/// What mutt calls that beside what we call it: lists, the index and the pager do the same by several names.
fn functions(action: Action) -> &'static [&'static str] {
    match action {
        Action::Next => &["next-entry"],
        Action::Previous => &["previous-entry"],
        Action::First => &["top"],
        Action::Last => &["bottom"],
        Action::Open => &["view-attach", "select-entry"],
        Action::ToggleNew => &["mark-as-new"],
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

fn check(binding: &Binding, listed: &str) {
    for key in binding.keys {
        let key = as_mutt_writes(key);
        let found = listed.lines().find_map(|line| line.strip_prefix(&format!("{key} ")));
        let wanted = [functions(binding.action), &[binding.action.name()]].concat();
        assert!(
            found.is_some_and(|found| wanted.contains(&found)),
            "{key} is {found:?}: {binding:?}"
        );
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
        let mut listed = screens.iter().filter(|(on, _)| [*on, On::Anywhere].contains(&binding.on));
        assert!(listed.clone().next().is_some(), "mutt has no such screen: {binding:?}");
        listed.by_ref().for_each(|(_, listed)| check(binding, listed));
    }
}
