//! Lines that are typed: what was typed before, names of files; and what a click beside the letters does.

use postroad_tui::canvas::Cell;
use postroad_tui::data::FolderId;
use postroad_tui::desk::Text;
use postroad_tui::effect::Ask;
use postroad_tui::model::{Model, Note, Prompt, Size};
use postroad_tui::msg::{Mouse, MouseDoes, What};
use postroad_tui::{Effect, Msg, update};

use crate::changes::asks;
use crate::fixture::{answer, draft, people, tell, three_letters};
use crate::{check, press};

fn typed(model: &Model) -> &str {
    match &model.prompt {
        Some(Prompt::Line { edit, .. }) => edit.text(),
        _ => "",
    }
}

fn said(model: &Model) -> &str {
    match &model.note {
        Note::Said(words) => words.as_str(),
        _ => "",
    }
}

#[test]
fn what_was_typed_before_is_had_back_for_the_same_kind_of_question() {
    let mut model = three_letters();
    for keys in ["|first<Enter>", "|second<Enter>", "!third<Enter>", "|first<Enter>", "sno<Esc>"] {
        press(&mut model, keys);
    }
    for (keys, wanted) in [
        ("|<Up>", "first"),
        ("|<Up><Up>", "third"),
        ("|<^P><^P><^P>", "second"),
        ("|<Up><Up><Up><Up><Up>", "second"),
        ("|own<Up><Down>", "own"),
        ("|own<Up><Up><^N><Down>", "own"),
        ("|own<Down>", "own"),
        // What is changed there is what is being typed.
        ("|<Up>!<Up>", "first"),
        ("!<Up>", "first"),
        ("s<Up>", ""),
        ("/<Up>", ""),
    ] {
        let mut model = model.clone();
        press(&mut model, keys);
        assert_eq!(typed(&model), wanted, "{keys}");
    }
    // What is had back is looked for at once.
    let effects = press(&mut model, "/ab<Enter><Esc>/<Up>");
    let searches = asks(&effects).into_iter().filter(|ask| matches!(ask, Ask::Search(_))).count();
    assert_eq!((typed(&model), searches), ("ab", 3));
}

fn writing() -> Model {
    let mut model = three_letters();
    let effects = press(&mut model, "=r");
    let is_new = |ask: &Ask| matches!(ask, Ask::NewDraft(_));
    answer(&mut model, &effects, is_new, What::Draft(draft().into()));
    model
}

#[test]
fn names_of_files_are_completed() {
    let mut model = writing();
    let effects = press(&mut model, "a/tmp/me<Tab>");
    assert_eq!(asks(&effects), [Ask::Files("/tmp/me".into())]);
    let whole = |names: &[&'static str]| What::Files {
        typed: "/tmp/me".into(),
        whole: "/tmp/menu".into(),
        names: names.iter().map(|name| (*name).into()).collect(),
    };
    let is_it = |ask: &Ask| matches!(ask, Ask::Files(_));
    answer(&mut model, &effects, is_it, whole(&["menu.pdf", "menus/"]));
    assert_eq!((typed(&model), model.files.len()), ("/tmp/menu", 2));
    // Another key takes them away.
    press(&mut model, "s");
    assert_eq!((typed(&model), model.files.len()), ("/tmp/menus", 0));
    // What comes too late is for nobody.
    let effects = press(&mut model, "<^U>/tmp/me<Tab>x");
    answer(&mut model, &effects, is_it, whole(&["menu.pdf"]));
    assert_eq!(typed(&model), "/tmp/mex");
    press(&mut model, "<Esc>");
    let effects = press(&mut model, "a/tmp/me<Tab><Esc>");
    answer(&mut model, &effects, is_it, whole(&["menu.pdf"]));
    assert_eq!((typed(&model), model.files.len()), ("", 0));
}

#[test]
fn an_address_is_completed_in_the_middle_of_a_field() {
    let mut model = writing();
    tell(&mut model, What::People(people()));
    press(&mut model, "t<^U>bobb, carol@far.example<Home><^F><^F><^F><^F><Tab>");
    assert_eq!(typed(&model), "bobby@far.example, carol@far.example");
    // Within a word there is nothing to be completed.
    press(&mut model, "<^U><End><^U>bobb@x<Left><Left><Tab>");
    assert_eq!(typed(&model), "bobb@x");
}

#[test]
fn several_people_are_chosen_for_one_letter() {
    let mut model = three_letters();
    tell(&mut model, What::People(people()));
    press(&mut model, "Q<Enter><Down>t<Down>t");
    check("people-chosen", &model);
    // Whoever is looked for then.
    press(&mut model, "Qalice<Enter>tm");
    let compose = crate::writing::shown(&model);
    let to = "Bob Baker <bob@x.example>, bobby@far.example, Alice Example <alice@example.org>";
    // The short name of two of them was found first, and is what was chosen then.
    let to = to.replace(", Alice Example <alice@example.org>", "");
    let to = format!("bob@x.example, alice@example.org, {to}");
    assert_eq!(compose.fields.to, to);
}

#[test]
fn a_click_beside_the_letters_opens_a_folder() {
    let mut model = three_letters();
    update(&mut model, Msg::Resized(Size { columns: 120, rows: 40 }));
    let click = |model: &mut Model, column: u16, row: u16| {
        let at = Cell { column, row };
        update(model, Msg::Mouse(Mouse { at, does: MouseDoes::Click }))
    };
    press(&mut model, "d");
    let effects = click(&mut model, 4, 3);
    let is_open = |effect: &Effect| matches!(effect, Effect::Ask(_, Ask::Open(FolderId(2))));
    assert!(effects.iter().any(is_open), "{effects:?}");
    let is_moved = |effect: &Effect| matches!(effect, Effect::Ask(_, Ask::Move { .. }));
    assert!(effects.iter().any(is_moved), "as `c` carries out what was struck: {effects:?}");
    assert_eq!(model.index.as_ref().unwrap().name.as_str(), "Lists/rust-dev");
    // Below the last one there is none, nor while something is typed.
    assert!(click(&mut model, 4, 30).is_empty());
    press(&mut model, "c");
    assert!(click(&mut model, 4, 1).is_empty());
}

fn text(text: &str) -> Model {
    let mut model = writing();
    tell(&mut model, What::Text { draft: draft().id, text: text.into() });
    model
}

#[test]
fn words_of_a_text_are_found_and_replaced() {
    for (keys, wanted, line, words) in [
        ("<^W>two<Enter>!", "one\n!two\nTwo three\n", 1, ""),
        ("<^W>two<Enter><Esc>w!", "one\ntwo\n!Two three\n", 2, ""),
        ("<^W>two<Enter><Esc>w<Esc>w!", "one\n!two\nTwo three\n", 1, ""),
        ("<^W>two<Enter><Esc>w<Esc>w", "one\ntwo\nTwo three\n", 1, "Search wrapped to top."),
        ("<^W>Two<Enter>!", "one\ntwo\n!Two three\n", 2, ""),
        ("<^W>t.o<Enter>", "one\ntwo\nTwo three\n", 0, "Not found."),
        ("<^\\>two<Enter>2<Enter>a", "one\n2\n2 three\n", 2, "2 replaced.  ^_: undo"),
        ("<^\\>two<Enter>2<Enter>ny", "one\ntwo\n2 three\n", 2, "1 replaced.  ^_: undo"),
        ("<^\\>two<Enter>2<Enter>y<Esc>", "one\n2\nTwo three\n", 2, "1 replaced.  ^_: undo"),
        ("<^\\>two<Enter><Enter>a", "one\n\n three\n", 2, "2 replaced.  ^_: undo"),
        (
            "<^\\>two<Enter>two two<Enter>a",
            "one\ntwo two\ntwo two three\n",
            2,
            "2 replaced.  ^_: undo",
        ),
        ("<^\\>two<Enter>2<Enter>a<^_><^_>", "one\ntwo\nTwo three\n", 1, ""),
        ("<^\\>four<Enter>2<Enter>", "one\ntwo\nTwo three\n", 0, "Nothing was replaced."),
    ] {
        let mut model = text("one\ntwo\nTwo three\n");
        press(&mut model, keys);
        let Text::Typed(editor) = &crate::writing::shown(&model).text else { panic!() };
        assert_eq!(editor.text.text(), wanted, "{keys}");
        assert_eq!((editor.text.caret().line, said(&model)), (line, words), "{keys}");
    }
}
