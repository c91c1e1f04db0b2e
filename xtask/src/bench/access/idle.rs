//! Sessions that idle, ten of each of a hundred users: what each costs in memory, once their clients have said nothing for
//! a while. A process's memory is its share; the kernel's for sockets, files and processes comes on top.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use postroad_net::process::raise_file_limit;

use super::client::Client;
use super::servers::{self, Server};
use super::{DOVECOT, letters};
use crate::bench::bar::{Bar, Limit};
use crate::bench::idle::OTHER_FILES;
use crate::bench::row::{Columns, Row, Rows};
use crate::bench::sheet::{Cell, Sheet};
use crate::bench::{Bench, OURS};

const USERS: usize = 100;
/// As many of one user as Dovecot takes from one address.
const SESSIONS_EACH: usize = 10;
/// In each mailbox.
const LETTERS: u64 = 1_000;
/// Half as long again as our agent waits before sessions rest.
const WAIT: Duration = Duration::from_secs(90);

const COLUMNS: Columns = Columns {
    shown: &["processes", "mib", "kib_each", "kernel_kib_each"],
    ratios: &[("ratio", "mib")],
    bars: &[Bar {
        cases: |case| case.ends_with(RESTED),
        figure: "mib",
        over: Some(DOVECOT),
        limit: Limit::AtMost(0.1),
    }],
    sheets: &[Sheet {
        head: "MiB, the kernel's too",
        cases: |_| true,
        columns: &[
            ("Postroad", Cell::Of(OURS, "mib")),
            ("Dovecot", Cell::Of(DOVECOT, "mib")),
            ("of Dovecot's", Cell::Over(DOVECOT, "mib")),
        ],
    }],
};

const RESTED: &str = "after a while";

pub(in crate::bench) fn run(bench: &Bench<'_>, rows: &mut Rows) -> anyhow::Result<Columns> {
    let users = if bench.options.quick { USERS / 10 } else { USERS };
    let sessions = users * SESSIONS_EACH;
    let files = raise_file_limit();
    ensure!(
        files >= sessions as u64 + OTHER_FILES,
        "{sessions} connections need more files than the {files} that may be open here: ulimit -Hn"
    );
    let master = bench.folder.join("letters");
    letters::write(&master, bench.options.messages.unwrap_or(LETTERS))?;
    let names: Vec<String> = (0..users).map(|number| format!("user{number}")).collect();
    for name in [OURS, DOVECOT] {
        let server = match name {
            OURS => servers::postroad(&bench.folder.join(OURS))?,
            _ => servers::dovecot()?,
        };
        names.iter().try_for_each(|user| server.copy(&master, user))?;
        let mut clients = Vec::with_capacity(sessions);
        for _ in 0..SESSIONS_EACH {
            for user in &names {
                clients.push(idle(&server, user).with_context(|| server.name)?);
            }
        }
        for when in ["at first", RESTED] {
            let case = format!("{sessions} sessions in IDLE, {when}");
            let figures = figures(&server, sessions)?;
            rows.push(Row { server: server.name, case, figures });
            if when != RESTED {
                std::thread::sleep(WAIT);
            }
        }
    }
    Ok(COLUMNS)
}

fn idle(server: &Server, user: &str) -> anyhow::Result<Client> {
    let mut client = Client::log_in(server.imap, user)?;
    client.command("SELECT INBOX")?;
    client.say("i IDLE")?;
    client.until(b"+ idling")?;
    Ok(client)
}

fn figures(server: &Server, sessions: usize) -> anyhow::Result<BTreeMap<&'static str, f64>> {
    let group = &server.group;
    let kernel =
        group.kernel_kib().context("the kernel's memory isn't counted by control groups")?;
    let (share, kernel) = (group.pss_kib() as f64, kernel as f64);
    Ok(BTreeMap::from([
        ("processes", group.processes() as f64),
        ("mib", (share + kernel) / 1024.0),
        ("kib_each", share / sessions as f64),
        ("kernel_kib_each", kernel / sessions as f64),
    ]))
}
