//! `postroad-mda`, the delivery agent as transfer agents start it for each letter.
//!
//! It is small: it files the caller's letter in the caller's Maildir, where there are no settings and no rules, and
//! executes `postroad-mda-whole` beside itself for all else (`whole.rs` says what that is).
//!
//! A delivery's exit codes are 0 (filed and safe), 67 (no such user), 75 (try later) and 77 (refused), and no
//! others: whatever else a program might end with, some MTA takes for a bounce.
#![forbid(unsafe_code)]

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::process::ExitCode;

use postroad_mda::oneshot::{self, Environment, Personality, Verdict, Wanted};

mod told;

use told::{end, ends_as, told};

/// The program that can do all, in our folder.
const WHOLE: &str = "postroad-mda-whole";

fn main() -> ExitCode {
    ends_as(|| told(&run()).code())
}

fn run() -> Verdict {
    let mut words = std::env::args_os();
    let personality = Personality::of_program(&words.next().unwrap_or_default());
    match oneshot::read_command_line(personality, words) {
        Ok(Wanted::Delivery(call)) if std::env::var_os("POSTROAD_CONFIG").is_none() => {
            let environment = Environment::read(|name| std::env::var(name).ok());
            oneshot::deliver_plain(*call, environment, io::stdin(), end, whole)
        }
        Ok(_) | Err(_) => whole(),
    }
}

/// Becomes the whole program: the same call, once more from its beginning. Signals that are held stay so, lest one ends
/// us between the two.
fn whole() -> Verdict {
    let Err(error) = become_whole();
    Verdict::misconfigured(&format!("cannot execute {WHOLE}, which belongs beside us: {error}"))
}

fn become_whole() -> io::Result<std::convert::Infallible> {
    // Where links lead: we are called by other names through them.
    let program = std::env::current_exe()?.with_file_name(WHOLE);
    let program = CString::new(program.into_os_string().into_vec())?;
    let words: Vec<CString> =
        std::env::args_os().map(|word| CString::new(word.as_bytes())).collect::<Result<_, _>>()?;
    Ok(nix::unistd::execv(&program, &words)?)
}
