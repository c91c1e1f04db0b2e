//! A letter that says what became of one of the user's, and that one on top of it.

use std::sync::Arc;

use postroad_safetext::SafeText;
use postroad_tui::data::{FolderId, LetterId, LineKind, Page, PageLine, Trust, TrustLine};
use postroad_tui::effect::{Ask, Audience, Effect, Start};
use postroad_tui::model::{Model, Note, Screen};
use postroad_tui::msg::What;

use crate::fixture::{answer, letter, page, reading};
use crate::{check, press};

const OURS: LetterId = LetterId { folder: FolderId(4), validity: 3, uid: 12 };

fn line(kind: LineKind, text: &str) -> PageLine {
    PageLine { kind, text: SafeText::line(text) }
}

fn returned() -> Model {
    let lines = vec![
        line(
            LineKind::Part,
            "[Not delivered to bob@x.example: 550 5.1.1 <bob@x.example>: no \u{1b}[31msuch user]",
        ),
        line(LineKind::Text, ""),
        line(LineKind::Text, "I'm sorry to have to inform you."),
    ];
    let words = SafeText::line("About your letter \"Lunch?\" of 2026-11-28 09:30  ^O: open it");
    let trust = Some(TrustLine { level: Trust::Good, words });
    reading(Page { lines, trust, original: Some("one@our.example".into()), ..page() })
}

fn said(model: &Model) -> String {
    match &model.note {
        Note::Said(words) => words.as_str().to_owned(),
        other => format!("{other:?}"),
    }
}

#[test]
fn the_users_own_letter_is_a_key_away_and_keys_are_for_it() {
    let mut model = returned();
    check("returned", &model);
    let effects = press(&mut model, "<^O>");
    let lines = vec![line(LineKind::Text, "Shall we?")];
    let ours = Page { letter: OURS, lines, original: None, ..page() };
    let asked =
        |ask: &Ask| *ask == Ask::Original { letter: letter(3), id: "one@our.example".into() };
    answer(&mut model, &effects, asked, What::Original(Arc::new(ours)));
    check("returned-original", &model);
    press(&mut model, "d");
    assert!(said(&model).contains("in another folder"), "{}", said(&model));
    assert!(model.index.as_ref().unwrap().struck.is_empty());
    let effects = press(&mut model, "g");
    let begins = Ask::NewDraft(Start::Reply(OURS, Audience::All));
    assert!(effects.iter().any(|it| matches!(it, Effect::Ask(_, ask) if *ask == begins)));
    press(&mut model, "qn");
    press(&mut model, "q");
    let Screen::Pager(pager) = model.screen() else { panic!() };
    assert_eq!(pager.letter, letter(3));
}

#[test]
fn other_letters_lead_nowhere() {
    let mut model = reading(page());
    let effects = press(&mut model, "<^O>");
    assert!(effects.is_empty() && said(&model).contains("one of yours"), "{}", said(&model));
}
