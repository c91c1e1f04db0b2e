//! What the table says to be mutt's is mutt's: `mutt-2.2.12/` has what Debian's mutt lists with `?` on each
//! screen without any settings, its own keys before those of every list.

use postroad_tui::keys::{Action, Binding, Mutt, On, mutt::TABLE, table};

use crate::mouse::is_list;

/// What mutt lists.
const SCREENS: &[(On, &str)] = &[
    (On::Index, include_str!("mutt-2.2.12/index.txt")),
    (On::Pager, include_str!("mutt-2.2.12/pager.txt")),
    (On::Parts, include_str!("mutt-2.2.12/parts.txt")),
    (On::Folders, include_str!("mutt-2.2.12/folders.txt")),
    (On::Compose, include_str!("mutt-2.2.12/compose.txt")),
];

/// What mutt calls that beside what we call it: lists, the index and the pager do the same by several names.
fn functions(action: Action) -> &'static [&'static str] {
    match action {
        Action::Next => &["next-entry"],
        Action::Previous => &["previous-entry"],
        Action::First => &["top"],
        Action::Last => &["bottom"],
        Action::Open => &["view-attach", "select-entry", "view-text"],
        Action::Address => &["display-filename"],
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
        let mut listed = SCREENS.iter().filter(|(on, _)| is_there(*on));
        assert!(listed.clone().next().is_some(), "mutt has no such screen: {binding:?}");
        listed.by_ref().for_each(|(on, listed)| check(binding, *on, listed));
    }
}

/// mutt's keys that do something else here, or nothing, and why.
#[rustfmt::skip]
const LEFT_OUT: &[(On, &[&str], &str)] = &[
    (On::Index, &["e", "Y", "#", "&"], "they change a letter that somebody else wrote"),
    (On::Index, &["<Esc>s", "<Esc>C"], "what they file is another letter than the one that came"),
    (On::Index, &["^E"], "a part is shown as what it says it is; v and m give it to a program of the user's"),
    (On::Index, &["^F"], "passphrases are kept by the user's own agent alone"),
    (On::Index, &["^K", "<Esc>k"], "keys are taken in and given out by `keys`, where what they say is seen first"),
    (On::Index, &["<Esc>P"], "PGP inside of a text says nothing of what stands around it"),
    (On::Index, &["<Esc>c", "%"], "a folder is left as it was by x"),
    (On::Index, &["~"], "its marks are forgotten with the program; F and t are seen"),
    (On::Pager, &["e", "Y", "#", "&", "<Esc>s", "<Esc>C", "^E", "^F", "^K", "<Esc>k", "<Esc>P", "<Esc>c", "%"], "as in the list of letters"),
    (On::Pager, &["Q"], "it is Query, as in the list of letters: a slip doesn't end the program"),
    (On::Parts, &["^E", "^F", "^K", "<Esc>P"], "as in the list of letters"),
    (On::Parts, &["b"], "not built: an enclosed letter sent on as it is"),
    (On::Parts, &["d", "u"], "a letter without one of its parts is another one: no signature of it holds"),
    (On::Parts, &["h", "v"], "a part has few fields, and parts inside of parts are few"),
    (On::Folders, &["<Tab>", "N", "T", "c", "m"], "all folders of all accounts are one list"),
    (On::Folders, &["<Space>"], "a folder is no file to be looked at"),
    (On::Folders, &["O"], "an order of folders has one way"),
    (On::Folders, &["t", ";"], "one folder is chosen at a time"),
    (On::Folders, &["<Esc>/"], "Esc is the way back, at once; / goes round the end"),
    (On::Compose, &["^D", "^E", "^O", "^T", "U", "d", "u"], "not built: a file goes as it is, under its name"),
    (On::Compose, &["^Xe", "E", "m"], "each field has a key, and the text an editor: no letter is typed as octets"),
    (On::Compose, &["^F"], "passphrases are kept by the user's own agent alone"),
    (On::Compose, &["<Esc>f"], "the author is the account's, whose server takes no other"),
    (On::Compose, &["<Esc>k"], "not built: an own key goes by Autocrypt"),
    (On::Compose, &["v", "V", "<Esc>v"], "nothing is made that has alternatives"),
    (On::Compose, &["A"], "not built: letters that go with a letter; f sends one on whole"),
    (On::Compose, &["C", "F", "G", "R", "l", "n", "|"], "not built: files are looked after where they are, on the disk"),
    (On::Compose, &["M"], "remailers; it is the middle of the list"),
    (On::Compose, &["S"], "S/MIME isn't written"),
    (On::Compose, &["T", ";"], "D takes one file away at a time"),
    (On::Compose, &["f", "w"], "copies go to Sent by the outbox, drafts are kept by P"),
    (On::Compose, &["h"], "all fields that can be changed are shown"),
    (On::Compose, &["<Esc>/"], "Esc is the way back, at once; / goes round the end"),
];

/// Whether a key does here what mutt says that it does there.
fn is_same(on: On, key: &str, function: &str) -> bool {
    let is_it = |known: &&str| as_mutt_writes(known) == key;
    let bound = table::of(on).find(|binding| binding.keys.iter().any(is_it));
    bound.is_some_and(|it| it.action.name() == function || functions(it.action).contains(&function))
}

#[test]
fn keys_of_mutt_are_ours_or_left_out_for_a_reason() {
    let mut missing = Vec::new();
    for (on, listed) in SCREENS {
        let mut known: Vec<&str> = Vec::new();
        for line in listed.lines() {
            let (key, function) = line.split_once(' ').unwrap();
            // A screen's own keys come first; Enter has three names.
            if known.contains(&key) || ["<Return>", "<KeypadEnter>"].contains(&key) {
                continue;
            }
            known.push(key);
            let is_left_out = LEFT_OUT.iter().any(|(at, keys, _)| at == on && keys.contains(&key));
            if is_same(*on, key, function) == is_left_out {
                missing.push(format!("{key} ({function}) of {on:?}"));
            }
        }
        for (_, keys, why) in LEFT_OUT.iter().filter(|(at, ..)| at == on) {
            assert!(keys.iter().all(|key| known.contains(key)), "mutt has none of {keys:?}: {why}");
        }
    }
    assert!(missing.is_empty(), "neither the same nor left out, or both:\n{}", missing.join("\n"));
}
