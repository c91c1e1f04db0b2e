//! The command line of `postroad-mda`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use postroad_mda::oneshot::Call;

/// Files letters in Maildirs: a server for LMTP, or one letter on standard input.
#[derive(Debug, Parser)]
#[command(
    name = "postroad-mda",
    version,
    args_conflicts_with_subcommands = true,
    args_override_self = true
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) delivery: Delivery,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serves LMTP on the sockets of the settings.
    Serve {
        /// The settings.
        #[arg(long, env = "POSTROAD_CONFIG", default_value = "/etc/postroad/postroad.toml")]
        config: PathBuf,
    },
    /// Files one letter from standard input (the default).
    #[command(args_override_self = true)]
    Deliver(Delivery),
    /// A user's rules: what is wrong with them, what they would do.
    Sieve {
        #[command(subcommand)]
        tool: Tool,
    },
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
        /// The envelope's sender; without it the letter's Return-Path.
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

/// Values may begin with `-` and may be empty: they come from envelopes.
#[derive(Debug, Args)]
pub(crate) struct Delivery {
    /// The settings; /etc/postroad/postroad.toml where it is there.
    #[arg(long, env = "POSTROAD_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// The user whose mailbox it is; without it the caller.
    #[arg(short = 'd', value_name = "USER", allow_hyphen_values = true)]
    pub(crate) user: Option<OsString>,
    /// With an @ the original recipient, else the extension of the address.
    #[arg(short = 'a', value_name = "ARGUMENT", allow_hyphen_values = true)]
    pub(crate) argument: Option<OsString>,
    /// The sender.
    #[arg(short = 'f', value_name = "SENDER", allow_hyphen_values = true)]
    pub(crate) from: Option<OsString>,
    /// Beside -f the final recipient, alone the sender.
    #[arg(short = 'r', value_name = "ADDRESS", allow_hyphen_values = true)]
    pub(crate) r: Option<OsString>,
    /// The folder, where there is one of that name.
    #[arg(short = 'm', value_name = "FOLDER", allow_hyphen_values = true)]
    pub(crate) folder: Option<OsString>,
    /// LMTP on standard input and output.
    #[arg(short = 'l', visible_short_alias = 'z')]
    pub(crate) lmtp: bool,
    /// Accepted for procmail's and dovecot-lda's callers; changes nothing.
    #[arg(short = 'Y', short_aliases = ['t', 'o', 'k', 'e'], action = clap::ArgAction::Count)]
    pub(crate) ignored: u8,
}

impl Delivery {
    pub(crate) fn call(self) -> Call {
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
