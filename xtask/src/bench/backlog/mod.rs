//! A million letters in the queue: what they cost in memory, how soon a restart delivers, how soon questions are
//! answered, and whether a new letter elsewhere is held up.
//!
//! | looking for | it is in |
//! |---|---|
//! | where the letters go to, and who answers there | `world.rs` |
//! | how they get into the queue | `fill.rs` |
//! | what the operator asks | `questions.rs` |
//!
//! Each world goes: memory of the agent with an empty queue; the queue is filled; the agent is started and timed
//! up to its first delivery; then, beside all the deliveries that hang, new letters, one after the other, and once
//! all is at rest the operator's questions and new letters again. Ours alone, since its peers take hours to be filled.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use postroad_net::process::raise_file_limit;
use postroad_tests::process::{Process, free_port};

use super::bar::{Bar, Limit};
use super::latency::{self, Letter, percentile};
use super::load::wait_until;
use super::measure::Group;
use super::peers::{Tools, agent, config, loopback};
use super::row::{Columns, Row, Rows};
use super::sheet::{Cell, Sheet};
use super::{OURS, Options, progress};
use world::{Plan, World};

mod fill;
mod questions;
mod world;

const MESSAGES: u64 = 1_000_000;
const MESSAGES_QUICK: u64 = 50_000;
/// New letters of each kind, one after the other.
const NEW_LETTERS: u32 = 500;
/// How long it is waited until the living have all that is theirs.
const PATIENCE: Duration = Duration::from_secs(300);
/// Between two looks at how many have come.
const LOOK: Duration = Duration::from_millis(10);
/// It is at rest when it uses less CPU than this, of one processor, over [`REST_LOOK`].
const REST_CPU: f64 = 0.05;
const REST_LOOK: Duration = Duration::from_secs(1);
/// Who always has something to do is measured after this long.
const REST_PATIENCE: Duration = Duration::from_secs(30);
/// Steps of a world that the progress shows.
const STEPS: usize = 6;

const COLUMNS: Columns = Columns {
    shown: &["took_s", "missing", "mib", "octets", "letters", "p50_ms", "p99_ms", "max_ms"],
    ratios: &[],
    bars: &[
        at_most(|case| case.ends_with(MEMORY_PEAK), "mib", 1024.0),
        at_most(|case| case.ends_with(FIRST_DELIVERY), "took_s", 10.0),
        at_most(|case| case.ends_with(ALL_LIVING), "missing", 0.0),
        at_most(|case| case.contains(questions::PREFIX), "took_s", 1.0),
        at_most(|case| case.contains(NEW_LETTER), "p99_ms", 1000.0),
    ],
    sheets: &[Sheet {
        head: "backlog",
        cases: |case| !case.contains(questions::PREFIX),
        columns: &[
            ("seconds", Cell::Of(OURS, "took_s")),
            ("MiB", Cell::Of(OURS, "mib")),
            ("octets", Cell::Of(OURS, "octets")),
            ("p50 ms", Cell::Of(OURS, "p50_ms")),
            ("p99 ms", Cell::Of(OURS, "p99_ms")),
            ("slowest ms", Cell::Of(OURS, "max_ms")),
        ],
    }],
};

const FILL: &str = "fill";
const FIRST_DELIVERY: &str = "start to first delivery";
const ALL_LIVING: &str = "start to all that can be delivered";
const SLOWEST: &str = "slowest answer to an operator";
const MEMORY_REST: &str = "memory at rest, octets a message";
const MEMORY_PEAK: &str = "memory at most";
const NEW_LETTER: &str = "new letter";

const fn at_most(cases: fn(&str) -> bool, figure: &'static str, most: f64) -> Bar {
    Bar { cases, figure, over: None, limit: Limit::AtMost(most) }
}

pub(super) fn run(
    options: &Options,
    tools: &Tools,
    folder: &Path,
    rows: &mut Rows,
) -> anyhow::Result<Columns> {
    raise_file_limit();
    let messages = if options.quick { MESSAGES_QUICK } else { MESSAGES };
    let messages = options.messages.unwrap_or(messages);
    let bar = progress(STEPS * Plan::ALL.len())?;
    for plan in Plan::ALL {
        let folder = folder.join(plan.name());
        std::fs::create_dir(&folder)?;
        let case = format!("{messages} letters, {}", plan.in_words(messages));
        let backlog = Backlog { options, plan, messages, folder, case, bar: &bar };
        backlog.measure(tools, rows).with_context(|| backlog.case.clone())?;
        // A gigabyte and more, which the next one needs as well.
        std::fs::remove_dir_all(&backlog.folder).context("cannot remove the queue")?;
    }
    bar.finish_and_clear();
    Ok(COLUMNS)
}

/// When new letters are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// All that is due is tried for the first time.
    Start,
    /// Who can't be reached is known.
    Rest,
}

impl Phase {
    fn in_words(self) -> &'static str {
        match self {
            Self::Start => "behind the start",
            Self::Rest => "at rest",
        }
    }
}

/// One queue under measurement.
struct Backlog<'a> {
    options: &'a Options,
    plan: Plan,
    messages: u64,
    folder: PathBuf,
    case: String,
    bar: &'a indicatif::ProgressBar,
}

impl Backlog<'_> {
    fn measure(&self, tools: &Tools, rows: &mut Rows) -> anyhow::Result<()> {
        let mut world = World::start(self.plan, tools, &self.folder)?;
        let smtp = loopback(free_port());
        let config = config(&self.folder, smtp, &world.settings())?;
        let start = || agent("postroad-mta", &["--config"], &config, &self.folder, smtp);
        let name = |state: &str| format!("backlog-{}-{state}", self.plan.name());

        self.step("an empty queue");
        let (group, mta) = Group::around(&name("empty"), start)?;
        let empty_kib = group.rss_kib();
        mta.terminate()?;
        drop(group);

        self.step("filling the queue");
        let queue = self.folder.join("data/queue");
        let filled = fill::fill(&queue, self.plan, self.messages)?;
        self.push(rows, FILL, &[("took_s", filled.took.as_secs_f64()), ("octets", filled.octets)]);

        self.step("starting");
        let began = Instant::now();
        let (group, mut mta) = Group::around(&name("full"), start)?;
        wait_until(1, PATIENCE, || world.delivered())?;
        self.push(rows, FIRST_DELIVERY, &[("took_s", began.elapsed().as_secs_f64())]);
        self.step("new letters");
        self.new_letters(smtp, &mut world, Phase::Start, rows)?;
        let missing = self.all_living(&mut world)?;
        let took = began.elapsed().as_secs_f64();
        self.push(rows, ALL_LIVING, &[("took_s", took), ("missing", missing as f64)]);
        rest(&group)?;
        let kib = group.rss_kib();
        let octets = (kib as f64 - empty_kib as f64) * 1024.0 / self.messages as f64;
        self.push(rows, MEMORY_REST, &[("mib", kib as f64 / 1024.0), ("octets", octets)]);

        self.step("asking");
        self.ask(&config, rows)?;
        self.step("new letters");
        self.new_letters(smtp, &mut world, Phase::Rest, rows)?;
        self.push(rows, MEMORY_PEAK, &[("mib", group.peak_rss_kib() as f64 / 1024.0)]);
        self.end(&mut mta)
    }

    /// Waits for all that can be delivered; gives how many letters didn't come.
    fn all_living(&self, world: &mut World) -> anyhow::Result<u64> {
        let (began, all) = (Instant::now(), self.plan.living(self.messages));
        loop {
            let missing = all.saturating_sub(world.delivered()?);
            if missing == 0 || began.elapsed() > PATIENCE {
                return Ok(missing);
            }
            std::thread::sleep(LOOK);
        }
    }

    /// It would wait for deliveries that hang; and its queue isn't needed any more.
    fn end(&self, mta: &mut Process) -> anyhow::Result<()> {
        mta.kill()
    }

    fn ask(&self, config: &Path, rows: &mut Rows) -> anyhow::Result<()> {
        let runs = if self.options.quick { 3 } else { self.options.runs };
        for _ in 0..runs {
            let mut slowest = Duration::ZERO;
            for question in questions::of(self.plan, self.messages) {
                let took = question.time(config)?;
                self.push(rows, &question.case(), &[("took_s", took.as_secs_f64())]);
                slowest = slowest.max(took);
            }
            self.push(rows, SLOWEST, &[("took_s", slowest.as_secs_f64())]);
        }
        Ok(())
    }

    /// To a host that has taken letters, and each to a domain that nobody has heard of.
    fn new_letters(
        &self,
        smtp: std::net::SocketAddr,
        world: &mut World,
        phase: Phase,
        rows: &mut Rows,
    ) -> anyhow::Result<()> {
        let letters = if self.options.quick { NEW_LETTERS / 10 } else { NEW_LETTERS };
        for (kind, sink) in [("by a route", &mut world.route), ("to a new domain", &mut world.new)]
        {
            let mut times = Vec::new();
            for number in 0..letters {
                let recipient = match kind {
                    "by a route" => format!("user@{}", world::ROUTED),
                    _ => format!("user@{phase:?}-{number}.{}", world::NEW),
                };
                let letter = Letter { smtp, recipient: &recipient, body: &latency::body(4096) };
                times.push(latency::one(letter, &mut || sink.count())?.passed_on());
            }
            let figures = [
                ("letters", f64::from(letters)),
                ("p50_ms", percentile(&mut times, 50)),
                ("p99_ms", percentile(&mut times, 99)),
                ("max_ms", percentile(&mut times, 100)),
            ];
            let when = phase.in_words();
            self.push(rows, &format!("{NEW_LETTER} {kind}, from 250, {when}"), &figures);
        }
        Ok(())
    }

    fn step(&self, what: &str) {
        self.bar.set_message(format!("{}: {what}", self.case));
        self.bar.inc(1);
    }

    fn push(&self, rows: &mut Rows, what: &str, figures: &[(&'static str, f64)]) {
        let case = format!("{}: {what}", self.case);
        let figures = BTreeMap::from_iter(figures.iter().copied());
        rows.push(Row { server: OURS, case, figures });
    }
}

/// Waits until the agent has nothing to do, or long enough.
fn rest(group: &Group) -> anyhow::Result<()> {
    let began = Instant::now();
    while began.elapsed() < REST_PATIENCE {
        let before = group.cpu_seconds()?;
        std::thread::sleep(REST_LOOK);
        if group.cpu_seconds()? - before < REST_CPU * REST_LOOK.as_secs_f64() {
            break;
        }
    }
    Ok(())
}
