//! Many letters: how many a second, and what each costs.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::bar::{Bar, Limit};
use super::load::{self, Case};
use super::measure::{Syncs, device_octets};
use super::peers::{Server, Tools};
use super::row::{Columns, Row, Rows};
use super::{Bench, Options, Scenario, floor, progress};

/// How long one run should last, so that start and end don't count for much.
const RUN: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(120);

const COLUMNS: Columns = Columns {
    shown: &["per_s", "accept_per_s", "cpu_ms", "syncs", "device_octets", "peak_rss_kib"],
    ratios: &[("rate ratio", "per_s"), ("CPU ratio", "cpu_ms")],
    bars: &[],
};

/// Those of `relay`.
const BARS: &[Bar] = &[
    rate(|case| small(case) && crowded(case), "postfix", 10.0),
    rate(|case| !small(case) && crowded(case), "postfix", 3.0),
    rate(|_| true, "exim", 1.0),
    rate(|_| true, "opensmtpd", 1.0),
    Bar { cases: small, figure: "cpu_ms", over: Some("postfix"), limit: Limit::AtMost(0.1) },
    Bar { cases: full, figure: "syncs", over: None, limit: Limit::AtMost(0.2) },
];

const fn rate(cases: fn(&str) -> bool, over: &'static str, least: f64) -> Bar {
    Bar { cases, figure: "per_s", over: Some(over), limit: Limit::AtLeast(least) }
}

fn small(case: &str) -> bool {
    case.starts_with("4 KiB")
}

fn full(case: &str) -> bool {
    case.ends_with(", 100 sessions")
}

fn crowded(case: &str) -> bool {
    full(case) || case.ends_with(", 20 sessions")
}

pub(super) fn run(bench: &mut Bench<'_>, rows: &mut Rows) -> anyhow::Result<Columns> {
    let counters = Counters { folder: bench.folder, syncs: Syncs::start() };
    if counters.syncs.is_none() {
        eprintln!("syncs are not counted: that needs root and tracefs");
    }
    let (cases, runs) = (bench.cases(), bench.runs());
    let bar = progress(cases.len() * runs as usize * bench.servers.len())?;
    for case in cases {
        bar.set_message(format!("{}: warming up", case.name()));
        let mut messages = Vec::new();
        for server in &mut bench.servers {
            messages.push(calibrate(server, &bench.tools, case, bench.options)?);
        }
        for _ in 0..runs {
            for (server, messages) in bench.servers.iter_mut().zip(&messages) {
                bar.set_message(format!("{}: {}", case.name(), server.name));
                let figures = measured(server, &bench.tools, case, *messages, &counters)?;
                rows.push(Row { server: server.name, case: case.name(), figures });
                bar.inc(1);
            }
            let figures = [("per_s", floor::synced_per_s(bench.folder, case)?)].into();
            rows.push(Row { server: floor::NAME, case: case.name(), figures });
        }
    }
    bar.finish_and_clear();
    let bars = if bench.options.scenario == Scenario::Relay { BARS } else { &[] };
    Ok(Columns { bars, ..COLUMNS })
}

struct Counters<'a> {
    /// On the file system that holds every queue.
    folder: &'a Path,
    syncs: Option<Syncs>,
}

/// Warms the server up, and gives the messages that make a run of about [`RUN`].
fn calibrate(
    server: &mut Server,
    tools: &Tools,
    case: Case,
    options: &Options,
) -> anyhow::Result<u64> {
    let first = u64::from(case.sessions).max(10) * 2;
    let took = one_run(server, tools, case, first)?.1;
    if options.quick {
        return Ok(first * 5);
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
    counters: &Counters<'_>,
) -> anyhow::Result<BTreeMap<&'static str, f64>> {
    let (cpu, octets) = (server.group.cpu_seconds()?, device_octets(counters.folder).ok());
    let synced = counters.syncs.as_ref().map(Syncs::count);
    let (accepted, arrived) = one_run(server, tools, case, messages)?;
    let count = messages as f64;
    let mut figures = BTreeMap::from([
        ("per_s", count / arrived.as_secs_f64()),
        ("accept_per_s", count / accepted.as_secs_f64()),
        ("cpu_ms", (server.group.cpu_seconds()? - cpu) * 1e3 / count),
        ("peak_rss_kib", server.group.peak_rss_kib() as f64),
        ("messages", count),
    ]);
    if let (Some(syncs), Some(before)) = (&counters.syncs, synced) {
        figures.insert("syncs", (syncs.count() - before) as f64 / count);
    }
    if let (Some(before), Ok(after)) = (octets, device_octets(counters.folder)) {
        figures.insert("device_octets", (after - before) as f64 / count);
    }
    Ok(figures)
}
