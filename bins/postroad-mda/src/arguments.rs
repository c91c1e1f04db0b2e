//! The command line of `postroad-mda`: the commands here, the flags of a delivery in
//! [`postroad_mda::oneshot`].

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::import::Language;

/// Files letters in Maildirs: a server for LMTP, or one letter on standard input.
#[derive(Debug, Parser)]
#[command(
    name = "postroad-mda",
    version,
    override_usage = "postroad-mda [FLAGS]\n       postroad-mda COMMAND"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serves LMTP on the sockets of the settings.
    Serve {
        /// The settings.
        #[arg(long, env = "POSTROAD_CONFIG", default_value = "/etc/postroad/postroad.toml")]
        config: PathBuf,
    },
    /// Files one letter from standard input, as without a command.
    #[command(disable_help_flag = true)]
    Deliver {
        /// "postroad-mda --help" lists them.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        flags: Vec<OsString>,
    },
    /// The same, watched by a process of its own: where it is killed, that is "try later", too.
    #[command(disable_help_flag = true)]
    Watched {
        /// "postroad-mda --help" lists them.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        flags: Vec<OsString>,
    },
    /// Says what is wrong with users' rules and the programs that they may run, as setting: what. Exit code 0: nothing;
    /// 1: something; 2: it can't be told.
    Check {
        /// The settings.
        #[arg(long, env = "POSTROAD_CONFIG", default_value = "/etc/postroad/postroad.toml")]
        config: PathBuf,
    },
    /// Says what a user's rules would do with letters that are filed already; with --apply does it. Nothing is deleted,
    /// sent or run: letters are moved or get flags, and what is discarded goes into the trash. Exit code 0: all is
    /// well; 1: some letters stayed for an error; 2: nothing could be done.
    Refilter(Again),
    /// A user's rules: what is wrong with them, what they would do.
    Sieve {
        #[command(subcommand)]
        tool: Tool,
    },
    /// Writes rules of another delivery agent as Sieve, and says what has no equivalent.
    Import(Import),
}

/// Exit code 0: all is there; 1: something has no equivalent; 2: the file can't be read.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// Whose rules they are.
    pub(crate) language: Language,
    /// The file: ~/.procmailrc, ~/.mailfilter, ~/.forward.
    pub(crate) file: PathBuf,
    /// A new file for the script, in place of standard output.
    #[arg(long)]
    pub(crate) output: Option<PathBuf>,
    /// A folder for the scripts that lines for a shell become, as ~/.postroad/programs.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) programs: Option<PathBuf>,
}

/// Exit code 0: all is well; 1: the script has mistakes; 2: it can't be read.
#[derive(Debug, Subcommand)]
pub(crate) enum Tool {
    /// Says what is wrong with a script, as file:line:column: problem.
    Check {
        /// The script.
        file: PathBuf,
    },
    /// Says what a script would do with the letter on standard input, step by step; nothing is done.
    Test {
        /// The script.
        file: PathBuf,
        /// The envelope's sender; without it the letter's Return-Path, else the empty one that notices have.
        #[arg(short = 'f', value_name = "FROM", allow_hyphen_values = true)]
        from: Option<String>,
        /// The envelope's recipient.
        #[arg(short = 'a', value_name = "TO", allow_hyphen_values = true)]
        to: Option<String>,
    },
    /// Writes a script in canonical form to standard output.
    Format {
        /// The script.
        file: PathBuf,
        /// Into the file itself.
        #[arg(long)]
        write: bool,
    },
}

/// Which letters rules are run over once more.
#[derive(Debug, clap::Args)]
pub(crate) struct Again {
    /// The settings.
    #[arg(long, env = "POSTROAD_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The user; without it the caller.
    #[arg(short = 'd', value_name = "USER")]
    pub(crate) user: Option<String>,
    /// A folder, as often as there are; without any the inbox.
    #[arg(long = "folder", value_name = "NAME")]
    pub(crate) folders: Vec<String>,
    /// A script in place of the user's own.
    #[arg(long, value_name = "FILE")]
    pub(crate) script: Option<PathBuf>,
    /// Does it.
    #[arg(long)]
    pub(crate) apply: bool,
}
