//! What whoever called is told.

use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use postroad_mda::oneshot::{Exit, Verdict};

/// Ends the process as `run` does; with "try later" after a panic, which it says in one line.
pub(crate) fn ends_as(run: fn() -> u8) -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        // The code first: the verdict that follows is "try later".
        say(&format_args!("4.3.0 postroad-mda has broken down: {panic}"));
    }));
    std::panic::catch_unwind(run).unwrap_or(Exit::TryLater.code()).into()
}

/// Says on standard error what went wrong, the enhanced status code first. Success says nothing, cron would
/// send it as mail: but for what a person at a terminal should know.
pub(crate) fn told(verdict: &Verdict) -> Exit {
    let exit = verdict.exit();
    if exit != Exit::Filed {
        say(verdict);
    } else if std::io::stderr().is_terminal()
        && let Some(remark) = verdict.remark()
    {
        say(&remark);
    }
    exit
}

/// Says it on standard error, if anybody listens. `eprintln!` panics where nobody does, and a panic inside
/// the panic hook ends the process by a signal: a bounce with Exim.
pub(crate) fn say(text: &dyn Display) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Ends the process while a delivery hangs.
pub(crate) fn end(verdict: &Verdict) {
    std::process::exit(told(verdict).code().into())
}
