//! `cargo xtask bench NAME`: our servers and their peers side by side, in one interleaved run.
//!
//! Every server starts once with a fresh queue on the same file system. Each case is run on all of them in
//! turn, several times (A B A B …), so that a slow minute of the machine hits all alike; medians and ratios
//! are printed, every run is a line of JSON. Each is as durable as it ships. Only ratios mean something: a
//! virtual disk's rates drift. Nothing here decides a test.
//!
//! | looking for | it is in |
//! |---|---|
//! | letters a second, received and handed on | `throughput.rs` |
//! | one letter on an idle host | `latency.rs` |
//! | what an idle connection costs | `idle.rs` |
//! | the delivery agent alone: called once a letter, LMTP, idle connections | `deliver/mod.rs` |
//! | the access agent: mailboxes of a hundred thousand letters | `access/mod.rs` |
//! | the user agent's full screen: mailboxes of a hundred thousand letters | `mua/mod.rs` |
//! | what a letter writes, queue, log and trace apart | `octets/mod.rs` |
//! | what a million queued letters cost and hold up | `backlog/mod.rs` |
//! | what the machine could do at best | `floor.rs`, and the server `direct` in `peers.rs` |
//! | how each server is set up | `peers.rs` |
//! | CPU, memory, syncs, octets written | `measure.rs` |
//! | what the README shows of it | `sheet.rs` |
//! | what our figures have to be | `BARS` or `bars:` of each scenario, judged in `bar.rs` |

use std::path::{Path, PathBuf};

use crate::step::{self, cargo, target_dir};
use load::Case;
use peers::{Name, Server, Tools};
use row::Rows;

mod access;
mod backlog;
mod bar;
mod deliver;
mod floor;
mod idle;
mod latency;
mod load;
mod machine;
mod measure;
mod mua;
mod octets;
mod peers;
mod row;
mod sheet;
mod throughput;

pub(crate) use deliver::one_shots;

/// Our server's name in the table.
const OURS: &str = "postroad";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// What to measure.
    #[arg(value_enum)]
    scenario: Scenario,
    /// Write every run here, one JSON object a line.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Print what the README shows, instead of all.
    #[arg(long)]
    markdown: bool,
    /// Few messages, three runs: to see that it works, not to quote.
    #[arg(long)]
    quick: bool,
    /// Runs of each case on each server.
    #[arg(long, default_value_t = 5)]
    runs: u32,
    /// Letters in the backlog [default: 1000000; 50000 with --quick], or in the mailbox of `access` and `mua` [100000; 2000].
    #[arg(long)]
    messages: Option<u64>,
    /// Just these servers.
    #[arg(long, value_delimiter = ',', value_enum)]
    servers: Vec<Name>,
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
    Local,
    /// The delivery agent alone, called once a letter or by LMTP, and what idle connections cost it. Beside
    /// procmail, maildrop and Dovecot's.
    Deliver,
    /// One letter at a time on an idle host: from connect to 250, and to the next hop.
    Latency,
    /// Connections that say nothing: memory. Ours alone, since its peers have a process for each.
    Idle,
    /// Octets that a letter writes which is delivered at once: queue, log and trace apart, on file systems of their
    /// own. Beside Postfix.
    Octets,
    /// A million letters queued, to many dead destinations and to one: memory, restart, the operator's questions,
    /// and new letters beside them. Ours alone.
    Backlog,
    /// The access agent: opening, reading, searching and changing a mailbox of a hundred thousand letters. Beside
    /// Dovecot, on copies of the same Maildir.
    Access,
    /// The access agent: a thousand sessions in IDLE, of a hundred users: memory. Beside Dovecot.
    Sessions,
    /// The user agent's full screen: showing a mailbox of a hundred thousand letters, memory, and keys meanwhile. Beside
    /// NeoMutt and notmuch, on copies of the same Maildir.
    Mua,
}

impl Scenario {
    /// Which of our programs it needs.
    fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Deliver => &["postroad-mda", "postroad-mda-whole"],
            Self::Access | Self::Sessions => &["postroad-maa"],
            Self::Mua => &["postroad-mua"],
            _ => &["postroad", "postroad-mta", "postroad-mda", "postroad-mda-whole"],
        }
    }

    /// Who can be measured in it.
    fn servers(self) -> &'static [Name] {
        match self {
            Self::Relay => {
                &[Name::Postroad, Name::Postfix, Name::Exim, Name::Opensmtpd, Name::Direct]
            }
            Self::Latency => &[Name::Postroad, Name::Postfix, Name::Exim, Name::Opensmtpd],
            Self::Local => &[Name::Postroad, Name::Postfix],
            // They start their own.
            Self::Deliver
            | Self::Idle
            | Self::Octets
            | Self::Backlog
            | Self::Access
            | Self::Sessions
            | Self::Mua => &[],
        }
    }
}

/// What all scenarios work with.
struct Bench<'a> {
    options: &'a Options,
    tools: Tools,
    folder: &'a Path,
    servers: Vec<Server>,
}

impl Bench<'_> {
    fn runs(&self) -> u32 {
        if self.options.quick { 3 } else { self.options.runs }
    }

    fn cases(&self) -> Vec<Case> {
        let Options { sessions, kib, .. } = self.options;
        let cases = |kib: &u32| {
            let octets = kib * 1024;
            sessions.iter().map(move |sessions| Case { octets, sessions: *sessions })
        };
        kib.iter().flat_map(cases).collect()
    }
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if options.scenario == Scenario::Octets {
        octets::in_a_namespace()?;
    }
    let programs = options.scenario.programs().iter().flat_map(|name| ["--bin", name]);
    step::run("build", cargo().args(["build", "--release", "--locked"]).args(programs))?;
    // Everybody's queue goes where we build: a disk, where the system's own folder may be memory.
    tempfile::env::override_temp_dir(&target_dir()).ok();
    let tools = Tools::unpack()?;
    let folder = tempfile::Builder::new().prefix("bench-").tempdir()?;
    let scenario = options.scenario;
    let wanted = |name: &&Name| options.servers.is_empty() || options.servers.contains(name);
    let start = |name: &Name| peers::start(*name, scenario, &tools, folder.path());
    let servers = scenario.servers().iter().filter(wanted).map(start);
    let servers = servers.collect::<anyhow::Result<Vec<_>>>()?;
    let mut bench = Bench { options, tools, folder: folder.path(), servers };
    let mut rows = Rows::default();
    let columns = match scenario {
        Scenario::Relay | Scenario::Local => throughput::run(&mut bench, &mut rows)?,
        Scenario::Latency => latency::run(&mut bench, &mut rows)?,
        Scenario::Deliver => deliver::run(&bench, &mut rows)?,
        Scenario::Idle => idle::run(options, folder.path(), &mut rows)?,
        Scenario::Octets => octets::run(&bench, &mut rows)?,
        Scenario::Access => access::run(&bench, &mut rows)?,
        Scenario::Sessions => access::idle::run(&bench, &mut rows)?,
        Scenario::Mua => mua::run(&bench, &mut rows)?,
        Scenario::Backlog => backlog::run(options, &bench.tools, folder.path(), &mut rows)?,
    };
    drop(bench);
    let machine = machine::described(folder.path());
    if options.markdown {
        sheet::print(&rows, OURS, columns.sheets, &machine);
    } else {
        println!("{machine}");
        rows.print(OURS, columns);
    }
    match &options.json {
        Some(path) => rows.write_json(path, OURS, columns),
        None => Ok(()),
    }
}

fn progress(steps: usize) -> anyhow::Result<indicatif::ProgressBar> {
    let bar = indicatif::ProgressBar::new(steps as u64);
    let style = indicatif::ProgressStyle::with_template("{pos}/{len} {msg} (about {eta} left)")?;
    bar.set_style(style);
    Ok(bar)
}
