//! Words that are found in a letter, and what of a letter is shown without reading it.

use std::sync::Arc;

use postroad_safetext::SafeText;
use postroad_tui::data::{LineKind, Marks, Page, PageLine, Unsubscribe};
use postroad_tui::effect::Ask;
use postroad_tui::model::{Choice, Model, Note, Prompt, Screen};
use postroad_tui::msg::What;

use crate::changes::asks;
use crate::fixture::{answer, letter, page, reading, three_letters};
use crate::{check, press, shown};

fn said(model: &Model) -> &str {
    match &model.note {
        Note::Said(words) | Note::Wrong(words, _) => words.as_str(),
        Note::Nothing | Note::Queued | Note::Progress(..) => "",
    }
}

/// The words under the cursor, as long as the row goes.
fn under_cursor(model: &Model) -> String {
    let screen = shown(model, (80, 24));
    let (rows, at) = screen.rsplit_once("cursor ").unwrap();
    let (column, row) = at.split_once(',').unwrap();
    let row = rows.lines().nth(row.parse().unwrap()).unwrap_or_default();
    row.chars().skip(column.parse().unwrap()).collect()
}

#[test]
fn words_are_found_and_the_cursor_stands_on_them() {
    for (keys, at, words) in [
        ("/april<Enter>", "April, since everybody", ""),
        ("/(march|april)<Enter>", "March.", ""),
        ("/(march|april)<Enter>n", "April, since", ""),
        ("/(march|april)<Enter>nn", "March.", "Search wrapped to top."),
        ("/Anna<Enter>", "Anna,", ""),
        // Without a capital letter capitals don't matter; with one they do.
        ("/anna<Enter>", "anna@our.example", ""),
        ("/ANNA<Enter>", "Date:", "Not found."),
        ("<Esc>/anna<Enter>", "Anna,", "Search wrapped to bottom."),
        ("<Esc>/anna<Enter>n", "anna@our.example", ""),
        // Behind the end of a row.
        ("/nobody wants<Enter>", "nobody wants to begin", ""),
        ("/is away until then<Enter>", "is away until", ""),
        ("/x*<Enter>", "xample", ""),
        ("/received<Enter>", "Date:", "Not found."),
        ("h/received<Enter>", "Received:", ""),
        // Typed once more, nothing is the same.
        ("/anna<Enter>/<Enter>", "Anna,", ""),
        ("n", "Date:", ""),
        ("n<Esc>", "Date:", ""),
        ("/[<Enter>", "Date:", "[ is no regular expression."),
        ("\\", "Date:", "Nothing was looked for yet."),
        ("/in march<Enter>T", "Date:", ""),
        ("T/in march<Enter>", "Date:", "Not found."),
    ] {
        let mut model = reading(page());
        press(&mut model, keys);
        model.prompt = None;
        let found = under_cursor(&model);
        assert!(found.starts_with(at), "{keys}: {found}");
        assert_eq!(said(&model), words, "{keys}");
    }
}

#[test]
fn what_is_found_is_in_sight() {
    let mut page = page();
    page.lines = (0..400)
        .map(|line| PageLine {
            kind: LineKind::Text,
            text: SafeText::line(&format!("line {line} of a long letter")),
        })
        .collect();
    let mut model = reading(page);
    press(&mut model, "/line .*7 <Enter>");
    assert!(under_cursor(&model).starts_with("line 7 of"));
    for wanted in [17, 27, 37] {
        press(&mut model, "n");
        assert!(under_cursor(&model).starts_with(&format!("line {wanted} of")), "{wanted}");
    }
    check("pager-found", &model);
    // From where the user has gone since.
    press(&mut model, "<End>");
    press(&mut model, "/line 3.7<Enter>");
    assert!(under_cursor(&model).starts_with("line 387"));
    press(&mut model, "n");
    assert!(under_cursor(&model).starts_with("line 397"));
    press(&mut model, "n");
    assert!(under_cursor(&model).starts_with("line 307"), "{}", under_cursor(&model));
    // The same is looked for in the next letter.
    let effects = press(&mut model, "k");
    let mut next = crate::fixture::page();
    next.letter = letter(2);
    next.lines.push(PageLine { kind: LineKind::Text, text: "line 347".into() });
    answer(&mut model, &effects, |ask| matches!(ask, Ask::Read(_)), What::Page(next.into()));
    press(&mut model, "n");
    assert!(under_cursor(&model).starts_with("line 347"), "{}", under_cursor(&model));
}

#[test]
fn a_letter_is_still_to_come() {
    let mut model = three_letters();
    press(&mut model, "<Enter>/");
    assert_eq!((said(&model), model.prompt.is_none()), ("The letter is still being read.", true));
}

/// What is wanted of the letter that is selected, and its page.
fn fetched(keys: &str, page: Page) -> Model {
    let mut model = three_letters();
    let effects = press(&mut model, keys);
    assert_eq!(asks(&effects), [Ask::Read(letter(2))], "{keys}");
    let page = Page { letter: letter(2), ..page };
    answer(&mut model, &effects, |ask| matches!(ask, Ask::Read(_)), What::Page(Arc::new(page)));
    let index = model.index.as_ref().unwrap();
    assert!(!index.marks(index.heads()[1]).has(Marks::SEEN), "{keys}: nobody has read it");
    model
}

#[test]
fn parts_and_explanations_are_shown_from_the_list() {
    let mut model = fetched("v", page());
    check("parts-of-the-list", &model);
    press(&mut model, "q");
    assert!(matches!(model.screen(), Screen::Index));
    let mut model = fetched("X", page());
    assert!(matches!(model.screen(), Screen::Explain(_)));
    press(&mut model, "q");
    assert!(matches!(model.screen(), Screen::Index));
    // Who has left it meanwhile isn't shown it.
    let mut model = three_letters();
    let effects = press(&mut model, "vq");
    let page = Arc::new(Page { letter: letter(2), ..page() });
    let (job, _) = effects
        .iter()
        .find_map(|effect| match effect {
            postroad_tui::Effect::Ask(job, ask) => Some((*job, ask)),
            _ => None,
        })
        .unwrap();
    let report = postroad_tui::msg::Report { job, what: What::Page(page) };
    postroad_tui::update(&mut model, postroad_tui::Msg::Report(report));
    assert!(matches!(model.screen(), Screen::Index));
}

#[test]
fn a_list_is_left_from_the_list_of_letters() {
    let request =
        Unsubscribe::Request { host: "a.example".into(), link: "https://a.example".into() };
    let model = fetched("<Esc>L", Page { unsubscribe: Some(request), ..page() });
    assert!(matches!(model.screen(), Screen::Index));
    let Some(Prompt::Choice { wanted: Choice::Unsubscribe(_), words }) = &model.prompt else {
        panic!("{:?}", model.prompt)
    };
    assert!(words.as_str().contains("a.example"));
    let model = fetched("<Esc>L", page());
    assert_eq!(said(&model), "The letter tells no way to leave a list.");
}
