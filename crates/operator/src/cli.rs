//! The command line of `postroad`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Args, Parser, Subcommand};
use postroad_config::Loaded;

use crate::queue::postfix::Spelling;
use crate::{bans, check, explain, probe, queue, reload, status, trace, up, user};

/// Runs a Postroad mail suite, and looks after one
#[derive(Debug, Parser)]
#[command(name = "postroad", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the whole suite on this machine, unprivileged, with nothing to configure
    Up(up::Up),
    /// Say what is wrong with the settings and the files they name
    Check(check::Check),
    /// Show how the agents are
    Status(status::Status),
    /// Add, change, remove and list users
    User(user::User),
    /// Look at the queue and change it
    Queue(queue::Queue),
    /// Tell the life of one message
    Trace(trace::Trace),
    /// Ask the hosts that take mail for an address whether they take it
    Probe(probe::Probe),
    /// Say what would become of a letter here: which rule, route and limits apply
    Explain(explain::Explain),
    /// List networks that may not log in, since they have guessed passwords, and lift their bans
    Bans(bans::Bans),
    /// Have the agents read their settings again, without dropping a session
    Reload(reload::Reload),
}

/// Which settings are meant.
#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// The settings [default: /etc/postroad/postroad.toml, or those of `postroad up`]
    #[arg(long, global = true, env = "POSTROAD_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Where a real installation has its settings.
const SYSTEM_SETTINGS: &str = "/etc/postroad/postroad.toml";

impl Settings {
    /// Those of this file; without one, those of the environment or of the usual places.
    pub(crate) fn of(file: Option<PathBuf>) -> Self {
        Self { config: file.or_else(|| std::env::var_os("POSTROAD_CONFIG").map(PathBuf::from)) }
    }

    /// The file that was named; else the system's; else, where there is none, that of `postroad up`.
    fn path(&self) -> PathBuf {
        let system = PathBuf::from(SYSTEM_SETTINGS);
        match &self.config {
            Some(path) => path.clone(),
            None if system.exists() => system,
            None => up::default_dir()
                .map(|dir| dir.join("postroad.toml"))
                .filter(|path| path.exists())
                .unwrap_or(system),
        }
    }

    /// The same; an error where none was named and none is in a usual place.
    pub(crate) fn known_path(&self) -> Result<PathBuf> {
        let path = self.path();
        if self.config.is_none() && !path.exists() {
            bail!(
                "there is no {}, nor has `postroad up` run in its usual folder: say where the settings are, as in --config DIR/postroad.toml after `postroad up --dir DIR`",
                path.display()
            );
        }
        Ok(path)
    }

    /// Reads them.
    pub(crate) fn load(&self) -> Result<Loaded> {
        Ok(postroad_config::load(&self.known_path()?)?)
    }
}

/// Whether people or programs read what a command prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    Screen,
    Json,
}

/// `--json`
#[derive(Debug, Default, Args)]
pub(crate) struct Form {
    /// Print JSON, one object a line, for programs
    #[arg(long)]
    json: bool,
}

impl Form {
    pub(crate) fn output(&self) -> Output {
        if self.json { Output::Json } else { Output::Screen }
    }
}

/// Does what the command line says; its first word is the name that the program was called by, which may be
/// one of Postfix's.
///
/// # Errors
/// What went wrong, in words for the person at the terminal.
pub fn run(words: impl Iterator<Item = OsString>) -> Result<ExitCode> {
    let words: Vec<OsString> = words.collect();
    if let Some(spelling) = words.first().and_then(|name| Spelling::of(Path::new(name))) {
        return spelling.run(words);
    }
    let cli = Cli::try_parse_from(words).unwrap_or_else(|usage| usage.exit());
    match &cli.command {
        Command::Up(up) => up::run(up),
        Command::Check(check) => check::run(check),
        Command::Status(status) => status::run(status),
        Command::User(user) => user::run(user),
        Command::Queue(queue) => queue::run(queue),
        Command::Trace(trace) => trace::run(trace),
        Command::Probe(probe) => probe::run(probe),
        Command::Explain(explain) => explain::run(explain),
        Command::Bans(bans) => bans::run(bans),
        Command::Reload(reload) => reload::run(reload),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes_have_units_everywhere() {
        for (words, fits) in [
            ("postroad explain --to a@b.example --size 10MiB", true),
            ("postroad explain --to a@b.example --size 500", true),
            ("postroad explain --to a@b.example --size much", false),
            ("postroad queue list --larger-than 10MiB", true),
        ] {
            assert_eq!(Cli::try_parse_from(words.split(' ')).is_ok(), fits, "{words}");
        }
    }
}
