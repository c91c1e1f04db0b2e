//! Moving about: arrows, pages, beginning and end, on every screen; numbers and searches in every list.

use postroad_tui::keys::{Key, On};
use postroad_tui::model::{Model, Note, Screen};
use postroad_tui::{Msg, update};

use crate::mouse::is_list;
use crate::{SIZES, every, press, resize, shown};

/// The keys that move, and those that move back.
const KEYS: [(Key, Key); 4] = [
    (Key::Down, Key::Up),
    (Key::PageDown, Key::PageUp),
    (Key::End, Key::Home),
    (Key::Right, Key::Left),
];

/// What a key has nothing to do with there, and why.
fn is_left_out(on: On, key: Key) -> bool {
    match (on, key) {
        // They are for the words that are typed, of which there are none.
        (On::Help, Key::Left | Key::Right) => true,
        // In a line the caret goes to the beginning or the end of it.
        (On::Editor, Key::Home) => true,
        _ => false,
    }
}

#[test]
fn keys_that_move_do_so_on_every_screen_at_every_size() {
    for (on, model) in every::screens() {
        for size in SIZES {
            let mut model = model.clone();
            resize(&mut model, size);
            let top = shown(&model, size);
            for (forth, back) in KEYS.into_iter().filter(|(key, _)| !is_left_out(on, *key)) {
                let mut model = model.clone();
                update(&mut model, Msg::Key(forth));
                let below = shown(&model, size);
                assert_ne!(below, top, "{forth} stands still on {on:?} at {size:?}");
                if !is_left_out(on, back) {
                    update(&mut model, Msg::Key(back));
                    assert_ne!(
                        shown(&model, size),
                        below,
                        "{back} stands still on {on:?} at {size:?}"
                    );
                }
            }
        }
    }
}

fn said(model: &Model) -> &str {
    match &model.note {
        Note::Said(words) | Note::Wrong(words, _) => words.as_str(),
        Note::Nothing | Note::Queued | Note::Progress(..) => "",
    }
}

fn selected(model: &Model) -> usize {
    match model.screen() {
        Screen::Index => model.index.as_ref().unwrap().list.selected,
        Screen::Folders(state) => state.list.selected,
        Screen::Outbox(list) => list.selected,
        Screen::People(state) => state.list.selected,
        Screen::Save(state) | Screen::Links(state) => state.list.selected,
        Screen::Compose(id) => model.desk.get(*id).unwrap().list.selected,
        Screen::Found(state) => state.list.selected,
        other => panic!("{other:?} is no list"),
    }
}

/// How many rows of entries there are at 80x24.
fn rows(on: On) -> usize {
    match on {
        On::Compose => 11,
        _ => 19,
    }
}

#[test]
fn keys_of_every_list() {
    for (on, model) in every::screens().into_iter().filter(|(on, _)| is_list(*on)) {
        let rows = rows(on);
        for (keys, wanted) in [
            ("", 0),
            ("j", 1),
            ("jjk", 1),
            ("z", rows),
            ("zZ", 0),
            ("]", rows / 2),
            ("][", 0),
            ("*", every::MANY - 1 + usize::from(on == On::Compose)),
            ("*=", 0),
            ("12<Enter>", 11),
            ("999<Enter>", 0),
            ("M", (rows - 1) / 2),
            // A row down takes what is selected with it once that would be out of sight.
            (">", 1),
            (">>H", 2),
            ("jjjj>", 4),
            (">><<", 2),
        ] {
            let mut model = model.clone();
            press(&mut model, keys);
            assert_eq!(selected(&model), wanted, "{keys} on {on:?}: {}", said(&model));
        }
        // Where it isn't for something else.
        if !matches!(on, On::Index | On::Parts) {
            let mut model = model.clone();
            press(&mut model, "L");
            assert_eq!(selected(&model), rows - 1, "{on:?}");
        }
    }
}

#[test]
fn entries_of_lists_are_looked_for() {
    for (on, keys, wanted, words) in [
        (On::Folders, "/rechn<Enter>", 3, ""),
        (On::Folders, "/rechn<Enter>n", 10, ""),
        (On::Folders, "*/archive<Enter>", 1, "Search wrapped to top."),
        (On::Folders, "/Rechn$<Enter>", 0, "Not found."),
        (On::Folders, "/(<Enter>", 0, "( is no regular expression."),
        (On::Folders, "n", 0, ""),
        (On::Parts, "/pdf<Enter>n", 3, ""),
        (On::Parts, "*<Esc>/pdf<Enter>n", 55, ""),
        (On::Parts, "<Esc>/text/plain<Enter>", 58, "Search wrapped to bottom."),
        (On::Parts, "/pdf<Enter><Esc>/<Enter>", 59, "Search wrapped to bottom."),
        (On::Links, "/example.org<Enter>", 1, ""),
        (On::Outbox, "/dave<Enter>", 2, ""),
        (On::Compose, "/gone<Enter>", 2, ""),
    ] {
        let mut model = every::of(on);
        press(&mut model, keys);
        assert_eq!((selected(&model), said(&model)), (wanted, words), "{keys} on {on:?}");
    }
}
