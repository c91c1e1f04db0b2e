//! What a letter writes to the disk that is delivered at once, told apart: the queue's files, the log, the trace.
//!
//! Each of them is a file system of its own here (`volume.rs`), so that the kernel counts for each what reached
//! its device; what still waits in memory is written out before a count. File system metadata is in it; for what
//! the file system's own journal adds, the same is measured on ext4 with and without one. A loop device is
//! slower than the disk below it: rates are for `relay`.
//!
//! `sent_octets` are a letter's as they went over the wire, header included; `stored_octets` are those that the
//! server says it keeps, with its own Received. The bar is on the ratio to the former.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use postroad_tests::peers::{Needs, Postfix, PostfixSetup, Stage};
use postroad_tests::process::free_port;

use super::bar::{Bar, Limit};
use super::load::{self, Case, Sink};
use super::peers::{Name, Tools, agent, config, loopback};
use super::row::{Columns, Row, Rows};
use super::sheet::{Cell, Sheet};
use super::{Bench, OURS, progress};
use volume::{Journal, Volume};

mod volume;

pub(super) use volume::in_a_namespace;

/// Octets of all letters of a run.
const RUN_OCTETS: u64 = 32 << 20;
/// Postfix has a file for each letter: its figures need fewer of them, and its letters take longer.
const POSTFIX_SHARE: u64 = 10;
const QUICK_SHARE: u64 = 10;
const PATIENCE: Duration = Duration::from_secs(120);
const RECIPIENT: &str = "user@far.example";

const COLUMNS: Columns = Columns {
    shown: &[
        "sent_octets",
        "stored_octets",
        "queue_octets",
        "queue/sent",
        "queue/stored",
        "log_octets",
        "trace_octets",
        "messages",
    ],
    ratios: &[("queue ratio", "queue_octets")],
    bars: &[Bar {
        cases: |case| case.contains(" 20 sessions") || case.contains(" 100 sessions"),
        figure: "queue/sent",
        over: None,
        limit: Limit::AtMost(1.3),
    }],
    sheets: &[Sheet {
        head: "octets a letter, written to",
        cases: |_| true,
        columns: &[
            ("as sent", Cell::Of(OURS, "sent_octets")),
            ("queue (Postfix's)", Cell::Beside("postfix", "queue_octets")),
            ("times sent (Postfix's)", Cell::Beside("postfix", "queue/sent")),
            ("log (Postfix's)", Cell::Beside("postfix", "log_octets")),
            ("trace", Cell::Of(OURS, "trace_octets")),
        ],
    }],
};

pub(super) fn run(bench: &Bench<'_>, rows: &mut Rows) -> anyhow::Result<Columns> {
    let (cases, runs) = (bench.cases(), bench.runs());
    let wanted =
        |name: &&Name| bench.options.servers.is_empty() || bench.options.servers.contains(name);
    let names: Vec<_> = [Name::Postroad, Name::Postfix].iter().filter(wanted).collect();
    let bar = progress(Journal::ALL.len() * names.len() * cases.len() * runs as usize)?;
    for journal in Journal::ALL {
        for name in &names {
            let folder = bench.folder.join(format!("{name:?}-{journal:?}"));
            fs::create_dir(&folder)?;
            let mut server = match name {
                Name::Postfix => postfix(&bench.tools, &folder, journal)?,
                _ => postroad(&bench.tools, &folder, journal)?,
            };
            for case in &cases {
                let text = format!("{}, {}", case.name(), journal.in_words());
                let sent = load::octets_sent(&bench.tools, *case)?;
                let quick = if bench.options.quick { QUICK_SHARE } else { 1 };
                let most = RUN_OCTETS / u64::from(case.octets) / server.share / quick;
                let messages = most.max(u64::from(case.sessions));
                for run in 0..=runs {
                    bar.set_message(format!("{text}: {}", server.name));
                    let figures = server.measure(&bench.tools, *case, messages, sent)?;
                    // The first one makes the files that the others write over.
                    if run > 0 {
                        rows.push(Row { server: server.name, case: text.clone(), figures });
                        bar.inc(1);
                    }
                }
            }
        }
    }
    bar.finish_and_clear();
    Ok(COLUMNS)
}

/// A server whose files are on volumes: it ends before they go, and they before the folder that they are in.
struct Server {
    name: &'static str,
    smtp: SocketAddr,
    /// Of so many of our letters it gets one.
    share: u64,
    sink: Sink,
    log_file: PathBuf,
    _running: Box<dyn std::any::Any>,
    queue: Volume,
    log: Volume,
    trace: Option<Volume>,
    _stage: Option<Stage>,
}

fn postroad(tools: &Tools, folder: &Path, journal: Journal) -> anyhow::Result<Server> {
    let (sink, smtp) = (loopback(free_port()), loopback(free_port()));
    let counter = Sink::start(tools, sink, folder)?;
    let route =
        format!("[[route]]\ndomain = \"*\"\nnext_hop = \"smtp://{sink}\"\ntls = \"never\"\n");
    let config = config(folder, smtp, &route)?;
    let mounted = |name: &str| Volume::mount(folder.join(name), journal);
    let (queue, log, trace) = (mounted("data/queue")?, mounted("log")?, mounted("data/trace")?);
    // It refuses to keep letters where others could look.
    fs::set_permissions(folder.join("data/queue"), fs::Permissions::from_mode(0o700))?;
    let mta = agent("postroad-mta", &["--config"], &config, &folder.join("log"), smtp)?;
    Ok(Server {
        name: OURS,
        smtp,
        share: 1,
        sink: counter,
        log_file: folder.join("log/postroad-mta.log"),
        _running: Box::new(mta),
        queue,
        log,
        trace: Some(trace),
        _stage: None,
    })
}

fn postfix(tools: &Tools, folder: &Path, journal: Journal) -> anyhow::Result<Server> {
    let sink = loopback(free_port());
    let counter = Sink::start(tools, sink, folder)?;
    let stage = Stage::set_up(Needs::Servers)?.context("no Postfix here")?;
    let queue = Volume::mount(stage.path("spool"), journal)?;
    let log = Volume::mount(stage.path("log"), journal)?;
    let main = format!("relayhost = [127.0.0.1]:{}\n", sink.port());
    let postfix = Postfix::start(&stage, &PostfixSetup { main, master: String::new() })?;
    Ok(Server {
        name: "postfix",
        smtp: postfix.smtp,
        share: POSTFIX_SHARE,
        sink: counter,
        log_file: stage.path("log/maillog"),
        _running: Box::new(postfix),
        queue,
        log,
        trace: None,
        _stage: Some(stage),
    })
}

impl Server {
    fn measure(
        &mut self,
        tools: &Tools,
        case: Case,
        messages: u64,
        sent: u64,
    ) -> anyhow::Result<BTreeMap<&'static str, f64>> {
        let before = volume::written(&self.volumes())?;
        let arrived = self.sink.count()?;
        load::send(tools, self.smtp, RECIPIENT, case, messages)
            .with_context(|| format!("{} with {}", case.name(), self.name))?;
        load::wait_until(arrived + messages, PATIENCE, || self.sink.count())
            .with_context(|| format!("{} with {}", case.name(), self.name))?;
        let after = volume::written(&self.volumes())?;
        let each = after.iter().zip(before).map(|(after, before)| after - before);
        let mut each = each.map(|octets| octets as f64 / messages as f64);
        let queue = each.next().unwrap_or_default();
        let (sent, stored) = (sent as f64, self.stored_octets()? as f64);
        let mut figures = BTreeMap::from([
            ("sent_octets", sent),
            ("stored_octets", stored),
            ("queue_octets", queue),
            ("queue/sent", queue / sent),
            ("queue/stored", queue / stored),
            ("messages", messages as f64),
        ]);
        figures.extend(["log_octets", "trace_octets"].into_iter().zip(each));
        Ok(figures)
    }

    /// Queue, log and trace.
    fn volumes(&self) -> Vec<&Volume> {
        [&self.queue, &self.log].into_iter().chain(&self.trace).collect()
    }

    /// As the server's log says of its last letter.
    fn stored_octets(&self) -> anyhow::Result<u64> {
        let log = fs::read(&self.log_file).context("cannot read the server's log")?;
        let log = String::from_utf8_lossy(&log);
        let digits = log
            .rsplit_once("size=")
            .map(|(_, rest)| rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default());
        digits.and_then(|digits| digits.parse().ok()).context("no size in the server's log")
    }
}
