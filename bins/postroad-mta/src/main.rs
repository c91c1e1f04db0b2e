//! `postroad-mta`: the transfer agent. Arguments, settings, log; the rest is `crates/mta`.
#![forbid(unsafe_code)]

use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use postroad_config::LogFormat;
use postroad_net::listen::Handed;

/// Takes mail by SMTP and submission, keeps it in a durable queue and carries it on.
#[derive(Debug, Parser)]
#[command(name = "postroad-mta", version)]
struct Arguments {
    /// The file of settings.
    #[arg(
        long,
        global = true,
        env = "POSTROAD_CONFIG",
        default_value = "/etc/postroad/postroad.toml"
    )]
    config: PathBuf,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// While the agent is stopped, answer what `postroad queue` asks on the socket that is standard input.
    #[command(hide = true)]
    Control,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command {
        None => run(&arguments),
        Some(Command::Control) => control(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("postroad-mta: {error:#}");
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
    runtime.block_on(postroad_mta::run(loaded, handed))?;
    Ok(())
}

fn control(arguments: &Arguments) -> anyhow::Result<()> {
    let loaded = postroad_config::load(&arguments.config)?;
    // What is wrong with the queue, for whoever asked.
    let _log = postroad_observe::log::start(postroad_observe::log::Format::Text, "warn")?;
    let socket =
        std::io::stdin().as_fd().try_clone_to_owned().context("there is no standard input")?;
    let socket = UnixStream::from(socket);
    socket.set_nonblocking(true).context("standard input is no socket")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let connection =
            tokio::net::UnixStream::from_std(socket).context("standard input is no socket")?;
        Ok(postroad_mta::stand_in(&loaded.config, connection).await?)
    })
}
