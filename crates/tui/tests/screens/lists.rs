//! The index, a letter, its parts, folders, keys.

use postroad_safetext::SafeText;
use postroad_tui::data::{Cue, Head, LineKind, Marks, Page, PageLine, Row};
use postroad_tui::effect::{Ask, Effect, Job};
use postroad_tui::msg::What;

use crate::fixture::{
    INBOX, answer, inbox, letter, listing, opening, page, reading, tell, three_letters,
};
use crate::{check, press};

#[test]
fn index_before_anything_is_known() {
    check("index-opening", &opening());
}

#[test]
fn index_without_letters() {
    check("index-empty", &inbox(&[]));
}

#[test]
fn index_of_three_letters() {
    check("index", &three_letters());
}

#[test]
fn index_of_many_letters() {
    let mut model = opening();
    let head = |uid| Head { uid, sent: 1_700_000_000 + uid * 300, flags: Marks::SEEN, depth: 0 };
    let opened = [Effect::Ask(Job(1), Ask::Open(INBOX))];
    let effects = answer(&mut model, &opened, |_| true, listing((1..=100_000).map(head).collect()));
    let asked = effects.iter().find_map(|effect| match effect {
        Effect::Ask(_, Ask::Rows { uids, .. }) => Some(uids.clone()),
        _ => None,
    });
    let row = |uid: u32| Row {
        from: SafeText::line(&format!("Writer {}", uid % 7)),
        subject: SafeText::line(&format!("Letter {uid}")),
        octets: u64::from(uid),
        cue: Cue::None,
        ..Row::default()
    };
    let rows: Vec<(u32, Row)> = asked.unwrap().into_iter().map(|uid| (uid, row(uid))).collect();
    assert!(rows.len() < 200, "{} rows for one window", rows.len());
    let what = What::Rows { folder: INBOX, rows };
    answer(&mut model, &effects, |ask| matches!(ask, Ask::Rows { .. }), what);
    check("index-many", &model);
}

#[test]
fn keywords_stand_before_what_a_letter_is_about() {
    let mut model = reading(page());
    let rows = model.index.as_ref().unwrap().rows.clone();
    let keywords = vec!["work".into(), SafeText::line("\u{202e}later")];
    let rows = rows.into_iter().map(|(uid, row)| {
        let keywords = if uid > 1 { keywords.clone() } else { Vec::new() };
        (uid, Row { keywords, ..row })
    });
    tell(&mut model, What::Rows { folder: INBOX, rows: rows.collect() });
    check("pager-keywords", &model);
    press(&mut model, "i");
    check("index-keywords", &model);
}

#[test]
fn index_with_struck_and_marked_letters() {
    let mut model = three_letters();
    press(&mut model, "=dF");
    check("index-struck", &model);
}

#[test]
fn index_of_hostile_and_wide_letters() {
    check(
        "index-hostile",
        &inbox(&[
            (
                "2026-11-30T14:02:00Z",
                Marks::SEEN,
                "\u{1b}]0;t\u{7}Bank",
                "\u{1b}[2J\r\nnow",
                1,
                Cue::None,
            ),
            (
                "2026-11-30T14:02:00Z",
                Marks::SEEN,
                "\u{202e}eve",
                "a\u{200b}b\u{301}\u{301}",
                1,
                Cue::None,
            ),
            (
                "2026-11-30T14:02:00Z",
                Marks::SEEN,
                "山田太郎と山田花子",
                "漢字のメール漢字のメール漢字のメール漢字のメール",
                1,
                Cue::None,
            ),
            (
                "2026-11-30T14:02:00Z",
                Marks::SEEN,
                "👍👍👍👍👍👍👍👍👍👍👍",
                "\u{301}\u{1161}👨\u{200d}👩",
                1,
                Cue::None,
            ),
        ]),
    );
}

#[test]
fn a_letter_that_is_being_read() {
    let mut model = three_letters();
    press(&mut model, "<Enter>");
    check("pager-waiting", &model);
}

#[test]
fn a_short_letter() {
    check("pager", &reading(page()));
}

#[test]
fn a_letter_with_all_its_fields() {
    let mut model = reading(page());
    press(&mut model, "h");
    check("pager-headers", &model);
}

#[test]
fn a_long_letter() {
    let text = |number| PageLine {
        kind: LineKind::Text,
        text: SafeText::line(&format!("Line {number} of this letter.")),
    };
    let lines = (1..=100).map(text).collect();
    let mut model = reading(Page { lines, cut: Some(5_000_000), ..page() });
    press(&mut model, "<PgDn><PgDn>");
    check("pager-long", &model);
    press(&mut model, "<End>");
    check("pager-end", &model);
}

#[test]
fn a_hostile_letter() {
    let line = |kind, text| PageLine { kind, text: SafeText::line(text) };
    let lines = vec![
        line(LineKind::Text, "\u{1b}[2J\u{9b}31mpay\u{200b}pal \u{202e}gpj.exe"),
        line(LineKind::Quote(250), &"x".repeat(500)),
        line(LineKind::Text, &"漢".repeat(100)),
    ];
    let head = vec![(SafeText::line("Subject"), SafeText::line("\u{1b}]52;c;cm0=\u{7}"))];
    check(
        "pager-hostile",
        &reading(Page { letter: letter(3), head, lines, parts: vec![], ..page() }),
    );
}

#[test]
fn parts_of_a_letter() {
    let mut model = reading(page());
    press(&mut model, "vj");
    check("parts", &model);
    press(&mut model, "s");
    check("parts-save", &model);
}

#[test]
fn folders_to_choose_from() {
    let mut model = three_letters();
    press(&mut model, "c");
    check("folder-prompt", &model);
    press(&mut model, "<Esc>s?j");
    check("folders", &model);
    press(&mut model, "ou");
    check("folders-unread", &model);
}

#[test]
fn keys_of_a_screen() {
    let mut model = three_letters();
    press(&mut model, "?");
    check("help", &model);
    press(&mut model, "trash");
    check("help-found", &model);
}

#[test]
fn what_went_wrong() {
    let mut model = three_letters();
    let words = "cannot read letter 3: \u{1b}[31mno such file";
    let what = What::Failed { words: SafeText::line(words), hint: "^L: look again".into() };
    tell(&mut model, what);
    check("refusal", &model);
}
