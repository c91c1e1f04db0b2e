//! Letters that are being written, and on their way.

use postroad_tui::data::{HeldId, Sealing};
use postroad_tui::effect::Ask;
use postroad_tui::model::{ComposeState, Model, Now, Screen};
use postroad_tui::msg::What;
use postroad_tui::{Effect, Msg, update};

use crate::fixture::{answer, draft, now, outbox, tell, three_letters};
use crate::{check, press};

fn writing() -> Model {
    let mut model = three_letters();
    press(&mut model, "=");
    let effects = press(&mut model, "r");
    answer(
        &mut model,
        &effects,
        |ask| matches!(ask, Ask::NewDraft(_)),
        What::Draft(draft().into()),
    );
    model
}

/// The letter that is being written and shown.
pub(crate) fn shown(model: &Model) -> &ComposeState {
    let (Screen::Compose(id) | Screen::Editor(id)) = model.screen() else {
        panic!("{:?}", model.screen())
    };
    model.desk.get(*id).unwrap()
}

#[test]
fn a_letter_begins() {
    let mut model = three_letters();
    press(&mut model, "m");
    check("compose-to", &model);
    press(&mut model, "bob@x.example<Enter>L\u{202e}unch");
    check("compose-subject", &model);
}

#[test]
fn a_letter_is_written() {
    let mut model = writing();
    check("compose", &model);
    press(&mut model, "jj");
    press(&mut model, "q");
    check("compose-quit", &model);
}

#[test]
fn what_goes_with_a_letter_is_looked_at_and_its_text_is_spelt() {
    let mut model = writing();
    let asked = |effects: &[Effect], place: usize| {
        let is_it = |effect: &Effect| matches!(effect, Effect::Ask(_, Ask::ViewDraft(id, at)) if *id == draft().id && *at == place);
        effects.iter().any(is_it)
    };
    assert!(asked(&press(&mut model, "<Enter>"), 0));
    assert!(asked(&press(&mut model, "j<Enter>"), 1));
    assert_eq!(press(&mut model, "i"), [Effect::Spell(draft().id)]);
    assert_eq!(press(&mut model, "!make menu.pdf<Enter>"), [Effect::Shell("make menu.pdf".into())]);
    assert_eq!(press(&mut model, "!<Enter>"), []);
}

#[test]
fn how_a_letter_is_sealed_is_chosen_and_kept() {
    let mut model = writing();
    press(&mut model, "p");
    check("compose-seal", &model);
    let effects = press(&mut model, "b");
    let [Effect::Ask(_, Ask::SaveDraft(_, fields))] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(fields.sealing, Sealing::Encrypt);
    check("compose-sealed", &model);
    for (letter, sealing) in [("s", Sealing::Sign), ("x", Sealing::Sign), ("c", Sealing::None)] {
        press(&mut model, "p");
        press(&mut model, letter);
        let compose = shown(&model);
        assert_eq!(compose.fields.sealing, sealing, "{letter}");
    }
}

#[test]
fn a_letter_is_queued() {
    let mut model = writing();
    let effects = press(&mut model, "y");
    check("compose-queueing", &model);
    let until = "2026-11-30T15:00:08.5Z".parse().unwrap();
    let what = What::Queued { letter: HeldId("h1".into()), until };
    answer(&mut model, &effects, |ask| matches!(ask, Ask::Queue(..)), what);
    tell(&mut model, What::Outbox(outbox()));
    check("queued", &model);
}

#[test]
fn letters_on_their_way() {
    let mut model = three_letters();
    press(&mut model, "B");
    check("outbox-empty", &model);
    tell(&mut model, What::Outbox(outbox()));
    tell(&mut model, What::Drafts(vec![draft()]));
    press(&mut model, "j");
    check("outbox", &model);
}

/// The letter's text, typed here.
pub(crate) fn typing(text: &str) -> Model {
    let mut model = writing();
    tell(&mut model, What::Text { draft: draft().id, text: text.into() });
    model
}

#[test]
fn a_text_is_typed() {
    let mut model = typing(
        "Hello Bob,\n> Lunch?\n> And where shall we go to, since the old place has closed, as everybody says?\n",
    );
    check("text", &model);
    press(&mut model, "<Down><Down><End>");
    check("text-wrapped", &model);
    press(&mut model, "<Enter>");
    update(&mut model, Msg::Paste("At 12.\nGr\u{fc}\u{df}e \u{1b}[2J\u{202e}".into()));
    press(&mut model, "<^A>");
    check("text-typed", &model);
    press(&mut model, "<^K><^K><^_>");
    check("text-undone", &model);
    press(&mut model, "<^G>");
    check("text-keys", &model);
}

#[test]
fn a_text_is_on_disk_soon_and_before_anything_is_done_with_it() {
    let mut model = typing("");
    let saves = |effects: &[Effect]| -> Vec<String> {
        let saved = |effect: &Effect| match effect {
            Effect::Ask(_, Ask::SaveText(_, text)) => Some(text.to_string()),
            _ => None,
        };
        effects.iter().filter_map(saved).collect()
    };
    let effects = press(&mut model, "q?:");
    let wake =
        effects.iter().find_map(|it| if let Effect::TickAt(at) = it { Some(*at) } else { None });
    assert_eq!(saves(&effects), Vec::<String>::new());
    let wake = wake.expect("it is looked at soon");
    assert!(wake <= model.now.since_start + std::time::Duration::from_secs(1));
    let effects = update(&mut model, Msg::Tick(Now { since_start: wake, ..now() }));
    assert_eq!(saves(&effects), ["q?:\n"]);
    // One that is left at once is written at once, and then the letter may go.
    press(&mut model, "!");
    let effects = press(&mut model, "<^X>");
    assert_eq!(saves(&effects), ["q?:!\n"]);
    let effects = press(&mut model, "y");
    assert!(effects.iter().any(|it| matches!(it, Effect::Ask(_, Ask::Queue(..)))), "{effects:?}");
}

#[test]
fn a_long_text_scrolls_with_the_caret() {
    let text: String =
        (1..=200).map(|line| format!("line {line} with some more words in it\n")).collect();
    let mut model = typing(&text);
    for _ in 0..5 {
        press(&mut model, "<PgDn>");
    }
    check("text-scrolled", &model);
}
