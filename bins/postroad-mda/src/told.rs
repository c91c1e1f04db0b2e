//! What whoever called is told.

use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};

use postroad_mda::oneshot::{Exit, Verdict};

/// Says on standard error what went wrong, the enhanced status code first. Success says nothing, cron would
/// send it as mail: but for what a person at a terminal should know.
pub(crate) fn told(verdict: &Verdict) -> Exit {
    let exit = verdict.exit();
    if exit != Exit::Filed {
        say(verdict);
    } else if let Some(remark) = verdict.remark().filter(|_| std::io::stderr().is_terminal()) {
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
