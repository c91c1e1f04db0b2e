//! LMTP: how many letters a second are filed and answered 250, into a thousand mailboxes and into one.

use std::any::Any;
use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use postroad_tests::peers::{Dovecot, DovecotSetup, Needs, Stage};
use postroad_tests::process::free_port;

use super::LETTER_OCTETS;
use super::agents::OWNER;
use super::client::{Load, Until};
use crate::bench::latency::body;
use crate::bench::measure::{self, Group, Syncs, device_octets};
use crate::bench::peers::{agent, config, loopback};
use crate::bench::row::{Row, Rows, SECONDS};
use crate::bench::{Bench, OURS, floor, progress};

pub(super) const DOVECOT: &str = "dovecot";
/// What ours has to reach in the same run.
pub(super) const WANTED: &str = "wanted";
/// Of the floor, where that is less than so many times Dovecot's.
const OF_FLOOR: f64 = 0.8;

/// As many as are many.
const MAILBOXES: usize = 1_000;
const MAILBOXES_QUICK: usize = 100;
const RUN: Duration = Duration::from_secs(5);
const RUN_QUICK: Duration = Duration::from_millis(500);

/// What is measured once on each agent.
#[derive(Debug, Clone, Copy)]
struct Case {
    sessions: u32,
    mailboxes: usize,
}

impl Case {
    fn name(self) -> String {
        let s = if self.sessions == 1 { "" } else { "s" };
        let es = if self.mailboxes == 1 { "" } else { "es" };
        format!("LMTP, {} mailbox{es}, {} session{s}", self.mailboxes, self.sessions)
    }

    /// How many times Dovecot's rate is wanted.
    fn times(self) -> f64 {
        if self.mailboxes == 1 { 3.0 } else { 5.0 }
    }
}

pub(super) fn is_case(case: &str) -> bool {
    case.starts_with("LMTP, ")
}

/// A bar is set for it.
pub(super) fn is_crowded(case: &str) -> bool {
    is_case(case) && !case.ends_with(" 1 session")
}

/// A server under measurement; dropping it ends it.
pub(super) struct Server {
    pub(super) name: &'static str,
    pub(super) lmtp: SocketAddr,
    /// What ends when this does; before its group, which must be empty to go.
    _running: Box<dyn Any>,
    pub(super) group: Group,
    /// Where its users' mailboxes are, by their names.
    mail: PathBuf,
}

pub(super) fn run(bench: &Bench<'_>, rows: &mut Rows) -> anyhow::Result<()> {
    let folder = bench.folder.join("lmtp");
    let runs = bench.runs() as usize;
    let (run, many) = match bench.options.quick {
        true => (RUN_QUICK, MAILBOXES_QUICK),
        false => (RUN, MAILBOXES),
    };
    let cases =
        bench.options.sessions.iter().flat_map(|sessions| {
            [many, 1].map(|mailboxes| Case { sessions: *sessions, mailboxes })
        });
    let cases: Vec<Case> = cases.collect();
    // Every run has mailboxes of its own: nobody's grow full and slow.
    let count = cases.iter().map(|case| case.mailboxes * runs).sum();
    let mut users = (0..count).map(|number| format!("user{number}")).collect::<Vec<_>>();
    let servers = [postroad(&folder.join(OURS), &users)?, dovecot()?];
    let syncs = Syncs::start();
    let bar = progress(cases.len() * runs * (servers.len() + 1))?;
    for case in cases {
        let name = case.name();
        let mailboxes = case.mailboxes;
        for _ in 0..runs {
            let users = users.split_off(users.len() - mailboxes);
            let letter = body(LETTER_OCTETS);
            let measured = Measured { case, users: &users, letter: &letter, syncs: &syncs, run };
            let mut push = |server, figures| rows.push(Row { server, case: name.clone(), figures });
            let mut wanted = f64::INFINITY;
            for server in &servers {
                bar.set_message(format!("{name}: {}", server.name));
                let figures =
                    measured.on(server).with_context(|| format!("{name}, {}", server.name))?;
                if server.name == DOVECOT {
                    wanted = case.times() * figures.get("per_s").copied().unwrap_or(f64::INFINITY);
                }
                push(server.name, figures);
                bar.inc(1);
            }
            bar.set_message(format!("{name}: {}", floor::FILED));
            let figures =
                floor::filed(&folder.join("floor"), case.sessions, mailboxes, &letter, run)?;
            let floor = figures.get("per_s").copied().unwrap_or_default();
            push(floor::FILED, figures);
            push(WANTED, [("per_s", wanted.min(floor * OF_FLOOR))].into());
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(())
}

/// One run of a case.
struct Measured<'a> {
    case: Case,
    users: &'a [String],
    letter: &'a [u8],
    syncs: &'a Option<Syncs>,
    run: Duration,
}

impl Measured<'_> {
    fn on(&self, server: &Server) -> anyhow::Result<BTreeMap<&'static str, f64>> {
        let Server { lmtp, group, mail, .. } = server;
        let Self { users, letter, .. } = *self;
        let load = Load { lmtp: *lmtp, sessions: self.case.sessions, users, letter };
        // Mailboxes are made by their first letter.
        load.send(Until::EachHasOne)?;
        let synced = self.syncs.as_ref().map(Syncs::count);
        let (cpu, own) = (group.cpu_seconds()?, measure::own_cpu_seconds()?);
        let octets = device_octets(mail).ok();
        let sent = load.send(Until::Elapsed(self.run))?;
        let (letters, seconds) = (sent.letters as f64, sent.took.as_secs_f64());
        let mut figures = BTreeMap::from([
            ("per_s", letters / seconds),
            ("cpu_ms", (group.cpu_seconds()? - cpu) * 1e3 / letters),
            ("load_cpu_ms", (measure::own_cpu_seconds()? - own) * 1e3 / letters),
            ("peak_mib", group.peak_rss_kib() as f64 / 1024.0),
            ("letters", letters),
            (SECONDS, seconds),
        ]);
        if let (Some(syncs), Some(before)) = (self.syncs, synced) {
            figures.insert("syncs", (syncs.count() - before) as f64 / letters);
        }
        if let (Some(before), Ok(after)) = (octets, device_octets(mail)) {
            figures.insert("device_octets", (after - before) as f64 / letters);
        }
        for user in users {
            fs::remove_dir_all(mail.join(user))
                .with_context(|| format!("{} has no mailbox", server.name))?;
        }
        floor::sync_all(mail)?;
        Ok(figures)
    }
}

/// Ours, with settings as they ship.
pub(super) fn postroad(folder: &Path, users: &[String]) -> anyhow::Result<Server> {
    fs::create_dir_all(folder)?;
    let lmtp = loopback(free_port());
    let settings = config(folder, loopback(free_port()), &format!("[mda]\nlmtp = [\"{lmtp}\"]\n"))?;
    let data = folder.join("data");
    // Nobody logs in.
    let hash = "{ARGON2ID}$argon2id$v=19$m=1024,t=1,p=1$Kz4tGPMvW+HL6GaXhXY+Xg$L6m2RbpWM9EQkeuXa1NCM+543J/f+PMm9T0T5rzd+KE";
    let lines: String = users.iter().map(|user| format!("{user}:{hash}\n")).collect();
    fs::write(data.join("users"), lines).context("cannot write the users")?;
    let start = || agent("postroad-mda", &["serve", "--config"], &settings, folder, lmtp);
    let (group, running) = Group::around(&format!("lmtp-{OURS}"), start)?;
    let mail = data.join("mail");
    Ok(Server { name: OURS, lmtp, group, mail, _running: Box::new(running) })
}

/// Dovecot on a stage of its own; every name is a user.
pub(super) fn dovecot() -> anyhow::Result<Server> {
    let stage = Stage::set_up(Needs::Servers)?.context("no Dovecot here")?;
    let mail = stage.path("home").join(OWNER);
    let owner = Stage::user(OWNER)?.id;
    let home = mail.display();
    let users = format!(
        "driver = static\n  args = uid={owner} gid={owner} home={home}/%n allow_all_users=yes"
    );
    let setup = DovecotSetup { users, more: String::new() };
    let start = || Dovecot::start_with(&stage, &setup);
    let (group, dovecot) = Group::around(&format!("lmtp-{DOVECOT}"), start)?;
    let lmtp = dovecot.lmtp;
    Ok(Server { name: DOVECOT, lmtp, group, mail, _running: Box::new((dovecot, stage)) })
}
