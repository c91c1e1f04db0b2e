//! `postroad-mda`, the delivery agent.
//!
//! - `postroad-mda serve [--config FILE]` is the LMTP server; `postroad up` and the systemd unit start it so.
//! - `postroad-mda deliver [flags]`, or without `deliver`, files one letter from standard input, as MTAs call
//!   procmail, maildrop or dovecot-lda. `postroad-mda -l` speaks LMTP on standard input and output.
//!
//! Exit codes are 0 (filed and safe), 67 (no such user), 75 (try later) and 77 (refused), and no others:
//! whatever else a program might end with, some MTA takes for a bounce.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::fmt::Display;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};
use postroad_mda::oneshot::{self, Call, Environment, Exit, Verdict};

mod server;

/// Files letters in Maildirs: a server for LMTP, or one letter on standard input.
#[derive(Debug, Parser)]
#[command(
    name = "postroad-mda",
    version,
    args_conflicts_with_subcommands = true,
    args_override_self = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    delivery: Delivery,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves LMTP on the sockets of the settings.
    Serve {
        /// The settings.
        #[arg(long, env = "POSTROAD_CONFIG", default_value = "/etc/postroad/postroad.toml")]
        config: PathBuf,
    },
    /// Files one letter from standard input (the default).
    #[command(args_override_self = true)]
    Deliver(Delivery),
}

/// Values may begin with `-` and may be empty: they come from envelopes.
#[derive(Debug, Args)]
struct Delivery {
    /// The settings; /etc/postroad/postroad.toml where it is there.
    #[arg(long, env = "POSTROAD_CONFIG")]
    config: Option<PathBuf>,
    /// The user whose mailbox it is; without it the caller.
    #[arg(short = 'd', value_name = "USER", allow_hyphen_values = true)]
    user: Option<OsString>,
    /// With an @ the original recipient, else the extension of the address.
    #[arg(short = 'a', value_name = "ARGUMENT", allow_hyphen_values = true)]
    argument: Option<OsString>,
    /// The sender.
    #[arg(short = 'f', value_name = "SENDER", allow_hyphen_values = true)]
    from: Option<OsString>,
    /// Beside -f the final recipient, alone the sender.
    #[arg(short = 'r', value_name = "ADDRESS", allow_hyphen_values = true)]
    r: Option<OsString>,
    /// The folder, where there is one of that name.
    #[arg(short = 'm', value_name = "FOLDER", allow_hyphen_values = true)]
    folder: Option<OsString>,
    /// LMTP on standard input and output.
    #[arg(short = 'l', visible_short_alias = 'z')]
    lmtp: bool,
    /// Accepted for procmail's and dovecot-lda's callers; changes nothing.
    #[arg(short = 'Y', short_aliases = ['t', 'o', 'k', 'e'], action = clap::ArgAction::Count)]
    ignored: u8,
}

impl Delivery {
    fn call(self) -> Call {
        // What isn't UTF-8 can't be a user or an address; it is told apart by its replacement characters.
        let text =
            |value: Option<OsString>| value.map(|value| value.to_string_lossy().into_owned());
        Call {
            config: self.config,
            user: text(self.user),
            argument: text(self.argument),
            from: text(self.from),
            r: text(self.r),
            folder: text(self.folder),
        }
    }
}

fn main() -> ExitCode {
    // One line, with the code first: the verdict that follows a panic is "try later".
    std::panic::set_hook(Box::new(|panic| {
        say(&format_args!("4.3.0 postroad-mda has broken down: {panic}"));
    }));
    let exit = std::panic::catch_unwind(run).unwrap_or(Exit::TryLater);
    ExitCode::from(exit.code())
}

fn run() -> Exit {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error)
            if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) =>
        {
            // Nobody reads: nobody misses it.
            let _ = error.print();
            // Whoever asks has no letter. Who hands one over and asks all the same keeps it.
            return if may_bring_a_letter(std::io::stdin()) { Exit::TryLater } else { Exit::Filed };
        }
        Err(error) => return told(&Verdict::misconfigured(&error.to_string())),
    };
    match arguments.command {
        Some(Command::Serve { config }) => serve(&config),
        Some(Command::Deliver(delivery)) => deliver(delivery),
        None => deliver(arguments.delivery),
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
