//! The terminal: taken and given back. Only the main thread draws on it and reads from it.
//!
//! Whatever ends the program gives it back as it was: the end of [`Terminal`], a panic of the main thread by the
//! hook, a lost terminal by the thread that hears of signals.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::os::fd::AsFd as _;
use std::sync::{Mutex, PoisonError};

use postroad_tui::model::{Model, Size};
use ratatui_core::layout::Rect;
use ratatui_core::terminal::{Terminal as Drawn, TerminalOptions, Viewport};
use ratatui_crossterm::CrosstermBackend;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use super::limits::{READ_OCTETS, UNKNOWN_SIZE};

/// The other screen, empty; pasted text is told from typed; clicks and the wheel, by numbers of any size.
const TAKE: &[u8] = b"\x1b[?1049h\x1b[2J\x1b[?2004h\x1b[?1000h\x1b[?1006h";
/// All of that undone, no colour, the cursor shown.
const GIVE_BACK: &[u8] = b"\x1b[?1006l\x1b[?1000l\x1b[?2004l\x1b[0m\x1b[?25h\x1b[?1049l";

/// The terminal's modes before we came; `None` while it isn't ours.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// Takes the terminal: no echo, no lines, no signals by keys.
fn take() -> io::Result<()> {
    let input = io::stdin();
    let before = tcgetattr(&input)?;
    let mut raw = before.clone();
    raw.make_raw();
    *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
    tcsetattr(&input, OptionalActions::Now, &raw)?;
    let mut output = io::stdout().lock();
    output.write_all(TAKE)?;
    output.flush()
}

/// Gives the terminal back as it was; false where it wasn't ours any more.
pub(crate) fn give_back() -> bool {
    let before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(before) = before else { return false };
    // Where the terminal is gone nobody sees it.
    let _ = rustix::io::write(io::stdout().as_fd(), GIVE_BACK);
    let _ = tcsetattr(io::stdin().as_fd(), OptionalActions::Now, &before);
    true
}

/// Whether it is ours now, and nobody else's.
pub(super) fn is_taken() -> bool {
    BEFORE.lock().unwrap_or_else(PoisonError::into_inner).is_some()
}

/// The terminal, as long as it is ours.
pub(super) struct Terminal {
    drawn: Drawn<CrosstermBackend<BufWriter<File>>>,
    size: Size,
}

impl Terminal {
    /// Takes it.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn take() -> io::Result<Self> {
        let output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        let backend = CrosstermBackend::new(BufWriter::with_capacity(64 * 1024, output));
        let size = size();
        // Its size is what we say: asked for it, crossterm may start a program.
        let options = TerminalOptions { viewport: Viewport::Fixed(rect(size)) };
        let drawn = Drawn::with_options(backend, options)?;
        take().inspect_err(|_| {
            give_back();
        })?;
        Ok(Self { drawn, size })
    }

    /// Columns and rows.
    pub(super) fn size(&self) -> Size {
        self.size
    }

    /// Looks how large it is now.
    ///
    /// # Errors
    /// What the system said when it was cleared.
    pub(super) fn fit(&mut self) -> io::Result<Size> {
        let size = size();
        if size != self.size {
            self.size = size;
            self.drawn.resize(rect(size))?;
        }
        Ok(size)
    }

    /// Draws what has changed.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn paint(&mut self, model: &Model) -> io::Result<()> {
        self.drawn.draw(|frame| postroad_tui::paint(model, frame)).map(drop)
    }

    /// Has the next drawing be one of everything.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.drawn.clear()
    }

    /// Has somebody else use it, as it was before, and takes it again.
    ///
    /// # Errors
    /// What the system said when it was taken again.
    pub(super) fn lend<T>(&mut self, to: impl FnOnce() -> T) -> io::Result<T> {
        give_back();
        let done = to();
        take()?;
        self.fit()?;
        self.clear()?;
        Ok(done)
    }

    /// What has been typed, at most one read of it; to be asked when there is something.
    ///
    /// # Errors
    /// Where the terminal is gone.
    pub(super) fn typed(&self, into: &mut [u8; READ_OCTETS]) -> io::Result<usize> {
        match rustix::io::read(io::stdin().as_fd(), into) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => Ok(0),
            read => Ok(read?),
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        give_back();
    }
}

/// Columns and rows of the terminal; usual ones where it tells none.
pub(super) fn size() -> Size {
    let told = tcgetwinsize(io::stdout().as_fd()).ok();
    let told = told.map(|told| (told.ws_col, told.ws_row));
    let (columns, rows) = told.filter(|(c, r)| *c > 0 && *r > 0).unwrap_or(UNKNOWN_SIZE);
    Size { columns, rows }
}

fn rect(size: Size) -> Rect {
    Rect::new(0, 0, size.columns, size.rows)
}
