//! `postroad-maa`: the access agent. Arguments, settings, log; the rest is `crates/maa`.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use postroad_config::LogFormat;
use postroad_net::listen::Handed;

/// Gives users their mail by POP3 and IMAP.
#[derive(Debug, Parser)]
#[command(name = "postroad-maa", version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The file of settings.
    #[arg(long, env = "POSTROAD_CONFIG", default_value = "/etc/postroad/postroad.toml")]
    config: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves one user; started by postroad-maa itself.
    #[command(hide = true)]
    Worker,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ran = match arguments.command {
        Some(Command::Worker) => postroad_maa::worker().map_err(Into::into),
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
