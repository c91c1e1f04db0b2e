//! `cargo xtask bench NAME`: our servers and their peers side by side, in one interleaved run.
//!
//! Every server starts once with a fresh queue on the same file system. Each case is run on all of them in
//! turn, several times (A B A B …), so that a slow minute of the machine hits all alike; medians and ratios
//! are printed, every run is a line of JSON. Each is as durable as it ships. Only ratios mean something: a
//! virtual disk's rates drift. Nothing here decides a test.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::step::{self, cargo, target_dir};
use load::Case;
use measure::{Syncs, device_octets};
use peers::{Server, Tools};
use row::{Row, Rows};

mod load;
mod measure;
mod peers;
mod row;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// What to measure.
    #[arg(value_enum)]
    scenario: Scenario,
    /// Write every run here, one JSON object a line.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Few messages, three runs: to see that it works, not to quote.
    #[arg(long)]
    quick: bool,
    /// Runs of each case on each server.
    #[arg(long, default_value_t = 5)]
    runs: u32,
    /// Just these servers.
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = [peers::Name::Postroad, peers::Name::Postfix])]
    servers: Vec<peers::Name>,
    /// Just these sessions at once.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 20, 100])]
    sessions: Vec<u32>,
    /// Just these sizes, in KiB.
    #[arg(long, value_delimiter = ',', default_values_t = [4, 64])]
    kib: Vec<u32>,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Scenario {
    /// smtp-source, server, smtp-sink: received, queued durably and handed on.
    Relay,
    /// smtp-source, server, Maildir: received, queued durably and filed.
    Deliver,
}

/// How long one run should last, so that start and end don't count for much.
const RUN: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let agents = ["postroad", "postroad-mta", "postroad-mda"].map(|name| ["--bin", name]);
    step::run("build", cargo().args(["build", "--release", "--locked"]).args(agents.concat()))?;
    // Everybody's queue goes where we build: a disk, where the system's own folder may be memory.
    tempfile::env::override_temp_dir(&target_dir()).ok();
    let tools = Tools::unpack()?;
    let folder = tempfile::Builder::new().prefix("bench-").tempdir()?;
    let start = |name: &peers::Name| peers::start(*name, options.scenario, &tools, folder.path());
    let mut servers = options.servers.iter().map(start).collect::<anyhow::Result<Vec<_>>>()?;
    let syncs = Syncs::start();
    if syncs.is_none() {
        eprintln!("syncs are not counted: that needs root and tracefs");
    }
    let runs = if options.quick { 3 } else { options.runs };
    let mut rows = Rows::default();
    let steps = cases(options).len() as u64 * u64::from(runs) * servers.len() as u64;
    let progress = indicatif::ProgressBar::new(steps);
    progress.set_style(indicatif::ProgressStyle::with_template(
        "{pos}/{len} {msg} (about {eta} left)",
    )?);
    for case in cases(options) {
        progress.set_message(format!("{}: warming up", case.name()));
        let mut messages = Vec::new();
        for server in &mut servers {
            messages.push(calibrate(server, &tools, case, options)?);
        }
        for _ in 0..runs {
            for (server, messages) in servers.iter_mut().zip(&messages) {
                progress.set_message(format!("{}: {}", case.name(), server.name));
                rows.push(measured(
                    server,
                    &tools,
                    case,
                    *messages,
                    syncs.as_ref(),
                    folder.path(),
                )?);
                progress.inc(1);
            }
        }
    }
    progress.finish_and_clear();
    drop(servers);
    rows.print(
        "postroad",
        &["per_s", "accept_per_s", "cpu_ms", "syncs", "bytes_written", "peak_rss_kib"],
    );
    if let Some(path) = &options.json {
        rows.write_json(path)?;
    }
    Ok(())
}

fn cases(options: &Options) -> Vec<Case> {
    let sessions = |kib: &u32| {
        let octets = kib * 1024;
        options
            .sessions
            .iter()
            .map(move |sessions| Case { octets, sessions: *sessions })
            .collect::<Vec<_>>()
    };
    options.kib.iter().flat_map(sessions).collect()
}

/// Warms the server up, and gives the messages that make a run of about [`RUN`].
fn calibrate(
    server: &mut Server,
    tools: &Tools,
    case: Case,
    options: &Options,
) -> anyhow::Result<u64> {
    let first = u64::from(case.sessions).max(10) * 5;
    let took = one_run(server, tools, case, first)?.1;
    if options.quick {
        return Ok(first * 2);
    }
    let wanted = first as f64 * RUN.as_secs_f64() / took.as_secs_f64();
    Ok((wanted as u64).clamp(first, 200_000))
}

/// Times until the last 250, and until the last message arrived.
fn one_run(
    server: &mut Server,
    tools: &Tools,
    case: Case,
    messages: u64,
) -> anyhow::Result<(Duration, Duration)> {
    let context = || format!("{} with {}", case.name(), server.name);
    let before = (server.arrived)()?;
    let start = Instant::now();
    load::send(tools, server.smtp, server.recipient, case, messages).with_context(context)?;
    let accepted = start.elapsed();
    load::wait_until(before + messages, PATIENCE, &mut server.arrived)
        .with_context(|| format!("{} with {}", case.name(), server.name))?;
    Ok((accepted, start.elapsed()))
}

fn measured(
    server: &mut Server,
    tools: &Tools,
    case: Case,
    messages: u64,
    syncs: Option<&Syncs>,
    folder: &std::path::Path,
) -> anyhow::Result<Row> {
    let (cpu, octets) = (server.group.cpu_seconds()?, device_octets(folder).ok());
    let synced = syncs.map(Syncs::count);
    let (accepted, arrived) = one_run(server, tools, case, messages)?;
    let count = messages as f64;
    let mut figures = std::collections::BTreeMap::from([
        ("per_s", count / arrived.as_secs_f64()),
        ("accept_per_s", count / accepted.as_secs_f64()),
        ("cpu_ms", (server.group.cpu_seconds()? - cpu) * 1e3 / count),
        ("peak_rss_kib", server.group.peak_rss_kib() as f64),
        ("messages", count),
    ]);
    if let (Some(syncs), Some(before)) = (syncs, synced) {
        figures.insert("syncs", (syncs.count() - before) as f64 / count);
    }
    if let (Some(before), Ok(after)) = (octets, device_octets(folder)) {
        figures.insert("bytes_written", (after - before) as f64 / count);
    }
    Ok(Row { server: server.name, case: case.name(), figures })
}
