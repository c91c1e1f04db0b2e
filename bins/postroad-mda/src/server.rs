//! The LMTP server's process: settings, log, runtime, signals.

use std::path::Path;

use anyhow::Context as _;
use postroad_config::{Config, LogFormat};
use postroad_mda::lmtp::Lmtp;
use postroad_net::listen::Handed;
use postroad_net::process::{Reload, Shutdown};
use postroad_observe::log;
use tokio::runtime::Runtime;

/// Serves the sockets of the settings until SIGTERM or SIGINT.
pub(crate) fn serve(path: &Path) -> anyhow::Result<()> {
    let (config, _log) = prepare(path)?;
    // Before the runtime starts its threads: the environment is changed here.
    let mut handed = Handed::from_environment()?;
    postroad_mda::confine::server(&config);
    let runtime = runtime()?;
    let served = runtime.block_on(async {
        let (_trigger, shutdown) = Shutdown::on_signals().context("cannot catch signals")?;
        let hangup = Reload::on_hangup().context("cannot catch signals")?;
        let lmtp = Lmtp::start(config, &mut handed, shutdown)?;
        lmtp.reload_on(hangup);
        lmtp.serve().await;
        Ok(())
    });
    // A thread that hangs in a mailbox doesn't keep the process from ending.
    runtime.shutdown_background();
    served
}

/// Serves one session on standard input and output.
pub(crate) fn serve_stdio(path: Option<&Path>) -> anyhow::Result<()> {
    let path = path.unwrap_or(Path::new("/etc/postroad/postroad.toml"));
    let (config, _log) = prepare(path)?;
    postroad_mda::oneshot::become_owner_of_mailboxes(&config).map_err(anyhow::Error::msg)?;
    postroad_mda::confine::server(&config);
    let runtime = runtime()?;
    let served = runtime.block_on(async {
        let (_trigger, shutdown) = Shutdown::on_signals().context("cannot catch signals")?;
        Lmtp::serve_streams(config, tokio::io::stdin(), tokio::io::stdout(), shutdown).await?;
        Ok(())
    });
    runtime.shutdown_background();
    served
}

fn prepare(path: &Path) -> anyhow::Result<(Config, log::Log)> {
    let config = postroad_config::load(path)?.config;
    let format = match config.log.format {
        LogFormat::Text => log::Format::Text,
        LogFormat::Json => log::Format::Json,
    };
    let log = log::start(format, &config.log.level)?;
    Ok((config, log))
}

fn runtime() -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
}
