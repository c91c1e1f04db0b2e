//! Whatever is pressed and reported, in whatever order: nothing panics, the cursor is there and inside,
//! and what is drawn can be seen.

use std::sync::Arc;
use std::time::Duration;

use postroad_safetext::SafeText;
use postroad_tui::canvas::{Canvas, Cell};
use postroad_tui::data::{By, DraftId, FolderCounts, FolderRow, LineKind, Order, Role};
use postroad_tui::data::{
    Field, FolderId, Found, Head, HeldId, Listing, Marks, Page, PageLine, Row, Stage, UndoLabel,
};
use postroad_tui::desk::Text;
use postroad_tui::effect::{Ask, Job};
use postroad_tui::keys::Key;
use postroad_tui::model::{Colours, Model, Plain, Screen, Sidebar, Size};
use postroad_tui::msg::{Mouse, MouseDoes, Report, What};
use postroad_tui::plain::Session;
use postroad_tui::{Effect, Msg, draw, start, update};
use proptest::prelude::*;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::style::Color;

use crate::fixture;

/// One thing that happens.
#[derive(Debug, Clone)]
enum Step {
    Key(Key),
    Paste(String),
    Mouse(u16, u16, u8),
    Resized(u16, u16),
    Later(u64),
    /// Something is reported: of which of the jobs that were asked for, what, and a number to make it from.
    Report(usize, u8, u32, String),
}

fn any_key() -> impl Strategy<Value = Key> {
    prop_oneof![
        // The keys that do something, mostly.
        30 => prop::sample::select("jkJKdunNF$csmrgfEBRvhxqtyebaDPIi? =*^-`z1tt;;CwWoO|:QQa/n\\X".chars().collect::<Vec<_>>())
            .prop_map(Key::Char),
        3 => any::<char>().prop_map(Key::Char),
        2 => (b'a'..=b'z').prop_map(|c| Key::Ctrl(char::from(c))),
        1 => prop::sample::select(vec![Key::Ctrl(']'), Key::Ctrl(']'), Key::Alt('1'), Key::Alt('2')]),
        1 => prop::sample::select("vVnpdurtL/".chars().collect::<Vec<_>>()).prop_map(Key::Alt),
        1 => any::<char>().prop_map(Key::Alt),
        1 => any::<u8>().prop_map(Key::F),
        20 => prop::sample::select(vec![
            Key::Enter, Key::Enter, Key::Enter, Key::Tab, Key::BackTab, Key::Backspace, Key::Delete,
            Key::Insert, Key::Esc, Key::Up, Key::Down, Key::Left, Key::Right, Key::Home, Key::End,
            Key::PageUp, Key::PageDown,
        ]),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => any_key().prop_map(Step::Key),
        1 => "\\PC{0,20}|.{0,20}".prop_map(Step::Paste),
        2 => (0..130_u16, 0..50_u16, any::<u8>()).prop_map(|(x, y, does)| Step::Mouse(x, y, does)),
        2 => (0..80_u16, 0..24_u16).prop_map(|(x, y)| Step::Mouse(x, y, 0)),
        1 => (0..130_u16, 0..50_u16).prop_map(|(columns, rows)| Step::Resized(columns, rows)),
        1 => (0..20_000_u64).prop_map(Step::Later),
        12 => (any::<usize>(), any::<u8>(), any::<u32>(), ".{0,30}")
            .prop_map(|(job, kind, seed, text)| Step::Report(job, kind, seed, text)),
    ]
}

fn heads(seed: u32) -> Vec<Head> {
    let marks = |uid: u32| match (uid ^ seed) % 5 {
        0 => Marks::NONE,
        1 => Marks::RECENT,
        2 => Marks::SEEN.with(Marks::FLAGGED),
        3 => Marks::SEEN.with(Marks::ANSWERED),
        _ => Marks::SEEN,
    };
    let head = |uid: u32| Head {
        uid,
        sent: seed.wrapping_mul(uid),
        flags: marks(uid),
        depth: u8::try_from(seed.wrapping_mul(uid) % 7).unwrap(),
    };
    (1..=seed % 90).map(|at| head(at + seed / 16 % 50)).collect()
}

fn page(model: &Model, seed: u32, text: &str) -> Page {
    let line = |number: u32| PageLine {
        kind: match number % 4 {
            0 => LineKind::Text,
            1 => LineKind::Quote(u8::try_from(number % 256).unwrap()),
            2 => LineKind::Signature,
            _ => LineKind::Part,
        },
        text: SafeText::line(&text.repeat(usize::try_from(number % 40).unwrap())),
    };
    let selected = model.index.as_ref().and_then(|index| index.selected());
    Page {
        letter: selected.unwrap_or(fixture::letter(seed)),
        lines: (0..seed % 60).map(line).collect(),
        head: vec![(SafeText::line("Subject"), SafeText::line(text)); (seed % 9) as usize],
        cut: seed.is_multiple_of(2).then_some(u64::from(seed)),
        ..fixture::page()
    }
}

fn folders(seed: u32, text: &str) -> Vec<FolderRow> {
    let folder = |id: u32| FolderRow {
        id: FolderId(id),
        name: SafeText::line(&format!("{text}{id}")),
        role: (id == 0).then_some(Role::Inbox),
        counts: (!id.is_multiple_of(3)).then_some(FolderCounts { letters: seed, unread: id % 2 }),
    };
    (0..seed % 30).map(folder).collect()
}

fn what(model: &Model, kind: u8, seed: u32, text: &str) -> What {
    let words = SafeText::line(text);
    let folder = FolderId(seed % 3);
    let until = model.now.wall + Duration::from_secs(u64::from(seed % 12));
    match kind % 22 {
        0 => What::Folders(folders(seed, text)),
        1..=4 => What::Listing(Arc::new(Listing {
            folder: model.index.as_ref().map_or(folder, |index| index.folder),
            validity: seed % 2,
            generation: u64::from(seed % 100),
            order: Order { by: [By::Sent, By::Threads][(seed % 2) as usize], ..Order::default() },
            stage: [Stage::Known, Stage::Named, Stage::Complete][(seed % 3) as usize],
            heads: heads(seed),
        })),
        5..=6 => {
            let row = Row { from: words.clone(), subject: words, ..Row::default() };
            What::Rows {
                folder,
                rows: heads(seed).iter().map(|head| (head.uid, row.clone())).collect(),
            }
        }
        7..=9 => What::Page(Arc::new(page(model, seed, text))),
        10 => What::Draft(fixture::draft().into()),
        11 if seed.is_multiple_of(2) => {
            What::Text { draft: DraftId("d1".into()), text: format!("{text}\n\t> {text}").into() }
        }
        11 => What::Drafts(vec![fixture::draft(); (seed % 3) as usize]),
        12 => {
            let draft = DraftId("d1".into());
            What::DraftWrong { draft, field: Field::To, words }
        }
        13 => What::Queued { letter: HeldId(text.into()), until },
        14 => What::Outbox(fixture::outbox()),
        15 => What::Done(UndoLabel { words, held: None }),
        16 => What::Undone(words),
        17 => What::Found(Found {
            letters: vec![fixture::letter(seed)],
            complete: seed.is_multiple_of(2),
        }),
        18 if seed.is_multiple_of(3) => What::Original(Arc::new(page(model, seed, text))),
        18 => What::Output(Arc::new(page(model, seed, text))),
        19 => What::People(fixture::people()),
        20 if seed.is_multiple_of(3) => {
            let page = Arc::new(page(model, seed, text));
            What::Conversation { letters: vec![page.letter], page }
        }
        20 if seed.is_multiple_of(5) => {
            let whole = format!("{text}{seed}");
            What::Files { typed: text.into(), whole, names: vec![words; (seed % 4) as usize] }
        }
        20 => What::Progress { done: u64::from(seed), of: 0 },
        _ => What::Failed { words, hint: SafeText::line(text) },
    }
}

fn happen(model: &mut Model, step: Step, asked: &mut Vec<Job>) {
    let msg = match step {
        Step::Key(key) => Msg::Key(key),
        Step::Paste(text) => Msg::Paste(text),
        Step::Mouse(column, row, does) => Msg::Mouse(Mouse {
            at: Cell { column, row },
            does: [MouseDoes::Click, MouseDoes::ScrollUp, MouseDoes::ScrollDown]
                [usize::from(does % 3)],
        }),
        Step::Resized(columns, rows) => Msg::Resized(Size { columns, rows }),
        Step::Later(millis) => {
            let mut now = model.now.clone();
            now.since_start += Duration::from_millis(millis);
            now.wall += Duration::from_millis(millis);
            Msg::Tick(now)
        }
        Step::Report(job, kind, seed, text) => {
            let job = asked.get(job % (asked.len() + 1)).copied().unwrap_or(Job::NONE);
            Msg::Report(Report { job, what: what(model, kind, seed, &text) })
        }
    };
    let effects = update(model, msg);
    nothing_dangles(model);
    for effect in effects {
        if let Effect::Ask(job, ask) = effect {
            assert!(!asked.contains(&job), "{job:?} for two things");
            if let Ask::Rows { uids, .. } = &ask {
                assert!(!uids.is_empty() && uids.len() < 300, "{} rows at once", uids.len());
            }
            asked.push(job);
        }
    }
}

/// Each letter that is shown is being written, and its text is shown where it is typed.
fn nothing_dangles(model: &Model) {
    for screen in &model.stack {
        let (Screen::Compose(id) | Screen::Editor(id)) = screen else { continue };
        let letter = model.desk.get(*id).expect("it is being written");
        let is_text = |screen: &Screen| matches!(screen, Screen::Editor(shown) if shown == id);
        let is_typed = matches!(letter.text, Text::Typed(_));
        assert_eq!(model.stack.iter().any(is_text), is_typed, "{:?}", model.stack);
    }
}

fn any_line() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[jkdusmrgfcqtCwyPDevVXhTi$=|/l:;`?]( [0-9]{1,2}(-[0-9]{1,2})?)?( [a-z]{1,6})?",
        2 => "[0-9]{0,3}",
        1 => "(Esc |:)[a-z]{1,12}",
        1 => ".{0,20}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// In lines, too: nothing panics, and every line can be seen.
    #[test]
    fn anything_may_be_typed_where_there_is_no_screen(
        steps in prop::collection::vec((any_line(), any_step()), 1..30),
    ) {
        let mut model = fixture::three_letters();
        model.look.plain = Plain::Lines;
        let mut session = Session::default();
        let mut asked = vec![Job(1), Job(2), Job(3), Job(4)];
        for (line, step) in steps {
            for effect in session.typed(&mut model, &line) {
                if let Effect::Ask(job, _) = effect {
                    asked.push(job);
                }
            }
            if !matches!(step, Step::Key(_)) {
                happen(&mut model, step, &mut asked);
            }
            let told = session.tell(&model);
            for line in told.iter().chain(session.prompt(&model).iter()) {
                prop_assert!(!line.as_str().contains(char::is_control), "{line:?}");
            }
            // What was told once isn't told again.
            prop_assert_eq!(session.tell(&model), Vec::new());
        }
    }
}

/// Draws, and looks at all that was drawn.
fn look(model: &Model, (columns, rows): (u16, u16)) {
    let mut buffer = Buffer::empty(Rect::new(0, 0, columns, rows));
    let mut canvas = Canvas::new(&mut buffer, Colours::Sixteen);
    draw(model, &mut canvas);
    let cursor = canvas.cursor_cell().expect("the cursor is set");
    assert!(cursor.column < columns.max(1) && cursor.row < rows.max(1), "{cursor:?}");
    // The same without colours: nothing is told by them alone.
    let mut grey = Buffer::empty(buffer.area);
    draw(model, &mut Canvas::new(&mut grey, Colours::None));
    for (cell, other) in buffer.content.iter().zip(&grey.content) {
        assert_eq!((other.fg, other.bg), (Color::Reset, Color::Reset));
        assert_eq!(cell.symbol(), other.symbol());
        let symbol = SafeText::line(cell.symbol());
        assert_eq!(symbol.as_str(), cell.symbol());
        assert!(symbol.width() > 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn anything_may_happen(
        steps in prop::collection::vec(any_step(), 1..60),
        sizes in prop::collection::vec((1..=300_u16, 1..=100_u16), 2),
        letters in any::<bool>(),
    ) {
        let mut model = if letters { fixture::three_letters() } else { fixture::opening() };
        let mut asked = Vec::new();
        for effect in start(&mut model, FolderId(0), "INBOX".into()) {
            if let Effect::Ask(job, _) = effect {
                asked.push(job);
            }
        }
        for step in steps {
            happen(&mut model, step, &mut asked);
            look(&model, (model.size.columns.min(30), model.size.rows.min(14)));
        }
        for size in sizes.into_iter().chain([(1, 1), (2, 1), (1, 2), (3, 3), (0, 0), (80, 24)]) {
            // A frame may have another size than the model has heard of.
            look(&model, size);
            let mut resized = model.clone();
            resized.look.sidebar = Sidebar::Shown;
            update(&mut resized, Msg::Resized(Size { columns: size.0, rows: size.1 }));
            look(&resized, size);
        }
    }
}
