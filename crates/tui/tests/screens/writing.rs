//! Letters that are being written, and on their way.

use postroad_tui::data::{HeldId, Sealing};
use postroad_tui::effect::{Ask, Effect};
use postroad_tui::model::{Model, Screen};
use postroad_tui::msg::What;

use crate::fixture::{answer, draft, outbox, tell, three_letters};
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
        let Screen::Compose(compose) = model.screen() else { panic!("{:?}", model.screen()) };
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
