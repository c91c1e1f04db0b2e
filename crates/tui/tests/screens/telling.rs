//! Keys that only tell something; parts that are tagged; a letter that is gone to by its number while another one is read.

use std::path::PathBuf;
use std::sync::Arc;

use postroad_tui::data::FolderCounts;
use postroad_tui::effect::Ask;
use postroad_tui::keys::On;
use postroad_tui::model::{Limit, Model, Note, Prompt, Screen};
use postroad_tui::msg::What;

use crate::changes::asks;
use crate::fixture::{INBOX, answer, letter, page, reading, tell, three_letters};
use crate::{check, every, press};

fn said(model: &Model) -> &str {
    match &model.note {
        Note::Said(words) | Note::Wrong(words, _) => words.as_str(),
        Note::Nothing | Note::Queued | Note::Progress(..) => "",
    }
}

#[test]
fn what_is_asked_for_is_told() {
    let version = format!("Postroad {}", env!("CARGO_PKG_VERSION"));
    let limited = |mut model: Model| {
        let limit = Limit { pattern: "~f \u{202e}bob".into(), found: [1].into() };
        model.index.as_mut().unwrap().limit = Some(limit);
        model
    };
    for (model, keys, words) in [
        (three_letters(), "V", version.as_str()),
        (reading(page()), "V", version.as_str()),
        (three_letters(), ".", "New mail in Lists/rust-dev, ann\\u{202e}fdp.exe"),
        (reading(page()), ".", "New mail in Lists/rust-dev, ann\\u{202e}fdp.exe"),
        (three_letters(), "<Esc>l", "No limit pattern is in effect."),
        (limited(three_letters()), "<Esc>l", "Limit: ~f \\u{202e}bob"),
        (reading(page()), "@", "Alice Example <alice@example.org>"),
        (every::of(On::Folders), "jj@", "Lists/rust-dev"),
    ] {
        let mut model = model;
        press(&mut model, keys);
        assert_eq!(said(&model), words, "{keys}");
    }
    let mut model = three_letters();
    let mut folders = model.folders.clone();
    for folder in &mut folders {
        folder.counts = Some(FolderCounts { letters: 9, unread: u32::from(folder.id == INBOX) });
    }
    tell(&mut model, What::Folders(folders));
    press(&mut model, ".");
    assert_eq!(said(&model), "No mailboxes have new mail");
}

#[test]
fn who_wrote_a_letter_is_told_without_its_being_read() {
    let mut model = three_letters();
    press(&mut model, "*");
    let before = format!("{:?}", model.index.as_ref().unwrap().edits);
    let effects = press(&mut model, "@");
    let page = What::Page(Arc::new(page()));
    answer(&mut model, &effects, |ask| matches!(ask, Ask::Read(_)), page);
    assert_eq!(said(&model), "Alice Example <alice@example.org>");
    assert!(matches!(model.screen(), Screen::Index));
    assert_eq!(format!("{:?}", model.index.as_ref().unwrap().edits), before);
}

#[test]
fn new_letters_are_looked_for_now() {
    let mut model = three_letters();
    assert_eq!(asks(&press(&mut model, "G")), [Ask::Refresh(INBOX)]);
}

#[test]
fn another_letter_is_gone_to_by_its_number() {
    let mut model = reading(page());
    let effects = press(&mut model, "1<Enter>");
    assert!(asks(&effects).contains(&Ask::Read(letter(1))), "{effects:?}");
    assert_eq!(model.index.as_ref().unwrap().list.selected, 0);
    press(&mut model, "9<Enter>");
    assert_eq!(said(&model), "There is no letter with that number.");
}

#[test]
fn several_parts_are_saved_at_once() {
    let mut model = reading(page());
    press(&mut model, "v;");
    assert_eq!(said(&model), "No tagged entries.");
    press(&mut model, "tt");
    check("parts-tagged", &model);
    press(&mut model, ";s");
    check("parts-tagged-save", &model);
    let save = |part| Ask::Save { letter: letter(3), part, into: PathBuf::from("./x") };
    assert_eq!(asks(&press(&mut model, "/x<Enter>")), [save(1), save(2)]);
    // The next key is for the one that is selected again.
    press(&mut model, "=|");
    let Some(Prompt::Line { .. }) = &model.prompt else { panic!("{:?}", model.prompt) };
    let effects = press(&mut model, "wc<Enter>");
    let pipe = |part| Ask::PipePart { letter: letter(3), part, command: "wc".into() };
    assert_eq!(asks(&effects), [pipe(1)]);
    let effects = press(&mut model, ";|<Up><Enter>");
    assert_eq!(asks(&effects), [pipe(1), pipe(2)]);
    let print = |part| Ask::Print { letter: letter(3), part: Some(part) };
    assert_eq!(asks(&press(&mut model, ";py")), [print(1), print(2)]);
    press(&mut model, "=t*");
    assert_eq!(asks(&press(&mut model, ";py")), [print(2)]);
}

#[test]
fn what_is_shown_is_set_as_mutt_spells_it() {
    use postroad_tui::model::{Colours, FootLines, Headers, Sidebar};
    let sidebar = |model: &Model| format!("{:?}", model.look.sidebar);
    for (keys, words, is_so) in [
        (
            "set nofoot",
            "foot=no",
            &(|model: &Model| model.look.foot == FootLines::Hidden) as &dyn Fn(&Model) -> bool,
        ),
        ("unset foot", "foot=no", &|model| model.look.foot == FootLines::Hidden),
        ("toggle foot", "foot=no", &|model| model.look.foot == FootLines::Hidden),
        ("set invfoot", "foot=no", &|model| model.look.foot == FootLines::Hidden),
        ("set foot", "foot=yes", &|model| model.look.foot == FootLines::Shown),
        ("set foot=maybe", "foot is one of yes, no.", &|model| model.look.foot == FootLines::Shown),
        ("set sidebar_visible", "sidebar_visible=yes", &|model| {
            model.look.sidebar == Sidebar::Shown
        }),
        ("set sidebar_visible=auto", "sidebar_visible=auto", &|model| sidebar(model) == "Auto"),
        ("set ?sidebar_visible", "sidebar_visible=auto", &|model| sidebar(model) == "Auto"),
        ("set colours=none", "colours=none", &|model| model.look.colours == Colours::None),
        ("set colours", "colours=16", &|model| model.look.colours == Colours::Sixteen),
        ("toggle colours", "colours is no switch.", &|model| {
            model.look.colours == Colours::Sixteen
        }),
        ("set noweed", "weed=no", &|model| model.look.headers == Headers::All),
        ("set sort?", "sort=date", &|_| true),
        ("set sort=never", "There is no such order.", &|_| true),
        ("set use_threads", "use_threads=yes", &|model| model.order.name().as_str() == "threads"),
        ("set editor=vi", "There is no setting editor.  :set and Tab: all of them", &|_| true),
    ] {
        let mut model = three_letters();
        press(&mut model, &format!(":{keys}<Enter>"));
        assert_eq!(said(&model), words, "{keys}");
        assert!(is_so(&model), "{keys}: {:?}", model.look);
    }
    // Where a letter is read, and for those that are read after it.
    let mut model = reading(page());
    press(&mut model, ":set noweed<Enter>");
    let Screen::Pager(pager) = model.screen() else { panic!("{:?}", model.screen()) };
    assert_eq!(pager.headers, Headers::All);
    // Names and values are completed, and told while they are typed.
    let mut model = three_letters();
    press(&mut model, ":set s");
    check("command-set", &model);
    for (typed, whole) in [
        ("set so", "set sort"),
        ("set s", "set s"),
        ("set colours=m", "set colours=many"),
        ("set sort=th", "set sort=threads"),
        ("set sort=da", "set sort=date"),
    ] {
        let mut model = three_letters();
        press(&mut model, &format!(":{typed}<Tab>"));
        let Some(Prompt::Line { edit, .. }) = &model.prompt else { panic!("{:?}", model.prompt) };
        assert_eq!(edit.text(), whole);
    }
}
