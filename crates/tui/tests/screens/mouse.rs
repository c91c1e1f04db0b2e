//! The mouse, on all screens: a click does what the key does that it is on, a second one opens, the wheel scrolls.

use postroad_tui::canvas::Cell;
use postroad_tui::data::Page;
use postroad_tui::desk::Text;
use postroad_tui::effect::{Ask, Effect};
use postroad_tui::keys::{On, table};
use postroad_tui::limits::DOUBLE_CLICK;
use postroad_tui::model::{Model, Now, Prompt, Screen};
use postroad_tui::msg::{Mouse, MouseDoes, What};
use postroad_tui::{Msg, update};

use crate::fixture::{draft, now, page, people, reading, tell, three_letters};
use crate::{SIZES, every, press, resize, shown};

fn does(model: &mut Model, (column, row): (usize, usize), does: MouseDoes) -> Vec<Effect> {
    let at = Cell { column: column.try_into().unwrap(), row: row.try_into().unwrap() };
    update(model, Msg::Mouse(Mouse { at, does }))
}

fn click(model: &mut Model, at: (usize, usize)) -> Vec<Effect> {
    does(model, at, MouseDoes::Click)
}

/// Where some words stand, in the last row that has them: their first column, and the row.
fn find(screen: &str, words: &str) -> Option<(usize, usize)> {
    let found = |(row, line): (usize, &str)| {
        let octet = line.rfind(words)?;
        Some((line[..octet].chars().count(), row))
    };
    screen.lines().enumerate().filter_map(found).last()
}

fn cursor(screen: &str) -> (usize, usize) {
    let (_, at) = screen.rsplit_once("cursor ").unwrap();
    let (column, row) = at.split_once(',').unwrap();
    (column.parse().unwrap(), row.parse().unwrap())
}

/// What is shown and known after it, but for where it was clicked.
fn state(model: &Model, effects: &[Effect]) -> String {
    let mut model = model.clone();
    model.opened = None;
    // Esc waits for a second key.
    let effects: Vec<_> = effects.iter().filter(|it| !matches!(it, Effect::TickAt(_))).collect();
    format!("{model:?} {effects:?}")
}

fn as_typed(key: &str) -> String {
    let one = |key: &str| match key {
        key if key.chars().count() == 1 => key.to_owned(),
        "Space" => " ".to_owned(),
        key => format!("<{key}>"),
    };
    key.split(' ').map(one).collect()
}

#[test]
fn a_click_on_a_key_that_is_told_presses_it() {
    for (on, model) in every::screens() {
        let screen = shown(&model, (80, 24));
        let mut told = 0;
        for binding in table::of(on).filter(|binding| !binding.label.is_empty()) {
            let words = format!("{}:{}", table::shown(binding.keys[0]), binding.label);
            let lines = screen.lines().enumerate();
            for (row, line) in lines.filter(|(row, _)| [0, 21, 22].contains(row)) {
                // All of it is ASCII.
                let padded = format!(" {line} ");
                let Some(column) = padded.find(&format!(" {words} ")) else { continue };
                told += 1;
                for column in [column, column + words.len() - 1] {
                    let (mut clicked, mut pressed) = (model.clone(), model.clone());
                    let by_click = click(&mut clicked, (column, row));
                    let by_key = press(&mut pressed, &as_typed(binding.keys[0]));
                    let (by_click, by_key) = (state(&clicked, &by_click), state(&pressed, &by_key));
                    assert_eq!(by_click, by_key, "{words} of {on:?} at {column},{row}");
                }
            }
        }
        // The list of keys tells one, the way back.
        assert!(told >= if on == On::Help { 1 } else { 3 }, "{told} keys of {on:?}:\n{screen}");
    }
}

/// Whether entries are chosen there.
pub(crate) fn is_list(on: On) -> bool {
    match on {
        On::Anywhere | On::Pager | On::Explain | On::Editor | On::Help => false,
        On::List
        | On::Index
        | On::Parts
        | On::Links
        | On::Folders
        | On::Compose
        | On::Outbox
        | On::People
        | On::Found => true,
    }
}

#[test]
fn a_click_selects_and_the_second_one_opens() {
    for (on, mut model) in every::screens().into_iter().filter(|(on, _)| is_list(*on)) {
        let (column, row) = cursor(&shown(&model, (80, 24)));
        let at = (column + 30, row + 3);
        let effects = click(&mut model, at);
        assert!(!effects.iter().any(|it| matches!(it, Effect::Ask(..))), "{on:?} {effects:?}");
        assert_eq!(cursor(&shown(&model, (80, 24))), (column, row + 3), "{on:?}");
        let mut pressed = model.clone();
        let by_key = press(&mut pressed, "<Enter>");
        let by_click = click(&mut model, at);
        let is_same = state(&model, &by_click) == state(&pressed, &by_key);
        assert!(is_same, "{on:?}: {by_click:?}, not {by_key:?}");
        // Who clicks twice on what is selected opens it once.
        let again = click(&mut model, at);
        assert!(state(&model, &again) == state(&pressed, &again), "{on:?}: {again:?}");
        assert!(!again.iter().any(|it| matches!(it, Effect::Ask(..))), "{on:?} {again:?}");
        // Nothing is there below the last entry.
        let mut below = every::of(on);
        press(&mut below, "<End>");
        resize(&mut below, (80, 100));
        let before = state(&below, &[]);
        let effects = click(&mut below, (30, 90));
        assert!(state(&below, &effects) == before, "{on:?}: {effects:?}");
    }
}

#[test]
fn a_click_long_after_another_one_is_one_of_its_own() {
    let mut model = every::of(On::Compose);
    let at = cursor(&shown(&model, (80, 24)));
    let opens = |effects: &[Effect]| {
        effects.iter().any(|it| matches!(it, Effect::Ask(_, Ask::ViewDraft(..))))
    };
    assert!(opens(&click(&mut model, at)));
    assert!(!opens(&click(&mut model, at)), "it is the second half of the first one");
    assert!(opens(&click(&mut model, at)));
    let since_start = model.now.since_start + DOUBLE_CLICK * 2;
    update(&mut model, Msg::Tick(Now { since_start, ..now() }));
    assert!(opens(&click(&mut model, at)));
}

#[test]
fn the_wheel_scrolls_every_screen() {
    for (on, model) in every::screens() {
        for (columns, rows) in SIZES {
            let mut model = model.clone();
            resize(&mut model, (columns, rows));
            let before = shown(&model, (columns, rows));
            let at = (usize::from(columns) - 1, usize::from(rows) / 2);
            (0..20).for_each(|_| drop(does(&mut model, at, MouseDoes::ScrollDown)));
            let down = shown(&model, (columns, rows));
            assert_ne!(before, down, "{on:?} stands still");
            (0..20).for_each(|_| drop(does(&mut model, at, MouseDoes::ScrollUp)));
            assert_eq!(shown(&model, (columns, rows)), before, "{on:?}");
        }
    }
}

fn writing(keys: &str) -> Model {
    let mut model = every::of(On::Compose);
    press(&mut model, keys);
    model
}

#[test]
fn a_click_on_an_answer_answers() {
    let asked = |keys: &str| {
        let mut model = three_letters();
        press(&mut model, keys);
        model
    };
    let invited = Page { invitation: Some("(d) Carol <(a)@x.example>".into()), ..page() };
    let mut invited = reading(invited);
    press(&mut invited, "<Esc>i");
    let mut replacing = every::of(On::Editor);
    press(&mut replacing, "<^\\>line<Enter>row<Enter>");
    for (name, model, count) in [
        ("print", asked("p"), 2),
        ("bounce", asked("bsomebody.else@very.far.example, (yes/[no])@x<Enter>"), 2),
        ("mark", asked("w"), 6),
        ("unmark", asked("W"), 6),
        ("order", asked("o"), 8),
        ("reverse order", asked("O"), 8),
        ("keep", writing("q"), 2),
        ("seal", writing("p"), 4),
        ("attend", invited, 3),
        ("replace", replacing, 3),
    ] {
        let question = model.prompt.as_ref().and_then(Prompt::question);
        let question = question.unwrap_or_else(|| panic!("{name}: nothing is asked"));
        assert_eq!(question.answers.len(), count, "{name}");
        for (columns, rows) in SIZES {
            let mut model = model.clone();
            resize(&mut model, (columns, rows));
            let screen = shown(&model, (columns, rows));
            for (octets, key) in &question.answers {
                let word = &question.words.as_str()[octets.clone()];
                let at = match (word, name) {
                    // The letters alone stand elsewhere, too.
                    ("N" | "O" | "r" | "*", _) => {
                        let (column, row) = find(&screen, &format!("/{word}/")).unwrap();
                        (column + 1, row)
                    }
                    // What comes from outside stands behind our words.
                    (word, "attend") => find(&screen, word).unwrap(),
                    (word, _) => find(&screen, word).unwrap(),
                };
                let (mut clicked, mut pressed) = (model.clone(), model.clone());
                let by_click = click(&mut clicked, at);
                let by_key = update(&mut pressed, Msg::Key(*key));
                assert!(
                    state(&clicked, &by_click) == state(&pressed, &by_key),
                    "{word} of {name} at {at:?}: {by_click:?}, not {by_key:?}\n{screen}"
                );
            }
        }
    }
}

#[test]
fn what_is_asked_is_not_clicked_away() {
    for keys in ["p", "/ali", "w", "c", ":del"] {
        let mut model = three_letters();
        press(&mut model, keys);
        let before = format!("{:?}", model.prompt);
        for row in 0..20 {
            click(&mut model, (30, row));
        }
        assert_eq!(format!("{:?}", model.prompt), before, "{keys}");
        assert_eq!(model.index.as_ref().unwrap().list.selected, 1, "{keys}");
    }
    // Nor is anything clicked while a letter is looked for that the next key is for.
    let mut model = three_letters();
    press(&mut model, "/nobody<Enter>");
    let before = state(&model, &[]);
    let effects = click(&mut model, (30, 3));
    assert_eq!(state(&model, &effects), before);
}

#[test]
fn the_caret_goes_where_it_is_clicked() {
    // In the last line.
    let mut model = three_letters();
    press(&mut model, "/alice");
    let (column, row) = find(&shown(&model, (80, 24)), "alice").unwrap();
    click(&mut model, (column + 2, row));
    press(&mut model, "!");
    let Some(Prompt::Line { edit, .. }) = &model.prompt else { panic!("{:?}", model.prompt) };
    assert_eq!(edit.text(), "al!ice");
    click(&mut model, (70, row));
    press(&mut model, "?");
    let Some(Prompt::Line { edit, .. }) = &model.prompt else { panic!("{:?}", model.prompt) };
    assert_eq!(edit.text(), "al!ice?");
    // In the field above the list of keys.
    let mut model = every::of(On::Help);
    press(&mut model, "letter");
    let (column, row) = find(&shown(&model, (80, 24)), "Find: letter").unwrap();
    click(&mut model, (column + 9, row));
    press(&mut model, "!");
    let Screen::Help(help) = model.screen() else { panic!("{:?}", model.screen()) };
    assert_eq!(help.filter.text(), "let!ter");
    // In a text, wrapped or not, and below its end.
    let mut model = writing("");
    let long = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen";
    let text = format!("short\n{long} fifteen\n");
    tell(&mut model, What::Text { draft: draft().id, text: text.as_str().into() });
    resize(&mut model, (40, 24));
    for (words, wanted) in [("hort", (0, 1)), ("leven", (1, 50)), ("ifteen", (1, 82))] {
        let at = find(&shown(&model, (40, 24)), words).unwrap();
        click(&mut model, at);
        let Text::Typed(editor) = &crate::writing::shown(&model).text else { panic!() };
        let caret = editor.text.caret();
        assert_eq!((caret.line, caret.at), wanted, "{words}");
    }
    click(&mut model, (0, 15));
    let Text::Typed(editor) = &crate::writing::shown(&model).text else { panic!() };
    assert_eq!((editor.text.caret().line, editor.text.caret().at), (1, text.len() - 7));
}

#[test]
fn what_is_offered_is_taken_by_a_click() {
    let mut model = three_letters();
    tell(&mut model, What::People(people()));
    press(&mut model, "mbob");
    let at = find(&shown(&model, (80, 24)), "bobby@far").unwrap();
    click(&mut model, at);
    let Some(Prompt::Line { edit, .. }) = &model.prompt else { panic!("{:?}", model.prompt) };
    assert!(edit.text().starts_with("bobby@far.example"), "{}", edit.text());
    let mut model = three_letters();
    press(&mut model, ":delete");
    let at = find(&shown(&model, (80, 24)), "delete-message (d)").unwrap();
    click(&mut model, at);
    assert!(model.prompt.is_none());
    assert!(model.index.as_ref().unwrap().struck.contains(&2));
}

#[test]
fn lines_of_ours_are_for_their_keys() {
    // A field of a letter that is written.
    let mut model = writing("");
    let at = find(&shown(&model, (80, 24)), "Subject: ").unwrap();
    click(&mut model, at);
    assert!(model.prompt.as_ref().is_some_and(|it| format!("{it:?}").contains("Subject")));
    // Quotes that are folded.
    let mut folded = reading(page());
    press(&mut folded, "T");
    let at = find(&shown(&folded, (80, 24)), "quoted lines").unwrap();
    click(&mut folded, at);
    assert_eq!(shown(&folded, (80, 24)), shown(&reading(page()), (80, 24)));
}

#[test]
fn folders_beside_the_letters_scroll_by_themselves() {
    let mut model = every::of(On::Index);
    resize(&mut model, (120, 24));
    let first = |model: &Model| shown(model, (120, 24)).lines().nth(1).unwrap().to_owned();
    let before = first(&model);
    (0..3).for_each(|_| drop(does(&mut model, (3, 5), MouseDoes::ScrollDown)));
    assert_ne!(first(&model), before);
    assert_eq!(model.index.as_ref().unwrap().list.selected, 0);
    // What is clicked then is what is seen; after that the open one is in sight again.
    let effects = click(&mut model, (3, 1));
    let is_ninth = |it: &Effect| matches!(it, Effect::Ask(_, Ask::Open(folder)) if folder.0 == 9);
    assert!(effects.iter().any(is_ninth), "{effects:?}");
    assert_eq!(model.beside, None);
    (0..99).for_each(|_| drop(does(&mut model, (3, 5), MouseDoes::ScrollUp)));
    assert_eq!(model.beside, Some(0));
}

#[test]
fn the_wheel_over_a_line_goes_through_what_was_typed_before() {
    let mut model = three_letters();
    press(&mut model, "/lunch<Enter>");
    press(&mut model, "<Esc>/");
    does(&mut model, (40, 23), MouseDoes::ScrollUp);
    let Some(Prompt::Line { edit, .. }) = &model.prompt else { panic!("{:?}", model.prompt) };
    assert_eq!(edit.text(), "lunch");
    assert_eq!(model.pending, postroad_tui::model::Pending::Nothing);
}
