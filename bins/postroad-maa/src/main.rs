//! `postroad-maa`: the access agent. Arguments, settings, log; the rest is `crates/maa`.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use postroad_config::{Config, LogFormat};
use postroad_maa::Whose;
use postroad_maa::tools::{self, Listener, ToolError};
use postroad_net::listen::Handed;
use postroad_observe::progress::Progress;

/// Gives users their mail by POP3 and IMAP.
#[derive(Debug, Parser)]
#[command(name = "postroad-maa", version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The file of settings.
    #[arg(
        long,
        global = true,
        env = "POSTROAD_CONFIG",
        default_value = "/etc/postroad/postroad.toml"
    )]
    config: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves one user; started by postroad-maa itself.
    #[command(hide = true)]
    Worker {
        /// What of whom it runs as; a user of the host. Started by postroad-as then.
        part: Option<Part>,
    },
    /// Looks through mailboxes, makes anew all but UIDs from their files, and says what it did.
    Fsck {
        /// Users, or paths of Maildirs.
        #[arg(required = true)]
        who: Vec<String>,
    },
    /// Writes mailboxes' numbers for another program, so that clients fetch nothing again.
    Export {
        /// For which one.
        program: Program,
        /// Users, or paths of Maildirs.
        #[arg(required = true)]
        who: Vec<String>,
    },
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Part {
    Mail,
    Rules,
}

fn whose(part: Option<Part>) -> Whose {
    match part {
        None => Whose::Ours,
        Some(Part::Mail) => Whose::OfHost(postroad_maa::Part::Mail),
        Some(Part::Rules) => Whose::OfHost(postroad_maa::Part::Rules),
    }
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Program {
    Dovecot,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ran = match &arguments.command {
        Some(Command::Worker { part }) => postroad_maa::worker(whose(*part)).map_err(Into::into),
        Some(Command::Fsck { who }) => tool(&arguments, who, tools::fsck),
        Some(Command::Export { program: Program::Dovecot, who }) => {
            tool(&arguments, who, tools::export_to_dovecot)
        }
        None => run(&arguments),
    };
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("postroad-maa: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What a tool does, with its words on standard output.
type Tool = fn(&Config, &[String], &mut dyn Listener) -> Result<(), ToolError>;

fn tool(arguments: &Arguments, who: &[String], tool: Tool) -> anyhow::Result<()> {
    let loaded = postroad_config::load(&arguments.config)?;
    Ok(tool(&loaded.config, who, &mut Shown(Progress::new()))?)
}

/// What a tool says goes to whoever called it.
struct Shown(Progress);

impl Listener for Shown {
    fn expects(&mut self, letters: usize) {
        self.0.expects(letters);
    }

    fn has_read(&mut self) {
        self.0.has_done();
    }

    fn hears(&mut self, line: &str) -> std::io::Result<()> {
        self.0.says(line)
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let loaded = postroad_config::load(&arguments.config)?;
    let format = match loaded.config.log.format {
        LogFormat::Text => postroad_observe::log::Format::Text,
        LogFormat::Json => postroad_observe::log::Format::Json,
    };
    let _log = postroad_observe::log::start(format, &loaded.config.log.level)?;
    postroad_net::tls::install_provider();
    // Before the runtime starts its threads: the environment is changed here.
    let handed = Handed::from_environment()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(postroad_maa::run(loaded, handed))?;
    Ok(())
}
