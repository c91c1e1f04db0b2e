//! Many letters: how many a second, and what each costs.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::bar::{Bar, Limit};
use super::load::{self, Case};
use super::measure::{Syncs, device_octets};
use super::peers::{Server, Tools};
use super::row::{Columns, Row, Rows, SECONDS};
use super::sheet::{Cell, Sheet};
use super::{Bench, Scenario, floor, progress};

/// How long a run lasts at least, so that start and end don't count for much.
const RUN: Duration = Duration::from_secs(5);
/// How much longer it is planned, since rates drift.
const MARGIN: f64 = 1.3;
/// A run that took longer is planned shorter the next time.
const LONGEST: Duration = Duration::from_secs(15);
/// How long a first try has to last before the rate is believed.
const TRY: Duration = Duration::from_secs(2);
/// A try is at most so many times as large as the one before: a short one tells little.
const GROWTH_MAX: f64 = 10.0;
/// How often a run that was too short is made again, larger.
const AGAIN_MAX: u32 = 3;
const PATIENCE: Duration = Duration::from_secs(120);

const COLUMNS: Columns = Columns {
    shown: &["per_s", "accept_per_s", "cpu_ms", "syncs", "device_octets", "peak_mib"],
    ratios: &[("rate ratio", "per_s"), ("CPU ratio", "cpu_ms")],
    bars: &[],
    sheets: &[Sheet {
        head: "letters",
        cases: |_| true,
        columns: &[
            ("Postroad", Cell::Of("postroad", "per_s")),
            ("Postfix", Cell::Of("postfix", "per_s")),
            ("Exim", Cell::Of("exim", "per_s")),
            ("OpenSMTPD", Cell::Of("opensmtpd", "per_s")),
            ("times Postfix", Cell::Over("postfix", "per_s")),
            ("of the load straight into the sink", Cell::Over("direct", "per_s")),
            ("of append and sync", Cell::Over(floor::NAME, "per_s")),
            ("CPU ms a letter (Postfix's)", Cell::Beside("postfix", "cpu_ms")),
            ("syncs a letter (Postfix's)", Cell::Beside("postfix", "syncs")),
            ("octets to the disk a letter (Postfix's)", Cell::Beside("postfix", "device_octets")),
            ("peak MiB (Postfix's)", Cell::Beside("postfix", "peak_mib")),
        ],
    }],
};

/// Those of `relay`.
const BARS: &[Bar] = &[
    rate(|case| small(case) && crowded(case), "postfix", 10.0),
    rate(|case| !small(case) && crowded(case), "postfix", 3.0),
    rate(|_| true, "exim", 1.0),
    rate(|_| true, "opensmtpd", 1.0),
    Bar { cases: small, figure: "cpu_ms", over: Some("postfix"), limit: Limit::AtMost(0.1) },
    Bar { cases: full, figure: "syncs", over: None, limit: Limit::AtMost(0.2) },
    // The share of the floor that we reach.
    Bar { cases: |_| true, figure: "per_s", over: Some("direct"), limit: Limit::Unset },
    Bar { cases: |_| true, figure: "per_s", over: Some(floor::NAME), limit: Limit::Unset },
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
    let syncs = Syncs::start();
    if syncs.is_none() {
        eprintln!("syncs are not counted: that needs root and tracefs");
    }
    let (cases, runs) = (bench.cases(), bench.runs());
    let length = if bench.options.quick { Length::Short } else { Length::Quotable };
    let bar = progress(cases.len() * runs as usize * bench.servers.len())?;
    for case in cases {
        let round =
            Round { case, length, tools: &bench.tools, folder: bench.folder, syncs: &syncs };
        bar.set_message(format!("{}: warming up", case.name()));
        let calibrated = bench.servers.iter_mut().map(|server| round.calibrate(server));
        let mut messages = calibrated.collect::<anyhow::Result<Vec<_>>>()?;
        for _ in 0..runs {
            for (server, messages) in bench.servers.iter_mut().zip(&mut messages) {
                bar.set_message(format!("{}: {}", case.name(), server.name));
                let figures = round.run(server, messages)?;
                rows.push(Row { server: server.name, case: case.name(), figures });
                bar.inc(1);
            }
            let figures = floor::synced(bench.folder, case, length.shortest())?;
            rows.push(Row { server: floor::NAME, case: case.name(), figures });
        }
    }
    bar.finish_and_clear();
    let bars = if bench.options.scenario == Scenario::Relay { BARS } else { &[] };
    Ok(Columns { bars, ..COLUMNS })
}

/// How long runs are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    /// As the servers' rates make them: to see that it works.
    Short,
    /// [`RUN`] at least.
    Quotable,
}

impl Length {
    fn shortest(self) -> Duration {
        match self {
            Self::Short => Duration::from_millis(500),
            Self::Quotable => RUN,
        }
    }
}

/// One case, and what it is measured with.
struct Round<'a> {
    case: Case,
    length: Length,
    tools: &'a Tools,
    /// On the file system that holds every queue.
    folder: &'a Path,
    syncs: &'a Option<Syncs>,
}

impl Round<'_> {
    /// Warms the server up, and gives the messages that make a run.
    fn calibrate(&self, server: &mut Server) -> anyhow::Result<u64> {
        let mut messages = u64::from(self.case.sessions).max(10) * 2;
        loop {
            let took = self.send(server, messages)?.1;
            if self.length == Length::Short {
                return Ok(messages * 5);
            }
            if took >= TRY {
                return Ok(self.planned(messages, took));
            }
            let growth = TRY.as_secs_f64() * MARGIN / took.as_secs_f64();
            messages = (messages as f64 * growth.clamp(MARGIN, GROWTH_MAX)) as u64;
        }
    }

    /// How many messages make a run of [`RUN`] and a bit, when so many took so long.
    fn planned(&self, messages: u64, took: Duration) -> u64 {
        let wanted = messages as f64 * RUN.as_secs_f64() * MARGIN / took.as_secs_f64();
        (wanted as u64).max(u64::from(self.case.sessions))
    }

    /// A run that is long enough: one that wasn't is forgotten and made again, with more messages.
    fn run(
        &self,
        server: &mut Server,
        messages: &mut u64,
    ) -> anyhow::Result<BTreeMap<&'static str, f64>> {
        let mut again = 0;
        loop {
            let (figures, took) = self.measure(server, *messages)?;
            if self.length == Length::Short || (RUN..=LONGEST).contains(&took) {
                return Ok(figures);
            }
            *messages = self.planned(*messages, took);
            if took > LONGEST || again == AGAIN_MAX {
                return Ok(figures);
            }
            again += 1;
        }
    }

    fn measure(
        &self,
        server: &mut Server,
        messages: u64,
    ) -> anyhow::Result<(BTreeMap<&'static str, f64>, Duration)> {
        let (cpu, octets) = (server.group.cpu_seconds()?, device_octets(self.folder).ok());
        let synced = self.syncs.as_ref().map(Syncs::count);
        let (accepted, arrived) = self.send(server, messages)?;
        let count = messages as f64;
        let mut figures = BTreeMap::from([
            ("per_s", count / arrived.as_secs_f64()),
            ("accept_per_s", count / accepted.as_secs_f64()),
            ("cpu_ms", (server.group.cpu_seconds()? - cpu) * 1e3 / count),
            ("peak_mib", server.group.peak_rss_kib() as f64 / 1024.0),
            ("messages", count),
            (SECONDS, arrived.as_secs_f64()),
        ]);
        if let (Some(syncs), Some(before)) = (self.syncs, synced) {
            figures.insert("syncs", (syncs.count() - before) as f64 / count);
        }
        if let (Some(before), Ok(after)) = (octets, device_octets(self.folder)) {
            figures.insert("device_octets", (after - before) as f64 / count);
        }
        Ok((figures, arrived))
    }

    /// Times until the last 250, and until the last message arrived.
    fn send(&self, server: &mut Server, messages: u64) -> anyhow::Result<(Duration, Duration)> {
        let context = || format!("{} with {}", self.case.name(), server.name);
        let before = (server.arrived)()?;
        let start = Instant::now();
        load::send(self.tools, server.smtp, server.recipient, self.case, messages)
            .with_context(context)?;
        let accepted = start.elapsed();
        load::wait_until(before + messages, PATIENCE, &mut server.arrived)
            .with_context(|| format!("{} with {}", self.case.name(), server.name))?;
        Ok((accepted, start.elapsed()))
    }
}
