//! What the table says to be mutt's is mutt's: `mutt-2.2.12/` has what Debian's mutt lists with `?` on each
//! screen without any settings, its own keys before those of every list.

use postroad_tui::data::Field;
use postroad_tui::keys::{Action, Binding, Mutt, On, mutt::TABLE};

/// What mutt calls that; several, where lists and the index do the same by other names.
fn functions(action: Action) -> &'static [&'static str] {
    match action {
        Action::Next => &["next-undeleted", "next-entry"],
        Action::Previous => &["previous-undeleted", "previous-entry"],
        Action::NextAny => &["next-entry"],
        Action::PreviousAny => &["previous-entry"],
        Action::NextNew => &["next-new-then-unread"],
        Action::PreviousNew => &["previous-new-then-unread"],
        Action::PageDown => &["next-page"],
        Action::PageUp => &["previous-page"],
        Action::HalfDown => &["half-down"],
        Action::HalfUp => &["half-up"],
        Action::PageTop => &["top-page"],
        Action::PageMiddle => &["middle-page"],
        Action::Jump => &["jump"],
        Action::LineDown => &["next-line"],
        Action::LineUp => &["previous-line"],
        Action::First => &["first-entry", "top"],
        Action::Last => &["last-entry", "bottom"],
        Action::Open => &["display-message", "view-attach", "select-entry"],
        Action::Delete => &["delete-message"],
        Action::Undelete => &["undelete-message"],
        Action::ToggleNew => &["toggle-new", "mark-as-new"],
        Action::ToggleFlag => &["flag-message"],
        Action::Sync => &["sync-mailbox"],
        Action::ChangeFolder => &["change-folder"],
        Action::Save => &["save-message", "save-entry"],
        Action::Headers => &["display-toggle-weed"],
        Action::Parts => &["view-attachments"],
        Action::ToggleQuoted => &["toggle-quoted"],
        Action::SkipQuoted => &["skip-quoted"],
        Action::SkipHeaders => &["skip-headers"],
        Action::Mail => &["mail"],
        Action::Reply => &["reply"],
        Action::Group => &["group-reply"],
        Action::Forward => &["forward-message"],
        Action::Outbox => &["background-compose-menu", "recall-message"],
        Action::Edit => &["edit-message"],
        Action::Field(Field::To) => &["edit-to"],
        Action::Field(Field::Cc) => &["edit-cc"],
        Action::Field(Field::Bcc) => &["edit-bcc"],
        Action::Field(Field::Subject) => &["edit-subject"],
        Action::Field(Field::ReplyTo) => &["edit-reply-to"],
        Action::Attach => &["attach-file"],
        Action::Detach => &["detach-file"],
        Action::Send => &["send-message"],
        Action::Postpone => &["postpone-message"],
        Action::Help => &["help"],
        Action::Redraw => &["refresh", "redraw-screen"],
        Action::Quit => &["quit", "exit"],
        Action::Exit => &["exit"],
        Action::Links
        | Action::Sidebar
        | Action::Order
        | Action::Retry
        | Action::Discard
        | Action::Suspend => &[],
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
        let wanted = functions(binding.action);
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
