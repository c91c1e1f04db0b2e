//! `postroad-mda`, the delivery agent.
//!
//! - `postroad-mda serve [--config FILE]` is the LMTP server; `postroad up` and the systemd unit start it so.
//! - `postroad-mda deliver [flags]`, or without `deliver`, files one letter from standard input, as MTAs call
//!   procmail, maildrop or dovecot-lda. `postroad-mda -l` speaks LMTP on standard input and output.
//!
//! - `postroad-mda sieve check|test|format FILE` looks at a user's rules; it ends with 0, 1 or 2.
//!
//! A delivery's exit codes are 0 (filed and safe), 67 (no such user), 75 (try later) and 77 (refused), and no
//! others: whatever else a program might end with, some MTA takes for a bounce.
#![forbid(unsafe_code)]

use std::fmt::Display;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use postroad_mda::oneshot::{self, Environment, Exit, Verdict};

mod arguments;
mod server;
mod sieve;

use arguments::{Arguments, Command, Delivery};

fn main() -> ExitCode {
    // One line, with the code first: the verdict that follows a panic is "try later".
    std::panic::set_hook(Box::new(|panic| {
        say(&format_args!("4.3.0 postroad-mda has broken down: {panic}"));
    }));
    std::panic::catch_unwind(run).unwrap_or(Exit::TryLater.code()).into()
}

fn run() -> u8 {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error)
            if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) =>
        {
            // Nobody reads: nobody misses it.
            let _ = error.print();
            // Whoever asks has no letter. Who hands one over and asks all the same keeps it.
            let keeps_it = may_bring_a_letter(std::io::stdin());
            return if keeps_it { Exit::TryLater } else { Exit::Filed }.code();
        }
        Err(error) => return told(&Verdict::misconfigured(&error.to_string())).code(),
    };
    match arguments.command {
        Some(Command::Serve { config }) => serve(&config).code(),
        Some(Command::Deliver(delivery)) => deliver(delivery).code(),
        Some(Command::Sieve { tool }) => sieve::run(tool),
        None => deliver(arguments.delivery).code(),
    }
}

fn deliver(delivery: Delivery) -> Exit {
    if delivery.lmtp {
        let served = server::serve_stdio(delivery.config.as_deref());
        return served.map_or_else(
            |error| told(&Verdict::misconfigured(&format!("{error:#}"))),
            |()| Exit::Filed,
        );
    }
    let environment = Environment::read(|name| std::env::var(name).ok());
    told(&oneshot::deliver(delivery.call(), environment, std::io::stdin()))
}

fn serve(config: &Path) -> Exit {
    let served = server::serve(config);
    served
        .map_or_else(|error| told(&Verdict::misconfigured(&format!("{error:#}"))), |()| Exit::Filed)
}

/// Says on standard error what went wrong, the enhanced status code first. Success says nothing: cron would
/// send it as mail.
fn told(verdict: &Verdict) -> Exit {
    let exit = verdict.exit();
    if exit != Exit::Filed {
        say(verdict);
    }
    exit
}

/// Says it on standard error, if anybody listens. `eprintln!` panics where nobody does, and a panic inside
/// the panic hook ends the process by a signal: a bounce with Exim.
fn say(text: &dyn Display) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Whether a letter may stand there: MTAs give a pipe, a socket or a file, people a terminal or /dev/null.
fn may_bring_a_letter(input: impl AsFd) -> bool {
    let opened = input.as_fd().try_clone_to_owned().map(File::from);
    let metadata = opened.and_then(|file| file.metadata());
    metadata.is_ok_and(|metadata| !metadata.file_type().is_char_device())
}
