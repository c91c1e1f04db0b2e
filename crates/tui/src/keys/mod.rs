//! Keys, their names, and what they do.
//!
//! | looking for | it is in |
//! |---|---|
//! | a key and its name | here |
//! | what an entry of the table is, and finding one | [`table`] |
//! | all entries | [`mutt`] |
//! | what `:` calls them | `names` |

pub mod mutt;
mod names;
pub mod table;

use std::fmt;

pub use table::{Action, Binding, Mutt, On};

/// One key, as a terminal tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A letter, digit, sign or blank.
    Char(char),
    /// A lower-case letter or a sign with Ctrl.
    Ctrl(char),
    /// A letter with Alt: what terminals send for Esc and that letter, too.
    Alt(char),
    /// Enter.
    Enter,
    /// Tab.
    Tab,
    /// Shift and Tab.
    BackTab,
    /// The key that removes to the left.
    Backspace,
    /// The key that removes to the right.
    Delete,
    /// Insert.
    Insert,
    /// Esc alone.
    Esc,
    /// Arrow.
    Up,
    /// Arrow.
    Down,
    /// Arrow.
    Left,
    /// Arrow.
    Right,
    /// Home.
    Home,
    /// End.
    End,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// F1 and so on.
    F(u8),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Char(' ') => f.write_str("Space"),
            Self::Char(c) => write!(f, "{c}"),
            Self::Ctrl(c) => write!(f, "^{}", c.to_ascii_uppercase()),
            Self::Alt(c) => write!(f, "Esc {c}"),
            Self::Enter => f.write_str("Enter"),
            Self::Tab => f.write_str("Tab"),
            Self::BackTab => f.write_str("BackTab"),
            Self::Backspace => f.write_str("Backspace"),
            Self::Delete => f.write_str("Del"),
            Self::Insert => f.write_str("Ins"),
            Self::Esc => f.write_str("Esc"),
            Self::Up => f.write_str("Up"),
            Self::Down => f.write_str("Down"),
            Self::Left => f.write_str("Left"),
            Self::Right => f.write_str("Right"),
            Self::Home => f.write_str("Home"),
            Self::End => f.write_str("End"),
            Self::PageUp => f.write_str("PgUp"),
            Self::PageDown => f.write_str("PgDn"),
            Self::F(number) => write!(f, "F{number}"),
        }
    }
}

/// Any key at all.
#[cfg(test)]
pub(crate) fn any_key() -> impl proptest::strategy::Strategy<Value = Key> {
    use proptest::prelude::*;
    prop_oneof![
        20 => "[ -~]".prop_map(|text| Key::Char(text.chars().next().unwrap_or(' '))),
        1 => any::<char>().prop_map(Key::Char),
        3 => (b'a'..=b'z').prop_map(|c| Key::Ctrl(char::from(c))),
        1 => any::<char>().prop_map(Key::Alt),
        1 => any::<u8>().prop_map(Key::F),
        12 => prop::sample::select(vec![
            Key::Enter, Key::Tab, Key::BackTab, Key::Backspace, Key::Delete, Key::Insert, Key::Esc,
            Key::Up, Key::Down, Key::Left, Key::Right, Key::Home, Key::End, Key::PageUp,
            Key::PageDown,
        ]),
    ]
}
