//! `postroad-mda-whole`, all of the delivery agent: `postroad-mda` becomes it where it can't do by itself what a call
//! asks for.
//!
//! - `postroad-mda serve [--config FILE]` is the LMTP server; `postroad up` and the systemd unit start it so.
//! - `postroad-mda deliver [flags]`, or without `deliver`, files one letter from standard input, as MTAs call
//!   procmail, maildrop or dovecot-lda. `postroad-mda watched [flags]` does so by a second process, whose being killed
//!   is "try later" with every MTA. `postroad-mda -l` speaks LMTP on standard input and output.
//! - `postroad-mda sieve check|test|format FILE` looks at a user's rules, `check` alone at everybody's, `refilter` runs
//!   them over filed letters, `import procmail|mailfilter|forward FILE` makes such of others'; they end with 0, 1 or 2.
//!
//! A delivery's exit codes are 0 (filed and safe), 67 (no such user), 75 (try later) and 77 (refused), and no
//! others: whatever else a program might end with, some MTA takes for a bounce.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser};
use postroad_mda::oneshot::{self, Environment, Exit, Personality, Verdict, Wanted};
use postroad_mda::programs;

mod arguments;
mod asked;
mod import;
mod server;
mod several;
mod sieve;
mod told;
mod watched;

use arguments::{Arguments, Command};
use asked::asked;
use told::{end, ends_as, told};

fn main() -> ExitCode {
    // Before anything is opened: see there.
    if std::env::args_os().nth(1).is_some_and(|word| word == programs::WORD) {
        return programs::supervisor::supervise(std::env::args_os().skip(2)).into();
    }
    ends_as(run)
}

fn run() -> u8 {
    let mut words = std::env::args_os();
    let personality = Personality::of_program(&words.next().unwrap_or_default());
    let words: Vec<OsString> = words.collect();
    // Flags begin with "-", and only we have commands.
    let is_command = personality == Personality::Postroad
        && words.first().is_some_and(|word| !word.as_encoded_bytes().starts_with(b"-"));
    match is_command {
        true => command(words),
        false => deliver(personality, words).code(),
    }
}

fn command(words: Vec<OsString>) -> u8 {
    // People call these, and transfer agents the others.
    let tools = ["sieve", "import", "refilter"];
    let is_tool = words.first().is_some_and(|word| tools.iter().any(|tool| word == tool));
    match Arguments::try_parse_from(std::iter::once("postroad-mda".into()).chain(words)) {
        Ok(Arguments { command: Command::Serve { config } }) => serve(&config).code(),
        Ok(Arguments { command: Command::Deliver { flags } }) => {
            deliver(Personality::Postroad, flags).code()
        }
        Ok(Arguments { command: Command::Watched { flags } }) => watched::run(&flags).code(),
        Ok(Arguments { command: Command::Check { config } }) => sieve::check_all(&config),
        Ok(Arguments { command: Command::Sieve { tool } }) => sieve::run(tool),
        Ok(Arguments { command: Command::Refilter(again) }) => sieve::refilter(again),
        Ok(Arguments { command: Command::Import(wanted) }) => import::run(&wanted),
        Err(error) if error.kind() == ErrorKind::DisplayHelp => {
            // Nobody reads: nobody misses it.
            let _ = error.print();
            asked().code()
        }
        Err(error) if is_tool => {
            let _ = error.print();
            match asked() {
                Exit::Filed => 2,
                exit => exit.code(),
            }
        }
        Err(error) => told(&Verdict::misconfigured(&error.to_string())).code(),
    }
}

fn deliver(personality: Personality, words: Vec<OsString>) -> Exit {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let config = || variable("POSTROAD_CONFIG").map(Into::into);
    match oneshot::read_command_line(personality, words) {
        Ok(Wanted::Delivery(mut call)) => {
            call.config = call.config.or_else(config);
            let environment = Environment::read(|name| std::env::var(name).ok());
            told(&oneshot::deliver(*call, environment, std::io::stdin(), end))
        }
        Ok(Wanted::Deliveries(mut call, users)) => {
            call.config = call.config.or_else(config);
            several::run(&call, &users)
        }
        Ok(Wanted::Lmtp(path)) => {
            let served = server::serve_stdio(path.or_else(config).as_deref());
            served.map_or_else(
                |error| told(&Verdict::misconfigured(&format!("{error:#}"))),
                |()| Exit::Filed,
            )
        }
        Ok(Wanted::Help(Personality::Postroad)) => {
            let flags = Personality::Postroad.help();
            let _ = Arguments::command().after_help(flags).print_help();
            asked()
        }
        Ok(Wanted::Help(other)) => {
            let _ = write!(std::io::stdout(), "{}", other.help());
            asked()
        }
        Ok(Wanted::Version) => {
            let _ = write!(std::io::stdout(), "{}", Arguments::command().render_version());
            asked()
        }
        Err(misuse) => told(&misuse.into()),
    }
}

fn serve(config: &Path) -> Exit {
    let served = server::serve(config);
    served
        .map_or_else(|error| told(&Verdict::misconfigured(&format!("{error:#}"))), |()| Exit::Filed)
}
