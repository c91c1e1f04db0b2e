//! `postroad-mta`: the transfer agent. Arguments, settings, log; the rest is `crates/mta`.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use postroad_config::LogFormat;
use postroad_net::listen::Handed;

/// Takes mail by SMTP and submission, keeps it in a durable queue and carries it on.
#[derive(Debug, Parser)]
#[command(name = "postroad-mta", version)]
struct Arguments {
    /// The file of settings.
    #[arg(long, env = "POSTROAD_CONFIG", default_value = "/etc/postroad/postroad.toml")]
    config: PathBuf,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
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
