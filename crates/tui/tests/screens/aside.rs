//! Letters that are being written are left as they stand, and gone back to; none is lost.

use std::time::Duration;

use postroad_tui::canvas::Cell;
use postroad_tui::data::{DraftId, DraftRow};
use postroad_tui::desk::Text;
use postroad_tui::effect::Ask;
use postroad_tui::keys::{Key, On};
use postroad_tui::model::{Model, Now};
use postroad_tui::msg::{Mouse, MouseDoes, Report, What};
use postroad_tui::{Effect, Msg, update};

use crate::fixture::{answer, draft, now, page, reading, tell, three_letters};
use crate::writing::{shown, typing};
use crate::{check, press};

fn second() -> DraftRow {
    let mut row = draft();
    row.id = DraftId("d2".into());
    (row.fields.to, row.fields.subject) = (String::new(), String::new());
    row
}

/// All that was to be written is on disk, as it was told.
fn written(model: &mut Model, effects: &[Effect]) -> Vec<Effect> {
    let mut then = Vec::new();
    for effect in effects {
        let Effect::Ask(job, Ask::SaveDraft(id, _) | Ask::SaveText(id, _)) = effect else {
            continue;
        };
        let mut row = if *id == second().id { second() } else { draft() };
        if let Effect::Ask(_, Ask::SaveDraft(_, fields)) = effect {
            row.fields = fields.clone();
        }
        let report = Report { job: *job, what: What::Draft(row.into()) };
        then.extend(update(model, Msg::Report(report)));
    }
    then
}

/// Begins a letter, with these keys behind.
fn begin(model: &mut Model, key: &str, draft: DraftRow, keys: &str) {
    let effects = press(model, key);
    let what = What::Draft(draft.into());
    let mut effects = answer(model, &effects, |ask| matches!(ask, Ask::NewDraft(_)), what);
    effects.extend(press(model, keys));
    written(model, &effects);
}

/// Two letters that are being written, the first one's text typed here, and the inbox on top.
fn two() -> Model {
    let mut model = three_letters();
    begin(&mut model, "r", draft(), "");
    tell(&mut model, What::Text { draft: draft().id, text: "Hello Bob,\n".into() });
    press(&mut model, "<End> and Carol<^]>");
    begin(&mut model, "m", second(), "carol@x.example<Enter>Minutes<Enter>");
    press(&mut model, "<^]>");
    model
}

fn saved(effects: &[Effect]) -> Vec<String> {
    let saved = |effect: &Effect| match effect {
        Effect::Ask(_, Ask::SaveText(id, text)) => Some(format!("{} {text}", id.0)),
        Effect::Ask(_, Ask::SaveDraft(id, fields)) => Some(format!("{} {}", id.0, fields.to)),
        Effect::Quit(_) => Some("quit".into()),
        _ => None,
    };
    effects.iter().filter_map(saved).collect()
}

#[test]
fn a_text_is_left_and_stands_there_as_it_was() {
    let mut model = typing("Hello Bob,\n> Lunch?\n");
    press(&mut model, "<End>x");
    press(&mut model, "<^]>");
    check("aside", &model);
    // The letters are read as ever, and the text goes to the disk meanwhile.
    assert_eq!(model.on(), On::Index);
    let later = Now { since_start: now().since_start + Duration::from_secs(1), ..now() };
    let effects = update(&mut model, Msg::Tick(later));
    assert_eq!(saved(&effects), ["d1 Hello Bob,x\n> Lunch?\n"]);
    press(&mut model, "<^]>y");
    check("aside-back", &model);
    press(&mut model, "<^_><^_>");
    let Text::Typed(editor) = &shown(&model).text else { panic!() };
    assert_eq!(editor.text.text(), "Hello Bob,\n> Lunch?\n");
}

#[test]
fn the_menu_and_what_is_asked_there_are_left_too() {
    let mut model = reading(page());
    let effects = press(&mut model, "r");
    answer(
        &mut model,
        &effects,
        |ask| matches!(ask, Ask::NewDraft(_)),
        What::Draft(draft().into()),
    );
    press(&mut model, "sa<^]>");
    assert_eq!(model.on(), On::Pager);
    check("aside-letter", &model);
    press(&mut model, "<^]>b<Enter>");
    assert_eq!(shown(&model).fields.subject, "Re: Lunch?ab");
}

#[test]
fn several_letters_are_written_at_once() {
    let mut model = two();
    check("aside-two", &model);
    for (keys, subject) in [("<^]>", "Minutes"), ("", "Minutes")] {
        press(&mut model, keys);
        assert_eq!(shown(&model).fields.subject, subject);
    }
    check("aside-second", &model);
    update(&mut model, Msg::Key(Key::Alt('1')));
    assert_eq!(model.on(), On::Editor);
    update(&mut model, Msg::Key(Key::Alt('2')));
    assert_eq!(model.on(), On::Compose);
    update(&mut model, Msg::Key(Key::Alt('3')));
    assert_eq!(shown(&model).fields.subject, "Minutes");
    // Its row among the letters on their way leads there, too; thrown away it is but by itself.
    press(&mut model, "<^]>B");
    tell(&mut model, What::Drafts(vec![draft(), second()]));
    let effects = press(&mut model, "jD");
    assert!(model.prompt.is_none(), "{effects:?}");
    let effects = press(&mut model, "<Enter>");
    assert!(!effects.iter().any(|it| matches!(it, Effect::Ask(_, Ask::NewDraft(_)))));
    assert_eq!(shown(&model).fields.subject, "Minutes");
}

#[test]
fn a_click_on_its_name_goes_to_a_letter() {
    let mut model = two();
    let mut click = |column| {
        let mouse = Mouse { at: Cell { column, row: 0 }, does: MouseDoes::Click };
        update(&mut model, Msg::Mouse(mouse));
        model.on()
    };
    assert_eq!(click(30), On::Compose);
    assert_eq!(click(12), On::Editor);
    assert_eq!(click(79), On::Index);
    assert_eq!(click(79), On::Editor);
}

#[test]
fn the_program_ends_once_all_letters_are_on_disk() {
    let mut model = two();
    assert_eq!(saved(&press(&mut model, "q")), Vec::<String>::new());
    check("aside-quit", &model);
    press(&mut model, "n");
    let effects = press(&mut model, "xy");
    let wanted =
        ["d1 Hello Bob, and Carol\n", "d1 Bob Baker <bob@x.example>", "d2 carol@x.example"];
    assert_eq!(saved(&effects), wanted);
    // It waits for each of them.
    for (place, effect) in effects.iter().enumerate() {
        let then = written(&mut model, std::slice::from_ref(effect));
        let is_last = place + 1 == effects.len();
        assert_eq!(saved(&then), if is_last { vec!["quit".to_owned()] } else { Vec::new() });
    }
}

#[test]
fn the_program_does_not_end_where_a_text_cannot_be_written() {
    let mut model = two();
    let effects = press(&mut model, "qy");
    let failed = || What::Failed { words: "the disk is full".into(), hint: "".into() };
    answer(&mut model, &effects, |ask| matches!(ask, Ask::SaveText(..)), failed());
    assert_eq!(saved(&written(&mut model, &effects)), Vec::<String>::new());
    assert_eq!(model.desk.letters().len(), 2);
}

#[test]
fn a_text_that_was_left_stays_until_it_is_on_disk() {
    let mut model = typing("one\n");
    let effects = press(&mut model, "<End>!<^X>");
    let is_text = |ask: &Ask| matches!(ask, Ask::SaveText(..));
    let failed = What::Failed { words: "the disk is full".into(), hint: "".into() };
    answer(&mut model, &effects, is_text, failed);
    // It isn't put away either.
    press(&mut model, "P");
    assert_eq!(model.on(), On::Compose);
    let effects = press(&mut model, "e");
    assert!(!effects.iter().any(|it| matches!(it, Effect::Edit(_))), "{effects:?}");
    let Text::Typed(editor) = &shown(&model).text else { panic!() };
    assert_eq!(editor.text.text(), "one!\n");
    let effects = press(&mut model, "<^X>");
    answer(&mut model, &effects, is_text, What::Draft(draft().into()));
    assert!(matches!(shown(&model).text, Text::OnDisk));
    press(&mut model, "P");
    assert_eq!((model.on(), model.desk.letters().len()), (On::Index, 0));
}

#[test]
fn a_letter_is_queued_while_another_is_read() {
    let mut model = typing("");
    let effects = press(&mut model, "<^X>");
    let is_text = |ask: &Ask| matches!(ask, Ask::SaveText(..));
    answer(&mut model, &effects, is_text, What::Draft(draft().into()));
    let effects = press(&mut model, "y<^]>");
    assert_eq!(model.on(), On::Index);
    let until = "2026-11-30T15:00:08.5Z".parse().unwrap();
    let what = What::Queued { letter: postroad_tui::data::HeldId("h1".into()), until };
    answer(&mut model, &effects, |ask| matches!(ask, Ask::Queue(..)), what);
    assert!(model.desk.letters().is_empty());
    press(&mut model, "<^]>");
    check("aside-none", &model);
}

#[test]
fn a_draft_that_comes_while_another_letter_is_read_waits() {
    let mut model = three_letters();
    let effects = press(&mut model, "r<^]>");
    let effects = answer(
        &mut model,
        &effects,
        |ask| matches!(ask, Ask::NewDraft(_)),
        What::Draft(draft().into()),
    );
    assert_eq!((effects, model.on()), (vec![], On::Index));
    press(&mut model, "<^]>");
    assert!(shown(&model).draft.is_some());
}
