//! People whom the user knows: offered while an address is typed, and in a list.

use postroad_safetext::SafeText;
use postroad_tui::data::Field;
use postroad_tui::effect::{Ask, Effect, PeopleAsk};
use postroad_tui::model::{Model, Prompt};
use postroad_tui::msg::What;

use crate::fixture::{answer, draft, letter, people, reading, tell, three_letters};
use crate::{check, press};

fn knowing() -> Model {
    let mut model = three_letters();
    tell(&mut model, What::People(people()));
    model
}

/// What is typed in the last line.
fn typed(model: &Model) -> &str {
    match &model.prompt {
        Some(Prompt::Line { edit, .. }) => edit.text(),
        other => panic!("{other:?}"),
    }
}

fn asked(effects: &[Effect]) -> Vec<PeopleAsk> {
    let ask = |effect: &Effect| match effect {
        Effect::Ask(_, Ask::People(ask)) => Some(ask.clone()),
        _ => None,
    };
    effects.iter().filter_map(ask).collect()
}

#[test]
fn those_who_fit_are_offered_while_an_address_is_typed() {
    let mut model = knowing();
    press(&mut model, "mbo");
    check("people-offered", &model);
    press(&mut model, "<Down><Down>");
    check("people-picked", &model);
    press(&mut model, "<Enter>");
    assert_eq!(typed(&model), "Bob Baker <bob@x.example>");
    // Nobody is offered for what is whole.
    check("people-taken", &model);
}

#[test]
fn tab_takes_the_first_and_arrows_go_to_others() {
    for (keys, text) in [
        ("bob<Tab>", "bob@x.example, alice@example.org"),
        ("yama<Tab>", "山田太郎 <yamada@example.jp>"),
        ("bob<Down><Down><Down><Tab>", "bobby@far.example"),
        ("bob<Down><Down><Up><^T>", "bob@x.example, alice@example.org"),
        // Whoever is gone from is typed on.
        ("bob<Down>by<Tab>", "bobby@far.example"),
        ("carol@x.example, alic<Down><Tab>", "carol@x.example, bob@x.example, alice@example.org"),
        ("\"Baker, Bo", "\"Baker, Bo"),
        ("nobody<Tab>", "nobody"),
    ] {
        let mut model = knowing();
        press(&mut model, "m");
        press(&mut model, keys);
        assert_eq!(typed(&model), text, "{keys}");
    }
    // A subject is no address.
    let mut model = knowing();
    press(&mut model, "mx@x.example<Enter>bob<Down><Tab>");
    assert_eq!(typed(&model), "bob");
}

#[test]
fn short_names_are_shown_as_what_they_stand_for() {
    let mut model = knowing();
    press(&mut model, "=");
    let effects = press(&mut model, "r");
    let begun = What::Draft(draft().into());
    answer(&mut model, &effects, |ask| matches!(ask, Ask::NewDraft(_)), begun);
    let effects = press(&mut model, "c<^U>bakers<Enter>");
    let mut saved = draft();
    saved.fields.cc = "bob@x.example".into();
    let is_saved = |ask: &Ask| matches!(ask, Ask::SaveDraft(..));
    answer(&mut model, &effects, is_saved, What::Draft(saved.into()));
    let compose = crate::writing::shown(&model);
    assert_eq!(compose.fields.of(Field::Cc), "bob@x.example");
}

#[test]
fn the_address_book() {
    let mut model = knowing();
    press(&mut model, "Q");
    check("people-query", &model);
    press(&mut model, "<Enter>j");
    check("people", &model);
    press(&mut model, "D");
    check("people-forget", &model);
    let effects = press(&mut model, "y");
    assert_eq!(asked(&effects), [PeopleAsk::Forget("bob@x.example".into())]);
    let effects = press(&mut model, "a<Enter>");
    let to = "Bob Baker <bob@x.example>".to_owned();
    assert_eq!(asked(&effects), [PeopleAsk::Call { alias: "bob".into(), to }]);
    press(&mut model, "Q<^U>far<Enter>");
    check("people-found", &model);
    let effects = press(&mut model, "<Enter>");
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Ask(_, Ask::NewDraft(_)))));
    check("people-written-to", &model);
}

#[test]
fn nobody_is_known() {
    let mut model = three_letters();
    press(&mut model, "Q<Enter>");
    check("people-none", &model);
}

#[test]
fn an_author_gets_a_short_name() {
    let mut model = reading(crate::fixture::page());
    let effects = press(&mut model, "aalice<Enter>");
    let wanted = PeopleAsk::CallAuthor { alias: "alice".into(), letter: letter(3) };
    assert_eq!(asked(&effects), [wanted]);
    let words = SafeText::line("alice = Alice Example <alice@example.org>");
    answer(&mut model, &effects, |ask| matches!(ask, Ask::People(_)), What::Told(words));
    check("people-called", &model);
}
