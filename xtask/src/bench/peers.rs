//! The servers that are measured, each with a queue of its own on the same file system.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use postroad_tests::peers::{
    Exim, EximSetup, Needs, OpenSmtpd, OpenSmtpdSetup, Packages, Postfix, PostfixSetup, Stage,
};
use postroad_tests::process::{Ending, Process, free_port, listens};

use super::Scenario;
use super::load::Sink;
use super::measure::Group;
use crate::step::target_dir;

/// smtp-source and smtp-sink, from Debian's Postfix.
pub(crate) struct Tools(Stage);

impl Tools {
    pub(crate) fn unpack() -> anyhow::Result<Self> {
        let stage = Stage::set_up(Needs::Servers)?;
        let Some(stage) = stage else {
            bail!("the bench needs root and apt-get, for Debian's Postfix")
        };
        Ok(Self(stage))
    }

    pub(crate) fn command(&self, program: &str) -> Command {
        self.0.command(program)
    }

    pub(crate) fn stage(&self) -> &Stage {
        &self.0
    }
}

/// A server under measurement; dropping it ends it.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    pub(crate) smtp: SocketAddr,
    /// Whom the load writes to.
    pub(crate) recipient: &'static str,
    /// Messages that have arrived at the far end so far.
    pub(crate) arrived: Box<dyn FnMut() -> anyhow::Result<u64>>,
    /// What ends when this does; before its group, which must be empty to go.
    _running: Vec<Box<dyn std::any::Any>>,
    /// Its processes.
    pub(crate) group: Group,
}

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Name {
    /// Ours.
    Postroad,
    /// Debian's.
    Postfix,
    /// Debian's.
    Exim,
    /// Debian's.
    Opensmtpd,
    /// No server at all: the load straight into the sink.
    Direct,
}

/// Starts one server for the scenario.
pub(crate) fn start(
    name: Name,
    scenario: Scenario,
    tools: &Tools,
    folder: &Path,
) -> anyhow::Result<Server> {
    match (name, scenario) {
        (Name::Postroad, Scenario::Local) => filing_postroad(folder),
        (Name::Postfix, Scenario::Local) => filing_postfix(),
        (Name::Exim | Name::Opensmtpd | Name::Direct, Scenario::Local) => {
            bail!("only postroad and postfix file mail in this bench")
        }
        (Name::Postroad, Scenario::Relay | Scenario::Latency) => relaying_postroad(tools, folder),
        (Name::Postfix, Scenario::Relay | Scenario::Latency) => relaying_postfix(tools, folder),
        (Name::Exim, Scenario::Relay | Scenario::Latency) => relaying_exim(tools, folder),
        (Name::Opensmtpd, Scenario::Relay | Scenario::Latency) => relaying_opensmtpd(tools, folder),
        (Name::Direct, Scenario::Relay | Scenario::Latency) => direct(tools, folder),
        (
            _,
            Scenario::Deliver
            | Scenario::Idle
            | Scenario::Backlog
            | Scenario::Octets
            | Scenario::Access
            | Scenario::Sessions
            | Scenario::Mua,
        ) => {
            bail!("that scenario starts its own servers")
        }
    }
}

pub(super) fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn relaying_postroad(tools: &Tools, folder: &Path) -> anyhow::Result<Server> {
    let (sink, smtp) = (loopback(free_port()), loopback(free_port()));
    let mut counter = Sink::start(tools, sink, folder)?;
    let route =
        format!("[[route]]\ndomain = \"*\"\nnext_hop = \"smtp://{sink}\"\ntls = \"never\"\n");
    let config = config(folder, smtp, &route)?;
    let start = || agent("postroad-mta", &["--config"], &config, folder, smtp);
    let (group, mta) = Group::around("postroad", start)?;
    Ok(Server {
        name: "postroad",
        smtp,
        recipient: "user@far.example",
        group,
        arrived: Box::new(move || counter.count()),
        _running: vec![Box::new(mta)],
    })
}

fn filing_postroad(folder: &Path) -> anyhow::Result<Server> {
    let smtp = loopback(free_port());
    let lmtp = loopback(free_port());
    let mda = format!("[mda]\nlmtp = [\"{lmtp}\"]\n");
    let config = config(folder, smtp, &mda)?;
    let user = Command::new(program("postroad"))
        .args(["user", "add", "bench", "--generate", "--config"])
        .arg(&config)
        .output()
        .context("cannot start postroad")?;
    if !user.status.success() {
        bail!("postroad user add failed: {}", String::from_utf8_lossy(&user.stderr));
    }
    let (group, agents) = Group::around("postroad", || {
        let mda = agent("postroad-mda", &["serve", "--config"], &config, folder, lmtp)?;
        Ok((mda, agent("postroad-mta", &["--config"], &config, folder, smtp)?))
    })?;
    let new = folder.join("data/mail/bench/new");
    Ok(Server {
        name: "postroad",
        smtp,
        recipient: "bench@local.example",
        group,
        arrived: Box::new(move || Ok(files(&new))),
        _running: vec![Box::new(agents)],
    })
}

/// Settings as they ship, but for ports, loopback's right to relay and where mail goes.
pub(super) fn config(folder: &Path, smtp: SocketAddr, more: &str) -> anyhow::Result<PathBuf> {
    let path = folder.join("postroad.toml");
    let data = folder.join("data");
    fs::create_dir_all(&data).context("cannot make the data folder")?;
    let text = format!(
        "data = {data:?}\nhostname = \"bench.example\"\ndomains = [\"local.example\"]\n\
         [mta]\nsmtp = [\"{smtp}\"]\nsubmission = []\nsubmissions = []\nnetworks = [\"127.0.0.0/8\"]\n{more}"
    );
    fs::write(&path, text).context("cannot write the settings")?;
    Ok(path)
}

pub(super) fn program(name: &str) -> PathBuf {
    target_dir().join("release").join(name)
}

pub(super) fn agent(
    name: &str,
    arguments: &[&str],
    config: &Path,
    folder: &Path,
    address: SocketAddr,
) -> anyhow::Result<Process> {
    let mut command = Command::new(program(name));
    command.args(arguments).arg(config);
    let mut process = Process::spawn(name, command, folder, Ending::Gentle)?;
    process.until("listened", || listens(address))?;
    Ok(process)
}

fn relaying_postfix(tools: &Tools, folder: &Path) -> anyhow::Result<Server> {
    let sink = loopback(free_port());
    let mut counter = Sink::start(tools, sink, folder)?;
    let main = format!("relayhost = [127.0.0.1]:{}\n", sink.port());
    let arrived = Box::new(move || counter.count());
    postfix("user@far.example", main, |_| arrived)
}

fn filing_postfix() -> anyhow::Result<Server> {
    let owner = Stage::user("alice")?.id;
    let main = format!(
        "virtual_mailbox_domains = local.example\nvirtual_mailbox_base = /\n\
         virtual_mailbox_maps = static:STAGE/home/alice/Maildir/\n\
         virtual_uid_maps = static:{owner}\nvirtual_gid_maps = static:{owner}\nvirtual_mailbox_limit = 0\n"
    );
    postfix("bench@local.example", main, |stage| {
        let new = stage.path("home/alice/Maildir/new");
        Box::new(move || Ok(files(&new)))
    })
}

/// Debian's Postfix with its own durability and limits, its queue on a stage below our folder.
fn postfix(
    recipient: &'static str,
    main: String,
    arrived: impl FnOnce(&Stage) -> Box<dyn FnMut() -> anyhow::Result<u64>>,
) -> anyhow::Result<Server> {
    let stage = Stage::set_up(Needs::Servers)?.context("no Postfix here")?;
    let main = main.replace("STAGE", &stage.path("").display().to_string());
    let setup = PostfixSetup { main, master: String::new() };
    let (group, postfix) = Group::around("postfix", || Postfix::start(&stage, &setup))?;
    Ok(Server {
        name: "postfix",
        smtp: postfix.smtp,
        recipient,
        group,
        arrived: arrived(&stage),
        _running: vec![Box::new(postfix), Box::new(stage)],
    })
}

fn relaying_exim(tools: &Tools, folder: &Path) -> anyhow::Result<Server> {
    let stage = Stage::set_up_with(Needs::Servers, Packages::Exim)?.context("no Exim here")?;
    relaying("exim", tools, folder, stage, |stage, sink| {
        let exim = Exim::start(stage, &EximSetup::relay_to(sink))?;
        Ok((exim.smtp, Box::new(exim)))
    })
}

fn relaying_opensmtpd(tools: &Tools, folder: &Path) -> anyhow::Result<Server> {
    let stage = Stage::set_up_with(Needs::Servers, Packages::OpenSmtpd)?;
    relaying("opensmtpd", tools, folder, stage.context("no OpenSMTPD here")?, |stage, sink| {
        let opensmtpd = OpenSmtpd::start(stage, &OpenSmtpdSetup::relay_to(sink))?;
        Ok((opensmtpd.smtp, Box::new(opensmtpd)))
    })
}

/// Somebody else's server with its own durability and limits, its queue on a stage below our folder.
fn relaying(
    name: &'static str,
    tools: &Tools,
    folder: &Path,
    stage: Stage,
    start: impl FnOnce(&Stage, SocketAddr) -> anyhow::Result<(SocketAddr, Box<dyn std::any::Any>)>,
) -> anyhow::Result<Server> {
    let sink = loopback(free_port());
    let mut counter = Sink::start(tools, sink, folder)?;
    let (group, (smtp, server)) = Group::around(name, || start(&stage, sink))?;
    Ok(Server {
        name,
        smtp,
        recipient: "user@far.example",
        group,
        arrived: Box::new(move || counter.count()),
        _running: vec![server, Box::new(stage)],
    })
}

/// The load straight into the sink: what it and the sink leave for a server.
fn direct(tools: &Tools, folder: &Path) -> anyhow::Result<Server> {
    let smtp = loopback(free_port());
    let (group, mut counter) = Group::around("direct", || Sink::start(tools, smtp, folder))?;
    Ok(Server {
        name: "direct",
        smtp,
        recipient: "user@far.example",
        group,
        arrived: Box::new(move || counter.count()),
        _running: Vec::new(),
    })
}

/// Files in a folder; none where it isn't there yet.
fn files(folder: &Path) -> u64 {
    fs::read_dir(folder).map_or(0, |entries| entries.count() as u64)
}
