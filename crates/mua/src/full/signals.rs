//! Signals: a thread that hears of them, and stopping.

use std::io;
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGTSTP, SIGWINCH};
use signal_hook::iterator::Signals;

use super::limits::QUIT_WAIT;
use super::wake::{News, Outgoing};
use super::{lines, terminal};

/// Starts the thread. What ends the program ends it soon, whatever the main thread is at.
///
/// # Errors
/// Where a signal can't be heard of.
pub(super) fn start(news: Outgoing<News>) -> io::Result<()> {
    let mut signals = Signals::new([SIGWINCH, SIGHUP, SIGTERM, SIGINT])?;
    thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            if signal == SIGWINCH {
                news.send(News::Resized);
                continue;
            }
            if signal == SIGINT && lines::are_read() {
                news.send(News::Interrupted);
                continue;
            }
            // While somebody's editor has the terminal, ^C is the editor's.
            if signal == SIGINT && !terminal::is_taken() {
                continue;
            }
            news.send(News::End);
            thread::sleep(QUIT_WAIT);
            terminal::give_back();
            // As shells tell of it.
            std::process::exit(128 + signal);
        }
    })?;
    Ok(())
}

/// Stops the program, as `^Z` does where it is a signal; goes on when somebody continues it.
pub(super) fn stop() {
    // The thread that raises it has stopped before this returns.
    let _ = signal_hook::low_level::raise(SIGTSTP);
}
