//! Quotes, links: what is done in a letter that is read.

use postroad_safetext::SafeText;
use postroad_tui::data::{LineKind, PageLine};
use postroad_tui::effect::Ask;
use postroad_tui::keys::Key;
use postroad_tui::model::{Model, Note, Place, Screen};
use postroad_tui::{Effect, Msg, update};

use super::fixture::{page, reading};
use super::{check, press, shown};

fn at(model: &Model) -> Place {
    let Screen::Pager(pager) = model.screen() else { panic!("{:?}", model.screen()) };
    pager.at
}

fn said(model: &Model) -> &str {
    match &model.note {
        Note::Said(words) => words.as_str(),
        _ => "",
    }
}

/// Three words of the author's, then two of somebody's, and so on.
fn argument() -> Model {
    let mut page = page();
    page.lines = (0..40)
        .map(|line| {
            let kind = if line % 5 < 3 { LineKind::Text } else { LineKind::Quote(1) };
            let marks = if kind == LineKind::Text { "" } else { "> " };
            PageLine { kind, text: SafeText::line(&format!("{marks}line {line}")) }
        })
        .collect();
    reading(page)
}

#[test]
fn quotes_are_folded_and_shown() {
    let mut model = reading(page());
    press(&mut model, "T");
    check("pager-folded", &model);
    press(&mut model, "T");
    assert_eq!(shown(&model, (80, 24)), shown(&reading(page()), (80, 24)));
}

#[test]
fn what_stands_on_top_stays_there_when_quotes_are_folded() {
    let mut model = argument();
    press(&mut model, "SS");
    let before = at(&model);
    press(&mut model, "T");
    assert!(shown(&model, (80, 24)).contains("line 10"));
    assert_eq!(at(&model).line, before.line - 2);
    press(&mut model, "T");
    assert_eq!(at(&model), before);
}

#[test]
fn a_quote_is_skipped_and_a_header() {
    let mut model = argument();
    // From, To, Subject, Date and a blank line.
    press(&mut model, "H");
    assert_eq!(at(&model).line, 5);
    press(&mut model, "H");
    assert_eq!(said(&model), "Already skipped past headers.");
    press(&mut model, "S");
    assert_eq!(at(&model).line, 5 + 5);
    press(&mut model, "SSSSSS");
    assert_eq!(at(&model).line, 5 + 35);
    press(&mut model, "S");
    assert_eq!(said(&model), "No more unquoted text after quoted text.");
    let mut page = page();
    page.lines.truncate(1);
    let mut model = reading(page);
    press(&mut model, "S");
    assert_eq!(said(&model), "No more quoted text.");
}

#[test]
fn rows_of_a_long_quote_have_its_marks() {
    let mut page = page();
    let words = "> > ".to_owned() + &"word ".repeat(40);
    page.lines = vec![PageLine { kind: LineKind::Quote(2), text: SafeText::line(&words) }];
    let shown = shown(&reading(page), (40, 24));
    assert_eq!(shown.matches("> > word").count(), 6, "{shown}");
}

#[test]
fn u18_a_link_is_opened_when_the_user_says_so_and_its_host_was_seen() {
    let mut model = reading(page());
    update(&mut model, Msg::Key(Key::Ctrl('b')));
    check("links", &model);
    assert!(press(&mut model, "<Enter>").is_empty());
    check("links-open", &model);
    assert!(press(&mut model, "<Enter>").is_empty(), "Enter is no");
    press(&mut model, "<Enter>");
    let effects = press(&mut model, "y");
    let is_it = |effect: &Effect| match effect {
        Effect::Ask(_, Ask::OpenLink(link)) => link.as_str() == "http://attack.example/x",
        _ => false,
    };
    assert!(effects.iter().any(is_it), "{effects:?}");
    // What is no link of the web isn't even asked about.
    press(&mut model, "jjj");
    assert!(press(&mut model, "<Enter>").is_empty());
    assert!(model.prompt.is_none());
}

#[test]
fn u18_of_a_long_host_the_end_is_seen() {
    let mut page = page();
    page.links.truncate(1);
    page.links[0].host =
        SafeText::line("www.bank.example.with.many.labels.in.front.of.attack.example");
    let mut model = reading(page);
    update(&mut model, Msg::Key(Key::Ctrl('b')));
    press(&mut model, "<Enter>");
    let shown = shown(&model, (80, 24));
    assert!(shown.contains("front.of.attack.example? (yes"), "{shown}");
    assert!(shown.matches("front.of.attack.example").count() >= 2, "{shown}");
}
