//! Every screen as a function of the model, at three sizes, with where the cursor stands.
//!
//! What has changed on purpose is taken over by `INSTA_UPDATE=always cargo test -p postroad-tui`, and looked
//! at in the diff.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod anything;
mod aside;
mod changes;
mod dialogs;
mod every;
mod finding;
mod fixture;
mod lines;
mod lists;
mod mouse;
mod mutt;
mod people;
mod plain;
mod reading;
mod returned;
mod telling;
mod threads;
mod walking;
mod within;
mod writing;

use postroad_tui::canvas::paint;
use postroad_tui::keys::Key;
use postroad_tui::model::{Model, Size};
use postroad_tui::{Effect, Msg, update};
use ratatui_core::backend::TestBackend;
use ratatui_core::terminal::Terminal;

/// Columns and rows that every screen is drawn at.
const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (40, 10)];

/// The screen's rows without the blanks behind them, and where the cursor is.
fn shown(model: &Model, (columns, rows): (u16, u16)) -> String {
    let mut model = model.clone();
    resize(&mut model, (columns, rows));
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    terminal.draw(|frame| paint(&model, frame)).unwrap();
    let backend = terminal.backend();
    let cells = backend.buffer().content.chunks(usize::from(columns));
    let mut text = String::new();
    for row in cells {
        let mut line = String::new();
        let mut hidden = 0;
        for cell in row {
            if hidden == 0 {
                line.push_str(cell.symbol());
                hidden = postroad_safetext::SafeText::line(cell.symbol()).width();
            }
            hidden = hidden.saturating_sub(1);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    assert!(backend.cursor_visible(), "no cursor:\n{text}");
    let at = backend.cursor_position();
    format!("{text}cursor {},{}", at.x, at.y)
}

fn resize(model: &mut Model, (columns, rows): (u16, u16)) -> Vec<Effect> {
    update(model, Msg::Resized(Size { columns, rows }))
}

/// Compares with the snapshots `name@80x24` and so on.
fn check(name: &str, model: &Model) {
    for (columns, rows) in SIZES {
        let screen = shown(model, (columns, rows));
        insta::assert_snapshot!(format!("{name}@{columns}x{rows}"), screen);
    }
}

/// Presses keys: letters as they are, others by their names in `<>`.
fn press(model: &mut Model, keys: &str) -> Vec<Effect> {
    let mut effects = Vec::new();
    let mut rest = keys;
    while let Some(c) = rest.chars().next() {
        let named = rest.strip_prefix('<').and_then(|rest| rest.split_once('>'));
        let key = match named {
            Some((name, behind)) => {
                rest = behind;
                match name {
                    "Enter" => Key::Enter,
                    "Esc" => Key::Esc,
                    "Tab" => Key::Tab,
                    "Up" => Key::Up,
                    "Down" => Key::Down,
                    "Home" => Key::Home,
                    "Left" => Key::Left,
                    "Right" => Key::Right,
                    "PgUp" => Key::PageUp,
                    "PgDn" => Key::PageDown,
                    "End" => Key::End,
                    ctrl if ctrl.starts_with('^') && ctrl.len() == 2 => {
                        Key::Ctrl(ctrl.to_lowercase().chars().nth(1).unwrap())
                    }
                    other => panic!("which key is {other}?"),
                }
            }
            None => {
                rest = &rest[c.len_utf8()..];
                Key::Char(c)
            }
        };
        effects.extend(update(model, Msg::Key(key)));
    }
    effects
}
