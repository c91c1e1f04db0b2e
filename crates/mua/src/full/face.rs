//! What the user sees and types into: a screen, or lines in its place.

use std::io;

use postroad_tui::Msg;
use postroad_tui::model::{Model, Plain, Size};

use super::keys::Decoder;
use super::limits::READ_OCTETS;
use super::lines::Lines;
use super::terminal::Terminal;

/// One of the two.
pub(super) enum Face {
    /// A screen, and what its keys are.
    Screen(Box<Terminal>, Decoder),
    /// Lines.
    Lines(Lines),
}

impl Face {
    /// Takes the terminal as the user wants it.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn take(plain: Plain) -> io::Result<Self> {
        Ok(match plain {
            Plain::Screen => Self::Screen(Box::new(Terminal::take()?), Decoder::default()),
            Plain::Lines => Self::Lines(Lines::begin()),
        })
    }

    /// Columns and rows.
    pub(super) fn size(&self) -> Size {
        match self {
            Self::Screen(terminal, _) => terminal.size(),
            Self::Lines(_) => super::terminal::size(),
        }
    }

    /// Shows what has changed.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn show(&mut self, model: &Model) -> io::Result<()> {
        match self {
            Self::Screen(terminal, _) => terminal.paint(model),
            Self::Lines(lines) => lines.show(model),
        }
    }

    /// Reads what has been typed: keys; lines are kept until they are asked for.
    ///
    /// # Errors
    /// Where the terminal is gone.
    pub(super) fn read(&mut self) -> io::Result<Vec<Msg>> {
        let mut octets = [0; READ_OCTETS];
        match self {
            Self::Screen(terminal, decoder) => {
                let typed = terminal.typed(&mut octets)?;
                Ok(decoder.take(octets.get(..typed).unwrap_or_default()))
            }
            Self::Lines(lines) => lines.read(&mut octets).map(|()| Vec::new()),
        }
    }

    /// Looks how large the terminal is now.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn fit(&mut self) -> io::Result<Size> {
        match self {
            Self::Screen(terminal, _) => terminal.fit(),
            Self::Lines(_) => Ok(self.size()),
        }
    }

    /// Has all of it shown anew.
    pub(super) fn clear(&mut self) {
        match self {
            Self::Screen(terminal, _) => {
                // What the terminal refuses now it refuses with the next drawing, too.
                let _ = terminal.clear();
            }
            Self::Lines(lines) => lines.forget(),
        }
    }

    /// Has somebody else use the terminal.
    ///
    /// # Errors
    /// What the system said when it was taken again.
    pub(super) fn lend<T>(&mut self, to: impl FnOnce() -> T) -> io::Result<T> {
        match self {
            Self::Screen(terminal, _) => terminal.lend(to),
            Self::Lines(lines) => Ok(lines.lend(to)),
        }
    }

    /// The lines, where there is no screen.
    pub(super) fn lines(&mut self) -> Option<&mut Lines> {
        match self {
            Self::Screen(..) => None,
            Self::Lines(lines) => Some(lines),
        }
    }
}
